"""C7, support and resistance: 72 features of levels of the underlying and of the rolling ATM straddle.

The named interfaces are loaded on first use, so that the catalogue can be read without loading the compiler.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "BreakoutPrediction",
    "ConfluenceScore",
    "Level",
    "LevelAnalysis",
    "StrengthScore",
    "calculate_dual_asset_confluence",
    "detect_multi_method_levels",
    "predict_breakout_probability",
    "score_level_strength",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.interface"), name)
