"""The whole way: planted signal learned, leak caught, control at chance, same bytes, tampering seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import ConflictError, CorruptPartition, DataError, MissingPartition, UsageError
from mr_platform.lake.store import Lake
from mr_platform.learning import report
from mr_platform.learning.registry import Registry
from mr_platform.learning.training import Trained, train_and_evaluate
from mr_platform.parameters.learning import LearningParameters, TreesCandidate
from mr_platform.parameters.objects import defaults
from schemas.tables import ML_MODEL_METADATA, REGIMES

BASE = defaults(LearningParameters)
QUICK = replace(
    BASE,
    splits=replace(BASE.splits, folds=2, choice_stride=5),
    candidates=tuple(
        replace(c, iterations=12, learning_rate=0.3, column_share=1.0) if isinstance(c, TreesCandidate) else c
        for c in BASE.candidates
    ),
    evaluation=replace(BASE.evaluation, resamples=200),
)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def trained(market) -> Callable[..., Trained]:
    kept: dict[str, Trained] = {}

    def make(kind: str) -> Trained:
        if kind not in kept:
            made = {
                "signal": lambda: market(sessions=24, symbols=("NIFTY",), signal=0.5, stay=0.6),
                "leak": lambda: market(sessions=16, symbols=("NIFTY",), leak=True, stay=0.6),
                "noise": lambda: market(sessions=24, symbols=("NIFTY",), stay=0.6),
            }[kind]()
            kept[kind] = train_and_evaluate(
                made.features, made.labels, task="regime_h12", now=NOW, parameters=QUICK, truth=made.truth
            )
        return kept[kind]

    return make


def test_a_planted_signal_is_learned(trained) -> None:
    regime = trained("signal").evaluation.targets["regime"]
    assert regime.skill_interval[0] > 0
    assert regime.model.log_loss < min(b.log_loss for b in regime.baselines)
    assert regime.model.calibration_error < 0.08
    assert trained("signal").evaluation.verdict == "accepted"
    assert next(iter(trained("signal").evaluation.importance["groups"])) == "c1_ema"


def test_noise_is_not_learned(trained) -> None:
    regime = trained("noise").evaluation.targets["regime"]
    assert abs(regime.model.mcc) < 0.1
    assert regime.skill_interval[0] <= 0
    assert trained("noise").evaluation.verdict == "accepted"
    assert regime.model.log_loss < np.log(8) + 0.05


def test_a_planted_leak_sounds_the_alarm(trained) -> None:
    evaluation = trained("leak").evaluation
    assert evaluation.verdict == "suspected-leak"
    assert {a.name for a in evaluation.alarms if a.fails} == {"suspected-leak"}
    assert any("the input c1_ema_leak alone scores accuracy 1.000" in a.message for a in evaluation.alarms)
    assert replace(evaluation, signed_off_by="A. Person").verdict == "accepted"


@pytest.mark.parametrize("kind", ["signal", "leak", "noise"])
def test_the_shuffled_control_scores_at_chance(trained, kind: str) -> None:
    evaluation = trained(kind).evaluation
    assert "control-above-chance" not in {alarm.name for alarm in evaluation.alarms}
    assert evaluation.targets["regime"].control.accuracy < 0.25
    assert evaluation.targets["regime"].control.log_loss > np.log(8) - 0.1


def test_every_baseline_stands_beside_the_model(trained) -> None:
    text = report.as_text(trained("signal").evaluation)
    for name in ("model", "majority", "climatology", "persistence", "markov", "hmm", "har_rv", "shuffled"):
        assert f"  {name} " in text
    assert "note: no rule_p_* columns" in text
    document = json.loads(report.as_json(trained("signal").evaluation))
    assert [b["name"] for b in document["targets"]["volatility"]["baselines"]] == [
        "majority", "climatology", "persistence", "markov", "hmm", "har_rv",
    ]  # fmt: skip
    assert document["targets"]["regime"]["model"]["ranked_probability"] is None
    assert {part["part"] for part in document["targets"]["regime"]["per_dte"]} == {"0-7", "8-30"}
    assert len(document["targets"]["regime"]["per_class"]) == 8


def test_the_picture_is_a_png_of_some_substance(trained) -> None:
    picture = report.as_png(trained("signal").evaluation)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 10_000
    assert picture == report.as_png(trained("signal").evaluation)


def test_accuracy_against_the_planted_truth_is_reported(trained) -> None:
    truth = trained("signal").evaluation.truth
    assert truth is not None
    # the synthetic labels are the truth, where there are labels
    assert truth["labels"]["accuracy"] == 1.0
    assert truth["model"]["accuracy"] > truth["majority"]["accuracy"]


def test_the_same_training_gives_the_same_bytes(market, trained) -> None:
    made = market(sessions=24, symbols=("NIFTY",), signal=0.5, stay=0.6)
    order = np.random.default_rng(0).permutation(made.features.num_rows)
    again = train_and_evaluate(
        made.features.take(pa.array(order)), made.labels, task="regime_h12", now=NOW, parameters=QUICK, truth=made.truth
    )
    assert again.model.arrays() == trained("signal").model.arrays()
    assert again.model.digest() == trained("signal").model.digest()
    assert report.as_json(again.evaluation) == report.as_json(trained("signal").evaluation)


def test_nothing_known_after_now_is_used(market, trained) -> None:
    made = market(sessions=24, symbols=("NIFTY",), signal=0.5, stay=0.6)
    now = datetime(2025, 6, 26, 12, 0, tzinfo=UTC)  # after the close of the 19th session
    whole = train_and_evaluate(made.features, made.labels, task="regime_h12", now=now, parameters=QUICK)
    keep = [t <= now for t in made.features.column("known_ts").to_pylist()]
    cut = train_and_evaluate(
        made.features.filter(pa.array(keep)), made.labels, task="regime_h12", now=now, parameters=QUICK
    )
    assert whole.model.digest() == cut.model.digest()
    assert whole.model.train_end.isoformat() == "2025-06-26"


def test_nothing_to_train_on_is_said(market) -> None:
    made = market(sessions=2)
    with pytest.raises(DataError, match="sessions"):
        train_and_evaluate(made.features, made.labels, task="regime_h12", now=NOW, parameters=QUICK)
    with pytest.raises(DataError, match="share labelled rows"):
        train_and_evaluate(made.features, made.labels.slice(0, 0), task="regime_h12", now=NOW, parameters=QUICK)


def test_too_little_to_evaluate_is_said(market) -> None:
    made = market(sessions=16, symbols=("NIFTY",), signal=0.5)
    labelled = [
        at.date().isoformat() < "2025-06-11" for at in made.labels["event_ts"].to_pylist()
    ]  # seven of the sixteen sessions
    with pytest.raises(DataError, match="blocks answered with 0 labelled rows") as refused:
        train_and_evaluate(
            made.features, made.labels.filter(pa.array(labelled)), task="regime_h12", now=NOW, parameters=QUICK
        )
    assert "training regime_h12, target regime" in str(refused.value)
    assert "more sessions" in str(refused.value)


def test_a_model_answers_as_it_did_before_it_was_stored(lake: Lake, market, trained) -> None:
    registry = Registry(lake)
    version = registry.register(trained("signal"), reason="first")
    registry.promote("regime_h12", version, "champion", reason="beats every baseline", now=NOW, by="A. Person")
    made = market(sessions=26, symbols=("NIFTY",), signal=0.5, stay=0.6)
    loaded = registry.load("regime_h12")
    before, after = trained("signal").model.predict(made.features), loaded.predict(made.features)
    assert before.equals(after)
    assert before.column_names[:6] == ["symbol", "event_ts", "known_ts", "regime", "confidence", "signal"]
    p = np.stack([after.column(f"p_{code.lower()}").to_numpy() for code in REGIMES], axis=1)
    assert np.abs(p.sum(axis=1) - 1).max() < 1e-12
    assert set(lake.objects("models")) == {
        f"models/regime_h12/{version}/arrays.npz",
        f"models/regime_h12/{version}/evaluation.json",
        f"models/regime_h12/{version}/metadata.json",
        "models/regime_h12/stages.json",
    }


def test_tampering_is_seen(lake: Lake, trained) -> None:
    registry = Registry(lake)
    version = registry.register(trained("signal"), reason="first")
    base = f"models/regime_h12/{version}"
    arrays = bytearray(lake.get_object(f"{base}/arrays.npz"))
    arrays[len(arrays) // 2] ^= 1
    lake.put_object(f"{base}/arrays.npz", bytes(arrays))
    with pytest.raises(CorruptPartition, match="digest"):
        registry.load("regime_h12", "candidate")
    lake.put_object(f"{base}/evaluation.json", b"{}")
    with pytest.raises(CorruptPartition, match="evaluation"):
        registry.evaluation("regime_h12", version)


def test_a_suspected_leak_becomes_no_champion_until_a_person_signs(lake: Lake, trained) -> None:
    registry = Registry(lake)
    version = registry.register(trained("leak"), reason="first")
    with pytest.raises(ConflictError, match="sign"):
        registry.promote("regime_h12", version, "champion", reason="great", now=NOW, by="A. Person")
    with pytest.raises(UsageError, match="names the person"):
        registry.sign_off("regime_h12", version, person=" ", reason="looked", now=NOW)
    registry.sign_off("regime_h12", version, person="B. Person", reason="the leak is planted", now=NOW)
    registry.promote("regime_h12", version, "champion", reason="test", now=NOW, by="A. Person")
    assert registry.load("regime_h12").digest() == trained("leak").model.digest()
    assert [c.by for c in registry.changes("regime_h12") if c.sign_off] == ["B. Person"]


def test_a_new_champion_retires_the_old_and_metadata_keeps_both(lake: Lake, trained) -> None:
    registry = Registry(lake)
    first = registry.register(trained("noise"), reason="first")
    second = registry.register(trained("signal"), reason="second")
    assert registry.register(trained("signal"), reason="again") == second
    for version in (first, second):
        registry.promote("regime_h12", version, "champion", reason="its turn", now=NOW, by="job")
    table = registry.metadata()
    assert table.schema.equals(ML_MODEL_METADATA.arrow())
    stages = dict(zip(table["model_version"].to_pylist(), table["stage"].to_pylist(), strict=True))
    assert stages == {first: "retired", second: "champion"}
    row = next(r for r in table.to_pylist() if r["model_version"] == second)
    assert json.loads(row["baselines"])["regime"]["persistence"]["accuracy"] > 0
    assert "its turn" in row["reason"]
    assert row["label_schema_version"] == "1.test"
    # undone: the first becomes champion again
    registry.promote("regime_h12", first, "champion", reason="undo", now=NOW, by="job")
    assert registry.load("regime_h12").digest() == trained("noise").model.digest()


def test_a_missing_stage_and_a_bad_promotion_are_named(lake: Lake, trained) -> None:
    registry = Registry(lake)
    with pytest.raises(MissingPartition, match="champion"):
        registry.load("regime_h12")
    version = registry.register(trained("noise"), reason="first")
    with pytest.raises(UsageError, match="reason"):
        registry.promote("regime_h12", version, "champion", reason="", now=NOW, by="job")
    with pytest.raises(UsageError, match="known: \\['regime_h12-"):
        registry.promote("regime_h12", "regime_h12-000000000000", "shadow", reason="x", now=NOW, by="job")
    assert registry.metadata().num_rows == 1


def test_the_gate_says_why_there_is_no_signal(market, trained) -> None:
    model = trained("signal").model
    made = market(sessions=24, symbols=("NIFTY",), signal=0.5, stay=0.6)
    usual = model.predict(made.features)
    assert usual["signal"].to_pylist().count(True) > 0
    assert "confidence" in " ".join(usual["reason"].to_pylist())

    def changed(**columns: object) -> pa.Table:
        table = made.features.slice(0, 3)
        for name, values in columns.items():
            table = table.set_column(table.column_names.index(name), name, pa.array(values))
        return table

    stranger = model.predict(changed(symbol=["SENSEX"] * 3))
    assert "trained on (NIFTY)" in stranger["reason"][0].as_py()
    read = [name for name in model.columns if name.startswith("c1_")]
    far = {name: [100.0] * 3 for name in read}
    assert "outside the training range" in model.predict(changed(**far))["reason"][0].as_py()
    holes = {name: [None] * 3 for name in read}
    empty = changed(**{name: pa.array(v, pa.float64()) for name, v in holes.items()})
    assert "inputs are missing" in model.predict(empty)["reason"][0].as_py()
    later = [t + timedelta(days=400) for t in made.features["event_ts"].to_pylist()[:3]]
    at = made.features.schema.field("event_ts").type
    aged = changed(event_ts=pa.array(later, at), known_ts=pa.array([t + timedelta(minutes=1) for t in later], at))
    assert "expired" in model.predict(aged)["reason"][0].as_py()
    with pytest.raises(DataError, match="c1_ema_first"):
        model.predict(made.features.drop_columns(["c1_ema_first"]))


def test_known_labels_as_inputs_are_learned_and_required(market) -> None:
    made = market(sessions=24, stay=0.98)
    found = train_and_evaluate(made.features, made.labels, task="regime_nowcast", now=NOW, parameters=QUICK)
    regime = found.evaluation.targets["regime"]
    majority = next(b for b in regime.baselines if b.name == "majority")
    assert regime.model.accuracy > majority.accuracy + 0.1
    with pytest.raises(DataError, match="given the labels known so far"):
        found.model.predict(made.features)
    assert found.model.predict(made.features, made.labels).num_rows == made.features.num_rows
