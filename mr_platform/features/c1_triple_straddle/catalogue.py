"""The 120 features of C1 in column order: groups ema and vwap from ``trend``, then pivot and timeframe."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mr_platform.features.c1_triple_straddle.trend import (
    ASSETS,
    COMPONENT_WEIGHTS,
    INF,
    LEARNED,
    OVERLAY,
    PIVOT_SCORE,
    SHARE,
    UNIT,
    ema,
    spec,
    vwap,
)
from mr_platform.features.catalogue import FeatureSpec

TIMEFRAMES = (3, 5, 10, 15)
BOUNDS = "highs and lows being sums of the legs', hence bounds"


def _pivot() -> Iterator[FeatureSpec]:
    for a in ASSETS:
        yield spec(
            "pivot",
            f"score_{a}",
            f"ladder score of the {a} straddle among R3 to S3 of its previous session",
            unit="score",
            bounds=UNIT,
            parameters=PIVOT_SCORE,
        )
    for a in ASSETS:
        yield spec(
            "pivot",
            f"nearest_{a}",
            f"signed relative distance of the {a} straddle to the nearest pivot level, positive above it",
        )
    for a in ASSETS:
        yield spec(
            "pivot",
            f"position_{a}",
            f"(P - PP) of the {a} straddle in units of the previous session's high less low",
            unit="ranges",
        )
    for a in ASSETS:
        yield spec(
            "pivot",
            f"resistance_{a}",
            f"relative distance of the {a} straddle to the next pivot level above, none beyond R3",
            bounds=(0.0, INF),
        )
    for a in ASSETS:
        yield spec(
            "pivot",
            f"support_{a}",
            f"relative distance of the {a} straddle to the next pivot level at or below, none beyond S3",
            bounds=SHARE,
        )
    yield spec(
        "pivot",
        "cpr_width",
        "width of the underlying's central pivot range in percent of PP, from the previous session",
        unit="percent",
        bounds=(0.0, INF),
    )
    yield spec(
        "pivot", "cpr_distance", "distance of the underlying from its central pivot range over PP, 0 inside, signed"
    )
    yield spec(
        "pivot",
        "cpr_score",
        "side of the underlying's central pivot range, .8 beyond a narrow one, .5 beyond others, 0 inside",
        unit="score",
        bounds=UNIT,
        parameters=("cpr", "cpr_scores"),
    )
    yield spec(
        "pivot",
        "position_underlying",
        "(P - PP) of the underlying in units of the previous session's high less low",
        unit="ranges",
    )
    yield spec(
        "pivot",
        "cpr_run",
        "consecutive bars the underlying has closed beyond its central pivot range, negative below",
        unit="minutes",
    )
    yield spec(
        "pivot",
        "range_used_atm",
        f"range of the rolling ATM straddle so far over its range of the previous session, {BOUNDS}",
        unit="ratio",
        bounds=(0.0, INF),
    )
    yield spec(
        "pivot",
        "crossings_atm_15",
        "pivot levels between the ATM straddle now and 15 bars ago, signed by direction",
        unit="levels",
        bounds=(-7.0, 7.0),
        warmup=16,
    )
    yield spec(
        "pivot",
        "range_position_atm",
        f"place of the ATM straddle between its low (0) and high (1) of the session, {BOUNDS}",
        bounds=SHARE,
    )
    yield spec(
        "pivot",
        "score_blend",
        "pivot scores of the three straddles under their learned component weights",
        unit="score",
        bounds=UNIT,
        parameters=COMPONENT_WEIGHTS,
    )
    yield spec(
        "pivot",
        "score_dispersion",
        "population standard deviation of the pivot scores of the three straddles",
        unit="score",
        bounds=SHARE,
        parameters=PIVOT_SCORE,
    )


def _timeframe() -> Iterator[FeatureSpec]:
    scores = (*OVERLAY, "timeframes", "windows.coverage")
    windowed = ("window", "windows.coverage")
    for k in TIMEFRAMES:
        yield spec(
            "timeframe",
            f"score_atm_{k}",
            f"EMA score on {k}-minute bars, VWAP and pivot score of the {k}-minute mean price, by DTE weights",
            unit="score",
            bounds=UNIT,
            warmup=-(-4 * k // 5),
            parameters=scores,
        )
    for k in TIMEFRAMES:
        yield spec(
            "timeframe",
            f"quality_atm_{k}",
            f".4 (1 - missing) + .3 / (1 + CV) + .3 (1 - zero-volume share) of the ATM straddle in {k} minutes",
            bounds=SHARE,
            parameters=("timeframes", "quality_weights"),
        )
    for k in TIMEFRAMES:
        yield spec(
            "timeframe",
            f"return_atm_{k}",
            f"log return over {k} minutes of the ATM straddle contract held now",
            unit="log return",
            warmup=k + 1,
        )
    for a in ASSETS:
        yield spec(
            "timeframe",
            f"weighted_score_{a}",
            f"timeframe scores of the {a} straddle by learned weight and quality",
            unit="score",
            bounds=UNIT,
            warmup=3,
            parameters=(*scores, "quality_weights", "timeframe_learning", *LEARNED),
        )
    yield spec(
        "timeframe",
        "confidence_atm",
        "1 - half the dispersion of the four ATM timeframe scores, clipped to .1 and 1",
        bounds=SHARE,
        warmup=3,
        parameters=(*scores, "confidence_spread", "confidence_floor"),
    )
    yield spec(
        "timeframe",
        "alignment_atm",
        "mean sign of the four timeframe scores of the ATM straddle",
        unit="score",
        bounds=UNIT,
        warmup=3,
        parameters=scores,
    )
    yield spec(
        "timeframe",
        "volatility_atm_20",
        "standard deviation of one-minute log returns of the held ATM straddle in 20 bars",
        unit="log return",
        bounds=(0.0, INF),
        warmup=17,
        parameters=windowed,
    )
    yield spec(
        "timeframe",
        "efficiency_atm_15",
        "sum of the held ATM straddle's one-minute returns over the sum of their sizes, 15 bars",
        bounds=UNIT,
        warmup=13,
        parameters=("windows.coverage",),
    )
    yield spec(
        "timeframe",
        "correlation_20",
        "mean pairwise correlation of the held one-minute returns of the nine price series in 20 bars",
        unit="correlation",
        bounds=UNIT,
        warmup=17,
        parameters=("window", "windows"),
    )
    yield spec(
        "timeframe",
        "redundancy_20",
        "share of the pairs of the nine price series whose correlation in 20 bars exceeds .85 in size",
        bounds=SHARE,
        warmup=17,
        parameters=("window", "windows", "redundant"),
    )
    yield spec(
        "timeframe",
        "leg_imbalance_atm_5",
        "log return over 5 minutes of the held ATM call less that of the held ATM put",
        unit="log return",
        warmup=6,
    )
    yield spec(
        "timeframe",
        "wing_spread_5",
        "log return over 5 minutes of the held OTM1 straddle less that of the held ITM1 straddle",
        unit="log return",
        warmup=6,
    )
    yield spec(
        "timeframe",
        "overlay_atm",
        "EMA, VWAP and pivot score of the ATM straddle on one-minute bars by DTE technique weights",
        unit="score",
        bounds=UNIT,
        parameters=OVERLAY,
    )
    yield spec(
        "timeframe",
        "range_atm_15",
        f"highest high less lowest low of the rolling ATM straddle in 15 bars, relative to its price, {BOUNDS}",
        bounds=(0.0, INF),
        warmup=12,
        parameters=("windows.coverage",),
    )


@functools.lru_cache(maxsize=1)
def features() -> tuple[FeatureSpec, ...]:
    """All features of C1: ema 40, vwap 30, pivot 25, timeframe 25."""
    return (*ema(), *vwap(), *_pivot(), *_timeframe())
