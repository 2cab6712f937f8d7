"""The wire below the client's generated calls: a socket that cannot wait for ever and a message that has a bound.

The client package's own ``connect`` opens its socket without a time-out and keeps Thrift's bound of 16,384,000 bytes a
field, which a chunk exceeds; both are parameters of the transport, so the session is opened here, on the package's own
generated ``Heavy.Client``, and nothing in the package is patched.
"""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING, Any

from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TTransportException

from mr_platform.sources.heavydb.settings import MAX_MESSAGE_BYTES, HeavyDbSettings

if TYPE_CHECKING:
    from heavydb.thrift.Heavy import Client

_READ = 1 << 16

# Thrift logs what it raises, with a traceback; where nobody listens to its logger Python would print that on stderr
logging.getLogger("thrift").addHandler(logging.NullHandler())


class BoundedSocket(TSocket):  # type: ignore[misc]
    """A socket with a time-out on connecting and on silence, that reads a large answer into one buffer.

    Thrift's own ``readAll`` appends to a bytes object, which copies what it has at every packet.
    """

    def __init__(self, host: str, port: int, timeout: float, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self.setTimeout(timeout * 1000)
        self._tls = tls

    def open(self) -> None:
        super().open()
        if self._tls is not None:
            try:
                self.setHandle(self._tls.wrap_socket(self.handle, server_hostname=self.host))
            except OSError:
                self.close()
                raise

    def readAll(self, sz: int) -> bytearray:
        buffer = bytearray(sz)
        view, have = memoryview(buffer), 0
        while have < sz:
            try:
                got = self.handle.recv_into(view[have:])
            except TimeoutError as error:
                raise TTransportException(TTransportException.TIMED_OUT, "read timeout", inner=error) from error
            except OSError as error:
                raise TTransportException(message="connection lost", inner=error) from error
            if got == 0:
                raise TTransportException(TTransportException.END_OF_FILE, "connection closed in mid-message")
            have += got
        return buffer


def open_wire(settings: HeavyDbSettings) -> tuple[Client, Any]:
    """The generated client over an open, bounded transport, and that transport (to close)."""
    from heavydb.thrift.Heavy import Client
    from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated

    tls = ssl.create_default_context(cafile=settings.ca_certs) if settings.ca_certs is not None else None
    socket = BoundedSocket(settings.host, settings.port, settings.timeout, tls)
    transport = TBufferedTransport(socket, rbuf_size=_READ)
    transport.open()
    return Client(TBinaryProtocolAccelerated(transport, string_length_limit=MAX_MESSAGE_BYTES)), transport
