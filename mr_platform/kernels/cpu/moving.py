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
    return _ema(np.ascontiguousarray(values), span, left), left


def wilder(values: np.ndarray, span: int, state: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    left = empty_state(values.shape[0], values.shape[2]) if state is None else state.copy()
    return _wilder(np.ascontiguousarray(values), span, left), left


def rolling_mean_std(values: np.ndarray, window: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    mean, deviation = _rolling_mean_std(np.ascontiguousarray(values), window, least_bars(window), start)
    return mean, deviation


def rolling_correlation(x: np.ndarray, y: np.ndarray, window: int, start: int = 0) -> np.ndarray:
    return np.asarray(
        _rolling_correlation(np.ascontiguousarray(x), np.ascontiguousarray(y), window, least_bars(window), start)
    )


@njit(cache=True, error_model="numpy")
def _ema(values: np.ndarray, span: int, state: np.ndarray) -> np.ndarray:
    batch, bars, series = values.shape
    out = np.empty(values.shape)
    alpha = 2.0 / (span + 1.0)
    for b in range(batch):
        average = state[b, :, 0].copy()
        seen = state[b, :, 1].copy()
        for t in range(bars):
            for s in range(series):
                x = values[b, t, s]
                known = x == x
                previous = x if seen[s] == 0.0 else average[s]
                average[s] = previous + alpha * (x - previous) if known else average[s]
                seen[s] = seen[s] + 1.0 if known else seen[s]
                out[b, t, s] = average[s] if known and seen[s] >= span else np.nan
        state[b, :, 0] = average
        state[b, :, 1] = seen
    return out


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
def _grow(x: np.ndarray, count: np.ndarray, mean: np.ndarray, squares: np.ndarray) -> None:
    """Welford's update of each series' (count, mean, squared deviations) by its value; NaN changes nothing."""
    for s in range(x.size):
        known = x[s] == x[s]
        n = count[s] + (1.0 if known else 0.0)
        step = x[s] - mean[s] if known else 0.0
        moved = mean[s] + step / max(n, 1.0)
        squares[s] += step * (x[s] - moved if known else 0.0)
        mean[s] = moved
        count[s] = n


@njit(cache=True, error_model="numpy")
def _rolling_mean_std(values: np.ndarray, window: int, least: int, start: int) -> tuple[np.ndarray, np.ndarray]:
    batch, bars, series = values.shape
    out_mean = np.empty((batch, bars - start, series))
    out_deviation = np.empty((batch, bars - start, series))
    # tail[i]: bars i .. end of the block before; row ``window`` stays empty
    tail = np.zeros((3, window + 1, series))
    head = np.zeros((3, series))
    first_block = start // window
    for b in range(batch):
        tail[:] = 0.0
        for block in range(first_block, (bars + window - 1) // window):
            begin = block * window
            if block > 0:
                tail[:] = 0.0
                for i in range(window - 1, 0, -1):
                    tail[:, i] = tail[:, i + 1]
                    _grow(values[b, begin - window + i], tail[0, i], tail[1, i], tail[2, i])
            head[:] = 0.0
            for i in range(min(window, bars - begin)):
                t = begin + i
                _grow(values[b, t], head[0], head[1], head[2])
                if t < start:
                    continue
                old_count, old_mean, old_squares = tail[0, i + 1], tail[1, i + 1], tail[2, i + 1]
                for s in range(series):
                    n = old_count[s] + head[0, s]
                    between = head[1, s] - old_mean[s]
                    share = head[0, s] / max(n, 1.0)
                    # an empty part has mean 0, which must not be felt
                    between = between if old_count[s] > 0.0 and head[0, s] > 0.0 else 0.0
                    base = old_mean[s] if old_count[s] > 0.0 else head[1, s]
                    squares = old_squares[s] + head[2, s] + between * between * old_count[s] * share
                    enough = n >= least
                    out_mean[b, t - start, s] = base + between * share if enough else np.nan
                    out_deviation[b, t - start, s] = np.sqrt(squares / n) if enough else np.nan
    return out_mean, out_deviation


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
