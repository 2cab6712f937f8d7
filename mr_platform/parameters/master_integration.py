"""Parameters of C8, the integration of the components into one answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.common import DteHistoryParameters, WindowParameters
from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, ordered, shares
from mr_platform.parameters.regimes import RuleParameters, SignalParameters, TransitionParameters, WeightParameters


@dataclass(frozen=True)
class RegimeLearning(ParameterObject):
    """How past answers correct probabilities and weights.

    ``history_weights`` of historical accuracy and confidence in the correction of p; ``performance_weights`` of
    accuracy, confidence, 1 - deviation of accuracy, stability and speed; ``rate`` of the move; at least ``least_dte``
    observations at a day to expiry and ``least_regime`` of a regime, from the last ``lookback`` sessions.
    """

    history_weights: tuple[float, float]
    performance_weights: tuple[float, float, float, float, float]
    rate: float
    least_dte: int
    least_regime: int
    lookback: int

    def broken(self) -> Iterator[Broken]:
        yield from shares(self.history_weights, "history_weights")
        yield from shares(self.performance_weights, "performance_weights")


@dataclass(frozen=True)
class StructureChange(ParameterObject):
    """A relative shift of performance above ``flag`` is flagged, above ``adapt`` answered within ``answer_hours``."""

    flag: float
    adapt: float
    answer_hours: int

    def broken(self) -> Iterator[Broken]:
        yield from ordered(self.flag, self.adapt, "flag", "adapt")


@dataclass(frozen=True)
class MasterIntegrationParameters(ParameterObject):
    """Constants of the C8 definition (components.md, C8); the rules of classification, weights, transitions and the
    gate of the answer are those in force for the regimes.

    A component without all of its inputs weighs ``degraded_weight`` of what it would. Changes look back over
    ``short_minutes``, ``middle_minutes`` and ``long_minutes``. ``windows``: when a window speaks. ``history``: the
    ranges of days to expiry.
    """

    OBJECT: ClassVar[str] = "master_integration"

    rules: RuleParameters
    weights: WeightParameters
    transitions: TransitionParameters
    signal: SignalParameters
    learning: RegimeLearning
    structure: StructureChange
    degraded_weight: float
    short_minutes: int
    middle_minutes: int
    long_minutes: int
    windows: WindowParameters
    history: DteHistoryParameters

    @property
    def minutes(self) -> tuple[int, int, int]:
        """The three windows, shortest first."""
        return (self.short_minutes, self.middle_minutes, self.long_minutes)

    def broken(self) -> Iterator[Broken]:
        yield from ascending(self.minutes, "short_minutes", "middle_minutes", "long_minutes")
