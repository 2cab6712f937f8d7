"""Workbooks that must not be read, built from a harmless one with the standard library's zip writer."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable

import openpyxl

SHEET, BOOK = "xl/worksheets/sheet1.xml", "xl/workbook.xml"
RELATIONS, TYPES = "xl/_rels/workbook.xml.rels", "[Content_Types].xml"
Parts = dict[str, bytes]


def noise(size: int) -> bytes:
    """Bytes that do not pack, the same every time."""
    return random.Random(3).randbytes(size)


def harmless() -> Parts:
    """Parts of a workbook with one sheet, ``Parameters``, of four cells."""
    book = openpyxl.Workbook()
    book.active.title = "Parameters"
    book.active.append(["Parameter", "Value"])
    book.active.append(["window", 20])
    stream = io.BytesIO()
    book.save(stream)
    with zipfile.ZipFile(stream) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: Parts, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def changed(part: str, old: str, new: str) -> Callable[[], bytes]:
    def build() -> bytes:
        parts = harmless()
        assert old.encode() in parts[part], (part, old, parts[part])
        return zipped(parts | {part: parts[part].replace(old.encode(), new.encode(), 1)})

    return build


def added(name: str, content: bytes = b"<x/>") -> Callable[[], bytes]:
    return lambda: zipped(harmless() | {name: content})


def replaced(part: str, content: bytes | Callable[[bytes], bytes]) -> Callable[[], bytes]:
    def build() -> bytes:
        parts = harmless()
        return zipped(parts | {part: content(parts[part]) if callable(content) else content})

    return build


def cell(xml: str) -> Callable[[], bytes]:
    """The sheet with ``xml`` in place of its cell B2."""
    return changed(SHEET, '<c r="B2" t="n"><v>20</v></c>', xml)


def relation(kind: str, target: str, *, mode: str = "", part: str = RELATIONS) -> Callable[[], bytes]:
    place = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    extra = f' TargetMode="{mode}"' if mode else ""
    item = f'<Relationship Id="rId99" Type="{place}{kind}" Target="{target}"{extra}/></Relationships>'
    return changed(part, "</Relationships>", item)


def hyperlinked() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Parameters"
    book.active["B7"] = "see"
    book.active["B7"].hyperlink = "http://example.org/x"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def bomb(size: int) -> Callable[[], bytes]:
    """A sheet of ``size`` bytes of nothing, which packs to a thousandth."""
    return lambda: zipped(harmless() | {SHEET: b"<worksheet>" + b" " * size + b"</worksheet>"})


def nested_bomb() -> bytes:
    inner = zipped({f"{n}.xml": b" " * 4_000_000 for n in range(8)})
    return zipped(harmless() | {"xl/media/inner.zip": inner, "xl/inner.zip": inner})


def overlapping() -> bytes:
    """Two entries over the same bytes: each is small, together they unpack without end."""
    data = bytearray(zipped(harmless()))
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 1)
    name_size = struct.unpack_from("<H", data, second + 28)[0]
    other = data[second + 46 : second + 46 + name_size]
    at = data.find(b"PK\x03\x04", struct.unpack_from("<L", data, first + 42)[0])
    # the second entry's header is made to lie inside the first entry's bytes
    own = struct.unpack_from("<L", data, second + 42)[0]
    head = bytes(data[own : own + 30]) + bytes(other)
    data[at + 60 : at + 60 + len(head)] = head
    struct.pack_into("<L", data, second + 42, at + 60)
    return bytes(data)


def lying_size(*, to: int) -> Callable[[], bytes]:
    """The sheet's size in the directory is another than that of its content."""

    def build() -> bytes:
        data = bytearray(zipped(harmless() | {SHEET: harmless()[SHEET] + b" " * 3_000_000}))
        at = data.rfind(SHEET.encode()) - 46
        assert data[at : at + 4] == b"PK\x01\x02"
        struct.pack_into("<L", data, at + 24, to)
        return bytes(data)

    return build


def flagged(bit: int) -> bytes:
    data = bytearray(zipped(harmless()))
    at = data.rfind(SHEET.encode()) - 46
    struct.pack_into("<H", data, at + 8, bit)
    return bytes(data)


def many_entries() -> bytes:
    return zipped(harmless() | {f"xl/media/image{n}.png": b"" for n in range(50_000)}, method=zipfile.ZIP_STORED)


def duplicated() -> bytes:
    stream = io.BytesIO(zipped(harmless()))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(SHEET.replace("sheet1", "Sheet1"), b"<worksheet/>")
    return stream.getvalue()


def link_entry() -> bytes:
    stream = io.BytesIO(zipped(harmless()))
    with zipfile.ZipFile(stream, "a") as archive:
        about = zipfile.ZipInfo("xl/media/image1.png")
        about.external_attr = 0o120777 << 16
        archive.writestr(about, "/etc/passwd")
    return stream.getvalue()


