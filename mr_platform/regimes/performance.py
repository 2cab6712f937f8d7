"""How a session's answers turned out: each component's predictions held against the labels of the session.

A label says at t what was known half an hour later. What is counted here may therefore be read by later sessions only;
``known_ts`` says from when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mr_platform.parameters.regimes import COMPONENTS
from mr_platform.regimes.inputs import Floats, Ints, Times, instants, stamps
from mr_platform.regimes.weights import Cell, dte_bucket
from mr_platform.regimes.windows import BAR_MINUTES
from schemas.tables import IST_TIMESTAMP, REGIMES
from schemas.weights import COMPONENT_PERFORMANCE, CONTEXTS, DTE_BUCKETS

Bools = NDArray[np.bool_]

MEASURES = ("observations", "accuracy", "confidence", "stability", "speed")
NOT_KNOWN = -1
_BAR = np.timedelta64(BAR_MINUTES, "m")


@dataclass(frozen=True, eq=False)
class SessionPerformance:
    """A session's performance as later sessions read it.

    ``cells``: for each days-to-expiry bucket and context the five measures [5, 7] of C1..C7 in the order of MEASURES;
    no observations and NaN where a component made no answer. ``known_ts``: when the last outcome was known, zone-aware;
    ``label_version`` of the labels behind them.
    """

    trade_date: date
    known_ts: datetime
    label_version: str
    cells: Mapping[Cell, Floats]


def known_regimes(labels: pa.Table, known_ts: Times) -> Ints:
    """Index of the regime whose label was the last known at each moment [n], -1 before the first.

    ``labels`` of the session alone: a session starts without a regime that is known.
    """
    given = labels.filter(pc.is_valid(labels["label"])).sort_by("known_ts")
    codes = np.array([REGIMES.index(code) for code in given["label"].to_pylist()], dtype=np.int64)
    position = np.searchsorted(instants(given["known_ts"]), known_ts, side="right") - 1
    return np.where(position >= 0, codes[np.maximum(position, 0)] if codes.size else NOT_KNOWN, NOT_KNOWN)


def session_performance(
    symbol: str, trade_date: date, results: pa.Table, dte: Ints, labels: pa.Table, known_by: datetime
) -> pa.Table:
    """Rows of regimes/component_performance of one session.

    ``results``: component_analysis_results of the session; ``dte``: days to expiry at its moments in order, -1 where
    unknown; ``labels``: the session's nowcast labels, of which those known at ``known_by`` (zone-aware) count.
    """
    moments = instants(results["event_ts"])
    grid, at = np.unique(moments, return_index=True)
    truth, version = _truth(labels, grid, known_by)
    context = known_regimes(labels, instants(results["known_ts"])[at])
    bucket = np.array([DTE_BUCKETS.index(dte_bucket(int(days))) if days >= 0 else NOT_KNOWN for days in dte])
    run, left, changed = _runs(truth.codes, grid)
    rows: list[dict[str, Any]] = []
    for component in range(1, 9):
        mine = results.filter(pc.equal(results["component_id"], component))
        where = np.searchsorted(grid, instants(mine["event_ts"]))
        answer = np.full(grid.size, NOT_KNOWN, dtype=np.int64)
        answer[where] = [REGIMES.index(code) if code else NOT_KNOWN for code in mine["regime_prediction"].to_pylist()]
        confidence = np.full(grid.size, np.nan)
        confidence[where] = np.array(mine["confidence_score"].fill_null(np.nan), dtype=np.float64)
        observed = (answer != NOT_KNOWN) & (truth.codes != NOT_KNOWN)
        right = observed & (answer == truth.codes)
        kept = _kept(answer, observed, grid)
        speed = _speed(right, observed, run, left, changed)
        for cell, bars in _cells(bucket, context):
            chosen = observed & bars
            if chosen.any():
                rows.append(
                    {
                        "symbol": symbol,
                        "trade_date": trade_date,
                        "component_id": component,
                        "dte_bucket": cell[0],
                        "regime_context": cell[1],
                        "observations": int(chosen.sum()),
                        "accuracy": float(right[chosen].mean()),
                        "confidence": _mean(confidence[chosen]),
                        "stability": _mean(kept[chosen]),
                        "speed": _mean(speed[chosen]),
                        "known_ts": truth.known[chosen].max(),
                        "label_schema_version": version,
                    }
                )
    return _table(rows)


def read_performance(table: pa.Table) -> SessionPerformance | None:
    """A session's rows; None where no answer of C1..C7 has turned out."""
    rows = table.filter(pc.is_in(table["component_id"], pa.array(COMPONENTS, pa.int32())))
    if not rows.num_rows:
        return None
    cells: dict[Cell, Floats] = {}
    for row in rows.to_pylist():
        cell = (row["dte_bucket"], row["regime_context"])
        if cell not in cells:
            cells[cell] = np.full((len(MEASURES), len(COMPONENTS)), np.nan)
            cells[cell][0] = 0.0
        values = [np.nan if row[name] is None else row[name] for name in MEASURES]
        cells[cell][:, row["component_id"] - 1] = values
    first = rows.slice(0, 1).to_pylist()[0]
    known_ts = pc.max(rows["known_ts"]).as_py()
    return SessionPerformance(first["trade_date"], known_ts, first["label_schema_version"], cells)


