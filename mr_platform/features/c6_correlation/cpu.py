"""The compiled pass of C6: changes, then matrices, then one kernel for each kind of column."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mr_platform.features.c6_correlation import blocks, breakdown, changes, cross, graph, spectra, turbulence, windows
from mr_platform.features.c6_correlation.layout import CROSS_AT, LONG, MIDDLE
from mr_platform.features.c6_correlation.state import PAIRS, Carried, DayConstants, Floats
from mr_platform.features.component import ComponentOutput
from mr_platform.features.inputs import SessionInputs
from mr_platform.parameters.correlation import CorrelationParameters

NAN = math.nan


def run(
    inputs: SessionInputs,
    others: tuple[Floats, Floats, Floats],
    start: int,
    stop: int,
    rule: CorrelationParameters,
    day: DayConstants,
    carried: Carried,
    out: ComponentOutput,
) -> None:
    """Fill minutes [start, stop); ``others``: overlay [M], scores and confidences [M, 5] of the components before."""
    overlay, scores, confidences = others
    fill_changes(inputs, overlay, start, stop, rule, carried)
    bars, coverage, share = np.array(rule.bars), rule.windows.coverage, rule.windows.series_share
    series, shift, values = int(day.sizes.sum()), rule.shift_minutes, out.values
    cells, means, counts, spectral = carried.cells, carried.means, carried.counts, carried.spectral
    windows.fill_matrices(
        carried.changes[0],
        bars,
        coverage,
        day.groups,
        day.sizes,
        start,
        stop,
        cells,
        means,
        carried.deviations,
        counts,
        carried.weights,
    )
    blocks.columns(cells, counts, carried.weights, day.sizes, bars, share, shift, start, stop, carried.traces, values)
    windows.timeframe_columns(
        carried.changes[1:],
        rule.bars[LONG],
        coverage,
        share,
        day.groups,
        day.sizes,
        day.n_bars,
        start,
        stop,
        carried.timeframes,
        values,
    )
    spectra.columns(
        cells[LONG],
        means[LONG],
        counts[LONG],
        carried.weights,
        day.sizes,
        rule.bars[LONG],
        rule.shrink_factor,
        share,
        rule.absorption_share,
        rule.breakdown.history_bars,
        coverage,
        shift,
        day.n_bars,
        start,
        stop,
        spectral,
        values,
    )
    turbulence.columns(
        carried.changes[0],
        cells[LONG],
        means[LONG],
        carried.deviations,
        carried.weights,
        day.groups,
        day.sizes,
        share,
        rule.breakdown.history_bars,
        coverage,
        start,
        stop,
        carried.traces,
        values,
    )
    soundness = np.empty(values.shape[0])
    breakdown.columns(
        cells[MIDDLE],
        counts[MIDDLE],
        spectral,
        series,
        share,
        coverage,
        rule.breakdown.threshold,
        day.thresholds,
        rule.breakdown.history_bars,
        rule.breakdown.deviations,
        rule.breakdown.slope_bars,
        rule.breakdown.slope_cut,
        rule.breakdown.warning,
        rule.breakdown.critical,
        rule.breakdown.cool_down_minutes,
        rule.breakdown.most_per_session,
        start,
        stop,
        carried.strength,
        carried.traces,
        carried.alert,
        values,
        soundness,
    )
    cross.columns(
        scores,
        confidences,
        inputs.underlying,
        inputs.peer,
        rule.bars[LONG],
        coverage,
        share,
        rule.coherence_critical,
        rule.coherence_warning,
        shift,
        np.array(rule.gap_cuts),
        np.array(rule.gap_weights),
        day.previous_close,
        day.previous_blocks,
        start,
        stop,
        carried.score_changes,
        carried.returns,
        carried.blocks,
        carried.gap,
        values,
    )
    graph.columns(
        cells[LONG],
        means[LONG],
        day.groups,
        series,
        rule.graph_threshold,
        share,
        shift,
        spectral,
        day.n_bars,
        start,
        stop,
        carried.trees,
        carried.graph,
        values,
    )
    verdict(
        carried.traces,
        soundness,
        counts,
        series,
        np.array(rule.score_weights),
        start,
        stop,
        values,
        out.score,
        out.confidence,
        out.health,
    )


def fill_changes(
    inputs: SessionInputs, overlay: Floats, start: int, stop: int, rule: CorrelationParameters, carried: Carried
) -> None:
    """Changes and wings of minutes [start, stop)."""
    changes.fill(
        inputs.chain_close,
        inputs.chain_oi,
        inputs.volatility,
        inputs.delta,
        inputs.gamma,
        inputs.theta,
        inputs.vega,
        inputs.strikes_listed,
        np.log(inputs.strikes_listed),
        inputs.around,
        inputs.strikes,
        inputs.expiry,
        inputs.days,
        inputs.at_money,
        inputs.forward,
        overlay,
        start,
        stop,
        np.array((1, *rule.timeframes)),
        rule.strike_reach,
        rule.least_strikes,
        rule.wing_delta,
        rule.least_wing,
        carried.wings,
        carried.changes,
    )


@njit(cache=True, error_model="numpy")
def verdict(traces, soundness, counts, series, weights, start, stop, values, score, confidence, health):  # type: ignore[no-untyped-def]
    """Score, confidence and health of minutes [start, stop).

    The score says how far the market moves as one: the strength of the pairs that are tight by construction, their
    soundness, how like itself the matrix has stayed, and whether the components add up. Confidence is the weight of the
    parts known, times the share of the series left in the longest window that speaks, times what of the matrix is data.
    """
    parts = np.empty(weights.size)
    for t in range(start, stop):
        parts[0] = traces[t, PAIRS]
        parts[1] = soundness[t]
        parts[2] = values[t, blocks.STABILITY + MIDDLE]
        parts[3] = values[t, CROSS_AT + cross.COHERENCE]
        total = 0.0
        weight = 0.0
        known = 0
        for i in range(parts.size):
            if parts[i] == parts[i]:
                total += weights[i] * parts[i]
                weight += weights[i]
                known += 1
        score[t] = NAN
        confidence[t] = 0.0
        health[t] = 0
        if parts[0] == parts[0] and weight > 0.0:
            left = max(counts[LONG, t].sum(), counts[MIDDLE, t].sum()) / series
            shrinkage = values[t, blocks.SHRINKAGE + LONG]
            data = 1.0 - shrinkage if shrinkage == shrinkage else 1.0
            score[t] = min(max(total / weight, -1.0), 1.0)
            confidence[t] = min(max(weight / weights.sum() * left * data, 0.0), 1.0)
            health[t] = 2 if known == parts.size and shrinkage == shrinkage else 1
