"""The dense symbol-day on real rows: a published chain's parity forward, and a session of one-minute bars."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from mr_platform.kernels.engine import engine
from mr_platform.market.chain import FUTURE_CLOSE, LEG_FIELDS, OptionChainDay
from mr_platform.market.rolling import rolling, strike_at
from mr_platform.market.sessions import nse_calendar
from schemas.tables import CORE_OPTION_CHAIN


def core_table(frame: pl.DataFrame, symbol: str, **metadata: str) -> pa.Table:
    """A core table of the frame's columns; the others null."""
    rows = frame.with_columns(pl.col("ts").dt.cast_time_unit("us").dt.replace_time_zone("Asia/Kolkata")).to_arrow()
    schema = CORE_OPTION_CHAIN.arrow()
    columns = [
        rows[f.name].cast(f.type) if f.name in rows.column_names else pa.nulls(len(rows), f.type) for f in schema
    ]
    return pa.table(columns, names=schema.names).replace_schema_metadata({"symbol": symbol, **metadata})


@pytest.fixture(scope="module")
def last_snapshot(shared_data: Path) -> OptionChainDay:
    """NIFTY's chain as the exchange showed it last on 2025-08-29."""
    frame = pl.read_parquet(shared_data / "chain_full_day_2025-08-29" / "NIFTY_20250829.parquet")
    moment = pl.col("Fetch_Time").str.to_datetime("%d-%b-%Y %H:%M:%S")
    frame = frame.with_columns(ts=moment).filter(pl.col("ts") == pl.col("ts").max())

    def given(name: str) -> pl.Expr:
        return pl.when(pl.col(name) > 0).then(pl.col(name))

    legs = (("ce", "CALLS"), ("pe", "PUTS"))
    frame = frame.unique(["Expiry_Date", "Strike_Price"]).select(
        pl.col("ts").dt.truncate("1m"),
        pl.col("Expiry_Date").str.to_date("%d-%b-%Y").alias("expiry"),
        pl.col("Strike_Price").cast(pl.Float64).alias("strike"),
        *(given(f"{side}_LTP").alias(f"{leg}_close") for leg, side in legs),
        *(given(f"{side}_IV").alias(f"{leg}_iv") / 100 for leg, side in legs),
    )
    return OptionChainDay.from_core(core_table(frame, "NIFTY"), nse_calendar().session(date(2025, 8, 29)))


def test_the_parity_forward_of_a_published_chain(last_snapshot: OptionChainDay) -> None:
    view = rolling(last_snapshot)
    minute = int(np.flatnonzero(last_snapshot.seen_minutes[0])[0])
    e = int(view.nearest[0, minute])
    assert last_snapshot.expiries[e] == np.datetime64("2025-09-02") and last_snapshot.minutes[minute] == 15 * 60 + 27
    assert abs(view.forward[0, minute, e] - 24_467.6) < 2
    assert last_snapshot.strikes[view.atm[0, minute, e]] == 24_450


def test_implied_volatility_near_the_money_is_the_published_one(last_snapshot: OptionChainDay) -> None:
    chain, view = last_snapshot, rolling(last_snapshot)
    minute = int(np.flatnonzero(chain.seen_minutes[0])[0])
    found = engine("cpu").black76.chain_implied_volatility(chain.close, view.forward, chain.strikes, chain.years[None])
    at, e = view.atm[0, minute, 0], 0
    near = np.s_[0, minute, e, at - 5 : at + 6]
    assert np.nanmedian(np.abs(found[near] - chain.iv[near])) < 0.01


