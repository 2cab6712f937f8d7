"""One-minute bars of every option of an expiry, from trades along the path inside the minute.

In each five-second step a contract trades or not; a trade prints at the bid or at the ask around the fair
premium (Black-76 on the forward, volatility from the smile of that very step). A bar is the first, highest,
lowest and last of its prints, so that it is consistent with the path of the underlying inside the minute.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from mr_platform.kernels.cpu import black76
from mr_platform.market.simulator.parameters import ChainParameters
from mr_platform.market.simulator.path import STEPS_PER_MINUTE
from mr_platform.market.simulator.random import mix, unit
from mr_platform.market.simulator.surface import smile_variance

CALL, PUT = 0, 1
# Half of the bid-ask spread: a part of a tick, a share of time value, a share of intrinsic value.
_HALF_FLAT, _HALF_TIME, _HALF_INTRINSIC = 0.02, 0.0007, 0.0011
# Minutes with a trade are Poisson; the busiest strikes print in nearly all five-second steps.
_BUSY_MINUTE, _BUSY_PRINTS = 7.0, 55.0
# Share of the minutes with one leg alone in which it is the one out of the money.
_ALONE_OUT = 0.85
_MASK21 = np.uint64(0x1FFFFF)
_S21, _S42, _S63 = np.uint64(21), np.uint64(42), np.uint64(63)
_TO_UNIT21 = 1.0 / 2097152.0
_CALL_TRADES, _PUT_TRADES, _CALL_ASK, _PUT_ASK = 1, 2, 4, 8


@dataclass(frozen=True)
class ExpiryInputs:
    """Forward, discount factor, smile and time to expiry (years) of one expiry at each five-second step [step]."""

    forward: NDArray[np.float64]
    discount: NDArray[np.float64]
    theta: NDArray[np.float64]
    rho: NDArray[np.float64]
    years: NDArray[np.float64]
    eta: float


@dataclass(frozen=True)
class TradedBars:
    """``prices`` [leg, OHLC, minute, strike] rupees, NaN without a trade; ``lots`` traded [leg, minute, strike]."""

    prices: NDArray[np.float64]
    lots: NDArray[np.int64]


def fair_premiums(
    inputs: ExpiryInputs, step_at: NDArray[np.integer], strike: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Discounted Black-76 premiums of call and put at steps ``step_at`` and strikes ``strike`` (same shape).

    The leg out of the money is priced, the other follows from put-call parity C - P = D (F - K).
    """
    forward, years, discount = inputs.forward[step_at], inputs.years[step_at], inputs.discount[step_at]
    variance = smile_variance(np.log(strike / forward), inputs.theta[step_at], inputs.rho[step_at], inputs.eta)
    put_is_out = strike < forward
    outside = discount * black76.price(forward, strike, years, np.sqrt(variance / years), put_is_out)
    inside = outside + discount * np.abs(forward - strike)
    return np.where(put_is_out, inside, outside), np.where(put_is_out, outside, inside)


