"""Series along the session, compiled; see ``reference.moving`` for the meaning of each function.

Rolling windows are put together from two parts, as van Herk (1992) and Gil-Werman (1993) did for extrema: the bars are
cut into blocks of the window's length, and a window is the tail of one block and the head of the next. Each part's
count, mean and squared deviations grow by Welford's update and are joined by Chan's formula (Chan, Golub and LeVeque
1983). Nothing is ever subtracted out, so there is no drift, equal values have deviation 0, and a bar's answer depends
on its window and its place alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mr_platform.kernels.reference.moving import empty_state, least_bars, true_range

LANES = 256
"""Series that one pass of a vector loop takes."""

__all__ = [
    "ema",
    "empty_state",
    "least_bars",
    "rolling_correlation",
    "rolling_mean_std",
    "true_range",
    "wilder",
]


def ema(values: np.ndarray, span: int, state: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    left = empty_state(values.shape[0], values.shape[2]) if state is None else state.copy()
    out = np.empty(values.shape)
    _ema(np.ascontiguousarray(values), span, left, out)
    return out, left


def wilder(values: np.ndarray, span: int, state: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    left = empty_state(values.shape[0], values.shape[2]) if state is None else state.copy()
    return _wilder(np.ascontiguousarray(values), span, left), left


def rolling_mean_std(values: np.ndarray, window: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    batch, bars, series = values.shape
    mean, deviation = np.empty((2, batch, bars - start, series))
    _rolling_mean_std(np.ascontiguousarray(values), window, least_bars(window), start, mean, deviation)
    return mean, deviation


def rolling_correlation(x: np.ndarray, y: np.ndarray, window: int, start: int = 0) -> np.ndarray:
    return np.asarray(
        _rolling_correlation(np.ascontiguousarray(x), np.ascontiguousarray(y), window, least_bars(window), start)
    )


@njit(cache=True, error_model="numpy")
def _ema_bar(
    values: np.ndarray, average: np.ndarray, seen: np.ndarray, out: np.ndarray, alpha: float, span: int
) -> None:
    """One bar of every series. Straight-line on whole rows, so that it becomes vector code."""
    for s in range(values.size):
        x = values[s]
        held = average[s]
        n = seen[s]
        known = x == x
        previous = x if n == 0.0 else held
        moved = previous + alpha * (x - previous)
        moved = moved if known else held
        n = n + (1.0 if known else 0.0)
        average[s] = moved
        seen[s] = n
        told = moved if n >= span else np.nan
        out[s] = told if known else np.nan


@njit(cache=True, error_model="numpy")
def _ema(values: np.ndarray, span: int, state: np.ndarray, out: np.ndarray) -> None:
    batch, bars, _ = values.shape
    alpha = 2.0 / (span + 1.0)
    for b in range(batch):
        average = state[b, :, 0].copy()
        seen = state[b, :, 1].copy()
        for t in range(bars):
            _ema_bar(values[b, t], average, seen, out[b, t], alpha, span)
        state[b, :, 0] = average
        state[b, :, 1] = seen


@njit(cache=True, error_model="numpy")
def _wilder(values: np.ndarray, span: int, state: np.ndarray) -> np.ndarray:
    batch, bars, series = values.shape
    out = np.full(values.shape, np.nan)
    for b in range(batch):
        for t in range(bars):
            for s in range(series):
                x = values[b, t, s]
                if np.isnan(x):
                    continue
                average = state[b, s, 0]
                seen = state[b, s, 1] + 1.0
                if seen <= span:
                    average += x
                    if seen == span:
                        average /= span
                else:
                    average += (x - average) / span
                state[b, s, 0] = average
                state[b, s, 1] = seen
                if seen >= span:
                    out[b, t, s] = average
    return out


@njit(cache=True, error_model="numpy")
def _grow(values: np.ndarray, old: np.ndarray, new: np.ndarray) -> None:
    """Welford's update of up to LANES series by one value each; NaN changes nothing.

    ``old`` and ``new`` hold counts, means and squared deviations, LANES apart: one array with constant distances, for
    only then can the compiler prove that they do not overlap. They must be two arrays: on one it runs scalar code.
    """
    for s in range(values.size):
        x = values[s]
        known = x == x
        n = old[s] + (1.0 if known else 0.0)
        mean = old[LANES + s]
        step = x - mean if known else 0.0
        moved = mean + step * (1.0 / max(n, 1.0))
        rest = x - moved if known else 0.0
        new[s] = n
        new[LANES + s] = moved
        new[2 * LANES + s] = old[2 * LANES + s] + step * rest


@njit(cache=True, error_model="numpy")
def _grow_known(values: np.ndarray, inverse: float, old: np.ndarray, new: np.ndarray) -> None:
    """``_grow`` bit for bit where no value is NaN: the counts, left alone, are those of the caller, 1 / ``inverse``."""
    for s in range(values.size):
        x = values[s]
        mean = old[LANES + s]
        step = x - mean
        moved = mean + step * inverse
        new[LANES + s] = moved
        new[2 * LANES + s] = old[2 * LANES + s] + step * (x - moved)


@njit(cache=True, error_model="numpy")
def _join(old: np.ndarray, new: np.ndarray, least: int, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Mean and deviation over two parts, by Chan's formula. An empty part has mean 0, which must not be felt."""
    for s in range(mean.size):
        before, after = old[s], new[s]
        n = before + after
        inverse = 1.0 / max(n, 1.0)
        share = after * inverse
        base = old[LANES + s] if before > 0.0 else new[LANES + s]
        between = new[LANES + s] - base if after > 0.0 else 0.0
        squares = old[2 * LANES + s] + new[2 * LANES + s] + between * between * before * share
        spread = np.sqrt(squares * inverse)
        centre = base + between * share
        mean[s] = centre if n >= least else np.nan
        deviation[s] = spread if n >= least else np.nan


