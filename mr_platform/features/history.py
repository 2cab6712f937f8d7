"""What earlier sessions saw of a quantity: percentiles and medians by days to expiry, out of a few numbers a session.

A session leaves, for each quantity, how many five-minute observations it made and five of their quantiles; sessions
further back than a year leave their median alone. That is enough for a percentile to within a point, and small enough
to be handed from session to session in the daily context.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.parameters.common import DteHistoryParameters
from mr_platform.parameters.objects import defaults

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Each stands for a fifth of the session's observations."""
_MEDIAN = 2
DETAILED = 252
"""Sessions whose five quantiles are kept; older ones leave their median."""
RANGE_NAMES = ("0_7", "8_30", "31_plus")


def dte_range(dte: int, rule: DteHistoryParameters | None = None) -> int:
    """Index into ``RANGE_NAMES`` of calendar days to expiry; the last for anything longer."""
    return (rule or defaults(DteHistoryParameters)).range_of(dte)


@dataclass(frozen=True, eq=False)
class Ranked:
    """History of Q quantities, ready to be ranked in.

    ``values`` [Q, N] ascending, padded with inf; ``below`` [Q, N + 1] observations before each place; ``observations``
    and ``sessions`` int64 [Q] how many there are and of how many sessions; ``trusted`` bool [Q] whether they are enough
    to replace a default.
    """

    values: Floats
    below: Floats
    observations: Ints
    sessions: Ints
    trusted: NDArray[np.bool_]

    def quantile(self, q: int, share: float) -> float:
        """The value that ``share`` (0..1) of quantity q's history lies below, linear in between; NaN without any.

        Every kept value stands in the middle of the observations that it speaks for.
        """
        n = int(np.isfinite(self.values[q]).sum())
        if n == 0:
            return float("nan")
        middle = 0.5 * (self.below[q, :n] + self.below[q, 1 : n + 1])
        return float(np.interp(share * self.below[q, n], middle, self.values[q, :n]))

    def rank(self, q: int, x: Floats) -> Floats:
        """Mid-rank of ``x`` in the history of quantity q, 0..1, without x itself; NaN for NaN, or without history."""
        values, below = self.values[q], self.below[q]
        total = below[-1]
        low = below[np.searchsorted(values, x, side="left")]
        high = below[np.searchsorted(values, x, side="right")]
        known = np.isfinite(x) & (total > 0)
        return np.where(known, 0.5 * (low + high) / (total if total > 0 else 1.0), np.nan)


