"""Compiled: where gamma stands and how it moves, and the columns that depend on the days to expiry.

Pinning: Avellaneda and Lipkin, "A market-induced mechanism for stock pinning", Quantitative Finance 3 (2003), 417-425.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

from numba import njit

from mr_platform.features.c2_greeks_sentiment import statistics as s
from mr_platform.features.c2_greeks_sentiment.state import (
    CALL,
    FIRST_ORDER,
    GAMMA,
    LEG_IV,
    LEG_OI,
    LEG_WEIGHT,
    N_GREEKS,
    PUT,
    THETA,
)

NAN = math.nan
DAYS = 365.0
MINUTES_A_DAY = 1440.0
BASIS_POINTS = 1e4


@njit(cache=True, error_model="numpy")
def shape_columns(exposure, now, sums, market, t, day, first, second):
    """The last three columns of group first_order and of group second_order.

    Changes of a leg's gamma by the closed forms of ``kernels.reference.black76``.
    """
    first[:] = NAN
    second[:] = NAN
    gamma = sums[CALL, GAMMA] + sums[PUT, GAMMA]
    if not gamma > 0:
        return
    forward, years = market.forward[t], market.years[t]
    middle = market.around.shape[1] // 2
    near = 0.0
    centre = 0.0
    speed = 0.0
    zomma = 0.0
    color = 0.0
    for j in range(exposure.shape[0]):
        for side in (CALL, PUT):
            x = exposure[j, side, GAMMA]
            if abs(j - day.reach) <= 1:
                near += x
            if not x > 0:
                continue
            strike = market.strikes[market.around[t, middle - day.reach + j]]
            centre += x * (strike - forward)
            sigma = now[j, side, LEG_IV]
            root = sigma * math.sqrt(years)
            d1 = math.log(forward / strike) / root + 0.5 * root
            product = d1 * (d1 - root)
            speed -= x * (1.0 + d1 / root)
            zomma += x * (product - 1.0) / sigma
            color += x * (1.0 - product)
    first[0] = centre / gamma / market.step[t]
    first[1] = near / gamma
    first[2] = 0.1 * math.sqrt(2.0 * -(sums[CALL, THETA] + sums[PUT, THETA]) / gamma)
    second[0] = speed / gamma / 100.0
    second[1] = zomma / gamma / 100.0
    second[2] = color / gamma / (2.0 * years * DAYS)


@njit(cache=True, error_model="numpy")
def dte_columns(exposure, now, market, t, day, carried, concentration, score, confidence, out):
    """The 20 columns of group dte; the ninth is left to the component."""
    days = min(max(market.dte[t], 0), day.multipliers.shape[0] - 1)
    _contributions(carried.greeks[t], day.weights, day.multipliers[days], day.order_shares, out[0:7])
    total = 0.0
    size = 0.0
    largest = 0.0
    for g in range(N_GREEKS):
        total += out[g]
        size += abs(out[g])
        largest = max(largest, abs(out[g]))
    out[7] = total
    out[8] = NAN
    out[9] = largest / size if size > 0 else NAN
    out[10] = 1.0 - abs(total) / size if size > 0 else NAN
    m = day.reach
    decay = exposure[m, CALL, THETA] + exposure[m, PUT, THETA]
    premium = now[m, CALL, LEG_WEIGHT] * market.price[t, 0] + now[m, PUT, LEG_WEIGHT] * market.price[t, 3]
    out[11] = -decay * market.forward[t] / BASIS_POINTS / premium if premium > 0 else NAN
    # gain 1/2 gamma dF^2 over decay in the same minutes; gamma is for 1 % of the forward, theta in its basis points
    gamma = exposure[m, CALL, GAMMA] + exposure[m, PUT, GAMMA]
    for i in range(2):
        square = s.mean_square_change(market.forward, market.expiry, t, 15 if i == 0 else 60, day.enough)
        gain = 0.5 * 100.0 * gamma * square
        loss = -decay / BASIS_POINTS / MINUTES_A_DAY
        out[12 + i] = math.log(gain / loss) if gain > 0 and loss > 0 else NAN
    sigma = _atm_volatility(now, market, t, day)
    width = market.forward[t] * sigma * math.sqrt(market.years[t])
    _pin(exposure, now, market, t, day, days, width, concentration, out)
    caught = min(day.transition_score_cap, abs(score)) * confidence * day.transition[days]
    out[18] = min(day.transition_cap, caught) if not math.isnan(score) else NAN
    out[19] = _side_gap(exposure, market, t, day) / width


@njit(cache=True, error_model="numpy")
def _contributions(greeks, weights, multipliers, shares, out):
    """Each Greek's part of the score under weights times multipliers; NaN where it has none."""
    for order in range(2):
        first, last = (0, FIRST_ORDER) if order == 0 else (FIRST_ORDER, N_GREEKS)
        weight = 0.0
        for g in range(first, last):
            weight += weights[g] * multipliers[g]
        for g in range(first, last):
            out[g] = shares[order] * (weights[g] * multipliers[g]) * greeks[g] / weight


