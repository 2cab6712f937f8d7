"""Which dates trade, and in which minutes."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from mr_platform.errors import CalendarError
from mr_platform.market.sessions import nse_calendar, zone_of

D = dt.date.fromisoformat


@pytest.mark.parametrize(
    ("day", "kind", "bars", "first", "last"),
    [
        ("2022-11-01", "ordinary", 375, "09:15", "15:29"),
        ("2024-01-20", "special", 375, "09:15", "15:29"),
        ("2024-03-02", "special", 105, "09:15", "12:29"),
        ("2024-05-18", "special", 100, "09:15", "12:39"),
        ("2025-02-01", "special", 375, "09:15", "15:29"),
        ("2026-02-01", "special", 375, "09:15", "15:29"),
        ("2021-02-24", "special", 220, "09:15", "16:59"),
        ("2021-11-04", "muhurat", 60, "18:15", "19:14"),
        ("2025-10-21", "muhurat", 60, "13:45", "14:44"),
    ],
)
def test_a_session_has_its_bars(day: str, kind: str, bars: int, first: str, last: str) -> None:
    session = nse_calendar().session(D(day))
    clock = [f"{m // 60:02d}:{m % 60:02d}" for m in session.bar_minutes[[0, -1]]]
    assert (session.kind, session.n_bars, *clock) == (kind, bars, first, last)
    assert np.all(np.diff(session.bar_minutes) > 0)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2022-11-08", "holiday"),
        ("2022-11-05", "weekend"),
        ("2019-06-05", "holiday"),
        ("2019-09-10", "holiday"),
        ("2014-12-31", "2015-01-01"),
        ("2027-01-04", "2026-12-31"),
    ],
)
def test_a_day_without_session_is_refused_with_its_reason(day: str, why: str) -> None:
    with pytest.raises(CalendarError, match=why):
        nse_calendar().session(D(day))


def test_ordinary_days_are_those_of_the_calendar_library() -> None:
    """XBOM, whose holidays the NSE shares."""
    import exchange_calendars

    calendar = nse_calendar()
    library = exchange_calendars.get_calendar("XBOM", start=str(calendar.first), end=str(calendar.last))
    ours = calendar.between(calendar.first, calendar.last)
    ordinary = [day for day in ours if calendar.session(day).kind == "ordinary"]
    others = set(ours) - set(ordinary)
    assert ordinary == [stamp.date() for stamp in library.sessions if stamp.date() not in others]


def test_neighbours_step_over_holidays_and_weekends() -> None:
    calendar = nse_calendar()
    assert calendar.next(D("2022-11-07")) == D("2022-11-09")
    assert calendar.previous(D("2022-11-07")) == D("2022-11-04")
    assert calendar.previous(D("2024-01-23")) == D("2024-01-20")
    assert calendar.between(D("2022-11-04"), D("2022-11-09")) == [D("2022-11-04"), D("2022-11-07"), D("2022-11-09")]


@pytest.mark.parametrize(
    ("clock", "zone"),
    [("09:15", 1), ("09:29", 1), ("09:30", 2), ("11:29", 2), ("11:30", 3), ("13:00", 4), ("15:00", 5), ("15:29", 5)],
)
def test_zones_follow_the_clock(clock: str, zone: int) -> None:
    hour, minute = map(int, clock.split(":"))
    assert zone_of(hour * 60 + minute)[0] == zone


@pytest.mark.parametrize(
    ("minute", "index"), [(555, 0), (599, 44), (600, -1), (690, 45), (749, 104), (750, -1), (0, -1)]
)
def test_a_bar_is_found_by_its_minute_across_the_break(minute: int, index: int) -> None:
    assert nse_calendar().session(D("2024-03-02")).bar_index(minute) == index
