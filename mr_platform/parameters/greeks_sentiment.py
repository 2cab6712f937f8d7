"""Parameters of C2, Greeks sentiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from mr_platform.parameters.by_dte import Anchors, at_dte, by_threshold, sound_anchors
from mr_platform.parameters.by_symbol import of_symbol, sound_rows
from mr_platform.parameters.common import DteHistoryParameters, WindowParameters
from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, holds, ordered, positive, shares

GREEKS = ("delta", "gamma", "theta", "vega", "vanna", "charm", "volga")
LEVELS = (
    "strong_bearish",
    "mild_bearish",
    "sideways_to_bearish",
    "neutral",
    "sideways_to_bullish",
    "mild_bullish",
    "strong_bullish",
)


@dataclass(frozen=True)
class GreekWeightLearning(ParameterObject):
    """How the weights of the Greeks are learned: exponential ``smoothing`` of the move, weights within [``low``,
    ``high``], from the last ``lookback`` observations and at least ``least``; adopted only for a relative gain of
    ``least_gain`` in performance.
    """

    smoothing: float
    low: float
    high: float
    lookback: int
    least: int
    least_gain: float

    def broken(self) -> Iterator[Broken]:
        yield from ordered(self.low, self.high, "low", "high")
        yield from holds(self.low > 0, "a learned weight is never 0", self.low, "low")
        yield from ordered(self.least, self.lookback, "least", "lookback")


@dataclass(frozen=True)
class LegWeight(ParameterObject):
    """Weight of a leg: shares[0] min(volume / v0, volume_cap) + shares[1] min(oi / o0, oi_cap).

    v0 and o0 are rolling medians of the same DTE range; ``default_volume`` and ``default_oi``, in contracts, stand in
    until those are known.
    """

    shares: tuple[float, float]
    volume_cap: float
    oi_cap: float
    default_volume: float
    default_oi: float

    def broken(self) -> Iterator[Broken]:
        yield from shares(self.shares, "shares")
        yield from positive((self.default_volume, self.default_oi), "default_volume", "default_oi")


@dataclass(frozen=True)
class LevelLearning(ParameterObject):
    """How the cuts of the seven levels adapt: last ``lookback`` observations, moves of at most ``step``, neighbouring
    cuts at least ``separation`` apart. How many observations each level needs is the history's rule.
    """

    lookback: int
    step: float
    separation: float


@dataclass(frozen=True)
class StrikeSet(ParameterObject):
    """The strikes that a side's exposure is summed over: ``reach`` on each side of ATM. A sum needs ``least`` legs of
    the side, a wing (the out-of-the-money part of a side) ``least_wing``.
    """

    reach: int
    least: int
    least_wing: int

    def broken(self) -> Iterator[Broken]:
        yield from holds(self.least <= 2 * self.reach + 1, "least fits into the set", self.least, "least", "reach")
        yield from holds(self.least_wing <= self.reach, "least_wing fits into a wing", self.least_wing, "least_wing")


@dataclass(frozen=True)
class GreeksSentimentParameters(ParameterObject):
    """Constants of the C2 definition (components.md, C2).

    Component weights of the seven Greeks; gamma's is never 0. ``order_shares`` in the score of the first order (delta,
    gamma, theta and vega) and of the second (vanna, charm and volga). ``dte_multipliers``: factors of the seven Greeks
    (order of ``GREEKS``) by days to expiry. ``scale_sessions``: sessions behind the default robust scale of an
    exposure; before the first of them has ended, the session's own median stands in after ``scale_least_minutes``. A
    scale is never below ``scale_least_share`` of the size of both legs, where a difference of two quotes is noise.
    ``straddle_weights`` of ATM, ITM1 and OTM1. ``confidence_weights`` of agreement, volume share and OI share,
    ``agreement_floor`` under the agreement, ``confidence_floor`` under the whole. ``level_cuts`` of the seven
    ``LEVELS`` on the overall score; a cut belongs to the level further from neutral. ``flow_thresholds`` in contracts
    by symbol, learned from ``flow_percentiles`` (usual, large, very large). ``pin_multipliers`` to ``pin_bounds`` days
    to expiry and beyond; ``transition_multipliers`` likewise, in min(transition_cap, min(transition_score_cap, |score|)
    confidence m). ``windows``: when a window speaks; ``history``: when a learned value replaces its default.
    """

    OBJECT: ClassVar[str] = "greeks_sentiment"

    delta_weight: float
    gamma_weight: float
    theta_weight: float
    vega_weight: float
    vanna_weight: float
    charm_weight: float
    volga_weight: float
    order_shares: tuple[float, float]
    weight_learning: GreekWeightLearning
    leg_weight: LegWeight
    dte_multipliers: Anchors
    strike_set: StrikeSet
    scale_sessions: int
    scale_least_minutes: int
    scale_least_share: float
    straddle_weights: tuple[float, float, float]
    confidence_weights: tuple[float, float, float]
    agreement_floor: float
    confidence_floor: float
    level_cuts: tuple[float, float, float, float, float, float]
    level_learning: LevelLearning
    flow_thresholds: Mapping[str, float]
    flow_percentiles: tuple[float, float, float]
    pin_bounds: tuple[int, int]
    pin_multipliers: tuple[float, float, float]
    transition_bounds: tuple[int, int]
    transition_multipliers: tuple[float, float, float]
    transition_score_cap: float
    transition_cap: float
    windows: WindowParameters
    history: DteHistoryParameters

    def broken(self) -> Iterator[Broken]:
        yield from holds(
            self.gamma_weight > 0, "the component weight of gamma is never 0", self.gamma_weight, "gamma_weight"
        )
        names = tuple(f"{greek}_weight" for greek in GREEKS)
        yield from positive((*self.first_order_weights, *self.second_order_weights), *names)
        yield from shares(self.order_shares, "order_shares")
        yield from sound_anchors(self.dte_multipliers, len(GREEKS), "dte_multipliers")
        yield from shares(self.straddle_weights, "straddle_weights")
        yield from shares(self.confidence_weights, "confidence_weights")
        yield from ascending(self.level_cuts, "level_cuts")
        gaps = [b - a for a, b in pairwise(self.level_cuts)]
        yield from holds(
            min(gaps) >= self.level_learning.separation,
            "neighbouring level cuts keep their separation",
            self.level_cuts,
            "level_cuts",
            "level_learning.separation",
        )
        yield from sound_rows(self.flow_thresholds, "flow_thresholds")
        yield from ascending(self.flow_percentiles, "flow_percentiles")
        yield from ascending(self.pin_bounds, "pin_bounds")
        yield from ascending(self.transition_bounds, "transition_bounds")

    @property
    def first_order_weights(self) -> tuple[float, float, float, float]:
        """Delta, gamma, theta, vega; their sum divides the first-order score."""
        return self.delta_weight, self.gamma_weight, self.theta_weight, self.vega_weight

    @property
    def second_order_weights(self) -> tuple[float, float, float]:
        """Vanna, charm, volga; their sum divides the second-order score."""
        return self.vanna_weight, self.charm_weight, self.volga_weight

    def multipliers(self, dte: int) -> tuple[float, ...]:
        """Factors of the seven Greeks at ``dte`` days: linear between anchors, clamped outside."""
        return at_dte(self.dte_multipliers, dte)

    def pin_multiplier(self, dte: int) -> float:
        """Weight of pin risk at ``dte`` days."""
        return by_threshold(dte, self.pin_bounds, self.pin_multipliers)

    def transition_multiplier(self, dte: int) -> float:
        """m of the transition probability at ``dte`` days."""
        return by_threshold(dte, self.transition_bounds, self.transition_multipliers)

    def flow_threshold(self, symbol: str) -> float:
        """Contracts of a large flow of ``symbol``."""
        return of_symbol(self.flow_thresholds, symbol)
