"""The report counts every raw row once, scores a partition, and draws what was missing or refused."""

from __future__ import annotations

from datetime import date, time

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from mr_platform.errors import DataError
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import Session
from mr_platform.quality.partition import minute_of_day
from mr_platform.quality.picture import picture, states
from mr_platform.quality.report import QualityReport, quality_report, report_of_table
from mr_platform.quality.rules import RULES, Validated, validate
from schemas.tables import QUALITY_REPORT, QUARANTINE

DAY = date(2026, 11, 19)
TEN_MINUTES = Session(DAY, "special", ((time(9, 15), time(9, 25)),))


def quarantine_of(bars: pl.DataFrame, refused: pl.DataFrame, **extra: str) -> pa.Table:
    """Two raw rows for every refused bar, and one more for each code in ``extra`` (code=rule)."""
    place = bars.select("bar_row", "symbol", "ts", "expiry", "strike")
    rows = refused.join(place, on="bar_row").drop("bar_row").to_dicts() * 2
    rows += [
        {"symbol": "NIFTY", "code": code, "rule": words, "severity": "error", "detail": ""}
        for code, words in extra.items()
    ]
    return pa.Table.from_pylist(
        [{**row, "source": "test", "raw_row": at, "raw_values": "{}"} for at, row in enumerate(rows)],
        schema=QUARANTINE.arrow(),
    )


def judge(bars: pl.DataFrame) -> Validated:
    return validate(bars, session=TEN_MINUTES, instrument=instrument("NIFTY"), trade_date=DAY)


@pytest.fixture
def dirty(chain, put_at) -> tuple[pl.DataFrame, Validated, pa.Table, QualityReport]:
    """210 bars, of them 3 refused, one warned about; one raw row that never became a bar."""
    bars = put_at(chain(), 5, ce_low=900.0)
    bars = put_at(put_at(bars, 6, pe_oi=-1), 7, pe_oi=-1)
    bars = put_at(bars, 100, ce_open=None, ce_high=None, ce_low=None, ce_close=300.0)
    result = judge(bars)
    quarantine = quarantine_of(bars, result.refused, row_unreadable="a row has a strike")
    return bars, result, quarantine, report(result, quarantine)


def report(result: Validated, quarantine: pa.Table, raw_rows: int = 421) -> QualityReport:
    return quality_report(result, quarantine, symbol="NIFTY", trade_date=DAY, raw_rows=raw_rows)


def test_error_rules_count_raw_rows_and_add_up_to_the_quarantine(dirty):
    *_, found = dirty
    assert (found.raw_rows, found.core_rows, found.core_bars, found.quarantined_rows) == (421, 414, 207, 7)
    assert {code: n for code, n in found.rules.items() if n} == {
        "low_above_high": 2,
        "negative_value": 4,
        "row_unreadable": 1,
        "parity_residual": 1,
        "atm_strikes_missing": 3,
    }
    assert sum(f.rows for f in found.findings if f.severity == "error") == found.quarantined_rows
    assert list(found.rules)[: len(RULES)] == [rule.code for rule in RULES]


def test_a_lost_raw_row_is_an_error(dirty):
    _, result, quarantine, _ = dirty
    with pytest.raises(DataError, match="422 raw, 414 in core, 7 in quarantine"):
        report(result, quarantine, raw_rows=422)


def test_the_score_is_the_weighted_share_of_what_is_there_valid_and_plausible(dirty, chain):
    *_, found = dirty
    assert found.score == round(40.0 + 40.0 * 414 / 421 + 20.0 * (1.0 - 1 / 207), 2) == 99.24
    clean = judge(chain())
    assert report(clean, QUARANTINE.empty(), raw_rows=420).score == 100.0
    half = chain().filter(pl.col("bar_row") < 105)
    assert report(judge(half), QUARANTINE.empty(), raw_rows=210).score == 80.0


