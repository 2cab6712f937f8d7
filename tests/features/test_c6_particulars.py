"""What is particular to C6: what it lacks alone, strikes at other indices, and its warm-up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

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


def test_a_strike_far_from_the_money_reaches_no_sum_and_no_price(inputs: SessionInputs, whole: ComponentOutput) -> None:
    # beyond ATM +- 7 only the wings could tell; the far strike of this chain lies outside of both
    far = np.flatnonzero(~np.isin(np.arange(inputs.strikes_listed.size), inputs.around[:, 8:23]))
    close, oi = inputs.chain_close.copy(), inputs.chain_oi.copy()
    close[:, far], oi[:, far] = np.nan, np.nan
    out = compute(replace(inputs, chain_close=close, chain_oi=oi))[0]
    assert np.array_equal(column(out, "matrix_mean_20"), column(whole, "matrix_mean_20"), equal_nan=True)


def test_health_tells_a_session_that_warms_up(whole: ComponentOutput) -> None:
    assert not whole.health[:16].any()
    assert set(whole.health[17:40]) <= {0, 1}
