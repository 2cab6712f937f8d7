"""Pieces of the C3 reference: sums over the strikes held, windows inside the session, grades, zig-zag."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mr_platform.features.c3_oi_price_action.state import DayConstants, Floats, Ints
from mr_platform.features.inputs import ATM, SessionInputs
from mr_platform.kernels.reference.chain_sums import sums_at

NAN = math.nan


def total(values: Floats) -> float:
    """Sum in order: thresholds may tie, so the order of sums matters."""
    return float(np.cumsum(values)[-1]) if values.size else 0.0


def relative(now: float, before: float) -> float:
    """(now - before) / before; NaN unless there was something before."""
    return (now - before) / before if before > 0 else NAN


def opened(expiry: Ints) -> Ints:
    """First minute from which on the nearest expiry has been that of each minute [M]."""
    changed = np.append(True, expiry[1:] != expiry[:-1])
    return np.asarray(np.maximum.accumulate(np.where(changed, np.arange(expiry.size), 0)))


@dataclass(frozen=True, eq=False)
class Held:
    """Sums over the strikes that a minute holds: ``side`` strikes on each side of the money, at least ``least``.

    ``opened`` [M] first minute from which on the nearest expiry has been that of each minute.
    """

    inputs: SessionInputs
    opened: Ints
    side: int
    least: int
    day: DayConstants

    def strikes(self, t: int) -> Ints:
        """Indices of the strikes within ``side`` steps that the chain has."""
        around = self.inputs.around[t, ATM - self.side : ATM + self.side + 1]
        return np.asarray(around[around >= 0])

    def sums(self, field: Floats, t: int, leg: int, minutes: Sequence[int]) -> Floats:
        """Sums at the minutes over the strikes of ``t`` there at all of them; NaN where one is of another expiry."""
        out = np.full(len(minutes), NAN)
        if min(minutes) >= self.opened[t]:
            sums_at(field, self.strikes(t), leg, np.array(minutes, np.int64), self.least, out)
        return out

    def change(self, field: Floats, t: int, leg: int, n: int) -> float:
        """Relative change over ``n`` minutes."""
        now, before = self.sums(field, t, leg, (t, t - n))
        return relative(now, before)

    def acceleration(self, field: Floats, t: int, leg: int, n: int) -> float:
        """Change of the relative change over ``n`` minutes, one set of strikes at all three times."""
        now, before, earlier = self.sums(field, t, leg, (t, t - n, t - 2 * n))
        return relative(now, before) - relative(before, earlier)

    def window(self, t: int, k: int, leg: int, n: int) -> Floats:
        """Volumes of one strike in the ``n`` bars that end at ``t``, as far as known."""
        part = self.inputs.chain_volume[max(t - n + 1, 0) : max(t + 1, 0), k, leg]
        return np.asarray(part[~np.isnan(part)])

    def volumes(self, t: int, leg: int, n: int, times: int) -> Floats:
        """Volume of the ``n`` bars that end at ``t``, at ``t - n``, ..., over strikes with enough bars in each."""
        opened = int(self.opened[t])
        found = []
        for k in self.strikes(t):
            windows = [self.window(end, k, leg, min(n, end - opened + 1)) for end in range(t, t - times * n, -n)]
            if all(one.size >= self.day.enough * n for one in windows):
                found.append([total(one) for one in windows])
        if len(found) < self.least:
            return np.full(times, NAN)
        return np.asarray(np.cumsum(np.array(found), axis=0)[-1])

    def pace(self, t: int, k: int, leg: int, n: int) -> float:
        """Mean volume a bar of one strike in ``n`` bars."""
        known = self.window(t, k, leg, min(n, t - int(self.opened[t]) + 1))
        return total(known) / known.size if known.size and known.size >= self.day.enough * n else NAN


def grade(x: float, cuts: Floats) -> float:
    """Thirds at the three cuts (highest first), linear in between, signed."""
    if math.isnan(x):
        return NAN
    strong, moderate, weak = cuts
    size = float(np.interp(abs(x), [0.0, weak, moderate, strong], [0.0, 1 / 3, 2 / 3, 1.0]))
    return size if x > 0 else -size


def level(z: float, cuts: Floats) -> float:
    """Share of the cuts reached, signed."""
    return math.copysign(float(np.mean(abs(z) >= cuts)), z) if not math.isnan(z) else NAN


def buildup(price: float, oi: float, price_cut: float, oi_cut: float, weak: float) -> float:
    """Signed by the price; new positions 1, closed ones ``weak``; geometric mean of both moves over their cuts."""
    if math.isnan(price) or math.isnan(oi):
        return NAN
    strength = min(1.0, math.sqrt(abs(price) / price_cut * (abs(oi) / oi_cut)))
    return (1 if price > 0 else -1) * (1 if oi > 0 else weak) * strength


STATES = {(True, True): "long_buildup", (True, False): "short_covering"}
STATES |= {(False, True): "short_buildup", (False, False): "long_unwinding"}


def quadrant(price: float, oi: float, price_cut: float, oi_cut: float) -> str | None:
    """State of the build-up matrix, "none" within the cuts, None where not known."""
    if math.isnan(price) or math.isnan(oi):
        return None
    if abs(price) <= price_cut or abs(oi) <= oi_cut:
        return "none"
    return STATES[price > 0, oi > 0]


DIRECTION = {"none": 0.0, "long_buildup": 1.0, "short_covering": 1.0, "short_buildup": -1.0, "long_unwinding": -1.0}


def last(x: Floats, t: int, n: int, enough: float) -> Floats:
    """What is known of the ``n`` bars ending at ``t``; empty where it is not enough."""
    part = x[max(t - n + 1, 0) : t + 1]
    known = part[~np.isnan(part)]
    return known if known.size >= enough * n else known[:0]


def mean_of(x: Floats, t: int, n: int, enough: float) -> float:
    """Mean of the window."""
    known = last(x, t, n, enough)
    return total(known) / known.size if known.size else NAN


def standing(x: Floats, t: int, n: int, enough: float) -> float:
    """Standard score of ``x[t]`` in the window, population deviation; NaN where all are equal."""
    known = last(x, t, n, enough)
    if known.size == 0 or math.isnan(x[t]) or np.all(known == known[0]):
        return NAN
    mean = total(known) / known.size
    return float((x[t] - mean) / math.sqrt(total((known - mean) ** 2) / known.size))


def correlation(x: Floats, y: Floats, t: int, n: int, enough: float) -> float:
    """Correlation over the bars of the window that have both; NaN where one is constant there."""
    both = np.column_stack([x, y])[max(t - n + 1, 0) : t + 1]
    both = both[~np.isnan(both).any(axis=1)]
    if both.shape[0] == 0 or both.shape[0] < enough * n or np.any(np.all(both == both[0], axis=0)):
        return NAN
    dx, dy = (both - np.cumsum(both, axis=0)[-1] / both.shape[0]).T
    r = total(dx * dy) / (math.sqrt(total(dx * dx)) * math.sqrt(total(dy * dy)))
    return min(max(r, -1.0), 1.0)


def weighted(parts: Sequence[float], weights: Floats) -> float:
    """Mean of what is known under its weights renormalised."""
    known = [(x, w) for x, w in zip(parts, weights, strict=True) if not math.isnan(x)]
    weight = sum(w for _, w in known)
    return sum(x * w for x, w in known) / weight if weight > 0 else NAN


def plain_mean(values: Sequence[float]) -> float:
    """Mean of what is known."""
    known = [x for x in values if not math.isnan(x)]
    return sum(known) / len(known) if known else NAN


def swings(price: Floats, bars: int) -> list[tuple[int, str, int]]:
    """Confirmed swings of a zig-zag: (minute of confirmation, "high" or "low", minute of the swing)."""
    found: list[tuple[int, str, int]] = []
    waiting = "either"
    since = 0
    for t in range(price.size):
        part = price[since : t + 1]
        if math.isnan(price[t]) or np.all(np.isnan(part)):
            continue
        # a high is followed by the lowest bar after it, a low by the highest one; the first of equals counts
        high, low = since + int(np.nanargmax(part)), since + int(np.nanargmin(part))
        ready = []
        if waiting != "low" and t - high >= bars and np.nanmin(price[high : t + 1]) < price[high]:
            ready.append((high, "high"))
        if waiting != "high" and t - low >= bars and np.nanmax(price[low : t + 1]) > price[low]:
            ready.append((low, "low"))
        if ready:
            since, kind = min(ready)
            found.append((t, kind, since))
            waiting = "low" if kind == "high" else "high"
    return found


def squares(price: Floats) -> Floats:
    """Squared log returns from one known price to the next, at the bar of the later one; 0 elsewhere."""
    out = np.zeros(price.size)
    known = np.flatnonzero(~np.isnan(price))
    out[known[1:]] = np.diff(np.log(price[known])) ** 2
    return out


def per_bar(squares: Floats, known: Floats, t: int) -> float:
    """Realised deviation of one bar since the first that is known."""
    first = np.flatnonzero(~np.isnan(known[: t + 1]))[:1]
    return math.sqrt(total(squares) / (t - first[0])) if first.size and t > first[0] else NAN
