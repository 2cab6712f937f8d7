"""Files as people and machines bend them: the same rows in other clothes, and rows that no rule foresaw."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.sources.ingest import CHAIN, QUARANTINE, ingest
from mr_platform.sources.observations import read_numbers

DAY, EXPIRY = date(2025, 6, 10), date(2025, 6, 12)
NIFTY = Partition("NIFTY", DAY)


def warehouse(first: time = time(9, 15), bars: int = 3) -> pl.DataFrame:
    """Three minutes of eleven strikes in the warehouse's layout, forward 24,250."""
    rows: list[dict[str, Any]] = []
    for at in range(bars):
        clock = (datetime.combine(DAY, first) + timedelta(minutes=at)).time()
        for strike in range(24_000, 24_501, 50):
            row: dict[str, Any] = {"trade_date": DAY, "trade_time": clock, "expiry_date": EXPIRY, "index_name": "NIFTY"}
            row |= {"spot": 24_245.0, "strike": float(strike)}
            for side, inner in (("ce", 24_250 - strike), ("pe", strike - 24_250)):
                price = max(inner, 0) + 80.0
                row |= {f"{side}_open": price - 1, f"{side}_high": price + 2, f"{side}_low": price - 2}
                row |= {f"{side}_close": price, f"{side}_volume": 750, f"{side}_oi": 75_000, f"{side}_iv": 0.12}
            rows.append(row)
    return pl.DataFrame(rows)


@pytest.fixture
def taken(tmp_path: Path) -> Callable[..., tuple[pl.DataFrame, Counter[str]]]:
    """Ingest a frame as a file; the core chain and the quarantine's codes."""

    def take(rows: pl.DataFrame, *, name: str = "day.parquet", home: str = "lake") -> tuple[pl.DataFrame, Counter[str]]:
        lake, path = Lake(tmp_path / home), tmp_path / name
        rows.write_csv(path) if name.endswith("csv") else rows.write_parquet(path)
        (said,) = ingest(lake, "platform_chain", [path])
        assert said.raw_rows == said.core_rows + said.quarantined_rows > 0, said.reason
        core = pl.DataFrame(pl.from_arrow(lake.read(CHAIN, NIFTY)))
        return core, Counter(lake.read(QUARANTINE, NIFTY)["code"].to_pylist())

    return take


CLOCK = pl.col("trade_time")
STAMP = pl.col("trade_date").dt.combine(CLOCK)
NUMBER = (CLOCK.dt.hour().cast(pl.Int64) * 100 + CLOCK.dt.minute()) * 100
CLOTHES: dict[str, list[pl.Expr]] = {
    "number": [NUMBER.alias("trade_time")],
    "float number": [NUMBER.cast(pl.Float64).alias("trade_time")],
    "hour and minute": [CLOCK.dt.strftime("%H:%M")],
    "timestamp": [STAMP.alias("trade_time")],
    "utc": [STAMP.dt.replace_time_zone("Asia/Kolkata").dt.convert_time_zone("UTC").alias("trade_time")],
    "spreadsheet dates": [pl.col("trade_date").dt.strftime("%d-%m-%Y"), pl.col("expiry_date").dt.strftime("%d-%b-%Y")],
    "day numbers": [pl.col("trade_date", "expiry_date").dt.strftime("%Y%m%d").cast(pl.Int64)],
}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("clothes", CLOTHES)
def test_a_clock_or_a_date_in_other_clothes_gives_the_same_core(taken, clothes: str, ending: str) -> None:
    plain, _ = taken(warehouse())
    dressed, codes = taken(warehouse().with_columns(CLOTHES[clothes]), name=f"dressed.{ending}", home="other")
    assert not codes
    assert dressed.equals(plain)


def test_times_that_cannot_be_read_are_refused_with_what_they_look_like(tmp_path: Path, lake: Lake) -> None:
    path = tmp_path / "day.parquet"
    warehouse().with_columns(trade_time=pl.lit("soon")).write_parquet(path)
    (row,) = ingest(lake, "platform_chain", [path])
    assert row.status == "refused"
    assert "soon" in row.reason


def test_an_infinite_value_or_a_count_beyond_all_bounds_is_quarantined_not_hidden(taken) -> None:
    rows = warehouse()
    at = pl.int_range(pl.len())
    broken = rows.with_columns(
        pl.when(at == 3).then(float("inf")).otherwise(pl.col("spot")).alias("spot"),
        pl.when(at == 5).then(1e25).otherwise(pl.col("ce_oi").cast(pl.Float64)).alias("ce_oi"),
        pl.when(at == 7).then(float("nan")).otherwise(pl.col("ce_iv")).alias("ce_iv"),
    )
    core, codes = taken(broken)
    assert codes == {"value_unreadable": 2}
    assert core["ce_iv"].null_count() == 1


