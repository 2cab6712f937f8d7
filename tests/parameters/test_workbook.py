"""The reader gives every cell of the customer's workbooks, once, with its address, as the listing of facts has it."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from mr_platform.errors import SourceError, UsageError
from mr_platform.parameters.addresses import column_name, column_number, split
from mr_platform.parameters.registry import registry
from mr_platform.parameters.sheets import read_sheets
from mr_platform.parameters.workbook import Area, Cell, Workbook, read_workbook

STRATEGY = "MR_CONFIG_STRATEGY_1.0.0.xlsx"


@pytest.fixture(scope="module")
def excel(shared_data: Path) -> Path:
    return shared_data.parent / "excel"


@pytest.fixture(scope="module")
def facts(excel: Path) -> dict[str, Any]:
    return json.loads((excel / "workbook_facts.json").read_text())


@pytest.fixture(scope="module")
def strategy(excel: Path) -> Workbook:
    return read_workbook(excel / STRATEGY)


def listed(sheet: dict[str, Any]) -> dict[tuple[int, int], object]:
    """The data cells that the facts list of a sheet, by row and column: of its rows, and of the tables beneath."""
    found: dict[tuple[int, int], object] = {}
    beneath = sheet.get("subtables", [])
    for columns, rows in [(sheet["columns"] or [], sheet["rows"]), *((t["columns"], t["rows"]) for t in beneath)]:
        for row in rows:
            named = {(row["_row"], number): row.get(name) for number, name in enumerate(columns, 1)}
            found |= {place: value for place, value in named.items() if value is not None}
    for table in beneath:
        header = table["rows"][0]["_row"] - 1
        found |= {(header, number): name for number, name in enumerate(table["columns"], 1)}
    return found


def test_all_sheets_come_in_the_order_of_the_file(strategy: Workbook, facts: dict[str, Any]) -> None:
    assert list(strategy.sheets) == list(facts["sheets"])
    assert len(strategy.sheets) == facts["sheet_count"] == 31


def test_every_cell_that_the_facts_list_is_read_with_its_value_at_its_address(
    strategy: Workbook, facts: dict[str, Any]
) -> None:
    compared = 0
    for name, sheet in facts["sheets"].items():
        for number, title in enumerate(sheet["columns"] or [], 1):
            assert strategy.sheets[name].get(sheet["header_row_1based"], number).value == title
        for (row, column), value in listed(sheet).items():
            cell = strategy.sheets[name].get(row, column)
            assert cell is not None, f"{name}!{column_name(column)}{row} is lost"
            assert cell.value == value and type(cell.value) is type(value), f"{name}!{cell.address}"
            compared += 1
    assert compared == facts["non_empty_data_cells"] == 2_862


def test_records_and_parameter_rows_are_as_many_as_the_facts_count(strategy: Workbook, facts: dict[str, Any]) -> None:
    records = {name: sheet["record_count"] for name, sheet in facts["sheets"].items()}
    beneath = {name: sheet.get("subtable_record_count", 0) for name, sheet in facts["sheets"].items()}
    parameters = {name for name, sheet in facts["sheets"].items() if sheet["layout"] == "parameters"}
    assert sum(records.values()) + sum(beneath.values()) == facts["total_records"] == 466
    assert sum(records[name] for name in parameters) == facts["parameter_sheet_params"] == 270


def test_no_cell_is_read_that_openpyxl_does_not_find_and_none_is_missed(strategy: Workbook, excel: Path) -> None:
    book = openpyxl.load_workbook(excel / STRATEGY)
    for sheet in book:
        theirs = {c.coordinate: c.value for row in sheet.iter_rows() for c in row if c.value is not None}
        assert {c.address: c.value for c in strategy.sheets[sheet.title].cells()} == theirs
        merged = sorted(Area(r.min_row, r.min_col, r.max_row, r.max_col) for r in sheet.merged_cells.ranges)
        assert list(strategy.sheets[sheet.title].merged) == merged
    assert sum(1 for sheet in strategy.sheets.values() for _ in sheet.cells()) == 3_085


def test_every_cell_falls_into_the_declared_shape_of_its_sheet(strategy: Workbook) -> None:
    counts = dict(read_sheets(strategy, registry(), name="book").counts)
    assert {what: counts.pop(what) for what in ("sheets", "parameters", "records")} == {
        "sheets": 31,
        "parameters": 270,
        "records": 466,
    }
    assert counts == {"value": 1_528, "name": 289, "description": 1_028, "header": 200, "title": 22, "note": 18}
    assert sum(counts.values()) == 3_085


@pytest.mark.parametrize("name", ["OPTIMIZATION", "PORTFOLIO", "REGIME"])
def test_the_companion_workbooks_are_read_whole(excel: Path, facts: dict[str, Any], name: str) -> None:
    file = f"MR_CONFIG_{name}_1.0.0.xlsx"
    sheets = read_workbook(excel / file).sheets
    assert list(sheets) == list(facts["other_workbooks"][file])
    for sheet, said in facts["other_workbooks"][file].items():
        assert [[cell.value for cell in row] for row in sheets[sheet].rows] == [said["columns"], *said["rows"]]


def test_numbers_as_text_stay_text_and_whole_numbers_are_whole(strategy: Workbook) -> None:
    assert strategy.sheets["EnsembleMethods"].at("B5") == Cell(5, 2, "0.35")
    assert strategy.sheets["StabilityConfiguration"].at("B2") == Cell(2, 2, 30)
    assert type(strategy.sheets["StabilityConfiguration"].at("B2").value) is int
    assert strategy.sheets["Summary"].at("A1") is None


def test_moments_truth_values_and_hidden_sheets_are_read_as_what_they_are(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append([True, datetime(2026, 1, 2, 3, 4), time(9, 15), date(2026, 1, 2), 1 / 3, " x ", 2**53])
    book.create_sheet("Hidden").sheet_state = "veryHidden"
    book.save(tmp_path / "kinds.xlsx")
    once = read_workbook(tmp_path / "kinds.xlsx", cache=tmp_path / "cache")
    again = read_workbook(tmp_path / "kinds.xlsx", cache=tmp_path / "cache")
    values = [True, datetime(2026, 1, 2, 3, 4), time(9, 15), date(2026, 1, 2), 1 / 3, " x ", 2.0**53]
    for book_read in (once, again):
        assert [cell.value for cell in book_read.sheets["Sheet"].cells()] == values
        assert [type(cell.value) for cell in book_read.sheets["Sheet"].cells()] == [type(value) for value in values]
        assert book_read.sheets["Hidden"].hidden and not book_read.sheets["Sheet"].hidden


def test_the_cached_workbook_equals_the_parsed_one_and_parses_nothing(
    excel: Path, strategy: Workbook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_workbook(excel / STRATEGY, cache=tmp_path)
    monkeypatch.setattr("mr_platform.parameters.workbook.check_bytes", lambda *_: pytest.fail("parsed again"))
    assert read_workbook(excel / STRATEGY, cache=tmp_path) == strategy


@pytest.mark.parametrize("damage", ["", "{", '{"sheets": 1}', '{"sheets": [["a", [[1, [[1]]]], [], false]]}', "[]"])
def test_a_damaged_cache_is_written_anew(excel: Path, strategy: Workbook, tmp_path: Path, damage: str) -> None:
    read_workbook(excel / STRATEGY, cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_text()
    kept.write_text(damage)
    assert read_workbook(excel / STRATEGY, cache=tmp_path) == strategy
    assert kept.read_text() == whole


def test_a_changed_file_is_never_read_from_the_cache(excel: Path, tmp_path: Path) -> None:
    for value in (1, 2):
        book = openpyxl.Workbook()
        book.active["A1"] = value
        book.save(tmp_path / "same.xlsx")
        read = read_workbook(tmp_path / "same.xlsx", cache=tmp_path / "cache")
        assert read.sheets["Sheet"].at("A1") == Cell(1, 1, value)


def test_a_replaced_cell_is_seen_and_the_rest_stays(strategy: Workbook) -> None:
    changed = strategy.with_value("EnsembleMethods", "B5", "0.4")
    assert changed.sheets["EnsembleMethods"].at("B5") == Cell(5, 2, "0.4")
    assert strategy.sheets["EnsembleMethods"].at("B5") == Cell(5, 2, "0.35")
    assert changed.with_value("EnsembleMethods", "B5", "0.35") == strategy
    emptied = strategy.with_value("EnsembleMethods", "B5", None)
    assert emptied.sheets["EnsembleMethods"].at("B5") is None
    assert len(list(emptied.sheets["EnsembleMethods"].cells())) == 30
    assert strategy.with_value("Summary", "C1", 3).sheets["Summary"].rows[0] == (Cell(1, 3, 3),)
    with pytest.raises(UsageError, match="the workbook has the sheet"):
        strategy.with_value("Sumary", "A1", 1)


@pytest.mark.parametrize("number", [b"1e999", b"NaN", b"-inf", b"9" * 400])
def test_a_number_that_is_none_is_refused_with_its_address(tmp_path: Path, number: bytes) -> None:
    from mr_platform.parameters.container import Entry, read_entries, unpack, write_entries

    book = openpyxl.Workbook()
    book.active["B3"] = 12_345
    book.save(tmp_path / "huge.xlsx")
    entries = read_entries((tmp_path / "huge.xlsx").read_bytes(), "huge.xlsx")
    changed = [Entry.of(e.name, unpack(e, "").replace(b"12345", number), like=e) for e in entries]
    (tmp_path / "huge.xlsx").write_bytes(write_entries(changed))
    with pytest.raises(SourceError, match=r"a number is finite .*huge\.xlsx!Sheet!B3"):
        read_workbook(tmp_path / "huge.xlsx")


@pytest.mark.parametrize(("name", "number"), [("A", 1), ("Z", 26), ("AA", 27), ("IV", 256), ("XFD", 16_384)])
def test_columns_are_numbered_as_spreadsheets_do(name: str, number: int) -> None:
    assert (column_name(number), column_number(name)) == (name, number)
    assert split(f"${name}$7") == (7, number)


@pytest.mark.parametrize("text", ["", "7", "B", "b7", "B07", "B7:C8", "ABCD1", "B7 "])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a cell's address"):
        split(text)
