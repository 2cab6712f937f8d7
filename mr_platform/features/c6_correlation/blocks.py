"""Compiled columns of group matrix that stand on the cells: block means, sizes, pairs, and how the matrix changes."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c6_correlation import layout, state
from mr_platform.features.c6_correlation.layout import LONG, MIDDLE, N_GROUPS, N_SERIES, N_WINDOWS, SHORT
from mr_platform.features.c6_correlation.windows import correlation, usable
from mr_platform.kernels.cpu.correlation import cell

NAN = math.nan
BLOCKS = np.array(layout.BLOCKS)
N_BLOCKS = len(layout.BLOCKS)
PAIRS = np.array(layout.PAIRS)
SHRINKAGE, MEAN, SIZE, BLOCK, DISPERSION, HEADLINE, STABILITY, DISTANCE, CHANGE = 18, 21, 24, 27, 47, 69, 85, 88, 89
"""Where each kind of column begins."""
LONG_BLOCKS = BLOCK + N_BLOCKS


@njit(cache=True, error_model="numpy")
def _block_of(a, b):
    """Place of the pair of groups ``a`` <= ``b`` in ``BLOCKS``."""
    return a * N_GROUPS - a * (a - 1) // 2 + b - a


@njit(cache=True, error_model="numpy")
def _statistics(triangle, groups, counts, sizes, share, totals, squares, numbers):
    """Mean and deviation of each block's cells, into ``totals`` and ``squares`` [10]; NaN where a group has thinned."""
    totals[:] = 0.0
    squares[:] = 0.0
    numbers[:] = 0
    p = 0
    for i in range(N_SERIES):
        for j in range(i + 1, N_SERIES):
            r = triangle[p]
            p += 1
            if r == r:
                q = _block_of(groups[i], groups[j])
                totals[q] += r
                numbers[q] += 1
    for q in range(N_BLOCKS):
        totals[q] /= numbers[q]
    p = 0
    for i in range(N_SERIES):
        for j in range(i + 1, N_SERIES):
            r = triangle[p]
            p += 1
            if r == r:
                q = _block_of(groups[i], groups[j])
                squares[q] += (r - totals[q]) ** 2
    for q in range(N_BLOCKS):
        a, b = BLOCKS[q]
        known = usable(counts, sizes, a, share) and usable(counts, sizes, b, share) and numbers[q] > 0
        squares[q] = math.sqrt(squares[q] / numbers[q]) if known and numbers[q] > 1 else NAN
        totals[q] = totals[q] if known else NAN


@njit(cache=True, error_model="numpy")
def _sizes(triangle):
    """Mean correlation and mean |correlation| of the cells known."""
    total = 0.0
    size = 0.0
    count = 0
    for p in range(triangle.size):
        r = triangle[p]
        if r == r:
            total += r
            size += abs(r)
            count += 1
    return (total / count, size / count) if count > 0 else (NAN, NAN)


@njit(cache=True, error_model="numpy")
def _distance(x, y, share):
    """Root mean square difference over the cells that both know; NaN for fewer than ``share`` of them."""
    total = 0.0
    count = 0
    for p in range(x.size):
        if x[p] == x[p] and y[p] == y[p]:
            total += (x[p] - y[p]) ** 2
            count += 1
    return math.sqrt(total / count) if count > 0 and count >= share * x.size else NAN


@njit(cache=True, error_model="numpy")
def columns(cells, counts, weights, groups, sizes, bars, share, shift, start, stop, traces, values):
    """Columns 18 .. 56 and 69 .. 89 of group matrix in minutes [start, stop)."""
    series = sizes.sum()
    totals, squares = np.empty(N_BLOCKS), np.empty(N_BLOCKS)
    numbers = np.empty(N_BLOCKS, np.int64)
    for t in range(start, stop):
        out = values[t]
        for w in range(N_WINDOWS):
            triangle = cells[w, t]
            left = counts[w, t].sum()
            out[SHRINKAGE + w] = NAN
            out[MEAN + w] = NAN
            out[SIZE + w] = NAN
            if left >= share * series and left > 1:
                out[SHRINKAGE + w] = weights[t, w]
                out[MEAN + w], out[SIZE + w] = _sizes(triangle)
            before = t - bars[w]
            out[STABILITY + w] = correlation(triangle, cells[w, before], share) if before >= 0 else NAN
        for w in (MIDDLE, LONG):
            _statistics(cells[w, t], groups, counts[w, t], sizes, share, totals, squares, numbers)
            at = BLOCK + (w - MIDDLE) * N_BLOCKS
            out[at : at + N_BLOCKS] = totals
            for q in range(PAIRS.shape[0]):
                a, b = PAIRS[q]
                out[HEADLINE + (w - MIDDLE) * PAIRS.shape[0] + q] = cells[w, t, cell(a, b, N_SERIES)]
        out[DISPERSION : DISPERSION + N_BLOCKS] = squares
        out[DISTANCE] = _distance(cells[SHORT, t], cells[LONG, t], share)
        traces[t, state.SIZE] = out[SIZE + MIDDLE]
        out[CHANGE] = traces[t, state.SIZE] - traces[t - shift, state.SIZE] if t >= shift else NAN
