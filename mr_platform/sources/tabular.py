"""Files to raw symbol-days: every column and row as the source said, beside where it came from.

Rows are only sorted into (symbol, trade date); nothing is dropped, filled or converted but for lossless widening
where files of one source drift in type. Facts that stand in the path alone are added as ``_symbol``, ``_date``,
``_time``, ``_expiry``, ``_strike``, ``_side``; ``_file`` and ``_row`` say where the row came from.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa

from mr_platform import logs
from mr_platform.errors import MrError, SourceError, UsageError
from mr_platform.market.instruments import instrument
from mr_platform.sources.moments import present, read_moments
from mr_platform.sources.profile import Profile, load_profiles
from mr_platform.sources.readers import expand, read_file, text_columns

_log = logs.get("sources.tabular")

# A daily history is one object whatever dates it spans; this date is the partition that holds it.
HISTORY = date(1970, 1, 1)
_UNSAFE = re.compile(r"[^A-Za-z0-9_.&-]")


@dataclass(frozen=True)
class RawDay:
    """One source's rows of one symbol-day. ``table`` metadata: ``profile`` and ``files`` (JSON, name to SHA-256)."""

    symbol: str
    trade_date: date
    source: str
    table: pa.Table


@dataclass(frozen=True)
class Reading:
    """What a call could read: the symbol-days, and an error for each file that could not be."""

    days: list[RawDay] = field(default_factory=list)
    errors: list[SourceError] = field(default_factory=list)


def read_raw(
    profile: Profile, paths: Sequence[Path], *, symbol: str | None = None, trade_date: date | None = None
) -> list[RawDay]:
    """Raw symbol-days of the files, sorted by symbol and date; see `read_files` for the files that cannot be read.

    Raises the first SourceError only when no file could be read.
    """
    reading = read_files(profile, paths, symbol=symbol, trade_date=trade_date)
    if reading.errors and not reading.days:
        raise reading.errors[0]
    return reading.days


def read_files(
    profile: Profile,
    paths: Sequence[Path],
    *,
    symbol: str | None = None,
    trade_date: date | None = None,
    root: Path | None = None,
) -> Reading:
    """Read every file; a file that is corrupt or does not fit the profile becomes an error, the others go on.

    ``symbol`` and ``trade_date`` keep only those rows, and stand in where neither the file nor its path says them.
    ``root`` is the folder to which the files' names in ``_file`` are relative; by default a file is called by its
    own name, with its folder where the path matters to the profile.
    """
    pieces: dict[tuple[str, date], list[tuple[str, str, pl.DataFrame]]] = {}
    errors: list[SourceError] = []
    files = expand(paths, profile)
    if not files:
        raise SourceError(
            rule=f"files for profile {profile.name} match {', '.join(profile.files)}",
            value="no file",
            place=", ".join(str(path) for path in paths),
            remedy="check the path, or choose the profile that fits",
        )
    names = _names(profile, files) if root is None else {path: path.relative_to(root).as_posix() for path in files}
    for path in files:
        try:
            parts = _split(profile, path, symbol, trade_date)
        except SourceError as error:
            _log.warning("file refused", extra={"fields": {"file": str(path), "reason": str(error)}})
            errors.append(error)
            continue
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            # content that no rule foresaw must cost its own file, not the others
            errors.append(_unforeseen(profile, path, error))
            continue
        digest = _file_digest(path)
        for key, frame in parts:
            frame = frame.with_columns(pl.lit(names[path]).alias("_file"))
            pieces.setdefault(key, []).append((names[path], digest, frame))
    days = [_raw_day(profile, key, parts) for key, parts in sorted(pieces.items(), key=lambda item: item[0])]
    return Reading(days, errors)


def missing_columns(profile: Profile, columns: Sequence[str], facts: Mapping[str, str] | None = None) -> list[str]:
    """What the profile needs and the columns (and path facts) do not give; empty when they fit."""
    known = set(columns) | {f"_{name}" for name in facts or {}}
    lacking = [
        " or ".join(options)
        for name, options in profile.columns.items()
        if name not in profile.optional and not known & set(options) and (name not in (facts or {}))
    ]
    if not any(present(moment, sorted(known)) for moment in profile.time):
        lacking.append(" or ".join(" and ".join(_called(name) for name in moment.columns) for moment in profile.time))
    contract = profile.contract
    if contract is not None and contract.column not in known and not {"strike", "side"} <= set(facts or {}):
        lacking.append(contract.column)
    return lacking


def _called(name: str) -> str:
    """A column by its name; a fact by where it is looked for."""
    if name == "_date":
        return "a date in the path or --date"
    return f"a {name[1:]} in the path" if name.startswith("_") else name


def fitting_profiles(columns: Sequence[str], path: Path) -> list[str]:
    """Names of the profiles whose columns a file has, each reading a text file in its own dialect."""
    fitting = []
    for profile in load_profiles().values():
        seen = text_columns(path, profile) or columns
        if not missing_columns(profile, seen, path_facts(profile, path)):
            fitting.append(profile.name)
    return fitting


