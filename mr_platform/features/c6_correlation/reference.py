"""C6 in NumPy, readable: every column of every minute, from the open at every call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c6_correlation import reference_changes, reference_graph
from mr_platform.features.c6_correlation.catalogue import features
from mr_platform.features.c6_correlation.changes import STILL
from mr_platform.features.c6_correlation.layout import (
    BLOCK_NAMES,
    BLOCKS,
    GRID,
    LONG,
    MIDDLE,
    N_GROUPS,
    PAIR_NAMES,
    PAIRS,
    SCORE_PAIRS,
    SCORES,
    SHORT,
    TIMEFRAME_BLOCKS,
)
from mr_platform.features.c6_correlation.matrices import PHASES, TIMEFRAMES, WINDOWS
from mr_platform.features.c6_correlation.reference_breakdown import (
    Columns,
    Windows,
    breakdown,
    cells_of,
    left_of,
    shift,
    turbulence,
    values_before,
)
from mr_platform.features.c6_correlation.reference_changes import on_grid
from mr_platform.features.c6_correlation.spectra import FLOOR, TOP
from mr_platform.features.c6_correlation.state import Carried, DayConstants, Floats
from mr_platform.features.c6_correlation.windows import FLAT
from mr_platform.features.component import ComponentOutput
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.series import CLOSE, OPEN
from mr_platform.kernels.reference import correlation as kernels
from mr_platform.parameters.correlation import CorrelationParameters


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
    """Fill minutes [start, stop); see ``cpu.run``."""
    seen = inputs.until(stop)
    overlay, scores, confidences = (one[:stop] for one in others)
    found, verdict = _compute(seen, overlay, scores, confidences, rule, day, carried)
    rows = slice(start, stop)
    for i, spec in enumerate(features()):
        out.values[rows, i] = found[spec.name.removeprefix("c6_")][rows]
    out.score[rows], out.confidence[rows], out.health[rows] = (one[rows] for one in verdict)


def _compute(
    inputs: SessionInputs,
    overlay: Floats,
    scores: Floats,
    confidences: Floats,
    rule: CorrelationParameters,
    day: DayConstants,
    carried: Carried,
) -> tuple[Columns, tuple[Floats, Floats, NDArray[np.int8]]]:
    m = inputs.minutes.size
    changes, _ = reference_changes.changes(
        inputs,
        overlay,
        (1, *rule.timeframes),
        reach=rule.strike_reach,
        least=rule.least_strikes,
        wing_delta=rule.wing_delta,
        least_wing=rule.least_wing,
    )
    changes[:, :, day.groups < 0] = np.nan
    closing = [t for t in range(m) if closes(t, day)]
    out: Columns = {spec.name.removeprefix("c6_"): np.full(m, np.nan) for spec in features()}
    windows = [_windows(changes[0], n, rule) for n in rule.bars]
    matrices = [np.stack([kernels.correlation_matrix(unit) for unit, _, _ in one]) for one in windows]
    _blocks(windows, matrices, rule, day, out)
    _timeframes(changes[1:], rule, day, out)
    _spectra(windows[LONG], matrices[LONG], rule, day, out)
    turbulence(changes[0], windows[LONG], matrices[LONG], rule, day, out)
    pairs, soundness = breakdown(matrices[MIDDLE], rule, day, carried, out)
    _cross(inputs, scores, confidences, rule, day, carried, out)
    reference_graph.columns(matrices[LONG], closing, rule, day, out)
    _carry(set(closing), out)
    for n in (PHASES[0], PHASES[-1]):
        out[f"matrix_top_share_change_{n}"] = _change(out[f"matrix_top_share_{n}"], rule.shift_minutes)
    return out, _verdict(pairs, soundness, matrices, rule, day, out)


def closes(t: int, day: DayConstants) -> bool:
    """Whether a five-minute bar ends with minute ``t``; the session's last one does whatever its length."""
    return (t + 1) % GRID == 0 or t + 1 == day.n_bars


