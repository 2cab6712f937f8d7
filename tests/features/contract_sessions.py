"""The sessions that every component is held to: a chain of three expiries with smiles, walks, gaps and odd days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtr

from mr_platform.features.context import daily_context
from mr_platform.features.engine import FeatureStream
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import CHAIN_READ, Components, Run, run_components
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import ORDINARY_WINDOW, Session

Floats = NDArray[np.float64]
STEP = 50.0
LEVEL = 18_000.0
BARS = ("open", "high", "low", "close")
PARTS = ("values", "score", "confidence", "health")
MUHURAT_WINDOW = (time(18, 15), time(19, 15))


@dataclass(frozen=True)
class Plan:
    """What a session is like: its date, days to the nearest expiry, and what is odd about it."""

    day: date
    dte: int
    window: tuple[time, time] = ORDINARY_WINDOW
    kind: str = "future"
    silent: tuple[int, ...] = ()
    """Bars in which nothing was received."""

    @property
    def session(self) -> Session:
        return Session(self.day, "muhurat" if self.window == MUHURAT_WINDOW else "ordinary", (self.window,))


FIRST, HOLED, EXPIRY, MONDAY, LEARNED, MUHURAT, OTHER_KIND = 0, 2, 3, 5, 6, 7, 8
PLANS = (
    Plan(date(2022, 11, 14), 2),
    Plan(date(2022, 11, 15), 2),
    Plan(date(2022, 11, 16), 2, silent=(*range(8), *range(60, 85), 200)),
    Plan(date(2022, 11, 17), 0),
    Plan(date(2022, 11, 18), 6),
    Plan(date(2022, 11, 21), 2),
    Plan(date(2022, 11, 22), 2),
    Plan(date(2022, 11, 23), 1, MUHURAT_WINDOW),
    Plan(date(2022, 11, 24), 0, kind="spot"),
    Plan(date(2022, 12, 1), 0),
)
"""A first session; one with outages; an expiry day; the fifth at two days to expiry; an evening of sixty bars; one
without the listed future; one after a week without trading."""
MONTHLY = date(2022, 12, 29)
"""The far expiry of all of them."""


class Remembered:
    """The part of a daily context that components read of their own: what the session before handed on."""

    def __init__(self, memory: Mapping[str, Floats]) -> None:
        self.memory = memory


def core_of(plan: Plan, seed: int, *, scale: float = 1.0, gaps: float = 0.03) -> pa.Table:
    """core/option_chain of the session: 41 strikes around a walking future, a share of the rows missing."""
    rng = np.random.default_rng(seed)
    minutes = plan.session.bar_minutes
    n = minutes.size
    future = np.round((LEVEL + 80 * rng.standard_normal() + np.cumsum(6 * rng.standard_normal(n))) * 20) / 20
    strikes = LEVEL + STEP * np.arange(-20, 21)
    days = np.array([plan.dte, plan.dte + 7, (MONTHLY - plan.day).days])
    shape = (n, days.size, strikes.size)
    years = (days[None, :, None] + ((minutes[-1] + 1 - minutes) / 1440)[:, None, None]) / 365
    forward = future[:, None, None] + np.array([0.0, 20.0, 70.0])[None, :, None]
    moneyness = np.log(strikes / forward) / np.sqrt(years)
    level = 0.15 + np.array([0.0, -0.004, 0.004]) + np.cumsum(0.0004 * rng.standard_normal((n, 3)), axis=0)
    slope = -0.08 + np.cumsum(0.003 * rng.standard_normal((n, 3)), axis=0)
    iv = np.clip(np.maximum(level, 0.08)[:, :, None] + slope[:, :, None] * moneyness + 0.4 * moneyness**2, 0.05, 0.9)
    deviation = iv * np.sqrt(years)
    d1 = (np.log(forward / strikes) + deviation**2 / 2) / deviation
    call = forward * ndtr(d1) - strikes * ndtr(d1 - deviation)
    keep = rng.random(shape) >= gaps
    keep[list(plan.silent)] = False
    of_minute, of_expiry, of_strike = (index[keep] for index in np.indices(shape))
    local = np.datetime64(plan.day, "us") + ((minutes[of_minute] - 330) * 60_000_000).astype("timedelta64[us]")
    data: dict[str, object] = {
        "ts": pa.array(local).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Asia/Kolkata")),
        "expiry": pa.array(np.datetime64(plan.day, "D") + days[of_expiry]).cast(pa.date32()),
        "strike": strikes[of_strike] * scale,
        "spot": (future - 20)[of_minute] * scale,
    }
    near = np.exp(-(((strikes - LEVEL) / 400) ** 2))[None, None, :]
    for leg, fair in (("ce", call), ("pe", call - forward + strikes)):
        prices = np.round(fair * np.exp(0.004 * rng.standard_normal((4, *shape))) * 20) / 20
        prices[1], prices[2] = prices.max(axis=0), prices.min(axis=0)
        for name, values in zip(BARS, np.maximum(prices, 0.05), strict=True):
            data[f"{leg}_{name}"] = values[keep] * scale
        data[f"{leg}_volume"] = 50 * np.floor(near * rng.gamma(0.8, 30, shape))[keep].astype(np.int64)
        walk = np.cumsum(rng.integers(-60, 66, shape) * (rng.random(shape) < 0.6), axis=0)
        together = np.exp(np.cumsum(0.01 * rng.standard_normal(n)))[:, None, None]
        held = (rng.integers(2_000, 30_000, shape[1:]) + walk) * together
        data[f"{leg}_oi"] = 50 * np.floor(np.maximum(held, 1))[keep].astype(np.int64)
        data[f"{leg}_iv"] = iv[keep]
    for name, shift in zip(BARS, (0.5, 3.0, -3.0, 0.0), strict=True):
        data[f"future_{name}"] = (future + shift)[of_minute] * scale
    data["future_volume"] = (rng.integers(1, 400, n) * 50)[of_minute]
    data["future_oi"] = (9_000_000 + np.cumsum(50 * rng.integers(-400, 401, n)))[of_minute]
    return pa.table(data).replace_schema_metadata({b"symbol": b"NIFTY", b"underlying": plan.kind.encode()})


def peer_of(plan: Plan, seed: int) -> Floats:
    """Closes of another index, bar by bar, some of them missing."""
    rng = np.random.default_rng(seed + 500)
    n = plan.session.n_bars
    closes = 42_000 + np.cumsum(15 * rng.standard_normal(n))
    return np.where(rng.random(n) < 0.02, np.nan, closes)


def index_days(scale: float = 1.0) -> pa.Table:
    """core/daily_bars of the 560 weekdays before the first session."""
    rng = np.random.default_rng(11)
    first = np.datetime64(PLANS[0].day, "D")
    days = np.busday_offset(first, np.arange(-560, 0))
    close = LEVEL - np.cumsum(rng.normal(0, 130, days.size)[::-1])[::-1]
    open_ = close + rng.normal(0, 60, days.size)
    reach = rng.gamma(4, 20, (2, days.size))
    columns = (open_, np.maximum(open_, close) + reach[0], np.minimum(open_, close) - reach[1], close)
    named = {name: values * scale for name, values in zip(BARS, columns, strict=True)}
    return pa.table({"trade_date": pa.array(days).cast(pa.date32()), **named})


def minutes_of(core: pa.Table) -> NDArray[np.int64]:
    """Minute of the day of each row."""
    found: NDArray[np.int64] = (core["ts"].cast(pa.int64()).to_numpy() // 60_000_000 + 330) % 1440
    return found


def compute(
    plan: Plan,
    core: pa.Table,
    previous: DailyContext | None,
    *,
    peer: Floats | None = None,
    ends: Sequence[int] = (),
    until: int | None = None,
    engine: str = "auto",
    components: Sequence[str] | None = None,
) -> tuple[OptionChainDay, Run]:
    """The session computed in pushes that end with the bars ``ends`` (counted from 1), the last with ``until``."""
    session = plan.session
    stream = FeatureStream(session, previous=previous, engine=engine, components=components)
    minute, before = minutes_of(core), -1
    for stop in (*ends, session.n_bars if until is None else until):
        last = int(session.bar_minutes[stop - 1])
        rows = core.filter(pa.array((minute > before) & (minute <= last)))
        stream.push(rows, until=last, peer=None if peer is None else peer[:stop])
        before = last
    return stream.so_far()


@dataclass(eq=False)
class World:
    """The sessions of ``PLANS`` one after another, each begun with the context that the one before it left."""

    scale: float = 1.0
    change: Callable[[pa.Table], pa.Table] = field(default=lambda core: core)
    """What happens to the rows of every session before they are read."""
    length: int = len(PLANS)
    cores: list[pa.Table] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    contexts: list[DailyContext] = field(default_factory=list)

    def __post_init__(self) -> None:
        days = index_days(self.scale)
        for i, plan in enumerate(PLANS[: self.length]):
            self.cores.append(self.change(core_of(plan, i, scale=self.scale)))
            chain, run = self.again(i)
            self.runs.append(run)
            self.contexts.append(daily_context(chain, self.before(i), days, ran=run))

    def before(self, i: int) -> DailyContext | None:
        """The context that session ``i`` begins with."""
        return self.contexts[i - 1] if i else None

    def again(self, i: int, core: pa.Table | None = None, **how: Any) -> tuple[OptionChainDay, Run]:
        """Session ``i`` computed once more, from other rows or in another way."""
        before = how.pop("previous", self.before(i))
        return compute(PLANS[i], self.cores[i] if core is None else core, before, peer=peer_of(PLANS[i], i), **how)

    def cut(self, i: int, bars: int, components: Components) -> Run:
        """Session ``i`` as one of ``bars`` minutes, by components of any engine on inputs by the compiled kernels."""
        plan = PLANS[i]
        first = datetime.combine(plan.day, plan.window[0])
        session = Session(plan.day, "ordinary", ((first.time(), (first + timedelta(minutes=bars)).time()),))
        core = self.cores[i].filter(pa.array(minutes_of(self.cores[i]) <= session.bar_minutes[-1]))
        chain = OptionChainDay.from_core(core, session, strike_step=STEP * self.scale, **CHAIN_READ)
        return run_components(components, chain, previous=self.before(i), peer=peer_of(plan, i)[:bars], engine="cpu")

    def values(self, key: str) -> Floats:
        """The features of all sessions, one below another."""
        return np.vstack([run.outputs[key].values for run in self.runs])
