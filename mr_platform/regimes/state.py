"""What the underlying has done up to each bar: slope, volatility and its percentile, for the finer taxonomies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.parameters.labels import LabelParameters, LabelTask
from mr_platform.parameters.regimes import StateParameters
from mr_platform.regimes.windows import Floats, Ints, SessionBars, follows_on_nse, measure

SESSIONS_A_YEAR = 252
IST_MINUTES = 330
_ORDINARY_BARS = 75
_ANY_TREND = 0.5  # the state reads volatility alone


@dataclass(frozen=True)
class MarketState:
    """At each five-minute bar of a session [n], from bars up to it alone; NaN where the past is too short.

    ``event_ts`` start of the bar, UTC instant, datetime64[us]; ``slope`` log change of the
    underlying over a session's bars, the night included; ``volatility`` realised over as many returns without the
    night, annualised by sqrt(252); ``percentile`` mid-rank in 0..1 of the recent bars' volatility among trailing
    sessions at the same time of day.
    """

    event_ts: NDArray[np.datetime64]
    slope: Floats
    volatility: Floats
    percentile: Floats


def market_state(
    sessions: Sequence[SessionBars],
    trade_date: date,
    parameters: LabelParameters,
    state: StateParameters,
    *,
    follows: Callable[[date, date], bool] = follows_on_nse,
) -> MarketState:
    """The state along ``trade_date``; ``sessions`` after it are not looked at."""
    past = [bars for bars in sessions if bars.trade_date <= trade_date]
    if not past or past[-1].trade_date != trade_date:
        raise UsageError(
            rule="the session is among the sessions given",
            value=trade_date,
            place="market state",
            remedy="publish core/daily_context for it",
        )
    hour = measure(past, _back("hour", state.recent_bars), parameters, follows=follows)
    # no further back than those bars reach in ordinary sessions
    recent = past[-(2 + -(-state.session_bars // _ORDINARY_BARS)) :]
    day = measure(recent, _back("day", state.session_bars), parameters, follows=follows)
    bars = past[-1]
    mine = day.session == len(recent) - 1
    return MarketState(
        event_ts=np.datetime64(trade_date, "us") + (bars.minutes - IST_MINUTES).astype("timedelta64[m]"),
        slope=_slope(recent, state.session_bars, follows),
        volatility=day.sigma_p[mine] * np.sqrt(SESSIONS_A_YEAR),
        percentile=_percentile(hour.sigma_p, hour.session, hour.minute, bars.minutes, len(past) - 1, parameters),
    )


def _back(name: str, bars: int) -> LabelTask:
    """A task that looks back over ``bars``; what lies ahead is not read."""
    return LabelTask(name, bars, 2, crosses_night=False, theta=_ANY_TREND)


def _slope(recent: Sequence[SessionBars], bars: int, follows: Callable[[date, date], bool]) -> Floats:
    """Log change over ``bars`` bars; sessions that are no neighbours, or of another kind, are not bridged."""
    chain = [recent[-1]]
    for before in reversed(recent[:-1]):
        if before.kind != chain[0].kind or not follows(before.trade_date, chain[0].trade_date):
            break
        chain.insert(0, before)
    logs = np.log(np.concatenate([one.underlying_close for one in chain]))
    back = np.full(logs.size, np.nan)
    back[bars:] = logs[bars:] - logs[:-bars]
    return back[logs.size - recent[-1].n :]


def _percentile(
    sigma: Floats, session: Ints, minute: Ints, minutes: Ints, today: int, parameters: LabelParameters
) -> Floats:
    """Mid-rank of today's value in the earlier sessions' at the same minute, from at least ``min_sessions``."""
    ranks = np.full(minutes.size, np.nan)
    earlier = (session < today) & (session >= today - parameters.sessions_most) & np.isfinite(sigma)
    for at, value in enumerate(sigma[session == today]):
        history = sigma[earlier & (minute == minutes[at])]
        if np.isfinite(value) and history.size >= parameters.min_sessions:
            ranks[at] = ((history < value).sum() + 0.5 * (history == value).sum()) / history.size
    return ranks
