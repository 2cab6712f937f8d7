"""File formats: Parquet, CSV (plain or gzipped) and SQLite, read whole into a frame, within stated bounds.

Text files stay text: what a number means is the profile's business. Anything that cannot be read in full
is a SourceError that names the file.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mr_platform.errors import SourceError
from mr_platform.sources.profile import Profile

MAX_FILE_BYTES = 4 << 30
MAX_TEXT_BYTES = 2 << 30
MAX_ROWS = 50_000_000
_SQLITE = (".db", ".sqlite", ".sqlite3")
_BLOCK = 1 << 22
_HEAD_BYTES = 1 << 16


def expand(paths: Sequence[Path], profile: Profile) -> list[Path]:
    """The files meant: a file as given, a folder as all files below it that the profile's patterns match, sorted."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = {hit for pattern in profile.files for hit in path.rglob(pattern) if hit.is_file()}
            found.extend(sorted(hit for hit in inside if not hit.name.startswith(".")))
        elif path.is_file():
            found.append(path)
        else:
            raise SourceError(
                rule="the path is an existing file or folder", value=path.name, place=str(path), remedy="check the path"
            )
    return list(dict.fromkeys(found))


def read_file(path: Path, profile: Profile) -> list[pl.DataFrame]:
    """The tables of a file (several only in a database), every column and row; SourceError names the file."""
    try:
        size = path.stat().st_size
        if size == 0 or size > MAX_FILE_BYTES:
            raise _unreadable(path, f"{size} bytes", f"a source file has 1 to {MAX_FILE_BYTES} bytes")
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if suffixes[-1:] == [".parquet"]:
            frames = [_parquet(path)]
        elif suffixes[-1:] and suffixes[-1] in _SQLITE:
            frames = _sqlite(path)
        else:
            frames = [_text(path, profile, _unpacked(path) if suffixes[-1:] == [".gz"] else path.read_bytes())]
    except (OSError, EOFError, zlib.error, pa.ArrowException, pl.exceptions.PolarsError, sqlite3.Error) as error:
        raise _unreadable(path, error, "a source file can be read in full") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error, "a text file is UTF-8 with one record a line") from error
    return frames