def test_numbers_of_text_and_of_floats_are_unreadable_alike() -> None:
    texts, floats = pl.Series(["1,200.5", "inf", "1e300", "nan", "-"]), pl.Series([1200.5, float("inf"), 1e300, None])
    numbers, bad = read_numbers(texts, frozenset({"-"}))
    assert (numbers.to_list(), bad.to_list()) == ([1200.5, None, None, None, None], [False, True, True, False, False])
    numbers, bad = read_numbers(floats, frozenset())
    assert (numbers.to_list(), bad.to_list()) == ([1200.5, None, None, None], [False, True, True, False])


def test_a_good_row_survives_a_broken_one_of_the_same_key_said_before_it(taken) -> None:
    good = warehouse()
    bad = good.with_columns(ce_close=pl.lit(-1.0), pe_low=pl.lit(9e4))
    core, codes = taken(pl.concat([bad, good]))
    assert core["ce_close"].to_list() == good["ce_close"].to_list()
    assert codes == {"key_duplicate": 33}


def test_the_symbol_asked_for_stands_in_where_the_column_is_empty(tmp_path: Path, lake: Lake) -> None:
    path = tmp_path / "day.parquet"
    warehouse().with_columns(index_name=pl.lit(None, pl.String)).write_parquet(path)
    assert ingest(lake, "platform_chain", [path])[0].status == "refused"
    (row,) = ingest(lake, "platform_chain", [path], symbol="NIFTY")
    assert (row.symbol, row.core_rows) == ("NIFTY", 33)


def test_an_empty_day_says_which_rule_emptied_it(tmp_path: Path, lake: Lake) -> None:
    path = tmp_path / "day.parquet"
    warehouse().with_columns(expiry_date=pl.lit(date(2025, 6, 5))).write_parquet(path)
    (row,) = ingest(lake, "platform_chain", [path])
    assert row.status == "empty"
    assert "33 expiry_past" in row.reason


def test_an_index_day_without_a_sound_bar_says_why(tmp_path: Path, lake: Lake) -> None:
    bar = {"symbol": "NIFTY", "date": 20221101, "time": "09:16", "open": 18_000.0, "high": float("inf")}
    path = tmp_path / "index.parquet"
    pl.DataFrame([bar | {"low": 17_990.0, "close": 18_010.0, "volume": 0, "oi": 0}]).write_parquet(path)
    (row,) = ingest(lake, "index_bars_end", [path])
    assert (row.status, row.raw_rows, row.quarantined_rows) == ("empty", 1, 1)
    assert "1 value_unreadable" in row.reason


def test_a_file_that_lacks_its_moment_is_told_where_it_is_looked_for(tmp_path: Path, lake: Lake) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,bar_start,open,high,low,close,volume,oi\nNIFTY22110318000CE,09:15:00,1,1,1,1,50,5\n")
    (row,) = ingest(lake, "nse_bars_1min", [path])
    assert "a date in the path or --date" in row.reason


