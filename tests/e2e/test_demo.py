"""``mr demo``, small: the whole graph on twelve sessions, as its user runs it."""

import json
import os
import subprocess
import sys

import duckdb
import pytest

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.warehouse import warehouse_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MR_") and k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "assets.demo", "--home", str(home), "--sessions", "12"]
    done = subprocess.run(
        [*command, "--replay-seconds", "3", "--json"], capture_output=True, text=True, env=environment, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return home, json.loads(done.stdout)


def test_every_symbol_day_arrives_and_no_row_is_lost(shown):
    home, document = shown
    assert document["partitions"]["symbol_days"] == 24
    rows = document["rows"]
    assert rows["raw"] == rows["core"] + rows["quarantined"]
    assert rows["quarantined"] == sum(document["quarantine"].values()) > 0
    lake = Lake(home / "lake")
    raw = [
        lake.describe("raw/option_chain", p, source=s)
        for p in lake.partitions("raw/option_chain")
        for s in lake.sources("raw/option_chain", p)
    ]
    assert sum(found.rows for found in raw) == rows["raw"]


def test_the_last_session_came_through_the_landing_folder(shown):
    home, document = shown
    live = document["live"]
    assert live["bars_taken"] >= 2
    assert live["last_bar"].endswith("15:25")
    lake = Lake(home / "lake")
    last = lake.partitions("regimes/master_regime_analysis")[-1]
    regimes = lake.read("regimes/master_regime_analysis", last)
    assert regimes.num_rows == 75
    assert last.trade_date.isoformat() == document["partitions"]["last"]
    assert lake.describe("simulator/truth", Partition("NIFTY", last.trade_date)) is not None


def test_models_stand_beside_their_baselines_or_say_why_not(shown):
    _, document = shown
    for name, model in document["models"].items():
        if name in document["refused"]:
            assert "Remedy" in document["refused"][name]
            continue
        for entrant in ("majority", "climatology", "persistence", "markov", "hmm", "shuffled"):
            assert entrant in model["table"], f"{name} shows no {entrant}"


def test_the_marts_answer(shown):
    home, document = shown
    assert sorted(document["marts"]) == sorted(
        f"mart_{name}"
        for name in (
            "regime_daily",
            "regime_transitions",
            "component_performance",
            "weight_evolution",
            "model_performance",
            "data_quality",
            "migration_progress",
            "intraday_latency",
        )
    )
    with duckdb.connect(str(warehouse_file(home)), read_only=True) as connection:
        shares = connection.execute(
            "SELECT symbol, trade_date, sum(share) FROM marts.mart_regime_daily GROUP BY ALL"
        ).fetchall()
    assert len(shares) == 24
    assert all(total == pytest.approx(1.0) for _, _, total in shares)
