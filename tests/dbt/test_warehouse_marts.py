"""The warehouse: empty sources are typed, the marts say what the lake holds, and readers are never blocked."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml

from mr_platform.errors import DataError
from mr_platform.features.catalogue import catalogue, components
from mr_platform.features.tables import table_schema
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import IST
from mr_platform.warehouse import (
    DBT_PROJECT,
    RELATIONS,
    build_marts,
    build_staging,
    rebuilding,
    warehouse_file,
)
from schemas.labels import LABELS_NOWCAST
from schemas.migration import MIGRATION_LEDGER, MIGRATION_STATES
from schemas.tables import (
    ADAPTIVE_LEARNING_WEIGHTS,
    COMPONENT_ANALYSIS_RESULTS,
    CORE_OPTION_CHAIN,
    MASTER_REGIME_ANALYSIS,
    ML_MODEL_METADATA,
    QUALITY_REPORT,
    TableSchema,
)

DAY = date(2026, 11, 19)
NIFTY = Partition("NIFTY", DAY)
REGIMES_OF_THE_DAY = ("LVLD", "LVLD", "TBVE", None, "LVLD", "LVLD")


def at(minute: int) -> datetime:
    return datetime(2026, 11, 19, 9, 15, tzinfo=IST) + timedelta(minutes=minute)


def rows_of(schema: TableSchema, rows: list[dict[str, object]]) -> pa.Table:
    names = schema.arrow().names
    return pa.Table.from_pylist([{**dict.fromkeys(names), **row} for row in rows], schema=schema.arrow())


def fill(lake: Lake) -> None:
    """Six five-minute answers of one symbol, two core bars, a quality report, two weights and one model."""
    stamps = [{"symbol": "NIFTY", "event_ts": at(5 * k), "known_ts": at(5 * k + 5)} for k in range(6)]
    master = [
        {
            **stamps[k],
            "analysis_id": f"a{k}",
            "master_regime": regime,
            "master_confidence": None if regime is None else 0.5 + 0.1 * k,
            "source": "no-signal" if regime is None else "rules",
            "processing_time_total_ms": 900.0 if k == 5 else 10.0 * k,
        }
        for k, regime in enumerate(REGIMES_OF_THE_DAY)
    ]
    lake.publish(MASTER_REGIME_ANALYSIS.name, NIFTY, rows_of(MASTER_REGIME_ANALYSIS, master))
    components = [
        {
            **stamps[k],
            "analysis_id": f"a{k}",
            "component_id": 1,
            "regime_prediction": "LVLD",
            "score": 0.2,
            "confidence_score": 0.6,
            "weight_factor": 0.15,
            "health": "healthy" if k else "degraded",
        }
        for k in range(6)
    ]
    lake.publish(COMPONENT_ANALYSIS_RESULTS.name, NIFTY, rows_of(COMPONENT_ANALYSIS_RESULTS, components))
    labels = [{**stamps[k], "label": "LVLD" if k < 3 else "CBV", "cut_sessions": 60} for k in range(4)]
    labels = [{**row, "label_schema_version": "1"} for row in labels]
    lake.publish(LABELS_NOWCAST.name, NIFTY, rows_of(LABELS_NOWCAST, labels))
    core = {"symbol": "NIFTY", "expiry": date(2026, 11, 24), "dte": 5, "snapshot_made": False, "raw_rows": 2}
    bars = [{**core, "ts": at(k), "known_ts": at(k + 1), "strike": 24_000.0, "ce_volume": 75} for k in range(2)]
    lake.publish(CORE_OPTION_CHAIN.name, NIFTY, rows_of(CORE_OPTION_CHAIN, bars))
    figures = {"symbol": "NIFTY", "trade_date": DAY, "raw_rows": 7, "core_rows": 4, "core_bars": 2}
    figures |= {"quarantined_rows": 3, "coverage": 0.9, "score": 88.5, "status": "ok", "reason": ""}
    report = [
        {**figures, "code": code, "rule": "r", "severity": severity, "rows": rows}
        for code, severity, rows in (
            ("low_above_high", "error", 3),
            ("iv_out_of_range", "warn", 2),
            ("key_null", "error", 0),
        )
    ]
    lake.publish(QUALITY_REPORT.name, NIFTY, rows_of(QUALITY_REPORT, report))
    weight = {"symbol": "NIFTY", "component_id": 1, "dte_bucket": "0-7", "regime_context": "ANY", "reason": "start"}
    first = {**weight, "weight_id": "w1", "weight_value": 0.15, "last_updated": at(0)}
    second = {**weight, "weight_id": "w2", "weight_value": 0.20, "last_updated": at(30), "previous_weight_id": "w1"}
    lake.publish(ADAPTIVE_LEARNING_WEIGHTS.name, NIFTY, rows_of(ADAPTIVE_LEARNING_WEIGHTS, [first, second]))
    # a weight that is still in force stands in the next session's partition too
    friday = Partition("NIFTY", date(2026, 11, 20))
    lake.publish(ADAPTIVE_LEARNING_WEIGHTS.name, friday, rows_of(ADAPTIVE_LEARNING_WEIGHTS, [second]))
    model = dict.fromkeys(ML_MODEL_METADATA.arrow().names, "") | {
        "model_version": "m1",
        "task": "regime_nowcast",
        "trained_at": at(400),
        "train_start": DAY,
        "train_end": DAY,
        "stage": "champion",
        "metrics": json.dumps({"targets": {"regime": {"accuracy": 0.6, "mcc": 0.4}}}),
        "baselines": json.dumps(
            {"regime": {"majority": {"accuracy": 0.3}, "persistence": {"accuracy": 0.5}, "shuffled": {"accuracy": 0.9}}}
        ),
    }
    lake.publish(ML_MODEL_METADATA.name, Partition("ALL", DAY), rows_of(ML_MODEL_METADATA, [model]))
    lake.publish(MIGRATION_LEDGER.name, Partition("NIFTY", DAY), rows_of(MIGRATION_LEDGER, ledger_rows()))


def ledger_rows() -> list[dict[str, object]]:
    """A table in the middle of its migration: a partition in every state, two of them verified."""
    states = (*MIGRATION_STATES, "verified")
    return [
        {
            "table_name": "nifty_option_chain",
            "partition_key": f"NIFTY|2026-11-{2 + at:02d}",
            "symbol": "NIFTY",
            "trade_date": date(2026, 11, 2 + at),
            "state": state,
            "source_rows": 100,
            "lake_rows": 100 if state in ("transferred", "verified", "mismatched") else None,
            "attempts": 0 if state == "pending" else 1,
            "reason": "",
            "updated_ts": at_minute,
        }
        for at, (state, at_minute) in enumerate(zip(states, (at(minute) for minute in range(8)), strict=True))
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A warehouse built from a small lake by dbt's command line."""
    root = tmp_path_factory.mktemp("warehouse")
    fill(Lake(root / "lake"))
    target = warehouse_file(root)
    rows = build_marts(root / "lake", target, docs=root / "docs" / "marts.html")
    assert rows == {
        "mart_component_performance": 1,
        "mart_data_quality": 1,
        "mart_intraday_latency": 1,
        "mart_migration_progress": 1,
        "mart_model_performance": 4,
        "mart_regime_daily": 3,
        "mart_regime_transitions": 3,
        "mart_weight_evolution": 2,
    }
    assert sorted(path.name for path in target.parent.iterdir()) == [".lock-market_regime.duckdb", target.name]
    return target


