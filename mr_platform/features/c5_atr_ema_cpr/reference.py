"""C5 as it would be written on a blackboard: whole-session arrays, one feature at a time, by name.

The compiled pass is compared with this one. Each call starts from the open again, with the recursions of the sessions
before, and leaves in ``carried`` what the next session needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c5_atr_ema_cpr.both import ASSETS, SPANS, TIMEFRAMES
from mr_platform.features.c5_atr_ema_cpr.catalogue import features
from mr_platform.features.c5_atr_ema_cpr.reference_recursions import extremes, last_known, recursions, trace, trends
from mr_platform.features.c5_atr_ema_cpr.reference_windows import (
    channel,
    joint,
    ladder,
    nearest,
    quantile_of,
    rank,
    rank_so_far,
    ratio_of_sums,
    spread_of,
    usable,
)
from mr_platform.features.c5_atr_ema_cpr.state import (
    N_LEVELS,
    STRADDLE,
    UNDERLYING,
    Carried,
    DayConstants,
    Recursions,
)
from mr_platform.kernels.reference.windows import age, lagged, mean_of, weighted
from mr_platform.parameters.atr_ema_cpr import PIVOT_METHODS

Floats = NDArray[np.float64]
Columns = dict[str, Floats]

OPEN, HIGH, LOW, CLOSE = range(4)


def run(
    straddle: Floats,
    straddle_held: Floats,
    underlying: Floats,
    years: Floats,
    start: int,
    stop: int,
    day: DayConstants,
    opening: Recursions,
    carried: Carried,
    values: Floats,
    score: Floats,
    confidence: Floats,
    health: NDArray[np.int8],
) -> None:
    """Fill minutes [start, stop); arguments as in ``cpu.run``. ``opening`` recursions at the open."""
    assets = (straddle[:stop], underlying[:stop])
    out: Columns = {}
    with np.errstate(all="ignore"):
        before = (straddle_held[:stop], last_known(underlying[:stop, CLOSE]))
        atr, ema, slow = recursions(assets, before, day, opening, carried)
        trend = trends(assets, before, years[:stop], ema[UNDERLYING], day, opening, carried)
        unit = _daily_unit(underlying[:stop], day)
        trace(assets, before, atr, ema, slow, carried)
        _atr_columns(assets, day, atr, carried, out)
        _ema_columns(assets, day, atr, ema, unit, out)
        _cpr_columns(underlying[:stop], day, atr[UNDERLYING][0], unit, out)
        _pair_columns(assets, day, carried, out)
        _timeframe_columns(assets, before, day, atr, ema, slow, trend, carried, out)
        _level_columns(assets, years[:stop], day, unit, out)
        state = _scores(day, out)
    rows = slice(start, stop)
    for i, spec in enumerate(features()):
        values[rows, i] = out[spec.name.removeprefix("c5_")][rows]
    score[rows] = out["dual_asset_score"][rows]
    confidence[rows] = np.nan_to_num(out["dual_asset_confidence"][rows])
    health[rows] = state[rows]


def _daily_unit(underlying: Floats, day: DayConstants) -> Floats:
    """Daily ATR with today's true range so far taken in."""
    today = _range_so_far(underlying, day)
    found = day.daily_range + (today - day.daily_range) * day.daily_weight
    return usable(found, underlying[:, CLOSE])


def _range_so_far(underlying: Floats, day: DayConstants) -> Floats:
    high, low = extremes(underlying)
    return np.asarray(np.maximum(high, day.daily_close) - np.minimum(low, day.daily_close))


