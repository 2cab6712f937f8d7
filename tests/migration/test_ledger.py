"""The ledger: one sealed record a partition, moved from state to state by one process at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from chain_rows import DAYS, NOW, TABLE, contract

from mr_platform.errors import ConflictError, CorruptPartition, DataError, MissingPartition, UsageError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.migration import ledger as states
from mr_platform.migration.ledger import Entry, Ledger, PlannedTable, entry_name
from mr_platform.migration.progress import ledger_table, publish_ledger, status
from schemas.contracts import check_contract
from schemas.migration import MIGRATION_LEDGER, MIGRATION_STATES

PATH = ("transferring", "transferred", "verified")


def begun(lake: Lake, days: tuple[date, ...] = DAYS, rows: int = 60) -> Ledger:
    """A ledger with one pending entry a day."""
    ledger = Ledger(lake)
    entries = [Entry(TABLE, Partition("NIFTY", day), states.PENDING, rows, NOW) for day in days]
    ledger.record(PlannedTable(contract(), dict.fromkeys(days, rows), NOW), entries)
    return ledger


def moved(ledger: Ledger, *path: str, day: date = DAYS[0], **facts: object) -> Entry:
    """The day's entry taken along the path."""
    entry = ledger.entry(TABLE, day)
    for state in path:
        entry = ledger.move(entry, state, now=NOW, **(facts if state == path[-1] else {}))
    return entry


def test_a_plan_and_its_entries_come_back_as_they_went(lake):
    ledger = begun(lake)
    assert [entry.partition.trade_date for entry in ledger.entries()] == list(DAYS)
    assert {entry.state for entry in ledger.entries(TABLE)} == {"pending"}
    assert ledger.contract(TABLE) == contract()
    assert dict(ledger.planned(TABLE).dates) == dict.fromkeys(DAYS, 60)


def test_a_table_that_was_not_planned_is_named_with_those_that_were(lake):
    with pytest.raises(MissingPartition, match=r"banknifty_option_chain.*planned: nifty_option_chain"):
        begun(lake).contract("banknifty_option_chain")


def test_an_entry_keeps_its_facts_along_the_road(lake):
    ledger = begun(lake)
    entry = moved(ledger, *PATH, lake_rows=60, multiset="ab")
    assert (entry.attempts, entry.lake_rows, entry.facts["multiset"]) == (1, 60, "ab")
    assert ledger.entry(TABLE, DAYS[0]) == entry
    assert [e.partition.trade_date for e in ledger.entries(state="verified")] == [DAYS[0]]


def test_a_new_transfer_begins_with_no_facts_of_the_old_one(lake):
    ledger = begun(lake)
    entry = moved(ledger, *PATH, lake_rows=60, multiset="ab")
    entry = ledger.reopen(entry, why="the source changed", now=NOW)
    assert (entry.state, entry.lake_rows, dict(entry.facts), entry.reason) == (
        "pending",
        None,
        {},
        "the source changed",
    )


ALLOWED = {
    "pending": {"pending", "transferring", "suspended", "unverifiable"},
    "transferring": {"transferring", "transferred", "pending", "suspended"},
    "transferred": {"verified", "mismatched", "pending", "suspended"},
    "verified": {"verified", "mismatched", "pending"},
    "mismatched": {"mismatched", "verified", "pending", "suspended", "unverifiable"},
    "suspended": {"pending", "suspended", "unverifiable"},
    "unverifiable": {"pending", "unverifiable"},
}
TO = {
    "pending": (),
    "transferring": PATH[:1],
    "transferred": PATH[:2],
    "verified": PATH,
    "mismatched": (*PATH[:2], "mismatched"),
    "suspended": (*PATH[:1], "suspended"),
    "unverifiable": (*PATH[:1], "suspended", "unverifiable"),
}