def ask(warehouse: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_day_is_shared_out_between_regimes_with_dwell_and_transitions(built):
    assert ask(
        built,
        "SELECT master_regime, bars, round(share, 4), spells, entries, mean_dwell_minutes, longest_dwell_minutes, "
        "round(mean_confidence, 4), day_transitions FROM marts.mart_regime_daily ORDER BY master_regime",
    ) == [
        ("LVLD", 4, 0.6667, 2, 1, 10.0, 10, 0.75, 3),
        ("TBVE", 1, 0.1667, 1, 1, 5.0, 5, 0.7, 3),
        ("no-signal", 1, 0.1667, 1, 1, 5.0, 5, None, 3),
    ]


def test_each_change_of_regime_is_a_transition(built):
    assert ask(
        built,
        "SELECT strftime(timezone('Asia/Kolkata', changed_ts), '%H:%M'), from_regime, to_regime, minutes_in_previous "
        "FROM marts.mart_regime_transitions ORDER BY changed_ts",
    ) == [("09:25", "LVLD", "TBVE", 10), ("09:30", "TBVE", "no-signal", 5), ("09:35", "no-signal", "LVLD", 5)]


def test_the_documentation_is_one_page_that_knows_the_marts(built):
    page = (built.parent.parent / "docs" / "marts.html").read_text()
    assert "mart_regime_daily" in page
    assert "Share of the session's bars, 0 to 1" in page


def test_a_component_is_held_against_the_answer_and_the_known_labels(built):
    assert ask(
        built,
        "SELECT bars, round(healthy_share, 4), round(agreement_with_master, 4), labelled_bars, accuracy "
        "FROM marts.mart_component_performance",
    ) == [(6, 0.8333, 0.6667, 4, 0.75)]


def test_a_weight_is_shown_once_with_what_it_replaced(built):
    assert ask(
        built,
        "SELECT weight_id, previous_weight_value, round(weight_change, 4), in_force_until IS NULL "
        "FROM marts.mart_weight_evolution ORDER BY weight_id",
    ) == [("w1", None, None, False), ("w2", 0.15, 0.05, True)]


def test_a_model_stands_beside_every_baseline_and_the_control_is_none(built):
    assert ask(
        built,
        "SELECT entrant, accuracy, mcc, round(accuracy_over_best_baseline, 4), round(skill, 4) "
        "FROM marts.mart_model_performance ORDER BY entrant",
    ) == [
        ("majority", 0.3, None, -0.2, -0.4),
        ("model", 0.6, 0.4, 0.1, 0.2),
        ("persistence", 0.5, None, 0.0, 0.0),
        ("shuffled", 0.9, None, 0.4, 0.8),
    ]


def test_quality_and_latency_of_the_session(built):
    assert ask(
        built,
        "SELECT score, raw_rows, core_rows, quarantined_rows, round(refused_share, 4), rules_hit, warnings, "
        "largest_rule, minutes, expiries, strikes FROM marts.mart_data_quality",
    ) == [(88.5, 7, 4, 3, 0.4286, 2, 2, "low_above_high", 2, 1, 1)]
    assert ask(
        built,
        "SELECT bars, measured_bars, p50_ms, worst_ms, round(within_budget_share, 4), no_signal_bars "
        "FROM marts.mart_intraday_latency",
    ) == [(6, 6, 25.0, 900.0, 0.8333, 1)]


def test_every_state_of_the_migration_is_counted_and_only_what_is_proven_counts_as_done(built):
    assert ask(
        built,
        "SELECT partitions, pending, transferring, transferred, verified, mismatched, suspended, unverifiable, "
        "verified_share, source_rows, verified_rows, attempts, first_unverified_date, "
        "strftime(timezone('Asia/Kolkata', last_updated), '%H:%M') FROM marts.mart_migration_progress",
    ) == [(8, 1, 1, 1, 2, 1, 1, 1, 0.25, 800, 200, 7, date(2026, 11, 2), "09:22")]


def test_every_feature_is_a_column_of_its_view_and_a_row_of_the_catalogue(built):
    rows = ask(built, "SELECT name, formula FROM staging.stg_feature_catalogue ORDER BY position")
    assert rows == [(spec.name, spec.description) for spec in catalogue()]
    assert len(rows) == 774
    for entry in components():
        columns = ask(built, f"DESCRIBE staging.stg_{entry.relation}")
        assert [name for name, *_ in columns] == ["trade_date", *table_schema(entry.key).arrow().names]


def test_no_column_of_a_mart_that_must_be_there_takes_a_null(built):
    """The contract's constraints are the database's own."""
    found = ask(
        built,
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'marts'",
    )
    told = yaml.safe_load((DBT_PROJECT / "models" / "marts" / "marts.yml").read_text())["models"]
    marts = {model["name"]: model["columns"] for model in told}
    declared = {
        (name, column["name"], "NO" if {"type": "not_null"} in column.get("constraints", []) else "YES")
        for name, columns in marts.items()
        for column in columns
    }
    assert set(found) == declared
    assert len([one for one in found if one[2] == "NO"]) == 68


@pytest.mark.slow
def test_a_verified_partition_with_other_rows_than_its_source_fails_the_build(tmp_path, lake):
    wrong = [row | {"lake_rows": 99} if row["state"] == "verified" else row for row in ledger_rows()]
    lake.publish(MIGRATION_LEDGER.name, NIFTY, rows_of(MIGRATION_LEDGER, wrong))
    with pytest.raises(DataError, match="migrated_rows_are_the_sources"):
        build_marts(lake.root, warehouse_file(tmp_path), select="stg_migration_ledger migrated_rows_are_the_sources")


def test_an_open_reader_does_not_block_a_rebuild_and_keeps_what_it_read(tmp_path):
    target = warehouse_file(tmp_path)
    for content in ("first", "second"):
        reader = duckdb.connect(str(target), read_only=True) if target.exists() else None
        with rebuilding(target) as scratch, duckdb.connect(str(scratch)) as connection:
            connection.execute(f"CREATE TABLE said AS SELECT '{content}' AS word")
        assert ask(target, "SELECT word FROM said") == [(content,)] or reader is not None
    assert reader is not None
    assert reader.execute("SELECT word FROM said").fetchall() == [("first",)]
    reader.close()
    assert ask(target, "SELECT word FROM said") == [("second",)]


def test_a_failed_build_leaves_the_old_warehouse(tmp_path):
    target = warehouse_file(tmp_path)
    with rebuilding(target) as scratch, duckdb.connect(str(scratch)) as connection:
        connection.execute("CREATE TABLE said AS SELECT 1 AS n")
    before = target.read_bytes()
    with pytest.raises(ZeroDivisionError), rebuilding(target) as scratch:
        duckdb.connect(str(scratch)).close()
        raise ZeroDivisionError
    with pytest.raises(DataError, match="no file"), rebuilding(target):
        pass
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.glob(".scratch-*")] == []


