"""Compiled scalar pieces of C3: grades, window statistics, sums over strikes, max pain and walls.

NaN in, NaN out. Windows are summed afresh in a fixed order: a tick then gives the very bits of a batch. ``enough`` is
the share of a window's bars that must be there, bars before the open counting as missing.
"""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c3_oi_price_action.state import (
    ARBITRAGE,
    INSTITUTIONAL,
    RANGING,
    STRONG_BEAR,
    STRONG_BULL,
    TRANSITION,
    Floats,
    Ints,
    StrikeWindow,
)
from mr_platform.kernels.cpu.selection import linear_quantile

NAN = math.nan


@njit(cache=True, error_model="numpy")
def grade(x: float, cuts: Floats) -> float:
    """0 at 0, thirds at the weak and moderate cut, 1 from the strong one on, linear in between, signed.

    ``cuts`` [3], highest first.
    """
    if math.isnan(x):
        return NAN
    size = abs(x)
    sign = 1.0 if x > 0 else -1.0
    if size >= cuts[0]:
        return sign
    if size >= cuts[1]:
        return sign * (2.0 + (size - cuts[1]) / (cuts[0] - cuts[1])) / 3.0
    if size >= cuts[2]:
        return sign * (1.0 + (size - cuts[2]) / (cuts[1] - cuts[2])) / 3.0
    return sign * size / cuts[2] / 3.0


@njit(cache=True, error_model="numpy")
def level(z: float, cuts: Floats) -> float:
    """Share of the cuts that the size of ``z`` reaches, signed."""
    if math.isnan(z):
        return NAN
    reached = 0
    for cut in cuts:
        reached += abs(z) >= cut
    return (1.0 if z > 0 else -1.0) * reached / cuts.size


@njit(cache=True, error_model="numpy")
def buildup(price: float, oi: float, price_cut: float, oi_cut: float, weak: float) -> float:
    """New positions 1, closed ones ``weak``, signed by the price, times the geometric mean of both moves over cuts."""
    if math.isnan(price) or math.isnan(oi):
        return NAN
    strength = min(1.0, math.sqrt(abs(price) / price_cut * (abs(oi) / oi_cut)))
    return (1.0 if price > 0 else -1.0) * (1.0 if oi > 0 else weak) * strength


@njit(cache=True, error_model="numpy")
def quadrant(price: float, oi: float, price_cut: float, oi_cut: float) -> int:
    """State of the build-up matrix beyond both cuts: 1 long build-up, 2 short covering, 3 short build-up, 4 long
    unwinding, 0 none of them, -1 not known."""
    if math.isnan(price) or math.isnan(oi):
        return -1
    if not (abs(price) > price_cut and abs(oi) > oi_cut):
        return 0
    if price > 0:
        return 1 if oi > 0 else 2
    return 3 if oi > 0 else 4


@njit(cache=True, error_model="numpy")
def direction(state: int) -> float:
    """Where a state of the build-up matrix points: bought 1, sold -1, none of them 0."""
    return 0.0 if state == 0 else 1.0 if state <= 2 else -1.0


@njit(cache=True, error_model="numpy")
def three_way(call: int, put: int, third: float) -> int:
    """Index into ``STATES`` of the quadrants of calls and puts and the direction of the underlying; -1 not known.

    Calls and puts agree on a direction: with the underlying strong, at its rest institutional, against it arbitrage.
    Premium sold on both sides, or nothing that moves in options: ranging. All else: transition.
    """
    if call < 0 or put < 0 or math.isnan(third):
        return -1
    of_calls, of_puts = direction(call), -direction(put)
    if of_calls != 0.0 and of_calls == of_puts:
        if third == 0.0:
            return INSTITUTIONAL
        if third != of_calls:
            return ARBITRAGE
        return STRONG_BULL if of_calls > 0 else STRONG_BEAR
    if (call == 3 and put == 3) or (call == 0 and put == 0):
        return RANGING
    return TRANSITION


@njit(cache=True, error_model="numpy")
def moments(x: Floats, t: int, n: int, enough: float) -> tuple[float, float]:
    """Mean and population deviation of the ``n`` bars ending at ``t``; the deviation NaN where they are all equal."""
    count, total = 0, 0.0
    low, high = math.inf, -math.inf
    first = max(0, t - n + 1)
    for i in range(first, t + 1):
        if not math.isnan(x[i]):
            count += 1
            total += x[i]
            low = min(low, x[i])
            high = max(high, x[i])
    if count < enough * n or count == 0:
        return NAN, NAN
    mean = total / count
    if low == high:
        return mean, NAN
    square = 0.0
    for i in range(first, t + 1):
        if not math.isnan(x[i]):
            square += (x[i] - mean) * (x[i] - mean)
    return mean, math.sqrt(square / count)


