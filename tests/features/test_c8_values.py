"""C8 against numbers worked out by hand: three components, few minutes, small windows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from mr_platform.features.c8_master_integration.component import MEMORY, MasterIntegration, usual_performance
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import defaults
from mr_platform.regimes.rules import agreement_of, classify
from schemas.tables import REGIMES
from tests.features.c8_sessions import answer, columns, computed, inputs, spoken, walking

DEFAULTS = defaults(MasterIntegrationParameters)
SMALL = replace(DEFAULTS, short_minutes=2, middle_minutes=3, long_minutes=4)
NAN = math.nan
# At 3 days to expiry C1, C2 and C3 weigh .20, .10 and .15. Scores and confidences are eighths: exact on the grid.
SURE = {"c1": 0.5, "c2": 1.0, "c3": 0.25}
# weight x confidence: .1, .1, .0375; their sum .2375
SHARES = np.array([0.1, 0.1, 0.0375]) / 0.2375


def three(c1: float, c2: float, c3: float) -> dict[str, float]:
    found = columns(computed(spoken({"c1": [c1], "c2": [c2], "c3": [c3]}, SURE))[0])
    return {name: float(column[0]) for name, column in found.items()}


def test_shares_contributions_and_concentration_by_hand() -> None:
    found = three(0.5, -0.25, 0.75)
    assert [found[f"dte_weight_c{n}"] for n in (1, 2, 3)] == pytest.approx(SHARES.tolist())
    assert [found[f"dte_contribution_c{n}"] for n in (1, 2, 3)] == pytest.approx(
        [0.5 * SHARES[0], -0.25 * SHARES[1], 0.75 * SHARES[2]]
    )
    assert math.isnan(found["dte_weight_c4"]) and math.isnan(found["dte_contribution_c7"])
    assert found["dte_concentration"] == pytest.approx((0.01 + 0.01 + 0.00140625) / 0.2375**2)


def test_score_agreement_and_confidence_by_hand() -> None:
    found = three(0.5, -0.25, 0.75)
    # (.1 * .5 - .1 * .25 + .0375 * .75) / .2375 = .053125 / .2375
    score = 0.053125 / 0.2375
    assert found["integration_score"] == pytest.approx(score)
    squares = SHARES @ (np.array([0.5, -0.25, 0.75]) - score) ** 2
    assert found["integration_agreement"] == pytest.approx(1 - math.sqrt(squares))
    # the weights of all seven at 0 to 7 days sum to 1: .2375 of the most that could be said
    assert found["integration_confidence"] == pytest.approx(0.2375 * (1 - math.sqrt(squares)))


def test_synergy_of_pairs_and_triads_by_hand() -> None:
    found = three(0.5, -0.25, 0.75)
    a, b, c = SHARES
    # C1 with C2 stand against one another, C1 with C3 together, C2 with C3 against
    value = -a * b * math.sqrt(0.125) + a * c * math.sqrt(0.375) - b * c * math.sqrt(0.1875)
    assert found["integration_synergy_pairs"] == pytest.approx(value / (a * b + a * c + b * c))
    assert found["integration_synergy_triads"] == 0.0
    # of one sign: the geometric mean of the three, which is the only triad
    assert three(0.5, 0.25, 1.0)["integration_synergy_triads"] == pytest.approx(0.5)
    assert three(-0.5, -0.25, -1.0)["integration_synergy_triads"] == pytest.approx(-0.5)


def test_a_degraded_component_weighs_half() -> None:
    session = spoken({"c1": [0.5], "c2": [-0.25], "c3": [0.75]}, SURE)
    unwell = answer(np.array([0.5]), np.array([0.5]), np.array([1], np.int8))
    out, _ = computed(replace(session, outputs={**session.outputs, "c1": unwell}))
    # .05 beside .1 and .0375
    assert columns(out)["dte_weight_c1"][0] == pytest.approx(0.05 / 0.1875)
    assert out.health.tolist() == [1]


@pytest.mark.parametrize(("dte", "first"), [(0, 0.20), (7, 0.20), (8, 0.15), (30, 0.15), (31, 0.10), (200, 0.10)])
def test_the_range_of_days_to_expiry_chooses_the_weights(dte: int, first: float) -> None:
    sure = {f"c{n}": 1.0 for n in range(1, 8)}
    found = columns(computed(spoken({key: [0.5] for key in sure}, sure, dte))[0])
    assert found["dte_weight_c1"][0] == pytest.approx(first)


def test_probabilities_are_those_of_the_regimes_rules() -> None:
    session = walking(3, dte=12)
    found = columns(computed(session)[0])
    scores = {n: np.rint(session.outputs[f"c{n}"].score * 65536) / 65536 for n in range(1, 8)}
    rules = classify(scores, np.array(DEFAULTS.weights.by_dte["8-30"]), DEFAULTS.rules)
    for at, code in enumerate(REGIMES):
        np.testing.assert_array_equal(found[f"regime_p_{code.lower()}"], rules.probabilities[:, at])
    np.testing.assert_array_equal(found["regime_fit"], rules.scores[np.arange(375), rules.regime])
    np.testing.assert_allclose(
        found["regime_momentum_30"][30:],
        rules.probabilities[np.arange(30, 375), rules.regime[30:]]
        - rules.probabilities[np.arange(345), rules.regime[30:]],
    )


def test_margin_entropy_and_balances_of_one_score_by_hand() -> None:
    # C1 alone, inside HVC, TBVE, TBVS, PSED and CBV, which match 1; outside LVLD by .0125 of its width .6; VCPE and
    # SCGS lie more than their widths above it and match 0. A match of 1 has the support .8 + .2.
    found = columns(computed(spoken({"c1": [-0.3125]}, {"c1": 1.0}))[0])
    lvld = 0.8 * (1 - 0.0125 / 0.6) + 0.2
    p = np.array([lvld, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]) / (5 + lvld)
    assert [found[f"regime_p_{code.lower()}"][0] for code in REGIMES] == pytest.approx(p.tolist())
    assert found["regime_margin"][0] == 0.0
    known = p[p > 0]
    assert found["regime_entropy"][0] == pytest.approx(-(known * np.log(known)).sum() / math.log(8))
    assert found["regime_expansion"][0] == pytest.approx((1 + 1 - 1 - 0) / 3)
    others = (lvld + 1 + 0 + 0 + 1 + 1) / 6
    assert found["regime_trend_break"][0] == pytest.approx((1 - others) / (1 + others))
    assert found["regime_sentiment"][0] == -1.0


def test_a_lead_grows_flips_are_counted_and_a_gap_holds_both() -> None:
    # C1 high is VCPE's alone, C1 low TBVE's (with others, but narrower), NaN says nothing
    high, low = 1.0, -0.75
    found = columns(
        computed(spoken({"c1": [high, high, low, NAN, low, high, high]}, {"c1": 1.0}), MasterIntegration(SMALL))[0]
    )
    assert found["regime_lead_minutes"].tolist() == pytest.approx([1, 2, 1, NAN, 2, 1, 2], nan_ok=True)
    # windows of four minutes; each needs 80 %, which are four: the gap silences them
    assert np.isnan(found["regime_flips_60"][:6]).all() and np.isnan(found["regime_flips_60"][6])
    whole = columns(
        computed(spoken({"c1": [high, high, low, low, high, low]}, {"c1": 1.0}), MasterIntegration(SMALL))[0]
    )
    assert whole["regime_flips_60"].tolist() == pytest.approx([NAN, NAN, NAN, 1, 2, 3], nan_ok=True)


def test_shift_is_half_the_sum_of_differences() -> None:
    found = columns(computed(spoken({"c1": [1.0, 0.0, -0.75]}, {"c1": 1.0}), MasterIntegration(SMALL))[0])
    p = np.array([found[f"regime_p_{code.lower()}"] for code in REGIMES])
    assert found["regime_shift_15"][2] == pytest.approx(0.5 * np.abs(p[:, 2] - p[:, 0]).sum())
    assert found["regime_shift_15"][2] > 0.5 and np.isnan(found["regime_shift_15"][:2]).all()


def test_jump_turn_drift_and_changes_by_hand() -> None:
    scores = {"c1": [0.5, 0.5, 0.25, 0.0, -0.5], "c2": [0.0, 0.5, 0.25, 0.5, 0.5]}
    found = columns(computed(spoken(scores, {"c1": 1.0, "c2": 0.5}), MasterIntegration(SMALL))[0])
    # two minutes back: (.25 - .5, .25 - 0), (0 - .5, .5 - .5), (-.5 - .25, .5 - .25)
    assert found["structure_jump_15"][2:] == pytest.approx([0.25, math.sqrt(0.125), math.sqrt(0.3125)])
    # three minutes back: (0, .5) with (.5, 0); (-.5, .5) with (.5, .5): right angles both
    assert found["structure_turn_30"][3:] == pytest.approx([0.0, 0.0])
    # half the distance between two scores is their deviation: .25, 0, 0, .25, .5
    assert found["structure_dispersion_change_30"][3:] == pytest.approx([0.25 - 0.25, 0.5 - 0.0])
    # two-minute means .125 and .375, then -.25 and .5, less the means of two and of three minutes before them
    first = math.sqrt(((0.125 - 0.5) ** 2 + (0.375 - 0.25) ** 2) / 2)
    second = math.sqrt(((-0.25 - 1.25 / 3) ** 2 + (0.5 - 0.25) ** 2) / 2)
    assert np.isnan(found["structure_drift_15"][:3]).all()
    assert found["structure_drift_15"][3:] == pytest.approx([first, second])
    # shares .8 and .2 (weights .20 and .10, confidences 1 and .5): |net| over gross is 1, 1, 1, 1 and .3 / .5
    assert found["structure_agreement_change_30"][3:] == pytest.approx([0.0, 0.6 - 1.0])


def test_rotation_counts_a_silent_component_as_one_without_share() -> None:
    scores = {"c1": [0.5] * 5, "c2": [0.5, 0.5, 0.5, 0.5, NAN]}
    found = columns(computed(spoken(scores, {"c1": 1.0, "c2": 0.5}), MasterIntegration(SMALL))[0])
    assert found["structure_rotation_60"][4] == pytest.approx(0.2)


def test_performance_shifts_and_is_flagged_by_hand() -> None:
    # Leaders A A A A A A A A B A B A B ... : two minutes earlier the leader was the same except around the first change
    high, low = 1.0, -0.75
    leaders = [high] * 8 + [low, high, high, low, low, high, high, low]
    hits = [NAN, NAN] + [float(leaders[t] == leaders[t - 2]) for t in range(2, 16)]
    assert hits[2:] == [1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0]
    found = columns(computed(spoken({"c1": leaders}, {"c1": 1.0}), MasterIntegration(SMALL))[0])
    shift = found["structure_performance_shift_60"]
    # at minute 9 (from 0): hits of 6..9 are 1 1 0 1, those of 2..5 all 1: .75 / 1 - 1; four are needed before
    assert np.isnan(shift[:9]).all()
    # minute 10: 1 0 1 0 against five of 1; 11: 0 1 0 0 against six; 12: 1 0 0 0 against 6 of 7, ...
    assert shift[9:13] == pytest.approx([-0.25, -0.5, -0.75, 0.25 / (6 / 7) - 1])
    # .20 is grade 1 and .30 grade 2: 1.5, 4, 6.5 and .7083 -> 6.083; three minutes are averaged
    assert found["structure_change_30"][11:13] == pytest.approx([4.0, (4 + 6.5 + 6.0833333333) / 3])
    assert np.isnan(found["structure_change_30"][:11]).all()


def test_what_is_usual_comes_from_earlier_sessions_where_they_are_enough() -> None:
    remembered = np.array([[3.0, 20, 10], [5.0, 90, 90], [3.0, 12, 6]])
    assert usual_performance(DEFAULTS, 3, remembered) == 0.5
    assert (
        math.isnan(usual_performance(DEFAULTS, 5, remembered[:1])) and usual_performance(DEFAULTS, 5, remembered) == 1
    )
    # 12 observations are fewer than 30
    assert math.isnan(usual_performance(DEFAULTS, 3, remembered[1:]))
    leaders = [1.0] * 8
    session = spoken({"c1": leaders}, {"c1": 1.0})
    found = columns(computed(session, MasterIntegration(SMALL), memory={MEMORY: remembered})[0])
    # hits from minute 2 on, all 1, against .5; known as soon as four are there
    assert found["structure_performance_shift_60"].tolist() == pytest.approx([NAN] * 5 + [1.0] * 3, nan_ok=True)


def test_a_session_leaves_its_days_to_expiry_observations_and_hits() -> None:
    one, session = MasterIntegration(), walking(3)
    out, state = computed(session, one)
    leaders = np.argmax(out.values[:, :8], axis=1)
    assert np.isfinite(out.values[:, 0]).all()
    at = np.arange(4, 375, 5)
    at = at[at >= 15]
    (row,) = one.leave(session, out, state)[MEMORY]
    assert row.tolist() == [3.0, at.size, float((leaders[at] == leaders[at - 15]).sum())]


def test_a_session_without_scores_hands_on_what_it_was_given() -> None:
    memory = {MEMORY: np.array([[3.0, 72.0, 40.0]])}
    session, one = inputs({}, 30), MasterIntegration()
    out, state = computed(session, one, memory=memory)
    np.testing.assert_array_equal(one.leave(session, out, state)[MEMORY], memory[MEMORY])


def test_agreement_under_equal_shares_is_that_of_the_regimes() -> None:
    scores = {"c1": [0.5], "c2": [-0.25], "c3": [0.75]}
    # confidences that undo the weights .20, .10 and .15
    found = columns(computed(spoken(scores, {"c1": 0.375, "c2": 0.75, "c3": 0.5}))[0])
    plain = agreement_of({n: np.array(scores[f"c{n}"]) for n in (1, 2, 3)})
    assert found["integration_agreement"][0] == pytest.approx(plain[0])
