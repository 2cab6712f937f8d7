"""The sheet ValidationRules, executed on a published symbol-day.

A rule's condition names a quantity (``data_gaps>5min``, ``duration<min_duration``, ``greeks_missing``). Each quantity
is observed at moments of the day; where the condition holds, the rule has hit. A quantity that nothing in the lake
tells of is said to be unknown: a rule is never passed because nobody looked. What a rule's action asks for is told of,
not done: results of a day are functions of its data, and stay what they are.

    data_gaps                     minutes      consecutive minutes of the session without a row of core
    data_age                      minutes      from a bar's close to the moment core knew it
    price_zscore                  deviations   |minute return of the index| against the hour before it
    regime_impossible_transition  yes or no    workbook regimes that no row of TransitionRules lets follow each other
    duration                      minutes      a finished spell of one workbook regime, within the session
    confidence                    share        master_confidence of a bar
    greeks_missing                yes or no    a minute in which no leg has a vendor's Greek
    volume_zero                   yes or no    a minute in which nothing traded
    iv_abnormal                   yes or no    implied volatilities that core refused, counted by the quality report
    memory                        MB           peak memory of the process that computed the day
    latency                       ms           time spent on an answered bar
    transitions                   count        changes of the workbook regime in the hour up to one
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mr_platform.market.sessions import IST, Session
from mr_platform.parameters.expressions import EXPRESSION, matching
from mr_platform.parameters.resolution import ParameterSet
from mr_platform.parameters.terms import Comparison

SHEET = "ValidationRules"
_ZSCORE_WINDOW, _ZSCORE_LEAST = 60, 20
_HOUR = 60.0
_GREEKS = tuple(f"{side}_{greek}" for side in ("ce", "pe") for greek in ("delta", "gamma", "theta", "vega"))
# Units written behind an operand, as factors to the quantity's own.
_UNITS: Mapping[str, Mapping[str, float]] = {
    "minutes": {"ms": 1 / 60_000, "sec": 1 / 60, "min": 1.0},
    "ms": {"ms": 1.0, "sec": 1000.0, "min": 60_000.0},
    "MB": {"MB": 1.0},
}


@dataclass(frozen=True)
class Evidence:
    """What is known of a symbol-day; None where the lake has no such table or nobody measured.

    ``until``: minute of the day of the last bar that had closed, None for a whole session.
    ``core``: ts, known_ts, spot, volumes and Greeks of core/option_chain. ``master``: event_ts, workbook_regime,
    master_confidence of regimes/master_regime_analysis. ``refused_ivs``: rows by the quality report. ``memory_mb`` and
    ``latency_ms``: measured by the run that computed the day.
    """

    session: Session
    until: int | None = None
    core: pa.Table | None = None
    master: pa.Table | None = None
    refused_ivs: int | None = None
    memory_mb: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True)
class Observation:
    """A quantity at a moment. ``count`` rows for which it stands; ``names``: operands of its own."""

    place: str
    value: float | bool
    count: int = 1
    names: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a rule: ``status`` is passed, hit, disabled or unknown.

    ``count`` observations met the condition out of ``looked_at``; ``place`` of the first, ``reason`` for unknown.
    """

    rule: str
    name: str
    condition: str
    severity: str
    action: str
    status: str
    count: int = 0
    looked_at: int = 0
    place: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON output."""
        return dict(vars(self))


@dataclass(frozen=True)
class _Quantity:
    unit: str
    observe: Callable[[Evidence, ParameterSet], list[Observation] | str]
    # what an operand given by name stands for
    names: Callable[[ParameterSet], Mapping[str, float]]


def evaluate(parameters: ParameterSet, evidence: Evidence) -> tuple[Outcome, ...]:
    """An outcome for every rule of the sheet, in its order."""
    return tuple(_outcome(rule, parameters, evidence) for rule in parameters.table(SHEET))


def unknown_conditions(parameters: ParameterSet) -> dict[str, str]:
    """Rules whose condition speaks of a quantity, an operand or a unit that nobody knows, and why; by rule id.

    A condition that is no condition at all is a fault of the set, and is told there.
    """
    found = {}
    for rule in parameters.table(SHEET):
        condition = rule["Condition"]
        if not isinstance(condition, Comparison):
            continue
        reason = _not_understood(condition, parameters)
        if reason:
            found[str(rule["RuleID"])] = reason
    return found


def _outcome(rule: Mapping[str, object], parameters: ParameterSet, evidence: Evidence) -> Outcome:
    condition = rule["Condition"]
    assert isinstance(condition, Comparison)
    said = Outcome(
        rule=str(rule["RuleID"]),
        name=str(rule["RuleName"]),
        condition=str(EXPRESSION.render(condition)),
        severity=str(rule["Severity"]),
        action=str(rule["Action"]),
        status="disabled",
    )
    if not rule["Enabled"]:
        return said
    reason = _not_understood(condition, parameters)
    if reason:
        return _with(said, status="unknown", reason=reason)
    quantity = QUANTITIES[condition.subject]
    observed = quantity.observe(evidence, parameters)
    if isinstance(observed, str):
        return _with(said, status="unknown", reason=observed)
    scaled = _scaled(condition, quantity.unit)
    common = quantity.names(parameters)
    hits = [one for one in observed if scaled.holds(one.value, {**common, **(one.names or {})})]
    return _with(
        said,
        status="hit" if hits else "passed",
        count=sum(one.count for one in hits),
        looked_at=sum(one.count for one in observed),
        place=hits[0].place if hits else "",
    )


def _with(outcome: Outcome, **changes: object) -> Outcome:
    return Outcome(**{**vars(outcome), **changes})  # type: ignore[arg-type]


def _not_understood(condition: Comparison, parameters: ParameterSet) -> str:
    quantity = QUANTITIES.get(condition.subject)
    if quantity is None:
        return f"no quantity is called {condition.subject}; known: {', '.join(QUANTITIES)}"
    if (quantity.unit == "yes or no") != (condition.operator == ""):
        return f"{condition.subject} is {quantity.unit}: a condition on it is written so"
    if isinstance(condition.operand, str):
        known = quantity.names(parameters)
        if condition.operand not in known:
            return f"{condition.operand} is no limit of {condition.subject}; known: {', '.join(known) or 'none'}"
    if condition.unit and condition.unit not in _UNITS.get(quantity.unit, {}):
        return f"{condition.subject} is told in {quantity.unit}, not in {condition.unit}"
    return ""


def _scaled(condition: Comparison, unit: str) -> Comparison:
    """The condition with its operand in the quantity's own unit."""
    factor = _UNITS.get(unit, {}).get(condition.unit, 1.0)
    if factor == 1.0 or not isinstance(condition.operand, int | float):
        return condition
    return Comparison(condition.subject, condition.operator, condition.operand * factor, condition.absolute)


