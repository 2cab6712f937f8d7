"""Parameter sets: every declared value with where it comes from and what was tried before it.

Precedence: workbook cell, then environment override (``MR_PARAMETER__<Sheet>__<name>``), then default. A change
made later through a new version stands above them and says who made it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from mr_platform.parameters.declaration import Parameter, RecordTable, TableColumn
from mr_platform.parameters.findings import Finding, finding
from mr_platform.parameters.registry import Registry, registry
from mr_platform.parameters.sheets import Said, read_sheets
from mr_platform.parameters.values import Value, ValueFault, to_json
from mr_platform.parameters.workbook import Workbook

WORKBOOK, ENVIRONMENT, DEFAULT, CHANGE = "workbook", "environment", "default", "change"
PREFIX = "MR_PARAMETER__"
DESCRIPTION = "Description"


class Attempt(NamedTuple):
    """One place that was asked for a value: ``found`` says what it held, or why it gave nothing."""

    origin: str
    place: str
    found: str


class Resolved(NamedTuple):
    """A value, the place that gave it, and the places asked before that one, in order."""

    id: str
    value: Value | None
    origin: str
    place: str
    tried: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class ParameterSet:
    """Every declared parameter and every cell of the declared tables, resolved.

    ``resolved``: by id (``Sheet.name``, ``Sheet.key.column``, ``Sheet.title.key.column``). ``keys``: the keys of the
    records of each table, by (sheet, title): declared ones first, then the others in ascending order, so that the
    order of rows in a file says nothing. A set with ``faults`` is never published. ``remarks`` are cells in an unusual
    form, ``contradictions`` descriptions in a workbook that its declarations overrule, ``counts`` cells by what
    they are, ``kinds`` the kinds of workbook (strategy, portfolio, ...) that spoke.
    """

    resolved: Mapping[str, Resolved]
    keys: Mapping[tuple[str, str], tuple[str, ...]]
    declared: Registry = field(repr=False, compare=False)
    faults: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    contradictions: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()

    @cached_property
    def values(self) -> Mapping[str, Value | None]:
        """Value by id; None is an optional cell of a record that says nothing."""
        return MappingProxyType({name: one.value for name, one in self.resolved.items()})

    def table(self, sheet: str, title: str = "") -> tuple[Mapping[str, Value | None], ...]:
        """Records of a table as column -> value, in the order of ``keys``."""
        table = self.declared.tables[sheet, title]
        return tuple(
            MappingProxyType({name: self.resolved[table.cell_id(key, name)].value for name in table.names})
            for key in self.keys[sheet, title]
        )

    def cells_of(self, sheet: str, title: str = "") -> list[str]:
        """Ids of a table's cells, record by record."""
        table = self.declared.tables[sheet, title]
        return [table.cell_id(key, name) for key in self.keys[sheet, title] for name in table.names]

    @cached_property
    def document(self) -> dict[str, Any]:
        """What the set says, as JSON: values by id and the keys of each table; provenance stays out."""
        return {
            "values": {name: to_json(one.value) for name, one in self.resolved.items()},
            "tables": {self.declared.tables[name].id: list(keys) for name, keys in self.keys.items()},
        }

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON of ``document``."""
        return _sha256(self.document)

    @cached_property
    def steering_digest(self) -> str:
        """Hex SHA-256 of the values without the prose beside them: what a description says changes no result."""
        prose = {
            table.cell_id(key, DESCRIPTION)
            for name, table in self.declared.tables.items()
            if DESCRIPTION in table.names
            for key in self.keys[name]
        }
        values = {name: value for name, value in self.document["values"].items() if name not in prose}
        return _sha256({**self.document, "values": values})

    @cached_property
    def derived(self) -> dict[Hashable, Any]:
        """What others have made from the set, by what they name it: the set never changes, so it holds for good."""
        return {}

    def digest_of(self, object_name: str) -> str:
        """Hex SHA-256 of the values that steer one parameter object, for example ``triple_straddle``; no prose."""
        said: dict[str, Any] = {}
        for steered, declarations in self.declared.fields().items():
            if steered.split(".", 1)[0] == object_name:
                said[steered] = [self._said_by(one) for one in declarations]
        return _sha256(said)

    def consumer_of(self, name: str) -> str:
        """What reads the value of an id: its consumer's name, "" for an id that nothing declares."""
        found = self.declared.parameters.get(name) or self._table_of(name)
        return found.consumer.name if found is not None else ""

    @cached_property
    def origins(self) -> dict[str, Any]:
        """Where each value came from, as JSON: ``[origin, place, [[origin, place, found], ...]]`` by id."""
        return {
            name: [one.origin, one.place, [[a.origin, a.place, a.found] for a in one.tried]]
            for name, one in self.resolved.items()
        }

    def _said_by(self, one: Parameter | RecordTable) -> Any:
        if isinstance(one, Parameter):
            return to_json(self.resolved[one.id].value)
        rows = self.table(one.sheet, one.title)
        return [{name: to_json(value) for name, value in row.items() if name != DESCRIPTION} for row in rows]

    def _table_of(self, name: str) -> RecordTable | None:
        return next(
            (t for t in reversed(list(self.declared.tables.values())) if name.startswith(f"{t.id}.")),
            None,
        )


