"""The compiled pass of C2: minute by minute, state carried in place.

Columns are written by position; the blocks below are the order of ``catalogue.features()``. The column of the score's
percentile is filled by the component, which knows the history.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c2_greeks_sentiment import statistics as s
from mr_platform.features.c2_greeks_sentiment.gamma import dte_columns, shape_columns
from mr_platform.features.c2_greeks_sentiment.state import (
    ACTIVE_OI,
    ACTIVE_VOLUME,
    CALL,
    CHARM,
    DELTA,
    FIRST_ORDER,
    FLOW_DELTA,
    FLOW_DELTA_GROSS,
    FLOW_VEGA,
    FLOW_VEGA_GROSS,
    LARGEST_VOLUME,
    LEG_DELTA,
    LEG_OI,
    LEG_VEGA,
    LEG_VOLUME,
    N_GREEKS,
    N_STRADDLES,
    PUT,
    THETA,
    VANNA,
    VEGA,
    VOLGA,
    Carried,
    DayConstants,
    Legs,
    Market,
)
from mr_platform.kernels.cpu.averages import dispersion, weighted_mean

FIRST_AT, SECOND_AT, DTE_AT, SENTIMENT_AT = 0, 35, 60, 80
NAN = math.nan
FLAT = 1e-9
"""A change of price below this share of the price is rounding, not demand."""


@njit(cache=True, error_model="numpy")
def run(
    market: Market, legs: Legs, start, stop, day: DayConstants, carried: Carried, values, score, confidence, health
):
    """Fill minutes [start, stop); ``values`` [M, 98], ``score``, ``confidence``, ``health`` [M] are written."""
    sums = np.empty((2, N_GREEKS))
    gross = np.empty((2, N_GREEKS))
    z = np.empty((N_STRADDLES, N_GREEKS))
    straddle = np.empty(N_STRADDLES)
    for t in range(start, stop):
        row = values[t]
        exposure = legs.exposure[t - start]
        now = legs.now[t - start]
        _activity(now, day, carried.active[t])
        _normalise(exposure[0], t, day, carried, z)
        _side_sums(exposure[0], day.least_strikes, sums, gross)
        _scores(z, t, day, carried, straddle)
        _first_order(exposure, sums, z, day, row[FIRST_AT:SECOND_AT])
        _second_order(exposure, sums, gross, z, market, t, day, row[SECOND_AT:DTE_AT])
        shape_columns(
            exposure[0], now, sums, market, t, day, row[FIRST_AT + 32 : SECOND_AT], row[SECOND_AT + 22 : DTE_AT]
        )
        _flow(now, market, t, day, carried)
        score[t], confidence[t], health[t] = _verdict(now, straddle, t, day, carried)
        dte_columns(
            exposure[0], now, market, t, day, carried, row[33], score[t], confidence[t], row[DTE_AT:SENTIMENT_AT]
        )
        _sentiment(straddle, market, t, day, carried, row[SENTIMENT_AT:])


@njit(cache=True, error_model="numpy")
def _activity(now, day, out):
    """Median contracts traded and held of the six legs, and the largest volume of a leg of the set."""
    six = np.empty(6)
    for at, field in ((ACTIVE_VOLUME, LEG_VOLUME), (ACTIVE_OI, LEG_OI)):
        for i in range(3):
            for side in (CALL, PUT):
                six[2 * i + side] = now[day.reach - 1 + i, side, field]
        six.sort()
        # NaN sorts last
        out[at] = 0.5 * (six[2] + six[3]) if not math.isnan(six[5]) else NAN
    largest = NAN
    known = 0
    for j in range(2 * day.reach + 1):
        both = now[j, CALL, LEG_VOLUME] + now[j, PUT, LEG_VOLUME]
        known += not math.isnan(both)
        for side in (CALL, PUT):
            if not now[j, side, LEG_VOLUME] <= largest and not math.isnan(now[j, side, LEG_VOLUME]):
                largest = now[j, side, LEG_VOLUME]
    out[LARGEST_VOLUME] = largest if known >= day.least_strikes else NAN


@njit(cache=True, error_model="numpy")
def _straddle_exposure(call, put, g):
    """Exposure of a straddle in Greek ``g``, calls speaking for a rise.

    Delta, vanna and charm have a direction of their own: the sum of both legs. The others have none: call less put,
    theta by size.
    """
    if g in (DELTA, VANNA, CHARM):
        return call + put
    return put - call if g == THETA else call - put


@njit(cache=True, error_model="numpy")
def _normalise(exposure, t, day, carried, z):
    """tanh of each straddle's exposures over their scale, ``z`` [3, 7]."""
    for a in range(N_STRADDLES):
        j = day.reach + (0 if a == 0 else -1 if a == 1 else 1)
        for g in range(N_GREEKS):
            call, put = exposure[j, CALL, g], exposure[j, PUT, g]
            x = _straddle_exposure(call, put, g)
            carried.exposure[t, a, g] = x
            scale = day.scale[a, g]
            if math.isnan(scale):
                count = s.insert(carried.ranked[a, g], carried.ranked_count[a, g], abs(x))
                carried.ranked_count[a, g] = count
                if count >= day.least_scale_minutes:
                    scale = s.middle(carried.ranked[a, g], count)
            # comparisons with NaN are false: an unknown scale or leg stays unknown
            least = day.least_scale_share * (abs(call) + abs(put))
            scale = least if scale < least else scale
            z[a, g] = math.tanh(x / scale) if scale > 0 else NAN


