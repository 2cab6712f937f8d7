"""The reading half of a transfer's worker: a thread that claims partitions and pulls their rows ahead of the writer.

What it has read stands in a queue of a few chunks, so that memory is bounded however far the writer falls behind; while
the writer compresses one partition, the next one is on the wire.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import date, datetime
from time import perf_counter

import pyarrow as pa

from mr_platform.errors import ConflictError, DataError, MrError, SourceError
from mr_platform.lake.store import Lake
from mr_platform.migration.contract import TableContract
from mr_platform.migration.ledger import PENDING, TRANSFERRING, Entry, Ledger
from mr_platform.migration.pull import ChunkBounds, SourceFacts, check_still, pull, source_facts
from mr_platform.sources.heavydb.connection import HeavyDb
from mr_platform.sources.heavydb.settings import HeavyDbSettings

RAW = "raw/option_chain"


@dataclass(frozen=True)
class Job:
    """A partition to move."""

    table: str
    trade_date: date


@dataclass(frozen=True)
class Claimed:
    """A partition that is now ``transferring``; its `Rows` follow, then `Read` or `Failed`. ``claim`` is its lock."""

    entry: Entry
    contract: TableContract
    claim: ExitStack
    began: float


@dataclass(frozen=True)
class Rows:
    """A chunk of the claimed partition: the contract's columns in the lake's types, then ``rowid``."""

    table: pa.Table


@dataclass(frozen=True)
class Read:
    """The claimed partition has been read whole, and the source stood still."""

    facts: SourceFacts


@dataclass(frozen=True)
class Failed:
    """The claimed partition could not be read.

    ``stop``: there is no use in going on with others; ``final``: none in trying this one again.
    """

    error: MrError
    stop: bool = False
    final: bool = False


@dataclass(frozen=True)
class Over:
    """The reader is through, or has crashed with ``error``."""

    error: BaseException | None = None


Item = Claimed | Rows | Read | Failed | Over


class Reader(threading.Thread):
    """Reads ``jobs`` one after the other, those that are pending (or left by a killed worker) and free.

    ``queued`` chunks wait at most. ``time`` stamps the records of the ledger.
    """

    def __init__(
        self,
        settings: HeavyDbSettings,
        ledger: Ledger,
        jobs: Sequence[Job],
        contracts: Mapping[str, TableContract],
        *,
        bounds: ChunkBounds,
        queued: int,
        time: Callable[[], datetime],
    ) -> None:
        super().__init__(name="migration-reader", daemon=True)
        self._settings = settings
        self._ledger = ledger
        self._jobs = jobs
        self._contracts = contracts
        self._bounds = bounds
        self._time = time
        self._queue: queue.Queue[Item] = queue.Queue(queued)
        self._stopped = threading.Event()

    def take(self) -> Item:
        """The next item; waits for it."""
        return self._queue.get()

    def stop(self) -> None:
        """End the thread, and let go of what it had claimed ahead."""
        self._stopped.set()
        while self.is_alive() or not self._queue.empty():
            with suppress(queue.Empty):
                self._let_go(self._queue.get(timeout=0.05))

    def run(self) -> None:
        """The thread's body."""
        error: BaseException | None = None
        try:
            with HeavyDb(self._settings) as db:
                for job in self._jobs:
                    if self._stopped.is_set() or not self._read(db, job):
                        break
        except BaseException as crash:
            # raised again by the writer's thread
            error = crash
        self._put(Over(error))

    def _read(self, db: HeavyDb, job: Job) -> bool:
        """False where there is no use in going on."""
        contract = self._contracts[job.table]
        with ExitStack() as stack:
            entry = stack.enter_context(self._ledger.claim(job.table, job.trade_date))
            if entry is None or entry.state not in (PENDING, TRANSFERRING):
                return True
            began = perf_counter()
            entry = self._ledger.move(entry, TRANSFERRING, now=self._time())
            claimed = Claimed(entry, contract, stack.pop_all(), began)
        if not self._put(claimed):
            return False
        foreign = _foreign_files(self._ledger.lake, contract, entry)
        if foreign is not None:
            return self._put(Failed(foreign, final=True))
        try:
            facts = source_facts(db, contract, job.trade_date)
            for rows in pull(db, contract, job.trade_date, facts, bounds=self._bounds):
                if not self._put(Rows(rows)):
                    return False
            check_still(facts, source_facts(db, contract, job.trade_date), f"{entry.table} {entry.partition}")
        except MrError as error:
            lost = isinstance(error, SourceError) and _is_lost(db)
            return self._put(Failed(error, stop=lost)) and not lost
        return self._put(Read(facts))

    def _put(self, item: Item) -> bool:
        """False, the item let go, where the reader has been stopped."""
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=0.1)
                return True
        self._let_go(item)
        return False

    def _let_go(self, item: Item) -> None:
        """Back to pending, where the ledger can be written; else the next run takes it up all the same."""
        if isinstance(item, Claimed):
            with item.claim, suppress(DataError, OSError):
                self._ledger.move(item.entry, PENDING, now=self._time(), reason=item.entry.reason)


def file_name(contract: TableContract) -> str:
    """What stands in ``_file`` of a migrated row: the place it comes from."""
    return f"heavydb:{contract.table}"


def _is_lost(db: HeavyDb) -> bool:
    """Whether the server is out of reach altogether, and not only this partition."""
    try:
        db.version()
    except SourceError:
        return True
    return False


def _foreign_files(lake: Lake, contract: TableContract, entry: Entry) -> ConflictError | None:
    """An error where the partition's raw object holds rows of another delivery, which a transfer would replace."""
    present = lake.describe(RAW, entry.partition, source=contract.profile)
    files = json.loads(present.metadata.get("files", "{}")) if present is not None else {}
    others = sorted(set(files) - {file_name(contract)})
    if not others:
        return None
    return ConflictError(
        rule=f"raw rows of source {contract.profile} come from the migrated table alone",
        value=", ".join(others),
        place=f"{RAW} {entry.partition}",
        remedy="move the table under another profile, or take those files out of the lake; then reopen the partition",
    )