@pytest.mark.parametrize("start", MIGRATION_STATES)
@pytest.mark.parametrize("end", MIGRATION_STATES)
def test_only_the_moves_of_the_table_are_allowed(lake, start, end):
    ledger = begun(lake, DAYS[:1])
    decided = {"who": "A. Person", "reason": "the server lost the day"}
    entry = ledger.entry(TABLE, DAYS[0])
    for state in TO[start]:
        entry = ledger.move(entry, state, now=NOW, **(decided if state == "unverifiable" else {}))
    if end in ALLOWED[start]:
        assert ledger.move(entry, end, now=NOW, **decided).state == end
    else:
        with pytest.raises(UsageError, match=f"a partition that is {start} goes on to"):
            ledger.move(entry, end, now=NOW, **decided)
        assert ledger.entry(TABLE, DAYS[0]) == entry


@pytest.mark.parametrize(("who", "why"), [("", "lost"), ("A. Person", ""), ("  ", "lost"), ("A. Person", " ")])
def test_nobody_gives_a_partition_up_without_a_name_and_a_reason(lake, who, why):
    ledger = begun(lake)
    entry = moved(ledger, "transferring", "suspended")
    with pytest.raises(UsageError, match="by a named person with a reason"):
        ledger.give_up(entry, who=who, why=why, now=NOW)
    with pytest.raises(UsageError, match="by a named person with a reason"):
        ledger.move(entry, "unverifiable", now=NOW)
    given_up = ledger.give_up(entry, who="A. Person", why="the server lost the day", now=NOW)
    assert (given_up.facts["who"], given_up.reason) == ("A. Person", "the server lost the day")


def test_a_record_that_somebody_else_moved_is_not_overwritten(lake):
    ledger = begun(lake)
    old = ledger.entry(TABLE, DAYS[0])
    moved(Ledger(lake), "transferring")
    with pytest.raises(ConflictError, match="it is transferring since"):
        ledger.move(old, "transferring", now=NOW)


def test_a_claimed_partition_is_held_until_it_is_let_go(lake):
    ours, theirs = begun(lake), Ledger(lake)
    with ours.claim(TABLE, DAYS[0]) as entry:
        assert entry is not None
        with theirs.claim(TABLE, DAYS[0]) as second, ours.claim(TABLE, DAYS[0]) as third:
            assert second is None
            assert third is None
        with theirs.claim(TABLE, DAYS[1]) as other:
            assert other is not None
        assert theirs.held_elsewhere(entry)
        assert not ours.held_elsewhere(entry)
        with pytest.raises(ConflictError, match="another process holds the partition"):
            theirs.move(entry, "transferring", now=NOW)
        assert ours.move(entry, "transferring", now=NOW).state == "transferring"
    with theirs.claim(TABLE, DAYS[0]) as entry:
        assert entry is not None
        assert entry.state == "transferring"


