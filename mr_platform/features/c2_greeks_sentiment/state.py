"""What a C2 kernel reads besides the session's inputs, and what it carries from minute to minute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DELTA, GAMMA, THETA, VEGA, VANNA, CHARM, VOLGA = range(7)
N_GREEKS = 7
FIRST_ORDER = 4
"""Greeks of the first order; the other three are of the second."""
N_STRADDLES = 3
STRADDLE_AT = (0, -1, 1)
"""Steps of the ATM, ITM1 and OTM1 strike from ATM."""
CALL, PUT = 0, 1
EXPOSURE_LAGS = (0, 5, 15)
"""Minutes back at which the exposures of this minute's strikes are read."""
WEIGHT_HELD = 1
"""The lag whose exposures stand under this minute's weights: what changed since is the Greek alone."""
LEG_VOLUME, LEG_OI, LEG_IV, LEG_WEIGHT, LEG_DELTA, LEG_VEGA = range(6)
LEG_FIELDS = 6
FLOW_DELTA, FLOW_DELTA_GROSS, FLOW_VEGA, FLOW_VEGA_GROSS = range(4)
ACTIVE_VOLUME, ACTIVE_OI, LARGEST_VOLUME, OVERALL = range(4)
"""Quantities remembered by days to expiry besides the exposures."""


class DayConstants(NamedTuple):
    """Fixed during a session. Plain numbers and arrays, so that compiled code takes it as it is.

    ``lot`` units of the underlying in a contract; ``volume_median`` and ``oi_median`` contracts (v0, o0); ``weights``
    [7] of the Greeks in force; ``order_shares`` of first and second order; ``scale`` [3, 7] robust scale of each
    straddle's exposures, NaN where the session's own must do after ``least_scale_minutes``, at least
    ``least_scale_share`` of the size of both legs; ``learned`` 1 where the medians and all scales are those of the same
    days to expiry; ``multipliers`` [days, 7], ``pin`` [days], ``transition`` [days] by days to expiry; ``cuts`` [6] of
    the sentiment levels in force; ``large_flow`` contracts of a large flow in one leg.
    """

    n_bars: int
    lot: float
    reach: int
    least_strikes: int
    least_wing: int
    volume_share: float
    volume_cap: float
    oi_share: float
    oi_cap: float
    volume_median: float
    oi_median: float
    weights: Floats
    order_shares: Floats
    straddle_weights: Floats
    scale: Floats
    least_scale_share: float
    least_scale_minutes: int
    learned: int
    multipliers: Floats
    pin: Floats
    transition: Floats
    transition_score_cap: float
    transition_cap: float
    confidence_weights: Floats
    agreement_floor: float
    confidence_floor: float
    cuts: Floats
    large_flow: float
    enough: float


class Carried(NamedTuple):
    """Session-long traces and running states; filled in place, values only.

    ``exposure`` [n_bars, 3, 7] of the straddles; ``greeks`` [n_bars, 7] normalised Greeks over the straddles;
    ``overall`` [n_bars]; ``active`` [n_bars, 3] median volume and open interest of the six legs and the largest volume
    of a leg of the set, in contracts; ``flow`` [n_bars, 4] sums behind the directional and volatility flow;
    ``ranked`` [3, 7, n_bars] sizes of the exposures so far in ascending order and ``ranked_count`` [3, 7];
    ``level`` [2] sentiment level and the minutes it has stood.
    """

    exposure: Floats
    greeks: Floats
    overall: Floats
    active: Floats
    flow: Floats
    ranked: Floats
    ranked_count: Ints
    level: Floats

    @staticmethod
    def fresh(n_bars: int) -> Carried:
        """Before the first minute."""
        return Carried(
            exposure=np.full((n_bars, N_STRADDLES, N_GREEKS), np.nan),
            greeks=np.full((n_bars, N_GREEKS), np.nan),
            overall=np.full(n_bars, np.nan),
            active=np.full((n_bars, 3), np.nan),
            flow=np.full((n_bars, 4), np.nan),
            ranked=np.full((N_STRADDLES, N_GREEKS, n_bars), np.nan),
            ranked_count=np.zeros((N_STRADDLES, N_GREEKS), np.int64),
            level=np.array([np.nan, 0.0]),
        )


class Market(NamedTuple):
    """What a kernel reads of the session's inputs, minutes [0, stop) in front; names and units as in SessionInputs.

    ``price`` and ``held`` [M, 6] close now and of the same contract a minute ago of ATM, ITM1, OTM1 call, then puts.
    """

    price: Floats
    held: Floats
    underlying: Floats
    dte: Ints
    expiry: Ints
    forward: Floats
    years: Floats
    step: Floats
    around: Ints
    strikes: Floats


class Legs(NamedTuple):
    """The set of ATM and ``reach`` strikes on each side, of minutes [start, stop) = N rows, S strikes.

    ``exposure`` [N, 3, S, 2, 7]: leg weight times Greek of this minute's strikes now and ``EXPOSURE_LAGS`` minutes ago
    (at ``WEIGHT_HELD`` with the weight of now), NaN where unknown or of another expiry. Gamma as change of delta per
    1 % of the forward; theta, vega and volga in basis points of the forward. ``now`` [N, S, 2, 6]: volume and open
    interest in contracts, volatility, leg weight, delta and vega of one unit.
    """

    exposure: Floats
    now: Floats
