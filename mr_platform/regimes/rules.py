"""Rule classification into the 8 regimes from the scores of the components present (components.md, C8).

The rule itself is ``kernels.reference.signatures``; C8 reads the same kernel. Components without a score are left
out and the weights of the others renormalised: with few components several regimes match alike and the probabilities
say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.kernels.cpu.signatures import classify_rows
from mr_platform.parameters.regimes import COMPONENTS, RuleParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Classification:
    """``probabilities`` [n, 8] in the order of REGIMES, rows summing to 1, NaN without evidence; ``regime`` [n]
    index of the most probable, -1 without evidence; ``scores`` [n, 8] weighted matches in 0..1.
    """

    probabilities: Floats
    regime: Ints
    scores: Floats

    @property
    def confidence(self) -> Floats:
        """Probability of the most probable regime [n]; NaN without evidence."""
        chosen = self.probabilities[np.arange(self.regime.size), np.maximum(self.regime, 0)]
        return np.where(self.regime >= 0, chosen, np.nan)


def score_matrix(scores: Mapping[int, Floats]) -> Floats:
    """[n, 7] scores of C1..C7, NaN columns for the components not given; UsageError for another component."""
    unknown = sorted(set(scores) - set(COMPONENTS))
    lengths = {series.size for series in scores.values()}
    if unknown or len(lengths) != 1:
        raise UsageError(
            rule=f"scores of one length for components among {COMPONENTS}, at least one",
            value={"unknown": unknown, "lengths": sorted(lengths)},
            place="regime rules",
            remedy="pass the scores of the feature components, C8 excluded",
        )
    n = lengths.pop()
    nothing = np.full(n, np.nan)
    return np.column_stack([np.asarray(scores.get(c, nothing), dtype=np.float64) for c in COMPONENTS])


def classify(scores: Mapping[int, Floats], weights: Floats, parameters: RuleParameters) -> Classification:
    """The 8 regimes from component scores {component: [n] in -1..1, NaN where absent}.

    ``weights`` of C1..C7, [7] or [n, 7] where they change from row to row (days to expiry). p = 0.8 score +
    0.2 share of the present components that match above 0.5, normalised over the 8. Equal probabilities go
    to the regime with the narrower signature, whose match says more, then to the first in REGIMES.
    """
    probabilities, matched, regime = classify_rows(
        score_matrix(scores), weights, np.array(parameters.table()), parameters.score_share, parameters.match_floor
    )
    return Classification(probabilities, regime, matched)


def direction_of(scores: Mapping[int, Floats], weights: Floats) -> Floats:
    """Weighted mean score of the components present [n], in -1..1; NaN where none is."""
    given = score_matrix(scores)
    present = np.isfinite(given)
    weight = np.where(present, np.broadcast_to(weights, given.shape), 0.0)
    total = weight.sum(axis=1)
    return np.where(total > 0, np.nansum(given * weight, axis=1) / np.where(total > 0, total, 1.0), np.nan)


def agreement_of(scores: Mapping[int, Floats]) -> Floats:
    """1 - population standard deviation of the present scores [n], in 0..1; NaN with fewer than two."""
    given = score_matrix(scores)
    present = np.isfinite(given)
    n = present.sum(axis=1)
    some = np.maximum(n, 1)
    mean = np.where(present, given, 0.0).sum(axis=1) / some
    spread = np.where(present, given - mean[:, None], 0.0)
    return np.where(n >= 2, 1.0 - np.sqrt((spread * spread).sum(axis=1) / some), np.nan)
