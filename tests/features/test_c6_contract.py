"""What every component must keep to, on C6: engines agree, a tick is a batch, a prefix is the whole, no filler."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mr_platform.features.c6_correlation.catalogue import features
from mr_platform.features.c6_correlation.component import Correlation
from mr_platform.features.component import ComponentOutput
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.running import run_components
from mr_platform.market.chain import OptionChainDay
from tests.features.c6_session import NAMES, PARTS, column, compute, inputs_of
from tests.features.conftest import STEP

if TYPE_CHECKING:
    from tests.features.conftest import Market

BARS = 130
TERM = {
    f"c6_{group}_{what}"
    for group, what in (
        ("matrix", "pair_iv_term_20"),
        ("matrix", "pair_iv_term_50"),
        ("breakdown", "confidence_iv_term"),
        ("breakdown", "departure_iv_term"),
    )
}
"""The small market lists one expiry: it has no term structure."""


@pytest.fixture(scope="module")
def chain(market: Market) -> OptionChainDay:
    return OptionChainDay.from_core(market.cores[2], market.sessions[2], strike_step=STEP)


@pytest.fixture(scope="module")
def inputs(chain: OptionChainDay) -> SessionInputs:
    return inputs_of(chain)


@pytest.fixture(scope="module")
def whole(inputs: SessionInputs, market: Market) -> ComponentOutput:
    return compute(inputs, previous=market.contexts[1])[0]


def assert_same_bits(one: ComponentOutput, other: ComponentOutput, n: int | None = None) -> None:
    for name in PARTS:
        assert np.array_equal(getattr(one, name)[:n], getattr(other, name)[:n], equal_nan=True), name


def test_the_catalogue_has_its_budget_in_each_group() -> None:
    groups = [spec.group for spec in features()]
    assert {name: groups.count(name) for name in groups} == {"matrix": 90, "breakdown": 25, "cross": 20, "graph": 15}
    assert len(set(NAMES)) == 150
    assert all(spec.name.startswith(f"c6_{spec.group}_") for spec in features())
    assert all(len(spec.description.split()) >= 6 for spec in features())


def test_reference_and_cpu_agree_and_lack_the_same_values(inputs: SessionInputs, market: Market) -> None:
    part = inputs.until(BARS)
    part = replace(part, outputs={key: one.part(0, BARS) for key, one in inputs.outputs.items()})
    fast, left = compute(part, previous=market.contexts[1])
    slow, left_slow = compute(part, engine="reference", previous=market.contexts[1])
    for i, name in enumerate(NAMES):
        np.testing.assert_allclose(fast.values[:, i], slow.values[:, i], rtol=1e-9, atol=1e-15, err_msg=name)
    for name in PARTS[1:]:
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(left.carried.strength, left_slow.carried.strength, rtol=1e-9)
    np.testing.assert_allclose(left.carried.blocks, left_slow.carried.blocks, rtol=1e-9)


@pytest.mark.parametrize(
    "cuts",
    [tuple(range(5, 375, 5)), tuple(range(1, 375)), (1, 3, 44, 45, 91, 200, 203, 374)],
    ids=["fives", "ones", "any"],
)
def test_ticks_give_the_bits_of_the_batch(
    inputs: SessionInputs, whole: ComponentOutput, market: Market, cuts: tuple[int, ...]
) -> None:
    assert_same_bits(compute(inputs, cuts=cuts, previous=market.contexts[1])[0], whole)


@pytest.mark.parametrize("n", [1, 17, 46, 300])
def test_a_prefix_gives_the_bits_of_the_whole_session(
    inputs: SessionInputs, whole: ComponentOutput, market: Market, n: int
) -> None:
    part = replace(inputs.until(n), outputs={key: one.part(0, n) for key, one in inputs.outputs.items()})
    assert_same_bits(compute(part, previous=market.contexts[1])[0], whole, n)


def test_reference_gives_the_same_rows_in_pieces(inputs: SessionInputs) -> None:
    part = replace(inputs.until(60), outputs={key: one.part(0, 60) for key, one in inputs.outputs.items()})
    assert_same_bits(compute(part, engine="reference", cuts=(47,))[0], compute(part, engine="reference")[0])


def test_every_column_lives_and_none_is_constant_or_out_of_range(whole: ComponentOutput) -> None:
    # the night's persistence needs the memory of a finished session; the gap weight is one number a day
    daily = {"c6_cross_gap_persistence", "c6_cross_gap_weight", *TERM}
    for spec, values in zip(features(), whole.values.T, strict=True):
        known = values[np.isfinite(values)]
        if spec.name not in daily:
            assert np.ptp(known) > 0, spec.name
            assert int(np.argmax(np.isfinite(values))) + 1 >= spec.warmup_minutes, spec.name
        assert ((spec.range[0] <= known) & (known <= spec.range[1])).all(), spec.name
    assert not np.isinf(whole.values).any()


def test_no_two_columns_are_equal_up_to_sign_and_scale(whole: ComponentOutput) -> None:
    values = whole.values[:, np.ptp(np.nan_to_num(whole.values), axis=0) > 0]
    standard = np.nan_to_num((values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0))
    share = np.isfinite(values).mean(axis=0)
    twins = np.abs(np.triu(standard.T @ standard / len(values), 1)) >= 0.999999 * np.sqrt(np.outer(share, share))
    assert not twins.any()


def test_score_confidence_and_health_keep_to_their_ranges(whole: ComponentOutput) -> None:
    known = np.isfinite(whole.score)
    assert known[16:].mean() > 0.8
    assert (np.abs(whole.score[known]) <= 1).all()
    assert ((whole.confidence >= 0) & (whole.confidence <= 1)).all()
    assert (whole.confidence[~known] == 0).all() and (whole.health[~known] == 0).all()
    assert whole.health.dtype == np.int8 and (whole.health[100:] == 2).any()


def test_without_the_other_components_only_what_needs_them_is_missing(chain: OptionChainDay) -> None:
    out = run_components({"c6": Correlation()}, chain).outputs["c6"]
    missing = {name for name, values in zip(NAMES, out.values.T, strict=True) if not np.isfinite(values).any()}
    cross = {name for name in NAMES if name.startswith("c6_cross_")}
    assert missing == cross | TERM
    assert np.isfinite(out.score).any() and (out.health <= 1).all()


def test_inputs_at_other_strike_indices_give_the_same_bits(market: Market, whole: ComponentOutput) -> None:
    strikes = np.array([15_000.0, 15_050.0, 21_000.0])
    roomy = OptionChainDay.from_core(market.cores[2], market.sessions[2], strike_step=STEP, room=strikes)
    assert_same_bits(compute(inputs_of(roomy), previous=market.contexts[1])[0], whole)


def test_rows_in_any_order_give_the_same_bits(market: Market, whole: ComponentOutput) -> None:
    core = market.cores[2]
    shuffled = core.take(np.random.default_rng(0).permutation(core.num_rows))
    chain = OptionChainDay.from_core(shuffled, market.sessions[2], strike_step=STEP)
    assert_same_bits(compute(inputs_of(chain), previous=market.contexts[1])[0], whole)


def test_a_strike_far_from_the_money_reaches_no_sum_and_no_price(inputs: SessionInputs, whole: ComponentOutput) -> None:
    # beyond ATM +- 7 only the wings could tell; the far strike of this chain lies outside of both
    far = np.flatnonzero(~np.isin(np.arange(inputs.strikes_listed.size), inputs.around[:, 8:23]))
    close, oi = inputs.chain_close.copy(), inputs.chain_oi.copy()
    close[:, far], oi[:, far] = np.nan, np.nan
    out = compute(replace(inputs, chain_close=close, chain_oi=oi))[0]
    assert np.array_equal(column(out, "matrix_mean_20"), column(whole, "matrix_mean_20"), equal_nan=True)


def test_a_session_without_rows_says_nothing(inputs: SessionInputs) -> None:
    n = 20
    empty = replace(
        inputs.until(n),
        expiry=np.full(n, -1),
        strikes=np.full((n, 3), -1),
        around=np.full((n, 31), -1),
        underlying=np.full((n, 5), np.nan),
        peer=np.full(n, np.nan),
        outputs={},
    )
    out, _ = compute(empty)
    assert np.isnan(out.values).all() and np.isnan(out.score).all() and not out.health.any()


def test_health_tells_a_session_that_warms_up(whole: ComponentOutput) -> None:
    assert not whole.health[:16].any()
    assert set(whole.health[17:40]) <= {0, 1}
