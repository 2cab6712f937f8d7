"""What is particular to C4: legs of one strike, holes in a wing, warm-ups, and a nearest expiry that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mr_platform.features.c4_iv_skew.component import IVSkew
from tests.features.c4_sessions import Floats, columns, computed, remembered, walking

if TYPE_CHECKING:
    pass

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


def test_a_feature_is_first_known_at_its_warm_up(memory: Mapping[str, Floats]) -> None:
    out, _ = computed(walking(32, gaps=0.0), memory=memory)
    first = {n: int(np.flatnonzero(np.isfinite(c))[0]) + 1 for n, c in columns(out).items()}
    stated = {spec.name.removeprefix("c4_"): spec.warmup_minutes for spec in IVSkew().features}
    assert {name: bars for name, bars in first.items() if bars < stated[name]} == {}
    assert {name: bars for name, bars in first.items() if bars > stated[name]} == {}


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
