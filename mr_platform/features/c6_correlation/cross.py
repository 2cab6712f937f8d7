"""Compiled columns of group cross: how the components' scores agree, the peer, and what the night left standing."""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c6_correlation import layout
from mr_platform.features.c6_correlation.blocks import LONG_BLOCKS, N_BLOCKS
from mr_platform.features.c6_correlation.changes import STILL, on_grid
from mr_platform.features.c6_correlation.layout import CROSS_AT, N_SCORES
from mr_platform.features.c6_correlation.windows import correlation
from mr_platform.kernels.cpu.correlation import gram, padded, standardise

NAN = math.nan
OPEN, CLOSE = 0, 3
CONSENSUS, AGREEMENT, COHERENCE, COHERENCE_LEVEL, DISPERSION, FRAGMENTATION, PEER, PEER_SPREAD, GAP, PERSISTENCE = (
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
)
"""Columns after the ten pairs."""
SCORE_PAIRS = np.array(layout.SCORE_PAIRS)


@njit(cache=True, error_model="numpy")
def _log_change(values, t, lag):
    """Log change of a price over ``lag`` minutes."""
    if t < lag or not (values[t] > 0.0 and values[t - lag] > 0.0):
        return NAN
    return math.log(values[t] / values[t - lag])


@njit(cache=True, error_model="numpy")
def _pairs(cells, mean, share, out):
    """Correlations of the scores' changes [10], and how far they fall apart."""
    m = 0
    for i in range(N_SCORES):
        m += mean[i] == mean[i]
    squares = 1.0 * m
    for q in range(SCORE_PAIRS.shape[0]):
        a, b = SCORE_PAIRS[q]
        out[q] = cells[q] if not math.isnan(mean[a] + mean[b]) else NAN
        if out[q] == out[q]:
            squares += 2.0 * cells[q] * cells[q]
    out[FRAGMENTATION] = NAN
    if m >= share * N_SCORES and m > 1:
        out[FRAGMENTATION] = (m * m / squares - 1.0) / (m - 1.0)


@njit(cache=True, error_model="numpy")
def opinions(scores, confidences, share, critical, warning, out):
    """Consensus, agreement, coherence, its level and the dispersion of one minute's scores [5]."""
    weight = 0.0
    net = 0.0
    gross = 0.0
    together = 0.0
    both = 0.0
    total = 0.0
    m = 0
    for i in range(N_SCORES):
        s = scores[i]
        if math.isnan(s):
            continue
        m += 1
        total += s
        weight += confidences[i]
        net += confidences[i] * s
        gross += confidences[i] * abs(s)
        for j in range(i):
            if not math.isnan(scores[j]):
                c = confidences[i] * confidences[j]
                both += c
                together += c * (1.0 - 0.5 * abs(s - scores[j]))
    for q in range(CONSENSUS, FRAGMENTATION):
        out[q] = NAN
    if m < share * N_SCORES or m < 2:
        return
    if weight > 0.0:
        out[CONSENSUS] = net / weight
    if both > 0.0:
        out[AGREEMENT] = together / both
    if gross > STILL:
        out[COHERENCE] = min(abs(net) / gross, 1.0)
        level = 0.0 if out[COHERENCE] < critical else 1.0
        out[COHERENCE_LEVEL] = level if out[COHERENCE] < warning else 2.0
    square = 0.0
    for i in range(N_SCORES):
        if not math.isnan(scores[i]):
            square += (scores[i] - total / m) ** 2
    out[DISPERSION] = math.sqrt(square / m)


@njit(cache=True, error_model="numpy")
def _gap_weight(bar, previous_close, cuts, weights):
    """Weight of the gap between the previous close and the session's first bar; NaN where one of them is unknown."""
    opened = bar[CLOSE] if math.isnan(bar[OPEN]) else bar[OPEN]
    size = 100.0 * abs(opened / previous_close - 1.0)
    if math.isnan(size):
        return NAN
    beyond = 0
    for cut in cuts:
        beyond += size >= cut
    return weights[beyond]


@njit(cache=True, error_model="numpy")
def columns(
    scores,
    confidences,
    underlying,
    peer,
    window,
    coverage,
    share,
    critical,
    warning,
    shift,
    gap_cuts,
    gap_weights,
    previous_close,
    previous_blocks,
    start,
    stop,
    score_changes,
    returns,
    blocks,
    gap,
    values,
):
    """The 20 columns of minutes [start, stop), once those of group matrix are there.

    ``scores`` and ``confidences`` [M, 5], ``underlying`` [M, 5], ``peer`` [M]; the rest as in ``Carried`` and
    ``DayConstants``.
    """
    now, sure = np.empty(N_SCORES), np.empty(N_SCORES)
    unit, mean, spare = np.zeros((N_SCORES, padded(window))), np.empty(N_SCORES), np.empty(N_SCORES)
    both, both_mean, both_spare = np.zeros((2, padded(window))), np.empty(2), np.empty(2)
    cells, cell = np.empty(SCORE_PAIRS.shape[0]), np.empty(1)
    least = coverage * window
    for t in range(start, stop):
        out = values[t, CROSS_AT:]
        for i in range(N_SCORES):
            now[i] = on_grid(scores[t, i])
            sure[i] = on_grid(confidences[t, i])
            if t > 0:
                score_changes[i, t] = now[i] - on_grid(scores[t - 1, i])
        rows = standardise(score_changes, t, window, least, unit, mean, spare)
        gram(unit, rows, cells)
        _pairs(cells, mean, share, out)
        opinions(now, sure, share, critical, warning, out)
        returns[0, t] = _log_change(underlying[:, CLOSE], t, 1)
        returns[1, t] = _log_change(peer, t, 1)
        rows = standardise(returns, t, window, least, both, both_mean, both_spare)
        gram(both, rows, cell)
        out[PEER] = cell[0] if not math.isnan(both_mean[0] + both_mean[1]) else NAN
        out[PEER_SPREAD] = _log_change(underlying[:, CLOSE], t, shift) - _log_change(peer, t, shift)
        present = values[t, LONG_BLOCKS : LONG_BLOCKS + N_BLOCKS]
        for q in range(N_BLOCKS):
            if not math.isnan(present[q]):
                blocks[q] = present[q]
        if math.isnan(gap[0]) and not math.isnan(underlying[t, CLOSE]):
            gap[0] = _gap_weight(underlying[t], previous_close, gap_cuts, gap_weights)
        out[GAP] = gap[0]
        out[PERSISTENCE] = gap[0] * correlation(present, previous_blocks, share)
