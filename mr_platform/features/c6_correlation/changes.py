"""Compiled changes of the thirty series over several lags; see ``reference_changes`` for their meaning.

Each lag has its own set of contracts: those held at the later minute.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.inputs import ATM, NEAR, NEXT

NAN = math.nan
VOLATILITY_GRID = 1e7
"""Steps of a volatility in one: finer differences are the solver's, not the market's."""
EXPOSURE_BITS = 131_072.0
"""2^17 steps of a Greek exposure's leading binary place; finer differences are those of the normal distribution's
approximation."""
STILL = 1e-9
"""A change of the overlay below this is rounding."""
N_GREEKS = 4


@njit(cache=True, error_model="numpy")
def on_grid(x):
    """A volatility on its grid."""
    return np.floor(x * VOLATILITY_GRID + 0.5) / VOLATILITY_GRID


@njit(cache=True, error_model="numpy")
def to_bits(x):
    """An exposure to 17 bits."""
    if math.isnan(x) or x == 0.0:
        return x
    mantissa, exponent = math.frexp(x)
    return math.ldexp(np.floor(mantissa * EXPOSURE_BITS + 0.5) / EXPOSURE_BITS, exponent)


@njit(cache=True, error_model="numpy")
def _last_close(close, expiry, t, lag, k, leg):
    """Last known close of the contract in the session, ``lag`` minutes before ``t`` or earlier."""
    at = t - lag
    while at >= 0:
        if expiry[at] == expiry[t] and close[at, k, leg] > 0.0:
            return close[at, k, leg]
        at -= 1
    return NAN


@njit(cache=True, error_model="numpy")
def _log_return(now, before):
    return math.log(now / before) if now > 0.0 and before > 0.0 else NAN


@njit(cache=True, error_model="numpy")
def _prices(close, expiry, strikes, t, lag, out):
    """Log returns of straddles, calls and puts at ATM, ITM1 and OTM1, contract held [9]."""
    for a in range(3):
        k = strikes[t, a]
        if k < 0:
            out[a] = NAN
            out[3 + a] = NAN
            out[6 + a] = NAN
            continue
        call = close[t, k, 0]
        put = close[t, k, 1]
        call = call if call > 0.0 else NAN
        put = put if put > 0.0 else NAN
        call_before = _last_close(close, expiry, t, lag, k, 0)
        put_before = _last_close(close, expiry, t, lag, k, 1)
        out[a] = _log_return(call + put, call_before + put_before)
        out[3 + a] = _log_return(call, call_before)
        out[6 + a] = _log_return(put, put_before)


@njit(cache=True, error_model="numpy")
def _sums(close, oi, greeks, n_greeks, held, t, before, leg, least, out):
    """Sums over the strikes ``held`` of one leg, now and before [6, 2]: OI, prices, the first ``n_greeks`` exposures.

    A strike counts for a quantity where it is known at both minutes; NaN with fewer than ``least``.
    """
    out[:] = 0.0
    counts = np.zeros(2 + N_GREEKS, np.int64)
    for j in range(held.size):
        k = held[j]
        if k < 0:
            continue
        oi_now = oi[t, k, leg]
        oi_before = oi[before, k, leg]
        if oi_now >= 0.0 and oi_before >= 0.0:
            out[0, 0] += oi_now
            out[0, 1] += oi_before
            counts[0] += 1
            for g in range(n_greeks):
                now = greeks[g][t, k, leg]
                past = greeks[g][before, k, leg]
                if now == now and past == past:
                    out[2 + g, 0] += oi_now * now
                    out[2 + g, 1] += oi_before * past
                    counts[2 + g] += 1
        price = close[t, k, leg]
        price_before = close[before, k, leg]
        if price > 0.0 and price_before > 0.0:
            out[1, 0] += price
            out[1, 1] += price_before
            counts[1] += 1
    for q in range(2 + n_greeks):
        if counts[q] < least:
            out[q] = NAN


@njit(cache=True, error_model="numpy")
def _pair(volatility, t, role, k):
    """Mean volatility of both legs at a strike; NaN where one lacks or there is no strike."""
    return 0.5 * (volatility[t, role, k, 0] + volatility[t, role, k, 1]) if k >= 0 else NAN


@njit(cache=True, error_model="numpy")
def _at_the_money(volatility, log_strikes, t, middle, low, high):
    """Volatility at the ATM strike; with a leg missing, linear in log-moneyness between ITM1 and OTM1."""
    here = _pair(volatility, t, NEAR, middle)
    if not math.isnan(here) or middle < 0 or low < 0 or high < 0:
        return here
    below = _pair(volatility, t, NEAR, low)
    share = (log_strikes[middle] - log_strikes[low]) / (log_strikes[high] - log_strikes[low])
    return below + (_pair(volatility, t, NEAR, high) - below) * share


@njit(cache=True, error_model="numpy")
def _wing(strikes, forward, volatility, delta, leg, target):
    """Volatility of out-of-the-money options of one leg at |delta| ``target``, linear in |delta| between the two that
    enclose it, going out from the money; NaN unless enclosed. Second: how many of them are known.
    """
    n = strikes.size
    inner = -1
    found = NAN
    count = 0
    for j in range(n):
        k = j if leg == 0 else n - 1 - j
        if (strikes[k] < forward) if leg == 0 else (strikes[k] >= forward):
            continue
        here = abs(delta[k, leg])
        if math.isnan(volatility[k, leg]) or math.isnan(here):
            continue
        count += 1
        if math.isnan(found) and inner >= 0 and here <= target < abs(delta[inner, leg]):
            near = abs(delta[inner, leg])
            share = (near - target) / (near - here)
            found = volatility[inner, leg] + (volatility[k, leg] - volatility[inner, leg]) * share
        inner = k
    return found, count


@njit(cache=True, error_model="numpy")
def _wings(strikes, forward, volatility, delta, target, least, out):
    """Put and call wing [2]; NaN with fewer than ``least`` known out-of-the-money options."""
    call, calls = _wing(strikes, forward, volatility, delta, 0, target)
    put, puts = _wing(strikes, forward, volatility, delta, 1, target)
    out[:] = NAN
    if forward > 0.0 and calls + puts >= least:
        out[0] = on_grid(put)
        out[1] = on_grid(call)


@njit(cache=True, error_model="numpy")
def fill(
    close,
    oi,
    volatility,
    delta,
    gamma,
    theta,
    vega,
    listed,
    log_strikes,
    around,
    strikes,
    expiry,
    days,
    at_money,
    forward,
    overlay,
    start,
    stop,
    lags,
    reach,
    least,
    wing_delta,
    least_wing,
    wings,
    out,
):
    """Changes of minutes [start, stop) into ``out`` [lags, 30, M], wings into ``wings`` [M, 2] (put, call).

    Exposures to Greeks change over the first lag alone.

    The other arguments are those of ``SessionInputs``: ``close``, ``oi`` and Greeks [M, K, 2], ``volatility``
    [M, 3, K, 2], ``listed`` and ``log_strikes`` [K], ``around`` [M, 31], ``strikes`` [M, 3], ``days`` and ``at_money``
    [M, 3]; ``overlay`` [M].
    """
    greeks = (delta, gamma, theta, vega)
    sums = np.empty((2, 2 + N_GREEKS, 2))
    for t in range(start, stop):
        if expiry[t] < 0:
            continue
        _wings(listed, forward[t], volatility[t, NEAR], delta[t], wing_delta, least_wing, wings[t])
        held = around[t, ATM - reach : ATM + reach + 1]
        middle, low, high = strikes[t]
        near = on_grid(_at_the_money(volatility, log_strikes, t, middle, low, high))
        further = on_grid(_pair(volatility, t, NEXT, at_money[t, NEXT]))
        for j in range(lags.size):
            row = out[j, :, t]
            before = t - lags[j]
            if before < 0:
                continue
            _prices(close, expiry, strikes, t, lags[j], row[:9])
            moved = overlay[t] - overlay[before]
            row[9] = 0.0 if abs(moved) < STILL else moved
            if expiry[before] != expiry[t]:
                continue
            for leg in range(2):
                # exposures are followed from minute to minute alone
                n_greeks = N_GREEKS if j == 0 else 0
                _sums(close, oi, greeks, n_greeks, held, t, before, leg, least, sums[leg])
                for g in range(n_greeks):
                    row[10 + N_GREEKS * leg + g] = to_bits(sums[leg, 2 + g, 0]) - to_bits(sums[leg, 2 + g, 1])
                row[18 + leg] = sums[leg, 0, 0] - sums[leg, 0, 1]
                row[20 + leg] = _log_return(sums[leg, 1, 0], sums[leg, 1, 1])
            for q in range(2):
                divisible = sums[0, q, 0] > 0.0 and sums[0, q, 1] > 0.0
                ratio = sums[1, q, 0] / sums[0, q, 0] - sums[1, q, 1] / sums[0, q, 1]
                row[22 + q] = ratio if divisible else NAN
            near_before = on_grid(_at_the_money(volatility, log_strikes, before, middle, low, high))
            row[24] = near - near_before
            row[25] = on_grid(_pair(volatility, t, NEAR, low)) - on_grid(_pair(volatility, before, NEAR, low))
            row[26] = on_grid(_pair(volatility, t, NEAR, high)) - on_grid(_pair(volatility, before, NEAR, high))
            row[27] = wings[t, 0] - wings[before, 0] - row[24]
            row[28] = wings[t, 1] - wings[before, 1] - row[24]
            if days[t, NEXT] >= 0 and days[t, NEXT] == days[before, NEXT]:
                further_before = on_grid(_pair(volatility, before, NEXT, at_money[t, NEXT]))
                row[29] = further / near - further_before / near_before
