"""A parameter set out of its stored document, under the declarations of today."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mr_platform.errors import CorruptPartition, DataError
from mr_platform.parameters.declaration import Parameter, TableColumn
from mr_platform.parameters.registry import Registry, registry
from mr_platform.parameters.resolution import DEFAULT, Attempt, ParameterSet, Resolved
from mr_platform.parameters.values import Value, ValueFault, from_json

STORED = "version"


def from_document(
    document: Mapping[str, Any],
    *,
    place: str,
    origins: Mapping[str, Any] | None = None,
    declared: Registry | None = None,
) -> ParameterSet:
    """The set that ``ParameterSet.document`` wrote, with its origins where they are given.

    What has been declared since stands at its default, what is no longer declared is left out. DataError where a
    stored value is none that today's declaration accepts: it is never replaced in silence.
    """
    known = declared or registry()
    try:
        values, tables = dict(document["values"]), dict(document["tables"])
        reader = _Reader(values, origins or {}, place)
        resolved = {p.id: reader.one(p.id, p, p.default) for p in known.parameters.values()}
        keys: dict[tuple[str, str], tuple[str, ...]] = {}
        for name, table in known.tables.items():
            defaults = {table.key_of(record, number): record for number, record in enumerate(table.default, start=1)}
            keys[name] = tuple(tables[table.id]) if table.id in tables else tuple(defaults)
            for key in keys[name]:
                for at, column in enumerate(table.columns):
                    cell = table.cell_id(key, column.name)
                    default = defaults[key][at] if key in defaults else None
                    resolved[cell] = reader.one(cell, column, default)
    except (KeyError, TypeError, AttributeError) as error:
        raise CorruptPartition(
            rule="a stored set has values and the keys of its tables",
            value=repr(error),
            place=place,
            remedy="restore it from a backup, or load the workbook again",
        ) from error
    return ParameterSet(MappingProxyType(resolved), MappingProxyType(keys), known)


class _Reader:
    """Reads single values of a document."""

    def __init__(self, values: Mapping[str, Any], origins: Mapping[str, Any], place: str) -> None:
        self.values = values
        self.origins = origins
        self.place = place

    def one(self, name: str, declared: Parameter | TableColumn, default: Value | None) -> Resolved:
        """The stored value of an id, its default where the document does not know it."""
        if name not in self.values:
            tried = (Attempt(STORED, self.place, "declared since"),)
            return Resolved(name, default, DEFAULT, "declaration", tried)
        try:
            value = from_json(self.values[name])
            if value is None and isinstance(declared, TableColumn) and not declared.required:
                accepted: Value | None = None
            else:
                # written and read again: the way a cell would come, so that today's kind and bounds judge it
                accepted = declared.accept(declared.kind.render(value))  # type: ignore[arg-type]
        except (ValueFault, AssertionError) as fault:
            raise DataError(
                rule=f"a stored value fits its declaration: {fault}",
                value=self.values[name],
                place=f"{self.place}: {name}",
                remedy="the declaration has changed since: load the workbook again, or set the value",
            ) from fault
        if name not in self.origins:
            return Resolved(name, accepted, STORED, self.place)
        origin, place, tried = self.origins[name]
        return Resolved(name, accepted, origin, place, tuple(Attempt(*attempt) for attempt in tried))
