"""Rules between values of the customer's sheets: shares that sum to 1, thresholds in order, references that exist.

Rules between the fields of one parameter object stand with the object. A rule states what must hold; ``check`` says
what was found where it does not. It gets parameters by id, and tables as records (mappings of column to value) by
theirs; whatever is absent or empty was refused before and is left out here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from mr_platform.parameters.declaration import CrossRule, records_of
from mr_platform.parameters.expressions import REGIMES
from mr_platform.parameters.values import number_text

Values = Mapping[str, object]
Record = Mapping[str, Any]

_TOLERANCE = 1e-9


def rules() -> tuple[CrossRule, ...]:
    """All of them."""
    return (*_SHARES, *_ORDER, *_TABLES)


def _sum_to_one(sheet: str, *names: str) -> CrossRule:
    ids = tuple(f"{sheet}.{name}" for name in names)

    def check(values: Values) -> str | None:
        return _not_one([values[name] for name in ids])

    return CrossRule(f"{', '.join(names)} are shares and sum to 1", ids, check, f"change them in {sheet} together")


def _column_sums_to_one(table: str, column: str, switch: str = "") -> CrossRule:
    def check(values: Values) -> str | None:
        return _not_one([record[column] for record in records_of(values, table) if not switch or record[switch]])

    which = f" where {switch} is set" if switch else ""
    return CrossRule(
        f"{column} sums to 1 over the records{which}", (table,), check, f"change the weights of {table} together"
    )


def _ascending(sheet: str, *names: str, strictly: bool = True) -> CrossRule:
    ids = tuple(f"{sheet}.{name}" for name in names)
    sign = "<" if strictly else "<="

    def check(values: Values) -> str | None:
        said = [values[name] for name in ids]
        return None if _rising(said, strictly=strictly) else f" {sign} ".join(map(str, said))

    return CrossRule(f" {sign} ".join(names), ids, check, f"put the values of {sheet} in order")


def _in_records(
    table: str, name: str, holds: Callable[[Record], bool], columns: Sequence[str], remedy: str
) -> CrossRule:
    """A rule inside each record; ``columns`` are shown of those that break it."""

    def check(values: Values) -> str | None:
        wrong = [record for record in records_of(values, table) if not holds(record)]
        shown = ("/".join(str(record[column]) for column in columns) for record in wrong)
        return ", ".join(shown) or None

    return CrossRule(name, (table,), check, remedy)


def _of_table(table: str, name: str, find: Callable[[Sequence[Record]], Iterator[str]], remedy: str) -> CrossRule:
    """A rule over the records of a table; ``find`` names what breaks it."""

    def check(values: Values) -> str | None:
        return ", ".join(find(records_of(values, table))) or None

    return CrossRule(name, (table,), check, remedy)


def _not_one(weights: Sequence[Any]) -> str | None:
    total = sum(weights)
    if abs(total - 1) < _TOLERANCE:
        return None
    return f"{' + '.join(number_text(weight) for weight in weights)} = {number_text(round(total, 9))}"


def _rising(values: Sequence[Any], *, strictly: bool) -> bool:
    return all(a < b if strictly else a <= b for a, b in pairwise(values))


def _repeated(column: str) -> Callable[[Sequence[Record]], Iterator[str]]:
    def find(records: Sequence[Record]) -> Iterator[str]:
        seen: set[object] = set()
        for record in records:
            if record[column] in seen:
                yield f"{column} {record[column]} twice"
            seen.add(record[column])

    return find


def _unlike_their_id(records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        regime = int(record["RegimeID"])
        if not 0 <= regime < len(REGIMES) or REGIMES[regime] != record["RegimeName"]:
            yield f"{regime} {record['RegimeName']}"


def _absent_regimes(records: Sequence[Record]) -> Iterator[str]:
    there = {record["RegimeName"] for record in records}
    yield from (name for name in REGIMES if name not in there)


def _named_after_classes(record: Record) -> bool:
    volatility = {"Low": "Low", "Medium": "Med", "High": "High"}[record["VolatilityClass"]]
    return bool(record["RegimeName"] == f"{record['TrendClass']}_{volatility}_Vol")


def _overlapping(records: Sequence[Record]) -> Iterator[str]:
    slots = sorted((record["StartTime"], record["EndTime"], record["TimeSlot"]) for record in records)
    for (_, end, name), (start, _, following) in pairwise(slots):
        if start < end:
            yield f"{name} until {end:%H:%M}, {following} from {start:%H:%M}"


def _same_way(record: Record) -> bool:
    target, acceptable, critical = (record[name] for name in ("Target", "Acceptable", "Critical"))
    return bool(target > acceptable > critical or target < acceptable < critical)


def _repeated_transition(records: Sequence[Record]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for record in records:
        step = (record["FromRegime"], record["ToRegime"])
        if step in seen:
            yield f"{step[0]} to {step[1]} twice"
        seen.add(step)


def _timeframes_fit(values: Values) -> str | None:
    weights, others = (
        values["MultiTimeframeFusion.timeframe_weights"],
        values["MultiTimeframeFusion.secondary_timeframes"],
    )
    assert isinstance(weights, tuple) and isinstance(others, tuple)
    if len(weights) != len(others) + 1:
        return f"{len(weights)} weights, {len(others) + 1} timeframes"
    return _not_one(weights)


def _primary_apart(values: Values) -> str | None:
    primary, others = (
        values["MultiTimeframeFusion.primary_timeframe"],
        values["MultiTimeframeFusion.secondary_timeframes"],
    )
    assert isinstance(others, tuple)
    both = [primary, *others]
    return ", ".join(map(str, both)) if len(set(both)) != len(both) else None


def _enough_timeframes(needed: str) -> CrossRule:
    table = "MultiTimeframeConfig"

    def check(values: Values) -> str | None:
        least: Any = values[needed]
        have = len(records_of(values, table))
        return f"{least} of {have}" if least > have else None

    return CrossRule(
        f"{needed.partition('.')[2]} is at most the number of timeframes", (needed, table), check, "lower it"
    )


def _slots_within_the_day(values: Values) -> str | None:
    close: Any = values["MasterConfiguration.market_close_time"]
    late = [record["TimeSlot"] for record in records_of(values, "IntradaySettings") if record["EndTime"] > close]
    return ", ".join(late) or None


def _allocated(values: Values) -> str | None:
    total = sum(record["AllocationPercent"] for record in records_of(values, "StrategySetting") if record["Enabled"])
    return f"{number_text(total)} percent" if total > 100 + _TOLERANCE else None


def _adjusted_pairs(record: Record) -> bool:
    return len(record["Adjustment"]) == len(record["Components"])


def _targets_differ(values: Values) -> str | None:
    first, second = values["AdaptiveTuning.optimize_for"], values["AdaptiveTuning.secondary_target"]
    return f"both {first}" if first == second else None


_TUNING_TARGETS = ("AdaptiveTuning.optimize_for", "AdaptiveTuning.secondary_target")
_FUSED = ("MultiTimeframeFusion.timeframe_weights", "MultiTimeframeFusion.secondary_timeframes")

_SHARES = (
    _sum_to_one("GreekSentimentConfig", "delta_weight", "gamma_weight", "vega_weight", "theta_weight"),
    _sum_to_one("TrendingOIPAConfig", "cumulative_oi_weight", "oi_velocity_weight"),
    _sum_to_one("StabilityConfiguration", "stability_score_weight", "accuracy_score_weight"),
    _sum_to_one("EnsembleMethods", "hmm_weight", "gmm_weight", "random_forest_weight", "gradient_boost_weight"),
    _column_sums_to_one("MultiTimeframeConfig", "Weight"),
    _column_sums_to_one("IndicatorConfiguration", "Weight", switch="Enabled"),
    _column_sums_to_one("DynamicWeightageConfig", "BaseWeight"),
    CrossRule(
        "timeframe_weights has one share for each timeframe, and they sum to 1",
        _FUSED,
        _timeframes_fit,
        "correct the list",
    ),
    CrossRule(
        "allocations of the enabled strategies sum to at most 100 percent",
        ("StrategySetting",),
        _allocated,
        "lower them",
    ),
)

_ORDER = (
    _ascending("MasterConfiguration", "market_open_time", "market_close_time"),
    _ascending(
        "StabilityConfiguration", "confirmation_window", "minimum_regime_duration", "maximum_regime_duration",
        strictly=False,
    ),
    _ascending("StabilityConfiguration", "confidence_threshold", "high_confidence_threshold", strictly=False),
    _ascending("StabilityConfiguration", "min_transitions_per_day", "max_transitions_per_day", strictly=False),
    _ascending("StabilityConfiguration", "max_transitions_per_hour", "max_transitions_per_day", strictly=False),
    _ascending("TransitionManagement", "transition_confidence_required", "emergency_transition_threshold"),
    _ascending("GreekSentimentConfig", "bearish_threshold", "bullish_threshold", "extreme_sentiment", strictly=False),
    _ascending("ATRIndicatorsConfig", "low_vol_atr_percentile", "high_vol_atr_percentile"),
    _ascending("ConfidenceCalibration", "confidence_floor", "confidence_ceiling"),
    CrossRule("optimize_for and secondary_target differ", _TUNING_TARGETS, _targets_differ, "choose another target"),
)  # fmt: skip

_TABLES = (
    _of_table("RegimeClassification", "all 18 regimes are there", _absent_regimes, "add the regimes that are missing"),
    _of_table("RegimeClassification", "a name belongs to its id", _unlike_their_id, "correct the id or the name"),
    _of_table("RegimeClassification", "each regime has its own priority", _repeated("Priority"), "renumber them"),
    _of_table("RegimeClassification", "each regime has its own colour", _repeated("Color"), "choose another colour"),
    _in_records(
        "RegimeClassification", "a name is made of its trend and volatility class", _named_after_classes,
        ("RegimeName", "TrendClass", "VolatilityClass"), "correct the name or the classes",
    ),
    _of_table("RegimeParameters", "all 18 regimes are there", _absent_regimes, "add the regimes that are missing"),
    _of_table("RegimeParameters", "a name belongs to its id", _unlike_their_id, "correct the id or the name"),
    _in_records(
        "RegimeParameters", "MinDuration <= TypicalDuration <= MaxDuration",
        lambda one: one["MinDuration"] <= one["TypicalDuration"] <= one["MaxDuration"],
        ("RegimeName", "MinDuration", "TypicalDuration", "MaxDuration"), "put the durations in order",
    ),
    _in_records(
        "RegimeParameters", "ExitThreshold < EntryThreshold",
        lambda one: one["ExitThreshold"] < one["EntryThreshold"],
        ("RegimeName", "ExitThreshold", "EntryThreshold"), "lower the exit or raise the entry",
    ),
    _in_records(
        "DynamicWeightageConfig", "MinWeight <= BaseWeight <= MaxWeight",
        lambda one: one["MinWeight"] <= one["BaseWeight"] <= one["MaxWeight"],
        ("Component", "MinWeight", "BaseWeight", "MaxWeight"), "put the weights in order",
    ),
    _in_records(
        "DynamicWeightageConfig.Dynamic Weight Adjustment Rules", "one change for each component", _adjusted_pairs,
        ("Condition", "Adjustment", "Components"), "name a component for each change, in the same order",
    ),
    _in_records(
        "PerformanceMetrics", "Target, Acceptable and Critical run one way", _same_way,
        ("Metric", "Target", "Acceptable", "Critical"), "put the levels in order",
    ),
    _in_records(
        "MultiTimeframeConfig", "RequiredBars <= Window", lambda one: one["RequiredBars"] <= one["Window"],
        ("Timeframe", "RequiredBars", "Window"), "lower the bars required or widen the window",
    ),
    _enough_timeframes("MultiTimeframeConfig.min_timeframes_required"),
    _enough_timeframes("StabilityConfiguration.min_agreeing_timeframes"),
    CrossRule(
        "the primary timeframe is not among the secondary ones, and none of them stands twice",
        ("MultiTimeframeFusion.primary_timeframe", "MultiTimeframeFusion.secondary_timeframes"),
        _primary_apart, "name each timeframe once",
    ),
    _in_records(
        "IntradaySettings", "a slot starts before it ends", lambda one: one["StartTime"] < one["EndTime"],
        ("TimeSlot",), "correct the times",
    ),
    _of_table("IntradaySettings", "slots do not overlap", _overlapping, "end a slot where the next one starts"),
    CrossRule(
        "no slot ends after market_close_time",
        ("IntradaySettings", "MasterConfiguration.market_close_time"),
        _slots_within_the_day, "shorten the slot",
    ),
    _of_table("TransitionRules", "a transition stands once", _repeated_transition, "remove one of the two rules"),
    _in_records(
        "TransitionRules", "a transition leaves the regime it starts in",
        lambda one: one["FromRegime"] != one["ToRegime"],
        ("RuleID", "FromRegime"), "correct FromRegime or ToRegime",
    ),
)  # fmt: skip
