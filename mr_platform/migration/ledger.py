"""The ledger of the migration: for each partition of each source table the state it has reached, and its facts.

One small document a partition, written aside and renamed, so that a state is the old one or the new one and never
half of each. Every document carries a checksum over its own bytes, its table's plan lists the documents that there
must be: a flipped bit and a lost record are both found when the ledger is read.

A worker that takes a partition holds a lock on it that the kernel releases with the process. ``transferring`` without
a holder is therefore the mark of a killed worker, and whoever comes next takes the partition up again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import IO, Any

from mr_platform.errors import ConflictError, CorruptPartition, DataError, MissingPartition, UsageError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.migration.contract import TableContract
from schemas.migration import MIGRATION_STATES

PENDING, TRANSFERRING, TRANSFERRED, VERIFIED, MISMATCHED, SUSPENDED, UNVERIFIABLE = MIGRATION_STATES
_WRITERS = 16
ENTRIES, TABLES = "migration/entries", "migration/tables"

# From each state, where a partition may go. A verified one goes back only when its source has changed since.
_MOVES: Mapping[str, frozenset[str]] = {
    PENDING: frozenset((PENDING, TRANSFERRING, SUSPENDED, UNVERIFIABLE)),
    TRANSFERRING: frozenset((TRANSFERRING, TRANSFERRED, PENDING, SUSPENDED)),
    TRANSFERRED: frozenset((VERIFIED, MISMATCHED, PENDING, SUSPENDED)),
    VERIFIED: frozenset((VERIFIED, MISMATCHED, PENDING)),
    MISMATCHED: frozenset((MISMATCHED, VERIFIED, PENDING, SUSPENDED, UNVERIFIABLE)),
    SUSPENDED: frozenset((PENDING, SUSPENDED, UNVERIFIABLE)),
    UNVERIFIABLE: frozenset((PENDING, UNVERIFIABLE)),
}


@dataclass(frozen=True)
class Entry:
    """What the ledger knows of one partition.

    ``source_rows`` as counted in the source, ``lake_rows`` as published (None before). ``attempts`` transfers begun,
    ``failures`` transfers failed since the last success. ``reason`` why it stands where it stands, empty on the
    ordinary road. ``facts`` JSON values: digests, epochs, row ids, seconds. ``checksum`` of the document.
    """

    table: str
    partition: Partition
    state: str
    source_rows: int
    updated_ts: datetime
    lake_rows: int | None = None
    attempts: int = 0
    failures: int = 0
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    checksum: str = ""

    @property
    def name(self) -> str:
        """Name of the document in the lake."""
        return entry_name(self.table, self.partition.trade_date)


@dataclass(frozen=True)
class PlannedTable:
    """A table of the plan: its frozen contract, and the dates that must have an entry, each with its planned rows."""

    contract: TableContract
    dates: Mapping[date, int]
    planned_ts: datetime


class Ledger:
    """The entries of a lake's migration. One object serves one process (any number of its threads)."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._held: set[str] = set()

    def tables(self) -> list[PlannedTable]:
        """The planned tables by name."""
        return [self._planned(name) for name in self.lake.objects(TABLES)]

    def planned(self, table: str) -> PlannedTable:
        """The plan of one table; MissingPartition where it has none."""
        return self._planned(f"{TABLES}/{table}.json")

    def contract(self, table: str) -> TableContract:
        """The table's contract as it was frozen; MissingPartition where the table has not been planned."""
        return self.planned(table).contract

    def entries(self, table: str | None = None, state: str | None = None) -> list[Entry]:
        """Entries by table and date, of one table or all, in one state or any.

        DataError where a planned partition has no record, CorruptPartition where a record is not as it was written.
        """
        if state is not None and state not in MIGRATION_STATES:
            raise UsageError(
                rule="a state of the migration is one that exists",
                value=state,
                place="migration ledger",
                remedy=f"choose from {', '.join(MIGRATION_STATES)}",
            )
        found = []
        for planned in [self.planned(table)] if table is not None else self.tables():
            entries = self.records(planned.contract.table)
            lost = sorted(set(planned.dates) - {entry.partition.trade_date for entry in entries})
            if lost:
                raise DataError(
                    rule="every planned partition has its record in the ledger",
                    value=f"{len(lost)} lost: {', '.join(str(day) for day in lost[:10])}",
                    place=f"{ENTRIES}/{planned.contract.table}",
                    remedy="plan again: a partition without a record becomes pending and is moved and proved anew",
                )
            found += entries
        return [entry for entry in found if state is None or entry.state == state]

    def records(self, table: str) -> list[Entry]:
        """The entries that there are of a table, by date, whatever its plan lists."""
        return [self._read(name) for name in self.lake.objects(f"{ENTRIES}/{table}") if name.endswith(".json")]

    def entry(self, table: str, trade_date: date) -> Entry:
        """One entry; MissingPartition where there is none."""
        return self._read(entry_name(table, trade_date))

    def record(self, planned: PlannedTable, added: Sequence[Entry]) -> None:
        """Take new entries and a table's plan up; what stands already is left as it is, dates planned before are kept.

        The plan comes last: what it lists is there whenever it can be read. ConflictError where the table has another
        contract, frozen by somebody else meanwhile.
        """
        table = planned.contract.table
        name = f"{TABLES}/{table}.json"
        with self._lock(name, waiting=True):
            before: Mapping[date, int] = {}
            with suppress(MissingPartition):
                present = self.planned(table)
                if present.contract != planned.contract:
                    raise ConflictError(
                        rule="a table's contract is frozen once",
                        value=f"{present.contract.digest[:12]}, and now {planned.contract.digest[:12]}",
                        place=table,
                        remedy="somebody else planned the table meanwhile: plan again",
                    )
                before = present.dates
            # each waits for the disk twice: side by side they wait together
            with ThreadPoolExecutor(_WRITERS, "migration-ledger") as pool:
                list(pool.map(self._create, added))
            dates = {day.isoformat(): rows for day, rows in sorted({**before, **planned.dates}.items())}
            document = {
                "contract": planned.contract.document(),
                "dates": dates,
                "planned_ts": planned.planned_ts.isoformat(),
            }
            self.lake.put_object(name, _sealed(document)[0])

    @contextmanager
    def claim(self, table: str, trade_date: date) -> Iterator[Entry | None]:
        """Hold the partition for this process; None where another one holds it.

        The entry is read after the lock is got, so that it is what the holder before has left.
        """
        name = entry_name(table, trade_date)
        if name in self._held:
            yield None
            return
        with self._lock(name, waiting=False) as got:
            if not got:
                yield None
                return
            self._held.add(name)
            try:
                yield self._read(name)
            finally:
                self._held.discard(name)

    def held_elsewhere(self, entry: Entry) -> bool:
        """Whether another process has claimed the partition at this moment."""
        if entry.name in self._held:
            return False
        with self._lock(entry.name, waiting=False) as got:
            return not got

    def move(
        self,
        entry: Entry,
        state: str,
        *,
        now: datetime,
        reason: str = "",
        source_rows: int | None = None,
        lake_rows: int | None = None,
        failed: int | None = None,
        **facts: Any,
    ) -> Entry:
        """The entry in its new state, on disk. ``facts`` are laid over the old ones, which a new transfer begins anew.

        ``failed`` sets the count of failures. Errors: UsageError for a move that the states do not know,
        ConflictError where the record has changed since ``entry`` was read or another process holds the partition.
        """
        if state not in _MOVES[entry.state]:
            raise UsageError(
                rule=f"a partition that is {entry.state} goes on to {', '.join(sorted(_MOVES[entry.state]))}",
                value=state,
                place=f"{entry.table} {entry.partition}",
                remedy="run the step that leads there, or reopen the partition",
            )
        if state == UNVERIFIABLE and not (str(facts.get("who", "")).strip() and reason.strip()):
            raise UsageError(
                rule="a partition is given up as unverifiable by a named person with a reason",
                value=f"who={facts.get('who')!r}, why={reason!r}",
                place=f"{entry.table} {entry.partition}",
                remedy="say who decides and why",
            )
        anew = state in (PENDING, TRANSFERRING)
        moved = replace(
            entry,
            state=state,
            reason=reason,
            updated_ts=now,
            source_rows=entry.source_rows if source_rows is None else source_rows,
            lake_rows=lake_rows if lake_rows is not None or anew else entry.lake_rows,
            attempts=entry.attempts + (state == TRANSFERRING),
            failures=failed if failed is not None else 0 if state == TRANSFERRED else entry.failures,
            facts={**({} if anew else entry.facts), **facts},
        )
        if entry.name in self._held:
            return self._replace(entry, moved)
        with self._lock(entry.name, waiting=False) as got:
            if not got:
                raise _conflict(entry, "another process holds the partition")
            return self._replace(entry, moved)

    def give_up(self, entry: Entry, *, who: str, why: str, now: datetime) -> Entry:
        """Mark a partition unverifiable by a person's decision; the certificate lists it as an exception."""
        return self.move(entry, UNVERIFIABLE, now=now, reason=why.strip(), who=who.strip())

    def reopen(self, entry: Entry, *, why: str, now: datetime) -> Entry:
        """Have a partition moved and proved anew, whatever state it is in but under way in another process."""
        return self.move(entry, PENDING, now=now, reason=why, failed=0)

    def _replace(self, entry: Entry, moved: Entry) -> Entry:
        present = self._read(entry.name)
        if present.checksum != entry.checksum:
            raise _conflict(entry, f"it is {present.state} since {present.updated_ts.isoformat()}")
        return self._write(moved)

    def _create(self, entry: Entry) -> None:
        with suppress(ConflictError):
            self.lake.create_object(entry.name, _sealed(_entry_document(entry))[0])

    def _write(self, entry: Entry) -> Entry:
        data, checksum = _sealed(_entry_document(entry))
        self.lake.put_object(entry.name, data)
        return replace(entry, checksum=checksum)

    def _read(self, name: str) -> Entry:
        document, checksum = _unsealed(self.lake.get_object(name), name)
        entry = Entry(
            table=document["table"],
            partition=Partition(document["symbol"], date.fromisoformat(document["trade_date"])),
            state=document["state"],
            source_rows=document["source_rows"],
            updated_ts=datetime.fromisoformat(document["updated_ts"]),
            lake_rows=document["lake_rows"],
            attempts=document["attempts"],
            failures=document["failures"],
            reason=document["reason"],
            facts=document["facts"],
            checksum=checksum,
        )
        if entry.name != name:
            raise _damaged(name, f"the record of {entry.table} {entry.partition}")
        return entry

    def _planned(self, name: str) -> PlannedTable:
        try:
            data = self.lake.get_object(name)
        except MissingPartition as error:
            raise MissingPartition(
                rule="a table is planned before it is moved",
                value=name.removeprefix(f"{TABLES}/").removesuffix(".json"),
                place=TABLES,
                remedy="run mr migrate plan; planned: "
                + (", ".join(n.split("/")[-1].removesuffix(".json") for n in self.lake.objects(TABLES)) or "none"),
            ) from error
        document, _ = _unsealed(data, name)
        return PlannedTable(
            TableContract.from_document(document["contract"]),
            {date.fromisoformat(day): rows for day, rows in document["dates"].items()},
            datetime.fromisoformat(document["planned_ts"]),
        )

    @contextmanager
    def _lock(self, name: str, *, waiting: bool) -> Iterator[bool]:
        target = self.lake.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_name(f".{target.name}.claim").open("w") as handle:
            yield _locked(handle, waiting=waiting)


