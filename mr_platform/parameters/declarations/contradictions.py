"""Where the customer's workbook speaks of one thing several times and not with one voice, and which voice rules.

Found by comparing every name that stands on more than one sheet, every value with its own range and options, every
table with those beside it, and the whole with the definitions of the components. Nothing is dropped: each value keeps
its id, and ``rule`` says what is left for it to steer. A contradiction is told of while it is there: once the values
agree, it is silent.

Two rules settle most of them. A sheet of its own rules the thing it is about, a cell that repeats it elsewhere is
descriptive. And what the definitions of C1..C8 define is steered by the row that carries that field; a like-named row
of the workbook's own 18-regime system steers only that system.
"""

from __future__ import annotations

from collections.abc import Mapping

from mr_platform.parameters.declaration import Contradiction
from mr_platform.parameters.declarations import clashes
from mr_platform.parameters.declarations.clashes import CLASSES, INDICATORS, TREND, VOLATILITY, Values

# Names that several sheets use for things that have nothing to do with one another, and what those things are.
NAMESAKES: Mapping[str, str] = {
    "confidence_floor": "of C1's timeframes, of C2's score, and of calibrated confidences",
    "memory_window": "regimes that a transition remembers, and samples that the forecasting model remembers",
    "performance_weights": "of C1's parts and of C8's components",
    "timeframes": "of C1's straddles, of C6's correlations and of C7's levels",
    "ema_spans": "of C1's straddle prices and of C5's two assets",
}


def contradictions() -> tuple[Contradiction, ...]:
    """All of them, in the order of the sheets that rule."""
    return (*_WORKBOOK, *_CONFIDENCE, *_SPELLS, *_TIMEFRAMES, *_COMPONENTS, *_WEIGHTS, *_LEARNING, *_COMPANIONS)


def _indicator_setting(number: str, setting: str, row: str) -> Contradiction:
    def differs(values: Values) -> bool:
        said = clashes.indicator(values, number)
        return setting in said and said[setting] != values[row]

    return Contradiction(
        f"{setting} of {number}",
        (INDICATORS, row),
        row,
        "the component's sheet rules; the settings in IndicatorConfiguration describe it",
        differs,
    )


_WORKBOOK = (
    Contradiction(
        "number of sheets", ("TemplateMetadata.Total Sheets",), "",
        "the sheets that are there count, 31; the property is a claim and steers nothing", clashes.sheets_miscounted,
    ),
    Contradiction(
        "number of parameters", ("TemplateMetadata.Total Parameters",), "",
        "the rows that are there count, 270 on the parameter sheets; the property is a claim and steers nothing",
        clashes.parameters_miscounted,
    ),
    Contradiction(
        "market type outside its own options", ("MasterConfiguration.market_type",), "MasterConfiguration.market_type",
        "the value holds: the declared choices are the options of the sheet and the value it uses",
        clashes.outside_its_options,
    ),
    Contradiction(
        "source of validation data",
        ("Summary.Validation Source:", "ValidationFramework.validation_source",
         "ValidationFramework.synthetic_data_allowed"),
        "ValidationFramework.validation_source", "the framework rules; the summary describes it",
        clashes.validation_source,
    ),
    Contradiction(
        "aim for accuracy", ("Summary.Target Accuracy:", "PerformanceMetrics"), "PerformanceMetrics",
        "PerformanceMetrics rules alarms; the summary is a hope, and the evaluation keeps bounds of its own",
        clashes.accuracy_aims,
    ),
    Contradiction(
        "confidence of a forecast",
        ("StabilityConfiguration.prediction_confidence", "PerformanceMetrics"),
        "StabilityConfiguration.prediction_confidence",
        "the stability sheet rules which forecasts are used, PerformanceMetrics the mean that is aimed at",
        clashes.confidence_aims,
    ),
    Contradiction(
        "weights of the performance metrics", ("PerformanceMetrics",), "",
        "they need not sum to 1: the overall score divides by their sum", clashes.metric_weights,
    ),
    Contradiction(
        "slots before the open", ("MasterConfiguration.market_open_time", "IntradaySettings"),
        "MasterConfiguration.market_open_time",
        "bars begin with the session: a slot before it has none and does nothing", clashes.slots_before_the_open,
    ),
    Contradiction(
        "weekday of expiry", ("IntradaySettings.Special Day Adjustments",), "",
        "the calendar of expiries says which day expires; the description's Thursday held until August 2025",
        clashes.expiry_weekday,
    ),
    Contradiction(
        "outliers", (
            "NoiseFiltering.spike_threshold", "GreekSentimentConfig.outlier_threshold", "ValidationRules"
        ),
        "NoiseFiltering.spike_threshold",
        "the noise filter drops spikes of the price, C2 cuts exposures at its own, VAL003 watches what came through",
        clashes.outlier_rule,
    ),
)  # fmt: skip

