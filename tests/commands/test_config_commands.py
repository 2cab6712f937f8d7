"""``mr config`` as its users type it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mr_platform.parameters.template import build_workbook

RATE = "StabilityConfiguration.learning_rate"


class Shell:
    """Runs ``mr config`` in this process on a home of its own."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._patch = monkeypatch
        self._capture = capfd

    def __call__(self, *arguments: object, code: int = 0) -> str:
        """What it said on stdout, and on stderr behind it; the exit code is ``code``."""
        from mr_platform.cli import main

        self._patch.setattr(sys, "argv", ["mr", "config", *map(str, arguments), "--home", str(self.home)])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = self._capture.readouterr()
        assert int(stopped.value.code or 0) == code, said.out + said.err
        return said.out + said.err

    def json(self, *arguments: object, code: int = 0) -> Any:
        """The one JSON document on stdout."""
        return json.JSONDecoder().raw_decode(self(*arguments, "--json", code=code))[0]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setenv("MR_USER", "ann")
    return Shell(tmp_path / "home", monkeypatch, capfd)


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workbook") / "template.xlsx"
    path.write_bytes(build_workbook())
    return path


@pytest.fixture
def workbook(generated: Path, tmp_path: Path) -> Path:
    """The template, to be changed."""
    return Path(shutil.copy(generated, tmp_path / "book.xlsx"))


def edited(path: Path, **cells: object) -> Path:
    """The workbook with cells changed by another program; names are Sheet__B7."""
    import openpyxl

    book = openpyxl.load_workbook(path)
    for name, value in cells.items():
        sheet, _, address = name.rpartition("__")
        book[sheet][address] = value
    book.save(path)
    return path


def row_of(path: Path, sheet: str, name: str) -> int:
    import openpyxl

    cells = openpyxl.load_workbook(path)[sheet]["A"]
    return next(cell.row for cell in cells if cell.value == name)


def test_the_template_checks_clean_and_every_cell_is_accounted_for(config: Shell, workbook: Path) -> None:
    found = config.json("check", workbook)
    assert (found["errors"], found["warnings"], found["dead"], found["unsteered"]) == ([], [], [], [])
    assert found["sheets"] == 36
    assert found["cells"] == sum(found["cells_by_use"].values())
    assert len(found["planned"]) == sum(found["planned_by_consumer"].values()) > 0
    assert not config.home.exists()


def test_a_check_tells_every_fault_and_ends_with_one(config: Shell, workbook: Path) -> None:
    rate = row_of(workbook, "StabilityConfiguration", "learning_rate")
    gamma = row_of(workbook, "GreekSentimentConfig", "gamma_weight")
    edited(
        workbook,
        **{
            f"StabilityConfiguration__B{rate}": "lots",
            f"GreekSentimentConfig__B{gamma}": 0.5,
            "ValidationRules__C2": "data_gap>5min",
            f"StabilityConfiguration__A{rate + 1}": "adaptation_windw",
        },
    )
    found = config.json("check", workbook, code=1)
    errors = {one["where"]: one for one in found["errors"]}
    fault = errors.pop(f"book.xlsx!StabilityConfiguration!B{rate}")
    assert fault["value"] == "lots"
    (shares,) = errors.values()
    assert f"book.xlsx!GreekSentimentConfig!B{gamma}" in shares["where"]
    assert "sum to 1" in shares["rule"]
    warnings = {one["where"]: one for one in found["warnings"]}
    assert warnings[f"book.xlsx!StabilityConfiguration!A{rate + 1}"]["remedy"].endswith("nearest: adaptation_window")
    assert warnings["book.xlsx!ValidationRules!C2"]["rule"].startswith("no quantity is called data_gap")
    told = config("check", workbook, code=1)
    assert "errors: 2" in told
    assert f"StabilityConfiguration!B{rate}: lots" in told


