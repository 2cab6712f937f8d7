"""How the lake's Parquet is written: floats split by byte, integers as deltas, text by dictionary, zstd 1.

Where columns are short, floats are plain under LZ4.
"""

from __future__ import annotations

import functools
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
SHORT = 4096
"""Rows below which a column is too short for zstd and for floats split by byte: to set these up would cost more than to
write it, and save a thirtieth of the bytes. Nor is a row group of so few rows ever skipped for the range of a float."""


def column_options(schema: pa.Schema) -> dict[str, Any]:
    """The encodings of each column by its type, as `pyarrow.parquet.ParquetWriter` takes them."""
    kinds = [(field.name, _encoding(field.type)) for field in schema]
    return {
        "use_dictionary": [name for name, encoding in kinds if encoding == "DICTIONARY"] or False,
        "column_encoding": {name: encoding for name, encoding in kinds if encoding not in ("", "DICTIONARY")} or None,
    }


def write_table(data: pa.Table, path: Path) -> None:
    """One file, one row group."""
    options = WRITER_OPTIONS | column_options(data.schema)
    if data.num_rows >= SHORT:
        pq.write_table(data, path, row_group_size=data.num_rows, **options)
        return
    others = [field.name for field in data.schema if not pa.types.is_floating(field.type)]
    encodings = {name: one for name, one in (options["column_encoding"] or {}).items() if name in others}
    options |= {"column_encoding": encodings or None, "write_statistics": others or False}
    options |= {"compression": "lz4", "compression_level": None}
    # to a file each column would go in writes of a few hundred bytes
    whole = pa.BufferOutputStream()
    pq.write_table(data, whole, row_group_size=max(data.num_rows, 1), **options)
    path.write_bytes(whole.getvalue())


@functools.lru_cache(maxsize=256)
def _encoding(kind: pa.DataType) -> str:
    """Parquet's name of a type's encoding, "" for the plain one."""
    if pa.types.is_floating(kind):
        return "BYTE_STREAM_SPLIT"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return "DICTIONARY"
    whole = pa.types.is_integer(kind) or pa.types.is_temporal(kind)
    return "DELTA_BINARY_PACKED" if whole and kind.bit_width in (32, 64) else ""