def many_cells(count: int) -> bytes:
    rows = "".join(
        f'<row r="{n}">' + "".join(f'<c r="{column}{n}"><v>{n}</v></c>' for column in "ABCDEFGHIJ") + "</row>"
        for n in range(1, count // 10 + 1)
    )
    return zipped(harmless() | {SHEET: f"<worksheet><sheetData>{rows}</sheetData></worksheet>".encode()})


def shared(strings: str, cells: str) -> bytes:
    parts = harmless()
    table = f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{strings}</sst>'
    return zipped(
        parts
        | {
            "xl/sharedStrings.xml": table.encode(),
            SHEET: f'<worksheet><sheetData><row r="1">{cells}</row></sheetData></worksheet>'.encode(),
        }
    )


def multiplied_text() -> bytes:
    """One text of 30,000 characters in 90,000 cells: a small file of 2.7 GB of text."""
    cells = "".join(f'<c r="{"ABCDEFGHI"[n % 9]}{n // 9 + 1}" t="s"><v>0</v></c>' for n in range(90_000))
    return shared(f"<si><t>{'x' * 30_000}</t></si>", cells)


def random_sheet(size: int) -> bytes:
    return zipped(harmless() | {SHEET: noise(size // 2).hex().encode()}, method=zipfile.ZIP_STORED)


ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'

# name -> (the bytes, the rule that refuses them, the place told beside the file's name)
HOSTILE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "bomb of one ratio": (bomb(7_000_000), "a part unpacks to at most 100 times its size", SHEET),
    "bomb of 50 MB": (bomb(50_000_000), "a part has at most 8,000,000 bytes", SHEET),
    "bomb of many parts": (
        lambda: zipped(harmless() | {f"xl/media/image{n}.xml": noise(100_000) + bytes(5_900_000) for n in range(5)}),
        "a part has at most 8,000,000 bytes unpacked, a workbook 24,000,000",
        "xl/media/image3.xml",
    ),
    "nested bomb": (nested_bomb, "holds sheets and their look, nothing else", ""),
    "overlapping parts": (overlapping, "parts do not overlap", ""),
    "size quoted too small": (lying_size(to=1_000), "size and checksum are those", SHEET),
    "size quoted too large": (lying_size(to=4_000_000), "size and checksum are those|unpacks to at most", SHEET),
    "50,000 parts": (many_entries, "a workbook has at most 512 parts", ""),
    "sheet of 50 MB": (lambda: random_sheet(50_000_000), "a workbook has at most 10,000,000 bytes", ""),
    "200,000 cells": (lambda: many_cells(200_000), "a sheet has at most 100,000 cells", "Parameters"),
    "huge shared texts": (
        lambda: shared(f"<si><t>{noise(1_500_000).hex()}</t></si>", '<c r="A1" t="s"><v>0</v></c>'),
        "a text has at most",
        "haredStrings",
    ),
    "one text a hundred thousand times": (multiplied_text, "all texts together have at most", ""),
    "dimension of a whole sheet": (
        changed(SHEET, 'ref="A1:B2"', 'ref="A1:XFD1048576"'),
        "a sheet ends within 20,000 rows and 256 columns",
        "Parameters!XFD1048576",
    ),
    "cell in the far corner": (
        cell('<c r="XFD1048576"><v>1</v></c>'),
        "a sheet ends within 20,000 rows and 256 columns",
        "Parameters!XFD1048576",
    ),
    "far corner behind another attribute": (
        cell('<c t="n" x=">" r="XFD1048576"><v>1</v></c>'),
        "a sheet ends within 20,000 rows and 256 columns",
        "Parameters!XFD1048576",
    ),
    "far corner by the row's number": (
        changed(SHEET, '<row r="2">', '<row r="1048576"><c><v>1</v></c></row><row r="2">'),
        "a sheet ends within 20,000 rows and 256 columns",
        "Parameters!A1048576",
    ),
    "formula": (cell('<c r="B2"><f>1+1</f><v>2</v></c>'), "no cell holds a formula", "Parameters!B2"),
    "shared formula": (
        cell('<c r="B2"><f t="shared" si="0" ref="B2:B9">A1</f><v>2</v></c>'),
        "no cell holds a formula",
        "Parameters!B2",
    ),
    "empty formula": (cell('<c r="B2"><f/><v>2</v></c>'), "no cell holds a formula", "Parameters!B2"),
    "formula under a prefix": (
        changed(SHEET, '<c r="B2" t="n"><v>20</v></c>', '<x:c xmlns:x="urn:x" r="B2"><x:f>1+1</x:f></x:c>'),
        "no cell holds a formula",
        "Parameters!B2",
    ),
    "dynamic data exchange": (
        cell("<c r=\"B2\"><f>cmd|'/c calc'!A1</f><v>0</v></c>"),
        "no cell holds a formula",
        "Parameters!B2",
    ),
    "error value": (cell('<c r="B2" t="e"><v>#REF!</v></c>'), "no cell holds an error value", "Parameters!B2"),
    "macros": (added("xl/vbaProject.bin", b"\xd0\xcf"), "holds no macros", "hostile.xlsx"),
    "macros by content type": (
        changed(TYPES, "spreadsheetml.sheet.main+xml", "ms-excel.sheet.macroEnabled.main+xml"),
        "is a plain workbook",
        "",
    ),
    "old macro sheet": (added("xl/macrosheets/sheet1.xml"), "holds no macros", ""),
    "link to another workbook": (added("xl/externalLinks/externalLink1.xml"), "no links to other files", ""),
    "relation to another workbook": (
        relation("externalLinkPath", "file:///other.xlsx", mode="External"),
        "no links to other files or sites",
        "xl/_rels/workbook.xml.rels",
    ),
    "hyperlink": (hyperlinked, "no links to other files or sites", "Parameters!B7"),
    "embedded object": (added("xl/embeddings/oleObject1.bin"), "no embedded objects", ""),
    "control": (added("xl/activeX/activeX1.xml"), "no controls", ""),
    "data connection": (added("xl/connections.xml"), "no data connections", ""),
    "query": (added("xl/queryTables/queryTable1.xml"), "no data connections", ""),
    "program under a name": (added("xl/run.exe", b"MZ"), "holds sheets and their look, nothing else", ""),
    "name of another file": (
        changed(BOOK, "<definedNames />", '<definedNames><definedName name="x">[1]A!$A$1</definedName></definedNames>'),
        "a name stands for cells of this workbook",
        "x",
    ),
    "name of a program": (
        changed(
            BOOK,
            "<definedNames />",
            "<definedNames><definedName name=\"x\">cmd|'/c calc'!A0</definedName></definedNames>",
        ),
        "a name stands for cells of this workbook",
        "x",
    ),
    "name above the archive": (added("xl/../../evil.xml"), "a part's name stays inside", ""),
    "absolute name": (added("/etc/passwd"), "a part's name stays inside", ""),
    "name of a drive": (added("C:/evil.xml"), "a part's name stays inside", ""),
    "name with a backslash": (added("xl\\..\\..\\evil.xml"), "a part's name stays inside", ""),
    "relation above the archive": (
        relation("theme", "../../../../etc/passwd"),
        "a part's name stays inside",
        "xl/_rels/workbook.xml.rels",
    ),
    "duplicated part": (duplicated, "every part is there once", ""),
    "link inside": (link_entry, "a part is a plain file", "xl/media/image1.png"),
    "encrypted part": (lambda: flagged(1), "stored or deflated, not encrypted", SHEET),
    "cut short": (lambda: zipped(harmless())[:-200], "an archive is whole", ""),
    "cut in the middle": (lambda: zipped(harmless())[:1_000], "an archive is whole", ""),
    "bytes after the end": (lambda: zipped(harmless()) + b"more", "nothing follows its directory", ""),
    "bytes before the start": (lambda: b"#!/bin/sh\n" + zipped(harmless()), "is a workbook, whatever its name", ""),
    "comma separated": (lambda: b"Parameter,Value\nwindow,20\n", "is a workbook, whatever its name", ""),
    "password or old format": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "whatever its name", ""),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(90), "is a workbook, whatever its name", ""),
    "some zip": (lambda: zipped({"readme.txt": b"hello"}), "holds sheets and their look, nothing else", ""),
    "empty": (lambda: b"", "a workbook has content", ""),
    "no sheets": (
        replaced(BOOK, b'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'),
        "a workbook has 1 to 200 sheets",
        "",
    ),
    "entities": (replaced(SHEET, ENTITY), "declares no document type and no entities", SHEET),
    "entities in the styles": (replaced("xl/styles.xml", ENTITY), "declares no document type", "xl/styles.xml"),
    "entities in another encoding": (
        replaced(SHEET, ENTITY.decode().encode("utf-16")),
        "XML is encoded in UTF-8",
        SHEET,
    ),
    "seven-bit encoding": (
        replaced(SHEET, lambda xml: b"<?xml version='1.0' encoding='UTF-7'?>" + xml),
        "XML is encoded in UTF-8",
        SHEET,
    ),
    "broken sheet": (replaced(SHEET, lambda xml: xml.replace(b"</row>", b"<!-- ", 1)), "well-formed", "Parameters"),
    "broken book": (replaced(BOOK, lambda xml: xml[:-20]), "well-formed XML", BOOK),
}
