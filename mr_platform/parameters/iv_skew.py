"""Parameters of C4, implied-volatility skew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from mr_platform.parameters.common import DailyContextParameters, DteHistoryParameters, WindowParameters
from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, descending, holds, shares

IV_LEVELS = ("extremely_low", "very_low", "low", "normal", "high", "very_high", "extremely_high")
PATTERNS = ("normal", "steep_put", "flat", "reverse", "smile")


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
    of a symbol without one in configs/instruments.yaml, and ``typical_spread`` of log volatility around a typical one:
    they stand for a history until there is one. ``fear_cuts``: put less call skew, greatest fear first, and
    ``fear_grades``, the fear at each. A smile is like a pattern by how near its put and call skew, as shares of ATM
    volatility, are to that pattern's; at a distance of ``pattern_width`` by a half. ``score_weights`` of IV percentile,
    fear, momentum and backwardation; ``history_share`` of learned percentiles against the fit of the smile in the
    confidence. ``surface_strikes`` and ``surface_expiries`` of the volatility surface, filled by ``interpolation``;
    ``surface_velocity`` and ``smile_fit`` say whether these are followed; ``abnormal_surface`` standard deviations
    beyond the mean are abnormal. ``windows``: when a window speaks; ``history``: when a learned value does, but
    ``percentile_sessions`` and ``percentile_least`` rule a single day.
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
    typical_spread: float
    fear_cuts: tuple[float, float, float, float]
    fear_grades: tuple[float, float, float, float]
    pattern_normal: tuple[float, float]
    pattern_steep_put: tuple[float, float]
    pattern_flat: tuple[float, float]
    pattern_reverse: tuple[float, float]
    pattern_smile: tuple[float, float]
    pattern_width: float
    score_weights: tuple[float, float, float, float]
    history_share: float
    surface_strikes: int
    surface_expiries: int
    interpolation: str
    surface_velocity: bool
    abnormal_surface: float
    smile_fit: bool
    windows: WindowParameters
    history: DteHistoryParameters

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
        yield from descending(self.fear_grades, "fear_grades")
        yield from shares(self.score_weights, "score_weights")

    @property
    def specific_history(self) -> DteHistoryParameters:
        """``history`` with this component's own depth and least observations of a single day to expiry."""
        return replace(self.history, day_sessions=self.percentile_sessions, day_observations=self.percentile_least)

    @property
    def headline_delta(self) -> float:
        """The delta of the headline wings."""
        return self.wing_deltas[-1]

    @property
    def patterns(self) -> tuple[tuple[float, float], ...]:
        """Put and call skew of each of ``PATTERNS``, as shares of ATM volatility."""
        return (
            self.pattern_normal,
            self.pattern_steep_put,
            self.pattern_flat,
            self.pattern_reverse,
            self.pattern_smile,
        )
