"""From planted regimes to a champion that answers live what it answers afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from mr_platform import stations
from mr_platform.lake.store import Lake
from mr_platform.learning.registry import Registry
from mr_platform.market.sessions import IST
from mr_platform.parameters.learning import PromotionParameters
from mr_platform.stations import models
from mr_platform.stations.regimes import planted_labels

NOWCAST = "labels/regime_nowcast"
MASTER = "regimes/master_regime_analysis"


def test_the_nowcast_of_a_simulated_day_is_labelled_with_the_planted_regime(lake: Lake, days) -> None:
    day = days[0]
    day.put(lake)
    stations.publish_labels(lake, day.partition, "nowcast")
    planted = lake.read(NOWCAST, day.partition)
    # half an hour before the close there is no window on both sides of t, planted or not
    assert planted.num_rows == 69
    assert planted["label"].to_pylist() == day.truth["regime"].to_pylist()[:69]
    begin, known = planted["event_ts"].to_pylist(), planted["known_ts"].to_pylist()
    assert {after - at for at, after in zip(begin, known, strict=True)} == {timedelta(minutes=35)}
    assert {v.partition(".")[2].rpartition(".")[2] for v in planted["label_schema_version"].to_pylist()} == {"planted"}


def test_other_horizons_and_real_days_keep_the_measured_label(lake: Lake, days, tmp_path: Path) -> None:
    real = Lake(tmp_path / "real")
    day = days[0]
    day.put(lake)
    day.put(real)
    real.path("simulator/truth", day.partition).unlink()
    measured = {}
    for horizon in ("h12", "nowcast"):
        for at in (lake, real):
            stations.publish_labels(at, day.partition, horizon)
        measured[horizon] = real.read(f"labels/regime_{horizon}", day.partition)
    assert lake.read("labels/regime_h12", day.partition).equals(measured["h12"])
    # one session is too few for cuts, so nothing measured has a label
    assert measured["nowcast"]["label"].null_count == 69
    planted = lake.read(NOWCAST, day.partition)
    for name in ("sigma_p", "sigma_f", "er_f", "known_ts", "direction_label"):
        assert planted[name].equals(measured["nowcast"][name])
    assert not measured["nowcast"]["label_schema_version"][0].as_py().endswith("planted")


def test_a_session_under_way_has_the_labels_known_by_then(lake: Lake, days) -> None:
    day = days[0]
    day.put(lake, bars=20)
    stations.publish_labels(lake, day.partition, "nowcast")
    labels = lake.read(NOWCAST, day.partition)
    assert labels["label"].to_pylist() == day.truth["regime"].to_pylist()[:14]
    assert max(labels["known_ts"].to_pylist()) == day.features["known_ts"][19].as_py()


def test_bars_without_a_planted_regime_have_no_label(days) -> None:
    truth = days[0].truth
    labels = pa.table(
        {
            "event_ts": truth["event_ts"].slice(0, 3),
            "label": pa.array(["CBV", "CBV", None], pa.string()),
            "label_schema_version": ["1.abc"] * 3,
        }
    )
    found = planted_labels(labels, truth.slice(1))
    assert found["label"].to_pylist() == [None, *truth["regime"].to_pylist()[1:3]]
    assert found["label_schema_version"].to_pylist() == ["1.abc.planted"] * 3


@pytest.fixture(scope="module")
def trained(days, tmp_path_factory) -> tuple[Path, stations.StationReport]:
    """A lake with sixteen sessions and a model of the nowcast trained on them; the last session is not in it."""
    root = tmp_path_factory.mktemp("trained") / "lake"
    lake = Lake(root)
    for day in days[:16]:
        day.put(lake)
        stations.publish_labels(lake, day.partition, "nowcast")
    return root, stations.train_model(lake, "regime_nowcast", ["NIFTY"], until=days[15].partition.trade_date)


def test_a_model_that_surely_beats_every_baseline_becomes_champion(trained) -> None:
    root, report = trained
    assert report.details["stage"] == "champion"
    assert report.details["skill_interval"][0] > 0
    version = report.details["version"]
    assert Registry(Lake(root)).load("regime_nowcast").digest().startswith(version.rpartition("-")[2])


def test_an_answer_under_way_is_the_answer_of_the_whole_day(trained, days, tmp_path: Path) -> None:
    root, report = trained
    day = days[16]
    whole, live = Lake(root), Lake(tmp_path / "live")
    day.put(whole)
    stations.publish_regimes(whole, day.partition)
    expected = whole.read(MASTER, day.partition)
    assert set(expected["model_version"].to_pylist()) == {report.details["version"]}
    for name in whole.objects("models"):
        live.put_object(name, whole.get_object(name))
    for earlier in days[:16]:
        earlier.put(live)
    for bars in (3, 7, 40):
        # nobody has published labels of the session under way
        day.put(live, bars=bars)
        stations.publish_regimes(live, day.partition)
        assert live.read(MASTER, day.partition).equals(expected.slice(0, bars))
    assert live.describe(NOWCAST, day.partition) is None


def test_the_champion_reads_the_planted_regime_only_half_an_hour_later(trained, days, tmp_path: Path) -> None:
    root, _ = trained
    day = days[16]
    lake = Lake(root)
    day.put(lake)
    stations.publish_regimes(lake, day.partition)
    before = lake.read(MASTER, day.partition)
    other = day.truth["regime"].to_pylist()
    other[30:] = ["PSED" if code != "PSED" else "LVLD" for code in other[30:]]
    replace(day, truth=day.truth.set_column(3, "regime", pa.array(other))).put(lake)
    stations.publish_regimes(lake, day.partition)
    after = lake.read(MASTER, day.partition)
    assert after.slice(0, 36).equals(before.slice(0, 36))
    assert not after.slice(36).equals(before.slice(36))


@pytest.mark.parametrize(
    ("interval", "verdict", "stage"),
    [
        ((0.01, 0.2), "accepted", "champion"),
        ((0.0, 0.2), "accepted", "candidate"),
        ((-0.01, 0.2), "accepted", "candidate"),
        ((float("nan"), float("nan")), "accepted", "candidate"),
        ((0.01, 0.2), "suspected-leak", "candidate"),
    ],
)
def test_the_lower_bound_of_the_skill_decides(interval, verdict: str, stage: str) -> None:
    promoted: list[str] = []

    class Book:
        def promote(self, task: str, version: str, to: str, *, reason: str, now: datetime, by: str) -> None:
            promoted.append(f"{version} {to}: {reason}")

    target = SimpleNamespace(skill=0.1, skill_interval=interval, best_baseline="persistence")
    made = SimpleNamespace(
        model=SimpleNamespace(task="regime_nowcast"),
        evaluation=SimpleNamespace(verdict=verdict, targets={"regime": target}),
    )
    now = datetime(2024, 9, 24, 15, 30, tzinfo=IST)
    assert models._promote(Book(), made, "v1", now, PromotionParameters(least_skill=0.0)) == stage
    reason = "v1 champion: skill +0.100 [+0.010, +0.200] over persistence out of sample"
    assert promoted == ([reason] if stage == "champion" else [])


def test_sets_of_components_are_compared_on_the_same_sessions_and_nothing_is_registered(trained, days) -> None:
    root, report = trained
    lake = Lake(root)
    before = lake.objects("models")
    (row,) = stations.compare_components(
        lake, "regime_nowcast", ["NIFTY"], until=days[15].partition.trade_date, sets=[("c1",)]
    )
    assert lake.objects("models") == before
    # the same training on the same rows: the same figures as the registered model's
    assert row["accuracy"] == report.details["accuracy"]
    assert row["skill_interval"] == report.details["skill_interval"]
    assert row["components"] == "c1"
    assert row["inputs_given"] == 4
    # the labels are the planted regimes, which the rule over half an hour on each side seldom names
    assert row["truth"]["labels"]["accuracy"] == 1.0
    assert row["measured"]["rows"] > 0
    assert row["measured"]["labels"]["accuracy"] < 0.5
    assert set(row["importance"]["components"]) >= {"c1", "last"}


def test_a_set_without_a_component_leaves_its_features_out() -> None:
    names = ("dte", "c1_ema_deviation_atm_20", "c2_first_order_delta_ce", "rule_p_cbv")
    table = pa.table({name: [1.0] for name in names})
    tables = models.TrainingTables(table, table, None, None)
    assert tables.of(("c1",)).features.column_names == ["dte", "c1_ema_deviation_atm_20", "rule_p_cbv"]


def test_an_answer_reads_the_columns_of_its_model_and_no_others(lake: Lake, days) -> None:
    day = days[0]
    assert models.selected(lake, day.partition, ("c1_ema_first",)) is None
    day.put(lake)
    other = day.features.select(["symbol", "event_ts", "known_ts", "dte", "score"])
    other = other.append_column("c4_skew_first", day.features["c1_ema_first"])
    lake.publish("features/c4_iv_skew", day.partition, other)
    found = models.selected(lake, day.partition, ("c4_skew_first", "c1_pivot_third", "minute_of_day", "dte"))
    assert found is not None
    assert found.column_names == ["symbol", "event_ts", "known_ts", "dte", "c1_pivot_third", "c4_skew_first"]
    assert found["c4_skew_first"].to_pylist() == day.features["c1_ema_first"].to_pylist()
