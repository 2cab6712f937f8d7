"""Long rows to dense arrays: which cell a row belongs to, and writing values there.

Kernels of the dense symbol-day (``mr_platform.market.chain``). A cell is the flat index
(minute, expiry, strike) of an array [M, E, K].
"""

from __future__ import annotations

import numpy as np

DROPPED = -1
"""The row is beyond what the day keeps (its expiry is too far)."""
OUTSIDE = -2
"""The row's minute is no bar of the session."""


def cell_index(
    minutes: np.ndarray,
    row_expiries: np.ndarray,
    row_strikes: np.ndarray,
    bar_of_minute: np.ndarray,
    expiries: np.ndarray,
    strikes: np.ndarray,
    keep_until: np.ndarray,
) -> np.ndarray:
    """Flat cell of every row.

    Shapes: ``minutes`` int64 [N] minute of the day, ``row_expiries`` int32 [N] days since 1970, ``row_strikes``
    float64 [N]; ``bar_of_minute`` int64 [1440] (-1 outside the session), ``expiries`` int32 [E] ascending, ``strikes``
    float64 [K] ascending, ``keep_until`` int64 [E]: the expiry's rows are kept in bars before it.
    Returns int64 [N]: (bar * E + expiry) * K + strike, or ``DROPPED``, or ``OUTSIDE``.
    """
    bars = np.where((minutes >= 0) & (minutes < bar_of_minute.size), bar_of_minute[np.clip(minutes, 0, 1439)], -1)
    e = np.searchsorted(expiries, row_expiries)
    e_safe = np.minimum(e, max(expiries.size - 1, 0))
    k = np.searchsorted(strikes, row_strikes)
    known = (e < expiries.size) & (expiries[e_safe] == row_expiries) if expiries.size else np.zeros(e.shape, bool)
    kept = known & (bars < keep_until[e_safe]) if expiries.size else known
    cells = (bars * expiries.size + e) * strikes.size + k
    return np.where(bars < 0, OUTSIDE, np.where(kept, cells, DROPPED)).astype(np.int64)


def deep_cells(cells: np.ndarray, deep: np.ndarray, keep_until: np.ndarray, n_strikes: int) -> np.ndarray:
    """Cells of an array that has some of the expiries only.

    ``cells`` int64 [N] of [M, E, K], ``deep`` int64 [E] the place of each expiry on the shorter axis (-1: none),
    ``keep_until`` int64 [E]: its rows are kept in bars before it. Returns int64 [N], cells of [M, max(deep) + 1, K];
    ``DROPPED`` where the expiry is left out; negative cells stay.
    """
    if not deep.size:
        return cells.copy()
    bar, e, k = cells // (n_strikes * deep.size), (cells // n_strikes) % deep.size, cells % n_strikes
    kept = (deep[e] >= 0) & (bar < keep_until[e])
    moved = (bar * (deep.max() + 1) + deep[e]) * n_strikes + k
    return np.where(cells < 0, cells, np.where(kept, moved, DROPPED)).astype(np.int64)


def first_seen(
    minutes: np.ndarray, row_expiries: np.ndarray, bar_of_minute: np.ndarray, expiries: np.ndarray
) -> np.ndarray:
    """Bar in which each expiry has its first row; int64 [E], the number of minutes in a day where it has none."""
    seen = np.full(expiries.size, bar_of_minute.size, np.int64)
    for i, expiry in enumerate(expiries):
        bars = bar_of_minute[minutes[row_expiries == expiry]]
        bars = bars[bars >= 0]
        if bars.size:
            seen[i] = bars.min()
    return seen


def count_cells(cells: np.ndarray, n_cells: int) -> np.ndarray:
    """How many rows fall on each cell; uint8 [n_cells], saturating at 255. Negative cells count nowhere."""
    counts = np.bincount(cells[cells >= 0], minlength=n_cells)
    return np.minimum(counts, 255).astype(np.uint8)


def scatter_pair(cells: np.ndarray, calls: np.ndarray, puts: np.ndarray, dense: np.ndarray) -> None:
    """Writes one field into ``dense`` float64 [n_cells, 2]: leg 0 the call, leg 1 the put, NaN where no row is.

    The caller gives the array: many fields in one allocation get huge pages, which many allocations do not.
    """
    dense[:] = np.nan
    inside = cells >= 0
    dense[cells[inside], 0] = calls[inside]
    dense[cells[inside], 1] = puts[inside]


def first_row_of_bar(
    bars: np.ndarray, row_expiries: np.ndarray, row_strikes: np.ndarray, values: np.ndarray, n_bars: int
) -> np.ndarray:
    """For quantities that every row of a bar repeats (spot, future): the row to read them from.

    The row with the least (expiry, strike) whose value is not NaN, whatever the order of the rows; int64 [n_bars],
    -1 where the bar has none. ``bars`` int64 [N], negative = left out.
    """
    rows = np.full(n_bars, -1, np.int64)
    for i in np.lexsort((row_strikes, row_expiries)):
        bar = bars[i]
        if bar >= 0 and rows[bar] < 0 and not np.isnan(values[i]):
            rows[bar] = i
    return rows


def all_have_places(
    row_expiries: np.ndarray,
    row_strikes: np.ndarray,
    first_day: int,
    last_day: int,
    most: int,
    expiries: np.ndarray,
    strikes: np.ndarray,
) -> bool:
    """Whether dense axes hold all that these rows need.

    A strike of a listed expiry needs its place. So does an expiry of ``first_day`` .. ``last_day`` (days since 1970)
    that is not listed, unless ``most`` nearer ones are. Axes and rows as for ``cell_index``.
    """
    listed = np.isin(row_expiries, expiries)
    wanted = (row_expiries >= first_day) & (row_expiries <= last_day) & (np.searchsorted(expiries, row_expiries) < most)
    return not bool((wanted & ~listed).any() or (listed & ~np.isin(row_strikes, strikes)).any())


def clashes(cells: np.ndarray, dense: np.ndarray) -> tuple[int, bool]:
    """How many rows lie outside, and whether two rows share a cell or a row's cell is filled in ``dense`` [n, 2]."""
    kept = cells[cells >= 0]
    repeated = np.unique(kept).size < kept.size
    return int(np.count_nonzero(cells == OUTSIDE)), bool(repeated or not np.isnan(dense[kept]).all())


def put_pair(cells: np.ndarray, calls: np.ndarray, puts: np.ndarray, dense: np.ndarray) -> None:
    """As ``scatter_pair`` into an array in use: what no row is of stays."""
    inside = cells >= 0
    dense[cells[inside], 0] = calls[inside]
    dense[cells[inside], 1] = puts[inside]


def put_rows(chosen: np.ndarray, values: np.ndarray, dense: np.ndarray) -> None:
    """Values [N] of the rows ``chosen`` [n_bars] into their bars of ``dense`` [n_bars]; -1 leaves a bar as it is."""
    dense[chosen >= 0] = values[chosen[chosen >= 0]]
