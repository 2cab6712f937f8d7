"""The compiled pass of C4: minute by minute, all 87 columns, traces filled in place.

Columns are written by position; the blocks below are the order of ``catalogue.features()``.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c4_iv_skew import smile as s
from mr_platform.features.c4_iv_skew import verdict
from mr_platform.features.c4_iv_skew import windows as w
from mr_platform.features.c4_iv_skew.state import (
    ATM_IV,
    BUTTERFLY,
    MINUTES_A_YEAR,
    REVERSAL,
    TERM_SLOPE,
    Carried,
    DayConstants,
)

NEAR, NEXT, FAR = range(3)
DUAL_AT, SKEW_AT, REGIME_AT, TERM_AT = 0, 35, 60, 75
NAN = math.nan


@njit(cache=True, error_model="numpy")
def run(
    strikes,
    volatility,
    forwards,
    years,
    days,
    at_money,
    steps,
    start,
    stop,
    day: DayConstants,
    carried: Carried,
    values,
    score,
    confidence,
    health,
):
    """Fill minutes [start, stop).

    ``strikes`` [K] ascending, ``volatility`` [M, 3, K, 2], ``forwards``, ``years``, ``days`` and ``at_money`` [M, 3] by
    role, ``steps`` [M], all as in ``SessionInputs``; ``values`` [M, 87], ``score``, ``confidence``, ``health`` [M] are
    written.
    """
    n_strikes = strikes.size
    log_strikes = np.log(strikes)
    at = np.empty(n_strikes, np.int64)
    lists = np.empty((4, n_strikes))
    x, v, d1, weight = lists[0], lists[1], lists[2], lists[3]
    wings = np.empty((2, 2))
    fit = np.empty(4)
    move = np.empty(3)
    returns = _returns(forwards, days, max(start - int(day.momentum.max()), 0), stop)
    for t in range(start, stop):
        row = values[t]
        row[:] = NAN
        for role in range(3):
            carried.atm[t, role] = s.atm_volatility(
                strikes, log_strikes, volatility[t, role], at_money[t, role], steps[t]
            )
        carried.quantities[t, ATM_IV] = carried.atm[t, NEAR]

        n, puts = s.gather(
            strikes,
            log_strikes,
            volatility[t, NEXT],
            forwards[t, NEXT],
            years[t, NEXT],
            carried.atm[t, NEXT],
            at,
            x,
            v,
            d1,
            weight,
        )
        _wings(d1, v, n, puts, day, wings)
        s.parabola(x, v, weight, n, day.least_strikes, fit)
        next_reversal = wings[1, 1] - wings[1, 0]
        next_butterfly = 0.5 * (wings[1, 1] + wings[1, 0]) - carried.atm[t, NEXT]
        row[DUAL_AT + 24] = next_reversal
        row[DUAL_AT + 25] = next_butterfly
        row[DUAL_AT + 26] = fit[0] if day.smile_on else NAN

        n, puts = s.gather(
            strikes,
            log_strikes,
            volatility[t, NEAR],
            forwards[t, NEAR],
            years[t, NEAR],
            carried.atm[t, NEAR],
            at,
            x,
            v,
            d1,
            weight,
        )
        _wings(d1, v, n, puts, day, wings)
        s.parabola(x, v, weight, n, day.least_strikes, fit)
        _skew_columns(strikes, volatility, days, at_money, steps, t, day, carried, wings, row[SKEW_AT:REGIME_AT])
        _fit_columns(x, v, weight, n, puts, day, fit, row[SKEW_AT:REGIME_AT])
        _surface_columns(volatility, days, t, day, carried, at, x, v, weight, n, puts, move, row)
        _term_columns(years, days, t, day, carried, row[TERM_AT:])
        row[TERM_AT + 8] = next_reversal - carried.quantities[t, REVERSAL]
        row[TERM_AT + 9] = next_butterfly - carried.quantities[t, BUTTERFLY]
        _dual_columns(volatility, years, days, at_money, returns, t, day, carried, row[DUAL_AT:SKEW_AT])
        verdict.rank_columns(days, t, day, carried, row[DUAL_AT:SKEW_AT])
        verdict.regime_columns(days, t, day, carried, row[DUAL_AT:SKEW_AT], row[SKEW_AT:REGIME_AT], row[REGIME_AT:])
        score[t], confidence[t], health[t] = verdict.verdict(
            days[t, NEAR] == day.dte, day, row, fit[3] if day.smile_on else NAN, carried.atm[t]
        )


@njit(cache=True, error_model="numpy")
def _returns(forwards, days, start, stop):
    """One-minute log returns of the nearest expiry's forward in [start, stop), [stop]; NaN where the expiry changed."""
    out = np.full(stop, NAN)
    for t in range(max(start, 1), stop):
        if days[t, NEAR] == days[t - 1, NEAR] and forwards[t - 1, NEAR] > 0:
            out[t] = math.log(forwards[t, NEAR] / forwards[t - 1, NEAR])
    return out


