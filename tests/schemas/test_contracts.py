"""Every table's contract accepts what keeps it and names what breaks it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest

from schemas.contracts import check_contract, contract
from schemas.expectations import run_migrated_suite, run_suite
from schemas.tables import CORE_OPTION_CHAIN, TABLES, Column, TableSchema

IST = ZoneInfo("Asia/Kolkata")


def core(minutes: int = 6, expiries: int = 2) -> pa.Table:
    """Two strikes of each expiry in each minute."""
    rows = []
    for minute in range(minutes):
        for week in range(expiries):
            for strike in (24_000.0, 24_050.0):
                row: dict[str, object] = dict.fromkeys(CORE_OPTION_CHAIN.arrow().names)
                ts = datetime(2026, 11, 19, 9, 15, tzinfo=IST) + timedelta(minutes=minute)
                row |= {"symbol": "NIFTY", "ts": ts, "expiry": date(2026, 11, 24) + timedelta(weeks=week)}
                row |= {"strike": strike, "dte": 5 + 7 * week, "snapshot_made": False, "raw_rows": 2, "known_ts": ts}
                for side in ("ce", "pe"):
                    row |= {f"{side}_low": 99.0, f"{side}_high": 101.0, f"{side}_close": 100.0, f"{side}_iv": 0.12}
                    row |= {f"{side}_bid": 99.95, f"{side}_ask": 100.05}
                rows.append(row)
    return pa.Table.from_pylist(rows, schema=CORE_OPTION_CHAIN.arrow())


def changed(table: pa.Table, **values: object) -> pa.Table:
    """The table with the first row's values replaced."""
    frame = pl.DataFrame(pl.from_arrow(table))
    first = pl.int_range(pl.len()) == 0
    frame = frame.with_columns(
        pl.when(first).then(pl.lit(value, dtype=frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )
    return CORE_OPTION_CHAIN.conform(frame.to_arrow())


@pytest.mark.parametrize("schema", TABLES.values(), ids=TABLES.keys())
def test_the_empty_table_of_every_schema_keeps_its_contract(schema):
    assert check_contract(schema.empty(), schema) == []
    assert contract(schema).name == schema.name


def test_checking_a_contract_leaves_the_time_zones_of_the_process_alone():
    # pandera sets PYARROW_IGNORE_TIMEZONE when it is imported
    check_contract(core(), CORE_OPTION_CHAIN)
    moment = datetime(2026, 11, 19, 9, 15, tzinfo=IST)
    assert str(pa.array([moment], pa.timestamp("us", "Asia/Kolkata"))[0]) == "2026-11-19 09:15:00+05:30"


def test_a_good_table_has_no_failure():
    assert check_contract(core(), CORE_OPTION_CHAIN) == []


@pytest.mark.parametrize(
    ("values", "failure"),
    [
        ({"ce_low": -0.05}, "column ce_low: at least 0 (1 rows, for example -0.05)"),
        ({"pe_iv": 3.01}, "column pe_iv: at most 3 (1 rows, for example 3.01)"),
        ({"ce_iv": 0.009}, "column ce_iv: at least 0.01 (1 rows, for example 0.009)"),
        ({"ce_delta": 1.5}, "column ce_delta: at most 1 (1 rows, for example 1.5)"),
        ({"raw_rows": None}, "column raw_rows: is never null (1 rows, for example None)"),
        (
            {"strike": 24_050.0},
            "the key (symbol, ts, expiry, strike) is unique (2 rows, for example "
            "symbol=NIFTY ts=2026-11-19 09:15:00+05:30 expiry=2026-11-24 strike=24050.0)",
        ),
    ],
)
def test_a_broken_value_is_named_with_its_rule(values, failure):
    assert [str(f) for f in check_contract(changed(core(), **values), CORE_OPTION_CHAIN)] == [failure]


@pytest.mark.parametrize(
    "values", [{"ce_iv": 0.01}, {"ce_iv": 3.0}, {"ce_delta": -1.0}, {"ce_low": 0.0}, {"ce_iv": None}]
)
def test_the_ends_of_a_range_and_null_belong_to_it(values):
    assert check_contract(changed(core(), **values), CORE_OPTION_CHAIN) == []


def test_bounds_hold_for_finite_values_only():
    schema = TableSchema(
        "t/t", 1, "t", ("k",), (Column("k", pa.int32(), "k"), Column("x", pa.float64(), "x", lowest=0))
    )
    table = pa.table({"k": pa.array([1, 2], pa.int32()), "x": [float("nan"), float("inf")]})
    assert check_contract(table, schema) == []


def test_allowed_values_are_checked():
    schema = TableSchema("t/t", 1, "t", ("k",), (Column("k", pa.string(), "k", values=("a", "b")),))
    assert [str(f) for f in check_contract(pa.table({"k": ["a", "c"]}), schema)] == [
        "column k: one of a, b (1 rows, for example c)"
    ]


def test_shape_and_exact_types_are_checked_before_any_value():
    table = core()
    assert [str(f) for f in check_contract(table.drop_columns(["spot"]), CORE_OPTION_CHAIN)] == [
        "column spot: is present (24 rows, for example absent)"
    ]
    extra = table.append_column("more", pa.array([1] * 24))
    assert [f.column for f in check_contract(extra, CORE_OPTION_CHAIN)] == ["more"]
    wide = table.set_column(4, "dte", table.column("dte").cast(pa.int64()))
    assert [str(f) for f in check_contract(wide, CORE_OPTION_CHAIN)] == [
        "column dte: has type int32 (24 rows, for example int64)"
    ]
    swapped = table.select([*table.column_names[1:], "symbol"])
    assert [f.rule for f in check_contract(swapped, CORE_OPTION_CHAIN)] == ["columns stand in the contract's order"]


def test_the_end_of_day_suite_passes_a_whole_day_and_names_what_a_broken_one_lacks():
    good = run_suite(core(), session_minutes=6)
    assert good.success
    assert len(good.outcomes) == 16
    assert good.failed == ()
    bad = changed(core(), symbol="BANKNIFTY", ce_high=1.0, strike=24_050.0, dte=5_000)
    result = run_suite(bad, session_minutes=20)
    assert not result.success
    assert {(o.expectation, o.subject) for o in result.failed} == {
        ("expect_column_unique_value_count_to_be_between", "symbol"),
        ("expect_column_unique_value_count_to_be_between", "ts"),
        ("expect_compound_columns_to_be_unique", "ts, expiry, strike"),
        ("expect_column_pair_values_a_to_be_greater_than_b", "ce_high, ce_low"),
        ("expect_column_values_to_be_between", "dte"),
    }


def test_the_suite_judges_only_columns_that_the_source_has():
    frame = pl.DataFrame(pl.from_arrow(core()))
    bare = frame.with_columns(pl.lit(None, pl.Float64).alias(n) for n in ("ce_bid", "pe_bid", "ce_iv", "pe_iv"))
    result = run_suite(CORE_OPTION_CHAIN.conform(bare.to_arrow()), session_minutes=6)
    assert (result.success, len(result.outcomes)) == (True, 12)


MIGRATED_COLUMNS = ["trade_date", "trade_time", "expiry_date", "index_name", "strike"]


def migrated(rows: int = 300) -> pa.Table:
    """A partition of three minutes as a source holds it, one row a minute and strike."""
    day = date(2026, 11, 19)
    return pa.table(
        {
            "trade_date": [day] * rows,
            "trade_time": pa.array([33_300 + 60 * (i % 3) for i in range(rows)], pa.time32("s")),
            "expiry_date": [date(2026, 11, 24)] * rows,
            "index_name": ["NIFTY"] * rows,
            "strike": [24_000.0 + 50 * (i // 3) for i in range(rows)],
        }
    )


def migrated_failures(frame: pa.Table, **asked: object) -> set[tuple[str, str]]:
    told: dict[str, object] = {"columns": MIGRATED_COLUMNS, "symbol": "NIFTY", "trade_date": date(2026, 11, 19)}
    result = run_migrated_suite(frame, **(told | {"rows": 300, "session_minutes": 375} | asked))
    assert result.success == (not result.failed)
    return {(outcome.expectation, outcome.subject) for outcome in result.failed}


def test_a_whole_migrated_partition_meets_its_expectations():
    assert migrated_failures(migrated()) == set()


def test_a_vendors_flaws_are_moved_as_they_are():
    flawed = pa.concat_tables([migrated().slice(0, 298), migrated().slice(0, 2)])
    assert migrated_failures(flawed) == set()


@pytest.mark.parametrize(
    ("frame", "asked", "expected"),
    [
        (migrated().slice(1), {}, {("expect_table_row_count_to_equal", "")}),
        (
            migrated().select(MIGRATED_COLUMNS[::-1]),
            {},
            {("expect_table_columns_to_match_ordered_list", "")},
        ),
        (migrated(), {"symbol": "BANKNIFTY"}, {("expect_column_distinct_values_to_equal_set", "index_name")}),
        (
            migrated(),
            {"trade_date": date(2026, 11, 20)},
            {("expect_column_distinct_values_to_equal_set", "trade_date")},
        ),
        (
            migrated(),
            {"session_minutes": 2},
            {("expect_column_unique_value_count_to_be_between", "trade_time")},
        ),
        (
            pa.concat_tables([migrated().slice(0, 150)] * 2),
            {},
            {("expect_compound_columns_to_be_unique", "trade_time, expiry_date, strike")},
        ),
    ],
    ids=["a row lost", "columns in another order", "another symbol", "another day", "more minutes", "pulled twice"],
)
def test_a_broken_migrated_partition_names_what_it_lacks(frame, asked, expected):
    assert migrated_failures(frame, **asked) == expected
