"""What a workbook may hold, checked before anything parses it: text and numbers, nothing that acts or grows.

``check_file`` refuses everything that a spreadsheet program would evaluate, fetch or run (formulas, links, macros,
embedded objects, data connections), everything that a parser would blow up on (entities, references to the far corner
of a sheet, a long text shared by many cells), and everything it could lose without a word (error values).

Sources: ECMA-376 part 1, sections 18.2 (workbook), 18.3 (worksheets), 18.4 (shared strings), 18.14 (external links).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

from mr_platform.errors import SourceError
from mr_platform.parameters.cells_safety import CELLS, check_cells
from mr_platform.parameters.container import Entry, read_entries, read_file, unpack

SHEETS = 200
TEXT_LENGTH = 32_767
TEXT_BYTES = 64_000_000
STRUCTURE_BYTES = 1_000_000

_DISTRUST = "do not use this file: no spreadsheet program writes such a one"

_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_LINK_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_FAMILIES = (
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/[\w.]+|docMetadata/[\w.]+|customXml/(?:_rels/)?[\w.]+"
    r"|xl/(?:workbook|styles|sharedStrings|calcChain|metadata)\.xml|xl/_rels/workbook\.xml\.rels"
    r"|xl/(?:theme|worksheets|tables|featurePropertyBag|persons|threadedComments|printerSettings|media)/(?:_rels/)?[\w.]+"
    r"|xl/(?:drawings|charts)/(?:_rels/)?[\w.]+|xl/comments/[\w.]+|xl/comments\w*\.xml"
)
_ALLOWED = re.compile(_FAMILIES, re.ASCII)
_ACTIVE = (
    ("vbaproject", "holds no macros", "save it as .xlsx, which drops them"),
    ("macrosheet", "holds no macros", "save it as .xlsx, which drops them"),
    ("dialogsheet", "holds no dialogs", "remove the dialog sheet"),
    ("externallink", "holds no links to other files", "Data > Edit Links > Break Link, then save"),
    ("embeddings", "holds no embedded objects", "delete the embedded object"),
    ("oleobject", "holds no embedded objects", "delete the embedded object"),
    ("activex", "holds no controls", "delete the control"),
    ("ctrlprop", "holds no controls", "delete the control"),
    ("connections", "holds no data connections", "Data > Queries & Connections > Delete"),
    ("querytable", "holds no data connections", "Data > Queries & Connections > Delete"),
    ("webextension", "holds no add-ins", "remove the add-in"),
    ("customui", "holds no macros", "remove the customised ribbon"),
    ("attachedtemplate", "holds no links to other files", "remove the attached template"),
)
_DECLARATION = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.-]+)""")
_QUOTED_SHEET = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True)
class Sheet:
    """A sheet of the workbook: its name, the part that holds it, and whether the program shows it."""

    name: str
    part: str
    hidden: bool


@dataclass(frozen=True)
class Package:
    """A checked workbook. ``digest``: hex SHA-256 of the file; ``parts``: content of every XML part by its name."""

    path: Path
    digest: str
    entries: tuple[Entry, ...]
    parts: Mapping[str, bytes]
    sheets: tuple[Sheet, ...]


def check_file(path: Path) -> Package:
    """The workbook's parts, once nothing in them acts, lies or is out of size; nothing is parsed as a sheet yet.

    Errors: SourceError with rule, value, place (workbook, workbook!part or workbook!sheet!cell) and remedy.
    """
    return check_bytes(read_file(path), path)


