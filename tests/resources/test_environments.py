"""The map of environments is exhaustive: an unknown name is an error."""

from datetime import date

import pytest
import yaml

from mr_platform.environments import Home, current_home, load_environment
from mr_platform.errors import UsageError


def test_an_unknown_environment_is_refused_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("MR_ENV", "qa")
    with pytest.raises(UsageError, match=r"found: qa.*'development', 'production', 'test'"):
        load_environment()


def test_the_environment_is_named_by_the_variable(monkeypatch):
    monkeypatch.setenv("MR_ENV", "production")
    found = load_environment()
    assert (found.name, found.start_date) == ("production", date(2018, 1, 1))
    assert found.live_symbols == ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY")


def test_without_a_name_it_is_development_which_has_no_schedule(monkeypatch):
    monkeypatch.delenv("MR_ENV", raising=False)
    found = load_environment()
    assert found.name == "development"
    assert "end_of_day" not in found.automation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"processes": 0}, "processes is a whole number of at least 1"),
        ({"processes": True}, "processes is a whole number of at least 1"),
        ({"live_symbols": "NIFTY"}, "live_symbols is a list of names"),
        ({"automation": ["intraday", "trading"]}, "automation is chosen from"),
        ({"start_date": "soon"}, "start_date is a date"),
        ({"colour": "blue"}, "an environment has exactly the keys"),
    ],
)
def test_a_malformed_environment_says_the_rule(tmp_path, monkeypatch, change, message):
    entry = {
        "start_date": date(2025, 1, 1),
        "live_symbols": ["NIFTY"],
        "live_profile": "platform_chain",
        "bar_minutes": 5,
        "grace_seconds": 60,
        "processes": 1,
        "automation": [],
    }
    (tmp_path / "environments.yaml").write_text(yaml.safe_dump({"mine": entry | change}))
    monkeypatch.setenv("MR_CONFIGS", str(tmp_path))
    with pytest.raises(UsageError, match=message):
        load_environment("mine")


def test_everything_written_lies_below_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MR_HOME", str(tmp_path))
    home = current_home()
    assert home == Home(tmp_path)
    assert {home.lake, home.landing, home.dagster} == {tmp_path / "lake", tmp_path / "landing", tmp_path / "dagster"}
