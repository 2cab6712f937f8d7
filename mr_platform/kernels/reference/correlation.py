"""Correlation matrices of windows of changes, their shrinkage, spectrum and distances, readable.

A missing change stands at its series' mean: every matrix is the Gram matrix of centred columns of length one, hence
symmetric, of unit diagonal and positive semi-definite, which matrices of pairwise complete bars are not.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "correlation_matrix",
    "eigenvalues",
    "ledoit_wolf",
    "mahalanobis",
    "rolling_correlation_matrices",
    "unit_columns",
]


def unit_columns(changes: np.ndarray, window: int, coverage: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centred columns of length one of the bars given, with mean and population deviation of each series.

    ``changes`` [T, N], T <= ``window`` (bars before the open are not there and count as missing). A series that is
    constant or has fewer than ``coverage`` of the window's bars drops out: its column is 0, mean and deviation NaN.
    Returns [T, N], [N], [N].
    """
    rows, n = changes.shape
    unit, mean, deviation = np.zeros((rows, n)), np.full(n, np.nan), np.full(n, np.nan)
    for i in range(n):
        known = changes[~np.isnan(changes[:, i]), i]
        if known.size < coverage * window or known.size == 0 or known.min() == known.max():
            continue
        mean[i] = known.mean()
        centred = np.where(np.isnan(changes[:, i]), 0.0, changes[:, i] - mean[i])
        length = np.sqrt((centred**2).sum())
        unit[:, i], deviation[i] = centred / length, length / np.sqrt(known.size)
    return unit, mean, deviation


def correlation_matrix(unit: np.ndarray) -> np.ndarray:
    """Gram matrix of unit columns [T, N] -> [N, N]; rows and columns of series that dropped out are NaN."""
    kept = (unit != 0).any(axis=0)
    out = np.clip(unit.T @ unit, -1.0, 1.0)
    np.fill_diagonal(out, 1.0)
    out[~kept], out[:, ~kept] = np.nan, np.nan
    return np.asarray(out)


def ledoit_wolf(unit: np.ndarray) -> float:
    """Weight of the identity in the shrunk correlation matrix of unit columns [T, N], none dropped, 0..1.

    O. Ledoit, M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004), on standardised
    changes, whose scaled identity is the identity. NaN for fewer than two series.
    """
    rows, n = unit.shape
    if n < 2:
        return float("nan")
    standardised = unit * np.sqrt(rows)
    sample = standardised.T @ standardised / rows
    distance = ((sample - np.eye(n)) ** 2).sum() / n
    noise = sum(((np.outer(x, x) - sample) ** 2).sum() for x in standardised) / rows**2 / n
    return float(min(noise, distance) / distance) if distance > 0 else 0.0


def eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Of a symmetric matrix [N, N], ascending [N]."""
    return np.asarray(np.linalg.eigvalsh(matrix))


def mahalanobis(deviations: np.ndarray, matrix: np.ndarray) -> float:
    """z' R^-1 z of standardised deviations [N] under a positive definite correlation matrix [N, N]."""
    return float(deviations @ np.linalg.solve(matrix, deviations))


def rolling_correlation_matrices(changes: np.ndarray, window: int, coverage: float, start: int = 0) -> np.ndarray:
    """Correlation matrix of the last ``window`` bars at each bar from ``start`` on.

    ``changes`` [B, M, N]; returns [B, M - start, N, N], NaN for series that dropped out.
    """
    batch, bars, n = changes.shape
    out = np.empty((batch, bars - start, n, n))
    for b in range(batch):
        for t in range(start, bars):
            part = changes[b, max(t - window + 1, 0) : t + 1]
            out[b, t - start] = correlation_matrix(unit_columns(part, window, coverage)[0])
    return out
