"""Inputs chosen inside the training rows: those that tell the classes across sessions, and all known of labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mr_platform.learning.baselines import quantiles, robust_scale, robust_standardise
from mr_platform.learning.dataset import Dataset, build_dataset
from mr_platform.learning.heads import Reading, fit_discriminant
from mr_platform.learning.selection import bin_numbers, distinct, fit_rows, information, narrowed, rank_inputs
from mr_platform.learning.tasks import REGIME, task
from mr_platform.parameters.learning import DiscriminantCandidate, LearningParameters, TreesCandidate
from mr_platform.parameters.objects import defaults

BASE = defaults(LearningParameters)
SELECTION = BASE.selection
DISCRIMINANT = DiscriminantCandidate("discriminant", 0.2, 3, 2)
TREES = TreesCandidate("trees", 0.2, 3, 2, 8, 4, 0.2, 10, 1.0, 1.0)


@pytest.fixture(scope="module")
def data(market) -> Dataset:
    made = market(sessions=12, signal=1.0, columns=6, stay=0.9)
    return build_dataset(made.features, made.labels, task=task("regime_h12"), design=BASE.design)


def training(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(data.labelled("regime"))
    return rows, data.targets["regime"][rows]


def test_an_input_that_names_the_session_tells_nothing() -> None:
    """Each of eight sessions has one class; a column constant in a session gives it away there, and only there."""
    session = np.repeat(np.arange(8), 50)
    y = session % 2
    named = session.astype(float) + 0.1
    honest = y + np.random.default_rng(0).normal(0, 0.3, y.size)
    codes = bin_numbers(np.stack([named, honest], axis=1))
    # read in the sessions themselves both would tell all of ln 2 = .69 nats
    told = information(codes, y, session, 8)
    assert told[0] < 0.05
    assert 0.4 < told[1] < np.log(2)


def test_information_by_hand() -> None:
    """Two sessions of four rows; the other session's shares of the bin, from 8 rows at the overall shares."""
    codes = np.array([[0], [0], [1], [1]] * 2, dtype=np.uint8)
    y = np.array([0, 0, 1, 1] * 2)
    # of the other session's two rows in the bin both are of the class: (2 + 8 / 2) / (2 + 8) against 1 / 2
    assert information(codes, y, np.repeat([1, 2], 4), 2) == pytest.approx([np.log(0.6 / 0.5)])
    assert information(codes, y, np.ones(8, dtype=int), 2).tolist() == [0.0]


def test_noise_misleads_and_is_left_out(data: Dataset) -> None:
    rows, y = training(data)
    ranked = rank_inputs(data, rows, y, SELECTION)
    names = [data.columns[at] for at in ranked.order]
    assert names[:2] == ["c1_ema_first", "c1_ema_second"]
    assert not [name for name in names if "noise" in name]
    assert {data.columns[at] for at in ranked.always} >= {"minute_of_day", "symbol_is_NIFTY"}
    assert ranked.counts() == {"given": 7, "live": 7, "informative": len(names), "kept": len(names)}


def test_constant_and_seldom_seen_inputs_are_not_live(data: Dataset) -> None:
    rows, y = training(data)
    x = data.x.copy()
    first = data.columns.index("c1_ema_first")
    x[np.arange(data.n) % 3 > 0, first] = np.nan
    x[:, data.columns.index("c1_ema_second")] = 4.0
    spoiled = replace(data, x=x)
    assert rank_inputs(spoiled, rows, y, SELECTION).live == 5
    assert first in rank_inputs(spoiled, rows, y, replace(SELECTION, coverage=0.2)).order


def test_where_nothing_tells_anything_one_input_is_left(market) -> None:
    made = market(sessions=8, signal=0.0)
    plain = build_dataset(made.features, made.labels, task=task("regime_h12"), design=BASE.design)
    ranked = rank_inputs(plain, *training(plain), replace(SELECTION, least_information=1.0))
    assert ranked.informative == 0
    assert ranked.order.size == 1


def test_of_inputs_that_say_the_same_the_better_stays() -> None:
    rng = np.random.default_rng(2)
    first, other = rng.normal(size=500), rng.normal(size=500)
    codes = bin_numbers(np.stack([first, -first * 3 + 1, other, np.full(500, np.nan)], axis=1))
    # ranks are turned round, not changed, by a falling line
    assert distinct(codes, np.array([1, 0, 2, 3]), 0.95, 10).tolist() == [1, 2, 3]
    assert distinct(codes, np.array([0, 1, 2]), 0.95, 1).tolist() == [0]


