"""Parameters of C1, the triple rolling straddle."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

# (DTE, (EMA, VWAP, pivot)): near expiry the previous session's levels rule, far from it the trend.
_TECHNIQUE_ANCHORS: tuple[tuple[int, tuple[float, float, float]], ...] = (
    (0, (0.05, 0.15, 0.80)),
    (1, (0.10, 0.20, 0.70)),
    (2, (0.15, 0.25, 0.60)),
    (3, (0.20, 0.30, 0.50)),
    (5, (0.25, 0.33, 0.42)),
    (7, (0.28, 0.35, 0.37)),
    (10, (0.32, 0.36, 0.32)),
    (15, (0.37, 0.36, 0.27)),
    (21, (0.40, 0.35, 0.25)),
    (30, (0.45, 0.35, 0.20)),
    (45, (0.50, 0.32, 0.18)),
    (60, (0.55, 0.30, 0.15)),
    (90, (0.60, 0.28, 0.12)),
)


@dataclass(frozen=True)
class WeightLearning:
    """How weights move towards each part's share of performance.

    ``rate`` of the move to the share, at most ``largest_step`` a session; weights stay within [``low``, ``high``];
    windows in sessions; fewer than ``least_sessions`` leave the start weights untouched.
    Of two parts whose session returns correlate beyond ``redundant`` the weaker earns no share.
    """

    low: float = 0.05
    high: float = 0.25
    rate: float = 0.10
    largest_step: float = 0.02
    all_days: int = 252
    same_dte: int = 50
    least_sessions: int = 10
    redundant: float = 0.85
    longest_walk: int = 50


@dataclass(frozen=True)
class TripleStraddleParameters:
    """Constants of the C1 definition; fractions unless a name says otherwise."""

    ema_spans: tuple[int, int, int, int] = (20, 50, 100, 200)
    ema_score_weights: tuple[float, float, float, float] = (0.30, 0.30, 0.25, 0.15)
    confluence: float = 0.01
    vwap_cuts: tuple[float, float, float] = (0.005, 0.015, 0.03)
    vwap_scores: tuple[float, float, float] = (0.3, 0.7, 1.0)
    vwap_bands: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 2.5)
    future_vwap_weights: tuple[float, float, float] = (0.40, 0.40, 0.20)
    cpr_narrow_percent: float = 0.35
    cpr_scores: tuple[float, float] = (0.8, 0.5)
    timeframes: tuple[int, int, int, int] = (3, 5, 10, 15)
    window: int = 20
    redundant: float = 0.85
    technique_anchors: tuple[tuple[int, tuple[float, float, float]], ...] = _TECHNIQUE_ANCHORS
    component_learning: WeightLearning = WeightLearning()
    timeframe_learning: WeightLearning = WeightLearning(low=0.15, high=0.40)

    def technique_weights(self, dte: int) -> tuple[float, float, float]:
        """(EMA, VWAP, pivot) weights at ``dte`` calendar days: linear between anchors, clamped outside."""
        days = [anchor for anchor, _ in self.technique_anchors]
        if dte <= days[0]:
            return self.technique_anchors[0][1]
        if dte >= days[-1]:
            return self.technique_anchors[-1][1]
        right = bisect.bisect_right(days, dte)
        (d0, w0), (d1, w1) = self.technique_anchors[right - 1], self.technique_anchors[right]
        share = (dte - d0) / (d1 - d0)
        ema, vwap, pivot = (a + share * (b - a) for a, b in zip(w0, w1, strict=True))
        return ema, vwap, pivot

    @property
    def longest_dte(self) -> int:
        """The last anchor; technique weights do not change beyond it."""
        return self.technique_anchors[-1][0]
