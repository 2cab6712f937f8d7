"""Weights through the lake: they rest on earlier days, a re-run gives the same bytes, a change can be undone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mr_platform import stations
from mr_platform.errors import MissingPartition, UsageError
from mr_platform.features.catalogue import components
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import IST, nse_calendar
from mr_platform.regimes.feedback import PerformanceFeedback
from mr_platform.stations.weights import DECISIONS, PERFORMANCE, WEIGHTS
from schemas.contracts import check_contract
from schemas.tables import ADAPTIVE_LEARNING_WEIGHTS
from schemas.weights import COMPONENT_PERFORMANCE, WEIGHT_DECISIONS

RESULTS = "regimes/component_analysis_results"
MASTER = "regimes/master_regime_analysis"
TABLES = (WEIGHTS, PERFORMANCE, RESULTS, MASTER)
START_0_7 = [0.20, 0.10, 0.15, 0.15, 0.15, 0.10, 0.15]


@dataclass(frozen=True)
class Answers:
    """The scores of the eight components along a simulated day [75, 8]."""

    scores: np.ndarray

    def put(self, lake: Lake, day, *, bars: int = 75) -> None:
        """Publish the day as far as it is known, with the table of every component."""
        day.put(lake, bars=bars)
        for entry in components():
            table = day.features.select(["symbol", "event_ts", "known_ts", "dte", "confidence", "health"])
            table = table.append_column("score", pa.array(self.scores[:, entry.number - 1]))
            lake.publish(entry.table, day.partition, table.slice(0, bars))


@pytest.fixture(scope="module")
def answers(days) -> list[Answers]:
    """Scores that differ from component to component; C4 leans on the planted regime, the others do not."""
    rng = np.random.default_rng(7)
    made = []
    for day in days:
        scores = rng.uniform(-1, 1, (75, 8))
        tense = np.array([code in ("HVC", "CBV", "PSED", "TBVE") for code in day.truth["regime"].to_pylist()])
        scores[:, 3] = np.where(tense, 0.6, 0.2) + 0.05 * rng.normal(size=75)
        made.append(Answers(scores))
    return made


def publish(lake: Lake, days: Sequence, answers: Sequence[Answers]) -> None:
    for day, told in zip(days, answers, strict=True):
        told.put(lake, day)
        stations.publish_regimes(lake, day.partition)


@pytest.fixture(scope="module")
def taught(days, answers, tmp_path_factory) -> Path:
    """The root of a lake with six published days; tests that change anything take a copy."""
    root = tmp_path_factory.mktemp("taught") / "lake"
    publish(Lake(root), days[:6], answers[:6])
    return root


@pytest.fixture
def copied(taught: Path, tmp_path: Path) -> Lake:
    shutil.copytree(taught, tmp_path / "copy")
    return Lake(tmp_path / "copy")


def cell(lake: Lake, partition: Partition, bucket: str = "0-7", context: str = "ANY") -> list[float]:
    rows = lake.read(WEIGHTS, partition).to_pylist()
    return [row["weight_value"] for row in rows if (row["dte_bucket"], row["regime_context"]) == (bucket, context)]


def digests(lake: Lake, partitions: Sequence[Partition], tables: Sequence[str] = TABLES) -> dict[str, str]:
    return {f"{table} {p}": lake.describe(table, p).digest for table in tables for p in partitions}


def test_the_first_day_has_the_start_values_and_the_later_ones_have_learned(taught: Path, days) -> None:
    lake = Lake(taught)
    partitions = [day.partition for day in days[:6]]
    assert cell(lake, partitions[0]) == START_0_7
    found = [cell(lake, p) for p in partitions]
    assert len({tuple(one) for one in found}) == 6
    # C4 alone knows anything of the regime
    assert [one[3] for one in found] == sorted(one[3] for one in found)
    assert all(abs(sum(one) - 1) < 1e-12 for one in found)
    assert cell(lake, partitions[5], "8-30") == [0.15, 0.15, 0.20, 0.15, 0.15, 0.15, 0.05]
    for p in partitions:
        assert check_contract(lake.read(WEIGHTS, p), ADAPTIVE_LEARNING_WEIGHTS) == []
        assert check_contract(lake.read(PERFORMANCE, p), COMPONENT_PERFORMANCE) == []


def test_every_weight_leads_back_to_a_start_value(taught: Path) -> None:
    rows = {row["weight_id"]: row for row in stations.weight_rows(Lake(taught), "NIFTY").to_pylist()}
    changes = [row for row in rows.values() if row["previous_weight_id"] is not None]
    assert len(rows) == len(changes) + 21
    for row in changes:
        before = rows[row["previous_weight_id"]]
        assert before["last_updated"] < row["last_updated"]
        assert before["component_id"] == row["component_id"]
        assert before["regime_context"] in ("ANY", row["regime_context"])
        assert row["reason"].startswith("learned: ")
        assert (row["performance_metric"] is None) == ("fewer than" in row["reason"])
    # in force from the open of a session on
    assert {row["last_updated"].strftime("%H:%M") for row in changes} == {"09:15"}


def test_a_re_run_gives_the_same_bytes(taught: Path, copied: Lake, days, answers) -> None:
    for table in TABLES:
        shutil.rmtree(copied.root / table)
    publish(copied, days[:6], answers[:6])
    for table in (WEIGHTS, PERFORMANCE):
        for p in copied.partitions(table, symbol="NIFTY"):
            assert copied.path(table, p).read_bytes() == Lake(taught).path(table, p).read_bytes(), (table, p)
    partitions = [day.partition for day in days[:6]]
    assert digests(copied, partitions) == digests(Lake(taught), partitions)


def test_what_is_made_of_the_same_is_not_made_again(copied: Lake, days, monkeypatch: pytest.MonkeyPatch) -> None:
    before = copied.path(WEIGHTS, days[5].partition).stat().st_mtime_ns

    def refuse(*given: object, **more: object) -> None:
        raise AssertionError("the weights of that open stand already")

    monkeypatch.setattr("mr_platform.stations.weights.next_weights", refuse)
    stations.publish_regimes(copied, days[5].partition)
    assert copied.path(WEIGHTS, days[5].partition).stat().st_mtime_ns == before


def test_a_days_weights_rest_on_the_days_before_it_alone(taught: Path, copied: Lake, days, answers) -> None:
    partitions = [day.partition for day in days[:6]]
    before = digests(Lake(taught), partitions)
    other = Answers(-answers[4].scores)
    other.put(copied, days[4])
    for p in partitions:
        stations.publish_regimes(copied, p)
    after = digests(copied, partitions)
    changed = {name for name in after if after[name] != before[name]}
    fifth, sixth = str(partitions[4]), str(partitions[5])
    assert {name.partition(" ")[2] for name in changed} == {fifth, sixth}
    assert f"{WEIGHTS} {fifth}" not in changed
    assert f"{WEIGHTS} {sixth}" in changed


def test_a_label_known_later_changes_nothing_before(copied: Lake, days, answers) -> None:
    """The planted regime of the sixth day's second half is known half an hour after each of its bars."""
    day = days[5]
    weights = copied.read(WEIGHTS, day.partition)
    before = copied.read(MASTER, day.partition)
    answers_before = copied.read(RESULTS, day.partition)
    told = day.truth["regime"].to_pylist()
    told[30:] = ["PSED" if code != "PSED" else "LVLD" for code in told[30:]]
    copied.publish("simulator/truth", day.partition, day.truth.set_column(3, "regime", pa.array(told)))
    stations.publish_regimes(copied, day.partition)
    assert copied.read(WEIGHTS, day.partition).equals(weights)
    assert copied.read(MASTER, day.partition).slice(0, 36).equals(before.slice(0, 36))
    assert copied.read(RESULTS, day.partition).slice(0, 36 * 8).equals(answers_before.slice(0, 36 * 8))
    # from the bar on at which the first of them is known, other weights are in force
    assert not copied.read(RESULTS, day.partition).slice(36 * 8).equals(answers_before.slice(36 * 8))


