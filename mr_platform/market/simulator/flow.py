"""Volume and open interest: how busy a minute is, and where contracts are held.

Open interest of a contract = size of its expiry at this distance from expiry x profile over strikes x its own
noise x tilt of the market's flow. The profile gathers around the closes of the sessions before, never around
the day's own close, so that it holds nothing that was not yet known; the tilt is state of the path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.market.simulator.path import STEPS_PER_MINUTE
from mr_platform.market.simulator.random import hashed_normals

# Open interest is published every three minutes.
OI_MINUTES = 3
# Sessions before its expiry over which the half of a contract's open interest comes, by kind.
_WEEKLY_LIFE, _MONTHLY_LIFE = 3.0, 11.0
# Share of a contract's open interest that waits for the expiry before it to be rolled.
_ROLL_SHARE = 0.25
_UNWOUND_ON_EXPIRY = 0.5
_CONTRACT_NOISE = 0.28
_WALK_NOISE = 0.007
# How unevenly contracts take part in the tilt between puts and calls.
_ANSWER_NOISE = 0.5
# Sets the key of the intraday noise apart from that of the contract's daily noise.
_WALK = 7919
_STRIKE_BONUS = ((10, 2.1), (5, 1.55), (2, 1.15))


@dataclass(frozen=True)
class ExpiryLife:
    """Where a contract stands in its life. ``sessions_left`` closes until expiry at the open (1 on expiry day);
    ``before_left`` the same of the expiry before it, 0 where that has gone."""

    monthly: bool
    sessions_left: int
    before_left: int


def minute_activity(
    spot: NDArray[np.float64],
    volatility: NDArray[np.float64],
    shape: NDArray[np.float64],
    regime_activity: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Volume of each minute as a multiple of a plain midday minute [minute].

    U-shape over the session, more in minutes that moved more than their volatility, bursts that last some
    minutes, and the regime's own level ``regime_activity`` [minute].
    """
    n_minutes = shape.size // STEPS_PER_MINUTE
    minute_shape = shape.reshape(n_minutes, STEPS_PER_MINUTE).sum(axis=1)
    u = (minute_shape / np.median(minute_shape)) ** 1.1
    closes = spot.reshape(n_minutes, STEPS_PER_MINUTE)[:, -1]
    moved = np.abs(np.diff(np.log(closes), prepend=np.log(spot[0])))
    expected = volatility.reshape(n_minutes, STEPS_PER_MINUTE).mean(axis=1) * np.sqrt(minute_shape / 252.0)
    noise = np.zeros(n_minutes)
    level = 0.0
    for m, shock in enumerate(rng.standard_normal(n_minutes)):
        level = 0.8 * level + 0.6 * 0.25 * shock
        noise[m] = level
    burst = np.where(rng.random(n_minutes) < 0.006, 2.5, 0.0)
    burst = np.convolve(burst, np.exp(-np.arange(6) / 2.0))[:n_minutes]
    activity: NDArray[np.float64] = (
        u * (0.65 + 0.45 * moved / np.maximum(expected, 1e-9)) * np.exp(noise) * regime_activity + burst
    )
    return activity


def session_progress(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the session's business done by the close of each minute [minute], ending at 1."""
    done = np.cumsum(shape.reshape(-1, STEPS_PER_MINUTE).sum(axis=1))
    progress: NDArray[np.float64] = done / done[-1]
    return progress


def life_level(life: ExpiryLife, progress: NDArray[np.float64]) -> NDArray[np.float64]:
    """Size of an expiry's open interest as a share of its height, as the session goes on."""
    left = life.sessions_left - progress
    half = _MONTHLY_LIFE if life.monthly else _WEEKLY_LIFE
    level = 1.0 / (1.0 + (left / half) ** 1.5)
    unwound = 1.0 - _UNWOUND_ON_EXPIRY * np.clip(1.0 - left, 0.0, 1.0)
    waiting = np.clip((life.before_left - progress) / 2.0, 0.0, 1.0)
    sized: NDArray[np.float64] = level * unwound * (1.0 - _ROLL_SHARE * waiting)
    return sized


def strike_profile(
    strikes: NDArray[np.float64],
    centre: NDArray[np.float64],
    step: float,
    sessions_left: NDArray[np.float64],
    *,
    call: bool,
) -> NDArray[np.float64]:
    """Open interest over strikes as a share of the busiest [moment, strike].

    A hump out of the money, a short tail in the money, and more at round strikes; ``centre`` and
    ``sessions_left`` [moment].
    """
    width = (4.0 + 2.2 * np.sqrt(np.maximum(sessions_left, 0.0)))[:, None]
    side = 1.0 if call else -1.0
    x = side * (strikes - centre[:, None]) / step - 0.35 * width
    body = np.where(x > 0, np.exp(-np.maximum(x, 0.0) / width), np.exp(-0.5 * (x / (0.55 * width)) ** 2))
    bonus = np.ones_like(strikes)
    for multiple, factor in _STRIKE_BONUS:
        bonus = np.where((bonus == 1.0) & (np.round(strikes / step) % multiple == 0), factor, bonus)
    profile: NDArray[np.float64] = body * bonus / _STRIKE_BONUS[0][1] + 0.004
    return profile


def open_interest(
    strikes: NDArray[np.float64],
    step: float,
    height: float,
    life: ExpiryLife,
    centres: tuple[float, float],
    tilt: NDArray[np.float64],
    progress: NDArray[np.float64],
    keys: tuple[int, int],
) -> NDArray[np.float64]:
    """Open interest in whole contracts [2 (call, put), moment, strike].

    Moments are the last session's end and the close of each minute. ``height`` contracts of the busiest strike at
    its height; ``centres`` closes of the session before last and of the last; ``tilt`` [moment] log excess of puts
    over calls; ``progress`` [moment] from 0 to 1; ``keys`` (contract key, session index). Values move every three
    minutes; at progress 0 they are what the last session ended with.
    """
    moments = np.arange(progress.size)
    block = moments // OI_MINUTES * OI_MINUTES
    first = np.unique(block)
    seen = progress[first]
    centre = centres[0] + (centres[1] - centres[0]) * seen
    level = height * life_level(life, seen)
    grid = np.round(strikes / step).astype(np.int64)
    key, day = keys
    held = np.empty((2, first.size, strikes.size))
    for leg, sign in ((0, -1.0), (1, 1.0)):
        yesterday, today = hashed_normals(key * 2 + leg, grid, np.array([day, day + 1]))
        noise = yesterday + (today - yesterday) * seen[:, None]
        walk = np.cumsum(hashed_normals(key * 2 + leg + _WALK, grid, day * 1000 + first), axis=0)
        walk -= walk[0] + (walk[-1] - walk[0]) * seen[:, None]
        profile = strike_profile(strikes, centre, step, life.sessions_left - seen, call=leg == 0)
        share = np.exp(_ANSWER_NOISE * hashed_normals(key * 2 + leg, grid, np.array([0]))[0])
        lean = 0.5 * sign * tilt[first][:, None] * share * np.exp(-np.abs(strikes - centre[:, None]) / step / 14.0)
        held[leg] = level[:, None] * profile * np.exp(_CONTRACT_NOISE * noise + _WALK_NOISE * walk + lean)
    return np.round(held)[:, block // OI_MINUTES]
