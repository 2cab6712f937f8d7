"""Parameters of C5, ATR, EMA and CPR on two assets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.common import (
    CentralPivotRange,
    DailyContextParameters,
    DteHistoryParameters,
    WindowParameters,
)
from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, holds, ordered, positive, shares

PIVOT_METHODS = ("classic", "fibonacci", "camarilla", "woodie", "demark")


@dataclass(frozen=True)
class AtrEmaCprParameters(ParameterObject):
    """Constants of the C5 definition (components.md, C5).

    ``asset_weights`` of the rolling ATM straddle and the underlying; ``agreement`` and ``conflict`` factors of their
    joint score; ``part_weights`` of trend, pivots and range in the score of an asset. ``memory``: spans of Wilder's
    ATR, whose recursions lie in the daily context; ``timeframes`` in minutes of the slower ATRs. ``level_cuts``:
    percentiles (0..1) of the ATR regime, among the session's own values from ``session_least`` of them on where
    ``history`` has too few. ATR against its mean ``momentum_bars`` earlier is ``rising`` above, ``falling`` below,
    where ``track_momentum``. Squeeze below the ``squeeze_percentile`` of ``squeeze_bars``, where ``detect_squeeze``;
    ``expansion`` and ``contraction`` factors. EMA spans in bars, sessions, weeks and months; the trend of premium is
    that of premium over the root of time to expiry, at least ``decay_floor_hours``; ``slope_bars``; ``convergence``
    distance. ``correlation_bars`` of both assets' returns, ``channel_bars`` of highs and lows; their ``windows``.
    ``fibonacci_ratios`` and Camarilla levels close +- range x ``camarilla_factor`` / divisor; ``method_weights`` of the
    five pivot methods at the start, of those in ``methods_used``. A method learns from touches of its levels: one holds
    where price is back on its side after ``touch_bars``, ``touch_prior`` touches stand behind the pooled rate, and a
    touch counts half after ``touch_half_life`` sessions. ``cpr``: the narrow range; it is wide above
    ``cpr_wide_percent`` of PP. A breakout holds for ``breakout_bars``; untouched ranges are remembered for
    ``virgin_sessions``.
    """

    OBJECT: ClassVar[str] = "atr_ema_cpr"

    memory: DailyContextParameters
    asset_weights: tuple[float, float]
    agreement: float
    conflict: float
    part_weights: tuple[float, float, float]
    timeframes: tuple[int, int]
    level_cuts: tuple[float, float, float, float, float]
    session_least: int
    track_momentum: bool
    momentum_bars: int
    rising: float
    falling: float
    detect_squeeze: bool
    squeeze_percentile: float
    squeeze_bars: int
    expansion: float
    contraction: float
    ema_spans: tuple[int, int, int, int]
    daily_ema_spans: tuple[int, int, int, int]
    weekly_ema_spans: tuple[int, int, int]
    monthly_ema_spans: tuple[int, int, int]
    decay_floor_hours: float
    slope_bars: int
    convergence: float
    correlation_bars: tuple[int, int]
    channel_bars: int
    fibonacci_ratios: tuple[float, float, float]
    camarilla_factor: float
    camarilla_divisors: tuple[float, float, float, float]
    methods_used: Mapping[str, bool]
    method_weights: Mapping[str, float]
    touch_bars: int
    touch_prior: float
    touch_half_life: float
    cpr: CentralPivotRange
    cpr_wide_percent: float
    breakout_bars: int
    virgin_sessions: int
    windows: WindowParameters
    history: DteHistoryParameters

    def broken(self) -> Iterator[Broken]:
        yield from shares(self.asset_weights, "asset_weights")
        yield from shares(self.part_weights, "part_weights")
        yield from holds(
            self.conflict < 1 < self.agreement, "conflict < 1 < agreement", self.conflict, "conflict", "agreement"
        )
        yield from ascending(self.level_cuts, "level_cuts")
        yield from ordered(self.falling, self.rising, "falling", "rising")
        yield from ordered(self.contraction, self.expansion, "contraction", "expansion")
        for name in (
            "ema_spans",
            "daily_ema_spans",
            "weekly_ema_spans",
            "monthly_ema_spans",
            "fibonacci_ratios",
            "timeframes",
            "correlation_bars",
        ):
            yield from ascending(getattr(self, name), name)
        yield from positive(self.camarilla_divisors, "camarilla_divisors")
        yield from positive((self.touch_prior, self.touch_half_life), "touch_prior", "touch_half_life")
        for name in ("methods_used", "method_weights"):
            yield from holds(
                tuple(getattr(self, name)) == PIVOT_METHODS, f"one for each of {PIVOT_METHODS}", None, name
            )
        yield from holds(any(self.methods_used.values()), "at least one method is used", None, "methods_used")
        names = tuple(f"method_weights[{name}]" for name in self.method_weights)
        yield from shares(tuple(self.method_weights.values()), *names)
        yield from ordered(self.cpr.narrow_percent, self.cpr_wide_percent, "cpr.narrow_percent", "cpr_wide_percent")
