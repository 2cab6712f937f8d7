"""Series along the session: exponential and Wilder averages with state, rolling mean, deviation and correlation.

Every series argument is [B, M, S]: a leading batch axis (days), bars in order, series side by side. A kernel called on
successive pieces of the bar axis, each with the state the piece before left, gives bit for bit what one call on the
whole gives; rolling kernels have no state and take ``start`` instead: they read the whole session so far and compute
the bars from ``start`` on, with the same bits.
"""

from __future__ import annotations

import math

import numpy as np

SHARE = (4, 5)
"""A rolling window needs this share of its bars; bars before the open count as missing."""


def least_bars(window: int) -> int:
    """Fewest finite bars a window of ``window`` bars needs: 80 %, rounded up."""
    wanted, of = SHARE
    return -(-window * wanted // of)


def empty_state(batch: int, series: int) -> np.ndarray:
    """State of a recursion before its first bar: float64 [B, S, 2], (value, bars seen)."""
    return np.zeros((batch, series, 2))


def ema(values: np.ndarray, span: int, state: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Exponential moving average with alpha = 2 / (span + 1), carried over sessions by its state.

    Starts at the first value seen; NaN until ``span`` values have been seen. Where the value is NaN the average is
    NaN and the state is held, undecayed. ``values`` [B, M, S]; ``state`` [B, S, 2] (average, values seen), empty if
    left out, not modified. Returns the averages [B, M, S] and the state after the last bar.
    """
    batch, bars, series = values.shape
    out = np.full(values.shape, np.nan)
    left = empty_state(batch, series) if state is None else state.copy()
    alpha = 2.0 / (span + 1.0)
    for b, s in np.ndindex(batch, series):
        average, seen = left[b, s]
        for t in range(bars):
            x = values[b, t, s]
            if np.isnan(x):
                continue
            average = x if seen == 0 else average + alpha * (x - average)
            seen += 1
            if seen >= span:
                out[b, t, s] = average
        left[b, s] = average, seen
    return out, left


def wilder(values: np.ndarray, span: int, state: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Wilder's average (alpha = 1 / span), as the ATR takes it of true ranges, carried over sessions by its state.

    Wilder, J. W. (1978), "New Concepts in Technical Trading Systems". The first value is the mean of the first
    ``span`` values. NaN before that and where the value is NaN (the state is held). Shapes as ``ema``; while fewer
    than ``span`` values have been seen the state's first entry is their sum.
    """
    batch, bars, series = values.shape
    out = np.full(values.shape, np.nan)
    left = empty_state(batch, series) if state is None else state.copy()
    for b, s in np.ndindex(batch, series):
        average, seen = left[b, s]
        for t in range(bars):
            x = values[b, t, s]
            if np.isnan(x):
                continue
            seen += 1
            if seen <= span:
                average += x
                if seen == span:
                    average /= span
            else:
                average += (x - average) / span
            if seen >= span:
                out[b, t, s] = average
        left[b, s] = average, seen
    return out, left


def true_range(high: np.ndarray, low: np.ndarray, previous_close: np.ndarray) -> np.ndarray:
    """max(H - L, |H - C'|, |C' - L|); H - L where the previous close is NaN (the session's first bar).

    Any shape. NaN where high or low is. ``previous_close`` is that of the contract held, not of the rolling series.
    """
    reach = np.maximum(np.abs(high - previous_close), np.abs(previous_close - low))
    return np.asarray(np.where(np.isnan(previous_close), high - low, np.maximum(high - low, reach)))


def _windows(values: np.ndarray, window: int, start: int) -> list[tuple[int, np.ndarray]]:
    return [(t, values[max(t - window + 1, 0) : t + 1]) for t in range(start, len(values))]


def rolling_mean_std(values: np.ndarray, window: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population standard deviation of the last ``window`` bars, this one included.

    NaN where fewer than 80 % of the window's bars are finite. A window of equal values has deviation exactly 0.
    ``values`` [B, M, S]; returns two arrays [B, M - start, S].
    """
    batch, bars, series = values.shape
    mean = np.full((batch, bars - start, series), np.nan)
    deviation = mean.copy()
    for b, s in np.ndindex(batch, series):
        for t, part in _windows(values[b, :, s], window, start):
            known = part[~np.isnan(part)]
            if known.size < least_bars(window):
                continue
            if np.all(known == known[0]):
                mean[b, t - start, s], deviation[b, t - start, s] = known[0], 0.0
                continue
            centre = math.fsum(known) / known.size
            mean[b, t - start, s] = centre
            deviation[b, t - start, s] = math.sqrt(math.fsum((known - centre) ** 2) / known.size)
    return mean, deviation


def rolling_correlation(x: np.ndarray, y: np.ndarray, window: int, start: int = 0) -> np.ndarray:
    """Pearson correlation of two series over the last ``window`` bars, this one included.

    Only bars where both are finite count; NaN where those are fewer than 80 % of the window, or where one series is
    constant over them. ``x``, ``y`` [B, M, S]; returns [B, M - start, S], within [-1, 1].
    """
    batch, bars, series = x.shape
    out = np.full((batch, bars - start, series), np.nan)
    for b, s in np.ndindex(batch, series):
        both = np.column_stack([x[b, :, s], y[b, :, s]])
        for t, part in _windows(both, window, start):
            known = part[~np.isnan(part).any(axis=1)]
            if len(known) < least_bars(window) or np.any(np.all(known == known[0], axis=0)):
                continue
            centres = [math.fsum(column) / len(known) for column in known.T]
            dx, dy = (known - centres).T
            scale = math.sqrt(math.fsum(dx * dx)) * math.sqrt(math.fsum(dy * dy))
            out[b, t - start, s] = min(max(math.fsum(dx * dy) / scale, -1.0), 1.0)
    return out