@pytest.fixture(scope="module")
def session_bars(shared_data: Path) -> pa.Table:
    """BANKNIFTY's one-minute bars of 2022-11-01 with the near future beside them."""
    frame = pl.read_parquet(shared_data / "option_bars_2022-11" / "bars_1min" / "2022-11-01.parquet")
    frame = frame.with_columns(
        pl.col("symbol").cast(pl.String), ts=pl.lit(date(2022, 11, 1)).dt.combine(pl.col("bar_start"))
    )
    frame = frame.filter(pl.col("ts").dt.time() < pl.time(15, 30))
    parts = pl.col("symbol").str.extract_groups(r"^BANKNIFTY(?<day>\d{6})(?<strike>\d+)(?<leg>CE|PE)$")
    options = frame.with_columns(parts.alias("of")).unnest("of").filter(pl.col("leg").is_not_null())
    sides = []
    for leg in ("CE", "PE"):
        sides.append(
            options.filter(pl.col("leg") == leg).select(
                "ts",
                pl.col("day").str.to_date("%y%m%d").alias("expiry"),
                pl.col("strike").cast(pl.Float64),
                *(pl.col(f).alias(f"{leg.lower()}_{f}") for f in LEG_FIELDS[:-1]),
            )
        )
    future = frame.filter(pl.col("symbol") == "BANKNIFTY-I").select(
        "ts", *(pl.col(f).alias(f"future_{f}") for f in LEG_FIELDS[:-1])
    )
    rows = sides[0].join(sides[1], on=["ts", "expiry", "strike"], how="full", coalesce=True)
    return core_table(rows.join(future, on="ts", how="left"), "BANKNIFTY", underlying="future")


def test_a_whole_session_is_found_in_any_order_and_without_looking_ahead(session_bars: pa.Table) -> None:
    session = nse_calendar().session(date(2022, 11, 1))
    chain = OptionChainDay.from_core(session_bars, session)
    assert chain.seen_minutes.all() and chain.minutes.size == 375 and chain.strike_step == 100
    assert np.nansum(chain.volume) == sum(
        np.nansum(session_bars[name].to_numpy()[_within(session_bars, 95)]) for name in ("ce_volume", "pe_volume")
    )
    order = np.random.default_rng(0).permutation(len(session_bars))
    shuffled = OptionChainDay.from_core(session_bars.take(pa.array(order)), session)
    for field in (*LEG_FIELDS, "future", "present"):
        assert getattr(chain, field).tobytes() == getattr(shuffled, field).tobytes(), field
    view = rolling(chain)
    for until in (9 * 60 + 15, 9 * 60 + 47, 13 * 60):
        cut = rolling(chain.until(until))
        for name, prefix in vars(view.until(cut.forward.shape[1])).items():
            assert np.ascontiguousarray(prefix).tobytes() == getattr(cut, name).tobytes(), (until, name)


def test_a_whole_session_is_the_same_in_both_implementations(session_bars: pa.Table) -> None:
    chain = OptionChainDay.from_core(session_bars, nse_calendar().session(date(2022, 11, 1))).until(9 * 60 + 45)
    one, other = rolling(chain, using=engine("reference")), rolling(chain, using=engine("cpu"))
    for name in vars(one):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_the_nearest_expirys_forward_stays_by_the_future(session_bars: pa.Table) -> None:
    """Different expiries, so not equal; but the difference is the cost of carry, which no minute may jump out of."""
    chain = OptionChainDay.from_core(session_bars, nse_calendar().session(date(2022, 11, 1)))
    view = rolling(chain)
    assert (view.nearest == 0).all() and chain.expiries[0] == np.datetime64("2022-11-03")
    carry = view.forward[0, :, 0] - chain.future[0, :, FUTURE_CLOSE]
    assert np.nanmax(np.abs(carry - np.nanmedian(carry))) < 30
    assert np.mean(strike_at(chain, view, -1)[0, :, 0] >= 0) == 1


def _within(table: pa.Table, days: int) -> np.ndarray:
    expiries = table["expiry"].cast(pa.int32()).to_numpy()
    near = np.unique(expiries[expiries <= np.datetime64("2022-11-01", "D").astype(int) + days])
    return np.isin(expiries, near[:8])
