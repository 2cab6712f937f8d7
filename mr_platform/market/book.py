"""The dense symbol-day while its session runs: rows are written where they belong as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mr_platform.errors import DataError
from mr_platform.kernels.cpu import scatter
from mr_platform.market.chain import FUTURE_FIELDS, LEG_FIELDS, Floats, Ints, OptionChainDay, Rows, floats, symbol_of
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import Session

_ROOM, _COARSE_ROOM = 0.12, 0.3
"""Every listed strike up to this share of the underlying away has a place from the start, and further out the round
ones: a new one seldom moves the axis. Where one does, there is room up to it from then on."""
_SPARE = 0.02
_COARSE = 10
"""Steps between round strikes."""


class ChainBook:
    """One session's chain, the same as ``OptionChainDay.from_core`` of all rows taken so far gives, but for strikes on
    its axis that no row has named yet.

    ``roomy`` books make room for strikes that may come; others hold just what was seen.
    """

    def __init__(self, session: Session, *, symbol: str | None = None, roomy: bool = True, **read: Any) -> None:
        self.session = session
        self._chain: OptionChainDay | None = None
        self._symbol = symbol
        self._roomy = roomy
        self._reach = [_ROOM, _COARSE_ROOM]
        self._read = read
        self._taken: list[pa.Table] = []
        self._bar_of_minute = np.full(1440, -1, np.int64)
        self._bar_of_minute[session.bar_minutes] = np.arange(session.n_bars)

    def take(self, rows: pa.Table) -> tuple[OptionChainDay, bool]:
        """The chain with these rows of core/option_chain, and whether its axes are new: indices found before are void.

        DataError as ``OptionChainDay.from_core``.
        """
        self._taken.append(rows)
        if self._chain is not None and self._fits(self._chain, rows):
            return self._chain, False
        whole = pa.concat_tables(self._taken)
        room = self._room(whole) if self._roomy else None
        self._chain = OptionChainDay.from_core(whole, self.session, symbol=self._symbol, room=room, **self._read)
        return self._chain, True

    def _room(self, rows: pa.Table) -> Floats | None:
        """Strikes that get a place whether or not a row names them: up to the furthest seen, round ones and others."""
        symbol = self._symbol or symbol_of(rows, str(self.session.trade_date))
        step = self._read.get("strike_step") or instrument(symbol).strike_step
        strikes = np.unique(floats(rows["strike"]))
        levels = [rows[name].drop_null() for name in ("future_close", "spot")]
        level = next(
            (float(one[0].as_py()) for one in levels if len(one)), float(np.median(strikes)) if strikes.size else 0
        )
        if not level > 0:
            return None
        rounded = strikes % (_COARSE * step) == 0
        grids = []
        for i, (width, held) in enumerate(((step, strikes[~rounded]), (_COARSE * step, strikes[rounded]))):
            if held.size:
                furthest = float(np.abs(held / level - 1).max())
                self._reach[i] = self._reach[i] if furthest <= self._reach[i] else furthest + _SPARE
            reach = min(self._reach[i], 1.0)
            grids.append(
                np.arange(np.ceil((1 - reach) * level / width), np.floor((1 + reach) * level / width) + 1) * width
            )
        return np.union1d(*grids)

    def _fits(self, chain: OptionChainDay, table: pa.Table) -> bool:
        """Write the rows where the axes already have their places; False, and nothing is written, where they lack."""
        place = f"core/option_chain {chain.symbol} {chain.trade_date}"
        rows = Rows.of(table, self.session, place)
        near = chain.expiries.astype("datetime64[D]").astype(np.int32)
        today = int(np.datetime64(chain.trade_date, "D").astype(np.int64))
        # an expiry without a place needs one unless enough nearer ones have been seen
        last, most = today + self._read.get("max_dte", 0), self._read.get("max_expiries", 0)
        if near.size == 0 or not scatter.all_have_places(
            rows.expiries, rows.strikes, today, last, most, near, chain.strikes
        ):
            return False
        cells = scatter.cell_index(
            rows.minutes, rows.expiries, rows.strikes, self._bar_of_minute, near, chain.strikes, chain.keep_until
        )
        self._refuse(cells, chain, place)
        deep = scatter.deep_cells(cells, chain.deep, chain.deep_until, chain.strikes.size)
        for field in LEG_FIELDS:
            dense = getattr(chain, field)
            if dense.shape[2] and field in self._read.get("fields", LEG_FIELDS):
                pair = (floats(table[f"{leg}_{field}"]) for leg in ("ce", "pe"))
                scatter.put_pair(cells if field == "close" else deep, *pair, dense.reshape(-1, 2))
        chain.present[0].reshape(-1)[cells[cells >= 0] // chain.strikes.size] = True
        self._repeat(chain, table, rows)
        return True

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

    def _repeat(self, chain: OptionChainDay, table: pa.Table, rows: Rows) -> None:
        """Spot and future of the rows' bars."""
        bars = self._bar_of_minute[rows.minutes]
        names: Sequence[tuple[Floats, tuple[str, ...], str]] = (
            (chain.spot[0][:, None], ("spot",), "spot"),
            (chain.future[0], tuple(f"future_{field}" for field in FUTURE_FIELDS), "future_close"),
        )
        for dense, columns, decisive in names:
            if table[decisive].null_count == table.num_rows:
                continue
            chosen = scatter.first_row_of_bar(
                bars, rows.expiries, rows.strikes, floats(table[decisive]), self.session.n_bars
            )
            for j, name in enumerate(columns):
                scatter.put_rows(chosen, floats(table[name]), dense[:, j])
