"""Compiled quantities of one smile: ATM volatility, wings, fits and moves.

A smile is the list of an expiry's out-of-the-money options with a volatility: puts below the forward, calls from it on,
by ascending strike. ``x`` is log-moneyness ln(K/F) over the root of time, ``d1`` of Black-76 at the option's own
volatility, ``w`` its vega at the ATM volatility up to a constant: exp(-d^2 / 2) with d1 at that volatility. (At their
own volatilities options of the lowest tick, implied at 0.5 and more, would rule every fit.)
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

NAN = math.nan
LEAST_PARAMETERS = 3.0
"""Least effective number of options behind a parabola, (sum w)^2 / sum w^2: as many as it has coefficients."""
LEAST_LINE = 2.0


@njit(cache=True, error_model="numpy")
def both_legs(volatility, k):
    """Mean volatility of call and put at strike ``k`` of [K, 2]; NaN where one is missing."""
    return 0.5 * (volatility[k, 0] + volatility[k, 1])


@njit(cache=True, error_model="numpy")
def atm_volatility(strikes, log_strikes, volatility, k, step):
    """At strike ``k``; a leg missing, linear in log-moneyness between neighbours within one step that have both."""
    if k < 0:
        return NAN
    here = both_legs(volatility, k)
    if not math.isnan(here):
        return here
    reach = step * (1.0 + 1e-9)
    low = k - 1
    while low >= 0 and strikes[k] - strikes[low] <= reach and math.isnan(both_legs(volatility, low)):
        low -= 1
    high = k + 1
    while high < strikes.size and strikes[high] - strikes[k] <= reach and math.isnan(both_legs(volatility, high)):
        high += 1
    if low < 0 or high >= strikes.size or not (strikes[k] - strikes[low] <= reach):
        return NAN
    if not strikes[high] - strikes[k] <= reach:
        return NAN
    below = both_legs(volatility, low)
    share = (log_strikes[k] - log_strikes[low]) / (log_strikes[high] - log_strikes[low])
    return below + (both_legs(volatility, high) - below) * share


@njit(cache=True, error_model="numpy")
def gather(strikes, log_strikes, volatility, forward, years, atm, at, x, v, d1, w):
    """Fill the smile's lists; number of options, and of puts among them. None without a forward.

    Without ATM volatility there are no weights: NaN.
    """
    n = 0
    puts = 0
    if not (forward > 0.0 and years > 0.0):
        return n, puts
    root = math.sqrt(years)
    log_forward = math.log(forward)
    ordinary = atm * root
    for k in range(strikes.size):
        put = strikes[k] < forward
        iv = volatility[k, 1] if put else volatility[k, 0]
        if math.isnan(iv):
            continue
        moneyness = log_strikes[k] - log_forward
        deviation = iv * root
        d = 0.5 * ordinary - moneyness / ordinary
        at[n] = k
        x[n] = moneyness / root
        v[n] = iv
        d1[n] = 0.5 * deviation - moneyness / deviation
        w[n] = math.exp(-0.5 * d * d)
        n += 1
        puts += put
    return n, puts


@njit(cache=True, error_model="numpy")
def normal_cdf(z):
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-z * math.sqrt(0.5))


@njit(cache=True, error_model="numpy")
def wing(d1, v, first, beyond, step, side, delta, quantile):
    """Volatility at |delta|, linear in |delta| between the two neighbours that enclose it, going out from the money.

    ``side`` 1 for calls (|delta| = N(d1)), -1 for puts (N(-d1)); NaN unless enclosed.
    """
    inner = -1
    i = first
    while i != beyond:
        if side * d1[i] <= quantile:
            if inner < 0:
                return NAN
            near = normal_cdf(side * d1[inner])
            far = normal_cdf(side * d1[i])
            return v[inner] + (v[i] - v[inner]) * (delta - near) / (far - near)
        inner = i
        i += step
    return NAN


@njit(cache=True, error_model="numpy")
def parabola(x, v, w, n, least, found):
    """Weighted least squares v = a + b x + c x^2; ``found`` gets b, 2c, the root mean square residual and R^2.

    NaN with fewer than ``least`` options, or where the weights leave fewer than three to speak of. The parabola is
    built from polynomials orthogonal under the weights (Forsythe 1957), so that nothing cancels.
    """
    found[:] = NAN
    if n < least:
        return
    total = 0.0
    squares = 0.0
    mean_x = 0.0
    mean_v = 0.0
    for i in range(n):
        total += w[i]
        squares += w[i] * w[i]
        mean_x += w[i] * x[i]
        mean_v += w[i] * v[i]
    if not total * total >= LEAST_PARAMETERS * squares or not total > 0.0:
        return
    mean_x /= total
    mean_v /= total
    second = 0.0
    third = 0.0
    line = 0.0
    spread = 0.0
    for i in range(n):
        u = x[i] - mean_x
        y = v[i] - mean_v
        second += w[i] * u * u
        third += w[i] * u * u * u
        line += w[i] * u * y
        spread += w[i] * y * y
    second /= total
    third /= total
    slope = line / total / second
    lean = third / second
    norm = 0.0
    bend = 0.0
    for i in range(n):
        u = x[i] - mean_x
        p = u * u - lean * u - second
        norm += w[i] * p * p
        bend += w[i] * p * (v[i] - mean_v)
    curve = bend / norm
    rest = 0.0
    for i in range(n):
        u = x[i] - mean_x
        gap = v[i] - mean_v - slope * u - curve * (u * u - lean * u - second)
        rest += w[i] * gap * gap
    found[0] = slope + curve * (-2.0 * mean_x - lean)
    found[1] = 2.0 * curve
    found[2] = math.sqrt(rest / total)
    found[3] = 1.0 - rest / spread if spread > 0.0 else NAN


@njit(cache=True, error_model="numpy")
def side_slope(x, v, w, first, beyond):
    """Slope of the weighted line through options [first, beyond), at least three; NaN where one outweighs the rest."""
    if beyond - first < 3:
        return NAN
    total = 0.0
    squares = 0.0
    mean_x = 0.0
    mean_v = 0.0
    for i in range(first, beyond):
        total += w[i]
        squares += w[i] * w[i]
        mean_x += w[i] * x[i]
        mean_v += w[i] * v[i]
    if not total * total >= LEAST_LINE * squares or not total > 0.0:
        return NAN
    mean_x /= total
    mean_v /= total
    second = 0.0
    line = 0.0
    for i in range(first, beyond):
        second += w[i] * (x[i] - mean_x) ** 2
        line += w[i] * (x[i] - mean_x) * (v[i] - mean_v)
    return line / second


@njit(cache=True, error_model="numpy")
def asymmetry(x, v, w, n, beyond):
    """Weighted mean volatility of options with x < -beyond less that of options with x > beyond; NaN without either."""
    left = 0.0
    left_weight = 0.0
    right = 0.0
    right_weight = 0.0
    for i in range(n):
        if x[i] < -beyond:
            left += w[i] * v[i]
            left_weight += w[i]
        elif x[i] > beyond:
            right += w[i] * v[i]
            right_weight += w[i]
    if not (left_weight > 0.0 and right_weight > 0.0):
        return NAN
    return left / left_weight - right / right_weight


@njit(cache=True, error_model="numpy")
def surface_move(at, x, v, w, n, puts, before, least, found):
    """How the options of a smile moved since ``before`` [K, 2]; ``found`` gets shift, tilt and size.

    Shift: weighted mean change of volatility; tilt: weighted slope of the change in x; size: weighted root mean square
    of the change. NaN with fewer than ``least`` options that have both.
    """
    found[:] = NAN
    total = 0.0
    squares = 0.0
    mean_x = 0.0
    shift = 0.0
    size = 0.0
    count = 0
    for i in range(n):
        past = before[at[i], 1 if i < puts else 0]
        if not math.isnan(past):
            count += 1
            total += w[i]
            squares += w[i] * w[i]
            mean_x += w[i] * x[i]
            shift += w[i] * (v[i] - past)
            size += w[i] * (v[i] - past) ** 2
    if count < least or not total > 0.0:
        return
    mean_x /= total
    shift /= total
    found[0] = shift
    found[2] = math.sqrt(size / total)
    if not total * total >= LEAST_LINE * squares:
        return
    second = 0.0
    line = 0.0
    for i in range(n):
        past = before[at[i], 1 if i < puts else 0]
        if not math.isnan(past):
            second += w[i] * (x[i] - mean_x) ** 2
            line += w[i] * (x[i] - mean_x) * (v[i] - past - shift)
    found[1] = line / second


@njit(cache=True, error_model="numpy")
def distant_reversal(strikes, volatility, k, distance):
    """Volatility of the call ``distance`` points above strike ``k`` less that of the put as far below."""
    if k < 0 or not distance > 0.0:
        return NAN
    above = np.searchsorted(strikes, strikes[k] + distance)
    below = np.searchsorted(strikes, strikes[k] - distance)
    if above >= strikes.size or strikes[above] != strikes[k] + distance or strikes[below] != strikes[k] - distance:
        return NAN
    return volatility[above, 0] - volatility[below, 1]
