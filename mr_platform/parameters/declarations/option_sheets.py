"""GreekSentimentConfig, TrendingOIPAConfig and StraddleAnalysisConfig: the customer's rows.

Rows that the definitions of C1..C3 need beyond them stand in modules of their own. Where the definition speaks of the
same constant, the row steers it; where it speaks of another one under a like name (the Greeks' shares of a sum against
their component weights), both are kept apart and ``contradictions`` says which rules what.
"""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter
from mr_platform.parameters.declarations.consumers import (
    ATR_EMA_CPR,
    REGIME_FORMATION,
    WORKBOOK_STRADDLE,
)
from mr_platform.parameters.declarations.layouts import ON, bounded_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice

ATM_SELECTION = Choice("SYNTHETIC_FUTURE", "SPOT", "FUTURES")
STRADDLE_WEIGHTING = Choice("GAUSSIAN", "EQUAL", "LINEAR", "EXPONENTIAL")

# fmt: off
_row = partial(Parameter, "GreekSentimentConfig")
_GREEKS = (
    _row("delta_weight", FLOAT, 0.25, "share of 1",
         "share of delta in the workbook's Greek sentiment", REGIME_FORMATION, low=0.1, high=0.4),
    _row("gamma_weight", FLOAT, 0.35, "share of 1",
         "share of gamma in the workbook's Greek sentiment; the component's weight is gamma_component_weight",
         REGIME_FORMATION, low=0.2, high=0.5),
    _row("vega_weight", FLOAT, 0.25, "share of 1",
         "share of vega in the workbook's Greek sentiment", REGIME_FORMATION, low=0.1, high=0.4),
    _row("theta_weight", FLOAT, 0.15, "share of 1",
         "share of theta in the workbook's Greek sentiment", REGIME_FORMATION, low=0.05, high=0.3),
    _row("enable_vanna", BOOL, ON, "", "vanna takes part in the workbook's Greek sentiment", REGIME_FORMATION),
    _row("enable_charm", BOOL, ON, "", "charm takes part in the workbook's Greek sentiment", REGIME_FORMATION),
    _row("enable_volga", BOOL, ON, "", "volga takes part in the workbook's Greek sentiment", REGIME_FORMATION),
    _row("enable_veta", BOOL, ON, "", "veta takes part in the workbook's Greek sentiment", REGIME_FORMATION),
    _row("enable_speed", BOOL, ON, "", "speed takes part in the workbook's Greek sentiment", REGIME_FORMATION),
    _row("sentiment_lookback", INT, 20, "points",
         "history of the workbook's Greek sentiment", REGIME_FORMATION, low=10, high=50),
    _row("sentiment_smoothing", FLOAT, 0.3, "ratio",
         "weight of the newest point in the workbook's Greek sentiment", REGIME_FORMATION, low=0.1, high=0.5),
    _row("outlier_threshold", FLOAT, 3.0, "sigma",
         "deviations beyond which the workbook's Greek sentiment cuts an exposure", REGIME_FORMATION, low=2, high=4),
    _row("strike_range", INT, 5, "strikes",
         "strikes on either side of the money that the workbook's Greek sentiment covers",
         REGIME_FORMATION, low=3, high=10),
    _row("otm_weight_decay", FLOAT, 0.8, "ratio",
         "weight of each further strike against the one before in the workbook's Greek sentiment",
         REGIME_FORMATION, low=0.5, high=0.95),
    _row("near_expiry_adjustment", FLOAT, 1.5, "multiplier",
         "factor on the workbook's Greek sentiment close to expiry", REGIME_FORMATION, low=1, high=2),
    _row("bullish_threshold", FLOAT, 0.6, "score",
         "score from which the workbook's sentiment is bullish; C2 has seven levels of its own",
         REGIME_FORMATION, low=0.5, high=0.8),
    _row("bearish_threshold", FLOAT, -0.6, "score",
         "score to which the workbook's sentiment is bearish", REGIME_FORMATION, low=-0.8, high=-0.5),
    _row("extreme_sentiment", FLOAT, 0.8, "score",
         "size from which the workbook's sentiment is extreme either way", REGIME_FORMATION, low=0.7, high=0.95),
)

_row = partial(Parameter, "TrendingOIPAConfig")
_OPEN_INTEREST = (
    _row("oi_lookback_period", INT, 20, "points",
         "history that an OI trend looks back on", REGIME_FORMATION, low=10, high=50),
    _row("oi_change_threshold", FLOAT, 0.05, "ratio",
         "relative OI change that counts", REGIME_FORMATION, low=0.02, high=0.15),
    _row("cumulative_oi_weight", FLOAT, 0.6, "share of 1",
         "share of cumulative OI in the OI score", REGIME_FORMATION, low=0.4, high=0.8),
    _row("oi_velocity_weight", FLOAT, 0.4, "share of 1",
         "share of the OI's rate of change in the OI score", REGIME_FORMATION, low=0.2, high=0.6),
    _row("pa_confirmation_required", BOOL, ON, "", "price action must agree with OI", REGIME_FORMATION),
    _row("pa_lookback", INT, 10, "candles",
         "price history that confirmation looks back on", REGIME_FORMATION, low=5, high=20),
    _row("trend_strength_threshold", FLOAT, 0.6, "ratio",
         "strength from which an OI trend is named", REGIME_FORMATION, low=0.4, high=0.8),
    _row("analyze_put_call_skew", BOOL, ON, "", "compare put OI with call OI", REGIME_FORMATION),
    _row("skew_threshold", FLOAT, 0.2, "ratio",
         "relative difference of put and call OI that counts", REGIME_FORMATION, low=0.1, high=0.4),
    _row("skew_smoothing", FLOAT, 0.3, "ratio",
         "weight of the newest difference of put and call OI", REGIME_FORMATION, low=0.1, high=0.5),
    _row("analyze_strike_buildup", BOOL, ON, "", "follow OI strike by strike", REGIME_FORMATION),
    _row("max_pain_weight", FLOAT, 0.3, "ratio",
         "weight of the distance to maximum pain", REGIME_FORMATION, low=0.1, high=0.5),
    _row("support_resistance_from_oi", BOOL, ON, "",
         "OI walls are levels of support and resistance", REGIME_FORMATION),
    _row("detect_oi_price_divergence", BOOL, ON, "", "look for divergences of OI and price", REGIME_FORMATION),
    _row("divergence_threshold", FLOAT, 0.3, "ratio",
         "strength from which a divergence of OI and price counts", REGIME_FORMATION, low=0.2, high=0.5),
    _row("divergence_confirmation_bars", INT, 3, "bars",
         "bars that confirm a divergence of OI and price", REGIME_FORMATION, low=2, high=5),
)

