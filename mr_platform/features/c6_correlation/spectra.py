"""Compiled columns that stand on eigenvalues, computed as each five-minute bar closes and carried until the next."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c6_correlation import state
from mr_platform.features.c6_correlation.layout import GRID, LONG, N_PHASES, N_SERIES, N_WINDOWS
from mr_platform.features.c6_correlation.windows import closes, shift_of
from mr_platform.kernels.cpu.correlation import spectrum, square, tridiagonal

NAN = math.nan
FLOOR = 1e-6
"""An eigenvalue below this counts as this: under it a condition number speaks of rounding."""
TOP = 3
CUTS = 32
ROUNDS = 10
"""Each round leaves one part in 33: ten of them are the rounding of a double."""
LEAST_PIVOT = 1e-280
"""Stands for a pivot of zero."""


@njit(cache=True, error_model="numpy")
def _phase(values, m, weight, out):
    """Top share, top three's share, effective rank and log condition from ``m`` ascending eigenvalues [4]."""
    entropy = 0.0
    top = 0.0
    for i in range(m):
        value = (1.0 - weight) * values[i] + weight
        if i >= m - TOP:
            top += value
        share = value / m
        if share > 0.0:
            entropy -= share * math.log(share)
    least = max((1.0 - weight) * values[0] + weight, FLOOR)
    largest = (1.0 - weight) * values[m - 1] + weight
    out[0] = largest / m
    out[1] = top / m
    out[2] = math.exp(entropy) / m
    out[3] = math.log10(largest / least)


@njit(cache=True, error_model="numpy")
def second_least(d, e, n, most, room):
    """Second-least eigenvalue, in 0 .. ``most``, of the tridiagonal matrix with diagonal ``d`` and squared subdiagonal
    ``e``; ``room`` [3, CUTS].

    An eigenvalue lies below a cut for each negative pivot of the matrix less the cut (Sturm); many cuts at a time are
    vector code, and the other eigenvalues are left alone.
    """
    cuts, pivots, below = room[0], room[1], room[2]
    low = 0.0
    step = most
    for _ in range(ROUNDS):
        step /= CUTS + 1
        for k in range(CUTS):
            cuts[k] = low + (k + 1) * step
            pivots[k] = d[0] - cuts[k]
            below[k] = 1.0 if pivots[k] < 0.0 else 0.0
        for i in range(1, n):
            centre, coupling = d[i], e[i - 1]
            for k in range(CUTS):
                before = pivots[k] if pivots[k] != 0.0 else LEAST_PIVOT
                pivot = centre - cuts[k] - coupling / before
                pivots[k] = pivot
                below[k] += 1.0 if pivot < 0.0 else 0.0
        k = 0
        while k < CUTS and below[k] < 2.0:
            k += 1
        low += k * step
    return low + 0.5 * step


@njit(cache=True, error_model="numpy")
def _connectivity(matrix, m, room, values, spare, cuts):
    """Second-least eigenvalue of the Laplacian of the complete graph weighted by |r|, over the number of series."""
    least = math.inf
    for i in range(m):
        degree = 0.0
        for j in range(m):
            if j != i:
                room[i, j] = -abs(matrix[i, j])
                degree += abs(matrix[i, j])
        room[i, i] = degree
        least = min(least, degree)
    tridiagonal(room, m, values, spare, spare[m:])
    # no graph is tied together better than its loosest node (Fiedler, 1973)
    return second_least(values, spare, m, least * m / (m - 1), cuts) / m


@njit(cache=True, error_model="numpy")
def _absorption(values, m, share):
    """Share of the variance that the top eigenvectors take; ``values`` [m] ascending."""
    top = max(1, math.floor(m * share + 0.5))
    total = 0.0
    for i in range(m - min(top, m), m):
        total += values[i]
    return total / m


@njit(cache=True, error_model="numpy")
def columns(
    cells,
    means,
    counts,
    weights,
    sizes,
    window,
    factor,
    share,
    absorption_share,
    history,
    coverage,
    shift,
    n_bars,
    start,
    stop,
    spectral,
    values,
):
    """Columns 0 .. 17 of group matrix in minutes [start, stop), and all of ``spectral``.

    ``cells`` [M, 435], ``means`` [M, 30] and ``counts`` [M, 4] are of the long window, ``weights`` [M, 6] shrinkage.
    """
    kept = np.empty(N_SERIES, np.int64)
    compact, room = np.empty((N_SERIES, N_SERIES)), np.empty((N_SERIES, N_SERIES))
    found, spare = np.empty(N_SERIES), np.empty(2 * N_SERIES)
    cuts = np.empty((3, CUTS))
    steps = history // GRID
    for t in range(start, stop):
        out = spectral[t]
        if not closes(t, n_bars):
            if t > 0:
                out[:] = spectral[t - 1]
        else:
            m = 0
            for i in range(N_SERIES):
                if means[t, i] == means[t, i]:
                    kept[m] = i
                    m += 1
            square(cells[t], kept, m, N_SERIES, compact)
            out[:] = NAN
            size = 0
            series = 0
            for p in range(N_PHASES):
                size += counts[t, p]
                series += sizes[p]
                if size < share * series or size < TOP:
                    continue
                room[:size, :size] = compact[:size, :size]
                spectrum(room, size, found, spare)
                weight = weights[t, LONG if p == N_PHASES - 1 else N_WINDOWS + p]
                _phase(found, size, weight if window < factor * size else 0.0, out[4 * p : 4 * p + 4])
                if p == N_PHASES - 1:
                    out[state.ABSORPTION_AT] = _absorption(found, size, absorption_share)
                    out[state.CONNECTIVITY_AT] = _connectivity(compact, size, room, found, spare, cuts)
            trace = spectral[:, state.ABSORPTION_AT]
            out[state.SHIFT_AT] = shift_of(trace, t, GRID, steps, coverage * steps)
        values[t, : 4 * N_PHASES] = out[: 4 * N_PHASES]
        values[t, 4 * N_PHASES] = out[0] - spectral[t - shift, 0] if t >= shift else NAN
        last = 4 * (N_PHASES - 1)
        values[t, 4 * N_PHASES + 1] = out[last] - spectral[t - shift, last] if t >= shift else NAN
