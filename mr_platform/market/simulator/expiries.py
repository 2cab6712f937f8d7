"""Which contracts are listed on a session: weekly and monthly expiry dates by dated weekday rules.

The rules are the exchange's, as dated in the configuration; an expiry that falls on a day without trading
moves to the session before it. A week that holds the monthly expiry has no separate weekly contract.
"""

from __future__ import annotations

import calendar as month_calendar
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from mr_platform.errors import CalendarError
from mr_platform.market.sessions import SessionCalendar
from mr_platform.market.simulator.parameters import ExpiryRule


@dataclass(frozen=True)
class Contract:
    """An option expiry. ``bucket`` CW current week, NW next week, CM current month, NM next month."""

    expiry: date
    monthly: bool
    bucket: str


def listed_contracts(
    day: date, weekly: Sequence[ExpiryRule], monthly: Sequence[ExpiryRule], calendar: SessionCalendar
) -> tuple[Contract, ...]:
    """The three expiries of the chain on ``day``, nearest first.

    The two nearest, and the nearest monthly one beyond them, which the exchange has listed for months: without it
    a term structure would have no far end in every week whose next expiry is the month's.
    """
    months = monthly_expiries(day, monthly, calendar)
    if not months:
        raise CalendarError(
            rule="a monthly contract is listed on every session",
            value=day,
            place="rules of configs/embedded_market.yaml",
            remedy=f"the calendar ends on {calendar.last}: ask for an earlier session, or give an earlier rule",
        )
    weeks = weekly_expiries(day, weekly, months, calendar)
    dates = sorted(set(weeks) | set(months))
    chosen = [*dates[:2], *[month for month in months if month > dates[:2][-1]][:1]]
    contracts = []
    for rank, expiry in enumerate(chosen):
        if expiry in months:
            bucket = "CM" if expiry == months[0] else "NM"
        else:
            bucket = "CW" if rank == 0 else "NW"
        contracts.append(Contract(expiry, expiry in months, bucket))
    return tuple(contracts)


def monthly_expiries(day: date, rules: Sequence[ExpiryRule], calendar: SessionCalendar) -> list[date]:
    """Monthly expiries from ``day`` on, the last listed weekday of each month, for about three months."""
    found = []
    year, month = day.year, day.month
    for _ in range(4):
        last = date(year, month, month_calendar.monthrange(year, month)[1])
        weekday = _weekday(rules, last)
        if weekday is not None:
            nominal = last - timedelta(days=(last.weekday() - weekday) % 7)
            expiry = _on_session(nominal, calendar)
            if expiry is not None and expiry >= day:
                found.append(expiry)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found[:3]


def weekly_expiries(
    day: date, rules: Sequence[ExpiryRule], months: Sequence[date], calendar: SessionCalendar
) -> list[date]:
    """Weekly expiries from ``day`` on that are not in a week with a monthly expiry, for about three weeks."""
    found = []
    taken = {expiry.isocalendar()[:2] for expiry in months}
    monday = day - timedelta(days=day.weekday())
    for week in range(4):
        start = monday + timedelta(weeks=week)
        weekday = _weekday(rules, start + timedelta(days=4))
        if weekday is None or start.isocalendar()[:2] in taken:
            continue
        expiry = _on_session(start + timedelta(days=weekday), calendar)
        if expiry is not None and expiry >= day:
            found.append(expiry)
    return found


def _weekday(rules: Sequence[ExpiryRule], day: date) -> int | None:
    at = bisect_left([rule.from_expiry for rule in rules], day + timedelta(days=1)) - 1
    return rules[at].weekday if at >= 0 else None


def _on_session(nominal: date, calendar: SessionCalendar) -> date | None:
    if nominal > calendar.last:
        return None
    return nominal if calendar.is_session(nominal) else calendar.previous(nominal)
