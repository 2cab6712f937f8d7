"""How the weights move from one session's open to the next: by outcomes known by then, and by decision.

C8 says how weights learn (``features.c8_master_integration.learning``); here its rule is applied to the cells that the
tables hold. A cell takes at most one step a session, and only where an earlier session brought it new answers:

    target  what the components weighed together at the start, shared out by their performance in the sessions looked
            back over, brought within the bounds
    weight  + rate * (target - weight)

So no step is longer than rate * (highest - lowest), the weights of a cell sum to 1, and none leaves its bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from mr_platform.errors import UsageError
from mr_platform.features.c8_master_integration.learning import Lesson, PerformanceHistory, lesson, step
from mr_platform.features.weights import summing_to_one
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.regimes import COMPONENTS
from mr_platform.regimes.inputs import Floats
from mr_platform.regimes.performance import MEASURES, SessionPerformance
from mr_platform.regimes.weights import Cell, identify
from mr_platform.regimes.weights_in_force import Weight, WeightsInForce
from schemas.weights import ANY_REGIME, CONTEXTS, DTE_BUCKETS, UNDO

# a change below this is rounding: no row is written for it
_SETTLED = 1e-12


@dataclass(frozen=True)
class Decision:
    """Weights of a cell set by decision, in force from the open of ``session`` on.

    ``values`` and the ``performance`` behind them (None where none is) of C1..C7; ``undoes``: the change taken back.
    """

    decision_id: str
    kind: str
    session: date
    cell: Cell
    values: tuple[float, ...]
    performance: tuple[float | None, ...]
    reason: str
    undoes: str | None = None


def next_weights(
    before: WeightsInForce,
    sessions: Sequence[SessionPerformance],
    moment: datetime,
    settings: MasterIntegrationParameters,
    *,
    since: date,
    decisions: Sequence[Decision] = (),
) -> WeightsInForce:
    """The weights in force from ``moment`` (a session's open, zone-aware) on.

    ``sessions``: oldest first; one whose outcomes are not all known at that moment is left out. Those from ``since`` on
    are new, the weights ``before`` do not know them. ``decisions`` of the symbol up to this session: the new ones set
    their cells; a cell that was undone forgets the sessions before its undoing, or it would learn the same again.
    """
    if moment.tzinfo is None:
        raise UsageError(
            rule="the moment a weight comes into force has a time zone",
            value=moment,
            place=f"weights of {before.symbol}",
            remedy="pass the session's open with tzinfo Asia/Kolkata",
        )
    past = [one for one in sessions if one.known_ts <= moment][-settings.learning.lookback :]
    forgotten = {one.cell: one.session for one in decisions if one.kind == UNDO and one.session <= moment.date()}
    decided = {one.cell: one for one in decisions if since < one.session <= moment.date()}
    cells = dict(before.cells)
    for bucket in DTE_BUCKETS:
        for context in CONTEXTS:
            cell = (bucket, context)
            if cell in decided:
                cells[cell] = _decided(before, decided[cell], moment)
                continue
            start = forgotten.get(cell, date.min)
            known = [one for one in past if cell in one.cells and one.trade_date >= start]
            if known and known[-1].trade_date >= since:
                moved = _learned(before, cell, known, moment, settings)
                if moved:
                    cells[cell] = moved
    return replace(before, cells=cells)


def _learned(
    before: WeightsInForce,
    cell: Cell,
    known: Sequence[SessionPerformance],
    moment: datetime,
    settings: MasterIntegrationParameters,
) -> tuple[Weight, ...]:
    """The cell's weights a step further; none where its sessions teach nothing or the weights have settled."""
    version = known[-1].label_version
    # labels of another version measure something else
    used = [one for one in known if one.label_version == version]
    rule, bounds = settings.learning, settings.weights
    least = rule.least_dte if cell[1] == ANY_REGIME else rule.least_regime
    start = np.array(bounds.by_dte[cell[0]])
    found = lesson(start, _history(used, cell), np.arange(len(used)), least, rule)
    if found.target is None:
        return ()
    low, high = np.full(len(COMPONENTS), bounds.lowest), np.full(len(COMPONENTS), bounds.highest)
    target = summing_to_one(found.target, low, high)
    now = before.cell(*cell)
    values = step(before.values(*cell), target, settings)
    if np.abs(values - before.values(*cell)).max() < _SETTLED:
        return ()
    reasons = [_reason(found, target, at, used, least) for at in range(len(COMPONENTS))]
    told = [None if np.isnan(one) else one for one in found.performance.tolist()]
    return _rows(before.symbol, cell, now, values, told, moment, reasons)


def _history(sessions: Sequence[SessionPerformance], cell: Cell) -> PerformanceHistory:
    stacked = np.array([one.cells[cell] for one in sessions]).transpose(1, 0, 2)
    # the cell has chosen the sessions already, whatever their day to expiry
    return PerformanceHistory([0] * len(sessions), **dict(zip(MEASURES, stacked, strict=True)))


def _reason(found: Lesson, target: Floats, at: int, used: Sequence[SessionPerformance], least: int) -> str:
    told = f"{found.observations[at]:.0f} answers in {len(used)} sessions up to {used[-1].trade_date}"
    if np.isnan(found.performance[at]):
        return f"learned: fewer than {least} answers ({told}), so it goes back towards {target[at]:.4f}"
    return f"learned: performance {found.performance[at]:.4f} of {told}, towards {target[at]:.4f}"


def _decided(before: WeightsInForce, decision: Decision, moment: datetime) -> tuple[Weight, ...]:
    reasons = [f"{decision.kind}: {decision.reason}"] * len(COMPONENTS)
    values, now = np.array(decision.values), before.cell(*decision.cell)
    return _rows(before.symbol, decision.cell, now, values, decision.performance, moment, reasons)


def _rows(
    symbol: str,
    cell: Cell,
    now: Sequence[Weight],
    values: Floats,
    performance: Sequence[float | None],
    moment: datetime,
    reasons: Sequence[str],
) -> tuple[Weight, ...]:
    """The seven weights that replace ``now``: each names the one before, and its id rests on it and on what it says."""
    return tuple(
        Weight(
            weight_id=identify(
                "weight", symbol, held.component, *cell, moment.isoformat(), repr(value), held.weight_id
            ),
            component=held.component,
            value=value,
            performance=measure,
            since=moment,
            reason=reason,
            previous=held.weight_id,
        )
        for held, value, measure, reason in zip(now, values.tolist(), performance, reasons, strict=True)
    )
