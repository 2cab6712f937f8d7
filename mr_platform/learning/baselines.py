"""What any model must beat, each behind the model's own interface: ``fit(train)``, ``predict_proba(test)``.

A baseline is made for one target. It reads of the test rows only what was known at their decision time; with no
evidence it answers the class shares of the training rows.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning.dataset import NO_CLASS, Dataset
from mr_platform.learning.har import HarVolatility
from mr_platform.learning.hmm import GaussianHmm, fit_hmm
from mr_platform.learning.tasks import Target

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Baseline(abc.ABC):
    """Base of all baselines. ``fit`` returns the baseline itself; ``predict_proba`` gives [n, k], rows sum to 1."""

    name: str
    meaning: str

    def __init__(self, target: Target) -> None:
        self.target = target
        self.shares: Floats = np.full(target.size, 1.0 / target.size)

    def fit(self, train: Dataset) -> Baseline:
        """Learn from the labelled rows of ``train``."""
        labelled = train.rows(train.labelled(self.target.name))
        self.shares = class_shares(labelled.targets[self.target.name], self.target.size)
        self._fit(train, labelled)
        return self

    @abc.abstractmethod
    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        """Learn what goes beyond class shares; ``train`` also has the rows without a label."""

    @abc.abstractmethod
    def predict_proba(self, test: Dataset) -> Floats:
        """Probabilities of the classes [n, k]."""

    def _default(self, n: int) -> Floats:
        return np.tile(self.shares, (n, 1))


class Majority(Baseline):
    """The class shares of the training rows, whatever happens."""

    name = "majority"
    meaning = "class shares of the training rows"

    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        """Nothing beyond class shares."""

    def predict_proba(self, test: Dataset) -> Floats:
        return self._default(test.n)


class Climatology(Baseline):
    """Class shares at the time of day, drawn towards the overall shares by ``_WEIGHT`` rows."""

    name = "climatology"
    meaning = "class shares at the same time of day"
    _WEIGHT = 10.0

    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        self._minutes = np.unique(labelled.minute)
        at = np.searchsorted(self._minutes, labelled.minute)
        k = self.target.size
        counts = np.bincount(at * k + labelled.targets[self.target.name], minlength=self._minutes.size * k)
        self._table = _normalise(counts.reshape(-1, k) + self._WEIGHT * self.shares)

    def predict_proba(self, test: Dataset) -> Floats:
        out = self._default(test.n)
        if self._minutes.size:
            at = np.minimum(np.searchsorted(self._minutes, test.minute), self._minutes.size - 1)
            seen = self._minutes[at] == test.minute
            out[seen] = self._table[at[seen]]
        return out


class Persistence(Baseline):
    """Honest persistence: the last label known at the decision, as often right as it was in training."""

    name = "persistence"
    meaning = "the last label known at t (that of t-H)"

    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        last, y = labelled.last_known[self.target.name], labelled.targets[self.target.name]
        seen = last != NO_CLASS
        hits = float(np.count_nonzero(last[seen] == y[seen]))
        k = self.target.size
        share = (hits + 1.0) / (np.count_nonzero(seen) + k)
        # the answer is the last known label by definition, also where it is right less often than by chance
        self._hit = max(share, 1.0 / k + 1e-6)

    def predict_proba(self, test: Dataset) -> Floats:
        last = test.last_known[self.target.name]
        out = self._default(test.n)
        seen = np.flatnonzero(last != NO_CLASS)
        out[seen] = (1.0 - self._hit) / (self.target.size - 1)
        out[seen, last[seen]] = self._hit
        return out


class Markov(Baseline):
    """First-order Markov chain of the labels, from the last known label forward by its age in bars."""

    name = "markov"
    meaning = "first-order chain of labels, run forward from the last one known"

    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        k = self.target.size
        counts = np.zeros((k, k))
        y = labelled.targets[self.target.name]
        for run in labelled.runs():
            np.add.at(counts, (y[run][:-1], y[run][1:]), 1.0)
        self._transition = _normalise(counts + self.shares)

    def predict_proba(self, test: Dataset) -> Floats:
        last, age = test.last_known[self.target.name], np.maximum(test.last_age, 0)
        out = self._default(test.n)
        for bars in np.unique(age[last != NO_CLASS]):
            power = np.linalg.matrix_power(self._transition, int(bars))
            rows = np.flatnonzero((last != NO_CLASS) & (age == bars))
            out[rows] = power[last[rows]]
        return out


class HmmFilter(Baseline):
    """Gaussian HMM of 2 to 4 states (least BIC) filtered over the features' first principal components.

    The class probabilities are the filtered states times each state's class shares in training.
    """

    name = "hmm"
    meaning = "Gaussian HMM filter, 2-4 states, on the first principal components of the features"
    _COMPONENTS = 3
    _STATES = (2, 3, 4)

    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        self._center, self._scale = robust_scale(train.x)
        scaled = robust_standardise(train.x, self._center, self._scale)
        values, vectors = np.linalg.eigh(np.cov(scaled, rowvar=False, bias=True).reshape(scaled.shape[1], -1))
        top = np.argsort(-values, kind="stable")[: self._COMPONENTS]
        axes = vectors[:, top] * np.sign(vectors[np.abs(vectors[:, top]).argmax(axis=0), top])
        # unit variance, so that the variance floor means the same for every component
        self._axes = axes / np.sqrt(np.maximum(values[top], 1e-12))
        observations, order, lengths = self._observe(train)
        fits = [fit_hmm(observations, lengths, s) for s in self._STATES if observations.shape[0] >= 20 * s]
        self._hmm: GaussianHmm | None = min(fits, key=lambda m: m.bic(observations.shape[0]), default=None)
        if self._hmm is None:
            return
        states = self._hmm.filtered(observations, lengths)
        y = train.targets[self.target.name][order]
        table = np.tile(self.shares, (self._hmm.states, 1))
        for code in range(self.target.size):
            table[:, code] += states[y == code].sum(axis=0)
        self._table = _normalise(table)

    def _observe(self, data: Dataset) -> tuple[Floats, NDArray[np.intp], Ints]:
        runs = data.runs()
        order = np.concatenate(runs) if runs else np.empty(0, dtype=np.intp)
        x = robust_standardise(data.x[order], self._center, self._scale) @ self._axes
        return x, order, np.array([run.size for run in runs], dtype=np.int64)

    def predict_proba(self, test: Dataset) -> Floats:
        out = self._default(test.n)
        if self._hmm is not None and test.n:
            observations, order, lengths = self._observe(test)
            out[order] = self._hmm.filtered(observations, lengths) @ self._table
        return out


class HarTercile(Baseline):
    """HAR-RV forecast of the window's volatility against the usual terciles at that time of day."""

    name = "har_rv"
    meaning = "HAR regression of realised volatility, as terciles"

    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        self._har = HarVolatility.fit(train)

    def predict_proba(self, test: Dataset) -> Floats:
        if self._har is None:
            return self._default(test.n)
        out = self._har.terciles(test)
        unknown = np.isnan(out).any(axis=1)
        out[unknown] = self.shares
        return out


