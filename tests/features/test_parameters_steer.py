"""What each parameter steers: exactly the features that declare it change with it, and no other by a single bit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mr_platform.features.catalogue import catalogue, component
from mr_platform.features.running import settings_of
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.objects import KINDS, declared_for, declared_set, names_of
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet
from mr_platform.parameters.values import Value
from tests.features.steering import Case, Laboratory, fits, other_values, with_values

SHEET = "StraddleAnalysisConfig"
# Learning that a few sessions are enough to move: short histories count, steps are wide, bounds far.
LEARNING: dict[str, Value] = {
    f"{SHEET}.{part}_{name}": value
    for part, low, high in (("component_learning", 0.02, 0.6), ("timeframe_learning", 0.05, 0.7))
    for name, value in {
        "low": low,
        "high": high,
        "rate": 0.5,
        "largest_step": 0.25,
        "redundant": 1.0,
        "least_sessions": 3,
    }.items()
}
FEW: Case = (2, 9, 2, 9, 2, 2)
MORE: Case = (9, 9, 2, 2, 9, 2, 2, 2, 9, 2, 2, 2, 2)
# Of each table in core/daily_context, the columns that its parameters change in a session without learning.
CONTEXT = {
    "atr_period": {"atr_value"},
    "atr_longer_spans": {"atr_value"},
    "iv_lowest": {"atm_iv_close", "bar5_atm_iv"},
    "iv_highest": {"atm_iv_close", "bar5_atm_iv"},
    "least_calls": {"component_return", "timeframe_return", "past_component_return", "past_timeframe_return"},
}


def steering(*kinds: type) -> Iterator[Parameter]:
    """The parameters behind the objects."""
    names = {name for kind in kinds for name in names_of(kind)}
    for declared in registry().parameters.values():
        if declared.field.split(".")[0] in names:
            yield declared


C1 = tuple(steering(settings_of("c1")))


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with pytest.MonkeyPatch.context() as patch:
        yield Laboratory("c1", patch)


@pytest.fixture(scope="module")
def base() -> ParameterSet:
    return with_values(declared_set(), LEARNING)


def case_of(parameter: Parameter) -> Case:
    """Sessions in which the parameter has a say: at its own days to expiry, or enough of them to learn from."""
    if "technique_anchors[" in parameter.field:
        return (int(parameter.field.split("[")[1].rstrip("]")),) * 6
    return MORE if "_learning." in parameter.field or ".performance." in parameter.field else FEW


def declaring(key: str, parameter: Parameter) -> set[str]:
    """Features of the component that declare the parameter."""
    kind = settings_of(key)
    return {
        spec.name
        for spec in component(key).features
        for name in spec.parameters
        if parameter in declared_for(kind, name)
    }


@pytest.mark.parametrize("parameter", C1, ids=lambda p: p.name)
def test_a_parameter_changes_the_features_that_declare_it_and_nothing_else(
    parameter: Parameter, laboratory: Laboratory, base: ParameterSet
) -> None:
    case, kind = case_of(parameter), settings_of("c1")
    declared, before = declaring("c1", parameter), laboratory.columns(base, case)
    changed: set[str] = set()
    features = {spec.name for spec in component("c1").features}
    for value in other_values(parameter):
        other = with_values(base, {parameter.id: value})
        if value == base.values[parameter.id] or not fits(other, [kind]):
            continue
        after = laboratory.columns(other, case)
        changed |= {name for name in after if after[name] != before[name]}
        assert changed & features <= declared, value
        if changed and declared <= changed:
            break
    assert changed & features == declared
    # what no feature declares steers the score, the confidence or the health of the component
    assert changed


@pytest.mark.parametrize("name", CONTEXT)
def test_a_parameter_of_the_daily_context_changes_its_own_columns(
    name: str, laboratory: Laboratory, base: ParameterSet
) -> None:
    (parameter,) = declared_for(DailyContextParameters, name)
    assert isinstance(parameter, Parameter)
    before, changed = laboratory.context(base, FEW[:2]), set()
    for value in other_values(parameter):
        other = with_values(base, {parameter.id: value})
        if fits(other, [DailyContextParameters]):
            after = laboratory.context(other, FEW[:2])
            changed |= {column for column in after if after[column] != before[column]}
    assert changed == CONTEXT[name]


def test_every_name_in_the_catalogue_is_a_declared_field() -> None:
    unknown = {
        (spec.name, name)
        for spec in catalogue()
        for name in spec.parameters
        if not declared_for(settings_of(spec.component), name)
    }
    assert unknown == set()


def test_every_field_of_a_parameter_object_is_declared_once() -> None:
    filled = [d.field for d in (*registry().parameters.values(), *registry().tables.values()) if d.field]
    assert len(filled) == len(set(filled))
    objects = {name for kind in KINDS for name in names_of(kind)}
    assert {field.split(".")[0] for field in filled} == objects
