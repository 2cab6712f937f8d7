"""One value written back into one cell of a workbook, and nothing else changed.

The file is replaced in one step, only if it is still the one that was read, and only after the new bytes have been read
again and found to differ from the old ones in that cell alone. A text can never become a formula: it is stored as text,
and one that a spreadsheet program would evaluate after a copy or an export is refused.
"""

from __future__ import annotations

import fcntl
import math
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from mr_platform.errors import ConflictError, DataError, UsageError
from mr_platform.parameters.addresses import split
from mr_platform.parameters.cells_safety import COLUMNS, ROWS
from mr_platform.parameters.container import Entry, read_file, write_entries
from mr_platform.parameters.safety import check_bytes
from mr_platform.parameters.sheet_xml import with_cell
from mr_platform.parameters.values import NUMBER, CellValue, ValueFault, check_text, number_text
from mr_platform.parameters.workbook import SheetCells, Workbook, parse

CellContent = str | int | float | bool

# A sign may begin a number or an adjustment such as "+20% ATR, +15% IV", nothing that calls a function or a program.
_SIGNED = re.compile(r"[+-][\w .,;%+-]*")
_NUMBER = re.compile(NUMBER)


@dataclass(frozen=True)
class Writing:
    """What was written: the cell's place, its content before and after, the file's new digest, and the copy kept."""

    place: str
    before: CellValue
    after: CellValue
    digest: str
    backup: Path | None


def write_value(
    path: Path, sheet: str, address: str, value: CellContent, *, digest: str, backup_at: datetime | None = None
) -> Writing:
    """Put ``value`` into one cell of the file at ``path``.

    A number or truth value goes into a cell of text as text, as the sheet has it; elsewhere it stays what it is.
    ``digest`` is that of the workbook as it was read. ``backup_at`` keeps the old file beside the new one under that
    moment. Writing what the cell already holds changes nothing.

    Errors: SourceError for a file that is refused, ConflictError where it is open elsewhere or has changed, UsageError
    for an unknown sheet, a cell within a merged range or a value that cannot be stored; the file is then as it was.
    """
    with _held(path):
        data = _unchanged(path, digest)
        package = check_bytes(data, path)
        workbook = parse(package)
        row, column = split(address)
        place = workbook.place(sheet, address)
        content = _content(_sheet(workbook, sheet, place, row, column), row, column, value, place)
        held = workbook.sheets[sheet].get(row, column)
        before = None if held is None else held.value
        if before == content and type(before) is type(content):
            return Writing(place, before, before, digest, None)
        part = next(one.part for one in package.sheets if one.name == sheet)
        entries = tuple(
            Entry.of(part, with_cell(package.parts[part], row, column, content), like=entry)
            if entry.name == part
            else entry
            for entry in package.entries
        )
        changed = write_entries(entries)
        _check_written(workbook.with_value(sheet, address, content), parse(check_bytes(changed, path)), place)
        backup = None if backup_at is None else _keep(path, data, backup_at)
        _replace(path, changed, digest)
    return Writing(place, before, content, sha256(changed).hexdigest(), backup)


def check_content(value: CellContent, place: str) -> None:
    """UsageError for what no cell may hold: a formula or a text taken for one, a number that is none."""
    if isinstance(value, str):
        try:
            check_text(value)
        except ValueFault as fault:
            raise UsageError(rule=fault.rule, value=value, place=place, remedy=fault.remedy) from fault
        start = value.lstrip()[:1]
        if start == "@" or (start in ("+", "-") and not _SIGNED.fullmatch(value.lstrip())):
            raise UsageError(
                rule="no text is one that a spreadsheet program evaluates",
                value=value,
                place=place,
                remedy="begin it with a letter",
            )
    elif isinstance(value, float) and not math.isfinite(value):
        raise UsageError(rule="a number is finite", value=value, place=place, remedy="write a number")
    elif isinstance(value, int) and abs(value) > 2**53:
        raise UsageError(
            rule="a cell holds whole numbers up to 2 to the power of 53",
            value=value,
            place=place,
            remedy="write a smaller number",
        )


