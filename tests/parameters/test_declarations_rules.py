"""Rules between values: each holds for the declared values and is broken by a case of its own."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from declared_values import changed, declared_values

from mr_platform.parameters.registry import registry
from mr_platform.parameters.terms import Adjustment

RULES = {rule.name if rule.ids != ("RegimeParameters",) else f"RegimeParameters: {rule.name}": rule
         for rule in registry().rules}  # fmt: skip
_G, _S, _A = "GreekSentimentConfig", "StabilityConfiguration", "ATRIndicatorsConfig"
_ADJUSTMENTS = "DynamicWeightageConfig.Dynamic Weight Adjustment Rules"

# A rule, what is changed to break it, and what it then says.
BROKEN: list[tuple[str, dict[str, Any], str]] = [
    (
        "delta_weight, gamma_weight, vega_weight, theta_weight are shares and sum to 1",
        {f"{_G}.gamma_weight": 0.4},
        "0.25 + 0.4 + 0.25 + 0.15 = 1.05",
    ),
    (
        "cumulative_oi_weight, oi_velocity_weight are shares and sum to 1",
        {"TrendingOIPAConfig.oi_velocity_weight": 0.5},
        "0.6 + 0.5 = 1.1",
    ),
    (
        "stability_score_weight, accuracy_score_weight are shares and sum to 1",
        {f"{_S}.stability_score_weight": 0.2},
        "0.2 + 0.7 = 0.9",
    ),
    (
        "hmm_weight, gmm_weight, random_forest_weight, gradient_boost_weight are shares and sum to 1",
        {"EnsembleMethods.hmm_weight": 0.0},
        "0 + 0.25 + 0.2 + 0.2 = 0.65",
    ),
    (
        "Weight sums to 1 over the records",
        {"MultiTimeframeConfig": {0: {"Weight": 0.31}}},
        "0.31 + 0.35 + 0.2 + 0.1 + 0.05 = 1.01",
    ),
    (
        "Weight sums to 1 over the records where Enabled is set",
        {"IndicatorConfiguration": {7: {"Enabled": False}}},
        "0.2 + 0.15 + 0.15 + 0.1 + 0.1 + 0.15 + 0.08 = 0.93",
    ),
    (
        "BaseWeight sums to 1 over the records",
        {"DynamicWeightageConfig": {7: None}},
        "0.2 + 0.15 + 0.15 + 0.1 + 0.1 + 0.15 + 0.08 = 0.93",
    ),
    (
        "timeframe_weights has one share for each timeframe, and they sum to 1",
        {"MultiTimeframeFusion.timeframe_weights": (0.5, 0.5)},
        "2 weights, 5 timeframes",
    ),
    (
        "timeframe_weights has one share for each timeframe, and they sum to 1",
        {"MultiTimeframeFusion.timeframe_weights": (0.2, 0.2, 0.2, 0.2, 0.1)},
        "0.2 + 0.2 + 0.2 + 0.2 + 0.1 = 0.9",
    ),
    (
        "allocations of the enabled strategies sum to at most 100 percent",
        {"StrategySetting": {0: {"AllocationPercent": 100.5}}},
        "100.5 percent",
    ),
    (
        "market_open_time < market_close_time",
        {"MasterConfiguration.market_open_time": time(16, 0)},
        "16:00:00 < 15:30:00",
    ),
    (
        "confirmation_window <= minimum_regime_duration <= maximum_regime_duration",
        {f"{_S}.minimum_regime_duration": 241},
        "5 <= 241 <= 240",
    ),
    (
        "confidence_threshold <= high_confidence_threshold",
        {f"{_S}.high_confidence_threshold": 0.6},
        "0.7 <= 0.6",
    ),
    (
        "min_transitions_per_day <= max_transitions_per_day",
        {f"{_S}.min_transitions_per_day": 7},
        "7 <= 6",
    ),
    (
        "max_transitions_per_hour <= max_transitions_per_day",
        {f"{_S}.max_transitions_per_day": 1},
        "2 <= 1",
    ),
    (
        "transition_confidence_required < emergency_transition_threshold",
        {"TransitionManagement.transition_confidence_required": 0.9},
        "0.9 < 0.9",
    ),
    (
        "bearish_threshold <= bullish_threshold <= extreme_sentiment",
        {f"{_G}.extreme_sentiment": 0.5},
        "-0.6 <= 0.6 <= 0.5",
    ),
    (
        "low_vol_atr_percentile < high_vol_atr_percentile",
        {f"{_A}.low_vol_atr_percentile": 70},
        "70 < 70",
    ),
    (
        "confidence_floor < confidence_ceiling",
        {"ConfidenceCalibration.confidence_ceiling": 0.5},
        "0.6 < 0.5",
    ),
    (
        "optimize_for and secondary_target differ",
        {"AdaptiveTuning.optimize_for": "STABILITY"},
        "both STABILITY",
    ),
    ("all 18 regimes are there", {"RegimeClassification": {17: None}}, "Sideways_Low_Vol"),
    ("a name belongs to its id", {"RegimeClassification": {0: {"RegimeID": 1}}}, "1 Strong_Bullish_High_Vol"),
    ("each regime has its own priority", {"RegimeClassification": {0: {"Priority": 18}}}, "Priority 18 twice"),
    ("each regime has its own colour", {"RegimeClassification": {0: {"Color": "#9400D3"}}}, "Color #9400D3 twice"),
    (
        "a name is made of its trend and volatility class",
        {"RegimeClassification": {1: {"TrendClass": "Bullish"}}},
        "Strong_Bullish_Med_Vol/Bullish/Medium",
    ),
    ("RegimeParameters: all 18 regimes are there", {"RegimeParameters": {0: None}}, "Neutral_Low_Vol"),
    (
        "RegimeParameters: a name belongs to its id",
        {"RegimeParameters": {0: {"RegimeID": 7}}},
        "7 Neutral_Low_Vol",
    ),
    (
        "RegimeParameters: MinDuration <= TypicalDuration <= MaxDuration",
        {"RegimeParameters": {0: {"MinDuration": 61}}},
        "Neutral_Low_Vol/61/60/180",
    ),
    (
        "RegimeParameters: ExitThreshold < EntryThreshold",
        {"RegimeParameters": {0: {"ExitThreshold": 0.4}}},
        "Neutral_Low_Vol/0.4/0.4",
    ),
    (
        "MinWeight <= BaseWeight <= MaxWeight",
        {"DynamicWeightageConfig": {0: {"MinWeight": 0.21}, 1: {"MaxWeight": 0.14}}},
        "GreekSentiment/0.21/0.2/0.35, TrendingOIPA/0.1/0.15/0.14",
    ),
    (
        "one change for each component",
        {_ADJUSTMENTS: {4: {"Adjustment": (Adjustment("A", 1), Adjustment("B", 2)), "Condition": "High Correlation"}}},
        "High Correlation/(Adjustment(target='A', percent=1), Adjustment(target='B', percent=2))/('Correlation',)",
    ),
    (
        "Target, Acceptable and Critical run one way",
        {"PerformanceMetrics": {0: {"Acceptable": 0.8}}},
        "regime_accuracy/0.75/0.8/0.55",
    ),
    ("RequiredBars <= Window", {"MultiTimeframeConfig": {0: {"RequiredBars": 31}}}, "1min/31/30"),
    (
        "min_timeframes_required is at most the number of timeframes",
        {"MultiTimeframeConfig.min_timeframes_required": 6},
        "6 of 5",
    ),
    (
        "min_agreeing_timeframes is at most the number of timeframes",
        {"MultiTimeframeConfig": {0: None, 1: None, 2: None, 3: None}},
        "2 of 1",
    ),
    (
        "the primary timeframe is not among the secondary ones, and none of them stands twice",
        {"MultiTimeframeFusion.primary_timeframe": "15M"},
        "15M, 1M, 15M, 30M, 60M",
    ),
    ("a slot starts before it ends", {"IntradaySettings": {0: {"EndTime": time(9, 0)}}}, "PreMarket"),
    (
        "slots do not overlap",
        {"IntradaySettings": {1: {"EndTime": time(9, 45)}}},
        "OpeningBell until 09:45, EarlyMorning from 09:30",
    ),
    (
        "no slot ends after market_close_time",
        {"MasterConfiguration.market_close_time": time(15, 15)},
        "ClosingHour",
    ),
    (
        "a transition stands once",
        {"TransitionRules": {1: {"FromRegime": "Neutral_Low_Vol", "ToRegime": "Neutral_Med_Vol"}}},
        "Neutral_Low_Vol to Neutral_Med_Vol twice",
    ),
    (
        "a transition leaves the regime it starts in",
        {"TransitionRules": {0: {"ToRegime": "Neutral_Low_Vol"}}},
        "1/Neutral_Low_Vol",
    ),
]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_holds_for_the_declared_values(name: str) -> None:
    assert RULES[name].check(declared_values()) is None


@pytest.mark.parametrize(("name", "changes", "found"), BROKEN)
def test_a_broken_rule_says_what_was_found(name: str, changes: dict[str, Any], found: str) -> None:
    assert RULES[name].check(changed(declared_values(), changes)) == found


def test_every_rule_has_a_case_that_breaks_it() -> None:
    assert {name for name, _, _ in BROKEN} == set(RULES)
    assert len(RULES) == len(registry().rules)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_speaks_of_what_is_declared_and_names_a_remedy(name: str) -> None:
    assert set(RULES[name].ids) <= set(declared_values())
    assert RULES[name].remedy


@pytest.mark.parametrize("name", RULES)
def test_a_rule_survives_tables_without_records_and_records_with_empty_cells(name: str) -> None:
    values = declared_values()
    for table in registry().tables.values():
        values[table.id] = ()
    RULES[name].check(values)
    for table in registry().tables.values():
        values[table.id] = tuple({**record, table.names[-2]: None} for record in declared_values()[table.id])
    RULES[name].check(values)
