"""Entries of group dual_dte of C4: ATM volatility of three expiries, its moves and its place in history."""

from __future__ import annotations

from collections.abc import Iterator

from mr_platform.features.catalogue import FeatureSpec

INF = float("inf")
ANY = (-INF, INF)
POSITIVE = (0.0, INF)
UNIT = (-1.0, 1.0)
SHARE = (0.0, 1.0)
# A volatility is within the bounds of what counts as one; a difference of two within their distance.
IV = (0.01, 3.0)
GAP = (-2.99, 2.99)
PER_YEAR = "decimal per year"
MINUTES = (5, 15, 30, 60)

# What steers a quantity, all the way back: fields of the parameters, or object.field of those they stand on.
# Bounds of a volatility that counts reach every column through the inputs.
BOUNDS = ("memory.iv_lowest", "memory.iv_highest")
WING = (*BOUNDS, "wing_deltas", "least_strikes")
FIT = (*BOUNDS, "least_strikes", "smile_fit")
SURFACE = (*BOUNDS, "least_strikes", "surface_velocity", "momentum_minutes")
WINDOWED = (*BOUNDS, "momentum_minutes", "windows.coverage")
SESSION = (*BOUNDS, "percentile_least")
TYPICAL = ("stock_typical_iv", "typical_spread")
# A percentile at a single day to expiry, and at a range of them.
SPECIFIC = ("percentile_sessions", "percentile_least", "history.day_least_sessions")
RANGED = (
    "history.range_bounds",
    "history.range_sessions",
    "history.range_observations",
    "history.range_least_sessions",
)
BLEND = (*BOUNDS, *SPECIFIC, *RANGED, *TYPICAL, "consistency", "consistency_count")


def spec(
    group: str,
    quantity: str,
    description: str,
    *,
    unit: str = PER_YEAR,
    bounds: tuple[float, float] = ANY,
    warmup: int = 1,
    parameters: tuple[str, ...] = BOUNDS,
) -> FeatureSpec:
    return FeatureSpec(f"c4_{group}_{quantity}", "c4", group, description, unit, bounds, warmup, parameters)


def _levels() -> Iterator[FeatureSpec]:
    roles = (("near", "nearest"), ("next", "next"), ("far", "far monthly"))
    for role, words in roles:
        yield spec(
            "dual_dte",
            f"atm_iv_{role}",
            f"ATM volatility of the {words} expiry: mean of call and put at the ATM strike, else in log-moneyness "
            "between neighbours",
            bounds=IV,
        )
    yield spec(
        "dual_dte",
        "expected_move_near",
        "ATM volatility of the nearest expiry times the root of its time: one standard deviation to expiry",
        unit="fraction",
        bounds=POSITIVE,
    )
    yield spec(
        "dual_dte",
        "correlation_next_60",
        "correlation in 60 bars of one-minute changes of held ATM volatility of the nearest and the next expiry",
        unit="correlation",
        bounds=UNIT,
        warmup=49,
        parameters=WINDOWED,
    )
    yield spec(
        "dual_dte",
        "session_rank",
        "place of near ATM volatility between its low (0) and its high (1) of the session so far",
        unit="fraction",
        bounds=SHARE,
        warmup=30,
        parameters=SESSION,
    )
    yield spec(
        "dual_dte",
        "session_percentile",
        "mid-rank of near ATM volatility among the session's earlier minutes",
        unit="fraction",
        bounds=SHARE,
        warmup=30,
        parameters=SESSION,
    )
    yield spec(
        "dual_dte",
        "session_zscore",
        "near ATM volatility less its mean of the session so far, over its standard deviation",
        unit="standard deviations",
        warmup=30,
        parameters=SESSION,
    )


