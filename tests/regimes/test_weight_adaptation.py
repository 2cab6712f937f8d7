"""Weights that learn: one update worked out by hand, what bounds every other, and what undoing means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from mr_platform.errors import DataError, UsageError
from mr_platform.features.c8_master_integration import PerformanceHistory, adapt_dte_specific_component_weights
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import WeightParameters
from mr_platform.regimes.adaptation import Decision, next_weights
from mr_platform.regimes.performance import SessionPerformance
from mr_platform.regimes.weights import start_weights
from mr_platform.regimes.weights_in_force import WeightsInForce, read_weights, weighting
from schemas.contracts import check_contract
from schemas.tables import ADAPTIVE_LEARNING_WEIGHTS, REGIMES
from tests.regimes.test_component_performance import FIVE, START, labels

IST = ZoneInfo("Asia/Kolkata")
SETTINGS = defaults(MasterIntegrationParameters)
BEGIN = datetime(2015, 1, 1, 9, 15, tzinfo=IST)
MONDAY = date(2022, 11, 14)
ANY = ("0-7", "ANY")
QUIET = ("0-7", "LVLD")
START_0_7 = [0.20, 0.10, 0.15, 0.15, 0.15, 0.10, 0.15]


def start() -> WeightsInForce:
    return read_weights(start_weights("NIFTY", BEGIN, defaults(WeightParameters)))


def opening(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, 15, tzinfo=IST)


def measures(
    accuracy: Sequence[float],
    observations: Sequence[float] = (40,) * 7,
    confidence: float = 0.8,
    stability: float = 1.0,
) -> np.ndarray:
    """Five measures of the seven; nobody is quick."""
    rows = [observations, accuracy, [confidence] * 7, [stability] * 7, [0.0] * 7]
    return np.array(rows, dtype=float)


def session(
    day: date, cells: Mapping[tuple[str, str], np.ndarray], *, known: datetime | None = None, version: str = "1.a"
) -> SessionPerformance:
    return SessionPerformance(day, known or opening(day) + timedelta(hours=6), version, cells)


HALF = measures([0.5, 0.25, 0.0, 0.5, 0.25, 0.0, 1.0], [40, 40, 40, 40, 40, 40, 29])


def learned(
    *sessions: SessionPerformance, before: WeightsInForce | None = None, since: date = BEGIN.date(), **more: object
) -> WeightsInForce:
    at = opening(sessions[-1].trade_date + timedelta(days=1))
    return next_weights(before or start(), sessions, at, SETTINGS, since=since, **more)  # type: ignore[arg-type]


def values(weights: WeightsInForce, cell: tuple[str, str] = ANY) -> list[float]:
    return weights.values(*cell).tolist()


def test_one_update_worked_out_by_hand():
    after = learned(session(MONDAY, {ANY: HALF}))
    # .40 accuracy + .25 x .8 + .20 x (1 - 0) + .10 x 1 + .05 x 0; C7 has 29 answers where 30 are needed
    performance = [0.70, 0.60, 0.50, 0.70, 0.60, 0.50]
    assert [one.performance for one in after.cell(*ANY)[:6]] == pytest.approx(performance)
    assert after.cell(*ANY)[6].performance is None
    # the six share .85 by performance (of 3.6) and go a tenth of the way: C1 .20 -> .20 + .1 (.165278 - .20)
    worked = [0.19652778, 0.10416667, 0.14680556, 0.15152778, 0.14916667, 0.10180556, 0.15]
    assert values(after) == pytest.approx(worked, abs=5e-9)
    assert sum(values(after)) == pytest.approx(1.0, abs=1e-12)
    first, last = after.cell(*ANY)[0], after.cell(*ANY)[6]
    assert first.reason == "learned: performance 0.7000 of 40 answers in 1 sessions up to 2022-11-14, towards 0.1653"
    assert last.reason.startswith("learned: fewer than 30 answers (29 answers")
    assert (first.since, first.previous) == (opening(date(2022, 11, 15)), start().cell(*ANY)[0].weight_id)
    # nothing was seen at other days to expiry
    for bucket in ("8-30", "31+"):
        assert after.cell(bucket, "ANY") == start().cell(bucket, "ANY")
    assert check_contract(after.table(), ADAPTIVE_LEARNING_WEIGHTS) == []


def test_a_target_beyond_the_bounds_is_brought_within_them_first():
    # performances 1.0 and .2: C1 would weigh 1 / 2.2 = .4545, and may weigh .35
    best = measures([1.0] + [0.0] * 6, confidence=0.0, stability=0.0)
    best[2:, 0] = 1.0
    after = values(learned(session(MONDAY, {ANY: best})))
    assert after[0] == pytest.approx(0.20 + 0.1 * (0.35 - 0.20))
    # the others share the .65 that is left
    assert after[1] == pytest.approx(0.10 + 0.1 * (0.65 / 6 - 0.10))
    assert sum(after) == pytest.approx(1.0, abs=1e-12)


def test_a_regime_context_begins_where_its_bucket_stood_and_goes_on_by_itself():
    first = learned(session(MONDAY, {ANY: HALF}))
    enough = measures([0.5, 0.25, 0.0, 0.5, 0.25, 0.0, 0.0], [20] * 7)
    after = learned(session(date(2022, 11, 15), {ANY: HALF, QUIET: enough}), before=first, since=date(2022, 11, 15))
    own = after.cell(*QUIET)
    assert [one.previous for one in own] == [one.weight_id for one in first.cell(*ANY)]
    assert [one.performance for one in own] == pytest.approx([0.7, 0.6, 0.5, 0.7, 0.6, 0.5, 0.5])
    # all seven share 1 by 4.1: C1 goes towards .170732 from where any regime's stood
    assert own[0].value == pytest.approx(0.19652778 + 0.1 * (0.7 / 4.1 - 0.19652778), abs=5e-9)
    assert after.contexts == (QUIET,)
    # twenty answers are enough for a regime, nineteen are not, nor are they for a bucket
    few = {ANY: measures([0.5] * 7, [29] * 7), QUIET: measures([0.5] * 7, [19] * 7)}
    assert learned(session(MONDAY, few)) == start()


def test_a_context_without_weights_of_its_own_weighs_as_its_bucket():
    after = learned(session(MONDAY, {ANY: HALF, QUIET: measures([0.9] * 6 + [0.1], [25] * 7)}))
    assert after.values("0-7", "HVC").tolist() == values(after)
    assert after.values("8-30", "LVLD").tolist() == after.values("8-30", "ANY").tolist()
    rows = weighting(after, labels)
    # the label of the first bar, LVLD, is known when the seventh closes; days to expiry are unknown in the last
    found = rows(START + np.arange(8) * FIVE, START + np.arange(1, 9) * FIVE, np.array([3, 3, 3, 3, 3, 12, 3, -1]))
    assert found[0].tolist() == found[4].tolist() == values(after)
    assert found[5].tolist() == start().values("8-30", "ANY").tolist()
    assert found[6].tolist() == values(after, QUIET) != values(after)
    assert np.isnan(found[7]).all()


def test_labels_are_not_asked_for_where_no_context_has_weights_of_its_own():
    def refuse():
        raise AssertionError("nobody needs the labels")

    found = weighting(start(), refuse)(START + np.arange(2) * FIVE, START + np.arange(1, 3) * FIVE, np.array([3, 40]))
    assert found.tolist() == [START_0_7, [0.10, 0.15, 0.15, 0.15, 0.20, 0.20, 0.05]]


def test_a_session_whose_outcomes_are_known_later_teaches_nothing_before():
    open_of_tuesday = opening(date(2022, 11, 15))
    just = session(MONDAY, {ANY: HALF}, known=open_of_tuesday)
    late = session(MONDAY, {ANY: HALF}, known=open_of_tuesday + timedelta(seconds=1))
    assert learned(just) != start()
    assert learned(late) == start()
    today = session(date(2022, 11, 15), {ANY: measures([1.0] * 7)})
    assert next_weights(start(), [just, today], open_of_tuesday, SETTINGS, since=BEGIN.date()) == learned(just)


def test_a_session_that_is_known_already_does_not_move_the_weights_again():
    one = session(MONDAY, {ANY: HALF})
    after = learned(one)
    tuesday = date(2022, 11, 15)
    assert next_weights(after, [one], opening(date(2022, 11, 16)), SETTINGS, since=tuesday) == after
    # a new one at other days to expiry moves its own cells alone
    other = session(tuesday, {("8-30", "ANY"): HALF})
    moved = next_weights(after, [one, other], opening(date(2022, 11, 16)), SETTINGS, since=tuesday)
    assert moved.cell(*ANY) == after.cell(*ANY)
    assert moved.cell("8-30", "ANY") != after.cell("8-30", "ANY")


def test_labels_of_another_version_are_not_mixed():
    old = session(MONDAY, {ANY: measures([0.9, 0.1] + [0.5] * 5)}, version="1.old")
    new = session(date(2022, 11, 15), {ANY: HALF})
    assert values(learned(old, new)) == values(learned(new))


def test_sessions_beyond_the_window_are_forgotten():
    short = replace(SETTINGS, learning=replace(SETTINGS.learning, lookback=2))
    days = [session(MONDAY + timedelta(days=k), {ANY: measures([0.1 * k, 0.5] + [0.3] * 5)}) for k in range(5)]
    at = opening(MONDAY + timedelta(days=5))
    whole = next_weights(start(), days, at, short, since=BEGIN.date())
    assert whole == next_weights(start(), days[3:], at, short, since=BEGIN.date())
    assert whole != next_weights(start(), days, at, SETTINGS, since=BEGIN.date())


@pytest.mark.parametrize("seed", range(6))
def test_weights_sum_to_one_keep_their_bounds_and_never_step_too_far(seed: int):
    rng = np.random.default_rng(seed)
    bounds, longest = SETTINGS.weights, SETTINGS.learning.rate * (0.35 - 0.05)
    weights, past, since = start(), [], BEGIN.date()
    for k in range(40):
        day = MONDAY + timedelta(days=k)
        cells = {}
        for bucket in ("0-7", "8-30"):
            for context in ("ANY", "LVLD", "CBV"):
                # some sessions are extreme: a component that is always right beside some that never answer
                told = rng.random((5, 7)) ** rng.choice([0.02, 1, 30])
                told[0] = rng.integers(0, 60, 7)
                told[1:, told[0] == 0] = np.nan
                cells[bucket, context] = told
        past.append(session(day, cells))
        after = next_weights(weights, past, opening(day + timedelta(days=1)), SETTINGS, since=since)
        for cell in after.cells:
            now, before = after.values(*cell), weights.values(*cell)
            assert abs(now.sum() - 1.0) < 1e-12
            assert now.min() >= bounds.lowest - 1e-12 and now.max() <= bounds.highest + 1e-12
            assert np.abs(now - before).max() <= longest + 1e-12
        weights, since = after, day + timedelta(days=1)
    assert len(weights.contexts) == 4


def test_what_a_table_keeps_comes_back_from_it():
    after = learned(session(MONDAY, {ANY: HALF, QUIET: measures([0.5] * 6 + [0.1])}))
    table = after.table()
    assert table.num_rows == 28
    assert read_weights(table).table().equals(table)
    assert [weight.weight_id for weight in read_weights(table).cell(*QUIET)] == [
        w.weight_id for w in after.cell(*QUIET)
    ]
    with pytest.raises(DataError, match="one weight for each"):
        read_weights(table.slice(1))


def test_the_same_history_gives_the_same_ids_and_another_one_others():
    once, again = (learned(session(MONDAY, {ANY: HALF})) for _ in range(2))
    assert once == again
    ids = {weight.weight_id for weight in once.cell(*ANY)}
    assert len(ids) == 7
    other = learned(session(MONDAY, {ANY: measures([0.5] * 6 + [0.4])}))
    assert ids.isdisjoint(weight.weight_id for weight in other.cell(*ANY))


def undoing(day: date, cell: tuple[str, str], back: Sequence[float]) -> Decision:
    return Decision("d1", "undo", day, cell, tuple(back), (None,) * 7, "ann: it was a bad day", "w1")


def test_an_undoing_is_a_row_and_the_cell_forgets_what_came_before_it():
    days = [MONDAY + timedelta(days=k) for k in range(4)]
    first = learned(session(days[0], {ANY: HALF}))
    undo = undoing(days[2], ANY, START_0_7)
    sessions = [session(days[0], {ANY: HALF}), session(days[1], {ANY: HALF})]
    after = next_weights(first, sessions, opening(days[2]), SETTINGS, since=days[1], decisions=[undo])
    assert values(after) == START_0_7
    row = after.cell(*ANY)[0]
    assert (row.reason, row.previous) == ("undo: ann: it was a bad day", first.cell(*ANY)[0].weight_id)
    # the next session brings 29 answers of its own: with those from before the undoing they would be enough
    few = session(days[2], {ANY: measures([0.5, 0.25, 0.0, 0.5, 0.25, 0.0, 1.0], [29] * 7)})
    later = next_weights(after, [*sessions, few], opening(days[3]), SETTINGS, since=days[2], decisions=[undo])
    assert later == after
    assert next_weights(after, [*sessions, few], opening(days[3]), SETTINGS, since=days[2]) != after
    # before its session the decision is not there
    assert (
        next_weights(start(), sessions[:1], opening(days[1]), SETTINGS, since=BEGIN.date(), decisions=[undo]) == first
    )


def test_an_undoing_touches_no_other_cell():
    days = [MONDAY + timedelta(days=k) for k in range(3)]
    cells = {ANY: HALF, QUIET: measures([0.9] + [0.2] * 6)}
    first = learned(session(days[0], cells))
    both = [session(day, cells) for day in days[:2]]
    plain = next_weights(first, both, opening(days[2]), SETTINGS, since=days[1])
    undone = next_weights(
        first, both, opening(days[2]), SETTINGS, since=days[1], decisions=[undoing(days[2], QUIET, START_0_7)]
    )
    assert undone.cell(*ANY) == plain.cell(*ANY)
    assert values(undone, QUIET) == START_0_7 != values(plain, QUIET)


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(UsageError, match="time zone"):
        next_weights(start(), [], datetime(2022, 11, 15, 9, 15), SETTINGS, since=MONDAY)


def test_the_contexts_are_the_eight_regimes():
    cells = {("0-7", code): measures([0.9] + [0.2] * 6) for code in REGIMES}
    assert [cell[1] for cell in learned(session(MONDAY, cells)).contexts] == list(REGIMES)


def test_the_named_interface_of_c8_learns_the_same():
    history = PerformanceHistory([3], *(row[None] for row in HALF))
    found = adapt_dte_specific_component_weights(3, history=history)
    assert list(found.weights.values()) == values(learned(session(MONDAY, {ANY: HALF})))
