"""PerformanceMetrics, ValidationRules and ValidationFramework: how well it must work, and what follows if it does not.

An action names what the platform does, a condition what it watches; a rule is executed as it stands in the sheet.
"""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter, RecordTable, TableColumn, TableShape
from mr_platform.parameters.declarations.consumers import DATA_RULES, EVALUATION, HEALTH, MODELS
from mr_platform.parameters.declarations.layouts import OFF, ON, record_sheet, titled_sheet
from mr_platform.parameters.expressions import EXPRESSION
from mr_platform.parameters.values import BOOL, FLOAT, INT, TEXT, Choice, Pattern, Value

METRIC = Pattern("[a-z][a-z_]*", "a metric's name in snake_case")
FREQUENCY = Choice("realtime", "1min", "5min", "15min", "hourly", "daily")
RULE_ID = Pattern("VAL[0-9]{3}", "a rule's number such as VAL001")
WORD = Pattern("[A-Z][A-Za-z]+", "one word")
SEVERITY = Choice("INFO", "WARNING", "ERROR", "CRITICAL")
ACTION = Choice(
    "halt_regime_detection",
    "use_cached_regime",
    "filter_outlier",
    "reject_transition",
    "maintain_regime",
    "flag_low_confidence",
    "disable_greek_sentiment",
    "adjust_volume_weight",
    "cap_iv_contribution",
    "trigger_gc",
    "reduce_computation",
    "halt_transitions",
)
SOURCE = Choice("HEAVYDB", "PARQUET", "SIMULATOR", "LIVE")


def _when(condition: str) -> Value:
    return EXPRESSION.parse(condition)


