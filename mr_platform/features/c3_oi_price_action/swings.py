"""Compiled zig-zag of the underlying, and divergences between its swings and those of the net flow.

A bar is a swing high once half of the zig-zag's bars, itself left out, have passed without a higher price and with a
lower one; then the lowest bar since it is waited for in the same way. A swing is known when it is confirmed, never
before.
"""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

from numba import njit

from mr_platform.features.c3_oi_price_action.state import (
    EXTREME,
    HIDDEN_BEAR,
    HIDDEN_BULL,
    HIGHS,
    LOWS,
    REGULAR_BEAR,
    REGULAR_BULL,
    Carried,
    Floats,
)

NAN = math.nan


@njit(cache=True, error_model="numpy")
def advance(t: int, price: Floats, flow: Floats, bars: int, zigzag: Floats, swings: Floats) -> int:
    """Take bar ``t`` of ``price`` and ``flow`` [M]; HIGHS or LOWS when it confirms such a swing, else -1.

    Without a price nothing is confirmed. Of a high and a low that the open leaves to be confirmed at once, the earlier
    comes first; the first of equal prices is the swing.
    """
    if math.isnan(price[t]):
        return -1
    since = int(zigzag[1])
    high, low = -1, -1
    for i in range(since, t + 1):
        if math.isnan(price[i]):
            continue
        if high < 0 or price[i] > price[high]:
            high = i
        if low < 0 or price[i] < price[low]:
            low = i
    is_high, is_low = False, False
    if zigzag[0] >= 0.0 and t - high >= bars:
        for i in range(high + 1, t + 1):
            is_high = is_high or price[i] < price[high]
    if zigzag[0] <= 0.0 and t - low >= bars:
        for i in range(low + 1, t + 1):
            is_low = is_low or price[i] > price[low]
    if not (is_high or is_low):
        return -1
    kind, at = (HIGHS, high) if is_high and not (is_low and low < high) else (LOWS, low)
    points = swings[kind]
    points[0, 0], points[0, 1] = points[1, 0], points[1, 1]
    points[1, 0], points[1, 1] = price[at], flow[at]
    zigzag[0], zigzag[1] = -1.0 if kind == HIGHS else 1.0, at
    return kind


@njit(cache=True, error_model="numpy")
def compare(t: int, kind: int, price_sd: float, flow_sd: float, extreme_z: float, carried: Carried) -> None:
    """Judge the last two swings of a kind that was just confirmed; deviations are those of one bar."""
    points = carried.swings[kind]
    price = math.log(points[1, 0] / points[0, 0])
    flow = points[1, 1] - points[0, 1]
    if math.isnan(price) or math.isnan(flow):
        return
    price_z = abs(price) / price_sd if price_sd > 0 else NAN
    flow_z = abs(flow) / flow_sd if flow_sd > 0 else NAN
    strength, lesser = NAN, 0.0
    if not (math.isnan(price_z) or math.isnan(flow_z)):
        strength = math.sqrt(min(1.0, price_z / extreme_z) * min(1.0, flow_z / extreme_z))
        lesser = min(price_z, flow_z)
    against = price * flow < 0.0
    if kind == LOWS:
        regular, hidden, sign = REGULAR_BULL, HIDDEN_BULL, 1.0
        is_regular = against and price < 0.0
    else:
        regular, hidden, sign = REGULAR_BEAR, HIDDEN_BEAR, -1.0
        is_regular = against and price > 0.0
    _mark(carried.divergences[regular], t, 1.0 if is_regular else 0.0, strength)
    _mark(carried.divergences[hidden], t, 1.0 if against and not is_regular else 0.0, strength)
    standing = carried.divergences[EXTREME]
    if is_regular and lesser > extreme_z:
        _mark(standing, t, sign, sign * (1.0 - extreme_z / lesser))
    elif math.isnan(standing[0]):
        _mark(standing, t, 0.0, 0.0)


@njit(cache=True, error_model="numpy")
def _mark(mark: Floats, t: int, sign: float, strength: float) -> None:
    mark[0] = sign
    mark[1] = strength if sign != 0.0 else 0.0
    mark[2] = t
    if sign != 0.0:
        mark[3] = t


@njit(cache=True, error_model="numpy")
def write(t: int, bars: int, n_bars: int, flow: float, divergences: Floats, out: Floats) -> None:
    """Flag, strength and bars since (the session's length where there was none) of the five, into ``out`` [15].

    What a swing shows stands until the next one of its kind, an extreme divergence for ``bars`` bars. Before two swings
    of a kind are known nothing is said of it but that it has not been seen, once there is a net flow.
    """
    for d in range(5):
        mark = divergences[d]
        if math.isnan(mark[0]):
            if not math.isnan(flow):
                out[3 * d + 2] = n_bars
            continue
        age = t - mark[2]
        over = d == EXTREME and age >= bars
        out[3 * d] = 0.0 if over else mark[0]
        out[3 * d + 1] = 0.0 if over else mark[1] * 0.5 ** (age / bars)
        out[3 * d + 2] = n_bars if math.isnan(mark[3]) else t - mark[3]
        if d == EXTREME and mark[0] < 0.0:
            out[3 * d + 2] = -age
