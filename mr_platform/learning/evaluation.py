"""The honest table: one target's out-of-sample scores, beside every baseline, with intervals and breakdowns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning import metrics
from mr_platform.learning.alarms import Alarm, control_alarms, leak_alarms, monoculture_alarms, share_alarms
from mr_platform.learning.dataset import NO_CLASS, Dataset
from mr_platform.learning.resampling import bootstrap_interval, session_confusions, session_draws
from mr_platform.learning.tasks import Target
from mr_platform.parameters.learning import EvaluationParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MODEL, CONTROL = "model", "shuffled"
DTE_RANGES = (("0-7", 0, 7), ("8-30", 8, 30), ("31+", 31, 10_000))

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Scores:
    """One row of the table. ``ranked_probability`` is NaN for classes without order; ``flip_ratio`` is the flip rate
    over the labels' own; ``dwell`` in bars of five minutes; ``brier`` summed over classes; intervals over sessions.
    """

    name: str
    accuracy: float
    accuracy_interval: tuple[float, float]
    balanced_accuracy: float
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    mcc: float
    mcc_interval: tuple[float, float]
    log_loss: float
    brier: float
    ranked_probability: float
    calibration_error: float
    flip_rate: float
    flip_ratio: float
    dwell: float


@dataclass(frozen=True)
class TargetEvaluation:
    """One target out of sample: ``model`` beside ``baselines`` and ``control`` (fitted on shuffled labels).

    ``skill`` = (accuracy - best baseline's) / (1 - best baseline's), its interval over sessions with the same draws;
    ``log_loss_skill`` the same of 1 - log-loss ratio. ``per_class`` etc.: accuracy and more of the parts.
    """

    target: str
    rows: int
    sessions: int
    model: Scores
    baselines: tuple[Scores, ...]
    control: Scores
    best_baseline: str
    skill: float
    skill_interval: tuple[float, float]
    log_loss_skill: float
    label_flip_rate: float
    label_dwell: float
    per_class: tuple[Mapping[str, Any], ...]
    per_dte: tuple[Mapping[str, Any], ...]
    per_month: tuple[Mapping[str, Any], ...]
    alarms: tuple[Alarm, ...]

    def table(self) -> tuple[Scores, ...]:
        """Model, baselines, control: the rows to print."""
        return (self.model, *self.baselines, self.control)


@dataclass(frozen=True)
class Evaluation:
    """A training's whole result.

    ``choice`` how the candidate was chosen, with the probability of backtest overfitting; ``truth`` and ``measured``
    scores against planted regimes and against the labels by the rule, None where none were given; ``importance`` by
    input, group and component; ``signed_off_by`` the person who answers for a suspected leak, empty otherwise.
    """

    task: str
    candidate: str
    targets: Mapping[str, TargetEvaluation]
    folds: tuple[Mapping[str, Any], ...]
    choice: Mapping[str, Any]
    truth: Mapping[str, Any] | None
    measured: Mapping[str, Any] | None
    importance: Mapping[str, Any]
    notes: tuple[str, ...]
    signed_off_by: str = ""

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Alarms of all targets."""
        return tuple(alarm for target in self.targets.values() for alarm in target.alarms)

    @property
    def verdict(self) -> str:
        """``accepted``, or ``suspected-leak`` until a person signs off."""
        failed = any(alarm.fails for alarm in self.alarms)
        return "suspected-leak" if failed and not self.signed_off_by else "accepted"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN becomes None."""
        found: dict[str, Any] = plain(asdict(self) | {"verdict": self.verdict})
        return found


def evaluate_target(
    data: Dataset,
    target: Target,
    probabilities: Mapping[str, Floats],
    parameters: EvaluationParameters,
    *,
    seed: int,
) -> TargetEvaluation:
    """Score out-of-sample probabilities of the model, the control and the baselines.

    ``data``: the test rows in order; ``probabilities`` [n, k] by name, with ``model`` and ``shuffled`` among them.
    Rows without a label count for nothing but the runs they stand in.
    """
    y_all = data.targets[target.name]
    labelled = data.labelled(target.name)
    y, session, runs = y_all[labelled], data.session[labelled], data.runs()
    draws = session_draws(np.unique(session).size, resamples=parameters.resamples, seed=seed)
    label_flips = metrics.flip_rate(y_all, runs)
    blocks: dict[str, Floats] = {}
    scored: dict[str, Scores] = {}
    for name, p in probabilities.items():
        answers = np.where(labelled, p.argmax(axis=1), NO_CLASS)
        blocks[name] = session_confusions(y, answers[labelled], session, target.size)
        total = blocks[name].sum(axis=0)
        flips = metrics.flip_rate(answers, runs)
        scored[name] = Scores(
            name=name,
            accuracy=float(metrics.accuracy(total)),
            accuracy_interval=bootstrap_interval(blocks[name], metrics.accuracy, draws, coverage=parameters.interval),
            balanced_accuracy=float(metrics.balanced_accuracy(total)),
            macro_f1=float(metrics.macro_f1(total)),
            macro_f1_interval=bootstrap_interval(blocks[name], metrics.macro_f1, draws, coverage=parameters.interval),
            mcc=float(metrics.matthews(total)),
            mcc_interval=bootstrap_interval(blocks[name], metrics.matthews, draws, coverage=parameters.interval),
            log_loss=metrics.log_loss(y, p[labelled]),
            brier=metrics.brier(y, p[labelled]),
            ranked_probability=(metrics.ranked_probability_score(y, p[labelled]) if target.ordered else float("nan")),
            calibration_error=metrics.expected_calibration_error(y, p[labelled], parameters.calibration_bins),
            flip_rate=flips,
            flip_ratio=flips / label_flips if label_flips else float("nan"),
            dwell=metrics.dwell(answers, runs),
        )
    baselines = tuple(s for name, s in scored.items() if name not in (MODEL, CONTROL))
    best = max(baselines, key=lambda s: s.accuracy)
    least_loss = min(s.log_loss for s in baselines)
    both = np.stack([blocks[MODEL], blocks[best.name]], axis=1)
    predicted = probabilities[MODEL].argmax(axis=1)
    months = _months(data)[labelled]
    alarms = [
        *(
            leak_alarms(
                forward=data.task.forward,
                accuracy=scored[MODEL].accuracy,
                mcc=scored[MODEL].mcc,
                best_baseline=best.accuracy,
                parameters=parameters,
            )
            if target.name == "regime"
            else []
        ),
        *control_alarms(
            target.name,
            mcc=scored[CONTROL].mcc,
            interval=scored[CONTROL].mcc_interval,
            log_loss=scored[CONTROL].log_loss,
            chance_loss=scored["majority"].log_loss,
            limit=parameters.shuffled_mcc,
        ),
        *monoculture_alarms(data, y_all, predicted, target, parameters),
        *share_alarms(
            ((m, y[months == m], predicted[labelled][months == m]) for m in np.unique(months)), target, parameters
        ),
    ]
    return TargetEvaluation(
        target=target.name,
        rows=int(y.size),
        sessions=int(np.unique(session).size),
        model=scored[MODEL],
        baselines=baselines,
        control=scored[CONTROL],
        best_baseline=best.name,
        skill=metrics.skill(scored[MODEL].accuracy, best.accuracy),
        skill_interval=bootstrap_interval(both, _skill_of_sums, draws, coverage=parameters.interval),
        log_loss_skill=1.0 - scored[MODEL].log_loss / least_loss,
        label_flip_rate=label_flips,
        label_dwell=metrics.dwell(y_all, runs),
        per_class=_per_class(blocks[MODEL].sum(axis=0), target),
        per_dte=_per_dte(data.dte[labelled], y, probabilities[MODEL][labelled], target),
        per_month=tuple(
            _part(m, y[months == m], probabilities[MODEL][labelled][months == m], target) for m in np.unique(months)
        ),
        alarms=tuple(alarms),
    )


def truth_scores(truth: Ints, labels: Ints, probabilities: Mapping[str, Floats], target: Target) -> dict[str, Any]:
    """Scores against regimes known otherwise (codes, -1 unknown) of each row of the table.

    ``labels`` says how often the labels themselves name that regime: what a model of them can reach.
    """
    known = truth >= 0
    out: dict[str, Any] = {"rows": int(np.count_nonzero(known))}
    answers = {name: p.argmax(axis=1) for name, p in probabilities.items()} | {"labels": labels}
    for name, codes in answers.items():
        rows = known & (codes >= 0)
        matrix = metrics.confusion(truth[rows], codes[rows], target.size)
        out[name] = {
            "accuracy": float(metrics.accuracy(matrix)),
            "balanced_accuracy": float(metrics.balanced_accuracy(matrix)),
            "macro_f1": float(metrics.macro_f1(matrix)),
            "mcc": float(metrics.matthews(matrix)),
        }
    return out


def plain(value: Any) -> Any:
    """Mappings, sequences and numbers as JSON has them; NaN and infinities become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _skill_of_sums(sums: Floats) -> Floats:
    model, best = metrics.accuracy(sums[:, 0]), metrics.accuracy(sums[:, 1])
    return np.where(best < 1.0, (model - best) / np.where(best < 1.0, 1.0 - best, 1.0), np.nan)


