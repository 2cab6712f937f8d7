"""What each parameter of C6 steers: the features that declare it change with it, and no other by a single bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mr_platform.features.c6_correlation.catalogue import features
from mr_platform.features.c6_correlation.layout import N_TRACKED
from mr_platform.features.history import QuantityHistory
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.series import CLOSE
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.correlation import CorrelationParameters
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.objects import build, declared_for, declared_set, names_of
from mr_platform.parameters.registry import registry
from mr_platform.parameters.values import Value
from tests.features.c6_session import NAMES, compute, inputs_of
from tests.features.conftest import STEP
from tests.features.steering import fits, other_values, with_values
from tests.features.test_c6_particulars import TERM

if TYPE_CHECKING:
    from tests.features.conftest import Market

BARS = 300
RULES = tuple(
    declared
    for declared in registry().parameters.values()
    if isinstance(declared, Parameter) and declared.field.split(".")[0] in names_of(CorrelationParameters)
)
# What the range of values alone would not show on one session.
MORE: dict[str, tuple[Value, ...]] = {
    "dte_history.range_sessions": ((10, 10, 10),),
    "dte_history.range_bounds": ((2, 30),),
    "dte_history.day_observations": (1000,),
    "correlation.least_strikes": (12,),
    "correlation.strike_reach": (6, 5),
    "windows.series_share": (1.0, 0.95, 0.3),
}
SILENT = {"correlation.learning_rate", "dte_history.level_observations", "correlation.score_weights"}
"""Steer the weights' learning, nothing, and the score alone."""

COARSE = {f"c6_breakdown_{name}" for name in ("alert_level", "alert_age", "alerts_used", "broken_share")} | {
    f"c6_breakdown_confidence_{name}" for name in ("iv_itm1_otm1", "put_call_skew")
}
"""Stand still for most small changes: nothing but a rule that starts or stops to speak moves them."""

Case = tuple[SessionInputs, DailyContext]


def remembered(dte: list[int]) -> dict[str, np.ndarray]:
    """Memory of sessions at those days to expiry, each looser than the one before it."""
    history = QuantityHistory.empty(N_TRACKED)
    rng = np.random.default_rng(4)
    for i, days in enumerate(dte):
        level = 0.95 - 0.02 * i - 0.02 * days
        history = history.with_session(days, level + 0.05 * rng.random((75, N_TRACKED)))
    return history.as_memory("c6_pairs") | {"c6_blocks": np.linspace(-0.1, 0.2, 10)}


@pytest.fixture(scope="module")
def cases(market: Market) -> list[Case]:
    """A session with nothing remembered, with enough at its own days to expiry, and with enough in its range alone."""
    chain = OptionChainDay.from_core(market.cores[2], market.sessions[2], strike_step=STEP)
    inputs = inputs_of(chain)
    # for a while scores and vegas are missing, and the overlay and the calls' open interest stand still
    inputs.vega[100:170] = np.nan
    inputs = replace(inputs, chain_oi=inputs.chain_oi.copy())
    inputs.chain_oi[100:170, :, 0] = inputs.chain_oi[100, :, 0]
    inputs.outputs["c5"].score[60:120] = np.nan
    inputs.outputs["c4"].score[90:100] = np.nan
    inputs.outputs["c1"].values[100:170] = 0.5
    part = replace(inputs.until(BARS), outputs={key: one.part(0, BARS) for key, one in inputs.outputs.items()})
    ohlc = market.contexts[1].rolling_ohlc.copy()
    ohlc[-1, CLOSE] = inputs.underlying[0, 0] / 1.0055
    previous = replace(market.contexts[1], rolling_ohlc=ohlc)
    own, near = [3, 3, 2, 3, 3, 6, 3, 3, 3, 7, 3, 3, 3, 3], [2, 7, 4, 3, 5, 2, 6, 2, 7, 5, 4, 3, 2, 6]
    bare = {"c6_blocks": np.linspace(-0.1, 0.2, 10)}
    return [(part, replace(previous, memory=memory)) for memory in (bare, remembered(own), remembered(near))]


def columns(cases: list[Case], rule: CorrelationParameters) -> list[bytes]:
    outs = [compute(inputs, previous=previous, rule=rule)[0].values for inputs, previous in cases]
    return [b"".join(out[:, i].tobytes() for out in outs) for i in range(len(NAMES))]


@pytest.fixture(scope="module")
def before(cases: list[Case]) -> list[bytes]:
    return columns(cases, build(CorrelationParameters, declared_set()))


def values_of(parameter: Parameter) -> Iterator[Value]:
    yield from MORE.get(parameter.field, ())
    yield from other_values(parameter)


@pytest.mark.parametrize("parameter", RULES, ids=lambda p: p.field)
def test_a_parameter_changes_the_features_that_declare_it_and_nothing_else(
    parameter: Parameter, cases: list[Case], before: list[bytes]
) -> None:
    declared = {
        spec.name
        for spec in features()
        for name in spec.parameters
        if parameter in declared_for(CorrelationParameters, name)
    }
    changed: set[str] = set()
    for value in values_of(parameter):
        other = with_values(declared_set(), {parameter.id: value})
        if not fits(other, [CorrelationParameters]):
            continue
        after = columns(cases, build(CorrelationParameters, other))
        changed |= {name for name, a, b in zip(NAMES, after, before, strict=True) if a != b}
        assert changed <= declared, value
        if declared - TERM <= changed:
            break
    # the small market lists one expiry: what stands on the next one has nothing to change
    assert declared - TERM - changed <= COARSE
    assert bool(changed) == bool(declared)
    assert bool(declared) != (parameter.field in SILENT)
