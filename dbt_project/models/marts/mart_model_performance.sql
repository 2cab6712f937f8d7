-- Each model version beside every baseline: one row for each entrant. Metrics are read from the JSON of ml_model_metadata:
-- metrics {targets: {target: {metric: number}}}, baselines {target: {baseline: {metric: number}}}.
{% set metrics = ['accuracy', 'balanced_accuracy', 'macro_f1', 'mcc', 'log_loss', 'calibration_error', 'flip_rate'] %}
with entrants as (
    {% for target_name in var('model_targets') %}
    select
        model_version,
        '{{ target_name }}' as target,
        'model' as entrant,
        {% for metric in metrics %}
        {{ json_number('metrics', '$.targets.' ~ target_name ~ '.' ~ metric) }} as {{ metric }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('stg_ml_model_metadata') }}
    {% for baseline in var('baselines') %}
    union all
    select
        model_version,
        '{{ target_name }}' as target,
        '{{ baseline }}' as entrant,
        {% for metric in metrics %}
        {{ json_number('baselines', '$.' ~ target_name ~ '.' ~ baseline ~ '.' ~ metric) }} as {{ metric }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('stg_ml_model_metadata') }}
    {% endfor %}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

scored as (
    select * from entrants where accuracy is not null
),

best as (
    select model_version, target, max(accuracy) as accuracy
    from scored
    where entrant not in ('model', 'shuffled')
    group by model_version, target
)

select
    scored.model_version,
    models.task,
    scored.target,
    scored.entrant,
    models.stage,
    models.trained_at,
    models.train_start,
    models.train_end,
    {% for metric in metrics %}
    scored.{{ metric }},
    {% endfor %}
    scored.accuracy - best.accuracy as accuracy_over_best_baseline,
    (scored.accuracy - best.accuracy) / nullif(1 - best.accuracy, 0) as skill
from scored
inner join {{ ref('stg_ml_model_metadata') }} as models on scored.model_version = models.model_version
left join best on scored.model_version = best.model_version and scored.target = best.target
