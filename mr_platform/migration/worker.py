"""The writing half of a transfer's worker: digests what was read before it is written, and publishes it whole.

A partition becomes one object of ``raw/option_chain`` in the shape that ingested files have: the table's columns in the
source's order, then ``_row`` (the source's rowid) and ``_file``. One that outgrows memory is laid aside on disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

import pyarrow as pa

from mr_platform import logs
from mr_platform.errors import DataError
from mr_platform.lake.spool import Spool
from mr_platform.lake.store import Lake, Publication
from mr_platform.migration.contract import TableContract
from mr_platform.migration.ledger import PENDING, SUSPENDED, TRANSFERRED, TRANSFERRING, Entry, Ledger
from mr_platform.migration.progress import Step
from mr_platform.migration.pull import ChunkBounds, SourceFacts
from mr_platform.migration.readback import file_sha256
from mr_platform.migration.reader import RAW, Claimed, Failed, Item, Job, Over, Read, Reader, Rows, file_name
from mr_platform.migration.rowdigest import RowDigest
from mr_platform.sources.heavydb.schema import ROW_ID
from mr_platform.sources.heavydb.settings import HeavyDbSettings

_SPOOL = ".spool"
_CHUNK = ChunkBounds()
_log = logs.get("migration.worker")


@dataclass(frozen=True)
class Limits:
    """Bounds of a transfer.

    ``chunk`` of one pull; ``queued`` chunks between reader and writer; ``memory_bytes`` of one partition's rows before
    they go to disk; ``failures`` of one partition before it is suspended.
    """

    chunk: ChunkBounds = _CHUNK
    queued: int = 2
    memory_bytes: int = 64 << 20
    failures: int = 3


def work(
    settings: HeavyDbSettings,
    lake: Lake,
    jobs: Sequence[Job],
    *,
    limits: Limits,
    time: Callable[[], datetime],
    tell: Callable[[Step], None],
) -> None:
    """Move what of the jobs is pending and free, one after the other; the ledger says what became of each.

    A failed partition is tried again after the others, until it is suspended; so is one that another worker let go.
    ``time`` stamps the records, ``tell`` hears each step. Raises the SourceError where the server is out of reach, and
    DataError where the lake or the ledger cannot be written: what was under way then stands in the ledger as pending
    or, if even that could not be written, as transferring without a holder, and the next run takes it up again.
    """
    ledger = Ledger(lake)
    contracts = {table: ledger.contract(table) for table in sorted({job.table for job in jobs})}
    remaining = list(jobs)
    while remaining:
        reader = Reader(settings, ledger, remaining, contracts, bounds=limits.chunk, queued=limits.queued, time=time)
        reader.start()
        try:
            _Writer(ledger, reader.take, limits=limits, time=time, tell=tell).write()
        except OSError as error:
            raise _unwritable(error, lake) from error
        finally:
            reader.stop()
        remaining = [job for job in remaining if _is_left(ledger, job)]


def _is_left(ledger: Ledger, job: Job) -> bool:
    """Failed and to be tried again, or let go by a worker that was killed meanwhile."""
    entry = ledger.entry(job.table, job.trade_date)
    return entry.state in (PENDING, TRANSFERRING) and not ledger.held_elsewhere(entry)


class _Writer:
    def __init__(
        self,
        ledger: Ledger,
        take: Callable[[], Item],
        *,
        limits: Limits,
        time: Callable[[], datetime],
        tell: Callable[[Step], None],
    ) -> None:
        self._ledger = ledger
        self._take = take
        self._limits = limits
        self._time = time
        self._tell = tell
        self._free_since = perf_counter()

    def write(self) -> None:
        """Until the reader is through."""
        while True:
            item = self._take()
            if isinstance(item, Over):
                if item.error is not None:
                    raise item.error
                return
            assert isinstance(item, Claimed)
            with item.claim:
                self._write_one(item)

    def _write_one(self, claimed: Claimed) -> None:
        entry, contract, lake = claimed.entry, claimed.contract, self._ledger.lake
        digest = RowDigest(contract.schema())
        path = lake.root / "migration" / _SPOOL / f"{entry.table}.{entry.partition.trade_date}.arrow"
        with Spool(path, raw_schema(contract), memory_bytes=self._limits.memory_bytes) as spool:
            try:
                while isinstance(item := self._take(), Rows):
                    rows = item.table
                    digest.update(rows.select(contract.names))
                    spool.add(as_raw(contract, rows))
                    self._tell(Step(entry.table, entry.partition, TRANSFERRING, rows.num_rows, rows.nbytes))
                if isinstance(item, Read):
                    self._publish(claimed, item.facts, spool, digest)
            except (DataError, OSError) as error:
                # the disk is full, or the lake is somebody else's: no other partition would fare better
                told = error if isinstance(error, DataError) else _unwritable(error, lake)
                self._move_back(entry, told, failures=entry.failures)
                raise told from error
        if isinstance(item, Failed):
            self._fail(entry, item)
        elif isinstance(item, Over) and item.error is not None:
            raise item.error

    def _publish(self, claimed: Claimed, facts: SourceFacts, spool: Spool, digest: RowDigest) -> None:
        entry, contract = claimed.entry, claimed.contract
        metadata = {
            "profile": contract.profile,
            "files": json.dumps({file_name(contract): digest.sequence()}, separators=(",", ":")),
        }
        # what is moved again may be moved because the file is damaged: never take the standing one's word for it
        published = self._ledger.lake.publish(
            RAW, entry.partition, spool, source=contract.profile, metadata=metadata, afresh=True
        )
        # before the ledger says transferred: nobody comes back for what a killed process leaves behind after that
        spool.discard()
        now = perf_counter()
        seconds, self._free_since = now - max(claimed.began, self._free_since), now
        moved = self._ledger.move(
            entry,
            TRANSFERRED,
            now=self._time(),
            source_rows=facts.rows,
            lake_rows=published.rows,
            failed=0,
            **_facts(contract, facts, digest, published, seconds),
        )
        self._tell(Step(entry.table, entry.partition, moved.state, published.rows))

    def _fail(self, entry: Entry, failed: Failed) -> None:
        failures = entry.failures + (not failed.stop)
        self._move_back(entry, failed.error, failures=failures, final=failed.final)
        if failed.stop:
            raise failed.error

    def _move_back(self, entry: Entry, error: Exception, *, failures: int, final: bool = False) -> None:
        state = SUSPENDED if final or failures >= self._limits.failures else PENDING
        _log.warning("not moved", extra={"fields": {"partition": str(entry.partition), "state": state, "why": error}})
        try:
            self._ledger.move(entry, state, now=self._time(), reason=str(error), failed=failures)
        except (DataError, OSError) as second:
            # it stays transferring without a holder, which the next run takes up; the first error is the one to tell
            _log.error("the ledger cannot be written", extra={"fields": {"why": second}})
        self._tell(Step(entry.table, entry.partition, state, 0, reason=str(error)))


def _unwritable(error: OSError, lake: Lake) -> DataError:
    return DataError(
        rule="the lake can be written while partitions are moved",
        value=error,
        place=str(lake.root),
        remedy="free space or mend the permissions, then run again; what was published stands",
    )


def raw_schema(contract: TableContract) -> pa.Schema:
    """Schema of a migrated partition in ``raw/option_chain``."""
    return pa.schema([*contract.schema(), pa.field("_row", pa.int64()), pa.field("_file", pa.large_string())])


def as_raw(contract: TableContract, rows: pa.Table) -> pa.Table:
    """Conformed rows with their rowid, as they stand in ``raw/option_chain``."""
    plain = contract.plain(rows)
    name = pa.repeat(pa.scalar(file_name(contract), pa.large_string()), rows.num_rows)
    columns = [plain.column(field) for field in contract.names]
    return pa.Table.from_arrays([*columns, plain.column(ROW_ID), name], schema=raw_schema(contract))


def _facts(
    contract: TableContract, facts: SourceFacts, digest: RowDigest, published: Publication, seconds: float
) -> dict[str, Any]:
    return {
        "contract": contract.digest,
        "source": facts.as_fact(),
        "multiset": digest.multiset(),
        "sequence": digest.sequence(),
        "content_digest": published.digest,
        "lake_bytes": published.path.stat().st_size,
        "file_sha256": file_sha256(published.path),
        "seconds": round(seconds, 4),
    }
