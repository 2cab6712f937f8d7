"""The levels of C7 as they would be drawn by hand: whole-session arrays of one asset, one method after another.

The compiled pass is compared with this one. Everything is computed from the open again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mr_platform.features.c7_support_resistance.state import (
    BINS,
    CALL_WALL,
    FIBONACCI,
    MIDDLE,
    N_LEVELS,
    PIVOTS,
    PROFILE,
    PUT_WALL,
    ROUND,
    TECHNICAL,
    UNDERLYING,
    Carried,
    DayConstants,
    Floats,
    Ints,
)
from mr_platform.features.inputs import ATM, SessionInputs
from mr_platform.features.series import CLOSE, HIGH, LAGS, LOW, VOLUME

SWING_MINUTES = 5
LEAST_WALL_STRIKES = 7


@dataclass(frozen=True, eq=False)
class AssetSession:
    """One asset over a session of M minutes: prices, and all that stands at the close of each minute.

    ``before`` and ``earlier`` [M] what the asset held now cost one bar and five minutes ago; ``top`` and ``bottom`` [M]
    extremes that count as traded; ``atr`` [M] NaN until warm, ``raw_atr`` [M]; ``ranges`` [M, 4, 2]; ``swing`` [M, 3]
    start, end and side; ``point`` [M, 3]; ``levels`` [M, 41]; ``unit`` [M] of minor round numbers.
    """

    price: Floats
    top: Floats
    bottom: Floats
    before: Floats
    earlier: Floats
    volume: Floats
    atr: Floats
    ranges: Floats
    swing: Floats
    point: Floats
    levels: Floats
    unit: Floats
    ema: Floats
    ema_bars: Floats


def asset_session(inputs: SessionInputs, a: int, stop: int, day: DayConstants, opening: Carried) -> AssetSession:
    """Asset ``a`` over the minutes before ``stop``; ``opening`` has the recursions as they stood at the open."""
    bars = (inputs.underlying if a == UNDERLYING else inputs.bars[:, 0])[:stop]
    price = bars[:, CLOSE]
    high, low = np.fmax(bars[:, HIGH], price), np.fmin(bars[:, LOW], price)
    high[np.isnan(price)] = low[np.isnan(price)] = np.nan
    if a == UNDERLYING:
        before, earlier = _last_known_before(price), _lagged(price, 5)
        volume = bars[:, VOLUME] if day.future else _participation(inputs, stop, day.participation)
        top, bottom = high, low
    else:
        before, earlier = inputs.held[:stop, 0, LAGS.index(1)], inputs.held[:stop, 0, LAGS.index(5)]
        volume, top, bottom = bars[:, VOLUME], price, price
    ranges = np.full((stop, day.timeframes.size, 2), np.nan)
    for j, minutes in enumerate(day.timeframes.tolist()):
        ranges[:, j] = _timeframe_range(top, bottom, minutes, day)
    ema, ema_bars = _emas(price, day.ema_spans, opening.ema[a], opening.ema_bars[a])
    swing = _swings(top, bottom, opening.swing[a], day)
    point = _profile(price, volume, day.profile_bins[a], day.value_area)
    step = _filled(np.where(inputs.steps[:stop] > 0, inputs.steps[:stop], np.nan))
    walls = _walls(inputs, stop, day.wall_percentile) if a == UNDERLYING else np.full((stop, 2), np.nan)

    levels = np.full((stop, N_LEVELS), np.nan)
    levels[:, PIVOTS:PROFILE] = day.pivots[a]
    levels[:, PROFILE : PROFILE + 3] = point
    levels[:, PROFILE + 3 : PROFILE + 6] = day.profile_before[a]
    levels[:, [CALL_WALL, PUT_WALL]] = walls
    for j in range(2):
        unit = day.round_units[a, j] * step
        levels[:, ROUND + 2 * j] = np.floor(price / unit) * unit
        levels[:, ROUND + 2 * j + 1] = levels[:, ROUND + 2 * j] + unit
    start, end = swing[:, :1], swing[:, 1:2]
    levels[:, FIBONACCI:TECHNICAL] = end + day.ratios * (start - end)
    levels[:, TECHNICAL : TECHNICAL + 3] = np.where(ema_bars >= day.ema_spans, ema, np.nan)
    levels[:, TECHNICAL + 3 : TECHNICAL + 12] = day.prior[a]
    levels[:, TECHNICAL + 12] = _first_known(price)
    levels[~(levels > 0)] = np.nan
    return AssetSession(
        price=price,
        top=top,
        bottom=bottom,
        before=before,
        earlier=earlier,
        volume=volume,
        atr=_atr(price, high, low, before, opening.atr[a], opening.atr_bars[a], day.atr_period),
        ranges=ranges,
        swing=swing,
        point=point,
        levels=levels,
        unit=day.round_units[a, 0] * step,
        ema=ema,
        ema_bars=ema_bars,
    )


def _filled(values: Floats) -> Floats:
    """Each unknown value replaced by the last known one before it."""
    place = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(values.size)))
    return np.where(place >= 0, values[place], np.nan)


def _last_known_before(values: Floats) -> Floats:
    return np.concatenate([[np.nan], _filled(values)[:-1]])


def _lagged(values: Floats, n: int) -> Floats:
    out = np.full(values.size, np.nan)
    out[n:] = values[: max(values.size - n, 0)]
    return out


def _first_known(values: Floats) -> Floats:
    """The first known value, from its minute on."""
    known = np.flatnonzero(~np.isnan(values))
    out = np.full(values.size, np.nan)
    if known.size:
        out[known[0] :] = values[known[0]]
    return out


def _participation(inputs: SessionInputs, stop: int, strikes: int) -> Floats:
    """Volume of the options within so many strikes of ATM, NaN where none is known."""
    out = np.full(stop, np.nan)
    for t in range(stop):
        at = inputs.around[t, ATM - strikes : ATM + strikes + 1]
        part = inputs.chain_volume[t, at[at >= 0]]
        if np.isfinite(part).any():
            out[t] = np.nansum(part)
    return out


def _walls(inputs: SessionInputs, stop: int, share: float) -> Floats:
    """Next call wall above and put wall at or below the underlying [M, 2]."""
    out = np.full((stop, 2), np.nan)
    strikes = inputs.strikes_listed
    for t, price in enumerate(inputs.underlying[:stop, CLOSE]):
        for leg in range(2):
            oi = inputs.chain_oi[t, :, leg]
            known = oi[np.isfinite(oi)]
            if np.isnan(price) or known.size < LEAST_WALL_STRIKES:
                continue
            wall = strikes[np.nan_to_num(oi, nan=-1.0) > np.quantile(known, share)]
            there = wall[wall > price] if leg == 0 else wall[wall <= price]
            if there.size:
                out[t, leg] = there.min() if leg == 0 else there.max()
    return out


def _atr(price: Floats, high: Floats, low: Floats, before: Floats, value: float, bars: float, period: int) -> Floats:
    """Wilder's average true range [M], continued; NaN until its period of bars was seen, or where nothing moves."""
    out = np.full(price.size, np.nan)
    for t in range(price.size):
        if not np.isnan(price[t]):
            extremes = [high[t], low[t]] if np.isnan(before[t]) else [high[t], low[t], before[t]]
            true_range = max(extremes) - min(extremes)
            base = true_range if bars == 0 else value
            value = base + (true_range - base) / min(bars + 1, period)
            bars += 1
        if (bars >= period and value > 1e-9 * price[t]) or (bars >= period and np.isnan(price[t])):
            out[t] = value
    return out


