"""One cell of a sheet's XML put in place of another, with every other byte left as it is.

A library that loads a workbook and saves it writes all of its sheets anew and leaves out what it does not know. Here an
XML parser says where the cell lies, and only those bytes change: look, widths, comments, validations and extensions of
any program stay because nobody touched them.

Source: ECMA-376 part 1, 18.3.1.4 (c), 18.3.1.73 (row), 18.3.1.80 (sheetData), 22.9.2.19 (escapes of characters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from mr_platform.parameters.addresses import column_name, split

_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
_NAME = re.compile(rb"<((?:[\w.-]+:)?)[\w.-]+")
_TYPE = re.compile(rb"""\s+t\s*=\s*(?:"[^"]*"|'[^']*')""")
_SPANS = re.compile(rb"""\s+spans\s*=\s*(?:"[^"]*"|'[^']*')""")
_DIMENSION = re.compile(rb"""(<(?:[\w.-]+:)?dimension\s+ref\s*=\s*["'])([A-Z]+[0-9]+)(?::([A-Z]+[0-9]+))?""")
_BOM = b"\xef\xbb\xbf"


@dataclass
class _Span:
    """Where an element lies: ``[start, stop)``; its index is the row's or the column's number."""

    index: int
    start: int
    stop: int = 0


@dataclass
class _Places:
    """The sheet's data, its rows, and the cells of the row that is looked for."""

    data: _Span | None = None
    rows: list[_Span] = field(default_factory=list)
    cells: list[_Span] = field(default_factory=list)


def with_cell(content: bytes, row: int, column: int, value: str | int | float | bool) -> bytes:  # noqa: FBT001 - a cell's value
    """The sheet with ``value`` in one cell, which keeps its style; a text is stored as text, never as a formula."""
    mark = _BOM if content.startswith(_BOM) else b""
    body = content[len(mark) :]
    places = _find(body, row)
    assert places.data is not None, "a checked sheet has its data"
    kind, inner = _stored(value)
    address = f"{column_name(column)}{row}".encode()
    held = next((cell for cell in places.cells if cell.index == column), None)
    if held is not None:
        tag = _TAG.match(body, held.start)
        assert tag is not None
        opened = _TYPE.sub(b"", tag[0]).removesuffix(b">").removesuffix(b"/").rstrip()
        prefix = _prefix(tag[0])
        return mark + _spliced(body, held.start, held.stop, _cell(opened + kind, prefix, inner))
    body = _widened(body, row, column)
    places = _find(body, row)
    assert places.data is not None
    at = next((line for line in places.rows if line.index == row), None)
    if at is not None:
        return mark + _into_row(body, at, places.cells, address, column, kind, inner)
    data_tag = _TAG.match(body, places.data.start)
    assert data_tag is not None
    prefix = _prefix(data_tag[0])
    line = b'<%brow r="%d">%b</%brow>' % (prefix, row, _new_cell(prefix, address, kind, inner), prefix)
    behind = next((other.start for other in places.rows if other.index > row), None)
    if behind is not None:
        return mark + _spliced(body, behind, behind, line)
    return mark + _appended(body, places.data, data_tag[0], line)


def _into_row(
    body: bytes, at: _Span, cells: list[_Span], address: bytes, column: int, kind: bytes, inner: bytes
) -> bytes:
    tag = _TAG.match(body, at.start)
    assert tag is not None
    made = _new_cell(_prefix(tag[0]), address, kind, inner)
    behind = next((cell.start for cell in cells if cell.index > column), None)
    # the hint of which columns a row spans would no longer be true
    opened = _SPANS.sub(b"", tag[0])
    if behind is not None:
        body = _spliced(body, behind, behind, made)
        return _spliced(body, at.start, tag.end(), opened)
    return _appended(body, at, tag[0], made, opened)


def _appended(body: bytes, parent: _Span, tag: bytes, made: bytes, opened: bytes | None = None) -> bytes:
    """``made`` as the last child of the element at ``parent``, whose start tag becomes ``opened``."""
    opened = tag if opened is None else opened
    if tag.endswith(b"/>"):
        name = _prefix(tag) + re.split(rb"[\s/>]", tag[1:], maxsplit=1)[0].rpartition(b":")[2]
        return _spliced(body, parent.start, parent.stop, opened[:-2].rstrip() + b">" + made + b"</" + name + b">")
    end = body.rindex(b"</", parent.start, parent.stop)
    body = _spliced(body, end, end, made)
    return _spliced(body, parent.start, parent.start + len(tag), opened)


def _find(body: bytes, wanted: int) -> _Places:
    places, parser = _Places(), expat.ParserCreate(namespace_separator="}")
    inside: list[_Span] = []
    at = {"row": 0, "c": 0}

    def begin(tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        span = _Span(0, parser.CurrentByteIndex)
        if name == "row":
            at["row"], at["c"] = int(attributes.get("r", at["row"] + 1)), 0
            span.index = at["row"]
            places.rows.append(span)
        elif name == "c":
            at["c"] = split(attributes["r"])[1] if "r" in attributes else at["c"] + 1
            span.index = at["c"]
            if at["row"] == wanted:
                places.cells.append(span)
        elif name == "sheetData":
            places.data = span
        inside.append(span)

    def end(_: str) -> None:
        span = inside.pop()
        opened = _TAG.match(body, span.start)
        assert opened is not None
        # an element without content has one tag only, and the parser's position is already behind it
        span.stop = opened.end() if opened[0].endswith(b"/>") else body.index(b">", parser.CurrentByteIndex) + 1

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.Parse(body, True)  # noqa: FBT003 - expat's own signature
    return places


def _stored(value: str | int | float | bool) -> tuple[bytes, bytes]:  # noqa: FBT001 - a cell's value
    """The type attribute and the content of a cell."""
    if isinstance(value, bool):
        return b' t="b"', b"<v>%d</v>" % value
    if isinstance(value, int | float):
        return b' t="n"', b"<v>%b</v>" % repr(value).encode()
    # what would read as the escape of a character is escaped itself
    text = escape(re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", value))
    space = b' xml:space="preserve"' if value != value.strip() else b""
    return b' t="inlineStr"', b"<is><t%b>%b</t></is>" % (space, text.encode())


def _cell(opened: bytes, prefix: bytes, inner: bytes) -> bytes:
    named = re.sub(rb"<(/?)(?=[a-z])", rb"<\1" + prefix, inner)
    return opened + b">" + named + b"</" + prefix + b"c>"


def _new_cell(prefix: bytes, address: bytes, kind: bytes, inner: bytes) -> bytes:
    return _cell(b'<%bc r="%b"%b' % (prefix, address, kind), prefix, inner)


def _prefix(tag: bytes) -> bytes:
    found = _NAME.match(tag)
    assert found is not None
    return found[1]


def _widened(body: bytes, row: int, column: int) -> bytes:
    """The sheet's dimension with the cell inside it."""
    found = _DIMENSION.search(body)
    if found is None:
        return body
    top, left = split(found[2].decode())
    bottom, right = split((found[3] or found[2]).decode())
    first = f"{column_name(min(left, column))}{min(top, row)}"
    last = f"{column_name(max(right, column))}{max(bottom, row)}"
    return _spliced(body, found.start(2), found.end(), f"{first}:{last}".encode())


def _spliced(body: bytes, start: int, stop: int, piece: bytes) -> bytes:
    return body[:start] + piece + body[stop:]
