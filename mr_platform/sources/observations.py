"""Raw rows to observations: the same rows in canonical names, units and clock, and those that cannot be such.

Every raw row known by ``as_of`` ends up in exactly one of three frames: ``rows`` (option observations), ``futures``
(the near listed future) or ``refused`` (with the code of the first rule it breaks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import pyarrow as pa

from mr_platform.errors import UsageError
from mr_platform.market.instruments import Instrument
from mr_platform.market.sessions import Session
from mr_platform.sources.moments import read_dates, read_moments
from mr_platform.sources.profile import FUTURE_FIELDS, LEG_FIELDS, Profile

SIDES = ("CE", "PE")
# Counts are whole numbers that a double holds exactly; no price, count or Greek is near that.
_BEYOND = 2.0**53
# What text tables of any make write for "no value".
_MISSING_WORDS = frozenset(("", "nan", "null", "none", "na", "n/a"))

# Row rules, in the order in which they are tried; those of quality.rules keep its codes.
ROW_RULES: dict[str, str] = {
    "contract_unknown": "the row names an option, or the near future, of the partition's underlying",
    "future_not_used": "only the near future stands in the canonical chain",
    "key_null": "ts, expiry, strike and side are known",
    "ts_outside_session": "ts lies inside the trading windows of the trade date",
    "expiry_past": "expiry is not before the trade date",
    "failed_call": "a snapshot holds a price or open interest of some contract",
    "value_unreadable": "a value is a number or one of the profile's words for missing",
    "lot_unknown": "the contract size is known where volume or open interest come in contracts",
    "snapshot_repeated": "a contract's state at one exchange time counts once",
    "key_duplicate": "(ts, expiry, strike, side) occurs once; the first sound row stays",
    "future_without_chain": "the future's bar stands beside an option bar of the same minute",
    "source_superseded": "one source stands for a symbol-day: the one of the best precedence",
}
REFUSED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "raw_row": pl.Int64,
    "code": pl.String,
    "detail": pl.String,
    "ts": pl.Datetime("us"),
    "expiry": pl.Date,
    "strike": pl.Float64,
}


@dataclass(frozen=True)
class Observations:
    """``rows``: raw_row, ts (naive IST), minute, expiry, strike, side (long shapes), collected, spot and fields;
    ``futures``: raw_row, ts, minute and future fields; ``refused``: see REFUSED_SCHEMA; ``unseen`` rows after as_of."""

    rows: pl.DataFrame
    futures: pl.DataFrame
    refused: pl.DataFrame
    unseen: int


def observe(
    raw: pa.Table, profile: Profile, session: Session, instrument: Instrument, *, as_of: datetime | None = None
) -> Observations:
    """Read a raw symbol-day by its profile. ``as_of`` naive IST: later rows are unseen, neither kept nor refused.

    The source's own (exchange) time decides what was seen; volume and open interest come out in units of the
    underlying, IV as a fraction, ``ts`` as the bar's start for bars and as the moment itself otherwise.
    """
    frame = pl.from_arrow(raw)
    assert isinstance(frame, pl.DataFrame)
    frame = frame.with_columns(pl.Series("raw_row", range(frame.height), dtype=pl.Int64))
    times = read_moments(frame, profile.time, profile.zone)
    frame = frame.with_columns(_start(times["ts"], profile).alias("#ts"), times["coarse"].alias("#coarse"))
    total = frame.height
    if as_of is not None:
        frame = frame.filter(_seen(profile, as_of).fill_null(value=True))
    rows, unreadable = _canonical(frame, profile)
    rows = _in_units(rows, profile, session, instrument)
    code = _codes(rows, unreadable, profile, session, instrument)
    rows = rows.with_columns(code.alias("#code"))
    rows = _repeats(rows, profile)
    refused = _refused(rows, unreadable)
    kept = rows.filter(pl.col("#code").is_null())
    futures = kept.filter(pl.col("#future") == "near").select(
        "raw_row", "ts", "minute", "collected", *(f"future_{f}" for f in FUTURE_FIELDS if f"future_{f}" in kept.columns)
    )
    kept = kept.filter(pl.col("#future").is_null()).drop("#code", "#future", "#coarse", "#lot")
    return Observations(kept, futures, refused, total - frame.height)


def moments_of(raw: pa.Table, profile: Profile) -> pl.Series:
    """The moment each raw row tells of, naive IST: a bar's start, or when the snapshot or tick was."""
    frame = pl.from_arrow(raw)
    assert isinstance(frame, pl.DataFrame)
    return _start(read_moments(frame, profile.time, profile.zone)["ts"], profile)


