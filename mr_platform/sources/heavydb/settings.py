"""Where the HeavyDB server is and who asks, from the environment alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mr_platform.errors import UsageError

MAX_ROWS = 10_000_000
"""The server refuses or cuts a query above it."""
MAX_MESSAGE_BYTES = 256 << 20
"""Bound on one field of one answer. Thrift 0.25 allows 16,384,000 bytes unless told otherwise; a chunk needs more."""
SERVER_SECONDS = 60.0
"""The server ends a query after this."""

_PREFIX = "MR_HEAVYDB_"


class Secret:
    """A value that shows itself only to ``reveal``: not in a repr, a format, a log or a traceback's locals."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@dataclass(frozen=True)
class HeavyDbSettings:
    """One server, one database, one user.

    ``timeout`` seconds a socket may stay silent (above the server's own 60 s, so that its own refusal is heard);
    ``attempts`` tries of a call, each on a fresh connection; ``backoff`` seconds before the second, doubled each time
    and multiplied by a random number in [0, 1); ``database_id`` the catalogue's number, which epochs are asked by;
    ``ca_certs`` the file of certificates that the server's own must descend from: with it the connection is encrypted,
    without it everything, the password included, travels in the clear.
    """

    host: str
    port: int
    user: str
    password: Secret
    database: str = "heavyai"
    timeout: float = SERVER_SECONDS + 15.0
    attempts: int = 5
    backoff: float = 0.5
    database_id: int = 1
    ca_certs: str | None = None

    @property
    def address(self) -> str:
        """``host:port/database``: what messages may name."""
        return f"{self.host}:{self.port}/{self.database}"

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> HeavyDbSettings:
        """From MR_HEAVYDB_HOST, _USER, _PASSWORD (required), _PORT, _DATABASE, _TIMEOUT, _ATTEMPTS,
        _DATABASE_ID, _CA_CERTS."""
        missing = [_PREFIX + name for name in ("HOST", "USER", "PASSWORD") if not env.get(_PREFIX + name)]
        if missing:
            raise UsageError(
                rule="the HeavyDB server is named by the environment",
                value=f"not set: {', '.join(missing)}",
                place="environment",
                remedy="set them; the password is read from there alone, never from a file or an argument",
            )
        return cls(
            host=env[_PREFIX + "HOST"],
            port=int(_number(env, "PORT", 6274, 1, 65535)),
            user=env[_PREFIX + "USER"],
            password=Secret(env[_PREFIX + "PASSWORD"]),
            database=env.get(_PREFIX + "DATABASE") or "heavyai",
            timeout=_number(env, "TIMEOUT", SERVER_SECONDS + 15.0, 0.001, 3600),
            attempts=int(_number(env, "ATTEMPTS", 5, 1, 100)),
            database_id=int(_number(env, "DATABASE_ID", 1, 0, 2**31 - 1)),
            ca_certs=env.get(_PREFIX + "CA_CERTS") or None,
        )


def _number(env: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = env.get(_PREFIX + name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most or (isinstance(default, int) and value != int(value)):
        raise UsageError(
            rule=f"a number from {least:g} to {most:g}",
            value=text,
            place=f"environment: {_PREFIX}{name}",
            remedy=f"correct it, or leave it out for {default:g}",
        )
    return value
