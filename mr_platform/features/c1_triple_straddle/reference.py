"""C1 as it would be written on a blackboard: whole-session arrays, one feature at a time, by name.

The compiled pass is compared with this one. Nothing is carried: each call starts from the open again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c1_triple_straddle.catalogue import TIMEFRAMES, features
from mr_platform.features.c1_triple_straddle.reference_windows import correlation_of_pairs, ema, live_ema, quality
from mr_platform.features.c1_triple_straddle.state import Carried, DayConstants
from mr_platform.kernels.reference.windows import age, lagged, mean_of, std_of, total, weighted, windows

Floats = NDArray[np.float64]
Columns = dict[str, Floats]

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
ASSETS = ("atm", "itm1", "otm1")
FLAT = 1e-9


def run(
    bars: Floats,
    held: Floats,
    underlying: Floats,
    dte: NDArray[np.int64],
    start: int,
    stop: int,
    day: DayConstants,
    carried: Carried,
    values: Floats,
    score: Floats,
    confidence: Floats,
    health: NDArray[np.int8],
) -> None:
    """Fill minutes [start, stop); arguments as in ``cpu.run``. ``carried`` gives the EMAs at the open, unchanged."""
    bars, held, underlying, dte = bars[:stop], held[:stop], underlying[:stop], dte[:stop]
    rows = slice(start, stop)
    with np.errstate(all="ignore"):
        columns, verdict, sure, state = _session(bars, held, underlying, dte, day, carried)
    for i, spec in enumerate(features()):
        values[rows, i] = columns[spec.name.removeprefix("c1_")][rows]
    score[rows], confidence[rows], health[rows] = verdict[rows], sure[rows], state[rows]


def _session(
    bars: Floats, held: Floats, underlying: Floats, dte: NDArray[np.int64], day: DayConstants, carried: Carried
) -> tuple[Columns, Floats, Floats, NDArray[np.int8]]:
    """All columns by name, then score, confidence and health."""
    price = bars[:, :, CLOSE]
    technique = day.technique[np.clip(dte, 0, len(day.technique) - 1)]
    columns: Columns = {}
    returns = np.where((price > 0) & (held[:, :, 0] > 0), np.log(price / held[:, :, 0]), np.nan)
    ema_scores = _ema_columns(price, day, carried, columns)
    vwap_scores, session_vwap = _vwap_columns(bars, underlying, day, columns)
    pivot_scores = _pivot_columns(bars, underlying, day, columns)
    three = np.stack([ema_scores, vwap_scores, pivot_scores], axis=2)
    overlays = np.stack([weighted(three[:, i], technique) for i in range(9)], axis=1)
    columns["timeframe_overlay_atm"] = overlays[:, 0]
    _timeframe_columns(bars, held, returns, session_vwap, technique, day, carried, columns)

    correlation_factor = (1 - columns["timeframe_redundancy_20"]) * weighted(overlays, day.weights[:9])
    parts = np.column_stack([overlays, correlation_factor])
    verdict = np.clip(weighted(parts, day.weights), -1, 1)
    verdict[np.isnan(price[:, 0])] = np.nan
    spoke = np.minimum(np.where(np.isfinite(parts), day.weights, 0).sum(axis=1), 1)
    spread = _dispersion(parts)
    agreement = np.where(np.isnan(spread), day.confidence_floor, np.maximum(1 - spread, 0))
    steady = columns["timeframe_confidence_atm"]
    steady = np.where(np.isnan(steady), day.confidence_floor, steady)
    sure = spoke * (day.steadiness_share * steady + (1 - day.steadiness_share) * agreement)
    warm = np.isfinite(columns["ema_deviation_atm_200"]) & np.isfinite(pivot_scores[:, 0])
    warm &= np.isfinite(price).all(axis=1)
    unknown = np.isnan(verdict)
    health = np.where(unknown, 0, np.where(warm, 2, 1)).astype(np.int8)
    return columns, verdict, np.where(unknown, 0.0, sure), health


def _ema_columns(price: Floats, day: DayConstants, carried: Carried, out: Columns) -> Floats:
    """Columns of group ema; the EMA scores [M, 9]."""
    scores = np.full(price.shape, np.nan)
    for i in range(9):
        e = np.stack(
            [
                ema(price[:, i], span, carried.ema[i, j], carried.ema_bars[i, j])
                for j, span in enumerate(day.spans.tolist())
            ],
            axis=1,
        )
        parts = _order_parts(price[:, i], e, day)
        scores[:, i] = weighted(parts, day.ema_weights)
        if i >= 3:
            continue
        a = ASSETS[i]
        for j, span in enumerate((20, 50, 100, 200)):
            out[f"ema_deviation_{a}_{span}"] = (price[:, i] - e[:, j]) / e[:, j]
        out[f"ema_score_{a}"] = scores[:, i]
        out[f"ema_slope_{a}_20"] = e[:, 0] / lagged(e[:, 0], 5) - 1
        out[f"ema_slope_{a}_100"] = e[:, 2] / lagged(e[:, 2], 15) - 1
        out[f"ema_spread_{a}_20_100"] = e[:, 0] / e[:, 2] - 1
        out[f"ema_spread_{a}_50_200"] = e[:, 1] / e[:, 3] - 1
        ordered = np.sort(e, axis=1)
        near = (np.diff(ordered, axis=1) <= day.confluence * ordered[:, :-1]).sum(axis=1) / 3
        out[f"ema_confluence_{a}"] = np.where(np.isnan(e[:, 3]), np.nan, near)
        out[f"ema_cross_age_{a}"] = age(np.sign(e[:, 0] - e[:, 1]))
        if i == 0:
            for j, name in enumerate(("short", "medium", "long", "trend")):
                out[f"ema_{name}_atm"] = parts[:, j]
            out["ema_fan_width_atm"] = (e.max(axis=1) - e.min(axis=1)) / price[:, 0]
    out["ema_score_blend"] = weighted(scores[:, :3], day.weights[:3])
    out["ema_score_dispersion"] = _dispersion(scores[:, :3])
    return scores


def _order_parts(price: Floats, e: Floats, day: DayConstants) -> Floats:
    """Short, medium, long and trend score [M, 4]."""
    ladder = np.column_stack([price, e])
    parts = []
    for j in range(3):
        first, second, third = ladder[:, j], ladder[:, j + 1], ladder[:, j + 2]
        found = day.ema_weak * np.sign(first - second)
        found = np.where((first > second) & (second > third), 1.0, found)
        found = np.where((first < second) & (second < third), -1.0, found)
        parts.append(np.where(np.isnan(first + second + third), np.nan, found))
    return np.column_stack([*parts, np.sign(e[:, 2] - e[:, 3])])


def _dispersion(scores: Floats) -> Floats:
    """Population standard deviation over the last axis of what is finite, at least two."""
    counts = np.isfinite(scores).sum(axis=1)
    mean = np.nansum(scores, axis=1) / counts
    square = np.nansum((scores - mean[:, None]) ** 2, axis=1) / counts
    return np.where(counts >= 2, np.sqrt(square), np.nan)


def _steps(deviation: Floats, day: DayConstants) -> Floats:
    """Stepped score of a relative deviation."""
    size = np.abs(deviation)
    found = np.zeros(deviation.shape)
    for cut, value in zip(day.vwap_cuts, day.vwap_scores, strict=True):
        found = np.where(size > cut, value, found)
    return np.where(np.isnan(deviation), np.nan, found * np.sign(deviation))


def _relative(price: Floats, level: Floats) -> Floats:
    """(price - level) / level."""
    return np.asarray((price - level) / level)


def _vwap(value: Floats, volume: Floats) -> Floats:
    return np.where(volume > 0, value / volume, np.nan)


def _vwap_columns(bars: Floats, underlying: Floats, day: DayConstants, out: Columns) -> tuple[Floats, Floats]:
    """Columns of group vwap; the VWAP scores [M, 9] and the session VWAP of the straddles [M, 3]."""
    m = bars.shape[0]
    everything = np.concatenate([bars, underlying[:, None, :]], axis=1)
    price, volume = everything[:, :, CLOSE], everything[:, :, VOLUME]
    both = np.isfinite(price) & np.isfinite(volume)
    value_sum = np.cumsum(np.where(both, price * volume, 0.0), axis=0)
    volume_sum = np.cumsum(np.where(both, volume, 0.0), axis=0)
    session = _vwap(value_sum, volume_sum)
    week = _vwap(value_sum + day.week_sums[:, 0], volume_sum + day.week_sums[:, 1])
    previous = np.broadcast_to(day.previous_vwap, (m, 10))
    previous = np.where(previous > 0, previous, np.nan)
    scores = _steps(_relative(price[:, :9], session[:, :9]), day)
    for i, a in enumerate(ASSETS):
        p = price[:, i]
        enough = both[:, i].astype(float)
        count = windows(enough, day.window, 0.0).sum(axis=1)
        value = windows(np.where(both[:, i], p * volume[:, i], 0.0), day.window, 0.0)
        traded = windows(np.where(both[:, i], volume[:, i], 0.0), day.window, 0.0)
        rolling = np.where(count >= day.enough * day.window, _vwap(total(value), total(traded)), np.nan)
        for kind, level in (("session", session[:, i]), ("previous", previous[:, i]), ("week", week[:, i])):
            out[f"vwap_deviation_{a}_{kind}"] = _relative(p, level)
        out[f"vwap_deviation_{a}_rolling_20"] = _relative(p, rolling)
        out[f"vwap_score_{a}"] = scores[:, i]
        gap = p - session[:, i]
        gap = np.where(np.abs(gap) <= FLAT * session[:, i], 0.0, gap)
        spread = std_of(gap, day.window, day.enough)
        out[f"vwap_band_position_{a}"] = np.where(spread > FLAT * p, gap / spread, np.nan)
        out[f"vwap_slope_{a}_15"] = np.where(np.isnan(p), np.nan, session[:, i] / lagged(session[:, i], 15) - 1)
        if i == 0:
            position = out["vwap_band_position_atm"]
            beyond = (np.abs(position)[:, None] > day.bands).sum(axis=1) * np.sign(position)
            out["vwap_band_level_atm"] = np.where(np.isnan(position), np.nan, beyond)
            known = np.isfinite(gap)
            share = np.cumsum(gap > 0) / np.cumsum(known)
            out["vwap_above_share_atm"] = np.where(known, share, np.nan)
            out["vwap_cross_age_atm"] = age(np.sign(gap))
            traded = volume[:, 0]
            mean = np.cumsum(np.nan_to_num(traded)) / np.cumsum(np.isfinite(traded))
            recent = mean_of(traded, day.window, day.enough)
            pace = np.log(recent / mean)
            out["vwap_volume_pace_atm_20"] = np.where((recent > 0) & np.isfinite(p), pace, np.nan)
    if day.future:
        levels = {"session": session[:, 9], "previous": previous[:, 9], "week": week[:, 9]}
    else:
        levels = dict.fromkeys(("session", "previous", "week"), np.full(m, np.nan))
    parts = []
    for kind, level in levels.items():
        out[f"vwap_deviation_future_{kind}"] = _relative(price[:, 9], level)
        parts.append(_steps(_relative(price[:, 9], level), day))
    out["vwap_score_future"] = weighted(np.column_stack(parts), day.future_weights)
    out["vwap_score_blend"] = weighted(scores[:, :3], day.weights[:3])
    return scores, session[:, :3]


def _levels(hlc: Sequence[float]) -> Floats:
    """S3, S2, S1, PP, R1, R2, R3 [7]."""
    h, low, c = hlc
    pp = (h + low + c) / 3
    return np.array(
        [low - 2 * (h - pp), pp - (h - low), 2 * pp - h, pp, 2 * pp - low, pp + (h - low), h + 2 * (pp - low)]
    )


def _ladder(price: Floats, levels: Floats, day: DayConstants) -> Floats:
    """Score among the levels: the number of levels below the price picks it."""
    steps = np.concatenate([-day.pivot_steps[::-1], day.pivot_steps])
    found = steps[(price[:, None] > levels).sum(axis=1)]
    return np.where(np.isnan(price) | np.isnan(levels[3]), np.nan, found)


def _pivot_columns(bars: Floats, underlying: Floats, day: DayConstants, out: Columns) -> Floats:
    """Columns of group pivot; the pivot scores [M, 9]."""
    price = bars[:, :, CLOSE]
    scores = np.full(price.shape, np.nan)
    for i in range(9):
        p = price[:, i]
        levels = _levels(day.previous_hlc[i])
        scores[:, i] = _ladder(p, levels, day)
        if i >= 3:
            continue
        a = ASSETS[i]
        wide = day.previous_hlc[i, 0] - day.previous_hlc[i, 1]
        out[f"pivot_score_{a}"] = scores[:, i]
        out[f"pivot_position_{a}"] = (p - levels[3]) / (wide if wide > 0 else np.nan)
        above = np.where(levels > p[:, None], levels, np.inf).min(axis=1)
        below = np.where((levels <= p[:, None]) & (levels > 0), levels, -np.inf).max(axis=1)
        up, down = (above - p) / p, (p - below) / p
        up, down = np.where(np.isfinite(up), up, np.nan), np.where(np.isfinite(down), down, np.nan)
        out[f"pivot_resistance_{a}"], out[f"pivot_support_{a}"] = up, down
        out[f"pivot_nearest_{a}"] = np.where(np.isnan(down) | (up < down), -up, down)
        if i == 0:
            before = lagged(p, 15)
            risen = ((before[:, None] < levels) & (levels <= p[:, None])).sum(axis=1)
            fallen = ((p[:, None] < levels) & (levels <= before[:, None])).sum(axis=1)
            unknown = np.isnan(p + before + levels[3])
            out["pivot_crossings_atm_15"] = np.where(unknown, np.nan, risen - fallen)
            high, low = _bounds(bars[:, 0])
            top, bottom = np.fmax.accumulate(high), np.fmin.accumulate(low)
            span = np.where(top > bottom, top - bottom, np.nan)
            out["pivot_range_used_atm"] = np.where(np.isnan(p) | (not wide > 0), np.nan, (top - bottom) / wide)
            out["pivot_range_position_atm"] = (p - bottom) / span
    h, low_, c = day.previous_hlc[9]
    pp = (h + low_ + c) / 3
    bottom, top = sorted([(h + low_) / 2, 2 * pp - (h + low_) / 2])
    u = underlying[:, CLOSE]
    width = 100 * (top - bottom) / pp
    distance = np.where(u > top, u - top, np.where(u < bottom, u - bottom, 0.0))
    distance = np.where(np.isnan(u - pp), np.nan, distance)
    out["pivot_cpr_width"] = np.where(np.isnan(u), np.nan, width)
    out["pivot_cpr_distance"] = distance / pp
    out["pivot_cpr_score"] = np.sign(distance) * day.cpr_scores[0 if width < day.cpr_narrow else 1]
    out["pivot_position_underlying"] = (u - pp) / (h - low_ if h > low_ else np.nan)
    out["pivot_cpr_run"] = age(np.sign(distance))
    out["pivot_score_blend"] = weighted(scores[:, :3], day.weights[:3])
    out["pivot_score_dispersion"] = _dispersion(scores[:, :3])
    return scores


def _bounds(bars: Floats) -> tuple[Floats, Floats]:
    """High and low of each bar, its close where one is lacking; NaN without a close."""
    close = bars[:, CLOSE]
    unknown = np.isnan(close)
    high, low = np.fmax(bars[:, HIGH], close), np.fmin(bars[:, LOW], close)
    return np.where(unknown, np.nan, high), np.where(unknown, np.nan, low)


def _timeframe_columns(
    bars: Floats,
    held: Floats,
    returns: Floats,
    session_vwap: Floats,
    technique: Floats,
    day: DayConstants,
    carried: Carried,
    out: Columns,
) -> None:
    """Columns of group timeframe, but for the overlay."""
    price = bars[:, :, CLOSE]
    for i, a in enumerate(ASSETS):
        p = price[:, i]
        scores, weights = [], []
        for k, (n, named) in enumerate(zip(day.timeframes.tolist(), TIMEFRAMES, strict=True)):
            e = np.stack(
                [
                    live_ema(p, n, span, carried.slow_ema[i, k, j], carried.slow_bars[i, k, j], day.n_bars)
                    for j, span in enumerate(day.spans.tolist())
                ],
                axis=1,
            )
            typical = mean_of(p, n, day.enough)
            three = np.column_stack(
                [
                    weighted(_order_parts(p, e, day), day.ema_weights),
                    _steps(_relative(typical, session_vwap[:, i]), day),
                    _ladder(typical, _levels(day.previous_hlc[i]), day),
                ]
            )
            scores.append(np.where(np.isnan(p), np.nan, weighted(three, technique)))
            weights.append(day.timeframe_weights[k] * quality(p, bars[:, i, VOLUME], n, day.quality_weights))
            if i == 0:
                out[f"timeframe_score_atm_{named}"] = scores[-1]
                reading = quality(p, bars[:, i, VOLUME], n, day.quality_weights)
                out[f"timeframe_quality_atm_{named}"] = np.where(np.isnan(p), np.nan, reading)
                out[f"timeframe_return_atm_{named}"] = np.log(p / held[:, 0, 1 + k])
        together = np.column_stack(scores)
        out[f"timeframe_weighted_score_{a}"] = weighted(together, np.column_stack(weights))
        if i == 0:
            out["timeframe_confidence_atm"] = np.clip(
                1 - _dispersion(together) / day.confidence_spread, day.confidence_floor, 1
            )
            out["timeframe_alignment_atm"] = weighted(np.sign(together), np.ones(4))
    out["timeframe_volatility_atm_20"] = std_of(returns[:, 0], day.window, day.enough)
    gross = mean_of(np.abs(returns[:, 0]), 15, day.enough)
    out["timeframe_efficiency_atm_15"] = np.where(gross > 0, mean_of(returns[:, 0], 15, day.enough) / gross, np.nan)
    both = correlation_of_pairs(returns, day)
    out["timeframe_correlation_20"], out["timeframe_redundancy_20"] = both
    five = np.log(price / held[:, :, 2])
    out["timeframe_leg_imbalance_atm_5"] = five[:, 3] - five[:, 6]
    out["timeframe_wing_spread_5"] = five[:, 2] - five[:, 1]
    high, low = _bounds(bars[:, 0])
    count = windows(np.isfinite(high).astype(float), 15, 0.0).sum(axis=1)
    top = windows(np.nan_to_num(high, nan=-np.inf), 15, -np.inf).max(axis=1)
    bottom = windows(np.nan_to_num(low, nan=np.inf), 15, np.inf).min(axis=1)
    out["timeframe_range_atm_15"] = np.where(count >= day.enough * 15, (top - bottom) / price[:, 0], np.nan)
