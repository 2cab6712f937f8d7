"""Where the tables that a sheet's shape declares lie on a real sheet: header, rows, and what belongs to none of them.

A sheet is read from top to bottom. The first table is known by its header, each later one by the row whose only text
is its title. Inserted or empty rows move a table without harm; a header that lacks its key or value column is told of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mr_platform.parameters.declaration import SheetShape, TableShape
from mr_platform.parameters.workbook import Cell, SheetCells

Row = Mapping[int, Cell]


@dataclass(frozen=True)
class PlacedTable:
    """A declared table as it lies on a sheet.

    ``columns``: column number by header text, empty for a table without header. ``header``: the header's cells.
    ``rows``: the rows below it, each as cells by column number. ``number``: the table's place in the sheet's shape.
    """

    shape: TableShape
    number: int
    header: Row
    columns: Mapping[str, int]
    rows: tuple[Row, ...]

    def column(self, name: str, position: int) -> int | None:
        """Number of the column with that header, None where it is absent; ``position`` in a table without header."""
        return self.columns.get(name) if self.shape.header else position


@dataclass(frozen=True)
class Placement:
    """The tables found on a sheet, titles and cells above the first header, and headers met twice or lacking a column.

    ``missing``: declared tables that the sheet lacks. ``repeated``: header cells whose text an earlier one has.
    """

    tables: tuple[PlacedTable, ...]
    titles: tuple[Cell, ...]
    missing: tuple[TableShape, ...]
    repeated: tuple[Cell, ...] = ()


def place(cells: SheetCells, shape: SheetShape) -> Placement:
    """Find the tables of ``shape`` among the cells of a sheet."""
    rows = _by_row(cells)
    titles: list[Cell] = []
    starts = _starts(rows, shape, titles)
    tables: list[PlacedTable] = []
    repeated: list[Cell] = []
    for at, (number, body) in enumerate(starts):
        end = starts[at + 1][1] if at + 1 < len(starts) else len(rows)
        table = shape.tables[number]
        header: Row = {}
        first = body + (1 if number else 0)
        if number:
            titles += rows[body].values()
        if table.header and first < end:
            header = rows[first]
            first += 1
        columns, twice = _columns(header)
        repeated += twice
        tables.append(PlacedTable(table, number, header, columns, tuple(rows[first:end])))
    found = {table.number for table in tables}
    missing = tuple(one for number, one in enumerate(shape.tables) if number not in found)
    return Placement(tuple(tables), tuple(titles), missing, tuple(repeated))


def _by_row(cells: SheetCells) -> list[Row]:
    return [{cell.column: cell for cell in row} for row in cells.rows]


def _starts(rows: Sequence[Row], shape: SheetShape, titles: list[Cell]) -> list[tuple[int, int]]:
    """(number of the table, index of its first row: the header of the first, the title row of a later one)."""
    starts: list[tuple[int, int]] = []
    by_title = {table.title: number for number, table in enumerate(shape.tables) if table.title}
    first = shape.tables[0]
    for at, row in enumerate(rows):
        only = next(iter(row.values())) if len(row) == 1 else None
        named = by_title.get(only.value.strip()) if only is not None and isinstance(only.value, str) else None
        if named is not None and named not in {number for number, _ in starts}:
            starts.append((named, at))
        elif not starts and not _is_title(only, shape) and _is_head(row, first):
            starts.append((0, at))
        elif not starts:
            titles += row.values()
    return starts


def _is_title(only: Cell | None, shape: SheetShape) -> bool:
    return only is not None and not shape.header_row and only.value == shape.title


def _is_head(row: Row, table: TableShape) -> bool:
    if not table.header:
        return True
    texts = {cell.value for cell in row.values()}
    wanted = {name for name in (table.key, table.value) if name} or set(table.header[:1])
    return wanted <= texts or len(texts & set(table.header)) * 2 > len(table.header)


def _columns(header: Row) -> tuple[dict[str, int], list[Cell]]:
    columns: dict[str, int] = {}
    twice: list[Cell] = []
    for number, cell in sorted(header.items()):
        text = str(cell.value).strip()
        if text in columns:
            twice.append(cell)
        else:
            columns[text] = number
    return columns, twice
