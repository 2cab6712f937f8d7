"""Changes of the regime in force: shift, gate, cool-down, hourly limit; nothing looks ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mr_platform.errors import DataError
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.transitions import changes, follow
from schemas.tables import REGIMES

PARAMETERS = defaults(RegimeParameters).transitions
START = np.datetime64("2022-11-14T03:45", "us")


def minutes(n: int, step: int = 5) -> np.ndarray:
    return START + np.arange(n) * np.timedelta64(step, "m")


def rows(*pairs: dict[str, float]) -> np.ndarray:
    """Rows of probabilities; what is not named shares the rest equally."""
    out = []
    for given in pairs:
        rest = (1 - sum(given.values())) / (8 - len(given))
        out.append([given.get(code, rest) for code in REGIMES])
    return np.array(out)


def test_a_shift_of_thirty_points_to_another_leader_changes_the_regime():
    p = rows({"LVLD": 0.72, "HVC": 0.16}, {"LVLD": 0.16, "HVC": 0.72})
    found = follow(minutes(2), p, PARAMETERS)
    assert [REGIMES[r] for r in found.in_force] == ["LVLD", "HVC"]
    (change,) = found.transitions
    assert (change.previous, change.regime, change.status, change.alert) == ("LVLD", "HVC", "confirmed", True)
    assert change.shift == pytest.approx(0.56)
    assert change.confidence == pytest.approx(0.72)


def test_a_new_leader_without_a_shift_changes_nothing():
    p = rows({"LVLD": 0.45, "HVC": 0.40}, {"LVLD": 0.40, "HVC": 0.45}, {"LVLD": 0.45, "HVC": 0.40})
    found = follow(minutes(3), p, PARAMETERS)
    assert [REGIMES[r] for r in found.in_force] == ["LVLD"] * 3
    assert found.transitions == ()


def test_a_slow_drift_adds_up_from_the_distribution_in_force():
    p = rows(*({"LVLD": 0.6 - 0.11 * k, "HVC": 0.1 + 0.11 * k} for k in range(5)))
    found = follow(minutes(5), p, PARAMETERS)
    # HVC leads from the third row on and takes over once 0.33 have gathered; shifts then count from there
    np.testing.assert_allclose(found.shift, [0, 0.11, 0.22, 0.33, 0.11], atol=1e-12)
    assert [REGIMES[r] for r in found.in_force] == ["LVLD", "LVLD", "LVLD", "HVC", "HVC"]


@pytest.mark.parametrize(("to", "alert"), [(0.55, False), (0.70, True)])
def test_the_alert_level_marks_the_larger_shifts(to, alert):
    p = rows({"LVLD": 0.50, "HVC": 0.20}, {"LVLD": 0.15, "HVC": to})
    assert [t.alert for t in follow(minutes(2), p, PARAMETERS).transitions] == [alert]


def test_below_the_gate_a_change_is_tentative():
    p = rows({"LVLD": 0.60, "HVC": 0.10}, {"LVLD": 0.10, "HVC": 0.60})
    assert [t.status for t in follow(minutes(2), p, PARAMETERS).transitions] == ["tentative"]


def test_within_the_cool_down_a_change_is_suppressed_and_may_come_after_it():
    a, b = {"LVLD": 0.8}, {"HVC": 0.8}
    found = follow(minutes(8, step=1), rows(a, b, a, a, a, a, a, a), PARAMETERS)
    assert [t.status for t in found.transitions] == ["confirmed", *["cool-down"] * 4, "confirmed"]
    assert [REGIMES[r] for r in found.in_force] == ["LVLD", *["HVC"] * 5, "LVLD", "LVLD"]


def test_no_more_changes_than_allowed_in_an_hour():
    a, b = {"LVLD": 0.8}, {"HVC": 0.8}
    strict = replace(PARAMETERS, most_per_hour=3)
    found = follow(minutes(16), rows(*[a, b] * 8), strict)
    status = [t.status for t in found.transitions]
    assert status[:3] == ["confirmed"] * 3
    assert status[3] == "rate"
    times = [t.event_ts for t in changes(found.transitions)]
    for now in times:
        assert sum(now - np.timedelta64(1, "h") < t <= now for t in times) <= 3
    assert len(times) > 3


def test_a_row_without_evidence_keeps_the_regime_in_force():
    p = rows({"LVLD": 0.8}, {"LVLD": 0.8}, {"LVLD": 0.8})
    p[0] = p[2] = np.nan
    found = follow(minutes(3), p, PARAMETERS)
    assert found.in_force.tolist() == [-1, 0, 0]
    np.testing.assert_array_equal(found.shift, [np.nan, 0.0, np.nan])


def test_the_confidence_alert_marks_a_regime_in_force_that_lost_its_probability():
    p = rows({"LVLD": 0.55, "HVC": 0.3}, {"LVLD": 0.45, "HVC": 0.3})
    assert follow(minutes(2), p, PARAMETERS).confidence_alert.tolist() == [False, True]


def test_truncation_and_continuation_give_the_same_rows():
    rng = np.random.default_rng(11)
    p = rng.dirichlet(np.full(8, 0.15), 120)
    full = follow(minutes(120), p, PARAMETERS)
    assert len(changes(full.transitions)) > 10
    for cut in (1, 17, 60):
        head = follow(minutes(120)[:cut], p[:cut], PARAMETERS)
        np.testing.assert_array_equal(full.in_force[:cut], head.in_force)
        assert full.transitions[: len(head.transitions)] == head.transitions
        tail = follow(minutes(120)[cut:], p[cut:], PARAMETERS, head.state)
        np.testing.assert_array_equal(full.in_force[cut:], tail.in_force)
        assert head.transitions + tail.transitions == full.transitions
        assert tail.state == full.state


def test_rows_out_of_order_are_refused():
    p = rows({"LVLD": 0.8}, {"HVC": 0.8})
    with pytest.raises(DataError, match="order of time"):
        follow(minutes(2)[::-1], p, PARAMETERS)
    state = follow(minutes(2), p, PARAMETERS).state
    with pytest.raises(DataError, match="order of time"):
        follow(minutes(2), p, PARAMETERS, state)
