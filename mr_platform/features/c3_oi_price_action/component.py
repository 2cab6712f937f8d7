"""The component itself: constants of a day, the strikes it reads, and the two engines behind one ``compute``."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mr_platform.features.c3_oi_price_action import catalogue
from mr_platform.features.c3_oi_price_action.state import Carried, DayConstants
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.oi_price_action import OiPriceActionParameters


@dataclass(frozen=True)
class SessionState:
    """What ``begin`` makes and ``compute`` carries: the day's constants, the recursions, the minutes done."""

    day: DayConstants
    carried: Carried


@dataclass(frozen=True)
class OIPriceAction(AdaptiveComponent[SessionState]):
    """C3: where option positions are opened while the price moves; high scores say that they are opened for a rise.

    ``engine`` is "cpu" (compiled) or "reference" (NumPy, recomputing from the open at every call).
    """

    settings: OiPriceActionParameters = field(default_factory=lambda: defaults(OiPriceActionParameters))
    engine: str = "cpu"
    key = "c3"
    passes = ("greeks",)

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        return catalogue.features()

    @property
    def parameters(self) -> OiPriceActionParameters:
        return self.settings

    def begin(self, day: SessionStart) -> SessionState:
        carried = Carried.fresh(day.n_bars)
        if day.previous is not None and day.previous.underlying == day.underlying:
            carried.atr[0] = day.previous.atr_value[1, 0]
            carried.atr[1] = day.previous.atr_bars[1, 0]
        return SessionState(day_constants(self.settings, day), carried)

    def compute(self, inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, state: SessionState) -> None:
        if self.engine == "reference":
            from mr_platform.features.c3_oi_price_action import reference

            reference.run(inputs, out, start, stop, state.day, state.carried)
        else:
            from mr_platform.features.c3_oi_price_action import window

            window.run(inputs, out, start, stop, state.day, state.carried)


def day_constants(settings: OiPriceActionParameters, day: SessionStart) -> DayConstants:
    """The constants of one session."""
    ranges, flow = settings.strikes, settings.flow
    return DayConstants(
        n_bars=day.n_bars,
        usual=ranges.usual,
        least=ranges.least,
        sides=np.array([min(side, ranges.most) for side in (ranges.narrow, ranges.usual, ranges.wide)], np.int64),
        range_cuts=np.array([ranges.vix_low, ranges.vix_high]),
        velocity_minutes=np.array(settings.velocity_minutes, np.int64),
        velocity_cuts=np.array(settings.velocity_strength(day.symbol)),
        timeframes=np.array(settings.timeframes, np.int64),
        timeframe_weights=np.array(settings.timeframe_weights),
        pcr_minutes=np.array(settings.pcr_change_minutes, np.int64),
        correlation_windows=np.array(settings.correlation_windows, np.int64),
        swing_bars=settings.swing_bars,
        extreme_z=settings.extreme_z,
        buildup_cuts=np.array([settings.buildup_price_cut, settings.buildup_oi_cut]),
        buildup_minutes=settings.buildup_minutes,
        future_share=settings.buildup_future_share,
        weak=settings.weak_state,
        z_levels=np.array(flow.z_levels),
        z_window=flow.z_window,
        ratio_cuts=np.array(settings.flow_ratio(day.symbol)),
        accumulation_z=flow.accumulation_z,
        lookback=flow.price_lookback,
        absorption=np.array([flow.absorption_oi, flow.absorption_price]),
        pcr_weights=np.array(settings.pcr_weights),
        pcr_cuts=np.array(settings.pcr_cuts),
        pcr_scores=np.array(settings.pcr_scores),
        pcr_most=settings.pcr_most,
        trend_weights=np.array(settings.trend_weights),
        integrated_weights=np.array(settings.integrated_weights),
        wall_percentile=settings.wall_percentile,
        enough=settings.windows.coverage,
        atr_period=settings.memory.atr_period,
        future=int(day.underlying == "future"),
        lags=np.unique(
            [*settings.velocity_minutes, *settings.timeframes, *settings.pcr_change_minutes, settings.buildup_minutes]
        ).astype(np.int64),
    )
