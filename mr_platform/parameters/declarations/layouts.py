"""The layouts that several sheets share."""

from __future__ import annotations

from mr_platform.parameters.declaration import Record, SheetShape, TableShape

# A switch's default, as the sheets speak of it.
ON, OFF = True, False

_BOUNDED = ("Parameter", "Value", "Default", "Min", "Max", "Unit", "Description")
_TITLED = ("Parameter", "Value", "Description")


def bounded_sheet(name: str, description: str, *, required: bool = True) -> SheetShape:
    """Header in the first row, one parameter a row with default, range and unit beside its value."""
    table = TableShape("", "parameters", _BOUNDED, key="Parameter", value="Value")
    return SheetShape(name, "parameters", 1, (table,), required=required, description=description)


def titled_sheet(name: str, description: str) -> SheetShape:
    """A title in the first row, the header in the second, one parameter a row; numbers stand as text."""
    table = TableShape("", "parameters", _TITLED, key="Parameter", value="Value")
    return SheetShape(name, "parameters", 2, (table,), description=description)


def record_sheet(
    name: str, columns: tuple[str, ...], key: str, description: str, *more: TableShape, header_row: int = 1
) -> SheetShape:
    """One record a row under the header; ``more`` tables follow, each under its title."""
    return SheetShape(name, "records", header_row, (records("", columns, key), *more), description=description)


def undescribed(*rows: Record) -> tuple[Record, ...]:
    """Records whose last column is a description that would only repeat the row: it is left empty."""
    return tuple((*row, None) for row in rows)


def records(title: str, header: tuple[str, ...], key: str) -> TableShape:
    """A table of records."""
    return TableShape(title, "records", header, key=key)
