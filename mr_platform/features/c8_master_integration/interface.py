"""The named interfaces of C8: thin calls of the feature kernels that answer with frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mr_platform.errors import UsageError
from mr_platform.features.c8_master_integration import pieces
from mr_platform.features.c8_master_integration.catalogue import COMPONENTS
from mr_platform.features.c8_master_integration.component import day_constants
from mr_platform.features.c8_master_integration.cpu import health_of, integrate_row
from mr_platform.features.c8_master_integration.learning import (
    PerformanceHistory,
    RegimeHistory,
    corrected,
    learned_weights,
)
from mr_platform.features.c8_master_integration.state import Floats
from mr_platform.features.component import HEALTH
from mr_platform.features.history import RANGE_NAMES
from mr_platform.kernels.cpu.signatures import classify_rows
from mr_platform.kernels.reference.signatures import NO_REGIME
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import defaults
from schemas.tables import REGIMES

NO_SIGNAL = "no-signal"
LEVELS = ("none", "flagged", "adapt")


@dataclass(frozen=True)
class ComponentReading:
    """What a component says now: ``score`` [-1, 1], NaN without one; ``confidence`` [0, 1]; ``health`` by name."""

    score: float
    confidence: float
    health: str = HEALTH[-1]


@dataclass(frozen=True)
class ComponentWeights:
    """Weights of C1..C7 by key, summing to 1, at ``dte`` calendar days to expiry, in the range ``dte_range``.

    ``observations`` behind each; ``learned`` where they were enough, else the start weight of the range is in it.
    """

    dte: int
    dte_range: str
    weights: Mapping[str, float]
    observations: Mapping[str, float]
    learned: Mapping[str, bool]


@dataclass(frozen=True)
class IntegratedAnswer:
    """The seven together.

    ``scores`` by component, NaN where one is not there, and its ``weights`` at ``dte``. ``shares`` in the weights in
    force (weight x confidence x health) and ``contributions``, share x score. ``score`` [-1, 1], their sum;
    ``confidence`` [0, 1]; ``agreement`` [0, 1], 1 - standard deviation by share; ``synergy_pairs`` and
    ``synergy_triads`` [-1, 1]; NaN where too few speak. ``health`` by name.
    """

    dte: int
    scores: Mapping[str, float]
    weights: Mapping[str, float]
    shares: Mapping[str, float]
    contributions: Mapping[str, float]
    score: float
    confidence: float
    agreement: float
    synergy_pairs: float
    synergy_triads: float
    health: str


@dataclass(frozen=True)
class RegimeInForce:
    """The regime in force: its code, the ``probabilities`` it was taken up with, how long ago, and changes since."""

    regime: str
    probabilities: Mapping[str, float]
    minutes_since_change: float = float("inf")
    changes_in_hour: int = 0


@dataclass(frozen=True)
class RegimeClassification:
    """The eight regimes. ``probabilities`` and ``matches`` (weighted, 0..1) by code, NaN without evidence.

    ``regime`` the most probable, empty without evidence, and its probability ``confidence``. ``answer``: the regime, or
    "no-signal" below the gate. Beside a regime in force: ``shift`` total variation from its distribution; ``status`` of
    the challenge: "unchanged" where the shift is too small or the regime the same, "confirmed", "tentative" or held
    back by "cool-down" or "rate"; ``alert`` where the shift is one; ``doubtful`` where the regime in force has become
    improbable. Without one: NaN, "first", no alert, doubtful where the leading regime is improbable.
    """

    probabilities: Mapping[str, float]
    matches: Mapping[str, float]
    regime: str
    confidence: float
    answer: str
    shift: float
    status: str
    alert: bool
    doubtful: bool


@dataclass(frozen=True)
class StructureAlert:
    """``shift``: latest performance over the mean of those before it, less 1; NaN where there is nothing to compare.

    ``level``: "none", "flagged", or "adapt", which is to be answered within ``answer_hours``.
    """

    shift: float
    level: str
    answer_hours: int


def integrate_all_components(
    component_results: Mapping[str, ComponentReading],
    dte: int,
    *,
    weights: ComponentWeights | None = None,
    parameters: MasterIntegrationParameters | None = None,
) -> IntegratedAnswer:
    """The answers of C1..C7 (keys ``c1`` .. ``c7``; one that lacks is unavailable) at ``dte`` calendar days together.

    ``weights`` in place of the start weights of the range. UsageError for an unknown component or health.
    """
    settings = parameters or defaults(MasterIntegrationParameters)
    _require_known(component_results)
    readings = [component_results.get(key, ComponentReading(float("nan"), 0.0, HEALTH[0])) for key in COMPONENTS]
    row = np.array([pieces.on_grid(one.score) for one in readings])
    sure = np.array([pieces.on_grid(one.confidence) for one in readings])
    healths = np.array([HEALTH.index(one.health) for one in readings])
    in_range = weights or adapt_dte_specific_component_weights(dte, parameters=settings)
    own = np.array([in_range.weights[key] for key in COMPONENTS])
    shares, columns = np.empty(len(COMPONENTS)), np.empty(5)
    integrate_row(row, sure, healths, own, settings.degraded_weight, shares, columns)
    score, confidence, agreement, pairs, triads = columns.tolist()
    return IntegratedAnswer(
        dte=dte,
        scores=_by_component(row),
        weights=dict(in_range.weights),
        shares=_by_component(shares),
        contributions=_by_component(shares * row),
        score=score,
        confidence=0.0 if np.isnan(score) else confidence,
        agreement=agreement,
        synergy_pairs=pairs,
        synergy_triads=triads,
        health=HEALTH[health_of(row, healths, score)],
    )


def classify_8_regime_system(
    integrated_score: IntegratedAnswer,
    *,
    in_force: RegimeInForce | None = None,
    history: RegimeHistory | None = None,
    parameters: MasterIntegrationParameters | None = None,
) -> RegimeClassification:
    """The eight regimes from the scores behind an integrated answer, under its weights.

    ``history`` corrects the probabilities by how such answers turned out; ``in_force`` is challenged by the new ones.
    """
    settings = parameters or defaults(MasterIntegrationParameters)
    scores = np.array([[integrated_score.scores[key] for key in COMPONENTS]])
    weights = np.array([integrated_score.weights[key] for key in COMPONENTS])
    rules = settings.rules
    found = classify_rows(scores, weights, np.array(rules.table()), rules.score_share, rules.match_floor)
    p, matches, leader = found[0][0], found[1][0], int(found[2][0])
    if leader != NO_REGIME and history is not None:
        p = corrected(p, history, settings.learning)
        leader = int(np.argmax(p))
    regime = "" if leader == NO_REGIME else REGIMES[leader]
    confidence = float("nan") if leader == NO_REGIME else float(p[leader])
    rule = settings.transitions
    shift, status, doubted = float("nan"), "first", confidence
    if in_force is not None:
        before = np.array([in_force.probabilities[code] for code in REGIMES])
        shift = float(pieces.variation(p, before))
        doubted = float(p[REGIMES.index(in_force.regime)])
        status = "unchanged"
        if regime not in ("", in_force.regime) and shift >= rule.shift:
            status = rule.status(confidence, in_force.minutes_since_change, in_force.changes_in_hour)
    return RegimeClassification(
        probabilities=dict(zip(REGIMES, p.tolist(), strict=True)),
        matches=dict(zip(REGIMES, matches.tolist(), strict=True)),
        regime=regime,
        confidence=confidence,
        answer=regime if confidence >= settings.signal.gate else NO_SIGNAL,
        shift=shift,
        status=status,
        alert=shift >= rule.alert,
        doubtful=not doubted >= rule.confidence_alert,
    )


def adapt_dte_specific_component_weights(
    dte: int,
    *,
    history: PerformanceHistory | None = None,
    parameters: MasterIntegrationParameters | None = None,
) -> ComponentWeights:
    """Weights of C1..C7 at ``dte`` calendar days: those of its range, moved by ``history`` where that is enough.

    UsageError for negative days.
    """
    settings = parameters or defaults(MasterIntegrationParameters)
    if dte < 0:
        raise UsageError(
            rule="days to expiry are not negative",
            value=dte,
            place="component weights",
            remedy="pass the days to the nearest expiry",
        )
    day = day_constants(settings, 0)
    start = np.empty(len(COMPONENTS))
    pieces.weights_at(dte, day.bounds, day.weights, start)
    weights, observations = start, np.zeros(len(COMPONENTS))
    if history is not None:
        weights, observations = learned_weights(dte, start, history, settings)
    enough = observations >= settings.learning.least_dte
    return ComponentWeights(
        dte=dte,
        dte_range=RANGE_NAMES[settings.history.range_of(dte)],
        weights=_by_component(weights),
        observations=_by_component(observations),
        learned=dict(zip(COMPONENTS, enough.tolist(), strict=True)),
    )


def detect_market_structure_changes(
    performance_history: Sequence[float], *, parameters: MasterIntegrationParameters | None = None
) -> StructureAlert:
    """Whether the latest performance (accuracy of a session, say; oldest first) left its usual level.

    Usual is the mean of those before it, as far as is looked back; NaN entries are left out.
    """
    settings = parameters or defaults(MasterIntegrationParameters)
    known = [one for one in performance_history if np.isfinite(one)]
    before = known[:-1][-settings.learning.lookback :]
    usual = float(np.mean(before)) if before else 0.0
    shift = known[-1] / usual - 1.0 if usual > 0.0 else float("nan")
    structure = settings.structure
    level = int(abs(shift) > structure.flag) + int(abs(shift) > structure.adapt)
    return StructureAlert(shift=float(shift), level=LEVELS[level], answer_hours=structure.answer_hours)


def _by_component(row: Floats) -> dict[str, float]:
    return dict(zip(COMPONENTS, row.tolist(), strict=True))


def _require_known(results: Mapping[str, ComponentReading]) -> None:
    unknown = sorted(set(results) - set(COMPONENTS))
    unwell = sorted({one.health for one in results.values()} - set(HEALTH))
    if unknown or unwell:
        raise UsageError(
            rule=f"answers of {', '.join(COMPONENTS)}, of health {', '.join(HEALTH)}",
            value={"components": unknown, "health": unwell},
            place="integrate_all_components",
            remedy="leave C8 out, and name the health as the components do",
        )
