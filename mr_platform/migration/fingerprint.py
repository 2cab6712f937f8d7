"""Compiled arithmetic of the row digest: keyed 128-bit row fingerprints and their products.

A cell adds a strongly universal hash of its bits to its row's two 64-bit lanes (multiply-shift: the upper half of
``a*x + b`` mod 2^128, Dietzfelbinger 1996, with keys of its own for each column, word and lane). A table's rows are
gathered as the product of ``point + fingerprint`` mod 2^127 - 1, a polynomial identity test that neither the order of
the rows nor the chunks they came in can change, and as a Horner sum, which every change of order changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

PRIME = (1 << 127) - 1
KEY_WORDS = 10
"""Words of a key: a (high, low) and b (high, low) for either lane, then what a NULL adds to either lane."""

_TOP = np.uint64((1 << 63) - 1)
_ONE = np.uint64(1)


@intrinsic
def _product_high(typing_context: Any, x: Any, y: Any) -> Any:
    """Upper 64 bits of the 128-bit product of two unsigned words: one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        left, right = (builder.zext(argument, wide) for argument in arguments)
        product = builder.mul(left, right)
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@njit(cache=True, inline="always")
def _lane(x: np.uint64, a_high: np.uint64, a_low: np.uint64, b_high: np.uint64, b_low: np.uint64) -> np.uint64:
    low = a_low * x + b_low
    carry = np.uint64(low < b_low)
    return np.uint64(_product_high(a_low, x) + a_high * x + b_high + carry)


@njit(cache=True, nogil=True)
def add_words(
    words: np.ndarray, start: int, valid: np.ndarray, valid_start: int, key: np.ndarray, lanes: np.ndarray
) -> None:
    """Add cells ``start ..`` of a fixed-width column to the rows' ``lanes`` [n, 2].

    ``words``: the cells' bits as unsigned integers. ``valid``: Arrow's bitmap, bit ``valid_start`` for the first of
    these cells; empty where none is NULL. ``key`` [KEY_WORDS].
    """
    for i in range(len(lanes)):
        bit = valid_start + i
        if valid.size and not (valid[bit >> 3] >> (bit & 7)) & 1:
            lanes[i, 0] += key[8]
            lanes[i, 1] += key[9]
        else:
            x = np.uint64(words[start + i])
            lanes[i, 0] += _lane(x, key[0], key[1], key[2], key[3])
            lanes[i, 1] += _lane(x, key[4], key[5], key[6], key[7])


@njit(cache=True, nogil=True)
def add_entries(
    indices: np.ndarray,
    start: int,
    valid: np.ndarray,
    valid_start: int,
    entries: np.ndarray,
    key: np.ndarray,
    lanes: np.ndarray,
) -> None:
    """As `add_words` for a dictionary column: what each cell adds stands in ``entries`` [dictionary, 2]."""
    for i in range(len(lanes)):
        bit = valid_start + i
        if valid.size and not (valid[bit >> 3] >> (bit & 7)) & 1:
            lanes[i, 0] += key[8]
            lanes[i, 1] += key[9]
        else:
            entry = indices[start + i]
            lanes[i, 0] += entries[entry, 0]
            lanes[i, 1] += entries[entry, 1]


@njit(cache=True)
def _reduced(high: np.uint64, low: np.uint64) -> tuple[np.uint64, np.uint64]:
    """A 128-bit number mod 2^127 - 1: its bit 127 counts as one."""
    low_sum = low + (high >> np.uint64(63))
    high_sum = (high & _TOP) + np.uint64(low_sum < low)
    if high_sum > _TOP:
        # 2^127 itself: all lower bits are zero
        return np.uint64(0), _ONE
    if high_sum == _TOP and low_sum == ~np.uint64(0):
        return np.uint64(0), np.uint64(0)
    return high_sum, low_sum


@njit(cache=True)
def _sum(x1: np.uint64, x0: np.uint64, y1: np.uint64, y0: np.uint64) -> tuple[np.uint64, np.uint64]:
    low = x0 + y0
    high, low = _reduced(x1 + y1 + np.uint64(low < x0), low)
    return high, low


@njit(cache=True)
def _times(x1: np.uint64, x0: np.uint64, y1: np.uint64, y0: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Product mod 2^127 - 1 of two numbers below it, each in two words."""
    w0 = x0 * y0
    w1 = _product_high(x0, y0)
    cross = x1 * y0
    w1 = w1 + cross
    w2 = _product_high(x1, y0) + np.uint64(w1 < cross)
    cross = x0 * y1
    w1 = w1 + cross
    carry = _product_high(x0, y1) + np.uint64(w1 < cross)
    w2 = w2 + carry
    w3 = np.uint64(w2 < carry)
    cross = x1 * y1
    w2 = w2 + cross
    w3 = w3 + _product_high(x1, y1) + np.uint64(w2 < cross)
    # the part above bit 127 counts once more from bit 0
    over1 = (w3 << _ONE) | (w2 >> np.uint64(63))
    over0 = (w2 << _ONE) | (w1 >> np.uint64(63))
    high, low = _reduced(over1, over0)
    high, low = _sum(w1 & _TOP, w0, high, low)
    return high, low


@njit(cache=True, nogil=True)
def gather(lanes: np.ndarray, points: np.ndarray, state: np.ndarray) -> None:
    """Take rows into ``state`` [2, 2]: the product over all rows, and the Horner sum in their order.

    ``points`` [2, 2]: where either polynomial is evaluated, (high, low), below 2^127 - 1.
    """
    product1, product0, sum1, sum0 = state[0, 0], state[0, 1], state[1, 0], state[1, 1]
    for i in range(len(lanes)):
        row1, row0 = _reduced(lanes[i, 0], lanes[i, 1])
        factor1, factor0 = _sum(row1, row0, points[0, 0], points[0, 1])
        product1, product0 = _times(product1, product0, factor1, factor0)
        sum1, sum0 = _times(sum1, sum0, points[1, 0], points[1, 1])
        sum1, sum0 = _sum(sum1, sum0, row1, row0)
    state[0, 0], state[0, 1], state[1, 0], state[1, 1] = product1, product0, sum1, sum0
