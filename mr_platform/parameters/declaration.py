"""What a declaration of parameters says: parameters, tables of records, and the shapes of the sheets they stand on.

Only the vocabulary lives here. The declarations themselves are in ``declarations``, one module a topic; the registry
collects them; reading a workbook and resolving its values against them are other concerns.

A sheet is a column of tables. The first has no title; each later one is opened by a row whose only text is its title,
followed by its own header row, if it has one, and its rows. Four forms of table exist:

    parameters   one parameter a row: its name under ``key``, its value under ``value``
    records      one record a row, each column of its own kind, named by the cell under ``key``
    pairs        as parameters, without a header row: name in the first column, value in the second
    notes        prose, one line a row, nothing to configure
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mr_platform.parameters.terms import Interval
from mr_platform.parameters.values import CellValue, Kind, Value, ValueFault, number_text

FORMS = ("parameters", "records", "pairs", "notes")
LAYOUTS = ("parameters", "records", "properties", "freeform")

# Columns beside the value that describe it: read for comparison with the declaration, never as the value.
DESCRIBING = ("Options", "Default", "Min", "Max", "Unit", "Description")


@dataclass(frozen=True)
class Consumer:
    """The lake table, station or room that reads a parameter; ``planned`` while that code does not exist yet."""

    name: str
    planned: bool = False


def live(name: str) -> Consumer:
    """A consumer that stands and reads the parameter."""
    return Consumer(name)


def planned(name: str) -> Consumer:
    """A consumer that is still to come, by the name it will have."""
    return Consumer(name, planned=True)


@dataclass(frozen=True)
class Parameter:
    """One value of the configuration.

    ``name`` as the sheet writes it; ``unit`` of the value, empty for names and switches; ``low`` and ``high`` bound
    every number in it, both ends included. ``section``: title of the table it stands in, empty for the sheet's first.
    ``consumer`` reads it through ``field``, object and field of the frozen parameter object ("triple_straddle.window").
    """

    sheet: str
    name: str
    kind: Kind
    default: Value
    unit: str
    description: str
    consumer: Consumer
    field: str = ""
    low: float | None = None
    high: float | None = None
    section: str = ""

    @cached_property
    def id(self) -> str:
        """``sheet.name``: what traces, faults and overrides call it."""
        return f"{self.sheet}.{self.name}"

    def accept(self, cell: CellValue) -> Value:
        """The cell's value, within the bounds; ValueFault with rule and remedy otherwise."""
        return within(self.kind.parse(cell), self.low, self.high)


@dataclass(frozen=True)
class TableColumn:
    """A column of records; a cell that is not ``required`` may be empty, which reads as None."""

    name: str
    kind: Kind
    unit: str = ""
    required: bool = True
    low: float | None = None
    high: float | None = None
    description: str = ""

    def accept(self, cell: CellValue) -> Value | None:
        """The cell's value, within the bounds; ValueFault with rule and remedy otherwise."""
        if not self.required and (cell is None or cell == ""):
            return None
        return within(self.kind.parse(cell), self.low, self.high)


Record = tuple[Value | None, ...]


@dataclass(frozen=True)
class RecordTable:
    """A table of records on ``sheet``; ``title`` is empty for the sheet's first table.

    ``key`` is the column that names a record, unique in the table; empty where records are known by their number from
    1. ``default`` holds the records that stand where a workbook lacks the table, in the order of ``columns``.
    """

    sheet: str
    title: str
    key: str
    columns: tuple[TableColumn, ...]
    default: tuple[Record, ...]
    consumer: Consumer
    description: str
    field: str = ""

    @cached_property
    def id(self) -> str:
        """``sheet`` or ``sheet.title``."""
        return f"{self.sheet}.{self.title}" if self.title else self.sheet

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> TableColumn:
        """The column of that name; KeyError where there is none."""
        return next((column for column in self.columns if column.name == name), None) or _absent(name, self.names)

    def cell_id(self, key: str, column: str) -> str:
        """``sheet.key.column`` or ``sheet.title.key.column``."""
        return f"{self.id}.{key}.{column}"

    def key_of(self, record: Record, number: int) -> str:
        """The name of a record that stands ``number``-th in the table, from 1."""
        if not self.key:
            return str(number)
        value = record[self.names.index(self.key)]
        return "" if value is None else str(self.column(self.key).kind.render(value))