def quotes(
    premium: NDArray[np.float64], intrinsic: NDArray[np.float64], tick: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bid and ask around fair premiums, in whole ticks and at least one."""
    half = _HALF_FLAT + _HALF_TIME * np.maximum(premium - intrinsic, 0.0) + _HALF_INTRINSIC * intrinsic
    bid = np.maximum(np.floor((premium - half) / tick), 1.0)
    ask = np.maximum(np.ceil((premium + half) / tick), 1.0)
    return np.round(bid * tick, 2), np.round(ask * tick, 2)


def trade_session(
    inputs: ExpiryInputs,
    strikes: NDArray[np.float64],
    activity: NDArray[np.float64],
    chain: ChainParameters,
    *,
    step: float,
    tick: float,
    lots: float,
    key: int,
) -> TradedBars:
    """Trade one expiry through a session.

    ``activity`` [minute] multiple of a plain minute's business; ``step`` strike step; ``lots`` contracts of a plain
    minute at the money; ``key`` of the expiry's random numbers.
    """
    n_minutes, n_strikes = activity.size, strikes.size
    capacity = n_minutes * n_strikes * STEPS_PER_MINUTE
    step_at, strike_at = np.empty(capacity, np.int32), np.empty(capacity, np.int32)
    sides = np.empty(capacity, np.uint8)
    bursts = np.zeros((2, n_minutes, n_strikes))
    chances = np.array([chain.busy_steps, chain.decay_steps, chain.pair_share])
    count = _draw_trades(
        inputs.forward, strikes, activity, step, chances, np.uint64(key), step_at, strike_at, sides, bursts
    )
    step_at, strike_at, sides = step_at[:count], strike_at[:count], sides[:count]
    call, put = fair_premiums(inputs, step_at, strikes[strike_at])
    parity = inputs.discount[step_at] * (inputs.forward[step_at] - strikes[strike_at])
    printed = np.empty((2, count))
    for leg, (premium, intrinsic, ask_bit) in enumerate(
        ((call, np.maximum(parity, 0.0), _CALL_ASK), (put, np.maximum(-parity, 0.0), _PUT_ASK))
    ):
        bid, ask = quotes(premium, intrinsic, tick)
        printed[leg] = np.where(sides & ask_bit, ask, bid)
    prices = np.full((2, 4, n_minutes, n_strikes), np.nan)
    counts = np.zeros((2, n_minutes, n_strikes), np.int64)
    _print_bars(step_at, strike_at, sides, printed, prices, counts)
    close = slice(STEPS_PER_MINUTE - 1, None, STEPS_PER_MINUTE)
    spread = np.sqrt(inputs.theta[close] + (3.0 * step / inputs.forward[close]) ** 2)
    x = np.log(strikes / inputs.forward[close][:, None]) / spread[:, None]
    for leg, side in ((CALL, 1.0), (PUT, -1.0)):
        z = side * x
        share = np.where(z >= 0, np.exp(-0.5 * (z / 1.5) ** 2), np.exp(1.6 * z))
        bursts[leg] *= lots * activity[:, None] * share * counts[leg] / STEPS_PER_MINUTE
    return TradedBars(prices, np.where(counts > 0, np.maximum(counts, bursts.astype(np.int64)), 0))


@numba.njit(cache=True)
def _draw_trades(
    forward: NDArray,
    strikes: NDArray,
    activity: NDArray,
    step: float,
    chances: NDArray,
    key: np.uint64,
    step_at: NDArray,
    strike_at: NDArray,
    sides: NDArray,
    bursts: NDArray,
) -> int:  # pragma: no cover - compiled
    """Which contracts trade in which five-second step, and on which side; returns how many steps and strikes do."""
    busy_steps, decay_steps, pair_share = chances
    count = 0
    for m in range(activity.size):
        middle = forward[m * STEPS_PER_MINUTE + STEPS_PER_MINUTE - 1]
        minute_key = mix(key ^ np.uint64(m + 1))
        for k in range(strikes.size):
            grid = int(strikes[k] / step + 0.5)
            bits = mix(minute_key ^ (np.uint64(grid) << _S21))
            away = abs(strikes[k] - middle) / step
            rate = _BUSY_MINUTE * min(max(0.6 + 0.4 * activity[m], 0.7), 2.0)
            if away > busy_steps:
                rate *= math.exp(-(away - busy_steps) / decay_steps)
                if grid % 10 == 0:
                    rate *= 2.5
            rate = min(rate, _BUSY_MINUTE)
            both = unit(bits) < 1.0 - math.exp(-rate * pair_share)
            bits = mix(bits)
            alone = unit(bits)
            trades_out = both or alone < 1.0 - math.exp(-rate * (1.0 - pair_share) * _ALONE_OUT)
            trades_in = both or 1.0 - alone < 1.0 - math.exp(-rate * (1.0 - pair_share) * (1.0 - _ALONE_OUT))
            if not (trades_out or trades_in):
                continue
            call_on = trades_out if strikes[k] >= middle else trades_in
            put_on = trades_in if strikes[k] >= middle else trades_out
            bits = mix(bits)
            call_first = int(unit(bits) * STEPS_PER_MINUTE)
            bits = mix(bits)
            put_first = int(unit(bits) * STEPS_PER_MINUTE)
            prints = _BUSY_PRINTS * math.exp(-((away / 5.0) ** 2)) * activity[m] + 0.5 * rate
            chance = 1.0 - math.exp(-prints / STEPS_PER_MINUTE)
            for leg in range(2):
                bits = mix(bits)
                bursts[leg, m, k] = 0.4 - 0.6 * math.log(max(unit(bits), 1e-9))
            for j in range(STEPS_PER_MINUTE):
                bits = mix(bits)
                side = 0
                if call_on and (j == call_first or (bits & _MASK21) * _TO_UNIT21 < chance):
                    side |= _CALL_TRADES
                if put_on and (j == put_first or ((bits >> _S21) & _MASK21) * _TO_UNIT21 < chance):
                    side |= _PUT_TRADES
                if side == 0:
                    continue
                if (bits >> _S42) & np.uint64(1):
                    side |= _CALL_ASK
                if bits >> _S63:
                    side |= _PUT_ASK
                step_at[count] = m * STEPS_PER_MINUTE + j
                strike_at[count] = k
                sides[count] = side
                count += 1
    return count


@numba.njit(cache=True)
def _print_bars(
    step_at: NDArray, strike_at: NDArray, sides: NDArray, printed: NDArray, prices: NDArray, counts: NDArray
) -> None:  # pragma: no cover - compiled
    """First, highest, lowest and last print of each contract and minute."""
    for i in range(step_at.size):
        m, k = step_at[i] // STEPS_PER_MINUTE, strike_at[i]
        for leg in range(2):
            if not sides[i] & (leg + 1):
                continue
            price = printed[leg, i]
            if counts[leg, m, k] == 0:
                prices[leg, 0, m, k] = price
                prices[leg, 1, m, k] = price
                prices[leg, 2, m, k] = price
            prices[leg, 1, m, k] = max(prices[leg, 1, m, k], price)
            prices[leg, 2, m, k] = min(prices[leg, 2, m, k], price)
            prices[leg, 3, m, k] = price
            counts[leg, m, k] += 1
