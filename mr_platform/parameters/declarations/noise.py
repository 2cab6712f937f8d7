"""NoiseFiltering and RiskControls: which signals count, and what a wrong regime costs."""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter
from mr_platform.parameters.declarations.consumers import COST_SENSITIVITY, HEALTH, NOISE_FILTER, REGIME_FORMATION
from mr_platform.parameters.declarations.filling import carried
from mr_platform.parameters.declarations.layouts import OFF, ON, bounded_sheet, titled_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice

UNCERTAINTY_HANDLING = Choice("CONSERVATIVE", "NEUTRAL", "AGGRESSIVE", "NO_SIGNAL")
CONFLICT_RESOLUTION = Choice("MOST_STABLE", "HIGHEST_CONFIDENCE", "MAJORITY", "PREVIOUS")

# fmt: off
_row = partial(Parameter, "NoiseFiltering")
_NOISE = (
    _row("microstructure_filter_enabled", BOOL, ON, "", "drop moves the spread explains", NOISE_FILTER),
    _row("microstructure_threshold", FLOAT, 0.05, "ratio",
         "share of the range below which a move is microstructure noise", NOISE_FILTER, low=0.01, high=0.15),
    _row("tick_noise_filter", BOOL, ON, "", "drop single-tick flickers where ticks exist", NOISE_FILTER),
    _row("volume_filter_enabled", BOOL, ON, "", "weigh signals by volume", NOISE_FILTER),
    _row("volume_threshold_multiplier", FLOAT, 0.5, "ratio",
         "volume below this multiple of its mean is thin", NOISE_FILTER, low=0.3, high=1),
    _row("low_volume_penalty", FLOAT, 0.3, "ratio",
         "what a signal loses in thin volume", NOISE_FILTER, low=0.1, high=0.5),
    _row("price_spike_filter", BOOL, ON, "", "drop isolated price spikes", NOISE_FILTER),
    _row("spike_threshold", FLOAT, 3.0, "sigma",
         "deviations from the mean that make a spike", NOISE_FILTER, low=2, high=5),
    _row("mean_reversion_check", BOOL, ON, "", "a spike that reverts at once is noise", NOISE_FILTER),
    _row("persistence_filter_enabled", BOOL, ON, "", "a signal must last to count", NOISE_FILTER),
    _row("min_persistence_ratio", FLOAT, 0.4, "ratio",
         "share of the lookback over which a signal must last", NOISE_FILTER, low=0.2, high=0.7),
    _row("persistence_lookback", INT, 5, "points",
         "points over which a signal must last", NOISE_FILTER, low=3, high=10),
    _row("kalman_filter_enabled", BOOL, OFF, "", "filter levels with a Kalman recursion", NOISE_FILTER),
    _row("wavelet_denoising", BOOL, OFF, "", "shrink wavelet coefficients of prices", NOISE_FILTER),
    _row("ensemble_filtering", BOOL, ON, "", "the filters vote on what is noise", NOISE_FILTER),
    _row("adaptive_noise_threshold", BOOL, ON, "", "the noise threshold follows the market", NOISE_FILTER),
    _row("noise_learning_rate", FLOAT, 0.05, "ratio",
         "share of the way the noise threshold moves at each step", NOISE_FILTER, low=0.01, high=0.2),
    _row("noise_memory_window", INT, 50, "points",
         "points of noise that the adapting threshold remembers", NOISE_FILTER, low=20, high=200),
)

_row = partial(Parameter, "RiskControls")
_RISK = (
    _row("false_positive_penalty", FLOAT, 2.0, "multiplier",
         "cost of a regime that was not there", COST_SENSITIVITY, low=0, high=10),
    _row("false_negative_penalty", FLOAT, 1.5, "multiplier",
         "cost of a regime that was missed", COST_SENSITIVITY, low=0, high=10),
    _row("regime_uncertainty_handling", UNCERTAINTY_HANDLING, "CONSERVATIVE", "",
         "what is answered when the regime is uncertain", REGIME_FORMATION),
    _row("max_uncertainty_threshold", FLOAT, 0.25, "ratio",
         "entropy share above which a regime is uncertain", REGIME_FORMATION, low=0, high=1),
    _row("conflict_resolution", CONFLICT_RESOLUTION, "MOST_STABLE", "",
         "which of several regimes of equal score wins", REGIME_FORMATION),
    _row("emergency_override", BOOL, ON, "", "an operator may set the regime by hand", HEALTH),
    _row("manual_intervention_threshold", FLOAT, 0.95, "ratio",
         "alarm level from which an operator is called", HEALTH, low=0, high=1),
)
# fmt: on

_SHEETS = (
    bounded_sheet("NoiseFiltering", "filters between raw signals and the regime scores"),
    titled_sheet("RiskControls", "costs of wrong regimes, and what happens in doubt"),
)


def declarations() -> Declarations:
    """Of NoiseFiltering and RiskControls."""
    return Declarations(parameters=carried(_NOISE, "noise_filter") + _RISK, sheets=_SHEETS)