def test_bins_are_quantiles_and_missing_is_a_bin_of_its_own() -> None:
    x = np.append(np.arange(160.0), np.nan)[:, None]
    codes = bin_numbers(x)[:, 0]
    assert codes[-1] == 16
    assert np.bincount(codes[:-1]).tolist() == [11, *[10] * 14, 9]


def test_rows_outside_the_training_do_not_change_the_choice(data: Dataset) -> None:
    rows, _ = training(data)
    later = data.session >= np.unique(data.session)[8]
    part = rows[~later[rows]]
    y = data.targets["regime"][part]
    x = np.where(later[:, None], 99.0, data.x)
    assert np.array_equal(
        rank_inputs(replace(data, x=x), part, y, SELECTION).order, rank_inputs(data, part, y, SELECTION).order
    )


def test_changes_stay_inside_the_session(data: Dataset) -> None:
    at = np.array([data.columns.index("c1_ema_first")])
    reading = Reading(at, at, (1, 3), np.zeros(1, dtype=bool), 0)
    z = reading.of(data)
    run = data.runs()[3]
    x = data.x[run, at[0]]
    assert np.array_equal(z[run, 0], x)
    assert np.isnan(z[run[0], 1]) and np.isnan(z[run[:3], 2]).all()
    assert np.array_equal(z[run[1:], 1], x[1:] - x[:-1])
    assert np.array_equal(z[run[3:], 2], x[3:] - x[:-3])
    assert np.array_equal(reading.of(data, run[5:9]), z[run[5:9]])


@pytest.mark.parametrize("candidate", [DISCRIMINANT, TREES], ids=["discriminant", "trees"])
def test_a_head_answers_from_its_inputs_alone(candidate, data: Dataset) -> None:
    rows, y = training(data)
    head = fit_rows(data, rows, y, REGIME, candidate, SELECTION, seed=0)
    p = head.predict_proba(data)
    other = data.x.copy()
    other[:, np.setdiff1d(np.arange(len(data.columns)), head.reading.levels)] = np.nan
    assert np.array_equal(head.predict_proba(replace(data, x=other)), p)
    columns = np.unique(head.reading.levels)
    thin = replace(data, x=data.x[:, columns], columns=tuple(data.columns[at] for at in columns))
    assert np.array_equal(narrowed(head, columns).predict_proba(thin), p)
    assert np.mean(p[rows].argmax(axis=1) == y) > 0.4


def test_what_is_known_of_labels_reaches_trees_and_not_their_discriminant(market) -> None:
    made = market(sessions=8, signal=1.0)
    nowcast = build_dataset(made.features, made.labels, task=task("regime_nowcast"), design=BASE.design_nowcast)
    rows = np.flatnonzero(nowcast.labelled("regime"))
    head = fit_rows(nowcast, rows, nowcast.targets["regime"][rows], REGIME, TREES, SELECTION, seed=0)
    owners = head.reading.owners
    linear = {nowcast.columns[at] for at in owners[head.scores.linear_at]}
    beside = {nowcast.columns[at] for at in owners[head.scores.trees_at]}
    assert not [name for name in linear if name.startswith("last_label")]
    assert {"last_label_is_LVLD", "last_label_age", "minute_of_day", "c1_ema_first"} <= beside


@pytest.mark.parametrize("k", [2, 5])
def test_the_discriminant_is_scikit_learns(k: int) -> None:
    rng = np.random.default_rng(5)
    y = np.arange(6000) % k
    x = rng.normal(size=(6000, 4)) @ rng.normal(size=(4, 4)) + np.outer(y, [0.5, -0.3, 0.0, 0.2])
    ours = fit_discriminant(x, y, np.ones(6000), 1e-9)
    z = robust_standardise(x, *robust_scale(x))
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(z, y).predict_proba(z)
    # means from one row more and .001 on the diagonal
    assert np.abs(ours.predict_proba(x) - theirs).max() < 0.01


def test_full_shrinkage_reads_each_input_on_its_own() -> None:
    rng = np.random.default_rng(6)
    y = rng.integers(0, 3, 400)
    x = rng.normal(size=(400, 3)) + y[:, None]
    whole = fit_discriminant(x, y, np.ones(400), 1.0)
    alone = fit_discriminant(x[:, :1], y, np.ones(400), 1.0)
    assert whole.weights[0] == pytest.approx(alone.weights[0])


def test_quantiles_are_numpys() -> None:
    x = np.random.default_rng(7).normal(size=(101, 6))
    x[::4, 1] = np.nan
    x[:, 2] = np.nan
    x[1:, 3] = np.nan
    expected = np.nanquantile(np.where(np.isnan(x).all(axis=0), 0.0, x), (0.1, 0.5, 0.9), axis=0)
    assert quantiles(x, (0.1, 0.5, 0.9)) == pytest.approx(expected, abs=1e-12)
