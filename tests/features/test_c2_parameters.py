"""What each parameter of C2 steers: the features that declare it change with it, and no other by a single bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest

from mr_platform.features.c2_greeks_sentiment.component import GreeksSentiment
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.series import CLOSE
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.greeks_sentiment import GreeksSentimentParameters
from mr_platform.parameters.objects import build, declared_for, declared_set, names_of
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet
from mr_platform.parameters.values import Value
from tests.features.contract_sessions import FIRST, HOLED, LEARNED, MONDAY, Floats, Remembered, World
from tests.features.steering import fits, other_values, with_values

SHEET = "GreekSentimentConfig"
HISTORY = "MasterIntegrationConfig.dte"
BARS = 100
FEATURES = GreeksSentiment().features
OWN = tuple(
    one
    for one in registry().parameters.values()
    if one.field.split(".")[0] in names_of(GreeksSentimentParameters) and one.field != "windows.series_share"
)
# Medians as small as the volumes of the test market, and few strikes where some are missing.
COMMON: dict[str, Value] = {
    f"{SHEET}.leg_default_volume": 20.0,
    f"{SHEET}.leg_default_oi": 10_000.0,
    f"{SHEET}.strike_set_least": 13,
    f"{SHEET}.strike_set_least_wing": 6,
}
# Few sessions and observations are enough to learn from, and any gain.
EAGER: dict[str, Value] = COMMON | {
    f"{SHEET}.weight_least": 2,
    f"{SHEET}.weight_least_gain": 0.0,
    f"{HISTORY}_range_least_sessions": 2,
    f"{HISTORY}_range_observations": 20,
    f"{HISTORY}_day_least_sessions": 2,
    f"{HISTORY}_day_observations": 20,
    f"{HISTORY}_level_observations": 3,
}
LONG, LONGER = (2,) * 15, (1,) * 23
# Cuts that must stay further apart than the scores spread; bounds that some weights of both orders reach.
APART: dict[str, Value] = EAGER | {
    f"{SHEET}.level_cuts": (-0.4, -0.25, -0.1, 0.1, 0.25, 0.4),
    f"{SHEET}.level_separation": 0.14,
    f"{SHEET}.level_step": 0.1,
}
BOUNDED: dict[str, dict[str, Value]] = {
    "low": EAGER | {f"{SHEET}.weight_low": 1.03},
    "high": EAGER | {f"{SHEET}.weight_high": 1.05},
}
UNFLOORED: dict[str, Value] = EAGER | {f"{SHEET}.scale_least_share": 0.0}
FEW_SESSIONS: Value = (10, 10, 10)
"""Of a range of days to expiry: as many as a course outlasts."""
EARLY, LATE = np.array([3.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 3.0, 1.0, 3.0, 1.0])
"""How much each Greek says about the next five minutes: enough that weights are learned, and of other Greeks early."""
EARLY_SESSIONS = 5


@dataclass(frozen=True)
class Course:
    """Sessions one after another, each remembering what the one before it left.

    ``dte`` days to expiry of each; ``values`` parameters that differ from their defaults; ``symbol`` the underlying.
    """

    dte: tuple[int, ...]
    values: Mapping[str, Value]
    symbol: str = "NIFTY"


Runner = Callable[[Course, ParameterSet], dict[str, bytes]]


@pytest.fixture(scope="module")
def run(world: World) -> Runner:
    """Every column of a course under a parameter set, by name."""
    sessions = [world.runs[i].inputs.until(BARS) for i in (FIRST, HOLED, MONDAY, LEARNED)]
    early, late = ([informed(one, says) for one in sessions] for says in (EARLY, LATE))

    def columns(course: Course, parameters: ParameterSet) -> dict[str, bytes]:
        component = GreeksSentiment(build(GreeksSentimentParameters, parameters))
        memory: Mapping[str, Floats] = {}
        found = dict.fromkeys((spec.name for spec in FEATURES), b"")
        for i, dte in enumerate(course.dte):
            inputs = at_dte((early if i < EARLY_SESSIONS else late)[i % len(sessions)], dte)
            previous: DailyContext = Remembered(memory)  # type: ignore[assignment]
            date = sessions[0].trade_date + timedelta(days=i)
            state = component.begin(SessionStart(date, BARS, dte, "future", previous, symbol=course.symbol))
            out = ComponentOutput.empty(BARS, len(FEATURES))
            component.compute(inputs, out, 0, BARS, state)
            memory = component.leave(inputs, out, state)
            for spec, column in zip(FEATURES, out.values.T.copy(), strict=True):
                found[spec.name] += column.tobytes()
            found["answers"] = found.get("answers", b"") + out.score.tobytes() + out.confidence.tobytes()
            found["health"] = found.get("health", b"") + out.health.tobytes()
        return found

    return columns


def informed(inputs: SessionInputs, says: Floats) -> SessionInputs:
    """The session with an underlying that moves the way its Greeks have just pointed, noise beside."""
    component = GreeksSentiment()
    state = component.begin(SessionStart(inputs.trade_date, BARS, 2, "future", symbol="NIFTY"))
    component.compute(inputs, ComponentOutput.empty(BARS, len(FEATURES)), 0, BARS, state)
    pointed = np.nan_to_num(state.carried.greeks) @ says
    noise = np.random.default_rng(3).standard_normal(BARS)
    steps = 1e-5 * (np.append(0.0, pointed[:-1]) + noise)
    underlying = inputs.underlying.copy()
    underlying[:, CLOSE] = np.where(np.isnan(underlying[:, CLOSE]), np.nan, 18_000 * np.exp(np.cumsum(steps)))
    return replace(inputs, underlying=underlying)


def at_dte(inputs: SessionInputs, dte: int) -> SessionInputs:
    """The session with another number of days to expiry."""
    return replace(inputs, dte=np.where(inputs.dte >= 0, dte, -1))


def courses_of(parameter: Parameter) -> Sequence[Course]:
    """Courses in which the parameter has a say."""
    field = parameter.field
    if "dte_multipliers[" in field:
        return [Course((int(field.split("[")[1].rstrip("]")),) * 2, COMMON)]
    if "flow_thresholds[" in field:
        return [Course((2,), COMMON, symbol=field.split("[")[1].rstrip("]"))]
    if "scale_sessions" in field:
        return [Course((9, 9, 9, 9, 12), UNFLOORED)]
    if "separation" in field:
        return [Course(LONG, APART), Course(LONGER, APART)]
    if "range_bounds" in field:
        return [Course((8, 5) * 5, EAGER), Course((8, 5) * 8, UNFLOORED), Course((16, 8) * 8, EAGER)]
    if field.endswith(("weight_learning.low", "weight_learning.high")):
        values = BOUNDED[field.rpartition(".")[2]]
        return [Course(LONG, values), Course(LONGER, values)]
    if "learning" in field or field.startswith("dte_history."):
        return [Course(LONG, EAGER), Course((9, 9, 9, 9, 9, 9, 12), EAGER), Course(LONGER, UNFLOORED)]
    return [Course((2, 9), COMMON), Course((2, 2, 9, 2, 2, 2, 2, 9), EAGER)]


def declaring(parameter: Parameter) -> set[str]:
    return {
        spec.name
        for spec in FEATURES
        for name in spec.parameters
        if parameter in declared_for(GreeksSentimentParameters, name)
    }


@pytest.mark.parametrize("parameter", OWN, ids=lambda p: p.name)
def test_a_parameter_changes_the_features_that_declare_it_and_nothing_else(parameter: Parameter, run: Runner) -> None:
    declared, changed = declaring(parameter), set[str]()
    features = {spec.name for spec in FEATURES}
    for course in courses_of(parameter):
        base = with_values(declared_set(), course.values)
        before = run(course, base)
        for value in (*other_values(parameter), *([FEW_SESSIONS] if "range_sessions" in parameter.field else [])):
            other = with_values(base, {parameter.id: value})
            if value == base.values[parameter.id] or not fits(other, [GreeksSentimentParameters]):
                continue
            after = run(course, other)
            changed |= {name for name in after if after[name] != before[name]}
            assert changed & features <= declared, value
            if changed and declared <= changed:
                return
    assert changed and declared - changed == set()
