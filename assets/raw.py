"""Layer ``raw``: what the sources said, taken up from the landing folder or already ingested.

What belongs here: which landed files belong to the run's symbol-days. Reading them is the station's work.
"""

import functools
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core import RAW
from assets.materialise import OWNERS, PARTITIONS_PER_RUN, as_of, refusal, run_station
from assets.metadata import plain
from assets.migration import MIGRATED, is_moving
from assets.partitions import symbol_days
from mr_platform.environments import Environment
from mr_platform.errors import MissingPartition
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

TABLE = "raw/option_chain"


def raw_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """``raw/option_chain``: one version a source, all of them kept side by side."""

    @dg.asset(
        key=RAW,
        deps=[MIGRATED] if is_moving(environment) else [],
        partitions_def=symbol_days(environment),
        description="What the sources said of a symbol-day: every row and column, from the landing folder or ingested.",
        group_name="raw",
        owners=OWNERS,
        kinds={"python", "parquet"},
        backfill_policy=dg.BackfillPolicy.multi_run(PARTITIONS_PER_RUN),
        required_resource_keys={"lake", "workers", "folders"},
    )
    def raw_option_chain(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
        lake: Lake = context.resources.lake.open()
        landing = context.resources.folders.home().landing
        work = functools.partial(take_up, lake, landing, environment.live_profile, as_of(context))
        outcome = run_station(context, context.resources.workers, work)
        shown = {p: {name: plain(value) for name, value in found.items()} for p, found in outcome.finished.items()}
        if outcome.refused:
            for partition, metadata in shown.items():
                yield dg.AssetMaterialization(RAW, partition=str(partition), metadata=metadata)
            raise refusal(outcome)
        for partition, metadata in shown.items():
            context.add_asset_metadata(metadata, partition_key=str(partition))
        digests = [str(found["digest"]) for found in outcome.finished.values()]
        yield dg.MaterializeResult(data_version=dg.DataVersion(digests[0]) if len(digests) == 1 else None)

    return [raw_option_chain]


def take_up(lake: Lake, landing: Path, profile: str, until: datetime | None, partition: Partition) -> dict[str, Any]:
    """Bring a symbol-day's raw up to date: landed files first, else what is published. What stands there now.

    MissingPartition where nothing has landed and nothing was ingested.
    """
    from mr_platform import stations

    stations.take_up_landed(lake, landing, profile, partition, until=until)
    sources = lake.sources(TABLE, partition)
    if not sources:
        raise MissingPartition(
            rule="a symbol-day has raw data: files in the landing folder, or an ingested source",
            value=str(partition),
            place=f"{landing} and {lake.root}",
            remedy="drop its files into the landing folder, or run: mr ingest PROFILE PATH...",
        )
    published = {source: lake.describe(TABLE, partition, source=source) for source in sources}
    found = {source: item for source, item in published.items() if item is not None}
    return {
        "dagster/row_count": sum(item.rows for item in found.values()),
        "digest": "+".join(item.digest for item in found.values()),
        "sources": sources,
        "paths": [str(item.path) for item in found.values()],
    }
