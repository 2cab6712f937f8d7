"""The schema contract of a migrated table: every column's type in HeavyDB, on the wire, in the lake and in BigQuery.

It is frozen when the table is planned. A chunk that arrives in another shape, or a source that is planned again in
another shape, stops the transfer with both schemas named; a type without a place in all four systems stops the plan.

Types in the lake are those of the wire, but where Parquet would change them: it has no seconds, so times and
timestamps of seconds become milliseconds (no value changes), and dates from a GPU, which come as milliseconds, become
days. Text is plain text; that the source keeps it in a dictionary is its own affair.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from mr_platform.errors import CorruptPartition, SourceError
from mr_platform.sources.heavydb.schema import ROW_ID, SourceColumn, arrow_type, normalised

TABLE_NAME = re.compile(r"^(?P<symbol>[a-z0-9]+)_option_chain$")
_LEG = (
    *(("symbol", "STR"), ("open", "DOUBLE"), ("high", "DOUBLE"), ("low", "DOUBLE"), ("close", "DOUBLE")),
    *(("volume", "BIGINT"), ("oi", "BIGINT"), ("coi", "DOUBLE"), ("iv", "DOUBLE"), ("delta", "DOUBLE")),
    *(("gamma", "DOUBLE"), ("theta", "DOUBLE"), ("vega", "DOUBLE"), ("rho", "DOUBLE")),
)
# The 48 columns of {symbol}_option_chain in order, each with the type it is declared with.
CHAIN_COLUMNS: Mapping[str, str] = {
    **{"trade_date": "DATE", "trade_time": "TIME", "expiry_date": "DATE", "index_name": "STR"},
    **{"spot": "DOUBLE", "atm_strike": "DOUBLE", "strike": "DOUBLE", "dte": "INT", "expiry_bucket": "STR"},
    **{"zone_id": "INT", "zone_name": "STR", "call_strike_type": "STR", "put_strike_type": "STR"},
    **{f"ce_{name}": kind for name, kind in _LEG},
    **{f"pe_{name}": kind for name, kind in _LEG},
    **{f"future_{name}": "DOUBLE" for name in ("open", "high", "low", "close")},
    **{"future_volume": "BIGINT", "future_oi": "BIGINT", "future_coi": "DOUBLE"},
}
LATER_COLUMNS = ("dte_bucket",)
_NUMERIC_SCALE, _NUMERIC_WHOLE, _BIGNUMERIC_DIGITS = 9, 29, 38


@dataclass(frozen=True)
class ColumnContract:
    """One column. ``source`` as the server declares it; the other types as their systems write them."""

    source: SourceColumn
    arrow: str
    lake: str
    parquet: str
    bigquery: str

    @property
    def name(self) -> str:
        """The column's name, the same everywhere."""
        return self.source.name


