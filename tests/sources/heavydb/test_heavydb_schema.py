"""Each source type has one Arrow type that holds it without loss; what is unknown, or drifts, stops."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest

from mr_platform.errors import SourceError
from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.migration.standin.market import chain_columns
from mr_platform.sources.heavydb.schema import SourceColumn, arrow_schema, arrow_type, normalised

TEXT = SourceColumn("zone", "STR", encoding="DICT")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (SourceColumn("c", "BOOL"), pa.bool_()),
        (SourceColumn("c", "TINYINT"), pa.int8()),
        (SourceColumn("c", "SMALLINT"), pa.int16()),
        (SourceColumn("c", "INT"), pa.int32()),
        (SourceColumn("c", "BIGINT"), pa.int64()),
        (SourceColumn("c", "FLOAT"), pa.float32()),
        (SourceColumn("c", "DOUBLE"), pa.float64()),
        (SourceColumn("c", "DATE", encoding="DATE_IN_DAYS"), pa.date32()),
        (SourceColumn("c", "TIME"), pa.time32("s")),
        (SourceColumn("c", "TIMESTAMP", precision=0), pa.timestamp("s")),
        (SourceColumn("c", "TIMESTAMP", precision=3), pa.timestamp("ms")),
        (SourceColumn("c", "TIMESTAMP", precision=6), pa.timestamp("us")),
        (SourceColumn("c", "TIMESTAMP", precision=9), pa.timestamp("ns")),
        (SourceColumn("c", "DECIMAL", precision=18, scale=4), pa.decimal128(18, 4)),
        (SourceColumn("c", "STR", encoding="DICT"), pa.dictionary(pa.int32(), pa.string())),
        (SourceColumn("c", "STR"), pa.string()),
    ],
)
def test_a_type_has_its_lossless_arrow_type(column: SourceColumn, kind: pa.DataType) -> None:
    assert arrow_type(column) == kind


@pytest.mark.parametrize(
    "column",
    [
        SourceColumn("shape", "POLYGON"),
        SourceColumn("xs", "ARRAY(DOUBLE)"),
        SourceColumn("gap", "INTERVAL_DAY_TIME"),
        SourceColumn("at", "TIMESTAMP", precision=2),
        SourceColumn("price", "DECIMAL", precision=40, scale=2),
        SourceColumn("price", "DECIMAL", precision=4, scale=5),
        SourceColumn("new", "UNKNOWN 99"),
    ],
)
def test_an_unknown_type_stops(column: SourceColumn) -> None:
    with pytest.raises(SourceError, match="type that Arrow holds without loss") as caught:
        arrow_type(column)
    assert caught.value.place == f"column {column.name}"


def test_the_real_table_s_columns_are_the_platform_s_chain() -> None:
    assert arrow_schema(chain_columns()) == PLATFORM_CHAIN
    assert arrow_schema(chain_columns(with_dte_bucket=True)).names == [*PLATFORM_CHAIN.names, "dte_bucket"]


def test_a_column_reads_as_its_declaration() -> None:
    assert str(SourceColumn("p", "DECIMAL", nullable=False, precision=10, scale=2)) == "p DECIMAL(10,2) NOT NULL"
    assert str(SourceColumn("t", "TIMESTAMP", precision=9)) == "t TIMESTAMP(9)"


def test_dates_of_a_gpu_become_days() -> None:
    pulled = pa.table({"d": pa.array([date(2024, 1, 20), None], pa.date64())})
    kept = normalised(pulled, [SourceColumn("d", "DATE")])
    assert kept.schema.field("d").type == pa.date32()
    assert kept.column("d").to_pylist() == [date(2024, 1, 20), None]


def test_a_date_with_a_time_of_day_is_drift() -> None:
    odd = pa.array([1_705_708_800_001], pa.int64()).cast(pa.timestamp("ms")).view(pa.date64())
    with pytest.raises(SourceError, match="time of day"):
        normalised(pa.table({"d": odd}), [SourceColumn("d", "DATE")])


def test_a_dictionary_is_cut_to_the_words_in_use_and_the_texts_stay() -> None:
    words = pa.array(["unused", "b ", "", "NULL", "a"])
    chunk = pa.DictionaryArray.from_arrays(pa.array([4, 1, None, 3, 2, 4], pa.int32()), words)
    kept = normalised(pa.table({"zone": chunk}), [TEXT]).column("zone")
    assert kept.to_pylist() == ["a", "b ", None, "NULL", "", "a"]
    assert kept.chunk(0).dictionary.to_pylist() == ["a", "b ", "NULL", ""]
    assert kept.null_count == 1


def test_chunks_with_dictionaries_of_their_own_become_one() -> None:
    first = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), ["x", "y"])
    second = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), ["y", "z"])
    kept = normalised(pa.table({"zone": pa.chunked_array([first, second])}), [TEXT]).column("zone")
    assert kept.to_pylist() == ["x", "y", "y", "z"]
    assert kept.num_chunks == 1


def test_narrow_dictionary_indices_are_widened() -> None:
    narrow = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int8()), ["x", "y"])
    kept = normalised(pa.table({"zone": narrow}), [TEXT])
    assert kept.schema.field("zone").type == pa.dictionary(pa.int32(), pa.string())
    assert kept.column("zone").to_pylist() == ["y", "x"]


@pytest.mark.parametrize("rows", [0, 1])
def test_text_without_words_keeps_its_type(rows: int) -> None:
    nothing = pa.DictionaryArray.from_arrays(pa.array([None] * rows, pa.int32()), pa.array([], pa.string()))
    kept = normalised(pa.table({"zone": nothing}), [TEXT])
    assert kept.column("zone").to_pylist() == [None] * rows
    assert kept.schema == arrow_schema([TEXT])


@pytest.mark.parametrize(
    "pulled",
    [
        pa.table({"a": pa.array([1], pa.int64())}),
        pa.table({"a": pa.array([1], pa.int32()), "b": pa.array([1.0])}),
        pa.table({"b": pa.array([1.0]), "a": pa.array([1], pa.int64())}),
        pa.table({"a": pa.array([1], pa.int64()), "b": pa.array([1.0]), "c": pa.array([1])}),
        pa.table({"a": pa.array([1], pa.int64()), "b": pa.array([1.0], pa.float32())}),
        pa.table({"a": pa.array([1], pa.int64()), "b": pa.array([None], pa.float64())}),
    ],
    ids=["missing", "narrower", "order", "surplus", "float", "null"],
)
def test_any_other_difference_is_drift(pulled: pa.Table) -> None:
    columns = [SourceColumn("a", "BIGINT"), SourceColumn("b", "DOUBLE", nullable=False)]
    with pytest.raises(SourceError, match="columns and types that the table declares"):
        normalised(pulled, columns)


def test_timestamps_of_another_unit_are_drift() -> None:
    pulled = pa.table({"at": pa.array([datetime(2024, 1, 1)], pa.timestamp("ms"))})
    with pytest.raises(SourceError, match="wanted timestamp"):
        normalised(pulled, [SourceColumn("at", "TIMESTAMP", precision=9)])
