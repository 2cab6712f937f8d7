"""Both sides of a partition, read again and held against each other: the parallel run after the cut-over.

Rows are matched as a multiset of fingerprints, so that neither order nor repetition hides anything. What stands on one
side alone is paired by key (minute, expiry, strike, and its turn among equal keys) to tell a changed cell from a row
that came or went.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.migration.rowdigest import describe_schema, row_fingerprints

KEY = ("trade_time", "expiry_date", "strike")
MOST_EXAMPLES = 100
_INK, _SOURCE, _LAKE, _WRONG = "#22303c", "#9cc3dd", "#3d7fb0", "#d1495b"
_MOST_COLUMNS = 20


@dataclass(frozen=True)
class CellDifference:
    """One cell that differs; values as text, exact, None for NULL."""

    key: str
    column: str
    source: str | None
    lake: str | None


@dataclass(frozen=True)
class Comparison:
    """What two readings of one partition have in common.

    ``same_rows`` stand on both sides bit for bit; ``changed_rows`` have the same key and other cells;
    ``only_source`` and ``only_lake`` have no counterpart. ``cells`` are the first MOST_EXAMPLES differing cells,
    ``by_column`` counts all. ``minutes``: rows of each side by minute of the day.
    """

    title: str
    source_rows: int
    lake_rows: int
    same_rows: int
    changed_rows: int
    only_source: int
    only_lake: int
    cells: tuple[CellDifference, ...] = ()
    by_column: Mapping[str, int] = field(default_factory=dict)
    minutes: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether both sides hold the same rows, each as often."""
        return self.source_rows == self.lake_rows == self.same_rows

    @property
    def verdict(self) -> str:
        """In words."""
        if self.same:
            return f"the same {self.lake_rows} rows on both sides"
        parts = (
            (self.changed_rows, "rows with other values"),
            (self.only_source, "rows at the source alone"),
            (self.only_lake, "rows in the lake alone"),
        )
        return ", ".join(f"{count} {what}" for count, what in parts if count)

    def summary(self) -> dict[str, Any]:
        """The counts, JSON-ready."""
        names = ("source_rows", "lake_rows", "same_rows", "changed_rows", "only_source", "only_lake")
        return {"partition": self.title, "same": self.same, "verdict": self.verdict} | {
            **{name: getattr(self, name) for name in names},
            "by_column": dict(self.by_column),
        }

    def examples(self) -> list[dict[str, Any]]:
        """The differing cells as rows of a table; NULL in capitals, text in quotes."""
        return [
            {"row": cell.key, "column": cell.column, "source": cell.source, "lake": cell.lake} for cell in self.cells
        ]


def compare(source: pa.Table, lake: pa.Table, *, title: str) -> Comparison:
    """Hold two tables of the same columns against each other; DataError where columns or types differ."""
    if describe_schema(source.schema) != describe_schema(lake.schema):
        ours, theirs = describe_schema(lake.schema).splitlines(), describe_schema(source.schema).splitlines()
        raise DataError(
            rule="both sides of a migrated partition have the same columns and types",
            value=f"source {sorted(set(theirs) - set(ours))}, lake {sorted(set(ours) - set(theirs))}",
            place=title,
            remedy="the source's schema has changed since it was planned: plan the table anew",
        )
    left, right = _unmatched(row_fingerprints(source), row_fingerprints(lake))
    at_source, at_lake, lone_source, lone_lake = _paired(source, left, lake, right)
    counts, cells = _cells(source.take(pa.array(at_source, pa.int64())), lake.take(pa.array(at_lake, pa.int64())))
    cells += _lone(source, lone_source, "source") + _lone(lake, lone_lake, "lake")
    return Comparison(
        title=title,
        source_rows=source.num_rows,
        lake_rows=lake.num_rows,
        same_rows=source.num_rows - len(left),
        changed_rows=len(at_source),
        only_source=len(lone_source),
        only_lake=len(lone_lake),
        cells=tuple(cells[:MOST_EXAMPLES]),
        by_column=counts,
        minutes={"source": _by_minute(source), "lake": _by_minute(lake)},
    )


