"""The component itself: constants of a day from what earlier sessions left, and the two engines behind ``compute``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from mr_platform.features.c2_greeks_sentiment import catalogue
from mr_platform.features.c2_greeks_sentiment.learning import SessionProducts, adapted_cuts, learned_weights
from mr_platform.features.c2_greeks_sentiment.state import (
    ACTIVE_OI,
    ACTIVE_VOLUME,
    LARGEST_VOLUME,
    LEG_FIELDS,
    N_GREEKS,
    N_STRADDLES,
    OVERALL,
    Carried,
    DayConstants,
    Floats,
    Legs,
    Market,
)
from mr_platform.features.catalogue import FeatureSpec
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.history import QuantityHistory, Ranked
from mr_platform.features.inputs import NEAR, SessionInputs
from mr_platform.features.series import CLOSE
from mr_platform.market.instruments import instrument, known_symbols
from mr_platform.parameters.by_dte import every_dte
from mr_platform.parameters.greeks_sentiment import GreeksSentimentParameters
from mr_platform.parameters.objects import defaults

BAR = 5
"""Minutes between observations that are remembered."""
QUANTITIES = 4
EXPOSURES = N_STRADDLES * N_GREEKS
_PERCENTILE = 68
"""Column of the score's percentile, which only the history knows."""
_LEGS = (3, 4, 5, 6, 7, 8)
"""Calls, then puts, at ATM, ITM1, OTM1 among the rolling series."""


@dataclass(frozen=True)
class SessionState:
    """What ``begin`` makes and ``compute`` carries.

    ``sizes`` and ``activity``: histories of the exposures' sizes and of the quantities ACTIVE_VOLUME .. OVERALL;
    ``products`` behind the weights; ``cuts`` of the levels and the ``scores`` that they adapt to; ``ranked``: what the
    overall score is ranked in; ``own_medians``: v0 and o0 are learned. Under the declared ones both legs of a busy
    chain weigh alike and their difference is next to nothing: no scale, weight or cut is learned from it.
    """

    dte: int
    own_medians: bool
    day: DayConstants
    carried: Carried
    sizes: QuantityHistory
    activity: QuantityHistory
    products: SessionProducts
    scores: Floats
    ranked: Ranked | None


