"""The reporting warehouse: a DuckDB file over the lake, built aside and swapped in whole.

Analysts keep a reader open on the warehouse file for as long as they like. A rebuild therefore never touches that file:
it writes a scratch file beside it and renames it into place when it is whole; a reader sees the old file or the new one.

Schema ``lake`` holds one relation for each result table: a view over the published Parquet objects, or an empty table
of the same columns while nothing is published. dbt builds ``staging`` and ``marts`` on them.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mr_platform import logs
from mr_platform.errors import DataError
from schemas.labels import LABEL_TABLES
from schemas.migration import MIGRATION_LEDGER
from schemas.tables import TABLES, TableSchema

if TYPE_CHECKING:
    import duckdb

LAKE_SCHEMA = "lake"
FILE_NAME = "market_regime.duckdb"
_SCRATCH = ".scratch-"

# Relation in the warehouse by table of the lake; the result tables keep the names they have in BigQuery.
RELATIONS: dict[str, str] = {
    "core/option_chain": "option_chain",
    "core/quality_report": "quality_report",
    "regimes/component_analysis_results": "component_analysis_results",
    "regimes/master_regime_analysis": "master_regime_analysis",
    "regimes/adaptive_learning_weights": "adaptive_learning_weights",
    "models/ml_model_metadata": "ml_model_metadata",
    "features/c1_triple_straddle": "c1_features",
    **{schema.name: f"labels_{schema.name.removeprefix('labels/')}" for schema in LABEL_TABLES.values()},
    MIGRATION_LEDGER.name: "migration_ledger",
}


@dataclass(frozen=True)
class StagedTable:
    """One relation of schema ``lake``: ``objects`` Parquet objects stand behind it, none for an empty typed table."""

    table: str
    relation: str
    objects: int


def warehouse_file(home: Path) -> Path:
    """Where the warehouse of a home lies."""
    return home / "warehouse" / FILE_NAME


@contextmanager
def rebuilding(target: Path) -> Iterator[Path]:
    """Yield the path of a scratch warehouse; swap it in for ``target`` when the block ends well, else delete it.

    The swap is one rename: whoever has the old file open reads on in it, whoever opens the path next gets the new one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f"{_SCRATCH}{secrets.token_hex(8)}-{target.name}")
    try:
        yield scratch
        swap_in(scratch, target)
    finally:
        for leftover in (scratch, _log_of(scratch)):
            with suppress(FileNotFoundError):
                leftover.unlink()


def swap_in(scratch: Path, target: Path) -> None:
    """Rename a finished warehouse over ``target``; DataError while a writer still has changes of it in a log."""
    if not scratch.is_file() or _log_of(scratch).exists():
        raise DataError(
            rule="a warehouse is swapped in when it is complete and closed",
            value="no file" if not scratch.is_file() else f"{_log_of(scratch).name} holds unwritten changes",
            place=str(scratch),
            remedy="close every connection to the scratch file first",
        )
    with scratch.open("rb") as handle:
        os.fsync(handle.fileno())
    scratch.replace(target)


def build_staging(lake_root: Path, out: Path) -> tuple[StagedTable, ...]:
    """Create schema ``lake`` in the DuckDB file ``out``: a relation for each result table, over Parquet in ``lake_root``.

    Columns and types are those of the table's contract, so that a column that older objects lack is null in them.
    """
    import duckdb

    staged = []
    with logs.stage("warehouse.staging", out=str(out)) as found, duckdb.connect(str(out)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {LAKE_SCHEMA}")
        for table, relation in RELATIONS.items():
            schema = _schema_of(table)
            objects = sum(1 for _ in (lake_root / table).glob("**/trade_date=*.parquet"))
            if objects:
                _create_view(connection, relation, schema, lake_root / table)
            else:
                _create_empty(connection, relation, schema)
            staged.append(StagedTable(table, relation, objects))
        found["objects"] = sum(entry.objects for entry in staged)
    return tuple(staged)


def _schema_of(table: str) -> TableSchema:
    if table in TABLES:
        return TABLES[table]
    if table == MIGRATION_LEDGER.name:
        return MIGRATION_LEDGER
    for labels in LABEL_TABLES.values():
        if labels.name == table:
            return labels
    from mr_platform.features.catalogue import components
    from mr_platform.features.tables import table_schema

    return next(table_schema(entry.key) for entry in components() if entry.table == table)


def _create_view(connection: duckdb.DuckDBPyConnection, relation: str, schema: TableSchema, folder: Path) -> None:
    pattern = str(folder / "**" / "trade_date=*.parquet").replace("'", "''")
    read = f"read_parquet('{pattern}', union_by_name = true, hive_partitioning = false)"
    present = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()}
    columns = ", ".join(
        f'CAST({_quoted(c.name) if c.name in present else "NULL"} AS {_type_of(c.type)}) AS {_quoted(c.name)}'
        for c in schema.columns
    )
    connection.execute(f"CREATE OR REPLACE VIEW {LAKE_SCHEMA}.{relation} AS SELECT {columns} FROM {read}")


def _create_empty(connection: duckdb.DuckDBPyConnection, relation: str, schema: TableSchema) -> None:
    columns = ", ".join(f"{_quoted(c.name)} {_type_of(c.type)}" for c in schema.columns)
    connection.execute(f"CREATE OR REPLACE TABLE {LAKE_SCHEMA}.{relation} ({columns})")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type_of(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP"
    if pa.types.is_list(kind):
        return f"{_type_of(kind.value_type)}[]"
    names = {
        pa.string(): "VARCHAR",
        pa.bool_(): "BOOLEAN",
        pa.date32(): "DATE",
        pa.float64(): "DOUBLE",
        pa.float32(): "FLOAT",
        pa.int8(): "TINYINT",
        pa.int16(): "SMALLINT",
        pa.int32(): "INTEGER",
        pa.int64(): "BIGINT",
    }
    if kind not in names:
        raise DataError(
            rule="a column of a result table has a type that the warehouse knows",
            value=kind,
            place="mr_platform.warehouse",
            remedy="add the type beside the others",
        )
    return names[kind]


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def sources_document() -> str:
    """dbt's declaration of schema ``lake``, generated from the tables' contracts (models/staging/sources.yml)."""
    import yaml

    tables = [
        {
            "name": relation,
            "description": _schema_of(table).description,
            "columns": [
                {"name": c.name, "description": f"{c.description} ({c.unit})" if c.unit else c.description}
                for c in _schema_of(table).columns
            ],
        }
        for table, relation in RELATIONS.items()
    ]
    source = {
        "name": LAKE_SCHEMA,
        "description": "Result tables of the lake: views over Parquet in DuckDB, tables of the dataset in BigQuery.",
        "schema": "{{ 'lake' if target.type == 'duckdb' else target.schema }}",
        "tables": tables,
    }
    heading = "# Generated from the table contracts in schemas/: python -m mr_platform.warehouse > this file\n"
    return heading + yaml.safe_dump({"version": 2, "sources": [source]}, sort_keys=False, width=120)


if __name__ == "__main__":
    sys.stdout.write(sources_document())