def picture(found: Comparison) -> bytes:
    """PNG (1200 x 500 points): rows by minute of both sides, and the differing cells by column."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{found.title}: {found.verdict}", color=_INK, fontsize=13, ha="left", x=0.01)
    rows, wrong = figure.subplots(1, 2, width_ratios=(2, 1))
    shown = np.flatnonzero(found.minutes["source"] + found.minutes["lake"])
    span = slice(int(shown[0]), int(shown[-1]) + 1) if len(shown) else slice(0, 1)
    hours = np.arange(1440)[span] / 60
    rows.fill_between(hours, found.minutes["source"][span], step="post", color=_SOURCE, label="HeavyDB")
    rows.step(hours, found.minutes["lake"][span], where="post", color=_LAKE, linewidth=1.2, label="lake")
    rows.set_xlabel("hour of the day")
    rows.set_ylabel("rows a minute")
    rows.set_ylim(0, 1.15 * max(int(found.minutes["source"].max()), int(found.minutes["lake"].max()), 1))
    rows.legend(frameon=False, loc="upper left", ncols=2)
    most = sorted(found.by_column.items(), key=lambda item: (-item[1], item[0]))[:_MOST_COLUMNS][::-1]
    if most:
        wrong.barh([name for name, _ in most], [count for _, count in most], color=_WRONG, height=0.7)
        wrong.set_ylim(len(most) - max(len(most), 8) - 0.5, len(most) - 0.5)
        wrong.xaxis.get_major_locator().set_params(integer=True)
        wrong.set_xlabel("cells that differ")
    else:
        wrong.set_axis_off()
        said = "no cell differs" if not found.only_source + found.only_lake else "rows came or went; no cell differs"
        wrong.text(0.5, 0.5, said, ha="center", va="center", color=_INK, fontsize=12)
    for axes in (rows, wrong):
        axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _unmatched(source: NDArray[np.uint64], lake: NDArray[np.uint64]) -> tuple[list[int], list[int]]:
    """Rows of either side that have no equal on the other, each equal row used once."""
    _, group = np.unique(np.concatenate([source, lake]), axis=0, return_inverse=True)
    group = group.reshape(-1)
    left, right = group[: len(source)], group[len(source) :]
    size = int(group.max()) + 1 if len(group) else 0
    surplus = np.bincount(left, minlength=size) - np.bincount(right, minlength=size)
    return _last_of_group(left, surplus), _last_of_group(right, -surplus)


def _last_of_group(group: NDArray[np.int64], surplus: NDArray[np.int64]) -> list[int]:
    left, found = surplus.copy(), []
    for row in np.flatnonzero(surplus[group] > 0)[::-1] if len(group) else ():
        if left[group[row]] > 0:
            left[group[row]] -= 1
            found.append(int(row))
    return found[::-1]


def _paired(
    source: pa.Table, left: list[int], lake: pa.Table, right: list[int]
) -> tuple[list[int], list[int], list[int], list[int]]:
    waiting: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row, key in zip(reversed(right), reversed(_keys(lake, right)), strict=True):
        waiting[key].append(row)
    pairs, lone = [], []
    for row, key in zip(left, _keys(source, left), strict=True):
        if waiting[key]:
            pairs.append((row, waiting[key].pop()))
        else:
            lone.append(row)
    rest = sorted(row for rows in waiting.values() for row in rows)
    return [row for row, _ in pairs], [row for _, row in pairs], lone, rest


def _keys(table: pa.Table, rows: list[int]) -> list[tuple[object, ...]]:
    taken = table.select(list(KEY)).take(pa.array(rows, pa.int64()))
    return list(zip(*(taken.column(name).to_pylist() for name in KEY), strict=True))


def _cells(source: pa.Table, lake: pa.Table) -> tuple[dict[str, int], list[CellDifference]]:
    """Differing cells of row-aligned tables: counts by column, and the first of each column."""
    counts, cells = {}, []
    for name in source.column_names:
        ours, theirs = _flat(lake.column(name)), _flat(source.column(name))
        rows = np.flatnonzero(_differs(theirs, ours))
        if len(rows):
            counts[name] = len(rows)
            at = rows[:MOST_EXAMPLES]
            keys = _keys(source, at.tolist())
            cells += [
                CellDifference(_told(key), name, shown(theirs[int(row)]), shown(ours[int(row)]))
                for row, key in zip(at, keys, strict=True)
            ]
    return counts, cells


def _lone(table: pa.Table, rows: list[int], side: str) -> list[CellDifference]:
    some = rows[:MOST_EXAMPLES]
    here = ("the row", None) if side == "source" else (None, "the row")
    return [CellDifference(_told(key), "", *here) for key in _keys(table, some)]


def _differs(left: pa.Array, right: pa.Array) -> NDArray[np.bool_]:
    """Bit by bit: NULL is no value, -0.0 is not 0.0, one NaN is another only if its bits are."""
    if pa.types.is_floating(left.type):
        kind = pa.int64() if left.type.bit_width == 64 else pa.int32()
        left, right = left.view(kind), right.view(kind)
    either_null = np.asarray(pc.xor(pc.is_null(left), pc.is_null(right)))
    other = pc.fill_null(pc.not_equal(left, right), pa.scalar(value=False))
    differs: NDArray[np.bool_] = either_null | np.asarray(other)
    return differs


def _flat(column: pa.ChunkedArray) -> pa.Array:
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    if pa.types.is_string(plain.type):
        plain = plain.cast(pa.large_string())
    flat = plain.combine_chunks()
    if isinstance(flat, pa.ChunkedArray):
        flat = flat.chunk(0) if flat.num_chunks else pa.array([], plain.type)
    return flat


def shown(value: pa.Scalar) -> str | None:
    """A cell as text that loses nothing: floats in full, text in quotes; None for NULL."""
    if not value.is_valid:
        return None
    found = value.as_py()
    return repr(found) if isinstance(found, float | str) else str(found)


def _told(key: tuple[object, ...]) -> str:
    return " ".join(str(part) for part in key)


def _by_minute(table: pa.Table) -> NDArray[np.int64]:
    times = table.column("trade_time").drop_null()
    unit = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[times.type.unit]
    ticks = np.asarray(times.cast(pa.int32() if times.type.bit_width == 32 else pa.int64()), np.int64)
    return np.bincount(np.clip(ticks // (60 * unit), 0, 1439), minlength=1440)
