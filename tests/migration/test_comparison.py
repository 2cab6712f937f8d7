"""Both sides of a partition held against each other: what is the same, what changed, what stands on one side alone."""

from __future__ import annotations

import struct
from datetime import date, time

import pyarrow as pa
import pytest

from mr_platform.errors import DataError
from mr_platform.migration.comparison import CellDifference, compare, picture

SCHEMA = pa.schema(
    [
        ("trade_time", pa.time32("ms")),
        ("expiry_date", pa.date32()),
        ("strike", pa.float64()),
        ("ce_symbol", pa.large_string()),
        ("ce_close", pa.float64()),
        ("ce_oi", pa.int64()),
    ]
)
ROWS = [
    {
        "trade_time": time(9, 15 + minute),
        "expiry_date": date(2026, 11, 24),
        "strike": strike,
        "ce_symbol": f"C{strike:.0f}",
        "ce_close": 100.0,
        "ce_oi": 5,
    }
    for minute in range(3)
    for strike in (24_000.0, 24_050.0)
]


def table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def changed(at: int, **values: object) -> pa.Table:
    return table([row | values if i == at else row for i, row in enumerate(ROWS)])


def test_order_and_dictionaries_make_no_difference() -> None:
    other = table(ROWS[::-1])
    encoded = other.set_column(3, "ce_symbol", other.column("ce_symbol").dictionary_encode())
    found = compare(encoded, table(ROWS), title="NIFTY|2026-11-19")
    assert (found.same, found.same_rows, found.verdict) == (True, 6, "the same 6 rows on both sides")
    assert found.by_column == {}


@pytest.mark.parametrize(
    ("values", "source", "lake"),
    [
        ({"ce_close": 100.00000000000001}, "100.0", "100.00000000000001"),
        ({"ce_close": None}, "100.0", None),
        ({"ce_close": float("nan")}, "100.0", "nan"),
        ({"ce_symbol": ""}, "'C24050'", "''"),
        ({"ce_symbol": "C24050 "}, "'C24050'", "'C24050 '"),
        ({"ce_symbol": None}, "'C24050'", None),
        ({"ce_symbol": "NULL"}, "'C24050'", "'NULL'"),
        ({"ce_oi": 6}, "5", "6"),
    ],
)
def test_a_changed_cell_is_named_with_both_values(values: dict[str, object], source: str, lake: str | None) -> None:
    found = compare(table(ROWS), changed(1, **values), title="p")
    (column,) = values
    assert found.cells == (CellDifference("09:15:00 2026-11-24 24050.0", column, source, lake),)
    assert (found.same, found.changed_rows, found.same_rows, found.by_column) == (False, 1, 5, {column: 1})


def test_the_sign_of_zero_and_the_bits_of_nan_count() -> None:
    (quiet,) = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))
    assert compare(changed(0, ce_close=0.0), changed(0, ce_close=-0.0), title="p").by_column == {"ce_close": 1}
    assert compare(changed(0, ce_close=quiet), changed(0, ce_close=float("nan")), title="p").by_column == {
        "ce_close": 1
    }
    assert compare(changed(0, ce_close=quiet), changed(0, ce_close=quiet), title="p").same


def test_a_row_that_went_and_one_that_came_are_no_changed_cells() -> None:
    found = compare(table(ROWS), table([*ROWS[:2], *ROWS[3:], ROWS[4]]), title="p")
    assert (found.only_source, found.only_lake, found.changed_rows, found.same_rows) == (1, 1, 0, 5)
    assert found.verdict == "1 rows at the source alone, 1 rows in the lake alone"
    assert found.examples() == [
        {"row": "09:16:00 2026-11-24 24000.0", "column": "", "source": "the row", "lake": None},
        {"row": "09:17:00 2026-11-24 24000.0", "column": "", "source": None, "lake": "the row"},
    ]


def test_a_row_twice_is_not_a_row_once() -> None:
    found = compare(table(ROWS), table([*ROWS, ROWS[0]]), title="p")
    assert (found.same, found.only_lake, found.same_rows) == (False, 1, 6)


def test_a_row_whose_key_changed_stands_on_each_side_alone() -> None:
    found = compare(table(ROWS), changed(5, strike=24_100.0), title="p")
    assert (found.changed_rows, found.only_source, found.only_lake) == (0, 1, 1)


def test_swapped_cells_of_two_rows_are_both_found() -> None:
    swapped = [dict(row) for row in ROWS]
    swapped[0]["ce_oi"], swapped[3]["ce_oi"] = 7, 8
    other = [dict(row) for row in ROWS]
    other[0]["ce_oi"], other[3]["ce_oi"] = 8, 7
    found = compare(table(swapped), table(other), title="p")
    assert (found.changed_rows, found.by_column) == (2, {"ce_oi": 2})


def test_an_empty_side_leaves_every_row_alone() -> None:
    found = compare(table(ROWS), table([]), title="p")
    assert (found.only_source, found.only_lake, found.same) == (6, 0, False)
    assert compare(table([]), table([]), title="p").same


def test_other_columns_are_refused_with_both_schemas() -> None:
    narrower = table(ROWS).drop_columns(["ce_oi"])
    with pytest.raises(DataError, match="ce_oi"):
        compare(table(ROWS), narrower, title="p")


def test_the_picture_shows_both_sides_and_is_the_same_each_time() -> None:
    found = compare(table(ROWS), changed(1, ce_oi=6), title="NIFTY|2026-11-19")
    assert picture(found)[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture(found) == picture(found)
    assert found.minutes["lake"][555:558].tolist() == [2, 2, 2]