@dataclass(frozen=True)
class GreeksSentiment(AdaptiveComponent[SessionState]):
    """C2: what the Greeks of the traded and held options around the money say; high scores are bullish.

    ``engine`` is "cpu" (compiled) or "reference" (NumPy, recomputing from the open at every call).
    """

    settings: GreeksSentimentParameters = field(default_factory=lambda: defaults(GreeksSentimentParameters))
    engine: str = "cpu"
    key = "c2"
    passes = ("greeks",)

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        return catalogue.features()

    @property
    def parameters(self) -> GreeksSentimentParameters:
        return self.settings

    def begin(self, day: SessionStart) -> SessionState:
        memory = day.memory
        sizes = QuantityHistory.of(memory, "c2_sizes", EXPOSURES)
        activity = QuantityHistory.of(memory, "c2_activity", QUANTITIES)
        products = SessionProducts.of(memory)
        specific, usual = (
            activity.specific(day.dte, self.settings.history),
            activity.of_range(day.dte, self.settings.history),
        )
        ranked = next((one for one in (specific, usual) if one.trusted[OVERALL]), None)
        return SessionState(
            dte=day.dte,
            own_medians=bool(usual.trusted[ACTIVE_VOLUME] and usual.trusted[ACTIVE_OI]),
            day=day_constants(self.settings, day, sizes, usual, products),
            carried=Carried.fresh(day.n_bars),
            sizes=sizes,
            activity=activity,
            products=products,
            scores=memory.get("c2_scores", np.empty(0)),
            ranked=ranked,
        )

    def compute(self, inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, state: SessionState) -> None:
        if self.engine == "reference":
            from mr_platform.features.c2_greeks_sentiment import reference

            reference.run(
                inputs, start, stop, state.day, state.carried, out.values, out.score, out.confidence, out.health
            )
        else:
            _compiled(inputs, start, stop, state, out)
        if state.ranked is not None:
            rows = slice(start, stop)
            out.values[rows, _PERCENTILE] = state.ranked.rank(OVERALL, state.carried.overall[rows])

    def leave(self, inputs: SessionInputs, out: ComponentOutput, state: SessionState) -> Mapping[str, Floats]:
        """What is remembered with this session's five-minute observations added; of a session under declared medians
        the activity alone.
        """
        del out
        rules, carried = self.settings, state.carried
        marks = np.arange(BAR - 1, inputs.minutes.size, BAR)
        overall = carried.overall[marks]
        seen = np.column_stack([carried.active[marks], overall])
        activity = state.activity.with_session(state.dte, seen, rules.history)
        sizes, products, scores, cuts = state.sizes, state.products, state.scores, state.day.cuts
        if state.own_medians:
            observed = np.abs(carried.exposure[marks]).reshape(marks.size, EXPOSURES)
            sizes = sizes.with_session(state.dte, observed, rules.history)
            close = inputs.underlying[marks, CLOSE]
            with np.errstate(invalid="ignore", divide="ignore"):
                returns = np.log(close[1:] / close[:-1])
            lookback = rules.weight_learning.lookback
            products = products.with_session(state.dte, carried.greeks[marks[:-1]], returns, lookback, rules.history)
            scores = np.append(scores, overall[np.isfinite(overall)])[-rules.level_learning.lookback :]
            cuts = adapted_cuts(cuts, scores, rules.level_learning, rules.history.level_observations)
        return {
            **sizes.as_memory("c2_sizes"),
            **activity.as_memory("c2_activity"),
            **products.as_memory(),
            "c2_cuts": cuts,
            "c2_scores": scores,
        }


def _compiled(inputs: SessionInputs, start: int, stop: int, state: SessionState, out: ComponentOutput) -> None:
    from mr_platform.features.c2_greeks_sentiment import cpu, legs

    strikes = 2 * state.day.reach + 1
    exposure = np.full((stop - start, 3, strikes, 2, N_GREEKS), np.nan)
    now = np.full((stop - start, strikes, 2, LEG_FIELDS), np.nan)
    legs.gather(
        inputs.chain_volume,
        inputs.chain_oi,
        inputs.volatility[:, NEAR],
        inputs.delta,
        inputs.gamma,
        inputs.theta,
        inputs.vega,
        inputs.vanna,
        inputs.charm,
        inputs.volga,
        inputs.forward,
        inputs.expiry,
        inputs.around,
        state.day,
        start,
        stop,
        exposure,
        now,
    )
    cpu.run(
        market_of(inputs, start, stop),
        Legs(exposure, now),
        start,
        stop,
        state.day,
        state.carried,
        out.values,
        out.score,
        out.confidence,
        out.health,
    )


def market_of(inputs: SessionInputs, start: int, stop: int) -> Market:
    """What the kernels read beside the legs in minutes [start, stop), contiguous: one kind of array, one compilation.

    Of what is copied only the underlying has the minutes before; the others are read in their own minute alone.
    """
    rows, legs = slice(start, stop), slice(_LEGS[0], _LEGS[-1] + 1)
    price, held, years = np.empty((stop, len(_LEGS))), np.empty((stop, len(_LEGS))), np.empty(stop)
    price[rows], held[rows] = inputs.bars[rows, legs, CLOSE], inputs.held[rows, legs, 0]
    years[rows] = inputs.years[rows, NEAR]
    return Market(
        price=price,
        held=held,
        underlying=np.ascontiguousarray(inputs.underlying[:, CLOSE]),
        dte=inputs.dte,
        expiry=inputs.expiry,
        forward=inputs.forward,
        years=years,
        step=inputs.steps,
        around=inputs.around,
        strikes=inputs.strikes_listed,
    )


