"""Parameters of this room, frozen, read from configs/regimes.yaml.

Every key must be known and every value in its range: a misspelt threshold must not fall back to a default.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import DataError
from schemas.tables import REGIMES

T = TypeVar("T")

COMPONENTS = (1, 2, 3, 4, 5, 6, 7)
DTE_BUCKETS = ("0-7", "8-30", "31+")
RULES = ("trend_break", "price_expansion", "contraction", "correlation", "quiet")


def _require(holds: object, rule: str, value: object, place: str) -> None:
    if not holds:
        raise DataError(rule=rule, value=value, place=f"configs/regimes.yaml: {place}", remedy="correct the value")


@dataclass(frozen=True)
class LabelTask:
    """Window lengths in five-minute bars before and after t; whether the forward window crosses the night.

    ``theta``: efficiency ratio above which a trend has a sign. It belongs to the task, since the ratio of a
    random walk falls with the length of the window, about as 1 / sqrt(bars).
    """

    name: str
    back: int
    ahead: int
    crosses_night: bool
    theta: float

    def __post_init__(self) -> None:
        place = f"labels.tasks.{self.name}"
        _require(self.back >= 2 and self.ahead >= 2, "a window has at least 2 bars", self, place)
        _require(0 < self.theta < 1, "0 < theta < 1", self.theta, place)


@dataclass(frozen=True)
class LabelParameters:
    """Cuts and order of the label rules; configs/regimes.yaml says what each value means."""

    quantile_low: float
    quantile_high: float
    sessions: int
    sessions_most: int
    min_sessions: int
    pool_bars: int
    coverage: float
    series_share: float
    break_ratio: float
    expansion_ratio: float
    contraction_ratio: float
    order: tuple[str, ...]
    tasks: Mapping[str, LabelTask]

    def __post_init__(self) -> None:
        _require(
            0 < self.quantile_low < self.quantile_high < 1,
            "0 < quantile_low < quantile_high < 1",
            (self.quantile_low, self.quantile_high),
            "labels",
        )
        _require(
            1 <= self.min_sessions <= self.sessions <= self.sessions_most,
            "1 <= min_sessions <= sessions <= sessions_most",
            (self.min_sessions, self.sessions, self.sessions_most),
            "labels",
        )
        _require(sorted(self.order) == sorted(RULES), f"order is a permutation of {RULES}", self.order, "labels.order")
        _require(0 < self.coverage <= 1, "0 < coverage <= 1", self.coverage, "labels.coverage")
        _require(self.pool_bars >= 0, "pool_bars >= 0", self.pool_bars, "labels.pool_bars")

    def digest(self) -> str:
        """Eight hex digits that change with any value."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Signature:
    """What a component's score looks like in a regime: ``weight``, and the range ``low``..``high``."""

    weight: float
    low: float
    high: float


@dataclass(frozen=True)
class RuleParameters:
    """Signatures of the 8 regimes over C1..C7 and the mixture of match and share (components.md, C8)."""

    score_share: float
    match_floor: float
    signatures: Mapping[str, tuple[Signature, ...]]

    def __post_init__(self) -> None:
        _require(tuple(self.signatures) == REGIMES, f"signatures of {REGIMES}", tuple(self.signatures), "rules")
        for code, row in self.signatures.items():
            place = f"rules.signatures.{code}"
            _require(len(row) == len(COMPONENTS), "one signature for each of C1..C7", len(row), place)
            _require(all(-1 <= s.low < s.high <= 1 and s.weight > 0 for s in row), "-1 <= low < high <= 1", row, place)


@dataclass(frozen=True)
class WeightParameters:
    """Start weights of C1..C7 by days to expiry, with their bounds."""

    lowest: float
    highest: float
    by_dte: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        _require(tuple(self.by_dte) == DTE_BUCKETS, f"weights for {DTE_BUCKETS}", tuple(self.by_dte), "weights.by_dte")
        for bucket, row in self.by_dte.items():
            place = f"weights.by_dte.{bucket}"
            _require(len(row) == len(COMPONENTS), "one weight for each of C1..C7", row, place)
            _require(abs(sum(row) - 1) < 1e-9, "weights sum to 1", sum(row), place)
            _require(all(self.lowest <= w <= self.highest for w in row), "weights lie within the bounds", row, place)


@dataclass(frozen=True)
class TacticalParameters:
    """Cuts of the choice within a strategic regime."""

    direction: float
    calm: float
    tense: float
    confident: float
    doubtful: float


@dataclass(frozen=True)
class WorkbookParameters:
    """Thresholds of the workbook's sheet RegimeClassification."""

    low_volatility: float
    high_volatility: float
    low_percentile: float
    high_percentile: float
    slope: float
    sideways_slope: float
    strong_slope: float
    adx: float
    sideways_adx: float
    strong_adx: float


@dataclass(frozen=True)
class DailyParameters:
    """Thresholds of the 7 daily regimes, decimal returns and volatility."""

    strong_return: float
    plain_return: float
    volatility: float


