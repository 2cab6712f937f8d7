"""Making the daily context: what one session hands to the sessions after it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.features.c1_triple_straddle.component import SessionState
from mr_platform.features.implied import atm_implied_volatility
from mr_platform.features.memory import LONGEST_GAP, MOST_DAILY_BARS, DailyBars, DailyContext, latest_before
from mr_platform.features.running import Run, all_components, run_components
from mr_platform.features.series import CLOSE, HIGH, LAGS, LOW, SessionSeries
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.parameters.objects import build, declared_set
from mr_platform.parameters.resolution import ParameterSet

__all__ = ["DailyContext", "daily_context", "latest_before"]

Floats = NDArray[np.float64]

BAR = 5
_PAST_SESSIONS = 252
_WIDEST_BASIS = 0.25
"""An index that lies further than this from the underlying is of something else."""


def daily_context(
    chain: OptionChainDay,
    previous: DailyContext | None = None,
    daily_bars: pa.Table | None = None,
    parameters: ParameterSet | None = None,
    *,
    ran: Run | None = None,
) -> DailyContext:
    """The context of a session: of the chain's minutes.

    ``previous`` is the context of the latest earlier session, at most ten calendar days back (``latest_before``);
    recursions run on from it, and start afresh without it. ``daily_bars`` is core/daily_bars of the same symbol; bars
    of the session itself and later ones are left out, but for the level of a symbol's first session (``_daily_bars``);
    ``parameters``: the declared defaults without them; ``ran``: all components as they ran over this chain, so that
    they need not run again. A session without a price hands on what it was given: the levels, sums and recursions of
    the session before it.
    UsageError for a chain cut before its first bar.
    """
    if chain.minutes.size == 0:
        raise UsageError(
            rule="a daily context covers at least one bar",
            value="no bar",
            place=f"core/daily_context {chain.symbol} {chain.trade_date}",
            remedy="make it after the first bar has closed",
        )
    n = chain.minutes.size
    settings = build(DailyContextParameters, parameters or declared_set())
    if ran is None:
        ran = run_components(all_components(parameters=parameters), chain, previous=previous, parameters=parameters)
    series = ran.inputs
    known = np.flatnonzero(series.dte >= 0)
    dte = int(series.dte[known[0]]) if known.size else -1
    state = ran.states["c1"]
    iv = atm_implied_volatility(chain, series, settings)
    atr_value, atr_bars = _atr(series, previous, settings.atr_spans)
    last = np.minimum(np.arange(0, n, BAR) + BAR - 1, n - 1)
    straddle = _log_ratio(series.bars[last, 0, CLOSE], series.held[last, 0, LAGS.index(BAR)])
    carried = state.carried
    priced_bars = int(np.isfinite(series.bars[:, 0, CLOSE]).sum())
    levels = previous if priced_bars == 0 else None
    daily = _daily_bars(daily_bars, previous, chain, carried.ohlc[-1])
    component_return = _session_return(carried.score_trace[last], straddle, settings.least_calls)
    timeframe_return = _session_return(carried.timeframe_trace[last, 0], straddle, settings.least_calls)
    return DailyContext(
        symbol=chain.symbol,
        trade_date=chain.trade_date,
        underlying=chain.underlying if levels is None else levels.underlying,
        dte=dte,
        priced_bars=priced_bars,
        rolling_ohlc=(carried.ohlc if levels is None else levels.rolling_ohlc).copy(),
        session_sums=(carried.vwap if levels is None else levels.session_sums).copy(),
        week_sums=_week_sums(state),
        ema_value=carried.ema.copy(),
        ema_bars=carried.ema_bars.copy(),
        slow_ema_value=carried.slow_ema.copy(),
        slow_ema_bars=carried.slow_bars.copy(),
        atr_value=atr_value,
        atr_bars=atr_bars,
        component_return=component_return,
        timeframe_return=timeframe_return,
        **_past(previous, priced_bars, dte, component_return, timeframe_return),
        atm_iv_close=_last_known(iv),
        daily_date=daily.dates.astype(np.int64),
        daily_ohlc=daily.ohlc,
        bar5_minute=chain.minutes[::BAR].astype(np.int64),
        bar5_underlying_close=_last_known_of_bars(series.underlying[:, CLOSE]),
        bar5_straddle_return=straddle,
        bar5_atm_iv=iv[last],
        memory={} if levels is None and priced_bars == 0 else ran.memory() if levels is None else dict(levels.memory),
        known_at=datetime.combine(chain.trade_date, time()) + timedelta(minutes=int(chain.minutes[-1]) + 1),
    )


def _last_known(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else float("nan")


def _last_known_of_bars(values: Floats) -> Floats:
    """The last finite value of each five-minute bar; NaN where it has none."""
    places = np.where(np.isfinite(values), np.arange(values.size), -1)
    last = np.maximum.reduceat(places, np.arange(0, values.size, BAR))
    return np.where(last >= 0, values[last], np.nan)


def _log_ratio(now: Floats, before: Floats) -> Floats:
    out = np.full(now.shape, np.nan)
    valid = (now > 0) & (before > 0)
    out[valid] = np.log(now[valid] / before[valid])
    return out


def _session_return(scores: Floats, straddle: Floats, least_calls: int) -> Floats:
    """Sum over the session of sign(score) at one 5-minute bar times the held straddle's return over the next [n].

    NaN for a part with fewer than ``least_calls`` such calls.
    """
    calls = np.sign(scores[:-1]) * straddle[1:, None]
    enough = np.isfinite(calls).sum(axis=0) >= least_calls
    return np.where(enough, np.nansum(calls, axis=0), np.nan)


def _past(
    previous: DailyContext | None, priced_bars: int, dte: int, component_return: Floats, timeframe_return: Floats
) -> dict[str, Floats]:
    """What weights are learned from: the previous session's tail, and this session if it had prices."""
    parts = {
        "past_dte": np.array([float(dte)]),
        "past_component_return": component_return[None, :],
        "past_timeframe_return": timeframe_return[None, :],
    }
    if priced_bars == 0:
        parts = {name: part[:0] for name, part in parts.items()}
    if previous is not None:
        parts = {name: np.concatenate([getattr(previous, name), part]) for name, part in parts.items()}
    return {name: part[-_PAST_SESSIONS:] for name, part in parts.items()}


