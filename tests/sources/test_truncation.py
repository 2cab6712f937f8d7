"""A stopped clock, and a source cut off at that clock: both answer alike, however the source is made."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from mr_platform import stations
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

DAY = Partition("NIFTY", date(2026, 1, 22))
HEAD = "Symbol,Expiry,Strike,CE_LTP,CE_OI,CE_Volume,PE_LTP,PE_OI,PE_Volume,Spot,%Change,timestamp,Max_Pain"
# Minutes with two snapshots, one, none, a gap beyond three minutes, and one leg that is said once only.
SAID = ("10:00:10", "10:00:50", "10:01:59", "10:03:01", "10:09:00", "10:10:30", "10:14:00")


def snapshots(until: str = "99:99") -> str:
    rows = [
        f"NIFTY,2026-01-27,{strike},{100 + 7 * at},{650 + at},{1300 * (at + 1)},{90 - at},1300,2600,25050,0,"
        f"2026-01-22 {clock},0"
        for at, clock in enumerate(SAID)
        for strike in (25000, 25050, *((25100,) if at == 0 else ()))
        if clock[:5] <= until
    ]
    return "\n".join([HEAD, *rows]) + "\n"


@pytest.fixture
def whole(tmp_path: Path) -> Lake:
    """A lake that holds all snapshots."""
    return lake_of(tmp_path / "whole", snapshots())


def lake_of(home: Path, text: str) -> Lake:
    home.mkdir()
    (home / "day.csv").write_text(text)
    (row,) = stations.ingest_files(Lake(home / "lake"), "nse_snapshots_5min", [home / "day.csv"])
    assert row.core_bars > 0
    return Lake(home / "lake")


def minutes(core: pa.Table) -> list[str]:
    return sorted({stamp.strftime("%H:%M") for stamp in core["ts"].to_pylist()})


@pytest.mark.parametrize("clock", ["10:00", "10:01", "10:02", "10:04", "10:05", "10:06", "10:08", "10:09", "10:13"])
def test_a_source_cut_off_answers_as_the_whole_one_with_its_clock_stopped(
    whole: Lake, tmp_path: Path, clock: str
) -> None:
    until = int(clock[:2]) * 60 + int(clock[3:])
    cut = lake_of(tmp_path / "cut", snapshots(clock))
    stopped, shorter = stations.known_core(whole, DAY, until=until), stations.known_core(cut, DAY, until=until)
    assert stopped.equals(shorter, check_metadata=True)
    assert max(minutes(stopped)) <= clock
    published = stations.known_core(whole, DAY)
    assert stopped.equals(published.slice(0, stopped.num_rows))


def test_after_the_last_snapshot_it_stands_for_three_minutes_while_the_session_is_open(whole: Lake) -> None:
    assert minutes(stations.known_core(whole, DAY))[-1] == "10:14"
    assert minutes(stations.known_core(whole, DAY, until=10 * 60 + 40))[-1] == "10:16"
    assert stations.known_core(whole, DAY, until=15 * 60 + 29).num_rows == stations.known_core(whole, DAY).num_rows


def test_features_of_a_source_cut_off_equal_those_of_the_whole_one(whole: Lake, tmp_path: Path) -> None:
    cut = lake_of(tmp_path / "cut", snapshots("10:04"))
    one, other = (stations.compute_features(lake, DAY, until=10 * 60 + 4).to_table(every=1) for lake in (whole, cut))
    assert one.num_rows == 50
    assert one.to_pandas().equals(other.to_pandas())
    head = stations.compute_features(whole, DAY).to_table(every=1).slice(0, 50)
    assert one.to_pandas().equals(head.to_pandas())
