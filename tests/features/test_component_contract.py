"""The eight components against the contract that all of them must keep to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.features.context import daily_context
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import Run, all_components
from tests.features.contract import CUTS, LAST, REFERENCE, ComponentContract
from tests.features.contract_sessions import EXPIRY, HOLED, LEARNED, MONDAY, MUHURAT, World, minutes_of


@pytest.fixture(scope="module")
def both_engines(world: World) -> Mapping[int, tuple[Run, Run]]:
    """Sessions of ``REFERENCE`` by the compiled and the readable components, on the same inputs."""
    return {
        i: tuple(world.cut(i, n, all_components(name)) for name in ("cpu", "reference"))  # type: ignore[misc]
        for i, n in REFERENCE.items()
    }


@pytest.fixture(scope="module")
def by_reference(world: World) -> Run:
    """The short session in pieces, its inputs by the readable kernels too."""
    return world.again(MUHURAT, ends=(1, 2, 31), engine="reference")[1]


@pytest.fixture(scope="module")
def by_minute(world: World) -> Run:
    """A session with memory, minute by minute."""
    return world.again(LEARNED, ends=range(1, LAST))[1]


@pytest.fixture(scope="module")
def by_fits(world: World) -> Run:
    """A session with outages in pieces of any length."""
    ends = np.sort(np.random.default_rng(5).choice(np.arange(1, LAST), 25, replace=False))
    return world.again(HOLED, ends=ends.tolist())[1]


@pytest.fixture(scope="module")
def prefixes(world: World) -> Mapping[int, Run]:
    """A session cut at the source: rows after the cut were never there."""
    return {n: world.again(LEARNED, until=n)[1] for n in CUTS}


@pytest.fixture(scope="module")
def shuffled(world: World) -> Run:
    core = world.cores[EXPIRY]
    return world.again(EXPIRY, core.take(pa.array(np.random.default_rng(7).permutation(core.num_rows))))[1]


@pytest.fixture(scope="module")
def with_a_late_strike(world: World) -> tuple[Run, Run]:
    """A session whose outermost strikes are first named late, in one go and in two pushes around that minute."""
    core = world.cores[LEARNED]
    strikes = core["strike"].to_numpy()
    inner = (strikes > strikes.min()) & (strikes < strikes.max())
    late = core.filter(pa.array(inner | (minutes_of(core) >= 700)))
    return world.again(LEARNED, late)[1], world.again(LEARNED, late, ends=(145,))[1]


@pytest.fixture(scope="module")
def silent(world: World) -> tuple[Run, DailyContext]:
    """A session in which nothing was received, and what it leaves."""
    chain, run = world.again(LEARNED, world.cores[LEARNED].slice(0, 0))
    return run, daily_context(chain, world.before(LEARNED), ran=run)


@pytest.fixture(scope="module")
def from_table(world: World) -> Run:
    """A session that begins with a context read back from its table."""
    context = world.before(LEARNED)
    assert context is not None
    return world.again(LEARNED, previous=DailyContext.from_table(context.to_table()))[1]


@pytest.fixture(scope="module")
def forgotten(world: World) -> Run:
    """The first session of a week with everything known before it taken away."""
    return world.again(MONDAY, previous=None)[1]


class TestC1TripleStraddle(ComponentContract):
    key = "c1"
    groups: ClassVar[Mapping[str, int]] = {"ema": 40, "vwap": 30, "pivot": 25, "timeframe": 25}
    needs_history = r"pivot_(?!range_position_atm).*|vwap_deviation_.*_previous"
    needs_bars = "pivot_support_(atm|otm1)"
    of_the_future = "pivot_(cpr_.*|position_underlying|support_atm)|vwap_(deviation|score)_future.*"


class TestC2GreeksSentiment(ComponentContract):
    key = "c2"
    groups: ClassVar[Mapping[str, int]] = {"first_order": 35, "second_order": 25, "dte": 20, "sentiment": 18}
    needs_history = "dte_score_percentile"
    least_confidence = 0.1


class TestC3OiPriceAction(ComponentContract):
    key = "c3"
    groups: ClassVar[Mapping[str, int]] = {"cumulative": 45, "rolling": 25, "institutional": 20, "divergence": 15}
    needs_bars = (
        "cumulative_.*_acceleration_.*_45|cumulative_volume_velocity_.*_45|institutional_absorption_50|rolling_.*_100"
    )


class TestC4IvSkew(ComponentContract):
    key = "c4"
    groups: ClassVar[Mapping[str, int]] = {"dual_dte": 35, "skew": 25, "regime": 15, "term": 12}
    needs_history = "dual_dte_(percentile_.*_(specific|range)|rank_atm_specific)"
    needs_bars = ".*_momentum_.*_60|dual_dte_(percentile|rank)_.*_specific"
    of_the_future = "dual_dte_(percentile|rank)_.*_specific"
    lowest_score = 0.0


class TestC5AtrEmaCpr(ComponentContract):
    key = "c5"
    groups: ClassVar[Mapping[str, int]] = {"dual_asset": 40, "atr": 20, "ema": 20, "cpr": 14}
    needs_history = (
        "atr_percentile_.*|cpr_(?!developing_width).*|dual_asset_(ema_)?percentile_.*|ema_(stretch|convergence)_daily.*|"
        "dual_asset_(nearest_.*_straddle|pivot_straddle|premium_to_range|range_used_underlying)|"
        "ema_stretch_(weekly|monthly)_.*"
    )
    needs_bars = "(atr|dual_asset_ema)_percentile_.*(?<!range)"
    of_the_future = (
        "atr_percentile_.*|cpr_(?!developing_width).*|dual_asset_(ema_)?percentile_.*|ema_(stretch|convergence)_daily.*|"
        "dual_asset_(premium_to_range|range_used_underlying)|ema_stretch_(weekly|monthly)_.*"
    )


class TestC6Correlation(ComponentContract):
    key = "c6"
    groups: ClassVar[Mapping[str, int]] = {"matrix": 90, "breakdown": 25, "cross": 20, "graph": 15}
    needs_history = "cross_gap_.*"
    needs_bars = "breakdown_(absorption_shift|departure_iv_itm1_otm1|turbulence_shift)|matrix_stability_50"
    of_the_future = "cross_gap_.*|breakdown_departure_put_call_skew"


class TestC7SupportResistance(ComponentContract):
    key = "c7"
    groups: ClassVar[Mapping[str, int]] = {"detection": 30, "confluence": 20, "strength": 15, "breakout": 7}
    needs_history = "detection_(gap|pivot|week)_.*"
    needs_bars = "detection_range_underlying_(30|60)"
    of_the_future = "detection_(gap|pivot|week)_underlying"


class TestC8MasterIntegration(ComponentContract):
    key = "c8"
    groups: ClassVar[Mapping[str, int]] = {"regime": 20, "dte": 15, "structure": 8, "integration": 5}
    needs_bars = "regime_shift_60|structure_(change_30|performance_shift_60|rotation_60)"
