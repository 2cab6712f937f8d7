"""The option chain of one symbol and session: every expiry's bars, open interest, vendor Greeks, as columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from mr_platform.kernels.cpu import black76
from mr_platform.market.instruments import Instrument, days_to_expiry, instrument
from mr_platform.market.sessions import SessionCalendar, nse_calendar, zone_of
from mr_platform.market.simulator import flow
from mr_platform.market.simulator import path as paths
from mr_platform.market.simulator.expiries import Contract
from mr_platform.market.simulator.latent import BAR_MINUTES, DRIVE_FIELDS
from mr_platform.market.simulator.layout import BUCKETS, MAX_DEPTH
from mr_platform.market.simulator.parameters import EmbeddedMarket
from mr_platform.market.simulator.random import stream_key
from mr_platform.market.simulator.surface import calendar_years, clock_years, total_variance
from mr_platform.market.simulator.trades import ExpiryInputs, trade_session

_IV_RANGE = (0.01, 3.0)
# The future's spread as a share of its price.
_FUTURE_HALF_SPREAD = 0.00002
_ACTIVITY = DRIVE_FIELDS.index("activity")


@dataclass(frozen=True)
class SymbolSession:
    """What the chain of one symbol's session is made from.

    ``path`` [step, N_PATH]; ``shape`` [step] share of an ordinary session's variance; ``activity`` [minute] volume
    multiple; ``opening_tilt`` put-over-call tilt of open interest at the open;
    ``centres`` closes of the two sessions before; ``index`` position of the session in its history; ``minutes``
    [minute] start of each bar.
    """

    symbol: str
    trade_date: date
    index: int
    minutes: NDArray[np.int64]
    path: NDArray[np.float64]
    shape: NDArray[np.float64]
    activity: NDArray[np.float64]
    opening_tilt: float
    centres: tuple[float, float]
    contracts: tuple[Contract, ...]
    seed: int


def listed_strikes(spot: float, step: float, config: EmbeddedMarket) -> NDArray[np.float64]:
    """Strikes of an expiry around the opening level: every step near it, then every second, then every tenth."""
    centre = round(spot / step)
    chain = config.chain
    grid = set(range(centre - chain.inner_steps, centre + chain.inner_steps + 1))
    for start, stop, stride in (
        (chain.inner_steps, chain.middle_steps, 2),
        (chain.middle_steps, chain.outer_steps, 10),
    ):
        for k in range(centre - stop, centre + stop + 1):
            if start < abs(k - centre) and k % stride == 0:
                grid.add(k)
    return np.array(sorted(k for k in grid if k > 0), dtype=np.float64) * step


def expiry_inputs(session: SymbolSession, contract: Contract, config: EmbeddedMarket) -> ExpiryInputs:
    """Forward and smile of a contract along the session."""
    calendar = nse_calendar()
    market = config.market
    n_steps = len(session.path)
    ends = (
        session.minutes.repeat(paths.STEPS_PER_MINUTE)
        + (np.arange(n_steps) % paths.STEPS_PER_MINUTE + 1.0) / paths.STEPS_PER_MINUTE
    )
    years = calendar_years(session.trade_date, ends, contract.expiry)
    days = _sessions_after(session.trade_date, contract.expiry, calendar)
    nights = _nights(session.trade_date, contract.expiry, days, market.weekend_weight)
    clock = clock_years(session.shape, days, nights, market.session_share)
    spot = session.path[:, paths.PATH_SPOT]
    # the basis' own noise fades towards expiry, where future and spot meet
    basis = session.path[:, paths.PATH_BASIS] * np.minimum(years * 73.0, 1.0)
    return ExpiryInputs(
        forward=spot * np.exp(market.carry * years + basis),
        discount=np.exp(-market.rate * years),
        theta=total_variance(session.path[:, paths.PATH_IV], session.path[:, paths.PATH_SLOW], clock, market),
        rho=session.path[:, paths.PATH_SKEW].copy(),
        years=years,
        eta=market.smile_curvature,
    )


def build_chain(session: SymbolSession, config: EmbeddedMarket) -> dict[str, NDArray]:
    """Columns of the warehouse layout for the session, rows sorted by (minute, expiry, strike), NaN for null.

    Text columns come as codes: ``expiry`` the contract's number, ``contract`` the strike's number within the
    ``strikes`` of all expiries one after the other; ``call_type``/``put_type`` positions in ``STRIKE_TYPES``.
    """
    traits = instrument(session.symbol)
    parts = []
    offset = 0
    for number, contract in enumerate(session.contracts):
        strikes = listed_strikes(float(session.path[0, paths.PATH_SPOT]), traits.strike_step, config)
        parts.append(_expiry_rows(session, contract, number, offset, strikes, traits, config))
        offset += strikes.size
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((columns["strike"], columns["expiry"], columns["minute"]))
    columns = {name: values[order] for name, values in columns.items()}
    spot = session.path[paths.STEPS_PER_MINUTE - 1 :: paths.STEPS_PER_MINUTE, paths.PATH_SPOT]
    columns["spot"] = np.round(spot, 2)[columns["minute"]]
    columns["atm_strike"] = np.round(columns["spot"] / traits.strike_step) * traits.strike_step
    depth = np.round((columns["strike"] - columns["atm_strike"]) / traits.strike_step).astype(np.int64)
    columns["call_type"], columns["put_type"] = _type_codes(depth), _type_codes(-depth)
    columns["zone_id"] = np.array([zone_of(int(m))[0] for m in session.minutes], dtype=np.int32)[columns["minute"]]
    for name, values in _future_columns(session, config, traits).items():
        columns[name] = values[columns["minute"]]
    return columns


def _expiry_rows(
    session: SymbolSession,
    contract: Contract,
    number: int,
    offset: int,
    strikes: NDArray[np.float64],
    traits: Instrument,
    config: EmbeddedMarket,
) -> dict[str, NDArray]:
    inputs = expiry_inputs(session, contract, config)
    lot = traits.lot_size(session.trade_date, contract.expiry)
    life = expiry_life(session, contract)
    sizes = config.symbols[session.symbol]
    words = (6, session.trade_date.toordinal(), contract.expiry.toordinal(), _id(traits))
    bars = trade_session(
        inputs,
        strikes,
        session.activity,
        config.chain,
        step=traits.strike_step,
        tick=traits.tick_size,
        lots=sizes.lots_per_minute * _volume_share(life),
        key=stream_key(session.seed, *words),
    )
    at, strike_at = np.nonzero((bars.lots > 0).any(axis=0))
    held = _held(session, contract, life, strikes, traits, config)
    end = at * paths.STEPS_PER_MINUTE + paths.STEPS_PER_MINUTE - 1
    rows = {
        "minute": at,
        "expiry": np.full(at.size, number),
        "contract": offset + strike_at,
        "strike": strikes[strike_at],
        "dte": np.full(at.size, days_to_expiry(session.trade_date, contract.expiry), dtype=np.int32),
    }
    for leg, prefix in enumerate(("ce", "pe")):
        for field, name in enumerate(("open", "high", "low", "close")):
            rows[f"{prefix}_{name}"] = bars.prices[leg, field, at, strike_at]
        rows[f"{prefix}_volume"] = bars.lots[leg, at, strike_at] * lot
        published = held[leg][at + 1, strike_at]
        rows[f"{prefix}_oi"] = (published * lot).astype(np.int64)
        rows[f"{prefix}_coi"] = (published - held[leg][0, strike_at]) * lot
        found = vendor_greeks(
            rows[f"{prefix}_close"] / inputs.discount[end],
            inputs.forward[end],
            strikes[strike_at],
            inputs.years[end],
            np.array(leg),
        )
        for name, values in found.items():
            rows[f"{prefix}_{name}"] = values
    return rows


def vendor_greeks(
    close: NDArray[np.float64],
    forward: NDArray[np.float64],
    strike: NDArray[np.float64],
    years: NDArray[np.float64],
    leg: NDArray[np.integer],
) -> dict[str, NDArray[np.float64]]:
    """What a vendor computes from the last trade: iv, delta, gamma, theta, vega, rho.

    All NaN without a trade; where no volatility in [0.01, 3] gives the price, iv is 0 and the Greeks are NaN.
    """
    solved = black76.implied_volatility(close, forward, strike, years, leg)
    solved = np.where((solved >= _IV_RANGE[0]) & (solved <= _IV_RANGE[1]), solved, np.nan)
    found = black76.greeks(forward, strike, years, solved, leg)
    return {
        "iv": np.where(np.isnan(solved) & ~np.isnan(close), 0.0, np.round(solved, 4)),
        "delta": np.round(found.delta, 4),
        "gamma": np.round(found.gamma, 6),
        "theta": np.round(found.theta, 4),
        "vega": np.round(found.vega, 4),
        "rho": np.round(found.rho, 4),
    }


def _held(
    session: SymbolSession,
    contract: Contract,
    life: flow.ExpiryLife,
    strikes: NDArray[np.float64],
    traits: Instrument,
    config: EmbeddedMarket,
) -> NDArray[np.float64]:
    """Contracts held at the last session's end and at each minute's close [2, 1 + minute, strike]."""
    closes = session.path[paths.STEPS_PER_MINUTE - 1 :: paths.STEPS_PER_MINUTE]
    progress = np.concatenate([[0.0], flow.session_progress(session.shape)])
    tilt = np.concatenate([[session.opening_tilt], closes[:, paths.PATH_FLOW]])
    key = stream_key(session.seed, 7, contract.expiry.toordinal(), _id(traits)) >> 8
    height = config.symbols[session.symbol].oi_lots
    return flow.open_interest(
        strikes, traits.strike_step, height, life, session.centres, tilt, progress, (key, session.index)
    )


def expiry_life(session: SymbolSession, contract: Contract) -> flow.ExpiryLife:
    """Sessions left to the contract's expiry, and to the one before it."""
    calendar = nse_calendar()
    earlier = [other.expiry for other in session.contracts if other.expiry < contract.expiry]
    left = 1 + _sessions_after(session.trade_date, contract.expiry, calendar)
    before = 1 + _sessions_after(session.trade_date, earlier[-1], calendar) if earlier else 0
    return flow.ExpiryLife(contract.monthly, left, before)


