"""Compiled classification by signatures; see ``reference.signatures`` for the meaning of each function.

Sums run in the order in which NumPy adds rows of seven and of eight, so that both implementations give the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mr_platform.kernels.reference.signatures import DIGITS, NO_REGIME, TIE

__all__ = ["classify_rows"]

N_COMPONENTS = 7
N_REGIMES = 8


def classify_rows(
    scores: np.ndarray, weights: np.ndarray, signatures: np.ndarray, score_share: float, match_floor: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = scores.shape[0]
    p, fit = np.empty((2, n, N_REGIMES))
    regime = np.empty(n, np.int64)
    rows = np.ascontiguousarray(np.broadcast_to(weights, scores.shape))
    _classify_rows(np.ascontiguousarray(scores), rows, signatures, score_share, match_floor, p, fit, regime)
    return p, fit, regime


@njit(cache=True, error_model="numpy")
def _classify_rows(
    scores: np.ndarray,
    weights: np.ndarray,
    signatures: np.ndarray,
    score_share: float,
    match_floor: float,
    p: np.ndarray,
    fit: np.ndarray,
    regime: np.ndarray,
) -> None:
    support = np.empty(N_REGIMES)
    for t in range(scores.shape[0]):
        regime[t] = classify_row(scores[t], weights[t], signatures, score_share, match_floor, support, p[t], fit[t])


@njit(cache=True, error_model="numpy")
def match(score: float, low: float, high: float) -> float:
    outside = max(max(low - score, score - high), 0.0)
    return max(1.0 - outside / (high - low), 0.0)


@njit(cache=True, error_model="numpy")
def classify_row(
    scores: np.ndarray,
    weights: np.ndarray,
    signatures: np.ndarray,
    score_share: float,
    match_floor: float,
    support: np.ndarray,
    p: np.ndarray,
    fit: np.ndarray,
) -> int:
    """One row: fills ``support`` (weighted match and share, not yet normalised), ``p`` and ``fit`` [8]."""
    count = 0
    for c in range(N_COMPONENTS):
        count += 1 if np.isfinite(scores[c]) else 0
    for r in range(N_REGIMES):
        known = 0.0
        total = 0.0
        matching = 0
        for c in range(N_COMPONENTS):
            if not np.isfinite(scores[c]):
                continue
            weight = signatures[0, r, c] * weights[c]
            matched = match(scores[c], signatures[1, r, c], signatures[2, r, c])
            known += matched * weight
            total += weight
            matching += 1 if matched > match_floor + TIE else 0
        fit[r] = known / total if total > 0.0 else np.nan
        support[r] = score_share * fit[r] + (1.0 - score_share) * (matching / max(count, 1))
    s = support
    mass = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
    if not (np.isfinite(mass) and mass > 0.0):
        p[:] = np.nan
        support[:] = np.nan
        return NO_REGIME
    top = 0.0
    for r in range(N_REGIMES):
        p[r] = support[r] / mass
        top = max(top, p[r])
    best = NO_REGIME
    narrowest = np.inf
    for r in range(N_REGIMES):
        if p[r] < top - TIE:
            continue
        breadth = 0.0
        total = 0.0
        for c in range(N_COMPONENTS):
            if np.isfinite(scores[c]):
                weight = signatures[0, r, c] * weights[c]
                breadth += weight * (signatures[2, r, c] - signatures[1, r, c])
                total += weight
        scale = 10.0**DIGITS
        breadth = np.rint(breadth / total * scale) / scale
        if breadth < narrowest:
            best, narrowest = r, breadth
    return best