def _atr_columns(
    assets: Sequence[Floats], day: DayConstants, atr: list[list[Floats]], carried: Carried, out: Columns
) -> None:
    """Columns of group atr."""
    for a, name in enumerate(ASSETS):
        m = assets[a].shape[0]
        now = atr[a][0]
        share = carried.quantity_trace[:m, a]
        out[f"atr_percent_{name}_14"] = share
        out[f"atr_ratio_{name}_14_50"] = now / atr[a][2]
        out[f"atr_ratio_{name}_21_50"] = atr[a][1] / atr[a][2]
        momentum = now / lagged(mean_of(now, day.momentum_bars, day.enough), day.momentum_bars)
        if not day.track_momentum:
            momentum = np.full(m, np.nan)
        side = np.where(momentum > day.rising, 1.0, np.where(momentum < day.falling, -1.0, 0.0))
        out[f"atr_momentum_{name}"] = momentum
        out[f"atr_trend_age_{name}"] = age(np.where(np.isnan(momentum), np.nan, side))
        specific = rank(share, day.specific_values[a], day.specific_below[a])
        ranged = rank(share, day.ranged_values[a], day.ranged_below[a])
        out[f"atr_percentile_{name}_dte"] = specific
        out[f"atr_percentile_{name}_range"] = ranged
        if day.trusted[0, a]:
            place = specific
        elif day.trusted[1, a]:
            place = ranged
        else:
            place = rank_so_far(share, day.session_least)
        level = (place[:, None] >= day.level_cuts).sum(axis=1).astype(float)
        out[f"atr_regime_{name}"] = np.where(np.isnan(place), np.nan, level)
        cut = quantile_of(now, day.squeeze_bars, day.squeeze_percentile, day.enough)
        unknown = np.isnan(now) | np.isnan(cut) | (not day.detect_squeeze)
        out[f"atr_squeeze_age_{name}"] = age(np.where(unknown, np.nan, (now < cut).astype(float)))
        ratio = now / mean_of(now, day.squeeze_bars, day.enough) - 1.0
        beyond = np.where(ratio > 0, ratio / (day.expansion - 1.0), ratio / (1.0 - day.contraction))
        out[f"atr_expansion_{name}"] = np.clip(beyond, -1.0, 1.0)


def _ema_columns(
    assets: Sequence[Floats],
    day: DayConstants,
    atr: list[list[Floats]],
    ema: list[list[Floats]],
    unit: Floats,
    out: Columns,
) -> None:
    """Columns of group ema."""
    premium, price = assets[STRADDLE][:, CLOSE], assets[UNDERLYING][:, CLOSE]
    for j, n in enumerate(SPANS):
        e = ema[UNDERLYING][j]
        out[f"ema_ratio_underlying_{n}"] = (price - e) / e
        if n in (20, 200):
            out[f"ema_stretch_straddle_{n}"] = (premium - ema[STRADDLE][j]) / atr[STRADDLE][0]
        if n in (20, 100):
            earlier = lagged(e, day.slope_bars)
            out[f"ema_slope_underlying_{n}"] = (e - earlier) / earlier
    live = day.slow_ema + day.slow_alpha * (price[:, None] - day.slow_ema)
    names = (
        [f"daily_{n}" for n in SPANS] + [f"weekly_{n}" for n in (10, 20, 50)] + [f"monthly_{n}" for n in (6, 12, 24)]
    )
    for i, name in enumerate(names):
        out[f"ema_stretch_{name}"] = (price - live[:, i]) / unit
    out["ema_convergence_daily"] = np.ptp(live[:, :4], axis=1) / price / day.convergence
    fan = np.ptp(np.stack(ema[UNDERLYING]), axis=0)
    out["ema_fan_underlying"] = fan / atr[UNDERLYING][2]


def _method_score(price: Floats, levels: Floats, regime: Floats, day: DayConstants) -> tuple[Floats, Floats]:
    """Ladder places [M, 5] and their mean under the weights of each minute's regime."""
    places = np.stack([ladder(price, one) for one in levels], axis=1)
    row = np.where(np.isnan(regime), N_LEVELS, regime).astype(np.int64)
    return places, weighted(places, day.method_weights[row])


