"""The compiled pass of C8: minute by minute, all 48 columns, state carried in place.

Columns are written by position; the blocks below are the order of ``catalogue.features()``.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c8_master_integration import pieces
from mr_platform.features.c8_master_integration.pieces import HEALTHY, on_grid
from mr_platform.features.c8_master_integration.state import (
    COHERENCE,
    DISPERSION,
    FLIP,
    GRADE,
    HIT,
    LEADER,
    N_COMPONENTS,
    N_REGIMES,
    SLACK,
    Carried,
    DayConstants,
)
from mr_platform.kernels.cpu.signatures import classify_row

NAN = math.nan
SHORT, MIDDLE, LONG = range(3)
REGIME_AT, DTE_AT, STRUCTURE_AT, INTEGRATION_AT, END = 0, 20, 35, 43, 48
LVLD, HVC, VCPE, TBVE, TBVS, SCGS, PSED, CBV = range(N_REGIMES)


@njit(cache=True, error_model="numpy")
def run(
    scores,
    confidences,
    healths,
    dte,
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

    ``scores``, ``confidences`` [stop - start, 7], ``healths`` int64 [stop - start, 7] of C1..C7 in these minutes;
    ``dte`` int64 [M], -1 unknown; ``values`` [M, 48], ``score``, ``confidence``, ``health`` [M] are written.
    """
    sure = np.empty(N_COMPONENTS)
    weights = np.empty(N_COMPONENTS)
    support = np.empty(N_REGIMES)
    fit = np.empty(N_REGIMES)
    for t in range(start, stop):
        now = carried.scores[t]
        shares = carried.shares[t]
        for c in range(N_COMPONENTS):
            now[c] = on_grid(scores[t - start, c])
            sure[c] = on_grid(confidences[t - start, c])
        pieces.weights_at(dte[t], day.bounds, day.weights, weights)
        leader = classify_row(
            now, weights, day.signatures, day.score_share, day.match_floor, support, carried.p[t], fit
        )
        row = values[t]
        coherence, concentration = integrate_row(
            now, sure, healths[t - start], weights, day.degraded, shares, row[INTEGRATION_AT:END]
        )
        carried.traces[t, COHERENCE] = coherence
        carried.traces[t, DISPERSION] = pieces.spread_of(now)
        _regime_columns(leader, support, fit, t, day, carried, row[REGIME_AT:DTE_AT])
        _dte_columns(now, shares, concentration, row[DTE_AT:STRUCTURE_AT])
        _structure_columns(t, day, carried, row[STRUCTURE_AT:INTEGRATION_AT])
        score[t] = row[INTEGRATION_AT]
        confidence[t] = 0.0 if math.isnan(score[t]) else row[INTEGRATION_AT + 1]
        health[t] = health_of(now, healths[t - start], score[t])


@njit(cache=True, error_model="numpy")
def health_of(scores, healths, net):
    """0 without a score, 2 where all seven speak in full health, else 1."""
    if math.isnan(net):
        return 0
    for c in range(N_COMPONENTS):
        if math.isnan(scores[c]) or healths[c] != HEALTHY:
            return 1
    return 2


@njit(cache=True, error_model="numpy")
def _follow(leader, t, day, carried):
    """Take the leading regime of minute ``t`` (-1 none) into the traces."""
    if leader < 0:
        return
    traces, lead = carried.traces, carried.lead
    traces[t, LEADER] = leader
    traces[t, FLIP] = 1.0 if lead[1] > 0.0 and lead[0] != leader else 0.0
    lead[1] = lead[1] + 1.0 if lead[0] == leader else 1.0
    lead[0] = leader
    before = t - day.minutes[SHORT]
    if before >= 0 and not math.isnan(traces[before, LEADER]):
        traces[t, HIT] = 1.0 if traces[before, LEADER] == leader else 0.0


@njit(cache=True, error_model="numpy")
def _regime_columns(leader, support, fit, t, day, carried, out):
    _follow(leader, t, day, carried)
    p = carried.p[t]
    out[:N_REGIMES] = p
    out[N_REGIMES:] = NAN
    for i in range(3):
        before = t - day.minutes[i]
        if before >= 0:
            out[13 + i] = pieces.variation(p, carried.p[before])
    changes, known = _window_sum(carried.traces[:, FLIP], t, day.minutes[LONG])
    if known >= day.enough * day.minutes[LONG] - SLACK:
        out[17] = changes
    if leader < 0:
        return
    second = 0.0
    entropy = 0.0
    for r in range(N_REGIMES):
        if r != leader:
            second = max(second, p[r])
        if p[r] > 0.0:
            entropy -= p[r] * math.log(p[r])
    out[8] = max(p[leader] - second, 0.0)
    out[9] = min(entropy / math.log(float(N_REGIMES)), 1.0)
    out[10] = pieces.balance(support[TBVE] + support[CBV], support[HVC] + support[VCPE])
    calm = support[LVLD] + support[HVC] + support[VCPE] + support[SCGS] + support[PSED] + support[CBV]
    out[11] = pieces.balance((support[TBVE] + support[TBVS]) / 2.0, calm / 6.0)
    out[12] = pieces.balance(support[SCGS], support[PSED])
    out[16] = carried.lead[1]
    before = t - day.minutes[MIDDLE]
    if before >= 0:
        out[18] = p[leader] - carried.p[before, leader]
    out[19] = min(fit[leader], 1.0)


