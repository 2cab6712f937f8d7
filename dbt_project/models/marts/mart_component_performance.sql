-- What each component said in a session, and how often it agreed with the answer and with the regime that was in force.
with labels as (
    select symbol, event_ts, label
    from {{ ref('stg_labels') }}
    where task = 'regime_nowcast'
)

select
    answers.symbol,
    answers.trade_date,
    answers.component_id,
    count(*) as bars,
    cast(avg(answers.score) as {{ type_double() }}) as mean_score,
    cast(avg(answers.confidence_score) as {{ type_double() }}) as mean_confidence,
    cast(avg(answers.weight_factor) as {{ type_double() }}) as mean_weight,
    {{ share_where("answers.health = 'healthy'") }} as healthy_share,
    {{ share_where('answers.regime_prediction = master.master_regime', 'answers.regime_prediction is not null') }}
        as agreement_with_master,
    {{ count_where('labels.label is not null and answers.regime_prediction is not null') }} as labelled_bars,
    {{ share_where(
        'answers.regime_prediction = labels.label',
        'labels.label is not null and answers.regime_prediction is not null'
    ) }} as accuracy,
    cast({{ quantile_of('answers.processing_time_ms', 0.95) }} as {{ type_double() }}) as p95_processing_ms
from {{ ref('stg_component_analysis_results') }} as answers
left join {{ ref('stg_master_regime_analysis') }} as master
    on answers.symbol = master.symbol and answers.event_ts = master.event_ts
left join labels on answers.symbol = labels.symbol and answers.event_ts = labels.event_ts
group by answers.symbol, answers.trade_date, answers.component_id
