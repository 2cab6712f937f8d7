"""Compiled scalar pieces of C2. Windows are summed afresh in a fixed order: a tick then gives the bits of a batch."""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c2_greeks_sentiment.state import Floats


@njit(cache=True, error_model="numpy")
def sign(x: float) -> float:
    """-1, 0 or 1; NaN for NaN."""
    return math.nan if math.isnan(x) else 1.0 if x > 0 else -1.0 if x < 0 else 0.0


@njit(cache=True, error_model="numpy")
def imbalance(calls: float, puts: float) -> float:
    """(calls - puts) / (calls + puts) of two sizes; NaN where both are 0."""
    total = calls + puts
    return (calls - puts) / total if total > 0 else math.nan


@njit(cache=True, error_model="numpy")
def window(trace: Floats, t: int, n: int, enough: float) -> tuple[float, float]:
    """Mean and population standard deviation of the ``n`` bars ending at ``t``; NaN where too many lack."""
    known = 0
    total = 0.0
    for i in range(max(0, t - n + 1), t + 1):
        if not math.isnan(trace[i]):
            known += 1
            total += trace[i]
    if known < enough * n:
        return math.nan, math.nan
    mean = total / known
    square = 0.0
    for i in range(max(0, t - n + 1), t + 1):
        if not math.isnan(trace[i]):
            square += (trace[i] - mean) ** 2
    return mean, math.sqrt(square / known)


@njit(cache=True, error_model="numpy")
def ratio_of_sums(above: Floats, below: Floats, t: int, n: int, enough: float) -> float:
    """Sum over sum of the ``n`` bars ending at ``t``; NaN where too many lack or the lower sum is 0."""
    known = 0
    upper = 0.0
    lower = 0.0
    for i in range(max(0, t - n + 1), t + 1):
        if not math.isnan(below[i]):
            known += 1
            upper += above[i]
            lower += below[i]
    return upper / lower if known >= enough * n and lower > 0 else math.nan


@njit(cache=True, error_model="numpy")
def same_sign_share(trace: Floats, t: int, n: int, enough: float) -> float:
    """Share of the known bars among the ``n`` ending at ``t`` with the sign of the last; NaN where too many lack."""
    if math.isnan(trace[t]):
        return math.nan
    known = 0
    same = 0
    for i in range(max(0, t - n + 1), t + 1):
        if not math.isnan(trace[i]):
            known += 1
            same += sign(trace[i]) == sign(trace[t])
    return same / known if known >= enough * n else math.nan


@njit(cache=True, error_model="numpy")
def lead_correlation(trace: Floats, price: Floats, t: int, n: int, lag: int, enough: float) -> float:
    """Correlation of ``trace`` ``lag`` bars ago with the log return of ``price`` since, over ``n`` bars ending at t."""
    x = np.empty(n)
    y = np.empty(n)
    known = 0
    for i in range(max(lag, t - n + 1), t + 1):
        before = trace[i - lag]
        change = math.log(price[i] / price[i - lag]) if price[i] > 0 and price[i - lag] > 0 else math.nan
        if not (math.isnan(before) or math.isnan(change)):
            x[known] = before
            y[known] = change
            known += 1
    if known < enough * n:
        return math.nan
    mean_x = 0.0
    mean_y = 0.0
    for i in range(known):
        mean_x += x[i]
        mean_y += y[i]
    mean_x /= known
    mean_y /= known
    sxx = 0.0
    syy = 0.0
    sxy = 0.0
    for i in range(known):
        sxx += (x[i] - mean_x) ** 2
        syy += (y[i] - mean_y) ** 2
        sxy += (x[i] - mean_x) * (y[i] - mean_y)
    if not (sxx > 0 and syy > 0):
        return math.nan
    return min(max(sxy / math.sqrt(sxx * syy), -1.0), 1.0)


@njit(cache=True, error_model="numpy")
def mean_square_change(level: Floats, identity: np.ndarray, t: int, n: int, enough: float) -> float:
    """Mean of ((level[i] - level[i - 1]) / level[t])^2 over the ``n`` bars ending at ``t``, same ``identity`` only."""
    known = 0
    total = 0.0
    for i in range(max(1, t - n + 1), t + 1):
        change = (level[i] - level[i - 1]) / level[t]
        if identity[i] == identity[i - 1] and not math.isnan(change):
            known += 1
            total += change * change
    return total / known if known >= enough * n else math.nan


@njit(cache=True, error_model="numpy")
def insert(ranked: Floats, count: int, x: float) -> int:
    """Put ``x`` into the first ``count`` ascending values of ``ranked``; NaN changes nothing. The new count."""
    if math.isnan(x):
        return count
    at = count
    while at > 0 and ranked[at - 1] > x:
        ranked[at] = ranked[at - 1]
        at -= 1
    ranked[at] = x
    return count + 1


@njit(cache=True, error_model="numpy")
def middle(ranked: Floats, count: int) -> float:
    """Median of the first ``count`` ascending values."""
    return 0.5 * (ranked[(count - 1) // 2] + ranked[count // 2])


@njit(cache=True, error_model="numpy")
def level_of(score: float, cuts: Floats) -> float:
    """Sentiment level -3 .. 3 of a score; a cut belongs to the level further from neutral."""
    if math.isnan(score):
        return math.nan
    level = 0.0
    for i in range(3):
        level -= score <= cuts[i]
        level += score >= cuts[5 - i]
    return level