def leg_columns(rows: pl.DataFrame) -> list[str]:
    """Value columns of the observations: leg fields, with their prefix in wide shapes."""
    known = {*LEG_FIELDS, *(f"{leg}_{field}" for leg in ("ce", "pe") for field in LEG_FIELDS)}
    return [name for name in rows.columns if name in known]


def _start(ts: pl.Series, profile: Profile) -> pl.Series:
    """A bar's start on the minute: END labels (09:16:00 and 09:15:59 alike) shifted by the bar's length."""
    if profile.observation != "bar":
        return ts
    if profile.bar_label == "start":
        return ts.dt.truncate("1m")
    return ts.dt.offset_by("59s999999us").dt.truncate("1m").dt.offset_by(f"-{profile.bar_minutes}m")


def _seen(profile: Profile, as_of: datetime) -> pl.Expr:
    if profile.observation == "bar":
        return pl.col("#ts").dt.offset_by(f"{profile.bar_minutes}m") <= as_of
    return pl.col("#ts") < as_of


def _canonical(frame: pl.DataFrame, profile: Profile) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """Canonical columns beside raw_row, and for each value column the rows whose text is no number."""
    rows = frame.select("raw_row", pl.col("#ts").alias("ts"), "#coarse")
    rows = rows.with_columns(
        (pl.col("ts").dt.hour().cast(pl.Int32) * 60 + pl.col("ts").dt.minute().cast(pl.Int32)).alias("minute")
    )
    collected = None if profile.collected is None else read_moments(frame, (profile.collected,), "IST")["ts"]
    rows = rows.with_columns(
        pl.lit(None, pl.Datetime("us")).alias("collected") if collected is None else collected.alias("collected")
    )
    rows = rows.with_columns(_keys(frame, profile))
    unreadable: dict[str, pl.Series] = {}
    values = []
    for field in profile.columns:
        if field in ("symbol", "expiry", "strike", "side"):
            continue
        series, bad = read_field(frame, profile, field)
        if series is not None:
            values.append(series)
        if bad is not None:
            unreadable[field] = bad
    rows = rows.with_columns(values)
    if profile.units["iv"] == "percent":
        rows = rows.with_columns(pl.col(name) / 100.0 for name in ("iv", "ce_iv", "pe_iv") if name in rows.columns)
    if profile.contract is not None:  # a contract file's rows of the future carry the same columns as its options
        near = pl.col("#future") == "near"
        rows = rows.with_columns(
            pl.when(near).then(pl.col(f)).alias(f"future_{f}") for f in FUTURE_FIELDS if f in rows.columns
        )
    return rows, unreadable


def _keys(frame: pl.DataFrame, profile: Profile) -> list[pl.Series]:
    """expiry, strike, side and what kind of future the row is (``near``, ``other``; null for options)."""
    contract = profile.contract
    empty = pl.Series("#future", [None] * frame.height, dtype=pl.String)
    if contract is not None and contract.column in frame.columns and "_strike" not in frame.columns:
        return _contract_keys(frame[contract.column].cast(pl.String), profile)

    def source(field: str) -> pl.Series | None:
        fact = f"_{field}"
        names = [name for name in profile.columns.get(field, ()) if name in frame.columns]
        if fact in frame.columns and (not names or field in profile.prefer_path):
            names = [fact]
        if len(names) < 2:
            return frame[names[0]] if names else None
        return frame.select(pl.coalesce(pl.col(name).cast(pl.String) for name in names)).to_series()

    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    expiry, strike, side = source("expiry"), source("strike"), source("side")
    keys = [
        read_dates(nothing if expiry is None else expiry, profile.expiry_formats).alias("expiry"),
        read_numbers(nothing if strike is None else strike, profile.sentinels("strike"))[0].alias("strike"),
        empty,
    ]
    if profile.shape not in ("wide", "website"):
        text = (nothing if side is None else side).cast(pl.String).str.strip_chars().str.to_uppercase()
        keys.append(text.replace_strict(dict(profile.sides), default=None, return_dtype=pl.String).alias("side"))
    return keys


