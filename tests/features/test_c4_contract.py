"""What every component must keep to, on C4: engines agree, a tick is a batch, a prefix is the whole, no filler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.features.c4_iv_skew.component import IVSkew
from mr_platform.features.component import ComponentOutput
from mr_platform.features.running import CHAIN_READ, run_components
from mr_platform.market.chain import OptionChainDay
from tests.features.c4_sessions import Floats, columns, computed, remembered, start, walking

if TYPE_CHECKING:
    from tests.features.conftest import Market

# What cannot be known without earlier sessions.
NEEDS_HISTORY = {
    "dual_dte_percentile_atm_specific",
    "dual_dte_percentile_atm_range",
    "dual_dte_rank_atm_specific",
    "dual_dte_percentile_reversal_specific",
    "dual_dte_percentile_reversal_range",
    "dual_dte_percentile_butterfly_range",
    "dual_dte_percentile_term_range",
}
OUTPUTS = ("values", "score", "confidence", "health")


@pytest.fixture(scope="module")
def memory() -> Mapping[str, Floats]:
    """Eight earlier sessions, four of them at two days to expiry."""
    return remembered((2, 6, 2, 1, 2, 6, 0, 2))


def assert_same_bits(one: ComponentOutput, other: ComponentOutput) -> None:
    for name in OUTPUTS:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


def test_c4_has_its_budget_by_group_and_well_formed_names() -> None:
    specs = IVSkew().features
    assert Counter(spec.group for spec in specs) == {"dual_dte": 35, "skew": 25, "regime": 15, "term": 12}
    assert len({spec.name for spec in specs}) == len({spec.description for spec in specs}) == 87
    assert all(spec.name.startswith(f"c4_{spec.group}_") and len(spec.description.split()) >= 4 for spec in specs)


@pytest.mark.parametrize(("seed", "known"), [(1, False), (2, True), (3, True)])
def test_reference_and_cpu_agree_and_lack_the_same_values(memory: Mapping[str, Floats], seed: int, known: bool) -> None:
    session = walking(seed, minutes=200, gaps=0.2 if seed == 3 else 0.03)
    past = memory if known else None
    (fast, carried), (slow, other) = (
        computed(session, IVSkew(engine=engine), memory=past) for engine in ("cpu", "reference")
    )
    for name in OUTPUTS:
        a, b = getattr(fast, name), getattr(slow, name)
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b), err_msg=name)
        assert np.nanmax(np.abs(a - b) / np.maximum(np.abs(b), 1e-6)) <= 1e-9, name
    np.testing.assert_allclose(carried.carried.quantities, other.carried.quantities, rtol=1e-12)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_pieces_give_the_bits_of_the_batch(memory: Mapping[str, Floats], engine: str) -> None:
    session = walking(4, minutes=375 if engine == "cpu" else 90)
    m, rng = session.minutes.size, np.random.default_rng(0)
    whole, _ = computed(session, IVSkew(engine=engine), memory=memory)
    some = sorted(rng.choice(np.arange(1, m), 12, replace=False).tolist())
    cuts = [range(1, m), range(5, m, 5), some] if engine == "cpu" else [some[:4]]
    for pieces in cuts:
        assert_same_bits(computed(session, IVSkew(engine=engine), memory=memory, pieces=list(pieces))[0], whole)


@pytest.mark.parametrize("n", [1, 16, 47, 200])
def test_a_prefix_gives_the_bits_of_the_whole_and_reads_nothing_after_it(memory: Mapping[str, Floats], n: int) -> None:
    session, one = walking(5), IVSkew()
    whole, _ = computed(session, one, memory=memory)
    later = {f.name: getattr(session, f.name).copy() for f in fields(session) if f.name in ("volatility", "forwards")}
    for values in later.values():
        values[n:] = np.nan
    cut, state = replace(session, **later), one.begin(start(session, memory))
    out = ComponentOutput.empty(375, 87)
    one.compute(cut, out, 0, n, state)
    assert_same_bits(out.part(0, n), whole.part(0, n))
    assert np.isnan(out.values[n:]).all()


def test_axes_that_move_between_calls_change_nothing(memory: Mapping[str, Floats]) -> None:
    session, one = walking(6), IVSkew()
    whole, _ = computed(session, one, memory=memory)
    more = np.concatenate([[15_000.0], session.strikes_listed, [21_025.0]])
    empty = np.full((375, 3, 1, 2), np.nan)
    moved = replace(
        session,
        strikes_listed=more,
        volatility=np.concatenate([empty, session.volatility, empty], axis=2),
        at_money=session.at_money + 1,
    )
    out, state = ComponentOutput.empty(375, 87), one.begin(start(session, memory))
    one.compute(session, out, 0, 137, state)
    one.compute(moved, out, 137, 375, state)
    assert_same_bits(out, whole)


def test_doubling_every_price_changes_no_feature(memory: Mapping[str, Floats]) -> None:
    (one, _), (double, _) = (computed(walking(7, scale=scale), memory=memory) for scale in (1.0, 2.0))
    for name, a in columns(one).items():
        np.testing.assert_allclose(columns(double)[name], a, rtol=1e-9, atol=1e-10, err_msg=name)


def test_swapping_calls_and_puts_mirrors_what_compares_both_legs_of_a_strike() -> None:
    session = walking(8)
    (straight, _), (crossed, _) = (
        computed(replace(session, volatility=v))
        for v in (session.volatility, np.ascontiguousarray(session.volatility[..., ::-1]))
    )
    one, other = columns(straight), columns(crossed)
    np.testing.assert_array_equal(one["skew_parity_gap_atm"], -other["skew_parity_gap_atm"])
    for name in ("dual_dte_atm_iv_near", "dual_dte_momentum_near_15", "term_slope_next"):
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_hole_in_one_strike_stays_with_the_features_that_use_it() -> None:
    session = walking(9, gaps=0.0)
    holed = session.volatility.copy()
    far_put = int(session.at_money[100, 0]) - 10
    holed[:, 0, far_put] = np.nan
    whole, hole = columns(computed(session)[0]), columns(computed(replace(session, volatility=holed))[0])
    lost = {name for name in whole if (np.isnan(hole[name]) & ~np.isnan(whole[name])).any()}
    assert lost == {"skew_distance_reversal_500"}
    for name in ("dual_dte_atm_iv_near", "skew_risk_reversal_25", "term_slope_next", "dual_dte_momentum_near_60"):
        np.testing.assert_array_equal(whole[name], hole[name], err_msg=name)


def test_no_column_is_empty_constant_or_a_twin_of_another(memory: Mapping[str, Floats]) -> None:
    found = [columns(computed(walking(20 + i), memory=memory)[0]) for i in range(4)]
    values = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    assert [name for name, column in values.items() if not np.isfinite(column).any()] == []
    assert [name for name, column in values.items() if np.nanmin(column) == np.nanmax(column)] == []
    names = list(values)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            both = np.isfinite(values[a]) & np.isfinite(values[b])
            assert abs(np.corrcoef(values[a][both], values[b][both])[0, 1]) < 0.999999, (a, b)


def test_values_stay_in_the_ranges_the_catalogue_states(memory: Mapping[str, Floats]) -> None:
    for seed in (30, 31):
        out, _ = computed(walking(seed), memory=memory)
        assert not np.isinf(out.values).any()
        for spec, column in zip(IVSkew().features, out.values.T, strict=True):
            low, high = spec.range
            assert np.nanmin(column) >= low - 1e-12 and np.nanmax(column) <= high + 1e-12, spec.name
        assert np.nanmin(out.score) >= 0 and np.nanmax(out.score) <= 1
        assert ((out.confidence >= 0) & (out.confidence <= 1)).all() and set(out.health.tolist()) <= {0, 1, 2}
        assert (out.confidence[np.isnan(out.score)] == 0).all()


def test_a_feature_is_first_known_at_its_warm_up(memory: Mapping[str, Floats]) -> None:
    out, _ = computed(walking(32, gaps=0.0), memory=memory)
    first = {n: int(np.flatnonzero(np.isfinite(c))[0]) + 1 for n, c in columns(out).items()}
    stated = {spec.name.removeprefix("c4_"): spec.warmup_minutes for spec in IVSkew().features}
    assert {name: bars for name, bars in first.items() if bars < stated[name]} == {}
    assert {name: bars for name, bars in first.items() if bars > stated[name]} == {}


def test_without_memory_seven_features_are_unknown_and_the_others_live() -> None:
    found = columns(computed(walking(33))[0])
    assert {name for name, column in found.items() if np.isnan(column).all()} == NEEDS_HISTORY


def test_a_session_without_a_volatility_is_unknown_and_hands_on_what_it_was_given(memory: Mapping[str, Floats]) -> None:
    session, one = walking(34), IVSkew()
    silent = replace(session, volatility=np.full_like(session.volatility, np.nan))
    out, state = computed(silent, one, memory=memory)
    assert np.isnan(out.values).all() and np.isnan(out.score).all()
    assert out.confidence.tolist() == [0.0] * 375 and out.health.tolist() == [0] * 375
    left = one.leave(silent, out, state)
    assert sorted(left) == sorted(memory)
    assert all(np.array_equal(left[name], memory[name], equal_nan=True) for name in left)


def test_where_the_nearest_expiry_changes_nothing_is_compared_across() -> None:
    session = walking(35, gaps=0.0)
    days = session.days.copy()
    days[100:, 0] = 0
    found = columns(computed(replace(session, days=days))[0])
    across = slice(100, 105)
    assert np.isnan(found["dual_dte_momentum_near_5"][across]).all()
    assert np.isnan(found["skew_momentum_reversal_5"][across]).all()
    assert np.isnan(found["dual_dte_surface_velocity_5"][across]).all()
    assert np.isfinite(found["dual_dte_momentum_near_5"][105]) and np.isfinite(found["dual_dte_momentum_next_15"][110])
    assert np.isnan(found["dual_dte_session_rank"][100:129]).all() and np.isfinite(found["dual_dte_session_rank"][129])


def test_a_chain_gives_the_same_whatever_the_order_of_its_rows(market: Market) -> None:
    core, session = market.cores[1], market.sessions[1]
    shuffled = core.take(pa.array(np.random.default_rng(7).permutation(core.num_rows)))
    one, other = (
        run_components({"c4": IVSkew()}, OptionChainDay.from_core(table, session, strike_step=50.0, **CHAIN_READ))
        for table in (core, shuffled)
    )
    assert_same_bits(one.outputs["c4"], other.outputs["c4"])
    assert np.isfinite(one.outputs["c4"].score).mean() > 0.9
    assert sorted(one.memory()) == [f"c4_history_{part}" for part in ("dte", "median", "points", "seen")]