@njit(cache=True, error_model="numpy")
def _join_known(
    old: np.ndarray, new: np.ndarray, before: float, after: float, mean: np.ndarray, deviation: np.ndarray
) -> None:
    """``_join`` bit for bit where no value is NaN and both parts, of ``before`` and ``after`` bars, have some."""
    inverse = 1.0 / (before + after)
    share = after * inverse
    for s in range(mean.size):
        base = old[LANES + s]
        between = new[LANES + s] - base
        squares = old[2 * LANES + s] + new[2 * LANES + s] + between * between * before * share
        mean[s] = base + between * share
        deviation[s] = np.sqrt(squares * inverse)


@njit(cache=True, error_model="numpy")
def _unknown(values: np.ndarray) -> int:
    """How many values are NaN."""
    count = 0
    for s in range(values.size):
        count += 1 if values[s] != values[s] else 0
    return count


@njit(cache=True, error_model="numpy")
def _rolling_mean_std(
    values: np.ndarray, window: int, least: int, start: int, out_mean: np.ndarray, out_deviation: np.ndarray
) -> None:
    batch, bars, series = values.shape
    # tails[i]: bars i .. end of the block before; the last row stays empty
    tails = np.zeros((window + 1, 3 * LANES))
    heads = np.empty((2, 3 * LANES))
    for b in range(batch):
        for left in range(0, series, LANES):
            right = min(left + LANES, series)
            holes_before = True
            for block in range(max(start // window - 1, 0), (bars + window - 1) // window):
                begin = block * window
                end = min(begin + window, bars)
                holes = False
                for t in range(begin, end):
                    # a row cut out of the whole is contiguous to the compiler, a row of a cut-out block is not
                    holes = _unknown(values[b, t, left:right]) > 0 or holes
                if end > start:
                    known = block > 0 and not (holes or holes_before)
                    if block == 0:
                        tails[:] = 0.0
                    for i in range(window - 1 if block > 0 else 0, 0, -1):
                        row = values[b, begin - window + i, left:right]
                        if known:
                            _grow_known(row, 1.0 / (window - i), tails[i + 1], tails[i])
                        else:
                            _grow(row, tails[i + 1], tails[i])
                    head, spare = heads[0], heads[1]
                    head[:] = 0.0
                    for t in range(begin, end):
                        row = values[b, t, left:right]
                        after = t - begin + 1.0
                        if known:
                            _grow_known(row, 1.0 / after, head, spare)
                        else:
                            _grow(row, head, spare)
                        head, spare = spare, head
                        if t < start:
                            continue
                        old = tails[t - begin + 1]
                        mean, deviation = out_mean[b, t - start, left:right], out_deviation[b, t - start, left:right]
                        if known and after < window:
                            _join_known(old, head, window - after, after, mean, deviation)
                        else:
                            if known:
                                head[:LANES] = after
                            _join(old, head, least, mean, deviation)
                holes_before = holes


@njit(cache=True, error_model="numpy")
def _grow_pair(x: float, y: float, part: np.ndarray) -> None:
    """Welford's update of (count, mean x, mean y, Sxx, Syy, Sxy) by one bar; nothing where either is NaN."""
    if np.isnan(x) or np.isnan(y):
        return
    part[0] += 1.0
    dx, dy = x - part[1], y - part[2]
    part[1] += dx / part[0]
    part[2] += dy / part[0]
    part[3] += dx * (x - part[1])
    part[4] += dy * (y - part[2])
    part[5] += dx * (y - part[2])


@njit(cache=True, error_model="numpy")
def _correlation(old: np.ndarray, new: np.ndarray, least: int) -> float:
    """Correlation over two parts joined by Chan's formula."""
    n = old[0] + new[0]
    if n < least:
        return np.nan
    weight = old[0] * new[0] / n
    dx = new[1] - old[1] if weight > 0.0 else 0.0
    dy = new[2] - old[2] if weight > 0.0 else 0.0
    sxx = old[3] + new[3] + dx * dx * weight
    syy = old[4] + new[4] + dy * dy * weight
    if sxx <= 0.0 or syy <= 0.0:
        return np.nan
    sxy = old[5] + new[5] + dx * dy * weight
    return float(min(max(sxy / (np.sqrt(sxx) * np.sqrt(syy)), -1.0), 1.0))


@njit(cache=True, error_model="numpy")
def _rolling_correlation(x: np.ndarray, y: np.ndarray, window: int, least: int, start: int) -> np.ndarray:
    batch, bars, series = x.shape
    out = np.empty((batch, bars - start, series))
    tail = np.zeros((window + 1, 6))
    head = np.zeros(6)
    for b in range(batch):
        for s in range(series):
            for block in range(start // window, (bars + window - 1) // window):
                begin = block * window
                tail[:] = 0.0
                if block > 0:
                    for i in range(window - 1, 0, -1):
                        tail[i] = tail[i + 1]
                        _grow_pair(x[b, begin - window + i, s], y[b, begin - window + i, s], tail[i])
                head[:] = 0.0
                for i in range(min(window, bars - begin)):
                    t = begin + i
                    _grow_pair(x[b, t, s], y[b, t, s], head)
                    if t >= start:
                        out[b, t - start, s] = _correlation(tail[i + 1], head, least)
    return out
