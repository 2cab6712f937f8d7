"""Parameters of the regimes: what is declared says what the decisions say, and no value out of range passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mr_platform.errors import DataError
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters

PARAMETERS = defaults(RegimeParameters)
LABELS, RULES, WEIGHTS, POSITIONS = PARAMETERS.labels, PARAMETERS.rules, PARAMETERS.weights, PARAMETERS.positions


def test_the_declared_values_are_those_of_the_decisions():
    assert {t.theta for t in LABELS.tasks.values()} == {0.30}
    assert (LABELS.sessions, LABELS.sessions_most) == (60, 252)
    assert [(t.back, t.ahead, t.crosses_night) for t in LABELS.tasks.values()] == [
        (12, 12, False),
        (75, 75, True),
        (6, 6, False),
    ]
    assert PARAMETERS.signal.gate == 0.7
    assert PARAMETERS.transitions == replace(
        PARAMETERS.transitions,
        shift=0.30,
        alert=0.40,
        confidence_alert=0.5,
        gate=0.7,
        cool_down_minutes=5,
        most_per_hour=20,
    )
    assert LABELS.digest() == "f1f7c835"


def with_bucket(bucket, row):
    return lambda: replace(WEIGHTS, by_dte={**WEIGHTS.by_dte, bucket: row})


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: replace(LABELS.tasks["h75"], theta=1.0), "0 < theta < 1"),
        (lambda: replace(LABELS.tasks["h75"], back=1), "at least 2 bars"),
        (lambda: replace(LABELS, order=("quiet",)), "permutation"),
        (lambda: replace(LABELS, min_sessions=90), "min_sessions <= sessions"),
        (lambda: replace(LABELS, quantile_low=0.9), "quantile_low < quantile_high"),
        (lambda: replace(LABELS, coverage=0.0), "0 < coverage <= 1"),
        (with_bucket("0-7", (0.2, 0.1, 0.15, 0.15, 0.15, 0.1, 0.16)), "sum to 1"),
        (with_bucket("0-7", (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)), "within the bounds"),
        (with_bucket("31-60", WEIGHTS.by_dte["31+"]), "weights for"),
        (lambda: replace(RULES, signatures={"CBV": RULES.signatures["CBV"]}), "signatures of"),
        (lambda: replace(RULES.signatures["CBV"], lows=(0.5,) * 7), "-1 <= low < high <= 1"),
        (lambda: replace(POSITIONS, stop_multipliers=(1.0,)), "one value for each of low, normal, high, extreme"),
        (lambda: replace(POSITIONS, risk_multipliers=(0.8, 1.0, 1.3, 2.5)), "risk_ceiling"),
        (lambda: replace(PARAMETERS.tactical, calm=0.9), "calm < tense"),
        (lambda: replace(PARAMETERS.daily, plain_return=0.02), "plain_return < strong_return"),
        (lambda: replace(PARAMETERS.transitions, shift=0.5), "shift <= alert"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_named(made, said):
    with pytest.raises(DataError, match=said):
        made()


def test_the_classes_of_the_workbook_meet():
    trends = tuple(replace(one, most=0.004) if one.name == "Neutral" else one for one in PARAMETERS.workbook.trends)
    with pytest.raises(DataError, match="Neutral ends where Bullish begins"):
        replace(PARAMETERS.workbook, trends=trends)
