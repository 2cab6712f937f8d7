"""The dense symbol-day and its rolling view: literal chains, real rows, and the two properties everything rests on
(the order of rows does not matter; nothing looks ahead)."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import DataError
from mr_platform.kernels.engine import engine
from mr_platform.market.chain import CALL, FUTURE_CLOSE, PUT, OptionChainDay
from mr_platform.market.rolling import rolling, strike_at, underlying_bars
from mr_platform.market.sessions import Session
from schemas.tables import CORE_OPTION_CHAIN

DAY = date(2022, 11, 1)
SESSION = Session(DAY, "ordinary", ((time(9, 15), time(9, 45)),))
IST = ZoneInfo("Asia/Kolkata")
WEEKLY, SECOND, MONTH_END, DECEMBER = date(2022, 11, 3), date(2022, 11, 10), date(2022, 11, 24), date(2022, 12, 29)


def core_table(rows: list[dict[str, object]], **metadata: str) -> pa.Table:
    """A core table of the rows; columns not named are null."""
    schema = CORE_OPTION_CHAIN.arrow()
    made = {"symbol": "NIFTY", "snapshot_made": False, "raw_rows": 1}
    for row in rows:
        row.setdefault("dte", (row["expiry"] - DAY).days)  # type: ignore[operator]
    columns = {f.name: [({**made, **row}).get(f.name) for row in rows] for f in schema}
    loose = pa.schema([pa.field(f.name, f.type) for f in schema])
    return pa.Table.from_pydict(columns, schema=loose).replace_schema_metadata({"symbol": "NIFTY", **metadata})


def at(minute: int) -> datetime:
    return datetime.combine(DAY, time(9, 15), IST) + timedelta(minutes=minute)


def market(seed: int = 7) -> pa.Table:
    """Thirty minutes of four expiries that come into sight at different times, with holes in both legs."""
    rng = np.random.default_rng(seed)
    rows = []
    for minute in range(30):
        forward = 18_000 + 12 * minute
        for expiry, first, gap in ((WEEKLY, 3, 50), (SECOND, 0, 50), (MONTH_END, 0, 100), (DECEMBER, 5, 500)):
            if minute < first:
                continue
            for strike in np.arange(17_000, 19_001, gap, dtype=float):
                if rng.random() < 0.1:
                    continue
                row: dict[str, object] = {"ts": at(minute), "expiry": expiry, "strike": float(strike)}
                value = 80 + rng.random()
                if rng.random() > 0.1:
                    row |= {"ce_close": max(forward - strike, 0) + value, "ce_volume": 50, "ce_oi": 100, "ce_iv": 0.14}
                if rng.random() > 0.1:
                    row |= {"pe_close": max(strike - forward, 0) + value, "pe_volume": 75, "pe_oi": 200}
                row |= {"spot": forward - 5.0}
                if rng.random() > 0.5:
                    row |= {"future_close": forward + 10.0 + rng.random(), "future_volume": 50}
                rows.append(row)
    return core_table(rows, underlying="future")


def same(a: OptionChainDay, b: OptionChainDay) -> None:
    for field in fields(OptionChainDay):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, np.ndarray):
            assert one.tobytes() == other.tobytes() and one.shape == other.shape, field.name
        else:
            assert one == other, field.name


def test_rows_stand_in_their_cells_and_absence_is_nan() -> None:
    table = core_table(
        [
            {"ts": at(0), "expiry": WEEKLY, "strike": 18_000.0, "ce_close": 100.0, "pe_oi": 75, "spot": 18_010.0},
            {"ts": at(2), "expiry": SECOND, "strike": 18_050.0, "pe_close": 90.5, "future_close": 18_020.0},
        ],
        underlying="spot",
    )
    chain = OptionChainDay.from_core(table, SESSION)
    assert chain.shape == (1, 30, 2, 2)
    assert chain.symbol == "NIFTY" and chain.underlying == "spot" and chain.strike_step == 50
    assert chain.expiries.astype(str).tolist() == ["2022-11-03", "2022-11-10"]
    assert chain.dte.tolist() == [2, 9] and chain.strikes.tolist() == [18_000, 18_050]
    assert chain.minutes[:2].tolist() == [555, 556]
    assert chain.close[0, 0, 0, 0, CALL] == 100 and chain.oi[0, 0, 0, 0, PUT] == 75
    assert chain.close[0, 2, 1, 1, PUT] == 90.5
    assert np.count_nonzero(~np.isnan(chain.close)) == 2 and np.count_nonzero(~np.isnan(chain.oi)) == 1
    assert chain.spot[0, 0] == 18_010 and np.isnan(chain.spot[0, 1:]).all()
    assert chain.future[0, 2, FUTURE_CLOSE] == 18_020
    assert chain.seen_minutes[0, :4].tolist() == [True, False, True, False]


def test_time_runs_from_the_bars_close_to_half_past_three_of_the_expiry_at_least_a_minute() -> None:
    rows = [{"ts": at(0), "expiry": e, "strike": 18_000.0} for e in (DAY, WEEKLY)]
    last_half_hour = Session(DAY, "ordinary", ((time(9, 15), time(15, 30)),))
    years = OptionChainDay.from_core(core_table(rows), last_half_hour).years
    assert years[0, 0] * 365 * 86_400 == pytest.approx((15.5 - 9.25) * 3600 - 60)
    assert years[-1, 0] * 365 * 86_400 == pytest.approx(60)
    assert years[-1, 1] * 365 == pytest.approx(2.0)


def test_an_empty_session_is_a_chain_without_rows() -> None:
    chain = OptionChainDay.from_core(CORE_OPTION_CHAIN.empty(), SESSION, symbol="NIFTY")
    assert chain.shape == (1, 30, 0, 0) and not chain.seen_minutes.any()
    view = rolling(chain)
    assert view.forward.shape == (1, 30, 0) and (view.nearest == -1).all()
    assert strike_at(chain, view, -1).shape == (1, 30, 0)


def test_the_order_of_rows_does_not_matter() -> None:
    table = market()
    shuffled = table.take(np.random.default_rng(1).permutation(len(table)))
    same(OptionChainDay.from_core(table, SESSION), OptionChainDay.from_core(shuffled, SESSION))


def test_prices_that_rows_of_a_bar_repeat_come_from_the_first_row_by_key() -> None:
    rows = [
        {"ts": at(0), "expiry": SECOND, "strike": 17_000.0, "spot": 3.0},
        {"ts": at(0), "expiry": WEEKLY, "strike": 18_050.0, "spot": 2.0},
        {"ts": at(0), "expiry": WEEKLY, "strike": 18_000.0, "spot": None},
    ]
    assert OptionChainDay.from_core(core_table(rows), SESSION).spot[0, 0] == 2


@pytest.mark.parametrize("bars", [1, 3, 4, 17, 30])
def test_nothing_looks_ahead(bars: int) -> None:
    """The day cut at t, and the rows cut at t, both give the full day's values up to t, bit for bit."""
    table = market()
    full = OptionChainDay.from_core(table, SESSION)
    view = rolling(full).until(bars)
    cut = full.until(555 + bars - 1)
    assert cut.minutes.size == bars and cut.close.flags["C_CONTIGUOUS"]
    cut_view = rolling(cut)
    for name in vars(view):
        assert np.ascontiguousarray(getattr(view, name)).tobytes() == getattr(cut_view, name).tobytes(), name

    known = table.filter(pa.compute.less(table["ts"], pa.scalar(at(bars), table["ts"].type)))
    early = OptionChainDay.from_core(known, SESSION).until(555 + bars - 1)
    early_view = rolling(early)
    e = np.searchsorted(full.expiries, early.expiries)
    k = np.searchsorted(full.strikes, early.strikes)
    np.testing.assert_array_equal(early.close, cut.close[:, :, e][:, :, :, k])
    np.testing.assert_array_equal(early_view.forward, cut_view.forward[..., e])
    np.testing.assert_array_equal(early_view.step, cut_view.step[..., e])
    for name in ("nearest", "next", "monthly"):
        one, other = getattr(early_view, name), getattr(cut_view, name)
        np.testing.assert_array_equal(one < 0, other < 0)
        np.testing.assert_array_equal(early.expiries[one], cut.expiries[other])


