"""Intervals by block bootstrap of whole sessions, and the probability of backtest overfitting."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def session_confusions(y: Ints, predicted: Ints, session: Ints, k: int) -> Floats:
    """Confusion matrix of each session [s, k, k], sessions ascending. All symbols of a date are one block."""
    ordinals, at = np.unique(session, return_inverse=True)
    flat = np.bincount(at * k * k + y * k + predicted, minlength=ordinals.size * k * k)
    return flat.reshape(ordinals.size, k, k).astype(np.float64)


def session_draws(sessions: int, *, resamples: int, seed: int) -> Floats:
    """How often each session is drawn [resamples, sessions]; the same draws serve every statistic compared."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(sessions, np.full(sessions, 1.0 / sessions), size=resamples).astype(np.float64)


def bootstrap_interval(
    blocks: Floats, statistic: Callable[[Floats], Floats], draws: Floats, *, coverage: float
) -> tuple[float, float]:
    """Percentile interval of a statistic of summed blocks.

    ``blocks`` [s, ...], ``statistic`` maps sums [resamples, ...] to [resamples]. NaN for fewer than two blocks: one
    session says nothing about how sessions differ.
    """
    if blocks.shape[0] < 2:
        return float("nan"), float("nan")
    values = statistic(np.tensordot(draws, blocks, axes=(1, 0)))
    tail = 50.0 * (1.0 - coverage)
    low, high = np.nanpercentile(values, [tail, 100.0 - tail])
    return float(low), float(high)


def overfitting_probability(scores: Floats, *, groups: int = 8) -> float:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation.

    ``scores`` [t, c]: score (more is better) of each of c candidates in each of t periods. For every half of the
    groups of periods the candidate best there is ranked in the other half; returned is the share of halves in which
    it lands in the lower half. NaN with fewer than two candidates or fewer periods than groups.
    Source: Bailey, Borwein, Lopez de Prado, Zhu, The Probability of Backtest Overfitting (2017).
    """
    periods, candidates = scores.shape
    groups -= groups % 2
    if candidates < 2 or periods < groups:
        return float("nan")
    means = np.stack([part.mean(axis=0) for part in np.array_split(scores, groups)])
    below = total = 0
    for inside in combinations(range(groups), groups // 2):
        chosen = np.zeros(groups, dtype=bool)
        chosen[list(inside)] = True
        best = int(np.argmax(means[chosen].mean(axis=0)))
        outside = means[~chosen].mean(axis=0)
        worse, equal = np.count_nonzero(outside < outside[best]), np.count_nonzero(outside == outside[best])
        rank = (worse + (equal + 1) / 2) / (candidates + 1)
        below += rank <= 0.5
        total += 1
    return below / total
