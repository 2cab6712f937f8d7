"""C6, correlation: 150 features of how thirty series of the option chain move together.

The named interfaces are loaded on first use, so that the catalogue can be read without loading the compiler.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "BreakdownAlerts",
    "CorrelationMatrix",
    "RLOptimizedWeights",
    "ValidationScore",
    "calculate_progressive_correlation_matrix",
    "detect_correlation_breakdowns",
    "optimize_with_reinforcement_learning",
    "validate_cross_component_agreement",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.interface"), name)
