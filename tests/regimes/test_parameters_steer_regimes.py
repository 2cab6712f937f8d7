"""What the parameters of labels and regimes steer: a changed one changes the results it is declared for, no others."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from mr_platform.errors import DataError
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import build, declared_set, defaults
from mr_platform.parameters.regimes import RegimeParameters, WeightParameters
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet, Resolved, replaced
from mr_platform.parameters.terms import Interval
from mr_platform.parameters.values import Value
from mr_platform.parameters.workbook_regimes import WorkbookParameters
from mr_platform.regimes.adaptation import next_weights
from mr_platform.regimes.history import record
from mr_platform.regimes.inputs import ComponentScores, ModelAnswer
from mr_platform.regimes.labels import label_session
from mr_platform.regimes.performance import SessionPerformance
from mr_platform.regimes.positions import recommend, volatility_score
from mr_platform.regimes.results import analyse
from mr_platform.regimes.state import market_state
from mr_platform.regimes.tactical import classify_daily, classify_workbook, daily_confidence
from mr_platform.regimes.transitions import follow
from mr_platform.regimes.weights import start_weights
from mr_platform.regimes.weights_in_force import read_weights
from mr_platform.regimes.windows import SessionBars
from schemas.tables import REGIMES
from tests.features.steering import other_values

BARS = 75
IST = ZoneInfo("Asia/Kolkata")
NAN = float("nan")
FIVE = np.timedelta64(5, "m")
TASKS = ("h12", "h75", "nowcast")
LABELS = tuple(f"labels/{task}" for task in TASKS)
FINER = ("master.tactical_regime", "master.workbook_regime")

# What each object steers: everything a change may reach. A parameter must reach some of it and nothing beside it.
STEERS: Mapping[str, tuple[str, ...]] = {
    # the state of the market is measured by the labels' rules
    "labels": (*LABELS, *FINER),
    "labels.tasks[h12]": ("labels/h12",),
    "labels.tasks[h75]": ("labels/h75",),
    "labels.tasks[nowcast]": ("labels/nowcast",),
    "rules": ("components", "master", "transitions"),
    "component_weights": (
        "weights",
        "weights.learned",
        "components",
        "master",
        "master.tactical_regime",
        "transitions",
    ),
    "tactical": ("master.tactical_regime",),
    "daily_regimes": ("daily",),
    "signal": ("master", "master.tactical_regime"),
    "transitions": ("transitions",),
    "market_state": FINER,
    "history": ("history",),
    "positions": ("positions",),
}


def next_day(before: date, after: date) -> bool:
    return after - before == timedelta(days=1)


@functools.cache
def sessions() -> tuple[SessionBars, ...]:
    """Nine sessions of a walk whose volatility and trend change from hour to hour."""
    rng = np.random.default_rng(5)
    made, level = [], np.log(18_000.0)
    for k in range(9):
        calm = np.repeat(rng.uniform(0.3, 2.2, 5), 15)
        drift = np.repeat(rng.uniform(-6e-4, 6e-4, 5), 15)
        closes = level + np.cumsum(drift + 5e-4 * calm * rng.standard_normal(BARS))
        gaps = rng.random(BARS) < 0.06
        # a step that the underlying, the straddle and the volatility share
        shared = np.diff(closes, prepend=level)
        straddle = 20 * np.abs(shared) + 0.01 * rng.standard_normal(BARS)
        iv = 0.14 - 4 * np.cumsum(shared) + 0.001 * rng.standard_normal(BARS)
        level = float(closes[-1])
        straddle[rng.random(BARS) < 0.25] = np.nan
        made.append(
            SessionBars(
                date(2022, 11, 1) + timedelta(days=k),
                555 + 5 * np.arange(BARS, dtype=np.int64),
                np.where(gaps, np.nan, np.exp(closes)),
                straddle,
                iv,
            )
        )
    return tuple(made)


@functools.cache
def scores() -> tuple[ComponentScores, ...]:
    """Scores of C1..C7 that wander through their ranges, for days to expiry of all three buckets."""
    rng = np.random.default_rng(8)
    event_ts = np.datetime64("2022-11-08T03:45", "us") + np.arange(BARS) * FIVE
    dte = np.array([3, 15, 40])[np.arange(BARS) // 25]
    return tuple(
        ComponentScores(
            component=c,
            event_ts=event_ts,
            known_ts=event_ts + FIVE,
            dte=dte,
            score=np.clip(np.cumsum(0.35 * rng.standard_normal(BARS)) % 2 - 1, -1, 1),
            confidence=np.full(BARS, 0.6),
            health=["healthy"] * BARS,
        )
        for c in range(1, 8)
    )


@functools.cache
def model() -> ModelAnswer:
    """A champion that is now more, now less certain."""
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.full(8, 0.3), BARS)
    return ModelAnswer("regime_nowcast-1", scores()[0].event_ts, p)


def learned(parameters: ParameterSet) -> list[float]:
    """Weights after a session in which C1 was right alone near the expiry, and wrong alone further from it."""
    best, worst = np.zeros((5, 7)), np.ones((5, 7))
    best[:, 0], worst[:, 0] = 1.0, 0.0
    best[0] = worst[0] = 400.0
    day = date(2022, 11, 8)
    moment = datetime(2022, 11, 9, 9, 15, tzinfo=IST)
    p = build(WeightParameters, parameters)
    told = SessionPerformance(day, moment, "1.a", {("0-7", "ANY"): best, ("8-30", "ANY"): worst})
    before = read_weights(start_weights("NIFTY", datetime(2022, 11, 8, 9, 15, tzinfo=IST), p))
    settings = build(MasterIntegrationParameters, parameters)
    return next_weights(before, [told], moment, settings, since=day).table()["weight_value"].to_pylist()


def results(parameters: ParameterSet) -> dict[str, str]:
    """Everything that labels and regimes make, by name."""
    p = build(RegimeParameters, parameters)
    made: dict[str, object] = {}
    for task in TASKS:
        table = label_session("NIFTY", sessions(), sessions()[7].trade_date, task, p.labels, follows=next_day)
        # the version names the digest of the labels' parameters, whatever they change
        made[f"labels/{task}"] = table.drop_columns(["label_schema_version"]).to_pydict()
    market = market_state(sessions(), sessions()[7].trade_date, p.labels, p.state, follows=next_day)
    by_model, by_rules = (analyse("NIFTY", scores(), p, market=market, model=m).master for m in (model(), None))
    made["components"] = analyse("NIFTY", scores(), p).components.to_pydict()
    for name in ("tactical_regime", "workbook_regime"):
        made[f"master.{name}"] = by_model[name].to_pylist()
    rest = [one.drop_columns(["tactical_regime", "workbook_regime"]).to_pydict() for one in (by_model, by_rules)]
    made["master"] = rest
    made["weights"] = start_weights("NIFTY", datetime(2022, 11, 8, 9, 15, tzinfo=IST), p.weights).to_pydict()
    made["weights.learned"] = learned(parameters)
    made["transitions"] = [
        (followed.transitions, followed.in_force.tolist(), followed.confidence_alert.tolist())
        for one in (by_model, by_rules)
        for said in [np.column_stack([one[f"p_{code.lower()}"].to_numpy() for code in REGIMES])]
        for followed in [follow(scores()[0].event_ts, said, p.transitions)]
    ]
    moments = np.datetime64("2022-11-08T03:45", "us") + np.arange(600) * np.timedelta64(6, "h")
    kept = record(moments, [REGIMES[k // 3 % 8] for k in range(600)], p.history)
    made["history"] = (kept.duration_hours.tolist(), kept.transitions.tolist(), kept.previous)
    grid = product(REGIMES, (0.2, 0.9), (0.3, 0.7, 1.4, 3.0), (-0.5, -0.2, 0.05, 0.3))
    made["positions"] = (
        [recommend(code, c, s, t, p.positions) for code, c, s, t in grid],
        volatility_score(np.arange(20.0), p.positions),
    )
    returns = (-0.03, -0.012, -0.004, -0.001, 0.002, 0.007, 0.02)
    made["daily"] = (
        [classify_daily(r, v, p.daily) for r, v in product(returns, (0.004, 0.012, 0.03))],
        daily_confidence(0.5, 0.8, 0.6, p.daily),
    )
    return {name: repr(value) for name, value in made.items()}


def changed_by(before: Mapping[str, str], parameters: ParameterSet) -> set[str]:
    after = results(parameters)
    return {name for name in after if after[name] != before[name]}


def with_values(parameters: ParameterSet, values: Mapping[str, Value]) -> ParameterSet:
    return replaced(parameters, {name: Resolved(name, value, "change", "test") for name, value in values.items()})


def steering() -> Iterator[Parameter]:
    for declared in registry().parameters.values():
        if declared.field.split(".")[0] in STEERS:
            yield declared


@pytest.fixture(scope="module")
def base() -> ParameterSet:
    """Nine sessions are a history, an answer needs little confidence, and a change of regime is easy to come by."""
    return with_values(
        declared_set(),
        {
            "LabelConfig.sessions": 6,
            "LabelConfig.sessions_most": 6,
            "LabelConfig.min_sessions": 3,
            "StabilityConfiguration.confidence_threshold": 0.3,
            "MasterIntegrationConfig.transition_shift": 0.05,
            "MasterIntegrationConfig.transition_alert": 0.1,
            "MasterIntegrationConfig.transition_confidence_alert": 0.15,
            "MasterIntegrationConfig.transition_most_per_hour": 2,
        },
    )


@pytest.fixture(scope="module")
def before(base: ParameterSet) -> dict[str, str]:
    return results(base)


def allowed(field: str) -> set[str]:
    """What a parameter may change: the longest of the names above that its field begins with."""
    return set(STEERS[max((name for name in STEERS if field.startswith(name)), key=len)])


@pytest.mark.parametrize("parameter", tuple(steering()), ids=lambda p: p.field)
def test_a_parameter_changes_the_results_it_steers_and_nothing_else(
    parameter: Parameter, base: ParameterSet, before: dict[str, str]
) -> None:
    changed: set[str] = set()
    for value in (*near(parameter, base), *other_values(parameter)):
        if value == base.values[parameter.id]:
            continue
        try:
            changed |= changed_by(before, with_values(base, {parameter.id: value}))
        except DataError:
            continue
        assert changed <= allowed(parameter.field), value
        if changed:
            break
    assert changed


def near(parameter: Parameter, base: ParameterSet) -> Iterator[Value]:
    """Values beside that of the base, for the parameters that it moves."""
    value = base.values[parameter.id]
    if value == parameter.default:
        return
    if isinstance(value, int):
        yield from (value - 1, value + 1, value + 2)
    elif isinstance(value, float):
        yield from (value * 0.8, value * 1.2, value * 0.5, value * 2)


VOLATILITY, TREND = "RegimeClassification.Volatility Thresholds", "RegimeClassification.Trend Thresholds"
# Neighbouring classes share their bounds, so that both cells move.
BOUNDARIES: tuple[dict[str, Value], ...] = (
    {f"{VOLATILITY}.Low.MaxValue": 0.13, f"{VOLATILITY}.Medium.MinValue": 0.13},
    {f"{VOLATILITY}.Medium.MaxValue": 0.23, f"{VOLATILITY}.High.MinValue": 0.23},
    {f"{VOLATILITY}.Low.ATR_Percentile": Interval(0, 28), f"{VOLATILITY}.Medium.ATR_Percentile": Interval(28, 70)},
    {f"{VOLATILITY}.Medium.ATR_Percentile": Interval(30, 72), f"{VOLATILITY}.High.ATR_Percentile": Interval(72, 100)},
    {f"{TREND}.Strong_Bearish.MaxSlope": -0.02, f"{TREND}.Bearish.MinSlope": -0.02},
    {f"{TREND}.Bearish.MaxSlope": -0.004, f"{TREND}.Neutral.MinSlope": -0.004},
    {f"{TREND}.Neutral.MaxSlope": 0.004, f"{TREND}.Bullish.MinSlope": 0.004},
    {f"{TREND}.Bullish.MaxSlope": 0.02, f"{TREND}.Strong_Bullish.MinSlope": 0.02},
    {f"{TREND}.Sideways.MinSlope": -0.004},
    {f"{TREND}.Sideways.MaxSlope": 0.004},
    {f"{TREND}.Strong_Bearish.MinADX": 32.0},
    {f"{TREND}.Bearish.MinADX": 22.0},
    {f"{TREND}.Sideways.MinADX": 17.0},
    {f"{TREND}.Bullish.MinADX": 22.0},
    {f"{TREND}.Strong_Bullish.MinADX": 32.0},
)
# Ends of the scales, and the least ADX of the class that takes what is left: they divide nothing.
ENDS = {
    f"{VOLATILITY}.Low.MinValue": 0.01,
    f"{VOLATILITY}.High.MaxValue": 0.9,
    f"{TREND}.Strong_Bearish.MinSlope": -0.9,
    f"{TREND}.Strong_Bullish.MaxSlope": 0.9,
    f"{TREND}.Neutral.MinADX": 1.0,
}


def classes(parameters: WorkbookParameters) -> list[str | None]:
    slopes = (-0.025, -0.018, -0.01, -0.0045, -0.0035, -0.001, 0.0, 0.001, 0.0035, 0.0045, 0.01, 0.018, 0.025)
    levels = ((0.11, NAN), (0.125, NAN), (0.24, NAN), (0.3, NAN), *((0.2, p) for p in (0.1, 0.29, 0.5, 0.71, 0.9)))
    grid = product(slopes, levels, (NAN, 5.0, 16.0, 21.0, 31.0))
    return [classify_workbook(slope, v, parameters, atr_percentile=p, adx=adx) for slope, (v, p), adx in grid]


@pytest.mark.parametrize("changes", BOUNDARIES, ids=lambda c: next(iter(c)).partition(".")[2])
def test_a_threshold_of_the_workbook_moves_its_classes(changes: dict[str, Value]) -> None:
    found = build(WorkbookParameters, with_values(declared_set(), changes))
    assert classes(found) != classes(defaults(WorkbookParameters))


def test_the_ends_of_the_workbooks_scales_divide_nothing() -> None:
    found = build(WorkbookParameters, with_values(declared_set(), ENDS))
    assert classes(found) == classes(defaults(WorkbookParameters))


def test_every_number_of_the_threshold_tables_is_accounted_for() -> None:
    numbers = {
        name
        for name, value in declared_set().values.items()
        if name.startswith((VOLATILITY, TREND)) and isinstance(value, float | Interval)
    }
    assert numbers == {name for changes in BOUNDARIES for name in changes} | set(ENDS)


def test_classes_of_the_workbook_that_do_not_meet_are_refused_by_cell() -> None:
    other = with_values(declared_set(), {"RegimeClassification.Trend Thresholds.Bullish.MinSlope": 0.004})
    with pytest.raises(DataError, match="Neutral ends where Bullish begins") as caught:
        build(WorkbookParameters, other)
    assert caught.value.place == "RegimeClassification.Trend Thresholds"
