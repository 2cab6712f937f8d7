"""Feature frames as Arrow tables, and the contract of each component's published table."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.features.catalogue import component as entry_of
from mr_platform.features.component import HEALTH
from schemas.tables import IST_TIMESTAMP, Column, TableSchema

if TYPE_CHECKING:
    from mr_platform.features.engine import FeatureFrame

EVERY = (1, 5)
_IST_MINUTES = 330


def timestamps(trade_date: date, minutes: NDArray[np.int64]) -> pa.Array:
    """Minutes of an IST day as timestamp[us, Asia/Kolkata]."""
    midnight = np.datetime64(trade_date, "m").astype(np.int64)
    # India has one zone without daylight saving: UTC is the wall clock less 5:30
    stamps = (midnight + minutes - _IST_MINUTES) * 60_000_000
    return pa.Array.from_buffers(IST_TIMESTAMP, stamps.size, [None, pa.py_buffer(stamps)])


@functools.lru_cache
def feature_schema_version(key: str) -> str:
    """Names the meaning of a component's columns: it changes with any entry of its catalogue."""
    text = json.dumps([asdict(spec) for spec in entry_of(key).features], sort_keys=True)
    return f"{key}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@functools.lru_cache
def table_schema(key: str) -> TableSchema:
    """The contract of a component's published table."""
    entry = entry_of(key)
    bounds = [tuple(None if abs(b) == float("inf") else b for b in spec.range) for spec in entry.features]
    return TableSchema(
        name=entry.table,
        version=1,
        description=f"Features of component {entry.number}, its score, confidence and health, one row a bar.",
        key=("symbol", "event_ts"),
        columns=(
            Column("symbol", pa.string(), "Underlying, as in configs/instruments.yaml", nullable=False),
            Column("event_ts", IST_TIMESTAMP, "Start of the bar", nullable=False),
            Column("known_ts", IST_TIMESTAMP, "Close of the bar, when the row could first be known", nullable=False),
            Column(
                "dte", pa.int32(), "Calendar days to the nearest expiry; null while none was seen", "days", lowest=0
            ),
            *(
                Column(spec.name, pa.float64(), spec.description, spec.unit, lowest=low, highest=high)
                for spec, (low, high) in zip(entry.features, bounds, strict=True)
            ),
            Column("score", pa.float64(), "Score of the component", "-1..1", lowest=-1, highest=1),
            Column("confidence", pa.float64(), "Confidence of the score", "0..1", nullable=False, lowest=0, highest=1),
            Column("health", pa.string(), "Health of the component", nullable=False, values=HEALTH),
        ),
    )


@functools.lru_cache
def _arrow_schema(key: str, symbol: str, every: int) -> pa.Schema:
    metadata = {"feature_schema_version": feature_schema_version(key), "every": str(every), "symbol": symbol}
    return table_schema(key).arrow().with_metadata(metadata)


def export(frame: FeatureFrame, every: int) -> pa.Table:
    """symbol, event_ts, then every feature; NaN where not computable."""
    rows, starts = _bars(frame, every)
    names = ["symbol", "event_ts", *frame.names]
    columns = [
        pa.array([frame.symbol] * rows.size, pa.string()),
        timestamps(frame.session.trade_date, starts),
        *_columns(frame.values, rows),
    ]
    return pa.Table.from_arrays(columns, names=names)


def published(frame: FeatureFrame, key: str, every: int) -> pa.Table:
    """The rows of ``table_schema(key)``, the feature schema version in the metadata."""
    return _component_table(frame, key, every, _Keys.of(frame, every))


def all_published(frame: FeatureFrame, every: int) -> Iterator[tuple[str, pa.Table]]:
    """Key and ``published`` table of each component, in catalogue order; what they share is made once."""
    keys = _Keys.of(frame, every)
    return ((key, _component_table(frame, key, every, keys)) for key in frame.outputs)


@dataclass(frozen=True, eq=False)
class _Keys:
    """``rows`` of the frame and the columns that all components' tables begin with."""

    rows: NDArray[np.int64]
    columns: tuple[pa.Array, ...]

    @staticmethod
    def of(frame: FeatureFrame, every: int) -> _Keys:
        rows, starts = _bars(frame, every)
        dte = frame.dte[rows]
        day = frame.session.trade_date
        return _Keys(
            rows,
            (
                pa.array([frame.symbol] * rows.size, pa.string()),
                timestamps(day, starts),
                timestamps(day, frame.minutes[rows] + 1),
                pa.array(dte, pa.int32(), mask=dte < 0),
            ),
        )


def _component_table(frame: FeatureFrame, key: str, every: int, keys: _Keys) -> pa.Table:
    out, rows = frame.outputs[key], keys.rows
    columns = [
        *keys.columns,
        *_columns(out.values, rows),
        pa.array(out.score[rows]),
        pa.array(out.confidence[rows]),
        pa.array([HEALTH[h] for h in out.health[rows].tolist()], pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=_arrow_schema(key, frame.symbol, every))


def _columns(values: NDArray[np.float64], rows: NDArray[np.int64]) -> list[pa.Array]:
    """Columns of the matrix at these rows, slices of one array: made one by one they cost four times as much."""
    whole = pa.array(np.ascontiguousarray(values[rows].T).ravel())
    return [whole.slice(at * rows.size, rows.size) for at in range(values.shape[1])]


def _bars(frame: FeatureFrame, every: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the frame that end a bar of ``every`` minutes, and the minute at which each such bar starts."""
    if every not in EVERY:
        raise UsageError(
            rule="features come every 1 or 5 minutes",
            value=every,
            place="feature table",
            remedy="use every=1 or every=5",
        )
    position = frame.first_bar + np.arange(frame.minutes.size)
    ends = (position % every == every - 1) | (position == frame.session.n_bars - 1)
    rows = np.flatnonzero(ends)
    return rows, frame.session.bar_minutes[position[rows] // every * every]
