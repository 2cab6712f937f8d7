"""No look-ahead from the source on: rows after a minute change no bit of any feature up to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mr_platform import stations
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

MONDAY, TUESDAY = date(2024, 7, 1), date(2024, 7, 2)
SIMULATED, SNAPSHOTS = "platform_chain", "nse_snapshots_full"


@dataclass(frozen=True)
class Source:
    """Files of a session in a profile, what lies before it, and the lake that took up all of it."""

    profile: str
    files: Sequence[Path]
    before: Sequence[Path]
    partitions: Sequence[Partition]
    whole: Lake

    def cut(self, folder: Path, clock: time) -> Lake:
        """A lake of the same files whose session ends with the bar at ``clock``."""
        end = datetime.combine(self.partitions[0].trade_date, clock) + timedelta(minutes=1)
        (folder / "files").mkdir(parents=True)
        for file in self.files:
            rows = pl.read_parquet(file)
            rows.filter(said_at(rows, self.profile) < end).write_parquet(folder / "files" / file.name)
        return taken_up(folder / "lake", self.profile, self.before, sorted((folder / "files").iterdir()))


def said_at(rows: pl.DataFrame, profile: str) -> pl.Series:
    """Moment of each row, naive IST."""
    if profile == SNAPSHOTS:
        return rows["Fetch_Time"].str.to_datetime("%d-%b-%Y %H:%M:%S")
    return rows.select(pl.col("trade_date").dt.combine(pl.col("trade_time"))).to_series()


def taken_up(folder: Path, profile: str, before: Sequence[Path], files: Sequence[Path]) -> Lake:
    """A lake with all of both, and what the sessions before have left."""
    lake = Lake(folder)
    if before:
        stations.ingest_files(lake, profile, before)
        for partition in lake.partitions("core/option_chain"):
            stations.publish_features(lake, partition)
    stations.ingest_files(lake, profile, files)
    return lake


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The second session of both symbols of the embedded market, after their first."""
    folder = tmp_path_factory.mktemp("simulated")
    symbols = ("NIFTY", "BANKNIFTY")
    written = stations.simulate(folder, symbols=symbols, first=MONDAY, sessions=2, seed=None)
    before, files = ([path for path in written if str(day) in path.name] for day in (MONDAY, TUESDAY))
    lake = taken_up(folder / "lake", SIMULATED, before, files)
    return Source(SIMULATED, files, before, [Partition(symbol, TUESDAY) for symbol in symbols], lake)


@pytest.fixture(scope="module")
def snapshots(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A real session of snapshots 65 seconds and, where the collector failed, up to 19 minutes apart."""
    files = [shared_data / "chain_full_day_2025-08-29" / "BANKNIFTY_20250829.parquet"]
    lake = taken_up(tmp_path_factory.mktemp("snapshots"), SNAPSHOTS, (), files)
    return Source(SNAPSHOTS, files, (), [Partition("BANKNIFTY", date(2025, 8, 29))], lake)


def differing(source: Source, cut: Lake, clock: time) -> list[str]:
    """Features of which a bit differs between the whole source, asked as of ``clock``, and the cut one."""
    found = []
    until = clock.hour * 60 + clock.minute
    for partition in source.partitions:
        full, part = (stations.compute_features(lake, partition, until=until) for lake in (source.whole, cut))
        assert full.minutes[-1] == part.minutes[-1] == until
        assert np.isfinite(full.values).any(axis=0).mean() > 0.7
        for name, a, b in zip(full.names, full.values.T, part.values.T, strict=True):
            if a.tobytes() != b.tobytes():
                found.append(f"{partition} {name}")
    return found


@pytest.mark.parametrize("clock", [time(10, 15), time(14, 2)])
def test_a_market_cut_at_the_source_gives_what_a_stopped_clock_gives(
    simulated: Source, tmp_path: Path, clock: time
) -> None:
    assert differing(simulated, simulated.cut(tmp_path, clock), clock) == []


@pytest.mark.parametrize("clock", [time(10, 16), time(12, 0)])
def test_real_snapshots_cut_at_the_source_give_what_a_stopped_clock_gives(
    snapshots: Source, tmp_path: Path, clock: time
) -> None:
    assert differing(snapshots, snapshots.cut(tmp_path, clock), clock) == []
