"""What the cells of a sheet may be: plain values within limits, no formula and no error value.

Cells are found by their bytes, which is fast. A sheet in which that could be fooled (a prefix, another order of
attributes, a comment) is read by a real XML parser instead, which is slower and gives the same answer.

Source: ECMA-376 part 1, 18.3.1.4 (c), 18.3.1.40 (f), 18.18.11 (types of cells).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from mr_platform.errors import SourceError
from mr_platform.parameters.addresses import column_name, column_number

CELLS = 100_000
ROWS, COLUMNS = 20_000, 256

_CELL = re.compile(rb"<(?:[\w.-]+:)?c[\s/>]")
# A cell within the limits as the programs write it, its address first: up to column IV and row 20,000.
_PLAIN_CELL = re.compile(rb'<c r="(?:[A-Z]|[A-H][A-Z]|I[A-V])(?:[1-9][0-9]{0,3}|1[0-9]{4}|20000)"')
_DIMENSION = re.compile(rb"""<(?:[\w.-]+:)?dimension\s[^>]*?ref\s*=\s*["']([^"']*)""")
_ADDRESS = re.compile(r"\$?([A-Z]{1,3})\$?([1-9][0-9]{0,6})")
_FORBIDDEN = (
    (
        (b"<f", b":f"),
        re.compile(rb"<(?:[\w.-]+:)?f[\s/>]"),
        "no cell holds a formula",
        "copy the cell and paste its value over it",
    ),
    (
        (b'"e"', b"'e'"),
        re.compile(rb"""\st\s*=\s*["']e["']"""),
        "no cell holds an error value",
        "write the value itself",
    ),
)


def check_cells(content: bytes, where: str) -> int:
    """Number of cells of a sheet, given its XML. ``where``: workbook!sheet.

    Errors: SourceError with the cell for a formula, an error value or an address beyond the limits.
    """
    dimension = _DIMENSION.search(content, 0, 4_096)
    if dimension:
        _check_corners(dimension[1].decode(errors="replace"), where)
    start, stop = content.find(b"<sheetData"), content.rfind(b"</sheetData>")
    data = content[start:stop]
    cells = len(_PLAIN_CELL.findall(data))
    # behind "<c" nothing but a cell may follow here: what remains to be told apart goes the slow way
    plain = 0 <= start <= stop and data.count(b"<c") == cells and b":sheetData" not in content and b"<!" not in content
    if not plain:
        data = content
        cells = len(_CELL.findall(data))
    if cells > CELLS:
        _refuse(f"a sheet has at most {CELLS:,} cells", f"{cells:,}", where, "remove what holds no parameters")
    if not plain:
        _check_slowly(content, where)
    for signs, pattern, rule, remedy in _FORBIDDEN:
        # a plain search is many times faster than a pattern, and nearly always the last word
        hits = [m.start() for m in pattern.finditer(data)] if any(sign in data for sign in signs) else []
        if hits:
            addresses = [_cell_around(data, at) for at in hits[:11]]
            others = f" ({len(hits)} cells: {', '.join(addresses[:10])}{', ...' if len(hits) > 10 else ''})"
            _refuse(rule, _text_at(data, hits[0]), f"{where}!{addresses[0]}", remedy + others * (len(hits) > 1))
    return cells


def _check_slowly(content: bytes, where: str) -> None:
    """Addresses of cells by a real parser, with the positions that cells without an address of their own take."""
    row = column = 0
    for tag, attributes in _elements(content, where):
        if tag == "row":
            row, column = _index(attributes.get("r"), row + 1, where), 0
        elif tag == "c":
            match = _ADDRESS.fullmatch(attributes.get("r", f"{column_name(min(column + 1, 18_278))}{max(row, 1)}"))
            if match is None:
                _refuse("a cell has an address", attributes.get("r"), where, "save the workbook anew")
            column, row = column_number(match[1]), int(match[2])
            if row > ROWS or column > COLUMNS:
                _check_corners(f"{match[1]}{row}", where)


def _elements(content: bytes, where: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Local name and attributes of every element, in order."""
    from xml.parsers import expat

    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda tag, attributes: found.append((tag.rpartition("}")[2], attributes))
    try:
        for start in range(0, len(content), 65_536):
            parser.Parse(content[start : start + 65_536], False)  # noqa: FBT003 - expat's own signature
            yield from found
            found.clear()
        parser.Parse(b"", True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as error:
        _refuse("a sheet is well-formed XML", error, where, "save the workbook anew", error)


def _index(text: str | None, following: int, where: str) -> int:
    if text is None:
        return following
    if not re.fullmatch(r"[0-9]{1,7}", text):
        _refuse("a row has a number", text, where, "save the workbook anew")
    return int(text)


def _check_corners(reference: str, where: str) -> None:
    for corner in reference.split(":"):
        match = _ADDRESS.fullmatch(corner)
        if match is None or int(match[2]) > ROWS or column_number(match[1]) > COLUMNS:
            _refuse(
                f"a sheet ends within {ROWS:,} rows and {COLUMNS} columns",
                reference,
                f"{where}!{corner}",
                "delete the rows and columns behind the last parameter, then save",
            )


def _cell_around(content: bytes, at: int) -> str:
    start = max(content.rfind(b"<c ", 0, at + 1), content.rfind(b":c ", 0, at + 1))
    found = re.compile(rb"""[^>]*?\br\s*=\s*["']([A-Z]+[0-9]+)["']""").match(content, max(start, 0))
    return found[1].decode() if found else "?"


def _text_at(content: bytes, at: int) -> str:
    text = re.compile(rb"[^<]*<[^>]*>([^<]*)").match(content, max(at, content.rfind(b"<", 0, at + 1)))
    return text[1].decode(errors="replace")[:80] if text and text[1] else "an empty one"


def _refuse(rule: str, value: object, place: str, remedy: str, cause: Exception | None = None) -> NoReturn:
    raise SourceError(rule=rule, value=value, place=place, remedy=remedy) from cause
