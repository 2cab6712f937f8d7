"""What the regime suggests for positions: size, stop, how many, which side. A recommendation, not an order."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.parameters.regimes import PositionParameters
from mr_platform.regimes.taxonomy import strategic

VOLATILITY_REGIMES = ("low", "normal", "high", "extreme")


@dataclass(frozen=True)
class PositionRecommendation:
    """``size_multiplier`` of the usual size; ``stop_multiplier`` of the usual stop distance; ``max_positions``;
    ``preferred_direction`` long, short, neutral or none; ``volatility_regime`` and its ``risk_multiplier``.
    """

    size_multiplier: float
    stop_multiplier: float
    max_positions: int
    preferred_direction: str
    volatility_regime: str
    risk_multiplier: float


def volatility_score(atr_percentages: NDArray[np.float64], parameters: PositionParameters) -> float:
    """Upper quantile of the average true ranges in percent of price; NaN values left out, NaN without any."""
    known = atr_percentages[np.isfinite(atr_percentages)]
    return float(np.quantile(known, parameters.score_quantile)) if known.size else math.nan


def recommend(
    regime: str | None,
    confidence: float,
    score: float,
    trend_strength: float,
    parameters: PositionParameters,
) -> PositionRecommendation:
    """The recommendation for a regime (None: no signal, hence no position).

    size = base(regime) * (floor + (1 - floor) confidence) * (risk ceiling - risk multiplier). ``score``: volatility
    score in percent of price; where it is NaN the volatility regime counts as the highest. ``trend_strength`` in
    -1..1 (weighted component score); its sign is the preferred side from the threshold on.
    """
    level = len(parameters.volatility_cuts) if math.isnan(score) else bisect_right(parameters.volatility_cuts, score)
    risk, stop = parameters.risk_multipliers[level], parameters.stop_multipliers[level]
    if regime is None:
        return PositionRecommendation(0.0, stop, 0, "none", VOLATILITY_REGIMES[level], risk)
    strategic(regime)
    if not 0 <= confidence <= 1:
        raise UsageError(
            rule="a confidence lies between 0 and 1",
            value=confidence,
            place=f"position in {regime}",
            remedy="pass the master confidence",
        )
    side = "long" if trend_strength >= parameters.direction else "neutral"
    if trend_strength <= -parameters.direction:
        side = "short"
    floor = parameters.confidence_floor
    size = parameters.base[regime] * (floor + (1 - floor) * confidence) * (parameters.risk_ceiling - risk)
    return PositionRecommendation(size, stop, parameters.most[regime], side, VOLATILITY_REGIMES[level], risk)
