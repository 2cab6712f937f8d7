"""A made symbol-day: what kernels are compiled and measured with where no lake is at hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.kernels.cpu import black76
from mr_platform.market.sessions import Session
from schemas.tables import CORE_OPTION_CHAIN

Floats = NDArray[np.float64]

SESSION_DATE, OPEN = date(2022, 11, 1), time(9, 15)
BARS, EXPIRIES, STRIKES = 375, 5, 61
DAYS = (3, 10, 17, 24, 58)
"""Calendar days to each of the expiries."""
STEP, CENTRE = 50.0, 18_000.0
TICK = 0.05


@dataclass(frozen=True, eq=False)
class MadeChain:
    """A session of M bars, E expiries and K strikes, every cell quoted: Black-76 on a smile that drifts.

    close, volatility float64 [1, M, E, K, 2]; forward, years float64 [1, M, E]; strikes float64 [K].
    """

    close: Floats
    forward: Floats
    strikes: Floats
    years: Floats
    volatility: Floats


def made_chain(bars: int = BARS, strikes: int = STRIKES, expiries: int = EXPIRIES, *, seed: int = 2022) -> MadeChain:
    """The seeded chain; closes lie on the tick."""
    rng = np.random.default_rng(seed)
    listed = np.asarray(np.arange(strikes) * STEP + CENTRE - STEP * (strikes // 2), np.float64)
    forward = CENTRE + rng.normal(0, 8, (1, bars, 1)).cumsum(axis=1) + np.linspace(0, 150, EXPIRIES)[:expiries]
    years = np.broadcast_to(np.array(DAYS[:expiries]) / 365, forward.shape).copy()
    moneyness = np.log(listed / forward[..., None]) / np.sqrt(years)[..., None]
    smile = 0.14 - 0.06 * moneyness + 0.2 * moneyness**2
    volatility = np.repeat(smile[..., None], 2, axis=-1) + rng.normal(0, 0.001, (*smile.shape, 2))
    market = (forward[..., None, None], listed[:, None], years[..., None, None])
    close = np.maximum(np.round(black76.price(*market, volatility, np.arange(2)) / TICK) * TICK, TICK)
    return MadeChain(close, np.asarray(forward, np.float64), listed, years, volatility)


def made_session(bars: int = BARS, on: date = SESSION_DATE) -> Session:
    """The session that a made chain of as many bars fills."""
    return Session(on, "ordinary", ((OPEN, (datetime.combine(on, OPEN) + timedelta(minutes=bars)).time()),))


def core_table(chain: MadeChain, on: date = SESSION_DATE, *, seed: int = 4) -> pa.Table:
    """The chain as rows of core/option_chain, with every column that components read."""
    _, m, n_expiries, k, _ = chain.close.shape
    n = m * n_expiries * k
    bar, expiry, strike = (index.reshape(-1) for index in np.indices((m, n_expiries, k)))
    start = np.datetime64(on, "m") + (OPEN.hour * 60 + OPEN.minute) - 330
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "symbol": pa.array(["NIFTY"]).take(pa.array(np.zeros(n, np.int64))),
        "ts": pa.array((start + bar).astype("datetime64[us]")).cast(pa.timestamp("us", "UTC")),
        "expiry": np.datetime64(on, "D") + np.array(DAYS)[expiry],
        "strike": chain.strikes[strike],
        "spot": chain.forward[0, bar, 0],
    }
    for leg, side in enumerate(("ce", "pe")):
        close = chain.close[0, ..., leg]
        before = np.concatenate([close[:1], close[:-1]])
        prices = {"open": before, "close": close}
        prices["high"] = np.maximum(before, close) + TICK * rng.integers(0, 20, close.shape)
        prices["low"] = np.maximum(np.minimum(before, close) - TICK * rng.integers(0, 20, close.shape), TICK)
        columns |= {f"{side}_{name}": price.reshape(-1) for name, price in prices.items()}
        traded = rng.integers(0, 400, close.shape) * 50
        held = rng.integers(1_000, 9_000, close.shape[1:]) + rng.integers(-40, 41, close.shape).cumsum(axis=0)
        columns |= {f"{side}_volume": traded.reshape(-1), f"{side}_oi": np.maximum(held, 0).reshape(-1) * 50}
        columns[f"{side}_iv"] = chain.volatility[0, ..., leg].reshape(-1)
    columns |= {f"future_{name}": values[bar] for name, values in _future(chain.forward[0, :, 0], rng).items()}
    fields = CORE_OPTION_CHAIN.arrow()
    arrays = [_column(columns.get(f.name), n).cast(f.type) for f in fields]
    table = pa.Table.from_arrays(arrays, names=fields.names)
    return table.replace_schema_metadata({"symbol": "NIFTY", "underlying": "future"})


def _future(close: Floats, rng: np.random.Generator) -> dict[str, NDArray]:
    """A listed future whose price is the nearest expiry's forward, by field [M]."""
    before, reach = np.concatenate([close[:1], close[:-1]]), rng.uniform(0, 4, (2, close.size))
    return {
        "open": before,
        "high": np.maximum(before, close) + reach[0],
        "low": np.minimum(before, close) - reach[1],
        "close": close,
        "volume": rng.integers(1, 400, close.size) * 50,
        "oi": 9_000_000 + rng.integers(-400, 401, close.size).cumsum() * 50,
    }


def _column(values: Any, n: int) -> pa.Array:
    if values is None:
        return pa.nulls(n)
    return values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