def _months(data: Dataset) -> NDArray[np.str_]:
    days, at = np.unique(data.session, return_inverse=True)
    names = np.array([(_EPOCH + timedelta(days=int(day))).strftime("%Y-%m") for day in days], dtype="U7")
    return names[at]


def _per_class(matrix: Floats, target: Target) -> tuple[Mapping[str, Any], ...]:
    total = max(matrix.sum(), 1.0)
    out = []
    for k, name in enumerate(target.classes):
        labelled, answered = matrix[k].sum(), matrix[:, k].sum()
        out.append(
            {
                "class": name,
                "share_labelled": float(labelled / total),
                "share_predicted": float(answered / total),
                "recall": float(matrix[k, k] / labelled) if labelled else float("nan"),
                "precision": float(matrix[k, k] / answered) if answered else float("nan"),
            }
        )
    return tuple(out)


def _per_dte(dte: Floats, y: Ints, p: Floats, target: Target) -> tuple[Mapping[str, Any], ...]:
    parts = []
    for name, low, high in DTE_RANGES:
        rows = (dte >= low) & (dte <= high)
        if rows.any():
            parts.append(_part(name, y[rows], p[rows], target))
    return tuple(parts)


def _part(name: str, y: Ints, p: Floats, target: Target) -> Mapping[str, Any]:
    matrix = metrics.confusion(y, p.argmax(axis=1), target.size)
    return {
        "part": str(name),
        "rows": int(y.size),
        "accuracy": float(metrics.accuracy(matrix)),
        "balanced_accuracy": float(metrics.balanced_accuracy(matrix)),
        "mcc": float(metrics.matthews(matrix)),
        "log_loss": metrics.log_loss(y, p),
    }
