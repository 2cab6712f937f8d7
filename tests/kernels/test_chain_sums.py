"""Sums over strikes and max pain: literal chains, and both implementations against each other."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.kernels.engine import engine

IMPLEMENTATIONS = ("reference", "cpu")
NAN = np.nan
STRIKES = np.array([17_900.0, 17_950.0, 18_000.0, 18_050.0, 18_100.0])


def field(*minutes: list[float]) -> np.ndarray:
    """Calls as given, puts ten times as much: [1, M, 1, K, 2]."""
    calls = np.array(minutes, float)
    return np.stack([calls, calls * 10], axis=-1)[None, :, None]


def at(*indices: int) -> np.ndarray:
    return np.array(indices).reshape(1, -1, 1)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_a_sum_takes_what_is_there_and_nothing_is_nan(name: str) -> None:
    found = engine(name).chain_sums.strike_sums(field([1, NAN, 2, 4, NAN], [NAN] * 5))
    np.testing.assert_array_equal(found[0, :, 0], [[7, 70], [NAN, NAN]])


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_sums_around_the_money_need_enough_strikes(name: str) -> None:
    values = field([1, 2, 4, 8, 16], [1, NAN, 4, 8, 16], [1, 2, 4, 8, 16], [1, 2, 4, 8, 16])
    found = engine(name).chain_sums.sums_around(values, at(2, 2, -1, 0), STRIKES, np.full((1, 4, 1), 50.0), 1, 3)
    np.testing.assert_array_equal(found[0, :, 0, 0], [14, NAN, NAN, NAN])
    wider = engine(name).chain_sums.sums_around(values, at(2, 2, -1, 0), STRIKES, np.full((1, 4, 1), 100.0), 1, 2)
    np.testing.assert_array_equal(wider[0, :, 0, 1], [210, 210, NAN, 50])


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_a_change_keeps_the_strikes_of_now(name: str) -> None:
    """The money rolls from 18000 to 18050; the sum before is over the strikes around 18050 too."""
    values = field([1, 2, 4, 8, 16], [10, 20, 40, 80, NAN])
    found = engine(name).chain_sums.sums_held(values, at(2, 3), STRIKES, np.full((1, 2, 1), 50.0), 1, 2, 1)
    np.testing.assert_array_equal(found[0, 0, 0], NAN)
    np.testing.assert_array_equal(found[0, 1, 0], [[120, 12], [1200, 120]])


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_max_pain_pays_holders_least(name: str) -> None:
    oi = np.zeros((1, 3, 1, 5, 2))
    oi[0, 0, 0, :, 0] = [0, 0, 10, 50, 100]
    oi[0, 0, 0, :, 1] = [100, 80, 10, NAN, 0]
    oi[0, 1, 0, 4, 0] = 5
    found = engine(name).chain_sums.max_pain(oi, STRIKES)
    np.testing.assert_array_equal(found[0, :, 0], [18_000, 17_900, NAN])


def test_implementations_agree_on_a_large_chain() -> None:
    rng = np.random.default_rng(11)
    strikes = np.arange(17_000.0, 19_001.0, 50)
    values = np.where(
        rng.random((2, 9, 3, strikes.size, 2)) < 0.3, NAN, rng.integers(0, 9_000, (2, 9, 3, 41, 2)) * 50.0
    )
    centre = rng.integers(-1, strikes.size, (2, 9, 3))
    step = rng.choice([50.0, 100.0], (2, 9, 3))
    one, other = engine("reference").chain_sums, engine("cpu").chain_sums
    np.testing.assert_array_equal(one.strike_sums(values), other.strike_sums(values))
    np.testing.assert_array_equal(one.max_pain(values, strikes), other.max_pain(values, strikes))
    around = (values, centre, strikes, step, 7, 4)
    np.testing.assert_array_equal(one.sums_around(*around), other.sums_around(*around))
    np.testing.assert_array_equal(one.sums_held(*around, 3), other.sums_held(*around, 3))


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_sums_at_several_minutes_are_of_the_strikes_there_at_all_of_them(name: str) -> None:
    values = np.stack([np.array([[1, 2, 4], [10, NAN, 40], [100, 200, 400]], float)] * 2, axis=2)
    values[:, :, 1] *= 10
    held, out = np.array([0, -1, 1, 2]), np.full(3, 7.0)
    sums_at = engine(name).chain_sums.sums_at
    assert sums_at(values, held, 0, np.array([2, 0]), 3, out) == 3
    assert out.tolist() == [700, 7, 7]
    assert sums_at(values, held, 1, np.array([2, 1, 0]), 2, out) == 2
    assert out.tolist() == [5000, 500, 50]
    assert sums_at(values, held, 1, np.array([2, 1, 0]), 3, out) == 2
    assert np.isnan(out).all()
