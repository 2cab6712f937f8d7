"""The calls of the protocol, answered from the database; every call and every statement is written into a book."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mr_platform.migration.standin import wire
from mr_platform.migration.standin.dialect import Refused, Translation, translate
from mr_platform.migration.standin.faults import Fault, FaultScript
from mr_platform.migration.standin.tables import Database, served
from mr_platform.sources.heavydb.settings import MAX_ROWS, SERVER_SECONDS

VERSION = "8.5.0-standin"
_READ_CALLS = frozenset(
    ("connect", "disconnect", "get_version", "get_tables", "get_tables_meta", "get_table_details", "get_table_epochs")
)


@dataclass(frozen=True)
class Login:
    user: str
    password: str
    database: str


@dataclass(frozen=True)
class Statement:
    """A statement that reached the server; ``verdict`` is read, refused (a read it does not carry out) or write."""

    call: str
    sql: str
    verdict: str


class Book:
    """What the server was asked, in order; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.statements: list[Statement] = []
        self.calls: Counter[str] = Counter()
        self.connections = 0

    def call(self, name: str) -> None:
        with self._lock:
            self.calls[name] += 1

    def statement(self, call: str, sql: str, verdict: str) -> None:
        with self._lock:
            self.statements.append(Statement(call, sql, verdict))

    @property
    def writes(self) -> list[str]:
        """Statements and calls that were no pure read."""
        calls = [name for name in self.calls if name not in _READ_CALLS | {"sql_execute", "sql_execute_df"}]
        return [entry.sql for entry in self.statements if entry.verdict == "write"] + calls


