"""One fitted classifier of one target: what it reads, its arrays, calibration, and its answer.

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
from mr_platform.learning.dataset import Dataset
from mr_platform.learning.trees import FlatTrees, softmax
from mr_platform.parameters.learning import Candidate, TreesCandidate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Reading:
    """What a head reads of a design: ``levels`` positions [c], and of ``moving`` [d] the changes over ``lags`` bars.

    ``known`` [c] which levels are known labels; the first ``own`` levels are no features. A change reaches back within
    the session only, missing before.
    """

    levels: Rows
    moving: Rows
    lags: tuple[int, ...]
    known: Bools
    own: int

    def of(self, data: Dataset, rows: Rows | None = None) -> Floats:
        """The matrix [n, c + d * lags] of a dataset, or of some of its rows."""
        return self.matrix(data.x, [data.earlier(lag) for lag in self.lags], rows)

    def matrix(self, x: Floats, earlier: list[Rows], rows: Rows | None = None) -> Floats:
        """As ``of``, from the design [n, f] and for each lag the position of the earlier row, -1 for none."""
        at = np.arange(x.shape[0]) if rows is None else rows
        parts = [x[np.ix_(at, self.levels)]]
        for before in earlier:
            change = x[np.ix_(at, self.moving)] - x[np.ix_(before[at], self.moving)]
            change[before[at] < 0] = np.nan
            parts.append(change)
        return np.concatenate(parts, axis=1)

    @property
    def owners(self) -> Rows:
        """Position in the design of the input behind each column of the matrix."""
        return np.concatenate([self.levels, *[self.moving] * len(self.lags)])

    def plain(self) -> Rows:
        """Columns of the matrix that are not known labels."""
        changes = np.ones(self.moving.size * len(self.lags), dtype=bool)
        return np.flatnonzero(np.concatenate([~self.known, changes]))

    def leading(self) -> Rows:
        """Columns of the matrix of what is no feature, of the moving inputs, and of their changes."""
        width = self.levels.size + self.moving.size * len(self.lags)
        return np.concatenate([np.arange(self.own + self.moving.size), np.arange(self.levels.size, width)])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for storage."""
        return {
            "levels": self.levels.astype(np.int64),
            "moving": self.moving.astype(np.int64),
            "lags": np.array(self.lags, dtype=np.int64),
            "known": self.known,
            "own": np.array([self.own], dtype=np.int64),
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Reading:
        """The inverse of ``arrays``."""
        return Reading(
            arrays["levels"].astype(np.intp),
            arrays["moving"].astype(np.intp),
            tuple(int(lag) for lag in arrays["lags"]),
            arrays["known"],
            int(arrays["own"][0]),
        )


@dataclass(frozen=True, eq=False)
class LinearScores:
    """Linear scores of robustly standardised inputs, and their softmax.

    ``center``, ``scale`` [f]; ``weights`` [f, c]; ``intercept`` [c]; a missing input stands at its center.
    """

    center: Floats
    scale: Floats
    weights: Floats
    intercept: Floats

    def raw(self, x: Floats) -> Floats:
        """Scores [n, c], the largest of a row at zero."""
        scores = robust_standardise(x, self.center, self.scale) @ self.weights + self.intercept
        return np.asarray(scores - scores.max(axis=1, keepdims=True), dtype=np.float64)

    def predict_proba(self, x: Floats) -> Floats:
        """Probabilities [n, c]."""
        return softmax(self.raw(x))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for storage."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> LinearScores:
        """The inverse of ``arrays``."""
        return LinearScores(**{name: arrays[name] for name in LinearScores.__dataclass_fields__})


@dataclass(frozen=True, eq=False)
class StackedScores:
    """Trees over the scores of a linear discriminant and the leading inputs.

    ``linear_at`` columns that the discriminant reads, ``trees_at`` those that stand beside its scores. Source: Wolpert,
    Stacked Generalization (1992): the trees were fitted on scores of sessions that the discriminant had not seen.
    """

    linear: LinearScores
    trees: FlatTrees
    linear_at: Rows
    trees_at: Rows

    def predict_proba(self, x: Floats) -> Floats:
        """Probabilities [n, c]."""
        return self.trees.predict_proba(self._beside(self.linear.raw(x[:, self.linear_at]), x))

    def _beside(self, scores: Floats, x: Floats) -> Floats:
        return np.concatenate([scores, x[:, self.trees_at]], axis=1)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for storage."""
        parts = {f"linear.{name}": values for name, values in self.linear.arrays().items()}
        parts |= {f"trees.{name}": values for name, values in self.trees.arrays().items()}
        return parts | {
            "linear_at": self.linear_at.astype(np.int64),
            "trees_at": self.trees_at.astype(np.int64),
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> StackedScores:
        """The inverse of ``arrays``."""

        def below(prefix: str) -> dict[str, NDArray[Any]]:
            return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

        return StackedScores(
            LinearScores.from_arrays(below("linear.")),
            FlatTrees.from_arrays(below("trees.")),
            arrays["linear_at"].astype(np.intp),
            arrays["trees_at"].astype(np.intp),
        )


_BINS = 32
# Parts of the training sessions, each scored by a discriminant of the others.
_CROSS_FITS = 5

SCORES: dict[str, type[LinearScores] | type[StackedScores]] = {"discriminant": LinearScores, "trees": StackedScores}


@dataclass(frozen=True, eq=False)
class Head:
    """``kind``: discriminant or trees; ``present`` classes behind the scores' columns; ``shares`` [k] the prior."""

    kind: str
    reading: Reading
    scores: LinearScores | StackedScores
    present: Ints
    shares: Floats
    calibration: Calibration

    def uncalibrated(self, data: Dataset, rows: Rows | None = None) -> Floats:
        """The classifier's own probabilities [n, k] of a dataset's rows, zero for classes it has not seen."""
        return self._spread(self.scores.predict_proba(self.reading.of(data, rows)))

    def predict_proba(self, data: Dataset, rows: Rows | None = None) -> Floats:
        """Calibrated probabilities [n, k] of a dataset's rows (all where None)."""
        return self.calibration.apply(self.uncalibrated(data, rows), self.shares)

    def answer(self, z: Floats) -> Floats:
        """Calibrated probabilities [n, k] of the matrix that ``reading`` gives."""
        return self.calibration.apply(self._spread(self.scores.predict_proba(z)), self.shares)

    def _spread(self, p: Floats) -> Floats:
        out = np.zeros((p.shape[0], self.shares.size))
        out[:, self.present] = p
        return out


def fit_head(
    candidate: Candidate,
    reading: Reading,
    z: Floats,
    y: Ints,
    weight: Floats,
    session: Ints,
    k: int,
    *,
    seed: int,
) -> Head:
    """Fit a candidate on labelled rows; uncalibrated.

    ``z`` what ``reading`` gives of them, ``y`` codes [n], ``weight`` and ``session`` [n]. Deterministic in ``seed``:
    the caller holds the numerical libraries to one thread (``walking.single_thread``). Errors: DataError with fewer
    than two classes.
    """
    present, dense = np.unique(y, return_inverse=True)
    if present.size < 2:
        raise DataError(
            rule="training rows show at least two classes",
            value=f"{present.size} classes in {y.size} rows",
            place=f"training of {candidate.name}",
            remedy="train on more sessions",
        )
    scores: LinearScores | StackedScores
    if isinstance(candidate, TreesCandidate):
        scores, kind = _fit_stacked(candidate, reading, z, dense, weight, session, seed), "trees"
    else:
        scores, kind = fit_discriminant(z, dense, weight, candidate.shrinkage), "discriminant"
    return Head(kind, reading, scores, present.astype(np.int64), class_shares(y, k, weight), Calibration.identity())


def fit_discriminant(x: Floats, y: Ints, weight: Floats, shrinkage: float) -> LinearScores:
    """Linear discriminant of robustly standardised inputs [n, f]; ``y`` 0 .. c-1, some of which may be absent.

    The pooled within-class covariance moves towards its diagonal by ``shrinkage`` (Friedman, Regularized Discriminant
    Analysis, 1989). Class means start from one row at the overall mean.
    """
    center, scale = robust_scale(x)
    z = robust_standardise(x, center, scale)
    c = int(y.max()) + 1
    member = np.zeros((y.size, c))
    member[np.arange(y.size), y] = weight
    size = member.sum(axis=0)
    overall = weight @ z / weight.sum()
    means = (member.T @ z + overall) / (size + 1.0)[:, None]
    apart = (z - means[y]) * np.sqrt(weight)[:, None]
    pooled = apart.T @ apart / weight.sum()
    spread = np.diag(pooled).copy()
    pooled *= 1.0 - shrinkage
    # a column without spread inside the classes would weigh infinitely
    pooled[np.diag_indices_from(pooled)] = spread + 1e-3
    weights = np.linalg.solve(pooled, means.T)
    intercept = np.log((size + 1.0) / (size + 1.0).sum()) - 0.5 * (means.T * weights).sum(axis=0)
    return LinearScores(center, scale, weights, intercept)


def _fit_stacked(
    candidate: TreesCandidate, reading: Reading, z: Floats, y: Ints, weight: Floats, session: Ints, seed: int
) -> StackedScores:
    linear_at, trees_at = reading.plain(), reading.leading()
    x = z[:, linear_at]
    linear = fit_discriminant(x, y, weight, candidate.shrinkage)
    scores = linear.raw(x)
    days, day = np.unique(session, return_inverse=True)
    parts = min(_CROSS_FITS, days.size)
    part = day * parts // days.size
    for one in range(parts) if parts > 1 else ():
        held = part == one
        others = fit_discriminant(x[~held], y[~held], weight[~held], candidate.shrinkage)
        # a class that the other parts lack keeps the score that the whole gives it
        scores[held, : others.intercept.size] = others.raw(x[held])
    fitted, cuts = fit_trees(candidate, np.concatenate([scores, z[:, trees_at]], axis=1), y, weight, seed=seed)
    return StackedScores(linear, FlatTrees.from_sklearn(fitted, cuts), linear_at, trees_at)


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
    """Cuts between at most 32 quantile bins of each column of [n, f], ascending; none where there is no value."""
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
