"""Put-call parity, compiled; see ``reference.parity`` for the meaning of each function."""

from __future__ import annotations

import numpy as np
from numba import njit

from mr_platform.kernels.reference.parity import FEWEST_PAIRS, FEWEST_STRIKES, REACH


@njit(cache=True)
def _median(values: np.ndarray, n: int) -> float:
    """Median of the first ``n`` values, which are sorted in place; n is small."""
    for i in range(1, n):
        x = values[i]
        j = i - 1
        while j >= 0 and values[j] > x:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = x
    middle = n // 2
    return float(values[middle] if n % 2 else (values[middle - 1] + values[middle]) / 2.0)


@njit(cache=True)
def _seen_step(strikes: np.ndarray, paired: np.ndarray, k0: int, listed_step: float) -> float:
    """The wider of the listed step and the least gap among the seen strikes within REACH places of k0, if enough."""
    least = np.inf
    k, left = k0, 0
    for j in range(k0 - 1, -1, -1):
        if paired[j]:
            least = min(least, strikes[k] - strikes[j])
            k = j
            left += 1
            if left == REACH:
                break
    k, right = k0, 0
    for j in range(k0 + 1, strikes.size):
        if paired[j]:
            least = min(least, strikes[j] - strikes[k])
            k = j
            right += 1
            if right == REACH:
                break
    return max(listed_step, least) if left + 1 + right >= FEWEST_STRIKES else listed_step


@njit(cache=True)
def forward_and_atm(
    close: np.ndarray,
    strikes: np.ndarray,
    fallback: np.ndarray,
    listed_step: float,
    paired: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    days, minutes, n_expiries, n_strikes, _ = close.shape
    forward = np.empty((days, minutes, n_expiries))
    atm = np.full((days, minutes, n_expiries), -1, np.int64)
    step = np.full((days, minutes, n_expiries), listed_step)
    synthetic = np.empty(n_strikes)
    for d in range(days):
        for t in range(minutes):
            for e in range(n_expiries):
                level = fallback[d, t]
                legs = close[d, t, e]
                k0 = -1
                least = np.inf
                for k in range(n_strikes):
                    distance = abs(legs[k, 0] - legs[k, 1])
                    if not np.isnan(distance):
                        paired[d, e, k] = True
                        if distance < least:
                            least = distance
                            k0 = k
                if k0 < 0:
                    forward[d, t, e] = level
                    continue
                width = _seen_step(strikes, paired[d, e], k0, listed_step)
                step[d, t, e] = width
                first = k0
                while first > 0 and strikes[k0] - strikes[first - 1] <= REACH * width:
                    first -= 1
                n = 0
                for k in range(first, n_strikes):
                    if strikes[k] - strikes[k0] > REACH * width:
                        break
                    parity = strikes[k] + legs[k, 0] - legs[k, 1]
                    if k != k0 and not np.isnan(parity):
                        synthetic[n] = parity
                        n += 1
                if n >= FEWEST_PAIRS:
                    level = _median(synthetic, n)
                forward[d, t, e] = level
                least = np.inf
                for k in range(n_strikes):
                    distance = abs(strikes[k] - level)
                    if distance < least and not np.isnan(legs[k, 0] - legs[k, 1]):
                        least = distance
                        atm[d, t, e] = k
    return forward, atm, step


@njit(cache=True)
def expiries_in_sight(present: np.ndarray, monthly: np.ndarray, months: np.ndarray, seen: np.ndarray) -> np.ndarray:
    days, minutes, n = present.shape
    out = np.full((days, minutes, 4), -1, np.int64)
    for d in range(days):
        for t in range(minutes):
            rank = 0
            for e in range(n):
                if present[d, t, e]:
                    seen[d, e] = True
                if seen[d, e]:
                    if rank < 2:
                        out[d, t, rank] = e
                    rank += 1
            later_month = -1
            for e in range(n - 1, -1, -1):
                if seen[d, e]:
                    if monthly[e] and months[e] != later_month:
                        out[d, t, 2] = e
                        if rank > 2 and e > out[d, t, 1]:
                            out[d, t, 3] = e
                    later_month = months[e]
    return out
