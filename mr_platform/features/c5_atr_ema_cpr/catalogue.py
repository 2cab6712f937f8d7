"""The 94 features of C5 in column order: group dual_asset from ``both``, then atr, ema and cpr."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mr_platform.features.c5_atr_ema_cpr.both import (
    ANY,
    ASSETS,
    ATR,
    BOUNDS,
    CAMARILLA,
    COVERAGE,
    DAILY_RANGE,
    EXPANSION,
    FIBONACCI,
    INF,
    METHOD_SCORE,
    POSITIVE,
    RANGED,
    REGIME,
    SHARE,
    SPANS,
    SPECIFIC,
    UNIT,
    dual_asset,
    spec,
)
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.parameters.atr_ema_cpr import PIVOT_METHODS

LONGER = (*ATR, "memory.atr_longer_spans")


def _atr() -> Iterator[FeatureSpec]:
    for a, words in ASSETS.items():
        yield spec(
            "atr",
            f"percent_{a}_14",
            f"Wilder's ATR of 14 one-minute bars of {words} over its price, run on across sessions{BOUNDS[a]}",
            bounds=POSITIVE,
            warmup=14,
            parameters=ATR,
        )
    for n, both in ((14, LONGER), (21, ("memory.atr_longer_spans",))):
        for a, words in ASSETS.items():
            yield spec(
                "atr",
                f"ratio_{a}_{n}_50",
                f"ATR{n} over ATR50 of {words}: above 1 where ranges have lately widened",
                unit="ratio",
                bounds=POSITIVE,
                warmup=50,
                parameters=both,
            )
    momentum = (*ATR, "track_momentum", "momentum_bars", COVERAGE)
    for a, words in ASSETS.items():
        yield spec(
            "atr",
            f"momentum_{a}",
            f"ATR14 of {words} over its mean of 14 bars as it stood 14 bars earlier in the session",
            unit="ratio",
            bounds=POSITIVE,
            warmup=39,
            parameters=momentum,
        )
    for a, words in ASSETS.items():
        yield spec(
            "atr",
            f"trend_age_{a}",
            f"bars since ATR14 of {words} began to rise (momentum above 1.05), negative to fall (below .95), else 0",
            unit="minutes",
            warmup=39,
            parameters=(*momentum, "rising", "falling"),
        )
    for kind, words, parameters in (
        ("dte", "sessions with the same days to expiry", SPECIFIC),
        ("range", "sessions of the same range of days to expiry", RANGED),
    ):
        for a, asset in ASSETS.items():
            yield spec(
                "atr",
                f"percentile_{a}_{kind}",
                f"mid-rank of ATR14 / P of {asset} among five-minute observations of earlier {words}",
                bounds=SHARE,
                warmup=14,
                parameters=(*ATR, *parameters),
            )
    for a, words in ASSETS.items():
        yield spec(
            "atr",
            f"regime_{a}",
            f"class 0 to 5 of the percentile of ATR14 / P of {words}, cuts .25 .40 .60 .75 .90: at these days to "
            "expiry, else in their range, else in the session so far",
            unit="class",
            bounds=(0.0, 5.0),
            warmup=14,
            parameters=REGIME,
        )
    for a, words in ASSETS.items():
        yield spec(
            "atr",
            f"squeeze_age_{a}",
            f"consecutive bars that ATR14 of {words} has been below the p25 of its last 20 bars, 0 outside a squeeze",
            unit="minutes",
            bounds=POSITIVE,
            warmup=29,
            parameters=(*ATR, "detect_squeeze", "squeeze_percentile", "squeeze_bars", COVERAGE),
        )
    for a, words in ASSETS.items():
        yield spec(
            "atr",
            f"expansion_{a}",
            f"ATR14 of {words} against its mean of 20 bars: 1 from 1.2 times it on, 0 at it, -1 from .8 times down",
            unit="score",
            bounds=UNIT,
            warmup=29,
            parameters=EXPANSION,
        )


def _ema() -> Iterator[FeatureSpec]:
    for n in SPANS:
        yield spec(
            "ema",
            f"ratio_underlying_{n}",
            f"(P - EMA{n}) / EMA{n} of the underlying on one-minute bars, continued across sessions",
            warmup=n,
            parameters=("ema_spans",),
        )
    for n in (20, 200):
        yield spec(
            "ema",
            f"stretch_straddle_{n}",
            f"(P - EMA{n}) of the rolling ATM straddle in units of its ATR14",
            unit="ATR",
            warmup=n,
            parameters=("ema_spans", *ATR),
        )
    for n in (20, 100):
        yield spec(
            "ema",
            f"slope_underlying_{n}",
            f"relative change of the underlying's EMA{n} over 5 bars of the session",
            warmup=n + 5,
            parameters=("ema_spans", "slope_bars"),
        )
    for kind, words, spans in (
        ("daily", "sessions", (20, 50, 100, 200)),
        ("weekly", "weeks", (10, 20, 50)),
        ("monthly", "months", (6, 12, 24)),
    ):
        for n in spans:
            yield spec(
                "ema",
                f"stretch_{kind}_{n}",
                f"underlying less its EMA of {n} {words}, the running one at its last price, in daily ATRs",
                unit="daily ATR",
                parameters=(f"{kind}_ema_spans", *DAILY_RANGE),
            )
    yield spec(
        "ema",
        "convergence_daily",
        "highest less lowest of the four daily EMAs of the underlying over its price, in units of 2 percent",
        unit="ratio",
        bounds=POSITIVE,
        parameters=("daily_ema_spans", "convergence"),
    )
    yield spec(
        "ema",
        "fan_underlying",
        "highest less lowest of the four one-minute EMAs of the underlying in units of its ATR50",
        unit="ATR",
        bounds=POSITIVE,
        warmup=200,
        parameters=("ema_spans", "memory.atr_longer_spans"),
    )


def _cpr() -> Iterator[FeatureSpec]:
    own = {"fibonacci": FIBONACCI, "camarilla": CAMARILLA}
    for method in PIVOT_METHODS:
        yield spec(
            "cpr",
            f"nearest_{method}",
            f"underlying less its nearest {method} support or resistance of the previous session, in daily ATRs",
            unit="daily ATR",
            parameters=(*DAILY_RANGE, *own.get(method, ())),
        )
    yield spec(
        "cpr",
        "developing_width",
        "width in percent of PP of the central pivot range that today's high, low and price would leave, 0 at narrow, "
        "1 at wide",
        unit="score",
        parameters=("cpr", "cpr_wide_percent"),
    )
    for kind in ("week", "month"):
        yield spec(
            "cpr",
            f"position_{kind}ly",
            f"place of the underlying among the classic levels of the last finished {kind}, from S3 (-1) to R3 (1)",
            unit="score",
            bounds=UNIT,
        )
    yield spec(
        "cpr",
        "breakout",
        "least distance beyond the underlying's central pivot range that the last 3 closes held, in one-minute "
        "ATR14, negative below it, 0 unless all stood beyond",
        unit="ATR",
        bounds=ANY,
        warmup=14,
        parameters=("breakout_bars", *ATR),
    )
    yield spec(
        "cpr",
        "virgin",
        "middle of the nearest central pivot range of 20 sessions that no price has touched yet, less the underlying, "
        "in daily ATRs",
        unit="daily ATR",
        bounds=ANY,
        parameters=("virgin_sessions", *DAILY_RANGE),
    )
    yield spec(
        "cpr",
        "score_methods",
        "place of the underlying from the lowest (-1) to the highest level (1) of each of five pivot methods, their "
        "mean under weights learned by ATR regime",
        unit="score",
        bounds=UNIT,
        parameters=METHOD_SCORE,
    )
    yield spec(
        "cpr",
        "dispersion_methods",
        "population standard deviation of the underlying's places on the ladders of the five pivot methods",
        unit="score",
        bounds=SHARE,
        parameters=(*FIBONACCI, *CAMARILLA),
    )
    for side, words in (("up", "up to the nearest level above"), ("down", "down to the nearest level at or below")):
        yield spec(
            "cpr",
            f"clearance_{side}",
            f"way from the underlying {words} of all five pivot methods, in daily ATRs, none beyond the last",
            unit="daily ATR",
            bounds=(0.0, INF),
            parameters=(*DAILY_RANGE, *FIBONACCI, *CAMARILLA),
        )


@functools.lru_cache(maxsize=1)
def features() -> tuple[FeatureSpec, ...]:
    """All features of C5: dual_asset 40, atr 20, ema 20, cpr 14."""
    return (*dual_asset(), *_atr(), *_ema(), *_cpr())
