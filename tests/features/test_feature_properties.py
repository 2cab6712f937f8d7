"""Properties across the components: of scale, of the mirror, of the order of rows, of holes, of correlations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mr_platform.features.c6_correlation.layout import N_SERIES
from mr_platform.features.catalogue import catalogue, component, components
from mr_platform.features.mirror import mirrors
from mr_platform.features.running import Run
from tests.features.contract import assert_same_bits
from tests.features.contract_sessions import FIRST, HOLED, LEARNED, LEVEL, MUHURAT, PLANS, Floats, World

KEYS = [entry.key for entry in components()]
WITH_MIRROR = sorted({name.split("_")[0] for name in mirrors()})
BOUND_TO_SCALE = {"rupees", "points"}
"""Units that double with prices and strikes. No feature is in one of them: all 774 are free of scale."""
LONG = LEARNED + 1
"""Sessions until enough is remembered that every feature lives."""
# Of the nearest expiry, outside of ATM +- 15 and of every wing: what counts the whole chain, what fits the whole smile.
FAR_STRIKE = 17_050.0
TOUCHED = {
    "c3": {
        "cumulative_net_oi",
        "cumulative_concentration_ce",
        "cumulative_concentration_pe",
        "cumulative_concentration_range",
        "institutional_wall_distance_pe",
        "institutional_wall_share_ce",
        "institutional_wall_share_pe",
        "institutional_max_pain_distance",
        "institutional_max_pain_migration",
        "institutional_pain_excess",
    },
    "c4": {
        "dual_dte_surface_shift_5",
        "dual_dte_surface_tilt_5",
        "dual_dte_surface_velocity_5",
        "skew_distance_reversal_1000",
        "skew_smile_slope",
        "skew_smile_curvature",
        "skew_smile_error",
        "skew_put_slope",
        "skew_asymmetry",
        "regime_surface_abnormality",
    },
    "c6": {"cross_consensus", "cross_agreement", "cross_coherence"},
}
# Ten steps above the money: features that need this strike and no other.
WING_STRIKE = 18_500.0
LOST = {"c1": set(), "c4": {"skew_distance_reversal_500"}, "c5": set(), "c6": set(), "c8": set()}


def with_columns(core: pa.Table, columns: Mapping[str, object]) -> pa.Table:
    for name, values in columns.items():
        core = core.set_column(core.schema.get_field_index(name), name, [values])
    return core


def in_binary_fractions(core: pa.Table) -> pa.Table:
    """Prices in sixteenths, all but the calls' a quarter of one higher.

    Sums are then exact in any order of the strikes, and no forward lies as near to one strike as to the next.
    """
    moved = {}
    for name in core.column_names:
        if name == "spot" or name.endswith(("open", "high", "low", "close")):
            price = np.maximum(np.round(core[name].to_numpy() * 16), 1) / 16
            moved[name] = price + (0 if name.startswith("ce_") else 1 / 64)
    return with_columns(core, moved)


def mirrored(core: pa.Table) -> pa.Table:
    """Calls for puts, and strikes, spot and future reflected at the level of the market."""
    core = in_binary_fractions(core)
    legs = [name.removeprefix("ce_") for name in core.column_names if name.startswith("ce_")]
    crossed = {f"ce_{name}": core[f"pe_{name}"] for name in legs} | {f"pe_{name}": core[f"ce_{name}"] for name in legs}
    other = {"strike": "strike", "spot": "spot", "future_open": "future_open", "future_close": "future_close"}
    other |= {"future_high": "future_low", "future_low": "future_high"}
    crossed = {name: column.combine_chunks() for name, column in crossed.items()}
    return with_columns(core, crossed | {name: 2 * LEVEL - core[of].to_numpy() for name, of in other.items()})


def without_strike(core: pa.Table, strike: float) -> pa.Table:
    """The nearest expiry's rows of the strike say nothing of either leg."""
    expiry = core["expiry"].to_numpy()
    hole = (core["strike"].to_numpy() == strike) & (expiry == expiry.min())
    legs = [name for name in core.column_names if name.startswith(("ce_", "pe_"))]
    return with_columns(core, {name: np.where(hole, np.nan, core[name].to_numpy().astype(float)) for name in legs})


def named(key: str, values: Floats) -> dict[str, Floats]:
    return dict(zip(component(key).names, values.T, strict=True))


def without_prefix(names: set[str]) -> set[str]:
    return {name.partition("_")[2] for name in names}


@pytest.fixture(scope="module")
def doubled() -> World:
    return World(scale=2.0, length=LONG)


@pytest.fixture(scope="module")
def both_sides() -> tuple[World, World]:
    """The market in exact prices, and its mirror."""
    return World(change=in_binary_fractions, length=LONG), World(change=mirrored, length=LONG)


@pytest.fixture(scope="module")
def without_far(world: World) -> Run:
    return world.again(LEARNED, without_strike(world.cores[LEARNED], FAR_STRIKE))[1]


@pytest.fixture(scope="module")
def without_wing(world: World) -> Run:
    return world.again(LEARNED, without_strike(world.cores[LEARNED], WING_STRIKE))[1]


