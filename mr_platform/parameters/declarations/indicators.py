"""IndicatorConfiguration and DynamicWeightageConfig: the indicators behind a regime and the weights between them."""

from __future__ import annotations

from mr_platform.parameters.declaration import Declarations, RecordTable, TableColumn
from mr_platform.parameters.declarations.consumers import REGIME_FORMATION, WORKBOOK_WEIGHTS
from mr_platform.parameters.declarations.layouts import OFF, ON, record_sheet, records, undescribed
from mr_platform.parameters.expressions import ADJUSTMENTS, SETTINGS, SITUATION
from mr_platform.parameters.terms import Adjustment, Comparison, Settings, Situation
from mr_platform.parameters.values import BOOL, FLOAT, TEXT, Choice, ListOf, Pattern

_RULES = "Dynamic Weight Adjustment Rules"

INDICATOR_ID = Pattern("IND[0-9]{3}", "an indicator's number such as IND001")
WORD = Pattern("[A-Za-z][A-Za-z0-9_]*", "one word of letters, digits and _")
FREQUENCY = Choice("1min", "3min", "5min", "10min", "15min", "30min", "60min")
DATA = Choice(
    "options_chain",
    "price_action",
    "price_data",
    "iv_data",
    "volume_data",
    "multi_asset_data",
    "order_book",
    "all_data",
)
WEIGHTED = Choice(
    "GreekSentiment",
    "TrendingOIPA",
    "StraddleAnalysis",
    "IVSurface",
    "ATRIndicators",
    "MultiTimeframe",
    "VolumeProfile",
    "Correlation",
)


def _settings(**pairs: bool | int | float | str | tuple[int | str, ...]) -> Settings:
    return Settings(tuple(pairs.items()))


def _more(**percents: float) -> tuple[Adjustment, ...]:
    return tuple(Adjustment(target, percent) for target, percent in percents.items())


