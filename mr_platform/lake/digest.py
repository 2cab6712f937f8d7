"""Content digests of Arrow tables: the same rows give the same digest whatever the chunks or the writer.

SHA-256 over the schema (names and types) and, column by column, the validity and the values with
nulls made canonical. Metadata stays out, so that a re-run with another run id publishes nothing new.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

SHORT = 4096
"""Rows below which a copy of the numbers costs less than to look at their columns one by one."""


def table_digest(table: pa.Table) -> str:
    """Hex SHA-256 of the table's content. -0.0 and 0.0 differ, as do NaN and null."""
    whole = table.to_batches()
    if len(whole) == 1 and 0 < table.num_rows < SHORT:
        found = _short_digest(whole[0])
        if found is not None:
            return found
    batches = [batch.columns for batch in whole]
    return _digest(table.schema, table.num_rows, lambda at: [columns[at] for columns in batches])


def columns_digest(schema: pa.Schema, rows: int, column_of: Callable[[str], pa.ChunkedArray]) -> str:
    """`table_digest` of a table of which ``column_of`` gives one column at a time, by name."""
    names = schema.names
    return _digest(schema, rows, lambda at: column_of(names[at]).chunks)


def _digest(schema: pa.Schema, rows: int, chunks_of: Callable[[int], Sequence[pa.Array]]) -> str:
    digest = hashlib.sha256()
    update = digest.update
    update(rows.to_bytes(8, "little"))
    for at, (name, kind) in enumerate(zip(schema.names, schema.types, strict=True)):
        update(f"{name}\0{_type_name(kind)}\0".encode())
        _update(update, chunks_of(at), kind)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Plan:
    """Columns of a schema: what is hashed ahead of each, which are ``numbers`` (places), and bytes a value of these.

    Zero bytes for what is not a number.
    """

    heads: tuple[bytes, ...]
    kinds: tuple[pa.DataType, ...]
    numbers: tuple[int, ...]
    widths: tuple[int, ...]


@functools.lru_cache(maxsize=64)
def _plan(schema: bytes) -> _Plan:
    read = pa.ipc.read_schema(pa.py_buffer(schema))
    widths = tuple(kind.bit_width // 8 if _is_number(kind) else 0 for kind in read.types)
    return _Plan(
        tuple(f"{name}\0{_type_name(kind)}\0".encode() for name, kind in zip(read.names, read.types, strict=True)),
        tuple(read.types),
        tuple(at for at, width in enumerate(widths) if width),
        widths,
    )


def _short_digest(batch: pa.RecordBatch) -> str | None:
    """As ``_digest`` does; None where a column of numbers has nulls.

    The numbers are taken from the batch's message, in which they lie one after the other, each column on a multiple of
    eight bytes: a validity map of any of them, too, would stand there and make it longer than they are.
    """
    plan, rows = _plan(batch.schema.serialize().to_pybytes()), batch.num_rows
    body = pa.ipc.read_message(batch.select(list(plan.numbers)).serialize()).body if plan.numbers else None
    sizes = [plan.widths[at] * rows for at in plan.numbers]
    if body is None or body.size != sum(-(-size // 8) * 8 for size in sizes):
        return None
    values, start = memoryview(body), 0
    digest = hashlib.sha256(rows.to_bytes(8, "little"))
    parts: list[bytes | memoryview] = []
    for at, head in enumerate(plan.heads):
        parts.append(head)
        size = plan.widths[at] * rows
        if size:
            parts.append(values[start : start + size])
            start += -(-size // 8) * 8
        else:
            digest.update(b"".join(parts))
            parts = []
            _update(digest.update, [batch.column(at)], plan.kinds[at])
    digest.update(b"".join(parts))
    return digest.hexdigest()


def bytes_digest(data: bytes) -> str:
    """Hex SHA-256 of a small object."""
    return hashlib.sha256(data).hexdigest()


@functools.lru_cache(maxsize=256)
def _type_name(kind: pa.DataType) -> str:
    """The type without what a Parquet round trip changes: a list's item name, a dictionary's index width."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{_type_name(kind.value_type)}>"
    return str(kind.value_type) if pa.types.is_dictionary(kind) else str(kind)


def _update(update: Callable[[bytes | memoryview], None], chunks: Sequence[pa.Array], kind: pa.DataType) -> None:
    """Validity of all chunks, then lengths of all, then values of all: what one array of them would give."""
    with_nulls = any(chunk.null_count for chunk in chunks)
    if not with_nulls and _is_number(kind):
        for chunk in chunks:
            _fixed(update, chunk)
        return
    if pa.types.is_dictionary(kind):
        _update(update, [chunk.cast(kind.value_type) for chunk in chunks], kind.value_type)
        return
    if with_nulls:
        update(b"nulls")
        for chunk in chunks:
            _fixed(update, pc.is_valid(chunk).cast(pa.uint8()))
    if pa.types.is_null(kind):
        return
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        for chunk in chunks:
            _fixed(update, pc.fill_null(pc.list_value_length(chunk), 0).cast(pa.int64()))
        _update(update, [pc.list_flatten(chunk) for chunk in chunks], kind.value_type)
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            _update(update, [pc.struct_field(chunk, index) for chunk in chunks], kind.field(index).type)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        empty = "" if not pa.types.is_binary(kind) else b""
        filled = [pc.fill_null(chunk, empty) if chunk.null_count else chunk for chunk in chunks]
        for chunk in filled:
            _fixed(update, pc.binary_length(chunk).cast(pa.int64()))
        for chunk in filled:
            _text(update, chunk)
    elif pa.types.is_boolean(kind):
        for chunk in chunks:
            _fixed(update, pc.fill_null(chunk, False).cast(pa.uint8()))  # noqa: FBT003 - the value to fill with
    elif pa.types.is_decimal(kind) and with_nulls:
        update(str([value for chunk in chunks for value in chunk.to_pylist()]).encode())
    else:
        for chunk in chunks:
            _fixed(update, chunk)


@functools.lru_cache(maxsize=256)
def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_temporal(kind))


def _text(update: Callable[[bytes | memoryview], None], filled: pa.Array) -> None:
    """Bytes of an array of text without nulls."""
    large = filled.cast(pa.large_binary())
    offsets = memoryview(large.buffers()[1]).cast("B").cast("q")
    start, stop = offsets[large.offset], offsets[large.offset + len(large)]
    body = large.buffers()[2]
    if body is not None:
        update(memoryview(body)[start:stop])


def _fixed(update: Callable[[bytes | memoryview], None], array: pa.Array) -> None:
    """Bytes of a fixed-width array with null slots zeroed."""
    width = array.type.bit_width // 8
    if array.null_count:
        array = array.view(f"int{width * 8}") if width in (1, 2, 4, 8) else array
        array = pc.fill_null(array, pa.scalar(0, array.type))
    data = array.buffers()[1]
    if data is not None:
        update(memoryview(data)[array.offset * width : (array.offset + len(array)) * width])
