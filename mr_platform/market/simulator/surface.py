"""The implied-volatility surface: an SSVI smile over a mean-reverting term structure of variance.

Total variance at log moneyness k and at-the-money total variance theta (Gatheral and Jacquier, "Arbitrage-free
SVI volatility surfaces", 2014): w = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)) with the power
law phi = eta / sqrt(theta (1 + theta)). With eta (1 + |rho|) <= 2 there is no butterfly arbitrage, and with theta
rising in maturity no calendar arbitrage. theta runs on a variance clock (trading hours weigh more than nights),
so that premiums match the variance that is realised.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from mr_platform.market.simulator.parameters import MarketParameters

TRADING_DAYS = 252.0
SECONDS_PER_YEAR = 365.0 * 86400.0
EXPIRY_CLOSE = time(15, 30)
# Time to expiry is floored at one minute, as everywhere on the platform.
LEAST_SECONDS = 60.0
_LEAST_VARIANCE = 1e-9


def total_variance(
    short: NDArray[np.float64], slow: NDArray[np.float64], years: NDArray[np.float64] | float, market: MarketParameters
) -> NDArray[np.float64]:
    """At-the-money total implied variance theta after ``years`` on the variance clock.

    ``short`` and ``slow`` volatility levels, decimal per year, before the variance premium.
    theta = V T + (v - V)(1 - exp(-kappa T))/kappa with v the short and V the slow variance: the expected
    variance of Heston (1993), rising in T for all v, V > 0.
    """
    premium = np.exp(2.0 * market.variance_premium)
    long_run, now = slow * slow * premium, np.square(short) * premium
    tau = np.asarray(years)
    fade = -np.expm1(-market.mean_reversion * tau) / market.mean_reversion
    theta: NDArray[np.float64] = np.maximum(long_run * tau + (now - long_run) * fade, _LEAST_VARIANCE)
    return theta


def calendar_years(trade_date: date, closes: NDArray[np.float64], expiry: date) -> NDArray[np.float64]:
    """Calendar time to expiry in years of 365 days at ``closes`` (minutes since midnight, IST), floored at a minute."""
    left = (datetime.combine(expiry, EXPIRY_CLOSE) - datetime.combine(trade_date, time())) / timedelta(seconds=1)
    years: NDArray[np.float64] = np.maximum(left - closes * 60.0, LEAST_SECONDS) / SECONDS_PER_YEAR
    return years


def clock_years(shape: NDArray[np.float64], sessions_after: int, nights: float, session_share: float) -> NDArray:
    """Time to expiry on the variance clock at the end of each step of a session, years of 252 days.

    ``shape`` share of an ordinary session's variance in each step; ``sessions_after`` sessions from the next to
    expiry; ``nights`` weight of the nights between (1 for a plain one).
    """
    rest = np.cumsum(shape[::-1])[::-1] - shape
    days = session_share * (np.maximum(rest, 0.0) + sessions_after) + (1.0 - session_share) * nights
    return days / TRADING_DAYS


def smile_variance(
    k: NDArray[np.float64], theta: NDArray[np.float64], rho: NDArray[np.float64], eta: float
) -> NDArray[np.float64]:
    """Total variance of the SSVI smile at log moneyness ``k`` = ln(K/F); arguments broadcast together."""
    x = eta / np.sqrt(theta * (1.0 + theta)) * k
    variance: NDArray[np.float64] = 0.5 * theta * (1.0 + rho * x + np.sqrt((x + rho) ** 2 + 1.0 - rho * rho))
    return variance
