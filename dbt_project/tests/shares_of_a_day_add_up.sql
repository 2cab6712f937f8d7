-- The regimes of a symbol's day share it out completely.
select symbol, trade_date, sum(share) as total
from {{ ref('mart_regime_daily') }}
group by symbol, trade_date
having abs(sum(share) - 1) > 0.000001
