"""The validation rules as an asset check: what fails it, what it shows, how many days it looks at."""

from datetime import date, datetime

import dagster as dg
import pytest

from assets.checks import RULES_UP_TO, peak_memory_mb, rule_check
from mr_platform import stations
from mr_platform.lake.layout import Partition
from mr_platform.quality.validation_rules import Outcome

KEY = dg.AssetKey(["regimes", "master_regime_analysis"])
DAYS = [Partition("NIFTY", date(2022, 11, day)) for day in (1, 2, 3, 4, 7, 9)]


@pytest.fixture
def outcomes(monkeypatch):
    """Makes every symbol-day answer with these outcomes, and keeps what was asked."""
    asked = []

    def answer(*found):
        def validation_outcomes(lake, partition, *, as_of=None, memory_mb=None):
            asked.append((partition, as_of, memory_mb))
            return found

        monkeypatch.setattr(stations, "validation_outcomes", validation_outcomes)
        return asked

    return answer


def outcome(severity, status, count=0):
    return Outcome("VAL001", "Name", "x>1", severity, "act", status, count, 10, "10:15", "")


@pytest.mark.parametrize(
    ("severity", "status", "passed"),
    [
        ("CRITICAL", "hit", False),
        ("ERROR", "hit", False),
        ("WARNING", "hit", True),
        ("INFO", "hit", True),
        ("CRITICAL", "passed", True),
        ("CRITICAL", "unknown", True),
        ("CRITICAL", "disabled", True),
    ],
)
def test_a_hit_of_an_error_fails_the_check_and_blocks_nothing(lake, outcomes, severity, status, passed):
    outcomes(outcome(severity, status, 3))
    found = rule_check(KEY, lake, DAYS[:1], None)
    assert (found.passed, found.severity) == (passed, dg.AssetCheckSeverity.WARN)


def test_what_hit_and_what_nobody_could_look_at_is_shown(lake, outcomes):
    outcomes(outcome("INFO", "hit", 3), outcome("INFO", "unknown"), outcome("INFO", "passed"))
    found = rule_check(KEY, lake, DAYS[:1], None)
    rows = [record.data for record in found.metadata["rules hit or unknown"].records]
    assert [(row["partition"], row["status"], row["count"]) for row in rows] == [
        ("NIFTY|2022-11-01", "hit", 3),
        ("NIFTY|2022-11-01", "unknown", 0),
    ]
    assert found.metadata["hits"].value == 1


def test_the_newest_days_of_a_run_are_looked_at_with_its_moment_and_memory(lake, outcomes):
    asked = outcomes()
    moment = datetime(2022, 11, 9, 10, 5)
    rule_check(KEY, lake, DAYS, moment)
    assert [partition for partition, _, _ in asked] == DAYS[-RULES_UP_TO:]
    assert {as_of for _, as_of, _ in asked} == {moment}
    assert all(10 < memory <= peak_memory_mb() for _, _, memory in asked)
