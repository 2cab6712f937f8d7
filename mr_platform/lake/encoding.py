"""How the lake's Parquet is written: floats split by byte, integers as deltas, text by dictionary, zstd 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

WRITER_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "write_statistics": True,
    "store_schema": True,
}


def column_options(schema: pa.Schema) -> dict[str, Any]:
    """The encodings of each column by its type, as `pyarrow.parquet.ParquetWriter` takes them."""
    floats = [f.name for f in schema if pa.types.is_floating(f.type)]
    integers = [f.name for f in schema if pa.types.is_integer(f.type) or pa.types.is_temporal(f.type)]
    text = [f.name for f in schema if _is_text(f.type)]
    encodings = dict.fromkeys(floats, "BYTE_STREAM_SPLIT")
    encodings |= {name: "DELTA_BINARY_PACKED" for name in integers if schema.field(name).type.bit_width in (32, 64)}
    return {"use_dictionary": text or False, "column_encoding": encodings or None}


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def write_table(data: pa.Table, path: Path) -> None:
    """One file, one row group."""
    pq.write_table(data, path, row_group_size=max(data.num_rows, 1), **WRITER_OPTIONS, **column_options(data.schema))
