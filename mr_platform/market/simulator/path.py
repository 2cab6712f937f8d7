"""The path of the spots and of the volatility state inside a session, in steps of five seconds.

Log spot: drift of the regime, pull to its own level, diffusion with stochastic volatility, jumps. Log
volatility: an Ornstein-Uhlenbeck process around the regime's level, correlated with the spot (a log-normal
stochastic-volatility model as in Scott 1987, discretised by Euler at five seconds; SABR's volatility with
mean reversion). Implied volatility follows with its own noise and the leverage effect.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from mr_platform.market.simulator.latent import BAR_MINUTES
from mr_platform.market.simulator.parameters import EmbeddedMarket, UShape

STEPS_PER_MINUTE = 12
STEPS_PER_BAR = STEPS_PER_MINUTE * BAR_MINUTES
SESSION_MINUTES = 375
TRADING_DAYS = 252.0

# State carried from session to session, one row a symbol.
LOG_SPOT, FAST, SLOW, IV, SKEW, FLOW, BASIS, LEVEL = range(8)
N_STATE = 8

# Columns of a recorded path.
PATH_SPOT, PATH_VOLATILITY, PATH_IV, PATH_SKEW, PATH_FLOW, PATH_BASIS, PATH_SLOW = range(7)
N_PATH = 7

# Speeds per trading hour: volatility and smile take some minutes to answer a switch, which cannot be read off at once.
_VOLATILITY_SPEED = 8.0
_IV_SPEED = 7.0
_SKEW_SPEED = 6.0
_FLOW_SPEED = 0.25
_BASIS_SPEED = 4.0
_LEVEL_SPEED = 1.2
_VOLATILITY_NOISE = 0.45
_SKEW_NOISE = 0.06
_FLOW_NOISE = 0.05
_IV_NOISE = 0.03
_SPOT_VOLATILITY_CORRELATION = -0.35
# Shares of the leverage effect that pass within hours, and that stay for weeks; and what a gap leaves.
_SHORT_LEVERAGE, _SLOW_LEVERAGE, _GAP_LEVERAGE = 0.6, 1.1, 4.0
# Share of a move of realised volatility that the implied one takes over.
_IV_SHARE = 0.5

# Columns of the drive, as laid out by latent.DRIVE_FIELDS.
_D_VOL, _D_TREND, _D_REVERSION, _D_JUMPS, _D_CORR, _D_IV, _D_SKEW, _D_FLOW, _D_ACTIVITY, _D_BETA, _D_NOISE = range(11)


def session_shape(n_minutes: int, shape: UShape) -> NDArray[np.float64]:
    """Share of an ordinary session's variance in each five-second step [n_minutes * 12]; 375 minutes sum to 1."""
    minute = (np.arange(n_minutes * STEPS_PER_MINUTE) + 0.5) / STEPS_PER_MINUTE
    level = (
        1.0
        + shape.open * np.exp(-minute / shape.open_minutes)
        + shape.close * np.exp(-(n_minutes - minute) / shape.close_minutes)
    )
    share: NDArray[np.float64] = level / level.sum() * (n_minutes / SESSION_MINUTES)
    return share


def initial_state(config: EmbeddedMarket) -> NDArray[np.float64]:
    """State of all symbols before the first session [symbol, N_STATE]."""
    state = np.zeros((len(config.symbols), N_STATE))
    for s, symbol in enumerate(config.symbols.values()):
        state[s, LOG_SPOT] = state[s, LEVEL] = np.log(symbol.start)
        state[s, SLOW] = np.log(symbol.volatility)
        state[s, SKEW] = -0.35
    return state


