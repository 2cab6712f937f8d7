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


def indicator(values: Values, number: str) -> Mapping[str, Any]:
    for record in records_of(values, INDICATORS):
        if record["IndicatorID"] == number and isinstance(record["Parameters"], Settings):
            return {**dict(record["Parameters"].pairs), "Enabled": record["Enabled"]}
    return {}


def sheets_miscounted(values: Values) -> bool:
    return values["TemplateMetadata.Total Sheets"] != 31


def parameters_miscounted(values: Values) -> bool:
    return values["TemplateMetadata.Total Parameters"] != 270


def outside_its_options(values: Values) -> bool:
    return values["MasterConfiguration.market_type"] not in ("EQUITY", "OPTIONS", "FUTURES", "FOREX")


def validation_source(values: Values) -> bool:
    summary = str(values["Summary.Validation Source:"])
    named = str(values["ValidationFramework.validation_source"]) in summary.upper()
    return not named or ("NO Synthetic" in summary) is bool(values["ValidationFramework.synthetic_data_allowed"])


def accuracy_aims(values: Values) -> bool:
    aim = [one["Target"] for one in records_of(values, "PerformanceMetrics") if one["Metric"] == "regime_accuracy"]
    return aim != [values["Summary.Target Accuracy:"]]


def confidence_aims(values: Values) -> bool:
    metric = "prediction_confidence"
    aim = [one["Target"] for one in records_of(values, "PerformanceMetrics") if one["Metric"] == metric]
    return aim != [values["StabilityConfiguration.prediction_confidence"]]


def metric_weights(values: Values) -> bool:
    total: float = sum(one["Weight"] for one in records_of(values, "PerformanceMetrics"))
    return abs(total - 1) > 1e-9


def shortest_spells(values: Values) -> bool:
    spells = {one["RegimeName"]: one["MinDuration"] for one in records_of(values, "RegimeParameters")}
    general = values["StabilityConfiguration.minimum_regime_duration"]
    return any(
        not one["MinDuration"] == spells.get(one["RegimeName"]) == general for one in records_of(values, CLASSES)
    )


def longest_spells(values: Values) -> bool:
    general = values["StabilityConfiguration.maximum_regime_duration"]
    return any(one["MaxDuration"] != general for one in records_of(values, "RegimeParameters"))


def direct_reversals(values: Values) -> bool:
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
    formed = {name for one in records_of(values, "RegimeFormationConfig") for name in matching(one["RegimeType"])}
    return formed != set(REGIMES)


def sideways_overlaps(values: Values) -> bool:
    slopes = {one["Class"]: (one["MinSlope"], one["MaxSlope"]) for one in records_of(values, TREND)}
    if "Sideways" not in slopes:
        return False
    low, high = slopes.pop("Sideways")
    return any(a < high and low < b for a, b in slopes.values())


def percentile_cuts(values: Values) -> bool:
    ranges = {one["Class"]: one["ATR_Percentile"] for one in records_of(values, VOLATILITY)}
    cuts = (values["ATRIndicatorsConfig.low_vol_atr_percentile"], values["ATRIndicatorsConfig.high_vol_atr_percentile"])
    return "Medium" in ranges and (ranges["Medium"].low, ranges["Medium"].high) != cuts


def slots_before_the_open(values: Values) -> bool:
    opening: Any = values["MasterConfiguration.market_open_time"]
    return any(one["StartTime"] < opening for one in records_of(values, "IntradaySettings"))


def expiry_weekday(values: Values) -> bool:
    days = records_of(values, "IntradaySettings.Special Day Adjustments")
    return any("Thursday" in str(one["Description"]) for one in days)


def greek_shares(values: Values) -> bool:
    said = indicator(values, "IND001")
    names = ("delta_weight", "gamma_weight", "vega_weight", "theta_weight")
    return any(said.get(name, 0) != values[f"GreekSentimentConfig.{name}"] for name in names)


def pivot_methods(values: Values) -> bool:
    written = {"classic": "classic", "fib": "fibonacci", "cam": "camarilla"}
    said = indicator(values, "IND003").get("pivot_types", ())
    named = {written.get(name, name) for name in (said if isinstance(said, tuple) else (said,))}
    used = {name for name in ("classic", "fibonacci", "camarilla", "woodie", "demark")
            if values[f"StraddleAnalysisConfig.use_{name}_pivots"]}  # fmt: skip
    return named != used


def indicator_timeframes(values: Values) -> bool:
    said = indicator(values, "IND006").get("timeframes", ())
    minutes = [f"{one}min" for one in (said if isinstance(said, tuple) else (said,))]
    return minutes != [one["Timeframe"] for one in records_of(values, "MultiTimeframeConfig")]


def timeframe_votes(values: Values) -> bool:
    votes = tuple(one["Weight"] for one in records_of(values, "MultiTimeframeConfig"))
    return votes != values["MultiTimeframeFusion.timeframe_weights"]


def ensemble_off(values: Values) -> bool:
    return values["EnsembleMethods.ensemble_enabled"] is not indicator(values, "IND009").get("Enabled")


def order_flow_off(values: Values) -> bool:
    return values["AccuracyEnhancement.orderbook_imbalance"] is not indicator(values, "IND010").get("Enabled")


def indicator_weights(values: Values) -> bool:
    first = [one["Weight"] for one in records_of(values, INDICATORS) if one["Enabled"]]
    return first != [one["BaseWeight"] for one in records_of(values, "DynamicWeightageConfig")]


def always(_: Values) -> bool:
    # two systems of weights over different parts: no values make them agree
    return True


def risk_adds_up(values: Values) -> bool:
    return any(
        one["MaxPositions"] * one["RiskPerTrade"] > one["MaxRisk"] for one in records_of(values, "PortfolioSetting")
    )


def coarse_regimes(values: Values) -> bool:
    return len(records_of(values, "RegimeDefinitions")) != len(records_of(values, CLASSES))


def several_calibrations(values: Values) -> bool:
    method = values["ConfidenceCalibration.calibration_method"]
    return bool(values["ConfidenceCalibration.platt_scaling_enabled"]) and method != "PLATT_SCALING"


def not_wilder(values: Values) -> bool:
    return values["ATRIndicatorsConfig.atr_smoothing"] != "WILDER"


def outlier_rule(values: Values) -> bool:
    cuts = [one["Condition"].operand for one in records_of(values, "ValidationRules") if one["RuleID"] == "VAL003"]
    spike, exposure = values["NoiseFiltering.spike_threshold"], values["GreekSentimentConfig.outlier_threshold"]
    return len({spike, exposure, *cuts}) > 1


def transition_aims(values: Values) -> bool:
    aim = [one["Target"] for one in records_of(values, "PerformanceMetrics") if one["Metric"] == "daily_transitions"]
    return aim != [values["MasterConfiguration.target_daily_transitions"]]
