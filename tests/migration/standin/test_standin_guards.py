"""The server's guard rails, and the book that proves what arrived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from heavydb.exceptions import Error, ProgrammingError
from heavydb.thrift.ttypes import TDBException

from mr_platform.migration.standin.changes import set_value
from mr_platform.migration.standin.server import StandIn

TABLE = "nifty_option_chain"
WHERE = "WHERE trade_date = '2024-01-20'"
WRITES = [
    f"INSERT INTO {TABLE} (spot) VALUES (1)",
    f"UPDATE {TABLE} SET spot = 0 {WHERE}",
    f"DELETE FROM {TABLE} {WHERE}",
    f"DROP TABLE {TABLE}",
    f"TRUNCATE TABLE {TABLE}",
    f"ALTER TABLE {TABLE} ADD COLUMN x INT",
    f"CREATE TABLE x AS SELECT * FROM {TABLE} {WHERE}",
    f"COPY (SELECT spot FROM {TABLE} {WHERE}) TO '/tmp/x'",
    f"SELECT spot INTO x FROM {TABLE} {WHERE}",
    f"WITH g AS (DELETE FROM {TABLE} RETURNING spot) SELECT spot FROM g",
    f"SELECT spot FROM {TABLE} {WHERE}; DROP TABLE {TABLE}",
    f"/* SELECT */ DROP TABLE {TABLE}",
    f"OPTIMIZE TABLE {TABLE}",
    f"EXPLAIN ANALYZE DELETE FROM {TABLE}",
]


@pytest.mark.parametrize("sql", WRITES)
def test_a_write_by_the_bare_client_is_refused_and_booked(client: Any, standin: StandIn, sql: str) -> None:
    before = standin.database.read(TABLE)
    with pytest.raises(ProgrammingError, match="SQL Error"):
        client.execute(sql)
    with pytest.raises(TDBException, match="SQL Error"):
        client._client.sql_execute_df(client._session, sql, 0, 0, -1, 1)
    assert standin.book.writes == [sql, sql]
    assert standin.database.read(TABLE).equals(before)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("set_table_epoch_by_name", ("nifty_option_chain", 0)),
        ("load_table", ("nifty_option_chain", [], [])),
        ("clear_cpu_memory", ()),
        ("sql_validate", ("SELECT 1",)),
    ],
)
def test_a_call_that_is_no_read_is_refused_and_booked(
    client: Any, standin: StandIn, call: str, arguments: tuple
) -> None:
    with pytest.raises(TDBException, match=f"does not answer {call}"):
        getattr(client._client, call)(client._session, *arguments)
    assert standin.book.writes == [call]


def test_reads_are_no_writes(client: Any, standin: StandIn) -> None:
    client.execute(f"SELECT spot FROM {TABLE} {WHERE}")
    client.execute(f"  -- why\nSELECT spot FROM {TABLE} {WHERE}")
    with pytest.raises(ProgrammingError):
        client.execute(f"SELECT spot FROM {TABLE}")
    assert [entry.verdict for entry in standin.book.statements] == ["read", "read", "refused"]
    assert standin.book.writes == []


@pytest.mark.parametrize("sql", [f"SELECT spot FROM {TABLE}", f"SELECT COUNT(*) AS n FROM {TABLE} WHERE rowid > 3"])
def test_a_query_without_trade_date_is_refused(client: Any, sql: str) -> None:
    with pytest.raises(ProgrammingError, match="filters on trade_date"):
        client.execute(sql)


@pytest.fixture
def narrow(standin: StandIn) -> Iterator[StandIn]:
    with StandIn(standin.database, max_rows=5) as server:
        yield server


def test_a_query_above_the_row_limit_is_refused(narrow: StandIn) -> None:
    import heavydb

    login = narrow.login
    with heavydb.connect(
        user=login.user, password=login.password, host=narrow.host, port=narrow.port, dbname=login.database
    ) as client:
        with pytest.raises(ProgrammingError, match="at most 5 rows"):
            client.execute(f"SELECT spot FROM {TABLE} {WHERE}")
        assert len(client.execute(f"SELECT spot FROM {TABLE} {WHERE} AND rowid < 5").fetchall()) == 5
        assert client.execute(f"SELECT COUNT(*) AS n FROM {TABLE} {WHERE}").fetchall() == [(8,)]


def test_a_query_above_the_time_limit_is_interrupted(standin: StandIn) -> None:
    endless = "SELECT COUNT(*) FROM range(100000000000) a"
    with pytest.raises(TimeoutError, match=r"interrupted after 0\.05 s"):
        standin.database.answer(endless, seconds=0.05)
    assert standin.database.answer("SELECT 1 AS one", seconds=5).to_pylist() == [{"one": 1}]


def test_the_time_limit_reaches_the_client_as_the_server_s_word(
    client: Any, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(standin.database, "answer", late)
    with pytest.raises(Error, match="exceeded the time limit"):
        client.execute(f"SELECT spot FROM {TABLE} {WHERE}")


def test_a_sum_beyond_64_bits_is_refused_and_not_wrapped(client: Any, standin: StandIn) -> None:
    for row in (0, 1):
        standin.database.rewrite(TABLE, lambda rows, at=row: set_value(rows, row=at, column="ce_oi", value=2**62))
    with pytest.raises(ProgrammingError, match="Query execution failed"):
        client.execute(f"SELECT SUM(ce_oi) AS s FROM {TABLE} {WHERE}")
    assert client.execute(f"SELECT SUM(ce_oi) AS s FROM {TABLE} {WHERE} AND rowid > 0").fetchall() == [
        (2**62 + 75 * 27,)
    ]


def test_the_file_is_open_read_only_while_it_answers(client: Any, standin: StandIn) -> None:
    client.execute(f"SELECT spot FROM {TABLE} {WHERE}")
    with pytest.raises(duckdb.Error, match="read-only"):
        standin.database.answer(f"DELETE FROM {TABLE}")
