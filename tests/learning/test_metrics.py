"""Every metric against scikit-learn or a literal."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from mr_platform.learning import metrics
from mr_platform.learning.resampling import (
    bootstrap_interval,
    overfitting_probability,
    session_confusions,
    session_draws,
)
from mr_platform.learning.uniqueness import average_uniqueness


def drawn(k: int = 8, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.integers(0, k - 1, n)  # the last class is never labelled, but is predicted
    p = rng.dirichlet(np.full(k, 0.6), n) + 0.4 * np.eye(k)[y]
    return y, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.accuracy, oracle.accuracy_score),
        (metrics.macro_f1, lambda y, a: oracle.f1_score(y, a, average="macro")),
        (metrics.matthews, oracle.matthews_corrcoef),
    ],
)
def test_confusion_metrics_equal_scikit_learn(ours, theirs) -> None:
    y, p = drawn()
    answers = p.argmax(axis=1)
    assert float(ours(metrics.confusion(y, answers, 8))) == pytest.approx(theirs(y, answers), abs=1e-12)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_balanced_accuracy_equals_scikit_learn() -> None:
    y, p = drawn()
    ours = float(metrics.balanced_accuracy(metrics.confusion(y, p.argmax(axis=1), 8)))
    assert ours == pytest.approx(oracle.balanced_accuracy_score(y, p.argmax(axis=1)), abs=1e-12)


def test_log_loss_equals_scikit_learn() -> None:
    y, p = drawn()
    assert metrics.log_loss(y, p) == pytest.approx(oracle.log_loss(y, p, labels=range(8)), abs=1e-12)


def test_brier_of_two_classes_is_twice_scikit_learns() -> None:
    y, p = drawn(k=3)
    y = np.minimum(y, 1)
    two = np.stack([p[:, 0], 1 - p[:, 0]], axis=1)
    assert metrics.brier(y, two) == pytest.approx(2 * oracle.brier_score_loss(y, two[:, 1]), abs=1e-12)


@pytest.mark.parametrize(
    ("label", "p", "score"),
    [
        (0, [1.0, 0.0, 0.0], 0.0),
        (0, [0.0, 1.0, 0.0], 0.5),  # one class off
        (0, [0.0, 0.0, 1.0], 1.0),  # two classes off
        (1, [0.2, 0.5, 0.3], 0.065),  # (0.2^2 + (0.7-1)^2) / 2
    ],
)
def test_ranked_probability_score(label: int, p: list[float], score: float) -> None:
    assert metrics.ranked_probability_score(np.array([label]), np.array([p])) == pytest.approx(score)


def test_calibration_error_by_hand() -> None:
    # confidences 0.9, 0.9, 0.6, 0.6 in bins of a tenth; right, wrong, right, right
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    y = np.array([0, 1, 0, 0])
    assert metrics.expected_calibration_error(y, p, bins=10) == pytest.approx((abs(1 - 1.8) + abs(2 - 1.2)) / 4)


def test_flips_and_dwell_stop_at_the_end_of_a_run() -> None:
    codes = np.array([0, 0, 1, 1, 1, 2, -1, 2])
    runs = [np.arange(4), np.arange(4, 8)]
    # 0 0 1 1 has one flip in three pairs; 1 2 2 one in two (the row without a label is passed over)
    assert metrics.flip_rate(codes, runs) == pytest.approx(2 / 5)
    assert metrics.dwell(codes, runs) == pytest.approx(7 / 4)


@pytest.mark.parametrize(("score", "best", "skill"), [(0.6, 0.5, 0.2), (0.5, 0.5, 0.0), (0.25, 0.5, -0.5)])
def test_skill(score: float, best: float, skill: float) -> None:
    assert metrics.skill(score, best) == pytest.approx(skill)


def test_entropy_of_even_shares() -> None:
    assert metrics.entropy(np.array([0, 1, 2, 3, -1]), 8) == pytest.approx(np.log(4))
    assert metrics.entropy(np.array([2, 2]), 8) == 0.0


def test_scores_of_no_rows_are_nan() -> None:
    none = np.zeros((8, 8))
    assert np.isnan(metrics.accuracy(none)) and np.isnan(metrics.matthews(none))
    assert np.isnan(metrics.log_loss(np.empty(0, dtype=int), np.empty((0, 8))))


def test_average_uniqueness_by_hand() -> None:
    # windows [0,2) and [1,3): bars 0, 1, 2 are covered 1, 2, 1 times; a third window stands alone
    weights = average_uniqueness(np.array([0, 1, 5]), np.array([2, 3, 7]))
    assert weights.tolist() == [0.75, 0.75, 1.0]


def test_session_confusions_sum_to_the_whole() -> None:
    y, p = drawn()
    session = np.repeat(np.arange(10), 50)
    blocks = session_confusions(y, p.argmax(axis=1), session, 8)
    assert blocks.shape == (10, 8, 8)
    assert (blocks.sum(axis=0) == metrics.confusion(y, p.argmax(axis=1), 8)).all()


def test_interval_covers_sessions_not_rows() -> None:
    # ten sessions, each wholly right or wholly wrong: 500 rows, but only ten observations
    y = np.zeros(500, dtype=int)
    session = np.repeat(np.arange(10), 50)
    answers = (session % 2).astype(int)
    draws = session_draws(10, resamples=2000, seed=1)
    low, high = bootstrap_interval(session_confusions(y, answers, session, 2), metrics.accuracy, draws, coverage=0.95)
    # the binomial of 10 draws at one half: 2.5 % and 97.5 % are 0.2 and 0.8; of 500 they would be 0.46 and 0.54
    assert (low, high) == (0.2, 0.8)
    assert all(np.isnan(bootstrap_interval(np.ones((1, 2, 2)), metrics.accuracy, np.ones((5, 1)), coverage=0.9)))


def test_overfitting_probability_of_luck_and_of_merit() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(64, 20))
    merit = noise.copy()
    merit[:, 3] += 3.0
    assert overfitting_probability(merit) == 0.0
    assert overfitting_probability(noise) > 0.2
    # the best of one half is by construction the worst of the other
    seesaw = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4)
    assert overfitting_probability(seesaw, groups=2) == 1.0
    assert np.isnan(overfitting_probability(noise[:, :1]))
