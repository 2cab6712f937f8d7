"""The transfer: what the source holds stands in raw bit for bit, whatever the chunks; what moves or breaks is told."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from multiprocessing import active_children
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain_rows import DAYS, NOW, TABLE, chain, contract, server

from mr_platform.errors import CorruptPartition, DataError, SourceError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.simulator.generator import default_sessions, generate_sessions
from mr_platform.market.simulator.parameters import load_embedded_market
from mr_platform.migration.ledger import Entry, Ledger
from mr_platform.migration.plan import plan
from mr_platform.migration.progress import Progress
from mr_platform.migration.pull import ChunkBounds, SourceFacts, pull
from mr_platform.migration.rowdigest import row_digest
from mr_platform.migration.standin.faults import Fault
from mr_platform.migration.standin.market import chain_columns
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.transfer import transfer
from mr_platform.migration.worker import RAW, Limits, raw_schema
from mr_platform.sources.heavydb.connection import HeavyDb
from mr_platform.sources.heavydb.settings import HeavyDbSettings, Secret
from mr_platform.sources.ingest import ingest, rebuild

SMALL = Limits(chunk=ChunkBounds(rows=25))


@pytest.fixture
def source(tmp_path: Path) -> Iterator[StandIn]:
    """A running server with three days of one table."""
    with server(tmp_path) as running:
        yield running


def quick(source: StandIn) -> HeavyDbSettings:
    """Settings that give up early."""
    return replace(source.settings, attempts=2, backoff=0.0)


def planned(source: StandIn, lake: Lake) -> Ledger:
    ledger = Ledger(lake)
    with HeavyDb(source.settings) as db:
        plan(db, ledger, now=NOW).record(ledger)
    return ledger


def raw(lake: Lake, day: date) -> pa.Table:
    return lake.read(RAW, Partition("NIFTY", day), source="heavydb")


def states(ledger: Ledger) -> list[str]:
    return [entry.state for entry in ledger.entries()]


def bits(table: pa.Table) -> list[list[object]]:
    """Every cell, floats by their bits."""
    return [
        [struct.pack("<d", value) if isinstance(value, float) else value for value in column.to_pylist()]
        for column in table.columns
    ]


def pulls(source: StandIn, day: date | None = None) -> list[str]:
    """The statements that fetched rows."""
    sent = [entry.sql for entry in source.book.statements if entry.call == "sql_execute_df"]
    return [sql for sql in sent if day is None or f"DATE '{day}'" in sql]


@pytest.mark.parametrize("limits", [Limits(), SMALL, Limits(chunk=ChunkBounds(rows=7), memory_bytes=10_000)])
def test_raw_holds_the_source_bit_for_bit(source, lake, limits):
    ledger = planned(source, lake)
    done = transfer(source.settings, lake, ledger, limits=limits, now=NOW)
    assert (done.partitions, done.rows, done.left, done.suspended) == (3, 180, 0, ())
    assert states(ledger) == ["transferred"] * 3
    for number, day in enumerate(DAYS):
        rows = raw(lake, day)
        expected = contract().plain(contract().conform(chain(day)))
        assert rows.schema.remove_metadata() == raw_schema(contract())
        assert bits(rows.select(expected.column_names)) == bits(expected)
        assert rows["_row"].to_pylist() == list(range(60 * number, 60 * number + 60))
        assert set(rows["_file"].to_pylist()) == {"heavydb:nifty_option_chain"}
        lake.verify(RAW, Partition("NIFTY", day), source="heavydb")
    assert not list(lake.root.rglob("*.scratch"))
    assert not list(lake.root.rglob("*.arrow"))


def test_chunks_and_spools_change_neither_content_nor_digest(source, tmp_path):
    facts = []
    for name, limits in {
        "whole": Limits(),
        "chunks": SMALL,
        "spool": Limits(chunk=ChunkBounds(rows=7), memory_bytes=10_000),
    }.items():
        lake = Lake(tmp_path / name)
        ledger = planned(source, lake)
        transfer(source.settings, lake, ledger, limits=limits, now=NOW)
        kept = ("multiset", "sequence", "content_digest", "contract", "source")
        facts.append([{key: entry.facts[key] for key in kept} for entry in ledger.entries()])
    assert facts[0] == facts[1] == facts[2]
    expected = row_digest(contract().conform(chain(DAYS[0])))
    assert (facts[0][0]["multiset"], facts[0][0]["sequence"]) == (expected.multiset(), expected.sequence())
    assert facts[0][0]["source"] == {"rows": 60, "first": 0, "last": 59, "epochs": [1]}
    path = Lake(tmp_path / "spool").path(RAW, Partition("NIFTY", DAYS[0]), source="heavydb")
    assert pq.read_metadata(path).num_row_groups > 5


def test_no_chunk_has_more_rows_than_allowed(source, lake):
    ledger = planned(source, lake)
    seen: list[Progress] = []
    transfer(source.settings, lake, ledger, limits=SMALL, now=NOW, progress=seen.append)
    chunks = [event.step.rows for event in seen if event.step.state == "transferring"]
    assert sum(chunks) == 180
    assert max(chunks) <= 25


def test_rowids_with_gaps_are_read_in_bounded_pieces(source, lake):
    # 60 rows of the first day at one end of a wide range of row ids, 3 at the other
    source.database.append(TABLE, chain(DAYS[0], 3), first_rowid=1_000_000)
    ledger = planned(source, lake)
    seen: list[Progress] = []
    transfer(source.settings, lake, ledger, limits=SMALL, now=NOW, progress=seen.append)
    assert raw(lake, DAYS[0]).num_rows == 63
    assert raw(lake, DAYS[0])["_row"].to_pylist()[-3:] == [1_000_000, 1_000_001, 1_000_002]
    assert max(event.step.rows for event in seen if event.step.state == "transferring") <= 2 * 25


def test_rows_out_of_order_are_put_in_the_order_of_rowid(source, lake):
    ledger = planned(source, lake)
    source.faults.add(Fault("change", times=9, change=lambda rows: rows.take(list(range(rows.num_rows))[::-1])))
    transfer(source.settings, lake, ledger, now=NOW)
    assert raw(lake, DAYS[0])["_row"].to_pylist() == list(range(60))


def test_nothing_lies_aside_once_the_ledger_says_transferred(source, lake):
    # a process killed right after that record is followed by nobody who would clear up behind it
    ledger = planned(source, lake)
    aside: dict[str, set[bool]] = {}

    def look(event: Progress) -> None:
        aside.setdefault(event.step.state, set()).add(any(lake.root.rglob("*.arrow")))

    limits = Limits(chunk=ChunkBounds(rows=25), memory_bytes=0)
    transfer(source.settings, lake, ledger, limits=limits, now=NOW, progress=look)
    assert aside["transferring"] == {True}
    assert aside["transferred"] == {False}


def test_what_is_moved_is_not_moved_again(source, lake):
    ledger = planned(source, lake)
    transfer(source.settings, lake, ledger, now=NOW)
    asked = len(source.book.statements)
    again = transfer(source.settings, lake, ledger, now=NOW)
    assert (again.partitions, again.rows, len(source.book.statements)) == (0, 0, asked)


def test_only_the_entries_given_are_moved(source, lake):
    ledger = planned(source, lake)
    transfer(source.settings, lake, ledger, entries=[ledger.entry(TABLE, DAYS[1])], now=NOW)
    assert states(ledger) == ["pending", "transferred", "pending"]


def test_progress_adds_up(source, lake):
    ledger = planned(source, lake)
    seen: list[Progress] = []
    transfer(source.settings, lake, ledger, limits=SMALL, now=NOW, progress=seen.append)
    assert all(a.rows_done <= b.rows_done for a, b in pairwise(seen))
    last = seen[-1]
    assert (last.done, last.total, last.rows_done, last.rows_total) == (3, 3, 180, 180)
    assert last.seconds_left == 0
    assert last.rows_per_second == pytest.approx(180 / last.seconds, rel=0.05)
    assert last.bytes_done > 180 * 300
    assert last.as_dict()["partition"] == "NIFTY|2022-11-10"


def test_rows_that_arrive_during_the_pull_send_the_partition_back_and_it_is_read_again(source, lake):
    ledger = planned(source, lake)
    source.faults.add(Fault("act", nth=2, act=lambda: source.database.append(TABLE, chain(DAYS[0], 5, seed=2))))
    seen: list[Progress] = []
    done = transfer(source.settings, lake, ledger, limits=SMALL, now=NOW, progress=seen.append)
    failed = [event.step for event in seen if event.step.state == "pending"]
    assert [step.partition.trade_date for step in failed] == [DAYS[0]]
    assert "rows 60 -> 65" in failed[0].reason or "of 60 rows" in failed[0].reason
    assert (done.rows, done.left) == (185, 0)
    entry = ledger.entry(TABLE, DAYS[0])
    assert (entry.state, entry.attempts, entry.source_rows, entry.lake_rows) == ("transferred", 2, 65, 65)
    assert raw(lake, DAYS[0]).num_rows == 65


def test_a_source_that_never_stands_still_suspends_the_partition_with_the_reason(source, lake):
    ledger = planned(source, lake)

    def write() -> None:
        source.database.append(TABLE, chain(DAYS[2], 1))

    source.faults.add(Fault("act", times=99, act=write, containing=f"'{DAYS[0]}'"))
    done = transfer(source.settings, lake, ledger, now=NOW)
    assert states(ledger) == ["suspended", "transferred", "transferred"]
    assert [entry.partition.trade_date for entry in done.suspended] == [DAYS[0]]
    assert done.suspended[0].failures == 3
    assert "epochs [" in done.suspended[0].reason
    assert not lake.path(RAW, Partition("NIFTY", DAYS[0]), source="heavydb").exists()


def test_a_schema_that_changes_between_chunks_stops_the_partition_with_both_named(source, lake):
    ledger = planned(source, lake)

    def retype(rows: pa.Table) -> pa.Table:
        return rows.set_column(4, "spot", rows["spot"].cast(pa.float32()))

    source.faults.add(Fault("act", nth=2, act=lambda: source.database.rewrite(TABLE, retype)))
    transfer(quick(source), lake, ledger, limits=SMALL, now=NOW)
    assert states(ledger) == ["suspended"] * 3
    for entry in ledger.entries():
        assert "contract has spot" in entry.reason
        assert "source has spot" in entry.reason
    assert not list((lake.root / "raw").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: pa.concat_tables([rows, rows.slice(3, 1)]), "each row of its range"),
        (lambda rows: rows.slice(1), "59 of 60 rows"),
        (lambda rows: rows.set_column(48, "rowid", pa.array(range(7, 67))), "each row of its range"),
        (lambda rows: rows.set_column(4, "spot", rows["spot"].cast(pa.float32())), "source has spot float"),
    ],
)
def test_an_answer_that_cannot_be_right_is_not_published(source, lake, change, reason):
    ledger = planned(source, lake)
    source.faults.add(Fault("change", times=99, change=change, containing=f"'{DAYS[0]}'"))
    transfer(source.settings, lake, ledger, now=NOW)
    assert states(ledger) == ["suspended", "transferred", "transferred"]
    assert reason in ledger.entry(TABLE, DAYS[0]).reason
    assert not lake.path(RAW, Partition("NIFTY", DAYS[0]), source="heavydb").exists()


def test_a_suspended_partition_waits_for_a_person(source, lake):
    ledger = planned(source, lake)
    source.faults.add(Fault("change", times=3, change=lambda rows: rows.slice(1), containing=f"'{DAYS[0]}'"))
    transfer(source.settings, lake, ledger, now=NOW)
    transfer(source.settings, lake, ledger, now=NOW)
    assert states(ledger)[0] == "suspended"
    ledger.reopen(ledger.entry(TABLE, DAYS[0]), why="the server was mended", now=NOW)
    transfer(source.settings, lake, ledger, now=NOW)
    entry = ledger.entry(TABLE, DAYS[0])
    assert (entry.state, entry.attempts, entry.failures, entry.reason) == ("transferred", 4, 0, "")


@pytest.mark.parametrize("kind", ["cut", "close", "truncate", "torn", "lose_session"])
def test_an_answer_that_breaks_off_is_asked_for_again(source, lake, kind):
    ledger = planned(source, lake)
    source.faults.add(Fault(kind, nth=2))
    done = transfer(quick(source), lake, ledger, limits=SMALL, now=NOW)
    assert source.faults.struck[kind] == 1
    assert (done.rows, done.left) == (180, 0)
    assert [entry.attempts for entry in ledger.entries()] == [1, 1, 1]
    assert bits(raw(lake, DAYS[0]).select(["spot"])) == bits(chain(DAYS[0]).select(["spot"]))


def test_a_server_that_is_gone_stops_the_run_and_the_next_one_finishes(source, lake):
    ledger = planned(source, lake)
    source.faults.add(Fault("act", nth=4, act=source.stop))
    with pytest.raises(SourceError, match="the server answers within 2 attempts"):
        transfer(quick(source), lake, ledger, limits=SMALL, now=NOW)
    assert states(ledger) == ["transferred", "pending", "pending"]
    second = ledger.entry(TABLE, DAYS[1])
    assert (second.failures, second.attempts) == (0, 1)
    assert "the server answers within" in second.reason
    source.start()
    assert transfer(source.settings, lake, ledger, now=NOW).left == 0
    assert states(ledger) == ["transferred"] * 3


def test_a_wrong_password_stops_the_run_and_is_not_told(source, lake, capfd):
    ledger = planned(source, lake)
    wrong = replace(quick(source), password=Secret("correct horse"))
    with pytest.raises(SourceError, match="the server knows the user and the password") as stopped:
        transfer(wrong, lake, ledger, now=NOW)
    assert states(ledger) == ["pending"] * 3
    told = "".join((str(stopped.value), *capfd.readouterr(), *(entry.reason for entry in ledger.entries())))
    assert "correct horse" not in told


def test_a_lake_that_cannot_be_written_stops_the_run_and_charges_no_partition(source, lake):
    ledger = planned(source, lake)
    (lake.root / "raw").write_bytes(b"a file where the folder should be")
    with pytest.raises(DataError, match="the lake can be written while partitions are moved"):
        transfer(source.settings, lake, ledger, now=NOW)
    assert states(ledger) == ["pending"] * 3
    assert [entry.failures for entry in ledger.entries()] == [0, 0, 0]
    assert "the lake can be written" in ledger.entry(TABLE, DAYS[0]).reason
    (lake.root / "raw").unlink()
    assert transfer(source.settings, lake, ledger, now=NOW).left == 0


def test_a_damaged_record_stops_the_run_with_its_place_and_what_was_begun_is_finished(source, lake):
    ledger = planned(source, lake)
    entries = ledger.entries()
    path = lake.root / entries[1].name
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"pending", b"pendinh"))
    with pytest.raises(CorruptPartition, match=r"2022-11-07\.json"):
        transfer(source.settings, lake, ledger, entries=entries, now=NOW)
    path.write_bytes(whole)
    assert states(ledger) == ["transferred", "pending", "pending"]


def test_rows_without_rowids_are_refused():
    class Nameless:
        """A server whose rows have no rowid."""

        def rows(self, sql: str) -> list[tuple]:
            raise AssertionError(sql)

    with pytest.raises(SourceError, match="60 rows without a rowid"):
        list(pull(Nameless(), contract(), DAYS[0], SourceFacts(60, None, None, ())))
    assert list(pull(Nameless(), contract(), DAYS[0], SourceFacts(0, None, None, ()))) == []


def test_a_day_without_rows_is_an_empty_object(source, lake):
    ledger = planned(source, lake)
    source.database.create(TABLE, chain_columns(), [chain(DAYS[0]), chain(DAYS[2])])
    transfer(source.settings, lake, ledger, now=NOW)
    empty = raw(lake, DAYS[1])
    assert (empty.num_rows, empty.schema.remove_metadata()) == (0, raw_schema(contract()))
    entry = ledger.entry(TABLE, DAYS[1])
    assert (entry.state, entry.source_rows, entry.lake_rows) == ("transferred", 0, 0)


def test_rows_of_another_delivery_are_not_replaced(source, lake):
    ledger = planned(source, lake)
    partition = Partition("NIFTY", DAYS[0])
    metadata = {"profile": "heavydb", "files": '{"export.parquet":"ab"}'}
    lake.publish(RAW, partition, chain(DAYS[0], 2), source="heavydb", metadata=metadata)
    transfer(source.settings, lake, ledger, now=NOW)
    entry = ledger.entry(TABLE, DAYS[0])
    assert (entry.state, entry.attempts) == ("suspended", 1)
    assert "export.parquet" in entry.reason
    assert raw(lake, DAYS[0]).num_rows == 2
    assert states(ledger)[1:] == ["transferred"] * 2


def test_two_workers_move_each_partition_once(tmp_path, lake):
    days = tuple(date(2022, 11, day) for day in (1, 2, 3, 4, 7, 9, 10, 11))
    with server(tmp_path, days) as source:
        ledger = planned(source, lake)
        seen: list[Progress] = []
        done = transfer(source.settings, lake, ledger, workers=2, now=NOW, progress=seen.append)
        assert (done.partitions, done.rows, done.left) == (8, 480, 0)
        assert [len(pulls(source, day)) for day in days] == [1] * 8
        assert source.book.calls["connect"] >= 3
    assert [entry.attempts for entry in ledger.entries()] == [1] * 8
    assert sorted(event.step.partition.trade_date for event in seen if event.step.state == "transferred") == list(days)
    assert (seen[-1].done, seen[-1].rows_done) == (8, 480)


def test_a_worker_that_is_killed_is_told_and_the_next_run_takes_its_partition_up(tmp_path, lake):
    days = tuple(date(2022, 11, day) for day in (1, 2, 3, 4))
    with server(tmp_path, days) as source:
        ledger = planned(source, lake)
        source.faults.add(Fault("slow", times=99, seconds=0.2))

        def kill_one(event: Progress) -> None:
            if event.step.state == "transferring" and event.done == 0:
                for process in active_children()[:1]:
                    process.kill()

        with pytest.raises(DataError, match="a worker ended with exit code -9"):
            transfer(source.settings, lake, ledger, workers=2, now=NOW, progress=kill_one)
        assert set(states(ledger)) <= {"pending", "transferring", "transferred"}
        assert transfer(source.settings, lake, ledger, now=NOW).left == 0
    assert states(ledger) == ["transferred"] * 4
    assert [raw(lake, day).num_rows for day in days] == [60] * 4


def test_core_of_a_migrated_session_is_that_of_its_exported_file(tmp_path):
    market = load_embedded_market()
    day = default_sessions(market)[0]
    (session,) = generate_sessions(market, symbols=["NIFTY"], sessions=[day], seed=5)
    partition = Partition("NIFTY", day)
    with StandIn(server(tmp_path).database) as source:
        source.database.create(TABLE, chain_columns(), [session.table])
        migrated = Lake(tmp_path / "migrated")
        transfer(source.settings, migrated, planned(source, migrated), now=NOW)
    rebuild(migrated, partition)
    pq.write_table(session.table, tmp_path / "nifty.parquet")
    exported = Lake(tmp_path / "exported")
    ingest(exported, "platform_chain", [tmp_path / "nifty.parquet"])
    ours = migrated.read(RAW, partition, source="heavydb")
    theirs = exported.read(RAW, partition, source="platform_chain")
    # the same columns in the same order and types, but for the source's own times and for the file's name
    differing = [
        a.name for a, b in zip(ours.schema, theirs.schema, strict=True) if (a.name, a.type) != (b.name, b.type)
    ]
    assert differing == ["trade_time"]
    assert frame(ours).drop("_file").equals(frame(theirs).drop("_file"))
    for table in ("core/option_chain", "core/quality_report"):
        assert migrated.read(table, partition).equals(exported.read(table, partition))
    quarantined = [
        frame(lake.read("core/quarantine", partition)).drop("source", "raw_values") for lake in (migrated, exported)
    ]
    assert quarantined[0].equals(quarantined[1])
    assert migrated.read("core/option_chain", partition).num_rows > 10_000


def frame(table: pa.Table) -> pl.DataFrame:
    found = pl.from_arrow(table)
    assert isinstance(found, pl.DataFrame)
    return found


def test_the_ledger_says_what_became_of_each_partition_and_when(source, lake):
    ledger = planned(source, lake)
    transfer(source.settings, lake, ledger, now=NOW)
    entries: list[Entry] = ledger.entries()
    assert all(entry.updated_ts >= NOW for entry in entries)
    assert all(entry.facts["contract"] == contract().digest for entry in entries)
    paths = [lake.path(RAW, entry.partition, source="heavydb") for entry in entries]
    assert [entry.facts["lake_bytes"] for entry in entries] == [path.stat().st_size for path in paths]
    assert [lake.describe(RAW, e.partition, source="heavydb").digest for e in entries] == [
        entry.facts["content_digest"] for entry in entries
    ]
