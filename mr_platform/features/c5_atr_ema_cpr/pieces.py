"""Compiled scalar pieces of C5: windows, ranks, pivot ladders and the joint statistics of two return series.

NaN in, NaN out. Windows are summed afresh in a fixed order: a tick then gives the very bits of a batch. ``enough`` is
the share of a window's bars that must be there, bars before the open counting as missing.
"""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FLAT = 1e-9
"""A range below this share of the price is rounding, not movement."""
_CONSTANT = 1e-20
"""A variance below this share of the mean square is that of a constant series."""


@njit(cache=True, error_model="numpy")
def usable_range(value: float, price: float) -> float:
    """``value`` where it is a range that prices can be measured in, else NaN."""
    return value if value > FLAT * price else math.nan


@njit(cache=True, error_model="numpy")
def window_quantile(values: Floats, t: int, n: int, share: float, enough: float, room: Floats) -> float:
    """Quantile of the finite values of the ``n`` bars ending at ``t``, linear in between; ``room`` [n] is scratch."""
    count = 0
    for i in range(max(0, t - n + 1), t + 1):
        x = values[i]
        if math.isnan(x):
            continue
        at = count
        while at > 0 and room[at - 1] > x:
            room[at] = room[at - 1]
            at -= 1
        room[at] = x
        count += 1
    if count < enough * n:
        return math.nan
    place = share * (count - 1)
    low = int(place)
    high = min(low + 1, count - 1)
    return room[low] + (place - low) * (room[high] - room[low])


@njit(cache=True, error_model="numpy")
def rank(x: float, values: Floats, below: Floats) -> float:
    """Mid-rank of ``x`` in a history as ``history.Ranked`` keeps it: ``values`` [N] ascending, ``below`` [N + 1]."""
    total = below[below.shape[0] - 1]
    if math.isnan(x) or total <= 0:
        return math.nan
    low = below[np.searchsorted(values, x, "left")]
    high = below[np.searchsorted(values, x, "right")]
    return 0.5 * (low + high) / total


@njit(cache=True, error_model="numpy")
def rank_in_session(values: Floats, t: int, least: int) -> float:
    """Mid-rank of ``values[t]`` among the finite ones before it; NaN with fewer than ``least``."""
    x = values[t]
    count = 0
    below = 0.0
    for i in range(t):
        if values[i] < x:
            below += 1.0
            count += 1
        elif values[i] == x:
            below += 0.5
            count += 1
        elif values[i] > x:
            count += 1
    return below / count if count >= least else math.nan


@njit(cache=True, error_model="numpy")
def ladder(price: float, levels: Floats) -> float:
    """Place among ascending ``levels`` (padded with NaN): -1 at or below the lowest, 1 at or above the highest.

    Neighbouring levels lie equally far apart on that scale, with straight lines between them.
    """
    count = 0
    while count < levels.shape[0] and not math.isnan(levels[count]):
        count += 1
    if count < 2 or math.isnan(price):
        return math.nan
    if price <= levels[0]:
        return -1.0
    if price >= levels[count - 1]:
        return 1.0
    i = 0
    while price >= levels[i + 1]:
        i += 1
    return 2.0 * (i + (price - levels[i]) / (levels[i + 1] - levels[i])) / (count - 1) - 1.0


@njit(cache=True, error_model="numpy")
def nearest(price: float, levels: Floats, central: Floats) -> float:
    """Signed distance of ``price`` to the nearest level that is not the pivot point, positive above it, in rupees."""
    found = math.nan
    for i in range(levels.shape[0]):
        distance = price - levels[i]
        if central[i] == 0.0 and not math.isnan(distance) and not abs(found) <= abs(distance):
            found = distance
    return found


