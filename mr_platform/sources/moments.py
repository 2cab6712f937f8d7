"""Times and dates as sources write them, read as naive IST wall clock."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mr_platform.sources.profile import Moment

_OFFSET = r"(?:[+-]\d{2}:?\d{2}|Z)$"
_EPOCH_YEAR = 1970


def present(moment: Moment, columns: Sequence[str]) -> bool:
    """Whether every column of the moment is there."""
    return all(name in columns for name in moment.columns)


def read_moments(frame: pl.DataFrame, choices: Sequence[Moment], zone: str) -> pl.DataFrame:
    """The first choice that can be read, row by row.

    Returns one row per row of ``frame``: ``ts`` naive IST (null where nothing fits) and ``coarse``, whether the
    text gave no seconds although another format of the same source does.
    """
    times = pl.DataFrame({"ts": pl.Series([None] * frame.height, dtype=pl.Datetime("us")), "coarse": False})
    for moment in choices:
        if not present(moment, frame.columns):
            continue
        found = _read(frame.select(moment.columns), moment, zone)
        later = times["ts"].is_null()
        times = times.select(
            pl.when(later).then(found["ts"]).otherwise(pl.col("ts")).alias("ts"),
            pl.when(later).then(found["coarse"]).otherwise(pl.col("coarse")).alias("coarse"),
        )
        if not times["ts"].has_nulls():
            break
    return times


def read_dates(values: pl.Series, formats: Sequence[str]) -> pl.Series:
    """Dates from text by the first format that fits, from dates or from timestamps (their IST date); null otherwise."""
    kind = values.dtype
    if kind == pl.Date:
        return values
    if isinstance(kind, pl.Datetime):
        return _to_ist(values, "IST").dt.date()
    text = _stripped(values)
    unique = text.unique().drop_nulls()
    dates = pl.Series(unique.name, [None] * unique.len(), dtype=pl.Date)
    for fmt in formats:
        option = unique.str.to_date(fmt, strict=False)
        # a two-digit year read by a four-digit format is no date of this millennium
        option = pl.select(pl.when(option.dt.year().is_between(1990, 2200)).then(option)).to_series()
        dates = dates.fill_null(option) if dates.len() else dates
    return _looked_up(text, unique, dates)


def _read(frame: pl.DataFrame, moment: Moment, zone: str) -> pl.DataFrame:
    typed = _typed(frame, zone)
    if typed is not None:
        return pl.DataFrame({"ts": typed, "coarse": False}, schema={"ts": pl.Datetime("us"), "coarse": pl.Boolean})
    parts = [_as_text(frame[name]) for name in frame.columns]
    for at, name in enumerate(frame.columns[:-1]):
        if isinstance(frame.schema[name], pl.Datetime):  # a date column that was stored as a timestamp
            parts[at] = frame[name].dt.strftime("%Y-%m-%d")
    text = pl.select(pl.concat_str(parts, separator=" ")).to_series()
    unique = text.unique().drop_nulls()
    ts = pl.Series([None] * unique.len(), dtype=pl.Datetime("us"))
    coarse = pl.Series([False] * unique.len(), dtype=pl.Boolean)
    some_fine = any("%S" in fmt or "%T" in fmt for fmt in moment.formats)
    for fmt in moment.formats:
        one = _to_ist(_parse(unique, fmt), zone)
        fresh = ts.is_null() & one.is_not_null()
        if some_fine and "%S" not in fmt and "%T" not in fmt:
            coarse = coarse | fresh
        ts = ts.fill_null(one) if ts.len() else ts
    return pl.DataFrame({"ts": _looked_up(text, unique, ts), "coarse": _looked_up(text, unique, coarse)}).with_columns(
        pl.col("coarse").fill_null(value=False)
    )


def _typed(frame: pl.DataFrame, zone: str) -> pl.Series | None:
    """Fast way for columns that already are times: a timestamp, or a date followed by a time of day."""
    last = frame[frame.columns[-1]]
    if isinstance(last.dtype, pl.Datetime):
        stamps = _to_ist(last, zone)
        if frame.width == 1 or (stamps.dt.year() > _EPOCH_YEAR).all():
            return stamps
        last = stamps.dt.time()
    if last.dtype == pl.Date and frame.width == 1:
        return last.cast(pl.Datetime("us"))
    if last.dtype == pl.Time and frame.width == 2:
        first = frame[frame.columns[0]]
        dates = read_dates(first, ("%Y-%m-%d", "%Y%m%d"))
        if dates.null_count() > first.null_count():
            return None
        day = dates.cast(pl.Datetime("us")).to_frame("day")
        both = day.with_columns(last.alias("clock")).select(pl.col("day") + pl.col("clock").cast(pl.Duration("us")))
        return _to_ist(both.to_series(), zone)
    return None


def _as_text(values: pl.Series) -> pl.Series:
    kind = values.dtype
    if kind == pl.Date:
        return values.dt.strftime("%Y-%m-%d")
    if kind == pl.Time:
        return values.dt.strftime("%H:%M:%S")
    if isinstance(kind, pl.Datetime):
        return values.dt.strftime("%Y-%m-%d %H:%M:%S")
    if kind.is_float():
        values = values.cast(pl.Int64, strict=False)
    # a whole number that once passed through a float column (91500.0), and seconds with an empty fraction
    text = _stripped(values).str.replace(r"^(\d+)\.0$", "${1}")
    return text.str.replace(r"(:\d{2})\.0+($|[+-]|Z)", "${1}${2}")


def _stripped(values: pl.Series) -> pl.Series:
    return values.cast(pl.String).str.strip_chars()


def _parse(text: pl.Series, fmt: str) -> pl.Series:
    """Texts of one format; a clock written as a bare number (91500) gets its leading zero."""
    if fmt.endswith(" %H%M%S") or fmt == "%H%M%S":
        text = text.str.replace(r"(^| )(\d{5})$", "${1}0${2}")
    if fmt.endswith("%z"):
        aware = text.filter(text.str.contains(_OFFSET)) if text.len() else text
        if aware.len() == 0:
            return pl.Series([None] * text.len(), dtype=pl.Datetime("us", "UTC"))
        plain = text.str.replace(r"Z$", "+00:00")
        return plain.str.to_datetime(fmt, strict=False, time_unit="us", time_zone="UTC")
    if "%H" not in fmt:
        return text.str.to_date(fmt, strict=False).cast(pl.Datetime("us"))
    return text.str.to_datetime(fmt, strict=False, time_unit="us", exact=True)


def _to_ist(values: pl.Series, zone: str) -> pl.Series:
    kind = values.dtype
    aware = isinstance(kind, pl.Datetime) and kind.time_zone is not None
    if not aware and zone == "UTC":
        values, aware = values.dt.replace_time_zone("UTC"), True
    if aware:
        values = values.dt.convert_time_zone("Asia/Kolkata").dt.replace_time_zone(None)
    return values.cast(pl.Datetime("us"))


def _looked_up(text: pl.Series, unique: pl.Series, values: pl.Series) -> pl.Series:
    """``values`` of the unique texts, spread over all rows."""
    table = pl.DataFrame({"text": unique, "value": values})
    rows = pl.DataFrame({"text": text})
    return rows.join(table, on="text", how="left", maintain_order="left")["value"]
