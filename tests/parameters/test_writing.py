"""One value is written into one cell; another reader finds every other cell, style, width and part as it was."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from hostile import SHEET, harmless, zipped
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from mr_platform.errors import ConflictError, SourceError, UsageError
from mr_platform.parameters.workbook import read_workbook
from mr_platform.parameters.writing import Writing, check_content, write_value

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def write(path: Path, sheet: str, address: str, value: object, **more: object) -> Writing:
    return write_value(path, sheet, address, value, digest=read_workbook(path).digest, **more)  # type: ignore[arg-type]


def look(path: Path) -> dict[str, object]:
    """Everything another reader sees of a workbook, cell by cell."""
    seen: dict[str, object] = {}
    for sheet in openpyxl.load_workbook(path, rich_text=True):
        for row in sheet.iter_rows():
            for cell in row:
                style = (cell.font, cell.fill, cell.border, cell.alignment, cell.number_format, cell.protection)
                seen[f"{sheet.title}!{cell.coordinate}"] = (cell.value, cell.data_type, *map(repr, style))
                if cell.comment:
                    seen[f"{sheet.title}!{cell.coordinate} comment"] = cell.comment.text
        seen[f"{sheet.title} widths"] = {k: (v.width, v.hidden) for k, v in sheet.column_dimensions.items()}
        seen[f"{sheet.title} heights"] = {k: v.height for k, v in sheet.row_dimensions.items()}
        seen[f"{sheet.title} merged"] = sorted(map(str, sheet.merged_cells.ranges))
        seen[f"{sheet.title} validations"] = sorted(
            (str(v.sqref), v.type, v.formula1) for v in sheet.data_validations.dataValidation
        )
        seen[f"{sheet.title} rules"] = [str(r.sqref) for r in sheet.conditional_formatting]
        seen[f"{sheet.title} panes"] = (sheet.freeze_panes, sheet.sheet_state, sheet.sheet_properties.tabColor)
    return {name: repr(value) if not isinstance(value, tuple) else value for name, value in seen.items()}


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """A workbook with what a program may put around values: styles, comments, lists, rules, widths, merged titles."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Weights & more"
    sheet.append(["A TITLE"])
    sheet.merge_cells("A1:C1")
    sheet.append(["Parameter", "Value", "Description"])
    sheet.append(["share", "0.35", "stored as text"])
    sheet.append(["weight", 1.5, "stored as a number"])
    sheet.append(["on", True, "a truth value"])
    sheet["B4"].font, sheet["B4"].fill = Font(bold=True, color="FF0000"), PatternFill("solid", fgColor="FFFF00")
    sheet["B4"].number_format = "0.00"
    sheet["C6"].font = Font(italic=True)
    sheet["B4"].comment = Comment("never 0", "us")
    sheet.column_dimensions["A"].width = 33.5
    sheet.row_dimensions[4].height = 28
    sheet.freeze_panes = "A3"
    validation = DataValidation("list", formula1='"TRUE,FALSE"')
    validation.add("B5")
    sheet.add_data_validation(validation)
    sheet.conditional_formatting.add("B4", CellIsRule("lessThan", ["0"], fill=PatternFill("solid", bgColor="FF0000")))
    book.create_sheet("Other")["Z9"] = "untouched"
    path = tmp_path / "rich.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("address", "value", "stored", "kind"),
    [
        ("B4", 2.25, 2.25, "n"),
        ("B4", 2, 2, "n"),
        ("B4", "two", "two", "s"),
        ("B3", 0.4, "0.4", "s"),
        ("B3", 1e-7, "1e-07", "s"),
        ("B3", False, "FALSE", "s"),
        ("B5", False, False, "b"),
        ("C5", "<a & b> \"c\" 'd' ü €", "<a & b> \"c\" 'd' ü €", "s"),
        ("C5", "+20% ATR, +15% IV", "+20% ATR, +15% IV", "s"),
        ("C5", "-0.5", "-0.5", "s"),
        ("C5", " spaced ", " spaced ", "s"),
        ("C6", 7, 7, "n"),
        ("D4", 7, 7, "n"),
        ("A7", "below", "below", "s"),
        ("AB40", 7, 7, "n"),
    ],
)
def test_the_value_is_written_and_nothing_else_changes(
    rich: Path, address: str, value: object, stored: object, kind: str
) -> None:
    before, packed = look(rich), parts(rich)
    written = write(rich, "Weights & more", address, value)
    after = look(rich)
    name = f"Weights & more!{address}"
    assert after[name][:2] == (stored, kind)
    assert read_workbook(rich).sheets["Weights & more"].at(address).value == stored
    assert (written.place, written.after) == (f"rich.xlsx!Weights & more!{address}", stored)
    assert written.digest == read_workbook(rich).digest
    if name in before:
        assert after[name][2:] == before[name][2:], "the cell keeps its style"
    empty = {key for key in after.keys() - before.keys() if "!" in key and after[key][0] is None}
    assert {k: v for k, v in after.items() if k != name and k not in empty} == {
        k: v for k, v in before.items() if k != name
    }
    now = parts(rich)
    assert [part for part in now if now[part] != packed[part]] == [SHEET] and list(now) == list(packed)


