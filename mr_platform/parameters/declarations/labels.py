"""Labels: the sheet LabelConfig."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.parameters.declaration import Declarations, Parameter, live
from mr_platform.parameters.declarations.filling import filling
from mr_platform.parameters.declarations.layouts import bounded_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice, ListOf

_SHEET = "LabelConfig"
LABELS = live("labels")
_RULES = ("trend_break", "price_expansion", "contraction", "correlation", "quiet")
# Bars before and after t, whether the forward window crosses the night.
_TASKS = {"h12": (12, 12, False), "h75": (75, 75, True), "nowcast": (6, 6, False)}
_THETA = 0.30

# fmt: off
_row = filling(_SHEET, LABELS, "labels")


def _tasks() -> Iterator[Parameter]:
    for name, (back, ahead, crosses_night) in _TASKS.items():
        row = filling(_SHEET, LABELS, f"labels.tasks[{name}]", f"{name}_")
        yield row("back", INT, back, "five-minute bars", "bars of the window before t", low=2, high=300)
        yield row("ahead", INT, ahead, "five-minute bars", "bars of the window after t", low=2, high=300)
        yield row("crosses_night", BOOL, crosses_night, "", "the forward window may cross the night")
        yield row("theta", FLOAT, _THETA, "efficiency ratio", "ratio above which a trend has a sign",
                  low=0.01, high=0.99)


_ROWS = (
    _row("quantile_low", FLOAT, 0.3333333333333333, "share", "quantile below which a quantity is low", low=0, high=1),
    _row("quantile_high", FLOAT, 0.6666666666666666, "share", "quantile from which it is high", low=0, high=1),
    _row("sessions", INT, 60, "sessions", "sessions that must stand behind a cut at one time of day",
         low=1, high=1260),
    _row("sessions_most", INT, 252, "sessions", "most sessions behind a cut, the latest", low=1, high=1260),
    _row("min_sessions", INT, 5, "sessions", "with fewer than `sessions`, neighbouring bars are pooled from so many",
         low=1, high=1260),
    _row("pool_bars", INT, 6, "five-minute bars", "bars pooled on each side", low=0, high=75),
    _row("coverage", FLOAT, 0.8, "share", "share of a window's bars that must be known", low=0.01, high=1),
    _row("series_share", FLOAT, 0.6, "share", "share of the series that a mean correlation needs", low=0, high=1),
    _row("break_ratio", FLOAT, 1.2, "ratio",
         "forward over past volatility above which a turn is TBVE, else TBVS", low=0, high=10),
    _row("expansion_ratio", FLOAT, 0.9, "ratio",
         "forward over past volatility below which VCPE may hold", low=0, high=10),
    _row("contraction_ratio", FLOAT, 0.8, "ratio",
         "forward over past volatility below which HVC may hold", low=0, high=10),
    _row("order", ListOf(Choice(*_RULES), length=len(_RULES)), _RULES, "",
         "order of the rules; the first that matches wins, the rest is CBV"),
    *_tasks(),
)
# fmt: on


def declarations() -> Declarations:
    """Of the labels."""
    return Declarations(
        parameters=_ROWS, sheets=(bounded_sheet(_SHEET, "what the market did after t, by rules", required=False),)
    )
