"""Implied volatility in Black's model, compiled: many options at once, and one by one where that does not arrive.

Solved is the value of the out-of-the-money option in units of sqrt(FK), as a function of s = volatility * sqrt(years).
Every option starts from its own price, not from the minute before: so its answer does not depend on its neighbours, nor
on where a batch begins.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.kernels.cpu.lanes import LANES, copy
from mr_platform.kernels.cpu.normal import ROOT_TWO_PI, bachelier_deviation, exp, log, mills, mills_by
from mr_platform.kernels.reference.black76 import RESOLUTION

_MOST_STEPS = 60
_VECTOR_STEPS = 6
_CLOSE_ENOUGH = 1e-6
"""A Halley step this small (relative) leaves an error of its cube: below the last bit."""
_NEAR_ENOUGH = 1e-4
"""A step of the fourth order this small leaves an error of its fourth power."""


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


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _start_lanes(work: np.ndarray) -> None:
    """Start values for LANES options; rows as in ``_implied_lanes``.

    Bachelier's model in units of sqrt(FK), where the option is 2 sinh(|x|/2) out of the money, and the first terms of
    Black's deviation in Bachelier's: within 1e-5 for the options of a usual chain.
    """
    for j in range(LANES):
        beta, x = work[j], work[LANES + j]
        x2 = x * x
        # a little further out, lest at the money a nothing be divided by a nothing
        normal = bachelier_deviation(beta, -x * (1.0 + x2 * (1.0 / 24.0 + x2 * (1.0 / 1920.0))) + 1e-8 * beta)
        work[2 * LANES + j] = normal * (1.0 + (normal * normal - x2) * (1.0 / 24.0))
        work[3 * LANES + j] = exp(0.5 * x)
        work[4 * LANES + j] = 0.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _step_lanes(work: np.ndarray) -> None:
    """One step towards ln b(s) = ln beta for LANES options, of fourth order (Householder 1970) where that is safe.

    A lane that has arrived stays, whatever its neighbours do. Divisions, the dearest operation, are taken together, and
    the logarithm of the ratio is the first terms of its series: exact where it is small, which is where it counts.
    """
    for j in range(LANES):
        beta, x, s, ceiling = work[j], work[LANES + j], work[2 * LANES + j], work[3 * LANES + j]
        arrived = work[4 * LANES + j] > 0.0
        inverse = 1.0 / s
        at = x * inverse
        d1, d2 = at + 0.5 * s, 0.5 * s - at
        near_d = abs(d1)
        one, other = (near_d + 5.0) * (near_d + 1.0), (d2 + 5.0) * (d2 + 1.0)
        both = 1.0 / (one * other)
        density = ceiling * exp(-0.5 * d1 * d1) * (1.0 / ROOT_TWO_PI)
        near, far = density * mills_by(near_d, both * other), density * mills_by(d2, both * one)
        b = near - far if d1 <= 0.0 else ceiling - near - far
        product, total = b * density, b + beta
        either = 1.0 / (product * total)
        apart = (beta - b) * (either * product)
        apart2 = apart * apart
        log_ratio = 2.0 * apart * (1.0 + apart2 * (1.0 / 3.0 + apart2 * (0.2 + apart2 * (1.0 / 7.0))))
        slope = density * density * (either * total)
        newton = log_ratio * b * b * (either * total)
        narrow = at * inverse
        bend = narrow * at - 0.25 * s
        second = bend - slope
        third = bend * bend - 3.0 * narrow * narrow - 0.25 + slope * (2.0 * slope - 3.0 * bend)
        halley = 1.0 + 0.5 * newton * second
        bottom = 1.0 + newton * (second + newton * third * (1.0 / 6.0))
        safe = halley > 0.5 and bottom > 0.5
        step = newton * (halley if safe else 1.0) / (bottom if safe else (halley if halley > 0.5 else 0.5))
        work[2 * LANES + j] = s if arrived else s + step
        work[4 * LANES + j] = 1.0 if arrived or (safe and abs(newton) <= _NEAR_ENOUGH * s) else 0.0


@njit(cache=True, error_model="numpy")
def _arrived_lanes(work: np.ndarray) -> int:
    """How many of LANES options have arrived, or have no solution."""
    count = 0
    for j in range(LANES):
        count += 1 if work[4 * LANES + j] > 0.0 or work[j] != work[j] else 0
    return count


@njit(cache=True, error_model="numpy")
def _implied_lanes(work: np.ndarray) -> None:
    """``_implied`` for LANES options at once, in units of s = volatility * sqrt(years).

    ``work`` holds rows of LANES values: the time value over sqrt(FK) (NaN: no solution), x = -|ln(F/K)|, then s (the
    answer; NaN where vector steps did not arrive), and two rows of its own.
    """
    _start_lanes(work)
    for _ in range(_VECTOR_STEPS):
        _step_lanes(work)
        if _arrived_lanes(work) == LANES:
            break
    for j in range(LANES):
        s = work[2 * LANES + j]
        work[2 * LANES + j] = s if work[4 * LANES + j] > 0.0 else np.nan


@njit(cache=True, error_model="numpy", inline="always")
def _time_value(premium: float, f: float, k: float, is_put: float) -> float:
    """Premium above intrinsic value; NaN outside the no-arbitrage bounds."""
    larger = f if f > k else k
    in_the_money = (k - f if k > f else 0.0) if is_put > 0.0 else (f - k if f > k else 0.0)
    bound = k if is_put > 0.0 else f
    left = premium - in_the_money
    return left if left > RESOLUTION * larger and premium < bound else np.nan


@njit(cache=True, error_model="numpy")
def _value_lanes(work: np.ndarray) -> None:
    """From premium, forward, strike, years and leg (rows 5 to 9) the first two rows of ``_implied_lanes``, and
    1 / sqrt(years) into row 8."""
    for j in range(LANES):
        f, k, t = work[6 * LANES + j], work[7 * LANES + j], work[8 * LANES + j]
        moneyness = log(f / k)
        value = _time_value(work[5 * LANES + j], f, k, work[9 * LANES + j]) / np.sqrt(f * k)
        work[j] = value if f > 0.0 and k > 0.0 and t > 0.0 else np.nan
        work[LANES + j] = -abs(moneyness)
        work[8 * LANES + j] = 1.0 / np.sqrt(t)


@njit(cache=True, error_model="numpy")
def _chain_value_lanes(f: float, log_f: float, scale: float, work: np.ndarray) -> None:
    """``_value_lanes`` for one forward: from premium, strike, ln K, 1 / sqrt(K) and leg (rows 5 to 9)."""
    for j in range(LANES):
        value = _time_value(work[5 * LANES + j], f, work[6 * LANES + j], work[9 * LANES + j])
        work[j] = value * (scale * work[8 * LANES + j])
        work[LANES + j] = -abs(log_f - work[7 * LANES + j])


@njit(cache=True, error_model="numpy")
def solve(v: np.ndarray, f: np.ndarray, k: np.ndarray, t: np.ndarray, leg: np.ndarray) -> np.ndarray:
    """Implied volatility of options given one by one, all arrays [N]."""
    out = np.empty(v.size)
    work = np.full(10 * LANES, np.nan)
    for first in range(0, v.size, LANES):
        count = min(LANES, v.size - first)
        work[5 * LANES : 6 * LANES] = np.nan
        copy(v[first : first + count], work[5 * LANES :])
        copy(f[first : first + count], work[6 * LANES :])
        copy(k[first : first + count], work[7 * LANES :])
        copy(t[first : first + count], work[8 * LANES :])
        copy(leg[first : first + count], work[9 * LANES :])
        _value_lanes(work)
        _implied_lanes(work)
        for j in range(count):
            s = work[2 * LANES + j]
            out[first + j] = s * work[8 * LANES + j]
            if np.isnan(s) and not np.isnan(work[j]):
                i = first + j
                value = _time_value(v[i], f[i], k[i], leg[i])
                out[i] = _implied(value, f[i], k[i], math.log(f[i] / k[i]), t[i])
    return out


@njit(cache=True, error_model="numpy")
def solve_chain(
    close: np.ndarray, forward: np.ndarray, strikes: np.ndarray, years: np.ndarray, out: np.ndarray
) -> None:
    """Implied volatility of a dense chain: ``close`` and ``out`` [D, M, E, N], call and put of a strike side by side,
    ``strikes`` [N], ``forward`` and ``years`` [D, M, E]."""
    days, minutes, expiries, n = close.shape
    log_strikes = np.log(np.where(strikes > 0.0, strikes, np.nan))
    inverse_roots = 1.0 / np.sqrt(strikes)
    prices, found = close.reshape(-1), out.reshape(-1)
    work = np.full(10 * LANES, np.nan)
    for j in range(LANES):
        work[9 * LANES + j] = j % 2
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
                row = ((d * minutes + m) * expiries + e) * n
                for first in range(0, n, LANES):
                    count = min(LANES, n - first)
                    work[5 * LANES : 6 * LANES] = np.nan
                    copy(prices[row + first : row + first + count], work[5 * LANES :])
                    copy(strikes[first : first + count], work[6 * LANES :])
                    copy(log_strikes[first : first + count], work[7 * LANES :])
                    copy(inverse_roots[first : first + count], work[8 * LANES :])
                    _chain_value_lanes(f, log_f, scale, work)
                    _implied_lanes(work)
                    for j in range(count):
                        s = work[2 * LANES + j]
                        found[row + first + j] = s * per_year
                        if np.isnan(s) and not np.isnan(work[j]):
                            k = strikes[first + j]
                            value = _time_value(prices[row + first + j], f, k, j % 2)
                            found[row + first + j] = _implied(value, f, k, log_f - log_strikes[first + j], t)
