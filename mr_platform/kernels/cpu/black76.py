"""Black-76, compiled; see ``reference.black76`` for the meaning, units and NaN rule of each function.

Both tails come from one exponential, because F n(d1) = K n(d2). Logarithms are taken once a minute and once a strike.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.kernels.cpu.implied import solve, solve_chain
from mr_platform.kernels.cpu.lanes import LANES, copy
from mr_platform.kernels.cpu.normal import ROOT_TWO_PI, exp, mills, short_exp, short_mills
from mr_platform.kernels.reference.black76 import DAYS, VOL_POINT, ChainGreeks, Greeks


def _flat(*arguments: np.ndarray) -> tuple[list[np.ndarray], tuple[int, ...]]:
    """The arguments broadcast together as contiguous float64 [N], and their common shape."""
    together = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in arguments))
    return [np.ascontiguousarray(a).reshape(-1) for a in together], together[0].shape


def price(
    forward: np.ndarray, strike: np.ndarray, years: np.ndarray, volatility: np.ndarray, leg: np.ndarray
) -> np.ndarray:
    flat, shape = _flat(forward, strike, years, volatility, leg)
    return np.asarray(_price(*flat)).reshape(shape)


def greeks(
    forward: np.ndarray, strike: np.ndarray, years: np.ndarray, volatility: np.ndarray, leg: np.ndarray
) -> Greeks:
    flat, shape = _flat(forward, strike, years, volatility, leg)
    return Greeks(*_greeks(*flat).reshape(len(Greeks._fields), *shape))


def implied_volatility(
    premium: np.ndarray, forward: np.ndarray, strike: np.ndarray, years: np.ndarray, leg: np.ndarray
) -> np.ndarray:
    flat, shape = _flat(premium, forward, strike, years, leg)
    return np.asarray(solve(*flat)).reshape(shape)


def _of_shape(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A copy: what broadcasting leaves read-only would be another type, whose code may round otherwise."""
    out = np.empty(shape)
    out[...] = values
    return out


def chain_greeks(forward: np.ndarray, strikes: np.ndarray, years: np.ndarray, volatility: np.ndarray) -> ChainGreeks:
    shape = volatility.shape
    legs = np.ascontiguousarray(volatility).reshape(*shape[:3], -1)
    found = np.empty((len(ChainGreeks._fields), *legs.shape))
    _chain_greeks(np.ascontiguousarray(forward), np.repeat(strikes, 2), _of_shape(years, forward.shape), legs, found)
    return ChainGreeks(*found.reshape(len(found), *shape))


def chain_implied_volatility(
    close: np.ndarray, forward: np.ndarray, strikes: np.ndarray, years: np.ndarray
) -> np.ndarray:
    years = _of_shape(years, forward.shape)
    out = np.empty(close.shape)
    legs = np.ascontiguousarray(close).reshape(*forward.shape, -1)
    solve_chain(legs, np.ascontiguousarray(forward), np.repeat(strikes, 2), years, out.reshape(legs.shape))
    return out


@njit(cache=True, error_model="numpy")
def _price(f: np.ndarray, k: np.ndarray, t: np.ndarray, sigma: np.ndarray, leg: np.ndarray) -> np.ndarray:
    out = np.empty(f.size)
    for i in range(f.size):
        if not (f[i] > 0 and k[i] > 0 and t[i] > 0 and sigma[i] > 0):
            out[i] = np.nan
            continue
        s = sigma[i] * math.sqrt(t[i])
        d1 = math.log(f[i] / k[i]) / s + 0.5 * s
        d2 = d1 - s
        density = exp(-0.5 * d1 * d1) / ROOT_TWO_PI
        tail1 = density * mills(abs(d1))
        tail2 = exp(-0.5 * d2 * d2) / ROOT_TWO_PI * mills(abs(d2))
        sign = 1.0 - 2.0 * leg[i]
        n1 = tail1 if sign * d1 < 0 else 1.0 - tail1
        n2 = tail2 if sign * d2 < 0 else 1.0 - tail2
        out[i] = sign * (f[i] * n1 - k[i] * n2)
    return out


