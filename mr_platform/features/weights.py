"""Weights that sum to 1 within bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDING = 1e-15


def summing_to_one(weights: Floats, low: Floats, high: Floats) -> Floats:
    """Sum 1 with each weight within its [low, high]: clip, then spread the rest over the weights that can move."""
    out = np.clip(weights, low, high)
    for _ in range(out.size):
        left = 1.0 - out.sum()
        free = (out < high) if left > 0 else (out > low)
        if abs(left) < _ROUNDING or not free.any():
            break
        out[free] = np.clip(out[free] + left / free.sum(), low[free], high[free])
    return out
