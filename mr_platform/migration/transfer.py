"""Moving the pending partitions of the ledger: in this process, or by several workers in processes of their own.

Workers share nothing but the lake: each claims the partitions it takes in the ledger, so that no partition is moved by
two, and one that dies leaves its partition to whoever comes next. What they have done they tell by a pipe; a worker
whose pipe is broken has lost its parent and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from time import monotonic

from mr_platform import logs
from mr_platform.errors import DataError, MrError
from mr_platform.lake.store import Lake
from mr_platform.migration.ledger import PENDING, SUSPENDED, TRANSFERRED, TRANSFERRING, Entry, Ledger
from mr_platform.migration.progress import Progress, Step, Tally
from mr_platform.migration.reader import Job
from mr_platform.migration.worker import Limits, work
from mr_platform.sources.heavydb.settings import HeavyDbSettings


@dataclass(frozen=True)
class Transfer:
    """What a call did: partitions and rows moved, bytes as they came, seconds; partitions suspended, with reasons."""

    partitions: int
    rows: int
    bytes: int
    seconds: float
    suspended: tuple[Entry, ...]
    left: int

    @property
    def rows_per_second(self) -> float:
        """Over the whole call, start of the workers included."""
        return self.rows / self.seconds if self.seconds else 0.0


def transfer(
    settings: HeavyDbSettings,
    lake: Lake,
    ledger: Ledger,
    *,
    entries: Sequence[Entry] | None = None,
    workers: int = 1,
    limits: Limits = Limits(),
    now: datetime,
    progress: Callable[[Progress], None] | None = None,
) -> Transfer:
    """Move what is pending of ``entries`` (default: of the whole ledger), and what killed workers have left.

    ``workers`` processes; 1 works in this one. ``now`` is the moment of the start, records are stamped with it and what
    has passed since. ``progress`` hears each chunk and each partition. Errors: SourceError where the server is out of
    reach, DataError where the lake cannot be written or a worker was killed; whatever stops a transfer, calling it
    again finishes it.
    """
    wanted = [e for e in (ledger.entries() if entries is None else entries) if e.state in (PENDING, TRANSFERRING)]
    jobs = [Job(entry.table, entry.partition.trade_date) for entry in wanted]
    tally, started = Tally.of(wanted), monotonic()
    touched: list[Step] = []

    def tell(step: Step) -> None:
        if step.state != TRANSFERRING:
            touched.append(step)
        found = tally.take(step, monotonic() - started)
        if progress is not None:
            progress(found)

    with logs.stage("migration.transfer", partitions=len(jobs), workers=workers) as stage:
        if workers <= 1 or len(jobs) <= 1:
            work(settings, lake, jobs, limits=limits, time=_clock(now, started), tell=tell)
        else:
            _in_processes(settings, lake, jobs, min(workers, len(jobs)), limits, now, started, tell)
        stage["rows"] = sum(step.rows for step in touched)
    after = [ledger.entry(job.table, job.trade_date) for job in jobs]
    return Transfer(
        partitions=sum(step.state == TRANSFERRED for step in touched),
        rows=sum(step.rows for step in touched),
        bytes=tally.bytes_done,
        seconds=monotonic() - started,
        suspended=tuple(entry for entry in after if entry.state == SUSPENDED),
        left=sum(entry.state in (PENDING, TRANSFERRING) for entry in after),
    )


def _clock(now: datetime, started: float) -> Callable[[], datetime]:
    """``now`` and what has passed since the monotonic moment ``started``, which all processes of a machine share."""
    return lambda: now + timedelta(seconds=round(monotonic() - started, 3))


def _in_processes(
    settings: HeavyDbSettings,
    lake: Lake,
    jobs: Sequence[Job],
    workers: int,
    limits: Limits,
    now: datetime,
    started: float,
    tell: Callable[[Step], None],
) -> None:
    errors: list[MrError] = []
    with _processes(settings, lake, jobs, workers, limits, now, started) as running:
        while running:
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                try:
                    said = pipe.recv()
                except EOFError:
                    said = _killed(running[pipe])
                if isinstance(said, Step):
                    tell(said)
                    continue
                if isinstance(said, MrError):
                    errors.append(said)
                running.pop(pipe).join()
    if errors:
        raise errors[0]


@contextmanager
def _processes(
    settings: HeavyDbSettings,
    lake: Lake,
    jobs: Sequence[Job],
    workers: int,
    limits: Limits,
    now: datetime,
    started: float,
) -> Iterator[dict[Connection, SpawnProcess]]:
    """The workers by the pipe they tell through; what still runs at the end is ended."""
    context = get_context("spawn")
    running: dict[Connection, SpawnProcess] = {}
    try:
        for number in range(workers):
            ours, theirs = context.Pipe(duplex=False)
            # its own share first, then what is left of the others'
            order = [job for turn in range(workers) for job in jobs[(number + turn) % workers :: workers]]
            process = context.Process(
                target=_process, args=(theirs, settings, lake.root, order, limits, now, started), daemon=True
            )
            process.start()
            # the worker's end must be open in the worker alone, for its death to be seen
            theirs.close()
            running[ours] = process
        yield running
    finally:
        for process in running.values():
            process.terminate()
            process.join()


def _process(
    pipe: Connection,
    settings: HeavyDbSettings,
    root: Path,
    jobs: Sequence[Job],
    limits: Limits,
    now: datetime,
    started: float,
) -> None:
    def tell(said: Step | MrError | None) -> None:
        try:
            pipe.send(said)
        except BrokenPipeError as error:
            raise _Orphaned from error

    logs.configure()
    end: MrError | None = None
    try:
        try:
            work(settings, Lake(root), jobs, limits=limits, time=_clock(now, started), tell=tell)
        except MrError as error:
            end = error
        tell(end)
    except _Orphaned:
        # what was under way is taken up by the next run
        return


class _Orphaned(Exception):
    """The parent process is gone: nobody hears, and nobody would end this worker."""


def _killed(process: SpawnProcess) -> DataError:
    process.join()
    return DataError(
        rule="the workers of a transfer stay alive",
        value=f"a worker ended with exit code {process.exitcode}",
        place="migration transfer",
        remedy="run again: its partition is taken up anew; if memory was short, with fewer --workers",
    )
