"""The named interfaces of C8, by hand and against the feature path."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.features import c8_master_integration as c8
from mr_platform.features.c8_master_integration.catalogue import COMPONENTS
from mr_platform.features.component import HEALTH
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import defaults
from schemas.tables import REGIMES
from tests.features.c8_sessions import columns, computed, walking

DEFAULTS = defaults(MasterIntegrationParameters)
NAN = math.nan
# Inside the ranges of SCGS alone, six of seven beyond those of any other regime.
GOOD = dict(zip(COMPONENTS, (0.4, 0.85, 0.4, 0.5, 0.45, 0.9, 0.85), strict=True))


def readings(scores: dict[str, float], confidence: float = 0.75) -> dict[str, c8.ComponentReading]:
    return {key: c8.ComponentReading(score, confidence) for key, score in scores.items()}


def history(
    sessions: int, accuracy: tuple[float, ...], *, dte: int = 3, observations: int = 20
) -> c8.PerformanceHistory:
    shape = (sessions, 7)
    half = np.full(shape, 0.5)
    return c8.PerformanceHistory(
        (dte,) * sessions, np.full(shape, observations), np.tile(accuracy, (sessions, 1)), half, half, half
    )


def test_the_last_minute_of_a_session_is_integrated_as_the_features_are() -> None:
    session = walking(8, dte=12)
    out, _ = computed(session)
    found = {name: column[-1] for name, column in columns(out).items()}
    results = {
        key: c8.ComponentReading(said.score[-1], said.confidence[-1], HEALTH[said.health[-1]])
        for key, said in session.outputs.items()
    }
    whole = c8.integrate_all_components(results, 12)
    for name in ("score", "confidence", "agreement", "synergy_pairs", "synergy_triads"):
        assert getattr(whole, name) == found[f"integration_{name}"]
    assert [whole.shares[key] for key in COMPONENTS] == [found[f"dte_weight_{key}"] for key in COMPONENTS]
    assert [whole.contributions[key] for key in COMPONENTS] == [found[f"dte_contribution_{key}"] for key in COMPONENTS]
    assert (whole.confidence, whole.health) == (out.confidence[-1], HEALTH[out.health[-1]])
    regime = c8.classify_8_regime_system(whole)
    assert [regime.probabilities[code] for code in REGIMES] == [found[f"regime_p_{code.lower()}"] for code in REGIMES]
    assert regime.matches[regime.regime] == found["regime_fit"]


def test_one_component_speaks_alone_and_a_missing_one_is_unavailable() -> None:
    whole = c8.integrate_all_components({"c2": c8.ComponentReading(-0.5, 0.8)}, 3)
    assert whole.score == -0.5 and whole.shares["c2"] == 1.0 and whole.health == "degraded"
    # its weight at 0 to 7 days is .10 of all; on the grid .8 is .8000031
    assert whole.confidence == pytest.approx(0.08, rel=1e-5)
    assert all(math.isnan(value) for value in (whole.agreement, whole.synergy_pairs, whole.scores["c1"]))
    nobody = c8.integrate_all_components({}, 3)
    assert math.isnan(nobody.score) and nobody.confidence == 0.0 and nobody.health == "unavailable"
    regime = c8.classify_8_regime_system(nobody)
    assert (regime.regime, regime.answer, regime.doubtful, regime.alert) == ("", "no-signal", True, False)
    assert math.isnan(regime.confidence)


def test_unknown_components_and_healths_and_negative_days_are_refused() -> None:
    with pytest.raises(UsageError, match="leave C8 out"):
        c8.integrate_all_components({"c8": c8.ComponentReading(0.1, 0.5)}, 3)
    with pytest.raises(UsageError, match="well"):
        c8.integrate_all_components({"c1": c8.ComponentReading(0.1, 0.5, "well")}, 3)
    with pytest.raises(UsageError, match="negative"):
        c8.adapt_dte_specific_component_weights(-1)
    with pytest.raises(UsageError, match="one column for each"):
        c8.PerformanceHistory((3,), *(np.zeros((1, 6)) for _ in range(5)))
    with pytest.raises(UsageError, match="each of the eight regimes"):
        c8.RegimeHistory(np.zeros(8), np.zeros(7), np.zeros(8))


def test_below_the_gate_there_is_no_signal() -> None:
    whole = c8.integrate_all_components(readings(GOOD), 3)
    found = c8.classify_8_regime_system(whole)
    assert (found.regime, found.answer) == ("SCGS", "no-signal") and found.confidence < DEFAULTS.signal.gate
    lower = replace(DEFAULTS, signal=replace(DEFAULTS.signal, gate=found.confidence))
    assert c8.classify_8_regime_system(whole, parameters=lower).answer == "SCGS"


def test_history_corrects_probabilities_by_accuracy_and_confidence() -> None:
    whole = c8.integrate_all_components(readings(GOOD), 3)
    plain = c8.classify_8_regime_system(whole).probabilities
    accuracy = np.full(8, 0.5)
    accuracy[REGIMES.index("SCGS")] = 0.1
    observations = np.full(8, 20.0)
    observations[REGIMES.index("CBV")] = 19.0
    past = c8.RegimeHistory(observations, accuracy, np.full(8, 0.6))
    found = c8.classify_8_regime_system(whole, history=past)
    # .7 x .5 + .3 x .6 = .53, for SCGS .7 x .1 + .3 x .6 = .25; CBV takes the mean of the seven, 3.43 / 7 = .49
    factor = dict.fromkeys(REGIMES, 0.53) | {"SCGS": 0.25, "CBV": 0.49}
    total = sum(plain[code] * factor[code] for code in REGIMES)
    for code in REGIMES:
        assert found.probabilities[code] == pytest.approx(plain[code] * factor[code] / total)
    few = c8.RegimeHistory(np.full(8, 19.0), accuracy, np.full(8, 0.6))
    assert c8.classify_8_regime_system(whole, history=few).probabilities == plain


def test_a_challenge_needs_a_shift_and_then_time() -> None:
    whole = c8.integrate_all_components(readings(GOOD), 3)
    p = c8.classify_8_regime_system(whole).probabilities
    other = dict.fromkeys(REGIMES, 0.0) | {"PSED": 1.0}
    # 1 - p of PSED lies between the two distributions
    shift = 1.0 - p["PSED"]
    found = c8.classify_8_regime_system(whole, in_force=c8.RegimeInForce("PSED", other, 10.0, 3))
    assert found.shift == pytest.approx(shift) and found.alert and found.doubtful
    assert found.status == "tentative"
    soon = c8.RegimeInForce("PSED", other, 4.9, 0)
    assert c8.classify_8_regime_system(whole, in_force=soon).status == "cool-down"
    often = c8.RegimeInForce("PSED", other, 5.0, 20)
    assert c8.classify_8_regime_system(whole, in_force=often).status == "rate"
    sure = replace(DEFAULTS, transitions=replace(DEFAULTS.transitions, gate=0.0))
    fresh = c8.RegimeInForce("PSED", other)
    assert c8.classify_8_regime_system(whole, in_force=fresh, parameters=sure).status == "confirmed"
    same = c8.RegimeInForce("PSED", p)
    near = c8.classify_8_regime_system(whole, in_force=same)
    assert (near.shift, near.status, near.alert) == (0.0, "unchanged", False)
    assert c8.classify_8_regime_system(whole).status == "first"


@pytest.mark.parametrize(
    ("dte", "name", "first"), [(0, "0_7", 0.20), (7, "0_7", 0.20), (8, "8_30", 0.15), (31, "31_plus", 0.10)]
)
def test_weights_start_with_those_of_the_range(dte: int, name: str, first: float) -> None:
    found = c8.adapt_dte_specific_component_weights(dte)
    assert (found.dte_range, found.weights["c1"]) == (name, first)
    assert sum(found.weights.values()) == pytest.approx(1.0) and not any(found.learned.values())


def test_weights_move_a_tenth_of_the_way_for_each_session() -> None:
    accuracy = (0.9, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
    found = c8.adapt_dte_specific_component_weights(3, history=history(2, accuracy))
    # performance .40 a + .25 x .5 + .20 x 1 + .10 x .5 + .05 x .5 = .4 a + .4: .76 and six times .52, together 3.88
    target = np.array([0.76, *[0.52] * 6]) / 3.88
    start = np.array(DEFAULTS.weights.by_dte["0-7"])
    expected = start + 0.1 * (target - start)
    expected = expected + 0.1 * (target - expected)
    assert list(found.weights.values()) == pytest.approx(expected.tolist())
    assert all(found.learned.values()) and found.observations["c4"] == 40


def test_weights_need_enough_observations_at_the_same_days() -> None:
    accuracy = (0.9, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)
    start = c8.adapt_dte_specific_component_weights(3).weights
    assert c8.adapt_dte_specific_component_weights(3, history=history(1, accuracy)).weights == start
    assert c8.adapt_dte_specific_component_weights(3, history=history(9, accuracy, dte=4)).weights == start
    one_short = history(2, accuracy)
    one_short.observations[:, 1] = 14
    found = c8.adapt_dte_specific_component_weights(3, history=one_short)
    assert found.weights["c2"] == start["c2"] and not found.learned["c2"] and found.learned["c1"]


def test_learned_weights_keep_their_bounds_and_sum_to_one() -> None:
    far = history(200, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    silent = np.full((200, 7), 0.0)
    silent[:, 0] = 1.0
    far = replace(far, confidence=silent, stability=silent, speed=silent)
    bold = replace(DEFAULTS, learning=replace(DEFAULTS.learning, performance_weights=(0.5, 0.3, 0.0, 0.1, 0.1)))
    found = c8.adapt_dte_specific_component_weights(3, history=far, parameters=bold)
    weights = np.array(list(found.weights.values()))
    assert weights[0] == pytest.approx(0.35) and weights.min() >= 0.05 and weights.sum() == pytest.approx(1.0)


def test_only_the_sessions_looked_back_over_count() -> None:
    old, recent = (0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), (0.3,) * 7
    both = history(3, recent)
    longer = c8.PerformanceHistory(
        (3,) * 6,
        *(
            np.concatenate([getattr(history(3, old), name), getattr(both, name)])
            for name in ("observations", "accuracy", "confidence", "stability", "speed")
        ),
    )
    short = replace(DEFAULTS, learning=replace(DEFAULTS.learning, lookback=3))
    one, other = (c8.adapt_dte_specific_component_weights(3, history=h, parameters=short) for h in (longer, both))
    assert one == other


@pytest.mark.parametrize(
    ("latest", "shift", "level"),
    [
        (0.5, 0.0, "none"),
        (0.61, 0.22, "flagged"),
        (0.375, -0.25, "flagged"),
        (0.3, -0.4, "adapt"),
        (0.75, 0.5, "adapt"),
    ],
)
def test_a_change_of_structure_is_flagged_beyond_a_fifth_and_adapted_to_beyond_three_tenths(
    latest: float, shift: float, level: str
) -> None:
    found = c8.detect_market_structure_changes([0.4, NAN, 0.6, 0.5, latest])
    assert found.shift == pytest.approx(shift) and found.level == level and found.answer_hours == 24


def test_without_anything_before_there_is_no_change_of_structure() -> None:
    for past in ([], [0.5], [NAN, 0.5], [0.0, 0.5]):
        found = c8.detect_market_structure_changes(past)
        assert math.isnan(found.shift) and found.level == "none"


def test_an_unknown_name_of_the_room_is_refused() -> None:
    with pytest.raises(AttributeError, match="MasterAnswer"):
        _ = c8.MasterAnswer