def test_a_value_of_each_layout_is_written_back_and_undone_to_the_byte(shared_data: Path, tmp_path: Path) -> None:
    """In a sheet of each layout: write, look at all 31 sheets with another reader, write the old value back."""
    real = shared_data.parent / "excel" / "MR_CONFIG_STRATEGY_1.0.0.xlsx"
    path = tmp_path / "strategy.xlsx"
    path.write_bytes(real.read_bytes())
    before, read = look(path), read_workbook(path)
    for sheet, address, value, stored in (
        ("StabilityConfiguration", "B2", 45, 45),
        ("EnsembleMethods", "B5", 0.4, "0.4"),
        ("RegimeClassification", "C31", -0.02, -0.02),
        ("Summary", "B6", "95%+", "95%+"),
    ):
        written = write(path, sheet, address, value)
        now = look(path)
        assert {key for key in before if now[key] != before[key]} == {f"{sheet}!{address}"}
        assert now[f"{sheet}!{address}"][0] == stored and now.keys() == before.keys()
        write(path, sheet, address, written.before)
        assert look(path) == before and read_workbook(path).sheets == read.sheets
    assert parts(path) == parts(real)


def test_an_empty_cell_of_a_column_of_numbers_as_text_gets_text(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "strategy.xlsx"
    path.write_bytes((shared_data.parent / "excel" / "MR_CONFIG_STRATEGY_1.0.0.xlsx").read_bytes())
    assert write(path, "EnsembleMethods", "B14", 3).after == "3"
    assert write(path, "StabilityConfiguration", "B40", 3).after == 3


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", " =1+1", "@SUM(A1)", "\t=1", "\r=1", "+1+cmd|'/c calc'!A0", "-2+3+cmd|' /C calc'!A0", "+HYPERLINK(A1)",
        "-A1*B1", "a\x00b", "a\x07b", "a\nb", "a\u200bb", "x" * 501, float("nan"), float("inf"), 2**53 + 1,
    ],
)  # fmt: skip
def test_what_a_program_would_evaluate_is_never_written(rich: Path, text: str) -> None:
    data = rich.read_bytes()
    with pytest.raises(UsageError) as refused:
        write(rich, "Weights & more", "B4", text)
    assert refused.value.place == "rich.xlsx!Weights & more!B4"
    assert rich.read_bytes() == data


@pytest.mark.parametrize(
    "text", ["+20% ATR, +15% IV", "-0.015", "a=b", "trend_slope>0.015", "x", "", "#FF0000", "90%+"]
)
def test_plain_text_may_be_written(text: str) -> None:
    check_content(text, "here")


def test_the_escape_of_a_character_is_written_as_the_text_it_is(rich: Path) -> None:
    write(rich, "Weights & more", "C5", "under_x0041_score")
    assert read_workbook(rich).sheets["Weights & more"].at("C5").value == "under_x0041_score"


@pytest.mark.parametrize(
    "sheet",
    [
        b'<x:worksheet xmlns:x="m"><x:sheetData><x:row r="2"><x:c r="B2" s="0"/></x:row></x:sheetData></x:worksheet>',
        b'\xef\xbb\xbf<worksheet xmlns="m"><sheetData/></worksheet>',
        b'<worksheet xmlns="m"><sheetData></sheetData></worksheet>',
        b'<worksheet xmlns="m"><sheetData><row r="2"/></sheetData></worksheet>',
        b"<worksheet xmlns='m'><sheetData><row r='2' spans='1:1' ht='9'><c r='A2' t='n'><v>1</v></c></row></sheetData>"
        b"</worksheet>",
        b'<worksheet xmlns="m"><sheetData><row><c><v>1</v></c></row><row><c><v>2</v></c><c x=">"><v>3</v></c></row>'
        b"</sheetData></worksheet>",
        b'<worksheet xmlns="m"><sheetData><row r="9"><c r="C9"><v>1</v></c></row></sheetData></worksheet>',
        b'<worksheet xmlns="m"><dimension ref="C9"/><sheetData><row r="2"><c r="C2"><v>1</v></c></row></sheetData>'
        b"</worksheet>",
    ],
)
def test_a_sheet_of_any_form_takes_the_value(tmp_path: Path, sheet: bytes) -> None:
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    path = tmp_path / "form.xlsx"
    path.write_bytes(
        zipped(harmless() | {SHEET: sheet.replace(b'"m"', b'"%b"' % main).replace(b"'m'", b"'%b'" % main)})
    )
    before = {c.address: c.value for c in read_workbook(path).sheets["Parameters"].cells()}
    for value in (42.5, "text"):
        write(path, "Parameters", "B2", value)
        after = {c.address: c.value for c in read_workbook(path).sheets["Parameters"].cells()}
        assert after == before | {"B2": value}
        assert openpyxl.load_workbook(path)["Parameters"]["B2"].value == value


