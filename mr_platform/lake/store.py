"""The lake: one Parquet object per partition, published atomically and idempotently.

A publish writes a scratch file in the target folder's file system, flushes it to disk and renames it.
A reader therefore sees the old object or the new one, never a mix, and a killed writer leaves at most
a scratch file that the next publish sweeps. Publishing identical content changes nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from mr_platform.errors import ConflictError, CorruptPartition, DataError, MissingPartition, UsageError
from mr_platform.lake.digest import bytes_digest, table_digest
from mr_platform.lake.encoding import write_table
from mr_platform.lake.layout import Partition, parse_path, partition_path
from mr_platform.lake.spool import Spool

_DIGEST = "content_digest"


@dataclass(frozen=True)
class Publication:
    """What stands in the lake for a partition: ``changed`` says whether this publish put it there."""

    path: Path
    digest: str
    rows: int
    changed: bool
    metadata: Mapping[str, str]


class Lake:
    """A folder of tables. All paths below ``root``; an object store may later stand behind the same methods."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def path(self, table: str, partition: Partition, *, source: str = "") -> Path:
        """File of the partition's object, whether or not it exists."""
        return self.root / partition_path(table, partition, source)

    def publish(
        self,
        table: str,
        partition: Partition,
        data: pa.Table | Spool,
        *,
        source: str = "",
        metadata: Mapping[str, str] | None = None,
        afresh: bool = False,
    ) -> Publication:
        """Put ``data`` (a table, or a spool of rows that may not fit in memory) in place of the partition's object.

        ``metadata`` goes into the file beside the digest. The digest covers the rows and ``metadata``
        keys that readers act on would be lost on a no-op, so a changed metadata is published too,
        except for keys starting with ``run_``. ``afresh`` replaces the object whatever its footer says of it:
        a footer cannot tell that the rows above it are damaged.
        """
        target = self.path(table, partition, source=source)
        # metadata read from a partition carries that partition's digest along
        wanted = {key: value for key, value in (metadata or {}).items() if key != _DIGEST}
        digest = data.digest() if isinstance(data, Spool) else table_digest(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(target):
            present = self._describe(target)
            same = present is not None and present.digest == digest and _acting(present.metadata) == _acting(wanted)
            if present is not None and same and not afresh:
                return Publication(target, digest, data.num_rows, changed=False, metadata=present.metadata)
            stamped = {key.encode(): value.encode() for key, value in sorted({**wanted, _DIGEST: digest}.items())}
            _write_atomically(target, lambda scratch: _write_parquet(data, stamped, scratch))
        return Publication(target, digest, data.num_rows, changed=True, metadata=wanted)

    def read(
        self, table: str, partition: Partition, *, columns: Sequence[str] | None = None, source: str = ""
    ) -> pa.Table:
        """The partition's rows; ``schema.metadata`` holds what publish was given.

        Errors: MissingPartition where nothing is published, CorruptPartition where the file cannot be read.
        """
        path = self.path(table, partition, source=source)
        try:
            with pq.ParquetFile(path) as file:
                wanted = list(columns) if columns is not None else None
                if wanted is not None:
                    unknown = sorted(set(wanted) - set(file.schema_arrow.names))
                    if unknown:
                        raise UsageError(
                            rule=f"columns read from {table} exist in it",
                            value=unknown,
                            place=str(partition),
                            remedy=f"choose from {file.schema_arrow.names}",
                        )
                return file.read(columns=wanted, use_threads=False)
        except FileNotFoundError as error:
            raise self._missing(table, partition, source) from error
        except (pa.ArrowException, OSError) as error:
            raise _corrupt(path, error) from error

    def describe(self, table: str, partition: Partition, *, source: str = "") -> Publication | None:
        """Digest, rows and metadata of the partition's object from its footer; None where nothing is published."""
        return self._describe(self.path(table, partition, source=source))

    def verify(self, table: str, partition: Partition, *, source: str = "") -> Publication:
        """Read the whole object and compare its content with its recorded digest; CorruptPartition if they differ."""
        data = self.read(table, partition, source=source)
        present = self.describe(table, partition, source=source)
        if present is None:
            raise self._missing(table, partition, source)
        found = table_digest(data.replace_schema_metadata(None))
        if found != present.digest:
            raise CorruptPartition(
                rule="the content of a partition matches the digest recorded when it was published",
                value=found,
                place=str(present.path),
                remedy="materialise the partition again",
            )
        return present

    def partitions(self, table: str, *, symbol: str | None = None, source: str | None = None) -> list[Partition]:
        """Published partitions of a table in order of symbol and date; of one source, or of all."""
        found = {partition for name, partition in self._walk(table, symbol) if source is None or name == source}
        return sorted(found)

    def sources(self, table: str, partition: Partition) -> list[str]:
        """Names of the sources that have published this partition, sorted."""
        leaf = partition_path(table, partition).relative_to(table)
        found = (self.root / table).glob(f"source=*/{leaf}")
        return sorted(path.parent.parent.name.removeprefix("source=") for path in found)

    def put_object(self, name: str, data: bytes) -> str:
        """Atomically store a small document (a model's arrays, a report) and return its digest."""
        target = self._object_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = bytes_digest(data)
        with _exclusive(target):
            if not target.exists() or target.read_bytes() != data:
                _write_atomically(target, lambda scratch: scratch.write_bytes(data))
        return digest

    def create_object(self, name: str, data: bytes) -> str:
        """As ``put_object`` for a name that must be new: of two writers of one name exactly one succeeds.

        ConflictError where a document of that name stands, whatever it holds.
        """
        target = self._object_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(target):
            if target.exists():
                raise ConflictError(
                    rule="the document is new",
                    value=name,
                    place=str(self.root),
                    remedy="somebody else wrote it meanwhile: read the present state and decide again",
                )
            _write_atomically(target, lambda scratch: scratch.write_bytes(data))
        return bytes_digest(data)

    def get_object(self, name: str) -> bytes:
        """The document's bytes; MissingPartition where there is none."""
        try:
            return self._object_path(name).read_bytes()
        except FileNotFoundError as error:
            raise MissingPartition(
                rule="the document is published",
                value=name,
                place=str(self.root),
                remedy=f"known: {self.objects(name.split('/')[0])[:10]}",
            ) from error

    def objects(self, prefix: str) -> list[str]:
        """Names of the documents below ``prefix``, sorted."""
        base = self._object_path(prefix)
        if not base.is_dir():
            return [prefix] if base.is_file() else []
        return sorted(
            path.relative_to(self.root).as_posix()
            for path in base.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )

    def _walk(self, table: str, symbol: str | None = None) -> Iterator[tuple[str, Partition]]:
        """Source (or "") and partition of every published object of a table, or of one symbol's."""
        for folder in _folders(self.root / table):
            sources = _folders(folder) if folder.name.startswith("source=") else [folder]
            for at in sources:
                if symbol is not None and at.name != f"symbol={symbol}":
                    continue
                for name in (entry.name for entry in os.scandir(at)):
                    parsed = parse_path(folder.name if at is not folder else "", at.name, name)
                    if parsed is not None:
                        yield parsed

    def _object_path(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if not parts or any(part in ("..", "/") or part.startswith(".") for part in parts):
            raise UsageError(
                rule="a document's name is a plain relative path",
                value=name,
                place="lake",
                remedy="use a name such as models/regime_h12/champion.json",
            )
        return self.root.joinpath(*parts)

    def _describe(self, path: Path) -> Publication | None:
        try:
            with pa.OSFile(str(path)) as file:
                footer = pq.read_metadata(file)
        except FileNotFoundError:
            return None
        except (pa.ArrowException, OSError):
            # an unreadable object counts as absent here, so that the next publish heals it
            return None
        raw = {k.decode(): v.decode(errors="replace") for k, v in (footer.metadata or {}).items()}
        raw.pop("ARROW:schema", None)
        digest = raw.pop(_DIGEST, "")
        return Publication(path, digest, footer.num_rows, changed=False, metadata=raw)

    def _missing(self, table: str, partition: Partition, source: str) -> MissingPartition:
        known = self.partitions(table, symbol=partition.symbol)
        near = f"{len(known)} partitions of {partition.symbol}, last {known[-1].trade_date}" if known else "none"
        return MissingPartition(
            rule=f"{table} is published for the partition",
            value=str(partition) + (f" from {source}" if source else ""),
            place=str(self.root),
            remedy=f"ingest or materialise it first (published there: {near})",
        )


def _folders(base: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(base) if entry.is_dir()]
    except FileNotFoundError:
        return []


def _acting(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if not key.startswith("run_")}


def _corrupt(path: Path, error: Exception) -> CorruptPartition:
    return CorruptPartition(
        rule="a published object is a readable Parquet file",
        value=error,
        place=str(path),
        remedy="materialise the partition again; the damaged file is replaced by the next publish",
    )


def _write_parquet(data: pa.Table | Spool, metadata: Mapping[bytes, bytes], path: Path) -> None:
    if isinstance(data, Spool):
        data.write(path, metadata)
    else:
        write_table(data.replace_schema_metadata(metadata), path)


def _write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    scratch = _scratch(target)
    try:
        write(scratch)
        _sync(scratch)
        scratch.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise DataError(
            rule="the object can be written in full before it takes the old one's place",
            value=error,
            place=str(target),
            remedy="free space or mend the permissions, then run again; the old object is untouched",
        ) from error
    finally:
        with suppress(FileNotFoundError):
            scratch.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _scratch(target: Path) -> Path:
    # it does not end in .parquet: nobody's glob may take half an object for a whole one
    return target.with_name(f".{target.name}.scratch")


@contextmanager
def _exclusive(target: Path) -> Iterator[None]:
    """One writer a partition at a time; the lock dies with its holder, whose scratch file is then removed."""
    handle = os.open(target.with_name(f".{target.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        # one name for all writers, who come one at a time: to look for others would take listing a folder of years
        with suppress(FileNotFoundError):
            _scratch(target).unlink()
        yield
    finally:
        os.close(handle)
