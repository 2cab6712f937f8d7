"""Parameters of the regime rules, transitions, taxonomies, history and positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.constraints import (
    Broken,
    ParameterObject,
    ascending,
    fitting,
    holds,
    ordered,
    positive,
    shares,
)
from mr_platform.parameters.labels import LabelParameters
from mr_platform.parameters.workbook_regimes import WorkbookParameters
from schemas.tables import REGIMES
from schemas.weights import DTE_BUCKETS

COMPONENTS = (1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class Signature:
    """What a component's score looks like in a regime: ``weight``, and the range ``low``..``high``."""

    weight: float
    low: float
    high: float


@dataclass(frozen=True)
class RegimeSignature(ParameterObject):
    """The signature of one regime over C1..C7: a weight and a range of the score for each."""

    weights: tuple[float, float, float, float, float, float, float]
    lows: tuple[float, float, float, float, float, float, float]
    highs: tuple[float, float, float, float, float, float, float]

    def broken(self) -> Iterator[Broken]:
        yield from positive(self.weights, "weights")
        yield from holds(
            all(-1 <= low < high <= 1 for low, high in zip(self.lows, self.highs, strict=True)),
            "-1 <= low < high <= 1",
            (self.lows, self.highs),
            "lows",
            "highs",
        )

    def __iter__(self) -> Iterator[Signature]:
        """The seven signatures in the order of the components."""
        return (self[at] for at in range(len(self.weights)))

    def __getitem__(self, at: int) -> Signature:
        """The signature of component ``at`` + 1."""
        return Signature(self.weights[at], self.lows[at], self.highs[at])


