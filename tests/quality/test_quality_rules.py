"""Each rule refuses or counts exactly the bar that was broken, and nothing on a clean or a real chain."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import polars as pl
import pytest

from mr_platform.errors import DataError
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import IST, Session, nse_calendar
from mr_platform.quality.rules import BAR_ERRORS, RULES, Validated, rule, validate

DAY = date(2026, 11, 19)
NIFTY = instrument("NIFTY")
# minute 3, strike 24,000: in the middle of the chain
MIDDLE = 3 * 21 + 10


def run(bars: pl.DataFrame, minutes: int = 10, **more: object) -> Validated:
    hours = ((time(9, 15), time(9, 15 + minutes)),)
    return validate(bars, session=Session(DAY, "special", hours), instrument=NIFTY, trade_date=DAY, **more)


def broken(result: Validated) -> dict[str, int]:
    return {code: count for code, count in result.counts.items() if count}


def test_every_rule_has_a_unique_code_and_words():
    assert len({r.code for r in RULES}) == len(RULES) == 25
    assert all(r.title and r.description and r.source for r in RULES)
    assert {r.severity for r in RULES} == {"error", "warn", "fail"}


def test_a_clean_chain_passes_whole_and_sorted(chain):
    bars = chain()
    result = run(bars.sample(fraction=1.0, shuffle=True, seed=4))
    assert broken(result) == {}
    assert (result.status, result.reason, result.coverage, result.warned) == ("ok", "", 1.0, 0)
    assert result.core.equals(bars.drop("bar_row"))
    assert result.refused.height == 0


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("key_null", {"ts": None}),
        ("key_null", {"expiry": None}),
        ("key_null", {"strike": None}),
        ("ts_outside_session", {"ts": datetime(2026, 11, 19, 9, 14, tzinfo=IST)}),
        ("ts_outside_session", {"ts": datetime(2026, 11, 19, 9, 25, tzinfo=IST)}),
        ("ts_outside_session", {"ts": datetime(2026, 11, 18, 9, 18, tzinfo=IST)}),
        ("ts_outside_session", {"ts": datetime(2026, 11, 19, 9, 18, 30, tzinfo=IST)}),
        ("expiry_past", {"expiry": date(2026, 11, 18)}),
        ("strike_not_positive", {"strike": 0.0}),
        ("strike_not_positive", {"strike": -50.0}),
        ("strike_off_grid", {"strike": 24_013.0}),
        ("negative_value", {"ce_close": -0.05, "ce_low": -0.05}),
        ("negative_value", {"pe_volume": -75}),
        ("negative_value", {"ce_oi": -1}),
        ("low_above_high", {"pe_low": 500.0, "pe_high": 499.95}),
        ("close_outside_range", {"ce_close": 900.0}),
        ("close_outside_range", {"pe_low": 300.0, "pe_high": 310.0}),
        ("delta_out_of_range", {"ce_delta": 1.01}),
        ("delta_out_of_range", {"pe_delta": -1.01}),
        ("gamma_negative", {"pe_gamma": -1e-6}),
    ],
)
def test_an_error_rule_refuses_the_broken_bar_alone(code, values, chain, put_at):
    result = run(put_at(chain(), MIDDLE, **values))
    assert result.refused.select("bar_row", "code", "severity").rows() == [(MIDDLE, code, "error")]
    assert result.counts[code] == 1
    assert result.core.height == 209
    assert result.refused["rule"][0] == rule(code).description


def test_a_bar_without_price_and_open_interest_is_empty_even_with_quotes(chain, put_at):
    nothing = {f"{s}_{f}": None for s in ("ce", "pe") for f in ("open", "high", "low", "close", "oi")}
    assert broken(run(put_at(chain(), MIDDLE, **nothing, ce_bid=3.0)))["both_legs_empty"] == 1
    one_leg = {name: None for name in nothing if name.startswith("ce")}
    assert broken(run(put_at(chain(), MIDDLE, **one_leg))) == {}
    zeros = dict.fromkeys(nothing, 0)
    assert run(put_at(chain(), MIDDLE, **zeros)).counts["both_legs_empty"] == 1


@pytest.mark.parametrize(
    ("close", "code"),
    [
        # row of strike 23,500 in minute 3: forward 24,013, intrinsic 513; two per cent of the forward is 480.3,
        # five days of carry at 10 % are 32.9
        (0.10, None),
        (513.0, None),
        (24_500.0, None),
        (24_600.0, "above_forward"),
    ],
)
def test_a_call_may_trade_away_from_its_bound_by_the_tolerance_only(close, code, chain, put_at):
    bars = put_at(chain(), 63, ce_open=close, ce_high=close, ce_low=close, ce_close=close)
    assert run(bars).refused["code"].to_list() == ([code] if code else [])


@pytest.mark.parametrize(("close", "refused"), [(1013.0, False), (500.5, False), (499.0, True), (0.05, True)])
def test_a_deep_call_below_intrinsic_is_refused_beyond_two_per_cent_and_carry(close, refused, chain, put_at):
    # 41 strikes: row 0 of minute 3 is the 23,000 call with intrinsic 1,013 and a tolerance of 513.1
    bars = put_at(chain(strikes=41), 3 * 41, ce_open=close, ce_high=close, ce_low=close, ce_close=close)
    assert run(bars).refused["code"].to_list() == (["below_intrinsic"] if refused else [])


def test_a_put_above_its_strike_is_refused(chain, put_at):
    bars = put_at(chain(), MIDDLE, pe_open=None, pe_high=None, pe_low=None, pe_close=24_600.0)
    assert run(bars).refused["code"].to_list() == ["above_forward"]


def test_prices_are_held_against_spot_where_the_minute_has_too_few_pairs(chain):
    bars = chain(strikes=2).with_columns(
        pl.lit(None, pl.Float64).alias(f"pe_{f}") for f in ("open", "high", "low", "close")
    )
    bars = bars.with_columns(spot=pl.lit(25_500.0))
    # strikes 23,950 and 24,000 with calls near 170 while spot is 25,500: 1,200 short of intrinsic
    assert run(bars).counts["below_intrinsic"] == 20


def test_the_first_bar_of_a_key_stays_and_an_erroneous_one_does_not_count_as_first(chain, put_at):
    bars = chain()
    again = bars.filter(pl.col("bar_row") == MIDDLE).with_columns(
        bar_row=pl.lit(999, pl.Int64), ce_oi=pl.lit(1, pl.Int64)
    )
    result = run(pl.concat([bars, again]))
    assert result.refused.select("bar_row", "code").rows() == [(999, "key_duplicate")]
    result = run(pl.concat([put_at(bars, MIDDLE, ce_oi=-1), again]))
    assert result.refused.select("bar_row", "code").rows() == [(MIDDLE, "negative_value")]
    assert result.core.height == 210


def test_a_bar_that_breaks_several_rules_is_refused_once_and_says_so(chain, put_at):
    result = run(put_at(chain(), MIDDLE, strike=24_013.0, ce_low=900.0, ce_delta=2.0))
    assert result.refused.select("code", "detail").rows() == [
        (
            "strike_off_grid",
            "ts=2026-11-19 09:18:00.000000+05:30 expiry=2026-11-24 strike=24013.0 "
            "(also: low_above_high, close_outside_range, delta_out_of_range)",
        )
    ]
    assert sum(result.counts[code] for code in BAR_ERRORS) == 1


def test_implausible_values_are_set_null_and_counted(chain, put_at):
    bars = put_at(chain(), MIDDLE, ce_iv=0.0, pe_iv=3.5)
    bars = put_at(bars, MIDDLE + 1, ce_iv=float("nan"), pe_iv=3.0, spot=0.0)
    bars = put_at(bars, MIDDLE + 2, future_close=-1.0, future_low=5.0, ce_open=0.0)
    result = run(bars)
    assert broken(result) == {
        "iv_out_of_range": 1, "spot_not_positive": 1, "future_inconsistent": 1, "price_zero": 1,
    }  # fmt: skip
    assert result.core.select("ce_iv", "pe_iv", "spot")[MIDDLE].row(0) == (None, None, 24_008.0)
    assert result.core.select("ce_iv", "pe_iv", "spot")[MIDDLE + 1].row(0) == (None, 3.0, None)
    assert result.core.select("future_close", "future_low", "ce_open")[MIDDLE + 2].row(0) == (None, None, None)


def test_a_parity_residual_beyond_five_robust_deviations_warns_and_stays(chain, put_at):
    # floor: 5 x 0.05 % of 24,013 = 60.03 points
    off = run(put_at(chain(), MIDDLE, ce_open=None, ce_high=None, ce_low=None, ce_close=240.0))
    assert (off.counts["parity_residual"], off.warned, off.core.height) == (1, 1, 210)
    near = run(put_at(chain(), MIDDLE, ce_open=None, ce_high=None, ce_low=None, ce_close=200.0))
    assert near.counts["parity_residual"] == 0


def freeze(bars: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    """Minutes ``first``..``last`` repeat the state of minute ``first``."""
    same = bars.filter(pl.col("ts").dt.minute() == 15 + first)
    later = [
        same.with_columns(pl.col("ts") + timedelta(minutes=k), pl.col("bar_row") + 21 * k)
        for k in range(1, last - first + 1)
    ]
    rest = bars.filter(~pl.col("ts").dt.minute().is_between(15 + first + 1, 15 + last))
    return pl.concat([rest, *later]).sort("bar_row")


@pytest.mark.parametrize(("first", "last", "bars_frozen"), [(2, 4, 0), (2, 5, 21), (2, 8, 84)])
def test_a_chain_repeated_for_three_minutes_is_frozen_from_the_third_on(first, last, bars_frozen, chain):
    result = run(freeze(chain(), first, last))
    assert broken(result) == ({"frozen_snapshot": bars_frozen} if bars_frozen else {})


def test_bars_carried_over_a_gap_are_not_frozen(chain):
    bars = freeze(chain(), 2, 8).with_columns(
        raw_rows=pl.when(pl.col("ts").dt.minute().is_between(18, 23)).then(0).otherwise(2).cast(pl.Int32)
    )
    assert run(bars).counts["frozen_snapshot"] == 0


def test_strikes_near_the_money_that_are_absent_are_counted_per_minute(chain):
    # forward 24,010..24,019: ATM 24,000, wings 23,650..24,350
    bars = chain().filter(~((pl.col("strike") == 24_350.0) & (pl.col("ts").dt.minute() < 18)))
    assert run(bars).counts["atm_strikes_missing"] == 3
    assert run(chain(strikes=13)).counts["atm_strikes_missing"] == 20


def test_a_finer_grid_shown_by_the_chain_itself_is_accepted_and_reported(chain):
    half = chain(strikes=41).with_columns(strike=24_000.0 + (pl.col("strike") - 24_000.0) / 2)
    result = run(half.with_columns(ce_close=None, pe_close=None))
    assert (result.counts["strike_off_grid"], result.counts["strike_grid_finer"]) == (0, 1)


@pytest.mark.parametrize(
    ("present", "status", "counts"),
    [
        (20, "ok", {}),
        (19, "ok", {}),
        (18, "ok", {"coverage_low": 1}),
        (10, "ok", {"coverage_low": 1}),
        (9, "failed", {"coverage_low": 1, "coverage_failed": 1}),
        (0, "empty", {"coverage_low": 1, "coverage_failed": 1}),
    ],
)
def test_coverage_warns_below_95_and_fails_below_50_per_cent(present, status, counts, chain):
    result = run(chain(minutes=20).filter(pl.col("bar_row") < present * 21), minutes=20)
    assert (result.status, broken(result), result.coverage) == (status, counts, present / 20)
    assert bool(result.reason) == (status != "ok")


def test_an_open_session_is_measured_against_the_minutes_elapsed(chain):
    bars = chain(minutes=5)
    assert run(bars, minutes=20).status == "failed"
    open_now = run(bars, minutes=20, expected_minutes=5, trailing_rows=[420] * 20)
    assert (open_now.status, open_now.coverage, broken(open_now)) == ("ok", 1.0, {})
    assert run(bars.clear(), minutes=20, expected_minutes=0).status == "ok"


@pytest.mark.parametrize(
    ("trailing", "failed"),
    [([430] * 20, True), ([420] * 20, False), ([430] * 4, False), ([430] * 30 + [210] * 20, False), ([0] * 20, False)],
)
def test_a_row_count_below_half_of_the_trailing_median_fails(trailing, failed, chain):
    result = run(chain(), trailing_rows=trailing)
    assert (result.counts["row_count_drop"], result.status) == ((1, "failed") if failed else (0, "ok"))


def test_no_verdict_on_a_bar_looks_at_later_bars(chain, put_at):
    bars = freeze(chain(), 2, 7)
    bars = put_at(bars, 30, strike=24_013.0)
    bars = put_at(bars, 50, ce_close=5_000.0, ce_high=5_000.0)
    whole = run(bars)
    for minute in range(1, 10):
        until = run(bars.filter(pl.col("bar_row") < minute * 21))
        cut = pl.col("ts").dt.minute() < 15 + minute
        assert until.core.equals(whole.core.filter(cut))
        assert until.refused.equals(whole.refused.filter(pl.col("bar_row") < minute * 21))


def test_a_frame_without_the_core_columns_is_refused_by_name(chain):
    with pytest.raises(DataError, match="missing \\['pe_gamma'\\]"):
        run(chain().drop("pe_gamma"))
    with pytest.raises(DataError, match="key_null"):
        rule("keynull")


def test_a_real_session_loses_only_the_bars_after_the_close(shared_data, chain):
    folder = shared_data / "option_bars_2022-11" / "bars_1min"
    day = date(2022, 11, 3)
    raw = pl.read_parquet(folder / f"{day}.parquet").with_columns(pl.col("symbol").cast(pl.String))
    options = raw.filter(pl.col("symbol").str.contains(r"^NIFTY\d{6}")).with_columns(
        expiry=pl.col("symbol").str.slice(5, 6).str.to_date("%y%m%d"),
        strike=pl.col("symbol").str.slice(11).str.head(-2).cast(pl.Float64),
        ts=pl.lit(day).dt.combine(pl.col("bar_start")).dt.replace_time_zone("Asia/Kolkata"),
    )
    options = options.filter(pl.col("expiry") == date(2022, 11, 3))
    fields = ("open", "high", "low", "close", "volume", "oi")
    call, put = (
        options.filter(pl.col("symbol").str.ends_with(side.upper())).select(
            "ts", "expiry", "strike", *(pl.col(f).alias(f"{side}_{f}") for f in fields)
        )
        for side in ("ce", "pe")
    )
    wide = call.join(put, on=["ts", "expiry", "strike"], how="full", coalesce=True)
    bars = pl.concat([chain().clear().drop("bar_row"), wide], how="diagonal_relaxed").with_columns(
        dte=pl.lit(0, pl.Int32), raw_rows=pl.lit(1, pl.Int32)
    )
    bars = bars.sort("ts", "expiry", "strike").with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("bar_row"))
    result = validate(bars, session=nse_calendar().session(day), instrument=NIFTY, trade_date=day)
    assert result.refused["code"].unique().to_list() == ["ts_outside_session"]
    after_close = bars.filter(pl.col("ts") >= datetime(2022, 11, 3, 15, 30, tzinfo=IST))
    assert sorted(result.refused["bar_row"]) == sorted(after_close["bar_row"])
    assert (result.coverage, result.status) == (1.0, "ok")
    assert result.warned < bars.height / 1000


def test_a_chain_that_comes_in_pieces_is_judged_as_one_in_a_single_piece(chain, put_at):
    frame = put_at(put_at(chain(), 7, ce_low=9_000.0), 30, strike=-50.0)
    pieces = pl.concat([frame[:20], frame[:0], frame[20:]], rechunk=False)
    whole, split = run(frame), run(pieces)
    assert split.refused.equals(whole.refused)
    assert split.refused["detail"].str.contains("strike=-50.0").sum() == 1
    assert split.core.equals(whole.core)
