"""Price bounds that hold without any model: the parity forward of each minute, and how far a price is from it.

Everything here looks at one minute at a time, so nothing about a bar depends on what came later.
"""

from __future__ import annotations

import polars as pl

# Pairs around the money from which the forward is taken; the median of seven survives three stale legs.
FORWARD_PAIRS = 7
MIN_PAIRS = 3

# A last trade may be as old as the session (or older, deep in the money), and the underlying has moved since.
# In real sessions the shortfall against same-minute parity stays below 1.5 % of the forward in bars that traded (2022)
# and below 1.1 % in whole-day snapshots (2025, 2026); trades of days ago stand 2 to 7 % off (2019).
STALENESS_TOLERANCE = 0.02

# Upper bound of the money-market rate: an undiscounted intrinsic value overstates the bound by at most this carry.
RATE_CEILING = 0.10
# Rate for the expected parity residual, near the Indian overnight rate; what it misses lies far below RESIDUAL_FLOOR.
RATE_TYPICAL = 0.065

RESIDUAL_DEVIATIONS = 5.0
# Share of the forward below which a parity residual is the spread of two quotes, not a wrong price.
RESIDUAL_FLOOR = 0.0005
# Standard deviations per median absolute deviation of a normal variable.
MAD_TO_SIGMA = 1.4826

_GROUP = ("ts", "expiry")


def parity_levels(bars: pl.DataFrame) -> pl.DataFrame:
    """Forward of each (ts, expiry) from put-call parity, and the spread of parity residuals around it.

    ``bars`` needs ts, expiry, strike, dte, ce_close, pe_close. The forward is the median of K + C - P over the seven
    pairs nearest to the median of all pairs: near the money the discount factor cancels (put-call parity; Hull,
    Options, Futures and Other Derivatives). Returns ts, expiry, ``forward`` (index points, null below three pairs)
    and ``residual_sigma`` (1.4826 x median absolute residual, index points).
    """
    pairs = bars.select(*_GROUP, "strike", "dte", spread=pl.col("ce_close") - pl.col("pe_close")).drop_nulls()
    pairs = pairs.with_columns(implied=pl.col("strike") + pl.col("spread"))
    centres = pairs.group_by(_GROUP).agg(centre=pl.col("implied").median())
    forwards = (
        pairs.join(centres, on=_GROUP)
        .with_columns(distance=(pl.col("strike") - pl.col("centre")).abs())
        .sort("distance", "strike")
        .group_by(_GROUP)
        .agg(forward=pl.when(pl.len() >= MIN_PAIRS).then(pl.col("implied").head(FORWARD_PAIRS).median()))
    )
    return (
        pairs.join(forwards, on=_GROUP)
        .group_by(_GROUP)
        .agg(
            forward=pl.col("forward").first(), residual_sigma=MAD_TO_SIGMA * _residual(pl.col("spread")).abs().median()
        )
    )


def reference_level() -> pl.Expr:
    """What prices are held against: the same minute's parity forward of the expiry, else the future, else the spot."""
    return pl.coalesce("forward", "future_close", "spot")


def below_intrinsic() -> pl.Expr:
    """A leg's close lies below its intrinsic value by more than the tolerance; null prices never do."""
    level, slack = reference_level(), _tolerance()
    call = (level - pl.col("strike")).clip(lower_bound=0.0) - pl.col("ce_close") > slack
    put = (pl.col("strike") - level).clip(lower_bound=0.0) - pl.col("pe_close") > slack
    return call.fill_null(value=False) | put.fill_null(value=False)


def above_forward() -> pl.Expr:
    """A call above the forward, or a put above its strike, by more than the tolerance; null prices never are."""
    level, slack = reference_level(), _tolerance()
    call = pl.col("ce_close") - level > slack
    put = pl.col("pe_close") - pl.col("strike") > slack
    return call.fill_null(value=False) | put.fill_null(value=False)


def parity_outlier() -> pl.Expr:
    """The pair's parity residual lies beyond five robust deviations of its own minute and expiry."""
    sigma = pl.max_horizontal(pl.col("residual_sigma"), RESIDUAL_FLOOR * pl.col("forward"))
    residual = _residual(pl.col("ce_close") - pl.col("pe_close"))
    return (residual.abs() > RESIDUAL_DEVIATIONS * sigma).fill_null(value=False)


def _tolerance() -> pl.Expr:
    """Index points by which a last trade may breach a static bound: staleness plus the carry to expiry."""
    return reference_level() * (STALENESS_TOLERANCE + 1.0 - _discount(RATE_CEILING))


def _residual(spread: pl.Expr) -> pl.Expr:
    return spread - _discount(RATE_TYPICAL) * (pl.col("forward") - pl.col("strike"))


def _discount(rate: float) -> pl.Expr:
    return (-rate / 365.0 * pl.col("dte").cast(pl.Float64)).exp()
