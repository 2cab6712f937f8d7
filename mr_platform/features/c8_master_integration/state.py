"""What a C8 kernel reads besides the components' answers, and what it carries from minute to minute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_COMPONENTS = 7
N_REGIMES = 8
LEADER, FLIP, HIT, GRADE, DISPERSION, COHERENCE = range(6)
N_TRACES = 6
GRID = 65536.0
"""Scores and confidences are taken to 16 bits, so that components that agree to rounding give the same regimes."""
SLACK = 1e-9
"""What a bar count may lack to the share that is asked for."""


class DayConstants(NamedTuple):
    """Fixed during a session. Plain numbers and arrays, so that compiled code takes it as it is.

    ``weights`` [3, 7] of the components by range of days to expiry, which ends at ``bounds`` [2]; ``signatures``
    [3, 8, 7] weights, low and high ends; ``minutes`` [3] short, middle and long window; ``flag`` and ``adapt`` relative
    shifts of performance; ``usual`` share of earlier observations at these days to expiry that were led as fifteen
    minutes before, NaN where too few are known.
    """

    n_bars: int
    weights: Floats
    bounds: Ints
    signatures: Floats
    score_share: float
    match_floor: float
    degraded: float
    minutes: Ints
    enough: float
    flag: float
    adapt: float
    usual: float


class Carried(NamedTuple):
    """Traces of the session so far [n_bars, ...], NaN where not known, and sums; filled in place.

    ``scores`` [n_bars, 7], ``shares`` [n_bars, 7] in the weights in force, ``p`` [n_bars, 8]; ``traces`` [n_bars, 6]
    leading regime, whether it changed, whether it led a short window earlier too, graded size of the performance's
    shift, dispersion, coherence. ``before`` [7, 2] sum and count of the scores before the short window, ``hits`` [2]
    the same of hits before the long one; ``lead`` [2] leading regime and how many minutes it has led.
    """

    scores: Floats
    shares: Floats
    p: Floats
    traces: Floats
    before: Floats
    hits: Floats
    lead: Floats

    @staticmethod
    def fresh(n_bars: int) -> Carried:
        """Before the first minute."""
        return Carried(
            scores=np.full((n_bars, N_COMPONENTS), np.nan),
            shares=np.full((n_bars, N_COMPONENTS), np.nan),
            p=np.full((n_bars, N_REGIMES), np.nan),
            traces=np.full((n_bars, N_TRACES), np.nan),
            before=np.zeros((N_COMPONENTS, 2)),
            hits=np.zeros(2),
            lead=np.array([np.nan, 0.0]),
        )
