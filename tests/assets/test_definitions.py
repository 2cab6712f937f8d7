"""The composition root: what exists in which environment, and the snapshot of every asset."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import build_defs
from assets.instance import PROJECT, prepare_instance, process_environment
from mr_platform.environments import Home, load_environment
from mr_platform.features.catalogue import components
from mr_platform.features.groups import by_group

SNAPSHOT = Path(__file__).parent / "asset_specs.json"


def defs_of(name, tmp_path):
    return build_defs(environment=load_environment(name), home=Home(tmp_path))


def described(defs):
    """What the snapshot keeps of each asset: everything a person or another asset can see of it."""
    graph = defs.resolve_asset_graph()
    checks = {}
    for key in sorted(graph.asset_check_keys, key=str):
        checks.setdefault(key.asset_key.to_user_string(), []).append(key.name)
    found = {}
    for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string()):
        schema = spec.metadata.get("dagster/column_schema")
        found[spec.key.to_user_string()] = {
            "group": spec.group_name,
            "owners": list(spec.owners),
            "kinds": sorted(spec.kinds),
            "description": spec.description,
            "partitioned": spec.partitions_def is not None,
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "columns": len(schema.columns) if schema is not None else 0,
            "checks": sorted(checks.get(spec.key.to_user_string(), [])),
        }
    return found


def test_every_asset_is_as_the_snapshot_says(tmp_path):
    """A change of the graph is seen in review: MR_UPDATE_SNAPSHOT=1 writes it anew."""
    found = described(defs_of("development", tmp_path))
    if os.environ.get("MR_UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(SNAPSHOT.read_text())


def test_the_keys_are_those_of_the_architecture(tmp_path):
    keys = set(described(defs_of("development", tmp_path)))
    assert {
        "raw/option_chain",
        "core/option_chain",
        "core/quarantine",
        "core/daily_context",
        *(entry.table for entry in components()),
        "labels/regime_h12",
        "labels/regime_h75",
        "labels/regime_nowcast",
        "models/regime_h12",
        "models/regime_h75",
        "models/regime_nowcast",
        "regimes/component_analysis_results",
        "regimes/master_regime_analysis",
        "regimes/adaptive_learning_weights",
        "regimes/component_performance",
        "marts/mart_regime_daily",
        "marts/mart_data_quality",
    } <= keys


def test_a_backfill_of_a_day_reaches_no_other_day(tmp_path):
    """A mapping to earlier sessions would make Dagster run the 252 sessions after the ones asked for."""
    for spec in defs_of("development", tmp_path).resolve_all_asset_specs():
        assert [dep.partition_mapping for dep in spec.deps if dep.partition_mapping is not None] == []


def test_every_asset_has_owner_description_kind_and_its_layer_as_group(tmp_path):
    for key, asset in described(defs_of("development", tmp_path)).items():
        assert asset["owners"] and asset["kinds"] and asset["description"], key
        assert asset["group"] == key.split("/")[0]


def test_a_feature_tables_page_tells_of_every_column_and_group(tmp_path):
    found = {spec.key.to_user_string(): spec for spec in defs_of("development", tmp_path).resolve_all_asset_specs()}
    for entry in components():
        metadata = found[entry.table].metadata
        shown = {column.name: column for column in metadata["dagster/column_schema"].columns}
        for spec in entry.features:
            assert shown[spec.name].description == f"{spec.description} [{spec.unit}]"
            assert shown[spec.name].type == "double"
        assert metadata["features"] == len(entry.features)
        rows = metadata["groups"].value.splitlines()[2:]
        sizes = {name: len(features) for name, features in by_group(entry).items()}
        assert [row.split(" | ")[1] for row in rows] == [str(size) for size in sizes.values()]
        assert all(f"(`{entry.key}_{name}_`)" in row for name, row in zip(sizes, rows, strict=True))
    assert "features" not in found["core/option_chain"].metadata


@pytest.mark.parametrize(
    ("environment", "sensors", "schedules"),
    [
        ("development", {"bars_landed", "run_failed", "parameters_changed"}, set()),
        ("test", {"bars_landed"}, set()),
        ("production", {"bars_landed", "run_failed", "parameters_changed"}, {"after_the_close"}),
    ],
)
def test_automation_that_must_not_run_is_not_registered(tmp_path, environment, sensors, schedules):
    defs = defs_of(environment, tmp_path)
    assert {sensor.name for sensor in defs.sensors} == sensors
    assert {schedule.name for schedule in defs.schedules} == schedules


def test_freshness_is_watched_in_production_only(tmp_path):
    def watched(name):
        specs = defs_of(name, tmp_path).resolve_all_asset_specs()
        return {spec.key.to_user_string() for spec in specs if spec.freshness_policy is not None}

    assert watched("development") == set()
    assert watched("production") == {"core/option_chain"}


def test_the_suite_of_the_days_end_stays_out_of_the_other_jobs(tmp_path):
    defs = defs_of("development", tmp_path)

    def checks(job):
        return {key.name for key in defs.resolve_job_def(job).asset_layer.asset_graph.asset_check_keys}

    in_step = {"contract", "raw_is_core_plus_quarantine", "quality_verdict", "validation_rules"}
    assert checks("intraday") == in_step
    assert checks("backfill") == in_step
    assert checks("end_of_day") == in_step | {"end_of_day_expectations"}


def test_the_intraday_job_neither_trains_nor_reports(tmp_path):
    job = defs_of("development", tmp_path).resolve_job_def("intraday")
    layers = {key.path[0] for key in job.asset_layer.executable_asset_keys}
    assert layers == {"raw", "core", "features", "regimes"}


def test_resources_can_be_replaced_by_name(tmp_path):
    clock = dg.ResourceDefinition.hardcoded_resource("a clock")
    defs = build_defs(environment=load_environment("test"), home=Home(tmp_path), resources={"clock": clock})
    assert defs.resources["clock"] is clock


def test_the_intraday_path_imports_nothing_heavy(tmp_path):
    script = (
        "import sys, assets.definitions;"
        "print([m for m in ('great_expectations', 'dagster_dbt', 'dagster_gcp', 'matplotlib', 'sklearn', 'pandera')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=process_environment(Home(tmp_path)) | {"MR_ENV": "test"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_dagster_validates_the_definitions(tmp_path):
    home = Home(tmp_path)
    prepare_instance(home)
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "--workspace", "workspace.yaml"],
        env=process_environment(home) | {"MR_ENV": "production"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "market_regime" in done.stdout + done.stderr


def test_the_instance_is_configured_once_and_has_no_telemetry(tmp_path):
    home = Home(tmp_path)
    prepare_instance(home)
    written = (home.dagster / "dagster.yaml").stat().st_mtime_ns
    prepare_instance(home)
    assert (home.dagster / "dagster.yaml").stat().st_mtime_ns == written
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        assert instance.telemetry_enabled is False
        assert type(instance.run_coordinator).__name__ == "QueuedRunCoordinator"
        limits = instance.get_concurrency_config().run_queue_config.tag_concurrency_limits
        assert {"key": "mr/lane", "value": "intraday", "limit": 1} in [dict(limit) for limit in limits]
        assert instance.run_monitoring_enabled


def test_postgres_is_chosen_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MR_DAGSTER_POSTGRES_URL", "postgresql://u:p@db/dagster")
    prepare_instance(Home(tmp_path))
    text = (tmp_path / "dagster" / "dagster.yaml").read_text()
    assert "postgres_url:\n      env: MR_DAGSTER_POSTGRES_URL" in text
    assert "u:p@db" not in text


def test_processes_of_dagster_write_bytecode_and_send_nothing(tmp_path):
    found = process_environment(Home(tmp_path), {"PYTHONDONTWRITEBYTECODE": "1", "PATH": "/bin"})
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["DAGSTER_DISABLE_TELEMETRY"] == "1"
    assert found["GX_ANALYTICS_ENABLED"] == "false"
    assert found["DAGSTER_HOME"] == str(tmp_path / "dagster")
