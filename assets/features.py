"""Layer ``features``: the components' tables, of the symbol-day's chain and the days before it, and its own memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import dagster as dg

from assets.core import CORE
from assets.materialise import Output, as_of, station_assets
from assets.parameters import ACTIVE_SET
from assets.partitions import symbol_days
from mr_platform.environments import Environment
from mr_platform.features.catalogue import components
from mr_platform.features.groups import GUIDES
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

CONTEXT = dg.AssetKey(["core", "daily_context"])
FEATURE_TABLES = tuple(entry.table for entry in components())


def feature_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """The table of every component and the daily context, of one step: they share one pass over the chain.

    A day goes on from what the day before has left, so each symbol's days are taken in order.
    """
    outputs = [
        Output(
            entry.table,
            f"{GUIDES[entry.key].title}: {len(entry.features)} features, with score, confidence and health. "
            f"{GUIDES[entry.key].looks_at}",
            deps=[CORE, ACTIVE_SET],
            kinds=frozenset({"python", "numba", "parquet"}),
        )
        for entry in components()
    ]
    context = Output(
        "core/daily_context",
        "What later days may know of this one: OHLC, closes, tails and sketches of the symbol-day.",
        deps=[CORE, ACTIVE_SET],
    )
    step = [*outputs, context]
    return [station_assets("features", step, _publish_features, symbol_days(environment), in_date_order=True)]


def _publish_features(context: dg.AssetExecutionContext, lake: Lake) -> Callable[[Partition], Any]:
    from mr_platform import stations

    return functools.partial(stations.publish_features, lake, as_of=as_of(context))
