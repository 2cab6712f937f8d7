"""Percentiles and medians of earlier sessions by days to expiry, out of a few numbers a session."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.features.history import QuantityHistory, dte_range


def sessions(*days: tuple[int, list[float]]) -> QuantityHistory:
    history = QuantityHistory.empty(1)
    for dte, values in days:
        history = history.with_session(dte, np.array(values)[:, None])
    return history


@pytest.mark.parametrize(("dte", "which"), [(0, 0), (7, 0), (8, 1), (30, 1), (31, 2), (90, 2), (400, 2)])
def test_ranges_of_days_to_expiry(dte: int, which: int) -> None:
    assert dte_range(dte) == which


def test_a_session_leaves_its_quantiles_and_how_much_it_saw() -> None:
    history = sessions((3, [float(i) for i in range(11)]), (2, [np.nan, 4.0]))
    assert history.points[0, 0].tolist() == [1.0, 3.0, 5.0, 7.0, 9.0]
    assert history.points[1, 0].tolist() == [4.0] * 5
    assert history.seen.tolist() == [[11.0], [1.0]] and history.median.tolist() == [[5.0], [4.0]]


def test_quantiles_of_many_quantities_have_the_bits_of_each_taken_alone() -> None:
    rng = np.random.default_rng(9)
    observed = rng.standard_normal((75, 40)) * 10.0 ** rng.integers(-6, 6, 40)
    observed[rng.random((75, 40)) < np.linspace(0.0, 0.9, 40)] = np.nan
    points = QuantityHistory.empty(40).with_session(3, observed).points[0]
    for q in range(40):
        known = observed[np.isfinite(observed[:, q]), q]
        assert points[q].tolist() == np.quantile(known, (0.1, 0.3, 0.5, 0.7, 0.9)).tolist()


def test_a_session_without_an_observation_leaves_nothing() -> None:
    assert sessions((3, [np.nan, np.nan])).dte.size == 0


def test_rank_is_the_mid_rank_among_all_observations_of_that_dte() -> None:
    """Two sessions of ten observations each: every kept value stands for two of them."""
    ten = [float(i) for i in range(10)]
    ranked = sessions((3, ten), (3, [x + 100 for x in ten]), (4, [50.0] * 10)).specific(3)
    assert ranked.observations.tolist() == [20] and ranked.sessions.tolist() == [2]
    at = np.array([-1.0, 50.0, 104.5, 1000.0, np.nan])
    # 104.5 is the second session's median: 10 below, 4 below in its own session, 2 at it
    assert ranked.rank(0, at).tolist()[:4] == [0.0, 0.5, 0.75, 1.0]
    assert np.isnan(ranked.rank(0, at)[4])


def test_quantile_is_linear_between_the_kept_values() -> None:
    ranked = sessions((3, [float(i) for i in range(11)])).specific(3)
    assert [ranked.quantile(0, share) for share in (0.0, 0.1, 0.4, 0.5, 1.0)] == [1.0, 1.0, 4.0, 5.0, 9.0]
    assert np.isnan(sessions().specific(3).quantile(0, 0.5))


def test_a_default_is_replaced_only_by_enough_observations_of_enough_sessions() -> None:
    """Specific: 30 observations of 3 sessions; range: 60 of 5."""
    fifteen = [float(i) for i in range(15)]
    two, three = sessions(*[(3, fifteen)] * 2), sessions(*[(3, fifteen)] * 3)
    assert (two.specific(3).trusted[0], three.specific(3).trusted[0]) == (False, True)
    assert not sessions(*[(3, fifteen[:5])] * 3).specific(3).trusted[0]
    four, five = sessions(*[(3, fifteen)] * 4), sessions(*[(d, fifteen) for d in (0, 1, 2, 3, 7)])
    assert (four.of_range(5).trusted[0], five.of_range(5).trusted[0]) == (False, True)


def test_the_range_reaches_further_back_than_the_specific_dte_and_older_sessions_count_by_their_median() -> None:
    history = sessions(*[(3, [float(i)] * 4) for i in range(300)])
    assert history.points.shape == (252, 1, 5) and history.median.shape == (300, 1)
    assert history.specific(3).observations[0] == 252 * 4
    ranged = history.of_range(7)
    assert ranged.observations[0] == 300 * 4 and ranged.values[0, 0] == 0.0
    assert ranged.rank(0, np.array([149.5]))[0] == pytest.approx(0.5, abs=1e-12)


def test_memory_goes_round_and_another_number_of_quantities_starts_afresh() -> None:
    history = sessions((3, [1.0, 2.0]), (2, [3.0]))
    memory = history.as_memory("c4_iv")
    assert sorted(memory) == ["c4_iv_dte", "c4_iv_median", "c4_iv_points", "c4_iv_seen"]
    back = QuantityHistory.of(memory, "c4_iv", 1)
    assert back.median.tolist() == history.median.tolist() and back.dte.tolist() == [3.0, 2.0]
    assert QuantityHistory.of(memory, "c4_iv", 2).dte.size == 0
    assert QuantityHistory.of({}, "c4_iv", 1).dte.size == 0


def test_quantities_keep_their_own_history() -> None:
    both = QuantityHistory.empty(2).with_session(1, np.array([[1.0, np.nan], [3.0, np.nan]]))
    ranked = both.specific(1)
    assert ranked.observations.tolist() == [2, 0] and ranked.trusted.tolist() == [False, False]
    assert ranked.rank(0, np.array([2.0]))[0] == 0.5 and np.isnan(ranked.rank(1, np.array([2.0]))[0])
