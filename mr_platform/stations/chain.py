"""Stations from files to core: ingest, the rebuild of core from raw, and what has landed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.stations.report import StationReport, timed

if TYPE_CHECKING:
    from mr_platform.sources.ingest import IngestRow


def ingest_files(
    lake: Lake,
    profile: str,
    paths: Sequence[Path],
    *,
    symbol: str | None = None,
    trade_date: date | None = None,
    workers: int = 1,
    progress: Callable[[IngestRow], None] | None = None,
) -> list[IngestRow]:
    """Raw, core, quarantine and quality report of every symbol-day in the files; a row each of what happened."""
    from mr_platform.sources.ingest import ingest

    return ingest(lake, profile, paths, symbol=symbol, trade_date=trade_date, workers=workers, progress=progress)


def publish_core(lake: Lake, partition: Partition, *, as_of: datetime | None = None) -> StationReport:
    """core/option_chain, core/quarantine and core/quality_report of a symbol-day, from all its raw sources.

    ``as_of`` (naive IST): only what was known by then.
    """
    from mr_platform.sources.ingest import CHAIN, rebuild

    with timed("core", partition) as timer:
        before = lake.describe(CHAIN, partition)
        result = rebuild(lake, partition, as_of=as_of)
        done = lake.describe(CHAIN, partition)
        digest = done.digest if done is not None else ""
        quality = result.quality
        return StationReport(
            table=CHAIN,
            partition=partition,
            rows=result.core.num_rows,
            digest=digest,
            changed=before is None or before.digest != digest,
            details={
                "raw_rows": quality.raw_rows,
                "core_rows": quality.core_rows,
                "quarantined_rows": quality.quarantined_rows,
                "coverage": quality.coverage,
                "score": quality.score,
                "status": quality.status,
                "reason": quality.reason,
                "rules": {code: count for code, count in quality.rules.items() if count},
            },
            seconds=timer.seconds,
        )


def take_up_landed(
    lake: Lake, landing: Path, profile: str, partition: Partition, *, until: datetime | None = None
) -> int:
    """Take the symbol-day's landed files up into raw; how many rows raw has gained. Half-written files wait."""
    from mr_platform.sources.landing import collect

    return collect(lake, landing, profile, partition, until=until)
