"""The declared defaults as the values that rules and contradictions are asked about."""

from __future__ import annotations

from typing import Any

from mr_platform.parameters.registry import registry

Values = dict[str, Any]


def declared_values() -> Values:
    """Every parameter's default by id, and every table's default records by the table's id."""
    declared = registry()
    values: Values = {name: parameter.default for name, parameter in declared.parameters.items()}
    for table in declared.tables.values():
        values[table.id] = tuple(dict(zip(table.names, record, strict=True)) for record in table.default)
    return values


def changed(values: Values, changes: dict[str, Any]) -> Values:
    """A copy with other values. A change of a table is ``{row number from 0: {column: value}}``, None drops the row."""
    found = dict(values)
    for name, change in changes.items():
        if not isinstance(found[name], tuple) or not isinstance(change, dict):
            found[name] = change
            continue
        rows = [
            {**record, **(change.get(number) or {})}
            for number, record in enumerate(found[name])
            if change.get(number, {}) is not None
        ]
        found[name] = tuple(rows)
    return found
