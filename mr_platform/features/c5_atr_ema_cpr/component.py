"""The component itself: constants of a day from what earlier sessions left, and the engines behind one ``compute``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mr_platform.features.c5_atr_ema_cpr import catalogue, slow
from mr_platform.features.c5_atr_ema_cpr.learning import NO_TOUCHES, faded, method_weights, session_touches
from mr_platform.features.c5_atr_ema_cpr.levels import central_range, pivot_levels
from mr_platform.features.c5_atr_ema_cpr.state import (
    N_QUANTITIES,
    STRADDLE,
    UNDERLYING,
    Carried,
    DayConstants,
    Floats,
    Recursions,
)
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.history import QuantityHistory
from mr_platform.features.inputs import NEAR, SessionInputs
from mr_platform.features.memory import DailyBars
from mr_platform.features.series import LAGS, SERIES
from mr_platform.parameters.atr_ema_cpr import AtrEmaCprParameters
from mr_platform.parameters.objects import defaults

ATM = SERIES.index("atm_straddle")
MINUTE = LAGS.index(1)
BAR = 5
"""Minutes of an observation that is remembered."""
HOURS_A_YEAR = 24.0 * 365.0
REGIME_AT = [spec.name for spec in catalogue.features()].index("c5_atr_regime_underlying")


@dataclass(frozen=True)
class SessionState:
    """What ``begin`` makes and ``compute`` carries; ``history`` and ``memory`` are as the session found them."""

    start: SessionStart
    day: DayConstants
    opening: Recursions
    carried: Carried
    history: QuantityHistory
    memory: Mapping[str, Floats]


@dataclass(frozen=True)
class AtrEmaCpr(AdaptiveComponent[SessionState]):
    """C5: range, trend and pivots of the rolling ATM straddle and of the underlying.

    A positive score says that premium falls and the underlying rises, calmly; a negative one that premium expands and
    the underlying falls. ``engine`` is "cpu" (compiled) or "reference" (NumPy, recomputing from the open at every
    call).
    """

    settings: AtrEmaCprParameters = field(default_factory=lambda: defaults(AtrEmaCprParameters))
    engine: str = "cpu"
    key = "c5"

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        return catalogue.features()

    @property
    def parameters(self) -> AtrEmaCprParameters:
        return self.settings

    def begin(self, day: SessionStart) -> SessionState:
        history = QuantityHistory.of(day.memory, _history_name(day), N_QUANTITIES)
        constants = day_constants(self.settings, day, history)
        opening = _opening(day)
        carried = Carried.begin(day.n_bars, opening, constants.virgin.shape[0])
        return SessionState(day, constants, opening, carried, history, day.memory)

    def compute(self, inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, state: SessionState) -> None:
        # contiguous, so that the kernel is compiled once; only prices are read in minutes before their own
        rows = slice(0 if self.engine == "reference" else start, stop)
        held, years = np.empty(stop), np.empty(stop)
        held[rows], years[rows] = inputs.held[rows, ATM, MINUTE], inputs.years[rows, NEAR]
        market = (np.ascontiguousarray(inputs.bars[:stop, ATM]), held, np.ascontiguousarray(inputs.underlying), years)
        answer = (out.values, out.score, out.confidence, out.health)
        if self.engine == "reference":
            from mr_platform.features.c5_atr_ema_cpr import reference

            reference.run(*market, start, stop, state.day, state.opening, state.carried, *answer)
        else:
            from mr_platform.features.c5_atr_ema_cpr import cpu

            cpu.run(*market, start, stop, state.day, state.carried, *answer)

    def leave(self, inputs: SessionInputs, out: ComponentOutput, state: SessionState) -> Mapping[str, Floats]:
        start, settings, left = state.start, self.settings, state.carried.left
        last = np.minimum(np.arange(0, start.n_bars, BAR) + BAR - 1, start.n_bars - 1)
        observed = state.carried.quantity_trace[last]
        touches = session_touches(
            inputs.underlying, out.values[:, REGIME_AT], state.day.levels[UNDERLYING], settings.touch_bars
        )
        passed_on = {name: values for name, values in state.memory.items() if name.startswith("c5_")}
        return (
            passed_on
            | state.history.with_session(start.dte, observed, settings.history).as_memory(_history_name(start))
            | {
                f"c5_{name}": getattr(left, name).copy()
                for name in Recursions._fields
                if name not in ("atr", "atr_bars")  # those are columns of the context itself
            }
            | {
                "c5_touches": faded(state.memory.get("c5_touches", NO_TOUCHES), touches, settings.touch_half_life),
            }
        )


def _history_name(day: SessionStart) -> str:
    """Ranges of a future and of a spot known by its closes alone are not compared: each kind has its own history."""
    return f"c5_history_{day.underlying}"


def _opening(day: SessionStart) -> Recursions:
    """Recursions as the session before left them; the underlying's start afresh where it is of another kind."""
    opening = Recursions.fresh()
    previous = day.previous
    if previous is None:
        return opening
    rows = slice(0, 2 if previous.underlying == day.underlying else 1)
    left = {name.removeprefix("c5_"): values for name, values in day.memory.items()}
    left |= {"atr": previous.atr_value, "atr_bars": previous.atr_bars}
    for name in Recursions._fields:
        if name in left:
            getattr(opening, name)[rows] = left[name][rows]
    return opening


