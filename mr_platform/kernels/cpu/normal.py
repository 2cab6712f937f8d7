"""Exponential, logarithm and normal tail as straight-line code, so that loops over options become vector instructions.

numba's wheel has no vector maths library: a call of libm in a loop keeps the whole loop scalar.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ROOT_TWO_PI = 2.5066282746310002
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238
_LN2_LOW = 1.9082149292705877e-10
_ROUNDER = 6755399441055744.0
"""1.5 * 2^52: adding it rounds to an integer, which then stands in the low bits of the sum."""
_ROUNDER_BITS = np.float64(_ROUNDER).view(np.int64)
_LEAST_EXPONENT = -708.0

# (1 + x) times the Mills ratio N(-x)/n(x) for x >= 0, as a polynomial in (x - 5)/(x + 5): Chebyshev interpolation of
# degree 23 in 40 digits, truncated where the tail is below 3e-17.
_M = (
    1.1568486282918946,
    -0.22948753825211315,
    0.07778159886873769,
    0.0250721793016388,
    -0.0661776007790963,
    0.0615050458401865,
    -0.03802659218584139,
    0.01634823128102938,
    -0.004201290329187307,
    1.9530638370790786e-05,
    0.00045704392357953655,
    -0.0001343742785571135,
    -2.480583845192319e-05,
    2.270961270923768e-05,
    -1.7633239265736746e-07,
    -3.277287633208865e-06,
    3.2054316652589574e-07,
    4.91996233147834e-07,
    -6.588974491108954e-08,
    -7.758520236786343e-08,
    9.092476134019147e-09,
    1.1032071151574336e-08,
    -7.073898575561589e-10,
    -9.564832934712551e-10,
)

# (x + 4) N(-x)/n(x) for x >= 0, as a polynomial in (x - 4)/(x + 4): Chebyshev interpolation of degree 15.
_SHORT = (
    1.893219063302932,
    -1.5237709108127209,
    0.9704095555809137,
    -0.46754096393652,
    0.15139174707845604,
    -0.01890043100887695,
    -0.008722169391943702,
    0.004087694899094885,
    0.00033372269893305884,
    -0.0005786251762458505,
    -3.567008562299634e-06,
    8.667750410040753e-05,
    1.2302552931942046e-07,
    -1.307388174609514e-05,
    -2.0065908756805584e-07,
    1.3577882782556117e-06,
)

# z / L for L = ln(1 + z / g(z)), g(z) = n(z) - z N(-z), as a polynomial in L / (L + 8): Chebyshev interpolation of
# degree 10 for z up to 7.7, relative error 3e-7.
_BACHELIER = (
    0.39894215502879715,
    4.13660468840428e-05,
    -0.09815196388238358,
    -0.14392172846323906,
    -0.7254661730098743,
    3.1505389403962583,
    -11.902320509887964,
    28.441010776966333,
    -36.92547492136544,
    24.47132576019843,
    -6.611199716741136,
)


@njit(cache=True, inline="always")
def exp(x: float) -> float:
    """e^x for x <= 0, within 1 ulp or so; below -708 the value at -708. NaN stays NaN."""
    y = _LEAST_EXPONENT if x < _LEAST_EXPONENT else x
    rounded = y * _LOG2_E + _ROUNDER
    k = rounded - _ROUNDER
    r = (y - k * _LN2_HIGH) - k * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 + r) + r2 * (0.5 + r * 0.16666666666666666)
    middle = (0.041666666666666664 + r * 0.008333333333333333) + r2 * (0.001388888888888889 + r * 0.0001984126984126984)
    high = (2.48015873015873e-05 + r * 2.7557319223985893e-06) + r2 * (
        2.755731922398589e-07 + r * 2.505210838544172e-08
    )
    top = 2.08767569878681e-09 + r * 1.6059043836821613e-10
    scale = np.int64((np.float64(rounded).view(np.int64) - _ROUNDER_BITS + 1023) << 52).view(np.float64)
    return (low + r4 * (middle + r4 * (high + r4 * top))) * scale


@njit(cache=True, inline="always")
def mills(x: float) -> float:
    """N(-x) / n(x) for x >= 0; relative error below 1e-15. NaN stays NaN."""
    inverse = 1.0 / ((x + 5.0) * (x + 1.0))
    ratio: float = mills_by(x, inverse)
    return ratio


@njit(cache=True, inline="always")
def mills_by(x: float, inverse: float) -> float:
    """``mills`` for a caller that has 1 / ((x + 5) (x + 1)), so that two ratios can share one division."""
    t = (x - 5.0) * (x + 1.0) * inverse
    t2 = t * t
    t4 = t2 * t2
    t8 = t4 * t4
    a = (_M[0] + t * _M[1]) + t2 * (_M[2] + t * _M[3]) + t4 * ((_M[4] + t * _M[5]) + t2 * (_M[6] + t * _M[7]))
    b = (_M[8] + t * _M[9]) + t2 * (_M[10] + t * _M[11]) + t4 * ((_M[12] + t * _M[13]) + t2 * (_M[14] + t * _M[15]))
    c = (_M[16] + t * _M[17]) + t2 * (_M[18] + t * _M[19]) + t4 * ((_M[20] + t * _M[21]) + t2 * (_M[22] + t * _M[23]))
    return (a + t8 * (b + t8 * c)) * ((x + 5.0) * inverse)


@njit(cache=True, inline="always")
def short_exp(x: float) -> float:
    """e^x as ``exp``, within a relative 3e-13: a Taylor polynomial of degree 10 instead of 13."""
    y = _LEAST_EXPONENT if x < _LEAST_EXPONENT else x
    rounded = y * _LOG2_E + _ROUNDER
    k = rounded - _ROUNDER
    r = (y - k * _LN2_HIGH) - k * _LN2_LOW
    r2 = r * r
    low = (1.0 + r) + r2 * (0.5 + r * 0.16666666666666666)
    middle = (0.041666666666666664 + r * 0.008333333333333333) + r2 * (0.001388888888888889 + r * 0.0001984126984126984)
    high = (2.48015873015873e-05 + r * 2.7557319223985893e-06) + r2 * 2.755731922398589e-07
    scale = np.int64((np.float64(rounded).view(np.int64) - _ROUNDER_BITS + 1023) << 52).view(np.float64)
    return (low + (r2 * r2) * (middle + (r2 * r2) * high)) * scale


@njit(cache=True, inline="always")
def short_mills(x: float) -> float:
    """N(-x) / n(x) for x >= 0 as ``mills``, within a relative 4e-12: enough for a delta, not for a premium."""
    inverse = 1.0 / (x + 4.0)
    t = 1.0 - 8.0 * inverse
    t2 = t * t
    t4 = t2 * t2
    a = (_SHORT[0] + t * _SHORT[1]) + t2 * (_SHORT[2] + t * _SHORT[3])
    b = (_SHORT[4] + t * _SHORT[5]) + t2 * (_SHORT[6] + t * _SHORT[7])
    c = (_SHORT[8] + t * _SHORT[9]) + t2 * (_SHORT[10] + t * _SHORT[11])
    d = (_SHORT[12] + t * _SHORT[13]) + t2 * (_SHORT[14] + t * _SHORT[15])
    return ((a + t4 * b) + (t4 * t4) * (c + t4 * d)) * inverse


@njit(cache=True, inline="always")
def log(x: float) -> float:
    """ln x for a normal x > 0, within 1 ulp or so: the series of fdlibm's e_log.c. NaN stays NaN."""
    bits = np.float64(x).view(np.int64)
    # the exponent as the low bits of 2^52 + exponent, so that the conversion needs no integer instruction
    exponent = np.int64((bits >> 52) | 0x4330000000000000).view(np.float64) - 4503599627371519.0
    m = np.int64((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
    large = m > 1.4142135623730951
    k = exponent + (1.0 if large else 0.0)
    f = (0.5 * m if large else m) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373))
    odd = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)))
    half = 0.5 * f * f
    found = k * _LN2_HIGH - ((half - (s * (half + odd + even) + k * _LN2_LOW)) - f)
    return x if x != x else found


@njit(cache=True, inline="always")
def bachelier_deviation(value: float, distance: float) -> float:
    """Standard deviation at which an option ``distance`` > 0 out of the money has the ``value``, in Bachelier's model.

    Within a relative 3e-7 up to 7.7 deviations from the money; further off a guess. After the idea of Jaeckel, "Implied
    normal volatility" (Wilmott 2017): value / distance = g(z) / z depends on z = distance / deviation alone.
    """
    excess: float = log(1.0 + distance / value)
    t = excess / (excess + 8.0)
    t2 = t * t
    t4 = t2 * t2
    a = (_BACHELIER[0] + t * _BACHELIER[1]) + t2 * (_BACHELIER[2] + t * _BACHELIER[3])
    b = (_BACHELIER[4] + t * _BACHELIER[5]) + t2 * (_BACHELIER[6] + t * _BACHELIER[7])
    c = (_BACHELIER[8] + t * _BACHELIER[9]) + t2 * _BACHELIER[10]
    return distance / (excess * (a + t4 * (b + t4 * c)))
