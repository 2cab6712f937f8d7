"""The 105 features of C3 in column order: groups cumulative and rolling here, then those of ``positions``."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mr_platform.features.c3_oi_price_action.positions import divergence, institutional
from mr_platform.features.c3_oi_price_action.terms import (
    BUILDUP,
    FUTURE_BUILDUP,
    INF,
    LEGS,
    RANGE,
    SET,
    SHARE,
    STEP_CHANGE,
    THREE_WAY,
    UNIT,
    named,
    spec,
)
from mr_platform.features.catalogue import FeatureSpec

SPANS = (5, 15, 45)
TIMEFRAMES = (3, 5, 10, 15)
PCR_SPANS = (3, 5, 10)
WINDOWS = (20, 50, 100)
VELOCITY_WORDS = {
    "oi": "(X(t) - X(t-{p})) / X(t-{p}) of the {leg} open interest summed over ATM +-7",
    "volume": "ln((1 + V(t)) / (1 + V(t-{p}))), V the {leg} volume of {p} bars summed over ATM +-7",
    "price": "(X(t) - X(t-{p})) / X(t-{p}) of the {leg} closes summed over ATM +-7",
}
UNITS = {"oi": "fraction", "volume": "log ratio", "price": "fraction"}


def _cumulative() -> Iterator[FeatureSpec]:
    for quantity, words in VELOCITY_WORDS.items():
        for leg in LEGS:
            for p in SPANS:
                volume = quantity == "volume"
                yield spec(
                    "cumulative",
                    f"{quantity}_velocity_{leg}_{p}",
                    words.format(p=p, leg=named(leg)) + ", strikes of now that are there at both times",
                    unit=UNITS[quantity],
                    bounds=(-INF, INF) if volume else (-1.0, INF),
                    warmup=1 + p + (-(-p * 4 // 5) - 1 if volume else 0),
                    parameters=("velocity_minutes", *SET, *(("windows.coverage",) if volume else ())),
                )
    for quantity, words in (("oi", "open interest"), ("volume", "volume"), ("price", "price")):
        for leg in LEGS:
            for p in SPANS:
                volume = quantity == "volume"
                yield spec(
                    "cumulative",
                    f"{quantity}_acceleration_{leg}_{p}",
                    f"velocity over {p} minutes of the {named(leg)} {words} sum less that of {p} minutes before, "
                    "both over the strikes of now that are there at all three times",
                    unit=UNITS[quantity],
                    warmup=1 + 2 * p + (-(-p * 4 // 5) - 1 if volume else 0),
                    parameters=("velocity_minutes", *SET, *(("windows.coverage",) if volume else ())),
                )
    yield spec(
        "cumulative",
        "pcr",
        "put over call open interest, each summed over ATM +-7",
        unit="ratio",
        bounds=(0.0, INF),
        parameters=SET,
    )
    yield spec(
        "cumulative",
        "net_oi",
        "put less call open interest over ATM +-7, over the open interest of all strikes of the expiry",
        bounds=UNIT,
        parameters=SET,
    )
    for leg in LEGS:
        yield spec(
            "cumulative",
            f"concentration_{leg}",
            f"{named(leg)} open interest of ATM +-7 over that of all strikes of the expiry",
            bounds=SHARE,
            parameters=SET,
        )
    yield spec(
        "cumulative",
        "pcr_volume_15",
        "put over call volume of the last 15 bars, each summed over ATM +-7",
        unit="ratio",
        bounds=(0.0, INF),
        warmup=12,
        parameters=("velocity_minutes", *SET, "windows.coverage"),
    )
    yield spec(
        "cumulative",
        "net_flow",
        "sum since the open of each minute's put less call change of open interest over the open interest of both, "
        "strikes held from minute to minute",
        parameters=SET,
    )
    yield spec(
        "cumulative",
        "range_reach",
        "strikes of the volatility-adapted range on one side, in points, over the move F sigma sqrt(T) that the ATM "
        "volatility of 15 bars expects until expiry",
        unit="expected moves",
        bounds=(0.0, INF),
        parameters=("timeframes", *RANGE),
    )
    yield spec(
        "cumulative",
        "concentration_range",
        "open interest of both legs inside the volatility-adapted strike range over that of all strikes",
        bounds=SHARE,
        parameters=("timeframes", "strikes.least", *RANGE),
    )
    yield spec(
        "cumulative",
        "net_velocity_range_15",
        "velocity over 15 minutes of put less that of call open interest inside the volatility-adapted strike range",
        warmup=16,
        parameters=("velocity_minutes", "timeframes", "strikes.least", *RANGE),
    )


def _rolling() -> Iterator[FeatureSpec]:
    for p in PCR_SPANS:
        yield spec(
            "rolling",
            f"pcr_change_{p}",
            f"relative change over {p} minutes of the put over call open interest of the strikes of now",
            bounds=(-1.0, INF),
            warmup=p + 1,
            parameters=("pcr_change_minutes", *SET),
        )
    for leg in LEGS:
        for n in TIMEFRAMES:
            yield spec(
                "rolling",
                f"buildup_{leg}_{n}",
                f"build-up of {named(leg)}s over {n} minutes: sign of their price change"
                + (" reversed" if leg == "pe" else "")
                + ", halved where open interest falls, times min(1, root of |dP| |dOI| over both cuts)",
                unit="score",
                bounds=UNIT,
                warmup=n + 1,
                parameters=("timeframes", *BUILDUP),
            )
    for n in (5, 15):
        yield spec(
            "rolling",
            f"buildup_underlying_{n}",
            f"build-up of the listed future over {n} minutes, as that of calls, with a tenth of their cuts; of another "
            "underlying half of its price change over that cut",
            unit="score",
            bounds=UNIT,
            warmup=n + 1,
            parameters=("timeframes", *FUTURE_BUILDUP),
        )
    yield spec(
        "rolling",
        "trend",
        "mean of the call and put build-ups of the timeframes 3, 5, 10, 15 under their weights .15, .35, .30, .20",
        unit="score",
        bounds=UNIT,
        warmup=4,
        parameters=("timeframes", "timeframe_weights", *BUILDUP),
    )
    for leg in LEGS:
        for n in WINDOWS:
            yield spec(
                "rolling",
                f"correlation_{leg}_{n}",
                f"correlation over {n} bars of the underlying's 3-minute log return with the 3-minute relative change "
                f"of the {named(leg)} open interest over ATM +-7",
                unit="correlation",
                bounds=UNIT,
                warmup=3 + -(-n * 4 // 5),
                parameters=("correlation_windows", "windows.coverage", *STEP_CHANGE),
            )
    for n in WINDOWS:
        yield spec(
            "rolling",
            f"leg_divergence_{n}",
            f"1 less the size of the correlation over {n} bars of 3-minute call and put open interest changes",
            bounds=SHARE,
            warmup=3 + -(-n * 4 // 5),
            parameters=("correlation_windows", "windows.coverage", *STEP_CHANGE),
        )
    yield spec(
        "rolling",
        "pcr_z_50",
        "put over call open interest of ATM +-7 less its mean of 50 bars, over its standard deviation there",
        unit="standard deviations",
        warmup=40,
        parameters=("flow.z_window", "windows.coverage", *SET),
    )
    yield spec(
        "rolling",
        "three_way_15",
        "mean over 15 bars of the state of calls, puts and underlying: 1 strong bull, -1 strong bear, half of it where "
        "options alone agree, 0 ranging, arbitrage or transition",
        unit="score",
        bounds=UNIT,
        warmup=17,
        parameters=("timeframes", "windows.coverage", *THREE_WAY),
    )


@functools.lru_cache(maxsize=1)
def features() -> tuple[FeatureSpec, ...]:
    """All features of C3: cumulative 45, rolling 25, institutional 20, divergence 15."""
    return (*_cumulative(), *_rolling(), *institutional(), *divergence())
