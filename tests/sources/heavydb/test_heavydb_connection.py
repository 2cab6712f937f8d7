"""A session: what it reads, when it tries again, what it never does."""

from __future__ import annotations

import dataclasses
import logging
import socket
import threading
import traceback
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path

import pyarrow as pa
import pytest
from heavydb_hostile import HOSTILE

from mr_platform.errors import SourceError
from mr_platform.migration.standin.faults import ROWS_CALL, Fault
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.standin.tables import Database, declared
from mr_platform.sources.heavydb import connection as connection_module
from mr_platform.sources.heavydb.chunks import Chunk
from mr_platform.sources.heavydb.connection import HeavyDb
from mr_platform.sources.heavydb.settings import HeavyDbSettings, Secret
from mr_platform.sources.heavydb.statements import (
    aggregates,
    count_by_date,
    count_rows,
    rowid_range,
    select_chunk,
)

TABLE = "nifty_option_chain"
DAY = date(2024, 1, 20)


class Pauses(list[float]):
    """Stands for sleep: notes how long it should have taken."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def db(standin: StandIn, pauses: Pauses) -> Iterator[HeavyDb]:
    with HeavyDb(standin.settings, sleep=pauses, random=lambda: 0.5) as session:
        yield session


def test_tables_columns_and_epochs_are_the_server_s_own(db: HeavyDb, standin: StandIn) -> None:
    assert db.tables() == [TABLE]
    assert [str(column) for column in db.details(TABLE)] == [
        "trade_date DATE ENCODING DATE_IN_DAYS",
        "trade_time TIME",
        "spot DOUBLE",
        "ce_oi BIGINT",
        "zone_name STR ENCODING DICT",
    ]
    assert db.epochs(TABLE) == (1,)
    standin.database.append(TABLE, standin.database.read(TABLE).slice(0, 1))
    assert db.epochs(TABLE) == (2,)


def test_tables_that_are_no_chains_are_not_listed(db: HeavyDb, standin: StandIn) -> None:
    standin.database.create("users", [declared(pa.field("name", pa.string()))])
    assert db.tables() == [TABLE]


def test_rows_arrive_whole_by_arrow(db: HeavyDb, standin: StandIn) -> None:
    pulled = db.arrow(select_chunk(TABLE, ["trade_time", "spot", "zone_name", "rowid"], DAY, Chunk(500, 510)))
    expected = standin.database.read(TABLE).slice(500, 10)
    assert pulled.column("spot").equals(expected.column("spot"))
    assert pulled.column("trade_time").equals(expected.column("trade_time"))
    assert pulled.column("zone_name").to_pylist() == ["OPEN", "LUNCH ", "", None] * 2 + ["OPEN", "LUNCH "]
    assert pulled.column("rowid").to_pylist() == list(range(500, 510))


def test_a_day_without_rows_is_an_empty_table(db: HeavyDb) -> None:
    pulled = db.arrow(select_chunk(TABLE, ["spot", "zone_name"], date(2001, 1, 1)))
    assert (pulled.num_rows, pulled.column_names) == (0, ["spot", "zone_name"])


def test_counts_and_aggregates_come_by_the_columnar_route(db: HeavyDb, standin: StandIn) -> None:
    assert db.rows(count_by_date(TABLE, date(2024, 1, 1), date(2024, 12, 31))) == [
        (date(2024, 1, 19), 400, 0, 399),
        (date(2024, 1, 20), 400, 400, 799),
        (date(2024, 1, 23), 400, 800, 1199),
    ]
    assert db.rows(rowid_range(TABLE, DAY)) == [(400, 400, 799)]
    assert db.rows(rowid_range(TABLE, date(2001, 1, 1))) == [(0, None, None)]
    assert db.rows(count_rows(TABLE, DAY, Chunk(0, 410))) == [(10,)]
    columns = [column for column in db.details(TABLE) if column.name in ("ce_oi", "trade_time", "zone_name")]
    oi_sum = 75 * 399 * 400 // 2
    assert db.rows(aggregates(TABLE, columns, DAY)) == [
        (400, 400, time(9, 15), time(9, 21, 39), 400, 0, 75 * 399, oi_sum, 300, 3)
    ]
    assert set(standin.book.calls) >= {"sql_execute"} and "sql_execute_df" not in standin.book.calls


@pytest.mark.parametrize("kind", ["cut", "close", "truncate", "torn", "lose_session"])
def test_a_failed_pull_is_tried_again_on_a_fresh_connection(
    db: HeavyDb, standin: StandIn, pauses: Pauses, kind: str
) -> None:
    standin.faults.add(Fault(kind, nth=2, times=2))
    statement = select_chunk(TABLE, ["spot", "ce_oi"], DAY)
    first = db.arrow(statement)
    assert standin.book.connections == 1
    assert db.arrow(statement).equals(first)
    assert standin.book.connections == 3
    assert standin.book.calls["sql_execute_df"] == 4
    assert pauses == [0.25, 0.5]


@pytest.mark.parametrize("kind", ["cut", "close", "lose_session"])
def test_a_failed_count_is_tried_again(db: HeavyDb, standin: StandIn, kind: str) -> None:
    standin.faults.add(Fault(kind, call=ROWS_CALL))
    assert db.rows(count_rows(TABLE, DAY)) == [(400,)]
    assert standin.book.calls["sql_execute"] == 2


def test_attempts_end_and_pauses_double_up_to_a_bound(standin: StandIn, pauses: Pauses) -> None:
    settings = dataclasses.replace(standin.settings, attempts=9)
    standin.faults.add(Fault("close", times=100))
    with HeavyDb(settings, sleep=pauses, random=lambda: 1.0) as db, pytest.raises(SourceError, match="9 attempts"):
        db.arrow(select_chunk(TABLE, ["spot"], DAY))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert standin.book.calls["sql_execute_df"] == 9


def test_pauses_are_random(standin: StandIn, pauses: Pauses) -> None:
    standin.faults.add(Fault("close", times=3))
    draws = iter([0.1, 0.9, 0.5])
    with HeavyDb(standin.settings, sleep=pauses, random=lambda: next(draws)) as db:
        db.arrow(select_chunk(TABLE, ["spot"], DAY))
    assert pauses == pytest.approx([0.05, 0.9, 1.0])


def test_a_server_that_restarts_is_found_again(db: HeavyDb, standin: StandIn, pauses: Pauses) -> None:
    statement = count_rows(TABLE, DAY)
    assert db.rows(statement) == [(400,)]
    standin.stop()
    with pytest.raises(SourceError, match="5 attempts"):
        db.rows(statement)
    assert len(pauses) == 4
    standin.start()
    assert db.rows(statement) == [(400,)]


def test_the_server_s_own_refusal_is_final(db: HeavyDb, standin: StandIn, pauses: Pauses) -> None:
    standin.faults.add(Fault("refuse"))
    with pytest.raises(SourceError, match="the fault script says so"):
        db.arrow(select_chunk(TABLE, ["spot"], DAY))
    with pytest.raises(SourceError, match="Column 'absent' not found"):
        db.arrow(select_chunk(TABLE, ["absent"], DAY))
    assert pauses == []


def test_a_slow_server_is_given_up_after_the_time_out(standin: StandIn, pauses: Pauses) -> None:
    standin.faults.add(Fault("slow", seconds=0.6))
    settings = dataclasses.replace(standin.settings, timeout=0.2)
    with HeavyDb(settings, sleep=pauses, random=lambda: 0.0) as db:
        assert db.arrow(select_chunk(TABLE, ["spot"], DAY)).num_rows == 400
    assert standin.book.connections == 2


def test_a_peer_that_accepts_and_never_speaks_is_given_up(pauses: Pauses) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings = HeavyDbSettings("127.0.0.1", mute.getsockname()[1], "u", Secret("p"), timeout=0.1, attempts=2)
        with HeavyDb(settings, sleep=pauses) as db, pytest.raises(SourceError, match="read timeout"):
            db.version()


def test_a_peer_that_speaks_no_thrift_is_an_error_of_the_source(pauses: Pauses) -> None:
    def answer(listener: socket.socket) -> None:
        for _ in range(2):
            peer, _ = listener.accept()
            with peer:
                peer.recv(1)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        settings = HeavyDbSettings("127.0.0.1", listener.getsockname()[1], "u", Secret("p"), timeout=2, attempts=2)
        with HeavyDb(settings, sleep=pauses) as db, pytest.raises(SourceError):
            db.version()


def test_an_interrupt_in_mid_message_discards_the_connection(
    db: HeavyDb, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    db.version()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(connection_module, "table_of", interrupted)
        db.arrow(select_chunk(TABLE, ["spot"], DAY))
    assert db.arrow(select_chunk(TABLE, ["spot"], DAY)).num_rows == 400
    assert standin.book.connections == 2


def test_a_wrong_password_is_final_and_told_to_nobody(
    standin: StandIn, pauses: Pauses, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "hunter2-and-more"
    settings = dataclasses.replace(standin.settings, password=Secret(secret))
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(f"{record.getMessage()} {record.__dict__}")  # type: ignore[method-assign]
    root, own = logging.getLogger(), logging.getLogger("mr")
    before = root.level, own.level
    for logger in (root, own):
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        with HeavyDb(settings, sleep=pauses) as db, pytest.raises(SourceError, match="user and the password") as caught:
            db.tables()
        shown = repr(db) + repr(settings) + str(settings) + repr(db.__dict__) + repr(dataclasses.asdict(settings))
    finally:
        for logger, level in zip((root, own), before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
    error = caught.value
    # every frame below this test's own, with its locals
    trace = traceback.TracebackException(type(error), error, caught.tb.tb_next, capture_locals=True)
    shown += "".join(trace.format()) + repr(error.as_dict()) + "".join(lines) + "".join(capsys.readouterr())
    assert error.__context__ is None
    assert "Authentication failure" in shown
    assert secret not in shown
    assert standin.book.calls["connect"] == 1 and pauses == []


def test_no_statement_but_a_known_read_ever_arrives(db: HeavyDb, standin: StandIn) -> None:
    db.version()
    for sql in HOSTILE:
        for route in (db.arrow, db.rows):
            with pytest.raises(SourceError, match="nothing was sent"):
                route(sql)
    assert standin.book.statements == []
    assert standin.book.writes == []
    db.arrow(select_chunk(TABLE, ["spot"], DAY))
    assert [entry.verdict for entry in standin.book.statements] == ["read"]


@pytest.mark.parametrize("name", ["users; DROP TABLE x", 'a"b', "a.b"])
def test_a_hostile_table_name_never_arrives(db: HeavyDb, standin: StandIn, name: str) -> None:
    for ask in (db.details, db.epochs):
        with pytest.raises(SourceError, match="nothing was sent"):
            ask(name)
    assert not standin.book.calls


def test_epochs_that_this_user_may_not_see_are_empty(db: HeavyDb, standin: StandIn) -> None:
    standin.faults.add(Fault("refuse", call="get_table_epochs"))
    assert db.epochs(TABLE) == ()


def test_a_lost_session_does_not_hide_the_epochs(db: HeavyDb, standin: StandIn) -> None:
    standin.faults.add(Fault("lose_session", call="get_tables_meta"))
    assert db.epochs(TABLE) == (1,)


def test_closing_ends_the_session_on_the_server(standin: StandIn) -> None:
    with HeavyDb(standin.settings) as db:
        db.version()
    assert standin.book.calls["disconnect"] == 1


def test_a_chunk_above_thrift_s_own_bound_passes(tmp_path: Path) -> None:
    rows = 260_000
    wide = pa.table(
        {"trade_date": pa.array([DAY] * rows, pa.date32())}
        | {f"d{n}": pa.array(range(n, n + rows), pa.float64()) for n in range(8)}
    )
    database = Database(tmp_path / "wide.duckdb")
    database.create(TABLE, [declared(field) for field in wide.schema], wide)
    with StandIn(database) as standin:
        names = [f"d{n}" for n in range(8)]
        with HeavyDb(standin.settings) as db:
            pulled = db.arrow(select_chunk(TABLE, names, DAY))
        assert pulled.nbytes > 16_384_000
        assert pulled.equals(wide.select(names))
        # the client package alone, whose bound nobody raised, refuses the same answer
        import heavydb

        login = standin.login
        plain = heavydb.connect(
            user=login.user, password=login.password, host=standin.host, port=standin.port, dbname=login.database
        )
        statement = select_chunk(TABLE, names, DAY)
        with pytest.raises(OverflowError, match="16384000"):
            plain._client.sql_execute_df(plain._session, statement, 0, 0, -1, 1)
        plain._transport.close()
        plain._closed = 1


def test_an_answer_above_our_own_bound_says_so(db: HeavyDb, monkeypatch: pytest.MonkeyPatch, pauses: Pauses) -> None:
    from mr_platform.sources.heavydb import transport

    monkeypatch.setattr(transport, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(SourceError, match="one answer has at most") as caught:
        db.arrow(select_chunk(TABLE, ["spot"], DAY))
    assert "smaller chunks" in caught.value.remedy
    assert pauses == []


def test_an_answer_at_the_row_limit_is_refused(db: HeavyDb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MAX_ROWS", 400)
    with pytest.raises(SourceError, match="fewer than 400 rows"):
        db.arrow(select_chunk(TABLE, ["spot"], DAY))
