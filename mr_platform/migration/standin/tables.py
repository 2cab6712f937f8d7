"""A database as the server keeps it: typed columns, text as numbers of a dictionary, rowids, an epoch per table.

Backed by one DuckDB file that is open read-only whenever it answers; only the test's own hand (``create``, ``append``,
``rewrite``) opens it for writing, between answers. Values are stored without lossy compression: NaN bits and -0.0 stay.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mr_platform.errors import UsageError
from mr_platform.migration.standin import catalogue
from mr_platform.migration.standin.catalogue import Dictionary, StoredTable
from mr_platform.sources.heavydb.schema import ROW_ID, SourceColumn, arrow_type

_STORED = {
    "BOOL": "BOOLEAN",
    "TINYINT": "TINYINT",
    "SMALLINT": "SMALLINT",
    "INT": "INTEGER",
    "BIGINT": "BIGINT",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "DATE": "DATE",
    "TIME": "INTEGER",
    "TIMESTAMP": "BIGINT",
}


class Database:
    """Tables by name, from the file where it exists. ``answer`` runs a query; several threads may, and writers wait."""

    def __init__(self, path: Path, *, threads: int = 1, memory: str = "512MB") -> None:
        self.path = path
        self.tables: dict[str, StoredTable] = {}
        self._config = {"threads": threads, "memory_limit": memory}
        self._connection: Any = None
        self._turn = threading.Condition()
        self._readers = 0
        if path.exists():
            with self._reading() as connection:
                self.tables = catalogue.load(connection)

    def create(self, name: str, columns: Sequence[SourceColumn], rows: pa.Table | Iterable[pa.Table] = ()) -> None:
        """A new table, or a new version of it, with these rows: rowids from 0 in their order, the epoch one higher."""
        before = self.tables.get(name)
        declared = tuple(columns)
        for column in declared:
            arrow_type(column)
        words = {c.name: Dictionary() for c in declared if c.type == "STR" and c.encoding == "DICT"}
        number = before.number if before else len(self.tables) + 1
        table = StoredTable(name, number, declared, words, before.epoch if before else 0)
        fields = ", ".join(f'"{c.name}" {_stored(c)}' for c in declared)
        with self._writing() as connection:
            catalogue.forget(connection, number)
            connection.execute(f'CREATE OR REPLACE TABLE "{name}" ("{ROW_ID}" BIGINT, {fields})')
            for part in [rows] if isinstance(rows, pa.Table) else rows:
                self._insert(connection, table, part)
            table.epoch += 1
            catalogue.save(connection, table)
            self.tables[name] = table

    def append(self, name: str, rows: pa.Table, *, first_rowid: int | None = None) -> None:
        """More rows, with rowids after the last (or from ``first_rowid``)."""
        table = self._table(name)
        with self._writing() as connection:
            if first_rowid is not None:
                table.next_rowid = first_rowid
            self._insert(connection, table, rows)
            table.epoch += 1
            catalogue.save(connection, table)

    def rewrite(self, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
        """The table with its rows as ``change`` makes them of all its rows; rowids are counted anew. For small tables.

        A column that ``change`` adds, drops or retypes is declared as its Arrow type says (``declared``).
        """
        before = self._table(name)
        after = change(self.read(name))
        old = {column.name: column for column in before.columns}
        columns = tuple(
            old[f.name] if f.name in old and arrow_type(old[f.name]) == f.type else declared(f) for f in after.schema
        )
        self.create(name, columns, after)

    def read(self, name: str) -> pa.Table:
        """All rows without rowid, in rowid order, in the types of ``arrow_type``."""
        table = self._table(name)
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        stored = self.answer(f'SELECT {columns} FROM "{name}" ORDER BY "{ROW_ID}"')
        return served(stored, [(column.name, column, table.dictionaries.get(column.name)) for column in table.columns])

    def answer(self, sql: str, *, seconds: float | None = None) -> pa.Table:
        """DuckDB's own SQL on the stored form (``served`` gives it back its types). TimeoutError after ``seconds``."""
        import duckdb

        with self._reading() as connection:
            cursor = connection.cursor()
            timer = threading.Timer(seconds, cursor.interrupt) if seconds is not None else None
            if timer is not None:
                timer.daemon = True
                timer.start()
            try:
                return cursor.sql(sql).to_arrow_table()
            except duckdb.InterruptException as error:
                raise TimeoutError(f"interrupted after {seconds} s") from error
            finally:
                if timer is not None:
                    timer.cancel()
                cursor.close()

    def close(self) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._readers == 0)
            self._drop_connection()

    def _table(self, name: str) -> StoredTable:
        if name not in self.tables:
            raise UsageError(
                rule="the stand-in has the table",
                value=name,
                place=str(self.path),
                remedy=f"it has {', '.join(sorted(self.tables)) or 'none'}",
            )
        return self.tables[name]

    def _insert(self, connection: Any, table: StoredTable, rows: pa.Table) -> None:
        count = rows.num_rows
        numbers = np.arange(table.next_rowid, table.next_rowid + count, dtype=np.int64)
        stored = {ROW_ID: pa.array(numbers)}
        for column in table.columns:
            stored[column.name] = _to_stored(rows.column(column.name), column, table.dictionaries.get(column.name))
        connection.register("incoming", pa.table(stored))
        connection.execute(f'INSERT INTO "{table.name}" SELECT * FROM incoming')
        connection.unregister("incoming")
        table.next_rowid += count

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        import duckdb

        with self._turn:
            if self._connection is None:
                self._connection = duckdb.connect(str(self.path), read_only=True, config=self._config)
            self._readers += 1
            connection = self._connection
        try:
            yield connection
        finally:
            with self._turn:
                self._readers -= 1
                self._turn.notify_all()

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        import duckdb

        with self._turn:
            self._turn.wait_for(lambda: self._readers == 0)
            self._drop_connection()
            connection = duckdb.connect(str(self.path), config=self._config)
            try:
                # the default compression of doubles writes -0.0 as 0.0
                connection.execute("SET force_compression = 'uncompressed'")
                catalogue.prepare(connection)
                yield connection
            finally:
                connection.close()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def declared(field: pa.Field) -> SourceColumn:
    """The column that an Arrow field is loaded into: text dictionary-encoded, dates in days, as the real table has."""
    kind, name, nullable = field.type, field.name, field.nullable
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return SourceColumn(name, "STR", nullable, "DICT")
    if pa.types.is_date(kind):
        return SourceColumn(name, "DATE", nullable, "DATE_IN_DAYS")
    if pa.types.is_time(kind):
        return SourceColumn(name, "TIME", nullable)
    if pa.types.is_timestamp(kind):
        return SourceColumn(name, "TIMESTAMP", nullable, precision={"s": 0, "ms": 3, "us": 6, "ns": 9}[kind.unit])
    if pa.types.is_decimal(kind):
        return SourceColumn(name, "DECIMAL", nullable, precision=kind.precision, scale=kind.scale)
    plain = {
        pa.bool_(): "BOOL",
        pa.int8(): "TINYINT",
        pa.int16(): "SMALLINT",
        pa.int32(): "INT",
        pa.int64(): "BIGINT",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
    }
    if kind not in plain:
        raise UsageError(
            rule="the stand-in stores the type", value=kind, place=f"column {name}", remedy="declare another"
        )
    return SourceColumn(name, plain[kind], nullable)


