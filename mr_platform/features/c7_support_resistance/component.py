"""The component itself: a day's constants from what earlier sessions left, and the two engines behind ``compute``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c7_support_resistance import catalogue
from mr_platform.features.c7_support_resistance.learning import BreakLearning, method_weights
from mr_platform.features.c7_support_resistance.state import (
    LABEL,
    MASK,
    METHODS,
    N_Z,
    RETURN,
    START,
    STRADDLE,
    UNDERLYING,
    VALUE,
    VOLUME,
    Carried,
    DayConstants,
    Floats,
    Z,
)
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.parameters.by_symbol import of_symbol
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.support_resistance import DTE_RANGES, SupportResistanceParameters

_CONTEXT_ROW = (9, 0)
"""Row of the previous session's high, low and close of either asset in the daily context."""
_ATR_ROW = (1, 0)
_METHOD_SESSIONS = 252
_STRADDLE_SESSIONS = 64
"""Sessions of the straddle's own daily bars: enough for the month before this one."""
_EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday."""


@dataclass(frozen=True)
class SessionState:
    """What ``begin`` makes and ``compute`` carries: the day's constants, the recursions, and what is handed on.

    ``opening`` are the recursions at the open, a copy only for the reference, which starts there at every call.
    """

    day: DayConstants
    carried: Carried
    opening: Carried
    before: Mapping[str, Floats]
    straddle_daily: Floats


@dataclass(frozen=True)
class SupportResistance(AdaptiveComponent[SessionState]):
    """C7: levels of the underlying and the ATM straddle by five methods; high scores say that levels have a say now.

    ``engine`` is "cpu" (compiled) or "reference" (readable, recomputing from the open at every call).
    """

    settings: SupportResistanceParameters = field(default_factory=lambda: defaults(SupportResistanceParameters))
    engine: str = "cpu"
    key = "c7"

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        return catalogue.features()

    @property
    def parameters(self) -> SupportResistanceParameters:
        return self.settings

    def begin(self, day: SessionStart) -> SessionState:
        memory = _comparable(day)
        daily = _straddle_daily(day)
        carried = Carried.fresh(day.n_bars)
        for name, target in (("ema", carried.ema), ("ema_bars", carried.ema_bars), ("swing", carried.swing)):
            if f"c7_{name}" in memory:
                target[:] = memory[f"c7_{name}"]
        if day.previous is not None:
            for a in _comparable_assets(day):
                carried.atr[a] = day.previous.atr_value[_ATR_ROW[a], 0]
                carried.atr_bars[a] = day.previous.atr_bars[_ATR_ROW[a], 0]
        for a in range(2):
            rows = memory.get(f"c7_touches_{a}", np.empty((0, 4)))
            carried.touches[a, [VALUE, START, LABEL, VOLUME], : len(rows)] = rows.T
            carried.touch_count[a] = carried.touch_head[a] = carried.touch_before[a] = len(rows)
        opening = copy.deepcopy(carried) if self.engine == "reference" else carried
        return SessionState(day_constants(self.settings, day, memory, daily), carried, opening, memory, daily)

    def compute(self, inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, state: SessionState) -> None:
        if self.engine == "reference":
            from mr_platform.features.c7_support_resistance import reference

            reference.run(inputs, start, stop, state.day, state.opening, state.carried, out)
        else:
            from mr_platform.features.c7_support_resistance import cpu

            cpu.run(inputs, start, stop, state.day, state.carried, out)

    def leave(
        self, inputs: SessionInputs, out: ComponentOutput, state: SessionState
    ) -> Mapping[str, NDArray[np.float64]]:
        carried, rule = state.carried, self.settings.breakout
        left: dict[str, Floats] = {
            "c7_ema": carried.ema,
            "c7_ema_bars": carried.ema_bars,
            "c7_swing": carried.swing,
            "c7_profile": carried.point,
            "c7_straddle_daily": state.straddle_daily,
        }
        methods = np.zeros((1, len(METHODS), 4))
        for a, scale in ((UNDERLYING, 1.0), (STRADDLE, self.settings.tolerance / self.settings.straddle_tolerance)):
            known = carried.touches[a, :, : carried.touch_count[a]].T
            remembered = known[np.isfinite(known[:, LABEL])][:, [VALUE, START, LABEL, VOLUME]]
            remembered[:, 1] -= state.day.n_bars
            remembered = remembered[remembered[:, 1] >= -rule.sessions * state.day.n_bars]
            left[f"c7_touches_{a}"] = remembered[max(len(remembered) - rule.most, 0) :]
            own = known[carried.touch_before[a] :]
            own = own[np.isfinite(own[:, LABEL])]
            _add_methods(methods[0], own, scale)
            learned = _learned(state.before, a, self.settings).with_touches(own[:, Z : Z + N_Z], own[:, LABEL], rule)
            left[f"c7_break_mean_{a}"] = learned.mean
            left[f"c7_break_precision_{a}"] = learned.precision
            left[f"c7_break_labels_{a}"] = np.array([learned.labels])
        left["c7_methods"] = np.concatenate([_methods(state.before), methods])[-_METHOD_SESSIONS:]
        brier = np.concatenate([_brier(state.before), carried.errors[None]])
        left["c7_brier"] = brier[max(len(brier) - rule.brier_sessions, 0) :]
        return {name: np.array(values, float) for name, values in left.items()}


def _comparable_assets(day: SessionStart) -> tuple[int, ...]:
    """Assets whose levels of the previous session are of the same kind as today's."""
    assert day.previous is not None
    return (UNDERLYING, STRADDLE) if day.previous.underlying == day.underlying else (STRADDLE,)


