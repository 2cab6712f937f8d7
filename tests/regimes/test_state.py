"""The market state along a session, from its past alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.state import market_state
from mr_platform.regimes.windows import SessionBars

PARAMETERS = replace(defaults(RegimeParameters).labels, min_sessions=3)
STATE = defaults(RegimeParameters).state
DAYS = [date(2022, 10, 3) + timedelta(days=k) for k in range(6)]


def next_day(before: date, after: date) -> bool:
    return after - before == timedelta(days=1)


def drift(day: date, step: float, start: float = 0.0) -> SessionBars:
    """A session whose log close rises by ``step`` each bar, from ``start`` + step on."""
    nothing = np.full(75, np.nan)
    minutes = 555 + 5 * np.arange(75, dtype=np.int64)
    return SessionBars(day, minutes, np.exp(start + step * (1 + np.arange(75))), nothing, nothing)


def test_slope_volatility_and_percentile_by_hand():
    # days of step 1, 2, 3, 4 (x 1e-4), then 2.5 again: each session starts where the one before ended
    steps = [1e-4, 2e-4, 3e-4, 4e-4, 2.5e-4]
    sessions, level = [], 0.0
    for day, step in zip(DAYS, steps, strict=False):
        sessions.append(drift(day, step, level))
        level += 75 * step
    state = market_state(sessions, DAYS[4], PARAMETERS, STATE, follows=next_day)
    assert state.event_ts[0] == np.datetime64("2022-10-07T03:45")
    # bar 9: ten bars of today, sixty-five of the day before
    assert state.slope[9] == pytest.approx(10 * 2.5e-4 + 65 * 4e-4)
    # bar 74: 74 returns of today and one of the day before, the night left out
    assert state.volatility[74] == pytest.approx(np.sqrt(252 * (74 * 2.5e-4**2 + 4e-4**2)))
    # two of four earlier sessions were quieter; the first hour's window reaches back (no session before the first)
    assert state.percentile[40] == pytest.approx(0.5)
    assert state.percentile[0] == pytest.approx(1.0)


def test_the_state_needs_a_past_and_enough_sessions():
    state = market_state([drift(DAYS[0], 1e-4)], DAYS[0], PARAMETERS, STATE, follows=next_day)
    assert np.isnan(state.slope).all()
    assert np.isnan(state.volatility).all()
    assert np.isnan(state.percentile).all()


def test_the_state_does_not_look_at_later_bars_or_sessions():
    sessions = [drift(day, 1e-4 * (1 + k % 3), k * 0.01) for k, day in enumerate(DAYS)]
    full = market_state(sessions, DAYS[4], PARAMETERS, STATE, follows=next_day)
    today = sessions[4]
    short = replace(
        today,
        minutes=today.minutes[:30],
        underlying_close=today.underlying_close[:30],
        straddle_return=today.straddle_return[:30],
        atm_iv=today.atm_iv[:30],
    )
    part = market_state([*sessions[:4], short], DAYS[4], PARAMETERS, STATE, follows=next_day)
    for name in ("event_ts", "slope", "volatility", "percentile"):
        np.testing.assert_array_equal(getattr(full, name)[:30], getattr(part, name))


def test_a_session_that_is_not_given_is_refused():
    with pytest.raises(UsageError, match="2022-10-08"):
        market_state([drift(DAYS[0], 1e-4)], DAYS[5], PARAMETERS, STATE, follows=next_day)
