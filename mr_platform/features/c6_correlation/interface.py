"""The named interfaces of C6: thin calls of the feature kernels that answer with frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.features.c6_correlation import cpu, cross
from mr_platform.features.c6_correlation.breakdown import columns as _breakdown_columns
from mr_platform.features.c6_correlation.component import others
from mr_platform.features.c6_correlation.layout import (
    BREAKDOWN_AT,
    MIDDLE,
    N_SERIES,
    N_TRACKED,
    NAMES,
    PAIR_NAMES,
    PAIRS,
    SCORES,
)
from mr_platform.features.c6_correlation.state import Carried
from mr_platform.features.inputs import SessionInputs
from mr_platform.kernels.cpu import correlation as kernels
from mr_platform.parameters.correlation import CorrelationParameters
from mr_platform.parameters.objects import defaults

Floats = NDArray[np.float64]

LEVELS = ("none", "warning", "critical")
COHERENCE_LEVELS = ("critical", "warning", "sound")
PARTS = ("strength", "soundness", "stability", "coherence")
"""Parts of the component's score."""


@dataclass(frozen=True)
class CorrelationMatrix:
    """Correlations of one-minute changes of the series of a phase at one minute.

    ``values`` [n, n]: symmetric, unit diagonal, positive semi-definite, of the series in ``names``; ``dropped`` are
    those that were constant or lacked bars. ``shrinkage`` is the weight of the identity in it, 0 where the window is
    long enough; ``window`` in minutes. Without enough series there are no names.
    """

    phase: int
    window: int
    names: tuple[str, ...]
    dropped: tuple[str, ...]
    values: Floats
    shrinkage: float


@dataclass(frozen=True)
class BreakdownAlerts:
    """State of the tracked pairs at one minute.

    ``confidences`` [0, 1] by pair that it has broken down, NaN where unknown; ``strengths`` |r| by pair; ``level`` of
    the alert in force, one of ``LEVELS``; ``raised``: alerts of the session so far.
    """

    confidences: Mapping[str, float]
    strengths: Mapping[str, float]
    level: str
    raised: int


@dataclass(frozen=True)
class ValidationScore:
    """How the components' scores agree at one minute; NaN with fewer than the share of them.

    ``consensus`` [-1, 1] their mean by confidence; ``agreement`` [0, 1]; ``coherence`` [0, 1]: 1 where they add up, 0
    where they cancel; ``level`` of the coherence, one of ``COHERENCE_LEVELS``, empty where unknown.
    """

    consensus: float
    agreement: float
    coherence: float
    level: str


@dataclass(frozen=True)
class RLOptimizedWeights:
    """Weights by part of the score, summing to 1; ``steps``: rewards that they were learned from."""

    weights: Mapping[str, float]
    steps: int


def calculate_progressive_correlation_matrix(
    phase: int,
    market_data: SessionInputs,
    *,
    window: int | None = None,
    parameters: CorrelationParameters | None = None,
) -> CorrelationMatrix:
    """The matrix of the first series up to ``phase`` (0..3) at the last minute of ``market_data``.

    ``window`` in minutes, the longest of the parameters without one. UsageError for an unknown phase, or no minute.
    """
    rule = parameters or defaults(CorrelationParameters)
    if phase not in range(len(rule.phases)):
        raise UsageError(
            rule=f"a phase is one of 0 to {len(rule.phases) - 1}",
            value=phase,
            place="calculate_progressive_correlation_matrix",
            remedy="phase 0 has the prices; each next one adds a group of series",
        )
    m = _minutes(market_data)
    bars = window or rule.bars[-1]
    carried = Carried.fresh(m)
    cpu.fill_changes(market_data, others(market_data)[0], 0, m, rule, carried)
    size = rule.phases[phase]
    changes = carried.changes[0, :size, max(m - bars, 0) : m].T
    unit, mean, _ = kernels.unit_columns(changes, bars, rule.windows.coverage)
    left = np.flatnonzero(~np.isnan(mean))
    kept = left if left.size >= rule.windows.series_share * size else left[:0]
    matrix = kernels.correlation_matrix(unit[:, kept])
    short = bars < rule.shrink_factor * kept.size
    weight = kernels.ledoit_wolf(unit[:, kept]) if short and kept.size > 1 else 0.0
    return CorrelationMatrix(
        phase=phase,
        window=bars,
        names=tuple(NAMES[i] for i in kept),
        dropped=tuple(NAMES[i] for i in range(size) if i not in kept),
        values=(1.0 - weight) * matrix + weight * np.eye(kept.size),
        shrinkage=weight,
    )


