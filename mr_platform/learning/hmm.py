"""Hidden Markov model with diagonal Gaussian emissions: EM for the fit, the forward recursion for the filter.

The filter gives P(state at t | observations up to t): it reads nothing later, unlike a smoother.
Source: Rabiner, A Tutorial on Hidden Markov Models (1989), with scaled forward and backward variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_VARIANCE_FLOOR = 1e-3


@dataclass(frozen=True, eq=False)
class GaussianHmm:
    """``start`` [s], ``transition`` [s, s] from row to column, ``mean`` and ``variance`` [s, d].

    ``log_likelihood`` is that of the rows it was fitted on, before the last step of EM.
    """

    start: Floats
    transition: Floats
    mean: Floats
    variance: Floats
    log_likelihood: float

    @property
    def states(self) -> int:
        """Number of states."""
        return self.start.size

    def filtered(self, observations: Floats, lengths: Ints) -> Floats:
        """P(state | past and present) [n, s] of sequences laid end to end, each starting afresh."""
        density = _log_density(observations, self.mean, self.variance)
        return np.asarray(_forward(density, self.start, self.transition, lengths)[0], dtype=np.float64)

    def score(self, observations: Floats, lengths: Ints) -> float:
        """Log-likelihood of the sequences."""
        density = _log_density(observations, self.mean, self.variance)
        return float(_forward(density, self.start, self.transition, lengths)[2])

    def bic(self, n: int) -> float:
        """Bayesian information criterion of the fit on n rows; less is better."""
        s, d = self.mean.shape
        return float(-2.0 * self.log_likelihood + np.log(n) * (s - 1 + s * (s - 1) + 2 * s * d))


def initial_hmm(observations: Floats, states: int) -> GaussianHmm:
    """Start of EM: rows split into equal parts along the first column, and states that tend to stay."""
    order = np.argsort(observations[:, 0], kind="stable")
    parts = np.array_split(order, states)
    mean = np.stack([observations[part].mean(axis=0) for part in parts])
    variance = np.stack([observations[part].var(axis=0) for part in parts])
    transition = np.full((states, states), 0.1 / max(states - 1, 1))
    np.fill_diagonal(transition, 0.9)
    return GaussianHmm(
        np.full(states, 1.0 / states), transition, mean, np.maximum(variance, _VARIANCE_FLOOR), float("-inf")
    )


def fit_hmm(
    observations: Floats,
    lengths: Ints,
    states: int,
    *,
    iterations: int = 30,
    tolerance: float = 1e-5,
    start: GaussianHmm | None = None,
) -> GaussianHmm:
    """Maximum likelihood by EM from ``start`` (default ``initial_hmm``).

    ``observations`` float64 [n, d] without NaN, sequences end to end of ``lengths``. Stops when the log-likelihood
    per row rises by less than ``tolerance``. Variances have a floor of 1e-3: standardise the observations.
    """
    model = start or initial_hmm(observations, states)
    for _ in range(iterations):
        density = _log_density(observations, model.mean, model.variance)
        alpha, scale, likelihood = _forward(density, model.start, model.transition, lengths)
        gamma, moves, starts = _backward(density, model.transition, alpha, scale, lengths)
        gain = (likelihood - model.log_likelihood) / observations.shape[0]
        model = _maximise(observations, gamma, moves, starts, likelihood, model)
        if gain < tolerance:
            break
    return model


def _maximise(
    observations: Floats, gamma: Floats, moves: Floats, starts: Floats, likelihood: float, old: GaussianHmm
) -> GaussianHmm:
    weight = gamma.sum(axis=0)
    held = np.maximum(weight, 1e-12)[:, None]
    mean = gamma.T @ observations / held
    variance = gamma.T @ observations**2 / held - mean**2
    leaving = moves.sum(axis=1, keepdims=True)
    transition = np.where(leaving > 0, moves / np.maximum(leaving, 1e-300), old.transition)
    return GaussianHmm(
        starts / starts.sum(), transition, mean, np.maximum(variance, _VARIANCE_FLOOR), float(likelihood)
    )


def _log_density(observations: Floats, mean: Floats, variance: Floats) -> Floats:
    distance = (observations[:, None, :] - mean[None]) ** 2 / variance[None]
    return np.asarray(-0.5 * (distance + np.log(2.0 * np.pi * variance)[None]).sum(axis=2), dtype=np.float64)


@njit(cache=True)
def _forward(
    density: Floats, start: Floats, transition: Floats, lengths: Ints
) -> tuple[Floats, Floats, float]:  # pragma: no cover - compiled
    n, s = density.shape
    alpha, scale = np.empty((n, s)), np.empty(n)
    likelihood, row = 0.0, 0
    for length in lengths:
        for t in range(length):
            top = density[row].max()
            total = 0.0
            for j in range(s):
                prior = start[j]
                if t > 0:
                    prior = 0.0
                    for i in range(s):
                        prior += alpha[row - 1, i] * transition[i, j]
                alpha[row, j] = prior * np.exp(density[row, j] - top)
                total += alpha[row, j]
            if total <= 0.0:
                # no state explains the row: keep the prior, so that one outlier does not end the filter
                total = 1.0
                for j in range(s):
                    alpha[row, j] = 1.0 / s
            for j in range(s):
                alpha[row, j] /= total
            scale[row] = total
            likelihood += np.log(total) + top
            row += 1
    return alpha, scale, likelihood


@njit(cache=True)
def _backward(
    density: Floats, transition: Floats, alpha: Floats, scale: Floats, lengths: Ints
) -> tuple[Floats, Floats, Floats]:  # pragma: no cover - compiled
    n, s = density.shape
    gamma, moves, starts = np.empty((n, s)), np.zeros((s, s)), np.zeros(s)
    beta, ahead = np.empty(s), np.empty(s)
    end = n
    for index in range(lengths.size - 1, -1, -1):
        begin = end - lengths[index]
        for j in range(s):
            beta[j] = 1.0
            gamma[end - 1, j] = alpha[end - 1, j]
        for row in range(end - 2, begin - 1, -1):
            top = density[row + 1].max()
            for j in range(s):
                ahead[j] = np.exp(density[row + 1, j] - top) * beta[j] / scale[row + 1]
            for i in range(s):
                total = 0.0
                for j in range(s):
                    flow = transition[i, j] * ahead[j]
                    moves[i, j] += alpha[row, i] * flow
                    total += flow
                gamma[row, i] = alpha[row, i] * total
            for i in range(s):
                beta[i] = 0.0
                for j in range(s):
                    beta[i] += transition[i, j] * ahead[j]
        for j in range(s):
            starts[j] += gamma[begin, j]
        end = begin
    return gamma, moves, starts
