"""What is to be moved: tables, their contracts, their dates with counts, what the calendar says, and what it will cost.

Planning reads the source and the ledger and changes neither; ``record`` writes the work list. Planning again is safe:
new dates are added, what is moved and proved stays, and a partition whose source has changed since is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from mr_platform.errors import MissingPartition, SourceError, UsageError
from mr_platform.lake.layout import Partition
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.migration.contract import TABLE_NAME, TableContract, freeze, unexpected_types
from mr_platform.migration.ledger import (
    PENDING,
    TRANSFERRED,
    TRANSFERRING,
    VERIFIED,
    Entry,
    Ledger,
    PlannedTable,
)
from mr_platform.sources.heavydb.schema import SourceColumn
from mr_platform.sources.heavydb.statements import count_by_date, windows
from mr_platform.sources.profile import load_profile

if TYPE_CHECKING:
    from mr_platform.sources.heavydb.connection import HeavyDb

PROFILE = "heavydb"
# Index options were first listed in 2001; rows outside the dates asked for show as row ids that no date accounts for.
FIRST_YEAR = 2000
# Until the ledger has measured ones: rows a worker moves in a second, and the lake's share of the bytes in memory.
_ROWS_PER_SECOND = 60_000.0
_LAKE_SHARE = 0.27


@dataclass(frozen=True)
class DayCount:
    """Rows of one date at the source, and the least and greatest of their row ids."""

    trade_date: date
    rows: int
    first: int | None
    last: int | None

    def as_fact(self) -> dict[str, int | None]:
        """As the ledger keeps it."""
        return {"rows": self.rows, "first": self.first, "last": self.last}


@dataclass(frozen=True)
class TablePlan:
    """One table.

    ``added`` dates new to the ledger; ``kept`` number of dates that stand in it unchanged; ``recounted`` dates not yet
    moved whose count is another now; ``changed`` moved or proved partitions whose count or row ids at the source are
    others now, or that were moved under another contract; ``epoch_moved`` those whose count stands although the table
    has been written to since; ``vanished`` dates in the ledger without a row at the source. ``missing_sessions``
    sessions of the calendar between the first and last date without a row, ``outside_calendar`` dates with rows that
    are no session, or beyond the calendar. ``unaccounted`` row ids between the least and the greatest that no date
    counted holds: deleted rows, or rows without a date or outside the dates asked for. ``unexpected_types`` columns
    that are moved, but not of the kind's own type.
    """

    contract: TableContract
    days: tuple[DayCount, ...]
    added: tuple[date, ...]
    kept: int
    recounted: tuple[date, ...]
    changed: tuple[date, ...]
    epoch_moved: tuple[date, ...]
    vanished: tuple[date, ...]
    missing_sessions: tuple[date, ...]
    outside_calendar: tuple[date, ...]
    unaccounted: int
    unexpected_types: tuple[str, ...]
    rows_to_move: int
    seconds: float

    @property
    def rows(self) -> int:
        """Rows of all dates."""
        return sum(day.rows for day in self.days)

    @property
    def source_bytes(self) -> int:
        """Estimated bytes of the rows to move as they come over the wire."""
        return self.rows_to_move * self.contract.row_bytes

    @property
    def lake_bytes(self) -> int:
        """Estimated bytes of the rows to move as Parquet."""
        return int(self.source_bytes * _LAKE_SHARE)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, the contract's columns as ``name source -> arrow -> parquet -> bigquery``."""
        dates = ("added", "recounted", "changed", "epoch_moved", "vanished", "missing_sessions", "outside_calendar")
        return {
            "table": self.contract.table,
            "symbol": self.contract.symbol,
            "profile": self.contract.profile,
            "contract": self.contract.digest,
            "columns": [
                {"name": c.name, "source": str(c.source), "arrow": c.lake, "parquet": c.parquet, "bigquery": c.bigquery}
                for c in self.contract.columns
            ],
            "first": str(self.days[0].trade_date) if self.days else None,
            "last": str(self.days[-1].trade_date) if self.days else None,
            "partitions": len(self.days),
            "rows": self.rows,
            "kept": self.kept,
            **{name: [str(day) for day in getattr(self, name)] for name in dates},
            "unaccounted_row_ids": self.unaccounted,
            "unexpected_types": list(self.unexpected_types),
            "rows_to_move": self.rows_to_move,
            "estimated_source_bytes": self.source_bytes,
            "estimated_lake_bytes": self.lake_bytes,
            "estimated_seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True)
class MigrationPlan:
    """The tables to move, and those of the server that were left alone (``ignored``)."""

    tables: tuple[TablePlan, ...]
    ignored: tuple[str, ...]
    planned_ts: datetime

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "planned_ts": self.planned_ts.isoformat(),
            "tables": [table.as_dict() for table in self.tables],
            "ignored": list(self.ignored),
        }

    def record(self, ledger: Ledger) -> None:
        """Write contracts and new partitions into the ledger; what stands there moved or proved is not touched."""
        for table in self.tables:
            contract, now = table.contract, self.planned_ts
            counts = {day.trade_date: day for day in table.days}
            present = {entry.partition.trade_date: entry for entry in ledger.records(contract.table)}
            added = [
                Entry(contract.table, Partition(contract.symbol, day), PENDING, counts[day].rows, now)
                for day in table.added
                if day not in present
            ]
            known = {day: entry.source_rows for day, entry in present.items()}
            dates = known | {day.trade_date: day.rows for day in table.days}
            ledger.record(PlannedTable(contract, dates, now), added)
            for day in table.recounted:
                # a worker that has meanwhile taken the partition counts for itself
                if present[day].state == PENDING and not ledger.held_elsewhere(present[day]):
                    ledger.move(
                        present[day],
                        PENDING,
                        now=now,
                        source_rows=counts[day].rows if day in counts else 0,
                        reason=present[day].reason,
                    )