@njit(cache=True, error_model="numpy")
def _side_sums(exposure, least, sums, gross):
    """Signed and absolute exposure of each side over the set [2, 7]; NaN with fewer than ``least`` legs."""
    for side in (CALL, PUT):
        for g in range(N_GREEKS):
            known = 0
            total = 0.0
            size = 0.0
            for j in range(exposure.shape[0]):
                x = exposure[j, side, g]
                if not math.isnan(x):
                    known += 1
                    total += x
                    size += abs(x)
            sums[side, g] = total if known >= least else NAN
            gross[side, g] = size if known >= least else NAN


@njit(cache=True, error_model="numpy")
def _held_sums(exposure, lag_at, g, least):
    """Signed sums of call and put side now and then over the legs known at both times; NaN with too few on a side."""
    call_now = 0.0
    put_now = 0.0
    call_then = 0.0
    put_then = 0.0
    calls = 0
    puts = 0
    for j in range(exposure.shape[1]):
        now, then = exposure[0, j, CALL, g], exposure[lag_at, j, CALL, g]
        if not (math.isnan(now) or math.isnan(then)):
            calls += 1
            call_now += now
            call_then += then
        now, then = exposure[0, j, PUT, g], exposure[lag_at, j, PUT, g]
        if not (math.isnan(now) or math.isnan(then)):
            puts += 1
            put_now += now
            put_then += then
    if calls < least or puts < least:
        return NAN, NAN, NAN, NAN
    return call_now, put_now, call_then, put_then


@njit(cache=True, error_model="numpy")
def _scores(z, t, day, carried, straddle):
    """Score of each straddle, the Greeks over the straddles, and the overall score of minute ``t``."""
    for a in range(N_STRADDLES):
        straddle[a] = 0.0
        for order in range(2):
            first, last = (0, FIRST_ORDER) if order == 0 else (FIRST_ORDER, N_GREEKS)
            total = 0.0
            weight = 0.0
            for g in range(first, last):
                total += day.weights[g] * z[a, g]
                weight += day.weights[g]
            straddle[a] += day.order_shares[order] * (total / weight)
    for g in range(N_GREEKS):
        carried.greeks[t, g] = weighted_mean(z[:, g], day.straddle_weights)
    carried.overall[t] = weighted_mean(straddle, day.straddle_weights)


@njit(cache=True, error_model="numpy")
def _first_order(exposure, sums, z, day, out):
    """Columns of group first_order but the last three."""
    for g in range(FIRST_ORDER):
        out[2 * g] = sums[CALL, g]
        out[2 * g + 1] = sums[PUT, g]
        out[8 + 3 * g : 11 + 3 * g] = z[:, g]
        out[20 + g] = s.imbalance(abs(sums[CALL, g]), abs(sums[PUT, g]))
        call, put, call_then, put_then = _held_sums(exposure, 1, g, day.least_strikes)
        before = abs(call_then) + abs(put_then)
        out[24 + g] = (abs(call) + abs(put) - before) / before if before > 0 else NAN
        call, put, call_then, put_then = _held_sums(exposure, 2, g, day.least_strikes)
        out[28 + g] = s.imbalance(abs(call), abs(put)) - s.imbalance(abs(call_then), abs(put_then))


