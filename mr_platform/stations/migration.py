"""Stations of the migration: from HeavyDB's tables to proven partitions of raw, each step as people and assets call it.

The rooms below know how a partition is planned, moved, proven and certified; here it is said which ones, and what is
told of them. Every station leaves the ledger's table for the marts up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mr_platform.errors import MissingPartition, MrError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.stations.moved import EVERYTHING, At, Chosen, Moved

if TYPE_CHECKING:
    from mr_platform.migration.comparison import Comparison
    from mr_platform.migration.ledger import Entry, Ledger
    from mr_platform.migration.progress import Progress
    from mr_platform.migration.verify import Verification
    from mr_platform.sources.heavydb.settings import HeavyDbSettings

RAW = "raw/option_chain"
_OPEN = ("pending", "transferring", "transferred")
_STOPPED = ("suspended", "mismatched")


def plan_migration(
    lake: Lake,
    settings: HeavyDbSettings,
    *,
    tables: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
    now: datetime,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Discover what the source holds and enter it into the ledger; the plan as a document (`MigrationPlan.as_dict`)."""
    from mr_platform.migration.ledger import Ledger
    from mr_platform.migration.plan import plan
    from mr_platform.sources.heavydb.connection import HeavyDb

    ledger = Ledger(lake)
    with HeavyDb(settings) as db:
        found = plan(db, ledger, tables=list(tables) or None, since=since, until=until, now=now)
    if not dry_run:
        found.record(ledger)
        _publish(lake, ledger)
    return found.as_dict()


def to_migrate(lake: Lake, chosen: Chosen, *, retry: bool = False) -> list[dict[str, Any]]:
    """The partitions that `migrate` would move, and those it would only prove, in its order."""
    from mr_platform.migration.ledger import Ledger

    return [_row(entry) for entry in chosen.of(Ledger(lake).entries(), _states(retry=retry))]


def migrate(
    lake: Lake,
    settings: HeavyDbSettings,
    chosen: Chosen = EVERYTHING,
    *,
    workers: int = 1,
    chunk_rows: int | None = None,
    verify: bool = True,
    sample: float = 1.0,
    retry: bool = False,
    now: Callable[[], datetime],
    progress: Callable[[At], None] | None = None,
) -> list[Moved]:
    """Move what is chosen and not yet moved, then prove what is moved and not yet proven; what became of each.

    ``chunk_rows``: at most so many rows in one pull, where the server should be spared. ``sample``: the share of the
    partitions that is pulled a second time in full. ``retry`` takes up suspended and mismatched partitions as well.
    Errors: SourceError where the server is out of reach, DataError where the lake cannot be written: the ledger then
    says where everything stands, and calling again goes on from there.
    """
    from mr_platform.migration.ledger import Ledger
    from mr_platform.migration.pull import ChunkBounds
    from mr_platform.migration.transfer import transfer
    from mr_platform.migration.worker import Limits

    ledger = Ledger(lake)
    limits = Limits() if chunk_rows is None else Limits(chunk=ChunkBounds(rows=chunk_rows))
    wanted = chosen.of(ledger.entries(), _states(retry=retry))
    for entry in wanted:
        if entry.state in _STOPPED:
            ledger.reopen(entry, why=f"taken up again: {entry.reason}", now=now())
    todo = _again(ledger, wanted)
    try:
        heard = None if progress is None else lambda at: progress(_moving(at))
        transfer(settings, lake, ledger, entries=todo, workers=workers, limits=limits, now=now(), progress=heard)
        moved = [entry for entry in _again(ledger, todo) if entry.state == "transferred"]
        said = _verify(lake, settings, ledger, moved, sample=sample, now=now(), progress=progress) if verify else {}
    finally:
        _publish(lake, ledger)
    return [Moved.of(entry, said.get(entry.partition)) for entry in _again(ledger, todo)]


