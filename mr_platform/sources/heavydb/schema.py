"""Columns of a HeavyDB table and the Arrow types in which they arrive without loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mr_platform.errors import SourceError

ROW_ID = "rowid"
TEXT = pa.dictionary(pa.int32(), pa.string())
_PLAIN = {
    "BOOL": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIME": pa.time32("s"),
}
_TIMESTAMP_UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class SourceColumn:
    """A column as the server declares it.

    ``type`` and ``encoding`` are the protocol's own names (TDatumType, TEncodingType): SMALLINT, INT, BIGINT, FLOAT,
    DECIMAL, DOUBLE, STR, TIME, TIMESTAMP, DATE, BOOL, TINYINT; NONE, FIXED, DICT, DATE_IN_DAYS. An array's type is
    written ``ARRAY(...)``. ``precision`` and ``scale`` are those of a DECIMAL; a TIMESTAMP's precision is 0, 3, 6 or 9.
    """

    name: str
    type: str
    nullable: bool = True
    encoding: str = "NONE"
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        kind = self.type
        if kind == "DECIMAL":
            kind = f"DECIMAL({self.precision},{self.scale})"
        elif kind == "TIMESTAMP":
            kind = f"TIMESTAMP({self.precision})"
        encoding = "" if self.encoding == "NONE" else f" ENCODING {self.encoding}"
        return f"{self.name} {kind}{encoding}{'' if self.nullable else ' NOT NULL'}"


def arrow_type(column: SourceColumn) -> pa.DataType:
    """The Arrow type that holds every value of the column, bit for bit; SourceError where none is known.

    Dictionary-encoded text stays dictionary-encoded (int32 -> string); what counts are the texts, not their numbers.
    """
    if column.type == "STR":
        return TEXT if column.encoding == "DICT" else pa.string()
    if column.type == "DECIMAL" and 1 <= column.precision <= 38 and 0 <= column.scale <= column.precision:
        return pa.decimal128(column.precision, column.scale)
    if column.type == "TIMESTAMP" and column.precision in _TIMESTAMP_UNITS:
        return pa.timestamp(_TIMESTAMP_UNITS[column.precision])
    if column.type in _PLAIN:
        return _PLAIN[column.type]
    raise SourceError(
        rule="every source column has a type that Arrow holds without loss",
        value=str(column),
        place=f"column {column.name}",
        remedy=f"known: {', '.join(_PLAIN)}, DECIMAL, TIMESTAMP(0|3|6|9), STR; leave the column out or teach it here",
    )


def arrow_schema(columns: Sequence[SourceColumn]) -> pa.Schema:
    """The schema of ``normalised`` tables, nullability included."""
    return pa.schema([pa.field(column.name, arrow_type(column), nullable=column.nullable) for column in columns])


def normalised(table: pa.Table, columns: Sequence[SourceColumn]) -> pa.Table:
    """The table in ``arrow_schema(columns)``; values unchanged.

    Undone are only differences of transport: date64 at midnight (execution on a GPU) becomes date32, dictionary
    indices become int32, and each dictionary is cut to the texts in use, in order of appearance (the server ships a
    column's whole dictionary). Anything else (a name, an order, a type, NULL in a NOT NULL column) is a SourceError.
    """
    wanted = arrow_schema(columns)
    if table.column_names != wanted.names:
        missing = [name for name in wanted.names if name not in table.column_names]
        surplus = [name for name in table.column_names if name not in wanted.names]
        raise _drift(f"missing {missing}, surplus {surplus}, order {table.column_names}", "column names")
    return pa.Table.from_arrays([_column(table.column(field.name), field) for field in wanted], schema=wanted)


def _column(values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if values.null_count and not field.nullable:
        raise _drift(f"{values.null_count} NULL in a NOT NULL column", field.name)
    if pa.types.is_dictionary(field.type) and pa.types.is_dictionary(values.type):
        if values.type.value_type not in (pa.string(), pa.large_string()):
            raise _drift(values.type, field.name)
        return _compact(values)
    if values.type == field.type:
        return values
    if values.type == pa.date64() and field.type == pa.date32():
        if pc.any(pc.not_equal(_remainder(values), 0)).as_py():
            raise _drift("a DATE with a time of day", field.name)
        return values.cast(pa.date32())
    raise _drift(f"{values.type}, wanted {field.type}", field.name)


def _remainder(values: pa.ChunkedArray) -> pa.ChunkedArray:
    milliseconds = values.cast(pa.int64())
    days = pc.multiply(pc.divide(milliseconds, _DAY_MS), _DAY_MS)
    return pc.subtract(milliseconds, days)


def _compact(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same texts over a dictionary of only those in use, in order of appearance, one for all chunks."""
    merged = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    if isinstance(merged, pa.ChunkedArray):
        merged = merged.unify_dictionaries().combine_chunks()
    used = pc.unique(merged.indices).drop_null()
    words = merged.dictionary.take(used).cast(pa.string())
    codes = pc.index_in(merged.indices, value_set=used)
    codes = pc.if_else(pc.is_valid(merged.indices), codes, pa.scalar(None, pa.int32()))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, words)])


def _drift(value: object, place: str) -> SourceError:
    return SourceError(
        rule="a pull has the columns and types that the table declares",
        value=value,
        place=place,
        remedy="the source's schema changed or the answer is not Arrow of this table: plan again",
    )
