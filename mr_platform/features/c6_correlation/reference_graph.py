"""Columns of group graph, readable: the thresholded correlation graph and the minimum spanning tree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c6_correlation.graph import TIE
from mr_platform.features.c6_correlation.layout import N_GROUPS, N_SERIES, STRADDLE
from mr_platform.features.c6_correlation.state import DayConstants, Floats
from mr_platform.features.c6_correlation.windows import FLAT
from mr_platform.parameters.correlation import CorrelationParameters

Columns = dict[str, Floats]


def columns(matrices: Floats, closing: list[int], rule: CorrelationParameters, day: DayConstants, out: Columns) -> None:
    """All columns but the algebraic connectivity at the minutes that close a five-minute bar, from the matrices over
    the long window [M, 30, 30].
    """
    trees: list[set[frozenset[int]]] = []
    for t, matrix in enumerate(matrices):
        if t not in closing:
            trees.append(trees[-1] if trees else set())
            continue
        trees.append(set())
        kept = np.flatnonzero(~np.isnan(np.diagonal(matrix)))
        n = kept.size
        if n < rule.windows.series_share * day.sizes.sum() or n < 2:
            continue
        strengths = np.floor(np.abs(matrix[np.ix_(kept, kept)]) * TIE + 0.5) / TIE
        np.fill_diagonal(strengths, 0.0)
        groups = day.groups[kept]
        found = threshold_graph(strengths, groups, rule.graph_threshold)
        edges = spanning_tree(strengths)
        found |= tree(strengths, groups, edges)
        if STRADDLE in kept:
            found["straddle_closeness"] = (n - 1) / steps(edges, n)[np.flatnonzero(kept == STRADDLE)[0]].sum()
        trees[t] = {frozenset((int(kept[i]), int(kept[j]))) for i, j in edges}
        if t >= rule.shift_minutes and trees[t - rule.shift_minutes]:
            found["tree_survival_15"] = len(trees[t] & trees[t - rule.shift_minutes]) / (n - 1)
        for name, value in found.items():
            out[f"graph_{name}"][t] = value


def threshold_graph(strengths: Floats, groups: NDArray[np.int64], threshold: float) -> dict[str, float]:
    """Of the graph that joins nodes with ``strengths`` [n, n] from ``threshold`` on."""
    n = len(strengths)
    joined = (strengths >= threshold) & ~np.eye(n, dtype=bool)
    degrees = joined.sum(axis=1)
    triangles = np.diagonal(joined.astype(float) @ joined @ joined)
    triples = degrees * (degrees - 1)
    local = np.divide(triangles, triples, out=np.zeros(n), where=triples > 0)
    found = {
        "density": joined.sum() / (n * (n - 1)),
        "centralization": (degrees.max() - degrees).sum() / ((n - 1) * (n - 2)) if n > 2 else np.nan,
        "clustering": local.mean(),
        "transitivity": triangles.sum() / triples.sum() if triples.sum() else 0.0,
        "largest_component": _largest_component(joined) / n,
    }
    weights = np.where(joined, strengths, 0.0)
    if weights.sum() > FLAT:
        total = weights.sum()
        found["modularity"] = sum(
            weights[np.ix_(groups == g, groups == g)].sum() / total - (weights[groups == g].sum() / total) ** 2
            for g in range(N_GROUPS)
        )
    return found


def _largest_component(joined: NDArray[np.bool_]) -> int:
    reach = joined | np.eye(len(joined), dtype=bool)
    for _ in range(N_SERIES):
        reach = reach @ reach
    return int(reach.sum(axis=1).max())


def spanning_tree(strengths: Floats) -> list[tuple[int, int]]:
    """Edges of Prim's tree from the first node, which joins the strongest; the first of equals."""
    inside, edges = [0], []
    while len(inside) < len(strengths):
        outside = [j for j in range(len(strengths)) if j not in inside]
        best = strengths[np.ix_(inside, outside)]
        j = int(np.argmax(best.max(axis=0)))
        edges.append((inside[int(np.argmax(best[:, j]))], outside[j]))
        inside.append(outside[j])
    return edges


def steps(edges: list[tuple[int, int]], n: int) -> Floats:
    """Edges between any two nodes of the tree [n, n]."""
    out = np.zeros((n, n))
    joined = [0]
    for i, j in edges:
        out[j, joined] = out[i, joined] + 1
        out[joined, j] = out[j, joined]
        joined.append(j)
    return out


def tree(strengths: Floats, groups: NDArray[np.int64], edges: list[tuple[int, int]]) -> dict[str, float]:
    """Of the minimum spanning tree of sqrt(2 (1 - strength))."""
    n = len(strengths)
    ends = np.array(edges)
    lengths = np.sqrt(2 * (1 - strengths[ends[:, 0], ends[:, 1]]))
    degrees = np.bincount(ends.ravel(), minlength=n)
    return {
        "tree_length": lengths.mean(),
        "tree_longest": lengths.max(),
        "tree_hub": degrees.max() / (n - 1),
        "tree_steps": steps(edges, n)[np.triu_indices(n, 1)].mean(),
        "tree_leaves": (degrees == 1).mean(),
        "tree_purity": (groups[ends[:, 0]] == groups[ends[:, 1]]).mean(),
    }
