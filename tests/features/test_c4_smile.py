"""Quantities of a smile against QuantLib, scikit-learn and SciPy, and by their own rules."""

from __future__ import annotations

import math

import numpy as np
import pytest
import QuantLib as ql
from scipy import stats
from sklearn.linear_model import LinearRegression

from mr_platform.features.c4_iv_skew import smile as s
from mr_platform.features.c4_iv_skew import windows as w
from mr_platform.features.c4_iv_skew.reference_smile import Smile, smile_of

FORWARD, YEARS, ATM = 18_012.0, 0.021, 0.14
STRIKES = np.arange(17_000.0, 19_001.0, 50.0)


def made(seed: int = 0, holes: int = 6) -> np.ndarray:
    """Volatilities [K, 2] of a skewed smile with noise and holes."""
    rng = np.random.default_rng(seed)
    x = np.log(STRIKES / FORWARD) / math.sqrt(YEARS)
    iv = (ATM - 0.09 * x + 0.6 * x**2)[:, None] + 0.002 * rng.standard_normal((STRIKES.size, 2))
    iv[rng.choice(STRIKES.size, holes, replace=False)] = np.nan
    return iv


def gathered(volatility: np.ndarray) -> tuple[int, int, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Number of options and of puts, then place, x, volatility, d1 and weight."""
    at = np.empty(STRIKES.size, np.int64)
    lists = np.full((4, STRIKES.size), np.nan)
    n, puts = s.gather(STRIKES, np.log(STRIKES), volatility, FORWARD, YEARS, ATM, at, *lists)
    return n, puts, at, *lists  # type: ignore[return-value]


def smile(volatility: np.ndarray) -> Smile:
    return smile_of(STRIKES, volatility, FORWARD, YEARS, ATM)


def test_deltas_and_weights_are_those_of_quantlib() -> None:
    volatility = made()
    n, puts, at, _, iv, d1, weight = gathered(volatility)
    deltas, vegas = [], []
    for i in range(n):
        kind = ql.Option.Put if i < puts else ql.Option.Call
        payoff = ql.PlainVanillaPayoff(kind, STRIKES[at[i]])
        deltas.append(abs(ql.BlackCalculator(payoff, FORWARD, iv[i] * math.sqrt(YEARS)).deltaForward()))
        vegas.append(ql.BlackCalculator(payoff, FORWARD, ATM * math.sqrt(YEARS)).vega(YEARS))
    side = np.where(np.arange(n) < puts, -1.0, 1.0)
    found = [s.normal_cdf(z) for z in side * d1[:n]]
    np.testing.assert_allclose(found, deltas, rtol=1e-12)
    np.testing.assert_allclose(smile(volatility).delta, deltas, rtol=1e-12)
    np.testing.assert_allclose(weight[:n] / weight[0], np.array(vegas) / vegas[0], rtol=1e-10)


def test_puts_lie_below_the_forward_and_calls_from_it_on() -> None:
    n, puts, at, *_ = gathered(made(holes=0))
    assert n == STRIKES.size and (STRIKES[at[:puts]] < FORWARD).all() and (STRIKES[at[puts:n]] >= FORWARD).all()


@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize("delta", [0.05, 0.10, 0.25, 0.40])
def test_a_wing_is_linear_in_delta(side: float, delta: float) -> None:
    """A smooth smile has monotone deltas: NumPy's interpolation is then the whole answer."""
    volatility = made(holes=0)
    x = np.log(STRIKES / FORWARD) / math.sqrt(YEARS)
    volatility[:] = (ATM - 0.09 * x + 0.3 * x**2)[:, None]
    n, puts, _, _, iv, d1, _ = gathered(volatility)
    found = (
        s.wing(d1, iv, puts - 1, -1, -1, side, delta, stats.norm.ppf(delta))
        if side < 0
        else s.wing(d1, iv, puts, n, 1, side, delta, stats.norm.ppf(delta))
    )
    one = smile(volatility)
    chosen = np.flatnonzero(one.side == side)
    order = chosen[np.argsort(one.delta[chosen])]
    assert found == pytest.approx(np.interp(delta, one.delta[order], one.iv[order]), rel=1e-12)


def test_a_wing_is_unknown_unless_enclosed() -> None:
    n, puts, _, _, iv, d1, _ = gathered(made(holes=0))
    for delta in (0.499, 1e-9):
        assert math.isnan(s.wing(d1, iv, puts, n, 1, 1.0, delta, stats.norm.ppf(delta)))
    # a single put left, and none at all
    assert math.isnan(s.wing(d1, iv, 0, -1, -1, -1.0, 0.25, stats.norm.ppf(0.25)))
    assert math.isnan(s.wing(d1, iv, -1, -1, -1, -1.0, 0.25, stats.norm.ppf(0.25)))


@pytest.mark.parametrize("seed", range(4))
def test_the_parabola_is_scikit_learns_weighted_least_squares(seed: int) -> None:
    n, _, _, x, iv, _, weight = gathered(made(seed))
    found = np.empty(4)
    s.parabola(x, iv, weight, n, 5, found)
    design = np.stack([x[:n], x[:n] ** 2], axis=1)
    fit = LinearRegression().fit(design, iv[:n], sample_weight=weight[:n])
    squares = np.average((iv[:n] - fit.predict(design)) ** 2, weights=weight[:n])
    expected = [fit.coef_[0], 2 * fit.coef_[1], math.sqrt(squares), fit.score(design, iv[:n], weight[:n])]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_parabola_is_found_again_without_an_error() -> None:
    x = np.linspace(-0.4, 0.5, 12)
    found = np.empty(4)
    s.parabola(x, 0.14 - 0.08 * x + 0.35 * x**2, np.exp(-(x**2)), 12, 5, found)
    np.testing.assert_allclose(found, [-0.08, 0.7, 0.0, 1.0], atol=1e-14)


def test_weights_that_leave_fewer_than_three_options_make_no_parabola() -> None:
    x, found = np.linspace(-0.4, 0.5, 12), np.empty(4)
    weight = np.full(12, 1e-9)
    weight[5:7] = 1.0
    s.parabola(x, 0.14 + x, weight, 12, 5, found)
    assert np.isnan(found).all()
    assert math.isnan(s.side_slope(x, 0.14 + x, np.eye(12)[5], 0, 12))


@pytest.mark.parametrize("seed", range(3))
def test_a_side_has_the_slope_of_scikit_learns_weighted_line(seed: int) -> None:
    n, puts, _, x, iv, _, weight = gathered(made(seed))
    for first, beyond in ((0, puts), (puts, n)):
        part = slice(first, beyond)
        line = LinearRegression().fit(x[part, None], iv[part], sample_weight=weight[part])
        assert s.side_slope(x, iv, weight, first, beyond) == pytest.approx(line.coef_[0], rel=1e-10)


def test_the_move_of_a_surface_is_taken_apart_into_shift_and_tilt() -> None:
    n, puts, at, x, iv, _, weight = gathered(made(holes=0))
    middle = np.average(x[:n], weights=weight[:n])
    before = made(holes=0)
    rows = at[:n], np.where(np.arange(n) < puts, 1, 0)
    before[rows] = iv[:n] - 0.01 - 0.05 * (x[:n] - middle)
    found = np.empty(3)
    s.surface_move(at, x, iv, weight, n, puts, before, 5, found)
    size = math.sqrt(np.average((0.01 + 0.05 * (x[:n] - middle)) ** 2, weights=weight[:n]))
    np.testing.assert_allclose(found, [0.01, 0.05, size], rtol=1e-9)
    before[:] = np.nan
    s.surface_move(at, x, iv, weight, n, puts, before, 5, found)
    assert np.isnan(found).all()


def test_a_regression_over_bars_is_scipys() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(80)
    y = 0.4 * x + rng.standard_normal(80)
    x[[5, 30]] = np.nan
    both = np.isfinite(x[20:])
    expected = stats.linregress(x[20:][both], y[20:][both])
    found = w.regression(x, y, 79, 60, 0.8)
    assert found == pytest.approx((expected.slope, expected.rvalue), rel=1e-12)
    assert np.isnan(w.regression(x, y, 40, 60, 0.8)).all()
    assert np.isnan(w.regression(np.ones(80), y, 79, 60, 0.8)).all()
    assert math.isnan(w.regression(y, np.ones(80), 79, 60, 0.8)[1])


def test_a_rank_is_scipys_mean_percentile() -> None:
    values = np.array([0.10, 0.12, 0.12, 0.15, np.inf])
    below = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 4.0])
    for x in (0.05, 0.10, 0.12, 0.13, 0.2):
        assert w.rank(values, below, x) == pytest.approx(stats.percentileofscore(values[:4], x, "mean") / 100)
    assert math.isnan(w.rank(values, below, math.nan)) and math.isnan(w.rank(values[4:], np.zeros(2), 0.1))


def test_a_run_counts_bars_with_a_value_since_the_last_change() -> None:
    trace = np.array([1.0, 2.0, np.nan, 2.0, 2.0, 1.0])
    assert [w.run_length(trace, t) for t in (0, 1, 3, 4, 5)] == [1.0, 1.0, 2.0, 3.0, 1.0]
    assert math.isnan(w.run_length(trace, 2))
