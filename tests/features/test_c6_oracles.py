"""C6 against networkx, NumPy and SciPy on a session, its symmetries, and what it hands to the next session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf_shrinkage

from mr_platform.features.c6_correlation import calculate_progressive_correlation_matrix
from mr_platform.features.c6_correlation.component import Correlation, SessionState, day_constants
from mr_platform.features.c6_correlation.layout import BLOCK_NAMES, LONG, N_SERIES, N_TRACKED, NAMES, STRADDLE
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.history import QuantityHistory
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.series import CLOSE
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.correlation import CorrelationParameters
from mr_platform.parameters.objects import defaults
from tests.features.c6_session import column, compute, inputs_of
from tests.features.conftest import STEP

if TYPE_CHECKING:
    from tests.features.conftest import Market

RULE = defaults(CorrelationParameters)
AT = 119
"""The last minute of a five-minute bar, where spectra are fresh."""


@pytest.fixture(scope="module")
def inputs(market: Market) -> SessionInputs:
    return inputs_of(OptionChainDay.from_core(market.cores[2], market.sessions[2], strike_step=STEP))


@pytest.fixture(scope="module")
def computed(inputs: SessionInputs, market: Market) -> tuple[ComponentOutput, SessionState]:
    return compute(inputs, previous=market.contexts[1])


def matrix_of(state: SessionState, t: int) -> tuple[np.ndarray, np.ndarray]:
    """The matrix over the long window [n, n] and the series in it."""
    whole = np.eye(N_SERIES)
    whole[np.triu_indices(N_SERIES, 1)] = state.carried.cells[LONG, t]
    whole = np.triu(whole) + np.triu(whole, 1).T
    kept = np.flatnonzero(np.isfinite(state.carried.means[LONG, t]))
    return whole[np.ix_(kept, kept)], kept


@pytest.fixture(scope="module")
def matrix(computed: tuple[ComponentOutput, SessionState]) -> tuple[np.ndarray, np.ndarray]:
    return matrix_of(computed[1], AT)


def test_matrices_are_those_of_the_changes(
    computed: tuple[ComponentOutput, SessionState], matrix: tuple[np.ndarray, np.ndarray]
) -> None:
    window = computed[1].carried.changes[0, matrix[1], AT - 49 : AT + 1]
    complete = np.flatnonzero(np.isfinite(window).all(axis=1))
    expected = np.corrcoef(window[complete])
    np.testing.assert_allclose(matrix[0][np.ix_(complete, complete)], expected, rtol=0, atol=1e-12)
    assert complete.size >= 2 and np.linalg.eigvalsh(matrix[0]).min() > -1e-12


def test_spectra_are_those_of_numpy(
    computed: tuple[ComponentOutput, SessionState], matrix: tuple[np.ndarray, np.ndarray]
) -> None:
    out, values = computed[0], np.linalg.eigvalsh(matrix[0])
    n = values.size
    top = max(1, round(n / 5))
    assert column(out, "breakdown_absorption")[AT] == pytest.approx(values[-top:].sum() / n, rel=1e-12)
    weight = column(out, "matrix_shrinkage_50")[AT]
    shrunk = (1 - weight) * values + weight
    assert column(out, "matrix_top_share_30")[AT] == pytest.approx(shrunk[-1] / n, rel=1e-12)
    assert column(out, "matrix_condition_30")[AT] == pytest.approx(np.log10(shrunk[-1] / shrunk[0]), rel=1e-9)
    assert column(out, "matrix_effective_rank_30")[AT] == pytest.approx(
        np.exp(-(shrunk / n * np.log(shrunk / n)).sum()) / n, rel=1e-12
    )


def test_spectra_hold_until_the_next_five_minute_bar_closes(computed: tuple[ComponentOutput, SessionState]) -> None:
    shares = column(computed[0], "matrix_top_share_10")
    assert (shares[AT : AT + 5] == shares[AT]).all()
    assert shares[AT + 5] != shares[AT] != shares[AT - 1]
    for name in ("graph_tree_length", "matrix_timeframe_prices_15", "breakdown_absorption"):
        held = column(computed[0], name)[AT : AT + 15].reshape(3, 5)
        assert (held == held[:, :1]).all() and np.unique(held).size == 3, name


def test_graph_measures_are_those_of_networkx(
    computed: tuple[ComponentOutput, SessionState], matrix: tuple[np.ndarray, np.ndarray]
) -> None:
    out, sizes = computed[0], np.abs(matrix[0])
    np.fill_diagonal(sizes, 0.0)
    n, kept = len(sizes), matrix[1]
    joined = nx.from_numpy_array(np.where(sizes >= RULE.graph_threshold, sizes, 0.0))
    groups = [
        {i for i in range(n) if a <= kept[i] < b} for a, b in zip((0, *RULE.phases[:-1]), RULE.phases, strict=True)
    ]
    degrees = np.array([d for _, d in joined.degree()])
    expected = {
        "density": nx.density(joined),
        "centralization": (degrees.max() - degrees).sum() / ((n - 1) * (n - 2)),
        "clustering": nx.average_clustering(joined),
        "transitivity": nx.transitivity(joined),
        "largest_component": max(len(one) for one in nx.connected_components(joined)) / n,
        "modularity": nx.community.modularity(joined, groups, weight="weight"),
        "algebraic_connectivity": nx.algebraic_connectivity(nx.from_numpy_array(sizes), weight="weight", tol=1e-12) / n,
    }
    distances = np.sqrt(2 * (1 - sizes))
    np.fill_diagonal(distances, 0.0)
    tree = nx.minimum_spanning_tree(nx.from_numpy_array(distances))
    edges = [tree.edges[edge]["weight"] for edge in tree.edges]
    inside = [any(i in g and j in g for g in groups) for i, j in tree.edges]
    straddle = int(np.flatnonzero(kept == STRADDLE)[0])
    expected |= {
        "tree_length": np.mean(edges),
        "tree_longest": max(edges),
        "tree_hub": max(d for _, d in tree.degree()) / (n - 1),
        "tree_steps": nx.average_shortest_path_length(tree),
        "tree_leaves": sum(d == 1 for _, d in tree.degree()) / n,
        "tree_purity": np.mean(inside),
        "straddle_closeness": nx.closeness_centrality(tree, straddle),
    }
    for name, value in expected.items():
        assert column(out, f"graph_{name}")[AT] == pytest.approx(value, rel=1e-8), name


def test_the_tree_of_a_quarter_of_an_hour_ago_shares_these_edges(
    computed: tuple[ComponentOutput, SessionState],
) -> None:
    edges = []
    for t in (AT, AT - 15):
        matrix, kept = matrix_of(computed[1], t)
        distances = np.sqrt(2 * (1 - np.abs(matrix)))
        np.fill_diagonal(distances, 0.0)
        tree = nx.minimum_spanning_tree(nx.from_numpy_array(distances))
        edges.append({frozenset((int(kept[i]), int(kept[j]))) for i, j in tree.edges})
    expected = len(edges[0] & edges[1]) / len(edges[0])
    assert column(computed[0], "graph_tree_survival_15")[AT] == pytest.approx(expected)


def test_turbulence_is_scipys_mahalanobis_under_scikit_learns_shrinkage(
    computed: tuple[ComponentOutput, SessionState],
) -> None:
    out, carried = computed[0], computed[1].carried
    matrix, kept = matrix_of(computed[1], AT - 1)
    now = carried.changes[0, kept, AT]
    window = carried.changes[0, kept, AT - 50 : AT]
    mean, deviation = np.nanmean(window, axis=1), np.nanstd(window, axis=1)
    centred = np.nan_to_num(window - mean[:, None]).T
    standard = centred / np.sqrt((centred**2).mean(axis=0))
    weight = ledoit_wolf_shrinkage(standard, assume_centered=True)
    known = np.isfinite(now)
    shrunk = ((1 - weight) * matrix + weight * np.eye(len(kept)))[np.ix_(known, known)]
    z = ((now - mean) / deviation)[known]
    distance = mahalanobis(z, np.zeros(z.size), np.linalg.inv(shrunk)) ** 2 / z.size
    assert column(out, "breakdown_turbulence")[AT] == pytest.approx(distance, rel=1e-9)
    assert column(out, "breakdown_correlation_surprise")[AT] == pytest.approx(distance / (z**2).mean(), rel=1e-9)


@pytest.mark.parametrize("phase", range(4))
def test_a_phases_matrix_is_a_correlation_matrix(inputs: SessionInputs, phase: int) -> None:
    found = calculate_progressive_correlation_matrix(phase, inputs.until(AT + 1))
    assert set(found.names) | set(found.dropped) == set(NAMES[: RULE.phases[phase]])
    assert np.array_equal(found.values, found.values.T)
    assert (np.diagonal(found.values) == 1.0).all()
    assert np.linalg.eigvalsh(found.values).min() > -1e-12
    # fifty bars are short for more than 25 series
    assert (found.shrinkage > 0) == (len(found.names) > 25)


def test_calls_for_puts_leave_what_pairs_them_alone(
    inputs: SessionInputs, computed: tuple[ComponentOutput, SessionState]
) -> None:
    names = ("chain_close", "chain_oi", "gamma")
    mirrored = replace(inputs, **{name: getattr(inputs, name)[..., ::-1].copy() for name in names})
    out = compute(mirrored)[0]
    for name in ("ce_pe", "oi_ce_pe", "gamma_ce_pe"):
        for bars in (20, 50):
            pair = f"matrix_pair_{name}_{bars}"
            np.testing.assert_allclose(column(out, pair), column(computed[0], pair), rtol=1e-9, atol=1e-12)


def test_open_interest_that_lacks_at_one_strike_reaches_neither_prices_nor_smile(
    inputs: SessionInputs, computed: tuple[ComponentOutput, SessionState]
) -> None:
    oi = inputs.chain_oi.copy()
    oi[:, inputs.around[50, 17]] = np.nan
    out = compute(replace(inputs, chain_oi=oi))[0]
    for name in ("block_prices_20", "block_prices_smile_50", "block_smile_50", "timeframe_prices_smile_5"):
        assert np.array_equal(column(out, f"matrix_{name}"), column(computed[0], f"matrix_{name}"), equal_nan=True)
    assert np.isfinite(column(out, "matrix_block_chain_50")[60:100]).all()
    assert not np.array_equal(
        column(out, "matrix_block_chain_50")[60:100], column(computed[0], "matrix_block_chain_50")[60:100]
    )


def test_a_session_leaves_its_pairs_and_its_last_blocks(
    inputs: SessionInputs, computed: tuple[ComponentOutput, SessionState]
) -> None:
    left = Correlation().leave(inputs, computed[0], computed[1])
    assert all(name.startswith("c6_") for name in left)
    # two sessions before, then this one
    assert left["c6_pairs_seen"].shape == (3, N_TRACKED)
    observed = computed[1].carried.strength[4::5, 0]
    assert left["c6_pairs_median"][-1, 0] == pytest.approx(np.nanmedian(observed))
    block = column(computed[0], "matrix_block_prices_50")
    assert left["c6_blocks"][0] == block[np.isfinite(block)][-1]


def test_a_threshold_is_learned_once_enough_sessions_stand_behind_it(market: Market) -> None:
    rng = np.random.default_rng(0)
    history = QuantityHistory.empty(N_TRACKED)
    day = SessionStart(market.sessions[6].trade_date, 375, 3, "future")
    for sessions in range(1, 4):
        history = history.with_session(3, 0.5 + 0.4 * rng.random((75, N_TRACKED)))
        thresholds = day_constants(RULE, day, history).thresholds
        if sessions < 3:
            assert (thresholds == 0.1).all()
    assert ((thresholds > 0.5) & (thresholds < 0.6)).all()


def test_the_night_is_weighed_by_the_gap_and_by_what_was_left(inputs: SessionInputs, market: Market) -> None:
    first, state = compute(inputs)
    assert np.isnan(column(first, "cross_gap_weight")).all()
    blocks = np.array([column(first, f"matrix_block_{name}_50")[AT] for name in BLOCK_NAMES])
    left = {**Correlation().leave(inputs, first, state), "c6_blocks": blocks}
    opened = inputs.underlying[0, 0]
    ohlc = market.contexts[1].rolling_ohlc.copy()
    ohlc[-1, CLOSE] = opened / 1.003
    before = replace(market.contexts[1], rolling_ohlc=ohlc, memory=left)
    out, _ = compute(inputs, previous=before)
    assert (column(out, "cross_gap_weight") == 0.8).all()
    # at the minute whose blocks were left they hold wholly
    assert column(out, "cross_gap_persistence")[AT] == pytest.approx(0.8)
    other = replace(before, underlying="spot")
    assert np.isnan(column(compute(inputs, previous=other)[0], "cross_gap_weight")).all()
