"""The compiled pass of C5: minute by minute, all 94 columns, state carried in place.

Columns are written by position; the blocks below are the order of ``catalogue.features()``.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c5_atr_ema_cpr import pieces as p
from mr_platform.features.c5_atr_ema_cpr import recursions as r
from mr_platform.features.c5_atr_ema_cpr.state import (
    ATR_SHARE,
    EMA_SHARE,
    N_ASSETS,
    N_METHODS,
    N_TIMEFRAMES,
    SLOW_SHARE,
    STRADDLE,
    UNDERLYING,
    Carried,
    DayConstants,
)
from mr_platform.kernels.cpu.averages import dispersion, weighted_mean
from mr_platform.kernels.cpu.windows import sign, window_mean

HIGH, LOW, CLOSE = 1, 2, 3
DUAL_AT, ATR_AT, EMA_AT, CPR_AT = 0, 40, 60, 80
DAYS_A_YEAR = 365.0
NAN = math.nan


@njit(cache=True, error_model="numpy")
def run(
    straddle,
    straddle_held,
    underlying,
    years,
    start,
    stop,
    day: DayConstants,
    carried: Carried,
    values,
    score,
    confidence,
    health,
):
    """Fill minutes [start, stop).

    ``straddle`` and ``underlying`` [M, 5] open, high, low, close, volume; ``straddle_held`` [M] last known close of the
    straddle's contract before each minute; ``years`` [M] to the nearest expiry; ``values`` [M, 94], ``score``,
    ``confidence``, ``health`` [M] are written.
    """
    atr = np.empty((N_ASSETS, 3))
    ema = np.empty((N_ASSETS, 4))
    slow_atr = np.empty((N_ASSETS, N_TIMEFRAMES))
    before = np.empty(N_ASSETS)
    price = np.empty(N_ASSETS)
    regime = np.empty(N_ASSETS)
    methods = np.empty((N_ASSETS, N_METHODS))
    room = np.empty(day.squeeze_bars)
    for t in range(start, stop):
        row = values[t]
        price[STRADDLE] = straddle[t, CLOSE]
        price[UNDERLYING] = underlying[t, CLOSE]
        before[STRADDLE] = straddle_held[t]
        before[UNDERLYING] = carried.last[UNDERLYING]
        r.touch(underlying[t], carried, day.virgin)
        for a in range(N_ASSETS):
            bar = straddle[t] if a == STRADDLE else underlying[t]
            r.update(bar, before[a], years[t], t, a, day, carried, atr, ema, slow_atr)
        unit = r.daily_unit(price[UNDERLYING], day, carried)
        _atr_columns(price, t, day, carried, atr, regime, room, row[ATR_AT:EMA_AT])
        _ema_columns(price, t, day, carried, atr, ema, unit, row[EMA_AT:CPR_AT])
        _cpr_columns(
            underlying, t, day, carried, atr[UNDERLYING, 0], unit, regime[UNDERLYING], methods[UNDERLYING], row[CPR_AT:]
        )
        _dual_columns(straddle, underlying, years[t], t, day, carried, price, before, atr, ema, slow_atr, row)
        for m in range(N_METHODS):
            methods[STRADDLE, m] = p.ladder(price[STRADDLE], day.levels[STRADDLE, m])
        row[7] = weighted_mean(methods[STRADDLE], _method_weights(day, regime[UNDERLYING]))
        score[t], confidence[t], health[t] = _verdict(day, row)


@njit(cache=True, error_model="numpy")
def _method_weights(day, regime):
    """Weights of the pivot methods in an ATR regime of the underlying."""
    return day.method_weights[day.method_weights.shape[0] - 1 if math.isnan(regime) else int(regime)]


@njit(cache=True, error_model="numpy")
def _atr_columns(price, t, day, carried, atr, regime, room, out):
    """The 20 columns of group atr, and the ATR regime of both assets."""
    for a in range(N_ASSETS):
        now = atr[a, 0]
        share = carried.quantity_trace[t, ATR_SHARE + a]
        trace = carried.range_trace[:, a]
        out[a] = share
        out[2 + a] = now / atr[a, 2]
        out[4 + a] = atr[a, 1] / atr[a, 2]
        out[6 + a] = NAN
        out[8 + a] = NAN
        if day.track_momentum == 1 and t >= day.momentum_bars and not math.isnan(now):
            earlier = window_mean(trace, t - day.momentum_bars, day.momentum_bars, day.enough)
            out[6 + a] = now / earlier
            side = 1.0 if out[6 + a] > day.rising else -1.0 if out[6 + a] < day.falling else 0.0
            out[8 + a] = p.age(carried.ages[a], side if not math.isnan(out[6 + a]) else NAN)
        q = ATR_SHARE + a
        specific = p.rank(share, day.specific_values[q], day.specific_below[q])
        ranged = p.rank(share, day.ranged_values[q], day.ranged_below[q])
        out[10 + a] = specific
        out[12 + a] = ranged
        if day.trusted[0, q] == 1:
            place = specific
        elif day.trusted[1, q] == 1:
            place = ranged
        else:
            place = p.rank_in_session(carried.quantity_trace[:, q], t, day.session_least)
        regime[a] = NAN
        if not math.isnan(place) and not math.isnan(share):
            regime[a] = 0.0
            for j in range(day.level_cuts.shape[0]):
                regime[a] += place >= day.level_cuts[j]
        out[14 + a] = regime[a]
        out[16 + a] = NAN
        if day.detect_squeeze == 1 and not math.isnan(now):
            cut = p.window_quantile(trace, t, day.squeeze_bars, day.squeeze_percentile, day.enough, room)
            if not math.isnan(cut):
                out[16 + a] = p.age(carried.ages[2 + a], 1.0 if now < cut else 0.0)
        ratio = now / window_mean(trace, t, day.squeeze_bars, day.enough) - 1.0
        beyond = ratio / (day.expansion - 1.0) if ratio > 0 else ratio / (1.0 - day.contraction)
        out[18 + a] = min(max(beyond, -1.0), 1.0) if not math.isnan(beyond) else NAN


@njit(cache=True, error_model="numpy")
def _ema_columns(price, t, day, carried, atr, ema, unit, out):
    """The 20 columns of group ema."""
    at = price[UNDERLYING]
    for j in range(4):
        out[j] = (at - ema[UNDERLYING, j]) / ema[UNDERLYING, j]
    out[4] = (price[STRADDLE] - ema[STRADDLE, 0]) / atr[STRADDLE, 0]
    out[5] = (price[STRADDLE] - ema[STRADDLE, 3]) / atr[STRADDLE, 0]
    for j in range(2):
        out[6 + j] = NAN
        if t >= day.slope_bars:
            earlier = carried.ema_trace[t - day.slope_bars, j]
            out[6 + j] = (carried.ema_trace[t, j] - earlier) / earlier
    highest = NAN
    lowest = NAN
    for j in range(day.slow_ema.shape[0]):
        live = day.slow_ema[j] + day.slow_alpha[j] * (at - day.slow_ema[j])
        out[8 + j] = (at - live) / unit
        if j < 4:
            highest = live if j == 0 or math.isnan(live) else max(highest, live)
            lowest = live if j == 0 or math.isnan(live) else min(lowest, live)
    out[18] = (highest - lowest) / at / day.convergence
    out[19] = NAN
    if not math.isnan(ema[UNDERLYING, 3]):
        out[19] = (ema[UNDERLYING].max() - ema[UNDERLYING].min()) / atr[UNDERLYING, 2]


@njit(cache=True, error_model="numpy")
def _cpr_columns(underlying, t, day, carried, atr, unit, regime, methods, out):
    """The 14 columns of group cpr, and the ladder scores of the underlying's five methods."""
    at = underlying[t, CLOSE]
    levels = day.levels[UNDERLYING]
    out[12] = NAN
    out[13] = NAN
    for m in range(N_METHODS):
        methods[m] = p.ladder(at, levels[m])
        out[m] = p.nearest(at, levels[m], day.central[UNDERLYING, m]) / unit
        for i in range(levels.shape[1]):
            distance = (levels[m, i] - at) / unit
            if distance > 0:
                out[12] = p.min_known(out[12], distance)
            elif distance <= 0:
                out[13] = p.min_known(out[13], -distance)
    high = carried.extremes[0]
    low = carried.extremes[1]
    pp = (high + low + at) / 3.0
    width = 200.0 * abs(pp - (high + low) / 2.0) / pp
    out[5] = (width - day.cpr_narrow) / (day.cpr_wide - day.cpr_narrow)
    out[6] = p.ladder(at, day.slow_levels[0])
    out[7] = p.ladder(at, day.slow_levels[1])
    out[8] = p.held_beyond(underlying, CLOSE, t, day.breakout_bars, day.cpr[0], day.cpr[1]) / atr
    out[9] = NAN
    for i in range(day.virgin.shape[0]):
        distance = (0.5 * (day.virgin[i, 0] + day.virgin[i, 1]) - at) / unit
        if carried.touched[i] == 0 and not math.isnan(distance) and not abs(out[9]) <= abs(distance):
            out[9] = distance
    out[10] = weighted_mean(methods, _method_weights(day, regime))
    out[11] = dispersion(methods)


