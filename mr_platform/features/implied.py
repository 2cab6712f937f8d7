"""At-the-money implied volatility of the nearest expiry, minute by minute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.series import CLOSE, SessionSeries
from mr_platform.kernels.cpu.black76 import implied_volatility
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.common import DailyContextParameters


def atm_implied_volatility(
    chain: OptionChainDay, series: SessionSeries, limits: DailyContextParameters
) -> NDArray[np.float64]:
    """Black-76 implied volatility at the ATM strike on the nearest expiry's forward, decimal per year [M].

    Mean of call and put; where one of them has none, linear in log-moneyness between ITM1 and OTM1 if both legs of
    both have one (strikes further off say nothing about the money in the last minutes before expiry: a real smile went
    from 0.1 to 0.8 within four steps). NaN otherwise. A leg's volatility outside the ``limits`` is none.
    """
    out = np.full(series.minutes.size, np.nan)
    at = np.flatnonzero((series.expiry >= 0) & (series.strikes[:, 0] >= 0))
    if at.size == 0:
        return out
    years = chain.years[at, series.expiry[at]]
    per_strike = []
    for column in range(3):
        k = series.strikes[at, column]
        strike = np.where(k >= 0, chain.strikes[np.maximum(k, 0)], np.nan)
        legs = [
            implied_volatility(
                series.bars[at, 3 + 3 * leg + column, CLOSE], series.forward[at], strike, years, np.array(leg)
            )
            for leg in (0, 1)
        ]
        pair = np.stack(legs)
        pair[(pair < limits.iv_lowest) | (pair > limits.iv_highest)] = np.nan
        per_strike.append((strike, pair.mean(axis=0)))
    (middle, atm), (low, itm1), (high, otm1) = per_strike
    # ln(K / F): the forward drops out of the differences
    between = itm1 + (otm1 - itm1) * np.log(middle / low) / np.log(high / low)
    out[at] = np.where(np.isnan(atm), between, atm)
    return out
