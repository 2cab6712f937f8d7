"""The unified output: one JSON document per answer, for programs that want regime, advice and history at once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mr_platform.errors import UsageError
from mr_platform.regimes.positions import PositionRecommendation


@dataclass(frozen=True)
class HistoricalContext:
    """One row of the rolling record: see history.History."""

    duration_hours: float
    stability: float
    previous: str | None


def unified_output(
    timestamp: datetime,
    regime: str | None,
    confidence: float,
    scores: Mapping[int, float],
    trend_strength: float,
    volatility_score: float,
    position: PositionRecommendation,
    context: HistoricalContext,
) -> dict[str, object]:
    """The document of one answer; NaN becomes null.

    ``scores`` of the components: long_count and short_count are those above and below zero, ratio the long
    share of the two, null where neither is. ``trend_strength`` weighted score, -1..1. ``timestamp`` must
    carry its zone and is written with it (ISO 8601).
    """
    if timestamp.tzinfo is None:
        raise UsageError(
            rule="the timestamp of an answer has a time zone",
            value=timestamp,
            place="unified output",
            remedy="pass event_ts as read from the table",
        )
    known = [score for score in scores.values() if not math.isnan(score)]
    long_count, short_count = sum(s > 0 for s in known), sum(s < 0 for s in known)
    sided = long_count + short_count
    return {
        "timestamp": timestamp.isoformat(),
        "regime": regime,
        "confidence": _number(confidence),
        "indicators": {
            "long_count": long_count,
            "short_count": short_count,
            "ratio": long_count / sided if sided else None,
            "trend_strength": _number(trend_strength),
            "volatility_score": _number(volatility_score),
        },
        "recommendations": {
            "position_size_multiplier": _number(position.size_multiplier),
            "stop_loss_multiplier": _number(position.stop_multiplier),
            "max_positions": position.max_positions,
            "preferred_direction": position.preferred_direction,
        },
        "historical_context": {
            "regime_duration_hours": _number(context.duration_hours),
            "regime_stability": _number(context.stability),
            "previous_regime": context.previous,
        },
    }


def to_json(document: Mapping[str, object]) -> str:
    """The document as JSON text: keys in their order, no NaN."""
    return json.dumps(document, allow_nan=False)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
