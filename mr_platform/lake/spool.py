"""Rows of one object that arrive in chunks, in memory while they fit and else laid aside on disk, published whole.

The digest of an object goes over its columns, its rows come in chunks: what does not fit is written as uncompressed
Arrow, read back column by column for the digest, and chunk by chunk into the row groups of the Parquet object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from mr_platform.errors import DataError
from mr_platform.lake.digest import columns_digest, table_digest
from mr_platform.lake.encoding import write_table, writer_options


class Spool:
    """Chunks of one schema. ``path`` is where they go once they have more than ``memory_bytes`` bytes.

    A context manager: at its beginning a file of that name that a killed process left is removed, at its end its own.
    DataError where the disk is full.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, memory_bytes: int) -> None:
        self.path = path
        self.schema = schema
        self.num_rows = 0
        self.num_bytes = 0
        self._memory_bytes = memory_bytes
        self._chunks: list[pa.Table] = []
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._on_disk = False

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def discard(self) -> None:
        """Let the rows go, and the file they were laid aside in: they are published, or never will be."""
        self._chunks = []
        if self._on_disk:
            self._on_disk = False
            try:
                self._finish()
            except OSError:
                # what could not be written is deleted here in any case
                self._writer = None
            self.path.unlink(missing_ok=True)

    def add(self, rows: pa.Table) -> None:
        """Take rows in; their schema is the spool's own."""
        self.num_rows += rows.num_rows
        self.num_bytes += rows.nbytes
        self._chunks.append(rows)
        if self._on_disk or self.num_bytes > self._memory_bytes:
            self._lay_aside()

    def digest(self) -> str:
        """The digest that a table of these rows has."""
        if not self._on_disk:
            return table_digest(self._table())
        self._finish()
        return columns_digest(self.schema, self.num_rows, self._column)

    def write(self, path: Path, metadata: Mapping[bytes, bytes]) -> None:
        """As one Parquet file: one row group, or one for each chunk where they had to be laid aside."""
        if not self._on_disk:
            write_table(self._table().replace_schema_metadata(metadata), path)
            return
        self._finish()
        schema = self.schema.with_metadata(metadata)
        options = writer_options(pa.Table.from_batches([next(self._batches())]))
        with pq.ParquetWriter(path, schema, **options) as writer:
            for batch in self._batches():
                writer.write_table(pa.Table.from_batches([batch]), row_group_size=max(batch.num_rows, 1))

    def _table(self) -> pa.Table:
        return pa.concat_tables(self._chunks) if self._chunks else self.schema.empty_table()

    def _lay_aside(self) -> None:
        try:
            if self._writer is None:
                self._on_disk = True
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = pa.ipc.new_file(pa.OSFile(str(self.path), "wb"), self.schema)
            for chunk in self._chunks:
                for batch in chunk.combine_chunks().to_batches():
                    self._writer.write_batch(batch)
        except OSError as error:
            raise DataError(
                rule="rows that do not fit in memory can be laid aside on disk",
                value=error,
                place=str(self.path),
                remedy="free space, then run again; nothing has been published",
            ) from error
        self._chunks = []

    def _finish(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _column(self, name: str) -> pa.ChunkedArray:
        # mapped, so that only the column's own pages are touched, and anew for each column, so that they are let go
        reader = pa.ipc.open_file(pa.memory_map(str(self.path)))
        at = self.schema.get_field_index(name)
        arrays = [reader.get_batch(number).column(at) for number in range(reader.num_record_batches)]
        return pa.chunked_array(arrays, self.schema.field(at).type)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
