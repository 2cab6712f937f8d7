"""One partition out of the source: its facts, and its rows in chunks of bounded rows and bytes, in the order of rowid.

A source that moves while it is read shows in its facts: rows, least and greatest rowid, epochs and columns are asked
before the first chunk and after the last, and must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mr_platform.errors import ConflictError, SourceError
from mr_platform.migration.contract import TableContract
from mr_platform.sources.heavydb.chunks import CHUNK_BYTES, CHUNK_ROWS, Chunk, plan_chunks
from mr_platform.sources.heavydb.schema import ROW_ID
from mr_platform.sources.heavydb.statements import count_rows, rowid_range, select_chunk

if TYPE_CHECKING:
    from mr_platform.sources.heavydb.connection import HeavyDb


@dataclass(frozen=True)
class ChunkBounds:
    """At most so many rows and estimated bytes in one pull."""

    rows: int = CHUNK_ROWS
    bytes: int = CHUNK_BYTES


@dataclass(frozen=True)
class SourceFacts:
    """What the source says of a partition without showing a row. ``epochs`` of the whole table, by leaf."""

    rows: int
    first: int | None
    last: int | None
    epochs: tuple[int, ...]

    def as_fact(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {**asdict(self), "epochs": list(self.epochs)}


def source_facts(db: HeavyDb, contract: TableContract, trade_date: date) -> SourceFacts:
    """The facts now; SourceError where the table's columns are no longer those of the contract."""
    contract.check_source(db.details(contract.table))
    ((rows, first, last),) = db.rows(rowid_range(contract.table, trade_date))
    return SourceFacts(int(rows), first, last, tuple(db.epochs(contract.table)))


def check_still(before: SourceFacts, after: SourceFacts, place: str) -> None:
    """ConflictError where the source moved between the two moments."""
    if before != after:
        known, found = before.as_fact(), after.as_fact()
        moved = [f"{name} {known[name]} -> {found[name]}" for name in known if known[name] != found[name]]
        raise ConflictError(
            rule="the source stands still while a partition is read",
            value=", ".join(moved),
            place=place,
            remedy="it is read again; should it never stand still, move it when nobody writes to the source",
        )


def pull(
    db: HeavyDb,
    contract: TableContract,
    trade_date: date,
    facts: SourceFacts,
    *,
    bounds: ChunkBounds = ChunkBounds(),
) -> Iterator[pa.Table]:
    """The partition's rows in the contract's lake types (text as it came), ``rowid`` last and ascending throughout.

    SourceError for another schema, a row twice or outside its range, and for rows without a rowid; ConflictError where
    the chunks do not add up to the rows counted before.
    """
    place = f"{contract.table} {trade_date}"
    found, last = 0, -1
    for chunk in _chunks(db, contract, trade_date, facts, bounds, place):
        rows = contract.conform(db.arrow(select_chunk(contract.table, [*contract.names, ROW_ID], trade_date, chunk)))
        rows = _in_order(rows, chunk, last, place)
        if rows.num_rows:
            found, last = found + rows.num_rows, rows.column(ROW_ID)[-1].as_py()
            yield rows
    if found != facts.rows:
        raise ConflictError(
            rule="the chunks of a partition add up to the rows that were counted before",
            value=f"{found} of {facts.rows} rows",
            place=place,
            remedy="it is read again; should it never add up, move it when nobody writes to the source",
        )


def _chunks(
    db: HeavyDb, contract: TableContract, trade_date: date, facts: SourceFacts, bounds: ChunkBounds, place: str
) -> Iterator[Chunk]:
    if facts.rows == 0:
        return
    if facts.first is None or facts.last is None:
        raise SourceError(
            rule="the source numbers its rows, so that they can be read in pieces that fit in memory",
            value=f"{facts.rows} rows without a rowid",
            place=place,
            remedy="read a table, not a view",
        )
    planned = plan_chunks(
        facts.first,
        facts.last,
        rows=facts.rows,
        bytes_per_row=contract.row_bytes + 8,
        max_rows=bounds.rows,
        max_bytes=bounds.bytes,
    )
    # where row ids have gaps, a range may hold more rows than its share
    dense = facts.last - facts.first + 1 == facts.rows or len(planned) == 1
    most = -(-facts.rows // len(planned)) * 2
    for chunk in planned:
        yield from [chunk] if dense else _bounded(db, contract.table, trade_date, chunk, most)


def _bounded(db: HeavyDb, table: str, trade_date: date, chunk: Chunk, most: int) -> Iterator[Chunk]:
    """The chunk in halves until none holds more than ``most`` rows; empty ones are left out."""
    ((rows,),) = db.rows(count_rows(table, trade_date, chunk))
    if rows == 0:
        return
    if rows <= most:
        yield chunk
        return
    for half in chunk.halves():
        yield from _bounded(db, table, trade_date, half, most)


def _in_order(rows: pa.Table, chunk: Chunk, last: int, place: str) -> pa.Table:
    """Sorted by rowid: the server promises no order."""
    ids = rows.column(ROW_ID).to_numpy()
    steps = np.diff(ids, prepend=last) if len(ids) else ids
    if (steps <= 0).any():
        rows = rows.take(pc.sort_indices(rows.column(ROW_ID)))
        ids = rows.column(ROW_ID).to_numpy()
        steps = np.diff(ids, prepend=last)
    if len(ids) and ((steps <= 0).any() or ids[0] < chunk.first or ids[-1] >= chunk.end):
        raise SourceError(
            rule="a chunk holds each row of its range of row ids once, and no other",
            value=f"{len(ids)} rows, row ids {ids.min()} to {ids.max()}, {int((steps <= 0).sum())} repeated",
            place=f"{place}, row ids {chunk.first} to {chunk.end - 1}",
            remedy="the server's answer is wrong: pull again, then look at the server",
        )
    return rows
