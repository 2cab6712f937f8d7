"""A workbook as it stands in the file: every cell that holds something, with its address.

Nothing is interpreted here. A cell is a number, a text, a truth value or a moment as the file has it; what it means is
the business of the sheets' shapes and the parameters' kinds. A parsed workbook is kept under the digest of its file,
so the second read of the same bytes parses nothing; the cached document is JSON, and one that cannot be read is
written anew.
"""

from __future__ import annotations

import json
import secrets
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mr_platform import logs
from mr_platform.errors import SourceError, UsageError
from mr_platform.parameters.addresses import column_name, split
from mr_platform.parameters.container import read_file, write_entries
from mr_platform.parameters.safety import TEXT_LENGTH, Package, check_bytes

if TYPE_CHECKING:
    from mr_platform.parameters.values import CellValue

log = logs.get("parameters.workbook")

# Part of the cache's key: a document written by an older reader, or let through by older rules, is never read again.
_READER = 1
_STRUCTURE = {
    "[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml",
}  # fmt: skip
_TYPES: dict[str, type[date] | type[time]] = {"moment": datetime, "date": date, "time": time}


class _NotFinite(ArithmeticError):
    """A number that no cell may hold; whoever knows the sheet says where it stands."""


class Cell(NamedTuple):
    """A cell that is not empty. ``row`` and ``column`` count from 1; a whole number is an ``int``."""

    row: int
    column: int
    value: CellValue

    @property
    def address(self) -> str:
        """As a spreadsheet program shows it: B7."""
        return f"{column_name(self.column)}{self.row}"


class Area(NamedTuple):
    """A merged range: first and last row and column, from 1, all inclusive. Its value lies in its first cell."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class SheetCells:
    """A sheet: its rows that hold something, in order, each with its non-empty cells, in order."""

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    merged: tuple[Area, ...] = ()
    hidden: bool = False

    @cached_property
    def _by_place(self) -> Mapping[tuple[int, int], Cell]:
        return {(cell.row, cell.column): cell for row in self.rows for cell in row}

    def cells(self) -> Iterator[Cell]:
        """All cells by row and column."""
        return (cell for row in self.rows for cell in row)

    def get(self, row: int, column: int) -> Cell | None:
        """The cell at a row and column counted from 1, None where it is empty."""
        return self._by_place.get((row, column))

    def at(self, address: str) -> Cell | None:
        """The cell at an address such as ``B7``, None where it is empty; UsageError for what is no address."""
        return self.get(*split(address))


@dataclass(frozen=True)
class Workbook:
    """``digest``: hex SHA-256 of the file's bytes. ``sheets`` by name, in the file's order."""

    path: Path
    digest: str
    sheets: Mapping[str, SheetCells]

    @property
    def name(self) -> str:
        """The file's name, the first part of every place."""
        return self.path.name

    def place(self, sheet: str, cell: Cell | str) -> str:
        """``workbook!sheet!cell``, the form in which every finding names its place."""
        return f"{self.name}!{sheet}!{cell if isinstance(cell, str) else cell.address}"

    def with_value(self, sheet: str, address: str, value: CellValue) -> Workbook:
        """The workbook with one cell replaced, or emptied by None: what would be, before it is written.

        Errors: UsageError for an unknown sheet. The digest stays that of the file.
        """
        if sheet not in self.sheets:
            raise UsageError(
                rule="the workbook has the sheet",
                value=sheet,
                place=self.name,
                remedy=f"known: {', '.join(self.sheets)}",
            )
        row, column = split(address)
        before = self.sheets[sheet]
        at = bisect_left(before.rows, row, key=lambda cells: cells[0].row)
        present = before.rows[at] if at < len(before.rows) and before.rows[at][0].row == row else ()
        kept = [cell for cell in present if cell.column != column]
        if value is not None and value != "":
            kept = sorted([*kept, Cell(row, column, value)], key=lambda cell: cell.column)
        rows = (*before.rows[:at], *((tuple(kept),) if kept else ()), *before.rows[at + bool(present) :])
        changed = SheetCells(sheet, rows, before.merged, before.hidden)
        return replace(self, sheets={**self.sheets, sheet: changed})


def read_workbook(path: Path, *, cache: Path | None = None) -> Workbook:
    """Every non-empty cell of every sheet of an ``.xlsx`` file that has passed ``safety.check_file``.

    ``cache``: a folder for parsed workbooks. Errors: SourceError for a file that is refused.
    """
    data = read_file(path)
    digest = sha256(data).hexdigest()
    kept = cache / f"workbook-{_READER}-{digest}.json" if cache is not None else None
    if kept is not None:
        sheets = _load(kept)
        if sheets is not None:
            return Workbook(path, digest, sheets)
    workbook = parse(check_bytes(data, path))
    if kept is not None:
        _keep(kept, workbook.sheets)
    return workbook