@dataclass(frozen=True)
class SignalParameters:
    """``gate``: least master confidence of an answer, 0..1."""

    gate: float


@dataclass(frozen=True)
class TransitionParameters:
    """Hysteresis and alerts of regime changes (components.md, C8)."""

    shift: float
    alert: float
    confidence_alert: float
    gate: float
    cool_down_minutes: int
    most_per_hour: int


@dataclass(frozen=True)
class HistoryParameters:
    """Length of the rolling record in days, and of one bar in minutes."""

    days: int
    bar_minutes: int


@dataclass(frozen=True)
class PositionParameters:
    """Sizes, stops and limits of the position recommendation."""

    base: Mapping[str, float]
    most: Mapping[str, int]
    volatility_cuts: tuple[float, ...]
    risk_multipliers: tuple[float, ...]
    stop_multipliers: tuple[float, ...]
    direction: float

    def __post_init__(self) -> None:
        _require(
            sorted(self.base) == sorted(REGIMES), f"a base size for each of {REGIMES}", self.base, "positions.base"
        )
        _require(sorted(self.most) == sorted(REGIMES), f"a limit for each of {REGIMES}", self.most, "positions.most")
        lengths = (len(self.volatility_cuts) + 1, len(self.risk_multipliers), len(self.stop_multipliers))
        _require(len(set(lengths)) == 1, "one multiplier for each volatility regime", lengths, "positions")
        _require(all(0 <= m <= 2 for m in self.risk_multipliers), "0..2", self.risk_multipliers, "risk_multipliers")


@dataclass(frozen=True)
class RegimeParameters:
    """All of configs/regimes.yaml."""

    labels: LabelParameters
    rules: RuleParameters
    weights: WeightParameters
    tactical: TacticalParameters
    workbook: WorkbookParameters
    daily: DailyParameters
    signal: SignalParameters
    transitions: TransitionParameters
    history: HistoryParameters
    positions: PositionParameters


def _build(kind: type[T], given: object, place: str) -> T:
    """The dataclass from a mapping that has exactly its fields; lists become tuples, scalars keep their type."""
    _require(isinstance(given, Mapping), "a section is a mapping", type(given).__name__, place)
    given = cast(Mapping[str, Any], given)
    names = {f.name: f.type for f in fields(kind)}  # type: ignore[arg-type]
    unknown, missing = sorted(set(given) - set(names)), sorted(set(names) - set(given))
    _require(not unknown and not missing, f"keys are {sorted(names)}", {"unknown": unknown, "missing": missing}, place)
    values: dict[str, Any] = {}
    for name, annotation in names.items():
        value = given[name]
        if annotation in ("float", "int"):
            number = isinstance(value, (int, float) if annotation == "float" else int) and not isinstance(value, bool)
            _require(number, f"{name} is a number ({annotation})", value, f"{place}.{name}")
            value = float(value) if annotation == "float" else value
        elif annotation == "bool":
            _require(isinstance(value, bool), f"{name} is true or false", value, f"{place}.{name}")
        elif str(annotation).startswith("tuple"):
            _require(isinstance(value, list | tuple), f"{name} is a list", value, f"{place}.{name}")
            value = tuple(value)
        values[name] = value
    return kind(**values)


def parse(document: Mapping[str, Any]) -> RegimeParameters:
    """Parameters from the document of configs/regimes.yaml; DataError names the first key or value that is wrong."""
    sections = {f.name for f in fields(RegimeParameters)}
    _require(set(document) == sections, f"sections are {sorted(sections)}", sorted(document), "document")
    labels, rules, weights = dict(document["labels"]), dict(document["rules"]), dict(document["weights"])
    labels["tasks"] = {
        name: _build(LabelTask, {"name": name, **task}, f"labels.tasks.{name}")
        for name, task in labels.get("tasks", {}).items()
    }
    rules["signatures"] = {
        code: tuple(Signature(*(float(v) for v in cell)) for cell in row)
        for code, row in rules.get("signatures", {}).items()
    }
    weights["by_dte"] = {bucket: tuple(float(w) for w in row) for bucket, row in weights.get("by_dte", {}).items()}
    return RegimeParameters(
        labels=_build(LabelParameters, labels, "labels"),
        rules=_build(RuleParameters, rules, "rules"),
        weights=_build(WeightParameters, weights, "weights"),
        tactical=_build(TacticalParameters, document["tactical"], "tactical"),
        workbook=_build(WorkbookParameters, document["workbook"], "workbook"),
        daily=_build(DailyParameters, document["daily"], "daily"),
        signal=_build(SignalParameters, document["signal"], "signal"),
        transitions=_build(TransitionParameters, document["transitions"], "transitions"),
        history=_build(HistoryParameters, document["history"], "history"),
        positions=_build(PositionParameters, document["positions"], "positions"),
    )


def load(path: Path | None = None) -> RegimeParameters:
    """Parameters from ``path``, else from configs/regimes.yaml."""
    return _load(path or config_root() / "regimes.yaml")


@functools.lru_cache(maxsize=8)
def _load(path: Path) -> RegimeParameters:
    return parse(read_yaml(path))
