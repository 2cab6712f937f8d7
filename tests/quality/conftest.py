"""A small, arbitrage-free chain to break one value at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import polars as pl
import pyarrow as pa
import pytest

from mr_platform.market.sessions import IST, Session
from schemas.tables import CORE_OPTION_CHAIN

DAY = date(2026, 11, 19)
EXPIRY = date(2026, 11, 24)
FORWARD = 24_010.0


def short_session(minutes: int = 10) -> Session:
    """A session of ``minutes`` bars from 09:15."""
    end = (datetime.combine(DAY, time(9, 15)) + timedelta(minutes=minutes)).time()
    return Session(DAY, "special", ((time(9, 15), end),))


def small_chain(minutes: int = 10, strikes: int = 21, expiry: date = EXPIRY) -> pl.DataFrame:
    """Bars of core/option_chain with bar_row: forward 24,010, strikes 50 apart, moving each minute."""
    rows = []
    for minute in range(minutes):
        start = datetime.combine(DAY, time(9, 15), tzinfo=IST) + timedelta(minutes=minute)
        forward = FORWARD + minute
        for offset in range(strikes):
            strike = 24_000.0 + 50.0 * (offset - strikes // 2)
            extrinsic = 150.0 / (1.0 + abs(strike - forward) / 200.0)
            call, put = max(forward - strike, 0.0) + extrinsic, max(strike - forward, 0.0) + extrinsic
            row: dict[str, object] = dict.fromkeys(CORE_OPTION_CHAIN.arrow().names)
            row |= {
                "symbol": "NIFTY",
                "ts": start,
                "expiry": expiry,
                "strike": strike,
                "dte": (expiry - DAY).days,
                "spot": forward - 5.0,
                "snapshot_made": False,
                "raw_rows": 2,
                "known_ts": start + timedelta(minutes=1),
            }
            for side, price, sign in (("ce", call, 1.0), ("pe", put, -1.0)):
                row |= {
                    f"{side}_open": price - 1.0,
                    f"{side}_high": price + 2.0,
                    f"{side}_low": price - 2.0,
                    f"{side}_close": price,
                    f"{side}_volume": 750,
                    f"{side}_oi": 75_000 + 75 * minute,
                    f"{side}_iv": 0.12,
                    f"{side}_delta": 0.5 * sign,
                    f"{side}_gamma": 0.001,
                }
            rows.append(row)
    table = pa.Table.from_pylist(rows, schema=CORE_OPTION_CHAIN.arrow())
    frame = pl.DataFrame(pl.from_arrow(table))
    return frame.with_columns(pl.int_range(frame.height, dtype=pl.Int64).alias("bar_row"))


def with_values(frame: pl.DataFrame, row: int, **values: object) -> pl.DataFrame:
    """The frame with the given values in one row."""
    here = pl.col("bar_row") == row
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, dtype=frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


@pytest.fixture
def session() -> Callable[..., Session]:
    """Maker of a session of the given minutes."""
    return short_session


@pytest.fixture
def chain() -> Callable[..., pl.DataFrame]:
    """Maker of a clean chain."""
    return small_chain


@pytest.fixture
def put_at() -> Callable[..., pl.DataFrame]:
    """Setter of values in one row."""
    return with_values
