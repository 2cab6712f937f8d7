"""A small migration that has been planned, moved and verified, with every type that the source can hold."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import chain_rows
import pyarrow as pa

from mr_platform.lake.store import Lake
from mr_platform.migration.ledger import Entry, Ledger
from mr_platform.migration.plan import plan
from mr_platform.migration.reader import RAW
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.standin.tables import Database, declared
from mr_platform.migration.transfer import transfer
from mr_platform.migration.verify import Verification, verify
from mr_platform.sources.heavydb.connection import HeavyDb

TABLE = "nifty_option_chain"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAYS = (date(2022, 11, 4), date(2022, 11, 7))
ROWS = 24
# the chain has no column of these types, the source may
RETYPED = {
    "dte": pa.int8(),
    "zone_id": pa.int16(),
    "ce_rho": pa.decimal128(12, 4),
    "pe_rho": pa.float32(),
    "ce_coi": pa.timestamp("ms"),
    "future_open": pa.timestamp("s"),
    "future_close": pa.timestamp("ns"),
    "future_coi": pa.bool_(),
}


def source_rows(day: date) -> pa.Table:
    """One day of the chain; each key stands once."""
    table = chain_rows.chain(day, ROWS)
    for name, kind in RETYPED.items():
        values = [None if n % 7 == 3 else _value(kind, n) for n in range(ROWS)]
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values, kind))
    return table


def _value(kind: pa.DataType, n: int) -> object:
    if pa.types.is_decimal(kind):
        return Decimal(n * 12_345 - 60_000).scaleb(-4)
    if pa.types.is_timestamp(kind):
        return datetime(2022, 11, 4, 9, 15) + timedelta(minutes=n, milliseconds=0 if kind.unit == "s" else n)
    return n % 3 == 0 if pa.types.is_boolean(kind) else n * 0.1 if pa.types.is_floating(kind) else n


def start_server(folder: Path, days: tuple[date, ...] = DAYS) -> StandIn:
    """A running server whose one table has these days."""
    database = Database(folder / "source.duckdb")
    server = StandIn(database).start()
    fill(server, days)
    return server


def fill(server: StandIn, days: tuple[date, ...] = DAYS) -> None:
    """Put the rows as they were into the server's table, row ids from 0."""
    parts = [source_rows(day) for day in days]
    server.database.create(TABLE, [declared(field) for field in parts[0].schema], parts)


@dataclass(frozen=True)
class Moved:
    """A lake beside its source."""

    server: StandIn
    lake: Lake

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.lake)

    def plan(self) -> None:
        with HeavyDb(self.server.settings) as db:
            plan(db, self.ledger, now=NOW).record(self.ledger)

    def transfer(self) -> None:
        transfer(self.server.settings, self.lake, self.ledger, now=NOW)

    def verify(self, *days: date, sample: float = 1.0) -> list[Verification]:
        """Of these days, or of whatever is transferred."""
        entries = [self.entry(day) for day in days] or None
        return verify(self.server.settings, self.lake, self.ledger, entries=entries, sample=sample, now=NOW)

    def entry(self, day: date = DAYS[0]) -> Entry:
        return self.ledger.entry(TABLE, day)

    def file(self, day: date = DAYS[0]) -> Path:
        return self.lake.path(RAW, self.entry(day).partition, source="heavydb")

    def copy(self, folder: Path) -> Moved:
        """The same on a copy of the lake."""
        shutil.copytree(self.lake.root, folder)
        return Moved(self.server, Lake(folder))
