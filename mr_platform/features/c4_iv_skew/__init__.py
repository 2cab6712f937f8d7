"""C4, implied-volatility skew: 87 features of the smile of the nearest expiry, its history and its term structure.

The named interfaces are loaded on first use, so that the catalogue can be read without loading the compiler.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "AdaptiveThresholds",
    "IVRegimeLevel",
    "MarketCondition",
    "SkewAnalysis",
    "SkewDifferential",
    "VolatilitySurface",
    "analyze_dual_dte_iv_skew",
    "calculate_put_call_skew_differential",
    "classify_iv_regime_7_levels",
    "optimize_percentile_thresholds",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "surface" if name == "VolatilitySurface" else "interface"
    return getattr(importlib.import_module(f"{__name__}.{room}"), name)
