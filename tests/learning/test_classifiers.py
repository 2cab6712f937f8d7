"""Classifiers and baselines against independent implementations or closed answers."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM

from mr_platform.learning.baselines import (
    Climatology,
    HarTercile,
    HmmFilter,
    Majority,
    Markov,
    Persistence,
    RuleClassifier,
    baselines_for,
)
from mr_platform.learning.calibration import Calibration
from mr_platform.learning.dataset import NO_CLASS, build_dataset
from mr_platform.learning.heads import LinearScores, Reading, StackedScores, bin_codes, fit_head, fit_trees
from mr_platform.learning.hmm import GaussianHmm, fit_hmm, initial_hmm
from mr_platform.learning.metrics import log_loss
from mr_platform.learning.tasks import REGIME, TARGETS, VOLATILITY, task
from mr_platform.learning.trees import FlatTrees
from mr_platform.parameters.learning import DiscriminantCandidate, LearningParameters, TreesCandidate
from mr_platform.parameters.objects import defaults

DESIGN = defaults(LearningParameters).design
TREES = TreesCandidate("trees", 0.2, 7, 3, 12, 6, 0.1, 20, 1.0, 0.7)
DISCRIMINANT = DiscriminantCandidate("discriminant", 0.2, 7, 3)
# seven inputs without their changes
READING = Reading(np.arange(7), np.arange(3), (), np.zeros(7, dtype=bool), 0)


def sample(k: int, n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    y = rng.integers(0, k, n)
    x = rng.normal(size=(n, 7)) + 0.8 * y[:, None] * (np.arange(7) < 2)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, y, rng.uniform(0.2, 1.0, n)


def dataset(made, name: str = "regime_h12"):
    return build_dataset(made.features, made.labels, task=task(name), design=DESIGN)


@pytest.mark.parametrize("k", [2, 3, 8])
def test_flat_trees_equal_scikit_learn(k: int) -> None:
    x, y, weight = sample(k)
    x[:, 6] = np.nan  # an input that never came
    fitted, cuts = fit_trees(TREES, x, y, weight, seed=4)
    fresh = np.random.default_rng(1).normal(size=(300, 7)) * 3
    fresh[::7, 2] = np.nan
    fresh[5, 0], fresh[6, 0] = np.inf, -np.inf
    flat = FlatTrees.from_sklearn(fitted, cuts)
    threshold = flat.threshold[0]
    fresh[8, flat.feature[0]] = threshold  # the cut itself goes left
    codes = bin_codes(fresh, cuts)
    assert np.abs(flat.predict_proba(fresh) - fitted.predict_proba(codes)).max() <= 1e-12
    assert np.array_equal(flat.raw(fresh), fitted._raw_predict(codes))


def fitted_head(candidate, x: np.ndarray, y: np.ndarray, weight: np.ndarray, k: int):
    return fit_head(candidate, READING, x, y, weight, np.arange(y.size) // 50, k, seed=0)


@pytest.mark.parametrize("candidate", [TREES, DISCRIMINANT])
def test_arrays_bring_the_scores_back(candidate) -> None:
    x, y, weight = sample(3)
    scores = fitted_head(candidate, x, y, weight, 3).scores
    buffer = io.BytesIO()
    np.savez(buffer, **scores.arrays())
    with np.load(io.BytesIO(buffer.getvalue()), allow_pickle=False) as stored:
        kind = LinearScores if candidate is DISCRIMINANT else StackedScores
        again = kind.from_arrays({name: stored[name] for name in stored.files})
    assert np.array_equal(scores.predict_proba(x), again.predict_proba(x))


def test_a_class_never_seen_keeps_a_small_probability() -> None:
    x, y, weight = sample(3)
    head = fitted_head(TREES, x, y * 2, weight, 8)  # classes 0, 2, 4 of 8
    p = head.answer(x)
    assert p.shape == (600, 8)
    assert (p > 0).all() and p[:, [1, 3, 5, 6, 7]].max() < 1e-5
    assert np.abs(p.sum(axis=1) - 1).max() < 1e-12


def test_calibration_tempers_overconfidence_and_leaves_the_calibrated() -> None:
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(3), 4000)
    y = (rng.random((4000, 1)) > p.cumsum(axis=1)[:, :2]).sum(axis=1)
    shares, weight = np.full(3, 1 / 3), np.ones(4000)
    fair = Calibration.fit(p, shares, y, weight)
    assert fair.sharpness == pytest.approx(1.0, abs=0.08)
    bold = p**3 / (p**3).sum(axis=1, keepdims=True)
    tempered = Calibration.fit(bold, shares, y, weight)
    assert tempered.sharpness == pytest.approx(1 / 3, abs=0.03)
    assert log_loss(y, tempered.apply(bold, shares)) < log_loss(y, bold) - 0.1


def test_calibration_of_noise_is_the_prior() -> None:
    rng = np.random.default_rng(3)
    noise, y = rng.dirichlet(np.ones(3), 4000), rng.choice(3, 4000, p=[0.6, 0.3, 0.1])
    shares = np.array([0.6, 0.3, 0.1])
    found = Calibration.fit(noise, shares, y, np.ones(4000))
    assert np.abs(found.apply(noise, shares) - shares).max() < 0.1


def hmm_sample() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    states = (np.cumsum(rng.random(600) < 0.05) % 2).astype(int)
    return rng.normal(size=(600, 2)) + 2.5 * states[:, None], np.array([200, 250, 150])


def as_hmmlearn(model: GaussianHmm) -> GaussianHMM:
    oracle = GaussianHMM(
        n_components=model.states, covariance_type="diag", init_params="", covars_prior=0.0, covars_weight=1.0,
        min_covar=0.0, n_iter=4, tol=-np.inf,
    )  # fmt: skip
    oracle.startprob_, oracle.transmat_ = model.start.copy(), model.transition.copy()
    oracle.means_, oracle.covars_ = model.mean.copy(), model.variance.copy()
    return oracle


@pytest.mark.parametrize("states", [2, 3, 4])
def test_hmm_fit_equals_hmmlearn(states: int) -> None:
    x, lengths = hmm_sample()
    start = initial_hmm(x, states)
    ours = fit_hmm(x, lengths, states, iterations=4, tolerance=-np.inf)
    oracle = as_hmmlearn(start).fit(x, lengths)
    assert np.abs(ours.mean - oracle.means_).max() < 1e-8
    assert np.abs(ours.transition - oracle.transmat_).max() < 1e-8
    assert np.abs(ours.variance - np.array([np.diag(c) for c in oracle.covars_])).max() < 1e-8
    assert ours.score(x, lengths) == pytest.approx(oracle.score(x, lengths), abs=1e-6)


def test_hmm_filter_is_hmmlearns_smoother_at_the_last_row() -> None:
    x, lengths = hmm_sample()
    ours = fit_hmm(x, lengths, 3)
    oracle = as_hmmlearn(ours)
    filtered = ours.filtered(x, lengths)
    for t in (0, 1, 57, 199):
        # at the end of what is seen, smoothing and filtering are the same
        assert np.abs(filtered[t] - oracle.predict_proba(x[: t + 1])[-1]).max() < 1e-9


def test_hmm_filter_reads_nothing_later() -> None:
    x, _ = hmm_sample()
    model = fit_hmm(x, np.array([600]), 2)
    changed = x.copy()
    changed[300:] += 50.0
    before, after = (model.filtered(v, np.array([600]))[:300] for v in (x, changed))
    assert np.array_equal(before, after)


def test_hmm_likelihood_never_falls() -> None:
    x, lengths = hmm_sample()
    scores = [fit_hmm(x, lengths, 3, iterations=i, tolerance=-np.inf).score(x, lengths) for i in range(1, 8)]
    assert all(b >= a - 1e-9 for a, b in pairwise(scores))


def test_persistence_answers_the_last_known_label(market) -> None:
    data = dataset(market(sessions=4, stay=0.9))
    p = Persistence(REGIME).fit(data).predict_proba(data)
    last = data.last_known["regime"]
    seen = last != NO_CLASS
    assert (p.argmax(axis=1)[seen] == last[seen]).all()
    # blind to anything that is not known yet: future labels changed, same answer
    blank = type(data)(**(vars(data) | {"targets": {t: np.zeros_like(c) for t, c in data.targets.items()}}))
    assert np.array_equal(Persistence(REGIME).fit(data).predict_proba(blank), p)


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_every_baseline_gives_probabilities_and_ignores_the_test_labels(market, target) -> None:
    data = dataset(market(sessions=6, signal=0.5))
    days = np.unique(data.session)
    train, test = data.rows(data.session < days[4]), data.rows(data.session >= days[4])
    blind = type(test)(
        **(vars(test) | {"targets": {t: np.full_like(c, -1) for t, c in test.targets.items()},
                         "sigma": np.full_like(test.sigma, np.nan)})
    )  # fmt: skip
    made = baselines_for(target, data)
    assert [b.name for b in made][:5] == ["majority", "climatology", "persistence", "markov", "hmm"]
    for baseline in made:
        p = baseline.fit(train).predict_proba(test)
        assert p.shape == (test.n, target.size)
        assert np.abs(p.sum(axis=1) - 1).max() < 1e-9 and p.min() >= 0
        assert np.array_equal(p, baseline.predict_proba(blind))


def test_markov_runs_the_chain_forward_by_the_age(market) -> None:
    data = dataset(market(sessions=30, symbols=("NIFTY",), stay=0.9))
    chain = Markov(REGIME).fit(data)
    row = int(np.flatnonzero(data.last_age == 12)[0])
    expected = np.linalg.matrix_power(chain._transition, 12)[data.last_known["regime"][row]]
    assert chain.predict_proba(data)[row] == pytest.approx(expected)
    # the planted chain stays with 0.9 + 0.1 / 8
    assert np.diag(chain._transition).mean() == pytest.approx(0.9125, abs=0.02)


def test_climatology_and_majority_know_the_shares(market) -> None:
    data = dataset(market(sessions=6))
    labelled = data.rows(data.labelled("regime"))
    shares = (np.bincount(labelled.targets["regime"], minlength=8) + 1) / (labelled.n + 8)
    assert Majority(REGIME).fit(data).predict_proba(data)[0] == pytest.approx(shares)
    late = data.minute == 15 * 60 + 29
    assert late.any()
    # no label in the last hour, so none at that time of day: the overall shares stand in
    assert Climatology(REGIME).fit(data).predict_proba(data)[late][0] == pytest.approx(shares)


def test_har_forecasts_persistent_volatility_better_than_its_terciles_by_time(market) -> None:
    data = dataset(market(sessions=40, stay=0.99))
    days = np.unique(data.session)
    train, test = data.rows(data.session < days[30]), data.rows(data.session >= days[30])
    y, have = test.targets["volatility"], test.labelled("volatility")
    losses = {
        kind.name: log_loss(y[have], kind(VOLATILITY).fit(train).predict_proba(test)[have])
        for kind in (HarTercile, Climatology)
    }
    assert losses["har_rv"] < losses["climatology"] - 0.1


def test_hmm_baseline_finds_states_that_the_features_show(market) -> None:
    data = dataset(market(sessions=30, columns=2, signal=1.5, stay=0.97))
    days = np.unique(data.session)
    train, test = data.rows(data.session < days[20]), data.rows(data.session >= days[20])
    y, have = test.targets["regime"], test.labelled("regime")
    ours = HmmFilter(REGIME).fit(train).predict_proba(test)[have]
    prior = Majority(REGIME).fit(train).predict_proba(test)[have]
    assert log_loss(y[have], ours) < log_loss(y[have], prior) - 0.3


def test_rules_are_a_baseline_where_the_features_carry_them(market) -> None:
    made = market(sessions=2, symbols=("NIFTY",))
    given = np.random.default_rng(0).dirichlet(np.ones(8), made.features.num_rows)
    given[0] = np.nan
    table = made.features
    for k, code in enumerate(REGIME.classes):
        table = table.append_column(f"rule_p_{code.lower()}", [given[:, k]])
    data = build_dataset(table, made.labels, task=task("regime_h12"), design=DESIGN)
    assert not [c for c in data.columns if c.startswith("rule_p_")]
    rules = RuleClassifier(REGIME).fit(data)
    assert "rules" in [baseline.name for baseline in baselines_for(REGIME, data)]
    p = rules.predict_proba(data)
    assert p[1:] == pytest.approx(given[1:])
    assert p[0] == pytest.approx(rules.shares)