def _week_sums(state: SessionState) -> Floats:
    """Sums of the week including this session."""
    return state.day.week_sums + state.carried.vwap


def _atr(series: SessionSeries, previous: DailyContext | None, spans: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Wilder's ATR of the ATM straddle and the underlying at the close [2, 3]; while young, the mean of what was seen.

    J. Welles Wilder, New Concepts in Technical Trading Systems (1978). The straddle's previous close is that of the
    contract held; the first bar of a session has none, its true range is high less low.
    """
    value = np.full((2, len(spans)), np.nan)
    bars = np.zeros((2, len(spans)))
    if previous is not None:
        value[0], bars[0] = previous.atr_value[0], previous.atr_bars[0]
        if previous.underlying == series.underlying_kind:
            value[1], bars[1] = previous.atr_value[1], previous.atr_bars[1]
    known = ~np.isnan(series.underlying[:, CLOSE])
    before = np.full(known.size, np.nan)
    before[np.flatnonzero(known)[1:]] = series.underlying[known, CLOSE][:-1]
    ranges = (_true_ranges(series.bars[:, 0], series.held[:, 0, 0]), _true_ranges(series.underlying, before))
    for asset, seen in enumerate(ranges):
        for j, span in enumerate(spans):
            value[asset, j], bars[asset, j] = _wilder(float(value[asset, j]), float(bars[asset, j]), seen, span)
    return value, bars


def _true_ranges(bars: Floats, before: Floats) -> list[float]:
    """True range of each bar [M, 5] with a close, from the close ``before`` it [M] where there was one."""
    close = bars[:, CLOSE]
    high, low = np.fmax(bars[:, HIGH], close), np.fmin(bars[:, LOW], close)
    ranges = np.where(np.isnan(before), high - low, np.maximum(high, before) - np.minimum(low, before))
    return cast(list[float], ranges[~np.isnan(close)].tolist())


def _wilder(value: float, bars: float, ranges: list[float], span: int) -> tuple[float, float]:
    """The average after these true ranges and how many it has seen: their mean while there are fewer than ``span``."""
    young = 0
    for one in ranges:
        if bars > 0 and bars + 1.0 >= span:
            break
        start = one if bars == 0 else value
        value = start + 1.0 / min(bars + 1.0, span) * (one - start)
        bars += 1
        young += 1
    weight = 1.0 / span
    for one in ranges[young:]:
        value += weight * (one - value)
    return value, bars + len(ranges) - young


def _daily_bars(
    given: pa.Table | None, previous: DailyContext | None, chain: OptionChainDay, today: Floats
) -> DailyBars:
    """Finished sessions before the chain's, in the units of its underlying.

    Daily index bars where there are any, moved to the level of the underlying by the ratio of both closes of the
    previous session, in a symbol's first session of its own (``today``, its OHLC): only the next session reads that.
    After their end what the sessions before have seen themselves; the previous session's own bar stands last.
    """
    own = previous.daily if previous is not None else DailyBars.empty()
    if given is None or given.num_rows == 0:
        return _unbroken(own, chain.trade_date)
    days = given["trade_date"].to_numpy().astype("datetime64[D]")
    ohlc = np.stack([given[name].to_numpy().astype(float) for name in ("open", "high", "low", "close")], axis=1)
    order = np.argsort(days, kind="stable")
    earlier = order[days[order] < np.datetime64(chain.trade_date, "D")][-MOST_DAILY_BARS:]
    dates = days[earlier]
    day, last = (chain.trade_date, today) if previous is None else (previous.trade_date, previous.rolling_ohlc[-1])
    same_day = ohlc[days == np.datetime64(day, "D"), CLOSE]
    ratio = float(last[-1] / same_day[0]) if same_day.size else 1.0
    if not abs(ratio - 1.0) <= _WIDEST_BASIS:
        ratio = 1.0
    later = own.dates > (dates[-1] if dates.size else np.datetime64("0001-01-01"))
    joined = DailyBars(
        np.concatenate([dates, own.dates[later]]),
        np.concatenate([ohlc[earlier] * ratio, own.ohlc[later]]),
    )
    if previous is not None:
        joined = joined.with_session(day, last, most=MOST_DAILY_BARS)
    return _unbroken(joined, chain.trade_date)


def _unbroken(bars: DailyBars, today: date) -> DailyBars:
    """The bars since the last hole that is longer than what still counts as the session before, up to ``today``.

    Averages and levels that ran across such a hole would be of another market: index bars that end a year before the
    first session are no history of it.
    """
    gaps = np.diff(bars.dates, append=np.datetime64(today, "D"))
    holes = np.flatnonzero(gaps > np.timedelta64(LONGEST_GAP))
    first = int(holes[-1]) + 1 if holes.size else 0
    return DailyBars(bars.dates[first:], bars.ohlc[first:])