@dataclass(frozen=True, eq=False)
class QuantityHistory:
    """Sessions' summaries of Q quantities, oldest first.

    ``dte`` [S] calendar days to the nearest expiry; ``seen`` [S, Q] observations; ``median`` [S, Q]; ``points``
    [min(S, 252), Q, 5] quantiles of the latest sessions. NaN where a session saw nothing.

    How far back a history reaches and how much must stand behind it is the ``rule``'s business, the declared one where
    none is given.
    """

    dte: Floats
    seen: Floats
    median: Floats
    points: Floats

    @staticmethod
    def empty(quantities: int) -> QuantityHistory:
        """No session yet."""
        shapes = ((0,), (0, quantities), (0, quantities), (0, quantities, len(QUANTILES)))
        return QuantityHistory(*(np.empty(shape) for shape in shapes))

    @staticmethod
    def of(memory: Mapping[str, Floats], prefix: str, quantities: int) -> QuantityHistory:
        """What ``as_memory`` put there; empty where nothing was, or where it was of another number of quantities."""
        names = [f"{prefix}_{part}" for part in ("dte", "seen", "median", "points")]
        if any(name not in memory for name in names) or memory[names[1]].shape[1:] != (quantities,):
            return QuantityHistory.empty(quantities)
        return QuantityHistory(*(memory[name] for name in names))

    def as_memory(self, prefix: str) -> dict[str, Floats]:
        """Named arrays for the daily context."""
        return {f"{prefix}_{part}": getattr(self, part) for part in ("dte", "seen", "median", "points")}

    def with_session(self, dte: int, observations: Floats, rule: DteHistoryParameters | None = None) -> QuantityHistory:
        """One session more, of ``observations`` [n, Q] (NaN left out); unchanged where there is not one."""
        rule = rule or defaults(DteHistoryParameters)
        finite = np.isfinite(observations)
        seen = finite.sum(axis=0).astype(float)
        if not seen.any():
            return self
        points = _quantiles(np.where(finite, observations, np.nan), finite.sum(axis=0))
        deepest = max(rule.range_sessions)
        return QuantityHistory(
            np.append(self.dte, float(dte))[-deepest:],
            np.concatenate([self.seen, seen[None]])[-deepest:],
            np.concatenate([self.median, points[None, :, _MEDIAN]])[-deepest:],
            np.concatenate([self.points, points[None]])[-DETAILED:],
        )

    def specific(self, dte: int, rule: DteHistoryParameters | None = None) -> Ranked:
        """Sessions, as far back as a single day's depth, with exactly ``dte`` days to the nearest expiry."""
        rule = rule or defaults(DteHistoryParameters)
        chosen = np.flatnonzero(self.dte == dte)
        least = (rule.day_observations, rule.day_least_sessions)
        return self._ranked(chosen[chosen >= self.dte.size - rule.day_sessions], least)

    def of_range(self, dte: int, rule: DteHistoryParameters | None = None) -> Ranked:
        """Sessions of the range that ``dte`` lies in, as far back as that range's depth."""
        rule = rule or defaults(DteHistoryParameters)
        which = rule.range_of(dte)
        of_session = np.searchsorted(rule.range_bounds, self.dte, side="left")
        chosen = np.flatnonzero((of_session == which) & (self.dte >= 0))
        least = (rule.range_observations, rule.range_least_sessions)
        return self._ranked(chosen[chosen >= self.dte.size - rule.range_sessions[which]], least)

    def _ranked(self, chosen: Ints, least: tuple[int, int]) -> Ranked:
        quantities = self.seen.shape[1]
        first_detailed = self.dte.size - self.points.shape[0]
        detailed, older = chosen[chosen >= first_detailed], chosen[chosen < first_detailed]
        # [N, Q]: every kept value and how many observations it stands for
        values = np.concatenate(
            [
                self.points[detailed - first_detailed].transpose(0, 2, 1).reshape(-1, quantities),
                self.median[older],
            ]
        )
        weights = np.concatenate(
            [np.repeat(self.seen[detailed] / len(QUANTILES), len(QUANTILES), axis=0), self.seen[older]]
        )
        missing = ~np.isfinite(values)
        values, weights = np.where(missing, np.inf, values), np.where(missing, 0.0, weights)
        order = np.argsort(values, axis=0, kind="stable")
        ascending = np.take_along_axis(values, order, axis=0).T
        below = np.zeros((quantities, values.shape[0] + 1))
        np.cumsum(np.take_along_axis(weights, order, axis=0).T, axis=1, out=below[:, 1:])
        observations = np.rint(below[:, -1]).astype(np.int64)
        sessions = (self.seen[chosen] > 0).sum(axis=0).astype(np.int64)
        trusted = (observations >= least[0]) & (sessions >= least[1])
        return Ranked(np.ascontiguousarray(ascending), below, observations, sessions, trusted)


def _quantiles(observations: Floats, seen: Ints) -> Floats:
    """``QUANTILES`` of each column's first ``seen`` values in ascending order [Q, 5], linear in between; NaN of none.

    As ``np.quantile`` of each column without its NaN, bit for bit, but of all columns in one go.
    """
    ascending = np.sort(observations, axis=0)
    last = np.maximum(seen - 1, 0)
    place = last[:, None] * np.array(QUANTILES)
    below = np.floor(place).astype(np.int64)
    share = place - below
    columns = np.arange(seen.size)[:, None]
    low, high = ascending[below, columns], ascending[np.minimum(below + 1, last[:, None]), columns]
    # from the nearer end, so that both ends are met exactly
    found: Floats = np.where(share >= 0.5, high - (high - low) * (1.0 - share), low + (high - low) * share)
    return found