@njit(cache=True, error_model="numpy")
def joint(x: Floats, y: Floats, lag_x: int, lag_y: int, t: int, n: int, enough: float) -> tuple[float, float]:
    """Correlation of x, ``lag_x`` bars ago, with y, ``lag_y`` bars ago, and slope of x on y, over ``n`` bars.

    Only bars of the session that know both count. NaN with too few, or where either is constant.
    """
    first = max(max(lag_x, lag_y), t - n + 1)
    count = 0
    mean_x = 0.0
    mean_y = 0.0
    for i in range(first, t + 1):
        if not math.isnan(x[i - lag_x] + y[i - lag_y]):
            count += 1
            mean_x += x[i - lag_x]
            mean_y += y[i - lag_y]
    if count < enough * n:
        return math.nan, math.nan
    mean_x /= count
    mean_y /= count
    sxx = 0.0
    syy = 0.0
    sxy = 0.0
    for i in range(first, t + 1):
        if not math.isnan(x[i - lag_x] + y[i - lag_y]):
            dx = x[i - lag_x] - mean_x
            dy = y[i - lag_y] - mean_y
            sxx += dx * dx
            syy += dy * dy
            sxy += dx * dy
    if sxx <= _CONSTANT * count * mean_x * mean_x or syy <= _CONSTANT * count * mean_y * mean_y:
        return math.nan, math.nan
    return min(max(sxy / math.sqrt(sxx * syy), -1.0), 1.0), sxy / syy


@njit(cache=True, error_model="numpy")
def channel_position(bars: Floats, t: int, n: int, enough: float) -> float:
    """Place of the close between the lowest low (0) and the highest high (1) of ``n`` bars [M, 5]; NaN if flat.

    A high or low that is not known is the close's.
    """
    count = 0
    high = math.nan
    low = math.nan
    for i in range(max(0, t - n + 1), t + 1):
        close = bars[i, 3]
        if math.isnan(close):
            continue
        count += 1
        high = max_known(max_known(high, bars[i, 1]), close)
        low = min_known(min_known(low, bars[i, 2]), close)
    if count < enough * n or math.isnan(bars[t, 3]) or not high - low > FLAT * bars[t, 3]:
        return math.nan
    return (bars[t, 3] - low) / (high - low)


@njit(cache=True, error_model="numpy")
def efficiency(returns: Floats, t: int, n: int, enough: float) -> float:
    """Sum of returns over the sum of their sizes, ``n`` bars; NaN while nothing moves."""
    count = 0
    net = 0.0
    gross = 0.0
    for i in range(max(0, t - n + 1), t + 1):
        if not math.isnan(returns[i]):
            count += 1
            net += returns[i]
            gross += abs(returns[i])
    return net / gross if count >= enough * n and gross > 0 else math.nan


@njit(cache=True, error_model="numpy")
def held_beyond(close: Floats, column: int, t: int, n: int, bottom: float, top: float) -> float:
    """Least distance beyond bottom..top at which the last ``n`` closes [M, columns] stood, signed; 0 unless all did.

    NaN where one of them is not known.
    """
    if t < n - 1:
        return math.nan
    above = math.inf
    below = math.inf
    for i in range(t - n + 1, t + 1):
        price = close[i, column]
        if math.isnan(price - bottom):
            return math.nan
        above = min(above, price - top)
        below = min(below, bottom - price)
    return above if above > 0 else -below if below > 0 else 0.0


@njit(cache=True, error_model="numpy")
def max_known(a: float, b: float) -> float:
    """The greater of two, or the one that is known."""
    return b if math.isnan(a) else a if math.isnan(b) or a >= b else b


@njit(cache=True, error_model="numpy")
def min_known(a: float, b: float) -> float:
    """The lesser of two, or the one that is known."""
    return b if math.isnan(a) else a if math.isnan(b) or a <= b else b


@njit(cache=True, error_model="numpy")
def age(ages: Floats, side: float) -> float:
    """Bars since ``side`` (-1, 0, 1; NaN unknown) last changed, signed; NaN holds the count."""
    if math.isnan(side):
        return math.nan
    if side != ages[0]:
        ages[0] = side
        ages[1] = 0.0
    ages[1] += 1.0
    return side * ages[1]
