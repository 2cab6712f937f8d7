-- Every weight, what it replaced, and from when until when it held.
select
    weights.weight_id,
    weights.symbol,
    weights.component_id,
    weights.dte_bucket,
    weights.regime_context,
    weights.weight_value,
    before.weight_value as previous_weight_value,
    weights.weight_value - before.weight_value as weight_change,
    weights.performance_metric,
    weights.last_updated as in_force_from,
    lead(weights.last_updated) over (
        partition by weights.symbol, weights.component_id, weights.dte_bucket, weights.regime_context
        order by weights.last_updated, weights.weight_id
    ) as in_force_until,
    weights.reason,
    weights.previous_weight_id
from {{ ref('stg_adaptive_learning_weights') }} as weights
left join {{ ref('stg_adaptive_learning_weights') }} as before on weights.previous_weight_id = before.weight_id
