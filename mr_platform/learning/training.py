"""Training: from features and labels to a model, its honest evaluation and its metadata.

The clock is the caller's ``now``; equal arguments give equal bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from importlib import metadata as packages
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform import logs
from mr_platform.errors import DataError
from mr_platform.learning.baselines import StateFilter
from mr_platform.learning.dataset import KNOWN_LABEL_PREFIX, NO_CLASS, Dataset, build_dataset
from mr_platform.learning.evaluation import Evaluation, TargetEvaluation, evaluate_target, plain, truth_scores
from mr_platform.learning.gate import InputRange
from mr_platform.learning.heads import Head
from mr_platform.learning.importance import permutation_importance
from mr_platform.learning.model import Model
from mr_platform.learning.screening import single_input_alarms
from mr_platform.learning.selection import fit_rows, narrowed
from mr_platform.learning.splits import Split, walk_forward
from mr_platform.learning.tasks import REGIME, TARGETS, Target
from mr_platform.learning.tasks import task as named_task
from mr_platform.learning.walking import Walk, choose, single_thread, walk
from mr_platform.parameters.labels import LabelParameters
from mr_platform.parameters.learning import Candidate, LearningParameters
from mr_platform.parameters.objects import defaults

Ints = NDArray[np.int64]

_PROJECT = "market-regime-platform"


@dataclass(frozen=True)
class ModelMetadata:
    """What stands in ``ml_model_metadata`` besides stage and reason. Mappings hold plain JSON values."""

    model_version: str
    task: str
    trained_at: datetime
    train_start: date
    train_end: date
    feature_schema_version: str
    label_schema_version: str
    parameters_digest: str
    code_version: str
    metrics: Mapping[str, Any]
    baselines: Mapping[str, Any]
    signature: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Trained:
    """A model with the evaluation of the way it was made, and its metadata."""

    model: Model
    evaluation: Evaluation
    metadata: ModelMetadata


def train_and_evaluate(
    features: pa.Table,
    labels: pa.Table,
    *,
    task: str,
    now: datetime,
    parameters: LearningParameters | None = None,
    labelled_by: LabelParameters | None = None,
    parameters_digest: str = "",
    truth: pa.Table | None = None,
    measured: pa.Table | None = None,
    seed: int = 0,
) -> Trained:
    """Choose a candidate, walk it forward beside every baseline, fit it on all that is known, and describe it.

    ``features``: symbol, event_ts, known_ts, numbers (optionally ``dte`` and ``rule_p_*``); ``labels`` as
    schemas/labels.py has them, of the same task, made by ``labelled_by``; ``now`` aware: nothing known later is read.
    ``parameters_digest`` of all that steers features, labels and training, for the metadata; that of ``parameters``
    where not given. ``truth``: symbol, event_ts, regime, the simulator's planted regimes, and ``measured``: symbol,
    event_ts, label, those of the rule; both used for scoring only.
    Errors: DataError where there is too little to train on, UsageError for an unknown task.
    """
    settings = parameters if parameters is not None else defaults(LearningParameters)
    with logs.stage("training", task=task) as found, single_thread():
        asked = named_task(task, labelled_by)
        design = settings.design_of(forward=asked.forward)
        data = build_dataset(features, labels, task=asked, design=design, now=now)
        data = _from_first_label(data)
        splits = walk_forward(data, settings.splits)
        notes = (
            [] if data.rules is not None else ["no rule_p_* columns: the rule classifier is not among the baselines"]
        )
        if not np.isfinite(data.dte).any():
            notes.append("no dte column: no scores by days to expiry")
        heads: dict[str, Head] = {}
        targets: dict[str, TargetEvaluation] = {}
        candidate, choice = choose(data, settings, seed=seed)
        candidates = {name: settings.candidate(settings.side) for name in TARGETS} | {REGIME.name: candidate}
        filters: dict[int, StateFilter | None] = {}
        walks = {
            name: walked
            for name, target in TARGETS.items()
            if (walked := _walk_or_note(data, splits, target, candidates[name], settings, seed, notes, filters))
            is not None
        }
        for name, walked in walks.items():
            heads[name] = _final_head(data, TARGETS[name], candidates[name], walked, settings, seed)
        for name, walked in walks.items():
            targets[name] = evaluate_target(
                data.rows(walked.rows), TARGETS[name], walked.probabilities, settings.evaluation, seed=seed
            )
        targets[REGIME.name] = _screened(data, walks[REGIME.name], targets[REGIME.name], settings)
        evaluation = Evaluation(
            task=task,
            candidate=candidate.name,
            targets=targets,
            folds=walks[REGIME.name].folds,
            choice=choice,
            truth=_against(data, walks[REGIME.name], truth, "regime"),
            measured=_against(data, walks[REGIME.name], measured, "label"),
            importance=_importance(data, walks[REGIME.name], seed),
            notes=tuple(notes),
        )
        used = data.labelled(REGIME.name)
        read = np.unique(np.concatenate([head.reading.levels for head in heads.values()]))
        model = Model(
            task=task,
            candidate=candidate.name,
            columns=tuple(data.columns[at] for at in read),
            symbols=data.symbols,
            design=design,
            heads={name: narrowed(head, read) for name, head in heads.items()},
            inputs=InputRange.fit(data.x[np.ix_(used, read)]),
            gate=settings.gate,
            train_start=_day(data.session[used].min()),
            train_end=_day(data.session[used].max()),
        )
        found |= {"rows": data.n, "candidate": candidate.name, "verdict": evaluation.verdict}
    digest = parameters_digest or settings.digest()
    return Trained(model, evaluation, _describe(model, evaluation, data, features, digest, now, seed))


def _from_first_label(data: Dataset) -> Dataset:
    """Sessions from the first that has a label: before it there is nothing to learn."""
    labelled = data.labelled(REGIME.name)
    if not labelled.any():
        raise DataError(
            rule="features and labels share labelled rows",
            value=f"{data.n} feature rows, none with a {REGIME.column} known by now",
            place=f"training {data.task.name}",
            remedy="publish labels of the same symbols and sessions; cuts need some sessions before the first label",
        )
    return data.rows(np.flatnonzero(data.session >= data.session[labelled].min()))


def _walk_or_note(
    data: Dataset,
    splits: list[Split],
    target: Target,
    candidate: Candidate,
    settings: LearningParameters,
    seed: int,
    notes: list[str],
    filters: dict[int, StateFilter | None],
) -> Walk | None:
    """The walk; a side target without enough labels is left out with a note, the regime may not be."""
    try:
        return walk(data, splits, target, candidate, settings, seed=seed, filters=filters)
    except DataError as error:
        if target is REGIME:
            raise
        notes.append(f"{target.name} left out: {error}")
        return None


def _final_head(
    data: Dataset, target: Target, candidate: Candidate, walked: Walk, settings: LearningParameters, seed: int
) -> Head:
    rows = np.flatnonzero(data.labelled(target.name))
    y = data.targets[target.name][rows]
    head = fit_rows(data, rows, y, target, candidate, settings.selection, seed=seed)
    return replace(head, calibration=walked.calibration)


def _screened(
    data: Dataset, walked: Walk, evaluated: TargetEvaluation, settings: LearningParameters
) -> TargetEvaluation:
    """With the alarms of the screen for leaking inputs, on the last fold of a forward task.

    What was known of labels by then is an input of its own right and left out.
    """
    if not data.task.forward:
        return evaluated
    split, _ = walked.last
    labelled = data.labelled(REGIME.name)
    train, test = split.train[labelled[split.train]], split.test[labelled[split.test]]
    at = [k for k, name in enumerate(data.columns) if not name.startswith(KNOWN_LABEL_PREFIX)]
    y = data.targets[REGIME.name]
    alarms = single_input_alarms(
        [data.columns[k] for k in at],
        (data.x[train][:, at], y[train]),
        (data.x[test][:, at], y[test]),
        REGIME.size,
        settings.evaluation,
    )
    return replace(evaluated, alarms=(*evaluated.alarms, *alarms))


def _importance(data: Dataset, walked: Walk, seed: int) -> dict[str, Any]:
    split, head = walked.last
    test = split.test[data.labelled(REGIME.name)[split.test]]
    return permutation_importance(head, data, test, data.targets[REGIME.name][test], seed=seed)


def _against(data: Dataset, walked: Walk, table: pa.Table | None, column: str) -> dict[str, Any] | None:
    if table is None:
        return None
    known = _codes_of(data, table, column)[walked.rows]
    return truth_scores(known, data.targets[REGIME.name][walked.rows], walked.probabilities, REGIME)


def _codes_of(data: Dataset, truth: pa.Table, column: str) -> Ints:
    """Codes of the regimes in ``column`` at the rows' events [n], -1 where none is given."""
    missing = [c for c in ("symbol", "event_ts", column) if c not in truth.column_names]
    if missing:
        raise DataError(
            rule=f"regimes to score against have symbol, event_ts, {column}",
            value=f"without {missing}",
            place="simulator/truth or labels",
            remedy="pass the table with its columns renamed",
        )
    zone = truth.schema.field("event_ts").type.tz
    moments = truth.column("event_ts").cast(pa.timestamp("us", zone)).cast(pa.int64())
    frame = cast(
        pl.DataFrame,
        pl.from_arrow(pa.table({"symbol": truth.column("symbol"), "event": moments, "regime": truth.column(column)})),
    ).unique(["symbol", "event"], keep="last", maintain_order=True)
    codes = {name: code for code, name in enumerate(REGIME.classes)}
    frame = frame.with_columns(
        pl.col("regime").cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Int64)
    )
    rows = pl.DataFrame({"symbol": [data.symbols[s] for s in data.symbol], "event": data.event})
    joined = rows.join(frame, on=["symbol", "event"], how="left", maintain_order="left")
    return joined["regime"].fill_null(NO_CLASS).to_numpy().astype(np.int64)


