"""C4, implied-volatility skew: what IVSurfaceConfig lacks."""

from __future__ import annotations

from mr_platform.parameters.declaration import Declarations
from mr_platform.parameters.declarations.consumers import IV_SKEW
from mr_platform.parameters.declarations.filling import filling, floats, ints
from mr_platform.parameters.values import FLOAT, INT

# fmt: off
_row = filling("IVSurfaceConfig", IV_SKEW, "iv_skew")
_ROWS = (
    _row("wing_deltas", floats(2), (0.10, 0.25), "delta", "deltas of the wings, the last the headline",
         low=0.01, high=0.49),
    _row("least_strikes", INT, 5, "strikes", "strikes with an IV that an expiry needs", low=3, high=50),
    _row("reversal_points", ints(5), (50, 100, 200, 500, 1000), "index points",
         "fixed distances of risk reversals", low=1, high=20_000),
    _row("reversal_step", INT, 50, "index points",
         "strike step those distances belong to; other symbols scale with theirs", low=1, high=1000),
    _row("asymmetry_moneyness", FLOAT, 0.05, "log-moneyness over root of time",
         "left and right of the smile are compared beyond this", low=0, high=1),
    _row("iv_level_cuts", floats(6), (0.10, 0.25, 0.40, 0.60, 0.75, 0.90), "share",
         "percentiles between the seven IV regimes", "level_cuts", low=0, high=1),
    _row("percentile_least", INT, 30, "observations", "history that a percentile needs", low=2, high=1260),
    _row("consistency", FLOAT, 0.8, "share",
         "agreement of the two percentiles above which they count half each", low=0, high=1),
    _row("consistency_count", INT, 100, "observations", "n / this is the confidence of a percentile otherwise",
         low=1, high=10_000),
    _row("iv_momentum_minutes", ints(4), (5, 15, 30, 60), "minutes", "spans of the momentum of IV and skew",
         "momentum_minutes", low=1, high=375),
    _row("skew_transition", FLOAT, 0.02, "per year", "change of skew that is a transition", low=0, high=1),
    _row("atm_transition", FLOAT, 0.05, "per year", "change of ATM IV that is a transition", low=0, high=1),
    _row("wing_transition", FLOAT, 0.03, "per year", "change of a wing's IV that is a transition", low=0, high=1),
    _row("stock_typical_iv", FLOAT, 0.35, "per year",
         "ATM IV of a symbol without one of its own, until one is learned", low=0.01, high=3),
    _row("fear_cuts", floats(4), (0.15, 0.08, -0.03, -0.08), "per year",
         "cuts of put less call skew, from extreme fear to extreme greed", low=-1, high=1),
    _row("fear_grades", floats(4), (1.0, 0.5, -0.5, -1.0), "score",
         "fear at each of these cuts, linear in between", low=-1, high=1),
    _row("typical_spread", FLOAT, 0.35, "log",
         "standard deviation of log ATM IV around the typical one, until percentiles are learned", low=0.05, high=2),
    _row("pattern_normal", floats(2), (0.07, -0.03), "share of ATM IV",
         "put and call skew of a normal smile", low=-1, high=2),
    _row("pattern_steep_put", floats(2), (0.20, -0.04), "share of ATM IV",
         "put and call skew of a steep put wing", low=-1, high=2),
    _row("pattern_flat", floats(2), (0.0, 0.0), "share of ATM IV", "put and call skew of a flat smile", low=-1, high=2),
    _row("pattern_reverse", floats(2), (-0.03, 0.07), "share of ATM IV",
         "put and call skew of a reversed smile", low=-1, high=2),
    _row("pattern_smile", floats(2), (0.12, 0.12), "share of ATM IV",
         "put and call skew of a smile with both wings up", low=-1, high=2),
    _row("pattern_width", FLOAT, 0.05, "share of ATM IV",
         "distance from a pattern at which the likeness to it is a half", low=0.005, high=1),
    _row("iv_score_weights", floats(4), (0.45, 0.25, 0.15, 0.15), "share",
         "weights of IV percentile, fear, IV momentum and backwardation in the score", "score_weights", low=0, high=1),
    _row("history_share", FLOAT, 0.5, "share",
         "weight of learned percentiles against the fit of the smile in the confidence", low=0, high=1),
)
# fmt: on


def declarations() -> Declarations:
    """Of C4."""
    return Declarations(parameters=_ROWS)
