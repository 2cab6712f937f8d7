"""The sheet ValidationRules, executed: each rule hits on what it speaks of, passes on what it does not, and says so."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from mr_platform.market.sessions import IST, nse_calendar
from mr_platform.parameters.resolution import ParameterSet, resolve
from mr_platform.quality.validation_rules import Evidence, Outcome, evaluate, unknown_conditions

DAY = date(2022, 11, 3)
SESSION = nse_calendar().session(DAY)
OPEN = datetime(2022, 11, 3, 9, 15, tzinfo=IST)


def core(minutes: list[int], **changes: object) -> pa.Table:
    """Two rows a minute after the open; every leg trades and has Greeks; the index swings gently."""
    rows = []
    for minute in minutes:
        for _ in (0, 1):
            at = OPEN + timedelta(minutes=minute)
            row: dict[str, object] = {
                "ts": at,
                "known_ts": at + timedelta(minutes=1),
                "spot": 18_000.0 + (minute % 2),
            }
            for side in ("ce", "pe"):
                row |= {f"{side}_volume": 50, f"{side}_delta": 0.5, f"{side}_gamma": 0.1}
                row |= {f"{side}_theta": -1.0, f"{side}_vega": 2.0}
            rows.append(row)
    table = pa.Table.from_pylist(rows)
    stamp = pa.timestamp("us", tz="Asia/Kolkata")
    for name in ("ts", "known_ts"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(stamp))
    for name, change in changes.items():
        values = table[name].to_pylist()
        table = table.set_column(
            table.column_names.index(name),
            name,
            pa.array([change(at, value) for at, value in enumerate(values)], table[name].type),  # type: ignore[operator]
        )
    return table


def master(regimes: list[str | None], confidence: float = 0.8) -> pa.Table:
    """One row each five minutes from the open."""
    stamps = [OPEN + timedelta(minutes=5 * at) for at in range(len(regimes))]
    return pa.table(
        {
            "event_ts": pa.array(stamps, pa.timestamp("us", tz="Asia/Kolkata")),
            "workbook_regime": pa.array(regimes, pa.string()),
            "master_confidence": pa.array([confidence] * len(regimes), pa.float64()),
        }
    )


def judged(
    *, overrides: dict[str, str] | None = None, parameters: ParameterSet | None = None, **evidence: object
) -> dict[str, Outcome]:
    environment = {f"MR_PARAMETER__{name}": text for name, text in (overrides or {}).items()}
    found = evaluate(parameters or resolve(None, environment), Evidence(session=SESSION, **evidence))  # type: ignore[arg-type]
    return {one.rule: one for one in found}


WHOLE = list(range(375))
LASTING = ["Neutral_Med_Vol"] * 75


def test_a_sound_day_passes_every_rule() -> None:
    found = judged(core=core(WHOLE), master=master(LASTING), refused_ivs=0, memory_mb=300.0, latency_ms=2.0)
    assert {one.status for one in found.values()} == {"passed"}
    assert list(found) == [f"VAL{number:03d}" for number in range(1, 13)]


def test_what_nobody_looked_at_is_unknown_and_not_passed() -> None:
    found = judged()
    assert {one.status for one in found.values()} == {"unknown"}
    assert found["VAL001"].reason == "core is not published"
    assert found["VAL006"].reason == "regimes are not published"
    assert found["VAL010"].reason == "memory is measured by the run that computes a day"


@pytest.mark.parametrize(
    ("missing", "until", "status", "count", "place"),
    [
        (range(100, 105), None, "passed", 0, ""),
        (range(100, 106), None, "hit", 1, "10:55"),
        ([*range(0, 10), *range(200, 210)], None, "hit", 2, "09:15"),
        (range(300, 375), None, "hit", 1, "14:15"),
        # a session under way: what is still to come is no gap
        (range(300, 375), 9 * 60 + 15 + 299, "passed", 0, ""),
        (range(290, 375), 9 * 60 + 15 + 299, "hit", 1, "14:05"),
        (range(0, 375), None, "hit", 1, "09:15"),
    ],
)
def test_a_gap_is_minutes_without_a_row_within_what_has_passed(
    missing: range, until: int | None, status: str, count: int, place: str
) -> None:
    rows = core([m for m in WHOLE if m not in missing] or [0])
    if len(missing) == 375:
        rows = rows.slice(0, 0)
    outcome = judged(core=rows, until=until)["VAL001"]
    assert (outcome.status, outcome.count, outcome.place) == (status, count, place)
    assert (outcome.severity, outcome.action) == ("CRITICAL", "halt_regime_detection")


def test_age_is_counted_from_the_close_of_the_bar() -> None:
    late = core(WHOLE, known_ts=lambda at, value: value + timedelta(minutes=3 if at == 9 else 2))
    outcome = judged(core=late)["VAL002"]
    assert (outcome.count, outcome.looked_at, outcome.place) == (1, 375, "09:19")


def test_a_price_is_an_outlier_against_the_hour_before_it() -> None:
    jump = core(WHOLE, spot=lambda at, value: value + (200 if at >= 400 else 0))
    outcome = judged(core=jump)["VAL003"]
    assert (outcome.count, outcome.place) == (1, "12:35")
    flat = judged(core=core(WHOLE, spot=lambda at, value: 18_000.0))["VAL003"]
    assert flat.status == "unknown"


def test_a_transition_is_impossible_where_no_rule_of_the_sheet_allows_it() -> None:
    regimes = ["Neutral_Low_Vol"] * 10 + ["Strong_Bullish_High_Vol"] * 10 + ["Bullish_Med_Vol"] * 10
    outcome = judged(master=master([*regimes]))["VAL004"]
    assert (outcome.count, outcome.looked_at) == (1, 2)
    assert outcome.place == "10:05 Neutral_Low_Vol -> Strong_Bullish_High_Vol"
    allowed = {"TransitionRules__3__ToRegime": "*_High_Vol"}
    assert judged(master=master([*regimes]), overrides=allowed)["VAL004"].status == "passed"


def test_a_spell_is_held_to_its_own_regimes_shortest_duration() -> None:
    # Neutral_Low_Vol may end after 20 minutes, Bullish_High_Vol not before 40
    regimes = ["Neutral_Med_Vol"] * 9 + ["Neutral_Low_Vol"] * 4 + ["Bullish_High_Vol"] * 7 + ["Neutral_Med_Vol"] * 2
    outcome = judged(master=master([*regimes]))["VAL005"]
    assert (outcome.count, outcome.looked_at, outcome.place) == (1, 2, "10:20 Bullish_High_Vol")


def test_bars_without_a_regime_end_no_spell() -> None:
    regimes = ["Neutral_Med_Vol"] * 9 + [None] * 3 + ["Neutral_Med_Vol"] * 9
    assert judged(master=master([*regimes]))["VAL005"].looked_at == 0


@pytest.mark.parametrize(("confidence", "count"), [(0.69, 75), (0.7, 0)])
def test_confidence_is_held_to_the_threshold_of_the_stability_sheet(confidence: float, count: int) -> None:
    assert judged(master=master(LASTING, confidence))["VAL006"].count == count
    lower = {"StabilityConfiguration__confidence_threshold": "0.6"}
    assert judged(master=master(LASTING, confidence), overrides=lower)["VAL006"].count == 0


def test_greeks_are_missing_where_no_leg_of_a_minute_has_any() -> None:
    names = [f"{side}_{greek}" for side in ("ce", "pe") for greek in ("delta", "gamma", "theta", "vega")]
    none = core(WHOLE, **{name: lambda at, value: None if at < 4 else value for name in names})
    outcome = judged(core=none)["VAL007"]
    assert (outcome.count, outcome.place) == (2, "09:15")
    one_left = core(WHOLE, **{name: lambda at, value: None for name in names[1:]})
    assert judged(core=one_left)["VAL007"].status == "passed"


def test_volume_is_zero_where_nothing_of_a_minute_traded() -> None:
    quiet = core(
        WHOLE, **{f"{side}_volume": lambda at, value: 0 if at in (0, 2, 3) else value for side in ("ce", "pe")}
    )
    outcome = judged(core=quiet)["VAL008"]
    assert (outcome.count, outcome.place) == (1, "09:16")


def test_refused_volatilities_are_counted() -> None:
    outcome = judged(refused_ivs=13)["VAL009"]
    assert (outcome.status, outcome.count) == ("hit", 13)
    assert judged(refused_ivs=0)["VAL009"].status == "passed"


@pytest.mark.parametrize(
    ("measured", "rule", "status"),
    [
        ({"memory_mb": 2001.0}, "VAL010", "hit"),
        ({"memory_mb": 2000.0}, "VAL010", "passed"),
        ({"latency_ms": 500.1}, "VAL011", "hit"),
        ({"latency_ms": 500.0}, "VAL011", "passed"),
    ],
)
def test_memory_and_latency_are_held_to_the_critical_level_of_the_performance_sheet(
    measured: dict[str, object], rule: str, status: str
) -> None:
    assert judged(**measured)[rule].status == status  # type: ignore[arg-type]


def test_the_breaker_counts_changes_of_the_hour_up_to_each() -> None:
    two = ["Neutral_Low_Vol"] * 6 + ["Neutral_Med_Vol"] * 6 + ["Neutral_Low_Vol"] * 30
    assert judged(master=master([*two]))["VAL012"].status == "passed"
    three = ["Neutral_Low_Vol"] * 4 + ["Neutral_Med_Vol"] * 4 + ["Neutral_Low_Vol"] * 4 + ["Neutral_Med_Vol"] * 9
    outcome = judged(master=master([*three]))["VAL012"]
    assert (outcome.count, outcome.looked_at, outcome.place) == (1, 3, "10:15")


def test_a_disabled_rule_is_not_evaluated() -> None:
    found = judged(core=core([0]), overrides={"ValidationRules__VAL001__Enabled": "FALSE"})
    assert found["VAL001"].status == "disabled"
    assert found["VAL002"].status == "passed"


def test_a_condition_may_be_written_in_another_unit() -> None:
    rows = core([m for m in WHOLE if m not in range(100, 110)])
    for condition, status in (("data_gaps>600sec", "passed"), ("data_gaps>599sec", "hit"), ("data_gaps>=10", "hit")):
        overrides = {"ValidationRules__VAL001__Condition": condition}
        assert judged(core=rows, overrides=overrides)["VAL001"].status == status


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("data_gap>5min", "no quantity is called data_gap"),
        ("data_gaps", "data_gaps is minutes"),
        ("greeks_missing>3", "greeks_missing is yes or no"),
        ("duration<shortest", "shortest is no limit of duration; known: min_duration"),
        ("data_gaps>5MB", "data_gaps is told in minutes, not in MB"),
    ],
)
def test_a_condition_that_nobody_understands_is_unknown_and_told_before_it_is_run(condition: str, reason: str) -> None:
    overrides = {"ValidationRules__VAL001__Condition": condition}
    outcome = judged(core=core(WHOLE), master=master(LASTING), overrides=overrides)["VAL001"]
    assert outcome.status == "unknown"
    assert outcome.reason.startswith(reason)
    told = unknown_conditions(resolve(None, {f"MR_PARAMETER__{name}": text for name, text in overrides.items()}))
    assert list(told) == ["VAL001"]
    assert unknown_conditions(resolve(None, {})) == {}


EMPTY = {
    "no rows": (lambda table: table.slice(0, 0)),
    "one row": (lambda table: table.slice(0, 1)),
    "nothing known": (lambda table: blank(table)),
}


def blank(table: pa.Table) -> pa.Table:
    """Every value gone but the keys."""
    for at, field in enumerate(table.schema):
        if field.name not in ("ts", "event_ts"):
            table = table.set_column(at, field.name, pa.nulls(table.num_rows, field.type))
    return table


@pytest.mark.parametrize("of_core", EMPTY)
@pytest.mark.parametrize("of_master", EMPTY)
def test_a_day_that_holds_little_or_nothing_is_judged_and_breaks_nothing(of_core: str, of_master: str) -> None:
    found = judged(core=EMPTY[of_core](core(WHOLE)), master=EMPTY[of_master](master(LASTING)), refused_ivs=0)
    assert len(found) == 12
    assert found["VAL001"].status == ("passed" if of_core == "nothing known" else "hit")
    expected = "unknown" if of_master != "one row" else "passed"
    assert {found[rule].status for rule in ("VAL004", "VAL005", "VAL012")} == {expected}


def test_bars_of_a_first_session_have_no_workbook_regime_yet() -> None:
    assert judged(master=master([None] * 75))["VAL012"].reason == "no bar has a workbook regime"
