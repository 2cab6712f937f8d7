"""C7 as it would be written on a blackboard: levels of the whole session, then minute by minute, columns by name.

The compiled pass is compared with this one. Nothing is carried: each call starts from the open again.
"""

from __future__ import annotations

import math

import numpy as np

from mr_platform.features.c7_support_resistance.catalogue import features
from mr_platform.features.c7_support_resistance.reference_levels import AssetSession, asset_session
from mr_platform.features.c7_support_resistance.reference_touches import Notebook, Touch, Zone, nearest_levels, zones_of
from mr_platform.features.c7_support_resistance.state import (
    ASSETS,
    CALL_WALL,
    CHANCE,
    FIBONACCI,
    FIRST_OF_METHOD,
    LABEL,
    MASK,
    METHODS,
    N_LEVELS,
    N_METHODS,
    PROFILE,
    PUT_WALL,
    RETURN,
    ROUND,
    START,
    STRADDLE,
    UNDERLYING,
    VALUE,
    VOLUME,
    Carried,
    DayConstants,
    Floats,
    Z,
)
from mr_platform.features.component import ComponentOutput
from mr_platform.features.inputs import SessionInputs

NAN = math.nan
METHOD_NAMES = ("pivot", *METHODS[1:])
RECENT = 30
CLIMATE = 0.25
Columns = dict[str, float]


def run(
    inputs: SessionInputs,
    start: int,
    stop: int,
    day: DayConstants,
    opening: Carried,
    carried: Carried,
    out: ComponentOutput,
) -> None:
    """Fill ``out`` for minutes [start, stop); ``opening`` is as at the open, ``carried`` gets what is handed on."""
    with np.errstate(all="ignore"):
        assets = [asset_session(inputs, a, stop, day, opening) for a in range(2)]
        books = [Notebook(a, assets[a], day, remembered := _remembered(opening, a), len(remembered)) for a in range(2)]
        zones: list[list[Zone]] = [[], []]
        near = np.full((2, stop), np.nan)
        for t in range(stop):
            weights = day.strength_weights[int((inputs.dte[t] > day.range_bounds).sum())]
            row: Columns = {}
            around = []
            for a in range(2):
                books[a].take(t, zones[a], weights)
                if not np.isnan(assets[a].price[t]):
                    zones[a] = zones_of(assets[a].levels[t], a, day)
                around.append(_asset_columns(t, books[a], zones[a], weights, near, row))
            priced = not np.isnan([asset.price[t] for asset in assets]).all()
            if priced:
                _both_columns(t, books, zones, around, near, row)
            if t >= start:
                out.values[t] = [row.get(spec.name.removeprefix("c7_"), NAN) for spec in features()]
                if priced:
                    out.score[t], out.confidence[t], out.health[t] = _verdict(t, books, around, row)
    _hand_on(books, carried)


def _remembered(opening: Carried, a: int) -> list[Touch]:
    rows = opening.touches[a, :, : opening.touch_before[a]].T
    return [Touch(float(x[VALUE]), float(x[START]), float(x[LABEL]), float(x[VOLUME])) for x in rows]


class Around:
    """The two zones around a price, above and at or below: place, weight, distance in ATR, strength; NaN for none."""

    def __init__(self, zones: list[Zone], price: float, atr: float, day: DayConstants) -> None:
        above = min((z for z in zones if z.value > price), key=lambda z: z.value, default=None)
        below = max((z for z in zones if z.value <= price), key=lambda z: z.value, default=None)
        self.zones = (above, below)
        self.values = [NAN if z is None else z.value for z in self.zones]
        self.weights = [NAN if z is None else z.weight(day) for z in self.zones]
        self.distances = [abs(value - price) / atr for value in self.values]
        self.strengths = [NAN, NAN]

    @property
    def nearer(self) -> int | None:
        """Side of the nearer zone, the lower of equals."""
        up, down = self.distances
        if math.isnan(up):
            return None if math.isnan(down) else 1
        return 0 if math.isnan(down) or up < down else 1


