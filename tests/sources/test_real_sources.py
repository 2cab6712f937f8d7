"""Real published data, one profile a folder; skipped by name where the data is not beside the checkout."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from mr_platform.errors import SourceError
from mr_platform.lake.store import Lake
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.sources.bars import Bars, to_bars
from mr_platform.sources.core import CoreResult, build_core
from mr_platform.sources.index import build_index_bars
from mr_platform.sources.ingest import ingest
from mr_platform.sources.profile import load_profile
from mr_platform.sources.tabular import RawDay, fitting_profiles, read_files, read_raw

BARS_DAY = "option_bars_2022-11/bars_1min/2022-11-01.parquet"
FULL_DAY = "chain_full_day_2025-08-29"


def day_of(folder: Path, profile: str, symbol: str, day: date | None = None) -> RawDay:
    (found,) = read_raw(load_profile(profile), [folder], symbol=symbol, trade_date=day)
    return found


def bars_of(day: RawDay, as_of: datetime | None = None) -> Bars:
    session = nse_calendar().session(day.trade_date)
    return to_bars(day.table, load_profile(day.source), session, instrument(day.symbol), as_of=as_of)


def core_of(day: RawDay) -> CoreResult:
    return build_core([day.table], nse_calendar().session(day.trade_date), instrument(day.symbol))


def parity_forward(core: pa.Table, expiry: date) -> tuple[time, float]:
    """Median of K + C - P over the seven pairs nearest to the median of all, in the last bar."""
    frame = pl.from_arrow(core)
    last = frame.filter((pl.col("ts") == pl.col("ts").max()) & (pl.col("expiry") == expiry))
    pairs = last.with_columns((pl.col("strike") + pl.col("ce_close") - pl.col("pe_close")).alias("k")).drop_nulls("k")
    near = pairs.with_columns((pl.col("strike") - pairs["k"].median()).abs().alias("away")).sort("away").head(7)
    return frame["ts"].max().time(), near["k"].median()


@pytest.mark.parametrize(
    ("profile", "folder", "days", "rows", "refused"),
    [
        ("nse_bars_1min", BARS_DAY, 4, 245_801, 0),
        ("nse_snapshots_text", "chain_15min_2019", 102, 572_979, 0),
        ("nse_bars_15min", "option_15min_2025", 207, 196_818, 0),
        ("nse_contract_1min", "option_contracts", 14, 5_175, 3),
        ("nse_contract_5min", "option_contracts", 34, 7_427, 3),
        ("broker_index_1min", "option_contracts", 1, 375, 0),
        ("nse_snapshots_full", f"{FULL_DAY}/raw", 2, 29_187, 0),
        ("nse_snapshots_5min", "chain_5min_2026-01", 15, 128_582, 0),
        ("nse_snapshots_1min", "chain_1min_2026-08", 2, 32_997, 0),
        ("nse_website_download", "chain_nse_website_2026-05-26", 1, 288, 0),
        ("provider_option_bars", "option_ohlc_sample", 2, 499, 2),
        ("index_bars_end", "index_1min_2021_2022", 742, 300_939, 0),
        ("index_bars_end", "index_1min_2022-11", 28, 10_584, 0),
        ("index_bars_start", "index_1min_2024", 158, 60_878, 0),
        ("daily_index", "daily_2015_2024", 3, 7_373, 0),
        ("daily_index", "daily_2024_2026", 2, 485, 0),
    ],
)
def test_each_profile_reads_every_row_of_its_folder(shared_data, profile, folder, days, rows, refused) -> None:
    reading = read_files(load_profile(profile), [shared_data / folder])
    assert len(reading.days) == days
    assert sum(day.table.num_rows for day in reading.days) == rows
    assert len(reading.errors) == refused


@pytest.mark.slow
def test_the_bars_made_from_the_ticks_equal_the_given_ones(shared_data) -> None:
    given = read_raw(load_profile("nse_bars_1min"), [shared_data / BARS_DAY])
    ticks = read_raw(load_profile("nse_ticks"), [shared_data / "option_bars_2022-11/ticks_raw"])
    assert [day.symbol for day in given] == [day.symbol for day in ticks]
    for ours, theirs in zip(ticks, given, strict=True):
        made, stated = (bars_of(day).frame.drop("raw_rows") for day in (ours, theirs))
        assert made.height > 100
        assert made.equals(stated)


@pytest.mark.parametrize("symbol", ["NIFTY", "BANKNIFTY"])
def test_a_full_day_s_rows_are_all_accounted_for_inside_the_session(shared_data, symbol) -> None:
    day = day_of(shared_data / FULL_DAY / f"{symbol}_20250829.parquet", "nse_snapshots_full", symbol)
    result = core_of(day)
    assert day.table.num_rows == sum(result.core["raw_rows"].to_pylist()) + result.quarantine.num_rows
    clocks = {stamp.time() for stamp in result.core["ts"].unique().to_pylist()}
    assert min(clocks) == time(9, 22)
    assert max(clocks) == time(15, 27)
    assert set(result.core["snapshot_made"].to_pylist()) == {True}


def test_the_parity_forward_of_the_last_bar_is_the_market_s(shared_data) -> None:
    day = day_of(shared_data / FULL_DAY / "NIFTY_20250829.parquet", "nse_snapshots_full", "NIFTY")
    clock, forward = parity_forward(core_of(day).core, date(2025, 9, 2))
    assert clock == time(15, 27)
    assert forward == pytest.approx(24_467.6, abs=2.0)


@pytest.mark.parametrize("clock", [time(9, 30), time(10, 16), time(12, 0)])
def test_truncating_the_source_gives_what_a_stopped_clock_gives(shared_data, clock) -> None:
    day = day_of(shared_data / FULL_DAY / "BANKNIFTY_20250829.parquet", "nse_snapshots_full", "BANKNIFTY")
    until = datetime.combine(day.trade_date, clock)
    said = pl.from_arrow(day.table)["Fetch_Time"].str.to_datetime("%d-%b-%Y %H:%M:%S")
    cut = RawDay(day.symbol, day.trade_date, day.source, day.table.filter((said < until).to_arrow()))
    stopped = bars_of(day, until).frame
    assert stopped.equals(bars_of(cut, until).frame)
    whole = bars_of(day).frame
    assert stopped.equals(whole.filter(pl.col("known_ts").dt.replace_time_zone(None) <= until))


def test_after_hours_rows_make_no_bar_and_a_day_without_session_rows_is_empty(shared_data, lake: Lake) -> None:
    rows = ingest(lake, "nse_snapshots_5min", [shared_data / "chain_5min_2026-01"], symbol="NIFTY")
    assert [(row.date, row.status) for row in rows] == [
        ("2026-01-22", "ok"),
        ("2026-01-23", "empty"),
        ("2026-01-27", "ok"),
        ("2026-01-28", "ok"),
        ("2026-01-30", "ok"),
    ]
    assert all(row.raw_rows == row.core_rows + row.quarantined_rows for row in rows)
    for partition in lake.partitions("core/option_chain"):
        inside = set(nse_calendar().session(partition.trade_date).bar_minutes.tolist())
        stamps = lake.read("core/option_chain", partition)["ts"].to_pylist()
        assert {stamp.hour * 60 + stamp.minute for stamp in stamps} <= inside


def test_snapshots_of_a_session_without_price_or_spot_are_failed_calls(shared_data) -> None:
    day = day_of(shared_data / "chain_5min_2026-01", "nse_snapshots_5min", "NIFTY", date(2026, 1, 27))
    codes = dict(bars_of(day).refused["code"].value_counts().iter_rows())
    assert codes == {"failed_call": 194, "snapshot_repeated": 97, "ts_outside_session": 291}


def test_a_file_saved_again_by_a_spreadsheet_is_read(shared_data) -> None:
    folder = shared_data / "chain_5min_2026-01" / "raw"
    again = day_of(folder / "index_OC_2026-01-22_04-22.v2.csv", "nse_snapshots_5min", "NIFTY")
    assert again.trade_date == date(2026, 1, 22)
    assert again.table["timestamp"].to_pylist()[0] == "22-01-2026 04:22"
    assert set(bars_of(again).refused["code"].to_list()) == {"ts_outside_session"}


def test_the_database_file_and_the_parquet_file_tell_the_same(shared_data) -> None:
    day = day_of(shared_data / "chain_1min_2026-08", "nse_snapshots_1min", "NIFTY", date(2026, 8, 17))
    codes = dict(bars_of(day).refused["code"].value_counts().iter_rows())
    assert codes == {"snapshot_repeated": 415}


def test_iv_is_a_fraction_and_open_interest_counts_units(shared_data) -> None:
    day = day_of(shared_data / "chain_1min_2026-08" / "NIFTY_20260820.parquet", "nse_snapshots_1min", "NIFTY")
    said = pl.from_arrow(day.table)
    frame = bars_of(day).frame
    row = said.filter((pl.col("option_type") == "CE") & (pl.col("expiry") == "25-Aug-2026")).row(0, named=True)
    same = frame.filter((pl.col("expiry") == date(2026, 8, 25)) & (pl.col("strike") == row["strike"])).row(
        0, named=True
    )
    assert same["ce_iv"] == pytest.approx(row["iv"] / 100, abs=1e-12)
    assert same["ce_oi"] == row["oi"] * 65


def test_the_website_s_download_becomes_the_bars_of_its_two_minutes(shared_data) -> None:
    day = day_of(shared_data / "chain_nse_website_2026-05-26", "nse_website_download", "NIFTY")
    frame = bars_of(day).frame
    made = frame.filter(pl.col("raw_rows") > 0)
    assert made["ts"].dt.strftime("%H:%M").unique().sort().to_list() == ["10:33", "10:36"]
    atm = made.filter((pl.col("strike") == 24_000) & (pl.col("ts").dt.minute() == 33)).row(0, named=True)
    assert (atm["ce_close"], atm["pe_close"], atm["ce_iv"]) == (85.95, 24.75, pytest.approx(0.0731))


def test_a_holiday_s_stale_data_is_refused_by_the_calendar(shared_data, lake: Lake) -> None:
    path = shared_data / "chain_15min_2019"
    (row,) = ingest(lake, "nse_snapshots_text", [path], symbol="NIFTY", trade_date=date(2019, 6, 5))
    assert row.status == "refused"
    assert "exchange holiday" in row.reason
    assert lake.partitions("raw/option_chain") == []


def test_the_index_s_own_minutes_join_the_chain_s(shared_data) -> None:
    session = nse_calendar().session(date(2022, 11, 1))
    index = day_of(shared_data / "index_1min_2022-11", "index_bars_end", "NIFTY", session.trade_date)
    result = build_index_bars([index.table], session, "NIFTY")
    assert (result.bars.num_rows, result.quarantine.num_rows) == (375, 3)
    day = day_of(shared_data / BARS_DAY, "nse_bars_1min", "NIFTY")
    core = build_core([day.table], session, instrument("NIFTY"), index_bars=result.bars).core
    assert core["spot"].null_count == 0
    assert core.schema.metadata[b"underlying"] == b"future"


def test_the_file_s_name_is_trusted_where_its_column_is_wrong(shared_data) -> None:
    reading = read_files(load_profile("index_bars_start"), [shared_data / "index_1min_2024/raw"])
    assert {day.symbol for day in reading.days} == {"NIFTY", "BANKNIFTY"}
    saturday = next(day for day in reading.days if (day.symbol, day.trade_date) == ("BANKNIFTY", date(2024, 1, 20)))
    bars = build_index_bars([saturday.table], nse_calendar().session(date(2024, 1, 20)), "BANKNIFTY").bars
    assert bars["ts"].to_pylist()[-1].time() <= time(15, 29)


def test_a_contract_named_by_a_token_alone_is_refused_by_name(shared_data) -> None:
    with pytest.raises(SourceError, match="NSE_FO_57352"):
        read_raw(
            load_profile("broker_contract_1min"),
            [shared_data / "option_contracts/koshta_NSE_FO_57352_1min_2026-07-15.parquet"],
        )


def test_the_wrong_profile_for_a_real_file_names_the_right_one(shared_data) -> None:
    path = shared_data / FULL_DAY / "raw" / "NIFTY_20250829_092416.parquet"
    with pytest.raises(SourceError, match="nse_snapshots_full"):
        read_raw(load_profile("nse_bars_1min"), [path])
    assert fitting_profiles(pl.read_parquet_schema(path).names(), path) == ["nse_snapshots_full"]
