"""Windows around a bar: edges of the session, the night, missing prices, co-movement."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import DataError, UsageError
from mr_platform.parameters.labels import LabelTask
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.windows import (
    SessionBars,
    bars_from_context,
    bars_from_minutes,
    follows_on_nse,
    join_history,
    measure,
)

PARAMETERS = defaults(RegimeParameters).labels
MON, TUE, WED = date(2022, 11, 14), date(2022, 11, 15), date(2022, 11, 16)
WITHIN = LabelTask("two", back=2, ahead=2, crosses_night=False, theta=0.3)
NIGHT = LabelTask("three", back=3, ahead=3, crosses_night=True, theta=0.3)


def next_day(before: date, after: date) -> bool:
    return after - before == timedelta(days=1)


def session(day: date, logs: list[float], straddle=None, iv=None, kind: str = "spot") -> SessionBars:
    n = len(logs)
    nothing = [np.nan] * n
    return SessionBars(
        day,
        555 + 5 * np.arange(n, dtype=np.int64),
        np.exp(np.array(logs)),
        np.array(straddle or nothing),
        np.array(iv or nothing),
        kind,
    )


def test_a_window_of_two_bars_inside_one_session():
    # log closes 0, 1, 3, 2, 2: returns -, 1, 2, -1, 0
    w = measure([session(MON, [0, 1, 3, 2, 2])], WITHIN, PARAMETERS)
    nan = np.nan
    np.testing.assert_allclose(w.sigma_p, [nan, nan, 5**0.5, 5**0.5, 1.0])
    np.testing.assert_allclose(w.sigma_f, [5**0.5, 5**0.5, 1.0, nan, nan])
    np.testing.assert_allclose(w.er_f, [1.0, 1 / 3, 1.0, nan, nan])
    np.testing.assert_array_equal(w.s_p, [nan, nan, 1, 1, -1])
    np.testing.assert_array_equal(w.s_f, [1, 1, -1, nan, nan])
    assert w.known_session.tolist() == [0, 0, 0, -1, -1]
    assert w.known_minute.tolist() == [565, 570, 575, -1, -1]


def test_the_past_window_reaches_into_the_previous_session_without_the_overnight_return():
    # Monday's returns 1, 2; overnight 10; Tuesday's 4, 8
    days = [session(MON, [0, 1, 3]), session(TUE, [13, 17, 25])]
    w = measure(days, NIGHT, PARAMETERS, follows=next_day)
    expected = [np.nan] * 4 + [(1 + 4 + 16) ** 0.5, (4 + 16 + 64) ** 0.5]
    np.testing.assert_allclose(w.sigma_p, expected)


def test_the_past_window_of_a_first_bar_holds_only_earlier_sessions():
    days = [session(MON, [0, 1, 3]), session(TUE, [13, 17, 25])]
    w = measure(days, WITHIN, PARAMETERS, follows=next_day)
    assert w.sigma_p[3] == pytest.approx(5**0.5)


def test_the_forward_window_across_the_night_includes_the_overnight_return():
    days = [session(MON, [0, 1, 3]), session(TUE, [13, 17, 25])]
    w = measure(days, NIGHT, PARAMETERS, follows=next_day)
    nan = np.nan
    np.testing.assert_allclose(
        w.sigma_f, [(1 + 4 + 100) ** 0.5, (4 + 100 + 16) ** 0.5, (100 + 16 + 64) ** 0.5, nan, nan, nan]
    )
    assert w.known_session.tolist() == [1, 1, 1, -1, -1, -1]
    assert w.known_minute.tolist() == [555, 560, 565, -1, -1, -1]


def test_windows_do_not_bridge_sessions_that_are_no_neighbours():
    days = [session(MON, [0, 1, 3]), session(WED, [13, 17, 25])]
    w = measure(days, NIGHT, PARAMETERS, follows=next_day)
    assert np.isnan(w.sigma_p).all()
    assert np.isnan(w.sigma_f).all()
    assert (w.known_session == -1).all()


def test_a_break_inside_a_session_counts_as_a_night():
    # returns 1, 2 before the break, 10 over it, 4, 8 after it
    bars = replace(session(MON, [0, 1, 3, 13, 17, 25]), minutes=np.array([555, 560, 565, 690, 695, 700]))
    w = measure([bars], WITHIN, PARAMETERS)
    assert w.known_minute.tolist() == [565, -1, -1, 700, -1, -1]
    np.testing.assert_allclose(w.sigma_p[2:], np.sqrt([1 + 4, 1 + 4, 4 + 16, 16 + 64]))
    crossing = measure([bars], NIGHT, PARAMETERS)
    assert crossing.sigma_f[0] == pytest.approx((1 + 4 + 100) ** 0.5)


def test_windows_do_not_mix_two_kinds_of_underlying():
    days = [session(MON, [0, 1, 3], kind="index"), session(TUE, [13, 17, 25], kind="future")]
    w = measure(days, NIGHT, PARAMETERS, follows=next_day)
    assert np.isnan(w.sigma_f).all()


def test_an_ordinary_session_has_no_hour_ahead_in_its_last_hour():
    rng = np.random.default_rng(3)
    w = measure([session(MON, list(np.cumsum(rng.normal(0, 1e-3, 75))))], PARAMETERS.tasks["h12"], PARAMETERS)
    ahead = np.flatnonzero(np.isfinite(w.sigma_f))
    behind = np.flatnonzero(np.isfinite(w.sigma_p))
    assert (ahead[0], ahead[-1]) == (0, 62)  # bar 62 closes at 14:30
    assert w.known_minute[62] == 925  # the bar 15:25-15:30
    # both sides have 12 returns: without a previous session the first whole past window ends with bar 12
    assert behind[0] == 12


def test_the_seventy_five_bar_window_ends_at_the_same_time_next_day():
    rng = np.random.default_rng(4)
    days = [session(d, list(np.cumsum(rng.normal(0, 1e-3, 75)))) for d in (MON, TUE)]
    w = measure(days, PARAMETERS.tasks["h75"], PARAMETERS, follows=next_day)
    assert w.known_session[:75].tolist() == [1] * 75
    assert w.known_minute[:75].tolist() == w.minute[:75].tolist()
    assert (w.known_session[75:] == -1).all()


def test_a_missing_price_is_bridged_and_a_window_needs_four_fifths_of_its_bars():
    five = LabelTask("five", back=5, ahead=5, crosses_night=False, theta=0.3)
    one_gap = measure([session(MON, [0, 1, 2, np.nan, 6, 7])], five, PARAMETERS)
    assert one_gap.sigma_f[0] == pytest.approx((1 + 1 + 16 + 1) ** 0.5)
    two_gaps = measure([session(MON, [0, 1, np.nan, np.nan, 6, 7])], five, PARAMETERS)
    assert np.isnan(two_gaps.sigma_f[0])
    assert two_gaps.known_session[0] == 0


def test_a_bar_without_a_price_has_no_forward_window():
    w = measure([session(MON, [0, np.nan, 2, 3, 4])], WITHIN, PARAMETERS)
    assert np.isnan(w.sigma_f[1])
    assert np.isfinite(w.sigma_f[2])


def test_a_market_that_stands_still_has_volatility_zero_and_no_trend():
    w = measure([session(MON, [0, 0, 0, 0, 0])], WITHIN, PARAMETERS)
    assert w.sigma_f[0] == 0
    assert np.isnan(w.er_f[0])
    assert np.isnan(w.s_f[0])


def test_a_trend_with_efficiency_at_theta_has_no_sign():
    # returns 1.3, -0.7: net 0.6 over path 2.0 = 0.3
    w = measure([session(MON, [0, 1.3, 0.6])], replace(WITHIN, theta=abs(1.3 + (0.6 - 1.3)) / 2.0), PARAMETERS)
    assert w.s_f[0] == 0
    w = measure([session(MON, [0, 1.3, 0.6])], replace(WITHIN, theta=0.29), PARAMETERS)
    assert w.s_f[0] == 1


def test_correlation_is_the_mean_of_the_pairs_and_drops_what_stands_still():
    three = LabelTask("three", back=3, ahead=3, crosses_night=False, theta=0.3)
    logs, straddle = [0, 1, 3, 6], [np.nan, 2, 4, 6]  # returns 1, 2, 3 beside 2, 4, 6: r = 1
    iv = [0.0, -1.0, -3.0, -6.0]  # changes -1, -2, -3: r = -1 with both
    w = measure([session(MON, logs, straddle, iv)], three, PARAMETERS)
    assert w.rho_f[0] == pytest.approx((1 - 1 - 1) / 3)
    still = measure([session(MON, logs, straddle, [0.2] * 4)], three, PARAMETERS)
    assert still.rho_f[0] == pytest.approx(1.0)
    alone = measure([session(MON, logs)], three, PARAMETERS)
    assert np.isnan(alone.rho_f[0])


def test_the_second_symbol_takes_part_where_it_is_present():
    three = LabelTask("three", back=3, ahead=3, crosses_night=False, theta=0.3)
    logs, straddle, iv = [0, 1, 3, 6], [np.nan, 2, 4, 6], [0.0, -1.0, -3.0, -6.0]
    beside = {MON: session(MON, [0, 3, 5, 6])}  # returns 3, 2, 1: -1 with two, +1 with iv
    w = measure([session(MON, logs, straddle, iv)], three, PARAMETERS, second=beside)
    assert w.rho_f[0] == pytest.approx((1 - 1 - 1 - 1 - 1 + 1) / 6)


def test_measures_agree_with_a_plain_computation_on_random_sessions_with_holes():
    rng = np.random.default_rng(8)
    days, logs = [], 0.0
    for d in (MON, TUE):
        path = logs + np.cumsum(rng.normal(0, 1e-3, 40))
        logs = path[-1]
        straddle, iv = rng.normal(0, 1e-2, 40), 0.14 + np.cumsum(rng.normal(0, 1e-3, 40))
        for series in (path, straddle, iv):
            series[rng.integers(1, 39, 3)] = np.nan
        days.append(session(d, list(path), list(straddle), list(iv)))
    task = LabelTask("ten", back=10, ahead=10, crosses_night=False, theta=0.3)
    w = measure(days, task, PARAMETERS, follows=next_day)
    for k, bars in enumerate(days):
        logs = np.log(bars.underlying_close)
        filled = [logs[: i + 1][np.isfinite(logs[: i + 1])] for i in range(40)]
        r = np.array([np.nan, *(logs[i] - (filled[i - 1][-1] if filled[i - 1].size else np.nan) for i in range(1, 40))])
        straddle = np.where(np.arange(40) > 0, bars.straddle_return, np.nan)
        iv = np.append([np.nan], np.diff(bars.atm_iv))
        for i in range(40):
            at = 40 * k + i
            ahead = slice(i + 1, i + 11)
            if i > 29 or np.isnan(logs[i]) or np.isfinite(r[ahead]).sum() < 8:
                assert np.isnan(w.sigma_f[at])
            else:
                assert w.sigma_f[at] == pytest.approx(np.sqrt(np.nansum(r[ahead] ** 2)))
                assert w.er_f[at] == pytest.approx(abs(np.nansum(r[ahead])) / np.nansum(abs(r[ahead])))
            series = [s[ahead] for s in (r, straddle, iv) if np.isfinite(s[ahead]).sum() >= 8]
            if i > 29 or len(series) < 2:
                assert np.isnan(w.rho_f[at])
                continue
            pairs = []
            for a, b in [(a, b) for n, a in enumerate(series) for b in series[n + 1 :]]:
                both = np.isfinite(a) & np.isfinite(b)
                pairs.append(np.corrcoef(a[both], b[both])[0, 1])
            assert w.rho_f[at] == pytest.approx(np.mean(pairs), abs=1e-12)
    assert np.isfinite(w.rho_f).sum() > 40


def test_cutting_the_future_off_leaves_every_window_that_was_whole_bit_identical():
    rng = np.random.default_rng(5)

    def day(d: date) -> SessionBars:
        return session(
            d,
            list(np.cumsum(rng.normal(0, 1e-3, 75))),
            [np.nan, *rng.normal(0, 1e-2, 74)],
            list(0.14 + np.cumsum(rng.normal(0, 1e-3, 75))),
        )

    days = [day(d) for d in (MON, TUE, WED)]
    cut = 30
    short = replace(
        days[2],
        minutes=days[2].minutes[:cut],
        underlying_close=days[2].underlying_close[:cut],
        straddle_return=days[2].straddle_return[:cut],
        atm_iv=days[2].atm_iv[:cut],
    )
    for task in PARAMETERS.tasks.values():
        full = measure(days, task, PARAMETERS, follows=next_day)
        part = measure([*days[:2], short], task, PARAMETERS, follows=next_day)
        m = part.session.size
        known = part.known_session >= 0
        for name in ("sigma_f", "er_f", "s_f", "rho_f", "known_session", "known_minute"):
            np.testing.assert_array_equal(getattr(full, name)[:m][known], getattr(part, name)[known], err_msg=name)
        np.testing.assert_array_equal(full.sigma_p[:m], part.sigma_p)
        np.testing.assert_array_equal(full.s_p[:m], part.s_p)


def test_five_minute_bars_of_an_index_take_the_last_price_and_keep_a_halt_as_missing():
    minutes = np.array([548, 555, 559, 560, 571, 930])  # 09:08 and 15:30 lie outside the session
    bars = bars_from_minutes(MON, minutes, np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0]))
    assert bars.n == 75
    np.testing.assert_array_equal(bars.underlying_close[:5], [3.0, 4.0, np.nan, 5.0, np.nan])
    assert np.isnan(bars.underlying_close[4:]).all()


def test_neighbours_on_the_nse_span_weekends_and_holidays_but_no_missing_session():
    assert follows_on_nse(date(2022, 11, 7), date(2022, 11, 9))  # the 8th is a holiday
    assert follows_on_nse(date(2022, 11, 25), date(2022, 11, 28))
    assert not follows_on_nse(date(2022, 11, 3), date(2022, 11, 7))  # the 4th traded
    assert follows_on_nse(date(2022, 10, 21), date(2022, 10, 25))  # Muhurat evening on the 24th may be absent


def test_bars_are_read_from_a_context_row():
    context = pa.table(
        {
            "trade_date": [MON],
            "underlying": ["future"],
            "bar5_minute": [[555, 560]],
            "bar5_underlying_close": [[100.0, None]],
            "bar5_straddle_return": [[None, 0.1]],
            "bar5_atm_iv": [[0.14, 0.15]],
        }
    )
    bars = bars_from_context(context)
    assert (bars.trade_date, bars.kind, bars.minutes.tolist()) == (MON, "future", [555, 560])
    np.testing.assert_array_equal(bars.underlying_close, [100.0, np.nan])
    np.testing.assert_array_equal(bars.straddle_return, [np.nan, 0.1])


@pytest.mark.parametrize(
    ("minutes", "closes", "rule"),
    [
        ([555, 555], [1.0, 2.0], "in order"),
        ([555, 560], [1.0, 0.0], "positive"),
        ([555], [1.0, 2.0], "one length"),
    ],
)
def test_bars_out_of_order_of_other_length_or_with_a_zero_price_are_refused(minutes, closes, rule):
    nothing = np.full(2, np.nan)
    with pytest.raises(DataError, match=rule):
        SessionBars(MON, np.array(minutes), np.array(closes), nothing, nothing)


def test_history_fills_only_dates_that_the_sessions_lack():
    own, old, same = session(TUE, [0, 1]), session(MON, [0, 2]), session(TUE, [0, 3])
    joined = join_history([own], [same, old])
    assert [b.trade_date for b in joined] == [MON, TUE]
    assert joined[1] is own
    with pytest.raises(UsageError, match="once"):
        join_history([own, same], [])
