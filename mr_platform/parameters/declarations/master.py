"""MasterConfiguration: what the system as a whole does, and the three modes it can be tuned for."""

from __future__ import annotations

from datetime import time
from functools import partial

from mr_platform.parameters.declaration import (
    Declarations,
    Parameter,
    RecordTable,
    SheetShape,
    TableColumn,
    TableShape,
)
from mr_platform.parameters.declarations import consumers as read_by
from mr_platform.parameters.declarations.layouts import ON, records
from mr_platform.parameters.values import BOOL, CLOCK_TIME, FLOAT, INT, TEXT, Choice, Pattern

_SHEET = "MasterConfiguration"
_MODES = "Configuration Mode Descriptions"

TRADING_MODE = Choice("INTRADAY", "SWING", "POSITION")
MARKET_TYPE = Choice("EQUITY", "OPTIONS", "FUTURES", "FOREX", "EQUITY_OPTIONS", "INDEX_OPTIONS")
RESPONSIVENESS = Choice("LOW", "MEDIUM", "HIGH", "ULTRA")
REGIME_FAMILY = Choice("TRENDING", "NEUTRAL", "SIDEWAYS", "ALL")
TIME_ZONE = Pattern(r"[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)*", "a zone of the IANA database such as Asia/Kolkata")

# fmt: off
_row = partial(Parameter, _SHEET)
_ROWS = (
    _row("trading_mode", TRADING_MODE, "INTRADAY", "",
         "horizon that the regimes serve", read_by.REGIME_SPELLS),
    _row("market_type", MARKET_TYPE, "EQUITY_OPTIONS", "",
         "kind of instrument the chain holds", read_by.INSTRUMENTS),
    _row("target_daily_transitions", FLOAT, 2.5, "a session",
         "regime changes a session that hysteresis is tuned towards", read_by.REGIME_SPELLS, low=1, high=5),
    _row("accuracy_vs_stability", FLOAT, 0.7, "share",
         "weight of a right answer against a lasting one when settings are chosen", read_by.RETRAINING, low=0, high=1),
    _row("responsiveness_level", RESPONSIVENESS, "HIGH", "",
         "how soon a change of market may change the regime", read_by.REGIME_SPELLS),
    _row("enable_all_regimes", BOOL, ON, "",
         "all 18 workbook regimes may be answered", read_by.REGIME_FORMATION),
    _row("preferred_regime_types", REGIME_FAMILY, "ALL", "",
         "family of regimes that wins a tie", read_by.REGIME_FORMATION),
    _row("regime_lock_prevention", BOOL, ON, "",
         "raise an alarm when one regime holds for too long", read_by.HEALTH),
    _row("market_timezone", TIME_ZONE, "Asia/Kolkata", "",
         "zone of every clock time in the workbook", read_by.SESSIONS),
    _row("market_open_time", CLOCK_TIME, time(9, 15), "market time",
         "start of the first bar of a session", read_by.SESSIONS),
    _row("market_close_time", CLOCK_TIME, time(15, 30), "market time",
         "end of the last bar of a session", read_by.SESSIONS),
    _row("enable_adaptive_learning", BOOL, ON, "",
         "weights and thresholds may learn", read_by.RETRAINING),
    _row("enable_multi_timeframe", BOOL, ON, "",
         "timeframes vote on the regime", read_by.TIMEFRAME_CONSENSUS),
    _row("enable_volume_analysis", BOOL, ON, "",
         "volume takes part in regime detection", read_by.REGIME_FORMATION),
    _row("enable_greek_analysis", BOOL, ON, "",
         "Greeks take part in regime detection", read_by.REGIME_FORMATION),
    _row("gpu_acceleration", BOOL, ON, "",
         "batches run on a GPU where there is one", read_by.ENGINE),
    _row("parallel_processing", BOOL, ON, "",
         "symbol-days run in several processes", read_by.ENGINE),
    _row("cache_enabled", BOOL, ON, "",
         "results that did not change are kept", read_by.ENGINE),
    _row("max_position_during_transition", FLOAT, 0.5, "share of the full position",
         "largest position while a transition is tentative", read_by.POSITIONS, low=0, high=1),
    _row("regime_confirmation_bars", INT, 3, "bars",
         "bars a new regime must hold before it is confirmed", read_by.REGIME_SPELLS, low=1, high=10),
    _row("emergency_exit_enabled", BOOL, ON, "",
         "an emergency may end a regime before its shortest duration", read_by.REGIME_TRANSITIONS),
)
# fmt: on

_MODE_TABLE = RecordTable(
    sheet=_SHEET,
    title=_MODES,
    key="Mode",
    columns=(TableColumn("Mode", TRADING_MODE), TableColumn("Description", TEXT)),
    default=(
        ("INTRADAY", "positions of a session: two or three transitions a day, quick to respond"),
        ("SWING", "positions of days: fewer transitions, more confirmation"),
        ("POSITION", "positions of weeks: transitions are rare and stability comes first"),
    ),
    consumer=read_by.CONFIG_SHOW,
    description="what each trading mode is meant for",
)

_SHAPE = SheetShape(
    _SHEET,
    "parameters",
    3,
    (
        TableShape(
            "",
            "parameters",
            ("Parameter", "Value", "Options", "Default", "Description"),
            key="Parameter",
            value="Value",
        ),
        records(_MODES, (), "Mode"),
    ),
    description="the system as a whole",
)


def declarations() -> Declarations:
    """Of MasterConfiguration."""
    return Declarations(parameters=_ROWS, tables=(_MODE_TABLE,), sheets=(_SHAPE,))
