"""Means, ratios and series along a session, written plainly: windows need enough of their bars."""

from __future__ import annotations

import numpy as np

from mr_platform.features.c2_greeks_sentiment.state import Floats
from mr_platform.kernels.reference.windows import lagged


def _windows(values: Floats, n: int) -> Floats:
    """The ``n`` bars ending at each minute [M, n]; NaN before the open."""
    padded = np.concatenate([np.full(n - 1, np.nan), values])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, n), np.float64)


def enough_in_window(values: Floats, n: int) -> Floats:
    """Known bars among the ``n`` ending at each minute."""
    return np.asarray(np.isfinite(_windows(values, n)).sum(axis=1), np.float64)


def sum_of(values: Floats, n: int, enough: float) -> Floats:
    """Sum over the ``n`` bars ending at each minute; NaN where fewer than that share of them is known."""
    return np.where(enough_in_window(values, n) >= enough * n, np.nansum(_windows(values, n), axis=1), np.nan)


def mean_of(values: Floats, n: int, enough: float) -> Floats:
    """Mean over the ``n`` bars ending at each minute."""
    return sum_of(values, n, enough) / enough_in_window(values, n)


def std_of(values: Floats, n: int, enough: float) -> Floats:
    """Population standard deviation over the ``n`` bars ending at each minute."""
    centred = _windows(values, n) - mean_of(values, n, enough)[:, None]
    spread = np.sqrt(np.nansum(centred**2, axis=1) / enough_in_window(values, n))
    return np.where(enough_in_window(values, n) >= enough * n, spread, np.nan)


def median_so_far(values: Floats, least: int) -> Floats:
    """Median of what has been known since the open [M, ...]; NaN until there are ``least`` of them."""
    out = np.full(values.shape, np.nan)
    for place in np.ndindex(values.shape[1:]):
        series = values[(slice(None), *place)]
        for t in range(series.size):
            known = series[: t + 1][np.isfinite(series[: t + 1])]
            if known.size >= least:
                out[(t, *place)] = np.median(known)
    return out


def ages(level: Floats) -> Floats:
    """Minutes with a level since it last changed, this one included; NaN where there is none."""
    out = np.full(level.size, np.nan)
    last, age = np.nan, 0
    for t in np.flatnonzero(np.isfinite(level)):
        age = age + 1 if level[t] == last else 1
        last = level[t]
        out[t] = age
    return out


def lead_correlation(score: Floats, price: Floats, n: int, lag: int, enough: float) -> Floats:
    """Correlation over ``n`` bars of the score ``lag`` bars ago with the log return since."""
    before = lagged(score, lag)
    change = np.log(price / lagged(price, lag))
    both = np.isfinite(before) & np.isfinite(change)
    out = np.full(score.size, np.nan)
    for t in range(score.size):
        rows = np.arange(max(0, t - n + 1), t + 1)
        rows = rows[both[rows]]
        x, y = before[rows], change[rows]
        if rows.size >= enough * n and np.ptp(x) > 0 and np.ptp(y) > 0:
            out[t] = np.corrcoef(x, y)[0, 1]
    return out


def same_sign_share(values: Floats, n: int, enough: float) -> Floats:
    """Share of the known bars among the ``n`` ending at each minute that have the sign of its value."""
    window = _windows(values, n)
    same = (np.sign(window) == np.sign(values)[:, None]).sum(axis=1) / enough_in_window(values, n)
    return np.where(np.isfinite(values) & (enough_in_window(values, n) >= enough * n), same, np.nan)


def weighted_mean(values: Floats, weights: Floats, axis: int) -> Floats:
    """Mean of the finite values under their weights renormalised."""
    weight = np.where(np.isfinite(values), weights, 0.0)
    return np.asarray(np.nansum(values * weight, axis=axis) / weight.sum(axis=axis))


def known_mean(values: Floats) -> Floats:
    """Mean of the finite values of each row; 0 without one."""
    known = np.isfinite(values).sum(axis=1)
    return np.where(known > 0, np.nansum(values, axis=1) / known, 0.0)


def dispersion(values: Floats) -> Floats:
    """Population standard deviation of the finite values of each row; NaN with fewer than two."""
    known = np.isfinite(values).sum(axis=1)
    centred = values - (np.nansum(values, axis=1) / known)[:, None]
    return np.where(known >= 2, np.sqrt(np.nansum(centred**2, axis=1) / known), np.nan)


def imbalance(calls: Floats, puts: Floats) -> Floats:
    """Difference over sum of two sizes; NaN where both are 0."""
    return np.where(calls + puts > 0, (calls - puts) / (calls + puts), np.nan)


def per(of: Floats, by: Floats) -> Floats:
    """Ratio; NaN unless the denominator is above 0."""
    return np.where(by > 0, of / by, np.nan)
