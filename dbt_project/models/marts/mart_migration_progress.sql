-- How far the transfer from the source database has come, by table.
select
    table_name,
    count(*) as partitions,
    {{ count_where("state = 'planned'") }} as planned,
    {{ count_where("state in ('transferring', 'transferred')") }} as transferred,
    {{ count_where("state = 'verified'") }} as verified,
    {{ count_where("state = 'failed'") }} as failed,
    {{ share_where("state = 'verified'") }} as verified_share,
    cast(sum(coalesce(source_rows, 0)) as int64) as source_rows,
    cast(sum(case when state = 'verified' then coalesce(lake_rows, 0) else 0 end) as int64) as verified_rows,
    min(case when state <> 'verified' then trade_date end) as first_unverified_date,
    max(updated_ts) as last_updated
from {{ ref('stg_migration_ledger') }}
group by table_name
