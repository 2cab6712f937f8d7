"""Stations from files to core: ingest, the rebuild of core from raw, and what has landed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mr_platform.errors import DataError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.stations.report import StationReport, timed

if TYPE_CHECKING:
    from mr_platform.sources.ingest import IngestRow

CORE = "core/option_chain"
RAW = "raw/option_chain"


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

    ``as_of`` (naive IST): only what was known by then. DataError, and the old partition stays, where the new one breaks
    the contract of its table.
    """
    from mr_platform.sources.ingest import rebuild

    with timed("core", partition) as timer:
        before = lake.describe(CORE, partition)
        result = rebuild(lake, partition, as_of=as_of, guard=lambda core: _keep_contract(core, partition))
        done = lake.describe(CORE, partition)
        digest = done.digest if done is not None else ""
        quality = result.quality
        return StationReport(
            table=CORE,
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


def _keep_contract(core: pa.Table, partition: Partition) -> None:
    """Refuse a core table that breaks its contract before it takes the old one's place."""
    from schemas.contracts import check_contract
    from schemas.tables import CORE_OPTION_CHAIN

    broken = check_contract(core, CORE_OPTION_CHAIN)
    if broken:
        raise DataError(
            rule="core/option_chain keeps its contract",
            value="; ".join(str(failure) for failure in broken[:5]),
            place=str(partition),
            remedy="validation let this pass: mend its rule or the source's profile; the old partition stands",
        )


def known_core(
    lake: Lake, partition: Partition, *, until: int | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """core/option_chain of a symbol-day, as far as it was known when the bar stamped ``until`` (minute) had closed.

    ``columns`` of it, all by default.

    No bar looks at a later row, so what is published holds that state as its head. But published core ends with the
    source's last snapshot, since nobody looked at the market after it. Where the clock is said to have stopped later,
    and before the session's end, that snapshot still stands until it is three minutes old, and the bars that it fills
    are made from raw: a source cut off at ``until`` then answers as the whole one does.
    """
    from mr_platform.exporting import known_by

    if until is None:
        return lake.read(CORE, partition, columns=columns)
    core = lake.read(CORE, partition)
    if not core.num_rows:
        return core
    last = core["ts"][-1].as_py()
    open_still = until < int(nse_calendar().session(partition.trade_date).bar_minutes[-1])
    beyond = last.hour * 60 + last.minute < until
    if beyond and open_still and core["snapshot_made"][0].as_py() and lake.sources(RAW, partition):
        # the way from raw loads what reading core can do without, a tenth of a cold start
        from mr_platform.sources.ingest import core_of

        day = partition.trade_date
        clock = datetime(day.year, day.month, day.day) + timedelta(minutes=until + 1)
        return core_of(lake, partition, as_of=clock).core
    return known_by(core, partition.trade_date, until)


def take_up_landed(
    lake: Lake, landing: Path, profile: str, partition: Partition, *, until: datetime | None = None
) -> int:
    """Take the symbol-day's landed files up into raw; how many rows raw has gained. Half-written files wait."""
    from mr_platform.sources.landing import collect

    return collect(lake, landing, profile, partition, until=until)
