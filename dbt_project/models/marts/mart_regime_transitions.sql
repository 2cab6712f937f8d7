-- Each change of regime inside a session.
with bars as (
    select
        symbol,
        trade_date,
        event_ts,
        known_ts,
        master_regime,
        master_confidence,
        source,
        lag(master_regime) over (partition by symbol, trade_date order by event_ts) as previous_regime
    from {{ ref('stg_master_regime_analysis') }}
),

changes as (
    select
        *,
        lag(event_ts) over (partition by symbol, trade_date order by event_ts) as previous_change_ts
    from bars
    where previous_regime is null or previous_regime <> master_regime
)

select
    symbol,
    trade_date,
    event_ts as changed_ts,
    known_ts,
    previous_regime as from_regime,
    master_regime as to_regime,
    cast({{ minutes_between('previous_change_ts', 'event_ts') }} as int64) as minutes_in_previous,
    master_confidence as confidence,
    source
from changes
where previous_regime is not null
