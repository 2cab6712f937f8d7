"""Compiled: zones of levels, touches of them and how they ended, the strength of a zone and the chance of its break.

A touch is of a zone that stood before the bar; its label comes from the bars after it, and counts from then on.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c7_support_resistance.compiled import inner
from mr_platform.features.c7_support_resistance.state import (
    ATR,
    CHANCE,
    LABEL,
    LONGEST,
    MASK,
    METHOD_OF,
    N_LEVELS,
    N_METHODS,
    N_Z,
    RETURN,
    ROOM,
    RUN,
    SIDE,
    START,
    UNDERLYING,
    VALUE,
    VOLUME,
    Carried,
    DayConstants,
    Z,
)

NAN = math.nan
SPEED_BARS = 5
"""Minutes over which an approach is measured; the inputs hold what a contract cost so long ago."""
N_PARTS = 6


@njit(cache=True, error_model="numpy")
def fill_zones(a, day: DayConstants, carried: Carried):
    """Join levels within the tolerance of the lowest one of them into zones, in ascending order.

    A zone stands at the mean of its levels under their methods' weights; its weight is that of its distinct methods.
    """
    levels, order = carried.levels[a], carried.order[a]
    count = 0
    i = 0
    while i < N_LEVELS and not math.isnan(levels[order[i]]):
        limit = levels[order[i]] * (1.0 + day.tolerance[a])
        value = 0.0
        weight = 0.0
        mask = 0
        while i < N_LEVELS and levels[order[i]] <= limit:
            method = METHOD_OF[order[i]]
            value += levels[order[i]] * day.method_weights[method]
            weight += day.method_weights[method]
            mask |= 1 << method
            i += 1
        carried.zones[a, count, 0] = value / weight
        carried.zones[a, count, 1] = weight_of(mask, day)
        carried.zone_masks[a, count] = mask
        count += 1
    carried.zone_count[a] = count


@inner
def weight_of(mask, day):
    """Sum of the weights of the methods in ``mask``; that of all of them is 1, not a rounding above it."""
    total = 0.0
    for method in range(N_METHODS):
        if mask >> method & 1:
            total += day.method_weights[method]
    return min(total, 1.0)


@inner
def volume_ratio(a, t, day, carried):
    """Mean volume of the last five bars over that of the window; NaN with too few bars, or without volume."""
    recent = _mean(carried.volume[a], t, SPEED_BARS, day.coverage)
    usual = _mean(carried.volume[a], t, day.window, day.coverage)
    return recent / usual if usual > 0 else NAN


@inner
def _mean(values, t, n, coverage):
    total = 0.0
    count = 0
    for i in range(max(0, t - n + 1), t + 1):
        if not math.isnan(values[i]):
            total += values[i]
            count += 1
    return total / count if count >= coverage * n else NAN


@inner
def confirmation(a, value, day: DayConstants, carried: Carried):
    """Share of the timeframes known (5 .. 60 minutes, day, week, month) with an extreme or close near ``value``."""
    near = day.tolerance[a] * value
    known = 0
    agree = 0
    for j in range(carried.ranges.shape[1]):
        top, bottom = carried.ranges[a, j, 0], carried.ranges[a, j, 1]
        if not math.isnan(top):
            known += 1
            agree += abs(top - value) <= near or abs(bottom - value) <= near
    for j in range(3):
        high, low, close = day.prior[a, 3 * j], day.prior[a, 3 * j + 1], day.prior[a, 3 * j + 2]
        if not math.isnan(high):
            known += 1
            agree += abs(high - value) <= near or abs(low - value) <= near or abs(close - value) <= near
    return agree / known if known > 0 else NAN


@njit(cache=True, error_model="numpy")
def history(a, value, day: DayConstants, carried: Carried, found):
    """What resolved touches within the tolerance of ``value`` tell, into ``found`` [4].

    Their number, how many held, their mean volume ratio and the minute of the first; NaN where there is none.
    """
    near = day.tolerance[a] * value
    values, labels, volumes = carried.touches[a, VALUE], carried.touches[a, LABEL], carried.touches[a, VOLUME]
    n = 0
    held = 0
    volume = 0.0
    with_volume = 0
    first = NAN
    for i in range(carried.touch_count[a]):
        if abs(values[i] - value) <= near and not math.isnan(labels[i]):
            if n == 0:
                first = carried.touches[a, START, i]
            n += 1
            held += labels[i] == 0.0
            if not math.isnan(volumes[i]):
                volume += volumes[i]
                with_volume += 1
    found[0] = n
    found[1] = held
    found[2] = volume / with_volume if with_volume > 0 else NAN
    found[3] = first


@njit(cache=True, error_model="numpy")
def strength_of(n, held, volume, age, off_round, confirmed, weights, cap, least):
    """Strength in [0, 1] from the parts of a zone, under ``weights`` [6]; unknown parts are left out.

    ``n`` touches of which ``held`` held; mean ``volume`` ratio at them; ``age`` in sessions; ``off_round`` distance to
    a round number in tolerances; ``confirmed`` share of timeframes.
    """
    parts = np.empty(N_PARTS)
    parts[0] = min(1.0, n / cap)
    parts[1] = held / n if n >= least else NAN
    parts[2] = min(1.0, 0.5 * volume) if not math.isnan(volume) else NAN
    parts[3] = min(1.0, age)
    parts[4] = max(0.0, 1.0 - off_round) if not math.isnan(off_round) else NAN
    parts[5] = confirmed
    total = 0.0
    weight = 0.0
    for i in range(N_PARTS):
        if not math.isnan(parts[i]):
            total += weights[i] * parts[i]
            weight += weights[i]
    return total / weight if weight > 0 else NAN


@inner
def zone_strength(a, t, value, weights, day: DayConstants, carried: Carried, found):
    """Strength of the zone at ``value``; ``found`` [4] gets what ``history`` tells of it."""
    history(a, value, day, carried, found)
    unit = day.round_units[a, 0] * carried.step[0]
    off_round = abs(value - math.floor(value / unit + 0.5) * unit) / (day.tolerance[a] * value)
    age = (t - found[3]) / day.n_bars if found[0] > 0 else 0.0
    return strength_of(
        found[0],
        found[1],
        found[2],
        age,
        off_round,
        confirmation(a, value, day, carried),
        weights,
        day.touches_cap,
        day.least_touches,
    )


@njit(cache=True, error_model="numpy")
def conditions(side, price, value, atr, earlier, strength, n, volume, left, day: DayConstants, out):
    """The six quantities that the chance of a break is given on, into ``out`` [6].

    Distance beyond the level in ATR; approach in ATR a bar from the price ``earlier``, 0 where that is not known;
    strength; log volume ratio within its limit, 0 where not known; touches up to their cap; share of the session left.
    """
    out[0] = side * (price - value) / atr
    out[1] = side * (price - earlier) / (SPEED_BARS * atr) if not math.isnan(earlier) else 0.0
    out[2] = strength
    out[3] = 0.0
    if volume > 0:
        out[3] = min(max(math.log(volume), -day.volume_limit), day.volume_limit)
    out[4] = min(1.0, n / day.touches_cap)
    out[5] = left


@njit(cache=True, error_model="numpy")
def chance_of(z, coefficients):
    """Logistic of intercept and ``z`` [6] under ``coefficients`` [7]."""
    x = coefficients[0]
    for i in range(N_Z):
        x += coefficients[1 + i] * z[i]
    return 1.0 / (1.0 + math.exp(-x))


@njit(cache=True, error_model="numpy")
def resolve(a, t, price, before, day: DayConstants, carried: Carried):
    """Carry the unresolved touches of asset ``a`` past minute ``t``: closes beyond, returns, and their label."""
    touches = carried.touches[a]
    count = carried.touch_count[a]
    for i in range(carried.touch_head[a], count):
        if math.isnan(touches[LABEL, i]):
            if not math.isnan(price) and not math.isnan(before) and touches[START, i] < t:
                touches[RETURN, i] -= touches[SIDE, i] * math.log(price / before)
            _label(a, t, touches[:, i], price, day, carried)
    while carried.touch_head[a] < count and not math.isnan(touches[LABEL, carried.touch_head[a]]):
        carried.touch_head[a] += 1


@inner
def _label(a, t, touch, price, day, carried):
    """Count minute ``t``'s close for a touch; label it once it has broken or its time is over."""
    if not math.isnan(price):
        beyond = touch[SIDE] * (price - touch[VALUE]) > day.distance * touch[ATR]
        touch[RUN] = touch[RUN] + 1 if beyond else 0.0
        touch[LONGEST] = max(touch[LONGEST], touch[RUN])
    if touch[RUN] >= day.hold_bars:
        touch[LABEL] = 1.0
        if a == UNDERLYING:
            carried.marks[2] = t
            carried.marks[3] = touch[SIDE]
    elif t - touch[START] + 1 >= day.within_bars:
        touch[LABEL] = 0.0
        carried.counts[a, 1] += 1
        carried.counts[a, 2] += touch[LONGEST] > 0
    else:
        return
    carried.counts[a, 0] += 1
    carried.errors[0] += (touch[CHANCE] - touch[LABEL]) ** 2
    carried.errors[1] += 1


