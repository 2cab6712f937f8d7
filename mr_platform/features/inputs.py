"""What the components read of one session: the rolling series, and the chain of the expiries in sight.

The arrays hold one symbol-day, minute by minute, a strike axis that is the union of all expiries read, and two legs.
Nothing here looks ahead: the inputs of a session cut at t are the first rows of the whole session's inputs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.features.series import Floats, Ints, SessionSeries, series_of
from mr_platform.kernels.engine import Engine, engine
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.rolling import MONTHLY_WITHIN, RollingView, rolling
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.parameters.objects import defaults

if TYPE_CHECKING:
    from mr_platform.features.component import ComponentOutput

NEAR, NEXT, FAR = range(3)
"""Expiries by role: nearest, second nearest, and the nearest last-of-its-month that is neither of the two."""
REACH = 15
"""Strikes either side of the ATM strike that ``around`` names."""
ATM = REACH
"""Column of ``around`` that holds the ATM strike itself."""
PASSES = ("smile", "greeks")
"""What is made only where a component needs it: volatilities of three expiries, Greeks of the nearest."""
DEEP_FIELDS = ("open", "high", "low", "volume", "oi")
"""What is read of the nearest expiry beside its close."""
GREEKS = ("delta", "gamma", "theta", "vega", "vanna", "charm", "volga")


@dataclass(frozen=True, eq=False)
class SessionInputs(SessionSeries):
    """One session of one symbol, M minutes, K strikes; NaN where not known.

    All of ``SessionSeries``, and:

    strikes_listed float64 [K]
        Strikes of all expiries read, ascending.
    chain_open, chain_high, chain_low, chain_close, chain_volume, chain_oi float64 [M, K, 2]
        The nearest expiry of each minute (call, put): rupees and units of the underlying. Where ``expiry`` differs
        between two minutes their rows are of different contracts and must not be compared.
    around int64 [M, 31]
        Index of the strike at ATM + j * step, j = -15 .. 15, of the nearest expiry; -1 where none is listed there.
    steps float64 [M]
        Points between neighbouring strikes of the nearest expiry.
    forwards, years float64 [M, 3]; days, at_money int64 [M, 3]
        By role (NEAR, NEXT, FAR): forward, time to expiry in years from the bar's close, calendar days (-1 where the
        role is not filled), index of the ATM strike (-1 unknown).
    volatility float64 [M, 3, K, 2]
        Black-76 volatility of each leg on its expiry's forward, decimal per year, inside [0.01, 3]; pass "smile" (the
        nearest alone, others NaN, with pass "greeks").
    delta, gamma, theta, vega, vanna, charm, volga float64 [M, K, 2]
        Of the nearest expiry at each leg's own volatility; units as in ``kernels.reference.black76``; pass "greeks".
    spot float64 [M], future float64 [M, 6]
        Spot, and the listed future's open, high, low, close, volume, open interest.
    peer float64 [M]
        Close of the underlying of the symbol that this one is compared with; NaN where it is not there.
    outputs
        Output of the components before the one that reads this, by key; filled as far as it was computed.
    """

    strikes_listed: Floats = field(default_factory=lambda: np.empty(0))
    chain_open: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    chain_high: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    chain_low: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    chain_close: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    chain_volume: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    chain_oi: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    around: Ints = field(default_factory=lambda: np.empty((0, 2 * REACH + 1), np.int64))
    steps: Floats = field(default_factory=lambda: np.empty(0))
    forwards: Floats = field(default_factory=lambda: np.empty((0, 3)))
    years: Floats = field(default_factory=lambda: np.empty((0, 3)))
    days: Ints = field(default_factory=lambda: np.empty((0, 3), np.int64))
    at_money: Ints = field(default_factory=lambda: np.empty((0, 3), np.int64))
    volatility: Floats = field(default_factory=lambda: np.empty((0, 3, 0, 2)))
    delta: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    gamma: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    theta: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    vega: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    vanna: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    charm: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    volga: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    spot: Floats = field(default_factory=lambda: np.empty(0))
    future: Floats = field(default_factory=lambda: np.empty((0, 6)))
    peer: Floats = field(default_factory=lambda: np.empty(0))
    outputs: Mapping[str, ComponentOutput] = field(default_factory=dict)

    def until(self, n: int) -> SessionInputs:
        """The first ``n`` minutes, as views."""
        whole = {"trade_date", "n_bars", "underlying_kind", "strikes_listed", "outputs"}
        return replace(self, **{f.name: getattr(self, f.name)[:n] for f in fields(self) if f.name not in whole})


def session_inputs(
    chain: OptionChainDay,
    n_bars: int,
    *,
    passes: Collection[str] = PASSES,
    peer: Floats | None = None,
    outputs: Mapping[str, ComponentOutput] | None = None,
    using: Engine | None = None,
    limits: DailyContextParameters | None = None,
) -> SessionInputs:
    """The inputs of a chain with one day, whose whole session has ``n_bars`` bars.

    ``passes`` are the costly ones that are wanted (``PASSES``); ``peer`` [M] closes of the other symbol's underlying.
    ``limits``: an implied volatility outside of them says nothing and counts as missing. UsageError for an
    unknown pass.
    """
    if unknown := sorted(set(passes) - set(PASSES)):
        raise UsageError(
            rule=f"a pass is one of {', '.join(PASSES)}",
            value=unknown,
            place="session inputs",
            remedy="correct what the component says it needs",
        )
    kernels = using or engine()
    limits = limits or defaults(DailyContextParameters)
    view = rolling(chain, using=kernels)
    series = series_of(chain, view, n_bars, kernels)
    roles = np.stack([view.nearest[0], view.next[0], far_expiry(chain, view)], axis=1)
    m, k = chain.minutes.size, chain.strikes.size
    near = roles[:, NEAR]
    forwards = _by_role(view.forward[0], roles, np.nan)
    years = _by_role(chain.years, roles, np.nan)
    volatility = np.full((m, 3, k, 2), np.nan)
    wanted = 3 if "smile" in passes else 1 if "greeks" in passes else 0
    for role in range(wanted):
        close = _rows_of(chain.close[0], roles[:, role])
        found = kernels.black76.chain_implied_volatility(
            close[None, :, None], forwards[None, :, role, None], chain.strikes, years[:, role, None]
        )[0, :, 0]
        found[(found < limits.iv_lowest) | (found > limits.iv_highest)] = np.nan
        volatility[:, role] = found
    known: dict[str, Any] = {f.name: getattr(series, f.name) for f in fields(series)}
    known["chain_close"] = _rows_of(chain.close[0], near)
    deep = np.where(near >= 0, chain.deep[np.maximum(near, 0)] if chain.deep.size else -1, -1)
    for name in DEEP_FIELDS:
        known[f"chain_{name}"] = _rows_of(getattr(chain, name)[0], deep)
    if "greeks" in passes:
        of_chain = kernels.black76.chain_greeks(
            forwards[None, :, NEAR, None], chain.strikes, years[:, NEAR, None], volatility[None, :, NEAR : NEAR + 1]
        )
        known |= {name: getattr(of_chain, name)[0, :, 0] for name in GREEKS}
    others = np.full(m, np.nan)
    if peer is not None:
        others[: peer.size] = peer[:m]
    return SessionInputs(
        **known,
        strikes_listed=chain.strikes,
        around=_around(chain, view, near),
        steps=_by_role(view.step[0], near[:, None], np.nan)[:, 0],
        forwards=forwards,
        years=years,
        days=_by_role(np.broadcast_to(chain.dte, (m, chain.dte.size)), roles, -1),
        at_money=_by_role(view.atm[0], roles, -1),
        volatility=volatility,
        spot=chain.spot[0],
        future=chain.future[0],
        peer=others,
        outputs=outputs or {},
    )


def far_expiry(chain: OptionChainDay, view: RollingView) -> Ints:
    """Index of the nearest last-of-its-month expiry beyond the second nearest, of those seen so far [M]; -1 if none.

    An expiry is taken for its month's last while no later one of that month has been seen and its date allows it.
    """
    months = chain.expiries.astype("datetime64[M]")
    possible = (chain.expiries + np.timedelta64(MONTHLY_WITHIN, "D")).astype("datetime64[M]") > months
    seen = np.logical_or.accumulate(chain.present[0], axis=0)
    later_of_month = (months[None, :] == months[:, None]) & (chain.expiries[None, :] > chain.expiries[:, None])
    # seen [M, E] and pairs [E, E]: whether a later expiry of e's month has been seen
    beaten = (seen.astype(np.int64) @ later_of_month.T.astype(np.int64)) > 0
    index = np.arange(chain.expiries.size)
    fits = seen & possible & ~beaten & (index[None, :] > view.next[0][:, None]) & (view.next[0][:, None] >= 0)
    if not index.size:
        return np.full(chain.minutes.size, -1, np.int64)
    first = fits.argmax(axis=1)
    return np.where(fits.any(axis=1), first, -1).astype(np.int64)


def _by_role(values: NDArray, roles: Ints, unknown: float) -> NDArray:
    """``values[t, roles[t, r]]`` for values [M, E] and roles [M, R]; ``unknown`` where a role is not filled."""
    if values.shape[1] == 0:
        return np.full(roles.shape, unknown, values.dtype)
    return np.where(roles >= 0, np.take_along_axis(values, np.maximum(roles, 0), axis=1), unknown)


def _rows_of(values: Floats, expiry: Ints) -> Floats:
    """``values[t, expiry[t]]`` for values [M, E, K, 2]; NaN where there is none. A view where one expiry rules."""
    if expiry.size and values.shape[1] and (expiry == expiry[0]).all() and expiry[0] >= 0:
        return values[:, expiry[0]]
    out = np.full((values.shape[0], *values.shape[2:]), np.nan)
    there = np.flatnonzero(expiry >= 0)
    out[there] = values[there, expiry[there]]
    return out


def _around(chain: OptionChainDay, view: RollingView, near: Ints) -> Ints:
    """Indices of the strikes at ATM + j * step of the nearest expiry, j = -REACH .. REACH [M, 31]; -1 where none."""
    offsets = np.arange(-REACH, REACH + 1)
    out = np.full((chain.minutes.size, offsets.size), -1, np.int64)
    there = np.flatnonzero(near >= 0)
    if there.size == 0 or chain.strikes.size == 0:
        return out
    atm = view.atm[0][there, near[there]]
    known = there[atm >= 0]
    centre = chain.strikes[view.atm[0][known, near[known]]]
    wanted = centre[:, None] + offsets[None, :] * view.step[0][known, near[known]][:, None]
    at = np.minimum(np.searchsorted(chain.strikes, wanted), chain.strikes.size - 1)
    out[known] = np.where(chain.strikes[at] == wanted, at, -1)
    return out
