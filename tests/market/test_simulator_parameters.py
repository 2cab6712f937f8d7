"""The simulator's configuration is checked where it is read."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import UsageError
from mr_platform.market.simulator.parameters import load_embedded_market, parse_embedded_market
from schemas.tables import REGIMES


def test_the_shipped_configuration_has_the_eight_regimes_and_two_symbols() -> None:
    config = load_embedded_market()
    assert tuple(config.regimes) == REGIMES
    assert tuple(config.symbols) == ("NIFTY", "BANKNIFTY")
    assert config.sessions == 60
    assert config.weekly["BANKNIFTY"][-1].weekday is None
    assert config.transition_matrix().sum(axis=1) == pytest.approx([1.0] * 8)


def _set(*path_and_value: Any) -> Callable[[dict[str, Any]], None]:
    *path, last, value = path_and_value

    def change(raw: dict[str, Any]) -> None:
        for name in path:
            raw = raw[name]
        raw[last] = value

    return change


def _drop(name: str) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        del raw[name]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop("seed"), "seed is given"),
        (_set("market", []), "market is a mapping"),
        (_set("market", "growth", "fast"), "growth is a number"),
        (_set("market", "extra", 1.0), "fields are"),
        (_set("market", "smile_curvature", 1.9), "no arbitrage"),
        (_set("regimes", "LVLD", "direction", "sideways"), "direction is one of none, up, down"),
        (_set("regimes", "CBV", "correlation", 1.2), r"correlation lies in \[0, 1\]"),
        (_set("regimes", "extra", {}), "regimes are LVLD, HVC"),
        (_set("transitions", "LVLD", [0.0] * 8), "8 probabilities that sum to 1"),
        (_set("transitions", "LVLD", [1.0] + [0.0] * 7), "no regime follows itself"),
        (_set("dirt", "zero_row", 0.5), "a rate of planted flaws"),
        (_set("dirt", "zero_row", True), "zero_row is a number"),
        (_set("symbols", "NIFTY", 5), "a mapping stands here"),
    ],
)
def test_a_wrong_value_is_refused_with_the_rule_and_the_place(
    change: Callable[[dict[str, Any]], None], said: str
) -> None:
    raw = copy.deepcopy(read_yaml(config_root() / "embedded_market.yaml"))
    change(raw)
    with pytest.raises(UsageError, match=said) as caught:
        parse_embedded_market(raw, "test.yaml")
    assert caught.value.place.startswith("test.yaml")
