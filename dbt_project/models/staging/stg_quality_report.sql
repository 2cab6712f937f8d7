select
    symbol,
    trade_date,
    code,
    rule,
    severity,
    {{ adapter.quote("rows") }} as hits,
    raw_rows,
    core_rows,
    core_bars,
    quarantined_rows,
    coverage,
    score,
    status,
    reason
from {{ source('lake', 'quality_report') }}
