"""What a C5 kernel reads besides the session's series, and what it carries from minute to minute.

The two assets are rows 0, the rolling ATM straddle, and 1, the underlying, wherever an axis has length two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STRADDLE, UNDERLYING = 0, 1
N_ASSETS = 2
N_TIMEFRAMES = 2
N_METHODS = 5
N_LEVELS = 6
"""Classes of the ATR regime, from lowest to highest."""
ATR_SHARE, SLOW_SHARE, EMA_SHARE = 0, 2, 6
"""Where quantities begin among those remembered by days to expiry: ATR / P of both assets on one-minute bars, then on
each slower timeframe, then (P - EMA) / EMA of the third span."""
N_QUANTITIES = 8


class DayConstants(NamedTuple):
    """Fixed during a session. Plain numbers and arrays, so that compiled code takes it as it is.

    Named as in the parameters where they come from there; switches are 0 or 1. ``least_years`` to expiry under
    the root that premium is divided by. ``slow_ema`` [10] EMAs of finished days
    (4), weeks (3) and months (3) in rupees, NaN where today's bar would not complete their span, and ``slow_alpha``
    [10] what today's bar weighs. ``daily_range`` Wilder's ATR of the finished sessions, their mean while they are
    young; ``daily_weight`` of today's true range; ``daily_close`` the last finished one. ``levels`` and ``central`` [2,
    5, 9] of both assets as in ``levels.pivot_levels``; ``previous_range`` [2] high less low; ``cpr`` [2] ends of the
    underlying's central pivot range; ``slow_levels`` [2, 9] classic levels of the last finished week and month.
    ``virgin`` [n, 2] ends of the central pivot ranges that nothing had touched before today, today's last.
    ``method_weights`` [7, 5] by ATR regime, the last row without one. ``specific`` and ``ranged``: history of the 8
    quantities at these days to expiry and in their range, [8, N] ascending values and [8, N + 1] observations below;
    ``trusted`` [2, 8] whether each may decide.
    """

    n_bars: int
    enough: float
    ema_spans: Ints
    atr_spans: Ints
    timeframes: Ints
    level_cuts: Floats
    session_least: int
    track_momentum: int
    momentum_bars: int
    rising: float
    falling: float
    detect_squeeze: int
    squeeze_percentile: float
    squeeze_bars: int
    expansion: float
    contraction: float
    least_years: float
    slope_bars: int
    convergence: float
    correlation_bars: Ints
    channel_bars: int
    breakout_bars: int
    asset_weights: Floats
    part_weights: Floats
    agreement: float
    conflict: float
    cpr_narrow: float
    cpr_wide: float
    slow_ema: Floats
    slow_alpha: Floats
    daily_range: float
    daily_weight: float
    daily_close: float
    levels: Floats
    central: Floats
    previous_range: Floats
    cpr: Floats
    slow_levels: Floats
    virgin: Floats
    method_weights: Floats
    specific_values: Floats
    specific_below: Floats
    ranged_values: Floats
    ranged_below: Floats
    trusted: Ints


class Recursions(NamedTuple):
    """What runs on across sessions: value and bars seen of EMAs [2, 4], ATRs [2, 3] and ATRs of slower bars [2, 2].

    ``noise`` [2, 1] is Wilder's mean of the sizes of one-minute changes, contract held: unlike a true range it is the
    same thing where a source knows closes only. ``premium`` [1, 4] are EMAs of the straddle over the root of the years
    to expiry, and row 0 of ``noise`` is of that: premium per root of time does not fall for decay alone.
    """

    ema: Floats
    ema_bars: Floats
    atr: Floats
    atr_bars: Floats
    slow_atr: Floats
    slow_bars: Floats
    noise: Floats
    noise_bars: Floats
    premium: Floats
    premium_bars: Floats

    @staticmethod
    def fresh() -> Recursions:
        """Nothing seen yet."""
        shapes = ((N_ASSETS, 4), (N_ASSETS, 3), (N_ASSETS, N_TIMEFRAMES), (N_ASSETS, 1), (1, 4))
        return Recursions(*(part for shape in shapes for part in (np.full(shape, np.nan), np.zeros(shape))))

    def copy(self) -> Recursions:
        """The same numbers in arrays of their own."""
        return Recursions(*(part.copy() for part in self))


class Carried(NamedTuple):
    """Recursions within a session and its traces; filled in place, values only.

    ``left`` are the recursions as they stand. ``last`` [2] last close of each asset; ``extremes`` [2] highest and
    lowest price of the underlying; ``path`` [2, 2, 4] of the unfinished slow bars: prices seen, the held contract's way
    since the bar before, its highest and its lowest; ``ages`` [5, 2] side and bars since it changed (ATR trend of both
    assets, squeeze of both, EMA cross of the underlying); ``touched`` [n] 1 where a virgin range has been touched
    today. Traces [n_bars, ...]: ``range_trace`` the ATR of the first span, ``ema_trace`` EMAs of the first and third
    span of the underlying, ``return_trace`` [n_bars, 3] log returns of both assets and the size of the underlying's,
    ``quantity_trace`` [n_bars, 8] what is remembered by days to expiry.
    """

    left: Recursions
    last: Floats
    extremes: Floats
    path: Floats
    ages: Floats
    touched: Floats
    range_trace: Floats
    ema_trace: Floats
    return_trace: Floats
    quantity_trace: Floats

    @staticmethod
    def begin(n_bars: int, opening: Recursions, virgin: int) -> Carried:
        """Before the first minute, with the recursions of the sessions before."""
        path = np.zeros((N_ASSETS, N_TIMEFRAMES, 4))
        return Carried(
            left=opening.copy(),
            last=np.full(N_ASSETS, np.nan),
            extremes=np.full(2, np.nan),
            path=path,
            ages=np.zeros((5, 2)),
            touched=np.zeros(virgin),
            range_trace=np.full((n_bars, N_ASSETS), np.nan),
            ema_trace=np.full((n_bars, 2), np.nan),
            return_trace=np.full((n_bars, 3), np.nan),
            quantity_trace=np.full((n_bars, N_QUANTITIES), np.nan),
        )
