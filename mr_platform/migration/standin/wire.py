"""Answers as the server writes them: Arrow frames, and the columns or rows of Thrift."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mr_platform.sources.heavydb.schema import SourceColumn

_END_OF_STREAM = 8
_REAL = ("FLOAT", "DOUBLE", "DECIMAL")
# what the server stores for NULL, and sends beside the flag that says so
_NULLS = {"BOOL": -128, "TINYINT": -128, "SMALLINT": -(2**15), "INT": -(2**31)}
_NULL_INTEGER = -(2**63)
_NULL_REALS = {"FLOAT": 1.1754943508222875e-38}
_NULL_REAL = 2.2250738585072014e-308


def arrow_frame(table: pa.Table) -> bytes:
    """Schema, one dictionary a text column (the column's whole dictionary), ONE record batch; no end-of-stream mark.

    For no rows the server's record batch has no columns and there are no dictionaries.
    """
    if table.num_rows == 0:
        empty = pa.record_batch([], schema=pa.schema([]))
        return bytes(table.schema.serialize()) + bytes(empty.serialize())
    sink = pa.BufferOutputStream()
    batches = table.combine_chunks().to_batches()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    whole = sink.getvalue()
    return bytes(whole.slice(0, whole.size - _END_OF_STREAM))


def type_info(column: SourceColumn) -> Any:
    from heavydb.common.ttypes import TDatumType, TEncodingType, TTypeInfo

    return TTypeInfo(
        type=TDatumType._NAMES_TO_VALUES[column.type],
        encoding=TEncodingType._NAMES_TO_VALUES[column.encoding],
        nullable=column.nullable,
        is_array=False,
        precision=column.precision,
        scale=column.scale,
        comp_param=32 if column.encoding in ("DICT", "DATE_IN_DAYS") else 0,
        size=-1,
    )


def described(name: str, column: SourceColumn, number: int) -> Any:
    from heavydb.thrift.ttypes import TColumnType

    return TColumnType(
        col_name=name,
        col_type=type_info(column),
        is_reserved_keyword=False,
        src_name="",
        is_system=False,
        is_physical=False,
        col_id=number,
    )


def columnar(table: pa.Table, columns: list[SourceColumn]) -> list[Any]:
    """TColumn by column: dates and times in seconds, FLOAT and DECIMAL as double (the server's own loss)."""
    from heavydb.thrift.ttypes import TColumn, TColumnData

    found = []
    for values, column in zip(table.columns, columns, strict=True):
        nulls = values.is_null().to_pylist()
        if column.type == "STR":
            data = TColumnData(str_col=pc.fill_null(values.cast(pa.string()), "").to_pylist())
        elif column.type in _REAL:
            data = TColumnData(
                real_col=pc.fill_null(values.cast(pa.float64()), _NULL_REALS.get(column.type, _NULL_REAL)).to_pylist()
            )
        else:
            data = TColumnData(
                int_col=pc.fill_null(_integers(values, column), _NULLS.get(column.type, _NULL_INTEGER)).to_pylist()
            )
        found.append(TColumn(data=data, nulls=nulls))
    return found


def rowwise(columns: list[Any]) -> list[Any]:
    """The same answer row by row: TRow of TDatum."""
    from heavydb.thrift.ttypes import TDatum, TDatumVal, TRow

    lists = []
    for column in columns:
        data = column.data
        kind = "int_val" if data.int_col is not None else "real_val" if data.real_col is not None else "str_val"
        values = next(part for part in (data.int_col, data.real_col, data.str_col) if part is not None)
        lists.append(
            [
                TDatum(val=TDatumVal(**{kind: value}), is_null=null)
                for value, null in zip(values, column.nulls, strict=True)
            ]
        )
    return [TRow(cols=list(row)) for row in zip(*lists, strict=True)]


def _integers(values: pa.ChunkedArray, column: SourceColumn) -> pa.ChunkedArray:
    if column.type == "DATE":
        return values.cast(pa.timestamp("s")).cast(pa.int64())
    if column.type == "TIME":
        return values.cast(pa.int32()).cast(pa.int64())
    return values.cast(pa.int64())
