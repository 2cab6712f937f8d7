"""Rule classification into the 8 regimes from the scores of the components present (components.md, C8).

A regime's signature names a range for each component's score. A score matches 1 inside the range, falling
linearly to 0 at one range-width outside. Components without a score are left out and the weights of the
others renormalised: with few components several regimes match alike and the probabilities say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.parameters.regimes import COMPONENTS, RuleParameters
from schemas.tables import REGIMES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_REGIME = -1
_TIE = 1e-12


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


def match(score: Floats, low: float, high: float) -> Floats:
    """1 inside ``low``..``high``, 0 from one range-width outside, linear between; NaN for a NaN score."""
    outside = np.maximum(np.maximum(low - score, score - high), 0.0)
    return np.maximum(1.0 - outside / (high - low), 0.0)


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
    given = score_matrix(scores)
    present = np.isfinite(given)
    matches = np.stack(
        [
            np.column_stack([match(given[:, c], s.low, s.high) for c, s in enumerate(parameters.signatures[code])])
            for code in REGIMES
        ],
        axis=1,
    )  # [n, 8, 7]
    signature = np.array([[s.weight for s in parameters.signatures[code]] for code in REGIMES])
    weight = np.where(present[:, None, :], signature[None] * np.broadcast_to(weights, given.shape)[:, None, :], 0.0)
    known = np.where(present[:, None, :], matches, 0.0)
    total = weight.sum(axis=2)
    weighed = total > 0
    score = np.where(weighed, (known * weight).sum(axis=2) / np.where(weighed, total, 1.0), np.nan)
    count = present.sum(axis=1, keepdims=True)
    share = (known > parameters.match_floor + _TIE).sum(axis=2) / np.maximum(count, 1)
    mixed = parameters.score_share * score + (1 - parameters.score_share) * share
    mass = mixed.sum(axis=1, keepdims=True)
    evident = np.isfinite(mass) & (mass > 0)
    p = np.where(evident, mixed / np.where(evident, mass, 1.0), np.nan)

    width = np.array([[s.high - s.low for s in parameters.signatures[code]] for code in REGIMES])
    breadth = (weight * width[None]).sum(axis=2) / np.where(weighed, total, 1.0)
    best = p >= np.where(evident, np.nan_to_num(p).max(axis=1, keepdims=True) - _TIE, np.inf)
    regime = np.argmin(np.where(best, np.round(breadth, 12), np.inf), axis=1)
    return Classification(p, np.where(evident[:, 0], regime, NO_REGIME).astype(np.int64), score)


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
