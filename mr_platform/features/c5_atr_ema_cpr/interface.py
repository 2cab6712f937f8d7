"""The named interfaces of C5: thin calls of the feature kernels that answer with frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.features.c5_atr_ema_cpr.component import ATM, MINUTE, AtrEmaCpr
from mr_platform.features.c5_atr_ema_cpr.learning import NO_TOUCHES, method_weights
from mr_platform.features.c5_atr_ema_cpr.state import N_LEVELS
from mr_platform.features.component import HEALTH, ComponentOutput, SessionStart
from mr_platform.features.inputs import NEAR, SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.series import CLOSE, LAGS, SERIES
from mr_platform.kernels.engine import engine
from mr_platform.parameters.atr_ema_cpr import PIVOT_METHODS, AtrEmaCprParameters
from mr_platform.parameters.objects import defaults

Floats = NDArray[np.float64]

_MINUTES_A_YEAR = 365.0 * 24.0 * 60.0
_OPEN = 9 * 60 + 15


@dataclass(frozen=True)
class DualAnalysis:
    """C5 at the last minute of its input.

    ``score`` of both assets and of each, [-1, 1], positive where premium falls and the underlying rises; ``relation``
    is "agreement", "conflict", or "one-sided" where only one asset has a score; ``confidence`` [0, 1]; ``features`` by
    name.
    """

    score: float
    straddle_score: float
    underlying_score: float
    relation: str
    confidence: float
    health: str
    features: Mapping[str, float]


@dataclass(frozen=True)
class OptimalPeriods:
    """Span of Wilder's ATR in bars for an ATR regime 0 (lowest) to 5.

    ``errors``: mean absolute error of the log of the next true range by span, where true ranges were given.
    """

    regime: int
    period: int
    errors: Mapping[int, float]


@dataclass(frozen=True)
class ConfluenceZone:
    """EMAs that lie together, from ``low`` to ``high`` in rupees; ``spans`` in bars, of the lowest EMA first."""

    low: float
    high: float
    spans: tuple[int, ...]


@dataclass(frozen=True)
class ConfluenceZones:
    """EMAs in rupees by span, and their zones from the lowest to the highest; ``price`` of the last bar."""

    price: float
    averages: Mapping[int, float]
    zones: tuple[ConfluenceZone, ...]


@dataclass(frozen=True, eq=False)
class MarketCondition:
    """``atr_percentile`` 0..1 of the underlying's ATR, NaN unknown; ``touches`` [7, 5, 2] as ``leave`` hands them
    on."""

    atr_percentile: float
    touches: Floats = field(default_factory=NO_TOUCHES.copy)


@dataclass(frozen=True)
class CPRMethod:
    """The pivot method of greatest weight in an ATR regime 0 to 5 (None unknown); ``weights`` by method, sum 1."""

    name: str
    regime: int | None
    weights: Mapping[str, float]


def analyze_dual_asset_atr_ema(
    straddle_data: Floats,
    underlying_data: Floats,
    *,
    dte: int,
    straddle_held: Floats | None = None,
    trade_date: date = date.max,
    underlying_kind: str = "future",
    previous: DailyContext | None = None,
    n_bars: int = 375,
    parameters: AtrEmaCprParameters | None = None,
) -> DualAnalysis:
    """C5 over bars [M, 5] (open, high, low, close, volume) of both assets from the session's open, ``dte`` days ahead.

    ``straddle_held`` [M]: last known close of each minute's contract before it; without it the straddle is one contract
    throughout. UsageError for bars of another shape or number.
    """
    m = len(straddle_data)
    if straddle_data.shape != (m, 5) or underlying_data.shape != (m, 5) or not 0 < m <= n_bars:
        raise UsageError(
            rule=f"bars of both assets are [M, 5], M from 1 to {n_bars}",
            value=f"{straddle_data.shape} and {underlying_data.shape}",
            place="analyze_dual_asset_atr_ema",
            remedy="give both assets from the session's open",
        )
    bars = np.full((m, len(SERIES), 5), np.nan)
    bars[:, ATM] = straddle_data
    held = np.full((m, len(SERIES), len(LAGS)), np.nan)
    held[:, ATM, MINUTE] = _closes_before(straddle_data[:, CLOSE]) if straddle_held is None else straddle_held
    years = np.full((m, 3), np.nan)
    years[:, NEAR] = np.maximum(dte * 1440.0 + n_bars - np.arange(1, m + 1), 1.0) / _MINUTES_A_YEAR
    inputs = SessionInputs(
        trade_date=trade_date,
        minutes=np.arange(_OPEN, _OPEN + m, dtype=np.int64),
        n_bars=n_bars,
        underlying_kind=underlying_kind,
        bars=bars,
        held=held,
        underlying=underlying_data,
        dte=np.full(m, dte, np.int64),
        expiry=np.zeros(m, np.int64),
        strikes=np.zeros((m, 3), np.int64),
        forward=np.full(m, np.nan),
        years=years,
    )
    component = AtrEmaCpr(parameters or defaults(AtrEmaCprParameters))
    state = component.begin(SessionStart(trade_date, n_bars, dte, underlying_kind, previous))
    out = ComponentOutput.empty(m, len(component.features))
    component.compute(inputs, out, 0, m, state)
    found = {spec.name: float(x) for spec, x in zip(component.features, out.values[-1], strict=True)}
    straddle, underlying = found["c5_dual_asset_score_straddle"], found["c5_dual_asset_score_underlying"]
    relation = "agreement" if straddle * underlying > 0 else "conflict" if straddle * underlying < 0 else "one-sided"
    return DualAnalysis(
        score=float(out.score[-1]),
        straddle_score=straddle,
        underlying_score=underlying,
        relation=relation,
        confidence=float(out.confidence[-1]),
        health=HEALTH[out.health[-1]],
        features=found,
    )


def _closes_before(close: Floats) -> Floats:
    """Last known close before each minute, NaN at the first."""
    known = np.where(np.isfinite(close), np.arange(close.size), -1)
    last = np.concatenate(([-1], np.maximum.accumulate(known)[:-1]))
    return np.where(last >= 0, close[last], np.nan)


def optimize_atr_periods(
    volatility_regime: int,
    true_ranges: Floats | None = None,
    *,
    parameters: AtrEmaCprParameters | None = None,
) -> OptimalPeriods:
    """The span of Wilder's ATR to follow in an ATR regime, of the three that are computed.

    With ``true_ranges`` [M] of such a market, the one whose ATR tells the next true range best; without them, or while
    they are too few, the higher the regime the shorter: in wild markets ranges change fast. UsageError for a regime
    that is not 0 to 5.
    """
    if volatility_regime not in range(N_LEVELS):
        raise UsageError(
            rule=f"an ATR regime is 0 to {N_LEVELS - 1}",
            value=volatility_regime,
            place="optimize_atr_periods",
            remedy="give the class that c5_atr_regime_underlying or c5_atr_regime_straddle tells",
        )
    spans = (parameters or defaults(AtrEmaCprParameters)).memory.atr_spans
    errors = {}
    for span in spans if true_ranges is not None else ():
        ranges = np.asarray(true_ranges, float)
        known = engine().moving.wilder(ranges[None, :, None], span)[0][0, :-1, 0]
        later = ranges[1:]
        valid = (known > 0) & (later > 0)
        if valid.any():
            errors[span] = float(np.abs(np.log(later[valid] / known[valid])).mean())
    by_regime = spans[len(spans) - 1 - volatility_regime * len(spans) // N_LEVELS]
    best = min(errors, key=lambda span: errors[span]) if len(errors) == len(spans) else by_regime
    return OptimalPeriods(regime=volatility_regime, period=best, errors=errors)


def calculate_ema_confluence_zones(
    price_data: Floats, *, parameters: AtrEmaCprParameters | None = None
) -> ConfluenceZones:
    """Where the intraday EMAs of closes [M] lie together at the last of them; NaN closes are left out.

    EMAs that have not seen their span of closes take no part; neighbours within the relative distance ``convergence``
    are of one zone, and a zone has at least two. UsageError without a close.
    """
    settings = parameters or defaults(AtrEmaCprParameters)
    closes = np.asarray(price_data, float)
    closes = closes[np.isfinite(closes)]
    if closes.size == 0:
        raise UsageError(
            rule="an EMA needs at least one close",
            value=0,
            place="calculate_ema_confluence_zones",
            remedy="give the closes of the asset, oldest first",
        )
    moving = engine().moving
    averages = {span: float(moving.ema(closes[None, :, None], span)[0][0, -1, 0]) for span in settings.ema_spans}
    averages = {span: value for span, value in averages.items() if np.isfinite(value)}
    ordered = sorted(averages, key=lambda span: averages[span])
    groups = [ordered[:1]]
    for lower, upper in pairwise(ordered):
        if averages[upper] - averages[lower] <= settings.convergence * averages[lower]:
            groups[-1].append(upper)
        else:
            groups.append([upper])
    zones = tuple(
        ConfluenceZone(averages[group[0]], averages[group[-1]], tuple(group)) for group in groups if len(group) > 1
    )
    return ConfluenceZones(price=float(closes[-1]), averages=averages, zones=zones)


def select_optimal_cpr_method(
    market_condition: MarketCondition, *, parameters: AtrEmaCprParameters | None = None
) -> CPRMethod:
    """The pivot method to follow in an ATR regime, of those whose levels have held best there; ties to the earlier."""
    settings = parameters or defaults(AtrEmaCprParameters)
    percentile = market_condition.atr_percentile
    regime = None if np.isnan(percentile) else sum(percentile >= cut for cut in settings.level_cuts)
    row = method_weights(market_condition.touches, settings)[N_LEVELS if regime is None else regime]
    weights = dict(zip(PIVOT_METHODS, row.tolist(), strict=True))
    return CPRMethod(name=max(weights, key=lambda name: weights[name]), regime=regime, weights=weights)
