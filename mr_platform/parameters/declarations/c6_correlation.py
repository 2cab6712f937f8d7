"""C6, correlation: the sheet CorrelationConfig, and how much history stands behind what is learned."""

from __future__ import annotations

from mr_platform.parameters.declaration import Declarations
from mr_platform.parameters.declarations.consumers import CORRELATION
from mr_platform.parameters.declarations.filling import filling, floats, ints
from mr_platform.parameters.declarations.layouts import bounded_sheet
from mr_platform.parameters.values import FLOAT, INT

_SHEET = "CorrelationConfig"

# fmt: off
_row = filling(_SHEET, CORRELATION, "correlation")
_ROWS = (
    _row("bars", ints(3), (10, 20, 50), "bars", "windows of the correlations of one-minute changes", low=3, high=375),
    _row("timeframes", ints(4), (3, 5, 10, 15), "minutes", "timeframes that changes are taken over", low=1, high=75),
    _row("phases", ints(4), (10, 18, 24, 30), "series", "series in each of the growing matrices", low=2, high=30),
    _row("shrink_factor", FLOAT, 2.0, "ratio", "windows shorter than this times the number of series are shrunk",
         low=0, high=20),
    _row("breakdown_threshold", FLOAT, 0.10, "correlation", "a correlation below this in size has broken down",
         "breakdown.threshold", low=0, high=1),
    _row("breakdown_percentile", FLOAT, 0.10, "share", "quantile of its history that a learned threshold is",
         "breakdown.learned_percentile", low=0, high=1),
    _row("breakdown_history", INT, 50, "bars", "bars behind its mean and deviation", "breakdown.history_bars",
         low=5, high=375),
    _row("breakdown_deviations", FLOAT, 2.0, "standard deviations", "fall below the mean that is a breakdown",
         "breakdown.deviations", low=0, high=20),
    _row("breakdown_slope_bars", INT, 5, "bars",
         "bars of the correlation's slope", "breakdown.slope_bars", low=2, high=75),
    _row("breakdown_slope", FLOAT, -0.1, "correlation a bar", "slope below which it breaks down",
         "breakdown.slope_cut", low=-2, high=0),
    _row("alert_critical", FLOAT, 0.8, "confidence", "confidence of a critical alert", "breakdown.critical",
         low=0, high=1),
    _row("alert_warning", FLOAT, 0.6, "confidence", "confidence of a warning", "breakdown.warning", low=0, high=1),
    _row("alert_cool_down", INT, 5, "minutes", "least time between alerts", "breakdown.cool_down_minutes",
         low=0, high=375),
    _row("alerts_most", INT, 10, "alerts", "alerts of a session at most", "breakdown.most_per_session",
         low=0, high=375),
    _row("absorption_share", FLOAT, 0.2, "share", "share of the eigenvectors in the absorption ratio",
         low=0.01, high=1),
    _row("coherence_critical", FLOAT, 0.3, "share", "coherence of the components below which it is critical",
         low=0, high=1),
    _row("coherence_warning", FLOAT, 0.5, "share", "coherence below which there is a warning", low=0, high=1),
    _row("gap_cuts", floats(4), (0.2, 0.5, 1.0, 2.0), "percent", "sizes of the overnight gap", low=0, high=50),
    _row("gap_weights", floats(5), (1.0, 0.8, 0.6, 0.4, 0.2), "weight",
         "weight below each of them and beyond the last", low=0, high=1),
    _row("strike_reach", INT, 7, "strikes", "strikes on each side of ATM that are summed over", low=2, high=15),
    _row("strike_least", INT, 10, "strikes", "with fewer strikes there is no sum", "least_strikes", low=2, high=31),
    _row("wing_delta", FLOAT, 0.25, "delta", "size of the delta at which both wings stand", low=0.02, high=0.45),
    _row("least_wing", INT, 5, "options", "with fewer out-of-the-money options there are no wings", low=2, high=60),
    _row("shift_minutes", INT, 15, "minutes", "how far back a change of structure looks", low=1, high=75),
    _row("graph_threshold", FLOAT, 0.5, "correlation", "correlation in size from which two series are joined",
         low=0, high=1),
    _row("score_weights", floats(4), (0.25, 0.25, 0.25, 0.25), "share",
         "weights of pair strength, soundness, stability and coherence in the score", low=0, high=1),
    _row("gradient_rate", FLOAT, 0.1, "rate", "rate of the exponentiated gradient that the weights learn by",
         "learning_rate", low=0, high=10),
)
# fmt: on


def declarations() -> Declarations:
    """Of C6."""
    return Declarations(
        parameters=_ROWS,
        sheets=(bounded_sheet(_SHEET, "correlations, their breakdown and coherence", required=False),),
    )
