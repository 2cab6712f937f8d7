"""Observations to one-minute bars, call and put side by side.

Bars are kept (longer ones stamped by their start), ticks are gathered, snapshots become bars by last-known-at-minute:
the bar stamped t holds each leg's last snapshot before t + 1 min and is missing when that snapshot is older than
three minutes at the bar's close. Open, high and low come from the snapshots inside the minute; a carried bar has its
close, open interest, IV, Greeks and quotes alone. Volume is the difference of the running maximum of the cumulative
volume, null in a leg's first known bar, a gap's volume falling on the first bar after it. No bar looks at a later row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import polars as pl
import pyarrow as pa

from mr_platform.market.instruments import Instrument
from mr_platform.market.sessions import Session
from mr_platform.sources.observations import Observations, observe
from mr_platform.sources.profile import FUTURE_FIELDS, LEG_FIELDS, Profile
from schemas.tables import CORE_OPTION_CHAIN

# A snapshot may be three minutes old at a bar's close: it fills its own minute and the two after it.
CARRIED_MINUTES = 2
_KEY = ["expiry", "strike"]
_CORE = [column.name for column in CORE_OPTION_CHAIN.columns]
_WHOLE = ("volume", "oi")


@dataclass(frozen=True)
class Bars:
    """``frame``: the columns of core/option_chain and ``bar_row``, sorted by (ts, expiry, strike);
    ``lineage``: raw_row and the bar_row it stands in; ``futures``: raw_row and ts of the near future's rows;
    ``refused``: raw_row, code, detail, ts, expiry, strike; ``unseen``: rows later than as_of."""

    frame: pl.DataFrame
    lineage: pl.DataFrame
    futures: pl.DataFrame
    refused: pl.DataFrame
    unseen: int


def to_bars(
    raw: pa.Table, profile: Profile, session: Session, instrument: Instrument, *, as_of: datetime | None = None
) -> Bars:
    """One-minute bars of a raw symbol-day.

    ``as_of`` (naive IST) hides every row and bar that a clock stopped there could not know; a snapshot is then
    carried up to that clock, else up to the source's last snapshot, after which nobody looked at the market.
    ``known_ts`` is the bar's close: the exchange had said it by then, however late a collector wrote it down.
    Each raw row stands in exactly one bar (its own minute, expiry and strike), or in ``refused``, or is a future's.
    """
    seen = observe(raw, profile, session, instrument, as_of=as_of)
    if profile.observation == "snapshot":
        wide = _snapshot_bars(seen, session, as_of)
    elif profile.observation == "tick":
        wide = _joined([_tick_legs(part, legs, profile) for part, legs in _parts(seen.rows)])
    else:
        wide = _joined([_bar_legs(part, legs, profile) for part, legs in _parts(seen.rows)])
    wide = _with_spot(wide, seen.rows, session, profile, as_of)
    wide = _with_future(wide, seen.futures, profile)
    counts = seen.rows.group_by("minute", *_KEY).agg(pl.len().cast(pl.Int32).alias("raw_rows"))
    wide = wide.join(counts, on=["minute", *_KEY], how="left")
    frame = _core_columns(wide, session, instrument, profile)
    lineage = seen.rows.select("raw_row", "minute", *_KEY).join(
        frame.select("bar_row", "minute", *_KEY), on=["minute", *_KEY], how="inner", maintain_order="left"
    )
    futures = seen.futures.select("raw_row", _stamp(session, pl.col("minute")).alias("ts"))
    return Bars(frame.drop("minute"), lineage.select("raw_row", "bar_row"), futures, seen.refused, seen.unseen)


def _parts(rows: pl.DataFrame) -> list[tuple[pl.DataFrame, tuple[str, ...]]]:
    """The rows by side with their fields prefixed; rows that hold both legs stay together."""
    if "side" not in rows.columns:
        return [(rows, ("ce", "pe"))]
    parts: list[tuple[pl.DataFrame, tuple[str, ...]]] = []
    for leg in ("ce", "pe"):
        names = {name: f"{leg}_{name}" for name in rows.columns if name in LEG_FIELDS}
        parts.append((rows.filter(pl.col("side") == leg.upper()).rename(names), (leg,)))
    return parts


def _joined(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return reduce(lambda a, b: a.join(b, on=["minute", *_KEY], how="full", coalesce=True), parts)


def _fields(rows: pl.DataFrame, legs: Sequence[str], *names: str) -> list[str]:
    return [f"{leg}_{name}" for leg in legs for name in names if f"{leg}_{name}" in rows.columns]


def _bar_legs(rows: pl.DataFrame, legs: tuple[str, ...], profile: Profile) -> pl.DataFrame:
    future = [f"future_{f}" for f in FUTURE_FIELDS if "side" not in rows.columns and f"future_{f}" in rows.columns]
    bars = rows.select("minute", *_KEY, *_fields(rows, legs, *LEG_FIELDS), *future)
    return _bar_volume(bars.sort(*_KEY, "minute"), legs) if profile.volume == "cumulative" else bars


def _tick_legs(rows: pl.DataFrame, legs: tuple[str, ...], profile: Profile) -> pl.DataFrame:
    """First, highest, lowest and last print of the minute, summed quantity, last open interest."""
    ordered = rows.sort(*_KEY, "ts", "raw_row")
    total = pl.max if profile.volume == "cumulative" else pl.sum
    bars = ordered.group_by(*_KEY, "minute", maintain_order=True).agg(
        *(_price_aggregate(name) for name in _fields(rows, legs, "open", "high", "low", "close")),
        *(total(name) for name in _fields(rows, legs, "volume")),
        *(pl.col(name).last() for name in _fields(rows, legs, "oi", "bid", "ask", "iv")),
    )
    return _bar_volume(bars, legs) if profile.volume == "cumulative" else bars


def _price_aggregate(name: str) -> pl.Expr:
    price = pl.col(name)
    return {"open": price.first(), "high": price.max(), "low": price.min(), "close": price.last()}[name[3:]]


def _snapshot_bars(seen: Observations, session: Session, as_of: datetime | None) -> pl.DataFrame:
    last = _last_minute(seen.rows, session, as_of)
    parts = []
    for rows, legs in _parts(seen.rows):
        closes = _fields(rows, legs, "close")
        state = [n for n in _fields(rows, legs, *LEG_FIELDS) if n[3:] not in ("open", "high", "low", "volume")]
        made = (
            rows.sort(*_KEY, "ts", "collected", "raw_row")
            .group_by(*_KEY, "minute", maintain_order=True)
            .agg(
                *(pl.col(n).drop_nulls().first().alias(f"{n[:2]}_open") for n in closes),
                *(pl.col(n).max().alias(f"{n[:2]}_high") for n in closes),
                *(pl.col(n).min().alias(f"{n[:2]}_low") for n in closes),
                *(pl.col(n).last() for n in state),
                *(pl.col(n).max() for n in _fields(rows, legs, "volume")),
            )
        )
        parts.append(_carried(_bar_volume(made, legs), legs, session, last))
    return _joined(parts)


def _bar_volume(bars: pl.DataFrame, legs: Sequence[str]) -> pl.DataFrame:
    """Cumulative volume to the volume of each bar; ``bars`` sorted by expiry, strike, minute."""
    for name in _fields(bars, legs, "volume"):
        running = pl.col(name).cum_max().over(_KEY)
        before = running.forward_fill().shift(1).over(_KEY)
        bars = bars.with_columns((running - before).alias(name))
    return bars


def _carried(made: pl.DataFrame, legs: Sequence[str], session: Session, last: int) -> pl.DataFrame:
    """The bars made, and those that a snapshot not older than three minutes fills until the leg's next snapshot."""
    following = made.with_columns(pl.col("minute").shift(-1).over(_KEY).alias("#next"))
    empty = _fields(made, legs, "open", "high", "low")
    copies = [made]
    for step in range(1, CARRIED_MINUTES + 1):
        later = (
            following.with_columns(pl.col("minute") + step)
            .filter((pl.col("minute") < pl.col("#next").fill_null(1 << 20)) & (pl.col("minute") <= last))
            .drop("#next")
        )
        copies.append(
            later.with_columns(
                *(pl.lit(None, pl.Float64).alias(name) for name in empty),
                *(_carried_volume(name) for name in _fields(made, legs, "volume")),
            ).select(made.columns)
        )
    minutes = pl.Series(session.bar_minutes, dtype=pl.Int32).implode()
    return pl.concat(copies).filter(pl.col("minute").is_in(minutes))


