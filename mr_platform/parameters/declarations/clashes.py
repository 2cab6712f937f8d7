"""Whether a contradiction of the customer's workbook is there, where comparing two values does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mr_platform.parameters.declaration import records_of
from mr_platform.parameters.expressions import REGIMES, matching
from mr_platform.parameters.terms import Settings

Values = Mapping[str, object]

CLASSES = "RegimeClassification"
VOLATILITY = "RegimeClassification.Volatility Thresholds"
TREND = "RegimeClassification.Trend Thresholds"
INDICATORS = "IndicatorConfiguration"

# What the strategy workbook's form has.
_SHEETS = 31
_PARAMETER_ROWS = 270
# The part that each indicator is called in DynamicWeightageConfig.
_PARTS = {
    "GreekSentimentAnalysis": "GreekSentiment",
    "TrendingOIPA": "TrendingOIPA",
    "TripleStraddleAnalysis": "StraddleAnalysis",
    "IVSurfaceAnalysis": "IVSurface",
    "ATRBasedIndicators": "ATRIndicators",
    "MultiTimeframeAnalysis": "MultiTimeframe",
    "VolumeProfileAnalysis": "VolumeProfile",
    "CorrelationMatrix": "Correlation",
}


def indicator(values: Values, number: str) -> Mapping[str, Any]:
    """The settings of an indicator by name, with its switch as Enabled; empty where there is no such indicator."""
    for record in records_of(values, INDICATORS):
        if record["IndicatorID"] == number and isinstance(record["Parameters"], Settings):
            return {**dict(record["Parameters"].pairs), "Enabled": record["Enabled"]}
    return {}


def sheets_miscounted(values: Values) -> bool:
    """The workbook claims another number of sheets than its form has."""
    return values["TemplateMetadata.Total Sheets"] != _SHEETS


def parameters_miscounted(values: Values) -> bool:
    """It claims another number of parameters than its parameter sheets have rows."""
    return values["TemplateMetadata.Total Parameters"] != _PARAMETER_ROWS


def outside_its_options(values: Values) -> bool:
    """The market type is none of the options that its row lists."""
    return values["MasterConfiguration.market_type"] not in ("EQUITY", "OPTIONS", "FUTURES", "FOREX")


def validation_source(values: Values) -> bool:
    """The summary names another source than the framework, or excludes simulated data that the framework admits."""
    summary = str(values["Summary.Validation Source:"])
    named = str(values["ValidationFramework.validation_source"]) in summary.upper()
    return not named or ("NO Synthetic" in summary) is bool(values["ValidationFramework.synthetic_data_allowed"])


def accuracy_aims(values: Values) -> bool:
    """The summary aims at another accuracy than the metrics do."""
    return _target(values, "regime_accuracy") != values["Summary.Target Accuracy:"]


def confidence_aims(values: Values) -> bool:
    """The metrics aim at another confidence than forecasts need."""
    return _target(values, "prediction_confidence") != values["StabilityConfiguration.prediction_confidence"]


def metric_weights(values: Values) -> bool:
    """The weights of the metrics do not sum to 1."""
    total: float = sum(one["Weight"] for one in records_of(values, "PerformanceMetrics"))
    return abs(total - 1) > 1e-9


def shortest_spells(values: Values) -> bool:
    """A regime has several shortest spells."""
    spells = {one["RegimeName"]: one["MinDuration"] for one in records_of(values, "RegimeParameters")}
    general = values["StabilityConfiguration.minimum_regime_duration"]
    return any(
        not one["MinDuration"] == spells.get(one["RegimeName"]) == general for one in records_of(values, CLASSES)
    )


def longest_spells(values: Values) -> bool:
    """A regime's longest spell is not the general one."""
    general = values["StabilityConfiguration.maximum_regime_duration"]
    return any(one["MaxDuration"] != general for one in records_of(values, "RegimeParameters"))


def direct_reversals(values: Values) -> bool:
    """A rule reverses the trend although the switch forbids it."""
    up = {name for name in REGIMES if "Bullish" in name}
    down = {name for name in REGIMES if "Bearish" in name}
    steps = [
        (set(matching(one["FromRegime"])), set(matching(one["ToRegime"])))
        for one in records_of(values, "TransitionRules")
    ]
    # a pattern such as *_Low_Vol keeps the trend: only a step whose ends have different trends throughout reverses
    listed = any((a <= up and b <= down) or (a <= down and b <= up) for a, b in steps)
    return listed and not values["TransitionManagement.allow_direct_reversals"]


def regimes_without_formation(values: Values) -> bool:
    """Some of the 18 regimes have no formation rule."""
    formed = {name for one in records_of(values, "RegimeFormationConfig") for name in matching(one["RegimeType"])}
    return formed != set(REGIMES)


def sideways_overlaps(values: Values) -> bool:
    """The slopes of Sideways overlap those of another trend."""
    slopes = {one["Class"]: (one["MinSlope"], one["MaxSlope"]) for one in records_of(values, TREND)}
    if "Sideways" not in slopes:
        return False
    low, high = slopes.pop("Sideways")
    return any(a < high and low < b for a, b in slopes.values())


