"""The registry: every declared parameter, table and sheet, and the way to find one by name."""

from __future__ import annotations

import difflib
import functools
import importlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from mr_platform.errors import UsageError
from mr_platform.parameters.declaration import (
    Contradiction,
    CrossRule,
    Parameter,
    RecordTable,
    SheetShape,
    TableColumn,
)
from mr_platform.parameters.declarations.contradictions import contradictions
from mr_platform.parameters.declarations.rules import rules
from mr_platform.parameters.values import number_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mr_platform.parameters.declaration import Declarations
    from mr_platform.parameters.values import Value

K = TypeVar("K")
V = TypeVar("V")

_ROOM = "mr_platform.parameters.declarations"
# Each module has a function declarations() -> Declarations. The order is that of the template's sheets.
TOPICS: tuple[str, ...] = (
    "overview",
    "master",
    "stability",
    "transitions",
    "noise",
    "indicators",
    "option_sheets",
    "volatility_sheets",
    "taxonomy",
    "timeframes",
    "intraday",
    "checking",
    "adaptation",
    "output",
    "ensemble",
    "companions",
    "c1_triple_straddle",
    "c2_greeks_sentiment",
    "c3_oi_price_action",
    "c4_iv_skew",
    "c5_atr_ema_cpr",
    "c6_correlation",
    "c7_support_resistance",
    "c8_master_integration",
    "labels",
    "learning",
)


@dataclass(frozen=True)
class CellOfRecord:
    """A cell of a record found by its id: ``table``, the ``key`` of its record and its ``column``."""

    table: RecordTable
    key: str
    column: TableColumn

    @property
    def id(self) -> str:
        """The id it was found by."""
        return self.table.cell_id(self.key, self.column.name)


@dataclass(frozen=True)
class Registry:
    """All declarations by id, the rules between them and the contradictions among them."""

    parameters: Mapping[str, Parameter]
    tables: Mapping[tuple[str, str], RecordTable]
    sheets: Mapping[str, SheetShape]
    rules: tuple[CrossRule, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()

    def find(self, name: str) -> Parameter | CellOfRecord:
        """The parameter or cell of that id, or of that bare name where one sheet alone has it.

        UsageError lists the sheets where several have it, and the nearest names where none has.
        """
        found = self.parameters.get(name) or self._cell(name) or self._bare(name)
        if found is not None:
            return found
        near = difflib.get_close_matches(name, [*self.parameters, *(p.name for p in self.parameters.values())], n=5)
        raise UsageError(
            rule="a parameter is declared in the registry",
            value=name,
            place="the parameter registry",
            remedy=f"nearest: {', '.join(dict.fromkeys(near))}" if near else "`mr config show` lists all of them",
        )

    def shown(self, name: str, value: Value | None) -> str:
        """A value of the parameter or cell ``name`` as the workbook writes it: ``09:15``, ``ATR>0.8``; "" for none."""
        if value is None:
            return ""
        found = self.find(name)
        cell = (found.column if isinstance(found, CellOfRecord) else found).kind.render(value)
        return number_text(cell) if isinstance(cell, float) else str(cell)

    def of_sheet(self, sheet: str, section: str = "") -> tuple[Parameter, ...]:
        """The parameters of one table of a sheet, in declared order."""
        return tuple(p for p in self.parameters.values() if p.sheet == sheet and p.section == section)

    def fields(self) -> dict[str, tuple[Parameter | RecordTable, ...]]:
        """Declarations by the ``object.field`` that they steer; several may steer one."""
        found: dict[str, tuple[Parameter | RecordTable, ...]] = {}
        steering: tuple[Parameter | RecordTable, ...] = (*self.parameters.values(), *self.tables.values())
        for declared in steering:
            if declared.field:
                found[declared.field] = (*found.get(declared.field, ()), declared)
        return found

    def _cell(self, name: str) -> CellOfRecord | None:
        for table in self.tables.values():
            if not name.startswith(table.id + "."):
                continue
            key, _, column = name.removeprefix(table.id + ".").rpartition(".")
            if key and column in table.names:
                return CellOfRecord(table, key, table.column(column))
        return None

    def _bare(self, name: str) -> Parameter | None:
        found = [parameter for parameter in self.parameters.values() if parameter.name == name]
        if len(found) > 1:
            raise UsageError(
                rule="a bare name belongs to one sheet; several have this one",
                value=name,
                place="the parameter registry",
                remedy=f"name one of {', '.join(parameter.id for parameter in found)}",
            )
        return found[0] if found else None


@functools.cache
def registry() -> Registry:
    """The registry of the platform, collected once. A name declared twice is a fault of the code and raises."""
    declared = [_declarations(topic) for topic in TOPICS]
    parameters = _unique((p.id, p) for d in declared for p in d.parameters)
    tables = _unique(((t.sheet, t.title), t) for d in declared for t in d.tables)
    sheets = _unique((s.name, s) for d in declared for s in d.sheets)
    return Registry(
        MappingProxyType(parameters),
        MappingProxyType(tables),
        MappingProxyType(sheets),
        rules(),
        contradictions(),
    )


def _declarations(topic: str) -> Declarations:
    found: Declarations = importlib.import_module(f"{_ROOM}.{topic}").declarations()
    return found


def _unique(pairs: Iterable[tuple[K, V]]) -> dict[K, V]:
    collected: dict[K, V] = {}
    for key, value in pairs:
        assert key not in collected, f"declared twice: {key}"
        collected[key] = value
    return collected