@njit(cache=True, error_model="numpy")
def _dual_columns(straddle, underlying, years, t, day, carried, price, before, atr, ema, slow_atr, row):
    """The 40 columns of group dual_asset, without the scores and the straddle's pivots."""
    out = row[DUAL_AT:ATR_AT]
    ranks = row[ATR_AT + 12 : ATR_AT + 14]
    trace = carried.quantity_trace[t]
    returns = carried.return_trace
    for a in range(N_ASSETS):
        out[5 + a] = r.trend(price[a] / r.trend_root(years, a, day), a, ema, day, carried.left)
        for k in range(N_TIMEFRAMES):
            q = SLOW_SHARE + N_ASSETS * k + a
            out[16 + N_ASSETS * k + a] = trace[q]
            out[20 + N_ASSETS * k + a] = p.rank(trace[q], day.ranged_values[q], day.ranged_below[q])
        last = N_TIMEFRAMES - 1
        out[24 + a] = math.log(slow_atr[a, last] / atr[a, 2]) / math.log(day.timeframes[last])
        q = EMA_SHARE + a
        out[28 + a] = p.rank(trace[q], day.specific_values[q], day.specific_below[q])
        out[35 + a] = (price[a] - before[a]) / atr[a, 0]
        bars = straddle if a == STRADDLE else underlying
        out[37 + a] = p.channel_position(bars, t, day.channel_bars, day.enough)
    out[8] = math.log(trace[ATR_SHARE] / trace[ATR_SHARE + 1])
    out[9] = ranks[0] - ranks[1]
    short, long = day.correlation_bars
    premium, move, size = returns[:, 0], returns[:, 1], returns[:, 2]
    both = not math.isnan(price[0] + price[1])
    out[10] = p.joint(premium, move, 0, 0, t, short, day.enough)[0] if both else NAN
    out[11], out[13] = p.joint(premium, move, 0, 0, t, long, day.enough) if both else (NAN, NAN)
    out[12] = p.joint(premium, size, 0, 0, t, long, day.enough)[0] if both else NAN
    lag = p.joint(premium, move, 0, 1, t, long, day.enough)[0]
    lead = p.joint(premium, move, 1, 0, t, long, day.enough)[0]
    out[14] = lag - lead if both else NAN
    unit = r.daily_unit(price[UNDERLYING], day, carried)
    out[15] = price[STRADDLE] / (unit * math.sqrt(DAYS_A_YEAR * years))
    out[26] = _alignment(price[UNDERLYING], ema[UNDERLYING])
    gap = ema[UNDERLYING, 0] - ema[UNDERLYING, 1]
    out[27] = p.age(carried.ages[4], sign(gap) if not math.isnan(gap) else NAN)
    for m in range(1, N_METHODS):
        distance = p.nearest(price[STRADDLE], day.levels[STRADDLE, m], day.central[STRADDLE, m])
        out[29 + m] = distance / day.previous_range[STRADDLE]
    high = max(carried.extremes[0], day.daily_close)
    low = min(carried.extremes[1], day.daily_close)
    out[34] = (high - low) / day.daily_range if not math.isnan(unit) else NAN
    out[39] = p.efficiency(returns[:, 1], t, day.channel_bars, day.enough) if not math.isnan(price[1]) else NAN


