"""Section 3 of the option chain specification once more, in plain Python, held against real snapshots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.sources.bars import to_bars
from mr_platform.sources.profile import load_profile
from mr_platform.sources.tabular import read_raw

# A leg of a snapshot: its moment, its contract, then the close, the volume of the day so far and the open interest.
Said = tuple[datetime, tuple[date, float, str], float | None, float | None, float | None]
FIELDS = ("open", "high", "low", "close", "volume", "oi")


def rule(said: list[Said], day: date, units: dict[date, int]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Bars by (minute, expiry, strike, leg), one minute and one contract at a time."""
    contracts = defaultdict(list)
    for row in sorted(said, key=lambda one: one[0]):
        contracts[row[1]].append(row)
    last = max(row[0] for row in said)
    bars: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for key, rows in contracts.items():
        highest: float | None = None
        for minute in nse_calendar().session(day).bar_minutes.tolist():
            start = datetime.combine(day, time()) + timedelta(minutes=minute)
            close = start + timedelta(minutes=1)
            known = [row for row in rows if row[0] < close]
            if start > last or not known or close - known[-1][0] > timedelta(minutes=3):
                continue
            inside = [row for row in known if row[0] >= start]
            prices = [row[2] for row in inside if row[2] is not None]
            volumes = [row[3] for row in inside if row[3] is not None]
            before = highest
            highest = max([*volumes, *([] if before is None else [before])], default=None)
            volume = 0.0 if not inside else None if before is None or not volumes else highest - before
            open_high_low = (prices[0], max(prices), min(prices)) if prices else (None, None, None)
            oi = known[-1][4]
            lot = units[key[0]]
            bars[minute, *key] = (*open_high_low, known[-1][2], *(None if v is None else v * lot for v in (volume, oi)))
    return bars


def made(frame: pl.DataFrame) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    for row in frame.iter_rows(named=True):
        for leg in ("ce", "pe"):
            values = tuple(row[f"{leg}_{name}"] for name in FIELDS)
            if any(value is not None for value in values):
                yield (row["ts"].hour * 60 + row["ts"].minute, row["expiry"], row["strike"], leg), values


def long_rows(rows: pl.DataFrame) -> Iterator[Said]:
    for row in rows.iter_rows(named=True):
        when = datetime.strptime(row["timestamp"], "%Y%m%d%H%M")
        key = (datetime.strptime(row["expiry"], "%d-%b-%Y").date(), row["strike"], row["option_type"].lower())
        yield when, key, row["ltp"] or None, row["volume"], row["oi"]


def wide_rows(rows: pl.DataFrame) -> Iterator[Said]:
    for row in rows.iter_rows(named=True):
        when = datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M:%S")
        expiry = date.fromisoformat(row["Expiry"])
        if time(9, 15) <= when.time() < time(15, 30) and row["Spot"] > 0:
            for leg in ("CE", "PE"):
                key = (expiry, row["Strike"], leg.lower())
                yield when, key, row[f"{leg}_LTP"] or None, row[f"{leg}_Volume"], row[f"{leg}_OI"]


def full_rows(rows: pl.DataFrame) -> Iterator[Said]:
    for row in rows.sort("collection_timestamp", maintain_order=True).iter_rows(named=True):
        when = datetime.strptime(row["Fetch_Time"], "%d-%b-%Y %H:%M:%S")
        expiry = datetime.strptime(row["Expiry_Date"], "%d-%b-%Y").date()
        for leg, side in (("ce", "CALLS"), ("pe", "PUTS")):
            key = (expiry, float(row["Strike_Price"]), leg)
            yield when, key, row[f"{side}_LTP"] or None, row[f"{side}_Volume"], row[f"{side}_OI"]


@pytest.mark.parametrize(
    ("path", "profile", "symbol", "rows", "only"),
    [
        ("chain_1min_2026-08/NIFTY_20260820.parquet", "nse_snapshots_1min", "NIFTY", long_rows, None),
        (
            "chain_5min_2026-01/index_OC_2026-01-30.parquet",
            "nse_snapshots_5min",
            "BANKNIFTY",
            wide_rows,
            pl.col("Strike").is_between(58_000, 61_000),
        ),
        (
            "chain_full_day_2025-08-29/NIFTY_20250829.parquet",
            "nse_snapshots_full",
            "NIFTY",
            full_rows,
            (pl.col("Expiry_Date") == "02-Sep-2025") & pl.col("Strike_Price").is_between(24_200, 24_600),
        ),
    ],
)
def test_bars_of_real_snapshots_are_what_the_rule_says(
    shared_data: Path, tmp_path: Path, path: str, profile: str, symbol: str, rows: Any, only: pl.Expr | None
) -> None:
    source = pl.read_parquet(shared_data / path)
    source = source if only is None else source.filter(only)
    source = source.filter(pl.col("Symbol") == symbol) if "Symbol" in source.columns else source
    source.write_parquet(tmp_path / "day.parquet")
    day = max(read_raw(load_profile(profile), [tmp_path / "day.parquet"]), key=lambda one: one.trade_date)
    known = instrument(symbol)
    found = to_bars(day.table, load_profile(profile), nse_calendar().session(day.trade_date), known)
    said = [row for row in rows(source) if row[0].date() == day.trade_date]
    in_contracts = load_profile(profile).units["oi"] == "contracts"
    units = {row[1][0]: known.lot_size(day.trade_date, row[1][0]) if in_contracts else 1 for row in said}
    wanted = {key: bar for key, bar in rule(said, day.trade_date, units).items() if any(v is not None for v in bar)}
    got = dict(made(found.frame))
    assert len(got) > 2_000
    assert got == wanted
