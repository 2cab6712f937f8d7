"""Sums over the strikes of a dense chain: all of them, those around the money, changes over a held set, max pain.

Shapes: a field is [D, M, E, K, 2] (leg 0 = CE, 1 = PE), ``strikes`` [K] ascending, ``centre`` int64 [D, M, E] the index
of the at-the-money strike (-1: none) and ``step`` [D, M, E] its distance to the next. NaN cells take no part.
"""

from __future__ import annotations

import numpy as np


def strike_sums(field: np.ndarray) -> np.ndarray:
    """Sum over all strikes, [D, M, E, 2]; NaN where no strike has a value."""
    return np.where(np.isnan(field).all(axis=3), np.nan, np.nansum(field, axis=3))


def members(centre: int, strikes: np.ndarray, step: float, reach: int) -> np.ndarray:
    """Indices of the strikes at centre + k * step, |k| <= reach, that the chain has; ascending."""
    if centre < 0:
        return np.empty(0, np.int64)
    wanted = strikes[centre] + np.arange(-reach, reach + 1) * step
    at = np.minimum(np.searchsorted(strikes, wanted), strikes.size - 1)
    return np.asarray(at[strikes[at] == wanted])


def sums_around(
    field: np.ndarray, centre: np.ndarray, strikes: np.ndarray, step: np.ndarray, reach: int, fewest: int
) -> np.ndarray:
    """Sum over the strikes within ``reach`` steps of the centre, [D, M, E, 2].

    NaN where fewer than ``fewest`` of those strikes have a value.
    """
    out = np.full((*field.shape[:3], 2), np.nan)
    for d, t, e, leg in np.ndindex(out.shape):
        values = field[d, t, e, members(int(centre[d, t, e]), strikes, float(step[d, t, e]), reach), leg]
        values = values[~np.isnan(values)]
        if values.size >= max(fewest, 1):
            out[d, t, e, leg] = values.sum()
    return out


def sums_held(
    field: np.ndarray,
    centre: np.ndarray,
    strikes: np.ndarray,
    step: np.ndarray,
    reach: int,
    fewest: int,
    lag: int,
) -> np.ndarray:
    """Sums now and ``lag`` bars before over one set of strikes, the set of now.

    [D, M, E, 2, 2], last axis (now, before).
    Only strikes with a value at both times count; NaN where they are fewer than ``fewest``, and in the first ``lag``
    bars. (A change of sums over two different sets would be the strikes' roll, not the market's move.)
    """
    out = np.full((*field.shape[:3], 2, 2), np.nan)
    for d, t, e, leg in np.ndindex(out.shape[:4]):
        if t < lag:
            continue
        held = members(int(centre[d, t, e]), strikes, float(step[d, t, e]), reach)
        now, before = field[d, t, e, held, leg], field[d, t - lag, e, held, leg]
        both = ~np.isnan(now) & ~np.isnan(before)
        if np.count_nonzero(both) >= max(fewest, 1):
            out[d, t, e, leg] = now[both].sum(), before[both].sum()
    return out


def sums_at(field: np.ndarray, held: np.ndarray, leg: int, rows: np.ndarray, fewest: int, out: np.ndarray) -> int:
    """Sums of one leg at several minutes over one set of strikes, into ``out`` [rows]; how many strikes counted.

    ``field`` [M, K, 2], ``held`` int64 indices of strikes (-1: none there), ``rows`` int64 minutes. Only strikes with a
    value at all of the minutes count; NaN where they are fewer than ``fewest``. With the rows (t, t - p, t - 2p) both
    velocities of an acceleration are of the set of t. Strikes are added in order, so that equal cells give equal sums.
    """
    values = field[np.ix_(rows, held[held >= 0])][:, :, leg]
    values = values[:, ~np.isnan(values).any(axis=0)]
    n = int(values.shape[1])
    out[: rows.size] = np.cumsum(values, axis=1)[:, -1] if n >= max(fewest, 1) else np.nan
    return n


def max_pain(oi: np.ndarray, strikes: np.ndarray) -> np.ndarray:
    """Strike at which the options' holders are paid least at expiry, [D, M, E]; ties to the lower strike.

    Over all strikes, a missing open interest counting as none; NaN where there is no open interest at all.
    """
    out = np.full(oi.shape[:3], np.nan)
    for d, t, e in np.ndindex(out.shape):
        calls, puts = np.nan_to_num(oi[d, t, e, :, 0]), np.nan_to_num(oi[d, t, e, :, 1])
        if not np.any(calls > 0) and not np.any(puts > 0):
            continue
        distance = strikes[:, None] - strikes[None, :]
        paid = np.maximum(distance, 0) @ calls + np.maximum(-distance, 0) @ puts
        out[d, t, e] = strikes[np.argmin(paid)]
    return out
