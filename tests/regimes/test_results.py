"""The result tables: who answers, with which reason, under which id; the same bytes for the same input."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import UsageError
from mr_platform.lake.layout import Partition
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.inputs import (
    ComponentScores,
    ModelAnswer,
    instants,
    scores_from_features,
    with_rule_probabilities,
)
from mr_platform.regimes.results import analyse
from mr_platform.regimes.rules import classify
from mr_platform.regimes.state import MarketState
from schemas.tables import COMPONENT_ANALYSIS_RESULTS, IST_TIMESTAMP, MASTER_REGIME_ANALYSIS, REGIMES

PARAMETERS = defaults(RegimeParameters)
NAN = np.nan
START = np.datetime64("2022-11-14T03:45", "us")  # 09:15 IST
FIVE = np.timedelta64(5, "m")


def scores(component: int, values: list[float], *, first: int = 0, dte: int = 3) -> ComponentScores:
    n = len(values)
    event_ts = START + (first + np.arange(n)) * FIVE
    known = np.isfinite(values)
    return ComponentScores(
        component=component,
        event_ts=event_ts,
        known_ts=event_ts + FIVE,
        dte=np.full(n, dte),
        score=np.array(values, dtype=float),
        confidence=np.where(known, 0.6, 0.0),
        health=["healthy" if k else "unavailable" for k in known],
    )


def model(*leaders: tuple[str, float], unfit: tuple[str, ...] = ()) -> ModelAnswer:
    p = np.array([[top if code == leader else (1 - top) / 7 for code in REGIMES] for leader, top in leaders])
    return ModelAnswer("regime_nowcast-1", START + np.arange(len(leaders)) * FIVE, p, unfit)


def test_with_one_component_and_no_model_the_rules_stand_beside_no_signal():
    found = analyse("NIFTY", [scores(1, [0.0, -0.5, NAN])], PARAMETERS)
    master = found.master.to_pylist()
    assert [row["source"] for row in master] == ["no-signal"] * 3
    assert [row["master_regime"] for row in master] == [None] * 3
    assert [row["tactical_regime"] for row in master] == [None] * 3
    assert [row["rule_regime"] for row in master] == ["LVLD", "TBVS", None]
    assert master[0]["reason"].startswith("rule confidence 0.2")
    assert "below the gate 0.70; no model" in master[0]["reason"]
    assert master[2]["reason"] == "no component has a score"
    assert master[2]["master_confidence"] is None
    assert master[2]["p_lvld"] is None
    assert sum(master[0][f"p_{code.lower()}"] for code in REGIMES) == pytest.approx(1.0)


def test_the_rules_answer_where_they_are_confident_and_there_is_no_model():
    open_gate = replace(PARAMETERS, signal=replace(PARAMETERS.signal, gate=0.15))
    (row,) = analyse("NIFTY", [scores(1, [0.0])], open_gate).master.to_pylist()
    assert (row["source"], row["master_regime"], row["reason"], row["model_version"]) == (
        "rules",
        "LVLD",
        "no model",
        "",
    )
    assert row["tactical_regime"] == "LVLD/Conservative"


def test_the_models_answer_the_gate_and_what_makes_it_unfit():
    answer = model(("HVC", 0.8), ("HVC", 0.69), ("HVC", 0.9), unfit=("", "", "inputs unlike the training data"))
    master = analyse("NIFTY", [scores(1, [0.0] * 4)], PARAMETERS, model=answer).master.to_pylist()
    assert [row["source"] for row in master] == ["model", "no-signal", "no-signal", "no-signal"]
    assert [row["master_regime"] for row in master] == ["HVC", None, None, None]
    assert [row["reason"] for row in master] == [
        None,
        "model confidence 0.69 below the gate 0.70",
        "inputs unlike the training data",
        "the model has no prediction here",
    ]
    assert [row["rule_regime"] for row in master] == ["LVLD"] * 4
    assert [row["master_confidence"] for row in master[:3]] == pytest.approx([0.8, 0.69, 0.9])
    assert {row["model_version"] for row in master} == {"regime_nowcast-1"}


def test_tables_keep_their_contract_and_order():
    found = analyse("NIFTY", [scores(2, [0.1, 0.2, 0.3], first=1), scores(1, [0.0, -0.5])], PARAMETERS)
    assert found.master.schema.equals(MASTER_REGIME_ANALYSIS.arrow())
    assert found.components.schema.equals(COMPONENT_ANALYSIS_RESULTS.arrow())
    keys = [(row["event_ts"].strftime("%H:%M"), row["component_id"]) for row in found.components.to_pylist()]
    assert keys == [("09:15", 1), ("09:20", 1), ("09:20", 2), ("09:25", 2), ("09:30", 2)]
    assert [row["event_ts"].strftime("%H:%M") for row in found.master.to_pylist()] == [
        "09:15",
        "09:20",
        "09:25",
        "09:30",
    ]
    assert [row["known_ts"].strftime("%H:%M") for row in found.master.to_pylist()] == [
        "09:20",
        "09:25",
        "09:30",
        "09:35",
    ]


def test_weights_are_shared_among_the_components_that_have_a_score():
    found = analyse("NIFTY", [scores(1, [0.0, 0.1]), scores(2, [0.5, NAN])], PARAMETERS)
    weights = {(r["event_ts"].minute, r["component_id"]): r["weight_factor"] for r in found.components.to_pylist()}
    assert weights == pytest.approx({(15, 1): 2 / 3, (15, 2): 1 / 3, (20, 1): 1.0, (20, 2): None})
    assert found.master["component_agreement"].to_pylist() == [pytest.approx(0.75), None]
    np.testing.assert_allclose(found.direction, [0.5 / 3, 0.1])


def test_each_component_names_the_regime_its_own_score_fits():
    found = analyse("NIFTY", [scores(1, [0.0]), scores(2, [0.6])], PARAMETERS)
    assert found.components["regime_prediction"].to_pylist() == ["LVLD", "VCPE"]


def test_ids_are_uuids_that_depend_on_symbol_moment_and_component_alone():
    one = analyse("NIFTY", [scores(1, [0.0, 0.1]), scores(2, [0.0, 0.1])], PARAMETERS)
    again = analyse("NIFTY", [scores(2, [0.9, -0.1]), scores(1, [0.5, 0.1])], PARAMETERS)
    assert one.components["analysis_id"].equals(again.components["analysis_id"])
    assert one.master["analysis_id"].equals(again.master["analysis_id"])
    other = analyse("BANKNIFTY", [scores(1, [0.0, 0.1])], PARAMETERS)
    ids = [
        i for t in (one.components, one.master, other.components, other.master) for i in t["analysis_id"].to_pylist()
    ]
    assert len(set(ids)) == len(ids) == 10
    assert {UUID(i).version for i in ids} == {5}


def test_the_same_input_publishes_the_same_content_and_measured_time_only_where_handed_in(lake):
    first = analyse("NIFTY", [scores(1, [0.0, 0.1])], PARAMETERS)
    second = analyse("NIFTY", [scores(1, [0.0, 0.1])], PARAMETERS)
    partition = Partition("NIFTY", datetime(2022, 11, 14).date())
    for name, a, b in (("components", first.components, second.components), ("master", first.master, second.master)):
        assert lake.publish(f"regimes/{name}", partition, a).changed
        assert not lake.publish(f"regimes/{name}", partition, b).changed
    assert first.components["processing_time_ms"].null_count == 2
    live = analyse("NIFTY", [scores(1, [0.0]), scores(2, [0.1])], PARAMETERS, processing_time_ms={1: 0.4, 2: 0.5})
    assert live.components["processing_time_ms"].to_pylist() == [0.4, 0.5]
    assert live.master["processing_time_total_ms"].to_pylist() == [pytest.approx(0.9)]


def test_rows_up_to_a_moment_do_not_change_with_what_comes_after():
    rng = np.random.default_rng(9)
    a, b = rng.uniform(-1, 1, (2, 40))
    open_gate = replace(PARAMETERS, signal=replace(PARAMETERS.signal, gate=0.15))
    full = analyse("NIFTY", [scores(1, list(a)), scores(3, list(b))], open_gate)
    part = analyse("NIFTY", [scores(1, list(a[:25])), scores(3, list(b[:25]))], open_gate)
    assert full.master.slice(0, 25).equals(part.master)
    assert full.components.slice(0, 50).equals(part.components)
    assert part.master["tactical_regime"].null_count < 25


def test_the_market_feeds_the_workbooks_and_the_tactical_regimes():
    market = MarketState(
        event_ts=START + np.arange(2) * FIVE,
        slope=np.array([0.02, NAN]),
        volatility=np.array([0.3, 0.3]),
        percentile=np.array([0.9, NAN]),
    )
    answer = model(("HVC", 0.8), ("HVC", 0.8))
    master = analyse("NIFTY", [scores(1, [0.1, 0.1])], PARAMETERS, model=answer, market=market).master
    assert master["workbook_regime"].to_pylist() == ["Strong_Bullish_High_Vol", None]
    assert master["tactical_regime"].to_pylist() == ["HVC/Defensive", "HVC/Neutral"]


def test_the_turn_within_the_hour_is_read_from_the_row_twelve_bars_before():
    answer = model(*[("TBVS", 0.8)] * 14)
    found = analyse("NIFTY", [scores(1, [-0.2] * 6 + [0.2] * 8)], PARAMETERS, model=answer)
    assert found.master["tactical_regime"].to_pylist() == [
        *["TBVS/TBVS_Continuation"] * 12,
        *["TBVS/TBVS_Reversal"] * 2,
    ]


def feature_table() -> pa.Table:
    ist = timezone(timedelta(hours=5, minutes=30))
    start = datetime(2022, 11, 14, 9, 15, tzinfo=ist)
    stamps = [start + timedelta(minutes=5 * k) for k in (1, 0)]
    return pa.table(
        {
            "event_ts": pa.array(stamps, IST_TIMESTAMP),
            "known_ts": pa.array([s + timedelta(minutes=5) for s in stamps], IST_TIMESTAMP),
            "dte": pa.array([3, None], pa.int32()),
            "score": [-0.5, NAN],
            "confidence": [0.5, 0.0],
            "health": ["healthy", "unavailable"],
        }
    )


def test_scores_are_read_from_a_feature_table_in_order_of_time():
    found = scores_from_features(feature_table(), 1)
    assert found.event_ts.tolist() == [datetime(2022, 11, 14, 3, 45), datetime(2022, 11, 14, 3, 50)]
    assert found.dte.tolist() == [-1, 3]
    np.testing.assert_array_equal(found.score, [NAN, -0.5])
    rows = analyse("NIFTY", [found], PARAMETERS).master.to_pylist()
    assert [row["rule_regime"] for row in rows] == [None, "TBVS"]


def test_rule_probabilities_stand_beside_the_features_as_a_baseline():
    # C8 is the seven together and adds nothing to what they say
    said = {1: np.array([-0.5, NAN]), 3: np.array([0.2, NAN]), 8: np.array([0.9, 0.9])}
    table = with_rule_probabilities(feature_table(), said, PARAMETERS)
    assert table.column_names[-8:] == [f"rule_p_{code.lower()}" for code in REGIMES]
    expected = classify(
        {1: np.array([-0.5]), 3: np.array([0.2])}, np.array(PARAMETERS.weights.by_dte["0-7"]), PARAMETERS.rules
    )
    assert [table[name][0].as_py() for name in table.column_names[-8:]] == expected.probabilities[0].tolist()
    assert table["rule_p_lvld"].to_pylist()[1] is None


def test_wrong_inputs_are_refused_by_name():
    good = scores(1, [0.0, 0.1])
    with pytest.raises(UsageError, match="outside"):
        replace(good, score=np.array([0.0, 1.1]))
    with pytest.raises(UsageError, match="poorly"):
        replace(good, health=["poorly", "healthy"])
    with pytest.raises(UsageError, match="unordered': True"):
        replace(good, event_ts=good.event_ts[::-1])
    with pytest.raises(UsageError, match="once"):
        analyse("NIFTY", [good, good], PARAMETERS)
    with pytest.raises(UsageError, match="publish features"):
        analyse("NIFTY", [], PARAMETERS)
    with pytest.raises(UsageError, match="8 regimes"):
        ModelAnswer("m", good.event_ts, np.zeros((2, 3)))


def test_instants_are_utc():
    column = feature_table()["event_ts"]
    assert instants(column)[1] == START


def test_the_eighth_component_answers_for_the_seven_and_has_no_weight_beside_theirs():
    values = {c: [0.1 * c, -0.1 * c] for c in range(1, 8)}
    seven = [scores(c, row) for c, row in values.items()]
    start = np.array(PARAMETERS.weights.by_dte["0-7"])
    rule = classify({c: np.array(row) for c, row in values.items()}, start, PARAMETERS.rules)
    found = analyse("NIFTY", [*seven, scores(8, [0.4, -0.3])], PARAMETERS)
    rows = [row for row in found.components.to_pylist() if row["component_id"] == 8]
    assert [row["regime_prediction"] for row in rows] == [REGIMES[at] for at in rule.regime]
    assert [row["score"] for row in rows] == [0.4, -0.3]
    assert [row["weight_factor"] for row in rows] == [None, None]
    # the seven share the whole weight, with or without C8 beside them
    alone = analyse("NIFTY", seven, PARAMETERS)
    assert found.master.equals(alone.master)
    assert found.components.num_rows == 16
    shares = [row["weight_factor"] for row in found.components.to_pylist()[:7]]
    assert shares == pytest.approx([0.20, 0.10, 0.15, 0.15, 0.15, 0.10, 0.15])


def test_the_eighth_component_alone_is_no_evidence():
    with pytest.raises(UsageError, match="at least one of C1"):
        analyse("NIFTY", [scores(8, [0.4])], PARAMETERS)
