"""What Dagster is told: metadata of every symbol-day, refusals, the moment of an intraday run, failing checks."""

import sys
import types
from dataclasses import dataclass, field
from datetime import date, datetime

import dagster as dg
import pyarrow as pa
import pytest

from assets.core import core_assets
from assets.features import feature_assets
from mr_platform.environments import load_environment
from mr_platform.errors import DataError
from mr_platform.features.catalogue import components
from mr_platform.lake.layout import Partition
from resources.lake import LakeResource
from resources.workers import Workers

RANGE = {
    "dagster/asset_partition_range_start": "NIFTY|2025-02-13",
    "dagster/asset_partition_range_end": "BANKNIFTY|2025-02-14",
}
FOUR = ["BANKNIFTY|2025-02-13", "BANKNIFTY|2025-02-14", "NIFTY|2025-02-13", "NIFTY|2025-02-14"]


@dataclass(frozen=True)
class Report:
    table: str
    partition: Partition
    rows: int
    digest: str
    changed: bool = True
    details: dict = field(default_factory=lambda: {"coverage": 0.5})
    seconds: float = 0.25


@pytest.fixture
def stations(monkeypatch):
    """Stations that publish four rows each, so that only the orchestration is under test."""
    module = types.ModuleType("mr_platform.stations")
    module.calls = []
    module.refuse = set()
    module.lost = 0
    module.verdict = "ok"

    def publish(lake, table, partition, rows, **columns):
        done = lake.publish(table, partition, pa.table({"raw_rows": pa.array([1] * rows, pa.int64()), **columns}))
        return Report(table, partition, done.rows, done.digest)

    def publish_core(lake, partition, *, as_of=None):
        module.calls.append((str(partition), as_of))
        if str(partition) in module.refuse:
            raise DataError(rule="the feed is whole", value=0, place=str(partition), remedy="ask the vendor")
        publish(lake, "core/quarantine", partition, 2)
        total = pa.array([6 + module.lost], pa.int64())
        verdict = {"status": [module.verdict], "reason": ["coverage is below a half"], "score": [10.0]}
        lake.publish("core/quality_report", partition, pa.table({"raw_rows": total, **verdict}))
        return publish(lake, "core/option_chain", partition, 4)

    def publish_features(lake, partition, *, as_of=None, engine="auto"):
        module.calls.append((f"features of {partition}", as_of))
        for entry in components():
            report = publish(lake, entry.table, partition, 3)
        publish(lake, "core/daily_context", partition, 1)
        return report

    module.publish_core, module.publish_features = publish_core, publish_features
    module.quality_picture = lambda lake, partition: b"\x89PNG"
    monkeypatch.setitem(sys.modules, "mr_platform.stations", module)
    monkeypatch.setattr("mr_platform.stations", module, raising=False)
    monkeypatch.setattr("assets.checks.contract_breach", lambda lake, partition: "")
    return module


@pytest.fixture
def run(tmp_path, stations):
    """Materialises core and features of a rectangle of symbol-days in this process."""
    environment = load_environment("test")
    everything = [*core_assets(environment), *feature_assets(environment)]
    with dg.instance_for_test() as instance:

        def start(*keys, tags=RANGE, partition_key=None):
            return dg.materialize(
                everything,
                selection=[dg.AssetKey(key.split("/")) for key in keys],
                instance=instance,
                partition_key=partition_key,
                tags=tags,
                resources={"lake": LakeResource(root=str(tmp_path)), "workers": Workers(processes=1)},
                raise_on_error=False,
            )

        yield start


CORE_STEP = ("core/option_chain", "core/quarantine", "core/quality_report")
FEATURES_STEP = (*(entry.table for entry in components()), "core/daily_context")


def features_of(stations):
    """Symbol-days whose features were asked for, in that order."""
    return [call[0].removeprefix("features of ") for call in stations.calls if call[0].startswith("features of ")]


def test_a_rectangle_of_keys_gives_one_materialisation_a_symbol_day(run):
    result = run(*CORE_STEP)
    found = result.asset_materializations_for_node("core_option_chain")
    assert sorted(m.partition for m in found if m.asset_key.path[-1] == "option_chain") == FOUR
    assert len(found) == 12


def test_each_symbol_day_shows_its_own_rows_digest_and_picture(run, tmp_path):
    result = run(*CORE_STEP)
    chain = {
        m.partition: m.metadata
        for m in result.asset_materializations_for_node("core_option_chain")
        if m.asset_key.path[-1] == "option_chain"
    }
    shown = chain["NIFTY|2025-02-14"]
    assert shown["dagster/row_count"].value == 4
    assert len(shown["digest"].value) >= 16
    assert shown["seconds"].value == 0.25
    assert shown["found/coverage"].value == 0.5
    assert shown["quality"].value == "![quality of NIFTY|2025-02-14](data:image/png;base64,iVBORw==)"
    assert shown["path"].value == "core/option_chain/symbol=NIFTY/trade_date=2025-02-14.parquet"


