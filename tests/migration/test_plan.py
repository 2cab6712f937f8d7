"""The plan: what the source holds beside what the calendar and the ledger say, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from chain_rows import DAYS, NOW, TABLE, chain, server

from mr_platform.errors import MissingPartition, SourceError, UsageError
from mr_platform.lake.store import Lake
from mr_platform.migration.ledger import Ledger
from mr_platform.migration.plan import MigrationPlan, plan
from mr_platform.migration.standin.market import chain_columns
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.transfer import transfer
from mr_platform.sources.heavydb.connection import HeavyDb

SUNDAY, LATER = date(2022, 11, 13), date(2022, 11, 11)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[StandIn]:
    """A running server with three days of one table."""
    with server(tmp_path) as running:
        yield running


def planned(source: StandIn, lake: Lake, **options: object) -> MigrationPlan:
    with HeavyDb(source.settings) as db:
        return plan(db, Ledger(lake), now=NOW, **options)  # type: ignore[arg-type]


def recorded(source: StandIn, lake: Lake) -> Ledger:
    ledger = Ledger(lake)
    planned(source, lake).record(ledger)
    return ledger


def test_a_plan_counts_dates_and_lays_them_beside_the_calendar(source, lake):
    source.database.append(TABLE, chain(SUNDAY, 7))
    (table,) = planned(source, lake).tables
    assert table.contract.symbol == "NIFTY"
    assert [(day.trade_date, day.rows, day.first, day.last) for day in table.days] == [
        (DAYS[0], 60, 0, 59),
        (DAYS[1], 60, 60, 119),
        (DAYS[2], 60, 120, 179),
        (SUNDAY, 7, 180, 186),
    ]
    # 2022-11-08 was a holiday
    assert table.missing_sessions == (date(2022, 11, 9), date(2022, 11, 11))
    assert table.outside_calendar == (SUNDAY,)
    assert (table.rows, table.rows_to_move, table.unaccounted) == (187, 187, 0)
    assert table.source_bytes == 187 * table.contract.row_bytes
    assert table.seconds == pytest.approx(187 / 60_000)
    assert len(table.added) == 4


def test_planning_writes_nothing(source, lake):
    planned(source, lake)
    assert not lake.root.exists()
    with pytest.raises(MissingPartition):
        Ledger(lake).contract(TABLE)


def test_every_query_filters_on_the_date_and_none_writes(source, lake):
    recorded(source, lake)
    sent = [statement.sql for statement in source.book.statements]
    assert sent
    assert all('"trade_date" >= DATE' in sql and '"trade_date" < DATE' in sql for sql in sent)
    assert source.book.writes == []


def test_a_plan_is_one_json_document(source, lake):
    document = json.loads(json.dumps(planned(source, lake).as_dict()))
    (table,) = document["tables"]
    assert table["columns"][1] == {
        "name": "trade_time",
        "source": "trade_time TIME",
        "arrow": "time32[ms]",
        "parquet": "INT32 TIME(MILLIS)",
        "bigquery": "TIME",
    }
    assert table["added"] == ["2022-11-04", "2022-11-07", "2022-11-10"]
    assert (table["first"], table["last"], table["partitions"]) == ("2022-11-04", "2022-11-10", 3)


def test_dates_can_be_bounded_and_the_rows_left_out_show(source, lake):
    (table,) = planned(source, lake, since=DAYS[0], until=DAYS[0]).tables
    assert table.added == (DAYS[0],)
    # rowids between the first and the last day, without the middle one
    source.database.append(TABLE, chain(DAYS[0], 5))
    (table,) = planned(source, lake, since=DAYS[0], until=DAYS[0]).tables
    assert table.unaccounted == 120
    with pytest.raises(UsageError, match="first date is not after the last"):
        planned(source, lake, since=DAYS[1], until=DAYS[0])


def test_rows_without_a_date_show_as_rowids_that_no_date_accounts_for(source, lake):
    rows = chain(LATER, 5)
    source.database.append(TABLE, rows.set_column(0, "trade_date", pa.nulls(5, pa.date32())))
    source.database.append(TABLE, chain(SUNDAY, 7))
    assert planned(source, lake).tables[0].unaccounted == 5


def test_tables_are_chosen_by_their_kind_of_name(source, lake):
    for name in ("banknifty_option_chain", "nifty_option_chain_copy"):
        source.database.create(name, chain_columns(), [chain(DAYS[0], 5)])
    found = planned(source, lake)
    assert [table.contract.symbol for table in found.tables] == ["BANKNIFTY", "NIFTY"]
    assert found.ignored == ("nifty_option_chain_copy",)
    only = planned(source, lake, tables=["banknifty_option_chain"])
    assert [table.contract.table for table in only.tables] == ["banknifty_option_chain"]
    assert only.ignored == ("nifty_option_chain", "nifty_option_chain_copy")
    for wrong in ("nifty_option_chain_copy", "sensex_option_chain", "users"):
        with pytest.raises(UsageError, match="the server has: banknifty_option_chain, nifty_option_chain"):
            planned(source, lake, tables=[wrong])


def test_two_tables_of_one_symbol_stop(source, lake):
    source.database.create("nifty50_option_chain", chain_columns(), [chain(DAYS[0], 5)])
    with pytest.raises(SourceError, match="nifty50_option_chain and nifty_option_chain are both NIFTY"):
        planned(source, lake)


def test_49_columns_are_planned_too(source, lake):
    columns = chain_columns(with_dte_bucket=True)
    rows = chain(DAYS[0], 5).append_column("dte_bucket", pa.array(["0DTE"] * 5))
    source.database.create(TABLE, columns, [rows])
    assert planned(source, lake).tables[0].contract.names[-1] == "dte_bucket"


def test_a_type_without_a_place_stops_the_plan(source, lake):
    odd = [replace(c, type="TIMESTAMP", precision=9) if c.name == "trade_time" else c for c in chain_columns()]
    source.database.create(TABLE, odd)
    assert planned(source, lake).tables[0].unexpected_types == ("trade_time: TIMESTAMP (expected TIME)",)
    # the stand-in stores no array; the declaration alone is what the plan reads
    source.database.tables[TABLE].columns = tuple(
        replace(c, type="POINT") if c.name == "spot" else c for c in chain_columns()
    )
    with pytest.raises(SourceError, match=r"spot POINT; at: nifty_option_chain\.spot"):
        planned(source, lake)


def test_planning_again_changes_nothing_and_adds_new_dates(source, lake):
    ledger = recorded(source, lake)
    before = ledger.entries()
    again = planned(source, lake)
    assert (again.tables[0].added, again.tables[0].kept) == ((), 3)
    again.record(ledger)
    assert ledger.entries() == before
    source.database.append(TABLE, chain(LATER, 9))
    more = planned(source, lake)
    assert (more.tables[0].added, more.tables[0].kept) == ((LATER,), 3)
    more.record(ledger)
    assert ledger.entries()[:3] == before
    assert [(e.partition.trade_date, e.source_rows, e.state) for e in ledger.entries()[3:]] == [(LATER, 9, "pending")]


def test_a_partial_plan_keeps_the_dates_of_the_whole_one(source, lake):
    ledger = recorded(source, lake)
    planned(source, lake, since=DAYS[1], until=DAYS[1]).record(ledger)
    assert list(ledger.planned(TABLE).dates) == list(DAYS)


def test_a_pending_partition_is_counted_anew(source, lake):
    ledger = recorded(source, lake)
    source.database.append(TABLE, chain(DAYS[1], 4))
    more = planned(source, lake)
    assert more.tables[0].recounted == (DAYS[1],)
    more.record(ledger)
    assert [entry.source_rows for entry in ledger.entries()] == [60, 64, 60]


def test_a_proved_partition_whose_source_changed_is_named_and_left_alone(source, lake):
    ledger = recorded(source, lake)
    transfer(source.settings, lake, ledger, now=NOW)
    for day in DAYS:
        ledger.move(ledger.entry(TABLE, day), "verified", now=NOW)
    before = ledger.entries()
    source.database.append(TABLE, chain(DAYS[1], 4))
    (table,) = (found := planned(source, lake)).tables
    assert (table.changed, table.epoch_moved) == ((DAYS[1],), (DAYS[0], DAYS[2]))
    assert (table.rows_to_move, table.added, table.kept) == (0, (), 2)
    found.record(ledger)
    assert ledger.entries() == before


def test_a_write_that_leaves_count_and_rowids_alone_shows_in_the_epoch(source, lake):
    ledger = recorded(source, lake)
    transfer(source.settings, lake, ledger, now=NOW)
    source.database.rewrite(TABLE, lambda rows: rows.set_column(4, "spot", pa.nulls(rows.num_rows, pa.float64())))
    (table,) = planned(source, lake).tables
    assert (table.changed, table.epoch_moved) == ((), DAYS)


def test_a_date_that_the_source_no_longer_has_is_named(source, lake):
    ledger = recorded(source, lake)
    transfer(source.settings, lake, ledger, now=NOW)
    source.database.create(TABLE, chain_columns(), [chain(DAYS[0]), chain(DAYS[1])])
    (table,) = planned(source, lake).tables
    assert (table.vanished, table.changed) == ((DAYS[2],), (DAYS[2],))


def test_a_source_whose_columns_changed_since_it_was_planned_stops(source, lake):
    recorded(source, lake)
    source.database.rewrite(TABLE, lambda rows: rows.set_column(7, "dte", rows["dte"].cast(pa.int64())))
    with pytest.raises(SourceError, match="contract has dte INT; source has dte BIGINT"):
        planned(source, lake)


def test_what_was_moved_under_another_contract_is_named(source, lake):
    ledger = recorded(source, lake)
    transfer(source.settings, lake, ledger, now=NOW)
    source.database.rewrite(TABLE, lambda rows: rows.set_column(7, "dte", rows["dte"].cast(pa.int64())))
    (lake.root / "migration" / "tables" / f"{TABLE}.json").unlink()
    assert planned(source, lake).tables[0].changed == DAYS


def test_a_profile_must_exist_and_stays_the_one_of_the_first_plan(source, lake):
    with pytest.raises(UsageError, match="did you mean heavydb"):
        planned(source, lake, profile="heavydv")
    planned(source, lake, profile="platform_chain_utc").record(Ledger(lake))
    assert planned(source, lake).tables[0].contract.profile == "platform_chain_utc"
    with pytest.raises(UsageError, match="it is platform_chain_utc"):
        planned(source, lake, profile="heavydb")


def test_measured_transfers_give_the_estimate(source, lake):
    ledger = recorded(source, lake)
    transfer(source.settings, lake, ledger, now=NOW)
    seconds = sum(entry.facts["seconds"] for entry in ledger.entries())
    source.database.append(TABLE, chain(LATER, 18))
    assert planned(source, lake).tables[0].seconds == pytest.approx(seconds / 10)
