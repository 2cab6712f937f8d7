"""Parameters of training, evaluation and the confidence gate (regimes.md, section 3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import ClassVar

from mr_platform.parameters.constraints import Broken, ParameterObject, holds


@dataclass(frozen=True)
class SplitParameters(ParameterObject):
    """Walk-forward folds, combinatorial purged CV, embargo.

    ``folds`` test blocks after one block that only calibrates, the first after ``first_share`` of the sessions;
    ``groups`` of sessions of which ``held_out`` are tested together; ``embargo_sessions`` left out on each side of a
    test block; model choice reads every ``choice_stride``-th bar, since neighbouring labels overlap almost wholly; a
    split with fewer than ``min_train_rows`` is left out.
    """

    folds: int
    first_share: float
    groups: int
    held_out: int
    embargo_sessions: int
    choice_stride: int
    min_train_rows: int

    def broken(self) -> Iterator[Broken]:
        yield from holds(self.folds >= 1, "at least 1 fold", self.folds, "folds")
        yield from holds(0 < self.first_share < 1, "0 < first_share < 1", self.first_share, "first_share")
        yield from holds(
            0 < self.held_out < self.groups, "0 < held_out < groups", (self.held_out, self.groups), "held_out", "groups"
        )
        yield from holds(
            self.embargo_sessions >= 1, "embargo of at least 1 session", self.embargo_sessions, "embargo_sessions"
        )
        yield from holds(self.choice_stride >= 1, "choice_stride >= 1", self.choice_stride, "choice_stride")


@dataclass(frozen=True)
class DesignParameters(ParameterObject):
    """Which columns join the features in the design matrix; ``known_labels``: what is known of the session's labels."""

    known_labels: bool
    clock: bool
    symbols: bool


@dataclass(frozen=True)
class SelectionParameters(ParameterObject):
    """Which inputs may be read (mr_platform/learning/selection.py).

    ``coverage`` least share of rows with a value; ``groups`` of sessions across which an input has to tell something,
    above ``least_information`` nats a row; of two that correlate above ``redundancy`` the better one stays, ``most`` in
    all; ``changes`` lags in bars over which the leading inputs' changes are read beside them.
    """

    coverage: float
    groups: int
    least_information: float
    redundancy: float
    most: int
    changes: tuple[int, ...]

    def broken(self) -> Iterator[Broken]:
        yield from holds(0 <= self.coverage <= 1, "0 <= coverage <= 1", self.coverage, "coverage")
        yield from holds(self.groups >= 2, "at least 2 groups", self.groups, "groups")
        yield from holds(0 < self.redundancy <= 1, "0 < redundancy <= 1", self.redundancy, "redundancy")
        yield from holds(self.most >= 1, "most >= 1", self.most, "most")
        yield from holds(min(self.changes, default=1) >= 1, "changes over at least 1 bar", self.changes, "changes")


@dataclass(frozen=True)
class DiscriminantCandidate(ParameterObject):
    """Linear discriminant; ``shrinkage`` of its covariance towards the diagonal.

    ``inputs``: how many it reads at most; ``leading``: of how many it reads the changes too.
    """

    name: str
    shrinkage: float
    inputs: int
    leading: int

    def broken(self) -> Iterator[Broken]:
        yield from _read(self)


@dataclass(frozen=True)
class TreesCandidate(ParameterObject):
    """Histogram gradient boosting (scikit-learn) over the scores of a linear discriminant and the leading inputs.

    ``shrinkage``, ``inputs``, ``leading`` as of a ``DiscriminantCandidate``; the trees read the leading inputs and
    their changes. ``ridge`` is their L2 term, ``column_share`` their max_features.
    """

    name: str
    shrinkage: float
    inputs: int
    leading: int
    iterations: int
    leaves: int
    learning_rate: float
    min_samples_leaf: int
    ridge: float
    column_share: float

    def broken(self) -> Iterator[Broken]:
        yield from _read(self)
        yield from holds(
            self.iterations >= 1 and self.leaves >= 2,
            "iterations >= 1, leaves >= 2",
            (self.iterations, self.leaves),
            "iterations",
            "leaves",
        )
        yield from holds(0 < self.column_share <= 1, "0 < column_share <= 1", self.column_share, "column_share")