def _volume_share(life: flow.ExpiryLife) -> float:
    """Volume of an expiry as a share of a nearest weekly contract's on a plain day: expiry days are the busiest."""
    left = life.sessions_left
    share = float(1.0 / (1.0 + (left / 2.5) ** 1.8))
    busiest = 2.2 if left == 1 else 1.0
    return share * busiest * (1.0 if life.before_left == 0 else 0.35)


def _future_columns(session: SymbolSession, config: EmbeddedMarket, traits: Instrument) -> dict[str, NDArray]:
    """Bars, volume and open interest of the near listed future, which expires with the month's options [minute]."""
    contract = next(c for c in session.contracts if c.monthly)
    inputs = expiry_inputs(session, contract, config)
    lot = traits.lot_size(session.trade_date, contract.expiry)
    rng = np.random.Generator(
        np.random.PCG64(
            np.random.SeedSequence(session.seed, spawn_key=(8, session.trade_date.toordinal(), _id(traits)))
        )
    )
    sides = np.where(rng.random(inputs.forward.size) < 0.5, -1.0, 1.0)
    ticks = np.round(inputs.forward * (1.0 + _FUTURE_HALF_SPREAD * sides) / traits.tick_size)
    trades = np.round(ticks * traits.tick_size, 2).reshape(-1, paths.STEPS_PER_MINUTE)
    sizes = config.symbols[session.symbol]
    noise = np.exp(0.4 * rng.standard_normal(len(trades)))
    lots = np.maximum(np.round(sizes.future_lots_per_minute * session.activity * noise), 1.0)
    left = 1 + _sessions_after(session.trade_date, contract.expiry, nse_calendar())
    progress = np.concatenate([[0.0], flow.session_progress(session.shape)])
    life = flow.ExpiryLife(monthly=True, sessions_left=left, before_left=0)
    level = flow.life_level(life, progress)
    block = np.concatenate([[0], np.arange(len(trades)) // flow.OI_MINUTES * flow.OI_MINUTES + 1])
    held = np.round(sizes.future_oi_lots * level[block]) * lot
    return {
        "future_open": trades[:, 0],
        "future_high": trades.max(axis=1),
        "future_low": trades.min(axis=1),
        "future_close": trades[:, -1],
        "future_volume": (lots * lot).astype(np.int64),
        "future_oi": held[1:].astype(np.int64),
        "future_coi": held[1:] - held[0],
    }


def regime_activity(drive: NDArray[np.float64], n_minutes: int) -> NDArray[np.float64]:
    """The regime's multiple of volume in each minute, from the drive [five-minute bar, field]."""
    return np.asarray(drive[np.arange(n_minutes) // BAR_MINUTES, _ACTIVITY])


def contract_names(symbol: str, contract: Contract, strikes: NDArray[np.float64], leg: str) -> list[str]:
    """Exchange symbols: NIFTY24JUL24500CE for a monthly contract, NIFTY2470424500CE for a weekly one."""
    day = contract.expiry
    if contract.monthly:
        stem = f"{symbol}{day:%y}{day:%b}".upper()
    else:
        month = "123456789OND"[day.month - 1]
        stem = f"{symbol}{day:%y}{month}{day:%d}"
    return [f"{stem}{strike:g}{leg}" for strike in strikes.tolist()]


def bucket_code(contract: Contract) -> int:
    """Position of the contract's bucket in ``BUCKETS``."""
    return BUCKETS.index(contract.bucket)


def _type_codes(depth: NDArray[np.int64]) -> NDArray[np.int32]:
    """Positions in ``STRIKE_TYPES`` of strikes ``depth`` steps on the out-of-the-money side (negative: in it)."""
    clipped = np.clip(np.abs(depth), 0, MAX_DEPTH)
    return np.where(depth == 0, 0, np.where(depth < 0, clipped, MAX_DEPTH + clipped)).astype(np.int32)


def _sessions_after(day: date, expiry: date, calendar: SessionCalendar) -> int:
    return len(calendar.between(day, expiry)) - 1


def _nights(day: date, expiry: date, sessions: int, weekend_weight: float) -> float:
    """Weight of the nights until expiry: 1 each, and more for each further calendar day without trading."""
    return sessions + weekend_weight * ((expiry - day).days - sessions)


def _id(traits: Instrument) -> int:
    return math.prod(ord(letter) for letter in traits.symbol) % 1_000_003
