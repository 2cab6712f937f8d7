"""Windows along a session and weighted means that skip NaN, in plain NumPy: what readable components are written with.

Sums go from left to right: thresholds may tie, so the order of a sum matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def lagged(values: Floats, n: int) -> Floats:
    """The values [M, ...] ``n`` bars ago, NaN before the open."""
    out = np.full(values.shape, np.nan)
    out[n:] = values[: max(values.shape[0] - n, 0)]
    return out


def windows(values: Floats, n: int, before_open: float) -> Floats:
    """The ``n`` bars ending at each bar [M, n], ``before_open`` standing for bars before the first."""
    padded = np.concatenate([np.full(n - 1, before_open), values])
    return np.lib.stride_tricks.sliding_window_view(padded, n)


def total(view: Floats) -> Floats:
    """Sum of what is finite along each row, one after another."""
    return np.asarray(np.cumsum(np.where(np.isfinite(view), view, 0.0), axis=1)[:, -1])


def mean_of(values: Floats, n: int, enough: float) -> Floats:
    """Mean over ``n`` bars; NaN with a smaller share of them than ``enough``."""
    view = windows(values, n, np.nan)
    count = np.isfinite(view).sum(axis=1)
    return np.where(count >= enough * n, total(view) / count, np.nan)


def std_of(values: Floats, n: int, enough: float) -> Floats:
    """Population standard deviation over ``n`` bars; NaN with a smaller share of them than ``enough``."""
    view = windows(values, n, np.nan)
    count = np.isfinite(view).sum(axis=1)
    square = total((view - mean_of(values, n, enough)[:, None]) ** 2)
    return np.where(count >= enough * n, np.sqrt(square / count), np.nan)


def weighted(scores: Floats, weights: Floats) -> Floats:
    """Mean over the last axis of what is finite, weights renormalised; NaN when nothing is."""
    finite = np.isfinite(scores)
    weight = total(np.where(finite, weights, 0.0))
    return np.where(weight > 0, total(np.where(finite, scores * weights, 0.0)) / weight, np.nan)


def age(side: Floats) -> Floats:
    """Bars since ``side`` last changed, signed; a NaN bar gives NaN and holds the count."""
    out = np.full(side.size, np.nan)
    current, count = 0.0, 0
    for t, now in enumerate(side):
        if np.isnan(now):
            continue
        count = 1 if now != current else count + 1
        current = now
        out[t] = now * count
    return out
