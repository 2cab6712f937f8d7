"""The named interfaces of C7: thin calls of the feature kernels that answer with frozen values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from mr_platform.errors import UsageError
from mr_platform.features.c7_support_resistance.component import SupportResistance
from mr_platform.features.c7_support_resistance.state import (
    ASSETS,
    METHOD_OF,
    METHODS,
    N_Z,
    STRADDLE,
    UNDERLYING,
    Carried,
    DayConstants,
)
from mr_platform.features.c7_support_resistance.touches import chance_of, conditions, fill_zones, strength_of
from mr_platform.features.component import HEALTH, ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.series import CLOSE
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.support_resistance import DTE_RANGES, SupportResistanceParameters


@dataclass(frozen=True)
class Level:
    """A zone of levels: ``value`` in rupees, signed ``distance`` from the price in the asset's ATR (NaN while that is
    not known), summed ``weight`` 0..1 of its ``methods``.
    """

    value: float
    distance: float
    weight: float
    methods: tuple[str, ...]


@dataclass(frozen=True)
class LevelAnalysis:
    """C7 at the last minute (``minute`` of the day): zones ascending by asset, prices and ATR in rupees, all features.

    ``score`` 0..1 says how much levels have a say, ``confidence`` 0..1.
    """

    minute: int
    prices: Mapping[str, float]
    atr: Mapping[str, float]
    zones: Mapping[str, tuple[Level, ...]]
    score: float
    confidence: float
    health: str
    features: Mapping[str, float]


@dataclass(frozen=True)
class ConfluenceScore:
    """How alike the levels of both assets lie: ``score`` 0..1, the underlying's weights times 1 - difference / match.

    ``pairs``: signed distances in ATR of the underlying's level and of the straddle's nearest to it in distance.
    """

    score: float
    pairs: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class BreakoutPrediction:
    """Chance 0..1 that a level breaks: a close beyond it by .25 ATR for 3 bars within 15, by default.

    ``direction`` 1 up through a level above the price, -1 down through one below; ``distance`` to it in ATR;
    ``conditions`` the six quantities it was given on.
    """

    probability: float
    direction: int
    distance: float
    conditions: Mapping[str, float]


@dataclass(frozen=True)
class StrengthScore:
    """Strength 0..1 of a level under the weights of a DTE range; ``hold_rate`` NaN with too few touches."""

    strength: float
    hold_rate: float
    dte_range: str


CONDITIONS = ("distance", "approach", "strength", "log_volume", "touches", "time_left")


def detect_multi_method_levels(
    price_data: SessionInputs,
    methods: Collection[str] = METHODS,
    *,
    symbol: str = "",
    previous: DailyContext | None = None,
    parameters: SupportResistanceParameters | None = None,
) -> LevelAnalysis:
    """C7 over a session's inputs up to their last minute; zones by the ``methods`` named, features by all of them.

    UsageError for an unknown method, or a session without a bar.
    """
    if unknown := sorted(set(methods) - set(METHODS)):
        raise UsageError(
            rule=f"a method is one of {', '.join(METHODS)}",
            value=unknown,
            place="detect_multi_method_levels",
            remedy="name methods that exist",
        )
    m = price_data.minutes.size
    if m == 0:
        raise UsageError(
            rule="the analysis needs at least one bar", value=0, place="C7", remedy="give the session from its open"
        )
    component = SupportResistance(parameters or defaults(SupportResistanceParameters))
    known = price_data.dte[price_data.dte >= 0]
    dte = int(known[0]) if known.size else -1
    state = component.begin(
        SessionStart(
            price_data.trade_date,
            price_data.n_bars,
            dte,
            price_data.underlying_kind,
            previous=previous,
            symbol=symbol,
        )
    )
    out = ComponentOutput.empty(m, len(component.features))
    component.compute(price_data, out, 0, m, state)
    prices = (float(price_data.underlying[-1, CLOSE]), float(price_data.bars[-1, 0, CLOSE]))
    warm = [state.carried.atr_bars[a] >= state.day.atr_period for a in range(2)]
    atr = [float(state.carried.atr[a]) if warm[a] else float("nan") for a in range(2)]
    return LevelAnalysis(
        minute=int(price_data.minutes[-1]),
        prices=dict(zip(ASSETS, prices, strict=True)),
        atr=dict(zip(ASSETS, atr, strict=True)),
        zones={name: _zones(a, prices[a], atr[a], state.day, state.carried, methods) for a, name in enumerate(ASSETS)},
        score=float(out.score[-1]),
        confidence=float(out.confidence[-1]),
        health=HEALTH[out.health[-1]],
        features={spec.name: float(x) for spec, x in zip(component.features, out.values[-1], strict=True)},
    )


def _zones(
    a: int, price: float, atr: float, day: DayConstants, carried: Carried, methods: Collection[str]
) -> tuple[Level, ...]:
    """Zones of the levels of the named methods, ascending; none without a price."""
    if not price > 0:
        return ()
    chosen = np.array([METHODS[m] in methods for m in METHOD_OF])[carried.order[a]]
    order = carried.order[a].copy()
    carried.order[a] = np.concatenate([order[chosen], order[~chosen]])
    carried.levels[a, order[~chosen]] = np.nan
    fill_zones(a, day, carried)
    return tuple(
        Level(
            value=float(carried.zones[a, i, 0]),
            distance=(float(carried.zones[a, i, 0]) - price) / atr,
            weight=float(carried.zones[a, i, 1]),
            methods=tuple(name for m, name in enumerate(METHODS) if carried.zone_masks[a, i] >> m & 1),
        )
        for i in range(carried.zone_count[a])
    )


def calculate_dual_asset_confluence(
    straddle_levels: Sequence[Level],
    underlying_levels: Sequence[Level],
    *,
    parameters: SupportResistanceParameters | None = None,
) -> ConfluenceScore:
    """Compare levels as distances from either asset's own price in units of its ATR; NaN without any in reach."""
    s = parameters or defaults(SupportResistanceParameters)
    straddle = [one.distance for one in straddle_levels if abs(one.distance) < s.reach]
    underlying = [one for one in underlying_levels if abs(one.distance) < s.reach]
    if not straddle or not underlying:
        return ConfluenceScore(float("nan"), ())
    pairs = tuple((one.distance, min(straddle, key=lambda d: abs(d - one.distance))) for one in underlying)
    weights = [one.weight for one in underlying]
    alike = [max(0.0, 1.0 - abs(d - other) / s.match) for d, other in pairs]
    return ConfluenceScore(sum(w * x for w, x in zip(weights, alike, strict=True)) / sum(weights), pairs)


