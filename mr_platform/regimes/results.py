"""From component scores to the result tables: each component's answer, and the master answer.

Both tables are functions of their inputs alone. The time spent is not: it would give each run another
content and make every publish a change. So ``processing_time_ms`` is null in published partitions, whose
``run_`` metadata (outside the digest) carries the measured seconds; only who serves a single fresh row
hands its own measurement in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mr_platform.errors import UsageError
from mr_platform.parameters.regimes import COMPONENTS, RegimeParameters
from mr_platform.regimes.inputs import ComponentScores, Floats, Ints, ModelAnswer, Times, stamps
from mr_platform.regimes.rules import Classification, agreement_of, classify, direction_of, score_matrix
from mr_platform.regimes.state import MarketState
from mr_platform.regimes.tactical import Stance, choose_tactical, classify_workbook
from mr_platform.regimes.weights import identify, weights_for
from schemas.tables import COMPONENT_ANALYSIS_RESULTS, MASTER_REGIME_ANALYSIS, REGIMES

Weighting = Callable[[Times, Times, Ints], Floats]
"""Weights [n, 7] of C1..C7 from event_ts, known_ts and days to expiry of the rows."""


@dataclass(frozen=True)
class RegimeTables:
    """The two result tables, and behind them the rule classification, the direction and the days to expiry of each row
    (-1 where unknown).
    """

    components: pa.Table
    master: pa.Table
    rules: Classification
    direction: Floats
    dte: Ints


def analyse(
    symbol: str,
    components: Sequence[ComponentScores],
    parameters: RegimeParameters,
    *,
    weights: Weighting | None = None,
    model: ModelAnswer | None = None,
    market: MarketState | None = None,
    processing_time_ms: Mapping[int, float] | None = None,
) -> RegimeTables:
    """Build component_analysis_results and master_regime_analysis.

    Rows: every moment at which a component has a row, known when the last of its components is. The days to
    expiry that choose the weights are those of the first component that knows them. ``weights`` of C1..C7 in place of
    the start weights. C8 is the seven together: what it predicts is their rule answer under the start weights, as in
    its own features, and it has no weight beside theirs.
    ``market`` feeds the workbook's and the tactical regimes. The master answer is the model's where it is
    confident (gate) and fit, the rules' where there is no model, else no signal with the reason; the rule
    answer always stands beside it. ``processing_time_ms`` by component: see the module's docstring.
    """
    single = [c for c in components if c.component in COMPONENTS]
    if not single or len({c.component for c in components}) != len(components):
        raise UsageError(
            rule="each component gives its scores once, at least one of C1..C7 does",
            value=[c.component for c in components],
            place=f"regimes of {symbol}",
            remedy="publish features first",
        )
    event_ts = np.unique(np.concatenate([c.event_ts for c in components]))
    n = event_ts.size
    known = np.full(n, np.datetime64("1970-01-01", "us"))
    dte = np.full(n, -1, dtype=np.int64)
    for c in components:
        rows = np.searchsorted(event_ts, c.event_ts)
        known[rows] = np.maximum(known[rows], c.known_ts)
        dte[rows] = np.where(dte[rows] < 0, c.dte, dte[rows])
    scores = {c.component: _align(event_ts, c.event_ts, c.score) for c in single}
    start = weights_for(dte, parameters.weights)
    used = start if weights is None else weights(event_ts, known, dte)
    rules = classify(scores, used, parameters.rules)
    direction = direction_of(scores, used)
    shares = _shares(scores, used)
    times = processing_time_ms or {}
    parts = []
    for c in components:
        rows = np.searchsorted(event_ts, c.event_ts)
        if c.component in COMPONENTS:
            own = classify({c.component: c.score}, start[rows], parameters.rules).regime
        else:
            own = classify(scores, start, parameters.rules).regime[rows]
        weight = shares[rows, c.component - 1] if c.component in COMPONENTS else np.full(rows.size, np.nan)
        parts.append(_component_table(symbol, c, known[rows], own, weight, times.get(c.component)))
    master = _master_table(symbol, event_ts, known, rules, direction, agreement_of(scores), parameters, model, market)
    spent = pa.array([sum(times.values()) if times else None] * n, pa.float64())
    at = master.schema.get_field_index("processing_time_total_ms")
    master = master.set_column(at, master.schema.field(at), spent)
    order = [("event_ts", "ascending"), ("component_id", "ascending")]
    return RegimeTables(pa.concat_tables(parts).sort_by(order).combine_chunks(), master, rules, direction, dte)


def _shares(scores: Mapping[int, Floats], weights: Floats) -> Floats:
    """Weights [n, 7] of the components present over their sum; NaN for those that are not."""
    present = np.isfinite(score_matrix(scores))
    total = np.where(present, weights, 0.0).sum(axis=1, keepdims=True)
    return np.where(present, weights / np.where(total > 0, total, 1.0), np.nan)


def _align(grid: Times, event_ts: Times, values: Floats) -> Floats:
    """``values`` placed on ``grid``, NaN where there is none."""
    placed = np.full(grid.size, np.nan)
    at = np.searchsorted(grid, event_ts)
    inside = at < grid.size
    inside[inside] = grid[at[inside]] == event_ts[inside]
    placed[at[inside]] = values[inside]
    return placed


def _component_table(
    symbol: str, c: ComponentScores, known: Times, own: Ints, weight: Floats, spent: float | None
) -> pa.Table:
    n = c.event_ts.size
    return pa.Table.from_pydict(
        {
            "analysis_id": [identify("component", symbol, at, c.component) for at in c.event_ts],
            "component_id": pa.array([c.component] * n, pa.int32()),
            "symbol": [symbol] * n,
            "event_ts": stamps(c.event_ts),
            "known_ts": stamps(known),
            "regime_prediction": [REGIMES[r] if r >= 0 else None for r in own],
            "score": _nullable(c.score),
            "confidence_score": _nullable(c.confidence),
            "processing_time_ms": pa.array([spent] * n, pa.float64()),
            "weight_factor": _nullable(weight),
            "health": list(c.health),
        },
        schema=COMPONENT_ANALYSIS_RESULTS.arrow(),
    )


@dataclass(frozen=True)
class _Answer:
    """One row's answer: index into REGIMES or -1, probabilities, confidence, and where it comes from."""

    regime: int
    probabilities: Floats
    confidence: float
    source: str
    reason: str | None
    version: str


