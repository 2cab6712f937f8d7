"""TransitionManagement and TransitionRules: how one regime may follow another."""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter, RecordTable, TableColumn
from mr_platform.parameters.declarations.consumers import ANSWERS, HEALTH, REGIME_TRANSITIONS
from mr_platform.parameters.declarations.filling import carried
from mr_platform.parameters.declarations.layouts import OFF, ON, bounded_sheet, record_sheet, undescribed
from mr_platform.parameters.expressions import REGIME_PATTERN
from mr_platform.parameters.values import BOOL, FLOAT, INT, TEXT, Choice

DETECTION_METHOD = Choice("SIMPLE", "MULTI_FACTOR", "ML_BASED")
GAP_HANDLING = Choice("STRICT", "ADAPTIVE", "RELAXED")
EXPIRY_RULES = Choice("STRICT", "RELAXED", "DISABLED")

# fmt: off
_row = partial(Parameter, "TransitionManagement")
_MANAGEMENT = (
    _row("transition_detection_method", DETECTION_METHOD, "MULTI_FACTOR", "",
         "one score, several factors together, or a learned model", REGIME_TRANSITIONS),
    # default of the definition of C8; the workbook's own is 0.6
    _row("transition_confidence_required", FLOAT, 0.7, "ratio",
         "confidence from which a transition is confirmed, else it is tentative", ANSWERS, "transitions.gate",
         low=0.4, high=0.85),
    _row("transition_lead_time", INT, 2, "minutes",
         "how long ahead a coming transition is announced", REGIME_TRANSITIONS, low=0, high=5),
    _row("validate_with_volume", BOOL, ON, "", "volume must support a transition", REGIME_TRANSITIONS),
    _row("validate_with_greeks", BOOL, ON, "", "the Greeks must support a transition", REGIME_TRANSITIONS),
    _row("validate_with_correlation", BOOL, ON, "", "correlations must support a transition", REGIME_TRANSITIONS),
    _row("allow_direct_reversals", BOOL, OFF, "",
         "bullish may turn bearish, and back, without a stop between", REGIME_TRANSITIONS),
    _row("require_neutral_buffer", BOOL, ON, "",
         "a neutral regime stands between a bullish and a bearish one", REGIME_TRANSITIONS),
    _row("allow_volatility_jumps", BOOL, OFF, "",
         "low volatility may turn high without medium between", REGIME_TRANSITIONS),
    _row("transition_smoothing_enabled", BOOL, ON, "", "scores are smoothed before they are compared",
         REGIME_TRANSITIONS),
    _row("smoothing_window", INT, 5, "points",
         "points over which scores are smoothed", REGIME_TRANSITIONS, low=3, high=10),
    _row("smoothing_factor", FLOAT, 0.3, "ratio",
         "weight of the newest point in smoothed scores", REGIME_TRANSITIONS, low=0.1, high=0.5),
    _row("gap_transition_handling", GAP_HANDLING, "ADAPTIVE", "",
         "how a transition on an overnight gap is judged", REGIME_TRANSITIONS),
    _row("news_event_sensitivity", FLOAT, 1.5, "multiplier",
         "factor on signal strength around announced events", REGIME_TRANSITIONS, low=1, high=3),
    _row("expiry_day_rules", EXPIRY_RULES, "RELAXED", "",
         "how strict the limits are on expiry days", REGIME_TRANSITIONS),
    _row("regime_memory_enabled", BOOL, ON, "", "the latest regimes take part in the judgement", REGIME_TRANSITIONS),
    _row("memory_window", INT, 20, "regimes",
         "how many of the latest regimes are remembered", REGIME_TRANSITIONS, low=10, high=50),
    _row("pattern_recognition", BOOL, ON, "",
         "recurring sequences of regimes take part in the judgement", REGIME_TRANSITIONS),
    _row("emergency_transition_threshold", FLOAT, 0.9, "ratio",
         "confidence that overrules every other limit", REGIME_TRANSITIONS, low=0.8, high=0.99),
    _row("circuit_breaker_enabled", BOOL, ON, "",
         "too many transitions stop all of them for a time", HEALTH),
    _row("max_emergency_per_day", INT, 2, "count",
         "emergencies in a session before the circuit breaker opens", HEALTH, low=1, high=5),
)

