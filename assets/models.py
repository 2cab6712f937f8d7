"""Layer ``models``: one asset a task, trained on every labelled symbol-day of the lake. Not partitioned."""

import functools
from collections.abc import Iterator
from datetime import date

import dagster as dg

from assets.features import FEATURE_TABLES
from assets.labels import HORIZONS
from assets.materialise import OWNERS
from assets.metadata import plain
from assets.parameters import ACTIVE_SET
from mr_platform.environments import Environment
from mr_platform.errors import MissingPartition, MrError
from mr_platform.lake.store import Lake
from mr_platform.stations.report import StationReport
from resources.lake import LakeResource
from resources.workers import Workers

TRAINING_POOL = "training"
# between the refusals of several tasks in one failure: stands in no message
REFUSALS = " | "


class Training(dg.Config):
    """What to train on: the last session whose labels may be used (empty: the newest), and the symbols (empty: all)."""

    until: str = ""
    symbols: list[str] = []  # noqa: RUF012 - pydantic copies it


def model_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """``models/regime_<horizon>``, of one step: the tasks chosen are trained side by side."""
    specs = [
        dg.AssetSpec(
            key=["models", f"regime_{horizon}"],
            deps=[*(table.split("/") for table in FEATURE_TABLES), ["labels", f"regime_{horizon}"], ACTIVE_SET],
            description=f"Model of one task, its evaluation and every baseline. {description}",
            group_name="models",
            owners=OWNERS,
            kinds={"python", "scikitlearn"},
            skippable=True,
        )
        for horizon, description in HORIZONS.items()
    ]

    @dg.multi_asset(name="models", specs=specs, can_subset=True, pool=TRAINING_POOL)
    def models(
        context: dg.AssetExecutionContext, config: Training, lake: LakeResource, workers: Workers
    ) -> Iterator[dg.MaterializeResult]:
        from mr_platform import stations

        opened = lake.open()
        tasks = sorted(key.path[-1] for key in context.selected_asset_keys)
        train = functools.partial(_train, opened, tuple(config.symbols), config.until)
        refused: dict[str, MrError] = {}
        for task, report, error in workers.each(train, tasks, least=2):
            if report is None:
                refused[task] = error or _nothing(task)
            else:
                yield _result(task, report)
        stations.publish_model_metadata(opened)
        if refused:
            raise dg.Failure(
                description=REFUSALS.join(f"{task}: {error}" for task, error in refused.items()),
                metadata={task: str(error) for task, error in refused.items()},
                allow_retries=False,
            )

    return [models]


def _train(lake: Lake, symbols: tuple[str, ...], until: str, task: str) -> StationReport:
    from mr_platform import stations

    labelled = lake.partitions(f"labels/{task}")
    if not labelled:
        raise _nothing(task)
    last = date.fromisoformat(until) if until else max(partition.trade_date for partition in labelled)
    return stations.train_model(lake, task, symbols or sorted({p.symbol for p in labelled}), until=last)


def _nothing(task: str) -> MissingPartition:
    return MissingPartition(
        rule="a model needs labels",
        value="none published",
        place=f"labels/{task}",
        remedy="materialise the labels of some sessions first",
    )


def _result(task: str, report: StationReport) -> dg.MaterializeResult:
    found = {name: plain(value) for name, value in sorted(report.details.items()) if name != "table"}
    found["table"] = dg.MetadataValue.md(f"```\n{report.details.get('table', '')}\n```")
    return dg.MaterializeResult(
        asset_key=["models", task],
        metadata={
            "digest": report.digest,
            "dagster/row_count": report.rows,
            "changed": bool(report.changed),
            "seconds": float(report.seconds),
            "until": report.partition.trade_date.isoformat(),
            **found,
        },
        data_version=dg.DataVersion(report.digest) if report.digest else None,
    )
