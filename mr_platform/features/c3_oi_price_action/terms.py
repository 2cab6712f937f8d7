"""What the entries of C3's catalogue share: how one is written, and what steers the quantities they stand on."""

from __future__ import annotations

from mr_platform.features.catalogue import FeatureSpec

LEGS = ("ce", "pe")
INF = float("inf")
ANY = (-INF, INF)
UNIT = (-1.0, 1.0)
SHARE = (0.0, 1.0)

# What steers a quantity, all the way back: fields of the parameters, or object.field of those they stand on.
SET = ("strikes.usual", "strikes.least")
RANGE = (
    "strikes.usual",
    "strikes.wide",
    "strikes.narrow",
    "strikes.most",
    "strikes.vix_high",
    "strikes.vix_low",
    "memory.iv_lowest",
    "memory.iv_highest",
)
BUILDUP = ("buildup_price_cut", "buildup_oi_cut", "buildup_minutes", "weak_state", *SET)
FUTURE_BUILDUP = ("buildup_price_cut", "buildup_oi_cut", "buildup_minutes", "weak_state", "buildup_future_share")
THREE_WAY = (*BUILDUP, "buildup_future_share")
# Changes over the shortest timeframe: open interest is published every three minutes.
STEP_CHANGE = ("timeframes", *SET)
FLOW_Z = ("flow.z_window", "windows.coverage", *STEP_CHANGE)


def named(leg: str) -> str:
    """Call or put."""
    return "call" if leg == "ce" else "put"


def spec(
    group: str,
    quantity: str,
    description: str,
    *,
    unit: str = "fraction",
    bounds: tuple[float, float] = ANY,
    warmup: int = 1,
    parameters: tuple[str, ...] = (),
) -> FeatureSpec:
    """An entry of the catalogue; each parameter named once."""
    steering = tuple(dict.fromkeys(parameters))
    return FeatureSpec(f"c3_{group}_{quantity}", "c3", group, description, unit, bounds, warmup, steering)