def resolve(
    workbook: Workbook | None,
    environment: Mapping[str, str],
    *,
    workbook_name: str = "",
    declared: Registry | None = None,
) -> ParameterSet:
    """Every declared value from ``workbook``, else from ``environment``, else its default, with all faults.

    Rules between values are not looked at here (``validation.validated`` does). ``workbook_name`` stands for the
    workbook in every place, its file's name by default.
    """
    known = declared or registry()
    name = workbook_name or (workbook.name if workbook is not None else "")
    said = read_sheets(workbook, known, name=name) if workbook is not None else Said()
    return settle(said, environment, name=name, declared=known)


def settle(said: Said, environment: Mapping[str, str], *, name: str, declared: Registry) -> ParameterSet:
    """Every declared value from what the file ``name`` said, else from ``environment``, else its default."""
    overrides = {key: text for key, text in environment.items() if key.startswith(PREFIX)}
    return _Resolver(declared, said, overrides, name).resolve()


class _Resolver:
    """One resolution under way."""

    def __init__(self, declared: Registry, said: Said, overrides: Mapping[str, str], workbook: str) -> None:
        self.declared = declared
        self.said = said
        self.overrides = overrides
        self.workbook = workbook
        self.faults = list(said.faults)
        self.warnings = list(said.warnings)
        self.used: set[str] = set()
        self.resolved: dict[str, Resolved] = {}

    def resolve(self) -> ParameterSet:
        """The set."""
        for parameter in self.declared.parameters.values():
            if self._said(parameter.id):
                continue
            silent = (parameter.id, _table_name(parameter.sheet, parameter.section), parameter.sheet)
            self._one(parameter.id, variable(parameter.sheet, parameter.name), parameter, parameter.default, silent)
        keys = {name: self._records(table) for name, table in self.declared.tables.items()}
        self._strangers()
        return ParameterSet(
            MappingProxyType(self.resolved),
            MappingProxyType(keys),
            self.declared,
            faults=tuple(self.faults),
            warnings=tuple(self.warnings),
            remarks=tuple(self.said.remarks),
            contradictions=tuple(self.said.contradictions),
            counts=dict(self.said.counts),
            kinds=self.said.kinds,
        )

    def _records(self, table: RecordTable) -> tuple[str, ...]:
        defaults = {table.key_of(record, number): record for number, record in enumerate(table.default, start=1)}
        name = (table.sheet, table.title)
        keys = _ordered(self.said.keys[name], defaults) if name in self.said.keys else tuple(defaults)
        silent = (table.id, table.sheet)
        prefix = variable(*(part for part in name if part))
        for key in keys:
            record = defaults.get(key) if name not in self.said.keys else None
            cell_id = table.cell_id(key, "")
            for at, column in enumerate(table.columns):
                if self._said(cell_id + column.name):
                    continue
                override = f"{prefix}__{key}__{column.name}"
                default = record[at] if record is not None else None
                self._one(cell_id + column.name, override, column, default, silent)
        return keys

    def _said(self, name: str) -> bool:
        """Take what the workbook says where nothing overrides anything: nearly always, and quickly."""
        found = self.said.values.get(name)
        if found is None or self.overrides:
            return False
        self.resolved[name] = Resolved(name, found[0], WORKBOOK, found[1])
        return True

    def _one(
        self,
        name: str,
        override: str,
        declared: Parameter | TableColumn,
        default: Value | None,
        silent: Sequence[str],
    ) -> None:
        found = self.said.values.get(name)
        if found is not None and (found[0] is not None or override not in self.overrides):
            self.resolved[name] = Resolved(name, found[0], WORKBOOK, found[1])
            if override in self.overrides:
                self.used.add(override)
                rule = "a workbook's cell or a change goes before an override"
                self.warnings.append(finding(override, self.overrides[override], rule, f"{found[1]} holds; change it"))
            return
        tried = [self._not_in_workbook(found, silent)]
        if override in self.overrides:
            self.used.add(override)
            text = self.overrides[override]
            try:
                self.resolved[name] = Resolved(name, declared.accept(text), ENVIRONMENT, override, tuple(tried))
                return
            except ValueFault as fault:
                self.faults.append(finding(override, text, f"{name}: {fault.rule}", fault.remedy))
                tried.append(Attempt(ENVIRONMENT, override, f"refused: {fault.rule}"))
        else:
            tried.append(Attempt(ENVIRONMENT, override, "not set"))
        self.resolved[name] = Resolved(name, default, DEFAULT, "declaration", tuple(tried))

    def _not_in_workbook(self, found: tuple[Value | None, str] | None, silent: Sequence[str]) -> Attempt:
        if not self.workbook:
            return Attempt(WORKBOOK, "no workbook", "none was given")
        if found is not None:
            return Attempt(WORKBOOK, found[1], "empty")
        reason = next((self.said.silent[one] for one in silent if one in self.said.silent), "its cell was refused")
        return Attempt(WORKBOOK, self.workbook, reason.removeprefix(f"{self.workbook}!"))

    def _strangers(self) -> None:
        """Overrides that no declared value has asked for."""
        strangers = sorted(set(self.overrides) - self.used)
        if not strangers:
            return
        names = [variable(p.sheet, p.name) for p in self.declared.parameters.values()]
        for name in strangers:
            near = difflib.get_close_matches(name, names, n=1)
            remedy = f"it is not read; nearest: {near[0]}" if near else "it is not read; unset it"
            rule = f"an override is {PREFIX}<Sheet>__<name> of a declared parameter"
            self.warnings.append(finding(name, self.overrides[name], rule, remedy))


