"""A quantile by selection is NumPy's, whatever the order of the values."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.kernels.cpu.selection import linear_quantile


@pytest.mark.parametrize("n", [1, 2, 7, 116])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.85, 1.0])
def test_it_is_the_linear_quantile_of_numpy(n: int, share: float) -> None:
    values = np.round(np.random.default_rng(4).random(n) * 20)
    assert linear_quantile(values.copy(), n, share) == pytest.approx(np.quantile(values, share), rel=1e-15)


def test_what_lies_beyond_the_count_is_not_looked_at() -> None:
    values = np.array([30.0, 10.0, 20.0, -1e9, np.nan])
    assert linear_quantile(values, 3, 0.25) == 15.0
    assert values[3] == -1e9 and sorted(values[:3].tolist()) == [10.0, 20.0, 30.0]


def test_ascending_descending_and_equal_values_give_the_same_bits() -> None:
    rising = np.arange(1.0, 42.0) / 7
    for share in (0.1, 0.33, 0.9):
        found = {linear_quantile(order.copy(), 41, share) for order in (rising, rising[::-1].copy())}
        assert found == {np.quantile(rising, share)}
    assert linear_quantile(np.full(9, 0.3), 9, 0.7) == 0.3
