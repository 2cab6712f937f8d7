"""Parameters of C4, implied-volatility skew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.common import DailyContextParameters
from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, descending, holds

IV_LEVELS = ("extremely_low", "very_low", "low", "normal", "high", "very_high", "extremely_high")


@dataclass(frozen=True)
class IvSkewParameters(ParameterObject):
    """Constants of the C4 definition (components.md, C4); volatilities decimal per year.

    ``memory``: bounds of a volatility that counts. ``wing_deltas``, the last the headline; ``least_strikes`` of an
    expiry. ``reversal_points``: fixed distances of risk reversals in index points for a strike step of
    ``reversal_step``, scaled with the step of other symbols. ``asymmetry_moneyness``: log-moneyness over the root of
    time beyond which left and right are compared. ``contango`` and ``backwardation`` cuts of the relative term slope.
    ``level_cuts``: percentiles (0..1) of the seven ``IV_LEVELS``. ``percentile_sessions`` of a percentile's history and
    ``percentile_least``; two percentiles that agree by more than ``consistency`` count half each, else by confidence
    n / ``consistency_count``. ``momentum_minutes``. Transition thresholds of skew, ATM and wing. ``stock_typical_iv``
    of a symbol without one in configs/instruments.yaml. ``fear_cuts``: put less call skew, greatest fear first.
    """

    OBJECT: ClassVar[str] = "iv_skew"

    memory: DailyContextParameters
    wing_deltas: tuple[float, float]
    least_strikes: int
    reversal_points: tuple[int, int, int, int, int]
    reversal_step: int
    asymmetry_moneyness: float
    contango: float
    backwardation: float
    level_cuts: tuple[float, float, float, float, float, float]
    percentile_sessions: int
    percentile_least: int
    consistency: float
    consistency_count: int
    momentum_minutes: tuple[int, int, int, int]
    skew_transition: float
    atm_transition: float
    wing_transition: float
    stock_typical_iv: float
    fear_cuts: tuple[float, float, float, float]

    def broken(self) -> Iterator[Broken]:
        yield from ascending(self.wing_deltas, "wing_deltas")
        yield from ascending(self.reversal_points, "reversal_points")
        yield from holds(
            self.backwardation < 0 < self.contango,
            "backwardation < 0 < contango",
            (self.backwardation, self.contango),
            "backwardation",
            "contango",
        )
        yield from ascending(self.level_cuts, "level_cuts")
        yield from holds(
            self.percentile_least <= self.percentile_sessions,
            "percentile_least <= percentile_sessions",
            (self.percentile_least, self.percentile_sessions),
            "percentile_least",
            "percentile_sessions",
        )
        yield from ascending(self.momentum_minutes, "momentum_minutes")
        yield from descending(self.fear_cuts, "fear_cuts")

    @property
    def headline_delta(self) -> float:
        """The delta of the headline wings."""
        return self.wing_deltas[-1]
