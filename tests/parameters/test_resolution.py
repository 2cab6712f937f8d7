"""Where a value comes from: cell before override before default, and what is told of each place that was asked."""

from __future__ import annotations

from typing import Any

import pytest
from small_registry import PRICE, SMALL, VOLUME, WIDE, book

from mr_platform.parameters.resolution import Attempt, ParameterSet, default_set, resolve

ID = "Weights.window"
OVERRIDE = "MR_PARAMETER__Weights__window"


MODES = [["MODES"], ["Parameter", "Value"], ["mode", "SLOW"], ["Words"], ["alpha"]]


def weights(*rows: list[Any]) -> dict[str, list[list[Any]]]:
    return {"Weights": [WIDE, *rows], "Modes": MODES}


def resolved(sheets: dict[str, list[list[Any]]], **environment: str) -> ParameterSet:
    return resolve(book(sheets), environment, declared=SMALL)


WINDOW = ["window", 30, 20, 1, 99, "bars", "how far back"]


@pytest.mark.parametrize(
    ("rows", "environment", "value", "origin", "place"),
    [
        ([WINDOW], {}, 30, "workbook", "book.xlsx!Weights!B2"),
        ([WINDOW], {OVERRIDE: "40"}, 30, "workbook", "book.xlsx!Weights!B2"),
        ([], {OVERRIDE: "40"}, 40, "environment", OVERRIDE),
        ([], {}, 20, "default", "declaration"),
    ],
)
def test_a_cell_goes_before_an_override_and_an_override_before_the_default(
    rows: list[list[Any]], environment: dict[str, str], value: int, origin: str, place: str
) -> None:
    found = resolved(weights(*rows), **environment).resolved[ID]
    assert (found.value, found.origin, found.place) == (value, origin, place)


def test_every_place_that_was_asked_is_told_in_order() -> None:
    found = resolved(weights()).resolved[ID]
    assert found.tried == (
        Attempt("workbook", "book.xlsx", "Weights has no row window"),
        Attempt("environment", OVERRIDE, "not set"),
    )
    without = resolve(None, {}, declared=SMALL).resolved[ID]
    assert without.tried[0] == Attempt("workbook", "no workbook", "none was given")


def test_an_absent_sheet_is_named_as_the_reason() -> None:
    found = resolve(book({}), {}, declared=SMALL).resolved["Rules.1.Limit"]
    assert found.tried[0] == Attempt("workbook", "book.xlsx", "book.xlsx has no sheet Rules")
    assert found.value == 0.25


def test_an_override_that_a_cell_outranks_is_warned_of() -> None:
    found = resolved(weights(WINDOW), **{OVERRIDE: "40"})
    assert [(w.where, w.value, w.remedy) for w in found.warnings] == [
        (OVERRIDE, "40", "book.xlsx!Weights!B2 holds; change it")
    ]


def test_an_override_that_does_not_parse_is_a_fault_with_its_variable() -> None:
    (fault,) = resolved(weights(), **{OVERRIDE: "many"}).faults
    assert (fault.where, fault.value) == (OVERRIDE, "many")
    assert "a whole number" in fault.rule


def test_an_override_of_nothing_is_warned_of_with_the_nearest_name() -> None:
    (warning,) = resolved(weights(), MR_PARAMETER__Weights__windw="3", OTHER="x").warnings
    assert (warning.where, warning.remedy) == ("MR_PARAMETER__Weights__windw", f"it is not read; nearest: {OVERRIDE}")


def test_a_cell_of_a_record_is_overridden_where_no_workbook_speaks() -> None:
    found = resolve(None, {"MR_PARAMETER__Rules__2__Limit": "0.75"}, declared=SMALL)
    assert found.table("Rules") == (
        {"ID": 2, "Limit": 0.75, "Note": None},
        {"ID": 1, "Limit": 0.25, "Note": "first"},
    )


def test_a_table_of_the_workbook_replaces_the_default_records() -> None:
    sheets = weights() | {"Rules": [["ID", "Limit", "Note"], [9, 0.1, None], [1, 0.2, "now"], [3, 0.3, None]]}
    found = resolved(sheets)
    # declared keys first, then ascending: the order of rows in the file says nothing
    assert found.keys["Rules", ""] == ("1", "3", "9")
    assert found.values["Rules.9.Limit"] == 0.1
    assert "Rules.2.Limit" not in found.values
    assert found.resolved["Rules.1.Note"].place == "book.xlsx!Rules!C3"


def test_records_without_a_key_are_known_by_their_number() -> None:
    sheets = weights()
    sheets["Modes"] = [*MODES, ["beta"]]
    assert resolved(sheets).keys["Modes", "Words"] == ("1", "2")
    assert resolved(sheets).values["Modes.Words.2.Word"] == "beta"


def test_the_digest_is_of_what_is_said_not_of_how_it_is_written() -> None:
    one = resolved(weights(PRICE, VOLUME, WINDOW) | {"Rules": [["ID", "Limit"], [1, 0.2], [3, 0.3]]})
    other = resolved(
        {"Rules": [["Limit", "ID"], [0.3, 3], [0.2, 1]]} | weights(["window", "30"], ["volume", "0.40"], PRICE)
    )
    assert one.digest == other.digest
    assert one.digest != resolved(weights(PRICE, VOLUME)).digest


def test_the_digest_of_an_object_changes_with_what_steers_it_and_nothing_else() -> None:
    before = default_set(SMALL)
    changed = resolve(None, {OVERRIDE: "30"}, declared=SMALL)
    assert changed.digest_of("x") == before.digest_of("x")
    assert changed.digest_of("y") != before.digest_of("y")
    ruled = resolve(None, {"MR_PARAMETER__Rules__1__Limit": "0.3"}, declared=SMALL)
    assert ruled.digest_of("x") != before.digest_of("x")


def test_a_value_names_what_reads_it() -> None:
    found = default_set(SMALL)
    assert found.consumer_of("Weights.price") == "features/x"
    assert found.consumer_of("Modes.Words.1.Word") == "features/z"
    assert found.consumer_of("Nothing.at.all") == ""


def test_what_a_description_says_changes_no_steering_digest() -> None:
    name = "TransitionRules.3.Description"
    before = default_set()
    prose = resolve(None, {f"MR_PARAMETER__{name.replace('.', '__')}": "another sentence"})
    assert prose.values[name] == "another sentence"
    assert prose.digest != before.digest
    assert prose.steering_digest == before.steering_digest
    value = resolve(None, {"MR_PARAMETER__TransitionRules__3__MinConfidence": "0.46"})
    assert value.steering_digest != before.steering_digest
