"""What C2 learns from finished sessions and what it hands on, and its named interfaces."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.features.c2_greeks_sentiment import (
    analyze_volume_weighted_greeks,
    classify_sentiment_with_adaptive_thresholds,
    detect_institutional_flow,
    learn_optimal_greeks_weights,
)
from mr_platform.features.c2_greeks_sentiment.component import EXPOSURES, GreeksSentiment, exposure_scale
from mr_platform.features.c2_greeks_sentiment.learning import SessionProducts, adapted_cuts, learned_weights
from mr_platform.features.component import SessionStart
from mr_platform.features.history import QuantityHistory
from mr_platform.features.inputs import session_inputs
from mr_platform.features.running import run_components
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.greeks_sentiment import GreeksSentimentParameters
from mr_platform.parameters.objects import defaults
from tests.features.contract_sessions import Remembered

if TYPE_CHECKING:
    from tests.features.conftest import Market

SETTINGS = defaults(GreeksSentimentParameters)
CUTS = np.array(SETTINGS.level_cuts)
LEVELS, WEIGHTS, HISTORY = SETTINGS.level_learning, SETTINGS.weight_learning, SETTINGS.history
START = np.array([1.0, 1.5, 0.8, 1.2, 0.7, 0.6, 0.5])


def products(correlation: list[float], sessions: int) -> np.ndarray:
    """Sessions in which the Greeks do not move together and each has that correlation with the return after it."""
    one = np.eye(8)
    one[:7, 7] = one[7, :7] = correlation
    return np.repeat(one[None], sessions, axis=0)


def test_weights_stay_until_twenty_sessions_are_known() -> None:
    informed = [0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert learned_weights(START, products(informed, 19), WEIGHTS).tolist() == START.tolist()
    # the twentieth session takes a fifth of the way from 1.0 to all of the first order's 4.5, capped at 3; others to 0
    after = learned_weights(START, products(informed, 20), WEIGHTS)
    assert after[:4] == pytest.approx([1.0 + 0.2 * 3.5, 1.2, 0.64, 0.96])
    assert after[4:].tolist() == START[4:].tolist()


def test_weights_walk_on_within_their_bounds() -> None:
    informed = [0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2]
    after = learned_weights(START, products(informed, 100), WEIGHTS)
    assert after.tolist() == [3.0, 0.1, 0.1, 0.1, 0.1, 0.1, pytest.approx(1.8, abs=1e-6)]
    # older sessions than the last hundred do not count
    longer = np.concatenate([products([0.0, 0.9, 0, 0, 0, 0, 0], 50), products(informed, 100)])
    assert learned_weights(START, longer, WEIGHTS).tolist() == after.tolist()


def test_weights_are_adopted_only_for_a_gain() -> None:
    # the start weights are the best there are where each Greek's information is in proportion to its weight
    best = (0.1 * START).tolist()
    assert learned_weights(START, products(best, 60), WEIGHTS).tolist() == START.tolist()
    # no information, none positive: nothing to move to
    for none in (0.0, -0.2):
        assert learned_weights(START, products([none] * 7, 60), WEIGHTS).tolist() == START.tolist()


def test_cuts_move_by_a_step_towards_the_middle_between_two_levels() -> None:
    scores = np.concatenate([np.full(20, 0.0), np.full(20, 0.10), np.full(20, 0.30), np.full(14, 0.9)])
    after = adapted_cuts(CUTS, scores, LEVELS, HISTORY.level_observations)
    # neutral and sideways to bullish: .08 towards .05, a step at most; .15 towards .20; 14 strong ones are too few
    assert after == pytest.approx([-0.45, -0.15, -0.08, 0.06, 0.17, 0.45])
    assert adapted_cuts(CUTS, scores[:14], LEVELS, 15).tolist() == CUTS.tolist()
    # a score on a cut belongs to the level further from neutral, and only the last 200 scores count
    on_the_cut = np.concatenate([np.full(500, -0.3), np.full(100, -0.08), np.full(100, -0.02)])
    assert adapted_cuts(CUTS, on_the_cut, LEVELS, 15) == pytest.approx([-0.45, -0.15, -0.06, 0.08, 0.15, 0.45])


def test_cuts_keep_their_distance_and_neutral_keeps_zero_inside() -> None:
    cuts = np.array([-0.45, -0.06, -0.02, 0.02, 0.06, 0.45])
    scores = np.concatenate([np.full(20, x) for x in (-0.061, -0.03, 0.0, 0.03, 0.061)])
    after = adapted_cuts(cuts, scores, LEVELS, 15)
    # the inner cuts would go to -.015 and .015, their neighbours to -.0455 and .0455
    assert after == pytest.approx([-0.45, -0.0455, -0.015, 0.015, 0.0455, 0.45])
    for _ in range(20):
        after = adapted_cuts(after, np.concatenate([scores, np.full(60, 0.001)]), LEVELS, 15)
    assert (np.diff(after) >= LEVELS.separation - 1e-12).all()
    assert after[2] <= -LEVELS.separation / 2 and after[3] >= LEVELS.separation / 2


def test_products_of_a_session_survive_the_memory_and_ranges_are_apart() -> None:
    rng = np.random.default_rng(1)
    greeks, returns = rng.standard_normal((40, 7)), rng.standard_normal(40)
    greeks[3, 2] = np.nan
    rows = np.delete(np.column_stack([greeks, returns]), 3, axis=0)
    kept = SessionProducts.of({})
    for dte in (2, 9, 2, 2):
        kept = kept.with_session(dte, greeks, returns, 2, HISTORY)
    # two sessions of each range stay
    assert kept.dte.tolist() == [9, 2, 2]
    back = SessionProducts.of(kept.as_memory())
    np.testing.assert_allclose(back.of_range(5, HISTORY), np.repeat((rows.T @ rows)[None], 2, axis=0))
    assert back.of_range(20, HISTORY).shape == (1, 8, 8) and back.of_range(60, HISTORY).shape == (0, 8, 8)
    empty = kept.with_session(1, np.full((3, 7), np.nan), np.zeros(3), 2, HISTORY)
    assert empty is kept


def test_the_scale_is_that_of_the_same_days_to_expiry_else_of_the_first_sessions() -> None:
    sizes = QuantityHistory.empty(EXPOSURES)
    for dte, size in ((3, 1.0), (2, 4.0), (3, 2.0), (2, 6.0)):
        sizes = sizes.with_session(dte, np.full((20, EXPOSURES), size))
    scale, own = exposure_scale(SETTINGS, 3, sizes)
    # two sessions at three days are too few: the median of 1, 4, 2, 6
    assert not own and (scale == 3.0).all() and scale.shape == (3, 7)
    sizes = sizes.with_session(3, np.full((20, EXPOSURES), 10.0))
    scale, own = exposure_scale(SETTINGS, 3, sizes)
    assert own and scale == pytest.approx(2.0)
    assert not exposure_scale(SETTINGS, 2, sizes)[1]
    assert np.isnan(exposure_scale(SETTINGS, 3, QuantityHistory.empty(EXPOSURES))[0]).all()


def test_medians_and_the_large_flow_are_learned_from_five_sessions_of_the_range() -> None:
    component = GreeksSentiment()
    activity = QuantityHistory.empty(4)
    seen = np.column_stack([np.full(75, 4_000.0), np.full(75, 50_000.0), np.linspace(1, 75, 75) * 1_000, np.zeros(75)])
    memories = []
    for _ in range(5):
        memories.append(activity.as_memory("c2_activity"))
        activity = activity.with_session(2, seen)
    memories.append(activity.as_memory("c2_activity"))
    start = SessionStart(date(2022, 11, 15), 375, 5, "spot", symbol="NIFTY")
    days = [component.begin(replace(start, previous=Remembered(one))).day for one in memories]  # type: ignore[arg-type]
    assert [(day.volume_median, day.oi_median, day.large_flow) for day in days[:5]] == [(1_000, 10_000, 15_000)] * 5
    # the ninth of five kept tenths stands for the top fifth, so for nine tenths of all
    assert (days[5].volume_median, days[5].oi_median) == (4_000.0, 50_000.0)
    assert days[5].large_flow == pytest.approx(np.quantile(seen[:, 2], 0.9))
    far = component.begin(replace(start, dte=9, previous=Remembered(memories[5]))).day  # type: ignore[arg-type]
    assert far.volume_median == 1_000


def chain_of(market: Market, i: int) -> OptionChainDay:
    return OptionChainDay.from_core(market.cores[i], market.sessions[i])


def test_what_a_session_leaves(market: Market) -> None:
    run = run_components({"c2": GreeksSentiment()}, chain_of(market, 0))
    state, out = run.states["c2"], run.outputs["c2"]
    left = GreeksSentiment().leave(run.inputs, out, replace(state, own_medians=True))
    assert all(name.startswith("c2_") for name in left)
    scores = out.score[4::5]
    assert left["c2_scores"].tolist() == scores[np.isfinite(scores)].tolist()
    returns = np.log(run.inputs.underlying[9::5, 3] / run.inputs.underlying[4:-5:5, 3])
    greeks = state.carried.greeks[4:-5:5]
    known = np.isfinite(greeks).all(axis=1)
    assert left["c2_products"][0, -1] == pytest.approx(float((returns[known] ** 2).sum()))
    sizes = np.abs(state.carried.exposure[4::5].reshape(75, EXPOSURES))
    assert left["c2_sizes_median"][0] == pytest.approx(np.nanmedian(sizes, axis=0))
    assert (
        left["c2_activity_seen"][0].tolist()
        == np.isfinite([*state.carried.active[4::5].T, scores]).sum(axis=1).tolist()
    )


def test_under_the_declared_medians_nothing_is_learned_but_the_medians(market: Market) -> None:
    left = run_components({"c2": GreeksSentiment()}, chain_of(market, 0)).memory()
    assert left["c2_activity_dte"].size == 1
    assert left["c2_sizes_dte"].size == left["c2_products_dte"].size == left["c2_scores"].size == 0
    assert left["c2_cuts"].tolist() == CUTS.tolist()


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_a_session_without_prices_hands_on_what_it_was_given(market: Market, engine: str) -> None:
    run = run_components({"c2": GreeksSentiment()}, chain_of(market, 0))
    before = replace(market.contexts[0], memory=run.memory())
    silent = OptionChainDay.from_core(market.cores[1].slice(0, 0), market.sessions[1], symbol="NIFTY")
    empty = run_components({"c2": GreeksSentiment(engine=engine)}, silent, previous=before)
    assert np.isnan(empty.outputs["c2"].values).all() and (empty.outputs["c2"].health == 0).all()
    for name, array in empty.memory().items():
        np.testing.assert_array_equal(array, before.memory[name], err_msg=name)


def test_the_analysis_is_the_last_minute_of_the_features(market: Market) -> None:
    chain = chain_of(market, 2)
    run = run_components({"c2": GreeksSentiment()}, chain)
    inputs = session_inputs(chain, 375, passes=("greeks",))
    found = analyze_volume_weighted_greeks(inputs, symbol="NIFTY")
    out = run.outputs["c2"]
    assert found.score == out.score[-1] and found.confidence == out.confidence[-1] and found.minute == 929
    assert list(found.features.values()) == pytest.approx(out.values[-1].tolist(), nan_ok=True, rel=0)
    assert found.greeks["atm"]["vanna"] == found.features["c2_second_order_vanna_atm"]
    atm, itm1, otm1 = found.strikes.values()
    assert (itm1, otm1) == (atm - 50, atm + 50)
    assert analyze_volume_weighted_greeks(inputs, [atm, itm1, otm1], symbol="NIFTY").score == found.score
    with pytest.raises(UsageError, match="ATM, ITM1 and OTM1 of the last minute"):
        analyze_volume_weighted_greeks(inputs, [atm + 50, atm, atm + 100])
    with pytest.raises(UsageError, match="at least one bar"):
        analyze_volume_weighted_greeks(inputs.until(0))


def test_learned_weights_by_name(market: Market) -> None:
    kept = SessionProducts(np.full(30, 2.0), products([0.3, 0, 0, 0, 0, 0, 0], 30))
    before = replace(market.contexts[0], memory=kept.as_memory())
    found = learn_optimal_greeks_weights("NIFTY", 4, previous=before)
    assert found.sessions == 30 and found.weights["delta"] == 3.0 and found.weights["vanna"] == 0.7
    # .3 of 3, over the size of all four weights
    first = np.array(list(found.weights.values())[:4])
    assert found.information[0] == pytest.approx(0.3 * 3.0 / math.sqrt((first**2).sum()))
    start = learn_optimal_greeks_weights("NIFTY", 4, "start", previous=before)
    assert list(start.weights.values()) == START.tolist()
    assert learn_optimal_greeks_weights("NIFTY", 20, previous=before).sessions == 0
    with pytest.raises(UsageError, match="one of start, learned"):
        learn_optimal_greeks_weights("NIFTY", 4, "fast")
    with pytest.raises(UsageError, match="same symbol"):
        learn_optimal_greeks_weights("BANKNIFTY", 4, previous=before)


def test_a_level_is_told_under_the_cuts_in_force(market: Market) -> None:
    declared = classify_sentiment_with_adaptive_thresholds(0.07)
    assert (declared.name, declared.number, declared.distance) == ("neutral", 0, pytest.approx(0.01))
    moved = replace(market.contexts[0], memory={"c2_cuts": np.array([-0.45, -0.15, -0.08, 0.06, 0.15, 0.45])})
    adapted = classify_sentiment_with_adaptive_thresholds(0.07, previous=moved)
    assert (adapted.name, adapted.number) == ("sideways_to_bullish", 1)
    assert classify_sentiment_with_adaptive_thresholds(math.nan).name == ""


def test_the_largest_flow_is_judged_by_the_symbol_or_by_its_own_past() -> None:
    volume, held = np.array([900.0, math.nan, 18_000.0, 40.0]), np.array([5e4, 5e4, 9e4, 5e4])
    found = detect_institutional_flow(volume, held, symbol="NIFTY")
    assert (found.leg, found.contracts, found.name) == (2, 18_000.0, "large")
    assert (found.size, found.oi_share) == (1.2, 0.2)
    assert detect_institutional_flow(volume, held, symbol="BANKNIFTY").name == "usual"
    assert detect_institutional_flow(volume, held, symbol="TCS").size == 6.0
    past = np.arange(1.0, 101.0) * 200
    # percentiles 50, 90 and 95 of the past lie at 10,100, 18,020 and 19,010
    names = [
        detect_institutional_flow(np.array([x]), np.array([1e5]), symbol="NIFTY", history=past).name
        for x in (10_000, 18_000, 18_100, 19_100)
    ]
    assert names == ["quiet", "usual", "large", "very_large"]
    with pytest.raises(UsageError, match="of the same legs"):
        detect_institutional_flow(volume, held[:2], symbol="NIFTY")