class Handler:
    """Thrift's ``Heavy.Iface``, as far as a reader needs it; anything else is booked and refused.

    ``harm(fault)`` is told of faults of the connection that the call came by (cut, kill, close, stall).
    """

    def __init__(
        self,
        database: Database,
        login: Login,
        script: FaultScript,
        *,
        harm: Callable[[Fault], None],
        max_rows: int = MAX_ROWS,
        seconds: float = SERVER_SECONDS,
    ) -> None:
        self.book = Book()
        self._database = database
        self._login = login
        self._script = script
        self._harm = harm
        self._max_rows = max_rows
        self._seconds = seconds
        self._sessions: set[str] = set()

    def connect(self, user: str, passwd: str, dbname: str) -> str:
        self._strike("connect", "")
        given = Login(user, passwd, dbname)
        if (given.user, given.password) != (self._login.user, self._login.password):
            raise _error("Authentication failure")
        if given.database != self._login.database:
            raise _error(f"Unknown database {dbname}")
        session = secrets.token_hex(16)
        self._sessions.add(session)
        return session

    def disconnect(self, session: str) -> None:
        self._strike("disconnect", "")
        self._sessions.discard(session)

    def get_version(self) -> str:
        self._strike("get_version", "")
        return VERSION

    def get_tables(self, session: str) -> list[str]:
        self._enter("get_tables", session)
        return sorted(self._database.tables)

    def get_tables_meta(self, session: str) -> list[Any]:
        from heavydb.thrift.ttypes import TTableMeta

        self._enter("get_tables_meta", session)
        return [
            TTableMeta(table_name=table.name, num_cols=len(table.columns), table_id=table.number, is_view=False)
            for table in self._database.tables.values()
        ]

    def get_table_details(self, session: str, table_name: str) -> Any:
        from heavydb.thrift.ttypes import TTableDetails

        self._enter("get_table_details", session)
        table = self._database.tables.get(table_name)
        if table is None:
            raise _error(f"Table {table_name} doesn't exist")
        columns = [wire.described(column.name, column, n) for n, column in enumerate(table.columns, start=1)]
        return TTableDetails(row_desc=columns, fragment_size=32_000_000, page_size=2 << 20, view_sql="")

    def get_table_epochs(self, session: str, db_id: int, table_id: int) -> list[Any]:
        from heavydb.thrift.ttypes import TTableEpochInfo

        self._enter("get_table_epochs", session)
        found = [table for table in self._database.tables.values() if table.number == table_id]
        if not found:
            raise _error(f"Table with id {table_id} doesn't exist")
        return [TTableEpochInfo(table_id=table_id, table_epoch=found[0].epoch, leaf_index=0)]

    def sql_execute(
        self,
        session: str,
        query: str,
        column_format: bool,  # noqa: FBT001 - the protocol's signature
        nonce: str | None,
        first_n: int,
        at_most_n: int,
    ) -> Any:
        from heavydb.thrift.ttypes import TQueryResult, TQueryType, TRowSet

        start = time.monotonic()
        faults = self._enter("sql_execute", session, query)
        if first_n >= 0 and at_most_n >= 0:
            raise _error("At most one of first_n and at_most_n can be set")
        translation, table = self._rows("sql_execute", query, first_n, faults)
        if 0 <= at_most_n < table.num_rows:
            raise _error(f"The result contains more rows than the specified cap of {at_most_n}")
        declared = [column for _, column, _ in translation.outputs]
        described = [wire.described(name, column, n) for n, (name, column, _) in enumerate(translation.outputs)]
        columns = wire.columnar(table, declared)
        rows = [] if column_format else wire.rowwise(columns)
        spent = int(1000 * (time.monotonic() - start))
        return TQueryResult(
            row_set=TRowSet(described, rows, columns if column_format else [], bool(column_format)),
            execution_time_ms=spent,
            total_time_ms=spent,
            nonce=nonce or "",
            query_type=TQueryType.READ,
        )

    def sql_execute_df(
        self, session: str, query: str, device_type: int, device_id: int, first_n: int, transport_method: int
    ) -> Any:
        from heavydb.thrift.ttypes import TArrowTransport, TDataFrame

        faults = self._enter("sql_execute_df", session, query)
        if transport_method != TArrowTransport.WIRE:
            raise _error("the stand-in sends Arrow over the wire only")
        _, table = self._rows("sql_execute_df", query, first_n, faults)
        frame = wire.arrow_frame(table)
        size = len(frame)
        kinds = {fault.kind for fault in faults}
        if "truncate" in kinds:
            frame = frame[: size // 2]
        if "torn" in kinds:
            frame = table.schema.serialize().to_pybytes()
            size = len(frame)
        return TDataFrame(
            sm_handle=b"",
            sm_size=0,
            df_handle=b"",
            df_size=size,
            execution_time_ms=0,
            arrow_conversion_time_ms=0,
            df_buffer=frame,
        )

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def refuse(*_: object) -> None:
            self.book.call(name)
            raise _error(f"the stand-in does not answer {name}")

        return refuse

    def _enter(self, call: str, session: str, text: str = "") -> list[Fault]:
        faults = self._strike(call, text)
        if any(fault.kind == "lose_session" for fault in faults):
            self._sessions.discard(session)
        if session not in self._sessions:
            raise _error("Session not valid.")
        return faults

    def _strike(self, call: str, text: str) -> list[Fault]:
        self.book.call(call)
        faults = self._script.strike(call, text)
        for fault in faults:
            if fault.kind in ("cut", "kill", "close", "stall"):
                self._harm(fault)
            elif fault.kind == "slow":
                time.sleep(fault.seconds)
            elif fault.kind == "refuse":
                raise _error("SQL Error: Query execution failed: the fault script says so")
            elif fault.kind == "act" and fault.act is not None:
                fault.act()
        return faults

    def _rows(self, call: str, query: str, first_n: int, faults: list[Fault]) -> tuple[Translation, pa.Table]:
        import duckdb

        try:
            translation = translate(query, self._database)
        except Refused as refused:
            self.book.statement(call, query, "write" if refused.write else "refused")
            raise _error(str(refused)) from refused
        self.book.statement(call, query, "read")
        limit = self._max_rows if first_n < 0 else min(first_n, self._max_rows)
        try:
            stored = self._database.answer(f"{translation.sql} LIMIT {limit + 1}", seconds=self._seconds)
        except TimeoutError as error:
            raise _error("SQL Error: Query execution has exceeded the time limit") from error
        except duckdb.Error as error:
            raise _error(f"SQL Error: Query execution failed: {error}") from error
        if stored.num_rows > self._max_rows:
            raise _error(f"SQL Error: guard rail: a query returns at most {self._max_rows} rows")
        table = served(stored.slice(0, limit), translation.outputs)
        for fault in faults:
            if fault.change is not None:
                table = fault.change(table)
        return translation, table


def _error(answer: str) -> Exception:
    from heavydb.thrift.ttypes import TDBException

    error: Exception = TDBException(answer)
    return error
