"""Sums over strikes, compiled; see ``reference.chain_sums`` for the meaning of each function."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def strike_sums(field: np.ndarray) -> np.ndarray:
    days, minutes, expiries, n_strikes, _ = field.shape
    out = np.full((days, minutes, expiries, 2), np.nan)
    for d in range(days):
        for t in range(minutes):
            for e in range(expiries):
                for leg in range(2):
                    total, n = 0.0, 0
                    for k in range(n_strikes):
                        x = field[d, t, e, k, leg]
                        if not np.isnan(x):
                            total += x
                            n += 1
                    if n:
                        out[d, t, e, leg] = total
    return out


@njit(cache=True)
def members(centre: int, strikes: np.ndarray, step: float, reach: int) -> np.ndarray:
    at = np.empty(2 * reach + 1, np.int64)
    n = 0
    if centre >= 0:
        k = 0
        for offset in range(-reach, reach + 1):
            wanted = strikes[centre] + offset * step
            if offset == -reach:
                k = np.searchsorted(strikes, wanted)
            while k < strikes.size and strikes[k] < wanted:
                k += 1
            if k < strikes.size and strikes[k] == wanted:
                at[n] = k
                n += 1
    return at[:n]


@njit(cache=True)
def sums_around(
    field: np.ndarray, centre: np.ndarray, strikes: np.ndarray, step: np.ndarray, reach: int, fewest: int
) -> np.ndarray:
    days, minutes, expiries, _, _ = field.shape
    out = np.full((days, minutes, expiries, 2), np.nan)
    for d in range(days):
        for t in range(minutes):
            for e in range(expiries):
                held = members(centre[d, t, e], strikes, step[d, t, e], reach)
                for leg in range(2):
                    total, n = 0.0, 0
                    for k in held:
                        x = field[d, t, e, k, leg]
                        if not np.isnan(x):
                            total += x
                            n += 1
                    if n >= max(fewest, 1):
                        out[d, t, e, leg] = total
    return out


@njit(cache=True)
def sums_held(
    field: np.ndarray,
    centre: np.ndarray,
    strikes: np.ndarray,
    step: np.ndarray,
    reach: int,
    fewest: int,
    lag: int,
) -> np.ndarray:
    days, minutes, expiries, _, _ = field.shape
    out = np.full((days, minutes, expiries, 2, 2), np.nan)
    for d in range(days):
        for t in range(lag, minutes):
            for e in range(expiries):
                held = members(centre[d, t, e], strikes, step[d, t, e], reach)
                for leg in range(2):
                    now, before, n = 0.0, 0.0, 0
                    for k in held:
                        x, y = field[d, t, e, k, leg], field[d, t - lag, e, k, leg]
                        if not (np.isnan(x) or np.isnan(y)):
                            now += x
                            before += y
                            n += 1
                    if n >= max(fewest, 1):
                        out[d, t, e, leg, 0] = now
                        out[d, t, e, leg, 1] = before
    return out


@njit(cache=True)
def sums_at(field: np.ndarray, held: np.ndarray, leg: int, rows: np.ndarray, fewest: int, out: np.ndarray) -> int:
    n = 0
    out[: rows.size] = 0.0
    for k in held:
        if k < 0:
            continue
        there = True
        for row in rows:
            if np.isnan(field[row, k, leg]):
                there = False
                break
        if there:
            n += 1
            for i in range(rows.size):
                out[i] += field[rows[i], k, leg]
    if n < max(fewest, 1):
        out[: rows.size] = np.nan
    return n


@njit(cache=True)
def max_pain(oi: np.ndarray, strikes: np.ndarray) -> np.ndarray:
    days, minutes, expiries, n_strikes, _ = oi.shape
    out = np.full((days, minutes, expiries), np.nan)
    for d in range(days):
        for t in range(minutes):
            for e in range(expiries):
                # settling at the lowest strike pays every put; one strike up pays the calls below more, the puts less
                puts_above, paid = 0.0, 0.0
                any_open = False
                for k in range(n_strikes):
                    call, put = oi[d, t, e, k, 0], oi[d, t, e, k, 1]
                    any_open |= call > 0 or put > 0
                    if put > 0:
                        puts_above += put
                        paid += put * (strikes[k] - strikes[0])
                if not any_open:
                    continue
                calls_below, least, best = 0.0, np.inf, 0
                for k in range(n_strikes):
                    if k > 0:
                        paid += (calls_below - puts_above) * (strikes[k] - strikes[k - 1])
                    if paid < least:
                        least, best = paid, k
                    if oi[d, t, e, k, 0] > 0:
                        calls_below += oi[d, t, e, k, 0]
                    if oi[d, t, e, k, 1] > 0:
                        puts_above -= oi[d, t, e, k, 1]
                out[d, t, e] = strikes[best]
    return out
