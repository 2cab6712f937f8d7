-- What each feature means: one row a column.
select
    position,
    name,
    component,
    feature_group,
    formula,
    unit,
    lowest,
    highest,
    warmup_minutes,
    parameters,
    version
from {{ source('lake', 'feature_catalogue') }}
