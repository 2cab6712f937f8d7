"""The reporting warehouse: a DuckDB file over the lake, built aside and swapped in whole.

Analysts keep a reader open on the warehouse file for as long as they like. A rebuild therefore never touches that
file: it writes a scratch file beside it and renames it into place when it is whole.

Schema ``lake`` holds one relation for each result table: a view over the published Parquet objects, or an empty table
of the same columns while nothing is published. Beside them stands the feature catalogue, known from the code alone.
dbt builds ``staging`` and ``marts`` on them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mr_platform import logs
from mr_platform.errors import DataError, MissingPartition, UsageError
from mr_platform.features.catalogue import components
from mr_platform.features.catalogue_table import FEATURE_CATALOGUE, catalogue_table
from schemas.labels import LABEL_TABLES
from schemas.migration import MIGRATION_LEDGER
from schemas.tables import TABLES, TableSchema

if TYPE_CHECKING:
    import duckdb

LAKE_SCHEMA = "lake"
FILE_NAME = "market_regime.duckdb"
DBT_PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
_SCRATCH = ".scratch-"

# Relation in the warehouse by table of the lake; the result tables keep the names they have in BigQuery.
RELATIONS: dict[str, str] = {
    "core/option_chain": "option_chain",
    "core/quality_report": "quality_report",
    "regimes/component_analysis_results": "component_analysis_results",
    "regimes/master_regime_analysis": "master_regime_analysis",
    "regimes/adaptive_learning_weights": "adaptive_learning_weights",
    "models/ml_model_metadata": "ml_model_metadata",
    **{entry.table: entry.relation for entry in components()},
    **{schema.name: f"labels_{schema.name.removeprefix('labels/')}" for schema in LABEL_TABLES.values()},
    MIGRATION_LEDGER.name: "migration_ledger",
    FEATURE_CATALOGUE.name: "feature_catalogue",
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
    The scratch file has the target's own name in a folder of its own, because DuckDB calls a database by its file name
    and dbt writes that name into the views; the folder's name is always the same, because dbt reads its whole project
    again where the warehouse's path has changed. One writer at a time; what a killed one left is swept by the next.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".lock-{target.name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in target.parent.glob(f"{_SCRATCH}*"):
            shutil.rmtree(leftover)
        scratch = target.parent / f"{_SCRATCH}build" / target.name
        scratch.parent.mkdir()
        try:
            yield scratch
            swap_in(scratch, target)
        finally:
            shutil.rmtree(scratch.parent)


def swap_in(scratch: Path, target: Path) -> None:
    """Rename a finished warehouse over ``target``; DataError while a writer still has changes of it in a log."""
    log = scratch.with_name(f"{scratch.name}.wal")
    if not scratch.is_file() or log.exists():
        raise DataError(
            rule="a warehouse is swapped in when it is complete and closed",
            value=f"{log.name} holds unwritten changes" if log.exists() else "no file",
            place=str(scratch),
            remedy="close every connection to the scratch file first",
        )
    with scratch.open("rb") as handle:
        os.fsync(handle.fileno())
    scratch.replace(target)


def build_staging(lake_root: Path, out: Path) -> tuple[StagedTable, ...]:
    """Create schema ``lake`` in the DuckDB file ``out``: a relation for each result table over the lake's Parquet.

    Columns and types are those of the table's contract, so that a column that older objects lack is null in them.
    """
    import duckdb

    lake_root = lake_root.resolve()
    staged = []
    with logs.stage("warehouse.staging", out=str(out)) as found, duckdb.connect(str(out)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {LAKE_SCHEMA}")
        for table, relation in RELATIONS.items():
            schema = schema_of(table)
            objects = sum(1 for _ in (lake_root / table).glob("**/trade_date=*.parquet"))
            if objects:
                _create_view(connection, relation, schema, lake_root / table)
            else:
                _create_empty(connection, relation, schema)
            staged.append(StagedTable(table, relation, objects))
        _fill_catalogue(connection)
        found["objects"] = sum(entry.objects for entry in staged)
    return tuple(staged)


def build_marts(lake_root: Path, target: Path, *, select: str = "", docs: Path | None = None) -> dict[str, int]:
    """Rebuild the warehouse ``target`` from the lake with dbt's command line and swap it in; rows of each mart by name.

    ``select`` is a dbt selection (default: every model and test). ``docs`` is where dbt's documentation goes, as one
    HTML file. A failed model or test raises DataError with dbt's own words, and the old warehouse stays.
    """
    import duckdb

    with rebuilding(target) as scratch, logs.stage("warehouse.marts", target=str(target)):
        build_staging(lake_root, scratch)
        _run_dbt(scratch, "build", *(("--select", select) if select else ()))
        if docs is not None:
            _run_dbt(scratch, "docs", "generate", "--static")
            docs.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(scratch.parent / "target" / "static_index.html", docs)
        with duckdb.connect(str(scratch), read_only=True) as connection:
            marts = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY 1"
            ).fetchall()
            rows = {
                name: connection.execute(f"SELECT count(*) FROM marts.{name}").fetchall()[0][0] for (name,) in marts
            }
    return rows


def dbt_environment(warehouse: Path) -> Mapping[str, str]:
    """What dbt is told by environment variables: the warehouse to write, and to send nothing to anybody."""
    return {
        "MR_WAREHOUSE": str(warehouse),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def _run_dbt(scratch: Path, *words: str) -> None:
    """dbt in a process of its own; its target and log folders lie beside the scratch file and go with it."""
    work = scratch.parent
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "--no-use-colors", *words]
    command += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target", "duckdb"]
    command += ["--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    done = subprocess.run(
        command, env={**os.environ, **dbt_environment(scratch)}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DataError(
            rule="every model of the marts builds and every test of them holds",
            value=" ".join((done.stdout + done.stderr).split())[-280:],
            place=str(DBT_PROJECT),
            remedy="the old warehouse is untouched; run dbt build on the project to see the failure in full",
        )


def schema_of(table: str) -> TableSchema:
    """The contract of a table that the warehouse shows."""
    if table in TABLES:
        return TABLES[table]
    for schema in (MIGRATION_LEDGER, FEATURE_CATALOGUE, *LABEL_TABLES.values()):
        if schema.name == table:
            return schema
    from mr_platform.features.tables import table_schema

    return next(table_schema(entry.key) for entry in components() if entry.table == table)


def _create_view(connection: duckdb.DuckDBPyConnection, relation: str, schema: TableSchema, folder: Path) -> None:
    pattern = str(folder / "**" / "trade_date=*.parquet").replace("'", "''")
    read = f"read_parquet('{pattern}', union_by_name = true, hive_partitioning = false)"
    present = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()}
    columns = ", ".join(
        f"CAST({_quoted(c.name) if c.name in present else 'NULL'} AS {_type_of(c.type)}) AS {_quoted(c.name)}"
        for c in schema.columns
    )
    connection.execute(f"CREATE OR REPLACE VIEW {LAKE_SCHEMA}.{relation} AS SELECT {columns} FROM {read}")


def _create_empty(connection: duckdb.DuckDBPyConnection, relation: str, schema: TableSchema) -> None:
    columns = ", ".join(f"{_quoted(c.name)} {_type_of(c.type)}" for c in schema.columns)
    connection.execute(f"CREATE OR REPLACE TABLE {LAKE_SCHEMA}.{relation} ({columns})")


def _fill_catalogue(connection: duckdb.DuckDBPyConnection) -> None:
    """What every feature means: known from the code itself, so no object of the lake stands behind it."""
    rows = catalogue_table()
    connection.register("features_known", rows)
    connection.execute(f"INSERT INTO {LAKE_SCHEMA}.{RELATIONS[FEATURE_CATALOGUE.name]} SELECT * FROM features_known")
    connection.unregister("features_known")


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


def ask(warehouse: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of one read-only query on a warehouse file, as dictionaries by column.

    MissingPartition where there is no warehouse yet; UsageError with DuckDB's own words for a query that it refuses.
    """
    import duckdb

    if not warehouse.is_file():
        raise MissingPartition(
            rule="the warehouse has been built",
            value="no file",
            place=str(warehouse),
            remedy="materialise the marts first: mr demo, or mr run",
        )
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            statements = connection.extract_statements(sql)
            kinds = [statement.type for statement in statements]
            # a COPY reads the warehouse and writes a file: read-only access alone would let it pass
            if kinds not in ([duckdb.StatementType.SELECT], [duckdb.StatementType.EXPLAIN]):
                raise UsageError(
                    rule="one SELECT, DESCRIBE or EXPLAIN",
                    value=[kind.name for kind in kinds],
                    place=sql,
                    remedy="ask one question at a time; to write a file, use mr export or --json",
                )
            cursor = connection.execute(statements[0])
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.Error as error:
        raise UsageError(
            rule="the query is one that DuckDB can run on the warehouse, reading only",
            value=str(error).splitlines()[0],
            place=sql,
            remedy="tables: staging.stg_*, marts.mart_*; DESCRIBE marts.mart_regime_daily shows columns",
        ) from error