def test_no_unit_is_bound_to_the_scale_of_prices() -> None:
    assert {spec.name for spec in catalogue() if spec.unit in BOUND_TO_SCALE} == set()
    assert {spec.name for spec in catalogue() if "rupee" in spec.unit or spec.unit.endswith(" points")} == set()


@pytest.mark.parametrize("key", KEYS)
def test_doubling_prices_and_strikes_changes_nothing(world: World, doubled: World, key: str) -> None:
    after = named(key, doubled.values(key))
    for name, x in named(key, np.vstack([run.outputs[key].values for run in world.runs[:LONG]])).items():
        np.testing.assert_allclose(after[name], x, rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_mirror_of_a_mirror_is_the_feature_itself() -> None:
    for name, (counterpart, sign) in mirrors().items():
        assert mirrors()[counterpart] == (name, sign)
    assert mirrors()["c3_institutional_wall_share_ce"] == ("c3_institutional_wall_share_pe", 1)
    assert mirrors()["c6_matrix_pair_ce_pe_20"] == ("c6_matrix_pair_ce_pe_20", 1)
    assert mirrors()["c1_timeframe_wing_spread_5"].sign == -1
    assert "c3_cumulative_pcr" not in mirrors()


@pytest.mark.parametrize("key", WITH_MIRROR)
def test_calls_for_puts_mirror_the_features_that_are_declared_so(both_sides: tuple[World, World], key: str) -> None:
    here, there = (named(key, world.values(key)) for world in both_sides)
    for name, (counterpart, sign) in mirrors().items():
        if name in here:
            x = here[name]
            assert np.isfinite(x).any() and np.nanmin(x) < np.nanmax(x), name
            np.testing.assert_allclose(sign * there[counterpart], x, rtol=1e-9, atol=1e-15, err_msg=name)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(ends=st.sets(st.integers(1, 59), max_size=8), seed=st.integers(0, 2**32 - 1))
def test_an_evening_in_any_pieces_and_any_order_of_rows_has_the_same_bits(
    world: World, ends: set[int], seed: int
) -> None:
    core = world.cores[MUHURAT]
    shuffled = core.take(pa.array(np.random.default_rng(seed).permutation(core.num_rows)))
    run = world.again(MUHURAT, shuffled, ends=sorted(ends))[1]
    assert run.inputs.minutes.size == PLANS[MUHURAT].session.n_bars
    for key in KEYS:
        assert_same_bits(run.outputs[key], world.runs[MUHURAT].outputs[key])


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("c7", "c8")])
def test_a_far_strike_that_says_nothing_touches_what_counts_the_whole_chain(
    world: World, without_far: Run, key: str
) -> None:
    before, after = (named(key, run.outputs[key].values) for run in (world.runs[LEARNED], without_far))
    touched = {name for name, x in before.items() if not np.array_equal(after[name], x, equal_nan=True)}
    assert without_prefix(touched) == TOUCHED.get(key, set())


def test_a_far_strike_that_says_nothing_moves_levels_of_the_underlying_alone(world: World, without_far: Run) -> None:
    before, after = (named("c7", run.outputs["c7"].values) for run in (world.runs[LEARNED], without_far))
    touched = {name for name, x in before.items() if not np.array_equal(after[name], x, equal_nan=True)}
    assert "c7_detection_wall_width_underlying" in touched
    assert {name for name in touched if name.endswith("_straddle")} == set()


@pytest.mark.parametrize("key", KEYS)
def test_a_far_strike_that_says_nothing_leaves_every_value_known(world: World, without_far: Run, key: str) -> None:
    before, after = (run.outputs[key] for run in (world.runs[LEARNED], without_far))
    assert np.array_equal(np.isnan(before.values), np.isnan(after.values))
    assert np.array_equal(np.isnan(before.score), np.isnan(after.score))


@pytest.mark.parametrize("key", LOST)
def test_a_strike_of_a_wing_that_says_nothing_takes_along_what_needs_it(
    world: World, without_wing: Run, key: str
) -> None:
    before, after = (named(key, run.outputs[key].values) for run in (world.runs[LEARNED], without_wing))
    lost = {name for name, x in before.items() if (np.isnan(after[name]) & ~np.isnan(x)).any()}
    assert without_prefix(lost) == LOST[key]


@pytest.mark.parametrize("i", [FIRST, HOLED, LEARNED, MUHURAT])
def test_every_correlation_matrix_is_positive_semi_definite(world: World, i: int) -> None:
    # the upper triangle is what is kept: symmetry and the unit diagonal are of the layout
    carried, upper = world.runs[i].states["c6"].carried, np.triu_indices(N_SERIES, 1)
    sizes = set()
    for window in range(carried.cells.shape[0]):
        for t in range(4, world.runs[i].inputs.minutes.size, 25):
            kept = np.flatnonzero(np.isfinite(carried.means[window, t]))
            matrix = np.eye(N_SERIES)
            matrix[upper] = matrix.T[upper] = carried.cells[window, t]
            matrix = matrix[np.ix_(kept, kept)]
            sizes.add(kept.size)
            assert (np.abs(matrix) <= 1).all()
            assert kept.size == 0 or np.linalg.eigvalsh(matrix).min() > -1e-10
    assert max(sizes) == N_SERIES or i != LEARNED
