"""Synthetic options on a given index path: the path is kept exactly, the rest behaves."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from mr_platform.errors import CalendarError, DataError
from mr_platform.lake.digest import table_digest
from mr_platform.market.simulator.index_driven import simulate_on_path, steps_of_bars
from mr_platform.market.simulator.parameters import load_embedded_market
from schemas.tables import IST_TIMESTAMP

IST = ZoneInfo("Asia/Kolkata")


def _bars(day: date, prices: np.ndarray, minutes: np.ndarray | None = None) -> pa.Table:
    minutes = np.arange(len(prices)) if minutes is None else minutes
    opened = datetime(day.year, day.month, day.day, 9, 15, tzinfo=IST)
    stamps = pa.array([opened + timedelta(minutes=int(m)) for m in minutes], IST_TIMESTAMP)
    return pa.table([stamps, *prices.T], names=["ts", "open", "high", "low", "close"])


def _walk(seed: int = 3, level: float = 22_000.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    close = level * np.exp(np.cumsum(rng.normal(0, 2.5e-4, 375)))
    opened = np.concatenate([[level], close[:-1]])
    high = np.maximum(opened, close) * (1 + np.abs(rng.normal(0, 5e-5, 375)))
    low = np.minimum(opened, close) * (1 - np.abs(rng.normal(0, 5e-5, 375)))
    return np.column_stack([opened, high, low, close])


VIX = pa.table({"trade_date": pa.array([date(2024, 7, 5)], pa.date32()), "close": [13.0]})


def test_steps_visit_open_low_high_close_of_a_rising_bar_and_open_high_low_close_of_a_falling_one() -> None:
    steps = steps_of_bars(np.array([[10.0, 14.0, 8.0, 12.0], [12.0, 13.0, 9.0, 10.0]])).reshape(2, 12)
    assert steps[0, [0, 4, 8, 11]].tolist() == [10.0, 8.0, 14.0, 12.0]
    assert steps[1, [0, 4, 8, 11]].tolist() == [12.0, 13.0, 9.0, 10.0]
    assert steps[0, 2] == 9.0
    assert steps.max(axis=1).tolist() == [14.0, 13.0]
    assert steps.min(axis=1).tolist() == [8.0, 9.0]


def test_spot_is_the_given_index_and_the_rest_of_the_day_does_not_reach_back() -> None:
    config, day, prices = load_embedded_market(), date(2024, 7, 8), _walk()
    (made,) = simulate_on_path(config, symbol="NIFTY", index_bars=_bars(day, prices), daily_vix=VIX, seed=1)
    rows = pl.from_arrow(made.table).filter(pl.col("spot") > 0)
    minute = (rows["trade_time"].dt.hour().cast(pl.Int32) * 60 + rows["trade_time"].dt.minute() - 555).to_numpy()
    assert np.array_equal(rows["spot"].to_numpy(), np.round(prices[minute, 3], 2))
    assert made.truth.num_rows == 0
    assert made.truth.column_names[:2] == ["symbol", "event_ts"]
    (again,) = simulate_on_path(config, symbol="NIFTY", index_bars=_bars(day, prices), daily_vix=VIX, seed=1)
    assert table_digest(again.table) == table_digest(made.table)
    moved = prices.copy()
    moved[200:] *= 1.01
    (other,) = simulate_on_path(config, symbol="NIFTY", index_bars=_bars(day, moved), daily_vix=VIX, seed=1)
    ivs = []
    for table in (made.table, other.table):
        frame = pl.from_arrow(table).filter(pl.col("trade_time") < pl.time(12, 30))
        ivs.append(frame.filter(pl.col("call_strike_type") == "ATM").select("ce_close", "pe_close", "ce_iv"))
    assert ivs[0].equals(ivs[1])


def test_implied_volatility_starts_at_the_volatility_index_and_rises_in_a_fall() -> None:
    config, day = load_embedded_market(), date(2024, 7, 8)
    calm = _walk()
    crash = calm * np.linspace(1.0, 0.97, 375)[:, None]

    def level(prices: np.ndarray) -> tuple[float, float]:
        (made,) = simulate_on_path(config, symbol="NIFTY", index_bars=_bars(day, prices), daily_vix=VIX, seed=1)
        month = pl.from_arrow(made.table).filter(pl.col("expiry_bucket") == "CM", pl.col("call_strike_type") == "ATM")
        iv = month.filter(pl.col("ce_iv").is_between(0.02, 1.0)).sort("trade_time")["ce_iv"]
        return float(iv[0]), float(iv[-1])

    first, last = level(calm)
    assert 0.10 < first < 0.16
    assert level(crash)[1] > last * 1.08


def test_missing_minutes_stay_flat_and_what_cannot_be_simulated_is_named() -> None:
    config, day, prices = load_embedded_market(), date(2024, 7, 8), _walk()
    kept = np.array([m for m in range(375) if not 100 <= m < 130])
    bars = _bars(day, prices[kept], kept)
    (made,) = simulate_on_path(config, symbol="NIFTY", index_bars=bars, daily_vix=VIX, seed=1)
    rows = pl.from_arrow(made.table).filter(pl.col("trade_time") == pl.time(11, 10), pl.col("spot") > 0)
    assert rows["spot"][0] == round(prices[99, 3], 2)
    with pytest.raises(DataError, match="close before the session"):
        list(
            simulate_on_path(config, symbol="NIFTY", index_bars=_bars(date(2024, 7, 5), prices), daily_vix=VIX, seed=1)
        )
    with pytest.raises(CalendarError, match="2024-07-06"):
        list(
            simulate_on_path(config, symbol="NIFTY", index_bars=_bars(date(2024, 7, 6), prices), daily_vix=VIX, seed=1)
        )


def test_real_index_sessions_give_plausible_chains(shared_data: Path) -> None:
    config = load_embedded_market()
    real = pl.read_parquet(shared_data / "index_1min_2024" / "BANKNIFTY_file_2024-01_2024-04.parquet")
    chosen = real.filter(pl.col("Date").is_in(["20240116", "20240117", "20240302"])).with_columns(
        ts=pl.concat_str("Date", "Time", separator=" ")
        .str.to_datetime("%Y%m%d %H:%M", time_unit="us")
        .dt.replace_time_zone("Asia/Kolkata")
    )
    bars = chosen.select("ts", open="Open", high="High", low="Low", close="Close").to_arrow()
    vix = pl.read_csv(shared_data / "daily_2015_2024" / "india_vix.csv.gz").select(
        trade_date=pl.col("date").str.to_date(), close=pl.col("india_vix")
    )
    days = list(
        simulate_on_path(config, symbol="BANKNIFTY", index_bars=bars, daily_vix=vix.drop_nulls().to_arrow(), seed=5)
    )
    assert [str(day.trade_date) for day in days] == ["2024-01-16", "2024-01-17", "2024-03-02"]
    # the crash of the 17th (about 4 %) lifts implied volatility; the Saturday of March has two short windows
    ivs = []
    for day in days:
        rows = pl.from_arrow(day.table)
        month = rows.filter(pl.col("expiry_bucket") == "CM", pl.col("call_strike_type") == "ATM")
        ivs.append(month.filter(pl.col("ce_iv").is_between(0.02, 1.0))["ce_iv"].median())
    assert 0.10 < ivs[0] < ivs[1] < 0.40
    assert set(pl.from_arrow(days[2].table)["trade_time"].dt.hour()) == {9, 11, 12}
    assert days[2].daily_bars.filter(pa.compute.equal(days[2].daily_bars["symbol"], "BANKNIFTY")).num_rows == 2