@pytest.mark.parametrize(
    ("condition", "at"), [("no(such", "ValidationRules!C2"), (None, "ValidationRules!A2")], ids=["malformed", "empty"]
)
def test_a_validation_rule_without_a_condition_is_told_beside_the_other_faults(
    config: Shell, workbook: Path, condition: str | None, at: str
) -> None:
    hours = row_of(workbook, "MasterConfiguration", "market_open_time")
    edited(workbook, ValidationRules__C2=condition, **{f"MasterConfiguration__B{hours}": "25:99"})
    errors = {one["where"].split("!", 1)[1] for one in config.json("check", workbook, code=1)["errors"]}
    assert {at, f"MasterConfiguration!B{hours}"} <= errors


def test_the_customers_workbook_checks_clean_and_its_contradictions_are_told(config: Shell, shared_data: Path) -> None:
    file = shared_data.parent / "excel" / "MR_CONFIG_STRATEGY_1.0.0.xlsx"
    if not file.is_file():
        pytest.skip("shared/excel is absent: no workbook of the customer beside this checkout")
    found = config.json("check", file)
    counts = {name: found[name] for name in ("sheets", "cells", "parameters", "records")}
    assert counts == {"sheets": 31, "cells": 3085, "parameters": 270, "records": 466}
    assert (found["errors"], found["warnings"], found["dead"]) == ([], [], [])
    assert found["cells_by_use"].get("unknown", 0) == 0
    told = [one["rule"] for one in found["contradictions"]]
    assert "weight of gamma: GreekSentimentConfig.gamma_component_weight rules" in told


