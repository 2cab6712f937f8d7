"""Parameter objects: the values of the definitions, errors that name the parameter, and what a change reaches."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mr_platform.errors import DataError
from mr_platform.parameters.atr_ema_cpr import AtrEmaCprParameters
from mr_platform.parameters.by_dte import at_dte, by_threshold
from mr_platform.parameters.common import DailyContextParameters, DteHistoryParameters, WindowParameters
from mr_platform.parameters.constraints import Broken, ParameterFault
from mr_platform.parameters.correlation import CorrelationParameters
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.greeks_sentiment import GREEKS, GreeksSentimentParameters
from mr_platform.parameters.iv_skew import IvSkewParameters
from mr_platform.parameters.labels import LabelParameters
from mr_platform.parameters.learning import LearningParameters, TreesCandidate
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import (
    KINDS,
    build,
    declared_for,
    declared_set,
    defaults,
    digest,
    faults,
    names_of,
)
from mr_platform.parameters.oi_price_action import OiPriceActionParameters
from mr_platform.parameters.regimes import RegimeParameters, RuleParameters
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet, Resolved, replaced
from mr_platform.parameters.support_resistance import SupportResistanceParameters
from mr_platform.parameters.triple_straddle import TripleStraddleParameters
from mr_platform.parameters.values import Value, ValueFault

ROOT = Path(__file__).resolve().parents[2]
C2, C3, C4 = defaults(GreeksSentimentParameters), defaults(OiPriceActionParameters), defaults(IvSkewParameters)
C5, C6, C7 = defaults(AtrEmaCprParameters), defaults(CorrelationParameters), defaults(SupportResistanceParameters)
C8 = defaults(MasterIntegrationParameters)


def with_values(values: Mapping[str, Value]) -> ParameterSet:
    changes = {name: Resolved(name, value, "change", "test") for name, value in values.items()}
    return replaced(declared_set(), changes)


# What the components' definitions say, sentence by sentence.
DEFINED = [
    (C2.first_order_weights, (1.0, 1.5, 0.8, 1.2)),
    (C2.second_order_weights, (0.7, 0.6, 0.5)),
    (C2.order_shares, (0.70, 0.30)),
    ((sum(C2.first_order_weights), sum(C2.second_order_weights)), pytest.approx((4.5, 1.8))),
    (C2.multipliers(0), (0.5, 3.0, 2.0, 0.3, 2.5, 3.0, 0.2)),
    (C2.multipliers(15), (1.0,) * 7),
    (C2.multipliers(200), (1.4, 0.5, 0.7, 1.6, 0.5, 0.4, 1.7)),
    (C2.straddle_weights, (0.50, 0.25, 0.25)),
    (C2.level_cuts, (-0.45, -0.15, -0.08, 0.08, 0.15, 0.45)),
    ([C2.flow_threshold(s) for s in ("NIFTY", "BANKNIFTY", "RELIANCE")], [15_000, 22_000, 3_000]),
    ([C2.pin_multiplier(d) for d in (0, 3, 4, 15, 16)], [3.0, 3.0, 1.0, 1.0, 0.3]),
    ([C2.transition_multiplier(d) for d in (3, 7, 8)], [1.5, 1.2, 1.0]),
    ([C3.strikes.side(vix) for vix in (30.0, 20.0, 10.0, float("nan"))], [9, 7, 5, 7]),
    (C3.velocity_strength("BANKNIFTY"), (0.15, 0.08, 0.03)),
    (C3.flow_ratio("TCS"), (25, 15, 8)),
    (C3.buildup_cuts(5), (0.01, 0.02)),
    (C3.buildup_cuts(20), (0.02, 0.04)),
    (C3.timeframe_weights, (0.15, 0.35, 0.30, 0.20)),
    ((C3.trend_weights, C3.integrated_weights), ((0.25, 0.20, 0.30, 0.25), (0.30, 0.25, 0.20, 0.25))),
    ((C4.wing_deltas, C4.headline_delta, C4.least_strikes), ((0.10, 0.25), 0.25, 5)),
    (C4.level_cuts, (0.10, 0.25, 0.40, 0.60, 0.75, 0.90)),
    ((C4.contango, C4.backwardation, C4.percentile_sessions, C4.percentile_least), (0.05, -0.05, 252, 30)),
    ((C4.memory.iv_lowest, C4.memory.iv_highest), (0.01, 3.0)),
    ((C4.skew_transition, C4.atm_transition, C4.wing_transition), (0.02, 0.05, 0.03)),
    ((C5.asset_weights, C5.agreement, C5.conflict), ((0.60, 0.40), 1.2, 0.8)),
    (C5.memory.atr_spans, (14, 21, 50)),
    (tuple(C5.method_weights.values()), (0.30, 0.25, 0.20, 0.15, 0.10)),
    ((C5.squeeze_bars, C5.squeeze_percentile, C5.expansion, C5.contraction), (20, 0.25, 1.2, 0.8)),
    ((C5.cpr.narrow_percent, C5.cpr_wide_percent), (0.35, 1.0)),
    (C6.phases, (10, 18, 24, 30)),
    ([C6.gap_weight(g) for g in (0.1, 0.2, -0.6, 1.0, -3.0)], [1.0, 0.8, 0.6, 0.4, 0.2]),
    ((C6.breakdown.critical, C6.breakdown.warning, C6.breakdown.most_per_session), (0.8, 0.6, 10)),
    ((C6.coherence_critical, C6.coherence_warning, C6.absorption_share), (0.3, 0.5, 0.2)),
    (tuple(C7.method_weights.values()), (0.30, 0.25, 0.15, 0.10, 0.20)),
    (C7.strength_weights["31_plus"], (0.15, 0.20, 0.15, 0.25, 0.10, 0.15)),
    ((C7.breakout.distance, C7.breakout.hold_bars, C7.breakout.within_bars), (0.25, 3, 15)),
    ((C8.learning.history_weights, C8.learning.rate, C8.learning.lookback), ((0.7, 0.3), 0.1, 252)),
    (C8.learning.performance_weights, (0.40, 0.25, 0.20, 0.10, 0.05)),
    ((C8.structure.flag, C8.structure.adapt, C8.structure.answer_hours), (0.20, 0.30, 24)),
    (C8.rules, defaults(RegimeParameters).rules),
    (defaults(DteHistoryParameters).range_sessions, (1260, 756, 504)),
    ([defaults(DteHistoryParameters).range_of(d) for d in (0, 7, 8, 30, 31)], [0, 0, 1, 1, 2]),
]


@pytest.mark.parametrize(("found", "defined"), DEFINED)
def test_the_declared_values_are_those_of_the_definitions(found: object, defined: object) -> None:
    assert found == defined


def test_the_weight_of_no_greek_can_be_0() -> None:
    for greek in GREEKS:
        declared = registry().parameters[f"GreekSentimentConfig.{greek}_component_weight"]
        assert declared.low is not None and declared.low > 0
        with pytest.raises(ValueFault, match="between"):
            declared.accept(0)
    with pytest.raises(DataError, match="weight of gamma is never 0"):
        replace(C2, gamma_weight=0.0)
    with pytest.raises(DataError, match="learned weight is never 0"):
        replace(C2.weight_learning, low=0.0)


def test_the_sheets_share_of_gamma_is_not_its_weight() -> None:
    shared = with_values({"GreekSentimentConfig.gamma_weight": 0.2})
    assert build(GreeksSentimentParameters, shared).gamma_weight == 1.5


def test_a_broken_rule_names_the_parameters_and_all_of_them_at_once() -> None:
    wrong = with_values(
        {
            "StraddleAnalysisConfig.ema_score_weights": (0.3, 0.3, 0.3, 0.3),
            "StraddleAnalysisConfig.vwap_cuts": (0.01, 0.005, 0.03),
            "StraddleAnalysisConfig.technique_weights_dte_7": (0.5, 0.5, 0.5),
        }
    )
    with pytest.raises(ParameterFault) as caught:
        build(TripleStraddleParameters, wrong)
    assert [one.fields for one in caught.value.broken] == [
        ("StraddleAnalysisConfig.ema_score_weights",),
        ("StraddleAnalysisConfig.vwap_cuts",),
        ("StraddleAnalysisConfig.technique_weights_dte_7",),
    ]
    assert "sum to 1" in str(caught.value) and "ascend" in str(caught.value)
    assert [one.place for one in faults(wrong)] == [caught.value.place]
    assert faults(declared_set()) == ()


def test_a_rule_between_objects_names_both() -> None:
    wrong = with_values({"StraddleAnalysisConfig.cpr_narrow_percent": 1.5})
    with pytest.raises(ParameterFault) as caught:
        build(AtrEmaCprParameters, wrong)
    assert caught.value.place == "StraddleAnalysisConfig.cpr_narrow_percent, ATRIndicatorsConfig.cpr_wide_percent"


def test_a_value_of_another_type_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"StraddleAnalysisConfig\.statistics_window"):
        build(TripleStraddleParameters, with_values({"StraddleAnalysisConfig.statistics_window": 20.5}))
    with pytest.raises(DataError, match="design_clock"):
        build(LearningParameters, with_values({"LearningConfig.design_clock": 1}))
    whole = with_values({"StraddleAnalysisConfig.confidence_spread": 3})
    assert repr(build(TripleStraddleParameters, whole).confidence_spread) == "3.0"


def test_a_fault_survives_the_way_between_processes() -> None:
    fault = ParameterFault([Broken("a < b", (2, 1), ("a", "b"))], place="X.a, X.b")
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.broken) == (str(fault), fault.broken)


def test_an_object_that_others_hold_is_one_object() -> None:
    other = with_values({"StraddleAnalysisConfig.window_coverage": 0.9})
    assert build(TripleStraddleParameters, other).windows == build(CorrelationParameters, other).windows
    assert build(WindowParameters, other).coverage == 0.9
    assert names_of(IvSkewParameters) == ("iv_skew", "daily_context", "windows", "dte_history")


def test_a_change_reaches_the_digests_of_what_it_steers_only() -> None:
    before = {kind: digest(declared_set(), kind) for kind in KINDS}
    changed = with_values({"StraddleAnalysisConfig.window_coverage": 0.9})
    moved = {kind for kind in KINDS if digest(changed, kind) != before[kind]}
    assert {WindowParameters, TripleStraddleParameters} < moved
    assert moved == {kind for kind in KINDS if "windows" in names_of(kind)}
    assert digest(changed, LabelParameters, RuleParameters) == digest(declared_set(), RuleParameters, LabelParameters)


def test_entries_carry_their_key_and_come_in_declared_order() -> None:
    learning = defaults(LearningParameters)
    assert [c.name for c in learning.candidates] == ["discriminant_firm", "discriminant_loose", "trees_stacked"]
    assert isinstance(learning.candidate(learning.default), TreesCandidate)
    assert list(defaults(LabelParameters).tasks) == ["h12", "h75", "nowcast"]
    assert defaults(LabelParameters).tasks["h75"].name == "h75"


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("window", 1),
        ("technique_anchors", 13),
        ("technique_anchors[7]", 1),
        ("component_learning", 10),
        ("windows", 2),
        ("windows.coverage", 1),
        ("daily_context.least_calls", 1),
        ("daily_context.unheard_of", 0),
        ("windo", 0),
    ],
)
def test_a_name_of_the_catalogue_finds_the_declarations_behind_it(name: str, count: int) -> None:
    found = declared_for(TripleStraddleParameters, name)
    assert len(found) == count
    assert all(isinstance(one, Parameter) for one in found)


def test_vectors_by_days_to_expiry_are_linear_between_anchors_and_held_beyond() -> None:
    anchors = ((2, (0.0, 1.0)), (6, (1.0, 0.0)))
    assert [at_dte(anchors, d) for d in (0, 2, 3, 6, 90)] == [(0, 1), (0, 1), (0.25, 0.75), (1, 0), (1, 0)]
    assert [by_threshold(d, (3, 15), (0.8, 0.5, 0.3)) for d in (0, 3, 4, 15, 16)] == [0.8, 0.8, 0.5, 0.5, 0.3]


def test_every_object_can_be_built_and_holds_no_field_without_a_declaration() -> None:
    for kind in KINDS:
        defaults(kind)
    assert defaults(DailyContextParameters).least_calls == 30


# Fractions that are no parameters: rounding, halves of a definition, pictures, the weights of the taxonomy's map, and
# those that an interface names for a request that brings none and refuses the ones in force.
FRACTIONS = {
    "c1_triple_straddle/cpu.py": {1e-9},
    "c1_triple_straddle/reference.py": {1e-9},
    "regimes/adaptation.py": {1e-12},
    "regimes/orchestrator.py": {0.10, 0.11, 0.12, 0.13, 0.14, 0.15},
    "regimes/state.py": {0.5},
    "regimes/transitions.py": {0.5},
    "regimes/windows.py": {1e-12},
}
EXEMPT = ("regimes/taxonomy.py", "regimes/timeline.py")


def test_no_fraction_of_a_definition_stands_in_the_code_of_c1_labels_and_regimes() -> None:
    found: dict[str, set[float]] = {}
    for folder in ("features/c1_triple_straddle", "regimes"):
        for path in sorted((ROOT / "mr_platform" / folder).glob("*.py")):
            name = f"{path.parent.name}/{path.name}"
            fractions = {
                node.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value % 1
            }
            if fractions and name not in EXEMPT:
                found[name] = fractions
    assert found == FRACTIONS
