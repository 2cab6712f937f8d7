"""The install's warm-up leaves nothing to compile for the calls the platform makes."""

from __future__ import annotations

from datetime import date, time
from types import ModuleType

import numpy as np
import pyarrow as pa

from mr_platform.kernels.cpu import black76, chain_sums, implied, moving, parity, scatter
from mr_platform.kernels.warmup import compile_kernels
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.rolling import rolling
from mr_platform.market.sessions import Session
from schemas.tables import CORE_OPTION_CHAIN

MODULES = (black76, chain_sums, implied, moving, parity, scatter)


def compiled(module: ModuleType) -> dict[str, int]:
    """Argument types each kernel of the module has been compiled for."""
    return {name: len(f.signatures) for name, f in vars(module).items() if hasattr(f, "signatures")}


def test_a_chain_after_the_warm_up_compiles_nothing() -> None:
    compile_kernels()
    before = {module.__name__: compiled(module) for module in MODULES}
    assert all(any(kernels.values()) for kernels in before.values())

    session = Session(date(2022, 11, 1), "ordinary", ((time(9, 15), time(9, 20)),))
    n = 5
    columns: dict[str, object] = {
        "symbol": ["NIFTY"] * n,
        "ts": np.datetime64("2022-11-01T03:45", "us") + np.arange(n) * np.timedelta64(60, "s"),
        "expiry": [date(2022, 11, 3)] * n,
        "strike": [18_000.0] * n,
        "ce_close": [1.0, None, 3.0, 4.0, 5.0],
        "pe_close": [1.0] * n,
        "spot": [18_000.0] * n,
    }
    table = pa.table(
        [
            pa.array(columns[f.name], pa.timestamp("us")).cast(f.type)
            if f.name == "ts"
            else pa.array(columns.get(f.name, [None] * n), f.type)
            for f in CORE_OPTION_CHAIN.arrow()
        ],
        names=CORE_OPTION_CHAIN.arrow().names,
    )
    chain = OptionChainDay.from_core(table, session)
    view = rolling(chain.until(557))
    kernels = black76
    volatility = kernels.chain_implied_volatility(chain.close, rolling(chain).forward, chain.strikes, chain.years[None])
    kernels.chain_greeks(view.forward, chain.strikes, chain.years[None, :3], volatility[:, :3])
    chain_sums.strike_sums(chain.oi)
    chain_sums.max_pain(chain.oi, chain.strikes)
    chain_sums.sums_around(chain.oi, rolling(chain).atm, chain.strikes, rolling(chain).step, 7, 10)
    moving.ema(chain.close[:, :, 0, :, 0], 20)
    moving.rolling_mean_std(chain.close[:, :, 0, :, 0], 20)
    assert {module.__name__: compiled(module) for module in MODULES} == before
