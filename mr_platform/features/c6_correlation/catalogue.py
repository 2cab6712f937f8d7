"""The 150 features of C6 in column order: group matrix from ``matrices``, then breakdown, cross and graph."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mr_platform.features.c6_correlation.layout import N_TRACKED, PAIR_NAMES, PAIR_WORDS, PAIRS, SCORE_PAIRS, SCORES
from mr_platform.features.c6_correlation.matrices import (
    ANY,
    OF_ALL,
    POSITIVE,
    SHARE,
    SHIFT,
    SPECTRAL,
    WHOLE,
    WINDOWED,
    filled,
    matrix,
    of_series,
    spec,
)
from mr_platform.features.catalogue import FeatureSpec

_TRACKED = tuple(range(N_TRACKED))
_OF_TRACKED = (*WINDOWED, "windows.series_share", "phases", *of_series(*(i for q in _TRACKED for i in PAIRS[q])))
_RULES = (
    "breakdown.threshold",
    "breakdown.learned_percentile",
    "history.range_bounds",
    "history.day_sessions",
    "history.range_sessions",
    "history.day_observations",
    "history.day_least_sessions",
    "history.range_observations",
    "history.range_least_sessions",
    "breakdown.history_bars",
    "breakdown.deviations",
    "breakdown.slope_bars",
    "breakdown.slope_cut",
)
_ALERTS = ("breakdown.warning", "breakdown.cool_down_minutes", "breakdown.most_per_session")
_TURBULENCE = (*WINDOWED, "windows.series_share", "phases", *OF_ALL)


def _breakdown() -> Iterator[FeatureSpec]:
    for q in _TRACKED:
        gate = () if max(PAIRS[q]) < 10 else ("phases",)
        yield spec(
            "breakdown",
            f"confidence_{PAIR_NAMES[q]}",
            f"confidence that {PAIR_WORDS[q]} have come apart over 20 bars: one less the product of (1 - depth) below "
            "the threshold, below mean less two deviations of 50 bars, and of the fall of |r| over 5 bars",
            unit="confidence",
            bounds=SHARE,
            warmup=filled(20),
            parameters=(*WINDOWED, *gate, *of_series(*PAIRS[q]), *_RULES),
        )
    for q in _TRACKED:
        gate = () if max(PAIRS[q]) < 10 else ("phases",)
        yield spec(
            "breakdown",
            f"departure_{PAIR_NAMES[q]}",
            f"|r| of {PAIR_WORDS[q]} over 20 bars less its mean over the 50 minutes before, in standard deviations",
            unit="standard deviations",
            bounds=ANY,
            warmup=filled(20) + 40,
            parameters=(*WINDOWED, *gate, *of_series(*PAIRS[q]), "breakdown.history_bars"),
        )
    yield spec(
        "breakdown",
        "broken_share",
        "share of the six tracked pairs of which a rule says that they have broken down",
        unit="fraction",
        bounds=SHARE,
        warmup=filled(20),
        parameters=(*_OF_TRACKED, *_RULES),
    )
    tracked = tuple(name for name in _OF_TRACKED if name != "windows.series_share")
    yield spec(
        "breakdown",
        "confidence_largest",
        "largest confidence of a breakdown among the six tracked pairs",
        unit="confidence",
        bounds=SHARE,
        warmup=filled(20),
        parameters=(*tracked, *_RULES),
    )
    yield spec(
        "breakdown",
        "alert_level",
        "level of the alert in force, 1 a warning, 2 critical, until its cool-down has passed, else 0",
        unit="level",
        bounds=(0.0, 2.0),
        warmup=filled(20),
        parameters=(*tracked, *_RULES, *_ALERTS, "breakdown.critical"),
    )
    yield spec(
        "breakdown",
        "alert_age",
        "minutes since the session's last alert",
        unit="minutes",
        bounds=(0.0, 375.0),
        warmup=filled(20),
        parameters=(*tracked, *_RULES, *_ALERTS),
    )
    yield spec(
        "breakdown",
        "alerts_used",
        "alerts of the session so far over the most that it may raise",
        unit="fraction",
        bounds=SHARE,
        warmup=filled(20),
        parameters=(*tracked, *_RULES, *_ALERTS),
    )
    yield spec(
        "breakdown",
        "decoupled_share_20",
        "share of all pairs of series whose |r| over 20 bars lies below the threshold",
        unit="fraction",
        bounds=SHARE,
        warmup=filled(20),
        parameters=(*WHOLE, "breakdown.threshold"),
    )
    yield spec(
        "breakdown",
        "absorption",
        "share of variance in the top fifth of the eigenvectors of the unshrunk matrix of all series over 50 bars "
        f"(Kritzman et al. 2011), {SPECTRAL}",
        unit="fraction",
        bounds=SHARE,
        warmup=45,
        parameters=(*WHOLE, "absorption_share"),
    )
    yield spec(
        "breakdown",
        "absorption_shift",
        f"absorption ratio less its mean of the ten five-minute bars before, in their standard deviations, {SPECTRAL}",
        unit="standard deviations",
        bounds=ANY,
        warmup=85,
        parameters=(*WHOLE, "absorption_share", "breakdown.history_bars"),
    )
    yield spec(
        "breakdown",
        "turbulence",
        "squared Mahalanobis distance a series of this minute's changes from the 50 bars before, shrunk covariance "
        "(Kritzman and Li 2010)",
        unit="variances",
        bounds=POSITIVE,
        warmup=filled(50) + 1,
        parameters=_TURBULENCE,
    )
    yield spec(
        "breakdown",
        "turbulence_prices",
        "squared Mahalanobis distance a series of this minute's straddle, call, put and overlay changes from the 50 "
        "bars before, shrunk covariance",
        unit="variances",
        bounds=POSITIVE,
        warmup=filled(50) + 1,
        parameters=(*WINDOWED, "windows.series_share", "phases"),
    )
    yield spec(
        "breakdown",
        "turbulence_shift",
        "log of the turbulence less its mean over the 50 minutes before, in their standard deviations",
        unit="standard deviations",
        bounds=ANY,
        warmup=filled(50) + 41,
        parameters=(*_TURBULENCE, "breakdown.history_bars"),
    )
    yield spec(
        "breakdown",
        "correlation_surprise",
        "turbulence over what it were without correlations: above 1 the changes are odd together rather than large "
        "(Kinlaw and Turkington 2014)",
        unit="ratio",
        bounds=POSITIVE,
        warmup=filled(50) + 1,
        parameters=_TURBULENCE,
    )
    yield spec(
        "breakdown",
        "strength_slope_5",
        "least squares slope over 5 bars of the mean |r| of the tracked pairs over 20 bars",
        unit="correlation a minute",
        bounds=ANY,
        warmup=filled(20) + 4,
        parameters=(*_OF_TRACKED, "breakdown.slope_bars"),
    )


def _cross() -> Iterator[FeatureSpec]:
    for a, b in SCORE_PAIRS:
        yield spec(
            "cross",
            f"scores_{SCORES[a]}_{SCORES[b]}_50",
            f"correlation of one-minute changes of the scores of {SCORES[a].upper()} and {SCORES[b].upper()}, 50 bars",
            warmup=filled(50),
            parameters=WINDOWED,
        )
    yield spec(
        "cross",
        "consensus",
        "mean score of C1 to C5, weighted by confidence",
        unit="score",
        warmup=1,
        parameters=("windows.series_share",),
    )
    yield spec(
        "cross",
        "agreement",
        "mean over pairs of C1 to C5 of 1 - |difference of scores| / 2, weighted by both confidences",
        unit="fraction",
        bounds=SHARE,
        warmup=1,
        parameters=("windows.series_share",),
    )
    yield spec(
        "cross",
        "coherence",
        "|sum| over sum of |.| of the confidence-weighted scores of C1 to C5: 1 where they add up, 0 where they cancel",
        unit="fraction",
        bounds=SHARE,
        warmup=1,
        parameters=("windows.series_share",),
    )
    yield spec(
        "cross",
        "coherence_level",
        "0 where the coherence is critical, 1 in the warning zone, 2 above it",
        unit="level",
        bounds=(0.0, 2.0),
        warmup=1,
        parameters=("windows.series_share", "coherence_critical", "coherence_warning"),
    )
    yield spec(
        "cross",
        "dispersion",
        "standard deviation of the scores of C1 to C5",
        unit="score",
        bounds=SHARE,
        warmup=1,
        parameters=("windows.series_share",),
    )
    yield spec(
        "cross",
        "fragmentation_50",
        "(N^2 / sum of r^2 - 1) / (N - 1) of the scores' changes over 50 bars: 1 where each goes its own way",
        unit="fraction",
        bounds=SHARE,
        warmup=filled(50),
        parameters=(*WINDOWED, "windows.series_share"),
    )
    yield spec(
        "cross",
        "peer_50",
        "correlation of one-minute log returns of the underlying and of the peer symbol's over 50 bars",
        warmup=filled(50),
        parameters=WINDOWED,
    )
    yield spec(
        "cross",
        "peer_spread_15",
        "log return over 15 minutes of the underlying less that of the peer symbol's",
        unit="log return",
        bounds=ANY,
        warmup=SHIFT + 1,
        parameters=("shift_minutes",),
    )
    yield spec(
        "cross",
        "gap_weight",
        "weight of what was correlated before the night, by the size of the underlying's overnight gap",
        unit="weight",
        bounds=SHARE,
        warmup=1,
        parameters=("gap_cuts", "gap_weights"),
    )
    yield spec(
        "cross",
        "gap_persistence",
        "gap weight times the correlation of the ten block means over 50 bars with those of the previous close",
        warmup=filled(50),
        parameters=(*WHOLE, "gap_cuts", "gap_weights"),
    )


def _graph() -> Iterator[FeatureSpec]:
    joined = f"of the graph that joins series with |r| from 0.5 on over 50 bars, {SPECTRAL}"
    tree = f"in the minimum spanning tree of sqrt(2 (1 - |r|)) over 50 bars, {SPECTRAL}"
    with_threshold = (*WHOLE, "graph_threshold")
    by_threshold = (
        ("density", f"edges over all possible ones {joined}", SHARE),
        ("centralization", f"Freeman's degree centralisation (1 for a star) {joined}", SHARE),
        ("clustering", f"mean local clustering coefficient {joined}", SHARE),
        ("transitivity", f"three times triangles over connected triples {joined}", SHARE),
        ("largest_component", f"share of the series in the largest connected component {joined}", SHARE),
    )
    for quantity, description, bounds in by_threshold:
        yield spec("graph", quantity, description, unit="fraction", bounds=bounds, warmup=45, parameters=with_threshold)
    yield spec(
        "graph",
        "algebraic_connectivity",
        "second-least Laplacian eigenvalue of the complete graph weighted by |r| over 50 bars, over the number of "
        f"series, {SPECTRAL}",
        unit="fraction",
        bounds=SHARE,
        warmup=45,
        parameters=WHOLE,
    )
    yield spec(
        "graph",
        "modularity",
        f"Newman's modularity, edges weighted by |r|, of the four groups {joined}",
        unit="modularity",
        bounds=(-1.0, 1.0),
        warmup=45,
        parameters=with_threshold,
    )
    of_tree = (
        ("tree_length", f"mean length of an edge {tree}", "distance", (0.0, 2.0)),
        ("tree_longest", f"longest edge {tree}", "distance", (0.0, 2.0)),
        ("tree_hub", f"largest degree over the number of edges {tree}", "fraction", SHARE),
        ("tree_steps", f"mean number of edges between two series {tree}", "edges", (1.0, 30.0)),
        ("tree_leaves", f"share of the series with a single edge {tree}", "fraction", SHARE),
        ("tree_purity", f"share of edges that stay inside one of the four groups {tree}", "fraction", SHARE),
    )
    for quantity, description, unit, bounds in of_tree:
        yield spec("graph", quantity, description, unit=unit, bounds=bounds, warmup=45, parameters=WHOLE)
    yield spec(
        "graph",
        "tree_survival_15",
        f"share of edges that stood {SHIFT} minutes ago too {tree}",
        unit="fraction",
        bounds=SHARE,
        warmup=45 + SHIFT,
        parameters=(*WHOLE, "shift_minutes"),
    )
    yield spec(
        "graph",
        "straddle_closeness",
        f"other series over the sum of edges from the ATM straddle to them {tree}",
        unit="fraction",
        bounds=SHARE,
        warmup=45,
        parameters=WHOLE,
    )


@functools.lru_cache(maxsize=1)
def features() -> tuple[FeatureSpec, ...]:
    """All features of C6: matrix 90, breakdown 25, cross 20, graph 15."""
    return (*matrix(), *_breakdown(), *_cross(), *_graph())
