"""Rows that fill a field of a parameter object."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from mr_platform.parameters.declaration import Consumer, Parameter
from mr_platform.parameters.values import FLOAT, INT, Kind, ListOf, Value


class Row(Protocol):
    """Declares a parameter of one sheet that fills a field of one object; ``field`` is its name where that is not
    ``name``.
    """

    def __call__(
        self,
        name: str,
        kind: Kind,
        default: Value,
        unit: str,
        description: str,
        field: str = "",
        *,
        low: float | None = None,
        high: float | None = None,
    ) -> Parameter: ...


def filling(sheet: str, consumer: Consumer, object_name: str, prefix: str = "") -> Row:
    """The rows of ``sheet`` for the object of that name; ``prefix`` stands before the parameters' names."""

    def row(
        name: str,
        kind: Kind,
        default: Value,
        unit: str,
        description: str,
        field: str = "",
        *,
        low: float | None = None,
        high: float | None = None,
    ) -> Parameter:
        path = f"{object_name}.{field or name}"
        return Parameter(sheet, prefix + name, kind, default, unit, description, consumer, path, low, high)

    return row


def floats(length: int) -> Kind:
    """So many numbers."""
    return ListOf(FLOAT, length=length)


def ints(length: int) -> Kind:
    """So many whole numbers."""
    return ListOf(INT, length=length)


def carried(rows: tuple[Parameter, ...], object_name: str) -> tuple[Parameter, ...]:
    """The rows of a sheet that one object carries: each fills the field of its own name, unless it fills another."""
    return tuple(row if row.field else replace(row, field=f"{object_name}.{row.name}") for row in rows)
