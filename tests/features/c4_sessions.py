"""Sessions of implied volatilities for C4: written down strike by strike, or walking with noise and gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c4_iv_skew.component import IVSkew, SessionState
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from tests.features.contract_sessions import Remembered

Floats = NDArray[np.float64]
DAY = date(2022, 11, 14)
STEP = 50.0
NAMES = tuple(spec.name.removeprefix("c4_") for spec in IVSkew().features)


def inputs(
    strikes: Sequence[float],
    volatility: Floats,
    forwards: Floats,
    years: Floats,
    days: Sequence[int],
    at_money: Floats | NDArray[np.int64],
    *,
    step: float = STEP,
    trade_date: date = DAY,
) -> SessionInputs:
    """What C4 reads of a session: volatility [M, 3, K, 2], forwards and years [M, 3], days [3], at_money [M, 3]."""
    m = volatility.shape[0]
    by_role = np.tile(np.array(days, np.int64), (m, 1))
    return SessionInputs(
        trade_date=trade_date,
        minutes=np.arange(555, 555 + m),
        n_bars=m,
        underlying_kind="spot",
        bars=np.empty((m, 9, 5)),
        held=np.empty((m, 9, 5)),
        underlying=np.empty((m, 5)),
        dte=by_role[:, 0],
        expiry=np.zeros(m, np.int64),
        strikes=np.zeros((m, 3), np.int64),
        forward=forwards[:, 0],
        strikes_listed=np.array(strikes, float),
        steps=np.full(m, step),
        forwards=forwards,
        years=years,
        days=by_role,
        at_money=np.asarray(at_money, np.int64),
        volatility=volatility,
    )


def walking(seed: int, *, minutes: int = 375, dte: int = 2, scale: float = 1.0, gaps: float = 0.03) -> SessionInputs:
    """A seeded session of three expiries, 61 strikes around a walking forward, a share of volatilities missing."""
    rng = np.random.default_rng(seed)
    t = np.arange(minutes)
    strikes = 18_000 + STEP * np.arange(-30, 31)
    days = (dte, dte + 7, dte + 21)
    near = 18_000 + 60 * rng.standard_normal() + np.cumsum(4 * rng.standard_normal(minutes))
    forwards = np.stack([near, near + 15, near + 40], axis=1)
    years = (np.array(days)[None, :] + (375 - t[:, None]) / 1440) / 365
    at_money = np.abs(strikes[None, None, :] - forwards[:, :, None]).argmin(axis=2)
    level = 0.14 + 0.02 * rng.random() + np.cumsum(0.0006 * rng.standard_normal((minutes, 3)), axis=0)
    level = np.maximum(level, 0.06) + np.array([0.0, -0.004, 0.003])
    x = np.log(strikes / forwards[:, :, None]) / np.sqrt(years)[:, :, None]
    slope = -0.09 + np.cumsum(0.004 * rng.standard_normal((minutes, 3)), axis=0)
    iv = level[:, :, None] + slope[:, :, None] * x + (0.5 + 0.2 * rng.random()) * x**2
    both = np.stack([iv, iv], axis=3) + 0.0012 * rng.standard_normal((*iv.shape, 2))
    both[rng.random(both.shape) < gaps] = np.nan
    both[(both < 0.01) | (both > 3)] = np.nan
    made = inputs(strikes * scale, both, forwards * scale, years, days, at_money, step=STEP * scale)
    return replace(made, trade_date=DAY + timedelta(days=seed))


def start(
    session: SessionInputs, memory: Mapping[str, Floats] | None = None, symbol: str = "NIFTY", n_bars: int | None = None
) -> SessionStart:
    previous: DailyContext | None = None if memory is None else Remembered(memory)  # type: ignore[assignment]
    bars = session.n_bars if n_bars is None else n_bars
    return SessionStart(session.trade_date, bars, int(session.days[0, 0]), "spot", previous, symbol=symbol)


def computed(
    session: SessionInputs,
    component: IVSkew | None = None,
    *,
    memory: Mapping[str, Floats] | None = None,
    pieces: Sequence[int] = (),
    symbol: str = "NIFTY",
) -> tuple[ComponentOutput, SessionState]:
    """A whole session, in one go or cut before the minutes named in ``pieces``."""
    one = component or IVSkew()
    m = session.minutes.size
    out, state = ComponentOutput.empty(m, len(one.features)), one.begin(start(session, memory, symbol))
    cuts = [0, *pieces, m]
    for first, stop in pairwise(cuts):
        one.compute(session, out, first, stop, state)
    return out, state


def columns(out: ComponentOutput) -> dict[str, Floats]:
    """Columns by name, without the component's prefix."""
    return dict(zip(NAMES, out.values.T, strict=True))


def remembered(dtes: Sequence[int], component: IVSkew | None = None) -> Mapping[str, Floats]:
    """What sessions at these days to expiry leave, one after another."""
    one = component or IVSkew()
    memory: Mapping[str, Floats] | None = None
    for seed, dte in enumerate(dtes):
        session = walking(100 + seed, dte=dte)
        out, state = computed(session, one, memory=memory)
        memory = one.leave(session, out, state)
    assert memory is not None
    return memory
