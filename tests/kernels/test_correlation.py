"""Correlation matrices of windows: both engines, against NumPy, SciPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage

from mr_platform.kernels.engine import engine

NAN = float("nan")
ENGINES = ("cpu", "reference")


def changes(bars: int = 60, series: int = 30) -> np.ndarray:
    """Mixed walks with a share of bars missing, one series constant and one that lacks half of its bars."""
    rng = np.random.default_rng(5)
    found = rng.normal(size=(bars, series)) @ rng.normal(size=(series, series))
    found[rng.random(found.shape) < 0.05] = np.nan
    found[:, 3] = 1.0
    found[::2, 7] = np.nan
    return found


@pytest.mark.parametrize("name", ENGINES)
def test_three_bars_by_hand(name: str) -> None:
    # x = 1, 2, 3 and y = 1, 3, 2: deviations (-1, 0, 1) and (-1, 1, 0), r = 1 / sqrt(2 x 2)
    unit, mean, deviation = engine(name).correlation.unit_columns(
        np.array([[1.0, 1.0], [2.0, 3.0], [3.0, 2.0]]), 3, 0.8
    )
    assert mean.tolist() == [2.0, 2.0]
    assert deviation == pytest.approx(np.sqrt([2 / 3, 2 / 3]))
    np.testing.assert_allclose(engine(name).correlation.correlation_matrix(unit), [[1.0, 0.5], [0.5, 1.0]], rtol=1e-15)


@pytest.mark.parametrize("name", ENGINES)
def test_a_missing_change_stands_at_the_mean(name: str) -> None:
    # y lacks its third bar: its deviations are (-1, 1, 0, 0) about 2; x deviates by (-1.5, -.5, .5, 1.5)
    x = np.array([[1.0, 1.0], [2.0, 3.0], [3.0, NAN], [4.0, 2.0]])
    unit, mean, _ = engine(name).correlation.unit_columns(x, 4, 0.75)
    assert mean.tolist() == [2.5, 2.0]
    found = engine(name).correlation.correlation_matrix(unit)[0, 1]
    assert found == pytest.approx((1.5 - 0.5) / np.sqrt(5.0 * 2.0))


@pytest.mark.parametrize("name", ENGINES)
def test_constant_and_thin_series_drop_out_and_take_nobody_with_them(name: str) -> None:
    matrix = engine(name).correlation.rolling_correlation_matrices(changes()[None], 20, 0.8)[0, -1]
    dropped = np.isnan(np.diagonal(matrix))
    assert np.flatnonzero(dropped).tolist() == [3, 7]
    assert np.isfinite(matrix[np.ix_(~dropped, ~dropped)]).all()


@pytest.mark.parametrize("name", ENGINES)
def test_bars_before_the_open_count_as_missing(name: str) -> None:
    found = engine(name).correlation.rolling_correlation_matrices(changes()[None, :, :3], 10, 0.8)[0]
    assert np.isnan(found[:7]).all()
    assert np.isfinite(found[12]).all()


@pytest.mark.parametrize("name", ENGINES)
def test_matrices_are_symmetric_of_unit_diagonal_and_positive_semidefinite(name: str) -> None:
    for matrix in engine(name).correlation.rolling_correlation_matrices(changes()[None], 20, 0.8)[0, 25:]:
        kept = ~np.isnan(np.diagonal(matrix))
        part = matrix[np.ix_(kept, kept)]
        assert np.array_equal(part, part.T)
        assert (np.diagonal(part) == 1.0).all()
        assert np.linalg.eigvalsh(part).min() > -1e-12


@pytest.mark.parametrize("name", ENGINES)
def test_complete_windows_are_those_of_numpy(name: str) -> None:
    x = np.random.default_rng(1).normal(size=(40, 6))
    found = engine(name).correlation.rolling_correlation_matrices(x[None], 20, 0.8, 30)[0]
    for t in range(30, 40):
        np.testing.assert_allclose(found[t - 30], np.corrcoef(x[t - 19 : t + 1].T), rtol=1e-12, atol=1e-15)


def test_engines_agree_on_every_minute() -> None:
    one, other = (engine(name).correlation.rolling_correlation_matrices(changes()[None], 20, 0.8) for name in ENGINES)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("series", [2, 10, 25])
def test_shrinkage_is_that_of_scikit_learn(name: str, series: int) -> None:
    x = changes(50)[:, 8 : 8 + series] if series < 22 else np.random.default_rng(2).normal(size=(20, series))
    unit = engine(name).correlation.unit_columns(x, len(x), 0.8)[0]
    expected = ledoit_wolf_shrinkage(unit * np.sqrt(len(x)), assume_centered=True)
    assert engine(name).correlation.ledoit_wolf(unit) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 30])
def test_eigenvalues_are_those_of_lapack(size: int) -> None:
    x = np.random.default_rng(size).normal(size=(size, size))
    symmetric = x + x.T
    found = engine("cpu").correlation.eigenvalues(symmetric)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(symmetric), rtol=0, atol=1e-13 * size)


@pytest.mark.parametrize(
    "matrix",
    [np.eye(4), np.zeros((4, 4)), np.ones((5, 5)), np.diag([3.0, 1.0, 2.0])],
    ids=["one", "nil", "rank", "diag"],
)
def test_eigenvalues_of_degenerate_matrices(matrix: np.ndarray) -> None:
    found = engine("cpu").correlation.eigenvalues(matrix)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(matrix), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ENGINES)
def test_distance_under_a_correlation_by_hand(name: str) -> None:
    # z = (1, 1), r = .5: (1 + 1 - 2 x .5) / (1 - .25)
    found = engine(name).correlation.mahalanobis(np.ones(2), np.array([[1.0, 0.5], [0.5, 1.0]]))
    assert found == pytest.approx(4 / 3)


def test_distance_of_a_matrix_that_is_not_positive_definite_is_unknown() -> None:
    assert np.isnan(engine("cpu").correlation.mahalanobis(np.ones(2), np.array([[1.0, 2.0], [2.0, 1.0]])))
