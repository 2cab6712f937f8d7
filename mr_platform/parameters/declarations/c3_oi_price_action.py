"""C3, open interest and price action: what TrendingOIPAConfig lacks."""

from __future__ import annotations

from mr_platform.parameters.declaration import Declarations
from mr_platform.parameters.declarations.consumers import OI_PRICE_ACTION
from mr_platform.parameters.declarations.filling import filling, floats, ints
from mr_platform.parameters.values import FLOAT, INT

_VELOCITIES = {"NIFTY": (0.12, 0.06, 0.02), "BANKNIFTY": (0.15, 0.08, 0.03), "STOCK": (0.20, 0.10, 0.04)}
_RATIOS = {"NIFTY": (15.0, 8.0, 4.0), "BANKNIFTY": (20.0, 12.0, 6.0), "STOCK": (25.0, 15.0, 8.0)}

# fmt: off
_row = filling("TrendingOIPAConfig", OI_PRICE_ACTION, "oi_price_action")
_ROWS = (
    _row("strikes_usual", INT, 7, "strikes", "strikes on each side of the money", "strikes.usual", low=1, high=30),
    _row("strikes_wide", INT, 9, "strikes",
         "strikes on each side of the money in high volatility", "strikes.wide", low=1, high=30),
    _row("strikes_narrow", INT, 5, "strikes",
         "strikes on each side of the money in low volatility", "strikes.narrow", low=1, high=30),
    _row("strikes_most", INT, 15, "strikes", "most strikes on each side of the money", "strikes.most", low=1, high=60),
    _row("strikes_least", INT, 10, "strikes", "strikes that a sum over the set needs", "strikes.least",
         low=1, high=61),
    _row("vix_high", FLOAT, 25.0, "points", "India VIX, else ATM IV in points, above which volatility is high",
         "strikes.vix_high", low=1, high=200),
    _row("vix_low", FLOAT, 15.0, "points",
         "volatility index below which volatility is low", "strikes.vix_low", low=1, high=200),
    _row("velocity_minutes", ints(3), (5, 15, 45), "minutes", "spans of velocity and acceleration", low=1, high=375),
    *(_row(f"velocity_cuts_{symbol.lower()}", floats(3), cuts, "fraction",
           f"cuts of a strong, a moderate and a weak velocity, {symbol}", f"velocity_cuts[{symbol}]", low=0, high=5)
      for symbol, cuts in _VELOCITIES.items()),
    _row("oi_timeframes", ints(4), (3, 5, 10, 15), "minutes", "timeframes of the trend", "timeframes",
         low=1, high=75),
    _row("oi_timeframe_weights", floats(4), (0.15, 0.35, 0.30, 0.20), "share", "weights of the timeframes",
         "timeframe_weights", low=0, high=1),
    _row("pcr_change_minutes", ints(3), (3, 5, 10), "minutes", "spans of the change of the put-call ratio",
         low=1, high=75),
    _row("oi_correlation_windows", ints(3), (20, 50, 100), "bars", "windows of the price-OI correlation",
         "correlation_windows", low=5, high=375),
    _row("swing_bars", INT, 15, "bars", "bars of the zig-zag that confirms a swing point", low=2, high=100),
    _row("extreme_z", FLOAT, 2.0, "standard deviations",
         "both moves of a regular divergence beyond this make it extreme", low=0.5, high=10),
    _row("buildup_price_cut", FLOAT, 0.01, "fraction", "price change that counts in the build-up matrix",
         low=0.0001, high=1),
    _row("buildup_oi_cut", FLOAT, 0.02, "fraction", "OI change that counts in the build-up matrix", low=0.0001, high=1),
    _row("buildup_minutes", INT, 5, "minutes", "window that the build-up cuts speak of; they scale with its root",
         low=1, high=75),
    _row("buildup_future_share", FLOAT, 0.1, "share",
         "cuts of the future in the build-up matrix as a share of those of options", low=0.001, high=1),
    _row("weak_state", FLOAT, 0.5, "share",
         "weight of a covering, an unwinding or options moving alone beside new positions", low=0, high=1),
    _row("flow_z_levels", floats(4), (2.5, 1.8, 1.2, 0.8), "standard deviations",
         "levels of institutional flow, strongest first", "flow.z_levels", low=0, high=20),
    _row("flow_z_window", INT, 50, "bars", "window behind the mean and deviation of the flow", "flow.z_window",
         low=5, high=375),
    *(_row(f"flow_ratio_{symbol.lower()}", floats(3), levels, "ratio",
           f"cuts of a high, a moderate and a low volume over OI, {symbol}", f"flow.ratio_levels[{symbol}]",
           low=0, high=1000)
      for symbol, levels in _RATIOS.items()),
    _row("accumulation_z", FLOAT, 1.8, "standard deviations", "flow from which accumulation or distribution shows",
         "flow.accumulation_z", low=0, high=20),
    _row("accumulation_lookback", INT, 10, "bars", "price must be above that so long ago, for distribution below",
         "flow.price_lookback", low=1, high=375),
    _row("absorption_oi", FLOAT, 2.0, "standard deviations", "OI change above which absorption may hold",
         "flow.absorption_oi", low=0, high=20),
    _row("absorption_price", FLOAT, 0.5, "standard deviations", "price change below which it holds",
         "flow.absorption_price", low=0, high=20),
    _row("pcr_weights", floats(3), (0.4, 0.4, 0.2), "share",
         "weights of OI-PCR, OI x volume-PCR and dPE/dCE in the composite", low=0, high=1),
    _row("pcr_cuts", floats(5), (0.5, 0.8, 1.2, 1.8, 2.5), "ratio", "cuts of the composite put-call ratio",
         low=0, high=100),
    _row("pcr_scores", floats(6), (-1.0, -0.5, 0.0, 0.5, 0.8, 1.0), "score",
         "score of each class of the composite put-call ratio, lowest class first", low=-1, high=1),
    _row("pcr_most", FLOAT, 5.0, "ratio", "largest put-call ratio that counts in the composite", low=1, high=100),
    _row("trend_weights", floats(4), (0.25, 0.20, 0.30, 0.25), "share",
         "weights of velocity, acceleration, price-OI correlation and flow in the trend score", low=0, high=1),
    _row("integrated_weights", floats(4), (0.30, 0.25, 0.20, 0.25), "share",
         "weights of CE/PE, future, PCR and institutional flow in the integrated score", low=0, high=1),
    _row("wall_percentile", FLOAT, 0.85, "share", "strikes above this quantile of their side's OI are walls",
         low=0.5, high=1),
)
# fmt: on


def declarations() -> Declarations:
    """Of C3."""
    return Declarations(parameters=_ROWS)