def _moves() -> Iterator[FeatureSpec]:
    momentum = (*BOUNDS, "momentum_minutes")
    held = "change over {} minutes of the volatility of the {} expiry's strike that is at the money now"
    chosen = [("near", "nearest", n) for n in MINUTES]
    chosen += [("next", "next", 15), ("next", "next", 60), ("far", "far monthly", 60)]
    for role, words, n in chosen:
        yield spec(
            "dual_dte",
            f"momentum_{role}_{n}",
            held.format(n, words),
            bounds=GAP,
            warmup=n + 1,
            parameters=momentum,
        )
    yield spec(
        "dual_dte",
        "acceleration_near_15",
        "15-minute change of the volatility of the strike at the money now, less that strike's change in the 15 before",
        bounds=(-5.98, 5.98),
        warmup=31,
        parameters=momentum,
    )
    yield spec(
        "dual_dte",
        "volatility_near_30",
        "standard deviation in 30 bars of one-minute changes of held near ATM volatility: the volatility of volatility",
        bounds=POSITIVE,
        warmup=25,
        parameters=WINDOWED,
    )
    yield spec(
        "dual_dte",
        "realised_spread_60",
        "near ATM volatility less the realised volatility of the forward's one-minute returns in 60 bars, annualised",
        warmup=49,
        parameters=WINDOWED,
    )
    yield spec(
        "dual_dte",
        "realised_ratio_30",
        "realised volatility of the forward's one-minute returns in 30 bars over near ATM volatility",
        unit="ratio",
        bounds=POSITIVE,
        warmup=25,
        parameters=WINDOWED,
    )
    yield spec(
        "dual_dte",
        "spot_beta_60",
        "slope of one-minute changes of held near ATM volatility on the forward's log returns in 60 bars",
        unit="per year per log return",
        warmup=49,
        parameters=WINDOWED,
    )
    yield spec(
        "dual_dte",
        "spot_correlation_60",
        "correlation of one-minute changes of held near ATM volatility with the forward's log returns in 60 bars",
        unit="correlation",
        bounds=UNIT,
        warmup=49,
        parameters=WINDOWED,
    )
    surface = (
        ("shift", "vega-weighted mean 5-minute change of volatility of the near out-of-the-money options", GAP),
        (
            "tilt",
            "vega-weighted slope in log-moneyness over root time of the 5-minute changes of volatility of the near "
            "out-of-the-money options",
            ANY,
        ),
        (
            "velocity",
            "vega-weighted root mean square 5-minute change of volatility of the near out-of-the-money options",
            (0.0, 2.99),
        ),
    )
    for name, words, bounds in surface:
        yield spec("dual_dte", f"surface_{name}_5", words, bounds=bounds, warmup=6, parameters=SURFACE)


def _next_smile() -> Iterator[FeatureSpec]:
    yield spec(
        "dual_dte",
        "risk_reversal_next",
        "25-delta call volatility less 25-delta put volatility of the next expiry",
        bounds=GAP,
        parameters=WING,
    )
    yield spec(
        "dual_dte",
        "butterfly_next",
        "mean of the 25-delta wings less ATM volatility of the next expiry",
        bounds=GAP,
        parameters=WING,
    )
    yield spec(
        "dual_dte",
        "smile_slope_next",
        "slope at the forward of the vega-weighted parabola in log-moneyness over root time, next expiry",
        unit="per year per unit moneyness",
        parameters=FIT,
    )


def _ranks() -> Iterator[FeatureSpec]:
    def percentile(name: str, words: str, parameters: tuple[str, ...]) -> FeatureSpec:
        return spec("dual_dte", name, words, unit="fraction", bounds=SHARE, parameters=parameters)

    specific, wide = (
        "earlier sessions at the same days to expiry",
        "earlier sessions in the same range of days to expiry",
    )
    yield percentile(
        "percentile_atm_specific", f"percentile of near ATM volatility in {specific}", (*BOUNDS, *SPECIFIC)
    )
    yield percentile("percentile_atm_range", f"percentile of near ATM volatility in {wide}", (*BOUNDS, *RANGED))
    yield percentile(
        "percentile_atm_blend",
        "both percentiles of near ATM volatility, half and half where consistent, else by observations; one not yet "
        "learned is that in a lognormal around the typical volatility",
        BLEND,
    )
    yield percentile(
        "rank_atm_specific",
        f"near ATM volatility between its lowest and highest kept in {specific} or in this one",
        (*BOUNDS, *SPECIFIC),
    )
    yield percentile(
        "percentile_reversal_specific", f"percentile of the 25-delta risk reversal in {specific}", (*WING, *SPECIFIC)
    )
    yield percentile(
        "percentile_reversal_range", f"percentile of the 25-delta risk reversal in {wide}", (*WING, *RANGED)
    )
    yield percentile("percentile_butterfly_range", f"percentile of the 25-delta butterfly in {wide}", (*WING, *RANGED))
    yield percentile(
        "percentile_term_range",
        f"percentile of the next expiry's ATM volatility over the nearest's in {wide}",
        (*BOUNDS, *RANGED),
    )


def dual_dte() -> Iterator[FeatureSpec]:
    """The 35 features of group dual_dte."""
    yield from _levels()
    yield from _moves()
    yield from _next_smile()
    yield from _ranks()
