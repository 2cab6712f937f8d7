"""What is told of a workbook's sheets: every fault at once with its cell, unknown things with the nearest name."""

from __future__ import annotations

from typing import Any

import pytest
from small_registry import PRICE, SMALL, VOLUME, WIDE, book

from mr_platform.parameters.findings import Finding, finding
from mr_platform.parameters.resolution import ParameterSet, resolve

MODES = [["MODES"], ["Parameter", "Value"], ["mode", "SLOW"]]
WORDS = [["Words"], ["alpha"]]


def read(**sheets: list[list[Any]]) -> ParameterSet:
    return resolve(book({"Weights": [WIDE, PRICE, VOLUME], "Modes": [*MODES, *WORDS], **sheets}), {}, declared=SMALL)


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(one.where.removeprefix("book.xlsx!"), one.value) for one in findings]


def test_all_faults_are_told_at_once_each_with_its_cell() -> None:
    found = read(
        Weights=[
            WIDE,
            ["price", "much", 0.6, 0, 1, "share", None],
            ["volume", 1.5, 0.4, 0, 1, "share", None],
            ["window", None, 20, 1, 99, "bars", None],
            ["enabled", "yes"],
            ["enabled", "TRUE"],
        ],
        Modes=[["MODES"], ["Parameter", "Value"], ["mode", "fast"]],
        Rules=[["ID", "Limit", "Note"], [1, 0.5], [1, 0.6], [2, None], ["x", 0.5]],
    )
    assert told(found.faults) == [
        ("Weights!B2", "much"),
        ("Weights!B3", "1.5"),
        ("Weights!A4", "window"),
        ("Weights!B5", "yes"),
        ("Weights!A6", "enabled"),
        ("Modes!B3", "fast"),
        ("Rules!A3", "1"),
        ("Rules!A4", "2"),
        ("Rules!A5", "x"),
    ]
    rules = {one.where.removeprefix("book.xlsx!"): one.rule for one in found.faults}
    assert rules["Weights!B3"] == "Weights.volume: the value lies between 0 and 1"
    assert rules["Weights!A4"] == "the row of a parameter has a value: window has none"
    assert rules["Weights!A6"] == "a parameter stands once on its sheet; A5 has it already"
    assert rules["Modes!B3"] == "Modes.mode: the value is one of FAST, SLOW"
    assert rules["Rules!A3"] == "ID names one record; A2 has it already"
    assert rules["Rules!A4"] == "Limit of a record is not empty"
    assert all(one.remedy for one in found.faults)


def test_unknown_sheets_parameters_and_columns_are_warned_of_with_the_nearest_name() -> None:
    found = read(
        Weights=[[*WIDE, "Colour"], PRICE, VOLUME, ["windw", 5], [*PRICE[:0], "qqq", 1]],
        Weihgts=[["x"]],
    )
    assert [(w.where.removeprefix("book.xlsx!"), w.value, w.remedy) for w in found.warnings] == [
        ("Weights!H1", "Colour", "it is not read"),
        ("Weights!A4", "windw", "it is not read; nearest: window"),
        ("Weights!A5", "qqq", "it is not read"),
        ("Weihgts", "Weihgts", "it is not read; nearest: Weights"),
    ]
    assert found.faults == ()


def test_a_missing_sheet_is_warned_of_where_it_is_required_and_not_where_it_may_be_absent() -> None:
    found = resolve(book({"Weights": [WIDE, PRICE, VOLUME]}), {}, declared=SMALL)
    assert told(found.warnings) == [("Modes", "no such sheet")]


def test_a_cell_under_no_header_is_told_of_instead_of_being_passed_over() -> None:
    found = read(Weights=[WIDE, [*PRICE, "stray"], VOLUME], Rules=[["ID", "Limit"], [1, 0.5, "stray"]])
    assert told(found.warnings) == [("Weights!H2", "stray"), ("Rules!C2", "stray")]


@pytest.mark.parametrize(
    ("header", "where"),
    [
        (["Parameter", "Valeu", "Default", "Min", "Max", "Unit", "Description"], "Weights!A1"),
        (["Name", "Worth", "x"], "Weights"),
    ],
)
def test_a_header_without_its_columns_is_a_fault(header: list[Any], where: str) -> None:
    found = read(Weights=[header, PRICE, VOLUME])
    assert where in [place for place, _ in told(found.faults)]


def test_inserted_rows_and_columns_move_a_table_without_harm() -> None:
    found = read(
        Weights=[
            ["a title"],
            [None],
            ["Description", "Parameter", None, "Value"],
            ["of the price", "price", None, 0.7],
            [None],
            [None, "volume", None, "0.3"],
        ]
    )
    assert found.faults == ()
    assert found.resolved["Weights.price"].place == "book.xlsx!Weights!D4"
    assert found.values["Weights.volume"] == 0.3


def test_a_second_table_begins_with_its_title() -> None:
    found = read(Modes=[*MODES, [None], ["Words"], ["alpha"], [None], ["beta"], ["Remarks"], ["anything goes"]])
    assert found.table("Modes", "Words") == ({"Word": "alpha"}, {"Word": "beta"})
    assert found.counts["note"] == 1


def test_every_cell_is_accounted_for() -> None:
    sheets = {
        "Weights": [[*WIDE, "Colour"], [*PRICE, "red"], ["zzz", 1], [None, 5]],
        "Modes": [*MODES, ["Words"], ["alpha", "stray"], ["Remarks"], ["free", "text"]],
        "Other": [["x", "y"]],
    }
    found = resolve(book(sheets), {}, declared=SMALL)
    cells = sum(value is not None for rows in sheets.values() for row in rows for value in row)
    uses = ("value", "name", "description", "header", "title", "note", "unknown")
    assert sum(found.counts[use] for use in uses) == cells == 32


def test_a_default_beside_a_value_that_is_not_ours_is_a_contradiction_and_steers_nothing() -> None:
    found = read(Weights=[WIDE, ["price", 0.6, 0.5, 0, 1, "share", None], ["volume", 0.4, 0.4, 0, 2, None, None]])
    assert told(found.contradictions) == [("Weights!C2", "0.5"), ("Weights!E3", "2")]
    assert found.values["Weights.price"] == 0.6
    assert found.faults == ()


def test_a_number_kept_as_text_is_read_and_remarked() -> None:
    found = read(Weights=[WIDE, ["price", "0.6"], VOLUME])
    assert [(one.where, one.rule) for one in found.remarks] == [("book.xlsx!Weights!B2", "number as text")]


@pytest.mark.parametrize("text", ["=1+1", "a\x07b", "x" * 501, "\u202eabc"])
def test_what_no_cell_may_hold_is_refused_in_descriptions_names_notes_and_values_alike(text: str) -> None:
    places = {
        "Weights!B2": {"Weights": [WIDE, ["price", text], VOLUME]},
        "Weights!G2": {"Weights": [WIDE, [*PRICE[:6], text], VOLUME]},
        "Weights!A2": {"Weights": [WIDE, [text, 1], VOLUME]},
        "Modes!A1": {"Modes": [[text], *MODES[1:]]},
        "Modes!A5": {"Modes": [*MODES, ["Remarks"], [text]]},
        "Rules!C2": {"Rules": [["ID", "Limit", "Note"], [1, 0.5, text]]},
    }
    for place, sheets in places.items():
        assert place in [where for where, _ in told(read(**sheets).faults)], place


def test_a_finding_is_one_printable_line() -> None:
    one = finding("here", "a\nb\x1b" + "c" * 99, "r", "m")
    assert one.value == "a\\x0ab\\x1b" + "c" * 47 + "..."
    assert len(one.value) == 60
