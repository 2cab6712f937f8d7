"""Thresholds of the workbook's 18 regimes: the two threshold tables of its sheet RegimeClassification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

from mr_platform.parameters.constraints import Broken, ParameterObject, holds
from mr_platform.parameters.terms import Interval

VOLATILITY_CLASSES = ("Low", "Medium", "High")
TREND_CLASSES = ("Strong_Bearish", "Bearish", "Neutral", "Sideways", "Bullish", "Strong_Bullish")


@dataclass(frozen=True)
class VolatilityClass:
    """A volatility class: ``least``..``most`` annualised, decimal; ``percentile`` of the ATR, 0..100."""

    name: str = field(metadata={"column": "Class"})
    least: float = field(metadata={"column": "MinValue"})
    most: float = field(metadata={"column": "MaxValue"})
    percentile: Interval = field(metadata={"column": "ATR_Percentile"})


@dataclass(frozen=True)
class TrendClass:
    """A trend class: slope ``least``..``most`` over a session's length, decimal; ADX of at least ``adx``, 0..100."""

    name: str = field(metadata={"column": "Class"})
    least: float = field(metadata={"column": "MinSlope"})
    most: float = field(metadata={"column": "MaxSlope"})
    adx: float = field(metadata={"column": "MinADX"})


@dataclass(frozen=True)
class WorkbookParameters(ParameterObject):
    """Classes of volatility and trend. Neighbouring classes meet, so that every slope and volatility has one."""

    OBJECT: ClassVar[str] = "workbook_regimes"

    volatility: tuple[VolatilityClass, ...]
    trends: tuple[TrendClass, ...]

    def broken(self) -> Iterator[Broken]:
        for name, classes, given in (
            ("volatility", VOLATILITY_CLASSES, [one.name for one in self.volatility]),
            ("trends", TREND_CLASSES, [one.name for one in self.trends]),
        ):
            known = sorted(given) == sorted(classes)
            yield from holds(known, f"the classes are {', '.join(classes)}", tuple(given), name)
            if not known:
                return
        for low, high in (("Low", "Medium"), ("Medium", "High")):
            below, above = self.of_volatility(low), self.of_volatility(high)
            yield from holds(
                below.most == above.least and below.percentile.high == above.percentile.low,
                f"{low} volatility ends where {high} begins",
                (below, above),
                "volatility",
            )
        rising = ("Strong_Bearish", "Bearish", "Neutral", "Bullish", "Strong_Bullish")
        for low, high in pairwise(rising):
            yield from holds(
                self.of_trend(low).most == self.of_trend(high).least,
                f"{low} ends where {high} begins",
                (self.of_trend(low), self.of_trend(high)),
                "trends",
            )
        yield from holds(
            all(one.least < one.most for one in self.volatility) and all(one.least < one.most for one in self.trends),
            "a class runs from its least to its most",
            (self.volatility, self.trends),
            "volatility",
            "trends",
        )

    def of_volatility(self, name: str) -> VolatilityClass:
        """The volatility class of that name."""
        return next(one for one in self.volatility if one.name == name)

    def of_trend(self, name: str) -> TrendClass:
        """The trend class of that name."""
        return next(one for one in self.trends if one.name == name)
