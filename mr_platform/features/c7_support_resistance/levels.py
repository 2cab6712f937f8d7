"""Compiled: the levels of one asset at one minute, and what they are made of.

NaN in, NaN out. A level that is not a positive price is none. Windows are read afresh in a fixed order, so that a tick
gives the very bits of a batch.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c7_support_resistance.compiled import inner
from mr_platform.features.c7_support_resistance.state import (
    BINS,
    CALL_WALL,
    FIBONACCI,
    MIDDLE,
    N_LEVELS,
    PIVOTS,
    PROFILE,
    PUT_WALL,
    ROUND,
    TECHNICAL,
    UNDERLYING,
    Carried,
    DayConstants,
)
from mr_platform.kernels.cpu.selection import linear_quantile

NAN = math.nan
SIDE_BARS = 5
"""Minutes of the bars whose extremes are swing points: on one-minute bars a swing is noise."""
LEAST_WALL_STRIKES = 7
"""A quantile of fewer open interests says nothing about walls."""


@njit(cache=True, error_model="numpy")
def chain_traces(chain_volume, chain_oi, strikes, around, price, start, stop, day: DayConstants, carried: Carried):
    """Fill the traces that come from the chain, minutes [start, stop): walls, and volume that stands for a future's.

    ``chain_volume``, ``chain_oi`` [M, K, 2]; ``strikes`` [K]; ``around`` [M, 31]; ``price`` [M] of the underlying.
    """
    scratch = np.empty(strikes.size)
    centre = around.shape[1] // 2
    for t in range(start, stop):
        if day.future == 0:
            total = 0.0
            known = False
            for j in range(centre - day.participation, centre + day.participation + 1):
                k = around[t, j]
                if k < 0:
                    continue
                for leg in range(2):
                    x = chain_volume[t, k, leg]
                    if not math.isnan(x):
                        total += x
                        known = True
            carried.volume[UNDERLYING, t] = total if known else NAN
        if math.isnan(price[t]):
            continue
        for leg in range(2):
            cut = _quantile_of(chain_oi[t, :, leg], scratch, day.wall_percentile)
            if math.isnan(cut):
                continue
            if leg == 0:
                for k in range(strikes.size):
                    if strikes[k] > price[t] and chain_oi[t, k, 0] > cut:
                        carried.walls[t, 0] = strikes[k]
                        break
            else:
                for k in range(strikes.size - 1, -1, -1):
                    if strikes[k] <= price[t] and chain_oi[t, k, 1] > cut:
                        carried.walls[t, 1] = strikes[k]
                        break


@inner
def _quantile_of(values, scratch, share):
    """Linear quantile of what is known; NaN of fewer than LEAST_WALL_STRIKES."""
    n = 0
    for k in range(values.size):
        if not math.isnan(values[k]):
            scratch[n] = values[k]
            n += 1
    if n < LEAST_WALL_STRIKES:
        return NAN
    return linear_quantile(scratch, n, share)


@inner
def take_bar(a, t, high, low, close, before, day: DayConstants, carried: Carried):
    """Take asset ``a``'s bar of minute ``t`` into its recursions. ``before``: what its contract cost last.

    A straddle's high and low are bounds of what was traded: they enter its ATR, while its extremes are of closes.
    """
    if not math.isnan(close):
        carried.high[a, t] = high if a == UNDERLYING else close
        carried.low[a, t] = low if a == UNDERLYING else close
        carried.close[a, t] = close
        true_range = high - low if math.isnan(before) else max(high, before) - min(low, before)
        bars = carried.atr_bars[a]
        base = true_range if bars == 0 else carried.atr[a]
        carried.atr[a] = base + (true_range - base) / min(bars + 1.0, day.atr_period)
        carried.atr_bars[a] = bars + 1
        for j in range(day.ema_spans.size):
            if carried.ema_bars[a, j] == 0:
                carried.ema[a, j] = close
            else:
                carried.ema[a, j] += 2.0 / (day.ema_spans[j] + 1.0) * (close - carried.ema[a, j])
            carried.ema_bars[a, j] += 1
        if math.isnan(carried.first[a]):
            carried.first[a] = close
        _take_volume(a, t, close, day, carried)
        carried.last[a] = close
    if (t + 1) % SIDE_BARS == 0:
        _take_swing(a, (t + 1) // SIDE_BARS - 1 - day.extrema_bars, day, carried)
    for j in range(day.timeframes.size):
        if (t + 1) % day.timeframes[j] == 0:
            _take_range(a, j, t, day, carried)


@inner
def _take_volume(a, t, close, day, carried):
    """Add the bar's volume at its close to the profile, and read its point of control and value area again."""
    volume = carried.volume[a, t]
    if not volume > 0:
        return
    histogram = carried.histogram[a]
    width = day.profile_bins[a]
    at = math.floor((close / carried.first[a] - 1.0) / width + 0.5) + MIDDLE
    at = min(max(at, 0), BINS - 1)
    histogram[at] += volume
    lowest = at if carried.bins[a, 0] < 0 else min(carried.bins[a, 0], at)
    highest = max(carried.bins[a, 1], at)
    carried.bins[a, 0] = lowest
    carried.bins[a, 1] = highest
    total = 0.0
    best = lowest
    for i in range(lowest, highest + 1):
        total += histogram[i]
        if histogram[i] > histogram[best]:
            best = i
    inside = histogram[best]
    bottom = best
    top = best
    while inside < day.value_area * total:
        above = histogram[top + 1] if top < highest else -1.0
        below = histogram[bottom - 1] if bottom > lowest else -1.0
        if above >= below:
            top += 1
            inside += above
        else:
            bottom -= 1
            inside += below
    carried.point[a, 0] = carried.first[a] * (1.0 + (best - MIDDLE) * width)
    carried.point[a, 1] = carried.first[a] * (1.0 + (top - MIDDLE) * width)
    carried.point[a, 2] = carried.first[a] * (1.0 + (bottom - MIDDLE) * width)


