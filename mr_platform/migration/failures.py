"""The table of differences: one row for each, with what either side holds, one object a partition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import pyarrow as pa

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.migration.differences import Difference
from mr_platform.migration.ledger import Entry
from mr_platform.migration.measures import Disagreement
from schemas.migration import MIGRATION_FAILURES


def of_cells(
    entry: Entry, check: str, differences: Iterable[Difference], found_ts: datetime
) -> list[dict[str, object]]:
    """Rows of the table for differing cells and rows."""
    return [
        _row(entry, check, found_ts)
        | {
            "source_rowid": found.rowid,
            "column_name": found.column,
            "side": found.side,
            "source_value": found.source_value,
            "lake_value": found.lake_value,
            "detail": found.detail,
        }
        for found in differences
    ]


def of_measures(entry: Entry, disagreements: Iterable[Disagreement], found_ts: datetime) -> list[dict[str, object]]:
    """Rows of the table for aggregates on which source and lake differ."""
    return [
        _row(entry, found.check, found_ts)
        | {
            "source_rowid": None,
            "column_name": found.column,
            "side": "both",
            "source_value": found.source,
            "lake_value": found.lake,
            "detail": f"{found.measure}: source {found.source}, lake {found.lake}",
        }
        for found in disagreements
    ]


def of_partition(entry: Entry, check: str, detail: str, found_ts: datetime) -> dict[str, object]:
    """The row of the table for a check that failed for the partition as a whole."""
    return _row(entry, check, found_ts) | {
        "source_rowid": None,
        "column_name": "",
        "side": "both",
        "source_value": None,
        "lake_value": None,
        "detail": detail,
    }


def publish(lake: Lake, partition: Partition, rows: Sequence[dict[str, object]]) -> None:
    """Put the partition's present failures in the place of earlier ones; where there are none, an empty object."""
    if rows or lake.describe(MIGRATION_FAILURES.name, partition) is not None:
        lake.publish(MIGRATION_FAILURES.name, partition, pa.Table.from_pylist(list(rows), MIGRATION_FAILURES.arrow()))


def _row(entry: Entry, check: str, found_ts: datetime) -> dict[str, object]:
    return {
        "table_name": entry.table,
        "partition_key": str(entry.partition),
        "symbol": entry.partition.symbol,
        "trade_date": entry.partition.trade_date,
        "check_name": check,
        "found_ts": found_ts,
    }
