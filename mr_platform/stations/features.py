"""Stations from core to features: the daily context and the feature tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.stations.chain import known_core
from mr_platform.stations.parameters import active_set, stamp
from mr_platform.stations.report import StationReport, last_closed_minute, publish, timed

if TYPE_CHECKING:
    from mr_platform.features.engine import FeatureFrame
    from mr_platform.features.memory import DailyContext

CORE = "core/option_chain"
CONTEXT = "core/daily_context"
DAILY_BARS = "core/daily_bars"

# Published feature rows stand for finished bars of this many minutes, the cadence of labels and regimes.
PUBLISHED_EVERY = 5


def publish_context(lake: Lake, partition: Partition, *, as_of: datetime | None = None) -> StationReport:
    """core/daily_context of a symbol-day, from its core and the context of the session before it."""
    from mr_platform.features.catalogue import components
    from mr_platform.features.context import daily_context
    from mr_platform.features.running import CHAIN_READ, CORE_COLUMNS, settings_of
    from mr_platform.market.chain import OptionChainDay

    with timed("context", partition) as timer:
        session = nse_calendar().session(partition.trade_date)
        core = lake.read(CORE, partition, columns=CORE_COLUMNS)
        chain = OptionChainDay.from_core(core, session, symbol=partition.symbol, **CHAIN_READ)
        if as_of is not None:
            chain = chain.until(last_closed_minute(session, as_of))
        previous = previous_context(lake, partition)
        steering = stamp(lake, DailyContextParameters, *(settings_of(entry.key) for entry in components()))
        context = daily_context(chain, previous, daily_bars(lake, partition), active_set(lake))
        return publish(
            lake,
            CONTEXT,
            partition,
            context.to_table(),
            timer,
            metadata=steering,
            details={
                "dte": context.dte,
                "underlying": context.underlying,
                "priced_bars": context.priced_bars,
                "continues": _continues(lake, partition, previous, steering),
            },
        )


def _continues(lake: Lake, partition: Partition, previous: DailyContext | None, steering: Mapping[str, str]) -> str:
    """What the recursions run on from: a session computed by other parameters should be computed again first."""
    if previous is None:
        return "nothing: they start afresh"
    found = lake.describe(CONTEXT, Partition(partition.symbol, previous.trade_date))
    same = found is not None and all(found.metadata.get(key) == value for key, value in steering.items())
    return f"{previous.trade_date}, of {'the same' if same else 'other'} parameters"


def compute_features(
    lake: Lake,
    partition: Partition,
    *,
    components: Sequence[str] | None = None,
    engine: str = "auto",
    until: int | None = None,
) -> FeatureFrame:
    """Features of a symbol-day, afresh from core and the context of the session before; nothing is published.

    ``until`` minute of the day: as if the clock had stopped when that bar closed.
    """
    from mr_platform.features import engine as features
    from mr_platform.features.catalogue import components as known
    from mr_platform.features.running import CORE_COLUMNS

    session = nse_calendar().session(partition.trade_date)
    return features.compute_features(
        known_core(lake, partition, until=until, columns=CORE_COLUMNS),
        session,
        symbol=partition.symbol,
        previous=previous_context(lake, partition),
        components=components or tuple(entry.key for entry in known()),
        engine=engine,
        until=until,
        parameters=active_set(lake),
    )


def publish_features(
    lake: Lake,
    partition: Partition,
    *,
    components: Sequence[str] | None = None,
    as_of: datetime | None = None,
    engine: str = "auto",
) -> StationReport:
    """The tables of the components (all by default) in one pass: a row for each finished five-minute bar.

    The report is of the last table; ``changed`` says whether any of them changed.
    """
    from mr_platform.features.catalogue import component as entry_of
    from mr_platform.features.catalogue import components as known
    from mr_platform.features.running import steering_of

    chosen = tuple(components or (entry.key for entry in known()))
    with timed("features", partition) as timer:
        session = nse_calendar().session(partition.trade_date)
        until = None if as_of is None else last_closed_minute(session, as_of)
        frame = compute_features(lake, partition, components=chosen, engine=engine, until=until)
        reports = []
        for key in chosen:
            rows = frame.lake_table(key, every=PUBLISHED_EVERY)
            metadata = {k.decode(): v.decode() for k, v in (rows.schema.metadata or {}).items()}
            reports.append(
                publish(
                    lake,
                    entry_of(key).table,
                    partition,
                    rows.replace_schema_metadata(None),
                    timer,
                    metadata=metadata | stamp(lake, *steering_of(key)),
                    details={"features": len(frame.names), "engine": engine},
                )
            )
        return replace(reports[-1], changed=any(report.changed for report in reports))


def previous_context(lake: Lake, partition: Partition) -> DailyContext | None:
    """Context of the latest earlier session in the lake, at most ten calendar days back."""
    from mr_platform.features.memory import LONGEST_GAP, DailyContext

    earliest = partition.trade_date - LONGEST_GAP
    near = [day for day in _context_days(lake, partition) if day >= earliest]
    return DailyContext.from_table(lake.read(CONTEXT, Partition(partition.symbol, near[-1]))) if near else None


def daily_bars(lake: Lake, partition: Partition) -> pa.Table | None:
    """The symbol's daily bars, if the lake has any."""
    published = lake.partitions(DAILY_BARS, symbol=partition.symbol)
    return lake.read(DAILY_BARS, published[-1]) if published else None


def _context_days(lake: Lake, partition: Partition) -> list[date]:
    published = lake.partitions(CONTEXT, symbol=partition.symbol)
    return [one.trade_date for one in published if one.trade_date < partition.trade_date]
