"""Layers ``staging`` and ``marts``: the dbt project as assets, one a model, named as the model is.

What belongs here: how dbt's models become assets, and their build into a scratch warehouse that is swapped in whole
(mr_platform.warehouse), so that analysts read the old file until the new one is there.

dagster_dbt takes seconds to import and every intraday run loads these definitions. So the assets are declared from
the project's own files (names, ``ref`` and ``source`` calls, the YAML beside them; a test compares them with dbt's
manifest), and dagster_dbt is imported when marts are built.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.labels import HORIZONS
from assets.materialise import OWNERS
from mr_platform.configuration import read_yaml
from mr_platform.environments import Home
from mr_platform.errors import DataError
from mr_platform.features.catalogue import components
from resources.environment import Folders

WAREHOUSE_POOL = "warehouse"
PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
LAYERS = ("staging", "marts")

_REF = re.compile(r"ref\(\s*'(\w+)'\s*\)")
_SOURCE = re.compile(r"source\(\s*'lake'\s*,\s*'(\w+)'")


@dataclass(frozen=True)
class DbtModel:
    """A model of the project: its layer, the models and lake relations it reads, and its documentation."""

    name: str
    layer: str
    refs: tuple[str, ...]
    sources: tuple[str, ...]
    description: str
    columns: tuple[tuple[str, str, str], ...]


def dbt_models(project: Path = PROJECT) -> list[DbtModel]:
    """The project's models in order of layer and name, read from its files."""
    found = []
    for layer in LAYERS:
        folder = project / "models" / layer
        documented = _documentation(folder)
        for path in sorted(folder.glob("*.sql")):
            text = path.read_text(encoding="utf-8")
            entry = documented.get(path.stem, {})
            columns = tuple(
                (str(c["name"]), _duckdb_type(str(c.get("data_type", ""))), str(c.get("description", "")).strip())
                for c in entry.get("columns", [])
            )
            found.append(
                DbtModel(
                    name=path.stem,
                    layer=layer,
                    refs=tuple(sorted(set(_REF.findall(text)))),
                    sources=tuple(sorted(set(_SOURCE.findall(text)))),
                    description=" ".join(str(entry.get("description", "")).split()),
                    columns=columns,
                )
            )
    return found


def mart_assets() -> list[dg.AssetsDefinition]:
    """All models of the dbt project, built together."""
    models = dbt_models()
    layer_of = {model.name: model.layer for model in models}

    @dg.multi_asset(
        name="dbt_build",
        specs=[_spec(model, layer_of) for model in models],
        pool=WAREHOUSE_POOL,
    )
    def dbt_build(context: dg.AssetExecutionContext, folders: Folders) -> Iterator[dg.MaterializeResult]:
        yield from build_marts(folders.home(), layer_of)

    return [dbt_build]


def build_marts(home: Home, layer_of: dict[str, str]) -> Iterator[dg.MaterializeResult]:
    """Stage the lake, run ``dbt build`` with its tests on a scratch warehouse, and swap it in when all of it held."""
    from dagster_dbt import DbtCliResource

    from mr_platform.warehouse import build_staging, rebuilding, warehouse_file

    results: dict[tuple[str, str], dict[str, Any]] = {}
    with rebuilding(warehouse_file(home.root)) as scratch:
        staged = build_staging(home.lake, scratch)
        with _variables(MR_WAREHOUSE=str(scratch), DO_NOT_TRACK="1"):
            dbt = DbtCliResource(
                project_dir=str(PROJECT),
                profiles_dir=str(PROJECT),
                target="duckdb",
                # the one beside this interpreter, whether or not its environment is on the PATH
                dbt_executable=str(Path(sys.executable).with_name("dbt")),
            )
            manifest = _manifest(dbt, home.root / "dbt")
            build = dbt.cli(["build"], manifest=manifest, target_path=home.root / "dbt", raise_on_error=False)
            for event in build.stream():
                if isinstance(event, dg.AssetMaterialization):
                    name = event.asset_key.path[-1]
                    results[(layer_of[name], name)] = dict(event.metadata)
            if not build.is_successful():
                raise DataError(
                    rule="dbt builds every model and its tests hold",
                    value=_broken(build.get_artifact("run_results.json")),
                    place=str(build.target_path / "dbt.log"),
                    remedy="mend what is named; the warehouse stays as it was",
                )
        rows = _row_counts(scratch, [key for key in results if key[0] == "marts"])
    objects = sum(entry.objects for entry in staged)
    for key, metadata in results.items():
        counted = {"dagster/row_count": rows[key]} if key in rows else {}
        yield dg.MaterializeResult(asset_key=list(key), metadata={**metadata, **counted, "lake_objects": objects})


