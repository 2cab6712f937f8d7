"""Features and labels joined as they were known: one row a symbol and bar, decided at the features' known_ts.

Nothing is read before its known_ts: a row's inputs were known at its decision time, and what it may know
of labels is the latest one whose known_ts had come by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.learning.tasks import REGIME, TARGETS, Task
from mr_platform.learning.uniqueness import average_uniqueness
from mr_platform.parameters.learning import DesignParameters
from mr_platform.regimes.windows import BAR_MINUTES
from schemas.tables import IST_TIMESTAMP, REGIMES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NO_CLASS = -1
# What is known at t of labels: inputs of their own right, neither screened as leaks nor passed over.
KNOWN_LABEL_PREFIX = "last_label"
# Inputs that are no features: never screened, and without changes of their own.
OWN_PREFIXES = (KNOWN_LABEL_PREFIX, "minute_of_day", "symbol_is_")
RULE_COLUMNS = tuple(f"rule_p_{code.lower()}" for code in REGIMES)

_KEYS = ("symbol", "event_ts", "known_ts")
_MINUTE_US = 60_000_000
_IST_US = 330 * _MINUTE_US
_DAY_US = 1440 * _MINUTE_US
_BAR_US = BAR_MINUTES * _MINUTE_US
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows in order of (event, symbol).

    ``x`` float64 [n, f], NaN where missing; ``targets`` class codes int64 [n] by target name, -1 where there is no
    label; ``event``, ``decision``, ``label_known`` microseconds since 1970 UTC (``label_known`` the largest int64
    without a label); ``session`` ordinal of the trade date (days since 1970); ``clock`` rank of the bar among all
    bars present; ``minute`` of the day; ``last_known`` codes of the latest label known at the decision, -1 for
    none, ``last_age`` bars from that label's event to this row's; ``sigma`` forward volatility of the row's own label
    (to learn from), ``last_sigma`` the latest one known; ``weight`` average uniqueness, mean 1 over labelled rows;
    ``dte`` days to expiry or NaN; ``rules`` [n, 8] probabilities of the rule classifier, or None.
    """

    task: Task
    columns: tuple[str, ...]
    symbols: tuple[str, ...]
    x: Floats
    targets: Mapping[str, Ints]
    symbol: Ints
    event: Ints
    decision: Ints
    label_known: Ints
    session: Ints
    clock: Ints
    minute: Ints
    last_known: Mapping[str, Ints]
    last_age: Ints
    sigma: Floats
    last_sigma: Floats
    weight: Floats
    dte: Floats
    rules: Floats | None
    label_schema_version: str

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.event.size

    def rows(self, chosen: Bools | Ints) -> Dataset:
        """The rows of a mask or of positions in ascending order."""
        values: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                value = value[chosen]
            elif name in ("targets", "last_known"):
                value = {key: codes[chosen] for key, codes in value.items()}
            values[name] = value
        return Dataset(**values)

    def labelled(self, target: str) -> Bools:
        """Where the target's label exists."""
        return np.not_equal(self.targets[target], NO_CLASS)

    def runs(self) -> list[NDArray[np.intp]]:
        """Row positions of each symbol's session, in time order: no sequence crosses them."""
        order = np.lexsort((self.event, self.session, self.symbol))
        key = np.stack([self.symbol[order], self.session[order]])
        cuts = np.flatnonzero(np.any(np.diff(key, axis=1) != 0, axis=0)) + 1
        return [run for run in np.split(order, cuts) if run.size]

    def earlier(self, bars: int) -> NDArray[np.intp]:
        """Position of the row so many bars before each row [n] in its own session, -1 where there is none."""
        out = np.full(self.n, -1, dtype=np.intp)
        for run in self.runs():
            out[run[bars:]] = run[:-bars]
        return out


