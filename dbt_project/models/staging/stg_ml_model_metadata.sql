-- A version is written again when its stage changes; the last word about it holds.
with numbered as (
    select
        *,
        row_number() over (
            partition by model_version
            order by
                trained_at desc,
                case stage when 'retired' then 1 when 'champion' then 2 when 'shadow' then 3 else 4 end
        ) as occurrence
    from {{ source('lake', 'ml_model_metadata') }}
)

select
    model_version,
    task,
    trained_at,
    train_start,
    train_end,
    feature_schema_version,
    label_schema_version,
    parameters_digest,
    code_version,
    metrics,
    baselines,
    signature,
    stage,
    reason
from numbered
where occurrence = 1
