"""Compiled columns that judge: ranks in a session and in histories, the IV regime, score and confidence."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

from numba import njit

from mr_platform.features.c4_iv_skew import windows as w
from mr_platform.features.c4_iv_skew.smile import normal_cdf
from mr_platform.features.c4_iv_skew.state import ATM_IV, BUTTERFLY, REVERSAL, TERM_SLOPE, Carried, DayConstants
from mr_platform.kernels.cpu.windows import sign

NAN = math.nan
NEAR, NEXT = 0, 1
# Columns of group dual_dte, and of regime and term behind it, that others read.
RANK_IN_SESSION, MOMENTUM, BLEND = 6, 8, 29
RISK_REVERSAL_25, RISK_REVERSAL_10, MOMENTUM_REVERSAL = 4, 5, 20
FEAR, ABNORMAL, CONTANGO = 69, 72, 80


@njit(cache=True, error_model="numpy")
def session_columns(days, t, day: DayConstants, carried: Carried, out):
    """Where ATM volatility stands in the session so far, the same expiry throughout: range, percentile, z-score."""
    here = carried.atm[t, NEAR]
    if math.isnan(here):
        return
    count = 0
    low = here
    high = here
    mean = 0.0
    below = 0.0
    for i in range(t + 1):
        x = carried.atm[i, NEAR]
        if math.isnan(x) or days[i, NEAR] != days[t, NEAR]:
            continue
        count += 1
        mean += x
        low = min(low, x)
        high = max(high, x)
        below += 1.0 if x < here else 0.5 if x == here else 0.0
    if count < day.percentile_least:
        return
    mean /= count
    square = 0.0
    for i in range(t + 1):
        x = carried.atm[i, NEAR]
        if not math.isnan(x) and days[i, NEAR] == days[t, NEAR]:
            square += (x - mean) ** 2
    deviation = math.sqrt(square / count)
    # this minute itself, a tie of its own, is left out of its percentile
    out[RANK_IN_SESSION] = (below - 0.5) / (count - 1.0)
    if deviation > w.FLAT:
        out[5] = (here - low) / (high - low)
        out[7] = (here - mean) / deviation


@njit(cache=True, error_model="numpy")
def blended(x, specific, ranged, day: DayConstants):
    """The percentile in force, out of those at the specific DTE and at the range; NaN stands for one not learned.

    One that is not learned counts as that of ``x`` in a lognormal around the typical volatility, with the confidence of
    the fewest observations that would have replaced it.
    """
    expected = normal_cdf(math.log(x / day.typical) / day.typical_spread)
    little = min(day.percentile_least / day.consistency_count, 1.0)
    a = expected if math.isnan(specific) else specific
    b = expected if math.isnan(ranged) else ranged
    if 1.0 - abs(a - b) > day.consistency:
        return 0.5 * (a + b)
    sure_a = little if math.isnan(specific) else min(day.specific_seen[ATM_IV] / day.consistency_count, 1.0)
    sure_b = little if math.isnan(ranged) else min(day.range_seen[ATM_IV] / day.consistency_count, 1.0)
    return (sure_a * a + sure_b * b) / (sure_a + sure_b)


@njit(cache=True, error_model="numpy")
def specific_rank(q, x, day: DayConstants):
    """Percentile of quantity ``q`` at the specific DTE; NaN while too little is known."""
    return w.rank(day.specific_values[q], day.specific_below[q], x) if day.specific_trust[q] else NAN


@njit(cache=True, error_model="numpy")
def range_rank(q, x, day: DayConstants):
    """Percentile of quantity ``q`` at the range of DTE; NaN while too little is known."""
    return w.rank(day.range_values[q], day.range_below[q], x) if day.range_trust[q] else NAN


@njit(cache=True, error_model="numpy")
def rank_columns(days, t, day: DayConstants, carried: Carried, out):
    """Percentiles in the histories at the session's DTE; another DTE has none."""
    known = carried.quantities[t]
    here = known[ATM_IV]
    at_dte = days[t, NEAR] == day.dte
    if at_dte:
        out[27] = specific_rank(ATM_IV, here, day)
        out[28] = range_rank(ATM_IV, here, day)
        out[31] = specific_rank(REVERSAL, known[REVERSAL], day)
        out[32] = range_rank(REVERSAL, known[REVERSAL], day)
        out[33] = range_rank(BUTTERFLY, known[BUTTERFLY], day)
        out[34] = range_rank(TERM_SLOPE, known[TERM_SLOPE], day)
    if math.isnan(here):
        return
    out[BLEND] = blended(here, out[27], out[28], day)
    if at_dte and day.specific_trust[ATM_IV]:
        low = day.specific_values[ATM_IV, 0]
        high = day.specific_values[ATM_IV, day.specific_known[ATM_IV] - 1]
        for i in range(t + 1):
            if days[i, NEAR] == day.dte:
                low = carried.atm[i, NEAR] if carried.atm[i, NEAR] < low else low
                high = carried.atm[i, NEAR] if carried.atm[i, NEAR] > high else high
        if high > low:
            out[30] = (here - low) / (high - low)


