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


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _known(triangle, first, last):
    """Sum of the cells known of one stretch, and how many there are."""
    total = 0.0
    count = 0.0
    for p in range(first, last):
        r = triangle[p]
        total += r if r == r else 0.0
        count += 1.0 if r == r else 0.0
    return total, count


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _squares(triangle, first, last, centre):
    """Sum of the squared distances from ``centre`` of the cells known of one stretch."""
    total = 0.0
    for p in range(first, last):
        away = triangle[p] - centre if triangle[p] == triangle[p] else 0.0
        total += away * away
    return total


@njit(cache=True, error_model="numpy")
def _statistics(triangle, counts, sizes, share, passes, totals, squares, numbers):
    """Mean of each block's cells into ``totals`` [10] and, with two ``passes``, their deviation into ``squares`` [10];
    NaN where a group has thinned.

    A series' cells with one group stand side by side.
    """
    for second in range(passes):
        if second == 0:
            totals[:] = 0.0
            numbers[:] = 0.0
        else:
            squares[:] = 0.0
        last_of_a = 0
        i = 0
        for a in range(N_GROUPS):
            last_of_a += sizes[a]
            while i < last_of_a:
                before = cell(i, i + 1, N_SERIES) - i - 1
                j = i + 1
                last = last_of_a
                for b in range(a, N_GROUPS):
                    q = _block_of(a, b)
                    if second == 0:
                        total, count = _known(triangle, before + j, before + last)
                        totals[q] += total
                        numbers[q] += count
                    else:
                        squares[q] += _squares(triangle, before + j, before + last, totals[q])
                    j = last
                    last += sizes[b + 1] if b + 1 < N_GROUPS else 0
                i += 1
        if second == 0:
            for q in range(N_BLOCKS):
                totals[q] /= numbers[q]
    for q in range(N_BLOCKS):
        a, b = BLOCKS[q]
        known = usable(counts, sizes, a, share) and usable(counts, sizes, b, share) and numbers[q] > 0.0
        squares[q] = math.sqrt(squares[q] / numbers[q]) if known and numbers[q] > 1.0 else NAN
        totals[q] = totals[q] if known else NAN


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _sizes(triangle):
    """Mean correlation and mean |correlation| of the cells known."""
    total = 0.0
    size = 0.0
    count = 0.0
    for p in range(triangle.size):
        r = triangle[p] if triangle[p] == triangle[p] else 0.0
        total += r
        size += abs(r)
        count += 1.0 if triangle[p] == triangle[p] else 0.0
    return (total / count, size / count) if count > 0.0 else (NAN, NAN)


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _distance(x, y, share):
    """Root mean square difference over the cells that both know; NaN for fewer than ``share`` of them."""
    total = 0.0
    count = 0.0
    for p in range(x.size):
        both = x[p] == x[p] and y[p] == y[p]
        away = x[p] - y[p] if both else 0.0
        total += away * away
        count += 1.0 if both else 0.0
    return math.sqrt(total / count) if count > 0.0 and count >= share * x.size else NAN


@njit(cache=True, error_model="numpy")
def columns(cells, counts, weights, sizes, bars, share, shift, start, stop, traces, values):
    """Columns 18 .. 56 and 69 .. 89 of group matrix in minutes [start, stop)."""
    series = sizes.sum()
    totals, squares = np.empty(N_BLOCKS), np.empty(N_BLOCKS)
    numbers = np.empty(N_BLOCKS)
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
            # the deviation is told of the long window alone
            passes = 2 if w == LONG else 1
            _statistics(cells[w, t], counts[w, t], sizes, share, passes, totals, squares, numbers)
            at = BLOCK + (w - MIDDLE) * N_BLOCKS
            out[at : at + N_BLOCKS] = totals
            for q in range(PAIRS.shape[0]):
                a, b = PAIRS[q]
                out[HEADLINE + (w - MIDDLE) * PAIRS.shape[0] + q] = cells[w, t, cell(a, b, N_SERIES)]
        out[DISPERSION : DISPERSION + N_BLOCKS] = squares
        out[DISTANCE] = _distance(cells[SHORT, t], cells[LONG, t], share)
        traces[t, state.SIZE] = out[SIZE + MIDDLE]
        out[CHANGE] = traces[t, state.SIZE] - traces[t - shift, state.SIZE] if t >= shift else NAN
