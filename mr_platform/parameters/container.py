"""The zip container of a workbook, read and written byte by byte.

A workbook comes from outside. Two zip readers may see two different archives in the same bytes (two directories, sizes
that lie, overlapping entries), so what was checked by one would not be what another parses. Here a file is accepted
only in the one plain form every spreadsheet program writes, and the parser is handed a container written anew from the
entries that were checked. An entry that is not touched keeps its compressed bytes, so writing one sheet back leaves
every other part of the file as it was, to the byte.

Sources: PKWARE APPNOTE 6.3.10 sections 4.3.7, 4.3.12 and 4.3.16; ECMA-376 part 2 (part names).
"""

from __future__ import annotations

import errno
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from mr_platform.errors import SourceError

FILE_BYTES = 10_000_000
PART_BYTES = 8_000_000
TOTAL_BYTES = 24_000_000
PARTS = 512
RATIO, RATIO_FROM_BYTES = 100, 100_000

_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x0001
_DISTRUST = "do not use this file: no spreadsheet program writes such a one"
_KNOWN_STARTS = (
    (b"\xd0\xcf\x11\xe0", "an old .xls or a password-protected workbook", "save it as .xlsx without a password"),
    (b"\x89PNG", "a PNG picture", "give the workbook itself"),
    (b"\xff\xd8\xff", "a JPEG picture", "give the workbook itself"),
    (b"%PDF", "a PDF document", "give the workbook itself"),
    (b"\x1f\x8b", "a gzip file", "unpack it first"),
)


@dataclass(frozen=True)
class Entry:
    """One part of the container: its name and its bytes as compressed, with the sizes they have been checked for."""

    name: str
    method: int
    checksum: int
    size: int
    packed: bytes
    moment: int = 0x00210000
    attributes: int = 0

    @staticmethod
    def of(name: str, content: bytes, *, like: Entry | None = None) -> Entry:
        """A part compressed from its content; date and attributes are those of ``like``, or 1980-01-01 and none."""
        squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = squeeze.compress(content) + squeeze.flush()
        entry = Entry(name, _DEFLATED, zlib.crc32(content), len(content), packed)
        return entry if like is None else replace(entry, moment=like.moment, attributes=like.attributes)


def read_file(path: Path) -> bytes:
    """The bytes of a regular ``.xlsx`` file of at most 10 MB; a link, folder, pipe or device is refused unopened.

    Errors: SourceError with the rule broken.
    """
    place = str(path)
    if path.suffix.lower() != ".xlsx":
        raise _refusal("a workbook is an .xlsx file", path.suffix or "no extension", place, "save it as .xlsx")
    try:
        # a pipe would block the open for ever, a link could be swapped between the check and the read
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        linked = error.errno == errno.ELOOP
        rule = "a workbook is a file, not a link to one" if linked else "a workbook can be opened"
        remedy = "give the path of the file itself" if linked else "check the path and its permissions"
        raise _refusal(rule, error.strerror or error, place, remedy) from error
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise _refusal("a workbook is a regular file", stat.filemode(about.st_mode), place, "give a file")
    with os.fdopen(handle, "rb") as file:
        if about.st_size > FILE_BYTES:
            raise _refusal(
                f"a workbook has at most {FILE_BYTES:,} bytes", f"{about.st_size:,}", place, "is this the right file?"
            )
        data = file.read(FILE_BYTES + 1)
    if len(data) != about.st_size:
        raise _refusal("a workbook stays as it is while it is read", len(data), place, "read it again once it is saved")
    return data


def read_entries(data: bytes, place: str) -> tuple[Entry, ...]:
    """The container's entries in the order of their directory; folders are left out.

    Errors: SourceError for anything but one plain archive whose entries follow each other and hold together: other
    formats, truncation, encryption, zip64, names outside the archive, duplicates, overlaps, lying sizes, bombs.
    """
    entries: dict[str, Entry] = {}
    found, index_at = _directory(data, place)
    total, taken = 0, [(index_at, index_at, "the directory")]
    for (name, attributes), numbers in found:
        flags, method, moment, checksum, packed_size, size, at = numbers
        where = f"{place}!{name}"
        if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED):
            raise _refusal(
                "parts are stored or deflated, not encrypted", f"method {method}", where, "save it without a password"
            )
        total += size
        if size > PART_BYTES or total > TOTAL_BYTES:
            raise _refusal(
                f"a part has at most {PART_BYTES:,} bytes unpacked, a workbook {TOTAL_BYTES:,}",
                f"{max(size, total):,}",
                where,
                "remove the rows and sheets that hold no parameters",
            )
        if size > RATIO_FROM_BYTES and size > RATIO * packed_size:
            raise _refusal(
                f"a part unpacks to at most {RATIO} times its size",
                f"{packed_size:,} to {size:,}",
                where,
                "save the workbook anew; if it stays so, do not use it",
            )
        start = _content_start(data, name, at, where)
        taken.append((at, start + packed_size, name))
        if name.casefold() in entries:
            raise _refusal("every part is there once", name, place, "save the workbook anew in a spreadsheet program")
        entry = Entry(name, method, checksum, size, data[start : start + packed_size], moment, attributes)
        if name.endswith("/"):
            continue
        entries[name.casefold()] = entry
    taken.sort()
    for (_, stop, _), (start, _, name) in pairwise(taken):
        if start < stop:
            raise _refusal("parts do not overlap", name, place, _DISTRUST)
    return tuple(entries.values())