def _contract_keys(text: pl.Series, profile: Profile) -> list[pl.Series]:
    contract = profile.contract
    assert contract is not None
    unique = text.unique().drop_nulls()
    options = [contract.option.match(value.strip()) for value in unique]
    futures = [contract.future.match(value.strip()) if contract.future else None for value in unique]
    groups = [hit.groupdict() if hit else {} for hit in options]
    table = pl.DataFrame(
        {
            "text": unique,
            "expiry": read_dates(pl.Series([g.get("expiry") for g in groups], dtype=pl.String), profile.expiry_formats),
            "strike": pl.Series([g.get("strike") for g in groups], dtype=pl.String).cast(pl.Float64, strict=False),
            "side": pl.Series([profile.sides.get((g.get("side") or "").upper()) for g in groups], dtype=pl.String),
            "#future": pl.Series(
                [
                    None
                    if option
                    else (("near" if hit["rank"].upper() == contract.near else "other") if hit else "unknown")
                    for option, hit in zip(options, futures, strict=True)
                ],
                dtype=pl.String,
            ),
        }
    )
    found = pl.DataFrame({"text": text}).join(table, on="text", how="left", maintain_order="left")
    return [found["expiry"], found["strike"], found["side"], found["#future"]]


def read_field(frame: pl.DataFrame, profile: Profile, field: str) -> tuple[pl.Series | None, pl.Series | None]:
    """Numbers of a canonical field, row by row from the first of its columns that says one, and the unreadable texts.

    Files of several layouts may stand in one raw table, each with a column of its own for the field.
    """
    found: pl.Series | None = None
    bad: pl.Series | None = None
    for name in profile.columns.get(field, ()):
        if name in frame.columns:
            numbers, wrong = read_numbers(frame[name], profile.sentinels(field))
            found = numbers if found is None else found.fill_null(numbers)
            bad = wrong if bad is None else (bad if wrong is None else bad | wrong)
    return (None if found is None else found.alias(field)), bad


def read_numbers(values: pl.Series, sentinels: frozenset[str]) -> tuple[pl.Series, pl.Series | None]:
    """Numbers as float64: NaN and the sentinels become null. Also which values are neither a number nor missing:
    texts that say none, and what no market says (infinite, or beyond a 64-bit count)."""
    marks = [number for number in (_number(text) for text in sentinels) if number is not None]
    bad = None
    if values.dtype == pl.String:
        text = values.str.strip_chars().str.replace_all(",", "", literal=True)
        words = sorted({text.lower() for text in sentinels} | _MISSING_WORDS)
        absent = text.is_null() | text.str.to_lowercase().is_in(words)
        numbers = text.cast(pl.Float64, strict=False)
        bad = ~absent & (numbers.is_null() | ~(numbers.abs() < _BEYOND).fill_null(value=True))
        numbers = pl.select(pl.when(~absent).then(numbers)).to_series()
    else:
        numbers = values.cast(pl.Float64, strict=False).fill_nan(None)
        bad = (numbers.abs() >= _BEYOND).fill_null(value=False)
    numbers = pl.select(pl.when(~bad).then(numbers)).to_series()
    bad = bad if bad.any() else None
    if marks:
        numbers = pl.select(pl.when(~numbers.is_in(marks)).then(numbers)).to_series()
    return numbers.rename(values.name), bad


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _in_units(rows: pl.DataFrame, profile: Profile, session: Session, instrument: Instrument) -> pl.DataFrame:
    """Volume and open interest in units of the underlying, as whole numbers; #lot null where the size is unknown."""
    if "contracts" not in (profile.units["oi"], profile.units["volume"]):
        scaled = rows.with_columns(pl.lit(1.0).alias("#lot"))
    else:
        expiries = rows["expiry"].unique().drop_nulls()
        sizes: list[float | None] = []
        for expiry in expiries:
            try:
                sizes.append(float(instrument.lot_size(session.trade_date, expiry)))
            except UsageError:
                sizes.append(None)
        lots = pl.DataFrame({"expiry": expiries, "#lot": pl.Series(sizes, dtype=pl.Float64)})
        scaled = rows.join(lots, on="expiry", how="left", maintain_order="left")
    amounts = [n for n in rows.columns if n.endswith(("volume", "oi"))]
    return scaled.with_columns(
        (
            pl.col(name)
            * (pl.col("#lot") if profile.units["oi" if name.endswith("oi") else "volume"] == "contracts" else 1.0)
        )
        .round()
        .cast(pl.Int64, strict=False)
        for name in amounts
    )


