"""The orchestrator: which weights win, feedback worked out by hand, and what it tells of its health."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.adaptation import Decision
from mr_platform.regimes.feedback import PerformanceFeedback, smoothed
from mr_platform.regimes.inputs import ComponentScores
from mr_platform.regimes.orchestrator import AdaptiveLearningOrchestrator, MarketData
from mr_platform.regimes.results import analyse
from mr_platform.regimes.weights_in_force import WeightsInForce
from tests.regimes.test_component_performance import FIVE, START, labels
from tests.regimes.test_weight_adaptation import ANY, HALF, IST, MONDAY, QUIET, SETTINGS, learned, session, start

TUESDAY = date(2022, 11, 15)
SEVEN = {c: 0.1 * c - 0.2 for c in range(1, 8)}


def told(scores: dict[int, float], *, bars: int = 2) -> list[ComponentScores]:
    event_ts = START + np.arange(bars) * FIVE
    return [
        ComponentScores(
            component=c,
            event_ts=event_ts,
            known_ts=event_ts + FIVE,
            dte=np.full(bars, 3),
            score=np.full(bars, value),
            confidence=np.full(bars, 0.6),
            health=["healthy" if math.isfinite(value) else "unavailable"] * bars,
        )
        for c, value in scores.items()
    ]


def data(scores: dict[int, float] = SEVEN, **more: object) -> MarketData:
    return MarketData(told(scores), labels, **more)  # type: ignore[arg-type]


def orchestrator(weights: WeightsInForce | None = None, **more: object) -> AdaptiveLearningOrchestrator:
    return AdaptiveLearningOrchestrator(
        weights or start(),
        defaults(RegimeParameters),
        SETTINGS,
        next_session=TUESDAY,
        **more,  # type: ignore[arg-type]
    )


def feedback(**changed: object) -> PerformanceFeedback:
    given = {
        "component_id": 1,
        "dte_bucket": "0-7",
        "actual_regime": "HVC",
        "predicted_regime": "LVLD",
        "accuracy_score": 0.35,
        "timing_accuracy_minutes": 15.0,
        "observed_at": datetime(2022, 11, 14, 15, 40, tzinfo=IST),
    }
    return PerformanceFeedback(**(given | changed))  # type: ignore[arg-type]


def test_the_answer_is_that_of_the_result_tables():
    found = orchestrator().analyze_market_regime(data({**SEVEN, 8: 0.3}))
    row = analyse("NIFTY", told({**SEVEN, 8: 0.3}), defaults(RegimeParameters)).master.to_pylist()[-1]
    assert (found.analysis_id, found.rule_regime, found.source) == (
        row["analysis_id"],
        row["rule_regime"],
        row["source"],
    )
    assert found.probabilities["LVLD"] == row["p_lvld"]
    assert found.weighted_by == "adaptive"
    assert list(found.components) == [f"c{c}" for c in range(1, 9)]
    # C3: score .1, weight .15
    assert found.components["c3"].contribution == pytest.approx(0.1 * 0.15)
    assert math.isnan(found.components["c8"].weight)
    assert found.direction == pytest.approx(sum(c.contribution for k, c in found.components.items() if k != "c8"))


def test_weights_of_the_request_win_then_the_adaptive_then_the_fixed():
    weights = learned(session(MONDAY, {ANY: HALF}))
    by = orchestrator(weights)
    asked = by.analyze_market_regime(data(weights={1: 3.0, 2: 1.0, 8: 9.0}, adaptive=True))
    assert asked.weighted_by == "request"
    assert [asked.components[f"c{c}"].weight for c in (1, 2, 3)] == [0.75, 0.25, 0.0]
    adaptive = by.analyze_market_regime(data())
    assert adaptive.components["c1"].weight == pytest.approx(weights.values(*ANY)[0])
    fixed = by.analyze_market_regime(data(adaptive=False))
    assert fixed.weighted_by == "fixed"
    assert fixed.components["c1"].weight == pytest.approx(0.15 / 0.85)


@pytest.mark.parametrize("weights", [{}, {8: 1.0}, {1: -0.1, 2: 1.0}, {9: 1.0}, {1: math.nan}])
def test_weights_that_weigh_nothing_are_refused(weights: dict[int, float]):
    with pytest.raises(UsageError, match="weights of a request"):
        orchestrator().analyze_market_regime(data(weights=weights))


def test_feedback_worked_out_by_hand():
    weights = learned(session(MONDAY, {ANY: HALF}))
    kept: list[Decision] = []
    found = orchestrator(weights, keep=kept.append).update_component_weights(feedback())
    # seen: (.40 x .35 + .05 x .5) / .45 = .366667 against .70 on record
    assert found.performance_improvement == pytest.approx(0.35 * 0.4 / 0.45 + 0.5 * 0.05 / 0.45 - 0.70)
    # C1 .196528 would weigh .196528 x .366667 / .70 = .102943, and goes a tenth of the way
    assert found.old_weight == pytest.approx(0.19652778, abs=5e-9)
    assert found.new_weight == pytest.approx(0.19652778 + 0.1 * (0.10294312 - 0.19652778), abs=5e-9)
    assert found.weight_change == pytest.approx(-0.00935847, abs=5e-9)
    # a whole step is .03
    assert found.learning_convergence == pytest.approx(1 - 0.00935847 / 0.03, abs=5e-7)
    assert sum(found.decision.values) == pytest.approx(1.0, abs=1e-12)
    assert found.decision.performance[0] == pytest.approx(0.70 + 0.1 * (0.36666667 - 0.70), abs=5e-9)
    assert found.decision.performance[1:] == tuple(w.performance for w in weights.cell(*ANY)[1:])
    assert kept == [found.decision]
    assert (found.in_force_from, found.decision.cell) == (TUESDAY, ANY)
    assert found.update_timestamp == feedback().observed_at


def test_a_second_feedback_goes_on_from_the_first():
    by = orchestrator(learned(session(MONDAY, {ANY: HALF})))
    first, second = by.update_component_weights(feedback()), by.update_component_weights(feedback())
    assert second.old_weight == first.new_weight
    assert second.decision.decision_id != first.decision.decision_id
    # another cell stands where it stood
    other = by.update_component_weights(feedback(regime_context="LVLD"))
    assert other.old_weight == first.old_weight
    assert by.get_system_health_metrics().pending_changes == 2


def test_where_no_performance_is_on_record_nothing_can_be_compared():
    found = orchestrator().update_component_weights(feedback(accuracy_score=1.0, timing_accuracy_minutes=0.0))
    assert (found.weight_change, found.performance_improvement, found.learning_convergence) == (0.0, 0.0, 1.0)
    assert found.decision.values == tuple(weight.value for weight in start().cell(*ANY))
    assert found.decision.performance[0] == pytest.approx(1.0)
    assert found.decision.performance[1:] == (None,) * 6


def test_one_without_a_record_is_held_against_the_mean_of_its_cell():
    # C7 had too few answers; the others' mean is .60, and it is seen at .60: (.40 a + .05 s) / .45
    before = learned(session(MONDAY, {ANY: HALF})).cell(*ANY)
    found = smoothed(
        feedback(component_id=7, accuracy_score=0.6, timing_accuracy_minutes=12.0),
        "NIFTY",
        [weight.value for weight in before],
        [weight.performance for weight in before],
        TUESDAY,
        SETTINGS,
    )
    assert found.weight_change == pytest.approx(0.0, abs=1e-12)
    assert found.performance_improvement == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_feedback_keeps_bounds_and_steps(seed: int):
    rng = np.random.default_rng(seed)
    by = orchestrator(learned(session(MONDAY, {ANY: HALF})))
    for _ in range(60):
        found = by.update_component_weights(
            feedback(
                component_id=int(rng.integers(1, 8)),
                accuracy_score=float(rng.choice([0.0, 1.0])),
                timing_accuracy_minutes=float(rng.choice([0.0, 90.0])),
            )
        )
        values = np.array(found.decision.values)
        assert abs(values.sum() - 1) < 1e-12
        assert values.min() >= 0.05 - 1e-12 and values.max() <= 0.35 + 1e-12
        assert abs(found.weight_change) <= 0.03 + 1e-12
        assert 0.0 <= found.learning_convergence <= 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"component_id": 8},
        {"dte_bucket": "0-8"},
        {"actual_regime": "CALM"},
        {"regime_context": "CALM"},
        {"accuracy_score": 1.1},
        {"accuracy_score": math.nan},
        {"timing_accuracy_minutes": -1.0},
        {"update_strategy": "reinforcement"},
        {"observed_at": datetime(2022, 11, 14, 15, 40)},
    ],
)
def test_feedback_that_no_weight_can_follow_is_refused(wrong: dict[str, object]):
    with pytest.raises(UsageError, match="feedback names a component"):
        feedback(**wrong)


def test_health_is_that_of_the_last_analysis():
    weights = learned(session(MONDAY, {ANY: HALF, QUIET: HALF}))
    past = [session(date(2022, 11, 4), {ANY: replaced(HALF, 0.9)}), session(MONDAY, {ANY: HALF, QUIET: HALF})]
    by = orchestrator(weights, sessions=past)
    before = by.get_system_health_metrics()
    assert (before.status, before.components["c1"].issue) == ("unavailable", "nothing analysed yet")
    assert math.isnan(before.agreement) and math.isnan(before.total_processing_time_ms)
    scores = {**SEVEN, 6: math.nan}
    del scores[7]
    by.analyze_market_regime(replace(data(scores), processing_time_ms={1: 2.0, 2: 3.5}))
    after = by.get_system_health_metrics()
    assert after.status == "degraded"
    assert (after.components["c6"].status, after.components["c6"].issue) == ("unavailable", "it has no score")
    assert (after.components["c7"].status, after.components["c7"].issue) == (
        "unavailable",
        "no row at 2022-11-14 09:20",
    )
    assert (after.components["c1"].status, after.components["c1"].issue) == ("healthy", "")
    assert (after.components["c2"].processing_time_ms, after.total_processing_time_ms) == (3.5, 5.5)
    assert 0.0 <= after.agreement <= 1.0 and after.memory_gb > 0.01
    # a session more than seven days older is not counted, nor a context a second time
    assert after.components["c1"].accuracy_7d == 0.5
    assert (after.learned_cells, after.pending_changes) == (2, 0)
    assert after.last_weight_change == datetime(2022, 11, 15, 9, 15, tzinfo=IST)
    everybody = orchestrator()
    everybody.analyze_market_regime(data())
    assert everybody.get_system_health_metrics().status == "healthy"


def replaced(measures: np.ndarray, accuracy: float) -> np.ndarray:
    found = measures.copy()
    found[1] = accuracy
    return found
