"""Options side by side: how many a vector loop takes at a time, and filling its rows."""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 128
"""Options that one pass of the vector loop takes: about both legs of an expiry's strikes, for every pass begins by
loading some forty constants. Even, so that a lane's parity is its leg."""


@njit(cache=True, error_model="numpy")
def copy(values: np.ndarray, into: np.ndarray) -> None:
    for j in range(values.size):
        into[j] = values[j]
