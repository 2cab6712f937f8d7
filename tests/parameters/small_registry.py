"""A registry of three sheets, small enough to be read beside a test, and workbooks as rows of cells."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

from mr_platform.parameters.declaration import (
    Contradiction,
    CrossRule,
    Parameter,
    RecordTable,
    SheetShape,
    TableColumn,
    TableShape,
    live,
    planned,
)
from mr_platform.parameters.registry import Registry
from mr_platform.parameters.values import BOOL, FLOAT, INT, TEXT, Choice
from mr_platform.parameters.workbook import Cell, SheetCells, Workbook

_PARAMETERS = (
    Parameter("Weights", "price", FLOAT, 0.6, "share", "of the price", live("features/x"), "x.price", low=0, high=1),
    Parameter("Weights", "volume", FLOAT, 0.4, "share", "of the volume", live("features/x"), "x.volume", low=0, high=1),
    Parameter("Weights", "window", INT, 20, "bars", "how far back", live("features/x"), "y.window", low=1, high=99),
    Parameter("Weights", "enabled", BOOL, True, "", "whether at all", planned("features/z")),
    Parameter("Modes", "mode", Choice("FAST", "SLOW"), "FAST", "", "how fast", planned("features/z")),
)
_TABLE = RecordTable(
    sheet="Rules",
    title="",
    key="ID",
    columns=(
        TableColumn("ID", INT, low=1, high=99),
        TableColumn("Limit", FLOAT, "ratio", low=0, high=1),
        TableColumn("Note", TEXT, required=False),
    ),
    default=((2, 0.5, None), (1, 0.25, "first")),
    consumer=live("features/x"),
    description="limits",
    field="x.rules",
)
_LOOSE = RecordTable("Modes", "Words", "", (TableColumn("Word", TEXT),), (("one",),), planned("features/z"), "words")
_WIDE = ("Parameter", "Value", "Default", "Min", "Max", "Unit", "Description")
_SHEETS = (
    SheetShape("Weights", "parameters", 1, (TableShape("", "parameters", _WIDE, "Parameter", "Value"),)),
    SheetShape(
        "Modes",
        "parameters",
        2,
        (
            TableShape("", "parameters", ("Parameter", "Value"), "Parameter", "Value"),
            TableShape("Words", "records", ()),
            TableShape("Remarks", "notes"),
        ),
    ),
    SheetShape("Rules", "records", 1, (TableShape("", "records", ("ID", "Limit", "Note"), "ID"),), required=False),
)


def _sum(values: Any) -> str | None:
    total = values["Weights.price"] + values["Weights.volume"]
    return None if abs(total - 1) < 1e-9 else f"they sum to {total:g}"


SMALL = Registry(
    MappingProxyType({p.id: p for p in _PARAMETERS}),
    MappingProxyType({(t.sheet, t.title): t for t in (_TABLE, _LOOSE)}),
    MappingProxyType({s.name: s for s in _SHEETS}),
    rules=(CrossRule("weights sum to 1", ("Weights.price", "Weights.volume"), _sum, "change them together"),),
    contradictions=(
        Contradiction(
            "pace", ("Weights.window", "Weights.price"), "Weights.window", "the window rules", lambda v: True
        ),
    ),
)

WIDE = list(_WIDE)
PRICE = ["price", 0.6, 0.6, 0, 1, "share", "of the price"]
VOLUME = ["volume", 0.4, 0.4, 0, 1, "share", "of the volume"]


def book(sheets: dict[str, list[list[Any]]]) -> Workbook:
    """A workbook called ``book.xlsx`` whose sheets are lists of rows; None is an empty cell."""
    return Workbook(
        Path("book.xlsx"),
        "0" * 64,
        {
            name: SheetCells(
                name,
                tuple(
                    tuple(Cell(r, c, value) for c, value in enumerate(row, 1) if value is not None)
                    for r, row in enumerate(rows, 1)
                    if any(value is not None for value in row)
                ),
            )
            for name, rows in sheets.items()
        },
    )
