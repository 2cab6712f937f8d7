"""What goes wrong on purpose strikes the call that was meant, as often as meant, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import SourceError, UsageError
from mr_platform.migration.standin import changes
from mr_platform.migration.standin.faults import ROWS_CALL, Fault
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.standin.tables import Database
from mr_platform.sources.heavydb.connection import HeavyDb
from mr_platform.sources.heavydb.settings import HeavyDbSettings, Secret
from mr_platform.sources.heavydb.statements import count_rows, select_chunk

TABLE = "nifty_option_chain"
DAY = date(2024, 1, 20)
SELECT = select_chunk(TABLE, ["spot", "ce_oi", "zone_name"], DAY)


@pytest.fixture
def db(standin: StandIn) -> HeavyDb:
    return HeavyDb(standin.settings, sleep=lambda _: None, random=lambda: 0.0)


def test_a_change_strikes_one_answer_and_not_the_source(standin: StandIn, db: HeavyDb) -> None:
    standin.faults.add(Fault("change", nth=2, change=lambda rows: changes.drop_row(rows, row=0)))
    assert [db.arrow(SELECT).num_rows for _ in range(3)] == [8, 7, 8]
    assert standin.faults.struck == {"change": 1}


def test_rows_can_arrive_during_a_pull(standin: StandIn, db: HeavyDb) -> None:
    more = standin.database.read(TABLE).slice(0, 2)
    standin.faults.add(Fault("act", nth=2, act=lambda: standin.database.append(TABLE, more)))
    assert [db.arrow(SELECT).num_rows for _ in range(3)] == [8, 10, 10]
    assert db.epochs(TABLE) == (2,)


def test_the_schema_can_change_between_two_pulls(standin: StandIn, db: HeavyDb) -> None:
    def widen(rows: pa.Table) -> pa.Table:
        return rows.append_column("dte_bucket", pa.array(["0DTE"] * rows.num_rows).dictionary_encode())

    standin.faults.add(Fault("act", call=ROWS_CALL, act=lambda: standin.database.rewrite(TABLE, widen)))
    before = db.details(TABLE)
    assert db.rows(count_rows(TABLE, DAY)) == [(8,)]
    after = db.details(TABLE)
    assert after[:-1] == before
    assert str(after[-1]) == "dte_bucket STR ENCODING DICT"


def test_a_fault_can_wait_for_a_statement_with_a_text(standin: StandIn, db: HeavyDb) -> None:
    standin.faults.add(Fault("refuse", containing='"zone_name"'))
    assert db.arrow(select_chunk(TABLE, ["spot"], DAY)).num_rows == 8
    with pytest.raises(SourceError, match="fault script"):
        db.arrow(SELECT)


def test_cleared_faults_strike_no_more(standin: StandIn, db: HeavyDb) -> None:
    standin.faults.add(Fault("refuse", times=100))
    standin.faults.clear()
    assert db.arrow(SELECT).num_rows == 8


def test_a_killed_server_leaves_half_a_message_and_no_process(tmp_path: Path, standin: StandIn) -> None:
    standin.stop()
    standin.database.close()
    code = (
        "import sys; from pathlib import Path\n"
        "from mr_platform.migration.standin.server import serve\n"
        "from mr_platform.migration.standin.faults import Fault\n"
        "from mr_platform.migration.standin.tables import Database\n"
        "serve(Database(Path(sys.argv[1])), port=0, faults=[Fault.parse('kill:2')],"
        " ready=lambda server: print(server.port, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(standin.database.path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        settings = HeavyDbSettings("127.0.0.1", port, "admin", Secret("HyperInteractive"), attempts=2)
        with HeavyDb(settings, sleep=lambda _: None) as db:
            assert db.arrow(SELECT).num_rows == 8
            with pytest.raises(SourceError, match="2 attempts"):
                db.arrow(SELECT)
        assert process.wait(timeout=20) == 137
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_connections_are_answered_side_by_side(standin: StandIn) -> None:
    gate = threading.Barrier(2, timeout=20)
    standin.faults.add(Fault("act", times=2, act=lambda: gate.wait() and None))
    counts: list[int] = []

    def pull() -> None:
        with HeavyDb(standin.settings) as db:
            counts.append(db.arrow(SELECT).num_rows)

    workers = [threading.Thread(target=pull) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert counts == [8, 8]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("cut", Fault("cut")),
        ("kill:3", Fault("kill", nth=3)),
        ("slow:1:5:0.2", Fault("slow", nth=1, times=5, seconds=0.2)),
    ],
)
def test_a_fault_is_written_in_a_line(text: str, fault: Fault) -> None:
    parsed = Fault.parse(text)
    assert (parsed.kind, parsed.nth, parsed.times) == (fault.kind, fault.nth, fault.times)
    if text.count(":") == 3:
        assert parsed.seconds == fault.seconds


@pytest.mark.parametrize("text", ["burn", "cut:x", "cut:0", "cut:1:1:1:1", "act", "change:1"])
def test_a_fault_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Fault.parse(text)


NAN = np.array([0x7FF8000000000001], np.uint64).view(np.float64)[0]
ROWS = pa.table(
    {
        "x": pa.array([1.5, NAN, -0.0, 2.0]),
        "n": pa.array([1, 2, None, 4]),
        "zone": pa.array(["OPEN", "", None, "LUNCH "]).dictionary_encode(),
        "up": pa.array([True, False, None, True]),
    }
)


def raw(table: pa.Table, column: str = "x") -> list[int]:
    return table.column(column).to_numpy().view(np.uint64).tolist()


def test_a_flipped_bit_changes_one_cell_by_one_bit() -> None:
    for column, row, bit in (("x", 1, 0), ("x", 2, 63), ("n", 3, 7)):
        changed = changes.flip_bit(ROWS, row=row, column=column, bit=bit)
        if column == "x":
            assert [a ^ b for a, b in zip(raw(ROWS), raw(changed), strict=True)] == [
                1 << bit if n == row else 0 for n in range(4)
            ]
        else:
            assert changed.column("n").to_pylist() == [1, 2, None, 4 ^ 128]
        others = [name for name in ROWS.column_names if name not in (column, "x")]
        assert changed.select(others).equals(ROWS.select(others))
    sliced = changes.flip_bit(ROWS.slice(1), row=2, column="n")
    assert sliced.column("n").to_pylist() == [2, None, 5]


def test_a_flipped_bit_of_text_and_truth() -> None:
    assert changes.flip_bit(ROWS, row=0, column="zone").column("zone").to_pylist() == ["OPEO", "", None, "LUNCH "]
    assert changes.flip_bit(ROWS, row=1, column="up").column("up").to_pylist() == [True, True, None, True]
    with pytest.raises(UsageError, match="the cell has a value"):
        changes.flip_bit(ROWS, row=2, column="n")


@pytest.mark.parametrize("value", [None, "", "NULL", "OPEN "])
def test_a_cell_is_set_and_the_others_keep_their_bits(value: Any) -> None:
    changed = changes.set_value(ROWS, row=0, column="zone", value=value)
    assert changed.column("zone").to_pylist() == [value, "", None, "LUNCH "]
    assert changed.schema == ROWS.schema
    assert raw(changes.set_value(ROWS, row=3, column="x", value=0.0))[:3] == raw(ROWS)[:3]


def test_rows_are_dropped_doubled_and_swapped() -> None:
    numbers = pa.table({"n": pa.array([0, 1, 2, 3]), "m": pa.array([9, 8, 7, 6])})
    assert changes.drop_row(numbers, row=1).column("n").to_pylist() == [0, 2, 3]
    assert changes.duplicate_row(numbers, row=3).column("n").to_pylist() == [0, 1, 2, 3, 3]
    assert changes.swap_rows(numbers, first=0, second=3).column("m").to_pylist() == [6, 8, 7, 9]
    swapped = changes.swap_cells(numbers, column="m", first=0, second=3)
    assert (swapped.column("n").to_pylist(), swapped.column("m").to_pylist()) == ([0, 1, 2, 3], [6, 8, 7, 9])


def test_a_change_of_the_source_stays(tmp_path: Path, standin: StandIn, db: HeavyDb) -> None:
    standin.database.rewrite(TABLE, lambda rows: changes.flip_bit(rows, row=3, column="ce_oi", bit=1))
    assert db.arrow(SELECT).column("ce_oi").to_pylist()[3] == 225 ^ 2
    assert Database(standin.database.path).tables[TABLE].epoch == 2