def verify_migrated(
    lake: Lake,
    settings: HeavyDbSettings,
    chosen: Chosen = EVERYTHING,
    *,
    again: bool = False,
    sample: float = 1.0,
    now: datetime,
    progress: Callable[[At], None] | None = None,
) -> list[Moved]:
    """Prove what is moved; ``again`` also what was proven or found different before. A damaged record is told as such.

    A partition that cannot be examined, as the server is away, stays as it is, with the reason.
    """
    from mr_platform.migration.ledger import Ledger
    from mr_platform.migration.verify import moved_entries

    ledger = Ledger(lake)
    moved, damaged = moved_entries(ledger)
    if again and not damaged:
        moved = ledger.entries()
    todo = chosen.of(moved, ("transferred", "verified", "mismatched"))
    try:
        said = _verify(lake, settings, ledger, todo, sample=sample, now=now, progress=progress)
    finally:
        if not damaged:
            _publish(lake, ledger)
    broken = [
        Moved(one.table, one.partition, one.state, one.source_rows, None, 0, str(one.error), "", one.seconds)
        for one in damaged
    ]
    return [*broken, *(Moved.of(entry, said.get(entry.partition)) for entry in _again(ledger, todo))]


def migrated(lake: Lake, partitions: Sequence[Partition]) -> dict[Partition, Moved | None]:
    """Where each partition stands; None for one that the plan does not know, as the source has no rows of it."""
    from mr_platform.migration.ledger import Ledger

    known = {entry.partition: Moved.of(entry) for entry in Ledger(lake).entries()}
    return {partition: known.get(partition) for partition in partitions}


def migration_status(lake: Lake) -> dict[str, Any]:
    """The ledger in numbers: ``{tables: [{table, symbol, partitions, states, rows, ...}]}``."""
    from mr_platform.migration.ledger import Ledger
    from mr_platform.migration.progress import status

    return status(Ledger(lake))


def publish_ledger(lake: Lake) -> int:
    """The ledger as a table of the lake, where the warehouse reads it; number of rows."""
    from mr_platform.migration.ledger import Ledger

    return _publish(lake, Ledger(lake))


def except_partition(
    lake: Lake, partition: Partition, *, who: str, why: str, now: datetime, dry_run: bool = False
) -> dict[str, Any]:
    """Mark a partition unverifiable by a named person's decision; the row of what became of it."""
    from mr_platform.migration.ledger import Ledger

    ledger = Ledger(lake)
    entry = _entry(ledger, partition)
    moved = entry if dry_run else ledger.give_up(entry, who=who, why=why, now=now)
    if not dry_run:
        _publish(lake, ledger)
    return _row(moved) | {"who": who, "reason": why, "was": entry.state}


def reopen_partition(
    lake: Lake, partition: Partition, *, why: str, now: datetime, dry_run: bool = False
) -> dict[str, Any]:
    """Have a partition moved and proven anew; the row of what became of it."""
    from mr_platform.migration.ledger import Ledger

    ledger = Ledger(lake)
    entry = _entry(ledger, partition)
    moved = entry if dry_run else ledger.reopen(entry, why=why, now=now)
    if not dry_run:
        _publish(lake, ledger)
    return _row(moved) | {"reason": why, "was": entry.state}


