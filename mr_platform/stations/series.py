"""Five-minute sessions out of the lake, for labels and regimes; read once a process and kept by file version."""

from __future__ import annotations

import functools
from datetime import date, timedelta

import numpy as np

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.regimes.windows import SessionBars, bars_from_context, bars_from_minutes
from mr_platform.stations.features import CONTEXT

INDEX_BARS = "core/index_bars"
# Calendar days that hold the longest trailing window of 252 sessions.
_TRAILING = timedelta(days=400)
# Calendar days that surely hold the session after one, over the longest run of holidays.
_FOLLOWING = timedelta(days=10)
# The other symbol that takes part in the mean pairwise correlation.
SECOND_SYMBOL = {"NIFTY": "BANKNIFTY", "BANKNIFTY": "NIFTY", "FINNIFTY": "NIFTY", "MIDCPNIFTY": "NIFTY"}


def chain_sessions(lake: Lake, symbol: str, around: date) -> list[SessionBars]:
    """Sessions kept in core/daily_context, from 400 days before ``around`` to ten days after it, in order."""
    return [
        _from_context(lake, found, _version(lake, CONTEXT, found)) for found in _near(lake, CONTEXT, symbol, around)
    ]


def index_sessions(lake: Lake, symbol: str, around: date) -> list[SessionBars]:
    """Sessions of core/index_bars before ``around``, in order."""
    return [
        _from_index(lake, found, _version(lake, INDEX_BARS, found))
        for found in _near(lake, INDEX_BARS, symbol, around)
        if found.trade_date < around
    ]


def second_sessions(lake: Lake, symbol: str, around: date) -> dict[date, SessionBars]:
    """The second symbol's sessions by date: its chain's where present, else its index bars'."""
    other = SECOND_SYMBOL.get(symbol)
    if other is None:
        return {}
    found = {bars.trade_date: bars for bars in index_sessions(lake, other, around)}
    return found | {bars.trade_date: bars for bars in chain_sessions(lake, other, around)}


def _near(lake: Lake, table: str, symbol: str, around: date) -> list[Partition]:
    return [
        partition
        for partition in lake.partitions(table, symbol=symbol)
        if around - _TRAILING <= partition.trade_date <= around + _FOLLOWING
    ]


def _version(lake: Lake, table: str, partition: Partition) -> tuple[str, int, int]:
    found = lake.path(table, partition).stat()
    return str(lake.root), found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=4096)
def _cached(kind: str, root: str, partition: Partition, stamp: int, size: int) -> SessionBars:
    from pathlib import Path

    lake = Lake(Path(root))
    if kind == CONTEXT:
        return bars_from_context(lake.read(CONTEXT, partition))
    rows = lake.read(INDEX_BARS, partition, columns=["ts", "close"])
    stamps = rows["ts"].cast("timestamp[us]").to_numpy()
    # a timestamp with a zone is stored in UTC; IST is ahead of it by five and a half hours
    minutes = ((stamps - np.datetime64(partition.trade_date, "us")) // np.timedelta64(1, "m")).astype(np.int64) + 330
    return bars_from_minutes(partition.trade_date, minutes, rows["close"].to_numpy())


def _from_context(lake: Lake, partition: Partition, version: tuple[str, int, int]) -> SessionBars:
    return _cached(CONTEXT, version[0], partition, version[1], version[2])


def _from_index(lake: Lake, partition: Partition, version: tuple[str, int, int]) -> SessionBars:
    return _cached(INDEX_BARS, version[0], partition, version[1], version[2])
