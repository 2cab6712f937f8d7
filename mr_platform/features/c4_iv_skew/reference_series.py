"""Statistics of whole-session series in plain NumPy; the compiled ones in ``windows`` and ``verdict`` mean the same."""

from __future__ import annotations

import numpy as np

from mr_platform.features.c4_iv_skew.state import Floats

FLAT = 1e-12


def _windows(x: Floats, n: int) -> Floats:
    """The last ``n`` bars at each bar [M, n]; NaN before the open."""
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([np.full(n - 1, np.nan), x]), n)


def mean_of(x: Floats, n: int, enough: float) -> Floats:
    """Mean of the last ``n`` bars; NaN where less than the share ``enough`` of them is there."""
    w = _windows(x, n)
    count = np.isfinite(w).sum(axis=1)
    return np.where((count > 0) & (count >= enough * n), np.nansum(w, axis=1) / count, np.nan)


def deviation_of(x: Floats, n: int, enough: float) -> Floats:
    """Population standard deviation of the last ``n`` bars."""
    w = _windows(x, n)
    return np.asarray(np.sqrt(_mean((w - mean_of(x, n, enough)[:, None]) ** 2)))


def mean_square(x: Floats, n: int, enough: float) -> Floats:
    """Mean square of the last ``n`` bars."""
    return mean_of(x**2, n, enough)


def _mean(w: Floats) -> Floats:
    known = np.isfinite(w)
    return np.asarray(np.where(known, w, 0).sum(axis=1) / known.sum(axis=1))


def regression_of(x: Floats, y: Floats, n: int, enough: float) -> tuple[Floats, Floats]:
    """Slope of y on x and their correlation over the last ``n`` bars that have both."""
    both = np.isfinite(x + y)
    wx, wy = _windows(np.where(both, x, np.nan), n), _windows(np.where(both, y, np.nan), n)
    count = np.isfinite(wx).sum(axis=1)
    dx, dy = wx - _mean(wx)[:, None], wy - _mean(wy)[:, None]
    sxx, syy, sxy = np.nansum(dx**2, axis=1), np.nansum(dy**2, axis=1), np.nansum(dx * dy, axis=1)
    known = (count > 0) & (count >= enough * n) & (sxx > FLAT**2)
    slope = np.where(known, sxy / sxx, np.nan)
    return slope, np.where(known & (syy > FLAT**2), sxy / np.sqrt(sxx * syy), np.nan)


def session_place(x: Floats, days: np.ndarray, least: int) -> tuple[Floats, Floats, Floats]:
    """Place of x between low and high so far, its mid-rank among earlier bars, its z-score; one expiry throughout."""
    rank, percentile, zscore = (np.full(x.size, np.nan) for _ in range(3))
    for t in np.flatnonzero(np.isfinite(x)):
        seen = x[: t + 1][(days[: t + 1] == days[t]) & np.isfinite(x[: t + 1])]
        if seen.size < least:
            continue
        below, ties = (seen < x[t]).sum(), (seen == x[t]).sum() - 1
        percentile[t] = (below + 0.5 * ties) / (seen.size - 1)
        if seen.std() > FLAT:
            rank[t] = (x[t] - seen.min()) / (seen.max() - seen.min())
            zscore[t] = (x[t] - seen.mean()) / seen.std()
    return rank, percentile, zscore


def ranked(values: Floats, below: Floats, x: Floats) -> Floats:
    """Mid-rank in a history of ascending ``values`` with ``below`` observations before each place."""
    low = below[np.searchsorted(values, x, side="left")]
    high = below[np.searchsorted(values, x, side="right")]
    return np.where(np.isfinite(x), 0.5 * (low + high) / below[-1], np.nan)


def run_lengths(x: Floats) -> Floats:
    """Bars with a value since the series last changed."""
    out = np.full(x.size, np.nan)
    bars, last = 0, np.nan
    for t in np.flatnonzero(np.isfinite(x)):
        bars = bars + 1 if x[t] == last else 1
        last = x[t]
        out[t] = bars
    return out
