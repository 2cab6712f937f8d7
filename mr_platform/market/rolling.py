"""The rolling view of a symbol-day: each minute's forward, at-the-money strike and expiries in sight.

Nothing here looks ahead: the view of ``chain.until(t)`` is, bit for bit, the prefix of the view of ``chain``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.kernels.engine import Engine, engine
from mr_platform.market.chain import FUTURE_CLOSE, FUTURE_FIELDS, LONGEST_DTE, Floats, Ints, OptionChainDay
from mr_platform.market.sessions import Session

_MONTHLY_WITHIN = 9
"""The last expiry of a month lies in its last week, or up to two days before it when holidays move it back."""


@dataclass(frozen=True, eq=False)
class RollingView:
    """Where the money is, minute by minute.

    forward float64 [D, M, E]
        Synthetic future by put-call parity, else the listed future, else spot; NaN when there is none of them.
    atm int64 [D, M, E]
        Index into ``strikes`` of the at-the-money strike; -1 when no strike has both closes, or no forward.
    step float64 [D, M, E]
        Points from ATM to ITM1 and OTM1: the instrument's step, wider where the expiry is seen to list fewer strikes
        (at least six of them around the money so far, none as near to the next as the step).
    nearest, next, monthly, far int64 [D, M]
        Index into ``expiries``, of those seen so far in the session; -1 before there is one. A minute in which the
        nearest expiry has no row is a minute without data, never the next expiry's turn. Monthly is the nearest that
        is the last of its month, far the nearest such beyond ``next``.
    """

    forward: Floats
    atm: Ints
    step: Floats
    nearest: Ints
    next: Ints
    monthly: Ints
    far: Ints

    def until(self, n_bars: int) -> RollingView:
        """The first ``n_bars`` minutes, as views."""
        return self.part(0, n_bars)

    def part(self, start: int, stop: int) -> RollingView:
        """Minutes [start, stop), as views."""
        return replace(self, **{name: value[:, start:stop] for name, value in vars(self).items()})


def rolling(chain: OptionChainDay, *, using: Engine | None = None) -> RollingView:
    """The rolling view of a chain. ``using`` is the kernels' engine, cpu by default."""
    return RollingStream(chain, using=using).advance(chain, chain.shape[1])


class RollingStream:
    """The rolling view of a chain that grows: each call computes the new minutes alone, from the state carried."""

    def __init__(self, chain: OptionChainDay, *, using: Engine | None = None) -> None:
        """For chains with the axes of ``chain``; others need a stream of their own."""
        self._kernels = (using or engine()).parity
        days, m, n_expiries, n_strikes = chain.shape
        by_expiry = (days, m, n_expiries)
        self._view = RollingView(
            np.full(by_expiry, np.nan),
            np.full(by_expiry, -1, np.int64),
            np.full(by_expiry, chain.strike_step),
            *(np.full((days, m), -1, np.int64) for _ in range(4)),
        )
        self._paired = np.zeros((days, n_expiries, n_strikes), np.bool_)
        self._seen = np.zeros((days, n_expiries), np.bool_)
        months = chain.expiries.astype("datetime64[M]")
        self._last_of_month = (chain.expiries + np.timedelta64(_MONTHLY_WITHIN, "D")).astype("datetime64[M]") > months
        self._months = months.astype(np.int64)
        self._done = 0

    def advance(self, chain: OptionChainDay, stop: int) -> RollingView:
        """The view over all of the chain's minutes, of which those before ``stop`` are there."""
        start, self._done = self._done, max(stop, self._done)
        if stop <= start:
            return self._view
        rows = np.s_[:, start:stop]
        future = chain.future[..., FUTURE_CLOSE][rows]
        fallback = np.where(np.isnan(future), chain.spot[rows], future)
        view = self._view
        view.forward[rows], view.atm[rows], view.step[rows] = self._kernels.forward_and_atm(
            chain.close[rows], chain.strikes, fallback, chain.strike_step, self._paired
        )
        sight = self._kernels.expiries_in_sight(chain.present[rows], self._last_of_month, self._months, self._seen)
        for role, found in enumerate((view.nearest, view.next, view.monthly, view.far)):
            found[rows] = sight[..., role]
        return view


def strike_at(chain: OptionChainDay, view: RollingView, offset: int) -> NDArray[np.int64]:
    """Index of the strike ``offset`` steps above the ATM strike (-1 = ITM1, +1 = OTM1 of the call), int64 [D, M, E].

    -1 where there is no ATM strike or the chain has no strike exactly there.
    """
    if chain.strikes.size == 0:
        return np.full(view.atm.shape, -1, np.int64)
    wanted = chain.strikes[view.atm] + offset * view.step
    at = np.minimum(np.searchsorted(chain.strikes, wanted), chain.strikes.size - 1)
    return np.where((view.atm >= 0) & (chain.strikes[at] == wanted), at, -1).astype(np.int64)


def underlying_bars(chain: OptionChainDay, view: RollingView, start: int = 0, stop: int | None = None) -> Floats:
    """Open, high, low, close of the session's underlying in minutes [start, stop), float64 [D, minutes, 4].

    The listed future's own bars if ``chain.underlying`` is "future"; else the close alone is known (spot, or the
    nearest expiry's forward) and the bar is flat.
    """
    stop = chain.minutes.size if stop is None else stop
    if chain.underlying == "future":
        return chain.future[:, start:stop, :4]
    if chain.underlying == "spot":
        level = chain.spot[:, start:stop]
    else:
        nearest, forward = view.nearest[:, start:stop], view.forward[:, start:stop]
        e = np.maximum(nearest, 0)
        level = (
            np.where(nearest >= 0, np.take_along_axis(forward, e[..., None], axis=2)[..., 0], np.nan)
            if forward.shape[2]
            else np.full(nearest.shape, np.nan)
        )
    return np.repeat(level[..., None], 4, axis=2)


FORWARD_COLUMNS = ("ts", "expiry", "strike", "spot", "ce_close", "pe_close", *(f"future_{x}" for x in FUTURE_FIELDS))
"""Columns of core/option_chain that ``forward_closes`` reads."""


def forward_closes(table: pa.Table, session: Session, symbol: str) -> Floats:
    """Forward of the nearest expiry at the close of each bar of the session [M], NaN where not known.

    The underlying of a ``symbol`` whose source knows neither its future nor its spot; as ``underlying_bars`` has it.
    """
    chain = OptionChainDay.from_core(
        table, session, symbol=symbol, max_dte=LONGEST_DTE, max_expiries=1, fields=("close",)
    )
    return underlying_bars(chain, rolling(chain))[0, :, -1]
