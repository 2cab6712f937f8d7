"""RegimeClassification, RegimeFormationConfig and RegimeParameters: the workbook's 18 regimes."""

from __future__ import annotations

from mr_platform.parameters.declaration import Declarations, RecordTable, TableColumn
from mr_platform.parameters.declarations.consumers import (
    POSITIONS,
    REGIME_FORMATION,
    REGIME_PICTURES,
    WORKBOOK_REGIMES,
)
from mr_platform.parameters.declarations.layouts import record_sheet, records, undescribed
from mr_platform.parameters.expressions import EXPRESSION, REGIME_PATTERN, REGIMES, TRENDS
from mr_platform.parameters.terms import Interval
from mr_platform.parameters.values import COLOR, FLOAT, INT, RANGE, TEXT, Choice, Pattern, Value

VOLATILITY_CLASS = Choice("Low", "Medium", "High")
TREND_CLASS = Choice(*TRENDS)
REGIME = Choice(*REGIMES)
BIAS = Choice("NONE", "LONG", "LONG_CAUTIOUS", "LONG_AGGRESSIVE", "SHORT", "SHORT_CAUTIOUS", "SHORT_AGGRESSIVE",
              "RANGE", "RANGE_WIDE")  # fmt: skip
FORMATION_ID = Pattern("RF[0-9]{3}", "a formation rule's number such as RF001")

_ID = TableColumn("RegimeID", INT, low=0, high=17, description="3 x trend + volatility (high 0, medium 1, low 2)")
_NAME = TableColumn("RegimeName", REGIME, description="trend and volatility in words")


def _when(*conditions: str) -> tuple[Value, ...]:
    return tuple(EXPRESSION.parse(condition) for condition in conditions)


