"""Feedback on a component's answers, and the weight that follows from it by exponential smoothing.

Of the five measures that performance is made of, feedback brings two: accuracy and speed. The performance seen is their
mean by their weights; the one on record moves towards it by the rate of learning, and the weight towards what it would
be in proportion. A component without a performance on record is compared with the mean of its cell; where the cell has
none at all nothing can be compared: the performance goes on record and no weight moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from mr_platform.errors import UsageError
from mr_platform.features.c8_master_integration.learning import step
from mr_platform.features.weights import summing_to_one
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.regimes import COMPONENTS
from mr_platform.regimes.adaptation import Decision
from mr_platform.regimes.weights import identify
from schemas.tables import REGIMES
from schemas.weights import ANY_REGIME, CONTEXTS, DTE_BUCKETS, FEEDBACK

STRATEGIES = ("exponential_smoothing",)
# An answer half an hour late, the reach of the nowcast's label, is not timely at all.
_LATEST_MINUTES = 30.0


@dataclass(frozen=True)
class PerformanceFeedback:
    """What somebody saw of a component's answers at ``observed_at`` (zone-aware).

    ``accuracy_score`` 0..1; ``timing_accuracy_minutes`` by which it was late, from 0; the regimes by code.
    ``regime_context`` of the weights to be moved, ANY by default.
    """

    component_id: int
    dte_bucket: str
    actual_regime: str
    predicted_regime: str
    accuracy_score: float
    timing_accuracy_minutes: float
    observed_at: datetime
    regime_context: str = ANY_REGIME
    update_strategy: str = STRATEGIES[0]

    def __post_init__(self) -> None:
        known = (
            self.component_id in COMPONENTS
            and self.dte_bucket in DTE_BUCKETS
            and self.regime_context in CONTEXTS
            and {self.actual_regime, self.predicted_regime} <= set(REGIMES)
            and self.update_strategy in STRATEGIES
        )
        measured = 0.0 <= self.accuracy_score <= 1.0 and 0.0 <= self.timing_accuracy_minutes < float("inf")
        if not known or not measured or self.observed_at.tzinfo is None:
            raise UsageError(
                rule=f"feedback names a component of C1..C7, a bucket of {DTE_BUCKETS}, regimes of {REGIMES} and a "
                f"strategy of {STRATEGIES}, with an accuracy in 0..1, minutes from 0 and a moment with its zone",
                value=self,
                place="performance feedback",
                remedy="correct the field; C8 weighs nothing and learns by what the seven learn",
            )


@dataclass(frozen=True)
class WeightUpdateResult:
    """A weight moved by feedback. ``performance_improvement``: performance seen less the one on record, 0 without one.

    ``learning_convergence`` 0..1: 1 where the weights stood still, 0 where one took a whole step. ``in_force_from`` the
    session; ``decision`` with the weights of all seven, which sum to 1.
    """

    component_id: int
    old_weight: float
    new_weight: float
    weight_change: float
    performance_improvement: float
    update_timestamp: datetime
    learning_convergence: float
    in_force_from: date
    decision: Decision


def smoothed(
    given: PerformanceFeedback,
    symbol: str,
    values: Sequence[float],
    measures: Sequence[float | None],
    session: date,
    settings: MasterIntegrationParameters,
) -> WeightUpdateResult:
    """The weights [7] after feedback, from ``values`` and the performance on record ``measures`` (None without one)."""
    rule, bounds = settings.learning, settings.weights
    at = given.component_id - 1
    before, records = np.array(values), np.array(measures, dtype=np.float64)
    told = np.array([given.accuracy_score, max(1.0 - given.timing_accuracy_minutes / _LATEST_MINUTES, 0.0)])
    share = np.array([rule.performance_weights[0], rule.performance_weights[4]])
    seen = float(told @ share / share.sum())
    on_record = records[np.isfinite(records)]
    usual = records[at] if np.isfinite(records[at]) else on_record.mean() if on_record.size else np.nan
    after, record = before, seen
    if usual > 0.0:
        record = float(usual + rule.rate * (seen - usual))
        low, high = np.full(before.size, bounds.lowest), np.full(before.size, bounds.highest)
        wanted = min(before[at] * seen / usual, bounds.highest)
        target = before * (1.0 - wanted) / (1.0 - before[at])
        target[at] = wanted
        after = step(before, summing_to_one(target, low, high), settings)
    longest = rule.rate * (bounds.highest - bounds.lowest)
    records[at] = record
    moved = float(np.abs(after - before).max())
    decision = Decision(
        decision_id=identify("decision", symbol, FEEDBACK, session, given, *(repr(value) for value in values)),
        kind=FEEDBACK,
        session=session,
        cell=(given.dte_bucket, given.regime_context),
        values=tuple(after.tolist()),
        performance=tuple(None if np.isnan(one) else one for one in records.tolist()),
        reason=(
            f"C{given.component_id} answered {given.predicted_regime} where it was {given.actual_regime}: accuracy "
            f"{given.accuracy_score:.4f}, {given.timing_accuracy_minutes:g} minutes late"
        ),
    )
    return WeightUpdateResult(
        component_id=given.component_id,
        old_weight=float(before[at]),
        new_weight=float(after[at]),
        weight_change=float(after[at] - before[at]),
        performance_improvement=0.0 if np.isnan(usual) else float(seen - usual),
        update_timestamp=given.observed_at,
        learning_convergence=min(max(1.0 - moved / longest, 0.0), 1.0) if longest > 0.0 else 1.0,
        in_force_from=session,
        decision=decision,
    )
