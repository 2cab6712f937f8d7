"""Compiled columns of group breakdown that follow the tracked pairs: how far each has come apart, and the alerts."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c6_correlation import layout, state
from mr_platform.features.c6_correlation.layout import BREAKDOWN_AT, N_SERIES, N_TRACKED
from mr_platform.features.c6_correlation.windows import FLAT
from mr_platform.kernels.cpu.correlation import cell

NAN = math.nan
PAIRS = np.array(layout.PAIRS)
DEPARTURE, SHARE, LARGEST, LEVEL, AGE, USED, DECOUPLED, ABSORPTION, SHIFT, SLOPE = 6, 12, 13, 14, 15, 16, 17, 18, 19, 24
"""Where each kind of column begins; the tracked pairs' confidences come first."""
CONFIDENCE_GRID = 1e9
"""Confidences are told to nine digits: near zero the rest is the volatility solver's, and engines differ by it."""
LEAST_SPREAD = 1e-3
"""A correlation that has moved less has no scale: one, beside a stale expiry, fell by 12,800 deviations."""


@njit(cache=True, error_model="numpy")
def slope(values, t, bars):
    """Least squares slope a bar of the last ``bars`` values; NaN where one of them is missing."""
    first = t - bars + 1
    if first < 0:
        return NAN
    middle = 0.5 * (bars - 1)
    product = 0.0
    square = 0.0
    for i in range(bars):
        product += (i - middle) * values[first + i]
        square += (i - middle) ** 2
    return product / square


@njit(cache=True, error_model="numpy")
def depth(below, width):
    """How deep a value lies below a cut, in units of ``width``, 0..1; all of it where the width is nothing."""
    if not below > 0.0:
        return 0.0
    return min(below / width, 1.0) if width > FLAT else 1.0


@njit(cache=True, error_model="numpy")
def confidence(size, threshold, mean, spread, deviations, decline, slope_cut):
    """Confidence that a pair has broken down, 0 where no rule says so: one less the product of the rules' doubts."""
    doubt = 1.0 - depth(threshold - size, threshold)
    if not math.isnan(spread):
        width = deviations * spread
        doubt *= 1.0 - depth(mean - width - size, width)
    if not math.isnan(decline):
        doubt *= 1.0 - depth(slope_cut - decline, -slope_cut)
    return np.rint((1.0 - doubt) * CONFIDENCE_GRID) / CONFIDENCE_GRID


@njit(cache=True, error_model="numpy")
def departure(size, mean, spread):
    """``size`` less its ``mean`` in units of its deviation ``spread``; NaN where it has not moved, or for too few."""
    return (size - mean) / spread if spread > LEAST_SPREAD else NAN


@njit(cache=True, error_model="numpy")
def _mean_std(values, t, bars, least):
    """Mean and population deviation of the ``bars`` values before ``t``; NaN with fewer than ``least``."""
    total = 0.0
    count = 0
    first = max(t - bars, 0)
    for i in range(first, t):
        if values[i] == values[i]:
            total += values[i]
            count += 1
    if count < least or count == 0:
        return NAN, NAN
    mean = total / count
    square = 0.0
    for i in range(first, t):
        if values[i] == values[i]:
            square += (values[i] - mean) ** 2
    return mean, math.sqrt(square / count)


@njit(cache=True, error_model="numpy")
def _alert(t, alert, largest, warning, critical, cool_down, most, out):
    """Raise an alert where the confidence calls for one and its turn has come."""
    rested = math.isnan(alert[0]) or t - alert[0] >= cool_down
    if largest >= warning and rested and alert[2] < most:
        alert[0] = t
        alert[1] = 2.0 if largest >= critical else 1.0
        alert[2] += 1.0
    in_force = not math.isnan(alert[0]) and t - alert[0] < max(cool_down, 1)
    known = not math.isnan(largest)
    out[LEVEL] = NAN if not known else alert[1] if in_force else 0.0
    out[AGE] = t - alert[0]
    out[USED] = alert[2] / most if known and most > 0 else NAN


@njit(cache=True, error_model="numpy")
def _loose(triangle, threshold):
    """Share of the cells known that lie below the threshold in size."""
    loose = 0
    pairs = 0
    for p in range(triangle.size):
        r = triangle[p]
        if r == r:
            pairs += 1
            loose += abs(r) < threshold
    return loose / pairs


@njit(cache=True, error_model="numpy")
def columns(
    cells,
    counts,
    spectral,
    series,
    share,
    coverage,
    threshold,
    thresholds,
    history,
    deviations,
    slope_bars,
    slope_cut,
    warning,
    critical,
    cool_down,
    most,
    start,
    stop,
    strength,
    traces,
    alert,
    values,
    soundness,
):
    """The columns of minutes [start, stop) but for the turbulence.

    ``cells`` [M, 435] and ``counts`` [M, 4] are of the middle window, ``series`` how many there are in all;
    ``soundness`` [M] gets one less the largest confidence that a tracked pair has broken down.
    """
    for t in range(start, stop):
        out = values[t, BREAKDOWN_AT:]
        known = 0
        broken = 0
        size = 0.0
        largest = NAN
        for q in range(N_TRACKED):
            r = abs(cells[t, cell(PAIRS[q, 0], PAIRS[q, 1], N_SERIES)])
            strength[t, q] = r
            out[q] = NAN
            out[DEPARTURE + q] = NAN
            if math.isnan(r):
                continue
            mean, spread = _mean_std(strength[:, q], t, history, coverage * history)
            decline = slope(strength[:, q], t, slope_bars)
            out[q] = confidence(r, thresholds[q], mean, spread, deviations, decline, slope_cut)
            out[DEPARTURE + q] = departure(r, mean, spread)
            known += 1
            broken += out[q] > 0.0
            size += r
            largest = out[q] if math.isnan(largest) else max(largest, out[q])
        enough = known > 0 and known >= share * N_TRACKED
        out[SHARE] = broken / known if enough else NAN
        out[LARGEST] = largest
        _alert(t, alert, largest, warning, critical, cool_down, most, out)
        left = counts[t].sum()
        out[DECOUPLED] = _loose(cells[t], threshold) if left > 1 and left >= share * series else NAN
        out[ABSORPTION] = spectral[t, state.ABSORPTION_AT]
        out[SHIFT] = spectral[t, state.SHIFT_AT]
        traces[t, state.PAIRS] = size / known if enough else NAN
        out[SLOPE] = slope(traces[:, state.PAIRS], t, slope_bars)
        soundness[t] = 1.0 - largest if enough else NAN
