"""Compiled statistics of traces over the last bars of a session, and ranks in a history."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

NAN = math.nan
FLAT = 1e-12
"""A deviation below this is rounding, not movement: volatilities are decimals of order 0.1."""


@njit(cache=True, error_model="numpy")
def mean_std(trace, t, n, enough):
    """Mean and population standard deviation of the ``n`` bars ending at ``t``; NaN where too many are missing."""
    first = max(0, t - n + 1)
    count = 0
    mean = 0.0
    for i in range(first, t + 1):
        if not math.isnan(trace[i]):
            count += 1
            mean += trace[i]
    if count == 0 or count < enough * n:
        return NAN, NAN
    mean /= count
    square = 0.0
    for i in range(first, t + 1):
        if not math.isnan(trace[i]):
            square += (trace[i] - mean) ** 2
    return mean, math.sqrt(square / count)


@njit(cache=True, error_model="numpy")
def regression(x, y, t, n, enough):
    """Slope of y on x and their correlation over the ``n`` bars ending at ``t`` that have both; NaN where constant."""
    first = max(0, t - n + 1)
    count = 0
    mean_x = 0.0
    mean_y = 0.0
    for i in range(first, t + 1):
        if not math.isnan(x[i] + y[i]):
            count += 1
            mean_x += x[i]
            mean_y += y[i]
    if count == 0 or count < enough * n:
        return NAN, NAN
    mean_x /= count
    mean_y /= count
    sxx = 0.0
    syy = 0.0
    sxy = 0.0
    for i in range(first, t + 1):
        if not math.isnan(x[i] + y[i]):
            dx = x[i] - mean_x
            dy = y[i] - mean_y
            sxx += dx * dx
            syy += dy * dy
            sxy += dx * dy
    if not sxx > FLAT * FLAT:
        return NAN, NAN
    return sxy / sxx, sxy / math.sqrt(sxx * syy) if syy > FLAT * FLAT else NAN


@njit(cache=True, error_model="numpy")
def root_mean_square(trace, t, n, enough):
    """Root mean square of the ``n`` bars ending at ``t``; NaN where too many are missing."""
    first = max(0, t - n + 1)
    count = 0
    total = 0.0
    for i in range(first, t + 1):
        if not math.isnan(trace[i]):
            count += 1
            total += trace[i] * trace[i]
    if count == 0 or count < enough * n:
        return NAN
    return math.sqrt(total / count)


@njit(cache=True, error_model="numpy")
def rank(values, below, x):
    """Mid-rank of ``x``, 0..1, in a history of ascending ``values`` with ``below`` observations before each place."""
    total = below[-1]
    if math.isnan(x) or not total > 0.0:
        return NAN
    low = below[np.searchsorted(values, x, side="left")]
    high = below[np.searchsorted(values, x, side="right")]
    return 0.5 * (low + high) / total


@njit(cache=True, error_model="numpy")
def level_of(share, cuts):
    """Number of ``cuts`` at or below ``share``: a cut belongs to the upper level; NaN for NaN."""
    if math.isnan(share):
        return NAN
    level = 0.0
    for cut in cuts:
        level += share >= cut
    return level


@njit(cache=True, error_model="numpy")
def run_length(trace, t):
    """Bars with a value since the trace last changed, this one included; NaN where this one has none."""
    if math.isnan(trace[t]):
        return NAN
    bars = 0.0
    for i in range(t, -1, -1):
        if math.isnan(trace[i]):
            continue
        if trace[i] != trace[t]:
            break
        bars += 1.0
    return bars
