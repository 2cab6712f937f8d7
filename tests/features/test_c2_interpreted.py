"""The compiled pass of C2, run by the interpreter: the compiler must not change what its source says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mr_platform.features.c2_greeks_sentiment import cpu, gamma, legs, statistics
from mr_platform.features.c2_greeks_sentiment.component import GreeksSentiment
from mr_platform.features.component import ComponentOutput
from mr_platform.features.running import run_components
from mr_platform.market.chain import OptionChainDay

if TYPE_CHECKING:
    from tests.features.conftest import Market

LAST = 555 + 69


def compute(market: Market) -> ComponentOutput:
    chain = OptionChainDay.from_core(market.cores[1], market.sessions[1]).until(LAST)
    return run_components({"c2": GreeksSentiment()}, chain).outputs["c2"]


def test_interpreted_and_compiled_agree(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compute(market)
    for module in (statistics, legs, gamma, cpu):
        for name, found in list(vars(module).items()):
            if hasattr(found, "py_func"):
                monkeypatch.setattr(module, name, found.py_func)
    with np.errstate(all="ignore"):
        interpreted = compute(market)
    for name in ("values", "score", "confidence", "health"):
        np.testing.assert_allclose(
            getattr(interpreted, name), getattr(compiled, name), rtol=1e-12, atol=1e-14, err_msg=name
        )
