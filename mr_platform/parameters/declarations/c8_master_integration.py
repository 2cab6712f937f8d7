"""C8 and the regimes: the sheet MasterIntegrationConfig."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.parameters.declaration import Declarations, Parameter, live
from mr_platform.parameters.declarations.consumers import (
    ANSWERS,
    COMPONENT_WEIGHTS,
    DTE_HISTORY,
    MASTER_ANSWER,
    MASTER_INTEGRATION,
)
from mr_platform.parameters.declarations.filling import filling, floats, ints
from mr_platform.parameters.declarations.layouts import bounded_sheet
from mr_platform.parameters.values import FLOAT, INT

_SHEET = "MasterIntegrationConfig"

# Weights and ranges of the scores of C1..C7 in each regime.
_SIGNATURES: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "LVLD": (
        (0.15, 0.10, 0.20, 0.15, 0.20, 0.10, 0.10),
        (-0.3, -0.2, -0.3, 0.1, -0.2, 0.6, 0.3),
        (0.3, 0.2, 0.3, 0.4, 0.2, 1.0, 0.7),
    ),
    "HVC": (
        (0.20, 0.15, 0.15, 0.25, 0.15, 0.05, 0.05),
        (-0.5, -0.4, -0.4, 0.4, 0.3, 0.4, 0.5),
        (0.5, 0.4, 0.4, 0.8, 0.7, 0.8, 0.9),
    ),
    "VCPE": (
        (0.25, 0.20, 0.15, 0.10, 0.20, 0.05, 0.05),
        (0.4, 0.3, 0.4, 0.1, 0.5, 0.6, 0.4),
        (1.0, 0.8, 0.8, 0.4, 0.9, 1.0, 0.8),
    ),
    "TBVE": (
        (0.20, 0.15, 0.20, 0.15, 0.15, 0.10, 0.05),
        (-0.8, -0.6, -0.7, 0.6, -0.8, 0.2, 0.6),
        (-0.3, -0.2, -0.3, 1.0, -0.4, 0.6, 1.0),
    ),
    "TBVS": (
        (0.15, 0.20, 0.25, 0.10, 0.20, 0.05, 0.05),
        (-0.6, -0.5, -0.6, 0.2, -0.5, 0.4, 0.3),
        (-0.2, -0.1, -0.2, 0.5, -0.1, 0.8, 0.7),
    ),
    "SCGS": (
        (0.15, 0.15, 0.15, 0.10, 0.15, 0.20, 0.10),
        (0.3, 0.4, 0.3, 0.2, 0.4, 0.7, 0.5),
        (0.8, 0.9, 0.7, 0.6, 0.8, 1.0, 0.9),
    ),
    "PSED": (
        (0.15, 0.15, 0.15, 0.15, 0.15, 0.20, 0.05),
        (-0.8, -0.9, -0.7, 0.5, -0.8, 0.1, 0.6),
        (-0.2, -0.3, -0.2, 1.0, -0.3, 0.5, 1.0),
    ),
    "CBV": (
        (0.10, 0.10, 0.10, 0.20, 0.15, 0.15, 0.20),
        (-0.4, -0.3, -0.4, 0.4, -0.3, 0.3, 0.4),
        (0.4, 0.3, 0.4, 0.8, 0.3, 0.7, 0.8),
    ),
}
_WEIGHTS = {
    "0-7": (0.20, 0.10, 0.15, 0.15, 0.15, 0.10, 0.15),
    "8-30": (0.15, 0.15, 0.20, 0.15, 0.15, 0.15, 0.05),
    "31+": (0.10, 0.15, 0.15, 0.15, 0.20, 0.20, 0.05),
}
_SIZES = {"LVLD": 1.3, "HVC": 0.75, "VCPE": 1.15, "TBVE": 1.0, "TBVS": 0.4, "SCGS": 0.9, "PSED": 1.1, "CBV": 0.75}
_LIMITS = {"LVLD": 5, "HVC": 3, "VCPE": 4, "TBVE": 3, "TBVS": 2, "SCGS": 4, "PSED": 2, "CBV": 3}

# fmt: off
_rule = filling(_SHEET, MASTER_ANSWER, "rules", "rule_")


def _signatures() -> Iterator[Parameter]:
    row = filling(_SHEET, MASTER_ANSWER, "rules", "signature_")
    for code, (weights, lows, highs) in _SIGNATURES.items():
        name = code.lower()
        yield row(f"{name}_weights", floats(7), weights, "share", f"weights of C1..C7 in the signature of {code}",
                  f"signatures[{code}].weights", low=0, high=1)
        yield row(f"{name}_lows", floats(7), lows, "score", f"low ends of their scores in {code}",
                  f"signatures[{code}].lows", low=-1, high=1)
        yield row(f"{name}_highs", floats(7), highs, "score", f"high ends of their scores in {code}",
                  f"signatures[{code}].highs", low=-1, high=1)


_weight = filling(_SHEET, COMPONENT_WEIGHTS, "component_weights", "component_weight_")
_transition = filling(_SHEET, ANSWERS, "transitions", "transition_")
_tactical = filling(_SHEET, MASTER_ANSWER, "tactical", "tactical_")
_state = filling(_SHEET, MASTER_ANSWER, "market_state", "state_")
_daily = filling(_SHEET, live("regimes/tactical"), "daily_regimes", "daily_")
_history = filling(_SHEET, ANSWERS, "history", "history_")
_position = filling(_SHEET, ANSWERS, "positions", "position_")
_integration = filling(_SHEET, MASTER_INTEGRATION, "master_integration")
_dte = filling(_SHEET, DTE_HISTORY, "dte_history", "dte_")

_REGIMES = (
    _rule("score_share", FLOAT, 0.8, "share",
          "weight of the weighted match in a regime's score; the rest is the share of components that match",
          low=0, high=1),
    _rule("match_floor", FLOAT, 0.5, "match", "a component matches above this", low=0, high=1),
    *_signatures(),
    _weight("lowest", FLOAT, 0.05, "share", "least weight of a component", low=0, high=1),
    _weight("highest", FLOAT, 0.35, "share", "largest weight of a component", low=0, high=1),
    *(_weight(f"dte_{bucket}", floats(7), weights, "share", f"weights of C1..C7 at {bucket} days to expiry",
              f"by_dte[{bucket}]", low=0, high=1)
      for bucket, weights in _WEIGHTS.items()),
    _transition("shift", FLOAT, 0.30, "probability",
                "total variation from the distribution in force that a change of regime needs", low=0, high=1),
    _transition("alert", FLOAT, 0.40, "probability", "shift from which a change is an alert", low=0, high=1),
    _transition("confidence_alert", FLOAT, 0.5, "probability",
                "the regime in force is doubted below this probability", low=0, high=1),
    _transition("most_per_hour", INT, 20, "count", "changes of the strategic regime in an hour at most",
                low=1, high=60),
    _tactical("direction", FLOAT, 0.3, "score", "size of the direction from which it is a stance", low=0, high=1),
    _tactical("calm", FLOAT, 0.3333333333333333, "share", "volatility percentile below which it is calm",
              low=0, high=1),
    _tactical("tense", FLOAT, 0.6666666666666666, "share", "volatility percentile from which it is tense",
              low=0, high=1),
    _tactical("doubtful", FLOAT, 0.5, "probability", "confidence below which a regime is held with caution",
              low=0, high=1),
    _tactical("turn_minutes", INT, 60, "minutes", "a direction of the other sign so long ago makes a reversal",
              low=5, high=375),
    _state("session_bars", INT, 75, "five-minute bars", "bars of slope and annualised volatility", low=12, high=300),
    _state("recent_bars", INT, 12, "five-minute bars", "bars of the volatility whose percentile is taken",
           low=3, high=75),
    _daily("strong_return", FLOAT, 0.015, "fraction", "return beyond which a day is strong", low=0, high=1),
    _daily("plain_return", FLOAT, 0.005, "fraction", "return beyond which a day has a direction", low=0, high=1),
    _daily("volatility", FLOAT, 0.02, "fraction", "volatility above which a day is choppy", low=0, high=1),
    _daily("volume_floor", FLOAT, 0.5, "share", "volume participation is counted on top of this in the confidence",
           low=0, high=1),
    _history("days", INT, 30, "days", "length of the rolling record of regimes", low=1, high=365),
    _history("bar_minutes", INT, 5, "minutes", "length of its bars", low=1, high=75),
    *(_position(f"base_{code.lower()}", FLOAT, size, "factor", f"base size of a position in {code}",
                f"base[{code}]", low=0, high=5)
      for code, size in _SIZES.items()),
    *(_position(f"most_{code.lower()}", INT, limit, "positions", f"positions at the same time in {code}",
                f"most[{code}]", low=0, high=100)
      for code, limit in _LIMITS.items()),
    _position("confidence_floor", FLOAT, 0.5, "share", "share of the size that does not depend on confidence",
              low=0, high=1),
    _position("risk_ceiling", FLOAT, 2.0, "factor", "risk multiplier at which the size is 0", low=0.1, high=10),
    _position("score_quantile", FLOAT, 0.75, "share", "quantile of the ranges that the volatility score is",
              low=0, high=1),
    _position("volatility_cuts", floats(3), (0.5, 1.0, 2.0), "percent of price",
              "volatility scores between low, normal, high and extreme", low=0, high=100),
    _position("risk_multipliers", floats(4), (0.8, 1.0, 1.3, 1.6), "factor", "risk in each of them", low=0, high=10),
    _position("stop_multipliers", floats(4), (0.8, 1.0, 1.5, 2.0), "factor", "stop distance in each of them",
              low=0.01, high=20),
    _position("direction", FLOAT, 0.1, "score", "trend strength from which a side is preferred", low=0, high=1),
)

_INTEGRATION = (
    _integration("history_weights", floats(2), (0.7, 0.3), "share",
                 "weights of historical accuracy and confidence in the correction of a probability",
                 "learning.history_weights", low=0, high=1),
    _integration("performance_weights", floats(5), (0.40, 0.25, 0.20, 0.10, 0.05), "share",
                 "weights of accuracy, confidence, steadiness of accuracy, stability and speed",
                 "learning.performance_weights", low=0, high=1),
    _integration("learning_rate", FLOAT, 0.1, "share", "part of the way that a weight moves", "learning.rate",
                 low=0, high=1),
    _integration("least_dte", INT, 30, "observations", "with fewer at a day to expiry nothing is learned",
                 "learning.least_dte", low=1, high=10_000),
    _integration("least_regime", INT, 20, "observations",
                 "observations of a regime below which nothing is learned for it", "learning.least_regime",
                 low=1, high=10_000),
    _integration("lookback", INT, 252, "sessions", "history that is learned from", "learning.lookback",
                 low=10, high=1260),
    _integration("structure_flag", FLOAT, 0.20, "fraction", "relative shift of performance that is flagged",
                 "structure.flag", low=0, high=1),
    _integration("structure_adapt", FLOAT, 0.30, "fraction",
                 "relative shift of performance that is adapted to", "structure.adapt",
                 low=0, high=1),
    _integration("structure_answer_hours", INT, 24, "hours",
                 "time within which a structure change is answered", "structure.answer_hours",
                 low=1, high=168),
    _integration("degraded_weight", FLOAT, 0.5, "factor",
                 "weight of a component that lacks some of its inputs, over its full one", low=0, high=1),
    _integration("short_minutes", INT, 15, "minutes", "how far back the shortest changes look", low=2, high=60),
    _integration("middle_minutes", INT, 30, "minutes", "how far back changes of structure look", low=3, high=120),
    _integration("long_minutes", INT, 60, "minutes", "how far back the longest changes look", low=4, high=180),
    _dte("range_bounds", ints(2), (7, 30), "days", "last days to expiry of the ranges 0_7 and 8_30", low=0, high=365),
    _dte("day_sessions", INT, 252, "sessions", "history kept for a single day to expiry", low=10, high=1260),
    _dte("range_sessions", ints(3), (1260, 756, 504), "sessions", "history kept for each range", low=10, high=2520),
    _dte("day_observations", INT, 30, "observations", "a learned value of a single day needs so many",
         low=1, high=10_000),
    _dte("day_least_sessions", INT, 3, "sessions", "from so many sessions", low=1, high=252),
    _dte("range_observations", INT, 60, "observations", "a learned value of a range needs so many",
         low=1, high=10_000),
    _dte("range_least_sessions", INT, 5, "sessions", "from so many sessions", low=1, high=252),
    _dte("level_observations", INT, 15, "observations", "a learned cut of a level needs so many",
         low=1, high=10_000),
)
# fmt: on


def declarations() -> Declarations:
    """Of C8 and of the regimes that stand on the components."""
    return Declarations(
        parameters=(*_REGIMES, *_INTEGRATION),
        sheets=(bounded_sheet(_SHEET, "signatures, weights, transitions and advice of the regimes", required=False),),
    )
