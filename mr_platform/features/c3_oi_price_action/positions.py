"""Entries of C3 on who holds what: groups institutional and divergence."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.features.c3_oi_price_action.terms import (
    BUILDUP,
    FLOW_Z,
    FUTURE_BUILDUP,
    INF,
    LEGS,
    SET,
    SHARE,
    STEP_CHANGE,
    UNIT,
    named,
    spec,
)
from mr_platform.features.catalogue import FeatureSpec

LEVEL = ("flow.z_levels", *FLOW_Z)
TURNOVER = ("flow.z_window", "windows.coverage", *SET)
PRESSURE = ("flow.accumulation_z", "flow.price_lookback", "flow.ratio_levels", *TURNOVER, *FLOW_Z)
COMPOSITE = ("pcr_weights", "pcr_most", "velocity_minutes", "windows.coverage", *SET)
TREND_SCORE = (
    "trend_weights",
    "velocity_minutes",
    "velocity_cuts",
    "correlation_windows",
    "flow.price_lookback",
    "windows.coverage",
    *STEP_CHANGE,
    *LEVEL,
)
INTEGRATED = (
    "integrated_weights",
    "timeframe_weights",
    "pcr_cuts",
    "pcr_scores",
    *TREND_SCORE,
    *BUILDUP,
    *FUTURE_BUILDUP,
    *COMPOSITE,
    *PRESSURE,
)
SWINGS = ("swing_bars", *SET)
DIVERGENCES = (
    ("regular_bull", "a lower low of the underlying against a higher low of the net flow"),
    ("regular_bear", "a higher high of the underlying against a lower high of the net flow"),
    ("hidden_bull", "a higher low of the underlying against a lower low of the net flow"),
    ("hidden_bear", "a lower high of the underlying against a higher high of the net flow"),
)


def institutional() -> Iterator[FeatureSpec]:
    for asset, words in (("ce", "call"), ("pe", "put"), ("all", "call and put")):
        yield spec(
            "institutional",
            f"flow_z_{asset}",
            f"3-minute relative change of the {words} open interest over ATM +-7 less its mean of 50 bars, over its "
            "standard deviation there",
            unit="standard deviations",
            warmup=43,
            parameters=FLOW_Z,
        )
    yield spec(
        "institutional",
        "flow_level",
        "half of put less call flow level: quarters for each of the z cuts .8, 1.2, 1.8, 2.5 reached, signed",
        unit="score",
        bounds=UNIT,
        warmup=43,
        parameters=LEVEL,
    )
    for leg in LEGS:
        yield spec(
            "institutional",
            f"turnover_{leg}",
            f"{named(leg)} volume a bar over 50 bars times the bars of a session over {named(leg)} open interest, "
            "ATM +-7",
            unit="ratio",
            bounds=(0.0, INF),
            warmup=40,
            parameters=TURNOVER,
        )
    for name, leg, where in (("accumulation", "pe", "above"), ("distribution", "ce", "below")):
        yield spec(
            "institutional",
            name,
            f"min(1, z of the {named(leg)} flow over 1.8) times the grade of {named(leg)} turnover among its cuts, "
            f"while the underlying is {where} where it was 10 bars ago, else 0",
            unit="score",
            bounds=SHARE,
            warmup=43,
            parameters=PRESSURE,
        )
    yield spec(
        "institutional",
        "absorption_50",
        "mean over 50 bars of min(1, growth of all open interest of ATM +-7 over 2 deviations), 0 where the "
        "underlying moved by half a deviation or more, both over 3 minutes",
        bounds=SHARE,
        warmup=82,
        parameters=("flow.absorption_oi", "flow.absorption_price", *FLOW_Z),
    )
    yield spec(
        "institutional",
        "money_flow_15",
        "change of put less call open interest over 15 minutes, each strike at its premium of now, over the premium "
        "value of all open interest of ATM +-7",
        warmup=16,
        parameters=("velocity_minutes", *SET),
    )
    for leg, where in (("ce", "at or above"), ("pe", "at or below")):
        yield spec(
            "institutional",
            f"wall_distance_{leg}",
            f"points from the forward to the nearest {named(leg)} wall {where} it over the underlying's ATR, walls "
            "being strikes with more open interest than 85 percent of their side",
            unit="ATR",
            bounds=(0.0, INF),
            warmup=14,
            parameters=("wall_percentile", "memory.atr_period"),
        )
    for leg in LEGS:
        yield spec(
            "institutional",
            f"wall_share_{leg}",
            f"share of the {named(leg)} open interest of the expiry that stands in walls",
            bounds=SHARE,
            parameters=("wall_percentile",),
        )
    yield spec(
        "institutional",
        "max_pain_distance",
        "max pain over all strikes less the forward, over the forward",
    )
    yield spec(
        "institutional",
        "max_pain_migration",
        "max pain less the session's first max pain, in strike steps",
        unit="strikes",
    )
    yield spec(
        "institutional",
        "pain_excess",
        "what holders would be paid at the forward over what they are paid at max pain, less 1",
        bounds=(0.0, INF),
    )
    yield spec(
        "institutional",
        "pcr_composite",
        ".4 open-interest PCR + .4 PCR of open interest times 15-bar volume + .2 put over call open interest newly "
        "opened in 15 minutes",
        unit="ratio",
        bounds=(0.0, INF),
        parameters=COMPOSITE,
    )
    yield spec(
        "institutional",
        "trend_score",
        ".25 graded put less call velocity + .20 the same of acceleration + .30 price direction times half of put "
        "less call price correlation + .25 flow level",
        unit="score",
        bounds=UNIT,
        warmup=6,
        parameters=TREND_SCORE,
    )
    yield spec(
        "institutional",
        "integrated",
        ".30 calls and puts (trend score and build-ups) + .25 future build-ups + .20 class of the composite PCR + .25 "
        "institutional flow",
        unit="score",
        bounds=UNIT,
        parameters=INTEGRATED,
    )


def divergence() -> Iterator[FeatureSpec]:
    for name, words in DIVERGENCES:
        yield spec(
            "divergence",
            f"{name}_flag",
            f"1 while the last two confirmed swings of a 15-bar zig-zag show {words}, else 0",
            unit="flag",
            bounds=SHARE,
            warmup=10,
            parameters=SWINGS,
        )
        yield spec(
            "divergence",
            f"{name}_strength",
            "geometric mean of both moves in deviations of one bar over 2, each at most 1, halved every 15 bars, while "
            f"there is {words}",
            bounds=SHARE,
            warmup=10,
            parameters=("extreme_z", *SWINGS),
        )
        yield spec(
            "divergence",
            f"{name}_since",
            f"bars since a swing last confirmed {words}, the session's length where none has",
            unit="minutes",
            bounds=(0.0, INF),
            parameters=SWINGS,
        )
    extreme = ("extreme_z", *SWINGS)
    beyond = "a regular divergence both of whose moves exceed 2 deviations of one bar"
    yield spec(
        "divergence",
        "extreme_flag",
        f"1 (bull) or -1 (bear) for 15 bars after a swing has confirmed {beyond}, else 0",
        unit="flag",
        bounds=UNIT,
        warmup=10,
        parameters=extreme,
    )
    yield spec(
        "divergence",
        "extreme_strength",
        f"1 - 2 / the lesser move in deviations, signed and standing as the flag, halved every 15 bars, of {beyond}",
        bounds=UNIT,
        warmup=10,
        parameters=extreme,
    )
    yield spec(
        "divergence",
        "extreme_since",
        f"bars since a swing last confirmed {beyond}, negative after a bear; the session's length where none has",
        unit="minutes",
        parameters=extreme,
    )
