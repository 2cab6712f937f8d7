"""The dense symbol-day while its session runs: rows are written where they belong as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from mr_platform.errors import DataError
from mr_platform.kernels.cpu import scatter
from mr_platform.market.chain import (
    FUTURE_FIELDS,
    LEG_FIELDS,
    ExpiryAxis,
    Floats,
    Ints,
    OptionChainDay,
    Rows,
    floats,
    symbol_of,
    underlying_of,
)
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import Session

_REACH: Final = {1: (0.12, 0.12), 5: (0.32, 0.22), 10: (0.62, 0.3)}
"""Strikes on a grid of so many steps have a place from the start up to these shares of the underlying below and above.

A new one seldom moves the axis: the finest grid is listed near the money, and round strikes far below it, as puts
against a crash. Where one does, there is room up to it, on its side, from then on.
"""
_SPARE, _FINE = 0.03, 0.25
"""Room beyond a strike that moved the axis; further out than ``_FINE`` a strike that is not round stands alone."""
_DECISIVE: Final[Mapping[str, tuple[str, ...]]] = {
    "spot": ("spot",),
    "future_close": tuple(f"future_{field}" for field in FUTURE_FIELDS),
}
"""What each row of a bar repeats, by the column that a row must have to be read from."""


class ChainBook:
    """One session's chain, the same as ``OptionChainDay.from_core`` of all rows taken so far gives, but for strikes on
    its axis that no row has named, or only rows that are no longer kept.

    ``roomy`` books make room for strikes that may come; others hold just what was seen. The rows themselves are
    forgotten: what a row once had no place for it never gets one for, as places are only lost to nearer expiries.
    """

    def __init__(
        self,
        session: Session,
        *,
        symbol: str | None = None,
        roomy: bool = True,
        strike_step: float | None = None,
        max_dte: int = 95,
        max_expiries: int = 8,
        deep_expiries: int | None = None,
        fields: Sequence[str] = LEG_FIELDS,
    ) -> None:
        """``strike_step`` .. ``fields`` as for ``OptionChainDay.from_core``."""
        self.session = session
        self._chain: OptionChainDay | None = None
        self._symbol = symbol
        self._roomy = roomy
        self._reach = {steps: list(sides) for steps, sides in _REACH.items()}
        self._level = 0.0
        self._strike_step = strike_step
        self._today = int(np.datetime64(session.trade_date, "D").astype(np.int64))
        self._last_day = self._today + max_dte
        self._max_expiries, self._deep_expiries = max_expiries, deep_expiries
        self._fields = tuple(field for field in LEG_FIELDS if field in fields)
        self._bar_of_minute = np.full(1440, -1, np.int64)
        self._bar_of_minute[session.bar_minutes] = np.arange(session.n_bars)
        self._reached = -1
        self._declared = False
        # (expiry, strike) of the row that each bar's spot and future are from
        self._named = {name: (np.zeros(session.n_bars, np.int32), np.zeros(session.n_bars)) for name in _DECISIVE}

    def take(self, rows: pa.Table) -> tuple[OptionChainDay, bool]:
        """The chain with these rows of core/option_chain, and whether its axes are new: indices found before are void.

        DataError as ``OptionChainDay.from_core``; the chain is then as it was.
        """
        if self._chain is None or self._reached < 0:
            self._chain = self._begin(rows)
            return self._chain, True
        place = f"core/option_chain {self._chain.symbol} {self._chain.trade_date}"
        keys = Rows.of(rows, self.session, place)
        bars = self._bar_of_minute[keys.minutes]
        chain = self._chain
        if not self._fits(chain, keys, bars) or (not self._declared and underlying_of(rows) != chain.underlying):
            chain = self._with_places(chain, rows, keys)
        self._write(chain, rows, keys, bars, place)
        moved, self._chain = chain is not self._chain, chain
        return chain, moved

    def _begin(self, rows: pa.Table) -> OptionChainDay:
        """The chain of the first rows."""
        chain = OptionChainDay.from_core(
            rows,
            self.session,
            symbol=self._symbol,
            room=self._room(rows, floats(rows["strike"])) if self._roomy else None,
            strike_step=self._strike_step,
            max_dte=self._last_day - self._today,
            max_expiries=self._max_expiries,
            deep_expiries=self._deep_expiries,
            fields=self._fields,
        )
        self._declared = b"underlying" in (rows.schema.metadata or {})
        keys = Rows.of(rows, self.session, f"core/option_chain {chain.symbol} {chain.trade_date}")
        self._repeat(chain, rows, keys, self._bar_of_minute[keys.minutes])
        return chain

    def _room(self, rows: pa.Table, strikes: Floats) -> Floats | None:
        """Strikes that get a place whether or not a row names them: up to the furthest seen, round ones and others."""
        symbol = self._symbol or (self._chain.symbol if self._chain else symbol_of(rows, str(self.session.trade_date)))
        step = self._strike_step or instrument(symbol).strike_step
        strikes = np.unique(strikes)
        if not self._level:
            levels = [rows[name].drop_null() for name in ("future_close", "spot")]
            self._level = next((float(one[0].as_py()) for one in levels if len(one)), 0.0)
        level = self._level or (float(np.median(strikes)) if strikes.size else 0.0)
        if not level > 0:
            return None
        grids = []
        for steps, sides in self._reach.items():
            held = strikes[strikes % (steps * step) == 0]
            coarser = [more for more in _REACH if more > steps]
            if coarser:  # round strikes are the coarser grids' own
                held = held[(held % (coarser[0] * step) != 0) & (np.abs(held / level - 1) <= _FINE)]
            for side, sign in enumerate((-1, 1)):
                furthest = float((sign * (held / level - 1)).max(initial=0.0))
                sides[side] = min(sides[side] if furthest <= sides[side] else furthest + _SPARE, 1.0)
            width, (below, above) = steps * step, sides
            grids.append(
                np.arange(np.ceil((1 - below) * level / width), np.floor((1 + above) * level / width) + 1) * width
            )
        return np.unique(np.concatenate(grids))

    def _fits(self, chain: OptionChainDay, rows: Rows, bars: Ints) -> bool:
        """Whether the axes have all places that these rows need.

        An expiry without a place needs one unless enough nearer ones have been seen. Rows of bars gone by may show
        that an expiry was there earlier, which is looked into.
        """
        if bars.size and bars.min() < self._reached:
            return False
        near = chain.expiries.astype("datetime64[D]").astype(np.int32)
        return near.size > 0 and scatter.all_have_places(
            rows.expiries, rows.strikes, self._today, self._last_day, self._max_expiries, near, chain.strikes
        )

    def _with_places(self, chain: OptionChainDay, table: pa.Table, rows: Rows) -> OptionChainDay:
        """The chain on the axes that it and these rows need, the chain itself where they are the same."""
        listed = chain.expiries.astype("datetime64[D]").astype(np.int32)
        new = np.unique(rows.expiries)
        near = np.union1d(listed, new[(new >= self._today) & (new <= self._last_day)]).astype(np.int32)
        first_seen = scatter.first_seen(rows.minutes, rows.expiries, self._bar_of_minute, near)
        at = np.searchsorted(near, listed)
        first_seen[at] = np.minimum(first_seen[at], chain.present[0].argmax(axis=0))
        axis = ExpiryAxis.of(near, first_seen, self.session.n_bars, self._max_expiries, self._deep_expiries)
        named = rows.strikes[np.isin(rows.expiries, axis.expiries)]
        strikes = np.union1d(chain.strikes, named)
        if strikes.size > chain.strikes.size and self._roomy and (room := self._room(table, rows.strikes)) is not None:
            strikes = np.union1d(strikes, room)
        kinds = ("forward", "spot", "future")
        kind = chain.underlying if self._declared else max(chain.underlying, underlying_of(table), key=kinds.index)
        if (
            strikes.size == chain.strikes.size
            and np.array_equal(axis.expiries, listed)
            and np.array_equal(axis.keep_until, chain.keep_until)
            and np.array_equal(axis.deep_until, chain.deep_until)
        ):
            return chain if kind == chain.underlying else replace(chain, underlying=kind)
        return replace(on_axes(chain, axis, strikes, self._fields), underlying=kind)

    def _write(self, chain: OptionChainDay, table: pa.Table, rows: Rows, bars: Ints, place: str) -> None:
        """Write the rows where they belong; nothing where one is refused."""
        near = chain.expiries.astype("datetime64[D]").astype(np.int32)
        cells = scatter.cell_index(
            rows.minutes, rows.expiries, rows.strikes, self._bar_of_minute, near, chain.strikes, chain.keep_until
        )
        self._refuse(cells, chain, place)
        deep = scatter.deep_cells(cells, chain.deep, chain.deep_until, chain.strikes.size)
        for field in self._fields:
            dense = getattr(chain, field)
            if dense.shape[2]:
                pair = (floats(table[f"{leg}_{field}"]) for leg in ("ce", "pe"))
                scatter.put_pair(cells if field == "close" else deep, *pair, dense.reshape(-1, 2))
        if chain.strikes.size:
            chain.present[0].reshape(-1)[cells[cells >= 0] // chain.strikes.size] = True
        self._repeat(chain, table, rows, bars)

    def _refuse(self, cells: Ints, chain: OptionChainDay, place: str) -> None:
        outside, clash = scatter.clashes(cells, chain.close.reshape(-1, 2))
        if outside:
            raise DataError(
                rule="every bar lies inside its session",
                value=f"{outside} rows outside",
                place=place,
                remedy="publish core again; ingest puts such rows into core/quarantine",
            )
        if clash:
            raise DataError(
                rule="(ts, expiry, strike) is unique",
                value="a key repeated",
                place=place,
                remedy="publish core again; ingest merges repeated rows of a bar",
            )

    def _repeat(self, chain: OptionChainDay, table: pa.Table, rows: Rows, bars: Ints) -> None:
        """Spot and future of the rows' bars, from the row with the least (expiry, strike) whenever it came."""
        again = bool(bars.size) and int(bars.min()) <= self._reached
        for decisive, columns in _DECISIVE.items():
            if table[decisive].null_count == table.num_rows:
                continue
            dense = chain.spot[0][:, None] if decisive == "spot" else chain.future[0]
            chosen = scatter.first_row_of_bar(
                bars, rows.expiries, rows.strikes, floats(table[decisive]), self.session.n_bars
            )
            at = np.flatnonzero(chosen >= 0)
            expiries, strikes = self._named[decisive]
            if again:
                expiry, strike = rows.expiries[chosen[at]], rows.strikes[chosen[at]]
                less = (expiry < expiries[at]) | ((expiry == expiries[at]) & (strike < strikes[at]))
                at = at[np.isnan(dense[at, columns.index(decisive)]) | less]
            chosen = chosen[at]
            expiries[at], strikes[at] = rows.expiries[chosen], rows.strikes[chosen]
            for j, name in enumerate(columns):
                dense[at, j] = floats(table[name])[chosen]
        if bars.size:
            self._reached = max(self._reached, int(bars.max()))