def _codes(
    rows: pl.DataFrame, unreadable: dict[str, pl.Series], profile: Profile, session: Session, instrument: Instrument
) -> pl.Series:
    minutes = pl.Series(session.bar_minutes, dtype=pl.Int32).implode()
    inside = (pl.col("ts").dt.date() == session.trade_date) & pl.col("minute").is_in(minutes)
    keys = ["ts"] + (["expiry", "strike"] + (["side"] if "side" in rows.columns else []))
    option_null = pl.any_horizontal(pl.col(name).is_null() for name in keys)
    future = pl.col("#future")
    bad = pl.Series([False] * rows.height, dtype=pl.Boolean)
    for flags in unreadable.values():
        bad = bad | flags
    masks = {
        "contract_unknown": future == "unknown",
        "future_not_used": future == "other",
        "key_null": pl.when(future == "near").then(pl.col("ts").is_null()).otherwise(option_null),
        "ts_outside_session": ~inside,
        "expiry_past": pl.col("expiry") < session.trade_date,
        "failed_call": _failed(rows) if profile.observation == "snapshot" else pl.lit(value=False),
        "value_unreadable": pl.lit(bad),
        "lot_unknown": pl.col("#lot").is_null() & future.is_null(),
    }
    code = pl.coalesce(pl.when(mask.fill_null(value=False)).then(pl.lit(code)) for code, mask in masks.items())
    return rows.select(code).to_series()


def _failed(rows: pl.DataFrame) -> pl.Expr:
    """A whole snapshot without a price or open interest anywhere: the call to the exchange failed."""
    said = [pl.col(n) for n in rows.columns if n in ("close", "oi", "ce_close", "pe_close", "ce_oi", "pe_oi")]
    alive = pl.any_horizontal((value > 0).fill_null(value=False) for value in said)
    return ~alive.any().over("ts")


