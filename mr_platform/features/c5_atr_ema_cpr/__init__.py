"""C5, ATR, EMA and CPR on two assets: 94 features of the rolling ATM straddle and its underlying.

The named interfaces are loaded on first use, so that the catalogue can be read without loading the compiler.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "CPRMethod",
    "ConfluenceZone",
    "ConfluenceZones",
    "DualAnalysis",
    "MarketCondition",
    "OptimalPeriods",
    "analyze_dual_asset_atr_ema",
    "calculate_ema_confluence_zones",
    "optimize_atr_periods",
    "select_optimal_cpr_method",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.interface"), name)
