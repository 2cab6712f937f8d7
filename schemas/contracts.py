"""Contracts: each table's schema as a pandera check of a collected polars frame, generated from ``schemas.tables``.

A lazy frame is only checked for its schema, never its values: what comes in here is always a whole table.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from schemas.tables import Column, TableSchema

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema


@dataclass(frozen=True)
class ContractFailure:
    """One broken clause: ``column`` ("" for the table), what must hold, how many rows break it, and one such value."""

    column: str
    rule: str
    rows: int
    example: str

    def __str__(self) -> str:
        place = f"column {self.column}: " if self.column else ""
        return f"{place}{self.rule} ({self.rows} rows, for example {self.example})"


def check_contract(table: pa.Table, schema: TableSchema) -> list[ContractFailure]:
    """Every way in which ``table`` breaks ``schema``; an empty list when it keeps it.

    Columns, their order and their exact Arrow types come first; only a table of the right shape has its values
    checked: nulls, bounds (of finite values, both ends included), allowed values and the uniqueness of the key.
    """
    failures = _shape_failures(table, schema)
    if failures:
        return failures
    frame = pl.DataFrame(pl.from_arrow(table))
    try:
        contract(schema).validate(frame, lazy=True)
    except _pandera().errors.SchemaErrors as errors:
        return _value_failures(errors.failure_cases, frame, schema)
    return []


@functools.lru_cache(maxsize=64)
def contract(schema: TableSchema) -> DataFrameSchema:
    """The pandera schema of a table, for whoever checks frames himself."""
    pandera = _pandera()
    types = pl.DataFrame(pl.from_arrow(schema.empty())).schema
    return pandera.DataFrameSchema(
        {
            column.name: pandera.Column(
                types[column.name],
                checks=_checks(column),
                nullable=column.nullable,
                description=column.description,
                title=column.unit or None,
            )
            for column in schema.columns
        },
        unique=list(schema.key),
        strict=True,
        ordered=True,
        name=schema.name,
        description=schema.description,
        metadata={"version": schema.version},
    )


def _pandera() -> Any:
    """pandera's polars module, imported without its side effect.

    On import pandera sets PYARROW_IGNORE_TIMEZONE for Spark's sake, whereupon pyarrow reads 09:15 in India as 09:15 in
    Greenwich in the whole process. Set to nothing the variable is off, and pandera leaves a variable that is set alone.
    """
    os.environ["PYARROW_IGNORE_TIMEZONE"] = ""
    import pandera.polars

    return pandera.polars


def _checks(column: Column) -> list[Any]:
    pandera = _pandera()
    checks = []
    if column.lowest is not None:
        checks.append(pandera.Check(_bound(column.type, pl.Expr.ge, column.lowest), name=f"at least {column.lowest:g}"))
    if column.highest is not None:
        checks.append(
            pandera.Check(_bound(column.type, pl.Expr.le, column.highest), name=f"at most {column.highest:g}")
        )
    if column.values:
        checks.append(pandera.Check(_among(column.values), name=f"one of {', '.join(column.values)}"))
    return checks


def _bound(
    kind: pa.DataType, compare: Callable[[pl.Expr, Any], pl.Expr], limit: float
) -> Callable[[Any], pl.LazyFrame]:
    def check(data: Any) -> pl.LazyFrame:
        value = pl.col(data.key)
        holds = compare(value, limit)
        if pa.types.is_floating(kind):
            holds = holds | ~value.is_finite()
        return data.lazyframe.select(holds)  # type: ignore[no-any-return]

    return check


def _among(values: tuple[str, ...]) -> Callable[[Any], pl.LazyFrame]:
    def check(data: Any) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).is_in(values))  # type: ignore[no-any-return]

    return check


def _shape_failures(table: pa.Table, schema: TableSchema) -> list[ContractFailure]:
    wanted = schema.arrow()
    missing = [name for name in wanted.names if name not in table.column_names]
    extra = [name for name in table.column_names if name not in wanted.names]
    failures = [ContractFailure(name, "is present", table.num_rows, "absent") for name in missing]
    failures += [ContractFailure(name, "is no column of the table", table.num_rows, "present") for name in extra]
    if not failures and table.column_names != wanted.names:
        first = next(a for a, b in zip(table.column_names, wanted.names, strict=True) if a != b)
        failures.append(ContractFailure("", "columns stand in the contract's order", table.num_rows, first))
    for field in wanted:
        if field.name in missing:
            continue
        found = table.schema.field(field.name).type
        if found != field.type:
            failures.append(ContractFailure(field.name, f"has type {field.type}", table.num_rows, str(found)))
    return failures


def _value_failures(cases: pl.DataFrame, frame: pl.DataFrame, schema: TableSchema) -> list[ContractFailure]:
    grouped = cases.group_by("column", "check", maintain_order=True).agg(
        rows=pl.len(), example=pl.col("failure_case").first()
    )
    failures = []
    for column, check, rows, example in grouped.iter_rows():
        if check == "multiple_fields_uniqueness":
            # from the frame: the case's own JSON has shifted the time zone of timestamps
            first = frame.filter(pl.struct(schema.key).is_duplicated()).select(schema.key).row(0)
            key = " ".join(f"{name}={value}" for name, value in zip(schema.key, first, strict=True))
            failures.append(ContractFailure("", f"the key ({', '.join(schema.key)}) is unique", rows, key))
        else:
            rule = "is never null" if check == "not_nullable" else check
            failures.append(ContractFailure(column, rule, rows, str(example)))
    return failures
