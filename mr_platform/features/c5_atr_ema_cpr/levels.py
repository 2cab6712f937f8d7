"""Pivot levels of a finished session, week or month by five methods, and the central pivot range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.parameters.atr_ema_cpr import PIVOT_METHODS, AtrEmaCprParameters

Floats = NDArray[np.float64]

MOST_LEVELS = 9
"""Levels of the richest method: Camarilla's four on each side, and the close between them."""


def pivot_levels(ohlc: Floats, settings: AtrEmaCprParameters) -> tuple[Floats, Floats]:
    """Levels of the five methods, ascending and padded with NaN, and which of them is the pivot point: both [5, 9].

    ``ohlc`` [4] of the period before, in rupees; the second array is 1.0 at pivot points, else 0.0. All NaN where a
    price is not known or the range is not positive. Rows in the order of ``PIVOT_METHODS``. Formulas: classic, Woodie
    and DeMark as in J. L. Person, A Complete Guide to Technical Trading Tactics (2004); Camarilla (N. Stott, 1989)
    around the close; Fibonacci around the classic pivot point. Woodie's is the form weighted by the close, which needs
    no opening price of the new session.
    """
    levels = np.full((len(PIVOT_METHODS), MOST_LEVELS), np.nan)
    central = np.zeros(levels.shape)
    open_, high, low, close = ohlc.tolist()
    reach = high - low
    if not (np.isfinite(high + low + close) and reach > 0):
        return levels, central
    pp = (high + low + close) / 3.0
    woodie = (high + low + 2.0 * close) / 4.0
    outer = [reach * settings.camarilla_factor / divisor for divisor in settings.camarilla_divisors]
    found = {
        "classic": (pp, _mirrored(pp, high, low, reach)),
        "fibonacci": (pp, [pp + side * reach * ratio for ratio in settings.fibonacci_ratios for side in (-1.0, 1.0)]),
        "camarilla": (close, [close + side * one for one in outer for side in (-1.0, 1.0)]),
        "woodie": (woodie, _mirrored(woodie, high, low, reach)),
    }
    if np.isfinite(open_):
        demark = _demark_sum(open_, high, low, close)
        found["demark"] = (demark / 4.0, [demark / 2.0 - high, demark / 2.0 - low])
    for row, method in enumerate(PIVOT_METHODS):
        if method in found:
            pivot, others = found[method]
            ascending = sorted([pivot, *others])
            levels[row, : len(ascending)] = ascending
            central[row, ascending.index(pivot)] = 1.0
    return levels, central


def _mirrored(pp: float, high: float, low: float, reach: float) -> list[float]:
    """Three supports and three resistances around a pivot point."""
    return [
        low - 2.0 * (high - pp),
        pp - reach,
        2.0 * pp - high,
        2.0 * pp - low,
        pp + reach,
        high + 2.0 * (pp - low),
    ]


def _demark_sum(open_: float, high: float, low: float, close: float) -> float:
    """DeMark's X: the range weighted to the side on which the session closed."""
    if close < open_:
        return high + 2.0 * low + close
    if close > open_:
        return 2.0 * high + low + close
    return high + low + 2.0 * close


def central_range(high: float, low: float, close: float) -> tuple[float, float]:
    """Lower and upper end of the central pivot range: BC = (H + L) / 2 and TC = 2 PP - BC, ordered."""
    pp = (high + low + close) / 3.0
    bottom = (high + low) / 2.0
    top = 2.0 * pp - bottom
    return min(bottom, top), max(bottom, top)
