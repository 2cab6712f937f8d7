"""A generated workbook loads clean, says what the registry says, guards its cells, and is the same bytes every time."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from mr_platform.errors import UsageError
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import default_set, resolve
from mr_platform.parameters.template import build_workbook
from mr_platform.parameters.validation import validated, with_value
from mr_platform.parameters.values import FLOAT, INT, Bool, Choice
from mr_platform.parameters.workbook import Workbook, read_workbook

KINDS = ("strategy", "portfolio", "regime", "optimization")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.xlsx"
    path.write_bytes(build_workbook())
    return path


@pytest.fixture(scope="module")
def read(path: Path) -> Workbook:
    return read_workbook(path)


@pytest.fixture(scope="module")
def book(path: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(path)


def test_it_has_every_sheet_of_a_strategy_and_those_of_the_platform(read: Workbook) -> None:
    declared = [name for name, shape in registry().sheets.items() if shape.workbook == "strategy"]
    assert list(read.sheets) == declared
    assert len([name for name in declared if registry().sheets[name].required]) == 31


@pytest.mark.parametrize("kind", KINDS)
def test_it_loads_without_fault_warning_remark_or_contradiction(tmp_path: Path, kind: str) -> None:
    (tmp_path / "book.xlsx").write_bytes(build_workbook(kind))
    found = validated(resolve(read_workbook(tmp_path / "book.xlsx"), {}))
    assert (found.faults, found.warnings, found.remarks, found.contradictions) == ((), (), (), ())
    assert found.digest == default_set().digest
    assert found.counts.get("unknown", 0) == 0


def test_every_declared_value_of_a_strategy_comes_from_its_cells(read: Workbook) -> None:
    known = registry()
    strategy = {name for name, shape in known.sheets.items() if shape.workbook == "strategy"}
    found = resolve(read, {})
    beside = [one for one in found.resolved.values() if one.origin != "workbook" and one.id.split(".")[0] in strategy]
    assert [one.id for one in beside if one.value is not None] == []
    # rows of the sheets of parameters, the descriptions of the three modes among them
    of_parameters = {name for name in strategy if known.sheets[name].layout == "parameters"}
    assert found.counts["parameters"] == sum(one.sheet in of_parameters for one in known.parameters.values()) + 3


def test_a_set_becomes_a_workbook_that_says_the_same(tmp_path: Path) -> None:
    changed = with_value(default_set(), "StabilityConfiguration.minimum_regime_duration", 45, place="test")
    changed = with_value(changed, "RegimeClassification.Trend Thresholds.Bearish.MinADX", 21, place="test")
    (tmp_path / "book.xlsx").write_bytes(build_workbook(values=changed))
    found = resolve(read_workbook(tmp_path / "book.xlsx"), {})
    assert found.digest == changed.digest != default_set().digest


def test_the_same_declarations_give_the_same_bytes_at_any_time(path: Path) -> None:
    data = path.read_bytes()
    assert build_workbook() == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {about.date_time for about in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"1980-01-01T00:00:00Z" in archive.read("docProps/core.xml")


def value_cell(sheet: Worksheet, name: str) -> str:
    """Address of the value beside a parameter's name."""
    rows = list(sheet.iter_rows())
    head = next(row for row in rows if any(cell.value in ("Parameter", "Property") for cell in row))
    at = next(cell.column_letter for cell in head if cell.value == "Value")
    return f"{at}{next(row[0].row for row in rows if row[0].value == name)}"


def test_every_value_is_guarded_by_its_range_or_its_choices(book: openpyxl.Workbook) -> None:
    known = registry()
    checked = 0
    for one in known.parameters.values():
        shape = known.sheets[one.sheet]
        if shape.workbook != "strategy" or one.section or not shape.header_row:
            continue
        sheet = book[one.sheet]
        address = value_cell(sheet, one.name)
        (rule,) = [v for v in sheet.data_validations.dataValidation if address in v.sqref]
        assert rule.showErrorMessage and rule.error
        if one.kind in (INT, FLOAT):
            assert rule.type == ("whole" if one.kind is INT else "decimal")
            assert one.low is None or float(rule.formula1) == one.low
            assert one.high is None or float(rule.formula2) == one.high
        elif isinstance(one.kind, Bool):
            assert rule.formula1 == f'"{one.kind.yes},{one.kind.no}"'
        elif isinstance(one.kind, Choice):
            assert rule.formula1 == '"' + ",".join(one.kind.names) + '"'
        else:
            assert rule.type == "textLength"
        comment = sheet.cell(sheet[address].row, 1).comment
        assert one.kind.expects in comment.text and one.consumer.name in comment.text
        assert comment.text.startswith(one.description[:1].upper())
        checked += 1
    assert checked > 250


def test_programs_keep_within_the_lengths_they_hold(book: openpyxl.Workbook) -> None:
    for sheet in book:
        assert len(sheet.title) <= 31
        for rule in sheet.data_validations.dataValidation:
            assert len(rule.formula1) <= 257 and len(rule.error) <= 225 and len(rule.errorTitle) <= 32


def test_texts_are_formatted_as_text_so_that_no_program_makes_dates_of_them(book: openpyxl.Workbook) -> None:
    texts = [cell for sheet in book for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert {cell.number_format for cell in texts} == {"@"}
    assert {cell.data_type for cell in texts} == {"s"}
    assert any(cell.value == "30-70" for cell in texts)


def test_headers_are_frozen_and_columns_are_wide_enough_to_read(book: openpyxl.Workbook) -> None:
    for sheet in book:
        shape = registry().sheets[sheet.title]
        if shape.header_row:
            assert sheet.freeze_panes[1:] == str(shape.header_row + 1)
            assert all(cell.fill.fgColor.rgb.endswith("1F3A5F") for cell in sheet[shape.header_row] if cell.value)
        widths = [column.width for column in sheet.column_dimensions.values()]
        assert min(widths) >= 11 and max(widths) <= 72


def test_records_may_be_edited_cell_by_cell_and_their_columns_are_explained(book: openpyxl.Workbook) -> None:
    sheet = book["RegimeClassification"]
    assert [cell.comment is not None for cell in sheet[1]] == [True] * 8
    (color,) = [v for v in sheet.data_validations.dataValidation if "G2" in v.sqref]
    assert (color.type, color.operator, color.formula1) == ("textLength", "equal", "7")


def test_an_unknown_kind_of_workbook_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="strategy, optimization, portfolio, regime"):
        build_workbook("margin")
