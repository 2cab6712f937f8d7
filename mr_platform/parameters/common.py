"""Parameters that several components share (components.md, section 0)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, ordered


@dataclass(frozen=True)
class WindowParameters(ParameterObject):
    """When a rolling window speaks.

    ``coverage``: share of its bars that must be there, bars before the open counting as missing; ``series_share``:
    share of the series that must be usable before a quantity across series is computed.
    """

    OBJECT: ClassVar[str] = "windows"

    coverage: float
    series_share: float


@dataclass(frozen=True)
class CentralPivotRange(ParameterObject):
    """The central pivot range of C1 and C5: narrow below ``narrow_percent`` of the pivot point."""

    OBJECT: ClassVar[str] = "cpr"

    narrow_percent: float


@dataclass(frozen=True)
class DailyContextParameters(ParameterObject):
    """What the daily context carries from session to session besides C1's recursions; read by C4 and C5 from there.

    ``atr_period`` and the two ``atr_longer_spans`` of Wilder's average true range in bars (C5); an implied volatility
    outside ``iv_lowest``..``iv_highest`` (decimal per year) is none (C4); a part with fewer than ``least_calls``
    five-minute calls in a session has no session return to learn from (C1).
    """

    OBJECT: ClassVar[str] = "daily_context"

    atr_period: int
    atr_longer_spans: tuple[int, int]
    iv_lowest: float
    iv_highest: float
    least_calls: int

    def broken(self) -> Iterator[Broken]:
        yield from ascending(self.atr_spans, "atr_period", "atr_longer_spans")
        yield from ordered(self.iv_lowest, self.iv_highest, "iv_lowest", "iv_highest")

    @property
    def atr_spans(self) -> tuple[int, int, int]:
        """The three spans, shortest first."""
        return (self.atr_period, *self.atr_longer_spans)


@dataclass(frozen=True)
class DteHistoryParameters(ParameterObject):
    """How much history stands behind a value learned by days to expiry, before it replaces its default.

    ``range_bounds``: last day of the ranges 0_7 and 8_30, 31_plus follows. ``day_sessions``: sessions kept for each
    single day to expiry, ``range_sessions`` for each range. A learned value needs ``day_observations`` (one each five
    minutes) from ``day_least_sessions`` sessions for a single day, ``range_observations`` from ``range_least_sessions``
    for a range, ``level_observations`` for each level of a scale.
    """

    OBJECT: ClassVar[str] = "dte_history"

    range_bounds: tuple[int, int]
    day_sessions: int
    range_sessions: tuple[int, int, int]
    day_observations: int
    day_least_sessions: int
    range_observations: int
    range_least_sessions: int
    level_observations: int

    def broken(self) -> Iterator[Broken]:
        yield from ascending(self.range_bounds, "range_bounds")

    def range_of(self, dte: int) -> int:
        """0, 1 or 2: the range of ``dte`` calendar days."""
        return sum(dte > bound for bound in self.range_bounds)
