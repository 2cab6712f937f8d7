"""The component itself: constants of a day from its history, and the two engines behind one ``compute``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c4_iv_skew import catalogue
from mr_platform.features.c4_iv_skew.state import N_QUANTITIES, Carried, DayConstants, Floats
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.history import QuantityHistory, Ranked
from mr_platform.features.inputs import SessionInputs
from mr_platform.market.instruments import instrument, known_symbols
from mr_platform.parameters.iv_skew import IvSkewParameters
from mr_platform.parameters.objects import defaults

MEMORY = "c4_history"
BAR = 5


@dataclass(frozen=True)
class SessionState:
    """What ``begin`` makes and ``compute`` carries: the day's constants, traces, and what earlier sessions saw."""

    day: DayConstants
    carried: Carried
    history: QuantityHistory


@dataclass(frozen=True)
class IVSkew(AdaptiveComponent[SessionState]):
    """C4: the smile of the nearest expiry, its history at that DTE and its range, and its term structure.

    The score says how stressed volatility is, from 0 to 1: high where it stands high in its history, puts are dear, it
    rises and the term structure is inverted; low where all is calm. ``engine`` is "cpu" (compiled) or "reference"
    (NumPy, recomputing from the open at every call).
    """

    settings: IvSkewParameters = field(default_factory=lambda: defaults(IvSkewParameters))
    engine: str = "cpu"
    key = "c4"
    passes = ("smile",)

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        return catalogue.features()

    @property
    def parameters(self) -> IvSkewParameters:
        return self.settings

    def begin(self, day: SessionStart) -> SessionState:
        history = QuantityHistory.of(day.memory, MEMORY, N_QUANTITIES)
        return SessionState(
            day_constants(self.settings, day.dte, day.n_bars, day.symbol, history), Carried.fresh(day.n_bars), history
        )

    def compute(self, inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, state: SessionState) -> None:
        if self.engine == "reference":
            from mr_platform.features.c4_iv_skew import reference

            run = reference.run
        else:
            from mr_platform.features.c4_iv_skew import cpu

            run = cpu.run
        run(
            inputs.strikes_listed,
            inputs.volatility,
            inputs.forwards,
            inputs.years,
            inputs.days,
            inputs.at_money,
            inputs.steps,
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
        """The history with one observation more for every five-minute bar of this session: that of its last minute."""
        at_dte = inputs.days[:, 0] == state.day.dte
        seen = np.where(at_dte[:, None], state.carried.quantities[: at_dte.size], np.nan)
        left = state.history.with_session(state.day.dte, seen[BAR - 1 :: BAR], self.settings.history)
        return left.as_memory(MEMORY)


def typical_volatility(settings: IvSkewParameters, symbol: str) -> float:
    """ATM volatility to expect of a symbol before any is learned, decimal per year."""
    return instrument(symbol).typical_iv if symbol in known_symbols() else settings.stock_typical_iv


def fear_points(settings: IvSkewParameters) -> Floats:
    """Put less call skew ascending, and the fear that goes with each [2, 4]."""
    return np.array([settings.fear_cuts[::-1], settings.fear_grades[::-1]])


def day_constants(
    settings: IvSkewParameters, dte: int, n_bars: int, symbol: str, history: QuantityHistory
) -> DayConstants:
    """The constants of one session at ``dte`` days to the nearest expiry."""
    specific = history.specific(dte, settings.specific_history)
    ranged = history.of_range(dte, settings.history)
    deltas = np.array(settings.wing_deltas)
    return DayConstants(
        n_bars=n_bars,
        dte=dte,
        typical=typical_volatility(settings, symbol),
        typical_spread=settings.typical_spread,
        wing_deltas=deltas,
        wing_quantiles=np.array([NormalDist().inv_cdf(delta) for delta in settings.wing_deltas]),
        least_strikes=settings.least_strikes,
        reversal_steps=np.array(settings.reversal_points) / settings.reversal_step,
        asymmetry=settings.asymmetry_moneyness,
        contango=settings.contango,
        backwardation=settings.backwardation,
        level_cuts=np.array(settings.level_cuts),
        percentile_least=settings.percentile_least,
        consistency=settings.consistency,
        consistency_count=float(settings.consistency_count),
        momentum=np.array(settings.momentum_minutes, np.int64),
        transitions=np.array([settings.skew_transition, settings.atm_transition, settings.wing_transition]),
        fear_points=fear_points(settings),
        prototypes=np.array(settings.patterns),
        pattern_width=settings.pattern_width,
        score_weights=np.array(settings.score_weights),
        history_share=settings.history_share,
        velocity_on=int(settings.surface_velocity),
        abnormal=settings.abnormal_surface,
        smile_on=int(settings.smile_fit),
        enough=settings.windows.coverage,
        specific_values=np.ascontiguousarray(specific.values),
        specific_below=np.ascontiguousarray(specific.below),
        specific_known=_known(specific),
        specific_trust=specific.trusted.astype(np.int64),
        specific_seen=specific.observations.astype(float),
        range_values=np.ascontiguousarray(ranged.values),
        range_below=np.ascontiguousarray(ranged.below),
        range_known=_known(ranged),
        range_trust=ranged.trusted.astype(np.int64),
        range_seen=ranged.observations.astype(float),
    )


def _known(ranked: Ranked) -> NDArray[np.int64]:
    """Values of each quantity's history that are there int64 [4]."""
    return np.asarray(np.isfinite(ranked.values).sum(axis=1), np.int64)
