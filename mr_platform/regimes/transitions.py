"""When the regime in force changes: hysteresis on the probabilities, cool-down, hourly limit, alerts.

At each row the most probable regime challenges the one in force. It takes over when the distribution has
moved by at least 0.30 (total variation, half the sum of absolute differences) from the one at which the
regime in force was taken up; a small back and forth between two near-equal regimes therefore changes
nothing. Rows are handled in order with the state carried, so that nothing looks ahead and a day can be
continued tick by tick with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.parameters.regimes import TransitionParameters
from schemas.tables import REGIMES

Times = NDArray[np.datetime64]

_HOUR = np.timedelta64(1, "h")
_MINUTE = np.timedelta64(1, "m")


@dataclass(frozen=True)
class Transition:
    """A challenge of the regime in force.

    ``status``: confirmed (confidence at the gate or above), tentative (below it; the regime changes but is
    no signal), or suppressed by ``cool-down`` or ``rate``. ``alert``: the shift reached the alert threshold.
    """

    event_ts: np.datetime64
    previous: str
    regime: str
    shift: float
    confidence: float
    status: str
    alert: bool


@dataclass(frozen=True)
class TransitionState:
    """What the next row needs: regime in force (-1 none yet), its distribution, the latest changes."""

    regime: int = -1
    reference: tuple[float, ...] = ()
    changes: tuple[np.datetime64, ...] = ()


@dataclass(frozen=True)
class TransitionRecord:
    """``in_force`` [n] index into REGIMES, -1 before the first evidence; ``shift`` [n] total variation from the
    distribution in force, NaN without evidence; ``confidence_alert`` [n] bool: probability of the regime in
    force below the alert level; ``state`` to continue with.
    """

    in_force: NDArray[np.int64]
    shift: NDArray[np.float64]
    confidence_alert: NDArray[np.bool_]
    transitions: tuple[Transition, ...]
    state: TransitionState


def follow(
    event_ts: Times,
    probabilities: NDArray[np.float64],
    parameters: TransitionParameters,
    state: TransitionState | None = None,
) -> TransitionRecord:
    """Follow the regime in force along rows [n] with ``probabilities`` [n, 8] (NaN rows: no evidence, kept as is).

    ``event_ts`` ascending, datetime64; DataError where it is not.
    """
    _require_order(event_ts, state)
    at = state or TransitionState()
    n = event_ts.size
    in_force = np.full(n, -1, dtype=np.int64)
    shift = np.full(n, np.nan)
    alert = np.zeros(n, dtype=bool)
    found: list[Transition] = []
    for row in range(n):
        p = probabilities[row]
        if np.isfinite(p).all():
            leader = int(np.argmax(p))
            if at.regime < 0:
                at = TransitionState(leader, tuple(p.tolist()), at.changes)
            shift[row] = 0.5 * np.abs(p - np.array(at.reference)).sum()
            if leader != at.regime and shift[row] >= parameters.shift:
                change = _challenge(event_ts[row], p, leader, float(shift[row]), at, parameters)
                found.append(change)
                if change.status in ("confirmed", "tentative"):
                    kept = tuple(t for t in at.changes if event_ts[row] - t < _HOUR)
                    at = TransitionState(leader, tuple(p.tolist()), (*kept, event_ts[row]))
            alert[row] = p[at.regime] < parameters.confidence_alert
        in_force[row] = at.regime
    return TransitionRecord(in_force, shift, alert, tuple(found), at)


def changes(transitions: Sequence[Transition]) -> tuple[Transition, ...]:
    """Those that changed the regime in force."""
    return tuple(t for t in transitions if t.status in ("confirmed", "tentative"))


def _challenge(
    now: np.datetime64,
    p: NDArray[np.float64],
    leader: int,
    shift: float,
    state: TransitionState,
    parameters: TransitionParameters,
) -> Transition:
    confidence = float(p[leader])
    since = float((now - state.changes[-1]) / _MINUTE) if state.changes else np.inf
    status = parameters.status(confidence, since, sum(bool(now - t < _HOUR) for t in state.changes))
    return Transition(
        event_ts=now,
        previous=REGIMES[state.regime],
        regime=REGIMES[leader],
        shift=shift,
        confidence=confidence,
        status=status,
        alert=shift >= parameters.alert,
    )


def _require_order(event_ts: Times, state: TransitionState | None) -> None:
    late = state is not None and bool(state.changes) and event_ts.size > 0 and event_ts[0] <= state.changes[-1]
    if late or bool(np.any(np.diff(event_ts) <= np.timedelta64(0, "us"))):
        raise DataError(
            rule="rows come in order of time, each once",
            value=str(event_ts[:1]),
            place="regime transitions",
            remedy="sort by event_ts, drop duplicates, and continue a state only with later rows",
        )
