"""Kinds: what is read is written back the same, and what is not of a kind is refused with its rule."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mr_platform.parameters.terms import Interval
from mr_platform.parameters.values import (
    BOOL,
    CLOCK_TIME,
    COLOR,
    FLOAT,
    INT,
    MOMENT,
    RANGE,
    TEXT,
    YES_NO,
    Choice,
    Kind,
    ListOf,
    Pattern,
    Percent,
    ValueFault,
    from_json,
    to_json,
)

SIDE = Choice("LONG", "SHORT")
NUMBERS = ListOf(FLOAT)
TRIPLE = ListOf(INT, length=3)
SIDES = ListOf(SIDE, separator=";")
RULE_ID = Pattern("RF[0-9]{3}", "a rule's number such as RF001")
SHARE = Percent("%+")

floats = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300).map(lambda x: x + 0.0)
ints = st.integers(min_value=-(2**53), max_value=2**53)
intervals = st.tuples(floats, floats).map(lambda ends: Interval(min(ends), max(ends)))
texts = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=100
).filter(lambda t: not t.isspace() and not t.lstrip().startswith("="))  # fmt: skip

VALUES: list[tuple[Kind, st.SearchStrategy[Any]]] = [
    (INT, ints),
    (FLOAT, floats),
    (BOOL, st.booleans()),
    (YES_NO, st.booleans()),
    (TEXT, texts),
    (SIDE, st.sampled_from(SIDE.names)),
    (CLOCK_TIME, st.times().map(lambda t: t.replace(second=0, microsecond=0))),
    (
        MOMENT,
        st.datetimes(min_value=dt.datetime(1000, 1, 1), max_value=dt.datetime(9999, 1, 1)).map(
            lambda t: t.replace(microsecond=0)
        ),
    ),
    (RANGE, intervals.filter(lambda one: math.isfinite(one.high - one.low))),
    (COLOR, st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06X}")),
    (RULE_ID, st.integers(0, 999).map(lambda n: f"RF{n:03d}")),
    (SHARE, st.integers(0, 999_99).map(lambda n: float(f"{n / 100:.2f}") / 100)),
    (NUMBERS, st.lists(floats, min_size=1, max_size=6).map(tuple)),
    (TRIPLE, st.tuples(ints, ints, ints)),
    (SIDES, st.lists(st.sampled_from(SIDE.names), min_size=1, max_size=6).map(tuple)),
]


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=lambda one: getattr(one, "name", ""))
def test_what_is_written_reads_the_same(kind: Kind, values: st.SearchStrategy[Any]) -> None:
    @settings(max_examples=150, deadline=None)
    @given(values)
    def round_trip(value: Any) -> None:
        cell = kind.render(value)
        assert type(cell) in (str, int, float)
        assert kind.parse(cell) == value
        assert type(kind.parse(cell)) is type(value)

    round_trip()


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=lambda one: getattr(one, "name", ""))
def test_what_is_stored_as_json_reads_the_same(kind: Kind, values: st.SearchStrategy[Any]) -> None:
    @settings(max_examples=50, deadline=None)
    @given(values)
    def round_trip(value: Any) -> None:
        stored = json.dumps(to_json(value), allow_nan=False)
        back = from_json(json.loads(stored))
        assert back == value
        assert type(back) is type(value)

    round_trip()


@pytest.mark.parametrize(
    "data", [{"interval": [1, 2]}, {"clock": "25:00"}, {"moment": 3}, {"a": 1, "b": 2}, {"list": []}]
)
def test_a_stored_document_of_another_form_is_refused(data: Any) -> None:
    with pytest.raises(ValueFault, match="stored"):
        from_json(data)


READ = [
    (INT, 30, 30),
    (INT, 30.0, 30),
    (INT, "30", 30),
    (INT, -7.0, -7),
    (FLOAT, 2, 2.0),
    (FLOAT, "0.35", 0.35),
    (FLOAT, "-1e-3", -0.001),
    (FLOAT, -0.0, 0.0),
    (BOOL, "TRUE", True),
    (BOOL, False, False),
    (YES_NO, "NO", False),
    (TEXT, " two words", " two words"),
    (SIDE, "SHORT", "SHORT"),
    (CLOCK_TIME, "09:15", dt.time(9, 15)),
    (CLOCK_TIME, dt.time(9, 15), dt.time(9, 15)),
    (MOMENT, "2025-06-28 10:43:35", dt.datetime(2025, 6, 28, 10, 43, 35)),
    (RANGE, "30-70", Interval(30, 70)),
    (RANGE, "-0.5--0.2", Interval(-0.5, -0.2)),
    (COLOR, "#00FF00", "#00FF00"),
    (SHARE, "90%+", 0.9),
    (NUMBERS, "0.15, 0.40,0.45", (0.15, 0.40, 0.45)),
    (NUMBERS, 0.5, (0.5,)),
    (SIDES, "LONG;SHORT", ("LONG", "SHORT")),
]


@pytest.mark.parametrize(("kind", "cell", "value"), READ)
def test_a_cell_reads_as_its_kind(kind: Kind, cell: Any, value: Any) -> None:
    read = kind.parse(cell)
    assert read == value
    assert type(read) is type(value)


HUGE = "x" * 501
TOO_LONG = "a text has at most 500 characters"
CONTROL = "a text holds no control or invisible characters"
FORMULA = "no cell holds a formula"
EMPTY = "a cell of a value is not empty"
NO_INT = "the value is a whole number"
NO_FLOAT = "the value is a number"
NO_BOOL = "the value is TRUE or FALSE"
NO_YES = "the value is YES or NO"
NO_TEXT = "the value is a text"
NO_SIDE = "the value is one of LONG, SHORT"
NO_TIME = "the value is a time HH:MM as text"
NO_MOMENT = "the value is a date and time YYYY-MM-DD HH:MM:SS as text"
NO_RANGE = "the value is a range low-high as text, such as 30-70"
BACKWARDS = "a range runs from its low end to its high end"
NO_COLOR = "the value is a colour #RRGGBB in capitals"
NO_SHARE = "the value is a percentage such as 90%+ as text"
NO_NUMBERS = "the value is values between ',', each a number"
NO_TRIPLE = "the value is 3 values between ',', each a whole number"
NO_SIDES = "the value is values between ';', each one of LONG, SHORT"
NO_RULE_ID = "the value is a rule's number such as RF001"
DAY = dt.date(2026, 1, 5)

REFUSED: list[tuple[Kind, Any, str]] = [
    *((kind, None, EMPTY) for kind, _ in VALUES),
    *((kind, "", EMPTY) for kind, _ in VALUES),
    *((kind, "=1+1", FORMULA) for kind, _ in VALUES),
    *((kind, " =SUM(A1)", FORMULA) for kind, _ in VALUES),
    *((kind, HUGE, TOO_LONG) for kind, _ in VALUES),
    *((kind, "a\x07b", CONTROL) for kind, _ in VALUES),
    *((kind, "1\n2", CONTROL) for kind, _ in VALUES),
    *((kind, "30\u200b", CONTROL) for kind, _ in VALUES),
    *((INT, cell, NO_INT) for cell in (True, 1.5, "1.5", "3.0", " 3", "three", math.nan, math.inf, 2**53 + 1, 1e30)),
    *((INT, cell, NO_INT) for cell in (10**400, "1_000", "٣", "0x10", "99999999999999999", DAY, dt.time(1, 2))),
    *((FLOAT, cell, NO_FLOAT) for cell in (True, "half", "0,5", "1e999", " 1", "nan", "inf", math.nan, -math.inf)),
    *((FLOAT, cell, NO_FLOAT) for cell in (10**400, "1_0.5", "½", "0.35%", DAY, "--1", "1e", ".")),
    *((BOOL, cell, NO_BOOL) for cell in ("true", "True", "YES", "1", 1, 0, 1.0, "TRUE ", DAY)),
    *((YES_NO, cell, NO_YES) for cell in ("yes", "TRUE", 1, "N")),
    *((TEXT, cell, NO_TEXT) for cell in (1, 1.5, True, DAY, " ")),
    *((SIDE, cell, NO_SIDE) for cell in ("long", "FLAT", "LONG ", "LONG,SHORT", 1, True)),
    *((CLOCK_TIME, cell, NO_TIME) for cell in ("9:15", "24:00", "09:60", "09:15:00", 0.3854, dt.time(9, 15, 1), True)),
    *((MOMENT, cell, NO_MOMENT) for cell in ("2025-06-28", "2025-13-01 00:00:00", 45836.4, "28.06.2025 10:43:35", DAY)),
    *(
        (RANGE, cell, NO_RANGE)
        for cell in ("30", "30-", "a-b", "30 - 70", "30-70-90", 30, True, dt.datetime(2026, 1, 5))
    ),
    *((RANGE, cell, BACKWARDS) for cell in ("70-30", "-0.2--0.5", "-1e308-1e308")),
    *((COLOR, cell, NO_COLOR) for cell in ("#00ff00", "00FF00", "#0F0", "green", 0)),
    *((SHARE, cell, NO_SHARE) for cell in ("90%", "90", 0.9, "-5%+", "1000%+")),
    *((NUMBERS, cell, NO_NUMBERS) for cell in ("0.1,,0.2", "0.1;0.2", "0.1,a", ",", True, DAY)),
    *((TRIPLE, cell, NO_TRIPLE) for cell in ("1,2", "1,2,3,4", "1,2,2.5", 3)),
    *((SIDES, cell, NO_SIDES) for cell in ("LONG,SHORT", "LONG;", "long")),
    *((RULE_ID, cell, NO_RULE_ID) for cell in ("RF1", "rf001", "RF0001", 1)),
]


@pytest.mark.parametrize(("kind", "cell", "rule"), REFUSED)
def test_a_cell_of_another_form_is_refused_with_the_rule(kind: Kind, cell: Any, rule: str) -> None:
    with pytest.raises(ValueFault) as caught:
        kind.parse(cell)
    assert caught.value.rule == rule
    assert caught.value.remedy


def test_every_kind_of_value_has_refusals_of_its_own() -> None:
    shared = {EMPTY, FORMULA, TOO_LONG, CONTROL}
    assert {type(kind) for kind, _, rule in REFUSED if rule not in shared} == {type(kind) for kind, _ in VALUES}


@pytest.mark.parametrize("kind", [INT, FLOAT])
def test_a_number_that_stands_as_text_is_remarked_on(kind: Kind) -> None:
    assert kind.remark("3") == "number as text"
    assert kind.remark(3) is None


def test_other_kinds_read_their_cells_without_a_remark() -> None:
    assert [kind.remark("TRUE") for kind in (BOOL, TEXT, SIDE, NUMBERS)] == [None] * 4


def test_a_list_of_numbers_is_written_without_needless_fractions() -> None:
    assert NUMBERS.render((0.28, 1.0, 100000.0)) == "0.28,1,100000"
    assert RANGE.render(Interval(0.0, 0.12)) == "0-0.12"
