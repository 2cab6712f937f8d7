"""What each parameter of C4 steers: exactly the features that declare it change with it, no other by a single bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mr_platform.features.c4_iv_skew.component import IVSkew
from mr_platform.features.history import QuantityHistory
from mr_platform.features.inputs import SessionInputs
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.iv_skew import IvSkewParameters
from mr_platform.parameters.objects import build, declared_for, declared_set, names_of
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet
from mr_platform.parameters.values import Value
from tests.features.c4_sessions import columns, computed, walking
from tests.features.steering import fits, other_values, with_values

# Of the objects that C4 holds, what it does not read: it serves other components, or C4 has its own in its place.
ELSEWHERE = (
    "daily_context.atr",
    "daily_context.least",
    "windows.series_share",
    "dte_history.day_sessions",
    "dte_history.day_observations",
)
# What the named interfaces read, not the features.
INTERFACE = {
    "iv_skew.surface_strikes",
    "iv_skew.surface_expiries",
    "iv_skew.interpolation",
    "dte_history.level_observations",
}
DTE = 2


def steering() -> Iterator[Parameter]:
    names = set(names_of(IvSkewParameters))
    for declared in registry().parameters.values():
        if declared.field.split(".")[0] in names and not declared.field.startswith(ELSEWHERE):
            yield declared


ALL = tuple(steering())


def within(session: SessionInputs, settings: IvSkewParameters) -> SessionInputs:
    """The session as its inputs would be made: volatilities outside the bounds are none."""
    iv = session.volatility.copy()
    iv[(iv < settings.memory.iv_lowest) | (iv > settings.memory.iv_highest)] = np.nan
    return replace(session, volatility=iv)


def history(sessions: int, observations: int, dtes: tuple[int, ...]) -> QuantityHistory:
    """So many sessions at these days to expiry in turn, whose volatilities drift apart."""
    rng = np.random.default_rng(sessions)
    middle = np.array([0.15, -0.02, 0.006, 0.0]) * (1 + 0.4 * np.sin(np.arange(sessions) / 40)[:, None])
    middle = middle + np.array([0.02, 0.004, 0.002, 0.03]) * rng.standard_normal((sessions, 4))
    points = np.sort(middle[:, :, None] + 0.1 * np.abs(middle[:, :, None]) * rng.standard_normal((sessions, 4, 5)))
    seen = np.full((sessions, 4), float(observations))
    return QuantityHistory(np.resize(dtes, sessions).astype(float), seen, points[:, :, 2], points[-252:])


# Deep enough for every depth; shallow enough for every least; one in which the two percentiles disagree; and none.
PASTS = (
    history(1400, 75, (DTE, 5, 9, DTE, 12)),
    history(6, 12, (DTE, 5, DTE, 1, DTE, DTE)),
    history(20, 75, (DTE, 5, 5, 5)),
    QuantityHistory.empty(4),
)


@pytest.fixture(scope="module")
def session() -> SessionInputs:
    """A session that comes to every bound, with a few quotes that only the bounds keep out."""
    made = walking(60, dte=DTE, gaps=0.02)
    rng = np.random.default_rng(0)
    made.volatility[:] *= 1 + 0.4 * np.sin(np.arange(375) / 50)[:, None, None, None]
    made.volatility[:, :, :10] = made.volatility[:, :, -10:] = np.nan
    for junk in (0.05, 30.0):
        made.volatility[rng.random(made.volatility.shape) < 0.01] *= junk
    return made


def run(session: SessionInputs, parameters: ParameterSet) -> dict[str, bytes]:
    settings = build(IvSkewParameters, parameters)
    seen = within(session, settings)
    found: dict[str, list[bytes]] = {}
    for past in PASTS:
        out, _ = computed(seen, IVSkew(settings), memory=past.as_memory("c4_history"), symbol="RELIANCE")
        for name, column in (columns(out) | {"score": out.score, "confidence": out.confidence}).items():
            found.setdefault(name, []).append(column.tobytes())
    return {name: b"".join(parts) for name, parts in found.items()}


def values_of(parameter: Parameter) -> Iterator[Value]:
    """Other values; a vector of zeros cannot be scaled, it is moved."""
    yield from other_values(parameter)
    if isinstance(parameter.default, tuple) and not any(parameter.default):
        yield (0.03, -0.02)


@pytest.fixture(scope="module")
def before(session: SessionInputs) -> dict[str, bytes]:
    return run(session, declared_set())


@pytest.mark.parametrize("parameter", ALL, ids=lambda p: p.field)
def test_a_parameter_changes_the_features_that_declare_it_and_nothing_else(
    parameter: Parameter, session: SessionInputs, before: dict[str, bytes]
) -> None:
    declared = {
        spec.name.removeprefix("c4_")
        for spec in IVSkew().features
        for name in spec.parameters
        if parameter in declared_for(IvSkewParameters, name)
    }
    changed: set[str] = set()
    for value in values_of(parameter):
        other = with_values(declared_set(), {parameter.id: value})
        if not fits(other, [IvSkewParameters]):
            continue
        after = run(session, other)
        changed |= {name for name in after if after[name] != before[name]}
        assert changed - {"score", "confidence"} <= declared, value
        if changed and declared <= changed:
            break
    assert changed - {"score", "confidence"} == declared
    assert bool(changed) != (parameter.field in INTERFACE)


def test_every_name_in_the_catalogue_is_a_declared_field() -> None:
    unknown = {
        (spec.name, name)
        for spec in IVSkew().features
        for name in spec.parameters
        if not declared_for(IvSkewParameters, name)
    }
    assert unknown == set()
