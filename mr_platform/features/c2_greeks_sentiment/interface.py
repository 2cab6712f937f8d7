"""The named interfaces of C2: thin calls of the feature kernels that answer with frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mr_platform.errors import UsageError
from mr_platform.features.c2_greeks_sentiment.component import GreeksSentiment
from mr_platform.features.c2_greeks_sentiment.learning import SessionProducts, information, learned_weights
from mr_platform.features.c2_greeks_sentiment.state import FIRST_ORDER, Floats
from mr_platform.features.c2_greeks_sentiment.statistics import level_of
from mr_platform.features.component import HEALTH, ComponentOutput, SessionStart
from mr_platform.features.inputs import ATM, SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.parameters.greeks_sentiment import GREEKS, LEVELS, GreeksSentimentParameters
from mr_platform.parameters.objects import defaults

STRADDLES = ("atm", "itm1", "otm1")
FLOWS = ("quiet", "usual", "large", "very_large")
LEARNING_MODES = ("start", "learned")
"""Weights as declared, or as the sessions so far have taught them."""


@dataclass(frozen=True)
class GreeksAnalysis:
    """C2 at the last minute of its input.

    ``strikes`` in points by straddle; ``greeks`` normalised exposures [-1, 1] by straddle and Greek, calls speaking
    for a rise; ``straddle_scores`` [-1, 1]; ``score`` [-1, 1], high is bullish; ``confidence`` [0, 1]; ``level`` the
    sentiment level; ``features`` by name. NaN where not computable.
    """

    minute: int
    strikes: Mapping[str, float]
    greeks: Mapping[str, Mapping[str, float]]
    straddle_scores: Mapping[str, float]
    score: float
    confidence: float
    health: str
    level: str
    features: Mapping[str, float]


@dataclass(frozen=True)
class AdaptiveWeights:
    """Weights of the seven Greeks at ``dte`` days; ``sessions`` of experience stand behind them.

    ``information`` uncentred correlation of first and second order under these weights with the return of the next
    five minutes; NaN without experience.
    """

    symbol: str
    dte: int
    weights: Mapping[str, float]
    sessions: int
    information: tuple[float, float]


@dataclass(frozen=True)
class SentimentLevel:
    """One of the seven levels: ``number`` -3 (strong bearish) to 3, ``distance`` to the nearest cut in score units."""

    name: str
    number: int
    score: float
    distance: float


@dataclass(frozen=True)
class FlowAnalysis:
    """The largest flow of a minute: ``leg`` its place in the arrays given, ``contracts`` its volume.

    ``size`` contracts over a large flow; ``oi_share`` of that leg's contracts held; ``name`` by the thresholds.
    """

    leg: int
    contracts: float
    size: float
    oi_share: float
    name: str


def analyze_volume_weighted_greeks(
    options_data: SessionInputs,
    straddle_strikes: Sequence[float] | None = None,
    *,
    symbol: str = "",
    previous: DailyContext | None = None,
    parameters: GreeksSentimentParameters | None = None,
) -> GreeksAnalysis:
    """C2 over a session's inputs (pass "greeks") up to their last minute.

    ``straddle_strikes``: ATM, ITM1 and OTM1 strike that the answer must be about, in points; UsageError where they are
    not those of the last minute, since the exposures roll with the forward.
    """
    m = options_data.minutes.size
    if m == 0:
        raise UsageError(
            rule="the analysis needs at least one bar", value=0, place="C2", remedy="give the session from its open"
        )
    at = options_data.around[-1, [ATM, ATM - 1, ATM + 1]]
    strikes = [float(options_data.strikes_listed[k]) if k >= 0 else math.nan for k in at]
    if straddle_strikes is not None and list(map(float, straddle_strikes)) != strikes:
        raise UsageError(
            rule="the straddle strikes are ATM, ITM1 and OTM1 of the last minute",
            value=list(straddle_strikes),
            place="analyze_volume_weighted_greeks",
            remedy=f"they are {strikes}",
        )
    component = GreeksSentiment(parameters or defaults(GreeksSentimentParameters))
    known = options_data.dte[options_data.dte >= 0]
    day = SessionStart(
        options_data.trade_date,
        options_data.n_bars,
        int(known[0]) if known.size else -1,
        options_data.underlying_kind,
        previous,
        symbol=symbol,
    )
    state = component.begin(day)
    out = ComponentOutput.empty(m, len(component.features))
    component.compute(options_data, out, 0, m, state)
    found = {spec.name: float(x) for spec, x in zip(component.features, out.values[-1], strict=True)}
    level = found["c2_sentiment_level"]
    return GreeksAnalysis(
        minute=int(options_data.minutes[-1]),
        strikes=dict(zip(STRADDLES, strikes, strict=True)),
        greeks={a: {greek: found[f"c2_{_order(greek)}_{greek}_{a}"] for greek in GREEKS} for a in STRADDLES},
        straddle_scores={a: found[f"c2_sentiment_score_{a}"] for a in STRADDLES},
        score=float(out.score[-1]),
        confidence=float(out.confidence[-1]),
        health=HEALTH[out.health[-1]],
        level="" if math.isnan(level) else LEVELS[int(level) + 3],
        features=found,
    )


def learn_optimal_greeks_weights(
    symbol: str,
    dte: int,
    learning_mode: str = "learned",
    *,
    previous: DailyContext | None = None,
    parameters: GreeksSentimentParameters | None = None,
) -> AdaptiveWeights:
    """Weights of the seven Greeks for a session of ``symbol`` at ``dte`` calendar days.

    ``learning_mode`` "start" gives the declared weights, "learned" what the sessions in ``previous``'s memory teach.
    UsageError for another mode, or a context of another symbol.
    """
    if learning_mode not in LEARNING_MODES:
        raise UsageError(
            rule=f"the learning mode is one of {', '.join(LEARNING_MODES)}",
            value=learning_mode,
            place="learn_optimal_greeks_weights",
            remedy="name one of them",
        )
    if previous is not None and previous.symbol != symbol:
        raise UsageError(
            rule="experience is of the same symbol",
            value=f"{previous.symbol} for {symbol}",
            place="learn_optimal_greeks_weights",
            remedy="give the daily context of that symbol",
        )
    settings = parameters or defaults(GreeksSentimentParameters)
    start = np.array((*settings.first_order_weights, *settings.second_order_weights))
    rule = settings.weight_learning
    products = SessionProducts.of({} if previous is None else previous.memory).of_range(dte, settings.history)
    products = products[-rule.lookback :]
    weights = learned_weights(start, products, rule) if learning_mode == "learned" else start
    pooled = products.sum(axis=0)
    first, second = [*range(FIRST_ORDER), -1], [*range(FIRST_ORDER, len(GREEKS)), -1]
    return AdaptiveWeights(
        symbol=symbol,
        dte=dte,
        weights=dict(zip(GREEKS, weights.tolist(), strict=True)),
        sessions=products.shape[0],
        information=(
            information(weights[:FIRST_ORDER], pooled[np.ix_(first, first)]),
            information(weights[FIRST_ORDER:], pooled[np.ix_(second, second)]),
        ),
    )


def classify_sentiment_with_adaptive_thresholds(
    greeks_score: float,
    *,
    previous: DailyContext | None = None,
    parameters: GreeksSentimentParameters | None = None,
) -> SentimentLevel:
    """The level of an overall score under the cuts as they have adapted up to ``previous``; "" for NaN."""
    settings = parameters or defaults(GreeksSentimentParameters)
    cuts = np.array(settings.level_cuts)
    if previous is not None:
        cuts = previous.memory.get("c2_cuts", cuts)
    level = level_of(greeks_score, cuts)
    if math.isnan(level):
        return SentimentLevel("", 0, greeks_score, math.nan)
    number = int(level)
    return SentimentLevel(LEVELS[number + 3], number, greeks_score, float(np.abs(greeks_score - cuts).min()))


def detect_institutional_flow(
    volume_data: Floats,
    oi_data: Floats,
    *,
    symbol: str,
    history: Floats | None = None,
    parameters: GreeksSentimentParameters | None = None,
) -> FlowAnalysis:
    """The largest flow among legs: contracts traded in a minute [n], and contracts held [n].

    ``history`` [m] largest flows of earlier minutes: its percentiles part quiet, usual, large and very large flows;
    without it the symbol's declared large flow alone parts usual from large. UsageError where no volume is known.
    """
    volume, held = np.asarray(volume_data, float), np.asarray(oi_data, float)
    if volume.shape != held.shape or not np.isfinite(volume).any():
        raise UsageError(
            rule="volume and open interest are of the same legs, and a volume is known",
            value=f"volume {volume.shape}, open interest {held.shape}",
            place="detect_institutional_flow",
            remedy="give one volume and one open interest a leg, NaN where unknown",
        )
    settings = parameters or defaults(GreeksSentimentParameters)
    leg = int(np.nanargmax(volume))
    contracts = float(volume[leg])
    large = settings.flow_threshold(symbol)
    past = np.empty(0) if history is None else np.asarray(history, float)
    past = past[np.isfinite(past)]
    if past.size:
        cuts = np.quantile(past, settings.flow_percentiles)
        large = float(cuts[1])
        name = FLOWS[int((contracts >= cuts).sum())]
    else:
        name = FLOWS[2 if contracts >= large else 1]
    return FlowAnalysis(
        leg=leg,
        contracts=contracts,
        size=contracts / large if large > 0 else math.nan,
        oi_share=contracts / float(held[leg]) if held[leg] > 0 else math.nan,
        name=name,
    )


def _order(greek: str) -> str:
    return "first_order" if GREEKS.index(greek) < FIRST_ORDER else "second_order"
