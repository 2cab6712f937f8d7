"""What is particular to C3: its parameters, its legs, and strikes without open interest."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mr_platform.features.c3_oi_price_action.catalogue import features
from mr_platform.features.c3_oi_price_action.component import OIPriceAction
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import ATM, SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import CHAIN_READ
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.objects import declared_for
from mr_platform.parameters.oi_price_action import OiPriceActionParameters
from tests.features.conftest import STEP

if TYPE_CHECKING:
    from tests.features.conftest import Market

NAMES = [spec.name.removeprefix("c3_") for spec in features()]
PARTS = ("values", "score", "confidence", "health")


def chain_of(market: Market, i: int, core: pa.Table | None = None) -> OptionChainDay:
    """Session ``i`` as the platform reads it."""
    table = market.cores[i] if core is None else core
    return OptionChainDay.from_core(table, market.sessions[i], strike_step=STEP, **CHAIN_READ)


def before(market: Market, i: int) -> DailyContext | None:
    return market.contexts[i - 1] if i else None


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


def columns(out: ComponentOutput) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, out.values.T, strict=True))


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