@njit(cache=True, error_model="numpy")
def standing(x: Floats, t: int, n: int, enough: float) -> float:
    """Standard score of ``x[t]`` in the ``n`` bars ending there."""
    mean, deviation = moments(x, t, n, enough)
    return (x[t] - mean) / deviation


@njit(cache=True, error_model="numpy")
def correlation(x: Floats, y: Floats, t: int, n: int, enough: float) -> float:
    """Correlation over the bars of the ``n`` ending at ``t`` that have both; NaN where one is constant there."""
    count, sum_x, sum_y = 0, 0.0, 0.0
    low_x, high_x, low_y, high_y = math.inf, -math.inf, math.inf, -math.inf
    first = max(0, t - n + 1)
    for i in range(first, t + 1):
        if not (math.isnan(x[i]) or math.isnan(y[i])):
            count += 1
            sum_x += x[i]
            sum_y += y[i]
            low_x, high_x = min(low_x, x[i]), max(high_x, x[i])
            low_y, high_y = min(low_y, y[i]), max(high_y, y[i])
    if count < enough * n or count == 0 or low_x == high_x or low_y == high_y:
        return NAN
    mean_x, mean_y = sum_x / count, sum_y / count
    xx, yy, xy = 0.0, 0.0, 0.0
    for i in range(first, t + 1):
        if not (math.isnan(x[i]) or math.isnan(y[i])):
            dx, dy = x[i] - mean_x, y[i] - mean_y
            xx += dx * dx
            yy += dy * dy
            xy += dx * dy
    return min(max(xy / (math.sqrt(xx) * math.sqrt(yy)), -1.0), 1.0)


@njit(cache=True, error_model="numpy")
def relative(now: float, before: float) -> float:
    """(now - before) / before; NaN unless there was something before."""
    return (now - before) / before if before > 0 else NAN


@njit(cache=True, error_model="numpy")
def volume_sums(
    w: StrikeWindow, held: Ints, leg: int, row: int, opened: int, bars: int, enough: float, least: int, out: Floats
) -> None:
    """Volumes of the ``bars`` bars that end at ``row`` and of those before them, into ``out`` [6].

    ``out[0]`` of the latest window, ``out[1:3]`` of two windows over the strikes that have ``enough`` bars in both,
    ``out[3:6]`` of three; NaN where the strikes are fewer than ``least``.
    """
    out[:] = 0.0
    one, two, three = 0, 0, 0
    ends = (row + 1, row + 1 - bars, row + 1 - 2 * bars)
    first, second, third = max(ends[1], opened), max(ends[2], opened), max(ends[2] - bars, opened)
    need = enough * bars
    for k in held:
        if k < 0 or w.heard[ends[0], k, leg] - w.heard[first, k, leg] < need:
            continue
        latest = w.traded[ends[0], k, leg] - w.traded[first, k, leg]
        out[0] += latest
        one += 1
        if ends[1] <= second or w.heard[ends[1], k, leg] - w.heard[second, k, leg] < need:
            continue
        before = w.traded[ends[1], k, leg] - w.traded[second, k, leg]
        out[1] += latest
        out[2] += before
        two += 1
        if ends[2] <= third or w.heard[ends[2], k, leg] - w.heard[third, k, leg] < need:
            continue
        out[3] += latest
        out[4] += before
        out[5] += w.traded[ends[2], k, leg] - w.traded[third, k, leg]
        three += 1
    if one < max(least, 1):
        out[0] = NAN
    if two < max(least, 1):
        out[1:3] = NAN
    if three < max(least, 1):
        out[3:6] = NAN


@njit(cache=True, error_model="numpy")
def window_volume(w: StrikeWindow, k: int, leg: int, row: int, opened: int, bars: int, enough: float) -> float:
    """Mean volume a bar of one strike in the ``bars`` bars that end at ``row``; NaN without ``enough`` of them."""
    begin = max(row + 1 - bars, opened)
    known = w.heard[row + 1, k, leg] - w.heard[begin, k, leg]
    if known < enough * bars or known == 0:
        return NAN
    return (w.traded[row + 1, k, leg] - w.traded[begin, k, leg]) / known


@njit(cache=True, error_model="numpy")
def payout(oi: Floats, strikes: Floats, level_: float) -> float:
    """What holders of all options are paid at ``level_``: open interest [K, 2] times intrinsic value."""
    paid = 0.0
    for k in range(strikes.size):
        if oi[k, 0] > 0:
            paid += oi[k, 0] * max(level_ - strikes[k], 0.0)
        if oi[k, 1] > 0:
            paid += oi[k, 1] * max(strikes[k] - level_, 0.0)
    return paid