def plan(
    db: HeavyDb,
    lake_ledger: Ledger,
    *,
    tables: Sequence[str] | None = None,
    since: date | None = None,
    until: date | None = None,
    profile: str | None = None,
    now: datetime,
) -> MigrationPlan:
    """Discover what the source holds and lay it beside the ledger. Nothing is written.

    ``tables`` restricts to these names, ``since`` and ``until`` to these dates (both included); ``profile`` is the
    source profile that will read the rows (PROFILE where none is frozen yet). Errors: UsageError for a table that the
    server does not have or another profile than the frozen one; SourceError for a type without a place, other columns
    than the chain's, two tables of one symbol, or a source whose columns are no longer those of a frozen contract.
    """
    load_profile(profile or PROFILE)
    chosen, ignored = _choose(db.tables(), tables)
    start = since or date(FIRST_YEAR, 1, 1)
    end = until or date(now.year + 1, 12, 31)
    if start > end:
        raise UsageError(
            rule="the first date is not after the last", value=f"{start} > {end}", place="plan", remedy="swap them"
        )
    found = tuple(
        _plan_table(db, lake_ledger, table, symbol, start, end, profile) for symbol, table in sorted(chosen.items())
    )
    return MigrationPlan(found, tuple(ignored), now)


def source_days(db: HeavyDb, table: str, since: date, until: date) -> list[DayCount]:
    """Dates of the table with their counts, asked year by year."""
    found = []
    for first, last in windows(since, until):
        for day, rows, least, greatest in db.rows(count_by_date(table, first, last)):
            found.append(DayCount(day, int(rows), least, greatest))
    return found


def _choose(names: Sequence[str], wanted: Sequence[str] | None) -> tuple[dict[str, str], list[str]]:
    """Table by symbol, and the names left out."""
    chains = {name: match["symbol"] for name in names if (match := TABLE_NAME.match(name.lower()))}
    unknown = sorted(set(wanted or ()) - set(chains))
    if unknown:
        raise UsageError(
            rule="a table to move is called {symbol}_option_chain and is on the server",
            value=", ".join(unknown),
            place="plan",
            remedy=f"the server has: {', '.join(sorted(chains)) or 'no such table'}",
        )
    chosen: dict[str, str] = {}
    for table, word in sorted(chains.items()):
        if wanted is not None and table not in wanted:
            continue
        symbol = _symbol(word)
        if symbol in chosen:
            raise SourceError(
                rule="one table of the source holds the chain of a symbol",
                value=f"{chosen[symbol]} and {table} are both {symbol}",
                place="plan",
                remedy="choose one of them with --table",
            )
        chosen[symbol] = table
    return chosen, sorted(set(names) - set(chosen.values()))


