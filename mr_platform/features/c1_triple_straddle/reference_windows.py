"""Array pieces of the C1 reference: recursions, windows inside the session, and weighted means that skip NaN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c1_triple_straddle.state import DayConstants

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


def lagged(values: Floats, n: int) -> Floats:
    """The value ``n`` bars ago, NaN before the open."""
    out = np.full(values.shape, np.nan)
    out[n:] = values[:-n] if n < values.size else values[:0]
    return out


def windows(values: Floats, n: int, before_open: float) -> Floats:
    """The ``n`` bars ending at each bar [M, n], ``before_open`` standing for bars before the first."""
    padded = np.concatenate([np.full(n - 1, before_open), values])
    return np.lib.stride_tricks.sliding_window_view(padded, n)


def total(view: Floats) -> Floats:
    """Sum of what is finite along each row, one after another: thresholds may tie, so the order of sums matters."""
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
