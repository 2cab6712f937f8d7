"""The validation rules of the active set on what the lake holds of a symbol-day."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from mr_platform.errors import MissingPartition
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import IST
from mr_platform.parameters import versions
from mr_platform.stations import validation_outcomes

DAY = Partition("NIFTY", date(2022, 11, 3))
OPEN = datetime(2022, 11, 3, 9, 15, tzinfo=IST)
STAMP = pa.timestamp("us", tz="Asia/Kolkata")


def publish(lake: Lake, minutes: int = 375) -> None:
    """Core of the first minutes, its quality report with 13 refused volatilities, regimes made in 22.5 seconds."""
    stamps = [OPEN + timedelta(minutes=at) for at in range(minutes)]
    core = {"ts": pa.array(stamps, STAMP), "known_ts": pa.array([at + timedelta(minutes=1) for at in stamps], STAMP)}
    core["spot"] = pa.array([18_000.0 + at % 2 for at in range(minutes)])
    for side in ("ce", "pe"):
        core |= {f"{side}_volume": pa.array([50] * minutes)}
        core |= {f"{side}_{greek}": pa.array([0.5] * minutes) for greek in ("delta", "gamma", "theta", "vega")}
    lake.publish("core/option_chain", DAY, pa.table(core))
    report = {"code": ["iv_out_of_range", "crossed"], "rows": [13, 99]}
    lake.publish("core/quality_report", DAY, pa.table(report))
    bars = stamps[::5]
    master = {
        "event_ts": pa.array(bars, STAMP),
        "workbook_regime": pa.array(["Neutral_Med_Vol"] * len(bars)),
        "master_confidence": pa.array([0.8] * len(bars)),
    }
    lake.publish("regimes/master_regime_analysis", DAY, pa.table(master), metadata={"run_seconds": "22.5"})


def test_rules_read_core_the_quality_report_the_regimes_and_their_time(lake: Lake) -> None:
    publish(lake)
    found = {one.rule: one for one in validation_outcomes(lake, DAY, memory_mb=300.0)}
    assert {rule for rule, one in found.items() if one.status == "hit"} == {"VAL009"}
    assert {one.status for one in found.values()} == {"hit", "passed"}
    assert found["VAL009"].count == 13
    # 300 ms a bar
    tight = versions.change(
        lake, "PerformanceMetrics.computation_time.Critical", 260, who="ann", when=OPEN, why="a tighter limit"
    )
    assert tight.number == 1
    assert {one.rule for one in validation_outcomes(lake, DAY) if one.status == "hit"} == {"VAL009", "VAL011"}


def test_a_session_under_way_has_no_gap_ahead_of_it(lake: Lake) -> None:
    publish(lake, minutes=100)
    gaps = {
        moment: validation_outcomes(lake, DAY, as_of=moment)[0].status
        for moment in (None, datetime(2022, 11, 3, 10, 55), datetime(2022, 11, 3, 11, 5))
    }
    assert list(gaps.values()) == ["hit", "passed", "hit"]


def test_a_symbol_day_that_nobody_published_is_told_of(lake: Lake) -> None:
    with pytest.raises(MissingPartition, match="rules are evaluated on a published symbol-day"):
        validation_outcomes(lake, DAY)
