"""The dbt project's files: generated ones are what is made, all are documented, keyed, and valid for BigQuery."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
import yaml

from mr_platform.dbt_models import generated_files
from mr_platform.features.catalogue import components
from mr_platform.features.tables import table_schema
from mr_platform.lake.layout import Partition
from mr_platform.market.sessions import IST
from mr_platform.warehouse import DBT_PROJECT, build_staging, dbt_environment

OPEN = datetime(2026, 11, 19, 9, 15, tzinfo=IST)


def run_dbt(folder, *words, **environment):
    """dbt's command line on the project, its warehouse ``w.duckdb`` and its target below ``folder``."""
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *words]
    command += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    told = {**os.environ, **dbt_environment(folder / "w.duckdb"), **environment}
    return subprocess.run(command, env=told, capture_output=True, text=True, check=False)


def test_the_generated_files_are_those_of_the_contracts_and_of_the_catalogue():
    made = generated_files()
    assert {path.name: path.read_text() == text for path, text in made.items()} == {path.name: True for path in made}
    in_place = {path.name for path in (DBT_PROJECT / "models" / "staging").glob("stg_*_features.sql")}
    assert in_place == {f"stg_{entry.relation}.sql" for entry in components()} <= {path.name for path in made}


def documented(*names):
    """The models that the named YAML files tell of, by name."""
    texts = [yaml.load((DBT_PROJECT / "models" / name).read_text(), Loader=yaml.CSafeLoader) for name in names]
    return {model["name"]: model for text in texts for model in text["models"]}


def test_every_mart_has_a_contract_and_every_model_a_key_and_described_columns():
    marts = documented("marts/marts.yml")
    assert set(marts) == {path.stem for path in (DBT_PROJECT / "models" / "marts").glob("*.sql")}
    staging = documented("staging/staging.yml", "staging/features.yml")
    assert set(staging) == {path.stem for path in (DBT_PROJECT / "models" / "staging").glob("*.sql")}
    for model in (*marts.values(), *staging.values()):
        assert any("keyed" in entry for entry in model["data_tests"]), model["name"]
        assert all(len(column["description"]) > 3 for column in model["columns"]), model["name"]
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())
    assert project["models"]["market_regime"]["marts"]["+contract"] == {"enforced": True}
    assert project["flags"]["send_anonymous_usage_stats"] is False


def declared_by_the_assets():
    """Of each model, what assets/marts.py reads from the project's files: layer, models and lake tables before it."""
    from assets.marts import dbt_models

    return {model.name: (model.layer, set(model.refs), set(model.sources)) for model in dbt_models()}


def told_by_dbt(models):
    """The same by dbt's own manifest; the label tables, which a loop names, under their common prefix."""
    found = {}
    for name, node in models.items():
        before = [parent.split(".") for parent in node["depends_on"]["nodes"]]
        tables = {parent[-1] for parent in before if parent[0] == "source"}
        found[name] = (
            node["fqn"][1],
            {parent[-1] for parent in before if parent[0] == "model"},
            {"labels_" if table.startswith("labels_") else table for table in tables},
        )
    return found


@pytest.mark.slow
def test_the_same_models_are_valid_for_bigquery_without_credentials(tmp_path):
    import sqlglot

    # compiling parses first; a token that nobody issued shows that nothing is asked of the service
    unasked = ("--no-populate-cache", "--no-introspect", "--target", "bigquery")
    credentials = {"MR_ENV": "test", "MR_BQ_METHOD": "oauth-secrets", "MR_BQ_TOKEN": "none"}
    done = run_dbt(tmp_path, "compile", *unasked, **credentials)
    assert done.returncode == 0, done.stdout[-2000:]
    manifest = json.loads((tmp_path / "target" / "manifest.json").read_text())
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    assert len(models) == 25
    assert declared_by_the_assets() == told_by_dbt(models)
    assert models["mart_regime_daily"]["columns"]["share"]["data_type"] == "float64"
    assert models["mart_regime_daily"]["relation_name"] == "`market-regime`.`market_regime_test`.`mart_regime_daily`"
    compiled = list((tmp_path / "target" / "compiled").rglob("models/**/*.sql"))
    texts = [path.read_text() for path in compiled if path.parent.name in ("staging", "marts")]
    assert len(texts) == 25
    for text in texts:
        assert len(sqlglot.parse(text, read="bigquery")) == 1
        assert "double" not in text
        assert "quantile_cont" not in text


@pytest.mark.slow
def test_a_key_that_repeats_and_a_row_that_lacks_its_time_are_told_apart_from_sound_rows(tmp_path, lake):
    for key, minutes in (("c6", (0, 5)), ("c7", (0, 0)), ("c8", (0, None))):
        schema = table_schema(key)
        nullable = pa.schema([pa.field(field.name, field.type) for field in schema.arrow()])
        rows = [
            {"symbol": "NIFTY", "event_ts": OPEN + timedelta(minutes=5 * place if minute is None else minute)}
            | {"known_ts": None if minute is None else OPEN + timedelta(minutes=minute + 5), "health": "healthy"}
            for place, minute in enumerate(minutes)
        ]
        table = pa.Table.from_pylist([dict.fromkeys(nullable.names) | row for row in rows], schema=nullable)
        lake.publish(schema.name, Partition("NIFTY", OPEN.date()), table)
    build_staging(lake.root, tmp_path / "w.duckdb")
    done = run_dbt(tmp_path, "build", "--select", "stg_c6_features stg_c7_features stg_c8_features")
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    tests = {one["unique_id"].split(".")[2][:14]: one["status"] for one in results if one["unique_id"][:5] == "test."}
    assert tests == {"keyed_stg_c6_f": "pass", "keyed_stg_c7_f": "fail", "keyed_stg_c8_f": "fail"}
    assert done.returncode == 1
