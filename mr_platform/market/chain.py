"""The dense symbol-day: one session's option chain as arrays [day, minute, expiry, strike, leg].

Rows are scattered once; features read arrays, never frames. The rolling view (forward, at-the-money strike, nearest
expiry) is in ``mr_platform.market.rolling``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.kernels.cpu import scatter
from mr_platform.kernels.reference.scatter import OUTSIDE
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import Session

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.int32, np.float64)

CALL, PUT = 0, 1
FUTURE_OPEN, FUTURE_HIGH, FUTURE_LOW, FUTURE_CLOSE, FUTURE_VOLUME, FUTURE_OI = range(6)
LEG_FIELDS: Final = ("close", "open", "high", "low", "volume", "oi", "iv")
FUTURE_FIELDS: Final = ("open", "high", "low", "close", "volume", "oi")

LONGEST_DTE: Final = 365
"""Calendar days to expiry at which the farthest of the ranges 0-7, 8-30, 31+ ends."""

_IST_MINUTES = 330
_EXPIRY_SECOND = (15 * 60 + 30) * 60
"""Index options stop trading and settle at 15:30 of their expiry date."""
_YEAR_SECONDS = 365 * 86_400
_SHORTEST_LIFE = 60


@dataclass(frozen=True, eq=False)
class OptionChainDay:
    """One symbol-day of the core option chain, dense.

    Axes: D days (1 for a chain read from one partition), M one-minute bars of the session, E expiries by date,
    K strikes ascending, and the leg (0 = CE, 1 = PE). NaN means that core says nothing there.

    Fields
    ------
    symbol, trade_date, underlying
        ``underlying`` is "future", "spot" or "forward": what stands for the underlying in this session.
    strike_step
        Points between listed strikes near the money, from the table of instruments.
    minutes int64 [M]
        Minute of the day at which each bar starts (555 = 09:15); the whole session, or its prefix after ``until``.
    expiries datetime64[D] [E], dte int64 [E]
        Contract expiry dates and calendar days to them.
    strikes float64 [K]
        Union over the expiries.
    close, open, high, low, volume, oi, iv float64 [D, M, E, K, 2]
        Prices in rupees, volume and open interest in units of the underlying, IV a decimal per year; each its own
        contiguous array. All but ``close`` have ``deep`` expiries only.
    deep int64 [E]
        Where an expiry stands on the expiry axis of the fields other than ``close``; -1 where they leave it out.
    keep_until, deep_until int64 [E]
        Bars before which an expiry's closes, and its other fields, are kept.
    spot float64 [D, M], future float64 [D, M, 6]
        The future's last axis is open, high, low, close, volume, oi (``FUTURE_OPEN`` .. ``FUTURE_OI``).
    present bool [D, M, E]
        Whether core has any row of the expiry in the minute.
    """

    symbol: str
    trade_date: date
    underlying: str
    strike_step: float
    minutes: Ints
    expiries: NDArray[np.datetime64]
    dte: Ints
    strikes: Floats
    deep: Ints
    keep_until: Ints
    deep_until: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    oi: Floats
    iv: Floats
    spot: Floats
    future: Floats
    present: NDArray[np.bool_]

    @property
    def seen_minutes(self) -> NDArray[np.bool_]:
        """Minutes with any row, bool [D, M]."""
        return np.asarray(self.present.any(axis=2))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(D, M, E, K)."""
        days, minutes, expiries, strikes, _ = self.close.shape
        return days, minutes, expiries, strikes

    @property
    def years(self) -> Floats:
        """Time to expiry in years [M, E]: from each bar's close to 15:30 of the expiry, at least one minute."""
        return self.years_of(0, self.minutes.size)

    def years_of(self, start: int, stop: int) -> Floats:
        """``years`` of minutes [start, stop)."""
        bar_close = (self.minutes[start:stop] + 1) * 60
        seconds = self.dte[None, :] * 86_400 + _EXPIRY_SECOND - bar_close[:, None]
        return np.asarray(np.maximum(seconds, _SHORTEST_LIFE) / _YEAR_SECONDS)

    def year_fraction(self, e: int) -> Floats:
        """Time to expiry ``e`` in years [M], from each bar's close, at least one minute."""
        return self.years[:, e]

    def until(self, minute: int) -> OptionChainDay:
        """The chain as if the clock had stopped when the bar that starts at ``minute`` of the day closed.

        A prefix of views: no copy, the same expiries and strikes (a strike that only appears later is all NaN).
        """
        n = int(np.searchsorted(self.minutes, minute, side="right"))
        dense = {name: getattr(self, name)[:, :n] for name in (*LEG_FIELDS, "spot", "future", "present")}
        return replace(self, minutes=self.minutes[:n], **dense)

    @staticmethod
    def from_core(
        table: pa.Table,
        session: Session,
        *,
        symbol: str | None = None,
        strike_step: float | None = None,
        max_dte: int = 95,
        max_expiries: int = 8,
        deep_expiries: int | None = None,
        fields: Sequence[str] = LEG_FIELDS,
        room: Floats | None = None,
    ) -> OptionChainDay:
        """Scatter one partition of core/option_chain. The order of the rows does not matter; an empty table is a
        session without rows.

        Kept are expiries of 0 to ``max_dte`` days; an expiry's rows are kept in a minute only while it is among the
        ``max_expiries`` nearest seen up to that minute (so a later listing cannot change an earlier minute).
        The default of ``max_dte`` covers the specific days 0..90; who reads the nearest expiry alone, however far it
        lies, passes ``LONGEST_DTE``. ``deep_expiries`` is how many of the nearest have fields beside the close (None:
        all that are kept), ``fields`` which of ``LEG_FIELDS`` are read; others have an empty expiry axis;
        ``room`` are strikes that get a place whether or not a row names them.
        ``symbol`` and ``strike_step`` default to the table's own symbol and the instrument's step.
        DataError: a column or a key is missing, a bar outside the session, a repeated (ts, expiry, strike).
        """
        place = f"core/option_chain {symbol or ''} {session.trade_date}"
        names = set(table.column_names)
        read = tuple(field for field in LEG_FIELDS if field in fields)
        legs = [f"{leg}_{field}" for field in read for leg in ("ce", "pe")]
        wanted = ["ts", "expiry", "strike", "spot", *legs, *(f"future_{field}" for field in FUTURE_FIELDS)]
        if absent := [name for name in wanted if name not in names]:
            raise DataError(
                rule="core/option_chain has every column of its schema",
                value=f"without {', '.join(absent)}",
                place=place,
                remedy="publish core again with the present schema version",
            )
        symbol = symbol or symbol_of(table, place)
        rows = Rows.of(table, session, place)
        first_day = np.datetime64(session.trade_date, "D").astype(np.int64)
        all_expiries = np.unique(pc.unique(table["expiry"]).cast(pa.int32()).to_numpy(zero_copy_only=False))
        near = all_expiries[(all_expiries >= first_day) & (all_expiries <= first_day + max_dte)].astype(np.int32)
        bar_of_minute = np.full(1440, -1, np.int64)
        bar_of_minute[session.bar_minutes] = np.arange(session.n_bars)
        first_seen = scatter.first_seen(rows.minutes, rows.expiries, bar_of_minute, near)
        axis = ExpiryAxis.of(near, first_seen, session.n_bars, max_expiries, deep_expiries)
        near, keep_until = axis.expiries, axis.keep_until
        if near.size == all_expiries.size:
            held_strikes = rows.strikes
        elif near.size:
            held_strikes = rows.strikes[(rows.expiries >= near[0]) & (rows.expiries <= near[-1])]
        else:
            held_strikes = rows.strikes[:0]
        strikes = np.unique(pc.unique(pa.array(held_strikes)).to_numpy())
        if room is not None and strikes.size:
            strikes = np.union1d(strikes, room)
        cells = scatter.cell_index(rows.minutes, rows.expiries, rows.strikes, bar_of_minute, near, strikes, keep_until)
        if (outside := int(np.count_nonzero(cells == OUTSIDE))) > 0:
            raise DataError(
                rule="every bar lies inside its session",
                value=f"{outside} rows outside",
                place=place,
                remedy="publish core again; ingest puts such rows into core/quarantine",
            )
        shape = (1, session.n_bars, near.size, strikes.size)
        counts = scatter.count_cells(cells, int(np.prod(shape)))
        if counts.size and counts.max() > 1:
            raise DataError(
                rule="(ts, expiry, strike) is unique",
                value=f"{int(np.count_nonzero(counts > 1))} keys repeated",
                place=place,
                remedy="publish core again; ingest merges repeated rows of a bar",
            )
        deep_cells, deep_shape = cells, shape
        if deep_expiries is not None and deep_expiries < max_expiries:
            deep_shape = (1, session.n_bars, int((axis.deep >= 0).sum()), strikes.size)
            deep_cells = scatter.deep_cells(cells, axis.deep, axis.deep_until, strikes.size)
        dense = {field: np.empty((1, session.n_bars, 0, strikes.size, 2)) for field in LEG_FIELDS}
        sizes = {field: int(np.prod(shape if field == "close" else deep_shape)) for field in read}
        room, used = np.empty((sum(sizes.values()), 2)), 0
        for field, size in sizes.items():
            places, field_shape = (cells, shape) if field == "close" else (deep_cells, deep_shape)
            part, used = room[used : used + size], used + size
            scatter.scatter_pair(places, floats(table[f"ce_{field}"]), floats(table[f"pe_{field}"]), part)
            dense[field] = part.reshape(*field_shape, 2)
        bars = bar_of_minute[rows.minutes]
        return OptionChainDay(
            symbol=symbol,
            trade_date=session.trade_date,
            underlying=underlying_of(table),
            strike_step=instrument(symbol).strike_step if strike_step is None else strike_step,
            minutes=session.bar_minutes,
            expiries=near.astype("datetime64[D]"),
            dte=(near - first_day).astype(np.int64),
            strikes=strikes,
            deep=axis.deep,
            keep_until=keep_until,
            deep_until=axis.deep_until,
            spot=_repeated(table, ("spot",), "spot", rows, bars, session.n_bars)[..., 0],
            future=_repeated(
                table, tuple(f"future_{field}" for field in FUTURE_FIELDS), "future_close", rows, bars, session.n_bars
            ),
            present=counts.reshape(shape).any(axis=3),
            **dense,
        )


