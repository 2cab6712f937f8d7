-- How a symbol's day was shared out between the regimes, and how long they lasted.
with bars as (
    select
        symbol,
        trade_date,
        event_ts,
        known_ts,
        master_regime,
        master_confidence,
        lag(master_regime) over (partition by symbol, trade_date order by event_ts) as previous_regime
    from {{ ref('stg_master_regime_analysis') }}
),

marked as (
    select
        *,
        sum(case when previous_regime = master_regime then 0 else 1 end) over (
            partition by symbol, trade_date order by event_ts rows between unbounded preceding and current row
        ) as spell
    from bars
),

spells as (
    select
        symbol,
        trade_date,
        master_regime,
        spell,
        count(*) as bars,
        sum(master_confidence) as confidence,
        count(master_confidence) as confident_bars,
        {{ minutes_between('min(event_ts)', 'max(known_ts)') }} as minutes,
        min(case when previous_regime is null then 0 else 1 end) as entered
    from marked
    group by symbol, trade_date, master_regime, spell
),

days as (
    select
        symbol,
        trade_date,
        sum(bars) as bars,
        sum(entered) as transitions
    from spells
    group by symbol, trade_date
)

select
    spells.symbol,
    spells.trade_date,
    spells.master_regime,
    cast(sum(spells.bars) as int64) as bars,
    cast(sum(spells.bars) as {{ type_double() }}) / max(days.bars) as share,
    count(*) as spells,
    cast(sum(spells.entered) as int64) as entries,
    cast(avg(spells.minutes) as {{ type_double() }}) as mean_dwell_minutes,
    cast(max(spells.minutes) as int64) as longest_dwell_minutes,
    cast(sum(spells.confidence) / nullif(sum(spells.confident_bars), 0) as {{ type_double() }}) as mean_confidence,
    cast(max(days.transitions) as int64) as day_transitions
from spells
inner join days on spells.symbol = days.symbol and spells.trade_date = days.trade_date
group by spells.symbol, spells.trade_date, spells.master_regime
