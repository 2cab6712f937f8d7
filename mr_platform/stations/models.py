"""Stations of the models: training on what the lake holds, and the champion's answer for regimes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mr_platform.errors import MissingPartition
from mr_platform.features.catalogue import components as catalogued
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
from mr_platform.stations.regimes import NOWCAST, TRUTH, measured_labels
from mr_platform.stations.report import StationReport, timed
from schemas.tables import REGIMES

if TYPE_CHECKING:
    from mr_platform.learning.registry import Registry
    from mr_platform.learning.training import Trained

METADATA = "models/ml_model_metadata"
_SEED = 7
_KEYS = ("symbol", "event_ts", "known_ts", "dte")
# Columns of a feature table that are no features.
_BESIDE = (*_KEYS, "score", "confidence", "health")


def train_model(lake: Lake, task: str, symbols: Sequence[str], *, until: date) -> StationReport:
    """Train and evaluate the model of a task on every labelled session up to ``until``, and register it.

    The clock stands at the close of ``until``: labels known later do not exist. It becomes champion only where its
    evaluation is accepted and the lower bound of its skill is above the threshold (docs/decisions/0032); else it stays
    a candidate and the champion before it, or the rules, answer on. Where the lake holds planted regimes of simulated
    sessions, the report also has the accuracy against them.
    """
    from mr_platform.learning.registry import Registry
    from mr_platform.learning.report import as_png, as_text

    with timed(f"models.{task}", Partition("ALL", until)) as timer:
        now = nse_calendar().session(until).close.replace(tzinfo=IST)
        settings = in_force(lake, LearningParameters)
        trained = _trained(lake, task, training_tables(lake, task, symbols, until=until), now)
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


@dataclass(frozen=True)
class TrainingTables:
    """What a training reads: ``features`` of all components, ``labels``, the planted ``truth`` of simulated sessions
    (for scoring only) and their labels as ``measured`` by the rule, where they were asked for.
    """

    features: pa.Table
    labels: pa.Table
    truth: pa.Table | None
    measured: pa.Table | None

    def of(self, components: Sequence[str]) -> TrainingTables:
        """With the features of some components alone, beside what is no feature."""
        names = {name for entry in catalogued() if entry.key in components for name in entry.names}
        others = {name for entry in catalogued() for name in entry.names} - names
        return replace(self, features=self.features.drop_columns(sorted(others & set(self.features.column_names))))


def training_tables(lake: Lake, task: str, symbols: Sequence[str], *, until: date, ruled: str = "") -> TrainingTables:
    """Every labelled symbol-day up to ``until``; MissingPartition where none has features.

    ``ruled`` "measured": the labels by the rule too, where the nowcast's are the planted regimes.
    """
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
    planted = [p for p in days if lake.describe(TRUTH, p) is not None]
    measured = [measured_labels(lake, p, task.removeprefix("regime_")) for p in planted] if ruled else []
    return TrainingTables(
        features=pa.concat_tables(features),
        labels=pa.concat_tables([lake.read(table, p).replace_schema_metadata(None) for p in days]),
        truth=_together([lake.read(TRUTH, p) for p in planted]),
        measured=_together(measured),
    )


def compare_components(
    lake: Lake, task: str, symbols: Sequence[str], *, until: date, sets: Sequence[tuple[str, ...]]
) -> list[dict[str, Any]]:
    """What each set of components is worth: the same training on the same sessions, nothing registered.

    A row a set: its components, inputs given and read, accuracy, macro-F1 and MCC with their intervals, skill, the best
    baseline, scores against planted and measured regimes, seconds of one core, and the whole table as text.
    """
    from mr_platform.learning.report import as_text

    now = nse_calendar().session(until).close.replace(tzinfo=IST)
    whole = training_tables(lake, task, symbols, until=until, ruled="measured" if task == NOWCAST else "")
    rows = []
    for chosen in sets:
        with timed(f"models.{task}", Partition("ALL", until)) as timer:
            trained = _trained(lake, task, whole.of(chosen), now)
        evaluation = trained.evaluation
        regime = evaluation.targets["regime"]
        rows.append(
            {
                "components": ",".join(chosen),
                "candidate": evaluation.candidate,
                "inputs_given": evaluation.folds[-1]["inputs"]["given"],
                "inputs_read": evaluation.importance["read"],
                "rows": regime.rows,
                "sessions": regime.sessions,
                "accuracy": regime.model.accuracy,
                "accuracy_interval": list(regime.model.accuracy_interval),
                "macro_f1": regime.model.macro_f1,
                "macro_f1_interval": list(regime.model.macro_f1_interval),
                "mcc": regime.model.mcc,
                "mcc_interval": list(regime.model.mcc_interval),
                "skill": regime.skill,
                "skill_interval": list(regime.skill_interval),
                "best_baseline": regime.best_baseline,
                "baselines": {b.name: b.accuracy for b in regime.baselines},
                "truth": evaluation.truth,
                "measured": evaluation.measured,
                "importance": evaluation.importance,
                "seconds": round(timer.seconds, 1),
                "table": as_text(evaluation),
            }
        )
    return rows


def _trained(lake: Lake, task: str, tables: TrainingTables, now: datetime) -> Trained:
    from mr_platform.learning.training import train_and_evaluate

    return train_and_evaluate(
        tables.features,
        tables.labels,
        task=task,
        now=now,
        parameters=in_force(lake, LearningParameters),
        labelled_by=in_force(lake, LabelParameters),
        parameters_digest=objects.digest(active_set(lake), *_steering()),
        truth=tables.truth,
        measured=tables.measured,
        seed=_SEED,
    )


def _together(tables: list[pa.Table]) -> pa.Table | None:
    return pa.concat_tables([table.replace_schema_metadata(None) for table in tables]) if tables else None


def _steering() -> tuple[type, ...]:
    """What steers a model: its training, its labels, the features it reads and the rule classifier beside them."""
    from mr_platform.features.running import settings_of

    read = (settings_of(entry.key) for entry in catalogued())
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
    """What a training reads of a symbol-day: keys, dte, features of all components and the rule classifier's answer."""
    found = [(e, lake.read(e.table, partition)) for e in catalogued() if lake.describe(e.table, partition) is not None]
    if not found:
        return None
    rows = found[0][1]
    columns = {name: rows[name] for name in _KEYS}
    for _, table in found:
        columns |= {name: table[name] for name in table.schema.names if name not in _BESIDE}
    scores = {e.number: np.array(t["score"].fill_null(np.nan), dtype=np.float64) for e, t in found}
    ruled = with_rule_probabilities(rows.select(_KEYS), scores, in_force(lake, RegimeParameters))
    columns |= {name: ruled[name] for name in ruled.column_names if name.startswith("rule_p_")}
    return pa.table(columns)


