"""Which inputs a candidate reads: those that separate the classes best in its own training rows.

Fewer inputs cost less and mislead less; chosen inside the training rows, the choice is as far out of sample as the fit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning.baselines import robust_scale, robust_standardise
from mr_platform.learning.dataset import KNOWN_LABEL_PREFIX, Dataset
from mr_platform.learning.heads import Head, fit_head
from mr_platform.learning.tasks import Target
from mr_platform.parameters.learning import Candidate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.intp]


def fit_rows(data: Dataset, rows: Rows, y: Ints, target: Target, candidate: Candidate, *, seed: int) -> Head:
    """A candidate fitted at ``rows``, whose classes are ``y`` [rows], on its chosen inputs; reads the whole design."""
    x, weight = data.x[rows], data.weight[rows]
    chosen = choose_inputs(x, y, weight, data.columns, candidate.inputs)
    return fit_head(candidate, x, y, weight, target.size, seed=seed, chosen=chosen)


def choose_inputs(x: Floats, y: Ints, weight: Floats, columns: tuple[str, ...], most: int) -> Rows:
    """Positions of at most ``most`` inputs by the variance ratio, ascending, and of all that is known of labels.

    ``x`` [n, f] with NaN where missing. A label known at t says most where it interacts with the rest, which a ratio
    taken one by one does not show.
    """
    known = np.array([name.startswith(KNOWN_LABEL_PREFIX) for name in columns])
    if np.count_nonzero(~known) <= most:
        return np.arange(len(columns))
    ratio = variance_ratio(x, y, weight)
    ranked = [at for at in np.argsort(-ratio, kind="stable") if not known[at]][:most]
    return np.sort(np.concatenate([np.flatnonzero(known), np.array(ranked, dtype=np.intp)]))


def variance_ratio(x: Floats, y: Ints, weight: Floats) -> Floats:
    """Weighted variance between the classes over that within them, of each robustly standardised input [f].

    Ranks inputs as Fisher's F of a one-way analysis of variance does; infinite where classes alone vary.
    """
    z = robust_standardise(x, *robust_scale(x))
    member = np.zeros((y.size, int(y.max()) + 1))
    member[np.arange(y.size), y] = weight
    size = member.sum(axis=0)
    means = (member.T @ z) / np.where(size > 0, size, 1.0)[:, None]
    overall = (weight @ z) / weight.sum()
    between = (size[:, None] * (means - overall) ** 2).sum(axis=0)
    within = np.maximum((weight[:, None] * (z - overall) ** 2).sum(axis=0) - between, 0.0)
    above, below = between > 0, within > 0
    return np.where(above & ~below, np.inf, between / np.where(below, within, 1.0))