def _emas(price: Floats, spans: Ints, value: Floats, bars: Floats) -> tuple[Floats, Floats]:
    """EMAs [M, spans] and bars seen [M, spans] at each minute, continued."""
    values, seen = np.empty((2, price.size, spans.size))
    value, bars = value.copy(), bars.copy()
    for t, p in enumerate(price):
        if not np.isnan(p):
            value = np.where(bars == 0, p, value + 2.0 / (spans + 1.0) * (p - value))
            bars = bars + 1
        values[t], seen[t] = value, bars
    return values, seen


def _bars(top: Floats, bottom: Floats, minutes: int) -> tuple[Floats, Floats]:
    """High and low of the finished bars of so many minutes; NaN for a bar without a price."""
    n = top.size // minutes
    high = np.fmax.reduce(top[: n * minutes].reshape(n, minutes), axis=1)
    low = np.fmin.reduce(bottom[: n * minutes].reshape(n, minutes), axis=1)
    return high, low


def _timeframe_range(top: Floats, bottom: Floats, minutes: int, day: DayConstants) -> Floats:
    """High and low [M, 2] of the last finished bars, from the minute that finishes the last of them on."""
    out = np.full((top.size, 2), np.nan)
    highs, lows = _bars(top, bottom, minutes)
    for bar in range(highs.size):
        part = slice(max(bar + 1 - day.extrema_bars, 0), bar + 1)
        known = np.isfinite(highs[part]).sum()
        enough = known >= day.coverage * day.extrema_bars
        out[(bar + 1) * minutes - 1 :] = (np.nanmax(highs[part]), np.nanmin(lows[part])) if enough else np.nan
    return out


