"""Verification: every moved partition proven equal to its source by named checks, or its differences told.

A partition that passes every check becomes ``verified``, with what each check found in its ledger record; any other
becomes ``mismatched``, and its differences, down to row and column with both values, go into the table of failures.
One that cannot be examined (the server is away) stays as it is. A mismatched partition is moved again and verified
again; nothing is mended in place.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from mr_platform import logs
from mr_platform.errors import ConflictError, CorruptPartition, DataError, MrError, UsageError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.migration import completeness, failures
from mr_platform.migration.checks import Outcome, by_name
from mr_platform.migration.differences import Located
from mr_platform.migration.ledger import MISMATCHED, TRANSFERRED, VERIFIED, Entry, Ledger
from mr_platform.migration.proof import Proof, Sides, prove
from mr_platform.sources.heavydb.connection import HeavyDb
from mr_platform.sources.heavydb.settings import HeavyDbSettings

_VERIFIABLE = (TRANSFERRED, VERIFIED, MISMATCHED)
# Differences of these are differences of rows, so that looking for the rows makes sense.
_OF_ROWS = (
    "second_pull",
    "written_digest",
    "row_count",
    "null_counts",
    "distinct_texts",
    "minimum_and_maximum",
    "integer_sums",
    "keys",
)
_log = logs.get("migration.verify")


@dataclass(frozen=True)
class Verification:
    """What became of one partition.

    ``state`` after it; ``checks`` by name; ``digest`` of the rows as read back; ``differences`` located, ``findings``
    worth notice though nothing is wrong; ``error`` why it could not be examined, None where it was.
    """

    table: str
    partition: Partition
    state: str
    source_rows: int
    lake_rows: int
    checks: Mapping[str, Outcome] = field(default_factory=dict)
    digest: str = ""
    reason: str = ""
    differences: int = 0
    findings: tuple[str, ...] = ()
    pulled_twice: bool = False
    seconds: float = 0.0
    error: MrError | None = None

    @property
    def proven(self) -> bool:
        """Whether the partition is verified."""
        return self.state == VERIFIED and self.error is None

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(name for name, outcome in self.checks.items() if not outcome.passed)


def verify(
    settings: HeavyDbSettings,
    lake: Lake,
    ledger: Ledger,
    *,
    entries: Sequence[Entry] | None = None,
    sample: float = 1.0,
    seed: str = "",
    now: datetime,
    progress: Callable[[Verification, int, int], None] | None = None,
) -> list[Verification]:
    """Verify ``entries`` (default: everything that is transferred), one report each, in their order.

    ``sample``: the share of partitions whose rows are pulled a second time in full, drawn by ``seed``; a partition that
    was transferred more than once, or whose source was written to since, is pulled again in any case. Where every
    partition of a table has been examined, the closing look at the table follows. ``now`` is the moment of the start.
    ``progress`` hears each report, done and total. A damaged ledger record is reported as the failed check
    ``ledger_record``. Errors: UsageError for a share outside [0, 1] or an entry that is not moved yet.
    """
    if not 0 <= sample <= 1:
        raise UsageError(
            rule="the share of partitions pulled again is from 0 to 1", value=sample, place="verify", remedy="use 1"
        )
    if entries is None:
        wanted, damaged = moved_entries(ledger)
    else:
        wanted, damaged = list(entries), []
    early = [entry for entry in wanted if entry.state not in _VERIFIABLE]
    if early:
        raise UsageError(
            rule="a partition is verified after it was moved",
            value=f"{early[0].table} {early[0].partition} is {early[0].state}",
            place="verify",
            remedy="run mr migrate run first",
        )
    started, reports = monotonic(), list(damaged)
    contract_of = functools.cache(ledger.contract)
    total = len(wanted) + len(damaged)
    with (
        logs.stage("migration.verify", partitions=total) as stage,
        HeavyDb(settings) as asking,
        HeavyDb(settings) as pulling,
        ThreadPoolExecutor(2, "migration-verify") as pool,
    ):
        for entry in wanted:
            moment = now + timedelta(seconds=round(monotonic() - started, 3))
            twice = entry.attempts > 1 or lot(entry, seed) < sample
            sides = Sides(entry, contract_of(entry.table), lake, asking, pulling)
            reports.append(_verify_one(ledger, sides, pool, twice=twice, now=moment))
            if progress is not None:
                progress(reports[-1], len(reports), total)
        touched = {entry.table for entry in wanted}
        _look_around(ledger, asking, touched, now + timedelta(seconds=round(monotonic() - started, 3)))
        stage["mismatched"] = sum(report.state == MISMATCHED for report in reports)
    return reports


def _look_around(ledger: Ledger, db: HeavyDb, touched: Collection[str], now: datetime) -> None:
    """The closing look at each table of which every partition has been examined."""
    for planned in ledger.tables():
        table = planned.contract.table
        try:
            entries = ledger.entries(table)
            if completeness.is_due(ledger.lake, table, entries, touched=table in touched):
                completeness.record(ledger.lake, completeness.look(db, table, entries, now=now))
        except MrError as error:
            # the certificate asks for the look and will be refused without it
            _log.warning("no closing look", extra={"fields": {"table": table, "why": str(error)}})


def moved_entries(ledger: Ledger) -> tuple[list[Entry], list[Verification]]:
    """Transferred entries, and a report for each record that is damaged or lost."""
    found: list[Entry] = []
    damaged: list[Verification] = []
    for planned in ledger.tables():
        table, symbol = planned.contract.table, planned.contract.symbol
        for day in sorted(planned.dates):
            try:
                entry = ledger.entry(table, day)
            except DataError as error:
                outcome = Outcome("ledger_record", passed=False, detail=str(error))
                damaged.append(
                    Verification(
                        table,
                        Partition(symbol, day),
                        "damaged" if isinstance(error, CorruptPartition) else "lost",
                        planned.dates[day],
                        0,
                        checks={"ledger_record": outcome},
                        reason=error.rule,
                        error=error,
                    )
                )
                continue
            if entry.state == TRANSFERRED:
                found.append(entry)
    return found, damaged


def _verify_one(ledger: Ledger, sides: Sides, pool: Executor, *, twice: bool, now: datetime) -> Verification:
    started, entry = monotonic(), sides.entry
    with ledger.claim(entry.table, entry.partition.trade_date) as claimed:
        if claimed is None or claimed.checksum != entry.checksum:
            return _unexamined(entry, _taken(entry), started)
        try:
            proof = prove(sides, pool, twice=twice)
            located = _locate(sides, proof)
        except MrError as error:
            _log.warning("not examined", extra={"fields": {"partition": str(entry.partition), "why": str(error)}})
            return _unexamined(entry, error, started)
        failures.publish(sides.lake, entry.partition, list(_rows(entry, proof, located, now)))
        return _conclude(ledger, entry, proof, located, started, now)


def _conclude(
    ledger: Ledger, entry: Entry, proof: Proof, located: Located | None, started: float, now: datetime
) -> Verification:
    checks = by_name(proof.outcomes)
    state = MISMATCHED if proof.failed else VERIFIED
    reason = _reason(checks, located)
    read = proof.read
    seconds = round(monotonic() - started, 4)
    record: dict[str, Any] = {
        "verified_ts": now.isoformat(),
        "checks": {name: {"passed": outcome.passed, "detail": outcome.detail} for name, outcome in checks.items()},
        "rows": read.digest.rows if read is not None else None,
        "multiset": read.digest.multiset() if read is not None else None,
        "sequence": read.digest.sequence() if read is not None else None,
        "file_sha256": proof.file_sha256,
        "pulled_twice": proof.pulled_twice,
        "epochs": list(proof.epochs),
        "findings": proof.findings,
        "seconds": seconds,
    }
    moved = ledger.move(entry, state, now=now, reason=reason, verification=record)
    return Verification(
        entry.table,
        entry.partition,
        moved.state,
        entry.source_rows,
        read.digest.rows if read is not None else 0,
        checks,
        record["multiset"] or "",
        reason,
        located.source_rows + located.lake_rows if located is not None else 0,
        tuple(proof.findings),
        proof.pulled_twice,
        seconds,
    )


def _locate(sides: Sides, proof: Proof) -> Located | None:
    """Where the rows differ, if a check says that rows do and the file can be read."""
    if proof.read is None or not any(outcome.name in _OF_ROWS for outcome in proof.failed):
        return None
    try:
        return sides.differences()
    except MrError as error:
        # that they differ is certain already
        _log.warning(
            "differences not located", extra={"fields": {"partition": str(sides.entry.partition), "why": str(error)}}
        )
        return None


def _rows(entry: Entry, proof: Proof, located: Located | None, now: datetime) -> Iterator[dict[str, object]]:
    """Failures of the partition for the table."""
    checks = by_name(proof.failed)
    told = {found.check for found in proof.disagreements}
    if located is not None and located.differences:
        by_rows = next(name for name in _OF_ROWS if name in checks)
        told.add(by_rows)
        yield from failures.of_cells(entry, by_rows, located.differences, now)
    yield from failures.of_measures(entry, proof.disagreements, now)
    for name, outcome in checks.items():
        if name not in told:
            yield failures.of_partition(entry, name, outcome.detail, now)


def _reason(checks: Mapping[str, Outcome], located: Located | None) -> str:
    failed = [name for name, outcome in checks.items() if not outcome.passed]
    if not failed:
        return ""
    first = located.differences[0].detail if located is not None and located.differences else checks[failed[0]].detail
    return f"{', '.join(failed)}: {first}"


def _unexamined(entry: Entry, error: MrError, started: float) -> Verification:
    return Verification(
        entry.table,
        entry.partition,
        entry.state,
        entry.source_rows,
        entry.lake_rows or 0,
        reason=str(error),
        seconds=round(monotonic() - started, 4),
        error=error,
    )


def _taken(entry: Entry) -> ConflictError:
    return ConflictError(
        rule="a partition is verified while nobody else is at work on it",
        value="another process holds it or has moved it on",
        place=f"{entry.table} {entry.partition}",
        remedy="verify again when the other run is through",
    )


def lot(entry: Entry, seed: str) -> float:
    """A number in [0, 1) that depends on seed and partition alone: below the sample's share, it is pulled again."""
    drawn = hashlib.blake2b(f"{seed}\0{entry.table}\0{entry.partition}".encode(), digest_size=7).digest()
    return int.from_bytes(drawn, "big") / (1 << 56)
