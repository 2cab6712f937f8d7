"""The regime timeline of a session as a picture: price over coloured regime bands, confidence beneath."""

from __future__ import annotations

import io
from datetime import timedelta
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from mr_platform.regimes.inputs import instants
from mr_platform.regimes.taxonomy import STRATEGIC, strategic
from mr_platform.regimes.windows import BAR_MINUTES, SessionBars

_IST = np.timedelta64(330, "m")
_ANSWERED, _UNSURE = 0.6, 0.25


def picture(master: pa.Table, underlying: SessionBars, *, gate: float = 0.7) -> bytes:
    """PNG of one session.

    ``master``: rows of master_regime_analysis. A band begins when its row was known. It is strong where the
    platform answered and pale where it gave no signal, then coloured by the rule classification beside it.
    ``underlying``: the session's five-minute bars. Times are IST.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import DateFormatter, HourLocator
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(13, 6.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    price, confidence = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    rows = master.sort_by("event_ts")
    symbol = rows["symbol"][0].as_py() if rows.num_rows else ""
    stamps = instants(rows["known_ts"]) + _IST if rows.num_rows else np.empty(0, "datetime64[us]")
    for regime, answered, start, stop in _bands(rows, stamps):
        for axis in (price, confidence):
            color, alpha = strategic(regime).color, _ANSWERED if answered else _UNSURE
            axis.axvspan(start, stop, color=color, alpha=alpha, linewidth=0)

    midnight = np.datetime64(underlying.trade_date, "us")
    closes_at = midnight + (underlying.minutes + BAR_MINUTES).astype("timedelta64[m]")
    price.plot(closes_at, underlying.underlying_close, color="#1b2631", linewidth=1.3)
    price.set_ylabel(f"{symbol} {underlying.kind}")
    price.grid(axis="y", color="#d5d8dc", linewidth=0.5)
    price.set_title(f"{symbol} · {underlying.trade_date:%d %b %Y} · regimes", loc="left", fontweight="bold")

    if rows.num_rows:
        values = rows["master_confidence"].to_numpy().astype(np.float64)
        confidence.step(stamps, values, where="post", color="#1b2631", linewidth=1.1)
    confidence.axhline(gate, color="#7b241c", linewidth=0.8, linestyle="--")
    confidence.annotate(f"gate {gate:g}", (0.002, gate), xycoords=("axes fraction", "data"), fontsize=8, va="bottom")
    confidence.set_ylim(0, 1)
    confidence.set_ylabel("confidence")
    confidence.set_xlabel("IST")
    confidence.xaxis.set_major_locator(HourLocator())
    confidence.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    if underlying.n:
        confidence.set_xlim(midnight + np.timedelta64(int(underlying.minutes[0]), "m"), closes_at[-1])
    handles: list[Any] = [
        Patch(facecolor=regime.color, alpha=_ANSWERED, label=f"{regime.code}  {regime.name}") for regime in STRATEGIC
    ]
    handles.append(Patch(facecolor="#808b96", alpha=_UNSURE, label="pale: no signal, rules' view"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    out = io.BytesIO()
    # no software stamp: the same rows give the same bytes
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _bands(rows: pa.Table, stamps: np.ndarray) -> list[tuple[str, bool, np.datetime64, np.datetime64]]:
    """Runs of one regime: code, whether the platform answered, start and end. Rows without a regime have none."""
    if not rows.num_rows:
        return []
    masters, rules = rows["master_regime"].to_pylist(), rows["rule_regime"].to_pylist()
    shown = [(m or r, m is not None) for m, r in zip(masters, rules, strict=True)]
    gaps = np.diff(stamps)
    step = np.median(gaps) if gaps.size else np.timedelta64(timedelta(minutes=BAR_MINUTES))
    found = []
    at = 0
    for (regime, answered), run in groupby(shown):
        size = len(list(run))
        last = at + size - 1
        end = stamps[last + 1] if last + 1 < len(shown) else stamps[last] + step
        # a hole in the rows is no regime: the band ends one bar after its last row
        if regime is not None:
            found.append((regime, answered, stamps[at], min(end, stamps[last] + 3 * step)))
        at += size
    return found
