"""The compiled passes, run by the interpreter: the compiler must not change what their sources say."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mr_platform.features.catalogue import component as entry_of
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.running import component
from tests.features.contract_sessions import HOLED, LEARNED, PARTS, World

BARS = 60
SHARED = tuple(f"mr_platform.kernels.cpu.{name}" for name in ("averages", "selection", "signatures", "windows"))


def compute(world: World, key: str, i: int) -> ComponentOutput:
    """The first bars of a session, on the inputs and the other components' answers that the world has of it."""
    one, inputs = component(key, "cpu"), world.runs[i].inputs.until(BARS)
    dte = int(inputs.dte[inputs.dte >= 0][0])
    start = SessionStart(inputs.trade_date, 375, dte, inputs.underlying_kind, world.before(i), symbol="NIFTY")
    out = ComponentOutput.empty(BARS, len(one.features))
    one.compute(inputs, out, 0, BARS, one.begin(start))
    return out


@pytest.mark.parametrize("i", [HOLED, LEARNED])
@pytest.mark.parametrize("key", ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"])
def test_interpreted_and_compiled_agree(world: World, monkeypatch: pytest.MonkeyPatch, key: str, i: int) -> None:
    compiled, patched = compute(world, key, i), set()
    room = f"mr_platform.features.{entry_of(key).folder}"
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{room}.") or name in SHARED:
            for function, found in list(vars(module).items()):
                if hasattr(found, "py_func"):
                    monkeypatch.setattr(module, function, found.py_func)
                    patched.add(function)
    with np.errstate(all="ignore"):
        interpreted = compute(world, key, i)
    assert patched
    for name in PARTS:
        np.testing.assert_allclose(
            getattr(interpreted, name), getattr(compiled, name), rtol=1e-9, atol=1e-12, err_msg=name
        )
