"""The compiled pass of C5, run by the interpreter: the compiler must not change what its source says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mr_platform.features.c1_triple_straddle import scores
from mr_platform.features.c5_atr_ema_cpr import cpu, pieces, recursions
from mr_platform.features.c5_atr_ema_cpr.component import AtrEmaCpr
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import session_inputs
from mr_platform.market.chain import OptionChainDay

if TYPE_CHECKING:
    from tests.features.conftest import Market

BARS = 90


def compute(market: Market, i: int) -> ComponentOutput:
    chain = OptionChainDay.from_core(market.cores[i], market.sessions[i]).until(555 + BARS - 1)
    inputs = session_inputs(chain, 375, passes=())
    component = AtrEmaCpr()
    previous = market.contexts[i - 1] if i else None
    start = SessionStart(chain.trade_date, 375, int(inputs.dte[0]), chain.underlying, previous)
    out = ComponentOutput.empty(BARS, len(component.features))
    component.compute(inputs, out, 0, BARS, component.begin(start))
    return out


@pytest.mark.parametrize("i", [0, 4])
def test_interpreted_and_compiled_agree(market: Market, monkeypatch: pytest.MonkeyPatch, i: int) -> None:
    compiled = compute(market, i)
    for module in (scores, pieces, recursions, cpu):
        for name, found in list(vars(module).items()):
            if hasattr(found, "py_func"):
                monkeypatch.setattr(module, name, found.py_func)
    with np.errstate(all="ignore"):
        interpreted = compute(market, i)
    for name in ("values", "score", "confidence", "health"):
        np.testing.assert_allclose(getattr(interpreted, name), getattr(compiled, name), rtol=1e-9, atol=1e-12)