def build_dataset(
    features: pa.Table,
    labels: pa.Table | None,
    *,
    task: Task,
    design: DesignParameters,
    now: datetime | None = None,
    columns: tuple[str, ...] | None = None,
    symbols: tuple[str, ...] | None = None,
) -> Dataset:
    """Join features and labels on (symbol, event_ts).

    ``now`` (aware): rows and labels with a later known_ts do not exist yet. ``columns`` and ``symbols``: the design of
    a trained model; a feature it needs and does not find is a DataError. Without them the design is every numeric
    column of ``features`` besides keys, ``rule_p_*`` (a baseline) and null-typed columns.
    """
    frame = _frame(features, "features")
    limit = _microseconds(now) if now is not None else _NEVER
    frame = frame.filter(pl.col("known_ts") <= limit).sort("event_ts", "symbol")
    names = tuple(sorted(frame["symbol"].unique().to_list())) if symbols is None else symbols
    known = _frame(labels, "labels", numeric=False) if labels is not None else None
    if known is not None:
        known = known.filter(pl.col("known_ts") <= limit).sort("symbol", "event_ts")
    event = frame["event_ts"].to_numpy().astype(np.int64)
    decision = frame["known_ts"].to_numpy().astype(np.int64)
    clock_values, clock = np.unique(event, return_inverse=True)
    symbol = np.array([names.index(s) if s in names else len(names) for s in frame["symbol"]], dtype=np.int64)
    joined = _join(frame, known)
    minute = (event + _IST_US) // _MINUTE_US % 1440
    last = _last_known(frame, known, event, decision, clock_values)
    label_known = joined["label_known"]
    usable = np.logical_or.reduce([joined[t.name] != NO_CLASS for t in TARGETS.values()])
    weight = np.zeros(event.size)
    for code in np.unique(symbol[usable]):
        mine = np.flatnonzero(usable & (symbol == code))
        begin = clock[mine] + 1 - (0 if task.forward else task.back)
        # the label's window ends with the last bar that closes by its known_ts
        end = np.searchsorted(clock_values, label_known[mine] - 1, side="right")
        weight[mine] = average_uniqueness(np.maximum(begin, 0), np.maximum(end, begin + 1))
    if usable.any():
        weight /= weight[usable].mean()
    wanted, x = _design(frame, design, names, symbol, event, last, columns)
    has_rules = all(c in frame.columns for c in RULE_COLUMNS)
    return Dataset(
        task=task,
        columns=wanted,
        symbols=names,
        x=x,
        targets={t: joined[t] for t in TARGETS},
        symbol=symbol,
        event=event,
        decision=decision,
        label_known=label_known,
        session=(event + _IST_US) // _DAY_US,
        clock=clock.astype(np.int64),
        minute=minute,
        last_known={t: last[t] for t in TARGETS},
        last_age=last["age"],
        sigma=joined["sigma"],
        last_sigma=last["sigma"],
        weight=weight,
        dte=_floats(frame, "dte") if "dte" in frame.columns else np.full(event.size, np.nan),
        rules=np.stack([_floats(frame, c) for c in RULE_COLUMNS], axis=1) if has_rules else None,
        label_schema_version=_version(known),
    )


def _frame(table: pa.Table, what: str, *, numeric: bool = True) -> pl.DataFrame:
    missing = [c for c in _KEYS if c not in table.column_names]
    if missing:
        raise DataError(
            rule=f"{what} carry the keys {list(_KEYS)}",
            value=f"without {missing}",
            place=what,
            remedy=f"materialise the {what} again; found are {table.column_names[:8]}",
        )
    for name in ("event_ts", "known_ts"):
        kind = table.schema.field(name).type
        if not pa.types.is_timestamp(kind) or kind.tz is None:
            raise DataError(
                rule="event_ts and known_ts are timestamps with a zone",
                value=kind,
                place=f"{what}.{name}",
                remedy=f"cast to {IST_TIMESTAMP}",
            )
        at = table.column_names.index(name)
        moments = table.column(name).cast(pa.timestamp("us", kind.tz)).cast(pa.int64())
        table = table.set_column(at, name, moments)
    frame = cast(pl.DataFrame, pl.from_arrow(table.replace_schema_metadata(None)))
    if frame.select("symbol", "event_ts").is_duplicated().any():
        twice = frame.filter(frame.select("symbol", "event_ts").is_duplicated()).select("symbol", "event_ts").row(0)
        raise DataError(
            rule=f"{what} hold one row a symbol and event_ts",
            value=twice,
            place=what,
            remedy="give each partition once",
        )
    if numeric and frame.height and frame.select((pl.col("known_ts") < pl.col("event_ts")).any()).item():
        raise DataError(
            rule="known_ts is not before event_ts",
            value=frame.filter(pl.col("known_ts") < pl.col("event_ts")).row(0)[:3],
            place=what,
            remedy="materialise the partition again",
        )
    return frame


