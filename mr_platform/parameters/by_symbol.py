"""Thresholds that differ by symbol: its own row where it has one, else the row of stocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from mr_platform.parameters.constraints import Broken, holds

T = TypeVar("T")

SYMBOLS = ("NIFTY", "BANKNIFTY", "STOCK")
OTHERS = "STOCK"


def of_symbol(rows: Mapping[str, T], symbol: str) -> T:
    """The row of ``symbol``, else that of stocks."""
    return rows.get(symbol, rows[OTHERS])


def sound_rows(rows: Mapping[str, object], *fields: str) -> Iterator[Broken]:
    """There is a row for each of NIFTY, BANKNIFTY and stocks."""
    missing = [symbol for symbol in SYMBOLS if symbol not in rows]
    yield from holds(not missing, f"rows for {', '.join(SYMBOLS)}", tuple(rows), *fields)