def detect_correlation_breakdowns(
    threshold: float | None,
    correlations: Floats,
    *,
    parameters: CorrelationParameters | None = None,
) -> BreakdownAlerts:
    """Breakdowns of the tracked pairs at the last of a session's minutes.

    ``correlations`` [M, 6] of the pairs in the order of ``PAIR_NAMES``, NaN where unknown; ``threshold`` of |r|, the
    parameters' without one. UsageError for another shape.
    """
    rule = parameters or defaults(CorrelationParameters)
    if correlations.ndim != 2 or correlations.shape[1] != N_TRACKED or len(correlations) == 0:
        raise UsageError(
            rule=f"correlations are [minutes, {N_TRACKED}], at least one minute",
            value=correlations.shape,
            place="detect_correlation_breakdowns",
            remedy=f"one column for each of {', '.join(PAIR_NAMES[:N_TRACKED])}",
        )
    m = len(correlations)
    cells = np.full((m, N_SERIES * (N_SERIES - 1) // 2), np.nan)
    for q in range(N_TRACKED):
        cells[:, kernels.cell(*PAIRS[q], N_SERIES)] = correlations[:, q]
    carried, values = Carried.fresh(m), np.full((m, 150), np.nan)
    cut = rule.breakdown.threshold if threshold is None else threshold
    _breakdown_columns(
        cells,
        carried.counts[MIDDLE],
        carried.spectral,
        N_SERIES,
        rule.windows.series_share,
        rule.windows.coverage,
        cut,
        np.full(N_TRACKED, cut),
        rule.breakdown.history_bars,
        rule.breakdown.deviations,
        rule.breakdown.slope_bars,
        rule.breakdown.slope_cut,
        rule.breakdown.warning,
        rule.breakdown.critical,
        rule.breakdown.cool_down_minutes,
        rule.breakdown.most_per_session,
        0,
        m,
        carried.strength,
        carried.traces,
        carried.alert,
        values,
        np.empty(m),
    )
    level = values[-1, BREAKDOWN_AT + 14]
    tracked = PAIR_NAMES[:N_TRACKED]
    return BreakdownAlerts(
        confidences=dict(zip(tracked, values[-1, BREAKDOWN_AT : BREAKDOWN_AT + N_TRACKED].tolist(), strict=True)),
        strengths=dict(zip(tracked, carried.strength[-1].tolist(), strict=True)),
        level=LEVELS[0 if np.isnan(level) else int(level)],
        raised=int(carried.alert[2]),
    )


def validate_cross_component_agreement(
    scores: Mapping[str, float],
    confidences: Mapping[str, float],
    *,
    parameters: CorrelationParameters | None = None,
) -> ValidationScore:
    """How the scores [-1, 1] of C1 to C5, by key (``c1``), agree under their confidences [0, 1]; missing is NaN."""
    rule = parameters or defaults(CorrelationParameters)
    given = np.array([scores.get(key, np.nan) for key in SCORES])
    sure = np.array([confidences.get(key, 0.0) for key in SCORES])
    found = np.full(20, np.nan)
    cross.opinions(given, sure, rule.windows.series_share, rule.coherence_critical, rule.coherence_warning, found)
    level = found[cross.COHERENCE_LEVEL]
    return ValidationScore(
        consensus=float(found[cross.CONSENSUS]),
        agreement=float(found[cross.AGREEMENT]),
        coherence=float(found[cross.COHERENCE]),
        level="" if np.isnan(level) else COHERENCE_LEVELS[int(level)],
    )


def optimize_with_reinforcement_learning(
    rewards: Sequence[Sequence[float]] | Floats, *, parameters: CorrelationParameters | None = None
) -> RLOptimizedWeights:
    """Weights of the four parts of the score after the rewards [steps, 4] that each part earned, oldest first.

    The exponentiated gradient (Kivinen and Warmuth 1997): w is multiplied by exp(rate x reward) and renormalised, NaN
    counting as no reward. UsageError for another number of parts.
    """
    rule = parameters or defaults(CorrelationParameters)
    earned = np.asarray(rewards, float)
    if earned.size and (earned.ndim != 2 or earned.shape[1] != len(PARTS)):
        raise UsageError(
            rule=f"a reward for each of {', '.join(PARTS)}",
            value=earned.shape,
            place="optimize_with_reinforcement_learning",
            remedy=f"give [steps, {len(PARTS)}]",
        )
    weights = np.array(rule.score_weights)
    for step in earned:
        # the greatest reward is taken off first: the weights are the same, and no exponential overflows
        gain = np.nan_to_num(step)
        weights = weights * np.exp(rule.learning_rate * (gain - gain.max()))
        weights = weights / weights.sum()
    return RLOptimizedWeights(dict(zip(PARTS, weights.tolist(), strict=True)), len(earned))


def _minutes(market_data: SessionInputs) -> int:
    if market_data.minutes.size == 0:
        raise UsageError(
            rule="the analysis needs at least one bar", value=0, place="C6", remedy="give the session from its open"
        )
    return int(market_data.minutes.size)