def _carry(closing: set[int], out: Columns) -> None:
    """Columns of five-minute bars hold until the next bar closes."""
    kinds = ("top_share_", "top3_share_", "effective_rank_", "condition_", "timeframe_")
    for name, values in out.items():
        spectral = name.startswith(tuple(f"matrix_{kind}" for kind in kinds))
        if spectral or name.startswith(("breakdown_absorption", "graph_")):
            for t in range(1, values.size):
                if t not in closing:
                    values[t] = values[t - 1]


def _windows(changes: Floats, window: int, rule: CorrelationParameters) -> Windows:
    return [
        kernels.unit_columns(changes[max(t - window + 1, 0) : t + 1], window, rule.windows.coverage)
        for t in range(len(changes))
    ]


def _mean_cell(matrix: Floats, block: tuple[int, int], share: float, day: DayConstants) -> tuple[float, float]:
    """Mean and deviation of a block's cells; NaN where one of its groups has thinned."""
    left = left_of(matrix)
    members = [np.flatnonzero((day.groups == g) & left) for g in block]
    if any(one.size == 0 or one.size < share * day.sizes[g] for one, g in zip(members, block, strict=True)):
        return np.nan, np.nan
    cells = matrix[np.ix_(*members)]
    cells = cells[np.triu_indices(members[0].size, 1)] if block[0] == block[1] else cells.ravel()
    if cells.size == 0:
        return np.nan, np.nan
    return float(cells.mean()), float(cells.std()) if cells.size > 1 else np.nan


def _blocks(
    windows: list[Windows], matrices: list[Floats], rule: CorrelationParameters, day: DayConstants, out: Columns
) -> None:
    share, series = rule.windows.series_share, int(day.sizes.sum())
    for w, name in enumerate(WINDOWS):
        for t, matrix in enumerate(matrices[w]):
            left = left_of(matrix)
            cells = cells_of(matrix)
            if left.sum() >= share * series and left.sum() > 1:
                out[f"matrix_shrinkage_{name}"][t] = kernels.ledoit_wolf(windows[w][t][0][:, left])
                out[f"matrix_mean_{name}"][t] = np.nanmean(cells)
                out[f"matrix_size_{name}"][t] = np.nanmean(np.abs(cells))
            if t >= rule.bars[w]:
                out[f"matrix_stability_{name}"][t] = correlation(cells, cells_of(matrices[w][t - rule.bars[w]]), share)
            if w == SHORT:
                continue
            for block, block_name in zip(BLOCKS, BLOCK_NAMES, strict=True):
                mean, deviation = _mean_cell(matrix, block, share, day)
                out[f"matrix_block_{block_name}_{name}"][t] = mean
                if w == LONG:
                    out[f"matrix_dispersion_{block_name}_50"][t] = deviation
            for pair, pair_name in zip(PAIRS, PAIR_NAMES, strict=True):
                out[f"matrix_pair_{pair_name}_{name}"][t] = matrix[pair]
    for t in range(len(matrices[SHORT])):
        apart = cells_of(matrices[SHORT][t]) - cells_of(matrices[LONG][t])
        known = np.isfinite(apart)
        if known.any() and known.sum() >= share * apart.size:
            out["matrix_distance_10_50"][t] = np.sqrt((apart[known] ** 2).mean())
    out["matrix_size_change_20"] = _change(out["matrix_size_20"], rule.shift_minutes)


def correlation(x: Floats, y: Floats, share: float) -> float:
    """Correlation of two lists over the places that both know; NaN for fewer than ``share`` of them."""
    both = np.isfinite(x) & np.isfinite(y)
    if not both.any() or both.sum() < share * x.size:
        return np.nan
    dx, dy = x[both] - x[both].mean(), y[both] - y[both].mean()
    sxx, syy = (dx**2).sum(), (dy**2).sum()
    if not (sxx > FLAT**2 and syy > FLAT**2):
        return np.nan
    return float(np.clip((dx * dy).sum() / (np.sqrt(sxx) * np.sqrt(syy)), -1, 1))


