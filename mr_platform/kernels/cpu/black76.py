"""Black-76, compiled; see ``reference.black76`` for the meaning, units and NaN rule of each function.

Both tails come from one exponential, because F n(d1) = K n(d2). Logarithms are taken once a minute and once a strike.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.kernels.cpu.normal import ROOT_TWO_PI, exp, log, mills, short_exp, short_mills
from mr_platform.kernels.reference.black76 import DAYS, RESOLUTION, VOL_POINT, ChainGreeks, Greeks

LANES = 128
"""Options that one pass of the vector loop takes: about both legs of an expiry's strikes, for every pass begins by
loading some forty constants. Even, so that a lane's parity is its leg."""
_MOST_STEPS = 60
_VECTOR_STEPS = 6
_CLOSE_ENOUGH = 1e-6
"""A Halley step this small (relative) leaves an error of its cube: below the last bit."""


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
    return np.asarray(_implied_volatility(*flat)).reshape(shape)


def chain_greeks(forward: np.ndarray, strikes: np.ndarray, years: np.ndarray, volatility: np.ndarray) -> ChainGreeks:
    years = np.ascontiguousarray(np.broadcast_to(years, forward.shape))
    shape = volatility.shape
    legs = np.ascontiguousarray(volatility).reshape(*shape[:3], -1)
    found = np.empty((len(ChainGreeks._fields), *legs.shape))
    _chain_greeks(np.ascontiguousarray(forward), np.repeat(strikes, 2), years, legs, found)
    return ChainGreeks(*found.reshape(len(found), *shape))


def chain_implied_volatility(
    close: np.ndarray, forward: np.ndarray, strikes: np.ndarray, years: np.ndarray
) -> np.ndarray:
    years = np.ascontiguousarray(np.broadcast_to(years, forward.shape))
    out = np.empty(close.shape)
    _chain_implied_volatility(np.ascontiguousarray(close), np.ascontiguousarray(forward), strikes, years, out)
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
                    _copy(given[row + first : row + first + count], work)
                    _copy(log_strikes[first : first + count], work[LANES:])
                    _greeks_of_lanes(f, t, work)
                    for g in range(7):
                        lanes = work[(3 + g) * LANES : (3 + g) * LANES + count]
                        _copy(lanes, found[g, row + first :])


@njit(cache=True, error_model="numpy")
def _copy(values: np.ndarray, into: np.ndarray) -> None:
    for j in range(values.size):
        into[j] = values[j]


@njit(cache=True, error_model="numpy")
def _implied(time_value: float, f: float, k: float, log_moneyness: float, t: float) -> float:
    """Volatility of the out-of-the-money option whose value is ``time_value`` > 0.

    In units of sqrt(FK) the value is b(s) with x = -|ln(F/K)|; it bends at s = sqrt(2|x|). Halley's method, on ln b
    below the bend and on b above it, inside a bracket that halves whenever a step leaves it (after Jaeckel, "Let's be
    rational", Wilmott 2015, whose start values this simplifies).
    """
    x = -abs(log_moneyness)
    beta = time_value / math.sqrt(f * k)
    ceiling = math.exp(0.5 * x)
    bend = math.sqrt(-2.0 * x)
    at_bend = ceiling * (0.5 - mills(bend) / ROOT_TWO_PI)
    below = beta < at_bend
    log_beta = math.log(beta)
    if below:
        s = -x / math.sqrt(-0.5 * x + 2.0 * (math.log(at_bend) - log_beta))
        low, high = 0.0, bend
    else:
        s = bend + (beta - at_bend) * ROOT_TWO_PI / ceiling
        low, high = bend, 100.0
    for _ in range(_MOST_STEPS):
        d1 = x / s + 0.5 * s
        d2 = d1 - s
        density = ceiling * math.exp(-0.5 * d1 * d1) / ROOT_TWO_PI
        if d1 <= 0.0:
            b = density * (mills(-d1) - mills(-d2))
        else:
            b = ceiling - density * (mills(d1) + mills(-d2))
        if b < beta:
            low = s
        else:
            high = s
        curvature = x * x / (s * s * s) - 0.25 * s
        if below:
            slope = density / b
            newton = (log_beta - math.log(b)) / slope
            curvature -= slope
        else:
            newton = (beta - b) / density
        step = newton / max(1.0 + 0.5 * newton * curvature, 0.5)
        stepped = s + step
        if not (low < stepped < high):
            if abs(step) <= _CLOSE_ENOUGH * s:
                break
            stepped = 0.5 * (low + high)
        s = stepped
        if abs(step) <= _CLOSE_ENOUGH * s:
            break
    return s / math.sqrt(t)


@njit(cache=True, error_model="numpy")
def _start_lanes(work: np.ndarray) -> None:
    """Start values of ``_implied`` for LANES options; rows as in ``_implied_lanes``."""
    for j in range(LANES):
        beta, x = work[j], work[LANES + j]
        ceiling = exp(0.5 * x)
        bend = np.sqrt(-2.0 * x)
        at_bend = ceiling * (0.5 - mills(bend) * (1.0 / ROOT_TWO_PI))
        ratio = at_bend / beta
        below = ratio > 1.0
        excess = log(ratio if below else 1.0)
        low = -x / np.sqrt(2.0 * excess - 0.5 * x)
        high = bend + (beta - at_bend) * ROOT_TWO_PI / ceiling
        work[2 * LANES + j] = low if below else high
        work[3 * LANES + j] = ceiling
        work[4 * LANES + j] = 1.0 if below else 0.0
        work[5 * LANES + j] = 0.0


