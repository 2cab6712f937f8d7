"""IntradaySettings: sensitivity by time of day and on special days."""

from __future__ import annotations

from datetime import time

from mr_platform.parameters.declaration import Declarations, RecordTable, TableColumn
from mr_platform.parameters.declarations.consumers import INTRADAY_SENSITIVITY
from mr_platform.parameters.declarations.layouts import record_sheet, records, undescribed
from mr_platform.parameters.expressions import REGIME_PATTERN
from mr_platform.parameters.values import CLOCK_TIME, FLOAT, TEXT, Choice, ListOf, Pattern

SLOT = Pattern("[A-Z][A-Za-z]+", "a slot's name in one word")
DAY_TYPE = Choice(
    "Weekly Expiry",
    "Monthly Expiry",
    "Monday Opening",
    "Friday Closing",
    "Holiday Eve",
    "Result Days",
    "RBI Policy",
    "Budget Day",
)
DAY_CHANGE = Choice(
    "Increase volatility regimes",
    "Increase all regime changes",
    "Increase volatility detection",
    "Increase neutral detection",
    "Allow gap transitions",
    "Reduce strong regimes",
    "Reduce all sensitivity",
)

# fmt: off
_SLOTS = RecordTable(
    sheet="IntradaySettings",
    title="",
    key="TimeSlot",
    columns=(
        TableColumn("TimeSlot", SLOT, description="name of the slot"),
        TableColumn("StartTime", CLOCK_TIME, "market time", description="its first minute"),
        TableColumn("EndTime", CLOCK_TIME, "market time", description="the minute after its last"),
        TableColumn("Sensitivity", FLOAT, "multiplier", low=0.1, high=5, description="factor on signal strength"),
        TableColumn("PreferredRegimes", ListOf(REGIME_PATTERN), description="regimes that win a tie"),
        TableColumn("RestrictedRegimes", ListOf(REGIME_PATTERN), description="regimes not entered in the slot"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        ("PreMarket",      time(9, 0),   time(9, 15),  0.8, ("Neutral_*",),          ("Strong_*",)),
        ("OpeningBell",    time(9, 15),  time(9, 30),  2.0, ("ALL",),                ("NONE",)),
        ("EarlyMorning",   time(9, 30),  time(10, 30), 1.5, ("Trending",),           ("Sideways",)),
        ("MidMorning",     time(10, 30), time(11, 30), 1.2, ("ALL",),                ("NONE",)),
        ("PreLunch",       time(11, 30), time(12, 30), 0.9, ("Neutral", "Sideways"), ("Strong_*",)),
        ("LunchHour",      time(12, 30), time(13, 30), 0.7, ("Neutral", "Sideways"), ("Strong_*",)),
        ("EarlyAfternoon", time(13, 30), time(14, 30), 1.1, ("ALL",),                ("NONE",)),
        ("LateAfternoon",  time(14, 30), time(15, 0),  1.3, ("Trending",),           ("NONE",)),
        ("ClosingHour",    time(15, 0),  time(15, 30), 1.6, ("ALL",),                ("NONE",)),
    ),
    consumer=INTRADAY_SENSITIVITY,
    description="sensitivity and admitted regimes by time of day",
)

_DAYS = RecordTable(
    sheet="IntradaySettings",
    title="Special Day Adjustments",
    key="DayType",
    columns=(
        TableColumn("DayType", DAY_TYPE, description="kind of day"),
        TableColumn("SensitivityMultiplier", FLOAT, "multiplier", low=0.1, high=5, description="factor on every slot"),
        TableColumn("RegimeAdjustment", DAY_CHANGE, description="what else changes"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=(
        ("Weekly Expiry", 1.40, "Increase volatility regimes", "the nearest contract expires"),
        ("Monthly Expiry", 1.60, "Increase all regime changes", "the monthly contract expires"),
        ("Monday Opening", 1.20, "Allow gap transitions", "two days of news in the open"),
        ("Friday Closing", 1.15, "Reduce strong regimes", "positions are closed before the weekend"),
        ("Holiday Eve", 0.80, "Reduce all sensitivity", "few take part"),
        ("Result Days", 2.00, "Increase volatility detection", "large constituents report"),
        ("RBI Policy", 1.80, "Increase neutral detection", "the central bank announces its rate"),
    ),
    consumer=INTRADAY_SENSITIVITY,
    description="sensitivity on days that are not like others",
)
# fmt: on

_SHEETS = (
    record_sheet(
        "IntradaySettings",
        _SLOTS.names,
        "TimeSlot",
        _SLOTS.description,
        records(_DAYS.title, _DAYS.names, "DayType"),
    ),
)


def declarations() -> Declarations:
    """Of IntradaySettings."""
    return Declarations(tables=(_SLOTS, _DAYS), sheets=_SHEETS)
