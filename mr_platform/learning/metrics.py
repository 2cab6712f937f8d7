"""Scores of class predictions against labels, from confusion matrices and probabilities.

Labels ``y`` are codes int64 [n] in 0..k-1; probabilities ``p`` float64 [n, k] with rows that sum to 1.
A score of no rows is NaN. Definitions follow scikit-learn where it has them, otherwise the source named.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FLOOR = np.finfo(np.float64).eps


def confusion(y: Ints, predicted: Ints, k: int) -> Floats:
    """Counts [..., k, k], rows the labels, columns the predictions."""
    return np.bincount(y * k + predicted, minlength=k * k).reshape(k, k).astype(np.float64)


def accuracy(matrix: Floats) -> Floats:
    """Share on the diagonal; ``matrix`` [..., k, k] gives [...]."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def balanced_accuracy(matrix: Floats) -> Floats:
    """Mean recall over the classes that are labelled at least once; [..., k, k] gives [...]."""
    labelled = matrix.sum(axis=-1)
    recall = _ratio(np.diagonal(matrix, axis1=-2, axis2=-1), labelled, empty=0.0)
    return _ratio(recall.sum(axis=-1), (labelled > 0).sum(axis=-1))


def macro_f1(matrix: Floats) -> Floats:
    """Mean F1 over the classes that are labelled or predicted at least once; [..., k, k] gives [...]."""
    both = matrix.sum(axis=-1) + matrix.sum(axis=-2)
    f1 = _ratio(2.0 * np.diagonal(matrix, axis1=-2, axis2=-1), both, empty=0.0)
    return _ratio(f1.sum(axis=-1), (both > 0).sum(axis=-1))


def matthews(matrix: Floats) -> Floats:
    """Multiclass Matthews correlation (Gorodkin 2004); 0 where labels or predictions have one class only."""
    total = matrix.sum(axis=(-2, -1))
    labelled, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    right = np.trace(matrix, axis1=-2, axis2=-1)
    covariance = right * total - (labelled * predicted).sum(axis=-1)
    spread = (total**2 - (predicted**2).sum(axis=-1)) * (total**2 - (labelled**2).sum(axis=-1))
    return np.where(total > 0, _ratio(covariance, np.sqrt(np.maximum(spread, 0.0)), empty=0.0), np.nan)


def log_loss_rows(y: Ints, p: Floats) -> Floats:
    """Minus the log probability of each row's label [n], floored at machine epsilon."""
    return np.asarray(-np.log(np.clip(p[np.arange(y.size), y], _FLOOR, 1.0)), dtype=np.float64)


def log_loss(y: Ints, p: Floats) -> float:
    """Mean of ``log_loss_rows``."""
    return _mean(log_loss_rows(y, p))


def ranked_probability_score(y: Ints, p: Floats) -> float:
    """Mean squared distance of the cumulative distributions over ordered classes, divided by k-1 (Epstein 1969)."""
    k = p.shape[1]
    reached = np.arange(k)[None, :] >= y[:, None]
    gaps = (np.cumsum(p, axis=1) - reached)[:, : k - 1]
    return _mean((gaps**2).sum(axis=1) / (k - 1))


def brier(y: Ints, p: Floats) -> float:
    """Mean squared distance of the probabilities from the label's indicator, summed over classes (Brier 1950)."""
    truth = np.zeros_like(p)
    truth[np.arange(y.size), y] = 1.0
    return _mean(((p - truth) ** 2).sum(axis=1))


def expected_calibration_error(y: Ints, p: Floats, bins: int = 15) -> float:
    """Mean |accuracy - confidence| over equal-width bins of the top probability, by rows (Guo et al. 2017)."""
    if not y.size:
        return float("nan")
    confidence, predicted = p.max(axis=1), p.argmax(axis=1)
    at = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(at, weights=(predicted == y) - confidence, minlength=bins)
    return float(np.abs(gap).sum() / y.size)


def flip_rate(codes: Ints, runs: list[NDArray[np.intp]]) -> float:
    """Share of neighbouring bars within a run whose class differs; rows with code -1 are skipped."""
    flips = pairs = 0
    for run in runs:
        seen = codes[run]
        seen = seen[seen >= 0]
        flips += int(np.count_nonzero(np.diff(seen)))
        pairs += max(seen.size - 1, 0)
    return flips / pairs if pairs else float("nan")


def dwell(codes: Ints, runs: list[NDArray[np.intp]]) -> float:
    """Mean length in bars of a stretch of one class within a run; rows with code -1 are skipped."""
    stretches = rows = 0
    for run in runs:
        seen = codes[run]
        seen = seen[seen >= 0]
        rows += seen.size
        stretches += int(np.count_nonzero(np.diff(seen))) + (seen.size > 0)
    return rows / stretches if stretches else float("nan")


def skill(score: float, best_baseline: float) -> float:
    """(score - best) / (1 - best): the share of the best baseline's error that is gone; NaN where it has none."""
    return (score - best_baseline) / (1.0 - best_baseline) if best_baseline < 1.0 else float("nan")


def entropy(codes: Ints, k: int) -> float:
    """Shannon entropy in nats of the class shares; 0 for no rows."""
    counts = np.bincount(codes[codes >= 0], minlength=k)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log(shares)).sum() + 0.0)


def _ratio(above: NDArray, below: NDArray, *, empty: float = np.nan) -> Floats:
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    out = np.full(np.broadcast(above, below).shape, empty)
    return np.asarray(np.divide(above, below, out=out, where=below > 0), dtype=np.float64)


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")
