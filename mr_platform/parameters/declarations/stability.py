"""StabilityConfiguration and RegimeStability: what keeps a regime in place, and what tells that it is stable."""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter
from mr_platform.parameters.declarations.consumers import (
    ANSWERS,
    EVALUATION,
    MASTER_ANSWER,
    NOISE_FILTER,
    REGIME_SPELLS,
    REGIME_TRANSITIONS,
    RETRAINING,
    TIMEFRAME_CONSENSUS,
)
from mr_platform.parameters.declarations.filling import carried
from mr_platform.parameters.declarations.layouts import ON, bounded_sheet, titled_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice

TRANSITION_MODEL = Choice("MARKOV_CHAIN", "SEMI_MARKOV", "HIDDEN_MARKOV", "EMPIRICAL")

# fmt: off
_row = partial(Parameter, "StabilityConfiguration")
_STABILITY = (
    _row("minimum_regime_duration", INT, 30, "minutes",
         "a regime holds at least so long before another may follow", REGIME_SPELLS, low=15, high=120),
    _row("maximum_regime_duration", INT, 240, "minutes",
         "a regime that held so long is put to the test again", REGIME_SPELLS, low=120, high=480),
    # default of the definition of C8, as for the gate below; the workbook's own are 10 and 0.45
    _row("transition_cooldown", INT, 5, "minutes",
         "no second transition so soon after one", ANSWERS, "transitions.cool_down_minutes", low=5, high=30),
    _row("confirmation_window", INT, 5, "minutes",
         "a new regime must hold so long to be confirmed", REGIME_SPELLS, low=3, high=15),
    _row("confidence_threshold", FLOAT, 0.7, "ratio",
         "least confidence at which a regime is answered, else there is no signal", MASTER_ANSWER, "signal.gate",
         low=0.3, high=0.7),
    _row("high_confidence_threshold", FLOAT, 0.7, "ratio",
         "confidence from which a regime counts as certain", MASTER_ANSWER, "tactical.confident", low=0.6, high=0.9),
    _row("prediction_confidence", FLOAT, 0.6, "ratio",
         "confidence that a forecast needs to be used", EVALUATION, low=0.4, high=0.8),
    _row("hysteresis_buffer", FLOAT, 0.05, "ratio",
         "a score must pass a threshold by so much to cross it", REGIME_SPELLS, low=0.02, high=0.15),
    _row("adaptive_hysteresis", BOOL, ON, "",
         "the buffer widens with volatility", REGIME_SPELLS),
    _row("transition_margin", FLOAT, 0.08, "ratio",
         "lead that the challenger's score needs over the regime in force", REGIME_TRANSITIONS, low=0.05, high=0.2),
    _row("signal_strength_threshold", FLOAT, 0.12, "ratio",
         "signals weaker than this trigger no transition", REGIME_TRANSITIONS, low=0.08, high=0.25),
    _row("noise_threshold", FLOAT, 0.4, "ratio",
         "noise share above which nothing changes", NOISE_FILTER, low=0.2, high=0.6),
    _row("persistence_window", INT, 3, "points",
         "points over which persistence is judged", REGIME_SPELLS, low=2, high=10),
    _row("persistence_ratio", FLOAT, 0.6, "ratio",
         "share of the persistence window's points that must agree", REGIME_SPELLS, low=0.4, high=0.8),
    _row("consensus_threshold", FLOAT, 0.4, "ratio",
         "weighted agreement of timeframes that carries a regime", TIMEFRAME_CONSENSUS, low=0.25, high=0.7),
    _row("min_agreeing_timeframes", INT, 2, "count",
         "timeframes that must agree on a regime", TIMEFRAME_CONSENSUS, low=1, high=4),
    _row("timeframe_divergence_limit", FLOAT, 0.3, "ratio",
         "spread between timeframes above which none is followed", TIMEFRAME_CONSENSUS, low=0.15, high=0.5),
    _row("max_transitions_per_hour", INT, 2, "count",
         "confirmed changes of the workbook regime in an hour", REGIME_TRANSITIONS, low=1, high=4),
    _row("max_transitions_per_day", INT, 6, "count",
         "confirmed changes of the workbook regime in a session", REGIME_TRANSITIONS, low=3, high=10),
    _row("min_transitions_per_day", INT, 1, "count",
         "fewer in a session look like a lock", REGIME_TRANSITIONS, low=0, high=3),
    _row("regime_quality_threshold", FLOAT, 0.65, "ratio",
         "least combined score of stability and accuracy", EVALUATION, low=0.5, high=0.85),
    _row("stability_score_weight", FLOAT, 0.3, "ratio",
         "weight of stability in the quality of a regime", EVALUATION, low=0.1, high=0.5),
    _row("accuracy_score_weight", FLOAT, 0.7, "ratio",
         "weight of accuracy in the quality of a regime", EVALUATION, low=0.5, high=0.9),
    _row("enable_adaptive_thresholds", BOOL, ON, "",
         "thresholds of this sheet follow the market", RETRAINING),
    _row("learning_rate", FLOAT, 0.1, "ratio",
         "share of the way a threshold moves at each adjustment", RETRAINING, low=0.01, high=0.3),
    _row("adaptation_window", INT, 100, "points",
         "history that an adjustment looks back on", RETRAINING, low=50, high=500),
)

_row = partial(Parameter, "RegimeStability")
_SCORING = (
    _row("stability_score_enabled", BOOL, ON, "", "score how stable the regime is", REGIME_SPELLS),
    _row("minimum_stability_score", FLOAT, 0.8, "ratio",
         "stability score from which a regime counts as stable", REGIME_SPELLS, low=0, high=1),
    _row("persistence_check", BOOL, ON, "", "persistence is part of the stability score", REGIME_SPELLS),
    _row("regime_momentum", BOOL, ON, "",
         "the trend of the regime's probability is part of the stability score", REGIME_SPELLS),
    _row("transition_probability_model", TRANSITION_MODEL, "MARKOV_CHAIN", "",
         "model behind the probability of leaving the regime", REGIME_TRANSITIONS),
    _row("regime_lifetime_analysis", BOOL, ON, "", "report how long regimes last", EVALUATION),
    _row("expected_duration_check", BOOL, ON, "",
         "compare a spell with the usual length of its regime", REGIME_SPELLS),
    _row("volatility_clustering", BOOL, ON, "", "test volatility for clustering", EVALUATION),
    _row("regime_entropy_check", BOOL, ON, "",
         "entropy of the regime probabilities is part of the stability score", REGIME_SPELLS),
)
# fmt: on

_SHEETS = (
    bounded_sheet("StabilityConfiguration", "durations, confidences and limits that keep regimes from flickering"),
    titled_sheet("RegimeStability", "the parts of the stability score"),
)


def declarations() -> Declarations:
    """Of StabilityConfiguration and RegimeStability."""
    return Declarations(parameters=carried(_STABILITY, "stability") + _SCORING, sheets=_SHEETS)
