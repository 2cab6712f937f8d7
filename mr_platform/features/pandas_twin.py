"""C1 as an analyst writes it with pandas: the peer that the compiled pass is measured against.

The definitions are those of the catalogue; the twins of C2 to C4 stand beside this one. They read a session in which
every cell is quoted and every level of the session before is known, so nothing here fills gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.inputs import SessionInputs
from mr_platform.features.series import CLOSE, HIGH, LAGS, LOW, SERIES, VOLUME

if TYPE_CHECKING:
    from mr_platform.features.c1_triple_straddle.component import SessionState
    from mr_platform.features.component import SessionStart

# pandas' stubs take what a ufunc makes of a series for an array, so a type more exact than this one says less
Series = Any
Frame = Any
Columns = dict[str, Any]
Floats = NDArray[np.float64]

ASSETS = ("atm", "itm1", "otm1")
LEGS = ("ce", "pe")
FLAT = 1e-9


@dataclass(frozen=True, eq=False)
class Frames:
    """A session as frames, a row a minute.

    ``price``, ``high``, ``low``, ``volume`` and ``held`` (by lag in minutes) of the nine rolling series; ``underlying``
    open, high, low, close, volume; ``oi``, ``traded``, ``close`` of the nearest expiry by leg, a column a strike.
    """

    price: Frame
    high: Frame
    low: Frame
    volume: Frame
    held: Mapping[int, Frame]
    underlying: Frame
    oi: Mapping[str, Frame]
    traded: Mapping[str, Frame]
    close: Mapping[str, Frame]


def frames_of(inputs: SessionInputs) -> Frames:
    """The inputs as frames."""
    import pandas as pd

    def wide(field: Floats) -> dict[str, Frame]:
        return {leg: pd.DataFrame(field[:, :, i], columns=inputs.strikes_listed) for i, leg in enumerate(LEGS)}

    def rolled(field: Floats) -> Frame:
        return pd.DataFrame(field.copy(), columns=list(SERIES))

    return Frames(
        price=rolled(inputs.bars[:, :, CLOSE]),
        high=rolled(inputs.bars[:, :, HIGH]),
        low=rolled(inputs.bars[:, :, LOW]),
        volume=rolled(inputs.bars[:, :, VOLUME]),
        held={lag: rolled(inputs.held[:, :, j]) for j, lag in enumerate(LAGS)},
        underlying=pd.DataFrame(inputs.underlying, columns=["open", "high", "low", "close", "volume"]),
        oi=wide(inputs.chain_oi),
        traded=wide(inputs.chain_volume),
        close=wide(inputs.chain_close),
    )


def ema(price: Any, span: int, before: Any) -> Any:
    """EMA run on from its value ``before`` the first row."""
    import pandas as pd

    first = pd.DataFrame([before], columns=price.columns) if isinstance(price, pd.DataFrame) else pd.Series([before])
    return (
        pd.concat([first, price], ignore_index=True).ewm(span=span, adjust=False).mean().iloc[1:].set_axis(price.index)
    )


def ages(side: Series) -> Series:
    """Minutes that a side has stood, signed."""
    return side * (side.groupby((side != side.shift()).cumsum()).cumcount() + 1)


def known_mean(parts: list[Series], weights: Any) -> Series:
    """Mean of what is known under its weights (numbers, or a series each)."""
    import pandas as pd

    together: Frame = pd.concat(parts, axis=1, ignore_index=True)
    shares = pd.concat([part * 0 + w for part, w in zip(parts, weights, strict=True)], axis=1, ignore_index=True)
    return (together * shares).sum(axis=1, min_count=1) / shares.sum(axis=1, min_count=1)


def dispersion(parts: list[Series]) -> Series:
    """Population standard deviation of what is known of them, at least two."""
    import pandas as pd

    together: Frame = pd.concat(parts, axis=1, ignore_index=True)
    return together.std(axis=1, ddof=0).where(together.count(axis=1) >= 2)


def least(window: int, share: float) -> int:
    """Bars that a window must have."""
    return int(np.ceil(share * window))


def c1(frames: Frames, inputs: SessionInputs, state: SessionState, start: SessionStart) -> Columns:
    """The features of C1 by name without its prefix; ``state`` as no minute has moved it yet."""
    out: Columns = {}
    day, carried = state.day, state.carried
    scores = {a: _ema_columns(i, a, frames, day, carried, out) for i, a in enumerate(ASSETS)}
    out["ema_score_blend"] = known_mean(list(scores.values()), day.weights[:3])
    out["ema_score_dispersion"] = dispersion(list(scores.values()))
    session = {a: _vwap_columns(i, a, frames, day, out) for i, a in enumerate(ASSETS)}
    _future_columns(frames, day, out)
    out["vwap_score_blend"] = known_mean([out[f"vwap_score_{a}"] for a in ASSETS], day.weights[:3])
    for i, a in enumerate(ASSETS):
        _pivot_columns(i, a, frames, day, out)
    _pivot_of_atm(frames, day, out)
    _central_range(frames, day, out)
    pivots = [out[f"pivot_score_{a}"] for a in ASSETS]
    out["pivot_score_blend"] = known_mean(pivots, day.weights[:3])
    out["pivot_score_dispersion"] = dispersion(pivots)
    technique = day.technique[inputs.dte].T
    for i, a in enumerate(ASSETS):
        _timeframe_columns(i, a, frames, session[a], technique, day, carried, out)
    out["timeframe_overlay_atm"] = known_mean(
        [out["ema_score_atm"], out["vwap_score_atm"], out["pivot_score_atm"]], technique
    )
    _return_columns(frames, day, out)
    return out


def _order_parts(price: Series, averages: list[Series], weak: float) -> list[Series]:
    """Short, medium, long and trend score: how price and EMAs are ordered."""
    ladder = [price, *averages]
    parts: list[Series] = []
    for first, second, third in zip(ladder, ladder[1:], ladder[2:], strict=False):
        if len(parts) == 3:
            break
        side = np.sign(first - second)
        part = (weak * side).mask((side > 0) & (second > third), 1.0).mask((side < 0) & (second < third), -1.0)
        parts.append(part.where((first + second + third).notna()))
    return [*parts, np.sign(averages[2] - averages[3])]


def _ema_columns(i: int, a: str, frames: Frames, day: Any, carried: Any, out: Columns) -> Series:
    import pandas as pd

    price = frames.price.iloc[:, i]
    bars = np.arange(1, len(price) + 1)
    e = {
        n: ema(price, n, carried.ema[i, j]).where(carried.ema_bars[i, j] + bars >= n)
        for j, n in enumerate(day.spans.tolist())
    }
    first, second, third, fourth = e.values()
    parts = _order_parts(price, list(e.values()), day.ema_weak)
    score = known_mean(parts, day.ema_weights)
    for n, average in zip((20, 50, 100, 200), e.values(), strict=True):
        out[f"ema_deviation_{a}_{n}"] = (price - average) / average
    out[f"ema_score_{a}"] = score
    out[f"ema_slope_{a}_20"] = first.pct_change(5, fill_method=None)
    out[f"ema_slope_{a}_100"] = third.pct_change(15, fill_method=None)
    out[f"ema_spread_{a}_20_100"] = first / third - 1
    out[f"ema_spread_{a}_50_200"] = second / fourth - 1
    together = pd.concat(list(e.values()), axis=1)
    ordered = pd.DataFrame(np.sort(together.to_numpy(), axis=1))
    near = ordered.diff(axis=1).iloc[:, 1:].to_numpy() <= day.confluence * ordered.iloc[:, :-1].to_numpy()
    out[f"ema_confluence_{a}"] = pd.Series(near.sum(axis=1) / 3).where(fourth.notna())
    out[f"ema_cross_age_{a}"] = ages(np.sign(first - second))
    if a == "atm":
        for name, part in zip(("short", "medium", "long", "trend"), parts, strict=True):
            out[f"ema_{name}_atm"] = part
        out["ema_fan_width_atm"] = (together.max(axis=1, skipna=False) - together.min(axis=1, skipna=False)) / price
    return score


def _steps(deviation: Series, day: Any) -> Series:
    """Stepped score of a relative deviation."""
    grades = np.concatenate([[0.0], day.vwap_scores])
    return np.sign(deviation) * grades[np.searchsorted(day.vwap_cuts, deviation.abs())]


def _vwap_columns(i: int, a: str, frames: Frames, day: Any, out: Columns) -> Series:
    price, volume = frames.price.iloc[:, i], frames.volume.iloc[:, i]
    value = price * volume
    window, enough = day.window, least(day.window, day.enough)
    session = value.cumsum() / volume.cumsum()
    week = (value.cumsum() + day.week_sums[i, 0]) / (volume.cumsum() + day.week_sums[i, 1])
    recent = value.rolling(window, min_periods=enough).sum() / volume.rolling(window, min_periods=enough).sum()
    levels = {"session": session, "previous": day.previous_vwap[i], "rolling_20": recent, "week": week}
    for kind, level in levels.items():
        out[f"vwap_deviation_{a}_{kind}"] = (price - level) / level
    out[f"vwap_score_{a}"] = _steps(out[f"vwap_deviation_{a}_session"], day)
    gap = (price - session).mask((price - session).abs() <= FLAT * session, 0.0)
    spread = gap.rolling(window, min_periods=enough).std(ddof=0)
    position = out[f"vwap_band_position_{a}"] = (gap / spread).where(spread > FLAT * price)
    out[f"vwap_slope_{a}_15"] = session.pct_change(15, fill_method=None)
    if a == "atm":
        beyond = sum((position.abs() > band).astype(float) for band in day.bands)
        out["vwap_band_level_atm"] = np.sign(position) * beyond
        out["vwap_above_share_atm"] = (gap > 0).expanding().mean()
        out["vwap_cross_age_atm"] = ages(np.sign(gap))
        pace = volume.rolling(window, min_periods=enough).mean() / volume.expanding().mean()
        out["vwap_volume_pace_atm_20"] = np.log(pace.where(pace > 0))
    return session


def _future_columns(frames: Frames, day: Any, out: Columns) -> None:
    price, volume = frames.underlying["close"], frames.underlying["volume"]
    value = (price * volume).cumsum()
    levels = {
        "session": value / volume.cumsum(),
        "previous": day.previous_vwap[9],
        "week": (value + day.week_sums[9, 0]) / (volume.cumsum() + day.week_sums[9, 1]),
    }
    parts = []
    for kind, level in levels.items():
        out[f"vwap_deviation_future_{kind}"] = (price - level) / level
        parts.append(_steps(out[f"vwap_deviation_future_{kind}"], day))
    out["vwap_score_future"] = known_mean(parts, day.future_weights)


def _levels(hlc: Floats) -> Floats:
    """S3, S2, S1, PP, R1, R2, R3."""
    h, low, c = hlc
    pp = (h + low + c) / 3
    return np.array(
        [low - 2 * (h - pp), pp - (h - low), 2 * pp - h, pp, 2 * pp - low, pp + (h - low), h + 2 * (pp - low)]
    )


def _ladder(price: Series, levels: Floats, day: Any) -> Series:
    """Score by the number of levels below the price."""
    steps = np.concatenate([-day.pivot_steps[::-1], day.pivot_steps])
    return (price * 0).add(steps[np.searchsorted(levels, price)])


def _pivot_columns(i: int, a: str, frames: Frames, day: Any, out: Columns) -> None:
    import pandas as pd

    price, levels = frames.price.iloc[:, i], _levels(day.previous_hlc[i])
    out[f"pivot_score_{a}"] = _ladder(price, levels, day)
    out[f"pivot_position_{a}"] = (price - levels[3]) / (day.previous_hlc[i, 0] - day.previous_hlc[i, 1])
    at = np.searchsorted(levels, price, side="right")
    bounds = np.concatenate([[np.nan], np.where(levels > 0, levels, np.nan), [np.nan]])
    up = out[f"pivot_resistance_{a}"] = (pd.Series(bounds[at + 1]) - price) / price
    down = out[f"pivot_support_{a}"] = (price - pd.Series(bounds[at])) / price
    out[f"pivot_nearest_{a}"] = down.mask(down.isna() | (up < down), -up)


def _pivot_of_atm(frames: Frames, day: Any, out: Columns) -> None:
    price, levels = frames.price["atm_straddle"], _levels(day.previous_hlc[0])
    high = np.maximum(frames.high["atm_straddle"], price)
    low = np.minimum(frames.low["atm_straddle"], price)
    place = (price * 0).add(np.searchsorted(levels, price, side="right"))
    out["pivot_crossings_atm_15"] = place.diff(15)
    top, bottom = high.cummax(), low.cummin()
    out["pivot_range_used_atm"] = (top - bottom) / (day.previous_hlc[0, 0] - day.previous_hlc[0, 1])
    out["pivot_range_position_atm"] = (price - bottom) / (top - bottom)
    n = least(15, day.enough)
    reach = high.rolling(15, min_periods=n).max() - low.rolling(15, min_periods=n).min()
    out["timeframe_range_atm_15"] = reach / price


def _central_range(frames: Frames, day: Any, out: Columns) -> None:
    h, low, c = day.previous_hlc[9]
    pp = (h + low + c) / 3
    bottom, top = sorted([(h + low) / 2, 2 * pp - (h + low) / 2])
    price = frames.underlying["close"]
    distance = (price - top).clip(lower=0) + (price - bottom).clip(upper=0)
    width = 100 * (top - bottom) / pp
    out["pivot_cpr_width"] = price * 0 + width
    out["pivot_cpr_distance"] = distance / pp
    out["pivot_cpr_score"] = np.sign(distance) * day.cpr_scores[0 if width < day.cpr_narrow else 1]
    out["pivot_position_underlying"] = (price - pp) / (h - low)
    out["pivot_cpr_run"] = ages(np.sign(distance))


def _timeframe_columns(
    i: int, a: str, frames: Frames, session: Series, technique: Floats, day: Any, carried: Any, out: Columns
) -> None:
    import pandas as pd

    price, volume = frames.price.iloc[:, i], frames.volume.iloc[:, i]
    levels, scores, weights = _levels(day.previous_hlc[i]), [], []
    for k, n in enumerate(day.timeframes.tolist()):
        bar = price.index // n
        finished = price.groupby(bar).last()
        averages = []
        for j, span in enumerate(day.spans.tolist()):
            seed, seen = carried.slow_ema[i, k, j], carried.slow_bars[i, k, j]
            slow = pd.concat([pd.Series([seed]), ema(finished, span, seed)], ignore_index=True)
            before = pd.Series(slow.to_numpy()[bar], price.index)
            live = before + 2 / (span + 1) * (price - before)
            averages.append(live.where(seen + bar + 1 >= span))
        typical = price.rolling(n, min_periods=least(n, day.enough)).mean()
        three = [
            known_mean(_order_parts(price, averages, day.ema_weak), day.ema_weights),
            _steps((typical - session) / session, day),
            _ladder(typical.fillna(price), levels, day).where(typical.notna()),
        ]
        scores.append(known_mean(three, technique))
        windows = price.rolling(n, min_periods=1)
        steadiness = 1 / (1 + windows.std(ddof=0) / windows.mean())
        quality = (
            day.quality_weights[0] * windows.count() / n
            + day.quality_weights[1] * steadiness.where(windows.count() >= 2, 0.0)
            + day.quality_weights[2] * (volume > 0).rolling(n, min_periods=1).sum() / n
        )
        weights.append(day.timeframe_weights[k] * quality)
        if a == "atm":
            out[f"timeframe_score_atm_{n}"] = scores[-1]
            out[f"timeframe_quality_atm_{n}"] = quality
            out[f"timeframe_return_atm_{n}"] = np.log(price / frames.held[n].iloc[:, i])
    out[f"timeframe_weighted_score_{a}"] = known_mean(scores, weights)
    if a == "atm":
        spread = dispersion(scores) / day.confidence_spread
        out["timeframe_confidence_atm"] = (1 - spread).clip(day.confidence_floor, 1)
        out["timeframe_alignment_atm"] = np.sign(pd.concat(scores, axis=1)).mean(axis=1)


def _return_columns(frames: Frames, day: Any, out: Columns) -> None:
    import pandas as pd

    window, enough = day.window, least(day.window, day.enough)
    returns = np.log(frames.price / frames.held[1])
    atm = returns["atm_straddle"]
    out["timeframe_volatility_atm_20"] = atm.rolling(window, min_periods=enough).std(ddof=0)
    n = least(15, day.enough)
    out["timeframe_efficiency_atm_15"] = (
        atm.rolling(15, min_periods=n).mean() / atm.abs().rolling(15, min_periods=n).mean()
    )
    names = list(SERIES)
    pairs = [
        returns[x].rolling(window, min_periods=enough).corr(returns[y])
        for i, x in enumerate(names)
        for y in names[i + 1 :]
    ]
    together = pd.concat(pairs, axis=1)
    out["timeframe_correlation_20"] = together.mean(axis=1)
    out["timeframe_redundancy_20"] = (together.abs() > day.redundant).mean(axis=1).where(together[0].notna())
    five = np.log(frames.price / frames.held[5])
    out["timeframe_leg_imbalance_atm_5"] = five["atm_ce"] - five["atm_pe"]
    out["timeframe_wing_spread_5"] = five["otm1_straddle"] - five["itm1_straddle"]
