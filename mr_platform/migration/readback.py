"""What a published partition holds, read back from its Parquet file in one pass and in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mr_platform.errors import CorruptPartition, MissingPartition
from mr_platform.lake.digest import columns_digest
from mr_platform.migration.contract import TableContract
from mr_platform.migration.differences import KEY
from mr_platform.migration.measures import LakeMeasures
from mr_platform.migration.rowdigest import RowDigest, describe_schema, row_fingerprints
from mr_platform.sources.heavydb.schema import ROW_ID

ROW_NUMBER = "_row"
"""The source's rowid in a migrated partition; beside it stands ``_file``, which says where the rows come from."""
_LINEAGE = pa.schema([(ROW_NUMBER, pa.int64()), ("_file", pa.large_string())])
_BATCH_ROWS = 65_536
_WHOLE_ROWS = 100_000


@dataclass(frozen=True)
class ReadBack:
    """A partition's file as it is now.

    ``digest`` of its rows, ``numbers`` of their row ids; ``content_digest`` the lake's own, computed anew; ``measures``
    of its columns; ``repeated_keys`` rows beyond the first with their key.
    """

    digest: RowDigest
    numbers: RowDigest
    content_digest: str
    measures: LakeMeasures
    repeated_keys: int


def read_back(path: Path, contract: TableContract) -> ReadBack:
    """What the file holds; CorruptPartition where it cannot be read or has other columns than the contract.

    A file of up to _WHOLE_ROWS rows is decoded once and held; a larger one twice, in bounded memory: in batches of
    rows, and column by column for the lake's digest.
    """
    digest, numbers = RowDigest(contract.schema()), number_digest()
    measures = LakeMeasures([column.source for column in contract.columns])
    keys = KeyCount()
    with _opened(path, contract) as file:
        count, schema = file.metadata.num_rows, stored_schema(contract)
        whole = file.read(use_threads=False) if count <= _WHOLE_ROWS else None
        for batch in whole.to_batches() if whole is not None else file.iter_batches(_BATCH_ROWS, use_threads=False):
            rows = batch.select(contract.names)
            digest.update(rows)
            numbers.update(batch.select([ROW_NUMBER]))
            measures.update(rows)
            keys.update(rows)

        def column(name: str) -> pa.ChunkedArray:
            found = whole.column(name) if whole is not None else file.read([name], use_threads=False).column(0)
            return found.cast(schema.field(name).type)

        content = columns_digest(schema, count, column)
    return ReadBack(digest, numbers, content, measures, keys.repeated())


def batches(path: Path, contract: TableContract) -> Iterator[pa.RecordBatch]:
    """The contract's columns in the file's order of rows, text in dictionaries; errors as for `read_back`."""
    with _opened(path, contract) as file:
        yield from file.iter_batches(_BATCH_ROWS, columns=contract.names, use_threads=False)


def numbered(path: Path, contract: TableContract) -> Iterator[pa.Table]:
    """As `batches`, with each row's ``rowid`` as the last column."""
    with _opened(path, contract) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=[*contract.names, ROW_NUMBER], use_threads=False):
            yield pa.Table.from_batches([batch]).rename_columns([*contract.names, ROW_ID])


def stored_schema(contract: TableContract) -> pa.Schema:
    """The columns of a migrated partition: the contract's, and where each row comes from."""
    return pa.schema([*contract.schema(), *_LINEAGE])


def number_digest() -> RowDigest:
    """An empty digest of row ids."""
    return RowDigest(pa.schema([_LINEAGE.field(ROW_NUMBER)]))


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of the file's bytes; MissingPartition where there is no file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise _missing(path) from error


class KeyCount:
    """Counts rows that repeat the key (trade date, time, expiry, strike) of another: 16 bytes a row."""

    def __init__(self) -> None:
        self._marks: list[NDArray[np.uint64]] = []

    def update(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Take in the keys of these rows."""
        self._marks.append(row_fingerprints(rows.select(list(KEY))))

    def repeated(self) -> int:
        """Rows beyond the first with their key."""
        if not self._marks:
            return 0
        marks = np.concatenate(self._marks)
        marks = marks[np.lexsort((marks[:, 1], marks[:, 0]))]
        return int((marks[1:] == marks[:-1]).all(axis=1).sum())


@contextmanager
def _opened(path: Path, contract: TableContract) -> Iterator[pq.ParquetFile]:
    texts = [field.name for field in contract.schema() if pa.types.is_large_string(field.type)]
    try:
        # text in dictionaries: each word is hashed once
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            found, wanted = describe_schema(file.schema_arrow), describe_schema(stored_schema(contract))
            if found != wanted:
                raise CorruptPartition(
                    rule="a migrated partition has the columns and types of its contract",
                    value=sorted(set(found.splitlines()) ^ set(wanted.splitlines())) or "another order",
                    place=str(path),
                    remedy="move the partition again",
                )
            yield file
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CorruptPartition(
            rule="a migrated partition is a readable Parquet file",
            value=error,
            place=str(path),
            remedy="move the partition again: the damaged file is replaced",
        ) from error


def _missing(path: Path) -> MissingPartition:
    return MissingPartition(
        rule="a transferred partition has its file in the lake",
        value=path.name,
        place=str(path.parent),
        remedy="move the partition again",
    )
