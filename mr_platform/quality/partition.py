"""Rules about a whole symbol-day: how much of the session is there, and whether the feed stood still."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
import polars as pl
from numpy.typing import NDArray

COVERAGE_WARN = 0.95
COVERAGE_FAIL = 0.50
ROW_DROP_FAIL = 0.50
TRAILING_SESSIONS = 20
# Fewer sessions than this have no median worth failing a partition for.
TRAILING_MIN = 5
FROZEN_MINUTES = 3
ATM_WINGS = 7

_STATE = tuple(f"{side}_{field}" for side in ("ce", "pe") for field in ("close", "oi", "bid", "ask"))


def minute_of_day() -> pl.Expr:
    """Minutes since midnight (IST) of the bar's start."""
    return pl.col("ts").dt.hour().cast(pl.Int32) * 60 + pl.col("ts").dt.minute().cast(pl.Int32)


def coverage(core: pl.DataFrame, expected_minutes: int) -> float:
    """Share of the session's minutes in which at least one bar stands, in [0, 1]; 1 when no minute was due yet."""
    if expected_minutes <= 0:
        return 1.0
    return min(core["ts"].n_unique() / expected_minutes, 1.0) if core.height else 0.0


def row_drop(rows: int, trailing_rows: Sequence[int], due: float) -> float | None:
    """Share of bars lost against the median of up to 20 trailing sessions; None where fewer than five are known.

    ``due`` is the part of the session that has elapsed, so that an open session is not compared with whole ones.
    """
    usual = [count for count in trailing_rows if count > 0][-TRAILING_SESSIONS:]
    if len(usual) < TRAILING_MIN or due <= 0.0:
        return None
    return 1.0 - rows / (float(median(usual)) * due)


def frozen_minutes(core: pl.DataFrame) -> pl.Series:
    """The ``ts`` of minutes in which the whole chain repeats a state first reported three or more minutes before.

    Only minutes for which the source itself sent rows count: a snapshot carried over a gap repeats by construction.
    Counted backward, so a minute's verdict never changes when later minutes arrive.
    """
    state = core.select("expiry", "strike", *_STATE)
    minutes = (
        core.select("ts", "raw_rows")
        .with_columns(state=state.hash_rows(seed=0))
        .group_by("ts")
        .agg(state=pl.col("state").bitwise_xor(), own=pl.col("raw_rows").sum())
        .filter(pl.col("own") > 0)
        .sort("ts")
        .with_columns(run=(pl.col("state") != pl.col("state").shift(1)).fill_null(value=True).cum_sum())
        .with_columns(since=pl.col("ts").first().over("run"))
    )
    repeated = pl.col("ts") - pl.col("since") >= pl.duration(minutes=FROZEN_MINUTES)
    return minutes.filter(repeated)["ts"]


def missing_strikes(core: pl.DataFrame, levels: pl.DataFrame, step: float) -> int:
    """How many of the strikes ATM-7 .. ATM+7 of the nearest expiry are absent, summed over the minutes present.

    ``levels`` gives (ts, expiry, forward) as of each minute; minutes without a forward are not judged.
    """
    if core.height == 0:
        return 0
    near = core.filter(pl.col("expiry") == pl.col("expiry").min()).select("ts", "expiry", "strike")
    near = near.join(levels.select("ts", "expiry", "forward"), on=["ts", "expiry"], how="left")
    away = ((pl.col("strike") - (pl.col("forward") / step).round() * step) / step).round(6)
    near = near.filter(pl.col("forward").is_not_null()).with_columns(away=away)
    wanted = 2 * ATM_WINGS + 1
    inside = (pl.col("away").abs() <= ATM_WINGS) & (pl.col("away") == pl.col("away").round())
    per_minute = near.group_by("ts").agg(present=pl.col("away").filter(inside).n_unique())
    return int((wanted - per_minute["present"]).sum())


def strikes_off_grid(bars: pl.DataFrame, step: float) -> tuple[NDArray[np.bool_], bool]:
    """Which bars' strikes lie off the grid, and whether the chain's own grid is finer than the table's.

    A strike is on the grid when it is a multiple of ``step`` (far strikes are listed every 100, 200 or 500 points:
    multiples of the step all). Where the commonest distance between neighbours of one minute and expiry is finer and
    divides ``step``, the exchange has narrowed the grid: that minute is judged by its own step.
    """
    strikes = bars["strike"].fill_null(0.0).to_numpy()
    off = np.abs(strikes / step - np.round(strikes / step)) > 1e-6
    if not off.any():
        return off, False
    doubtful = bars.filter(pl.Series(off)).select("ts", "expiry").unique()
    gaps = (
        bars.select("ts", "expiry", "strike")
        .join(doubtful, on=["ts", "expiry"])
        .unique()
        .sort("ts", "expiry", "strike")
        .with_columns(gap=pl.col("strike").diff().over("ts", "expiry"))
        .drop_nulls("gap")
        .group_by("ts", "expiry")
        .agg(own_step=pl.col("gap").mode().max(), gaps=pl.len())
    )
    finer = gaps.filter(
        (pl.col("gaps") >= 2 * ATM_WINGS)
        & (pl.col("own_step") < step)
        & ((step / pl.col("own_step")).round() * pl.col("own_step") == step)
    )
    if finer.height == 0:
        return off, False
    joined = bars.select("ts", "expiry", "strike").join(finer, on=["ts", "expiry"], how="left", maintain_order="left")
    own = joined["own_step"].fill_null(step).to_numpy()
    return off & (np.abs(strikes / own - np.round(strikes / own)) > 1e-6), True
