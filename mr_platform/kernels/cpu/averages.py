"""Averages of a few values of which some may be missing, compiled: what components join their parts with."""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def weighted_mean(values: Floats, weights: Floats) -> float:
    """Mean of the finite values under their weights renormalised; NaN when none is finite."""
    total = 0.0
    weight = 0.0
    for i in range(values.shape[0]):
        if not math.isnan(values[i]):
            total += values[i] * weights[i]
            weight += weights[i]
    return total / weight if weight > 0 else math.nan


@njit(cache=True, error_model="numpy")
def dispersion(values: Floats) -> float:
    """Population standard deviation of the finite values; NaN with fewer than two."""
    n = 0
    total = 0.0
    for i in range(values.shape[0]):
        if not math.isnan(values[i]):
            n += 1
            total += values[i]
    if n < 2:
        return math.nan
    mean = total / n
    square = 0.0
    for i in range(values.shape[0]):
        if not math.isnan(values[i]):
            square += (values[i] - mean) ** 2
    return math.sqrt(square / n)
