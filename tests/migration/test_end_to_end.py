"""The migration as an operator runs it: faults on the way, a kill at any moment, and the graph on what arrived."""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from standins import (
    DAYS,
    RAW,
    SYMBOLS,
    contents,
    environment,
    leftovers,
    made_up,
    market,
    mr,
    mr_alone,
    small,
    stand_in,
    states,
)

from mr_platform import stations
from mr_platform.features.catalogue import components
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import IST
from mr_platform.migration.standin.faults import Fault
from mr_platform.migration.standin.server import StandIn

ROWS = 2_000
"""Of each session: enough for several chunks, few enough for a second."""
CHUNK = 700
STATEMENTS = 90
"""About as many as the server is asked for the four partitions, moved and proven."""
TABLE = "nifty_option_chain"
DONE = {"nifty_option_chain": {"verified": 2}, "banknifty_option_chain": {"verified": 2}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandIn]:
    with stand_in(tmp_path, small(ROWS)) as running:
        yield running


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the partitions when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("expected")
    with stand_in(folder, small(ROWS)) as running:
        env = environment(running, folder / "home")
        assert mr("migrate", "plan", env=env).returncode == 0
        assert run(env).returncode == 0
    found = contents(folder / "home")
    assert len(found) == 4
    return found


RUN = ("migrate", "run", "--workers", 1, "--chunk-rows", CHUNK, "--json")


