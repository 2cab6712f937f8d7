"""Overrides of the environment on a set that stands: they fill what neither a workbook nor a change has said."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.registry import CellOfRecord
from mr_platform.parameters.resolution import (
    CHANGE,
    DEFAULT,
    ENVIRONMENT,
    PREFIX,
    WORKBOOK,
    ParameterSet,
    settle,
    variable,
)
from mr_platform.parameters.sheets import Said


def overrides_in(environment: Mapping[str, str]) -> dict[str, str]:
    """The overrides among the variables of an environment, by name."""
    return {name: text for name, text in sorted(environment.items()) if name.startswith(PREFIX)}


def with_overrides(present: ParameterSet, environment: Mapping[str, str]) -> ParameterSet:
    """``present`` under the overrides of ``environment``, unjudged.

    What a workbook or a change has said stays. A value that an override gave before and none gives now returns to its
    default. Faults and warnings are those of the overrides.
    """
    spoken = {
        name: (one.value, one.place)
        for name, one in present.resolved.items()
        if one.origin not in (DEFAULT, ENVIRONMENT)
    }
    # a table that no file has spoken of keeps its default records behind it
    filed = {
        name: list(keys)
        for name, keys in present.keys.items()
        if any(present.resolved[one].origin not in (DEFAULT, ENVIRONMENT, CHANGE) for one in present.cells_of(*name))
    }
    said = Said(values=spoken, keys=filed)
    found = settle(said, overrides_in(environment), name="", declared=present.declared)
    resolved = {}
    for name, old in present.resolved.items():
        new = found.resolved[name]
        # a default that has been declared anew since is no business of the environment: the set keeps its own
        if new.origin == WORKBOOK or new.origin == old.origin == DEFAULT or new[1:4] == old[1:4]:
            resolved[name] = old
        else:
            # what the workbook answered then is what it would answer now
            resolved[name] = new._replace(tried=(*old.tried[:1], *new.tried[1:]))
    return ParameterSet(
        MappingProxyType(resolved), present.keys, present.declared, faults=found.faults, warnings=found.warnings
    )


def variable_of(declared: Parameter | CellOfRecord) -> str:
    """The variable that overrides a parameter or a cell of a record."""
    if isinstance(declared, Parameter):
        return variable(declared.sheet, declared.name)
    table = declared.table
    return variable(*(part for part in (table.sheet, table.title, declared.key, declared.column.name) if part))
