"""The schema contract: a place in four systems for every type, and nothing else passes."""

from __future__ import annotations

import copy
import struct
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain_rows import DAYS, TABLE, chain, contract, source_columns

from mr_platform.errors import CorruptPartition, SourceError
from mr_platform.lake.encoding import write_table
from mr_platform.migration.contract import CHAIN_COLUMNS, TableContract, freeze, unexpected_types
from mr_platform.sources.heavydb.schema import SourceColumn, arrow_type


def frozen(*changed: SourceColumn) -> TableContract:
    """A contract with some columns replaced by name."""
    by_name = {column.name: column for column in changed}
    columns = [by_name.get(column.name, column) for column in source_columns()]
    return freeze(TABLE, columns, symbol="NIFTY", profile="heavydb")


# source type, on the wire, in the lake, Parquet, BigQuery
TYPES = [
    (("BOOL",), "bool", "bool", "BOOLEAN", "BOOL"),
    (("TINYINT",), "int8", "int8", "INT32 INT(8)", "INT64"),
    (("SMALLINT",), "int16", "int16", "INT32 INT(16)", "INT64"),
    (("INT",), "int32", "int32", "INT32", "INT64"),
    (("BIGINT",), "int64", "int64", "INT64", "INT64"),
    (("FLOAT",), "float", "float", "FLOAT", "FLOAT64"),
    (("DOUBLE",), "double", "double", "DOUBLE", "FLOAT64"),
    (("DATE",), "date32[day]", "date32[day]", "INT32 DATE", "DATE"),
    (("TIME",), "time32[s]", "time32[ms]", "INT32 TIME(MILLIS)", "TIME"),
    (("TIMESTAMP", 0), "timestamp[s]", "timestamp[ms]", "INT64 TIMESTAMP(MILLIS, local)", "DATETIME"),
    (("TIMESTAMP", 3), "timestamp[ms]", "timestamp[ms]", "INT64 TIMESTAMP(MILLIS, local)", "DATETIME"),
    (("TIMESTAMP", 6), "timestamp[us]", "timestamp[us]", "INT64 TIMESTAMP(MICROS, local)", "DATETIME"),
    (("TIMESTAMP", 9), "timestamp[ns]", "timestamp[ns]", "INT64 TIMESTAMP(NANOS, local)", "INT64"),
    (
        ("DECIMAL", 10, 2),
        "decimal128(10, 2)",
        "decimal128(10, 2)",
        "FIXED_LEN_BYTE_ARRAY DECIMAL(10, 2)",
        "NUMERIC(10, 2)",
    ),
    (
        ("DECIMAL", 38, 12),
        "decimal128(38, 12)",
        "decimal128(38, 12)",
        "FIXED_LEN_BYTE_ARRAY DECIMAL(38, 12)",
        "BIGNUMERIC(38, 12)",
    ),
    (("STR",), "string", "large_string", "BYTE_ARRAY STRING", "STRING"),
]
VALUES = {
    "bool": [True, None],
    "int8": [-128, 127, None],
    "int16": [-32768, 32767, None],
    "int32": [-(2**31), 2**31 - 1, None],
    "int64": [-(2**63), 2**63 - 1, None],
    "float": [-0.0, 1.1754943508222875e-38, None],
    "double": [-0.0, 5e-324, None],
    "date32[day]": [date(1900, 1, 1), date(2022, 11, 4), None],
    "time32[s]": [0, 86_399, None],
    "timestamp[s]": [datetime(1900, 1, 1), datetime(2022, 11, 4, 9, 15, 1), None],
    "timestamp[ms]": [datetime(2022, 11, 4, 9, 15, 1, 1000), None],
    "timestamp[us]": [datetime(2022, 11, 4, 9, 15, 1, 1), None],
    "timestamp[ns]": [1_667_553_301_000_000_001, None],
    "decimal128(10, 2)": [Decimal("1.10"), Decimal("-99999999.99"), None],
    "decimal128(38, 12)": [Decimal("1.100000000000"), None],
    "string": ["", "NULL", " x ", None],
}


def column(kind: tuple, name: str = "spot") -> SourceColumn:
    scale = kind[2] if len(kind) > 2 else 0
    return SourceColumn(name, kind[0], precision=kind[1] if len(kind) > 1 else 0, scale=scale)


@pytest.mark.parametrize(("source", "wire", "lake", "parquet", "bigquery"), TYPES, ids=[str(row[0]) for row in TYPES])
def test_each_type_is_named_in_all_four_systems(source, wire, lake, parquet, bigquery):
    found = next(c for c in frozen(column(source)).columns if c.name == "spot")
    assert (found.arrow, found.lake, found.parquet, found.bigquery) == (wire, lake, parquet, bigquery)


@pytest.mark.parametrize("source", [row[0] for row in TYPES], ids=str)
def test_each_type_of_the_lake_comes_back_from_parquet_as_it_went(source, tmp_path: Path):
    rules = frozen(column(source))
    wire = arrow_type(column(source))
    values = pa.array(VALUES[str(wire)], wire)
    rows = pa.table({c.name: pa.nulls(len(values), arrow_type(c.source)) for c in rules.columns})
    rows = rows.set_column(rules.names.index("spot"), "spot", values)
    plain = rules.plain(rules.conform(rows))
    write_table(plain, tmp_path / "one.parquet")
    back = pq.ParquetFile(tmp_path / "one.parquet").read()
    assert back.schema.remove_metadata() == plain.schema == rules.schema()
    assert back.column("spot").equals(plain.column("spot"))
    assert back.column("spot").cast(wire).to_pylist() == values.to_pylist()
    assert (
        str(pq.ParquetFile(tmp_path / "one.parquet").schema.column(4).physical_type)
        in frozen(column(source)).columns[4].parquet.split()
    )