def _carried_volume(name: str) -> pl.Expr:
    """Nothing new was seen: the running maximum stands still, so the difference is zero."""
    return pl.lit(0, pl.Int64).alias(name)


def _last_minute(rows: pl.DataFrame, session: Session, as_of: datetime | None) -> int:
    """Minute of the last bar that may exist: the last closed by ``as_of``, else that of the source's last snapshot."""
    if as_of is None:
        last = rows["minute"].max()
        return last if isinstance(last, int) else 0
    if as_of.date() != session.trade_date:
        return 24 * 60 if as_of.date() > session.trade_date else 0
    return as_of.hour * 60 + as_of.minute - 1


def _with_spot(
    wide: pl.DataFrame, rows: pl.DataFrame, session: Session, profile: Profile, as_of: datetime | None
) -> pl.DataFrame:
    """One index level a minute, the last one said, carried like any snapshot where the source is one."""
    if "spot" not in rows.columns:
        return wide.with_columns(pl.lit(None, pl.Float64).alias("spot"))
    said = rows.filter(pl.col("spot").is_not_null()).sort("ts", "raw_row").group_by("minute").agg(pl.col("spot").last())
    if profile.observation == "snapshot":
        said = said.sort("minute").with_columns(expiry=pl.lit(0), strike=pl.lit(0))
        said = _carried(said, (), session, _last_minute(rows, session, as_of)).drop("expiry", "strike")
    return wide.join(said, on="minute", how="left")


