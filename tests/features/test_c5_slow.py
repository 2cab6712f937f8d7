"""Days, weeks and months behind C5, pivot levels, and what is learned from touches of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import talib

from mr_platform.features.c5_atr_ema_cpr.learning import NO_TOUCHES, faded, method_weights, session_touches
from mr_platform.features.c5_atr_ema_cpr.levels import central_range, pivot_levels
from mr_platform.features.c5_atr_ema_cpr.slow import (
    daily_range,
    ema_before_today,
    finished_closes,
    last_period,
    untouched_ranges,
)
from mr_platform.features.memory import DailyBars
from mr_platform.parameters.atr_ema_cpr import PIVOT_METHODS, AtrEmaCprParameters
from mr_platform.parameters.constraints import ParameterFault
from mr_platform.parameters.objects import defaults

NAN = float("nan")
SETTINGS = defaults(AtrEmaCprParameters)
START = [0.30, 0.25, 0.20, 0.15, 0.10]


def days(*rows: tuple[str, float, float, float, float]) -> DailyBars:
    return DailyBars(
        np.array([row[0] for row in rows], "datetime64[D]"), np.array([row[1:] for row in rows]).reshape(-1, 4)
    )


# Thursday and Friday, then Monday to Wednesday over the end of a month.
FIVE = days(
    ("2022-11-24", 100.0, 108.0, 99.0, 106.0),
    ("2022-11-25", 106.0, 110.0, 104.0, 109.0),
    ("2022-11-28", 109.0, 112.0, 107.0, 111.0),
    ("2022-11-29", 111.0, 113.0, 103.0, 105.0),
    ("2022-12-01", 105.0, 107.0, 101.0, 102.0),
)


def test_levels_of_the_five_methods() -> None:
    levels, central = pivot_levels(np.array([104.0, 110.0, 100.0, 108.0]), SETTINGS)
    wanted = {
        "classic": [92.0, 96.0, 102.0, 106.0, 112.0, 116.0, 122.0],
        "fibonacci": [96.0, 99.82, 102.18, 106.0, 109.82, 112.18, 116.0],
        "camarilla": [102.5, 105.25, 108 - 11 / 6, 108 - 11 / 12, 108.0, 108 + 11 / 12, 108 + 11 / 6, 110.75, 113.5],
        "woodie": [93.0, 96.5, 103.0, 106.5, 113.0, 116.5, 123.0],
        "demark": [104.0, 107.0, 114.0],
    }
    for row, method in enumerate(PIVOT_METHODS):
        known = levels[row][np.isfinite(levels[row])]
        assert known == pytest.approx(wanted[method]), method
        assert np.flatnonzero(central[row]).tolist() == [len(wanted[method]) // 2]


@pytest.mark.parametrize(
    ("open_", "close", "pivot"),
    [(104.0, 108.0, (220 + 100 + 108) / 4), (109.0, 108.0, (110 + 200 + 108) / 4), (108.0, 108.0, (210 + 216) / 4)],
)
def test_demark_weighs_the_side_of_the_close(open_: float, close: float, pivot: float) -> None:
    levels, _ = pivot_levels(np.array([open_, 110.0, 100.0, close]), SETTINGS)
    assert levels[PIVOT_METHODS.index("demark"), 1] == pytest.approx(pivot)


def test_a_day_without_a_range_has_no_levels() -> None:
    assert np.isnan(pivot_levels(np.array([100.0, 100.0, 100.0, 100.0]), SETTINGS)[0]).all()
    assert np.isnan(pivot_levels(np.array([100.0, NAN, 100.0, 100.0]), SETTINGS)[0]).all()


def test_the_central_pivot_range_is_ordered() -> None:
    assert central_range(110.0, 100.0, 108.0) == pytest.approx((105.0, 107.0))
    assert central_range(110.0, 100.0, 102.0) == pytest.approx((103.0, 105.0))


def test_an_ema_of_finished_closes_speaks_once_today_completes_its_span() -> None:
    closes = 100 + np.random.default_rng(0).normal(0, 1, 19)
    assert np.isnan(ema_before_today(closes[:-1], 20))
    assert ema_before_today(closes, 20) == pytest.approx(pd.Series(closes).ewm(span=20, adjust=False).mean().iloc[-1])


def test_the_daily_range_is_the_mean_while_young_and_wilders_after() -> None:
    # 9; max(110, 106) - 104 = 6; max(112, 109) - 107 = 5
    assert daily_range(FIVE, 14) == pytest.approx((9 + 6 + 5 + 10 + 6) / 5)
    assert daily_range(FIVE, 3) == pytest.approx((((9 + 6 + 5) / 3 * 2 + 10) / 3 * 2 + 6) / 3)
    assert np.isnan(daily_range(DailyBars.empty(), 14))
    rng = np.random.default_rng(1)
    close = 100 + np.cumsum(rng.normal(0, 1, 60))
    ohlc = np.column_stack([close, close + rng.random(60), close - rng.random(60), close])
    bars = DailyBars(np.datetime64("2022-01-03") + np.arange(60), ohlc)
    padded = np.vstack([ohlc[:1], ohlc])
    assert daily_range(bars, 14) == pytest.approx(talib.ATR(padded[:, 1], padded[:, 2], padded[:, 3], 14)[-1])


def test_weeks_begin_on_monday_and_only_finished_ones_count() -> None:
    friday = date(2022, 12, 2)
    assert finished_closes(FIVE, friday, "W").tolist() == [109.0]
    assert finished_closes(FIVE, date(2022, 12, 5), "W").tolist() == [109.0, 102.0]
    assert finished_closes(FIVE, friday, "M").tolist() == [105.0]
    assert finished_closes(DailyBars.empty(), friday, "W").size == 0


def test_levels_of_a_period_need_a_session_before_it() -> None:
    # next Monday the last week is 28 November to 1 December
    assert last_period(FIVE, date(2022, 12, 5), "W").tolist() == [109.0, 113.0, 101.0, 102.0]
    # before that, and for November, nothing shows where the period began
    assert np.isnan(last_period(FIVE, date(2022, 12, 2), "W")).all()
    assert np.isnan(last_period(FIVE, date(2022, 12, 2), "M")).all()


def test_ranges_count_as_untouched_until_a_later_day_overlaps_them() -> None:
    # from Thursday 103.5..105.17: Friday's low of 104 touches it; from Friday 107..108.33: Monday's low of 107 does;
    # from Monday 109.5..110.5: Tuesday 103..113 does; from Tuesday 106..108: Thursday's high of 107 does
    found = untouched_ranges(FIVE, 20)
    assert found.shape == (1, 2)
    assert found[0] == pytest.approx(sorted((104.0, 2 * (107 + 101 + 102) / 3 - 104)))
    gone = days(
        *[(str(d), *o) for d, o in zip(FIVE.dates, FIVE.ohlc.tolist(), strict=True)],
        ("2022-12-02", 130.0, 131.0, 129.0, 130.0),
    )
    assert untouched_ranges(gone, 20)[0] == pytest.approx(found[0])
    assert untouched_ranges(gone, 1).shape == (1, 2)


def bars(closes: list[float]) -> np.ndarray:
    out = np.full((len(closes), 5), NAN)
    out[:, :4] = np.array(closes)[:, None]
    return out


LADDER = np.full((5, 9), NAN)
LADDER[0, 0] = 100.0


@pytest.mark.parametrize(
    ("closes", "touched", "held"),
    [
        ([98.0, 100.0, 99.0, 98.0], 1, 1),
        ([98.0, 100.5, 101.0, 102.0], 1, 0),
        ([98.0, 101.0, 99.0, 98.0, 97.0], 1, 1),
        ([98.0, 99.0, 99.5, 98.0], 0, 0),
        ([98.0, 99.0, 98.0, 100.0], 0, 0),
        ([98.0, 100.0, NAN, 99.0, 98.0], 1, 1),
    ],
)
def test_a_level_holds_where_price_is_back_two_bars_later(closes: list[float], touched: int, held: int) -> None:
    found = session_touches(bars(closes), np.full(len(closes), 3.0), LADDER, 2)
    assert found[3, 0].tolist() == [touched, held]
    assert found.sum() == touched + held


def test_touches_without_a_regime_are_counted_apart() -> None:
    found = session_touches(bars([98.0, 100.0, 99.0, 98.0]), np.full(4, NAN), LADDER, 2)
    assert found[6, 0].tolist() == [1.0, 1.0]


def test_a_touch_counts_half_after_the_half_life() -> None:
    touches = np.ones(NO_TOUCHES.shape)
    for _ in range(63):
        touches = faded(touches, NO_TOUCHES, 63.0)
    assert touches == pytest.approx(np.full(NO_TOUCHES.shape, 0.5))


def test_method_weights_stay_at_their_start_while_nothing_was_touched() -> None:
    assert method_weights(NO_TOUCHES, SETTINGS) == pytest.approx(np.tile(START, (7, 1)))


def test_a_method_whose_levels_hold_gains_weight_most_in_its_regime() -> None:
    touches = NO_TOUCHES.copy()
    touches[2, :, 0] = 40.0
    touches[2, :, 1] = [20.0, 20.0, 20.0, 20.0, 40.0]
    weights = method_weights(touches, SETTINGS)
    # pooled 120/200 = .6; rates of all (20 + 12)/60 and (40 + 12)/60; in the regime (20 + 32/3)/60 and (40 + 52/3)/60
    overall = np.array([32 / 60] * 4 + [52 / 60])
    regime = np.array([(20 + 32 / 3) / 60] * 4 + [(40 + 52 / 3) / 60])
    for row, rates in ((6, overall), (2, regime), (0, overall)):
        wanted = np.array(START) * rates
        assert weights[row] == pytest.approx(wanted / wanted.sum())
    assert weights[2, 4] > weights[6, 4] > 0.10


def test_a_method_that_is_not_used_weighs_nothing() -> None:
    settings = replace(SETTINGS, methods_used={name: name != "classic" for name in PIVOT_METHODS})
    assert method_weights(NO_TOUCHES, settings)[6] == pytest.approx([0.0, 0.25 / 0.7, 0.2 / 0.7, 0.15 / 0.7, 0.1 / 0.7])
    with pytest.raises(ParameterFault, match="at least one method"):
        replace(SETTINGS, methods_used=dict.fromkeys(PIVOT_METHODS, False))
