"""What any model must beat, each behind the model's own interface: ``fit(train)``, ``predict_proba(test)``.

A baseline is made for one target. It reads of the test rows only what was known at their decision time; with no
evidence it answers the class shares of the training rows.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning.dataset import NO_CLASS, Dataset
from mr_platform.learning.har import HarVolatility
from mr_platform.learning.hmm import GaussianHmm, fit_hmm
from mr_platform.learning.tasks import Target

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_COMPONENTS = 3
_STATES = (2, 3, 4)


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


@dataclass(frozen=True, eq=False)
class StateFilter:
    """Gaussian HMM of 2 to 4 states (least BIC) over the features' first principal components ``axes`` [f, 3].

    It knows no target, so one fit serves them all.
    """

    center: Floats
    scale: Floats
    axes: Floats
    hmm: GaussianHmm

    @staticmethod
    def fit(train: Dataset) -> StateFilter | None:
        """On all rows of ``train``; None with fewer than 40."""
        center, scale = robust_scale(train.x)
        scaled = robust_standardise(train.x, center, scale)
        values, vectors = np.linalg.eigh(np.cov(scaled, rowvar=False, bias=True).reshape(scaled.shape[1], -1))
        top = np.argsort(-values, kind="stable")[:_COMPONENTS]
        axes = vectors[:, top] * np.sign(vectors[np.abs(vectors[:, top]).argmax(axis=0), top])
        # unit variance, so that the variance floor means the same for every component
        axes = axes / np.sqrt(np.maximum(values[top], 1e-12))
        order, lengths = _sequences(train)
        observations = scaled[order] @ axes
        fits = [fit_hmm(observations, lengths, s) for s in _STATES if observations.shape[0] >= 20 * s]
        hmm = min(fits, key=lambda m: m.bic(observations.shape[0]), default=None)
        return StateFilter(center, scale, axes, hmm) if hmm is not None else None

    def states(self, data: Dataset) -> Floats:
        """P(state | past and present of the session) [n, s]."""
        order, lengths = _sequences(data)
        observations = robust_standardise(data.x[order], self.center, self.scale) @ self.axes
        out = np.empty((data.n, self.hmm.states))
        out[order] = self.hmm.filtered(observations, lengths)
        return out


def _sequences(data: Dataset) -> tuple[NDArray[np.intp], Ints]:
    runs = data.runs()
    order = np.concatenate(runs) if runs else np.empty(0, dtype=np.intp)
    return order, np.array([run.size for run in runs], dtype=np.int64)


FitStates = Callable[[Dataset], StateFilter | None]


class HmmFilter(Baseline):
    """The filtered states of a ``StateFilter`` times each state's class shares in training.

    ``fit_states`` gives the filter of the training rows; targets that share it fit it once.
    """

    name = "hmm"
    meaning = "Gaussian HMM filter, 2-4 states, on the first principal components of the features"

    def __init__(self, target: Target, fit_states: FitStates = StateFilter.fit) -> None:
        super().__init__(target)
        self._fit_states = fit_states

    def _fit(self, train: Dataset, labelled: Dataset) -> None:
        self._filter = self._fit_states(train)
        if self._filter is None:
            return
        states = self._filter.states(train)
        y = train.targets[self.target.name]
        table = np.tile(self.shares, (states.shape[1], 1))
        for code in range(self.target.size):
            table[:, code] += states[y == code].sum(axis=0)
        self._table = _normalise(table)

    def predict_proba(self, test: Dataset) -> Floats:
        if self._filter is None or not test.n:
            return self._default(test.n)
        return self._filter.states(test) @ self._table


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


def baselines_for(target: Target, data: Dataset, fit_states: FitStates = StateFilter.fit) -> list[Baseline]:
    """The baselines that apply to a target, to be fitted, in printing order."""
    found = [
        Majority(target),
        Climatology(target),
        Persistence(target),
        Markov(target),
        HmmFilter(target, fit_states),
    ]
    if target.name == "volatility":
        found.append(HarTercile(target))
    if target.name == "regime" and data.rules is not None:
        found.append(RuleClassifier(target))
    return found


def class_shares(y: Ints, k: int, weight: Floats | None = None) -> Floats:
    """Shares of the classes with one row added to each, so that none is impossible; weights add up, if given."""
    counts = np.bincount(y, weights=weight, minlength=k) + 1.0
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def robust_scale(x: Floats) -> tuple[Floats, Floats]:
    """Median and interquartile range / 1.349 of each column, NaN left out; scale 1 where there is no spread."""
    low, center, high = quantiles(x, (0.25, 0.5, 0.75))
    scale = (high - low) / 1.349
    there = ~np.isnan(x)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, x, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(there, x - mean, 0.0) ** 2).sum(axis=0) / count)
    # sparse columns have no interquartile range but do vary
    scale = np.where(scale > 1e-12, scale, np.where(spread > 1e-12, spread, 1.0))
    return center, scale


def quantiles(x: Floats, shares: Sequence[float]) -> Floats:
    """Quantiles [q, f] of the present values of each column of [n, f], linear between neighbours; 0 without any.

    One sort of the whole matrix: numpy.nanquantile goes column by column and takes ten times as long.
    """
    # columns side by side in memory: several times faster than sorting down the rows
    ordered = np.sort(np.ascontiguousarray(x.T), axis=1)
    last = np.maximum(np.count_nonzero(~np.isnan(x), axis=0) - 1, 0)
    columns = np.arange(x.shape[1])
    out = np.empty((len(shares), x.shape[1]))
    for row, share in enumerate(shares):
        at = share * last
        low = np.floor(at).astype(np.intp)
        below, above = ordered[columns, low], ordered[columns, np.minimum(low + 1, last)]
        out[row] = below + (above - below) * (at - low)
    return np.where(np.isnan(ordered[:, 0]), 0.0, out)


def robust_standardise(x: Floats, center: Floats, scale: Floats, limit: float = 5.0) -> Floats:
    """(x - center) / scale within +-limit; a missing value stands at the center."""
    z = np.clip((x - center) / scale, -limit, limit)
    return np.where(np.isnan(z), 0.0, z)


def _normalise(table: Floats) -> Floats:
    return np.asarray(table / table.sum(axis=-1, keepdims=True), dtype=np.float64)
