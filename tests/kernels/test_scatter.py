"""Rows to cells: literal rows, and both implementations against each other on shuffled rows with strangers in them."""

from __future__ import annotations

import numpy as np

from mr_platform.kernels.engine import engine
from mr_platform.kernels.reference.scatter import DROPPED, OUTSIDE


def session() -> np.ndarray:
    bars = np.full(1440, -1, np.int64)
    bars[555:565] = np.arange(10)
    return bars


def test_a_row_stands_where_minute_expiry_and_strike_say() -> None:
    expiries, strikes = np.array([100, 107], np.int32), np.array([50.0, 100.0, 150.0])
    rows = (
        np.array([555, 556, 556, 554, 556, 560]),
        np.array([100, 107, 107, 100, 101, 107], np.int32),
        np.array([50.0, 150.0, 50.0, 50.0, 50.0, 50.0]),
    )
    for name in ("reference", "cpu"):
        found = engine(name).scatter.cell_index(*rows, session(), expiries, strikes, np.array([10, 5]))
        assert found.tolist() == [0, 11, 9, OUTSIDE, DROPPED, DROPPED]


def test_a_cell_moves_to_the_shorter_expiry_axis_while_its_expiry_is_kept() -> None:
    # three expiries of two strikes; the second is left out, the third kept in the first bar only
    cells = np.array([0, 1, 2, 5, 6, 11, DROPPED, OUTSIDE])
    for name in ("reference", "cpu"):
        found = engine(name).scatter.deep_cells(cells, np.array([0, -1, 1]), np.array([9, 0, 1]), 2)
        assert found.tolist() == [0, 1, DROPPED, 3, 4, DROPPED, DROPPED, OUTSIDE]
        assert engine(name).scatter.deep_cells(cells[-2:], np.empty(0, np.int64), np.empty(0, np.int64), 2).size == 2


def test_implementations_agree_on_shuffled_rows() -> None:
    rng = np.random.default_rng(4)
    n = 2_000
    minutes = rng.integers(550, 570, n)
    row_expiries = rng.integers(100, 110, n).astype(np.int32)
    row_strikes = rng.integers(1, 40, n) * 50.0
    expiries, strikes = np.array([101, 103, 105, 107], np.int32), np.arange(1.0, 41.0) * 50
    values = np.where(rng.random(n) < 0.2, np.nan, rng.random(n))
    one, other = engine("reference").scatter, engine("cpu").scatter
    keyed = (minutes, row_expiries, row_strikes, session(), expiries, strikes, np.array([10, 10, 3, 1]))
    cells = one.cell_index(*keyed)
    np.testing.assert_array_equal(cells, other.cell_index(*keyed))
    seen = (minutes, row_expiries, session(), expiries)
    np.testing.assert_array_equal(one.first_seen(*seen), other.first_seen(*seen))
    np.testing.assert_array_equal(one.count_cells(cells, 1600), other.count_cells(cells, 1600))
    deep = (cells, np.array([0, -1, 1, -1]), np.array([10, 0, 2, 0]), 40)
    np.testing.assert_array_equal(one.deep_cells(*deep), other.deep_cells(*deep))
    unique = np.where(np.isin(np.arange(n), np.unique(cells, return_index=True)[1]), cells, DROPPED)
    dense = {}
    for kernels in (one, other):
        for order in (np.arange(n), np.argsort(unique)):
            dense[kernels, order[0]] = np.empty((1_600, 2))
            kernels.scatter_pair(unique[order], values[order], -values[order], dense[kernels, order[0]])
    expected, *rest = dense.values()
    for found in rest:
        np.testing.assert_array_equal(found, expected)
    bars = session()[minutes]
    # a key that two rows share is told apart by nothing: compare the key chosen, not the row
    first = [kernels.first_row_of_bar(bars, row_expiries, row_strikes, values, 10) for kernels in (one, other)]
    np.testing.assert_array_equal(row_expiries[first[0]], row_expiries[first[1]])
    np.testing.assert_array_equal(row_strikes[first[0]], row_strikes[first[1]])


def test_axes_lack_a_place_for_a_new_strike_or_an_expiry_among_the_nearest() -> None:
    expiries, strikes = np.array([100, 107], np.int32), np.array([50.0, 100.0])
    # (expiry, strike), the most expiries kept, whether both axes hold the row; days 95 .. 120 are read
    cases = [
        (100, 50.0, 2, True),
        (107, 75.0, 2, False),
        (104, 75.0, 2, False),
        (104, 75.0, 1, True),
        (114, 75.0, 2, True),
        (114, 75.0, 3, False),
        (121, 75.0, 3, True),
        (94, 75.0, 3, True),
    ]
    for name in ("reference", "cpu"):
        fits = engine(name).scatter.all_have_places
        for expiry, strike, most, expected in cases:
            rows = np.array([100, expiry], np.int32), np.array([100.0, strike])
            assert fits(*rows, 95, 120, most, expiries, strikes) is expected, (name, expiry, strike, most)


def test_a_row_clashes_with_another_or_with_what_is_there() -> None:
    dense = np.full((5, 2), np.nan)
    dense[3, 1] = 1.0
    cases = [
        ([0, 1, 2], (0, False)),
        ([2, 1, 0], (0, False)),
        ([0, 2, 1, 2], (0, True)),
        ([0, 3], (0, True)),
        ([OUTSIDE, DROPPED, DROPPED, 4, OUTSIDE], (2, False)),
    ]
    for name in ("reference", "cpu"):
        for cells, expected in cases:
            assert engine(name).scatter.clashes(np.array(cells), dense) == expected


def test_rows_are_put_into_an_array_in_use() -> None:
    for name in ("reference", "cpu"):
        dense, bars = np.arange(6.0).reshape(3, 2), np.arange(3.0)
        engine(name).scatter.put_pair(np.array([2, DROPPED]), np.array([9.0, 7.0]), np.array([np.nan, 7.0]), dense)
        engine(name).scatter.put_rows(np.array([-1, 1, 0]), np.array([5.0, 6.0]), bars)
        np.testing.assert_array_equal(dense, [[0.0, 1.0], [2.0, 3.0], [9.0, np.nan]])
        assert bars.tolist() == [0.0, 6.0, 5.0]