def on_axes(chain: OptionChainDay, axis: ExpiryAxis, strikes: Floats, fields: Sequence[str]) -> OptionChainDay:
    """A copy of the chain's ``fields`` on other axes, NaN where it has nothing. The strikes contain the chain's own."""
    listed = chain.expiries.astype("datetime64[D]").astype(np.int32)
    days, n_bars, _, _ = chain.shape
    present = np.zeros((days, n_bars, axis.expiries.size), np.bool_)
    closes, others = [], []
    for e, f in enumerate(np.searchsorted(axis.expiries, listed)):
        if listed[e] in axis.expiries:
            present[:, : axis.keep_until[f], f] = chain.present[:, : axis.keep_until[f], e]
            closes.append((e, f, axis.keep_until[f]))
            if axis.deep[f] >= 0 and chain.deep[e] >= 0:
                others.append((chain.deep[e], axis.deep[f], axis.deep_until[f]))
    filled = np.flatnonzero(chain.present[0].any(axis=1))
    stop = filled[-1] + 1 if filled.size else 0
    # new strikes lie together, mostly at the ends: between them whole runs are copied
    k = np.searchsorted(strikes, chain.strikes)
    starts = np.flatnonzero(np.diff(k, prepend=-2) != 1)
    runs = list(zip(starts, [*starts[1:], k.size], strict=True))
    deep = int(np.count_nonzero(axis.deep >= 0))
    widths = {field: axis.expiries.size if field == "close" else deep for field in LEG_FIELDS if field in fields}
    # one allocation, as ``scatter_pair`` advises
    room, used = np.full(days * n_bars * strikes.size * 2 * sum(widths.values()), np.nan), 0
    dense: dict[str, Any] = {field: np.empty((days, n_bars, 0, strikes.size, 2)) for field in LEG_FIELDS}
    for field, width in widths.items():
        size = days * n_bars * width * strikes.size * 2
        made = room[used : used + size].reshape(days, n_bars, width, strikes.size, 2)
        dense[field], used, held = made, used + size, getattr(chain, field)
        for e, f, until in closes if field == "close" else others:
            bars = min(until, stop)
            for first, last in runs:
                made[:, :bars, f, k[first] : k[first] + last - first] = held[:, :bars, e, first:last]
    return replace(
        chain,
        expiries=axis.expiries.astype("datetime64[D]"),
        dte=(axis.expiries - np.datetime64(chain.trade_date, "D").astype(np.int64)).astype(np.int64),
        strikes=strikes,
        deep=axis.deep,
        keep_until=axis.keep_until,
        deep_until=axis.deep_until,
        present=present,
        **dense,
    )
