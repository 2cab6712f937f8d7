"""Results as people and scripts take them: one file, one JSON document, one table on a terminal."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mr_platform.errors import UsageError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import IST

# The digest of a whole partition says nothing true of a part of it.
_DIGEST = b"content_digest"
FORMATS = (".parquet", ".csv", ".json")


def published(
    lake: Lake, table: str, partition: Partition, *, until: int | None = None, source: str | None = None
) -> pa.Table:
    """Rows of a published partition, up to what was known when the bar stamped ``until`` (minute of the day) closed.

    A raw table of several sources needs ``source``; UsageError lists them.
    """
    if source is None and table.startswith("raw/"):
        names = lake.sources(table, partition)
        if len(names) > 1:
            raise UsageError(
                rule="a raw partition of several sources is exported one source at a time",
                value=names,
                place=f"{table} {partition}",
                remedy="name one with --source",
            )
        source = names[0] if names else ""
    rows = lake.read(table, partition, source=source or "")
    return rows if until is None else known_by(rows, partition.trade_date, until)


def known_by(rows: pa.Table, day: date, until: int) -> pa.Table:
    """Rows known when the bar that starts at minute ``until`` of ``day`` had closed.

    By ``known_ts`` where the table has it, else by ``ts`` or ``event_ts`` of the bar; rows without a time stay.
    """
    closed = datetime(day.year, day.month, day.day, tzinfo=IST) + timedelta(minutes=until + 1)
    for name, limit in (("known_ts", closed), ("ts", closed - timedelta(minutes=1)), ("event_ts", closed)):
        if name in rows.column_names:
            column = rows.column(name)
            keep = pc.or_kleene(pc.is_null(column), pc.less_equal(column, pa.scalar(limit, column.type)))
            said = {k: v for k, v in (rows.schema.metadata or {}).items() if k != _DIGEST}
            return rows.filter(keep).replace_schema_metadata(said)
    raise UsageError(
        rule="--until needs a table whose rows carry a time",
        value=rows.column_names,
        place="--until",
        remedy="leave --until out for this table",
    )


def write(rows: pa.Table, out: Path) -> None:
    """Write a table to ``out`` by its ending (.parquet, .csv, .json), whole or not at all."""
    ending = out.suffix.lower()
    if ending not in FORMATS:
        raise UsageError(
            rule=f"the file ends in one of {', '.join(FORMATS)}",
            value=out.name,
            place="--out",
            remedy="choose one of these endings",
        )
    scratch = _scratch(out)
    try:
        if ending == ".parquet":
            pq.write_table(rows, scratch, compression="zstd", compression_level=1)
        elif ending == ".csv":
            from pyarrow import csv

            csv.write_csv(_flat(rows), scratch)
        else:
            # JSON has no NaN: what is not computable becomes null
            scratch.write_text(json.dumps(_without_nan(rows.to_pylist()), default=_plain))
        scratch.replace(out)
    finally:
        with suppress(FileNotFoundError):
            scratch.unlink()


def write_bytes(data: bytes, out: Path) -> None:
    """Write a picture or a document to ``out``, whole or not at all."""
    scratch = _scratch(out)
    try:
        scratch.write_bytes(data)
        scratch.replace(out)
    finally:
        with suppress(FileNotFoundError):
            scratch.unlink()


def print_json(document: object) -> None:
    """One JSON document on stdout; a value that is not a number becomes null."""
    sys.stdout.write(json.dumps(_without_nan(document), default=_plain, indent=1) + "\n")


def print_table(rows: Sequence[Mapping[str, Any]], *, title: str, columns: Sequence[str] | None = None) -> None:
    """Rows as a table on stdout, for people."""
    from rich.console import Console
    from rich.table import Table

    # a pipe has no width of its own: give the table room instead of folding every cell
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200)
    if not rows:
        console.print(f"{title}: nothing")
        return
    table = Table(title=title, title_justify="left")
    names = list(columns) if columns else list(rows[0])
    for name in names:
        numeric = all(isinstance(row.get(name), int | float) or row.get(name) is None for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in names))
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _flat(rows: pa.Table) -> pa.Table:
    """Lists as JSON text: CSV cells are scalars."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_nested(field.type):
            text = [None if v is None else json.dumps(v, default=_plain) for v in rows.column(at).to_pylist()]
            rows = rows.set_column(at, field.name, pa.array(text, pa.string()))
    return rows


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def _without_nan(document: object) -> object:
    if isinstance(document, float):
        return document if document == document and abs(document) != float("inf") else None
    if isinstance(document, Mapping):
        return {str(key): _without_nan(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_without_nan(value) for value in document]
    return document


def _scratch(out: Path) -> Path:
    if not out.parent.is_dir():
        raise UsageError(
            rule="the folder of the output file exists", value=out.parent, place="--out", remedy="create it first"
        )
    return out.with_name(f".{out.name}.{secrets.token_hex(4)}")
