"""Addresses of cells: ``B7`` is row 7 of column 2, both counted from 1."""

from __future__ import annotations

import re
from functools import lru_cache

from mr_platform.errors import UsageError

_ADDRESS = re.compile(r"\$?([A-Z]{1,3})\$?([1-9][0-9]{0,6})")


def column_number(name: str) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in name:
        number = 26 * number + ord(letter) - 64
    return number


@lru_cache(maxsize=1_024)
def column_name(number: int) -> str:
    """A for 1, AA for 27."""
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def split(address: str) -> tuple[int, int]:
    """Row and column of an address such as ``B7`` or ``$B$7``; UsageError for anything else."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise UsageError(
            rule="a cell's address is a column's letters and a row's number",
            value=address,
            place="address",
            remedy="write for example B7",
        )
    return int(found[2]), column_number(found[1])
