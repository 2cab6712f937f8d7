"""The compiled pass of C3: minute by minute, all 105 columns, state carried in place.

Columns are written by position; the blocks below are the order of ``catalogue.features()``.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c3_oi_price_action import pieces as p
from mr_platform.features.c3_oi_price_action import swings
from mr_platform.features.c3_oi_price_action.columns import change, cumulative, held_sums, pcr_parts
from mr_platform.features.c3_oi_price_action.state import (
    ABSORBED,
    FLOW,
    INSTITUTIONAL,
    IV,
    PCR,
    STEP_ALL,
    STEP_CE,
    STEP_PE,
    STEP_PRICE,
    STRONG_BEAR,
    STRONG_BULL,
    THREE_WAY,
    Carried,
    DayConstants,
    StrikeWindow,
)
from mr_platform.kernels.cpu.averages import dispersion, weighted_mean

HIGH, LOW, CLOSE = 1, 2, 3
FUTURE_OI = 5
CUMULATIVE_AT, ROLLING_AT, INSTITUTIONAL_AT, DIVERGENCE_AT = 0, 45, 70, 90
NAN = math.nan


@njit(cache=True, error_model="numpy")
def run(
    w: StrikeWindow,
    chain_oi,
    strikes,
    pain,
    volatility,
    future,
    underlying,
    money,
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

    ``chain_oi`` [stop - start, K, 2], ``pain`` [stop - start] and ``volatility`` [stop - start] (points) of the minutes
    to fill; ``strikes`` [K]; ``future`` [M, 6] and ``underlying`` [M, 5]; ``money`` [M, 3] forward, years to expiry and
    step of the nearest expiry; ``values`` [M, 105], ``score``, ``confidence``, ``health`` [M] are written.
    """
    room = np.empty(strikes.size)
    views = np.empty(4)
    oi_sums, close_sums = np.empty((2, day.lags[-1] + 1, 2)), np.empty((2, day.lags[-1] + 1, 2))
    middle = w.near.shape[1] // 2
    for t in range(start, stop):
        i = t - start
        row = values[t]
        row[:] = NAN
        views[:] = NAN
        atr = _walk(underlying[t], t, day, carried)
        carried.trace[IV, t] = volatility[i]
        price = underlying[t, CLOSE]
        before = underlying[t - day.timeframes[0], CLOSE] if t >= day.timeframes[0] else NAN
        carried.trace[STEP_PRICE, t] = math.log(price / before) if price > 0 and before > 0 else NAN
        known = 0.0
        opened = w.opened[i]
        if opened >= 0:
            held = w.near[i, middle - day.usual : middle + day.usual + 1]
            held_sums(w.oi, held, t - w.first, max(opened - w.first, 0), day.lags, day.least, oi_sums)
            held_sums(w.close, held, t - w.first, max(opened - w.first, 0), day.lags, day.least, close_sums)
            known = cumulative(
                w, chain_oi[i], money[t], t, i, day, carried, oi_sums, close_sums, row[CUMULATIVE_AT:ROLLING_AT]
            )
            _levels(chain_oi[i], strikes, pain[i], money[t], atr, opened, day, carried, room, row[INSTITUTIONAL_AT:])
        out = row[ROLLING_AT:INSTITUTIONAL_AT]
        _rolling(oi_sums, close_sums, opened >= 0, future, underlying, t, day, carried, out, views)
        _institutional(w, underlying, t, i, day, carried, row, views)
        _divergence(underlying, t, day, carried, row[DIVERGENCE_AT:])
        score[t], confidence[t], health[t] = _verdict(known, day, row, views)


@njit(cache=True, error_model="numpy")
def _walk(bar, t, day, carried):
    """Take the underlying's bar into its realised variance and average true range; the latter, NaN while young."""
    price = bar[CLOSE]
    if math.isnan(price):
        return NAN
    walk, atr = carried.walk, carried.atr
    if walk[2] < 0:
        walk[2] = t
    else:
        move = math.log(price / walk[0])
        walk[1] += move * move
    walk[0] = price
    high = price if math.isnan(bar[HIGH]) else max(bar[HIGH], price)
    low = price if math.isnan(bar[LOW]) else min(bar[LOW], price)
    true_range = high - low if math.isnan(atr[2]) else max(high, atr[2]) - min(low, atr[2])
    atr[0] = true_range if atr[1] == 0 else atr[0] + (true_range - atr[0]) / min(atr[1] + 1.0, day.atr_period)
    atr[1] += 1.0
    atr[2] = price
    return atr[0] if atr[1] >= day.atr_period else NAN


