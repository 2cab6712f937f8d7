"""Entries of C2 on the exposures: groups first_order and second_order.

The exposure of a leg is its weight W times its Greek; of a side, the sum of its legs over ATM +-7.
"""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.features.catalogue import FeatureSpec

STRADDLES = ("atm", "itm1", "otm1")
SIDES = ("ce", "pe")
NAMES = {"ce": "calls", "pe": "puts"}
FIRST = ("delta", "gamma", "theta", "vega")
SECOND = ("vanna", "charm", "volga")
INF = float("inf")
ANY = (-INF, INF)
UNIT = (-1.0, 1.0)
SHARE = (0.0, 1.0)
UNITS = {
    "delta": "delta",
    "gamma": "delta per percent",
    "theta": "basis points per day",
    "vega": "basis points per vol point",
    "vanna": "delta per vol point",
    "charm": "delta per day",
    "volga": "basis points per squared vol point",
}
_SIGNED = {("delta", "ce"): (0.0, INF), ("delta", "pe"): (-INF, 0.0), "theta": (-INF, 0.0)}
DIRECTED = ("delta", "vanna", "charm")
"""Greeks whose sign is a direction: their straddle is the sum of both legs, that of the others call less put."""

# What steers a quantity, all the way back: fields of the parameters, or object.field of those they stand on.
MEDIANS = tuple(f"history.range_{part}" for part in ("bounds", "sessions", "observations", "least_sessions"))
LEG = ("leg_weight", *MEDIANS)
SAME_DAYS = tuple(f"history.day_{part}" for part in ("sessions", "observations", "least_sessions"))
SET = ("strike_set.reach", "strike_set.least")
SUM = (*LEG, *SET)
SCALED = (*LEG, *SAME_DAYS, "scale_sessions", "scale_least_minutes", "scale_least_share")
FIRST_WEIGHTS = tuple(f"{greek}_weight" for greek in FIRST)
SECOND_WEIGHTS = tuple(f"{greek}_weight" for greek in SECOND)
ALL_WEIGHTS = (*FIRST_WEIGHTS, *SECOND_WEIGHTS)


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
    return FeatureSpec(f"c2_{group}_{quantity}", "c2", group, description, unit, bounds, warmup, parameters)


def _sides(group: str, greeks: tuple[str, ...]) -> Iterator[FeatureSpec]:
    for greek in greeks:
        for side in SIDES:
            if greek in ("gamma", "vega"):
                bounds = (0.0, INF)
            else:
                bounds = _SIGNED.get((greek, side), _SIGNED.get(greek, ANY))
            yield spec(
                group,
                f"{greek}_{side}",
                f"{greek} of the {NAMES[side]} of ATM +-7, each leg by its weight of volume and open interest",
                unit=UNITS[greek],
                bounds=bounds,
                parameters=SUM,
            )


def _straddles(group: str, greeks: tuple[str, ...]) -> Iterator[FeatureSpec]:
    for greek in greeks:
        way = (
            "call plus put" if greek in DIRECTED else "call less put, by size" if greek == "theta" else "call less put"
        )
        for a in STRADDLES:
            yield spec(
                group,
                f"{greek}_{a}",
                f"tanh of the {greek} exposure of the {a} straddle ({way}) over its usual size at these days to expiry",
                unit="score",
                bounds=UNIT,
                parameters=SCALED,
            )


def first_order() -> Iterator[FeatureSpec]:
    yield from _sides("first_order", FIRST)
    yield from _straddles("first_order", FIRST)
    for greek in FIRST:
        yield spec(
            "first_order",
            f"imbalance_{greek}",
            f"size of the calls' {greek} exposure less that of the puts', over their sum",
            bounds=UNIT,
            parameters=SUM,
        )
    for greek in FIRST:
        yield spec(
            "first_order",
            f"velocity_{greek}_5",
            f"relative change in 5 minutes of the size of the {greek} exposure of both sides, strikes and weights "
            "held: what time and market did to it, whatever traded",
            bounds=(-1.0, INF),
            warmup=6,
            parameters=SUM,
        )
    for greek in FIRST:
        yield spec(
            "first_order",
            f"shift_{greek}_15",
            f"change in 15 minutes of the {greek} imbalance of calls and puts, this minute's strikes held",
            bounds=(-2.0, 2.0),
            warmup=16,
            parameters=SUM,
        )
    yield spec(
        "first_order",
        "gamma_centre",
        "gamma-weighted mean strike of both sides less the forward, in strike steps",
        unit="steps",
        parameters=SUM,
    )
    yield spec(
        "first_order",
        "gamma_concentration",
        "share of the gamma exposure of ATM +-7 that stands at ATM and its two neighbours",
        bounds=SHARE,
        parameters=SUM,
    )
    yield spec(
        "first_order",
        "breakeven_move",
        "move of the forward in a calendar day at which the gamma of ATM +-7 earns its theta, sqrt(2 |theta| / gamma)",
        unit="percent",
        bounds=(0.0, INF),
        parameters=SUM,
    )


def second_order() -> Iterator[FeatureSpec]:
    yield from _sides("second_order", SECOND)
    yield from _straddles("second_order", SECOND)
    drift = "over the size of the delta exposure"
    yield spec(
        "second_order",
        "charm_drift",
        f"charm exposure of both sides {drift}: how much of the held delta a day adds",
        unit="per day",
        parameters=SUM,
    )
    yield spec(
        "second_order",
        "vanna_drift",
        f"vanna exposure of both sides {drift}: how much of the held delta a vol point adds",
        unit="per vol point",
        parameters=SUM,
    )
    yield spec(
        "second_order",
        "convexity",
        "volga exposure over vega exposure of both sides: how much of its vega a vol point adds",
        unit="per vol point",
        parameters=SUM,
    )
    yield spec(
        "second_order",
        "imbalance_volga",
        "sum of the sizes of the calls' volga exposures less that of the puts', over both",
        bounds=UNIT,
        parameters=SUM,
    )
    yield spec(
        "second_order",
        "imbalance_wings",
        "size of the vanna exposure of the calls above the forward less that of the puts below it, over both",
        bounds=UNIT,
        parameters=(*LEG, "strike_set.reach", "strike_set.least_wing"),
    )
    yield spec(
        "second_order",
        "vanna_shift_15",
        "change in 15 minutes of vanna over delta exposure, this minute's strikes held",
        unit="per vol point",
        warmup=16,
        parameters=SUM,
    )
    yield spec(
        "second_order",
        "convexity_shift_15",
        "change in 15 minutes of volga over vega exposure, this minute's strikes held",
        unit="per vol point",
        warmup=16,
        parameters=SUM,
    )
    yield spec(
        "second_order",
        "speed",
        "relative change of the gamma exposure of ATM +-7 for a rise of the forward by 1 percent, to first order",
        unit="per percent",
        parameters=SUM,
    )
    yield spec(
        "second_order",
        "zomma",
        "relative change of the gamma exposure of ATM +-7 for one more vol point, to first order",
        unit="per vol point",
        parameters=SUM,
    )
    yield spec(
        "second_order",
        "color",
        "relative change of the gamma exposure of ATM +-7 in a calendar day, to first order",
        unit="per day",
        parameters=SUM,
    )
