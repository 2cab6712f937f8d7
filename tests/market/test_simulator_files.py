"""The embedded market as files: the same bytes however it is written, and files of a minute each."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mr_platform.market.simulator.generator import generate_sessions
from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.market.simulator.parameters import load_embedded_market
from mr_platform.market.simulator.writer import WrittenMarket, write_files

SEED = 7
SESSIONS = [date(2024, 7, 4), date(2024, 7, 5)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WrittenMarket]:
    folder = tmp_path_factory.mktemp("market")
    config = load_embedded_market()
    return folder, write_files(folder, config, symbols=["NIFTY", "BANKNIFTY"], sessions=SESSIONS, seed=SEED)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _decoded(table: pa.Table) -> pa.Table:
    """The table with its text spelt out: a file keeps only the words that occur."""
    columns = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    return pa.table(columns, names=table.column_names)


def test_one_file_a_symbol_day_named_by_symbol_and_date_and_nothing_else_left(
    written: tuple[Path, WrittenMarket],
) -> None:
    folder, market = written
    stems = [f"{symbol}_{day}" for day in SESSIONS for symbol in ("NIFTY", "BANKNIFTY")]
    assert [f"{day.symbol}_{day.trade_date}" for day in market.days] == stems
    expected = {f"option_chain/{stem}.parquet" for stem in stems} | {f"truth/{stem}.parquet" for stem in stems}
    expected |= {f"daily/{name}.parquet" for name in ("nifty", "banknifty", "indiavix")}
    assert set(_digests(folder)) == expected
    for day in market.days:
        assert pq.read_metadata(day.chain[0]).num_rows == day.rows
        assert pq.read_schema(day.chain[0]).names == PLATFORM_CHAIN.names


def test_two_processes_write_the_same_bytes_as_one(written: tuple[Path, WrittenMarket], tmp_path: Path) -> None:
    config = load_embedded_market()
    again = write_files(tmp_path, config, symbols=["NIFTY", "BANKNIFTY"], sessions=SESSIONS[::-1], seed=SEED, workers=2)
    assert _digests(tmp_path) == _digests(written[0])
    assert [day.planted for day in again.days] == [day.planted for day in written[1].days]


def test_files_hold_what_the_generator_gives(written: tuple[Path, WrittenMarket]) -> None:
    config = load_embedded_market()
    (day,) = generate_sessions(config, symbols=["NIFTY"], sessions=SESSIONS[:1], seed=SEED)
    on_disk = pq.ParquetFile(written[1].days[0].chain[0]).read()
    assert _decoded(on_disk).cast(_decoded(day.table).schema).equals(_decoded(day.table))
    assert on_disk.schema.names == PLATFORM_CHAIN.names
    assert pq.ParquetFile(written[1].days[0].truth).read()["regime"].equals(day.truth["regime"])


def test_minute_files_add_up_to_the_day_and_stop_at_as_of(tmp_path: Path) -> None:
    config = load_embedded_market()
    until = datetime(2024, 7, 4, 9, 25)
    market = write_files(
        tmp_path, config, symbols=["NIFTY"], sessions=SESSIONS[:1], seed=SEED, as_of=until, minutely=True
    )
    (day,) = market.days
    assert [path.name for path in day.chain] == [f"NIFTY_2024-07-04_09{minute}.parquet" for minute in range(15, 25)]
    parts = [pq.ParquetFile(path).read() for path in day.chain]
    assert {part["trade_time"].to_pylist()[0] for part in parts} == {
        part["trade_time"].to_pylist()[-1] for part in parts
    }
    assert sum(part.num_rows for part in parts) == day.rows
    (whole,) = generate_sessions(config, symbols=["NIFTY"], sessions=SESSIONS[:1], seed=SEED)
    assert whole.table["spot"].slice(0, day.rows).to_pylist() == [v for part in parts for v in part["spot"].to_pylist()]


def test_daily_files_end_before_the_first_session(written: tuple[Path, WrittenMarket]) -> None:
    for path in written[1].daily:
        bars = pq.ParquetFile(path).read()
        assert bars.column_names == ["date", "open", "high", "low", "close"]
        assert bars["date"].to_pylist()[-1] == date(2024, 7, 3)
        assert bars.num_rows > 3 * 240
