"""What the stations of the migration are asked for, and what they answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from mr_platform.errors import MrError
from mr_platform.lake.layout import Partition

if TYPE_CHECKING:
    from mr_platform.migration.ledger import Entry


@dataclass(frozen=True)
class Chosen:
    """Which partitions: of these tables, from ``since`` to ``until``, of these symbol-days, at most ``limit``.

    Empty or None means all.
    """

    tables: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    partitions: frozenset[Partition] = frozenset()
    limit: int | None = None

    def of(self, entries: Sequence[Entry], states: Collection[str]) -> list[Entry]:
        """The entries in one of ``states`` that are meant, by date and table: all symbols of a session together."""
        found = [
            entry
            for entry in entries
            if entry.state in states
            and (not self.tables or entry.table in self.tables)
            and (self.since is None or entry.partition.trade_date >= self.since)
            and (self.until is None or entry.partition.trade_date <= self.until)
            and (not self.partitions or entry.partition in self.partitions)
        ]
        found.sort(key=lambda entry: (entry.partition.trade_date, entry.table))
        return found[: self.limit]


@dataclass(frozen=True)
class Moved:
    """Where a partition stands after a call. ``checks``: what each named check said, once it was verified.

    ``examined`` is false where the call was to prove it and could not: its state is then that of before.
    """

    table: str
    partition: Partition
    state: str
    source_rows: int
    lake_rows: int | None
    attempts: int
    reason: str
    digest: str
    seconds: float
    checks: Mapping[str, str] = field(default_factory=dict)
    examined: bool = True

    @property
    def is_open(self) -> bool:
        """Whether somebody has to act: it was stopped, could not be examined, or is not what the source has."""
        if not self.examined:
            return True
        if self.state == "transferred":
            return bool(self.reason)
        return not self.is_proven

    @property
    def is_proven(self) -> bool:
        """Whether it equals the source, or a named person has excepted it."""
        return self.state in ("verified", "unverifiable")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "partition": str(self.partition), "checks": dict(self.checks)}

    @classmethod
    def of(cls, entry: Entry, error: MrError | None = None) -> Moved:
        """From the ledger; ``error`` is why it could not be examined."""
        checks = entry.facts.get("verification", {}).get("checks", {})
        return cls(
            table=entry.table,
            partition=entry.partition,
            state=entry.state,
            source_rows=entry.source_rows,
            lake_rows=entry.lake_rows,
            attempts=entry.attempts,
            reason=entry.reason if error is None else str(error),
            digest=str(entry.facts.get("multiset", "")),
            seconds=float(entry.facts.get("seconds", 0.0)),
            checks={name: f"{'holds' if c['passed'] else 'fails'}: {c['detail']}" for name, c in checks.items()},
            examined=error is None,
        )


@dataclass(frozen=True)
class At:
    """How far a call has come: ``what`` is at hand, partitions and rows done of all, rows a second, seconds left."""

    what: str
    done: int
    total: int
    rows_done: int
    rows_total: int
    rows_per_second: float
    seconds_left: float | None


EVERYTHING = Chosen()


def plan_row(table: dict[str, Any]) -> dict[str, Any]:
    """One line of a planned table, out of `plan_migration`'s document."""
    names = ("table", "symbol", "first", "last", "partitions", "rows", "rows_to_move")
    dates = ("added", "recounted", "changed", "epoch_moved", "vanished", "missing_sessions", "outside_calendar")
    noted = {name: len(table[name]) for name in dates} | {"row ids unaccounted": table["unaccounted_row_ids"]}
    notes = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in noted.items() if count)
    return {name: table[name] for name in names} | {"notes": notes}


def status_row(table: dict[str, Any]) -> dict[str, Any]:
    """One line of a table's progress, out of `migration_status`'s document."""
    states = ", ".join(f"{count} {state}" for state, count in table["states"].items())
    return {"table": table["table"], "partitions": table["partitions"], "rows": table["rows"], "states": states}