def _change(values: Floats, bars: int) -> Floats:
    """Difference to the value ``bars`` minutes ago."""
    out = np.full(values.size, np.nan)
    out[bars:] = values[bars:] - values[: max(values.size - bars, 0)]
    return out


def _timeframes(changes: Floats, rule: CorrelationParameters, day: DayConstants, out: Columns) -> None:
    for k, name in enumerate(TIMEFRAMES):
        for t, (unit, _, _) in enumerate(_windows(changes[k], rule.bars[LONG], rule)):
            if not closes(t, day):
                continue
            matrix = kernels.correlation_matrix(unit)
            for block in TIMEFRAME_BLOCKS:
                quantity = f"matrix_timeframe_{BLOCK_NAMES[BLOCKS.index(block)]}_{name}"
                out[quantity][t] = _mean_cell(matrix, block, rule.windows.series_share, day)[0]


def _spectra(windows: Windows, matrices: Floats, rule: CorrelationParameters, day: DayConstants, out: Columns) -> None:
    share, m = rule.windows.series_share, len(matrices)
    for t in range(m):
        if not closes(t, day):
            continue
        left = left_of(matrices[t])
        for p, name in enumerate(PHASES):
            members = np.flatnonzero(left & (day.groups >= 0) & (day.groups <= p))
            n = members.size
            if n < share * day.sizes[: p + 1].sum() or n < TOP:
                continue
            matrix = matrices[t][np.ix_(members, members)]
            plain = kernels.eigenvalues(matrix)
            short = rule.bars[LONG] < rule.shrink_factor * n
            weight = kernels.ledoit_wolf(windows[t][0][:, members]) if short else 0.0
            values = (1 - weight) * plain + weight
            shares = values[values > 0] / n
            out[f"matrix_top_share_{name}"][t] = values[-1] / n
            out[f"matrix_top3_share_{name}"][t] = values[-TOP:].sum() / n
            out[f"matrix_effective_rank_{name}"][t] = np.exp(-(shares * np.log(shares)).sum()) / n
            out[f"matrix_condition_{name}"][t] = np.log10(values[-1] / max(values[0], FLOOR))
            if p == N_GROUPS - 1:
                top = min(max(1, int(np.floor(n * rule.absorption_share + 0.5))), n)
                out["breakdown_absorption"][t] = plain[-top:].sum() / n
                sizes = np.abs(matrix) - np.eye(n)
                laplacian = np.diag(sizes.sum(axis=1)) - sizes
                out["graph_algebraic_connectivity"][t] = kernels.eigenvalues(laplacian)[1] / n
        steps = rule.breakdown.history_bars // GRID
        before = values_before(out["breakdown_absorption"], t, GRID, steps)
        out["breakdown_absorption_shift"][t] = shift(
            out["breakdown_absorption"][t], before, rule.windows.coverage * steps
        )


def _cross(
    inputs: SessionInputs,
    scores: Floats,
    confidences: Floats,
    rule: CorrelationParameters,
    day: DayConstants,
    carried: Carried,
    out: Columns,
) -> None:
    m, n, share = len(scores), len(SCORES), rule.windows.series_share
    scores = np.vectorize(on_grid, otypes=[float])(scores)
    confidences = np.vectorize(on_grid, otypes=[float])(confidences)
    moved = np.full(scores.shape, np.nan)
    moved[1:] = np.diff(scores, axis=0)
    close, peer = inputs.underlying[:, CLOSE], inputs.peer
    returns = np.column_stack([_log_change(close, 1), _log_change(peer, 1)])
    of_scores, of_peer = (_windows(one, rule.bars[LONG], rule) for one in (moved, returns))
    out["cross_peer_spread_15"] = _log_change(close, rule.shift_minutes) - _log_change(peer, rule.shift_minutes)
    gap = _gap_weights(inputs, rule, day)
    out["cross_gap_weight"] = gap
    blocks = np.column_stack([out[f"matrix_block_{name}_50"] for name in BLOCK_NAMES])
    for t in range(m):
        matrix = kernels.correlation_matrix(of_scores[t][0])
        for a, b in SCORE_PAIRS:
            out[f"cross_scores_{SCORES[a]}_{SCORES[b]}_50"][t] = matrix[a, b]
        left = int(left_of(matrix).sum())
        if left >= share * n and left > 1:
            out["cross_fragmentation_50"][t] = (left**2 / np.nansum(matrix**2) - 1) / (left - 1)
        out["cross_peer_50"][t] = kernels.correlation_matrix(of_peer[t][0])[0, 1]
        known = np.isfinite(scores[t])
        if known.sum() >= share * n and known.sum() >= 2:
            _opinions(scores[t, known], confidences[t, known], rule, t, out)
        out["cross_gap_persistence"][t] = gap[t] * correlation(blocks[t], day.previous_blocks, share)
        carried.blocks[:] = np.where(np.isnan(blocks[t]), carried.blocks, blocks[t])


