"""The named interfaces of C1: thin calls of the feature kernels that answer with frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.features.c1_triple_straddle.component import TripleStraddle
from mr_platform.features.c1_triple_straddle.learning import learned_weights
from mr_platform.features.component import HEALTH, ComponentOutput, SessionStart
from mr_platform.features.memory import DailyContext
from mr_platform.features.series import CLOSE, LAGS, SERIES, SessionSeries
from mr_platform.kernels.cpu.averages import dispersion, weighted_mean
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.triple_straddle import TripleStraddleParameters

Floats = NDArray[np.float64]

COMPONENTS = (*SERIES, "correlation_factor")


@dataclass(frozen=True)
class TripleStraddleResult:
    """C1 at the last minute of its input.

    ``prices`` of the ATM, ITM1 and OTM1 straddle in rupees; ``component_scores`` [-1, 1] by component, NaN where one
    could not speak; ``score`` [-1, 1], high where premium expands; ``confidence`` [0, 1]; ``features`` by name.
    """

    minute: int
    prices: Mapping[str, float]
    component_scores: Mapping[str, float]
    score: float
    confidence: float
    health: str
    features: Mapping[str, float]


@dataclass(frozen=True)
class TechnicalScores:
    """EMA, VWAP and pivot score of one straddle at its last bar, and their mean under the DTE weights; in [-1, 1]."""

    ema: float
    vwap: float
    pivot: float
    overlay: float


@dataclass(frozen=True)
class PerformanceHistory:
    """Earlier sessions, oldest first: ``session_dte`` in calendar days, ``returns`` [sessions, 10] log returns."""

    session_dte: Sequence[int]
    returns: Floats


@dataclass(frozen=True)
class OptimalWeights:
    """Weights by component, summing to 1; ``sessions`` and ``same_dte_sessions`` say how much stands behind them."""

    dte: int
    weights: Mapping[str, float]
    sessions: int
    same_dte_sessions: int


@dataclass(frozen=True)
class TimeframeReading:
    """One timeframe: ``minutes`` long, ``score`` [-1, 1], ``quality`` [0, 1], ``weight`` relative to the others'."""

    minutes: int
    score: float
    quality: float
    weight: float = 1.0


@dataclass(frozen=True)
class WeightedScore:
    """sum(score weight quality) / sum(weight quality) in [-1, 1], and clip(1 - std(scores) / 2, .1, 1)."""

    score: float
    confidence: float


def analyze_symmetric_straddles(
    market_data: SessionSeries,
    dte: int,
    *,
    previous: DailyContext | None = None,
    history: Sequence[DailyContext] = (),
    parameters: TripleStraddleParameters | None = None,
) -> TripleStraddleResult:
    """C1 over a session's series up to their last minute, at ``dte`` calendar days for the learned weights."""
    component = TripleStraddle(parameters or defaults(TripleStraddleParameters))
    m = market_data.minutes.size
    _at_least_one_bar(m)
    day = SessionStart(
        market_data.trade_date, market_data.n_bars, dte, market_data.underlying_kind, previous, tuple(history)
    )
    state = component.begin(day)
    out = ComponentOutput.empty(m, len(component.features))
    component.compute(market_data, out, 0, m, state)
    return TripleStraddleResult(
        minute=int(market_data.minutes[-1]),
        prices={name: float(market_data.bars[-1, i, CLOSE]) for i, name in enumerate(SERIES[:3])},
        component_scores=dict(zip(COMPONENTS, state.carried.score_trace[m - 1].tolist(), strict=True)),
        score=float(out.score[-1]),
        confidence=float(out.confidence[-1]),
        health=HEALTH[out.health[-1]],
        features={spec.name: float(x) for spec, x in zip(component.features, out.values[-1], strict=True)},
    )


def apply_rolling_straddle_technical_analysis(
    straddle_prices: Floats,
    *,
    dte: int,
    previous: DailyContext | None = None,
    parameters: TripleStraddleParameters | None = None,
) -> TechnicalScores:
    """The three techniques on one straddle's bars [M, 5] (open, high, low, close, volume) from the session's open.

    Levels and EMAs of earlier sessions are those of ``previous``'s ATM straddle; a score is NaN without what it needs.
    """
    m = len(straddle_prices)
    _at_least_one_bar(m)
    bars = np.full((m, len(SERIES), 5), np.nan)
    bars[:, 0] = straddle_prices
    series = SessionSeries(
        trade_date=date.max if previous is None else previous.trade_date,
        minutes=np.arange(m, dtype=np.int64),
        n_bars=m,
        underlying_kind="forward",
        bars=bars,
        held=np.full((m, len(SERIES), len(LAGS)), np.nan),
        underlying=np.full((m, 5), np.nan),
        dte=np.full(m, dte, np.int64),
        expiry=np.zeros(m, np.int64),
        strikes=np.zeros((m, 3), np.int64),
        forward=np.full(m, np.nan),
    )
    found = analyze_symmetric_straddles(series, dte, previous=previous, parameters=parameters).features
    return TechnicalScores(
        ema=found["c1_ema_score_atm"],
        vwap=found["c1_vwap_score_atm"],
        pivot=found["c1_pivot_score_atm"],
        overlay=found["c1_timeframe_overlay_atm"],
    )


def learn_dte_specific_weights(
    dte: int, performance_history: PerformanceHistory, *, parameters: TripleStraddleParameters | None = None
) -> OptimalWeights:
    """Weights of the ten components for a session at ``dte`` days, learned from earlier sessions."""
    returns = np.asarray(performance_history.returns, float)
    days = np.asarray(performance_history.session_dte, float)
    if returns.ndim != 2 or returns.shape != (days.size, len(COMPONENTS)):
        raise UsageError(
            rule=f"returns are [sessions, {len(COMPONENTS)}], one row for each session_dte",
            value=f"returns {returns.shape}, session_dte {days.shape}",
            place="learn_dte_specific_weights",
            remedy="give one return a component and session, NaN where a component made no calls",
        )
    settings = parameters or defaults(TripleStraddleParameters)
    rule = settings.component_learning
    weights = learned_weights(dte, days, returns, rule, settings.performance)
    return OptimalWeights(
        dte=dte,
        weights=dict(zip(COMPONENTS, weights.tolist(), strict=True)),
        sessions=min(days.size, rule.all_days),
        same_dte_sessions=min(int((days == dte).sum()), rule.same_dte),
    )


def integrate_multi_timeframe_analysis(
    timeframe_data: Sequence[TimeframeReading], *, parameters: TripleStraddleParameters | None = None
) -> WeightedScore:
    """Timeframes weighed by weight and quality; a timeframe without a score is left out, NaN when none has one."""
    settings = parameters or defaults(TripleStraddleParameters)
    scores = np.array([one.score for one in timeframe_data])
    spread = dispersion(scores)
    confidence = np.clip(1.0 - spread / settings.confidence_spread, settings.confidence_floor, 1.0)
    return WeightedScore(
        score=float(weighted_mean(scores, np.array([one.weight * one.quality for one in timeframe_data]))),
        confidence=float("nan") if np.isnan(spread) else float(confidence),
    )


def _at_least_one_bar(bars: int) -> None:
    if bars == 0:
        raise UsageError(
            rule="the analysis needs at least one bar", value=0, place="C1", remedy="give the session from its open"
        )
