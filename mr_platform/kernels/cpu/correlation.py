"""Correlation matrices of windows of changes, compiled; see ``reference.correlation`` for the meaning of each function.

Every matrix is summed anew from its window. Updating it by one bar in and one out is faster, but its rounding drifts,
and a tick would no longer have the bits of the batch.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = [
    "correlation_matrix",
    "eigenvalues",
    "ledoit_wolf",
    "mahalanobis",
    "rolling_correlation_matrices",
    "unit_columns",
]

_SWEEPS = 60
"""QL needs two or three iterations an eigenvalue."""
_ROUNDING = 1.2e-32
"""Square of the rounding of a double: a coupling this small, beside its neighbours, is none."""
_LANES = 16
"""Bars that a vector loop takes at a time: columns are padded with zeros to a multiple."""


def unit_columns(changes: np.ndarray, window: int, coverage: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, n = changes.shape
    unit, mean, deviation = np.zeros((n, padded(rows))), np.empty(n), np.empty(n)
    standardise(np.ascontiguousarray(changes.T), rows - 1, rows, coverage * window, unit, mean, deviation)
    return np.ascontiguousarray(unit[:, :rows].T), mean, deviation


def correlation_matrix(unit: np.ndarray) -> np.ndarray:
    n = unit.shape[1]
    cells, out = np.empty(n * (n - 1) // 2), np.empty((n, n))
    gram(_by_series(unit), unit.shape[0], cells)
    square(cells, np.arange(n), n, n, out)
    dropped = ~(unit != 0).any(axis=0)
    out[dropped], out[:, dropped] = np.nan, np.nan
    return out


def ledoit_wolf(unit: np.ndarray) -> float:
    rows, n = unit.shape
    if n < 2:
        return math.nan
    by_series = _by_series(unit)
    cells, lengths = np.empty(n * (n - 1) // 2), np.zeros(rows)
    gram(by_series, rows, cells)
    for i in range(n):
        lengthen(by_series[i], rows, lengths)
    return float(intensity(lengths, rows, n, float((cells**2).sum())))


def _by_series(unit: np.ndarray) -> np.ndarray:
    """Unit columns [T, N] as the compiled functions take them: [N, T padded]."""
    rows, n = unit.shape
    out = np.zeros((n, padded(rows)))
    out[:, :rows] = unit.T
    return out


def eigenvalues(matrix: np.ndarray) -> np.ndarray:
    n = matrix.shape[0]
    found = np.empty(n)
    spectrum(np.array(matrix, np.float64), n, found, np.empty(2 * n))
    return found


def mahalanobis(deviations: np.ndarray, matrix: np.ndarray) -> float:
    return float(distance(np.array(matrix, np.float64), np.array(deviations, np.float64), deviations.size))


def rolling_correlation_matrices(changes: np.ndarray, window: int, coverage: float, start: int = 0) -> np.ndarray:
    return np.asarray(_rolling(np.ascontiguousarray(changes.transpose(0, 2, 1)), window, coverage, start))


@njit(cache=True, error_model="numpy")
def padded(bars: int) -> int:
    """Room that ``bars`` of a unit column take."""
    return (bars + _LANES - 1) // _LANES * _LANES


@njit(cache=True, error_model="numpy")
def _rolling(changes: np.ndarray, window: int, coverage: float, start: int) -> np.ndarray:
    batch, n, bars = changes.shape
    out = np.empty((batch, bars - start, n, n))
    unit = np.zeros((n, padded(window)))
    cells = np.empty(n * (n - 1) // 2)
    every = np.arange(n)
    mean, deviation = np.empty(n), np.empty(n)
    for b in range(batch):
        for t in range(start, bars):
            rows = standardise(changes[b], t, window, coverage * window, unit, mean, deviation)
            gram(unit, rows, cells)
            square(cells, every, n, n, out[b, t - start])
            for i in range(n):
                if math.isnan(mean[i]):
                    out[b, t - start, i, :] = np.nan
                    out[b, t - start, :, i] = np.nan
    return out


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def centre_of(values: np.ndarray, least: float) -> tuple[float, float]:
    """Mean and number of the values known; NaN with fewer than ``least`` of them, or where all are equal.

    Sums may be reordered, so that they become vector code; NaN is still NaN.
    """
    some = 0
    while some < values.size - 1 and values[some] != values[some]:
        some += 1
    one = values[some]
    total, count, others = 0.0, 0.0, 0.0
    for r in range(values.size):
        x = values[r]
        known = x == x
        total += x if known else 0.0
        count += 1.0 if known else 0.0
        others += 1.0 if known and x != one else 0.0
    return (total / count if count >= least and others > 0.0 else np.nan), count


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def standardise(
    changes: np.ndarray,
    t: int,
    window: int,
    least: float,
    unit: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
) -> int:
    """Unit columns of the ``window`` bars of [N, M] that end at ``t`` into ``unit`` [N, padded]; returns the bars.

    Series by series: a window is then one run of memory. ``mean`` and ``deviation`` [N] are NaN for a series that drops
    out, with fewer than ``least`` bars or constant; its column is 0.
    """
    first = max(t - window + 1, 0)
    rows = t + 1 - first
    for i in range(changes.shape[0]):
        values = changes[i, first : t + 1]
        into = unit[i]
        centre, count = centre_of(values, least)
        mean[i] = centre
        deviation[i] = np.nan
        into[:] = 0.0
        if centre != centre:
            continue
        squares = 0.0
        for r in range(rows):
            x = values[r]
            away = x - centre if x == x else 0.0
            into[r] = away
            squares += away * away
        length = math.sqrt(squares)
        deviation[i] = length / math.sqrt(count)
        inverse = 1.0 / length
        for r in range(rows):
            into[r] *= inverse
    return rows


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def add_unit_column(values: np.ndarray, least: float, total: np.ndarray) -> bool:
    """Add the unit column of one series' window to a sum of them, without keeping it; False where it drops out."""
    centre, _ = centre_of(values, least)
    if centre != centre:
        return False
    squares = 0.0
    for r in range(values.size):
        x = values[r]
        away = x - centre if x == x else 0.0
        squares += away * away
    inverse = 1.0 / math.sqrt(squares)
    for r in range(values.size):
        x = values[r]
        total[r] += (x - centre) * inverse if x == x else 0.0
    return True


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def gram(unit: np.ndarray, rows: int, cells: np.ndarray) -> None:
    """Correlations of unit columns [N, padded] into ``cells`` [N (N - 1) / 2], the upper triangle row by row.

    Three series at a time beside a fourth: each load serves three products.
    """
    n = unit.shape[0]
    whole = padded(rows)
    p = 0
    for i in range(n - 1):
        x = unit[i]
        j = i + 1
        while j + 2 < n:
            u, v, w = unit[j], unit[j + 1], unit[j + 2]
            one, two, three = 0.0, 0.0, 0.0
            for r in range(whole):
                one += x[r] * u[r]
                two += x[r] * v[r]
                three += x[r] * w[r]
            cells[p] = min(max(one, -1.0), 1.0)
            cells[p + 1] = min(max(two, -1.0), 1.0)
            cells[p + 2] = min(max(three, -1.0), 1.0)
            p += 3
            j += 3
        while j < n:
            u = unit[j]
            one = 0.0
            for r in range(whole):
                one += x[r] * u[r]
            cells[p] = min(max(one, -1.0), 1.0)
            p += 1
            j += 1


