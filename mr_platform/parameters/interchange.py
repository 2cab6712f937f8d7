"""A parameter set as a YAML document, for review, comparison and moving between homes, and back.

The document is written so that every YAML reader sees the same: each text stands in quotes, so ``NO`` is never a truth
value and ``09:15`` never a number. When it is read, each scalar goes through the declared kind as a workbook's cell
does, and all faults are told of at once, with their lines. Importing an export gives a set of the same digest.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mr_platform.errors import SourceError
from mr_platform.parameters.declaration import Parameter, RecordTable, TableColumn
from mr_platform.parameters.document_tree import Node, Scalar, parse_document
from mr_platform.parameters.findings import finding
from mr_platform.parameters.registry import Registry, registry
from mr_platform.parameters.resolution import ParameterSet, settle
from mr_platform.parameters.sheets import Said
from mr_platform.parameters.template_look import span
from mr_platform.parameters.values import Value, ValueFault, number_text

DOCUMENT_BYTES = 2_000_000
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that an older reader takes for truth values; a key of one of them stands in quotes.
_OLD_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def as_yaml(parameter_set: ParameterSet, *, sheet: str | None = None) -> str:
    """The set as a document: every value with its unit, range and meaning, every record on a line of its own.

    ``sheet`` leaves out all others; such a part takes defaults for the rest when it is read.
    """
    known = parameter_set.declared
    lines = [
        "# Parameters of the market regime platform. A value left out takes its default.",
        *([f"digest: {json.dumps(parameter_set.digest)}"] if sheet is None else []),
        "parameters:",
    ]
    for name in known.sheets:
        parameters = [one for one in known.parameters.values() if one.sheet == name and sheet in (None, name)]
        lines += [f"  {_key(name)}:"] if parameters else []
        for one in parameters:
            scalar = _scalar(_rendered(one, parameter_set.values[one.id]))
            lines.append(f"    {_key(one.name)}: {scalar}  # {_about(one)}")
    lines.append("tables:")
    for table in known.tables.values():
        if sheet in (None, table.sheet):
            records = list(_records(parameter_set, table))
            lines.append(f"  {_key(table.id)}:  # {table.description}" if records else f"  {_key(table.id)}: []")
            lines += [f"    - {{{record}}}" for record in records]
    return "\n".join(lines) + "\n"


def read_yaml(path: Path, environment: Mapping[str, str], *, declared: Registry | None = None) -> ParameterSet:
    """The set that a document says, with all its faults, as ``resolution.resolve`` gives that of a workbook.

    Rules between values are not looked at here. Errors: SourceError for a file that is no such document at all.
    """
    try:
        with path.open("rb") as file:
            data = file.read(DOCUMENT_BYTES + 1)
    except OSError as error:
        raise SourceError(
            rule="a document can be read", value=error, place=str(path), remedy="check the path and its permissions"
        ) from error
    if len(data) > DOCUMENT_BYTES:
        raise SourceError(
            rule=f"a document has at most {DOCUMENT_BYTES:,} bytes",
            value="more than that",
            place=str(path),
            remedy="is this the right file?",
        )
    known = declared or registry()
    reader = _Reader(known, path.name)
    reader.read(parse_document(data, path.name))
    found = settle(reader.said, environment, name=path.name, declared=known)
    return reader.compared(found)


class _Reader:
    """A document on its way into what it says."""

    def __init__(self, declared: Registry, name: str) -> None:
        self.declared = declared
        self.name = name
        self.said = Said()
        self.digest: Node | None = None
        self.sheets: set[str] = set()

    def read(self, document: Node) -> None:
        parts = self._mapping(document, "a document has parameters and tables")
        self.digest = parts.pop("digest", None)
        for name, node in parts.items():
            if name == "parameters":
                for sheet, values in self._mapping(node, "parameters stand under their sheets").items():
                    self._parameters(sheet, values)
            elif name == "tables":
                by_id = {table.id: table for table in self.declared.tables.values()}
                for table, records in self._mapping(node, "tables stand under their names").items():
                    self._table(by_id, table, records)
            else:
                self._unknown("part", name, node, ("parameters", "tables", "digest"))
        self.said.counts["sheets"] = len(self.sheets)

    def compared(self, found: ParameterSet) -> ParameterSet:
        """With a warning where the document was changed since its digest was written."""
        if self.digest is None or self.digest.content == found.digest or found.faults:
            return found
        where = self._place(self.digest)
        told = finding(where, self.digest.content, "the digest is that of the values", "it was edited; the values hold")
        return replace(found, warnings=(*found.warnings, told))

    def _parameters(self, sheet: str, node: Node) -> None:
        if sheet not in self.declared.sheets:
            self._unknown("sheet", sheet, node, self.declared.sheets)
            return
        self.sheets.add(sheet)
        declared = {one.name: one for one in self.declared.parameters.values() if one.sheet == sheet}
        for name, value in self._mapping(node, f"{sheet} has values by name").items():
            if name not in declared:
                self._unknown("parameter", name, value, declared)
                continue
            one = declared[name]
            self.said.counts["parameters"] += 1
            accepted, ok = self._accepted(one, value, one.id)
            if ok:
                self.said.values[one.id] = (accepted, self._place(value))

    def _table(self, by_id: Mapping[str, RecordTable], name: str, node: Node) -> None:
        if name not in by_id:
            self._unknown("table", name, node, by_id)
            return
        table = by_id[name]
        if not isinstance(node.content, tuple):
            self._fault(node, f"{name} is a list of records", "write one record a line, each after a dash")
            return
        keys: list[str] = []
        for number, record in enumerate(node.content, 1):
            key = self._record(table, record, number)
            if key in keys:
                self._fault(record, f"{table.key} names one record: {key} is there twice", "rename or remove one")
            elif key is not None:
                keys.append(key)
        self.said.keys[table.sheet, table.title] = keys
        self.sheets.add(table.sheet)

    def _record(self, table: RecordTable, node: Node, number: int) -> str | None:
        """The record's key; None where it cannot be known by one."""
        self.said.counts["records"] += 1
        cells = self._mapping(node, f"a record of {table.id} has its columns by name")
        for name in cells.keys() - set(table.names):
            self._unknown("column", name, cells[name], table.names)
        read: dict[str, tuple[Value | None, str]] = {}
        for column in table.columns:
            cell = cells.get(column.name, Node(node.line, None))
            value, ok = self._accepted(column, cell, f"{table.id} {column.name}")
            read[column.name] = (value if ok else None, self._place(cell))
        if table.key and read[table.key][0] is None:
            return None
        key = table.key_of(tuple(read[name][0] for name in table.names), number)
        self.said.values |= {table.cell_id(key, name): one for name, one in read.items()}
        return key

    def _accepted(self, declared: Parameter | TableColumn, node: Node, what: str) -> tuple[Value | None, bool]:
        if isinstance(node.content, tuple | dict):
            self._fault(node, f"{what}: a value is a single scalar", f"write {declared.kind.expects}")
            return None, False
        self.said.counts["value"] += 1
        try:
            value = declared.accept(node.content)
        except ValueFault as fault:
            self._fault(node, f"{what}: {fault.rule}", fault.remedy)
            return None, False
        remark = declared.kind.remark(node.content)
        if remark is not None:
            self.said.remarks.append(finding(self._place(node), node.content, remark, "it is read as meant"))
        return value, True

    def _mapping(self, node: Node, rule: str) -> dict[str, Node]:
        if node.content is None:
            return {}
        if isinstance(node.content, dict):
            return dict(node.content)
        self._fault(node, rule, "write name: value, one a line")
        return {}

    def _unknown(self, what: str, name: str, node: Node, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name[:60], list(known), n=1)
        remedy = f"it is not read; nearest: {near[0]}" if near else "it is not read"
        self.said.warnings.append(finding(self._place(node), name, f"a {what} is declared in the registry", remedy))

    def _fault(self, node: Node, rule: str, remedy: str) -> None:
        shown = type(node.content).__name__ if isinstance(node.content, tuple | dict) else node.content
        self.said.faults.append(finding(self._place(node), shown, rule, remedy))

    def _place(self, node: Node) -> str:
        return f"{self.name}:{node.line}"


def _records(found: ParameterSet, table: RecordTable) -> Iterator[str]:
    """Each record as its cells ``name: value``."""
    for key in found.keys[table.sheet, table.title]:
        cells = ((column, found.values[table.cell_id(key, column.name)]) for column in table.columns)
        yield ", ".join(f"{_key(column.name)}: {_scalar(_rendered(column, value))}" for column, value in cells)


def _rendered(declared: Parameter | TableColumn, value: Value | None) -> Scalar:
    if isinstance(value, bool):
        return value
    return None if value is None else declared.kind.render(value)


def _scalar(content: Scalar) -> str:
    """As JSON writes it, which every YAML reader takes alike."""
    if isinstance(content, float):
        return number_text(content) if "e" not in number_text(content) else _with_point(repr(content))
    return json.dumps(content, ensure_ascii=False)


def _with_point(number: str) -> str:
    """An older reader takes 1e-07 for a text and 1.0e-07 for a number."""
    mantissa, _, exponent = number.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) and name.lower() not in _OLD_WORDS else json.dumps(name)


def _about(one: Parameter) -> str:
    facts = [fact for fact in (one.unit, span(one)) if fact]
    return f"{', '.join(facts)}: {one.description}" if facts else one.description