@njit(cache=True, error_model="numpy")
def _wings(d1, v, n, puts, day, wings):
    """Volatilities [delta, put and call] at the wing deltas; NaN with too few options."""
    for j in range(2):
        wings[j] = NAN
        if n >= day.least_strikes:
            delta, quantile = day.wing_deltas[j], day.wing_quantiles[j]
            wings[j, 0] = s.wing(d1, v, puts - 1, -1, -1, -1.0, delta, quantile)
            wings[j, 1] = s.wing(d1, v, puts, n, 1, 1.0, delta, quantile)


@njit(cache=True, error_model="numpy")
def _before(days, t, lag, role):
    """Whether the expiry in this role was the same ``lag`` minutes ago: days to expiry name it within a session."""
    return t >= lag and days[t, role] >= 0 and days[t, role] == days[t - lag, role]


@njit(cache=True, error_model="numpy")
def _since(trace, days, t, lag):
    """Change of a trace of the nearest expiry over ``lag`` minutes."""
    return trace[t] - trace[t - lag] if _before(days, t, lag, NEAR) else NAN


@njit(cache=True, error_model="numpy")
def _held(volatility, days, at_money, t, lag, role):
    """Volatility of this minute's ATM strike ``lag`` minutes ago, both legs; NaN where not known."""
    k = at_money[t, role]
    if k < 0 or not _before(days, t, lag, role):
        return NAN
    return s.both_legs(volatility[t - lag, role], k)


@njit(cache=True, error_model="numpy")
def _held_change(volatility, days, at_money, t, lag, role):
    """Change over ``lag`` minutes of the volatility of the strike that is at the money now."""
    before = _held(volatility, days, at_money, t, lag, role)
    return s.both_legs(volatility[t, role], at_money[t, role]) - before if not math.isnan(before) else NAN


@njit(cache=True, error_model="numpy")
def _skew_columns(strikes, volatility, days, at_money, steps, t, day, carried, wings, out):
    """Group skew but the columns of the fit; remembers reversal, butterfly and wings."""
    atm = carried.atm[t, NEAR]
    for j, delta_10 in ((1, 0), (0, 1)):
        put, call = wings[j]
        out[2 * delta_10] = put - atm
        out[2 * delta_10 + 1] = call - atm
        out[4 + delta_10] = call - put
        out[6 + delta_10] = 0.5 * (put + call) - atm
    carried.quantities[t, REVERSAL] = out[4]
    carried.quantities[t, BUTTERFLY] = out[6]
    carried.wing[t] = 0.5 * (wings[1, 0] + wings[1, 1])
    k = at_money[t, NEAR]
    last = day.reversal_steps.size - 1
    for j in range(last + 1):
        out[8 + j] = s.distant_reversal(strikes, volatility[t, NEAR], k, day.reversal_steps[j] * steps[t])
    nearer = day.reversal_steps[last] - 1.0
    while math.isnan(out[8 + last]) and nearer > day.reversal_steps[last - 1]:
        out[8 + last] = s.distant_reversal(strikes, volatility[t, NEAR], k, nearer * steps[t])
        nearer -= 1.0
    out[19] = out[4] / atm
    for j in range(day.momentum.size):
        out[20 + j] = _since(carried.quantities[:, REVERSAL], days, t, day.momentum[j])
    if k >= 0:
        out[24] = volatility[t, NEAR, k, 0] - volatility[t, NEAR, k, 1]


@njit(cache=True, error_model="numpy")
def _fit_columns(x, v, weight, n, puts, day, fit, out):
    """The columns of group skew that come from fits over the whole smile."""
    if not day.smile_on or n < day.least_strikes:
        return
    out[13] = fit[0]
    out[14] = fit[1]
    out[15] = fit[2]
    out[16] = s.side_slope(x, v, weight, 0, puts)
    out[17] = s.side_slope(x, v, weight, puts, n)
    out[18] = s.asymmetry(x, v, weight, n, day.asymmetry)