@njit(cache=True, error_model="numpy")
def cell(i: int, j: int, n: int) -> int:
    """Place of the pair (i, j), i < j, in the upper triangle of [n, n]."""
    return i * (2 * n - i - 1) // 2 + j - i - 1


@njit(cache=True, error_model="numpy")
def square(cells: np.ndarray, kept: np.ndarray, m: int, n: int, out: np.ndarray) -> None:
    """The symmetric matrix [m, m] of the series ``kept[:m]``, ascending, of ``n`` with these cells."""
    for i in range(m):
        out[i, i] = 1.0
        before = cell(kept[i], kept[i] + 1, n) - kept[i] - 1
        for j in range(i + 1, m):
            out[i, j] = cells[before + kept[j]]
            out[j, i] = out[i, j]


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def lengthen(column: np.ndarray, rows: int, lengths: np.ndarray) -> None:
    """Add the squares of one unit column to the squared lengths of the bars."""
    for r in range(rows):
        lengths[r] += column[r] * column[r]


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def intensity(lengths: np.ndarray, rows: int, m: int, squares: float) -> float:
    """Ledoit and Wolf's weight of the identity for ``m`` unit columns, from the squared lengths of their bars and the
    sum of their squared correlations, each pair once.
    """
    if m < 2:
        return np.nan
    total = 0.0
    for r in range(rows):
        total += lengths[r] * lengths[r]
    away = 2.0 * squares / m
    if not away > 0.0:
        return 0.0
    noise = (total * rows - (2.0 * squares + m)) / (rows * m)
    return min(noise, away) / away


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def tridiagonal(a: np.ndarray, n: int, d: np.ndarray, e: np.ndarray, p: np.ndarray) -> None:
    """Householder's reduction of the lower triangle of ``a`` [n, n], destroyed: diagonal ``d``, squares of the
    subdiagonal ``e[:n - 1]``; ``p`` [n] is room.

    J. H. Wilkinson and C. Reinsch, Handbook for Automatic Computation II (1971), tred1. Each pass over a row serves
    both halves of the product with the symmetric matrix.
    """
    for i in range(n - 1, 0, -1):
        u = a[i]
        h = 0.0
        for k in range(i):
            h += u[k] * u[k]
        e[i - 1] = h
        f = u[i - 1]
        if i == 1 or h - f * f <= 0.0:
            e[i - 1] = f * f
            continue
        g = -math.sqrt(h) if f > 0.0 else math.sqrt(h)
        h -= f * g
        u[i - 1] = f - g
        inverse = 1.0 / h
        for k in range(i):
            p[k] = 0.0
        for j in range(i):
            row = a[j]
            x = u[j]
            total = 0.0
            for k in range(j):
                total += row[k] * u[k]
                p[k] += row[k] * x
            p[j] += total + row[j] * x
        f = 0.0
        for k in range(i):
            p[k] *= inverse
            f += p[k] * u[k]
        half = 0.5 * f * inverse
        for k in range(i):
            p[k] -= half * u[k]
        for j in range(i):
            row = a[j]
            x, y = u[j], p[j]
            for k in range(j + 1):
                row[k] -= x * p[k] + y * u[k]
    for i in range(n):
        d[i] = a[i, i]


