"""Compiled columns of group breakdown that say how odd a minute is against the window that ended before it."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c6_correlation import state
from mr_platform.features.c6_correlation.layout import BREAKDOWN_AT, LONG, N_SERIES, N_WINDOWS
from mr_platform.features.c6_correlation.windows import shift_of
from mr_platform.kernels.cpu.correlation import cell, distance

NAN = math.nan
TURBULENCE, PRICES, SURPRISE, ODD = (BREAKDOWN_AT + i for i in (20, 21, 22, 23))


@njit(cache=True, error_model="numpy")
def _measure(changes, t, triangle, mean, deviation, weight, groups, last_group, least, z, at, matrix):
    """Squared Mahalanobis distance and squared length a series, of the series up to ``last_group``.

    Under mean, deviation and shrunk correlation of the window that ended a minute ago (Kritzman and Li, Skulls,
    Financial Turbulence, and Risk Management, 2010). NaN with fewer than ``least`` series.
    """
    m = 0
    length = 0.0
    for i in range(N_SERIES):
        x = (changes[i, t] - mean[i]) / deviation[i]
        if x == x and groups[i] <= last_group:
            at[m] = i
            z[m] = x
            length += x * x
            m += 1
    if m < least or m == 0 or math.isnan(weight):
        return NAN, NAN
    for i in range(m):
        matrix[i, i] = 1.0
        for j in range(i + 1, m):
            matrix[i, j] = (1.0 - weight) * triangle[cell(at[i], at[j], N_SERIES)]
    return distance(matrix, z, m) / m, length / m


@njit(cache=True, error_model="numpy")
def columns(
    changes, cells, means, deviations, weights, groups, sizes, share, history, coverage, start, stop, traces, values
):
    """Four columns of minutes [start, stop); ``changes`` [30, M] over one minute, the rest of the long window."""
    z, at = np.empty(N_SERIES), np.empty(N_SERIES, np.int64)
    matrix = np.empty((N_SERIES, N_SERIES))
    series = sizes.sum()
    trace = traces[:, state.TURBULENCE]
    for t in range(start, stop):
        out = values[t]
        whole, length, prices = NAN, NAN, NAN
        if t > 0:
            before = t - 1
            triangle, mean, deviation = cells[before], means[before], deviations[before]
            whole, length = _measure(
                changes, t, triangle, mean, deviation, weights[before, LONG], groups, 3, share * series, z, at, matrix
            )
            prices, _ = _measure(
                changes,
                t,
                triangle,
                mean,
                deviation,
                weights[before, N_WINDOWS],
                groups,
                0,
                share * sizes[0],
                z,
                at,
                matrix,
            )
        trace[t] = math.log(whole) if whole > 0.0 else NAN
        out[TURBULENCE] = whole
        out[PRICES] = prices
        out[SURPRISE] = shift_of(trace, t, 1, history, coverage * history)
        out[ODD] = whole / length if length > 0.0 else NAN
