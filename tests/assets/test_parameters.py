"""The active set in the graph: what makes features and labels stale, and what a bad workbook does not do."""

import sys
import types
from datetime import datetime

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from assets.core import core_assets
from assets.features import feature_assets
from assets.jobs import parameters_job
from assets.labels import label_assets
from assets.parameters import parameter_assets, parameter_sensor
from mr_platform.environments import load_environment
from mr_platform.features.catalogue import components
from mr_platform.lake.store import Lake
from mr_platform.parameters import versions
from resources.clock import Clock
from resources.lake import LakeResource
from resources.parameters import WorkbookFile
from resources.workers import Workers

KEY = "NIFTY|2025-02-13"
SET = dg.AssetKey(["parameters", "active_set"])
TABLES = [entry.table for entry in components()]
FEATURES = [dg.AssetKey(table.split("/")) for table in TABLES]
LABELS = dg.AssetKey(["labels", "regime_h12"])
CORE = dg.AssetKey(["core", "option_chain"])
CONTEXT = dg.AssetKey(["core", "daily_context"])
NOW = datetime(2026, 11, 20, 16, 0)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def stations(monkeypatch):
    """Stations that publish one row, so that only the orchestration is under test."""
    module = types.ModuleType("mr_platform.stations")

    def publish(lake, partition, *tables):
        for table in tables:
            lake.publish(table, partition, pa.table({"x": [1]}))

    module.publish_features = lambda lake, partition, **_: publish(lake, partition, *TABLES, "core/daily_context")
    module.publish_labels = lambda lake, partition, horizon: publish(lake, partition, f"labels/regime_{horizon}")
    monkeypatch.setitem(sys.modules, "mr_platform.stations", module)
    monkeypatch.setattr("mr_platform.stations", module, raising=False)
    return module


class Graph:
    """The parameters, features and labels of a home on an instance of its own."""

    def __init__(self, home, instance):
        environment = load_environment("test")
        self.instance = instance
        self.clock = home / "clock"
        self.clock.write_text(NOW.isoformat())
        self.home = home
        self.workbook = ""
        self.assets = [
            *parameter_assets(),
            *core_assets(environment),
            *feature_assets(environment),
            *label_assets(environment),
        ]

    def run(self, *keys, partition=None):
        return dg.materialize(
            self.assets,
            selection=list(keys),
            instance=self.instance,
            partition_key=partition,
            resources=self.resources(),
            raise_on_error=False,
        )

    def resources(self):
        return {
            "lake": LakeResource(root=str(self.home / "lake")),
            "clock": Clock(file=str(self.clock)),
            "workbook": WorkbookFile(file=self.workbook),
            "workers": Workers(processes=1),
        }

    def status(self, key):
        graph = dg.Definitions(assets=self.assets, resources=self.resources()).resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        causes = resolver.get_stale_causes(key, KEY)
        return resolver.get_status(key, KEY), [(cause.reason, cause.dependency.asset_key) for cause in causes]


@pytest.fixture
def graph(tmp_path, stations):
    with dg.instance_for_test() as instance:
        found = Graph(tmp_path, instance)
        instance.report_runless_asset_event(
            dg.AssetMaterialization(CORE, partition=KEY, tags={"dagster/data_version": "1"})
        )
        yield found


def test_a_changed_set_makes_features_and_labels_stale_and_says_why(graph, lake):
    assert graph.run(SET).success
    assert graph.run(CONTEXT, *FEATURES, LABELS, partition=KEY).success
    assert {graph.status(key)[0] for key in (CONTEXT, *FEATURES, LABELS)} == {StaleStatus.FRESH}
    versions.change(lake, "StabilityConfiguration.learning_rate", 0.2, who="test", when=NOW, why="try it")
    assert graph.run(SET).success
    for key in (CONTEXT, *FEATURES, LABELS):
        status, causes = graph.status(key)
        assert status == StaleStatus.STALE
        assert ("has a new dependency data version", SET) in causes
    assert graph.run(CONTEXT, *FEATURES, partition=KEY).success
    assert {graph.status(key)[0] for key in (CONTEXT, *FEATURES)} == {StaleStatus.FRESH}
    assert graph.status(LABELS)[0] == StaleStatus.STALE


def test_the_same_set_again_makes_nothing_stale(graph):
    graph.run(SET)
    assert graph.run(CONTEXT, *FEATURES, partition=KEY).success
    graph.run(SET)
    assert [graph.status(key) for key in FEATURES] == [(StaleStatus.FRESH, [])] * 8


