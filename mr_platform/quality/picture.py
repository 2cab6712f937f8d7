"""The quality picture: minutes by strikes of the nearest expiry: what stands, what is missing, what was refused."""

from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.quality.bounds import parity_levels
from mr_platform.quality.partition import minute_of_day
from mr_platform.quality.report import QualityReport
from mr_platform.quality.rules import rule_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mr_platform.market.sessions import Session

# State of one strike in one minute, in the order of _COLOURS.
_MISSING, _CARRIED, _ONE_LEG, _BOTH, _REFUSED = range(5)
_STATES = ("missing", "carried over", "one leg", "both legs", "refused")
# Distinguishable with the common colour-vision deficiencies, dark enough in print (after Okabe and Ito 2008).
_COLOURS = ("#f3f4f6", "#d3e3ef", "#9cc3dd", "#3d7fb0", "#d1495b")
_INK = "#22303c"
_FAINT = "#8894a0"
_LARGEST_RULES = 8
# Refusals that leave no hole: what they said stands in another bar.
_REPEATS = frozenset({"snapshot_repeated", "source_superseded", "key_duplicate"})


def picture(report: QualityReport, core: pa.Table, quarantine: pa.Table, *, session: Session) -> bytes:
    """PNG of one symbol-day (1500 x 900 points): heat map of the nearest expiry, bars per minute, rules by count."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bars = pl.DataFrame(pl.from_arrow(core)).with_columns(minute=minute_of_day())
    refused = pl.DataFrame(pl.from_arrow(quarantine)).with_columns(minute=minute_of_day())
    figure = Figure(figsize=(15, 9), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 5), width_ratios=(4.4, 1), hspace=0.03, wspace=0.02)
    _title(figure, report)
    _draw_minutes(figure.add_subplot(grid[0, 0]), bars, refused, session)
    _draw_map(figure.add_subplot(grid[1, 0]), bars, refused, session)
    _draw_rules(figure.add_subplot(grid[:, 1]), report)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def states(bars: pl.DataFrame, refused: pl.DataFrame, session: Session) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """State codes [strike, minute of the session] of the nearest expiry, and its strikes [strike] in rising order.

    Both frames carry ``minute`` (of the day); refused rows without a minute, strike or expiry have no place. A cell
    is refused where rows were refused and no bar of its own stands.
    """
    placed = refused.drop_nulls(["minute", "strike", "expiry"]).filter(~pl.col("code").is_in(_REPEATS))
    minutes = session.bar_minutes
    placed = placed.filter(pl.col("minute").is_in(pl.Series(minutes).implode()))
    expiries = bars["expiry"] if bars.height else placed["expiry"]
    if len(expiries) == 0:
        return np.zeros((0, len(minutes)), dtype=np.int8), np.zeros(0)
    near = pl.col("expiry") == expiries.min()
    bars, placed = bars.filter(near), placed.filter(near)
    strikes = np.unique(np.concatenate([bars["strike"].to_numpy(), placed["strike"].to_numpy()]))
    grid = np.full((len(strikes), len(minutes)), _MISSING, dtype=np.int8)

    def place(frame: pl.DataFrame, state: int) -> None:
        rows = np.searchsorted(strikes, frame["strike"].to_numpy())
        columns = np.searchsorted(minutes, frame["minute"].to_numpy())
        open_cells = grid[rows, columns] <= _CARRIED
        grid[rows[open_cells], columns[open_cells]] = state

    legs = [pl.col(f"{side}_close").is_not_null() for side in ("ce", "pe")]
    place(bars.filter(pl.col("raw_rows") == 0), _CARRIED)
    own = bars.filter(pl.col("raw_rows") > 0)
    place(own.filter(~pl.all_horizontal(legs)), _ONE_LEG)
    place(own.filter(pl.all_horizontal(legs)), _BOTH)
    place(placed, _REFUSED)
    return grid, strikes


def _title(figure: Figure, report: QualityReport) -> None:
    figure.suptitle(
        f"{report.symbol}  ·  {report.trade_date:%a %d %b %Y}  ·  quality {report.score:.1f} of 100  ·  "
        f"coverage {report.coverage:.1%}  ·  {report.status}",
        x=0.012,
        ha="left",
        fontsize=17,
        color=_INK,
        fontweight="bold",
    )


def _draw_minutes(axes: Axes, bars: pl.DataFrame, refused: pl.DataFrame, session: Session) -> None:
    minutes = session.bar_minutes
    for frame, colour, label in ((bars, _COLOURS[_BOTH], "bars kept"), (refused, _COLOURS[_REFUSED], "rows refused")):
        inside = frame.drop_nulls("minute").filter(pl.col("minute").is_in(pl.Series(minutes).implode()))
        at = np.searchsorted(minutes, inside["minute"].to_numpy())
        count = np.bincount(at.astype(np.int64), minlength=len(minutes))
        axes.step(np.arange(len(minutes)), count, where="post", color=colour, linewidth=1.3, label=label)
    axes.set_xlim(0, len(minutes))
    axes.set_ylim(bottom=0)
    axes.set_xticks([])
    axes.set_ylabel("per minute", color=_INK)
    axes.set_title("All expiries", loc="left", fontsize=11, color=_INK)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.96), frameon=False, ncols=2, fontsize=9.5)
    _soften(axes)


def _draw_map(axes: Axes, bars: pl.DataFrame, refused: pl.DataFrame, session: Session) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    grid, strikes = states(bars, refused, session)
    _soften(axes)
    positions, labels = _clock_ticks(session)
    axes.set_xticks(positions, labels)
    axes.set_xlabel("start of the minute (IST)", color=_INK)
    if len(strikes) == 0:
        axes.text(
            0.5, 0.5, "no bar inside the session", transform=axes.transAxes, ha="center", fontsize=14, color=_FAINT
        )
        axes.set_yticks([])
        return
    axes.imshow(
        grid,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        cmap=ListedColormap(_COLOURS),
        vmin=-0.5,
        vmax=len(_STATES) - 0.5,
        extent=(0, grid.shape[1], 0, len(strikes)),
    )
    rows = _round_strikes(strikes)
    axes.set_yticks(rows + 0.5, [f"{k:,.0f}" for k in strikes[rows]])
    axes.set_ylabel("strike", color=_INK)
    nearest = cast("date", (bars if bars.height else refused)["expiry"].min())
    axes.set_title(f"Nearest expiry, {nearest:%d %b %Y}", loc="left", fontsize=11, color=_INK)
    handles: list[Any] = [
        Patch(facecolor=colour, edgecolor="#c9d0d6", label=name) for name, colour in zip(_STATES, _COLOURS, strict=True)
    ]
    handles += _draw_forward(axes, bars, strikes, session)
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.085),
        ncols=len(handles),
        frameon=False,
        fontsize=10,
    )


def _draw_forward(axes: Axes, bars: pl.DataFrame, strikes: NDArray[np.float64], session: Session) -> list[Any]:
    if bars.height == 0 or len(strikes) < 2:
        return []
    near = bars.filter(pl.col("expiry") == pl.col("expiry").min())
    levels = parity_levels(near).drop_nulls("forward").with_columns(minute=minute_of_day()).sort("minute")
    if levels.height == 0:
        return []
    line = np.full(session.n_bars, np.nan)
    line[np.searchsorted(session.bar_minutes, levels["minute"].to_numpy())] = np.interp(
        levels["forward"].to_numpy(), strikes, np.arange(len(strikes)) + 0.5
    )
    return axes.plot(np.arange(session.n_bars) + 0.5, line, color="#f2b134", linewidth=1.6, label="parity forward")


def _draw_rules(axes: Axes, report: QualityReport) -> None:
    found = sorted((f for f in report.findings if f.rows), key=lambda f: (-f.rows, f.code))
    shown = found[:_LARGEST_RULES]
    axes.set_title("Rules that were hit", loc="left", fontsize=11, color=_INK)
    axes.text(
        0.0,
        0.01,
        f"raw rows       {report.raw_rows:>10,}\n= in core      {report.core_rows:>10,}\n"
        f"+ quarantine   {report.quarantined_rows:>10,}\ncore bars      {report.core_bars:>10,}",
        transform=axes.transAxes,
        family="monospace",
        fontsize=10,
        color=_INK,
        va="bottom",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    if not shown:
        axes.text(0.0, 0.95, "none", color=_FAINT, fontsize=11, va="top")
    for at, finding in enumerate(shown):
        top = 0.97 - at * 0.095
        width = np.log10(1.0 + finding.rows) / np.log10(1.0 + shown[0].rows)
        colour = "#e6b655" if finding.severity == "warn" else _COLOURS[_REFUSED]
        axes.text(0.0, top, _words(finding.code), fontsize=10, color=_INK, va="top")
        axes.barh(top - 0.045, width * 0.72, height=0.016, color=colour, align="center")
        axes.text(width * 0.72 + 0.02, top - 0.045, f"{finding.rows:,}", fontsize=9.5, color=_INK, va="center")
    if len(found) > len(shown):
        axes.text(
            0.0, 0.97 - len(shown) * 0.095, f"and {len(found) - len(shown)} more", fontsize=10, color=_FAINT, va="top"
        )


def _round_strikes(strikes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of at most 18 strikes at the roundest common distance; evenly spaced rows where none is round."""
    for step in (50.0, 100.0, 200.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0):
        rows = np.flatnonzero(strikes % step == 0.0)
        if 0 < len(rows) <= 18:
            return rows
    return np.arange(0, len(strikes), max(1, len(strikes) // 16))


def _words(code: str) -> str:
    return rule_titles().get(code, code.replace("_", " ").capitalize())


def _clock_ticks(session: Session) -> tuple[list[int], list[str]]:
    """Full half hours (every ten minutes in a session of at most two hours) as positions and HH:MM."""
    every = 30 if session.n_bars > 120 else 10
    minutes = [int(m) for m in session.bar_minutes]
    places = [(at, m) for at, m in enumerate(minutes) if m % every == 0]
    return [at for at, _ in places], [f"{m // 60:02d}:{m % 60:02d}" for _, m in places]


def _soften(axes: Axes) -> None:
    for name, side in axes.spines.items():
        side.set_visible(name in ("left", "bottom"))
        side.set_color("#c9d0d6")
    axes.tick_params(colors=_INK, labelsize=9.5, length=3)
