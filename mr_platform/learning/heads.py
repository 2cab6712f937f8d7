"""One fitted classifier of one target: kind, arrays, calibration, and its answer.

A head answers from arrays alone. Classes that its training rows lacked get their (small) share of the class prior
through the calibration, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.learning.baselines import class_shares, robust_scale, robust_standardise
from mr_platform.learning.calibration import Calibration
from mr_platform.learning.trees import FlatTrees, softmax
from mr_platform.parameters.learning import Candidate, LogisticCandidate, TreesCandidate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LinearScores:
    """Multinomial logistic regression on robustly standardised inputs.

    ``center``, ``scale`` [f]; ``weights`` [f, c]; ``intercept`` [c]; a missing input stands at its center.
    """

    center: Floats
    scale: Floats
    weights: Floats
    intercept: Floats

    def predict_proba(self, x: Floats) -> Floats:
        """Probabilities [n, c]."""
        return softmax(robust_standardise(x, self.center, self.scale) @ self.weights + self.intercept)

    def over(self, at: NDArray[np.intp], f: int) -> LinearScores:
        """The same scores of a design of ``f`` inputs in which these stand at ``at``; others weigh nothing."""
        center, scale, weights = np.zeros(f), np.ones(f), np.zeros((f, self.intercept.size))
        center[at], scale[at], weights[at] = self.center, self.scale, self.weights
        return LinearScores(center, scale, weights, self.intercept)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for storage."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> LinearScores:
        """The inverse of ``arrays``."""
        return LinearScores(**{name: arrays[name] for name in LinearScores.__dataclass_fields__})


_BINS = 64

SCORES: dict[str, type[LinearScores] | type[FlatTrees]] = {"logistic": LinearScores, "trees": FlatTrees}


@dataclass(frozen=True, eq=False)
class Head:
    """``kind``: logistic or trees; ``present`` classes behind the scores' columns; ``shares`` [k] the class prior."""

    kind: str
    scores: LinearScores | FlatTrees
    present: Ints
    shares: Floats
    calibration: Calibration

    def uncalibrated(self, x: Floats) -> Floats:
        """The classifier's own probabilities [n, k], zero for classes it has not seen."""
        out = np.zeros((x.shape[0], self.shares.size))
        out[:, self.present] = self.scores.predict_proba(x)
        return out

    def predict_proba(self, x: Floats) -> Floats:
        """Calibrated probabilities [n, k]."""
        return self.calibration.apply(self.uncalibrated(x), self.shares)


def fit_head(
    candidate: Candidate,
    x: Floats,
    y: Ints,
    weight: Floats,
    k: int,
    *,
    seed: int,
    chosen: NDArray[np.intp] | None = None,
) -> Head:
    """Fit a candidate on labelled rows; uncalibrated.

    ``x`` [n, f] with NaN where missing, ``y`` codes [n], ``weight`` [n]; ``chosen`` positions of the inputs to learn
    from, all where None: the head answers from [n, f] either way. Deterministic in ``seed``: the caller holds the
    numerical libraries to one thread (``training.single_thread``). Errors: DataError with fewer than two classes.
    """
    at = np.arange(x.shape[1]) if chosen is None else chosen
    read = np.ascontiguousarray(x[:, at])
    present = np.unique(y)
    if present.size < 2:
        raise DataError(
            rule="training rows show at least two classes",
            value=f"{present.size} classes in {y.size} rows",
            place=f"training of {candidate.name}",
            remedy="train on more sessions",
        )
    scores: LinearScores | FlatTrees
    if isinstance(candidate, LogisticCandidate):
        scores, kind = _fit_logistic(candidate, read, y, weight).over(at, x.shape[1]), "logistic"
    else:
        scores, kind = FlatTrees.from_sklearn(*fit_trees(candidate, read, y, weight, seed=seed)).over(at), "trees"
    return Head(kind, scores, present.astype(np.int64), class_shares(y, k, weight), Calibration.identity())


def fit_trees(candidate: TreesCandidate, x: Floats, y: Ints, weight: Floats, *, seed: int) -> tuple[Any, list[Floats]]:
    """The scikit-learn estimator behind a trees head, fitted on bin codes, and the cuts of the bins.

    Given weights, scikit-learn finds its bins by weighted percentiles, one by one, which takes eight times as long as
    the fit; input with no more values than bins spares it that.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    cuts = bin_cuts(x)
    codes = bin_codes(x, cuts)
    # a column without any value cannot be binned; as a constant it is never split
    codes[:, np.isnan(codes).all(axis=0)] = 0.0
    fitted = HistGradientBoostingClassifier(
        max_iter=candidate.iterations,
        max_leaf_nodes=candidate.leaves,
        learning_rate=candidate.learning_rate,
        min_samples_leaf=candidate.min_samples_leaf,
        l2_regularization=candidate.ridge,
        max_features=candidate.column_share,
        max_bins=_BINS,
        early_stopping=False,
        random_state=seed,
    ).fit(codes, y, sample_weight=weight)
    return fitted, cuts


def bin_cuts(x: Floats) -> list[Floats]:
    """Cuts between at most 64 quantile bins of each column of [n, f], ascending; none where there is no value."""
    shares = np.linspace(0.0, 1.0, _BINS + 1)[1:-1]
    cuts = []
    for at in range(x.shape[1]):
        present = x[~np.isnan(x[:, at]), at]
        found = np.quantile(present, shares, method="averaged_inverted_cdf") if present.size else np.empty(0)
        cuts.append(np.unique(found))
    return cuts


def bin_codes(x: Floats, cuts: list[Floats]) -> Floats:
    """Number of cuts below each value [n, f]: code <= k where value <= cuts[k]; NaN stays NaN."""
    codes = np.empty_like(x)
    for at, edges in enumerate(cuts):
        codes[:, at] = np.where(np.isnan(x[:, at]), np.nan, np.searchsorted(edges, x[:, at], side="left"))
    return codes


def fit_logistic(candidate: LogisticCandidate, z: Floats, y: Ints, weight: Floats) -> Any:
    """The scikit-learn estimator behind a logistic head, on standardised inputs."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=candidate.strength, max_iter=1000, tol=1e-4).fit(z, y, sample_weight=weight)


def _fit_logistic(candidate: LogisticCandidate, x: Floats, y: Ints, weight: Floats) -> LinearScores:
    center, scale = robust_scale(x)
    fitted = fit_logistic(candidate, robust_standardise(x, center, scale), y, weight)
    coefficients, intercept = fitted.coef_, fitted.intercept_
    if coefficients.shape[0] == 1:
        # two classes: scikit-learn keeps the second one's logit alone
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    return LinearScores(center, scale, np.ascontiguousarray(coefficients.T), np.asarray(intercept, dtype=np.float64))
