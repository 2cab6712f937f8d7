"""Columns of group breakdown, readable: turbulence, the tracked pairs and their alerts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c6_correlation.breakdown import CONFIDENCE_GRID, LEAST_SPREAD
from mr_platform.features.c6_correlation.layout import N_GROUPS, N_SERIES, N_TRACKED, PAIR_NAMES, PAIRS
from mr_platform.features.c6_correlation.state import Carried, DayConstants, Floats
from mr_platform.features.c6_correlation.windows import FLAT
from mr_platform.kernels.reference import correlation as kernels
from mr_platform.parameters.correlation import CorrelationParameters

Columns = dict[str, Floats]
Windows = list[tuple[Floats, Floats, Floats]]
"""By minute: unit columns [rows, 30], means and deviations [30]; NaN means that a series dropped out."""


def left_of(matrix: Floats) -> NDArray[np.bool_]:
    """Series that did not drop out."""
    return ~np.isnan(np.diagonal(matrix, axis1=-2, axis2=-1))


def cells_of(matrix: Floats) -> Floats:
    return matrix[..., *np.triu_indices(N_SERIES, 1)]


def values_before(values: Floats, t: int, step: int, steps: int) -> Floats:
    """The known ones of the ``steps`` values before ``t``, ``step`` apart."""
    at = t - step * np.arange(1, steps + 1)
    before = values[at[at >= 0]]
    return before[np.isfinite(before)]


def shift(now: float, before: Floats, least: float) -> float:
    """How many deviations ``now`` lies from the mean of the values before; NaN with fewer than ``least``."""
    if before.size == 0 or before.size < least or not before.std() > FLAT:
        return np.nan
    return float((now - before.mean()) / before.std())


def turbulence(
    changes: Floats, windows: Windows, matrices: Floats, rule: CorrelationParameters, day: DayConstants, out: Columns
) -> None:
    share, history = rule.windows.series_share, rule.breakdown.history_bars
    logs = np.full(len(changes), np.nan)
    for t in range(1, len(changes)):
        unit, mean, deviation = windows[t - 1]
        z = (changes[t] - mean) / deviation
        lengths = {}
        for name, last in (("turbulence", N_GROUPS - 1), ("turbulence_prices", 0)):
            group = (day.groups >= 0) & (day.groups <= last)
            left = np.flatnonzero(group & ~np.isnan(mean))
            at = np.flatnonzero(group & np.isfinite(z))
            if at.size == 0 or at.size < share * day.sizes[: last + 1].sum() or left.size < 2:
                continue
            weight = kernels.ledoit_wolf(unit[:, left])
            shrunk = (1 - weight) * matrices[t - 1][np.ix_(at, at)] + weight * np.eye(at.size)
            lengths[name] = (z[at] ** 2).sum() / at.size
            out[f"breakdown_{name}"][t] = kernels.mahalanobis(z[at], shrunk) / at.size
        whole = out["breakdown_turbulence"][t]
        logs[t] = np.log(whole) if whole > 0 else np.nan
        if lengths.get("turbulence", 0.0) > 0:
            out["breakdown_correlation_surprise"][t] = whole / lengths["turbulence"]
        out["breakdown_turbulence_shift"][t] = shift(
            logs[t], values_before(logs, t, 1, history), rule.windows.coverage * history
        )


def slope(values: Floats, t: int, bars: int) -> float:
    """Least squares slope a bar of the last ``bars`` values; NaN where one is missing."""
    if t < bars - 1:
        return np.nan
    away = np.arange(bars) - (bars - 1) / 2
    return float((away * values[t - bars + 1 : t + 1]).sum() / (away**2).sum())


def _depth(below: float, width: float) -> float:
    """How deep below a cut, 0..1."""
    if not below > 0:
        return 0.0
    return min(below / width, 1.0) if width > FLAT else 1.0


def breakdown(
    matrices: Floats, rule: CorrelationParameters, day: DayConstants, carried: Carried, out: Columns
) -> tuple[Floats, Floats]:
    """Columns of the tracked pairs; their mean |r| and one less the largest confidence that one has broken down."""
    r, m = rule.breakdown, len(matrices)
    sizes = np.abs(np.stack([matrices[:, a, b] for a, b in PAIRS[:N_TRACKED]], axis=1))
    carried.strength[:m] = sizes
    pairs, soundness = np.full(m, np.nan), np.full(m, np.nan)
    alert_at, level, alerts = np.nan, 0.0, 0
    for t in range(m):
        found = np.full(N_TRACKED, np.nan)
        for q in np.flatnonzero(np.isfinite(sizes[t])):
            size, before = sizes[t, q], values_before(sizes[:, q], t, 1, r.history_bars)
            doubt = 1 - _depth(day.thresholds[q] - size, day.thresholds[q])
            if before.size and before.size >= rule.windows.coverage * r.history_bars:
                mean, spread = before.mean(), before.std()
                doubt *= 1 - _depth(mean - r.deviations * spread - size, r.deviations * spread)
                if spread > LEAST_SPREAD:
                    out[f"breakdown_departure_{PAIR_NAMES[q]}"][t] = (size - mean) / spread
            decline = slope(sizes[:, q], t, r.slope_bars)
            if np.isfinite(decline):
                doubt *= 1 - _depth(r.slope_cut - decline, -r.slope_cut)
            found[q] = np.rint((1 - doubt) * CONFIDENCE_GRID) / CONFIDENCE_GRID
            out[f"breakdown_confidence_{PAIR_NAMES[q]}"][t] = found[q]
        known = found[np.isfinite(found)]
        if known.size and known.size >= rule.windows.series_share * N_TRACKED:
            pairs[t] = sizes[t][np.isfinite(sizes[t])].mean()
            soundness[t] = 1 - known.max()
            out["breakdown_broken_share"][t] = (known > 0).mean()
        out["breakdown_strength_slope_5"][t] = slope(pairs, t, r.slope_bars)
        if known.size:
            largest = known.max()
            rested = np.isnan(alert_at) or t - alert_at >= r.cool_down_minutes
            if largest >= r.warning and rested and alerts < r.most_per_session:
                alert_at, level, alerts = t, 2.0 if largest >= r.critical else 1.0, alerts + 1
            in_force = t - alert_at < max(r.cool_down_minutes, 1)
            out["breakdown_confidence_largest"][t] = largest
            out["breakdown_alert_level"][t] = level if in_force else 0.0
            if r.most_per_session > 0:
                out["breakdown_alerts_used"][t] = alerts / r.most_per_session
        out["breakdown_alert_age"][t] = t - alert_at
        cells = cells_of(matrices[t])
        cells = cells[np.isfinite(cells)]
        if cells.size and left_of(matrices[t]).sum() >= rule.windows.series_share * day.sizes.sum():
            out["breakdown_decoupled_share_20"][t] = (np.abs(cells) < r.threshold).mean()
    return pairs, soundness
