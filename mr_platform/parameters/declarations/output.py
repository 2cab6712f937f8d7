"""OutputFormat: the columns of the result file, and how it is written."""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter, RecordTable, TableColumn, TableShape
from mr_platform.parameters.declarations.consumers import EXPORTING, STREAM
from mr_platform.parameters.declarations.filling import carried
from mr_platform.parameters.declarations.layouts import ON, record_sheet
from mr_platform.parameters.values import BOOL, INT, TEXT, Choice, Pattern

_OPTIONS = "Output Options"

COLUMN = Pattern("[a-z][a-z0-9_]*", "a column name in snake_case")
DATA_TYPE = Choice("datetime", "integer", "float", "string", "boolean")
FORMAT = Pattern("%(?:s|d|\\.[0-9]+f|Y-%m-%d %H:%M:%S)", "a format: %s, %d, %.4f or %Y-%m-%d %H:%M:%S")

_WHEN, _WHOLE, _WORD = ("datetime", "%Y-%m-%d %H:%M:%S"), ("integer", "%d"), ("string", "%s")
_D1, _D2, _D3, _D4, _D6 = (("float", f"%.{digits}f") for digits in (1, 2, 3, 4, 6))


def _column(name: str, form: tuple[str, str], description: str) -> tuple[str, str, bool, str, str, str]:
    data_type, text = form
    return name, data_type, True, "N/A", text, description


# fmt: off
_COLUMNS = RecordTable(
    sheet="OutputFormat",
    title="",
    key="ColumnName",
    columns=(
        TableColumn("ColumnName", COLUMN, description="name of the column"),
        TableColumn("DataType", DATA_TYPE, description="its type"),
        TableColumn("Required", BOOL, description="whether it may not be missing"),
        TableColumn("DefaultValue", TEXT, description="what stands for a missing value"),
        TableColumn("Format", FORMAT, description="how a value is written as text"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=(
        _column("timestamp", _WHEN, "close of the bar, market time"),
        _column("regime_id", _WHOLE, "id of the workbook regime, 0..17"),
        _column("regime_name", _WORD, "its name"),
        _column("confidence_score", _D4, "confidence in it, 0..1"),
        _column("regime_score", _D4, "its score before hysteresis"),
        _column("regime_persistence_score", _D4, "how steadily it held, 0..1"),
        _column("stability_level", _WORD, "stable, settling or unstable"),
        _column("time_in_regime_minutes", _D1, "minutes since it began"),
        _column("stability_checks_passed", _WORD, "checks that passed, by name"),
        _column("consensus_score", _D4, "weight of the timeframes behind it"),
        _column("transition_probability", _D4, "probability that it ends with the next bar"),
        _column("noise_level", _D3, "share of noise in the signals"),
        _column("regime_transition", _WHOLE, "1 where it began with this bar"),
        _column("regime_persistence", _D4, "persistence against the regime's usual spell"),
        _column("volatility_component", _WHOLE, "volatility class, 0 high to 2 low"),
        _column("trend_class", _WHOLE, "trend class, 0..5 in order of the ids"),
        _column("vol_class", _WHOLE, "volatility class, as volatility_component"),
        _column("greek_sentiment", _D4, "score of the Greeks, -1..1"),
        _column("trending_oi_pa", _D4, "score of open interest and price action, -1..1"),
        _column("straddle_analysis", _D4, "score of the straddles, -1..1"),
        _column("iv_surface", _D4, "score of implied volatility, -1..1"),
        _column("atr_indicators", _D4, "score of the ATR indicators, -1..1"),
        _column("support1_classic", _D2, "first classic support, index points"),
        _column("resistance1_classic", _D2, "first classic resistance, index points"),
        _column("underlying_spot", _D2, "underlying, index points"),
        _column("vix_close", _D2, "volatility index, points"),
        _column("atm_straddle", _D2, "price of the ATM straddle, index points"),
        _column("vanna", _D6, "vanna of the ATM straddle, per vol point"),
        _column("charm", _D6, "charm of the ATM straddle, per day"),
        _column("volga", _D6, "volga of the ATM straddle, per vol point"),
    ),
    consumer=EXPORTING,
    description="columns of the result file in order",
    field="output.columns",
)

_row = partial(Parameter, "OutputFormat", section=_OPTIONS)
_WRITING = (
    _row("output_format", Choice("CSV", "JSON", "PARQUET"), "CSV", "", "format of the result file", EXPORTING),
    _row("compression", Choice("NONE", "GZIP", "SNAPPY", "ZSTD"), "GZIP", "",
         "compression of the result file", EXPORTING),
    _row("include_metadata", BOOL, ON, "", "digests and versions go with the result file", EXPORTING),
    _row("realtime_streaming", BOOL, ON, "", "each bar's result is sent to listeners", STREAM),
    _row("batch_size", INT, 100, "records", "records sent to listeners at once", STREAM, low=1, high=10_000),
)
# fmt: on

_SHEETS = (
    record_sheet(
        "OutputFormat",
        _COLUMNS.names,
        "ColumnName",
        _COLUMNS.description,
        TableShape(_OPTIONS, "parameters", ("Option", "Value", "Description"), key="Option", value="Value"),
    ),
)


def declarations() -> Declarations:
    """Of OutputFormat."""
    return Declarations(parameters=carried(_WRITING, "output"), tables=(_COLUMNS,), sheets=_SHEETS)
