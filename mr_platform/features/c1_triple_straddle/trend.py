"""Entries of C1 on the trend of the rolling straddles: groups ema and vwap."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.features.catalogue import FeatureSpec

ASSETS = ("atm", "itm1", "otm1")
SPANS = (20, 50, 100, 200)
INF = float("inf")
ANY = (-INF, INF)
UNIT = (-1.0, 1.0)
SHARE = (0.0, 1.0)

# What steers a quantity, all the way back: fields of the parameters, or object.field of those they stand on.
EMA_SCORE = ("ema_spans", "ema_score_weights", "ema_weak_score")
VWAP_SCORE = ("vwap_cuts", "vwap_scores")
PIVOT_SCORE = ("pivot_scores",)
OVERLAY = (*EMA_SCORE, *VWAP_SCORE, *PIVOT_SCORE, "technique_anchors")
LEARNED = ("performance", "daily_context.least_calls")
# The overlays of the price series and the share of redundant ones are what component weights are learned from.
COMPONENT_WEIGHTS = (*OVERLAY, "window", "windows", "redundant", "component_learning", *LEARNED)


def spec(
    group: str,
    quantity: str,
    description: str,
    *,
    unit: str = "fraction",
    bounds: tuple[float, float] = ANY,
    warmup: int = 1,
    parameters: tuple[str, ...] = (),
    version: int = 1,
) -> FeatureSpec:
    return FeatureSpec(f"c1_{group}_{quantity}", "c1", group, description, unit, bounds, warmup, parameters, version)


def ema() -> Iterator[FeatureSpec]:
    for a in ASSETS:
        for n in SPANS:
            yield spec(
                "ema",
                f"deviation_{a}_{n}",
                f"(P - EMA{n}) / EMA{n} of the rolling {a} straddle close, EMA continued across sessions",
                warmup=n,
                parameters=("ema_spans",),
            )
    for a in ASSETS:
        yield spec(
            "ema",
            f"score_{a}",
            f"order of price and EMAs of the {a} straddle: .30 short + .30 medium + .25 long + .15 trend, "
            "over the parts whose EMAs are warm",
            unit="score",
            bounds=UNIT,
            warmup=50,
            parameters=EMA_SCORE,
        )
    for n, bars in ((20, 5), (100, 15)):
        for a in ASSETS:
            yield spec(
                "ema",
                f"slope_{a}_{n}",
                f"relative change of EMA{n} of the {a} straddle over {bars} bars of the session",
                warmup=n + bars,
                parameters=("ema_spans",),
            )
    for fast, slow in ((20, 100), (50, 200)):
        for a in ASSETS:
            yield spec(
                "ema",
                f"spread_{a}_{fast}_{slow}",
                f"(EMA{fast} - EMA{slow}) / EMA{slow} of the {a} straddle",
                warmup=slow,
                parameters=("ema_spans",),
            )
    for a in ASSETS:
        yield spec(
            "ema",
            f"confluence_{a}",
            f"share of the three neighbouring pairs of the sorted EMAs of the {a} straddle within 1 percent",
            bounds=SHARE,
            warmup=200,
            parameters=("ema_spans", "confluence"),
        )
    for a in ASSETS:
        yield spec(
            "ema",
            f"cross_age_{a}",
            f"bars of the session since EMA20 of the {a} straddle crossed EMA50, positive while above",
            unit="minutes",
            warmup=50,
            parameters=("ema_spans",),
        )
    parts = (
        ("short", "+1 if P > EMA20 > EMA50, -1 if reversed, else half the sign of P - EMA20", 50),
        ("medium", "+1 if EMA20 > EMA50 > EMA100, -1 if reversed, else half the sign of EMA20 - EMA50", 100),
        ("long", "+1 if EMA50 > EMA100 > EMA200, -1 if reversed, else half the sign of EMA50 - EMA100", 200),
        ("trend", "sign of EMA100 - EMA200", 200),
    )
    for part, words, warmup in parts:
        yield spec(
            "ema",
            f"{part}_atm",
            f"{words}, of the ATM straddle",
            unit="score",
            bounds=UNIT,
            warmup=warmup,
            parameters=("ema_spans",) if part == "trend" else ("ema_spans", "ema_weak_score"),
        )
    yield spec(
        "ema",
        "score_blend",
        "EMA scores of the three straddles under their learned component weights",
        unit="score",
        bounds=UNIT,
        warmup=50,
        parameters=COMPONENT_WEIGHTS,
    )
    yield spec(
        "ema",
        "score_dispersion",
        "population standard deviation of the EMA scores of the three straddles",
        unit="score",
        bounds=SHARE,
        warmup=50,
        parameters=EMA_SCORE,
    )
    yield spec(
        "ema",
        "fan_width_atm",
        "highest less lowest of the four EMAs of the ATM straddle, relative to its price",
        bounds=(0.0, INF),
        warmup=200,
        parameters=("ema_spans",),
    )


def vwap() -> Iterator[FeatureSpec]:
    rolling = ("window", "windows.coverage")
    kinds = (
        ("session", "of the session so far", 1, (), 1),
        ("previous", "of the previous session", 1, (), 1),
        ("rolling_20", "of the last 20 bars", 16, rolling, 1),
        ("week", "of the calendar week so far, none unless every session of it is known", 1, (), 2),
    )
    for kind, words, warmup, parameters, version in kinds:
        for a in ASSETS:
            yield spec(
                "vwap",
                f"deviation_{a}_{kind}",
                f"(P - VWAP) / VWAP of the rolling {a} straddle, VWAP {words}",
                warmup=warmup,
                parameters=parameters,
                version=version,
            )
    for a in ASSETS:
        yield spec(
            "vwap",
            f"score_{a}",
            f"stepped score of the {a} straddle's deviation from its session VWAP, cuts .5, 1.5 and 3 percent",
            unit="score",
            bounds=UNIT,
            parameters=VWAP_SCORE,
        )
    for a in ASSETS:
        yield spec(
            "vwap",
            f"band_position_{a}",
            f"(P - session VWAP) of the {a} straddle over the standard deviation of that difference in 20 bars",
            unit="standard deviations",
            warmup=16,
            parameters=rolling,
        )
    for a in ASSETS:
        yield spec(
            "vwap", f"slope_{a}_15", f"relative change of the {a} straddle's session VWAP over 15 bars", warmup=16
        )
    for kind, words, *_, version in (kinds[0], kinds[1], kinds[3]):
        yield spec(
            "vwap",
            f"deviation_future_{kind}",
            f"(P - VWAP) / VWAP of the listed future, VWAP {words}",
            version=version,
        )
    yield spec(
        "vwap",
        "score_future",
        "stepped deviation scores of the listed future: .40 session + .40 previous session + .20 week, what is known",
        unit="score",
        bounds=UNIT,
        parameters=(*VWAP_SCORE, "future_vwap_weights"),
    )
    yield spec(
        "vwap",
        "band_level_atm",
        "number of VWAP bands (.5 to 2.5 deviations) that the ATM straddle is beyond, signed",
        unit="bands",
        bounds=(-5.0, 5.0),
        warmup=16,
        parameters=("vwap_bands", *rolling),
    )
    yield spec(
        "vwap",
        "above_share_atm",
        "share of the session's bars in which the ATM straddle closed above its VWAP",
        bounds=SHARE,
    )
    yield spec(
        "vwap",
        "volume_pace_atm_20",
        "log of the ATM straddle's mean volume in 20 bars over its mean of the session",
        unit="log ratio",
        warmup=16,
        parameters=rolling,
    )
    yield spec(
        "vwap",
        "score_blend",
        "VWAP scores of the three straddles under their learned component weights",
        unit="score",
        bounds=UNIT,
        parameters=COMPONENT_WEIGHTS,
    )
    yield spec(
        "vwap",
        "cross_age_atm",
        "bars since the ATM straddle crossed its session VWAP, positive while above",
        unit="minutes",
    )
