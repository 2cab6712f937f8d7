"""``mr migrate`` and ``mr heavydb-standin`` as their users type them: what they say, what they refuse, how they end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from standins import DAYS, environment, mr, small, stand_in

from mr_platform.migration.standin.server import StandIn

TABLES = ["banknifty_option_chain", "nifty_option_chain"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("server"), small(300, DAYS[:1])) as running:
        yield running


@pytest.fixture
def env(server: StandIn, tmp_path: Path) -> dict[str, str]:
    """A home of its own, in which everything is planned."""
    found = environment(server, tmp_path / "home", MR_ENV="test")
    assert mr("migrate", "plan", env=found).returncode == 0
    return found


def document(done: subprocess.CompletedProcess[str], code: int = 0) -> object:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_status_has_the_shape_that_scripts_rely_on(env: dict[str, str]) -> None:
    tables = document(mr("migrate", "status", "--json", env=env))["tables"]
    assert [(t["table"], t["partitions"], t["states"], t["rows"]) for t in tables] == [
        (name, 1, {"pending": 1}, 300) for name in TABLES
    ]


def test_a_dry_run_changes_nothing(server: StandIn, tmp_path: Path) -> None:
    env = environment(server, tmp_path / "home")
    planned = document(mr("migrate", "plan", "--dry-run", "--json", env=env))
    assert [(t["table"], t["partitions"], len(t["columns"])) for t in planned["tables"]] == [
        (name, 1, 48) for name in TABLES
    ]
    assert document(mr("migrate", "status", "--json", env=env)) == {"tables": []}
    mr("migrate", "plan", env=env)
    before = server.book.calls["sql_execute_df"]
    rows = document(mr("migrate", "run", "--dry-run", "--limit", 1, "--json", env=env))
    assert [(row["table"], row["state"]) for row in rows] == [("banknifty_option_chain", "pending")]
    assert server.book.calls["sql_execute_df"] == before


def test_run_keeps_to_what_was_asked_for(env: dict[str, str]) -> None:
    (row,) = document(mr("migrate", "run", "--tables", "nifty_option_chain", "--no-verify", "--json", env=env))
    assert (row["table"], row["state"], row["lake_rows"]) == ("nifty_option_chain", "transferred", 300)
    assert document(mr("migrate", "run", "--since", "2030-01-01", "--json", env=env)) == []
    (row,) = document(mr("migrate", "verify", "--json", env=env))
    assert row["state"] == "verified"
    assert set(row["checks"]) >= {"row_count", "second_pull", "written_digest"}
    assert document(mr("migrate", "verify", "--json", env=env)) == []
    assert len(document(mr("migrate", "verify", "--again", "--json", env=env))) == 1


@pytest.mark.parametrize(
    ("words", "missing", "says"),
    [
        (("plan",), True, "not set: MR_HEAVYDB_HOST, MR_HEAVYDB_USER, MR_HEAVYDB_PASSWORD"),
        (("run",), True, "MR_HEAVYDB_HOST"),
        (("compare", "--symbol", "NIFTY", "--date", "2024-07-01"), True, "MR_HEAVYDB_HOST"),
        (("run", "--since", "yesterday"), False, "a date is written YYYY-MM-DD"),
        (("plan", "--tables", "users"), False, "nifty_option_chain"),
        (("check-certificate", "absent.json"), False, "absent.json"),
        (("check-certificate", "pyproject.toml", "--public-key", "abcd"), False, "64 hex digits"),
        (("certify",), False, "MR_CERTIFICATE_KEY_FILE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_ends_with_one_clear_message(
    env: dict[str, str], words: tuple[str, ...], missing: bool, says: str
) -> None:
    if missing:
        env = {name: value for name, value in env.items() if not name.startswith("MR_HEAVYDB_")}
    done = mr("migrate", *words, env=env)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_partition_is_excepted_by_name_and_reason_or_not_at_all(env: dict[str, str]) -> None:
    which = ("--symbol", "BANKNIFTY", "--date", "2024-07-01")
    (row,) = document(
        mr("migrate", "resolve", *which, "--who", "A. Rao", "--why", "disk lost", "--dry-run", "--json", env=env)
    )
    assert (row["was"], row["state"]) == ("pending", "pending")
    assert mr("migrate", "resolve", *which, "--who", " ", "--why", "disk lost", env=env).returncode == 2
    (row,) = document(mr("migrate", "resolve", *which, "--who", "A. Rao", "--why", "disk lost", "--json", env=env))
    assert (row["was"], row["state"], row["who"], row["reason"]) == ("pending", "unverifiable", "A. Rao", "disk lost")
    (row,) = document(mr("migrate", "reopen", *which, "--why", "found a copy", "--json", env=env))
    assert (row["was"], row["state"]) == ("unverifiable", "pending")


def test_the_certificate_is_refused_until_everything_is_proven_and_then_signed(
    env: dict[str, str], tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    fingerprint = mr("migrate", "key", key, env=env).stdout.strip()
    signing = env | {"MR_CERTIFICATE_KEY_FILE": str(key)}
    refused = mr("migrate", "certify", env=signing)
    assert refused.returncode == 1
    assert "2 are not: banknifty_option_chain 2024-07-01 pending" in refused.stderr
    assert mr("migrate", "run", env=env).returncode == 0
    said = document(mr("migrate", "certify", "--out", tmp_path / "out", "--json", env=signing))
    assert said["totals"]["verified"] == 2
    # the test environment has cut over: nothing of its code location reads the server
    assert said["cut_over"]["may_be_switched_off"] is True
    file = tmp_path / "out" / "certificate.json"
    checked = document(mr("migrate", "check-certificate", file, "--home", env["MR_HOME"], "--json", env=env))
    assert (checked["signed_by"], checked["changed_since"], checked["rows"]) == (fingerprint, [], 600)
    (held,) = Path(env["MR_HOME"]).glob("lake/raw/option_chain/source=heavydb/symbol=NIFTY/*.parquet")
    held.write_bytes(held.read_bytes()[:-1] + b"?")
    later = document(mr("migrate", "check-certificate", file, "--home", env["MR_HOME"], "--json", env=env), code=1)
    assert len(later["changed_since"]) == 1
    file.write_bytes(file.read_bytes().replace(b'"rows":600', b'"rows":601'))
    assert mr("migrate", "check-certificate", file, env=env).returncode == 1


def test_failures_tell_row_column_and_both_values(env: dict[str, str], server: StandIn) -> None:
    import pyarrow as pa

    def put(value: float) -> None:
        def change(rows: pa.Table) -> pa.Table:
            at = rows.column_names.index("ce_close")
            values = rows.column(at).to_pylist()
            values[5] = value
            return rows.set_column(at, rows.schema.field(at), pa.array(values, pa.float64()))

        server.database.rewrite("nifty_option_chain", change)

    before = server.database.read("nifty_option_chain").column("ce_close")[5].as_py()
    assert document(mr("migrate", "failures", "--json", env=env)) == []
    mr("migrate", "run", env=env)
    put(12.5)
    rows = document(mr("migrate", "verify", "--again", "--json", env=env), code=1)
    assert {row["table"]: row["state"] for row in rows} == dict(zip(TABLES, ("verified", "mismatched"), strict=True))
    told = document(mr("migrate", "failures", "--json", env=env), code=1)
    cells = [row for row in told if row["column"] == "ce_close" and row["rowid"] is not None]
    assert [(row["rowid"], row["source"], row["lake"]) for row in cells] == [(5, "12.5", repr(before))]
    compared = document(
        mr("migrate", "compare", "--symbol", "NIFTY", "--date", "2024-07-01", "--json", env=env), code=1
    )
    assert compared["verdict"] == "rows: 1 changed"
    # the source was mended: moved again it is proven again
    put(before)
    (row,) = document(mr("migrate", "run", "--retry", "--json", env=env))
    assert row["state"] == "verified"
    assert document(mr("migrate", "failures", "--json", env=env)) == []


def test_a_proof_asked_for_again_that_cannot_be_made_is_not_told_as_made(env: dict[str, str]) -> None:
    mr("migrate", "run", env=env)
    away = env | {"MR_HEAVYDB_HOST": "nowhere.invalid", "MR_HEAVYDB_ATTEMPTS": "1"}
    done = mr("migrate", "verify", "--again", "--limit", 1, "--json", env=away)
    (row,) = document(done, code=1)
    assert (row["state"], row["examined"]) == ("verified", False)
    assert "the server answers" in row["reason"]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_stand_in_tells_where_it_is_and_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mr_platform", "heavydb-standin", "--port", "0", "--sessions", "1"]
    process = subprocess.Popen(
        [*command, "--symbol", "NIFTY"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(5)]
    assert all(line.startswith("export MR_HEAVYDB_") for line in lines)
    told = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    env = {**environment(None, tmp_path / "home"), **told}
    planned = document(mr("migrate", "plan", "--json", env=env))
    assert [(table["table"], table["rows"] > 20_000) for table in planned["tables"]] == [("nifty_option_chain", True)]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_an_unknown_fault_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    done = mr("heavydb-standin", "--fault", "earthquake:3", env=environment(None, tmp_path))
    assert done.returncode == 2
    assert "lose_session" in done.stderr
