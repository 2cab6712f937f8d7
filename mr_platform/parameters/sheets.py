"""What a workbook says: each declared value with its cell, and a finding for whatever cannot be read or is not known.

Every cell that is not empty is accounted for: as a value, a name, a description beside a value, a header, a title or a
note, or as one that no declaration knows. Nothing is skipped in silence, and nothing stops at the first fault.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mr_platform.parameters.declaration import DESCRIBING, Parameter, Record, RecordTable, SheetShape, TableColumn
from mr_platform.parameters.findings import Finding, finding, shown
from mr_platform.parameters.placement import PlacedTable, Row, place
from mr_platform.parameters.registry import Registry
from mr_platform.parameters.values import FLOAT, INT, Value, ValueFault, check_text, to_json
from mr_platform.parameters.workbook import Cell, SheetCells, Workbook

Slot = tuple[TableColumn, int | None]
"""A declared column and its number on the sheet, None where the sheet lacks it."""

Declared = dict[tuple[str, str], dict[str, Parameter]]
"""Parameters by name, of each table by (sheet, title)."""


@dataclass
class Said:
    """What the sheets of a workbook say.

    ``values``: value and place by id. ``silent``: by id of a parameter, table or sheet why the workbook gives nothing.
    ``keys``: keys of the records met, by (sheet, title). ``counts``: cells by what they are, ``sheets``,
    ``parameters`` (rows on sheets of parameters) and ``records`` (rows of any table) met. ``remarks``: cells that were
    read, and stand there in an unusual form. ``contradictions``: descriptions beside a value that do not agree with its
    declaration. ``kinds`` of workbook (strategy, portfolio, ...) whose sheets were met.
    """

    values: dict[str, tuple[Value | None, str]] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    keys: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)
    contradictions: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    kinds: frozenset[str] = frozenset()


def read_sheets(workbook: Workbook, registry: Registry, *, name: str) -> Said:
    """Read every sheet by its declared shape. ``name`` stands for the workbook in every place."""
    kinds = frozenset(registry.sheets[sheet].workbook for sheet in workbook.sheets if sheet in registry.sheets)
    said = Said(kinds=kinds)
    declared: Declared = {}
    for parameter in registry.parameters.values():
        declared.setdefault((parameter.sheet, parameter.section), {})[parameter.name] = parameter
    for sheet, cells in workbook.sheets.items():
        shape = registry.sheets.get(sheet)
        if shape is None:
            said.counts["unknown"] += sum(len(row) for row in cells.rows)
            said.warnings.append(_unknown("sheet", sheet, f"{name}!{sheet}", registry.sheets))
            continue
        said.counts["sheets"] += 1
        _Sheet(said, registry, declared, shape, f"{name}!{sheet}").read(cells)
    for sheet, shape in registry.sheets.items():
        if sheet not in workbook.sheets:
            said.silent[sheet] = f"{name} has no sheet {sheet}"
            if shape.required and shape.workbook in kinds:
                said.warnings.append(
                    finding(f"{name}!{sheet}", "no such sheet", "the sheet is in the workbook", "its defaults hold")
                )
    return said


class _Sheet:
    """One sheet on its way into ``said``."""

    def __init__(self, said: Said, registry: Registry, declared: Declared, shape: SheetShape, where: str) -> None:
        self.said = said
        self.registry = registry
        self.declared = declared
        self.shape = shape
        self.where = where
        self.sound: set[str] = set()

    def read(self, cells: SheetCells) -> None:
        """Read all its tables."""
        placement = place(cells, self.shape)
        self._texts("title", placement.titles)
        for cell in placement.repeated:
            self._fault(cell, "a header names each column once", "remove or rename the second one")
        for table in placement.missing:
            what = f"the table '{table.title}'" if table.title else f"a header row with {', '.join(table.header)}"
            self.said.silent[_table_id(self.shape, table.title)] = f"{self.where} lacks {what}"
            if not table.title:
                self.said.faults.append(
                    finding(
                        self.where,
                        "no header",
                        f"the sheet has {what}",
                        "restore the header row, or remove the sheet to take its defaults",
                    )
                )
            elif table.form != "notes":
                self.said.warnings.append(
                    finding(self.where, table.title, f"the sheet has {what}", "its defaults hold")
                )
        for placed in placement.tables:
            self._texts("header", placed.header.values())
            {"parameters": self._parameters, "pairs": self._parameters, "records": self._records, "notes": self._notes}[
                placed.shape.form
            ](placed)

    def _notes(self, table: PlacedTable) -> None:
        for row in table.rows:
            self._texts("note", row.values())

    def _parameters(self, table: PlacedTable) -> None:
        declared = self.declared.get((self.shape.name, table.shape.title), {})
        at = self._columns(table)
        if at is None:
            return
        name_at, value_at = at
        columns = {number: name for name, number in table.columns.items() if number not in at}
        met: dict[str, str] = {}
        for row in table.rows:
            name_cell = row.get(name_at)
            if name_cell is None:
                self._strays(row.values(), "a row of parameters starts with a name")
                continue
            name = str(name_cell.value).strip()
            parameter = declared.get(name)
            if parameter is None:
                self.said.counts["unknown"] += len(row)
                self._texts("", row.values())
                self.said.warnings.append(_unknown("parameter", name, f"{self.where}!{name_cell.address}", declared))
                continue
            self.said.counts["name"] += 1
            if name in met:
                self.said.counts["value"] += value_at in row
                self._described(parameter, row, columns, at)
                rule = f"a parameter stands once on its sheet; {met[name]} has it already"
                self._fault(name_cell, rule, "remove one of the two rows")
                continue
            met[name] = name_cell.address
            self._count_row()
            self._value(parameter, name_cell, row.get(value_at))
            self._described(parameter, row, columns, at)
        for name, parameter in declared.items():
            if name not in met:
                self.said.silent[parameter.id] = f"{self.where} has no row {name}"

    def _value(self, parameter: Parameter, name_cell: Cell, cell: Cell | None) -> None:
        if cell is None:
            self._fault(
                name_cell,
                f"the row of a parameter has a value: {parameter.name} has none",
                f"write {parameter.kind.expects}, or remove the row to take the default",
            )
            return
        self.said.counts["value"] += 1
        value, ok = self._accepted(parameter, cell, parameter.id)
        if ok:
            self.said.values[parameter.id] = (value, f"{self.where}!{cell.address}")

    def _accepted(self, declared: Parameter | TableColumn, cell: Cell, what: str) -> tuple[Value | None, bool]:
        try:
            value = declared.accept(cell.value)
        except ValueFault as fault:
            self._fault(cell, f"{what}: {fault.rule}", fault.remedy)
            return None, False
        # what a cell holds as text may be unusual for its kind; a number or a truth is what it is
        remark = declared.kind.remark(cell.value) if isinstance(cell.value, str) else None
        if remark is not None:
            self.said.remarks.append(finding(f"{self.where}!{cell.address}", cell.value, remark, "it is read as meant"))
        return value, True

    def _records(self, table: PlacedTable) -> None:
        declared = self.registry.tables[self.shape.name, table.shape.title]
        slots = [(column, table.column(column.name, at)) for at, column in enumerate(declared.columns, start=1)]
        self._unknown_columns(table, set(declared.names))
        missing = [column.name for column, at in slots if at is None and column.required]
        for name in missing:
            head = next(iter(table.header.values()), None)
            where = f"{self.where}!{head.address}" if head else self.where
            rule = f"the table has a column {name}"
            self.said.faults.append(finding(where, ", ".join(table.columns), rule, f"add the column {name}"))
        if missing:
            return
        keys: list[str] = []
        places: dict[str, str] = {}
        for number, row in enumerate(table.rows, start=1):
            key = self._record(declared, slots, row, number, places)
            if key is not None:
                keys.append(key)
        self.said.keys[self.shape.name, table.shape.title] = keys

    def _record(
        self, declared: RecordTable, slots: list[Slot], row: Row, number: int, places: dict[str, str]
    ) -> str | None:
        """Read one record; its key, None where it cannot be known by one."""
        first = next(iter(row.values()))
        self._count_row()
        read: list[tuple[Value | None, str]] = []
        met = 0
        for column, at in slots:
            cell = row.get(at) if at is not None else None
            if cell is not None:
                met += 1
                value, _ = self._accepted(column, cell, column.name)
                read.append((value, f"{self.where}!{cell.address}"))
                continue
            if column.required:
                rule = f"{column.name} of a record is not empty"
                self._fault(first, rule, f"write {column.kind.expects} into column {column.name} of this row")
            read.append((None, f"{self.where}!row {first.row}" if at else f"{self.where}: no column {column.name}"))
        self.said.counts["value"] += met
        if len(row) > met:
            known = {at for _, at in slots}
            self._strays([cell for at, cell in row.items() if at not in known], "a cell stands under a declared column")
        record: Record = tuple([value for value, _ in read])
        if declared.key and record[declared.names.index(declared.key)] is None:
            return None
        key = declared.key_of(record, number)
        if key in places:
            self._fault(first, f"{declared.key} names one record; {places[key]} has it already", "rename or remove one")
            return None
        places[key] = first.address
        prefix = declared.cell_id(key, "")
        for (column, _), one in zip(slots, read, strict=True):
            self.said.values[prefix + column.name] = one
        return key

    def _columns(self, table: PlacedTable) -> tuple[int, int] | None:
        """Numbers of the name and value columns; None, and a fault, where one is absent."""
        shape = table.shape
        self._unknown_columns(table, set(shape.header))
        if not shape.header:
            return 1, 2
        found = [table.columns.get(name) for name in (shape.key, shape.value)]
        for name, at in zip((shape.key, shape.value), found, strict=True):
            if at is None:
                head = next(iter(table.header.values()), None)
                self.said.faults.append(
                    finding(
                        f"{self.where}!{head.address}" if head else self.where,
                        ", ".join(table.columns) or "no header",
                        f"the table has a column {name}",
                        f"write {name} into its header cell",
                    )
                )
        return (found[0], found[1]) if found[0] is not None and found[1] is not None else None

    def _unknown_columns(self, table: PlacedTable, known: set[str]) -> None:
        for name, at in table.columns.items():
            if name not in known:
                where = f"{self.where}!{table.header[at].address}"
                self.said.warnings.append(_unknown("column", name, where, known))

    def _described(self, parameter: Parameter, row: Row, columns: Mapping[int, str], used: tuple[int, int]) -> None:
        """Compare what stands beside a value with its declaration."""
        for at, cell in row.items():
            if at in used:
                continue
            about = columns.get(at)
            if about is None:
                self._strays([cell], "a cell stands under a header")
                continue
            self.said.counts["description" if about in DESCRIBING else "unknown"] += 1
            self._check(cell)
            if about == "Default":
                self._compare(parameter, cell, "default", parameter.default)
            elif about in ("Min", "Max") and parameter.kind in (INT, FLOAT):
                self._compare(parameter, cell, about, parameter.low if about == "Min" else parameter.high)

    def _compare(self, parameter: Parameter, cell: Cell, about: str, ours: Value | None) -> None:
        if isinstance(cell.value, int | float) and type(ours) is type(cell.value) and cell.value == ours:
            return
        try:
            theirs: Value | None = parameter.kind.parse(cell.value)
        except ValueFault as fault:
            self._fault(cell, f"{about} of {parameter.id}: {fault.rule}", fault.remedy)
            return
        if theirs != ours and to_json(theirs) != to_json(ours):
            said = "no bound" if ours is None else shown(ours)
            self.said.contradictions.append(
                finding(
                    f"{self.where}!{cell.address}",
                    cell.value,
                    f"the declaration rules: {about} of {parameter.id} is {said}",
                    "the cell describes and steers nothing; correct it so that readers are not misled",
                )
            )

    def _strays(self, cells: Iterable[Cell], rule: str) -> None:
        """Cells that belong to no declared column."""
        for cell in cells:
            self.said.warnings.append(finding(f"{self.where}!{cell.address}", cell.value, rule, "it is not read"))
            self._texts("unknown", [cell])

    def _texts(self, what: str, cells: Iterable[Cell]) -> None:
        """Count cells that carry no value, and refuse what no cell may hold."""
        for cell in cells:
            if what:
                self.said.counts[what] += 1
            self._check(cell)

    def _check(self, cell: Cell) -> None:
        """Refuse what no cell may hold, once for all cells of one text."""
        text = cell.value
        if isinstance(text, str) and text not in self.sound:
            try:
                check_text(text)
            except ValueFault as fault:
                self._fault(cell, fault.rule, fault.remedy)
            else:
                self.sound.add(text)

    def _count_row(self) -> None:
        layout = self.shape.layout
        if layout == "parameters":
            self.said.counts["parameters"] += 1
        if layout != "freeform":
            self.said.counts["records"] += 1

    def _fault(self, cell: Cell, rule: str, remedy: str) -> None:
        self.said.faults.append(finding(f"{self.where}!{cell.address}", cell.value, rule, remedy))


def _table_id(shape: SheetShape, title: str) -> str:
    return f"{shape.name}.{title}" if title else shape.name


def _unknown(what: str, name: str, where: str, known: Iterable[str]) -> Finding:
    near = difflib.get_close_matches(name[:60], list(known), n=1)
    remedy = f"it is not read; nearest: {near[0]}" if near else "it is not read"
    return finding(where, name, f"a {what} is declared in the registry", remedy)
