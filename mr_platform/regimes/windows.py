"""Windows before and after each five-minute bar, measured: volatility, trend, co-movement.

A bar i of a session closes at the moment t. Its past window is (t-H, t], its forward window (t, t+H].
The past window reaches into earlier sessions leaving the overnight returns out and taking as many more
returns instead; the forward window either ends with the session or crosses the night, the overnight
return included. A break inside a session (an outage, a disaster-recovery Saturday) counts as a night.
Sessions that the calendar does not hold to be neighbours are never bridged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import DataError, UsageError
from mr_platform.parameters.labels import LabelParameters, LabelTask

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BAR_MINUTES = 5
_STILL = 1e-12


@dataclass(frozen=True)
class SessionBars:
    """Five-minute bars of one session, in order.

    ``minutes`` minute of the day at which each bar starts, int64 [n] (555 is 09:15); ``underlying_close``
    [n], index points, NaN in a bar without a price; ``straddle_return`` [n] log return of the ATM straddle
    with the contract held, NaN in the first bar; ``atm_iv`` [n] decimal per year. ``kind`` names the
    underlying (future, spot, forward, index): windows never mix two of them.
    """

    trade_date: date
    minutes: Ints
    underlying_close: Floats
    straddle_return: Floats
    atm_iv: Floats
    kind: str = "spot"

    def __post_init__(self) -> None:
        place = f"bars of {self.trade_date}"
        shapes = [a.shape for a in (self.minutes, self.underlying_close, self.straddle_return, self.atm_iv)]
        if len(set(shapes)) != 1 or self.minutes.ndim != 1:
            raise DataError(
                rule="the series of a session have one length",
                value=shapes,
                place=place,
                remedy="rebuild core/daily_context for the partition",
            )
        if self.minutes.size and bool(np.any(np.diff(self.minutes) <= 0)):
            raise DataError(
                rule="the bars of a session are in order",
                value=self.minutes.tolist(),
                place=place,
                remedy="sort by minute and drop duplicates",
            )
        if bool(np.any(self.underlying_close <= 0)):
            raise DataError(
                rule="a price is positive or NaN",
                value=float(np.nanmin(self.underlying_close)),
                place=place,
                remedy="quarantine the zero prices; a missing price is NaN",
            )

    @property
    def n(self) -> int:
        """Number of bars."""
        return int(self.minutes.size)


def bars_from_context(context: pa.Table, *, kind: str | None = None) -> SessionBars:
    """The bars kept in a session's row of core/daily_context (list columns ``bar5_*``).

    ``kind`` overrides the row's own column ``underlying`` where that is wanted or absent.
    """
    if context.num_rows != 1:
        raise DataError(
            rule="a session's context is one row",
            value=context.num_rows,
            place="core/daily_context",
            remedy="pass the table of a single partition",
        )
    row: dict[str, Any] = context.to_pylist()[0]

    def series(name: str) -> Floats:
        return np.array([np.nan if v is None else v for v in row[name] or ()], dtype=np.float64)

    return SessionBars(
        trade_date=row["trade_date"],
        minutes=np.array(row["bar5_minute"] or (), dtype=np.int64),
        underlying_close=series("bar5_underlying_close"),
        straddle_return=series("bar5_straddle_return"),
        atm_iv=series("bar5_atm_iv"),
        kind=kind or str(row.get("underlying") or "spot"),
    )


def session_grid(trade_date: date) -> Ints:
    """Start minutes of the five-minute bars of an NSE session; CalendarError where there is none."""
    from mr_platform.market.sessions import nse_calendar

    return np.unique(nse_calendar().session(trade_date).bar_minutes // BAR_MINUTES * BAR_MINUTES)


def bars_from_minutes(
    trade_date: date, minutes: Ints, closes: Floats, *, kind: str = "index", grid: Ints | None = None
) -> SessionBars:
    """Five-minute bars from one-minute bars of an index: the last known close in each.

    ``minutes`` start of each one-minute bar, minute of the day [m], ascending; ``closes`` [m]. ``grid`` are
    the bars of the session (default: the NSE's): what lies outside it is left out, and a bar without a
    price is NaN, so that a halt keeps its length. No straddle, no IV: those series are NaN.
    """
    grid = session_grid(trade_date) if grid is None else grid
    starts = minutes // BAR_MINUTES * BAR_MINUTES
    used = np.isfinite(closes) & np.isin(starts, grid)
    last = np.full(grid.size, np.nan)
    last[np.searchsorted(grid, starts[used])] = closes[used]
    nothing = np.full(grid.size, np.nan)
    return SessionBars(trade_date, grid.astype(np.int64), last, nothing, nothing, kind=kind)


def join_history(sessions: Sequence[SessionBars], history: Sequence[SessionBars]) -> list[SessionBars]:
    """``sessions`` and, for dates they lack, ``history``; sorted by date. A date twice in one list is refused."""
    for name, given in (("sessions", sessions), ("history", history)):
        dates = [bars.trade_date for bars in given]
        if len(set(dates)) != len(dates):
            raise UsageError(
                rule="a session is given once",
                value=sorted({str(d) for d in dates if dates.count(d) > 1}),
                place=name,
                remedy="pass one source per date",
            )
    own = {bars.trade_date for bars in sessions}
    joined = [*sessions, *(bars for bars in history if bars.trade_date not in own)]
    return sorted(joined, key=lambda bars: bars.trade_date)


def follows_on_nse(before: date, after: date) -> bool:
    """Whether ``after`` is the NSE's next session after ``before``; a Muhurat evening between them may be absent."""
    from mr_platform.market.sessions import nse_calendar

    calendar = nse_calendar()
    previous = calendar.previous(after)
    if previous != before and calendar.session(previous).kind == "muhurat":
        previous = calendar.previous(previous)
    return previous == before


@dataclass(frozen=True)
class Windows:
    """What the windows around each bar measured; all arrays [m], bars of all sessions in order.

    ``session`` index into ``dates``; ``minute`` start of the bar; ``known_session``/``known_minute`` the bar
    with which the forward window ends, -1 where there is no whole forward window; ``sigma_p``, ``sigma_f``
    sqrt(sum r^2), not annualised; ``er_f`` |sum r| / sum |r|; ``s_p``, ``s_f`` sign of the trend where the
    efficiency ratio is above theta, else 0; ``rho_f`` mean pairwise correlation of changes inside sessions
    (a straddle held over the night has no price to compare, so no series brings its night). NaN = not computable.
    """

    dates: tuple[date, ...]
    session: Ints
    minute: Ints
    known_session: Ints
    known_minute: Ints
    sigma_p: Floats
    sigma_f: Floats
    er_f: Floats
    s_p: Floats
    s_f: Floats
    rho_f: Floats


def measure(
    sessions: Sequence[SessionBars],
    task: LabelTask,
    parameters: LabelParameters,
    *,
    second: Mapping[date, SessionBars] | None = None,
    follows: Callable[[date, date], bool] = follows_on_nse,
) -> Windows:
    """Measure the windows of every bar of ``sessions`` (ascending by date).

    ``second``: the same sessions of a second symbol, whose underlying takes part in ``rho_f`` where present.
    ``follows(before, after)`` says whether two sessions are neighbours in the calendar.
    """
    parts = [
        _measure_chain(chain, first, task, parameters, second or {}) for first, chain in _chains(sessions, follows)
    ]
    dates = tuple(bars.trade_date for bars in sessions)
    names = [name for name in Windows.__dataclass_fields__ if name != "dates"]
    joined: dict[str, NDArray[Any]] = {
        name: np.concatenate([part[name] for part in parts]) if parts else np.empty(0, dtype=np.int64) for name in names
    }
    return Windows(dates=dates, **joined)


def _chains(
    sessions: Sequence[SessionBars], follows: Callable[[date, date], bool]
) -> list[tuple[int, list[SessionBars]]]:
    """Runs of neighbouring sessions of one kind, each with the index of its first."""
    chains: list[tuple[int, list[SessionBars]]] = []
    for at, bars in enumerate(sessions):
        before = sessions[at - 1] if at else None
        if before is not None and before.kind == bars.kind and follows(before.trade_date, bars.trade_date):
            chains[-1][1].append(bars)
        else:
            chains.append((at, [bars]))
    return chains


def _log_returns(log_close: Floats, since: Ints) -> Floats:
    """Returns against the last known close, no earlier than bar ``since`` [m]; NaN where there is none."""
    bars = np.arange(log_close.size)
    known = np.maximum.accumulate(np.where(np.isnan(log_close), -1, bars))
    before = np.concatenate(([-1], known[:-1]))[: log_close.size]
    return log_close - np.where(before >= since, log_close[before], np.nan)


def _measure_chain(
    chain: list[SessionBars],
    first: int,
    task: LabelTask,
    parameters: LabelParameters,
    second: Mapping[date, SessionBars],
) -> dict[str, NDArray[Any]]:
    sizes = np.array([bars.n for bars in chain], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
    total = int(sizes.sum())
    owner = np.repeat(np.arange(len(chain)), sizes)
    minute = np.concatenate([bars.minutes for bars in chain])
    logs = np.log(np.concatenate([bars.underlying_close for bars in chain]))
    priced = np.isfinite(logs)

    # a stretch is a run of bars without a night or a break inside the session between them
    opens = (np.arange(total) == starts[owner]) | (np.diff(minute, prepend=-1) != BAR_MINUTES)
    stretch = np.cumsum(opens) - 1
    since = np.flatnonzero(opens)[stretch]
    until = np.append(np.flatnonzero(opens)[1:], total)[stretch] if total else stretch
    inside = _log_returns(logs, since)

    # past: the returns over nights and breaks (each stretch's first bar) are left out of the run
    ends = np.cumsum(~opens)
    sigma_p, _, s_p = _trend(inside[~opens], ends - task.back, task.back, task.theta, parameters)

    returns = _log_returns(logs, np.zeros(total, dtype=np.int64)) if task.crosses_night else inside
    begin = np.arange(total) + 1
    last_bar = begin + task.ahead - 1
    whole = last_bar < (total if task.crosses_night else until)
    # bars after a session's last price may still lie ahead: a window that ends there is not over
    seen = np.maximum.reduceat(np.append(np.where(priced, np.arange(total), -1), -1), starts)
    whole &= last_bar <= seen[owner[np.minimum(last_bar, total - 1)]]
    begin = np.where(whole, begin, -1)
    sigma_f, er_f, s_f = _trend(returns, np.where(priced, begin, -1), task.ahead, task.theta, parameters)

    ends_at = np.where(whole, last_bar, 0)
    return {
        "session": owner + first,
        "minute": minute,
        "known_session": np.where(whole, owner[ends_at] + first, -1),
        "known_minute": np.where(whole, minute[ends_at], -1),
        "sigma_p": sigma_p,
        "sigma_f": sigma_f,
        "er_f": er_f,
        "s_p": s_p,
        "s_f": s_f,
        "rho_f": _mean_correlation([inside, *_beside(chain, opens, since, second)], begin, task.ahead, parameters),
    }


def _rolled(series: Floats, begin: NDArray[np.integer], length: int, fold: np.ufunc = np.add) -> Floats:
    """``fold`` over the ``length`` values from each ``begin``; NaN where the window does not lie inside.

    Folded bar by bar in order of time, so that a window's result does not depend on what lies around it.
    """
    if series.size < length:
        return np.full(begin.size, np.nan)
    n = series.size - length + 1
    total = series[:n].copy()
    for offset in range(1, length):
        fold(total, series[offset : offset + n], out=total)
    inside = (begin >= 0) & (begin < n)
    return np.where(inside, total[np.where(inside, begin, 0)], np.nan)


def _trend(
    returns: Floats, begin: NDArray[np.integer], length: int, theta: float, parameters: LabelParameters
) -> tuple[Floats, Floats, Floats]:
    """Volatility, efficiency ratio and trend sign of each window; NaN under the coverage, or without movement."""
    present = np.isfinite(returns)
    known = np.where(present, returns, 0.0)
    enough = _rolled(present.astype(np.float64), begin, length) >= parameters.coverage * length
    sigma = np.where(enough, np.sqrt(_rolled(known * known, begin, length)), np.nan)
    net, path = _rolled(known, begin, length), _rolled(np.abs(known), begin, length)
    moved = enough & (path > 0)
    # rounding may lift a one-way path's ratio above one by an ulp
    ratio = np.where(moved, np.minimum(np.abs(net) / np.where(moved, path, 1.0), 1.0), np.nan)
    sign = np.where(moved, np.where(ratio > theta, np.sign(net), 0.0), np.nan)
    return sigma, ratio, sign


def _beside(
    chain: list[SessionBars], opens: NDArray[np.bool_], since: Ints, second: Mapping[date, SessionBars]
) -> list[Floats]:
    """Bar-to-bar changes of straddle, ATM IV and the second symbol; NaN in the first bar of a stretch."""
    other = []
    for bars in chain:
        beside = second.get(bars.trade_date)
        closes = np.full(bars.n, np.nan)
        if beside is not None:
            _, ours, theirs = np.intersect1d(bars.minutes, beside.minutes, return_indices=True)
            closes[ours] = np.log(beside.underlying_close[theirs])
        other.append(closes)
    straddle = np.concatenate([bars.straddle_return for bars in chain])
    iv = np.diff(np.concatenate([bars.atm_iv for bars in chain]), prepend=np.nan)
    return [
        np.where(opens, np.nan, straddle),
        np.where(opens, np.nan, iv),
        _log_returns(np.concatenate(other), since),
    ]


def _mean_correlation(
    series: list[Floats], begin: NDArray[np.integer], length: int, parameters: LabelParameters
) -> Floats:
    """Mean pairwise correlation of the series over each window.

    A series that is constant or lacks more than 20 % of its bars drops out; fewer than 60 % left -> NaN.
    The second symbol (the last series) counts among the expected ones only where it has values.
    """
    present = [np.isfinite(one) for one in series]
    kept = []
    for one, there in zip(series, present, strict=True):
        highest = _rolled(np.where(there, one, -np.inf), begin, length, np.maximum)
        lowest = _rolled(np.where(there, one, np.inf), begin, length, np.minimum)
        covered = _rolled(there.astype(np.float64), begin, length)
        kept.append((highest > lowest) & (covered >= parameters.coverage * length))
    count = np.sum(kept, axis=0)
    expected = len(series) - 1 + (_rolled(present[-1].astype(np.float64), begin, length) > 0)
    total = np.zeros(begin.size)
    pairs = np.zeros(begin.size)
    for a, b in combinations(range(len(series)), 2):
        both = kept[a] & kept[b]
        if both.any():
            r = np.where(both, _correlation(series[a], series[b], begin, length), np.nan)
            usable = np.isfinite(r)
            total += np.where(usable, r, 0.0)
            pairs += usable
    enough = (count >= 2) & (count >= parameters.series_share * expected) & (pairs > 0)
    return np.where(enough, total / np.maximum(pairs, 1), np.nan)


def _correlation(a: Floats, b: Floats, begin: NDArray[np.integer], length: int) -> Floats:
    """Pearson correlation in each window over the bars where both are known; NaN where either stands still there.

    From sums of products: changes have means far below their deviations, so that nothing cancels.
    """
    both = np.isfinite(a) & np.isfinite(b)
    a, b = np.where(both, a, 0.0), np.where(both, b, 0.0)
    n = np.maximum(_rolled(both.astype(np.float64), begin, length), 1.0)
    mean_a, mean_b = _rolled(a, begin, length) / n, _rolled(b, begin, length) / n
    squares_a, squares_b = _rolled(a * a, begin, length), _rolled(b * b, begin, length)
    spread_a, spread_b = squares_a - n * mean_a * mean_a, squares_b - n * mean_b * mean_b
    # what is left of a constant after rounding is not a movement
    moving = (spread_a > _STILL * squares_a) & (spread_b > _STILL * squares_b)
    scale = np.sqrt(np.where(moving, spread_a * spread_b, 1.0))
    r = (_rolled(a * b, begin, length) - n * mean_a * mean_b) / scale
    return np.where(moving, np.clip(r, -1.0, 1.0), np.nan)
