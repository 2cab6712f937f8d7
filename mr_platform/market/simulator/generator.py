"""Simulated symbol-days: the embedded market as a source of sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.market.simulator import path as paths
from mr_platform.market.simulator.chain import (
    SymbolSession,
    bucket_code,
    build_chain,
    contract_names,
    listed_strikes,
    regime_activity,
)
from mr_platform.market.simulator.dirt import Soiled, soil
from mr_platform.market.simulator.flow import minute_activity
from mr_platform.market.simulator.layout import BUCKETS, LEG_FIELDS, PLATFORM_CHAIN, STRIKE_TYPES, ZONES
from mr_platform.market.simulator.parameters import EmbeddedMarket
from mr_platform.market.simulator.timeline import (
    VIX_SYMBOL,
    SessionInputs,
    build_timeline,
    kernel_constants,
    truth_table,
)


@dataclass(frozen=True)
class SymbolDay:
    """What one symbol's session itself gives, without the history before it; fields as in ``SimulatedDay``."""

    symbol: str
    table: pa.Table
    truth: pa.Table
    planted: dict[str, int]


@dataclass(frozen=True)
class SimulatedDay:
    """One symbol's session.

    ``table`` in the warehouse's 48 columns (``layout.PLATFORM_CHAIN``), rows sorted by time, expiry, strike;
    ``truth`` (``timeline.TRUTH``) the latent regime of each five-minute bar; ``daily_bars`` of the symbol and of the
    volatility index over all sessions before this one; ``planted`` flaws by kind, under the quality rule's code where
    a rule catches them.
    """

    symbol: str
    trade_date: date
    table: pa.Table
    truth: pa.Table
    daily_bars: pa.Table
    planted: dict[str, int]


def default_sessions(config: EmbeddedMarket) -> list[date]:
    """The sessions that the configuration names: ``sessions`` of them from ``first_session``."""
    calendar = nse_calendar()
    return calendar.between(config.first_session, calendar.last)[: config.sessions]


def generate_sessions(
    config: EmbeddedMarket,
    *,
    symbols: Sequence[str],
    sessions: Sequence[date],
    seed: int,
    as_of: datetime | None = None,
) -> Iterator[SimulatedDay]:
    """Symbol-days in order of date, then of ``symbols``.

    A day's bytes depend on the configuration, the seed, symbol and date alone, not on what is generated beside it.
    ``as_of`` (naive IST) keeps only bars that had closed by then, and leaves sessions out that had not opened.
    UsageError for a symbol outside the configuration.
    """
    chosen = check_symbols(config, symbols)
    timeline = build_timeline(config, sessions, seed)
    for day in sorted(timeline.inputs):
        for made in simulate_session(config, timeline.inputs[day], chosen, seed, as_of):
            bars = timeline.daily_bars((made.symbol, VIX_SYMBOL), day)
            yield SimulatedDay(made.symbol, day, made.table, made.truth, bars, made.planted)


def simulate_session(
    config: EmbeddedMarket,
    inputs: SessionInputs,
    symbols: Sequence[str],
    seed: int,
    as_of: datetime | None = None,
) -> list[SymbolDay]:
    """One session of a timeline for ``symbols``; empty where ``as_of`` lies before the first bar's close."""
    day = inputs.trade_date
    closed = _bars_closed(day, inputs.minutes, as_of)
    if closed == 0:
        return []
    path, shape = replay_path(config, inputs, seed)
    days = []
    for symbol in symbols:
        session = describe_session(config, inputs, symbol, path, shape, seed)
        table, planted = symbol_table(session, config, closed)
        truth = truth_table(symbol, list(config.symbols).index(symbol), inputs, session.path, closed)
        days.append(SymbolDay(symbol, table, truth, planted))
    return days


def describe_session(
    config: EmbeddedMarket,
    inputs: SessionInputs,
    symbol: str,
    path: NDArray[np.float64],
    shape: NDArray[np.float64],
    seed: int,
) -> SymbolSession:
    """What the chain of ``symbol`` is made from, out of the session's inputs and its path [symbol, step, N_PATH]."""
    s = list(config.symbols).index(symbol)
    words = (5, inputs.trade_date.toordinal(), s)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))
    plain = regime_activity(inputs.drive[s], inputs.minutes.size)
    spot, volatility = path[s, :, paths.PATH_SPOT], path[s, :, paths.PATH_VOLATILITY]
    return SymbolSession(
        symbol=symbol,
        trade_date=inputs.trade_date,
        index=inputs.index,
        minutes=inputs.minutes,
        path=path[s],
        shape=shape,
        activity=minute_activity(spot, volatility, shape, plain, rng),
        opening_tilt=float(inputs.opening[s, paths.FLOW]),
        centres=(float(inputs.centres[s, 0]), float(inputs.centres[s, 1])),
        contracts=inputs.contracts[s],
        seed=seed,
    )


