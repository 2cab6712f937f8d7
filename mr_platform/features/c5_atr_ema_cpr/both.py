"""Entries of C5 on both assets together: group dual_asset."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.features.catalogue import FeatureSpec
from mr_platform.parameters.atr_ema_cpr import PIVOT_METHODS

ASSETS = {"straddle": "the rolling ATM straddle", "underlying": "the underlying"}
SPANS = (20, 50, 100, 200)
TIMEFRAMES = (5, 15)
INF = float("inf")
ANY = (-INF, INF)
UNIT = (-1.0, 1.0)
SHARE = (0.0, 1.0)
POSITIVE = (0.0, INF)
BOUNDS = {"straddle": ", highs and lows being sums of the legs', hence bounds", "underlying": ""}

# What steers a quantity, all the way back: fields of the parameters, or object.field of those they stand on.
COVERAGE = "windows.coverage"
ATR = ("memory.atr_period",)
DAILY_RANGE = ATR
SPECIFIC = ("history.day_sessions",)
RANGED = ("history.range_bounds", "history.range_sessions")
_TRUST = tuple(
    f"history.{name}"
    for name in ("day_observations", "day_least_sessions", "range_observations", "range_least_sessions")
)
REGIME = (*ATR, "level_cuts", "session_least", *SPECIFIC, *RANGED, *_TRUST)
EXPANSION = (*ATR, "squeeze_bars", "expansion", "contraction", COVERAGE)
FIBONACCI = ("fibonacci_ratios",)
CAMARILLA = ("camarilla_factor", "camarilla_divisors")
METHOD_SCORE = (
    *FIBONACCI,
    *CAMARILLA,
    "methods_used",
    "method_weights",
    "touch_bars",
    "touch_prior",
    "touch_half_life",
    *REGIME,
)
TREND = ("ema_spans", "memory.atr_longer_spans")
PREMIUM_TREND = (*TREND, "decay_floor_hours")
_SCORE = tuple(dict.fromkeys(("part_weights", *METHOD_SCORE, *EXPANSION)))
ASSET_SCORE = {
    a: tuple(dict.fromkeys((*_SCORE, *trend))) for a, trend in (("straddle", PREMIUM_TREND), ("underlying", TREND))
}


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
    return FeatureSpec(f"c5_{group}_{quantity}", "c5", group, description, unit, bounds, warmup, parameters)


def dual_asset() -> Iterator[FeatureSpec]:
    yield from _scores()
    yield spec(
        "dual_asset",
        "range_log_ratio",
        "log of ATR14 / P of the ATM straddle over ATR14 / P of the underlying",
        unit="log ratio",
        warmup=14,
        parameters=ATR,
    )
    yield spec(
        "dual_asset",
        "percentile_gap",
        "percentile of ATR14 / P in its range of days to expiry, of the straddle less of the underlying",
        bounds=UNIT,
        warmup=14,
        parameters=(*ATR, *RANGED),
    )
    yield from _joint()
    yield spec(
        "dual_asset",
        "premium_to_range",
        "ATM straddle over the underlying's daily ATR with today so far times the root of the days to expiry",
        unit="ratio",
        bounds=POSITIVE,
        parameters=DAILY_RANGE,
    )
    yield from _timeframes()
    yield spec(
        "dual_asset",
        "alignment_underlying",
        "mean sign of the underlying's steps down from P through EMA20, 50, 100 and 200, of those that are warm",
        unit="score",
        bounds=UNIT,
        warmup=20,
        parameters=("ema_spans",),
    )
    yield spec(
        "dual_asset",
        "cross_age_underlying",
        "bars of the session since EMA20 of the underlying crossed EMA50, positive while above",
        unit="minutes",
        warmup=50,
        parameters=("ema_spans",),
    )
    for a, words in ASSETS.items():
        yield spec(
            "dual_asset",
            f"ema_percentile_{a}",
            f"mid-rank of (P - EMA100) / EMA100 of {words} among earlier sessions with the same days to expiry",
            bounds=SHARE,
            warmup=100,
            parameters=("ema_spans", *SPECIFIC),
        )
    own = {"fibonacci": FIBONACCI, "camarilla": CAMARILLA}
    for method in PIVOT_METHODS[1:]:
        yield spec(
            "dual_asset",
            f"nearest_{method}_straddle",
            f"ATM straddle less its nearest {method} support or resistance, over its range of the previous session",
            unit="ranges",
            parameters=own.get(method, ()),
        )
    yield spec(
        "dual_asset",
        "range_used_underlying",
        "true range of the underlying today so far over its daily ATR of finished sessions",
        unit="ratio",
        bounds=POSITIVE,
        parameters=DAILY_RANGE,
    )
    for a, words in ASSETS.items():
        yield spec(
            "dual_asset",
            f"thrust_{a}",
            f"last minute's change of {words}, contract held, in units of its ATR14",
            unit="ATR",
            warmup=14,
            parameters=ATR,
        )
    for a, words in ASSETS.items():
        yield spec(
            "dual_asset",
            f"channel_{a}_20",
            f"place of {words} between its lowest low (0) and highest high (1) of 20 bars{BOUNDS[a]}",
            bounds=SHARE,
            warmup=16,
            parameters=("channel_bars", COVERAGE),
        )
    yield spec(
        "dual_asset",
        "efficiency_underlying_20",
        "sum of the underlying's one-minute returns over the sum of their sizes, 20 bars",
        bounds=UNIT,
        warmup=17,
        parameters=("channel_bars", COVERAGE),
    )


def _scores() -> Iterator[FeatureSpec]:
    each = ASSET_SCORE["straddle"]
    both = (*each, "asset_weights")
    yield spec(
        "dual_asset",
        "score",
        ".60 straddle + .40 underlying score, times 1.2 where they agree, .8 where not: positive where premium "
        "falls and the underlying rises",
        unit="score",
        bounds=UNIT,
        warmup=20,
        parameters=(*both, "agreement", "conflict"),
    )
    for a, side in (("straddle", "-.40 trend - .35 pivots"), ("underlying", ".40 trend + .35 pivots")):
        yield spec(
            "dual_asset",
            f"score_{a}",
            f"{side} - .25 range expansion of {ASSETS[a]}, over the parts that are there",
            unit="score",
            bounds=UNIT,
            warmup=20,
            parameters=ASSET_SCORE[a],
        )
    yield spec(
        "dual_asset",
        "disagreement",
        "half the distance between the scores of the straddle and of the underlying",
        bounds=SHARE,
        warmup=20,
        parameters=each,
    )
    yield spec(
        "dual_asset",
        "confidence",
        "weight of the six parts of both scores that are there, times 1 less their population standard deviation",
        bounds=SHARE,
        warmup=20,
        parameters=both,
    )
    for a, level, parameters in (
        ("straddle", "the rolling ATM straddle over the root of time to expiry", PREMIUM_TREND),
        ("underlying", "the underlying", TREND),
    ):
        yield spec(
            "dual_asset",
            f"trend_{a}",
            f"mean over the warm EMAs of {level} of tanh(1.6 (P - EMA) / (mean size of a change, root of n + 1))",
            unit="score",
            bounds=UNIT,
            warmup=20,
            parameters=parameters,
        )
    yield spec(
        "dual_asset",
        "pivot_straddle",
        "place of the ATM straddle from the lowest (-1) to the highest level (1) of each of five pivot methods, their "
        "mean under weights learned by ATR regime of the underlying",
        unit="score",
        bounds=UNIT,
        parameters=METHOD_SCORE,
    )


def _joint() -> Iterator[FeatureSpec]:
    windowed = ("correlation_bars", COVERAGE)
    for n in (20, 50):
        yield spec(
            "dual_asset",
            f"correlation_{n}",
            f"correlation of one-minute log returns of the held ATM straddle and the underlying, {n} bars",
            unit="correlation",
            bounds=UNIT,
            warmup=-(-4 * n // 5) + 1,
            parameters=windowed,
        )
    yield spec(
        "dual_asset",
        "convexity_50",
        "correlation of the held ATM straddle's returns with the size of the underlying's, 50 bars: gamma or decay",
        unit="correlation",
        bounds=UNIT,
        warmup=41,
        parameters=windowed,
    )
    yield spec(
        "dual_asset",
        "beta_50",
        "slope of the held ATM straddle's one-minute returns on the underlying's, 50 bars",
        unit="elasticity",
        warmup=41,
        parameters=windowed,
    )
    yield spec(
        "dual_asset",
        "lead_50",
        "correlation of the straddle's return with the underlying's a minute before, less the other way round, 50 "
        "bars: positive where the underlying leads",
        unit="correlation",
        bounds=(-2.0, 2.0),
        warmup=42,
        parameters=windowed,
    )


def _timeframes() -> Iterator[FeatureSpec]:
    slower = ("timeframes", *ATR)
    for k in TIMEFRAMES:
        for a, words in ASSETS.items():
            yield spec(
                "dual_asset",
                f"atr_{a}_{k}",
                f"Wilder's ATR of 14 finished {k}-minute bars of {words}, contract held, over its price",
                bounds=POSITIVE,
                warmup=14 * k,
                parameters=slower,
            )
    for k in TIMEFRAMES:
        for a, words in ASSETS.items():
            yield spec(
                "dual_asset",
                f"percentile_{a}_{k}",
                f"mid-rank of the {k}-minute ATR / P of {words} among earlier sessions of the range of days to expiry",
                bounds=SHARE,
                warmup=14 * k,
                parameters=(*slower, *RANGED),
            )
    for a, words in ASSETS.items():
        yield spec(
            "dual_asset",
            f"scaling_{a}",
            f"log of the 15-minute ATR over the one-minute ATR50 of {words}, over log 15: .5 for a random walk",
            unit="exponent",
            warmup=210,
            parameters=(*slower, "memory.atr_longer_spans"),
        )
