"""The compiled pass of C7: minute by minute, all 72 columns, state carried in place; here what both assets tell."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c7_support_resistance.columns import (
    BREAKOUT,
    BY_ASSET,
    CONFLUENCE,
    DETECTION,
    MATCH,
    STRENGTH,
    closest,
    confluence_columns,
    detection_columns,
    known_atr,
    nearest_of,
    strength_columns,
)
from mr_platform.features.c7_support_resistance.compiled import inner
from mr_platform.features.c7_support_resistance.levels import chain_traces, fill_levels, take_bar
from mr_platform.features.c7_support_resistance.state import (
    CALL_WALL,
    FIBONACCI,
    N_LEVELS,
    N_METHODS,
    N_Z,
    PUT_WALL,
    ROUND,
    START,
    STRADDLE,
    UNDERLYING,
    Carried,
    DayConstants,
)
from mr_platform.features.c7_support_resistance.touches import detect, fill_zones, resolve
from mr_platform.features.component import ComponentOutput
from mr_platform.features.inputs import SessionInputs

HIGH, LOW, CLOSE, VOLUME = 1, 2, 3, 4
LAG_1, LAG_5 = 0, 2
NAN = math.nan
RECENT = 30
CLIMATE = 0.25
"""Brier score of an even chance."""


def run(
    inputs: SessionInputs, start: int, stop: int, day: DayConstants, carried: Carried, out: ComponentOutput
) -> None:
    """Fill ``out`` for minutes [start, stop) of the session's ``inputs``."""
    chain_traces(
        inputs.chain_volume,
        inputs.chain_oi,
        inputs.strikes_listed,
        inputs.around,
        inputs.underlying[:, CLOSE],
        start,
        stop,
        day,
        carried,
    )
    _run(
        inputs.bars,
        inputs.held,
        inputs.underlying,
        inputs.dte,
        inputs.steps,
        start,
        stop,
        day,
        carried,
        out.values,
        out.score,
        out.confidence,
        out.health,
    )


@njit(cache=True, error_model="numpy")
def _run(
    bars,
    held,
    underlying,
    dte,
    steps,
    start,
    stop,
    day: DayConstants,
    carried: Carried,
    values,
    score,
    confidence,
    health,
):
    nearest = np.empty((2, 2, 4))
    found = np.empty(4)
    z = np.empty(N_Z)
    earlier = np.empty(2)
    for t in range(start, stop):
        row = values[t]
        row[:] = NAN
        if steps[t] > 0:
            carried.step[0] = steps[t]
        weights = day.strength_weights[_range_of(dte[t], day)]
        carried.volume[STRADDLE, t] = bars[t, 0, VOLUME]
        if day.future == 1:
            carried.volume[UNDERLYING, t] = underlying[t, VOLUME]
        for a in range(2):
            if a == UNDERLYING:
                price = underlying[t, CLOSE]
                high = price if math.isnan(underlying[t, HIGH]) else max(underlying[t, HIGH], price)
                low = price if math.isnan(underlying[t, LOW]) else min(underlying[t, LOW], price)
                before = carried.last[a]
                earlier[a] = carried.close[a, t - 5] if t >= 5 else NAN
            else:
                price = bars[t, 0, CLOSE]
                high = price if math.isnan(bars[t, 0, HIGH]) else max(bars[t, 0, HIGH], price)
                low = price if math.isnan(bars[t, 0, LOW]) else min(bars[t, 0, LOW], price)
                before = held[t, 0, LAG_1]
                earlier[a] = held[t, 0, LAG_5]
            atr_before = known_atr(a, before, day, carried)
            take_bar(a, t, high, low, price, before, day, carried)
            resolve(a, t, price, before, day, carried)
            if a == STRADDLE:
                high, low = price, price
            detect(a, t, high, low, price, before, earlier[a], atr_before, weights, day, carried, found)
            nearest[a] = NAN
            if math.isnan(price):
                continue
            fill_levels(a, t, price, day, carried)
            fill_zones(a, day, carried)
            atr = known_atr(a, price, day, carried)
            detection_columns(a, price, atr, day, carried, nearest[a], row[DETECTION:CONFLUENCE])
            confluence_columns(a, t, price, atr, day, carried, nearest[a], row[CONFLUENCE:MATCH])
            strength_columns(
                a, t, price, atr, earlier[a], weights, day, carried, nearest[a], found, z, row[STRENGTH:BREAKOUT], row
            )
        if math.isnan(carried.close[UNDERLYING, t]) and math.isnan(carried.close[STRADDLE, t]):
            continue
        _match_columns(t, day, carried, nearest, row[MATCH:STRENGTH])
        _late_columns(t, day, carried, row)
        score[t], confidence[t], health[t] = _verdict(t, day, carried, nearest, row)


@inner
def _range_of(dte, day):
    """Index of the range that ``dte`` lies in; the first where it is not known."""
    found = 0
    for i in range(day.range_bounds.size):
        found += dte > day.range_bounds[i]
    return found