def _asset_columns(t: int, book: Notebook, zones: list[Zone], weights: Floats, near: Floats, row: Columns) -> Around:
    """What one asset tells alone."""
    s, day, a = book.session, book.day, ASSETS[book.a]
    price, atr, levels = float(s.price[t]), float(s.atr[t]), s.levels[t]
    if math.isnan(price):
        return Around([], NAN, NAN, day)
    around = Around(zones, price, atr, day)
    (above, below), (up, down) = around.values, around.distances
    row[f"detection_resistance_{a}"], row[f"detection_support_{a}"] = up, down
    row[f"detection_position_{a}"] = (price - below) / (above - below)
    distances = [(price - level) / atr for level in nearest_levels(levels, price, FIRST_OF_METHOD)]
    row |= {f"detection_{name}_{a}": x for name, x in zip(METHOD_NAMES, distances, strict=True)}
    row[f"detection_control_{a}"] = (price - levels[PROFILE]) / atr
    row[f"detection_value_area_{a}"] = (levels[PROFILE + 1] - levels[PROFILE + 2]) / atr
    start, end, _ = s.swing[t]
    row[f"detection_retracement_{a}"] = (price - end) / (start - end) if start != end else NAN
    if book.a == UNDERLYING:
        for j, minutes in enumerate((5, 15, 30, 60)):
            row[f"detection_range_{a}_{minutes}"] = _place(price, s.ranges[t, j])
        row[f"detection_gap_{a}"] = (price - day.prior[book.a, 2]) / atr
        row[f"detection_week_{a}"] = _place(price, day.prior[book.a, 3:5])
        wall_above, wall_below = levels[CALL_WALL], levels[PUT_WALL]
        row[f"detection_wall_position_{a}"] = (price - wall_below) / (wall_above - wall_below)
        row[f"detection_wall_width_{a}"] = (wall_above - wall_below) / atr

    row[f"confluence_resistance_{a}"], row[f"confluence_support_{a}"] = around.weights
    shares = [(z, 1.0 - abs(z.value - price) / atr / day.reach) for z in zones]
    over = sum(share * z.weight(day) for z, share in shares if share > 0 and z.value > price)
    under = sum(share * z.weight(day) for z, share in shares if share > 0 and z.value <= price)
    if not math.isnan(atr):
        row[f"confluence_balance_{a}"] = (over - under) / (over + under) if over + under > 0 else NAN
        row[f"confluence_density_{a}"] = over + under
    side = around.nearer
    if side is not None:
        row[f"confluence_timeframes_{a}"] = book.confirmation(t, around.values[side])
        near[book.a, t] = around.distances[side] <= day.match
        known = [x for x in distances if not math.isnan(x)]
        if len(known) >= 3:
            row[f"confluence_spread_{a}"] = float(np.std(known))
    _strength_columns(t, book, around, weights, row)
    return around


def _place(price: float, extremes: Floats) -> float:
    """Place between the low (0) and the high (1) of ``extremes`` (high, low)."""
    high, low = extremes
    return float((price - low) / (high - low)) if high > low else NAN


def _strength_columns(t: int, book: Notebook, around: Around, weights: Floats, row: Columns) -> None:
    """Strengths of the two zones, what is known of the nearer one, and the chances of a break."""
    day, a = book.day, ASSETS[book.a]
    for side, (name, way, direction) in enumerate((("resistance", "up", 1.0), ("support", "down", -1.0))):
        value = around.values[side]
        if math.isnan(value):
            continue
        strength, past = book.strength(t, value, weights)
        around.strengths[side] = strength
        row[f"strength_{name}_{a}"] = strength
        if not math.isnan(book.session.atr[t]) and not math.isnan(strength):
            row[f"breakout_{way}_{a}"] = book.chance(book.conditions(t, direction, value, strength, past.touches))
        if side == around.nearer:
            row[f"strength_touches_{a}"] = past.touches
            row[f"strength_hold_rate_{a}"] = past.held / past.touches if past.touches >= day.least_touches else NAN
            row[f"strength_age_{a}"] = t - past.first
            row[f"strength_volume_{a}"] = past.volume
    if book.resolved:
        row[f"strength_session_hold_rate_{a}"] = book.held / book.resolved


def _both_columns(
    t: int, books: list[Notebook], zones: list[list[Zone]], around: list[Around], near: Floats, row: Columns
) -> None:
    """What both assets tell together, and what the session's touches have told so far."""
    day, under, straddle = books[0].day, around[UNDERLYING], around[STRADDLE]
    for name, i, j in (
        ("resistances", 0, 0),
        ("supports", 1, 1),
        ("resistance_support", 0, 1),
        ("support_resistance", 1, 0),
    ):
        row[f"confluence_match_{name}"] = 1.0 / (1.0 + abs(under.distances[i] - straddle.distances[j]))
    if np.isfinite(near[:, t]).all():
        row["confluence_common"] = _common(t, books, zones)
        window = near[:, max(0, t - day.window + 1) : t + 1]
        both = window[:, np.isfinite(window).all(axis=0)].prod(axis=0)
        row["confluence_simultaneous_20"] = float(both.mean()) if both.size >= day.coverage * day.window else NAN
    row["confluence_lead"] = books[STRADDLE].last_touch - books[UNDERLYING].last_touch
    s = books[UNDERLYING].session
    price, atr, levels = float(s.price[t]), float(s.atr[t]), s.levels[t]
    if not math.isnan(price):
        wall = nearest_levels(levels, price, (CALL_WALL, PUT_WALL + 1, *([N_LEVELS] * N_METHODS)))[0]
        others = [
            x
            for slot, x in enumerate(levels)
            if slot not in (CALL_WALL, PUT_WALL) and not ROUND <= slot < FIBONACCI and not math.isnan(x)
        ]
        row["confluence_wall_underlying"] = min((abs(x - wall) / atr for x in others), default=NAN)
        if zones[UNDERLYING] and t + 1 >= day.coverage * RECENT:
            own = books[UNDERLYING].touches[books[UNDERLYING].remembered :]
            row["strength_tests_underlying_30"] = sum(t - touch.start < RECENT for touch in own)
    row["breakout_brier"] = _brier(books)
    minute, side = books[UNDERLYING].last_break
    row["breakout_age_underlying"] = side * (t - minute + 1)
    resolved = sum(book.resolved for book in books)
    row["breakout_false_share"] = sum(book.false for book in books) / resolved if resolved else NAN