# fmt: off
_INDICATORS = RecordTable(
    sheet="IndicatorConfiguration",
    title="",
    key="IndicatorID",
    columns=(
        TableColumn("IndicatorID", INDICATOR_ID, description="number of the indicator"),
        TableColumn("IndicatorName", WORD, description="its name"),
        TableColumn("Enabled", BOOL, description="whether it takes part"),
        TableColumn("Weight", FLOAT, "share of 1", low=0, high=1, description="start weight among the enabled ones"),
        TableColumn("Parameters", SETTINGS, description="settings of its own"),
        TableColumn("UpdateFrequency", FREQUENCY, description="how often it is computed"),
        TableColumn("RequiresData", ListOf(DATA), description="what it is computed from"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        ("IND001", "GreekSentimentAnalysis", ON, 0.20,
         _settings(gamma_weight=0.4, vega_weight=0.3, delta_weight=0.3), "1min", ("options_chain",)),
        ("IND002", "TrendingOIPA", ON, 0.15,
         _settings(oi_lookback=20, pa_weight=0.5, volume_confirm=True), "1min", ("options_chain", "price_action")),
        ("IND003", "TripleStraddleAnalysis", ON, 0.15,
         _settings(pivot_types=("classic", "fib", "cam"), straddle_depth=3), "5min", ("options_chain",)),
        ("IND004", "IVSurfaceAnalysis", ON, 0.10,
         _settings(surface_points=7, skew_weight=0.6, term_weight=0.4), "5min", ("options_chain", "iv_data")),
        ("IND005", "ATRBasedIndicators", ON, 0.10,
         _settings(atr_period=14, bands_multiplier=2.0, squeeze_detect=True), "1min", ("price_data",)),
        ("IND006", "MultiTimeframeAnalysis", ON, 0.15,
         _settings(timeframes=(1, 5, 15, 30), consensus_method="weighted"), "1min", ("price_data",)),
        ("IND007", "VolumeProfileAnalysis", ON, 0.08,
         _settings(profile_periods=20, poc_weight=0.7, value_area=0.68), "5min", ("volume_data",)),
        ("IND008", "CorrelationMatrix", ON, 0.07,
         _settings(lookback=50, min_correlation=0.7, assets=("NIFTY", "BANK", "IT")), "15min", ("multi_asset_data",)),
        ("IND009", "MachineLearningEnsemble", OFF, 0.0,
         _settings(models=("rf", "xgb", "nn"), ensemble_method="voting"), "5min", ("all_data",)),
        ("IND010", "OrderFlowAnalysis", OFF, 0.0, _settings(depth=5, imbalance_threshold=0.3), "1min", ("order_book",)),
    ),
    consumer=REGIME_FORMATION,
    description="the indicators that form a workbook regime, with their settings and start weights",
)

_WEIGHTS = RecordTable(
    sheet="DynamicWeightageConfig",
    title="",
    key="Component",
    columns=(
        TableColumn("Component", WEIGHTED, description="what is weighted"),
        TableColumn("BaseWeight", FLOAT, "share of 1", low=0, high=1, description="weight before any adjustment"),
        TableColumn("MinWeight", FLOAT, "share of 1", low=0, high=1, description="it never falls below"),
        TableColumn("MaxWeight", FLOAT, "share of 1", low=0, high=1, description="it never rises above"),
        TableColumn("AdaptiveEnabled", BOOL, description="whether it may move at all"),
        TableColumn("VolatilityAdjust", FLOAT, "multiplier", low=0.1, high=5, description="factor in high volatility"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        ("GreekSentiment",   0.20, 0.10, 0.35, ON, 1.2),
        ("TrendingOIPA",     0.15, 0.10, 0.25, ON, 1.1),
        ("StraddleAnalysis", 0.15, 0.10, 0.25, ON, 1.0),
        ("IVSurface",        0.10, 0.05, 0.20, ON, 1.3),
        ("ATRIndicators",    0.10, 0.05, 0.20, ON, 1.5),
        ("MultiTimeframe",   0.15, 0.10, 0.25, ON, 0.9),
        ("VolumeProfile",    0.08, 0.05, 0.15, ON, 1.1),
        ("Correlation",      0.07, 0.05, 0.15, ON, 0.8),
    ),
    consumer=WORKBOOK_WEIGHTS,
    description="weights between the parts of a workbook regime and the bounds within which they may learn",
)

_ADJUSTMENTS = RecordTable(
    sheet="DynamicWeightageConfig",
    title=_RULES,
    key="Condition",
    columns=(
        TableColumn("Condition", SITUATION, description="market state in which the rule applies"),
        TableColumn("Adjustment", ADJUSTMENTS, "percent", description="relative changes of weights"),
        TableColumn("Components", ListOf(WEIGHTED), description="whose weights, in the order of the changes"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        (Situation("High Volatility", Comparison("ATR", ">", 80.0, unit="%ile")), _more(ATR=20.0, IV=15.0),
         ("ATRIndicators", "IVSurface")),
        (Situation("Trending Market", Comparison("ADX", ">", 25.0)), _more(OIPA=25.0, MTF=20.0),
         ("TrendingOIPA", "MultiTimeframe")),
        (Situation("Expiry Day"), _more(Greek=30.0, Straddle=20.0), ("GreekSentiment", "StraddleAnalysis")),
        (Situation("Low Volume"), _more(Volume=25.0, OIPA=-15.0), ("VolumeProfile", "TrendingOIPA")),
        (Situation("High Correlation"), _more(Correlation=30.0), ("Correlation",)),
    ),
    consumer=WORKBOOK_WEIGHTS,
    description="how the weights move in particular markets",
)
# fmt: on

_SHEETS = (
    record_sheet("IndicatorConfiguration", _INDICATORS.names, "IndicatorID", _INDICATORS.description, header_row=3),
    record_sheet(
        "DynamicWeightageConfig",
        _WEIGHTS.names,
        "Component",
        _WEIGHTS.description,
        records(_RULES, _ADJUSTMENTS.names, "Condition"),
    ),
)


def declarations() -> Declarations:
    """Of IndicatorConfiguration and DynamicWeightageConfig."""
    return Declarations(tables=(_INDICATORS, _WEIGHTS, _ADJUSTMENTS), sheets=_SHEETS)