@njit(cache=True, error_model="numpy")
def per_bar(squares, first, t):
    """Realised deviation of one bar since the open."""
    return math.sqrt(squares / (t - first)) if first >= 0 and t > first else NAN


@njit(cache=True, error_model="numpy")
def _underlying_change(future, underlying, t, bars, is_future):
    """Relative changes over ``bars`` bars of the underlying's close and open interest; the latter NaN for no future."""
    if t < bars:
        return NAN, NAN
    price = p.relative(underlying[t, CLOSE], underlying[t - bars, CLOSE])
    return price, p.relative(future[t, FUTURE_OI], future[t - bars, FUTURE_OI]) if is_future == 1 else NAN


@njit(cache=True, error_model="numpy")
def _rolling(oi_sums, close_sums, there, future, underlying, t, day, carried, out, views):
    """The 25 columns of group rolling; ``views`` [4] gets what the underlying says."""
    trace = carried.trace
    if there:
        for a in range(day.pcr_minutes.size):
            n = day.pcr_minutes[a]
            calls, puts = change(oi_sums, 0, n), change(oi_sums, 1, n)
            out[a] = (1.0 + puts) / (1.0 + calls) - 1.0 if calls > -1.0 else NAN
        n = day.timeframes[0]
        trace[STEP_CE, t] = change(oi_sums, 0, n)
        trace[STEP_PE, t] = change(oi_sums, 1, n)
        trace[STEP_ALL, t] = p.relative(oi_sums[0, n, 0] + oi_sums[1, n, 0], oi_sums[0, n, 1] + oi_sums[1, n, 1])
    together = np.full(4, NAN)
    of_underlying = np.full(4, NAN)
    for a in range(4):
        n = day.timeframes[a]
        factor = math.sqrt(n / day.buildup_minutes)
        price_cut, oi_cut = day.buildup_cuts[0] * factor, day.buildup_cuts[1] * factor
        if there:
            for leg in range(2):
                found = p.buildup(change(close_sums, leg, n), change(oi_sums, leg, n), price_cut, oi_cut, day.weak)
                out[3 + 4 * leg + a] = found if leg == 0 else -found
            together[a] = (out[3 + a] + out[7 + a]) / 2.0
        price, oi = _underlying_change(future, underlying, t, n, day.future)
        price_cut, oi_cut = day.future_share * price_cut, day.future_share * oi_cut
        if day.future == 1:
            of_underlying[a] = p.buildup(price, oi, price_cut, oi_cut, day.weak)
        elif not math.isnan(price):
            of_underlying[a] = day.weak * min(1.0, max(-1.0, price / price_cut))
    out[11], out[12] = of_underlying[1], of_underlying[3]
    out[13] = weighted_mean(together, day.timeframe_weights)
    views[1] = weighted_mean(of_underlying, day.timeframe_weights)
    for a in range(3):
        n = day.correlation_windows[a]
        if there:
            out[14 + a] = p.correlation(trace[STEP_PRICE], trace[STEP_CE], t, n, day.enough)
            out[17 + a] = p.correlation(trace[STEP_PRICE], trace[STEP_PE], t, n, day.enough)
            out[20 + a] = 1.0 - abs(p.correlation(trace[STEP_CE], trace[STEP_PE], t, n, day.enough))
    out[23] = p.standing(trace[PCR], t, day.z_window, day.enough)
    if there:
        trace[THREE_WAY, t] = three_way_state(oi_sums, close_sums, future, underlying, t, day)[1]
    out[24] = p.moments(trace[THREE_WAY], t, day.timeframes[3], day.enough)[0]


@njit(cache=True, error_model="numpy")
def three_way_state(oi_sums, close_sums, future, underlying, t, day):
    """Three-way state of the minute (an index into ``STATES``, -1 not known), and its number: 1 and -1 strong, ``weak``
    signed where options alone agree, else 0."""
    n, price_cut, oi_cut = day.buildup_minutes, day.buildup_cuts[0], day.buildup_cuts[1]
    call = p.quadrant(change(close_sums, 0, n), change(oi_sums, 0, n), price_cut, oi_cut)
    put = p.quadrant(change(close_sums, 1, n), change(oi_sums, 1, n), price_cut, oi_cut)
    state = p.three_way(call, put, third_way(future, underlying, t, day))
    if state < 0:
        return state, NAN
    if state in (STRONG_BULL, STRONG_BEAR):
        return state, p.direction(call)
    return state, day.weak * p.direction(call) if state == INSTITUTIONAL else 0.0


