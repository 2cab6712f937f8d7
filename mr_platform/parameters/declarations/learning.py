"""Learning: the sheet LearningConfig."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.parameters.declaration import Declarations, Parameter
from mr_platform.parameters.declarations.consumers import MODELS
from mr_platform.parameters.declarations.filling import Row, filling, ints
from mr_platform.parameters.declarations.layouts import ON, bounded_sheet
from mr_platform.parameters.values import BOOL, FLOAT, INT, Choice

_SHEET = "LearningConfig"
# In order of preference: shrinkage, inputs read at most, and of how many the changes too.
_DISCRIMINANTS = {"discriminant_firm": (0.6, 60, 1), "discriminant_loose": (0.2, 200, 100)}
_TREES = "trees_stacked"
_NAMES = (*_DISCRIMINANTS, _TREES)

# fmt: off
_split = filling(_SHEET, MODELS, "learning.splits")
_evaluation = filling(_SHEET, MODELS, "learning.evaluation")
_gate = filling(_SHEET, MODELS, "learning.gate", "gate_")
_promotion = filling(_SHEET, MODELS, "learning.promotion")
_selection = filling(_SHEET, MODELS, "learning.selection")
_learning = filling(_SHEET, MODELS, "learning")
_tree = filling(_SHEET, MODELS, f"learning.candidates[{_TREES}]", f"{_TREES}_")

_SPLITS = (
    _split("folds", INT, 5, "blocks", "test blocks of the walk-forward, after one that only calibrates",
           low=1, high=50),
    _split("first_share", FLOAT, 0.4, "share", "share of the sessions before the first block", low=0.05, high=0.95),
    _split("groups", INT, 6, "groups", "groups of sessions of the combinatorial purged cross-validation",
           low=2, high=20),
    _split("held_out", INT, 2, "groups", "groups that are tested together", low=1, high=20),
    _split("embargo_sessions", INT, 1, "sessions", "whole sessions left out on each side of a test block",
           low=1, high=60),
    _split("choice_stride", INT, 3, "bars", "model choice reads every so many-th bar", low=1, high=75),
    _split("min_train_rows", INT, 100, "rows", "a split with fewer training rows is left out", low=10, high=1_000_000),
)


def _designs() -> Iterator[Parameter]:
    for name, known in (("design", False), ("design_nowcast", True)):
        row = filling(_SHEET, MODELS, f"learning.{name}", f"{name}_")
        yield row("known_labels", BOOL, known, "", "the session's last label known at t is an input")
        yield row("clock", BOOL, ON, "", "the minute of the day is an input")
        yield row("symbols", BOOL, ON, "", "the underlying is an input")


_SELECTION = (
    _selection("selection_coverage", FLOAT, 0.5, "share", "least share of training rows in which an input has a value",
               "coverage", low=0, high=1),
    _selection("selection_groups", INT, 8, "groups", "groups of sessions across which an input has to tell something",
               "groups", low=2, high=100),
    _selection("selection_least_information", FLOAT, 0.003, "nats", "least information across sessions of an input",
               "least_information", low=-1, high=3),
    _selection("selection_redundancy", FLOAT, 0.95, "correlation", "of two inputs above this the better one stays",
               "redundancy", low=0.01, high=1),
    _selection("selection_most", INT, 250, "columns", "inputs kept in all", "most", low=1, high=10_000),
    _selection("selection_changes", ints(2), (1, 3), "bars", "lags of the leading inputs' changes", "changes"),
)


def _discriminants() -> Iterator[Parameter]:
    for name, (shrinkage, inputs, leading) in _DISCRIMINANTS.items():
        yield from _reading(filling(_SHEET, MODELS, f"learning.candidates[{name}]", f"{name}_"),
                            shrinkage, inputs, leading)


def _reading(row: Row, shrinkage: float, inputs: int, leading: int) -> Iterator[Parameter]:
    yield row("shrinkage", FLOAT, shrinkage, "share", "of the covariance towards its diagonal", low=1e-6, high=1)
    yield row("inputs", INT, inputs, "columns", "inputs read at most, those that tell most", low=1, high=10_000)
    yield row("leading", INT, leading, "columns", "of how many the changes are read too", low=0, high=10_000)


_CANDIDATES = (
    *_discriminants(),
    *_reading(_tree, 0.2, 200, 60),
    _tree("iterations", INT, 40, "trees", "rounds of boosting", low=1, high=10_000),
    _tree("leaves", INT, 6, "leaves", "leaves of a tree at most", low=2, high=1000),
    _tree("learning_rate", FLOAT, 0.15, "share", "shrinkage of a round", low=1e-4, high=1),
    _tree("min_samples_leaf", INT, 30, "rows", "rows of a leaf at least", low=1, high=100_000),
    _tree("ridge", FLOAT, 5.0, "penalty", "L2 penalty of the leaves", low=0, high=1e6),
    _tree("column_share", FLOAT, 0.3, "share", "share of the columns a split looks at", low=0.01, high=1),
    _learning("default_candidate", Choice(*_NAMES), _TREES, "", "taken where there are too few sessions to choose",
              "default"),
    _learning("side_candidate", Choice(*_NAMES), "discriminant_loose", "", "answers volatility and direction", "side"),
)

_EVALUATION = (
    _evaluation("resamples", INT, 1000, "resamples", "resamples of the block bootstrap", low=100, high=1_000_000),
    _evaluation("leak_accuracy", FLOAT, 0.45, "share", "forward 8-class accuracy above this is a suspected leak",
                low=0, high=1),
    _evaluation("leak_mcc", FLOAT, 0.5, "correlation",
                "a Matthews correlation above this is a suspected leak", low=0, high=1),
    _evaluation("shuffled_mcc", FLOAT, 0.1, "correlation",
                "Matthews correlation of the shuffled control above which something leaks", low=0, high=1),
    _evaluation("entropy_share", FLOAT, 0.5, "share",
                "entropy of predictions over that of labels below which a session is monotonous", low=0, high=1),
    _evaluation("entropy_sessions", INT, 3, "sessions", "so many in a row are an alarm", low=1, high=100),
    _evaluation("one_class_share", FLOAT, 0.9, "share", "one class above this share of a session is a monoculture",
                low=0, high=1),
    _evaluation("share_points", FLOAT, 0.10, "share", "|share predicted - share labelled| a class and month",
                low=0, high=1),
    _promotion("least_skill", FLOAT, 0.0, "skill",
               "champion only where the lower bound of the skill's interval is above", low=0, high=0.99),
    _gate("confidence", FLOAT, 0.25, "probability", "below this probability the model does not answer",
          low=0, high=1),
    _gate("outside_share", FLOAT, 0.20, "share",
          "nor with more of its inputs outside their training range", low=0, high=1),
    _gate("missing_share", FLOAT, 0.50, "share", "nor with more missing beyond what training saw", low=0, high=1),
    _gate("expiry_days", INT, 45, "days", "nor so long after its training window", low=1, high=3650),
)
# fmt: on


def declarations() -> Declarations:
    """Of training, evaluation and the gate."""
    return Declarations(
        parameters=(*_SPLITS, *_designs(), *_SELECTION, *_CANDIDATES, *_EVALUATION),
        sheets=(bounded_sheet(_SHEET, "how models are trained, chosen, evaluated and answered with", required=False),),
    )
