"""What C1 learns from past sessions: the weights of its ten components and of its four timeframes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.weights import summing_to_one
from mr_platform.parameters.triple_straddle import PerformanceScore, WeightLearning

Floats = NDArray[np.float64]
_SESSIONS_A_YEAR = 252


def performance(returns: Floats, score: PerformanceScore) -> float:
    """Sharpe, 1 + max drawdown, hit rate and min(profit factor, cap) / cap of session returns, weighted.

    ``returns`` [n] are log returns of one part's calls, NaN where it made none. Sharpe is annualised (0 for a constant
    series), the drawdown negative, the profit factor at its cap without a loss. NaN for fewer than two sessions.
    """
    known = returns[np.isfinite(returns)]
    if known.size < 2:
        return math.nan
    spread = known.std()
    sharpe = known.mean() / spread * math.sqrt(_SESSIONS_A_YEAR) if spread > 0 else 0.0
    equity = np.exp(np.concatenate(([0.0], np.cumsum(known))))
    drawdown = float((equity / np.maximum.accumulate(equity) - 1.0).min())
    gains, losses = known[known > 0].sum(), -known[known < 0].sum()
    cap = score.profit_factor_cap
    factor = cap if losses == 0 else min(gains / losses, cap)
    w = score.weights
    return (
        w[0] * float(sharpe) + w[1] * (1.0 + drawdown) + w[2] * float((known > 0).mean()) + w[3] * float(factor) / cap
    )


def learned_weights(
    dte: int, session_dte: Floats, returns: Floats, rule: WeightLearning, score: PerformanceScore
) -> Floats:
    """Weights for a session at ``dte`` from earlier sessions, summing to 1.

    ``session_dte`` [sessions] and ``returns`` [sessions, n], oldest first.
    Each part's performance blends the same-DTE window with the all-days window (either alone when the other is shorter
    than ``least_sessions``); negative performance earns no share, nor does the weaker of two redundant parts. The
    weights then walk from the start weights towards the shares, one step for each session beyond the least,
    ``longest_walk`` at most: the same history gives the same weights, and short histories stay near the start.
    """
    start = np.array(rule.start)
    every = returns[-rule.all_days :]
    if every.shape[0] < rule.least_sessions:
        return start
    same = returns[session_dte == dte][-rule.same_dte :]
    scores = np.array([performance(column, score) for column in every.T])
    if same.shape[0] >= rule.least_sessions:
        share = score.same_dte_share(dte)
        near = np.array([performance(column, score) for column in same.T])
        scores = np.where(np.isfinite(near), share * near + (1.0 - share) * scores, scores)
    scores = np.where(np.isfinite(scores), np.maximum(scores, 0.0), 0.0)
    scores[_redundant(every, scores, rule.redundant)] = 0.0
    if scores.sum() <= 0.0:
        return start
    target = scores / scores.sum()
    weights = start
    for _ in range(min(every.shape[0] - rule.least_sessions + 1, rule.longest_walk)):
        low = np.maximum(weights - rule.largest_step, rule.low)
        high = np.minimum(weights + rule.largest_step, rule.high)
        weights = summing_to_one(weights + rule.rate * (target - weights), low, high)
    return weights


def _redundant(returns: Floats, scores: Floats, limit: float) -> NDArray[np.bool_]:
    """Parts whose session returns correlate beyond ``limit`` in size with those of a better part (ties: an earlier)."""
    out = np.zeros(scores.size, bool)
    ranked = np.argsort(-scores, kind="stable")
    for place, i in enumerate(ranked):
        for j in ranked[:place]:
            both = np.isfinite(returns[:, i]) & np.isfinite(returns[:, j])
            a, b = returns[both, i], returns[both, j]
            if out[j] or a.size < 3 or a.std() == 0 or b.std() == 0:
                continue
            if abs(np.corrcoef(a, b)[0, 1]) > limit:
                out[i] = True
                break
    return out
