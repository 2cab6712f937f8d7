"""The embedded market as the server's tables: ``{symbol}_option_chain`` at the real table's 48 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from mr_platform.market.simulator.generator import default_sessions, generate_sessions
from mr_platform.market.simulator.layout import PLATFORM_CHAIN, TEXT
from mr_platform.market.simulator.parameters import EmbeddedMarket
from mr_platform.migration.standin.tables import Database, declared
from mr_platform.sources.heavydb.schema import SourceColumn

DTE_BUCKETS = ((0, "0DTE"), (2, "1-2"), (7, "3-7"), (30, "8-30"))
_LAST_BUCKET = "31+"


def chain_columns(*, with_dte_bucket: bool = False) -> tuple[SourceColumn, ...]:
    """The 48 columns as the real table declares them; or 49, as later copies have them."""
    fields = [*PLATFORM_CHAIN, pa.field("dte_bucket", TEXT)] if with_dte_bucket else list(PLATFORM_CHAIN)
    return tuple(declared(field) for field in fields)


def table_name(symbol: str) -> str:
    return f"{symbol.lower()}_option_chain"


def fill_from_market(
    database: Database,
    config: EmbeddedMarket,
    *,
    symbols: Sequence[str],
    seed: int,
    sessions: Sequence[date] | None = None,
    with_dte_bucket: bool = False,
) -> dict[str, int]:
    """A table per symbol, its days in order; the rows of each table. Days default to the configuration's."""
    columns = chain_columns(with_dte_bucket=with_dte_bucket)
    days = default_sessions(config) if sessions is None else sessions
    for symbol in symbols:
        database.create(table_name(symbol), columns)
    for day in generate_sessions(config, symbols=symbols, sessions=days, seed=seed):
        rows = with_bucket(day.table) if with_dte_bucket else day.table
        database.append(table_name(day.symbol), rows)
    return {table_name(symbol): database.tables[table_name(symbol)].next_rowid for symbol in symbols}


def fill_from_tables(database: Database, table: str, parts: Iterator[pa.Table] | Sequence[pa.Table]) -> int:
    """A table from Arrow tables of one schema, declared as that schema says; the number of rows."""
    first, *rest = parts
    database.create(table, [declared(field) for field in first.schema], [first, *rest])
    return database.tables[table].next_rowid


def with_bucket(chain: pa.Table) -> pa.Table:
    """The chain with the 49th column, ``dte_bucket``, from days to expiry."""
    words = [
        None if days is None else next((word for most, word in DTE_BUCKETS if days <= most), _LAST_BUCKET)
        for days in chain.column("dte").to_pylist()
    ]
    return chain.append_column("dte_bucket", pa.array(words, pa.string()).dictionary_encode())


def new_database(path: Path) -> Database:
    """An empty database on a fresh file; an older one there is removed."""
    path.unlink(missing_ok=True)
    return Database(path)
