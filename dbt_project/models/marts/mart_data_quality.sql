-- One row for each symbol and session: what came, what was kept, what was refused, and the rule that refused most.
with ranked as (
    select
        *,
        row_number() over (
            partition by symbol, trade_date
            order by case when severity = 'error' then hits else 0 end desc, code
        ) as place
    from {{ ref('stg_quality_report') }}
),

days as (
    select
        symbol,
        trade_date,
        max(score) as score,
        max(coverage) as coverage,
        max(status) as status,
        max(reason) as reason,
        max(raw_rows) as raw_rows,
        max(core_rows) as core_rows,
        max(core_bars) as core_bars,
        max(quarantined_rows) as quarantined_rows,
        {{ count_where("hits > 0") }} as rules_hit,
        cast(sum(case when severity = 'warn' then hits else 0 end) as int64) as warnings,
        max(case when place = 1 and severity = 'error' and hits > 0 then code end) as largest_rule
    from ranked
    group by symbol, trade_date
)

select
    days.symbol,
    days.trade_date,
    days.score,
    days.coverage,
    days.status,
    days.reason,
    days.raw_rows,
    days.core_rows,
    days.core_bars,
    days.quarantined_rows,
    cast(days.quarantined_rows as {{ type_double() }}) / nullif(days.raw_rows, 0) as refused_share,
    days.rules_hit,
    days.warnings,
    days.largest_rule,
    core.minutes,
    core.expiries,
    core.strikes,
    core.first_ts,
    core.last_ts
from days
left join {{ ref('stg_core_summary') }} as core on days.symbol = core.symbol and days.trade_date = core.trade_date
