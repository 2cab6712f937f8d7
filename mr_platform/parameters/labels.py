"""Parameters of the labels: what counts as high, low and turned, looking forward (regimes.md, section 2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

from mr_platform.parameters.constraints import Broken, ParameterObject, holds, ordered

RULES = ("trend_break", "price_expansion", "contraction", "correlation", "quiet")


@dataclass(frozen=True)
class LabelTask(ParameterObject):
    """Window lengths in five-minute bars before and after t; whether the forward window crosses the night.

    ``theta``: efficiency ratio above which a trend has a sign. It belongs to the task, since the ratio of a
    random walk falls with the length of the window, about as 1 / sqrt(bars).
    """

    name: str
    back: int
    ahead: int
    crosses_night: bool
    theta: float

    def broken(self) -> Iterator[Broken]:
        yield from holds(self.back >= 2 and self.ahead >= 2, "a window has at least 2 bars", self, "back", "ahead")
        yield from holds(0 < self.theta < 1, "0 < theta < 1", self.theta, "theta")


@dataclass(frozen=True)
class LabelParameters(ParameterObject):
    """Cuts and order of the label rules.

    Quantiles of trailing sessions at the same time of day are the cuts of low and high: of ``sessions`` to
    ``sessions_most`` sessions; with fewer than ``sessions``, neighbouring bars (``pool_bars`` on each side) of at least
    ``min_sessions`` are pooled. ``coverage``: share of a window's bars that must be known; ``series_share``: share of
    the series a mean correlation needs. ``break_ratio`` of forward to past volatility above which a turn expands,
    ``expansion_ratio`` and ``contraction_ratio`` below which price expansion and contraction may hold. ``order`` of the
    rules, first match wins.
    """

    OBJECT: ClassVar[str] = "labels"

    quantile_low: float
    quantile_high: float
    sessions: int
    sessions_most: int
    min_sessions: int
    pool_bars: int
    coverage: float
    series_share: float
    break_ratio: float
    expansion_ratio: float
    contraction_ratio: float
    order: tuple[str, ...]
    tasks: Mapping[str, LabelTask]

    def broken(self) -> Iterator[Broken]:
        yield from ordered(self.quantile_low, self.quantile_high, "quantile_low", "quantile_high")
        yield from holds(
            self.quantile_low > 0 and self.quantile_high < 1,
            "quantiles lie in 0..1",
            (self.quantile_low, self.quantile_high),
            "quantile_low",
            "quantile_high",
        )
        yield from holds(
            1 <= self.min_sessions <= self.sessions <= self.sessions_most,
            "1 <= min_sessions <= sessions <= sessions_most",
            (self.min_sessions, self.sessions, self.sessions_most),
            "min_sessions",
            "sessions",
            "sessions_most",
        )
        yield from holds(sorted(self.order) == sorted(RULES), f"order is a permutation of {RULES}", self.order, "order")
        yield from holds(0 < self.coverage <= 1, "0 < coverage <= 1", self.coverage, "coverage")
        yield from holds(self.pool_bars >= 0, "pool_bars >= 0", self.pool_bars, "pool_bars")

    def digest(self) -> str:
        """Eight hex digits that change with any value."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]
