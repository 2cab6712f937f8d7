"""The digest of a table's rows that neither their order, nor chunks, nor the encoding can change, and any bit can.

Every cell counts with its column's name, its type and its exact bits: NULL is neither '' nor 'NULL', trailing blanks
stand, -0.0 is not 0.0, the bits of a NaN count, so do a decimal's scale and a timestamp's unit and zone. Text counts
by value, whether dictionary-encoded or plain. Rows count as a multiset: a row twice is not a row once.

Collisions: rows that differ agree in their 128-bit fingerprint with probability below 2^-126 (strongly universal
cells, added); multisets of n fingerprints that differ agree in their product with probability at most n / 2^127
(Schwartz-Zippel). For ten million rows any given change goes unseen with probability below 2^-100. That holds for
changes made without regard to the keys, which are constants of this file: faults, not forgery. Against forgery stand
the SHA-256 of the lake and the signature of the certificate.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.migration import fingerprint

VERSION = "rows-1"
_BLOCK = 8192
"""Rows whose lanes are filled at a time: 128 KB, which stays in the second-level cache over all columns."""
_NO_BITMAP = np.empty(0, np.uint8)
_NO_BITMAP.flags.writeable = False


class RowDigest:
    """Digest of all rows given to `update`, in whatever chunks.

    ``schema``: names and types that every chunk must have, dictionary or plain text alike.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.rows = 0
        self._shape = describe_schema(schema)
        self._columns = _columns(schema)
        self._points = _points()
        self._state = np.array([[0, 1], [0, 0]], np.uint64)
        self._seen = schema

    def update(self, table: pa.Table | pa.RecordBatch) -> None:
        """Take in the rows of ``table``; DataError where its names, types or their order are others."""
        if not table.schema.equals(self._seen):
            _check_shape(self._shape, table.schema)
            self._seen = table.schema
        for lanes in _lanes(table, self._columns):
            fingerprint.gather(lanes, self._points, self._state)
        self.rows += table.num_rows

    def multiset(self) -> str:
        """32 hex digits that depend on schema and rows, not on the rows' order."""
        return self._sealed("multiset", self._state[0])

    def sequence(self) -> str:
        """32 hex digits that depend on schema, rows and the rows' order, not on the chunks."""
        return self._sealed("sequence", self._state[1])

    def _sealed(self, kind: str, words: NDArray[np.uint64]) -> str:
        text = f"{VERSION}\0{kind}\0{self._shape}\0{self.rows}\0{int(words[0]):016x}{int(words[1]):016x}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def row_digest(table: pa.Table) -> RowDigest:
    """The digest of one table that is at hand as a whole."""
    digest = RowDigest(table.schema)
    digest.update(table)
    return digest


def row_fingerprints(table: pa.Table) -> NDArray[np.uint64]:
    """The 128-bit fingerprint of each row [n, 2], in the table's order: equal rows have equal ones."""
    describe_schema(table.schema)
    found = list(_lanes(table, _columns(table.schema)))
    return np.concatenate(found) if found else np.empty((0, 2), np.uint64)


def describe_schema(schema: pa.Schema) -> str:
    """Names and types in order as the digest counts them: text is one type, however it is encoded."""
    if len(set(schema.names)) != len(schema.names):
        raise DataError(
            rule="the columns of a digested table have different names",
            value=[name for name in schema.names if schema.names.count(name) > 1],
            place="schema",
            remedy="name every column once",
        )
    return "\n".join(f"{field.name}\t{_type_name(field.type)}" for field in schema)


