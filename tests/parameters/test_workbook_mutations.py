"""Every cell of the customer's workbook, spoilt in six ways: refused with its address, or accepted because it may be.

The whole workbook is spoilt in memory, cell by cell, and its sheet is read again; what a value may be is decided here
a second time, from the declaration's bounds and choices alone. A sample goes the whole way: through a file, its
resolution and the rules between values.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mr_platform.errors import SourceError
from mr_platform.parameters.container import Entry, read_entries, unpack, write_entries
from mr_platform.parameters.declaration import Parameter, TableColumn
from mr_platform.parameters.registry import Registry, registry
from mr_platform.parameters.resolution import resolve
from mr_platform.parameters.sheet_xml import with_cell
from mr_platform.parameters.sheets import Said, read_sheets
from mr_platform.parameters.validation import validated
from mr_platform.parameters.values import FLOAT, INT, TEXT, Bool, CellValue, Choice
from mr_platform.parameters.workbook import Cell, Workbook, read_workbook

STRATEGY = "MR_CONFIG_STRATEGY_1.0.0.xlsx"


def number_of(value: CellValue) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def like(value: CellValue, number: float) -> CellValue:
    """A number as the cell has it: as text where it has text."""
    return repr(number) if isinstance(value, str) else number


MUTATIONS: dict[str, Callable[[CellValue], CellValue]] = {
    "wrong type": lambda value: 4711.5 if number_of(value) is None else "not a number",
    "out of range": lambda value: "ZZZ" if number_of(value) is None else like(value, -(10**12)),
    "empty": lambda _: None,
    "formula": lambda _: "=SUM(A1:A2)",
    "huge": lambda value: "x" * 40_000 if number_of(value) is None else like(value, 1e300),
    "control characters": lambda value: f"{value}\x07",
}


def may(declared: Parameter | TableColumn, cell: CellValue) -> bool | None:
    """Whether the declaration allows the cell, told from its bounds and choices alone; None where they do not say."""
    kind = declared.kind
    if cell is None:
        return isinstance(declared, TableColumn) and not declared.required
    if isinstance(cell, str) and (len(cell) > 500 or not cell.isprintable() or cell.startswith("=")):
        return False
    if kind in (INT, FLOAT):
        number = number_of(cell)
        if number is None or (kind is INT and (number != int(number) or abs(number) > 2**53)):
            return False
        return (declared.low is None or number >= declared.low) and (declared.high is None or number <= declared.high)
    if isinstance(kind, Bool):
        return isinstance(cell, bool) or cell in (kind.yes, kind.no)
    if isinstance(kind, Choice):
        return cell in kind.names
    return isinstance(cell, str) if kind is TEXT else None


@dataclass(frozen=True)
class Sheet:
    """One sheet of the workbook alone, its declarations, what it says unspoilt, and what each of its cells is."""

    book: Workbook
    name: str
    known: Registry
    said: Said
    declared: dict[str, tuple[str, Parameter | TableColumn]]


def sheets(book: Workbook) -> Iterator[Sheet]:
    whole = registry()
    for name, cells in book.sheets.items():
        known = replace(
            whole,
            parameters={one.id: one for one in whole.parameters.values() if one.sheet == name},
            tables={key: table for key, table in whole.tables.items() if key[0] == name},
            sheets={name: whole.sheets[name]},
        )
        alone = replace(book, sheets={name: cells})
        said = read_sheets(alone, known, name="book")
        declared = {}
        for value_id, (_, place) in said.values.items():
            found = known.find(value_id)
            declared[place.rpartition("!")[2]] = (value_id, found if isinstance(found, Parameter) else found.column)
        yield Sheet(alone, name, known, said, declared)


@pytest.fixture(scope="module")
def book(shared_data: Path) -> Workbook:
    return read_workbook(shared_data.parent / "excel" / STRATEGY)


def test_every_cell_spoilt_in_six_ways_is_refused_with_its_address_or_may_be_so(book: Workbook) -> None:
    met: Counter[tuple[str, str]] = Counter()
    values = 0
    for sheet in sheets(book):
        assert (sheet.said.faults, sheet.said.warnings) == ([], []), "unspoilt, nothing is said of it"
        values += len(sheet.declared)
        for cell in book.sheets[sheet.name].cells():
            for mutation, spoil in MUTATIONS.items():
                met[mutation, verdict(sheet, cell, mutation, spoil(cell.value))] += 1
    cells = sum(1 for one in book.sheets.values() for _ in one.cells())
    assert cells == 3_085 and sum(met.values()) == 6 * cells
    assert met["formula", REFUSED] == met["control characters", REFUSED] == cells
    # what no value is read from may say what it likes, but for formulas, endless texts and invisible characters
    silent = {mutation: met[mutation, NO_VALUE] for mutation in MUTATIONS}
    assert max(silent.values()) <= cells - values
    assert met["wrong type", REFUSED] + met["wrong type", IN_RANGE] >= values - met["wrong type", RENAMED] > 1_500


REFUSED, IN_RANGE, RENAMED, TOLD, NO_VALUE = (
    "refused at it",
    "in range",
    "record renamed",
    "told of",
    "carries no value",
)


def verdict(sheet: Sheet, cell: Cell, mutation: str, spoilt: CellValue) -> str:
    """What became of one mutation; AssertionError where nothing was said of a value that is not what it was."""
    what = f"{sheet.name}!{cell.address} {mutation}: {str(spoilt)[:30]!r}"
    said = read_sheets(sheet.book.with_value(sheet.name, cell.address, spoilt), sheet.known, name="book")
    here = f"book!{sheet.name}!{cell.address}"
    refused = [one for one in said.faults if one.where == here]
    told = [*said.faults, *said.warnings, *(one for one in said.contradictions if one.where == here)]
    changed = {name for name in sheet.said.values.keys() | said.values.keys() if differs(sheet.said, said, name)}
    if isinstance(spoilt, str) and may_not_stand(spoilt):
        assert refused, f"{what} was not refused"
    if cell.address not in sheet.declared:
        if not refused and not told:
            assert not changed, f"{what} changed {changed}"
            return NO_VALUE
        return REFUSED if refused else TOLD
    name, declared = sheet.declared[cell.address]
    allowed = may(declared, spoilt)
    if refused:
        assert allowed is not True, f"{what} is allowed and was refused: {refused[0].rule}"
        return REFUSED
    if spoilt is None:
        # an empty cell has no address of its own: its row's first cell is named
        assert allowed or any(re.fullmatch(rf".*![A-Z]+{cell.row}", one.where) for one in said.faults), what
        return IN_RANGE if allowed else REFUSED
    assert allowed is not False, f"{what} is not allowed and was taken"
    if changed <= {name}:
        return IN_RANGE
    assert renamed(sheet.said, said, name, str(cell.value), here), f"{what} changed {changed}"
    return RENAMED


def renamed(before: Said, after: Said, name: str, key: str, here: str) -> bool:
    """Whether the record of the cell stands under another name now, with all else as it was."""
    record, _, column = name.rpartition(".")
    other = record.removesuffix(key) + key_at(after, here)
    kept = {one: value for one, value in before.values.items() if not one.startswith(f"{record}.")}
    moved = {one: value for one, value in before.values.items() if one.startswith(f"{record}.") and one != name}
    kept |= {f"{other}.{one.rpartition('.')[2]}": value for one, value in moved.items()}
    return kept == {one: value for one, value in after.values.items() if one != f"{other}.{column}"}


def key_at(said: Said, place: str) -> str:
    """The name under which the record of the cell at ``place`` stands now."""
    return (
        next(name for name, (_, where) in said.values.items() if where == place).rpartition(".")[0].rpartition(".")[2]
    )


def differs(before: Said, after: Said, name: str) -> bool:
    return before.values.get(name, (None,))[0] != after.values.get(name, (None,))[0]


def may_not_stand(text: str) -> bool:
    return text.startswith("=") or len(text) > 500 or not text.isprintable()


def test_a_sample_goes_through_files_and_the_rules_between_values(
    book: Workbook, shared_data: Path, tmp_path: Path
) -> None:
    """Written into the file's XML by force, a mutation meets the same fate, or its formula none at all."""
    data = (shared_data.parent / "excel" / STRATEGY).read_bytes()
    entries = read_entries(data, STRATEGY)
    path = tmp_path / "spoilt.xlsx"
    chance = random.Random(11)
    cells = [(name, cell) for name, sheet in book.sheets.items() for cell in sheet.cells()]
    parts = {name: f"xl/worksheets/sheet{number}.xml" for number, name in enumerate(book.sheets, 1)}
    for turn in range(60):
        mutation = list(MUTATIONS)[turn % 6]
        name, cell = chance.choice(cells)
        spoilt = MUTATIONS[mutation](cell.value)
        path.write_bytes(
            write_entries(forced(entry, cell, spoilt) if entry.name == parts[name] else entry for entry in entries)
        )
        if mutation == "formula" or (mutation == "huge" and isinstance(spoilt, str) and len(spoilt) > 32_767):
            rule = "no cell holds a formula" if mutation == "formula" else "a text has at most 32,767 characters"
            with pytest.raises(SourceError, match=f"{rule}.*spoilt.xlsx!{name}!{cell.address}"):
                read_workbook(path)
            continue
        from_file = validated(resolve(read_workbook(path), {}))
        in_memory = validated(resolve(book.with_value(name, cell.address, spoilt), {}, workbook_name="spoilt.xlsx"))
        assert from_file.faults == in_memory.faults and from_file.warnings == in_memory.warnings
        assert from_file.digest == in_memory.digest


def forced(entry: Entry, cell: Cell, spoilt: CellValue) -> Entry:
    """The sheet with the mutation in the cell, past all checks of writing."""
    content = unpack(entry, "spoilt")
    if isinstance(spoilt, str) and spoilt.startswith("="):
        content = with_cell(content, cell.row, cell.column, "FORMULA")
        content = content.replace(b"<is><t>FORMULA</t></is>", f"<f>{spoilt[1:]}</f>".encode())
    else:
        content = with_cell(content, cell.row, cell.column, "" if spoilt is None else spoilt)  # type: ignore[arg-type]
    return Entry.of(entry.name, content, like=entry)
