"""The unmodified client package takes the stand-in for the server."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import heavydb
import pandas as pd
import pyarrow as pa
import pytest
from heavydb._parsers import _extract_column_details
from heavydb.exceptions import Error, ProgrammingError
from heavydb.thrift.ttypes import TArrowTransport

from mr_platform.migration.standin.changes import set_value
from mr_platform.migration.standin.handler import VERSION
from mr_platform.migration.standin.server import StandIn

TABLE = "nifty_option_chain"
WHERE = "WHERE trade_date = '2024-01-20'"


def test_it_connects_and_tells_its_version(client: Any, standin: StandIn) -> None:
    assert client._client.get_version() == VERSION
    assert client._client.get_tables(client._session) == [TABLE]
    assert repr(client) == f"Connection(heavydb://admin:***@127.0.0.1:{standin.port}/heavyai?protocol=binary)"


@pytest.mark.parametrize(
    ("user", "password", "database", "answer"),
    [
        ("admin", "wrong", "heavyai", "Authentication failure"),
        ("nobody", "HyperInteractive", "heavyai", "Authentication failure"),
        ("admin", "HyperInteractive", "other", "Unknown database other"),
    ],
)
def test_it_refuses_who_it_does_not_know(
    standin: StandIn, user: str, password: str, database: str, answer: str
) -> None:
    with pytest.raises(Error, match=answer):
        heavydb.connect(user=user, password=password, host=standin.host, port=standin.port, dbname=database)


def test_the_cursor_reads_rows(client: Any) -> None:
    cursor = client.execute(f"SELECT trade_date, trade_time, spot, ce_oi, zone_name FROM {TABLE} {WHERE} AND rowid < 4")
    assert cursor.fetchall() == [
        (date(2024, 1, 20), time(9, 15), 21_500.05, 0, "OPEN"),
        (date(2024, 1, 20), time(9, 16), 21_501.05, 75, "LUNCH "),
        (date(2024, 1, 20), time(9, 17), 21_502.05, 150, ""),
        (date(2024, 1, 20), time(9, 18), 21_503.05, 225, None),
    ]
    assert [entry.name for entry in cursor.description] == ["trade_date", "trade_time", "spot", "ce_oi", "zone_name"]


def test_pandas_reads_it(client: Any) -> None:
    with pytest.warns(UserWarning, match="SQLAlchemy"):
        frame = pd.read_sql(f"SELECT * FROM {TABLE} {WHERE}", client)
    assert frame.shape == (8, 5)
    assert frame["ce_oi"].tolist() == [75 * n for n in range(8)]


def test_aggregates_have_the_server_s_types(client: Any) -> None:
    rows = client.execute(
        f"SELECT COUNT(*) AS n, COUNT(DISTINCT zone_name) AS words, MIN(trade_time) AS t, MAX(trade_date) AS d, "
        f"SUM(ce_oi) AS oi, MIN(spot) AS s FROM {TABLE} {WHERE}"
    ).fetchall()
    assert rows == [(8, 3, time(9, 15), date(2024, 1, 20), 75 * 28, 21_500.05)]
    none = client.execute(f"SELECT COUNT(*) AS n, SUM(ce_oi) AS oi FROM {TABLE} WHERE trade_date = '2001-01-01'")
    assert none.fetchall() == [(0, None)]


def test_groups_are_counted(client: Any) -> None:
    found = client.execute(f"SELECT trade_date, COUNT(*) AS n FROM {TABLE} {WHERE} GROUP BY trade_date").fetchall()
    assert found == [(date(2024, 1, 20), 8)]


def test_the_details_are_those_of_the_real_protocol(client: Any) -> None:
    details = client._client.get_table_details(client._session, TABLE)
    columns = _extract_column_details(details.row_desc)
    assert [(c.name, c.type, c.encoding, c.nullable) for c in columns] == [
        ("trade_date", "DATE", "DATE_IN_DAYS", True),
        ("trade_time", "TIME", "NONE", True),
        ("spot", "DOUBLE", "NONE", True),
        ("ce_oi", "BIGINT", "NONE", True),
        ("zone_name", "STR", "DICT", True),
    ]
    assert [entry.is_system for entry in details.row_desc] == [False] * 5
    assert [column.comp_param for column in columns] == [32, 0, 0, 0, 32]


def test_arrow_comes_as_the_server_writes_it(client: Any) -> None:
    frame = client._client.sql_execute_df(
        client._session, f"SELECT spot, zone_name FROM {TABLE} {WHERE}", 0, 0, 3, TArrowTransport.WIRE
    )
    assert frame.df_size == len(frame.df_buffer)
    messages = list(pa.ipc.MessageReader.open_stream(pa.BufferReader(frame.df_buffer)))
    assert [message.type for message in messages] == ["schema", "dictionary", "record batch"]
    table = pa.ipc.open_stream(frame.df_buffer).read_all()
    assert table.schema.field("zone_name").type == pa.dictionary(pa.int32(), pa.string())
    # the column's whole dictionary, also the words of rows that are not in the answer
    assert table.column("zone_name").chunk(0).dictionary.to_pylist() == ["OPEN", "LUNCH ", ""]
    assert table.column("spot").to_pylist() == [21_500.05, 21_501.05, 21_502.05]


def test_first_n_cuts_and_at_most_n_refuses(client: Any) -> None:
    ask = client._client.sql_execute
    statement = f"SELECT ce_oi FROM {TABLE} {WHERE}"
    assert len(ask(client._session, statement, True, "n", 3, -1).row_set.columns[0].nulls) == 3
    with pytest.raises(Exception, match="more rows than the specified cap of 3"):
        ask(client._session, statement, True, "n", -1, 3)


def test_one_of_the_two_limits_is_given(client: Any) -> None:
    with pytest.raises(Exception, match="At most one of first_n and at_most_n"):
        client._client.sql_execute(client._session, f"SELECT ce_oi FROM {TABLE} {WHERE}", True, "n", 3, 3)


def test_a_null_is_a_flag_beside_the_server_s_own_value(client: Any, standin: StandIn) -> None:
    for column in ("ce_oi", "spot", "trade_time"):
        standin.database.rewrite(TABLE, lambda rows, name=column: set_value(rows, row=0, column=name, value=None))
    answer = client._client.sql_execute(
        client._session, f"SELECT ce_oi, spot, trade_time FROM {TABLE} {WHERE} AND rowid = 0", True, "", -1, -1
    )
    oi, spot, at = answer.row_set.columns
    assert [column.nulls for column in (oi, spot, at)] == [[True]] * 3
    assert (oi.data.int_col, spot.data.real_col, at.data.int_col) == ([-(2**63)], [2.2250738585072014e-308], [-(2**63)])
    assert client.execute(f"SELECT ce_oi, spot FROM {TABLE} {WHERE} AND rowid = 0").fetchall() == [(None, None)]


def test_rows_can_be_asked_row_by_row(client: Any) -> None:
    statement = f"SELECT ce_oi, zone_name, spot FROM {TABLE} {WHERE} AND rowid >= 3 AND rowid < 5"
    answer = client._client.sql_execute(client._session, statement, False, "mine", -1, -1)
    assert (answer.nonce, answer.row_set.is_columnar, answer.row_set.columns) == ("mine", False, [])
    cells = [
        [(d.val.int_val, d.val.str_val, d.val.real_val, d.is_null) for d in row.cols] for row in answer.row_set.rows
    ]
    assert cells == [
        [(225, None, None, False), (None, "", None, True), (None, None, 21_503.05, False)],
        [(300, None, None, False), (None, "OPEN", None, False), (None, None, 21_504.05, False)],
    ]


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        (f"SELECT nothing FROM {TABLE} {WHERE}", "Column 'nothing' not found"),
        (f"SELECT spot FROM absent_option_chain {WHERE}", "Object 'absent_option_chain' not found"),
        (f"SELECT MIN(zone_name) AS z FROM {TABLE} {WHERE}", "MIN is not supported on text"),
        (f"SELECT SELECT FROM {TABLE}", "SQL Error"),
    ],
)
def test_what_it_cannot_answer_is_an_sql_error(client: Any, sql: str, answer: str) -> None:
    with pytest.raises(ProgrammingError, match=answer):
        client.execute(sql)


def test_a_session_ends_with_its_disconnect(client: Any) -> None:
    client._client.disconnect(client._session)
    with pytest.raises(Error, match="Session not valid"):
        client.execute(f"SELECT spot FROM {TABLE} {WHERE}")


def test_epochs_grow_with_every_write(client: Any, standin: StandIn) -> None:
    def epochs() -> list[tuple[int, int]]:
        number = client._client.get_tables_meta(client._session)[0].table_id
        return [(e.leaf_index, e.table_epoch) for e in client._client.get_table_epochs(client._session, 1, number)]

    assert epochs() == [(0, 1)]
    standin.database.append(TABLE, standin.database.read(TABLE))
    assert epochs() == [(0, 2)]
