"""Compiled scalar pieces of C1: the scores of one price against its EMAs, VWAP and pivots, and window statistics.

NaN in, NaN out. Windows are summed afresh in a fixed order: a tick then gives the very bits of a batch. ``enough`` is
the share of a window's bars that must be there, bars before the open counting as missing.
"""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c1_triple_straddle.state import Floats
from mr_platform.kernels.cpu.windows import sign


@njit(cache=True, error_model="numpy")
def order_score(first: float, second: float, third: float, weak: float) -> float:
    """1 when first > second > third, -1 when reversed, else ``weak`` with the sign of first - second."""
    if math.isnan(first) or math.isnan(second) or math.isnan(third):
        return math.nan
    if first > second > third:
        return 1.0
    if first < second < third:
        return -1.0
    return weak * sign(first - second)


@njit(cache=True, error_model="numpy")
def ema_parts(price: float, ema: Floats, weak: float, parts: Floats) -> None:
    """Short, medium, long and trend score into ``parts`` [4]."""
    parts[0] = order_score(price, ema[0], ema[1], weak)
    parts[1] = order_score(ema[0], ema[1], ema[2], weak)
    parts[2] = order_score(ema[1], ema[2], ema[3], weak)
    parts[3] = sign(ema[2] - ema[3]) if not math.isnan(ema[2] - ema[3]) else math.nan


@njit(cache=True, error_model="numpy")
def step_score(deviation: float, cuts: Floats, scores: Floats) -> float:
    """Score of the highest cut that the size of ``deviation`` exceeds, signed; 0 within the first."""
    if math.isnan(deviation):
        return math.nan
    size = abs(deviation)
    for i in range(cuts.shape[0] - 1, -1, -1):
        if size > cuts[i]:
            return scores[i] * sign(deviation)
    return 0.0


@njit(cache=True, error_model="numpy")
def pivot_levels(high: float, low: float, close: float, levels: Floats) -> None:
    """S3, S2, S1, PP, R1, R2, R3 of a session's high, low and close into ``levels`` [7], ascending for high > low."""
    pp = (high + low + close) / 3.0
    levels[0] = low - 2.0 * (high - pp)
    levels[1] = pp - (high - low)
    levels[2] = 2.0 * pp - high
    levels[3] = pp
    levels[4] = 2.0 * pp - low
    levels[5] = pp + (high - low)
    levels[6] = high + 2.0 * (pp - low)


@njit(cache=True, error_model="numpy")
def ladder_score(price: float, levels: Floats, steps: Floats) -> float:
    """``steps`` [4] above PP, R1, R2 and R3; mirrored not above PP, S1, S2 and S3."""
    if math.isnan(price) or math.isnan(levels[3]):
        return math.nan
    beyond = 0
    for i in range(7):
        beyond += price > levels[i]
    return steps[beyond - 4] if beyond >= 4 else -steps[3 - beyond]


@njit(cache=True, error_model="numpy")
def window_vwap(price: Floats, volume: Floats, t: int, n: int, enough: float) -> float:
    """Volume-weighted price of the ``n`` bars ending at ``t``; NaN with too few or without volume."""
    value = 0.0
    total = 0.0
    count = 0
    for i in range(max(0, t - n + 1), t + 1):
        if not (math.isnan(price[i]) or math.isnan(volume[i])):
            value += price[i] * volume[i]
            total += volume[i]
            count += 1
    return value / total if count >= enough * n and total > 0 else math.nan


@njit(cache=True, error_model="numpy")
def quality(price: Floats, volume: Floats, t: int, n: int, weights: Floats) -> float:
    """Presence, 1 / (1 + CV) and share of bars with volume over the ``n`` bars ending at ``t``, under ``weights`` [3].

    Bars before the open are missing. Without two prices CV says nothing and its part is 0.
    """
    count = 0
    traded = 0
    total = 0.0
    first = max(0, t - n + 1)
    for i in range(first, t + 1):
        if not math.isnan(price[i]):
            count += 1
            total += price[i]
        if volume[i] > 0:
            traded += 1
    steadiness = 0.0
    if count >= 2 and total > 0:
        mean = total / count
        square = 0.0
        for i in range(first, t + 1):
            if not math.isnan(price[i]):
                square += (price[i] - mean) ** 2
        steadiness = 1.0 / (1.0 + math.sqrt(square / count) / mean)
    return weights[0] * count / n + weights[1] * steadiness + weights[2] * traded / n


@njit(cache=True, error_model="numpy")
def correlations(
    returns: Floats, t: int, n: int, redundant: float, enough: float, series_share: float
) -> tuple[float, float]:
    """Mean pairwise correlation and share of pairs beyond ``redundant`` over the ``n`` bars ending at ``t``.

    A series that is constant or lacks too many bars drops out; fewer than ``series_share`` of the series left give NaN.
    A pair uses the bars that both have.
    """
    series = returns.shape[1]
    first = max(0, t - n + 1)
    bars = t + 1 - first
    centred = np.empty((series, bars))
    squares = np.empty(series)
    counts = np.zeros(series, np.int64)
    left = 0
    for a in range(series):
        mean = 0.0
        for i in range(bars):
            x = returns[first + i, a]
            centred[a, i] = x
            if not math.isnan(x):
                mean += x
                counts[a] += 1
        mean /= max(counts[a], 1)
        squares[a] = 0.0
        for i in range(bars):
            if not math.isnan(centred[a, i]):
                centred[a, i] -= mean
                squares[a] += centred[a, i] ** 2
        if counts[a] < enough * n or squares[a] <= 0.0:
            counts[a] = -1
        else:
            left += 1
    if left < series_share * series:
        return math.nan, math.nan
    total = 0.0
    beyond = 0
    pairs = 0
    for a in range(series):
        for b in range(a + 1, series):
            if counts[a] < 0 or counts[b] < 0:
                continue
            if counts[a] == bars and counts[b] == bars:
                product = 0.0
                for i in range(bars):
                    product += centred[a, i] * centred[b, i]
                r = product / math.sqrt(squares[a] * squares[b])
            else:
                r = _common_correlation(centred[a], centred[b])
            if not math.isnan(r):
                pairs += 1
                total += r
                beyond += abs(r) > redundant
    if pairs == 0:
        return math.nan, math.nan
    return total / pairs, beyond / pairs


@njit(cache=True, error_model="numpy")
def _common_correlation(x: Floats, y: Floats) -> float:
    """Correlation over the bars that both have; NaN when one is constant there."""
    count = 0
    mean_x = 0.0
    mean_y = 0.0
    for i in range(x.shape[0]):
        if not (math.isnan(x[i]) or math.isnan(y[i])):
            count += 1
            mean_x += x[i]
            mean_y += y[i]
    mean_x /= count
    mean_y /= count
    sxx = 0.0
    syy = 0.0
    sxy = 0.0
    for i in range(x.shape[0]):
        if not (math.isnan(x[i]) or math.isnan(y[i])):
            dx = x[i] - mean_x
            dy = y[i] - mean_y
            sxx += dx * dx
            syy += dy * dy
            sxy += dx * dy
    return sxy / math.sqrt(sxx * syy) if sxx > 0 and syy > 0 else math.nan
