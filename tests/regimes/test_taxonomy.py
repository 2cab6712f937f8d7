"""The taxonomies as tables: every name, every parent, every weight, every number."""

from __future__ import annotations

import pytest

from mr_platform.errors import UsageError
from mr_platform.regimes.taxonomy import (
    DAILY,
    STRATEGIC,
    TACTICAL,
    WORKBOOK,
    strategic,
    strategic_of,
    tactical,
    tactical_children,
    workbook_id,
    workbook_name,
)
from schemas.tables import REGIMES


def test_the_eight_strategic_regimes():
    assert [(r.code, r.name) for r in STRATEGIC] == [
        ("LVLD", "Low Volatility Low Delta"),
        ("HVC", "High Volatility Contraction"),
        ("VCPE", "Volatility Contraction Price Expansion"),
        ("TBVE", "Trend Breaking Volatility Expansion"),
        ("TBVS", "Trend Breaking Volatility Suppression"),
        ("SCGS", "Strong Correlation Good Sentiment"),
        ("PSED", "Poor Sentiment Elevated Divergence"),
        ("CBV", "Choppy Breakout Volatility"),
    ]
    assert tuple(r.code for r in STRATEGIC) == REGIMES
    assert len({r.color for r in STRATEGIC}) == 8


TO_STRATEGIC = [
    ("LVLD", "Conservative", 0.95),
    ("LVLD", "Moderate", 0.90),
    ("LVLD", "Aggressive", 0.85),
    ("HVC", "Defensive", 0.90),
    ("HVC", "Neutral", 0.85),
    ("HVC", "Opportunistic", 0.80),
    ("VCPE", "Post_Event", 0.95),
    ("VCPE", "Pre_Event", 0.80),
    ("TBVE", "TBVE_Bull_High_Vol", 0.90),
    ("TBVE", "TBVE_Bear_High_Vol", 0.90),
    ("TBVS", "TBVE_Bull_Low_Vol", 0.85),
    ("TBVS", "TBVE_Bear_Low_Vol", 0.85),
    ("TBVS", "TBVS_Reversal", 0.80),
    ("TBVS", "TBVS_Continuation", 0.80),
    ("SCGS", "Strong", 0.95),
    ("SCGS", "Moderate", 0.85),
    ("PSED", "Divergent", 0.90),
    ("CBV", "Choppy", 0.75),
]


@pytest.mark.parametrize(("parent", "name", "weight"), TO_STRATEGIC)
def test_each_tactical_regime_maps_to_its_parent_with_its_weight(parent, name, weight):
    assert strategic_of(parent, name) == (parent, weight)
    assert tactical(parent, name).label == f"{parent}/{name}"


def test_the_tactical_map_is_total_and_nothing_more():
    assert [(t.parent, t.name, t.weight) for t in TACTICAL] == TO_STRATEGIC
    assert [len(tactical_children(code)) for code in REGIMES] == [3, 3, 2, 2, 4, 2, 1, 1]


def test_the_workbooks_eighteen_are_numbered_by_trend_and_volatility():
    assert [workbook_id(name) for name in WORKBOOK] == list(range(18))
    assert WORKBOOK[0] == "Strong_Bullish_High_Vol"
    assert WORKBOOK[4] == "Bullish_Med_Vol"
    assert WORKBOOK[8] == "Neutral_Low_Vol"
    assert WORKBOOK[14] == "Strong_Bearish_Low_Vol"
    assert WORKBOOK[17] == "Sideways_Low_Vol"
    assert workbook_name(3, 1) == "Bearish_Med_Vol"


def test_the_seven_daily_regimes():
    assert len(DAILY) == len(set(DAILY)) == 7


@pytest.mark.parametrize(
    "question",
    [
        lambda: strategic("XYZ"),
        lambda: tactical("HVC", "Moderate"),
        lambda: tactical_children("Moderate"),
        lambda: workbook_id("Bullish"),
        lambda: workbook_name(6, 0),
    ],
)
def test_an_unknown_name_is_refused_with_the_names_there_are(question):
    with pytest.raises(UsageError, match="use one of the names"):
        question()
