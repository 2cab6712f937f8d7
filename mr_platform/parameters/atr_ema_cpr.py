"""Parameters of C5, ATR, EMA and CPR on two assets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.common import CentralPivotRange, DailyContextParameters
from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, holds, ordered, positive, shares

PIVOT_METHODS = ("classic", "fibonacci", "camarilla", "woodie", "demark")


@dataclass(frozen=True)
class AtrEmaCprParameters(ParameterObject):
    """Constants of the C5 definition (components.md, C5).

    ``asset_weights`` of the rolling ATM straddle and the underlying; ``agreement`` and ``conflict`` factors of their
    joint score. ``memory``: spans of Wilder's ATR, whose recursions lie in the daily context. ``level_cuts``:
    percentiles (0..1) of the ATR regime. ATR against its mean ``momentum_bars`` earlier is ``rising`` above,
    ``falling`` below. Squeeze below the ``squeeze_percentile`` of ``squeeze_bars``; ``expansion`` and ``contraction``
    factors. EMA spans in bars, sessions, weeks and months; ``convergence`` distance. ``fibonacci_ratios`` and Camarilla
    levels close +- range x ``camarilla_factor`` / divisor; ``method_weights`` of the five pivot methods. ``cpr``: the
    narrow range; it is wide above ``cpr_wide_percent`` of PP. A breakout holds for ``breakout_bars``.
    """

    OBJECT: ClassVar[str] = "atr_ema_cpr"

    memory: DailyContextParameters
    asset_weights: tuple[float, float]
    agreement: float
    conflict: float
    level_cuts: tuple[float, float, float, float, float]
    momentum_bars: int
    rising: float
    falling: float
    squeeze_percentile: float
    squeeze_bars: int
    expansion: float
    contraction: float
    ema_spans: tuple[int, int, int, int]
    daily_ema_spans: tuple[int, int, int, int]
    weekly_ema_spans: tuple[int, int, int]
    monthly_ema_spans: tuple[int, int, int]
    convergence: float
    fibonacci_ratios: tuple[float, float, float]
    camarilla_factor: float
    camarilla_divisors: tuple[float, float, float, float]
    method_weights: Mapping[str, float]
    cpr: CentralPivotRange
    cpr_wide_percent: float
    breakout_bars: int

    def broken(self) -> Iterator[Broken]:
        yield from shares(self.asset_weights, "asset_weights")
        yield from holds(
            self.conflict < 1 < self.agreement, "conflict < 1 < agreement", self.conflict, "conflict", "agreement"
        )
        yield from ascending(self.level_cuts, "level_cuts")
        yield from ordered(self.falling, self.rising, "falling", "rising")
        yield from ordered(self.contraction, self.expansion, "contraction", "expansion")
        for name in ("ema_spans", "daily_ema_spans", "weekly_ema_spans", "monthly_ema_spans", "fibonacci_ratios"):
            yield from ascending(getattr(self, name), name)
        yield from positive(self.camarilla_divisors, "camarilla_divisors")
        yield from holds(
            tuple(self.method_weights) == PIVOT_METHODS, f"weights of {PIVOT_METHODS}", None, "method_weights"
        )
        names = tuple(f"method_weights[{name}]" for name in self.method_weights)
        yield from shares(tuple(self.method_weights.values()), *names)
        yield from ordered(self.cpr.narrow_percent, self.cpr_wide_percent, "cpr.narrow_percent", "cpr_wide_percent")