def test_a_file_changed_since_it_was_read_is_not_overwritten(rich: Path) -> None:
    digest = read_workbook(rich).digest
    write(rich, "Other", "Z9", "somebody else's")
    with pytest.raises(ConflictError, match="still the one that was read"):
        write_value(rich, "Other", "Z9", "mine", digest=digest)
    assert read_workbook(rich).sheets["Other"].at("Z9").value == "somebody else's"


@pytest.mark.parametrize("owner", ["~$rich.xlsx", ".~lock.rich.xlsx#"])
def test_a_workbook_open_in_a_spreadsheet_program_is_not_overwritten(rich: Path, owner: str) -> None:
    rich.with_name(owner).write_text("them")
    with pytest.raises(ConflictError, match="no spreadsheet program has the workbook open"):
        write(rich, "Other", "Z9", "mine")


def test_a_workbook_that_another_process_writes_is_not_overwritten(rich: Path) -> None:
    code = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, rich], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match="nobody else is writing"):
            write(rich, "Other", "Z9", "mine")
        other.communicate("\n")
    write(rich, "Other", "Z9", "mine")


def test_the_old_file_is_kept_under_the_moment_and_never_overwritten(rich: Path) -> None:
    data = rich.read_bytes()
    written = write(rich, "Other", "Z9", "first", backup_at=NOON)
    assert written.backup == rich.with_name("rich.20261120T120000Z.bak.xlsx")
    assert written.backup.read_bytes() == data
    with pytest.raises(ConflictError, match="a copy of an older state is kept"):
        write(rich, "Other", "Z9", "second", backup_at=NOON)
    assert read_workbook(rich).sheets["Other"].at("Z9").value == "first"
    assert written.backup.read_bytes() == data
    assert read_workbook(written.backup).sheets["Other"].at("Z9").value == "untouched"


def test_writing_leaves_the_mode_and_no_scratch_file(rich: Path) -> None:
    rich.chmod(0o640)
    write(rich, "Other", "Z9", "mine")
    assert rich.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in rich.parent.iterdir()] == ["rich.xlsx"]


def test_a_failed_write_leaves_the_old_file(rich: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rich.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="the workbook can be replaced"):
        write(rich, "Other", "Z9", "mine")
    assert rich.read_bytes() == data
    assert [path.name for path in rich.parent.iterdir()] == ["rich.xlsx"]


def test_writing_what_is_there_changes_no_byte(rich: Path) -> None:
    data = rich.read_bytes()
    assert write(rich, "Weights & more", "B3", "0.35", backup_at=NOON).backup is None
    assert write(rich, "Weights & more", "B4", 1.5).before == 1.5
    assert rich.read_bytes() == data


@pytest.mark.parametrize(
    ("sheet", "address", "rule"),
    [
        ("Others", "A1", "the workbook has the sheet"),
        ("Weights & more", "B1", "a merged range has its value in its first cell"),
        ("Weights & more", "XFD1048576", "a sheet ends within"),
        ("Weights & more", "1A", "a cell's address"),
    ],
)
def test_a_cell_that_is_none_is_refused(rich: Path, sheet: str, address: str, rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        write(rich, sheet, address, 1)


def test_a_refused_workbook_is_not_written(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "=1+1"
    stream = io.BytesIO()
    book.save(stream)
    path = tmp_path / "sum.xlsx"
    path.write_bytes(stream.getvalue())
    with pytest.raises(SourceError, match="no cell holds a formula"):
        write_value(path, "Sheet", "A1", 2, digest=__import__("hashlib").sha256(stream.getvalue()).hexdigest())
    with pytest.raises(SourceError, match="a workbook can be opened"):
        write_value(tmp_path / "absent.xlsx", "Sheet", "A1", 2, digest="")