@njit(cache=True, error_model="numpy")
def third_way(future, underlying, t, day):
    """Direction of the future's build-up beyond its cuts (1, 0, -1); of the price alone where it is no future."""
    price, oi = _underlying_change(future, underlying, t, day.buildup_minutes, day.future)
    price_cut, oi_cut = day.future_share * day.buildup_cuts[0], day.future_share * day.buildup_cuts[1]
    if day.future == 1:
        state = p.quadrant(price, oi, price_cut, oi_cut)
        return NAN if state < 0 else p.direction(state)
    if math.isnan(price):
        return NAN
    return 0.0 if abs(price) <= price_cut else 1.0 if price > 0 else -1.0


@njit(cache=True, error_model="numpy")
def _levels(oi, strikes, pain, money, atr, opened, day, carried, room, out):
    """Walls and max pain: columns 10 to 16 of group institutional."""
    forward, step = money[0], money[2]
    total = 0.0
    for leg in range(2):
        away, share = p.walls(oi, strikes, leg, day.wall_percentile, forward, room)
        out[10 + leg] = away / atr if atr > 0 else NAN
        out[12 + leg] = share
        total += share
    if math.isnan(total) or math.isnan(pain):
        return
    if carried.pain[1] != opened:
        carried.pain[0], carried.pain[1] = pain, opened
    out[14] = (pain - forward) / forward
    out[15] = (pain - carried.pain[0]) / step
    least = p.payout(oi, strikes, pain)
    out[16] = p.payout(oi, strikes, forward) / least - 1.0 if least > 0 else NAN


@njit(cache=True, error_model="numpy")
def _institutional(w, underlying, t, i, day, carried, row, views):
    """Group institutional but for walls and max pain; ``views`` [4] gets what options, PCR and flow say."""
    out, rolling = row[INSTITUTIONAL_AT:DIVERGENCE_AT], row[ROLLING_AT:INSTITUTIONAL_AT]
    trace = carried.trace
    n = day.z_window
    if w.opened[i] >= 0:
        out[0] = p.standing(trace[STEP_CE], t, n, day.enough)
        out[1] = p.standing(trace[STEP_PE], t, n, day.enough)
        out[3] = (p.level(out[1], day.z_levels) - p.level(out[0], day.z_levels)) / 2.0
        _turnover_and_money(w, t, i, day, out)
        out[2] = p.standing(trace[STEP_ALL], t, n, day.enough)
        moved = p.standing(trace[STEP_PRICE], t, n, day.enough)
        if not (math.isnan(out[2]) or math.isnan(moved)):
            grown = min(1.0, max(out[2], 0.0) / day.absorption[0])
            trace[ABSORBED, t] = grown if abs(moved) < day.absorption[1] else 0.0
        out[8] = p.moments(trace[ABSORBED], t, n, day.enough)[0]
        out[17] = weighted_mean(pcr_parts(w, t, i, day, row[36]), day.pcr_weights)
    price = underlying[t, CLOSE]
    before = underlying[t - day.lookback, CLOSE] if t >= day.lookback else NAN
    move = math.log(price / before) if price > 0 and before > 0 else NAN
    if not math.isnan(move):
        for leg in range(2):
            # puts are written below a rising market, calls above a falling one
            pressure = min(1.0, max(out[leg], 0.0) / day.accumulation_z) * p.grade(out[4 + leg], day.ratio_cuts)
            right_way = move > 0 if leg == 1 else move < 0
            if not (math.isnan(out[leg]) or math.isnan(pressure)):
                out[7 - leg] = pressure if right_way else 0.0
    parts = np.full(4, NAN)
    parts[0] = _net_grade(row[0:6], day.velocity_cuts)
    parts[1] = _net_grade(row[18:24], day.velocity_cuts)
    parts[2] = _confirmation(move, rolling, t, day, carried)
    parts[3] = out[3]
    if w.opened[i] >= 0:
        out[18] = weighted_mean(parts, day.trend_weights)
    views[0] = rolling[13] if math.isnan(out[18]) else out[18]
    if not (math.isnan(out[18]) or math.isnan(rolling[13])):
        views[0] = (out[18] + rolling[13]) / 2.0
    if not math.isnan(out[17]):
        place = 0
        for cut in day.pcr_cuts:
            place += out[17] >= cut
        views[2] = day.pcr_scores[place]
    views[3] = (out[6] - out[7] + out[3]) / 2.0
    out[19] = weighted_mean(views, day.integrated_weights) if w.opened[i] >= 0 else NAN


