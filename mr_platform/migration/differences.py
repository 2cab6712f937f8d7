"""Where exactly source and lake differ: from fingerprints to rows, from rows to cells, with both values.

Rows are matched as a multiset of fingerprints. What stands on one side alone is fetched again, paired by key, then by
likeness (for a key may be what was damaged), and each pair is compared cell by cell on exact bits.
"""

from __future__ import annotations

import json
import math
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mr_platform.migration.rowdigest import row_fingerprints

KEY = ("trade_date", "trade_time", "expiry_date", "strike")
MOST_ROWS = 1000
"""Differing rows of either side that are looked at cell by cell; beyond them rows are counted."""
_MOST_LIKENED = 200


@dataclass(frozen=True)
class Difference:
    """One cell on ``both`` sides, or one row on the ``source`` or ``lake`` side alone (``column`` is then "").

    ``rowid`` of the row at the source, or for a row of the lake alone the one that it carries, where it carries one.
    Values as `shown`.
    """

    rowid: int | None
    column: str
    side: str
    source_value: str | None
    lake_value: str | None
    detail: str


@dataclass(frozen=True)
class Located:
    """``differences`` found, and how many rows stand on one side alone as multisets."""

    differences: tuple[Difference, ...]
    source_rows: int
    lake_rows: int


def locate(
    source: Callable[[], Iterable[pa.Table]], lake: Callable[[], Iterable[pa.Table]], key: Sequence[str] = KEY
) -> Located:
    """Rows and cells in which the two sides differ.

    ``source`` and ``lake`` read their side anew at each call, chunk by chunk, in the same columns; source chunks have
    a last column ``rowid``, lake chunks may have one. Memory: 24 bytes a row, and the differing rows.
    """
    rowids: list[NDArray[np.int64]] = []
    theirs: list[NDArray[np.uint64]] = []
    for chunk in source():
        rowids.append(chunk.column("rowid").to_numpy())
        theirs.append(row_fingerprints(_unnumbered(chunk)))
    ours = [row_fingerprints(_unnumbered(chunk)) for chunk in lake()]
    source_marks, lake_marks = _stacked(theirs), _stacked(ours)
    only_source, only_lake = _unmatched(source_marks, lake_marks)
    wanted = np.sort(np.concatenate(rowids)[only_source[:MOST_ROWS]]) if len(only_source) else np.empty(0, np.int64)
    left = _rows_by_id(source(), wanted) if len(wanted) else None
    right = _rows_at(lake(), only_lake[:MOST_ROWS]) if len(only_lake) else None
    found = _explain(left, right, list(key))
    return Located(tuple(found), len(only_source), len(only_lake))


def shown(scalar: pa.Scalar) -> str | None:
    """The exact value as text: None for NULL, text in quotes, floats in shortest exact form, a NaN with its bits."""
    kind = scalar.type
    if pa.types.is_dictionary(kind):
        scalar, kind = scalar.value, kind.value_type
    if not scalar.is_valid:
        return None
    if pa.types.is_temporal(kind):
        return str(pc.cast(scalar, pa.string()).as_py())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # a damaged file may hold bytes that are no text
        return json.dumps(scalar.as_buffer().to_pybytes().decode(errors="backslashreplace"), ensure_ascii=False)
    value = scalar.as_py()
    if isinstance(value, float):
        if math.isnan(value) and kind == pa.float64():
            return f"nan (bits {struct.unpack('<Q', struct.pack('<d', value))[0]:#x})"
        return repr(value)
    return str(value)


def _stacked(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.concatenate(parts) if parts else np.empty((0, 2), np.uint64)


def _unmatched(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions on either side whose fingerprint the other side has not, or not as often: the surplus comes last."""
    both = np.concatenate([left, right])
    order = np.lexsort((both[:, 1], both[:, 0]))
    ranked = both[order]
    new = np.ones(len(both), np.bool_)
    new[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    group = np.empty(len(both), np.int64)
    group[order] = np.cumsum(new) - 1
    counts = np.bincount(group[: len(left)], minlength=len(both)), np.bincount(group[len(left) :], minlength=len(both))
    matched = np.minimum(*counts)
    return _beyond(group[: len(left)], matched), _beyond(group[len(left) :], matched)


def _beyond(group: NDArray[np.int64], matched: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions that are at least the ``matched``-th of their group."""
    order = np.argsort(group, kind="stable")
    sorted_groups = group[order]
    starts = np.searchsorted(sorted_groups, sorted_groups)
    turn = np.empty(len(group), np.int64)
    turn[order] = np.arange(len(group)) - starts
    return np.flatnonzero(turn >= matched[group])


def _rows_by_id(chunks: Iterable[pa.Table], wanted: NDArray[np.int64]) -> pa.Table:
    ids = pa.array(wanted)
    parts = [_plain(chunk.filter(pc.is_in(chunk.column("rowid"), value_set=ids))) for chunk in chunks]
    return pa.concat_tables(parts)


def _rows_at(chunks: Iterable[pa.Table], positions: NDArray[np.int64]) -> pa.Table:
    parts, start = [], 0
    for chunk in chunks:
        inside = positions[(positions >= start) & (positions < start + chunk.num_rows)] - start
        parts.append(_plain(chunk.take(pa.array(inside))))
        start += chunk.num_rows
    return pa.concat_tables(parts)


def _plain(table: pa.Table) -> pa.Table:
    """Dictionary text as text, so that parts of several dictionaries can be laid together."""
    for at, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) or pa.types.is_string(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.large_string()))
    return table


