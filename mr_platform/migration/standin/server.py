"""The server: sockets, a thread a connection, the client package's own processor."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TTransportException

from mr_platform import logs
from mr_platform.migration.standin.faults import Fault, FaultScript
from mr_platform.migration.standin.handler import Book, Handler, Login
from mr_platform.migration.standin.tables import Database
from mr_platform.sources.heavydb.settings import MAX_ROWS, SERVER_SECONDS, HeavyDbSettings, Secret

USER = "admin"
PASSWORD = "HyperInteractive"
DATABASE = "heavyai"
_KILLED = 137
_LOG = logs.get("migration.standin")


class _Peer(TSocket):  # type: ignore[misc]
    """A client's socket, on which an answer can be broken off."""

    fault: Fault | None = None

    def write(self, buff: bytes) -> None:
        fault, self.fault = self.fault, None
        if fault is None:
            super().write(buff)
            return
        sent = min(max(1, int(len(buff) * fault.share)), len(buff) - 1)
        if fault.kind != "close":
            super().write(buff[:sent])
        if fault.kind == "kill":
            os._exit(_KILLED)
        if fault.kind == "stall":
            time.sleep(fault.seconds)
            super().write(buff[sent:])
            return
        self.hang_up()
        raise TTransportException(TTransportException.NOT_OPEN, "broken off by the fault script")

    def hang_up(self) -> None:
        """End the connection; the thread that answers on it closes the socket."""
        handle = self.handle
        if handle is not None:
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                _LOG.debug("the peer had gone", extra={"fields": {"error": str(error)}})


class StandIn:
    """A running server; a context manager. ``port`` 0 lets the system choose: read it after ``start``.

    ``max_rows`` and ``seconds`` are the server's guard rails; with ``tls`` it speaks nothing else. ``faults`` can be
    added while it runs, ``book`` tells what it was asked, ``database`` is the test's hand on its tables.
    """

    def __init__(
        self,
        database: Database,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        login: Login = Login(USER, PASSWORD, DATABASE),
        max_rows: int = MAX_ROWS,
        seconds: float = SERVER_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.database = database
        self._tls = tls
        self.host = host
        self.port = port
        self.login = login
        self.faults = FaultScript()
        self._current = threading.local()
        self._handler = Handler(database, login, self.faults, harm=self._harm, max_rows=max_rows, seconds=seconds)
        self._listener: socket.socket | None = None
        self._peers: set[_Peer] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def book(self) -> Book:
        return self._handler.book

    @property
    def settings(self) -> HeavyDbSettings:
        """How the platform's client reaches it."""
        login = self.login
        return HeavyDbSettings(self.host, self.port, login.user, Secret(login.password), login.database)

    def environment(self) -> dict[str, str]:
        """The same as environment variables."""
        return {
            "MR_HEAVYDB_HOST": self.host,
            "MR_HEAVYDB_PORT": str(self.port),
            "MR_HEAVYDB_USER": self.login.user,
            "MR_HEAVYDB_PASSWORD": self.login.password,
            "MR_HEAVYDB_DATABASE": self.login.database,
        }

    def start(self) -> Self:
        """Listen, and answer in threads of their own; on the same port again after a ``stop``."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._thread = threading.Thread(target=self._accept, args=(listener,), name="heavydb-standin", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection at once, as a server that dies does; the tables stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # closing alone does not wake the thread that waits in accept
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            peers = list(self._peers)
        for peer in peers:
            peer.hang_up()

    def wait(self) -> None:
        """Until it is stopped."""
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.database.close()

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                handle, _ = listener.accept()
            except OSError:
                return
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = _Peer()
            peer.setHandle(handle)
            with self._lock:
                self._peers.add(peer)
            self.book.connections += 1
            threading.Thread(target=self._answer, args=(peer,), name="heavydb-standin-peer", daemon=True).start()

    def _answer(self, peer: _Peer) -> None:
        from heavydb.thrift.Heavy import Processor
        from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated

        self._current.peer = peer
        protocol = TBinaryProtocolAccelerated(TBufferedTransport(peer))
        processor: Any = Processor(self._handler)
        try:
            if self._tls is not None:
                peer.setHandle(self._tls.wrap_socket(peer.handle, server_side=True))
            while True:
                processor.process(protocol, protocol)
        except (TTransportException, OSError, EOFError) as error:
            _LOG.debug("a connection ended", extra={"fields": {"error": str(error)}})
        finally:
            peer.hang_up()
            peer.close()
            with self._lock:
                self._peers.discard(peer)

    def _harm(self, fault: Fault) -> None:
        self._current.peer.fault = fault


def serve(
    database: Database,
    *,
    host: str = "127.0.0.1",
    port: int = 6274,
    login: Login = Login(USER, PASSWORD, DATABASE),
    faults: Sequence[Fault] = (),
    ready: Callable[[StandIn], None] | None = None,
) -> None:
    """Run until interrupted. ``ready`` is called once it listens (with the port, where 0 was asked)."""
    server = StandIn(database, host=host, port=port, login=login)
    server.faults.add(*faults)
    with server:
        if ready is not None:
            ready(server)
        try:
            server.wait()
        except KeyboardInterrupt:
            _LOG.info("stopped")


def database_file(folder: Path) -> Path:
    """Where a stand-in keeps its tables under a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "heavydb_standin.duckdb"
