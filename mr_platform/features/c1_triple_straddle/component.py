"""The component itself: constants of a day from its context, and the two engines behind one ``compute``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from mr_platform.features.c1_triple_straddle import catalogue
from mr_platform.features.c1_triple_straddle.learning import learned_weights
from mr_platform.features.c1_triple_straddle.state import Carried, DayConstants, Floats
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.series import SessionSeries
from mr_platform.market.sessions import nse_calendar
from mr_platform.parameters.by_dte import every_dte
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.triple_straddle import TripleStraddleParameters


@dataclass(frozen=True)
class SessionState:
    """What ``begin`` makes and ``compute`` carries: the day's constants and the recursions."""

    day: DayConstants
    carried: Carried


@dataclass(frozen=True)
class TripleStraddle(AdaptiveComponent[SessionState]):
    """C1: three rolling straddles, their legs and how they move together; high scores say premium expands.

    ``engine`` is "cpu" (compiled) or "reference" (NumPy, recomputing from the open at every call).
    """

    settings: TripleStraddleParameters = field(default_factory=lambda: defaults(TripleStraddleParameters))
    engine: str = "cpu"
    key = "c1"

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        return catalogue.features()

    @property
    def parameters(self) -> TripleStraddleParameters:
        return self.settings

    def begin(self, day: SessionStart) -> SessionState:
        carried = Carried.fresh(day.n_bars)
        if day.previous is not None:
            carried.ema[:] = day.previous.ema_value
            carried.ema_bars[:] = day.previous.ema_bars
            carried.slow_ema[:] = day.previous.slow_ema_value
            carried.slow_bars[:] = day.previous.slow_ema_bars
        return SessionState(day_constants(self.settings, day), carried)

    def compute(self, inputs: SessionSeries, out: ComponentOutput, start: int, stop: int, state: SessionState) -> None:
        if self.engine == "reference":
            from mr_platform.features.c1_triple_straddle import reference

            run = reference.run
        else:
            from mr_platform.features.c1_triple_straddle import cpu

            run = cpu.run
        run(
            inputs.bars,
            inputs.held,
            inputs.underlying,
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


def day_constants(settings: TripleStraddleParameters, day: SessionStart) -> DayConstants:
    """The constants of one session. Quantities of another kind of underlying than today's are left unknown."""
    previous_hlc = np.full((10, 3), np.nan)
    previous_vwap = np.full(10, np.nan)
    earlier = _earlier_in_week(day.trade_date)
    # a week of which a session is not known has no VWAP: NaN in the sums stays until the next week
    week_sums = np.full((10, 2), np.nan if earlier is not None else 0.0)
    previous = day.previous
    if previous is not None:
        rows = slice(0, 10 if previous.underlying == day.underlying else 9)
        previous_hlc[rows] = previous.rolling_ohlc[rows, 1:]
        value, volume = previous.session_sums.T
        previous_vwap[rows] = np.divide(value, volume, out=np.full(10, np.nan), where=volume > 0)[rows]
        if previous.trade_date == earlier:
            week_sums[rows] = previous.week_sums[rows]
    weights = np.array(settings.component_learning.start)
    timeframe_weights = np.array(settings.timeframe_learning.start)
    past = _past(day)
    if past is not None:
        dte, by_component, by_timeframe = past
        weights = learned_weights(day.dte, dte, by_component, settings.component_learning, settings.performance)
        timeframe_weights = learned_weights(
            day.dte, dte, by_timeframe, settings.timeframe_learning, settings.performance
        )
    return DayConstants(
        n_bars=day.n_bars,
        spans=np.array(settings.ema_spans, np.int64),
        ema_weights=np.array(settings.ema_score_weights),
        ema_weak=settings.ema_weak_score,
        confluence=settings.confluence,
        vwap_cuts=np.array(settings.vwap_cuts),
        vwap_scores=np.array(settings.vwap_scores),
        bands=np.array(settings.vwap_bands),
        future_weights=np.array(settings.future_vwap_weights),
        pivot_steps=np.array(settings.pivot_scores),
        cpr_narrow=settings.cpr.narrow_percent,
        cpr_scores=np.array(settings.cpr_scores),
        timeframes=np.array(settings.timeframes, np.int64),
        quality_weights=np.array(settings.quality_weights),
        confidence_spread=settings.confidence_spread,
        confidence_floor=settings.confidence_floor,
        steadiness_share=settings.steadiness_share,
        window=settings.window,
        enough=settings.windows.coverage,
        series_share=settings.windows.series_share,
        redundant=settings.redundant,
        technique=np.array(every_dte(settings.technique_anchors)),
        weights=weights,
        timeframe_weights=timeframe_weights,
        previous_hlc=previous_hlc,
        previous_vwap=previous_vwap,
        week_sums=week_sums,
        future=int(day.underlying == "future"),
    )


def _earlier_in_week(trade_date: date) -> date | None:
    """The session before, where the exchange had one in the same calendar week."""
    calendar = nse_calendar()
    monday = trade_date - timedelta(days=trade_date.weekday())
    sessions = calendar.between(max(monday, calendar.first), trade_date)
    return max((day for day in sessions if day < trade_date), default=None)


def _past(day: SessionStart) -> tuple[Floats, Floats, Floats] | None:
    """DTE [n], component returns [n, 10] and timeframe returns [n, 4] of earlier sessions with prices, oldest first."""
    priced = [one for one in day.history if one.priced_bars > 0]
    if priced:
        return (
            np.array([float(one.dte) for one in priced]),
            np.stack([one.component_return for one in priced]),
            np.stack([one.timeframe_return for one in priced]),
        )
    if day.previous is None:
        return None
    return day.previous.past_dte, day.previous.past_component_return, day.previous.past_timeframe_return
