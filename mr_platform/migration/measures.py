"""The source's aggregates computed anew from what the lake holds, and the comparison of the two.

The source counts, bounds and sums on its own and answers over the columnar route; here the same is taken from the
Parquet. Nothing is shared with the pull that filled the lake: neither Arrow frames nor dictionaries nor chunks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mr_platform.sources.heavydb.schema import SourceColumn
from mr_platform.sources.heavydb.statements import Measure, measures

ROW_COUNT, NULL_COUNTS, DISTINCT_TEXTS = "row_count", "null_counts", "distinct_texts"
BOUNDS, INTEGER_SUMS = "minimum_and_maximum", "integer_sums"
_CHECK_OF_KIND = {
    "rows": ROW_COUNT,
    "count": NULL_COUNTS,
    "distinct": DISTINCT_TEXTS,
    "least": BOUNDS,
    "greatest": BOUNDS,
    "sum": INTEGER_SUMS,
}
_EPOCH = date(1970, 1, 1)
_WORD = 1 << 64


@dataclass(frozen=True)
class Disagreement:
    """One measure on which source and lake differ. ``check`` the named check it belongs to; ``column`` "" for rows."""

    check: str
    column: str
    measure: str
    source: str
    lake: str


class LakeMeasures:
    """`measures` of the columns, gathered from batches of the Parquet."""

    def __init__(self, columns: Sequence[SourceColumn]) -> None:
        self.measures = measures(columns)
        self._values: dict[Measure, Any] = {
            measure: 0 if measure.kind in ("rows", "count") else None for measure in self.measures
        }
        self._texts: dict[str, set[bytes]] = {m.column or "": set() for m in self.measures if m.kind == "distinct"}
        self.not_a_number: dict[str, int] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in one batch of the partition's rows."""
        bounds: dict[str, tuple[Any, Any]] = {}
        for measure in self.measures:
            if measure.column is None:
                self._values[measure] += batch.num_rows
                continue
            values = batch.column(measure.column)
            if measure.kind == "count":
                self._values[measure] += len(values) - values.null_count
            elif measure.kind == "distinct":
                self._texts[measure.column] |= _texts(values)
            elif measure.kind == "sum":
                self._values[measure] = _added(self._values[measure], _exact_sum(values))
            else:
                if measure.column not in bounds:
                    bounds[measure.column] = self._bounds(measure.column, values)
                least, greatest = bounds[measure.column]
                found = least if measure.kind == "least" else greatest
                choose = min if measure.kind == "least" else max
                held = self._values[measure]
                if found is not None:
                    self._values[measure] = found if held is None else choose(held, found)

    def value(self, measure: Measure) -> Any:
        """What the lake says to the measure: a whole number, a float, or None where no value is."""
        return len(self._texts[measure.column or ""]) if measure.kind == "distinct" else self._values[measure]

    def checks(self) -> list[str]:
        """The named check of each measure."""
        return [_CHECK_OF_KIND[measure.kind] for measure in self.measures]

    def _bounds(self, name: str, values: pa.Array) -> tuple[Any, Any]:
        if pa.types.is_floating(values.type):
            nans = pc.sum(pc.is_nan(values)).as_py() or 0
            if nans:
                self.not_a_number[name] = self.not_a_number.get(name, 0) + nans
                values = values.filter(pc.invert(pc.is_nan(values)))
        if pa.types.is_boolean(values.type) or not len(values):
            return None, None
        found = pc.min_max(values)
        return _number(found["min"]), _number(found["max"])


def disagreements(lake: LakeMeasures, answer: Sequence[Any]) -> list[Disagreement]:
    """Where the source's ``answer``, in the order of the measures, is not what the lake says."""
    found = []
    for measure, said in zip(lake.measures, answer, strict=True):
        ours, theirs = lake.value(measure), _said(said)
        if not _agree(measure, theirs, ours, lake.not_a_number):
            check = _CHECK_OF_KIND[measure.kind]
            found.append(Disagreement(check, measure.column or "", measure.name, _shown(said), _shown(ours)))
    return found


def check_names() -> tuple[str, ...]:
    """The named checks that the measures make, in order."""
    return tuple(dict.fromkeys(_CHECK_OF_KIND.values()))


def _agree(measure: Measure, source: Any, lake: Any, not_a_number: Mapping[str, int]) -> bool:
    if measure.column in not_a_number and isinstance(source, float) and math.isnan(source):
        # engines order NaN differently: as the greatest, as the least, or not at all
        return measure.kind in ("least", "greatest")
    if source is None or lake is None:
        return source is None and lake is None
    if measure.kind == "sum" and not -(_WORD // 2) <= lake < _WORD // 2:
        # the server adds BIGINTs in 64 bits and wraps
        return bool((int(source) - lake) % _WORD == 0)
    return bool(source == lake)


def _said(value: Any) -> Any:
    """The source's answer as `_number` counts it."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[ns]").astype(np.int64))
    if isinstance(value, date):
        return (value - _EPOCH).days
    if isinstance(value, time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return value


_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def _number(scalar: pa.Scalar) -> Any:
    """Dates as days, times as microseconds, timestamps as nanoseconds since 1970, decimals as the nearest double."""
    if not scalar.is_valid:
        return None
    kind = scalar.type
    if pa.types.is_timestamp(kind):
        return scalar.value * _NANOSECONDS[kind.unit]
    if pa.types.is_time(kind):
        return scalar.value * _NANOSECONDS[kind.unit] // 1000
    if pa.types.is_date32(kind):
        return scalar.value
    value = scalar.as_py()
    # the columnar route carries a DECIMAL as a double
    return float(value) if pa.types.is_decimal(kind) else value


def _texts(values: pa.Array) -> set[bytes]:
    words = pc.unique(values)
    words = words.dictionary.take(words.indices.drop_null()) if pa.types.is_dictionary(words.type) else words
    return {word for word in pc.cast(words, pa.large_binary()).to_pylist() if word is not None}


def _exact_sum(values: pa.Array) -> int | None:
    if len(values) == values.null_count:
        return None
    numbers = pc.cast(pc.drop_null(values), pa.int64()).to_numpy(zero_copy_only=False)
    # two halves, so that no addition of up to 2^31 rows leaves 64 bits
    high, low = numbers >> 32, numbers & 0xFFFFFFFF
    return (int(high.sum(dtype=np.int64)) << 32) + int(low.sum(dtype=np.int64))


def _added(held: int | None, more: int | None) -> int | None:
    return more if held is None else held if more is None else held + more


def _shown(value: Any) -> str:
    return "none" if value is None else repr(value) if isinstance(value, float) else str(value)