@dataclass(frozen=True)
class TableShape:
    """How the rows of a table read.

    ``header`` lists the header's cells; empty where the table has no header row, its columns then stand in declared
    order from the sheet's first. ``key`` and ``value`` name the columns of a row's name and value.
    """

    title: str
    form: str
    header: tuple[str, ...] = ()
    key: str = ""
    value: str = ""


@dataclass(frozen=True)
class SheetShape:
    """The declared form of a sheet: ``tables`` from top to bottom, the first with its header in ``header_row``.

    ``header_row`` is 1-based, 0 where no header exists; rows above it hold the sheet's title. ``workbook`` is the kind
    of workbook the sheet belongs to: strategy, portfolio, regime, optimization; ``title`` a line of a sheet that has no
    header row. A sheet that is not ``required`` may
    be absent: its defaults hold then, and nothing is said.
    """

    name: str
    layout: str
    header_row: int
    tables: tuple[TableShape, ...]
    required: bool = True
    workbook: str = "strategy"
    title: str = ""
    description: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Header of the first table."""
        return self.tables[0].header


@dataclass(frozen=True)
class CrossRule:
    """A rule over several values at once.

    ``ids`` name the parameters, cells or tables it speaks of; ``check`` gets the values by id (a table's value is its
    tuple of records) and returns what is wrong in words, None where it holds.
    """

    name: str
    ids: tuple[str, ...]
    check: Callable[[Mapping[str, object]], str | None]
    remedy: str


@dataclass(frozen=True)
class Contradiction:
    """Several values that speak of one thing and do not agree.

    ``ids`` speak of ``subject``; ``rule`` says in words which of them rules what, and ``holds`` names that id, empty
    where something outside the values rules. The others keep their values under their own ids, for the uses the rule
    leaves them. ``clashes`` tells from the values by id whether the contradiction is there; without it, values that
    differ clash.
    """

    subject: str
    ids: tuple[str, ...]
    holds: str
    rule: str
    clashes: Callable[[Mapping[str, object]], bool] | None = None

    def stands(self, values: Mapping[str, object]) -> bool:
        """Whether ``values`` (by id, a table's as records) contradict one another."""
        if self.clashes is not None:
            return self.clashes(values)
        first, *others = (values[name] for name in self.ids)
        return any(other != first for other in others)


@dataclass(frozen=True)
class Declarations:
    """What one topic contributes to the registry."""

    parameters: tuple[Parameter, ...] = ()
    tables: tuple[RecordTable, ...] = ()
    sheets: tuple[SheetShape, ...] = ()


def records_of(values: Mapping[str, object], table: str) -> list[Mapping[str, Any]]:
    """The records of a table among values by id, those with an empty cell left out: they were refused already."""
    records: Any = values[table]
    return [one for one in records if all(said is not None for name, said in one.items() if name != "Description")]


def within(value: Value, low: float | None, high: float | None) -> Value:
    """``value`` if every number in it lies in [low, high]; ValueFault otherwise."""
    if low is None and high is None:
        return value
    for number in _numbers(value):
        if (low is not None and number < low) or (high is not None and number > high):
            raise ValueFault(_bounds(low, high), f"write a value in {_bounds_short(low, high)}")
    return value


def _numbers(value: Value) -> tuple[float, ...]:
    if isinstance(value, bool):
        return ()
    if isinstance(value, int | float):
        return (value,)
    if isinstance(value, tuple):
        return tuple(number for part in value for number in _numbers(part))
    if isinstance(value, Interval):
        return (value.low, value.high)
    return ()


def _bounds(low: float | None, high: float | None) -> str:
    if high is None:
        return f"the value is at least {number_text(low or 0)}"
    if low is None:
        return f"the value is at most {number_text(high)}"
    return f"the value lies between {number_text(low)} and {number_text(high)}"


def _bounds_short(low: float | None, high: float | None) -> str:
    ends = [("-inf" if low is None else number_text(low)), ("inf" if high is None else number_text(high))]
    return f"[{', '.join(ends)}]"


def _absent(name: str, known: tuple[str, ...]) -> TableColumn:
    raise KeyError(f"no column {name!r} among {', '.join(known)}")