def workbook(path, **values):
    """A workbook of one sheet whose rows are as given."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "RegimeStability"
    sheet.append(["REGIME STABILITY CONFIGURATION"])
    sheet.append(["Parameter", "Value", "Description"])
    for name, value in values.items():
        sheet.append([name, value, "as a test says"])
    book.save(path)
    return str(path)


def test_a_workbook_is_taken_up_once_and_changes_by_hand_stand_until_it_says_something_new(graph, lake, tmp_path):
    graph.workbook = workbook(tmp_path / "book.xlsx", minimum_stability_score="0.7")
    assert graph.run(SET).success
    first = versions.latest(lake)
    assert (first.number, first.source, first.why) == (1, "book.xlsx", "book.xlsx says something new")
    versions.change(lake, "RegimeStability.minimum_stability_score", 0.6, who="test", when=NOW, why="by hand")
    assert graph.run(SET).success
    assert versions.latest(lake).number == 2
    workbook(tmp_path / "book.xlsx", minimum_stability_score="0.75")
    assert graph.run(SET).success
    assert versions.latest(lake).number == 3
    assert versions.active(lake).values["RegimeStability.minimum_stability_score"] == 0.75


def test_a_workbook_with_faults_fails_the_asset_with_all_of_them_and_the_old_set_stays(graph, lake, tmp_path):
    graph.run(SET)
    before = versions.active(lake).digest
    graph.workbook = workbook(tmp_path / "book.xlsx", minimum_stability_score="high", persistence_check="perhaps")
    result = graph.run(SET)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    data = failure.step_failure_data.user_failure_data
    assert data.metadata["faults"].value == 2
    places = [record.data["where"] for record in data.metadata["every fault"].records]
    assert places == ["book.xlsx!RegimeStability!B3", "book.xlsx!RegimeStability!B4"]
    assert data.description.startswith("book.xlsx has 2 faults, the set before it stays")
    assert (versions.latest(lake), versions.active(lake).digest) == (None, before)


def test_a_file_that_is_no_workbook_fails_the_asset_by_name(graph, tmp_path):
    (tmp_path / "book.xlsx").write_text("hello")
    graph.workbook = str(tmp_path / "book.xlsx")
    result = graph.run(SET)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "book.xlsx" in failure.step_failure_data.user_failure_data.metadata["source"].value


def test_the_page_of_the_active_set_tells_version_changes_and_contradictions(graph, lake):
    versions.change(lake, "RegimeStability.minimum_stability_score", 0.6, who="ann", when=NOW, why="calmer")
    result = graph.run(SET)
    (shown,) = result.asset_materializations_for_node("parameters__active_set")
    assert shown.metadata["digest"].value == versions.active(lake).digest
    assert {name: shown.metadata[name].value for name in ("version", "who", "why", "changes")} == {
        "version": 1,
        "who": "ann",
        "why": "calmer",
        "changes": 1,
    }
    (change,) = shown.metadata["changes against the declared defaults"].records
    assert change.data["id"] == "RegimeStability.minimum_stability_score"
    assert (change.data["before"], change.data["after"]) == ("0.8", "0.6")
    assert shown.metadata["planned"].value > 0
    assert "every contradiction" in shown.metadata


def test_a_new_version_and_a_changed_file_are_taken_up_once_each(lake, tmp_path):
    file = tmp_path / "book.xlsx"
    file.write_bytes(b"1")

    def ask(cursor):
        with dg.instance_for_test() as instance:
            context = dg.build_sensor_context(
                instance,
                cursor=cursor,
                resources={
                    "lake": LakeResource(root=str(lake.root)),
                    "workbook": WorkbookFile(file=str(file)),
                },
            )
            return parameter_sensor(parameters_job())(context)

    first = ask(None)
    assert len(first.run_requests) == 1
    assert isinstance(ask(first.cursor), dg.SkipReason)
    versions.change(lake, "RegimeStability.minimum_stability_score", 0.6, who="ann", when=NOW, why="calmer")
    second = ask(first.cursor)
    assert second.cursor.startswith("version 1, workbook 1 bytes")
    file.write_bytes(b"12")
    third = ask(second.cursor)
    assert [len(one.run_requests) for one in (second, third)] == [1, 1]
    file.unlink()
    assert ask(third.cursor).cursor == "version 1, workbook absent"