@dataclass(frozen=True)
class _Column:
    """A column's keys: one of `fingerprint.KEY_WORDS` for each 64-bit word of a cell, and the key of its text."""

    name: str
    words: tuple[NDArray[np.uint64], ...]
    text_key: bytes


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return _type_name(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "binary"
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or _words_of(kind):
        return str(kind)
    raise DataError(
        rule="a digested column is text, binary, boolean, null or of a fixed width up to 256 bits",
        value=kind,
        place="schema",
        remedy="teach the row digest the type before data of it are moved",
    )


def _words_of(kind: pa.DataType) -> int:
    """64-bit words of a fixed-width type's cell; 0 for a type of no fixed width."""
    primitive = pa.types.is_primitive(kind) or pa.types.is_decimal(kind)
    return max(kind.bit_width // 64, 1) if primitive and not pa.types.is_boolean(kind) else 0


@functools.lru_cache(maxsize=32)
def _columns(schema: pa.Schema) -> tuple[_Column, ...]:
    found = []
    for field in schema:
        identity = f"{VERSION}\0{field.name}\0{_type_name(field.type)}\0".encode()
        keys = tuple(
            _random_words(identity + bytes([word]), fingerprint.KEY_WORDS)
            for word in range(max(_words_of(field.type), 1))
        )
        found.append(_Column(field.name, keys, hashlib.blake2b(identity + b"text", digest_size=32).digest()))
    return tuple(found)


def _points() -> NDArray[np.uint64]:
    drawn = _random_words(f"{VERSION}\0points".encode(), 4).reshape(2, 2)
    # below 2^126, hence below the prime
    drawn[:, 0] >>= np.uint64(2)
    return drawn


def _random_words(identity: bytes, count: int) -> NDArray[np.uint64]:
    return np.frombuffer(hashlib.shake_256(identity).digest(8 * count), "<u8").astype(np.uint64)


def _check_shape(shape: str, schema: pa.Schema) -> None:
    found = describe_schema(schema)
    if found != shape:
        raise DataError(
            rule="all chunks of a digested table have the same columns, types and order",
            value=sorted(set(found.splitlines()) ^ set(shape.splitlines())) or "another order",
            place="row digest",
            remedy="the schema moved between two chunks: read the table again from the beginning",
        )


def _lanes(table: pa.Table | pa.RecordBatch, columns: tuple[_Column, ...]) -> Iterator[NDArray[np.uint64]]:
    """Fingerprints [n, 2] of the table's rows in order, block by block."""
    batches = [table] if isinstance(table, pa.RecordBatch) else table.to_batches()
    for batch in batches:
        readers = [_reader(batch.column(i), column) for i, column in enumerate(columns)]
        for start in range(0, batch.num_rows, _BLOCK):
            lanes = np.zeros((min(_BLOCK, batch.num_rows - start), 2), np.uint64)
            for parts in readers:
                for part in parts:
                    part.add(start, lanes)
            yield lanes


@dataclass(frozen=True)
class _Words:
    """One word of each cell of a fixed-width column of a batch."""

    words: NDArray[np.unsignedinteger]
    valid: NDArray[np.uint8]
    valid_start: int
    key: NDArray[np.uint64]

    def add(self, start: int, lanes: NDArray[np.uint64]) -> None:
        fingerprint.add_words(self.words, start, self.valid, self.valid_start + start, self.key, lanes)


@dataclass(frozen=True)
class _Entries:
    """The cells of a text column of a batch: indices into what each value adds."""

    indices: NDArray[np.int32]
    valid: NDArray[np.uint8]
    valid_start: int
    entries: NDArray[np.uint64]
    key: NDArray[np.uint64]

    def add(self, start: int, lanes: NDArray[np.uint64]) -> None:
        fingerprint.add_entries(
            self.indices, start, self.valid, self.valid_start + start, self.entries, self.key, lanes
        )


def _reader(array: pa.Array, column: _Column) -> list[_Words] | list[_Entries]:
    kind = array.type
    if pa.types.is_null(kind):
        nothing = np.zeros(len(array), np.uint32)
        return [_Words(_sealed(nothing), _sealed(np.zeros(len(array) // 8 + 1, np.uint8)), 0, column.words[0])]
    if not _words_of(kind) and not pa.types.is_boolean(kind):
        return [_text(array, column)]
    valid, valid_start = _bitmap(array)
    if pa.types.is_boolean(kind):
        bits = np.frombuffer(array.buffers()[1], np.uint8)
        cells = np.unpackbits(bits, bitorder="little")[array.offset : array.offset + len(array)]
        return [_Words(_sealed(cells.astype(np.uint32)), valid, valid_start, column.words[0])]
    width = kind.bit_width
    data = array.buffers()[1]
    per_cell = len(column.words)
    cells = np.frombuffer(data, f"u{min(width, 64) // 8}") if data is not None else np.empty(0, np.uint32)
    cells = cells[array.offset * per_cell : (array.offset + len(array)) * per_cell]
    if width < 32:
        cells = cells.astype(np.uint32)
    return [
        _Words(_sealed(np.ascontiguousarray(cells[word::per_cell])), valid, valid_start, key)
        for word, key in enumerate(column.words)
    ]


def _text(array: pa.Array, column: _Column) -> _Entries:
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    elif len(array.dictionary) > len(array):
        # a dictionary larger than the batch: hash the values that occur, not all there are
        array = array.cast(array.type.value_type).dictionary_encode()
    values = array.dictionary
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.large_string())
    binary = pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type)
    texts = values.to_pylist() if binary else pc.cast(values, pa.large_binary()).to_pylist()
    key = column.words[0]
    null = key[8:10].tobytes()
    packed = b"".join(
        null if text is None else hashlib.blake2b(text, digest_size=16, key=column.text_key).digest() for text in texts
    )
    entries = np.frombuffer(packed, "<u8").reshape(-1, 2)
    valid, valid_start = _bitmap(array.indices)
    indices = array.indices.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)
    return _Entries(_sealed(indices), valid, valid_start, entries, key)


def _bitmap(array: pa.Array) -> tuple[NDArray[np.uint8], int]:
    bitmap = array.buffers()[0]
    if bitmap is None or not array.null_count:
        return _NO_BITMAP, 0
    return _sealed(np.frombuffer(bitmap, np.uint8)), array.offset


def _sealed(cells: NDArray) -> NDArray:
    # a read-only array is another type to the compiler: one kind of argument, one compilation
    cells = cells.view()
    cells.flags.writeable = False
    return cells
