"""Parameters of C3, open interest and price action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import ClassVar

from mr_platform.parameters.by_symbol import of_symbol, sound_rows
from mr_platform.parameters.common import DailyContextParameters, WindowParameters
from mr_platform.parameters.constraints import (
    Broken,
    ParameterObject,
    ascending,
    descending,
    holds,
    ordered,
    positive,
    shares,
)

Cuts = Mapping[str, tuple[float, float, float]]
REACH = 15
"""Strikes on each side of the money that components are given."""


@dataclass(frozen=True)
class StrikeRange(ParameterObject):
    """Strikes on each side of the money: ``usual``, ``wide`` above ``vix_high``, ``narrow`` below ``vix_low`` (India
    VIX in points, else ATM IV in points), never more than ``most``. A sum over the set needs ``least`` strikes.
    """

    usual: int
    wide: int
    narrow: int
    most: int
    least: int
    vix_high: float
    vix_low: float

    def broken(self) -> Iterator[Broken]:
        yield from ordered(self.vix_low, self.vix_high, "vix_low", "vix_high")
        widths = (self.narrow, self.usual, self.wide)
        yield from ascending(widths, "narrow", "usual", "wide")
        yield from holds(self.most <= REACH, f"most <= {REACH}, the strikes that are read", self.most, "most")
        yield from holds(self.usual <= REACH, f"usual <= {REACH}, the strikes that are read", self.usual, "usual")
        yield from holds(self.least <= 2 * self.usual + 1, "least fits into the usual set", self.least, "least")

    def side(self, vix: float) -> int:
        """Strikes on each side at a volatility index of ``vix`` points; the usual number where it is NaN."""
        wanted = self.wide if vix > self.vix_high else self.narrow if vix < self.vix_low else self.usual
        return min(wanted, self.most)


@dataclass(frozen=True)
class InstitutionalFlow(ParameterObject):
    """Large positions: ``z_levels`` of (dOI% - mean) / std over ``z_window`` bars, highest first; ``ratio_levels`` of
    volume over OI by symbol; accumulation from ``accumulation_z`` with price above that ``price_lookback`` bars ago;
    absorption where OI moves by more than ``absorption_oi`` and price by less than ``absorption_price`` deviations.
    """

    z_levels: tuple[float, float, float, float]
    z_window: int
    ratio_levels: Cuts
    accumulation_z: float
    price_lookback: int
    absorption_oi: float
    absorption_price: float

    def broken(self) -> Iterator[Broken]:
        yield from descending(self.z_levels, "z_levels")
        yield from sound_rows(self.ratio_levels, "ratio_levels")
        for symbol, levels in self.ratio_levels.items():
            yield from descending(levels, f"ratio_levels[{symbol}]")


@dataclass(frozen=True)
class OiPriceActionParameters(ParameterObject):
    """Constants of the C3 definition (components.md, C3).

    ``velocity_minutes`` of the velocities and accelerations, ``velocity_cuts`` (strong, moderate, weak) by symbol.
    ``timeframes`` in minutes with ``timeframe_weights``. ``pcr_change_minutes``; ``correlation_windows`` in bars.
    ``swing_bars`` of the zig-zag, ``extreme_z`` beyond which a regular divergence is extreme. ``buildup_price_cut`` and
    ``buildup_oi_cut`` over ``buildup_minutes``, scaled with the root of the window; those of a future are
    ``buildup_future_share`` of them, for an index moves by a fraction of what its options do. A covering, an
    unwinding and options that move alone count ``weak_state``, new positions 1. ``pcr_weights`` of OI-PCR, OI x
    volume-PCR and dPE/dCE, each counted up to ``pcr_most``; ``pcr_cuts`` of their mean and ``pcr_scores`` of the
    six classes. ``trend_weights`` of velocity, acceleration, price-OI correlation and flow; ``integrated_weights``
    of CE/PE, future, PCR and institutional. ``wall_percentile``: strikes with more OI than that share of their side
    are walls.
    """

    OBJECT: ClassVar[str] = "oi_price_action"

    strikes: StrikeRange
    velocity_minutes: tuple[int, int, int]
    velocity_cuts: Cuts
    timeframes: tuple[int, int, int, int]
    timeframe_weights: tuple[float, float, float, float]
    pcr_change_minutes: tuple[int, int, int]
    correlation_windows: tuple[int, int, int]
    swing_bars: int
    extreme_z: float
    buildup_price_cut: float
    buildup_oi_cut: float
    buildup_minutes: int
    buildup_future_share: float
    weak_state: float
    flow: InstitutionalFlow
    pcr_weights: tuple[float, float, float]
    pcr_cuts: tuple[float, float, float, float, float]
    pcr_scores: tuple[float, float, float, float, float, float]
    pcr_most: float
    trend_weights: tuple[float, float, float, float]
    integrated_weights: tuple[float, float, float, float]
    wall_percentile: float
    windows: WindowParameters
    memory: DailyContextParameters

    def broken(self) -> Iterator[Broken]:
        yield from ascending(self.velocity_minutes, "velocity_minutes")
        yield from sound_rows(self.velocity_cuts, "velocity_cuts")
        for symbol, cuts in self.velocity_cuts.items():
            yield from descending(cuts, f"velocity_cuts[{symbol}]")
        yield from ascending(self.timeframes, "timeframes")
        yield from shares(self.timeframe_weights, "timeframe_weights")
        yield from ascending(self.pcr_change_minutes, "pcr_change_minutes")
        yield from ascending(self.correlation_windows, "correlation_windows")
        yield from positive((self.buildup_price_cut, self.buildup_oi_cut), "buildup_price_cut", "buildup_oi_cut")
        yield from shares(self.pcr_weights, "pcr_weights")
        yield from ascending(self.pcr_cuts, "pcr_cuts")
        rising = all(a <= b for a, b in pairwise(self.pcr_scores))
        yield from holds(rising, "scores do not fall", self.pcr_scores, "pcr_scores")
        yield from shares(self.trend_weights, "trend_weights")
        yield from shares(self.integrated_weights, "integrated_weights")

    def velocity_strength(self, symbol: str) -> tuple[float, float, float]:
        """Cuts of a strong, a moderate and a weak velocity of ``symbol``."""
        return of_symbol(self.velocity_cuts, symbol)

    def flow_ratio(self, symbol: str) -> tuple[float, float, float]:
        """Cuts of a high, a moderate and a low volume over OI of ``symbol``."""
        return of_symbol(self.flow.ratio_levels, symbol)

    def buildup_cuts(self, minutes: int) -> tuple[float, float]:
        """(Price, OI) cuts of the build-up matrix for changes over ``minutes``."""
        factor = sqrt(minutes / self.buildup_minutes)
        return self.buildup_price_cut * factor, self.buildup_oi_cut * factor
