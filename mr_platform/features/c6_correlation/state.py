"""What a C6 kernel reads besides the changes of its series, and what it carries from minute to minute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c6_correlation.layout import (
    BLOCKS,
    N_GROUPS,
    N_PHASES,
    N_SCORES,
    N_SERIES,
    N_TIMEFRAMES,
    N_TRACKED,
    N_WINDOWS,
    TIMEFRAME_BLOCKS,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_CELLS = N_SERIES * (N_SERIES - 1) // 2
SIZE, TURBULENCE, PAIRS = range(3)
"""Columns of the traces: mean |r| over the middle window, ln of the turbulence, mean |r| of the tracked pairs."""
ABSORPTION_AT, SHIFT_AT, CONNECTIVITY_AT = 4 * N_PHASES, 4 * N_PHASES + 1, 4 * N_PHASES + 2
N_SPECTRAL = 4 * N_PHASES + 3
"""What comes from eigenvalues: four quantities of each phase, absorption ratio, its shift, algebraic connectivity."""
N_WEIGHTS = N_WINDOWS + N_PHASES - 1
"""Shrinkage of all series over each window, then of the first phases over the long one."""


@dataclass(frozen=True, eq=False)
class DayConstants:
    """Fixed during a session, besides the parameters.

    ``groups`` int64 [30] group of each series, -1 beyond the last phase; ``sizes`` int64 [4] series of each group;
    ``thresholds`` [6] of the tracked pairs in force; ``previous_close`` of the same underlying; ``previous_blocks``
    [10] block means that the previous session left. NaN for what is not known.
    """

    n_bars: int
    groups: Ints
    sizes: Ints
    thresholds: Floats
    previous_close: float
    previous_blocks: Floats


@dataclass(frozen=True, eq=False)
class Carried:
    """The session so far; filled in place. Nothing in it is an index into the chain.

    ``changes`` [5, 30, n_bars] over one minute and the timeframes; ``wings`` [n_bars, 2]; ``cells`` [3, n_bars, 435]
    upper triangles of the matrices by window, NaN for series that dropped out; ``means`` [3, n_bars, 30] and
    ``deviations`` [n_bars, 30] (long window) of the changes; ``counts`` [3, n_bars, 4] series left of each group;
    ``weights`` [n_bars, 6] shrinkage; ``spectral`` [n_bars, 19]; ``strength`` [n_bars, 6] |r| of the tracked pairs;
    ``traces`` [n_bars, 3]; ``trees`` [n_bars, 30] neighbour of each series towards the root, -1 outside the tree;
    ``graph`` [15] and ``timeframes`` [12] columns as of the last five-minute bar; ``score_changes`` [5, n_bars];
    ``returns`` [2, n_bars] of the underlying and its peer; ``alert`` [3] minute of the last alert, its level, alerts so
    far; ``blocks`` [10] last known block means over the long window; ``gap`` [1] weight of the overnight gap.
    """

    changes: Floats
    wings: Floats
    cells: Floats
    means: Floats
    deviations: Floats
    counts: Ints
    weights: Floats
    spectral: Floats
    strength: Floats
    traces: Floats
    trees: Ints
    graph: Floats
    timeframes: Floats
    score_changes: Floats
    returns: Floats
    alert: Floats
    blocks: Floats
    gap: Floats

    @staticmethod
    def fresh(n_bars: int) -> Carried:
        """Before the first minute."""
        return Carried(
            changes=np.full((1 + N_TIMEFRAMES, N_SERIES, n_bars), np.nan),
            wings=np.full((n_bars, 2), np.nan),
            cells=np.empty((N_WINDOWS, n_bars, N_CELLS)),
            means=np.empty((N_WINDOWS, n_bars, N_SERIES)),
            deviations=np.empty((n_bars, N_SERIES)),
            counts=np.zeros((N_WINDOWS, n_bars, N_GROUPS), np.int64),
            weights=np.full((n_bars, N_WEIGHTS), np.nan),
            spectral=np.full((n_bars, N_SPECTRAL), np.nan),
            strength=np.full((n_bars, N_TRACKED), np.nan),
            traces=np.full((n_bars, 3), np.nan),
            trees=np.full((n_bars, N_SERIES), -1, np.int64),
            graph=np.full(15, np.nan),
            timeframes=np.full(N_TIMEFRAMES * len(TIMEFRAME_BLOCKS), np.nan),
            score_changes=np.full((N_SCORES, n_bars), np.nan),
            returns=np.full((2, n_bars), np.nan),
            alert=np.array([np.nan, 0.0, 0.0]),
            blocks=np.full(len(BLOCKS), np.nan),
            gap=np.full(1, np.nan),
        )
