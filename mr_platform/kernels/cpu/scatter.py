"""Long rows to dense arrays, compiled; see ``reference.scatter`` for the meaning of each function."""

from __future__ import annotations

import numpy as np
from numba import njit

from mr_platform.kernels.reference.scatter import DROPPED, OUTSIDE


@njit(cache=True)
def cell_index(
    minutes: np.ndarray,
    row_expiries: np.ndarray,
    row_strikes: np.ndarray,
    bar_of_minute: np.ndarray,
    expiries: np.ndarray,
    strikes: np.ndarray,
    keep_until: np.ndarray,
) -> np.ndarray:
    n_e, n_k = expiries.size, strikes.size
    cells = np.empty(minutes.size, np.int64)
    e = 0
    k = 0
    for i in range(minutes.size):
        minute = minutes[i]
        bar = bar_of_minute[minute] if 0 <= minute < bar_of_minute.size else -1
        if bar < 0:
            cells[i] = OUTSIDE
            continue
        expiry = row_expiries[i]
        # rows nearly always arrive sorted: the expiry repeats or is the next, the strike is the next or the first;
        # so try that before a search
        if e >= n_e or expiries[e] != expiry:
            e = e + 1 if e + 1 < n_e else 0
            if e >= n_e or expiries[e] != expiry:
                e = np.searchsorted(expiries, expiry)
            if e >= n_e or expiries[e] != expiry:
                cells[i] = DROPPED
                continue
        if bar >= keep_until[e]:
            cells[i] = DROPPED
            continue
        strike = row_strikes[i]
        k = k + 1 if k + 1 < n_k else 0
        if k >= n_k or strikes[k] != strike:
            k = np.searchsorted(strikes, strike)
        cells[i] = (bar * n_e + e) * n_k + k
    return cells


@njit(cache=True)
def deep_cells(cells: np.ndarray, deep: np.ndarray, keep_until: np.ndarray, n_strikes: int) -> np.ndarray:
    n_e, n_deep = deep.size, deep.max() + 1 if deep.size else 0
    out = np.empty(cells.size, np.int64)
    for i in range(cells.size):
        cell = cells[i]
        if cell < 0:
            out[i] = cell
            continue
        k = cell % n_strikes
        e = (cell // n_strikes) % n_e
        bar = cell // (n_strikes * n_e)
        out[i] = (bar * n_deep + deep[e]) * n_strikes + k if deep[e] >= 0 and bar < keep_until[e] else DROPPED
    return out


@njit(cache=True)
def first_seen(
    minutes: np.ndarray, row_expiries: np.ndarray, bar_of_minute: np.ndarray, expiries: np.ndarray
) -> np.ndarray:
    seen = np.full(expiries.size, bar_of_minute.size, np.int64)
    e = 0
    for i in range(minutes.size):
        bar = bar_of_minute[minutes[i]]
        if bar < 0:
            continue
        if e >= expiries.size or expiries[e] != row_expiries[i]:
            e = np.searchsorted(expiries, row_expiries[i])
            if e >= expiries.size or expiries[e] != row_expiries[i]:
                continue
        seen[e] = min(seen[e], bar)
    return seen


@njit(cache=True)
def count_cells(cells: np.ndarray, n_cells: int) -> np.ndarray:
    counts = np.zeros(n_cells, np.uint8)
    for cell in cells:
        if cell >= 0 and counts[cell] < 255:
            counts[cell] += 1
    return counts


@njit(cache=True)
def scatter_pair(cells: np.ndarray, calls: np.ndarray, puts: np.ndarray, dense: np.ndarray) -> None:
    # cells before `reached` are written; rows nearly always arrive sorted, so that one pass fills the gaps as it goes
    reached = 0
    for i in range(cells.size):
        cell = cells[i]
        if cell < 0:
            continue
        for gap in range(reached, cell):
            dense[gap, 0] = np.nan
            dense[gap, 1] = np.nan
        dense[cell, 0] = calls[i]
        dense[cell, 1] = puts[i]
        reached = max(reached, cell + 1)
    for gap in range(reached, len(dense)):
        dense[gap, 0] = np.nan
        dense[gap, 1] = np.nan


@njit(cache=True)
def first_row_of_bar(
    bars: np.ndarray, row_expiries: np.ndarray, row_strikes: np.ndarray, values: np.ndarray, n_bars: int
) -> np.ndarray:
    rows = np.full(n_bars, -1, np.int64)
    for i in range(bars.size):
        bar = bars[i]
        if bar < 0 or np.isnan(values[i]):
            continue
        held = rows[bar]
        if (
            held < 0
            or row_expiries[i] < row_expiries[held]
            or (row_expiries[i] == row_expiries[held] and row_strikes[i] < row_strikes[held])
        ):
            rows[bar] = i
    return rows


@njit(cache=True)
def all_have_places(
    row_expiries: np.ndarray,
    row_strikes: np.ndarray,
    first_day: int,
    last_day: int,
    most: int,
    expiries: np.ndarray,
    strikes: np.ndarray,
) -> bool:
    n_e, n_k = expiries.size, strikes.size
    e = 0
    k = 0
    for i in range(row_expiries.size):
        expiry = row_expiries[i]
        if e >= n_e or expiries[e] != expiry:
            e = np.searchsorted(expiries, expiry)
        if e < n_e and expiries[e] == expiry:
            k = k + 1 if k + 1 < n_k else 0
            if k >= n_k or strikes[k] != row_strikes[i]:
                k = np.searchsorted(strikes, row_strikes[i])
            if k >= n_k or strikes[k] != row_strikes[i]:
                return False
        elif first_day <= expiry <= last_day and e < most:
            return False
    return True


@njit(cache=True)
def clashes(cells: np.ndarray, dense: np.ndarray) -> tuple[int, bool]:
    outside = 0
    taken = False
    rising = True
    last = -1
    for cell in cells:
        if cell < 0:
            outside += cell == OUTSIDE
            continue
        taken |= not (np.isnan(dense[cell, 0]) and np.isnan(dense[cell, 1]))
        rising &= cell > last
        last = cell
    if not rising:
        ordered = np.sort(cells)
        for i in range(1, ordered.size):
            taken |= ordered[i] >= 0 and ordered[i] == ordered[i - 1]
    return outside, taken


@njit(cache=True)
def put_pair(cells: np.ndarray, calls: np.ndarray, puts: np.ndarray, dense: np.ndarray) -> None:
    for i in range(cells.size):
        if cells[i] >= 0:
            dense[cells[i], 0] = calls[i]
            dense[cells[i], 1] = puts[i]


@njit(cache=True)
def put_rows(chosen: np.ndarray, values: np.ndarray, dense: np.ndarray) -> None:
    for bar in range(chosen.size):
        if chosen[bar] >= 0:
            dense[bar] = values[chosen[bar]]
