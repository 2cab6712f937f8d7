"""Compiled: the legs around the money, each with its weight and its Greeks in units that do not depend on the price.

Leg weight W = volume_share min(volume / v0, cap) + oi_share min(oi / o0, cap) (components.md, C2).

Greeks and volatilities are rounded to 16 bits, five decimal digits. A price known to a tick says less than that, and
calls and puts are subtracted from each other here: what is left of two nearly equal sides must not be the rounding of
the engine that made them.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, disable-error-code="no-any-return"

from __future__ import annotations

import math

from numba import njit

from mr_platform.features.c2_greeks_sentiment.state import (
    CALL,
    EXPOSURE_LAGS,
    LEG_DELTA,
    LEG_IV,
    LEG_OI,
    LEG_VEGA,
    LEG_VOLUME,
    LEG_WEIGHT,
    PUT,
    WEIGHT_HELD,
    DayConstants,
)

PERCENT = 0.01
SPLITTER = 2.0**37 + 1.0
"""Leaves 53 - 37 bits: Dekker, "A floating-point technique for extending the available precision", 1971."""
BASIS_POINTS = 1e4
_NOW, _NEAR, _FAR = EXPOSURE_LAGS


@njit(cache=True, error_model="numpy")
def known(x: float) -> float:
    """``x`` rounded to 16 bits; NaN for NaN."""
    lifted = x * SPLITTER
    return lifted - (lifted - x)


@njit(cache=True, error_model="numpy")
def leg_weight(volume: float, oi: float, day: DayConstants) -> float:
    """W of a leg from its contracts traded and held; NaN unless both are known."""
    if math.isnan(volume) or math.isnan(oi):
        return math.nan
    traded = min(volume / day.volume_median, day.volume_cap)
    held = min(oi / day.oi_median, day.oi_cap)
    return day.volume_share * traded + day.oi_share * held


@njit(cache=True, error_model="numpy")
def gather(
    volume,
    oi,
    volatility,
    delta,
    gamma,
    theta,
    vega,
    vanna,
    charm,
    volga,
    forward,
    expiry,
    around,
    day: DayConstants,
    start,
    stop,
    exposure,
    now,
):
    """Fill ``exposure`` and ``now`` (see ``state.Legs``) for minutes [start, stop) from dense fields [M, K, 2]."""
    middle = around.shape[1] // 2
    for t in range(start, stop):
        row = t - start
        for lag_at in range(3):
            before = t - (_NOW if lag_at == 0 else _NEAR if lag_at == 1 else _FAR)
            if before < 0 or expiry[before] != expiry[t]:
                continue
            level = forward[before]
            for j in range(2 * day.reach + 1):
                k = around[t, middle - day.reach + j]
                if k < 0:
                    continue
                for side in (CALL, PUT):
                    traded = volume[before, k, side] / day.lot
                    held = oi[before, k, side] / day.lot
                    w = leg_weight(traded, held, day) if lag_at != WEIGHT_HELD else now[row, j, side, LEG_WEIGHT]
                    if lag_at == 0:
                        now[row, j, side, LEG_VOLUME] = traded
                        now[row, j, side, LEG_OI] = held
                        now[row, j, side, LEG_IV] = known(volatility[before, k, side])
                        now[row, j, side, LEG_WEIGHT] = w
                        now[row, j, side, LEG_DELTA] = known(delta[before, k, side])
                        now[row, j, side, LEG_VEGA] = known(vega[before, k, side])
                    out = exposure[row, lag_at, j, side]
                    out[0] = w * known(delta[before, k, side])
                    out[1] = w * known(gamma[before, k, side]) * level * PERCENT
                    out[2] = w * known(theta[before, k, side]) / level * BASIS_POINTS
                    out[3] = w * known(vega[before, k, side]) / level * BASIS_POINTS
                    out[4] = w * known(vanna[before, k, side])
                    out[5] = w * known(charm[before, k, side])
                    out[6] = w * known(volga[before, k, side]) / level * BASIS_POINTS
