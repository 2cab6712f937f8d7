"""IVSurfaceConfig and ATRIndicatorsConfig: the customer's rows.

A row whose constant C4 or C5 defines steers it; the others serve the workbook's own scores.
"""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter, live
from mr_platform.parameters.declarations.consumers import ATR_EMA_CPR, IV_SKEW, REGIME_FORMATION
from mr_platform.parameters.declarations.layouts import ON, bounded_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice

INTERPOLATION = Choice("CUBIC_SPLINE", "LINEAR", "RBF", "PCHIP", "SVI")
SKEW_MEASURE = Choice("RISK_REVERSAL", "SIMPLE", "BUTTERFLY", "SLOPE")
ATR_SMOOTHING = Choice("EMA", "SMA", "WMA", "WILDER")

_DAILY_CONTEXT = live("core/daily_context")

# fmt: off
_row = partial(Parameter, "IVSurfaceConfig")
_SURFACE = (
    _row("surface_strike_points", INT, 7, "strikes",
         "strikes of each expiry in the volatility surface", IV_SKEW, "iv_skew.surface_strikes", low=5, high=11),
    _row("surface_expiry_points", INT, 3, "expiries", "expiries in the volatility surface", IV_SKEW,
         "iv_skew.surface_expiries", low=2, high=5),
    _row("interpolation_method", INTERPOLATION, "CUBIC_SPLINE", "",
         "how the surface is filled between strikes", IV_SKEW, "iv_skew.interpolation"),
    _row("skew_measure", SKEW_MEASURE, "RISK_REVERSAL", "",
         "measure behind the workbook's skew score", REGIME_FORMATION),
    _row("skew_strike_distance", FLOAT, 0.05, "ratio",
         "distance of the workbook's wings from the money, in log-moneyness", REGIME_FORMATION, low=0.03, high=0.1),
    _row("skew_smoothing_window", INT, 5, "points",
         "points over which the workbook's skew score is smoothed", REGIME_FORMATION, low=3, high=10),
    _row("term_structure_weight", FLOAT, 0.4, "ratio",
         "weight of the term structure in the workbook's IV score", REGIME_FORMATION, low=0.2, high=0.6),
    _row("contango_threshold", FLOAT, 0.05, "ratio",
         "relative term slope above which volatility is in contango", IV_SKEW, "iv_skew.contango", low=0.02, high=0.1),
    _row("backwardation_threshold", FLOAT, -0.05, "ratio",
         "relative term slope below which volatility is in backwardation", IV_SKEW, "iv_skew.backwardation",
         low=-0.1, high=-0.02),
    _row("track_surface_velocity", BOOL, ON, "", "follow how fast the surface moves", IV_SKEW,
         "iv_skew.surface_velocity"),
    _row("surface_momentum_period", INT, 10, "points",
         "lookback of the workbook's surface momentum", REGIME_FORMATION, low=5, high=20),
    _row("abnormal_surface_threshold", FLOAT, 2.5, "sigma",
         "deviations that make a surface abnormal", IV_SKEW, "iv_skew.abnormal_surface", low=2, high=3.5),
    _row("iv_percentile_period", INT, 252, "days",
         "sessions behind an IV percentile", IV_SKEW, "iv_skew.percentile_sessions", low=100, high=504),
    _row("high_iv_sentiment_adjust", FLOAT, -0.2, "score",
         "added to the workbook's sentiment when IV is high", REGIME_FORMATION, low=-0.4, high=0),
    _row("low_iv_sentiment_adjust", FLOAT, 0.1, "score",
         "added to the workbook's sentiment when IV is low", REGIME_FORMATION, low=0, high=0.3),
    _row("analyze_volatility_smile", BOOL, ON, "", "fit slope and curvature of the smile", IV_SKEW,
         "iv_skew.smile_fit"),
    _row("smile_curvature_weight", FLOAT, 0.3, "ratio",
         "weight of curvature in the workbook's IV score", REGIME_FORMATION, low=0.1, high=0.5),
    _row("smile_asymmetry_threshold", FLOAT, 0.1, "ratio",
         "difference of the wings that counts in the workbook's IV score", REGIME_FORMATION, low=0.05, high=0.2),
)

