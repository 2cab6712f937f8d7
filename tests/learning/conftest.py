"""A small synthetic market whose labels, and what the features say of them, are known by construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from schemas.tables import IST_TIMESTAMP, REGIMES

SESSION_BARS = 75
DIRECTIONS = ("down", "flat", "up")
VOLATILITIES = ("low", "mid", "high")


@dataclass(frozen=True)
class Synthetic:
    """Features and labels of some sessions; ``now`` after everything is known."""

    features: pa.Table
    labels: pa.Table
    truth: pa.Table
    now: datetime


def weekdays(n: int) -> list[date]:
    """The first n weekdays from 2025-06-02 (a Monday)."""
    days, day = [], date(2025, 6, 2)
    while len(days) < n:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


def stamps(moments: list[datetime]) -> pa.Array:
    """Naive IST moments as the platform's timestamps."""
    utc = [m - timedelta(hours=5, minutes=30) for m in moments]
    return pa.array(utc, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")).cast(IST_TIMESTAMP)


def make_market(
    *,
    sessions: int = 16,
    symbols: tuple[str, ...] = ("NIFTY", "BANKNIFTY"),
    bars: int = SESSION_BARS,
    ahead: int = 12,
    columns: int = 6,
    signal: float = 0.0,
    leak: bool = False,
    stay: float = 0.95,
    seed: int = 5,
) -> Synthetic:
    """Labels are a Markov chain that stays with probability ``stay``; they are known ``ahead`` bars later.

    The first feature is ``signal`` x class + noise; with ``leak`` a column holds the class itself. The others are
    noise. The last ``ahead`` bars of a session have no label.
    """
    rng = np.random.default_rng(seed)
    days = weekdays(sessions)
    event: list[datetime] = []
    names: list[str] = []
    codes: list[int] = []
    usable: list[bool] = []
    for symbol in symbols:
        state = int(rng.integers(8))
        for day in days:
            for bar in range(bars):
                if rng.random() > stay:
                    state = int(rng.integers(8))
                event.append(datetime(day.year, day.month, day.day, 9, 19) + timedelta(minutes=5 * bar))
                names.append(symbol)
                codes.append(state)
                usable.append(bar < bars - ahead)
    y, has = np.array(codes), np.array(usable)
    n = y.size
    table: dict[str, pa.Array] = {
        "symbol": pa.array(names),
        "event_ts": stamps(event),
        "known_ts": stamps([e + timedelta(minutes=1) for e in event]),
        "dte": pa.array((np.arange(n) // bars) % 12, pa.float64()),
        "c1_ema_first": pa.array(signal * y + rng.normal(size=n)),
        "c1_ema_second": pa.array(signal * (y % 3) + rng.normal(size=n)),
    }
    for k in range(columns - 2):
        noise = rng.normal(size=n)
        noise[rng.random(n) < 0.05] = np.nan
        table[f"c1_vwap_noise_{k}"] = pa.array(noise)
    if leak:
        table["c1_ema_leak"] = pa.array(y.astype(float))
    keep = np.flatnonzero(has)
    sigma = np.exp(-6 + 0.3 * (y % 3) + 0.05 * rng.normal(size=n))
    labels = pa.table(
        {
            "symbol": pa.array([names[i] for i in keep]),
            "event_ts": stamps([event[i] for i in keep]),
            "known_ts": stamps([event[i] + timedelta(minutes=5 * ahead + 1) for i in keep]),
            "label": pa.array([REGIMES[y[i]] for i in keep]),
            "volatility_label": pa.array([VOLATILITIES[y[i] % 3] for i in keep]),
            "direction_label": pa.array([DIRECTIONS[y[i] // 3] for i in keep]),
            "sigma_f": pa.array(sigma[keep]),
            "label_schema_version": pa.array(["1.test"] * keep.size),
        }
    )
    truth = pa.table(
        {
            "symbol": pa.array(names),
            "event_ts": stamps(event),
            "regime": pa.array([REGIMES[code] for code in y]),
        }
    )
    return Synthetic(pa.table(table), labels, truth, datetime(2027, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="session")
def market() -> Callable[..., Synthetic]:
    """The generator, so that every test states the market it wants."""
    return make_market
