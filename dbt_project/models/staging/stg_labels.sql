{% for task in var('model_tasks') %}
select
    '{{ task }}' as task,
    symbol,
    {{ trade_date_of('event_ts') }} as trade_date,
    event_ts,
    known_ts,
    label,
    volatility_label,
    direction_label,
    label_schema_version
from {{ source('lake', 'labels_' ~ task) }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