def _comparable(day: SessionStart) -> dict[str, Floats]:
    """What the previous session handed on, without the levels of another kind of underlying."""
    memory = {name: values for name, values in day.memory.items() if name.startswith("c7_")}
    if day.previous is not None and UNDERLYING not in _comparable_assets(day):
        memory.pop("c7_touches_0", None)
        for name in ("ema", "swing", "profile"):
            if f"c7_{name}" in memory:
                memory[f"c7_{name}"] = memory[f"c7_{name}"].copy()
                memory[f"c7_{name}"][UNDERLYING] = np.nan
        if "c7_ema_bars" in memory:
            memory["c7_ema_bars"] = memory["c7_ema_bars"] * np.array([[0.0], [1.0]])
    return memory


def _straddle_daily(day: SessionStart) -> Floats:
    """Days since 1970, high, low and close of the rolling ATM straddle in finished sessions [n, 4], oldest first."""
    before = day.memory.get("c7_straddle_daily", np.empty((0, 4)))
    if day.previous is None or not np.isfinite(day.previous.rolling_ohlc[0]).all():
        return before
    number = float(np.datetime64(day.previous.trade_date, "D").astype(np.int64))
    row = np.array([[number, *day.previous.rolling_ohlc[0, 1:]]])
    return np.concatenate([before[before[:, 0] < number], row])[-_STRADDLE_SESSIONS:]


def _learned(memory: Mapping[str, Floats], a: int, settings: SupportResistanceParameters) -> BreakLearning:
    if f"c7_break_mean_{a}" not in memory:
        return BreakLearning.start(settings.breakout)
    return BreakLearning(
        memory[f"c7_break_mean_{a}"], memory[f"c7_break_precision_{a}"], float(memory[f"c7_break_labels_{a}"][0])
    )


def _methods(memory: Mapping[str, Floats]) -> Floats:
    return memory.get("c7_methods", np.empty((0, len(METHODS), 4)))


def _brier(memory: Mapping[str, Floats]) -> Floats:
    return memory.get("c7_brier", np.empty((0, 2)))


def _add_methods(sums: Floats, touches: Floats, scale: float) -> None:
    """Add labelled touches to a session's sums by method [5, 4]; a touch counts for each method in its zone."""
    for m in range(len(METHODS)):
        mine = touches[touches[:, MASK].astype(np.int64) >> m & 1 == 1]
        returns = mine[:, RETURN] * scale
        sums[m] += [len(mine), (mine[:, LABEL] == 0).sum(), (returns > 0).sum(), returns.sum()]


