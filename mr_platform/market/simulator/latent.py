"""The latent regimes: a semi-Markov process on five-minute bars, and what it drives.

A spell is drawn by the jump chain, its length by a gamma law around the regime's dwell; it ends at the
bell unless it survives the night. The first symbol leads; the others take over its spells or draw their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.market.simulator.parameters import EmbeddedMarket, RegimeParameters
from schemas.tables import REGIMES

BAR_MINUTES = 5
BARS_PER_HOUR = 60 // BAR_MINUTES
# Shortest spell in bars: below twenty minutes neither a market nor a nowcaster knows a regime.
LEAST_SPELL = 4
_GAMMA_SHAPE = 3
_SPELL_UNIFORMS = 8
_LATE_SHARE = 0.5

# Columns of the drive: what the regime in force asks of path and surface in a five-minute bar.
DRIVE_FIELDS = (
    "log_volatility",
    "trend",
    "reversion",
    "jumps",
    "correlation",
    "iv",
    "skew",
    "flow",
    "activity",
    "iv_beta",
    "iv_noise",
)


@dataclass(frozen=True)
class LatentStates:
    """Latent state of every symbol in every five-minute bar of the timeline, all arrays [symbol, bar].

    ``regime`` index into ``REGIMES``; ``direction`` -1, 0, 1; ``age`` bars since the spell began.
    """

    regime: NDArray[np.int8]
    direction: NDArray[np.int8]
    age: NDArray[np.int16]


def bars_of_session(n_minutes: int) -> int:
    """Five-minute bars of a session of ``n_minutes``; the last one may be shorter."""
    return -(-n_minutes // BAR_MINUTES)


def draw_latent_states(config: EmbeddedMarket, bars_per_session: NDArray[np.int64], seed: int) -> LatentStates:
    """Draw the spells of all symbols over sessions of ``bars_per_session`` bars.

    The draws are sequential in time and take a fixed number of random values a spell, so a longer timeline
    leaves the part before it unchanged.
    """
    n_symbols = len(config.symbols)
    total = int(bars_per_session.sum())
    bells = np.cumsum(bars_per_session)
    regime = np.zeros((n_symbols, total), dtype=np.int8)
    direction = np.zeros((n_symbols, total), dtype=np.int8)
    age = np.zeros((n_symbols, total), dtype=np.int16)
    leader = _Spells(config, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, 0))))
    bounds = leader.fill(bells, regime[0], direction[0], age[0])
    for s, symbol in enumerate(list(config.symbols.values())[1:], start=1):
        own = _Spells(config, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, s))))
        own_regime, own_direction, own_age = (np.zeros_like(row[s]) for row in (regime, direction, age))
        own.fill(bells, own_regime, own_direction, own_age)
        keys = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, s))).random((len(bounds), 2))
        _follow(symbol.follow, bounds, keys, (regime, direction, age), (own_regime, own_direction, own_age), s)
    return LatentStates(regime, direction, age)


def _follow(
    probability: float,
    bounds: list[tuple[int, int]],
    keys: NDArray[np.float64],
    states: tuple[NDArray, NDArray, NDArray],
    own: tuple[NDArray, NDArray, NDArray],
    s: int,
) -> None:
    """Give symbol ``s`` the leader's spell, one bar late at most, or its own stretch of the timeline."""
    for (start, stop), (takes, late) in zip(bounds, keys, strict=True):
        for rows, mine in zip(states, own, strict=True):
            rows[s, start:stop] = rows[0, start:stop] if takes < probability else mine[start:stop]
        if takes < probability and late < _LATE_SHARE and start > 0:
            for rows in states:
                rows[s, start] = rows[s, start - 1]
    _restart_ages(states[0][s], states[1][s], states[2][s])


def _restart_ages(regime: NDArray[np.int8], direction: NDArray[np.int8], age: NDArray[np.int16]) -> None:
    """Count the bars since the pair of regime and direction last changed."""
    changed = np.ones(regime.size, dtype=bool)
    changed[1:] = (regime[1:] != regime[:-1]) | (direction[1:] != direction[:-1])
    starts = np.maximum.accumulate(np.where(changed, np.arange(regime.size), 0))
    age[:] = np.minimum(np.arange(regime.size) - starts, np.iinfo(np.int16).max)


