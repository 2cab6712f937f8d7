"""The 72 features of C7 in column order: detection 30, confluence 20, strength 15, breakout 7.

Distances are in units of the asset's own ATR (Wilder's, one-minute bars). A zone is a group of levels that lie within
the tolerance of one another; the next zone above is the resistance, the next at or below the support.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

from mr_platform.features.catalogue import FeatureSpec

INF = math.inf
SHARE = (0.0, 1.0)
UP = (0.0, INF)
FREE = (-INF, INF)
ANOTHER_SESSION = 376
"""Warm-up of what the session before must have left."""
NAMES = {"underlying": "the underlying", "straddle": "the rolling ATM straddle"}
TIMEFRAMES = (5, 15, 30, 60)

ATR = ("daily_context.atr_period",)
WALLS = ("levels.wall_percentile",)
PROFILE = {
    "underlying": ("levels.profile_bins", "levels.participation_strikes"),
    "straddle": ("levels.profile_bins",),
}
ROUND = {"underlying": ("levels.round_steps",), "straddle": ("levels.straddle_round_steps",)}
SWING = ("extrema_bars", "windows.coverage")
DRAWN = ("levels.value_area", "levels.fibonacci_ratios", "levels.ema_spans")
BREAK = ("breakout.distance", "breakout.hold_bars", "breakout.within_bars")
# the weights of the methods are learned from touches of both assets' zones, so all that makes a zone steers all zones
ZONES = (
    *ATR,
    "levels",
    *SWING,
    "tolerance",
    "straddle_tolerance",
    "method_weights",
    "method_learning",
    *BREAK,
)
TOUCHES = (*ZONES, "breakout.sessions", "breakout.most")
STRENGTH = (
    *TOUCHES,
    "least_touches",
    "touches_cap",
    "strength_weights",
    "timeframes",
    "history.range_bounds",
    "window",
)
CHANCE = (
    *STRENGTH,
    "breakout.coefficients",
    "breakout.prior_precisions",
    "breakout.forgetting",
    "breakout.least",
    "breakout.volume_limit",
)


def _spec(
    group: str,
    name: str,
    description: str,
    *,
    unit: str = "ATR",
    bounds: tuple[float, float] = FREE,
    warmup: int = 14,
    parameters: tuple[str, ...] = ZONES,
) -> FeatureSpec:
    return FeatureSpec(f"c7_{group}_{name}", "c7", group, description, unit, bounds, warmup, parameters)


def _detection() -> Iterator[FeatureSpec]:
    for a, asset in NAMES.items():
        yield _spec("detection", f"resistance_{a}", f"distance from {asset} up to the next zone above", bounds=UP)
        yield _spec("detection", f"support_{a}", f"distance from {asset} down to the next zone at or below", bounds=UP)
        yield _spec(
            "detection",
            f"position_{a}",
            f"place of {asset} between the zones around it, 0 at the support and 1 at the resistance",
            unit="share",
            bounds=SHARE,
            warmup=1,
        )
        yield _spec(
            "detection",
            f"pivot_{a}",
            f"{asset} less its nearest pivot: S3 to R3 and central pivot range of its previous session",
            warmup=ANOTHER_SESSION,
            parameters=ATR,
        )
        walls = " or wall of open interest" if a == "underlying" else ""
        yield _spec(
            "detection",
            f"profile_{a}",
            f"{asset} less its nearest volume-profile level: point of control or value-area edge of this session or "
            f"the previous one{walls}",
            parameters=(*ATR, *PROFILE[a], "levels.value_area", *(WALLS if walls else ())),
        )
        yield _spec(
            "detection",
            f"round_{a}",
            f"{asset} less its nearest round number, a multiple of so many strike steps",
            parameters=(*ATR, *ROUND[a]),
        )
        yield _spec(
            "detection",
            f"fibonacci_{a}",
            f"{asset} less the nearest Fibonacci level of its last confirmed swing on five-minute bars",
            warmup=45,
            parameters=(*ATR, *SWING, "levels.fibonacci_ratios"),
        )
        yield _spec(
            "detection",
            f"technical_{a}",
            f"{asset} less its nearest technical level: EMAs, previous day's, week's and month's high, low and close, "
            "first price of the session",
            parameters=(*ATR, "levels.ema_spans"),
        )
        yield _spec(
            "detection",
            f"control_{a}",
            f"{asset} less the point of control of its volume profile so far",
            parameters=(*ATR, *PROFILE[a]),
        )
        yield _spec(
            "detection",
            f"value_area_{a}",
            f"width of the value area of {asset}'s volume profile so far",
            bounds=UP,
            parameters=(*ATR, *PROFILE[a], "levels.value_area"),
        )
        yield _spec(
            "detection",
            f"retracement_{a}",
            f"way that {asset} has gone back along its last confirmed swing: 0 at its end, 1 at its start, negative "
            "beyond its end",
            unit="share",
            warmup=45,
            parameters=SWING,
        )
    for minutes in TIMEFRAMES:
        yield _spec(
            "detection",
            f"range_underlying_{minutes}",
            f"place of the underlying in the range of the last five finished {minutes}-minute bars, 0 at its low and 1 "
            "at its high, beyond after a breakout",
            unit="ranges",
            warmup=4 * minutes,
            parameters=(*SWING, "timeframes"),
        )
    yield _spec(
        "detection",
        "gap_underlying",
        "the underlying less its close of the previous session: the gap that is left to fill",
        warmup=ANOTHER_SESSION,
        parameters=ATR,
    )
    yield _spec(
        "detection",
        "week_underlying",
        "place of the underlying in the range of the last finished week, 0 at its low and 1 at its high",
        unit="ranges",
        warmup=ANOTHER_SESSION,
        parameters=(),
    )
    yield _spec(
        "detection",
        "wall_position_underlying",
        "place of the underlying between the next put wall below (0) and the next call wall above (1), strikes with "
        "open interest in the top of their side",
        unit="share",
        bounds=SHARE,
        warmup=1,
        parameters=WALLS,
    )
    yield _spec(
        "detection",
        "wall_width_underlying",
        "distance between the next put wall below and the next call wall above the underlying",
        bounds=UP,
        parameters=(*ATR, *WALLS),
    )


def _confluence() -> Iterator[FeatureSpec]:
    for a, asset in NAMES.items():
        for side, where in (("resistance", "above"), ("support", "at or below")):
            yield _spec(
                "confluence",
                f"{side}_{a}",
                f"summed learned weight of the distinct methods that have a level in {asset}'s next zone {where}",
                unit="share",
                bounds=SHARE,
                warmup=1,
            )
        yield _spec(
            "confluence",
            f"balance_{a}",
            f"weight of {asset}'s zones above less that below over both, each falling linearly to 0 at the reach",
            unit="score",
            bounds=(-1.0, 1.0),
            parameters=(*ZONES, "reach"),
        )
        yield _spec(
            "confluence",
            f"density_{a}",
            f"summed weight of {asset}'s zones within reach, each falling linearly to 0 there",
            unit="weight",
            bounds=UP,
            parameters=(*ZONES, "reach"),
        )
        yield _spec(
            "confluence",
            f"timeframes_{a}",
            f"share of the timeframes known (5 to 60 minutes, day, week, month) with an extreme or close of {asset} "
            "near its nearest zone",
            unit="share",
            bounds=SHARE,
            warmup=20,
            parameters=(*ZONES, "timeframes"),
        )
        yield _spec(
            "confluence",
            f"spread_{a}",
            f"standard deviation of the signed distances of {asset} to the nearest level of each method, three or more",
            bounds=UP,
            parameters=(*ATR, *PROFILE[a], *ROUND[a], *DRAWN, *SWING, *(WALLS if a == "underlying" else ())),
        )
    for name, pair in (
        ("resistances", "both resistances"),
        ("supports", "both supports"),
        ("resistance_support", "the underlying's resistance and the straddle's support"),
        ("support_resistance", "the underlying's support and the straddle's resistance"),
    ):
        yield _spec(
            "confluence",
            f"match_{name}",
            f"1 / (1 + difference) of the distances of {pair} from either asset's own price in its own ATR",
            unit="share",
            bounds=SHARE,
        )
    yield _spec(
        "confluence",
        "common",
        "mean over the underlying's zones in reach, by weight, of 1 - difference / match from the straddle zone at the "
        "most alike signed distance, 0 beyond the match",
        unit="share",
        bounds=SHARE,
        parameters=(*ZONES, "reach", "match"),
    )
    yield _spec(
        "confluence",
        "simultaneous_20",
        "share of the last 20 minutes in which both assets were within the match distance of a zone",
        unit="share",
        bounds=SHARE,
        warmup=29,
        parameters=(*ZONES, "match", "window"),
    )
    yield _spec(
        "confluence",
        "lead",
        "minute of the straddle's last touch of a zone less that of the underlying's last",
        unit="minutes",
        warmup=15,
    )
    yield _spec(
        "confluence",
        "wall_underlying",
        "distance of the wall of open interest nearest to the underlying from its nearest level of another kind, round "
        "numbers left out because strikes are such",
        bounds=UP,
        parameters=(*ATR, *WALLS, *PROFILE["underlying"], *DRAWN, *SWING),
    )


def _strength() -> Iterator[FeatureSpec]:
    for a, asset in NAMES.items():
        for side, where in (("resistance", "above"), ("support", "at or below")):
            yield _spec(
                "strength",
                f"{side}_{a}",
                f"strength of {asset}'s next zone {where}: touches, hold rate, volume, age, round number, timeframes "
                "under the weights of the DTE range",
                unit="share",
                bounds=SHARE,
                warmup=1,
                parameters=STRENGTH,
            )
        yield _spec(
            "strength",
            f"touches_{a}",
            f"touches of {asset}'s nearest zone whose end is known, earlier sessions' included",
            unit="touches",
            bounds=UP,
            parameters=TOUCHES,
        )
        yield _spec(
            "strength",
            f"hold_rate_{a}",
            f"share of the touches of {asset}'s nearest zone that held",
            unit="share",
            bounds=SHARE,
            warmup=17,
            parameters=(*TOUCHES, "least_touches"),
        )
        yield _spec(
            "strength",
            f"age_{a}",
            f"minutes of trading since the first remembered touch of {asset}'s nearest zone",
            unit="minutes",
            bounds=UP,
            warmup=17,
            parameters=TOUCHES,
        )
        yield _spec(
            "strength",
            f"volume_{a}",
            f"mean ratio of five-minute to usual volume at the touches of {asset}'s nearest zone",
            unit="ratio",
            bounds=UP,
            warmup=17,
            parameters=(*TOUCHES, "window"),
        )
        yield _spec(
            "strength",
            f"session_hold_rate_{a}",
            f"share of this session's touches of {asset}'s zones, their end known, that held",
            unit="share",
            bounds=SHARE,
            warmup=17,
        )
    yield _spec(
        "strength",
        "tests_underlying_30",
        "touches of the underlying's zones begun in the last 30 minutes",
        unit="touches",
        bounds=UP,
        warmup=24,
    )


def _breakout() -> Iterator[FeatureSpec]:
    for a, asset in NAMES.items():
        for way, where in (("up", "above"), ("down", "at or below")):
            yield _spec(
                "breakout",
                f"{way}_{a}",
                f"chance that {asset}'s next zone {where} breaks: logistic in distance, approach, strength, volume, "
                "touches and time left, learned from labelled touches",
                unit="probability",
                bounds=SHARE,
                parameters=CHANCE,
            )
    yield _spec(
        "breakout",
        "brier",
        "mean squared error of the chances given at touches of both assets before their end was known",
        unit="score",
        bounds=SHARE,
        warmup=17,
        parameters=(*CHANCE, "breakout.brier_sessions", "history.level_observations"),
    )
    yield _spec(
        "breakout",
        "age_underlying",
        "minutes since the underlying's last confirmed break of a zone, its own included, positive for one upwards",
        unit="minutes",
        warmup=17,
    )
    yield _spec(
        "breakout",
        "false_share",
        "share of this session's touches, their end known, that closed beyond the zone and came back, both assets",
        unit="share",
        bounds=SHARE,
        warmup=17,
    )


@functools.lru_cache(maxsize=1)
def features() -> tuple[FeatureSpec, ...]:
    """All features of C7: detection 30, confluence 20, strength 15, breakout 7."""
    return (*_detection(), *_confluence(), *_strength(), *_breakout())
