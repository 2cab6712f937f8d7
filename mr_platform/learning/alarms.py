"""Alarms of an evaluation: a result too good to be honest, a control above chance, a model with one answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning.dataset import Dataset
from mr_platform.learning.metrics import entropy
from mr_platform.learning.tasks import Target
from mr_platform.parameters.learning import EvaluationParameters

Ints = NDArray[np.int64]

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Alarm:
    """``fails``: the evaluation does not stand until a named person signs it off; otherwise a warning."""

    name: str
    fails: bool
    message: str


def leak_alarms(
    *, forward: bool, accuracy: float, mcc: float, best_baseline: float, parameters: EvaluationParameters
) -> list[Alarm]:
    """A forward 8-class score above what the market allows is first of all a sign that the future leaked in.

    ``best_baseline`` accuracy goes into the message only: where a majority class alone comes near the threshold the
    person who signs off should see it.
    """
    if not forward:
        return []
    alarms = []
    if accuracy > parameters.leak_accuracy:
        message = (
            f"forward accuracy {accuracy:.3f} is above {parameters.leak_accuracy}; the best baseline has "
            f"{best_baseline:.3f}"
        )
        alarms.append(Alarm("suspected-leak", fails=True, message=message))
    if mcc > parameters.leak_mcc:
        message = f"forward MCC {mcc:.3f} is above {parameters.leak_mcc}"
        alarms.append(Alarm("suspected-leak", fails=True, message=message))
    return alarms


def control_alarms(
    target: str, *, mcc: float, interval: tuple[float, float], log_loss: float, chance_loss: float, limit: float
) -> list[Alarm]:
    """A model fitted on shuffled labels that still scores has seen the test labels by another way.

    Asked of both MCC and log-loss: a control's probabilities are nearly flat, so its answers hang on accidents of the
    one shuffle that a real signal in the inputs can line up with; only a leak also beats the prior's log-loss.
    """
    if mcc > limit and interval[0] > 0.0 and log_loss < chance_loss:
        message = (
            f"the shuffled-label control of {target} is not at chance: MCC {mcc:.3f} "
            f"[{interval[0]:.3f}, {interval[1]:.3f}], log-loss {log_loss:.3f} below the prior's {chance_loss:.3f}"
        )
        return [Alarm("control-above-chance", fails=True, message=message)]
    return []


def monoculture_alarms(
    data: Dataset, y: Ints, predicted: Ints, target: Target, parameters: EvaluationParameters
) -> list[Alarm]:
    """Sessions whose predictions have far less variety than their labels; -1 in ``y`` marks rows without a label."""
    alarms = []
    poor_in_a_row: dict[int, int] = {}
    first_poor: dict[int, date] = {}
    single: list[date] = []
    reported: set[int] = set()
    for run in data.runs():
        have = run[y[run] >= 0]
        if not have.size:
            continue
        day, symbol = _EPOCH + timedelta(days=int(data.session[run[0]])), int(data.symbol[run[0]])
        labels, answers = entropy(y[have], target.size), entropy(predicted[have], target.size)
        if answers < parameters.entropy_share * labels:
            poor_in_a_row[symbol] = poor_in_a_row.get(symbol, 0) + 1
            first_poor.setdefault(symbol, day)
        else:
            poor_in_a_row[symbol] = 0
            first_poor.pop(symbol, None)
        if poor_in_a_row[symbol] >= parameters.entropy_sessions and symbol not in reported:
            reported.add(symbol)
            message = (
                f"{target.name} of {data.symbols[symbol]}: entropy of predictions below {parameters.entropy_share} of "
                f"the labels' for {parameters.entropy_sessions} sessions from {first_poor[symbol]}"
            )
            alarms.append(Alarm("monoculture", fails=False, message=message))
        top = np.bincount(predicted[have]).max() / have.size
        if top > parameters.one_class_share and labels > 0:
            single.append(day)
    if single:
        message = (
            f"{target.name}: one class above {parameters.one_class_share:.0%} of {len(single)} symbol-sessions while "
            f"labels vary, first {min(single)}"
        )
        alarms.append(Alarm("monoculture", fails=False, message=message))
    return alarms


def share_alarms(
    months: Iterable[tuple[str, Ints, Ints]], target: Target, parameters: EvaluationParameters
) -> list[Alarm]:
    """Classes predicted far more or less often than labelled. ``months``: (name, labels, predictions)."""
    alarms = []
    for month, y, predicted in months:
        gap = (np.bincount(predicted, minlength=target.size) - np.bincount(y, minlength=target.size)) / max(y.size, 1)
        wide = [k for k in range(target.size) if abs(gap[k]) > parameters.share_points]
        if wide:
            shown = ", ".join(f"{target.classes[k]} {100 * gap[k]:+.0f}" for k in wide)
            message = f"{target.name} in {month}: points of share predicted minus labelled {shown}"
            alarms.append(Alarm("share-gap", fails=False, message=message))
    return alarms
