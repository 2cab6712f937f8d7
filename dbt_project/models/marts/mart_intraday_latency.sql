-- Time spent on the answers of a session, against the budget of 800 ms for a whole analysis. Only rows that were
-- measured while they were made count; a backfill measures its run, not its rows.
select
    symbol,
    trade_date,
    count(*) as bars,
    count(processing_time_total_ms) as measured_bars,
    cast({{ quantile_of('processing_time_total_ms', 0.5) }} as {{ type_double() }}) as p50_ms,
    cast({{ quantile_of('processing_time_total_ms', 0.95) }} as {{ type_double() }}) as p95_ms,
    max(processing_time_total_ms) as worst_ms,
    {{ share_where('processing_time_total_ms <= 800', 'processing_time_total_ms is not null') }} as within_budget_share,
    {{ count_where("source = 'no-signal'") }} as no_signal_bars
from {{ ref('stg_master_regime_analysis') }}
group by symbol, trade_date
