"""Changes of the thirty series, readable.

Prices change by their log return, everything else by its difference. What can be held is held: the strikes of minute t
are looked up at t and at t less the lag, prices at their last known close in the session. Sums run over ATM +- reach of
t, strikes known at both minutes alone. Wings stand at a constant delta and have no contract; the at-the-money
volatility that they are measured from is held. Exposures to Greeks change over the first lag alone. Minutes of another
nearest expiry are not compared.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c6_correlation.changes import EXPOSURE_BITS, STILL, VOLATILITY_GRID
from mr_platform.features.c6_correlation.layout import N_SERIES
from mr_platform.features.inputs import ATM, NEAR, NEXT, SessionInputs

Floats = NDArray[np.float64]
NAN = math.nan
CE, PE = 0, 1
N_GREEKS = 8


def on_grid(x: float) -> float:
    """A volatility to 1e-7."""
    return float(np.floor(x * VOLATILITY_GRID + 0.5) / VOLATILITY_GRID)


def to_bits(x: float) -> float:
    """An exposure to 17 bits."""
    if math.isnan(x):
        return x
    mantissa, exponent = math.frexp(x)
    return math.ldexp(math.floor(mantissa * EXPOSURE_BITS + 0.5) / EXPOSURE_BITS, exponent)


def log_return(now: float, before: float) -> float:
    """ln(now / before); NaN unless both are positive."""
    return math.log(now / before) if now > 0 and before > 0 else NAN


def changes(
    inputs: SessionInputs,
    overlay: Floats,
    lags: tuple[int, ...],
    *,
    reach: int,
    least: int,
    wing_delta: float,
    least_wing: int,
) -> tuple[Floats, Floats]:
    """Changes [lags, M, 30] of every minute and the wings [M, 2] (put, call)."""
    m = inputs.minutes.size
    out = np.full((len(lags), m, N_SERIES), np.nan)
    wings = np.full((m, 2), np.nan)
    for t in range(m):
        if inputs.expiry[t] < 0:
            continue
        wings[t] = _wings(inputs, t, wing_delta, least_wing)
        for j, lag in enumerate(lags):
            before = t - lag
            if before < 0:
                continue
            out[j, t, :9] = _prices(inputs, t, lag)
            moved = overlay[t] - overlay[before]
            out[j, t, 9] = 0.0 if abs(moved) < STILL else moved
            if inputs.expiry[before] == inputs.expiry[t]:
                sums = _sums(inputs, t, before, reach, least)
                out[j, t, 10:24] = sums if j == 0 else [NAN] * N_GREEKS + sums[N_GREEKS:]
                out[j, t, 24:] = _smile(inputs, t, before, wings[t] - wings[before])
    return out, wings


def _prices(inputs: SessionInputs, t: int, lag: int) -> list[float]:
    legs = np.full((3, 2, 2), np.nan)
    same = inputs.expiry[: t + 1] == inputs.expiry[t]
    for a in range(3):
        k = inputs.strikes[t, a]
        if k < 0:
            continue
        for leg in (CE, PE):
            close = inputs.chain_close[: t + 1, k, leg]
            known = np.flatnonzero(same[: t - lag + 1] & (close[: t - lag + 1] > 0))
            legs[a, leg, 0] = close[t] if close[t] > 0 else NAN
            legs[a, leg, 1] = close[known[-1]] if known.size else NAN
    straddles = [log_return(*legs[a].sum(axis=0)) for a in range(3)]
    return [*straddles, *(log_return(*legs[a, leg]) for leg in (CE, PE) for a in range(3))]


def _sums(inputs: SessionInputs, t: int, before: int, reach: int, least: int) -> list[float]:
    """Four exposures of calls and of puts, open interest of both, prices of both, both ratios [14]."""
    held = inputs.around[t, ATM - reach : ATM + reach + 1]
    held = held[held >= 0]

    def total(values: Floats) -> tuple[float, float]:
        both = values[:, np.isfinite(values).all(axis=0)]
        if both.shape[1] < least:
            return NAN, NAN
        now, past = np.cumsum(both, axis=1)[:, -1]
        return float(now), float(past)

    exposures, oi_sums, price_sums = [], [], []
    rows = [t, before]
    for leg in (CE, PE):
        oi, close = inputs.chain_oi[rows][:, held, leg], inputs.chain_close[rows][:, held, leg]
        oi, close = np.where(oi >= 0, oi, NAN), np.where(close > 0, close, NAN)
        oi_sums.append(total(oi))
        price_sums.append(total(close))
        for greek in (inputs.delta, inputs.gamma, inputs.theta, inputs.vega):
            values = greek[rows][:, held, leg]
            # a strike without open interest at one of the minutes counts for no quantity of it
            now, past = total(np.where(np.isfinite(oi).all(axis=0), oi * values, NAN))
            exposures.append(to_bits(now) - to_bits(past))
    ratios = []
    for (calls, calls_before), (puts, puts_before) in (oi_sums, price_sums):
        known = calls > 0 and calls_before > 0
        ratios.append(puts / calls - puts_before / calls_before if known else NAN)
    return [*exposures, *(now - past for now, past in oi_sums), *(log_return(*pair) for pair in price_sums), *ratios]


def _pair(inputs: SessionInputs, t: int, role: int, k: int) -> float:
    """Mean volatility of both legs; NaN with one missing."""
    return NAN if k < 0 else 0.5 * float(inputs.volatility[t, role, k, 0] + inputs.volatility[t, role, k, 1])


def _at_the_money(inputs: SessionInputs, t: int, strikes: tuple[int, ...]) -> float:
    middle, low, high = strikes
    here = _pair(inputs, t, NEAR, middle)
    if math.isfinite(here) or min(strikes) < 0:
        return here
    at, left, right = np.log(inputs.strikes_listed[[middle, low, high]])
    below = _pair(inputs, t, NEAR, low)
    return float(below + (_pair(inputs, t, NEAR, high) - below) * (at - left) / (right - left))


def _wings(inputs: SessionInputs, t: int, target: float, least: int) -> list[float]:
    """Volatility of the out-of-the-money put and call at |delta| ``target``."""
    forward = inputs.forward[t]
    if not forward > 0:
        return [NAN, NAN]
    found, count = {}, 0
    for leg in (CE, PE):
        outside = inputs.strikes_listed >= forward if leg == CE else inputs.strikes_listed < forward
        size, iv = np.abs(inputs.delta[t, :, leg]), inputs.volatility[t, NEAR, :, leg]
        at = np.flatnonzero(outside & np.isfinite(size) & np.isfinite(iv))
        at = at if leg == CE else at[::-1]
        count += at.size
        found[leg] = NAN
        for inner, outer in pairwise(at):
            if size[outer] <= target < size[inner]:
                share = (size[inner] - target) / (size[inner] - size[outer])
                found[leg] = iv[inner] + (iv[outer] - iv[inner]) * share
                break
    return [on_grid(found[PE]), on_grid(found[CE])] if count >= least else [NAN, NAN]


def _smile(inputs: SessionInputs, t: int, before: int, wings: Floats) -> list[float]:
    """Volatility at ATM, ITM1 and OTM1, both skews and the term slope [6]."""
    strikes = tuple(inputs.strikes[t].tolist())
    atm, atm_before = (on_grid(_at_the_money(inputs, row, strikes)) for row in (t, before))
    sides = [on_grid(_pair(inputs, t, NEAR, k)) - on_grid(_pair(inputs, before, NEAR, k)) for k in strikes[1:]]
    term = NAN
    if 0 <= inputs.days[t, NEXT] == inputs.days[before, NEXT]:
        k = int(inputs.at_money[t, NEXT])
        further, further_before = (on_grid(_pair(inputs, row, NEXT, k)) for row in (t, before))
        term = further / atm - further_before / atm_before
    moved = atm - atm_before
    return [moved, *sides, float(wings[0]) - moved, float(wings[1]) - moved, term]