@dataclass(frozen=True)
class ExpiryAxis:
    """The expiries of a chain [E], int32 days since 1970, and how long each is kept; as ``OptionChainDay``'s."""

    expiries: NDArray[np.int32]
    keep_until: Ints
    deep: Ints
    deep_until: Ints

    @staticmethod
    def of(near: NDArray[np.int32], first_seen: Ints, n_bars: int, most: int, deepest: int | None) -> ExpiryAxis:
        """Of expiries by date first seen in bars ``first_seen``; those that are never kept have no place."""
        keep_until = _keep_until(first_seen, n_bars, most)
        kept = keep_until > 0
        near, first_seen, keep_until = near[kept], first_seen[kept], keep_until[kept]
        if deepest is None or deepest >= most:
            return ExpiryAxis(near, keep_until, np.arange(near.size), keep_until)
        deep_until = _keep_until(first_seen, n_bars, deepest)
        return ExpiryAxis(near, keep_until, np.where(deep_until > 0, np.cumsum(deep_until > 0) - 1, -1), deep_until)


@dataclass(frozen=True)
class Rows:
    """The key columns of a core table as arrays [N]: minute of the day, expiry in days since 1970, strike."""

    minutes: Ints
    expiries: NDArray[np.int32]
    strikes: Floats

    @staticmethod
    def of(table: pa.Table, session: Session, place: str) -> Rows:
        keys = {name: table[name] for name in ("ts", "expiry", "strike")}
        if any(column.null_count for column in keys.values()):
            raise DataError(
                rule="(ts, expiry, strike) is never null",
                value={name: column.null_count for name, column in keys.items()},
                place=place,
                remedy="publish core again; ingest puts such rows into core/quarantine",
            )
        stamps, zone = keys["ts"], keys["ts"].type.tz
        if stamps.type.unit != "us":
            stamps = stamps.cast(pa.timestamp("us", zone))
        # India has one zone without daylight saving: the wall clock is UTC + 5:30
        wall = _whole(stamps, np.int64) // 60_000_000 + (_IST_MINUTES if zone else 0)
        minutes = wall - np.datetime64(session.trade_date, "D").astype(np.int64) * 1440
        other_day = (minutes < 0) | (minutes >= 1440)
        if other_day.any():
            raise DataError(
                rule=f"every bar is of {session.trade_date}",
                value=f"{int(other_day.sum())} rows of another date",
                place=place,
                remedy="publish core again, one trade date a partition",
            )
        expiries = keys["expiry"]
        if not pa.types.is_date32(expiries.type):
            expiries = expiries.cast(pa.date32())
        return Rows(_frozen(minutes), _whole(expiries, np.int32), floats(keys["strike"]))


