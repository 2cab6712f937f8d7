"""The small languages of the workbook: conditions, settings, adjustments and patterns over regimes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mr_platform.parameters.expressions import (
    ADJUSTMENTS,
    EXPRESSION,
    REGIME_PATTERN,
    REGIMES,
    SETTINGS,
    SITUATION,
    matching,
)
from mr_platform.parameters.terms import Adjustment, Comparison, Interval, Settings, Situation
from mr_platform.parameters.values import Kind, ValueFault, from_json, to_json
from mr_platform.regimes.taxonomy import WORKBOOK

words = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda word: word not in ("true", "false"))
floats = st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: x + 0.0)
intervals = st.tuples(floats, floats).map(lambda ends: Interval(min(ends), max(ends)))
orders = st.sampled_from([">", "<", ">=", "<="])
measured = st.builds(
    Comparison, words, st.one_of(orders, st.just(":")), floats, st.booleans(), st.sampled_from(["", "min", "%ile", "%"])
)
comparisons = st.one_of(
    st.builds(Comparison, words),
    measured,
    st.builds(Comparison, words, orders, words, st.booleans()),
    st.builds(Comparison, words, st.just(":"), intervals, st.booleans()),
)
scalars = st.one_of(st.booleans(), st.integers(-(10**14), 10**14), floats, words)
pairs = st.lists(
    st.tuples(words, st.one_of(scalars, st.lists(scalars, min_size=2, max_size=4).map(tuple))),
    min_size=1, max_size=4, unique_by=lambda pair: pair[0],
).map(lambda found: Settings(tuple(found)))  # fmt: skip
adjustments = st.lists(
    st.builds(Adjustment, words, st.decimals(-500, 500, places=2).map(lambda x: float(x) + 0.0)),
    min_size=1, max_size=3, unique_by=lambda one: one.target,
).map(tuple)  # fmt: skip
situations = st.builds(
    Situation,
    st.sampled_from(["Expiry Day", "High Volatility", "Low"]),
    st.one_of(st.none(), measured.filter(lambda m: not m.absolute)),
)

VALUES: list[tuple[Kind, st.SearchStrategy[Any]]] = [
    (EXPRESSION, comparisons),
    (SITUATION, situations),
    (ADJUSTMENTS, adjustments),
    (SETTINGS, pairs),
    (REGIME_PATTERN, st.sampled_from([*REGIMES, "Neutral_*", "*_Low_Vol", "ALL", "NONE", "Trending", "Sideways"])),
]


@pytest.mark.parametrize(("kind", "values"), VALUES, ids=lambda one: getattr(one, "name", ""))
def test_what_is_written_reads_the_same(kind: Kind, values: st.SearchStrategy[Any]) -> None:
    @settings(max_examples=200, deadline=None)
    @given(values)
    def round_trip(value: Any) -> None:
        assert kind.parse(kind.render(value)) == value
        assert from_json(json.loads(json.dumps(to_json(value)))) == value

    round_trip()


READ = [
    (EXPRESSION, "trend_slope>0.015", Comparison("trend_slope", ">", 0.015)),
    (EXPRESSION, "atr_percentile:30-70", Comparison("atr_percentile", ":", Interval(30, 70))),
    (EXPRESSION, "abs(x)<0.3", Comparison("x", "<", 0.3, absolute=True)),
    (EXPRESSION, "price_in_range:0.95", Comparison("price_in_range", ":", 0.95)),
    (EXPRESSION, "volume_profile:balanced", Comparison("volume_profile", ":", "balanced")),
    (EXPRESSION, "data_gaps>5min", Comparison("data_gaps", ">", 5, unit="min")),
    (EXPRESSION, "duration<min_duration", Comparison("duration", "<", "min_duration")),
    (EXPRESSION, "greeks_missing", Comparison("greeks_missing")),
    (EXPRESSION, "x>=-0.5", Comparison("x", ">=", -0.5)),
    (SITUATION, "Expiry Day", Situation("Expiry Day")),
    (SITUATION, "High Volatility (ATR>80%ile)", Situation("High Volatility", Comparison("ATR", ">", 80, unit="%ile"))),
    (ADJUSTMENTS, "+25% Volume, -15% OIPA", (Adjustment("Volume", 25), Adjustment("OIPA", -15))),
    (SETTINGS, "a=1,b=2;c=x,y", Settings((("a", 1), ("b", 2), ("c", ("x", "y"))))),
    (SETTINGS, "lookback=50,assets=NIFTY,BANK,IT", Settings((("lookback", 50), ("assets", ("NIFTY", "BANK", "IT"))))),
    (SETTINGS, "bands=2.0,squeeze=true", Settings((("bands", 2.0), ("squeeze", True)))),
    (REGIME_PATTERN, "Strong_*", "Strong_*"),
]


@pytest.mark.parametrize(("kind", "cell", "value"), READ)
def test_a_cell_reads_as_its_kind(kind: Kind, cell: str, value: Any) -> None:
    assert kind.parse(cell) == value


NO_EXPRESSION = "the value is a condition such as trend_slope>0.015, atr_percentile:30-70 or abs(x)<0.3"
NO_SITUATION = "the value is a market state such as Expiry Day or High Volatility (ATR>80%ile)"
NO_ADJUSTMENTS = "the value is changes in percent such as +20% ATR, -15% IV"
NO_SETTINGS = "the value is settings name=value between ',' or ';', such as depth=3,band=0.5;methods=a,b"
NO_PATTERN = (
    "the value is a workbook regime, a pattern such as Neutral_* or *_Low_Vol, "
    "or ALL, NONE, Trending, Neutral, Sideways"
)
BACKWARDS = "a range runs from its low end to its high end"
REFUSED: list[tuple[Kind, Any, str]] = [
    *((kind, None, "a cell of a value is not empty") for kind, _ in VALUES),
    *((kind, "=A1>3", "no cell holds a formula") for kind, _ in VALUES),
    *((kind, "a>1\x00", "a text holds no control or invisible characters") for kind, _ in VALUES),
    *((kind, "a" * 501, "a text has at most 500 characters") for kind, _ in VALUES),
    *(
        (EXPRESSION, cell, NO_EXPRESSION)
        for cell in ("x > 1", ">1", "x>", "x>>1", "x=1", "1>x", "x>1e", "x>5m", 3, True)
    ),
    *(
        (EXPRESSION, cell, NO_EXPRESSION)
        for cell in ("abs(x)", "abs(x", "x>5 min", "x>30-70", "os.system('x')>1", "x>1;y")
    ),
    (EXPRESSION, "x:70-30", BACKWARDS),
    (EXPRESSION, "x>1e999", "the value is a number"),
    *((SITUATION, cell, NO_SITUATION) for cell in ("expiry", "Expiry Day (", "Expiry Day ()", "Day (x>1) y", 5)),
    (SITUATION, "Trend (ADX=25)", NO_EXPRESSION),
    *((ADJUSTMENTS, cell, NO_ADJUSTMENTS) for cell in ("20% ATR", "+20 ATR", "+20%ATR", "+20% ATR,", "+20%", 0.2)),
    (ADJUSTMENTS, "+20% ATR, -5% ATR", NO_ADJUSTMENTS),
    *((SETTINGS, cell, NO_SETTINGS) for cell in ("a", "a=", "a=1;b", "a=1,a=2", "a=x y", "a==1", "1a=2", 1)),
    *((REGIME_PATTERN, cell, NO_PATTERN) for cell in ("Up_*", "neutral_*", "Neutral_[H]*", "**?", 3)),
]


@pytest.mark.parametrize(("kind", "cell", "rule"), REFUSED)
def test_a_cell_of_another_form_is_refused_with_the_rule(kind: Kind, cell: Any, rule: str) -> None:
    with pytest.raises(ValueFault) as caught:
        kind.parse(cell)
    assert caught.value.rule == rule


HOLDS = [
    ("x>0.015", 0.016, True),
    ("x>0.015", 0.015, False),
    ("x<30", 29.9, True),
    ("x:30-70", 30.0, True),
    ("x:30-70", 70.0, True),
    ("x:30-70", 70.1, False),
    ("abs(x)<0.3", -0.2, True),
    ("abs(x)<0.3", -0.4, False),
    ("x:0.95", 0.95, True),
    ("x:0.95", 0.94, False),
    ("x:balanced", "balanced", True),
    ("x:balanced", "skewed", False),
    ("x:balanced", 1.0, False),
    ("x>=-0.5", -0.5, True),
    ("x", True, True),
    ("x", False, False),
    ("x>0", math.nan, False),
    ("x<0", math.nan, False),
    ("x:0-1", math.nan, False),
]


@pytest.mark.parametrize(("condition", "quantity", "holds"), HOLDS)
def test_a_condition_holds_as_it_reads(condition: str, quantity: Any, holds: bool) -> None:
    comparison = EXPRESSION.parse(condition)
    assert isinstance(comparison, Comparison)
    assert comparison.holds(quantity) is holds


def test_a_condition_may_compare_with_a_quantity_by_name() -> None:
    comparison = EXPRESSION.parse("duration<min_duration")
    assert isinstance(comparison, Comparison)
    assert comparison.holds(20.0, {"min_duration": 30.0})
    assert not comparison.holds(30.0, {"min_duration": 30.0})
    with pytest.raises(KeyError, match="min_duration"):
        comparison.holds(20.0)


def test_a_sharp_scale_of_conditions_has_no_gap_and_no_overlap() -> None:
    scale = [EXPRESSION.parse(cell) for cell in ("x<30", "x:30-70", "x>70")]
    for tenth in range(1001):
        held = [one for one in scale if isinstance(one, Comparison) and one.holds(tenth / 10)]
        assert len(held) == 1


def test_the_regimes_are_those_of_the_taxonomy() -> None:
    assert tuple(WORKBOOK) == REGIMES


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("ALL", 18), ("NONE", 0), ("Trending", 12), ("Bullish_*", 3), ("Strong_*", 6), ("*_Low_Vol", 6), ("Sideways", 3)],
)
def test_a_pattern_stands_for_regimes(pattern: str, count: int) -> None:
    assert len(matching(pattern)) == count


def test_bullish_does_not_take_in_strong_bullish() -> None:
    assert matching("Bullish_*") == ("Bullish_High_Vol", "Bullish_Med_Vol", "Bullish_Low_Vol")
