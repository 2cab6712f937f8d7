"""How a generated workbook looks, and what a spreadsheet program lets a user write into its cells."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from mr_platform.parameters.addresses import column_name
from mr_platform.parameters.declaration import Parameter, SheetShape, TableColumn
from mr_platform.parameters.values import CLOCK_TIME, COLOR, FLOAT, INT, LONGEST_TEXT, Bool, Choice, number_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpyxl.worksheet.datavalidation import DataValidation
    from openpyxl.worksheet.worksheet import Worksheet

TITLE, HEADER, PARAMETER, RECORD, PAIR, NOTE, PLAIN = "title", "header", "parameter", "record", "pair", "note", "plain"

_INK, _HEAD, _FAINT, _LINE, _EDITABLE, _OURS = "1F2A37", "1F3A5F", "57606A", "D0D7DE", "FFF9E5", "2E7D6B"
_WIDTHS = {
    "Parameter": 38, "Property": 26, "Option": 26, "Value": 26, "Options": 38, "Default": 22, "Min": 13, "Max": 13,
    "Unit": 20, "Description": 72,
}  # fmt: skip
_NARROW, _WIDE, _WITHOUT_HEADER = 11, 48, (30, 60)
_LINE_HEIGHT = 15.0
# What the programs hold: a list within a cell's validation 255 characters, a message 225.
_LIST, _MESSAGE = 255, 225
_FAR = 1e15

Content = str | int | float | None


class SheetLook:
    """One sheet on its way to looking as it should: widths first, then row by row."""

    def __init__(self, sheet: Worksheet, shape: SheetShape, lines: Sequence[tuple[str, Sequence[Content]]]) -> None:
        self._sheet = sheet
        self._validations: dict[tuple[object, ...], DataValidation] = {}
        self._widths = _widths(lines)
        for column, width in enumerate(self._widths, 1):
            sheet.column_dimensions[column_name(column)].width = width
        if shape.header_row:
            across = column_name(2 if shape.layout in ("parameters", "properties") else 1)
            sheet.freeze_panes = f"{across}{shape.header_row + 1}"
            sheet.print_title_rows = f"{shape.header_row}:{shape.header_row}"
        sheet.sheet_properties.tabColor = _HEAD if shape.required else _OURS
        sheet.sheet_view.showGridLines = False
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr.fitToPage = True

    def row(self, row: int, style: str, cells: Sequence[Content]) -> None:
        """The contents of a row and their look: a text stays a text under every editing, a number a number."""
        count = len(self._widths)
        for column, content in enumerate(cells, 1):
            cell = self._sheet.cell(row, column)
            if content is not None:
                cell.value = content
            if isinstance(content, str):
                cell.data_type, cell.number_format = "s", "@"
            look = _look(style)
            cell.font, cell.alignment = look["font"], look["alignment"]
            if "border" in look:
                cell.border = look["border"]
            if style == HEADER:
                cell.fill = look["fill"]
        if (style in (TITLE, NOTE) and count > 1) or (style == PAIR and count > len(cells) > 1):
            first = len(cells)
            self._sheet.merge_cells(start_row=row, start_column=first, end_row=row, end_column=count)
        if style in (TITLE, HEADER):
            self._sheet.row_dimensions[row].height = 24.0 if style == TITLE else 21.0
        elif cells:
            self._sheet.row_dimensions[row].height = _LINE_HEIGHT * self._lines(style, cells)

    def open_for_editing(self, row: int, column: int, about: Parameter | TableColumn) -> None:
        """A cell meant to be changed: its colour, and what may be written into it."""
        cell = self._sheet.cell(row, column)
        cell.fill = _editable()
        wanted = _rule(about)
        key = tuple(wanted.values())
        if key not in self._validations:
            from openpyxl.worksheet.datavalidation import DataValidation

            self._validations[key] = DataValidation(**wanted)
            self._sheet.add_data_validation(self._validations[key])
        self._validations[key].add(cell)

    def comment(self, row: int, column: int, text: str) -> None:
        """A comment in a box that its text fits into."""
        from openpyxl.comments import Comment

        lines = sum(max(1, math.ceil(len(line) / 46)) for line in text.split("\n"))
        self._sheet.cell(row, column).comment = Comment(
            text, "market regime platform", width=340, height=20 + 18 * lines
        )

    def _lines(self, style: str, cells: Sequence[Content]) -> int:
        """Lines that the longest text of a row takes in its column."""
        widths = list(self._widths)
        if style == PAIR and len(cells) > 1:
            widths[len(cells) - 1] = sum(widths[len(cells) - 1 :])
        if style == NOTE:
            widths[0] = sum(widths)
        return max(math.ceil(len(str(c)) / width) if c else 1 for c, width in zip(cells, widths, strict=False))


def span(about: Parameter | TableColumn) -> str:
    """The bounds in the words of the sheets: "0-1", "at least 5"; empty where there are none."""
    low, high = about.low, about.high
    if low is not None and high is not None:
        return f"{number_text(low)} to {number_text(high)}" if low < 0 else f"{number_text(low)}-{number_text(high)}"
    if low is not None:
        return f"at least {number_text(low)}"
    return f"at most {number_text(high)}" if high is not None else ""


def _widths(lines: Sequence[tuple[str, Sequence[Content]]]) -> list[float]:
    """Width of each column: that of its header's name, or of its longest content."""
    headers = [cells for style, cells in lines if style == HEADER]
    body = [cells for style, cells in lines if style in (HEADER, PARAMETER, RECORD)]
    widths: list[float] = []
    for column in range(max(len(cells) for _, cells in lines)):
        name = str(headers[0][column]) if headers and column < len(headers[0]) else ""
        longest = max((len(str(cells[column])) for cells in body if column < len(cells) and cells[column]), default=0)
        widths.append(_WIDTHS.get(name) or max(_NARROW, min(_WIDE, longest + 4)))
    return widths if headers else list(_WITHOUT_HEADER[: len(widths)])


