"""ATM implied volatility of the nearest expiry against prices made from a known one."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.features.implied import atm_implied_volatility
from mr_platform.features.inputs import session_inputs
from mr_platform.kernels.reference import black76
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import IST, ORDINARY_WINDOW, Session
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.parameters.objects import defaults

DAY = date(2022, 11, 15)
FORWARD, SIGMA = 18_010.0, 0.16
SESSION = Session(DAY, "ordinary", (ORDINARY_WINDOW,))


def core(*, puts: dict[float, float] | None = None, smile: dict[float, float] | None = None) -> pa.Table:
    """One minute of eleven strikes, prices from Black-76 at 16 % or the smile's; puts at other prices if asked."""
    strikes = np.arange(17_750.0, 18_251.0, 50.0)
    # from the close of the 09:15 bar to 15:30 two days later
    years = (2 * 86_400 + (15 * 60 + 30 - 9 * 60 - 16) * 60) / (365 * 86_400)
    n = strikes.size
    volatility = np.array([(smile or {}).get(strike, SIGMA) for strike in strikes])
    columns: dict[str, object] = {
        "ts": [datetime(2022, 11, 15, 9, 15, tzinfo=IST)] * n,
        "expiry": [DAY + timedelta(days=2)] * n,
        "strike": strikes,
        "spot": [FORWARD] * n,
    }
    for leg, name in enumerate(("ce", "pe")):
        close = black76.price(np.array(FORWARD), strikes, np.array(years), volatility, np.array(leg))
        for strike, price in (puts or {}).items() if leg == 1 else ():
            close[strikes == strike] = price
        columns |= {f"{name}_{field}": close for field in ("open", "high", "low", "close")}
        columns |= {f"{name}_{field}": np.full(n, 50) for field in ("volume", "oi")}
        columns[f"{name}_iv"] = np.full(n, np.nan)
    columns |= {f"future_{field}": np.full(n, np.nan) for field in ("open", "high", "low", "close", "volume", "oi")}
    return pa.table(columns).replace_schema_metadata({b"symbol": b"NIFTY", b"underlying": b"spot"})


def atm_iv(table: pa.Table) -> np.ndarray:
    chain = OptionChainDay.from_core(table, SESSION)
    return atm_implied_volatility(
        chain, session_inputs(chain, SESSION.n_bars, passes=()), defaults(DailyContextParameters)
    )


def test_it_is_the_volatility_that_made_the_prices() -> None:
    found = atm_iv(core())
    assert found[0] == pytest.approx(SIGMA, rel=1e-7)
    assert np.isnan(found[1:]).all()


def test_a_leg_without_a_volatility_is_bridged_by_the_neighbours() -> None:
    # a put of 1e-9 rupees has no volatility in [0.01, 3]
    assert atm_iv(core(puts={18_000.0: 1e-9}))[0] == pytest.approx(SIGMA, rel=1e-7)


def test_the_bridge_runs_in_log_moneyness() -> None:
    # 0.20 - 0.06 ln(18000/17950) / ln(18050/17950); linear in strike it would be 0.17
    table = core(puts={18_000.0: 1e-9}, smile={17_950.0: 0.20, 18_050.0: 0.14})
    assert atm_iv(table)[0] == pytest.approx(0.1699583, abs=1e-7)


def test_no_bridge_reaches_beyond_the_strikes_beside() -> None:
    assert np.isnan(atm_iv(core(puts={18_000.0: 1e-9, 17_950.0: 1e-9}))[0])


def test_a_chain_without_rows_has_none() -> None:
    assert np.isnan(atm_iv(core().slice(0, 0))).all()
