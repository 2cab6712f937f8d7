"""The landing folder: whole files count, half-written ones wait, nothing is taken twice."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.sources.landing import collect, landed_days, probe

DAY = Partition("NIFTY", date(2026, 1, 22))
LIVE = "nse_snapshots_5min"


def frame(*clocks: str, symbol: str = "NIFTY") -> pl.DataFrame:
    numbers = ("CE_LTP", "CE_OI", "CE_Volume", "PE_LTP", "PE_OI", "PE_Volume", "Spot")
    rows = [
        {"Symbol": symbol, "Expiry": "2026-01-27", "Strike": 25000.0, "timestamp": f"2026-01-22 {clock}"}
        | dict.fromkeys(numbers, 100.0)
        for clock in clocks
    ]
    return pl.DataFrame(rows)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    (tmp_path / "landing" / LIVE).mkdir(parents=True)
    return tmp_path / "landing"


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-22 {clock}")


def test_a_bar_has_landed_when_a_snapshot_of_its_last_minute_or_later_is_there(landing: Path) -> None:
    assert "no file of 2026-01-22" in probe(landing, LIVE, "NIFTY", at("10:05"))
    frame("10:00:31", "10:03:59").write_parquet(landing / LIVE / "a.parquet")
    assert "newest data is of 10:03:59" in probe(landing, LIVE, "NIFTY", at("10:05"))
    assert probe(landing, LIVE, "NIFTY", at("10:04")) == ""
    frame("10:04:01").write_parquet(landing / LIVE / "b.parquet")
    assert probe(landing, LIVE, "NIFTY", at("10:05")) == ""
    assert "no file" in probe(landing, LIVE, "BANKNIFTY", at("10:05"))


def test_unfinished_files_wait_and_are_taken_when_whole(landing: Path, lake: Lake) -> None:
    whole = landing / LIVE / "a.parquet"
    frame("10:00:31").write_parquet(whole)
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    (landing / LIVE / "b.parquet.tmp").write_bytes(data)
    (landing / LIVE / ".c.parquet").write_bytes(data)
    assert "1 unfinished files wait, such as a.parquet" in probe(landing, LIVE, "NIFTY", at("10:01"))
    assert collect(lake, landing, LIVE, DAY) == 0
    whole.write_bytes(data)
    assert probe(landing, LIVE, "NIFTY", at("10:01")) == ""
    assert collect(lake, landing, LIVE, DAY) == 1


def test_a_file_is_taken_once_by_its_content(landing: Path, lake: Lake) -> None:
    frame("10:00:31").write_parquet(landing / LIVE / "a.parquet")
    assert collect(lake, landing, LIVE, DAY) == 1
    (landing / LIVE / "copy.parquet").write_bytes((landing / LIVE / "a.parquet").read_bytes())
    assert collect(lake, landing, LIVE, DAY) == 0
    assert lake.describe("raw/option_chain", DAY, source=LIVE).rows == 1


def test_a_file_that_has_grown_replaces_its_earlier_state(landing: Path, lake: Lake) -> None:
    path = landing / LIVE / "today.csv"
    frame("10:00:31").write_csv(path)
    assert collect(lake, landing, LIVE, DAY) == 1
    frame("10:00:31", "10:01:31").write_csv(path)
    assert collect(lake, landing, LIVE, DAY) == 1
    assert lake.describe("raw/option_chain", DAY, source=LIVE).rows == 2


def test_only_the_symbol_day_asked_for_is_taken_and_nothing_from_until_on(landing: Path, lake: Lake) -> None:
    frame("10:00:31").write_parquet(landing / LIVE / "a.parquet")
    frame("10:07:31").write_parquet(landing / LIVE / "b.parquet")
    frame("10:00:31", symbol="BANKNIFTY").write_parquet(landing / LIVE / "c.parquet")
    assert collect(lake, landing, LIVE, DAY, until=at("10:05")) == 1
    assert lake.partitions("raw/option_chain") == [DAY]
    assert collect(lake, landing, LIVE, DAY) == 1
    assert landed_days(landing, LIVE) == [Partition("BANKNIFTY", DAY.trade_date), DAY]


def test_a_new_process_reads_only_what_is_new(landing: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from mr_platform.sources import landing as room

    frame("10:00:31").write_parquet(landing / LIVE / "a.parquet")
    frame("10:00:31", symbol="BANKNIFTY").write_parquet(landing / LIVE / "b.parquet")
    assert collect(lake, landing, LIVE, DAY) == 1
    frame("10:01:31").write_parquet(landing / LIVE / "c.parquet")
    room._seen.clear()
    read: list[str] = []
    real = room.read_files

    def counted(profile, paths, **more):
        read.extend(path.name for path in paths)
        return real(profile, paths, **more)

    monkeypatch.setattr(room, "read_files", counted)
    assert collect(lake, landing, LIVE, DAY) == 1
    assert read == ["c.parquet"]
