"""The component itself: constants of a day, the answers of the seven, and the two engines behind one ``compute``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mr_platform.features.c8_master_integration import catalogue
from mr_platform.features.c8_master_integration.catalogue import COMPONENTS
from mr_platform.features.c8_master_integration.pieces import gather
from mr_platform.features.c8_master_integration.state import HIT, Carried, DayConstants, Floats, Ints
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import defaults

MEMORY = "c8_performance"
BAR = 5
"""Minutes of an observation that is remembered."""
NOTHING_YET = np.empty((0, 3))
SILENT = ComponentOutput.empty(0, 0)
"""Stands for a component that does not run."""


@dataclass(frozen=True)
class SessionState:
    """What ``begin`` makes and ``compute`` carries; ``start`` and ``performance`` are as the session found them."""

    start: SessionStart
    day: DayConstants
    carried: Carried
    performance: Floats


@dataclass(frozen=True)
class MasterIntegration(AdaptiveComponent[SessionState]):
    """C8: what the seven components say together.

    The score is that of the seven by their shares in the weights in force: weight at the days to expiry, times
    confidence, times health. A component that is not there counts as unavailable. ``engine`` is "cpu" (compiled) or
    "reference" (NumPy, recomputing from the open at every call).
    """

    settings: MasterIntegrationParameters = field(default_factory=lambda: defaults(MasterIntegrationParameters))
    engine: str = "cpu"
    key = "c8"
    reads = COMPONENTS

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        return catalogue.features()

    @property
    def parameters(self) -> MasterIntegrationParameters:
        return self.settings

    def begin(self, day: SessionStart) -> SessionState:
        performance = np.asarray(day.memory.get(MEMORY, NOTHING_YET))
        constants = day_constants(self.settings, day.n_bars, usual_performance(self.settings, day.dte, performance))
        return SessionState(day, constants, Carried.fresh(day.n_bars), performance)

    def compute(self, inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, state: SessionState) -> None:
        first = 0 if self.engine == "reference" else start
        heard = answers(inputs.outputs, first, stop)
        if self.engine == "reference":
            from mr_platform.features.c8_master_integration import reference

            run = reference.run
        else:
            from mr_platform.features.c8_master_integration import cpu

            run = cpu.run
        run(
            *heard,
            inputs.dte,
            start,
            stop,
            state.day,
            state.carried,
            out.values,
            out.score,
            out.confidence,
            out.health,
        )

    def leave(self, inputs: SessionInputs, out: ComponentOutput, state: SessionState) -> Mapping[str, Floats]:
        """``c8_performance`` [S, 3]: days to expiry, five-minute observations, and how many were led as before."""
        last = np.arange(0, state.start.n_bars, BAR) + BAR - 1
        hits = state.carried.traces[np.minimum(last, state.start.n_bars - 1), HIT]
        known = np.isfinite(hits)
        kept = state.performance
        if known.any():
            row = [float(state.start.dte), float(known.sum()), float(hits[known].sum())]
            kept = np.concatenate([kept, [row]])[-self.settings.learning.lookback :]
        return {MEMORY: kept}


def answers(outputs: Mapping[str, ComponentOutput], start: int, stop: int) -> tuple[Floats, Floats, Ints]:
    """Score and confidence [stop - start, 7] and health of C1..C7; no score, confidence 0, health 0 where one lacks."""
    heard = [outputs.get(key, SILENT) for key in COMPONENTS]
    shape = (stop - start, len(COMPONENTS))
    found = (np.empty(shape), np.empty(shape), np.empty(shape, np.int64))
    gather(
        tuple(one.score for one in heard),
        tuple(one.confidence for one in heard),
        tuple(one.health for one in heard),
        start,
        *found,
    )
    return found


def usual_performance(settings: MasterIntegrationParameters, dte: int, performance: Floats) -> float:
    """Share of the remembered observations at ``dte`` days that were led as before; NaN with too few of them."""
    recent = performance[-settings.learning.lookback :]
    observations, hits = recent[recent[:, 0] == dte, 1:].sum(axis=0)
    return float(hits / observations) if observations >= settings.learning.least_dte else float("nan")


def day_constants(settings: MasterIntegrationParameters, n_bars: int, usual: float = float("nan")) -> DayConstants:
    """The constants of one session."""
    return DayConstants(
        n_bars=n_bars,
        weights=np.array(list(settings.weights.by_dte.values())),
        bounds=np.array(settings.history.range_bounds, np.int64),
        signatures=np.array(settings.rules.table()),
        score_share=settings.rules.score_share,
        match_floor=settings.rules.match_floor,
        degraded=settings.degraded_weight,
        minutes=np.array(settings.minutes, np.int64),
        enough=settings.windows.coverage,
        flag=settings.structure.flag,
        adapt=settings.structure.adapt,
        usual=usual,
    )
