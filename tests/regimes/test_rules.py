"""Signature classification: the fall-off, what is present, ties, agreement."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.kernels.reference.signatures import match
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.rules import agreement_of, classify, direction_of
from schemas.tables import REGIMES

PARAMETERS = defaults(RegimeParameters)
RULES = PARAMETERS.rules
WEEKLY = np.array(PARAMETERS.weights.by_dte["0-7"])
NAN = np.nan


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.4, 1.0), (0.7, 1.0), (1.0, 1.0), (0.1, 0.5), (-0.2, 0.0), (-0.9, 0.0), (NAN, NAN)],
)
def test_a_match_falls_linearly_to_zero_at_one_range_width_outside(score, expected):
    np.testing.assert_allclose(match(np.array([score]), 0.4, 1.0), [expected], atol=1e-12)


def test_a_match_falls_alike_above_the_range():
    np.testing.assert_allclose(match(np.array([0.3, 0.6, 0.9, 1.2]), -0.3, 0.3), [1.0, 0.5, 0.0, 0.0], atol=1e-12)


# a point inside each signature and outside the others where they overlap (SCGS covers the centre of VCPE)
INSIDE = {
    "LVLD": (0.0, 0.0, 0.0, 0.25, 0.0, 0.9, 0.35),
    "HVC": (0.0, 0.0, 0.0, 0.6, 0.6, 0.6, 0.85),
    "VCPE": (0.95, 0.75, 0.78, 0.15, 0.88, 0.65, 0.45),
    "TBVE": (-0.7, -0.3, -0.4, 0.9, -0.7, 0.55, 0.8),
    "TBVS": (-0.3, -0.15, -0.3, 0.3, -0.25, 0.7, 0.4),
    "SCGS": (0.4, 0.85, 0.4, 0.5, 0.45, 0.9, 0.85),
    "PSED": (-0.25, -0.85, -0.25, 0.55, -0.35, 0.15, 0.65),
    "CBV": (0.0, 0.0, 0.0, 0.6, 0.0, 0.5, 0.45),
}


@pytest.mark.parametrize("code", REGIMES)
def test_a_point_inside_a_signature_is_classified_as_its_regime(code):
    found = classify({c: np.array([v]) for c, v in enumerate(INSIDE[code], start=1)}, WEEKLY, RULES)
    assert REGIMES[found.regime[0]] == code
    assert found.scores[0, REGIMES.index(code)] == pytest.approx(1.0)
    assert found.probabilities.sum() == pytest.approx(1.0)


def test_two_components_by_hand():
    # C1 = 0.35 and C2 = 0.0 at 0-7 days: weights .20 and .10
    found = classify({1: np.array([0.35]), 2: np.array([0.0])}, WEEKLY, RULES)
    c1 = {"LVLD": 1 - 0.05 / 0.6, "HVC": 1, "VCPE": 1 - 0.05 / 0.6, "SCGS": 1, "CBV": 1}
    c1 |= {"TBVE": 0, "TBVS": 0, "PSED": 1 - 0.55 / 0.6}
    c2 = {"LVLD": 1, "HVC": 1, "VCPE": 1 - 0.3 / 0.5, "SCGS": 1 - 0.4 / 0.5, "CBV": 1}
    c2 |= {"TBVE": 1 - 0.2 / 0.4, "TBVS": 1 - 0.1 / 0.4, "PSED": 1 - 0.3 / 0.6}
    mixed = []
    for code in REGIMES:
        w1, w2 = RULES.signatures[code][0].weight * 0.20, RULES.signatures[code][1].weight * 0.10
        score = (c1[code] * w1 + c2[code] * w2) / (w1 + w2)
        share = ((c1[code] > 0.5) + (c2[code] > 0.5 + 1e-12)) / 2  # a match of one half is none
        mixed.append(0.8 * score + 0.2 * share)
    np.testing.assert_allclose(found.probabilities[0], np.array(mixed) / sum(mixed))
    assert mixed[REGIMES.index("HVC")] == mixed[REGIMES.index("CBV")] == 1.0


def test_equal_matches_go_to_the_narrower_signature():
    # C1 = 0 lies inside LVLD (width .6), HVC (1.0) and CBV (.8)
    found = classify({1: np.array([0.0])}, WEEKLY, RULES)
    assert REGIMES[found.regime[0]] == "LVLD"
    p = found.probabilities[0]
    assert p[0] == p[1] == p[7] == p.max()
    assert found.confidence[0] == p.max() < 0.5


def test_a_missing_component_is_left_out_and_its_weight_shared():
    alone = classify({1: np.array([0.6, 0.6])}, WEEKLY, RULES)
    beside = classify({1: np.array([0.6, 0.6]), 4: np.array([NAN, 0.8])}, WEEKLY, RULES)
    np.testing.assert_array_equal(beside.probabilities[0], alone.probabilities[0])
    assert not np.allclose(beside.probabilities[1], alone.probabilities[1])


def test_without_any_score_there_is_no_regime():
    found = classify({1: np.array([NAN, 0.1])}, WEEKLY, RULES)
    assert found.regime.tolist() == [-1, 0]
    assert np.isnan(found.probabilities[0]).all()
    assert np.isnan(found.confidence[0])


def test_each_row_is_weighed_by_its_own_days_to_expiry():
    scores = {1: np.array([0.6, 0.6]), 5: np.array([-0.6, -0.6])}
    both = classify(scores, np.array([WEEKLY, PARAMETERS.weights.by_dte["31+"]]), RULES)
    far = classify(scores, np.array(PARAMETERS.weights.by_dte["31+"]), RULES)
    np.testing.assert_array_equal(both.probabilities[1], far.probabilities[1])
    assert not np.allclose(both.probabilities[0], both.probabilities[1])


def test_a_row_does_not_depend_on_the_rows_beside_it():
    rng = np.random.default_rng(1)
    scores = {c: rng.uniform(-1, 1, 40) for c in (1, 3, 6)}
    full = classify(scores, WEEKLY, RULES)
    part = classify({c: s[:17] for c, s in scores.items()}, WEEKLY, RULES)
    np.testing.assert_array_equal(full.probabilities[:17], part.probabilities)
    np.testing.assert_array_equal(full.regime[:17], part.regime)


def test_direction_and_agreement_by_hand():
    scores = {1: np.array([0.6, 0.6, NAN]), 2: np.array([-0.3, NAN, NAN])}
    np.testing.assert_allclose(direction_of(scores, WEEKLY), [(0.6 * 0.2 - 0.3 * 0.1) / 0.3, 0.6, NAN])
    np.testing.assert_allclose(agreement_of(scores), [1 - 0.45, NAN, NAN])


def test_scores_of_unknown_components_or_unequal_length_are_refused():
    with pytest.raises(UsageError, match="C8 excluded"):
        classify({8: np.array([0.1])}, WEEKLY, RULES)
    with pytest.raises(UsageError, match="one length"):
        classify({1: np.array([0.1]), 2: np.array([0.1, 0.2])}, WEEKLY, RULES)
