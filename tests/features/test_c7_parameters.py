"""What each parameter of C7's own sheet steers: something, and never a feature that does not declare it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest

from mr_platform.features.c7_support_resistance.component import SupportResistance
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.context import daily_context
from mr_platform.features.inputs import SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import ORDINARY_WINDOW, Session
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.objects import build, declared_for, declared_set
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet
from mr_platform.parameters.support_resistance import SupportResistanceParameters
from tests.features.conftest import MONDAY, STEP, core_table
from tests.features.steering import fits, other_values, with_values

SHEET = "SupportResistanceConfig"
OWN = tuple(p for p in registry().parameters.values() if p.field.startswith("support_resistance."))
FEATURES = SupportResistance().features
# few touches are enough to learn from
BASE = with_values(declared_set(), {f"{SHEET}.breakout_least": 5, f"{SHEET}.method_least": 5})
SESSIONS_DTE = (2, 9, 40, 2, 9, 40, 2)
Columns = dict[str, bytes]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A session's inputs, made once, and its context without the memory of C7."""

    start: SessionStart
    inputs: SessionInputs
    context: DailyContext


def prepared(kind: str) -> list[Prepared]:
    out: list[Prepared] = []
    for i, dte in enumerate(SESSIONS_DTE):
        session = Session(MONDAY + timedelta(days=i + 2 * (i // 5)), "ordinary", (ORDINARY_WINDOW,))
        core = core_table(session.trade_date, seed=i, dte=dte, kind=kind)
        chain = OptionChainDay.from_core(core, session, strike_step=STEP)
        previous = out[-1].context if out else None
        start = SessionStart(session.trade_date, 375, dte, kind)
        out.append(Prepared(start, session_inputs(chain, 375, passes=()), daily_context(chain, previous)))
    return out


@pytest.fixture(scope="module")
def columns() -> Callable[[ParameterSet, str, str, int], Columns]:
    """Every column of the last session, by name, for a set, kind of underlying, symbol and days to expiry."""
    made: dict[str, list[Prepared]] = {}

    def run(parameters: ParameterSet, kind: str, symbol: str, dte: int) -> Columns:
        component = SupportResistance(build(SupportResistanceParameters, parameters))
        previous: DailyContext | None = None
        sessions = made.setdefault(kind, [])
        sessions.extend(prepared(kind) if not sessions else [])
        for i, one in enumerate(sessions):
            inputs = replace(one.inputs, dte=np.full(375, dte)) if i == len(sessions) - 1 else one.inputs
            state = component.begin(replace(one.start, previous=previous, symbol=symbol))
            out = ComponentOutput.empty(375, len(FEATURES))
            component.compute(inputs, out, 0, 375, state)
            previous = replace(one.context, memory=component.leave(inputs, out, state))
        features = {spec.name: column.tobytes() for spec, column in zip(FEATURES, out.values.T.copy(), strict=True)}
        return features | {name: getattr(out, name).tobytes() for name in ("score", "confidence", "health")}

    return run


def changes(parameter: Parameter) -> Iterator[ParameterSet]:
    """The base with another value of the parameter; a method's weight is taken from or given to another's."""
    if parameter.field.startswith("support_resistance.method_weights["):
        other = f"{SHEET}.method_weight_{'technical' if 'technical' not in parameter.name else 'pivots'}"
        moved = {parameter.id: BASE.values[parameter.id] + 0.05, other: BASE.values[other] - 0.05}  # type: ignore[operator]
        yield with_values(BASE, moved)
        return
    for value in other_values(parameter):
        changed = with_values(BASE, {parameter.id: value})
        if fits(changed, [SupportResistanceParameters]):
            yield changed


@pytest.mark.parametrize("parameter", OWN, ids=lambda p: p.name)
def test_a_parameter_steers_something_and_only_what_declares_it(
    parameter: Parameter, columns: Callable[[ParameterSet, str, str, int], Columns]
) -> None:
    kind = "spot" if "participation" in parameter.name else "future"
    symbol = next((name for name in ("BANKNIFTY", "STOCK") if name in parameter.name), "NIFTY")
    dte = 9 if "8_30" in parameter.name else 40 if "31_plus" in parameter.name else 2
    declared = {
        spec.name
        for spec in FEATURES
        for name in spec.parameters
        if parameter in declared_for(SupportResistanceParameters, name)
    }
    before = columns(BASE, kind, symbol, dte)
    verdict = {"score", "confidence", "health"}
    for changed in changes(parameter):
        after = columns(changed, kind, symbol, dte)
        moved = {name for name in before if before[name] != after[name]}
        assert moved - verdict <= declared
        if moved:
            return
    pytest.fail("no value of its range changed anything")