def text_columns(path: Path, profile: Profile) -> list[str] | None:
    """Column names of a text file as the profile's dialect reads them, from its first lines; None for other files.

    Lets a file of another layout be told from a broken one before it is read.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] not in ([".csv"], [".txt"], [".gz"]):
        return None
    try:
        with path.open("rb") as raw:
            stream = gzip.GzipFile(fileobj=raw) if suffixes[-1] == ".gz" else raw
            lines = stream.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace").splitlines()
    except (OSError, EOFError, zlib.error):
        return None
    if len(lines) <= profile.csv.skip_lines:
        return None
    first = next(csv.reader([lines[profile.csv.skip_lines]], delimiter=profile.csv.delimiter), [])
    given = list(profile.csv.names)
    return given if given and len(first) == len(given) and first != given else _header(first, profile)


def _parquet(path: Path) -> pl.DataFrame:
    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows > MAX_ROWS:
            raise _unreadable(path, f"{file.metadata.num_rows} rows", f"a source file has at most {MAX_ROWS} rows")
        frame = pl.from_arrow(file.read(use_threads=False))
    assert isinstance(frame, pl.DataFrame)
    frame = frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
    return frame.with_columns(_words(column) for column in frame.select(pl.col(pl.Binary)).iter_columns())


def _words(column: pl.Series) -> pl.Series:
    """Text that its writer did not mark as such; bytes that are no text, in hexadecimal digits."""
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError:
        return column.bin.encode("hex")


def _unpacked(path: Path) -> bytes:
    """Bytes of a gzip file, never more than the bound."""
    parts, total = [], 0
    with gzip.open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            total += len(block)
            if total > MAX_TEXT_BYTES:
                raise _unreadable(path, f"over {MAX_TEXT_BYTES} bytes", "the unpacked text fits the bound")
            parts.append(block)
    return b"".join(parts)


def _text(path: Path, profile: Profile, data: bytes) -> pl.DataFrame:
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if b"\n\n" in data and b'"' not in data:  # an empty line is no record; within quotes it may be part of one
        data = re.sub(rb"\n{2,}", b"\n", data)
    if not data.strip():
        raise _unreadable(path, "no text", "a source file has at least one record")
    if len(data) > MAX_TEXT_BYTES:
        raise _unreadable(path, f"{len(data)} bytes", f"a text file has at most {MAX_TEXT_BYTES} bytes")
    dialect = profile.csv
    lines = data.split(b"\n", dialect.skip_lines + 1)
    first = next(csv.reader([lines[min(dialect.skip_lines, len(lines) - 1)].decode()], delimiter=dialect.delimiter), [])
    named = bool(dialect.names) and first != list(dialect.names)
    names = list(dialect.names) if named else _header(first, profile)
    _check_last_line(path, data, dialect.delimiter, len(first))
    if named and len(first) != len(names):
        raise _unreadable(path, f"{len(first)} columns in {first[:6]}", f"records have the columns {names}")
    frame = pl.read_csv(
        io.BytesIO(data),
        separator=dialect.delimiter,
        has_header=False,
        skip_lines=dialect.skip_lines + (0 if named else 1),
        infer_schema=False,
        new_columns=None,
        schema=dict.fromkeys(names, pl.String),
    )
    if frame.height > MAX_ROWS:
        raise _unreadable(path, f"{frame.height} rows", f"a source file has at most {MAX_ROWS} rows")
    return frame


def _header(first: list[str], profile: Profile) -> list[str]:
    """Column names; those of a website table are told apart by the side on which they stand of the strike."""
    names, seen, side = [], set[str](), "CALLS "
    for index, raw in enumerate(first):
        name = raw if profile.shape != "website" else " ".join(raw.split())
        if profile.shape == "website":
            if name.upper().startswith("STRIKE"):
                side = ""
            name, side = (f"{side}{name}", side) if side else (name, "PUTS ")
        if not name.strip() or name in seen:
            name = f"{name}#{index}"
        seen.add(name)
        names.append(name)
    return names


def _check_last_line(path: Path, data: bytes, delimiter: str, width: int) -> None:
    """A short last record is a file cut off, or still being written."""
    last = data.rstrip(b"\n").rpartition(b"\n")[2].decode()
    found = next(csv.reader([last], delimiter=delimiter), [])
    if len(found) < width:
        raise _unreadable(path, f"last record has {len(found)} of {width} fields", "a source file is complete")


def _sqlite(path: Path) -> list[pl.DataFrame]:
    frames = []
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            quoted = '"' + name.replace('"', '""') + '"'
            (count,) = connection.execute(f"select count(*) from {quoted}").fetchone()
            if count > MAX_ROWS:
                raise _unreadable(path, f"{count} rows", f"a source table has at most {MAX_ROWS} rows")
            cursor = connection.execute(f"select * from {quoted}")
            header = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
            columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
            series = [_sqlite_column(name, values) for name, values in zip(header, columns, strict=True)]
            frames.append(pl.DataFrame(series))
    if not frames:
        raise _unreadable(path, "no table", "a database file holds a table")
    return frames


def _sqlite_column(name: str, values: Sequence[object]) -> pl.Series:
    """SQLite types values, not columns: numbers become int64 or float64, a mixture with text becomes text."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {int}:
        return pl.Series(name, values, dtype=pl.Int64 if kinds else pl.Null)
    if kinds <= {int, float}:
        return pl.Series(name, [None if v is None else float(v) for v in values], dtype=pl.Float64)  # type: ignore[arg-type]
    return pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String)


def _unreadable(path: Path, value: object, rule: str) -> SourceError:
    return SourceError(
        rule=rule, value=value, place=str(path), remedy="fetch the file again, or leave it out; the lake is untouched"
    )
