"""The eight components together behind one interface: analyse the market, take feedback, tell of one's health.

Nothing here has a rule of its own: the answer is that of ``results.analyse``, weights move as ``adaptation`` says. Who
has a lake builds one with ``stations.orchestrator``.
"""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from mr_platform.errors import UsageError
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.regimes import COMPONENTS, RegimeParameters
from mr_platform.regimes.adaptation import Decision
from mr_platform.regimes.feedback import PerformanceFeedback, WeightUpdateResult, smoothed
from mr_platform.regimes.inputs import ComponentScores, Floats, Ints, ModelAnswer, Times
from mr_platform.regimes.performance import SessionPerformance
from mr_platform.regimes.results import Weighting, analyse
from mr_platform.regimes.state import MarketState
from mr_platform.regimes.taxonomy import strategic
from mr_platform.regimes.weights import Cell
from mr_platform.regimes.weights_in_force import WeightsInForce, weighting
from schemas.tables import REGIMES
from schemas.weights import ANY_REGIME

# outputs.md, section 2: what a request that refuses adaptive weights and gives none is weighed by. C8 has .15 there,
# which nothing uses: it is the seven together.
FIXED_WEIGHTS = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10, 0.10)
_ACCURACY_DAYS = timedelta(days=7)


@dataclass(frozen=True, eq=False)
class MarketData:
    """What a symbol's bars are analysed from.

    ``components``: the answers of C1..C8; ``labels`` of the session, asked for where weights depend on the regime known
    at a bar; ``model`` and ``market`` as ``results.analyse`` takes them; ``processing_time_ms`` by component. Weights:
    ``weights`` by component win, else the adaptive ones, else (``adaptive`` False) the fixed ones.
    """

    components: Sequence[ComponentScores]
    labels: Callable[[], pa.Table]
    model: ModelAnswer | None = None
    market: MarketState | None = None
    weights: Mapping[int, float] | None = None
    adaptive: bool = True
    processing_time_ms: Mapping[int, float] | None = None


@dataclass(frozen=True)
class ComponentContribution:
    """A component's part in the answer: ``score`` -1..1, ``confidence`` 0..1, ``weight`` its share of the weights of
    the components present, ``contribution`` weight x score, the regime it predicts by itself (None without evidence)
    and its ``health``. NaN where it has no score; C8 has no weight beside the seven.
    """

    score: float
    confidence: float
    weight: float
    contribution: float
    prediction: str | None
    health: str


@dataclass(frozen=True)
class MasterRegimeResult:
    """The answer at the last bar.

    ``regime`` one of the 8, None where there is no signal, then ``reason`` says why; ``confidence`` 0..1; ``source``
    model, rules or no-signal; ``rule_regime`` stands beside it; ``probabilities`` by code. ``weighted_by`` request,
    adaptive or fixed. ``direction`` weighted score -1..1 and ``agreement`` 0..1 of the components. NaN: not known.
    """

    analysis_id: str
    symbol: str
    event_ts: datetime
    known_ts: datetime
    regime: str | None
    name: str | None
    tactical_regime: str | None
    workbook_regime: str | None
    confidence: float
    probabilities: Mapping[str, float]
    source: str
    reason: str | None
    rule_regime: str | None
    model_version: str
    direction: float
    agreement: float
    weighted_by: str
    components: Mapping[str, ComponentContribution]


@dataclass(frozen=True)
class ComponentHealth:
    """``status`` healthy, degraded or unavailable at ``last_update``; ``processing_time_ms`` where measured;
    ``accuracy_7d`` share of right answers in the last seven days of known outcomes, NaN without any; ``issue`` in
    words.
    """

    status: str
    last_update: datetime | None
    processing_time_ms: float
    accuracy_7d: float
    issue: str