def _repeats(rows: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """Mark rows that say again what an earlier row said: the first stays, whatever comes later."""
    if profile.observation == "tick":
        return rows
    option = pl.col("#code").is_null()
    key = ["#future", "expiry", "strike", *(["side"] if "side" in rows.columns else [])]
    values = [name for name in (*leg_columns(rows), "spot") if name in rows.columns]
    if profile.observation == "bar":
        marked = _again(rows, [*key, "minute"], [])
        if marked.any():
            # of a key said twice the first sound row stays, so that a broken row does not push out a good one
            flagged = rows.with_columns(pl.Series("#at", range(rows.height), dtype=pl.UInt32), _broken(rows))
            ordered = flagged.sort("#broken", maintain_order=True)
            again = ordered.filter(_again(ordered, [*key, "minute"], []))["#at"]
            marked = pl.Series([False] * rows.height, dtype=pl.Boolean).scatter(again, [True] * again.len())
        return rows.with_columns(
            pl.when(option & pl.lit(marked)).then(pl.lit("key_duplicate")).otherwise(pl.col("#code")).alias("#code")
        )
    marked = _again(rows, [*key, "ts"], values)
    rows = rows.with_columns(
        pl.when(option & pl.lit(marked)).then(pl.lit("snapshot_repeated")).otherwise(pl.col("#code")).alias("#code")
    )
    if not rows["#coarse"].any():
        return rows
    # a re-saved file lost its seconds: its rows repeat what the same minute's finer rows say
    fine_first = rows.sort("#coarse", maintain_order=True)
    marked = _again(fine_first, [*key, "minute"], values)
    again = fine_first.filter(pl.lit(marked) & pl.col("#coarse"))["raw_row"]
    hit = option & pl.col("raw_row").is_in(again.implode())
    return rows.with_columns(pl.when(hit).then(pl.lit("snapshot_repeated")).otherwise(pl.col("#code")).alias("#code"))


def _broken(rows: pl.DataFrame) -> pl.Expr:
    """#broken: the row alone tells that its bar will be refused (negative, out of its own range, or empty)."""
    names = set(rows.columns)
    masks, said = [], []
    for leg in ("", "ce_", "pe_"):
        prices = [pl.col(f"{leg}{f}") for f in ("open", "high", "low", "close") if f"{leg}{f}" in names]
        amounts = [pl.col(f"{leg}{f}") for f in ("volume", "oi", "bid", "ask") if f"{leg}{f}" in names]
        masks += [value < 0 for value in (*prices, *amounts)]
        said += [value > 0 for value in prices] + ([pl.col(f"{leg}oi") > 0] if f"{leg}oi" in names else [])
        if {f"{leg}high", f"{leg}low", f"{leg}close"} <= names:
            low, high, close = (pl.col(f"{leg}{f}") for f in ("low", "high", "close"))
            masks += [low > high, close < low, close > high]
    broken = pl.any_horizontal(mask.fill_null(value=False) for mask in masks) if masks else pl.lit(value=False)
    empty = ~pl.any_horizontal(one.fill_null(value=False) for one in said) if said else pl.lit(value=False)
    return (broken | empty).alias("#broken")


def _again(rows: pl.DataFrame, key: Sequence[str], values: Sequence[str]) -> pl.Series:
    """Rows not yet refused that equal an earlier such row in key and values (nulls equal)."""
    flags = pl.Series([False] * rows.height, dtype=pl.Boolean)
    open_rows = rows.with_columns(pl.Series("#at", range(rows.height), dtype=pl.UInt32)).filter(
        pl.col("#code").is_null()
    )
    # a 64-bit hash finds the few candidates, the values themselves then decide
    candidates = open_rows.select(key).hash_rows().is_duplicated()
    shared = open_rows.select("#at", *key, *values).filter(candidates)
    if shared.height == 0:
        return flags
    first = shared.unique(subset=[*key, *values], keep="first", maintain_order=True)["#at"]
    again = shared.filter(~pl.col("#at").is_in(first.implode()))["#at"]
    return flags.scatter(again, [True] * again.len()) if again.len() else flags


def said(*names: str) -> pl.Expr:
    """``name=value`` of each column in one text."""
    # not pl.format: polars 2.1 panics in it on a frame of several chunks of which one is empty
    parts = [part for n in names for part in (pl.lit(f" {n}="), pl.col(n).cast(pl.String).fill_null("null"))]
    return pl.concat_str(parts).str.strip_chars_start()


def _refused(rows: pl.DataFrame, unreadable: dict[str, pl.Series]) -> pl.DataFrame:
    at = rows["#code"].is_not_null()
    rows, unreadable = rows.filter(at).rechunk(), {name: flags.filter(at) for name, flags in unreadable.items()}
    fields = pl.concat_str(
        [pl.when(pl.lit(flags)).then(pl.lit(name)) for name, flags in unreadable.items()] or [pl.lit(None, pl.String)],
        separator=", ",
        ignore_nulls=True,
    )
    unread = pl.concat_str(pl.lit("no number in "), fields)
    detail = pl.when(pl.col("#code") == "value_unreadable").then(unread).otherwise(said("ts", "expiry", "strike"))
    return rows.select("raw_row", pl.col("#code").alias("code"), detail.alias("detail"), "ts", "expiry", "strike").cast(
        pl.Schema(REFUSED_SCHEMA)
    )