def _describe(
    model: Model,
    evaluation: Evaluation,
    data: Dataset,
    features: pa.Table,
    parameters_digest: str,
    now: datetime,
    seed: int,
) -> ModelMetadata:
    given = (features.schema.metadata or {}).get(b"feature_schema_version", b"").decode()
    columns = hashlib.sha256("\n".join(model.columns).encode()).hexdigest()[:8]
    signature = {
        "inputs": list(model.columns),
        "symbols": list(model.symbols),
        "outputs": {name: list(TARGETS[name].classes) for name in model.heads},
        "seed": seed,
    }
    return ModelMetadata(
        model_version=f"{model.task}-{model.digest()[:12]}",
        task=model.task,
        trained_at=now,
        train_start=model.train_start,
        train_end=model.train_end,
        feature_schema_version=given or f"columns.{columns}",
        label_schema_version=data.label_schema_version,
        parameters_digest=parameters_digest,
        code_version=_code_version(),
        metrics=_headline(evaluation),
        baselines={
            n: {b.name: plain(asdict(b)) for b in (*t.baselines, t.control)} for n, t in evaluation.targets.items()
        },
        signature=signature,
    )


def _headline(evaluation: Evaluation) -> dict[str, Any]:
    per_target = {
        name: asdict(t.model)
        | {"best_baseline": t.best_baseline, "skill": t.skill, "skill_interval": t.skill_interval, "rows": t.rows}
        for name, t in evaluation.targets.items()
    }
    found: dict[str, Any] = plain(
        {
            "candidate": evaluation.candidate,
            "verdict": evaluation.verdict,
            "overfitting_probability": evaluation.choice["overfitting_probability"],
            "targets": per_target,
            "truth": evaluation.truth,
        }
    )
    return found


def _code_version() -> str:
    try:
        return packages.version(_PROJECT)
    except packages.PackageNotFoundError:
        return "unpackaged"


def _day(ordinal: Any) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(ordinal))
