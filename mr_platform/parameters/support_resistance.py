"""Parameters of C7, support and resistance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.by_symbol import sound_rows
from mr_platform.parameters.common import DailyContextParameters, DteHistoryParameters, WindowParameters
from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, holds, ordered, positive, shares

LEVEL_METHODS = ("pivots", "volume_profile", "psychological", "fibonacci", "technical")
STRENGTH_PARTS = ("touches", "hold_rate", "volume", "age", "round_number", "timeframes")
DTE_RANGES = ("0_7", "8_30", "31_plus")


@dataclass(frozen=True)
class MethodLearning(ParameterObject):
    """How the weights of the five methods are learned: within [``low``, ``high``], from at least ``least`` touches,
    a relative move of at most ``largest_step``; ``performance_weights`` of accuracy, Sharpe ratio / 2, drawdown and hit
    rate.
    """

    low: float
    high: float
    least: int
    largest_step: float
    performance_weights: tuple[float, float, float, float]

    def broken(self) -> Iterator[Broken]:
        yield from ordered(self.low, self.high, "low", "high")
        yield from shares(self.performance_weights, "performance_weights")


@dataclass(frozen=True)
class LevelParameters(ParameterObject):
    """Where the levels of the methods lie.

    Volume profile: bins of a share ``profile_bins`` of the session's first price (underlying, straddle), a value area
    of ``value_area`` of the volume, open interest above the quantile ``wall_percentile`` of its side is a wall; where
    the underlying has no volume that of the options within ``participation_strikes`` of ATM stands for it. Round
    numbers: multiples of so many strike steps, minor and major, ``round_steps`` by symbol for the underlying and
    ``straddle_round_steps``. ``fibonacci_ratios`` of the way back along the last swing; ``ema_spans`` in bars.
    """

    profile_bins: tuple[float, float]
    value_area: float
    wall_percentile: float
    participation_strikes: int
    round_steps: Mapping[str, tuple[float, float]]
    straddle_round_steps: tuple[float, float]
    fibonacci_ratios: tuple[float, float, float, float, float, float, float]
    ema_spans: tuple[int, int, int]

    def broken(self) -> Iterator[Broken]:
        yield from positive(self.profile_bins, "profile_bins")
        yield from sound_rows(self.round_steps, "round_steps")
        for symbol, steps in self.round_steps.items():
            yield from ascending(steps, f"round_steps[{symbol}]")
        yield from ascending(self.straddle_round_steps, "straddle_round_steps")
        yield from ascending(self.fibonacci_ratios, "fibonacci_ratios")
        yield from ascending(self.ema_spans, "ema_spans")


@dataclass(frozen=True)
class BreakoutParameters(ParameterObject):
    """A touched level breaks by a close beyond it by ``distance`` ATR for ``hold_bars`` within ``within_bars``.

    The chance of it is logistic in intercept, distance, approach speed, strength, volume, touches and time left.
    ``coefficients`` at the start; they are the mean of a normal prior with precisions ``prior_precisions``, which each
    session's labelled touches update; ``forgetting`` is how much of it a session keeps. What was learned replaces the
    start once there are ``least`` labels. A logarithm of the volume
    ratio counts up to ``volume_limit``; touches of the last ``sessions`` sessions count, at most ``most`` an
    asset; the Brier score is of the last ``brier_sessions``.
    """

    distance: float
    hold_bars: int
    within_bars: int
    coefficients: tuple[float, float, float, float, float, float, float]
    prior_precisions: tuple[float, float, float, float, float, float, float]
    forgetting: float
    least: int
    volume_limit: float
    sessions: int
    most: int
    brier_sessions: int

    def broken(self) -> Iterator[Broken]:
        yield from holds(
            self.hold_bars <= self.within_bars, "hold_bars <= within_bars", self, "hold_bars", "within_bars"
        )
        yield from positive(self.prior_precisions, "prior_precisions")


@dataclass(frozen=True)
class SupportResistanceParameters(ParameterObject):
    """Constants of the C7 definition (components.md, C7).

    ``method_weights`` of the five methods at the start. ``tolerance``: relative distance within which two levels of the
    underlying are one, ``straddle_tolerance`` two of the straddle, whose relative moves are about ten times as large;
    ``least_touches`` that make a level's hold rate; ``extrema_bars`` on each side of a swing point, and in the range of
    a timeframe; ``timeframes`` in minutes. ``touches_cap``: touches beyond it add no strength; ``strength_weights`` of
    ``STRENGTH_PARTS`` by DTE range. Zones within ``reach`` ATR count in densities; distances of two assets agree while
    they differ by less than ``match`` ATR. ``window`` in bars of usual volume and of common tests. ``score_weights``
    of strength, method weight, chance of a break and dual-asset confluence; ``known_share`` of the confidence that does
    not hang on the Brier score.
    """

    OBJECT: ClassVar[str] = "support_resistance"

    windows: WindowParameters
    daily_context: DailyContextParameters
    history: DteHistoryParameters
    method_weights: Mapping[str, float]
    method_learning: MethodLearning
    tolerance: float
    straddle_tolerance: float
    least_touches: int
    extrema_bars: int
    timeframes: tuple[int, int, int, int]
    touches_cap: int
    strength_weights: Mapping[str, tuple[float, float, float, float, float, float]]
    levels: LevelParameters
    breakout: BreakoutParameters
    reach: float
    match: float
    window: int
    score_weights: tuple[float, float, float, float]
    known_share: float

    def broken(self) -> Iterator[Broken]:
        yield from shares(self.score_weights, "score_weights")
        yield from holds(
            tuple(self.method_weights) == LEVEL_METHODS, f"weights of {LEVEL_METHODS}", None, "method_weights"
        )
        names = tuple(f"method_weights[{name}]" for name in self.method_weights)
        yield from shares(tuple(self.method_weights.values()), *names)
        yield from holds(
            all(self.method_learning.low <= w <= self.method_learning.high for w in self.method_weights.values()),
            "start weights lie within the learned bounds",
            dict(self.method_weights),
            *names,
        )
        yield from ascending(self.timeframes, "timeframes")
        yield from holds(
            tuple(self.strength_weights) == DTE_RANGES, f"weights for {DTE_RANGES}", None, "strength_weights"
        )
        for dte_range, weights in self.strength_weights.items():
            yield from shares(weights, f"strength_weights[{dte_range}]")