def percentile_cuts(values: Values) -> bool:
    """The ATR sheet cuts its percentiles elsewhere than the volatility classes do."""
    ranges = {one["Class"]: one["ATR_Percentile"] for one in records_of(values, VOLATILITY)}
    cuts = (values["ATRIndicatorsConfig.low_vol_atr_percentile"], values["ATRIndicatorsConfig.high_vol_atr_percentile"])
    return "Medium" in ranges and (ranges["Medium"].low, ranges["Medium"].high) != cuts


def slots_before_the_open(values: Values) -> bool:
    """A slot begins before the session does."""
    opening: Any = values["MasterConfiguration.market_open_time"]
    return any(one["StartTime"] < opening for one in records_of(values, "IntradaySettings"))


def expiry_weekday(values: Values) -> bool:
    """A description says that contracts expire on Thursdays."""
    days = records_of(values, "IntradaySettings.Special Day Adjustments")
    return any("Thursday" in str(one.get("Description")) for one in days)


def greek_shares(values: Values) -> bool:
    """The indicator's settings give the Greeks other shares than their sheet."""
    said = indicator(values, "IND001")
    names = ("delta_weight", "gamma_weight", "vega_weight", "theta_weight")
    return any(said.get(name, 0) != values[f"GreekSentimentConfig.{name}"] for name in names)


def pivot_methods(values: Values) -> bool:
    """The indicator's settings name other pivot methods than are switched on."""
    written = {"classic": "classic", "fib": "fibonacci", "cam": "camarilla"}
    said = indicator(values, "IND003").get("pivot_types", ())
    named = {written.get(name, name) for name in (said if isinstance(said, tuple) else (said,))}
    used = {name for name in ("classic", "fibonacci", "camarilla", "woodie", "demark")
            if values[f"StraddleAnalysisConfig.use_{name}_pivots"]}  # fmt: skip
    return named != used


def indicator_timeframes(values: Values) -> bool:
    """The indicator's settings name other timeframes than the table."""
    said = indicator(values, "IND006").get("timeframes", ())
    named = {f"{one}min" for one in (said if isinstance(said, tuple) else (said,))}
    return named != {one["Timeframe"] for one in records_of(values, "MultiTimeframeConfig")}


def timeframe_votes(values: Values) -> bool:
    """The table and the fusion sheet weigh the timeframes differently."""
    table = records_of(values, "MultiTimeframeConfig")
    shortest_first = sorted(table, key=lambda one: int(one["Timeframe"].removesuffix("min")))
    return tuple(one["Weight"] for one in shortest_first) != values["MultiTimeframeFusion.timeframe_weights"]


def ensemble_off(values: Values) -> bool:
    """The ensemble is on in one place and off in the other."""
    return values["EnsembleMethods.ensemble_enabled"] is not indicator(values, "IND009").get("Enabled")


def order_flow_off(values: Values) -> bool:
    """Order flow is on in one place and off in the other."""
    return values["AccuracyEnhancement.orderbook_imbalance"] is not indicator(values, "IND010").get("Enabled")


def indicator_weights(values: Values) -> bool:
    """An enabled indicator starts with another weight than its part has in DynamicWeightageConfig."""
    base = {one["Component"]: one["BaseWeight"] for one in records_of(values, "DynamicWeightageConfig")}
    return any(
        one["Weight"] != base.get(_PARTS.get(one["IndicatorName"], ""))
        for one in records_of(values, INDICATORS)
        if one["Enabled"]
    )


def always(_: Values) -> bool:
    """Two systems of weights over different parts: no values make them agree."""
    return True


def risk_adds_up(values: Values) -> bool:
    """All positions at full risk exceed the most that may be at risk."""
    return any(
        one["MaxPositions"] * one["RiskPerTrade"] > one["MaxRisk"] for one in records_of(values, "PortfolioSetting")
    )


def coarse_regimes(values: Values) -> bool:
    """The companion workbook knows another number of regimes."""
    return len(records_of(values, "RegimeDefinitions")) != len(records_of(values, CLASSES))


def several_calibrations(values: Values) -> bool:
    """Platt scaling is on beside another method."""
    method = values["ConfidenceCalibration.calibration_method"]
    return bool(values["ConfidenceCalibration.platt_scaling_enabled"]) and method != "PLATT_SCALING"


def not_wilder(values: Values) -> bool:
    """ATR is smoothed otherwise than by Wilder's recursion."""
    return values["ATRIndicatorsConfig.atr_smoothing"] != "WILDER"


def outlier_rule(values: Values) -> bool:
    """The limits of an outlier differ."""
    cuts = [one["Condition"].operand for one in records_of(values, "ValidationRules") if one["RuleID"] == "VAL003"]
    spike, exposure = values["NoiseFiltering.spike_threshold"], values["GreekSentimentConfig.outlier_threshold"]
    return len({spike, exposure, *cuts}) > 1


def transition_aims(values: Values) -> bool:
    """The metrics aim at another number of transitions than the master sheet."""
    return _target(values, "daily_transitions") != values["MasterConfiguration.target_daily_transitions"]


def _target(values: Values, metric: str) -> object:
    found = (one["Target"] for one in records_of(values, "PerformanceMetrics") if one["Metric"] == metric)
    return next(found, None)
