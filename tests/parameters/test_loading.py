"""From files into the lake: one workbook after the other, each speaking of its own sheets."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from mr_platform.lake.store import Lake
from mr_platform.parameters import loading, versions
from mr_platform.parameters.interchange import as_yaml
from mr_platform.parameters.resolution import default_set
from mr_platform.parameters.template import build_workbook

NOW = datetime(2026, 11, 20, 16, 0)
RATE = "StabilityConfiguration.learning_rate"
POSITIONS = "PortfolioSetting.1.MaxPositions"


@pytest.fixture(scope="module")
def generated() -> dict[str, bytes]:
    return {kind: build_workbook(kind) for kind in ("strategy", "portfolio")}


def file(folder: Path, generated: dict[str, bytes], kind: str, **values: Any) -> Path:
    """A workbook of a kind; ``values``: of the cell behind a name, or below a header."""
    path = folder / f"{kind}.xlsx"
    path.write_bytes(generated[kind])
    book = openpyxl.load_workbook(path)
    for name, value in values.items():
        sheet, _, wanted = name.partition("__")
        cell = next(c for row in book[sheet].iter_rows() for c in row if c.value == wanted)
        target = cell.offset(column=1) if kind == "strategy" else cell.offset(row=1)
        target.value = value
    book.save(path)
    return path


def load(lake: Lake, path: Path, why: str = "a test") -> loading.Loaded:
    return loading.load(lake, path, {}, who="ann", when=NOW, why=why)


def take_up(lake: Lake, path: Path) -> loading.Loaded:
    return loading.take_up(lake, path, {}, who="ann", when=NOW)


def values(lake: Lake) -> tuple[object, object]:
    found = versions.active(lake).values
    return found[RATE], found[POSITIONS]


def test_a_portfolios_workbook_leaves_the_strategy_as_it_is(
    lake: Lake, tmp_path: Path, generated: dict[str, bytes]
) -> None:
    load(lake, file(tmp_path, generated, "strategy", StabilityConfiguration__learning_rate=0.2))
    load(lake, file(tmp_path, generated, "portfolio", PortfolioSetting__MaxPositions=4))
    assert values(lake) == (0.2, 4)
    version = versions.latest(lake)
    assert version is not None
    found = versions.read_with_origins(lake, version).resolved
    assert found[RATE].place.startswith("strategy.xlsx!StabilityConfiguration!B")
    assert found[POSITIONS].place.startswith("portfolio.xlsx!PortfolioSetting!")
    load(lake, file(tmp_path, generated, "strategy", StabilityConfiguration__learning_rate=0.25))
    assert values(lake) == (0.25, 4)


def test_rules_between_values_are_judged_on_the_set_that_would_be_in_force(
    lake: Lake, tmp_path: Path, generated: dict[str, bytes]
) -> None:
    found = load(lake, file(tmp_path, generated, "strategy", GreekSentimentConfig__gamma_weight=0.5))
    assert found.version is None
    assert "sum to 1" in found.parameter_set.faults[0].rule
    assert versions.latest(lake) is None


def test_two_workbooks_that_steer_a_home_do_not_take_turns(
    lake: Lake, tmp_path: Path, generated: dict[str, bytes]
) -> None:
    strategy = file(tmp_path, generated, "strategy", StabilityConfiguration__learning_rate=0.2)
    portfolio = file(tmp_path, generated, "portfolio", PortfolioSetting__MaxPositions=4)
    for path in (strategy, portfolio, strategy, portfolio):
        take_up(lake, path)
    assert values(lake) == (0.2, 4)
    assert [version.source for version in versions.history(lake)] == ["strategy.xlsx", "portfolio.xlsx"]


def test_what_was_changed_by_hand_stands_until_the_file_says_something_new(
    lake: Lake, tmp_path: Path, generated: dict[str, bytes]
) -> None:
    path = file(tmp_path, generated, "strategy", StabilityConfiguration__learning_rate=0.2)
    take_up(lake, path)
    versions.change(lake, RATE, 0.3, who="ann", when=NOW, why="by hand")
    assert take_up(lake, path).version is None
    assert values(lake)[0] == 0.3
    take_up(lake, file(tmp_path, generated, "strategy", StabilityConfiguration__learning_rate=0.15))
    assert values(lake)[0] == 0.15


def test_an_export_is_loaded_like_a_workbook(lake: Lake, tmp_path: Path) -> None:
    versions.change(lake, RATE, 0.2, who="ann", when=NOW, why="faster")
    path = tmp_path / "set.yaml"
    path.write_text(as_yaml(versions.active(lake)))
    versions.undo(lake, who="ann", when=NOW, why="back")
    assert values(lake)[0] == default_set().values[RATE]
    load(lake, path, "from the export")
    assert values(lake)[0] == 0.2


def test_looking_publishes_nothing(lake: Lake, tmp_path: Path, generated: dict[str, bytes]) -> None:
    found = loading.look(lake, file(tmp_path, generated, "strategy"), {})
    assert found.version is None
    assert lake.objects("parameters") == []