def path_facts(profile: Profile, path: Path) -> dict[str, str]:
    """What the file's path says, by the profile's patterns in order; the match nearest to the file's name wins."""
    return _facts(profile, path.resolve().as_posix())


def _facts(profile: Profile, text: str) -> dict[str, str]:
    facts: dict[str, str] = {}
    for pattern in profile.path:
        hits = list(pattern.finditer(text))
        for name, value in hits[-1].groupdict().items() if hits else ():
            if value and name not in facts:
                facts[name] = value
    return facts


def merge_raw(old: pa.Table, new: pa.Table) -> pa.Table:
    """The new delivery laid over what was delivered before: a file of the same name is replaced, others are kept.

    A file whose content is already there under any name adds nothing.
    """
    old_files, new_files = table_files(old), table_files(new)
    known = set(old_files.values())
    again = {name for name, digest in new_files.items() if digest in known}
    fresh = {name: digest for name, digest in new_files.items() if name not in again}
    if not fresh:
        return old
    before = _frame(old).filter(~pl.col("_file").is_in(sorted(fresh)))
    after = _frame(new).filter(pl.col("_file").is_in(sorted(fresh)))
    files = {name: digest for name, digest in old_files.items() if name not in fresh} | fresh
    metadata = {key.decode(): value.decode() for key, value in (new.schema.metadata or {}).items()}
    return _table(widen([before, after]).sort("_file", "_row", maintain_order=True), metadata | {"files": _json(files)})


def join_days(profile: Profile, days: Sequence[RawDay]) -> RawDay:
    """Deliveries of one symbol-day as one; of a file that occurs twice the first is kept."""
    parts: dict[str, tuple[str, str, pl.DataFrame]] = {}
    for day in days:
        rows = _frame(day.table)
        for name, digest in table_files(day.table).items():
            if name not in parts:
                parts[name] = (name, digest, rows.filter(pl.col("_file") == name))
    ordered = [parts[name] for name in sorted(parts)]
    return _raw_day(profile, (days[0].symbol, days[0].trade_date), ordered)


def table_files(table: pa.Table) -> dict[str, str]:
    """Files that a raw table was read from: name to SHA-256."""
    found: dict[str, str] = json.loads((table.schema.metadata or {}).get(b"files", b"{}"))
    return found


