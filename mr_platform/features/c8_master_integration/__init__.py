"""C8, master integration: 48 features of what the seven components say together.

The named interfaces are loaded on first use, so that the catalogue can be read without loading the compiler.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "ComponentReading",
    "ComponentWeights",
    "IntegratedAnswer",
    "PerformanceHistory",
    "RegimeClassification",
    "RegimeHistory",
    "RegimeInForce",
    "StructureAlert",
    "adapt_dte_specific_component_weights",
    "classify_8_regime_system",
    "detect_market_structure_changes",
    "integrate_all_components",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.interface"), name)