class _Spells:
    """One symbol's jump chain, spell by spell."""

    def __init__(self, config: EmbeddedMarket, rng: np.random.Generator) -> None:
        self._rows = [config.regimes[name] for name in REGIMES]
        self._cumulative = np.cumsum(config.transition_matrix(), axis=1)
        self._survival = config.overnight_survival
        self._rng = rng

    def fill(
        self, bells: NDArray[np.int64], regime: NDArray[np.int8], direction: NDArray[np.int8], age: NDArray[np.int16]
    ) -> list[tuple[int, int]]:
        """Write the spells into the three arrays [bar]; returns their bounds."""
        at, state, trend = 0, 0, 1
        bounds = []
        while at < regime.size:
            uniforms = self._rng.random(_SPELL_UNIFORMS)
            state = int(np.searchsorted(self._cumulative[state], uniforms[0], side="right").clip(0, 7))
            sign = _sign(self._rows[state], trend, uniforms[1])
            stop = min(at + self._length(state, uniforms[4:]), regime.size)
            bell = int(bells[np.searchsorted(bells, at, side="right")])
            survives = uniforms[2] < self._survival and stop - bell >= LEAST_SPELL
            # a spell that would leave less than the least length before the bell runs up to it
            if stop < bell < stop + LEAST_SPELL or (stop > bell and not survives):
                stop = bell
            regime[at:stop] = state
            direction[at:stop] = sign
            age[at:stop] = np.arange(stop - at)
            bounds.append((at, stop))
            trend = sign or trend
            at = stop
        return bounds

    def _length(self, state: int, uniforms: NDArray[np.float64]) -> int:
        mean = self._rows[state].dwell / BAR_MINUTES
        # a gamma law of shape 3 is the sum of three exponentials: a fixed number of uniforms a spell
        draw = -np.log1p(-uniforms[:_GAMMA_SHAPE]).sum() / _GAMMA_SHAPE
        return LEAST_SPELL + int((mean - LEAST_SPELL) * draw + 0.5)


def _sign(row: RegimeParameters, trend: int, uniform: float) -> int:
    if row.direction == "none":
        return 0
    if row.direction == "continue":
        # a tenth of the expansions turn against the trend before them
        return trend if uniform < 0.9 else -trend
    return {"up": 1, "down": -1, "reverse": -trend}[row.direction]


def drive_of(config: EmbeddedMarket, states: LatentStates) -> NDArray[np.float64]:
    """What the latent states ask of the market: [symbol, bar, field] in the order of ``DRIVE_FIELDS``."""
    rows = [config.regimes[name] for name in REGIMES]
    constants = np.array(
        [
            [0.0, r.trend, r.reversion, r.jumps, r.correlation, r.iv, r.skew, r.flow, r.activity, r.iv_beta, r.iv_noise]
            for r in rows
        ]
    )
    drive = constants[states.regime]
    first = np.log([r.volatility for r in rows])[states.regime]
    last = np.log([r.volatility_end for r in rows])[states.regime]
    drive[..., 0] = first + (last - first) * np.minimum(states.age / BARS_PER_HOUR, 1.0)
    drive[..., 1] *= states.direction
    sign = np.where(states.direction == 0, 1, states.direction)
    drive[..., 7] *= sign
    return drive


def neutral_drive(n_bars: int) -> NDArray[np.float64]:
    """The drive of a market without a planted regime [bar, field]."""
    drive = np.zeros((n_bars, len(DRIVE_FIELDS)))
    for field, value in (
        ("correlation", 0.75),
        ("skew", -0.35),
        ("activity", 1.0),
        ("iv_beta", 3.5),
        ("iv_noise", 0.8),
    ):
        drive[:, DRIVE_FIELDS.index(field)] = value
    return drive
