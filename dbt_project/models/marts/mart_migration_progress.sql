-- How far the transfer from the source database has come, by table: every partition stands in exactly one state.
select
    table_name,
    count(*) as partitions,
    {{ count_where("state = 'pending'") }} as pending,
    {{ count_where("state = 'transferring'") }} as transferring,
    {{ count_where("state = 'transferred'") }} as transferred,
    {{ count_where("state = 'verified'") }} as verified,
    {{ count_where("state = 'mismatched'") }} as mismatched,
    {{ count_where("state = 'suspended'") }} as suspended,
    {{ count_where("state = 'unverifiable'") }} as unverifiable,
    {{ share_where("state = 'verified'") }} as verified_share,
    cast(sum(coalesce(source_rows, 0)) as int64) as source_rows,
    cast(sum(case when state = 'verified' then coalesce(lake_rows, 0) else 0 end) as int64) as verified_rows,
    cast(sum(attempts) as int64) as attempts,
    min(case when state <> 'verified' then trade_date end) as first_unverified_date,
    max(updated_ts) as last_updated
from {{ ref('stg_migration_ledger') }}
group by table_name
