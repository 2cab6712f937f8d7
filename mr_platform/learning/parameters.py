"""Parameters of training, evaluation and the confidence gate, frozen, read from configs/learning.yaml.

Every key must be known and every value in its range: a misspelt number must not fall back to a default.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import DataError

T = TypeVar("T")


def _require(holds: object, rule: str, value: object, place: str) -> None:
    if not holds:
        raise DataError(rule=rule, value=value, place=f"configs/learning.yaml: {place}", remedy="correct the value")


@dataclass(frozen=True)
class SplitParameters:
    """Walk-forward folds, combinatorial purged CV, embargo; configs/learning.yaml says what each value means."""

    folds: int
    first_share: float
    groups: int
    held_out: int
    embargo_sessions: int
    choice_stride: int
    min_train_rows: int

    def __post_init__(self) -> None:
        _require(self.folds >= 1, "at least 1 fold", self.folds, "splits.folds")
        _require(0 < self.first_share < 1, "0 < first_share < 1", self.first_share, "splits.first_share")
        _require(0 < self.held_out < self.groups, "0 < held_out < groups", self, "splits.groups")
        _require(self.embargo_sessions >= 1, "embargo of at least 1 session", self.embargo_sessions, "splits")
        _require(self.choice_stride >= 1, "choice_stride >= 1", self.choice_stride, "splits.choice_stride")


@dataclass(frozen=True)
class DesignParameters:
    """Which columns join the features in the design matrix; ``known_labels``: what is known of the session's labels."""

    known_labels: bool
    clock: bool
    symbols: bool


@dataclass(frozen=True)
class LogisticCandidate:
    """Multinomial logistic regression with ridge penalty; ``strength`` is the inverse penalty C.

    ``inputs``: how many inputs it reads at most (mr_platform/learning/selection.py).
    """

    name: str
    strength: float
    inputs: int

    def __post_init__(self) -> None:
        _require(self.strength > 0, "strength > 0", self.strength, f"logistic.{self.name}")
        _require(self.inputs >= 1, "inputs >= 1", self.inputs, f"logistic.{self.name}")


@dataclass(frozen=True)
class TreesCandidate:
    """Histogram gradient boosting (scikit-learn); ``ridge`` is its L2 term, ``column_share`` its max_features.

    ``inputs``: how many inputs it reads at most (mr_platform/learning/selection.py).
    """

    name: str
    iterations: int
    leaves: int
    learning_rate: float
    min_samples_leaf: int
    ridge: float
    column_share: float
    inputs: int

    def __post_init__(self) -> None:
        place = f"trees.{self.name}"
        _require(self.iterations >= 1 and self.leaves >= 2, "iterations >= 1, leaves >= 2", self, place)
        _require(self.inputs >= 1, "inputs >= 1", self.inputs, place)
        _require(0 < self.column_share <= 1, "0 < column_share <= 1", self.column_share, place)


Candidate = LogisticCandidate | TreesCandidate


@dataclass(frozen=True)
class EvaluationParameters:
    """Bootstrap, calibration bins and the thresholds of the alarms."""

    resamples: int
    interval: float
    calibration_bins: int
    leak_accuracy: float
    leak_mcc: float
    shuffled_mcc: float
    entropy_share: float
    entropy_sessions: int
    one_class_share: float
    share_points: float

    def __post_init__(self) -> None:
        _require(self.resamples >= 100, "at least 100 resamples", self.resamples, "evaluation.resamples")
        _require(0.5 < self.interval < 1, "0.5 < interval < 1", self.interval, "evaluation.interval")


@dataclass(frozen=True)
class GateParameters:
    """When the model does not answer."""

    confidence: float
    outside_share: float
    missing_share: float
    expiry_days: int


@dataclass(frozen=True)
class PromotionParameters:
    """What a model must reach to become champion without a person's decision."""

    least_skill: float

    def __post_init__(self) -> None:
        _require(0 <= self.least_skill < 1, "0 <= least_skill < 1", self.least_skill, "promotion.least_skill")


@dataclass(frozen=True)
class LearningParameters:
    """All of configs/learning.yaml. ``candidates`` in order of preference; ``design`` of the forward tasks."""

    splits: SplitParameters
    design: DesignParameters
    design_nowcast: DesignParameters
    candidates: tuple[Candidate, ...]
    default: str
    evaluation: EvaluationParameters
    gate: GateParameters
    promotion: PromotionParameters

    def __post_init__(self) -> None:
        names = [c.name for c in self.candidates]
        _require(len(set(names)) == len(names), "names of candidates are unique", names, "logistic, trees")
        _require(self.default in names, f"default is one of {names}", self.default, "default")

    def candidate(self, name: str) -> Candidate:
        """The candidate called ``name``."""
        return next(c for c in self.candidates if c.name == name)

    def design_of(self, *, forward: bool) -> DesignParameters:
        """The design of a forward task, or of the nowcast."""
        return self.design if forward else self.design_nowcast

    def digest(self) -> str:
        """Twelve hex digits that change with any value."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


_KINDS: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "str": str}


def _build(kind: type[T], given: object, place: str) -> T:
    _require(isinstance(given, Mapping), "a section is a mapping", type(given).__name__, place)
    section: Mapping[str, Any] = given  # type: ignore[assignment]
    names = {f.name: str(f.type) for f in fields(kind)}  # type: ignore[arg-type]
    _require(set(section) == set(names), f"keys are {sorted(names)}", sorted(section), place)
    values: dict[str, Any] = {}
    for name, annotation in names.items():
        value = section[name]
        right = isinstance(value, _KINDS[annotation]) and (annotation == "bool" or not isinstance(value, bool))
        _require(right, f"{name} is a {annotation}", value, f"{place}.{name}")
        values[name] = float(value) if annotation == "float" else value
    return kind(**values)


def parse(document: Mapping[str, Any]) -> LearningParameters:
    """Parameters from the document of configs/learning.yaml; DataError names the first key or value that is wrong."""
    sections = {
        "splits", "design", "design_nowcast", "logistic", "trees", "default", "evaluation", "gate", "promotion",
    }  # fmt: skip
    _require(set(document) == sections, f"sections are {sorted(sections)}", sorted(document), "document")
    candidates: list[Candidate] = [_build(LogisticCandidate, c, "logistic") for c in document["logistic"] or []]
    candidates += [_build(TreesCandidate, c, "trees") for c in document["trees"] or []]
    return LearningParameters(
        splits=_build(SplitParameters, document["splits"], "splits"),
        design=_build(DesignParameters, document["design"], "design"),
        design_nowcast=_build(DesignParameters, document["design_nowcast"], "design_nowcast"),
        candidates=tuple(candidates),
        default=str(document["default"]),
        evaluation=_build(EvaluationParameters, document["evaluation"], "evaluation"),
        gate=_build(GateParameters, document["gate"], "gate"),
        promotion=_build(PromotionParameters, document["promotion"], "promotion"),
    )


def load(path: Path | None = None) -> LearningParameters:
    """Parameters from ``path``, else from configs/learning.yaml."""
    return _load(path or config_root() / "learning.yaml")


@functools.lru_cache(maxsize=8)
def _load(path: Path) -> LearningParameters:
    return parse(read_yaml(path))