def test_whole_days_have_no_moment_and_intraday_runs_pass_theirs_to_every_station(run, stations):
    run(*CORE_STEP, tags={}, partition_key="NIFTY|2025-02-14")
    run(*CORE_STEP, *FEATURES_STEP, tags=RANGE | {"mr/as_of": "2025-02-14T10:05:00"})
    moment = datetime(2025, 2, 14, 10, 5)
    assert stations.calls[0] == ("NIFTY|2025-02-14", None)
    assert {call[1] for call in stations.calls[1:]} == {moment}
    assert sorted(features_of(stations)) == FOUR


def test_an_intraday_run_draws_no_pictures(run):
    result = run(*CORE_STEP, tags=RANGE | {"mr/as_of": "2025-02-14T10:05:00"})
    shown = result.asset_materializations_for_node("core_option_chain")
    assert [m for m in shown if "quality" in m.metadata] == []


def test_a_refused_symbol_day_fails_the_step_but_the_others_are_recorded(run, stations):
    stations.refuse = {"NIFTY|2025-02-13"}
    result = run(*CORE_STEP, *FEATURES_STEP)
    assert not result.success
    recorded = result.asset_materializations_for_node("core_option_chain")
    assert sorted(m.partition for m in recorded if m.asset_key.path[-1] == "option_chain") == [
        key for key in FOUR if key != "NIFTY|2025-02-13"
    ]
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    data = failure.step_failure_data.user_failure_data
    assert data.description.startswith("1 symbol-days refused, 3 finished; NIFTY|2025-02-13: the feed is whole")
    assert "ask the vendor" in data.metadata["refused"].value
    # nothing downstream starts on a broken step
    assert features_of(stations) == []


def test_lost_rows_fail_the_accounting_and_block_what_comes_after(run, stations):
    stations.lost = 1
    result = run(*CORE_STEP, *FEATURES_STEP)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["raw_is_core_plus_quarantine"].passed
    assert checks["raw_is_core_plus_quarantine"].metadata["raw"].value == 28
    assert checks["raw_is_core_plus_quarantine"].metadata["core"].value == 16
    assert checks["raw_is_core_plus_quarantine"].metadata["quarantined"].value == 8
    assert checks["contract"].passed
    assert not result.success
    assert features_of(stations) == []


def test_the_checks_run_inside_the_core_step(run):
    result = run(*CORE_STEP)
    assert {event.step_key for event in result.all_events if event.is_step_event} == {"core_option_chain"}
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True, True, True]


def test_a_day_that_failed_its_quality_rules_is_shown_and_holds_nothing_up(run, stations):
    stations.verdict = "failed"
    result = run(*CORE_STEP, *FEATURES_STEP)
    verdict = {check.check_name: check for check in result.get_asset_check_evaluations()}["quality_verdict"]
    assert not verdict.passed
    assert verdict.metadata["failed"].value == dict.fromkeys(FOUR, "coverage is below a half")
    assert sorted(features_of(stations)) == FOUR


def test_one_step_tells_of_the_eight_tables_and_the_context_and_takes_each_symbols_days_in_order(run, stations):
    result = run(*CORE_STEP, *FEATURES_STEP)
    found = result.asset_materializations_for_node("features")
    for table in FEATURES_STEP:
        assert sorted(m.partition for m in found if m.asset_key.to_user_string() == table) == FOUR
    assert len(found) == 9 * 4
    for symbol in ("NIFTY", "BANKNIFTY"):
        taken = [key for key in features_of(stations) if key.startswith(f"{symbol}|")]
        assert taken == [f"{symbol}|2025-02-13", f"{symbol}|2025-02-14"]


def test_a_weekend_partition_is_refused_by_the_calendar(run):
    result = run(*CORE_STEP, tags={}, partition_key="NIFTY|2025-02-14")
    assert result.success
    with pytest.raises(dg.DagsterUnknownPartitionError) as caught:
        run(*CORE_STEP, tags={}, partition_key="NIFTY|2025-02-15")
    assert "2025-02-15" in str(caught.value)


def test_partition_objects_carry_dates(run, stations):
    run(*CORE_STEP, tags={}, partition_key="NIFTY|2025-02-14")
    assert Partition.parse(stations.calls[0][0]) == Partition("NIFTY", date(2025, 2, 14))
