"""Compiled columns of group graph: the thresholded correlation graph and the minimum spanning tree.

Nodes are the series left in the long window, by their order. An edge of the graph joins two series whose |r| reaches
the threshold; the tree is the one of least total length, d = sqrt(2 (1 - |r|)) (R. Mantegna, Hierarchical structure in
financial markets, 1999).
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c6_correlation import state
from mr_platform.features.c6_correlation.layout import GRAPH_AT, N_GROUPS, N_SERIES, STRADDLE
from mr_platform.features.c6_correlation.windows import FLAT, closes
from mr_platform.kernels.cpu.correlation import cell

NAN = math.nan
DENSITY, CENTRAL, CLUSTERING, TRANSITIVITY, LARGEST, CONNECTIVITY, MODULARITY = range(7)
LENGTH, LONGEST, HUB, STEPS, LEAVES, PURITY, SURVIVAL, CLOSENESS = range(7, 15)
N_COLUMNS = 15
TIE = 1e12
"""Steps of |r| in one: closer distances are equal, and the first series wins."""


@njit(cache=True, error_model="numpy")
def _strengths(triangle, kept, m, out):
    """|r| of the series left, on the grid of ties [m, m]; 0 on the diagonal."""
    for i in range(m):
        out[i, i] = 0.0
        for j in range(i + 1, m):
            out[i, j] = np.floor(abs(triangle[cell(kept[i], kept[j], N_SERIES)]) * TIE + 0.5) / TIE
            out[j, i] = out[i, j]


@njit(cache=True, error_model="numpy")
def _largest_component(links, m):
    """Nodes of the largest connected component; ``links`` [m] bit sets of neighbours."""
    seen = np.int64(0)
    most = 0
    for start in range(m):
        if seen >> start & 1:
            continue
        reached = np.int64(1) << start
        before = np.int64(0)
        while reached != before:
            before = reached
            for i in range(m):
                if before >> i & 1:
                    reached |= links[i]
        seen |= reached
        most = max(most, _bits(reached))
    return most


@njit(cache=True, error_model="numpy")
def _bits(x):
    """How many of the lower 32 bits are set: pairs, nibbles and bytes summed side by side."""
    x = x - (x >> 1 & 0x55555555)
    x = (x & 0x33333333) + (x >> 2 & 0x33333333)
    x = x + (x >> 4) & 0x0F0F0F0F
    return (x * 0x01010101 >> 24) & 0xFF


@njit(cache=True, error_model="numpy")
def threshold_graph(strengths, groups, m, threshold, out):
    """Density, centralisation, clustering, transitivity, largest component and modularity of the groups."""
    links = np.zeros(m, np.int64)
    degrees = np.zeros(m, np.int64)
    weights = np.zeros(m)
    inside = np.zeros(N_GROUPS)
    whole = np.zeros(N_GROUPS)
    edges = 0
    total = 0.0
    for i in range(m):
        for j in range(i + 1, m):
            r = strengths[i, j]
            if r >= threshold:
                links[i] |= np.int64(1) << j
                links[j] |= np.int64(1) << i
                weights[i] += r
                weights[j] += r
                if groups[i] == groups[j]:
                    inside[groups[i]] += 2.0 * r
    for i in range(m):
        degrees[i] = _bits(links[i])
        whole[groups[i]] += weights[i]
        edges += degrees[i]
        total += weights[i]
    most = degrees.max()
    central = 0.0
    clustering = 0.0
    triangles = 0
    triples = 0
    for i in range(m):
        central += most - degrees[i]
        shared = 0
        left = links[i]
        while left:
            # the lowest neighbour left: the bits below it are as many as its place
            lowest = left & -left
            shared += _bits(links[i] & links[_bits(lowest - 1)])
            left ^= lowest
        triangles += shared
        triples += degrees[i] * (degrees[i] - 1)
        if degrees[i] > 1:
            clustering += shared / (degrees[i] * (degrees[i] - 1))
    out[DENSITY] = edges / (m * (m - 1))
    out[CENTRAL] = central / ((m - 1) * (m - 2)) if m > 2 else NAN
    out[CLUSTERING] = clustering / m
    out[TRANSITIVITY] = triangles / triples if triples > 0 else 0.0
    out[LARGEST] = _largest_component(links, m) / m
    out[MODULARITY] = NAN
    if total > FLAT:
        modularity = 0.0
        for g in range(N_GROUPS):
            modularity += inside[g] / total - (whole[g] / total) ** 2
        out[MODULARITY] = modularity


@njit(cache=True, error_model="numpy")
def spanning_tree(strengths, m, parents, order):
    """Prim's tree from the first node: ``parents`` [m] (-1 the root's) and the ``order`` [m] in which nodes joined."""
    best = np.full(m, -1.0)
    joined = np.zeros(m, np.bool_)
    parents[:m] = -1
    at = 0
    joined[0] = True
    order[0] = 0
    for step in range(1, m):
        for j in range(m):
            if not joined[j] and strengths[at, j] > best[j]:
                best[j] = strengths[at, j]
                parents[j] = at
        at = -1
        for j in range(m):
            if not joined[j] and (at < 0 or best[j] > best[at]):
                at = j
        joined[at] = True
        order[step] = at


@njit(cache=True, error_model="numpy")
def tree_columns(strengths, groups, m, parents, order, straddle, out):
    """Length, longest edge, hub, mean steps, leaves, purity and the straddle's closeness; ``straddle`` node or -1."""
    degrees = np.zeros(m, np.int64)
    steps = np.zeros((m, m), np.int64)
    length = 0.0
    longest = 0.0
    pure = 0
    total = 0
    for s in range(1, m):
        j = order[s]
        i = parents[j]
        degrees[i] += 1
        degrees[j] += 1
        d = math.sqrt(2.0 * (1.0 - strengths[i, j]))
        length += d
        longest = max(longest, d)
        pure += groups[i] == groups[j]
        for r in range(s):
            other = order[r]
            steps[j, other] = steps[i, other] + 1
            steps[other, j] = steps[j, other]
            total += steps[j, other]
    leaves = 0
    for i in range(m):
        leaves += degrees[i] == 1
    out[LENGTH] = length / (m - 1)
    out[LONGEST] = longest
    out[HUB] = degrees.max() / (m - 1)
    out[STEPS] = total / (0.5 * m * (m - 1))
    out[LEAVES] = leaves / m
    out[PURITY] = pure / (m - 1)
    out[CLOSENESS] = (m - 1) / steps[straddle].sum() if straddle >= 0 else NAN


