"""The inputs as an analyst makes them: frames widened with pandas, forwards, volatilities and Greeks with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEGS = ("ce", "pe")
FIELDS = ("open", "high", "low", "volume", "oi")
_YEAR = 365 * 1440.0
_EXPIRY_MINUTE = 930
_NEAR, _MOST_STEPS = 1e-8, 60
_LOWEST, _HIGHEST = 0.01, 3.0
_SIX_DIGITS = 2.0**33 + 1.0
"""A volatility is read to twenty bits (``features.inputs``)."""


def inputs(rows: Any, step: float) -> dict[str, Floats]:
    """Volatilities [M, 3, K, 2] of the nearest, next and far expiry, and the nearest's fields and Greeks [M, K, 2].

    ``rows`` of core/option_chain as a frame whose cells are all quoted; ``step`` points between strikes.
    """
    wanted = ["ts", "expiry", "strike", *(f"{leg}_close" for leg in LEGS)]
    wide = rows[wanted].set_index(["ts", "expiry", "strike"]).unstack(["expiry", "strike"])
    minutes, strikes = wide.index, np.sort(rows["strike"].unique())
    expiries = np.sort(rows["expiry"].unique())
    shape = (len(minutes), len(expiries), len(strikes))
    close = np.stack([wide[f"{leg}_close"].to_numpy().reshape(shape) for leg in LEGS], axis=-1)
    near = rows[rows["expiry"] == expiries[0]]
    out: dict[str, Floats] = {}
    for name in FIELDS:
        legs = [near.pivot(index="ts", columns="strike", values=f"{leg}_{name}").to_numpy(float) for leg in LEGS]
        out[f"chain_{name}"] = np.stack(legs, axis=-1)
    forward = _forwards(close, strikes, step)
    local = minutes.tz_convert("Asia/Kolkata").tz_localize(None)
    closed = (local - local.normalize()).total_seconds().to_numpy() / 60 + 1
    days = (np.array(expiries, "datetime64[D]") - np.datetime64(local[0], "D")).astype(int)
    years = (days[None, :] * 1440 + _EXPIRY_MINUTE - closed[:, None]) / _YEAR
    far = next(i for i in range(2, len(expiries)) if _last_of_month(i, expiries))
    roles = [0, 1, far]
    out["forwards"], out["years"] = forward[:, roles], years[:, roles]
    of_roles = (out["forwards"][:, :, None, None], strikes[:, None], out["years"][:, :, None, None])
    volatility = implied_volatility(close[:, roles], *of_roles)
    volatility = volatility * _SIX_DIGITS - (volatility * _SIX_DIGITS - volatility)
    out["volatility"] = np.where((volatility < _LOWEST) | (volatility > _HIGHEST), np.nan, volatility)
    return out | _greeks(of_roles[0][:, 0], strikes[:, None], of_roles[2][:, 0], out["volatility"][:, 0])


def _last_of_month(i: int, expiries: Any) -> bool:
    months = [str(np.datetime64(e, "M")) for e in expiries]
    return i == len(months) - 1 or months[i + 1] != months[i]


def _forwards(close: Floats, strikes: Floats, step: float) -> Floats:
    """Median of strike plus call less put around the strike where they are closest [M, E]."""
    calls, puts = close[..., 0], close[..., 1]
    nearest = strikes[np.argmin(np.abs(calls - puts), axis=-1)][..., None]
    steps = np.abs(strikes - nearest)
    around = (steps <= 5 * step) & (steps > 0)
    return np.asarray(np.nanmedian(np.where(around, strikes + calls - puts, np.nan), axis=-1))


def implied_volatility(price: Floats, forward: Floats, strike: Floats, years: Floats) -> Floats:
    """Newton's method on the time value, from the volatility of greatest vega, whence it converges.

    S. Manaster and G. Koehler, The calculation of implied variances from the Black-Scholes model (1982).
    """
    from scipy.special import ndtr

    sign = np.array([1.0, -1.0])
    value = price - np.maximum(sign * (forward - strike), 0.0)
    least = 8 * np.finfo(float).eps * np.maximum(forward, strike)
    known = (value > least) & (price < np.where(sign > 0, forward, strike))
    f, k, root = (np.broadcast_to(one, price.shape)[known] for one in (forward, strike, np.sqrt(years)))
    value, side, distance = value[known], np.where(f < k, 1.0, -1.0), np.log(f / k)
    sigma = np.maximum(np.sqrt(2 * np.abs(distance)) / root, 0.05)
    for _ in range(_MOST_STEPS):
        d1 = distance / (sigma * root) + sigma * root / 2
        model = side * (f * ndtr(side * d1) - k * ndtr(side * (d1 - sigma * root)))
        move = (model - value) / (f * np.exp(-d1 * d1 / 2) / np.sqrt(2 * np.pi) * root)
        sigma = sigma - move
        if np.abs(move).max() < _NEAR:
            break
    out = np.full(price.shape, np.nan)
    out[known] = sigma
    return out


def _greeks(forward: Floats, strike: Floats, years: Floats, volatility: Floats) -> dict[str, Floats]:
    from scipy.special import ndtr

    sign, root = np.array([1.0, -1.0]), np.sqrt(years)
    d1 = np.log(forward / strike) / (volatility * root) + volatility * root / 2
    d2 = d1 - volatility * root
    density = np.exp(-d1 * d1 / 2) / np.sqrt(2 * np.pi)
    vega = forward * density * root / 100
    return {
        "delta": sign * ndtr(sign * d1),
        "gamma": density / (forward * volatility * root),
        "theta": -forward * density * volatility / (2 * root) / 365,
        "vega": vega,
        "vanna": -density * d2 / volatility / 100,
        "charm": density * d2 / (2 * years) / 365,
        "volga": vega * d1 * d2 / volatility / 100,
    }