def test_rows_outside_the_session_do_not_lower_the_score(chain):
    bars = chain(minutes=12)
    result = judge(bars)
    found = report(result, quarantine_of(bars, result.refused), raw_rows=420 + 84)
    assert (found.rules["ts_outside_session"], found.score) == (84, 100.0)


def test_rows_that_say_nothing_do_not_lower_the_score(chain, put_at):
    nothing = {f"{s}_{f}": None for s in ("ce", "pe") for f in ("open", "high", "low", "close", "oi")}
    bars = put_at(chain(), 0, **nothing)
    result = judge(bars)
    found = report(result, quarantine_of(bars, result.refused), raw_rows=420)
    assert (found.rules["both_legs_empty"], found.quarantined_rows, found.score) == (2, 2, 100.0)


def test_an_empty_session_scores_zero_with_its_reason(chain):
    found = report(judge(chain().clear()), QUARANTINE.empty(), raw_rows=0)
    assert (found.score, found.coverage, found.status) == (0.0, 0.0, "empty")
    assert found.reason == "coverage_failed: no bar lies inside the session (2026-11-19 09:15 to 09:25 IST)"


def test_the_table_keeps_its_contract_and_gives_the_report_back(dirty):
    *_, found = dirty
    table = found.table()
    assert table.schema.equals(QUALITY_REPORT.arrow())
    assert table.num_rows == len(RULES) + 1
    assert report_of_table(table) == found
    assert found.as_dict()["rules"]["negative_value"] == 4
    with pytest.raises(DataError, match="one row per rule"):
        report_of_table(table.slice(0, 0))


def test_the_heat_map_says_what_stands_where(chain, put_at):
    bars = chain(minutes=2, strikes=5)
    bars = put_at(bars, 1, pe_close=None)
    bars = put_at(bars, 2, raw_rows=0)
    kept = bars.filter(~pl.col("bar_row").is_in([3, 4])).with_columns(minute=minute_of_day())
    # row 0 stands, row 4 was said by a repeated snapshot only: neither is a hole that a rule made
    refused = bars.filter(pl.col("bar_row").is_in([0, 3, 4])).with_columns(minute=minute_of_day())
    codes = pl.Series("code", ["low_above_high", "low_above_high", "snapshot_repeated"])
    refused = refused.with_columns(codes)
    grid, strikes = states(kept, refused, TEN_MINUTES)
    assert strikes.tolist() == [23_900.0, 23_950.0, 24_000.0, 24_050.0, 24_100.0]
    # missing 0, carried 1, one leg 2, both legs 3, refused 4
    assert grid[:, 0].tolist() == [3, 2, 1, 4, 0]
    assert grid[:, 1].tolist() == [3, 3, 3, 3, 3]
    assert not grid[:, 2:].any()


def test_the_picture_is_a_png_and_the_same_each_time(dirty):
    _, result, quarantine, found = dirty
    core = result.core.to_arrow()
    first = picture(found, core, quarantine, session=TEN_MINUTES)
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(first[16:20], "big") == 1500
    assert int.from_bytes(first[20:24], "big") == 900
    assert picture(found, core, quarantine, session=TEN_MINUTES) == first
    without = picture(found, core, QUARANTINE.empty(), session=TEN_MINUTES)
    assert without != first


def test_an_empty_session_has_a_picture_too(chain):
    result = judge(chain().clear())
    found = report(result, QUARANTINE.empty(), raw_rows=0)
    drawn = picture(found, result.core.to_arrow(), QUARANTINE.empty(), session=TEN_MINUTES)
    assert len(drawn) > 5_000
    empty = result.core.with_columns(minute=minute_of_day())
    none = pl.DataFrame(pl.from_arrow(QUARANTINE.empty())).with_columns(minute=minute_of_day())
    grid, strikes = states(empty, none, TEN_MINUTES)
    assert (grid.shape, np.asarray(strikes).size) == ((0, 10), 0)
