"""What a C3 kernel reads besides the inputs of a session, and what it carries from minute to minute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HIGHS, LOWS = 0, 1
"""Kinds of swing points."""
REGULAR_BULL, REGULAR_BEAR, HIDDEN_BULL, HIDDEN_BEAR, EXTREME = range(5)
STEP_CE, STEP_PE, STEP_ALL, STEP_PRICE, PCR, IV, THREE_WAY, ABSORBED, FLOW = range(9)
"""Rows of ``Carried.trace``."""
STATES = ("strong_bull", "strong_bear", "institutional", "ranging", "transition", "arbitrage")
"""Three-way states of calls, puts and underlying."""
STRONG_BULL, STRONG_BEAR, INSTITUTIONAL, RANGING, TRANSITION, ARBITRAGE = range(6)


class DayConstants(NamedTuple):
    """Fixed during a session. Plain numbers and arrays, so that compiled code takes it as it is.

    ``usual``, ``least`` strikes of a sum; ``sides`` int64 [3] strikes on each side in low, usual and high volatility
    and ``range_cuts`` [2] points between them; spans and windows int64 in bars; cuts highest first where they are three
    or four, ``pcr_cuts`` lowest first; ``velocity_cuts`` and ``ratio_cuts`` [3] those of the session's symbol;
    ``atr_period`` bars of Wilder's average; ``future`` 1 when the underlying is a listed future; ``lags`` every span,
    ascending, over which sums are compared with those of now.
    """

    n_bars: int
    usual: int
    least: int
    sides: Ints
    range_cuts: Floats
    velocity_minutes: Ints
    velocity_cuts: Floats
    timeframes: Ints
    timeframe_weights: Floats
    pcr_minutes: Ints
    correlation_windows: Ints
    swing_bars: int
    extreme_z: float
    buildup_cuts: Floats
    buildup_minutes: int
    future_share: float
    weak: float
    z_levels: Floats
    z_window: int
    ratio_cuts: Floats
    accumulation_z: float
    lookback: int
    absorption: Floats
    pcr_weights: Floats
    pcr_cuts: Floats
    pcr_scores: Floats
    pcr_most: float
    trend_weights: Floats
    integrated_weights: Floats
    wall_percentile: float
    enough: float
    atr_period: int
    future: int
    lags: Ints

    @property
    def widest(self) -> int:
        """Strikes on each side that any sum reaches for."""
        return int(max(self.usual, *self.sides.tolist()))

    @property
    def lookback_bars(self) -> int:
        """Bars before a minute that its sums may read."""
        return int(max(3 * max(self.velocity_minutes.tolist()), self.lags[-1], self.z_window))


class Carried(NamedTuple):
    """Recursions and session-long traces; filled in place.

    ``trace`` [9, n_bars]: 3-minute changes of call, put and all open interest, the underlying's 3-minute return,
    PCR, ATM volatility in points, the three-way state as a number, how far the bar absorbed, the net flow as last
    known. ``flow`` [4] net flow so far, the last minute it was known (-1), its squared steps, the first minute it
    was known (-1). ``walk`` [3] last price of the underlying, squared log returns, first priced minute (-1).
    ``atr`` [3] average true range, bars seen, last close of the session. ``pain`` [2] first max pain of the
    session, minute that its expiry came into sight. ``zigzag`` [2] what is waited for (1 a high, -1 a low, 0
    either), minute of the last swing. ``swings`` [2, 2, 2] price and net flow of the last two confirmed highs and
    lows, newest last. ``divergences`` [5, 4] sign while it stands (0 none, NaN two swings not known yet), strength
    when confirmed, minute when the swing was confirmed, minute of the last confirmation (NaN never).
    """

    trace: Floats
    flow: Floats
    walk: Floats
    atr: Floats
    pain: Floats
    zigzag: Floats
    swings: Floats
    divergences: Floats

    @staticmethod
    def fresh(n_bars: int) -> Carried:
        """Before the first minute, nothing known from earlier sessions."""
        return Carried(
            trace=np.full((9, n_bars), np.nan),
            flow=np.array([0.0, -1.0, 0.0, -1.0]),
            walk=np.array([np.nan, 0.0, -1.0]),
            atr=np.array([np.nan, 0.0, np.nan]),
            pain=np.array([np.nan, -1.0]),
            zigzag=np.zeros(2),
            swings=np.full((2, 2, 2), np.nan),
            divergences=np.full((5, 4), np.nan),
        )


class StrikeWindow(NamedTuple):
    """The strikes around the money of some minutes, and as much of their past as sums over them read.

    ``first`` minute of row 0; ``oi``, ``volume``, ``close`` [N, J, 2] of the J strikes that any of the minutes names;
    ``near`` int64 [n, 2 reach + 1] where ATM + j * step stands among them, -1 nowhere; ``opened`` int64 [n] first
    minute from which on the nearest expiry has been the one of now, -1 before any; ``traded``, ``heard`` [N + 1, J, 2]
    volume before each row and bars that have one.
    """

    first: int
    oi: Floats
    volume: Floats
    close: Floats
    near: Ints
    opened: Ints
    traded: Floats
    heard: Floats