@njit(cache=True, error_model="numpy")
def _survival(tree, before, m):
    """Share of the tree's edges that were in the earlier tree too; NaN where there was none."""
    shared = 0
    there = 0
    for i in range(N_SERIES):
        j = tree[i]
        there += before[i] >= 0
        shared += j >= 0 and (before[i] == j or before[j] == i)
    return shared / (m - 1) if there > 0 else NAN


@njit(cache=True, error_model="numpy")
def columns(cells, means, groups, series, threshold, share, shift, spectral, n_bars, start, stop, trees, held, values):
    """The 15 columns of minutes [start, stop), once the spectra are there; ``held`` [15] keeps them from the close of
    one five-minute bar to the next.

    ``cells`` [M, 435] and ``means`` [M, 30] are of the long window, ``groups`` [30], ``series`` how many there are in
    all; ``trees`` [M, 30] is written.
    """
    kept, of_group = np.empty(N_SERIES, np.int64), np.empty(N_SERIES, np.int64)
    parents, order = np.empty(N_SERIES, np.int64), np.empty(N_SERIES, np.int64)
    strengths = np.empty((N_SERIES, N_SERIES))
    for t in range(start, stop):
        if not closes(t, n_bars):
            if t > 0:
                trees[t] = trees[t - 1]
            values[t, GRAPH_AT : GRAPH_AT + N_COLUMNS] = held
            continue
        held[:] = NAN
        held[CONNECTIVITY] = spectral[t, state.CONNECTIVITY_AT]
        m = 0
        straddle = -1
        for i in range(N_SERIES):
            if means[t, i] == means[t, i]:
                kept[m] = i
                of_group[m] = groups[i]
                straddle = m if i == STRADDLE else straddle
                m += 1
        if m >= share * series and m > 1:
            _strengths(cells[t], kept, m, strengths)
            threshold_graph(strengths, of_group, m, threshold, held)
            spanning_tree(strengths, m, parents, order)
            for i in range(m):
                if parents[i] >= 0:
                    trees[t, kept[i]] = kept[parents[i]]
            tree_columns(strengths, of_group, m, parents, order, straddle, held)
            if t >= shift:
                held[SURVIVAL] = _survival(trees[t], trees[t - shift], m)
        values[t, GRAPH_AT : GRAPH_AT + N_COLUMNS] = held
