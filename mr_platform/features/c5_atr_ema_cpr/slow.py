"""Days, weeks and months of the underlying before today: EMAs, ranges, pivots and untouched central pivot ranges."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c5_atr_ema_cpr.levels import central_range
from mr_platform.features.memory import DailyBars

Floats = NDArray[np.float64]


def ema_before_today(closes: Floats, span: int) -> float:
    """EMA of finished closes [n], started at the first; NaN where one close more would not complete the span."""
    if closes.size == 0 or closes.size + 1 < span:
        return float("nan")
    value = float(closes[0])
    for close in closes[1:]:
        value += 2.0 / (span + 1.0) * (float(close) - value)
    return value


def daily_range(bars: DailyBars, span: int) -> float:
    """Wilder's ATR of finished sessions in rupees, their mean while there are fewer than ``span``; NaN without."""
    value = float("nan")
    for i, (high, low, _) in enumerate(bars.ohlc[:, 1:].tolist()):
        before = float(bars.ohlc[i - 1, -1]) if i else float("nan")
        true_range = high - low if i == 0 else max(high, before) - min(low, before)
        value = true_range if i == 0 else value + (true_range - value) / min(i + 1.0, span)
    return value


def periods(bars: DailyBars, unit: str) -> NDArray[np.int64]:
    """Number of the week (from Monday) or month that each session lies in [n]; ``unit`` "W" or "M"."""
    return _number(bars.dates, unit)


def period_of(day: date, unit: str) -> int:
    """Number of the week or month that ``day`` lies in."""
    return int(_number(np.array([day], "datetime64[D]"), unit)[0])


def _number(dates: NDArray[np.datetime64], unit: str) -> NDArray[np.int64]:
    if unit == "M":
        return dates.astype("datetime64[M]").astype(np.int64)
    # 1970-01-01 was a Thursday: three days on, weeks begin on Mondays
    return (dates.astype("datetime64[D]").astype(np.int64) + 3) // 7


def finished_closes(bars: DailyBars, today: date, unit: str) -> Floats:
    """Last close of each week or month that ended before the one of ``today``."""
    number = periods(bars, unit)
    earlier = number < period_of(today, unit)
    number, closes = number[earlier], bars.ohlc[earlier, -1]
    ends = np.flatnonzero(np.diff(number, append=period_of(today, unit)))
    return np.asarray(closes[ends])


def last_period(bars: DailyBars, today: date, unit: str) -> Floats:
    """Open, high, low and close [4] of the last week or month before that of ``today``; NaN unless all of it was seen.

    It was where a session before it is known, too.
    """
    number = periods(bars, unit)
    earlier = number[number < period_of(today, unit)]
    if earlier.size == 0 or earlier[0] == earlier[-1]:
        return np.full(4, np.nan)
    part = bars.ohlc[number == earlier[-1]]
    return np.array([part[0, 0], part[:, 1].max(), part[:, 2].min(), part[-1, 3]])


def untouched_ranges(bars: DailyBars, sessions: int) -> Floats:
    """Central pivot ranges [n, 2] (lower, upper end) of the last ``sessions`` days that no price has touched since.

    Each day's range comes from the bar before it. Today's, from the last bar, is the last row: today has yet to show.
    """
    found = []
    n = bars.ohlc.shape[0]
    for i in range(max(n - sessions, 0), n):
        bottom, top = central_range(*bars.ohlc[i, 1:].tolist())
        later = bars.ohlc[i + 1 :]
        if not ((later[:, 2] <= top) & (later[:, 1] >= bottom)).any():
            found.append((bottom, top))
    return np.array(found).reshape(-1, 2)
