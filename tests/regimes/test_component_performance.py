"""How answers turn out: eight bars counted by hand, and labels that are not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.regimes.inputs import stamps
from mr_platform.regimes.performance import known_regimes, read_performance, session_performance
from schemas.contracts import check_contract
from schemas.tables import COMPONENT_ANALYSIS_RESULTS, REGIMES
from schemas.weights import COMPONENT_PERFORMANCE

DAY = date(2022, 11, 14)
OPEN = datetime(2022, 11, 14, 9, 15, tzinfo=ZoneInfo("Asia/Kolkata"))
START = np.datetime64("2022-11-14T03:45", "us")
FIVE = np.timedelta64(5, "m")
L, H, NONE = "LVLD", "HVC", None

# the regime turns in the fourth bar; the label of the last bar is known ten minutes after an hour
LABELS = (L, L, L, H, H, H, H, L)
FIRST = (L, H, L, L, H, H, NONE, H)
SECOND = (NONE, NONE, NONE, NONE, NONE, NONE, H, NONE)


def results(*answers: Sequence[str | None]) -> pa.Table:
    rows = []
    for component, said in enumerate(answers, start=1):
        for bar, regime in enumerate(said):
            rows.append(
                {
                    "analysis_id": f"{component}-{bar}",
                    "component_id": component,
                    "symbol": "NIFTY",
                    "event_ts": OPEN + timedelta(minutes=5 * bar),
                    "known_ts": OPEN + timedelta(minutes=5 * bar + 5),
                    "regime_prediction": regime,
                    "score": 0.1,
                    "confidence_score": 0.5 + 0.1 * bar if bar < 6 else 0.2,
                    "processing_time_ms": None,
                    "weight_factor": 0.1,
                    "health": "healthy",
                }
            )
    return pa.Table.from_pylist(rows, schema=COMPONENT_ANALYSIS_RESULTS.arrow())


def labels(codes: Sequence[str | None] = LABELS, version: str = "1.a") -> pa.Table:
    bars = np.arange(len(codes))
    return pa.table(
        {
            "event_ts": stamps(START + bars * FIVE),
            "known_ts": stamps(START + bars * FIVE + 7 * FIVE),
            "label": pa.array(codes, pa.string()),
            "label_schema_version": [version] * len(codes),
        }
    )


def counted(known_minutes: int = 65, dte: Sequence[int] = (3,) * 8) -> list[dict[str, object]]:
    """Rows by the labels known so many minutes after the open."""
    known_by = OPEN + timedelta(minutes=known_minutes)
    found = session_performance("NIFTY", DAY, results(FIRST, SECOND), np.array(dte), labels(), known_by)
    assert check_contract(found, COMPONENT_PERFORMANCE) == []
    return found.to_pylist()


def test_eight_bars_counted_by_hand():
    first, second, in_context = counted()
    # right in bars 0, 2, 4 and 5 of six; the answer was kept from 2 to 3 and from 4 to 5
    assert first["observations"] == 6
    assert first["accuracy"] == pytest.approx(4 / 6)
    assert first["confidence"] == pytest.approx(0.75)
    assert first["stability"] == pytest.approx(2 / 5)
    # the new regime ran for four bars and was first answered in the second of them
    assert first["speed"] == pytest.approx(0.75)
    assert (first["component_id"], first["dte_bucket"], first["regime_context"]) == (1, "0-7", "ANY")
    assert first["known_ts"] == OPEN + timedelta(minutes=60)
    assert second["component_id"] == 2
    assert [second[name] for name in ("observations", "accuracy", "stability", "speed")] == [1, 1.0, None, None]
    assert second["confidence"] == pytest.approx(0.2)
    # when its one answer was given, the label of the first bar had just become known
    assert in_context == second | {"regime_context": L}


def test_an_outcome_that_is_not_known_yet_does_not_count():
    assert [row["observations"] for row in counted(64)] == [6]
    assert [row["observations"] for row in counted(65)] == [6, 1, 1]
    # at 69 minutes the last label is a minute away, at 70 it is known: C1 said HVC and was wrong
    assert counted(69)[0] == counted(65)[0]
    later = counted(70)[0]
    assert (later["observations"], later["accuracy"]) == (7, pytest.approx(4 / 7))
    assert counted(34) == []


def test_days_to_expiry_divide_the_bars_and_unknown_ones_count_nowhere():
    rows = counted(dte=(7, 7, 8, 8, 31, 31, -1, -1))
    found = {(row["component_id"], row["dte_bucket"]): row["observations"] for row in rows}
    assert found == {(1, "0-7"): 2, (1, "8-30"): 2, (1, "31+"): 2}


def test_a_regime_that_was_never_answered_has_no_speed():
    never = session_performance(
        "NIFTY", DAY, results((L,) * 8), np.full(8, 3), labels(), OPEN + timedelta(minutes=65)
    ).to_pylist()
    assert never[0]["speed"] == 0.0


def test_the_regime_known_at_a_bar_is_the_label_of_six_bars_before():
    rows = START + np.arange(1, 14) * FIVE
    assert known_regimes(labels(), rows).tolist() == [-1] * 6 + [REGIMES.index(code) for code in LABELS[:7]]
    # a bar without a label leaves what was known before it
    gap = (L, NONE, H, *LABELS[3:])
    assert known_regimes(labels(gap), rows[6:9]).tolist() == [REGIMES.index(code) for code in (L, L, H)]
    assert known_regimes(labels((NONE,) * 8), rows).tolist() == [-1] * 13


def test_later_sessions_read_the_measures_of_the_seven():
    table = session_performance(
        "NIFTY",
        DAY,
        results(FIRST, SECOND, *[(NONE,) * 8] * 5, (L,) * 8),
        np.full(8, 3),
        labels(),
        OPEN + timedelta(minutes=65),
    )
    assert set(table["component_id"].to_pylist()) == {1, 2, 8}
    found = read_performance(table)
    assert found is not None
    assert (found.trade_date, found.label_version) == (DAY, "1.a")
    assert found.known_ts == OPEN + timedelta(minutes=65)
    assert list(found.cells) == [("0-7", "ANY"), ("0-7", L)]
    cell = found.cells["0-7", "ANY"]
    assert cell[0].tolist() == [6, 1, 0, 0, 0, 0, 0]
    assert cell[1, :2] == pytest.approx([4 / 6, 1.0])
    assert np.isnan(cell[1:, 2:]).all()
    assert read_performance(table.slice(0, 0)) is None
