"""Who reads the sheets: the tables, stations and rooms by the names the declarations use for them.

A planned one is named as it will be called; once its code reads the parameters, its line here becomes ``live``.
"""

from __future__ import annotations

from mr_platform.parameters.declaration import live, planned

# Components
TRIPLE_STRADDLE = live("features/c1_triple_straddle")
GREEKS_SENTIMENT = live("features/c2_greeks_sentiment")
OI_PRICE_ACTION = live("features/c3_oi_price_action")
IV_SKEW = live("features/c4_iv_skew")
ATR_EMA_CPR = live("features/c5_atr_ema_cpr")
CORRELATION = live("features/c6_correlation")
SUPPORT_RESISTANCE = live("features/c7_support_resistance")
MASTER_INTEGRATION = live("features/c8_master_integration")
# what was seen on earlier sessions, by days to expiry: the components learn from it by one rule
DTE_HISTORY = live("features")

# The workbook's own 18 regimes, and what keeps them from flickering
WORKBOOK_REGIMES = live("regimes/master_regime_analysis")
MASTER_ANSWER = live("regimes/master_regime_analysis")
ANSWERS = live("stations/answers")
REGIME_PICTURES = planned("serving/regime_pictures")
REGIME_FORMATION = planned("regimes/workbook_formation")
REGIME_SPELLS = planned("regimes/workbook_spells")
REGIME_TRANSITIONS = planned("regimes/workbook_transitions")
NOISE_FILTER = planned("regimes/noise_filter")
TIMEFRAME_CONSENSUS = planned("regimes/timeframe_consensus")
WORKBOOK_STRADDLE = planned("regimes/workbook_straddle_score")
INTRADAY_SENSITIVITY = planned("regimes/intraday_sensitivity")
COMPONENT_WEIGHTS = live("regimes/adaptive_learning_weights")
WORKBOOK_WEIGHTS = planned("regimes/workbook_weights")
POSITIONS = planned("regimes/position_recommendations")

# Learning
MODELS = live("models")
ENSEMBLE = planned("learning/ensemble")
CALIBRATION = planned("learning/calibration")
RETRAINING = planned("learning/retraining")
SCREENING = planned("learning/screening")
EVALUATION = planned("learning/evaluation")
COST_SENSITIVITY = planned("learning/cost_sensitivity")

# The platform
SESSIONS = planned("market/sessions")
INSTRUMENTS = planned("market/instruments")
ENGINE = planned("kernels/engine")
EXPORTING = planned("stations/export")
STREAM = planned("serving/stream")
HEALTH = planned("serving/health")
DATA_RULES = live("quality/validation_rules")
POSITION_SIZING = planned("serving/portfolio")
OPTIMIZATION = planned("learning/parameter_search")
CONFIG_CHECK = live("mr config check")
CONFIG_SHOW = live("mr config show")
