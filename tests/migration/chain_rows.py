"""Small option chains with everything in them that a transfer could lose, and a server that holds them."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.migration.contract import CHAIN_COLUMNS, TableContract, freeze
from mr_platform.migration.standin.market import chain_columns
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.standin.tables import Database
from mr_platform.sources.heavydb.schema import SourceColumn

TABLE = "nifty_option_chain"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
# two sessions, a Saturday without one, a session that the source lacks (2022-11-08 is a holiday, 2022-11-09 is not)
DAYS = (date(2022, 11, 4), date(2022, 11, 7), date(2022, 11, 10))
ODD_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0BAD))[0]


def chain(day: date, rows: int = 60, *, seed: int = 1) -> pa.Table:
    """Rows of one day in the warehouse's 48 columns: NULL beside '' beside 'NULL', blanks, -0.0, NaN with its bits."""
    random = np.random.default_rng(seed + day.toordinal())
    number = np.arange(rows)
    columns: dict[str, pa.Array] = {}
    for field in PLATFORM_CHAIN:
        if field.type == pa.date32():
            values: object = [day] * rows if field.name == "trade_date" else [date(2022, 11, 24)] * rows
        elif field.type == pa.time32("s"):
            values = [9 * 3600 + 15 * 60 + 60 * (n // 10) for n in range(rows)]
        elif pa.types.is_dictionary(field.type):
            words = ["NIFTY", "NIFTY"] if field.name == "index_name" else [None, "", "NULL", " x ", "x", "ü\u2028"]
            values = [words[n % len(words)] for n in number]
        elif pa.types.is_integer(field.type):
            values = [None if n % 7 == 3 else int(v) for n, v in enumerate(random.integers(0, 10**6, rows))]
        elif field.name == "strike":
            values = 18_000.0 + 50.0 * (number % 10)
        else:
            odd = [-0.0, 0.0, float("nan"), ODD_NAN, None, 5e-324, 1.7976931348623157e308, float("-inf")]
            values = [odd[n] if n < len(odd) else float(v) for n, v in enumerate(random.normal(100.0, 9.0, rows))]
        columns[field.name] = pa.array(values, PLATFORM_CHAIN.field(field.name).type)
    return pa.table(columns, schema=PLATFORM_CHAIN)


def contract(*, with_dte_bucket: bool = False) -> TableContract:
    """The contract of such a table."""
    columns = chain_columns(with_dte_bucket=with_dte_bucket)
    return freeze(TABLE, columns, symbol="NIFTY", profile="heavydb")


def source_columns(**types: str) -> list[SourceColumn]:
    """The chain's columns with some of another type."""
    return [SourceColumn(name, types.get(name, kind)) for name, kind in CHAIN_COLUMNS.items()]


def server(folder: Path, days: tuple[date, ...] = DAYS, *, rows: int = 60) -> StandIn:
    """A server (not yet started) with one table of these days."""
    database = Database(folder / "source.duckdb")
    database.create(TABLE, chain_columns(), [chain(day, rows) for day in days])
    return StandIn(database)
