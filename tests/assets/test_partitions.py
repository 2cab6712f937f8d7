"""Partition keys: which symbol-days exist, and what a key means."""

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from assets.partitions import (
    closed_days,
    contiguous,
    partition_symbols,
    symbol_days,
    to_partitions,
    trade_dates,
)
from mr_platform.environments import load_environment
from mr_platform.errors import CalendarError, UsageError
from mr_platform.lake.layout import Partition
from mr_platform.market.sessions import nse_calendar


@pytest.fixture(scope="module")
def environment():
    return load_environment("test")


def keys_at(environment, moment):
    return trade_dates(environment).get_partition_keys(current_time=moment)


def test_keys_are_the_sessions_with_special_days_and_without_holidays(environment):
    keys = keys_at(environment, datetime(2025, 3, 3, 6, 0, tzinfo=UTC))
    assert keys[0] == "2024-07-01"
    assert "2024-10-02" not in keys  # Gandhi Jayanti
    assert "2024-11-01" in keys  # Muhurat evening on a holiday
    assert "2025-02-01" in keys  # budget day, a Saturday
    assert "2025-02-02" not in keys  # an ordinary Sunday
    assert "2025-02-26" not in keys  # Mahashivratri


def test_keys_equal_the_calendar_session_by_session(environment):
    calendar = nse_calendar()
    keys = keys_at(environment, datetime(2026, 6, 30, 12, 0, tzinfo=UTC))
    assert [date.fromisoformat(key) for key in keys] == calendar.between(environment.start_date, date(2026, 6, 30))


@pytest.mark.parametrize(
    ("moment", "last"),
    [
        (datetime(2025, 2, 13, 18, 29, tzinfo=UTC), "2025-02-13"),  # 23:59 IST
        (datetime(2025, 2, 13, 18, 31, tzinfo=UTC), "2025-02-14"),  # 00:01 IST: the new day's partition exists
        (datetime(2025, 2, 15, 6, 0, tzinfo=UTC), "2025-02-17"),  # Saturday: the next session is offered early
    ],
)
def test_todays_partition_exists_from_midnight_in_india(environment, moment, last):
    assert keys_at(environment, moment)[-1] == last


def test_no_partition_beyond_the_calendars_last_day(environment):
    keys = keys_at(environment, datetime(2027, 6, 1, tzinfo=UTC))
    assert keys[-1] == "2026-12-31"


def test_a_key_reads_symbol_then_date(environment):
    keys = symbol_days(environment).get_partition_keys(current_time=datetime(2024, 7, 3, 6, 0, tzinfo=UTC))
    assert [str(key) for key in keys[:4]] == [
        "NIFTY|2024-07-01",
        "NIFTY|2024-07-02",
        "NIFTY|2024-07-03",
        "BANKNIFTY|2024-07-01",
    ]


def test_live_symbols_come_first_so_that_a_range_covers_exactly_them(environment):
    assert partition_symbols(environment) == ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY")
    definition = symbol_days(environment)
    covered = definition.get_partition_keys_in_range(dg.PartitionKeyRange("NIFTY|2025-02-14", "BANKNIFTY|2025-02-14"))
    assert [str(key) for key in covered] == ["NIFTY|2025-02-14", "BANKNIFTY|2025-02-14"]


def test_to_partitions_sorts_and_accepts_any_set_of_keys():
    found = to_partitions(["NIFTY|2025-02-14", "BANKNIFTY|2025-02-13", "NIFTY|2025-02-01"], nse_calendar())
    assert found == [
        Partition("BANKNIFTY", date(2025, 2, 13)),
        Partition("NIFTY", date(2025, 2, 1)),
        Partition("NIFTY", date(2025, 2, 14)),
    ]


@pytest.mark.parametrize(("key", "word"), [("NIFTY|2025-02-15", "weekend"), ("NIFTY|2025-02-26", "holiday")])
def test_a_day_without_session_is_refused_with_the_reason(key, word):
    with pytest.raises(CalendarError, match=word):
        to_partitions([key], nse_calendar())


def test_a_malformed_key_says_how_to_write_it():
    with pytest.raises(UsageError, match=r"NIFTY\|2026-11-20"):
        to_partitions(["NIFTY-2025-02-14"], nse_calendar())


def test_closed_days_are_weekends_and_holidays_but_not_special_sessions():
    closed = {day.date() for day in closed_days(nse_calendar(), date(2025, 1, 25))}
    assert {date(2025, 1, 25), date(2025, 1, 26), date(2025, 2, 2), date(2025, 2, 26)} <= closed
    assert date(2025, 2, 1) not in closed


ORDER = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY")


@pytest.mark.parametrize(
    ("symbols", "stretches"),
    [
        ((), []),
        (("NIFTY",), [("NIFTY", "NIFTY")]),
        (("BANKNIFTY", "NIFTY"), [("NIFTY", "BANKNIFTY")]),
        (("NIFTY", "FINNIFTY"), [("NIFTY", "NIFTY"), ("FINNIFTY", "FINNIFTY")]),
        (("NIFTY", "FINNIFTY", "MIDCPNIFTY"), [("NIFTY", "NIFTY"), ("FINNIFTY", "MIDCPNIFTY")]),
        (ORDER, [("NIFTY", "MIDCPNIFTY")]),
    ],
)
def test_symbols_fall_into_unbroken_stretches(symbols, stretches):
    assert contiguous(symbols, ORDER) == stretches
