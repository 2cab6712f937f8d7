"""What earlier sessions teach about weights and probabilities. Outcomes are the caller's: labels that were known then.

C8's own features learn nothing from outcomes, for no label is known below; who knows them passes them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mr_platform.errors import UsageError
from mr_platform.features.c8_master_integration.state import N_COMPONENTS, N_REGIMES, Floats
from mr_platform.features.weights import summing_to_one
from mr_platform.parameters.master_integration import MasterIntegrationParameters, RegimeLearning

MEASURES = ("accuracy", "confidence", "stability", "speed")


@dataclass(frozen=True, eq=False)
class PerformanceHistory:
    """How the components did in earlier sessions, oldest first; one row a session, one column for each of C1..C7.

    ``session_dte`` calendar days to expiry; ``observations`` answers whose outcome is known; ``accuracy``,
    ``confidence``, ``stability`` and ``speed`` of these answers, 0..1, NaN where there is none.
    """

    session_dte: Sequence[int]
    observations: Floats
    accuracy: Floats
    confidence: Floats
    stability: Floats
    speed: Floats

    def __post_init__(self) -> None:
        wanted = (len(self.session_dte), N_COMPONENTS)
        shapes = {name: np.shape(getattr(self, name)) for name in ("observations", *MEASURES)}
        if any(shape != wanted for shape in shapes.values()):
            raise UsageError(
                rule=f"one row for each session_dte and one column for each of C1..C{N_COMPONENTS}",
                value=shapes,
                place="performance history",
                remedy="give NaN, and no observations, where a component made no answer",
            )


@dataclass(frozen=True, eq=False)
class RegimeHistory:
    """How answers of each of the eight regimes, in the order of REGIMES, turned out: ``observations`` of them,
    ``accuracy`` and mean ``confidence`` 0..1.
    """

    observations: Floats
    accuracy: Floats
    confidence: Floats

    def __post_init__(self) -> None:
        shapes = {name: np.shape(getattr(self, name)) for name in ("observations", "accuracy", "confidence")}
        if any(shape != (N_REGIMES,) for shape in shapes.values()):
            raise UsageError(
                rule="one number for each of the eight regimes",
                value=shapes,
                place="regime history",
                remedy="order them as in schemas.tables.REGIMES",
            )


@dataclass(frozen=True, eq=False)
class Lesson:
    """What the sessions looked back over say at some days to expiry, by component [7].

    ``target``: where the weights are to move, summing to 1 as the start weights do; None where nobody answered often
    enough. ``performance`` 0..1, NaN below the least ``observations``.
    """

    target: Floats | None
    performance: Floats
    observations: Floats


def learned_weights(
    dte: int, start: Floats, history: PerformanceHistory, settings: MasterIntegrationParameters
) -> tuple[Floats, Floats]:
    """Weights [7] at ``dte`` calendar days, summing to 1 within their bounds, and the observations behind each [7].

    Of the sessions that are looked back over, those at these days count: one step for each of them.
    """
    same = np.flatnonzero(np.asarray(history.session_dte) == dte)
    chosen = same[same >= len(history.session_dte) - settings.learning.lookback]
    found = lesson(start, history, chosen, settings.learning.least_dte, settings.learning)
    weights = start
    if found.target is not None:
        for _ in range(chosen.size):
            weights = step(weights, found.target, settings)
    return weights, found.observations


def lesson(start: Floats, history: PerformanceHistory, chosen: np.ndarray, least: int, rule: RegimeLearning) -> Lesson:
    """What the sessions ``chosen`` (rows of the history) teach.

    Components with ``least`` observations share what they weighed together at the start by their performance; the
    others are to weigh what they did.
    """
    observations = np.asarray(history.observations)[chosen].sum(axis=0)
    known = observations >= least
    scores = np.array([performance(history, chosen, c, rule) if known[c] else 0.0 for c in range(N_COMPONENTS)])
    told = np.where(known, scores, np.nan)
    if not scores.sum() > 0.0:
        return Lesson(None, told, observations)
    return Lesson(np.where(known, scores / scores.sum() * start[known].sum(), start), told, observations)


def step(weights: Floats, target: Floats, settings: MasterIntegrationParameters) -> Floats:
    """``weights`` [7] moved towards ``target`` by one step of the rate, within their bounds and summing to 1."""
    low, high = np.full(N_COMPONENTS, settings.weights.lowest), np.full(N_COMPONENTS, settings.weights.highest)
    return summing_to_one(weights + settings.learning.rate * (target - weights), low, high)


def performance(history: PerformanceHistory, chosen: np.ndarray, component: int, rule: RegimeLearning) -> float:
    """.40 accuracy + .25 confidence + .20 (1 - its standard deviation) + .10 stability + .05 speed of the sessions."""
    accuracy, confidence, stability, speed = (
        one[np.isfinite(one)] for one in (np.asarray(getattr(history, name))[chosen, component] for name in MEASURES)
    )
    parts = [
        accuracy.mean() if accuracy.size else 0.0,
        confidence.mean() if confidence.size else 0.0,
        1.0 - accuracy.std() if accuracy.size else 0.0,
        stability.mean() if stability.size else 0.0,
        speed.mean() if speed.size else 0.0,
    ]
    return float(np.dot(rule.performance_weights, parts))


def corrected(p: Floats, history: RegimeHistory, rule: RegimeLearning) -> Floats:
    """Probabilities [8] times .7 historical accuracy + .3 historical confidence, summing to 1 again.

    A regime with too few observations takes the mean factor of those with enough: it neither gains nor loses by being
    rare. Unchanged where none has enough, or where nothing would be left.
    """
    known = np.asarray(history.observations) >= rule.least_regime
    if not known.any():
        return p
    factor = rule.history_weights[0] * np.asarray(history.accuracy) + rule.history_weights[1] * np.asarray(
        history.confidence
    )
    mixed = p * np.where(known, factor, factor[known].mean())
    total = mixed.sum()
    return np.asarray(mixed / total) if total > 0.0 else p
