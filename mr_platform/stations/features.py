"""Stations from core to features: the daily context and the feature tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import Session, nse_calendar
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.stations.chain import known_core
from mr_platform.stations.parameters import active_set, stamp_of
from mr_platform.stations.report import StationReport, last_closed_minute, publish, timed

if TYPE_CHECKING:
    from mr_platform.features.engine import FeatureFrame, FeatureStream
    from mr_platform.features.memory import DailyContext
    from mr_platform.parameters.resolution import ParameterSet

CORE = "core/option_chain"
CONTEXT = "core/daily_context"
DAILY_BARS = "core/daily_bars"

# Published feature rows stand for finished bars of this many minutes, the cadence of labels and regimes.
PUBLISHED_EVERY = 5


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

    ``components`` all by default; ``until`` minute of the day: as if the clock had stopped when that bar closed.
    """
    before, parameters = previous_context(lake, partition), active_set(lake)
    return _computed(lake, partition, before, parameters, components=components, engine=engine, until=until)[1]


def _computed(
    lake: Lake,
    partition: Partition,
    previous: DailyContext | None,
    parameters: ParameterSet,
    *,
    components: Sequence[str] | None = None,
    engine: str = "auto",
    until: int | None = None,
) -> tuple[FeatureStream, FeatureFrame]:
    from mr_platform.features.engine import FeatureStream
    from mr_platform.features.running import CORE_COLUMNS

    session = nse_calendar().session(partition.trade_date)
    stream = FeatureStream(
        session,
        symbol=partition.symbol,
        previous=previous,
        components=components,
        engine=engine,
        parameters=parameters,
        roomy=False,
    )
    rows = known_core(lake, partition, until=until, columns=CORE_COLUMNS)
    last = int(session.bar_minutes[-1]) if until is None else until
    return stream, stream.push(rows, until=last, peer=_peer_closes(lake, partition, session, until))


def _peer_closes(lake: Lake, partition: Partition, session: Session, until: int | None) -> NDArray[np.float64] | None:
    """Closes [bars] of the underlying that the symbol is compared with; None where the lake does not have them."""
    from mr_platform.market.chain import CLOSE_COLUMNS, underlying_closes, underlying_of
    from mr_platform.market.rolling import FORWARD_COLUMNS, forward_closes

    symbol = instrument(partition.symbol).peer
    peer = Partition(symbol, partition.trade_date)
    if not symbol or lake.describe(CORE, peer) is None:
        return None
    rows = known_core(lake, peer, until=until, columns=CLOSE_COLUMNS)
    if underlying_of(rows) == "forward":
        return forward_closes(known_core(lake, peer, until=until, columns=FORWARD_COLUMNS), session, symbol)
    return underlying_closes(rows, session)


def publish_features(
    lake: Lake, partition: Partition, *, as_of: datetime | None = None, engine: str = "auto"
) -> StationReport:
    """The tables of all components, a row for each finished five-minute bar, and core/daily_context, in one pass.

    The context, from which the next session goes on, is published last. The report is of the last component's table;
    ``changed`` says whether any of the tables changed.
    """
    from mr_platform.features.catalogue import component, components
    from mr_platform.features.context import daily_context
    from mr_platform.features.running import settings_of, steering_of
    from mr_platform.features.tables import all_published

    with timed("features", partition) as timer:
        session = nse_calendar().session(partition.trade_date)
        until = None if as_of is None else last_closed_minute(session, as_of)
        previous, parameters = previous_context(lake, partition), active_set(lake)
        stream, frame = _computed(lake, partition, previous, parameters, engine=engine, until=until)
        details = {"features": len(frame.names), "engine": engine}
        reports = []
        for key, rows in all_published(frame, PUBLISHED_EVERY):
            metadata = {k.decode(): v.decode() for k, v in (rows.schema.metadata or {}).items()}
            steering = stamp_of(parameters, *steering_of(key))
            reports.append(
                publish(
                    lake,
                    component(key).table,
                    partition,
                    rows.replace_schema_metadata(None),
                    timer,
                    metadata=metadata | steering,
                    details=details,
                )
            )
        chain, ran = stream.so_far()
        context = daily_context(chain, previous, daily_bars(lake, partition), parameters, ran=ran)
        steering = stamp_of(parameters, DailyContextParameters, *(settings_of(entry.key) for entry in components()))
        told = {
            "dte": context.dte,
            "underlying": context.underlying,
            "priced_bars": context.priced_bars,
            "continues": _continues(lake, partition, previous, steering),
        }
        left = publish(lake, CONTEXT, partition, context.to_table(), timer, metadata=steering, details=told)
        # Arrow holds on to what a day needed: a worker of many days would grow by a tenth
        pa.default_memory_pool().release_unused()
        changed = left.changed or any(report.changed for report in reports)
        return replace(reports[-1], changed=changed, details=details | told)


def previous_context(lake: Lake, partition: Partition) -> DailyContext | None:
    """Context of the latest earlier session in the lake, at most ten calendar days back."""
    from mr_platform.features.memory import LONGEST_GAP, DailyContext

    # a day at a time: the list of all days would be longer every day
    for back in range(1, LONGEST_GAP.days + 1):
        earlier = Partition(partition.symbol, partition.trade_date - timedelta(days=back))
        if lake.path(CONTEXT, earlier).exists():
            return DailyContext.from_table(lake.read(CONTEXT, earlier))
    return None


def daily_bars(lake: Lake, partition: Partition) -> pa.Table | None:
    """The symbol's daily bars, if the lake has any."""
    published = lake.partitions(DAILY_BARS, symbol=partition.symbol)
    return lake.read(DAILY_BARS, published[-1]) if published else None
