"""Layer ``features``: one asset a component, of the symbol-day's chain and the days before it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import dagster as dg

from assets.core import CONTEXT, CORE
from assets.materialise import Output, as_of, station_assets
from assets.parameters import ACTIVE_SET
from assets.partitions import symbol_days
from mr_platform.environments import Environment
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

COMPONENTS = {
    "c1": ("features/c1_triple_straddle", "Triple straddle: 120 features of the ATM, ITM1 and OTM1 straddles.")
}


def feature_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """One asset per component."""
    partitions = symbol_days(environment)
    return [
        station_assets(
            table.replace("/", "_"),
            [
                Output(
                    table,
                    description,
                    deps=[CORE, CONTEXT, ACTIVE_SET],
                    kinds=frozenset({"python", "numba", "parquet"}),
                )
            ],
            functools.partial(_publish_features, component),
            partitions,
        )
        for component, (table, description) in COMPONENTS.items()
    ]


def _publish_features(component: str, context: dg.AssetExecutionContext, lake: Lake) -> Callable[[Partition], Any]:
    from mr_platform import stations

    return functools.partial(stations.publish_features, lake, component=component, as_of=as_of(context))
