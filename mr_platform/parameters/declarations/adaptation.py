"""AdaptiveTuning, AdaptiveLearning and AccuracyEnhancement: how the system learns from its own results."""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter
from mr_platform.parameters.declarations.consumers import RETRAINING, SCREENING
from mr_platform.parameters.declarations.layouts import OFF, ON, bounded_sheet, titled_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice

ALGORITHM = Choice("GRADIENT_BOOST", "RANDOM_FOREST", "NEURAL_NET", "LOGISTIC")
TARGET = Choice("ACCURACY", "STABILITY", "RESPONSIVENESS")
SECOND_TARGET = Choice("ACCURACY", "STABILITY", "RESPONSIVENESS", "PROFIT", "NONE")
ADAPTATION = Choice("BAYESIAN", "GRADIENT", "GRID", "NONE")
TRIGGER = Choice("PERFORMANCE_BASED", "DRIFT_BASED", "SCHEDULED", "MANUAL")
FEATURE_LEVEL = Choice("BASIC", "STANDARD", "ADVANCED")
SELECTION = Choice("RECURSIVE_ELIMINATION", "IMPORTANCE", "MUTUAL_INFORMATION", "NONE")

# fmt: off
_row = partial(Parameter, "AdaptiveTuning")
_TUNING = (
    _row("enable_adaptive_learning", BOOL, ON, "", "parameters are tuned on results at all", RETRAINING),
    _row("learning_algorithm", ALGORITHM, "GRADIENT_BOOST", "", "family of the adapting model", RETRAINING),
    _row("learning_rate", FLOAT, 0.1, "ratio",
         "share of the way a tuned parameter moves", RETRAINING, low=0.01, high=0.3),
    _row("historical_lookback_days", INT, 90, "days", "history that tuning learns from", RETRAINING, low=30, high=365),
    _row("min_samples_required", INT, 1000, "samples",
         "samples below which tuning changes nothing", RETRAINING, low=500, high=5000),
    _row("validation_split", FLOAT, 0.2, "ratio",
         "latest share of the history kept for validation", RETRAINING, low=0.1, high=0.3),
    _row("optimize_for", TARGET, "ACCURACY", "", "measure that a change must better", RETRAINING),
    _row("secondary_target", SECOND_TARGET, "STABILITY", "", "measure that a change may not worsen", RETRAINING),
    _row("target_improvement", FLOAT, 0.05, "ratio",
         "least relative gain for a change", RETRAINING, low=0.02, high=0.15),
    _row("parameter_expansion_limit", FLOAT, 0.2, "ratio",
         "furthest a parameter may move from its default", RETRAINING, low=0.1, high=0.5),
    _row("confidence_requirement", FLOAT, 0.8, "ratio",
         "confidence in the gain that a change needs", RETRAINING, low=0.7, high=0.95),
    _row("revert_threshold", FLOAT, 0.1, "ratio",
         "loss after which a change is taken back", RETRAINING, low=0.05, high=0.2),
    _row("adaptation_frequency", INT, 24, "hours", "time between two changes", RETRAINING, low=1, high=168),
    _row("market_condition_clustering", BOOL, ON, "", "like markets are tuned together", RETRAINING),
    _row("regime_specific_tuning", BOOL, ON, "", "each regime has settings of its own", RETRAINING),
    _row("max_simultaneous_changes", INT, 3, "parameters",
         "parameters that may change at once", RETRAINING, low=1, high=5),
    _row("require_human_approval", BOOL, OFF, "", "a person must approve each change", RETRAINING),
    _row("auto_rollback_enabled", BOOL, ON, "", "a change that lost is taken back by itself", RETRAINING),
)

_row = partial(Parameter, "AdaptiveLearning")
_LEARNING = (
    _row("adaptive_enabled", BOOL, ON, "", "the forecasting model is retrained by itself", RETRAINING),
    _row("learning_rate", FLOAT, 0.001, "ratio",
         "step of the forecasting model's online update", RETRAINING, low=1e-6, high=1),
    _row("memory_window", INT, 1000, "samples",
         "samples that the forecasting model remembers", RETRAINING, low=1, high=1_000_000),
    _row("update_frequency", INT, 100, "samples",
         "samples between updates of the forecasting model", RETRAINING, low=1, high=100_000),
    _row("performance_threshold", FLOAT, 0.85, "ratio",
         "performance below which the forecasting model is updated", RETRAINING, low=0, high=1),
    _row("parameter_adaptation", ADAPTATION, "BAYESIAN", "", "how new settings are searched for", RETRAINING),
    _row("online_learning", BOOL, ON, "", "each sample updates the model", RETRAINING),
    _row("drift_detection", BOOL, ON, "", "watch the inputs for drift", RETRAINING),
    _row("drift_threshold", FLOAT, 0.15, "ratio", "drift statistic that raises an alarm", RETRAINING, low=0, high=1),
    _row("retraining_trigger", TRIGGER, "PERFORMANCE_BASED", "", "what starts a retraining", RETRAINING),
)

_row = partial(Parameter, "AccuracyEnhancement")
_INPUTS = (
    _row("feature_engineering", FEATURE_LEVEL, "ADVANCED", "",
         "how many groups of features the model is offered", SCREENING),
    _row("price_action_features", BOOL, ON, "", "offer the model price action", SCREENING),
    _row("microstructure_features", BOOL, ON, "", "offer the model market microstructure", SCREENING),
    _row("orderbook_imbalance", BOOL, ON, "",
         "offer the model order-book imbalance where an order book exists", SCREENING),
    _row("volume_profile_analysis", BOOL, ON, "", "offer the model the volume profile", SCREENING),
    _row("market_depth_features", BOOL, ON, "", "offer the model market depth where it is known", SCREENING),
    _row("tick_analysis", BOOL, ON, "", "offer the model features of ticks where ticks exist", SCREENING),
    _row("spread_dynamics", BOOL, ON, "", "offer the model bid-ask spreads where they are known", SCREENING),
    _row("feature_selection", SELECTION, "RECURSIVE_ELIMINATION", "",
         "how inputs are chosen among those offered", SCREENING),
    _row("feature_importance_threshold", FLOAT, 0.05, "ratio",
         "least importance of an input that stays", SCREENING, low=0, high=1),
)
# fmt: on

_SHEETS = (
    bounded_sheet("AdaptiveTuning", "how parameters are tuned on results, and when a change is taken back"),
    titled_sheet("AdaptiveLearning", "how the forecasting model follows the market"),
    titled_sheet("AccuracyEnhancement", "which inputs the forecasting model is offered"),
)


def declarations() -> Declarations:
    """Of AdaptiveTuning, AdaptiveLearning and AccuracyEnhancement."""
    return Declarations(parameters=_TUNING + _LEARNING + _INPUTS, sheets=_SHEETS)
