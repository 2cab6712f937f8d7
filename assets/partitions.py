"""Partitions of the graph: symbol x trade date, one per trading session and underlying.

What belongs here: the partition definition, and the translation between Dagster's keys (``NIFTY|2026-11-20``) and
the lake's ``Partition``. Never a partition per bar: past about 100,000 keys the UI and the daemon choke, and a bar is
a re-materialisation of its day.

Days remember earlier days (contexts, label cuts), and yet every dependency maps a key to itself: with a mapping to the
252 sessions before, Dagster reads a backfill of three days as one of the 252 sessions after them as well. The order
that memory needs comes from the runs: a run works through its days in date order, layer by layer, and the queue lets
the runs of a backfill through one at a time, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from mr_platform.environments import Environment
from mr_platform.lake.layout import Partition
from mr_platform.market.sessions import SessionCalendar, nse_calendar

SYMBOLS = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY")
TIMEZONE = "Asia/Kolkata"


def partition_symbols(environment: Environment) -> tuple[str, ...]:
    """All symbols in partition order: the live ones first, so that a range of keys covers exactly them."""
    live = environment.live_symbols
    return (*live, *(symbol for symbol in SYMBOLS if symbol not in live))


def closed_days(calendar: SessionCalendar, start: date) -> list[datetime]:
    """Midnights of the days from ``start`` to the calendar's end on which the exchange does not trade."""
    span = (calendar.last - start).days + 1
    days = (start + timedelta(days=n) for n in range(span))
    return [datetime(day.year, day.month, day.day) for day in days if not calendar.is_session(day)]


def trade_dates(environment: Environment) -> dg.DailyPartitionsDefinition:
    """One partition per session, special weekend sessions included; today's exists from midnight IST."""
    calendar = nse_calendar()
    return dg.DailyPartitionsDefinition(
        start_date=environment.start_date.isoformat(),
        # the calendar knows nothing beyond its last day, so neither may the partitions
        end_date=(calendar.last + timedelta(days=1)).isoformat(),
        timezone=TIMEZONE,
        end_offset=1,
        exclusions=closed_days(calendar, environment.start_date),
    )


def symbol_days(environment: Environment) -> dg.MultiPartitionsDefinition:
    """The partitions of every symbol-day asset. Keys sort by dimension name: ``SYMBOL|YYYY-MM-DD``."""
    return dg.MultiPartitionsDefinition(
        {
            "symbol": dg.StaticPartitionsDefinition(list(partition_symbols(environment))),
            "trade_date": trade_dates(environment),
        }
    )


def to_partitions(keys: Iterable[str], calendar: SessionCalendar) -> list[Partition]:
    """Lake partitions of Dagster's keys, sorted.

    Today's partition is offered early (``end_offset=1`` shows the next session on a closed day), so the
    calendar is asked again: CalendarError for a date that is no session.
    """
    found = sorted(Partition.parse(str(key)) for key in keys)
    for partition in found:
        calendar.session(partition.trade_date)
    return found


def contiguous(symbols: Sequence[str], order: Sequence[str]) -> list[tuple[str, str]]:
    """First and last of each unbroken stretch of ``symbols`` in partition order.

    Dagster runs a rectangle of keys as one run; symbols that are not neighbours need one run each stretch.
    """
    stretches: list[tuple[str, str]] = []
    inside = False
    for symbol in order:
        wanted = symbol in symbols
        if wanted and inside:
            stretches[-1] = (stretches[-1][0], symbol)
        elif wanted:
            stretches.append((symbol, symbol))
        inside = wanted
    return stretches
