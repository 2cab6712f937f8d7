"""Which inputs the answer rests on: the log-loss that is lost when an input is shuffled, out of sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning.dataset import Dataset
from mr_platform.learning.heads import Head
from mr_platform.learning.metrics import log_loss

Rows = NDArray[np.intp]
Ints = NDArray[np.int64]

_MOST_ROWS = 800
_SHOWN = 25


def permutation_importance(head: Head, data: Dataset, rows: Rows, y: Ints, *, seed: int) -> dict[str, Any]:
    """Rise of the log-loss when one input, with its changes, or a group of inputs jointly is shuffled over test rows.

    ``rows`` labelled test rows of ``data`` and their classes ``y``; at most 800 of them, evenly spread, are used. Only
    inputs that the head reads are shuffled. A group is the first two words of the names (``c1_ema``), a component the
    first (``c1``). Near zero or below: the input tells the model nothing that others do not.
    Source: Breiman, Random Forests (2001).
    """
    if y.size > _MOST_ROWS:
        chosen = np.linspace(0, y.size - 1, _MOST_ROWS).astype(np.int64)
        rows, y = rows[chosen], y[chosen]
    order = np.random.default_rng([seed, 29]).permutation(y.size)
    z = head.reading.of(data, rows)
    usual = log_loss(y, head.answer(z))

    def rise(inputs: list[int]) -> float:
        at = np.flatnonzero(np.isin(head.reading.owners, inputs))
        shuffled = z.copy()
        shuffled[:, at] = z[order][:, at]
        return log_loss(y, head.answer(shuffled)) - usual

    read = [int(at) for at in np.unique(head.reading.levels)]
    groups: dict[str, list[int]] = {}
    components: dict[str, list[int]] = {}
    for at in read:
        words = data.columns[at].split("_")
        groups.setdefault("_".join(words[:2]), []).append(at)
        components.setdefault(words[0], []).append(at)
    return {
        "rows": int(y.size),
        "read": len(read),
        "log_loss": usual,
        "inputs": dict(_ranked({data.columns[at]: rise([at]) for at in read})[:_SHOWN]),
        "groups": dict(_ranked({name: rise(at) for name, at in groups.items()})),
        "components": dict(_ranked({name: rise(at) for name, at in components.items()})),
    }


def _ranked(rises: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(rises.items(), key=lambda item: (-item[1], item[0]))