@pytest.mark.parametrize(
    "odd",
    [
        SourceColumn("spot", "ARRAY(DOUBLE)"),
        SourceColumn("spot", "POINT"),
        SourceColumn("spot", "INTERVAL_DAY_TIME"),
        SourceColumn("spot", "TIMESTAMP", precision=4),
        SourceColumn("spot", "UNKNOWN 99"),
    ],
    ids=str,
)
def test_a_type_without_a_place_stops_with_table_column_and_type(odd):
    with pytest.raises(SourceError) as stopped:
        frozen(odd)
    assert stopped.value.place == "nifty_option_chain.spot"
    assert odd.type in str(stopped.value.value)


def test_a_chain_has_48_columns_or_49():
    assert len(contract().columns) == len(CHAIN_COLUMNS) == 48
    assert contract(with_dte_bucket=True).names == [*CHAIN_COLUMNS, "dte_bucket"]


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (source_columns()[:-1], "missing ['future_coi']"),
        ([*source_columns(), SourceColumn("comment", "STR")], "unknown ['comment']"),
        ([*source_columns(), SourceColumn("spot", "DOUBLE")], "49 columns"),
    ],
)
def test_another_set_of_columns_stops(columns, named):
    with pytest.raises(SourceError) as stopped:
        freeze(TABLE, columns, symbol="NIFTY", profile="heavydb")
    assert named in str(stopped.value.value)


def test_another_type_than_the_kinds_own_is_moved_and_named():
    rules = frozen(SourceColumn("trade_time", "INT"), SourceColumn("strike", "DECIMAL", precision=10, scale=2))
    assert unexpected_types(rules) == ["trade_time: INT (expected TIME)", "strike: DECIMAL (expected DOUBLE)"]
    assert unexpected_types(contract(with_dte_bucket=True)) == []


def test_a_frozen_contract_comes_back_from_its_document():
    assert TableContract.from_document(contract().document()) == contract()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["columns"][4].update(lake="float"),
        lambda d: d["columns"][4]["source"].update(nullable=False),
        lambda d: d["columns"].reverse(),
        lambda d: d.update(digest="0" * 64),
        lambda d: d.update(profile="platform_chain"),
    ],
)
def test_a_document_that_was_changed_is_refused(change):
    document = copy.deepcopy(contract().document())
    change(document)
    with pytest.raises(CorruptPartition):
        TableContract.from_document(document)


def test_the_digest_names_types_nullability_order_and_profile():
    columns = source_columns()
    digests = {
        frozen().digest,
        frozen(SourceColumn("spot", "FLOAT")).digest,
        frozen(SourceColumn("spot", "DOUBLE", nullable=False)).digest,
        frozen(SourceColumn("zone_name", "STR", encoding="DICT")).digest,
        freeze(TABLE, columns[::-1], symbol="NIFTY", profile="heavydb").digest,
        freeze(TABLE, columns, symbol="NIFTY", profile="platform_chain").digest,
    }
    assert len(digests) == 6


def test_a_source_that_changed_stops_with_both_columns_named():
    with pytest.raises(SourceError, match="contract has spot DOUBLE; source has spot FLOAT"):
        frozen().check_source([*source_columns(spot="FLOAT")])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.drop_columns(["spot"]), "contract has spot double"),
        (lambda t: t.append_column("dte_bucket", pa.nulls(t.num_rows, pa.string())), "source has dte_bucket string"),
        (lambda t: t.select(t.column_names[::-1]), "order"),
        (lambda t: t.set_column(4, "spot", t["spot"].cast(pa.float32())), "spot double; source has spot float"),
        (lambda t: t.set_column(4, "spt", t["spot"]), "spot double; source has spt double"),
        (lambda t: t.set_column(7, "dte", t["dte"].cast(pa.int64())), "dte int32; source has dte int64"),
    ],
)
def test_a_chunk_of_another_schema_stops_with_both_named(change, named):
    with pytest.raises(SourceError) as stopped:
        contract().conform(change(chain(DAYS[0], 5)))
    assert named in str(stopped.value.value)
    assert "nifty_option_chain" in stopped.value.place


def test_a_null_in_a_column_declared_not_null_stops():
    strict = frozen(SourceColumn("spot", "DOUBLE", nullable=False), SourceColumn("index_name", "STR", encoding="DICT"))
    rows = pa.table({c.name: pa.nulls(1, arrow_type(c.source)) for c in strict.columns})
    with pytest.raises(SourceError, match=r"1 NULL in a NOT NULL column at spot"):
        strict.conform(rows)


def test_a_date_from_a_gpu_becomes_a_day_and_one_with_a_time_of_day_stops():
    rows = chain(DAYS[0], 3)
    gpu = rows.set_column(2, "expiry_date", rows["expiry_date"].cast(pa.date64()))
    assert contract().conform(gpu)["expiry_date"].to_pylist() == rows["expiry_date"].to_pylist()
    noon = pa.array([43_200_000] * 3, pa.int64()).cast(pa.date64())
    with pytest.raises(SourceError, match="time of day"):
        contract().conform(rows.set_column(2, "expiry_date", noon))


def test_conforming_changes_no_value():
    rows = chain(DAYS[0], 60)
    plain = contract().plain(contract().conform(rows))
    for name in rows.column_names:
        before, after = rows[name].to_pylist(), plain[name].to_pylist()
        assert [bits(value) for value in before] == [bits(value) for value in after], name


def bits(value: object) -> object:
    return struct.pack("<d", value) if isinstance(value, float) else value
