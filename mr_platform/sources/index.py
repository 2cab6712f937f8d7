"""Index levels: one-minute bars of a session, and the daily history, with every raw row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import pyarrow as pa

from mr_platform.errors import CalendarError, DataError
from mr_platform.market.sessions import Session, SessionCalendar
from mr_platform.sources.core import raw_profile
from mr_platform.sources.moments import read_moments
from mr_platform.sources.observations import read_field, said
from mr_platform.sources.profile import Profile
from mr_platform.sources.quarantine import quarantine_table
from schemas.tables import DAILY_BARS, INDEX_BARS

_PRICES = ("open", "high", "low", "close")
_IST = "Asia/Kolkata"


@dataclass(frozen=True)
class IndexResult:
    """``bars`` as core/index_bars or core/daily_bars; ``quarantine`` what they refused; rows counted in raw rows."""

    bars: pa.Table
    quarantine: pa.Table
    raw_rows: int
    reason: str


def build_index_bars(
    raws: Sequence[pa.Table], session: Session, symbol: str, *, as_of: datetime | None = None
) -> IndexResult:
    """One-minute bars stamped by their start, from all sources of the day; at a minute the first source's row stands.

    Levels outside the session (pre-open 09:08, official close 15:31) are refused as ``ts_outside_session``.
    """
    minutes = pl.Series(session.bar_minutes, dtype=pl.Int32).implode()
    rows, tables = _rows(raws, as_of)
    minute = pl.col("ts").dt.hour().cast(pl.Int32) * 60 + pl.col("ts").dt.minute().cast(pl.Int32)
    outside = (pl.col("ts").dt.date() != session.trade_date) | ~minute.is_in(minutes)
    rows = _coded(rows, {"key_null": pl.col("ts").is_null(), "ts_outside_session": outside}, "ts")
    kept = rows.filter(pl.col("code").is_null()).sort("ts")
    zoned = pl.col("ts").dt.replace_time_zone(_IST)
    bars = kept.select(
        pl.lit(symbol).alias("symbol"),
        zoned.alias("ts"),
        *_PRICES,
        pl.lit(1, pl.Int32).alias("raw_rows"),
        (zoned + pl.duration(minutes=pl.col("minutes"), time_unit="us")).alias("known_ts"),
    )
    metadata = {"symbol": symbol, "trade_date": session.trade_date.isoformat()}
    table = INDEX_BARS.conform(bars.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return _result(table.replace_schema_metadata(metadata), rows, tables, symbol)


def build_daily_bars(raws: Sequence[pa.Table], symbol: str, calendar: SessionCalendar) -> IndexResult:
    """The daily history, one row per session, known at that session's close; the first source's row stands.

    A date that is no session of the calendar, or lies outside its range, is refused as ``ts_outside_session``.
    """
    rows, tables = _rows(raws, None)
    rows = rows.with_columns(pl.col("ts").dt.date().alias("trade_date"))
    days = rows["trade_date"].unique().drop_nulls().to_list()
    closes = {day: _close(calendar, day) for day in days}
    known = pl.DataFrame(
        {"trade_date": days, "known": [closes[day] for day in days]},
        schema={"trade_date": pl.Date, "known": pl.Datetime("us")},
    )
    rows = rows.join(known, on="trade_date", how="left", maintain_order="left")
    rows = _coded(
        rows, {"key_null": pl.col("ts").is_null(), "ts_outside_session": pl.col("known").is_null()}, "trade_date"
    )
    kept = rows.filter(pl.col("code").is_null()).sort("trade_date")
    bars = kept.select(
        pl.lit(symbol).alias("symbol"),
        "trade_date",
        *_PRICES,
        pl.col("known").dt.replace_time_zone(_IST).alias("known_ts"),
    )
    table = DAILY_BARS.conform(bars.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return _result(table.replace_schema_metadata({"symbol": symbol}), rows, tables, symbol)


def _close(calendar: SessionCalendar, day: date) -> datetime | None:
    try:
        return calendar.session(day).close
    except CalendarError:
        return None


def _rows(raws: Sequence[pa.Table], as_of: datetime | None) -> tuple[pl.DataFrame, dict[str, pa.Table]]:
    """Rows of all sources in order of precedence: source, raw_row, ts (bar start), minutes, prices, unreadable."""
    ranked = sorted(((raw_profile(raw), raw) for raw in raws), key=lambda item: (item[0].precedence, item[0].name))
    if not ranked:
        raise DataError(
            rule="index bars are made from at least one raw source",
            value="none",
            place="index",
            remedy="ingest one first",
        )
    frame = pl.concat([_source_rows(profile, raw) for profile, raw in ranked], rechunk=True)
    if as_of is not None:
        ends = pl.col("ts") + pl.duration(minutes=pl.col("minutes"), time_unit="us")
        frame = frame.filter((ends <= as_of).fill_null(value=True))
    return frame, {profile.name: raw for profile, raw in ranked}


def _source_rows(profile: Profile, raw: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(raw)
    assert isinstance(frame, pl.DataFrame)
    ts = read_moments(frame, profile.time, profile.zone)["ts"]
    if profile.kind == "index":
        ts = ts.dt.offset_by("59s999999us") if profile.bar_label == "end" else ts
        ts = ts.dt.truncate("1m").dt.offset_by(f"-{profile.bar_minutes if profile.bar_label == 'end' else 0}m")
    prices, unreadable = [], pl.Series([False] * frame.height)
    for name in _PRICES:
        numbers, bad = read_field(frame, profile, name)
        prices.append(pl.Series(name, [None] * frame.height, dtype=pl.Float64) if numbers is None else numbers)
        unreadable = unreadable | bad if bad is not None else unreadable
    return pl.DataFrame(
        [
            pl.Series("source", [profile.name] * frame.height, dtype=pl.String),
            pl.Series("raw_row", range(frame.height), dtype=pl.Int64),
            ts.alias("ts"),
            pl.Series("minutes", [profile.bar_minutes] * frame.height, dtype=pl.Int64),
            *prices,
            unreadable.alias("unreadable"),
        ]
    )


def _coded(rows: pl.DataFrame, first: dict[str, pl.Expr], key: str) -> pl.DataFrame:
    """The code of the first rule each row breaks; then, among the sound ones, repeats of a key."""
    low, high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
    masks = first | {
        "value_unreadable": pl.col("unreadable"),
        "value_null": pl.col("close").is_null()
        | (pl.any_horizontal(pl.col(n).is_null() for n in _PRICES[:3]) & (key == "ts")),
        "negative_value": pl.any_horizontal(pl.col(n) <= 0 for n in _PRICES),
        "close_outside_range": (pl.col("low") > low) | (pl.col("high") < high),
    }
    code = pl.coalesce(pl.when(mask.fill_null(value=False)).then(pl.lit(name)) for name, mask in masks.items())
    rows = rows.with_columns(code.alias("code"), pl.Series("#at", range(rows.height), dtype=pl.UInt32))
    sound = rows.filter(pl.col("code").is_null())
    first_of = sound.unique(subset=[key], keep="first", maintain_order=True)["#at"]
    again = pl.col("code").is_null() & ~pl.col("#at").is_in(first_of.implode())
    return rows.with_columns(pl.when(again).then(pl.lit("key_duplicate")).otherwise(pl.col("code")).alias("code"))


_RULES = {
    "key_null": "the time is known",
    "ts_outside_session": "the bar lies inside a session of the exchange",
    "value_unreadable": "a level is a number",
    "value_null": "the levels are known",
    "negative_value": "a level is above zero",
    "close_outside_range": "open and close lie between low and high",
    "key_duplicate": "a time occurs once; the first row stays",
}


def _result(bars: pa.Table, rows: pl.DataFrame, tables: dict[str, pa.Table], symbol: str) -> IndexResult:
    refused = rows.filter(pl.col("code").is_not_null()).with_columns(
        said("ts", "close").alias("detail"),
        pl.col("code").replace_strict(_RULES, return_dtype=pl.String).alias("rule"),
        pl.lit(None, pl.Date).alias("expiry"),
        pl.lit(None, pl.Float64).alias("strike"),
    )
    parts = [
        quarantine_table(raw, refused.filter(pl.col("source") == name), symbol=symbol, source=name)
        for name, raw in tables.items()
    ]
    quarantine = pa.concat_tables(parts).combine_chunks()
    if bars.num_rows + quarantine.num_rows != rows.height:
        raise DataError(
            rule="raw rows = rows in core + rows in quarantine",
            value=f"{rows.height} raw, {bars.num_rows} in core, {quarantine.num_rows} in quarantine",
            place=symbol,
            remedy="rows were lost between source and core; ingest again",
        )
    told = ", ".join(f"{count} {code}" for code, count in Counter(refused["code"].to_list()).most_common(3))
    reason = "" if bars.num_rows else f"no bar is sound and inside the session; rows refused: {told}"
    return IndexResult(bars, quarantine, rows.height, reason)
