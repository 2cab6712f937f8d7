"""A small market for feature tests: core tables of whole sessions from a seeded walk, with gaps and rolls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.features.context import daily_context
from mr_platform.features.memory import DailyContext
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import ORDINARY_WINDOW, Session
from tests.features.contract_sessions import World

STEP = 50.0
COLUMNS = ("open", "high", "low", "close")


def core_table(
    day: date, seed: int, *, scale: float = 1.0, gaps: float = 0.05, kind: str = "future", dte: int = 3, bars: int = 375
) -> pa.Table:
    """core/option_chain of a session of one expiry: 13 strikes around a walking future, a share of rows missing."""
    rng = np.random.default_rng(seed)
    minute_of_bar = np.arange(bars)
    future = 18_000 + 100 * rng.standard_normal() + np.cumsum(6 * rng.standard_normal(bars))
    strikes = STEP * (np.round(18_000 / STEP) + np.arange(-6, 7))
    t, k = np.meshgrid(minute_of_bar, strikes, indexing="ij")
    years = (dte + 1 - minute_of_bar / 375) / 365
    width = (18_000 * 0.15 * np.sqrt(years) * (1 + 0.1 * np.sin(minute_of_bar / 40)))[:, None]
    gap = future[:, None] - k
    time_value = width * np.exp(-((gap / width) ** 2) / 2) / 2.5 + 1
    closes = {"ce": np.maximum(gap, 0) + time_value, "pe": np.maximum(-gap, 0) + time_value}
    data: dict[str, object] = {}
    keep = rng.random(t.size) >= gaps
    ts = np.datetime64(day, "us") + ((555 + t.ravel()[keep]) * 60_000_000 - 330 * 60_000_000).astype("timedelta64[us]")
    data["ts"] = pa.array(ts).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Asia/Kolkata"))
    data["expiry"] = pa.array([day + timedelta(days=dte)] * int(keep.sum()))
    data["strike"] = k.ravel()[keep] * scale
    data["spot"] = np.repeat(future - 20, strikes.size)[keep] * scale
    for leg, close in closes.items():
        noise = np.exp(0.004 * rng.standard_normal((2, *close.shape)))
        prices = np.round(np.stack([close * noise[0], close, close, close * noise[1]]) * 20) / 20
        prices[1], prices[2] = prices.max(axis=0) + 0.05, np.maximum(prices.min(axis=0) - 0.05, 0.05)
        for name, values in zip(COLUMNS, prices, strict=True):
            data[f"{leg}_{name}"] = values.ravel()[keep] * scale
        data[f"{leg}_volume"] = rng.integers(0, 40, close.size)[keep] * 50
        data[f"{leg}_oi"] = rng.integers(1000, 90_000, close.size)[keep] * 50
        data[f"{leg}_iv"] = np.full(int(keep.sum()), 0.15)
    whole = np.repeat(future, strikes.size)[keep] * scale
    for name, shift in zip(COLUMNS, (0.5, 3.0, -3.0, 0.0), strict=True):
        data[f"future_{name}"] = whole + shift * scale
    data["future_volume"] = np.repeat(rng.integers(1, 400, bars) * 50, strikes.size)[keep]
    # a walk of its own: nothing else of a seed's session changes with it
    steps = np.random.default_rng(seed + 10_000).integers(-400, 401, bars) * 50 * (minute_of_bar % 3 == 0)
    data["future_oi"] = np.repeat(9_000_000 + np.cumsum(steps), strikes.size)[keep]
    return pa.table(data).replace_schema_metadata({b"symbol": b"NIFTY", b"underlying": kind.encode()})


@dataclass
class Market:
    """Sessions with the contexts that lead to each: ``cores[i]`` was preceded by ``contexts[:i]``."""

    sessions: list[Session] = field(default_factory=list)
    cores: list[pa.Table] = field(default_factory=list)
    contexts: list[DailyContext] = field(default_factory=list)


MONDAY = date(2022, 11, 14)


@pytest.fixture(scope="session")
def build_market() -> Callable[..., Market]:
    """Builds a market of consecutive sessions."""

    def build(days: int, *, scale: float = 1.0, kind: str = "future") -> Market:
        market = Market()
        for i in range(days):
            session = Session(MONDAY + timedelta(days=i + 2 * (i // 5)), "ordinary", (ORDINARY_WINDOW,))
            core = core_table(session.trade_date, seed=i, scale=scale, kind=kind, dte=(9 - i) % 7)
            chain = OptionChainDay.from_core(core, session, strike_step=STEP * scale)
            previous = market.contexts[-1] if market.contexts else None
            market.sessions.append(session)
            market.cores.append(core)
            market.contexts.append(daily_context(chain, previous))
        return market

    return build


@pytest.fixture(scope="session")
def market(build_market: Callable[..., Market]) -> Market:
    """Seven consecutive sessions with a listed future."""
    return build_market(7)


@pytest.fixture(scope="session")
def world() -> World:
    """Ten sessions of three expiries with all eight components run over them."""
    return World()
