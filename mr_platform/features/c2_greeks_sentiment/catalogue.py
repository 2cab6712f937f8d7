"""The 98 features of C2 in column order: first_order and second_order from ``orders``, then dte and sentiment."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mr_platform.features.c2_greeks_sentiment.orders import (
    ALL_WEIGHTS,
    FIRST_WEIGHTS,
    INF,
    LEG,
    MEDIANS,
    SCALED,
    SECOND_WEIGHTS,
    SET,
    SHARE,
    STRADDLES,
    UNIT,
    first_order,
    second_order,
    spec,
)
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.parameters.greeks_sentiment import GREEKS

WINDOW = ("windows.coverage",)
LEARNED = ("weight_learning", "straddle_weights")
SCORE = (*SCALED, *ALL_WEIGHTS, *LEARNED, "order_shares")
LEVEL = (*SCORE, "level_cuts", "level_learning", "history.level_observations")
CONFIDENCE = (*SCORE, "confidence_weights", "agreement_floor", "confidence_floor")


def _dte() -> Iterator[FeatureSpec]:
    adjusted = (*SCORE, "dte_multipliers")
    for i, greek in enumerate(GREEKS):
        yield spec(
            "dte",
            f"contribution_{greek}",
            f"part of {greek} in the DTE-adjusted score: its normalised exposure over the three straddles times its "
            "share of the weights of its order, each weight times its DTE multiplier, times the order's share",
            unit="score",
            bounds=UNIT,
            parameters=(
                *SCALED,
                *(FIRST_WEIGHTS if i < 4 else SECOND_WEIGHTS),
                *LEARNED,
                "order_shares",
                "dte_multipliers",
            ),
        )
    yield spec(
        "dte",
        "score",
        "DTE-adjusted sentiment: the seven contributions together, high is bullish",
        unit="score",
        bounds=UNIT,
        parameters=adjusted,
    )
    yield spec(
        "dte",
        "score_percentile",
        "mid-rank of the overall score among earlier sessions at the same days to expiry, of the same range of days "
        "until those are enough",
        bounds=SHARE,
        parameters=SCORE,
    )
    yield spec(
        "dte",
        "concentration",
        "largest of the seven contributions over the sum of their sizes: how far one Greek makes the score",
        bounds=SHARE,
        parameters=adjusted,
    )
    yield spec(
        "dte",
        "conflict",
        "1 - |sum of the contributions| / sum of their sizes: how far the Greeks cancel one another",
        bounds=SHARE,
        parameters=adjusted,
    )
    yield spec(
        "dte",
        "decay_rate",
        "share of the ATM straddle's premium that theta takes in a day, legs by their weights",
        unit="per day",
        bounds=(0.0, INF),
        parameters=LEG,
    )
    for n in (15, 60):
        yield spec(
            "dte",
            f"gamma_gain_{n}",
            f"ln of what the ATM straddle's gamma would have earned on the forward's moves of {n} minutes, each "
            "hedged, over what theta took in as many minutes of the calendar day",
            unit="log ratio",
            warmup=-(-4 * n // 5) + 1,
            parameters=(*LEG, *WINDOW),
        )
    yield spec(
        "dte",
        "pin_risk",
        "pin multiplier of the days to expiry times the share of gamma at ATM and its neighbours times "
        "exp(-d^2 / 2) / (1 + days), d the distance to the strike with most open interest",
        unit="score",
        bounds=(0.0, INF),
        parameters=(*LEG, *SET, "pin_bounds", "pin_multipliers"),
    )
    yield spec(
        "dte",
        "pin_distance",
        "forward less the strike of ATM +-7 with most open interest, in implied standard deviations to expiry",
        unit="deviations",
        parameters=SET,
    )
    yield spec(
        "dte",
        "pin_gamma_share",
        "share of the gamma exposure of ATM +-7 that stands at the strike with most open interest",
        bounds=SHARE,
        parameters=(*LEG, *SET),
    )
    yield spec(
        "dte",
        "pin_oi_share",
        "share of the open interest of ATM +-7 that stands at the strike with most of it",
        bounds=SHARE,
        parameters=SET,
    )
    yield spec(
        "dte",
        "transition_probability",
        "min(.95, min(.9, |overall score|) confidence m), m by days to expiry",
        unit="probability",
        bounds=(0.0, 1.0),
        parameters=(
            *CONFIDENCE,
            "transition_bounds",
            "transition_multipliers",
            "transition_score_cap",
            "transition_cap",
        ),
    )
    yield spec(
        "dte",
        "gamma_gap",
        "gamma-weighted mean strike of the calls less that of the puts, in implied standard deviations to expiry",
        unit="deviations",
        parameters=(*LEG, *SET),
    )


def _sentiment() -> Iterator[FeatureSpec]:
    for a in STRADDLES:
        yield spec(
            "sentiment",
            f"score_{a}",
            f"score of the {a} straddle: .70 of its weighted first-order Greeks, .30 of its second-order ones",
            unit="score",
            bounds=UNIT,
            parameters=SCORE,
        )
    yield spec(
        "sentiment",
        "level",
        "seven levels of the overall score (.50 ATM + .25 ITM1 + .25 OTM1), -3 strong bearish to 3 strong bullish, "
        "by the adapted cuts",
        unit="level",
        bounds=(-3.0, 3.0),
        parameters=LEVEL,
    )
    yield spec(
        "sentiment",
        "level_age",
        "minutes with a score since the sentiment level last changed, this one included",
        unit="minutes",
        bounds=(1.0, INF),
        parameters=LEVEL,
    )
    yield spec(
        "sentiment",
        "cut_distance",
        "overall score less the nearest cut between two levels",
        unit="score",
        bounds=(-2.0, 2.0),
        parameters=LEVEL,
    )
    yield spec(
        "sentiment",
        "mean_15",
        "mean of the overall score over 15 minutes",
        unit="score",
        bounds=UNIT,
        warmup=12,
        parameters=(*SCORE, *WINDOW),
    )
    yield spec(
        "sentiment",
        "change_5",
        "overall score less that of 5 minutes ago",
        unit="score",
        bounds=(-2.0, 2.0),
        warmup=6,
        parameters=SCORE,
    )
    yield spec(
        "sentiment",
        "dispersion_15",
        "population standard deviation of the overall score over 15 minutes",
        unit="score",
        bounds=SHARE,
        warmup=12,
        parameters=(*SCORE, *WINDOW),
    )
    yield spec(
        "sentiment",
        "agreement",
        "1 - population standard deviation of the three straddle scores",
        bounds=SHARE,
        parameters=SCORE,
    )
    yield spec(
        "sentiment",
        "greek_agreement",
        "share of the Greeks' weight in the overall score whose normalised exposure has the sign of the score",
        bounds=SHARE,
        parameters=SCORE,
    )
    yield spec(
        "sentiment",
        "volume_ratio",
        "ln of the median contracts traded in the six legs in the minute over their usual median",
        unit="log ratio",
        parameters=("leg_weight.default_volume", *MEDIANS),
    )
    yield spec(
        "sentiment",
        "oi_ratio",
        "ln of the median contracts held in the six legs over their usual median",
        unit="log ratio",
        parameters=("leg_weight.default_oi", *MEDIANS),
    )
    yield spec(
        "sentiment",
        "flow_size",
        "ln of the most contracts traded in one leg of ATM +-7 in the minute over the symbol's large flow",
        unit="log ratio",
        parameters=(*SET, *MEDIANS, "flow_thresholds", "flow_percentiles"),
    )
    yield spec(
        "sentiment",
        "delta_flow_5",
        "5 minutes' volume of the six legs times delta, signed by the price change beyond delta times the forward's "
        "change, over the same unsigned: calls in demand less puts in demand",
        bounds=UNIT,
        warmup=5,
        parameters=WINDOW,
    )
    yield spec(
        "sentiment",
        "vega_flow_5",
        "5 minutes' volume of the six legs times vega, signed by the price change beyond delta times the forward's "
        "change, over the same unsigned: volatility bought less sold",
        bounds=UNIT,
        warmup=5,
        parameters=WINDOW,
    )
    yield spec(
        "sentiment",
        "lead_correlation_60",
        "correlation over 60 minutes of the overall score 5 minutes ago with the underlying's log return since",
        unit="correlation",
        bounds=UNIT,
        warmup=53,
        parameters=(*SCORE, *WINDOW),
    )
    yield spec(
        "sentiment",
        "persistence_30",
        "share of the last 30 minutes in which the overall score had the sign that it has now",
        bounds=SHARE,
        warmup=24,
        parameters=(*SCORE, *WINDOW),
    )


@functools.lru_cache(maxsize=1)
def features() -> tuple[FeatureSpec, ...]:
    """All features of C2: first_order 35, second_order 25, dte 20, sentiment 18."""
    return (*first_order(), *second_order(), *_dte(), *_sentiment())
