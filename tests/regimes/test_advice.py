"""Weights, positions and the unified document."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.positions import recommend, volatility_score
from mr_platform.regimes.unified import HistoricalContext, to_json, unified_output
from mr_platform.regimes.weights import dte_bucket, start_weights, weights_for
from schemas.tables import ADAPTIVE_LEARNING_WEIGHTS

PARAMETERS = defaults(RegimeParameters)
IST = timezone(timedelta(hours=5, minutes=30))
OPEN = datetime(2022, 11, 14, 9, 15, tzinfo=IST)


@pytest.mark.parametrize(
    ("dte", "bucket"), [(0, "0-7"), (7, "0-7"), (8, "8-30"), (30, "8-30"), (31, "31+"), (365, "31+")]
)
def test_the_bucket_of_days_to_expiry(dte, bucket):
    assert dte_bucket(dte) == bucket


@pytest.mark.parametrize("dte", [-1, 366])
def test_days_to_expiry_outside_a_year_have_no_bucket(dte):
    with pytest.raises(UsageError, match="between 0 and 365"):
        dte_bucket(dte)


def test_weights_follow_the_days_to_expiry_and_are_unknown_without_them():
    found = weights_for(np.array([3, 9, -1]), PARAMETERS.weights)
    np.testing.assert_array_equal(found[0], [0.20, 0.10, 0.15, 0.15, 0.15, 0.10, 0.15])
    np.testing.assert_array_equal(found[1], [0.15, 0.15, 0.20, 0.15, 0.15, 0.15, 0.05])
    assert np.isnan(found[2]).all()


def test_start_weights_are_one_row_for_each_component_and_bucket_with_ids_that_stay():
    table = start_weights("NIFTY", OPEN, PARAMETERS.weights)
    assert table.schema.equals(ADAPTIVE_LEARNING_WEIGHTS.arrow())
    assert table.num_rows == 21
    rows = table.to_pylist()
    assert {row["reason"] for row in rows} == {"start value"}
    assert {row["regime_context"] for row in rows} == {"ANY"}
    assert {row["previous_weight_id"] for row in rows} == {None}
    assert [r["weight_value"] for r in rows if r["dte_bucket"] == "31+"] == [0.10, 0.15, 0.15, 0.15, 0.20, 0.20, 0.05]
    for bucket in ("0-7", "8-30", "31+"):
        assert sum(r["weight_value"] for r in rows if r["dte_bucket"] == bucket) == pytest.approx(1.0)
    later = start_weights("NIFTY", OPEN + timedelta(days=1), PARAMETERS.weights)
    assert later["weight_id"].equals(table["weight_id"])
    other = start_weights("BANKNIFTY", OPEN, PARAMETERS.weights)
    assert len({*table["weight_id"].to_pylist(), *other["weight_id"].to_pylist()}) == 42
    with pytest.raises(UsageError, match="time zone"):
        start_weights("NIFTY", OPEN.replace(tzinfo=None), PARAMETERS.weights)


@pytest.mark.parametrize(
    ("regime", "confidence", "score", "trend", "size", "direction", "volatility"),
    [
        ("LVLD", 1.0, 0.4, 0.1, 1.3 * 1.0 * 1.2, "long", "low"),
        ("LVLD", 0.0, 0.5, 0.09, 1.3 * 0.5 * 1.0, "neutral", "normal"),
        ("HVC", 0.6, 1.0, -0.1, 0.75 * 0.8 * 0.7, "short", "high"),
        ("VCPE", 0.6, 2.0, 0.5, 1.15 * 0.8 * 0.4, "long", "extreme"),
        ("TBVE", 0.6, 0.7, 0.0, 1.0 * 0.8, "neutral", "normal"),
        ("TBVS", 0.6, 0.7, 0.0, 0.4 * 0.8, "neutral", "normal"),
        ("SCGS", 0.6, 0.7, 0.0, 0.9 * 0.8, "neutral", "normal"),
        ("PSED", 0.6, 0.7, 0.0, 1.1 * 0.8, "neutral", "normal"),
        ("CBV", 0.6, math.nan, math.nan, 0.75 * 0.8 * 0.4, "neutral", "extreme"),
    ],
)
def test_the_size_of_a_position(regime, confidence, score, trend, size, direction, volatility):
    found = recommend(regime, confidence, score, trend, PARAMETERS.positions)
    assert found.size_multiplier == pytest.approx(size)
    assert (found.preferred_direction, found.volatility_regime) == (direction, volatility)


def test_no_signal_recommends_no_position():
    found = recommend(None, math.nan, 0.7, 0.5, PARAMETERS.positions)
    assert (found.size_multiplier, found.max_positions, found.preferred_direction) == (0.0, 0, "none")


def test_a_confidence_outside_its_range_or_an_unknown_regime_is_refused():
    with pytest.raises(UsageError, match="between 0 and 1"):
        recommend("LVLD", 1.2, 0.7, 0.0, PARAMETERS.positions)
    with pytest.raises(UsageError, match="XYZ"):
        recommend("XYZ", 0.2, 0.7, 0.0, PARAMETERS.positions)


def test_the_volatility_score_is_the_upper_quartile_of_the_known_percentages():
    assert volatility_score(np.array([1.0, 2.0, 3.0, np.nan, 5.0]), PARAMETERS.positions) == pytest.approx(3.5)
    assert math.isnan(volatility_score(np.array([np.nan]), PARAMETERS.positions))


def test_the_unified_document():
    position = recommend("HVC", 0.6, 1.0, -0.2, PARAMETERS.positions)
    document = unified_output(
        OPEN,
        "HVC",
        0.6,
        {1: -0.4, 2: 0.1, 3: -0.2, 4: 0.0, 5: math.nan},
        -0.2,
        1.0,
        position,
        HistoricalContext(1.25, math.nan, "LVLD"),
    )
    assert json.loads(to_json(document)) == {
        "timestamp": "2022-11-14T09:15:00+05:30",
        "regime": "HVC",
        "confidence": 0.6,
        "indicators": {
            "long_count": 1,
            "short_count": 2,
            "ratio": pytest.approx(1 / 3),
            "trend_strength": -0.2,
            "volatility_score": 1.0,
        },
        "recommendations": {
            "position_size_multiplier": pytest.approx(0.42),
            "stop_loss_multiplier": 1.5,
            "max_positions": 3,
            "preferred_direction": "short",
        },
        "historical_context": {
            "regime_duration_hours": 1.25,
            "regime_stability": None,
            "previous_regime": "LVLD",
        },
    }


def test_the_unified_document_without_a_signal_or_a_side():
    nan = math.nan
    position = recommend(None, nan, nan, nan, PARAMETERS.positions)
    document = unified_output(OPEN, None, nan, {1: nan}, nan, nan, position, HistoricalContext(nan, nan, None))
    read = json.loads(to_json(document))
    assert read["regime"] is None
    assert read["indicators"]["ratio"] is None
    with pytest.raises(UsageError, match="time zone"):
        naive = datetime.combine(date(2022, 11, 14), OPEN.time())
        unified_output(naive, None, nan, {}, nan, nan, position, HistoricalContext(nan, nan, None))
