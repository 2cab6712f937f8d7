"""The component itself: constants of a day from what earlier sessions left, and the two engines behind ``compute``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mr_platform.features.c1_triple_straddle.catalogue import features as straddle_features
from mr_platform.features.c6_correlation import catalogue
from mr_platform.features.c6_correlation.layout import BLOCKS, N_GROUPS, N_SCORES, N_SERIES, N_TRACKED, SCORES
from mr_platform.features.c6_correlation.state import Carried, DayConstants, Floats
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.history import QuantityHistory, Ranked
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.series import CLOSE
from mr_platform.parameters.correlation import CorrelationParameters
from mr_platform.parameters.objects import defaults

BAR = 5
"""Minutes between observations that are remembered."""
OVERLAY = "c1_timeframe_overlay_atm"
_OVERLAY_AT = [spec.name for spec in straddle_features()].index(OVERLAY)
_PAIRS, _BLOCKS = "c6_pairs", "c6_blocks"


@dataclass(frozen=True)
class SessionState:
    """What ``begin`` makes and ``compute`` carries; ``pairs``: the history of the tracked pairs' |r|."""

    dte: int
    day: DayConstants
    carried: Carried
    pairs: QuantityHistory


@dataclass(frozen=True)
class Correlation(AdaptiveComponent[SessionState]):
    """C6: how thirty series of the chain move together; high scores say that the market moves as one.

    ``engine`` is "cpu" (compiled) or "reference" (NumPy, recomputing from the open at every call).
    """

    settings: CorrelationParameters = field(default_factory=lambda: defaults(CorrelationParameters))
    engine: str = "cpu"
    key = "c6"
    passes = ("smile", "greeks")
    reads = SCORES

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        return catalogue.features()

    @property
    def parameters(self) -> CorrelationParameters:
        return self.settings

    def begin(self, day: SessionStart) -> SessionState:
        pairs = QuantityHistory.of(day.memory, _PAIRS, N_TRACKED)
        return SessionState(
            dte=day.dte,
            day=day_constants(self.settings, day, pairs),
            carried=Carried.fresh(day.n_bars),
            pairs=pairs,
        )

    def compute(self, inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, state: SessionState) -> None:
        if self.engine == "reference":
            from mr_platform.features.c6_correlation import reference

            run = reference.run
        else:
            from mr_platform.features.c6_correlation import cpu

            run = cpu.run
        run(inputs, others(inputs), start, stop, self.settings, state.day, state.carried, out)

    def leave(self, inputs: SessionInputs, out: ComponentOutput, state: SessionState) -> Mapping[str, Floats]:
        """The pairs' history with this session's five-minute observations, and the last known block means."""
        del inputs, out
        pairs = state.pairs.with_session(state.dte, state.carried.strength[BAR - 1 :: BAR], self.settings.history)
        blocks = np.where(np.isnan(state.carried.blocks), state.day.previous_blocks, state.carried.blocks)
        return pairs.as_memory(_PAIRS) | {_BLOCKS: blocks}


def others(inputs: SessionInputs) -> tuple[Floats, Floats, Floats]:
    """Overlay of the ATM straddle [M], scores and confidences [M, 5] of the components before; NaN where not run."""
    m = inputs.minutes.size
    overlay = np.full(m, np.nan)
    scores, confidences = np.full((m, N_SCORES), np.nan), np.zeros((m, N_SCORES))
    for i, key in enumerate(SCORES):
        if key in inputs.outputs:
            scores[:, i] = inputs.outputs[key].score[:m]
            confidences[:, i] = inputs.outputs[key].confidence[:m]
    if SCORES[0] in inputs.outputs:
        overlay = inputs.outputs[SCORES[0]].values[:m, _OVERLAY_AT].copy()
    return overlay, scores, confidences


def day_constants(settings: CorrelationParameters, day: SessionStart, pairs: QuantityHistory) -> DayConstants:
    """The constants of one session. The close of another kind of underlying than today's is left unknown."""
    previous = day.previous
    same = previous is not None and previous.underlying == day.underlying
    learned = (pairs.specific(day.dte, settings.history), pairs.of_range(day.dte, settings.history))
    of_phase = np.searchsorted(settings.phases, np.arange(N_SERIES), side="right")
    groups = np.where(of_phase < N_GROUPS, of_phase, -1)
    return DayConstants(
        n_bars=day.n_bars,
        groups=groups,
        sizes=np.array([int((groups == g).sum()) for g in range(N_GROUPS)]),
        thresholds=np.array([_threshold(settings, learned, q) for q in range(N_TRACKED)]),
        previous_close=float(previous.rolling_ohlc[-1, CLOSE]) if previous is not None and same else np.nan,
        previous_blocks=np.array(day.memory.get(_BLOCKS, np.full(len(BLOCKS), np.nan))),
    )


def _threshold(settings: CorrelationParameters, learned: tuple[Ranked, Ranked], pair: int) -> float:
    """|r| below which a pair has broken down: learned at this day to expiry, else in its range, else the default."""
    for one in learned:
        if one.trusted[pair]:
            return one.quantile(pair, settings.breakdown.learned_percentile)
    return settings.breakdown.threshold
