"""A digest names content: equal rows, equal digest; one changed bit, another digest."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mr_platform.lake.digest import table_digest

BASE = pa.table(
    {
        "price": [1.0, None, 2.0, 0.0],
        "name": ["x", None, "yy", ""],
        "tail": pa.array([[1.0], None, [2.0, 3.0], []], pa.list_(pa.float64())),
        "day": pa.array([dt.date(2022, 1, 1), None, None, dt.date(2022, 1, 2)]),
        "flag": [True, None, False, True],
        "count": pa.array([1, 2, None, 4], pa.int32()),
    }
)


def _with(column: str, values: list[object]) -> pa.Table:
    at = BASE.column_names.index(column)
    return BASE.set_column(at, column, pa.array(values, BASE.schema.field(column).type))


def test_chunks_and_a_parquet_round_trip_do_not_change_the_digest(tmp_path: Path) -> None:
    pq.write_table(BASE, tmp_path / "t.parquet")
    chunked = pa.concat_tables([BASE.slice(0, 1), BASE.slice(1, 3)])
    assert table_digest(BASE) == table_digest(chunked) == table_digest(pq.ParquetFile(tmp_path / "t.parquet").read())


def test_a_slice_has_the_digest_of_the_same_rows_built_alone() -> None:
    alone = pa.table(
        {name: pa.array(BASE[name].to_pylist()[1:3], BASE.schema.field(name).type) for name in BASE.column_names}
    )
    assert table_digest(BASE.slice(1, 2)) == table_digest(alone)


def test_dictionary_text_equals_plain_text() -> None:
    assert table_digest(BASE.select(["name"])) == table_digest(
        pa.table({"name": BASE["name"].combine_chunks().dictionary_encode()})
    )


@pytest.mark.parametrize(
    "changed",
    [
        _with("price", [1.0, None, 2.0, -0.0]),
        _with("price", [1.0, float("nan"), 2.0, 0.0]),
        _with("price", [1.0, None, 2.0000000000000004, 0.0]),
        _with("name", ["x", "", "yy", ""]),
        _with("name", ["x", None, "y", "y"]),
        _with("tail", [[1.0], None, [2.0], [3.0]]),
        _with("tail", [[1.0], [], [2.0, 3.0], []]),
        _with("flag", [True, False, False, True]),
        _with("count", [1, 2, 0, 4]),
        BASE.slice(0, 3),
        BASE.rename_columns(["cost", *BASE.column_names[1:]]),
        BASE.take([1, 0, 2, 3]),
    ],
)
def test_any_change_changes_the_digest(changed: pa.Table) -> None:
    assert table_digest(changed) != table_digest(BASE)


def test_chunks_with_and_without_nulls_count_as_one_column() -> None:
    kinds = {
        "money": pa.array([Decimal("1.10"), None, Decimal("-2.00")], pa.decimal128(10, 2)),
        "text": pa.array(["x", None, "NULL"], pa.large_string()),
        "pair": pa.array([{"a": 1}, None, {"a": None}], pa.struct([("a", pa.int32())])),
        "time": pa.array([1, None, 3], pa.time32("ms")),
    }
    table = pa.table(kinds)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1, 0), table.slice(1, 2)])
    assert chunked.column("money").num_chunks == 3
    assert table_digest(chunked) == table_digest(table)


def test_the_digest_of_a_table_is_the_same_in_every_version() -> None:
    assert table_digest(BASE) == "30e237a913dc4920a7473c28ff1ea563c40fbdaad11c9d60fa68821cf70d2a97"


@pytest.mark.parametrize("rows", [1, 7, 75, 4095, 4096])
def test_numbers_of_few_rows_have_the_digest_of_the_same_rows_in_chunks(rows: int) -> None:
    count = range(rows)
    table = pa.table(
        {
            "price": [float("nan") if i % 3 else -0.0 for i in count],
            "name": [str(i) for i in count],
            "small": pa.array([i % 100 for i in count], pa.int8()),
            "flag": [i % 2 == 0 for i in count],
            "day": pa.array(list(count), pa.date32()),
            "at": pa.array(list(count), pa.timestamp("us", "Asia/Kolkata")),
            "volume": list(count),
        }
    )
    chunked = pa.concat_tables([table.slice(0, rows // 2), table.slice(rows // 2)])
    again = pa.concat_tables([table, table]).combine_chunks().slice(rows, rows)
    assert table_digest(table) == table_digest(chunked) == table_digest(again)


def test_a_null_among_the_numbers_of_few_rows_counts() -> None:
    assert table_digest(pa.table({"n": [0, 1], "m": [0, 1]})) != table_digest(pa.table({"n": [None, 1], "m": [0, 1]}))
