"""C1, the triple rolling straddle: 120 features of the ATM, ITM1 and OTM1 straddles and their legs.

The named interfaces are loaded on first use, so that the catalogue can be read without loading the compiler.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "OptimalWeights",
    "PerformanceHistory",
    "TechnicalScores",
    "TimeframeReading",
    "TripleStraddleResult",
    "WeightedScore",
    "analyze_symmetric_straddles",
    "apply_rolling_straddle_technical_analysis",
    "integrate_multi_timeframe_analysis",
    "learn_dte_specific_weights",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.interface"), name)