def _opinions(s: Floats, c: Floats, rule: CorrelationParameters, t: int, out: Columns) -> None:
    a, b = np.triu_indices(s.size, 1)
    if c.sum() > 0:
        out["cross_consensus"][t] = (c * s).sum() / c.sum()
    if (c[a] * c[b]).sum() > 0:
        out["cross_agreement"][t] = (c[a] * c[b] * (1 - np.abs(s[a] - s[b]) / 2)).sum() / (c[a] * c[b]).sum()
    if (c * np.abs(s)).sum() > STILL:
        coherence = min(np.abs((c * s).sum()) / (c * np.abs(s)).sum(), 1.0)
        out["cross_coherence"][t] = coherence
        level = 0.0 if coherence < rule.coherence_critical else 1.0
        out["cross_coherence_level"][t] = level if coherence < rule.coherence_warning else 2.0
    out["cross_dispersion"][t] = s.std()


def _log_change(values: Floats, bars: int) -> Floats:
    """Log change over ``bars`` minutes; NaN unless both prices are positive."""
    out = np.full(values.size, np.nan)
    now, before = values[bars:], values[: max(values.size - bars, 0)]
    known = (now > 0) & (before > 0)
    out[bars:][known] = np.log(now[known] / before[known])
    return out


def _gap_weights(inputs: SessionInputs, rule: CorrelationParameters, day: DayConstants) -> Floats:
    """Weight of the overnight gap from the session's first price on."""
    out = np.full(inputs.minutes.size, np.nan)
    priced = np.flatnonzero(np.isfinite(inputs.underlying[:, CLOSE]))
    if priced.size and np.isfinite(day.previous_close):
        bar = inputs.underlying[priced[0]]
        opened = bar[CLOSE] if np.isnan(bar[OPEN]) else bar[OPEN]
        out[priced[0] :] = rule.gap_weight(100 * float(opened / day.previous_close - 1))
    return out


def _verdict(
    pairs: Floats,
    soundness: Floats,
    matrices: list[Floats],
    rule: CorrelationParameters,
    day: DayConstants,
    out: Columns,
) -> tuple[Floats, Floats, NDArray[np.int8]]:
    weights = np.array(rule.score_weights)
    parts = np.column_stack([pairs, soundness, out["matrix_stability_20"], out["cross_coherence"]])
    known = np.isfinite(parts)
    weight = np.where(known, weights, 0.0).sum(axis=1)
    speaks = np.isfinite(pairs) & (weight > 0)
    score = np.where(known, weights * parts, 0.0).sum(axis=1) / np.where(weight > 0, weight, np.nan)
    left = np.maximum(*(left_of(matrices[w]).sum(axis=1) for w in (LONG, MIDDLE))) / day.sizes.sum()
    shrinkage = out["matrix_shrinkage_50"]
    data = 1 - np.nan_to_num(shrinkage)
    sure = np.clip(weight / weights.sum() * left * data, 0, 1)
    health = np.where(known.all(axis=1) & np.isfinite(shrinkage), 2, 1)
    return (
        np.where(speaks, np.clip(score, -1, 1), np.nan),
        np.where(speaks, sure, 0.0),
        np.where(speaks, health, 0).astype(np.int8),
    )
