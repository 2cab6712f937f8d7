"""How far a migration has come: events of a running transfer, the ledger in numbers, and the ledger as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.migration.ledger import TRANSFERRED, TRANSFERRING, Entry, Ledger
from schemas.migration import MIGRATION_LEDGER


@dataclass(frozen=True)
class Step:
    """What a worker says: rows of a partition that came in, or (``state`` not ``transferring``) what became of it."""

    table: str
    partition: Partition
    state: str
    rows: int
    bytes: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Progress:
    """A step and where the whole transfer stands with it.

    ``done`` of ``total`` partitions moved, ``rows_done`` of ``rows_total`` rows, bytes as they came over the wire
    (in memory); ``rows_per_second`` since the start, ``seconds_left`` at that rate (None before the first row).
    """

    step: Step
    done: int
    total: int
    rows_done: int
    rows_total: int
    bytes_done: int
    seconds: float
    rows_per_second: float
    seconds_left: float | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        step = asdict(self.step) | {"partition": str(self.step.partition)}
        return {**step, **{name: value for name, value in asdict(self).items() if name != "step"}}


@dataclass
class Tally:
    """Adds steps up. A partition that failed gives back the rows that had come in."""

    total: int
    rows_total: int
    done: int = 0
    bytes_done: int = 0
    _rows: Counter[tuple[str, date]] = field(default_factory=Counter)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Tally:
        """The work that the entries are, before any of it is done."""
        counted = [entry.source_rows for entry in entries]
        return cls(len(counted), sum(counted))

    def take(self, step: Step, seconds: float) -> Progress:
        """The state of the whole after ``step``, ``seconds`` after the start."""
        key = (step.table, step.partition.trade_date)
        if step.state == TRANSFERRING:
            self._rows[key] += step.rows
            self.bytes_done += step.bytes
        elif step.state == TRANSFERRED:
            self.done += 1
        else:
            del self._rows[key]
        rows = self._rows.total()
        rate = rows / seconds if seconds > 0 else 0.0
        left = max(self.rows_total - rows, 0) / rate if rate else None
        return Progress(
            step, self.done, self.total, rows, self.rows_total, self.bytes_done, round(seconds, 3), rate, left
        )


def status(ledger: Ledger) -> dict[str, Any]:
    """``{tables: [{table, symbol, partitions, states: {state: n}, rows, rows_moved, suspended: [...]}]}``, JSON-ready.

    ``rows`` counted at the source; ``rows_moved`` published in the lake; ``stale`` partitions whose worker was killed
    and that the next run takes up again; ``reasons`` why partitions stand beside the road, by partition.
    """
    tables = []
    for planned in ledger.tables():
        entries = ledger.entries(planned.contract.table)
        states = Counter(entry.state for entry in entries)
        tables.append(
            {
                "table": planned.contract.table,
                "symbol": planned.contract.symbol,
                "partitions": len(entries),
                "states": dict(sorted(states.items())),
                "rows": sum(entry.source_rows for entry in entries),
                "rows_moved": sum(entry.lake_rows or 0 for entry in entries),
                "stale": sum(entry.state == TRANSFERRING and not ledger.held_elsewhere(entry) for entry in entries),
                "reasons": {str(entry.partition): entry.reason for entry in entries if entry.reason},
            }
        )
    return {"tables": tables}


def ledger_table(entries: Iterable[Entry]) -> pa.Table:
    """Entries as rows of MIGRATION_LEDGER."""
    rows = [
        {
            "table_name": entry.table,
            "partition_key": str(entry.partition),
            "symbol": entry.partition.symbol,
            "trade_date": entry.partition.trade_date,
            "state": entry.state,
            "source_rows": entry.source_rows,
            "lake_rows": entry.lake_rows,
            "attempts": entry.attempts,
            "reason": entry.reason,
            "updated_ts": entry.updated_ts,
        }
        for entry in entries
    ]
    return pa.Table.from_pylist(rows, schema=MIGRATION_LEDGER.arrow())


def publish_ledger(lake: Lake, ledger: Ledger) -> int:
    """Write the ledger where the warehouse reads it, one object a table; number of rows."""
    from mr_platform.sources.tabular import HISTORY

    rows = 0
    for planned in ledger.tables():
        table = ledger_table(ledger.entries(planned.contract.table))
        lake.publish(MIGRATION_LEDGER.name, Partition(planned.contract.symbol, HISTORY), table)
        rows += table.num_rows
    return rows
