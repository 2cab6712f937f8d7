"""Scalar pieces of windows along a session, compiled.

Windows are summed afresh in a fixed order: a tick then gives the very bits of a batch. ``enough`` is the share of a
window's bars that must be there, bars before the open counting as missing.
"""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def sign(x: float) -> float:
    """-1, 0 or 1; 0 for NaN."""
    return 1.0 if x > 0 else -1.0 if x < 0 else 0.0


@njit(cache=True, error_model="numpy")
def window_mean(values: Floats, t: int, n: int, enough: float) -> float:
    """Mean of the finite values of the ``n`` bars ending at ``t``; NaN with too few."""
    total = 0.0
    count = 0
    for i in range(max(0, t - n + 1), t + 1):
        if not math.isnan(values[i]):
            total += values[i]
            count += 1
    return total / count if count >= enough * n else math.nan


@njit(cache=True, error_model="numpy")
def window_std(values: Floats, t: int, n: int, enough: float) -> float:
    """Population standard deviation of the ``n`` bars ending at ``t``; NaN with too few."""
    mean = window_mean(values, t, n, enough)
    if math.isnan(mean):
        return math.nan
    square = 0.0
    count = 0
    for i in range(max(0, t - n + 1), t + 1):
        if not math.isnan(values[i]):
            square += (values[i] - mean) ** 2
            count += 1
    return math.sqrt(square / count)