_RULES = RecordTable(
    sheet="TransitionRules",
    title="",
    key="RuleID",
    columns=(
        TableColumn("RuleID", INT, low=1, high=999, description="number of the rule"),
        TableColumn("FromRegime", REGIME_PATTERN, description="regimes it leaves, a name or a pattern"),
        TableColumn("ToRegime", REGIME_PATTERN, description="regimes it enters"),
        TableColumn("MinConfidence", FLOAT, "ratio", low=0, high=1, description="least confidence of the transition"),
        TableColumn("MaxDuration", INT, "minutes", low=1, high=480, description="it completes within so long"),
        TableColumn("RequiredSignals", INT, "count", low=1, high=10, description="components that must agree"),
        TableColumn("Priority", INT, low=1, high=10, description="where several rules apply, the smallest wins"),
        TableColumn("Description", TEXT, required=False),
    ),
    default=undescribed(
        ( 1, "Neutral_Low_Vol",  "Neutral_Med_Vol",  0.40,  60, 2, 1),
        ( 2, "Neutral_Med_Vol",  "Neutral_Low_Vol",  0.42,  90, 2, 1),
        ( 3, "Neutral_*",        "Bullish_*",        0.45,  45, 3, 2),
        ( 4, "Neutral_*",        "Bearish_*",        0.45,  45, 3, 2),
        ( 5, "Neutral_*",        "Sideways_*",       0.38, 120, 2, 3),
        ( 6, "Bullish_Low_Vol",  "Bullish_Med_Vol",  0.40,  60, 2, 2),
        ( 7, "Bullish_Med_Vol",  "Bullish_High_Vol", 0.48,  45, 3, 3),
        ( 8, "Bullish_*",        "Strong_Bullish_*", 0.55,  30, 4, 4),
        ( 9, "Bullish_*",        "Neutral_*",        0.42,  90, 2, 2),
        (10, "Bearish_Low_Vol",  "Bearish_Med_Vol",  0.40,  60, 2, 2),
        (11, "Bearish_Med_Vol",  "Bearish_High_Vol", 0.48,  45, 3, 3),
        (12, "Bearish_*",        "Strong_Bearish_*", 0.55,  30, 4, 4),
        (13, "Bearish_*",        "Neutral_*",        0.42,  90, 2, 2),
        (14, "Bullish_*",        "Bearish_*",        0.60,  30, 5, 5),
        (15, "Bearish_*",        "Bullish_*",        0.60,  30, 5, 5),
        (16, "Strong_Bullish_*", "Bullish_*",        0.45,  60, 3, 3),
        (17, "Strong_Bearish_*", "Bearish_*",        0.45,  60, 3, 3),
        (18, "Strong_*",         "Neutral_*",        0.50,  45, 4, 4),
        (19, "Sideways_*",       "Neutral_*",        0.35, 120, 2, 2),
        (20, "Sideways_*",       "Bullish_*",        0.48,  60, 4, 3),
        (21, "Sideways_*",       "Bearish_*",        0.48,  60, 4, 3),
        (22, "*_Low_Vol",        "*_Med_Vol",        0.38,  90, 2, 2),
        (23, "*_Med_Vol",        "*_High_Vol",       0.45,  60, 3, 3),
        (24, "*_High_Vol",       "*_Med_Vol",        0.42,  90, 2, 2),
        (25, "*_Med_Vol",        "*_Low_Vol",        0.40, 120, 2, 2),
    ),
    consumer=REGIME_TRANSITIONS,
    description="which regimes may follow which, and what a transition needs",
    field="workbook_transitions.rules",
)
# fmt: on

_SHEETS = (
    bounded_sheet("TransitionManagement", "how a transition is detected, confirmed and limited"),
    record_sheet("TransitionRules", _RULES.names, "RuleID", _RULES.description),
)


def declarations() -> Declarations:
    """Of TransitionManagement and TransitionRules."""
    return Declarations(parameters=carried(_MANAGEMENT, "workbook_transitions"), tables=(_RULES,), sheets=_SHEETS)
