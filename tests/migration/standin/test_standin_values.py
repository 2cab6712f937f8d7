"""Every declared type and every odd value comes through the wire with its bits."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.market.simulator.generator import default_sessions, generate_sessions
from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.market.simulator.parameters import load_embedded_market
from mr_platform.migration.standin.market import chain_columns, fill_from_market, fill_from_tables
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.standin.tables import Database, declared
from mr_platform.sources.heavydb.connection import HeavyDb
from mr_platform.sources.heavydb.schema import SourceColumn, arrow_schema, normalised
from mr_platform.sources.heavydb.statements import count_by_date, rowid_range, select_chunk

TABLE = "odd_option_chain"
DAY = date(2024, 1, 20)
QUIET, PAYLOAD = 0x7FF8000000000000, 0x7FF8000000000ABC


def doubles(*bits: int) -> np.ndarray:
    return np.array(bits, np.uint64).view(np.float64)


EVERY = pa.table(
    {
        "trade_date": pa.array([DAY] * 4, pa.date32()),
        "b": pa.array([True, False, None, True]),
        "i8": pa.array([-128 + 1, 127, None, 0], pa.int8()),
        "i16": pa.array([-32767, 32767, None, 0], pa.int16()),
        "i32": pa.array([-(2**31) + 1, 2**31 - 1, None, 0], pa.int32()),
        "i64": pa.array([-(2**63) + 1, 2**63 - 1, None, 2**53 + 1], pa.int64()),
        "f32": pa.array([0.1, -0.0, None, 3.4e38], pa.float32()),
        "f64": pa.array(doubles(1 << 63, PAYLOAD, 1, 0x3FB999999999999A), mask=np.zeros(4, bool)),
        "dec": pa.array([Decimal("0.10"), Decimal("-99999999.99"), None, Decimal("1.00")], pa.decimal128(10, 2)),
        "wide": pa.array([Decimal("0.1000"), Decimal("1"), None, Decimal("12345678901234.5678")], pa.decimal128(18, 4)),
        "at": pa.array([time(0), time(23, 59, 59), None, time(9, 15)], pa.time32("s")),
        "ts0": pa.array([-1, 0, None, 4_102_444_800], pa.timestamp("s")),
        "ts3": pa.array([1, -1, None, 10**12 + 7], pa.timestamp("ms")),
        "ts6": pa.array([1, -1, None, 10**15 + 7], pa.timestamp("us")),
        "ts9": pa.array([1, -1, None, 10**18 + 7], pa.timestamp("ns")),
        "day": pa.array([date(1900, 1, 1), date(2099, 12, 31), None, DAY], pa.date32()),
        "word": pa.array(["", "NULL", None, "trailing "]).dictionary_encode(),
        "note": pa.array(["", "NULL", None, " é\t₹"]),
    }
)  # fmt: skip
COLUMNS = [SourceColumn("note", "STR") if field.name == "note" else declared(field) for field in EVERY.schema]


def bits(table: pa.Table, column: str, kind: type) -> list[int]:
    return table.column(column).to_numpy().view(kind).tolist()


@pytest.fixture(scope="module")
def market_day() -> pa.Table:
    market = load_embedded_market()
    days = default_sessions(market)[:1]
    return next(generate_sessions(market, symbols=["NIFTY"], sessions=days, seed=7)).table


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[StandIn]:
    database = Database(tmp_path / "odd.duckdb")
    database.create(TABLE, COLUMNS, EVERY)
    with StandIn(database) as server:
        yield server


def test_every_type_is_declared_and_every_value_arrives_with_its_bits(odd: StandIn) -> None:
    with HeavyDb(odd.settings) as db:
        assert db.details(TABLE) == COLUMNS
        pulled = normalised(db.arrow(select_chunk(TABLE, EVERY.column_names, DAY)), COLUMNS)
    assert pulled.schema == arrow_schema(COLUMNS)
    for name in EVERY.column_names:
        if name != "f64":
            assert pulled.column(name).to_pylist() == EVERY.column(name).to_pylist(), name
    assert bits(pulled, "f64", np.uint64) == [1 << 63, PAYLOAD, 1, 0x3FB999999999999A]
    assert struct.pack("<f", pulled.column("f32")[1].as_py()) == struct.pack("<f", -0.0)


def test_the_columnar_route_loses_what_the_real_one_loses_and_keeps_the_rest(odd: StandIn) -> None:
    with HeavyDb(odd.settings) as db:
        rows = db.rows(select_chunk(TABLE, ["i64", "wide", "f32", "word", "at", "ts6", "b"], DAY))
    assert rows[3][0] == 2**53 + 1
    assert rows[3][1] == 12345678901234.5678 and isinstance(rows[3][1], float)
    assert rows[0][2] == float(np.float32(0.1)) != 0.1
    assert [row[3] for row in rows] == ["", "NULL", None, "trailing "]
    assert rows[1][4:] == (time(23, 59, 59), datetime(1969, 12, 31, 23, 59, 59, 999999), 0)
    assert rows[2] == (None,) * 7


def test_a_not_null_column_is_declared_as_such(tmp_path: Path) -> None:
    rows = pa.table({"trade_date": pa.array([DAY]), "n": pa.array([1])})
    columns = [SourceColumn("trade_date", "DATE", encoding="DATE_IN_DAYS"), SourceColumn("n", "BIGINT", nullable=False)]
    database = Database(tmp_path / "t.duckdb")
    database.create(TABLE, columns, rows)
    with StandIn(database) as server, HeavyDb(server.settings) as db:
        assert db.details(TABLE) == columns
        pulled = db.arrow(select_chunk(TABLE, ["n"], DAY))
        assert pulled.schema.field("n").nullable is False


def test_rowids_keep_their_holes(tmp_path: Path) -> None:
    database = Database(tmp_path / "t.duckdb")
    fill_from_tables(database, TABLE, [EVERY])
    database.append(TABLE, EVERY, first_rowid=1000)
    with StandIn(database) as server, HeavyDb(server.settings) as db:
        assert db.rows(rowid_range(TABLE, DAY)) == [(8, 0, 1003)]
        assert db.arrow(select_chunk(TABLE, ["rowid"], DAY)).column(0).to_pylist() == [
            0,
            1,
            2,
            3,
            1000,
            1001,
            1002,
            1003,
        ]


def test_a_database_is_found_again_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    before = Database(path)
    before.create(TABLE, COLUMNS, EVERY)
    before.append(TABLE, EVERY)
    before.close()
    after = Database(path)
    assert after.tables == before.tables
    assert after.tables[TABLE].epoch == 2
    kept = pa.concat_tables([EVERY, EVERY]).drop_columns(["f64"])
    assert after.read(TABLE).drop_columns(["f64"]).to_pylist() == kept.to_pylist()
    after.append(TABLE, EVERY.slice(0, 1))
    assert after.read(TABLE).num_rows == 9
    assert after.tables[TABLE].next_rowid == 9


@pytest.mark.parametrize("width", [48, 49])
def test_the_embedded_market_is_served_as_the_real_table(tmp_path: Path, market_day: pa.Table, width: int) -> None:
    database = Database(tmp_path / "market.duckdb")
    table = "nifty_option_chain"
    columns = list(chain_columns(with_dte_bucket=width == 49))
    if width == 49:
        market = load_embedded_market()
        days = default_sessions(market)[:1]
        counts = fill_from_market(database, market, symbols=["NIFTY"], seed=7, sessions=days, with_dte_bucket=True)
        assert counts == {table: market_day.num_rows}
    else:
        assert fill_from_tables(database, table, [market_day]) == market_day.num_rows
    day = market_day.column("trade_date")[0].as_py()
    with StandIn(database) as server, HeavyDb(server.settings) as db:
        assert db.tables() == [table] and db.details(table) == columns
        assert len(columns) == width
        rows = market_day.num_rows
        assert db.rows(count_by_date(table, day, day)) == [(day, rows, 0, rows - 1)]
        pulled = normalised(db.arrow(select_chunk(table, [c.name for c in columns], day)), columns)
    for name in PLATFORM_CHAIN.names:
        mine, theirs = market_day.column(name), pulled.column(name)
        if pa.types.is_dictionary(mine.type):
            mine, theirs = mine.cast(pa.string()), theirs.cast(pa.string())
        if pa.types.is_floating(mine.type):
            assert mine.is_null().equals(theirs.is_null()), name
            mine, theirs = (values.drop_null().to_numpy().view(np.uint64) for values in (mine, theirs))
            assert np.array_equal(mine, theirs), name
        else:
            assert mine.equals(theirs), name
    if width == 49:
        pairs = set(zip(pulled.column("dte").to_pylist(), pulled.column("dte_bucket").to_pylist(), strict=True))
        assert len(pairs) > 1
        assert pairs <= {(n, "0DTE" if n == 0 else "1-2" if n < 3 else "3-7" if n < 8 else "8-30") for n in range(31)}
