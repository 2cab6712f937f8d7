"""The named interfaces of C4: thin calls of the feature kernels that answer with frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.features.c4_iv_skew.component import MEMORY, IVSkew, fear_points, typical_volatility
from mr_platform.features.c4_iv_skew.state import ATM_IV, N_QUANTITIES
from mr_platform.features.c4_iv_skew.surface import VolatilitySurface, surface_at
from mr_platform.features.c4_iv_skew.verdict import fear_of
from mr_platform.features.c4_iv_skew.windows import level_of
from mr_platform.features.component import HEALTH, ComponentOutput, SessionStart
from mr_platform.features.history import RANGE_NAMES, QuantityHistory
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.parameters.iv_skew import IV_LEVELS, PATTERNS, IvSkewParameters
from mr_platform.parameters.objects import defaults

Floats = NDArray[np.float64]

FEAR_STATES = ("extreme_greed", "greed", "neutral", "fear", "extreme_fear")


@dataclass(frozen=True, eq=False)
class SkewAnalysis:
    """C4 at the last minute of its input; volatilities decimal per year, NaN where not computable.

    ``atm_iv`` of nearest, next and far monthly expiry; ``specific_percentile`` and ``range_percentile`` [0, 1] of the
    nearest's in earlier sessions, NaN until learned; ``percentile`` [0, 1] in force. ``put_skew``, ``call_skew``,
    ``risk_reversal`` and ``butterfly`` at the headline delta. ``pattern`` with the greatest likeness, empty where the
    wings are not known, and ``pattern_confidence`` [0, 1]. ``score`` [0, 1], high where volatility is stressed;
    ``confidence`` [0, 1]; ``features`` by name.
    """

    minute: int
    dte: int
    dte_range: str
    atm_iv: tuple[float, float, float]
    specific_percentile: float
    range_percentile: float
    percentile: float
    put_skew: float
    call_skew: float
    risk_reversal: float
    butterfly: float
    pattern: str
    pattern_confidence: float
    surface: VolatilitySurface
    score: float
    confidence: float
    health: str
    features: Mapping[str, float]


@dataclass(frozen=True)
class IVRegimeLevel:
    """One of the seven levels: ``index`` 0..6 and its ``name``; -1 and "unknown" without a percentile.

    ``percentile`` [0, 1] it comes from, and the cuts [``low``, ``high``) it lies between.
    """

    index: int
    name: str
    percentile: float
    low: float
    high: float


@dataclass(frozen=True)
class SkewDifferential:
    """Put less call volatility of a wing, decimal per year; ``fear`` [-1, 1] graded between the cuts; its ``state``."""

    differential: float
    fear: float
    state: str


@dataclass(frozen=True)
class MarketCondition:
    """Where thresholds are wanted: a symbol, calendar days to its nearest expiry, what the last session handed on."""

    symbol: str
    dte: int
    memory: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class AdaptiveThresholds:
    """ATM volatility at each cut between the seven levels, decimal per year, ascending.

    ``source``: "specific" (the same days to expiry), "range" or "default" (lognormal around the typical volatility);
    ``learned`` for each cut: one between levels with too few observations keeps its default. ``observations`` of each
    level.
    """

    percentiles: tuple[float, ...]
    volatilities: tuple[float, ...]
    learned: tuple[bool, ...]
    observations: tuple[int, ...]
    source: str


def analyze_dual_dte_iv_skew(
    iv_surface: SessionInputs,
    specific_dte: int,
    dte_range: str | None = None,
    *,
    symbol: str = "",
    previous: DailyContext | None = None,
    parameters: IvSkewParameters | None = None,
) -> SkewAnalysis:
    """C4 over a session's volatilities (inputs with the pass "smile") up to their last minute.

    Percentiles are those of earlier sessions at ``specific_dte`` calendar days and in its range (``0_7``, ``8_30``,
    ``31_plus``; given, it must be the one that ``specific_dte`` lies in); a minute whose nearest expiry is at another
    number of days has none. ``symbol`` names the typical volatility, ``previous`` is the last session's context.
    UsageError without a bar or with another range.
    """
    settings = parameters or defaults(IvSkewParameters)
    name = RANGE_NAMES[settings.history.range_of(specific_dte)]
    if dte_range is not None and dte_range != name:
        raise UsageError(
            rule="the range is the one that the specific days to expiry lie in",
            value=f"{dte_range} for {specific_dte} days",
            place="analyze_dual_dte_iv_skew",
            remedy=f"give {name}, or leave it out",
        )
    m = iv_surface.minutes.size
    if m == 0:
        raise UsageError(
            rule="the analysis needs at least one bar", value=0, place="C4", remedy="give the session from its open"
        )
    component = IVSkew(settings)
    kind, date = iv_surface.underlying_kind, iv_surface.trade_date
    state = component.begin(SessionStart(date, iv_surface.n_bars, specific_dte, kind, previous, symbol=symbol))
    out = ComponentOutput.empty(m, len(component.features))
    component.compute(iv_surface, out, 0, m, state)
    values = [float(x) for x in out.values[-1]]
    found = dict(zip((spec.name for spec in component.features), values, strict=True))
    likeness = [found[f"c4_regime_pattern_{name}"] for name in PATTERNS]
    return SkewAnalysis(
        minute=int(iv_surface.minutes[-1]),
        dte=specific_dte,
        dte_range=name,
        atm_iv=(found["c4_dual_dte_atm_iv_near"], found["c4_dual_dte_atm_iv_next"], found["c4_dual_dte_atm_iv_far"]),
        specific_percentile=found["c4_dual_dte_percentile_atm_specific"],
        range_percentile=found["c4_dual_dte_percentile_atm_range"],
        percentile=found["c4_dual_dte_percentile_atm_blend"],
        put_skew=found["c4_skew_put_skew_25"],
        call_skew=found["c4_skew_call_skew_25"],
        risk_reversal=found["c4_skew_risk_reversal_25"],
        butterfly=found["c4_skew_butterfly_25"],
        pattern="" if np.isnan(likeness[0]) else PATTERNS[int(np.argmax(likeness))],
        pattern_confidence=found["c4_regime_pattern_confidence"],
        surface=surface_at(iv_surface, m - 1, settings),
        score=float(out.score[-1]),
        confidence=float(out.confidence[-1]),
        health=HEALTH[out.health[-1]],
        features=found,
    )


def classify_iv_regime_7_levels(
    skew_data: SkewAnalysis, *, parameters: IvSkewParameters | None = None
) -> IVRegimeLevel:
    """The level of the percentile in force; a cut belongs to the level above it."""
    settings = parameters or defaults(IvSkewParameters)
    level = level_of(skew_data.percentile, np.array(settings.level_cuts))
    if np.isnan(level):
        return IVRegimeLevel(-1, "unknown", skew_data.percentile, float("nan"), float("nan"))
    index = int(level)
    bounds = (0.0, *settings.level_cuts, 1.0)
    return IVRegimeLevel(index, IV_LEVELS[index], skew_data.percentile, bounds[index], bounds[index + 1])


def calculate_put_call_skew_differential(
    put_iv: float, call_iv: float, *, parameters: IvSkewParameters | None = None
) -> SkewDifferential:
    """How much dearer a put wing is than the call wing of the same delta, and what that says about fear."""
    settings = parameters or defaults(IvSkewParameters)
    points = fear_points(settings)
    differential = put_iv - call_iv
    reached = level_of(differential, points[0])
    state = "unknown" if np.isnan(reached) else FEAR_STATES[int(reached)]
    return SkewDifferential(differential, float(fear_of(differential, points)), state)


def optimize_percentile_thresholds(
    market_condition: MarketCondition, *, parameters: IvSkewParameters | None = None
) -> AdaptiveThresholds:
    """The volatilities that part the seven levels, learned at the specific days to expiry, else in their range.

    A cut is learned where both levels it parts have ``history.level_observations`` observations; the others are those
    of a lognormal around the typical volatility, kept in order.
    """
    settings = parameters or defaults(IvSkewParameters)
    typical = typical_volatility(settings, market_condition.symbol)
    cuts = settings.level_cuts
    values = [typical * float(np.exp(settings.typical_spread * NormalDist().inv_cdf(cut))) for cut in cuts]
    history = QuantityHistory.of(market_condition.memory, MEMORY, N_QUANTITIES)
    sources = {
        "specific": history.specific(market_condition.dte, settings.specific_history),
        "range": history.of_range(market_condition.dte, settings.history),
    }
    source = next((name for name, ranked in sources.items() if ranked.trusted[ATM_IV]), "default")
    if source == "default":
        return AdaptiveThresholds(cuts, tuple(values), (False,) * len(cuts), (0,) * len(IV_LEVELS), source)
    ranked = sources[source]
    shares = np.diff([0.0, *cuts, 1.0])
    observations = tuple(int(n) for n in np.floor(shares * ranked.observations[ATM_IV] + 1e-9))
    least = settings.history.level_observations
    learned = tuple(min(observations[i], observations[i + 1]) >= least for i in range(len(cuts)))
    for i, cut in enumerate(cuts):
        if learned[i]:
            values[i] = ranked.quantile(ATM_IV, cut)
    return AdaptiveThresholds(cuts, tuple(_in_order(values, learned)), learned, observations, source)


def _in_order(values: list[float], learned: tuple[bool, ...]) -> list[float]:
    """Defaults moved to the nearest learned cut where they would lie on its wrong side."""
    known = [i for i, sure in enumerate(learned) if sure]
    out = list(values)
    for i in range(len(out)):
        if not learned[i]:
            low = max((values[j] for j in known if j < i), default=-np.inf)
            high = min((values[j] for j in known if j > i), default=np.inf)
            out[i] = min(max(out[i], low), high)
    return out