def widen(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows of all frames under the union of their columns, each in the narrowest type that loses nothing.

    A column that is a time in one file and something else in another becomes text.
    """
    parts = [frame for frame in frames if frame.height] or list(frames)[:1]
    kinds: dict[str, set[str]] = {}
    for frame in parts:
        for name, kind in frame.schema.items():
            if kind != pl.Null:
                kinds.setdefault(name, set()).add(str(kind) if kind.is_temporal() else "")
    mixed = sorted(name for name, found in kinds.items() if len(found) > 1)
    if mixed:
        parts = [frame.with_columns(pl.col(n).cast(pl.String) for n in mixed if n in frame.columns) for frame in parts]
    return pl.concat(parts, how="diagonal_relaxed", rechunk=True)


def _split(
    profile: Profile, path: Path, symbol: str | None, trade_date: date | None
) -> list[tuple[tuple[str, date], pl.DataFrame]]:
    facts = path_facts(profile, path) | dict(profile.fixed)
    if trade_date is not None and "date" not in facts:
        facts["date"] = trade_date.isoformat()
    header = text_columns(path, profile)
    if header is not None and missing_columns(profile, header, facts):
        raise _misfit(profile, path, header, missing_columns(profile, header, facts))
    tables = read_file(path, profile)
    fitting = [table for table in tables if not missing_columns(profile, table.columns, facts)]
    if not fitting:
        columns = max(tables, key=lambda table: table.width).columns
        raise _misfit(profile, path, columns, missing_columns(profile, columns, facts))
    parts: list[tuple[tuple[str, date], pl.DataFrame]] = []
    for table in fitting:
        frame = table.with_columns(pl.Series("_row", range(table.height), dtype=pl.Int64))
        frame = frame.with_columns(pl.lit(value).alias(f"_{name}") for name, value in sorted(facts.items()))
        keys = pl.DataFrame({"symbol": _symbols(profile, frame, path, symbol), "date": _dates(profile, frame, path)})
        tagged = frame.with_columns(keys["symbol"].alias("#symbol"), keys["date"].alias("#date"))
        if symbol is not None:
            tagged = tagged.filter(pl.col("#symbol") == _canonical(profile, symbol))
        if trade_date is not None and profile.kind != "daily":
            tagged = tagged.filter(pl.col("#date") == trade_date)
        for key, part in tagged.partition_by("#symbol", "#date", as_dict=True, include_key=False).items():
            parts.append(((str(key[0]), key[1]), part))
    return parts


def _unforeseen(profile: Profile, path: Path, error: BaseException) -> SourceError:
    return SourceError(
        rule=f"the rows can be read as profile {profile.name} says",
        value=error,
        place=str(path),
        remedy="compare the file with the profile's columns and formats; the lake is untouched",
    )


def _misfit(profile: Profile, path: Path, columns: Sequence[str], lacking: Sequence[str]) -> SourceError:
    others = [name for name in fitting_profiles(columns, path) if name != profile.name]
    hint = f"profiles that fit its columns: {', '.join(others)}" if others else "no profile fits its columns; write one"
    return SourceError(
        rule=f"the file has the columns of profile {profile.name}",
        value=f"missing {', '.join(lacking)}; it has {', '.join(columns[:30])}",
        place=str(path),
        remedy=hint,
    )


def _symbols(profile: Profile, frame: pl.DataFrame, path: Path, given: str | None) -> pl.Series:
    """Canonical underlying of each row; a row that says none goes with the row before it."""
    name = next((n for n in profile.columns.get("symbol", ()) if n in frame.columns), None)
    if "_symbol" in frame.columns and (name is None or "symbol" in profile.prefer_path):
        name = "_symbol"
    if name is None and profile.contract is not None and profile.contract.column in frame.columns:
        name = profile.contract.column
    if name is None:
        if given is None:
            raise SourceError(
                rule="a column, the path or --symbol says the underlying",
                value=path.name,
                place=str(path),
                remedy="name the file as the profile's path patterns expect, or give --symbol",
            )
        return pl.Series([_canonical(profile, given)] * frame.height, dtype=pl.String)
    text = frame[name].cast(pl.String)
    unique = text.unique().drop_nulls()
    if given is not None and not any(value.strip() for value in unique):
        return pl.Series([_canonical(profile, given)] * frame.height, dtype=pl.String)
    mapped = [_underlying(profile, value) for value in unique]
    table = pl.DataFrame({"text": unique, "symbol": pl.Series(mapped, dtype=pl.String)})
    found = pl.DataFrame({"text": text}).join(table, on="text", how="left", maintain_order="left")["symbol"]
    found = found.fill_null(strategy="forward").fill_null(strategy="backward")
    if found.null_count():
        raise SourceError(
            rule=f"column {name} says the underlying as profile {profile.name} expects",
            value=unique.head(3).to_list(),
            place=str(path),
            remedy="choose the profile that fits, or add the pattern to it",
        )
    return found


def _underlying(profile: Profile, text: str) -> str | None:
    contract = profile.contract
    if contract is None:
        return _canonical(profile, text) if text.strip() else None
    for pattern in (contract.option, contract.future):
        hit = pattern.match(text.strip()) if pattern is not None else None
        if hit:
            return _canonical(profile, hit["symbol"])
    try:
        return instrument(text).symbol
    except UsageError:
        return None


def _canonical(profile: Profile, name: str) -> str:
    """The instrument's own symbol where it is known, else the name in capitals, fit for a path."""
    wanted = profile.aliases.get(name.strip().upper(), name.strip().upper())
    try:
        return instrument(wanted).symbol
    except MrError:
        return _UNSAFE.sub("_", wanted)


def _dates(profile: Profile, frame: pl.DataFrame, path: Path) -> pl.Series:
    """Trade date (IST) of each row; a row whose time cannot be read goes with the row before it."""
    if profile.kind == "daily":
        return pl.Series([HISTORY] * frame.height, dtype=pl.Date)
    dates = read_moments(frame, profile.time, profile.zone)["ts"].dt.date()
    dates = dates.fill_null(strategy="forward").fill_null(strategy="backward")
    if dates.null_count():
        said = dict.fromkeys(c for moment in profile.time for c in moment.columns if c in frame.columns)
        shown = frame.head(1).select(list(said))
        raise SourceError(
            rule=f"times are written as profile {profile.name} says",
            value=shown.rows(),
            place=str(path),
            remedy=f"formats known: {[fmt for moment in profile.time for fmt in moment.formats]}; add the file's own",
        )
    return dates


def _names(profile: Profile, files: Sequence[Path]) -> dict[Path, str]:
    """Short name of each file, with as many parent folders as say its facts and tell the files of a call apart.

    A corrected file counts as the same delivery from whatever folder it comes, unless the folder says something.
    """
    alone = all(_facts(profile, path.name) == path_facts(profile, path) for path in files)
    depth = 1 if alone else 2
    names = {path: "/".join(path.parts[-depth:]) for path in files}
    while len(set(names.values())) < len(files) and depth < 12:
        depth += 1
        names = {path: "/".join(path.parts[-depth:]) for path in files}
    return names


def _raw_day(profile: Profile, key: tuple[str, date], parts: list[tuple[str, str, pl.DataFrame]]) -> RawDay:
    frame = widen([part for _, _, part in parts]) if len(parts) > 1 else parts[0][2]
    files = {name: digest for name, digest, _ in parts}
    table = _table(frame, {"profile": profile.name, "files": _json(files)})
    return RawDay(key[0], key[1], profile.name, table)


def _table(frame: pl.DataFrame, metadata: Mapping[str, str]) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest()).replace_schema_metadata(dict(metadata))


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _json(files: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(files.items())), separators=(",", ":"))


def _file_digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
