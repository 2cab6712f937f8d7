"""Raw to core: every raw row accounted for, one source a day, spot from the index, unseen rows unseen."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pyarrow as pa
import pytest

from mr_platform.errors import DataError
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.sources.core import CoreResult, build_core
from mr_platform.sources.index import build_daily_bars, build_index_bars
from schemas.tables import CORE_OPTION_CHAIN, INDEX_BARS, QUARANTINE

DAY = date(2024, 1, 3)


def bar_row(clock: str, strike: float, ce: float | None, pe: float | None, **more: object) -> dict[str, object]:
    row: dict[str, object] = {"trade_date": DAY, "trade_time": clock, "expiry_date": date(2024, 1, 4), "strike": strike}
    row |= {"index_name": "NIFTY", "_file": "a", "_row": 0}
    for leg, price in (("ce", ce), ("pe", pe)):
        row |= {f"{leg}_{name}": price for name in ("open", "high", "low", "close")}
        row |= {f"{leg}_volume": 50, f"{leg}_oi": 100}
    return row | more


def raw(rows: list[dict[str, object]], profile: str = "platform_chain") -> pa.Table:
    return pa.Table.from_pylist(rows).replace_schema_metadata({"profile": profile})


def core(*raws: pa.Table, **more: object) -> CoreResult:
    return build_core(list(raws), nse_calendar().session(DAY), instrument("NIFTY"), **more)  # type: ignore[arg-type]


GOOD = [bar_row(f"{h:02}:{m:02}", k, 21600 - k + 20, 20.0) for h, m in ((9, 15), (9, 16)) for k in (21500.0, 21550.0)]


def test_core_has_the_contract_s_schema_and_names_its_source() -> None:
    result = core(raw(GOOD))
    assert result.core.schema.equals(CORE_OPTION_CHAIN.arrow(), check_metadata=False)
    assert result.quarantine.schema.equals(QUARANTINE.arrow(), check_metadata=False)
    assert {k.decode(): v.decode() for k, v in result.core.schema.metadata.items()} == {
        "symbol": "NIFTY",
        "trade_date": "2024-01-03",
        "profile": "platform_chain",
        "underlying": "forward",
    }
    assert result.core["dte"].to_pylist() == [1, 1, 1, 1]


def test_raw_rows_are_core_rows_and_quarantined_rows() -> None:
    bad = [
        bar_row("09:15", 21500.0, 1.0, 1.0),
        bar_row("15:31", 21500.0, 120.0, 20.0),
        bar_row("09:17", -50.0, 120.0, 20.0),
        bar_row("09:17", 21500.0, None, None, ce_oi=0, pe_oi=0),
        bar_row("soon", 21500.0, 120.0, 20.0),
    ]
    result = core(raw(GOOD + bad))
    assert sum(result.core["raw_rows"].to_pylist()) == 4
    assert list(zip(result.quarantine["raw_row"].to_pylist(), result.quarantine["code"].to_pylist(), strict=True)) == [
        (4, "key_duplicate"),
        (5, "ts_outside_session"),
        (6, "strike_not_positive"),
        (7, "both_legs_empty"),
        (8, "key_null"),
    ]
    assert result.report["raw_rows"] == 9
    assert '"trade_time":"15:31"' in result.quarantine["raw_values"].to_pylist()[1]


def test_the_source_of_the_best_precedence_stands_and_the_other_is_quarantined() -> None:
    contracts = [
        {"symbol": "NIFTY24010421500CE", "bar_start": "09:15", "_date": "2024-01-03", "volume": 50, "oi": 1}
        | dict.fromkeys(("open", "high", "low", "close"), 120.0)
    ]
    result = core(raw(contracts, "nse_bars_1min"), raw(GOOD))
    assert result.core.num_rows == 4
    assert result.quarantine.select(["source", "code"]).to_pylist() == [
        {"source": "nse_bars_1min", "code": "source_superseded"}
    ]
    assert result.report["raw_rows"] == 5


def test_spot_comes_from_the_index_where_the_chain_has_none() -> None:
    stamp = datetime(2024, 1, 3, 9, 15)
    level = {"symbol": "NIFTY", "open": 21600.0, "high": 21600.0, "low": 21600.0, "close": 21600.0, "raw_rows": 1}
    frame = pl.DataFrame([level | {"ts": stamp, "known_ts": datetime(2024, 1, 3, 9, 16)}])
    zoned = frame.with_columns(pl.col("ts", "known_ts").dt.replace_time_zone("Asia/Kolkata"))
    index = INDEX_BARS.conform(zoned.to_arrow(compat_level=pl.CompatLevel.oldest()))
    result = core(raw(GOOD), index_bars=index)
    assert result.core["spot"].to_pylist() == [21600.0, 21600.0, None, None]
    assert result.core.schema.metadata[b"underlying"] == b"spot"


def test_a_stopped_clock_neither_keeps_nor_refuses_what_came_later() -> None:
    result = core(raw([*GOOD, bar_row("15:31", 21500.0, 1.0, 1.0)]), as_of=datetime(2024, 1, 3, 9, 16))
    assert (result.core.num_rows, result.quarantine.num_rows, result.report["unseen_rows"]) == (2, 0, 3)


def test_rows_without_a_session_minute_make_an_empty_core_with_a_reason() -> None:
    result = core(raw([bar_row("18:00", 21500.0, 120.0, 20.0)]))
    assert (result.core.num_rows, result.report["status"]) == (0, "empty")
    assert "no bar lies inside the session" in str(result.report["reason"])


def test_no_source_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one raw source"):
        core()


def index_rows(clocks: list[str], day: str = "20240103") -> pa.Table:
    prices = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 0, "oi": 0}
    rows = [{"symbol": "NIFTY", "date": day, "time": clock} | prices for clock in clocks]
    return raw(rows, "index_bars_end")


def test_index_bars_are_stamped_by_their_start_without_pre_open_and_official_close() -> None:
    session = nse_calendar().session(DAY)
    result = build_index_bars([index_rows(["09:08", "09:16", "15:30", "15:31", "09:16"])], session, "NIFTY")
    assert [stamp.strftime("%H:%M") for stamp in result.bars["ts"].to_pylist()] == ["09:15", "15:29"]
    assert result.quarantine.select(["raw_row", "code"]).to_pylist() == [
        {"raw_row": 0, "code": "ts_outside_session"},
        {"raw_row": 3, "code": "ts_outside_session"},
        {"raw_row": 4, "code": "key_duplicate"},
    ]


def test_index_bars_of_a_halted_day_and_of_a_muhurat_evening_follow_the_calendar() -> None:
    halted = nse_calendar().session(date(2021, 2, 24))
    result = build_index_bars([index_rows(["11:39", "13:00", "15:46", "17:00"], "20210224")], halted, "NIFTY")
    assert [stamp.strftime("%H:%M") for stamp in result.bars["ts"].to_pylist()] == ["11:38", "15:45", "16:59"]
    evening = nse_calendar().session(date(2021, 11, 4))
    result = build_index_bars([index_rows(["10:00", "18:16"], "20211104")], evening, "NIFTY")
    assert [stamp.strftime("%H:%M") for stamp in result.bars["ts"].to_pylist()] == ["18:15"]


def test_daily_bars_are_one_row_a_session_known_at_its_close() -> None:
    prices = {"open": "100", "high": "101", "low": "99", "close": "100.5"}
    days = ["2024-01-03", "2024-01-04", "2024-01-04", "2024-01-06", "1999-01-04"]
    rows = [{"date": day, "_symbol": "NIFTY"} | prices for day in days]
    result = build_daily_bars([raw(rows, "daily_index")], "NIFTY", nse_calendar())
    assert result.bars["trade_date"].to_pylist() == [date(2024, 1, 3), date(2024, 1, 4)]
    assert result.bars["known_ts"].to_pylist()[0].strftime("%H:%M") == "15:30"
    assert result.quarantine["code"].to_pylist() == ["key_duplicate", "ts_outside_session", "ts_outside_session"]
