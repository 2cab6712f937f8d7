"""The 30-day rolling record: how long the regime has lasted, how stable it has been, what came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.parameters.regimes import HistoryParameters


@dataclass(frozen=True)
class History:
    """The record at each row [n], from the rows of the 30 days up to and including it.

    ``duration_hours`` trading hours of the present run of one regime (nights and weekends do not count);
    ``stability`` 1 - transitions / (rows - 1) of the window, NaN for its only row; ``previous`` the regime
    before the present run, None where the window holds none; ``transitions`` changes in the window.
    """

    duration_hours: NDArray[np.float64]
    stability: NDArray[np.float64]
    previous: tuple[str | None, ...]
    transitions: NDArray[np.int64]


def record(event_ts: NDArray[np.datetime64], regimes: Sequence[str | None], parameters: HistoryParameters) -> History:
    """The record along rows in order of time, one for each bar of ``bar_minutes``; rows may span many sessions.

    A row without a regime (no signal) belongs to no run: it ends none, lasts nothing, and carries the record
    of the row before. Rows older than the window change nothing, however many are given.
    """
    if bool(np.any(np.diff(event_ts) <= np.timedelta64(0, "us"))):
        raise DataError(
            rule="rows come in order of time, each once",
            value=str(event_ts[:1]),
            place="regime history",
            remedy="sort by event_ts and drop duplicates",
        )
    n = len(regimes)
    duration, stability = np.full(n, np.nan), np.full(n, np.nan)
    transitions = np.zeros(n, dtype=np.int64)
    previous: list[str | None] = [None] * n

    rows = np.array([at for at, regime in enumerate(regimes) if regime is not None], dtype=np.int64)
    names = [regimes[at] for at in rows]
    moments = event_ts[rows]
    changed = np.array([k > 0 and names[k] != names[k - 1] for k in range(rows.size)], dtype=bool)
    run_start = np.maximum.accumulate(np.where(changed, np.arange(rows.size), 0)) if rows.size else rows
    so_far = np.cumsum(changed)
    window_start = np.searchsorted(moments, event_ts - np.timedelta64(parameters.days, "D"), side="right")
    latest = np.searchsorted(moments, event_ts, side="right") - 1
    for at in range(n):
        first, last = int(window_start[at]), int(latest[at])
        if last < first:
            continue
        start = max(int(run_start[last]), first)
        duration[at] = (last - start + 1) * parameters.bar_minutes / 60
        transitions[at] = so_far[last] - so_far[first]
        if last > first:
            stability[at] = 1 - transitions[at] / (last - first)
        previous[at] = names[start - 1] if start > first else None
    return History(duration, stability, tuple(previous), transitions)
