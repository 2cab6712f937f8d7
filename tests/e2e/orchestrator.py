"""A real Dagster (web server, daemon, code server) on a home of its own, driven by GraphQL as a person would."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assets.instance import PROJECT, process_environment
from mr_platform.environments import Home

REPOSITORY = {"repositoryLocationName": "market_regime", "repositoryName": "__repository__"}

LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
BACKFILL_STATUS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
  __typename ... on PartitionBackfill { status error { message } } ... on PythonError { message } } }"""
START_SENSOR = """mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) {
  __typename ... on Sensor { name } ... on PythonError { message } } }"""
STOP_SENSOR = """mutation($s: SensorSelector!) { resetSensor(sensorSelector: $s) {
  __typename ... on Sensor { name } ... on PythonError { message } } }"""
RUNS = """query($f: RunsFilter) { runsOrError(filter: $f, limit: 200) { ... on Runs { results {
  runId status jobName creationTime startTime endTime tags { key value } } } } }"""
TICKS = """query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor { sensorState {
  ticks(limit: 20) { status skipReason error { message } } } } } }"""
PARTITIONS = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
  assetMaterializations(limit: 200) { partition } } } }"""
LOCATION = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus
  locationOrLoadError { __typename ... on PythonError { message } } } } } }"""

FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}


class Orchestrator:
    """A running Dagster: what a test asks it."""

    def __init__(self, home: Home, port: int) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Data of a GraphQL query; AssertionError with the server's message where it refused."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, job: str, **tags: str) -> str:
        """Launch a job with tags; the run's id."""
        parameters = {
            "selector": {**REPOSITORY, "jobName": job},
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": k.replace("__", "/"), "value": v} for k, v in tags.items()]},
        }
        answer = self.ask(LAUNCH, p=parameters)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def backfill(self, assets: list[str], partitions: list[str]) -> str:
        """Launch a backfill of assets over partitions; its id."""
        selection = [{"path": name.split("/")} for name in assets]
        answer = self.ask(BACKFILL, p={"assetSelection": selection, "partitionNames": partitions})
        assert answer["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["launchPartitionBackfill"]["backfillId"])

    def backfill_status(self, backfill: str) -> str:
        """Status of a backfill."""
        answer = self.ask(BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]
        assert answer["__typename"] == "PartitionBackfill" and answer["error"] is None, answer
        return str(answer["status"])

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Runs, newest first; ``tags`` as a mapping."""
        results = self.ask(RUNS, f=filters or None)["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in results]

    def start_sensor(self, name: str) -> None:
        """Turn a sensor on."""
        answer = self.ask(START_SENSOR, s={**REPOSITORY, "sensorName": name})["startSensor"]
        assert answer["__typename"] == "Sensor", answer

    def ticks(self, name: str) -> list[dict[str, Any]]:
        """The sensor's last ticks, newest first."""
        answer = self.ask(TICKS, s={**REPOSITORY, "sensorName": name})
        return answer["sensorOrError"]["sensorState"]["ticks"]

    def materialised(self, asset: str) -> set[str]:
        """Partitions of an asset that have been materialised."""
        node = self.ask(PARTITIONS, k={"path": asset.split("/")})["assetNodeOrError"]
        return {item["partition"] for item in node["assetMaterializations"]}

    def wait_for_run(self, run_id: str, seconds: float = 180) -> dict[str, Any]:
        """The run once it has finished."""

        def finished() -> dict[str, Any] | None:
            (run,) = self.runs(runIds=[run_id])
            return run if run["status"] in FINISHED else None

        return wait_for(finished, seconds, f"run {run_id} finishes")


def wait_for(condition: Callable[[], Any], seconds: float, what: str, every: float = 0.5) -> Any:
    """The condition's first true answer; AssertionError where there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = condition()
        if answer:
            return answer
        time.sleep(every)
    raise AssertionError(f"waited {seconds:.0f} s: {what}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def orchestrator(home: Home, clock: Path, environment: str = "test") -> Iterator[Orchestrator]:
    """Dagster by the product's own entry point, with a file clock; stopped with all its processes at the end."""
    port = free_port()
    variables = process_environment(home, os.environ) | {
        "MR_ENV": environment,
        "MR_CLOCK_FILE": str(clock),
    }
    log = home.root / "dagster_dev.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "assets.ui", "--home", str(home.root), "--port", str(port)],
            env=variables,
            cwd=PROJECT,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            running = Orchestrator(home, port)
            wait_for(lambda: _loaded(running, process), 120, f"Dagster serves {running.url}; its log is {log}")
            yield running
        finally:
            # the whole session of processes that this call started, and nothing else
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=10)


def _loaded(running: Orchestrator, process: subprocess.Popen) -> bool:
    assert process.poll() is None, "Dagster ended while starting; see dagster_dev.log in its home"
    try:
        entries = running.ask(LOCATION)["workspaceOrError"]["locationEntries"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    for entry in entries:
        error = entry["locationOrLoadError"] or {}
        assert error.get("__typename") != "PythonError", error
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
