"""Cuts that turn a measured quantity into low, mid or high: trailing quantiles at the same time of day.

Frozen for a partition before its first bar: only sessions before it count, and of those only values
already known at its open (the forward windows of the session before it, where they cross the night, are not).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from mr_platform.parameters.labels import LabelParameters
from mr_platform.regimes.windows import BAR_MINUTES, Floats, Ints, Windows


@dataclass(frozen=True)
class Cuts:
    """``low`` and ``high`` cut and the number of sessions behind them, one for each bar asked for [n].

    NaN and the count there was where fewer than ``min_sessions`` sessions stand behind them.
    """

    low: Floats
    high: Floats
    sessions: Ints


def trailing_cuts(
    windows: Windows, quantity: str, trade_date: date, minutes: Ints, parameters: LabelParameters
) -> Cuts:
    """Cuts of ``quantity`` (sigma_p, sigma_f, er_f, rho_f) for the bars starting at ``minutes`` of ``trade_date``.

    From the latest ``sessions_most`` sessions with a value at that minute. With fewer than ``sessions`` of
    them the provisional cut pools the neighbouring bars (``pool_bars`` on each side) of the latest sessions.
    """
    values = getattr(windows, quantity)
    before = np.array([day < trade_date for day in windows.dates], dtype=bool)
    known = before[windows.session] & np.isfinite(values)
    if quantity != "sigma_p":
        known &= before[np.maximum(windows.known_session, 0)] & (windows.known_session >= 0)
    # by minute, and by session within it: the bars of one time of day, and of its neighbours, lie side by side
    order = np.lexsort((windows.session[known], windows.minute[known]))
    session, minute, value = (series[known][order] for series in (windows.session, windows.minute, values))

    low, high = np.full(minutes.size, np.nan), np.full(minutes.size, np.nan)
    count = np.zeros(minutes.size, dtype=np.int64)
    reach = BAR_MINUTES * parameters.pool_bars
    for at, start in enumerate(minutes):
        begin, end = np.searchsorted(minute, (start, start + 1))
        chosen = value[max(begin, end - parameters.sessions_most) : end]
        count[at] = chosen.size
        if count[at] < parameters.sessions:
            begin, end = np.searchsorted(minute, (start - reach, start + reach + 1))
            days = np.unique(session[begin:end])[-parameters.sessions_most :]
            count[at] = days.size
            chosen = value[begin:end][session[begin:end] >= days[0]] if days.size else chosen
        if count[at] >= parameters.min_sessions:
            ranked = np.sort(chosen)
            low[at] = _quantile(ranked, parameters.quantile_low)
            high[at] = _quantile(ranked, parameters.quantile_high)
    return Cuts(low, high, count)


def _quantile(ranked: Floats, share: float) -> float:
    """Quantile of sorted values, interpolated linearly (Hyndman and Fan 1996, type 7)."""
    position = share * (ranked.size - 1)
    below = int(position)
    above = min(below + 1, ranked.size - 1)
    return float(ranked[below] + (ranked[above] - ranked[below]) * (position - below))
