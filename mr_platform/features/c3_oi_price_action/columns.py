"""Compiled sums of C3 over the strikes around the money: group cumulative, and the parts of the composite PCR."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c3_oi_price_action import pieces as p
from mr_platform.features.c3_oi_price_action.state import IV, PCR, Carried, DayConstants, StrikeWindow
from mr_platform.kernels.cpu.chain_sums import sums_at

NAN = math.nan
ACCELERATION_AT = 18


@njit(cache=True, error_model="numpy")
def cumulative(w: StrikeWindow, chain_oi, money, t, i, day: DayConstants, carried: Carried, out):
    """The 45 columns of group cumulative; the share of the set's strikes that have open interest.

    ``chain_oi`` [K, 2] all strikes of the minute; ``money`` [3] forward, years to expiry, step.
    """
    row, opened = t - w.first, max(w.opened[i] - w.first, 0)
    middle = w.near.shape[1] // 2
    held = w.near[i, middle - day.usual : middle + day.usual + 1]
    rows, sums = np.empty(3, np.int64), np.empty(3)
    total = np.zeros(2)
    for leg in range(2):
        for k in range(chain_oi.shape[0]):
            if not math.isnan(chain_oi[k, leg]):
                total[leg] += chain_oi[k, leg]
    now = np.empty(2)
    counted = 0
    for leg in range(2):
        rows[0] = row
        counted += sums_at(w.oi, held, leg, rows[:1], day.least, sums)
        now[leg] = sums[0]
        for a in range(3):
            at = 3 * leg + a
            n = day.velocity_minutes[a]
            out[at], out[ACCELERATION_AT + at] = _rates(w.oi, held, leg, row, opened, n, day.least, rows, sums)
            at += 6
            p.volume_sums(w, held, leg, row, opened, n, day.enough, day.least, sums[:2])
            out[at] = math.log((1.0 + sums[0]) / (1.0 + sums[1]))
            p.volume_sums(w, held, leg, row, opened, n, day.enough, day.least, sums)
            latest, before = math.log((1.0 + sums[0]) / (1.0 + sums[1])), math.log((1.0 + sums[1]) / (1.0 + sums[2]))
            out[ACCELERATION_AT + at] = latest - before
            at += 6
            out[at], out[ACCELERATION_AT + at] = _rates(w.close, held, leg, row, opened, n, day.least, rows, sums)
        out[38 + leg] = now[leg] / total[leg] if total[leg] > 0 else NAN
    out[36] = now[1] / now[0] if now[0] > 0 else NAN
    carried.trace[t, PCR] = out[36]
    whole = total[0] + total[1]
    out[37] = (now[1] - now[0]) / whole if whole > 0 else NAN
    span = day.velocity_minutes[1]
    p.volume_sums(w, held, 0, row, opened, span, day.enough, day.least, sums[:1])
    calls = sums[0]
    p.volume_sums(w, held, 1, row, opened, span, day.enough, day.least, sums[:1])
    out[40] = sums[0] / calls if calls > 0 else NAN
    _flow(w, held, now, t, row, opened, day, carried, rows, sums)
    out[41] = carried.flow[0] if carried.flow[1] == t else NAN
    _range(w, money, whole, t, i, row, opened, day, carried, rows, sums, out)
    return counted / (2.0 * held.size)


@njit(cache=True, error_model="numpy")
def _rates(field, held, leg, row, opened, bars, least, rows, sums):
    """Velocity, and acceleration over the strikes there at all three times."""
    rows[0], rows[1], rows[2] = row, row - bars, row - 2 * bars
    if row - bars < opened:
        return NAN, NAN
    sums_at(field, held, leg, rows[:2], least, sums)
    velocity = p.relative(sums[0], sums[1])
    if row - 2 * bars < opened:
        return velocity, NAN
    sums_at(field, held, leg, rows, least, sums)
    return velocity, p.relative(sums[0], sums[1]) - p.relative(sums[1], sums[2])


@njit(cache=True, error_model="numpy")
def _flow(w, held, now, t, row, opened, day, carried, rows, sums):
    """Add this minute's link to the net flow: put less call change since the last minute that was known.

    A link whose strikes are too few, or whose expiry has changed, is left out; the chain goes on from here.
    """
    if math.isnan(now[0] + now[1]):
        return
    flow = carried.flow
    if flow[1] < 0:
        flow[3] = t
    elif flow[1] - w.first >= opened:
        rows[0], rows[1] = row, int(flow[1]) - w.first
        sums_at(w.oi, held, 0, rows[:2], day.least, sums)
        calls, calls_before = sums[0], sums[1]
        sums_at(w.oi, held, 1, rows[:2], day.least, sums)
        base = calls_before + sums[1]
        if base > 0:
            link = ((sums[0] - sums[1]) - (calls - calls_before)) / base
            flow[0] += link
            flow[2] += link * link
    flow[1] = t


@njit(cache=True, error_model="numpy")
def strike_side(t, day, carried):
    """Strikes on each side for the volatility of the last bars, and that volatility in points (NaN: the usual)."""
    total, count = 0.0, 0
    for i in range(max(0, t - day.timeframes[3] + 1), t + 1):
        if not math.isnan(carried.trace[i, IV]):
            total += carried.trace[i, IV]
            count += 1
    points = total / count if count > 0 else NAN
    side = day.sides[2] if points > day.range_cuts[1] else day.sides[0] if points < day.range_cuts[0] else day.sides[1]
    return side, points


@njit(cache=True, error_model="numpy")
def _range(w, money, whole, t, i, row, opened, day, carried, rows, sums, out):
    """Reach, concentration and net velocity of the strike range that volatility asks for."""
    side, points = strike_side(t, day, carried)
    forward, years, step = money
    expected = forward * points / 100.0 * math.sqrt(years)
    out[42] = side * step / expected if expected > 0 else NAN
    middle = w.near.shape[1] // 2
    held = w.near[i, middle - side : middle + side + 1]
    least = math.ceil(day.least * (2 * side + 1) / (2.0 * day.usual + 1.0))
    inside = 0.0
    rows[0] = row
    for leg in range(2):
        sums_at(w.oi, held, leg, rows[:1], least, sums)
        inside += sums[0]
    out[43] = inside / whole if whole > 0 else NAN
    n = day.velocity_minutes[1]
    if row - n >= opened:
        rows[1] = row - n
        sums_at(w.oi, held, 0, rows[:2], least, sums)
        calls = p.relative(sums[0], sums[1])
        sums_at(w.oi, held, 1, rows[:2], least, sums)
        out[44] = p.relative(sums[0], sums[1]) - calls


@njit(cache=True, error_model="numpy")
def pcr_parts(w, t, i, day, pcr):
    """Open-interest PCR, PCR of open interest times 15-bar volume, put over call open interest newly opened [3].

    Each counts up to ``pcr_most``.
    """
    row, opened = t - w.first, max(w.opened[i] - w.first, 0)
    middle = w.near.shape[1] // 2
    span = day.velocity_minutes[1]
    busy, fresh = np.full(2, NAN), np.full(2, NAN)
    for leg in range(2):
        weighed, weighing, added, adding = 0.0, 0, 0.0, 0
        for j in range(middle - day.usual, middle + day.usual + 1):
            k = w.near[i, j]
            if k < 0 or math.isnan(w.oi[row, k, leg]):
                continue
            volume = p.window_volume(w, k, leg, row, opened, span, day.enough)
            if not math.isnan(volume):
                weighed += w.oi[row, k, leg] * volume
                weighing += 1
            if row - span >= opened and not math.isnan(w.oi[row - span, k, leg]):
                added += max(w.oi[row, k, leg] - w.oi[row - span, k, leg], 0.0)
                adding += 1
        if weighing >= day.least:
            busy[leg] = weighed
        if adding >= day.least:
            fresh[leg] = added
    parts = np.empty(3)
    parts[0] = pcr
    parts[1] = busy[1] / busy[0] if busy[0] > 0 else NAN
    parts[2] = fresh[1] / fresh[0] if fresh[0] > 0 else NAN
    for a in range(3):
        if parts[a] > day.pcr_most:
            parts[a] = day.pcr_most
    return parts
