"""Labels: what the market did after t, by ordered rules on measured windows.

A label looks forward, so it is known only at ``known_ts``; nothing may read it before. First match wins:

    trend_break      s_f = -s_p, both defined: TBVE where sigma_f/sigma_p > 1.2, else TBVS
    price_expansion  ER_f high, s_f = s_p or s_p undefined, sigma_f/sigma_p < 0.9: VCPE
    contraction      sigma_p high and sigma_f/sigma_p < 0.8: HVC
    correlation      rho_f high and s_f > 0: SCGS; rho_f low and s_f < 0: PSED
    quiet            sigma_f low and ER_f low: LVLD
    the rest         CBV

High is q67 or above, low is below q33 of the same quantity in trailing sessions at the same time of day.
A rule that cannot be decided, because a quantity is missing that could make it true, ends the search
without a label: falling through to the next rule would call unknown bars CBV.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.parameters.labels import LabelParameters, LabelTask
from mr_platform.regimes.cuts import Cuts, trailing_cuts
from mr_platform.regimes.windows import BAR_MINUTES, Floats, SessionBars, Windows, follows_on_nse, join_history, measure
from schemas.labels import DIRECTION_LABELS, LABEL_TABLES, VOLATILITY_LABELS
from schemas.tables import IST_TIMESTAMP, REGIMES, TableSchema

Bools = NDArray[np.bool_]

_IST_OFFSET = timedelta(hours=5, minutes=30)
_NO_LABEL = -1


def label_schema_version(task: str, parameters: LabelParameters) -> str:
    """Version of the label table and digest of the cuts: labels of different versions are never mixed."""
    return f"{_table(task).version}.{parameters.digest()}"


def label_session(
    symbol: str,
    sessions: Sequence[SessionBars],
    trade_date: date,
    task: str,
    parameters: LabelParameters,
    *,
    history: Sequence[SessionBars] = (),
    second: Mapping[date, SessionBars] | None = None,
    follows: Callable[[date, date], bool] = follows_on_nse,
) -> pa.Table:
    """The labels of one session, as schemas/labels.py describes them.

    ``sessions``: the symbol's sessions, with those before ``trade_date`` (cuts, past windows) and after it
    (forward windows across the night) as far as they exist. ``history``: index sessions for dates that
    ``sessions`` lack; they carry cuts of sigma and ER further back. ``second``: sessions of a second
    symbol by date. ``follows``: which sessions are neighbours.

    One row for each bar whose forward window is whole; the label is null where a rule could not be decided
    or fewer than ``min_sessions`` sessions stand behind a cut.
    """
    joined = join_history(sessions, history)
    windows = measure(joined, _task(task, parameters), parameters, second=second, follows=follows)
    return label_windows(symbol, windows, trade_date, task, parameters)


def label_windows(symbol: str, windows: Windows, trade_date: date, task: str, parameters: LabelParameters) -> pa.Table:
    """As ``label_session``, from windows measured once for many sessions."""
    if trade_date not in windows.dates:
        raise UsageError(
            rule="the session to be labelled is among the sessions given",
            value=trade_date,
            place=f"labels {task} of {symbol}",
            remedy=f"publish core/daily_context for it; given are {len(windows.dates)} sessions",
        )
    mine = (windows.session == windows.dates.index(trade_date)) & (windows.known_session >= 0)
    minutes = windows.minute[mine]
    cuts = {
        name: trailing_cuts(windows, name, trade_date, minutes, parameters)
        for name in ("sigma_p", "sigma_f", "er_f", "rho_f")
    }
    rows = _Rows(
        sigma_p=windows.sigma_p[mine],
        sigma_f=windows.sigma_f[mine],
        er_f=windows.er_f[mine],
        s_p=windows.s_p[mine],
        s_f=windows.s_f[mine],
        rho_f=windows.rho_f[mine],
        cuts=cuts,
    )
    label, asked_rho = _decide(rows, parameters)
    behind = np.minimum.reduce([cuts[name].sessions for name in ("sigma_p", "sigma_f", "er_f")])
    enough = behind >= parameters.min_sessions
    volatility = _volatility_class(rows.sigma_f, cuts["sigma_f"])
    direction = np.where(np.isfinite(rows.s_f), np.nan_to_num(rows.s_f) + 1, _NO_LABEL).astype(np.int64)
    event = [_stamp(trade_date, minute) for minute in minutes]
    known = [
        _stamp(windows.dates[s], minute + BAR_MINUTES)
        for s, minute in zip(windows.known_session[mine], windows.known_minute[mine], strict=True)
    ]
    n = minutes.size
    schema = _table(task)
    return pa.Table.from_pydict(
        {
            "symbol": pa.array([symbol] * n, pa.string()),
            "event_ts": pa.array(event, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")).cast(IST_TIMESTAMP),
            "known_ts": pa.array(known, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")).cast(IST_TIMESTAMP),
            "label": _names(np.where(enough, label, _NO_LABEL), REGIMES),
            "volatility_label": _names(volatility, VOLATILITY_LABELS),
            "direction_label": _names(direction, DIRECTION_LABELS),
            "sigma_p": _nullable(rows.sigma_p, pa.float64()),
            "sigma_f": _nullable(rows.sigma_f, pa.float64()),
            "er_f": _nullable(rows.er_f, pa.float64()),
            "s_p": _nullable(rows.s_p, pa.int8()),
            "s_f": _nullable(rows.s_f, pa.int8()),
            "rho_f": _nullable(rows.rho_f, pa.float64()),
            "cut_sessions": pa.array(
                np.where(asked_rho, np.minimum(behind, cuts["rho_f"].sessions), behind), pa.int32()
            ),
            "label_schema_version": pa.array([label_schema_version(task, parameters)] * n, pa.string()),
        },
        schema=schema.arrow(),
    )


def class_shares(labels: pa.Table | Iterable[pa.Table], column: str = "label") -> dict[str, float]:
    """Share of each class among the labelled rows, in the order of the taxonomy; all zero without any."""
    tables = [labels] if isinstance(labels, pa.Table) else list(labels)
    classes = {
        "label": REGIMES,
        "volatility_label": VOLATILITY_LABELS,
        "direction_label": DIRECTION_LABELS,
    }[column]
    counts = dict.fromkeys(classes, 0)
    for table in tables:
        for value in table.column(column).to_pylist():
            if value is not None:
                counts[value] += 1
    total = sum(counts.values())
    return {name: count / total if total else 0.0 for name, count in counts.items()}


def _task(name: str, parameters: LabelParameters) -> LabelTask:
    if name not in parameters.tasks:
        raise UsageError(
            rule=f"a label task is one of {list(parameters.tasks)}",
            value=name,
            place="LabelConfig",
            remedy="use one of the names above",
        )
    return parameters.tasks[name]


def _table(task: str) -> TableSchema:
    if task not in LABEL_TABLES:
        raise UsageError(
            rule=f"a label table is one of {list(LABEL_TABLES)}",
            value=task,
            place="schemas/labels.py",
            remedy="use one of the names above",
        )
    return LABEL_TABLES[task]


@dataclass(frozen=True)
class _Rows:
    """Quantities of the rows to be labelled [n], with the cuts of each."""

    sigma_p: Floats
    sigma_f: Floats
    er_f: Floats
    s_p: Floats
    s_f: Floats
    rho_f: Floats
    cuts: Mapping[str, Cuts]


@dataclass(frozen=True)
class _Truth:
    """Three-valued condition: ``known`` says where ``true`` can be relied on (Kleene's strong logic)."""

    true: Bools
    known: Bools

    def __and__(self, other: _Truth) -> _Truth:
        false = (self.known & ~self.true) | (other.known & ~other.true)
        return _Truth(self.true & other.true, (self.known & other.known) | false)

    def __or__(self, other: _Truth) -> _Truth:
        return _Truth(self.true | other.true, (self.known & other.known) | self.true | other.true)


def _where(condition: Bools, *operands: Floats) -> _Truth:
    known = np.logical_and.reduce([np.isfinite(operand) for operand in operands])
    return _Truth(condition & known, known)


def _decide(rows: _Rows, parameters: LabelParameters) -> tuple[NDArray[np.int64], Bools]:
    """Index into REGIMES of each row's label, -1 for none; and which rows needed the cuts of rho."""
    n = rows.sigma_p.size
    moved = rows.sigma_p > 0
    ratio = np.where(moved, rows.sigma_f / np.where(moved, rows.sigma_p, 1.0), np.nan)
    label = np.full(n, _NO_LABEL, dtype=np.int64)
    open_rows = np.ones(n, dtype=bool)
    asked_rho = np.zeros(n, dtype=bool)
    for rule in parameters.order:
        for code, truth in _conditions(rule, rows, ratio, parameters):
            if rule == "correlation":
                wanted = rows.s_f > 0 if code == "SCGS" else rows.s_f < 0
                asked_rho |= open_rows & wanted
            hit = open_rows & truth.true
            label[hit] = REGIMES.index(code)
            open_rows &= truth.known & ~truth.true
    label[open_rows] = REGIMES.index("CBV")
    return label, asked_rho


def _conditions(rule: str, rows: _Rows, ratio: Floats, p: LabelParameters) -> list[tuple[str, _Truth]]:
    """The rule's answers with their conditions, in order."""
    s_p, s_f, cuts = rows.s_p, rows.s_f, rows.cuts

    def high(name: str) -> _Truth:
        value, cut = getattr(rows, name), cuts[name].high
        return _where(value >= cut, value, cut)

    def low(name: str) -> _Truth:
        value, cut = getattr(rows, name), cuts[name].low
        return _where(value < cut, value, cut)

    if rule == "trend_break":
        turned = _where(s_p != 0, s_p) & _where(s_f != 0, s_f) & _where(s_f == -s_p, s_p, s_f)
        return [("TBVE", turned & _where(ratio > p.break_ratio, ratio)), ("TBVS", turned)]
    if rule == "price_expansion":
        along = _where(s_p == 0, s_p) | _where(s_f == s_p, s_p, s_f)
        return [("VCPE", high("er_f") & along & _where(ratio < p.expansion_ratio, ratio))]
    if rule == "contraction":
        return [("HVC", high("sigma_p") & _where(ratio < p.contraction_ratio, ratio))]
    if rule == "correlation":
        return [("SCGS", high("rho_f") & _where(s_f > 0, s_f)), ("PSED", low("rho_f") & _where(s_f < 0, s_f))]
    return [("LVLD", low("sigma_f") & low("er_f"))]


def _volatility_class(sigma_f: Floats, cuts: Cuts) -> NDArray[np.int64]:
    known = np.isfinite(sigma_f) & np.isfinite(cuts.low)
    at = np.where(sigma_f >= cuts.high, 2, np.where(sigma_f < cuts.low, 0, 1))
    return np.where(known, at, _NO_LABEL).astype(np.int64)


def _names(indices: NDArray[np.int64], classes: tuple[str, ...]) -> pa.Array:
    return pa.array([None if at == _NO_LABEL else classes[at] for at in indices], pa.string())


def _nullable(values: Floats, kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~np.isfinite(values)).cast(kind)


def _stamp(day: date, minute: int) -> datetime:
    """Naive UTC of a minute of an IST day (IST has had one offset, +05:30, throughout)."""
    return datetime(day.year, day.month, day.day) + timedelta(minutes=int(minute)) - _IST_OFFSET