@njit(cache=True, error_model="numpy")
def _per_unit(of, by):
    """Ratio of two sums over both sides; NaN unless the lower one is above 0."""
    return of / by if by > 0 else NAN


@njit(cache=True, error_model="numpy")
def _second_order(exposure, sums, gross, z, market, t, day, out):
    """Columns of group second_order but the last three."""
    for i in range(3):
        g = FIRST_ORDER + i
        out[2 * i] = sums[CALL, g]
        out[2 * i + 1] = sums[PUT, g]
        out[6 + 3 * i : 9 + 3 * i] = z[:, g]
    delta = gross[CALL, DELTA] + gross[PUT, DELTA]
    out[15] = _per_unit(sums[CALL, CHARM] + sums[PUT, CHARM], delta)
    out[16] = _per_unit(sums[CALL, VANNA] + sums[PUT, VANNA], delta)
    out[17] = _per_unit(sums[CALL, VOLGA] + sums[PUT, VOLGA], sums[CALL, VEGA] + sums[PUT, VEGA])
    out[18] = s.imbalance(gross[CALL, VOLGA], gross[PUT, VOLGA])
    out[19] = _wings(exposure[0], market, t, day)
    call, put, call_then, put_then = _held_sums(exposure, 2, VANNA, day.least_strikes)
    delta_call, delta_put, delta_call_then, delta_put_then = _held_sums(exposure, 2, DELTA, day.least_strikes)
    out[20] = _per_unit(call + put, delta_call - delta_put) - _per_unit(
        call_then + put_then, delta_call_then - delta_put_then
    )
    call, put, call_then, put_then = _held_sums(exposure, 2, VOLGA, day.least_strikes)
    vega_call, vega_put, vega_call_then, vega_put_then = _held_sums(exposure, 2, VEGA, day.least_strikes)
    out[21] = _per_unit(call + put, vega_call + vega_put) - _per_unit(
        call_then + put_then, vega_call_then + vega_put_then
    )


@njit(cache=True, error_model="numpy")
def _wings(exposure, market, t, day):
    """Imbalance of vanna between out-of-the-money calls and out-of-the-money puts."""
    middle = market.around.shape[1] // 2
    calls = 0
    puts = 0
    call = 0.0
    put = 0.0
    for j in range(exposure.shape[0]):
        k = market.around[t, middle - day.reach + j]
        if k < 0:
            continue
        if market.strikes[k] > market.forward[t] and not math.isnan(exposure[j, CALL, VANNA]):
            calls += 1
            call += abs(exposure[j, CALL, VANNA])
        if market.strikes[k] < market.forward[t] and not math.isnan(exposure[j, PUT, VANNA]):
            puts += 1
            put += abs(exposure[j, PUT, VANNA])
    return s.imbalance(call, put) if calls >= day.least_wing and puts >= day.least_wing else NAN


@njit(cache=True, error_model="numpy")
def _flow(now, market, t, day, carried):
    """Sums behind the flows: volume of the six legs by delta and vega, signed by the price change delta leaves open."""
    if t == 0 or market.expiry[t] < 0 or market.expiry[t] != market.expiry[t - 1]:
        return
    move = market.forward[t] - market.forward[t - 1]
    known = 0
    delta = 0.0
    delta_gross = 0.0
    vega = 0.0
    vega_gross = 0.0
    for side in (CALL, PUT):
        for a in range(N_STRADDLES):
            j = day.reach + (0 if a == 0 else -1 if a == 1 else 1)
            price, before = market.price[t, 3 * side + a], market.held[t, 3 * side + a]
            traded = now[j, side, LEG_VOLUME]
            unit_delta = now[j, side, LEG_DELTA]
            left_over = price - before - unit_delta * move
            if math.isnan(left_over) or math.isnan(traded):
                continue
            known += 1
            way = 0.0 if abs(left_over) <= FLAT * price else s.sign(left_over)
            by_delta = traded * unit_delta
            by_vega = traded * now[j, side, LEG_VEGA]
            delta += way * by_delta
            delta_gross += abs(by_delta)
            vega += way * by_vega
            vega_gross += by_vega
    if known > 0:
        out = carried.flow[t]
        out[FLOW_DELTA] = delta
        out[FLOW_DELTA_GROSS] = delta_gross
        out[FLOW_VEGA] = vega
        out[FLOW_VEGA_GROSS] = vega_gross