@dataclass(frozen=True)
class RuleParameters(ParameterObject):
    """Rule classification (components.md, C8): p = score_share * weighted match + the rest * share of components whose
    match is above ``match_floor``.
    """

    OBJECT: ClassVar[str] = "rules"

    score_share: float
    match_floor: float
    signatures: Mapping[str, RegimeSignature]

    def broken(self) -> Iterator[Broken]:
        yield from holds(
            tuple(self.signatures) == REGIMES, f"signatures of {REGIMES}", tuple(self.signatures), "signatures"
        )

    def table(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """Weights, low and high ends [3, 8, 7] of C1..C7 in the order of REGIMES."""
        signatures = self.signatures.values()
        return tuple(tuple(getattr(one, name) for one in signatures) for name in ("weights", "lows", "highs"))


@dataclass(frozen=True)
class WeightParameters(ParameterObject):
    """Start weights of C1..C7 by days to expiry, with the bounds of learned ones (components.md, C8)."""

    OBJECT: ClassVar[str] = "component_weights"

    lowest: float
    highest: float
    by_dte: Mapping[str, tuple[float, float, float, float, float, float, float]]

    def broken(self) -> Iterator[Broken]:
        yield from holds(tuple(self.by_dte) == DTE_BUCKETS, f"weights for {DTE_BUCKETS}", tuple(self.by_dte), "by_dte")
        for bucket, row in self.by_dte.items():
            yield from shares(row, f"by_dte[{bucket}]")
            within = all(self.lowest <= weight <= self.highest for weight in row)
            yield from holds(within, "weights lie within the bounds", row, f"by_dte[{bucket}]", "lowest", "highest")


@dataclass(frozen=True)
class TacticalParameters(ParameterObject):
    """Cuts of the choice within a strategic regime.

    |direction| from ``direction`` on is a stance; volatility percentile below ``calm`` or from ``tense`` on; regime
    confidence from ``confident`` on, below ``doubtful``; the direction ``turn_minutes`` ago tells a reversal.
    """

    OBJECT: ClassVar[str] = "tactical"

    direction: float
    calm: float
    tense: float
    confident: float
    doubtful: float
    turn_minutes: int

    def broken(self) -> Iterator[Broken]:
        yield from ordered(self.calm, self.tense, "calm", "tense")
        yield from ordered(self.doubtful, self.confident, "doubtful", "confident")


@dataclass(frozen=True)
class DailyParameters(ParameterObject):
    """Thresholds of the 7 daily regimes, decimal returns and volatility; ``volume_floor`` of their confidence."""

    OBJECT: ClassVar[str] = "daily_regimes"

    strong_return: float
    plain_return: float
    volatility: float
    volume_floor: float

    def broken(self) -> Iterator[Broken]:
        yield from ordered(self.plain_return, self.strong_return, "plain_return", "strong_return")


@dataclass(frozen=True)
class SignalParameters(ParameterObject):
    """``gate``: least master confidence of an answer, 0..1."""

    OBJECT: ClassVar[str] = "signal"

    gate: float


@dataclass(frozen=True)
class TransitionParameters(ParameterObject):
    """Hysteresis and alerts of regime changes (components.md, C8).

    ``shift``: total variation from the distribution in force that a change needs, ``alert`` from where on it is one;
    ``confidence_alert`` below which the regime in force is doubted; ``gate`` from which a change is confirmed, else
    tentative; ``cool_down_minutes`` between changes, at most ``most_per_hour``.
    """

    OBJECT: ClassVar[str] = "transitions"

    shift: float
    alert: float
    confidence_alert: float
    gate: float
    cool_down_minutes: int
    most_per_hour: int

    def broken(self) -> Iterator[Broken]:
        yield from holds(self.shift <= self.alert, "shift <= alert", (self.shift, self.alert), "shift", "alert")

    def status(self, confidence: float, minutes_since_change: float, changes_in_hour: int) -> str:
        """What becomes of a challenge whose shift is large enough: confirmed, tentative, cool-down or rate."""
        if minutes_since_change < self.cool_down_minutes:
            return "cool-down"
        if changes_in_hour >= self.most_per_hour:
            return "rate"
        return "confirmed" if confidence >= self.gate else "tentative"


@dataclass(frozen=True)
class StateParameters(ParameterObject):
    """What the finer taxonomies know of the underlying, in five-minute bars: slope and volatility over
    ``session_bars``, the percentile of the volatility of the last ``recent_bars``.
    """

    OBJECT: ClassVar[str] = "market_state"

    session_bars: int
    recent_bars: int


@dataclass(frozen=True)
class HistoryParameters(ParameterObject):
    """Length of the rolling record in days, and of one bar in minutes."""

    OBJECT: ClassVar[str] = "history"

    days: int
    bar_minutes: int


@dataclass(frozen=True)
class PositionParameters(ParameterObject):
    """Sizes, stops and limits of the position recommendation (regimes.md, section 4).

    size = base(regime) (confidence_floor + (1 - confidence_floor) confidence) (risk_ceiling - risk multiplier). The
    volatility score, percent of price, is the ``score_quantile`` of the ranges; ``volatility_cuts`` make it low,
    normal, high or extreme, each with its risk and stop multiplier. |trend strength| from ``direction`` on has a side.
    """

    OBJECT: ClassVar[str] = "positions"

    base: Mapping[str, float]
    most: Mapping[str, int]
    confidence_floor: float
    risk_ceiling: float
    score_quantile: float
    volatility_cuts: tuple[float, float, float]
    risk_multipliers: tuple[float, float, float, float]
    stop_multipliers: tuple[float, float, float, float]
    direction: float

    def broken(self) -> Iterator[Broken]:
        yield from holds(tuple(self.base) == REGIMES, f"a base size for each of {REGIMES}", tuple(self.base), "base")
        yield from holds(tuple(self.most) == REGIMES, f"a limit for each of {REGIMES}", tuple(self.most), "most")
        yield from ascending(self.volatility_cuts, "volatility_cuts")
        yield from fitting(("low", "normal", "high", "extreme"), self.stop_multipliers, "stop_multipliers")
        yield from holds(
            all(0 <= m <= self.risk_ceiling for m in self.risk_multipliers),
            "risk multipliers lie in 0..risk_ceiling",
            self.risk_multipliers,
            "risk_multipliers",
            "risk_ceiling",
        )


@dataclass(frozen=True)
class RegimeParameters:
    """Everything that regimes are made with."""

    labels: LabelParameters
    rules: RuleParameters
    weights: WeightParameters
    tactical: TacticalParameters
    workbook: WorkbookParameters
    daily: DailyParameters
    signal: SignalParameters
    transitions: TransitionParameters
    state: StateParameters
    history: HistoryParameters
    positions: PositionParameters
