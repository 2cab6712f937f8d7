"""The light sequential pass: latent regimes, opening states and daily bars of every session since the start of history.

Everything that one session inherits from those before it is computed here, in date order and for all symbols
of the configuration; a session's chain is then made from its opening state alone, in any process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import SessionCalendar, nse_calendar
from mr_platform.market.simulator import path as paths
from mr_platform.market.simulator.expiries import Contract, listed_contracts
from mr_platform.market.simulator.latent import (
    BAR_MINUTES,
    bars_of_session,
    draw_latent_states,
    drive_of,
)
from mr_platform.market.simulator.parameters import EmbeddedMarket
from mr_platform.market.simulator.surface import total_variance
from schemas.tables import DAILY_BARS, IST_TIMESTAMP, REGIMES, Column, TableSchema

VIX_SYMBOL = "INDIAVIX"

TRUTH = TableSchema(
    name="simulator/truth",
    version=1,
    description="The latent regime that the embedded market was in, one row a five-minute bar.",
    key=("symbol", "event_ts"),
    columns=(
        Column("symbol", pa.string(), "Underlying", nullable=False),
        Column("event_ts", IST_TIMESTAMP, "Start of the five-minute bar", nullable=False),
        Column("known_ts", IST_TIMESTAMP, "End of the bar", nullable=False),
        Column("regime", pa.string(), "Regime in force during the bar", nullable=False, values=REGIMES),
        Column("volatility_state", pa.string(), "Level of the true volatility", values=("low", "mid", "high")),
        Column("direction", pa.int32(), "Sign of the planted trend", nullable=False, lowest=-1, highest=1),
        Column("volatility", pa.float64(), "True volatility, mean over the bar", "decimal per year", lowest=0),
        Column("minutes_in_regime", pa.int32(), "Minutes since the spell began, at the bar's end", lowest=0),
    ),
)

# Bounds of the true volatility as a multiple of the slow base level.
_LOW_VOLATILITY, _HIGH_VOLATILITY = 0.80, 1.20


@dataclass(frozen=True)
class SessionInputs:
    """All that the chain of one session is made from. Arrays [symbol, ...] in the order of the configuration.

    ``opening`` state at the open; ``drive`` [symbol, bar, field]; ``regime``, ``direction``, ``age`` [symbol, bar];
    ``centres`` [symbol, 2] close of the session before last and of the last, where open interest gathers;
    ``pin`` [symbol] log of the attracting strike, NaN for none; ``index`` position in the history.
    """

    trade_date: date
    index: int
    minutes: NDArray[np.int64]
    opening: NDArray[np.float64]
    drive: NDArray[np.float64]
    regime: NDArray[np.int8]
    direction: NDArray[np.int8]
    age: NDArray[np.int16]
    centres: NDArray[np.float64]
    pin: NDArray[np.float64]
    contracts: tuple[tuple[Contract, ...], ...]


@dataclass(frozen=True)
class Timeline:
    """The history up to the last session asked for: daily bars [symbol + VIX, session, OHLC] and session inputs."""

    dates: tuple[date, ...]
    closes_at: tuple[datetime, ...]
    daily: NDArray[np.float64]
    names: tuple[str, ...]
    inputs: dict[date, SessionInputs]

    def daily_bars(self, names: Sequence[str], before: date) -> pa.Table:
        """Daily bars of ``names`` over all sessions before ``before``, sorted by symbol and date."""
        count = sum(day < before for day in self.dates)
        blocks = []
        for name in names:
            values = np.round(self.daily[self.names.index(name), :count], 2)
            blocks.append(
                pa.table(
                    [
                        pa.array([name] * count, pa.string()),
                        pa.array(self.dates[:count], pa.date32()),
                        *(pa.array(values[:, k]) for k in range(4)),
                        ist_array(self.closes_at[:count]),
                    ],
                    schema=DAILY_BARS.arrow(),
                )
            )
        return pa.concat_tables(blocks).combine_chunks()


def ist_array(moments: Sequence[datetime]) -> pa.Array:
    """Naive IST moments as zone-aware Arrow timestamps."""
    naive = pa.array(moments, pa.timestamp("us"))
    return pc.assume_timezone(naive, "Asia/Kolkata")


def build_timeline(config: EmbeddedMarket, sessions: Sequence[date], seed: int) -> Timeline:
    """Run the light pass from the start of history through the last of ``sessions``.

    CalendarError for a date that is no session; UsageError where fewer than ``history_years`` years precede the first.
    """
    calendar = nse_calendar()
    wanted = sorted(set(sessions))
    if not wanted:
        raise UsageError(
            rule="at least one session is asked for", value="none", place="embedded market", remedy="give a date"
        )
    for day in wanted:
        calendar.session(day)
    earliest = _years_before(wanted[0], config.history_years)
    if earliest < config.history_start:
        raise UsageError(
            rule=f"{config.history_years} years of daily bars precede the first session",
            value=f"first session {wanted[0]}, history starts {config.history_start}",
            place="configs/embedded_market.yaml: history_start",
            remedy="set an earlier history_start, or ask for later sessions",
        )
    dates = calendar.between(config.history_start, wanted[-1])
    return _run(config, calendar, dates, frozenset(wanted), seed)


def _run(
    config: EmbeddedMarket, calendar: SessionCalendar, dates: list[date], wanted: frozenset[date], seed: int
) -> Timeline:
    sessions = [calendar.session(day) for day in dates]
    bars = np.array([bars_of_session(session.n_bars) for session in sessions])
    states = draw_latent_states(config, bars, seed)
    drive = drive_of(config, states)
    names = tuple(config.symbols)
    n_symbols = len(names)
    daily = np.zeros((n_symbols + 1, len(dates), 4))
    state = paths.initial_state(config)
    constants = kernel_constants(config)
    shapes: dict[int, NDArray[np.float64]] = {}
    centres = np.exp(state[:, [paths.LOG_SPOT, paths.LOG_SPOT]])
    inputs: dict[date, SessionInputs] = {}
    contracts = [_contracts_of(config, calendar, day) for day in dates]
    at = 0
    for k, session in enumerate(sessions):
        here = slice(at, at + int(bars[k]))
        at += int(bars[k])
        shape = shapes.setdefault(session.n_bars, paths.session_shape(session.n_bars, config.market.u_shape))
        pin = _pins(names, centres[:, 1], contracts[k], session.trade_date)
        if session.trade_date in wanted:
            inputs[session.trade_date] = SessionInputs(
                trade_date=session.trade_date,
                index=k,
                minutes=session.bar_minutes,
                opening=state.copy(),
                drive=drive[:, here].copy(),
                regime=states.regime[:, here].copy(),
                direction=states.direction[:, here].copy(),
                age=states.age[:, here].copy(),
                centres=centres.copy(),
                pin=pin,
                contracts=contracts[k],
            )
        path = np.empty((n_symbols, shape.size, paths.N_PATH))
        normals, uniforms = paths.session_draws(seed, session.trade_date.toordinal(), shape.size, n_symbols)
        paths.evolve_session(state, drive[:, here], normals, uniforms, shape, pin, constants, path)
        _record_day(daily[:, k], path, config)
        centres = np.column_stack([centres[:, 1], path[:, -1, paths.PATH_SPOT]])
        if k + 1 < len(sessions):
            opens = sessions[k + 1].trade_date
            days = (opens - session.trade_date).days
            state = paths.cross_night(state, config, seed, opens.toordinal(), days)
    closes_at = tuple(session.close for session in sessions)
    return Timeline(tuple(dates), closes_at, daily, (*names, VIX_SYMBOL), inputs)


def kernel_constants(config: EmbeddedMarket) -> NDArray[np.float64]:
    """The four constants of ``path.evolve_session``."""
    market = config.market
    return np.array([market.session_share, market.jump_scale, market.basis_noise, market.pinning])


def truth_table(symbol: str, s: int, inputs: SessionInputs, path: NDArray[np.float64], closed: int) -> pa.Table:
    """The truth of symbol number ``s`` over the session, from the path [step, N_PATH] that was driven by it.

    Only five-minute bars that end within the first ``closed`` one-minute bars.
    """
    midnight = datetime.combine(inputs.trade_date, time())
    starts = inputs.minutes[::BAR_MINUTES]
    step = np.arange(len(path)) // paths.STEPS_PER_BAR
    counts = np.bincount(step)
    volatility = np.bincount(step, path[:, paths.PATH_VOLATILITY]) / counts
    relative = np.bincount(step, path[:, paths.PATH_VOLATILITY] / path[:, paths.PATH_SLOW]) / counts
    level = np.where(relative < _LOW_VOLATILITY, "low", np.where(relative > _HIGH_VOLATILITY, "high", "mid"))
    lengths = counts // paths.STEPS_PER_MINUTE
    complete = int((np.cumsum(lengths) <= closed).sum())
    table = pa.table(
        [
            pa.array([symbol] * len(starts), pa.string()),
            ist_array([midnight + timedelta(minutes=int(m)) for m in starts]),
            ist_array([midnight + timedelta(minutes=int(m + n)) for m, n in zip(starts, lengths, strict=True)]),
            pa.array([REGIMES[r] for r in inputs.regime[s]], pa.string()),
            pa.array(level.tolist(), pa.string()),
            pa.array(inputs.direction[s].astype(np.int32)),
            pa.array(volatility),
            pa.array((inputs.age[s].astype(np.int32) + 1) * BAR_MINUTES, pa.int32()),
        ],
        schema=TRUTH.arrow(),
    )
    return table.slice(0, complete)


def _record_day(daily: NDArray[np.float64], path: NDArray[np.float64], config: EmbeddedMarket) -> None:
    spot = path[:, :, paths.PATH_SPOT]
    vix = 100.0 * thirty_day_volatility(path[0, :, paths.PATH_IV], path[0, :, paths.PATH_SLOW], config)
    for row, series in zip(daily, (*spot, vix), strict=True):
        row[:] = series[0], series.max(), series.min(), series[-1]


def thirty_day_volatility(
    short: NDArray[np.float64], slow: NDArray[np.float64], config: EmbeddedMarket
) -> NDArray[np.float64]:
    """Implied volatility at 30 calendar days, decimal per year, from the short and the slow level."""
    years = 30.0 / 365.0
    return np.sqrt(total_variance(short, slow, years, config.market) / years)


def _contracts_of(config: EmbeddedMarket, calendar: SessionCalendar, day: date) -> tuple[tuple[Contract, ...], ...]:
    return tuple(listed_contracts(day, config.weekly[name], config.monthly[name], calendar) for name in config.symbols)


def _pins(
    names: Sequence[str], centres: NDArray[np.float64], contracts: tuple[tuple[Contract, ...], ...], day: date
) -> NDArray[np.float64]:
    """Log of the max-pain strike of symbols whose nearest contract expires on ``day``, NaN for the others."""
    pins = np.full(len(names), np.nan)
    for s, name in enumerate(names):
        if contracts[s][0].expiry == day:
            step = 2.0 * instrument(name).strike_step
            pins[s] = np.log(round(centres[s] / step) * step)
    return pins


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        # the 29th of February
        return day.replace(year=day.year - years, day=28)