def _master_table(
    symbol: str,
    event_ts: Times,
    known: Times,
    rules: Classification,
    direction: Floats,
    agreement: Floats,
    parameters: RegimeParameters,
    model: ModelAnswer | None,
    market: MarketState | None,
) -> pa.Table:
    n = event_ts.size
    where = {} if model is None else {t: at for at, t in enumerate(model.event_ts)}
    answers = [_answer(rules, row, model, where.get(event_ts[row]), parameters.signal.gate) for row in range(n)]
    inputs = {
        name: np.full(n, np.nan) if market is None else _align(event_ts, market.event_ts, getattr(market, name))
        for name in ("slope", "volatility", "percentile")
    }
    # the direction a while before the bar; where no row stands there the turn is unknown
    past = _align(event_ts, event_ts + np.timedelta64(parameters.tactical.turn_minutes, "m"), direction)
    tactical: list[str | None] = []
    workbook: list[str | None] = []
    for row, answer in enumerate(answers):
        stance = Stance(float(direction[row]), float(past[row]), float(inputs["percentile"][row]), answer.confidence)
        named = REGIMES[answer.regime] if answer.regime >= 0 else None
        tactical.append(choose_tactical(named, stance, parameters.tactical).label if named else None)
        workbook.append(
            classify_workbook(float(inputs["slope"][row]), float(inputs["volatility"][row]), parameters.workbook)
        )
    p = np.array([answer.probabilities for answer in answers]).reshape(n, len(REGIMES))
    return pa.Table.from_pydict(
        {
            "analysis_id": [identify("master", symbol, at) for at in event_ts],
            "symbol": [symbol] * n,
            "event_ts": stamps(event_ts),
            "known_ts": stamps(known),
            "master_regime": [REGIMES[a.regime] if a.regime >= 0 else None for a in answers],
            "tactical_regime": tactical,
            "workbook_regime": workbook,
            "master_confidence": _nullable(np.array([a.confidence for a in answers])),
            "component_agreement": _nullable(agreement),
            "processing_time_total_ms": pa.nulls(n, pa.float64()),
            "model_version": [a.version for a in answers],
            "source": [a.source for a in answers],
            "reason": [a.reason for a in answers],
            "rule_regime": [REGIMES[r] if r >= 0 else None for r in rules.regime],
            **{f"p_{code.lower()}": _nullable(p[:, at]) for at, code in enumerate(REGIMES)},
        },
        schema=MASTER_REGIME_ANALYSIS.arrow(),
    )


def _answer(rules: Classification, row: int, model: ModelAnswer | None, at: int | None, gate: float) -> _Answer:
    """The model's answer where it may be believed, the rules' where there is no model, else no signal."""
    by_rule = rules.probabilities[row]
    confidence = float(rules.confidence[row])
    if model is None:
        if np.isnan(confidence):
            return _Answer(-1, by_rule, confidence, "no-signal", "no component has a score", "")
        if confidence < gate:
            said = f"rule confidence {confidence:.2f} below the gate {gate:.2f}; no model"
            return _Answer(-1, by_rule, confidence, "no-signal", said, "")
        return _Answer(int(rules.regime[row]), by_rule, confidence, "rules", "no model", "")
    if at is None or not np.isfinite(model.probabilities[at]).all():
        return _Answer(-1, by_rule, confidence, "no-signal", "the model has no prediction here", model.version)
    p = model.probabilities[at]
    best = float(p.max())
    unfit = model.unfit[at] if len(model.unfit) else ""
    if unfit or best < gate:
        said = unfit or f"model confidence {best:.2f} below the gate {gate:.2f}"
        return _Answer(-1, p, best, "no-signal", said, model.version)
    return _Answer(int(np.argmax(p)), p, best, "model", None, model.version)


def _nullable(values: Floats) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))
