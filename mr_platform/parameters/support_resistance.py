"""Parameters of C7, support and resistance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, holds, ordered, shares

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
class BreakoutParameters(ParameterObject):
    """A touched level breaks by a close beyond it by ``distance`` ATR for ``hold_bars`` within ``within_bars``."""

    distance: float
    hold_bars: int
    within_bars: int

    def broken(self) -> Iterator[Broken]:
        yield from holds(
            self.hold_bars <= self.within_bars, "hold_bars <= within_bars", self, "hold_bars", "within_bars"
        )


@dataclass(frozen=True)
class SupportResistanceParameters(ParameterObject):
    """Constants of the C7 definition (components.md, C7).

    ``method_weights`` of the five methods at the start. ``tolerance``: relative distance within which two levels are
    one; ``least_touches``; ``extrema_bars`` on each side of a swing point; ``timeframes`` in minutes. ``touches_cap``:
    touches beyond it add no strength; ``strength_weights`` of ``STRENGTH_PARTS`` by DTE range.
    """

    OBJECT: ClassVar[str] = "support_resistance"

    method_weights: Mapping[str, float]
    method_learning: MethodLearning
    tolerance: float
    least_touches: int
    extrema_bars: int
    timeframes: tuple[int, int, int, int]
    touches_cap: int
    strength_weights: Mapping[str, tuple[float, float, float, float, float, float]]
    breakout: BreakoutParameters

    def broken(self) -> Iterator[Broken]:
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
