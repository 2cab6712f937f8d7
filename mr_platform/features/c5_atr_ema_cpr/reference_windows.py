"""Array pieces of the C5 reference: recursions, ranges, ranks and windows inside the session."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.kernels.reference.windows import total, windows

Floats = NDArray[np.float64]

OPEN, HIGH, LOW, CLOSE = range(4)
FLAT = 1e-9
_CONSTANT = 1e-20


def recursion(
    values: Floats,
    state: tuple[float, float],
    span: int,
    *,
    wilder: bool,
    hold: bool = False,
    told_from: int | None = None,
) -> tuple[Floats, float, float]:
    """Readings [M] of an EMA, or of Wilder's mean, and where it ends: value and values seen.

    Continued from ``state``. NaN before ``told_from`` values (``span`` of them unless said), and where there is none
    unless ``hold``: then the last reading stays. Wilder's is the plain mean of what it saw until it has seen ``span``
    values.
    """
    value, seen = state
    out = np.full(values.size, np.nan)
    for t, x in enumerate(values):
        if np.isfinite(x):
            base = x if seen == 0 else value
            value = base + (x - base) / min(seen + 1.0, span) if wilder else base + 2.0 / (span + 1.0) * (x - base)
            seen += 1
        elif not hold:
            continue
        if seen >= (span if told_from is None else told_from):
            out[t] = value
    return out, float(value), float(seen)


def usable(ranges: Floats, price: Floats) -> Floats:
    """Ranges that prices can be measured in; NaN where there is no price."""
    return np.where(ranges > FLAT * price, ranges, np.nan)


def true_ranges(bars: Floats, before: Floats) -> Floats:
    """max(H, C') - min(L, C') of each bar [M, 5], H - L without a previous close."""
    close = bars[:, CLOSE]
    high = np.fmax(np.fmax(bars[:, HIGH], close), before)
    low = np.fmin(np.fmin(bars[:, LOW], close), before)
    return np.where(np.isnan(close), np.nan, high - low)


def slow_ranges(bars: Floats, before: Floats, minutes: int, n_bars: int) -> Floats:
    """True range of the bar of so many ``minutes`` that ends at each minute [M]; NaN where none ends, or it is empty.

    It is the range of the way of the contract held, so that a roll is no move.
    """
    out = np.full(bars.shape[0], np.nan)
    points: list[float] = []
    way = 0.0
    for t, bar in enumerate(bars):
        close = bar[CLOSE]
        if np.isfinite(close):
            if np.isfinite(before[t]):
                if not points:
                    points.append(0.0)
                way += close - before[t]
            points += [way + (np.fmax(bar[HIGH], close) - close), way + (np.fmin(bar[LOW], close) - close)]
        if (t + 1) % minutes == 0 or t + 1 == n_bars:
            if points:
                out[t] = max(points) - min(points)
            points, way = [], 0.0
    return out


def rank(x: Floats, values: Floats, below: Floats) -> Floats:
    """Mid-rank in a history of earlier sessions, as ``history.Ranked.rank``."""
    whole = below[-1]
    low = below[np.searchsorted(values, x, side="left")]
    high = below[np.searchsorted(values, x, side="right")]
    return np.where(np.isfinite(x) & (whole > 0), 0.5 * (low + high) / whole, np.nan)


def rank_so_far(x: Floats, least: int) -> Floats:
    """Mid-rank among the values of the session before it, at least so many."""
    out = np.full(x.size, np.nan)
    for t, now in enumerate(x):
        earlier = x[:t][np.isfinite(x[:t])]
        if np.isfinite(now) and earlier.size >= least:
            out[t] = ((earlier < now).sum() + 0.5 * (earlier == now).sum()) / earlier.size
    return out


def quantile_of(values: Floats, n: int, share: float, enough: float) -> Floats:
    """Quantile of the finite values of ``n`` bars, linear in between."""
    out = np.full(values.size, np.nan)
    for t in range(values.size):
        part = values[max(0, t - n + 1) : t + 1]
        part = np.sort(part[np.isfinite(part)])
        if part.size >= enough * n:
            place = share * (part.size - 1)
            low = int(place)
            high = min(low + 1, part.size - 1)
            out[t] = part[low] + (place - low) * (part[high] - part[low])
    return out


def ladder(price: Floats, levels: Floats) -> Floats:
    """Place among ascending levels, -1 at the lowest to 1 at the highest."""
    known = levels[np.isfinite(levels)]
    if known.size < 2:
        return np.full(price.size, np.nan)
    return np.asarray(np.interp(price, known, 2.0 * np.arange(known.size) / (known.size - 1) - 1.0))


def nearest(price: Floats, levels: Floats, central: Floats) -> Floats:
    """Signed distance to the nearest level that is not the pivot point; of two the lower level."""
    usual = levels[np.isfinite(levels) & (central == 0)]
    if usual.size == 0:
        return np.full(price.size, np.nan)
    distance = price[:, None] - usual
    best = np.argmin(np.where(np.isnan(distance), np.inf, np.abs(distance)), axis=1)
    return np.asarray(distance[np.arange(price.size), best])


def channel(bars: Floats, n: int, enough: float) -> Floats:
    """Place of the close between lowest low and highest high of ``n`` bars."""
    close = bars[:, CLOSE]
    known = np.isfinite(close)
    high = windows(np.where(known, np.fmax(bars[:, HIGH], close), np.nan), n, np.nan)
    low = windows(np.where(known, np.fmin(bars[:, LOW], close), np.nan), n, np.nan)
    top, bottom = np.fmax.reduce(high, axis=1), np.fmin.reduce(low, axis=1)
    valid = known & (np.isfinite(high).sum(axis=1) >= enough * n) & (top - bottom > FLAT * close)
    return np.where(valid, (close - bottom) / (top - bottom), np.nan)


def ratio_of_sums(values: Floats, n: int, enough: float) -> Floats:
    """Sum of ``n`` bars over the sum of their sizes."""
    view = windows(values, n, np.nan)
    net, gross = total(view), total(np.abs(view))
    return np.where((np.isfinite(view).sum(axis=1) >= enough * n) & (gross > 0), net / gross, np.nan)


def spread_of(values: Floats) -> Floats:
    """Population standard deviation over the last axis of what is finite, at least two; else NaN."""
    finite = np.isfinite(values)
    count = finite.sum(axis=1)
    mean = np.where(finite, values, 0.0).sum(axis=1) / count
    square = np.where(finite, (values - mean[:, None]) ** 2, 0.0).sum(axis=1) / count
    return np.where(count >= 2, np.sqrt(square), np.nan)


def joint(x: Floats, y: Floats, n: int, enough: float) -> tuple[Floats, Floats]:
    """Correlation of x with y, and slope of x on y, over the ``n`` bars ending at each minute that know both."""
    correlation, slope = np.full((2, x.size), np.nan)
    for t in range(x.size):
        rows = slice(max(0, t - n + 1), t + 1)
        both = np.isfinite(x[rows]) & np.isfinite(y[rows])
        if both.sum() < enough * n:
            continue
        a, b = x[rows][both], y[rows][both]
        floor = _CONSTANT * a.size * a.mean() ** 2, _CONSTANT * b.size * b.mean() ** 2
        a, b = a - a.mean(), b - b.mean()
        if a @ a > floor[0] and b @ b > floor[1]:
            correlation[t] = np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0)
            slope[t] = (a @ b) / (b @ b)
    return correlation, slope