@njit(cache=True, error_model="numpy")
def _step_lanes(work: np.ndarray) -> None:
    """One Halley step of ``_implied`` for LANES options. A lane that has arrived stays, whatever its neighbours do."""
    for j in range(LANES):
        beta, x, s, ceiling = work[j], work[LANES + j], work[2 * LANES + j], work[3 * LANES + j]
        below = work[4 * LANES + j] > 0.0
        arrived = work[5 * LANES + j] > 0.0
        inverse = 1.0 / s
        at = x * inverse
        d1 = at + 0.5 * s
        d2 = d1 - s
        density = ceiling * exp(-0.5 * d1 * d1) * (1.0 / ROOT_TWO_PI)
        near, far = density * mills(abs(d1)), density * mills(abs(d2))
        b = near - far if d1 <= 0.0 else ceiling - near - far
        bend = at * at * inverse - 0.25 * s
        slope = density / b
        on_log = log(beta / b) / slope
        on_value = (beta - b) / density
        newton = on_log if below else on_value
        curvature = bend - slope if below else bend
        slowed = 1.0 + 0.5 * newton * curvature
        step = newton / (slowed if slowed > 0.5 else 0.5)
        stepped = s if arrived else s + step
        work[2 * LANES + j] = stepped
        work[5 * LANES + j] = 1.0 if arrived or abs(step) <= _CLOSE_ENOUGH * s else 0.0


@njit(cache=True, error_model="numpy")
def _implied_lanes(work: np.ndarray, count: int) -> None:
    """``_implied`` for ``count`` <= LANES options at once, in units of s = volatility * sqrt(years).

    ``work`` holds rows of LANES values: the time value over sqrt(FK) (NaN: no solution), x = -|ln(F/K)|, then s (the
    answer; NaN where vector steps did not arrive), and three rows of their own.
    """
    for j in range(count, LANES):
        work[j] = np.nan
        work[LANES + j] = -1.0
    _start_lanes(work)
    for _ in range(_VECTOR_STEPS):
        _step_lanes(work)
        waiting = 0.0
        for j in range(count):
            waiting += 1.0 - work[5 * LANES + j] if work[j] == work[j] else 0.0
        if waiting == 0.0:
            break
    for j in range(count):
        if work[5 * LANES + j] == 0.0:
            work[2 * LANES + j] = np.nan


@njit(cache=True, error_model="numpy", inline="always")
def _time_value(premium: float, f: float, k: float, is_put: float) -> float:
    """Premium above intrinsic value; NaN outside the no-arbitrage bounds."""
    intrinsic = max(f - k, 0.0) if is_put == 0.0 else max(k - f, 0.0)
    bound = f if is_put == 0.0 else k
    left = premium - intrinsic
    return left if left > RESOLUTION * max(f, k) and premium < bound else np.nan


@njit(cache=True, error_model="numpy")
def _implied_volatility(v: np.ndarray, f: np.ndarray, k: np.ndarray, t: np.ndarray, leg: np.ndarray) -> np.ndarray:
    out = np.empty(v.size)
    work = np.empty(6 * LANES)
    moneyness = np.empty(LANES)
    values = np.empty(LANES)
    for first in range(0, v.size, LANES):
        count = min(LANES, v.size - first)
        for j in range(count):
            i = first + j
            usable = f[i] > 0 and k[i] > 0 and t[i] > 0
            moneyness[j] = math.log(f[i] / k[i]) if usable else np.nan
            values[j] = _time_value(v[i], f[i], k[i], leg[i]) if usable else np.nan
            work[j] = values[j] / math.sqrt(f[i] * k[i])
            work[LANES + j] = -abs(moneyness[j])
        _implied_lanes(work, count)
        for j in range(count):
            i = first + j
            s = work[2 * LANES + j]
            out[i] = s / math.sqrt(t[i])
            if np.isnan(s) and not np.isnan(values[j]):
                out[i] = _implied(values[j], f[i], k[i], moneyness[j], t[i])
    return out


@njit(cache=True, error_model="numpy")
def _chain_implied_volatility(
    close: np.ndarray, forward: np.ndarray, strikes: np.ndarray, years: np.ndarray, out: np.ndarray
) -> None:
    days, minutes, expiries, n_strikes, _ = close.shape
    log_strikes = np.log(np.where(strikes > 0.0, strikes, np.nan))
    roots = np.sqrt(strikes)
    work = np.empty(6 * LANES)
    for d in range(days):
        for m in range(minutes):
            for e in range(expiries):
                f, t = forward[d, m, e], years[d, m, e]
                if not (f > 0 and t > 0):
                    out[d, m, e] = np.nan
                    continue
                log_f = math.log(f)
                scale = 1.0 / math.sqrt(f)
                per_year = 1.0 / math.sqrt(t)
                prices, found = close[d, m, e], out[d, m, e]
                for first in range(0, n_strikes, LANES // 2):
                    strikes_here = min(LANES // 2, n_strikes - first)
                    for j in range(2 * strikes_here):
                        k, leg = first + j // 2, j % 2
                        work[j] = _time_value(prices[k, leg], f, strikes[k], leg) * scale / roots[k]
                        work[LANES + j] = -abs(log_f - log_strikes[k])
                    _implied_lanes(work, 2 * strikes_here)
                    for j in range(2 * strikes_here):
                        k, leg = first + j // 2, j % 2
                        s = work[2 * LANES + j]
                        found[k, leg] = s * per_year
                        if np.isnan(s) and not np.isnan(work[j]):
                            value = _time_value(prices[k, leg], f, strikes[k], leg)
                            found[k, leg] = _implied(value, f, strikes[k], log_f - log_strikes[k], t)
