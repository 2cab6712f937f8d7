"""Black-76 against QuantLib, against its own derivatives, and both implementations against each other."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import QuantLib as ql
from scipy.special import ndtri

from mr_platform.kernels.engine import engine
from mr_platform.kernels.reference.black76 import DAYS, VOL_POINT

IMPLEMENTATIONS = ("reference", "cpu")
MINUTE = 60 / (365 * 86_400)
Contracts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@functools.cache
def contracts(n: int = 5_000) -> Contracts:
    """Forward, strike, years, volatility, leg: a minute to a year, deltas from 0.001 to 0.999."""
    rng = np.random.default_rng(76)
    forward = rng.uniform(5_000, 60_000, n)
    years = np.exp(rng.uniform(np.log(MINUTE), 0.0, n))
    volatility = rng.uniform(0.03, 1.5, n)
    s = volatility * np.sqrt(years)
    strike = forward * np.exp(s * s / 2 - s * ndtri(rng.uniform(0.001, 0.999, n)))
    return forward, strike, years, volatility, rng.integers(0, 2, n)


@functools.cache
def calculators() -> list[ql.BlackCalculator]:
    return [
        ql.BlackCalculator(ql.PlainVanillaPayoff((ql.Option.Call, ql.Option.Put)[leg], k), f, v * np.sqrt(t), 1.0)
        for f, k, t, v, leg in zip(*(a.tolist() for a in contracts()), strict=True)
    ]


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_prices_are_quantlibs(name: str) -> None:
    expected = [c.value() for c in calculators()]
    np.testing.assert_allclose(engine(name).black76.price(*contracts()), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_greeks_are_quantlibs(name: str) -> None:
    years = contracts()[2]
    found = engine(name).black76.greeks(*contracts())
    oracle = calculators()
    expected = {
        "delta": [c.deltaForward() for c in oracle],
        "gamma": [c.gammaForward() for c in oracle],
        "vega": [c.vega(t) * VOL_POINT for c, t in zip(oracle, years, strict=True)],
        "rho": [c.rho(t) / 100 for c, t in zip(oracle, years, strict=True)],
    }
    for greek, values in expected.items():
        np.testing.assert_allclose(getattr(found, greek), values, rtol=1e-6, atol=0, err_msg=greek)


@pytest.mark.parametrize(
    ("greek", "of", "by", "unit"),
    [
        ("theta", "price", "time", 1 / DAYS),
        ("vanna", "delta", "volatility", VOL_POINT),
        ("charm", "delta", "time", 1 / DAYS),
        ("volga", "vega", "volatility", VOL_POINT),
        ("speed", "gamma", "forward", 1.0),
        ("zomma", "gamma", "volatility", VOL_POINT),
        ("color", "gamma", "time", 1 / DAYS),
    ],
)
def test_other_greeks_are_the_oracles_change_for_one_unit(greek: str, of: str, by: str, unit: float) -> None:
    """Richardson-extrapolated central differences of QuantLib's values, in the unit each Greek is stated in."""
    f, k, t, v, leg = (a[:400] for a in contracts())
    keep = t > 1 / 365
    f, k, t, v, leg = f[keep], k[keep], t[keep], v[keep], leg[keep]

    def oracle(h: float) -> np.ndarray:
        moved = {"forward": f, "time": t, "volatility": v}
        moved[by] = moved[by] * (1 + h)
        out = []
        for fi, ti, vi, ki, side in zip(moved["forward"], moved["time"], moved["volatility"], k, leg, strict=True):
            payoff = ql.PlainVanillaPayoff((ql.Option.Call, ql.Option.Put)[side], ki)
            c = ql.BlackCalculator(payoff, fi, vi * np.sqrt(ti), 1.0)
            out.append(
                {
                    "price": c.value,
                    "delta": c.deltaForward,
                    "gamma": c.gammaForward,
                    "vega": lambda c=c, ti=ti: c.vega(ti) * VOL_POINT,
                }[of]()
            )
        return np.array(out)

    scale = {"forward": f, "time": t, "volatility": v}[by]
    h = 1e-4

    def slope(step: float) -> np.ndarray:
        return (oracle(step) - oracle(-step)) / (2 * step * scale)

    expected = (4 * slope(h) - slope(2 * h)) / 3 * unit * (-1 if by == "time" else 1)
    for name in IMPLEMENTATIONS:
        found = getattr(engine(name).black76.greeks(f, k, t, v, leg), greek)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_implied_volatility_comes_back(name: str) -> None:
    f, k, t, v, leg = contracts()
    premiums = np.array([c.value() for c in calculators()])
    delta = np.abs([c.deltaForward() for c in calculators()])
    found = engine(name).black76.implied_volatility(premiums, f, k, t, leg)
    quoted = (delta >= 0.01) & (delta <= 0.99)
    assert quoted.sum() > 4_500
    np.testing.assert_allclose(found[quoted], v[quoted], rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_implied_volatility_reaches_far_from_the_money(name: str) -> None:
    """Tiny time values and volatilities far from any start value: the premium, not the volatility, must come back."""
    kernels = engine(name).black76
    strike = np.array([12_000.0, 15_000.0, 17_000.0, 18_000.0, 18_000.0, 19_500.0, 30_000.0, 18_000.0])
    years = np.array([0.25, 5 / 365, 1 / 365, MINUTE, 0.25, 0.25, 1.0, 1.0])
    leg = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    premium = np.array([0.05, 0.05, 0.05, 0.05, 2_000.0, 0.05, 9_000.0, 17_000.0])
    found = kernels.implied_volatility(premium, 18_000.0, strike, years, leg)
    np.testing.assert_allclose(kernels.price(18_000.0, strike, years, found, leg), premium, rtol=1e-8)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize(
    ("premium", "strike", "leg"),
    [
        (499.0, 17_500.0, 0),
        (500.0, 17_500.0, 0),
        (499.0, 18_500.0, 1),
        (0.0, 18_000.0, 0),
        (-1.0, 18_000.0, 1),
        (18_000.0, 17_500.0, 0),
        (18_500.0, 18_500.0, 1),
        (np.nan, 18_000.0, 0),
    ],
)
def test_a_premium_that_no_volatility_gives_is_nan(name: str, premium: float, strike: float, leg: int) -> None:
    assert np.isnan(engine(name).black76.implied_volatility(premium, 18_000.0, strike, 0.1, leg))


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("broken", range(4))
@pytest.mark.parametrize("value", [np.nan, 0.0, -1.0])
def test_what_is_not_positive_gives_nan_not_a_number(name: str, broken: int, value: float) -> None:
    arguments = [18_000.0, 18_100.0, 0.1, 0.2]
    arguments[broken] = value
    kernels = engine(name).black76
    assert np.isnan(kernels.price(*arguments, 0))
    assert np.isnan(kernels.greeks(*arguments, 0)).all()
    smile = kernels.chain_greeks(
        np.full((1, 1, 1), arguments[0]),
        np.array([arguments[1]]),
        np.full((1, 1, 1), arguments[2]),
        np.full((1, 1, 1, 1, 2), arguments[3]),
    )
    assert np.isnan(smile).all()


def chain() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    strikes = np.arange(17_000.0, 19_001.0, 50)
    forward = 18_000 + rng.normal(0, 60, (2, 7, 3))
    forward[0, 3, 1] = np.nan
    years = np.broadcast_to(np.array([MINUTE, 8 / 365, 60 / 365]), forward.shape)
    volatility = rng.uniform(0.08, 0.4, (*forward.shape, strikes.size, 2))
    volatility[rng.random(volatility.shape) < 0.1] = np.nan
    return forward, strikes, years, volatility


def test_a_chain_has_the_greeks_of_its_contracts_in_both_implementations() -> None:
    forward, strikes, years, volatility = chain()
    legs = np.arange(2)
    spread = (forward[..., None, None], strikes[:, None], years[..., None, None], volatility, legs)
    single = engine("reference").black76.greeks(*spread)
    for name in IMPLEMENTATIONS:
        found = engine(name).black76.chain_greeks(forward, strikes, years, volatility)
        for greek in found._fields:
            expected = getattr(single, greek)
            scale = np.nanmax(np.abs(expected), axis=(0, 1, 3, 4), keepdims=True)
            np.testing.assert_array_equal(np.isnan(getattr(found, greek)), np.isnan(expected))
            worst = np.nanmax(np.abs(getattr(found, greek) - expected) / scale)
            assert worst < 1e-9, (name, greek, worst)


def test_a_chains_implied_volatilities_are_those_of_its_contracts_in_both_implementations() -> None:
    forward, strikes, years, volatility = chain()
    legs = np.arange(2)
    spread = (forward[..., None, None], strikes[:, None], years[..., None, None])
    close = engine("reference").black76.price(*spread, volatility, legs)
    delta = np.abs(engine("reference").black76.greeks(*spread, volatility, legs).delta)
    quoted = (delta > 0.01) & (delta < 0.99)
    for name in IMPLEMENTATIONS:
        kernels = engine(name).black76
        found = kernels.chain_implied_volatility(close, forward, strikes, years)
        np.testing.assert_allclose(found, kernels.implied_volatility(close, *spread, legs), rtol=1e-9)
        np.testing.assert_allclose(found[quoted], volatility[quoted], rtol=0, atol=1e-8)
        assert np.isnan(found[np.isnan(close)]).all()


@pytest.mark.parametrize("bars", [1, 4])
def test_a_chain_cut_short_has_the_same_bits(bars: int) -> None:
    forward, strikes, years, volatility = chain()
    kernels = engine("cpu").black76
    whole = kernels.chain_greeks(forward, strikes, years, volatility)
    cut = kernels.chain_greeks(forward[:, :bars], strikes, years[:, :bars], volatility[:, :bars])
    spread = (forward[..., None, None], strikes[:, None], years[..., None, None])
    close = engine("reference").black76.price(*spread, volatility, np.arange(2))
    whole = (*whole, kernels.chain_implied_volatility(close, forward, strikes, years))
    cut = (*cut, kernels.chain_implied_volatility(close[:, :bars], forward[:, :bars], strikes, years[:, :bars]))
    for one, other in zip(whole, cut, strict=True):
        assert np.ascontiguousarray(one[:, :bars]).tobytes() == np.ascontiguousarray(other).tobytes()


def test_implied_volatilities_agree_with_bisection_over_the_whole_range_and_do_not_depend_on_their_neighbours() -> None:
    rng = np.random.default_rng(6)
    n = 3_000
    forward, years = rng.uniform(5_000, 60_000, n), np.exp(rng.uniform(np.log(MINUTE), 0.5, n))
    volatility = np.exp(rng.uniform(np.log(0.02), np.log(4.0), n))
    s = volatility * np.sqrt(years)
    strike = forward * np.exp(s * s / 2 - s * rng.uniform(-7, 7, n))
    leg = np.where(strike >= forward, 0, 1)
    premium = engine("reference").black76.price(forward, strike, years, volatility, leg)
    contract = (premium, forward, strike, years, leg)
    found = engine("cpu").black76.implied_volatility(*contract)
    np.testing.assert_allclose(found, engine("reference").black76.implied_volatility(*contract), rtol=1e-9)
    some = rng.permutation(n)[:333]
    again = engine("cpu").black76.implied_volatility(*(a[some] for a in contract))
    assert again.tobytes() == found[some].tobytes()
