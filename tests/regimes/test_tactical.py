"""The finer taxonomies as tables of inputs and answers."""

from __future__ import annotations

import math

import pytest

from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.tactical import (
    Stance,
    choose_tactical,
    classify_daily,
    classify_workbook,
    daily_confidence,
)
from mr_platform.regimes.taxonomy import DAILY, TACTICAL, WORKBOOK

PARAMETERS = defaults(RegimeParameters)
NAN = math.nan

# regime, direction, direction an hour ago, volatility percentile, confidence -> tactical
CHOICES = [
    ("LVLD", 0.0, 0.0, 0.1, 0.70, "Aggressive"),
    ("LVLD", 0.0, 0.0, 0.1, 0.69, "Moderate"),
    ("LVLD", 0.0, 0.0, 0.1, 0.50, "Moderate"),
    ("LVLD", 0.0, 0.0, 0.1, 0.49, "Conservative"),
    ("LVLD", 0.0, 0.0, 0.1, NAN, "Conservative"),
    ("HVC", 0.9, 0.9, 0.70, 0.9, "Defensive"),
    ("HVC", 0.3, 0.0, 0.60, 0.9, "Opportunistic"),
    ("HVC", -0.3, 0.0, 0.60, 0.9, "Opportunistic"),
    ("HVC", 0.29, 0.0, 0.60, 0.9, "Neutral"),
    ("HVC", NAN, NAN, NAN, 0.9, "Neutral"),
    ("VCPE", 0.5, 0.5, 0.70, 0.9, "Pre_Event"),
    ("VCPE", 0.5, 0.5, 0.60, 0.9, "Post_Event"),
    ("VCPE", 0.5, 0.5, NAN, 0.9, "Post_Event"),
    ("TBVE", 0.1, -0.5, 0.9, 0.9, "TBVE_Bull_High_Vol"),
    ("TBVE", -0.1, 0.5, 0.9, 0.9, "TBVE_Bear_High_Vol"),
    ("TBVE", 0.0, 0.5, 0.9, 0.9, "TBVE_Bear_High_Vol"),
    ("TBVS", 0.2, 0.1, 0.30, 0.9, "TBVE_Bull_Low_Vol"),
    ("TBVS", -0.2, 0.1, 0.30, 0.9, "TBVE_Bear_Low_Vol"),
    ("TBVS", 0.2, -0.1, 0.50, 0.9, "TBVS_Reversal"),
    ("TBVS", 0.2, 0.1, 0.50, 0.9, "TBVS_Continuation"),
    ("TBVS", 0.2, NAN, NAN, 0.9, "TBVS_Continuation"),
    ("SCGS", 0.5, 0.5, 0.5, 0.70, "Strong"),
    ("SCGS", 0.5, 0.5, 0.5, 0.69, "Moderate"),
    ("PSED", -0.5, 0.5, 0.5, 0.5, "Divergent"),
    ("CBV", 0.0, 0.5, 0.5, 0.5, "Choppy"),
]


@pytest.mark.parametrize(("regime", "direction", "past", "volatility", "confidence", "expected"), CHOICES)
def test_the_tactical_choice(regime, direction, past, volatility, confidence, expected):
    found = choose_tactical(regime, Stance(direction, past, volatility, confidence), PARAMETERS.tactical)
    assert (found.parent, found.name) == (regime, expected)


def test_every_tactical_regime_can_be_reached():
    assert {(c[0], c[-1]) for c in CHOICES} == {(t.parent, t.name) for t in TACTICAL}


@pytest.mark.parametrize(
    ("slope", "adx", "trend"),
    [
        (0.016, 35, "Strong_Bullish"),
        (0.016, 25, "Bullish"),
        (0.016, 15, "Neutral"),
        (0.015, 30, "Strong_Bullish"),
        (0.0149, 30, "Bullish"),
        (0.003, 20, "Bullish"),
        (0.0029, 10, "Neutral"),
        (0.0029, 15, "Sideways"),
        (0.004, 17, "Sideways"),
        (0.005, 17, "Neutral"),
        (-0.003, 20, "Bearish"),
        (-0.015, 30, "Strong_Bearish"),
        (-0.02, NAN, "Strong_Bearish"),
        (-0.004, NAN, "Bearish"),
        (0.0, NAN, "Neutral"),
    ],
)
def test_the_workbooks_trend_classes(slope, adx, trend):
    found = classify_workbook(slope, 0.15, PARAMETERS.workbook, adx=adx)
    assert found == f"{trend}_Med_Vol"
    assert found in WORKBOOK


@pytest.mark.parametrize(
    ("volatility", "percentile", "band"),
    [
        (0.119, NAN, "Low"),
        (0.12, NAN, "Med"),
        (0.25, NAN, "High"),
        (0.9, 0.29, "Low"),
        (0.9, 0.30, "Med"),
        (0.1, 0.70, "High"),
    ],
)
def test_the_workbooks_volatility_classes_prefer_the_percentile(volatility, percentile, band):
    found = classify_workbook(0.0, volatility, PARAMETERS.workbook, atr_percentile=percentile)
    assert found == f"Neutral_{band}_Vol"


def test_the_workbook_says_nothing_without_slope_or_volatility():
    assert classify_workbook(NAN, 0.2, PARAMETERS.workbook) is None
    assert classify_workbook(0.0, NAN, PARAMETERS.workbook) is None


@pytest.mark.parametrize(
    ("returns", "volatility", "expected"),
    [
        (0.016, 0.019, "strongly_bullish"),
        (-0.016, 0.019, "strongly_bearish"),
        (0.016, 0.021, "choppy_bullish"),
        (0.001, 0.021, "choppy_bullish"),
        (-0.001, 0.021, "choppy_bearish"),
        (0.016, 0.02, "bullish"),
        (0.015, 0.01, "bullish"),
        (0.006, 0.01, "bullish"),
        (-0.006, 0.01, "bearish"),
        (0.005, 0.01, "neutral"),
        (-0.004, 0.01, "neutral"),
        (0.0, 0.05, "neutral"),
        (NAN, 0.01, None),
        (0.01, NAN, None),
    ],
)
def test_the_daily_regimes(returns, volatility, expected):
    assert classify_daily(returns, volatility, PARAMETERS.daily) == expected


def test_the_daily_regimes_are_all_reached_and_no_other():
    reached = {classify_daily(r / 1000, v / 1000, PARAMETERS.daily) for r in range(-20, 21) for v in range(0, 41, 5)}
    assert reached == set(DAILY)


@pytest.mark.parametrize(
    ("ratio", "stability", "participation", "expected"), [(0.8, 0.5, 0.5, 0.4), (0.9, 1.0, 1.0, 1.0)]
)
def test_the_daily_confidence_is_at_most_one(ratio, stability, participation, expected):
    assert daily_confidence(ratio, stability, participation, PARAMETERS.daily) == pytest.approx(expected)
