"""The rolling view of a symbol-day: each minute's forward, at-the-money strike and expiries in sight.

Nothing here looks ahead: the view of ``chain.until(t)`` is, bit for bit, the prefix of the view of ``chain``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mr_platform.kernels.engine import Engine, engine
from mr_platform.market.chain import FUTURE_CLOSE, Floats, Ints, OptionChainDay

MONTHLY_WITHIN = 9
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
    nearest, next, monthly int64 [D, M]
        Index into ``expiries``, of those seen so far in the session; -1 before there is one. A minute in which the
        nearest expiry has no row is a minute without data, never the next expiry's turn.
    """

    forward: Floats
    atm: Ints
    step: Floats
    nearest: Ints
    next: Ints
    monthly: Ints

    def until(self, n_bars: int) -> RollingView:
        """The first ``n_bars`` minutes, as views."""
        return replace(self, **{name: value[:, :n_bars] for name, value in vars(self).items()})


def rolling(chain: OptionChainDay, *, using: Engine | None = None) -> RollingView:
    """The rolling view of a chain. ``using`` is the kernels' engine, cpu by default."""
    kernels = (using or engine()).parity
    days, _, n_expiries, n_strikes = chain.shape
    future = chain.future[..., FUTURE_CLOSE]
    fallback = np.where(np.isnan(future), chain.spot, future)
    paired = np.zeros((days, n_expiries, n_strikes), np.bool_)
    forward, atm, step = kernels.forward_and_atm(chain.close, chain.strikes, fallback, chain.strike_step, paired)
    months = chain.expiries.astype("datetime64[M]")
    last_of_month = (chain.expiries + np.timedelta64(MONTHLY_WITHIN, "D")).astype("datetime64[M]") > months
    seen = np.zeros((days, n_expiries), np.bool_)
    sight = kernels.expiries_in_sight(chain.present, last_of_month, months.astype(np.int64), seen)
    return RollingView(forward, atm, step, *(np.ascontiguousarray(sight[..., i]) for i in range(3)))


def strike_at(chain: OptionChainDay, view: RollingView, offset: int) -> NDArray[np.int64]:
    """Index of the strike ``offset`` steps above the ATM strike (-1 = ITM1, +1 = OTM1 of the call), int64 [D, M, E].

    -1 where there is no ATM strike or the chain has no strike exactly there.
    """
    if chain.strikes.size == 0:
        return np.full(view.atm.shape, -1, np.int64)
    wanted = chain.strikes[view.atm] + offset * view.step
    at = np.minimum(np.searchsorted(chain.strikes, wanted), chain.strikes.size - 1)
    return np.where((view.atm >= 0) & (chain.strikes[at] == wanted), at, -1).astype(np.int64)


def underlying_bars(chain: OptionChainDay, view: RollingView) -> Floats:
    """Open, high, low, close of the session's underlying, float64 [D, M, 4].

    The listed future's own bars if ``chain.underlying`` is "future"; else the close alone is known (spot, or the
    nearest expiry's forward) and the bar is flat.
    """
    if chain.underlying == "future":
        return chain.future[..., :4]
    if chain.underlying == "spot":
        level = chain.spot
    else:
        e = np.maximum(view.nearest, 0)
        level = (
            np.where(view.nearest >= 0, np.take_along_axis(view.forward, e[..., None], axis=2)[..., 0], np.nan)
            if view.forward.shape[2]
            else np.full(view.nearest.shape, np.nan)
        )
    return np.repeat(level[..., None], 4, axis=2)
