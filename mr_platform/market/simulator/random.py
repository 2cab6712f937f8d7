"""Counter-based random numbers: a value belongs to its key, whatever else is drawn before or beside it.

The mixing function is SplitMix64's finaliser (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0


@numba.njit(cache=True, inline="always")
def mix(value: np.uint64) -> np.uint64:
    """64 well-mixed bits from 64 bits."""
    x = value + _STEP
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


@numba.njit(cache=True, inline="always")
def unit(bits: np.uint64) -> float:
    """A number in [0, 1) from 64 bits."""
    return np.float64(bits >> _S11) * _UNIT


@numba.njit(cache=True)
def _normals(key: np.uint64, grid: NDArray, counters: NDArray) -> NDArray:  # pragma: no cover - compiled
    values = np.empty((counters.size, grid.size))
    for c in range(counters.size):
        start = mix(mix(key) ^ np.uint64(counters[c]))
        for k in range(grid.size):
            bits = mix(start ^ np.uint64(grid[k]))
            first = max(unit(bits), 1e-12)
            second = unit(mix(bits))
            values[c, k] = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return values


def hashed_normals(key: int, grid: NDArray[np.int64], counters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standard normals [counter, grid position], each of which belongs to (key, counter, grid position)."""
    normals: NDArray[np.float64] = _normals(np.uint64(key), grid, counters)
    return normals


def stream_key(seed: int, *words: int) -> int:
    """A 63-bit key of a stream, from the seed and what the stream is about."""
    return int(np.random.SeedSequence(seed, spawn_key=words).generate_state(1, np.uint64)[0] >> np.uint64(1))
