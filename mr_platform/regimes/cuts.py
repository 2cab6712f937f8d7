"""Cuts that turn a measured quantity into low, mid or high: trailing quantiles at the same time of day.

Frozen for a partition before its first bar: only sessions before it count, and of those only values
already known at its open (the forward windows of the session before it, where they cross the night, are not).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from mr_platform.regimes.parameters import LabelParameters
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
    session, minute, value = windows.session[known], windows.minute[known], values[known]

    low, high = np.full(minutes.size, np.nan), np.full(minutes.size, np.nan)
    count = np.zeros(minutes.size, dtype=np.int64)
    for at, start in enumerate(minutes):
        here = minute == start
        chosen, count[at] = _latest(session, here, parameters.sessions_most)
        if count[at] < parameters.sessions:
            here = np.abs(minute - start) <= BAR_MINUTES * parameters.pool_bars
            chosen, count[at] = _latest(session, here, parameters.sessions_most)
        if count[at] >= parameters.min_sessions:
            low[at], high[at] = np.quantile(value[chosen], (parameters.quantile_low, parameters.quantile_high))
    return Cuts(low, high, count)


def _latest(session: Ints, here: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """The rows of ``here`` that belong to its latest ``most`` sessions, and how many sessions those are."""
    days = np.unique(session[here])[-most:]
    if not days.size:
        return here, 0
    return here & (session >= days[0]), int(days.size)
