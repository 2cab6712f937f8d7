"""Parameters of C6, correlation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.common import DteHistoryParameters, WindowParameters
from mr_platform.parameters.constraints import Broken, ParameterObject, ascending, descending, holds, ordered, shares


@dataclass(frozen=True)
class BreakdownParameters(ParameterObject):
    """A correlation breaks down where |r| is below ``threshold`` (learned: its ``learned_percentile``), or below the
    mean less ``deviations`` standard deviations of ``history_bars``, or where the slope of the last ``slope_bars`` is
    below ``slope_cut``. Alerts: ``critical`` and ``warning`` confidence, ``cool_down_minutes`` apart, at most
    ``most_per_session``.
    """

    threshold: float
    learned_percentile: float
    history_bars: int
    deviations: float
    slope_bars: int
    slope_cut: float
    critical: float
    warning: float
    cool_down_minutes: int
    most_per_session: int

    def broken(self) -> Iterator[Broken]:
        yield from ordered(self.warning, self.critical, "warning", "critical")


@dataclass(frozen=True)
class CorrelationParameters(ParameterObject):
    """Constants of the C6 definition (components.md, C6).

    ``bars`` of the correlation windows, ``timeframes`` in minutes; ``phases``: series in the growing matrices (groups
    of 10, 8, 6 and 6). Windows shorter than ``shrink_factor`` times the number of series are shrunk (Ledoit and Wolf).
    ``windows``: when a window speaks. ``absorption_share`` of the eigenvectors in the absorption ratio. Coherence below
    ``coherence_critical`` or ``coherence_warning``. ``gap_weights``: weight of the overnight gap by its size in
    percent, below each of ``gap_cuts`` and beyond the last; a cut belongs to the smaller weight.

    Strike sums reach over ATM +- ``strike_reach`` and need ``least_strikes``; the wings of both skews stand at
    |delta| ``wing_delta`` and need ``least_wing`` out-of-the-money options. ``shift_minutes``: how far back a change of
    structure looks. Two series are joined in the graph from |r| of ``graph_threshold`` on. ``score_weights`` of the
    tracked pairs' strength, their soundness, the matrix's stability and the components' coherence; they learn by
    ``learning_rate``. ``history``: when a learned threshold replaces its default.
    """

    OBJECT: ClassVar[str] = "correlation"

    bars: tuple[int, int, int]
    timeframes: tuple[int, int, int, int]
    phases: tuple[int, int, int, int]
    shrink_factor: float
    windows: WindowParameters
    breakdown: BreakdownParameters
    absorption_share: float
    coherence_critical: float
    coherence_warning: float
    gap_cuts: tuple[float, float, float, float]
    gap_weights: tuple[float, float, float, float, float]
    strike_reach: int
    least_strikes: int
    wing_delta: float
    least_wing: int
    shift_minutes: int
    graph_threshold: float
    score_weights: tuple[float, float, float, float]
    learning_rate: float
    history: DteHistoryParameters

    def broken(self) -> Iterator[Broken]:
        yield from ascending(self.bars, "bars")
        yield from ascending(self.timeframes, "timeframes")
        yield from ascending(self.phases, "phases")
        yield from ordered(self.coherence_critical, self.coherence_warning, "coherence_critical", "coherence_warning")
        yield from ascending(self.gap_cuts, "gap_cuts")
        yield from descending(self.gap_weights, "gap_weights")
        yield from shares(self.score_weights, "score_weights")
        yield from holds(
            self.least_strikes <= 2 * self.strike_reach + 1,
            "least_strikes fit into the set",
            self.least_strikes,
            "least_strikes",
            "strike_reach",
        )

    def gap_weight(self, gap_percent: float) -> float:
        """Weight of what was correlated before a gap of that size."""
        return self.gap_weights[sum(abs(gap_percent) >= cut for cut in self.gap_cuts)]