def predict_breakout_probability(
    level: float,
    current_price: float,
    volume: float,
    *,
    atr: float,
    earlier_price: float = float("nan"),
    strength: float = 0.5,
    touches: int = 0,
    time_left: float = 0.5,
    asset: str = ASSETS[UNDERLYING],
    previous: DailyContext | None = None,
    parameters: SupportResistanceParameters | None = None,
) -> BreakoutPrediction:
    """Chance that ``level`` breaks, with the coefficients that ``previous`` has learned, else the start's.

    Prices and ``atr`` in rupees, ``volume`` the ratio of recent to usual volume (NaN: as usual), ``earlier_price`` that
    of five minutes ago (NaN: no approach), ``time_left`` share of the session. UsageError unless ``atr`` > 0 and the
    asset is known.
    """
    s = parameters or defaults(SupportResistanceParameters)
    if asset not in ASSETS or not atr > 0:
        raise UsageError(
            rule=f"the asset is one of {', '.join(ASSETS)} and its ATR is above 0",
            value=(asset, atr),
            place="predict_breakout_probability",
            remedy="give both",
        )
    a = STRADDLE if asset == ASSETS[STRADDLE] else UNDERLYING
    component = SupportResistance(s)
    kind = "future" if previous is None else previous.underlying
    day = component.begin(SessionStart(date.max, 1, -1, kind, previous=previous)).day
    side = 1.0 if level > current_price else -1.0
    z = np.empty(N_Z)
    conditions(
        side,
        float(current_price),
        float(level),
        float(atr),
        float(earlier_price),
        float(strength),
        float(touches),
        float(volume),
        float(time_left),
        day,
        z,
    )
    return BreakoutPrediction(
        probability=float(chance_of(z, day.coefficients[a])),
        direction=int(side),
        distance=abs(level - current_price) / atr,
        conditions=dict(zip(CONDITIONS, z.tolist(), strict=True)),
    )


def score_level_strength(
    touch_count: int,
    hold_success: int,
    volume: float,
    *,
    dte: int = 0,
    age: float = 0.0,
    off_round: float = float("nan"),
    timeframes: float = float("nan"),
    parameters: SupportResistanceParameters | None = None,
) -> StrengthScore:
    """Strength of a level with ``touch_count`` touches of which ``hold_success`` held, at ``volume`` times the usual.

    ``age`` in sessions since the first touch, ``off_round`` distance to a round number in tolerances, ``timeframes``
    share of those that agree; NaN where not known. UsageError for more holds than touches.
    """
    if not 0 <= hold_success <= touch_count:
        raise UsageError(
            rule="0 <= hold_success <= touch_count",
            value=(hold_success, touch_count),
            place="score_level_strength",
            remedy="count a touch once",
        )
    s = parameters or defaults(SupportResistanceParameters)
    name = DTE_RANGES[s.history.range_of(dte)]
    strength = strength_of(
        float(touch_count),
        float(hold_success),
        float(volume),
        float(age),
        float(off_round),
        float(timeframes),
        np.array(s.strength_weights[name]),
        s.touches_cap,
        s.least_touches,
    )
    rate = hold_success / touch_count if touch_count >= s.least_touches else float("nan")
    return StrengthScore(float(strength), rate, name)
