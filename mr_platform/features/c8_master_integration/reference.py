"""C8 in NumPy, for reading: everything of the session again at each call, one definition after the other."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mr_platform.features.c8_master_integration.state import (
    GRID,
    HIT,
    N_COMPONENTS,
    N_REGIMES,
    SLACK,
    Carried,
    DayConstants,
    Floats,
    Ints,
)
from mr_platform.kernels.reference.signatures import classify_rows

HEALTHY = 2
PAIRS = tuple(combinations(range(N_COMPONENTS), 2))
TRIADS = tuple(combinations(range(N_COMPONENTS), 3))


def run(
    scores: Floats,
    confidences: Floats,
    healths: Ints,
    dte: Ints,
    start: int,
    stop: int,
    day: DayConstants,
    carried: Carried,
    values: Floats,
    score: Floats,
    confidence: Floats,
    health: np.ndarray,
) -> None:
    """Fill minutes [start, stop); ``scores``, ``confidences`` and ``healths`` [stop, 7] from the open on."""
    scores, confidences = np.rint(scores * GRID) / GRID, np.rint(confidences * GRID) / GRID
    spoke = np.isfinite(scores)
    weights = _weights(dte[:stop], day)
    factor = np.where(healths == HEALTHY, 1.0, day.degraded)
    raw = np.where(spoke, weights * confidences * factor, np.nan)
    total = np.nansum(raw, axis=1)
    total[~(spoke.any(axis=1) & (total > 0))] = np.nan
    shares = raw / total[:, None]

    p, fit, leader = classify_rows(scores, weights, day.signatures, day.score_share, day.match_floor)
    integration, certain = _integration(scores, shares, total / weights.sum(axis=1))
    regime, hits = _regime(p, fit, leader, day)
    structure = _structure(scores, shares, hits, day)
    concentration = _sum_known(shares * shares)
    columns = np.column_stack([regime, shares, shares * scores, concentration, structure, integration])
    values[start:stop] = columns[start:]
    score[start:stop] = integration[start:, 0]
    confidence[start:stop] = certain[start:]
    healthy = spoke.all(axis=1) & (healths == HEALTHY).all(axis=1)
    health[start:stop] = np.where(np.isnan(integration[:, 0]), 0, np.where(healthy, 2, 1))[start:]
    carried.traces[:stop, HIT] = hits


def _weights(dte: Ints, day: DayConstants) -> Floats:
    """[n, 7] weights of the range that the days to expiry lie in; NaN where they are not known."""
    rows = day.weights[np.searchsorted(day.bounds, dte, side="left")]
    return np.where(dte[:, None] >= 0, rows, np.nan)


def _sum_known(rows: Floats) -> Floats:
    """Sums over what is known in each row; NaN where nothing is."""
    return np.where(np.isfinite(rows).any(axis=1), np.nansum(rows, axis=1), np.nan)


def _before(series: Floats, minutes: int) -> Floats:
    """The series so many minutes ago, NaN before the open."""
    earlier = np.full(series.shape, np.nan)
    earlier[minutes:] = series[: max(len(series) - minutes, 0)]
    return earlier


def _window(series: Floats, bars: int, enough: float) -> tuple[Floats, Floats]:
    """Sum and mean of what is known in the last ``bars`` bars; NaN with too few of them."""
    padded = np.concatenate([np.full(bars - 1, np.nan), series])
    windows = np.lib.stride_tricks.sliding_window_view(padded, bars)
    count = np.isfinite(windows).sum(axis=1)
    sums = np.where(count >= enough * bars - SLACK, np.nansum(windows, axis=1), np.nan)
    return sums, sums / np.maximum(count, 1)


def _session_mean(series: Floats, gap: int, least: float) -> Floats:
    """Mean from the open to ``gap`` bars ago; NaN with fewer than ``least`` values."""
    earlier = _before(series, gap)
    count = np.cumsum(np.isfinite(earlier))
    return np.where(count >= least - SLACK, np.cumsum(np.nan_to_num(earlier)) / np.maximum(count, 1), np.nan)


def _regime(p: Floats, fit: Floats, leader: Ints, day: DayConstants) -> tuple[Floats, Floats]:
    """The twenty columns of group regime, and 1 where the leading regime led a short window earlier, 0 where not."""
    n = len(p)
    short, _, long = day.minutes
    known = leader >= 0
    rows = np.arange(n)
    at = np.maximum(leader, 0)
    led = np.where(known, leader, np.nan)
    ranked = np.sort(p, axis=1)
    entropy = -np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0), axis=1) / np.log(N_REGIMES)
    lvld, hvc, vcpe, tbve, tbvs, scgs, psed, cbv = p.T
    shifts = [0.5 * np.abs(p - _before(p, minutes)).sum(axis=1) for minutes in day.minutes]
    run_length, flips = np.full(n, np.nan), np.full(n, np.nan)
    last, length = -1, 0
    for t in np.flatnonzero(known):
        flips[t] = float(last >= 0 and leader[t] != last)
        length = length + 1 if leader[t] == last else 1
        run_length[t], last = length, leader[t]
    columns = [
        *p.T,
        ranked[:, -1] - ranked[:, -2],
        np.where(known, entropy, np.nan),
        _balance(tbve + cbv, hvc + vcpe),
        _balance((tbve + tbvs) / 2, (lvld + hvc + vcpe + scgs + psed + cbv) / 6),
        _balance(scgs, psed),
        *shifts,
        run_length,
        _window(flips, int(long), day.enough)[0],
        np.where(known, (p - _before(p, int(day.minutes[1])))[rows, at], np.nan),
        np.where(known, fit[rows, at], np.nan),
    ]
    earlier = _before(led, int(short))
    hits = np.where(np.isfinite(led) & np.isfinite(earlier), (led == earlier).astype(float), np.nan)
    return np.column_stack(columns), hits


def _balance(a: Floats, b: Floats) -> Floats:
    total = np.where(a + b > 0, a + b, np.nan)
    return np.asarray((a - b) / total)


def _structure(scores: Floats, shares: Floats, hits: Floats, day: DayConstants) -> Floats:
    """The eight columns of group structure."""
    short, middle, long = (int(minutes) for minutes in day.minutes)
    drifts = np.column_stack(
        [
            _window(one, short, day.enough)[1] - _session_mean(one, short, day.enough * short)
            for one in np.ascontiguousarray(scores.T)
        ]
    )
    then = _before(scores, middle)
    both = np.isfinite(scores) & np.isfinite(then)
    a, b = np.where(both, scores, 0.0), np.where(both, then, 0.0)
    norms = (a * a).sum(axis=1) * (b * b).sum(axis=1)
    turn = (a * b).sum(axis=1) / np.sqrt(np.where(norms > 0, norms, np.nan))
    dispersion = _root_mean_square(scores - _mean_known(scores)[:, None])
    gross = _sum_known(shares * np.abs(scores))
    coherence = np.abs(_sum_known(shares * scores)) / np.where(gross > 0, gross, np.nan)
    usual = np.full(len(hits), day.usual)
    if np.isnan(day.usual):
        usual = _session_mean(hits, long, day.enough * long)
    shift = _window(hits, long, day.enough)[1] / np.where(usual > 0, usual, np.nan) - 1.0
    size = np.abs(shift)
    grade = 1.0 + (size - day.flag) / (day.adapt - day.flag)
    np.divide(size, day.flag, out=grade, where=size < day.flag)
    now, earlier = np.nan_to_num(shares), np.nan_to_num(_before(shares, long))
    heard = (now.sum(axis=1) > 0) & (earlier.sum(axis=1) > 0)
    return np.column_stack(
        [
            _root_mean_square(drifts),
            _root_mean_square(scores - _before(scores, short)),
            np.where(both.sum(axis=1) > 1, np.clip(turn, -1.0, 1.0), np.nan),
            dispersion - _before(dispersion, middle),
            coherence - _before(coherence, middle),
            shift,
            _window(grade, middle, day.enough)[1],
            np.where(heard, 0.5 * np.abs(now - earlier).sum(axis=1), np.nan),
        ]
    )


def _mean_known(rows: Floats) -> Floats:
    return np.asarray(_sum_known(rows) / np.maximum(np.isfinite(rows).sum(axis=1), 1))


def _root_mean_square(rows: Floats) -> Floats:
    """Over what is known in each row; NaN with fewer than two."""
    count = np.isfinite(rows).sum(axis=1)
    return np.where(count > 1, np.sqrt(np.nansum(rows * rows, axis=1) / np.maximum(count, 1)), np.nan)


def _integration(scores: Floats, shares: Floats, certainty: Floats) -> tuple[Floats, Floats]:
    """The five columns of group integration, and the confidence, 0 where there is no score."""
    net = _sum_known(shares * scores)
    several = np.isfinite(shares).sum(axis=1) > 1
    spread = np.sqrt(_sum_known(shares * (scores - net[:, None]) ** 2))
    agreement = np.where(several, 1.0 - spread, np.nan)
    sure = certainty * np.where(several, agreement, 1.0)
    pairs = _synergy(scores, shares, PAIRS)
    triads = _synergy(scores, shares, TRIADS)
    known = np.isfinite(net)
    columns = np.column_stack([net, np.where(known, sure, np.nan), agreement, pairs, triads])
    return columns, np.where(known, sure, 0.0)


def _synergy(scores: Floats, shares: Floats, groups: tuple[tuple[int, ...], ...]) -> Floats:
    """Mean over groups of components, by product of shares, of the geometric mean of their scores with its sign.

    The sign of two is that of their product; of three the one that all have, 0 where they have not.
    """
    value, weight = np.zeros(len(scores)), np.zeros(len(scores))
    for group in groups:
        members = scores[:, list(group)]
        share = np.prod(shares[:, list(group)], axis=1)
        signs = np.sign(members)
        alike = np.abs(signs.sum(axis=1)) == len(group)
        sign = np.prod(signs, axis=1) if len(group) == 2 else np.where(alike, signs[:, 0], 0.0)
        size = np.abs(np.prod(members, axis=1)) ** (1 / len(group))
        value += np.nan_to_num(share * sign * size)
        weight += np.nan_to_num(share)
    return value / np.where(weight > 0, weight, np.nan)
