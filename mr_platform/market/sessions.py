"""Trading sessions of the NSE: which dates trade, and in which minutes.

Ordinary days are weekdays; holidays, special and Muhurat sessions, and the range that may be trusted, are declared in
configs/sessions.yaml.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import CalendarError

IST = ZoneInfo("Asia/Kolkata")
ORDINARY_WINDOW = (time(9, 15), time(15, 30))
_SATURDAY = 5

# Start minute of each zone of the day; the last runs to the session's end.
_ZONES = (
    (0, (1, "OPEN")),
    (9 * 60 + 30, (2, "MID_MORN")),
    (11 * 60 + 30, (3, "LUNCH")),
    (13 * 60, (4, "AFTERNOON")),
    (15 * 60, (5, "CLOSE")),
)


@dataclass(frozen=True)
class Session:
    """One trading session. ``windows`` are [open, close) pairs of naive IST wall-clock times, in order."""

    trade_date: date
    kind: str
    windows: tuple[tuple[time, time], ...]

    @property
    def open(self) -> datetime:
        """First moment of trading, naive IST."""
        return datetime.combine(self.trade_date, self.windows[0][0])

    @property
    def close(self) -> datetime:
        """End of the last window, naive IST."""
        return datetime.combine(self.trade_date, self.windows[-1][1])

    @property
    def n_bars(self) -> int:
        """Number of one-minute bars; 375 on an ordinary day."""
        return sum(_minute(stop) - _minute(start) for start, stop in self.windows)

    @functools.cached_property
    def bar_minutes(self) -> NDArray[np.int64]:
        """Minute of the day at which each bar starts [n_bars]; 555 is 09:15."""
        return np.concatenate([np.arange(_minute(a), _minute(b), dtype=np.int64) for a, b in self.windows])

    def bar_index(self, minute: int) -> int:
        """Position of the bar that starts at ``minute`` of the day; -1 outside the session."""
        at = int(np.searchsorted(self.bar_minutes, minute))
        return at if at < self.n_bars and self.bar_minutes[at] == minute else -1


class SessionCalendar:
    """The dates that trade between ``first`` and ``last``. Any question outside that range is a CalendarError."""

    def __init__(
        self,
        ordinary: Sequence[date],
        special: Mapping[date, Session],
        *,
        first: date,
        last: date,
        closed: frozenset[date] = frozenset(),
    ) -> None:
        self.first = first
        self.last = last
        self._special = dict(special)
        inside = {day for day in ordinary if first <= day <= last and day not in closed}
        self._dates = sorted(inside | set(special))

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on ``day``."""
        self._inside(day)
        at = bisect_left(self._dates, day)
        return at < len(self._dates) and self._dates[at] == day

    def session(self, day: date) -> Session:
        """The session of ``day``; CalendarError says whether it is a weekend, a holiday or out of range."""
        if not self.is_session(day):
            kind = "a weekend" if day.weekday() >= _SATURDAY else "an exchange holiday"
            raise CalendarError(
                rule="the date is a trading session",
                value=f"{day} ({day:%A}), {kind}",
                place="NSE calendar",
                remedy=f"sessions around it: {self.previous(day)} and {self.next(day)}; "
                "a special session belongs into configs/sessions.yaml",
            )
        return self._special.get(day) or Session(day, "ordinary", (ORDINARY_WINDOW,))

    def previous(self, day: date) -> date:
        """Last session before ``day``."""
        self._inside(day)
        at = bisect_left(self._dates, day)
        if at == 0:
            raise self._beyond(day)
        return self._dates[at - 1]

    def next(self, day: date) -> date:
        """First session after ``day``."""
        self._inside(day)
        at = bisect_right(self._dates, day)
        if at == len(self._dates):
            raise self._beyond(day)
        return self._dates[at]

    def between(self, start: date, end: date) -> list[date]:
        """Sessions from ``start`` to ``end``, both included."""
        self._inside(start)
        self._inside(end)
        return self._dates[bisect_left(self._dates, start) : bisect_right(self._dates, end)]

    def _inside(self, day: date) -> None:
        if not self.first <= day <= self.last:
            raise self._beyond(day)

    def _beyond(self, day: date) -> CalendarError:
        return CalendarError(
            rule=f"the calendar is known from {self.first} to {self.last}",
            value=day,
            place="configs/sessions.yaml",
            remedy="extend the range together with the exchange's list of holidays",
        )


@functools.lru_cache(maxsize=1)
def nse_calendar() -> SessionCalendar:
    """The calendar of the NSE's equity-derivatives segment."""
    declared = read_yaml(config_root() / "sessions.yaml")
    first, last = declared["first"], declared["last"]
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    weekdays = [day for day in days if day.weekday() < _SATURDAY]
    special = {
        day: Session(day, entry["kind"], tuple(_window(text) for text in entry["windows"]))
        for day, entry in declared["special"].items()
    }
    return SessionCalendar(weekdays, special, first=first, last=last, closed=frozenset(declared["closed"]))


def zone_of(minute: int) -> tuple[int, str]:
    """Id and name of the part of the day in which ``minute`` (since midnight, IST) falls.

    OPEN to 09:30, MID_MORN to 11:30, LUNCH to 13:00, AFTERNOON to 15:00, CLOSE after.
    """
    at = bisect_right([start for start, _ in _ZONES], minute) - 1
    return _ZONES[max(at, 0)][1]


def _minute(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def _window(text: str) -> tuple[time, time]:
    start, _, stop = text.partition("-")
    return time.fromisoformat(start), time.fromisoformat(stop)
