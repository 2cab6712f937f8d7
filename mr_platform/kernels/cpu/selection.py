"""Order statistics by selection, compiled: no sort of what one quantile is wanted of."""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def linear_quantile(values: Floats, n: int, share: float) -> float:
    """Linear quantile of the first ``n`` values, one at least and none NaN, which are reordered.

    C. A. R. Hoare, Algorithm 65: Find, Comm. ACM 4 (1961).
    """
    place = share * (n - 1)
    k = int(place)
    low, high = 0, n - 1
    # everything before k is at most, everything after it at least values[k]
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    at = values[k]
    if k + 1 >= n:
        return at
    after = math.inf
    for i in range(k + 1, n):
        after = min(after, values[i])
    return at + (after - at) * (place - k)
