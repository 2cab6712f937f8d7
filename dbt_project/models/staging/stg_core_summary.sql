{{ config(materialized="table") }}
-- an aggregate over every bar: kept, so that its tests and marts do not each read the lake again

select
    symbol,
    {{ trade_date_of('ts') }} as trade_date,
    count(*) as bars,
    count(distinct ts) as minutes,
    count(distinct expiry) as expiries,
    count(distinct strike) as strikes,
    min(ts) as first_ts,
    max(ts) as last_ts,
    {{ count_where('snapshot_made') }} as snapshot_bars,
    cast(sum(coalesce(ce_volume, 0) + coalesce(pe_volume, 0)) as int64) as volume
from {{ source('lake', 'option_chain') }}
group by 1, 2
