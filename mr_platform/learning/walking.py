"""The walk-forward itself: every row answered by a model, its calibration and baselines from before it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mr_platform.errors import DataError
from mr_platform.learning.baselines import FitStates, StateFilter, baselines_for
from mr_platform.learning.calibration import Calibration
from mr_platform.learning.dataset import Dataset
from mr_platform.learning.evaluation import CONTROL, MODEL
from mr_platform.learning.heads import Head
from mr_platform.learning.metrics import log_loss_rows
from mr_platform.learning.resampling import overfitting_probability
from mr_platform.learning.selection import fit_rows, rank_inputs
from mr_platform.learning.splits import Split, combinatorial_purged, walk_forward
from mr_platform.learning.tasks import REGIME, Target
from mr_platform.parameters.learning import Candidate, LearningParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.intp]

_LEAST_CALIBRATION_ROWS = 30


@dataclass(frozen=True, eq=False)
class Walk:
    """Out-of-sample answers of one target.

    ``rows`` test positions ascending; ``probabilities`` [rows, k] by name; ``calibration`` from all the uncalibrated
    answers, for the final model; ``last`` split and calibrated head of the last fold with labels, for the importance
    report.
    """

    rows: Rows
    probabilities: Mapping[str, Floats]
    calibration: Calibration
    last: tuple[Split, Head]
    folds: tuple[Mapping[str, Any], ...]


@contextmanager
def single_thread() -> Iterator[None]:
    """Hold OpenMP and BLAS to one thread: sums then run in one order, and training gives the same bytes."""
    # only libraries already loaded can be limited
    import sklearn.ensemble  # noqa: F401

    with threadpool_limits(limits=1):
        yield


def walk(
    data: Dataset,
    splits: list[Split],
    target: Target,
    candidate: Candidate,
    parameters: LearningParameters,
    *,
    seed: int,
    filters: dict[int, StateFilter | None] | None = None,
) -> Walk:
    """Walk one target forward. The first split only calibrates; later ones are also answered by every baseline.

    ``filters`` keeps the state filter of each fold, which is the same for every target. A fold's calibration is fitted
    on the answers of earlier folds as far as their labels were known before it. The control is the same candidate on
    every ``choice_stride``-th training row with its labels shuffled.
    """
    generator = np.random.default_rng([seed, 17])
    raw_rows: list[Rows] = []
    raw: list[Floats] = []
    priors: list[Floats] = []
    parts: dict[str, list[Floats]] = {}
    tested: list[Rows] = []
    folds: list[Mapping[str, Any]] = []
    last: tuple[Split, Head] | None = None
    labelled = 0
    y = data.targets[target.name]
    shared = filters if filters is not None else {}
    for number, split in enumerate(splits):
        usable = split.train[y[split.train] >= 0]
        if usable.size < parameters.splits.min_train_rows or np.unique(y[usable]).size < 2:
            continue
        ranked = rank_inputs(data, usable, y[usable], parameters.selection)
        fit = functools.partial(fit_rows, data, target=target, candidate=candidate, selection=parameters.selection)
        head = fit(usable, y[usable], seed=seed, ranked=ranked)
        fresh = head.uncalibrated(data, split.test)
        if raw:
            calibration = _calibrate(data, y, raw_rows, raw, priors, split.train)
            head = replace(head, calibration=calibration)
            train, test = data.rows(split.train), data.rows(split.test)
            answers = {MODEL: calibration.apply(fresh, head.shares)}
            for baseline in baselines_for(target, data, _once(shared, number)):
                baseline.fit(train)
                answers[baseline.name] = baseline.predict_proba(test)
            thin = usable[:: parameters.splits.choice_stride]
            shuffled = generator.permutation(y[thin])
            control = fit(thin, shuffled, seed=seed)
            answers[CONTROL] = control.predict_proba(data, split.test)
            for name, p in answers.items():
                parts.setdefault(name, []).append(p)
            tested.append(split.test)
            folds.append(_fold(data, split, usable, calibration) | {"inputs": ranked.counts()})
            answered = int(np.count_nonzero(y[split.test] >= 0))
            labelled += answered
            last = (split, head) if answered else last
        raw_rows.append(split.test)
        raw.append(fresh)
        priors.append(np.tile(head.shares, (split.test.size, 1)))
    if last is None:
        raise DataError(
            rule=(
                f"a walk-forward block besides the first has {parameters.splits.min_train_rows} labelled rows of two "
                "classes before it, purge and embargo left out, and labelled rows in it"
            ),
            value=(
                f"{np.unique(data.session).size} sessions, {int((y >= 0).sum())} labelled rows, {len(tested)} blocks "
                f"answered with {labelled} labelled rows in them"
            ),
            place=f"training {data.task.name}, target {target.name}",
            remedy="publish features and labels of more sessions",
        )
    return Walk(
        rows=np.concatenate(tested),
        probabilities={name: np.concatenate(p) for name, p in parts.items()},
        calibration=_calibrate(data, y, raw_rows, raw, priors, None),
        last=last,
        folds=tuple(folds),
    )


def choose(data: Dataset, parameters: LearningParameters, *, seed: int) -> tuple[Candidate, dict[str, Any]]:
    """The candidate with the least log-loss of the regime under combinatorial purged cross-validation.

    Reads only sessions before the first block that is evaluated, so that the walk-forward stays out of sample for
    the choice as well. Returns the candidate and the record: losses, splits used, probability of backtest overfitting.
    """
    default = parameters.candidate(parameters.default)
    splits = walk_forward(data, parameters.splits)
    before = data.rows(np.flatnonzero(data.session < splits[1].blocks[0][0]))
    ordinals = np.unique(before.session)
    thin = _every(before, parameters.splits.choice_stride)
    y = before.targets[REGIME.name]
    losses = np.zeros((ordinals.size, len(parameters.candidates)))
    weights = np.zeros(ordinals.size)
    used = 0
    for split in combinatorial_purged(before, parameters.splits):
        train = split.train[thin[split.train] & (y[split.train] >= 0)]
        test = split.test[thin[split.test] & (y[split.test] >= 0)]
        if train.size * parameters.splits.choice_stride < parameters.splits.min_train_rows or not test.size:
            continue
        if np.unique(y[train]).size < 2:
            continue
        used += 1
        at = np.searchsorted(ordinals, before.session[test])
        np.add.at(weights, at, 1.0)
        ranked = rank_inputs(before, train, y[train], parameters.selection)
        for column, candidate in enumerate(parameters.candidates):
            head = fit_rows(before, train, y[train], REGIME, candidate, parameters.selection, seed=seed, ranked=ranked)
            np.add.at(losses[:, column], at, log_loss_rows(y[test], head.predict_proba(before, test)))
    tested = weights > 0
    record: dict[str, Any] = {
        "splits_used": used,
        "sessions": int(ordinals.size),
        "criterion": "log-loss of the regime, combinatorial purged cross-validation",
    }
    if not used:
        reason = "too few sessions before the first evaluated block to cross-validate: the default was taken"
        return default, record | {"reason": reason, "losses": {}, "overfitting_probability": float("nan")}
    means = losses[tested].sum(axis=0) / weights[tested].sum()
    chosen = parameters.candidates[int(np.argmin(means))]
    return chosen, record | {
        "reason": "least log-loss",
        "losses": {c.name: float(m) for c, m in zip(parameters.candidates, means, strict=True)},
        "overfitting_probability": overfitting_probability(-losses[tested] / weights[tested, None]),
    }


def _calibrate(
    data: Dataset, y: Ints, rows: list[Rows], raw: list[Floats], priors: list[Floats], train: Rows | None
) -> Calibration:
    at, p, prior = np.concatenate(rows), np.concatenate(raw), np.concatenate(priors)
    keep = y[at] >= 0
    if train is not None:
        keep &= np.isin(at, train)
    if np.count_nonzero(keep) < _LEAST_CALIBRATION_ROWS:
        return Calibration.identity()
    return Calibration.fit(p[keep], prior[keep], y[at[keep]], data.weight[at[keep]])


def _once(kept: dict[int, StateFilter | None], number: int) -> FitStates:
    def fit(train: Dataset) -> StateFilter | None:
        if number not in kept:
            kept[number] = StateFilter.fit(train)
        return kept[number]

    return fit


def _fold(data: Dataset, split: Split, usable: Rows, calibration: Calibration) -> dict[str, Any]:
    first, last = split.blocks[0]
    days = np.array([data.session[usable].min(), data.session[usable].max(), first, last])
    begin, end, test_begin, test_end = (str(np.datetime64(int(day), "D")) for day in days)
    return {
        "train": [begin, end],
        "test": [test_begin, test_end],
        "train_rows": int(usable.size),
        "test_rows": int(split.test.size),
        "calibration": [calibration.sharpness, calibration.prior],
    }


def _every(data: Dataset, stride: int) -> NDArray[np.bool_]:
    """Every ``stride``-th bar of each run."""
    keep = np.zeros(data.n, dtype=bool)
    for run in data.runs():
        keep[run[::stride]] = True
    return keep
