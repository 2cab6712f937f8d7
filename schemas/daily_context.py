"""core/daily_context: the only memory that crosses from one session into the next. One row a symbol-day."""

from __future__ import annotations

import pyarrow as pa

from schemas.tables import IST_TIMESTAMP, Column, TableSchema

_LIST = pa.list_(pa.float64())
_SERIES = "ATM, ITM1, OTM1 straddles, calls, puts, then the underlying"
_BOUND = "; of a straddle the sum of its legs' own, an outer bound"
_STRADDLE_SPANS = "ATM, ITM1, OTM1 straddle by timeframe 3, 5, 10, 15 by span 20, 50, 100, 200"

DAILY_CONTEXT = TableSchema(
    name="core/daily_context",
    version=2,
    description="What a session leaves for the sessions after it: levels, sums, recursion states and 5-minute bars.",
    key=("symbol", "trade_date"),
    columns=(
        Column("symbol", pa.string(), "Underlying, as in configs/instruments.yaml", nullable=False),
        Column("trade_date", pa.date32(), "Session", nullable=False),
        Column(
            "underlying",
            pa.string(),
            "What stood for the underlying",
            nullable=False,
            values=("future", "spot", "forward"),
        ),
        Column("dte", pa.int32(), "Calendar days to the nearest expiry; -1 in a session without rows", nullable=False),
        Column("priced_bars", pa.int32(), "Minutes with an ATM straddle price", "minutes", nullable=False, lowest=0),
        *(
            Column(f"rolling_{word}", _LIST, f"{word} of the session [10]: {_SERIES}{note}", "rupees", nullable=False)
            for word, note in (("open", ""), ("high", _BOUND), ("low", _BOUND), ("close", ""))
        ),
        Column("session_value", _LIST, f"Sum of price x volume [10]: {_SERIES}", nullable=False),
        Column("session_volume", _LIST, f"Sum of volume over bars with a price [10]: {_SERIES}", nullable=False),
        Column(
            "week_value",
            _LIST,
            "session_value summed over the calendar week, NaN if not all known [10]",
            nullable=False,
        ),
        Column(
            "week_volume",
            _LIST,
            "session_volume summed over the calendar week, NaN if not all known [10]",
            nullable=False,
        ),
        Column(
            "ema_value", _LIST, "EMA 20, 50, 100, 200 of the nine series at the close [36]", "rupees", nullable=False
        ),
        Column("ema_bars", _LIST, "Prices each EMA has seen [36]", "bars", nullable=False),
        Column("slow_ema_value", _LIST, f"EMA on k-minute bars [48]: {_STRADDLE_SPANS}", "rupees", nullable=False),
        Column("slow_ema_bars", _LIST, "k-minute bars each has seen [48]", "bars", nullable=False),
        Column("atr_value", _LIST, "Wilder ATR 14, 21, 50 of ATM straddle, underlying [6]", "rupees", nullable=False),
        Column("atr_bars", _LIST, "True ranges each ATR has seen [6]", "bars", nullable=False),
        Column("component_return", _LIST, "Session log return of the ten C1 components' calls [10]", nullable=False),
        Column("timeframe_return", _LIST, "Session log return of the four timeframes' calls [4]", nullable=False),
        Column("past_dte", _LIST, "dte of the last n <= 252 sessions with prices, this one last [n]", nullable=False),
        Column("past_component_return", _LIST, "component_return of those sessions [n x 10]", nullable=False),
        Column("past_timeframe_return", _LIST, "timeframe_return of those sessions [n x 4]", nullable=False),
        Column("atm_iv_close", pa.float64(), "Last known ATM implied volatility", "decimal per year"),
        Column(
            "daily_date", pa.list_(pa.int32()), "Finished sessions before this one, days since 1970", nullable=False
        ),
        Column(
            "daily_ohlc",
            _LIST,
            "Their open, high, low, close [n x 4], n <= 520, oldest first",
            "rupees",
            nullable=False,
        ),
        Column("memory_name", pa.list_(pa.string()), "Arrays that components hand on, by name", nullable=False),
        Column("memory_shape", pa.list_(pa.list_(pa.int32())), "Shape of each of them", nullable=False),
        Column("memory_values", pa.list_(_LIST), "Their values, row by row", nullable=False),
        Column(
            "bar5_minute", pa.list_(pa.int32()), "Minute of the day at which each 5-minute bar starts", nullable=False
        ),
        Column("bar5_underlying_close", _LIST, "Last underlying price in each 5-minute bar", "rupees", nullable=False),
        Column(
            "bar5_straddle_return",
            _LIST,
            "Log return over 5 minutes of the ATM straddle contract held at each bar's last minute",
            nullable=False,
        ),
        Column(
            "bar5_atm_iv", _LIST, "ATM implied volatility at each bar's last minute", "decimal per year", nullable=False
        ),
        Column("known_ts", IST_TIMESTAMP, "Close of the session", nullable=False),
    ),
)
