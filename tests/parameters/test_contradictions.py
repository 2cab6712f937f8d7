"""Contradictions of the customer's workbook: known by name, told of while they stand, silent once settled."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from declared_values import changed, declared_values

from mr_platform.parameters.declarations.contradictions import NAMESAKES
from mr_platform.parameters.loading import read_set
from mr_platform.parameters.registry import registry
from mr_platform.parameters.terms import Settings
from mr_platform.parameters.validation import contradictions_of

KNOWN = {one.subject: one for one in registry().contradictions}
SILENT = {
    "cuts of the ATR percentile",
    "oi_lookback of IND002",
    "straddle_depth of IND003",
    "surface_points of IND004",
    "term_weight of IND004",
    "atr_period of IND005",
    "bands_multiplier of IND005",
    "weights of the indicators",
    "adaptive learning",
    "several timeframes",
    "transitions a session",
    "accuracy against stability",
    "source of validation data",
    "weekday of expiry",  # the declared descriptions name no weekday, the customer's do
}
_S = "StabilityConfiguration"
_INDICATORS = "IndicatorConfiguration"


def _settings(**pairs: Any) -> Settings:
    return Settings(tuple(pairs.items()))


def test_each_subject_is_told_of_once() -> None:
    assert len(KNOWN) == len(registry().contradictions)


@pytest.mark.parametrize("subject", KNOWN)
def test_a_contradiction_names_what_is_declared_and_one_of_them_rules(subject: str) -> None:
    one = KNOWN[subject]
    assert set(one.ids) <= set(declared_values())
    # one of several rules; over a single value something outside it does
    assert one.holds in (one.ids if len(one.ids) > 1 else ("", *one.ids))
    assert len(one.rule) > 20


@pytest.mark.parametrize("subject", KNOWN)
def test_the_workbooks_contradictions_stand(subject: str) -> None:
    assert KNOWN[subject].stands(declared_values()) is (subject not in SILENT)


def test_the_customers_workbook_is_told_of_all_its_contradictions(shared_data: Path) -> None:
    found = read_set(shared_data.parent / "excel" / "MR_CONFIG_STRATEGY_1.0.0.xlsx", {})
    told = {one.rule.partition(":")[0] for one in contradictions_of(found)} & set(KNOWN)
    assert told == set(KNOWN) - SILENT | {"weekday of expiry"}


# What makes a contradiction go silent, or a silent one speak.
TURNED: list[tuple[str, dict[str, Any]]] = [
    ("number of sheets", {"TemplateMetadata.Total Sheets": 31}),
    ("number of parameters", {"TemplateMetadata.Total Parameters": 270}),
    ("market type outside its own options", {"MasterConfiguration.market_type": "OPTIONS"}),
    ("source of validation data", {"ValidationFramework.synthetic_data_allowed": True}),
    ("source of validation data", {"ValidationFramework.validation_source": "PARQUET"}),
    ("aim for accuracy", {"PerformanceMetrics": {0: {"Target": 0.9}}}),
    ("confidence of a forecast", {f"{_S}.prediction_confidence": 0.7}),
    ("weights of the performance metrics", {"PerformanceMetrics": {0: {"Weight": 0.11}}}),
    ("slots before the open", {"IntradaySettings": {0: None}}),
    ("weekday of expiry", {"IntradaySettings.Special Day Adjustments": {0: {"Description": "Thursday"}}}),
    ("outliers", {"ValidationRules": {2: None}}),
    ("transitions in an hour", {f"{_S}.max_transitions_per_hour": 20}),
    ("confirmation", {"MasterConfiguration.regime_confirmation_bars": 5}),
    ("direct reversals", {"TransitionManagement.allow_direct_reversals": True}),
    ("direct reversals", {"TransitionRules": {13: None, 14: None}}),
    ("regimes without a formation rule", {"RegimeFormationConfig": {0: {"RegimeType": "ALL"}}}),
    ("slopes of Sideways and its neighbours", {"RegimeClassification.Trend Thresholds": {3: None}}),
    ("cuts of the ATR percentile", {"ATRIndicatorsConfig.low_vol_atr_percentile": 25}),
    ("shares of the Greeks", {_INDICATORS: {0: {"Parameters": _settings(
        delta_weight=0.25, gamma_weight=0.35, vega_weight=0.25, theta_weight=0.15)}}}),
    ("pivot methods", {_INDICATORS: {2: {"Parameters": _settings(
        pivot_types=("classic", "fib", "cam", "woodie", "demark"))}}}),
    ("oi_lookback of IND002", {_INDICATORS: {1: {"Parameters": _settings(oi_lookback=30)}}}),
    ("straddle_depth of IND003", {"StraddleAnalysisConfig.straddle_strikes": 5}),
    ("surface_points of IND004", {"IVSurfaceConfig.surface_strike_points": 9}),
    ("term_weight of IND004", {"IVSurfaceConfig.term_structure_weight": 0.5}),
    ("atr_period of IND005", {"ATRIndicatorsConfig.atr_period": 21}),
    ("bands_multiplier of IND005", {"ATRIndicatorsConfig.upper_band_multiplier": 2.5}),
    ("which timeframes", {"MultiTimeframeConfig": {4: None}}),
    ("weights of timeframes", {"MultiTimeframeFusion.timeframe_weights": (0.3, 0.35, 0.2, 0.1, 0.05)}),
    ("smoothing of ATR", {"ATRIndicatorsConfig.atr_smoothing": "WILDER"}),
    ("squeeze", {"ATRIndicatorsConfig.squeeze_threshold": 0.25}),
    ("weights of the indicators", {"DynamicWeightageConfig": {0: {"BaseWeight": 0.25}, 1: {"BaseWeight": 0.1}}}),
    ("the ensemble", {"EnsembleMethods.ensemble_enabled": False}),
    ("the order book", {"AccuracyEnhancement.orderbook_imbalance": False}),
    ("adaptive learning", {"AdaptiveLearning.adaptive_enabled": False}),
    ("several timeframes", {"MultiTimeframeFusion.mtf_enabled": False}),
    ("transitions a session", {"MasterConfiguration.target_daily_transitions": 3.0}),
    ("accuracy against stability", {"MasterConfiguration.accuracy_vs_stability": 0.6}),
    ("folds", {"ValidationFramework.cross_validation_folds": 5}),
    ("calibration", {"ConfidenceCalibration.platt_scaling_enabled": False}),
    ("risk of all positions", {"PortfolioSetting": {0: {"MaxRisk": 10.0}}}),
    ("weight of gamma", {"GreekSentimentConfig.gamma_component_weight": 0.35}),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "changes"), TURNED)
def test_a_contradiction_follows_the_values(subject: str, changes: dict[str, Any]) -> None:
    before = KNOWN[subject].stands(declared_values())
    assert KNOWN[subject].stands(changed(declared_values(), changes)) is not before


def test_every_rule_of_its_own_has_a_case_that_turns_it() -> None:
    of_their_own = {one.subject for one in registry().contradictions if one.clashes is not None}
    lasting = {"shortest spell", "longest spell", "weights of the components", "number of regimes"}
    assert of_their_own - lasting <= {subject for subject, _ in TURNED}


def test_spells_agree_once_all_durations_are_one() -> None:
    values = declared_values()
    for table, column in (("RegimeClassification", "MinDuration"), ("RegimeParameters", "MinDuration")):
        values[table] = tuple({**record, column: 30} for record in values[table])
    assert not KNOWN["shortest spell"].stands(values)
    values["RegimeParameters"] = tuple({**record, "MaxDuration": 240} for record in values["RegimeParameters"])
    assert not KNOWN["longest spell"].stands(values)


def test_a_contradiction_survives_tables_without_records() -> None:
    values = declared_values()
    for table in registry().tables.values():
        values[table.id] = ()
    for one in registry().contradictions:
        one.stands(values)


def test_a_name_on_several_sheets_is_a_known_contradiction_or_a_namesake() -> None:
    sheets: dict[str, list[str]] = defaultdict(list)
    for parameter in registry().parameters.values():
        sheets[parameter.name].append(parameter.id)
    covered = [set(one.ids) for one in registry().contradictions]
    unknown = [
        name
        for name, ids in sheets.items()
        if len(ids) > 1 and name not in NAMESAKES and not any(set(ids) <= one for one in covered)
    ]
    assert unknown == []
    assert set(NAMESAKES) <= {name for name, ids in sheets.items() if len(ids) > 1}
    assert all(NAMESAKES.values())


def test_a_value_outside_the_range_of_its_own_row_would_not_pass_unnoticed() -> None:
    # every default lies in the declared range, and the declared range is the sheet's own
    for parameter in registry().parameters.values():
        assert parameter.accept(parameter.kind.render(parameter.default)) == parameter.default


def test_the_weight_of_gamma_is_the_components_and_never_the_share() -> None:
    one = KNOWN["weight of gamma"]
    assert one.holds == "GreekSentimentConfig.gamma_component_weight"
    assert declared_values()[one.holds] == 1.5
    assert declared_values()["GreekSentimentConfig.gamma_weight"] == 0.35
