"""What every declaration keeps to, whoever declared it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from mr_platform.parameters.declaration import FORMS, LAYOUTS, Parameter, RecordTable, TableColumn, within
from mr_platform.parameters.registry import registry
from mr_platform.parameters.terms import Interval
from mr_platform.parameters.values import BOOL, FLOAT, INT, YES_NO, Choice, Kind, ListOf, ValueFault, from_json, to_json

PARAMETERS = list(registry().parameters.values())
TABLES = list(registry().tables.values())
CUSTOMERS = [shape.name for shape in registry().sheets.values() if shape.required and shape.workbook == "strategy"]


def test_a_default_reads_from_the_cell_it_is_written_to() -> None:
    for parameter in PARAMETERS:
        assert parameter.accept(parameter.kind.render(parameter.default)) == parameter.default, parameter.id


def test_a_default_is_of_the_type_its_kind_reads() -> None:
    for parameter in PARAMETERS:
        read = parameter.accept(parameter.kind.render(parameter.default))
        assert repr(read) == repr(parameter.default), parameter.id


def test_a_default_can_be_stored() -> None:
    for parameter in PARAMETERS:
        assert from_json(json.loads(json.dumps(to_json(parameter.default)))) == parameter.default, parameter.id


def test_a_default_record_reads_from_the_cells_it_is_written_to() -> None:
    for table in TABLES:
        for record in table.default:
            assert len(record) == len(table.columns), table.id
            for column, value in zip(table.columns, record, strict=True):
                if value is None:
                    assert not column.required, (table.id, column.name)
                    continue
                read = column.accept(column.kind.render(value))
                assert repr(read) == repr(value), (table.id, column.name, value)


def test_keys_of_records_are_unique() -> None:
    for table in TABLES:
        keys = [table.key_of(record, number) for number, record in enumerate(table.default, start=1)]
        assert len(set(keys)) == len(keys) > 0, table.id


def test_a_declaration_says_what_it_steers_in_words_of_its_own() -> None:
    for parameter in PARAMETERS:
        assert len(parameter.description) <= 160, parameter.id
        assert not parameter.description.endswith("."), parameter.id
        # it is shown alone: nothing in it goes on from the row before
        assert len(parameter.description) >= 18, parameter.id
        assert parameter.description.split()[0] not in ("and", "its", "that", "those", "it"), parameter.id
    assert all(table.description for table in TABLES)


def test_a_number_has_a_unit() -> None:
    without = [p.id for p in PARAMETERS if p.kind in (INT, FLOAT) and not p.unit]
    assert without == []


def test_names_and_switches_have_no_bounds() -> None:
    bounded = [p.id for p in PARAMETERS if isinstance(p.kind, Choice) or p.kind in (BOOL, YES_NO)]
    assert [p for p in PARAMETERS if p.id in bounded and (p.low is not None or p.high is not None)] == []


def test_every_number_of_the_customers_sheets_is_bounded() -> None:
    def numeric(kind: Kind) -> bool:
        return kind in (INT, FLOAT) or (isinstance(kind, ListOf) and numeric(kind.item))

    unbounded = [
        p.id for p in PARAMETERS if p.sheet in CUSTOMERS and numeric(p.kind) and (p.low is None or p.high is None)
    ]
    columns = [
        f"{t.id}.{c.name}" for t in TABLES for c in t.columns if numeric(c.kind) and (c.low is None or c.high is None)
    ]
    assert unbounded == []
    assert columns == []


def test_every_declared_sheet_has_a_shape_and_every_shape_a_declaration() -> None:
    declared = {p.sheet for p in PARAMETERS} | {t.sheet for t in TABLES}
    assert declared == set(registry().sheets)


def test_a_parameter_stands_in_a_table_of_its_sheets_shape() -> None:
    for parameter in PARAMETERS:
        tables = {table.title: table for table in registry().sheets[parameter.sheet].tables}
        assert tables[parameter.section].form in ("parameters", "pairs"), parameter.id


def test_shapes_use_the_declared_layouts_and_forms() -> None:
    for shape in registry().sheets.values():
        assert shape.layout in LAYOUTS
        assert {table.form for table in shape.tables} <= set(FORMS)
        assert shape.tables[0].title == ""


def test_the_customers_workbook_has_31_sheets_and_its_companions_four() -> None:
    assert len(CUSTOMERS) == 31
    kinds = Counter(shape.workbook for shape in registry().sheets.values() if shape.required)
    assert kinds == {"strategy": 31, "portfolio": 2, "regime": 1, "optimization": 1}


def test_the_component_weight_of_gamma_cannot_be_zero() -> None:
    for greek, weight in (("gamma", 1.5), ("delta", 1.0), ("theta", 0.8), ("vega", 1.2)):
        parameter = registry().parameters[f"GreekSentimentConfig.{greek}_component_weight"]
        assert parameter.default == weight
        for zero in (0, 0.0, -1.5):
            with pytest.raises(ValueFault):
                parameter.accept(zero)


@pytest.mark.parametrize(
    ("low", "high", "cell", "rule"),
    [
        (0.0, 1.0, 1.5, "the value lies between 0 and 1"),
        (0.0, 1.0, -0.1, "the value lies between 0 and 1"),
        (3.0, None, 2.5, "the value is at least 3"),
        (None, -0.5, 0.0, "the value is at most -0.5"),
    ],
)
def test_a_number_out_of_bounds_is_refused_with_the_bounds(
    low: float | None, high: float | None, cell: float, rule: str
) -> None:
    with pytest.raises(ValueFault) as caught:
        TableColumn("Weight", FLOAT, low=low, high=high).accept(cell)
    assert caught.value.rule == rule
    assert caught.value.remedy.startswith("write a value in [")


def test_bounds_hold_for_every_number_of_a_value_and_no_switch() -> None:
    assert within((0.2, 0.8), 0, 1) == (0.2, 0.8)
    assert within(True, 5, 6) is True
    for outside in ((0.2, 1.8), ((0.5, 2.0),), Interval(0, 2), Interval(-1, 0.5)):
        with pytest.raises(ValueFault, match="between 0 and 1"):
            within(outside, 0, 1)


def test_an_optional_cell_may_be_empty_and_a_required_one_not() -> None:
    assert TableColumn("Description", FLOAT, required=False).accept(None) is None
    assert TableColumn("Description", FLOAT, required=False).accept("") is None
    with pytest.raises(ValueFault, match="not empty"):
        TableColumn("Weight", FLOAT).accept(None)


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    table = registry().tables["MultiTimeframeConfig", ""]
    assert isinstance(table, RecordTable)
    with pytest.raises(KeyError, match="'Wight' among Timeframe, Weight"):
        table.column("Wight")


def test_declarations_are_values_that_can_be_compared() -> None:
    first = registry().parameters["MasterConfiguration.trading_mode"]
    assert isinstance(first, Parameter)
    assert first == first.__class__(**{name: getattr(first, name) for name in first.__dataclass_fields__})
    assert hash(first) == hash(registry().parameters[first.id])
