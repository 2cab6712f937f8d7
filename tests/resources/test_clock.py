"""The injected clock."""

from datetime import datetime, timedelta

import pytest

from mr_platform.errors import UsageError
from mr_platform.market.sessions import IST
from resources.clock import Clock, write_clock


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-02-14T10:05:00", datetime(2025, 2, 14, 10, 5, tzinfo=IST)),
        ("2025-02-14T04:35:00+00:00", datetime(2025, 2, 14, 10, 5, tzinfo=IST)),
        ("2025-02-14T10:05:00+05:30\n", datetime(2025, 2, 14, 10, 5, tzinfo=IST)),
    ],
)
def test_a_file_clock_says_its_time_in_ist(tmp_path, text, moment):
    (tmp_path / "clock").write_text(text)
    found = Clock(file=str(tmp_path / "clock")).now()
    assert found == moment
    assert found.utcoffset() == timedelta(hours=5, minutes=30)


def test_a_written_clock_reads_back(tmp_path):
    write_clock(tmp_path / "clock", datetime(2025, 2, 14, 15, 30))
    assert Clock(file=str(tmp_path / "clock")).now() == datetime(2025, 2, 14, 15, 30, tzinfo=IST)


def test_a_missing_clock_file_is_an_error_not_the_system_time(tmp_path):
    with pytest.raises(UsageError, match="the clock file holds one ISO time"):
        Clock(file=str(tmp_path / "gone")).now()


def test_without_a_file_it_is_the_systems_clock():
    before = datetime.now(IST)
    assert before <= Clock().now() <= datetime.now(IST)
