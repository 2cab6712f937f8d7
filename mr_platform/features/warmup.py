"""Compiles the feature kernels once, at install: ``python -m mr_platform.features.warmup``."""

from __future__ import annotations

import sys

import numpy as np

from mr_platform import logs
from mr_platform.features.benchmark import made_series
from mr_platform.features.c1_triple_straddle.component import TripleStraddle
from mr_platform.features.c1_triple_straddle.interface import TimeframeReading, integrate_multi_timeframe_analysis
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.series import LAGS, gather


def compile_kernels() -> None:
    """Calls every compiled kernel of the components with the argument types the platform uses."""
    field = np.ones((2, 1, 3, 2))
    expiry, strikes = np.zeros(2, np.int64), np.tile(np.array([1, 0, 2]), (2, 1))
    gather(
        *[field] * 5,
        expiry,
        np.zeros(1, np.int64),
        strikes,
        np.array(LAGS),
        0,
        2,
        np.empty((2, 9, 5)),
        np.empty((2, 9, len(LAGS))),
    )
    series = made_series().until(20)
    component = TripleStraddle()
    state = component.begin(SessionStart(series.trade_date, series.n_bars, 2, series.underlying_kind))
    component.compute(series, ComponentOutput.empty(20, len(component.features)), 0, 20, state)
    integrate_multi_timeframe_analysis([TimeframeReading(3, 0.5, 1.0), TimeframeReading(5, 0.5, 1.0)])


def main() -> int:
    """Entry point of the install step."""
    logs.configure(level="INFO")
    with logs.stage("compile feature kernels"):
        compile_kernels()
    return 0


if __name__ == "__main__":
    sys.exit(main())