def _read(candidate: DiscriminantCandidate | TreesCandidate) -> Iterator[Broken]:
    yield from holds(0 < candidate.shrinkage <= 1, "0 < shrinkage <= 1", candidate.shrinkage, "shrinkage")
    counts = (candidate.leading, candidate.inputs)
    yield from holds(0 <= candidate.leading <= candidate.inputs, "0 <= leading <= inputs", counts, "leading", "inputs")
    yield from holds(candidate.inputs >= 1, "inputs >= 1", candidate.inputs, "inputs")


Candidate = DiscriminantCandidate | TreesCandidate


@dataclass(frozen=True)
class EvaluationParameters(ParameterObject):
    """Bootstrap, calibration bins and the thresholds of the alarms.

    ``resamples`` of the block bootstrap and its ``interval``; ``calibration_bins`` of the ECE. A forward task is
    suspected of a leak above ``leak_accuracy`` or ``leak_mcc``, the shuffled control above ``shuffled_mcc``.
    Monoculture: entropy of predictions below ``entropy_share`` of the labels' for ``entropy_sessions`` sessions, or one
    class above ``one_class_share`` of a session while labels vary. ``share_points``: |share predicted - share
    labelled| a class and month.
    """

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

    def broken(self) -> Iterator[Broken]:
        yield from holds(self.resamples >= 100, "at least 100 resamples", self.resamples, "resamples")
        yield from holds(0.5 < self.interval < 1, "0.5 < interval < 1", self.interval, "interval")


@dataclass(frozen=True)
class GateParameters(ParameterObject):
    """When the model does not answer.

    Probability of the answered class below ``confidence``; more than ``outside_share`` of the inputs outside their
    training range; more than ``missing_share`` missing beyond what training saw; ``expiry_days`` after the training
    window's end.
    """

    confidence: float
    outside_share: float
    missing_share: float
    expiry_days: int


@dataclass(frozen=True)
class PromotionParameters(ParameterObject):
    """``least_skill``: champion only where the lower bound of the skill's interval is above, leak alarms aside."""

    least_skill: float

    def broken(self) -> Iterator[Broken]:
        yield from holds(0 <= self.least_skill < 1, "0 <= least_skill < 1", self.least_skill, "least_skill")


@dataclass(frozen=True)
class LearningParameters(ParameterObject):
    """How models are trained, chosen, evaluated and answered with.

    ``candidates`` in order of preference: a tie goes to the first; ``default`` where there are too few sessions to
    choose; ``side`` answers volatility and direction. ``design`` of the forward tasks; of the nowcast
    ``design_nowcast``, since the label half an hour ago is known and says much of the regime in force.
    """

    OBJECT: ClassVar[str] = "learning"

    splits: SplitParameters
    design: DesignParameters
    design_nowcast: DesignParameters
    selection: SelectionParameters
    candidates: tuple[Candidate, ...]
    default: str
    side: str
    evaluation: EvaluationParameters
    gate: GateParameters
    promotion: PromotionParameters

    def broken(self) -> Iterator[Broken]:
        names = [c.name for c in self.candidates]
        yield from holds(len(set(names)) == len(names), "names of candidates are unique", names, "candidates")
        yield from holds(self.default in names, f"default is one of {names}", self.default, "default")
        yield from holds(self.side in names, f"side is one of {names}", self.side, "side")

    def candidate(self, name: str) -> Candidate:
        """The candidate called ``name``."""
        return next(c for c in self.candidates if c.name == name)

    def design_of(self, *, forward: bool) -> DesignParameters:
        """The design of a forward task, or of the nowcast."""
        return self.design if forward else self.design_nowcast

    def digest(self) -> str:
        """Twelve hex digits that change with any value."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]
