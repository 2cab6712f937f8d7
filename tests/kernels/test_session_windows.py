"""Windows along a session: plain and compiled pieces agree, and need the share of bars that they are told."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.kernels.cpu.windows import sign, window_mean, window_std
from mr_platform.kernels.reference import windows as plain

X = np.array([1.0, np.nan, 4.0, 2.0, np.nan, np.nan, 9.0])


def test_a_mean_of_three_bars_with_two_thirds_there() -> None:
    expected = [np.nan, np.nan, 2.5, 3.0, 3.0, np.nan, np.nan]
    np.testing.assert_array_equal(plain.mean_of(X, 3, 0.6), expected)
    np.testing.assert_array_equal([window_mean(X, t, 3, 0.6) for t in range(7)], expected)


def test_a_deviation_is_of_the_population() -> None:
    expected = [np.nan, np.nan, 1.5, 1.0, 1.0, np.nan, np.nan]
    np.testing.assert_array_equal(plain.std_of(X, 3, 0.6), expected)
    np.testing.assert_array_equal([window_std(X, t, 3, 0.6) for t in range(7)], expected)


@pytest.mark.parametrize("n", [1, 20, 200])
def test_compiled_windows_have_the_bits_of_the_plain_ones(n: int) -> None:
    rng = np.random.default_rng(n)
    x = np.where(rng.random(120) < 0.1, np.nan, rng.standard_normal(120))
    for compiled, written in ((window_mean, plain.mean_of), (window_std, plain.std_of)):
        np.testing.assert_array_equal([compiled(x, t, n, 0.5) for t in range(120)], written(x, n, 0.5))


def test_a_lag_is_unknown_before_the_open_and_beyond_the_session() -> None:
    np.testing.assert_array_equal(plain.lagged(np.array([1.0, 2.0, 3.0]), 1), [np.nan, 1.0, 2.0])
    assert np.isnan(plain.lagged(np.ones((2, 3)), 5)).all()


def test_a_weighted_mean_leaves_out_what_is_missing() -> None:
    scores, weights = np.array([[1.0, np.nan, -1.0], [np.nan] * 3]), np.array([0.5, 0.3, 0.2])
    found = plain.weighted(scores, weights)
    assert found[0] == pytest.approx(0.3 / 0.7) and np.isnan(found[1])


def test_an_age_counts_bars_of_one_side_and_a_gap_holds_it() -> None:
    side = np.array([1.0, 1.0, np.nan, 1.0, -1.0, -1.0, 0.0])
    np.testing.assert_array_equal(plain.age(side), [1.0, 2.0, np.nan, 3.0, -1.0, -2.0, 0.0])


def test_signs() -> None:
    assert [sign(x) for x in (0.3, 0.0, -2.0, np.nan)] == [1.0, 0.0, -1.0, 0.0]
