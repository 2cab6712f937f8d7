"""The row digest in plain Python: one cell at a time, whole numbers of any size, no buffers."""

from __future__ import annotations

import decimal
import hashlib
import struct

import pyarrow as pa

PRIME = 2**127 - 1
W64 = 2**64


def _numbers(identity: bytes, count: int) -> list[int]:
    data = hashlib.shake_256(identity).digest(8 * count)
    return [int.from_bytes(data[8 * i : 8 * i + 8], "little") for i in range(count)]


def type_name(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    return "text" if kind in (pa.string(), pa.large_string(), pa.string_view()) else str(kind)


def cell_words(scalar: pa.Scalar) -> list[int]:
    """The cell's bits as 64-bit words, least significant first."""
    kind = scalar.type
    if pa.types.is_floating(kind):
        if kind.bit_width == 64:
            return [int.from_bytes(struct.pack("<d", scalar.as_py()), "little")]
        # a float of Python is a double: on the way there a NaN of fewer bits would lose some of its payload
        return [int.from_bytes(pa.array([scalar], kind).buffers()[1].to_pybytes()[: kind.bit_width // 8], "little")]
    if pa.types.is_decimal(kind):
        whole = int(scalar.as_py().scaleb(kind.scale, context=decimal.Context(prec=100)))
        return [(whole % 2**kind.bit_width >> (64 * i)) % W64 for i in range(kind.bit_width // 64)]
    if pa.types.is_boolean(kind):
        return [int(scalar.as_py())]
    if pa.types.is_temporal(kind):
        return [scalar.value % 2**kind.bit_width]
    return [scalar.as_py() % 2**kind.bit_width]


def cell_lanes(name: str, kind: pa.DataType, scalar: pa.Scalar) -> list[int]:
    identity = f"rows-1\0{name}\0{type_name(kind)}\0".encode()
    text = type_name(kind) == "text"
    wide = max(kind.bit_width // 64, 1) if not text and not pa.types.is_null(kind) else 1
    lanes = [0, 0]
    for word in range(wide):
        key = _numbers(identity + bytes([word]), 10)
        if not scalar.is_valid or (text and scalar.as_py() is None):
            added = key[8:10]
        elif text:
            text_key = hashlib.blake2b(identity + b"text", digest_size=32).digest()
            digest = hashlib.blake2b(scalar.as_py().encode(), digest_size=16, key=text_key).digest()
            added = [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")]
        else:
            x = cell_words(scalar)[word]
            added = [
                ((((key[at] << 64) + key[at + 1]) * x + (key[at + 2] << 64) + key[at + 3]) % 2**128) >> 64
                for at in (0, 4)
            ]
        lanes = [(lane + more) % W64 for lane, more in zip(lanes, added, strict=True)]
    return lanes


def fingerprints(table: pa.Table) -> list[tuple[int, int]]:
    rows = []
    for row in range(table.num_rows):
        lanes = [0, 0]
        for field in table.schema:
            for at, more in enumerate(cell_lanes(field.name, field.type, table.column(field.name)[row])):
                lanes[at] = (lanes[at] + more) % W64
        rows.append((lanes[0], lanes[1]))
    return rows


def digests(table: pa.Table) -> tuple[str, str]:
    """Multiset and sequence digest."""
    drawn = _numbers(b"rows-1\0points", 4)
    point, base = ((drawn[0] >> 2 << 64) + drawn[1], (drawn[2] >> 2 << 64) + drawn[3])
    product, horner = 1, 0
    for high, low in fingerprints(table):
        row = ((high << 64) + low) % PRIME
        product = product * (point + row) % PRIME
        horner = (horner * base + row) % PRIME
    shape = "\n".join(f"{field.name}\t{type_name(field.type)}" for field in table.schema)
    return _sealed("multiset", shape, table.num_rows, product), _sealed("sequence", shape, table.num_rows, horner)


def _sealed(kind: str, shape: str, rows: int, number: int) -> str:
    text = f"rows-1\0{kind}\0{shape}\0{rows}\0{number:032x}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