def _explain(left: pa.Table | None, right: pa.Table | None, key: list[str]) -> list[Difference]:
    ids, rows = _numbers(left), _unnumbered(left) if left is not None else None
    numbers, held = _numbers(right), _unnumbered(right) if right is not None else None
    if rows is None or held is None:
        return _missing(rows, range(len(ids)), ids, key) + _surplus(held, range(len(numbers)), numbers, key)
    pairs, alone, rest = _pair(rows, held, key)
    cells = _cells(rows, held, pairs, ids, key)
    return cells + _missing(rows, alone, ids, key) + _surplus(held, rest, numbers, key)


def _numbers(table: pa.Table | None) -> list[int | None]:
    if table is None:
        return []
    return table.column("rowid").to_pylist() if "rowid" in table.column_names else [None] * table.num_rows


def _unnumbered(table: pa.Table) -> pa.Table:
    return table.drop_columns("rowid") if "rowid" in table.column_names else table


def _missing(source: pa.Table | None, at: Iterable[int], ids: list[int | None], key: list[str]) -> list[Difference]:
    return [
        Difference(
            ids[i], "", "source", _row_text(source, i), None, f"row {_key_text(source, i, key)} is not in the lake"
        )
        for i in at
    ]


def _surplus(lake: pa.Table | None, at: Iterable[int], ids: list[int | None], key: list[str]) -> list[Difference]:
    said = "row {} is in the lake alone".format
    return [Difference(ids[j], "", "lake", None, _row_text(lake, j), said(_key_text(lake, j, key))) for j in at]


def _pair(left: pa.Table, right: pa.Table, key: list[str]) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Rows that are the same row: by key, then by the most cells in common (more than half of them)."""
    by_key: dict[bytes, list[int]] = defaultdict(list)
    for j, mark in enumerate(row_fingerprints(right.select(key))):
        by_key[mark.tobytes()].append(j)
    pairs: list[tuple[int, int]] = []
    alone: list[int] = []
    for i, mark in enumerate(row_fingerprints(left.select(key))):
        same = by_key[mark.tobytes()]
        if same:
            pairs.append((i, same.pop(0)))
        else:
            alone.append(i)
    rest = sorted(j for same in by_key.values() for j in same)
    if not alone or not rest or max(len(alone), len(rest)) > _MOST_LIKENED:
        return pairs, alone, rest
    marks_left, marks_right = (_cell_marks(table) for table in (left, right))
    unpaired = []
    for i in alone:
        likeness = [int((marks_left[i] == marks_right[j]).all(axis=1).sum()) for j in rest]
        best = int(np.argmax(likeness)) if rest else -1
        if best >= 0 and 2 * likeness[best] > left.num_columns:
            pairs.append((i, rest.pop(best)))
        else:
            unpaired.append(i)
    return pairs, unpaired, rest


def _cell_marks(table: pa.Table) -> NDArray[np.uint64]:
    """Fingerprint of each cell [row, column, 2]: equal where name, type and bits are."""
    return np.stack([row_fingerprints(table.select([name])) for name in table.column_names], axis=1)


def _cells(
    left: pa.Table, right: pa.Table, pairs: list[tuple[int, int]], ids: list[int | None], key: list[str]
) -> list[Difference]:
    if not pairs:
        return []
    marks_left, marks_right = _cell_marks(left), _cell_marks(right)
    found = []
    for i, j in pairs:
        for at in np.flatnonzero((marks_left[i] != marks_right[j]).any(axis=1)):
            name = left.column_names[at]
            values = shown(left.column(name)[i]), shown(right.column(name)[j])
            detail = (
                f"{name} of row {_key_text(left, i, key)}: source {_or_null(values[0])}, lake {_or_null(values[1])}"
            )
            found.append(Difference(ids[i], name, "both", *values, detail))
    return found


def _key_text(table: pa.Table, row: int, key: list[str]) -> str:
    return " ".join(_or_null(shown(table.column(name)[row])) for name in key)


def _row_text(table: pa.Table, row: int) -> str:
    return json.dumps({name: shown(table.column(name)[row]) for name in table.column_names}, ensure_ascii=False)


def _or_null(value: str | None) -> str:
    return "NULL" if value is None else value
