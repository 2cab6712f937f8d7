"""What the components read of one session: the rolling series, and the chain of the expiries in sight.

The arrays hold one symbol-day, minute by minute, a strike axis that is the union of all expiries read, and two legs.
Nothing here looks ahead: the inputs of a session cut at t are the first rows of the whole session's inputs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.features.roles import closes_of, fill_roles, keep_inside, ruling_of
from mr_platform.features.series import LAGS, SERIES, VOLUME, Floats, Ints, SessionSeries, fill_series
from mr_platform.kernels.engine import Engine, engine
from mr_platform.market.chain import FUTURE_VOLUME, OptionChainDay
from mr_platform.market.rolling import RollingStream, RollingView, underlying_bars
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
_BY_ROLE = ("expiry", "days", "dte", "forwards", "forward", "years", "at_money", "steps", "around", "strikes")
GREEKS = ("delta", "gamma", "theta", "vega", "vanna", "charm", "volga")
_SPLITTER = 2.0**33 + 1.0
"""Leaves 53 - 33 bits: Dekker, "A floating-point technique for extending the available precision", 1971."""


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
        Black-76 volatility of each leg on its expiry's forward, decimal per year, inside [0.01, 3], to 20 bits: six
        digits, a hundredth of what a tick moves it. Finer ones are the solver's, and what is left when two are
        subtracted must not be. Pass "smile" (the nearest alone, others NaN, with pass "greeks").
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
    stream = InputStream(n_bars, passes=passes, outputs=outputs, using=using, limits=limits)
    return stream.advance(chain, chain.minutes.size, peer=peer)


class InputStream:
    """Inputs of a session that grow with its chain: each call computes the new minutes alone.

    Bit for bit what ``session_inputs`` gives of the whole.
    """

    def __init__(
        self,
        n_bars: int,
        *,
        passes: Collection[str] = PASSES,
        outputs: Mapping[str, ComponentOutput] | None = None,
        using: Engine | None = None,
        limits: DailyContextParameters | None = None,
    ) -> None:
        if unknown := sorted(set(passes) - set(PASSES)):
            raise UsageError(
                rule=f"a pass is one of {', '.join(PASSES)}",
                value=unknown,
                place="session inputs",
                remedy="correct what the component says it needs",
            )
        self._n_bars = n_bars
        self._kernels = using or engine()
        self._outputs = outputs or {}
        self._limits = limits or defaults(DailyContextParameters)
        # of volatilities the nearest expiry's are enough for Greeks
        self._smiles = 3 if "smile" in passes else 1 if "greeks" in passes else 0
        self._roles: Ints = np.empty((0, 3), np.int64)
        self._years: Floats = np.empty((0, 0))
        self._greeks = "greeks" in passes
        self._done = 0
        self._view: RollingStream | None = None
        self._made: dict[str, NDArray] = {}
        # inputs that are nothing but views: of which chain, and of which expiry
        self._views: tuple[OptionChainDay, int, SessionInputs] | None = None

    def advance(
        self, chain: OptionChainDay, stop: int, *, peer: Floats | None = None, afresh: bool = False
    ) -> SessionInputs:
        """The inputs of the chain's minutes, computed up to ``stop``; ``afresh`` where the chain's axes have changed.

        Arrays are of all of the chain's minutes; what lies beyond ``stop`` is not there yet.
        """
        if afresh or self._view is None:
            self._view = RollingStream(chain, using=self._kernels)
            self._made = self._room(chain)
            self._roles = np.full((chain.minutes.size, 3), -1, np.int64)
            self._years = chain.years
            self._views = None
            self._done = 0
        start, self._done = self._done, stop
        view = self._view.advance(chain, stop)
        if stop > start:
            self._fill(chain, view, start, stop)
            others = self._made["peer"]
            if peer is not None:
                n = min(peer.size, stop)
                others[:n] = peer[:n]
        ruling = int(self._compiled(ruling_of)(self._made["expiry"]))
        if ruling < 0 or chain.deep[ruling] < 0:
            self._views = None
            return self._over(chain, ruling)
        if self._views is None or self._views[0] is not chain or self._views[1] != ruling:
            self._views = (chain, ruling, self._over(chain, ruling))
        return self._views[2]

    def _over(self, chain: OptionChainDay, ruling: int) -> SessionInputs:
        """The inputs over the chain's arrays and those made of them; ``ruling`` the session's one expiry, -1 without.

        Views where an expiry rules that has all fields, and then good for as long as the chain grows in place.
        """
        near = self._made["expiry"]
        deep, ruling_deep = near, int(chain.deep[ruling]) if ruling >= 0 else -1
        if ruling_deep < 0:
            deep = np.where(near >= 0, chain.deep[np.maximum(near, 0)] if chain.deep.size else -1, -1)
            ruling_deep = int(self._compiled(ruling_of)(deep))
        fields = {f"chain_{name}": _rows_of(getattr(chain, name)[0], deep, ruling_deep) for name in DEEP_FIELDS}
        return SessionInputs(
            trade_date=chain.trade_date,
            minutes=chain.minutes,
            n_bars=self._n_bars,
            underlying_kind=chain.underlying,
            strikes_listed=chain.strikes,
            chain_close=_rows_of(chain.close[0], near, ruling),
            **cast(dict[str, Any], fields),
            spot=chain.spot[0],
            future=chain.future[0],
            outputs=self._outputs,
            **cast(dict[str, Any], self._made),
        )

    def _room(self, chain: OptionChainDay) -> dict[str, NDArray]:
        m, k = chain.minutes.size, chain.strikes.size
        floats: dict[str, tuple[int, ...]] = {
            "bars": (m, len(SERIES), 5),
            "held": (m, len(SERIES), len(LAGS)),
            "underlying": (m, 5),
            "forward": (m,),
            "steps": (m,),
            "forwards": (m, 3),
            "years": (m, 3),
            "peer": (m,),
        }
        whole: dict[str, tuple[int, ...]] = {
            "dte": (m,),
            "expiry": (m,),
            "strikes": (m, 3),
            "around": (m, 2 * REACH + 1),
            "days": (m, 3),
            "at_money": (m, 3),
        }
        made: dict[str, NDArray] = {name: np.full(shape, np.nan) for name, shape in floats.items()}
        made |= {name: np.full(shape, -1, np.int64) for name, shape in whole.items()}
        # in one piece it gets huge pages: ten pieces cost thousands of small ones, at the open of all times
        chains = np.full((3 + len(GREEKS) * self._greeks, m, k, 2), np.nan)
        of_greeks = chains[3:] if self._greeks else np.empty((len(GREEKS), m, 0, 2))
        made["volatility"] = chains[:3].reshape(m, 3, k, 2)
        return made | dict(zip(GREEKS, of_greeks, strict=True))

    def _compiled(self, pass_: Any) -> Any:
        """The pass as the engine runs it: compiled, or on the engine of reference as it is written."""
        return pass_.py_func if self._kernels.name == "reference" else pass_

    def _fill(self, chain: OptionChainDay, view: RollingView, start: int, stop: int) -> None:
        rows, made = slice(start, stop), self._made
        of_role, closes, inside = (self._compiled(one) for one in (fill_roles, closes_of, keep_inside))
        roles = self._roles
        for role, found in ((NEAR, view.nearest), (NEXT, view.next), (FAR, view.far)):
            roles[rows, role] = found[0, rows]
        of_role(
            roles,
            chain.dte,
            view.forward[0],
            self._years[rows],
            view.atm[0],
            view.step[0],
            chain.strikes,
            start,
            stop,
            *(made[name] for name in _BY_ROLE),
        )
        made["underlying"][rows, :4] = underlying_bars(chain, view, start, stop)[0]
        if chain.underlying == "future":
            made["underlying"][rows, VOLUME] = chain.future[0, rows, FUTURE_VOLUME]
        fill_series(chain, made["expiry"], made["strikes"], start, stop, made["bars"], made["held"], self._kernels)
        if self._smiles:
            close = np.empty((1, stop - start, self._smiles, chain.strikes.size, 2))
            closes(chain.close[0], roles, start, stop, close[0])
            of_roles = np.s_[rows, : self._smiles]
            solved = self._kernels.black76.chain_implied_volatility(
                close, made["forwards"][of_roles][None], chain.strikes, made["years"][of_roles]
            )
            limits = (self._limits.iv_lowest, self._limits.iv_highest)
            inside(solved[0], _SPLITTER, *limits, start, made["volatility"])
        if self._greeks:
            of_chain = self._kernels.black76.chain_greeks(
                made["forwards"][None, rows, NEAR, None],
                chain.strikes,
                made["years"][rows, NEAR, None],
                made["volatility"][None, rows, NEAR : NEAR + 1],
            )
            for name in GREEKS:
                made[name][rows] = getattr(of_chain, name)[0, :, 0]


def _rows_of(values: Floats, expiry: Ints, ruling: int) -> Floats:
    """``values[t, expiry[t]]`` for values [M, E, K, 2]; NaN where there is none.

    A view where one expiry rules: before it is seen its rows are NaN anyway.
    """
    if ruling >= 0 and values.shape[1]:
        return values[:, ruling]
    out = np.full((values.shape[0], *values.shape[2:]), np.nan)
    there = np.flatnonzero(expiry >= 0)
    out[there] = values[there, expiry[there]]
    return out