def day_constants(
    settings: SupportResistanceParameters, day: SessionStart, memory: Mapping[str, Floats], straddle_daily: Floats
) -> DayConstants:
    """The constants of one session; levels of another kind of underlying than today's are left unknown."""
    s, rule, where = settings, settings.breakout, settings.levels
    pivots, prior = np.full((2, 9), np.nan), np.full((2, 9), np.nan)
    if day.previous is not None:
        for a in _comparable_assets(day):
            pivots[a] = pivot_levels(*day.previous.rolling_ohlc[_CONTEXT_ROW[a], 1:].tolist())
            prior[a] = _prior(day.trade_date, *_daily(day.previous, a, straddle_daily))
    units = (of_symbol(where.round_steps, day.symbol), where.straddle_round_steps)
    return DayConstants(
        n_bars=day.n_bars,
        atr_period=s.daily_context.atr_period,
        tolerance=np.array([s.tolerance, s.straddle_tolerance]),
        least_touches=s.least_touches,
        touches_cap=s.touches_cap,
        extrema_bars=s.extrema_bars,
        timeframes=np.array(s.timeframes, np.int64),
        coverage=s.windows.coverage,
        window=s.window,
        reach=s.reach,
        match=s.match,
        ema_spans=np.array(where.ema_spans, np.int64),
        ratios=np.array(where.fibonacci_ratios),
        round_units=np.array(units),
        profile_bins=np.array(where.profile_bins),
        value_area=where.value_area,
        wall_percentile=where.wall_percentile,
        participation=where.participation_strikes,
        strength_weights=np.array([s.strength_weights[name] for name in DTE_RANGES]),
        range_bounds=np.array(s.history.range_bounds, np.int64),
        distance=rule.distance,
        hold_bars=rule.hold_bars,
        within_bars=rule.within_bars,
        volume_limit=rule.volume_limit,
        least_labels=s.history.level_observations,
        coefficients=np.stack([_learned(memory, a, s).coefficients(rule) for a in range(2)]),
        method_weights=method_weights(_methods(memory), s.method_weights, s.method_learning),
        score_weights=np.array(s.score_weights),
        known_share=s.known_share,
        pivots=pivots,
        profile_before=memory.get("c7_profile", np.full((2, 3), np.nan)),
        prior=prior,
        brier=_brier(memory).sum(axis=0),
        future=int(day.underlying == "future"),
    )


def pivot_levels(high: float, low: float, close: float) -> Floats:
    """S3, S2, S1, PP, R1, R2, R3 and the bottom and top of the central pivot range [9] of a session."""
    pp = (high + low + close) / 3.0
    edge = (high + low) / 2.0
    other = 2.0 * pp - edge
    return np.array(
        [
            low - 2.0 * (high - pp),
            pp - (high - low),
            2.0 * pp - high,
            pp,
            2.0 * pp - low,
            pp + (high - low),
            high + 2.0 * (pp - low),
            min(edge, other),
            max(edge, other),
        ]
    )


def _daily(previous: DailyContext, a: int, straddle_daily: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Days since 1970 [n] and high, low, close [n, 3] of finished sessions of an asset, oldest first."""
    if a == STRADDLE:
        return straddle_daily[:, 0].astype(np.int64), straddle_daily[:, 1:]
    daily = previous.daily
    return daily.dates.astype(np.int64), daily.ohlc[:, 1:]


def _prior(trade_date: date, days: NDArray[np.int64], hlc: Floats) -> Floats:
    """High, low, close of the last day, week and month with a session that were over before ``trade_date`` [9]."""
    out = np.full((3, 3), np.nan)
    today = np.datetime64(trade_date, "D").astype(np.int64)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    this_month = np.datetime64(trade_date, "M").astype(np.int64)
    weeks, this_week = (days + _EPOCH_WEEKDAY) // 7, (today + _EPOCH_WEEKDAY) // 7
    for i, (periods, now) in enumerate(((days, today), (weeks, this_week), (months, this_month))):
        over = periods < now
        if over.any():
            rows = hlc[periods == periods[over][-1]]
            out[i] = rows[:, 0].max(), rows[:, 1].min(), rows[-1, 2]
    return out.ravel()
