"""The compiled pass of C5: minute by minute, all 94 columns, state carried in place.

Columns are written by position; the blocks below are the order of ``catalogue.features()``.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c1_triple_straddle.scores import dispersion, sign, weighted_mean, window_mean
from mr_platform.features.c5_atr_ema_cpr import pieces as p
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
        _touch(underlying[t], carried, day.virgin)
        for a in range(N_ASSETS):
            _update(straddle[t] if a == STRADDLE else underlying[t], before[a], t, a, day, carried, atr, ema, slow_atr)
        unit = _daily_unit(price[UNDERLYING], day, carried)
        _atr_columns(price, t, day, carried, atr, regime, room, row[ATR_AT:EMA_AT])
        _ema_columns(price, t, day, carried, atr, ema, unit, row[EMA_AT:CPR_AT])
        _cpr_columns(underlying, t, day, carried, unit, regime[UNDERLYING], methods[UNDERLYING], row[CPR_AT:])
        _dual_columns(straddle, underlying, years[t], t, day, carried, price, before, atr, ema, slow_atr, row)
        for m in range(N_METHODS):
            methods[STRADDLE, m] = p.ladder(price[STRADDLE], day.levels[STRADDLE, m])
        row[7] = weighted_mean(methods[STRADDLE], _method_weights(day, regime[UNDERLYING]))
        score[t], confidence[t], health[t] = _verdict(day, row)


@njit(cache=True, error_model="numpy")
def _touch(bar, carried, virgin):
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
def _update(bar, before, t, a, day, carried, atr, ema, slow_atr):
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
def _daily_unit(price, day, carried):
    """Wilder's daily ATR with today so far as its last bar; NaN without a price or an earlier session."""
    if math.isnan(price - day.daily_range):
        return NAN
    high = max(carried.extremes[0], day.daily_close)
    low = min(carried.extremes[1], day.daily_close)
    return p.usable_range(day.daily_range + (high - low - day.daily_range) * day.daily_weight, price)


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
def _cpr_columns(underlying, t, day, carried, unit, regime, methods, out):
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
    out[8] = p.held_beyond(underlying, CLOSE, t, day.breakout_bars, day.cpr[0], day.cpr[1]) / unit
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
        out[5 + a] = _trend(price[a], ema[a], atr[a, 0], day.ema_spans)
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
    unit = _daily_unit(price[UNDERLYING], day, carried)
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
def _trend(price, ema, atr, spans):
    """Mean over the warm EMAs of tanh(z), z the distance in ATRs over the half root of n + 1 that noise would cover."""
    total = 0.0
    count = 0
    for j in range(4):
        z = 2.0 * (price - ema[j]) / (atr * math.sqrt(spans[j] + 1.0))
        if not math.isnan(z):
            total += math.tanh(z)
            count += 1
    return total / count if count > 0 else NAN


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