@dataclass(frozen=True)
class TableContract:
    """The columns of one table in the source's order. ``profile`` names the source profile that reads its rows."""

    table: str
    symbol: str
    profile: str
    columns: tuple[ColumnContract, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over table, symbol, profile and columns."""
        body = {key: value for key, value in self.document().items() if key != "digest"}
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    @property
    def names(self) -> list[str]:
        """Column names in the source's order."""
        return [column.name for column in self.columns]

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in memory, text at sixteen bytes a cell: for bounds and estimates."""
        widths = (_lake_type(column) for column in self.columns)
        return sum(16 if pa.types.is_large_string(kind) else max(kind.bit_width // 8, 1) for kind in widths)

    def schema(self) -> pa.Schema:
        """Arrow schema of the table's columns in the lake, before lineage columns."""
        return pa.schema([(column.name, _lake_type(column)) for column in self.columns])

    def document(self) -> dict[str, Any]:
        """As JSON, with the digest."""
        columns = [{**asdict(column), "source": asdict(column.source)} for column in self.columns]
        found: dict[str, Any] = {
            "table": self.table,
            "symbol": self.symbol,
            "profile": self.profile,
            "columns": columns,
        }
        return found | {"digest": hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> TableContract:
        """The contract as it was frozen; CorruptPartition where its digest or today's types say otherwise."""
        sources = [SourceColumn(**column["source"]) for column in document["columns"]]
        contract = freeze(document["table"], sources, symbol=document["symbol"], profile=document["profile"])
        if contract.document() != dict(document):
            raise CorruptPartition(
                rule="a frozen contract is the one that its source columns give",
                value=_difference(document["columns"], contract.document()["columns"]) or "another digest",
                place=f"contract of {document['table']}",
                remedy="the rules of the types have changed since: finish with the version that planned, or plan anew",
            )
        return contract

    def check_source(self, columns: Sequence[SourceColumn]) -> None:
        """SourceError where the source's columns are no longer those of the contract."""
        frozen = [column.source for column in self.columns]
        if list(columns) != frozen:
            raise SourceError(
                rule=f"the columns of {self.table} are those of its contract",
                value=_difference([str(c) for c in frozen], [str(c) for c in columns]) or "another order",
                place=f"{self.table}, contract {self.digest[:12]}",
                remedy="undo the change at the source; or, if it is meant, remove the table's plan and plan it anew",
            )

    def conform(self, chunk: pa.Table) -> pa.Table:
        """The chunk in the lake's types, every value the same; a ``rowid`` column goes along as the last.

        Text stays dictionary-encoded where it came so (`plain` undoes that). SourceError where names, order or types
        are not those of the contract, or a NULL stands in a column declared NOT NULL; both schemas are named.
        """
        columns = [column.source for column in self.columns]
        if ROW_ID in chunk.column_names:
            columns.append(SourceColumn(ROW_ID, "BIGINT", nullable=False))
        try:
            whole = normalised(chunk, columns)
        except SourceError as error:
            raise self._drift(chunk.schema, error) from error
        arrays = {column.name: _in_lake(whole.column(column.name), _lake_type(column)) for column in self.columns}
        if ROW_ID in chunk.column_names:
            arrays[ROW_ID] = whole.column(ROW_ID)
        return pa.table(arrays)

    def plain(self, table: pa.Table) -> pa.Table:
        """A conformed table with its text as plain text: the contract's `schema`, and ``rowid`` if it is there."""
        fields = {field.name: field.type for field in self.schema()} | {ROW_ID: pa.int64()}
        arrays = {name: _plain(table.column(name), fields[name]) for name in table.column_names}
        return pa.table(arrays)

    def _drift(self, found: pa.Schema, error: SourceError) -> SourceError:
        expected = [f"{column.name} {column.arrow}" for column in self.columns]
        arrived = [f"{field.name} {field.type}" for field in found if field.name != ROW_ID]
        return SourceError(
            rule=f"every chunk of {self.table} has the schema of its contract",
            value="; ".join(filter(None, (_difference(expected, arrived), f"{error.value} at {error.place}"))),
            place=f"{self.table}, contract {self.digest[:12]}",
            remedy="the table was changed while it was read: undo the change, or plan the table anew",
        )


def freeze(table: str, columns: Sequence[SourceColumn], *, symbol: str, profile: str) -> TableContract:
    """The contract of a table from its source columns.

    SourceError for a column whose type has no lossless place (table, column and type named), and for a table that
    has not the 48 columns of the chain, or these and `LATER_COLUMNS`.
    """
    names = [column.name for column in columns]
    unknown = sorted(set(names) - set(CHAIN_COLUMNS) - set(LATER_COLUMNS))
    missing = [name for name in CHAIN_COLUMNS if name not in names]
    if unknown or missing or len(set(names)) != len(names):
        raise SourceError(
            rule=f"an option chain has the {len(CHAIN_COLUMNS)} columns of its kind, and {LATER_COLUMNS[0]} or not",
            value=f"{len(names)} columns; missing {missing}, unknown {unknown}",
            place=table,
            remedy="leave the table out with --table, or take its columns up in the contract",
        )
    return TableContract(table, symbol, profile, tuple(_contract(table, column) for column in columns))


def unexpected_types(contract: TableContract) -> list[str]:
    """Columns whose source type is not the chain's own, as ``name: found (expected)``: moved, but worth a look."""
    return [
        f"{column.name}: {column.source.type} (expected {CHAIN_COLUMNS[column.name]})"
        for column in contract.columns
        if column.name in CHAIN_COLUMNS and column.source.type != CHAIN_COLUMNS[column.name]
    ]


def _contract(table: str, column: SourceColumn) -> ColumnContract:
    try:
        wire = arrow_type(column)
    except SourceError as error:
        raise _homeless(table, column) from error
    lake = _lake(wire)
    named = _named(lake)
    if named is None:
        raise _homeless(table, column)
    return ColumnContract(column, str(wire), str(lake), *named)


def _homeless(table: str, column: SourceColumn) -> SourceError:
    return SourceError(
        rule="every type of the source has a place in Arrow, Parquet and BigQuery",
        value=str(column),
        place=f"{table}.{column.name}",
        remedy="name the type in mr_platform/migration/contract.py, with a test that it survives bit for bit",
    )


def _lake(wire: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(wire) or pa.types.is_string(wire) or pa.types.is_large_string(wire):
        return pa.large_string()
    if pa.types.is_date64(wire):
        return pa.date32()
    if pa.types.is_time32(wire):
        return pa.time32("ms")
    if pa.types.is_timestamp(wire) and wire.unit == "s":
        return pa.timestamp("ms", tz=wire.tz)
    return wire


def _named(lake: pa.DataType) -> tuple[str, str] | None:
    """What Parquet and BigQuery call a type of the lake; None for one that they have no place for."""
    if pa.types.is_decimal128(lake):
        fits = lake.scale <= _NUMERIC_SCALE and lake.precision - lake.scale <= _NUMERIC_WHOLE
        kind = "NUMERIC" if fits else "BIGNUMERIC"
        return (
            f"FIXED_LEN_BYTE_ARRAY DECIMAL({lake.precision}, {lake.scale})",
            f"{kind}({lake.precision}, {lake.scale})",
        )
    if pa.types.is_timestamp(lake):
        # BigQuery ends at microseconds: nanoseconds keep their bits there as a number
        google = "INT64" if lake.unit == "ns" else "TIMESTAMP" if lake.tz else "DATETIME"
        unit = {"ms": "MILLIS", "us": "MICROS", "ns": "NANOS"}[lake.unit]
        return f"INT64 TIMESTAMP({unit}, {'UTC' if lake.tz else 'local'})", google
    names = {
        pa.bool_(): ("BOOLEAN", "BOOL"),
        pa.int8(): ("INT32 INT(8)", "INT64"),
        pa.int16(): ("INT32 INT(16)", "INT64"),
        pa.int32(): ("INT32", "INT64"),
        pa.int64(): ("INT64", "INT64"),
        pa.float32(): ("FLOAT", "FLOAT64"),
        pa.float64(): ("DOUBLE", "FLOAT64"),
        pa.large_string(): ("BYTE_ARRAY STRING", "STRING"),
        pa.date32(): ("INT32 DATE", "DATE"),
        pa.time32("ms"): ("INT32 TIME(MILLIS)", "TIME"),
    }
    return names.get(lake)


def _in_lake(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Seconds as milliseconds; text is left as it came."""
    return values if pa.types.is_large_string(kind) else values.cast(kind, safe=True)


def _plain(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values.cast(kind)


def _lake_type(column: ColumnContract) -> pa.DataType:
    return _lake(arrow_type(column.source))


def _difference(expected: Sequence[Any], found: Sequence[Any]) -> str:
    """What stands in the one and not in the other, both in full."""
    lacking = [item for item in expected if item not in found]
    added = [item for item in found if item not in expected]
    parts = [f"contract has {_short(lacking)}"] if lacking else []
    return "; ".join(parts + ([f"source has {_short(added)}"] if added else []))


def _short(items: Sequence[Any]) -> str:
    return ", ".join(_words(item) for item in items[:6])


def _words(item: Any) -> str:
    return str(SourceColumn(**item.get("source", item))) if isinstance(item, Mapping) else str(item)