@dataclass(frozen=True, eq=False)
class _Truth:
    """Label [n] as index into REGIMES, -1 without one, and when it was known."""

    codes: Ints
    known: Times


def _truth(labels: pa.Table, grid: Times, known_by: datetime) -> tuple[_Truth, str]:
    codes = np.full(grid.size, NOT_KNOWN, dtype=np.int64)
    known = np.full(grid.size, np.datetime64("NaT"), dtype="datetime64[us]")
    given = labels.filter(
        pc.and_(pc.is_valid(labels["label"]), pc.less_equal(labels["known_ts"], pa.scalar(known_by, IST_TIMESTAMP)))
    )
    moments = instants(given["event_ts"])
    at = np.searchsorted(grid, moments)
    inside = at < grid.size
    inside[inside] = grid[at[inside]] == moments[inside]
    told = np.array([REGIMES.index(code) for code in given["label"].to_pylist()], dtype=np.int64)
    codes[at[inside]] = told[inside]
    known[at[inside]] = instants(given["known_ts"])[inside]
    versions = sorted(set(given["label_schema_version"].to_pylist()))
    return _Truth(codes, known), versions[-1] if versions else ""


def _cells(bucket: Ints, context: Ints) -> Iterator[tuple[Cell, Bools]]:
    """Each bucket and context with the bars that belong to it."""
    for b, name in enumerate(DTE_BUCKETS):
        inside = bucket == b
        if inside.any():
            yield (name, CONTEXTS[0]), inside
            for k, code in enumerate(REGIMES):
                yield (name, code), inside & (context == k)


def _follows(grid: Times) -> Bools:
    """Whether the bar before stands right before [n]."""
    return np.concatenate(([False], np.diff(grid) == _BAR))[: grid.size]


def _kept(answer: Ints, observed: Bools, grid: Times) -> Floats:
    """1 where an answer is that of the bar before, 0 where it is another, NaN where there is none to compare."""
    before, there = np.roll(answer, 1), np.roll(observed, 1)
    return np.where(_follows(grid) & observed & there, (answer == before).astype(np.float64), np.nan)


def _runs(truth: Ints, grid: Times) -> tuple[Ints, Floats, Bools]:
    """For each bar the first bar of its run of one label, the share of the run left at it, and whether it changes."""
    follows = _follows(grid)
    before = np.roll(truth, 1)
    begins = ~follows | (truth != before)
    first = np.maximum.accumulate(np.where(begins, np.arange(truth.size), 0))
    length = np.bincount(first, minlength=truth.size)[first] if truth.size else np.empty(0, dtype=np.int64)
    left = 1.0 - (np.arange(truth.size) - first) / np.maximum(length, 1)
    changed = begins & follows & (truth != NOT_KNOWN) & (before != NOT_KNOWN)
    return first, left, changed


def _speed(right: Bools, observed: Bools, run: Ints, left: Floats, changed: Bools) -> Floats:
    """Where a regime changes: the share of its run left when it was first answered, else 0; NaN elsewhere.

    NaN too where the run's first bar was not observed.
    """
    speed = np.full(run.size, np.nan)
    for begin in np.flatnonzero(changed & observed):
        hits = np.flatnonzero(right & (run == begin))
        speed[begin] = left[hits[0]] if hits.size else 0.0
    return speed


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    schema = COMPONENT_PERFORMANCE.arrow()
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in schema.names}
    columns["known_ts"] = stamps(np.array(columns["known_ts"], dtype="datetime64[us]"))
    return pa.Table.from_pydict(columns, schema=schema)
