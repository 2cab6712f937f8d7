"""Zones, touches and their labels as one would keep them in a notebook: plain objects, one asset, minute by minute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mr_platform.features.c7_support_resistance.reference_levels import AssetSession
from mr_platform.features.c7_support_resistance.state import METHOD_OF, N_METHODS, DayConstants, Floats

NAN = math.nan


@dataclass(frozen=True)
class Zone:
    """Levels within the tolerance of the lowest one: where it stands, and the methods that have a level in it."""

    value: float
    methods: frozenset[int]

    def weight(self, day: DayConstants) -> float:
        """Summed weight of its methods."""
        return min(float(sum(day.method_weights[m] for m in sorted(self.methods))), 1.0)

    @property
    def mask(self) -> int:
        """Its methods as bits."""
        return sum(1 << m for m in self.methods)


def zones_of(levels: Floats, a: int, day: DayConstants) -> list[Zone]:
    """Zones of a table of levels [41], ascending."""
    ordered = sorted((level, slot) for slot, level in enumerate(levels.tolist()) if not math.isnan(level))
    zones: list[Zone] = []
    while ordered:
        limit = ordered[0][0] * (1.0 + day.tolerance[a])
        inside = [pair for pair in ordered if pair[0] <= limit]
        ordered = ordered[len(inside) :]
        weights = [float(day.method_weights[METHOD_OF[slot]]) for _, slot in inside]
        total = sum(level * weight for (level, _), weight in zip(inside, weights, strict=True))
        zones.append(Zone(total / sum(weights), frozenset(int(METHOD_OF[slot]) for _, slot in inside)))
    return zones


@dataclass
class Touch:
    """A zone was touched at ``start``, from ``side`` (1 below, -1 above); ``label`` 1 broke, 0 held, NaN still open."""

    value: float
    start: float
    label: float
    volume: float
    side: float = NAN
    atr: float = NAN
    z: Sequence[float] = ()
    chance: float = NAN
    mask: int = 0
    run: int = 0
    longest: int = 0
    gained: float = 0.0


@dataclass(frozen=True)
class Past:
    """What resolved touches of one place tell; NaN where there is none."""

    touches: int
    held: int
    volume: float
    first: float


@dataclass
class Notebook:
    """All touches of one asset, those of earlier sessions first, and what the session has told so far."""

    a: int
    session: AssetSession
    day: DayConstants
    touches: list[Touch]
    remembered: int
    resolved: int = 0
    held: int = 0
    false: int = 0
    last_touch: float = NAN
    last_break: tuple[float, float] = (NAN, NAN)
    errors: list[float] = field(default_factory=list)

    def near(self, value: float) -> float:
        """Tolerance around a place, in rupees."""
        return float(self.day.tolerance[self.a]) * value

    def past(self, value: float) -> Past:
        """Resolved touches within the tolerance of ``value``."""
        found = [x for x in self.touches if abs(x.value - value) <= self.near(value) and not math.isnan(x.label)]
        volumes = [x.volume for x in found if not math.isnan(x.volume)]
        return Past(
            len(found),
            sum(x.label == 0 for x in found),
            sum(volumes) / len(volumes) if volumes else NAN,
            found[0].start if found else NAN,
        )

    def volume_ratio(self, t: int) -> float:
        """Mean volume of five bars over that of the window."""
        recent, usual = (self._mean_volume(t, n) for n in (5, self.day.window))
        return recent / usual if usual > 0 else NAN

    def _mean_volume(self, t: int, n: int) -> float:
        part = self.session.volume[max(0, t - n + 1) : t + 1]
        known = part[np.isfinite(part)].tolist()
        return sum(known) / len(known) if known and len(known) >= self.day.coverage * n else NAN

    def confirmation(self, t: int, value: float) -> float:
        """Share of the timeframes known that have an extreme or close near ``value``."""
        marks = [*self.session.ranges[t], *self.day.prior[self.a].reshape(3, 3)]
        known = [row for row in marks if not math.isnan(row[0])]
        return float(np.mean([(np.abs(row - value) <= self.near(value)).any() for row in known])) if known else NAN

    def strength(self, t: int, value: float, weights: Floats) -> tuple[float, Past]:
        """Strength of the zone at ``value``, unknown parts left out, and the touches it rests on."""
        past, unit = self.past(value), self.session.unit[t]
        off = abs(value - np.floor(value / unit + 0.5) * unit) / self.near(value)
        parts = np.array(
            [
                min(1.0, past.touches / self.day.touches_cap),
                past.held / past.touches if past.touches >= self.day.least_touches else NAN,
                min(1.0, 0.5 * past.volume) if not math.isnan(past.volume) else NAN,
                min(1.0, (t - past.first) / self.day.n_bars) if past.touches else 0.0,
                NAN if math.isnan(off) else max(0.0, 1.0 - off),
                self.confirmation(t, value),
            ]
        )
        known = np.isfinite(parts)
        total = float(weights[known].sum())
        return (float((weights * parts)[known].sum()) / total if total > 0 else NAN), past

    def conditions(self, t: int, side: float, value: float, strength: float, touches: int) -> list[float]:
        """What a chance of a break is given on, see ``touches.conditions``."""
        s, day = self.session, self.day
        approach = side * (s.price[t] - s.earlier[t]) / (5 * s.atr[t])
        ratio = self.volume_ratio(t)
        limit = day.volume_limit
        return [
            float(side * (s.price[t] - value) / s.atr[t]),
            0.0 if math.isnan(approach) else float(approach),
            strength,
            min(max(math.log(ratio), -limit), limit) if ratio > 0 else 0.0,
            min(1.0, touches / day.touches_cap),
            (day.n_bars - 1 - t) / day.n_bars,
        ]

    def chance(self, z: Sequence[float]) -> float:
        """Logistic of the conditions under the coefficients in force."""
        c = self.day.coefficients[self.a]
        return 1.0 / (1.0 + math.exp(-float(c[0] + sum(x * b for x, b in zip(z, c[1:], strict=True)))))

    def take(self, t: int, zones: Sequence[Zone], weights: Floats) -> None:
        """Carry open touches past minute ``t``, then enter those of ``zones``, which stood the minute before."""
        s = self.session
        price, before = s.price[t], s.before[t]
        for touch in self.touches[self.remembered :]:
            if math.isnan(touch.label):
                if not math.isnan(price) and not math.isnan(before):
                    touch.gained -= touch.side * math.log(price / before)
                self._label(t, touch)
        atr_before = s.atr[t - 1] if t > 0 else NAN
        band = self.day.distance * atr_before
        if not band > 0 or math.isnan(price) or math.isnan(before):
            return
        for zone in zones:
            if before < zone.value - band and s.top[t] >= zone.value - band:
                side = 1.0
            elif before > zone.value + band and s.bottom[t] <= zone.value + band:
                side = -1.0
            else:
                continue
            if any(math.isnan(x.label) and abs(x.value - zone.value) <= self.near(zone.value) for x in self.touches):
                continue
            strength, past = self.strength(t, zone.value, weights)
            z = self.conditions(t, side, zone.value, strength, past.touches)
            touch = Touch(zone.value, t, NAN, self.volume_ratio(t), side, float(s.atr[t]), z, self.chance(z), zone.mask)
            self.touches.append(touch)
            self.last_touch = t
            self._label(t, touch)

    def _label(self, t: int, touch: Touch) -> None:
        price = self.session.price[t]
        if not math.isnan(price):
            beyond = touch.side * (price - touch.value) > self.day.distance * touch.atr
            touch.run = touch.run + 1 if beyond else 0
            touch.longest = max(touch.longest, touch.run)
        if touch.run >= self.day.hold_bars:
            touch.label = 1.0
            self.last_break = (t, touch.side)
        elif t - touch.start + 1 >= self.day.within_bars:
            touch.label = 0.0
            self.held += 1
            self.false += touch.longest > 0
        else:
            return
        self.resolved += 1
        self.errors.append((touch.chance - touch.label) ** 2)


def nearest_levels(levels: Floats, price: float, bounds: Sequence[int]) -> list[float]:
    """Nearest level of each method, the first of equals; NaN for a method without one."""
    found = []
    for m in range(N_METHODS):
        own = levels[bounds[m] : bounds[m + 1]]
        known = own[np.isfinite(own)]
        found.append(float(known[np.argmin(np.abs(known - price))]) if known.size else NAN)
    return found