def _frozen(array: np.ndarray) -> np.ndarray:
    """A read-only view: Arrow hands out both kinds, and the compiled kernels would be built once for each mixture."""
    view = array.view()
    view.flags.writeable = False
    return view


def floats(column: pa.ChunkedArray) -> Floats:
    """A column as read-only float64 [N], null as NaN."""
    values: Floats = column.chunk(0).to_numpy(zero_copy_only=False) if column.num_chunks == 1 else column.to_numpy()
    if values.dtype != np.float64:
        values = values.astype(np.float64)
    # the array is this call's own, or read-only as Arrow's buffers are
    values.flags.writeable = False
    return values


def _whole(column: pa.ChunkedArray, kind: type[Number]) -> NDArray[Number]:
    """The values of a column without nulls as a read-only array of the width that they are stored in.

    Straight from the buffer: dates and times would go through an array of objects or a cast.
    """
    if column.num_chunks != 1:
        column = pa.chunked_array([column.combine_chunks()])
    chunk = column.chunk(0)
    if len(chunk) == 0:
        return _frozen(np.empty(0, kind))
    found = np.frombuffer(chunk.buffers()[1], kind, len(chunk), chunk.offset * np.dtype(kind).itemsize)
    return _frozen(found)


def _keep_until(first_seen: Ints, n_bars: int, max_expiries: int) -> Ints:
    """Bars before which each expiry (nearest first) is among the nearest ``max_expiries`` seen so far; 0 = never."""
    keep = np.zeros(first_seen.size, np.int64)
    for e, seen in enumerate(first_seen):
        nearer = np.sort(first_seen[:e])
        end = n_bars if nearer.size < max_expiries else min(int(nearer[max_expiries - 1]), n_bars)
        keep[e] = end if seen < end else 0
    return keep


