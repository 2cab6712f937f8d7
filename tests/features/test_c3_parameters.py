"""What each parameter of C3 steers: the features that declare it change with it, and no other by a single bit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mr_platform.features.c3_oi_price_action.component import OIPriceAction
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import ATM, SessionInputs, session_inputs
from mr_platform.features.running import CHAIN_READ
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.objects import build, declared_for, declared_set
from mr_platform.parameters.oi_price_action import OiPriceActionParameters
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet
from mr_platform.parameters.values import Value
from tests.features.conftest import STEP
from tests.features.steering import fits, other_values, with_values

if TYPE_CHECKING:
    from tests.features.conftest import Market

SHEET = "TrendingOIPAConfig"
# A range that the 13 strikes of the test market leave room around.
NARROWER: dict[str, Value] = {
    f"{SHEET}.{name}": value
    for name, value in {"strikes_narrow": 2, "strikes_usual": 4, "strikes_wide": 6, "strikes_least": 7}.items()
}
OWN = tuple(
    one
    for one in registry().parameters.values()
    if one.field.startswith("oi_price_action.") or one.field in ("windows.coverage", "daily_context.atr_period")
)
FEATURES = OIPriceAction().features


@pytest.fixture(scope="module")
def sessions(market: Market) -> list[SessionInputs]:
    """A session as it was, one between low and high volatility, one without a listed future, one
    that lacks the upper strikes in every second minute."""
    chain = OptionChainDay.from_core(market.cores[2], market.sessions[2], strike_step=STEP, **CHAIN_READ)
    given = session_inputs(chain, 375, passes=OIPriceAction.passes)
    swinging = np.empty_like(given.volatility)
    swinging[:] = (0.20 + 0.12 * np.sin(np.arange(375) / 9))[:, None, None, None]
    around = given.around.copy()
    around[::2, ATM + 2 :] = -1
    return [
        given,
        replace(given, volatility=swinging),
        replace(given, underlying_kind="spot"),
        replace(given, around=around),
    ]


@pytest.fixture(scope="module")
def base() -> ParameterSet:
    return with_values(declared_set(), NARROWER)


def columns(parameters: ParameterSet, sessions: list[SessionInputs], symbol: str) -> dict[str, bytes]:
    """Every column of the sessions, by name."""
    component = OIPriceAction(build(OiPriceActionParameters, parameters))
    found: dict[str, bytes] = {}
    for given in sessions:
        out = ComponentOutput.empty(375, len(FEATURES))
        start = SessionStart(given.trade_date, 375, 3, given.underlying_kind, symbol=symbol)
        component.compute(given, out, 0, 375, component.begin(start))
        for spec, column in zip(FEATURES, out.values.T.copy(), strict=True):
            found[spec.name] = found.get(spec.name, b"") + column.tobytes()
    return found


@pytest.mark.parametrize("parameter", OWN, ids=lambda p: p.name)
def test_a_parameter_changes_the_features_that_declare_it_and_nothing_else(
    parameter: Parameter, sessions: list[SessionInputs], base: ParameterSet
) -> None:
    symbol = parameter.name.rsplit("_", 1)[1].upper() if "_cuts_" in parameter.name else "NIFTY"
    symbol = parameter.name.removeprefix("flow_ratio_").upper() if "flow_ratio" in parameter.name else symbol
    declared = {
        spec.name
        for spec in FEATURES
        for name in spec.parameters
        if parameter in declared_for(OiPriceActionParameters, name)
    }
    before, changed = columns(base, sessions, symbol), set[str]()
    for value in other_values(parameter):
        other = with_values(base, {parameter.id: value})
        if value == base.values[parameter.id] or not fits(other, [OiPriceActionParameters]):
            continue
        after = columns(other, sessions, symbol)
        changed |= {name for name in after if after[name] != before[name]}
        assert changed <= declared, value
        if changed == declared:
            break
    assert changed == declared and changed
