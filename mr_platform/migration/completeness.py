"""The closing look at a table: whether the source holds dates or rows that no partition of the plan accounts for.

Partitions prove what they hold; that there is nothing beside them, only the source as a whole can tell. The look asks
for all dates with their counts, and for the row ids that no date accounts for: rows deleted long ago, or rows without a
date, which a server that answers only queries filtered on the date will not show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from mr_platform.errors import CorruptPartition, MissingPartition
from mr_platform.lake.store import Lake
from mr_platform.migration.ledger import PENDING, TRANSFERRED, TRANSFERRING, Entry
from mr_platform.migration.plan import FIRST_YEAR, source_days

if TYPE_CHECKING:
    from mr_platform.sources.heavydb.connection import HeavyDb

_FOLDER = "migration/completeness"
_OPEN = (PENDING, TRANSFERRING, TRANSFERRED)


@dataclass(frozen=True)
class Completeness:
    """What the source as a whole said at ``looked_ts``.

    ``unplanned`` dates with rows that the ledger does not know; ``other_counts`` dates whose number of rows is not the
    ledger's, vanished ones among them; ``unaccounted`` row ids between the least and the greatest that no date holds;
    ``epochs`` of the table, empty where this user may not see them.
    """

    table: str
    looked_ts: str
    server: str
    dates: int
    rows: int
    unplanned: tuple[str, ...]
    other_counts: tuple[str, ...]
    unaccounted: int
    epochs: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the ledger accounts for every date and row that the source shows."""
        return not self.unplanned and not self.other_counts


def look(db: HeavyDb, table: str, entries: Sequence[Entry], *, now: datetime) -> Completeness:
    """Ask the source for all dates of the table since FIRST_YEAR and lay them beside the ledger's entries of it."""
    days = source_days(db, table, date(FIRST_YEAR, 1, 1), date(now.year + 1, 12, 31))
    planned = {entry.partition.trade_date: entry.source_rows for entry in entries}
    found = {day.trade_date: day.rows for day in days}
    rows = sum(found.values())
    numbers = [number for day in days for number in (day.first, day.last) if number is not None]
    return Completeness(
        table=table,
        looked_ts=now.isoformat(),
        server=f"{db.settings.address}, version {db.version()}",
        dates=len(found),
        rows=rows,
        unplanned=tuple(str(day) for day in sorted(set(found) - set(planned))),
        other_counts=tuple(str(day) for day, count in sorted(planned.items()) if found.get(day, 0) != count),
        unaccounted=max(numbers) - min(numbers) + 1 - rows if numbers else 0,
        epochs=tuple(db.epochs(table)),
    )


def is_due(lake: Lake, table: str, entries: Sequence[Entry], *, touched: bool) -> bool:
    """Whether every partition has been examined, and one of them just now (``touched``) or no good look is known."""
    if not entries or any(entry.state in _OPEN for entry in entries):
        return False
    known = read(lake, table)
    return touched or known is None or not known.is_whole


def record(lake: Lake, found: Completeness) -> None:
    """Keep the look for the certificate."""
    lake.put_object(f"{_FOLDER}/{found.table}.json", json.dumps(asdict(found), sort_keys=True, indent=1).encode())


def read(lake: Lake, table: str) -> Completeness | None:
    """The last look at the table; None where there was none, CorruptPartition where it is damaged."""
    name = f"{_FOLDER}/{table}.json"
    try:
        document: Mapping[str, Any] = json.loads(lake.get_object(name))
        lists = {key: tuple(document[key]) for key in ("unplanned", "other_counts", "epochs")}
        return Completeness(**{**document, **lists})
    except MissingPartition:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptPartition(
            rule="the record of a closing look is as it was written",
            value=error,
            place=name,
            remedy="delete it and verify again: the source is then looked at anew",
        ) from error
