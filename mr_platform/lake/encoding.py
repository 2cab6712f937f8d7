"""How the lake's Parquet is written: under LZ4, by dictionary, as prices and quantities recur; counters as deltas.

On an option chain that is no larger than floats split by byte and integers as deltas under zstd 1, and is read and
written in two thirds of the time. A float that does not recur falls back to plain once its dictionary is full; where
columns are short, floats are plain from the start.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

WRITER_OPTIONS: dict[str, Any] = {
    "compression": "lz4",
    "use_dictionary": True,
    "write_statistics": True,
    "store_schema": True,
}
SHORT = 4096
"""Rows below which a float's dictionary or statistics would cost more than to write the column, and save little. Nor is
a row group of so few rows ever skipped for the range of a float."""


def writer_options(data: pa.Table) -> dict[str, Any]:
    """What ``pyarrow.parquet.ParquetWriter`` is told of rows such as these: a counter's head has no value twice."""
    head = data.slice(0, SHORT)
    kinds = zip(data.schema.names, data.schema.types, strict=True)
    wholes = (name for name, kind in kinds if _is_whole(kind))
    counters = [name for name in wholes if pc.count_distinct(head[name]).as_py() == head.num_rows]
    return WRITER_OPTIONS | _encodings(counters, [name for name in data.schema.names if name not in counters])


def write_table(data: pa.Table, path: Path) -> None:
    """One file, one row group."""
    if data.num_rows >= SHORT:
        pq.write_table(data, path, row_group_size=data.num_rows, **writer_options(data))
        return
    schema = data.schema
    others = [(name, kind) for name, kind in zip(schema.names, schema.types, strict=True) if not _is_float(kind)]
    counters = [name for name, kind in others if _is_whole(kind)]
    options = WRITER_OPTIONS | _encodings(counters, [name for name, kind in others if not _is_whole(kind)])
    options |= {"write_statistics": [name for name, _ in others] or False}
    # to a file each column would go in writes of a few hundred bytes
    whole = pa.BufferOutputStream()
    with pq.ParquetWriter(whole, schema, **options) as writer:
        writer.write_table(data, row_group_size=max(data.num_rows, 1))
    path.write_bytes(whole.getvalue())


def _encodings(counters: list[str], recurring: list[str]) -> dict[str, Any]:
    return {
        "use_dictionary": recurring or False,
        "column_encoding": dict.fromkeys(counters, "DELTA_BINARY_PACKED") or None,
    }


@functools.lru_cache(maxsize=256)
def _is_float(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind))


@functools.lru_cache(maxsize=256)
def _is_whole(kind: pa.DataType) -> bool:
    return bool((pa.types.is_integer(kind) or pa.types.is_temporal(kind)) and kind.bit_width in (32, 64))