def day_constants(settings: AtrEmaCprParameters, day: SessionStart, history: QuantityHistory) -> DayConstants:
    """The constants of one session. Quantities of another kind of underlying than today's are left unknown."""
    previous_ohlc = np.full((2, 4), np.nan)
    daily = DailyBars.empty()
    if day.previous is not None:
        previous_ohlc[STRADDLE] = day.previous.rolling_ohlc[ATM]
        if day.previous.underlying == day.underlying:
            previous_ohlc[UNDERLYING] = day.previous.rolling_ohlc[-1]
            daily = day.previous.daily
    ladders = [pivot_levels(one, settings) for one in previous_ohlc]
    longer = [pivot_levels(slow.last_period(daily, day.trade_date, unit), settings)[0][0] for unit in "WM"]
    spans = [
        *((daily.ohlc[:, -1], span) for span in settings.daily_ema_spans),
        *((slow.finished_closes(daily, day.trade_date, "W"), span) for span in settings.weekly_ema_spans),
        *((slow.finished_closes(daily, day.trade_date, "M"), span) for span in settings.monthly_ema_spans),
    ]
    specific = history.specific(day.dte, settings.history)
    ranged = history.of_range(day.dte, settings.history)
    return DayConstants(
        n_bars=day.n_bars,
        enough=settings.windows.coverage,
        ema_spans=np.array(settings.ema_spans, np.int64),
        atr_spans=np.array(settings.memory.atr_spans, np.int64),
        timeframes=np.array(settings.timeframes, np.int64),
        level_cuts=np.array(settings.level_cuts),
        session_least=settings.session_least,
        track_momentum=int(settings.track_momentum),
        momentum_bars=settings.momentum_bars,
        rising=settings.rising,
        falling=settings.falling,
        detect_squeeze=int(settings.detect_squeeze),
        squeeze_percentile=settings.squeeze_percentile,
        squeeze_bars=settings.squeeze_bars,
        expansion=settings.expansion,
        contraction=settings.contraction,
        least_years=settings.decay_floor_hours / HOURS_A_YEAR,
        slope_bars=settings.slope_bars,
        convergence=settings.convergence,
        correlation_bars=np.array(settings.correlation_bars, np.int64),
        channel_bars=settings.channel_bars,
        breakout_bars=settings.breakout_bars,
        asset_weights=np.array(settings.asset_weights),
        part_weights=np.array(settings.part_weights),
        agreement=settings.agreement,
        conflict=settings.conflict,
        cpr_narrow=settings.cpr.narrow_percent,
        cpr_wide=settings.cpr_wide_percent,
        slow_ema=np.array([slow.ema_before_today(closes, span) for closes, span in spans]),
        slow_alpha=np.array([2.0 / (span + 1.0) for _, span in spans]),
        daily_range=slow.daily_range(daily, settings.memory.atr_period),
        daily_weight=1.0 / settings.memory.atr_period,
        daily_close=float(daily.ohlc[-1, -1]) if daily.dates.size else float("nan"),
        levels=np.stack([levels for levels, _ in ladders]),
        central=np.stack([central for _, central in ladders]),
        previous_range=previous_ohlc[:, 1] - previous_ohlc[:, 2],
        cpr=np.array(central_range(*previous_ohlc[UNDERLYING, 1:].tolist())),
        slow_levels=np.stack(longer),
        virgin=slow.untouched_ranges(daily, settings.virgin_sessions),
        method_weights=method_weights(day.memory.get("c5_touches", NO_TOUCHES), settings),
        specific_values=specific.values,
        specific_below=specific.below,
        ranged_values=ranged.values,
        ranged_below=ranged.below,
        trusted=np.stack([specific.trusted, ranged.trusted]).astype(np.int64),
    )
