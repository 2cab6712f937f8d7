"""How one day of a table is cut into pulls that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mr_platform.errors import UsageError
from mr_platform.sources.heavydb.settings import MAX_MESSAGE_BYTES, MAX_ROWS

CHUNK_ROWS = 25_000
CHUNK_BYTES = 16 << 20


@dataclass(frozen=True)
class Chunk:
    """Rows whose rowid is in [first, end)."""

    first: int
    end: int

    def halves(self) -> tuple[Chunk, Chunk]:
        """Two chunks that make this one; UsageError where it holds a single rowid."""
        middle = (self.first + self.end) // 2
        if middle == self.first:
            raise UsageError(
                rule="a chunk that is halved spans two rowids", value=self, place="rowid", remedy="this is one row"
            )
        return Chunk(self.first, middle), Chunk(middle, self.end)


def plan_chunks(
    first: int,
    last: int,
    *,
    rows: int,
    bytes_per_row: float,
    max_rows: int = CHUNK_ROWS,
    max_bytes: int = CHUNK_BYTES,
) -> tuple[Chunk, ...]:
    """Equal rowid ranges that cover [first, last] once, each of at most ``max_rows`` rows and ``max_bytes``.

    ``rows`` of the day lie in the range; ``bytes_per_row`` an estimate (``schema_bytes``). The bounds hold where rowids
    are dense or evenly spread; a chunk that comes out larger is split by ``Chunk.halves``. No rows, no chunk.
    UsageError for bounds below one row, or above what the server or the wire allows.
    """
    if rows == 0:
        return ()
    if not (0 <= first <= last and 0 < rows <= last - first + 1 and bytes_per_row > 0):
        raise UsageError(
            rule="rows lie in their rowid range",
            value=f"{rows} rows of {bytes_per_row} bytes in [{first}, {last}]",
            place="plan_chunks",
            remedy="take count, least and greatest rowid from one answer of the server",
        )
    if not (1 <= max_rows <= MAX_ROWS and bytes_per_row <= max_bytes <= MAX_MESSAGE_BYTES):
        raise UsageError(
            rule=f"a chunk has 1 to {MAX_ROWS} rows and one row to {MAX_MESSAGE_BYTES} bytes",
            value=f"{max_rows} rows, {max_bytes} bytes",
            place="plan_chunks",
            remedy="choose other bounds",
        )
    per_chunk = max(1, min(max_rows, int(max_bytes // bytes_per_row)))
    count = -(-rows // per_chunk)
    return tuple(_equal_ranges(first, last + 1, count))


def _equal_ranges(first: int, end: int, count: int) -> Iterator[Chunk]:
    step = -(-(end - first) // count)
    for start in range(first, end, step):
        yield Chunk(start, min(start + step, end))
