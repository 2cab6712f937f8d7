"""Synthetic options on a real index path: one-minute bars and the volatility index are given, the rest simulated.

No regime is planted, so there is no truth; implied volatility follows the volatility index's last close, the
volatility realised so far in the session, and falls of the index. Nothing of a minute depends on a later one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.market.sessions import SessionCalendar, nse_calendar
from mr_platform.market.simulator import path as paths
from mr_platform.market.simulator.chain import SymbolSession
from mr_platform.market.simulator.expiries import listed_contracts
from mr_platform.market.simulator.flow import minute_activity
from mr_platform.market.simulator.generator import SimulatedDay, check_symbols, symbol_table
from mr_platform.market.simulator.parameters import EmbeddedMarket
from mr_platform.market.simulator.timeline import TRUTH, VIX_SYMBOL, ist_array
from schemas.tables import DAILY_BARS

# Places of the four prices of a bar among its twelve steps of five seconds.
_FIRST_EXTREME, _SECOND_EXTREME, _LAST = 4, 8, paths.STEPS_PER_MINUTE - 1
# Minutes over which the volatility realised so far is averaged, by exponential weights.
_MEMORY_MINUTES = 40.0
_SKEW = -0.35
# Relative rise of implied volatility for a relative fall of the index: the part that fades and the part that stays.
_FADING_BETA, _STAYING_BETA = 2.0, 3.0
_FLOW_PER_RETURN = 12.0
_IV_SHARE, _IV_SPEED, _FLOW_SPEED, _BASIS_SPEED = 0.5, 5.0, 0.25, 4.0


def simulate_on_path(
    config: EmbeddedMarket, *, symbol: str, index_bars: pa.Table, daily_vix: pa.Table, seed: int
) -> Iterator[SimulatedDay]:
    """Symbol-days whose spot is the given index, in order of date.

    ``index_bars`` one-minute bars of the index with columns ts (start of the bar, Asia/Kolkata), open, high, low,
    close; minutes without a bar keep the last close. ``daily_vix`` columns trade_date and close, in percent, with a
    row for the session before each day. A day's ``daily_bars`` are those of the index bars and volatility
    rows before it; ``truth`` is empty. CalendarError for bars on a date that is no session, DataError without bars
    in a session or without a volatility row before it.
    """
    (name,) = check_symbols(config, (symbol,))
    calendar = nse_calendar()
    days = _bars_by_day(index_bars)
    vix = dict(zip(daily_vix["trade_date"].to_pylist(), daily_vix["close"].to_pylist(), strict=True))
    daily: list[tuple[date, float, float, float, float]] = []
    tilt = 0.0
    for day, bars in days.items():
        session = calendar.session(day)
        prices = _dense_bars(bars, session.bar_minutes, day)
        last_vix = max((known for known in vix if known < day), default=None)
        if last_vix is None:
            raise DataError(
                rule="the volatility index has a close before the session",
                value=day,
                place="daily_vix",
                remedy="give daily bars of the volatility index from the session before the first index bar on",
            )
        scale = config.symbols[name].volatility / next(iter(config.symbols.values())).volatility
        slow = vix[last_vix] / 100.0 / float(np.exp(config.market.variance_premium)) * scale
        ordinal = day.toordinal()
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(10, ordinal))))
        shape = paths.session_shape(session.n_bars, config.market.u_shape)
        path = _path_of(prices, shape, slow, tilt, config, rng)
        spot, volatility = path[:, paths.PATH_SPOT], path[:, paths.PATH_VOLATILITY]
        closes = [row[4] for row in daily[-2:]] or [float(prices[0, 0])]
        described = SymbolSession(
            symbol=name,
            trade_date=day,
            index=_index_of(day, calendar),
            minutes=session.bar_minutes,
            path=path,
            shape=shape,
            activity=minute_activity(spot, volatility, shape, np.ones(session.n_bars), rng),
            opening_tilt=tilt,
            centres=(closes[0], closes[-1]),
            contracts=listed_contracts(day, config.weekly[name], config.monthly[name], calendar),
            seed=seed,
        )
        table, planted = symbol_table(described, config, session.n_bars)
        history = pa.concat_tables([_daily_table(name, daily, calendar), _vix_before(daily_vix, day, calendar)])
        yield SimulatedDay(name, day, table, TRUTH.empty(), history.combine_chunks(), planted)
        daily.append(
            (day, float(prices[0, 0]), float(prices[:, 1].max()), float(prices[:, 2].min()), float(prices[-1, 3]))
        )
        tilt = float(path[-1, paths.PATH_FLOW])


def steps_of_bars(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steps of five seconds [12 x minute] that have exactly the given open, high, low, close [minute, 4].

    A rising bar visits its low first, a falling one its high; straight lines between.
    """
    opened, high, low, close = prices.T
    rising = close >= opened
    anchors = np.array([0, _FIRST_EXTREME, _SECOND_EXTREME, _LAST])
    values = np.stack([opened, np.where(rising, low, high), np.where(rising, high, low), close])
    steps = np.empty((len(prices), paths.STEPS_PER_MINUTE))
    for step in range(paths.STEPS_PER_MINUTE):
        after = int(np.searchsorted(anchors, step))
        if anchors[after] == step:
            steps[:, step] = values[after]
            continue
        share = (step - anchors[after - 1]) / (anchors[after] - anchors[after - 1])
        steps[:, step] = values[after - 1] + share * (values[after] - values[after - 1])
    return steps.reshape(-1)