def test_what_a_killed_builder_left_is_swept(tmp_path):
    target = warehouse_file(tmp_path)
    left = target.parent / ".scratch-0123" / target.name
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a warehouse")
    with rebuilding(target) as scratch:
        duckdb.connect(str(scratch)).close()
    assert not left.parent.exists()


def test_every_build_has_the_same_path_so_that_dbt_need_not_read_its_project_again(tmp_path):
    paths = []
    for _ in range(2):
        with rebuilding(warehouse_file(tmp_path)) as scratch:
            duckdb.connect(str(scratch)).close()
            paths.append(scratch)
    assert paths[0] == paths[1] != warehouse_file(tmp_path)


def test_a_table_without_partitions_is_an_empty_typed_relation(tmp_path):
    staged = build_staging(tmp_path / "no lake", tmp_path / "w.duckdb")
    assert {entry.relation: entry.objects for entry in staged} == dict.fromkeys(RELATIONS.values(), 0)
    assert {entry.relation for entry in components()} < set(RELATIONS.values())
    columns = ask(
        tmp_path / "w.duckdb",
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'migration_ledger'",
    )
    assert [name for name, _ in columns] == MIGRATION_LEDGER.arrow().names
    assert dict(columns)["updated_ts"] == "TIMESTAMP WITH TIME ZONE"
    assert dict(columns)["attempts"] == "INTEGER"
    assert ask(tmp_path / "w.duckdb", "SELECT count(*) FROM lake.option_chain") == [(0,)]