@dataclass(frozen=True)
class SystemHealthMetrics:
    """``status`` the worst that follows from the components: healthy, degraded, unavailable where none of C1..C7 is
    there. ``memory_gb`` peak of the process. ``learned_cells`` sets of weights that have left their start values, the
    latest at ``last_weight_change``; ``pending_changes`` come into force with the next session. ``agreement`` is NaN
    before the first analysis.
    """

    status: str
    components: Mapping[str, ComponentHealth]
    total_processing_time_ms: float
    memory_gb: float
    agreement: float
    learned_cells: int
    last_weight_change: datetime
    pending_changes: int


class AdaptiveLearningOrchestrator:
    """The components of one symbol under the weights in force in a session.

    ``sessions``: how earlier sessions turned out, oldest first. Feedback changes weights from ``next_session`` on,
    since weights are fixed at a session's open; ``pending`` are decisions for it that stand already, ``keep`` is handed
    each new one.
    """

    def __init__(
        self,
        weights: WeightsInForce,
        parameters: RegimeParameters,
        learning: MasterIntegrationParameters,
        *,
        next_session: date,
        sessions: Sequence[SessionPerformance] = (),
        pending: Sequence[Decision] = (),
        keep: Callable[[Decision], None] = lambda decision: None,
    ) -> None:
        self._weights = weights
        self._parameters = parameters
        self._learning = learning
        self._next_session = next_session
        self._sessions = sessions
        self._pending: dict[Cell, Decision] = {one.cell: one for one in pending}
        self._keep = keep
        self._last: MasterRegimeResult | None = None
        self._spent: Mapping[int, float] = {}

    def analyze_market_regime(self, market_data: MarketData) -> MasterRegimeResult:
        """The answer at the last bar of the data.

        UsageError where none of C1..C7 is there, or the weights of the request weigh nothing.
        """
        data = market_data
        rule, said = self._weighting(data)
        found = analyse(
            self._weights.symbol,
            data.components,
            self._parameters,
            weights=rule,
            model=data.model,
            market=data.market,
            processing_time_ms=data.processing_time_ms,
        )
        row = found.master.slice(found.master.num_rows - 1).to_pylist()[0]
        answers = [a for a in found.components.to_pylist() if a["event_ts"] == row["event_ts"]]
        regime = row["master_regime"]
        self._spent = dict(data.processing_time_ms or {})
        self._last = MasterRegimeResult(
            analysis_id=row["analysis_id"],
            symbol=row["symbol"],
            event_ts=row["event_ts"],
            known_ts=row["known_ts"],
            regime=regime,
            name=strategic(regime).name if regime else None,
            tactical_regime=row["tactical_regime"],
            workbook_regime=row["workbook_regime"],
            confidence=_number(row["master_confidence"]),
            probabilities={code: _number(row[f"p_{code.lower()}"]) for code in REGIMES},
            source=row["source"],
            reason=row["reason"],
            rule_regime=row["rule_regime"],
            model_version=row["model_version"],
            direction=float(found.direction[-1]),
            agreement=_number(row["component_agreement"]),
            weighted_by=said,
            components={f"c{answer['component_id']}": _contribution(answer) for answer in answers},
        )
        return self._last

    def update_component_weights(self, performance_feedback: PerformanceFeedback) -> WeightUpdateResult:
        """Move a component's weight by what somebody saw of its answers; in force from the next session on.

        A change that is not in force yet is gone on from. UsageError for feedback that no weight can follow.
        """
        given = performance_feedback
        cell: Cell = (given.dte_bucket, given.regime_context)
        before = self._pending.get(cell)
        if before is None:
            held = self._weights.cell(*cell)
            values, measures = tuple(w.value for w in held), tuple(w.performance for w in held)
        else:
            values, measures = before.values, before.performance
        result = smoothed(given, self._weights.symbol, values, measures, self._next_session, self._learning)
        self._pending[cell] = result.decision
        self._keep(result.decision)
        return result

    def get_system_health_metrics(self) -> SystemHealthMetrics:
        """How the components and the learning stand; of the components what the last analysis saw."""
        components = {f"c{number}": self._health(number) for number in range(1, 9)}
        states = {components[f"c{number}"].status for number in COMPONENTS}
        worst = "healthy" if states == {"healthy"} else "unavailable" if states == {"unavailable"} else "degraded"
        changed = [one.since for cell in self._weights.cells.values() for one in cell]
        return SystemHealthMetrics(
            status=worst,
            components=components,
            total_processing_time_ms=sum(self._spent.values()) if self._spent else math.nan,
            memory_gb=_peak_memory_gb(),
            agreement=math.nan if self._last is None else self._last.agreement,
            learned_cells=sum(cell[0].previous is not None for cell in self._weights.cells.values()),
            last_weight_change=max(changed),
            pending_changes=len(self._pending),
        )

    def _weighting(self, data: MarketData) -> tuple[Weighting, str]:
        if data.weights is not None:
            return _fixed(_requested(data.weights)), "request"
        if data.adaptive:
            return weighting(self._weights, data.labels), "adaptive"
        return _fixed(np.array(FIXED_WEIGHTS)), "fixed"

    def _health(self, number: int) -> ComponentHealth:
        seen = None if self._last is None else self._last.components.get(f"c{number}")
        last = None if self._last is None else self._last.event_ts
        issue = "nothing analysed yet" if last is None else f"no row at {last:%Y-%m-%d %H:%M}"
        if seen is not None:
            issue = {"healthy": "", "degraded": "some of its inputs are missing"}.get(seen.health, "it has no score")
        return ComponentHealth(
            status="unavailable" if seen is None else seen.health,
            last_update=None if seen is None else last,
            processing_time_ms=self._spent.get(number, math.nan),
            accuracy_7d=self._accuracy(number),
            issue=issue,
        )

    def _accuracy(self, number: int) -> float:
        """Of the sessions in the seven days up to the last whose outcomes are known; C8 is not learned about."""
        if number not in COMPONENTS or not self._sessions:
            return math.nan
        newest = self._sessions[-1].trade_date
        right = asked = 0.0
        for one in self._sessions:
            if one.trade_date > newest - _ACCURACY_DAYS:
                for (_, context), measures in one.cells.items():
                    observations, accuracy = measures[:2, number - 1]
                    if context == ANY_REGIME and observations:
                        right, asked = right + observations * accuracy, asked + observations
        return float(right / asked) if asked else math.nan


