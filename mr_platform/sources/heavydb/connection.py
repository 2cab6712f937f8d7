"""A session with HeavyDB: what it has, and rows by two routes that share no code of the server beyond its executor."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import random as uniform
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pyarrow as pa

from mr_platform import logs
from mr_platform.errors import SourceError
from mr_platform.sources.heavydb.frames import TruncatedFrame, table_of
from mr_platform.sources.heavydb.grammar import checked, is_chain, quoted
from mr_platform.sources.heavydb.schema import ROW_ID, SourceColumn
from mr_platform.sources.heavydb.settings import MAX_MESSAGE_BYTES, MAX_ROWS, HeavyDbSettings

if TYPE_CHECKING:
    from heavydb.thrift.Heavy import Client

_LONGEST_PAUSE = 30.0
_LOG = logs.get("sources.heavydb")
Answer = TypeVar("Answer")


class HeavyDb:
    """One session, one thread, opened at the first call; a context manager.

    Every call that fails on the way (connection refused, cut or silent, an answer that is not whole, a session that the
    server forgot) is tried again on a fresh connection, ``settings.attempts`` times in all, after a random pause; a
    connection that failed once is never used again. What the server refuses by its own word (password, statement) is
    final. All errors are SourceErrors that name the address and never the password.

    Parameters: ``sleep(seconds)`` and ``random()`` in [0, 1) are injected so that tests neither wait nor vary.
    """

    def __init__(
        self,
        settings: HeavyDbSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = uniform,
    ) -> None:
        self.settings = settings
        self._sleep = sleep
        self._random = random
        self._client: Client | None = None
        self._transport: Any = None
        self._session: str | None = None

    def __repr__(self) -> str:
        return f"HeavyDb({self.settings.address})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session on the server, as far as it can be reached, and the connection."""
        from thrift.Thrift import TException

        if self._client is not None and self._session is not None:
            try:
                self._client.disconnect(self._session)
            except (TException, OSError, EOFError) as error:
                _LOG.info("the server did not hear the goodbye", extra={"fields": {"error": type(error).__name__}})
        self._discard()

    def version(self) -> str:
        """The server's version, as it tells it."""
        return self._call("get_version", lambda client, _: str(client.get_version()))

    def tables(self) -> list[str]:
        """The option-chain tables of the database, sorted."""
        names = self._call("get_tables", lambda client, session: client.get_tables(session))
        return sorted(name for name in names if is_chain(name))

    def details(self, table: str) -> list[SourceColumn]:
        """The table's columns in order, without the server's own (rowid)."""
        quoted(table)
        found = self._call("get_table_details", lambda client, session: client.get_table_details(session, table))
        return [_column(entry) for entry in found.row_desc if not entry.is_system and entry.col_name != ROW_ID]

    def epochs(self, table: str) -> tuple[int, ...]:
        """The table's epoch on each leaf: it grows with every write. Empty where this user may not see it."""
        from thrift.Thrift import TApplicationException

        def ask(client: Client, session: str) -> tuple[int, ...]:
            known = {entry.table_name: entry.table_id for entry in client.get_tables_meta(session)}
            try:
                found = client.get_table_epochs(session, self.settings.database_id, known.get(table, -1))
            except TApplicationException as error:
                # the protocol declares no error for this call: a refusal arrives as this one
                _LOG.warning("no epochs", extra={"fields": {"table": table, "answer": error.message}})
                return ()
            return tuple(entry.table_epoch for entry in sorted(found, key=lambda entry: entry.leaf_index or 0))

        quoted(table)
        return self._call("get_table_epochs", ask)

    def arrow(self, sql: str) -> pa.Table:
        """Rows over the wire as Arrow, computed on the CPU: the only route without loss.

        The statement is checked and written anew before anything is sent. SourceError above MAX_ROWS rows (the server
        would cut there) or MAX_MESSAGE_BYTES.
        """
        from heavydb.common.ttypes import TDeviceType
        from heavydb.thrift.ttypes import TArrowTransport

        text = checked(sql)

        def ask(client: Client, session: str) -> pa.Table:
            frame = client.sql_execute_df(session, text, TDeviceType.CPU, 0, MAX_ROWS, TArrowTransport.WIRE)
            return table_of(frame.df_buffer, frame.df_size)

        table = self._call(text, ask)
        self._check_rows(table.num_rows, text)
        return table

    def rows(self, sql: str) -> list[tuple]:
        """Rows by the columnar Thrift route, as the client's own cursor decodes them: for counts and aggregates.

        Integers, dates, times and text are exact; FLOAT and DECIMAL arrive as double. The statement is checked.
        """
        from heavydb.cursor import make_row_results_set

        text = checked(sql)

        def ask(client: Client, session: str) -> list[tuple]:
            return list(
                make_row_results_set(
                    client.sql_execute(session, text, column_format=True, nonce=None, first_n=MAX_ROWS, at_most_n=-1)
                )
            )

        rows = self._call(text, ask)
        self._check_rows(len(rows), text)
        return rows

    def _check_rows(self, count: int, text: str) -> None:
        if count >= MAX_ROWS:
            raise SourceError(
                rule=f"a query returns fewer than {MAX_ROWS} rows",
                value=f"{count} rows",
                place=f"{self.settings.address}: {text}",
                remedy="pull the day in smaller chunks",
            )

    def _call(self, what: str, ask: Callable[[Client, str], Answer]) -> Answer:
        import ssl

        from heavydb.thrift.ttypes import TDBException
        from thrift.Thrift import TException

        reason = ""
        for attempt in range(self.settings.attempts):
            if attempt:
                pause = min(_LONGEST_PAUSE, self.settings.backoff * 2.0 ** (attempt - 1)) * self._random()
                fields = {"attempt": attempt + 1, "pause": round(pause, 3), "reason": reason, "what": what[:200]}
                _LOG.warning("once more, on a fresh connection", extra={"fields": fields})
                self._sleep(pause)
            try:
                client, session = self._open()
                return ask(client, session)
            except TDBException as error:
                self._discard()
                if not _session_lost(error):
                    raise self._refused(what, error.error_msg) from None
                reason = error.error_msg
            except ssl.SSLCertVerificationError as error:
                self._discard()
                raise self._untrusted(error.verify_message) from None
            except OverflowError:
                self._discard()
                raise self._too_large(what) from None
            # TypeError and ValueError: what Thrift's decoder in C makes of bytes that are no message
            except (TException, TruncatedFrame, OSError, EOFError, TypeError, ValueError) as error:
                self._discard()
                reason = f"{type(error).__name__}: {error}"
            except BaseException:
                # an interrupt in mid-message leaves the connection out of step
                self._discard()
                raise
        raise SourceError(
            rule=f"the server answers within {self.settings.attempts} attempts",
            value=reason,
            place=f"{self.settings.address}: {what}",
            remedy="see whether the server is up and reachable, then resume",
        )

    def _open(self) -> tuple[Client, str]:
        from mr_platform.sources.heavydb.transport import open_wire

        if self._client is None or self._session is None:
            self._client, self._transport = open_wire(self.settings)
            self._session = self._log_in(self._client)
        return self._client, self._session

    def _log_in(self, client: Client) -> str:
        from heavydb.thrift.ttypes import TDBException

        settings = self.settings
        try:
            return str(client.connect(settings.user, settings.password.reveal(), settings.database))
        except TDBException as error:
            answer = str(error.error_msg)
        # raised outside of the handler: its frames held the password, and a traceback can show a frame's locals
        raise SourceError(
            rule="the server knows the user and the password",
            value=answer.replace(settings.password.reveal(), "***") if settings.password.reveal() else answer,
            place=f"{settings.address}, user {settings.user}",
            remedy="correct MR_HEAVYDB_USER, MR_HEAVYDB_PASSWORD and MR_HEAVYDB_DATABASE",
        )

    def _discard(self) -> None:
        transport, self._client, self._transport, self._session = self._transport, None, None, None
        if transport is not None:
            transport.close()

    def _refused(self, what: str, answer: str) -> SourceError:
        return SourceError(
            rule="the server carries the request out",
            value=answer,
            place=f"{self.settings.address}: {what}",
            remedy="the answer is the server's own; a query is bounded by trade_date, 60 s and 10,000,000 rows",
        )

    def _untrusted(self, answer: str) -> SourceError:
        return SourceError(
            rule="the server's certificate descends from MR_HEAVYDB_CA_CERTS and names the host",
            value=answer,
            place=f"{self.settings.address}, {self.settings.ca_certs}",
            remedy="correct the file or the host; the password was not sent",
        )

    def _too_large(self, what: str) -> SourceError:
        return SourceError(
            rule=f"one answer has at most {MAX_MESSAGE_BYTES} bytes",
            value="a larger one",
            place=f"{self.settings.address}: {what}",
            remedy="pull the day in smaller chunks",
        )


def _session_lost(error: Any) -> bool:
    answer = str(error.error_msg).lower()
    return "session" in answer and any(word in answer for word in ("not valid", "invalid", "expired"))


def _column(entry: Any) -> SourceColumn:
    from heavydb.common.ttypes import TDatumType, TEncodingType

    kind = entry.col_type
    name = TDatumType._VALUES_TO_NAMES.get(kind.type, f"UNKNOWN {kind.type}")
    return SourceColumn(
        name=entry.col_name,
        type=f"ARRAY({name})" if kind.is_array else name,
        nullable=bool(kind.nullable),
        encoding=TEncodingType._VALUES_TO_NAMES.get(kind.encoding, "NONE"),
        precision=int(kind.precision or 0) if name in ("DECIMAL", "TIMESTAMP") else 0,
        scale=int(kind.scale or 0) if name == "DECIMAL" else 0,
    )