@njit(cache=True, error_model="numpy")
def _atm_volatility(now, market, t, day):
    """Mean of both legs' volatility at ATM, else linear in log strike between ITM1 and OTM1, both with both legs."""
    m = day.reach
    both = 0.5 * (now[m, CALL, LEG_IV] + now[m, PUT, LEG_IV])
    if not math.isnan(both):
        return both
    middle = market.around.shape[1] // 2
    at, low, high = market.around[t, middle], market.around[t, middle - 1], market.around[t, middle + 1]
    if at < 0 or low < 0 or high < 0:
        return NAN
    left = 0.5 * (now[m - 1, CALL, LEG_IV] + now[m - 1, PUT, LEG_IV])
    right = 0.5 * (now[m + 1, CALL, LEG_IV] + now[m + 1, PUT, LEG_IV])
    share = math.log(market.strikes[at] / market.strikes[low]) / math.log(market.strikes[high] / market.strikes[low])
    return left + (right - left) * share


@njit(cache=True, error_model="numpy")
def _pin(exposure, now, market, t, day, days, width, concentration, out):
    """Pin risk, distance, share of gamma and of open interest at the strike of the set with most open interest."""
    out[14:18] = NAN
    middle = market.around.shape[1] // 2
    best = -1
    most = 0.0
    held = 0.0
    known = 0
    gamma = 0.0
    calls = 0
    puts = 0
    for j in range(exposure.shape[0]):
        both = now[j, CALL, LEG_OI] + now[j, PUT, LEG_OI]
        if not math.isnan(both):
            known += 1
            held += both
            if both > most:
                best = j
                most = both
        for side in (CALL, PUT):
            x = exposure[j, side, GAMMA]
            if not math.isnan(x):
                gamma += x
                calls += side == CALL
                puts += side == PUT
    if best < 0 or known < day.least_strikes:
        return
    strike = market.strikes[market.around[t, middle - day.reach + best]]
    distance = (market.forward[t] - strike) / width
    out[15] = distance
    if calls >= day.least_strikes and puts >= day.least_strikes and gamma > 0:
        out[16] = (exposure[best, CALL, GAMMA] + exposure[best, PUT, GAMMA]) / gamma
    out[17] = most / held
    nearness = math.exp(-0.5 * distance * distance) / (1.0 + market.years[t] * DAYS)
    out[14] = day.pin[days] * concentration * nearness


@njit(cache=True, error_model="numpy")
def _side_gap(exposure, market, t, day):
    """Gamma-weighted mean strike of the calls less that of the puts, in points."""
    centre = 0.0
    for side in (CALL, PUT):
        weight = 0.0
        total = 0.0
        known = 0
        for j in range(exposure.shape[0]):
            x = exposure[j, side, GAMMA]
            if not math.isnan(x):
                known += 1
                weight += x
                # from the ATM strike, so that large strikes do not cancel
                total += x * (j - day.reach)
        mean = total / weight * market.step[t] if known >= day.least_strikes and weight > 0 else NAN
        centre += mean if side == CALL else -mean
    return centre
