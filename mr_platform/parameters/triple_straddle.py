"""Parameters of C1, the triple rolling straddle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.by_dte import Anchors, at_dte, by_threshold, sound_anchors
from mr_platform.parameters.common import CentralPivotRange, WindowParameters
from mr_platform.parameters.constraints import (
    Broken,
    ParameterObject,
    ascending,
    holds,
    ordered,
    positive,
    shares,
)


@dataclass(frozen=True)
class WeightLearning(ParameterObject):
    """How weights move towards each part's share of performance.

    ``start`` weights without experience; ``rate`` of the move to the share, at most ``largest_step`` a session;
    weights stay within [``low``, ``high``]; windows in sessions; fewer than ``least_sessions`` leave the start weights
    untouched. Of two parts whose session returns correlate beyond ``redundant`` the weaker earns no share. The walk
    from the start weights takes at most ``longest_walk`` steps.
    """

    start: tuple[float, ...]
    low: float
    high: float
    rate: float
    largest_step: float
    all_days: int
    same_dte: int
    least_sessions: int
    redundant: float
    longest_walk: int

    def broken(self) -> Iterator[Broken]:
        yield from shares(self.start, "start")
        yield from ordered(self.low, self.high, "low", "high")
        parts = len(self.start)
        yield from holds(
            self.low * parts <= 1 <= self.high * parts, "weights within the bounds can sum to 1", self, "low", "high"
        )
        yield from holds(
            all(self.low <= w <= self.high for w in self.start), "start weights lie within the bounds", self, "start"
        )
        yield from holds(
            self.least_sessions <= min(self.same_dte, self.all_days),
            "least_sessions fits into both windows",
            self.least_sessions,
            "least_sessions",
        )


@dataclass(frozen=True)
class PerformanceScore(ParameterObject):
    """What makes a part's session returns good, and how sessions at the same days to expiry count.

    ``weights`` of Sharpe ratio, 1 + maximum drawdown, hit rate and profit factor; the profit factor counts up to
    ``profit_factor_cap`` and as a share of it. ``same_dte_shares``: weight of sessions at the same days to expiry
    against all sessions, to ``same_dte_bounds[0]`` days, to ``same_dte_bounds[1]``, and beyond.
    """

    weights: tuple[float, float, float, float]
    profit_factor_cap: float
    same_dte_bounds: tuple[int, int]
    same_dte_shares: tuple[float, float, float]

    def broken(self) -> Iterator[Broken]:
        yield from shares(self.weights, "weights")
        yield from ascending(self.same_dte_bounds, "same_dte_bounds")
        yield from holds(
            all(0 <= share <= 1 for share in self.same_dte_shares),
            "shares lie in 0..1",
            self.same_dte_shares,
            "same_dte_shares",
        )

    def same_dte_share(self, dte: int) -> float:
        """Weight of sessions at the same days to expiry for a session at ``dte``."""
        return by_threshold(dte, self.same_dte_bounds, self.same_dte_shares)


@dataclass(frozen=True)
class TripleStraddleParameters(ParameterObject):
    """Constants of the C1 definition (components.md, C1); fractions unless a name says otherwise.

    ``ema_spans`` in bars, ``ema_score_weights`` of short, medium, long and trend score, ``ema_weak_score`` where price
    and EMAs are not in order; ``confluence`` distance within which neighbouring EMAs are one zone.
    ``vwap_cuts`` of the relative deviation with their ``vwap_scores``, ``vwap_bands`` in standard deviations,
    ``future_vwap_weights`` of session, previous session and week. ``pivot_scores`` beyond PP, R1, R2, R3, mirrored
    below. ``cpr_scores`` beyond a narrow central pivot range (``cpr``) and beyond another. ``timeframes`` in
    minutes; ``quality_weights`` of presence, steadiness and traded share; a dispersion of ``confidence_spread`` would
    take confidence to 0, it ends at ``confidence_floor``; ``steadiness_share`` is the weight of the timeframes'
    confidence against the components' agreement. ``window`` of the rolling statistics in bars and ``windows``,
    when they speak; ``redundant`` correlation. ``technique_anchors`` by days to expiry: weights of EMA, VWAP and
    pivots.
    """

    OBJECT: ClassVar[str] = "triple_straddle"

    ema_spans: tuple[int, int, int, int]
    ema_score_weights: tuple[float, float, float, float]
    ema_weak_score: float
    confluence: float
    vwap_cuts: tuple[float, float, float]
    vwap_scores: tuple[float, float, float]
    vwap_bands: tuple[float, ...]
    future_vwap_weights: tuple[float, float, float]
    pivot_scores: tuple[float, float, float, float]
    cpr: CentralPivotRange
    cpr_scores: tuple[float, float]
    timeframes: tuple[int, int, int, int]
    quality_weights: tuple[float, float, float]
    confidence_spread: float
    confidence_floor: float
    steadiness_share: float
    window: int
    redundant: float
    technique_anchors: Anchors
    component_learning: WeightLearning
    timeframe_learning: WeightLearning
    performance: PerformanceScore
    windows: WindowParameters

    def broken(self) -> Iterator[Broken]:
        yield from ascending(self.ema_spans, "ema_spans")
        yield from shares(self.ema_score_weights, "ema_score_weights")
        yield from ascending(self.vwap_cuts, "vwap_cuts")
        yield from ascending(self.vwap_scores, "vwap_scores")
        yield from ascending(self.vwap_bands, "vwap_bands")
        yield from shares(self.future_vwap_weights, "future_vwap_weights")
        yield from ascending(self.pivot_scores, "pivot_scores")
        yield from ascending(self.timeframes, "timeframes")
        yield from positive(self.timeframes, "timeframes")
        yield from shares(self.quality_weights, "quality_weights")
        yield from sound_anchors(self.technique_anchors, 3, "technique_anchors")
        for day, weights in self.technique_anchors:
            yield from shares(weights, f"technique_anchors[{day}]")
        yield from holds(len(self.component_learning.start) == 10, "ten components", None, "component_learning.start")
        yield from holds(len(self.timeframe_learning.start) == 4, "four timeframes", None, "timeframe_learning.start")

    def technique_weights(self, dte: int) -> tuple[float, float, float]:
        """(EMA, VWAP, pivot) weights at ``dte`` calendar days: linear between anchors, clamped outside."""
        ema, vwap, pivot = at_dte(self.technique_anchors, dte)
        return ema, vwap, pivot
