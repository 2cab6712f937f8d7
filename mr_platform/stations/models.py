"""Stations of the models: training on what the lake holds, and the champion's answer for regimes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mr_platform.errors import MissingPartition
from mr_platform.features.catalogue import components
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import IST, nse_calendar
from mr_platform.parameters import objects
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.parameters.labels import LabelParameters
from mr_platform.parameters.learning import LearningParameters, PromotionParameters
from mr_platform.parameters.regimes import RegimeParameters, RuleParameters, WeightParameters
from mr_platform.regimes.inputs import ModelAnswer, instants, with_rule_probabilities
from mr_platform.stations.parameters import active_set, in_force
from mr_platform.stations.regimes import TRUTH
from mr_platform.stations.report import StationReport, timed
from schemas.tables import REGIMES

if TYPE_CHECKING:
    from mr_platform.learning.registry import Registry
    from mr_platform.learning.training import Trained

METADATA = "models/ml_model_metadata"
_SEED = 7


def train_model(lake: Lake, task: str, symbols: Sequence[str], *, until: date) -> StationReport:
    """Train and evaluate the model of a task on every labelled session up to ``until``, and register it.

    The clock stands at the close of ``until``: labels known later do not exist. It becomes champion only where its
    evaluation is accepted and the lower bound of its skill is above the threshold (docs/decisions/0032); else it stays
    a candidate and the champion before it, or the rules, answer on. Where the lake holds planted regimes of simulated
    sessions, the report also has the accuracy against them.
    """
    from mr_platform.learning.registry import Registry
    from mr_platform.learning.report import as_png, as_text
    from mr_platform.learning.training import train_and_evaluate

    with timed(f"models.{task}", Partition("ALL", until)) as timer:
        table = f"labels/{task}"
        days = [p for s in symbols for p in lake.partitions(table, symbol=s) if p.trade_date <= until]
        features = [rows for p in days if (rows := inputs(lake, p)) is not None]
        if not features:
            raise MissingPartition(
                rule=f"a model of {task} is trained on symbol-days with features and labels",
                value=f"{', '.join(symbols)} until {until}",
                place=str(lake.root),
                remedy="materialise features and labels of some sessions first",
            )
        now = nse_calendar().session(until).close.replace(tzinfo=IST)
        labels = pa.concat_tables([lake.read(table, p).replace_schema_metadata(None) for p in days])
        truths = [lake.read(TRUTH, p) for p in days if lake.describe(TRUTH, p) is not None]
        settings = in_force(lake, LearningParameters)
        trained = train_and_evaluate(
            pa.concat_tables(features),
            labels,
            task=task,
            now=now,
            parameters=settings,
            labelled_by=in_force(lake, LabelParameters),
            parameters_digest=objects.digest(active_set(lake), *_steering()),
            truth=pa.concat_tables([t.replace_schema_metadata(None) for t in truths]) if truths else None,
            seed=_SEED,
        )
        registry = Registry(lake)
        version = registry.register(trained, reason=f"trained on labels known by {now:%Y-%m-%d %H:%M}")
        stage = _promote(registry, trained, version, now, settings.promotion)
        text = as_text(trained.evaluation)
        lake.put_object(f"reports/{task}/{version}.txt", text.encode())
        lake.put_object(f"reports/{task}/{version}.png", as_png(trained.evaluation))
        publish_model_metadata(lake)
        regime = trained.evaluation.targets["regime"]
        return StationReport(
            table=f"models/{task}",
            partition=Partition("ALL", until),
            rows=regime.rows,
            digest=version,
            changed=True,
            details={
                "version": version,
                "stage": stage,
                "verdict": trained.evaluation.verdict,
                "candidate": trained.evaluation.candidate,
                "accuracy": regime.model.accuracy,
                "best_baseline": regime.best_baseline,
                "skill": regime.skill,
                "skill_interval": list(regime.skill_interval),
                "truth": trained.evaluation.truth,
                "table": text,
                "picture": f"reports/{task}/{version}.png",
            },
            seconds=timer.seconds,
        )


def _steering() -> tuple[type, ...]:
    """What steers a model: its training, its labels, the features it reads and the rule classifier beside them."""
    from mr_platform.features.running import settings_of

    read = (settings_of(entry.key) for entry in components())
    return (LearningParameters, LabelParameters, DailyContextParameters, RuleParameters, WeightParameters, *read)


def publish_model_metadata(lake: Lake) -> None:
    """models/ml_model_metadata anew from the registry: every version of every task.

    Trainings side by side each publish it at their end; whoever started them calls it once more when all are done.
    """
    from mr_platform.learning.registry import Registry

    lake.publish(METADATA, Partition("ALL", nse_calendar().first), Registry(lake).metadata())


def _promote(registry: Registry, trained: Trained, version: str, now: datetime, parameters: PromotionParameters) -> str:
    """The stage that the evaluation earns."""
    task, regime = trained.model.task, trained.evaluation.targets["regime"]
    low, high = regime.skill_interval
    # an interval of one session is NaN and earns nothing
    if trained.evaluation.verdict != "accepted" or not low > parameters.least_skill:
        return "candidate"
    reason = f"skill {regime.skill:+.3f} [{low:+.3f}, {high:+.3f}] over {regime.best_baseline} out of sample"
    registry.promote(task, version, "champion", reason=reason, now=now, by="training")
    return "champion"


def inputs(lake: Lake, partition: Partition) -> pa.Table | None:
    """What a model reads of a symbol-day: features of all components, joined, and the rule classifier's answer."""
    found = [(e, lake.read(e.table, partition)) for e in components() if lake.describe(e.table, partition) is not None]
    return joined(lake, {entry.number: table for entry, table in found}) if found else None


def joined(lake: Lake, tables: dict[int, pa.Table]) -> pa.Table:
    """Feature tables of one symbol-day side by side: keys, dte, features, rule_p_*."""
    scores = {number: np.array(table["score"].fill_null(np.nan), dtype=np.float64) for number, table in tables.items()}
    (_, rows), *others = tables.items()
    rows = with_rule_probabilities(rows, scores, in_force(lake, RegimeParameters))
    for other, table in others:
        entry = next(e for e in components() if e.number == other)
        for name in entry.names:
            rows = rows.append_column(name, table[name])
    return rows.drop_columns(["score", "confidence", "health"]).replace_schema_metadata(None)


def answer(lake: Lake, task: str, tables: dict[int, pa.Table], *, labels: Callable[[], pa.Table]) -> ModelAnswer | None:
    """Probabilities for the rows of a symbol-day by the champion of that session's open; None where there was none.

    A champion crowned later has been trained on what followed, so it does not answer for the days before. ``labels``
    gives the session's labels to a model that reads those known at each row; it reads none before its known_ts.
    """
    if not lake.objects(f"models/{task}"):
        return None
    from mr_platform.learning.registry import Registry

    registry = Registry(lake)
    rows = joined(lake, tables)
    if not rows.num_rows:
        return None
    opened = nse_calendar().session(rows["event_ts"][0].as_py().date()).open.replace(tzinfo=IST)
    version = registry.champion_at(task, opened)
    if version is None:
        return None
    model = registry.load_version(task, version)
    said = model.predict(rows, labels() if model.design.known_labels else None)
    return ModelAnswer(
        version=version,
        event_ts=instants(said["event_ts"]),
        probabilities=np.column_stack([said[f"p_{code.lower()}"].to_numpy() for code in REGIMES]),
        unfit=tuple(said["reason"].to_pylist()),
    )