def test_a_column_that_older_objects_lack_is_null_in_them(tmp_path, lake):
    ledger = {
        "table_name": "t",
        "partition_key": "p",
        "state": "verified",
        "attempts": 1,
        "reason": "",
        "updated_ts": at(0),
    }
    table = rows_of(MIGRATION_LEDGER, [ledger])
    lake.publish(MIGRATION_LEDGER.name, NIFTY, table.drop_columns(["lake_rows"]))
    build_staging(lake.root, tmp_path / "w.duckdb")
    query = "SELECT table_name, lake_rows, timezone('Asia/Kolkata', updated_ts) FROM lake.migration_ledger"
    assert ask(tmp_path / "w.duckdb", query) == [("t", None, datetime(2026, 11, 19, 9, 15))]


@pytest.mark.slow
def test_a_broken_fact_fails_the_build_by_the_test_that_found_it(tmp_path, lake):
    ledger = {
        "table_name": "t",
        "partition_key": "p",
        "state": "teleported",
        "attempts": 1,
        "reason": "",
        "updated_ts": at(0),
    }
    lake.publish(MIGRATION_LEDGER.name, NIFTY, rows_of(MIGRATION_LEDGER, [ledger]))
    target = warehouse_file(tmp_path)
    with pytest.raises(DataError, match="accepted_values_stg_migration_ledger_state"):
        build_marts(lake.root, target, select="stg_migration_ledger")
    assert not target.exists()
