"""Rules between values: those the declarations state, and those the parameter objects keep.

A value alone is judged where it is read (kind, bounds). Here the set as a whole is judged, and every rule that does not
hold is told of with the cells it speaks of.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mr_platform.errors import UsageError
from mr_platform.parameters import objects
from mr_platform.parameters.declaration import CrossRule, Parameter
from mr_platform.parameters.findings import Finding, finding, shown
from mr_platform.parameters.registry import CellOfRecord, Registry
from mr_platform.parameters.resolution import CHANGE, Attempt, ParameterSet, Resolved, replaced
from mr_platform.parameters.values import CellValue, ValueFault

_PLACES = 6


def validated(parameter_set: ParameterSet) -> ParameterSet:
    """The set with a fault for every rule between values that does not hold.

    A set whose single values are at fault is judged as well, with defaults in their place: the other rules still count.
    """
    found = (*broken_rules(parameter_set, parameter_set.declared.rules), *broken_objects(parameter_set))
    return replace(parameter_set, faults=(*parameter_set.faults, *dict.fromkeys(found)))


def contradictions_of(parameter_set: ParameterSet) -> tuple[Finding, ...]:
    """Values that speak of one thing and do not agree, and which of them rules; then what a workbook's own columns say.

    The declared ones are told of while they stand: values that agree contradict nothing. A table is named, not told.
    """
    found = []
    for one in parameter_set.declared.contradictions:
        said = {name: values_of(parameter_set, name) for name in one.ids}
        if one.stands(said):
            told = ", ".join(_told(parameter_set, name) for name in one.ids)
            ruled = f"{one.subject}: {one.holds} rules" if one.holds else one.subject
            found.append(Finding(_where(parameter_set, one.ids), told, ruled, one.rule))
    return (*found, *parameter_set.contradictions)


def with_value(present: ParameterSet, name: str, value: CellValue, *, place: str) -> ParameterSet:
    """``present`` with one value changed, judged anew. ``value`` as a cell would hold it: a number, a text, a truth.

    UsageError for an unknown name, or a value that the declaration refuses.
    """
    declared = located(present, name)
    if isinstance(declared, CellOfRecord) and declared.column.name == declared.table.key:
        raise UsageError(
            rule="the key of a record stays: it names the record",
            value=value,
            place=declared.id,
            remedy="add or rename records in the workbook and load it",
        )
    accepts = declared.column if isinstance(declared, CellOfRecord) else declared
    try:
        accepted = accepts.accept(value)
    except ValueFault as fault:
        raise UsageError(rule=fault.rule, value=value, place=declared.id, remedy=fault.remedy) from fault
    old = present.resolved[declared.id]
    tried = (
        *old.tried,
        Attempt(old.origin, old.place, f"{shown(present.declared.shown(declared.id, old.value))}, changed since"),
    )
    changed = Resolved(declared.id, accepted, CHANGE, place, tried)
    return validated(replaced(present, {declared.id: changed}))


def located(present: ParameterSet, name: str) -> Parameter | CellOfRecord:
    """What a name stands for in a set: an id, a parameter's name that one sheet alone has, or a field.

    UsageError with the nearest names for an unknown one, and for a record that the set does not hold.
    """
    known = present.declared
    steered = known.fields().get(name, ())
    single = [one for one in steered if isinstance(one, Parameter)]
    if len(steered) > 1 or (steered and not single):
        raise UsageError(
            rule="a field that several declarations steer is changed by one of them",
            value=name,
            place="the parameter registry",
            remedy=f"name one of {', '.join(one.id for one in steered)}",
        )
    found = single[0] if single else _found(known, name)
    if isinstance(found, CellOfRecord) and found.id not in present.resolved:
        keys = present.keys[found.table.sheet, found.table.title]
        raise UsageError(
            rule=f"a record of {found.table.id} is named by its {found.table.key or 'number'}",
            value=found.key,
            place=found.table.id,
            remedy=f"it has {', '.join(keys[:12])}{' ...' if len(keys) > 12 else ''}",
        )
    return found


def _found(known: Registry, name: str) -> Parameter | CellOfRecord:
    try:
        return known.find(name)
    except UsageError as error:
        near = difflib.get_close_matches(name, list(known.fields()), n=3)
        # a bare name that several sheets have is no misspelling
        if near and "name one of" not in error.remedy:
            others = error.remedy.removeprefix("nearest: ") if "nearest" in error.remedy else ""
            remedy = f"nearest: {', '.join([*near, *filter(None, [others])])}"
            raise UsageError(rule=error.rule, value=name, place=error.place, remedy=remedy) from error
        raise


def broken_rules(parameter_set: ParameterSet, rules: Sequence[CrossRule]) -> Iterator[Finding]:
    """The declared rules that do not hold."""
    for rule in rules:
        said = {name: values_of(parameter_set, name) for name in rule.ids}
        wrong = rule.check(said)
        if wrong is not None:
            yield finding(_where(parameter_set, rule.ids), wrong, rule.name, rule.remedy)


def broken_objects(parameter_set: ParameterSet) -> Iterator[Finding]:
    """What keeps parameter objects from being made: the rules that their classes keep between fields."""
    for fault in objects.faults(parameter_set):
        for one in fault.broken:
            names = [name for name in one.fields if name]
            remedy = f"correct {', '.join(names)}" if names else fault.remedy
            yield finding(_where(parameter_set, names) or fault.place, one.value, one.rule, remedy)


def _told(parameter_set: ParameterSet, name: str) -> str:
    found = parameter_set.resolved.get(name)
    return name if found is None else f"{name} = {parameter_set.declared.shown(name, found.value)}"


def values_of(parameter_set: ParameterSet, name: str) -> object:
    """What an id stands for: a value, or the records of a table."""
    if name in parameter_set.resolved:
        return parameter_set.resolved[name].value
    for table in parameter_set.declared.tables.values():
        if table.id == name:
            return parameter_set.table(table.sheet, table.title)
    raise KeyError(f"a rule speaks of {name}, which nothing declares")


def _where(parameter_set: ParameterSet, names: Sequence[str]) -> str:
    places = [place_of(parameter_set, name) for name in names]
    more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
    return ", ".join(places[:_PLACES]) + more


def place_of(parameter_set: ParameterSet, name: str) -> str:
    """Where the value of an id stands: its cell or variable, its id for a default; a table by its first cell."""
    found = parameter_set.resolved.get(name)
    if found is None:
        prefix = f"{name}."
        found = next((one for at, one in parameter_set.resolved.items() if at.startswith(prefix)), None)
    return found.place if found is not None and found.origin != "default" else f"{name} (default)"
