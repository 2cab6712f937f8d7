"""One input at a time: does any single input give the forward label away?

A model with few rows may be too weak to use a leaked column, and so pass the thresholds on its own score. This screen
cuts each input into quantile bins of the training rows, answers each bin's commonest class in training, and
scores that on the last test block. It names the column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning import metrics
from mr_platform.learning.alarms import Alarm
from mr_platform.parameters.learning import EvaluationParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BINS = 32


def single_input_alarms(
    columns: Sequence[str],
    train: tuple[Floats, Ints],
    test: tuple[Floats, Ints],
    k: int,
    parameters: EvaluationParameters,
) -> list[Alarm]:
    """Inputs that alone score above the leak thresholds on labelled test rows.

    ``train``, ``test``: inputs [n, f] with NaN where missing and class codes [n]. Both thresholds must be passed:
    where one class rules a block, accuracy alone is no sign.
    """
    (x, y), (fresh, truth) = train, test
    alarms = []
    for at, name in enumerate(columns):
        column = x[:, at]
        present = column[~np.isnan(column)]
        if not present.size or not truth.size:
            continue
        cuts = np.unique(np.quantile(present, np.linspace(0.0, 1.0, _BINS + 1)[1:-1], method="lower"))
        table = np.bincount(_bins(column, cuts) * k + y, minlength=(cuts.size + 2) * k).reshape(-1, k)
        answers = table.argmax(axis=1)[_bins(fresh[:, at], cuts)]
        matrix = metrics.confusion(truth, answers, k)
        accuracy, mcc = float(metrics.accuracy(matrix)), float(metrics.matthews(matrix))
        if accuracy > parameters.leak_accuracy and mcc > parameters.leak_mcc:
            message = f"the input {name} alone scores accuracy {accuracy:.3f}, MCC {mcc:.3f} on the forward label"
            alarms.append(Alarm("suspected-leak", fails=True, message=message))
    return alarms


def _bins(values: Floats, cuts: Floats) -> Ints:
    """Bin of each value, a missing one in the last bin of its own."""
    return np.where(np.isnan(values), cuts.size + 1, np.searchsorted(cuts, values, side="left")).astype(np.int64)
