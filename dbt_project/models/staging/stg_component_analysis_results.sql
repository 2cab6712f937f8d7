select
    analysis_id,
    component_id,
    symbol,
    {{ trade_date_of('event_ts') }} as trade_date,
    event_ts,
    known_ts,
    regime_prediction,
    score,
    confidence_score,
    processing_time_ms,
    weight_factor,
    health
from {{ source('lake', 'component_analysis_results') }}
