"""Files into the lake: raw, core, quarantine and quality report of every symbol-day found in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime
from multiprocessing import get_context
from pathlib import Path

import polars as pl
import pyarrow as pa

from mr_platform import logs
from mr_platform.errors import CalendarError, CorruptPartition, DataError, MissingPartition, MrError, SourceError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.quality.partition import TRAILING_SESSIONS
from mr_platform.sources.core import CoreResult, build_core
from mr_platform.sources.index import build_daily_bars, build_index_bars
from mr_platform.sources.profile import Profile, load_profile
from mr_platform.sources.readers import expand
from mr_platform.sources.tabular import HISTORY, RawDay, merge_raw, read_files

RAW = {"chain": "raw/option_chain", "index": "raw/index_bars", "daily": "raw/daily_bars"}
CHAIN, INDEX, DAILY = "core/option_chain", "core/index_bars", "core/daily_bars"
QUARANTINE, QUALITY = "core/quarantine", "core/quality_report"
INDEX_QUARANTINE, DAILY_QUARANTINE = "core/index_quarantine", "core/daily_quarantine"
# Rows read before the symbol-days so far are handed on: bounds memory over long lists of files.
_BATCH_BYTES = 256 << 20
_QUEUED_PER_WORKER = 2

Progress = Callable[["IngestRow"], None]


@dataclass(frozen=True)
class IngestRow:
    """What became of a symbol-day (or, with no symbol, of a file).

    ``status``: ok, empty (published, without a bar), refused (nothing touched); ``quality`` is the report's verdict.
    raw_rows = core_rows + quarantined_rows over all sources of the partition; core_bars are rows of the core table.
    """

    symbol: str
    date: str
    raw_rows: int
    core_rows: int
    core_bars: int
    quarantined_rows: int
    status: str
    reason: str
    source: str = ""
    quality: str = ""

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self)


def ingest(
    lake: Lake,
    profile_name: str,
    paths: Sequence[Path],
    *,
    symbol: str | None = None,
    trade_date: date | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[IngestRow]:
    """Take files up into raw and build core from all sources of each symbol-day touched.

    A later delivery of a file replaces the earlier one of the same name; other files of the day are kept. Files that
    cannot be read, holidays and unknown symbols are refused row by row and leave the lake as it was. ``workers`` > 1
    builds symbol-days in that many processes. Sorted by symbol and date; refused files last.
    """
    profile = load_profile(profile_name)
    files = expand([Path(path) for path in paths], profile)
    rows: list[IngestRow] = []

    def done(row: IngestRow) -> None:
        rows.append(row)
        if progress is not None:
            progress(row)

    with _Runner(workers) as runner:
        for days, refused in _batches(profile, files or [Path(p) for p in paths], symbol, trade_date):
            for row in refused:
                done(row)
            for day in days:
                runner.submit(lake.root, day, done)
        runner.drain(done)
    if not rows:
        raise SourceError(
            rule="the files hold rows of what was asked for",
            value=f"symbol {symbol or 'any'}, date {trade_date or 'any'}",
            place=", ".join(str(path) for path in paths),
            remedy="leave out --symbol or --date to see what the files hold",
        )
    return sorted(rows, key=lambda row: (row.symbol == "", row.symbol, row.date, row.reason))


def take_up(lake: Lake, day: RawDay) -> IngestRow:
    """One symbol-day into raw and core. Refused (a row, no exception) where the day or the symbol is not known."""
    partition = Partition(day.symbol, day.trade_date)
    profile = load_profile(day.source)
    with logs.stage("ingest", symbol=day.symbol, date=str(day.trade_date), source=day.source):
        try:
            if profile.kind == "daily":
                return _take_up_daily(lake, partition, day)
            session = nse_calendar().session(day.trade_date)
            if profile.kind == "index":
                publish_raw(lake, profile, partition, day.table)
                index = build_index_bars(raw_sources(lake, "index", partition), session, day.symbol)
                lake.publish(INDEX, partition, index.bars, metadata=_metadata(index.bars))
                lake.publish(INDEX_QUARANTINE, partition, index.quarantine)
                if lake.sources(RAW["chain"], partition):
                    rebuild(lake, partition)
                return _row(
                    partition, day, index.raw_rows, index.bars.num_rows, index.quarantine.num_rows, index.reason
                )
            instrument(day.symbol)
            table = publish_raw(lake, profile, partition, day.table)
            alone = lake.sources(RAW["chain"], partition) == [profile.name]
            result = rebuild(lake, partition, raws=[table] if alone else None)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            # rows that no rule foresaw: said with their place, and the lake stays as it was
            return _refused(day, f"the rows cannot be read as profile {day.source} says: {error}")
        except MrError as error:
            return _refused(day, str(error))
    report, quality = result.report, result.quality
    return IngestRow(
        day.symbol,
        day.trade_date.isoformat(),
        quality.raw_rows,
        quality.core_rows,
        quality.core_bars,
        quality.quarantined_rows,
        "ok" if quality.core_bars else "empty",
        str(report["reason"]),
        day.source,
        quality.status,
    )


def publish_raw(lake: Lake, profile: Profile, partition: Partition, table: pa.Table) -> pa.Table:
    """Lay a delivery over what the source said before, and publish; all that the source says now."""
    name = RAW[profile.kind]
    # an unreadable old object is replaced by the new delivery
    with suppress(MissingPartition, CorruptPartition):
        table = merge_raw(lake.read(name, partition, source=profile.name), table)
    lake.publish(name, partition, table, source=profile.name, metadata=_metadata(table))
    return table


def raw_sources(lake: Lake, kind: str, partition: Partition) -> list[pa.Table]:
    """Raw tables of all sources of a partition, by name of the source."""
    return [lake.read(RAW[kind], partition, source=source) for source in lake.sources(RAW[kind], partition)]


def core_of(
    lake: Lake, partition: Partition, *, as_of: datetime | None = None, raws: Sequence[pa.Table] | None = None
) -> CoreResult:
    """Core of a symbol-day from everything raw says of it (and the index where it is there), nothing published.

    ``raws`` are all its raw tables, where the caller has just published them.
    """
    session = nse_calendar().session(partition.trade_date)
    index = None
    with suppress(MissingPartition):
        index = lake.read(INDEX, partition)
    return build_core(
        raw_sources(lake, "chain", partition) if raws is None else raws,
        session,
        instrument(partition.symbol),
        index_bars=index,
        as_of=as_of,
        trailing_rows=_trailing_rows(lake, partition),
    )


def _trailing_rows(lake: Lake, partition: Partition) -> list[int]:
    """Bars of the sessions before, oldest first, where core has them."""
    calendar, day, rows = nse_calendar(), partition.trade_date, []
    sources = lake.sources(RAW["chain"], partition)
    for _ in range(TRAILING_SESSIONS):
        try:
            day = calendar.previous(day)
        except CalendarError:
            break
        present = lake.describe(CHAIN, Partition(partition.symbol, day))
        # a sparser or denser source says nothing about how many bars this one should have
        if present is not None and present.metadata.get("profile") in sources:
            rows.append(present.rows)
    return rows[::-1]


def rebuild(
    lake: Lake,
    partition: Partition,
    *,
    as_of: datetime | None = None,
    raws: Sequence[pa.Table] | None = None,
    guard: Callable[[pa.Table], None] | None = None,
) -> CoreResult:
    """Core, quarantine and quality report of a symbol-day anew from raw, published; ``raws`` as for `core_of`.

    ``guard`` sees core before anything of it is published, and raises where it must not stand.
    """
    result = core_of(lake, partition, as_of=as_of, raws=raws)
    if guard is not None:
        guard(result.core)
    lake.publish(QUARANTINE, partition, result.quarantine)
    lake.publish(QUALITY, partition, result.quality.table())
    lake.publish(CHAIN, partition, result.core, metadata=_metadata(result.core))
    return result


def _take_up_daily(lake: Lake, partition: Partition, day: RawDay) -> IngestRow:
    profile = load_profile(day.source)
    publish_raw(lake, profile, partition, day.table)
    daily = build_daily_bars(raw_sources(lake, "daily", partition), day.symbol, nse_calendar())
    lake.publish(DAILY, partition, daily.bars, metadata=_metadata(daily.bars))
    lake.publish(DAILY_QUARANTINE, partition, daily.quarantine)
    return _row(partition, day, daily.raw_rows, daily.bars.num_rows, daily.quarantine.num_rows, daily.reason)


def _row(partition: Partition, day: RawDay, raw: int, kept: int, refused: int, reason: str) -> IngestRow:
    shown = "" if partition.trade_date == HISTORY else partition.trade_date.isoformat()
    return IngestRow(
        partition.symbol, shown, raw, kept, kept, refused, "ok" if kept else "empty", reason, day.source, "ok"
    )


def _refused(day: RawDay, reason: str) -> IngestRow:
    shown = "" if day.trade_date == HISTORY else day.trade_date.isoformat()
    return IngestRow(day.symbol, shown, day.table.num_rows, 0, 0, 0, "refused", reason, day.source)


def refused_file(profile: str, reason: str) -> dict[str, object]:
    """The row of a file, or of a whole call, of which nothing could be read."""
    return _refused_file(profile, reason).as_dict()


def _refused_file(profile: str, reason: str) -> IngestRow:
    return IngestRow("", "", 0, 0, 0, 0, "refused", reason, profile)


def _metadata(table: pa.Table) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}


def _batches(
    profile: Profile, files: Sequence[Path], symbol: str | None, trade_date: date | None
) -> Iterator[tuple[list[RawDay], list[IngestRow]]]:
    """Read the files in groups of bounded size; a symbol-day that spans groups is merged in the lake."""
    group: list[Path] = []
    size = 0
    for at, path in enumerate(files):
        group.append(path)
        size += path.stat().st_size * (1 if path.suffix != ".gz" else 8) if path.exists() else 0
        if size >= _BATCH_BYTES or at == len(files) - 1:
            reading = read_files(profile, group, symbol=symbol, trade_date=trade_date)
            yield reading.days, [_refused_file(profile.name, str(error)) for error in reading.errors]
            group, size = [], 0


class _Runner:
    """Symbol-days in this process, or in a bounded pool; the same symbol-day never twice at a time."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[Future[IngestRow], tuple[str, date]] = {}

    def __enter__(self) -> _Runner:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, root: Path, day: RawDay, done: Progress) -> None:
        if self._workers <= 1:
            done(take_up(Lake(root), day))
            return
        if self._pool is None:
            self._pool = _pool(self._workers)
        key = (day.symbol, day.trade_date)
        while len(self._running) >= self._workers * _QUEUED_PER_WORKER or key in self._running.values():
            self._reap(done)
        self._running[self._pool.submit(_in_worker, root, day)] = key

    def drain(self, done: Progress) -> None:
        while self._running:
            self._reap(done)

    def _reap(self, done: Progress) -> None:
        finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in finished:
            del self._running[future]
            try:
                done(future.result())
            except BrokenProcessPool as error:
                raise DataError(
                    rule="the processes that build symbol-days stay alive",
                    value=error,
                    place="ingest",
                    remedy="one was killed, as a rule for want of memory: run again with fewer --workers",
                ) from error


def _pool(workers: int) -> ProcessPoolExecutor:
    """Fresh processes (never forks of this one: its polars threads would not survive), one polars thread each."""
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        context = get_context("forkserver")
        context.set_forkserver_preload(["mr_platform.sources.ingest"])
        pool = ProcessPoolExecutor(workers, mp_context=context)
        pool.submit(pl.thread_pool_size).result()
        return pool
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before


def _in_worker(root: Path, day: RawDay) -> IngestRow:
    logs.configure()
    return take_up(Lake(root), day)
