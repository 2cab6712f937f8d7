"""Both sides of a partition, read again and held against each other: the parallel run after the cut-over.

What differs is found as verification finds it (`differences`); what belongs here is the answer for a person: how many
rows are the same, which changed, came or went, and a picture of both sides.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.migration.differences import MOST_ROWS, Difference, locate
from mr_platform.migration.rowdigest import describe_schema
from mr_platform.sources.heavydb.schema import ROW_ID

MOST_EXAMPLES = 100
_INK, _SOURCE, _LAKE, _WRONG = "#22303c", "#9cc3dd", "#3d7fb0", "#d1495b"
_MOST_COLUMNS = 20


@dataclass(frozen=True)
class Comparison:
    """What two readings of one partition have in common.

    ``same_rows`` stand on both sides bit for bit; ``unmatched_source`` and ``unmatched_lake`` have no equal on the
    other side, each equal row used once. Of these, up to `differences.MOST_ROWS` of a side are looked at:
    ``changed_rows`` are the same row with other cells, the rest came or went. ``minutes``: rows of each side by minute
    of the day.
    """

    title: str
    source_rows: int
    lake_rows: int
    unmatched_source: int
    unmatched_lake: int
    changed_rows: int
    differences: tuple[Difference, ...] = ()
    minutes: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether both sides hold the same rows, each as often."""
        return not self.unmatched_source and not self.unmatched_lake

    @property
    def same_rows(self) -> int:
        """Rows that stand on both sides."""
        return self.source_rows - self.unmatched_source

    @property
    def verdict(self) -> str:
        """In words."""
        if self.same:
            return f"the same {self.lake_rows} rows on both sides"
        if max(self.unmatched_source, self.unmatched_lake) > MOST_ROWS:
            return (
                f"{self.unmatched_source} rows of the source and {self.unmatched_lake} of the lake have no equal; "
                f"the first {MOST_ROWS} were looked at"
            )
        parts = (
            (self.changed_rows, "changed"),
            (self.unmatched_source - self.changed_rows, "at the source alone"),
            (self.unmatched_lake - self.changed_rows, "in the lake alone"),
        )
        return "rows: " + ", ".join(f"{count} {what}" for count, what in parts if count)

    @property
    def by_column(self) -> dict[str, int]:
        """Differing cells by column, most first."""
        return dict(Counter(found.column for found in self.differences if found.column).most_common())

    def summary(self) -> dict[str, Any]:
        """The counts, JSON-ready."""
        names = ("source_rows", "lake_rows", "same_rows", "unmatched_source", "unmatched_lake", "changed_rows")
        return {"partition": self.title, "same": self.same, "verdict": self.verdict} | {
            **{name: getattr(self, name) for name in names},
            "by_column": self.by_column,
        }

    def examples(self) -> list[dict[str, Any]]:
        """The first MOST_EXAMPLES differences as rows of a table."""
        return [
            {"column": d.column, "side": d.side, "source": d.source_value, "lake": d.lake_value, "detail": d.detail}
            for d in self.differences[:MOST_EXAMPLES]
        ]


def compare(source: pa.Table, lake: pa.Table, *, title: str) -> Comparison:
    """Hold a partition as the source holds it (with ``rowid`` as its last column) against what the lake has.

    DataError where columns or types differ.
    """
    columns = source.drop_columns(ROW_ID)
    ours, theirs = describe_schema(lake.schema).splitlines(), describe_schema(columns.schema).splitlines()
    if ours != theirs:
        raise DataError(
            rule="both sides of a migrated partition have the same columns and types",
            value=f"source {sorted(set(theirs) - set(ours))}, lake {sorted(set(ours) - set(theirs))}, or their order",
            place=title,
            remedy="the source's schema has changed since it was planned: plan the table anew",
        )
    found = locate(lambda: [source], lambda: [lake])
    changed = {difference.rowid for difference in found.differences if difference.side == "both"}
    return Comparison(
        title=title,
        source_rows=source.num_rows,
        lake_rows=lake.num_rows,
        unmatched_source=found.source_rows,
        unmatched_lake=found.lake_rows,
        changed_rows=len(changed),
        differences=found.differences,
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
    most = list(found.by_column.items())[:_MOST_COLUMNS][::-1]
    if most:
        wrong.barh([name for name, _ in most], [count for _, count in most], color=_WRONG, height=0.7)
        wrong.set_ylim(len(most) - max(len(most), 8) - 0.5, len(most) - 0.5)
        wrong.xaxis.get_major_locator().set_params(integer=True)
        wrong.set_xlabel("cells that differ")
    else:
        wrong.set_axis_off()
        said = "no cell differs" if found.same else "rows came or went"
        wrong.text(0.5, 0.5, said, ha="center", va="center", color=_INK, fontsize=12)
    for axes in (rows, wrong):
        axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _by_minute(table: pa.Table) -> NDArray[np.int64]:
    times = table.column("trade_time").drop_null()
    unit = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[times.type.unit]
    ticks = np.asarray(times.cast(pa.int32() if times.type.bit_width == 32 else pa.int64()), np.int64)
    return np.bincount(np.clip(ticks // (60 * unit), 0, 1439), minlength=1440)
