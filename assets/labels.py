"""Layer ``labels``: what the models are asked for, one asset a task. Labels look forward; ``known_ts`` says how far.

A label whose forward window the lake does not hold yet is not there yet: the h75 labels of a day wait for the session
after it, which is why the end of the day works through the session before again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import dagster as dg

from assets.features import CONTEXT
from assets.materialise import Output, station_assets
from assets.parameters import ACTIVE_SET
from assets.partitions import symbol_days
from mr_platform.environments import Environment
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

HORIZONS = {
    "h12": "The regime of the next hour (12 bars of 5 minutes).",
    "h75": "The regime of the next session (75 bars of 5 minutes).",
    "nowcast": "The regime in force: the same rule over half an hour on each side, known six bars later.",
}


def label_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """``labels/regime_<horizon>``."""
    partitions = symbol_days(environment)
    return [
        station_assets(
            f"labels_regime_{horizon}",
            [Output(f"labels/regime_{horizon}", description, deps=[CONTEXT, ACTIVE_SET])],
            functools.partial(_publish_labels, horizon),
            partitions,
        )
        for horizon, description in HORIZONS.items()
    ]


def _publish_labels(horizon: str, context: dg.AssetExecutionContext, lake: Lake) -> Callable[[Partition], Any]:
    return functools.partial(_labels, lake, horizon)


def _labels(lake: Lake, horizon: str, partition: Partition) -> Any:
    from mr_platform import stations

    return stations.publish_labels(lake, partition, horizon)