def _path_of(
    prices: NDArray[np.float64],
    shape: NDArray[np.float64],
    slow: float,
    tilt: float,
    config: EmbeddedMarket,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The path [step, N_PATH] over the given bars: the state of volatility, smile and flow that they imply."""
    spot = steps_of_bars(prices)
    n_minutes = len(prices)
    variance = shape.reshape(n_minutes, -1).sum(axis=1) * config.market.session_share / paths.TRADING_DAYS
    moved = np.diff(np.log(prices[:, 3]), prepend=np.log(prices[0, 0]))
    path = np.empty((spot.size, paths.N_PATH))
    path[:, paths.PATH_SPOT] = spot
    path[:, paths.PATH_SKEW] = _SKEW
    constants = np.array([slow, tilt, config.market.basis_noise])
    _follow(spot, moved**2 / variance, rng.standard_normal(spot.size), constants, path)
    return path


@numba.njit(cache=True)
def _follow(
    spot: NDArray, realised: NDArray, normals: NDArray, constants: NDArray, path: NDArray
) -> None:  # pragma: no cover - compiled
    """Carry volatility, implied level, tilt and basis along ``spot`` [step]; ``realised`` [minute] annual variance."""
    slow, tilt, basis_noise = constants
    dt = 1.0 / (60.0 * paths.STEPS_PER_MINUTE)
    level, implied, basis = slow * slow, 0.0, 0.0
    fast, stayed = 0.0, 0.0
    for i in range(spot.size):
        if i > 0 and i % paths.STEPS_PER_MINUTE == 0:
            # the minute that has just ended is known, the one that begins is not
            level += (realised[i // paths.STEPS_PER_MINUTE - 1] - level) / _MEMORY_MINUTES
            fast = min(max(0.5 * np.log(level / (slow * slow)), -1.0), 1.2)
        move = np.log(spot[i] / spot[i - 1]) if i > 0 else 0.0
        implied += _IV_SPEED * (_IV_SHARE * fast - implied) * dt - _FADING_BETA * move
        stayed -= _STAYING_BETA * move
        tilt += _FLOW_PER_RETURN * move - _FLOW_SPEED * tilt * dt
        basis += -_BASIS_SPEED * basis * dt + basis_noise * np.sqrt(2.0 * _BASIS_SPEED * dt) * normals[i]
        path[i, paths.PATH_VOLATILITY] = slow * np.exp(fast)
        path[i, paths.PATH_SLOW] = slow * np.exp(stayed)
        path[i, paths.PATH_IV] = slow * np.exp(stayed + implied)
        path[i, paths.PATH_FLOW] = tilt
        path[i, paths.PATH_BASIS] = basis


def _bars_by_day(index_bars: pa.Table) -> dict[date, pa.Table]:
    """The bars of each date, in order, with ``minute`` since midnight."""
    naive = pc.local_timestamp(index_bars["ts"])
    minute = pc.add(pc.multiply(pc.hour(naive), 60), pc.minute(naive))
    bars = index_bars.select(["open", "high", "low", "close"])
    bars = bars.append_column("minute", minute).append_column("day", naive.cast(pa.date32()))
    return {day: bars.filter(pc.equal(bars["day"], day)) for day in sorted(pc.unique(bars["day"]).to_pylist())}


def _dense_bars(bars: pa.Table, minutes: NDArray[np.int64], day: date) -> NDArray[np.float64]:
    """Prices of every minute of the session [minute, OHLC]; a missing bar is flat at the last close known."""
    found = bars["minute"].to_numpy()
    values = np.column_stack([bars[name].to_numpy() for name in ("open", "high", "low", "close")])
    inside = np.isin(found, minutes) & np.isfinite(values).all(axis=1) & (values > 0).all(axis=1)
    if not inside.any():
        raise DataError(
            rule="a session of index bars has a bar with prices",
            value=f"{len(values)} bars",
            place=f"index bars of {day}",
            remedy="leave the date out",
        )
    found, values = found[inside], values[inside]
    dense = np.full((minutes.size, 4), np.nan)
    dense[np.searchsorted(minutes, found)] = values
    last = np.maximum.accumulate(np.where(np.isnan(dense[:, 3]), -1, np.arange(minutes.size)))
    # before the first bar of the day the index is not known yet: it stands at that bar's open
    carried = np.where(last >= 0, dense[np.maximum(last, 0), 3], values[0, 0])
    return np.where(np.isnan(dense), carried[:, None], dense)


def _index_of(day: date, calendar: SessionCalendar) -> int:
    return len(calendar.between(calendar.first, day))


def _daily_table(
    symbol: str, rows: list[tuple[date, float, float, float, float]], calendar: SessionCalendar
) -> pa.Table:
    dates = [row[0] for row in rows]
    return pa.table(
        [
            pa.array([symbol] * len(rows), pa.string()),
            pa.array(dates, pa.date32()),
            *(pa.array([row[k] for row in rows], pa.float64()) for k in range(1, 5)),
            ist_array([calendar.session(known).close for known in dates]),
        ],
        schema=DAILY_BARS.arrow(),
    )


def _vix_before(daily_vix: pa.Table, day: date, calendar: SessionCalendar) -> pa.Table:
    """The rows of the volatility index before ``day`` as daily bars; where only closes are given the rest is null."""
    rows = daily_vix.filter(pc.less(daily_vix["trade_date"], pa.scalar(day))).sort_by("trade_date")
    dates = rows["trade_date"].to_pylist()
    closes_at = [
        calendar.session(known).close
        if calendar.is_session(known)
        else datetime.combine(known, time()) + timedelta(hours=15, minutes=30)
        for known in dates
    ]
    nothing = pa.nulls(len(dates), pa.float64())
    return pa.table(
        [
            pa.array([VIX_SYMBOL] * len(dates), pa.string()),
            pa.array(dates, pa.date32()),
            *(
                rows[name].cast(pa.float64()) if name in rows.column_names else nothing
                for name in ("open", "high", "low")
            ),
            rows["close"].cast(pa.float64()),
            ist_array(closes_at),
        ],
        schema=DAILY_BARS.arrow(),
    )
