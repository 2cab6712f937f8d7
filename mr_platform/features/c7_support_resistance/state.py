"""What a C7 kernel reads besides the session's prices, and what it carries from minute to minute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ASSETS = ("underlying", "straddle")
UNDERLYING, STRADDLE = range(2)
METHODS = ("pivots", "profile", "round", "fibonacci", "technical")
N_METHODS = len(METHODS)

PIVOTS, PROFILE, ROUND, FIBONACCI, TECHNICAL, N_LEVELS = 0, 9, 17, 21, 28, 41
"""Places of a table of levels at which each method's begin: S3 .. R3 and the central pivot range; point of control,
value area's high and low, the same three of the previous session, call wall above, put wall below; minor round number
below and above, major ones; the last swing's Fibonacci levels; three EMAs, high, low, close of the previous day, week
and month, the session's first price."""
FIRST_OF_METHOD = (PIVOTS, PROFILE, ROUND, FIBONACCI, TECHNICAL, N_LEVELS)
METHOD_OF = np.repeat(np.arange(N_METHODS), np.diff(FIRST_OF_METHOD))
CALL_WALL, PUT_WALL = 15, 16

BINS = 512
MIDDLE = BINS // 2
"""A volume profile's bins; the session's first price lies in the middle one."""

TOUCH_FIELDS = 17
VALUE, START, SIDE, ATR, LABEL, RUN, LONGEST, VOLUME, RETURN, CHANCE = range(10)
Z, N_Z = 10, 6
MASK = 16
"""A touch: its level, its minute of the session (negative in earlier ones), 1 from below and -1 from above, ATR then;
label 1 broke, 0 held, NaN not known yet; closes beyond in a row and the most of them; volume ratio; log return since
then of a trade against the break; the chance given and the six quantities that it was given on; methods as bits."""
ROOM = 1024
"""Touches of one asset that a session has room for, those remembered included."""


class DayConstants(NamedTuple):
    """Fixed during a session. Plain numbers and arrays, so that compiled code takes it as it is.

    ``tolerance`` [2] by asset; ``round_units`` [2, 2] minor and major in strike steps; ``strength_weights`` [3, 6] by
    DTE range, whose last days are ``range_bounds``; ``coefficients`` [2, 7] and ``method_weights`` [5] in force;
    ``pivots`` [2, 9], ``profile_before`` [2, 3] and ``prior`` [2, 9] are levels that earlier sessions left;
    ``brier`` [2] sum and number of squared errors before.
    """

    n_bars: int
    atr_period: int
    tolerance: Floats
    least_touches: int
    touches_cap: int
    extrema_bars: int
    timeframes: Ints
    coverage: float
    window: int
    reach: float
    match: float
    ema_spans: Ints
    ratios: Floats
    round_units: Floats
    profile_bins: Floats
    value_area: float
    wall_percentile: float
    participation: int
    strength_weights: Floats
    range_bounds: Ints
    distance: float
    hold_bars: int
    within_bars: int
    volume_limit: float
    least_labels: int
    coefficients: Floats
    method_weights: Floats
    score_weights: Floats
    known_share: float
    pivots: Floats
    profile_before: Floats
    prior: Floats
    brier: Floats
    future: int


class Carried(NamedTuple):
    """Recursions, session-long traces and the register of touches; filled in place.

    ``atr``, ``atr_bars``, ``last``, ``first`` [2]: Wilder's ATR and true ranges seen, last and first price; ``ema``,
    ``ema_bars`` [2, 3]; ``histogram`` [2, 512] and ``bins`` [2, 2] its lowest and highest bin used; ``point`` [2, 3]
    point of control, value area's high and low; ``swing`` [2, 3] start, end, side of the last swing; ``ranges``
    [2, 4, 2] high and low by timeframe; ``step`` [1]; ``order`` [2, 41] slots by level; ``levels`` [2, 41]; ``zones``
    [2, 41, 2] value and weight, ``zone_masks`` and ``zone_count``; ``touches`` [2, 17, ROOM], ``touch_count``,
    ``touch_head`` first that may be unresolved and ``touch_before`` how many were remembered [2]; ``counts`` [2, 3]
    touches resolved, held and falsely broken; ``errors`` [2] sum and number of squared errors of the session;
    ``marks`` [4] minute of both assets' last touch, of the underlying's last break, and its side.
    Traces [2, n_bars]: high, low, close, volume, whether a zone is near; ``walls`` [n_bars, 2] call wall, put wall.
    """

    atr: Floats
    atr_bars: Floats
    last: Floats
    first: Floats
    ema: Floats
    ema_bars: Floats
    histogram: Floats
    bins: Ints
    point: Floats
    swing: Floats
    ranges: Floats
    step: Floats
    order: Ints
    levels: Floats
    zones: Floats
    zone_masks: Ints
    zone_count: Ints
    touches: Floats
    touch_count: Ints
    touch_head: Ints
    touch_before: Ints
    counts: Floats
    errors: Floats
    marks: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    near: Floats
    walls: Floats

    @staticmethod
    def fresh(n_bars: int) -> Carried:
        """Before the first minute, nothing known from earlier sessions."""
        return Carried(
            atr=np.full(2, np.nan),
            atr_bars=np.zeros(2),
            last=np.full(2, np.nan),
            first=np.full(2, np.nan),
            ema=np.full((2, 3), np.nan),
            ema_bars=np.zeros((2, 3)),
            histogram=np.zeros((2, BINS)),
            bins=np.full((2, 2), -1, np.int64),
            point=np.full((2, 3), np.nan),
            swing=np.full((2, 3), np.nan),
            ranges=np.full((2, 4, 2), np.nan),
            step=np.full(1, np.nan),
            order=np.tile(np.arange(N_LEVELS), (2, 1)),
            levels=np.full((2, N_LEVELS), np.nan),
            zones=np.full((2, N_LEVELS, 2), np.nan),
            zone_masks=np.zeros((2, N_LEVELS), np.int64),
            zone_count=np.zeros(2, np.int64),
            touches=np.full((2, TOUCH_FIELDS, ROOM), np.nan),
            touch_count=np.zeros(2, np.int64),
            touch_head=np.zeros(2, np.int64),
            touch_before=np.zeros(2, np.int64),
            counts=np.zeros((2, 3)),
            errors=np.zeros(2),
            marks=np.full(4, np.nan),
            high=np.full((2, n_bars), np.nan),
            low=np.full((2, n_bars), np.nan),
            close=np.full((2, n_bars), np.nan),
            volume=np.full((2, n_bars), np.nan),
            near=np.full((2, n_bars), np.nan),
            walls=np.full((n_bars, 2), np.nan),
        )