def _gaps(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.core is None:
        return "core is not published"
    minutes = evidence.session.bar_minutes
    seen = np.isin(minutes, np.unique(_minutes(evidence.core["ts"])))
    closed = minutes <= evidence.until if evidence.until is not None else np.ones(minutes.size, dtype=bool)
    missing = ~seen & closed
    edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    gaps = [Observation(_clock(int(minutes[a])), float(b - a)) for a, b in zip(starts, stops, strict=True)]
    return gaps or [Observation("", 0.0)]


def _age(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.core is None:
        return "core is not published"
    # the bar that starts at ts closes a minute later
    late = _instants(evidence.core["known_ts"]) - _instants(evidence.core["ts"]) - np.timedelta64(1, "m")
    minutes = _minutes(evidence.core["ts"])
    known = ~np.isnat(late)
    return _largest(minutes[known], late[known] / np.timedelta64(1, "m"))


def _zscore(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.core is None:
        return "core is not published"
    minutes, first = np.unique(_minutes(evidence.core["ts"]), return_index=True)
    spot = evidence.core["spot"].to_numpy(zero_copy_only=False).astype(np.float64)[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.diff(np.log(spot))
    found = []
    for at in range(_ZSCORE_LEAST, returns.size):
        before = returns[max(0, at - _ZSCORE_WINDOW) : at]
        before = before[np.isfinite(before)]
        deviation = float(before.std()) if before.size >= _ZSCORE_LEAST else 0.0
        if deviation > 0 and np.isfinite(returns[at]):
            score = abs(float(returns[at]) - float(before.mean())) / deviation
            found.append(Observation(_clock(int(minutes[at + 1])), score))
    return found or f"the index has fewer than {_ZSCORE_LEAST + 1} minute returns that differ"


def _impossible(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    spells = _spells(evidence)
    if isinstance(spells, str):
        return spells
    allowed = {
        (before, after)
        for rule in parameters.table("TransitionRules")
        for before in matching(str(rule["FromRegime"]))
        for after in matching(str(rule["ToRegime"]))
    }
    return [
        Observation(f"{now[1]} {then[0]} -> {now[0]}", (then[0], now[0]) not in allowed)
        for then, now in itertools.pairwise(spells)
    ]


def _durations(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    spells = _spells(evidence)
    if isinstance(spells, str):
        return spells
    shortest = {
        str(row["RegimeName"]): float(row["MinDuration"])  # type: ignore[arg-type]
        for row in parameters.table("RegimeParameters")
    }
    # the first spell may have begun the day before and the last is not over
    return [
        Observation(f"{start} {name}", minutes, names={"min_duration": shortest[name]} if name in shortest else None)
        for name, start, minutes in spells[1:-1]
    ]


def _confidence(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.master is None:
        return "regimes are not published"
    values = evidence.master["master_confidence"].to_pylist()
    minutes = _minutes(evidence.master["event_ts"])
    return [Observation(_clock(int(m)), v) for m, v in zip(minutes, values, strict=True) if v is not None]


def _no_greeks(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.core is None:
        return "core is not published"
    present = np.zeros(evidence.core.num_rows, dtype=bool)
    for name in _GREEKS:
        present |= pc.is_valid(evidence.core[name]).to_numpy(zero_copy_only=False)
    return _every(_minutes(evidence.core["ts"]), ~present)


def _no_volume(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.core is None:
        return "core is not published"
    volumes = [pc.fill_null(evidence.core[f"{side}_volume"], 0).to_numpy() for side in ("ce", "pe")]
    return _every(_minutes(evidence.core["ts"]), np.add(*volumes) == 0)


def _abnormal_iv(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.refused_ivs is None:
        return "the quality report is not published"
    refused = evidence.refused_ivs
    return [Observation("core/quality_report iv_out_of_range", refused > 0, count=max(refused, 1))]


def _memory(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.memory_mb is None:
        return "memory is measured by the run that computes a day"
    return [Observation("the run's process", evidence.memory_mb)]


def _latency(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.latency_ms is None:
        return "the published regimes carry no measured time"
    return [Observation("regimes/master_regime_analysis", evidence.latency_ms)]


def _transitions(evidence: Evidence, parameters: ParameterSet) -> list[Observation] | str:
    if evidence.master is None:
        return "regimes are not published"
    spells = _spells(evidence)
    if isinstance(spells, str):
        return spells
    starts = [_minute_of(start) for _, start, _ in spells[1:]]
    return [Observation(_clock(at), float(sum(at - _HOUR < other <= at for other in starts))) for at in starts] or [
        Observation("", 0.0)
    ]


def _spells(evidence: Evidence) -> list[tuple[str, str, float]] | str:
    """(workbook regime, clock time of its start, minutes) of the day's spells in order; bars without one end none."""
    if evidence.master is None:
        return "regimes are not published"
    named = [
        (int(minute), name)
        for minute, name in zip(
            _minutes(evidence.master["event_ts"]), evidence.master["workbook_regime"].to_pylist(), strict=True
        )
        if name is not None
    ]
    if not named:
        return "no bar has a workbook regime"
    starts = [at for at, (_, name) in enumerate(named) if at == 0 or named[at - 1][1] != name]
    ends = [*(named[at][0] for at in starts[1:]), named[-1][0]]
    return [
        (named[at][1], _clock(named[at][0]), float(end - named[at][0])) for at, end in zip(starts, ends, strict=True)
    ]


def _largest(minutes: np.ndarray, values: np.ndarray) -> list[Observation]:
    """The largest value of each minute."""
    order = np.argsort(minutes, kind="stable")
    unique, first = np.unique(minutes[order], return_index=True)
    most = np.maximum.reduceat(values[order], first) if unique.size else values
    return [Observation(_clock(int(minute)), float(value)) for minute, value in zip(unique, most, strict=True)]


def _every(minutes: np.ndarray, holds: np.ndarray) -> list[Observation]:
    """Whether something holds for every row of a minute."""
    return [
        Observation(one.place, one.value == 0.0) for one in _largest(minutes, (~np.asarray(holds)).astype(np.float64))
    ]


def _instants(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.timestamp("us", tz="UTC")).to_numpy().astype("datetime64[us]")  # type: ignore[no-any-return]


def _minutes(column: pa.ChunkedArray) -> np.ndarray:
    """Minute of the day in IST."""
    local = pc.local_timestamp(column.cast(pa.timestamp("us", tz=IST.key)))
    stamps = local.to_numpy().astype("datetime64[m]")
    return (stamps - stamps.astype("datetime64[D]")).astype(np.int64)  # type: ignore[no-any-return]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _minute_of(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _limit(operand: str, name: str) -> Callable[[ParameterSet], Mapping[str, float]]:
    """One operand given by name: the value of an id, none where the set does not have it."""

    def named(parameters: ParameterSet) -> Mapping[str, float]:
        value = parameters.values.get(name)
        return {operand: float(value)} if isinstance(value, int | float) else {}

    return named


def _none(parameters: ParameterSet) -> Mapping[str, float]:
    return {}


QUANTITIES: Mapping[str, _Quantity] = {
    "data_gaps": _Quantity("minutes", _gaps, _none),
    "data_age": _Quantity("minutes", _age, _none),
    "price_zscore": _Quantity("deviations", _zscore, _none),
    "regime_impossible_transition": _Quantity("yes or no", _impossible, _none),
    # a regime's own shortest duration stands before this one
    "duration": _Quantity(
        "minutes", _durations, _limit("min_duration", "StabilityConfiguration.minimum_regime_duration")
    ),
    "confidence": _Quantity("share", _confidence, _limit("threshold", "StabilityConfiguration.confidence_threshold")),
    "greeks_missing": _Quantity("yes or no", _no_greeks, _none),
    "volume_zero": _Quantity("yes or no", _no_volume, _none),
    "iv_abnormal": _Quantity("yes or no", _abnormal_iv, _none),
    "memory": _Quantity("MB", _memory, _limit("threshold", "PerformanceMetrics.memory_usage.Critical")),
    "latency": _Quantity("ms", _latency, _limit("threshold", "PerformanceMetrics.computation_time.Critical")),
    "transitions": _Quantity(
        "count", _transitions, _limit("max_per_hour", "StabilityConfiguration.max_transitions_per_hour")
    ),
}