_CONFIDENCE = (
    Contradiction(
        "confidence gates", (
            "StabilityConfiguration.confidence_threshold",
            "StabilityConfiguration.high_confidence_threshold",
            "TransitionManagement.transition_confidence_required",
            "EnsembleMethods.minimum_ensemble_confidence",
            "ConfidenceCalibration.confidence_floor",
            "AdaptiveTuning.confidence_requirement",
            "LearningConfig.gate_confidence",
        ),
        "StabilityConfiguration.confidence_threshold",
        "each gates its own step: naming a regime, calling it certain, confirming a transition, joining models, "
        "calibrating, tuning, answering with a model; the first is the gate below which the answer is no signal",
    ),
    Contradiction(
        "quality of a regime",
        ("RegimeStability.minimum_stability_score", "StabilityConfiguration.regime_quality_threshold"),
        "StabilityConfiguration.regime_quality_threshold",
        "the quality threshold judges stability and accuracy together, the stability score stability alone",
    ),
)  # fmt: skip

_SPELLS = (
    Contradiction(
        "shortest spell", ("StabilityConfiguration.minimum_regime_duration", CLASSES, "RegimeParameters"),
        "RegimeParameters",
        "a regime's own MinDuration in RegimeParameters rules its spells; RegimeClassification repeats it for "
        "display, and the stability sheet speaks for regimes that have none", clashes.shortest_spells,
    ),
    Contradiction(
        "longest spell", ("StabilityConfiguration.maximum_regime_duration", "RegimeParameters"), "RegimeParameters",
        "a regime's own MaxDuration rules; the stability sheet speaks for regimes that have none",
        clashes.longest_spells,
    ),
    Contradiction(
        "transitions in an hour",
        ("MasterIntegrationConfig.transition_most_per_hour", "StabilityConfiguration.max_transitions_per_hour"),
        "MasterIntegrationConfig.transition_most_per_hour",
        "the master answer's 8 regimes follow the integration's limit; the workbook's 18 follow the stability sheet's",
    ),
    Contradiction(
        "confirmation",
        ("MasterConfiguration.regime_confirmation_bars", "StabilityConfiguration.confirmation_window"),
        "StabilityConfiguration.confirmation_window",
        "minutes rule, since bars have several lengths; the bars apply where they take longer",
    ),
    Contradiction(
        "persistence of a signal",
        ("StabilityConfiguration.persistence_ratio", "NoiseFiltering.min_persistence_ratio"),
        "StabilityConfiguration.persistence_ratio",
        "the stability sheet judges regimes, the noise filter the signals before them",
    ),
    Contradiction(
        "points of persistence",
        ("StabilityConfiguration.persistence_window", "NoiseFiltering.persistence_lookback"),
        "StabilityConfiguration.persistence_window",
        "the stability sheet judges regimes, the noise filter the signals before them",
    ),
    Contradiction(
        "direct reversals",
        ("TransitionManagement.allow_direct_reversals", "TransitionRules"),
        "TransitionManagement.allow_direct_reversals",
        "the switch rules: while it is off, rules that lead from bullish to bearish or back do not apply",
        clashes.direct_reversals,
    ),
    Contradiction(
        "regimes without a formation rule", ("RegimeFormationConfig", "MasterConfiguration.enable_all_regimes"),
        "MasterConfiguration.enable_all_regimes",
        "all 18 can be answered: a bearish regime without a rule takes its bullish mirror's with slope and sentiment "
        "negated", clashes.regimes_without_formation,
    ),
    Contradiction(
        "slopes of Sideways and its neighbours", (TREND,), "",
        "where slopes overlap, a trend with the greater MinADX that is met wins; Sideways takes what is left between",
        clashes.sideways_overlaps,
    ),
    Contradiction(
        "cuts of the ATR percentile", (
            VOLATILITY, "ATRIndicatorsConfig.low_vol_atr_percentile", "ATRIndicatorsConfig.high_vol_atr_percentile"
        ),
        VOLATILITY, "the thresholds of RegimeClassification rule the classes", clashes.percentile_cuts,
    ),
)  # fmt: skip

