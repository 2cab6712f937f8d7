"""Inputs chosen inside the training rows: those that separate classes, and all that is known of labels."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.learning.heads import fit_head
from mr_platform.learning.selection import choose_inputs, variance_ratio
from mr_platform.parameters.learning import LogisticCandidate, TreesCandidate

LOGISTIC = LogisticCandidate("logistic", 0.01, 2)
TREES = TreesCandidate("trees", 8, 4, 0.2, 10, 1.0, 1.0, 2)


def sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs of which the second and the fourth depend on the class, the fourth more."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 600)
    x = rng.normal(size=(600, 5))
    x[:, 1] += y
    x[:, 3] += 3 * y
    x[::7, 1] = np.nan
    return x, y, np.ones(600)


def test_the_ratio_is_between_over_within() -> None:
    x = np.array([[-1.0], [1.0], [3.0], [5.0]])
    # medians 2, quartiles 0.5 and 3.5: the ratio does not depend on the scale; between 4 x 4, within 4 x 1
    assert variance_ratio(x, np.array([0, 0, 1, 1]), np.ones(4)) == pytest.approx([4.0])
    assert variance_ratio(x, np.array([0, 1, 0, 1]), np.ones(4)) == pytest.approx([0.25])
    assert variance_ratio(np.zeros((4, 1)), np.array([0, 0, 1, 1]), np.ones(4)) == pytest.approx([0.0])


def test_the_inputs_that_separate_are_kept_in_their_order() -> None:
    x, y, weight = sample()
    names = tuple(f"c1_{k}" for k in range(5))
    assert choose_inputs(x, y, weight, names, 1).tolist() == [3]
    assert choose_inputs(x, y, weight, names, 2).tolist() == [1, 3]
    assert choose_inputs(x, y, weight, names, 5).tolist() == [0, 1, 2, 3, 4]


def test_what_is_known_of_labels_is_never_passed_over() -> None:
    x, y, weight = sample()
    names = ("last_label_age", "c1_1", "c1_2", "c1_3", "last_label_bars")
    assert choose_inputs(x, y, weight, names, 1).tolist() == [0, 3, 4]


@pytest.mark.parametrize("candidate", [LOGISTIC, TREES], ids=["logistic", "trees"])
def test_a_head_of_chosen_inputs_answers_from_the_whole_design(candidate) -> None:
    x, y, weight = sample()
    at = np.array([1, 3])
    whole = fit_head(candidate, x, y, weight, 3, seed=0, chosen=at)
    narrow = fit_head(candidate, x[:, at], y, weight, 3, seed=0)
    np.testing.assert_allclose(whole.predict_proba(x), narrow.predict_proba(x[:, at]), rtol=1e-12)
    other = x.copy()
    other[:, [0, 2, 4]] = np.nan
    assert np.array_equal(whole.predict_proba(other), whole.predict_proba(x))
    assert np.mean(whole.predict_proba(x).argmax(axis=1) == y) > 0.8
