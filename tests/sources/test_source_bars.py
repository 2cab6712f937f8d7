"""Bars and ticks: labels, units, contracts, futures, duplicates; every raw row accounted for."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pyarrow as pa
import pytest

from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.sources.bars import to_bars
from mr_platform.sources.profile import load_profile

BAR = {"observation": "bar", "volume": "bar"}


def test_call_and_put_rows_are_joined_side_by_side(small_profile, snapshot, bars_of) -> None:
    rows = [
        snapshot("10:00:00", 100.0, volume=50.0),
        snapshot("10:00:00", 80.0, volume=75.0, side="PE"),
        snapshot("10:01:00", 81.0, volume=25.0, side="PE"),
    ]
    bars = bars_of(rows, small_profile(**BAR))
    assert bars.frame.select("ce_close", "ce_volume", "pe_close", "pe_volume", "raw_rows", "snapshot_made").rows() == [
        (100.0, 50, 80.0, 75, 2, False),
        (None, None, 81.0, 25, 1, False),
    ]
    assert bars.lineage.sort("raw_row").rows() == [(0, 0), (1, 0), (2, 1)]


def test_end_labels_are_shifted_to_the_start(small_profile, snapshot, bars_of, calls) -> None:
    rows = [snapshot("09:15:00"), snapshot("09:16:00", 101.0), snapshot("09:16:59", 102.0), snapshot("15:30:00", 103.0)]
    bars = bars_of(rows, small_profile(**BAR, bar_label="end"))
    assert calls(bars, "close") == [("09:15", 101.0), ("09:16", 102.0), ("15:29", 103.0)]
    assert bars.refused.select("raw_row", "code").rows() == [(0, "ts_outside_session")]


def test_long_bars_stay_bars_stamped_by_their_start(small_profile, snapshot, bars_of, calls) -> None:
    profile = small_profile(**BAR, bar_minutes=15)
    bars = bars_of([snapshot("09:15:00"), snapshot("15:15:00"), snapshot("15:30:00")], profile)
    assert calls(bars, "close") == [("09:15", 100.0), ("15:15", 100.0)]
    assert bars.frame["known_ts"].dt.strftime("%H:%M").to_list() == ["09:30", "15:30"]
    early = bars_of([snapshot("09:15:00")], profile, as_of=datetime(2024, 1, 3, 9, 29))
    assert (early.frame.height, early.unseen) == (0, 1)


def test_contracts_become_units_by_the_size_of_the_expiry_and_percent_a_fraction(
    small_profile, snapshot, bars_of
) -> None:
    profile = small_profile(**BAR, units={"oi": "contracts", "volume": "contracts", "iv": "percent"})
    rows = [
        snapshot("10:00:00", volume=3.0, oi=10.0, iv=15.0),
        snapshot("10:00:00", volume=3.0, oi=13 / 3, iv=15.0, expiry="2024-07-25"),
    ]
    frame = bars_of(rows, profile).frame
    assert frame.select("ce_volume", "ce_oi", "ce_iv").rows() == [(150, 500, 0.15), (75, 108, 0.15)]


def test_the_first_row_of_a_key_stays_whatever_comes_later(small_profile, snapshot, bars_of, calls) -> None:
    bars = bars_of([snapshot("10:00:00", 100.0), snapshot("10:00:00", 105.0)], small_profile(**BAR))
    assert calls(bars, "close") == [("10:00", 100.0)]
    assert bars.refused.select("raw_row", "code").rows() == [(1, "key_duplicate")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"strike": None}, "key_null"),
        ({"side": "XX"}, "key_null"),
        ({"expiry": "soon"}, "key_null"),
        ({"at": "yesterday"}, "key_null"),
        ({"at": "2024-01-03 15:30:00"}, "ts_outside_session"),
        ({"at": "2024-01-04 10:00:00"}, "ts_outside_session"),
        ({"expiry": "2024-01-02"}, "expiry_past"),
        ({"ltp": "12x"}, "value_unreadable"),
    ],
)
def test_a_row_that_cannot_be_an_observation_is_refused_with_its_code(
    small_profile, snapshot, bars_of, change, code
) -> None:
    bars = bars_of([snapshot("10:00:00", "100.0"), snapshot("10:01:00", "100.0") | change], small_profile(**BAR))
    assert bars.refused.select("raw_row", "code").rows() == [(1, code)]
    assert bars.frame.height == 1


def test_ticks_give_first_highest_lowest_last_and_the_summed_quantity(small_profile, snapshot, bars_of, calls) -> None:
    prices = (("10:00:01", 100.0), ("10:00:01", 104.0), ("10:00:30", 96.0), ("10:00:59", 99.0), ("10:01:00", 98.0))
    profile = small_profile(observation="tick", volume="bar", shape="ticks", columns=_four_prices())
    bars = bars_of([snapshot(at, price, volume=2.0) for at, price in prices], profile)
    assert calls(bars, "open", "high", "low", "close", "volume") == [
        ("10:00", 100.0, 104.0, 96.0, 99.0, 8),
        ("10:01", 98.0, 98.0, 98.0, 98.0, 2),
    ]
    assert bars.frame["raw_rows"].to_list() == [4, 1]


def test_the_near_future_stands_beside_every_bar_of_its_minute_and_the_others_are_refused() -> None:
    def row(symbol: str, price: float) -> dict[str, object]:
        return {"symbol": symbol, "bar_start": "09:15", "_date": "2022-11-01", "volume": 50, "oi": 100} | dict.fromkeys(
            ("open", "high", "low", "close"), price
        )

    rows = [
        row("NIFTY-I", 18100.0),
        row("NIFTY-II", 18200.0),
        row("NIFTY22110318000CE", 150.0),
        row("NIFTY22110318000PE", 60.0),
        row("NIFTY22110318050CE", 110.0),
        row("NIFTYSOMETHING", 1.0),
    ]
    session = nse_calendar().session(date(2022, 11, 1))
    bars = to_bars(pa.Table.from_pylist(rows), load_profile("nse_bars_1min"), session, instrument("NIFTY"))
    assert bars.frame.select("strike", "ce_close", "pe_close", "future_close", "future_oi").rows() == [
        (18000.0, 150.0, 60.0, 18100.0, 100),
        (18050.0, 110.0, None, 18100.0, 100),
    ]
    assert bars.frame["expiry"].unique().to_list() == [date(2022, 11, 3)]
    assert bars.refused.select("raw_row", "code").rows() == [(1, "future_not_used"), (5, "contract_unknown")]
    assert bars.futures["raw_row"].to_list() == [0]


def test_every_raw_row_is_in_one_bar_or_refused_or_a_future(small_profile, snapshot, bars_of) -> None:
    rows = [snapshot(f"{9 + n // 60:02}:{n % 60:02}:30", float(n % 7), oi=float(n % 3)) for n in range(0, 420, 3)]
    bars = bars_of(rows * 2, small_profile())
    seen = [*bars.lineage["raw_row"].to_list(), *bars.refused["raw_row"].to_list(), *bars.futures["raw_row"].to_list()]
    assert sorted(seen) == list(range(len(rows) * 2))
    assert int(bars.frame["raw_rows"].sum()) == bars.lineage.height


def _four_prices() -> dict[str, str]:
    keys = {"symbol": "name", "expiry": "expiry", "strike": "strike", "side": "side", "volume": "volume", "oi": "oi"}
    return keys | dict.fromkeys(("open", "high", "low", "close"), "ltp")


def test_spot_is_one_level_a_minute(small_profile, snapshot, bars_of) -> None:
    columns = small_profile().columns | {"spot": ("spot",)}
    profile = small_profile(columns={name: list(names) for name, names in columns.items()}, missing={"spot": [0]})
    rows = [
        snapshot("10:00:10", spot=21500.0),
        snapshot("10:00:40", strike=21550.0, spot=21510.0),
        snapshot("10:01:10", strike=21550.0, spot=0.0),
    ]
    frame = bars_of(rows, profile).frame
    assert frame.select(pl.col("ts").dt.strftime("%H:%M"), "strike", "spot").rows() == [
        ("10:00", 21500.0, 21510.0),
        ("10:00", 21550.0, 21510.0),
        ("10:01", 21500.0, 21510.0),
        ("10:01", 21550.0, 21510.0),
    ]
