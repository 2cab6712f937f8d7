"""C2, Greeks sentiment: what GreekSentimentConfig lacks.

The sheet's own four weights are shares of a sum of 1; the weights here are factors, and gamma's is never 0.
"""

from __future__ import annotations

from mr_platform.parameters.declaration import Declarations
from mr_platform.parameters.declarations.consumers import GREEKS_SENTIMENT
from mr_platform.parameters.declarations.filling import filling, floats, ints
from mr_platform.parameters.values import FLOAT, INT

_LEAST_WEIGHT = 0.01

_WEIGHTS = {
    "delta": 1.0,
    "gamma": 1.5,
    "theta": 0.8,
    "vega": 1.2,
    "vanna": 0.7,
    "charm": 0.6,
    "volga": 0.5,
}
# Factors of delta, gamma, theta, vega, vanna, charm and volga by days to expiry.
_MULTIPLIERS = {
    0: (0.5, 3.0, 2.0, 0.3, 2.5, 3.0, 0.2),
    1: (0.6, 2.5, 1.8, 0.4, 2.2, 2.5, 0.3),
    2: (0.7, 2.0, 1.5, 0.5, 1.8, 2.0, 0.4),
    7: (0.9, 1.5, 1.2, 0.8, 1.2, 1.3, 0.6),
    15: (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    30: (1.2, 0.8, 0.9, 1.3, 0.8, 0.7, 1.4),
    60: (1.3, 0.6, 0.8, 1.5, 0.6, 0.5, 1.6),
    90: (1.4, 0.5, 0.7, 1.6, 0.5, 0.4, 1.7),
}
_FLOWS = {"NIFTY": 15_000.0, "BANKNIFTY": 22_000.0, "STOCK": 3_000.0}

# fmt: off
_row = filling("GreekSentimentConfig", GREEKS_SENTIMENT, "greeks_sentiment")
_ROWS = (
    *(_row(f"{greek}_component_weight", FLOAT, weight, "weight",
           f"factor of {greek} in its order's score; never 0", f"{greek}_weight", low=_LEAST_WEIGHT, high=10)
      for greek, weight in _WEIGHTS.items()),
    _row("order_shares", floats(2), (0.70, 0.30), "share",
         "weights in the score of delta, gamma, theta and vega, and of vanna, charm and volga", low=0, high=1),
    _row("weight_smoothing", FLOAT, 0.2, "share", "smoothing of a learned weight", "weight_learning.smoothing",
         low=0, high=1),
    _row("weight_low", FLOAT, 0.1, "weight", "least learned weight of a Greek; never 0", "weight_learning.low",
         low=_LEAST_WEIGHT, high=10),
    _row("weight_high", FLOAT, 3.0, "weight", "largest learned weight of a Greek", "weight_learning.high",
         low=0.1, high=20),
    _row("weight_lookback", INT, 100, "observations", "history that weights are learned from",
         "weight_learning.lookback", low=10, high=10_000),
    _row("weight_least", INT, 20, "observations", "with fewer no weight is learned", "weight_learning.least",
         low=2, high=10_000),
    _row("weight_least_gain", FLOAT, 0.02, "fraction", "relative gain that a learned weight must bring",
         "weight_learning.least_gain", low=0, high=1),
    _row("leg_shares", floats(2), (0.6, 0.4), "share", "weights of volume and of open interest in a leg's weight",
         "leg_weight.shares", low=0, high=1),
    _row("leg_volume_cap", FLOAT, 2.0, "ratio", "volume over its median counts up to this", "leg_weight.volume_cap",
         low=0.1, high=100),
    _row("leg_oi_cap", FLOAT, 1.5, "ratio", "open interest over its median counts up to this", "leg_weight.oi_cap",
         low=0.1, high=100),
    _row("leg_default_volume", FLOAT, 1000.0, "contracts", "median volume until one is known",
         "leg_weight.default_volume", low=1, high=1e9),
    _row("leg_default_oi", FLOAT, 10_000.0, "contracts", "median open interest until one is known",
         "leg_weight.default_oi", low=1, high=1e9),
    *(_row(f"greek_multipliers_dte_{day}", floats(7), factors, "factor",
           f"factors of delta, gamma, theta, vega, vanna, charm and volga {day} days before expiry",
           f"dte_multipliers[{day}]", low=0.01, high=20)
      for day, factors in _MULTIPLIERS.items()),
    _row("strike_set_reach", INT, 7, "strikes", "strikes on each side of ATM that an exposure is summed over",
         "strike_set.reach", low=2, high=15),
    _row("strike_set_least", INT, 10, "legs", "with fewer legs of a side there is no sum over it", "strike_set.least",
         low=3, high=31),
    _row("strike_set_least_wing", INT, 5, "legs", "with fewer out-of-the-money legs of a side there is no wing",
         "strike_set.least_wing", low=1, high=15),
    _row("scale_least_minutes", INT, 15, "minutes",
         "minutes after which the session's own median scales an exposure that has no history", low=1, high=375),
    _row("scale_least_share", FLOAT, 0.01, "share",
         "least scale of a straddle's exposure, as a share of the size of both legs", low=0, high=1),
    _row("scale_sessions", INT, 30, "sessions", "sessions behind the default robust scale of an exposure",
         low=1, high=1260),
    _row("straddle_weights", floats(3), (0.50, 0.25, 0.25), "share", "weights of the ATM, ITM1 and OTM1 straddle",
         low=0, high=1),
    _row("confidence_weights", floats(3), (0.5, 0.3, 0.2), "share",
         "weights of agreement, volume share and OI share in the confidence", low=0, high=1),
    _row("agreement_floor", FLOAT, 0.1, "share", "least agreement in the confidence", low=0, high=1),
    _row("confidence_floor", FLOAT, 0.1, "share", "least confidence of the sentiment", low=0, high=1),
    _row("level_cuts", floats(6), (-0.45, -0.15, -0.08, 0.08, 0.15, 0.45), "score",
         "cuts between the seven sentiment levels on the overall score", low=-1, high=1),
    _row("level_lookback", INT, 200, "observations", "history that the cuts adapt to", "level_learning.lookback",
         low=10, high=100_000),
    _row("level_step", FLOAT, 0.02, "score", "largest move of a cut", "level_learning.step", low=0, high=1),
    _row("level_separation", FLOAT, 0.03, "score", "least distance of neighbouring cuts",
         "level_learning.separation", low=0, high=1),
    *(_row(f"flow_threshold_{symbol.lower()}", FLOAT, contracts, "contracts",
           f"volume of a large flow, {symbol}", f"flow_thresholds[{symbol}]", low=1, high=1e9)
      for symbol, contracts in _FLOWS.items()),
    _row("flow_percentiles", floats(3), (0.5, 0.9, 0.95), "share",
         "percentiles of volume that learned flow thresholds are", low=0, high=1),
    _row("pin_bounds", ints(2), (3, 15), "days", "last days to expiry of the first and second pin multiplier",
         low=0, high=365),
    _row("pin_multipliers", floats(3), (3.0, 1.0, 0.3), "factor", "weight of pin risk, near, further and beyond",
         low=0, high=20),
    _row("transition_bounds", ints(2), (3, 7), "days",
         "last days to expiry of the first and second transition multiplier", low=0, high=365),
    _row("transition_multipliers", floats(3), (1.5, 1.2, 1.0), "factor",
         "factor of the transition probability, near, further and beyond", low=0, high=20),
    _row("transition_score_cap", FLOAT, 0.9, "score", "size of the score counts up to this in the probability",
         low=0, high=1),
    _row("transition_cap", FLOAT, 0.95, "probability", "largest transition probability", low=0, high=1),
)
# fmt: on


def declarations() -> Declarations:
    """Of C2."""
    return Declarations(parameters=_ROWS)
