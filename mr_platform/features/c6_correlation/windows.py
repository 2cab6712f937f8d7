"""Compiled correlation matrices of every minute, and the block means of longer changes."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c6_correlation import layout
from mr_platform.features.c6_correlation.layout import GRID, LONG, N_GROUPS, N_PHASES, N_SERIES, N_TIMEFRAMES, N_WINDOWS
from mr_platform.kernels.cpu.correlation import add_unit_column, cell, gram, intensity, lengthen, padded, standardise

NAN = math.nan
FLAT = 1e-9
"""A deviation below this is rounding."""
TIMEFRAME_BLOCKS = np.array(layout.TIMEFRAME_BLOCKS)
TIMEFRAME_AT = 57
"""Where the columns of the timeframes begin."""


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def correlation(x, y, share):
    """Correlation of two lists over the places that both know; NaN for fewer than ``share`` of them."""
    count = 0.0
    mean_x = 0.0
    mean_y = 0.0
    for p in range(x.size):
        both = x[p] == x[p] and y[p] == y[p]
        mean_x += x[p] if both else 0.0
        mean_y += y[p] if both else 0.0
        count += 1.0 if both else 0.0
    if count < share * x.size or count == 0.0:
        return NAN
    mean_x /= count
    mean_y /= count
    sxx = 0.0
    syy = 0.0
    sxy = 0.0
    for p in range(x.size):
        both = x[p] == x[p] and y[p] == y[p]
        dx = x[p] - mean_x if both else 0.0
        dy = y[p] - mean_y if both else 0.0
        sxx += dx * dx
        syy += dy * dy
        sxy += dx * dy
    if not (sxx > FLAT * FLAT and syy > FLAT * FLAT):
        return NAN
    return min(max(sxy / (math.sqrt(sxx) * math.sqrt(syy)), -1.0), 1.0)


@njit(cache=True, error_model="numpy")
def shift_of(trace, t, step, steps, least):
    """Deviation of a trace at ``t`` from the mean of its ``steps`` values before, ``step`` apart, in deviations."""
    count = 0
    total = 0.0
    for k in range(1, steps + 1):
        at = t - k * step
        if at >= 0 and trace[at] == trace[at]:
            total += trace[at]
            count += 1
    if count < least or count == 0:
        return NAN
    mean = total / count
    square = 0.0
    for k in range(1, steps + 1):
        at = t - k * step
        if at >= 0 and trace[at] == trace[at]:
            square += (trace[at] - mean) ** 2
    spread = math.sqrt(square / count)
    return (trace[t] - mean) / spread if spread > FLAT else NAN


@njit(cache=True, error_model="numpy")
def _count(mean, groups, counts):
    """Series left of each group into ``counts`` [4]; those beyond the last phase drop out."""
    counts[:] = 0
    for i in range(N_SERIES):
        if groups[i] < 0:
            mean[i] = NAN
        elif mean[i] == mean[i]:
            counts[groups[i]] += 1


@njit(cache=True, error_model="numpy")
def _mark(triangle, mean, gone):
    """NaN into the cells of series that dropped out; ``gone`` [30] is room."""
    for i in range(N_SERIES):
        gone[i] = 0.0 if mean[i] == mean[i] else NAN
    p = 0
    for i in range(N_SERIES - 1):
        later = gone[i + 1 :]
        row = triangle[p : p + later.size]
        for k in range(later.size):
            row[k] += gone[i] + later[k]
        p += later.size


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _square_sums(triangle, sizes, squares):
    """Sums of the squared correlations known, by the group of the later series [4]: each phase adds one of them."""
    squares[:] = 0.0
    for i in range(N_SERIES - 1):
        before = cell(i, i + 1, N_SERIES) - i - 1
        first = 0
        for g in range(N_GROUPS):
            last = first + sizes[g]
            total = 0.0
            for j in range(max(first, i + 1), last):
                r = triangle[before + j]
                total += r * r if r == r else 0.0
            squares[g] += total
            first = last


@njit(cache=True, error_model="numpy")
def fill_matrices(changes, bars, coverage, groups, sizes, start, stop, cells, means, deviations, counts, weights):
    """Matrices, means, counts and shrinkage of minutes [start, stop); shapes as in ``Carried``.

    ``changes`` [30, M] over one minute, ``bars`` of the three windows.
    """
    longest = bars.max()
    unit = np.zeros((N_SERIES, padded(longest)))
    lengths = np.empty(longest)
    spare = np.empty(N_SERIES)
    gone, squares = np.empty(N_SERIES), np.empty(N_GROUPS)
    for w in range(N_WINDOWS):
        for t in range(start, stop):
            mean = means[w, t]
            rows = standardise(
                changes, t, bars[w], coverage * bars[w], unit, mean, deviations[t] if w == LONG else spare
            )
            _count(mean, groups, counts[w, t])
            triangle = cells[w, t]
            if counts[w, t].sum() == 0:
                triangle[:] = NAN
                continue
            gram(unit, rows, triangle)
            if counts[w, t].sum() < N_SERIES:
                _mark(triangle, mean, gone)
            _square_sums(triangle, sizes, squares)
            lengths[:rows] = 0.0
            m = 0
            square = 0.0
            for g in range(N_PHASES):
                for i in range(N_SERIES):
                    if groups[i] == g and mean[i] == mean[i]:
                        lengthen(unit[i], rows, lengths)
                m += counts[w, t, g]
                square += squares[g]
                if g == N_PHASES - 1:
                    weights[t, w] = intensity(lengths, rows, m, square)
                elif w == LONG:
                    weights[t, N_WINDOWS + g] = intensity(lengths, rows, m, square)


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _product(x, y):
    """Inner product of two sums."""
    total = 0.0
    for r in range(x.size):
        total += x[r] * y[r]
    return total


@njit(cache=True, error_model="numpy")
def timeframe_columns(changes, window, coverage, share, groups, sizes, n_bars, start, stop, held, values):
    """Block means of the longer changes [4, 30, M] over ``window`` bars, as each five-minute bar closes; ``held`` [12]
    keeps them until the next one does.

    Without a matrix: the mean of all products of two groups' unit columns is the product of their sums.
    """
    counts = np.empty(N_GROUPS, np.int64)
    sums = np.empty((N_GROUPS, window))
    blocks = TIMEFRAME_BLOCKS.shape[0]
    spoken = np.zeros(N_GROUPS, np.bool_)
    for q in range(blocks):
        spoken[TIMEFRAME_BLOCKS[q, 0]] = True
        spoken[TIMEFRAME_BLOCKS[q, 1]] = True
    least = coverage * window
    for t in range(start, stop):
        if closes(t, n_bars):
            first = max(t - window + 1, 0)
            for k in range(N_TIMEFRAMES):
                sums[:] = 0.0
                counts[:] = 0
                for i in range(N_SERIES):
                    g = groups[i]
                    if g >= 0 and spoken[g]:
                        counts[g] += add_unit_column(changes[k, i, first : t + 1], least, sums[g])
                for q in range(blocks):
                    a, b = TIMEFRAME_BLOCKS[q]
                    found = NAN
                    if usable(counts, sizes, a, share) and usable(counts, sizes, b, share):
                        product = _product(sums[a], sums[b])
                        if a != b:
                            found = product / (counts[a] * counts[b])
                        elif counts[a] > 1:
                            found = (product - counts[a]) / (counts[a] * (counts[a] - 1))
                    held[blocks * k + q] = found
        values[t, TIMEFRAME_AT : TIMEFRAME_AT + held.size] = held


@njit(cache=True, error_model="numpy")
def closes(t, n_bars):
    """Whether a five-minute bar ends with minute ``t``; the session's last one does whatever its length."""
    return (t + 1) % GRID == 0 or t + 1 == n_bars


@njit(cache=True, error_model="numpy")
def usable(counts, sizes, g, share):
    """Whether enough of the series of group ``g`` are left."""
    return counts[g] > 0 and counts[g] >= share * sizes[g]
