"""What every component must keep to, on C8: engines agree, a tick is a batch, a prefix is the whole, no filler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from mr_platform.features.c8_master_integration.component import MasterIntegration
from mr_platform.features.component import ComponentOutput
from tests.features.c8_sessions import NAMES, Floats, answer, columns, computed, inputs, remembered, walking

PARTS = ("values", "score", "confidence", "health")


@pytest.fixture(scope="module")
def memory() -> Mapping[str, Floats]:
    """Three earlier sessions, two of them at three days to expiry."""
    return remembered((3, 3, 9))


def assert_same_bits(one: ComponentOutput, other: ComponentOutput) -> None:
    for name in PARTS:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


def test_c8_has_its_budget_by_group_and_well_formed_names() -> None:
    specs = MasterIntegration().features
    assert Counter(spec.group for spec in specs) == {"regime": 20, "dte": 15, "structure": 8, "integration": 5}
    assert len({spec.name for spec in specs}) == len({spec.description for spec in specs}) == 48
    assert all(spec.name.startswith(f"c8_{spec.group}_") and len(spec.description.split()) >= 4 for spec in specs)


def test_it_reads_the_seven_and_no_pass_over_the_chain() -> None:
    assert MasterIntegration.reads == ("c1", "c2", "c3", "c4", "c5", "c6", "c7")
    assert MasterIntegration.passes == ()


@pytest.mark.parametrize(
    ("seed", "known", "gaps", "dte"), [(1, False, 0.03, 3), (2, True, 0.03, 3), (3, True, 0.25, 12)]
)
def test_reference_and_cpu_agree_and_lack_the_same_values(
    memory: Mapping[str, Floats], seed: int, known: bool, gaps: float, dte: int
) -> None:
    session = walking(seed, gaps=gaps, dte=dte)
    past = memory if known else None
    (fast, state), (slow, other) = (
        computed(session, MasterIntegration(engine=engine), memory=past) for engine in ("cpu", "reference")
    )
    for name in PARTS:
        a, b = getattr(fast, name), getattr(slow, name)
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b), err_msg=name)
        assert np.nanmax(np.abs(a - b) / np.maximum(np.abs(b), 1e-6)) <= 1e-9, name
    left = MasterIntegration().leave(session, slow, other)
    for name, values in MasterIntegration().leave(session, fast, state).items():
        np.testing.assert_array_equal(values, left[name])


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_pieces_give_the_bits_of_the_batch(memory: Mapping[str, Floats], engine: str) -> None:
    session, one = walking(4), MasterIntegration(engine=engine)
    whole, _ = computed(session, one, memory=memory)
    some = sorted(np.random.default_rng(0).choice(np.arange(1, 375), 12, replace=False).tolist())
    pieces = [some] if engine == "reference" else [range(1, 375), range(5, 375, 5), some]
    for cuts in pieces:
        assert_same_bits(computed(session, one, cuts=list(cuts), memory=memory)[0], whole)


@pytest.mark.parametrize("n", [1, 16, 77, 300])
def test_a_prefix_gives_the_bits_of_the_whole_session_without_the_rows_after_it(n: int) -> None:
    session, one = walking(5), MasterIntegration()
    part = replace(
        session.until(n), outputs={key: said.part(0, n) for key, said in session.outputs.items()}, n_bars=375
    )
    assert_same_bits(computed(part, one)[0], computed(session, one)[0].part(0, n))


@pytest.mark.parametrize("sessions", [1, 6])
def test_no_column_is_empty_constant_or_a_twin_of_another(sessions: int) -> None:
    values = np.vstack([computed(walking(seed))[0].values for seed in range(20, 20 + sessions)])
    names = np.array(NAMES)
    assert names[~np.isfinite(values).any(axis=0)].tolist() == []
    assert not np.isinf(values).any()
    assert names[np.nanmax(values, axis=0) == np.nanmin(values, axis=0)].tolist() == []
    common = values[np.isfinite(values).all(axis=1)]
    correlation = np.abs(np.corrcoef(common.T))
    twins = np.argwhere(np.triu(correlation >= 0.9999, 1))
    assert [(names[a], names[b]) for a, b in twins] == []


def test_values_stay_in_the_ranges_the_catalogue_states() -> None:
    values = np.vstack([computed(walking(seed, gaps=0.2))[0].values for seed in range(30, 34)])
    for spec, column in zip(MasterIntegration().features, values.T, strict=True):
        low, high = spec.range
        assert np.nanmin(column) >= low and np.nanmax(column) <= high, spec.name


def test_a_feature_becomes_known_with_its_warm_up_and_not_before(memory: Mapping[str, Floats]) -> None:
    out, _ = computed(walking(6, gaps=0.0), memory=memory)
    first = np.isfinite(out.values).argmax(axis=0) + 1
    assert first.tolist() == [spec.warmup_minutes for spec in MasterIntegration().features]


def test_scores_confidences_and_healths_stay_in_their_ranges() -> None:
    out, _ = computed(walking(7, gaps=0.4))
    known = np.isfinite(out.score)
    assert np.abs(out.score[known]).max() <= 1
    assert out.confidence.min() >= 0 and out.confidence.max() <= 1
    assert (out.confidence[~known] == 0).all()
    assert set(out.health[known].tolist()) <= {1, 2} and (out.health[~known] == 0).all()


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