def migration_failures(lake: Lake, *, tables: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What stands beside the road: every stopped partition with its reason, every difference with both values."""
    from mr_platform.migration.ledger import Ledger
    from schemas.migration import MIGRATION_FAILURES

    stopped = [entry for entry in Ledger(lake).entries() if entry.state in _STOPPED or entry.failures]
    rows = [
        _failure(entry.table, str(entry.partition), state=entry.state, detail=entry.reason)
        for entry in stopped
        if not tables or entry.table in tables
    ]
    for partition in lake.partitions(MIGRATION_FAILURES.name):
        for found in lake.read(MIGRATION_FAILURES.name, partition).to_pylist():
            if not tables or found["table_name"] in tables:
                rows.append(
                    _failure(
                        found["table_name"],
                        found["partition_key"],
                        check=found["check_name"],
                        rowid=found["source_rowid"],
                        column=found["column_name"],
                        side=found["side"],
                        source=found["source_value"],
                        lake=found["lake_value"],
                        detail=found["detail"],
                    )
                )
    return rows


def unmet_by_migrated(lake: Lake, partition: Partition) -> list[str] | None:
    """Table-level expectations that a migrated partition does not meet; None where the source has no such partition."""
    from mr_platform.market.sessions import nse_calendar
    from mr_platform.migration.ledger import Ledger
    from schemas.expectations import run_migrated_suite

    ledger = Ledger(lake)
    try:
        entry = _entry(ledger, partition)
    except MissingPartition:
        return None
    contract = ledger.contract(entry.table)
    rows = lake.read(RAW, partition, source=contract.profile)
    session = nse_calendar().session(partition.trade_date)
    # beside the source's columns stand those that say where a row came from
    lineage = [name for name in rows.column_names if name.startswith("_")]
    found = run_migrated_suite(
        rows.drop_columns(lineage).replace_schema_metadata(None),
        columns=contract.names,
        symbol=partition.symbol,
        trade_date=partition.trade_date,
        rows=entry.source_rows,
        session_minutes=session.n_bars,
    )
    return [f"{outcome.expectation} ({outcome.subject}): {outcome.observed}" for outcome in found.failed]


def compare_with_source(lake: Lake, settings: HeavyDbSettings, partition: Partition) -> Comparison:
    """Read a migrated partition from both sides now and hold them against each other."""
    from mr_platform.migration.comparison import compare
    from mr_platform.migration.ledger import Ledger
    from mr_platform.migration.pull import pull, source_facts
    from mr_platform.sources.heavydb.connection import HeavyDb

    ledger = Ledger(lake)
    contract = ledger.contract(_entry(ledger, partition).table)
    with HeavyDb(settings) as db:
        facts = source_facts(db, contract, partition.trade_date)
        chunks = list(pull(db, contract, partition.trade_date, facts))
    source = pa.concat_tables([contract.plain(chunk) for chunk in chunks]) if chunks else _no_rows(contract)
    held = lake.read(RAW, partition, source=contract.profile, columns=contract.names)
    return compare(source, held.replace_schema_metadata(None), title=str(partition))


def comparison_picture(found: Comparison) -> bytes:
    """Both sides as PNG."""
    from mr_platform.migration.comparison import picture

    return picture(found)


def _failure(table: str, partition: str, **said: Any) -> dict[str, Any]:
    blank: dict[str, Any] = {"state": "", "check": "", "rowid": None, "column": "", "side": "", "source": None}
    return {"table": table, "partition": partition, **blank, "lake": None, "detail": "", **said}


def _verify(
    lake: Lake,
    settings: HeavyDbSettings,
    ledger: Ledger,
    entries: Sequence[Entry],
    *,
    sample: float,
    now: datetime,
    progress: Callable[[At], None] | None,
) -> dict[Partition, MrError]:
    """Verify the entries; why each that could not be examined could not."""
    from mr_platform.migration.verify import verify

    # without an entry, too: the closing look at a table may be all that is left to do
    started, total, seen = monotonic(), sum(entry.source_rows for entry in entries), 0

    def heard(report: Verification, done: int, of: int) -> None:
        nonlocal seen
        seen += report.source_rows
        rate = seen / max(monotonic() - started, 1e-9)
        if progress is not None:
            progress(At(f"{report.partition} {report.state}", done, of, seen, total, rate, (total - seen) / rate))

    reports = verify(settings, lake, ledger, entries=entries, sample=sample, now=now, progress=heard)
    return {report.partition: report.error for report in reports if report.error is not None}


def _moving(at: Progress) -> At:
    what = f"{at.step.partition} {at.step.state}"
    return At(what, at.done, at.total, at.rows_done, at.rows_total, at.rows_per_second, at.seconds_left)


def _states(*, retry: bool) -> tuple[str, ...]:
    return (*_OPEN, *_STOPPED) if retry else _OPEN


def _again(ledger: Ledger, entries: Sequence[Entry]) -> list[Entry]:
    """The entries as they stand now."""
    return [ledger.entry(entry.table, entry.partition.trade_date) for entry in entries]


def _no_rows(contract: Any) -> pa.Table:
    from mr_platform.sources.heavydb.schema import ROW_ID

    return contract.schema().append(pa.field(ROW_ID, pa.int64())).empty_table()


def _entry(ledger: Ledger, partition: Partition) -> Entry:
    """The ledger's entry of a symbol-day; MissingPartition where it was not planned."""
    for planned in ledger.tables():
        if planned.contract.symbol == partition.symbol and partition.trade_date in planned.dates:
            return ledger.entry(planned.contract.table, partition.trade_date)
    raise MissingPartition(
        rule="a migrated partition stands in the ledger",
        value=str(partition),
        place="migration ledger",
        remedy="run mr migrate plan; the source may have no rows of that day",
    )


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "table": entry.table,
        "partition": str(entry.partition),
        "state": entry.state,
        "source_rows": entry.source_rows,
        "lake_rows": entry.lake_rows,
        "reason": entry.reason,
    }


def _publish(lake: Lake, ledger: Ledger) -> int:
    from mr_platform.migration.progress import publish_ledger as publish

    return publish(lake, ledger)
