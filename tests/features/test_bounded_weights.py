"""Weights that sum to 1 within bounds."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.features.weights import summing_to_one

LOW, HIGH = np.full(4, 0.05), np.full(4, 0.5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.4)),
        # what is left over is spread evenly
        ((0.1, 0.1, 0.2, 0.2), (0.2, 0.2, 0.3, 0.3)),
        # the first two are clipped; .1 more than 1 comes off those that can give: two, for two stand at their low
        ((0.0, 0.0, 0.8, 0.5), (0.05, 0.05, 0.45, 0.45)),
        # clipped, .4 is missing: a quarter each would lift the last to .55; it stops at .5, the others take the rest
        ((0.0, 0.0, 0.0, 0.45), (1 / 6, 1 / 6, 1 / 6, 0.5)),
    ],
)
def test_clipping_is_made_up_for_by_the_weights_that_can_move(
    given: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    found = summing_to_one(np.array(given), LOW, HIGH)
    assert found.tolist() == pytest.approx(list(expected))


def test_random_weights_keep_their_bounds_and_sum_to_one() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        found = summing_to_one(rng.uniform(-0.2, 1.0, 4), LOW, HIGH)
        assert found.sum() == pytest.approx(1.0) and (found >= LOW).all() and (found <= HIGH).all()


def test_bounds_that_allow_one_answer_give_it() -> None:
    assert summing_to_one(np.array([0.9, 0.1]), np.array([0.5, 0.1]), np.array([0.5, 0.9])).tolist() == [0.5, 0.5]
