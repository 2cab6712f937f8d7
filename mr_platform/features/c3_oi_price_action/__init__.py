"""C3, open interest and price action: 105 features of where option positions are opened while the price moves.

The named interfaces are loaded on first use, so that the catalogue can be read without loading the compiler.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "CumulativeAnalysis",
    "DivergenceTypes",
    "FlowSignal",
    "OptimalRange",
    "adapt_strike_range",
    "analyze_cumulative_atm_strikes",
    "classify_divergence_patterns",
    "detect_institutional_flow",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.interface"), name)
