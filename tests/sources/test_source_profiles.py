"""Profiles are data, and strict; times are read as their source writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import polars as pl
import pytest

from mr_platform.errors import DataError, UsageError
from mr_platform.sources.moments import read_dates, read_moments
from mr_platform.sources.observations import read_numbers
from mr_platform.sources.profile import load_profile, load_profiles, parse_profile

OPEN = datetime(2024, 1, 3, 9, 15)


def test_every_profile_of_the_folder_loads() -> None:
    profiles = load_profiles()
    assert {"platform_chain", "nse_bars_1min", "nse_ticks", "nse_snapshots_full", "index_bars_end"} <= set(profiles)
    assert all(profile.description for profile in profiles.values())


def test_an_unknown_profile_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean nse_bars_1min"):
        load_profile("nse_bar_1min")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"observe": "bar"}, "observe"),
        ({"volume": "total"}, "bar or cumulative"),
        ({"units": {"iv": "per cent"}}, "units.iv"),
        ({"columns": {"strik": "K"}}, "did you mean strike"),
        ({"name": "other"}, "name"),
        ({"time": []}, "time"),
        ({"bar_minutes": 5, "observation": "snapshot"}, "bar_minutes"),
        ({"path": ["("]}, "regular expression"),
        ({"columns": {"symbol": "s", "expiry": "e"}}, "a place for close, side, strike"),
    ],
)
def test_a_wrong_key_or_value_is_refused_naming_file_and_key(change, said) -> None:
    good = {
        "name": "small",
        "kind": "chain",
        "time": [{"columns": ["t"], "formats": ["%H:%M"]}],
        "columns": {"symbol": "s", "expiry": "e", "strike": "k", "side": "o", "close": "c"},
    }
    parse_profile(dict(good), Path("small.yaml"))
    with pytest.raises(DataError) as caught:
        parse_profile(good | change, Path("small.yaml"))
    assert said in str(caught.value)
    assert "small.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        (date(2024, 1, 3), time(9, 15)),
        (date(2024, 1, 3), 91500),
        (20240103, 91500),
        (date(2024, 1, 3), "09:15"),
        ("2024-01-03", "9:15:00"),
        ("2024-01-03", "09:15:00.000"),
        (date(2024, 1, 3), datetime(2024, 1, 3, 9, 15)),
        (date(2024, 1, 3), datetime(1970, 1, 1, 9, 15)),
        (datetime(2024, 1, 3), "09:15:00"),
        (date(2024, 1, 3), datetime(2024, 1, 3, 3, 45, tzinfo=UTC)),
        (date(2024, 1, 3), "2024-01-03 03:45:00Z"),
        (date(2024, 1, 3), "2024-01-03T09:15:00+05:30"),
    ],
)
def test_the_warehouse_s_clock_is_read_however_it_is_written(day, clock) -> None:
    profile = load_profile("platform_chain")
    frame = pl.DataFrame({"trade_date": [day], "trade_time": [clock]})
    assert read_moments(frame, profile.time, profile.zone)["ts"].to_list() == [OPEN]


@pytest.mark.parametrize("clock", [time(3, 45), 34500, "03:45:00"])
def test_a_clock_in_utc_is_moved_to_ist(clock) -> None:
    profile = load_profile("platform_chain_utc")
    frame = pl.DataFrame({"trade_date": [date(2024, 1, 3)], "trade_time": [clock]})
    assert read_moments(frame, profile.time, profile.zone)["ts"].to_list() == [OPEN]


def test_an_unreadable_time_is_null_not_a_guess() -> None:
    profile = load_profile("platform_chain")
    frame = pl.DataFrame({"trade_date": ["2024-01-03", "2024-13-03"], "trade_time": ["quarter past nine", "09:15:00"]})
    assert read_moments(frame, profile.time, profile.zone)["ts"].to_list() == [None, None]


def test_expiries_are_read_by_the_first_format_that_fits() -> None:
    texts = pl.Series(["06JUN2019", "6JUN2019", "25Nov25", "02-Sep-2025", "02-Sep-25", "tomorrow", None])
    assert read_dates(texts, ("%d%b%Y", "%d%b%y", "%d-%b-%Y", "%d-%b-%y")).to_list() == [
        date(2019, 6, 6),
        date(2019, 6, 6),
        date(2025, 11, 25),
        date(2025, 9, 2),
        date(2025, 9, 2),
        None,
        None,
    ]


def test_numbers_lose_their_grouping_and_sentinels_become_null_but_no_other_text_does() -> None:
    numbers, bad = read_numbers(pl.Series(["19,78,210", " 1.5 ", "-", "0", "nan", "abc", None]), frozenset(("-", "0")))
    assert numbers.to_list() == [1978210.0, 1.5, None, None, None, None, None]
    assert bad is not None
    assert bad.to_list() == [False, False, False, False, False, True, False]
