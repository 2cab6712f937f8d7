"""C5, ATR, EMA and CPR on two assets: what ATRIndicatorsConfig lacks."""

from __future__ import annotations

from mr_platform.parameters.declaration import Declarations
from mr_platform.parameters.declarations.consumers import ATR_EMA_CPR
from mr_platform.parameters.declarations.filling import filling, floats, ints
from mr_platform.parameters.values import FLOAT, INT

# fmt: off
_row = filling("ATRIndicatorsConfig", ATR_EMA_CPR, "atr_ema_cpr")
_ROWS = (
    _row("asset_weights", floats(2), (0.60, 0.40), "share", "weights of the rolling ATM straddle and the underlying",
         low=0, high=1),
    _row("agreement", FLOAT, 1.2, "factor", "factor where both assets agree", low=1, high=5),
    _row("conflict", FLOAT, 0.8, "factor", "factor where they do not", low=0, high=1),
    _row("part_weights", floats(3), (0.40, 0.35, 0.25), "share",
         "weights of trend, pivots and range in the score of an asset", low=0, high=1),
    _row("atr_timeframes", ints(2), (5, 15), "minutes", "bars of the slower average true ranges", "timeframes",
         low=2, high=75),
    _row("atr_level_cuts", floats(5), (0.25, 0.40, 0.60, 0.75, 0.90), "share",
         "percentiles between the ATR regimes", "level_cuts", low=0, high=1),
    _row("session_least", INT, 30, "bars",
         "values of the session itself that rank an ATR for which there is no history", low=2, high=375),
    _row("momentum_bars", INT, 14, "bars", "ATR is compared with its mean so long ago", low=2, high=375),
    _row("rising", FLOAT, 1.05, "ratio", "ATR over its earlier mean above which it rises", low=1, high=5),
    _row("falling", FLOAT, 0.95, "ratio", "ATR over its earlier mean below which it falls", low=0, high=1),
    _row("squeeze_percentile", FLOAT, 0.25, "share", "ATR below this quantile of its window is a squeeze",
         low=0, high=1),
    _row("ema_spans", ints(4), (20, 50, 100, 200), "bars", "spans of the intraday EMAs", low=2, high=2000),
    _row("daily_ema_spans", ints(4), (20, 50, 100, 200), "sessions", "spans of the daily EMAs", low=2, high=500),
    _row("weekly_ema_spans", ints(3), (10, 20, 50), "weeks", "spans of the weekly EMAs", low=2, high=200),
    _row("monthly_ema_spans", ints(3), (6, 12, 24), "months", "spans of the monthly EMAs", low=2, high=120),
    _row("decay_floor_hours", FLOAT, 1.0, "hours",
         "time to expiry under the root that premium is divided by is at least this", low=0.02, high=24),
    _row("slope_bars", INT, 5, "bars", "an EMA's slope is its change over so many bars", low=1, high=75),
    _row("convergence", FLOAT, 0.02, "fraction", "EMAs within this relative distance converge", low=0, high=1),
    _row("correlation_bars", ints(2), (20, 50), "bars", "windows of the correlation of both assets' returns",
         low=5, high=375),
    _row("channel_bars", INT, 20, "bars", "window of highest high and lowest low, and of efficiency",
         low=3, high=375),
    _row("fibonacci_ratios", floats(3), (0.382, 0.618, 1.0), "ratio", "ratios of the Fibonacci pivots",
         low=0, high=5),
    _row("camarilla_factor", FLOAT, 1.1, "factor", "factor of the Camarilla pivots", low=0.1, high=10),
    _row("camarilla_divisors", floats(4), (12.0, 6.0, 4.0, 2.0), "ratio", "divisors of its four levels",
         low=0.1, high=100),
    _row("touch_bars", INT, 15, "bars", "a touched pivot level has held when price is back so many bars later",
         low=1, high=75),
    _row("touch_prior", FLOAT, 20.0, "touches", "touches by which a pivot method's own rate equals the pooled one",
         low=0.1, high=10_000),
    _row("touch_half_life", FLOAT, 63.0, "sessions", "sessions after which a touch counts half", low=1, high=1260),
    _row("cpr_wide_percent", FLOAT, 1.0, "percent of PP", "a central pivot range above this width is wide",
         low=0, high=20),
    _row("breakout_bars", INT, 3, "bars", "bars that a breakout of the range must hold", low=1, high=75),
    _row("virgin_sessions", INT, 20, "sessions", "central pivot ranges that no price has touched count so long",
         low=1, high=250),
)
# fmt: on


def declarations() -> Declarations:
    """Of C5."""
    return Declarations(parameters=_ROWS)
