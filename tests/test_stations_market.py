"""Markets made on demand: simulated sessions, and options on a real index path."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mr_platform.errors import MissingPartition
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.stations import ingest_files, simulate, simulate_on_index
from schemas.tables import DAILY_BARS, INDEX_BARS, IST_TIMESTAMP

DAY = dt.date(2022, 11, 2)


def index_day(lake: Lake) -> np.ndarray:
    """A day of one-minute index bars in the lake, rising by a point a minute; its closes."""
    starts = np.datetime64("2022-11-02T03:45", "us") + np.arange(375) * np.timedelta64(60_000_000, "us")
    stamps = pa.array(starts).cast(pa.timestamp("us", "UTC")).cast(IST_TIMESTAMP)
    closes = 18_000.0 + np.arange(375)
    rows = {
        "symbol": ["NIFTY"] * 375,
        "ts": stamps,
        "open": closes - 1,
        "high": closes,
        "low": closes - 1,
        "close": closes,
        "raw_rows": np.ones(375, np.int32),
        "known_ts": stamps,
    }
    lake.publish("core/index_bars", Partition("NIFTY", DAY), pa.table(rows, schema=INDEX_BARS.arrow()))
    return closes


def volatility_index(lake: Lake) -> None:
    known = pa.array([np.datetime64("2022-11-01T10:00", "us")]).cast(pa.timestamp("us", "UTC")).cast(IST_TIMESTAMP)
    rows = {
        "symbol": ["INDIAVIX"],
        "trade_date": [DAY - dt.timedelta(days=1)],
        **{name: [16.0] for name in ("open", "high", "low", "close")},
        "known_ts": known,
    }
    lake.publish(
        "core/daily_bars", Partition("INDIAVIX", dt.date(1970, 1, 1)), pa.table(rows, schema=DAILY_BARS.arrow())
    )


def test_simulated_files_are_ingested_like_any_other(lake: Lake, tmp_path: Path) -> None:
    paths = simulate(tmp_path / "out", symbols=["NIFTY"], first=dt.date(2025, 1, 6), sessions=1, seed=5)
    assert [path.name for path in paths] == ["NIFTY_2025-01-06.parquet"]
    (row,) = ingest_files(lake, "platform_chain", paths)
    assert (row.symbol, row.date, row.status) == ("NIFTY", "2025-01-06", "ok")
    assert row.raw_rows == row.core_rows + row.quarantined_rows


def test_options_follow_the_real_path(lake: Lake, tmp_path: Path) -> None:
    closes = index_day(lake)
    volatility_index(lake)
    (path,) = simulate_on_index(lake, tmp_path, symbol="NIFTY", first=DAY, last=DAY, seed=3)
    table = pq.read_table(path)
    spots = dict(zip(table["trade_time"].to_pylist(), table["spot"].to_pylist(), strict=True))
    assert spots[dt.time(15, 29)] == pytest.approx(closes[-1], abs=0.05)
    assert spots[dt.time(12, 0)] == pytest.approx(closes[165], abs=0.05)


def test_a_path_without_its_volatility_index_is_refused(lake: Lake, tmp_path: Path) -> None:
    index_day(lake)
    with pytest.raises(MissingPartition, match="INDIAVIX"):
        simulate_on_index(lake, tmp_path, symbol="NIFTY", first=DAY, last=DAY, seed=3)
    with pytest.raises(MissingPartition, match="BANKNIFTY"):
        simulate_on_index(lake, tmp_path, symbol="BANKNIFTY", first=DAY, last=DAY, seed=3)
    assert list(tmp_path.glob("option_chain/*")) == []
