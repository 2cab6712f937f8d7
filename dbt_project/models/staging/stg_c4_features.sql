-- Every feature of the component, as the catalogue lists them, beside the keys.
select
    {{ trade_date_of('features.event_ts') }} as trade_date,
    features.*
from {{ source('lake', 'c4_features') }} as features