def test_content_that_breaks_the_reading_costs_its_own_file_alone(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mr_platform.sources import tabular

    warehouse().write_parquet(tmp_path / "a.parquet")
    warehouse().write_parquet(tmp_path / "b.parquet")
    split = tabular._split

    def breaking(profile: Any, path: Path, *more: Any) -> Any:
        if path.name == "a.parquet":
            raise pl.exceptions.PanicException("not foreseen")
        return split(profile, path, *more)

    monkeypatch.setattr(tabular, "_split", breaking)
    rows = ingest(lake, "platform_chain", [tmp_path])
    assert [(row.symbol, row.status) for row in rows] == [("NIFTY", "ok"), ("", "refused")]
    assert "a.parquet" in rows[1].reason


def test_a_snapshot_source_without_quotes_and_iv_is_read(tmp_path: Path, lake: Lake) -> None:
    rows = [
        {"Fetch_Time": "29-Aug-2025 10:00:05", "Symbol": "NIFTY", "Expiry_Date": "02-Sep-2025", "Strike_Price": strike}
        | {f"{leg}_{name}": 100 for leg in ("CALLS", "PUTS") for name in ("LTP", "OI", "Volume")}
        for strike in (24_000, 24_050)
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "day.csv")
    (row,) = ingest(lake, "nse_snapshots_full", [tmp_path / "day.csv"])
    assert (row.status, row.core_rows) == ("ok", 2)
    core = lake.read(CHAIN, Partition("NIFTY", date(2025, 8, 29))).to_pylist()
    assert (core[0]["ce_oi"], core[0]["ce_iv"], core[0]["ce_bid"]) == (7500, None, None)


def test_a_corrected_file_replaces_the_first_whatever_its_types(taken) -> None:
    plain, _ = taken(warehouse())
    wrong = warehouse().with_columns(STAMP.dt.strftime("%H:%M:%S").alias("trade_time"), pl.lit("1,5").alias("ce_open"))
    taken(wrong, home="other")
    corrected, codes = taken(warehouse(), home="other")
    assert not codes
    assert corrected.equals(plain)


def test_a_corrected_file_counts_as_the_same_delivery_from_another_folder(tmp_path: Path, lake: Lake) -> None:
    for folder, price in (("first", 100.0), ("zweite", 120.0)):
        (tmp_path / folder).mkdir()
        rows = [
            {"symbol": f"NIFTY22110318000{side}", "bar_start": time(9, 15), "open": price, "high": price}
            | {"low": price, "close": price, "volume": 50, "oi": 500}
            for side in ("CE", "PE")
        ]
        pl.DataFrame(rows).write_parquet(tmp_path / folder / "2022-11-01.parquet")
        (row,) = ingest(lake, "nse_bars_1min", [tmp_path / folder])
        assert (row.raw_rows, row.core_rows) == (2, 2)
    (bar,) = lake.read(CHAIN, Partition("NIFTY", date(2022, 11, 1))).to_pylist()
    assert (bar["ce_close"], bar["pe_close"]) == (120.0, 120.0)


def test_files_of_one_day_may_write_their_clocks_differently(taken) -> None:
    plain, _ = taken(warehouse(bars=4))
    taken(warehouse(bars=2), name="a.parquet", home="other")
    later = warehouse(time(9, 17), bars=2).with_columns(STAMP.alias("trade_time"), pl.col("trade_date").cast(pl.String))
    core, codes = taken(later, name="b.parquet", home="other")
    assert not codes
    assert core.equals(plain)


def test_the_date_asked_for_stands_in_where_the_file_says_none(tmp_path: Path, lake: Lake) -> None:
    path = tmp_path / "bars.parquet"
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    row = {"symbol": "NIFTY22110318000CE", "bar_start": time(9, 15), **prices, "volume": 50, "oi": 500}
    pl.DataFrame([row, row | {"symbol": "nifty-i"}]).write_parquet(path)
    assert ingest(lake, "nse_bars_1min", [path])[0].status == "refused"
    (said,) = ingest(lake, "nse_bars_1min", [path], trade_date=date(2022, 11, 1))
    assert (said.date, said.core_rows) == ("2022-11-01", 2)
    (bar,) = lake.read(CHAIN, Partition("NIFTY", date(2022, 11, 1))).to_pylist()
    assert (bar["ce_close"], bar["future_close"]) == (100.0, 100.0)


def test_text_that_its_writer_did_not_mark_is_read_and_bytes_are_kept(taken, tmp_path: Path) -> None:
    plain, _ = taken(warehouse())
    unmarked = warehouse().with_columns(
        pl.col("index_name").cast(pl.Binary), pl.lit(b"\xff\x00").alias("blob"), pl.struct("spot").alias("nested")
    )
    core, codes = taken(unmarked, home="other")
    assert not codes
    assert core.equals(plain)
    raw = Lake(tmp_path / "other").read("raw/option_chain", NIFTY, source="platform_chain")
    assert set(raw["blob"].to_pylist()) == {"ff00"}


def test_empty_lines_are_no_records(tmp_path: Path, lake: Lake) -> None:
    text = warehouse().write_csv()
    (tmp_path / "day.csv").write_text(text.replace("\n", "\n\n", 4) + "\n\n")
    (row,) = ingest(lake, "platform_chain", [tmp_path / "day.csv"])
    assert (row.raw_rows, row.core_rows) == (33, 33)


def test_quarantine_says_the_row_as_the_source_did(taken, tmp_path: Path) -> None:
    taken(warehouse().with_columns(strike=pl.when(pl.int_range(pl.len()) == 4).then(-50.0).otherwise(pl.col("strike"))))
    (row,) = Lake(tmp_path / "lake").read(QUARANTINE, NIFTY).to_pylist()
    assert (row["code"], row["raw_row"]) == ("strike_not_positive", 4)
    assert json.loads(row["raw_values"])["strike"] == -50.0
