"""Black-76: prices, Greeks and implied volatility of European options on a forward.

Black, F. (1976), "The pricing of commodity contracts", J. Financial Economics 3, 167-179; the second order as in
Haug, "The Complete Guide to Option Pricing Formulas" (2nd ed., 2007), ch. 2. Nothing is discounted (r = 0): the
forward already carries the financing, and a weekly index option's discount lies inside its tick.

With s = volatility * sqrt(years), d1 = ln(F/K)/s + s/2, d2 = d1 - s, n the normal density, N its integral:

========  ==========================================  ==============================
delta     +N(d1), -N(-d1)                             per unit of the forward
gamma     n(d1) / (F s)                               per index point
theta     -F n(d1) volatility / (2 sqrt T) / 365      rupees per calendar day
vega      F n(d1) sqrt T / 100                        rupees per vol point (0.01)
rho       +-K T N(+-d2) / 100                         rupees per 1 % of the rate, spot held (the forward moves)
vanna     -n(d1) d2 / volatility / 100                delta per vol point
charm     n(d1) d2 / (2 T) / 365                      delta per calendar day
volga     F n(d1) sqrt T d1 d2 / volatility / 10^4    vega per vol point
speed     -gamma (1 + d1 / s) / F                     gamma per index point
zomma     gamma (d1 d2 - 1) / volatility / 100        gamma per vol point
color     gamma (1 - d1 d2) / (2 T) / 365             gamma per calendar day
========  ==========================================  ==============================

All arguments broadcast together; ``leg`` is 0 for a call and 1 for a put. Where an argument is NaN, or forward, strike,
years or volatility is not positive, the answer is NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DAYS = 365.0
VOL_POINT = 0.01
ROOT_TWO_PI = 2.5066282746310002
RESOLUTION = 8 * np.finfo(float).eps
"""Time value below this share of the larger of forward and strike is rounding of the price, not information."""


class Greeks(NamedTuple):
    """First and second order Greeks in the units of the module's table, each of the arguments' common shape."""

    delta: np.ndarray
    gamma: np.ndarray
    theta: np.ndarray
    vega: np.ndarray
    rho: np.ndarray
    vanna: np.ndarray
    charm: np.ndarray
    volga: np.ndarray
    speed: np.ndarray
    zomma: np.ndarray
    color: np.ndarray


class ChainGreeks(NamedTuple):
    """The Greeks that components aggregate over a chain, each float64 [D, M, E, K, 2]."""

    delta: np.ndarray
    gamma: np.ndarray
    theta: np.ndarray
    vega: np.ndarray
    vanna: np.ndarray
    charm: np.ndarray
    volga: np.ndarray


def _positive(*arguments: np.ndarray) -> list[np.ndarray]:
    return [np.where(np.asarray(a, float) > 0, a, np.nan) for a in arguments]


def _integral(x: np.ndarray) -> np.ndarray:
    """N(x). SciPy is imported here: the compiled twin, which every tick loads, needs only names from this file."""
    from scipy.special import ndtr

    return np.asarray(ndtr(x))


def price(
    forward: np.ndarray, strike: np.ndarray, years: np.ndarray, volatility: np.ndarray, leg: np.ndarray
) -> np.ndarray:
    """Undiscounted premium in rupees."""
    f, k, t, sigma = _positive(forward, strike, years, volatility)
    sign = 1.0 - 2.0 * np.asarray(leg)
    s = sigma * np.sqrt(t)
    d1 = np.log(f / k) / s + s / 2
    return np.asarray(sign * (f * _integral(sign * d1) - k * _integral(sign * (d1 - s))))


def greeks(
    forward: np.ndarray, strike: np.ndarray, years: np.ndarray, volatility: np.ndarray, leg: np.ndarray
) -> Greeks:
    """Greeks of first and second order."""
    f, k, t, sigma, leg = np.broadcast_arrays(*_positive(forward, strike, years, volatility), leg)
    sign = 1.0 - 2.0 * leg
    root = np.sqrt(t)
    s = sigma * root
    d1 = np.log(f / k) / s + s / 2
    d2 = d1 - s
    density = np.exp(-d1 * d1 / 2) / ROOT_TWO_PI
    gamma = density / (f * s)
    vega = f * density * root
    return Greeks(
        delta=sign * _integral(sign * d1),
        gamma=gamma,
        theta=-f * density * sigma / (2 * root) / DAYS,
        vega=vega * VOL_POINT,
        rho=sign * k * t * _integral(sign * d2) / 100,
        vanna=-density * d2 / sigma * VOL_POINT,
        charm=density * d2 / (2 * t) / DAYS,
        volga=vega * d1 * d2 / sigma * VOL_POINT**2,
        speed=-gamma * (1 + d1 / s) / f,
        zomma=gamma * (d1 * d2 - 1) / sigma * VOL_POINT,
        color=gamma * (1 - d1 * d2) / (2 * t) / DAYS,
    )


def implied_volatility(
    premium: np.ndarray, forward: np.ndarray, strike: np.ndarray, years: np.ndarray, leg: np.ndarray
) -> np.ndarray:
    """Volatility (decimal per year) at which Black-76 gives the premium.

    NaN where there is none: at or below intrinsic value, at or above the forward (call) or the strike (put).
    Bisection to the last bit, on the time value (which put-call parity makes the premium of the out-of-the-money twin).
    """
    v, f, k, t, leg = np.broadcast_arrays(np.asarray(premium, float), *_positive(forward, strike, years), leg)
    call = leg == 0
    time_value = v - np.where(call, np.maximum(f - k, 0.0), np.maximum(k - f, 0.0))
    solvable = (time_value > RESOLUTION * np.maximum(f, k)) & (v < np.where(call, f, k))
    twin = np.where(f < k, 0, 1)
    low, high = np.zeros(v.shape), np.full(v.shape, 100.0) / np.sqrt(t)
    for _ in range(120):  # enough halvings for the least positive volatility in use
        middle = (low + high) / 2
        if np.all((middle == low) | (middle == high) | ~solvable):
            break
        above = price(f, k, t, middle, twin) > time_value
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.where(solvable, (low + high) / 2, np.nan)


def chain_greeks(forward: np.ndarray, strikes: np.ndarray, years: np.ndarray, volatility: np.ndarray) -> ChainGreeks:
    """Greeks of a dense chain, each leg from its own volatility.

    Shapes: ``forward`` and ``years`` [D, M, E], ``strikes`` [K], ``volatility`` [D, M, E, K, 2].
    """
    found = greeks(
        forward[..., None, None], strikes[:, None], years[..., None, None], volatility, np.arange(2.0)
    )._asdict()
    return ChainGreeks(**{name: found[name] for name in ChainGreeks._fields})


def chain_implied_volatility(
    close: np.ndarray, forward: np.ndarray, strikes: np.ndarray, years: np.ndarray
) -> np.ndarray:
    """Implied volatility of a dense chain [D, M, E, K, 2] from ``close`` [D, M, E, K, 2]; the rest as there."""
    return implied_volatility(close, forward[..., None, None], strikes[:, None], years[..., None, None], np.arange(2.0))
