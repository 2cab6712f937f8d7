"""Small hand-made chains: one contract unless said otherwise, NIFTY on Wednesday 2024-01-03, expiry 2024-01-04."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.sources.bars import Bars, to_bars
from mr_platform.sources.profile import Profile, parse_profile

DAY = date(2024, 1, 3)
EXPIRY = date(2024, 1, 4)

_LONG = {
    "name": "small",
    "kind": "chain",
    "shape": "long",
    "observation": "snapshot",
    "volume": "cumulative",
    "time": [{"columns": ["at"], "formats": ["%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M"]}],
    "columns": {
        "symbol": "name",
        "expiry": "expiry",
        "strike": "strike",
        "side": "side",
        "close": "ltp",
        "volume": "volume",
        "oi": "oi",
        "iv": "iv",
    },
    "missing": {"close": [0], "iv": [0]},
}


@pytest.fixture
def small_profile() -> Callable[..., Profile]:
    """A long snapshot profile; keyword arguments replace keys of its mapping."""

    def make(**changes: Any) -> Profile:
        return parse_profile({**_LONG, **changes}, Path("small.yaml"))

    return make


@pytest.fixture
def snapshot() -> Callable[..., dict[str, Any]]:
    """One snapshot row of the 21500 call; ``at`` is HH:MM:SS."""

    def make(at: str, ltp: float | None = 100.0, volume: float | None = None, **more: Any) -> dict[str, Any]:
        row = {"at": f"2024-01-03 {at}", "name": "NIFTY", "expiry": "2024-01-04", "strike": 21500.0, "side": "CE"}
        return row | {"ltp": ltp, "volume": volume, "oi": 500.0, "iv": 0.15} | more

    return make


@pytest.fixture
def bars_of() -> Callable[..., Bars]:
    """Bars of rows given as dictionaries."""

    def make(rows: list[dict[str, Any]], profile: Profile, as_of: datetime | None = None) -> Bars:
        session = nse_calendar().session(DAY)
        return to_bars(pa.Table.from_pylist(rows), profile, session, instrument("NIFTY"), as_of=as_of)

    return make


@pytest.fixture
def calls() -> Callable[..., list[tuple[Any, ...]]]:
    """HH:MM of each bar and the call's fields."""

    def rows(bars: Bars, *fields: str) -> list[tuple[Any, ...]]:
        return bars.frame.select(pl.col("ts").dt.strftime("%H:%M"), *(f"ce_{name}" for name in fields)).rows()

    return rows