@njit(cache=True, error_model="numpy")
def _alignment(price, ema):
    """Mean sign of the steps down from price through the four EMAs, of those that are warm."""
    total = 0.0
    count = 0
    above = price
    for j in range(4):
        step = above - ema[j]
        if not math.isnan(step):
            total += sign(step)
            count += 1
        above = ema[j]
    return total / count if count > 0 else NAN


@njit(cache=True, error_model="numpy")
def _verdict(day, row):
    """Scores of both assets and of the two together into ``row``; then score, confidence and health."""
    parts = np.empty((N_ASSETS, 3))
    both = np.empty(N_ASSETS)
    spoke = 0.0
    for a in range(N_ASSETS):
        # premium that falls is what an index that rises is
        side = -1.0 if a == STRADDLE else 1.0
        parts[a, 0] = side * row[5 + a]
        parts[a, 1] = side * (row[7] if a == STRADDLE else row[CPR_AT + 10])
        parts[a, 2] = -row[ATR_AT + 18 + a]
        both[a] = weighted_mean(parts[a], day.part_weights)
        row[1 + a] = both[a]
        for j in range(3):
            spoke += 0.0 if math.isnan(parts[a, j]) else day.asset_weights[a] * day.part_weights[j]
    row[3] = 0.5 * abs(both[0] - both[1])
    found = weighted_mean(both, day.asset_weights)
    row[0] = NAN
    row[4] = NAN
    if math.isnan(found):
        return NAN, 0.0, 0
    product = both[0] * both[1]
    found *= day.agreement if product > 0 else day.conflict if product < 0 else 1.0
    spread = dispersion(parts.ravel())
    row[0] = min(max(found, -1.0), 1.0)
    row[4] = min(spoke, 1.0) * (1.0 if math.isnan(spread) else 1.0 - min(spread, 1.0))
    whole = not math.isnan(parts.sum())
    return row[0], row[4], 2 if whole else 1