def _common(t: int, books: list[Notebook], zones: list[list[Zone]]) -> float:
    """How far the underlying's zones in reach have a zone of the straddle at a like signed distance, by weight."""
    day = books[0].day
    reached = []
    for book, own in zip(books, zones, strict=True):
        distances = [((z.value - book.session.price[t]) / book.session.atr[t], z) for z in own]
        reached.append([(d, z.weight(day)) for d, z in distances if abs(d) < day.reach])
    under, straddle = reached
    if not under or not straddle:
        return NAN
    best = [max(0.0, 1.0 - min(abs(d - other) for other, _ in straddle) / day.match) for d, _ in under]
    weights = [weight for _, weight in under]
    return float(np.dot(best, weights) / sum(weights))


def _brier(books: list[Notebook]) -> float:
    """Mean squared error of the chances given at touches whose end is known, earlier sessions' included."""
    day, errors = books[0].day, [e for book in books for e in book.errors]
    count = day.brier[1] + len(errors)
    return float((day.brier[0] + sum(errors)) / count) if count >= day.least_labels else NAN


def _verdict(t: int, books: list[Notebook], around: list[Around], row: Columns) -> tuple[float, float, int]:
    """Score, confidence and health."""
    day = books[0].day
    priced = [a for a in range(2) if not math.isnan(books[a].session.price[t])]
    sides = [(around[a], around[a].nearer) for a in priced]
    nearer = [(one, side) for one, side in sides if side is not None]
    strengths = [one.strengths[side] for one, side in nearer if not math.isnan(one.strengths[side])]
    chances = [row.get(f"breakout_{way}_{a}", NAN) for a in ASSETS for way in ("up", "down")]
    parts = np.array(
        [
            np.mean(strengths) if strengths else NAN,
            np.mean([one.weights[side] for one, side in nearer]) if nearer else NAN,
            max((x for x in chances if not math.isnan(x)), default=NAN),
            row.get("confluence_common", NAN),
        ]
    )
    known = np.isfinite(parts)
    weight = float(day.score_weights[known].sum())
    if weight <= 0:
        return NAN, 0.0, 0
    methods = sum(
        not math.isnan(row.get(f"detection_{name}_{ASSETS[a]}", NAN)) for a in priced for name in METHOD_NAMES
    )
    brier = _brier(books)
    skill = 0.0 if math.isnan(brier) else min(max(1.0 - brier / CLIMATE, 0.0), 1.0)
    sure = weight * methods / (2 * N_METHODS) * (day.known_share + (1.0 - day.known_share) * skill)
    whole = methods == 2 * N_METHODS and known.all() and not math.isnan(brier)
    score = float((day.score_weights * parts)[known].sum()) / weight
    return min(max(score, 0.0), 1.0), min(sure, 1.0), 2 if whole else 1


def _hand_on(books: list[Notebook], carried: Carried) -> None:
    """Write what ``leave`` reads."""
    for a, book in enumerate(books):
        last: AssetSession = book.session
        if last.price.size:
            carried.ema[a], carried.ema_bars[a] = last.ema[-1], last.ema_bars[-1]
            carried.swing[a], carried.point[a] = last.swing[-1], last.point[-1]
        for i, touch in enumerate(book.touches[book.remembered :], start=book.remembered):
            row = carried.touches[a, :, i]
            row[[VALUE, START, LABEL, VOLUME, RETURN]] = (
                touch.value,
                touch.start,
                touch.label,
                touch.volume,
                touch.gained,
            )
            row[[CHANCE, MASK]] = touch.chance, touch.mask
            row[Z : Z + len(touch.z)] = touch.z
        carried.touch_count[a] = len(book.touches)
    errors = [e for book in books for e in book.errors]
    carried.errors[:] = sum(errors), len(errors)
