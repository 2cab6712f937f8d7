"""The workbook's validation rules on a published symbol-day."""

from __future__ import annotations

from datetime import datetime

from mr_platform.errors import MissingPartition
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.quality.validation_rules import Evidence, Outcome, evaluate
from mr_platform.stations.parameters import active_set
from mr_platform.stations.regimes import MASTER
from mr_platform.stations.report import last_closed_minute

_CORE = "core/option_chain"
_QUALITY = "core/quality_report"
_COLUMNS = [
    "ts",
    "known_ts",
    "spot",
    *(f"{side}_{name}" for side in ("ce", "pe") for name in ("volume", "delta", "gamma", "theta", "vega")),
]


def validation_outcomes(
    lake: Lake, partition: Partition, *, as_of: datetime | None = None, memory_mb: float | None = None
) -> tuple[Outcome, ...]:
    """What each rule of the active set's ValidationRules found in a symbol-day.

    ``as_of`` (naive IST): what was still to come then is no gap. ``memory_mb``: peak memory of the process that
    computed the day, known to its own run only. MissingPartition where neither core nor regimes are published.
    """
    if lake.describe(_CORE, partition) is None and lake.describe(MASTER, partition) is None:
        raise MissingPartition(
            rule="rules are evaluated on a published symbol-day",
            value=str(partition),
            place=str(lake.root),
            remedy="ingest it, or materialise its regimes, first",
        )
    session = nse_calendar().session(partition.trade_date)
    return evaluate(
        active_set(lake),
        Evidence(
            session=session,
            until=None if as_of is None else last_closed_minute(session, as_of),
            core=lake.read(_CORE, partition, columns=_COLUMNS) if lake.describe(_CORE, partition) else None,
            master=lake.read(MASTER, partition) if lake.describe(MASTER, partition) else None,
            refused_ivs=_refused_ivs(lake, partition),
            memory_mb=memory_mb,
            latency_ms=_latency(lake, partition),
        ),
    )


def _refused_ivs(lake: Lake, partition: Partition) -> int | None:
    if lake.describe(_QUALITY, partition) is None:
        return None
    rows = lake.read(_QUALITY, partition, columns=["code", "rows"]).to_pylist()
    return sum(int(row["rows"]) for row in rows if row["code"] == "iv_out_of_range")


def _latency(lake: Lake, partition: Partition) -> float | None:
    """Milliseconds a row of the station that answered the day; None where it measured nothing."""
    published = lake.describe(MASTER, partition)
    seconds = published.metadata.get("run_seconds") if published is not None else None
    return float(seconds) * 1000 / published.rows if published is not None and seconds and published.rows else None