def test_a_session_under_way_answers_as_its_rebuild_and_has_not_turned_out(
    taught: Path, days, answers, tmp_path
) -> None:
    live = Lake(tmp_path / "live")
    publish(live, days[:5], answers[:5])
    day = days[5]
    for bars in (3, 12, 40):
        answers[5].put(live, day, bars=bars)
        stations.publish_regimes(live, day.partition, as_of=datetime(2024, 7, 8, 9, 15) + timedelta(minutes=5 * bars))
        whole = Lake(taught).read(MASTER, day.partition)
        assert live.read(MASTER, day.partition).equals(whole.slice(0, bars))
        assert live.describe(PERFORMANCE, day.partition) is None
    assert day.partition.trade_date == date(2024, 7, 8)
    answers[5].put(live, day)
    stations.publish_regimes(live, day.partition, as_of=datetime(2024, 7, 8, 15, 30))
    assert digests(live, [day.partition]) == digests(Lake(taught), [day.partition])


def test_bars_are_weighed_by_what_is_in_force_and_all_eight_are_told(taught: Path, days) -> None:
    lake = Lake(taught)
    rows = lake.read(RESULTS, days[5].partition)
    assert set(pc.value_counts(rows["component_id"]).field("counts").to_pylist()) == {75}
    assert sorted(set(rows["component_id"].to_pylist())) == list(range(1, 9))
    # no label of the session is known in its first six bars
    first = rows.slice(0, 8).to_pylist()
    assert [row["weight_factor"] for row in first[:7]] == pytest.approx(cell(lake, days[5].partition))
    assert first[7]["weight_factor"] is None
    held = lake.read(WEIGHTS, days[5].partition).to_pylist()
    contexts = {row["regime_context"] for row in held if row["dte_bucket"] == "0-7"}
    assert len(contexts) > 4
    known = days[5].truth["regime"].to_pylist()[30]
    assert known in contexts
    late = rows.slice(36 * 8, 7).to_pylist()
    assert [row["weight_factor"] for row in late] == pytest.approx(cell(lake, days[5].partition, context=known))


