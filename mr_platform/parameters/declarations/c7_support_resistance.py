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
    _row("least_touches", INT, 2, "touches", "touches that make a level", low=1, high=100),
    _row("extrema_bars", INT, 5, "bars", "bars on each side of a swing point", low=1, high=75),
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
)
# fmt: on


def declarations() -> Declarations:
    """Of C7."""
    return Declarations(
        parameters=_ROWS,
        sheets=(bounded_sheet(_SHEET, "levels, their strength and their breaks", required=False),),
    )
