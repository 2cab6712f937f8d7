"""The orchestrator of a symbol out of the lake: weights in force, what they learned from, what is decided already."""

from __future__ import annotations

import functools
from datetime import date

from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.orchestrator import AdaptiveLearningOrchestrator
from mr_platform.regimes.weights_in_force import read_weights
from mr_platform.stations.parameters import in_force
from mr_platform.stations.weights import DECISIONS, WEIGHTS, held_weights, performances, read_decisions, record


def orchestrator(lake: Lake, symbol: str, day: date | None = None) -> AdaptiveLearningOrchestrator:
    """The orchestrator under the weights of a session, the newest by default.

    Feedback that it takes is kept in the lake, in force from the session after the newest. MissingPartition where the
    symbol or the session has no weights.
    """
    at = held_weights(lake, symbol, day)
    following = nse_calendar().next(held_weights(lake, symbol).trade_date)
    pending = [one for one in lake.partitions(DECISIONS, symbol=symbol) if one.trade_date == following]
    return AdaptiveLearningOrchestrator(
        read_weights(lake.read(WEIGHTS, at)),
        in_force(lake, RegimeParameters),
        in_force(lake, MasterIntegrationParameters),
        next_session=following,
        sessions=performances(lake, at),
        pending=[one for p in pending for one in read_decisions(lake.read(DECISIONS, p), p.trade_date)],
        keep=functools.partial(record, lake, symbol),
    )