def test_a_change_is_undone_from_the_next_session_on_and_stays_undone(copied: Lake, days, answers) -> None:
    before, changed = (cell(copied, days[k].partition) for k in (3, 4))
    row = next(
        r
        for r in copied.read(WEIGHTS, days[4].partition).to_pylist()
        if (r["component_id"], r["dte_bucket"], r["regime_context"]) == (2, "0-7", "ANY")
    )
    decision = stations.undo_weights(copied, "NIFTY", row["weight_id"][:13], "a day of false prints", "ann")
    assert changed != before
    assert (list(decision.values), decision.cell, decision.undoes) == (before, ("0-7", "ANY"), row["weight_id"])
    assert decision.session == nse_calendar().next(days[5].partition.trade_date) == days[6].partition.trade_date
    assert check_contract(copied.read(DECISIONS, days[6].partition), WEIGHT_DECISIONS) == []
    # asked for twice it is taken once
    assert stations.undo_weights(copied, "NIFTY", row["weight_id"], "a day of false prints", "ann") == decision
    assert copied.read(DECISIONS, days[6].partition).num_rows == 7

    published = digests(copied, [day.partition for day in days[:6]])
    publish(copied, days[6:8], answers[6:8])
    assert cell(copied, days[6].partition) == before
    undone = copied.read(WEIGHTS, days[6].partition).to_pylist()[0]
    assert undone["reason"] == f"undo: {row['weight_id']} by ann: a day of false prints"
    assert undone["previous_weight_id"] == copied.read(WEIGHTS, days[5].partition).to_pylist()[0]["weight_id"]
    assert digests(copied, [day.partition for day in days[:6]]) == published
    # it learns again from the sessions since, a step at a time
    learned = cell(copied, days[7].partition)
    assert 0 < np.abs(np.array(learned) - before).max() <= 0.03
    assert "answers in 1 sessions" in copied.read(WEIGHTS, days[7].partition).to_pylist()[0]["reason"]

    partitions = [day.partition for day in days[:8]]
    kept = digests(copied, partitions)
    for table in TABLES:
        shutil.rmtree(copied.root / table)
    publish(copied, days[:8], answers[:8])
    assert digests(copied, partitions) == kept


