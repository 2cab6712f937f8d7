"""Files into the lake: what is published, what is refused, and that nothing old is harmed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mr_platform.errors import SourceError, UsageError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.sources.ingest import CHAIN, INDEX, QUARANTINE, IngestRow, ingest, rebuild

HEAD = "Symbol,Expiry,Strike,CE_LTP,CE_OI,CE_Volume,PE_LTP,PE_OI,PE_Volume,Spot,%Change,timestamp,Max_Pain"
NIFTY = Partition("NIFTY", date(2026, 1, 22))


def chain(symbol: str, stamps: list[str], step: int = 50) -> str:
    rows = [
        f"{symbol},2026-01-27,{strike}.0,{max(25050 - strike, 0) + 100},650,1300,"
        f"{max(strike - 25050, 0) + 100},1300,2600,25050,0.2,{stamp},25000"
        for stamp in stamps
        for strike in range(24500, 25500, step)
    ]
    return "\n".join([HEAD, *rows]) + "\n"


def drop(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("workers", [1, 2])
def test_each_symbol_day_is_published_and_counted(tmp_path: Path, lake: Lake, workers: int) -> None:
    files = tmp_path / "files"
    drop(files, "a.csv", chain("NIFTY", ["2026-01-22 10:00:31", "2026-01-22 20:00:00"]))
    drop(files, "b.csv", chain("BANKNIFTY", ["2026-01-22 10:00:31"], step=100))
    drop(files, "c.csv", chain("NIFTY", ["2026-01-23 06:57:17"]))
    seen: list[IngestRow] = []
    rows = ingest(lake, "nse_snapshots_5min", [files], workers=workers, progress=seen.append)
    found = [(r.symbol, r.date, r.raw_rows, r.core_rows, r.core_bars, r.quarantined_rows, r.status) for r in rows]
    assert found == [
        ("BANKNIFTY", "2026-01-22", 10, 10, 10, 0, "ok"),
        ("NIFTY", "2026-01-22", 40, 20, 20, 20, "ok"),
        ("NIFTY", "2026-01-23", 20, 0, 0, 20, "empty"),
    ]
    assert rows[2].reason
    assert sorted(row.date for row in seen) == ["2026-01-22", "2026-01-22", "2026-01-23"]
    assert lake.read(QUARANTINE, NIFTY).num_rows == 20


def test_ingesting_twice_changes_nothing(tmp_path: Path, lake: Lake) -> None:
    path = drop(tmp_path / "files", "a.csv", chain("NIFTY", ["2026-01-22 10:00:31"]))
    first = ingest(lake, "nse_snapshots_5min", [path])
    digest = lake.describe(CHAIN, NIFTY).digest
    assert ingest(lake, "nse_snapshots_5min", [path]) == first
    assert lake.describe(CHAIN, NIFTY).digest == digest


def test_files_delivered_one_by_one_give_what_they_give_together(tmp_path: Path, lake: Lake) -> None:
    files = tmp_path / "files"
    one = drop(files, "a.csv", chain("NIFTY", ["2026-01-22 10:00:31"]))
    two = drop(files, "b.csv", chain("NIFTY", ["2026-01-22 10:01:31"]))
    ingest(lake, "nse_snapshots_5min", [two])
    ingest(lake, "nse_snapshots_5min", [one])
    whole = Lake(tmp_path / "whole")
    ingest(whole, "nse_snapshots_5min", [files])
    assert lake.describe(CHAIN, NIFTY).digest == whole.describe(CHAIN, NIFTY).digest


def test_a_holiday_an_unknown_symbol_and_a_broken_file_are_refused_and_touch_nothing(
    tmp_path: Path, lake: Lake
) -> None:
    files = tmp_path / "files"
    drop(files, "good.csv", chain("NIFTY", ["2026-01-22 10:00:31"]))
    drop(files, "holiday.csv", chain("NIFTY", ["2026-01-26 10:00:31"]))
    drop(files, "unknown.csv", chain("GOLD", ["2026-01-22 10:00:31"]))
    (files / "broken.parquet").write_bytes(b"PAR1")
    rows = ingest(lake, "nse_snapshots_5min", [files])
    assert [(row.symbol, row.status) for row in rows] == [
        ("GOLD", "refused"),
        ("NIFTY", "ok"),
        ("NIFTY", "refused"),
        ("", "refused"),
    ]
    assert "exchange holiday" in rows[2].reason
    assert "broken.parquet" in rows[3].reason
    assert lake.partitions("raw/option_chain") == [NIFTY]


def test_the_order_of_chain_and_index_does_not_matter(tmp_path: Path, lake: Lake) -> None:
    text = "date,bar_start,symbol,open,high,low,close,volume,oi\n" + "".join(
        f"2022-11-01,{clock},NIFTY221103{strike}{side},{price},{price},{price},{price},50,100\n"
        for clock in ("09:15:00", "09:16:00")
        for strike in (18000, 18050, 18100)
        for side, price in (("CE", 18150 - strike), ("PE", 50))
    )
    bars = drop(tmp_path / "chain", "2022-11-01.csv", text)
    index = drop(tmp_path / "index", "a.txt", "NIFTY,20221101,09:16,18100,18110,18090,18105,0,0\n")
    ingest(lake, "nse_bars_1min", [bars])
    ingest(lake, "index_bars_end", [index])
    other = Lake(tmp_path / "other")
    ingest(other, "index_bars_end", [index])
    ingest(other, "nse_bars_1min", [bars])
    part = Partition("NIFTY", date(2022, 11, 1))
    assert other.read(INDEX, part)["close"].to_pylist() == [18105.0]
    assert lake.read(CHAIN, part)["spot"].to_pylist() == [18105.0] * 3 + [None] * 3
    assert lake.describe(CHAIN, part).digest == other.describe(CHAIN, part).digest


def test_core_can_be_rebuilt_as_of_a_moment_and_back(tmp_path: Path, lake: Lake) -> None:
    from datetime import datetime

    stamps = ["2026-01-22 10:00:31", "2026-01-22 10:03:31"]
    ingest(lake, "nse_snapshots_5min", [drop(tmp_path / "files", "a.csv", chain("NIFTY", stamps))])
    whole = lake.describe(CHAIN, NIFTY).digest
    assert rebuild(lake, NIFTY, as_of=datetime(2026, 1, 22, 10, 2)).core.num_rows == 40
    rebuild(lake, NIFTY)
    assert lake.describe(CHAIN, NIFTY).digest == whole


def test_nothing_that_was_asked_for_is_an_error_that_says_so(tmp_path: Path, lake: Lake) -> None:
    path = drop(tmp_path / "files", "a.csv", chain("NIFTY", ["2026-01-22 10:00:31"]))
    with pytest.raises(SourceError, match="what was asked for"):
        ingest(lake, "nse_snapshots_5min", [path], symbol="BANKNIFTY")
    with pytest.raises(SourceError, match=r"\*\.parquet"):
        ingest(lake, "nse_snapshots_5min", [tmp_path / "lake"] if (tmp_path / "lake").exists() else [_made(tmp_path)])
    with pytest.raises(UsageError, match="configs/sources"):
        ingest(lake, "nowhere", [path])


def _made(tmp_path: Path) -> Path:
    (tmp_path / "none").mkdir()
    return tmp_path / "none"