def parse(package: Package) -> Workbook:
    """The cells of a checked package. Errors: SourceError where a sheet cannot be read, or holds an endless text."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, XmlError, ZipError

    holders = {*(sheet.part for sheet in package.sheets), "xl/sharedStrings.xml"} & package.parts.keys()
    plain = write_entries(entry for entry in package.entries if entry.name in holders | _STRUCTURE)
    place = package.path.name
    sheets: dict[str, SheetCells] = {}
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(plain))
        for index, known in enumerate(package.sheets):
            place = f"{package.path.name}!{known.name}"
            sheet = book.get_sheet_by_index(index)
            top, left = sheet.start or (0, 0)
            merged = tuple(
                sorted(Area(a + 1, b + 1, c + 1, d + 1) for (a, b), (c, d) in sheet.merged_cell_ranges or ())
            )
            table = sheet.to_python()
            try:
                rows = _rows(table, top + 1, left + 1)
            except _NotFinite as error:
                raise _infinite(table, top + 1, left + 1, place) from error
            sheets[known.name] = SheetCells(known.name, rows, merged, known.hidden)
    except (CalamineError, PasswordError, XmlError, ZipError, ValueError, OverflowError, OSError) as error:
        raise _unreadable(error, place) from error
    except BaseException as error:
        # the parser's own panics reach Python as a class outside Exception that no module exports
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable(error, place) from error
    # an endless text needs many bytes of XML
    if any(len(package.parts[part]) > TEXT_LENGTH for part in holders):
        _check_lengths(sheets, package.path.name)
    return Workbook(package.path, package.digest, sheets)


def _rows(table: list[list[Any]], top: int, left: int) -> tuple[tuple[Cell, ...], ...]:
    """The rows that hold something, of a table whose first cell lies at ``top`` and ``left``."""
    make, rows = tuple.__new__, []
    for row, values in enumerate(table, top):
        # texts need no second look, and a named tuple is made twice as fast without its own constructor
        found = [
            make(Cell, (row, column, value if type(value) is str else _plain(value)))
            for column, value in enumerate(values, left)
            if value != ""
        ]
        if found:
            rows.append(tuple(found))
    return tuple(rows)


def _check_lengths(sheets: Mapping[str, SheetCells], book: str) -> None:
    for name, cells in sheets.items():
        for cell in cells.cells():
            if isinstance(cell.value, str) and len(cell.value) > TEXT_LENGTH:
                rule = f"a text has at most {TEXT_LENGTH:,} characters"
                raise _unusable(rule, len(cell.value), f"{book}!{name}!{cell.address}", "shorten it")


def _infinite(values: list[list[Any]], top: int, left: int, place: str) -> SourceError:
    """The refusal of the first number that is none."""
    for row, cells in enumerate(values, top):
        for column, value in enumerate(cells, left):
            if isinstance(value, float) and not isfinite(value):
                return _unusable("a number is finite", value, f"{place}!{column_name(column)}{row}", "write a number")
    return _unusable("a number is finite", "another", place, "write a number")


def _plain(value: Any) -> CellValue:
    """The parser gives every number as a double; one that is whole is told apart as it is on the screen."""
    if type(value) is float:
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
        if not isfinite(value):
            raise _NotFinite
    if isinstance(value, timedelta):
        return value / timedelta(days=1)
    return value  # type: ignore[no-any-return]


def _unusable(rule: str, value: object, place: str, remedy: str) -> SourceError:
    return SourceError(rule=rule, value=value, place=place, remedy=remedy)


def _unreadable(error: BaseException, place: str) -> SourceError:
    return SourceError(
        rule="a sheet is readable", value=error, place=place, remedy="open it in a spreadsheet program and save it anew"
    )


def _load(path: Path) -> dict[str, SheetCells] | None:
    """Sheets of a cached document; None where there is none or it is not one of ours."""
    make = tuple.__new__
    try:
        kept = json.loads(path.read_bytes())
        return {
            name: SheetCells(
                name,
                tuple(
                    [
                        tuple([make(Cell, (row, at, v if type(v) is not list else _read(v))) for at, v in cells])
                        for row, cells in rows
                    ]
                ),
                tuple(Area(*area) for area in merged),
                hidden,
            )
            for name, rows, merged, hidden in kept["sheets"]
        }
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("a cached workbook is not readable and is written anew", extra={"fields": {"error": repr(error)}})
        return None


def _keep(path: Path, sheets: Mapping[str, SheetCells]) -> None:
    """Write the document aside and rename it; a cache that cannot be written costs time, nothing else."""
    document = {
        "sheets": [
            [
                sheet.name,
                [[row[0].row, [[cell.column, _written(cell.value)] for cell in row]] for row in sheet.rows],
                sheet.merged,
                sheet.hidden,
            ]
            for sheet in sheets.values()
        ]
    }
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        log.warning("a parsed workbook could not be kept", extra={"fields": {"error": repr(error)}})
        # where the folder itself is the trouble there is nothing to remove either
        with suppress(OSError):
            scratch.unlink()


def _written(value: CellValue) -> object:
    if isinstance(value, date | time):
        return [next(name for name, kind in _TYPES.items() if isinstance(value, kind)), value.isoformat()]
    return value


def _read(written: list[str]) -> CellValue:
    name, text = written
    return _TYPES[name].fromisoformat(text)
