"""Quantities of one smile in plain NumPy: the meaning is in ``smile``, whose compiled ones are compared with these."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from mr_platform.features.c4_iv_skew.state import Floats

PUT, CALL = -1.0, 1.0


class Smile(NamedTuple):
    """An expiry's out-of-the-money options by ascending strike [n].

    Column and leg in the chain, log-moneyness over root time, volatility, |delta|, side (-1 put, 1 call) and weight.
    """

    column: np.ndarray
    leg: np.ndarray
    x: Floats
    iv: Floats
    delta: Floats
    side: Floats
    weight: Floats


def atm_volatility(strikes: Floats, volatility: Floats, k: int, step: float) -> float:
    """At strike ``k`` of volatility [K, 2], else in log-moneyness between neighbours within one step that have both."""
    if k < 0:
        return float("nan")
    both = volatility.mean(axis=1)
    if np.isfinite(both[k]):
        return float(both[k])
    near = np.isfinite(both) & (np.abs(strikes - strikes[k]) <= step * (1 + 1e-9))
    low, high = np.flatnonzero(near[:k]), np.flatnonzero(near[k + 1 :]) + k + 1
    if not (low.size and high.size):
        return float("nan")
    ends = [low[-1], high[0]]
    return float(np.interp(np.log(strikes[k]), np.log(strikes[ends]), both[ends]))


def smile_of(strikes: Floats, volatility: Floats, forward: float, years: float, atm: float) -> Smile:
    """The smile of volatility [K, 2]; empty without a forward."""
    side = np.where(strikes < forward, PUT, CALL)
    leg = np.where(side == PUT, 1, 0)
    iv = volatility[np.arange(strikes.size), leg]
    there = np.flatnonzero(np.isfinite(iv) & (forward > 0) & (years > 0))
    side, leg, iv = side[there], leg[there], iv[there]
    root = np.sqrt(years)
    moneyness = np.log(strikes[there]) - np.log(forward)
    delta = ndtr(side * (0.5 * iv * root - moneyness / (iv * root)))
    weight = np.exp(-0.5 * (0.5 * atm * root - moneyness / (atm * root)) ** 2)
    return Smile(there, leg, moneyness / root, iv, delta, side, weight)


def wing(smile: Smile, side: float, delta: float, least: int) -> float:
    """Volatility of the side's option at |delta|, linear between the two that enclose it, going out from the money."""
    chosen = np.flatnonzero(smile.side == side)
    outward = chosen[::-1] if side == PUT else chosen
    beyond = np.flatnonzero(smile.delta[outward] <= delta)
    if smile.iv.size < least or beyond.size == 0 or beyond[0] == 0:
        return float("nan")
    inner, outer = outward[beyond[0] - 1], outward[beyond[0]]
    share = (delta - smile.delta[inner]) / (smile.delta[outer] - smile.delta[inner])
    return float(smile.iv[inner] + (smile.iv[outer] - smile.iv[inner]) * share)


def parabola(smile: Smile, least: int) -> tuple[float, float, float, float]:
    """Slope and second derivative at the forward, root mean square residual and R^2 of weighted least squares."""
    w = smile.weight
    if smile.iv.size < least or not w.sum() ** 2 >= 3 * (w**2).sum() or not w.sum() > 0:
        return (float("nan"),) * 4
    middle = np.average(smile.x, weights=w)
    width = np.sqrt(np.average((smile.x - middle) ** 2, weights=w))
    u, root = (smile.x - middle) / width, np.sqrt(w)
    level = np.average(smile.iv, weights=w)
    design = np.stack([np.ones(u.size), u, u**2], axis=1)
    coefficients = np.linalg.lstsq(design * root[:, None], (smile.iv - level) * root, rcond=None)[0]
    rest = smile.iv - level - design @ coefficients
    _, b, c = coefficients
    squares = np.average(rest**2, weights=w)
    return (
        float((b - 2 * c * middle / width) / width),
        float(2 * c / width**2),
        float(np.sqrt(squares)),
        float(1 - squares / np.average((smile.iv - level) ** 2, weights=w)),
    )


def side_slope(smile: Smile, side: float) -> float:
    """Slope of the weighted line through one side's options."""
    chosen = smile.side == side
    x, iv, w = smile.x[chosen], smile.iv[chosen], smile.weight[chosen]
    if x.size < 3 or not w.sum() ** 2 >= 2 * (w**2).sum() or not w.sum() > 0:
        return float("nan")
    dx = x - np.average(x, weights=w)
    return float(np.sum(w * dx * (iv - np.average(iv, weights=w))) / np.sum(w * dx**2))


def asymmetry(smile: Smile, beyond: float) -> float:
    """Weighted mean volatility left of ``-beyond`` less that right of ``beyond``."""
    left, right = smile.x < -beyond, smile.x > beyond
    if not (smile.weight[left].sum() > 0 and smile.weight[right].sum() > 0):
        return float("nan")
    means = [np.average(smile.iv[side], weights=smile.weight[side]) for side in (left, right)]
    return float(means[0] - means[1])


def surface_move(smile: Smile, before: Floats, least: int) -> tuple[float, float, float]:
    """Weighted mean change of volatility since ``before`` [K, 2], its weighted slope in x, and its root mean square."""
    change = smile.iv - before[smile.column, smile.leg]
    both = np.isfinite(change)
    change, x, w = change[both], smile.x[both], smile.weight[both]
    if change.size < least or not w.sum() > 0:
        return (float("nan"),) * 3
    shift = np.average(change, weights=w)
    size = np.sqrt(np.average(change**2, weights=w))
    if not w.sum() ** 2 >= 2 * (w**2).sum():
        return float(shift), float("nan"), float(size)
    dx = x - np.average(x, weights=w)
    return float(shift), float(np.sum(w * dx * (change - shift)) / np.sum(w * dx**2)), float(size)


def distant_reversal(strikes: Floats, volatility: Floats, k: int, distance: float) -> float:
    """Volatility of the call ``distance`` points above strike ``k`` less that of the put as far below."""
    if k < 0 or not distance > 0:
        return float("nan")
    above = np.flatnonzero(strikes == strikes[k] + distance)
    below = np.flatnonzero(strikes == strikes[k] - distance)
    return float(volatility[above[0], 0] - volatility[below[0], 1]) if above.size and below.size else float("nan")
