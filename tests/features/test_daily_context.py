"""What a session leaves for the next: literal levels and sums, and a round trip through its table."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mr_platform.errors import DataError, UsageError
from mr_platform.features.context import daily_context
from mr_platform.features.inputs import session_inputs
from mr_platform.features.memory import DailyContext, latest_before
from mr_platform.features.series import CLOSE, HIGH, LOW
from mr_platform.market.chain import OptionChainDay
from schemas.daily_context import DAILY_CONTEXT

if TYPE_CHECKING:
    from tests.features.conftest import Market


def chain_of(market: Market, i: int) -> OptionChainDay:
    return OptionChainDay.from_core(market.cores[i], market.sessions[i])


def test_round_trip_through_the_table(market: Market) -> None:
    table = market.contexts[3].to_table()
    assert table.schema.equals(DAILY_CONTEXT.arrow()) and table.num_rows == 1
    back = DailyContext.from_table(table)
    for name, value in vars(market.contexts[3]).items():
        if name == "memory":
            assert sorted(back.memory) == sorted(value)
            continue
        np.testing.assert_array_equal(getattr(back, name), value, err_msg=name)


def test_what_components_hand_on_goes_through_the_table_with_its_shape(market: Market) -> None:
    memory = {"c2_scale": np.array([[1.5, np.nan], [-0.0, 2.0]]), "c4_points": np.empty((0, 3, 5))}
    back = DailyContext.from_table(replace(market.contexts[3], memory=memory).to_table()).memory
    assert list(back) == ["c2_scale", "c4_points"] and back["c4_points"].shape == (0, 3, 5)
    np.testing.assert_array_equal(back["c2_scale"], memory["c2_scale"])
    assert np.signbit(back["c2_scale"][1, 0])


def test_the_same_chain_gives_the_same_context(market: Market) -> None:
    again = daily_context(chain_of(market, 3), market.contexts[2])
    # by text: Arrow's equality holds NaN unequal to itself
    assert str(again.to_table().to_pylist()) == str(market.contexts[3].to_table().to_pylist())


def test_levels_and_sums_are_those_of_the_rolling_series(market: Market) -> None:
    series = session_inputs(chain_of(market, 2), 375, passes=())
    atm = series.bars[:, 0]
    known = np.isfinite(atm[:, CLOSE])
    found = market.contexts[2]
    assert found.rolling_ohlc[0, 1] == np.nanmax(atm[known, HIGH])
    assert found.rolling_ohlc[0, 2] == np.nanmin(atm[known, LOW])
    assert found.rolling_ohlc[0, 3] == atm[known, CLOSE][-1]
    assert found.session_sums[0, 1] == np.nansum(atm[known, 4])
    assert found.priced_bars == known.sum()
    assert found.week_sums[0, 1] == sum(market.contexts[i].session_sums[0, 1] for i in range(3))


def test_the_week_starts_afresh_on_monday(market: Market) -> None:
    monday = market.contexts[5]
    assert monday.trade_date.weekday() == 0
    assert np.array_equal(monday.week_sums, monday.session_sums)


def test_ema_at_the_close_is_that_of_all_prices_of_all_sessions(market: Market) -> None:
    prices = np.concatenate([session_inputs(chain_of(market, i), 375, passes=()).bars[:, 0, CLOSE] for i in range(3)])
    prices = prices[np.isfinite(prices)]
    oracle = pd.Series(prices).ewm(span=50, adjust=False).mean().iloc[-1]
    assert market.contexts[2].ema_value[0, 1] == pytest.approx(oracle, rel=1e-12)
    assert market.contexts[2].ema_bars[0, 1] == prices.size


def test_slow_ema_at_the_close_is_that_of_the_k_minute_closes(market: Market) -> None:
    closes = []
    for i in range(2):
        price = session_inputs(chain_of(market, i), 375, passes=()).bars[:, 0, CLOSE]
        closes += [part[np.isfinite(part)][-1] for part in np.split(price, 25) if np.isfinite(part).any()]
    oracle = pd.Series(closes).ewm(span=20, adjust=False).mean().iloc[-1]
    assert market.contexts[1].slow_ema_value[0, 3, 0] == pytest.approx(oracle, rel=1e-12)


def test_atr_starts_at_the_mean_of_its_first_true_ranges(market: Market) -> None:
    series = session_inputs(chain_of(market, 0), 375, passes=())
    bars = series.underlying[np.isfinite(series.underlying[:, CLOSE])]
    before = np.concatenate([[np.nan], bars[:-1, CLOSE]])
    true_range = np.fmax(bars[:, HIGH], before) - np.fmin(bars[:, LOW], before)
    value = true_range[:14].mean()
    for x in true_range[14:]:
        value += (x - value) / 14
    assert market.contexts[0].atr_value[1, 0] == pytest.approx(value, rel=1e-12)


def test_five_minute_bars_of_the_session(market: Market) -> None:
    series = session_inputs(chain_of(market, 4), 375, passes=())
    found = market.contexts[4]
    assert found.bar5_minute.tolist() == list(range(555, 930, 5))
    under = series.underlying[:, CLOSE].reshape(75, 5)
    last = [row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.nan for row in under]
    np.testing.assert_array_equal(found.bar5_underlying_close, last)
    assert np.isnan(found.bar5_straddle_return[0])
    now, before = series.bars[9, 0, CLOSE], series.held[9, 0, 2]
    assert found.bar5_straddle_return[1] == pytest.approx(np.log(now / before), nan_ok=True)
    assert 0.05 < np.nanmedian(found.bar5_atm_iv) < 0.6


def test_a_session_without_rows_hands_on_what_it_was_given(market: Market) -> None:
    empty = OptionChainDay.from_core(market.cores[1].slice(0, 0), market.sessions[1])
    found = daily_context(empty, market.contexts[0])
    assert found.priced_bars == 0 and found.dte == -1
    np.testing.assert_array_equal(found.ema_value, market.contexts[0].ema_value)
    np.testing.assert_array_equal(found.week_sums, market.contexts[0].week_sums)
    np.testing.assert_array_equal(found.rolling_ohlc, market.contexts[0].rolling_ohlc)
    assert np.isnan(found.bar5_underlying_close).all() and np.isnan(found.component_return).all()


def test_a_context_remembers_the_sessions_before_it(market: Market) -> None:
    last = market.contexts[-1]
    assert last.past_dte.tolist() == [float(one.dte) for one in market.contexts]
    np.testing.assert_array_equal(last.past_component_return, [one.component_return for one in market.contexts])
    np.testing.assert_array_equal(last.past_timeframe_return, [one.timeframe_return for one in market.contexts])


def test_a_session_without_prices_is_not_remembered(market: Market) -> None:
    empty = OptionChainDay.from_core(market.cores[1].slice(0, 0), market.sessions[1])
    assert daily_context(empty, market.contexts[0]).past_dte.tolist() == [float(market.contexts[0].dte)]


def test_a_chain_cut_before_its_first_bar_is_refused(market: Market) -> None:
    with pytest.raises(UsageError, match="at least one bar"):
        daily_context(chain_of(market, 0).until(554))


def daily_table(bars: dict[date, list[float]]) -> pa.Table:
    columns = zip(*bars.values(), strict=True)
    return pa.table(
        {"trade_date": list(bars), **dict(zip(("open", "high", "low", "close"), map(list, columns), strict=True))}
    )


def test_daily_bars_before_the_session_extend_the_memory(market: Market) -> None:
    day = market.sessions[0].trade_date
    bars = daily_table({day - timedelta(n): [4.0 - n, 5.0 - n, 2.0 - n, 3.0 - n] for n in range(3)})
    found = daily_context(chain_of(market, 0), None, bars)
    assert found.daily_ohlc.tolist() == [[2.0, 3.0, 0.0, 1.0], [3.0, 4.0, 1.0, 2.0]]
    assert found.daily.dates.tolist() == [day - timedelta(2), day - timedelta(1), day]
    assert found.daily.ohlc[-1].tolist() == found.rolling_ohlc[-1].tolist()


def test_an_index_is_moved_to_the_level_of_the_underlying_by_the_previous_close(market: Market) -> None:
    """An index that closed at half a percent below the future stands half a percent higher in the memory."""
    before, day = market.contexts[1], market.sessions[1].trade_date
    close = before.rolling_ohlc[-1, -1]
    older = [close - 40, close + 60, close - 80, close - 20]
    bars = daily_table({day - timedelta(4): older, day: [close * 0.995] * 4})
    found = daily_context(chain_of(market, 2), before, bars)
    np.testing.assert_allclose(found.daily_ohlc[0], np.array(older) / 0.995, rtol=1e-12)
    assert found.daily_ohlc[1].tolist() == before.rolling_ohlc[-1].tolist()


def test_in_a_first_session_an_index_is_moved_by_the_closes_of_that_session(market: Market) -> None:
    own, day = market.contexts[0].rolling_ohlc[-1], market.sessions[0].trade_date
    older = [own[-1] - 40, own[-1] + 60, own[-1] - 80, own[-1] - 20]
    bars = daily_table({day - timedelta(3): older, day: [own[-1] * 0.995] * 4})
    found = daily_context(chain_of(market, 0), None, bars)
    np.testing.assert_allclose(found.daily_ohlc, [np.array(older) / 0.995], rtol=1e-12)
    assert found.daily.ohlc[-1].tolist() == own.tolist()


def test_an_index_of_something_else_is_left_as_it_is(market: Market) -> None:
    before, day = market.contexts[1], market.sessions[1].trade_date
    bars = daily_table({day - timedelta(4): [7.0] * 4, day: [8.0] * 4})
    assert daily_context(chain_of(market, 2), before, bars).daily_ohlc[0].tolist() == [7.0] * 4


def test_an_index_that_ends_more_than_ten_days_before_is_no_history(market: Market) -> None:
    day = market.sessions[0].trade_date
    bars = daily_table({day - timedelta(n): [100.0] * 4 for n in (11, 12, 13)})
    assert daily_context(chain_of(market, 0), None, bars).daily_ohlc.size == 0
    still = daily_table({day - timedelta(n): [100.0] * 4 for n in (10, 20, 31)})
    found = daily_context(chain_of(market, 0), None, still)
    assert found.daily.dates.tolist() == [day - timedelta(20), day - timedelta(10), day]


def test_sessions_after_the_end_of_the_index_are_their_own_daily_bars(market: Market) -> None:
    first = market.sessions[0].trade_date
    bars = daily_table({first - timedelta(400): [100.0] * 4, first - timedelta(399): [101.0] * 4})
    previous = None
    for i in range(3):
        previous = daily_context(chain_of(market, i), previous, bars)
    assert previous is not None
    assert previous.daily_ohlc.tolist() == [one.rolling_ohlc[-1].tolist() for one in market.contexts[:2]]


def test_without_an_index_the_sessions_themselves_are_the_daily_bars(market: Market) -> None:
    assert market.contexts[3].daily_ohlc.tolist() == [one.rolling_ohlc[-1].tolist() for one in market.contexts[:3]]


def test_previous_is_the_latest_earlier_session_of_the_last_ten_days(market: Market) -> None:
    days = [one.trade_date for one in market.contexts]
    assert latest_before(market.contexts, days[3]) is market.contexts[2]
    assert latest_before(market.contexts, days[-1] + timedelta(10)) is market.contexts[-1]
    assert latest_before(market.contexts, days[-1] + timedelta(11)) is None
    assert latest_before(market.contexts, date(2022, 11, 14)) is None


def test_a_partition_of_two_rows_is_refused(market: Market) -> None:
    table = market.contexts[0].to_table()
    with pytest.raises(DataError, match="has one row"):
        DailyContext.from_table(pa.concat_tables([table, table]))