def _join(frame: pl.DataFrame, labels: pl.DataFrame | None) -> dict[str, NDArray[Any]]:
    n = frame.height
    if labels is None:
        none = np.full(n, NO_CLASS, dtype=np.int64)
        return dict.fromkeys(TARGETS, none) | {"label_known": np.full(n, _NEVER), "sigma": np.full(n, np.nan)}
    coded = _coded(labels).rename({"known_ts": "label_known"})
    joined = frame.select("symbol", "event_ts").join(
        coded, on=["symbol", "event_ts"], how="left", maintain_order="left"
    )
    out: dict[str, NDArray[Any]] = {t: joined[t].fill_null(NO_CLASS).to_numpy().astype(np.int64) for t in TARGETS}
    out["label_known"] = joined["label_known"].fill_null(_NEVER).to_numpy().astype(np.int64)
    out["sigma"] = joined["sigma"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return out


def _coded(labels: pl.DataFrame) -> pl.DataFrame:
    columns = [pl.col("symbol"), pl.col("event_ts"), pl.col("known_ts")]
    for target in TARGETS.values():
        if target.column not in labels.columns:
            raise DataError(
                rule=f"labels carry {[t.column for t in TARGETS.values()]}",
                value=f"without {target.column}",
                place="labels",
                remedy="materialise the labels again",
            )
        found = set(labels[target.column].drop_nulls().unique().to_list())
        if not found <= set(target.classes):
            raise DataError(
                rule=f"{target.column} is one of {target.classes}",
                value=sorted(found - set(target.classes)),
                place="labels",
                remedy="use labels of this label schema",
            )
        codes = {name: code for code, name in enumerate(target.classes)}
        columns.append(
            pl.col(target.column)
            .cast(pl.String)
            .replace_strict(codes, default=None, return_dtype=pl.Int64)
            .alias(target.name)
        )
    sigma = pl.col("sigma_f") if "sigma_f" in labels.columns else pl.lit(None, dtype=pl.Float64)
    return labels.select(*columns, sigma.alias("sigma"))


def _last_known(
    frame: pl.DataFrame, labels: pl.DataFrame | None, event: Ints, decision: Ints, clock_values: Ints
) -> dict[str, NDArray[Any]]:
    n = frame.height
    out: dict[str, NDArray[Any]] = {t: np.full(n, NO_CLASS, dtype=np.int64) for t in TARGETS}
    out["age"] = np.full(n, -1, dtype=np.int64)
    out["sigma"] = np.full(n, np.nan)
    out["event"] = np.full(n, _NEVER)
    out["bars"] = np.zeros(n, dtype=np.int64)
    out["label_sigma"] = np.full(n, np.nan)
    if labels is None or not labels.height:
        return out
    coded = _coded(labels)
    owner = frame["symbol"].to_numpy()
    for (name,), mine in coded.partition_by("symbol", as_dict=True, maintain_order=True).items():
        rows = np.flatnonzero(owner == name)
        for target in (*TARGETS, "sigma"):
            have = mine.filter(pl.col(target).is_not_null()).sort("known_ts", "event_ts")
            if not have.height or not rows.size:
                continue
            known = have["known_ts"].to_numpy().astype(np.int64)
            events = have["event_ts"].to_numpy().astype(np.int64)
            # of the labels known by then the one of the latest event, should known_ts not run in that order
            latest = _running_argmax(events)
            position = np.searchsorted(known, decision[rows], side="right") - 1
            seen = position >= 0
            chosen = latest[position[seen]]
            out[target][rows[seen]] = have[target].to_numpy()[chosen]
            if target == REGIME.name:
                out["event"][rows[seen]] = events[chosen]
                out["label_sigma"][rows[seen]] = have["sigma"].fill_null(np.nan).to_numpy()[chosen]
                out["bars"][rows[seen]] = _run_lengths(have[target].to_numpy(), events)[chosen]
                at = np.searchsorted(clock_values, events[chosen], side="left")
                out["age"][rows[seen]] = np.searchsorted(clock_values, event[rows[seen]], side="left") - at
    return out


def _running_argmax(values: Ints) -> NDArray[np.intp]:
    top = np.maximum.accumulate(values)
    return np.maximum.accumulate(np.where(values == top, np.arange(values.size), 0))


def _run_lengths(codes: Ints, events: Ints) -> Ints:
    """Length so far of each label's run: neighbouring bars of one session with one class, in the order of knowledge."""
    session = (events + _IST_US) // _DAY_US
    begins = np.ones(codes.size, dtype=bool)
    begins[1:] = (np.diff(codes) != 0) | (np.diff(events) != _BAR_US) | (np.diff(session) != 0)
    at = np.arange(codes.size)
    return at - np.maximum.accumulate(np.where(begins, at, 0)) + 1


def _known_of_session(event: Ints, last: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """What is known at each row of its own session's labels: class, age in bars, run length, volatility.

    Labels of the session before stay out: a row then reads the same whether its history is given or not.
    """
    today = (last["event"] != _NEVER) & ((last["event"] + _IST_US) // _DAY_US == (event + _IST_US) // _DAY_US)
    age = np.where(today, event - np.where(today, last["event"], 0), 0) / _BAR_US
    named = {f"{KNOWN_LABEL_PREFIX}_is_{code}": last[REGIME.name] == k for k, code in enumerate(REGIMES)}
    return {name: np.where(today, is_it, np.nan) for name, is_it in named.items()} | {
        f"{KNOWN_LABEL_PREFIX}_age": np.where(today, age, np.nan),
        f"{KNOWN_LABEL_PREFIX}_bars": np.where(today, last["bars"], np.nan),
        f"{KNOWN_LABEL_PREFIX}_sigma": np.where(today, last["label_sigma"], np.nan),
    }


def _design(
    frame: pl.DataFrame,
    design: DesignParameters,
    symbols: tuple[str, ...],
    symbol: Ints,
    event: Ints,
    last: Mapping[str, NDArray[Any]],
    columns: tuple[str, ...] | None,
) -> tuple[tuple[str, ...], Floats]:
    extra: dict[str, Floats] = {}
    if design.clock:
        extra["minute_of_day"] = ((event + _IST_US) // _MINUTE_US % 1440).astype(np.float64)
    if design.symbols and len(symbols) > 1:
        extra |= {f"symbol_is_{s}": (symbol == k).astype(np.float64) for k, s in enumerate(symbols)}
    if design.known_labels:
        extra |= _known_of_session(event, last)
    if columns is None:
        plain = [
            name
            for name, kind in frame.schema.items()
            if name not in _KEYS and name not in RULE_COLUMNS and kind.is_numeric()
        ]
        columns = (*plain, *extra)
    absent = [c for c in columns if c not in frame.columns and c not in extra]
    if absent or not columns:
        raise DataError(
            rule="the features carry every input of the model" if absent else "the features carry at least one number",
            value=absent[:10] or frame.columns,
            place="features",
            remedy="publish the features of the version the model was trained on, or train again",
        )
    x = np.empty((frame.height, len(columns)))
    for at, name in enumerate(columns):
        x[:, at] = extra[name] if name in extra else _floats(frame, name)
    x[~np.isfinite(x)] = np.nan
    return columns, x


def _floats(frame: pl.DataFrame, name: str) -> Floats:
    return frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _version(labels: pl.DataFrame | None) -> str:
    if labels is None or "label_schema_version" not in labels.columns or not labels.height:
        return ""
    versions = sorted(labels["label_schema_version"].unique().to_list())
    if len(versions) > 1:
        raise DataError(
            rule="labels of one dataset have one label schema version",
            value=versions,
            place="labels",
            remedy="materialise the older labels again",
        )
    return str(versions[0])


def _microseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise DataError(
            rule="now carries a zone", value=moment, place="learning", remedy="pass an aware datetime, e.g. in IST"
        )
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
