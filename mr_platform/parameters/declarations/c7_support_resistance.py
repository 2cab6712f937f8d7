"""C7, support and resistance: the sheet SupportResistanceConfig."""

from __future__ import annotations

from mr_platform.parameters.declaration import Declarations
from mr_platform.parameters.declarations.consumers import SUPPORT_RESISTANCE
from mr_platform.parameters.declarations.filling import filling, floats, ints
from mr_platform.parameters.declarations.layouts import bounded_sheet
from mr_platform.parameters.values import FLOAT, INT

_SHEET = "SupportResistanceConfig"
_METHODS = {"pivots": 0.30, "volume_profile": 0.25, "psychological": 0.15, "fibonacci": 0.10, "technical": 0.20}
# Weights of touches, hold rate, volume confirmation, age, round-number proximity and timeframe confirmation.
_STRENGTHS = {
    "0_7": (0.25, 0.30, 0.20, 0.10, 0.10, 0.05),
    "8_30": (0.20, 0.25, 0.20, 0.15, 0.10, 0.10),
    "31_plus": (0.15, 0.20, 0.15, 0.25, 0.10, 0.15),
}
_ROUND_STEPS = {"NIFTY": (2.0, 10.0), "BANKNIFTY": (5.0, 10.0), "STOCK": (2.0, 10.0)}
# Intercept, distance beyond the level in ATR, approach in ATR a bar, strength, log volume ratio, touches, time left.
_COEFFICIENTS = (-0.2, 0.5, 0.5, -0.5, 0.2, 0.0, 0.0)
_PRECISIONS = (4.0, 16.0, 16.0, 4.0, 16.0, 4.0, 4.0)

