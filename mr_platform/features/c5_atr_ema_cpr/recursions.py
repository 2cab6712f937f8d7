"""The compiled recursions of C5: one bar taken in, and the readings that go straight to columns."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

from numba import njit

from mr_platform.features.c5_atr_ema_cpr import pieces as p
from mr_platform.features.c5_atr_ema_cpr.state import (
    ATR_SHARE,
    EMA_SHARE,
    N_ASSETS,
    N_TIMEFRAMES,
    SLOW_SHARE,
    STRADDLE,
    UNDERLYING,
)

HIGH, LOW, CLOSE = 1, 2, 3
TREND_SCALE = 2.0 * math.sqrt(2.0 / math.pi)
NAN = math.nan


@njit(cache=True, error_model="numpy")
def touch(bar, carried, virgin):
    """Mark the untouched central pivot ranges that the way to this bar's end crosses."""
    if math.isnan(bar[CLOSE]):
        return
    last = carried.last[UNDERLYING]
    high = p.max_known(p.max_known(bar[HIGH], bar[CLOSE]), last)
    low = p.min_known(p.min_known(bar[LOW], bar[CLOSE]), last)
    for i in range(virgin.shape[0]):
        if low <= virgin[i, 1] and high >= virgin[i, 0]:
            carried.touched[i] = 1.0


@njit(cache=True, error_model="numpy")
def update(bar, before, years, t, a, day, carried, atr, ema, slow_atr):
    """Take a bar of asset ``a`` into the recursions; ``atr``, ``ema``, ``slow_atr`` get this minute's readings."""
    close = bar[CLOSE]
    left = carried.left
    if not math.isnan(close):
        high = p.max_known(bar[HIGH], close)
        low = p.min_known(bar[LOW], close)
        true_range = high - low if math.isnan(before) else max(high, before) - min(low, before)
        for j in range(3):
            seen = left.atr_bars[a, j]
            base = true_range if seen == 0 else left.atr[a, j]
            left.atr[a, j] = base + (true_range - base) / min(seen + 1.0, day.atr_spans[j])
            left.atr_bars[a, j] += 1
        root = trend_root(years, a, day)
        if a == STRADDLE and not math.isnan(root):
            for j in range(4):
                base = close / root if left.premium_bars[a, j] == 0 else left.premium[a, j]
                left.premium[a, j] = base + 2.0 / (day.ema_spans[j] + 1.0) * (close / root - base)
                left.premium_bars[a, j] += 1
        if not math.isnan(before / root):
            change = abs(close - before) / root
            base = change if left.noise_bars[a, 0] == 0 else left.noise[a, 0]
            left.noise[a, 0] = base + (change - base) / min(left.noise_bars[a, 0] + 1.0, day.atr_spans[2])
            left.noise_bars[a, 0] += 1
        for j in range(4):
            base = close if left.ema_bars[a, j] == 0 else left.ema[a, j]
            left.ema[a, j] = base + 2.0 / (day.ema_spans[j] + 1.0) * (close - base)
            left.ema_bars[a, j] += 1
        for k in range(N_TIMEFRAMES):
            path = carried.path[a, k]
            way = path[1] + (0.0 if math.isnan(before) else close - before)
            top = way + (high - close)
            bottom = way + (low - close)
            if path[0] == 0:
                path[2] = top if math.isnan(before) else max(top, 0.0)
                path[3] = bottom if math.isnan(before) else min(bottom, 0.0)
            path[0] += 1
            path[1] = way
            path[2] = max(path[2], top)
            path[3] = min(path[3], bottom)
        if close > 0 and before > 0:
            carried.return_trace[t, a] = math.log(close / before)
            if a == UNDERLYING:
                carried.return_trace[t, 2] = abs(carried.return_trace[t, a])
        carried.last[a] = close
        if a == UNDERLYING:
            carried.extremes[0] = p.max_known(carried.extremes[0], high)
            carried.extremes[1] = p.min_known(carried.extremes[1], low)
    for k in range(N_TIMEFRAMES):
        path = carried.path[a, k]
        if ((t + 1) % day.timeframes[k] == 0 or t + 1 == day.n_bars) and path[0] > 0:
            seen = left.slow_bars[a, k]
            base = path[2] - path[3] if seen == 0 else left.slow_atr[a, k]
            left.slow_atr[a, k] = base + (path[2] - path[3] - base) / min(seen + 1.0, day.atr_spans[0])
            left.slow_bars[a, k] += 1
            path[:] = 0.0
    known = not math.isnan(close)
    for j in range(3):
        warm = known and left.atr_bars[a, j] >= day.atr_spans[j]
        atr[a, j] = p.usable_range(left.atr[a, j], close) if warm else NAN
    for j in range(4):
        ema[a, j] = left.ema[a, j] if known and left.ema_bars[a, j] >= day.ema_spans[j] else NAN
    for k in range(N_TIMEFRAMES):
        warm = known and left.slow_bars[a, k] >= day.atr_spans[0]
        slow_atr[a, k] = p.usable_range(left.slow_atr[a, k], close) if warm else NAN
    carried.range_trace[t, a] = atr[a, 0]
    trace = carried.quantity_trace[t]
    trace[ATR_SHARE + a] = atr[a, 0] / close
    for k in range(N_TIMEFRAMES):
        trace[SLOW_SHARE + N_ASSETS * k + a] = slow_atr[a, k] / close
    trace[EMA_SHARE + a] = (close - ema[a, 2]) / ema[a, 2]
    if a == UNDERLYING:
        carried.ema_trace[t, 0] = ema[a, 0]
        carried.ema_trace[t, 1] = ema[a, 2]


@njit(cache=True, error_model="numpy")
def trend_root(years, a, day):
    """What the trend of an asset divides its price by: premium by the root of the years to expiry, else 1."""
    if a == UNDERLYING:
        return 1.0
    return math.sqrt(day.least_years if years < day.least_years else years)


@njit(cache=True, error_model="numpy")
def daily_unit(price, day, carried):
    """Wilder's daily ATR with today so far as its last bar; NaN without a price or an earlier session."""
    if math.isnan(price - day.daily_range):
        return NAN
    high = max(carried.extremes[0], day.daily_close)
    low = min(carried.extremes[1], day.daily_close)
    return p.usable_range(day.daily_range + (high - low - day.daily_range) * day.daily_weight, price)


@njit(cache=True, error_model="numpy")
def trend(level, a, ema, day, left):
    """Mean over the warm EMAs of tanh(z), z the distance in standard deviations of that of a random walk.

    Its steps have the mean size ``noise``, root(2 / pi) of their deviation, and it strays from its EMA of n bars by the
    half root of n + 1 of them.
    """
    noise = p.usable_range(left.noise[a, 0], level)
    total = 0.0
    count = 0
    for j in range(4):
        average = ema[a, j]
        if a == STRADDLE:
            average = left.premium[a, j] if left.premium_bars[a, j] >= day.ema_spans[j] else NAN
        z = TREND_SCALE * (level - average) / (noise * math.sqrt(day.ema_spans[j] + 1.0))
        if not math.isnan(z):
            total += math.tanh(z)
            count += 1
    return total / count if count > 0 else NAN
