"""The rolling record by hand, over nights, over the edge of its window, and without the future."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.errors import DataError
from mr_platform.parameters.regimes import HistoryParameters
from mr_platform.regimes.history import record

PARAMETERS = HistoryParameters(days=30, bar_minutes=30)
NAN = np.nan


def at(*stamps: str) -> np.ndarray:
    return np.array(stamps, dtype="datetime64[us]")


def test_duration_stability_and_what_came_before_by_hand():
    times = at("2022-11-14T04:00", "2022-11-14T04:30", "2022-11-14T05:00", "2022-11-14T05:30", "2022-11-14T06:00")
    found = record(times, ["LVLD", "LVLD", "HVC", "HVC", "CBV"], PARAMETERS)
    np.testing.assert_allclose(found.duration_hours, [0.5, 1.0, 0.5, 1.0, 0.5])
    np.testing.assert_allclose(found.stability, [NAN, 1.0, 0.5, 1 - 1 / 3, 0.5])
    assert found.previous == (None, None, "LVLD", "LVLD", "HVC")
    assert found.transitions.tolist() == [0, 0, 1, 1, 2]


def test_a_run_counts_trading_hours_and_no_night():
    found = record(at("2022-11-14T09:30", "2022-11-15T04:00"), ["LVLD", "LVLD"], PARAMETERS)
    np.testing.assert_allclose(found.duration_hours, [0.5, 1.0])


def test_a_row_without_a_signal_ends_no_run_and_lasts_nothing():
    times = at("2022-11-14T04:00", "2022-11-14T04:30", "2022-11-14T05:00", "2022-11-14T05:30")
    found = record(times, [None, "LVLD", None, "LVLD"], PARAMETERS)
    np.testing.assert_allclose(found.duration_hours, [NAN, 0.5, 0.5, 1.0])
    assert found.transitions.tolist() == [0, 0, 0, 0]
    assert found.previous == (None,) * 4


def test_what_is_older_than_the_window_changes_nothing():
    old = at("2022-09-01T04:00", "2022-09-01T04:30", "2022-10-15T04:30")
    new = at("2022-11-14T04:00", "2022-11-14T04:30")
    long = record(np.concatenate([old, new]), ["HVC", "CBV", "LVLD", "LVLD", "HVC"], PARAMETERS)
    short = record(np.concatenate([old[2:], new]), ["LVLD", "LVLD", "HVC"], PARAMETERS)
    np.testing.assert_array_equal(long.duration_hours[3:], short.duration_hours[1:])
    np.testing.assert_array_equal(long.stability[3:], short.stability[1:])
    # 15 October 04:30 is just inside the 30 days before 14 November 04:00, outside those before 04:30
    np.testing.assert_allclose(long.duration_hours[3:], [1.0, 0.5])
    assert long.previous[3:] == (None, "LVLD") == short.previous[1:]
    np.testing.assert_allclose(long.stability[3:], [1.0, 0.0])


def test_the_record_at_a_row_does_not_know_later_rows():
    rng = np.random.default_rng(2)
    times = np.datetime64("2022-11-14T04:00", "us") + np.arange(300) * np.timedelta64(5, "h")
    regimes = [None if r == 4 else "ABCD"[r] for r in rng.integers(0, 5, 300)]
    full = record(times, regimes, PARAMETERS)
    for cut in (1, 50, 299):
        part = record(times[:cut], regimes[:cut], PARAMETERS)
        np.testing.assert_array_equal(full.duration_hours[:cut], part.duration_hours)
        np.testing.assert_array_equal(full.stability[:cut], part.stability)
        np.testing.assert_array_equal(full.transitions[:cut], part.transitions)
        assert full.previous[:cut] == part.previous


def test_no_rows_give_no_record_and_disorder_is_refused():
    assert record(at(), [], PARAMETERS).previous == ()
    with pytest.raises(DataError, match="order of time"):
        record(at("2022-11-14T04:00", "2022-11-14T04:00"), ["A", "A"], PARAMETERS)
