"""Raw symbol-days to the canonical, validated chain, with every raw row accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import pyarrow as pa

from mr_platform.errors import DataError
from mr_platform.market.instruments import Instrument
from mr_platform.market.sessions import Session
from mr_platform.quality.report import QualityReport, quality_report
from mr_platform.quality.rules import Validated, validate
from mr_platform.sources.bars import Bars, to_bars
from mr_platform.sources.moments import read_moments
from mr_platform.sources.profile import Profile, load_profile
from mr_platform.sources.quarantine import quarantine_table
from schemas.tables import CORE_OPTION_CHAIN

_EMPTY_REASON = "no row lies inside the session"


@dataclass(frozen=True)
class CoreResult:
    """``core`` and ``quarantine`` tables as in schemas; ``quality`` the partition's report, ``report`` the same as a
    document with the sources behind it; ``validated`` what validation said."""

    core: pa.Table
    quarantine: pa.Table
    quality: QualityReport
    report: dict[str, object]
    validated: Validated


def build_core(
    raws: Sequence[pa.Table],
    session: Session,
    instrument: Instrument,
    *,
    index_bars: pa.Table | None = None,
    as_of: datetime | None = None,
    trailing_rows: Sequence[int] = (),
) -> CoreResult:
    """The core chain of a symbol-day from the raw tables of all its sources.

    One source stands for the day: that of the lowest ``precedence`` (warehouse bars 5, one-minute bars 10, ticks 20,
    snapshots 30, longer bars 40; then by name) that has a bar; the rows of the others are refused as
    ``source_superseded``, since bars of different making do not mix in one series. Where the chain says no spot, it
    comes from ``index_bars`` (core/index_bars). ``as_of`` (naive IST) hides what was not yet known.
    Raises DataError unless raw rows = rows in core + rows in quarantine.
    """
    if not raws:
        raise DataError(
            rule="a core partition is made from at least one raw source",
            value="none",
            place=f"{instrument.symbol} {session.trade_date}",
            remedy="ingest the symbol-day first",
        )
    ranked = sorted(((raw_profile(raw), raw) for raw in raws), key=lambda item: (item[0].precedence, item[0].name))
    chosen, bars = _choose(ranked, session, instrument, as_of)
    profile, raw = ranked[chosen]
    frame = _with_index(bars.frame, index_bars, as_of).rechunk()
    validated = validate(
        frame,
        session=session,
        instrument=instrument,
        trade_date=session.trade_date,
        trailing_rows=trailing_rows,
        expected_minutes=_due(session, profile, as_of),
    )
    core, refused = _account(frame, bars, validated, session)
    quarantines = [quarantine_table(raw, refused, symbol=instrument.symbol, source=profile.name)]
    seen = raw.num_rows - bars.unseen
    for at, (other, table) in enumerate(ranked):
        if at != chosen:
            superseded = _superseded(table, other, profile, as_of)
            seen += superseded.height
            quarantines.append(quarantine_table(table, superseded, symbol=instrument.symbol, source=other.name))
    quarantine = pa.concat_tables(quarantines).combine_chunks()
    quality = quality_report(
        _replaced(validated, core),
        quarantine,
        symbol=instrument.symbol,
        trade_date=session.trade_date,
        raw_rows=seen,
    )
    underlying = _underlying(core)
    table = CORE_OPTION_CHAIN.conform(core.to_arrow(compat_level=pl.CompatLevel.oldest()))
    metadata = {
        "symbol": instrument.symbol,
        "trade_date": session.trade_date.isoformat(),
        "profile": profile.name,
        "underlying": underlying,
    }
    sources = [item.name for item, _ in ranked]
    report = quality.as_dict() | {"profile": profile.name, "sources": sources, "unseen_rows": bars.unseen}
    if core.height == 0:
        reason = validated.reason or _EMPTY_REASON
        why = Counter(quarantine["code"].to_pylist()).most_common(3)
        told = ", ".join(f"{count} {code}" for code, count in why)
        report |= {"status": "empty", "reason": f"{reason}; rows refused: {told}" if why else reason}
    return CoreResult(table.replace_schema_metadata(metadata), quarantine, quality, report, validated)


def raw_profile(raw: pa.Table) -> Profile:
    """The profile that a raw table names in its metadata."""
    name = (raw.schema.metadata or {}).get(b"profile", b"").decode()
    return load_profile(name)


def _choose(
    ranked: Sequence[tuple[Profile, pa.Table]], session: Session, instrument: Instrument, as_of: datetime | None
) -> tuple[int, Bars]:
    first: Bars | None = None
    for at, (profile, raw) in enumerate(ranked):
        bars = to_bars(raw, profile, session, instrument, as_of=as_of)
        if bars.frame.height:
            return at, bars
        first = first or bars
    assert first is not None
    return 0, first


def _due(session: Session, profile: Profile, as_of: datetime | None) -> int | None:
    """How many bars could have closed by ``as_of``, at the source's own spacing; None for a whole session."""
    if as_of is None and profile.bar_minutes == 1:
        return None
    minutes = session.bar_minutes
    if as_of is not None:
        if as_of.date() != session.trade_date:
            count = session.n_bars if as_of.date() > session.trade_date else 0
        else:
            count = int((minutes < as_of.hour * 60 + as_of.minute).sum())
    else:
        count = session.n_bars
    return -(-count // profile.bar_minutes)


def _with_index(frame: pl.DataFrame, index_bars: pa.Table | None, as_of: datetime | None) -> pl.DataFrame:
    if index_bars is None or index_bars.num_rows == 0:
        return frame
    index = pl.from_arrow(index_bars.select(["ts", "close", "known_ts"]))
    assert isinstance(index, pl.DataFrame)
    if as_of is not None:
        index = index.filter(pl.col("known_ts").dt.replace_time_zone(None) <= as_of)
    index = index.select("ts", pl.col("close").alias("#index")).unique("ts", keep="first", maintain_order=True)
    joined = frame.join(index, on="ts", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("spot", "#index").alias("spot")).drop("#index")


def _account(
    frame: pl.DataFrame, bars: Bars, validated: Validated, session: Session
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Core with the future's raw rows counted in, and all refused raw rows.

    A future's row stands in the first core bar of its minute: its values are beside every one of them.
    """
    by_bar = bars.lineage.join(validated.refused.select("bar_row", "code", "rule", "detail"), on="bar_row", how="inner")
    keys = frame.select("bar_row", pl.col("ts").dt.replace_time_zone(None), "expiry", "strike")
    by_bar = by_bar.join(keys, on="bar_row", how="left").drop("bar_row")
    core = validated.core
    standing = bars.futures.join(core.select("ts").unique(), on="ts", how="semi")
    stray = bars.futures.join(core.select("ts").unique(), on="ts", how="anti").select(
        "raw_row",
        pl.lit("future_without_chain").alias("code"),
        pl.lit("no option bar of the minute stands in core").alias("detail"),
        pl.col("ts").dt.replace_time_zone(None),
        pl.lit(None, pl.Date).alias("expiry"),
        pl.lit(None, pl.Float64).alias("strike"),
    )
    if standing.height:
        counts = standing.group_by("ts").agg(pl.len().cast(pl.Int32).alias("#future"))
        core = core.join(counts, on="ts", how="left", maintain_order="left")
        leading = pl.col("ts") != pl.col("ts").shift(1)
        extra = pl.when(leading.fill_null(value=True)).then(pl.col("#future").fill_null(0)).otherwise(0)
        core = core.with_columns((pl.col("raw_rows") + extra).cast(pl.Int32).alias("raw_rows")).drop("#future")
    refused = pl.concat([bars.refused, stray, by_bar], how="diagonal_relaxed")
    return core, refused


def _superseded(raw: pa.Table, profile: Profile, by: Profile, as_of: datetime | None) -> pl.DataFrame:
    frame = pl.from_arrow(raw)
    assert isinstance(frame, pl.DataFrame)
    ts = read_moments(frame, profile.time, profile.zone)["ts"]
    rows = pl.DataFrame({"raw_row": pl.Series(range(frame.height), dtype=pl.Int64), "ts": ts})
    if as_of is not None:
        rows = rows.filter((pl.col("ts") < as_of).fill_null(value=True))
    return rows.select(
        "raw_row",
        pl.lit("source_superseded").alias("code"),
        pl.lit(f"{by.name} stands for the day").alias("detail"),
        "ts",
        pl.lit(None, pl.Date).alias("expiry"),
        pl.lit(None, pl.Float64).alias("strike"),
    )


def _replaced(validated: Validated, core: pl.DataFrame) -> Validated:
    return Validated(
        core=core,
        refused=validated.refused,
        counts=validated.counts,
        coverage=validated.coverage,
        warned=validated.warned,
        status=validated.status,
        reason=validated.reason,
    )


def _underlying(core: pl.DataFrame) -> str:
    """What features take for the underlying: the listed future where there is one, else spot, else parity's forward."""
    if core["future_close"].is_not_null().any():
        return "future"
    return "spot" if core["spot"].is_not_null().any() else "forward"