_row = partial(Parameter, "StraddleAnalysisConfig")
_STRADDLE = (
    _row("straddle_strikes", INT, 3, "strikes",
         "straddles in the workbook's straddle score: ATM, ITM1, OTM1 are three", WORKBOOK_STRADDLE, low=1, high=5),
    _row("atm_selection_method", ATM_SELECTION, "SYNTHETIC_FUTURE", "",
         "price that the money is measured against", WORKBOOK_STRADDLE),
    _row("straddle_weighting", STRADDLE_WEIGHTING, "GAUSSIAN", "",
         "how weights fall with the distance from the money", WORKBOOK_STRADDLE),
    _row("use_classic_pivots", BOOL, ON, "", "classic pivots take part in the pivot score", ATR_EMA_CPR,
         "atr_ema_cpr.methods_used[classic]"),
    _row("use_fibonacci_pivots", BOOL, ON, "", "Fibonacci pivots take part in the pivot score", ATR_EMA_CPR,
         "atr_ema_cpr.methods_used[fibonacci]"),
    _row("use_camarilla_pivots", BOOL, ON, "", "Camarilla pivots take part in the pivot score", ATR_EMA_CPR,
         "atr_ema_cpr.methods_used[camarilla]"),
    _row("use_woodie_pivots", BOOL, ON, "", "Woodie's pivots take part in the pivot score", ATR_EMA_CPR,
         "atr_ema_cpr.methods_used[woodie]"),
    _row("use_demark_pivots", BOOL, ON, "", "DeMark's pivots take part in the pivot score", ATR_EMA_CPR,
         "atr_ema_cpr.methods_used[demark]"),
    _row("classic_weight", FLOAT, 0.30, "share of 1",
         "start weight of classic pivots", ATR_EMA_CPR, "atr_ema_cpr.method_weights[classic]", low=0.1, high=0.5),
    _row("fibonacci_weight", FLOAT, 0.25, "share of 1",
         "start weight of Fibonacci pivots", ATR_EMA_CPR, "atr_ema_cpr.method_weights[fibonacci]", low=0.1, high=0.4),
    _row("camarilla_weight", FLOAT, 0.20, "share of 1",
         "start weight of Camarilla pivots", ATR_EMA_CPR, "atr_ema_cpr.method_weights[camarilla]", low=0.1, high=0.4),
    _row("woodie_weight", FLOAT, 0.15, "share of 1",
         "start weight of Woodie's pivots", ATR_EMA_CPR, "atr_ema_cpr.method_weights[woodie]", low=0.05, high=0.3),
    _row("demark_weight", FLOAT, 0.10, "share of 1",
         "start weight of DeMark's pivots", ATR_EMA_CPR, "atr_ema_cpr.method_weights[demark]", low=0.05, high=0.3),
    _row("breakout_threshold", FLOAT, 0.002, "ratio",
         "relative distance beyond a pivot that is a breakout", WORKBOOK_STRADDLE, low=0.001, high=0.005),
    _row("consolidation_band", FLOAT, 0.003, "ratio",
         "width of the band in which price consolidates", WORKBOOK_STRADDLE, low=0.001, high=0.005),
    _row("pivot_confluence_bonus", FLOAT, 1.5, "multiplier",
         "factor where pivots of several methods meet", WORKBOOK_STRADDLE, low=1.2, high=2),
    _row("intraday_pivot_reset", BOOL, ON, "", "pivots begin anew each session", WORKBOOK_STRADDLE),
    _row("pivot_time_decay", FLOAT, 0.95, "ratio",
         "weight of a pivot after each hour", WORKBOOK_STRADDLE, low=0.9, high=1),
    _row("near_pivot_sensitivity", FLOAT, 1.3, "multiplier",
         "factor on signals close to a pivot", WORKBOOK_STRADDLE, low=1.1, high=1.5),
)
# fmt: on

_SHEETS = (
    bounded_sheet("GreekSentimentConfig", "Greeks sentiment: the workbook's own score, and the constants of C2"),
    bounded_sheet(
        "TrendingOIPAConfig", "open interest and price action: the workbook's own score, and the constants of C3"
    ),
    bounded_sheet("StraddleAnalysisConfig", "straddles and pivots: the workbook's own score, and the constants of C1"),
)


def declarations() -> Declarations:
    """Of the three sheets on straddles, Greeks and open interest."""
    return Declarations(parameters=_GREEKS + _OPEN_INTEREST + _STRADDLE, sheets=_SHEETS)
