"""What C2 learns from finished sessions: the weights of the Greeks and the cuts of the sentiment levels."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mr_platform.features.c2_greeks_sentiment.state import FIRST_ORDER, N_GREEKS, Floats
from mr_platform.parameters.common import DteHistoryParameters
from mr_platform.parameters.greeks_sentiment import GreekWeightLearning, LevelLearning

PARTS = N_GREEKS + 1
"""Seven Greeks and the return that followed."""
_LOWER = np.tril_indices(PARTS)


class SessionProducts:
    """Sessions' sums of products of the normalised Greeks and the return of the underlying that followed.

    ``dte`` [S] calendar days to the nearest expiry; ``products`` [S, 8, 8], the last part being the return. They are
    enough to know how any weights would have done, session by session.
    """

    def __init__(self, dte: Floats, products: Floats) -> None:
        self.dte = dte
        self.products = products

    @staticmethod
    def of(memory: Mapping[str, Floats]) -> SessionProducts:
        """What ``as_memory`` put there; empty where nothing was."""
        lower = memory.get("c2_products", np.empty((0, _LOWER[0].size)))
        products = np.zeros((lower.shape[0], PARTS, PARTS))
        products[:, _LOWER[0], _LOWER[1]] = lower
        products[:, _LOWER[1], _LOWER[0]] = lower
        return SessionProducts(memory.get("c2_products_dte", np.empty(0)), products)

    def as_memory(self) -> dict[str, Floats]:
        """Named arrays for the daily context: the matrices' lower triangles."""
        return {"c2_products_dte": self.dte, "c2_products": self.products[:, _LOWER[0], _LOWER[1]]}

    def with_session(
        self, dte: int, greeks: Floats, returns: Floats, lookback: int, rule: DteHistoryParameters
    ) -> SessionProducts:
        """One session more, of ``greeks`` [n, 7] and the ``returns`` [n] after them; rows with a NaN are left out.

        Of each range of days to expiry the last ``lookback`` sessions are kept.
        """
        rows = np.column_stack([greeks, returns])
        rows = rows[np.isfinite(rows).all(axis=1)]
        if rows.shape[0] == 0:
            return self
        days = np.append(self.dte, float(dte))
        products = np.concatenate([self.products, (rows.T @ rows)[None]])
        ranges = np.searchsorted(rule.range_bounds, days)
        keep = np.sort(np.concatenate([np.flatnonzero(ranges == r)[-lookback:] for r in np.unique(ranges)]))
        return SessionProducts(days[keep], products[keep])

    def of_range(self, dte: int, rule: DteHistoryParameters) -> Floats:
        """Products of the sessions of the range that ``dte`` lies in [n, 8, 8], oldest first."""
        inside = np.searchsorted(rule.range_bounds, self.dte) == rule.range_of(dte)
        return np.asarray(self.products[inside])


ORDERS = (slice(0, FIRST_ORDER), slice(FIRST_ORDER, N_GREEKS))


def information(weights: Floats, products: Floats) -> float:
    """Uncentred correlation of the weighted Greeks with the return that followed; NaN where either is 0.

    ``weights`` [n] and the pooled ``products`` [n + 1, n + 1], the last part being the return.
    """
    scores = float(weights @ products[:-1, :-1] @ weights)
    returns = float(products[-1, -1])
    if not (scores > 0 and returns > 0):
        return math.nan
    return float(weights @ products[:-1, -1]) / math.sqrt(scores * returns)


def learned_weights(start: Floats, products: Floats, rule: GreekWeightLearning) -> Floats:
    """Weights [7] of the Greeks from sessions' ``products`` [n, 8, 8], oldest first; each order learns by itself.

    The weights of an order walk from ``start`` towards the Greeks' shares of positive information, one step of
    exponential smoothing for each session from the least number on. The start weights stay while there are too few
    sessions, and where the learned ones would not have been better by the least gain.
    """
    recent = products[-rule.lookback :]
    out = start.copy()
    if recent.shape[0] < rule.least:
        return out
    pooled = recent.sum(axis=0)
    steps = recent.shape[0] - rule.least + 1
    for order in ORDERS:
        parts = [*range(N_GREEKS)[order], N_GREEKS]
        known = pooled[np.ix_(parts, parts)]
        size = np.sqrt(np.diag(known)[:-1] * known[-1, -1])
        earned = np.maximum(np.divide(known[:-1, -1], size, out=np.zeros(size.size), where=size > 0), 0.0)
        if earned.sum() <= 0:
            continue
        target = start[order].sum() * earned / earned.sum()
        moved = start[order] + (1.0 - (1.0 - rule.smoothing) ** steps) * (target - start[order])
        moved = np.clip(moved, rule.low, rule.high)
        before, after = information(start[order], known), information(moved, known)
        if after > 0 and after - before >= rule.least_gain * abs(before):
            out[order] = moved
    return out


def adapted_cuts(cuts: Floats, scores: Floats, rule: LevelLearning, least: int) -> Floats:
    """Cuts [6] between the seven levels after one session, from the last scores.

    A cut moves towards the middle between the mean scores of the two levels that it parts (one step of Lloyd's least
    squares quantiser, IEEE Trans. Inf. Theory 28, 1982), by at most the step, where each of the two has ``least``
    observations. Neutral keeps 0 inside; neighbours keep their separation.
    """
    known = scores[np.isfinite(scores)][-rule.lookback :]
    below = cuts < 0
    # a cut belongs to the level further from neutral
    level = (np.where(below, known[:, None] > cuts, known[:, None] >= cuts)).sum(axis=1)
    out = cuts.copy()
    for i in range(cuts.size):
        left, right = known[level == i], known[level == i + 1]
        if min(left.size, right.size) >= least:
            out[i] += np.clip(0.5 * (left.mean() + right.mean()) - cuts[i], -rule.step, rule.step)
    inner = int(below.sum())
    edge = 0.5 * rule.separation
    for i in range(inner - 1, -1, -1):
        out[i] = min(out[i], -edge if i == inner - 1 else out[i + 1] - rule.separation)
    for i in range(inner, cuts.size):
        out[i] = max(out[i], edge if i == inner else out[i - 1] + rule.separation)
    return out