class RuleClassifier(Baseline):
    """The rule classifier's own probabilities, where the features carry them (columns ``rule_p_*``)."""

    name = "rules"
    meaning = "the rule-based classifier at t"

    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        """Nothing: rules are given, not learned."""

    def predict_proba(self, test: Dataset) -> Floats:
        out = self._default(test.n)
        if test.rules is not None:
            total = test.rules.sum(axis=1)
            given = np.isfinite(total) & (total > 0)
            out[given] = test.rules[given] / total[given, None]
        return out


def baselines_for(target: Target, data: Dataset) -> list[Callable[[], Baseline]]:
    """The baselines that apply to a target, in printing order."""
    kinds: list[type[Baseline]] = [Majority, Climatology, Persistence, Markov, HmmFilter]
    if target.name == "volatility":
        kinds.append(HarTercile)
    if target.name == "regime" and data.rules is not None:
        kinds.append(RuleClassifier)
    return [_maker(kind, target) for kind in kinds]


def _maker(kind: type[Baseline], target: Target) -> Callable[[], Baseline]:
    return lambda: kind(target)


def class_shares(y: Ints, k: int, weight: Floats | None = None) -> Floats:
    """Shares of the classes with one row added to each, so that none is impossible; weights add up, if given."""
    counts = np.bincount(y, weights=weight, minlength=k) + 1.0
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def robust_scale(x: Floats) -> tuple[Floats, Floats]:
    """Median and interquartile range / 1.349 of each column, NaN left out; scale 1 where there is no spread."""
    some = np.where(np.isnan(x).all(axis=0), 0.0, x)
    low, center, high = np.nanpercentile(some, (25.0, 50.0, 75.0), axis=0)
    scale = (high - low) / 1.349
    spread = np.nanstd(some, axis=0)
    # sparse columns have no interquartile range but do vary
    scale = np.where(scale > 1e-12, scale, np.where(spread > 1e-12, spread, 1.0))
    return center, scale


def robust_standardise(x: Floats, center: Floats, scale: Floats, limit: float = 5.0) -> Floats:
    """(x - center) / scale within +-limit; a missing value stands at the center."""
    z = np.clip((x - center) / scale, -limit, limit)
    return np.where(np.isnan(z), 0.0, z)


def _normalise(table: Floats) -> Floats:
    return np.asarray(table / table.sum(axis=-1, keepdims=True), dtype=np.float64)
