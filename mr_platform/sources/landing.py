"""The live source: a folder into which a collector drops files of any profile, below ``<landing>/<profile>/``.

A file counts once it is whole: not a scratch name, not changed while it was read, readable to its end. Until then it
waits, without an error. What was taken is remembered by content (the digests in raw's metadata), so that taking up
twice, or the same file under another name, adds nothing; a file that has grown replaces its earlier state.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from mr_platform import logs
from mr_platform.errors import MissingPartition, SourceError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.sources.ingest import RAW, publish_raw
from mr_platform.sources.observations import moments_of
from mr_platform.sources.profile import Profile, load_profile
from mr_platform.sources.tabular import RawDay, join_days, read_files, table_files

_log = logs.get("sources.landing")

_SCRATCH_ENDINGS = (".tmp", ".part", ".partial", ".crdownload", ".swp", "~")
_REMEMBERED = 20_000


@dataclass(frozen=True)
class Landed:
    """One whole file: the first and last moment (naive IST; a bar's start) it tells of each (symbol, date)."""

    spans: dict[tuple[str, date], tuple[datetime, datetime]]
    digest: str
    days: tuple[RawDay, ...] = field(default=(), repr=False, compare=False)


# What files of a given size and time of change held: a probe every few seconds must not read them all again.
_seen: dict[tuple[str, str, int, int], Landed | str] = {}


def probe(landing: Path, profile_name: str, symbol: str, close: datetime) -> str:
    """Whether all of a symbol's data up to ``close`` (naive IST) has landed: "" when it has, else what is missing.

    For bars, the bar that ends at ``close`` (or a later one) must be there; for snapshots and ticks, one in the minute
    before ``close`` or after it.
    """
    profile = load_profile(profile_name)
    need = close - timedelta(minutes=profile.bar_minutes)
    newest: datetime | None = None
    waiting: list[str] = []
    for name, landed in _scan(landing, profile):
        if isinstance(landed, str):
            waiting.append(f"{name}: {landed}")
            continue
        span = landed.spans.get((symbol, close.date()))
        if span is not None and span[1] >= need:
            return ""
        if span is not None and (newest is None or span[1] > newest):
            newest = span[1]
    said = f"its newest data is of {newest:%H:%M:%S}" if newest else f"no file of {close.date()}"
    held = f"; {len(waiting)} unfinished files wait, such as {waiting[0]}" if waiting else ""
    return f"{said}, {need:%H:%M} is needed{held}"


def collect(
    lake: Lake, landing: Path, profile_name: str, partition: Partition, *, until: datetime | None = None
) -> int:
    """Take a symbol-day's new landed files up into raw; how many rows raw has gained (0 when nothing was new).

    Files that tell only of moments from ``until`` (naive IST) on are left for later.
    """
    profile = load_profile(profile_name)
    key = (partition.symbol, partition.trade_date)
    known, before = _taken(lake, profile, partition)
    fresh: list[tuple[str, Landed]] = []
    _recall(lake, landing, profile)
    scanned = list(_scan(landing, profile))
    _remember(lake, landing, profile)
    for name, landed in scanned:
        if isinstance(landed, str) or key not in landed.spans or known.get(name) == landed.digest:
            continue
        if until is None or landed.spans[key][0] < until:
            fresh.append((name, landed))
    if not fresh:
        return 0
    days = [day for name, landed in fresh for day in _days_of(landing, profile, name, landed) if _key(day) == key]
    if not days:
        return 0
    publish_raw(lake, profile, partition, join_days(profile, days).table)
    after = lake.describe(RAW[profile.kind], partition, source=profile.name)
    gained = (after.rows if after is not None else 0) - before
    _log.info("taken up", extra={"fields": {"partition": str(partition), "files": len(fresh), "rows": gained}})
    return gained


def landed_days(landing: Path, profile_name: str) -> list[Partition]:
    """The symbol-days of which something has landed, sorted."""
    profile = load_profile(profile_name)
    whole = (landed for _, landed in _scan(landing, profile) if isinstance(landed, Landed))
    return sorted({Partition(*key) for landed in whole for key in landed.spans})


def _recall(lake: Lake, landing: Path, profile: Profile) -> None:
    """What earlier processes found in the files: each bar's run is a new process and must not read the day anew."""
    with suppress(MissingPartition):
        for name, (size, changed, digest, spans) in json.loads(lake.get_object(_index_name(profile))).items():
            mark = (profile.name, str(landing / profile.name / name), size, changed)
            found = {_parse_key(key): (_at(first), _at(last)) for key, (first, last) in spans.items()}
            _seen.setdefault(mark, Landed(found, digest))


def _remember(lake: Lake, landing: Path, profile: Profile) -> None:
    folder = landing / profile.name
    index = {}
    for (name, path, size, changed), landed in sorted(_seen.items()):
        if name == profile.name and isinstance(landed, Landed) and Path(path).is_relative_to(folder):
            spans = {f"{s}|{d}": [a.isoformat(), b.isoformat()] for (s, d), (a, b) in sorted(landed.spans.items())}
            index[Path(path).relative_to(folder).as_posix()] = (size, changed, landed.digest, spans)
    if index:
        lake.put_object(_index_name(profile), json.dumps(index, separators=(",", ":")).encode())


def _index_name(profile: Profile) -> str:
    return f"landing/{profile.name}.json"


def _parse_key(text: str) -> tuple[str, date]:
    partition = Partition.parse(text)
    return partition.symbol, partition.trade_date


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _key(day: RawDay) -> tuple[str, date]:
    return day.symbol, day.trade_date


def _taken(lake: Lake, profile: Profile, partition: Partition) -> tuple[dict[str, str], int]:
    """Files already in raw, by name, and how many rows raw has."""
    present = lake.describe(RAW[profile.kind], partition, source=profile.name)
    if present is None:
        return {}, 0
    try:
        return table_files(lake.read(RAW[profile.kind], partition, source=profile.name, columns=["_row"])), present.rows
    except MissingPartition:
        return {}, 0


def _files(folder: Path, profile: Profile) -> list[Path]:
    """Candidate files, the newest first."""
    found: dict[Path, int] = {}
    for pattern in profile.files:
        for path in folder.rglob(pattern):
            hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
            if hidden or path.name.endswith(_SCRATCH_ENDINGS):
                continue
            try:
                found[path] = path.stat().st_mtime_ns
            except FileNotFoundError:  # renamed by the collector between listing and looking
                continue
    return sorted(found, key=lambda path: (-found[path], path.as_posix()))


def _scan(landing: Path, profile: Profile) -> Iterator[tuple[str, Landed | str]]:
    """Each file's name below the profile's folder, and what it holds or why it waits."""
    folder = landing / profile.name
    if not folder.is_dir():
        return
    if len(_seen) > _REMEMBERED:
        _seen.clear()
    for path in _files(folder, profile):
        name = path.relative_to(folder).as_posix()
        try:
            stamp = path.stat()
        except FileNotFoundError:
            continue
        mark = (profile.name, str(path), stamp.st_size, stamp.st_mtime_ns)
        if mark not in _seen:
            landed = _read(path, folder, profile)
            try:
                after = path.stat()
            except FileNotFoundError:
                continue
            if (after.st_size, after.st_mtime_ns) != mark[2:]:
                yield name, "changed while it was read"
                continue
            kept = Landed(landed.spans, landed.digest) if isinstance(landed, Landed) else landed
            _seen[mark] = kept
            yield name, landed
        else:
            yield name, _seen[mark]


def _read(path: Path, folder: Path, profile: Profile) -> Landed | str:
    try:
        reading = read_files(profile, [path], root=folder)
    except SourceError as error:
        return error.rule
    if reading.errors:
        return str(reading.errors[0].value)
    spans = {}
    digest = ""
    for day in reading.days:
        moments = moments_of(day.table, profile).drop_nulls()
        if moments.len():
            spans[_key(day)] = (_moment(moments.min()), _moment(moments.max()))
        digest = next(iter(table_files(day.table).values()))
    return Landed(spans, digest, tuple(reading.days))


def _moment(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value


def _days_of(landing: Path, profile: Profile, name: str, landed: Landed) -> tuple[RawDay, ...]:
    if landed.days:
        return landed.days
    folder = landing / profile.name
    return tuple(read_files(profile, [folder / name], root=folder).days)
