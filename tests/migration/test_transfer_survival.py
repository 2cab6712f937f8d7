"""A transfer killed, or out of disk, at any moment loses nothing, doubles nothing, and the next one finishes it.

The transfers here are processes of their own, against a server in this one.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from chain_rows import NOW, chain, contract, server

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.migration.ledger import Ledger
from mr_platform.migration.plan import plan
from mr_platform.migration.rowdigest import row_digest
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.transfer import transfer
from mr_platform.migration.worker import RAW
from mr_platform.sources.heavydb.connection import HeavyDb

ROOT = Path(__file__).resolve().parents[2]
DAYS = tuple(nse_calendar().between(date(2022, 9, 1), date(2022, 9, 30)))
ROWS = 200
_RUN = """
import os, resource, sys
from datetime import datetime, timezone
from pathlib import Path
from mr_platform.errors import MrError
from mr_platform.lake.store import Lake
from mr_platform.migration.ledger import Ledger
from mr_platform.migration.pull import ChunkBounds
from mr_platform.migration.transfer import transfer
from mr_platform.migration.worker import Limits
from mr_platform.sources.heavydb.settings import HeavyDbSettings

def main():
    root, workers, largest, memory = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    limits = Limits(chunk=ChunkBounds(rows=80), memory_bytes=memory)
    lake = Lake(root)
    print("ready", flush=True)
    try:
        transfer(HeavyDbSettings.from_environment(os.environ), lake, Ledger(lake), workers=workers,
                 limits=limits, now=datetime.now(timezone.utc))
    except MrError as error:
        sys.exit(f"{type(error).__name__}: {error}")

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[StandIn]:
    """A running server with a month of small days."""
    with server(tmp_path, DAYS, rows=ROWS) as running:
        yield running


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A transfer to run as a process; workers of its own import it again."""
    path = tmp_path / "run_transfer.py"
    path.write_text(_RUN)
    return path


def begun(
    script: Path, source: StandIn, lake: Lake, *, workers: int = 1, largest: int = 0, memory: int = 1 << 24
) -> subprocess.Popen[str]:
    command = [sys.executable, str(script), str(lake.root), str(workers), str(largest), str(memory)]
    environment = source.environment() | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def planned(source: StandIn, lake: Lake) -> Ledger:
    ledger = Ledger(lake)
    with HeavyDb(source.settings) as db:
        plan(db, ledger, now=NOW).record(ledger)
    return ledger


def check_between(lake: Lake, ledger: Ledger) -> int:
    """Whatever stands is whole: every record can be read, every object is what its record says; how many are moved."""
    entries = ledger.entries()
    assert [entry.partition.trade_date for entry in entries] == list(DAYS)
    assert {entry.state for entry in entries} <= {"pending", "transferring", "transferred"}
    for entry in entries:
        present = lake.describe(RAW, entry.partition, source="heavydb")
        if entry.state == "transferred":
            assert present is not None
            assert present.digest == entry.facts["content_digest"]
        if present is not None:
            assert lake.verify(RAW, entry.partition, source="heavydb").rows == ROWS
    return sum(entry.state == "transferred" for entry in entries)


def check_end(lake: Lake, ledger: Ledger) -> None:
    """Every row of the source once, and nothing left behind."""
    assert {entry.state for entry in ledger.entries()} == {"transferred"}
    assert lake.partitions(RAW, source="heavydb") == [Partition("NIFTY", day) for day in DAYS]
    for day in DAYS[::7]:
        rows = lake.read(RAW, Partition("NIFTY", day), source="heavydb").select(contract().names)
        expected = contract().conform(chain(day, ROWS))
        assert row_digest(rows.replace_schema_metadata(None)).sequence() == row_digest(expected).sequence()
    assert sum(lake.describe(RAW, p, source="heavydb").rows for p in lake.partitions(RAW)) == ROWS * len(DAYS)
    assert not list(lake.root.rglob("*.scratch"))
    assert not list(lake.root.rglob("*.arrow"))


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "memory"), [(4, 1 << 24), (2, 10_000)], ids=["in memory", "laid aside"])
def test_killed_at_random_moments_it_loses_nothing_and_finishes(source, script, lake, kills, memory):
    ledger = planned(source, lake)
    moments = random.Random(memory)
    moved = [0]
    for _ in range(kills):
        pulls = source.book.calls["sql_execute_df"] + moments.randint(1, 12)
        process = begun(script, source, lake, memory=memory)
        while source.book.calls["sql_execute_df"] < pulls and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, 0.03))
        process.kill()
        process.communicate()
        moved.append(check_between(lake, ledger))
    assert moved == sorted(moved)
    assert any(entry.attempts > 1 for entry in ledger.entries())
    assert transfer(source.settings, lake, ledger, now=NOW).left == 0
    check_end(lake, ledger)


@pytest.mark.slow
def test_a_killed_parent_takes_its_workers_along_and_the_next_run_finishes(source, script, lake):
    ledger = planned(source, lake)
    process = begun(script, source, lake, workers=2)
    while source.book.calls["sql_execute_df"] < 4:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 20
    while any(ledger.held_elsewhere(entry) for entry in ledger.entries()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert check_between(lake, ledger) < len(DAYS)
    assert transfer(source.settings, lake, ledger, now=NOW).left == 0
    check_end(lake, ledger)


@pytest.mark.parametrize(
    ("memory", "rule"),
    [(1 << 24, "the object can be written in full"), (10_000, "rows that do not fit in memory can be laid aside")],
    ids=["object", "laid aside"],
)
def test_a_full_disk_stops_it_with_the_reason_and_it_goes_on_when_there_is_room(source, script, lake, memory, rule):
    ledger = planned(source, lake)
    # records of the ledger fit into the limit, objects do not
    process = begun(script, source, lake, largest=8_000, memory=memory)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told.splitlines()[-1].startswith(f"DataError: {rule}")
    first = ledger.entry("nifty_option_chain", DAYS[0])
    assert (first.state, first.failures) == ("pending", 0)
    assert first.reason.startswith(rule)
    assert check_between(lake, ledger) == 0
    assert not list((lake.root / "raw").rglob("*.scratch"))
    assert transfer(source.settings, lake, ledger, now=NOW).left == 0
    check_end(lake, ledger)


def test_a_disk_too_full_for_the_ledger_leaves_a_partition_that_the_next_run_takes_up(source, script, lake):
    ledger = planned(source, lake)
    process = begun(script, source, lake, largest=100)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "can be written in full" in told
    assert check_between(lake, ledger) == 0
    assert transfer(source.settings, lake, ledger, now=NOW).left == 0
    check_end(lake, ledger)
