"""A workbook generated from the registry: every declared sheet with its tables, and in each cell the value that holds.

What a user may need beside a value stands with it: description, unit, range and reader as a comment, the range or the
choices as the program's own validation, the cells meant for editing in their own colour. Filled with the defaults it is
the template; filled with a parameter set it is that set as a workbook. The same declarations give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mr_platform.errors import UsageError
from mr_platform.parameters import template_look as look
from mr_platform.parameters.container import Entry, read_entries, unpack, write_entries
from mr_platform.parameters.declaration import Parameter, RecordTable, SheetShape, TableColumn, TableShape
from mr_platform.parameters.registry import Registry, registry
from mr_platform.parameters.values import FLOAT, INT, Bool, Choice, Value, number_text

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from mr_platform.parameters.resolution import ParameterSet

_CORE = "docProps/core.xml"
_MOMENT = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
_NO_NOTE = "Free text: nothing below is read as configuration."


@dataclass
class _Line:
    """A row of a sheet: its cells from the first column, how it looks, and what is said of single cells."""

    cells: list[look.Content]
    style: str = look.PLAIN
    editable: dict[int, Parameter | TableColumn] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)


def build_workbook(
    kind: str = "strategy", *, values: ParameterSet | None = None, declared: Registry | None = None
) -> bytes:
    """The bytes of an ``.xlsx`` file with every sheet of that kind of workbook.

    ``kind``: strategy, portfolio, regime or optimization. ``values``: the set to fill in, the defaults without one.
    Errors: UsageError for a kind that no sheet belongs to.
    """
    from openpyxl import Workbook

    known = declared or registry()
    shapes = [shape for shape in known.sheets.values() if shape.workbook == kind]
    if not shapes:
        kinds = dict.fromkeys(shape.workbook for shape in known.sheets.values())
        raise UsageError(
            rule="sheets are declared for the workbook", value=kind, place="template", remedy=", ".join(kinds)
        )
    book = Workbook()
    book.remove(book.active)
    for shape in shapes:
        _fill(book.create_sheet(shape.name), shape, _Source(known, values))
    stream = io.BytesIO()
    book.save(stream)
    return _dateless(stream.getvalue())


@dataclass(frozen=True)
class _Source:
    """Where the values come from: a set, or the declarations' defaults."""

    declared: Registry
    values: ParameterSet | None

    def parameter(self, one: Parameter) -> Value | None:
        return one.default if self.values is None else self.values.values[one.id]

    def records(self, table: RecordTable) -> Iterator[tuple[Value | None, ...]]:
        if self.values is None:
            yield from table.default
            return
        for key in self.values.keys[table.sheet, table.title]:
            yield tuple(self.values.values[table.cell_id(key, column.name)] for column in table.columns)


def _fill(sheet: Worksheet, shape: SheetShape, source: _Source) -> None:
    lines = [*_heading(shape)]
    for number, table in enumerate(shape.tables):
        if number:
            lines += [_Line([]), _Line([table.title], look.TITLE)]
        lines += _table(shape, table, source)
    painted = look.SheetLook(sheet, shape, [(line.style, line.cells) for line in lines])
    for row, line in enumerate(lines, 1):
        painted.row(row, line.style, line.cells)
        for column, about in line.editable.items():
            painted.open_for_editing(row, column, about)
        for column, text in line.comments.items():
            painted.comment(row, column, text)


def _heading(shape: SheetShape) -> list[_Line]:
    """Rows above the first header, as many as the shape says."""
    if shape.title:
        return [_Line([shape.title], look.TITLE)]
    above = [_Line([]) for _ in range(max(0, shape.header_row - 1))]
    if above:
        above[0] = _Line([shape.description.capitalize()], look.TITLE)
    return above


def _table(shape: SheetShape, table: TableShape, source: _Source) -> Iterator[_Line]:
    if table.form == "notes":
        yield _Line([_NO_NOTE], look.NOTE)
        return
    if table.form == "records":
        yield from _records(source.declared.tables[shape.name, table.title], table, source)
        return
    if table.header:
        yield _Line(list(table.header), look.HEADER)
    for one in source.declared.of_sheet(shape.name, table.title):
        value = source.parameter(one)
        header = table.header or ("Parameter", "Value")
        cells = [_parameter_cell(one, value, name, table) for name in header]
        at = header.index(table.value or "Value") + 1
        yield _Line(
            cells,
            look.PARAMETER if table.header else look.PAIR,
            {at: one},
            {header.index(table.key or "Parameter") + 1: _about(one)},
        )


def _parameter_cell(one: Parameter, value: Value | None, column: str, table: TableShape) -> look.Content:
    if column == (table.key or "Parameter"):
        return one.name
    if column == (table.value or "Value"):
        return _rendered(one, value)
    number = one.kind in (INT, FLOAT)
    said: dict[str, look.Content] = {
        "Default": _rendered(one, one.default),
        "Min": one.low if number else None,
        "Max": one.high if number else None,
        "Unit": one.unit or None,
        "Description": one.description,
        "Options": _options(one),
    }
    return said.get(column)


def _records(declared: RecordTable, table: TableShape, source: _Source) -> Iterator[_Line]:
    columns = {column.name: column for column in declared.columns}
    header = table.header or declared.names
    about = {at: _about_column(columns[name], declared) for at, name in enumerate(header, 1) if name in columns}
    if table.header:
        yield _Line(list(header), look.HEADER, comments=about)
    for record in source.records(declared):
        said = dict(zip(declared.names, record, strict=True))
        cells = [_rendered(columns[name], said.get(name)) if name in columns else None for name in header]
        yield _Line(
            cells,
            look.RECORD if table.header else look.PAIR,
            {at: columns[name] for at, name in enumerate(header, 1) if name in columns},
        )


def _rendered(one: Parameter | TableColumn, value: Value | None) -> look.Content:
    return None if value is None else one.kind.render(value)


def _options(one: Parameter) -> str:
    if isinstance(one.kind, Choice):
        return ",".join(one.kind.names)
    if isinstance(one.kind, Bool):
        return f"{one.kind.yes},{one.kind.no}"
    return look.span(one) or one.kind.expects


def _about(one: Parameter) -> str:
    """What the comment of a parameter says, one fact a line."""
    lines = [one.description.capitalize(), "", f"Value: {one.kind.expects}"]
    lines += [f"Unit: {one.unit}"] if one.unit else []
    lines += [f"Range: {look.span(one)}"] if look.span(one) else []
    lines += [f"Default: {_shown(one)}", f"Read by: {one.consumer.name}{' (planned)' if one.consumer.planned else ''}"]
    return "\n".join(lines)


def _about_column(column: TableColumn, table: RecordTable) -> str:
    lines = [column.description.capitalize() or table.description.capitalize(), "", f"Value: {column.kind.expects}"]
    lines += [f"Unit: {column.unit}"] if column.unit else []
    lines += [f"Range: {look.span(column)}"] if look.span(column) else []
    lines += ["Names the record" if column.name == table.key else "Required" if column.required else "May be empty"]
    return "\n".join(lines)


def _shown(one: Parameter) -> str:
    content = one.kind.render(one.default)
    return number_text(content) if isinstance(content, float) else str(content)


def _dateless(data: bytes) -> bytes:
    """The same workbook without the moment of its making."""
    entries = []
    for entry in read_entries(data, "template"):
        content = unpack(entry, "template")
        if entry.name == _CORE:
            content = _MOMENT.sub(b"1980-01-01T00:00:00Z", content)
        entries.append(Entry.of(entry.name, content))
    return write_entries(entries)
