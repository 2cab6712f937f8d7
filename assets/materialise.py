"""How a station becomes assets: run it on the run's symbol-days, tell Dagster what was published.

What belongs here: the translation between stations and Dagster events, the same for every layer. No
domain rule: a station decides what is right, this module only reports it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg

from assets.metadata import publication_metadata, table_metadata
from assets.partitions import to_partitions
from mr_platform.errors import MissingPartition, MrError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from resources.workers import Workers

OWNERS = ["team:data-platform"]
AS_OF_TAG = "mr/as_of"
# what a run covers: enough partitions to keep the processes busy, few enough to retry cheaply
PARTITIONS_PER_RUN = 40
# pictures are drawn by runs of at most this many symbol-days
PICTURES_UP_TO = 4

Picture = Callable[[Lake, Partition], bytes | None]


@dataclass(frozen=True)
class Output:
    """One table that a station publishes. ``pictures`` are drawn for runs of few partitions."""

    table: str
    description: str
    deps: Sequence[dg.AssetDep | dg.AssetKey] = ()
    kinds: frozenset[str] = frozenset({"python", "parquet"})
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    freshness: dg.FreshnessPolicy | None = None
    optional: bool = False

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key: its table's name."""
        return dg.AssetKey(self.table.split("/"))

    def spec(self) -> dg.AssetSpec:
        """The asset as Dagster shows it; the group is the layer."""
        return dg.AssetSpec(
            key=self.key,
            deps=list(self.deps),
            description=self.description,
            group_name=self.key.path[0],
            owners=OWNERS,
            kinds=set(self.kinds),
            metadata=table_metadata(self.table),
            freshness_policy=self.freshness,
        )


@dataclass
class Outcome:
    """What a run did: report of each finished symbol-day, error of each refused one."""

    finished: dict[Partition, Any]
    refused: dict[Partition, MrError]


def as_of(context: dg.AssetExecutionContext) -> datetime | None:
    """The moment (naive IST) at which an intraday run stopped the clock; None for whole days."""
    text = context.run.tags.get(AS_OF_TAG)
    return datetime.fromisoformat(text) if text else None


def partitions_of(context: dg.AssetExecutionContext) -> list[Partition]:
    """The run's symbol-days: one, or the rectangle of a backfill chunk."""
    return to_partitions(context.partition_keys, nse_calendar())


def run_station(
    context: dg.AssetExecutionContext,
    workers: Workers,
    work: Callable[[Partition], Any],
    *,
    in_date_order: bool = False,
) -> Outcome:
    """``work`` on every symbol-day of the run; refusals are collected, not raised.

    ``in_date_order``: each symbol's days one after the other, because a day reads what the day before published.
    """
    outcome = Outcome({}, {})
    todo = partitions_of(context)
    attempts = workers.in_order(work, todo, by=_symbol) if in_date_order else workers.each(work, todo)
    for partition, report, error in attempts:
        if error is None:
            outcome.finished[partition] = report
        else:
            outcome.refused[partition] = error
            context.log.error(f"{partition}: {error}")
    return outcome


def _symbol(partition: Partition) -> str:
    return partition.symbol


def publish(
    context: dg.AssetExecutionContext, lake: Lake, outputs: Sequence[Output], outcome: Outcome
) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization]:
    """One materialisation per table and symbol-day, with row count, digest, times and pictures.

    With refusals the finished symbol-days are still recorded, then the step fails and names every refusal.
    """
    # a backfill's pictures would cost more than its data, and matplotlib more than a bar may take
    draw = len(outcome.finished) <= PICTURES_UP_TO and as_of(context) is None
    if outcome.refused:
        for output in outputs:
            for partition, report in outcome.finished.items():
                metadata = _metadata(lake, output, partition, report, draw=draw)
                yield dg.AssetMaterialization(output.key, partition=str(partition), metadata=metadata)
        raise refusal(outcome)
    for output in outputs:
        digests = []
        for partition, report in outcome.finished.items():
            metadata = _metadata(lake, output, partition, report, draw=draw)
            context.add_asset_metadata(metadata, asset_key=output.key, partition_key=str(partition))
            digests.append(str(metadata.get("digest", "")))
        # one data version stands for all partitions of a result, so it is given for single partitions only
        version = dg.DataVersion(digests[0]) if len(digests) == 1 and digests[0] else None
        yield dg.MaterializeResult(asset_key=output.key, data_version=version)


def refusal(outcome: Outcome) -> dg.Failure:
    """The failure that ends a step in which symbol-days were refused: each with rule, value, place, remedy."""
    first = next(iter(outcome.refused.items()))
    lines = [f"- `{partition}`: {error}" for partition, error in outcome.refused.items()]
    return dg.Failure(
        description=f"{len(outcome.refused)} symbol-days refused, {len(outcome.finished)} finished; "
        f"{first[0]}: {first[1]}",
        metadata={
            "refused": dg.MetadataValue.md("\n".join(lines)),
            "finished": len(outcome.finished),
        },
        # the data will be as wrong on a second attempt
        allow_retries=False,
    )


def _metadata(lake: Lake, output: Output, partition: Partition, report: Any, *, draw: bool) -> dict[str, Any]:
    published = lake.describe(output.table, partition)
    if published is None:
        if output.optional:
            return {"rows": 0}
        raise MissingPartition(
            rule="a station publishes every table that it stands for",
            value=str(partition),
            place=output.table,
            remedy="see the station's log of this run",
        )
    return publication_metadata(lake, output, partition, published, report, draw=draw)


def station_assets(
    name: str,
    outputs: Sequence[Output],
    work: Callable[[dg.AssetExecutionContext, Lake], Callable[[Partition], Any]],
    partitions_def: dg.PartitionsDefinition,
    *,
    checks: Sequence[dg.AssetCheckSpec] = (),
    evaluate: Callable[[dg.AssetExecutionContext, Lake, Outcome], Iterator[dg.AssetCheckResult]] | None = None,
    in_date_order: bool = False,
) -> dg.AssetsDefinition:
    """The assets of one station. ``work`` gives the call for one symbol-day; imports happen inside it.

    ``checks`` are evaluated in the same step by ``evaluate``: a check of its own step would start a process.
    """

    @dg.multi_asset(
        name=name,
        specs=[output.spec() for output in outputs],
        partitions_def=partitions_def,
        check_specs=list(checks),
        backfill_policy=dg.BackfillPolicy.multi_run(PARTITIONS_PER_RUN),
        required_resource_keys={"lake", "workers"},
    )
    def compute(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization | dg.AssetCheckResult]:
        lake: Lake = context.resources.lake.open()
        outcome = run_station(context, context.resources.workers, work(context, lake), in_date_order=in_date_order)
        yield from publish(context, lake, outputs, outcome)
        if evaluate is not None:
            yield from evaluate(context, lake, outcome)

    return compute