@njit(cache=True, error_model="numpy")
def _verdict(now, straddle, t, day, carried):
    """Score, confidence and health of the minute."""
    score = carried.overall[t]
    if math.isnan(score):
        return NAN, 0.0, 0
    spread = dispersion(straddle)
    agreement = day.agreement_floor if math.isnan(spread) else max(day.agreement_floor, 1.0 - spread)
    w = day.confidence_weights
    sure = w[0] * agreement
    sure += w[1] * min(1.0, _mean_of_six(now, LEG_VOLUME, day) / day.volume_median)
    sure += w[2] * min(1.0, _mean_of_six(now, LEG_OI, day) / day.oi_median)
    whole = not (math.isnan(straddle[0]) or math.isnan(straddle[1]) or math.isnan(straddle[2]))
    health = 2 if whole and day.learned == 1 else 1
    return min(max(score, -1.0), 1.0), min(max(sure, day.confidence_floor), 1.0), health


@njit(cache=True, error_model="numpy")
def _mean_of_six(now, field, day):
    """Mean of the known legs of the three straddles; 0 without one."""
    known = 0
    total = 0.0
    for i in range(3):
        for side in (CALL, PUT):
            x = now[day.reach - 1 + i, side, field]
            if not math.isnan(x):
                known += 1
                total += x
    return total / known if known > 0 else 0.0


@njit(cache=True, error_model="numpy")
def _sentiment(straddle, market, t, day, carried, out):
    """The 18 columns of group sentiment."""
    overall = carried.overall
    score = overall[t]
    out[0:3] = straddle
    level = s.level_of(score, day.cuts)
    out[3] = level
    if not math.isnan(level):
        if level != carried.level[0]:
            carried.level[0] = level
            carried.level[1] = 0.0
        carried.level[1] += 1.0
    out[4] = carried.level[1] if not math.isnan(level) else NAN
    nearest = NAN
    for i in range(day.cuts.shape[0]):
        if not abs(score - day.cuts[i]) >= abs(nearest):
            nearest = score - day.cuts[i]
    out[5] = nearest
    mean, spread = s.window(overall, t, 15, day.enough)
    out[6] = mean if not math.isnan(score) else NAN
    out[7] = score - overall[t - 5] if t >= 5 else NAN
    out[8] = spread if not math.isnan(score) else NAN
    out[9] = 1.0 - dispersion(straddle)
    out[10] = _greek_agreement(carried.greeks[t], score, day)
    out[11] = math.log(carried.active[t, ACTIVE_VOLUME] / day.volume_median) if carried.active[t, 0] > 0 else NAN
    out[12] = math.log(carried.active[t, ACTIVE_OI] / day.oi_median) if carried.active[t, 1] > 0 else NAN
    largest = carried.active[t, LARGEST_VOLUME]
    out[13] = math.log(largest / day.large_flow) if largest > 0 else NAN
    flow = carried.flow
    out[14] = s.ratio_of_sums(flow[:, FLOW_DELTA], flow[:, FLOW_DELTA_GROSS], t, 5, day.enough)
    out[15] = s.ratio_of_sums(flow[:, FLOW_VEGA], flow[:, FLOW_VEGA_GROSS], t, 5, day.enough)
    out[16] = s.lead_correlation(overall, market.underlying, t, 60, 5, day.enough)
    out[17] = s.same_sign_share(overall, t, 30, day.enough)


@njit(cache=True, error_model="numpy")
def _greek_agreement(greeks, score, day):
    """Share of the Greeks' weight in the score that points the way of the score."""
    if math.isnan(score):
        return NAN
    share = 0.0
    for g in range(N_GREEKS):
        first, last, order = (0, FIRST_ORDER, 0) if g < FIRST_ORDER else (FIRST_ORDER, N_GREEKS, 1)
        weight = 0.0
        for i in range(first, last):
            weight += day.weights[i]
        if s.sign(greeks[g]) == s.sign(score):
            share += day.order_shares[order] * (day.weights[g] / weight)
    return share
