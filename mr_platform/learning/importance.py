"""Which inputs the answer rests on: the log-loss that is lost when an input is shuffled, out of sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning.heads import Head
from mr_platform.learning.metrics import log_loss

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_ROWS = 1000
_SHOWN = 25


def permutation_importance(head: Head, x: Floats, y: Ints, columns: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Rise of the log-loss when one input, or one group of inputs jointly, is shuffled over the test rows.

    ``x`` [n, f], ``y`` [n] labelled test rows; at most 1,000 of them, evenly spread, are used. A group is the first two
    words of the names (``c1_ema``). Near zero or below: the input tells the model nothing that others do not.
    Source: Breiman, Random Forests (2001).
    """
    if y.size > _MOST_ROWS:
        chosen = np.linspace(0, y.size - 1, _MOST_ROWS).astype(np.int64)
        x, y = x[chosen], y[chosen]
    generator = np.random.default_rng([seed, 29])
    order = generator.permutation(y.size)
    usual = log_loss(y, head.predict_proba(x))

    def rise(at: list[int]) -> float:
        shuffled = x.copy()
        shuffled[:, at] = x[order][:, at]
        return log_loss(y, head.predict_proba(shuffled)) - usual

    groups: dict[str, list[int]] = {}
    for at, name in enumerate(columns):
        groups.setdefault("_".join(name.split("_")[:2]), []).append(at)
    inputs = {name: rise([at]) for at, name in enumerate(columns)}
    ranked = sorted(inputs.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
    by_group = sorted(((g, rise(at)) for g, at in groups.items()), key=lambda item: (-item[1], item[0]))
    return {"rows": int(y.size), "log_loss": usual, "inputs": dict(ranked), "groups": dict(by_group)}