@njit(cache=True, error_model="numpy")
def walls(oi: Floats, strikes: Floats, leg: int, share: float, forward: float, room: Floats) -> tuple[float, float]:
    """Points from the forward to the nearest wall of the leg beyond it (calls above, puts below), and the share of the
    leg's open interest in walls; NaN where there is no such wall, no open interest. ``room`` [K] is overwritten."""
    n, total = 0, 0.0
    for k in range(strikes.size):
        if not math.isnan(oi[k, leg]):
            room[n] = oi[k, leg]
            n += 1
            total += oi[k, leg]
    if total <= 0:
        return NAN, NAN
    cut = linear_quantile(room, n, share)
    nearest, inside = NAN, 0.0
    for k in range(strikes.size):
        if oi[k, leg] > cut:
            inside += oi[k, leg]
            away = strikes[k] - forward if leg == 0 else forward - strikes[k]
            if away >= 0 and not nearest <= away:
                nearest = away
    return nearest, inside / total


@njit(cache=True)
def columns_of(around: Ints, start: int, stop: int, reach: int, n_strikes: int) -> tuple[Ints, Ints]:
    """Strikes within ``reach`` steps of the money in minutes [start, stop), ascending, and where each minute's stand
    among them [stop - start, 2 reach + 1], -1 nowhere."""
    middle = around.shape[1] // 2
    place = np.full(n_strikes, -1, np.int64)
    for t in range(start, stop):
        for j in range(middle - reach, middle + reach + 1):
            if around[t, j] >= 0:
                place[around[t, j]] = 0
    columns = np.flatnonzero(place == 0)
    place[columns] = np.arange(columns.size)
    near = np.full((stop - start, 2 * reach + 1), -1, np.int64)
    for t in range(start, stop):
        for j in range(2 * reach + 1):
            k = around[t, middle - reach + j]
            if k >= 0:
                near[t - start, j] = place[k]
    return columns, near


@njit(cache=True)
def opened_at(expiry: Ints, start: int, stop: int) -> Ints:
    """First minute from which on the nearest expiry has been that of each minute of [start, stop); -1 without one."""
    out = np.empty(stop - start, np.int64)
    first = start
    while first > 0 and expiry[first - 1] == expiry[start]:
        first -= 1
    for t in range(start, stop):
        if t > start and expiry[t] != expiry[t - 1]:
            first = t
        out[t - start] = first if expiry[t] >= 0 else -1
    return out


@njit(cache=True)
def gather(
    chain_oi: Floats,
    chain_volume: Floats,
    chain_close: Floats,
    columns: Ints,
    first: int,
    oi: Floats,
    volume: Floats,
    close: Floats,
    traded: Floats,
    heard: Floats,
) -> None:
    """Minutes from ``first`` on of the chain [M, K, 2] at ``columns`` [J], into ``oi``, ``volume``, ``close``
    [N, J, 2]; volume and number of bars that have one before each row into ``traded``, ``heard`` [N + 1, J, 2]: whole
    numbers, whose differences are exact."""
    traded[0] = 0.0
    heard[0] = 0.0
    for r in range(oi.shape[0]):
        for j in range(columns.size):
            k = columns[j]
            for leg in range(2):
                oi[r, j, leg] = chain_oi[first + r, k, leg]
                close[r, j, leg] = chain_close[first + r, k, leg]
                x = chain_volume[first + r, k, leg]
                volume[r, j, leg] = x
                known = not math.isnan(x)
                traded[r + 1, j, leg] = traded[r, j, leg] + (x if known else 0.0)
                heard[r + 1, j, leg] = heard[r, j, leg] + (1.0 if known else 0.0)


@njit(cache=True, error_model="numpy")
def atm_points(volatility: Floats, around: Ints, strikes: Floats, start: int, stop: int, out: Floats) -> None:
    """ATM volatility of the nearest expiry in points a year, minutes [start, stop), into ``out``.

    ``volatility`` [M, 3, K, 2]. Mean of both legs at the money; with one of them missing, linear in log-strike between
    the neighbours one step off if both have both legs.
    """
    middle = around.shape[1] // 2
    mean = np.empty(3)
    for t in range(start, stop):
        for j in range(3):
            k = around[t, middle - 1 + j]
            mean[j] = (volatility[t, 0, k, 0] + volatility[t, 0, k, 1]) / 2.0 if k >= 0 else NAN
        if math.isnan(mean[1]) and around[t, middle] >= 0 and not math.isnan(mean[0] + mean[2]):
            low, at, high = (
                strikes[around[t, middle - 1]],
                strikes[around[t, middle]],
                strikes[around[t, middle + 1]],
            )
            mean[1] = mean[0] + (mean[2] - mean[0]) * math.log(at / low) / math.log(high / low)
        out[t - start] = 100.0 * mean[1]
