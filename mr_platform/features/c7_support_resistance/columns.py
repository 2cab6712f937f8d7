"""Compiled: the columns of one asset at one minute, and where each column stands.

Columns are written by position; the blocks below are the order of ``catalogue.features()``.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from mr_platform.features.c7_support_resistance.compiled import inner
from mr_platform.features.c7_support_resistance.state import (
    CALL_WALL,
    FIRST_OF_METHOD,
    N_METHODS,
    PROFILE,
    PUT_WALL,
    UNDERLYING,
)
from mr_platform.features.c7_support_resistance.touches import (
    chance_of,
    conditions,
    confirmation,
    volume_ratio,
    zone_strength,
)

DETECTION, RANGES, CONFLUENCE, MATCH, STRENGTH, BREAKOUT = 0, 22, 30, 42, 50, 65
BY_ASSET = (11, 6, 7)
"""Columns of one asset in detection, confluence and strength."""
NAN = math.nan
FLAT = 1e-9
"""An ATR below this share of the price is rounding, not movement."""
_FIRST = np.array(FIRST_OF_METHOD)


@inner
def known_atr(a, price, day, carried):
    """ATR once it has seen its period of bars; NaN before, or where nothing moves."""
    if carried.atr_bars[a] < day.atr_period or not carried.atr[a] > FLAT * price:
        return NAN
    return carried.atr[a]


@inner
def nearest_of(levels, first, last, price):
    """The level among slots [first, last) nearest to ``price``, the first of equals; NaN where none is known."""
    best = NAN
    for i in range(first, last):
        if not math.isnan(levels[i]) and not abs(best - price) <= abs(levels[i] - price):
            best = levels[i]
    return best


@inner
def detection_columns(a, price, atr, day, carried, nearest, out):
    """Group detection of asset ``a``; ``nearest`` [2, 4] gets value, weight, distance in ATR of the zones around."""
    for zone in range(carried.zone_count[a]):
        value = carried.zones[a, zone, 0]
        side = 0 if value > price else 1
        if side == 1 or math.isnan(nearest[0, 0]):
            nearest[side, 0] = value
            nearest[side, 1] = carried.zones[a, zone, 1]
            nearest[side, 2] = abs(value - price) / atr
    levels = carried.levels[a]
    own = out[BY_ASSET[0] * a : BY_ASSET[0] * (a + 1)]
    own[0] = nearest[0, 2]
    own[1] = nearest[1, 2]
    own[2] = (price - nearest[1, 0]) / (nearest[0, 0] - nearest[1, 0])
    for method in range(N_METHODS):
        own[3 + method] = (price - nearest_of(levels, _FIRST[method], _FIRST[method + 1], price)) / atr
    own[8] = (price - levels[PROFILE]) / atr
    own[9] = (levels[PROFILE + 1] - levels[PROFILE + 2]) / atr
    start, end = carried.swing[a, 0], carried.swing[a, 1]
    own[10] = (price - end) / (start - end) if start != end else NAN
    if a != UNDERLYING:
        return
    for j in range(carried.ranges.shape[1]):
        top, bottom = carried.ranges[a, j, 0], carried.ranges[a, j, 1]
        out[RANGES + j] = (price - bottom) / (top - bottom) if top > bottom else NAN
    out[26] = (price - day.prior[a, 2]) / atr
    top, bottom = day.prior[a, 3], day.prior[a, 4]
    out[27] = (price - bottom) / (top - bottom) if top > bottom else NAN
    above, below = levels[CALL_WALL], levels[PUT_WALL]
    out[28] = (price - below) / (above - below)
    out[29] = (above - below) / atr


@inner
def closest(nearest):
    """Side of the nearer of the two zones, the lower of equals; -1 where there is none."""
    if math.isnan(nearest[0, 2]):
        return -1 if math.isnan(nearest[1, 2]) else 1
    return 0 if nearest[0, 2] < nearest[1, 2] or math.isnan(nearest[1, 2]) else 1


@inner
def confluence_columns(a, t, price, atr, day, carried, nearest, out):
    """Group confluence of asset ``a`` alone."""
    own = out[BY_ASSET[1] * a : BY_ASSET[1] * (a + 1)]
    own[0] = nearest[0, 1]
    own[1] = nearest[1, 1]
    up = 0.0
    down = 0.0
    for zone in range(carried.zone_count[a]):
        value = carried.zones[a, zone, 0]
        share = 1.0 - abs(value - price) / atr / day.reach
        if share > 0:
            if value > price:
                up += share * carried.zones[a, zone, 1]
            else:
                down += share * carried.zones[a, zone, 1]
    if not math.isnan(atr):
        own[2] = (up - down) / (up + down) if up + down > 0 else NAN
        own[3] = up + down
    side = closest(nearest)
    if side < 0:
        return
    own[4] = confirmation(a, nearest[side, 0], day, carried)
    carried.near[a, t] = 1.0 if nearest[side, 2] <= day.match else 0.0
    distances = np.empty(N_METHODS)
    count = 0
    total = 0.0
    for method in range(N_METHODS):
        level = nearest_of(carried.levels[a], _FIRST[method], _FIRST[method + 1], price)
        if not math.isnan(level):
            distances[count] = (price - level) / atr
            total += distances[count]
            count += 1
    if count >= 3:
        mean = total / count
        square = 0.0
        for i in range(count):
            square += (distances[i] - mean) ** 2
        own[5] = math.sqrt(square / count)


@inner
def strength_columns(a, t, price, atr, earlier, weights, day, carried, nearest, found, z, out, row):
    """Group strength of asset ``a``, and its two chances of a break; ``nearest`` gets the strengths."""
    own = out[BY_ASSET[2] * a : BY_ASSET[2] * (a + 1)]
    inner = closest(nearest)
    volume = volume_ratio(a, t, day, carried)
    left = (day.n_bars - 1.0 - t) / day.n_bars
    for side in range(2):
        value = nearest[side, 0]
        if math.isnan(value):
            continue
        nearest[side, 3] = zone_strength(a, t, value, weights, day, carried, found)
        own[side] = nearest[side, 3]
        if not math.isnan(atr) and not math.isnan(nearest[side, 3]):
            direction = 1.0 if side == 0 else -1.0
            conditions(direction, price, value, atr, earlier, nearest[side, 3], found[0], volume, left, day, z)
            row[BREAKOUT + 2 * a + side] = chance_of(z, day.coefficients[a])
        if side == inner:
            own[2] = found[0]
            own[3] = found[1] / found[0] if found[0] >= day.least_touches else NAN
            own[4] = t - found[3]
            own[5] = found[2]
    if carried.counts[a, 0] > 0:
        own[6] = carried.counts[a, 1] / carried.counts[a, 0]
