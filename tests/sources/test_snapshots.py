"""Snapshots to bars, rule by rule."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest


def test_a_bar_holds_the_last_snapshot_before_its_close(small_profile, snapshot, bars_of, calls) -> None:
    rows = [snapshot("10:00:05", 100.0), snapshot("10:00:59", 103.0), snapshot("10:01:00", 90.0)]
    assert calls(bars_of(rows, small_profile()), "close") == [("10:00", 103.0), ("10:01", 90.0)]


def test_open_high_low_come_from_the_snapshots_inside_the_minute(small_profile, snapshot, bars_of, calls) -> None:
    rows = [
        snapshot("10:00:05", 100.0),
        snapshot("10:00:20", 97.0),
        snapshot("10:00:40", 104.0),
        snapshot("10:00:55", 101.0),
    ]
    assert calls(bars_of(rows, small_profile()), "open", "high", "low", "close") == [
        ("10:00", 100.0, 104.0, 97.0, 101.0)
    ]


def test_one_snapshot_makes_all_four_prices_equal(small_profile, snapshot, bars_of, calls) -> None:
    bars = bars_of([snapshot("10:00:30", 100.0)], small_profile())
    assert calls(bars, "open", "high", "low", "close") == [("10:00", 100.0, 100.0, 100.0, 100.0)]
    assert bars.frame["snapshot_made"].to_list() == [True]


def test_a_snapshot_is_carried_while_it_is_not_older_than_three_minutes_at_the_close(
    small_profile, snapshot, bars_of, calls
) -> None:
    rows = [snapshot("10:00:00", 100.0), snapshot("10:06:30", 110.0)]
    assert calls(bars_of(rows, small_profile()), "open", "close", "oi") == [
        ("10:00", 100.0, 100.0, 500),
        ("10:01", None, 100.0, 500),
        ("10:02", None, 100.0, 500),
        ("10:06", 110.0, 110.0, 500),
    ]


def test_each_leg_goes_stale_by_itself(small_profile, snapshot, bars_of) -> None:
    rows = [
        snapshot("10:00:10", 100.0),
        snapshot("10:00:10", 80.0, side="PE"),
        snapshot("10:02:10", 81.0, side="PE"),
        snapshot("10:04:10", 82.0, side="PE"),
    ]
    frame = bars_of(rows, small_profile()).frame
    assert frame.select(pl.col("ts").dt.strftime("%H:%M"), "ce_close", "pe_close", "raw_rows").rows() == [
        ("10:00", 100.0, 80.0, 2),
        ("10:01", 100.0, 80.0, 0),
        ("10:02", 100.0, 81.0, 1),
        ("10:03", None, 81.0, 0),
        ("10:04", None, 82.0, 1),
    ]


def test_nothing_is_carried_beyond_the_last_snapshot_of_the_source(small_profile, snapshot, bars_of) -> None:
    rows = [snapshot("10:00:10", 100.0), snapshot("10:01:10", 101.0, strike=21550.0)]
    frame = bars_of(rows, small_profile()).frame
    assert frame.select(pl.col("ts").dt.strftime("%H:%M"), "strike").rows() == [
        ("10:00", 21500.0),
        ("10:01", 21500.0),
        ("10:01", 21550.0),
    ]


def test_a_stopped_clock_carries_up_to_itself(small_profile, snapshot, bars_of, calls) -> None:
    bars = bars_of([snapshot("10:00:10", 100.0)], small_profile(), as_of=datetime(2024, 1, 3, 10, 2))
    assert calls(bars, "close") == [("10:00", 100.0), ("10:01", 100.0)]


def test_volume_is_the_difference_of_the_running_maximum(small_profile, snapshot, bars_of, calls) -> None:
    rows = [
        snapshot("10:00:10", volume=1000.0),
        snapshot("10:01:10", volume=1300.0),
        snapshot("10:02:10", volume=1250.0),
        snapshot("10:03:10", volume=1400.0),
    ]
    assert calls(bars_of(rows, small_profile()), "volume") == [
        ("10:00", None),
        ("10:01", 300),
        ("10:02", 0),
        ("10:03", 100),
    ]


def test_a_gap_s_volume_falls_on_the_first_bar_after_it(small_profile, snapshot, bars_of, calls) -> None:
    rows = [snapshot("10:00:10", volume=1000.0), snapshot("10:07:10", volume=1900.0)]
    assert calls(bars_of(rows, small_profile()), "volume") == [
        ("10:00", None),
        ("10:01", 0),
        ("10:02", 0),
        ("10:07", 900),
    ]


def test_missing_volume_leaves_its_bar_unknown_and_the_next_one_whole(small_profile, snapshot, bars_of, calls) -> None:
    rows = [snapshot("10:00:10", volume=100.0), snapshot("10:01:10", volume=None), snapshot("10:02:10", volume=180.0)]
    assert calls(bars_of(rows, small_profile()), "volume") == [("10:00", None), ("10:01", None), ("10:02", 80)]


def test_no_bar_comes_of_snapshots_outside_the_session(small_profile, snapshot, bars_of, calls) -> None:
    rows = [snapshot("09:14:59"), snapshot("15:29:30"), snapshot("15:30:00"), snapshot("20:00:00")]
    bars = bars_of(rows, small_profile())
    assert calls(bars, "close") == [("15:29", 100.0)]
    assert bars.refused.select("raw_row", "code").rows() == [
        (0, "ts_outside_session"),
        (2, "ts_outside_session"),
        (3, "ts_outside_session"),
    ]


def test_a_repeated_snapshot_counts_once_and_a_changed_one_twice(small_profile, snapshot, bars_of, calls) -> None:
    rows = [snapshot("10:00:10", 100.0), snapshot("10:00:10", 100.0), snapshot("10:00:10", 101.0)]
    bars = bars_of(rows, small_profile())
    assert calls(bars, "open", "close") == [("10:00", 100.0, 101.0)]
    assert bars.refused.select("raw_row", "code").rows() == [(1, "snapshot_repeated")]
    assert bars.frame["raw_rows"].to_list() == [2]


def test_a_file_saved_again_without_seconds_repeats_its_snapshots(small_profile, snapshot, bars_of, calls) -> None:
    again = snapshot("", 100.0) | {"at": "03-01-2024 10:00"}
    bars = bars_of([again, snapshot("10:00:41", 100.0), snapshot("10:01:41", 101.0)], small_profile())
    assert bars.refused.select("raw_row", "code").rows() == [(0, "snapshot_repeated")]
    assert calls(bars, "close") == [("10:00", 100.0), ("10:01", 101.0)]


def test_a_failed_call_neither_makes_a_bar_nor_hides_the_last_good_one(small_profile, snapshot, bars_of, calls) -> None:
    dead = {"oi": 0.0, "iv": 0.0}
    rows = [snapshot("10:00:10", 100.0), snapshot("10:01:10", 0.0, **dead), snapshot("10:02:10", 102.0)]
    bars = bars_of(rows, small_profile())
    assert calls(bars, "open", "close") == [("10:00", 100.0, 100.0), ("10:01", None, 100.0), ("10:02", 102.0, 102.0)]
    assert bars.refused.select("raw_row", "code").rows() == [(1, "failed_call")]


def test_a_contract_without_data_in_a_good_snapshot_is_no_failed_call(small_profile, snapshot, bars_of) -> None:
    rows = [snapshot("10:00:10", 0.0, oi=0.0), snapshot("10:00:10", 80.0, strike=21550.0)]
    assert bars_of(rows, small_profile()).refused.height == 0


def test_the_exchange_s_clock_is_preferred_and_the_collector_s_stands_in(
    small_profile, snapshot, bars_of, calls
) -> None:
    profile = small_profile(
        time=[
            {"columns": ["at"], "formats": ["%Y-%m-%d %H:%M:%S"]},
            {"columns": ["collected"], "formats": ["%Y%m%d_%H%M%S"]},
        ]
    )
    rows = [
        snapshot("10:00:10", 100.0, collected="20240103_100130"),
        snapshot("10:01:10", 101.0, collected="20240103_100230") | {"at": None},
    ]
    assert calls(bars_of(rows, profile), "close") == [("10:00", 100.0), ("10:01", 100.0), ("10:02", 101.0)]


@pytest.mark.parametrize("until", ["10:01:00", "10:03:00", "10:05:00", "10:09:00"])
def test_a_stopped_clock_gives_what_a_truncated_source_gives(small_profile, snapshot, bars_of, until) -> None:
    rows = [
        snapshot("10:00:10", 100.0, volume=10.0),
        snapshot("10:00:50", 0.0, volume=30.0),
        snapshot("10:02:20", 104.0, volume=25.0, side="PE"),
        snapshot("10:04:20", 105.0, volume=90.0),
        snapshot("10:04:20", 105.0, volume=90.0),
        snapshot("10:08:59", 99.0, volume=95.0),
    ]
    clock = datetime.fromisoformat(f"2024-01-03 {until}")
    whole = bars_of(rows, small_profile(), as_of=clock)
    cut = [row for row in rows if row["at"] < f"2024-01-03 {until}"]
    assert whole.frame.equals(bars_of(cut, small_profile(), as_of=clock).frame)
    full = bars_of(rows, small_profile(), as_of=datetime(2024, 1, 3, 15, 30)).frame
    known = full.filter(pl.col("known_ts").dt.replace_time_zone(None) <= clock)
    assert whole.frame.equals(known)
    assert whole.unseen == len(rows) - len(cut)