def _requested(weights: Mapping[int, float]) -> Floats:
    """Weights [7] as a request gives them, 0 for a component it leaves out; C8's is not used."""
    unknown = sorted(set(weights) - {*COMPONENTS, 8})
    row = np.array([float(weights.get(component, 0.0)) for component in COMPONENTS])
    if unknown or not np.isfinite(row).all() or (row < 0).any() or not row.sum() > 0:
        raise UsageError(
            rule="weights of a request are given by component 1 to 8, none below 0, at least one of C1..C7 above",
            value=dict(weights),
            place="analysis of the market regime",
            remedy="leave the weights out to use the adaptive ones",
        )
    return np.asarray(row / row.sum())


def _fixed(row: Floats) -> Weighting:
    def of_rows(event_ts: Times, known_ts: Times, dte: Ints) -> Floats:
        return np.tile(row, (event_ts.size, 1))

    return of_rows


def _contribution(answer: Mapping[str, object]) -> ComponentContribution:
    score, weight = _number(answer["score"]), _number(answer["weight_factor"])
    prediction = answer["regime_prediction"]
    return ComponentContribution(
        score=score,
        confidence=_number(answer["confidence_score"]),
        weight=weight,
        contribution=score * weight,
        prediction=None if prediction is None else str(prediction),
        health=str(answer["health"]),
    )


def _number(value: object) -> float:
    return math.nan if value is None else float(str(value))


def _peak_memory_gb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kibibytes, macOS bytes
    return peak / (1e9 if sys.platform == "darwin" else 1e9 / 1024)