@njit(cache=True, error_model="numpy")
def spectrum(a: np.ndarray, n: int, d: np.ndarray, e: np.ndarray) -> None:
    """Eigenvalues of the symmetric ``a`` [n, n], destroyed, into ``d`` [n], ascending; ``e`` [2 n] is room.

    The root-free QL iteration on the tridiagonal form (Pal, Walker and Kahan; Parlett, The Symmetric Eigenvalue
    Problem, 1980, 8.15).
    """
    tridiagonal(a, n, d, e, e[n:])
    for low in range(n):
        for _ in range(_SWEEPS):
            m = low
            while m < n - 1:
                size = abs(d[m]) + abs(d[m + 1])
                if e[m] <= _ROUNDING * size * size:
                    break
                m += 1
            if m == low:
                break
            root = math.sqrt(e[low])
            shift = (d[low + 1] - d[low]) / (2.0 * root)
            r = math.sqrt(shift * shift + 1.0)
            shift = d[low] - root / (shift + (r if shift >= 0.0 else -r))
            c, s = 1.0, 0.0
            gamma = d[m] - shift
            p = gamma * gamma
            for i in range(m - 1, low - 1, -1):
                b = e[i]
                r = p + b
                if i != m - 1:
                    e[i + 1] = s * r
                inverse = 1.0 / r
                before, old = c, gamma
                c = p * inverse
                s = b * inverse
                alpha = d[i]
                gamma = c * (alpha - shift) - s * old
                d[i + 1] = old + (alpha - gamma)
                p = gamma * gamma / c if c != 0.0 else before * b
            e[low] = s * p
            d[low] = shift + gamma
    d[:n].sort()


@njit(cache=True, error_model="numpy")
def distance(a: np.ndarray, z: np.ndarray, n: int) -> float:
    """z' A^-1 z by Cholesky's factor of the positive definite ``a`` [n, n]; both are destroyed. NaN if it is not."""
    total = 0.0
    for i in range(n):
        # right-looking: what is left of the matrix is updated by whole rows
        pivot = a[i, i]
        if not pivot > 0.0:
            return np.nan
        x = z[i] / pivot
        total += x * z[i]
        row = a[i]
        for j in range(i + 1, n):
            y = row[j] / pivot
            other = a[j]
            z[j] -= y * z[i]
            for k in range(j, n):
                other[k] -= y * row[k]
    return total