def _cpr_columns(underlying: Floats, day: DayConstants, atr: Floats, unit: Floats, out: Columns) -> None:
    """Columns of group cpr."""
    m = underlying.shape[0]
    price = underlying[:, CLOSE]
    levels = day.levels[UNDERLYING]
    for i, method in enumerate(PIVOT_METHODS):
        out[f"cpr_nearest_{method}"] = nearest(price, levels[i], day.central[UNDERLYING, i]) / unit
    high, low = extremes(underlying)
    pp = (high + low + price) / 3.0
    width = 200.0 * np.abs(pp - (high + low) / 2.0) / pp
    out["cpr_developing_width"] = (width - day.cpr_narrow) / (day.cpr_wide - day.cpr_narrow)
    for i, kind in enumerate(("weekly", "monthly")):
        out[f"cpr_position_{kind}"] = ladder(price, day.slow_levels[i])
    bottom, top = day.cpr
    breakout = np.full(m, np.nan)
    for t in range(day.breakout_bars - 1, m):
        last = price[t - day.breakout_bars + 1 : t + 1]
        if np.isfinite(last - bottom).all():
            above, below = (last - top).min(), (bottom - last).min()
            breakout[t] = above if above > 0 else -below if below > 0 else 0.0
    out["cpr_breakout"] = breakout / atr
    out["cpr_virgin"] = _virgin(underlying, day) / unit
    regime = out["atr_regime_underlying"]
    places, out["cpr_score_methods"] = _method_score(price, levels, regime, day)
    out["cpr_dispersion_methods"] = spread_of(places)
    every = levels[np.isfinite(levels)]
    distance = (every - price[:, None]) / unit[:, None]
    for side, way in (
        ("up", np.where(distance > 0, distance, np.inf)),
        ("down", np.where(distance <= 0, -distance, np.inf)),
    ):
        least = way.min(axis=1, initial=np.inf)
        out[f"cpr_clearance_{side}"] = np.where(np.isfinite(least), least, np.nan)


def _virgin(underlying: Floats, day: DayConstants) -> Floats:
    """Middle of the nearest central pivot range that is still untouched, less the price."""
    price = underlying[:, CLOSE]
    last = last_known(price)
    high = np.fmax(np.fmax(underlying[:, HIGH], price), last)
    low = np.fmin(np.fmin(underlying[:, LOW], price), last)
    out = np.full(price.size, np.nan)
    for bottom, top in day.virgin:
        touched = np.maximum.accumulate((low <= top) & (high >= bottom) & np.isfinite(price))
        distance = np.where(touched, np.nan, 0.5 * (bottom + top) - price)
        closer = ~(np.abs(out) <= np.abs(distance)) & np.isfinite(distance)
        out = np.where(closer, distance, out)
    return out


def _pair_columns(assets: Sequence[Floats], day: DayConstants, carried: Carried, out: Columns) -> None:
    """Columns of group dual_asset on the returns of both assets."""
    m = assets[0].shape[0]
    premium, move, size = carried.return_trace[:m].T
    both = np.isfinite(assets[STRADDLE][:, CLOSE] + assets[UNDERLYING][:, CLOSE])
    short, long = day.correlation_bars.tolist()
    found = {
        "correlation_20": joint(premium, move, short, day.enough)[0],
        "correlation_50": joint(premium, move, long, day.enough)[0],
        "beta_50": joint(premium, move, long, day.enough)[1],
        "convexity_50": joint(premium, size, long, day.enough)[0],
        "lead_50": joint(premium, lagged(move, 1), long, day.enough)[0]
        - joint(lagged(premium, 1), move, long, day.enough)[0],
    }
    for name, column in found.items():
        out[f"dual_asset_{name}"] = np.where(both, column, np.nan)
    out["dual_asset_range_log_ratio"] = np.log(carried.quantity_trace[:m, 0] / carried.quantity_trace[:m, 1])
    out["dual_asset_percentile_gap"] = out["atr_percentile_straddle_range"] - out["atr_percentile_underlying_range"]
    efficiency = ratio_of_sums(move, day.channel_bars, day.enough)
    out["dual_asset_efficiency_underlying_20"] = np.where(np.isfinite(assets[UNDERLYING][:, CLOSE]), efficiency, np.nan)