def served(stored: pa.Table, outputs: Sequence[tuple[str, SourceColumn, Dictionary | None]]) -> pa.Table:
    """Stored columns in the types in which the server serves them; ``outputs`` name, column and words of each."""
    arrays, fields = [], []
    for position, (name, column, words) in enumerate(outputs):
        values = stored.column(position)
        merged = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
        if isinstance(merged, pa.ChunkedArray):
            merged = pa.array([], values.type)
        kind = arrow_type(column)
        if words is not None:
            merged = pa.DictionaryArray.from_arrays(merged, words.array())
        elif column.type in ("TIME", "TIMESTAMP"):
            merged = merged.view(kind)
        elif merged.type != kind:
            merged = merged.cast(kind)
        arrays.append(merged)
        fields.append(pa.field(name, kind, nullable=column.nullable))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _stored(column: SourceColumn) -> str:
    if column.type == "STR":
        return "INTEGER" if column.encoding == "DICT" else "VARCHAR"
    if column.type == "DECIMAL":
        return f"DECIMAL({column.precision},{column.scale})"
    return _STORED[column.type]


def _to_stored(values: pa.ChunkedArray, column: SourceColumn, words: Dictionary | None) -> pa.Array | pa.ChunkedArray:
    if words is not None:
        return words.encode(values)
    kind = arrow_type(column)
    if pa.types.is_dictionary(values.type):
        values = values.cast(pa.string())
    if values.type != kind:
        values = values.cast(kind)
    if column.type == "TIME":
        return values.cast(pa.int32())
    if column.type == "TIMESTAMP":
        return values.cast(pa.int64())
    if not column.nullable and pc.any(values.is_null()).as_py():
        raise UsageError(
            rule="a NOT NULL column has no NULL", value=column, place=column.name, remedy="declare it nullable"
        )
    return values
