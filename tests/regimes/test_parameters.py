"""configs/regimes.yaml: nothing unknown, missing or out of range passes."""

from __future__ import annotations

import copy

import pytest

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import DataError
from mr_platform.regimes.parameters import load, parse

DOCUMENT = read_yaml(config_root() / "regimes.yaml")


def test_the_projects_own_file_is_valid_and_says_what_the_decisions_say():
    parameters = load()
    assert {t.theta for t in parameters.labels.tasks.values()} == {0.30}
    assert (parameters.labels.sessions, parameters.labels.sessions_most) == (60, 252)
    assert [(t.back, t.ahead, t.crosses_night) for t in parameters.labels.tasks.values()] == [
        (12, 12, False),
        (75, 75, True),
        (6, 6, False),
    ]
    assert parameters.signal.gate == 0.7


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("labels", "thetta"), 0.3, "thetta"),
        (("labels", "coverage"), "a lot", "coverage is a number"),
        (("labels", "tasks", "h75", "theta"), 1.0, "0 < theta < 1"),
        (("labels", "order"), ["quiet"], "permutation"),
        (("labels", "min_sessions"), 90, "min_sessions <= sessions"),
        (("labels", "quantile_low"), 0.9, "quantile_low < quantile_high"),
        (("labels", "tasks", "h12", "crosses_night"), "no", "true or false"),
        (("weights", "by_dte", "0-7"), [0.2, 0.1, 0.15, 0.15, 0.15, 0.1, 0.16], "sum to 1"),
        (("weights", "by_dte", "0-7"), [0.5, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05], "within the bounds"),
        (("rules", "signatures", "CBV"), [[0.1, -0.4, 0.4]], "each of C1..C7"),
        (("positions", "risk_multipliers"), [1.0], "each volatility regime"),
        (("tactical",), 3, "mapping"),
        (("surplus",), {}, "sections"),
    ],
)
def test_a_wrong_key_or_value_is_refused_and_named(path, value, said):
    document = copy.deepcopy(DOCUMENT)
    at = document
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    with pytest.raises(DataError, match=said):
        parse(document)


def test_a_missing_value_has_no_silent_default():
    document = copy.deepcopy(DOCUMENT)
    del document["transitions"]["shift"]
    with pytest.raises(DataError, match="shift"):
        parse(document)