@cache
def _look(style: str) -> dict[str, Any]:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

    if style == TITLE:
        font = Font(name="Calibri", size=14, bold=True, color=_HEAD)
        return {"font": font, "alignment": Alignment(vertical="center")}
    if style == NOTE:
        font = Font(name="Calibri", size=10, italic=True, color=_FAINT)
        return {"font": font, "alignment": Alignment(vertical="top", wrap_text=True)}
    line = Border(bottom=Side("thin", color=_LINE))
    if style == HEADER:
        return {
            "font": Font(name="Calibri", size=11, bold=True, color="FFFFFF"),
            "fill": PatternFill("solid", fgColor=_HEAD),
            "alignment": Alignment(vertical="center", horizontal="left"),
            "border": line,
        }
    font = Font(name="Calibri", size=11, color=_INK)
    return {"font": font, "alignment": Alignment(vertical="top", horizontal="left", wrap_text=True), "border": line}


@cache
def _editable() -> Any:
    from openpyxl.styles import PatternFill

    return PatternFill("solid", fgColor=_EDITABLE)


def _rule(about: Parameter | TableColumn) -> dict[str, Any]:
    """What the program accepts: choices from a list, numbers within bounds, a text of the right length."""
    kind = about.kind
    rule: dict[str, Any] = {"type": "textLength", "operator": "between", "formula1": "1", "formula2": str(LONGEST_TEXT)}
    names = kind.names if isinstance(kind, Choice) else (kind.yes, kind.no) if isinstance(kind, Bool) else ()
    if names and len(",".join(names)) <= _LIST and not any("," in name for name in names):
        rule = {"type": "list", "formula1": f'"{",".join(names)}"'}
    elif kind in (INT, FLOAT):
        low = -_FAR if about.low is None else about.low
        high = _FAR if about.high is None else about.high
        number = "whole" if kind is INT else "decimal"
        rule = {"type": number, "operator": "between", "formula1": number_text(low), "formula2": number_text(high)}
    elif kind in (CLOCK_TIME, COLOR):
        rule = {"type": "textLength", "operator": "equal", "formula1": "5" if kind is CLOCK_TIME else "7"}
    bounds = f" ({span(about)})" if span(about) else ""
    message = f"Write {kind.expects}{bounds}."
    return rule | {
        "allow_blank": isinstance(about, TableColumn) and not about.required,
        "showErrorMessage": True,
        "errorTitle": "Not a value of this parameter",
        "error": message if len(message) <= _MESSAGE else message[: _MESSAGE - 4].rstrip(" ,") + " ...",
    }