def run(env: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    return mr(*RUN, *words, env=env)


def planned(server: StandIn, home: Path, **more: str) -> dict[str, str]:
    env = environment(server, home, **more)
    done = mr("migrate", "plan", env=env)
    assert done.returncode == 0, done.stderr
    return env


def finished(env: dict[str, str], home: Path, expected: dict[str, str]) -> None:
    """Everything is proven, equal to a run without faults, and nothing lies about."""
    assert states(env) == DONE
    assert contents(home) == expected
    assert leftovers(home) == []


def test_faults_of_the_wire_are_got_over_within_the_run(
    server: StandIn, tmp_path: Path, expected: dict[str, str]
) -> None:
    env = planned(server, tmp_path / "home", MR_HEAVYDB_TIMEOUT="1")
    kinds = ("cut", "close", "truncate", "torn", "lose_session")
    server.faults.add(*(Fault(kind, nth=2 + 3 * at) for at, kind in enumerate(kinds)))
    server.faults.add(Fault("slow", nth=20, seconds=2.5))
    done = run(env)
    assert done.returncode == 0, done.stderr
    assert server.faults.struck == dict.fromkeys([*kinds, "slow"], 1)
    finished(env, tmp_path / "home", expected)


def test_a_server_that_dies_in_mid_message_leaves_a_clear_state_and_a_resume_finishes(
    server: StandIn, tmp_path: Path, expected: dict[str, str]
) -> None:
    env = planned(server, tmp_path / "home", MR_HEAVYDB_ATTEMPTS="2")
    server.faults.add(Fault("cut", nth=5), Fault("act", nth=6, act=server.stop))
    done = run(env)
    assert done.returncode == 1
    assert "the server answers within 2 attempts" in done.stderr
    assert "Traceback" not in done.stderr
    found = states(env)
    assert sum(sum(counts.values()) for counts in found.values()) == 4
    assert {state for counts in found.values() for state in counts} <= {"pending", "transferred", "verified"}
    server.faults.clear()
    server.start()
    assert run(env).returncode == 0
    finished(env, tmp_path / "home", expected)


def test_a_wrong_password_is_told_without_the_password(
    server: StandIn, tmp_path: Path, expected: dict[str, str]
) -> None:
    env = planned(server, tmp_path / "home")
    done = run({**env, "MR_HEAVYDB_PASSWORD": "open-sesame-4711"})
    assert done.returncode == 1
    assert "MR_HEAVYDB_PASSWORD" in done.stderr
    assert "4711" not in done.stderr + done.stdout
    assert run(env).returncode == 0
    finished(env, tmp_path / "home", expected)


def test_a_schema_that_changes_between_two_chunks_stops_with_the_column_named(
    server: StandIn, tmp_path: Path, expected: dict[str, str]
) -> None:
    env = planned(server, tmp_path / "home")
    before = server.database.read(TABLE)

    def widen() -> None:
        server.database.rewrite(TABLE, lambda rows: rows.append_column("dte_bucket", pa.array(["0DTE"] * len(rows))))

    server.faults.add(Fault("act", nth=2, act=widen, containing=TABLE))
    done = run(env, "--tables", TABLE)
    assert done.returncode == 1
    reasons = {row["state"]: row["reason"] for row in json.loads(done.stdout)}
    assert "dte_bucket" in reasons["suspended"]
    assert "verified" not in reasons
    failed = mr("migrate", "failures", "--json", env=env)
    assert failed.returncode == 1
    assert all("dte_bucket" in row["detail"] for row in json.loads(failed.stdout))
    server.faults.clear()
    server.database.rewrite(TABLE, lambda rows: rows.select(before.column_names))
    assert run(env, "--retry").returncode == 0
    finished(env, tmp_path / "home", expected)


def test_rows_that_arrive_during_the_pull_are_moved_too(server: StandIn, tmp_path: Path) -> None:
    env = planned(server, tmp_path / "home")
    day = DAYS[0]
    more = made_up("NIFTY", day, ROWS + 150).slice(ROWS)
    server.faults.add(Fault("act", nth=2, act=lambda: server.database.append(TABLE, more), containing=TABLE))
    done = run(env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(env) == DONE
    held = Lake(tmp_path / "home" / "lake").read(RAW, Partition("NIFTY", day), source="heavydb")
    assert held.num_rows == ROWS + 150
    said = {row["partition"]: row for row in json.loads(done.stdout)}[f"NIFTY|{day}"]
    assert (said["state"], said["source_rows"], said["lake_rows"]) == ("verified", ROWS + 150, ROWS + 150)


def test_rows_that_arrive_after_the_proof_are_found_by_the_next_plan(server: StandIn, tmp_path: Path) -> None:
    env = planned(server, tmp_path / "home")
    assert run(env).returncode == 0
    day = DAYS[0]
    server.database.append(TABLE, made_up("NIFTY", day, ROWS + 10).slice(ROWS))
    again = json.loads(mr("migrate", "plan", "--json", "--dry-run", env=env).stdout)
    changed = {table["table"]: table["changed"] for table in again["tables"]}
    assert changed == {TABLE: [str(day)], "banknifty_option_chain": []}
    compared = mr("migrate", "compare", "--symbol", "NIFTY", "--date", day, "--json", env=env)
    assert compared.returncode == 1
    assert json.loads(compared.stdout)["verdict"] == "rows: 10 at the source alone"


def test_a_full_disk_stops_the_run_and_the_old_state_stands(
    server: StandIn, tmp_path: Path, expected: dict[str, str]
) -> None:
    env = planned(server, tmp_path / "home")

    def almost_full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = mr_alone(*RUN, env=env, before=almost_full)
    assert done.returncode == 1
    assert "free space" in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(tmp_path / "home") == {}
    assert leftovers(tmp_path / "home") == []
    assert run(env).returncode == 0
    finished(env, tmp_path / "home", expected)


@pytest.mark.slow
def test_killed_at_random_moments_it_loses_nothing_and_doubles_nothing(
    server: StandIn, tmp_path: Path, expected: dict[str, str]
) -> None:
    """kill -9 four times in the middle of the work, on one lake; then one run that is let through."""
    home = tmp_path / "home"
    env = planned(server, home)
    moments = random.Random(20_260_102)
    killed = 0
    for _ in range(4):
        killed += kill_somewhere(env, server, moments.randint(1, STATEMENTS // 4))
        found = states(env)
        assert sum(sum(counts.values()) for counts in found.values()) == 4
        assert set(contents(home).items()) <= set(expected.items())
    assert killed >= 3
    assert run(env).returncode == 0
    finished(env, home, expected)


def kill_somewhere(env: dict[str, str], server: StandIn, statements: int) -> bool:
    """Run, and kill -9 once the server has been asked so many statements; whether it was still alive.

    Counted in statements, not in seconds: so the kills fall into all of the work, however fast the machine is.
    """
    asked = len(server.book.statements) + statements
    command = [sys.executable, "-m", "mr_platform", "migrate", "run", "--workers", "1", "--chunk-rows", str(CHUNK)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(server.book.statements) < asked and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


GRAPH = (
    "core/option_chain",
    "core/daily_context",
    *(entry.table for entry in components()),
    "labels/regime_h12",
    "labels/regime_h75",
    "labels/regime_nowcast",
    "regimes/component_analysis_results",
    "regimes/master_regime_analysis",
    "regimes/adaptive_learning_weights",
    "regimes/component_performance",
)


def digests_of_the_graph(lake: Lake, partitions: list[Partition]) -> dict[str, str]:
    """Every station from core to the regimes on what raw holds; content digest of each table and partition."""
    by_date = sorted(partitions, key=lambda partition: (partition.trade_date, partition.symbol))
    # core of the whole day first: C6 compares an index with its peer
    for partition in by_date:
        stations.publish_core(lake, partition)
    for partition in by_date:
        stations.publish_features(lake, partition)
    for partition in by_date:
        for horizon in ("h12", "h75", "nowcast"):
            stations.publish_labels(lake, partition, horizon)
        stations.publish_regimes(lake, partition)
    found = {}
    for table in GRAPH:
        for partition in by_date:
            published = lake.describe(table, partition)
            found[f"{table} {partition}"] = published.digest if published is not None else "nothing"
    return found


@pytest.mark.slow
def test_from_the_server_the_whole_graph_yields_what_it_yields_from_the_market_itself(tmp_path: Path) -> None:
    files = []
    for (symbol, day), table in market(2).items():
        files.append(tmp_path / f"{symbol}_{day}.parquet")
        pq.write_table(table, files[-1])
    direct, moved = Lake(tmp_path / "direct"), Lake(tmp_path / "moved")
    rows = stations.ingest_files(direct, "platform_chain", files)
    assert [row.status for row in rows] == ["ok"] * 4
    moment = datetime(2026, 11, 19, 18, 0, tzinfo=IST)
    with stand_in(tmp_path, market(2)) as server:
        stations.plan_migration(moved, server.settings, now=moment)
        reports = stations.migrate(moved, server.settings, now=lambda: moment)
    assert [report.state for report in reports] == ["verified"] * 4
    partitions = moved.partitions(RAW, source="heavydb")
    assert partitions == direct.partitions(RAW, source="platform_chain")
    assert {partition.symbol for partition in partitions} == set(SYMBOLS)
    found, wanted = digests_of_the_graph(moved, partitions), digests_of_the_graph(direct, partitions)
    assert found == wanted
    assert [name for name in found if found[name] == "nothing" and "weights" not in name] == []
    core = moved.read("core/option_chain", partitions[0], columns=["strike"])
    assert core.num_rows > 20_000
