"""``mr evaluate`` as people and scripts type it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mr_platform import stations
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

ROW = {
    "components": "c1",
    "accuracy": 0.634,
    "accuracy_interval": [0.591, 0.673],
    "macro_f1": 0.621,
    "macro_f1_interval": [0.571, 0.656],
    "mcc": 0.58,
    "mcc_interval": [0.533, 0.621],
    "skill": 0.129,
    "skill_interval": [0.032, 0.216],
    "best_baseline": "persistence",
    "table": "regime_nowcast: trees_stacked, accepted\n",
    "seconds": 9.5,
}


def mr(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], home: Path, *arguments: str
) -> tuple[int, str, str]:
    from mr_platform.cli import main

    monkeypatch.setattr(sys, "argv", ["mr", "evaluate", *arguments])
    monkeypatch.setenv("MR_HOME", str(home))
    with pytest.raises(SystemExit) as stopped:
        main()
    told = capfd.readouterr()
    return int(stopped.value.code or 0), told.out, told.err


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the station is asked for; a lake with labels of two symbols."""
    import datetime

    import pyarrow as pa

    found: dict[str, Any] = {}

    def compare(lake: Lake, task: str, symbols: list[str], **chosen: Any) -> list[dict[str, Any]]:
        found.update(chosen, task=task, symbols=symbols)
        return [ROW]

    lake = Lake(tmp_path / "lake")
    for symbol, day in (("NIFTY", 1), ("BANKNIFTY", 2)):
        lake.publish("labels/regime_h12", Partition(symbol, datetime.date(2022, 11, day)), pa.table({"label": ["CBV"]}))
    monkeypatch.setattr(stations, "compare_components", compare)
    return found


def test_c1_alone_is_compared_with_all_on_the_newest_labels(asked, tmp_path: Path, monkeypatch, capfd) -> None:
    code, out, _ = mr(monkeypatch, capfd, tmp_path, "regime_h12")
    assert code == 0
    assert asked["symbols"] == ["BANKNIFTY", "NIFTY"]
    assert str(asked["until"]) == "2022-11-02"
    assert asked["sets"] == [("c1",), ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")]
    assert "trees_stacked, accepted" in out and "0.634 [0.591, 0.673]" in out


def test_sets_symbols_and_the_last_session_are_chosen(asked, tmp_path: Path, monkeypatch, capfd) -> None:
    options = ("--components", "c1,c4", "--components", "all", "--symbols", "nifty", "--until", "2022-11-01", "--json")
    code, out, _ = mr(monkeypatch, capfd, tmp_path, "regime_h12", *options)
    assert code == 0
    assert json.loads(out) == [ROW]
    assert asked["symbols"] == ["NIFTY"]
    assert [len(one) for one in asked["sets"]] == [2, 8]
    assert str(asked["until"]) == "2022-11-01"


def test_without_labels_there_is_nothing_to_evaluate(tmp_path: Path, monkeypatch, capfd) -> None:
    code, _, err = mr(monkeypatch, capfd, tmp_path, "regime_nowcast")
    assert code == 1
    assert "labels/regime_nowcast" in err


def test_an_unknown_component_is_wrong_usage(asked, tmp_path: Path, monkeypatch, capfd) -> None:
    code, _, err = mr(monkeypatch, capfd, tmp_path, "regime_h12", "--components", "c9")
    assert code == 2
    assert "c9" in err
