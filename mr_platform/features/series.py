"""The series of one session that components read: the rolling straddles, their legs and the underlying.

Levels roll: each minute picks its strikes again. Changes use the contract held: ``held`` gives what this minute's
contract last cost some minutes ago, so that a roll never looks like a return.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mr_platform.kernels.engine import Engine
from mr_platform.market.chain import OptionChainDay

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
SERIES = tuple(f"{moneyness}_{kind}" for kind in ("straddle", "ce", "pe") for moneyness in ("atm", "itm1", "otm1"))
LAGS = (1, 3, 5, 10, 15)
_LAGS = np.array(LAGS)


@dataclass(frozen=True, eq=False)
class SessionSeries:
    """One session of one symbol, M minutes. NaN means not known; prices in rupees, volume in units of the underlying.

    trade_date
        The session's date.
    minutes int64 [M]
        Minute of the day at which each bar starts.
    n_bars
        Bars of the whole session, also where only a prefix is here.
    underlying_kind
        "future", "spot" or "forward".
    bars float64 [M, 9, 5]
        Open, high, low, close, volume of the series named in ``SERIES``. A straddle's open and close are sums of its
        legs' (same strike), its high and low are bounds: the sum of the legs' highs and of their lows.
    held float64 [M, 9, 5]
        Last known close in the session, ``LAGS`` minutes ago, of the contract that the series holds now.
    underlying float64 [M, 5]
        Open, high, low, close, volume; volume only of a listed future.
    dte int64 [M]
        Calendar days to the nearest expiry seen so far in the session; -1 before any.
    expiry, strikes int64 [M], [M, 3]
        Indices into the chain of the nearest expiry and of the ATM, ITM1 and OTM1 strikes; -1 unknown.
    forward float64 [M]
        Forward of the nearest expiry.
    """

    trade_date: date
    minutes: Ints
    n_bars: int
    underlying_kind: str
    bars: Floats
    held: Floats
    underlying: Floats
    dte: Ints
    expiry: Ints
    strikes: Ints
    forward: Floats

    def until(self, n: int) -> SessionSeries:
        """The first ``n`` minutes, as views."""
        names = ("minutes", "bars", "held", "underlying", "dte", "expiry", "strikes", "forward")
        return replace(self, **{name: getattr(self, name)[:n] for name in names})


def fill_series(
    chain: OptionChainDay,
    expiry: Ints,
    strikes: Ints,
    start: int,
    stop: int,
    bars: Floats,
    held: Floats,
    kernels: Engine,
) -> None:
    """``bars`` and ``held`` of minutes [start, stop): nearest ``expiry`` [M] and ATM, ITM1, OTM1 ``strikes`` [M, 3]."""
    fill = gather.py_func if kernels.name == "reference" else gather
    legs = (getattr(chain, name)[0] for name in ("open", "high", "low", "close", "volume"))
    fill(*legs, expiry, chain.deep, strikes, _LAGS, start, stop, bars, held)


@njit(cache=True)
def gather(open_, high, low, close, volume, expiry, deep, strikes, lags, start, stop, bars, held):
    """Fill ``bars`` and ``held`` for minutes [start, stop) from dense fields [M, E, K, 2].

    ``deep`` [E] is where each expiry stands in the fields other than ``close``. A price that is not positive is not
    known.
    """
    for t in range(start, stop):
        e = expiry[t]
        if e < 0:
            continue
        d = deep[e]
        for a in range(3):
            k = strikes[t, a]
            if k < 0:
                continue
            for leg in range(2):
                at = 3 + 3 * leg + a
                bars[t, at, 0] = open_[t, d, k, leg]
                bars[t, at, 1] = high[t, d, k, leg]
                bars[t, at, 2] = low[t, d, k, leg]
                price = close[t, e, k, leg]
                bars[t, at, 3] = price if price > 0 else np.nan
                bars[t, at, 4] = volume[t, d, k, leg]
                for j in range(lags.size):
                    before = t - lags[j]
                    while before >= 0 and not close[before, e, k, leg] > 0:
                        before -= 1
                    if before >= 0:
                        held[t, at, j] = close[before, e, k, leg]
            for field in range(5):
                bars[t, a, field] = bars[t, 3 + a, field] + bars[t, 6 + a, field]
            for j in range(lags.size):
                held[t, a, j] = held[t, 3 + a, j] + held[t, 6 + a, j]
