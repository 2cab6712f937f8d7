"""Differences are found down to row and column, with both values as they are."""

from __future__ import annotations

import struct
from datetime import date, time

import pyarrow as pa
import pytest

from mr_platform.migration.differences import Difference, locate, shown

SCHEMA = pa.schema(
    [
        ("trade_date", pa.date32()),
        ("trade_time", pa.time32("ms")),
        ("expiry_date", pa.date32()),
        ("strike", pa.float64()),
        ("zone_name", pa.large_string()),
        ("ce_iv", pa.float64()),
        ("ce_oi", pa.int64()),
    ]
)
ROWS = [
    (date(2024, 7, 1), time(9, 15 + i // 3), date(2024, 7, 4), 24000.0 + 50 * (i % 3), "OPEN", 0.1 + i / 100, 100 + i)
    for i in range(9)
]


def table(rows: list[tuple]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in SCHEMA]
    return pa.table([pa.array(list(c), f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def found(source: list[tuple], lake: list[tuple]) -> tuple[Difference, ...]:
    ids = pa.array(range(700, 700 + len(source)), pa.int64())
    theirs = table(source).append_column("rowid", ids)
    chunks = [theirs.slice(0, 4), theirs.slice(4)]
    return locate(lambda: chunks, lambda: [table(lake).slice(0, 5), table(lake).slice(5)]).differences


def changed(row: int, **values: object) -> list[tuple]:
    names = SCHEMA.names
    new = tuple(values.get(name, value) for name, value in zip(names, ROWS[row], strict=True))
    return [*ROWS[:row], new, *ROWS[row + 1 :]]


def test_equal_sides_in_another_order_have_no_difference() -> None:
    assert found(ROWS, ROWS[::-1]) == ()


@pytest.mark.parametrize(
    ("values", "column", "source", "lake"),
    [
        ({"ce_iv": 0.15}, "ce_iv", "0.15", "0.15000000000000002"),
        ({"ce_iv": -0.0}, "ce_iv", "-0.0", "0.15000000000000002"),
        ({"ce_iv": None}, "ce_iv", None, "0.15000000000000002"),
        ({"zone_name": None}, "zone_name", None, '"OPEN"'),
        ({"zone_name": ""}, "zone_name", '""', '"OPEN"'),
        ({"zone_name": "OPEN "}, "zone_name", '"OPEN "', '"OPEN"'),
        ({"ce_oi": 105 ^ 1 << 62}, "ce_oi", str(105 ^ 1 << 62), "105"),
        # a damaged key is still recognised as that row, by its other cells
        ({"trade_time": time(9, 16, 1)}, "trade_time", "09:16:01.000", "09:16:00.000"),
        ({"strike": 24100.5}, "strike", "24100.5", "24100.0"),
    ],
)
def test_one_cell_is_named_with_both_values(values: dict, column: str, source: str | None, lake: str | None) -> None:
    (one,) = found(changed(5, **values), ROWS)
    assert (one.rowid, one.column, one.side, one.source_value, one.lake_value) == (705, column, "both", source, lake)


def test_a_lost_row_is_named_by_its_row_id_and_key() -> None:
    (one,) = found(ROWS, ROWS[:5] + ROWS[6:])
    assert (one.rowid, one.column, one.side, one.lake_value) == (705, "", "source", None)
    assert one.detail == "row 2024-07-01 09:16:00.000 2024-07-04 24100.0 is not in the lake"


def test_a_row_that_stands_twice_in_the_lake_is_named_once() -> None:
    (one,) = found(ROWS, [*ROWS, ROWS[3]])
    assert (one.rowid, one.side, one.source_value) == (None, "lake", None)
    assert '"ce_oi": "103"' in (one.lake_value or "")


def test_a_row_of_the_lake_alone_is_named_by_the_row_id_that_it_carries() -> None:
    ids = pa.array(range(700, 709), pa.int64())
    source = table(ROWS).append_column("rowid", ids)
    lake = table([*ROWS, ROWS[3]]).append_column("rowid", pa.array([*range(700, 709), 703], pa.int64()))
    (one,) = locate(lambda: [source], lambda: [lake]).differences
    assert (one.rowid, one.side) == (703, "lake")


def test_two_swapped_cells_are_two_differences() -> None:
    swapped = changed(2, ce_oi=104)
    swapped[4] = (*swapped[4][:-1], 102)
    assert [(d.rowid, d.column, d.source_value, d.lake_value) for d in found(swapped, ROWS)] == [
        (702, "ce_oi", "104", "102"),
        (704, "ce_oi", "102", "104"),
    ]


def test_an_empty_side_lists_every_row_of_the_other() -> None:
    assert [d.side for d in found(ROWS, [])] == ["source"] * 9
    assert [d.side for d in found([], ROWS)] == ["lake"] * 9


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF8000000000000])
def test_a_nan_is_shown_with_its_bits(bits: int) -> None:
    nan = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(struct.pack("<Q", bits))])
    assert shown(nan[0]) == f"nan (bits {bits:#x})"


def test_nanoseconds_and_dictionary_text_are_shown_in_full() -> None:
    assert shown(pa.array([5], pa.timestamp("ns"))[0]) == "1970-01-01 00:00:00.000000005"
    assert shown(pa.array(["a "]).dictionary_encode()[0]) == '"a "'
    assert shown(pa.array([None, "a"]).dictionary_encode()[0]) is None
