"""What each parameter of C8 steers: exactly the features that declare it change with it, no other by a single bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mr_platform.features.c8_master_integration.component import MEMORY, MasterIntegration
from mr_platform.features.component import ComponentOutput
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import build, declared_for, declared_set, names_of
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet
from tests.features.c8_sessions import computed, walking
from tests.features.steering import fits, other_values, with_values

# Of the objects that C8 holds, what it does not read: it serves other components.
ELSEWHERE = ("windows.series_share", "dte_history.day_", "dte_history.range_obs", "dte_history.range_least")
ELSEWHERE += ("dte_history.range_sessions", "dte_history.level_")
# What the named interfaces read, not the features: outcomes are known to their callers alone.
INTERFACE = (
    "component_weights.lowest",
    "component_weights.highest",
    "transitions.",
    "signal.",
    "master_integration.learning.history_weights",
    "master_integration.learning.performance_weights",
    "master_integration.learning.rate",
    "master_integration.learning.least_regime",
    "master_integration.structure.answer_hours",
)
DTES = (5, 12, 40)
# Earlier sessions: at the same days one just beyond the least observations, the older ones with another performance.
MEMORY_OF = np.array([[dte, n, n * share] for dte in DTES for n, share in ((20.0, 0.1), (15.0, 0.9))])


def steering() -> Iterator[Parameter]:
    names = set(names_of(MasterIntegrationParameters))
    for declared in registry().parameters.values():
        if declared.field.split(".")[0] in names and not declared.field.startswith(ELSEWHERE):
            yield declared


ALL = tuple(steering())
FEATURES = tuple(p for p in ALL if not p.field.startswith(INTERFACE))
BEYOND = tuple(p for p in ALL if p.field.startswith(INTERFACE))


def bits(parameters: ParameterSet, dte: int) -> dict[str, bytes]:
    """Every column, the score, the confidence and the health of a session, by name."""
    one = MasterIntegration(build(MasterIntegrationParameters, parameters))
    out, _ = computed(walking(8, dte=dte, swing=0.25), one, memory={MEMORY: np.repeat(MEMORY_OF, 5, axis=0)})
    return named(one, out)


def named(one: MasterIntegration, out: ComponentOutput) -> dict[str, bytes]:
    features = {spec.name: column.tobytes() for spec, column in zip(one.features, out.values.T.copy(), strict=True)}
    return features | {name: getattr(out, name).tobytes() for name in ("score", "confidence", "health")}


@pytest.fixture(scope="module")
def base() -> dict[int, dict[str, bytes]]:
    return {dte: bits(declared_set(), dte) for dte in DTES}


def changed_by(parameter: Parameter, base: dict[int, dict[str, bytes]]) -> Iterator[set[str]]:
    """The features that each other value of the parameter changes, at any of three days to expiry."""
    for value in other_values(parameter):
        other = with_values(declared_set(), {parameter.id: value})
        if fits(other, [MasterIntegrationParameters]):
            after = {dte: bits(other, dte) for dte in base}
            yield {name for dte in base for name in base[dte] if after[dte][name] != base[dte][name]}


@pytest.mark.parametrize("parameter", FEATURES, ids=lambda p: p.name)
def test_a_parameter_changes_the_features_that_declare_it_and_nothing_else(
    parameter: Parameter, base: dict[int, dict[str, bytes]]
) -> None:
    declared = {
        spec.name
        for spec in MasterIntegration().features
        for name in spec.parameters
        if parameter in declared_for(MasterIntegrationParameters, name)
    }
    features = {spec.name for spec in MasterIntegration().features}
    found: set[str] = set()
    for changed in changed_by(parameter, base):
        assert changed & features <= declared
        found |= changed
        if declared <= found:
            break
    assert declared and found & features == declared


@pytest.mark.parametrize("parameter", BEYOND, ids=lambda p: p.name)
def test_what_only_the_interfaces_read_leaves_the_features_alone(
    parameter: Parameter, base: dict[int, dict[str, bytes]]
) -> None:
    assert next(changed_by(parameter, base)) == set()


def test_the_health_of_a_component_steers_what_declares_its_weight() -> None:
    session = walking(8)
    well = {key: replace(said, health=np.where(said.health > 0, 2, 0)) for key, said in session.outputs.items()}
    one = MasterIntegration()
    before, after = (named(one, computed(s, one)[0]) for s in (session, replace(session, outputs=well)))
    changed = {name for name in before if before[name] != after[name]}
    features = {spec.name for spec in one.features if "degraded_weight" in spec.parameters}
    assert changed == features | {"score", "confidence", "health"}
