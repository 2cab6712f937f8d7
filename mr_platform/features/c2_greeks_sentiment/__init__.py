"""C2, Greeks sentiment: 98 features of what the Greeks of the traded and held options say.

The named interfaces are loaded on first use, so that the catalogue can be read without loading the compiler.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "AdaptiveWeights",
    "FlowAnalysis",
    "GreeksAnalysis",
    "SentimentLevel",
    "analyze_volume_weighted_greeks",
    "classify_sentiment_with_adaptive_thresholds",
    "detect_institutional_flow",
    "learn_optimal_greeks_weights",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.interface"), name)
