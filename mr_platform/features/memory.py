"""The daily context of one symbol-day as arrays, and its row in core/daily_context.

Memory between sessions goes through it alone. How it is made from a session's chain is in ``features.context``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mr_platform.errors import DataError
from schemas.daily_context import DAILY_CONTEXT

Floats = NDArray[np.float64]

LONGEST_GAP = timedelta(days=10)
"""A session further back is no predecessor: recursions and levels start afresh."""

_SHAPES: dict[str, tuple[int, ...]] = {
    "ema_value": (9, 4),
    "ema_bars": (9, 4),
    "slow_ema_value": (3, 4, 4),
    "slow_ema_bars": (3, 4, 4),
    "atr_value": (2, 3),
    "atr_bars": (2, 3),
    "component_return": (10,),
    "timeframe_return": (4,),
    "past_dte": (-1,),
    "past_component_return": (-1, 10),
    "past_timeframe_return": (-1, 4),
    "daily_ohlc": (-1, 4),
    "bar5_underlying_close": (-1,),
    "bar5_straddle_return": (-1,),
    "bar5_atm_iv": (-1,),
}
_SPLIT = {
    "rolling_ohlc": ("rolling_open", "rolling_high", "rolling_low", "rolling_close"),
    "session_sums": ("session_value", "session_volume"),
    "week_sums": ("week_value", "week_volume"),
}


@dataclass(frozen=True, eq=False)
class DailyBars:
    """Finished sessions, oldest first: ``dates`` datetime64[D] [n], ``ohlc`` [n, 4] in rupees."""

    dates: NDArray[np.datetime64]
    ohlc: Floats

    @staticmethod
    def empty() -> DailyBars:
        """No session yet."""
        return DailyBars(np.empty(0, "datetime64[D]"), np.empty((0, 4)))

    def with_session(self, trade_date: date, ohlc: Floats, *, most: int) -> DailyBars:
        """One session more, in place of what is there from that date on; unchanged where it has no price."""
        if not np.isfinite(ohlc).all():
            return self
        n = int(np.searchsorted(self.dates, np.datetime64(trade_date, "D")))
        dates = np.append(self.dates[:n], np.datetime64(trade_date, "D"))
        return DailyBars(dates[-most:], np.concatenate([self.ohlc[:n], ohlc[None]])[-most:])


MOST_DAILY_BARS = 520
"""Two years and a bit: enough for a monthly EMA of 24."""


@dataclass(frozen=True, eq=False)
class DailyContext:
    """What a session leaves; shapes and units as in ``schemas.daily_context``, NaN for what is not known.

    ``rolling_ohlc`` [10, 4], ``session_sums`` and ``week_sums`` [10, 2] (value, volume): nine series, then the
    underlying. ``past_dte`` [n], ``past_component_return`` [n, 10] and ``past_timeframe_return`` [n, 4] are of this
    session and those before it, oldest first, so that what is learned needs this row alone. ``daily`` are the
    sessions before this one, in the units of this session's underlying. ``memory`` are the arrays that components hand
    on, each named after its component (``c2_...``). ``known_at`` is the session's close, naive IST.
    """

    symbol: str
    trade_date: date
    underlying: str
    dte: int
    priced_bars: int
    rolling_ohlc: Floats
    session_sums: Floats
    week_sums: Floats
    ema_value: Floats
    ema_bars: Floats
    slow_ema_value: Floats
    slow_ema_bars: Floats
    atr_value: Floats
    atr_bars: Floats
    component_return: Floats
    timeframe_return: Floats
    past_dte: Floats
    past_component_return: Floats
    past_timeframe_return: Floats
    atm_iv_close: float
    daily_date: NDArray[np.int64]
    daily_ohlc: Floats
    bar5_minute: NDArray[np.int64]
    bar5_underlying_close: Floats
    bar5_straddle_return: Floats
    bar5_atm_iv: Floats
    memory: Mapping[str, Floats]
    known_at: datetime

    @property
    def daily(self) -> DailyBars:
        """Finished sessions up to and with this one, in the units of its underlying."""
        before = DailyBars(self.daily_date.astype("datetime64[D]"), self.daily_ohlc)
        return before.with_session(self.trade_date, self.rolling_ohlc[-1], most=MOST_DAILY_BARS)

    def to_table(self) -> pa.Table:
        """One row of core/daily_context."""
        row: dict[str, object] = {
            "symbol": self.symbol,
            "trade_date": self.trade_date,
            "underlying": self.underlying,
            "dte": self.dte,
            "priced_bars": self.priced_bars,
            "atm_iv_close": None if np.isnan(self.atm_iv_close) else self.atm_iv_close,
            "bar5_minute": self.bar5_minute.tolist(),
            "daily_date": self.daily_date.tolist(),
            "memory_name": sorted(self.memory),
            "memory_shape": [list(self.memory[name].shape) for name in sorted(self.memory)],
            "memory_values": [self.memory[name].ravel() for name in sorted(self.memory)],
            **{name: getattr(self, name).ravel().tolist() for name in _SHAPES},
        }
        for name, columns in _SPLIT.items():
            row |= {column: getattr(self, name)[:, i].tolist() for i, column in enumerate(columns)}
        schema = _schema()
        known = pa.array([self.known_at], pa.timestamp("us"))
        arrays = [
            pc.assume_timezone(known, timezone="Asia/Kolkata")
            if field.name == "known_ts"
            else pa.array([row[field.name]], field.type)
            for field in schema
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    @staticmethod
    def from_table(table: pa.Table) -> DailyContext:
        """The context of a table of one row; DataError otherwise."""
        if table.num_rows != 1:
            raise DataError(
                rule="a partition of core/daily_context has one row",
                value=f"{table.num_rows} rows",
                place="core/daily_context",
                remedy="publish the partition again",
            )
        memory = _memory(table)
        row = table.drop_columns(["memory_name", "memory_shape", "memory_values"]).to_pylist()[0]
        arrays: dict[str, Any] = {name: np.array(row[name], float).reshape(shape) for name, shape in _SHAPES.items()}
        for name, columns in _SPLIT.items():
            arrays[name] = np.stack([np.array(row[column], float) for column in columns], axis=1)
        plain = ("symbol", "trade_date", "underlying", "dte", "priced_bars")
        return DailyContext(
            **{name: row[name] for name in plain},
            **arrays,
            atm_iv_close=float("nan") if row["atm_iv_close"] is None else row["atm_iv_close"],
            bar5_minute=np.array(row["bar5_minute"], np.int64),
            daily_date=np.array(row["daily_date"], np.int64),
            memory=memory,
            known_at=row["known_ts"].replace(tzinfo=None),
        )


@functools.lru_cache(maxsize=1)
def _schema() -> pa.Schema:
    return DAILY_CONTEXT.arrow()


def _memory(table: pa.Table) -> dict[str, Floats]:
    """The components' arrays of a one-row table, without a trip through Python lists."""
    names = table["memory_name"][0].as_py()
    shapes = table["memory_shape"][0].as_py()
    values = table["memory_values"].combine_chunks().flatten()
    arrays = (values[i].values.to_numpy(zero_copy_only=False).astype(float) for i in range(len(names)))
    return {name: one.reshape(shape) for name, shape, one in zip(names, shapes, arrays, strict=True)}


def latest_before(contexts: Iterable[DailyContext], trade_date: date) -> DailyContext | None:
    """The previous session's context: the latest strictly earlier one, at most ten calendar days back."""
    earlier = [one for one in contexts if trade_date - LONGEST_GAP <= one.trade_date < trade_date]
    return max(earlier, key=lambda one: one.trade_date, default=None)