_row = partial(Parameter, "ATRIndicatorsConfig")
_ATR = (
    _row("atr_period", INT, 14, "bars",
         "span of Wilder's average true range", _DAILY_CONTEXT, "daily_context.atr_period", low=7, high=21),
    _row("atr_smoothing", ATR_SMOOTHING, "EMA", "",
         "mean behind the workbook's own ATR score; the component's ATR is Wilder's", REGIME_FORMATION),
    _row("use_true_range", BOOL, ON, "", "overnight and opening gaps count in the range", REGIME_FORMATION),
    _row("atr_bands_enabled", BOOL, ON, "", "draw ATR bands around the price", REGIME_FORMATION),
    _row("upper_band_multiplier", FLOAT, 2.0, "multiplier",
         "distance of the upper band from the price", REGIME_FORMATION, low=1.5, high=3),
    _row("lower_band_multiplier", FLOAT, 2.0, "multiplier",
         "distance of the lower band from the price", REGIME_FORMATION, low=1.5, high=3),
    _row("band_shift_percent", FLOAT, 0.0, "ratio",
         "shift of both bands as a share of price", REGIME_FORMATION, low=-0.02, high=0.02),
    _row("detect_volatility_squeeze", BOOL, ON, "", "look for squeezes of volatility", ATR_EMA_CPR,
         "atr_ema_cpr.detect_squeeze"),
    _row("squeeze_lookback", INT, 20, "bars",
         "history that a squeeze is judged against", ATR_EMA_CPR, "atr_ema_cpr.squeeze_bars", low=10, high=40),
    _row("squeeze_threshold", FLOAT, 0.75, "ratio",
         "band width against its mean below which the workbook calls a squeeze", REGIME_FORMATION, low=0.6, high=0.9),
    _row("track_atr_momentum", BOOL, ON, "", "follow whether ATR rises or falls", ATR_EMA_CPR,
         "atr_ema_cpr.track_momentum"),
    _row("atr_momentum_period", INT, 10, "bars",
         "lookback of the workbook's ATR momentum", REGIME_FORMATION, low=5, high=20),
    _row("expansion_threshold", FLOAT, 1.2, "multiplier",
         "ATR against its mean above which it expands", ATR_EMA_CPR, "atr_ema_cpr.expansion", low=1.1, high=1.5),
    _row("contraction_threshold", FLOAT, 0.8, "multiplier",
         "ATR against its mean below which it contracts", ATR_EMA_CPR, "atr_ema_cpr.contraction", low=0.5, high=0.9),
    _row("atr_regime_boundaries", BOOL, ON, "", "ATR percentiles bound the volatility classes", REGIME_FORMATION),
    _row("low_vol_atr_percentile", INT, 30, "percentile",
         "ATR percentile below which volatility is low", REGIME_FORMATION, low=20, high=40),
    _row("high_vol_atr_percentile", INT, 70, "percentile",
         "ATR percentile above which volatility is high", REGIME_FORMATION, low=60, high=80),
    _row("atr_rsi_composite", BOOL, ON, "", "join ATR with RSI in one score", REGIME_FORMATION),
    _row("atr_adx_composite", BOOL, ON, "", "join ATR with ADX in one score", REGIME_FORMATION),
    _row("composite_weight_atr", FLOAT, 0.6, "share of 1",
         "share of ATR in the scores joined with RSI and ADX", REGIME_FORMATION, low=0.4, high=0.8),
)
# fmt: on

_SHEETS = (
    bounded_sheet("IVSurfaceConfig", "implied volatility: the workbook's own score, and the constants of C4"),
    bounded_sheet("ATRIndicatorsConfig", "ATR: the workbook's own score, and the constants of C5"),
)


def declarations() -> Declarations:
    """Of the two sheets on volatility."""
    return Declarations(parameters=_SURFACE + _ATR, sheets=_SHEETS)