@inner
def _match_columns(t, day, carried, nearest, out):
    """Confluence of both assets: zones at like distances from either's own price, in its own ATR."""
    for i in range(2):
        for j in range(2):
            place = i if i == j else 2 + i
            out[place] = 1.0 / (1.0 + abs(nearest[UNDERLYING, i, 2] - nearest[STRADDLE, j, 2]))
    out[4] = _common_levels(t, day, carried, nearest)
    if not (math.isnan(carried.near[0, t]) or math.isnan(carried.near[1, t])):
        both = 0.0
        count = 0
        for i in range(max(0, t - day.window + 1), t + 1):
            if not (math.isnan(carried.near[0, i]) or math.isnan(carried.near[1, i])):
                both += carried.near[0, i] * carried.near[1, i]
                count += 1
        out[5] = both / count if count >= day.coverage * day.window else NAN
    out[6] = carried.marks[STRADDLE] - carried.marks[UNDERLYING]
    price = carried.close[UNDERLYING, t]
    atr = known_atr(UNDERLYING, price, day, carried)
    if math.isnan(price) or math.isnan(atr):
        return
    levels = carried.levels[UNDERLYING]
    wall = nearest_of(levels, CALL_WALL, PUT_WALL + 1, price)
    best = NAN
    for i in range(N_LEVELS):
        if i in (CALL_WALL, PUT_WALL) or ROUND <= i < FIBONACCI or math.isnan(levels[i]):
            continue
        if not best <= abs(levels[i] - wall) / atr:
            best = abs(levels[i] - wall) / atr
    out[7] = best


@inner
def _common_levels(t, day, carried, nearest):
    """How far the underlying's zones in reach have a zone of the straddle at a like signed distance, by weight."""
    if math.isnan(carried.near[0, t]) or math.isnan(carried.near[1, t]):
        return NAN
    u, s = carried.close[UNDERLYING, t], carried.close[STRADDLE, t]
    scale_u, scale_s = carried.atr[UNDERLYING], carried.atr[STRADDLE]
    total = 0.0
    weight = 0.0
    seen = False
    for i in range(carried.zone_count[UNDERLYING]):
        d = (carried.zones[UNDERLYING, i, 0] - u) / scale_u
        if abs(d) >= day.reach:
            continue
        best = 0.0
        for j in range(carried.zone_count[STRADDLE]):
            other = (carried.zones[STRADDLE, j, 0] - s) / scale_s
            if abs(other) >= day.reach:
                continue
            seen = True
            best = max(best, 1.0 - abs(d - other) / day.match)
        total += carried.zones[UNDERLYING, i, 1] * best
        weight += carried.zones[UNDERLYING, i, 1]
    return total / weight if seen and weight > 0 else NAN


@inner
def _late_columns(t, day, carried, row):
    """What the session's touches have told so far."""
    tests = 0
    for i in range(carried.touch_count[UNDERLYING] - 1, carried.touch_before[UNDERLYING] - 1, -1):
        if t - carried.touches[UNDERLYING, START, i] >= RECENT:
            break
        tests += 1
    if not math.isnan(carried.close[UNDERLYING, t]) and carried.zone_count[UNDERLYING] > 0:
        row[BREAKOUT - 1] = tests if t + 1 >= day.coverage * RECENT else NAN
    row[BREAKOUT + 4] = _brier(day, carried)
    row[BREAKOUT + 5] = carried.marks[3] * (t - carried.marks[2] + 1.0)
    resolved = carried.counts[0, 0] + carried.counts[1, 0]
    row[BREAKOUT + 6] = (carried.counts[0, 2] + carried.counts[1, 2]) / resolved if resolved > 0 else NAN


@inner
def _brier(day, carried):
    """Mean squared error of the chances given at touches whose end is known; NaN for too few."""
    count = day.brier[1] + carried.errors[1]
    return (day.brier[0] + carried.errors[0]) / count if count >= day.least_labels else NAN


@inner
def _verdict(t, day, carried, nearest, row):
    """Score, confidence and health."""
    parts = np.zeros(4)
    counts = np.zeros(4)
    methods = 0
    for a in range(2):
        side = closest(nearest[a])
        if math.isnan(carried.close[a, t]):
            continue
        for method in range(N_METHODS):
            own = row[BY_ASSET[0] * a + 3 + method]
            methods += not math.isnan(own)
        if side < 0:
            continue
        if not math.isnan(nearest[a, side, 3]):
            parts[0] += nearest[a, side, 3]
            counts[0] += 1
        parts[1] += nearest[a, side, 1]
        counts[1] += 1
    for i in range(4):
        chance = row[BREAKOUT + i]
        if not math.isnan(chance):
            parts[2] = max(parts[2], chance)
            counts[2] = 1
    if not math.isnan(row[MATCH + 4]):
        parts[3] = row[MATCH + 4]
        counts[3] = 1
    total = 0.0
    weight = 0.0
    for i in range(4):
        if counts[i] > 0:
            total += day.score_weights[i] * parts[i] / counts[i]
            weight += day.score_weights[i]
    if weight <= 0:
        return NAN, 0.0, 0
    brier = _brier(day, carried)
    skill = 0.0 if math.isnan(brier) else min(max(1.0 - brier / CLIMATE, 0.0), 1.0)
    known = weight * methods / (2.0 * N_METHODS)
    sure = min(known * (day.known_share + (1.0 - day.known_share) * skill), 1.0)
    whole = methods == 2 * N_METHODS and counts.min() > 0 and not math.isnan(brier)
    return min(max(total / weight, 0.0), 1.0), sure, 2 if whole else 1