# fmt: off
_CLASSES = RecordTable(
    sheet="RegimeClassification",
    title="",
    key="RegimeID",
    columns=(
        _ID,
        _NAME,
        TableColumn("VolatilityClass", VOLATILITY_CLASS, description="class of the table Volatility Thresholds"),
        TableColumn("TrendClass", TREND_CLASS, description="class of the table Trend Thresholds"),
        TableColumn("MinDuration", INT, "minutes", low=1, high=375, description="shortest spell"),
        TableColumn("Priority", INT, low=1, high=18, description="where scores tie, the smallest wins"),
        TableColumn("Color", COLOR, description="colour in pictures"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        ( 0, "Strong_Bullish_High_Vol", "High",   "Strong_Bullish", 30,  1, "#00FF00"),
        ( 1, "Strong_Bullish_Med_Vol",  "Medium", "Strong_Bullish", 30,  2, "#32CD32"),
        ( 2, "Strong_Bullish_Low_Vol",  "Low",    "Strong_Bullish", 45,  3, "#90EE90"),
        ( 3, "Bullish_High_Vol",        "High",   "Bullish",        25,  4, "#ADFF2F"),
        ( 4, "Bullish_Med_Vol",         "Medium", "Bullish",        30,  5, "#7FFF00"),
        ( 5, "Bullish_Low_Vol",         "Low",    "Bullish",        40,  6, "#7CFC00"),
        ( 6, "Neutral_High_Vol",        "High",   "Neutral",        20,  7, "#FFD700"),
        ( 7, "Neutral_Med_Vol",         "Medium", "Neutral",        25,  8, "#FFFF00"),
        ( 8, "Neutral_Low_Vol",         "Low",    "Neutral",        30,  9, "#FFFFE0"),
        ( 9, "Bearish_High_Vol",        "High",   "Bearish",        25, 10, "#FFA500"),
        (10, "Bearish_Med_Vol",         "Medium", "Bearish",        30, 11, "#FF8C00"),
        (11, "Bearish_Low_Vol",         "Low",    "Bearish",        40, 12, "#FF7F50"),
        (12, "Strong_Bearish_High_Vol", "High",   "Strong_Bearish", 30, 13, "#FF0000"),
        (13, "Strong_Bearish_Med_Vol",  "Medium", "Strong_Bearish", 30, 14, "#DC143C"),
        (14, "Strong_Bearish_Low_Vol",  "Low",    "Strong_Bearish", 45, 15, "#B22222"),
        (15, "Sideways_High_Vol",       "High",   "Sideways",       25, 16, "#9370DB"),
        (16, "Sideways_Med_Vol",        "Medium", "Sideways",       35, 17, "#8A2BE2"),
        (17, "Sideways_Low_Vol",        "Low",    "Sideways",       45, 18, "#9400D3"),
    ),
    consumer=REGIME_PICTURES,
    description="the 18 regimes by id, with the classes they are made of",
)

_VOLATILITY = RecordTable(
    sheet="RegimeClassification",
    title="Volatility Thresholds",
    key="Class",
    columns=(
        TableColumn("Class", VOLATILITY_CLASS),
        TableColumn("MinValue", FLOAT, "per year, decimal", low=0, high=5, description="realised volatility from"),
        TableColumn("MaxValue", FLOAT, "per year, decimal", low=0, high=5, description="to"),
        TableColumn("ATR_Percentile", RANGE, "percentile", low=0, high=100, description="preferred where known"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        ("Low",     0.0, 0.12, Interval(0.0, 30.0)),
        ("Medium", 0.12, 0.25, Interval(30.0, 70.0)),
        ("High",   0.25,  1.0, Interval(70.0, 100.0)),
    ),
    consumer=WORKBOOK_REGIMES,
    field="workbook_regimes.volatility",
    description="what low, medium and high volatility are",
)

_TREND = RecordTable(
    sheet="RegimeClassification",
    title="Trend Thresholds",
    key="Class",
    columns=(
        TableColumn("Class", TREND_CLASS),
        TableColumn("MinSlope", FLOAT, "relative change", low=-1, high=1, description="slope over a session from"),
        TableColumn("MaxSlope", FLOAT, "relative change", low=-1, high=1, description="to"),
        TableColumn("MinADX", FLOAT, "points", low=0, high=100, description="least average directional index"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        ("Strong_Bearish",   -1.0, -0.015, 30.0),
        ("Bearish",        -0.015, -0.003, 20.0),
        ("Neutral",        -0.003,  0.003,  0.0),
        ("Sideways",       -0.005,  0.005, 15.0),
        ("Bullish",         0.003,  0.015, 20.0),
        ("Strong_Bullish",  0.015,    1.0, 30.0),
    ),
    consumer=WORKBOOK_REGIMES,
    field="workbook_regimes.trends",
    description="what the six trends are",
)

_FORMATION = RecordTable(
    sheet="RegimeFormationConfig",
    title="",
    key="RuleID",
    columns=(
        TableColumn("RuleID", FORMATION_ID, description="number of the rule"),
        TableColumn("RegimeType", REGIME_PATTERN, description="regimes it forms, a name or a pattern"),
        TableColumn("Condition1", EXPRESSION, description="on the trend"),
        TableColumn("Condition2", EXPRESSION, description="on volatility"),
        TableColumn("Condition3", EXPRESSION, description="on sentiment"),
        TableColumn("MinScore", FLOAT, "ratio", low=0, high=1, description="least score of the regime"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        ("RF001", "Strong_Bullish_High_Vol",
         *_when("trend_slope>0.015", "atr_percentile>70", "greek_sentiment>0.7"), 0.75),
        ("RF002", "Strong_Bullish_Med_Vol",
         *_when("trend_slope>0.015", "atr_percentile:30-70", "greek_sentiment>0.7"), 0.70),
        ("RF003", "Strong_Bullish_Low_Vol",
         *_when("trend_slope>0.015", "atr_percentile<30", "greek_sentiment>0.6"), 0.65),
        ("RF004", "Bullish_High_Vol",
         *_when("trend_slope:0.003-0.015", "atr_percentile>70", "greek_sentiment>0.3"), 0.60),
        ("RF005", "Bullish_Med_Vol",
         *_when("trend_slope:0.003-0.015", "atr_percentile:30-70", "greek_sentiment>0.3"), 0.55),
        ("RF006", "Bullish_Low_Vol",
         *_when("trend_slope:0.003-0.015", "atr_percentile<30", "greek_sentiment>0.2"), 0.50),
        ("RF007", "Neutral_High_Vol",
         *_when("abs(trend_slope)<0.003", "atr_percentile>70", "abs(greek_sentiment)<0.3"), 0.50),
        ("RF008", "Neutral_Med_Vol",
         *_when("abs(trend_slope)<0.003", "atr_percentile:30-70", "abs(greek_sentiment)<0.3"), 0.45),
        ("RF009", "Neutral_Low_Vol",
         *_when("abs(trend_slope)<0.003", "atr_percentile<30", "abs(greek_sentiment)<0.2"), 0.40),
        ("RF010", "Sideways_*", *_when("price_in_range:0.95", "trend_strength<0.3", "volume_profile:balanced"), 0.55),
    ),
    consumer=REGIME_FORMATION,
    description="conditions that form a regime",
)

_SPELLS = RecordTable(
    sheet="RegimeParameters",
    title="",
    key="RegimeID",
    columns=(
        _ID,
        _NAME,
        TableColumn("MinDuration", INT, "minutes", low=1, high=375, description="shortest spell"),
        TableColumn("TypicalDuration", INT, "minutes", low=1, high=375, description="usual spell"),
        TableColumn("MaxDuration", INT, "minutes", low=1, high=375, description="longest before it is tested again"),
        TableColumn("EntryThreshold", FLOAT, "ratio", low=0, high=1, description="score that enters it"),
        TableColumn("ExitThreshold", FLOAT, "ratio", low=0, high=1, description="score below which it is left"),
        TableColumn("TradingBias", BIAS, description="side a position prefers"),
    ),
    default=(
        ( 8, "Neutral_Low_Vol",         20,  60, 180, 0.40, 0.35, "NONE"),
        ( 7, "Neutral_Med_Vol",         25,  75, 200, 0.42, 0.38, "NONE"),
        ( 6, "Neutral_High_Vol",        30,  90, 240, 0.45, 0.40, "NONE"),
        ( 5, "Bullish_Low_Vol",         30,  90, 240, 0.44, 0.40, "LONG"),
        ( 4, "Bullish_Med_Vol",         35, 100, 300, 0.46, 0.42, "LONG"),
        ( 3, "Bullish_High_Vol",        40, 120, 360, 0.48, 0.44, "LONG_CAUTIOUS"),
        ( 2, "Strong_Bullish_Low_Vol",  45, 120, 300, 0.50, 0.45, "LONG_AGGRESSIVE"),
        ( 1, "Strong_Bullish_Med_Vol",  45, 120, 300, 0.52, 0.47, "LONG_AGGRESSIVE"),
        ( 0, "Strong_Bullish_High_Vol", 45, 120, 300, 0.55, 0.50, "LONG_AGGRESSIVE"),
        (11, "Bearish_Low_Vol",         30,  90, 240, 0.44, 0.40, "SHORT"),
        (10, "Bearish_Med_Vol",         35, 100, 300, 0.46, 0.42, "SHORT"),
        ( 9, "Bearish_High_Vol",        40, 120, 360, 0.48, 0.44, "SHORT_CAUTIOUS"),
        (14, "Strong_Bearish_Low_Vol",  45, 120, 300, 0.50, 0.45, "SHORT_AGGRESSIVE"),
        (13, "Strong_Bearish_Med_Vol",  45, 120, 300, 0.52, 0.47, "SHORT_AGGRESSIVE"),
        (12, "Strong_Bearish_High_Vol", 45, 120, 300, 0.55, 0.50, "SHORT_AGGRESSIVE"),
        (17, "Sideways_Low_Vol",        35,  90, 240, 0.42, 0.38, "RANGE"),
        (16, "Sideways_Med_Vol",        40, 100, 300, 0.44, 0.40, "RANGE"),
        (15, "Sideways_High_Vol",       45, 120, 360, 0.46, 0.42, "RANGE_WIDE"),
    ),
    consumer=POSITIONS,
    description="durations, thresholds and trading side of each regime",
)
# fmt: on

_SHEETS = (
    record_sheet(
        "RegimeClassification",
        _CLASSES.names,
        "RegimeID",
        _CLASSES.description,
        records(_VOLATILITY.title, _VOLATILITY.names, "Class"),
        records(_TREND.title, _TREND.names, "Class"),
    ),
    record_sheet("RegimeFormationConfig", _FORMATION.names, "RuleID", _FORMATION.description, header_row=3),
    record_sheet("RegimeParameters", _SPELLS.names, "RegimeID", _SPELLS.description),
)


def declarations() -> Declarations:
    """Of the three sheets on the workbook's regimes."""
    return Declarations(tables=(_CLASSES, _VOLATILITY, _TREND, _FORMATION, _SPELLS), sheets=_SHEETS)
