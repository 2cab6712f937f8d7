"""What every component must keep to, on C7: engines agree, a tick is a batch, a prefix is the whole, no filler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.features.c7_support_resistance.component import SessionState, SupportResistance
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import run_components
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.objects import declared_for
from mr_platform.parameters.support_resistance import SupportResistanceParameters
from tests.features.conftest import STEP

if TYPE_CHECKING:
    from tests.features.conftest import Market

ALL = ("values", "score", "confidence", "health")
FEATURES = SupportResistance().features
NAMES = [spec.name for spec in FEATURES]
LAST = 6


@dataclass
class Past:
    """Sessions of the market with the memory that C7 hands from each to the next."""

    chains: list[OptionChainDay] = field(default_factory=list)
    contexts: list[DailyContext] = field(default_factory=list)
    outputs: list[ComponentOutput] = field(default_factory=list)
    states: list[SessionState] = field(default_factory=list)

    def before(self, i: int) -> DailyContext | None:
        return self.contexts[i - 1] if i else None


def past_of(market: Market, scale: float = 1.0) -> Past:
    past = Past()
    for i, core in enumerate(market.cores):
        chain = OptionChainDay.from_core(core, market.sessions[i], strike_step=STEP * scale)
        run = run_components({"c7": SupportResistance()}, chain, previous=past.before(i))
        past.chains.append(chain)
        past.outputs.append(run.outputs["c7"])
        past.states.append(run.states["c7"])
        past.contexts.append(replace(market.contexts[i], memory=run.memory()))
    return past


@pytest.fixture(scope="module")
def past(market: Market) -> Past:
    return past_of(market)


def begun(chain: OptionChainDay, inputs: SessionInputs, previous: DailyContext | None, engine: str) -> SessionState:
    dte = int(inputs.dte[inputs.dte >= 0][0])
    start = SessionStart(chain.trade_date, 375, dte, chain.underlying, previous, symbol=chain.symbol)
    return SupportResistance(engine=engine).begin(start)


def in_pieces(past: Past, i: int, stops: list[int], engine: str = "cpu") -> tuple[ComponentOutput, SessionState]:
    """Session ``i`` computed in consecutive calls, each with inputs that end where the call does."""
    inputs = session_inputs(past.chains[i], 375, passes=())
    state = begun(past.chains[i], inputs, past.before(i), engine)
    component = SupportResistance(engine=engine)
    out = ComponentOutput.empty(375, len(FEATURES))
    start = 0
    for stop in stops:
        component.compute(inputs.until(stop), out.part(0, stop), start, stop, state)
        start = stop
    return out, state


def assert_same_bits(one: ComponentOutput, other: ComponentOutput, minutes: int = 375) -> None:
    for name in ALL:
        a, b = getattr(one, name)[:minutes], getattr(other, name)[:minutes]
        assert np.array_equal(a, b, equal_nan=True), name


def assert_same_memory(one: dict[str, np.ndarray], other: dict[str, np.ndarray], rtol: float) -> None:
    assert sorted(one) == sorted(other)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=rtol, atol=1e-12, err_msg=name)


def test_the_catalogue_has_the_budget_of_each_group_and_names_parameters_that_exist() -> None:
    assert Counter(spec.group for spec in FEATURES) == {
        "detection": 30,
        "confluence": 20,
        "strength": 15,
        "breakout": 7,
    }
    assert len(set(NAMES)) == len({spec.description for spec in FEATURES}) == 72
    for spec in FEATURES:
        assert all(declared_for(SupportResistanceParameters, name) for name in spec.parameters), spec.name


@pytest.mark.parametrize(("kernels", "i"), [("cpu", 0), ("cpu", LAST), ("reference", LAST)])
def test_reference_and_cpu_agree_lack_the_same_values_and_hand_on_the_same(past: Past, i: int, kernels: str) -> None:
    component = SupportResistance(engine="reference")
    slow = run_components({"c7": component}, past.chains[i], previous=past.before(i), engine=kernels)
    for name in ALL:
        a, b = (np.asarray(getattr(one, name), float) for one in (past.outputs[i], slow.outputs["c7"]))
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b), err_msg=name)
        known = np.isfinite(b)
        assert (np.abs(a - b)[known] / np.maximum(np.abs(b[known]), 1e-6)).max() <= 1e-9, name
    assert_same_memory(dict(past.contexts[i].memory), slow.memory(), rtol=1e-8)


def test_pieces_of_a_session_give_the_bits_and_the_memory_of_the_whole(past: Past) -> None:
    rng = np.random.default_rng(5)
    for stops in (
        [*range(1, 120), 375],
        list(range(5, 376, 5)),
        [*sorted(rng.choice(374, 17, replace=False) + 1), 375],
    ):
        out, state = in_pieces(past, LAST, [int(stop) for stop in stops])
        assert_same_bits(out, past.outputs[LAST])
        left = SupportResistance().leave(session_inputs(past.chains[LAST], 375, passes=()), out, state)
        assert_same_memory(dict(left), dict(past.contexts[LAST].memory), rtol=0.0)


def test_pieces_give_the_bits_of_the_whole_in_the_reference_too(past: Past) -> None:
    pieces, _ = in_pieces(past, LAST, [1, 60, 61, 375], "reference")
    whole, _ = in_pieces(past, LAST, [375], "reference")
    assert_same_bits(pieces, whole)


@pytest.mark.parametrize("until", [556, 570, 640, 801])
def test_a_day_cut_at_t_has_the_first_rows_of_the_whole_day(past: Past, until: int) -> None:
    cut = run_components({"c7": SupportResistance()}, past.chains[3].until(until), previous=past.before(3))
    # the session is known to have 375 bars however much of it is there
    n = until - 554
    assert cut.inputs.minutes.size == n
    inputs = session_inputs(past.chains[3].until(until), 375, passes=())
    state = begun(past.chains[3], inputs, past.before(3), "cpu")
    out = ComponentOutput.empty(n, len(FEATURES))
    SupportResistance().compute(inputs, out, 0, n, state)
    assert_same_bits(out, past.outputs[3], n)


def test_the_order_of_the_rows_does_not_matter(past: Past, market: Market) -> None:
    core = market.cores[4]
    shuffled = core.take(pa.array(np.random.default_rng(7).permutation(core.num_rows)))
    chain = OptionChainDay.from_core(shuffled, market.sessions[4], strike_step=STEP)
    run = run_components({"c7": SupportResistance()}, chain, previous=past.before(4))
    assert_same_bits(run.outputs["c7"], past.outputs[4])


def test_doubling_every_price_and_strike_changes_nothing(build_market: Callable[..., Market], past: Past) -> None:
    doubled = past_of(build_market(3, scale=2.0), scale=2.0)
    for i in range(3):
        a, b = past.outputs[i].values, doubled.outputs[i].values
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_no_column_is_empty_constant_infinite_or_a_twin_of_another(past: Past) -> None:
    values = np.vstack([out.values for out in past.outputs])
    assert not np.isinf(values).any()
    assert [name for name, column in zip(NAMES, values.T, strict=True) if not np.isfinite(column).any()] == []
    spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    assert [name for name, x in zip(NAMES, spread, strict=True) if x == 0] == []
    twins = []
    for i in range(len(NAMES)):
        for j in range(i + 1, len(NAMES)):
            both = np.isfinite(values[:, i]) & np.isfinite(values[:, j])
            a, b = values[both, i], values[both, j]
            if both.sum() >= 50 and a.std() > 0 and b.std() > 0 and abs(np.corrcoef(a, b)[0, 1]) >= 0.999999:
                twins.append((NAMES[i], NAMES[j]))
    assert twins == []


def test_values_stay_in_the_ranges_the_catalogue_states(past: Past) -> None:
    values = np.vstack([out.values for out in past.outputs])
    for spec, column in zip(FEATURES, values.T, strict=True):
        known = column[np.isfinite(column)]
        assert known.min() >= spec.range[0] - 1e-12 and known.max() <= spec.range[1] + 1e-12, spec.name
    score = np.concatenate([out.score for out in past.outputs])
    confidence = np.concatenate([out.confidence for out in past.outputs])
    assert np.nanmin(score) >= -1 and np.nanmax(score) <= 1
    assert confidence.min() >= 0 and confidence.max() <= 1 and (confidence[np.isnan(score)] == 0).all()


def test_a_feature_is_unknown_before_its_warm_up_on_a_first_session(past: Past) -> None:
    values = past.outputs[0].values
    for spec, column in zip(FEATURES, values.T, strict=True):
        assert np.isnan(column[: min(spec.warmup_minutes - 1, 375)]).all(), spec.name


def test_a_strike_without_open_interest_touches_only_what_reads_walls(past: Past) -> None:
    inputs = session_inputs(past.chains[0], 375, passes=())
    oi = inputs.chain_oi.copy()
    oi[:, 2] = np.nan
    out = ComponentOutput.empty(375, len(FEATURES))
    component = SupportResistance()
    component.compute(replace(inputs, chain_oi=oi), out, 0, 375, begun(past.chains[0], inputs, None, "cpu"))
    for name in ("c7_detection_round_underlying", "c7_detection_control_straddle", "c7_detection_resistance_straddle"):
        i = NAMES.index(name)
        assert np.array_equal(out.values[:, i], past.outputs[0].values[:, i], equal_nan=True), name
    assert np.isfinite(out.values[:, NAMES.index("c7_detection_wall_width_underlying")]).any()


def test_an_empty_session_is_unknown_throughout_even_with_memory(past: Past, market: Market) -> None:
    chain = OptionChainDay.from_core(market.cores[LAST].slice(0, 0), market.sessions[LAST], strike_step=STEP)
    run = run_components({"c7": SupportResistance()}, chain, previous=past.before(LAST))
    out = run.outputs["c7"]
    assert np.isnan(out.values).all() and np.isnan(out.score).all()
    assert out.confidence.tolist() == [0.0] * 375 and out.health.tolist() == [0] * 375


def test_levels_of_another_kind_of_underlying_are_not_compared(build_market: Callable[..., Market], past: Past) -> None:
    spot = build_market(1, kind="spot")
    run = run_components({"c7": SupportResistance()}, past.chains[1], previous=spot.contexts[0])
    named = dict(zip(NAMES, run.outputs["c7"].values.T, strict=True))
    assert (
        np.isnan(named["c7_detection_pivot_underlying"]).all() and np.isnan(named["c7_detection_gap_underlying"]).all()
    )
    assert np.isfinite(named["c7_detection_pivot_straddle"]).any()


def test_memory_stays_bounded_and_learns_from_each_labelled_touch(past: Past) -> None:
    memory = past.contexts[LAST].memory
    assert memory["c7_touches_0"].shape[0] <= 128 and memory["c7_touches_1"].shape[0] <= 128
    assert memory["c7_methods"].shape == (7, 5, 4) and memory["c7_brier"].shape == (7, 2)
    resolved = sum(state.carried.counts[0, 0] for state in past.states)
    assert memory["c7_break_labels_0"][0] == resolved > 0
    assert all(name.startswith("c7_") and values.dtype == float for name, values in memory.items())
