"""The finer answers: the tactical regime inside the winning 8, the workbook's 18, the 7 daily regimes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mr_platform.parameters.regimes import DailyParameters, TacticalParameters
from mr_platform.parameters.workbook_regimes import TrendClass, WorkbookParameters
from mr_platform.regimes.taxonomy import WORKBOOK_TRENDS, Tactical, tactical, workbook_name


@dataclass(frozen=True)
class Stance:
    """What the tactical choice looks at, all known at t; NaN where not known.

    ``direction`` weighted component score, -1..1; ``past_direction`` the same one hour ago; ``volatility``
    percentile of realised volatility among trailing sessions at the same time of day, 0..1;
    ``confidence`` probability of the strategic regime, 0..1.
    """

    direction: float
    past_direction: float
    volatility: float
    confidence: float


def choose_tactical(regime: str, stance: Stance, parameters: TacticalParameters) -> Tactical:
    """The tactical regime within strategic ``regime``. NaN inputs fall to the branch that claims less.

    LVLD  Aggressive where confident (>= 0.7), Conservative where doubtful (< 0.5), else Moderate
    HVC   Defensive while volatility is still tense (>= q67); Opportunistic where it is not and the direction
          is a stance (|d| >= 0.3); else Neutral
    VCPE  Pre_Event where volatility is tense (priced before an event), else Post_Event
    TBVE  Bull or Bear by the sign of the direction (zero and unknown: Bear, the smaller risk to long books)
    TBVS  in calm markets (< q33) Bull or Bear by the direction; else Reversal where the direction has changed
          its sign within the hour, Continuation where it has not
    SCGS  Strong where confident, else Moderate;  PSED Divergent;  CBV Choppy
    """
    d, v, c = stance.direction, stance.volatility, stance.confidence
    tense, calm = v >= parameters.tense, v < parameters.calm
    bull = d > 0
    if regime == "LVLD":
        name = "Aggressive" if c >= parameters.confident else "Moderate" if c >= parameters.doubtful else "Conservative"
    elif regime == "HVC":
        poised = not tense and abs(d) >= parameters.direction
        name = "Defensive" if tense else "Opportunistic" if poised else "Neutral"
    elif regime == "VCPE":
        name = "Pre_Event" if tense else "Post_Event"
    elif regime == "TBVE":
        name = "TBVE_Bull_High_Vol" if bull else "TBVE_Bear_High_Vol"
    elif regime == "TBVS":
        turned = d * stance.past_direction < 0
        quiet = "TBVE_Bull_Low_Vol" if bull else "TBVE_Bear_Low_Vol"
        name = quiet if calm else "TBVS_Reversal" if turned else "TBVS_Continuation"
    elif regime == "SCGS":
        name = "Strong" if c >= parameters.confident else "Moderate"
    else:
        name = "Divergent" if regime == "PSED" else "Choppy"
    return tactical(regime, name)


def classify_workbook(
    slope: float,
    volatility: float,
    parameters: WorkbookParameters,
    *,
    atr_percentile: float = math.nan,
    adx: float = math.nan,
) -> str | None:
    """The workbook's regime, by the thresholds of its sheet RegimeClassification; None without slope or volatility.

    ``slope`` change of the underlying over a session's length, decimal; ``volatility`` annualised, decimal;
    ``atr_percentile`` 0..1, preferred to ``volatility`` where known; ``adx`` 0..100 (Wilder), its minima are
    waived where it is not known. The sheet's classes overlap; the first that holds wins: Strong,
    Bullish/Bearish, Sideways, each with its least ADX, then Neutral, which also takes a slope that its ADX does not
    bear out. A cut belongs to the steeper, the more volatile class.
    """
    medium, high = parameters.of_volatility("Medium"), parameters.of_volatility("High")
    if math.isnan(atr_percentile):
        level, lowest, highest = volatility, medium.least, high.least
    else:
        level, lowest, highest = atr_percentile, medium.percentile.low / 100, high.percentile.low / 100
    if math.isnan(slope) or math.isnan(level):
        return None
    band = 0 if level >= highest else 2 if level < lowest else 1
    side = "Bullish" if slope > 0 else "Bearish"
    sideways = parameters.of_trend("Sideways")
    if _reached(slope, parameters.of_trend(f"Strong_{side}"), adx):
        trend = f"Strong_{side}"
    elif _reached(slope, parameters.of_trend(side), adx):
        trend = side
    elif sideways.least < slope < sideways.most and adx >= sideways.adx:
        trend = "Sideways"
    else:
        trend = "Neutral"
    return workbook_name(WORKBOOK_TRENDS.index(trend), band)


def _reached(slope: float, trend: TrendClass, adx: float) -> bool:
    """Whether a slope is as steep as the class begins, on its side of 0, and its ADX, where known, bears it out."""
    steep = slope >= trend.least if slope > 0 else slope <= trend.most
    return steep and (math.isnan(adx) or adx >= trend.adx)


def classify_daily(returns: float, volatility: float, parameters: DailyParameters) -> str | None:
    """One of the 7 daily regimes from a day's return and volatility (decimal); None where either is NaN.

    The first rule that matches, in the order strongly, choppy, plain, neutral. A return at a threshold, and
    no return in a volatile market, is neutral: the rules' inequalities are strict, the answer must be total.
    """
    if math.isnan(returns) or math.isnan(volatility):
        return None
    side = "bullish" if returns > 0 else "bearish"
    if abs(returns) > parameters.strong_return and volatility < parameters.volatility:
        return f"strongly_{side}"
    if returns != 0 and volatility > parameters.volatility:
        return f"choppy_{side}"
    return side if abs(returns) > parameters.plain_return else "neutral"


def daily_confidence(
    ratio_confidence: float, stability: float, volume_participation: float, parameters: DailyParameters
) -> float:
    """Confidence of the daily system: min(ratio confidence * stability * (volume floor + volume participation), 1)."""
    return min(ratio_confidence * stability * (parameters.volume_floor + volume_participation), 1.0)