def selected(lake: Lake, partition: Partition, wanted: Collection[str]) -> pa.Table | None:
    """The keys of a symbol-day's feature rows and those columns of ``wanted`` that its tables have; no others are read.

    None where no table is published.
    """
    columns: dict[str, pa.ChunkedArray] = {}
    for entry in catalogued():
        found = lake.describe(entry.table, partition)
        if found is None:
            continue
        names = [name for name in pq.read_schema(found.path).names if name in wanted and name not in _KEYS]
        if names or not columns:
            table = lake.read(entry.table, partition, columns=[*_KEYS, *names])
            columns |= {name: table[name] for name in table.column_names}
    return pa.table(columns) if columns else None


def answer(lake: Lake, task: str, partition: Partition, *, labels: Callable[[], pa.Table]) -> ModelAnswer | None:
    """Probabilities for the rows of a symbol-day by the champion of that session's open; None where there was none.

    A champion crowned later has been trained on what followed, so it does not answer for the days before. ``labels``
    gives the session's labels to a model that reads those known at each row; it reads none before its known_ts.
    """
    if not lake.objects(f"models/{task}"):
        return None
    from mr_platform.learning.registry import Registry

    registry = Registry(lake)
    version = registry.champion_at(task, nse_calendar().session(partition.trade_date).open.replace(tzinfo=IST))
    if version is None:
        return None
    model = registry.load_version(task, version)
    rows = selected(lake, partition, model.columns)
    if rows is None or not rows.num_rows:
        return None
    said = model.predict(rows, labels() if model.design.known_labels else None)
    return ModelAnswer(
        version=version,
        event_ts=instants(said["event_ts"]),
        probabilities=np.column_stack([said[f"p_{code.lower()}"].to_numpy() for code in REGIMES]),
        unfit=tuple(said["reason"].to_pylist()),
    )
