"""A small simulated market in a lake: planted regimes, a session's bars, features that say something of the regime."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from schemas.tables import IST_TIMESTAMP, REGIMES

SYMBOL = "NIFTY"
BARS = 75
OPEN = 555


def stamps(moments: list[datetime]) -> pa.Array:
    """Naive IST moments as the platform's timestamps."""
    utc = [m - timedelta(hours=5, minutes=30) for m in moments]
    return pa.array(utc, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")).cast(IST_TIMESTAMP)


@dataclass(frozen=True)
class SimulatedDay:
    """One symbol-day as it lies in the lake."""

    partition: Partition
    context: pa.Table
    features: pa.Table
    truth: pa.Table

    def put(self, lake: Lake, *, bars: int = BARS) -> None:
        """Publish what is known after so many bars; the truth is there in whole, as the simulator writes it."""
        row = self.context.to_pylist()[0]
        cut = {name: [row[name][:bars]] if name.startswith("bar5_") else [row[name]] for name in row}
        lake.publish("core/daily_context", self.partition, pa.table(cut))
        lake.publish("features/c1_triple_straddle", self.partition, self.features.slice(0, bars))
        lake.publish("simulator/truth", self.partition, self.truth)


def simulate(sessions: int, *, noise: float = 0.3, seed: int = 11) -> list[SimulatedDay]:
    """NIFTY from July 2024: regimes that hold for an hour or two, and three features that tell which, with noise."""
    rng = np.random.default_rng(seed)
    days = nse_calendar().between(date(2024, 7, 1), date(2024, 12, 31))[:sessions]
    made, price = [], 24000.0
    for day in days:
        codes = np.repeat(rng.integers(0, 8, 5), 15)
        returns = rng.normal(size=BARS) * 0.0006 * (1 + codes % 3)
        closes = price * np.exp(np.cumsum(returns))
        price = float(closes[-1])
        begins = [datetime(day.year, day.month, day.day) + timedelta(minutes=OPEN + 5 * k) for k in range(BARS)]
        closed = [at + timedelta(minutes=5) for at in begins]
        partition = Partition(SYMBOL, day)
        context = pa.table(
            {
                "symbol": [SYMBOL],
                "trade_date": [day],
                "underlying": ["spot"],
                "bar5_minute": [[OPEN + 5 * k for k in range(BARS)]],
                "bar5_underlying_close": [closes.tolist()],
                "bar5_straddle_return": [rng.normal(0, 0.01, BARS).tolist()],
                "bar5_atm_iv": [(0.12 + rng.normal(0, 0.001, BARS)).tolist()],
            }
        )
        keys = {"symbol": pa.array([SYMBOL] * BARS), "event_ts": stamps(begins), "known_ts": stamps(closed)}
        features = pa.table(
            keys
            | {
                "dte": pa.array([3] * BARS, pa.int32()),
                "c1_ema_first": pa.array((codes & 1) + noise * rng.normal(size=BARS)),
                "c1_vwap_second": pa.array((codes >> 1 & 1) + noise * rng.normal(size=BARS)),
                "c1_pivot_third": pa.array((codes >> 2 & 1) + noise * rng.normal(size=BARS)),
                "score": pa.array(np.tanh(rng.normal(size=BARS))),
                "confidence": pa.array(np.full(BARS, 0.7)),
                "health": pa.array(["healthy"] * BARS),
            }
        )
        truth = pa.table(keys | {"regime": pa.array([REGIMES[code] for code in codes])})
        made.append(SimulatedDay(partition, context, features, truth))
    return made


@pytest.fixture(scope="session")
def days() -> list[SimulatedDay]:
    """Seventeen sessions."""
    return simulate(17)