@njit(cache=True, error_model="numpy")
def fear_of(differential, points):
    """Graded fear, -1..1, of put less call skew: linear between the cuts, flat beyond the outer ones."""
    xs, ys = points[0], points[1]
    if math.isnan(differential) or differential <= xs[0]:
        return NAN if math.isnan(differential) else ys[0]
    for i in range(1, xs.size):
        if differential < xs[i]:
            return ys[i - 1] + (ys[i] - ys[i - 1]) * (differential - xs[i - 1]) / (xs[i] - xs[i - 1])
    return ys[-1]


@njit(cache=True, error_model="numpy")
def either(x, y):
    """The mean of two numbers, or the one that is known."""
    return y if math.isnan(x) else x if math.isnan(y) else 0.5 * (x + y)


@njit(cache=True, error_model="numpy")
def likeness(put_skew, call_skew, prototypes, width, out):
    """Likeness 1 / (1 + (d / width)^2) to each prototype, d the distance of both skews; the share of the greatest."""
    total = 0.0
    most = 0.0
    for j in range(prototypes.shape[0]):
        square = (put_skew - prototypes[j, 0]) ** 2 + (call_skew - prototypes[j, 1]) ** 2
        out[j] = 1.0 / (1.0 + square / (width * width))
        total += out[j]
        most = max(most, out[j])
    return most / total


@njit(cache=True, error_model="numpy")
def regime_columns(days, t, day: DayConstants, carried: Carried, dual, skew, out):
    """Group regime, but how far the surface is out of the ordinary."""
    atm = carried.atm[t, NEAR]
    out[0] = w.level_of(dual[BLEND], day.level_cuts)
    carried.level[t] = w.level_of(dual[RANK_IN_SESSION], day.level_cuts)
    out[1] = carried.level[t]
    out[2] = w.run_length(carried.level, t)
    if not math.isnan(skew[0] + skew[1]):
        out[8] = likeness(skew[0] / atm, skew[1] / atm, day.prototypes, day.pattern_width, out[3:8])
    out[9] = fear_of(either(-skew[RISK_REVERSAL_25], -skew[RISK_REVERSAL_10]), day.fear_points)
    lag = day.momentum[1]
    if t >= lag and days[t, NEAR] == days[t - lag, NEAR]:
        out[11] = carried.wing[t] - carried.wing[t - lag]
    moves = (skew[MOMENTUM_REVERSAL + 1], dual[MOMENTUM + 1], out[11])
    pressure = -1.0
    for j in range(3):
        if not math.isnan(moves[j]):
            pressure = max(pressure, abs(moves[j]) / day.transitions[j])
    out[10] = pressure if pressure >= 0.0 else NAN
    mean, deviation = w.mean_std(carried.atm[:, NEAR], t, day.momentum[3], day.enough)
    out[13] = deviation / mean if not math.isnan(atm) else NAN
    signs = 0.0
    known = 0
    for j in range(4):
        change = dual[MOMENTUM + j]
        if not math.isnan(change):
            known += 1
            signs += sign(change)
    if known >= 2:
        out[14] = signs / known


@njit(cache=True, error_model="numpy")
def clipped(x):
    """``x`` within -1..1; NaN stays NaN."""
    return x if math.isnan(x) else min(max(x, -1.0), 1.0)


@njit(cache=True, error_model="numpy")
def verdict(at_dte, day: DayConstants, row, explained, atm):
    """Score, confidence and health of a minute; the score is the mean of parts from 0 (calm) to 1 (stressed).

    ``explained``: R^2 of the fit of the smile; ``at_dte``: whether the minute is at the DTE of the histories.
    """
    if math.isnan(atm[NEAR]):
        return NAN, 0.0, 0
    parts = (
        row[BLEND],
        0.5 * (1.0 + row[FEAR]),
        0.5 * (1.0 + clipped(row[MOMENTUM + 1] / day.transitions[1])),
        0.5 * (1.0 - row[CONTANGO]),
    )
    total = 0.0
    spoke = 0.0
    for j in range(4):
        if not math.isnan(parts[j]):
            total += day.score_weights[j] * parts[j]
            spoke += day.score_weights[j]
    if not spoke > 0.0:
        return NAN, 0.0, 0
    learned = 0.0
    if at_dte and day.specific_trust[ATM_IV]:
        learned += 0.5 * min(day.specific_seen[ATM_IV] / day.consistency_count, 1.0)
    if at_dte and day.range_trust[ATM_IV]:
        learned += 0.5 * min(day.range_seen[ATM_IV] / day.consistency_count, 1.0)
    fit = 0.0 if math.isnan(explained) else min(max(explained, 0.0), 1.0)
    calm = 1.0 / row[ABNORMAL] if row[ABNORMAL] > 1.0 else 1.0
    sure = min(spoke, 1.0) * calm * (day.history_share * learned + (1.0 - day.history_share) * fit)
    complete = spoke > 1.0 - 1e-9 and not math.isnan(explained) and at_dte and day.range_trust[ATM_IV] == 1
    return min(max(total / spoke, 0.0), 1.0), sure, 2 if complete else 1
