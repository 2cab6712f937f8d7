"""The compiled pass of C8, run by the interpreter: the compiler must not change what its source says."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.features.c8_master_integration import cpu, pieces
from mr_platform.kernels.cpu import signatures
from tests.features.c8_sessions import computed, walking


@pytest.mark.parametrize("gaps", [0.03, 0.4])
def test_interpreted_and_compiled_agree(monkeypatch: pytest.MonkeyPatch, gaps: float) -> None:
    session = walking(13, minutes=150, gaps=gaps)
    compiled, _ = computed(session)
    for module in (signatures, pieces, cpu):
        for name, found in list(vars(module).items()):
            if hasattr(found, "py_func"):
                monkeypatch.setattr(module, name, found.py_func)
    with np.errstate(all="ignore"):
        interpreted, _ = computed(session)
    for name in ("values", "score", "confidence", "health"):
        np.testing.assert_allclose(
            getattr(interpreted, name), getattr(compiled, name), rtol=1e-12, atol=1e-15, err_msg=name
        )
