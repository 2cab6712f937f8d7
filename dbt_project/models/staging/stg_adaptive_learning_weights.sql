-- A weight in force stands in the partition of every session it serves: one row of it is enough.
with numbered as (
    select
        *,
        row_number() over (partition by weight_id order by last_updated) as occurrence
    from {{ source('lake', 'adaptive_learning_weights') }}
)

select
    weight_id,
    symbol,
    component_id,
    dte_bucket,
    regime_context,
    weight_value,
    performance_metric,
    last_updated,
    reason,
    previous_weight_id
from numbered
where occurrence = 1