def _with_future(wide: pl.DataFrame, futures: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The near future's bar of the same minute beside every option bar."""
    names = [n for n in futures.columns if n.startswith("future_")]
    if futures.height == 0 or not names:
        return wide
    bars = (
        futures.sort("ts", "raw_row").group_by("minute", maintain_order=True).agg(_future_aggregate(n) for n in names)
    )
    return wide.drop([n for n in names if n in wide.columns]).join(bars, on="minute", how="left")


def _future_aggregate(name: str) -> pl.Expr:
    value, field = pl.col(name), name.removeprefix("future_")
    if field == "volume":
        return value.sum()
    return {"open": value.first(), "high": value.max(), "low": value.min()}.get(field, value.last())


def _core_columns(wide: pl.DataFrame, session: Session, instrument: Instrument, profile: Profile) -> pl.DataFrame:
    close = _stamp(session, pl.col("minute") + profile.bar_minutes)
    frame = wide.sort("minute", *_KEY).with_columns(
        pl.lit(instrument.symbol).alias("symbol"),
        _stamp(session, pl.col("minute")).alias("ts"),
        (pl.col("expiry") - pl.lit(session.trade_date)).dt.total_days().cast(pl.Int32).alias("dte"),
        pl.lit(profile.observation == "snapshot").alias("snapshot_made"),
        pl.col("raw_rows").fill_null(0),
        close.alias("known_ts"),
    )
    absent = [name for name in _CORE if name not in frame.columns]
    frame = frame.with_columns(
        pl.lit(None, pl.Int64 if name.endswith(_WHOLE) else pl.Float64).alias(name) for name in absent
    )
    return frame.select(*_CORE, "minute").with_columns(pl.Series("bar_row", range(frame.height), dtype=pl.Int64))


def _stamp(session: Session, minute: pl.Expr) -> pl.Expr:
    """Zone-aware timestamp of a minute of the session's day."""
    midnight = datetime.combine(session.trade_date, datetime.min.time())
    span = pl.duration(minutes=minute, time_unit="us")
    return (pl.lit(midnight, pl.Datetime("us")) + span).dt.replace_time_zone("Asia/Kolkata")
