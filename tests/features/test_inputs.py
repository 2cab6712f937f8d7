"""What components read beyond the rolling series: the chain of the expiries in sight, and nothing of the future."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import DataError, UsageError
from mr_platform.features.inputs import ATM, FAR, NEAR, NEXT, InputStream, session_inputs
from mr_platform.kernels.engine import engine
from mr_platform.kernels.reference import black76
from mr_platform.market.book import ChainBook
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import ORDINARY_WINDOW, Session

if TYPE_CHECKING:
    from tests.features.conftest import Market

from tests.features.conftest import core_table

DAY = date(2022, 11, 14)
SESSION = Session(DAY, "ordinary", (ORDINARY_WINDOW,))
# 3, 10 and 17 days are Thursdays; 24 November is the month's last, 29 December the next month's
DTES = (3, 10, 17, 45)


def four_expiries(bars: int = 40) -> pa.Table:
    tables = [core_table(DAY, seed=dte, dte=dte, bars=bars) for dte in DTES]
    return pa.concat_tables(tables).replace_schema_metadata(tables[0].schema.metadata)


def minutes_of(core: pa.Table) -> np.ndarray:
    return (core["ts"].cast(pa.int64()).to_numpy() // 60_000_000 + 330) % 1440


def chain_of(core: pa.Table, bars: int = 40) -> OptionChainDay:
    return OptionChainDay.from_core(core, SESSION, max_expiries=6).until(555 + bars - 1)


def chain_of_four(bars: int = 40) -> OptionChainDay:
    return chain_of(four_expiries(bars), bars)


def test_the_far_expiry_is_the_last_of_a_month_beyond_the_second_nearest() -> None:
    inputs = session_inputs(chain_of_four(), 375)
    days = [set(inputs.days[:, role].tolist()) for role in (NEAR, NEXT, FAR)]
    # 17 days is 1 December, no month's last; 45 days is 29 December
    assert days == [{3}, {10}, {45}]
    assert inputs.years[0, NEAR] == pytest.approx((3 * 86_400 + (15 * 60 + 30) * 60 - (555 + 1) * 60) / (365 * 86_400))


def test_around_names_the_strikes_at_whole_steps_from_the_money(market: Market) -> None:
    chain = OptionChainDay.from_core(market.cores[2], market.sessions[2])
    inputs = session_inputs(chain, 375)
    np.testing.assert_array_equal(inputs.around[:, ATM], inputs.strikes[:, 0])
    np.testing.assert_array_equal(inputs.around[:, ATM - 1], inputs.strikes[:, 1])
    np.testing.assert_array_equal(inputs.around[:, ATM + 1], inputs.strikes[:, 2])
    t = int(np.flatnonzero(inputs.around[:, ATM] >= 0)[5])
    listed = inputs.around[t] >= 0
    offsets = np.arange(-15, 16)[listed]
    centre = inputs.strikes_listed[inputs.around[t, ATM]]
    assert (inputs.strikes_listed[inputs.around[t][listed]] == centre + offsets * 50.0).all()
    assert 0 < listed.sum() < 31


def test_volatility_reprices_each_leg_and_greeks_are_those_of_its_own_volatility(market: Market) -> None:
    chain = OptionChainDay.from_core(market.cores[2], market.sessions[2])
    inputs = session_inputs(chain, 375)
    t, k = 100, inputs.around[100, ATM]
    for leg in (0, 1):
        sigma = inputs.volatility[t, NEAR, k, leg]
        f, strike, years = inputs.forwards[t, NEAR], inputs.strikes_listed[k], inputs.years[t, NEAR]
        price = black76.price(*(np.array(x) for x in (f, strike, years, sigma, float(leg))))
        # of 20 bits, half the last is 2^-21 of it: less than a hundredth of a tick of price
        premium = inputs.chain_close[t, k, leg]
        exact = black76.implied_volatility(*(np.array(x) for x in (premium, f, strike, years, leg)))
        assert float(sigma * 2**40) % 2**16 == 0 and abs(sigma / float(exact) - 1) <= 2.0**-21
        assert float(price) == pytest.approx(premium, abs=0.05 / 100)
        greeks = black76.greeks(*(np.array(x) for x in (f, strike, years, sigma, float(leg))))
        for name in ("delta", "gamma", "theta", "vega", "vanna", "charm", "volga"):
            assert getattr(inputs, name)[t, k, leg] == pytest.approx(float(getattr(greeks, name)), rel=1e-9), name


def test_only_the_wanted_passes_are_made(market: Market) -> None:
    chain = OptionChainDay.from_core(market.cores[2], market.sessions[2])
    bare = session_inputs(chain, 375, passes=())
    assert np.isnan(bare.volatility).all() and bare.delta.shape == (375, 0, 2)
    greeks = session_inputs(chain, 375, passes=("greeks",))
    assert np.isfinite(greeks.volatility[:, NEAR]).any() and np.isnan(greeks.volatility[:, NEXT:]).all()
    with pytest.raises(UsageError, match="greeks"):
        session_inputs(chain, 375, passes=("smiles",))


def test_a_cut_session_gives_the_first_rows_of_the_whole_one() -> None:
    chain = chain_of_four()
    whole = session_inputs(chain, 375)
    cut = session_inputs(chain.until(555 + 19), 375)
    for one in fields(whole):
        if one.name not in ("outputs", "strikes_listed", "trade_date", "n_bars", "underlying_kind"):
            np.testing.assert_array_equal(getattr(whole.until(20), one.name), getattr(cut, one.name), err_msg=one.name)


@pytest.mark.parametrize("roomy", [True, False])
def test_inputs_that_grow_with_their_chain_are_those_of_the_whole(roomy: bool) -> None:
    """Pieces of five minutes whose strikes and expiries come one after another; a roomy axis seldom moves."""
    core = four_expiries(bars=40)
    minute = minutes_of(core)
    # the outermost strikes trade late, and so does the fourth expiry
    late = (np.abs(core["strike"].to_numpy() - 18_000) > 250) & (minute < 575)
    far = (core["expiry"].cast(pa.int32()).to_numpy() == core["expiry"].cast(pa.int32()).to_numpy().max()) & (
        minute < 580
    )
    core = core.filter(pa.array(~(late | far)))
    minute = minutes_of(core)
    whole = session_inputs(chain_of(core), 375)
    book, stream = ChainBook(SESSION, roomy=roomy, max_dte=95, max_expiries=6), InputStream(375)
    moved = 0
    for stop in range(5, 41, 5):
        chain, afresh = book.take(core.filter(pa.array((minute >= 555 + stop - 5) & (minute < 555 + stop))))
        moved += afresh
        found = stream.advance(chain, stop, afresh=afresh)
    # the first rows, and the fourth expiry; without room the strikes that trade late as well
    assert moved == (2 if roomy else 3)
    places = np.searchsorted(found.strikes_listed, whole.strikes_listed)
    assert (found.strikes_listed[places] == whole.strikes_listed).all()
    for one in fields(whole):
        ours, theirs = getattr(found, one.name), getattr(whole, one.name)
        if one.name in ("outputs", "strikes_listed", "trade_date", "n_bars", "underlying_kind", "minutes"):
            continue
        if one.name in ("strikes", "around", "at_money"):
            theirs = np.where(theirs >= 0, places[np.maximum(theirs, 0)], -1)
            if one.name == "around":
                # a place on the roomy axis without a row is no difference: its values are NaN
                ours = np.where(np.isin(ours, places), ours, -1)
        elif ours.ndim > 1 and ours.shape[-2:-1] == (found.strikes_listed.size,):
            ours = ours[..., places, :]
        np.testing.assert_array_equal(ours[:40], theirs[:40], err_msg=one.name)


def test_a_row_that_comes_twice_is_refused() -> None:
    core = four_expiries(bars=10)
    book = ChainBook(SESSION, max_dte=95, max_expiries=6)
    book.take(core)
    with pytest.raises(DataError, match="unique"):
        book.take(core.slice(3, 1))


def test_a_row_outside_its_session_is_refused_whenever_it_comes() -> None:
    core = four_expiries(bars=10)
    book = ChainBook(SESSION, max_dte=95, max_expiries=6)
    book.take(core)
    late = core.slice(0, 1).set_column(0, "ts", pa.array([core["ts"][0].as_py() + timedelta(hours=8)], core["ts"].type))
    with pytest.raises(DataError, match="inside its session"):
        book.take(late)


def test_engines_agree() -> None:
    chain = chain_of_four(bars=15)
    ours, reference = session_inputs(chain, 375), session_inputs(chain, 375, using=engine("reference"))
    for name in ("volatility", "delta", "gamma", "theta", "vega", "vanna", "charm", "volga", "forwards", "around"):
        np.testing.assert_allclose(getattr(ours, name), getattr(reference, name), rtol=1e-9, atol=1e-15, err_msg=name)


def test_a_session_without_rows_has_inputs_without_values() -> None:
    empty = OptionChainDay.from_core(core_table(DAY, seed=1).slice(0, 0), SESSION)
    inputs = session_inputs(empty, 375)
    assert inputs.chain_close.shape == (375, 0, 2) and (inputs.around == -1).all() and (inputs.days == -1).all()


def test_a_peer_shorter_than_the_session_is_unknown_beyond_its_end(market: Market) -> None:
    chain = OptionChainDay.from_core(market.cores[2], market.sessions[2])
    peer = session_inputs(chain, 375, passes=(), peer=np.array([1.0, 2.0])).peer
    assert peer[:2].tolist() == [1.0, 2.0] and np.isnan(peer[2:]).all()


def test_years_fall_by_a_minute_each_bar() -> None:
    inputs = session_inputs(chain_of_four(), 375, passes=())
    steps = np.diff(inputs.years[:, NEXT]) * 365 * 86_400
    np.testing.assert_allclose(steps, -60.0, atol=1e-6)
    assert timedelta(days=int(inputs.days[0, NEXT])) == timedelta(days=10)