def _symbol(word: str) -> str:
    try:
        return instrument(word).symbol
    except UsageError:
        # an underlying that the instruments do not know yet is moved all the same; core will ask for its traits
        return word.upper()


def _plan_table(
    db: HeavyDb, ledger: Ledger, table: str, symbol: str, since: date, until: date, profile: str | None
) -> TablePlan:
    contract = _contract(ledger, table, db.details(table), symbol, profile)
    days = source_days(db, table, since, until)
    present = {entry.partition.trade_date: entry for entry in ledger.records(table)}
    counts = {day.trade_date: day for day in days}
    inside = {day: entry for day, entry in present.items() if since <= day <= until}
    moved = {day: entry for day, entry in inside.items() if entry.state in (TRANSFERRED, VERIFIED)}
    changed = sorted(day for day, entry in moved.items() if _is_changed(entry, contract, counts.get(day)))
    epochs = db.epochs(table)
    epoch_moved = [
        day
        for day, entry in sorted(moved.items())
        if day not in changed and entry.facts["source"]["epochs"] != list(epochs)
    ]
    recounted = [
        day
        for day, entry in sorted(inside.items())
        if entry.state == PENDING and entry.source_rows != (counts[day].rows if day in counts else 0)
    ]
    added = [day for day in counts if day not in present]
    open_days = [
        day.rows
        for day in days
        if day.trade_date not in present or present[day.trade_date].state in (PENDING, TRANSFERRING)
    ]
    missing, outside = _against_calendar(sorted(counts))
    return TablePlan(
        contract=contract,
        days=tuple(days),
        added=tuple(added),
        kept=len(counts) - len(added) - len(recounted) - sum(day in counts for day in changed),
        recounted=tuple(recounted),
        changed=tuple(changed),
        epoch_moved=tuple(epoch_moved),
        vanished=tuple(sorted(set(inside) - set(counts))),
        missing_sessions=tuple(missing),
        outside_calendar=tuple(outside),
        unaccounted=_unaccounted(days),
        unexpected_types=tuple(unexpected_types(contract)),
        rows_to_move=sum(open_days),
        seconds=sum(open_days) / _measured_rate(present),
    )


def _contract(
    ledger: Ledger, table: str, columns: Sequence[SourceColumn], symbol: str, profile: str | None
) -> TableContract:
    """The frozen contract, to which the source still keeps; a new one where the table has none."""
    try:
        frozen = ledger.contract(table)
    except MissingPartition:
        return freeze(table, columns, symbol=symbol, profile=profile or PROFILE)
    frozen.check_source(columns)
    if profile not in (None, frozen.profile):
        raise UsageError(
            rule=f"{table} is moved under the profile that it was planned with",
            value=profile,
            place="plan",
            remedy=f"leave the profile out; it is {frozen.profile}",
        )
    return frozen


def _is_changed(entry: Entry, contract: TableContract, count: DayCount | None) -> bool:
    source: Mapping[str, Any] = entry.facts["source"]
    if count is None or entry.facts["contract"] != contract.digest:
        return True
    return any(source[name] != value for name, value in count.as_fact().items())


def _unaccounted(days: Sequence[DayCount]) -> int:
    firsts = [day.first for day in days if day.first is not None]
    lasts = [day.last for day in days if day.last is not None]
    return max(lasts) - min(firsts) + 1 - sum(day.rows for day in days) if firsts and lasts else 0


def _against_calendar(days: Sequence[date]) -> tuple[list[date], list[date]]:
    """Sessions without a row between the first and last date, and dates with rows that are no session."""
    if not days:
        return [], []
    calendar = nse_calendar()
    first, last = max(days[0], calendar.first), min(days[-1], calendar.last)
    sessions = set(calendar.between(first, last)) if first <= last else set()
    return sorted(sessions - set(days)), [day for day in days if day not in sessions]


def _measured_rate(present: Mapping[date, Entry]) -> float:
    """Rows a second of the transfers in the ledger; a cautious figure before there are any."""
    done = [entry for entry in present.values() if entry.lake_rows and entry.facts.get("seconds")]
    seconds = sum(float(entry.facts["seconds"]) for entry in done)
    return sum(entry.lake_rows or 0 for entry in done) / seconds if seconds else _ROWS_PER_SECOND
