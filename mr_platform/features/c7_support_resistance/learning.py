"""What C7 learns from labelled touches of earlier sessions: weights of the methods, coefficients of the chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mr_platform.features.c7_support_resistance.state import METHODS, N_Z, Floats
from mr_platform.features.weights import summing_to_one
from mr_platform.parameters.support_resistance import BreakoutParameters, MethodLearning

_SESSIONS_A_YEAR = 252
_LONGEST_WALK = 50
"""Steps a weight walks at most: at a tenth each, from one bound to the other and back."""
_NEWTON_STEPS = 25
_CONVERGED = 1e-12
TOUCHED, HELD, WON, RETURNED = range(4)
"""Per session and method: touches with a label, how many held, how many paid who traded against the break, and the sum
of those trades' log returns (a straddle's scaled to the index)."""


def method_weights(sessions: Floats, start: Mapping[str, float], rule: MethodLearning) -> Floats:
    """Weights [5] of the methods from ``sessions`` [S, 5, 4], oldest first, summing to 1.

    A method's share is that of its performance: .35 accuracy (touches that held) + .25 Sharpe ratio / 2 + .25 (1 + max
    drawdown) + .15 hit rate, by default; Sharpe is annualised from session sums, NaN-free, and counts between -2 and 2.
    The weights walk from the start towards the shares, one step a session once every method has ``least`` touches, a
    step at most ``largest_step`` of the weight: the same history gives the same weights.
    """
    weights = np.array([start[name] for name in start])
    enough = (np.cumsum(sessions[:, :, TOUCHED], axis=0) >= rule.least).all(axis=1)
    steps = min(int(enough.sum()), _LONGEST_WALK)
    if steps == 0:
        return weights
    scores = np.array([max(_performance(sessions[:, m], rule), 0.0) for m in range(len(METHODS))])
    if scores.sum() <= 0.0:
        return weights
    target = scores / scores.sum()
    for _ in range(steps):
        low = np.maximum(weights * (1.0 - rule.largest_step), rule.low)
        high = np.minimum(weights * (1.0 + rule.largest_step), rule.high)
        weights = summing_to_one(target, low, high)
    return weights


def _performance(one: Floats, rule: MethodLearning) -> float:
    """Performance of one method from its sessions [S, 4]."""
    touched = one[:, TOUCHED].sum()
    returns = one[one[:, TOUCHED] > 0, RETURNED]
    spread = returns.std()
    sharpe = float(returns.mean() / spread) * math.sqrt(_SESSIONS_A_YEAR) if spread > 0 else 0.0
    equity = np.exp(np.concatenate(([0.0], np.cumsum(returns))))
    drawdown = float((equity / np.maximum.accumulate(equity) - 1.0).min())
    accuracy, hit = one[:, HELD].sum() / touched, one[:, WON].sum() / touched
    w = rule.performance_weights
    return float(
        w[0] * accuracy + w[1] * min(max(sharpe / 2.0, -1.0), 1.0) + w[2] * (1.0 + drawdown) + w[3] * hit,
    )


@dataclass(frozen=True, eq=False)
class BreakLearning:
    """What was learned of the chance of a break of one asset's zones.

    ``mean`` [7] and ``precision`` [7, 7] of the normal belief about the coefficients; ``labels`` touches behind it.
    """

    mean: Floats
    precision: Floats
    labels: float

    @staticmethod
    def start(rule: BreakoutParameters) -> BreakLearning:
        """The start coefficients as a prior."""
        return BreakLearning(np.array(rule.coefficients), np.diag(rule.prior_precisions), 0.0)

    def coefficients(self, rule: BreakoutParameters) -> Floats:
        """In force: the start coefficients until there are enough labels."""
        return self.mean if self.labels >= rule.least else np.array(rule.coefficients)

    def with_touches(self, z: Floats, labels: Floats, rule: BreakoutParameters) -> BreakLearning:
        """After one session more: touches ``z`` [n, 6] with ``labels`` [n] 1 broke, 0 held.

        The belief of before is a normal prior, its gain over the start forgotten in part; the mode of the posterior is
        found by Newton's method and its curvature kept as the new precision (Spiegelhalter and Lauritzen 1990). The
        Brier score is thereby of chances given before the label was known.
        """
        if labels.size == 0:
            return self
        first = np.diag(rule.prior_precisions)
        prior = first + rule.forgetting * (self.precision - first)
        x = np.column_stack([np.ones(labels.size), z.reshape(-1, N_Z)])
        mean, curvature = self.mean.copy(), prior
        for _ in range(_NEWTON_STEPS):
            chance = 1.0 / (1.0 + np.exp(-(x @ mean)))
            curvature = prior + (x * (chance * (1.0 - chance))[:, None]).T @ x
            step = np.linalg.solve(curvature, x.T @ (labels - chance) - prior @ (mean - self.mean))
            mean = mean + step
            if float(np.abs(step).max()) < _CONVERGED:
                break
        return BreakLearning(mean, curvature, self.labels + labels.size)
