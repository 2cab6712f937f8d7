"""No parameter is dead: each is read by the code that its declaration names, shown to people, or promised by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from small_registry import SMALL

from mr_platform.errors import UsageError
from mr_platform.features.catalogue import components
from mr_platform.parameters import liveness as fates
from mr_platform.parameters.declaration import Parameter, RecordTable, TableColumn, live, planned
from mr_platform.parameters.liveness import is_read, liveness, planned_parameters, unsteered_fields
from mr_platform.parameters.registry import Registry, registry
from mr_platform.parameters.values import FLOAT, TEXT

PACKAGE = fates._PACKAGE


def declared(consumer: str, field: str) -> Parameter:
    return Parameter("Sheet", "name", FLOAT, 1.0, "", "", live(consumer), field)


def test_no_declared_parameter_is_dead() -> None:
    assert liveness(registry()).dead == ()


def test_every_declaration_has_one_fate() -> None:
    found = liveness(registry())
    told = [*found.read, *found.shown, *found.dead, *(one for ids in found.planned.values() for one in ids)]
    everything = [one.id for one in (*registry().parameters.values(), *registry().tables.values())]
    assert sorted(told) == sorted(everything)
    assert sorted(planned_parameters(registry())) == sorted(one for ids in found.planned.values() for one in ids)


def test_code_reads_no_field_that_nothing_steers() -> None:
    assert unsteered_fields() == ()


def test_what_is_planned_does_not_stand_yet() -> None:
    """A table of the catalogue is computed; a module that reads what is promised to it has kept the promise."""
    tables = {entry.table for entry in components()}
    promised = [one for one in (*registry().parameters.values(), *registry().tables.values()) if one.consumer.planned]
    assert len(promised) > 100
    assert [one.id for one in promised if one.consumer.name in tables] == []
    assert [one.id for one in promised if read_by_its_own_module(one)] == []


def read_by_its_own_module(one: Parameter | RecordTable) -> bool:
    """As ``is_read``, of the module or folder by the consumer's full name alone: a room says nothing of one reader."""
    for path in fates._below(PACKAGE / one.consumer.name):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        if one.id in texts or (one.field and one.field.rpartition(".")[2].partition("[")[0] in fates._attributes(tree)):
            return True
    return False


def test_the_reader_of_a_promise_is_looked_for_in_its_own_module() -> None:
    bound = Parameter("Sheet", "name", FLOAT, 1.0, "", "", planned("features/history"), "dte_history.day_sessions")
    assert read_by_its_own_module(bound)
    assert not read_by_its_own_module(replace(bound, field="dte_history.unheard_of"))
    assert not read_by_its_own_module(replace(bound, consumer=planned("regimes/nowhere")))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of one component that reads some things and not others."""
    source = tmp_path / "features" / "x.py"
    source.parent.mkdir()
    source.write_text(
        "SHEET = 'Sheet.table'\n"
        "def compute(parameters):\n"
        "    parameters.written = 3\n"
        "    return parameters.window + at(parameters.technique_weights(3)) + rows('Sheet.name')\n"
    )
    monkeypatch.setattr(fates, "_PACKAGE", tmp_path)
    fates._names.cache_clear()
    yield source
    fates._names.cache_clear()


@pytest.mark.parametrize(
    ("field", "read"),
    [
        ("object.window", True),
        ("object.part.window", True),
        ("object.window[7]", True),
        ("object.windows", False),
        ("object.written", False),
        # by a method of TripleStraddleParameters, which the code calls
        ("triple_straddle.technique_anchors[7]", True),
        ("triple_straddle.vwap_cuts", False),
    ],
)
def test_a_field_is_read_where_the_consumers_source_reads_the_attribute(package: Path, field: str, read: bool) -> None:
    assert is_read(declared("features/x", field)) is read


def test_a_parameter_without_a_field_is_read_where_its_id_is_named(package: Path) -> None:
    assert is_read(declared("features/x", ""))
    assert not is_read(replace(declared("features/x", ""), name="other"))
    table = RecordTable("Sheet", "table", "", (TableColumn("A", TEXT),), (), live("features/x"), "")
    assert is_read(table)
    assert not is_read(replace(table, title="other"))


def test_a_consumer_that_does_not_exist_reads_nothing(package: Path) -> None:
    assert not is_read(declared("serving/nowhere", "object.window"))


def test_what_is_dead_planned_and_shown_is_told_apart(package: Path) -> None:
    rows = {
        "read": live("features/x"),
        "planned": planned("features/y"),
        "shown": live("mr config show"),
    }
    parameters = {
        f"Sheet.{name}": replace(declared("", "o.window"), name=name, consumer=consumer)
        for name, consumer in rows.items()
    }
    parameters["Sheet.dead"] = replace(declared("features/x", "o.nobody"), name="dead")
    found = liveness(Registry(MappingProxyType(parameters), MappingProxyType({}), SMALL.sheets))
    assert (found.read, found.shown, found.dead) == (("Sheet.read",), ("Sheet.shown",), ("Sheet.dead",))
    assert found.planned == {"features/y": ("Sheet.planned",)}


def test_an_unknown_name_is_told_the_nearest_fields_too() -> None:
    from mr_platform.parameters.resolution import default_set
    from mr_platform.parameters.validation import located

    assert located(default_set(), "triple_straddle.window").id == "StraddleAnalysisConfig.statistics_window"
    with pytest.raises(UsageError) as refused:
        located(default_set(), "triple_straddle.windw")
    assert "triple_straddle.window" in refused.value.remedy
