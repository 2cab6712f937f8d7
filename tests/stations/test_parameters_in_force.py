"""The active set at the stations: tables follow it, and carry the digest of what steers them and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mr_platform import stations
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.parameters import versions
from mr_platform.parameters.labels import LabelParameters
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.triple_straddle import TripleStraddleParameters
from mr_platform.stations.parameters import PARAMETER_DIGEST, active_set, in_force, stamp
from tests.features.conftest import MONDAY, core_table

if TYPE_CHECKING:
    from tests.stations.conftest import SimulatedDay

MONDAYS = Partition("NIFTY", MONDAY)
FEATURES, CONTEXT, LABELS = "features/c1_triple_straddle", "core/daily_context", "labels/regime_h12"
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path, days: list[SimulatedDay]) -> Lake:
    made = Lake(tmp_path)
    made.publish("core/option_chain", MONDAYS, core_table(MONDAY, seed=1))
    for day in days[:8]:
        day.put(made)
    return made


def change(lake: Lake, name: str, value: object) -> None:
    versions.change(lake, name, value, who="A. Person", when=NOW, why="to see what follows")


def digest_of(lake: Lake, table: str, partition: Partition) -> str:
    found = lake.describe(table, partition)
    assert found is not None
    return found.metadata[PARAMETER_DIGEST]


def test_without_a_version_the_declared_values_hold(lake: Lake) -> None:
    assert in_force(lake, TripleStraddleParameters) is defaults(TripleStraddleParameters)
    assert stamp(lake, LabelParameters) == stamp(Lake(lake.root / "elsewhere"), LabelParameters)


def test_a_new_version_is_in_force_at_once_and_an_undo_brings_the_old_one_back(lake: Lake) -> None:
    before = stamp(lake, TripleStraddleParameters)
    change(lake, "StraddleAnalysisConfig.statistics_window", 30)
    assert in_force(lake, TripleStraddleParameters).window == 30
    assert stamp(lake, TripleStraddleParameters) != before
    versions.undo(lake, who="A. Person", when=NOW, why="it was better before")
    assert in_force(lake, TripleStraddleParameters).window == 20
    assert stamp(lake, TripleStraddleParameters) == before


def test_features_follow_a_changed_weight_and_labels_stay_as_they_are(lake: Lake, days: list[SimulatedDay]) -> None:
    labelled = days[6].partition
    assert stations.publish_features(lake, MONDAYS).changed
    assert stations.publish_labels(lake, labelled, "h12").changed
    features, labels = digest_of(lake, FEATURES, MONDAYS), digest_of(lake, LABELS, labelled)
    values = stations.compute_features(lake, MONDAYS).values

    change(lake, "StraddleAnalysisConfig.vwap_scores", "0.2,0.6,1")
    again = stations.compute_features(lake, MONDAYS)
    moved = np.array(again.names)[~np.all((again.values == values) | np.isnan(values), axis=0)]
    assert {"c1_vwap_score_atm", "c1_vwap_score_blend"} <= set(moved)
    assert not [name for name in moved if name.startswith("c1_ema")]
    context = lake.describe(CONTEXT, MONDAYS)
    assert stations.publish_features(lake, MONDAYS).changed
    assert digest_of(lake, FEATURES, MONDAYS) != features
    assert lake.describe(CONTEXT, MONDAYS) != context
    assert not stations.publish_labels(lake, labelled, "h12").changed
    assert digest_of(lake, LABELS, labelled) == labels


def test_a_context_says_whether_the_session_before_was_made_by_the_same_parameters(lake: Lake) -> None:
    tuesday = Partition("NIFTY", MONDAY + timedelta(days=1))
    lake.publish("core/option_chain", tuesday, core_table(tuesday.trade_date, seed=2))
    assert stations.publish_features(lake, MONDAYS).details["continues"] == "nothing: they start afresh"
    assert stations.publish_features(lake, tuesday).details["continues"] == "2022-11-14, of the same parameters"
    change(lake, "StraddleAnalysisConfig.ema_spans", "10,50,100,200")
    assert stations.publish_features(lake, tuesday).details["continues"] == "2022-11-14, of other parameters"
    change(lake, "LabelConfig.break_ratio", 1.5)
    stations.publish_features(lake, MONDAYS)
    assert stations.publish_features(lake, tuesday).details["continues"] == "2022-11-14, of the same parameters"


def test_labels_and_regimes_follow_a_changed_cut_and_features_stay(lake: Lake, days: list[SimulatedDay]) -> None:
    partition = days[6].partition
    stations.publish_features(lake, MONDAYS)
    stations.publish_labels(lake, partition, "h12")
    stations.publish_regimes(lake, partition)
    master = digest_of(lake, "regimes/master_regime_analysis", partition)
    features = digest_of(lake, FEATURES, MONDAYS)

    change(lake, "LabelConfig.break_ratio", 1.5)
    assert stations.publish_labels(lake, partition, "h12").changed
    assert not stations.publish_features(lake, MONDAYS).changed
    assert digest_of(lake, FEATURES, MONDAYS) == features
    change(lake, "MasterIntegrationConfig.tactical_direction", 0.2)
    stations.publish_regimes(lake, partition)
    assert digest_of(lake, "regimes/master_regime_analysis", partition) != master


def test_the_set_is_read_once_a_version(lake: Lake) -> None:
    change(lake, "LabelConfig.break_ratio", 1.5)
    assert active_set(lake) is active_set(Lake(lake.root))
    assert in_force(lake, LabelParameters) is in_force(lake, LabelParameters)
    change(lake, "LabelConfig.break_ratio", 1.4)
    assert in_force(lake, LabelParameters).break_ratio == 1.4