def check_bytes(data: bytes, path: Path) -> Package:
    """As ``check_file`` for the bytes of the file at ``path``."""
    place = path.name
    entries = read_entries(data, place)
    for entry in entries:
        _check_part_name(entry.name, place)
    parts = {e.name: unpack(e, place) for e in entries if e.name.endswith((".xml", ".rels", ".vml"))}
    for name, content in parts.items():
        _check_encoding(name, content, place)
    _check_content_types(parts, place)
    sheets = _sheets(parts, place)
    for name in parts:
        if name.endswith(".rels"):
            _check_relations(name, parts, sheets, place)
    cells = sum(check_cells(parts[sheet.part], f"{place}!{sheet.name}") for sheet in sheets)
    if cells > CELLS:
        _refuse(f"a workbook has at most {CELLS:,} cells", f"{cells:,}", place, "remove what holds no parameters")
    _check_texts(parts, sheets, place)
    return Package(path, sha256(data).hexdigest(), entries, parts, sheets)


def _check_part_name(name: str, place: str) -> None:
    low = name.lower()
    for word, rule, remedy in _ACTIVE:
        if word in low:
            _refuse(f"a workbook {rule}", name, place, remedy)
    if not _ALLOWED.fullmatch(name):
        _refuse(
            "a workbook holds sheets and their look, nothing else",
            name,
            place,
            "remove what is not a sheet, or save anew",
        )


def _check_encoding(name: str, content: bytes, place: str) -> None:
    """Only UTF-8 without a document type: in any other encoding the checks below would look past what is there."""
    where = f"{place}!{name}"
    if b"\0" in content or content.startswith((b"\xfe\xff", b"\xff\xfe")):
        _refuse("XML is encoded in UTF-8", "another encoding", where, "save the workbook anew")
    declared = _DECLARATION.match(content[:400])
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        _refuse("XML is encoded in UTF-8", declared[1].decode(), where, "save the workbook anew")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        _refuse("XML declares no document type and no entities", "<!DOCTYPE", where, _DISTRUST)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        _refuse("XML is encoded in UTF-8", error.reason, where, "save the workbook anew", error)


def _check_content_types(parts: Mapping[str, bytes], place: str) -> None:
    for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
        if name not in parts:
            _refuse("an .xlsx file is a workbook, whatever its name says", f"no {name}", place, "save it as .xlsx")
    for item in _tree("[Content_Types].xml", parts, place):
        kind = item.get("ContentType", "")
        if item.get("PartName") == "/xl/workbook.xml" and kind != _MAIN:
            _refuse("an .xlsx file is a plain workbook", kind, place, "save it as .xlsx, which drops macros")
        for word, rule, remedy in _ACTIVE:
            if word in kind.lower():
                _refuse(f"a workbook {rule}", f"{item.get('PartName')}: {kind}", place, remedy)


def _sheets(parts: Mapping[str, bytes], place: str) -> tuple[Sheet, ...]:
    """Sheets in the workbook's order; their names are unique, each has its own part."""
    targets = {
        item.get("Id"): _resolve("xl/", item.get("Target", ""))
        for item in _tree("xl/_rels/workbook.xml.rels", parts, place)
    }
    root = _tree("xl/workbook.xml", parts, place)
    found: dict[str, Sheet] = {}
    for item in root.iter():
        tag = item.tag.rpartition("}")[2]
        if tag == "definedName" and _acts(item.text or ""):
            _refuse(
                "a name stands for cells of this workbook", item.text, f"{place}!{item.get('name')}", "delete the name"
            )
        if tag == "externalReference":
            _refuse("a workbook holds no links to other files", tag, place, "Data > Edit Links > Break Link, then save")
        if tag != "sheet":
            continue
        name, part = item.get("name", ""), targets.get(item.get(_LINK_ID)) or ""
        if part not in parts or any(part == other.part for other in found.values()):
            _refuse("every sheet has a part of its own", name, place, "save the workbook anew")
        if not name or len(name) > 31 or not name.isprintable() or name.casefold() in found:
            _refuse("sheets have names of 1 to 31 characters, each another", name, place, "rename the sheet")
        found[name.casefold()] = Sheet(name, part, item.get("state", "visible") != "visible")
    if not 0 < len(found) <= SHEETS:
        _refuse(f"a workbook has 1 to {SHEETS} sheets", len(found), place, "is this the right file?")
    return tuple(found.values())