@inner
def extremes(high, low, first, last):
    """Highest high and lowest low of bars [first, last); NaN where none is known."""
    top = NAN
    bottom = NAN
    for i in range(first, last):
        if not math.isnan(high[i]):
            top = high[i] if not top >= high[i] else top
            bottom = low[i] if not bottom <= low[i] else bottom
    return top, bottom


@inner
def _take_swing(a, candidate, day, carried):
    """Whether finished five-minute bar ``candidate`` is a swing point, now that the bars after it are there."""
    if candidate < 0:
        return
    high, low = carried.high[a], carried.low[a]
    top, bottom = extremes(high, low, candidate * SIDE_BARS, (candidate + 1) * SIDE_BARS)
    if math.isnan(top):
        return
    peak = True
    trough = True
    known = 1
    for bar in range(max(candidate - day.extrema_bars, 0), candidate + day.extrema_bars + 1):
        if bar == candidate:
            continue
        other_top, other_bottom = extremes(high, low, bar * SIDE_BARS, (bar + 1) * SIDE_BARS)
        if math.isnan(other_top):
            continue
        known += 1
        if bar < candidate:
            peak = peak and top > other_top
            trough = trough and bottom < other_bottom
        else:
            peak = peak and top >= other_top
            trough = trough and bottom <= other_bottom
    if known < day.coverage * (2 * day.extrema_bars + 1):
        return
    if peak:
        _take_point(carried.swing[a], top, 1.0)
    if trough:
        _take_point(carried.swing[a], bottom, -1.0)


@inner
def _take_point(swing, value, side):
    """A swing point more: it ends a new swing, or moves the end of the last one further out."""
    if swing[2] == side:
        if (value - swing[1]) * side > 0:
            swing[1] = value
    else:
        swing[0] = swing[1]
        swing[1] = value
        swing[2] = side


@inner
def _take_range(a, j, t, day, carried):
    """High and low of the last ``extrema_bars`` finished bars of timeframe ``j``."""
    minutes = day.timeframes[j]
    last = (t + 1) // minutes
    high, low = carried.high[a], carried.low[a]
    top = NAN
    bottom = NAN
    known = 0
    for bar in range(max(last - day.extrema_bars, 0), last):
        bar_top, bar_bottom = extremes(high, low, bar * minutes, (bar + 1) * minutes)
        if math.isnan(bar_top):
            continue
        known += 1
        top = bar_top if not top >= bar_top else top
        bottom = bar_bottom if not bottom <= bar_bottom else bottom
    enough = known >= day.coverage * day.extrema_bars
    carried.ranges[a, j, 0] = top if enough else NAN
    carried.ranges[a, j, 1] = bottom if enough else NAN


@inner
def fill_levels(a, t, price, day: DayConstants, carried: Carried):
    """The table of levels of asset ``a`` at minute ``t``, from ``price``; then its slots in order of their levels."""
    out = carried.levels[a]
    out[PIVOTS:PROFILE] = day.pivots[a]
    out[PROFILE : PROFILE + 3] = carried.point[a]
    out[PROFILE + 3 : PROFILE + 6] = day.profile_before[a]
    out[CALL_WALL] = carried.walls[t, 0] if a == UNDERLYING else NAN
    out[PUT_WALL] = carried.walls[t, 1] if a == UNDERLYING else NAN
    for j in range(2):
        unit = day.round_units[a, j] * carried.step[0]
        below = math.floor(price / unit) * unit
        out[ROUND + 2 * j] = below
        out[ROUND + 2 * j + 1] = below + unit
    start, end = carried.swing[a, 0], carried.swing[a, 1]
    for j in range(TECHNICAL - FIBONACCI):
        out[FIBONACCI + j] = end + day.ratios[j] * (start - end)
    for j in range(3):
        out[TECHNICAL + j] = carried.ema[a, j] if carried.ema_bars[a, j] >= day.ema_spans[j] else NAN
    out[TECHNICAL + 3 : TECHNICAL + 12] = day.prior[a]
    out[TECHNICAL + 12] = carried.first[a]
    for i in range(N_LEVELS):
        if not out[i] > 0:
            out[i] = NAN
    order = carried.order[a]
    for i in range(1, N_LEVELS):
        slot = order[i]
        j = i - 1
        while j >= 0 and _after(order[j], slot, out):
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = slot


@inner
def _after(one, other, levels):
    """Whether slot ``one`` comes after slot ``other``: by level, unknown ones last, then by slot."""
    x, y = levels[one], levels[other]
    if math.isnan(x) or math.isnan(y):
        if math.isnan(x) and math.isnan(y):
            return one > other
        return math.isnan(x)
    return x > y if x != y else one > other