def test_an_expiry_counts_only_while_among_the_nearest_seen_so_far() -> None:
    rows = [
        {"ts": at(m), "expiry": e, "strike": 18_000.0, "ce_close": 1.0} for m in (0, 5) for e in (SECOND, MONTH_END)
    ]
    rows.append({"ts": at(5), "expiry": WEEKLY, "strike": 18_000.0, "ce_close": 1.0})
    chain = OptionChainDay.from_core(core_table(rows), SESSION, max_expiries=2)
    assert chain.expiries.astype(str).tolist() == ["2022-11-03", "2022-11-10", "2022-11-24"]
    assert chain.present[0, 0].tolist() == [False, True, True]
    assert chain.present[0, 5].tolist() == [True, True, False]


def test_expired_and_far_contracts_are_left_out() -> None:
    far = date(2023, 6, 29)
    rows = [{"ts": at(0), "expiry": e, "strike": s} for e, s in ((WEEKLY, 18_000.0), (far, 12_000.0))]
    chain = OptionChainDay.from_core(core_table(rows), SESSION)
    assert chain.expiries.astype(str).tolist() == ["2022-11-03"] and chain.strikes.tolist() == [18_000]


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([{"ts": at(-1), "expiry": WEEKLY, "strike": 18_000.0}], "inside its session"),
        ([{"ts": at(0) + timedelta(days=1), "expiry": WEEKLY, "strike": 18_000.0}], "of 2022-11-01"),
        ([{"ts": at(0), "expiry": WEEKLY, "strike": 18_000.0}] * 2, "unique"),
        ([{"ts": at(0), "expiry": WEEKLY, "strike": None}], "never null"),
    ],
)
def test_rows_that_core_would_never_hold_are_refused(rows: list[dict[str, object]], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        OptionChainDay.from_core(core_table(rows), SESSION)


def test_a_table_of_another_shape_is_refused_by_column() -> None:
    with pytest.raises(DataError, match="pe_oi"):
        OptionChainDay.from_core(market().drop_columns(["pe_oi"]), SESSION)


def pair(strike: float, call: float, put: float, minute: int = 0, **more: object) -> dict[str, object]:
    row: dict[str, object] = {"ts": at(minute), "expiry": WEEKLY, "strike": strike, "ce_close": call, "pe_close": put}
    return row | more


def test_the_forward_is_the_median_of_parity_around_k0_without_k0() -> None:
    # k0 = 18000 (|C-P| = 2); the others give 18010, 18012, 18014, 18040; k0's own 18002 is left out,
    # 17700 lies six steps off, and 18150 lacks its put
    rows = [
        pair(17_700, 400, 1),
        pair(17_950, 110, 50),
        pair(18_000, 80, 78),
        pair(18_050, 60, 98),
        pair(18_100, 40, 126),
        pair(18_200, 20, 180),
        {"ts": at(0), "expiry": WEEKLY, "strike": 18_150.0, "ce_close": 999.0},
    ]
    for name in ("reference", "cpu"):
        chain = OptionChainDay.from_core(core_table(rows), SESSION)
        view = rolling(chain, using=engine(name))
        assert view.forward[0, 0, 0] == 18_013
        assert chain.strikes[view.atm[0, 0, 0]] == 18_000
        assert np.isnan(view.forward[0, 1, 0]) and view.atm[0, 1, 0] == -1


def test_with_two_pairs_the_future_stands_in_then_the_spot() -> None:
    few = [pair(s, 50, 50, minute, spot=18_030.0) for s in (17_950, 18_000, 18_050) for minute in (0, 1)]
    for row in few[::2]:
        row["future_close"] = 18_060.0
    view = rolling(OptionChainDay.from_core(core_table(few), SESSION))
    assert view.forward[0, :2, 0].tolist() == [18_060, 18_030]


def test_atm_ties_go_to_the_lower_strike() -> None:
    rows = [pair(s, 18_025 - s + 100, 100) for s in (17_900, 17_950, 18_000, 18_050, 18_100)]
    chain = OptionChainDay.from_core(core_table(rows), SESSION)
    view = rolling(chain)
    assert view.forward[0, 0, 0] == 18_025
    assert chain.strikes[view.atm[0, 0, 0]] == 18_000
    assert chain.strikes[strike_at(chain, view, -1)[0, 0, 0]] == 17_950
    assert chain.strikes[strike_at(chain, view, 1)[0, 0, 0]] == 18_050
    assert strike_at(chain, view, 3)[0, 0, 0] == -1


def test_the_step_widens_where_the_expiry_lists_every_second_strike() -> None:
    rows = [pair(float(s), 18_000 - s + 500, 500) for s in range(17_500, 18_501, 100)]
    view = rolling(OptionChainDay.from_core(core_table(rows), SESSION))
    assert view.step[0, 0, 0] == 100 and view.forward[0, 0, 0] == 18_000


def test_a_thin_minute_does_not_widen_the_step() -> None:
    # five strikes a hundred apart prove nothing; the sixth trades a minute later
    thin = [pair(float(s), 18_000 - s + 500, 500) for s in range(17_800, 18_201, 100)]
    whole = [pair(float(s), 18_000 - s + 500, 500, minute=1) for s in range(17_800, 18_301, 100)]
    for name in ("reference", "cpu"):
        chain = OptionChainDay.from_core(core_table(thin + whole), SESSION)
        view = rolling(chain, using=engine(name))
        assert view.step[0, :2, 0].tolist() == [50, 100]
        assert strike_at(chain, view, -1)[0, 0, 0] == -1
        assert chain.strikes[strike_at(chain, view, -1)[0, 1, 0]] == 17_900


def test_the_nearest_expiry_is_the_nearest_seen_so_far_even_in_minutes_without_it() -> None:
    rows = [
        {"ts": at(m), "expiry": e, "strike": 18_000.0}
        for m, e in ((1, SECOND), (2, WEEKLY), (3, SECOND), (3, DECEMBER))
    ]
    rows += [{"ts": at(4), "expiry": MONTH_END, "strike": 18_000.0}]
    chain = OptionChainDay.from_core(core_table(rows), SESSION)
    view = rolling(chain)
    assert view.nearest[0, :5].tolist() == [-1, 1, 0, 0, 0]
    assert view.next[0, :5].tolist() == [-1, -1, 1, 1, 1]
    assert view.monthly[0, :5].tolist() == [-1, -1, -1, 3, 2]


def test_the_underlying_of_a_session_is_one_choice() -> None:
    rows = [
        pair(s, 18_025 - s + 100, 100, spot=18_001.0, future_close=18_030.0, future_open=18_000.0)
        for s in (18_000, 18_050)
    ]
    for kind, expected in (("future", 18_030), ("spot", 18_001), ("forward", 18_030)):
        chain = OptionChainDay.from_core(core_table(rows, underlying=kind), SESSION)
        assert underlying_bars(chain, rolling(chain))[0, 0, 3] == expected


def test_reference_and_cpu_agree_on_cells_forwards_and_expiries() -> None:
    chain = OptionChainDay.from_core(market(), SESSION)
    one, other = rolling(chain, using=engine("reference")), rolling(chain, using=engine("cpu"))
    for name in vars(one):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_the_view_of_a_tick_with_carried_state_is_the_batchs() -> None:
    chain = OptionChainDay.from_core(market(), SESSION)
    whole = rolling(chain)
    kernels = engine("cpu").parity
    paired = np.zeros((1, chain.shape[2], chain.shape[3]), np.bool_)
    fallback = np.where(np.isnan(chain.future[..., FUTURE_CLOSE]), chain.spot, chain.future[..., FUTURE_CLOSE])
    for start in range(0, 30, 5):
        bars = slice(start, start + 5)
        tick = kernels.forward_and_atm(
            np.ascontiguousarray(chain.close[:, bars]),
            chain.strikes,
            fallback[:, bars].copy(),
            chain.strike_step,
            paired,
        )
        for made, kept in zip(tick, (whole.forward, whole.atm, whole.step), strict=True):
            assert made.tobytes() == kept[:, bars].tobytes()