def entry_name(table: str, trade_date: date) -> str:
    """Name of a partition's document in the lake: a folder a year, so that none grows long."""
    return f"{ENTRIES}/{table}/{trade_date.year}/{trade_date.isoformat()}.json"


def _locked(handle: IO[str], *, waiting: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if waiting else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _entry_document(entry: Entry) -> dict[str, Any]:
    return {
        "table": entry.table,
        "symbol": entry.partition.symbol,
        "trade_date": entry.partition.trade_date.isoformat(),
        "state": entry.state,
        "source_rows": entry.source_rows,
        "lake_rows": entry.lake_rows,
        "attempts": entry.attempts,
        "failures": entry.failures,
        "reason": entry.reason,
        "updated_ts": entry.updated_ts.isoformat(),
        "facts": dict(entry.facts),
    }


def _sealed(document: Mapping[str, Any]) -> tuple[bytes, str]:
    """The document's bytes in their one canonical form, with the checksum of the rest in its last key."""
    checksum = hashlib.sha256(_canonical(document)).hexdigest()
    return _canonical({**document, "~checksum": checksum}), checksum


def _unsealed(data: bytes, name: str) -> tuple[dict[str, Any], str]:
    try:
        document = json.loads(data.decode())
        checksum = str(document.pop("~checksum"))
        whole = _sealed(document) == (data, checksum)
    except (UnicodeDecodeError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(name, error) from error
    if not whole:
        raise _damaged(name, "its checksum says otherwise")
    return document, checksum


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _damaged(name: str, value: object) -> CorruptPartition:
    return CorruptPartition(
        rule="a record of the migration ledger is byte for byte as it was written",
        value=value,
        place=name,
        remedy="delete the record and plan again: the partition becomes pending and is moved and proved anew",
    )


def _conflict(entry: Entry, value: str) -> ConflictError:
    return ConflictError(
        rule="a partition's record is moved by one process at a time, from the state that it was read in",
        value=value,
        place=f"{entry.table} {entry.partition}",
        remedy="read the ledger again; another run is at work on the partition",
    )