def day_constants(
    settings: GreeksSentimentParameters,
    day: SessionStart,
    sizes: QuantityHistory,
    usual: Ranked,
    products: SessionProducts,
) -> DayConstants:
    """The constants of one session. ``usual`` is the activity of the range of days to expiry."""
    leg = settings.leg_weight
    start = np.array((*settings.first_order_weights, *settings.second_order_weights))
    rule = settings.weight_learning
    scale, own = exposure_scale(settings, day.dte, sizes)
    longest = range(settings.dte_multipliers[-1][0] + 1)
    own_medians = usual.trusted[ACTIVE_VOLUME] and usual.trusted[ACTIVE_OI]
    return DayConstants(
        n_bars=day.n_bars,
        lot=_lot(day.symbol, day.trade_date, day.dte),
        reach=settings.strike_set.reach,
        least_strikes=settings.strike_set.least,
        least_wing=settings.strike_set.least_wing,
        volume_share=leg.shares[0],
        volume_cap=leg.volume_cap,
        oi_share=leg.shares[1],
        oi_cap=leg.oi_cap,
        volume_median=_learned(usual, ACTIVE_VOLUME, 0.5, leg.default_volume),
        oi_median=_learned(usual, ACTIVE_OI, 0.5, leg.default_oi),
        weights=learned_weights(start, products.of_range(day.dte, settings.history), rule),
        order_shares=np.array(settings.order_shares),
        straddle_weights=np.array(settings.straddle_weights),
        scale=scale,
        least_scale_share=settings.scale_least_share,
        least_scale_minutes=settings.scale_least_minutes,
        learned=int(own and own_medians),
        multipliers=np.array(every_dte(settings.dte_multipliers)),
        pin=np.array([settings.pin_multiplier(days) for days in longest]),
        transition=np.array([settings.transition_multiplier(days) for days in longest]),
        transition_score_cap=settings.transition_score_cap,
        transition_cap=settings.transition_cap,
        confidence_weights=np.array(settings.confidence_weights),
        agreement_floor=settings.agreement_floor,
        confidence_floor=settings.confidence_floor,
        cuts=day.memory.get("c2_cuts", np.array(settings.level_cuts)),
        large_flow=_learned(usual, LARGEST_VOLUME, settings.flow_percentiles[1], settings.flow_threshold(day.symbol)),
        enough=settings.windows.coverage,
    )


def exposure_scale(settings: GreeksSentimentParameters, dte: int, sizes: QuantityHistory) -> tuple[Floats, bool]:
    """Median size of each straddle's exposures at ``dte`` days [3, 7], and whether all of them are of those days.

    Where there is not enough history at these days to expiry, the median over the first sessions whatever theirs; NaN
    before the first.
    """
    specific = sizes.specific(dte, settings.history)
    first = sizes.median[: settings.scale_sessions]
    out = np.full(EXPOSURES, np.nan)
    for q in range(EXPOSURES):
        known = first[np.isfinite(first[:, q]), q]
        if specific.trusted[q]:
            out[q] = specific.quantile(q, 0.5)
        elif known.size:
            out[q] = np.median(known)
    return out.reshape(N_STRADDLES, N_GREEKS), bool(specific.trusted.all())


def _learned(history: Ranked, quantity: int, share: float, default: float) -> float:
    """That quantile of the history where it is long enough and above 0, else the default."""
    found = history.quantile(quantity, share) if history.trusted[quantity] else default
    return found if found > 0 else default


def _lot(symbol: str, trade_date: date, dte: int) -> float:
    """Units of the underlying in a contract of the nearest expiry; 1 for a symbol without a contract size."""
    if symbol not in known_symbols():
        return 1.0
    return float(instrument(symbol).lot_size(trade_date, trade_date + timedelta(days=max(dte, 0))))
