"""Overrides of the environment on sets that stand: they fill gaps, never outvote, and go when they are taken away."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from mr_platform.errors import DataError
from mr_platform.lake.store import Lake
from mr_platform.parameters import loading, versions
from mr_platform.parameters.overrides import overrides_in, variable_of, with_overrides
from mr_platform.parameters.resolution import Attempt, default_set, replaced
from mr_platform.parameters.template import build_workbook
from mr_platform.parameters.triple_straddle import TripleStraddleParameters
from mr_platform.parameters.validation import located
from mr_platform.stations.parameters import active_set, in_force, stamp

NOW = datetime(2026, 11, 20, 16, 0)
WINDOW = "StraddleAnalysisConfig.statistics_window"
VARIABLE = "MR_PARAMETER__StraddleAnalysisConfig__statistics_window"
LIMIT = "PerformanceMetrics.computation_time.Critical"


def take_up(lake: Lake, path: Path | None = None, **environment: str) -> loading.Loaded:
    return loading.take_up(lake, path, environment, who="ann", when=NOW)


def change(lake: Lake, name: str, value: object) -> None:
    versions.change(lake, name, value, who="ann", when=NOW, why="by hand")  # type: ignore[arg-type]


def resolved(lake: Lake, name: str = WINDOW) -> tuple[object, str]:
    version = versions.latest(lake)
    assert version is not None
    found = versions.read_with_origins(lake, version).resolved[name]
    return found.value, found.origin


def test_overrides_become_a_version_that_names_them(lake: Lake) -> None:
    loaded = take_up(lake, **{VARIABLE: "30", "HOME": "/nowhere"})
    assert loaded.version is not None
    assert loaded.version.why == "overrides of the environment: StraddleAnalysisConfig__statistics_window"
    assert resolved(lake) == (30, "environment")
    assert take_up(lake, **{VARIABLE: "30"}).version is None


def test_an_override_that_is_taken_away_leaves_the_default(lake: Lake) -> None:
    take_up(lake, **{VARIABLE: "30"})
    loaded = take_up(lake)
    assert loaded.version is not None
    assert loaded.version.why == "overrides were taken away"
    assert resolved(lake) == (20, "default")


def test_a_change_and_a_workbooks_cell_go_before_an_override(lake: Lake, tmp_path: Path) -> None:
    change(lake, WINDOW, 40)
    loaded = take_up(lake, **{VARIABLE: "30"})
    assert loaded.version is None
    assert [(one.where, one.value) for one in loaded.parameter_set.warnings] == [(VARIABLE, "30")]
    assert resolved(lake) == (40, "change")
    path = tmp_path / "book.xlsx"
    path.write_bytes(build_workbook())
    take_up(lake, path, **{VARIABLE: "30"})
    assert resolved(lake) == (20, "workbook")


def test_an_override_fills_what_a_workbook_leaves_open_and_a_changed_one_loads_no_workbook_again(
    lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "portfolio.xlsx"
    path.write_bytes(build_workbook("portfolio"))
    take_up(lake, path, **{VARIABLE: "30"})
    assert resolved(lake) == (30, "environment")
    change(lake, "PortfolioSetting.1.MaxPositions", 3)
    loaded = take_up(lake, path, **{VARIABLE: "35"})
    assert loaded.version is not None
    assert loaded.version.source == ""
    assert resolved(lake) == (35, "environment")
    assert resolved(lake, "PortfolioSetting.1.MaxPositions") == (3, "change")


def test_what_the_workbook_answered_is_still_told(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "portfolio.xlsx"
    path.write_bytes(build_workbook("portfolio"))
    take_up(lake, path)
    take_up(lake, path, **{VARIABLE: "30"})
    version = versions.latest(lake)
    assert version is not None
    found = versions.read_with_origins(lake, version).resolved[WINDOW]
    assert found.tried == (Attempt("workbook", "no workbook", "none was given"),)
    assert found.place == VARIABLE


def test_a_faulty_override_changes_nothing(lake: Lake) -> None:
    loaded = take_up(lake, **{VARIABLE: "many"})
    assert [one.where for one in loaded.parameter_set.faults] == [VARIABLE]
    assert versions.latest(lake) is None
    levels = "MR_PARAMETER__PerformanceMetrics__computation_time__Critical"
    assert "run one way" in take_up(lake, **{levels: "99"}).parameter_set.faults[0].rule


def test_without_a_version_overrides_hold_for_whoever_reads_and_with_one_the_lake_alone(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = stamp(lake, TripleStraddleParameters)
    monkeypatch.setenv(VARIABLE, "30")
    assert in_force(lake, TripleStraddleParameters).window == 30
    assert active_set(lake).values[WINDOW] == 30
    assert stamp(lake, TripleStraddleParameters) != plain
    change(lake, "StabilityConfiguration.learning_rate", 0.2)
    assert in_force(lake, TripleStraddleParameters).window == 20
    assert stamp(lake, TripleStraddleParameters) == plain


def test_a_faulty_override_of_a_home_without_a_version_is_raised_and_not_passed_over(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "many")
    with pytest.raises(DataError, match=VARIABLE):
        in_force(lake, TripleStraddleParameters)


def test_a_default_that_was_declared_anew_is_not_slipped_into_a_set_that_stands() -> None:
    base = default_set()
    older = replaced(base, {WINDOW: base.resolved[WINDOW]._replace(value=25)})
    assert with_overrides(older, {}).values[WINDOW] == 25
    assert with_overrides(older, {VARIABLE: "30"}).values[WINDOW] == 30


def test_every_value_has_a_variable_that_overrides_it() -> None:
    base = default_set()
    enabled = "ValidationRules.VAL001.Enabled"
    for name, text, value in ((WINDOW, "30", 30), (LIMIT, "600", 600.0), (enabled, "FALSE", False)):
        variable = variable_of(located(base, name))
        assert with_overrides(base, {variable: text}).values[name] == value
    assert overrides_in({"PATH": "x", VARIABLE: "1"}) == {VARIABLE: "1"}
