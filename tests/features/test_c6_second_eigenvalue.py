"""The second-least eigenvalue by Sturm's count, against LAPACK and graphs whose connectivity is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mr_platform.features.c6_correlation.spectra import CUTS, second_least
from mr_platform.kernels.cpu.correlation import tridiagonal


def laplacian(weights: np.ndarray) -> np.ndarray:
    return np.asarray(np.diag(weights.sum(axis=0)) - weights)


def connectivity(matrix: np.ndarray) -> float:
    n = len(matrix)
    diagonal, room = np.empty(n), np.empty(2 * n)
    tridiagonal(np.array(matrix), n, diagonal, room, room[n:])
    most = matrix.diagonal().min() * n / (n - 1)
    return float(second_least(diagonal, room, n, most, np.empty((3, CUTS))))


def test_a_complete_graph_of_equal_weights_stands_at_the_bound() -> None:
    assert connectivity(laplacian(0.5 * (1 - np.eye(6)))) == pytest.approx(3.0, abs=1e-13)


def test_a_path_has_the_closed_form() -> None:
    path = np.diag(np.ones(9), 1) + np.diag(np.ones(9), -1)
    assert connectivity(laplacian(path)) == pytest.approx(2.0 - 2.0 * math.cos(math.pi / 10), abs=1e-13)


def test_two_parts_without_a_link_have_none() -> None:
    assert connectivity(laplacian(np.kron(np.eye(2), 1 - np.eye(4)))) == pytest.approx(0.0, abs=1e-13)


@pytest.mark.parametrize("n", [3, 10, 30])
def test_weighted_graphs_have_lapacks(n: int) -> None:
    weights = np.triu(np.random.default_rng(n).uniform(size=(n, n)), 1)
    matrix = laplacian(weights + weights.T)
    assert connectivity(matrix) == pytest.approx(np.linalg.eigvalsh(matrix)[1], abs=1e-12)