_HOLDER = """
import sys, time
from datetime import date, datetime, timezone
from pathlib import Path
from mr_platform.lake.store import Lake
from mr_platform.migration.ledger import Ledger
ledger = Ledger(Lake(Path(sys.argv[1])))
with ledger.claim(sys.argv[2], date.fromisoformat(sys.argv[3])) as entry:
    ledger.move(entry, "transferring", now=datetime.now(timezone.utc))
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_claim_of_a_killed_process_is_free_and_its_state_shows_what_it_did(lake):
    ledger = begun(lake)
    command = [sys.executable, "-c", _HOLDER, str(lake.root), TABLE, DAYS[0].isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert status(ledger)["tables"][0]["stale"] == 0
        with ledger.claim(TABLE, DAYS[0]) as entry:
            assert entry is None
        os.kill(holder.pid, signal.SIGKILL)
    assert status(ledger)["tables"][0]["stale"] == 1
    with ledger.claim(TABLE, DAYS[0]) as entry:
        assert entry is not None
        assert ledger.move(entry, "transferring", now=NOW).attempts == 2


@pytest.mark.parametrize("which", ["entry", "plan"])
def test_any_flipped_bit_of_a_record_is_found(lake, which):
    ledger = begun(lake, DAYS[:1])
    moved(ledger, *PATH, lake_rows=60, multiset="ab", reason="ü")
    path = lake.root / (entry_name(TABLE, DAYS[0]) if which == "entry" else f"migration/tables/{TABLE}.json")
    whole = path.read_bytes()
    step = 1 if which == "entry" else 97
    for at in range(0, len(whole), step):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        with pytest.raises(CorruptPartition):
            ledger.entries()
    path.write_bytes(whole)
    assert len(ledger.entries()) == 1


@pytest.mark.parametrize("keep", [0, 1, 200])
def test_a_truncated_record_is_found(lake, keep):
    ledger = begun(lake)
    path = lake.root / entry_name(TABLE, DAYS[0])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CorruptPartition, match=r"2022-11-04\.json"):
        ledger.entries()


def test_a_record_in_the_place_of_another_is_found(lake):
    ledger = begun(lake)
    first, second = (lake.root / entry_name(TABLE, day) for day in DAYS[:2])
    second.write_bytes(first.read_bytes())
    with pytest.raises(CorruptPartition, match=r"NIFTY\|2022-11-04"):
        ledger.entries()


def test_a_lost_record_is_found_and_planning_again_makes_it_pending(lake):
    ledger = begun(lake)
    (lake.root / entry_name(TABLE, DAYS[1])).unlink()
    with pytest.raises(DataError, match="1 lost: 2022-11-07"):
        ledger.entries()
    begun(lake)
    assert [entry.state for entry in ledger.entries()] == ["pending"] * 3


def test_planning_at_the_same_time_overwrites_no_record_and_loses_no_date(lake):
    ledger = begun(lake, DAYS[:2])
    entry = moved(ledger, *PATH)
    # a second planner that had looked before the first one wrote
    begun(lake, (DAYS[0], DAYS[2]))
    assert ledger.entry(TABLE, DAYS[0]) == entry
    assert list(ledger.planned(TABLE).dates) == list(DAYS)


def test_a_contract_is_frozen_once(lake):
    ledger = begun(lake)
    other = PlannedTable(contract(with_dte_bucket=True), {}, NOW)
    with pytest.raises(ConflictError, match="a table's contract is frozen once"):
        ledger.record(other, [])
    assert ledger.contract(TABLE) == contract()


def test_an_unknown_state_is_refused(lake):
    with pytest.raises(UsageError, match="choose from pending, transferring"):
        begun(lake).entries(state="done")


def test_the_status_counts_partitions_rows_and_reasons(lake):
    ledger = begun(lake)
    moved(ledger, *PATH, lake_rows=60)
    moved(ledger, "transferring", "suspended", day=DAYS[1], reason="refused three times")
    assert status(ledger) == {
        "tables": [
            {
                "table": TABLE,
                "symbol": "NIFTY",
                "partitions": 3,
                "states": {"pending": 1, "suspended": 1, "verified": 1},
                "rows": 180,
                "rows_moved": 60,
                "stale": 0,
                "reasons": {"NIFTY|2022-11-07": "refused three times"},
            }
        ]
    }


def test_the_ledger_as_a_table_keeps_its_contract_and_stands_where_the_warehouse_looks(lake):
    ledger = begun(lake)
    moved(ledger, *PATH, lake_rows=60)
    table = ledger_table(ledger.entries())
    assert check_contract(table, MIGRATION_LEDGER) == []
    assert table.column("state").to_pylist() == ["verified", "pending", "pending"]
    assert table.column("lake_rows").to_pylist() == [60, None, None]
    assert publish_ledger(lake, ledger) == 3
    assert len(list((lake.root / "migration" / "ledger").glob("**/trade_date=*.parquet"))) == 1
    assert publish_ledger(lake, ledger) == 3


def test_the_time_of_a_state_comes_back_with_its_offset(lake):
    ledger = begun(lake)
    later = NOW + timedelta(milliseconds=1)
    ledger.move(ledger.entry(TABLE, DAYS[0]), "transferring", now=later)
    assert ledger.entry(TABLE, DAYS[0]).updated_ts == later
