"""Alarms by hand-made sessions; parameters that are wrong are refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mr_platform.errors import DataError
from mr_platform.learning.alarms import control_alarms, leak_alarms, monoculture_alarms, share_alarms
from mr_platform.learning.dataset import build_dataset
from mr_platform.learning.tasks import REGIME, VOLATILITY, task
from mr_platform.parameters.learning import LearningParameters
from mr_platform.parameters.objects import defaults

SETTINGS = defaults(LearningParameters)


@pytest.mark.parametrize(
    ("forward", "accuracy", "mcc", "alarms"),
    [(True, 0.44, 0.49, 0), (True, 0.46, 0.2, 1), (True, 0.3, 0.51, 1), (True, 0.9, 0.9, 2), (False, 0.9, 0.9, 0)],
)
def test_leak_alarm_by_threshold(forward: bool, accuracy: float, mcc: float, alarms: int) -> None:
    found = leak_alarms(forward=forward, accuracy=accuracy, mcc=mcc, best_baseline=0.31, parameters=SETTINGS.evaluation)
    assert len(found) == alarms
    assert all(alarm.fails for alarm in found)
    assert accuracy <= 0.45 or not forward or "the best baseline has 0.310" in found[0].message


@pytest.mark.parametrize(
    ("mcc", "interval", "log_loss", "alarms"),
    [
        (0.05, (0.01, 0.09), 1.9, 0),
        (0.2, (-0.1, 0.4), 1.9, 0),
        (-0.2, (-0.3, -0.1), 1.9, 0),  # worse than chance is no leak
        (0.2, (0.1, 0.3), 2.1, 0),  # answers that line up by accident do not beat the prior
        (0.2, (0.1, 0.3), 1.9, 1),
    ],
)
def test_control_alarm_needs_size_certainty_and_information(
    mcc: float, interval: tuple[float, float], log_loss: float, alarms: int
) -> None:
    limit = SETTINGS.evaluation.shuffled_mcc
    found = control_alarms("regime", mcc=mcc, interval=interval, log_loss=log_loss, chance_loss=2.0, limit=limit)
    assert len(found) == alarms


@pytest.mark.parametrize(("poor", "alarms"), [(2, 0), (3, 1), (5, 1)])
def test_monoculture_needs_three_sessions_in_a_row(market, poor: int, alarms: int) -> None:
    made = market(sessions=8, symbols=("NIFTY",))
    data = build_dataset(made.features, made.labels, task=task("regime_h12"), design=SETTINGS.design)
    y = np.arange(data.n) % 8
    # two classes only, at nearly even shares: little entropy, yet none above 90 %
    predicted = np.where(np.arange(data.n) < 75 * poor, np.arange(data.n) % 2, y)
    found = monoculture_alarms(data, y, predicted, REGIME, SETTINGS.evaluation)
    assert [a.name for a in found] == ["monoculture"] * alarms
    assert monoculture_alarms(data, np.full(data.n, -1), predicted, REGIME, SETTINGS.evaluation) == []


def test_one_class_for_a_session_is_reported_once(market) -> None:
    made = market(sessions=4, symbols=("NIFTY",))
    data = build_dataset(made.features, made.labels, task=task("regime_h12"), design=SETTINGS.design)
    y = np.arange(data.n) % 8
    predicted = np.where(np.arange(data.n) < 75, 3, y)
    (alarm,) = monoculture_alarms(data, y, predicted, REGIME, SETTINGS.evaluation)
    assert "1 symbol-sessions" in alarm.message and "2025-06-02" in alarm.message


def test_share_gap_names_the_class_and_the_month() -> None:
    y = np.array([0] * 50 + [1] * 50)
    predicted = np.array([0] * 62 + [1] * 38)
    (alarm,) = share_alarms([("2025-06", y, predicted), ("2025-07", y, y)], VOLATILITY, SETTINGS.evaluation)
    assert alarm.message == "volatility in 2025-06: points of share predicted minus labelled low +12, mid -12"


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("splits", "embargo_sessions", 0, "embargo of at least 1 session"),
        ("splits", "held_out", 6, "held_out < groups"),
        ("evaluation", "resamples", 10, "at least 100 resamples"),
        ("promotion", "least_skill", 1.0, "least_skill < 1"),
    ],
)
def test_wrong_parameters_are_refused(section: str, key: str, value: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        replace(getattr(SETTINGS, section), **{key: value})


def test_the_default_candidate_exists() -> None:
    with pytest.raises(DataError, match="default is one of"):
        replace(SETTINGS, default="none")


def test_the_digest_changes_with_a_value() -> None:
    assert SETTINGS.digest() == "738cb1d8d5df"
    assert replace(SETTINGS, splits=replace(SETTINGS.splits, folds=4)).digest() != SETTINGS.digest()
