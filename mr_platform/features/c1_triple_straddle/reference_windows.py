"""Array pieces of the C1 reference: EMA recursions, the quality of a window, and correlations of pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c1_triple_straddle.state import DayConstants
from mr_platform.kernels.reference.windows import std_of, windows

Floats = NDArray[np.float64]


def ema(price: Floats, span: int, value: float, seen: float) -> Floats:
    """EMA readings [M] continued from ``value`` after ``seen`` prices; NaN without a price, or before ``span``."""
    out = np.full(price.size, np.nan)
    for t, p in enumerate(price):
        if np.isnan(p):
            continue
        value = p if seen == 0 else value + 2.0 / (span + 1.0) * (p - value)
        seen += 1
        if seen >= span:
            out[t] = value
    return out


def live_ema(price: Floats, n: int, span: int, value: float, seen: float, n_bars: int) -> Floats:
    """EMA on n-minute bars [M]: finished bars taken in, the unfinished one standing at its last price so far."""
    out = np.full(price.size, np.nan)
    last = np.nan
    for t, p in enumerate(price):
        if not np.isnan(p):
            last = p
            live = p if seen == 0 else value + 2.0 / (span + 1.0) * (p - value)
            if seen + 1 >= span:
                out[t] = live
        if ((t + 1) % n == 0 or t + 1 == n_bars) and not np.isnan(last):
            value = last if seen == 0 else value + 2.0 / (span + 1.0) * (last - value)
            seen += 1
            last = np.nan
    return out


def quality(price: Floats, volume: Floats, n: int, weights: Floats) -> Floats:
    """Presence, 1 / (1 + CV) and share of bars with volume over ``n`` bars, under ``weights`` [3]."""
    view = windows(price, n, np.nan)
    count = np.isfinite(view).sum(axis=1)
    mean = np.nansum(view, axis=1) / count
    square = np.nansum((view - mean[:, None]) ** 2, axis=1) / count
    steadiness = np.where(count >= 2, 1 / (1 + np.sqrt(square) / mean), 0.0)
    traded = (windows(volume, n, np.nan) > 0).sum(axis=1)
    return np.asarray(weights[0] * count / n + weights[1] * steadiness + weights[2] * traded / n)


def correlation_of_pairs(returns: Floats, day: DayConstants) -> tuple[Floats, Floats]:
    """Mean pairwise correlation and share of redundant pairs over the day's window, each [M]."""
    m, count = returns.shape
    n = day.window
    mean, share = np.full(m, np.nan), np.full(m, np.nan)
    spread = np.column_stack([std_of(returns[:, i], n, day.enough) for i in range(count)])
    for t in range(m):
        usable = np.flatnonzero(spread[t] > 0)
        if usable.size < day.series_share * count:
            continue
        part = returns[max(0, t - n + 1) : t + 1, usable]
        found = []
        for a in range(usable.size):
            for b in range(a + 1, usable.size):
                x, y = part[:, a], part[:, b]
                both = np.isfinite(x) & np.isfinite(y)
                x, y = x[both] - x[both].mean(), y[both] - y[both].mean()
                size = np.sqrt((x @ x) * (y @ y))
                if size > 0:
                    found.append((x @ y) / size)
        if found:
            mean[t] = np.mean(found)
            share[t] = np.mean(np.abs(found) > day.redundant)
    return mean, share
