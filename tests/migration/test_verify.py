"""Verification on the stand-in server: what passes, what does not, and what becomes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import moved as world
import pyarrow as pa
import pytest
from moved import DAYS, NOW, TABLE, Moved

from mr_platform.errors import UsageError
from mr_platform.lake.store import Lake
from mr_platform.migration.checks import NAMES
from mr_platform.migration.standin.changes import drop_row, flip_bit, set_value
from mr_platform.migration.standin.faults import Fault
from mr_platform.migration.verify import lot, verify
from schemas.migration import MIGRATION_FAILURES


@pytest.fixture(scope="module")
def transferred(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    folder = tmp_path_factory.mktemp("source")
    server = world.start_server(folder)
    found = Moved(server, Lake(folder / "lake"))
    found.plan()
    found.transfer()
    yield found
    server.stop()


@pytest.fixture
def moved(transferred: Moved, tmp_path: Path) -> Iterator[Moved]:
    yield transferred.copy(tmp_path / "lake")
    transferred.server.faults.clear()


def failures(moved: Moved, day: date = DAYS[0]) -> list[dict]:
    return moved.lake.read("migration/failures", moved.entry(day).partition).to_pylist()


def test_an_honest_transfer_passes_every_named_check(moved: Moved) -> None:
    reports = moved.verify()
    assert [report.state for report in reports] == ["verified", "verified"]
    assert [tuple(report.checks) for report in reports] == [NAMES, NAMES]
    assert all(outcome.passed for report in reports for outcome in report.checks.values())
    assert [report.pulled_twice for report in reports] == [True, True]
    assert moved.lake.partitions("migration/failures") == []


def test_the_ledger_keeps_what_each_check_found(moved: Moved) -> None:
    moved.verify()
    entry = moved.entry()
    record = entry.facts["verification"]
    assert (entry.state, entry.reason) == ("verified", "")
    assert list(record["checks"]) == sorted(NAMES)
    assert record["rows"] == world.ROWS
    assert record["multiset"] == entry.facts["multiset"]
    assert record["file_sha256"] == entry.facts["file_sha256"]


def test_the_second_pull_cuts_elsewhere_than_the_first(moved: Moved) -> None:
    before = len(moved.server.book.statements)
    (report,) = moved.verify(DAYS[0])
    pulls = [s.sql for s in moved.server.book.statements[before:] if s.call == "sql_execute_df"]
    assert len(pulls) == 2
    assert "24 rows in 2 chunks" in report.checks["second_pull"].detail


def test_outside_the_sample_rows_are_not_pulled_again_but_everything_else_is_checked(moved: Moved) -> None:
    before = len(moved.server.book.statements)
    (report,) = moved.verify(DAYS[0], sample=0.0)
    assert not [s for s in moved.server.book.statements[before:] if s.call == "sql_execute_df"]
    assert (report.state, report.pulled_twice, tuple(report.checks)) == ("verified", False, NAMES)


def test_the_sample_is_drawn_by_seed_and_share(moved: Moved) -> None:
    entries = moved.ledger.entries()
    drawn = [lot(entry, "a") for entry in entries]
    assert drawn == [lot(entry, "a") for entry in entries]
    assert drawn != [lot(entry, "b") for entry in entries]
    assert all(0 <= number < 1 for number in drawn)


def test_a_changed_cell_is_told_with_row_column_and_both_values(moved: Moved) -> None:
    moved.server.faults.add(Fault("change", times=99, change=lambda t: set_value(t, row=1, column="ce_oi", value=7)))
    (report,) = moved.verify(DAYS[0])
    assert (report.state, report.proven) == ("mismatched", False)
    assert "second_pull" in report.failed
    rows = [row for row in failures(moved) if row["column_name"] == "ce_oi" and row["source_rowid"] is not None]
    # the fault strikes the second row of each of the two chunks
    assert [(row["source_rowid"], row["side"], row["source_value"]) for row in rows] == [
        (1, "both", "7"),
        (13, "both", "7"),
    ]
    held = moved.lake.read("raw/option_chain", moved.entry().partition, source="heavydb").column("ce_oi")
    assert [row["lake_value"] for row in rows] == [str(held[1].as_py()), str(held[13].as_py())]
    assert moved.entry().reason.startswith("second_pull: ce_oi of row")


def test_the_failures_keep_to_their_schema_and_key(moved: Moved) -> None:
    moved.server.faults.add(
        Fault("change", times=10**6, change=lambda t: set_value(t, row=1, column="strike", value=7.0))
    )
    moved.verify(DAYS[0])
    table = moved.lake.read("migration/failures", moved.entry().partition)
    assert table.schema.equals(MIGRATION_FAILURES.arrow())
    keys = [tuple(row[name] for name in MIGRATION_FAILURES.key) for row in table.to_pylist()]
    assert len(set(keys)) == len(keys) >= 2


def test_a_mismatched_partition_is_moved_again_and_then_verified_and_its_failures_are_gone(moved: Moved) -> None:
    moved.server.faults.add(Fault("change", times=1, change=lambda t: flip_bit(t, row=1, column="spot")))
    assert moved.verify(DAYS[0])[0].state == "mismatched"
    assert len(failures(moved)) > 0
    moved.ledger.reopen(moved.entry(), why="a transport fault", now=NOW)
    moved.transfer()
    (report,) = moved.verify(DAYS[0])
    assert (report.state, report.failed, report.pulled_twice) == ("verified", (), True)
    assert failures(moved) == []


def test_a_damaged_file_is_replaced_when_its_partition_is_moved_again_although_its_footer_is_as_it_was(
    moved: Moved,
) -> None:
    whole = moved.file().read_bytes()
    moved.file().write_bytes(bytes([*whole[:5], whole[5] ^ 1, *whole[6:]]))
    assert moved.verify(DAYS[0])[0].state == "mismatched"
    moved.ledger.reopen(moved.entry(), why="the disk was changed", now=NOW)
    moved.transfer()
    assert moved.file().read_bytes() == whole
    assert moved.verify(DAYS[0])[0].state == "verified"


def test_a_server_out_of_reach_leaves_the_partition_as_it_was(moved: Moved, tmp_path: Path) -> None:
    server = world.start_server(tmp_path)
    server.stop()
    settings = replace(server.settings, attempts=1)
    (report,) = verify(settings, moved.lake, moved.ledger, entries=[moved.entry()], now=NOW)
    assert (report.state, report.proven, report.checks) == ("transferred", False, {})
    assert report.error is not None
    assert moved.entry().state == "transferred"


def test_a_verified_partition_is_verified_again_on_request_and_found_out_when_the_source_changed(moved: Moved) -> None:
    moved.verify()
    moved.server.database.rewrite(TABLE, lambda t: flip_bit(t, row=3, column="ce_close"))
    try:
        (report,) = moved.verify(DAYS[0])
    finally:
        world.fill(moved.server)
    assert report.state == "mismatched"
    assert report.failed == ("second_pull",)


def test_a_write_elsewhere_in_the_table_is_noticed_but_does_not_accuse_the_partition(moved: Moved) -> None:
    moved.server.database.append(TABLE, world.source_rows(date(2022, 11, 9)))
    try:
        (report,) = moved.verify(DAYS[0], sample=0.0)
    finally:
        world.fill(moved.server)
    assert report.state == "verified"
    # the sample would have left it out; a source that was written to is pulled again in any case
    assert report.pulled_twice
    assert "written to since the transfer" in report.findings[0]


def test_a_source_that_moves_during_the_verification_is_found_out(moved: Moved) -> None:
    more = world.source_rows(DAYS[0]).slice(0, 1)
    moved.server.faults.add(Fault("act", act=lambda: moved.server.database.append(TABLE, more)))
    try:
        (report,) = moved.verify(DAYS[0])
    finally:
        world.fill(moved.server)
    assert report.state == "mismatched"
    assert "source_stands_still" in report.failed


def test_a_write_elsewhere_during_the_verification_is_noticed_and_not_accused(moved: Moved) -> None:
    more = world.source_rows(date(2022, 11, 9))
    moved.server.faults.add(Fault("act", act=lambda: moved.server.database.append(TABLE, more)))
    try:
        (report,) = moved.verify(DAYS[0])
    finally:
        world.fill(moved.server)
    assert (report.state, report.failed) == ("verified", ())
    assert "but not here" in report.findings[-1]


def test_a_second_pull_that_never_adds_up_is_a_mismatch_even_where_no_row_can_be_named(moved: Moved) -> None:
    moved.server.faults.add(Fault("change", times=10**6, change=lambda t: drop_row(t, row=0)))
    (report,) = moved.verify(DAYS[0])
    assert (report.state, report.differences) == ("mismatched", 0)
    assert "second_pull" in report.failed
    assert sorted(row["check_name"] for row in failures(moved)) == sorted(report.failed)


def test_a_partition_that_is_not_moved_yet_cannot_be_verified(moved: Moved) -> None:
    entry = moved.ledger.reopen(moved.entry(), why="again", now=NOW)
    with pytest.raises(UsageError, match="pending"):
        verify(moved.server.settings, moved.lake, moved.ledger, entries=[entry], now=NOW)


def test_a_share_outside_nought_and_one_is_refused(moved: Moved) -> None:
    with pytest.raises(UsageError, match="share"):
        moved.verify(sample=1.5)


def test_a_partition_held_by_another_run_is_left_alone(moved: Moved) -> None:
    known = moved.entry()
    with moved.ledger.claim(TABLE, DAYS[0]):
        (report,) = moved.verify(DAYS[0])
    assert (report.state, type(report.error).__name__) == ("transferred", "ConflictError")
    assert moved.entry() == known


def test_repeated_keys_of_the_source_are_listed_and_not_accused(moved: Moved) -> None:
    day = date(2022, 11, 9)
    rows = world.source_rows(day)
    moved.server.database.append(TABLE, pa.concat_tables([rows, rows.slice(4, 2)]))
    try:
        moved.plan()
        moved.transfer()
        (report,) = moved.verify(day)
    finally:
        world.fill(moved.server)
    assert report.state == "verified"
    assert "2 rows repeat the key of another, in the source itself" in report.findings


def test_a_date_that_is_no_session_is_noticed(moved: Moved) -> None:
    saturday = date(2022, 11, 5)
    moved.server.database.append(TABLE, world.source_rows(saturday))
    try:
        moved.plan()
        moved.transfer()
        (report,) = moved.verify(saturday)
    finally:
        world.fill(moved.server)
    assert report.state == "verified"
    assert "2022-11-05 is no session of the exchange" in report.findings


@pytest.mark.parametrize("kind", ["cut", "close", "truncate", "torn", "lose_session"])
def test_a_fault_on_the_way_is_overcome_on_a_fresh_connection(moved: Moved, kind: str) -> None:
    settings = replace(moved.server.settings, backoff=0.001)
    moved.server.faults.add(Fault(kind), Fault(kind, call="sql_execute"))
    (report,) = verify(settings, moved.lake, moved.ledger, entries=[moved.entry()], now=NOW)
    assert (report.state, report.failed) == ("verified", ())
    assert moved.server.faults.struck[kind] == 2


def test_killed_in_the_middle_it_goes_on_where_it_stopped(moved: Moved) -> None:
    code = f"""
import os, signal, sys
from datetime import datetime
from pathlib import Path
from mr_platform.lake.store import Lake
from mr_platform.migration.ledger import Ledger
from mr_platform.migration.verify import verify
from mr_platform.sources.heavydb.settings import HeavyDbSettings
lake = Lake(Path({str(moved.lake.root)!r}))
settings, now = HeavyDbSettings.from_environment(os.environ), datetime.fromisoformat({NOW.isoformat()!r})
verify(settings, lake, Ledger(lake), now=now, progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **moved.server.environment()}, check=False)
    assert done.returncode == -9
    assert [entry.state for entry in moved.ledger.entries()] == ["verified", "transferred"]
    first = moved.entry(DAYS[0])
    (report,) = moved.verify()
    assert (report.partition.trade_date, report.state) == (DAYS[1], "verified")
    assert moved.entry(DAYS[0]) == first
