"""What a station says of its work, and the clock arithmetic all stations share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from mr_platform import logs
from mr_platform.errors import UsageError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import Session


@dataclass(frozen=True)
class StationReport:
    """A published table: ``rows``, content ``digest``, whether it ``changed``, ``details`` of interest, ``seconds``."""

    table: str
    partition: Partition
    rows: int
    digest: str
    changed: bool
    details: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0


@contextmanager
def timed(name: str, partition: Partition) -> Iterator[Timer]:
    """Log a station's stage and let it ask how long it has taken."""
    with logs.stage(name, symbol=partition.symbol, date=partition.trade_date.isoformat()) as found:
        timer = Timer()
        yield timer
        found.update(timer.noted)


class Timer:
    """Seconds since it was made, and what the stage wants logged beside them."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.noted: dict[str, object] = {}

    @property
    def seconds(self) -> float:
        """Wall-clock seconds so far."""
        return round(time.perf_counter() - self._started, 4)


def publish(
    lake: Lake,
    table: str,
    partition: Partition,
    rows: pa.Table,
    timer: Timer,
    *,
    metadata: Mapping[str, str] | None = None,
    details: Mapping[str, object] | None = None,
) -> StationReport:
    """Publish and report in one step."""
    done = lake.publish(table, partition, rows, metadata=metadata)
    timer.noted |= {"table": table, "rows": done.rows, "changed": done.changed}
    return StationReport(table, partition, done.rows, done.digest, done.changed, dict(details or {}), timer.seconds)


def last_closed_minute(session: Session, as_of: datetime) -> int:
    """Minute of the day of the last bar that had closed at ``as_of`` (naive IST); UsageError before the first close."""
    if as_of.date() > session.trade_date:
        return int(session.bar_minutes[-1])
    closed = session.bar_minutes + 1 <= as_of.hour * 60 + as_of.minute
    if as_of.date() < session.trade_date or not closed.any():
        raise UsageError(
            rule="a bar of the session had closed by then",
            value=as_of.isoformat(),
            place=f"session of {session.trade_date}",
            remedy=f"the first bar closes a minute after {session.open:%H:%M}",
        )
    return int(session.bar_minutes[closed][-1])