def _repeated(table: pa.Table, names: tuple[str, ...], decisive: str, rows: Rows, bars: Ints, n_bars: int) -> Floats:
    """Quantities that each row of a bar repeats, [1, M, len(names)], from the first row whose ``decisive`` is there."""
    out = np.full((1, n_bars, len(names)), np.nan)
    if table[decisive].null_count == table.num_rows:
        return out
    chosen = scatter.first_row_of_bar(bars, rows.expiries, rows.strikes, floats(table[decisive]), n_bars)
    there = chosen >= 0
    for j, name in enumerate(names):
        out[0, there, j] = floats(table[name])[chosen[there]]
    return out


CLOSE_COLUMNS = ("ts", "expiry", "strike", "spot", "future_close")
"""Columns of core/option_chain that ``underlying_closes`` reads."""


def underlying_closes(table: pa.Table, session: Session) -> Floats:
    """Close of each bar of the session of a core table's underlying [M], NaN where not known.

    The listed future's or the spot's, as the table's profile has it; all NaN where only forwards stand for it
    (``rolling.forward_closes``).
    """
    kind = underlying_of(table)
    if kind == "forward":
        return np.full(session.n_bars, np.nan)
    name = "spot" if kind == "spot" else "future_close"
    rows = Rows.of(table, session, f"core/option_chain {session.trade_date}")
    bar_of_minute = np.full(1440, -1, np.int64)
    bar_of_minute[session.bar_minutes] = np.arange(session.n_bars)
    return _repeated(table, (name,), name, rows, bar_of_minute[rows.minutes], session.n_bars)[0, :, 0]


def symbol_of(table: pa.Table, place: str) -> str:
    if found := (table.schema.metadata or {}).get(b"symbol"):
        return str(found.decode())
    if "symbol" in table.column_names and table.num_rows:
        return str(table["symbol"][0].as_py())
    raise DataError(
        rule="a core table names its symbol",
        value="neither metadata nor rows",
        place=place,
        remedy="read it through the lake, or pass symbol=",
    )


def underlying_of(table: pa.Table) -> str:
    """What stands for the underlying: as the profile declared it, else by what the table has."""
    if found := (table.schema.metadata or {}).get(b"underlying"):
        return str(found.decode())
    for kind, column in (("future", "future_close"), ("spot", "spot")):
        if table[column].null_count < table.num_rows:
            return kind
    return "forward"