def _swings(top: Floats, bottom: Floats, before: Floats, day: DayConstants) -> Floats:
    """Start, end and side [M, 3] of the last swing confirmed so far; ``before`` is that of earlier sessions."""
    out = np.tile(before, (top.size, 1))
    highs, lows = _bars(top, bottom, SWING_MINUTES)
    n = day.extrema_bars
    start, end, side = before
    for bar in range(n, highs.size):
        i = bar - n
        if np.isfinite(highs[i]):
            earlier, later = slice(max(i - n, 0), i), slice(i + 1, i + n + 1)
            known = np.isfinite(highs[max(i - n, 0) : i + n + 1]).sum() >= day.coverage * (2 * n + 1)
            peak = not (highs[earlier] >= highs[i]).any() and not (highs[later] > highs[i]).any()
            trough = not (lows[earlier] <= lows[i]).any() and not (lows[later] < lows[i]).any()
            for found, value, way in ((peak, highs[i], 1.0), (trough, lows[i], -1.0)):
                if not (known and found):
                    continue
                if way != side:
                    start, end, side = end, value, way
                elif (value - end) * way > 0:
                    end = value
        out[(bar + 1) * SWING_MINUTES - 1 :] = start, end, side
    return out


def _profile(price: Floats, volume: Floats, width: float, share: float) -> Floats:
    """Point of control, value area's high and low [M, 3] of the volume so far, at closes (J. P. Steidlmayer 1984)."""
    out = np.full((price.size, 3), np.nan)
    traded: dict[int, float] = {}
    anchor = np.nan
    for t in range(price.size):
        if not np.isnan(price[t]):
            anchor = price[t] if np.isnan(anchor) else anchor
            if volume[t] > 0:
                at = int(np.clip(np.floor((price[t] / anchor - 1.0) / width + 0.5), -MIDDLE, BINS - 1 - MIDDLE))
                traded[at] = traded.get(at, 0.0) + volume[t]
        if traded:
            out[t] = [anchor * (1.0 + at * width) for at in _value_area(traded, share)]
    return out


def _value_area(traded: dict[int, float], share: float) -> tuple[int, int, int]:
    """Bin of most volume, and the bins to which the area around it grows, towards the fuller neighbour each time."""
    lowest, highest = min(traded), max(traded)
    best = min(traded, key=lambda at: (-traded[at], at))
    bottom = top = best
    inside, total = traded[best], sum(traded.values())
    while inside < share * total:
        above = traded.get(top + 1, 0.0) if top < highest else -1.0
        below = traded.get(bottom - 1, 0.0) if bottom > lowest else -1.0
        if above >= below:
            top, inside = top + 1, inside + above
        else:
            bottom, inside = bottom - 1, inside + below
    return best, top, bottom
