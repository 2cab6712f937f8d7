"""EnsembleMethods and ConfidenceCalibration: how models are joined and their confidence made honest."""

from __future__ import annotations

from functools import partial

from mr_platform.parameters.declaration import Declarations, Parameter
from mr_platform.parameters.declarations.consumers import CALIBRATION, ENSEMBLE, MODELS
from mr_platform.parameters.declarations.layouts import ON, titled_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice

ENSEMBLE_METHOD = Choice("WEIGHTED_VOTING", "MAJORITY_VOTING", "STACKING", "AVERAGING")
CALIBRATION_METHOD = Choice("ISOTONIC_REGRESSION", "PLATT_SCALING", "TEMPERATURE_SCALING", "BETA", "NONE")
BINNING = Choice("ADAPTIVE", "UNIFORM", "QUANTILE")

# fmt: off
_row = partial(Parameter, "EnsembleMethods")
_ENSEMBLE = (
    _row("ensemble_enabled", BOOL, ON, "", "several models answer together", ENSEMBLE),
    _row("ensemble_method", ENSEMBLE_METHOD, "WEIGHTED_VOTING", "", "how the models' answers are joined", ENSEMBLE),
    _row("hmm_weight", FLOAT, 0.35, "share of 1", "weight of the hidden Markov model", ENSEMBLE, low=0, high=1),
    _row("gmm_weight", FLOAT, 0.25, "share of 1", "weight of the Gaussian mixture", ENSEMBLE, low=0, high=1),
    _row("random_forest_weight", FLOAT, 0.2, "share of 1", "weight of the random forest", ENSEMBLE, low=0, high=1),
    _row("gradient_boost_weight", FLOAT, 0.2, "share of 1", "weight of gradient boosting", ENSEMBLE, low=0, high=1),
    _row("minimum_ensemble_confidence", FLOAT, 0.85, "ratio",
         "joint confidence below which the ensemble abstains", ENSEMBLE, low=0, high=1),
    _row("disagreement_threshold", FLOAT, 0.2, "ratio",
         "spread between models above which the ensemble abstains", ENSEMBLE, low=0, high=1),
    _row("adaptive_weighting", BOOL, ON, "", "weights follow recent performance", ENSEMBLE),
)

_row = partial(Parameter, "ConfidenceCalibration")
_CALIBRATION = (
    _row("calibration_enabled", BOOL, ON, "", "confidences are calibrated to probabilities", CALIBRATION),
    _row("calibration_method", CALIBRATION_METHOD, "ISOTONIC_REGRESSION", "",
         "map from confidences to probabilities", CALIBRATION),
    _row("platt_scaling_enabled", BOOL, ON, "", "Platt scaling comes before the calibration map", CALIBRATION),
    _row("temperature_scaling", FLOAT, 1.2, "temperature",
         "divisor of the logits before the softmax", CALIBRATION, low=0.1, high=10),
    _row("binning_strategy", BINNING, "ADAPTIVE", "", "how reliability bins are cut", CALIBRATION),
    _row("calibration_bins", INT, 15, "bins", "number of reliability bins",
         MODELS, "learning.evaluation.calibration_bins", low=2, high=100),
    _row("confidence_floor", FLOAT, 0.6, "ratio", "least confidence that is reported", CALIBRATION, low=0, high=1),
    _row("confidence_ceiling", FLOAT, 0.99, "ratio",
         "greatest confidence that is reported", CALIBRATION, low=0, high=1),
    _row("real_time_calibration", BOOL, ON, "", "the calibration map follows new labels", CALIBRATION),
    _row("calibration_window", INT, 500, "samples",
         "samples behind the calibration map", CALIBRATION, low=10, high=1_000_000),
)
# fmt: on

_SHEETS = (
    titled_sheet("EnsembleMethods", "which models answer together, and with what weights"),
    titled_sheet("ConfidenceCalibration", "how confidences become probabilities"),
)


def declarations() -> Declarations:
    """Of EnsembleMethods and ConfidenceCalibration."""
    return Declarations(parameters=_ENSEMBLE + _CALIBRATION, sheets=_SHEETS)
