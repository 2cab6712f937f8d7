"""The migration as Dagster runs it: planned, moved and proven by partition, blocked where not, compared at will."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.cutover import registered
from assets.definitions import build_defs
from assets.migration import COMPARISON, MIGRATED, PLAN, markdown_table, migration_assets
from mr_platform.environments import Environment, Home, load_environment
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.migration.standin.market import chain_columns, new_database
from mr_platform.migration.standin.server import StandIn
from resources.clock import Clock, write_clock
from resources.heavydb import HeavyDbResource
from resources.lake import LakeResource
from resources.workers import Workers

DAYS = (date(2025, 2, 13), date(2025, 2, 14))
TABLE = "nifty_option_chain"
RANGE = {
    "dagster/asset_partition_range_start": "NIFTY|2025-02-13",
    "dagster/asset_partition_range_end": "NIFTY|2025-02-14",
}


def session(day: date, rows: int = 40) -> pa.Table:
    """A few rows of a session, every column with a value."""
    values: dict[str, Any] = {}
    for field in PLATFORM_CHAIN:
        if pa.types.is_dictionary(field.type):
            values[field.name] = pa.array([f"{field.name} {i % 3}" for i in range(rows)]).dictionary_encode()
        elif pa.types.is_floating(field.type):
            values[field.name] = pa.array([100.0 + i for i in range(rows)])
        elif pa.types.is_date(field.type):
            values[field.name] = pa.array([day] * rows)
        elif pa.types.is_time(field.type):
            values[field.name] = pa.array([33_300 + 60 * (i // 10) for i in range(rows)], pa.time32("s"))
        else:
            values[field.name] = pa.array(range(rows), field.type)
    values["index_name"] = pa.array(["NIFTY"] * rows).dictionary_encode()
    return pa.table(values).cast(PLATFORM_CHAIN)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Two sessions of NIFTY behind a server that the environment names."""
    database = new_database(tmp_path / "heavydb.duckdb")
    database.create(TABLE, chain_columns(), [session(day) for day in DAYS])
    with StandIn(database) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


class Run:
    """Materialises assets of the migration in this process."""

    def __init__(self, instance: dg.DagsterInstance, lake: Path, clock: Path) -> None:
        self.instance, self.lake, self.clock = instance, lake, clock
        self.assets = migration_assets(load_environment("development"))

    def __call__(self, *keys: dg.AssetKey, partition: str | None = None, tags: dict[str, str] | None = None) -> Any:
        return dg.materialize(
            self.assets,
            selection=list(keys),
            instance=self.instance,
            partition_key=partition,
            tags=tags,
            resources={
                "lake": LakeResource(root=str(self.lake)),
                "heavydb": HeavyDbResource(workers=1),
                "clock": Clock(file=str(self.clock)),
                "workers": Workers(processes=1),
            },
            raise_on_error=False,
        )


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    write_clock(tmp_path / "clock", datetime(2025, 2, 20, 18, 0))
    with dg.instance_for_test() as instance:
        yield Run(instance, tmp_path / "lake", tmp_path / "clock")


def checks(result: Any) -> dict[str, Any]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def why(result: Any) -> str:
    """What stopped the step, in the words of the error that began it."""
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    while error.cause is not None:
        error = error.cause
    return str(error.message)


def test_a_range_of_partitions_is_moved_and_proven_in_one_run(server: StandIn, run: Run) -> None:
    assert run(PLAN).success
    result = run(MIGRATED, tags=RANGE)
    assert result.success
    shown = {
        event.partition: event.metadata for event in result.asset_materializations_for_node("migration__option_chain")
    }
    assert sorted(shown) == ["NIFTY|2025-02-13", "NIFTY|2025-02-14"]
    first = shown["NIFTY|2025-02-13"]
    assert (first["state"].value, first["dagster/row_count"].value, first["source_rows"].value) == ("verified", 40, 40)
    assert first["check/second_pull"].value.startswith("holds: ")
    assert {name: check.passed for name, check in checks(result).items()} == {
        "verified": True,
        "migrated_expectations": True,
    }
    assert checks(result)["migrated_expectations"].metadata["partitions"].value == 2
    held = Lake(run.lake).read("raw/option_chain", Partition("NIFTY", DAYS[0]), source="heavydb")
    assert (held.num_rows, held.column_names[:3]) == (40, ["trade_date", "trade_time", "expiry_date"])


