"""What every component must keep to, on C3: engines agree, a tick is a batch, a prefix is the whole, no filler."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.features.c3_oi_price_action.catalogue import features
from mr_platform.features.c3_oi_price_action.component import OIPriceAction
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import ATM, SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import CHAIN_READ, run_components
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.objects import declared_for
from mr_platform.parameters.oi_price_action import OiPriceActionParameters
from tests.features.conftest import STEP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.features.conftest import Market

NAMES = [spec.name.removeprefix("c3_") for spec in features()]
PARTS = ("values", "score", "confidence", "health")


def chain_of(market: Market, i: int, core: pa.Table | None = None) -> OptionChainDay:
    """Session ``i`` as the platform reads it."""
    table = market.cores[i] if core is None else core
    return OptionChainDay.from_core(table, market.sessions[i], strike_step=STEP, **CHAIN_READ)


def before(market: Market, i: int) -> DailyContext | None:
    return market.contexts[i - 1] if i else None


def batch(chain: OptionChainDay, previous: DailyContext | None, engine: str = "cpu") -> ComponentOutput:
    return run_components({"c3": OIPriceAction(engine=engine)}, chain, previous=previous).outputs["c3"]


def of(inputs: SessionInputs, previous: DailyContext | None = None) -> ComponentOutput:
    """The compiled component over inputs that were changed by hand."""
    component = OIPriceAction()
    m = inputs.minutes.size
    out = ComponentOutput.empty(m, len(component.features))
    state = component.begin(start(inputs, previous))
    component.compute(inputs, out, 0, m, state)
    return out


def start(inputs: SessionInputs, previous: DailyContext | None) -> SessionStart:
    return SessionStart(inputs.trade_date, 375, 3, inputs.underlying_kind, previous, symbol="NIFTY")


def assert_same_bits(one: ComponentOutput, other: ComponentOutput) -> None:
    for name in PARTS:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


def columns(out: ComponentOutput) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, out.values.T, strict=True))


def test_the_catalogue_keeps_to_its_budget() -> None:
    groups = Counter(spec.group for spec in features())
    assert list(groups.items()) == [("cumulative", 45), ("rolling", 25), ("institutional", 20), ("divergence", 15)]
    assert len(set(NAMES)) == 105 and all(re.fullmatch(r"c3(_[a-z0-9]+)+", spec.name) for spec in features())
    assert {spec.name for spec in features() if len(spec.description.split()) < 6} == set()


def test_every_parameter_named_is_declared_and_every_declared_one_is_named() -> None:
    named = {
        declared.id
        for spec in features()
        for name in spec.parameters
        for declared in declared_for(OiPriceActionParameters, name)
    }
    assert all(declared_for(OiPriceActionParameters, name) for spec in features() for name in spec.parameters)
    own = {d.id for d in declared_for(OiPriceActionParameters, "strikes")}
    fields = set(OiPriceActionParameters.__dataclass_fields__) - {"windows", "memory"}
    own |= {d.id for name in fields for d in declared_for(OiPriceActionParameters, name)}
    assert own - named == set()


@pytest.mark.parametrize(("i", "bars"), [(0, 150), (3, 375)])
def test_reference_and_cpu_agree_and_lack_the_same_values(market: Market, i: int, bars: int) -> None:
    chain = chain_of(market, i).until(554 + bars)
    fast, slow = (batch(chain, before(market, i), engine) for engine in ("cpu", "reference"))
    for name in PARTS:
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-9, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("pieces", [1, 5, None])
def test_ticks_give_the_bits_of_the_batch(market: Market, pieces: int | None) -> None:
    chain = chain_of(market, 4)
    inputs = session_inputs(chain, 375, passes=OIPriceAction.passes)
    whole = of(inputs, before(market, 4))
    component = OIPriceAction()
    out, state = ComponentOutput.empty(375, 105), component.begin(start(inputs, before(market, 4)))
    rng, at = np.random.default_rng(5), 0
    while at < 375:
        stop = min(at + (pieces or int(rng.integers(1, 60))), 375)
        component.compute(inputs, out, at, stop, state)
        at = stop
    assert_same_bits(out, whole)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_only_inputs_before_the_end_of_a_call_are_read(market: Market, engine: str) -> None:
    inputs = session_inputs(chain_of(market, 2).until(555 + 69), 375, passes=OIPriceAction.passes)
    whole = session_inputs(chain_of(market, 2), 375, passes=OIPriceAction.passes)
    component = OIPriceAction(engine=engine)
    outs = []
    for given in (inputs, whole):
        out = ComponentOutput.empty(given.minutes.size, 105)
        component.compute(given, out, 0, 70, component.begin(start(given, before(market, 2))))
        outs.append(out.part(0, 70))
    assert_same_bits(*outs)


def test_a_strike_that_is_named_late_moves_the_axis_and_nothing_else(market: Market) -> None:
    core = market.cores[1]
    minute = (core["ts"].cast(pa.int64()).to_numpy() // 60_000_000 + 330) % 1440
    strikes = core["strike"].to_numpy()
    late = core.filter(pa.array((strikes > strikes.min()) | (minute >= 700)))
    whole = session_inputs(chain_of(market, 1, late), 375, passes=OIPriceAction.passes)
    early_rows = late.filter(pa.array((late["ts"].cast(pa.int64()).to_numpy() // 60_000_000 + 330) % 1440 < 700))
    early = session_inputs(chain_of(market, 1, early_rows), 375, passes=OIPriceAction.passes)
    assert early.strikes_listed.size < whole.strikes_listed.size
    component = OIPriceAction()
    out, state = ComponentOutput.empty(375, 105), component.begin(start(whole, before(market, 1)))
    component.compute(early, out, 0, 145, state)
    component.compute(whole, out, 145, 375, state)
    assert_same_bits(out, of(whole, before(market, 1)))


def test_the_order_of_the_rows_does_not_matter(market: Market) -> None:
    core = market.cores[1]
    shuffled = core.take(pa.array(np.random.default_rng(7).permutation(core.num_rows)))
    assert_same_bits(
        batch(chain_of(market, 1), before(market, 1)), batch(chain_of(market, 1, shuffled), before(market, 1))
    )


def test_doubling_every_price_changes_no_feature(build_market: Callable[..., Market], market: Market) -> None:
    doubled = build_market(2, scale=2.0)
    chain = OptionChainDay.from_core(doubled.cores[1], doubled.sessions[1], strike_step=2 * STEP, **CHAIN_READ)
    one, other = batch(chain_of(market, 1), before(market, 1)), batch(chain, doubled.contexts[0])
    for name in PARTS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12, err_msg=name)


def test_swapping_calls_and_puts_mirrors_what_is_of_a_leg(market: Market) -> None:
    inputs = session_inputs(chain_of(market, 2), 375, passes=OIPriceAction.passes)
    legs = ("chain_close", "chain_volume", "chain_oi")
    swapped = replace(inputs, **{name: getattr(inputs, name)[..., ::-1] for name in legs})
    one, other = columns(of(inputs)), columns(of(swapped))
    same = r"_(velocity|acceleration|concentration|correlation|turnover|flow_z|wall_share)_(ce|pe)"
    for name in NAMES:
        mirrored = re.sub("_(ce|pe)(_|$)", lambda found: {"ce": "_pe", "pe": "_ce"}[found[1]] + found[2], name)
        if re.search(same, name):
            np.testing.assert_array_equal(other[mirrored], one[name], err_msg=name)
        if "rolling_buildup_ce" in name:
            np.testing.assert_array_equal(other[mirrored], -one[name], err_msg=name)
    for name in ("cumulative_net_oi", "cumulative_net_flow", "rolling_trend", "institutional_flow_level"):
        np.testing.assert_allclose(other[name], -one[name], rtol=1e-9, atol=1e-15, err_msg=name)
    np.testing.assert_allclose(other["cumulative_pcr"], 1 / one["cumulative_pcr"])
    np.testing.assert_allclose(other["rolling_leg_divergence_50"], one["rolling_leg_divergence_50"])


def test_a_strike_without_open_interest_is_left_out_of_sums_and_touches_no_price(market: Market) -> None:
    inputs = session_inputs(chain_of(market, 2), 375, passes=OIPriceAction.passes)
    oi = inputs.chain_oi.copy()
    oi[np.arange(375), inputs.around[:, ATM + 3]] = np.nan
    one, other = columns(of(inputs)), columns(of(replace(inputs, chain_oi=oi)))
    touched = [name for name in NAMES if not np.array_equal(one[name], other[name], equal_nan=True)]
    assert {name for name in touched if "price" in name or "volume" in name} == set()
    for name in ("cumulative_pcr", "institutional_wall_share_ce", "institutional_max_pain_distance"):
        assert np.isfinite(other[name]).mean() > 0.5 and name in touched


def test_no_column_is_empty_constant_infinite_or_a_twin_of_another(market: Market) -> None:
    values = np.vstack([batch(chain_of(market, i), before(market, i)).values for i in range(7)])
    names, finite = np.array(NAMES), np.isfinite(values)
    assert names[~finite.any(axis=0)].tolist() == []
    assert not np.isinf(values).any()
    spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    assert names[spread == 0].tolist() == []
    ranked = np.nan_to_num((values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0))
    share = np.sqrt(np.outer(finite.mean(axis=0), finite.mean(axis=0)))
    twins = np.argwhere(np.triu(np.abs(ranked.T @ ranked) / len(values) / share >= 0.999999, 1))
    assert [(names[a], names[b]) for a, b in twins] == []
    for spec, column in zip(features(), values.T, strict=True):
        known = column[np.isfinite(column)]
        assert known.min() >= spec.range[0] - 1e-12 and known.max() <= spec.range[1] + 1e-12, spec.name


def test_a_feature_is_unknown_before_its_warm_up_on_a_first_session(market: Market) -> None:
    values = batch(chain_of(market, 0), None).values
    for spec, column in zip(features(), values.T, strict=True):
        assert np.isnan(column[: spec.warmup_minutes - 1]).all(), spec.name


def test_scores_confidences_and_healths_stay_in_their_ranges(market: Market) -> None:
    out = batch(chain_of(market, 5), before(market, 5))
    known = ~np.isnan(out.score)
    assert known.any() and (np.abs(out.score[known]) <= 1).all()
    assert ((out.confidence >= 0) & (out.confidence <= 1)).all() and (out.confidence[~known] == 0).all()
    assert set(out.health[known].tolist()) <= {1, 2} and set(out.health[~known].tolist()) <= {0}


def test_an_empty_session_is_unknown_throughout_and_not_an_error(market: Market) -> None:
    for engine in ("cpu", "reference"):
        out = batch(chain_of(market, 1, market.cores[1].slice(0, 0)), before(market, 1), engine)
        assert np.isnan(out.values).all() and np.isnan(out.score).all()
        assert not out.confidence.any() and not out.health.any()