def _spec(model: DbtModel, layer_of: dict[str, str]) -> dg.AssetSpec:
    upstream = [[layer_of[name], name] for name in model.refs]
    upstream += [key.split("/") for relation in model.sources for key in lake_tables(relation)]
    columns = [dg.TableColumn(name, kind or "view", description) for name, kind, description in model.columns]
    return dg.AssetSpec(
        key=[model.layer, model.name],
        deps=[dg.AssetDep(key) for key in upstream],
        description=model.description,
        group_name=model.layer,
        owners=OWNERS,
        kinds={"dbt", "duckdb"},
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)} if columns else {},
    )


def lake_tables(relation: str) -> list[str]:
    """Asset keys behind a relation of schema ``lake``; nothing for tables that no asset of this graph publishes."""
    if relation == "labels_":
        return [f"labels/regime_{horizon}" for horizon in HORIZONS]
    return {
        "option_chain": ["core/option_chain"],
        "quality_report": ["core/quality_report"],
        **{entry.relation: [entry.table] for entry in components()},
        "component_analysis_results": ["regimes/component_analysis_results"],
        "master_regime_analysis": ["regimes/master_regime_analysis"],
        "adaptive_learning_weights": ["regimes/adaptive_learning_weights"],
        "migration_ledger": ["migration/ledger"],
        "ml_model_metadata": [f"models/regime_{horizon}" for horizon in HORIZONS],
    }.get(relation, [])


def _documentation(folder: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    # the sources are documented by the assets of the lake; reading them here would cost every run its milliseconds
    for path in sorted(set(folder.glob("*.yml")) - {folder / "sources.yml"}):
        for entry in read_yaml(path).get("models", []):
            found[str(entry["name"])] = entry
    return found


def _row_counts(warehouse: Path, tables: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            (schema, name): int(connection.execute(f'SELECT count(*) FROM "{schema}"."{name}"').fetchall()[0][0])
            for schema, name in tables
        }


def _duckdb_type(declared: str) -> str:
    """The type in DuckDB of a declaration such as ``{{ 'double' if target.type == 'duckdb' else 'float64' }}``."""
    chosen = re.match(r"\{\{\s*'(\w+)' if target\.type == 'duckdb'", declared)
    return chosen.group(1) if chosen else declared


def _manifest(dbt: Any, folder: Path) -> Path:
    """dbt's manifest, parsed anew where a file of the project is younger. The build reuses the parse beside it."""
    manifest = folder / "manifest.json"
    newest = max(path.stat().st_mtime_ns for path in PROJECT.rglob("*") if path.suffix in (".sql", ".yml"))
    if not manifest.exists() or manifest.stat().st_mtime_ns < newest:
        dbt.cli(["parse"], target_path=folder).wait()
    return manifest


def _broken(run_results: dict[str, Any]) -> str:
    bad = [r for r in run_results["results"] if r["status"] in ("error", "fail")]
    return "; ".join(f"{r['unique_id']}: {r['message']}" for r in bad) or "dbt failed before its first model"


@contextmanager
def _variables(**wanted: str) -> Iterator[None]:
    """Environment variables for dbt's process, put back afterwards."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
