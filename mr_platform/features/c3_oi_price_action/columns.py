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
def cumulative(w: StrikeWindow, chain_oi, money, t, i, day: DayConstants, carried: Carried, oi_sums, close_sums, out):
    """The 45 columns of group cumulative; the share of the set's strikes that have open interest.

    ``chain_oi`` [K, 2] all strikes of the minute; ``money`` [3] forward, years to expiry, step; ``oi_sums`` and
    ``close_sums`` as ``held_sums`` leaves them.
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
    now, volume_of = np.empty(2), np.empty(2)
    volumes, found = np.empty(6), np.empty(3)
    counted = 0
    for leg in range(2):
        rows[0] = row
        counted += sums_at(w.oi, held, leg, rows[:1], day.least, sums)
        now[leg] = sums[0]
        out[38 + leg] = now[leg] / total[leg] if total[leg] > 0 else NAN
        at = 3 * leg
        accelerations(w.oi, held, leg, row, opened, day.velocity_minutes, day.least, found)
        out[ACCELERATION_AT + at : ACCELERATION_AT + at + 3] = found
        accelerations(w.close, held, leg, row, opened, day.velocity_minutes, day.least, found)
        out[ACCELERATION_AT + at + 12 : ACCELERATION_AT + at + 15] = found
        for a in range(3):
            n = day.velocity_minutes[a]
            out[at + a] = change(oi_sums, leg, n)
            out[at + a + 12] = change(close_sums, leg, n)
            p.volume_sums(w, held, leg, row, opened, n, day.enough, day.least, volumes)
            out[at + a + 6] = math.log((1.0 + volumes[1]) / (1.0 + volumes[2]))
            latest = math.log((1.0 + volumes[3]) / (1.0 + volumes[4]))
            out[ACCELERATION_AT + at + a + 6] = latest - math.log((1.0 + volumes[4]) / (1.0 + volumes[5]))
            if a == 1:
                volume_of[leg] = volumes[0]
    out[36] = now[1] / now[0] if now[0] > 0 else NAN
    carried.trace[PCR, t] = out[36]
    whole = total[0] + total[1]
    out[37] = (now[1] - now[0]) / whole if whole > 0 else NAN
    out[40] = volume_of[1] / volume_of[0] if volume_of[0] > 0 else NAN
    _flow(w, held, now, t, row, opened, day, carried, rows, sums)
    out[41] = carried.flow[0] if carried.flow[1] == t else NAN
    _range(w, money, whole, t, i, row, opened, day, carried, rows, sums, out)
    return counted / (2.0 * held.size)


@njit(cache=True, error_model="numpy")
def held_sums(field, held, row, opened, lags, least, sums):
    """Sums of now and of each of the ``lags`` ago over the strikes of now there at both times.

    Into ``sums`` [2, longest lag + 1, 2]: leg, lag, (now, before).
    """
    counts = np.empty(lags.size, np.int64)
    for leg in range(2):
        counts[:] = 0
        for n in lags:
            sums[leg, n, 0] = 0.0
            sums[leg, n, 1] = 0.0
        for k in held:
            if k < 0 or math.isnan(field[row, k, leg]):
                continue
            x = field[row, k, leg]
            for a in range(lags.size):
                n = lags[a]
                if row - n < opened:
                    break
                y = field[row - n, k, leg]
                if not math.isnan(y):
                    sums[leg, n, 0] += x
                    sums[leg, n, 1] += y
                    counts[a] += 1
        for a in range(lags.size):
            if counts[a] < max(least, 1):
                sums[leg, lags[a], 0] = NAN
                sums[leg, lags[a], 1] = NAN


@njit(cache=True, error_model="numpy")
def change(sums, leg, n):
    """Relative change over ``n`` bars of what ``held_sums`` left."""
    return p.relative(sums[leg, n, 0], sums[leg, n, 1])


@njit(cache=True, error_model="numpy")
def accelerations(field, held, leg, row, opened, spans, least, out):
    """Change of the relative change over each of the spans, over the strikes of now there at all three times."""
    for a in range(spans.size):
        n = spans[a]
        out[a] = NAN
        if row - 2 * n < opened:
            continue
        now, before, earlier, counted = 0.0, 0.0, 0.0, 0
        for k in held:
            if k < 0:
                continue
            x, y, z = field[row, k, leg], field[row - n, k, leg], field[row - 2 * n, k, leg]
            if not (math.isnan(x) or math.isnan(y) or math.isnan(z)):
                now += x
                before += y
                earlier += z
                counted += 1
        if counted >= max(least, 1):
            out[a] = p.relative(now, before) - p.relative(before, earlier)


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
        if not math.isnan(carried.trace[IV, i]):
            total += carried.trace[IV, i]
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
