"""Both sides of a partition held against each other: what is the same, what changed, what stands on one side alone."""

from __future__ import annotations

from datetime import date, time

import pyarrow as pa
import pytest

from mr_platform.errors import DataError
from mr_platform.migration.comparison import compare, picture

SCHEMA = pa.schema(
    [
        ("trade_date", pa.date32()),
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
        "trade_date": date(2026, 11, 19),
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


def lake(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def source(rows: list[dict[str, object]]) -> pa.Table:
    return lake(rows).append_column("rowid", pa.array(range(7, 7 + len(rows)), pa.int64()))


def changed(at: int, **values: object) -> list[dict[str, object]]:
    return [row | values if i == at else row for i, row in enumerate(ROWS)]


def test_order_and_dictionaries_make_no_difference() -> None:
    other = lake(ROWS[::-1])
    at = other.column_names.index("ce_symbol")
    encoded = other.set_column(at, "ce_symbol", other.column("ce_symbol").dictionary_encode())
    found = compare(source(ROWS), encoded, title="NIFTY|2026-11-19")
    assert (found.same, found.same_rows, found.verdict) == (True, 6, "the same 6 rows on both sides")
    assert (found.by_column, found.examples()) == ({}, [])


@pytest.mark.parametrize(
    ("values", "said", "held"),
    [
        ({"ce_close": 100.00000000000001}, "100.0", "100.00000000000001"),
        ({"ce_close": None}, "100.0", None),
        ({"ce_close": float("nan")}, "100.0", "nan (bits 0x7ff8000000000000)"),
        ({"ce_symbol": ""}, '"C24050"', '""'),
        ({"ce_symbol": "C24050 "}, '"C24050"', '"C24050 "'),
        ({"ce_symbol": None}, '"C24050"', None),
        ({"ce_symbol": "NULL"}, '"C24050"', '"NULL"'),
        ({"ce_oi": 6}, "5", "6"),
    ],
)
def test_a_changed_cell_is_named_with_both_values(values: dict[str, object], said: str, held: str | None) -> None:
    found = compare(source(ROWS), lake(changed(1, **values)), title="p")
    (column,) = values
    (one,) = found.examples()
    assert (one["column"], one["side"], one["source"], one["lake"]) == (column, "both", said, held)
    assert (found.same, found.changed_rows, found.same_rows, found.by_column) == (False, 1, 5, {column: 1})
    assert found.verdict == "rows: 1 changed"


def test_a_row_that_went_and_one_that_came_are_told_apart_from_changed_ones() -> None:
    stranger = ROWS[0] | {"trade_time": time(15, 0), "strike": 1.0, "ce_symbol": "X", "ce_close": 1.0, "ce_oi": 1}
    found = compare(source(ROWS), lake([*ROWS[:2], *ROWS[3:], stranger]), title="p")
    assert found.verdict == "rows: 1 at the source alone, 1 in the lake alone"
    assert (found.changed_rows, found.same_rows) == (0, 5)
    assert [row["side"] for row in found.examples()] == ["source", "lake"]


def test_a_row_twice_is_not_a_row_once() -> None:
    found = compare(source(ROWS), lake([*ROWS, ROWS[0]]), title="p")
    assert (found.same, found.unmatched_lake, found.same_rows) == (False, 1, 6)


def test_an_empty_side_leaves_every_row_alone() -> None:
    found = compare(source(ROWS), lake([]), title="p")
    assert (found.unmatched_source, found.unmatched_lake, found.same) == (6, 0, False)
    assert compare(source([]), lake([]), title="p").same


def test_more_differences_than_are_looked_at_are_counted() -> None:
    many = [ROWS[0] | {"strike": float(k)} for k in range(1_200)]
    found = compare(source(many), lake([row | {"ce_oi": 6} for row in many]), title="p")
    assert found.verdict.startswith("1200 rows of the source and 1200 of the lake have no equal")
    assert len(found.examples()) == 100


def test_other_columns_are_refused_with_both_schemas() -> None:
    with pytest.raises(DataError, match="ce_oi"):
        compare(source(ROWS), lake(ROWS).drop_columns(["ce_oi"]), title="p")


def test_the_picture_shows_both_sides_and_is_the_same_each_time() -> None:
    found = compare(source(ROWS), lake(changed(1, ce_oi=6)), title="NIFTY|2026-11-19")
    assert picture(found)[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture(found) == picture(found)
    assert found.minutes["lake"][555:558].tolist() == [2, 2, 2]