@pytest.mark.parametrize(
    ("weight_id", "why", "said"),
    [
        ("ffffffff-0000", "no such row", "one change of the symbol's weights has that id"),
        ("", "every row begins so", "one change of the symbol's weights has that id"),
        ("start", "a start value replaced nothing", "a start value replaced nothing"),
        ("change", "  ", "an undoing has a reason"),
    ],
)
def test_what_cannot_be_undone_is_refused(copied: Lake, days, weight_id: str, why: str, said: str) -> None:
    rows = copied.read(WEIGHTS, days[5].partition).to_pylist()
    start = next(row for row in rows if row["dte_bucket"] == "31+")["weight_id"]
    known = {"start": start, "change": rows[0]["weight_id"]}
    with pytest.raises(UsageError, match=said):
        stations.undo_weights(copied, "NIFTY", known.get(weight_id, weight_id), why, "ann")
    assert copied.partitions(DECISIONS) == []


def test_a_symbol_without_regimes_has_no_weights_to_tell_of(lake: Lake) -> None:
    for ask in (stations.weights_in_force, stations.weight_rows, stations.orchestrator):
        with pytest.raises(MissingPartition, match="has component weights"):
            ask(lake, "NIFTY")


def test_feedback_of_the_orchestrator_is_kept_and_in_force_from_the_next_session(copied: Lake, days, answers) -> None:
    found = stations.orchestrator(copied, "NIFTY")
    feedback = PerformanceFeedback(
        component_id=4,
        dte_bucket="0-7",
        actual_regime="HVC",
        predicted_regime="HVC",
        accuracy_score=1.0,
        timing_accuracy_minutes=0.0,
        observed_at=datetime(2024, 7, 8, 15, 40, tzinfo=IST),
    )
    result = found.update_component_weights(feedback)
    assert result.old_weight == cell(copied, days[5].partition)[3] < result.new_weight
    assert result.in_force_from == days[6].partition.trade_date
    # another process goes on from what is decided already
    again = stations.orchestrator(copied, "NIFTY").update_component_weights(feedback)
    assert again.old_weight == result.new_weight
    publish(copied, days[6:7], answers[6:7])
    assert cell(copied, days[6].partition)[3] == again.new_weight
    rows = copied.read(WEIGHTS, days[6].partition).to_pylist()
    assert rows[3]["reason"] == "feedback: C4 answered HVC where it was HVC: accuracy 1.0000, 0 minutes late"
    assert copied.read(DECISIONS, days[6].partition).num_rows == 14


def test_the_orchestrator_answers_as_the_published_rows(taught: Path, days) -> None:
    lake = Lake(taught)
    found = stations.orchestrator(lake, "NIFTY", days[5].partition.trade_date)
    answer = found.analyze_market_regime(stations.market_data(lake, days[5].partition))
    row = lake.read(MASTER, days[5].partition).to_pylist()[-1]
    assert (answer.analysis_id, answer.rule_regime, answer.confidence) == (
        row["analysis_id"],
        row["rule_regime"],
        row["master_confidence"],
    )
    health = found.get_system_health_metrics()
    assert health.status == "healthy"
    assert health.learned_cells > 4
    mine = [
        row
        for k in range(5)
        for row in lake.read(PERFORMANCE, days[k].partition).to_pylist()
        if (row["component_id"], row["regime_context"]) == (4, "ANY")
    ]
    right = sum(row["observations"] * row["accuracy"] for row in mine)
    assert health.components["c4"].accuracy_7d == pytest.approx(right / sum(row["observations"] for row in mine))
