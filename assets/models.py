"""Layer ``models``: one asset a task, trained on every labelled symbol-day of the lake. Not partitioned."""

from datetime import date

import dagster as dg

from assets.labels import HORIZONS
from assets.materialise import OWNERS
from assets.metadata import plain
from mr_platform.environments import Environment
from mr_platform.errors import MrError
from resources.lake import LakeResource

TRAINING_POOL = "training"


class Training(dg.Config):
    """What to train on: the last session whose labels may be used (empty: the newest), and the symbols (empty: all)."""

    until: str = ""
    symbols: list[str] = []  # noqa: RUF012 - pydantic copies it


def model_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """``models/regime_<horizon>``."""
    return [_model(horizon, description) for horizon, description in HORIZONS.items()]


def _model(horizon: str, description: str) -> dg.AssetsDefinition:
    task = f"regime_{horizon}"

    @dg.asset(
        key=["models", task],
        deps=[["features", "c1_triple_straddle"], ["labels", task]],
        description=f"Model of one task, its evaluation and every baseline. {description}",
        group_name="models",
        owners=OWNERS,
        kinds={"python", "scikitlearn"},
        pool=TRAINING_POOL,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def model(context: dg.AssetExecutionContext, config: Training, lake: LakeResource) -> dg.MaterializeResult:
        from mr_platform import stations

        opened = lake.open()
        labelled = opened.partitions(f"labels/{task}")
        symbols = config.symbols or sorted({partition.symbol for partition in labelled})
        if not labelled:
            raise dg.Failure(
                description=f"labels/{task} is empty: a model needs labels (at: {opened.root}). "
                "Remedy: materialise the labels of some sessions first",
                allow_retries=False,
            )
        until = date.fromisoformat(config.until) if config.until else max(p.trade_date for p in labelled)
        try:
            report = stations.train_model(opened, task, symbols, until=until)
        except MrError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        found = {name: plain(value) for name, value in sorted(report.details.items()) if name != "table"}
        found["table"] = dg.MetadataValue.md(f"```\n{report.details.get('table', '')}\n```")
        return dg.MaterializeResult(
            metadata={
                "digest": report.digest,
                "dagster/row_count": report.rows,
                "changed": bool(report.changed),
                "seconds": float(report.seconds),
                "until": until.isoformat(),
                **found,
            },
            data_version=dg.DataVersion(report.digest) if report.digest else None,
        )

    return model
