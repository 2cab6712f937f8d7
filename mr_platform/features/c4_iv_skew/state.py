"""What a C4 kernel reads besides the session's inputs, and what it carries from minute to minute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

QUANTITIES = ("atm_iv", "risk_reversal_25", "butterfly_25", "slope_next")
"""What the history keeps of a session, at each five-minute bar's last minute."""
N_QUANTITIES = len(QUANTITIES)
ATM_IV, REVERSAL, BUTTERFLY, TERM_SLOPE = range(N_QUANTITIES)
MINUTES_A_YEAR = 252.0 * 375.0
"""Trading minutes a year: a realised volatility of one-minute returns is annualised with them."""


class DayConstants(NamedTuple):
    """Fixed during a session. Plain numbers and arrays, so that compiled code takes it as it is.

    ``dte`` whose percentiles these are; ``typical`` ATM volatility of the symbol; ``wing_quantiles`` standard normal
    quantiles of ``wing_deltas``, smallest delta first; ``reversal_steps`` [5] distances in strike steps; ``momentum``
    [4] minutes; ``transitions`` [3] of skew, ATM and wing; ``fear_points`` [2, 4] put less call skew ascending and the
    fear that goes with it; ``score_weights`` [4]; ``prototypes`` [5, 2]; ``velocity_on`` and ``smile_on`` 0 or 1.
    Histories at the specific DTE and at its range: ``values`` [4, N] ascending (inf beyond what is known), ``below``
    [4, N + 1] observations before each place, ``known`` [4] values, ``trust`` [4] whether they replace the default,
    ``seen`` [4] observations.
    """

    n_bars: int
    dte: int
    typical: float
    typical_spread: float
    wing_deltas: Floats
    wing_quantiles: Floats
    least_strikes: int
    reversal_steps: Floats
    asymmetry: float
    contango: float
    backwardation: float
    level_cuts: Floats
    percentile_least: int
    consistency: float
    consistency_count: float
    momentum: NDArray[np.int64]
    transitions: Floats
    fear_points: Floats
    prototypes: Floats
    pattern_width: float
    score_weights: Floats
    history_share: float
    velocity_on: int
    abnormal: float
    smile_on: int
    enough: float
    specific_values: Floats
    specific_below: Floats
    specific_known: NDArray[np.int64]
    specific_trust: NDArray[np.int64]
    specific_seen: Floats
    range_values: Floats
    range_below: Floats
    range_known: NDArray[np.int64]
    range_trust: NDArray[np.int64]
    range_seen: Floats


class Carried(NamedTuple):
    """Traces of the session so far, filled in place; no strike is remembered, only values.

    ``quantities`` [n_bars, 4] as ``QUANTITIES``; ``atm`` [n_bars, 3] rolling ATM volatility by role; ``wing`` [n_bars]
    mean volatility of the headline wings; ``change`` [n_bars, 2] one-minute change of the volatility of the ATM strike
    of that minute, nearest and next expiry; ``velocity`` [n_bars] one-minute move of the smile; ``level`` [n_bars]
    within the session; ``graded`` [n_bars] term slope in units of its cuts.
    """

    quantities: Floats
    atm: Floats
    wing: Floats
    change: Floats
    velocity: Floats
    level: Floats
    graded: Floats

    @staticmethod
    def fresh(n_bars: int) -> Carried:
        """Before the first minute."""
        return Carried(
            quantities=np.full((n_bars, N_QUANTITIES), np.nan),
            atm=np.full((n_bars, 3), np.nan),
            wing=np.full(n_bars, np.nan),
            change=np.full((n_bars, 2), np.nan),
            velocity=np.full(n_bars, np.nan),
            level=np.full(n_bars, np.nan),
            graded=np.full(n_bars, np.nan),
        )