def unpack(entry: Entry, place: str) -> bytes:
    """The part's content; SourceError where it is not what the directory says of its size and checksum."""
    content, whole = entry.packed, True
    if entry.method == _DEFLATED:
        inflate = zlib.decompressobj(-15)
        try:
            content = inflate.decompress(entry.packed, entry.size + 1)
        except zlib.error as error:
            raise _refusal("a part can be unpacked", error, f"{place}!{entry.name}", "get the file again") from error
        whole = inflate.eof and not inflate.unused_data
    if len(content) != entry.size or not whole or zlib.crc32(content) != entry.checksum:
        raise _refusal(
            "a part's size and checksum are those its directory quotes",
            f"{entry.size:,} bytes quoted",
            f"{place}!{entry.name}",
            "get the file again; if it stays so, do not use it",
        )
    return content


def write_entries(entries: Iterable[Entry]) -> bytes:
    """A plain archive of the entries in their order; the same entries give the same bytes."""
    body, directory, at, count = [], [], 0, 0
    for entry in entries:
        name = entry.name.encode("ascii")
        shared = (
            entry.method,
            entry.moment & 0xFFFF,
            entry.moment >> 16,
            entry.checksum,
            len(entry.packed),
            entry.size,
        )
        body += [_LOCAL.pack(b"PK\x03\x04", 20, 0, *shared, len(name), 0), name, entry.packed]
        directory += [
            _CENTRAL.pack(b"PK\x01\x02", 0x0314, 20, 0, *shared, len(name), 0, 0, 0, 0, entry.attributes, at),
            name,
        ]
        at += _LOCAL.size + len(name) + len(entry.packed)
        count += 1
    index = b"".join(directory)
    return b"".join([*body, index, _END.pack(b"PK\x05\x06", 0, 0, count, count, len(index), at, 0)])


def _directory(data: bytes, place: str) -> tuple[list[tuple[tuple[str, int], tuple[int, ...]]], int]:
    """Name and attributes, then the numbers of each entry in the one directory at the file's end; where it begins."""
    if not data:
        raise _refusal("a workbook has content", "0 bytes", place, "get the file again")
    if not data.startswith(b"PK\x03\x04"):
        found, remedy = next(
            ((what, remedy) for start, what, remedy in _KNOWN_STARTS if data.startswith(start)),
            (f"a file that begins with {data[:8]!r}", "save it as .xlsx in a spreadsheet program"),
        )
        raise _refusal("an .xlsx file is a workbook, whatever its name says", found, place, remedy)
    end = len(data) - _END.size
    if end < 0 or data[end : end + 4] != b"PK\x05\x06":
        raise _refusal(
            "an archive is whole and nothing follows its directory",
            "cut short" if data.rfind(b"PK\x05\x06") < 0 else "bytes after the directory",
            place,
            "get the file again, or save it anew",
        )
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(data, end)
    if disk or first_disk or here != count or comment or start + size != end:
        raise _refusal(
            "an archive has one directory, right before its end", "another layout", place, "save the workbook anew"
        )
    if count > PARTS:
        raise _refusal(f"a workbook has at most {PARTS} parts", count, place, "is this the right file?")
    listed: list[tuple[tuple[str, int], tuple[int, ...]]] = []
    at = start
    for _ in range(count):
        if at + _CENTRAL.size > end or data[at : at + 4] != b"PK\x01\x02":
            raise _refusal("the archive's directory is whole", "cut short", place, "get the file again")
        fields = _CENTRAL.unpack_from(data, at)
        flags, method, time, day, checksum, packed, unpacked = fields[3:10]
        name_size, extra, note, disk, _, attributes, offset = fields[10:]
        name = _part_name(data[at + _CENTRAL.size : at + _CENTRAL.size + name_size], place)
        kind = stat.S_IFMT(attributes >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or disk:
            raise _refusal("a part is a plain file", stat.filemode(attributes >> 16), f"{place}!{name}", _DISTRUST)
        listed.append(((name, attributes), (flags, method, time | day << 16, checksum, packed, unpacked, offset)))
        at += _CENTRAL.size + name_size + extra + note
    if at != end:
        raise _refusal("the archive's directory is whole", "bytes left over", place, "save the workbook anew")
    return listed, start


def _part_name(raw: bytes, place: str) -> str:
    name = raw.decode("ascii", errors="replace")
    plain = re.fullmatch(r"[\w\[\]().,+=@%~$&' -]+(?:/[\w\[\]().,+=@%~$&' -]+)*/?", name, re.ASCII)
    if not plain or any(part in (".", "..") for part in name.split("/")):
        raise _refusal("a part's name stays inside the workbook", name, place, _DISTRUST)
    return name


def _content_start(data: bytes, name: str, at: int, where: str) -> int:
    """Where the entry's bytes begin, after its own header has been held against the directory."""
    if at + _LOCAL.size > len(data) or data[at : at + 4] != b"PK\x03\x04":
        raise _refusal("a part lies where the directory says", at, where, "get the file again")
    name_size, extra = _LOCAL.unpack_from(data, at)[9:]
    begin = at + _LOCAL.size
    if data[begin : begin + name_size] != name.encode():
        raise _refusal("a part has the name its directory gives", data[begin : begin + 80], where, _DISTRUST)
    return begin + int(name_size) + int(extra)


def _refusal(rule: str, value: object, place: str, remedy: str) -> SourceError:
    return SourceError(rule=rule, value=value, place=place, remedy=remedy)
