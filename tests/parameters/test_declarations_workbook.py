"""The customer's workbook, cell by cell, against the declarations. The oracle is openpyxl and a walk of its own."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mr_platform.parameters.declaration import Parameter, RecordTable, SheetShape, TableColumn, TableShape
from mr_platform.parameters.registry import Registry, registry
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice, ValueFault

WORKBOOKS = {
    "strategy": "MR_CONFIG_STRATEGY_1.0.0.xlsx",
    "portfolio": "MR_CONFIG_PORTFOLIO_1.0.0.xlsx",
    "regime": "MR_CONFIG_REGIME_1.0.0.xlsx",
    "optimization": "MR_CONFIG_OPTIMIZATION_1.0.0.xlsx",
}
# The workbook's value and the default, where the definition of a component gives another one.
DEFINITIONS_DIFFER = {
    "StabilityConfiguration.transition_cooldown": (10, 5),
    "StabilityConfiguration.confidence_threshold": (0.45, 0.7),
    "TransitionManagement.transition_confidence_required": (0.6, 0.7),
    "ConfidenceCalibration.calibration_bins": (20, 15),
}


@dataclass(frozen=True)
class Accounted:
    """A cell, what it is, and the declaration that says so."""

    sheet: str
    row: int
    column: str
    role: str
    value: Any
    declared: Parameter | TableColumn | None = None


@pytest.fixture(scope="session")
def excel(shared_data: Path) -> Path:
    folder = shared_data.parent / "excel"
    if not folder.is_dir():
        pytest.skip("shared/excel is absent: no workbook of the customer beside this checkout")
    return folder


def account(sheet: Any, shape: SheetShape, declared: Registry) -> list[Accounted]:
    """Each non-empty cell of a sheet with its role; AssertionError names the first that has none."""
    cells: list[Accounted] = []
    titles = {table.title: table for table in shape.tables if table.title}
    table: TableShape | None = None if shape.header_row else shape.tables[0]
    names: list[str] = []
    pending = False
    for row in sheet.iter_rows():
        filled = [cell for cell in row if cell.value is not None]
        if not filled:
            continue
        number, first = filled[0].row, filled[0].value
        place = f"{shape.name}!A{number}"
        if number < shape.header_row or (len(filled) == 1 and first == shape.title):
            role = "title"
        elif len(filled) == 1 and first in titles:
            table, role = titles[first], "title"
            pending = bool(table.header)
        elif number == shape.header_row or pending:
            table = shape.tables[0] if number == shape.header_row else table
            names, role, pending = [cell.value for cell in filled], "header", False
            assert table is not None and tuple(names) == table.header, place
        elif table is not None and table.form == "notes":
            assert len(filled) == 1, place
            role = "note"
        else:
            assert table is not None, place
            row_names = names if table.header else []
            cells += _body(shape.name, table, row_names, filled, declared)
            continue
        cells += [Accounted(shape.name, number, str(cell.column), role, cell.value) for cell in filled]
    return cells


def _body(sheet: str, table: TableShape, names: list[str], filled: list[Any], declared: Registry) -> list[Accounted]:
    number = filled[0].row
    if table.form == "records":
        records = declared.tables[sheet, table.title]
        header = names or list(records.names)
        return [
            Accounted(
                sheet, number, header[cell.column - 1], "field", cell.value, records.column(header[cell.column - 1])
            )
            for cell in filled
        ]
    header = names or ["Name", "Value"]
    of_row = {header[cell.column - 1]: cell.value for cell in filled}
    key, value = table.key or "Name", table.value or "Value"
    parameter = declared.parameters.get(f"{sheet}.{of_row[key]}")
    assert parameter is not None and parameter.section == table.title, f"{sheet}!A{number}: {of_row[key]} undeclared"
    roles = {key: "name", value: "value"}
    return [Accounted(sheet, number, column, roles.get(column, "describing"), text, parameter)
            for column, text in of_row.items()]  # fmt: skip


@pytest.fixture(scope="session")
def cells(excel: Path) -> list[Accounted]:
    import openpyxl

    declared = registry()
    found: list[Accounted] = []
    for workbook, file in WORKBOOKS.items():
        sheets = openpyxl.load_workbook(excel / file)
        shapes = [s for s in declared.sheets.values() if s.workbook == workbook and s.required]
        assert sorted(sheets.sheetnames) == sorted(shape.name for shape in shapes)
        for shape in shapes:
            found += account(sheets[shape.name], shape, declared)
    return found


def of_strategy(cells: list[Accounted]) -> list[Accounted]:
    return [cell for cell in cells if registry().sheets[cell.sheet].workbook == "strategy"]


def test_every_cell_of_the_strategy_workbook_has_a_role(cells: list[Accounted], excel: Path) -> None:
    roles = Counter(cell.role for cell in of_strategy(cells))
    assert roles == {
        "title": 22,
        "header": 200,
        "note": 18,
        "name": 289,
        "value": 289,
        "describing": 1028,
        "field": 1239,
    }
    assert sum(roles.values()) == 3085
    # The facts count as data what is left without titles, notes, the freeform sheet and the headers of first tables.
    first_headers = sum(len(s.columns) for s in registry().sheets.values() if s.workbook == "strategy" and s.required)
    pairs = sum(1 for cell in cells if cell.sheet == "Summary" and cell.role in ("name", "value"))
    facts = json.loads((excel / "workbook_facts.json").read_text())
    assert (first_headers, pairs) == (175, 8)
    assert 3085 - roles["title"] - roles["note"] - first_headers - pairs == facts["non_empty_data_cells"] == 2862


def test_every_cell_of_the_companion_workbooks_has_a_role(cells: list[Accounted]) -> None:
    companions = [cell for cell in cells if registry().sheets[cell.sheet].workbook != "strategy"]
    assert Counter(cell.role for cell in companions) == {"header": 17, "name": 3, "value": 3, "field": 23}


def test_the_parameter_rows_and_records_are_those_the_facts_count(cells: list[Accounted], excel: Path) -> None:
    facts = json.loads((excel / "workbook_facts.json").read_text())
    rows = Counter(cell.sheet for cell in of_strategy(cells) if cell.role == "name")
    for sheet, number in {(c.sheet, c.row) for c in of_strategy(cells) if c.role == "field"}:
        rows[sheet] += 1 if number else 0
    expected = {
        name: sheet["record_count"] + (sheet.get("subtable_record_count") or 0)
        for name, sheet in facts["sheets"].items()
        if name != "Summary"
    }
    assert rows.pop("Summary") == 4
    assert rows == expected
    assert sum(rows.values()) == facts["total_records"] == 466
    parameters = sum(rows[name] for name, sheet in facts["sheets"].items() if sheet["layout"] == "parameters")
    assert parameters == facts["parameter_sheet_params"] == 270


def test_every_value_reads_and_is_the_declared_default_but_where_a_definition_differs(cells: list[Accounted]) -> None:
    found = {
        cell.declared.id: cell.declared.accept(cell.value)
        for cell in cells
        if cell.role == "value" and isinstance(cell.declared, Parameter)
    }
    assert len(found) == 292
    # where the components' definitions speak of a parameter of the sheets, their value is the default
    assert {name: value for name, value in found.items() if value != registry().parameters[name].default} == {
        "ConfidenceCalibration.calibration_bins": 20,
        "StabilityConfiguration.confidence_threshold": 0.45,
        "StabilityConfiguration.transition_cooldown": 10,
        "TransitionManagement.transition_confidence_required": 0.6,
    }


def test_every_record_reads_and_is_a_declared_default_but_for_its_description(cells: list[Accounted]) -> None:
    rows: dict[tuple[str, int], list[Any]] = {}
    for cell in cells:
        if cell.role == "field":
            assert isinstance(cell.declared, TableColumn)
            value = cell.declared.accept(cell.value)
            rows.setdefault((cell.sheet, cell.row), []).extend([value] if cell.column != "Description" else [])
    found = Counter((sheet, tuple(row)) for (sheet, _), row in rows.items())
    declared = Counter(
        (table.sheet, tuple(v for v, name in zip(record, table.names, strict=True) if name != "Description"))
        for table in registry().tables.values()
        if registry().sheets[table.sheet].required
        for record in table.default
    )
    assert found == declared
    # 178 records under headers and the 3 descriptions of modes, then 5 in the companion workbooks
    assert sum(found.values()) == 178 + 3 + 5


def test_numbers_stand_as_text_on_eight_sheets_only(cells: list[Accounted]) -> None:
    remarked = Counter(
        cell.sheet
        for cell in cells
        if cell.role == "value" and isinstance(cell.declared, Parameter) and cell.declared.kind.remark(cell.value)
    )
    assert remarked == {
        "EnsembleMethods": 6,
        "ConfidenceCalibration": 5,
        "MultiTimeframeFusion": 1,
        "AdaptiveLearning": 5,
        "AccuracyEnhancement": 1,
        "RegimeStability": 1,
        "ValidationFramework": 2,
        "RiskControls": 4,
    }


def test_the_sheets_own_ranges_are_the_declared_ones(cells: list[Accounted]) -> None:
    bounded = 0
    for cell in cells:
        parameter = cell.declared
        if cell.column not in ("Min", "Max") or not isinstance(parameter, Parameter):
            continue
        if parameter.kind in (INT, FLOAT):
            bounded += 1
            assert cell.value == (parameter.low if cell.column == "Min" else parameter.high), parameter.id
        elif isinstance(parameter.kind, Choice):
            assert cell.value in parameter.kind.names, parameter.id
        else:
            assert parameter.kind == BOOL and cell.value in ("TRUE", "FALSE"), parameter.id
    assert bounded == 2 * 111


def test_the_sheets_own_options_are_among_the_declared_ones(cells: list[Accounted]) -> None:
    seen = 0
    for cell in cells:
        parameter = cell.declared
        if cell.column != "Options" or not isinstance(parameter, Parameter):
            continue
        seen += 1
        if isinstance(parameter.kind, Choice):
            assert set(cell.value.split(",")) <= set(parameter.kind.names), parameter.id
        elif parameter.low is not None and parameter.high is not None:
            assert [float(end) for end in cell.value.split("-")] == [parameter.low, parameter.high], parameter.id
        else:
            assert cell.value in ("TRUE,FALSE", "Text", "HH:MM"), parameter.id
    assert seen == 21


def test_the_sheets_own_defaults_are_their_values(cells: list[Accounted]) -> None:
    values = {c.declared.id: c.value for c in cells if c.role == "value" and isinstance(c.declared, Parameter)}
    different = {
        c.declared.id: (c.value, values[c.declared.id])
        for c in cells
        if c.column == "Default" and isinstance(c.declared, Parameter) and c.value != values[c.declared.id]
    }
    assert different == {}


def test_a_cell_out_of_range_is_refused_where_the_sheet_states_a_range(cells: list[Accounted]) -> None:
    refused = 0
    for cell in cells:
        parameter = cell.declared
        if cell.role != "value" or not isinstance(parameter, Parameter) or parameter.kind not in (INT, FLOAT):
            continue
        for beyond in ((parameter.high or 0) + 1, (parameter.low or 0) - 1):
            with pytest.raises(ValueFault) as caught:
                parameter.accept(beyond)
            assert caught.value.rule.startswith("the value lies between"), parameter.id
            refused += 1
    assert refused > 250


def test_tables_and_shapes_name_the_same_columns() -> None:
    declared = registry()
    for (sheet, title), table in declared.tables.items():
        shape = next(s for s in declared.sheets[sheet].tables if s.title == title)
        assert isinstance(table, RecordTable)
        assert shape.form == "records"
        assert shape.key == table.key
        assert shape.header in ((), table.names)
