"""What is particular to C8: the seven that it reads, and what it says where some of them are silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from mr_platform.features.c8_master_integration.component import MasterIntegration
from mr_platform.features.component import ComponentOutput
from tests.features.c8_sessions import Floats, answer, columns, computed, inputs, remembered, walking

PARTS = ("values", "score", "confidence", "health")


@pytest.fixture(scope="module")
def memory() -> Mapping[str, Floats]:
    """Three earlier sessions, two of them at three days to expiry."""
    return remembered((3, 3, 9))


def assert_same_bits(one: ComponentOutput, other: ComponentOutput) -> None:
    for name in PARTS:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


def test_it_reads_the_seven_and_no_pass_over_the_chain() -> None:
    assert MasterIntegration.reads == ("c1", "c2", "c3", "c4", "c5", "c6", "c7")
    assert MasterIntegration.passes == ()


def test_a_feature_becomes_known_with_its_warm_up_and_not_before(memory: Mapping[str, Floats]) -> None:
    out, _ = computed(walking(6, gaps=0.0), memory=memory)
    first = np.isfinite(out.values).argmax(axis=0) + 1
    assert first.tolist() == [spec.warmup_minutes for spec in MasterIntegration().features]


def test_a_component_that_is_not_there_is_one_without_a_score() -> None:
    session = walking(8)
    without = replace(session, outputs={key: said for key, said in session.outputs.items() if key not in ("c3", "c6")})
    silent = {
        key: answer(np.full(375, np.nan), np.zeros(375)) if key in ("c3", "c6") else said
        for key, said in session.outputs.items()
    }
    out, _ = computed(without)
    assert_same_bits(out, computed(replace(session, outputs=silent))[0])
    found = columns(out)
    assert np.isnan(found["dte_weight_c3"]).all() and np.isnan(found["dte_contribution_c6"]).all()
    assert np.isfinite(found["integration_score"]).all() and set(out.health.tolist()) == {1}
    names = [name for name, column in found.items() if np.isnan(column).all()]
    assert names == ["dte_weight_c3", "dte_weight_c6", "dte_contribution_c3", "dte_contribution_c6"]


def test_one_silent_component_leaves_what_does_not_read_it_alone() -> None:
    session = walking(9, gaps=0.0)
    score = session.outputs["c6"].score.copy()
    score[200:260] = np.nan
    broken = {**session.outputs, "c6": answer(score, session.outputs["c6"].confidence, session.outputs["c6"].health)}
    whole, holed = computed(session)[0], computed(replace(session, outputs=broken))[0]
    assert np.array_equal(np.isnan(whole.values[:200]), np.isnan(holed.values[:200]))
    only = [name for name, column in columns(holed).items() if np.isnan(column[200:260]).all()]
    assert only == ["dte_weight_c6", "dte_contribution_c6"]


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_without_any_answer_or_days_to_expiry_nothing_is_known(engine: str) -> None:
    one = MasterIntegration(engine=engine)
    silent, _ = computed(inputs({}, 90), one)
    spoken = walking(10, minutes=90)
    undated, _ = computed(replace(spoken, dte=np.full(90, -1, np.int64)), one)
    for out in (silent, undated):
        assert np.isnan(out.score).all() and not out.confidence.any() and not out.health.any()
    assert np.isnan(silent.values).all()
    scores_alone = {"structure_drift_15", "structure_jump_15", "structure_turn_30", "structure_dispersion_change_30"}
    assert {name for name, column in columns(undated).items() if np.isfinite(column).any()} == scores_alone


def test_scores_that_agree_to_rounding_give_the_same_bits() -> None:
    session = walking(11)
    noise = np.random.default_rng(0).uniform(-1e-13, 1e-13, 375)
    shaken = {key: replace(said, score=said.score + noise) for key, said in session.outputs.items()}
    assert_same_bits(computed(session)[0], computed(replace(session, outputs=shaken))[0])


@pytest.mark.parametrize("answer_of", ["score", "confidence"])
def test_the_components_own_answers_are_columns_too(answer_of: str) -> None:
    out, _ = computed(walking(12))
    column = columns(out)[f"integration_{answer_of}"]
    known = np.isfinite(column)
    assert known.mean() > 0.9
    assert np.array_equal(column[known], getattr(out, answer_of)[known])