_TIMEFRAMES = (
    Contradiction(
        "agreement of timeframes", (
            "MultiTimeframeConfig.consensus_threshold",
            "StabilityConfiguration.consensus_threshold",
            "MultiTimeframeFusion.min_timeframe_agreement",
        ),
        "MultiTimeframeConfig.consensus_threshold",
        "the timeframe sheet rules votes on the regime, the fusion sheet the models' forecasts; the stability sheet "
        "repeats the first",
    ),
    Contradiction(
        "number of agreeing timeframes",
        ("MultiTimeframeConfig.min_timeframes_required", "StabilityConfiguration.min_agreeing_timeframes"),
        "MultiTimeframeConfig.min_timeframes_required",
        "so many must vote; of them so many as the stability sheet says must agree",
    ),
    Contradiction(
        "method of consensus",
        ("MultiTimeframeConfig.consensus_method", "MultiTimeframeFusion.consensus_method"),
        "MultiTimeframeConfig.consensus_method",
        "the timeframe sheet rules votes on the regime, the fusion sheet the models' forecasts",
    ),
    Contradiction(
        "weights of timeframes",
        ("MultiTimeframeConfig", "MultiTimeframeFusion.timeframe_weights", "TrendingOIPAConfig.oi_timeframe_weights"),
        "MultiTimeframeConfig",
        "the table rules votes on the regime, the fusion sheet the models' forecasts; C1 and C3 weigh their own",
        clashes.timeframe_votes,
    ),
    Contradiction(
        "which timeframes", (INDICATORS, "MultiTimeframeConfig"), "MultiTimeframeConfig",
        "the table rules; the settings of IND006 describe it", clashes.indicator_timeframes,
    ),
)  # fmt: skip

_COMPONENTS = (
    *(
        Contradiction(
            f"weight of {greek}",
            (f"GreekSentimentConfig.{greek}_component_weight", f"GreekSentimentConfig.{greek}_weight"),
            f"GreekSentimentConfig.{greek}_component_weight",
            f"C2 weighs {greek} with the component weight, which is never 0; the workbook's cell is a share of 1 and "
            "weighs it in the workbook's own Greek sentiment",
        )
        for greek in ("gamma", "delta", "theta", "vega")
    ),
    Contradiction(
        "shares of the Greeks",
        (
            INDICATORS,
            *(f"GreekSentimentConfig.{greek}_weight" for greek in ("delta", "gamma", "vega", "theta")),
        ),
        "GreekSentimentConfig.gamma_weight",
        "GreekSentimentConfig rules; the settings of IND001 describe it", clashes.greek_shares,
    ),
    Contradiction(
        "levels of Greek sentiment",
        ("GreekSentimentConfig.level_cuts", "GreekSentimentConfig.bullish_threshold",
         "GreekSentimentConfig.bearish_threshold"),
        "GreekSentimentConfig.level_cuts",
        "C2 has seven levels by its own cuts; the two thresholds name the workbook's own sentiment",
    ),
    Contradiction(
        "strikes around the money", ("TrendingOIPAConfig.strikes_usual", "GreekSentimentConfig.strike_range"),
        "TrendingOIPAConfig.strikes_usual",
        "sums over strikes reach as far as C3 says, by volatility; the Greek sheet's range is the workbook's own",
    ),
    Contradiction(
        "pivot methods", (
            INDICATORS,
            *(f"StraddleAnalysisConfig.use_{one}_pivots"
              for one in ("classic", "fibonacci", "camarilla", "woodie", "demark")),
        ),
        "StraddleAnalysisConfig.use_classic_pivots",
        "the switches of StraddleAnalysisConfig rule; the settings of IND003 describe them", clashes.pivot_methods,
    ),
    _indicator_setting("IND002", "oi_lookback", "TrendingOIPAConfig.oi_lookback_period"),
    _indicator_setting("IND003", "straddle_depth", "StraddleAnalysisConfig.straddle_strikes"),
    _indicator_setting("IND004", "surface_points", "IVSurfaceConfig.surface_strike_points"),
    _indicator_setting("IND004", "term_weight", "IVSurfaceConfig.term_structure_weight"),
    _indicator_setting("IND005", "atr_period", "ATRIndicatorsConfig.atr_period"),
    _indicator_setting("IND005", "bands_multiplier", "ATRIndicatorsConfig.upper_band_multiplier"),
    Contradiction(
        "squeeze", ("ATRIndicatorsConfig.squeeze_percentile", "ATRIndicatorsConfig.squeeze_threshold"),
        "ATRIndicatorsConfig.squeeze_percentile",
        "C5 calls a squeeze by percentile, the workbook's own score by the ratio to the mean",
    ),
    Contradiction(
        "momentum of ATR", ("ATRIndicatorsConfig.momentum_bars", "ATRIndicatorsConfig.atr_momentum_period"),
        "ATRIndicatorsConfig.momentum_bars",
        "C5 looks back so many bars; the other is the workbook's own score's",
    ),
    Contradiction(
        "smoothing of ATR", ("ATRIndicatorsConfig.atr_smoothing",), "",
        "C5's ATR is Wilder's by definition; the cell smooths the workbook's own score", clashes.not_wilder,
    ),
)  # fmt: skip