@njit(cache=True, error_model="numpy")
def detect(a, t, high, low, price, before, earlier, atr_before, weights, day: DayConstants, carried: Carried, found):
    """Enter touches of the zones of the minute before by bar ``t``, coming from ``before``.

    A bar touches a zone when it reaches within ``distance`` ATR of it from further away; while a touch of the same
    place is open there is no other.
    """
    band = day.distance * atr_before
    if not band > 0 or math.isnan(price) or math.isnan(before):
        return
    atr = carried.atr[a]
    touches = carried.touches[a]
    for zone in range(carried.zone_count[a]):
        value = carried.zones[a, zone, 0]
        if before < value - band and high >= value - band:
            side = 1.0
        elif before > value + band and low <= value + band:
            side = -1.0
        else:
            continue
        i = carried.touch_count[a]
        if i >= ROOM or _is_open(a, value, day, carried):
            continue
        touch = touches[:, i]
        strength = zone_strength(a, t, value, weights, day, carried, found)
        volume = volume_ratio(a, t, day, carried)
        left = (day.n_bars - 1.0 - t) / day.n_bars
        conditions(side, price, value, atr, earlier, strength, found[0], volume, left, day, touch[Z : Z + N_Z])
        touch[VALUE] = value
        touch[START] = t
        touch[SIDE] = side
        touch[ATR] = atr
        touch[LABEL] = NAN
        touch[RUN] = 0.0
        touch[LONGEST] = 0.0
        touch[VOLUME] = volume
        touch[RETURN] = 0.0
        touch[CHANCE] = chance_of(touch[Z : Z + N_Z], day.coefficients[a])
        touch[MASK] = carried.zone_masks[a, zone]
        carried.touch_count[a] = i + 1
        carried.marks[a] = t
        _label(a, t, touch, price, day, carried)


@inner
def _is_open(a, value, day, carried):
    """Whether an unresolved touch lies within the tolerance of ``value``."""
    touches = carried.touches[a]
    for i in range(carried.touch_head[a], carried.touch_count[a]):
        if math.isnan(touches[LABEL, i]) and abs(touches[VALUE, i] - value) <= day.tolerance[a] * value:
            return True
    return False