def test_a_file_that_is_refused_is_told_as_such(config: Shell, tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_text("hello")
    assert config.json("check", tmp_path / "book.xlsx", code=1)["error"] == "SourceError"


def test_a_workbook_is_loaded_after_a_look_at_what_would_change(config: Shell, workbook: Path) -> None:
    row = row_of(workbook, "StabilityConfiguration", "learning_rate")
    edited(workbook, **{f"StabilityConfiguration__B{row}": 0.2})
    dry = config("load", workbook, "--why", "faster")
    assert RATE in dry
    assert "nothing was published" in dry
    assert config.json("history") == []
    assert config.json("load", workbook, "--why", "faster", "--yes")["published"] is True
    (version,) = config.json("history")
    assert {key: version[key] for key in ("number", "who", "why", "source", "changes")} == {
        "number": 1,
        "who": "ann",
        "why": "faster",
        "source": "book.xlsx",
        "changes": 1,
    }
    assert config.json("load", workbook, "--why", "again", "--yes")["published"] is False
    traced = config.json("trace", RATE)
    assert (traced["value"], traced["origin"]) == (0.2, "workbook")
    assert traced["place"] == f"book.xlsx!StabilityConfiguration!B{row}"


def test_a_workbook_with_faults_is_not_loaded(config: Shell, workbook: Path) -> None:
    edited(workbook, StabilityConfiguration__B2="soon")
    assert config.json("load", workbook, "--why", "x", "--yes", code=1)["errors"]
    assert config.json("history") == []


def test_set_trace_diff_history_and_undo_tell_one_story(config: Shell) -> None:
    config("set", RATE, 0.2, "--why", "faster", "--who", "bob")
    config("set", RATE, 0.25, "--why", "faster still")
    (change,) = config.json("diff", "1", "2")
    assert change == {
        "id": RATE,
        "kind": "changed",
        "before": 0.2,
        "after": 0.25,
        "steers": "learning/retraining",
    }
    assert config.json("diff", "default", "1")[0]["before"] == 0.1
    traced = config.json("trace", RATE)
    assert traced["place"].startswith("changed by ann on ")
    assert [attempt["found"] for attempt in traced["tried"]] == [
        "none was given",
        "not set",
        "0.1, changed since",
        "0.2, changed since",
    ]
    config("undo", "--why", "too fast")
    assert config.json("trace", RATE)["value"] == 0.2
    assert [(v["number"], v["who"]) for v in config.json("history")] == [(1, "bob"), (2, "ann"), (3, "ann")]
    digest = config.json("history")[1]["digest"]
    assert config.json("diff", digest[:10], "active")[0]["after"] == 0.2


def test_a_person_is_told_where_a_value_comes_from(config: Shell) -> None:
    said = config("trace", "triple_straddle.window")
    assert said.splitlines()[0] == "StraddleAnalysisConfig.statistics_window = 20 bars"
    assert "read by features/c1_triple_straddle as triple_straddle.window" in said
    assert "1. workbook: no workbook: none was given" in said
    assert "2. environment: MR_PARAMETER__StraddleAnalysisConfig__statistics_window: not set" in said
    assert "3. default: declaration: taken" in said


def test_people_are_shown_values_as_the_workbook_writes_them(config: Shell) -> None:
    assert config("trace", "market_open_time").startswith("MasterConfiguration.market_open_time = 09:15 market time")
    assert config.json("trace", "market_open_time")["value"] == {"clock": "09:15"}
    config("set", "MasterConfiguration.market_open_time", "09:20", "--why", "a test")
    shown = config("show", "--sheet", "MasterConfiguration") + config("diff", "default")
    assert "09:20" in shown
    assert "{" not in shown


def test_an_override_that_was_refused_is_not_promised_to_the_next_run(
    config: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MR_PARAMETER__StraddleAnalysisConfig__statistics_window", "abc")
    said = config("trace", "triple_straddle.window")
    assert "refused: the value is a whole number" in said
    assert "takes it up" not in said


def test_a_value_may_begin_with_a_minus(config: Shell) -> None:
    config("set", "GreekSentimentConfig.level_cuts", "-0.5,-0.2,-0.1,0.1,0.2,0.5", "--why", "wider")
    assert config.json("trace", "GreekSentimentConfig.level_cuts")["value"] == [-0.5, -0.2, -0.1, 0.1, 0.2, 0.5]
    assert "--wyh" in config("set", RATE, "0.2", "--wyh", "x", "--why", "y", code=2)


def test_a_workbook_is_traced_without_being_loaded(config: Shell, workbook: Path) -> None:
    row = row_of(workbook, "StabilityConfiguration", "learning_rate")
    traced = config.json("trace", RATE, "--workbook", workbook)
    assert traced["place"] == f"book.xlsx!StabilityConfiguration!B{row}"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("trace", "gama_weight"), 2, "gamma_weight"),
        (("trace", "learning_rate"), 2, "name one of"),
        (("set", RATE, "9", "--why", "x"), 2, "the value lies between 0.01 and 0.3"),
        (("set", RATE, "=1+1", "--why", "x"), 2, "no cell holds a formula"),
        (("set", RATE, "0.2"), 2, "--why"),
        (("set", RATE, "0.2", "--why", " "), 2, "a version says why"),
        (("set", RATE, "0.2", "--why", "x", "--expect", "abcd"), 1, "the active set is the one that was looked at"),
        (("undo", "--why", "x"), 2, "there is a version to undo"),
        (("diff", "7"), 2, "a version is named by its number"),
        (("show", "--sheet", "Nope"), 2, "use one of Summary"),
        (("template", "book.xls"), 2, "a workbook is an .xlsx file"),
        (("check", "missing.xlsx"), 1, "a workbook can be opened"),
        (("export", "--yaml", "set.txt"), 2, "an export is a .yaml file"),
        (("check", "missing.yaml"), 1, "missing.yaml"),
    ],
)
def test_a_wrong_request_ends_with_its_code_and_the_remedy(
    config: Shell, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert said in config(*arguments, code=code)
    assert config.json("history") == []


def test_an_export_reads_back_as_the_same_set(config: Shell, tmp_path: Path) -> None:
    config("set", RATE, 0.2, "--why", "faster")
    out = tmp_path / "set.yaml"
    config("export", "--yaml", out)
    assert config.json("diff", out, "active") == []
    assert config.json("check", out)["errors"] == []
    assert "learning_rate: 0.2" in config("show", "--yaml", "--sheet", "StabilityConfiguration")


def test_a_template_of_the_active_set_reads_back_as_it(config: Shell, tmp_path: Path) -> None:
    config("set", RATE, 0.2, "--why", "faster")
    out = tmp_path / "active.xlsx"
    config("template", out, "--active")
    assert config.json("diff", out, "active") == []


def test_values_are_shown_with_unit_origin_and_reader(config: Shell) -> None:
    rows = config.json("show", "--sheet", "StabilityConfiguration")
    row = next(row for row in rows if row["id"] == RATE)
    assert row == {
        "id": RATE,
        "value": 0.1,
        "unit": "ratio",
        "origin": "default",
        "place": "declaration",
        "steers": "learning/retraining",
    }
    assert {row["id"].split(".")[0] for row in rows} == {"StabilityConfiguration"}


def test_one_value_is_written_into_a_workbook_and_nothing_else_changes(config: Shell, workbook: Path) -> None:
    before = Path(shutil.copy(workbook, workbook.with_name("before.xlsx")))
    done = config_write(config, workbook, RATE, "0.2")
    assert (done["before"], done["after"]) == (0.1, 0.2)
    assert [one["id"] for one in config.json("diff", before, workbook)] == [RATE]
    assert Path(done["backup"]).read_bytes() == before.read_bytes()


def config_write(config: Shell, *arguments: object, code: int = 0) -> Any:
    """``write`` takes no home: it changes a file."""
    from mr_platform.cli import main

    config._patch.setattr(sys, "argv", ["mr", "config", "write", *map(str, arguments), "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = config._capture.readouterr()
    assert int(stopped.value.code or 0) == code, said.out + said.err
    return json.loads(said.out)


def test_a_value_that_breaks_a_rule_is_not_written(config: Shell, workbook: Path) -> None:
    before = workbook.read_bytes()
    refused = config_write(config, workbook, "GreekSentimentConfig.gamma_weight", "0.5", code=1)
    assert "sum to 1" in refused["rule"]
    refused = config_write(config, workbook, RATE, "9", code=2)
    assert refused["rule"] == "the value lies between 0.01 and 0.3"
    assert workbook.read_bytes() == before


def test_a_value_that_the_workbook_has_no_cell_for_is_told_how_to_set_it(config: Shell, workbook: Path) -> None:
    row = row_of(workbook, "StabilityConfiguration", "learning_rate")
    edited(workbook, **{f"StabilityConfiguration__{column}{row}": None for column in "ABCDEFG"})
    refused = config_write(config, workbook, RATE, "0.2", code=2)
    assert f"mr config set {RATE} 0.2" in refused["remedy"]


def test_an_override_is_seen_in_a_check_of_a_workbook_that_is_silent(
    config: Shell, workbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = row_of(workbook, "StabilityConfiguration", "learning_rate")
    edited(workbook, **{f"StabilityConfiguration__{column}{row}": None for column in "ABCDEFG"})
    monkeypatch.setenv("MR_PARAMETER__StabilityConfiguration__learning_rate", "0.15")
    traced = config.json("trace", RATE, "--workbook", workbook)
    assert (traced["value"], traced["origin"]) == (0.15, "environment")


def test_a_five_minute_run_reads_its_parameters_without_any_workbook_library(config: Shell) -> None:
    config("set", "triple_straddle.window", 30, "--why", "longer")
    script = (
        "import sys; from pathlib import Path; from mr_platform import stations; "
        "from mr_platform.lake.store import Lake; from mr_platform.stations.parameters import in_force; "
        "from mr_platform.parameters.triple_straddle import TripleStraddleParameters; "
        f"print(in_force(Lake(Path({str(config.home / 'lake')!r})), TripleStraddleParameters).window); "
        "print([m for m in ('openpyxl', 'python_calamine') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["30", "[]"]