# fmt: off
_row = filling(_SHEET, SUPPORT_RESISTANCE, "support_resistance")
_ROWS = (
    *(_row(f"method_weight_{method}", FLOAT, weight, "share", f"start weight of the method {method}",
           f"method_weights[{method}]", low=0, high=1)
      for method, weight in _METHODS.items()),
    _row("method_low", FLOAT, 0.05, "share", "least learned weight of a method", "method_learning.low",
         low=0, high=1),
    _row("method_high", FLOAT, 0.50, "share", "largest learned weight of a method", "method_learning.high",
         low=0, high=1),
    _row("method_least", INT, 50, "touches", "with fewer nothing is learned", "method_learning.least",
         low=1, high=10_000),
    _row("method_largest_step", FLOAT, 0.10, "fraction", "largest relative change of a weight in a step",
         "method_learning.largest_step", low=0, high=1),
    _row("method_performance_weights", floats(4), (0.35, 0.25, 0.25, 0.15), "share",
         "weights of accuracy, Sharpe ratio / 2, drawdown and hit rate", "method_learning.performance_weights",
         low=0, high=1),
    _row("tolerance", FLOAT, 0.002, "fraction", "levels within this relative distance are one", low=0, high=0.1),
    _row("straddle_tolerance", FLOAT, 0.02, "fraction", "levels of the straddle within this relative distance are one",
         low=0.0001, high=0.5),
    _row("least_touches", INT, 2, "touches", "touches that make a hold rate", low=1, high=100),
    _row("extrema_bars", INT, 5, "bars",
         "bars on each side of a swing point, and in the range of a timeframe", low=1, high=75),
    _row("timeframes", ints(4), (5, 15, 30, 60), "minutes", "timeframes beside day, week and month",
         low=1, high=375),
    _row("touches_cap", INT, 5, "touches", "touches beyond this add no strength", low=1, high=100),
    *(_row(f"strength_weights_dte_{dte_range}", floats(6), weights, "share",
           f"weights of touches, hold rate, volume, age, round numbers and timeframes, DTE range {dte_range}",
           f"strength_weights[{dte_range}]", low=0, high=1)
      for dte_range, weights in _STRENGTHS.items()),
    _row("breakout_distance", FLOAT, 0.25, "ATR", "close beyond a level by so much may break it",
         "breakout.distance", low=0, high=10),
    _row("breakout_hold_bars", INT, 3, "bars", "if it stays there so long", "breakout.hold_bars", low=1, high=75),
    _row("breakout_within_bars", INT, 15, "bars", "within so many bars of the touch", "breakout.within_bars",
         low=1, high=375),
    _row("breakout_coefficients", floats(7), _COEFFICIENTS, "log odds",
         "start of intercept, distance, approach speed, strength, volume, touches, time left", "breakout.coefficients",
         low=-10, high=10),
    _row("breakout_prior_precisions", floats(7), _PRECISIONS, "precision",
         "precision of each start coefficient as a prior", "breakout.prior_precisions", low=0.001, high=100_000),
    _row("breakout_forgetting", FLOAT, 0.99, "share", "of what was learned, kept by each session",
         "breakout.forgetting", low=0.5, high=1),
    _row("breakout_least", INT, 60, "touches", "labelled touches of an asset before learned coefficients are used",
         "breakout.least", low=1, high=100_000),
    _row("breakout_volume_limit", FLOAT, 2.0, "log ratio", "largest logarithm of the volume ratio that counts",
         "breakout.volume_limit", low=0, high=10),
    _row("touch_sessions", INT, 5, "sessions", "earlier sessions whose touches count", "breakout.sessions",
         low=0, high=60),
    _row("touch_most", INT, 128, "touches", "touches of earlier sessions kept for an asset", "breakout.most",
         low=0, high=512),
    _row("brier_sessions", INT, 20, "sessions", "earlier sessions in the Brier score", "breakout.brier_sessions",
         low=0, high=252),
    _row("profile_bins", floats(2), (0.0005, 0.01), "fraction",
         "width of a volume profile's bin over the session's first price, underlying and straddle",
         "levels.profile_bins", low=0.00001, high=0.1),
    _row("value_area", FLOAT, 0.70, "share", "share of the volume in the value area", "levels.value_area",
         low=0.1, high=0.99),
    _row("level_wall_percentile", FLOAT, 0.85, "share", "open interest above this quantile of its side is a wall",
         "levels.wall_percentile", low=0, high=1),
    _row("participation_strikes", INT, 7, "strikes",
         "strikes on each side of ATM whose option volume stands for that of an underlying without volume",
         "levels.participation_strikes", low=0, high=15),
    *(_row(f"round_steps_{symbol}", floats(2), steps, "strike steps",
           f"minor and major round numbers of the underlying, {symbol}", f"levels.round_steps[{symbol}]",
           low=0.01, high=1000)
      for symbol, steps in _ROUND_STEPS.items()),
    _row("straddle_round_steps", floats(2), (0.2, 1.0), "strike steps", "minor and major round numbers of the straddle",
         "levels.straddle_round_steps", low=0.001, high=100),
    _row("retracement_ratios", floats(7), (0.0, 0.236, 0.382, 0.5, 0.618, 0.786, 1.0), "ratio",
         "of the way back from a swing's end to its start", "levels.fibonacci_ratios", low=-5, high=5),
    _row("ema_spans", ints(3), (20, 50, 200), "bars", "spans of the EMAs that are levels", "levels.ema_spans",
         low=2, high=2000),
    _row("reach", FLOAT, 10.0, "ATR", "zones within this distance count in densities", low=0.1, high=1000),
    _row("match", FLOAT, 1.0, "ATR", "distances of two assets that differ by less agree in part", low=0.01, high=100),
    _row("window", INT, 20, "bars", "window of the usual volume and of common tests", low=2, high=375),
    _row("level_score_weights", floats(4), (0.35, 0.25, 0.25, 0.15), "share",
         "weights of strength, method weight, chance of a break and dual-asset confluence in the score",
         "score_weights", low=0, high=1),
    _row("known_share", FLOAT, 0.6, "share", "share of the confidence that does not hang on the Brier score",
         low=0, high=1),
)
# fmt: on


def declarations() -> Declarations:
    """Of C7."""
    return Declarations(
        parameters=_ROWS,
        sheets=(bounded_sheet(_SHEET, "levels, their strength and their breaks", required=False),),
    )