@njit(cache=True, error_model="numpy")
def _greeks(f: np.ndarray, k: np.ndarray, t: np.ndarray, sigma: np.ndarray, leg: np.ndarray) -> np.ndarray:
    out = np.full((11, f.size), np.nan)
    for i in range(f.size):
        if not (f[i] > 0 and k[i] > 0 and t[i] > 0 and sigma[i] > 0):
            continue
        root = math.sqrt(t[i])
        s = sigma[i] * root
        d1 = math.log(f[i] / k[i]) / s + 0.5 * s
        d2 = d1 - s
        density = exp(-0.5 * d1 * d1) / ROOT_TWO_PI
        tail1 = density * mills(abs(d1))
        tail2 = exp(-0.5 * d2 * d2) / ROOT_TWO_PI * mills(abs(d2))
        sign = 1.0 - 2.0 * leg[i]
        n1 = tail1 if sign * d1 < 0 else 1.0 - tail1
        n2 = tail2 if sign * d2 < 0 else 1.0 - tail2
        gamma = density / (f[i] * s)
        vega = f[i] * density * root
        out[0, i] = sign * n1
        out[1, i] = gamma
        out[2, i] = -f[i] * density * sigma[i] / (2.0 * root) / DAYS
        out[3, i] = vega * VOL_POINT
        out[4, i] = sign * k[i] * t[i] * n2 / 100.0
        out[5, i] = -density * d2 / sigma[i] * VOL_POINT
        out[6, i] = density * d2 / (2.0 * t[i]) / DAYS
        out[7, i] = vega * d1 * d2 / sigma[i] * VOL_POINT**2
        out[8, i] = -gamma * (1.0 + d1 / s) / f[i]
        out[9, i] = gamma * (d1 * d2 - 1.0) / sigma[i] * VOL_POINT
        out[10, i] = gamma * (1.0 - d1 * d2) / (2.0 * t[i]) / DAYS
    return out


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _greeks_of_lanes(f: float, t: float, work: np.ndarray) -> None:
    """Greeks of LANES options of one minute and expiry.

    ``work`` holds rows of LANES values, one after the other: volatility, ln K, sign, then room for the seven Greeks.
    One array with constant distances, because only then can the compiler prove that rows do not overlap and emit
    vector instructions; ten separate pointers would need more checks than it is willing to make.
    Of fast maths only the fusing of a product with a sum is allowed, which leaves NaN what it is.
    """
    log_f = math.log(f)
    root = math.sqrt(t)
    inverse_root = 1.0 / root
    vega_scale = f * root * VOL_POINT
    theta_scale = -f / (2.0 * root) / DAYS
    charm_scale = 1.0 / (2.0 * t) / DAYS
    gamma_scale = inverse_root / f
    volga_scale = -f * root * VOL_POINT
    for j in range(LANES):
        v = work[j] if work[j] > 0.0 else np.nan
        sign = work[2 * LANES + j]
        inverse = 1.0 / v
        s = v * root
        d1 = (log_f - work[LANES + j]) * (inverse * inverse_root) + 0.5 * s
        d2 = d1 - s
        density = short_exp(-0.5 * d1 * d1) * (1.0 / ROOT_TWO_PI)
        tail = density * short_mills(abs(d1))
        across = density * d2
        vanna = across * (inverse * -VOL_POINT)
        work[3 * LANES + j] = sign * (tail if sign * d1 < 0.0 else 1.0 - tail)
        work[4 * LANES + j] = density * (inverse * gamma_scale)
        work[5 * LANES + j] = (theta_scale * v) * density
        work[6 * LANES + j] = vega_scale * density
        work[7 * LANES + j] = vanna
        work[8 * LANES + j] = across * charm_scale
        work[9 * LANES + j] = (volga_scale * d1) * vanna


@njit(cache=True, error_model="numpy")
def _chain_greeks(
    forward: np.ndarray, strikes: np.ndarray, years: np.ndarray, sigma: np.ndarray, out: np.ndarray
) -> None:
    days, minutes, expiries, n = sigma.shape
    log_strikes = np.log(np.where(strikes > 0.0, strikes, np.nan))
    found, given = out.reshape(7, -1), sigma.reshape(-1)
    work = np.full(10 * LANES, np.nan)
    for j in range(LANES):
        work[2 * LANES + j] = 1.0 - 2.0 * (j % 2)
    for d in range(days):
        for m in range(minutes):
            for e in range(expiries):
                f, t = forward[d, m, e], years[d, m, e]
                if not (f > 0 and t > 0):
                    out[:, d, m, e] = np.nan
                    continue
                row = ((d * minutes + m) * expiries + e) * n
                for first in range(0, n, LANES):
                    count = min(LANES, n - first)
                    copy(given[row + first : row + first + count], work)
                    copy(log_strikes[first : first + count], work[LANES:])
                    _greeks_of_lanes(f, t, work)
                    for g in range(7):
                        lanes = work[(3 + g) * LANES : (3 + g) * LANES + count]
                        copy(lanes, found[g, row + first :])
