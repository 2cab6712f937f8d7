"""The weights in force in a session: what the classification of its bars weighs the components by.

They are fixed at the open. Each cell (days-to-expiry bucket and regime context) holds seven weights that sum to 1; a
context for which nothing has been learned yet weighs as its bucket does for any regime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from mr_platform.errors import DataError
from mr_platform.parameters.regimes import COMPONENTS
from mr_platform.regimes.inputs import Floats, Ints, Times
from mr_platform.regimes.performance import known_regimes
from mr_platform.regimes.results import Weighting
from mr_platform.regimes.weights import Cell, dte_bucket
from schemas.tables import ADAPTIVE_LEARNING_WEIGHTS, REGIMES
from schemas.weights import ANY_REGIME, CONTEXTS, DTE_BUCKETS

_WANTED = frozenset((bucket, ANY_REGIME) for bucket in DTE_BUCKETS)


@dataclass(frozen=True)
class Weight:
    """One weight: ``value`` in force since ``since`` (zone-aware) for ``reason``, in place of ``previous``.

    ``performance`` behind it 0..1, None where none is; ``previous`` None for a start value.
    """

    weight_id: str
    component: int
    value: float
    performance: float | None
    since: datetime
    reason: str
    previous: str | None


@dataclass(frozen=True)
class WeightsInForce:
    """The weights of a symbol by cell, C1..C7 in order; every bucket has a cell for any regime."""

    symbol: str
    cells: Mapping[Cell, tuple[Weight, ...]]

    def __post_init__(self) -> None:
        wrong = [cell for cell, held in self.cells.items() if [w.component for w in held] != list(COMPONENTS)]
        absent = sorted(_WANTED - set(self.cells))
        if wrong or absent:
            raise DataError(
                rule="a cell holds one weight for each of C1..C7, and each bucket has one for any regime",
                value={"incomplete": wrong, "absent": absent},
                place=f"weights of {self.symbol}",
                remedy="publish the regimes of the session again",
            )

    def cell(self, bucket: str, context: str) -> tuple[Weight, ...]:
        """The weights of a cell, or of its bucket for any regime where the context has none of its own."""
        return self.cells.get((bucket, context)) or self.cells[bucket, ANY_REGIME]

    def values(self, bucket: str, context: str) -> Floats:
        """As ``cell``, the numbers alone [7]."""
        return np.array([weight.value for weight in self.cell(bucket, context)])

    @property
    def contexts(self) -> tuple[Cell, ...]:
        """The cells of single regimes that have weights of their own."""
        return tuple(cell for cell in self.cells if cell[1] != ANY_REGIME)

    def table(self) -> pa.Table:
        """Rows of regimes/adaptive_learning_weights."""
        rows = [
            {
                "weight_id": weight.weight_id,
                "symbol": self.symbol,
                "component_id": weight.component,
                "dte_bucket": bucket,
                "regime_context": context,
                "weight_value": weight.value,
                "performance_metric": weight.performance,
                "last_updated": weight.since,
                "reason": weight.reason,
                "previous_weight_id": weight.previous,
            }
            for bucket in DTE_BUCKETS
            for context in CONTEXTS
            for weight in self.cells.get((bucket, context), ())
        ]
        return pa.Table.from_pylist(rows, schema=ADAPTIVE_LEARNING_WEIGHTS.arrow())


def read_weights(table: pa.Table) -> WeightsInForce:
    """The weights in a partition of regimes/adaptive_learning_weights; DataError where a cell is not whole."""
    rows: Sequence[dict[str, object]] = table.sort_by("component_id").to_pylist()
    found: dict[Cell, list[Weight]] = {}
    for row in rows:
        found.setdefault((str(row["dte_bucket"]), str(row["regime_context"])), []).append(_weight(row))
    cells = {(b, c): tuple(found[b, c]) for b in DTE_BUCKETS for c in CONTEXTS if (b, c) in found}
    return WeightsInForce(str(rows[0]["symbol"]) if rows else "", cells)


def _weight(row: Mapping[str, object]) -> Weight:
    performance, previous = row["performance_metric"], row["previous_weight_id"]
    since = row["last_updated"]
    assert isinstance(since, datetime)
    return Weight(
        weight_id=str(row["weight_id"]),
        component=int(str(row["component_id"])),
        value=float(str(row["weight_value"])),
        performance=None if performance is None else float(str(performance)),
        since=since,
        reason=str(row["reason"]),
        previous=None if previous is None else str(previous),
    )


def weighting(weights: WeightsInForce, labels: Callable[[], pa.Table]) -> Weighting:
    """How rows are weighed: by their days to expiry and the regime known at them; NaN where the days are unknown.

    ``labels`` of the session itself are asked for only where a context has weights of its own.
    """

    def of_rows(event_ts: Times, known_ts: Times, dte: Ints) -> Floats:
        regimes = known_regimes(labels(), known_ts) if weights.contexts else np.full(event_ts.size, -1)
        buckets = [dte_bucket(int(days)) if days >= 0 else None for days in dte]
        unknown = np.full(len(COMPONENTS), np.nan)
        held = {
            (bucket, regime): weights.values(bucket, REGIMES[regime] if regime >= 0 else ANY_REGIME)
            for bucket, regime in {(b, int(r)) for b, r in zip(buckets, regimes, strict=True)}
            if bucket is not None
        }
        rows = [held.get((b, int(r)), unknown) for b, r in zip(buckets, regimes, strict=True)]  # type: ignore[arg-type]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(COMPONENTS))

    return of_rows
