"""C1, the triple rolling straddle: what StraddleAnalysisConfig lacks, and what the daily context carries."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.parameters.declaration import Declarations, Parameter, live
from mr_platform.parameters.declarations.consumers import TRIPLE_STRADDLE
from mr_platform.parameters.declarations.filling import filling, floats, ints
from mr_platform.parameters.values import FLOAT, INT, ListOf

CONTEXT = live("core/daily_context")

# Weights of EMA, VWAP and pivots by days to expiry: near it the previous session's levels rule, far from it the trend.
_TECHNIQUES = {
    0: (0.05, 0.15, 0.80),
    1: (0.10, 0.20, 0.70),
    2: (0.15, 0.25, 0.60),
    3: (0.20, 0.30, 0.50),
    5: (0.25, 0.33, 0.42),
    7: (0.28, 0.35, 0.37),
    10: (0.32, 0.36, 0.32),
    15: (0.37, 0.36, 0.27),
    21: (0.40, 0.35, 0.25),
    30: (0.45, 0.35, 0.20),
    45: (0.50, 0.32, 0.18),
    60: (0.55, 0.30, 0.15),
    90: (0.60, 0.28, 0.12),
}

# fmt: off
_row = filling("StraddleAnalysisConfig", TRIPLE_STRADDLE, "triple_straddle")
_ROWS = (
    _row("ema_spans", ints(4), (20, 50, 100, 200), "bars",
         "spans of the four EMAs on the straddle price, run on across sessions", low=2, high=2000),
    _row("ema_score_weights", floats(4), (0.30, 0.30, 0.25, 0.15), "share",
         "weights of short, medium, long and trend score in the EMA score", low=0, high=1),
    _row("ema_weak_score", FLOAT, 0.5, "score",
         "score where price and EMAs are not in order, signed by the first pair", low=0, high=1),
    _row("ema_confluence", FLOAT, 0.01, "fraction",
         "neighbouring EMAs within this relative distance are one zone", "confluence", low=0, high=0.2),
    _row("vwap_cuts", floats(3), (0.005, 0.015, 0.03), "fraction",
         "relative deviations from the VWAP at which the score steps up", low=0, high=1),
    _row("vwap_scores", floats(3), (0.3, 0.7, 1.0), "score",
         "score above each of the cuts, mirrored below", low=0, high=1),
    _row("vwap_bands", floats(5), (0.5, 1.0, 1.5, 2.0, 2.5), "standard deviations",
         "bands around the session VWAP", low=0.1, high=10),
    _row("future_vwap_weights", floats(3), (0.40, 0.40, 0.20), "share",
         "weights of the future's session, previous and weekly VWAP score", low=0, high=1),
    _row("pivot_scores", floats(4), (0.3, 0.6, 0.8, 1.0), "score",
         "score above PP, R1, R2 and R3, mirrored below PP, S1, S2 and S3", low=0, high=1),
    _row("cpr_scores", floats(2), (0.8, 0.5), "score",
         "score beyond a narrow central pivot range and beyond another", low=0, high=1),
    _row("timeframes", ints(4), (3, 5, 10, 15), "minutes",
         "timeframes of the multi-timeframe score", low=1, high=75),
    _row("timeframe_quality_weights", floats(3), (0.4, 0.3, 0.3), "share",
         "weights of presence, steadiness and traded share in a timeframe's quality", "quality_weights", low=0, high=1),
    _row("confidence_spread", FLOAT, 2.0, "score",
         "dispersion of the timeframe scores that would take confidence to 0", low=0.1, high=10),
    _row("confidence_floor", FLOAT, 0.1, "share",
         "least confidence, and what stands in for an unknown one", low=0, high=1),
    _row("steadiness_share", FLOAT, 0.5, "share",
         "weight of the timeframes' confidence against the agreement of the ten components", low=0, high=1),
    _row("statistics_window", INT, 20, "bars",
         "window of rolling VWAP, deviations and correlations", "window", low=5, high=375),
    _row("redundant_correlation", FLOAT, 0.85, "correlation",
         "two price series that correlate beyond this in size are redundant", "redundant", low=0, high=1),
    *(_row(f"technique_weights_dte_{day}", floats(3), weights, "share",
           f"weights of EMA, VWAP and pivots {day} days before expiry, linear between the anchors",
           f"technique_anchors[{day}]", low=0, high=1)
      for day, weights in _TECHNIQUES.items()),
    _row("performance_weights", floats(4), (0.35, 0.25, 0.20, 0.20), "share",
         "weights of Sharpe ratio, drawdown, hit rate and profit factor in a part's performance",
         "performance.weights", low=0, high=1),
    _row("profit_factor_cap", FLOAT, 5.0, "ratio",
         "profit factors count up to this, as a share of it", "performance.profit_factor_cap", low=1, high=100),
    _row("same_dte_bounds", ints(2), (3, 15), "days",
         "last days to expiry of the first and the second blend", "performance.same_dte_bounds", low=0, high=365),
    _row("same_dte_shares", floats(3), (0.80, 0.50, 0.30), "share",
         "weight of sessions at the same days to expiry against all sessions, near, further and beyond",
         "performance.same_dte_shares", low=0, high=1),
)


def _learning(part: str, words: str, start: tuple[float, ...], low: float, high: float) -> Iterator[Parameter]:
    """How the weights of the components or of the timeframes are learned."""
    row = filling("StraddleAnalysisConfig", TRIPLE_STRADDLE, f"triple_straddle.{part}", f"{part}_")
    yield row("start", ListOf(FLOAT, length=len(start)), start, "share",
              f"weights of {words} before anything is learned", low=0, high=1)
    yield row("low", FLOAT, low, "share", f"least learned weight of {words}", low=0, high=1)
    yield row("high", FLOAT, high, "share", f"largest learned weight of {words}", low=0, high=1)
    yield row("rate", FLOAT, 0.10, "share", "part of the way to the share of performance that a step goes",
              low=0, high=1)
    yield row("largest_step", FLOAT, 0.02, "share", "largest change of a weight in a step", low=0.0001, high=1)
    yield row("all_days", INT, 252, "sessions", "window over all sessions", low=10, high=252)
    yield row("same_dte", INT, 50, "sessions", "window over sessions at the same days to expiry", low=5, high=252)
    yield row("least_sessions", INT, 10, "sessions", "with fewer nothing is learned", low=2, high=252)
    yield row("redundant", FLOAT, 0.85, "correlation",
              "of two parts whose session returns correlate beyond this the weaker earns no share", low=0, high=1)
    yield row("longest_walk", INT, 50, "steps", "steps from the start weights at most", low=1, high=1000)


_COMPONENTS = "the nine price series and the correlation factor"
_LEARNING = (
    *_learning("component_learning", _COMPONENTS, (0.1,) * 10, 0.05, 0.25),
    *_learning("timeframe_learning", "the four timeframes", (0.25,) * 4, 0.15, 0.40),
)

_windows = filling("StraddleAnalysisConfig", TRIPLE_STRADDLE, "windows", "window_")
_cpr = filling("StraddleAnalysisConfig", TRIPLE_STRADDLE, "cpr", "cpr_")
_SHARED = (
    _windows("coverage", FLOAT, 0.8, "share",
             "share of a rolling window's bars that must be there, bars before the open counting as missing",
             low=0.1, high=1),
    _windows("series_share", FLOAT, 0.6, "share",
             "share of the series that must be usable for a quantity across series", low=0.1, high=1),
    _cpr("narrow_percent", FLOAT, 0.35, "percent of PP",
         "a central pivot range below this width is narrow", low=0, high=5),
)

_atr = filling("ATRIndicatorsConfig", CONTEXT, "daily_context")
_iv = filling("IVSurfaceConfig", CONTEXT, "daily_context")
_context = filling("StraddleAnalysisConfig", CONTEXT, "daily_context")
_CONTEXT = (
    _atr("atr_longer_spans", ints(2), (21, 50), "bars",
         "the two longer spans of Wilder's average true range, beside atr_period", low=2, high=500),
    _iv("iv_lowest", FLOAT, 0.01, "per year", "an implied volatility below is none", low=0, high=1),
    _iv("iv_highest", FLOAT, 3.0, "per year", "an implied volatility above is none", low=0.1, high=20),
    _context("least_calls", INT, 30, "calls",
             "five-minute calls that a part must make in a session to have a return to learn from", low=1, high=75),
)
# fmt: on


def declarations() -> Declarations:
    """Of C1 and of the daily context."""
    return Declarations(parameters=(*_ROWS, *_LEARNING, *_SHARED, *_CONTEXT))