@njit(cache=True, error_model="numpy")
def _dte_columns(scores, shares, concentration, out):
    for c in range(N_COMPONENTS):
        out[c] = shares[c]
        out[N_COMPONENTS + c] = shares[c] * scores[c]
    out[2 * N_COMPONENTS] = concentration


@njit(cache=True, error_model="numpy")
def _window_sum(trace, t, bars):
    """Sum and count of what is known in the last ``bars`` bars."""
    total = 0.0
    count = 0
    for u in range(max(t - bars + 1, 0), t + 1):
        if not math.isnan(trace[u]):
            total += trace[u]
            count += 1
    return total, count


@njit(cache=True, error_model="numpy")
def _drift(t, day, carried):
    """Root mean square of the scores' means in the short window less those of the session before it."""
    bars = day.minutes[SHORT]
    least = day.enough * bars - SLACK
    if t >= bars:
        for c in range(N_COMPONENTS):
            left = carried.scores[t - bars, c]
            if not math.isnan(left):
                carried.before[c, 0] += left
                carried.before[c, 1] += 1.0
    count = 0
    squares = 0.0
    for c in range(N_COMPONENTS):
        total, known = _window_sum(carried.scores[:, c], t, bars)
        if known >= least and carried.before[c, 1] >= least:
            count += 1
            squares += (total / known - carried.before[c, 0] / carried.before[c, 1]) ** 2
    return math.sqrt(squares / count) if count > 1 else NAN


@njit(cache=True, error_model="numpy")
def _performance(t, day, carried):
    """Relative shift of the share of hits in the long window against its usual value."""
    bars = day.minutes[LONG]
    least = day.enough * bars - SLACK
    if t >= bars and not math.isnan(carried.traces[t - bars, HIT]):
        carried.hits[0] += carried.traces[t - bars, HIT]
        carried.hits[1] += 1.0
    usual = day.usual
    if math.isnan(usual) and carried.hits[1] >= least:
        usual = carried.hits[0] / carried.hits[1]
    hits, known = _window_sum(carried.traces[:, HIT], t, bars)
    if known < least or not usual > 0.0:
        return NAN
    return hits / known / usual - 1.0


@njit(cache=True, error_model="numpy")
def _structure_columns(t, day, carried, out):
    out[:] = NAN
    short, middle, long = t - day.minutes[SHORT], t - day.minutes[MIDDLE], t - day.minutes[LONG]
    traces = carried.traces
    out[0] = _drift(t, day, carried)
    if short >= 0:
        out[1] = pieces.jump(carried.scores[t], carried.scores[short])
    if middle >= 0:
        out[2] = pieces.cosine(carried.scores[t], carried.scores[middle])
        out[3] = traces[t, DISPERSION] - traces[middle, DISPERSION]
        out[4] = traces[t, COHERENCE] - traces[middle, COHERENCE]
    shift = _performance(t, day, carried)
    out[5] = shift
    if not math.isnan(shift):
        traces[t, GRADE] = pieces.grade(abs(shift), day.flag, day.adapt)
    grades, known = _window_sum(traces[:, GRADE], t, day.minutes[MIDDLE])
    if known >= day.enough * day.minutes[MIDDLE] - SLACK:
        out[6] = grades / known
    if long >= 0:
        out[7] = pieces.variation_of_shares(carried.shares[t], carried.shares[long])


@njit(cache=True, error_model="numpy")
def integrate_row(scores, confidences, healths, weights, degraded, shares, out):
    """Fill ``shares`` [7] in the weights in force and the five columns of group integration of one minute.

    Answers coherence and concentration.
    """
    certainty = pieces.shares_of(scores, confidences, healths, weights, degraded, shares)
    net, agreement, coherence, concentration = pieces.together(scores, shares)
    out[:] = NAN
    if not math.isnan(net):
        out[0] = net
        out[1] = min(certainty * (1.0 if math.isnan(agreement) else agreement), 1.0)
        out[2] = agreement
        out[3] = pieces.synergy_of_pairs(scores, shares)
        out[4] = pieces.synergy_of_triads(scores, shares)
    return coherence, concentration
