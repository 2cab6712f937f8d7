"""What a C1 kernel reads besides the session's series, and what it carries from minute to minute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_SERIES = 9
"""ATM, ITM1, OTM1 straddles; the same three calls; the same three puts."""
N_STRADDLES = 3
UNDERLYING = 9
N_SPANS = 4
N_TIMEFRAMES = 4
N_COMPONENTS = 10


class DayConstants(NamedTuple):
    """Fixed during a session. Plain numbers and arrays, so that compiled code takes it as it is.

    ``technique`` [91, 3] EMA, VWAP, pivot weight by DTE; ``weights`` [10] of the components and
    ``timeframe_weights`` [4] in force; ``previous_hlc`` [10, 3] high, low, close of the previous session by series,
    row 9 the underlying; ``previous_vwap`` [10]; ``week_sums`` [10, 2] sum(price x volume) and sum(volume) of the
    week's earlier sessions, NaN where one of them is not known; ``future`` 1 when the underlying is a listed future.
    """

    n_bars: int
    spans: NDArray[np.int64]
    ema_weights: Floats
    ema_weak: float
    confluence: float
    vwap_cuts: Floats
    vwap_scores: Floats
    bands: Floats
    future_weights: Floats
    pivot_steps: Floats
    cpr_narrow: float
    cpr_scores: Floats
    timeframes: NDArray[np.int64]
    quality_weights: Floats
    confidence_spread: float
    confidence_floor: float
    steadiness_share: float
    window: int
    enough: float
    series_share: float
    redundant: float
    technique: Floats
    weights: Floats
    timeframe_weights: Floats
    previous_hlc: Floats
    previous_vwap: Floats
    week_sums: Floats
    future: int


class Carried(NamedTuple):
    """Recursions and session-long traces; filled in place.

    ``ema``/``ema_bars`` [9, 4] value and prices seen; ``slow_ema``/``slow_bars`` [3, 4 timeframes, 4 spans] of finished
    k-minute bars and ``slow_last`` [3, 4] the last price of the unfinished one (NaN none); ``vwap`` [10, 2] session
    sums; ``ohlc`` [10, 4] of the session so far; ``ages`` [5, 2] side and bars since its last change (EMA cross of the
    three straddles, VWAP cross, CPR); ``above`` [2] bars above the VWAP and bars with one.
    Traces [n_bars, ...]: session VWAP, price less VWAP, two EMAs, held returns, and the component and timeframe scores.
    """

    ema: Floats
    ema_bars: Floats
    slow_ema: Floats
    slow_bars: Floats
    slow_last: Floats
    vwap: Floats
    ohlc: Floats
    ages: Floats
    above: Floats
    vwap_trace: Floats
    gap_trace: Floats
    ema_trace: Floats
    return_trace: Floats
    score_trace: Floats
    timeframe_trace: Floats

    @staticmethod
    def fresh(n_bars: int) -> Carried:
        """Before the first minute, nothing known from earlier sessions."""
        return Carried(
            ema=np.full((N_SERIES, N_SPANS), np.nan),
            ema_bars=np.zeros((N_SERIES, N_SPANS)),
            slow_ema=np.full((N_STRADDLES, N_TIMEFRAMES, N_SPANS), np.nan),
            slow_bars=np.zeros((N_STRADDLES, N_TIMEFRAMES, N_SPANS)),
            slow_last=np.full((N_STRADDLES, N_TIMEFRAMES), np.nan),
            vwap=np.zeros((N_SERIES + 1, 2)),
            ohlc=np.full((N_SERIES + 1, 4), np.nan),
            ages=np.zeros((5, 2)),
            above=np.zeros(2),
            vwap_trace=np.full((n_bars, N_STRADDLES), np.nan),
            gap_trace=np.full((n_bars, N_STRADDLES), np.nan),
            ema_trace=np.full((n_bars, N_STRADDLES, 2), np.nan),
            return_trace=np.full((n_bars, N_SERIES), np.nan),
            score_trace=np.full((n_bars, N_COMPONENTS), np.nan),
            timeframe_trace=np.full((n_bars, N_STRADDLES, N_TIMEFRAMES), np.nan),
        )