def _timeframe_columns(
    assets: Sequence[Floats],
    before: Sequence[Floats],
    day: DayConstants,
    atr: list[list[Floats]],
    ema: list[list[Floats]],
    slow: list[list[Floats]],
    trend: Sequence[Floats],
    carried: Carried,
    out: Columns,
) -> None:
    """Columns of group dual_asset on ranges and trends of each asset."""
    m = assets[0].shape[0]
    for a, name in enumerate(ASSETS):
        price = assets[a][:, CLOSE]
        for k, minutes in enumerate(TIMEFRAMES):
            share, q = carried.quantity_trace[:m, 2 + 2 * k + a], 2 + 2 * k + a
            out[f"dual_asset_atr_{name}_{minutes}"] = share
            out[f"dual_asset_percentile_{name}_{minutes}"] = rank(share, day.ranged_values[q], day.ranged_below[q])
        out[f"dual_asset_scaling_{name}"] = np.log(slow[a][-1] / atr[a][2]) / np.log(day.timeframes[-1])
        stretch = carried.quantity_trace[:m, 6 + a]
        out[f"dual_asset_ema_percentile_{name}"] = rank(stretch, day.specific_values[6 + a], day.specific_below[6 + a])
        out[f"dual_asset_thrust_{name}"] = (price - before[a]) / atr[a][0]
        out[f"dual_asset_channel_{name}_20"] = channel(assets[a], day.channel_bars, day.enough)
        out[f"dual_asset_trend_{name}"] = trend[a]
    steps = [assets[UNDERLYING][:, CLOSE], *ema[UNDERLYING]]
    signs = np.stack([np.sign(steps[j] - steps[j + 1]) for j in range(4)], axis=1)
    out["dual_asset_alignment_underlying"] = weighted(signs, np.ones(4))
    out["dual_asset_cross_age_underlying"] = age(np.sign(ema[UNDERLYING][0] - ema[UNDERLYING][1]))


def _level_columns(assets: Sequence[Floats], years: Floats, day: DayConstants, unit: Floats, out: Columns) -> None:
    """Columns of group dual_asset on levels and the day's range."""
    premium = assets[STRADDLE][:, CLOSE]
    out["dual_asset_premium_to_range"] = premium / (unit * np.sqrt(365.0 * years))
    today = _range_so_far(assets[UNDERLYING], day)
    out["dual_asset_range_used_underlying"] = np.where(np.isnan(unit), np.nan, today / day.daily_range)
    for i, method in enumerate(PIVOT_METHODS[1:], start=1):
        distance = nearest(premium, day.levels[STRADDLE, i], day.central[STRADDLE, i])
        out[f"dual_asset_nearest_{method}_straddle"] = distance / day.previous_range[STRADDLE]
    _, out["dual_asset_pivot_straddle"] = _method_score(
        premium, day.levels[STRADDLE], out["atr_regime_underlying"], day
    )


def _scores(day: DayConstants, out: Columns) -> NDArray[np.int8]:
    """Scores of both assets, their joint score and its confidence into ``out``; the health."""
    names = {"straddle": (-1.0, "dual_asset_pivot_straddle"), "underlying": (1.0, "cpr_score_methods")}
    parts = [
        np.stack([side * out[f"dual_asset_trend_{a}"], side * out[pivot], -out[f"atr_expansion_{a}"]], axis=1)
        for a, (side, pivot) in names.items()
    ]
    both = np.stack([weighted(one, day.part_weights) for one in parts], axis=1)
    for i, a in enumerate(names):
        out[f"dual_asset_score_{a}"] = both[:, i]
    out["dual_asset_disagreement"] = 0.5 * np.abs(both[:, 0] - both[:, 1])
    found = weighted(both, day.asset_weights)
    product = both[:, 0] * both[:, 1]
    factor = np.where(product > 0, day.agreement, np.where(product < 0, day.conflict, 1.0))
    six = np.concatenate(parts, axis=1)
    weights = np.outer(day.asset_weights, day.part_weights).ravel()
    spoke = np.minimum(np.where(np.isfinite(six), weights, 0.0).sum(axis=1), 1.0)
    spread = np.nan_to_num(np.minimum(spread_of(six), 1.0))
    out["dual_asset_score"] = np.clip(found * factor, -1.0, 1.0)
    out["dual_asset_confidence"] = np.where(np.isnan(found), np.nan, spoke * (1.0 - spread))
    whole = np.isfinite(six).all(axis=1)
    return np.where(np.isnan(found), 0, np.where(whole, 2, 1)).astype(np.int8)