@njit(cache=True, error_model="numpy")
def _turnover_and_money(w, t, i, day, out):
    """Turnover of both legs, and the premium-weighted flow of 15 minutes."""
    row, opened = t - w.first, max(w.opened[i] - w.first, 0)
    middle = w.near.shape[1] // 2
    span = day.velocity_minutes[1]
    flow, held_value = 0.0, 0.0
    for leg in range(2):
        traded, oi, counted = 0.0, 0.0, 0
        moved, valued = 0.0, 0
        for j in range(middle - day.usual, middle + day.usual + 1):
            k = w.near[i, j]
            if k < 0 or math.isnan(w.oi[row, k, leg]):
                continue
            pace = p.window_volume(w, k, leg, row, opened, day.z_window, day.enough)
            if not math.isnan(pace):
                traded += pace * day.n_bars
                oi += w.oi[row, k, leg]
                counted += 1
            if row - span < opened or math.isnan(w.oi[row - span, k, leg]) or math.isnan(w.close[row, k, leg]):
                continue
            valued += 1
            moved += (w.oi[row, k, leg] - w.oi[row - span, k, leg]) * w.close[row, k, leg]
            held_value += w.oi[row, k, leg] * w.close[row, k, leg]
        if counted >= day.least and oi > 0:
            out[4 + leg] = traded / oi
        flow += (moved if leg == 1 else -moved) if valued >= day.least else NAN
    out[9] = flow / held_value if held_value > 0 else NAN


@njit(cache=True, error_model="numpy")
def _net_grade(rates, cuts):
    """Mean over the windows of the graded put less call rate; ``rates`` [6] calls then puts."""
    total, count = 0.0, 0
    for a in range(3):
        found = p.grade(rates[3 + a] - rates[a], cuts)
        if not math.isnan(found):
            total += found
            count += 1
    return total / count if count > 0 else NAN


@njit(cache=True, error_model="numpy")
def _confirmation(move, rolling, t, day, carried):
    """Direction of the price in deviations, at most 1, times half of put less call price correlation."""
    deviation = per_bar(carried.walk[1], carried.walk[2], t) * math.sqrt(day.lookback)
    if math.isnan(move) or not deviation > 0:
        return NAN
    direction = min(max(move / deviation, -1.0), 1.0)
    total, count = 0.0, 0
    for a in range(3):
        found = (rolling[17 + a] - rolling[14 + a]) / 2.0
        if not math.isnan(found):
            total += found
            count += 1
    return direction * (total / count) if count > 0 else NAN


@njit(cache=True, error_model="numpy")
def _divergence(underlying, t, day, carried, out):
    """The 15 columns of group divergence."""
    carried.trace[FLOW, t] = carried.flow[0] if carried.flow[1] >= 0 else NAN
    half = (day.swing_bars - 1) // 2
    kind = swings.advance(t, underlying[:, CLOSE], carried.trace[FLOW], half, carried.zigzag, carried.swings)
    if kind >= 0:
        price_sd = per_bar(carried.walk[1], carried.walk[2], t)
        flow_sd = per_bar(carried.flow[2], carried.flow[3], t)
        swings.compare(t, kind, price_sd, flow_sd, day.extreme_z, carried)
    if not math.isnan(underlying[t, CLOSE]):
        swings.write(t, day.swing_bars, day.n_bars, carried.trace[FLOW, t], carried.divergences, out)


@njit(cache=True, error_model="numpy")
def _verdict(known, day, row, views):
    """Score, confidence and health of the minute.

    The score is the integrated one. Confidence is the weight of the four views that could speak, times their agreement,
    times the share of the strikes that had open interest.
    """
    total = row[INSTITUTIONAL_AT + 19]
    if math.isnan(total):
        return NAN, 0.0, 0
    spoke, speaking = 0.0, 0
    for k in range(4):
        if not math.isnan(views[k]):
            spoke += day.integrated_weights[k]
            speaking += 1
    spread = dispersion(views)
    agreement = 1.0 if math.isnan(spread) else max(1.0 - spread, 0.0)
    warm = speaking == 4 and not math.isnan(row[23]) and not math.isnan(row[35])
    return min(max(total, -1.0), 1.0), min(spoke, 1.0) * agreement * known, 2 if warm else 1