def _acts(definition: str) -> bool:
    """Whether a name stands for more than cells of this workbook: another file, a program, a function's result."""
    return "[" in definition or re.search(r"[|(\\]|://", _QUOTED_SHEET.sub("", definition)) is not None


def _check_relations(name: str, parts: Mapping[str, bytes], sheets: tuple[Sheet, ...], place: str) -> None:
    """Nothing points out of the file, at a part that acts, or past the archive's root."""
    folder, _, owner = name.removesuffix(".rels").rpartition("_rels/")
    sheet = next((one for one in sheets if one.part == folder + owner), None)
    where = f"{place}!{sheet.name}" if sheet else f"{place}!{name}"
    for item in _tree(name, parts, place).iter(_RELATIONS):
        target, kind = item.get("Target", ""), item.get("Type", "").rpartition("/")[2]
        if item.get("TargetMode", "Internal") != "Internal":
            cell = _hyperlink_cell(parts[sheet.part], item.get("Id", "")) if sheet else ""
            _refuse(
                "a workbook holds no links to other files or sites",
                target,
                f"{where}!{cell}" if cell else where,
                "remove the link (Remove Hyperlinks; Data > Edit Links > Break Link)",
            )
        for word, rule, remedy in _ACTIVE:
            if word in kind.lower():
                _refuse(f"a workbook {rule}", f"{kind}: {target}", where, remedy)
        if _resolve(folder, target) is None:
            _refuse("a part's name stays inside the workbook", target, where, _DISTRUST)


def _hyperlink_cell(content: bytes, link: str) -> str:
    found = re.search(rb'<hyperlink [^>]*?ref="([A-Z0-9:]+)"[^>]*?id="' + re.escape(link.encode()) + rb'"', content)
    return found[1].decode() if found else ""


def _check_texts(parts: Mapping[str, bytes], sheets: tuple[Sheet, ...], place: str) -> None:
    """No text is longer than a cell takes, and a shared one does not multiply into more than memory."""
    shared = parts.get("xl/sharedStrings.xml", b"")
    texts = re.split(rb"<(?:[\w.-]+:)?si[\s/>]", shared)[1:]
    longest = max(map(len, texts), default=0)
    if longest > 4 * TEXT_LENGTH:
        _refuse(f"a text has at most {TEXT_LENGTH:,} characters", longest, f"{place}!sharedStrings", "shorten it")
    used = 0
    if longest * CELLS > TEXT_BYTES:
        for sheet in sheets:
            for index in re.findall(rb"<(?:[\w.-]+:)?v>\s*([0-9]{1,7})\s*<", parts[sheet.part]):
                used += len(texts[int(index)]) if int(index) < len(texts) else 0
    if used > TEXT_BYTES:
        _refuse(f"all texts together have at most {TEXT_BYTES:,} bytes", f"{used:,}", place, "shorten them")


def _tree(name: str, parts: Mapping[str, bytes], place: str) -> ElementTree.Element:
    content = parts[name]
    if len(content) > STRUCTURE_BYTES:
        _refuse(f"{name} has at most {STRUCTURE_BYTES:,} bytes", len(content), f"{place}!{name}", _DISTRUST)
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        _refuse("a part is well-formed XML", error, f"{place}!{name}", "save the workbook anew", error)


def _resolve(folder: str, target: str) -> str | None:
    """Name of the part that a relation of ``folder`` points at; None where it leaves the archive."""
    steps: list[str] = []
    for step in (target if target.startswith("/") else folder + target).split("/"):
        if step == ".." and not steps:
            return None
        if step == "..":
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


def _refuse(rule: str, value: object, place: str, remedy: str, cause: Exception | None = None) -> NoReturn:
    raise SourceError(rule=rule, value=value, place=place, remedy=remedy) from cause
