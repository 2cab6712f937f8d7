"""The compiled pass of C1: minute by minute, all 120 columns, state carried in place.

Columns are written by position; the blocks below are the order of ``catalogue.features()``.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c1_triple_straddle import scores as s
from mr_platform.features.c1_triple_straddle.state import (
    N_COMPONENTS,
    N_SERIES,
    N_SPANS,
    N_STRADDLES,
    N_TIMEFRAMES,
    UNDERLYING,
    Carried,
    DayConstants,
)
from mr_platform.kernels.cpu.averages import dispersion, weighted_mean
from mr_platform.kernels.cpu.windows import sign, window_mean, window_std

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
LAG_1, LAG_3, LAG_5, LAG_10, LAG_15 = range(5)
EMA_AT, VWAP_AT, PIVOT_AT, TIMEFRAME_AT = 0, 40, 70, 95
NAN = math.nan
FLAT = 1e-9
"""A spread below this share of the price is rounding, not movement."""


@njit(cache=True, error_model="numpy")
def run(
    bars, held, underlying, dte, start, stop, day: DayConstants, carried: Carried, values, score, confidence, health
):
    """Fill minutes [start, stop).

    ``bars`` [M, 9, 5] open, high, low, close, volume of the rolling series; ``held`` [M, 9, 5] last known close of the
    contract held, 1, 3, 5, 10 and 15 minutes ago; ``underlying`` [M, 5]; ``dte`` int64 [M], -1 unknown;
    ``values`` [M, 120], ``score``, ``confidence``, ``health`` [M] are written.
    """
    ema = np.empty((N_SERIES, N_SPANS))
    levels = np.empty((N_SERIES + 1, 7))
    for i in range(N_SERIES + 1):
        previous = day.previous_hlc[i]
        s.pivot_levels(previous[0], previous[1], previous[2], levels[i])
    technique_scores = np.empty((N_SERIES, 3))
    for t in range(start, stop):
        row = values[t]
        technique = day.technique[min(max(dte[t], 0), day.technique.shape[0] - 1)]
        _update(bars, held, underlying, t, day, carried, ema)
        _ema_columns(bars[t, :, CLOSE], t, day, carried, ema, technique_scores, row[EMA_AT:VWAP_AT])
        _vwap_columns(bars, underlying[t], t, day, carried, technique_scores, row[VWAP_AT:PIVOT_AT])
        _pivot_columns(bars, underlying[t], t, day, carried, levels, technique_scores, row[PIVOT_AT:TIMEFRAME_AT])
        _timeframe_columns(bars, held, t, day, carried, levels, technique, technique_scores, row[TIMEFRAME_AT:])
        score[t], confidence[t], health[t] = _verdict(
            bars[t, :, CLOSE], day, carried, technique, technique_scores, row, t
        )


@njit(cache=True, error_model="numpy")
def _update(bars, held, underlying, t, day, carried, ema):
    """Take bar ``t`` into the recursions; ``ema`` [9, 4] gets the readings of this minute."""
    for i in range(N_SERIES + 1):
        bar = bars[t, i] if i < N_SERIES else underlying[t]
        price = bar[CLOSE]
        if math.isnan(price):
            if i < N_SERIES:
                ema[i] = NAN
            continue
        ohlc = carried.ohlc[i]
        high = price if math.isnan(bar[HIGH]) else max(bar[HIGH], price)
        low = price if math.isnan(bar[LOW]) else min(bar[LOW], price)
        if math.isnan(ohlc[0]):
            ohlc[0] = price if math.isnan(bar[OPEN]) else bar[OPEN]
            ohlc[1] = high
            ohlc[2] = low
        ohlc[1] = max(ohlc[1], high)
        ohlc[2] = min(ohlc[2], low)
        ohlc[3] = price
        if not math.isnan(bar[VOLUME]):
            carried.vwap[i, 0] += price * bar[VOLUME]
            carried.vwap[i, 1] += bar[VOLUME]
        if i == UNDERLYING:
            continue
        for j in range(N_SPANS):
            if carried.ema_bars[i, j] == 0:
                carried.ema[i, j] = price
            else:
                carried.ema[i, j] += 2.0 / (day.spans[j] + 1.0) * (price - carried.ema[i, j])
            carried.ema_bars[i, j] += 1
            ema[i, j] = carried.ema[i, j] if carried.ema_bars[i, j] >= day.spans[j] else NAN
        before = held[t, i, LAG_1]
        if price > 0 and before > 0:
            carried.return_trace[t, i] = math.log(price / before)
    for a in range(N_STRADDLES):
        carried.ema_trace[t, a, 0] = ema[a, 0]
        carried.ema_trace[t, a, 1] = ema[a, 2]
        if carried.vwap[a, 1] > 0:
            carried.vwap_trace[t, a] = carried.vwap[a, 0] / carried.vwap[a, 1]
            gap = bars[t, a, CLOSE] - carried.vwap_trace[t, a]
            carried.gap_trace[t, a] = 0.0 if abs(gap) <= FLAT * carried.vwap_trace[t, a] else gap


@njit(cache=True, error_model="numpy")
def _age(ages, side):
    """Bars since ``side`` (-1, 0, 1; NaN unknown) last changed, signed; NaN holds the count."""
    if math.isnan(side):
        return NAN
    if side != ages[0]:
        ages[0] = side
        ages[1] = 0.0
    ages[1] += 1.0
    return side * ages[1]


@njit(cache=True, error_model="numpy")
def _relative(trace, t, bars):
    """Relative change of a trace over ``bars`` bars of the session."""
    if t < bars:
        return NAN
    return (trace[t] - trace[t - bars]) / trace[t - bars]


@njit(cache=True, error_model="numpy")
def _ema_columns(price, t, day, carried, ema, technique_scores, out):
    """The 40 columns of group ema, and the EMA score of all nine series."""
    parts = np.empty(4)
    for i in range(N_SERIES - 1, -1, -1):
        s.ema_parts(price[i], ema[i], day.ema_weak, parts)
        technique_scores[i, 0] = weighted_mean(parts, day.ema_weights)
    out[33:37] = parts
    for a in range(N_STRADDLES):
        for j in range(N_SPANS):
            out[4 * a + j] = (price[a] - ema[a, j]) / ema[a, j]
        out[12 + a] = technique_scores[a, 0]
        out[15 + a] = _relative(carried.ema_trace[:, a, 0], t, 5)
        out[18 + a] = _relative(carried.ema_trace[:, a, 1], t, 15)
        out[21 + a] = (ema[a, 0] - ema[a, 2]) / ema[a, 2]
        out[24 + a] = (ema[a, 1] - ema[a, 3]) / ema[a, 3]
        out[27 + a] = NAN
        if not math.isnan(ema[a, 3]):
            ordered = np.sort(ema[a])
            near = 0
            for j in range(N_SPANS - 1):
                near += ordered[j + 1] - ordered[j] <= day.confluence * ordered[j]
            out[27 + a] = near / 3.0
        out[30 + a] = _age(carried.ages[a], sign(ema[a, 0] - ema[a, 1]) if not math.isnan(ema[a, 1]) else NAN)
    out[37] = weighted_mean(technique_scores[:N_STRADDLES, 0], day.weights)
    out[38] = dispersion(technique_scores[:N_STRADDLES, 0])
    out[39] = (ema[0].max() - ema[0].min()) / price[0] if not math.isnan(ema[0, 3]) else NAN


@njit(cache=True, error_model="numpy")
def _deviation(price, vwap):
    """(price - vwap) / vwap; NaN unless the VWAP is positive."""
    return (price - vwap) / vwap if vwap > 0 else NAN


@njit(cache=True, error_model="numpy")
def _ratio(value, volume):
    """A VWAP from its sums; NaN while there is no volume."""
    return value / volume if volume > 0 else NAN


@njit(cache=True, error_model="numpy")
def _vwap_columns(bars, underlying, t, day, carried, technique_scores, out):
    """The 30 columns of group vwap, and the VWAP score of all nine series."""
    price = bars[t, :, CLOSE]
    sums = carried.vwap
    for i in range(N_SERIES):
        session = _deviation(price[i], _ratio(sums[i, 0], sums[i, 1]))
        technique_scores[i, 1] = s.step_score(session, day.vwap_cuts, day.vwap_scores)
        if i >= N_STRADDLES:
            continue
        week = _ratio(sums[i, 0] + day.week_sums[i, 0], sums[i, 1] + day.week_sums[i, 1])
        rolling = s.window_vwap(bars[:, i, CLOSE], bars[:, i, VOLUME], t, day.window, day.enough)
        out[i] = session
        out[3 + i] = _deviation(price[i], day.previous_vwap[i])
        out[6 + i] = _deviation(price[i], rolling)
        out[9 + i] = _deviation(price[i], week)
        out[12 + i] = technique_scores[i, 1]
        spread = window_std(carried.gap_trace[:, i], t, day.window, day.enough)
        out[15 + i] = carried.gap_trace[t, i] / spread if spread > FLAT * price[i] else NAN
        out[18 + i] = _relative(carried.vwap_trace[:, i], t, 15) if not math.isnan(price[i]) else NAN
    out[21:25] = NAN
    if day.future == 1:
        u = UNDERLYING
        week = _ratio(sums[u, 0] + day.week_sums[u, 0], sums[u, 1] + day.week_sums[u, 1])
        parts = np.empty(3)
        for k, vwap in enumerate((_ratio(sums[u, 0], sums[u, 1]), day.previous_vwap[u], week)):
            out[21 + k] = _deviation(underlying[CLOSE], vwap)
            parts[k] = s.step_score(out[21 + k], day.vwap_cuts, day.vwap_scores)
        out[24] = weighted_mean(parts, day.future_weights)
    gap = carried.gap_trace[t, 0]
    out[25] = NAN
    if not math.isnan(out[15]):
        beyond = 0.0
        for k in range(day.bands.shape[0]):
            beyond += abs(out[15]) > day.bands[k]
        out[25] = beyond * sign(out[15])
    out[26] = NAN
    out[27] = NAN
    if not math.isnan(gap):
        carried.above[0] += gap > 0
        carried.above[1] += 1
        out[26] = carried.above[0] / carried.above[1]
    recent = window_mean(bars[:, 0, VOLUME], t, day.window, day.enough)
    whole = 0.0
    known = 0
    for i in range(t + 1):
        if not math.isnan(bars[i, 0, VOLUME]):
            whole += bars[i, 0, VOLUME]
            known += 1
    if recent > 0 and whole > 0 and not math.isnan(price[0]):
        out[27] = math.log(recent / (whole / known))
    out[28] = weighted_mean(technique_scores[:N_STRADDLES, 1], day.weights)
    out[29] = _age(carried.ages[3], sign(gap) if not math.isnan(gap) else NAN)


@njit(cache=True, error_model="numpy")
def _pivot_columns(bars, underlying, t, day, carried, levels, technique_scores, out):
    """The 25 columns of group pivot, and the pivot score of all nine series."""
    price = bars[t, :, CLOSE]
    for i in range(N_SERIES):
        technique_scores[i, 2] = s.ladder_score(price[i], levels[i], day.pivot_steps)
        if i >= N_STRADDLES:
            continue
        out[i] = technique_scores[i, 2]
        out[6 + i] = _ratio(price[i] - levels[i, 3], day.previous_hlc[i, 0] - day.previous_hlc[i, 1])
        out[9 + i] = NAN
        out[12 + i] = NAN
        for j in range(7):
            if levels[i, j] > price[i] and not out[9 + i] <= (levels[i, j] - price[i]) / price[i]:
                out[9 + i] = (levels[i, j] - price[i]) / price[i]
            if 0 < levels[i, j] <= price[i] and not out[12 + i] <= (price[i] - levels[i, j]) / price[i]:
                out[12 + i] = (price[i] - levels[i, j]) / price[i]
        out[3 + i] = -out[9 + i] if math.isnan(out[12 + i]) or out[9 + i] < out[12 + i] else out[12 + i]
    high, low, close = day.previous_hlc[UNDERLYING]
    pp = (high + low + close) / 3.0
    bottom = min((high + low) / 2.0, 2.0 * pp - (high + low) / 2.0)
    top = max((high + low) / 2.0, 2.0 * pp - (high + low) / 2.0)
    at = underlying[CLOSE]
    width = 100.0 * (top - bottom) / pp
    distance = at - top if at > top else at - bottom if at < bottom else 0.0
    side = sign(distance) if not math.isnan(at - pp) else NAN
    out[16] = distance / pp if not math.isnan(side) else NAN
    out[15] = width if not math.isnan(at) else NAN
    out[17] = side * (day.cpr_scores[0] if width < day.cpr_narrow else day.cpr_scores[1])
    out[18] = _ratio(at - pp, high - low)
    out[19] = _age(carried.ages[4], side)
    range_now = carried.ohlc[0, 1] - carried.ohlc[0, 2]
    out[20] = _ratio(range_now, day.previous_hlc[0, 0] - day.previous_hlc[0, 1]) if not math.isnan(price[0]) else NAN
    out[21] = NAN
    if t >= 15 and not math.isnan(price[0] - bars[t - 15, 0, CLOSE]) and not math.isnan(levels[0, 3]):
        before = bars[t - 15, 0, CLOSE]
        crossed = 0.0
        for j in range(7):
            if before < levels[0, j] <= price[0]:
                crossed += 1.0
            elif price[0] < levels[0, j] <= before:
                crossed -= 1.0
        out[21] = crossed
    out[22] = _ratio(price[0] - carried.ohlc[0, 2], range_now)
    out[23] = weighted_mean(technique_scores[:N_STRADDLES, 2], day.weights)
    out[24] = dispersion(technique_scores[:N_STRADDLES, 2])


@njit(cache=True, error_model="numpy")
def _timeframe_columns(bars, held, t, day, carried, levels, technique, technique_scores, out):
    """The 25 columns of group timeframe."""
    out[12:15] = NAN
    weights = np.empty(N_TIMEFRAMES)
    parts = np.empty(4)
    three = np.empty(3)
    live = np.empty(N_SPANS)
    for a in range(N_STRADDLES):
        price = bars[t, a, CLOSE]
        found = carried.timeframe_trace[t, a]
        for k in range(N_TIMEFRAMES):
            n = day.timeframes[k]
            if not math.isnan(price):
                carried.slow_last[a, k] = price
            for j in range(N_SPANS):
                bars_seen = carried.slow_bars[a, k, j]
                value = carried.slow_ema[a, k, j]
                live[j] = price if bars_seen == 0 else value + 2.0 / (day.spans[j] + 1.0) * (price - value)
                if bars_seen + 1 < day.spans[j]:
                    live[j] = NAN
            s.ema_parts(price, live, day.ema_weak, parts)
            typical = window_mean(bars[:, a, CLOSE], t, n, day.enough)
            three[0] = weighted_mean(parts, day.ema_weights)
            three[1] = s.step_score(_deviation(typical, carried.vwap_trace[t, a]), day.vwap_cuts, day.vwap_scores)
            three[2] = s.ladder_score(typical, levels[a], day.pivot_steps)
            found[k] = weighted_mean(three, technique) if not math.isnan(price) else NAN
            reading = s.quality(bars[:, a, CLOSE], bars[:, a, VOLUME], t, n, day.quality_weights)
            weights[k] = day.timeframe_weights[k] * reading
            if a == 0:
                out[k] = found[k]
                out[4 + k] = reading if not math.isnan(price) else NAN
            if (t + 1) % n == 0 or t + 1 == day.n_bars:
                _finish_bar(carried, a, k, day.spans)
        out[12 + a] = weighted_mean(found, weights)
    for k in range(N_TIMEFRAMES):
        out[8 + k] = _held_return(bars, held, t, 0, LAG_3 + k)
    found = carried.timeframe_trace[t, 0]
    spread = dispersion(found)
    out[15] = (
        min(max(1.0 - spread / day.confidence_spread, day.confidence_floor), 1.0) if not math.isnan(spread) else NAN
    )
    out[16] = NAN
    count = 0
    total = 0.0
    for k in range(N_TIMEFRAMES):
        if not math.isnan(found[k]):
            total += sign(found[k])
            count += 1
    if count > 0:
        out[16] = total / count
    returns = carried.return_trace
    out[17] = window_std(returns[:, 0], t, day.window, day.enough)
    net = window_mean(returns[:, 0], t, 15, day.enough)
    gross = window_mean(np.abs(returns[max(0, t - 14) : t + 1, 0]), min(t, 14), 15, day.enough)
    out[18] = net / gross if gross > 0 else NAN
    out[19], out[20] = s.correlations(returns, t, day.window, day.redundant, day.enough, day.series_share)
    out[21] = _held_return(bars, held, t, 3, LAG_5) - _held_return(bars, held, t, 6, LAG_5)
    out[22] = _held_return(bars, held, t, 2, LAG_5) - _held_return(bars, held, t, 1, LAG_5)
    out[23] = weighted_mean(technique_scores[0], technique)
    out[24] = _window_range(bars[:, 0], t, 15, day.enough)


@njit(cache=True, error_model="numpy")
def _finish_bar(carried, a, k, spans):
    """Take the last price of a finished k-minute bar into its EMAs; a bar without a price holds them."""
    price = carried.slow_last[a, k]
    if math.isnan(price):
        return
    for j in range(N_SPANS):
        if carried.slow_bars[a, k, j] == 0:
            carried.slow_ema[a, k, j] = price
        else:
            carried.slow_ema[a, k, j] += 2.0 / (spans[j] + 1.0) * (price - carried.slow_ema[a, k, j])
        carried.slow_bars[a, k, j] += 1
    carried.slow_last[a, k] = NAN


@njit(cache=True, error_model="numpy")
def _held_return(bars, held, t, i, lag):
    """Log return of the contract held now since its last known close ``lag`` ago."""
    price = bars[t, i, CLOSE]
    before = held[t, i, lag]
    return math.log(price / before) if price > 0 and before > 0 else NAN


@njit(cache=True, error_model="numpy")
def _window_range(bars, t, n, enough):
    """(Highest high - lowest low) / close of the ``n`` bars ending at ``t``; a close stands in for a lacking bound."""
    high = -math.inf
    low = math.inf
    count = 0
    for i in range(max(0, t - n + 1), t + 1):
        price = bars[i, CLOSE]
        if not math.isnan(price):
            count += 1
            high = max(high, price if math.isnan(bars[i, HIGH]) else max(bars[i, HIGH], price))
            low = min(low, price if math.isnan(bars[i, LOW]) else min(bars[i, LOW], price))
    return (high - low) / bars[t, CLOSE] if count >= enough * n and bars[t, CLOSE] > 0 else NAN


@njit(cache=True, error_model="numpy")
def _verdict(price, day, carried, technique, technique_scores, row, t):
    """Score, confidence and health of the minute; the ten component scores go into their trace.

    Nine components are the overlays of the nine price series, high where premium expands; the tenth, the correlation
    factor, is their weighted mean damped by the share of redundant pairs. Confidence is half the timeframes', half
    the agreement of the ten, times the share of weight that could speak.
    """
    parts = carried.score_trace[t]
    known = 0
    for i in range(N_SERIES):
        parts[i] = weighted_mean(technique_scores[i], technique)
        known += not math.isnan(price[i])
    parts[9] = (1.0 - row[TIMEFRAME_AT + 20]) * weighted_mean(parts[:N_SERIES], day.weights)
    total = weighted_mean(parts, day.weights)
    if math.isnan(total) or math.isnan(price[0]):
        return NAN, 0.0, 0
    spoke = 0.0
    for i in range(N_COMPONENTS):
        spoke += 0.0 if math.isnan(parts[i]) else day.weights[i]
    spread = dispersion(parts)
    agreement = day.confidence_floor if math.isnan(spread) else max(1.0 - spread, 0.0)
    steady = day.confidence_floor if math.isnan(row[TIMEFRAME_AT + 15]) else row[TIMEFRAME_AT + 15]
    share = day.steadiness_share
    warm = not math.isnan(row[EMA_AT + 3]) and not math.isnan(row[PIVOT_AT]) and known == N_SERIES
    return min(max(total, -1.0), 1.0), min(spoke, 1.0) * (share * steady + (1.0 - share) * agreement), 2 if warm else 1
