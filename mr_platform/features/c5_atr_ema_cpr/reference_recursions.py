"""Recursions of the C5 reference: what runs on from session to session, and the traces of a session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c5_atr_ema_cpr.reference_windows import recursion, slow_ranges, true_ranges, usable
from mr_platform.features.c5_atr_ema_cpr.state import STRADDLE, UNDERLYING, Carried, DayConstants, Recursions
from mr_platform.kernels.reference.windows import weighted

Floats = NDArray[np.float64]

OPEN, HIGH, LOW, CLOSE = range(4)


def last_known(close: Floats) -> Floats:
    """Last close of the session before each minute."""
    out = np.full(close.size, np.nan)
    last = np.nan
    for t, price in enumerate(close):
        out[t] = last
        last = last if np.isnan(price) else price
    return out


def recursions(
    assets: Sequence[Floats], before: Sequence[Floats], day: DayConstants, opening: Recursions, carried: Carried
) -> tuple[list[list[Floats]], list[list[Floats]], list[list[Floats]]]:
    """Readings of ATR, EMA and slow ATR by asset and span; what they end at goes into ``carried``."""
    atr: list[list[Floats]] = [[], []]
    ema: list[list[Floats]] = [[], []]
    slow: list[list[Floats]] = [[], []]
    left = carried.left
    for a, bars in enumerate(assets):
        close = bars[:, CLOSE]
        ranges = true_ranges(bars, before[a])
        for j, span in enumerate(day.atr_spans.tolist()):
            state = (opening.atr[a, j], opening.atr_bars[a, j])
            found, left.atr[a, j], left.atr_bars[a, j] = recursion(ranges, state, span, wilder=True)
            atr[a].append(usable(found, close))
        for j, span in enumerate(day.ema_spans.tolist()):
            state = (opening.ema[a, j], opening.ema_bars[a, j])
            found, left.ema[a, j], left.ema_bars[a, j] = recursion(close, state, span, wilder=False)
            ema[a].append(found)
        for k, minutes in enumerate(day.timeframes.tolist()):
            state = (opening.slow_atr[a, k], opening.slow_bars[a, k])
            ranges_k = slow_ranges(bars, before[a], minutes, day.n_bars)
            found, left.slow_atr[a, k], left.slow_bars[a, k] = recursion(
                ranges_k, state, int(day.atr_spans[0]), wilder=True, hold=True
            )
            slow[a].append(usable(found, close))
    return atr, ema, slow


def trends(
    assets: Sequence[Floats],
    before: Sequence[Floats],
    years: Floats,
    of_underlying: list[Floats],
    day: DayConstants,
    opening: Recursions,
    carried: Carried,
) -> list[Floats]:
    """Mean over the warm EMAs of tanh of the distance in standard deviations of a random walk, by asset.

    The straddle's is that of premium over the root of the years to expiry.
    """
    out, left = [], carried.left
    roots = (np.sqrt(np.maximum(years, day.least_years)), np.ones(years.size))
    for a, bars in enumerate(assets):
        level = bars[:, CLOSE] / roots[a]
        averages = of_underlying if a == UNDERLYING else []
        for j, span in enumerate(day.ema_spans.tolist() if a == STRADDLE else []):
            state = (opening.premium[a, j], opening.premium_bars[a, j])
            found, left.premium[a, j], left.premium_bars[a, j] = recursion(level, state, span, wilder=False)
            averages.append(found)
        steps = np.abs(bars[:, CLOSE] - before[a]) / roots[a]
        state = (opening.noise[a, 0], opening.noise_bars[a, 0])
        found, left.noise[a, 0], left.noise_bars[a, 0] = recursion(
            steps, state, int(day.atr_spans[2]), wilder=True, hold=True, told_from=1
        )
        deviation = usable(found, level) * np.sqrt(np.pi / 2.0)
        z = [2.0 * (level - e) / (deviation * np.sqrt(n + 1.0)) for e, n in zip(averages, day.ema_spans, strict=True)]
        out.append(weighted(np.tanh(np.stack(z, axis=1)), np.ones(len(z))))
    return out


def extremes(underlying: Floats) -> tuple[Floats, Floats]:
    """Highest and lowest price so far; NaN in minutes without a price."""
    close = underlying[:, CLOSE]
    known = np.isfinite(close)
    high = np.where(known, np.fmax(underlying[:, HIGH], close), np.nan)
    low = np.where(known, np.fmin(underlying[:, LOW], close), np.nan)
    high, low = np.fmax.accumulate(high), np.fmin.accumulate(low)
    return np.where(known, high, np.nan), np.where(known, low, np.nan)


def trace(
    assets: Sequence[Floats],
    before: Sequence[Floats],
    atr: list[list[Floats]],
    ema: list[list[Floats]],
    slow: list[list[Floats]],
    carried: Carried,
) -> None:
    """Quantities that are remembered by days to expiry, and the returns of both assets."""
    m = assets[0].shape[0]
    for a, bars in enumerate(assets):
        close = bars[:, CLOSE]
        shares = [atr[a][0] / close, *(one / close for one in slow[a]), (close - ema[a][2]) / ema[a][2]]
        for i, share in enumerate(shares):
            carried.quantity_trace[:m, 2 * i + a] = share
        valid = (close > 0) & (before[a] > 0)
        carried.return_trace[:m, a] = np.where(valid, np.log(close / before[a]), np.nan)
    carried.return_trace[:m, 2] = np.abs(carried.return_trace[:m, UNDERLYING])
