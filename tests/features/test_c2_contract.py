"""What every component must keep to, on C2: engines agree, a tick is a batch, a prefix is the whole, no filler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.features.c2_greeks_sentiment.component import GreeksSentiment, SessionState
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import run_components
from mr_platform.market.chain import OptionChainDay
from tests.features.conftest import STEP

if TYPE_CHECKING:
    from tests.features.conftest import Market

ALL = ("values", "score", "confidence", "health")
SESSIONS = (0, 2, 6)
"""Without memory, with a default scale, with learned medians."""


@dataclass
class Past:
    """Sessions of the market with the memory that C2 hands from each to the next."""

    chains: list[OptionChainDay] = field(default_factory=list)
    contexts: list[DailyContext] = field(default_factory=list)
    outputs: list[ComponentOutput] = field(default_factory=list)

    def before(self, i: int) -> DailyContext | None:
        return self.contexts[i - 1] if i else None


def past_of(market: Market, scale: float = 1.0) -> Past:
    past = Past()
    for i, core in enumerate(market.cores):
        chain = OptionChainDay.from_core(core, market.sessions[i], strike_step=STEP * scale)
        run = run_components({"c2": GreeksSentiment()}, chain, previous=past.before(i))
        past.chains.append(chain)
        past.outputs.append(run.outputs["c2"])
        past.contexts.append(replace(market.contexts[i], memory=run.memory()))
    return past


@pytest.fixture(scope="module")
def past(market: Market) -> Past:
    return past_of(market)


def begun(chain: OptionChainDay, inputs: SessionInputs, previous: DailyContext | None, engine: str) -> SessionState:
    dte = int(inputs.dte[inputs.dte >= 0][0])
    start = SessionStart(chain.trade_date, 375, dte, chain.underlying, previous, symbol=chain.symbol)
    return GreeksSentiment(engine=engine).begin(start)


def in_pieces(past: Past, i: int, stops: list[int], engine: str = "cpu") -> ComponentOutput:
    """Session ``i`` computed in consecutive calls, each with inputs that end where the call does."""
    inputs = session_inputs(past.chains[i], 375, passes=("greeks",))
    state = begun(past.chains[i], inputs, past.before(i), engine)
    component = GreeksSentiment(engine=engine)
    out = ComponentOutput.empty(375, len(component.features))
    start = 0
    for stop in stops:
        component.compute(inputs.until(stop), out.part(0, stop), start, stop, state)
        start = stop
    return out


def assert_same_bits(one: ComponentOutput, other: ComponentOutput, minutes: int = 375) -> None:
    for name in ALL:
        a, b = getattr(one, name)[:minutes], getattr(other, name)[:minutes]
        assert np.array_equal(a, b, equal_nan=True), name


@pytest.mark.parametrize("i", SESSIONS)
@pytest.mark.parametrize("kernels", ["cpu", "reference"])
def test_reference_and_cpu_agree_and_lack_the_same_values(past: Past, i: int, kernels: str) -> None:
    component = GreeksSentiment(engine="reference")
    slow = run_components({"c2": component}, past.chains[i], previous=past.before(i), engine=kernels)
    for name in ALL:
        a, b = (np.asarray(getattr(one, name), float) for one in (past.outputs[i], slow.outputs["c2"]))
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b), err_msg=name)
        known = np.isfinite(a)
        worst = np.abs(a - b)[known] / np.maximum(np.abs(b[known]), 1e-6)
        assert worst.max() <= 1e-9, name
    for name, array in slow.memory().items():
        cpu_run = past.contexts[i].memory[name]
        np.testing.assert_allclose(array, cpu_run, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_ticks_give_the_bits_of_the_batch(past: Past, engine: str) -> None:
    whole = in_pieces(past, 6, [375], engine)
    odd = sorted({*np.random.default_rng(5).integers(1, 375, 9).tolist(), 375})
    assert_same_bits(in_pieces(past, 6, odd, engine), whole)


@pytest.mark.parametrize("minutes", [1, 5])
@pytest.mark.parametrize("i", [0, 6])
def test_every_minute_and_every_five_give_the_bits_of_the_batch(past: Past, i: int, minutes: int) -> None:
    assert_same_bits(in_pieces(past, i, [*range(minutes, 376, minutes)]), past.outputs[i])


@pytest.mark.parametrize("until", [555, 569, 640, 800])
def test_a_prefix_gives_the_bits_of_the_whole_session(past: Past, until: int) -> None:
    cut = run_components({"c2": GreeksSentiment()}, past.chains[6].until(until), previous=past.before(6))
    n = until - 555 + 1
    assert cut.outputs["c2"].score.size == n
    for name in ALL:
        a, b = getattr(cut.outputs["c2"], name), getattr(past.outputs[6], name)[:n]
        # the session's length enters no value
        assert np.array_equal(a, b, equal_nan=True), name


def test_the_order_of_the_rows_does_not_matter(market: Market, past: Past) -> None:
    core = market.cores[2]
    shuffled = core.take(pa.array(np.random.default_rng(7).permutation(core.num_rows)))
    chain = OptionChainDay.from_core(shuffled, market.sessions[2], strike_step=STEP)
    run = run_components({"c2": GreeksSentiment()}, chain, previous=past.before(2))
    assert_same_bits(run.outputs["c2"], past.outputs[2])


def test_doubling_every_price_changes_no_feature(
    build_market: Callable[..., Market], market: Market, past: Past
) -> None:
    doubled = past_of(build_market(2, scale=2.0), scale=2.0)
    for i in range(2):
        assert_same_bits(doubled.outputs[i], past.outputs[i])


def test_no_column_is_empty_constant_or_a_twin_of_another(past: Past) -> None:
    values = np.vstack([out.values for out in past.outputs])
    names = np.array([spec.name for spec in GreeksSentiment().features])
    finite = np.isfinite(values)
    assert names[~finite.any(axis=0)].tolist() == []
    assert not np.isinf(values).any()
    spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    assert names[spread == 0].tolist() == []
    ranked = np.nan_to_num((values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0))
    share = np.sqrt(np.outer(finite.mean(axis=0), finite.mean(axis=0)))
    correlation = np.abs(ranked.T @ ranked) / len(values) / share
    twins = np.argwhere(np.triu(correlation >= 0.999999, 1))
    assert [(names[a], names[b]) for a, b in twins] == []


def test_values_stay_in_the_ranges_the_catalogue_states(past: Past) -> None:
    values = np.vstack([out.values for out in past.outputs])
    for spec, column in zip(GreeksSentiment().features, values.T, strict=True):
        known = column[np.isfinite(column)]
        assert known.min() >= spec.range[0] - 1e-12 and known.max() <= spec.range[1] + 1e-12, spec.name


def test_a_feature_is_unknown_before_its_warm_up(past: Past) -> None:
    for out in (past.outputs[0], past.outputs[6]):
        for spec, column in zip(GreeksSentiment().features, out.values.T, strict=True):
            assert np.isnan(column[: spec.warmup_minutes - 1]).all(), spec.name


def test_score_confidence_and_health_keep_to_the_contract(past: Past) -> None:
    for out in past.outputs:
        known = np.isfinite(out.score)
        assert (np.abs(out.score[known]) <= 1).all()
        assert ((out.confidence[known] >= 0.1) & (out.confidence[known] <= 1)).all()
        assert (out.confidence[~known] == 0).all() and (out.health[~known] == 0).all()
        assert (out.health[known] >= 1).all()


def test_the_catalogue_meets_its_budget() -> None:
    specs = GreeksSentiment().features
    groups = {group: sum(spec.group == group for spec in specs) for group in dict.fromkeys(s.group for s in specs)}
    assert groups == {"first_order": 35, "second_order": 25, "dte": 20, "sentiment": 18}
    assert len({spec.name for spec in specs}) == 98
    assert all(spec.name.startswith(f"c2_{spec.group}_") for spec in specs)