def test_the_plan_shows_what_there_is_to_move(server: StandIn, run: Run) -> None:
    result = run(PLAN)
    (shown,) = [event.metadata for event in result.asset_materializations_for_node("migration__plan")]
    assert (shown["tables"].value, shown["partitions"].value, shown["source_rows"].value) == (1, 2, 80)
    assert "| nifty_option_chain | NIFTY | 2025-02-13 | 2025-02-14 | 2 | 80 |" in shown["plan"].value
    assert shown["columns"].value[TABLE][0]["bigquery"] == "DATE"


def test_a_symbol_day_that_the_source_has_not_is_shown_as_such(server: StandIn, run: Run) -> None:
    run(PLAN)
    result = run(MIGRATED, partition="NIFTY|2025-02-17")
    assert result.success
    (shown,) = [event.metadata for event in result.asset_materializations_for_node("migration__option_chain")]
    assert shown["state"].value == "not in the plan: the source has no rows of it"
    assert shown["dagster/row_count"].value == 0


def test_what_is_found_different_blocks_what_comes_after(
    server: StandIn, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(PLAN)
    from mr_platform.lake.store import Lake as Store

    publish = Store.publish

    def damaged(self: Store, table: str, partition: Partition, data: Any, **more: Any) -> Any:
        done = publish(self, table, partition, data, **more)
        if table == "raw/option_chain":
            held = bytearray(done.path.read_bytes())
            held[len(held) // 2] ^= 1
            done.path.write_bytes(bytes(held))
        return done

    monkeypatch.setattr(Store, "publish", damaged)
    result = run(MIGRATED, partition="NIFTY|2025-02-13")
    assert not checks(result)["verified"].passed
    assert checks(result)["verified"].metadata["unproven"].value["NIFTY|2025-02-13"].startswith("mismatched: ")
    assert not result.success


def test_materialised_again_a_partition_is_proven_again(server: StandIn, run: Run) -> None:
    run(PLAN)
    assert run(MIGRATED, tags=RANGE).success
    assert checks(run(MIGRATED, partition="NIFTY|2025-02-13"))["verified"].passed
    server.database.rewrite(TABLE, lambda rows: rows.slice(1))
    later = checks(run(MIGRATED, partition="NIFTY|2025-02-13"))["verified"]
    assert not later.passed
    assert "row_count" in later.metadata["unproven"].value["NIFTY|2025-02-13"]


@pytest.mark.usefixtures("server")
def test_a_proven_partition_is_not_proven_again_by_a_server_that_is_away(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(PLAN)
    assert run(MIGRATED, partition="NIFTY|2025-02-13").success
    monkeypatch.setenv("MR_HEAVYDB_HOST", "nowhere.invalid")
    monkeypatch.setenv("MR_HEAVYDB_ATTEMPTS", "1")
    again = run(MIGRATED, partition="NIFTY|2025-02-13")
    assert not again.success
    assert "the server answers" in why(again)


def test_without_a_server_the_run_names_the_variables(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "USER", "PASSWORD"):
        monkeypatch.delenv(f"MR_HEAVYDB_{name}", raising=False)
    result = run(MIGRATED, partition="NIFTY|2025-02-13")
    assert not result.success
    assert "not set: MR_HEAVYDB_HOST, MR_HEAVYDB_USER, MR_HEAVYDB_PASSWORD" in why(result)


def test_the_parallel_run_shows_both_sides_and_names_the_cell_that_differs(server: StandIn, run: Run) -> None:
    run(PLAN)
    run(MIGRATED, tags=RANGE)
    same = run(COMPARISON, partition="NIFTY|2025-02-13")
    (shown,) = [event.metadata for event in same.asset_materializations_for_node("migration__comparison")]
    assert shown["verdict"].value == "the same 40 rows on both sides"
    assert shown["picture"].value.startswith("![both sides of NIFTY|2025-02-13](data:image/png;base64,")
    assert checks(same)["same_on_both_sides"].passed

    def corrected(rows: pa.Table) -> pa.Table:
        at = rows.column_names.index("ce_close")
        values = rows.column(at).to_pylist()
        values[7] = 1.5
        return rows.set_column(at, rows.schema.field(at), pa.array(values))

    server.database.rewrite(TABLE, corrected)
    other = run(COMPARISON, partition="NIFTY|2025-02-13")
    (shown,) = [event.metadata for event in other.asset_materializations_for_node("migration__comparison")]
    assert not checks(other)["same_on_both_sides"].passed
    assert shown["verdict"].value == "rows: 1 changed"
    assert "| ce_close | both | 1.5 | 107.0 |" in shown["differences"].value


def test_a_day_that_was_never_moved_is_refused_by_the_comparison_and_the_others_are_shown(
    server: StandIn, run: Run
) -> None:
    run(PLAN)
    run(MIGRATED, tags=RANGE)
    beyond = RANGE | {"dagster/asset_partition_range_end": "NIFTY|2025-02-17"}
    result = run(COMPARISON, tags=beyond)
    assert not result.success
    shown = result.asset_materializations_for_node("migration__comparison")
    assert sorted(event.partition for event in shown) == ["NIFTY|2025-02-13", "NIFTY|2025-02-14"]
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data.description
    assert said.startswith("1 symbol-days refused, 2 finished; NIFTY|2025-02-17: a migrated partition stands in the")


@pytest.mark.parametrize(
    ("automation", "keys", "readers"),
    [
        (
            {"migration", "parallel_run"},
            {"plan", "option_chain", "ledger", "comparison"},
            {"plan", "option_chain", "comparison"},
        ),
        ({"parallel_run"}, {"ledger", "comparison"}, {"comparison"}),
        (set(), {"ledger"}, set()),
    ],
    ids=["before the cut-over", "after it", "server gone"],
)
def test_the_environment_says_what_still_reads_the_server(
    tmp_path: Path, automation: set[str], keys: set[str], readers: set[str]
) -> None:
    from dataclasses import replace

    environment: Environment = replace(load_environment("test"), automation=frozenset(automation))
    defs = build_defs(environment=environment, home=Home(tmp_path))
    assets = {entry["key"]: entry for entry in registered(defs)}
    assert {key.split("/")[1] for key in assets if key.startswith("migration/")} == keys
    assert {
        key.split("/")[1] for key, entry in assets.items() if "heavydb" in [*entry["resources"], *entry["kinds"]]
    } == readers
    graph = defs.resolve_asset_graph()
    upstream = {key.to_user_string() for key in graph.get(dg.AssetKey(["raw", "option_chain"])).parent_keys}
    assert ("migration/option_chain" in upstream) == ("option_chain" in keys)


def test_one_step_at_a_time_asks_the_server() -> None:
    pools = {
        asset.op.name: asset.op.pool
        for asset in migration_assets(load_environment("development"))
        if "heavydb" in asset.required_resource_keys
    }
    assert pools == {
        "migration__plan": "heavydb",
        "migration__option_chain": "heavydb",
        "migration__comparison": "heavydb",
    }


def test_a_table_of_rows_is_markdown_and_keeps_to_its_cells() -> None:
    rows = [{"a": 1, "b": "x|y"}, {"a": 2, "b": ""}]
    assert markdown_table(rows) == "| a | b |\n|---|---|\n| 1 | x/y |\n| 2 |  |"
    assert markdown_table([]) == ""


def test_what_was_moved_waits_for_its_core_until_core_is_made_from_it(lake: Lake) -> None:
    from assets.backfill import without_core

    days = [Partition("NIFTY", day) for day in DAYS]
    rows = pa.table({"x": [1]})
    for day in days:
        lake.publish("raw/option_chain", day, rows, source="heavydb")
    lake.publish("raw/option_chain", Partition("BANKNIFTY", DAYS[0]), rows, source="platform_chain")
    everything = ([], date.min, date.max)
    assert without_core(lake, *everything) == days
    assert without_core(lake, ["NIFTY"], DAYS[1], date.max) == days[1:]
    # a core that was made from an export of the same day is made again, now that the table itself is there
    lake.publish("core/option_chain", days[0], rows, metadata={"profile": "platform_chain"})
    lake.publish("core/option_chain", days[1], rows, metadata={"profile": "heavydb"})
    assert without_core(lake, *everything) == days[:1]


def test_the_job_goes_from_the_server_to_core_and_no_further(tmp_path: Path) -> None:
    defs = build_defs(environment=load_environment("development"), home=Home(tmp_path))
    graph = defs.resolve_job_def("migrate").asset_layer.asset_graph
    selected = {key.to_user_string() for key in defs.resolve_job_def("migrate").asset_layer.executable_asset_keys}
    assert selected == {
        "migration/option_chain",
        "raw/option_chain",
        "core/option_chain",
        "core/quarantine",
        "core/quality_report",
    }
    checks_of_job = {key.name for key in graph.asset_check_keys}
    assert {"verified", "migrated_expectations", "contract"} <= checks_of_job
    assert "end_of_day_expectations" not in checks_of_job
