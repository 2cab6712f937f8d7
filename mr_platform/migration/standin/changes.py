"""Single changes of a table's rows, each of which a proof of the migration has to see.

For ``Database.rewrite`` (the source itself changes) and ``Fault.change`` (one answer does). Rows are counted from 0.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mr_platform.errors import UsageError


def flip_bit(table: pa.Table, *, row: int, column: str, bit: int = 0) -> pa.Table:
    """One bit of one cell: of the value's little-endian bytes, or of a text's last character."""
    values = _whole(table, column)
    if not values[row].is_valid:
        raise UsageError(rule="the cell has a value", value=row, place=column, remedy="choose another row")
    if _is_text(values.type) or pa.types.is_boolean(values.type):
        word = values[row].as_py()
        return set_value(
            table, row=row, column=column, value=not word if isinstance(word, bool) else _flipped(word, bit)
        )
    width = values.type.byte_width
    validity, data = values.buffers()
    raw = np.frombuffer(data, np.uint8).copy()
    raw[(values.offset + row) * width + bit // 8] ^= np.uint8(1 << bit % 8)
    changed = pa.Array.from_buffers(values.type, len(values), [validity, pa.py_buffer(raw)], offset=values.offset)
    return _with(table, column, changed)


def set_value(table: pa.Table, *, row: int, column: str, value: object) -> pa.Table:
    """One cell set to a Python value of the column's type, None for NULL; the other cells keep their bits."""
    values = _whole(table, column)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    one = pa.array([value], kind)
    if pa.types.is_dictionary(values.type):
        values = values.cast(kind)
    changed = pa.concat_arrays([values.slice(0, row), one, values.slice(row + 1)])
    if pa.types.is_dictionary(table.schema.field(column).type):
        changed = changed.dictionary_encode()
    return _with(table, column, changed)


def drop_row(table: pa.Table, *, row: int) -> pa.Table:
    """The table without a row."""
    return pa.concat_tables([table.slice(0, row), table.slice(row + 1)])


def duplicate_row(table: pa.Table, *, row: int) -> pa.Table:
    """The table with a row twice, the second time right after the first."""
    return pa.concat_tables([table.slice(0, row + 1), table.slice(row)])


def swap_rows(table: pa.Table, *, first: int, second: int) -> pa.Table:
    """Two rows in each other's place: the same set of rows."""
    order = np.arange(table.num_rows)
    order[[first, second]] = order[[second, first]]
    return table.take(pa.array(order))


def swap_cells(table: pa.Table, *, column: str, first: int, second: int) -> pa.Table:
    """Two cells of a column in each other's place: every aggregate of the column stays."""
    order = np.arange(table.num_rows)
    order[[first, second]] = order[[second, first]]
    return _with(table, column, _whole(table, column).take(pa.array(order)))


def _flipped(word: str, bit: int) -> str:
    return word[:-1] + chr(ord(word[-1]) ^ (1 << bit))


def _whole(table: pa.Table, column: str) -> pa.Array:
    values = table.column(column).combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = values.unify_dictionaries().combine_chunks()
    return values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind))


def _with(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    position = table.schema.get_field_index(column)
    return table.set_column(position, table.schema.field(position), values)