def replay_path(
    config: EmbeddedMarket, inputs: SessionInputs, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The session's path [symbol, step, N_PATH] from its opening state, and the variance shape [step]."""
    shape = paths.session_shape(inputs.minutes.size, config.market.u_shape)
    n_symbols = len(config.symbols)
    path = np.empty((n_symbols, shape.size, paths.N_PATH))
    normals, uniforms = paths.session_draws(seed, inputs.trade_date.toordinal(), shape.size, n_symbols)
    paths.evolve_session(
        inputs.opening.copy(), inputs.drive, normals, uniforms, shape, inputs.pin, kernel_constants(config), path
    )
    return path, shape


def symbol_table(session: SymbolSession, config: EmbeddedMarket, closed: int) -> tuple[pa.Table, dict[str, int]]:
    """The session's table in the warehouse layout, flaws planted, cut after ``closed`` bars; and the planted counts."""
    key = (9, session.trade_date.toordinal(), list(config.symbols).index(session.symbol))
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(session.seed, spawn_key=key)))
    soiled = soil(build_chain(session, config), session.minutes.size, config.dirt, rng)
    return _arrow_table(soiled, session, config, closed), soiled.planted(closed)


def check_symbols(config: EmbeddedMarket, symbols: Sequence[str]) -> tuple[str, ...]:
    """The symbols, each of which the configuration must know."""
    for symbol in symbols:
        if symbol not in config.symbols:
            raise UsageError(
                rule="the embedded market has the symbol",
                value=symbol,
                place="configs/embedded_market.yaml: symbols",
                remedy=f"it has {', '.join(config.symbols)}; add another there",
            )
    return tuple(dict.fromkeys(symbols))


def _bars_closed(day: date, minutes: NDArray[np.int64], as_of: datetime | None) -> int:
    """How many of the session's bars had closed by ``as_of``; all without one."""
    if as_of is None:
        return minutes.size
    elapsed = (as_of - datetime.combine(day, time())) / timedelta(minutes=1)
    return int((minutes + 1 <= elapsed).sum())


def _arrow_table(soiled: Soiled, session: SymbolSession, config: EmbeddedMarket, closed: int) -> pa.Table:
    rows = soiled.columns["minute"] < closed
    columns = {name: values[rows] for name, values in soiled.columns.items()}
    absent = soiled.leg_missing[rows]
    count = int(rows.sum())
    step = instrument(session.symbol).strike_step
    strikes = listed_strikes(float(session.path[0, paths.PATH_SPOT]), step, config)
    expiry = columns["expiry"]
    expiries = np.array([contract.expiry for contract in session.contracts], dtype="datetime64[D]")
    buckets = np.array([bucket_code(contract) for contract in session.contracts], dtype=np.int32)
    seconds = (session.minutes * 60).astype(np.int32)
    arrays: dict[str, pa.Array] = {
        "trade_date": pa.array(np.full(count, session.trade_date, dtype="datetime64[D]")),
        "trade_time": pa.array(seconds[columns["minute"]], pa.time32("s")),
        "expiry_date": pa.array(expiries[expiry]),
        "index_name": _text(np.zeros(count, np.int32), [session.symbol]),
        "dte": pa.array(columns["dte"]),
        "expiry_bucket": _text(buckets[expiry], BUCKETS),
        "zone_id": pa.array(columns["zone_id"]),
        "zone_name": _text(columns["zone_id"] - 1, ZONES),
        "call_strike_type": _text(columns["call_type"], STRIKE_TYPES),
        "put_strike_type": _text(columns["put_type"], STRIKE_TYPES),
    }
    for code, (prefix, leg) in enumerate((("ce", "CE"), ("pe", "PE")), start=1):
        names = [name for c in session.contracts for name in contract_names(session.symbol, c, strikes, leg)]
        arrays[f"{prefix}_symbol"] = _text(columns["contract"].astype(np.int32), names)
        gone = absent == code
        for field in LEG_FIELDS[1:]:
            values = columns[f"{prefix}_{field}"]
            arrays[f"{prefix}_{field}"] = pa.array(values, mask=gone | np.isnan(values))
    for name in PLATFORM_CHAIN.names:
        if name not in arrays:
            arrays[name] = pa.array(columns[name], PLATFORM_CHAIN.field(name).type)
    return pa.Table.from_arrays([arrays[name] for name in PLATFORM_CHAIN.names], schema=PLATFORM_CHAIN)


def _text(codes: NDArray[np.int32], words: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words, pa.string()))
