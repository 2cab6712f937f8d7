"""Vectors that change with the days to expiry: anchors, linear between them, clamped outside."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterator
from itertools import pairwise

from mr_platform.parameters.constraints import Broken, holds

Anchors = tuple[tuple[int, tuple[float, ...]], ...]
"""(calendar days to expiry, vector) in ascending order of days."""


def at_dte(anchors: Anchors, dte: int) -> tuple[float, ...]:
    """The vector at ``dte`` calendar days: linear between the anchors, that of the nearest one outside them."""
    days = [anchor for anchor, _ in anchors]
    if dte <= days[0]:
        return anchors[0][1]
    if dte >= days[-1]:
        return anchors[-1][1]
    right = bisect.bisect_right(days, dte)
    (d0, w0), (d1, w1) = anchors[right - 1], anchors[right]
    share = (dte - d0) / (d1 - d0)
    return tuple(a + share * (b - a) for a, b in zip(w0, w1, strict=True))


@functools.lru_cache(maxsize=32)
def every_dte(anchors: Anchors) -> tuple[tuple[float, ...], ...]:
    """The vectors at 0, 1, ... days to expiry, up to the last anchor's; beyond it they stay as they are there."""
    return tuple(at_dte(anchors, days) for days in range(anchors[-1][0] + 1))


def sound_anchors(anchors: Anchors, width: int, *fields: str) -> Iterator[Broken]:
    """Days ascend, and each vector has ``width`` values, none negative."""
    days = [day for day, _ in anchors]
    rising = bool(days) and all(a < b for a, b in pairwise(days))
    yield from holds(rising, "anchors ascend in days to expiry", days, *fields)
    yield from holds(
        all(len(vector) == width and all(x >= 0 for x in vector) for _, vector in anchors),
        f"each anchor has {width} values, none negative",
        anchors,
        *fields,
    )


def by_threshold(dte: int, bounds: tuple[int, ...], values: tuple[float, ...]) -> float:
    """The value of the first bound that ``dte`` does not exceed; the last value beyond all bounds."""
    for bound, value in zip(bounds, values, strict=False):
        if dte <= bound:
            return value
    return values[-1]