@njit(cache=True, error_model="numpy")
def _surface_columns(volatility, days, t, day, carried, at, x, v, weight, n, puts, move, row):
    """Shift, tilt and size of the smile's move, and how far its one-minute size is out of the ordinary."""
    if not day.velocity_on:
        return
    lag = day.momentum[0]
    if _before(days, t, lag, NEAR):
        s.surface_move(at, x, v, weight, n, puts, volatility[t - lag, NEAR], day.least_strikes, move)
        row[DUAL_AT + 21 : DUAL_AT + 24] = move
    if _before(days, t, 1, NEAR):
        s.surface_move(at, x, v, weight, n, puts, volatility[t - 1, NEAR], day.least_strikes, move)
        carried.velocity[t] = move[2]
    mean, deviation = w.mean_std(carried.velocity, t - 1, day.momentum[3], day.enough)
    if deviation > w.FLAT:
        row[REGIME_AT + 12] = (carried.velocity[t] - mean) / (deviation * day.abnormal)


@njit(cache=True, error_model="numpy")
def _forward_volatility(near, near_years, later, later_years):
    """Volatility between two expiries; NaN where total variance does not grow."""
    variance = (later * later * later_years - near * near * near_years) / (later_years - near_years)
    return math.sqrt(variance) if variance > 0.0 else NAN


@njit(cache=True, error_model="numpy")
def _graded(slope, day):
    """Term slope in units of its cut, -1..1: 1 contango, -1 backwardation."""
    if math.isnan(slope):
        return NAN
    return min(slope / day.contango, 1.0) if slope >= 0.0 else max(-slope / day.backwardation, -1.0)


@njit(cache=True, error_model="numpy")
def _term_columns(years, days, t, day, carried, out):
    """Group term but the two gaps of the smiles."""
    near, following, far = carried.atm[t]
    out[0] = following / near - 1.0
    out[1] = far / near - 1.0
    carried.quantities[t, TERM_SLOPE] = out[0]
    out[2] = _forward_volatility(near, years[t, NEAR], following, years[t, NEXT])
    out[3] = _forward_volatility(following, years[t, NEXT], far, years[t, FAR])
    out[4] = out[2] / near - 1.0
    first = _graded(out[0], day)
    second = _graded(far / following - 1.0, day)
    carried.graded[t] = verdict.either(first, second)
    out[5] = w.mean_std(carried.graded, t, day.momentum[1], day.enough)[0] if not math.isnan(near) else NAN
    for j in range(2):
        lag = day.momentum[1 + 2 * j]
        if _before(days, t, lag, NEXT):
            out[6 + j] = _since(carried.quantities[:, TERM_SLOPE], days, t, lag)
    share = math.log(years[t, NEXT] / years[t, NEAR]) / math.log(years[t, FAR] / years[t, NEAR])
    out[10] = following - near - (far - near) * share
    out[11] = near * near * years[t, NEAR] / (far * far * years[t, FAR])


@njit(cache=True, error_model="numpy")
def _dual_columns(volatility, years, days, at_money, returns, t, day, carried, out):
    """Group dual_dte but the next expiry's smile, the surface's move and what ranks in a history."""
    atm = carried.atm[t]
    out[0:3] = atm
    out[3] = atm[NEAR] * math.sqrt(years[t, NEAR])
    verdict.session_columns(days, t, day, carried, out)
    half_hour, hour = day.momentum[2], day.momentum[3]
    for j in range(4):
        out[8 + j] = _held_change(volatility, days, at_money, t, day.momentum[j], NEAR)
    out[12] = _held_change(volatility, days, at_money, t, day.momentum[1], NEXT)
    out[13] = _held_change(volatility, days, at_money, t, hour, NEXT)
    out[14] = _held_change(volatility, days, at_money, t, hour, FAR)
    quarter = day.momentum[1]
    middle = _held(volatility, days, at_money, t, quarter, NEAR)
    out[15] = out[9] - (middle - _held(volatility, days, at_money, t, 2 * quarter, NEAR))
    for role in (NEAR, NEXT):
        carried.change[t, role] = _held_change(volatility, days, at_money, t, 1, role)
    changes, of_next = carried.change[:, NEAR], carried.change[:, NEXT]
    out[4] = w.regression(changes, of_next, t, hour, day.enough)[1]
    out[16] = w.mean_std(changes, t, half_hour, day.enough)[1]
    out[17] = atm[NEAR] - w.root_mean_square(returns, t, hour, day.enough) * math.sqrt(MINUTES_A_YEAR)
    out[18] = w.root_mean_square(returns, t, half_hour, day.enough) * math.sqrt(MINUTES_A_YEAR) / atm[NEAR]
    out[19], out[20] = w.regression(returns, changes, t, hour, day.enough)