_WEIGHTS = (
    Contradiction(
        "weights of the indicators", (INDICATORS, "DynamicWeightageConfig"), "DynamicWeightageConfig",
        "DynamicWeightageConfig rules the workbook's own score; IndicatorConfiguration repeats its start",
        clashes.indicator_weights,
    ),
    Contradiction(
        "weights of the components", (
            "MasterIntegrationConfig.component_weight_dte_0-7",
            "MasterIntegrationConfig.component_weight_dte_8-30",
            "MasterIntegrationConfig.component_weight_dte_31+",
            "DynamicWeightageConfig",
        ),
        "MasterIntegrationConfig.component_weight_dte_0-7",
        "C1..C7 are weighed by days to expiry in the master answer; DynamicWeightageConfig weighs the parts of the "
        "workbook's own score, of which only some are components", clashes.always,
    ),
    Contradiction(
        "the ensemble", ("EnsembleMethods.ensemble_enabled", INDICATORS), "EnsembleMethods.ensemble_enabled",
        "the ensemble answers as its sheet says; IND009 keeps its forecast out of the workbook's own score",
        clashes.ensemble_off,
    ),
    Contradiction(
        "the order book", ("AccuracyEnhancement.orderbook_imbalance", INDICATORS), INDICATORS,
        "no source delivers an order book: IND010 is off, and the input is offered only where one exists",
        clashes.order_flow_off,
    ),
)  # fmt: skip

_LEARNING = (
    Contradiction(
        "learning rate", (
            "StabilityConfiguration.learning_rate",
            "AdaptiveTuning.learning_rate",
            "AdaptiveLearning.learning_rate",
            "NoiseFiltering.noise_learning_rate",
            "MasterIntegrationConfig.learning_rate",
        ),
        "MasterIntegrationConfig.learning_rate",
        "each moves its own: component weights, thresholds, tuned parameters, the online model, the noise threshold",
    ),
    Contradiction(
        "adaptive learning", (
            "MasterConfiguration.enable_adaptive_learning",
            "AdaptiveTuning.enable_adaptive_learning",
            "AdaptiveLearning.adaptive_enabled",
        ),
        "MasterConfiguration.enable_adaptive_learning",
        "off in the master sheet means off; on, each sheet decides for itself",
    ),
    Contradiction(
        "several timeframes",
        ("MasterConfiguration.enable_multi_timeframe", "MultiTimeframeFusion.mtf_enabled"),
        "MasterConfiguration.enable_multi_timeframe",
        "off in the master sheet means off; on, the fusion sheet decides for the models",
    ),
    Contradiction(
        "transitions a session", ("MasterConfiguration.target_daily_transitions", "PerformanceMetrics"),
        "MasterConfiguration.target_daily_transitions",
        "the master sheet's is what settings are tuned towards",
        clashes.transition_aims,
    ),
    Contradiction(
        "accuracy against stability",
        ("MasterConfiguration.accuracy_vs_stability", "StabilityConfiguration.accuracy_score_weight"),
        "StabilityConfiguration.accuracy_score_weight",
        "the stability sheet rules the score, the master sheet the choice of settings",
    ),
    Contradiction(
        "folds", ("LearningConfig.folds", "ValidationFramework.cross_validation_folds"), "LearningConfig.folds",
        "walk-forward folds validate; plain folds would mix past and future and are not used for that",
    ),
    Contradiction(
        "calibration", (
            "ConfidenceCalibration.calibration_method", "ConfidenceCalibration.platt_scaling_enabled"
        ),
        "ConfidenceCalibration.calibration_method",
        "one map calibrates: the method rules, Platt scaling only where it is the method", clashes.several_calibrations,
    ),
)  # fmt: skip

_COMPANIONS = (
    Contradiction(
        "risk of all positions", ("PortfolioSetting",), "",
        "MaxRisk rules: positions are fewer or smaller than MaxPositions and RiskPerTrade would allow",
        clashes.risk_adds_up,
    ),
    Contradiction(
        "number of regimes", (CLASSES, "RegimeDefinitions"), CLASSES,
        "the strategy workbook's 18 regimes rule; the companion's are an earlier, coarser system",
        clashes.coarse_regimes,
    ),
)  # fmt: skip