# fmt: off
_METRICS = RecordTable(
    sheet="PerformanceMetrics",
    title="",
    key="Metric",
    columns=(
        TableColumn("Metric", METRIC, description="what is measured"),
        TableColumn("Target", FLOAT, "of the metric", low=0, high=100_000, description="aim"),
        TableColumn("Acceptable", FLOAT, "of the metric", low=0, high=100_000, description="still acceptable"),
        TableColumn("Critical", FLOAT, "of the metric", low=0, high=100_000, description="raises an alarm"),
        TableColumn("Weight", FLOAT, "relative", low=0, high=1, description="weight in the overall score"),
        TableColumn("UpdateFreq", FREQUENCY, description="how often it is measured"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=(
        ("regime_accuracy",        0.75,   0.65,   0.55, 0.25, "realtime", "share of bars whose regime was right"),
        ("transition_timing",      0.70,   0.60,   0.50, 0.20, "realtime", "share of transitions found within a bar"),
        ("direction_accuracy",     0.65,   0.55,   0.45, 0.15, "realtime", "share of bars whose direction was right"),
        ("false_positive_rate",    0.15,   0.25,   0.35, 0.10, "realtime", "share of transitions that were none"),
        ("regime_persistence",     0.80,   0.70,   0.60, 0.10, "5min",     "share of spells not cut short"),
        ("noise_rejection",        0.85,   0.75,   0.65, 0.05, "realtime", "share of passing signals dropped"),
        ("daily_transitions",       2.5,    1.5,    0.5, 0.05, "daily",    "transitions a session"),
        ("regime_diversity",       0.35,   0.25,   0.15, 0.05, "daily",    "normalised entropy of the regimes"),
        ("response_time",           5.0,   10.0,   20.0, 0.05, "realtime", "minutes until a change is answered"),
        ("computation_time",      100.0,  250.0,  500.0, 0.02, "realtime", "milliseconds an update takes"),
        ("memory_usage",          500.0, 1000.0, 2000.0, 0.02, "1min",     "megabytes held"),
        ("prediction_confidence",  0.70,   0.60,   0.50, 0.10, "realtime", "mean confidence of the forecasts"),
    ),
    consumer=HEALTH,
    description="aims and alarm levels; the weights are relative, the overall score divides by their sum",
)

_RULES = RecordTable(
    sheet="ValidationRules",
    title="",
    key="RuleID",
    columns=(
        TableColumn("RuleID", RULE_ID, description="number of the rule"),
        TableColumn("RuleName", WORD, description="its name"),
        TableColumn("Condition", EXPRESSION, description="what makes it apply"),
        TableColumn("Action", ACTION, description="what is done then"),
        TableColumn("Severity", SEVERITY, description="how serious it is"),
        TableColumn("Enabled", BOOL, description="whether it is executed"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=(
        ("VAL001", "MissingDataCheck", _when("data_gaps>5min"), "halt_regime_detection", "CRITICAL", ON,
         "no regime is answered across a gap"),
        ("VAL002", "StaleDataCheck", _when("data_age>2min"), "use_cached_regime", "WARNING", ON,
         "the last regime stands while data is late"),
        ("VAL003", "OutlierDataCheck", _when("price_zscore>4"), "filter_outlier", "WARNING", ON,
         "a price far from its mean is left out"),
        ("VAL004", "RegimeConsistency", _when("regime_impossible_transition"), "reject_transition", "ERROR", ON,
         "a transition that no rule allows does not happen"),
        ("VAL005", "MinimumDuration", _when("duration<min_duration"), "maintain_regime", "WARNING", ON,
         "a spell is not cut short"),
        ("VAL006", "ConfidenceCheck", _when("confidence<threshold"), "flag_low_confidence", "INFO", ON,
         "the answer carries a flag"),
        ("VAL007", "GreekDataCheck", _when("greeks_missing"), "disable_greek_sentiment", "WARNING", ON,
         "sentiment is formed without Greeks"),
        ("VAL008", "VolumeDataCheck", _when("volume_zero"), "adjust_volume_weight", "WARNING", ON,
         "volume loses its weight"),
        ("VAL009", "IVDataCheck", _when("iv_abnormal"), "cap_iv_contribution", "WARNING", ON,
         "implied volatility counts up to its bounds"),
        ("VAL010", "MemoryCheck", _when("memory>threshold"), "trigger_gc", "WARNING", ON,
         "memory is given back"),
        ("VAL011", "LatencyCheck", _when("latency>threshold"), "reduce_computation", "WARNING", ON,
         "slow parts are left out until it is quick again"),
        ("VAL012", "CircuitBreaker", _when("transitions>max_per_hour"), "halt_transitions", "ERROR", ON,
         "the regime is held until the hour is over"),
    ),
    consumer=DATA_RULES,
    description="conditions watched while running, and what follows",
)

_row = partial(Parameter, "ValidationFramework")
_FRAMEWORK = (
    _row("validation_source", SOURCE, "HEAVYDB", "", "where validation data comes from", EVALUATION),
    _row("synthetic_data_allowed", BOOL, OFF, "",
         "simulated sessions may stand in the evaluation of real ones", EVALUATION),
    _row("backtest_validation", BOOL, ON, "", "answers are validated on past sessions", EVALUATION),
    _row("walk_forward_analysis", BOOL, ON, "", "training always lies before testing", EVALUATION),
    _row("cross_validation_folds", INT, 10, "folds", "folds of plain cross-validation", EVALUATION, low=2, high=50),
    _row("out_of_sample_testing", BOOL, ON, "", "sessions are held out for the last test", EVALUATION),
    _row("statistical_significance", FLOAT, 0.95, "probability",
         "level of the intervals reported", MODELS, "learning.evaluation.interval", low=0.51, high=0.999),
    _row("hypothesis_testing", BOOL, ON, "", "skill is tested against none", EVALUATION),
    _row("performance_benchmarking", BOOL, ON, "", "baselines stand beside the model", EVALUATION),
)
# fmt: on

_SHEETS = (
    record_sheet(
        "PerformanceMetrics",
        _METRICS.names,
        "Metric",
        _METRICS.description,
        TableShape("Performance Scoring Formula", "notes"),
    ),
    record_sheet("ValidationRules", _RULES.names, "RuleID", _RULES.description),
    titled_sheet("ValidationFramework", "how models are validated"),
)


def declarations() -> Declarations:
    """Of PerformanceMetrics, ValidationRules and ValidationFramework."""
    return Declarations(parameters=_FRAMEWORK, tables=(_METRICS, _RULES), sheets=_SHEETS)