def session_draws(seed: int, ordinal: int, n_steps: int, n_symbols: int) -> tuple[NDArray, NDArray]:
    """Random numbers of one session: normals [n_steps, 3 + 5 n_symbols] and uniforms [n_steps].

    The stream belongs to the calendar date, whatever else is generated beside it.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(3, ordinal))))
    return rng.standard_normal((n_steps, 3 + 5 * n_symbols)), rng.random(n_steps)


@numba.njit(cache=True)
def evolve_session(
    state: NDArray,
    drive: NDArray,
    normals: NDArray,
    uniforms: NDArray,
    shape: NDArray,
    pin: NDArray,
    constants: NDArray,
    path: NDArray,
) -> None:  # pragma: no cover - compiled
    """Advance ``state`` [symbol, N_STATE] in place through one session and write ``path`` [symbol, step, N_PATH].

    ``drive`` [symbol, five-minute bar, field]; ``pin`` [symbol] log of the strike that attracts, NaN for none;
    ``constants`` session_share, jump_scale, basis_noise, pinning. Symbols jump together where their rates agree.
    """
    session_share, jump_scale, basis_noise, pinning = constants
    n_symbols, n_steps = path.shape[0], path.shape[1]
    dt = 1.0 / (60.0 * STEPS_PER_MINUTE)
    root = np.sqrt(dt)
    mean_share = 1.0 / (SESSION_MINUTES * STEPS_PER_MINUTE)
    hour = np.sqrt(session_share / TRADING_DAYS * 60.0 / SESSION_MINUTES)
    pin_from = n_steps - 150 * STEPS_PER_MINUTE
    for i in range(n_steps):
        market = normals[i, 0]
        for s in range(n_symbols):
            d = drive[s, i // STEPS_PER_BAR]
            row = state[s]
            own = normals[i, 3 + 5 * s : 8 + 5 * s]
            z = np.sqrt(d[_D_CORR]) * market + np.sqrt(1.0 - d[_D_CORR]) * own[0]
            volatility = np.exp(row[SLOW] + row[FAST])
            hourly = volatility * hour
            move = volatility * np.sqrt(session_share / TRADING_DAYS * shape[i]) * z
            # trend and jumps keep time with the U-shape too, so that they stand out alike all day
            pace = np.sqrt(shape[i] / mean_share)
            move += hourly * d[_D_TREND] * dt * pace
            move += d[_D_REVERSION] * (row[LEVEL] - row[LOG_SPOT]) * dt
            if uniforms[i] < d[_D_JUMPS] * dt:
                move += jump_scale * hourly * (0.8 * normals[i, 1] + 0.6 * own[1])
            if i >= pin_from and not np.isnan(pin[s]):
                move += pinning * (pin[s] - row[LOG_SPOT]) * dt
            row[LOG_SPOT] += move
            row[LEVEL] += _LEVEL_SPEED * (row[LOG_SPOT] - row[LEVEL]) * dt
            row[FAST] += _VOLATILITY_SPEED * (d[_D_VOL] - row[FAST]) * dt + _VOLATILITY_NOISE * root * (
                _SPOT_VOLATILITY_CORRELATION * z + np.sqrt(1.0 - _SPOT_VOLATILITY_CORRELATION**2) * own[2]
            )
            target = _IV_SHARE * row[FAST] + d[_D_IV]
            row[IV] += (
                _IV_SPEED * (target - row[IV]) * dt
                - _SHORT_LEVERAGE * d[_D_BETA] * move
                + _IV_NOISE * d[_D_NOISE] * root * own[3]
            )
            row[SLOW] -= _SLOW_LEVERAGE * d[_D_BETA] * move
            row[SKEW] += _SKEW_SPEED * (d[_D_SKEW] - row[SKEW]) * dt + _SKEW_NOISE * root * own[4]
            row[SKEW] = min(max(row[SKEW], -0.85), 0.3)
            row[FLOW] += (d[_D_FLOW] - _FLOW_SPEED * row[FLOW]) * dt + _FLOW_NOISE * root * normals[i, 2]
            row[BASIS] += -_BASIS_SPEED * row[BASIS] * dt + basis_noise * np.sqrt(2.0 * _BASIS_SPEED) * root * own[1]
            path[s, i, PATH_SPOT] = np.exp(row[LOG_SPOT])
            path[s, i, PATH_VOLATILITY] = volatility
            path[s, i, PATH_IV] = np.exp(row[SLOW] + row[IV])
            path[s, i, PATH_SKEW] = row[SKEW]
            path[s, i, PATH_FLOW] = row[FLOW]
            path[s, i, PATH_BASIS] = row[BASIS]
            path[s, i, PATH_SLOW] = np.exp(row[SLOW])


def cross_night(
    state: NDArray[np.float64], config: EmbeddedMarket, seed: int, ordinal: int, days: int
) -> NDArray[np.float64]:
    """The state at the next open [symbol, N_STATE].

    ``ordinal`` of the date that opens, ``days`` calendar days since the last close. The gap has fat tails
    (Student's t, 4 degrees); the slow volatility reverts to its base within weeks and rises after falls.
    """
    market = config.market
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(4, ordinal))))
    draws = rng.standard_normal((1 + len(state), 4))
    tail = np.sqrt(2.0 / np.maximum(rng.chisquare(4.0), 0.3))
    night = (1.0 - market.session_share) * (1.0 + market.weekend_weight * (days - 1)) / TRADING_DAYS
    opened = state.copy()
    for s, symbol in enumerate(config.symbols.values()):
        z = 0.94 * draws[0, 0] + np.sqrt(1.0 - 0.94**2) * draws[1 + s, 0]
        gap = np.exp(state[s, SLOW] + 0.3 * state[s, FAST]) * np.sqrt(night) * z * tail
        gap = float(np.clip(gap, -0.06, 0.06))
        trend = np.log(symbol.start) + market.growth * (ordinal - config.history_start.toordinal()) / 365.0
        # a pull of a few months keeps the level, and the ratio of the symbols, near their long-run growth
        gap += market.growth / TRADING_DAYS + 0.006 * (trend - state[s, LOG_SPOT])
        opened[s, LOG_SPOT] += gap
        opened[s, LEVEL] = opened[s, LOG_SPOT]
        opened[s, FAST] = 0.5 * state[s, FAST]
        opened[s, IV] = 0.5 * state[s, IV] - 1.5 * gap
        noise = 0.8 * draws[0, 1] + 0.6 * draws[1 + s, 1]
        opened[s, SLOW] += 0.045 * (np.log(symbol.volatility) - state[s, SLOW]) + 0.025 * noise - _GAP_LEVERAGE * gap
    return opened