def _sheet(workbook: Workbook, name: str, place: str, row: int, column: int) -> SheetCells:
    """The sheet, once the cell is one that can be written."""
    if name not in workbook.sheets:
        raise UsageError(
            rule="the workbook has the sheet", value=name, place=place, remedy=f"known: {', '.join(workbook.sheets)}"
        )
    sheet = workbook.sheets[name]
    if row > ROWS or column > COLUMNS:
        raise UsageError(
            rule=f"a sheet ends within {ROWS:,} rows and {COLUMNS} columns",
            value=place.rpartition("!")[2],
            place=place,
            remedy="write beside the parameter's name",
        )
    for area in sheet.merged:
        inside = area.top <= row <= area.bottom and area.left <= column <= area.right
        if inside and (row, column) != (area.top, area.left):
            raise UsageError(
                rule="a merged range has its value in its first cell",
                value=place.rpartition("!")[2],
                place=place,
                remedy="write into the first cell of the range",
            )
    return sheet


def _content(sheet: SheetCells, row: int, column: int, value: CellContent, place: str) -> CellContent:
    """What is stored: numbers and truth values as text where the cell, or the column of an empty cell, has text."""
    check_content(value, place)
    if isinstance(value, str):
        return value
    held = sheet.get(row, column)
    if held is not None:
        as_text = isinstance(held.value, str)
    else:
        others = [cell.value for cell in sheet.cells() if cell.column == column]
        numeric = [other for other in others if isinstance(other, int | float)]
        as_text = not numeric and any(isinstance(other, str) and _NUMBER.fullmatch(other) for other in others)
    if not as_text:
        return value
    return str(value).upper() if isinstance(value, bool) else number_text(value)


def _check_written(wanted: Workbook, found: Workbook, place: str) -> None:
    """Every cell and every merged range of the new bytes is as it should be, before they take the old file's place."""
    if wanted.sheets != found.sheets:
        raise DataError(
            rule="writing a cell changes that cell and no other",
            value="another cell differs",
            place=place,
            remedy="save the workbook anew in a spreadsheet program, then write again; the file is as it was",
        )


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Sole writer of the file while inside; ConflictError where another program has it open."""
    for owner in (path.with_name(f"~${path.name}"), path.with_name(f".~lock.{path.name}#")):
        if os.path.lexists(owner):
            raise _conflict("no spreadsheet program has the workbook open", owner.name, path, "close it there first")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        # whatever is wrong with the file, the reader has the words for it
        read_file(path)
        raise
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise _conflict("nobody else is writing the workbook", "locked", path, "try again in a moment") from error
    finally:
        os.close(handle)


def _unchanged(path: Path, digest: str) -> bytes:
    data = read_file(path)
    found = sha256(data).hexdigest()
    if found != digest:
        raise _conflict("the workbook is still the one that was read", found, path, "read it again, then write")
    return data


def _keep(path: Path, data: bytes, at: datetime) -> Path:
    """The old bytes beside the file, under the moment in UTC; a copy that is there already is never overwritten."""
    backup = path.with_name(f"{path.stem}.{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.bak{path.suffix}")
    try:
        with backup.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        if backup.read_bytes() == data:
            return backup
        raise _conflict(
            "a copy of an older state is kept", backup.name, path, "write again with a later moment"
        ) from error
    return backup


def _replace(path: Path, data: bytes, digest: str) -> None:
    """Write aside, flush, look once more whether the old file is still the one read, rename."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}.scratch")
    try:
        with scratch.open("xb") as file:
            os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _unchanged(path, digest)
        scratch.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise DataError(
            rule="the workbook can be replaced",
            value=error,
            place=str(path),
            remedy="free space or mend the permissions, then write again; the file is as it was",
        ) from error
    finally:
        with suppress(FileNotFoundError):
            scratch.unlink()


def _conflict(rule: str, value: object, path: Path, remedy: str) -> ConflictError:
    return ConflictError(rule=rule, value=value, place=str(path), remedy=remedy)
