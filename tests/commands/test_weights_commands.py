"""``mr weights`` as people and scripts type it."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import IST
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import defaults
from mr_platform.regimes.adaptation import next_weights
from mr_platform.regimes.performance import SessionPerformance
from mr_platform.regimes.weights_in_force import read_weights
from mr_platform.stations.weights import WEIGHTS, publish_start_weights

DAY = date(2022, 11, 15)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Start values and one change near the expiry."""
    lake = Lake(tmp_path / "lake")
    first = publish_start_weights(lake, "NIFTY")
    told = np.ones((5, 7))
    told[0], told[1, 0] = 40.0, 0.0
    moment = datetime(2022, 11, 15, 9, 15, tzinfo=IST)
    performance = SessionPerformance(date(2022, 11, 14), moment - timedelta(hours=18), "1.a", {("0-7", "ANY"): told})
    settings = defaults(MasterIntegrationParameters)
    before = read_weights(lake.read(WEIGHTS, first))
    after = next_weights(before, [performance], moment, settings, since=first.trade_date)
    lake.publish(WEIGHTS, Partition("NIFTY", DAY), after.table())
    return tmp_path


def mr(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], home: Path, *arguments: str
) -> tuple[int, str, str]:
    from mr_platform.cli import main

    monkeypatch.setattr(sys, "argv", ["mr", "weights", *arguments, "--symbol", "NIFTY"])
    monkeypatch.setenv("MR_HOME", str(home))
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capfd.readouterr()
    return int(stopped.value.code or 0), said.out, said.err


def test_the_weights_in_force_their_history_and_an_undoing(home: Path, monkeypatch, capfd) -> None:
    code, out, _ = mr(monkeypatch, capfd, home, "show", "--json", "--dte", "0-7")
    rows = json.loads(out)
    assert code == 0
    assert [row["component_id"] for row in rows] == list(range(1, 8))
    # performances .6 and six times 1 share 1: C1 goes towards .6 / 6.6
    assert rows[0]["weight_value"] == pytest.approx(0.20 + 0.1 * (0.6 / 6.6 - 0.20))
    code, out, _ = mr(monkeypatch, capfd, home, "show", "--json", "--dte", "0-7", "--date", "2015-01-01")
    assert [row["weight_value"] for row in json.loads(out)] == [0.20, 0.10, 0.15, 0.15, 0.15, 0.10, 0.15]
    _, out, _ = mr(monkeypatch, capfd, home, "history", "--json", "--component", "1", "--dte", "0-7")
    told = json.loads(out)
    assert [row["previous_value"] for row in told] == [None, 0.20]
    assert told[1]["reason"].startswith("learned: performance 0.6000 of 40 answers in 1 sessions up to 2022-11-14")
    code, out, _ = mr(
        monkeypatch, capfd, home, "undo", told[1]["weight_id"][:8], "--why", "false prints", "--who", "ann", "--json"
    )
    undone = json.loads(out)[0]
    assert code == 0
    assert undone["in_force_from"] == "2022-11-16"
    assert undone["weights"] == [0.20, 0.10, 0.15, 0.15, 0.15, 0.10, 0.15]
    assert undone["reason"] == f"{told[1]['weight_id']} by ann: false prints"


def test_the_pages_for_people_hold_the_numbers(home: Path, monkeypatch, capfd) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    _, out, _ = mr(monkeypatch, capfd, home, "show")
    assert "0.1891" in out and "31+" in out
    _, out, _ = mr(monkeypatch, capfd, home, "history", "--component", "1")
    assert "start value" in out and "learned: performance 0.6000" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("undo", "ffffffff", "--why", "a slip"), 2, "one change of the symbol's weights has that id"),
        (("show", "--regime", "CALM"), 2, "weights are held by days to expiry and regime"),
        (("show", "--date", "2022-11-14"), 1, "2022-11-14"),
    ],
)
def test_what_is_not_there_is_said_with_its_exit_code(
    home: Path, monkeypatch, capfd, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended, _, err = mr(monkeypatch, capfd, home, *arguments)
    assert (ended, said in err) == (code, True), err