def variable(*parts: str) -> str:
    """The environment's name for an id: ``MR_PARAMETER__StabilityConfiguration__learning_rate``."""
    return PREFIX + "__".join(parts)


def default_set(declared: Registry | None = None) -> ParameterSet:
    """The set of all defaults."""
    return resolve(None, {}, declared=declared)


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one way to write a JSON document: keys sorted, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def replaced(present: ParameterSet, changes: Mapping[str, Resolved]) -> ParameterSet:
    """``present`` with some values exchanged; findings of the old one stay behind."""
    resolved = MappingProxyType({**present.resolved, **changes})
    return ParameterSet(resolved, present.keys, present.declared)


def completed(found: ParameterSet, present: ParameterSet) -> ParameterSet:
    """``found`` with what ``present`` says of the other kinds of workbook.

    A portfolio's workbook says nothing of the strategy: loading it leaves the strategy as it is.
    """
    if not found.kinds:
        return found
    known = found.declared
    others = {name for name, shape in known.sheets.items() if shape.workbook not in found.kinds}
    keys = {name: present.keys[name] if name[0] in others else kept for name, kept in found.keys.items()}
    prefixes = tuple(f"{sheet}." for sheet in others)
    resolved = {name: one for name, one in found.resolved.items() if not name.startswith(prefixes)}
    resolved |= {name: one for name, one in present.resolved.items() if name.startswith(prefixes)}
    return replace(found, resolved=MappingProxyType(resolved), keys=MappingProxyType(keys))


def _ordered(met: Sequence[str], declared: Mapping[str, object]) -> tuple[str, ...]:
    known = [key for key in declared if key in set(met)]
    return (*known, *sorted(set(met) - set(known), key=_natural))


def _natural(key: str) -> tuple[bool, int, str]:
    return (not key.isdecimal(), int(key) if key.isdecimal() else 0, key)


def _table_name(sheet: str, title: str) -> str:
    return f"{sheet}.{title}" if title else sheet


def _sha256(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(document)).hexdigest()
