"""The 87 features of C4 in column order: groups dual_dte from ``dual``, then skew, regime and term."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mr_platform.features.c4_iv_skew.dual import (
    BLEND,
    BOUNDS,
    FIT,
    GAP,
    MINUTES,
    POSITIVE,
    SESSION,
    SHARE,
    SURFACE,
    UNIT,
    WINDOWED,
    WING,
    dual_dte,
    spec,
)
from mr_platform.features.catalogue import FeatureSpec

DISTANCES = (50, 100, 200, 500, 1000)
PATTERNS = (
    ("normal", "a mild put skew"),
    ("steep_put", "a steep put wing"),
    ("flat", "no skew at all"),
    ("reverse", "a call wing above the put wing"),
    ("smile", "both wings well above the money"),
)


def _skew() -> Iterator[FeatureSpec]:
    for delta in (25, 10):
        for side in ("put", "call"):
            yield spec(
                "skew",
                f"{side}_skew_{delta}",
                f"volatility of the out-of-the-money {side} at {delta} delta, linear in delta, less ATM volatility",
                bounds=GAP,
                parameters=WING,
            )
    for delta in (25, 10):
        yield spec(
            "skew",
            f"risk_reversal_{delta}",
            f"volatility of the {delta}-delta call less that of the {delta}-delta put",
            bounds=GAP,
            parameters=WING,
        )
    for delta in (25, 10):
        yield spec(
            "skew",
            f"butterfly_{delta}",
            f"mean volatility of the {delta}-delta put and call less ATM volatility",
            bounds=GAP,
            parameters=WING,
        )
    for points in DISTANCES:
        yield spec(
            "skew",
            f"distance_reversal_{points}",
            f"volatility of the call {points} points above the ATM strike less that of the put as far below, at a "
            "strike step of 50; other steps scale the distance"
            + ("; where the chain ends before, of the furthest pair beyond 500" if points == DISTANCES[-1] else ""),
            bounds=GAP,
            parameters=(*BOUNDS, "reversal_points", "reversal_step"),
        )
    moneyness = "log-moneyness over root time"
    yield spec(
        "skew",
        "smile_slope",
        f"slope at the forward of the vega-weighted parabola of out-of-the-money volatility in {moneyness}",
        unit="per year per unit moneyness",
        parameters=FIT,
    )
    yield spec(
        "skew",
        "smile_curvature",
        f"second derivative of the vega-weighted parabola of out-of-the-money volatility in {moneyness}",
        unit="per year per squared moneyness",
        parameters=FIT,
    )
    yield spec(
        "skew",
        "smile_error",
        "vega-weighted root mean square distance of out-of-the-money volatilities from their parabola",
        bounds=POSITIVE,
        parameters=FIT,
    )
    for side in ("put", "call"):
        yield spec(
            "skew",
            f"{side}_slope",
            f"slope of the vega-weighted line through the out-of-the-money {side}s' volatilities in {moneyness}",
            unit="per year per unit moneyness",
            parameters=FIT,
        )
    yield spec(
        "skew",
        "asymmetry",
        f"vega-weighted mean volatility below -.05 {moneyness} less that above .05",
        bounds=GAP,
        parameters=(*FIT, "asymmetry_moneyness"),
    )
    yield spec(
        "skew",
        "normalised_reversal_25",
        "25-delta risk reversal as a share of ATM volatility",
        unit="fraction",
        parameters=WING,
    )
    for n in MINUTES:
        yield spec(
            "skew",
            f"momentum_reversal_{n}",
            f"change of the 25-delta risk reversal of the nearest expiry over {n} minutes",
            bounds=(-5.98, 5.98),
            warmup=n + 1,
            parameters=(*WING, "momentum_minutes"),
        )
    yield spec(
        "skew",
        "parity_gap_atm",
        "volatility of the ATM call less that of the ATM put, on a forward from the strikes around them",
        bounds=GAP,
    )


def _regime() -> Iterator[FeatureSpec]:
    yield spec(
        "regime",
        "level",
        "level 0 (extremely low) to 6 (extremely high) of the percentile of ATM volatility in force",
        unit="level",
        bounds=(0.0, 6.0),
        parameters=(*BLEND, "level_cuts"),
    )
    yield spec(
        "regime",
        "level_session",
        "level 0 to 6 of the percentile of ATM volatility among the session's earlier minutes",
        unit="level",
        bounds=(0.0, 6.0),
        warmup=30,
        parameters=(*SESSION, "level_cuts"),
    )
    yield spec(
        "regime",
        "level_run",
        "bars since the level of ATM volatility within the session last changed, this one included",
        unit="minutes",
        bounds=(1.0, 375.0),
        warmup=30,
        parameters=(*SESSION, "level_cuts"),
    )
    likeness = ("pattern_width",)
    for name, words in PATTERNS:
        yield spec(
            "regime",
            f"pattern_{name}",
            f"likeness of the 25-delta put and call skew over ATM volatility to {words}, a half one width away",
            unit="likeness",
            bounds=SHARE,
            parameters=(*WING, f"pattern_{name}", *likeness),
        )
    yield spec(
        "regime",
        "pattern_confidence",
        "share of the likeliest of the five smile patterns in the sum of all likenesses",
        unit="fraction",
        bounds=SHARE,
        parameters=(*WING, *(f"pattern_{name}" for name, _ in PATTERNS), *likeness),
    )
    yield spec(
        "regime",
        "fear",
        "put less call volatility, mean of the 25- and 10-delta wings, graded between its cuts from extreme greed (-1) "
        "to extreme fear (1)",
        unit="score",
        bounds=UNIT,
        parameters=(*WING, "fear_cuts", "fear_grades"),
    )
    yield spec(
        "regime",
        "transition_pressure_15",
        "greatest of the 15-minute moves of risk reversal, held ATM volatility and wings, each over its threshold",
        unit="thresholds",
        bounds=POSITIVE,
        warmup=16,
        parameters=(*WING, "momentum_minutes", "skew_transition", "atm_transition", "wing_transition"),
    )
    yield spec(
        "regime",
        "wing_momentum_15",
        "change over 15 minutes of the mean volatility of the 25-delta wings",
        bounds=GAP,
        warmup=16,
        parameters=(*WING, "momentum_minutes"),
    )
    yield spec(
        "regime",
        "surface_abnormality",
        "one-minute move of the smile less its mean of the 60 bars before, over 2.5 of their standard deviations",
        unit="thresholds",
        warmup=50,
        parameters=(*SURFACE, "windows.coverage", "abnormal_surface"),
    )
    yield spec(
        "regime",
        "variation_60",
        "standard deviation over mean of near ATM volatility in 60 bars",
        unit="fraction",
        bounds=POSITIVE,
        warmup=48,
        parameters=WINDOWED,
    )
    yield spec(
        "regime",
        "momentum_agreement",
        "mean sign of the changes of held near ATM volatility over 5, 15, 30 and 60 minutes, at least two known",
        unit="score",
        bounds=UNIT,
        warmup=16,
        parameters=(*BOUNDS, "momentum_minutes"),
    )


def _term() -> Iterator[FeatureSpec]:
    yield spec("term", "slope_next", "next expiry's ATM volatility over the nearest's, less 1", unit="fraction")
    yield spec("term", "slope_far", "far monthly expiry's ATM volatility over the nearest's, less 1", unit="fraction")
    yield spec(
        "term",
        "forward_volatility_next",
        "volatility between nearest and next expiry from the growth of total variance, none where it shrinks",
        bounds=POSITIVE,
    )
    yield spec(
        "term",
        "forward_volatility_far",
        "volatility between next and far monthly expiry from the growth of total variance, none where it shrinks",
        bounds=POSITIVE,
    )
    yield spec(
        "term",
        "forward_premium",
        "forward volatility between nearest and next expiry over near ATM volatility, less 1",
        unit="fraction",
        bounds=(-1.0, float("inf")),
    )
    yield spec(
        "term",
        "contango_15",
        "mean in 15 bars and over neighbouring expiries of the relative term slope in units of its cut, from -1 "
        "backwardation to 1 contango",
        unit="score",
        bounds=UNIT,
        warmup=12,
        parameters=(*WINDOWED, "contango", "backwardation"),
    )
    for n in (15, 60):
        yield spec(
            "term",
            f"momentum_slope_{n}",
            f"change over {n} minutes of the next expiry's ATM volatility over the nearest's",
            unit="fraction",
            warmup=n + 1,
            parameters=(*BOUNDS, "momentum_minutes"),
        )
    for name, words in (("reversal", "risk reversal"), ("butterfly", "butterfly")):
        yield spec(
            "term",
            f"{name}_gap",
            f"25-delta {words} of the next expiry less that of the nearest",
            bounds=(-5.98, 5.98),
            parameters=WING,
        )
    yield spec(
        "term",
        "curvature",
        "next expiry's ATM volatility less that on the line in log time between nearest and far monthly",
    )
    yield spec(
        "term",
        "variance_share_near",
        "total variance to the nearest expiry over that to the far monthly expiry",
        unit="fraction",
        bounds=POSITIVE,
    )


@functools.lru_cache(maxsize=1)
def features() -> tuple[FeatureSpec, ...]:
    """All features of C4: dual_dte 35, skew 25, regime 15, term 12."""
    return (*dual_dte(), *_skew(), *_regime(), *_term())
