"""Where each object of the lake lies: ``<table>/[source=S/]symbol=X/trade_date=YYYY-MM-DD.parquet``.

Hive-style folders, so that DuckDB, BigQuery external tables and people read the same tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from mr_platform.errors import UsageError

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.&-]{0,63}$")
_TABLE = re.compile(r"^[a-z0-9_]+(/[a-z0-9_]+)+$")


@dataclass(frozen=True, order=True)
class Partition:
    """One symbol on one trade date."""

    symbol: str
    trade_date: date

    def __str__(self) -> str:
        return f"{self.symbol}|{self.trade_date.isoformat()}"

    @classmethod
    def parse(cls, text: str) -> Partition:
        """From ``SYMBOL|YYYY-MM-DD``, the key that Dagster shows."""
        symbol, _, day = text.partition("|")
        try:
            return cls(checked_name(symbol, "symbol"), date.fromisoformat(day))
        except ValueError as error:
            raise UsageError(
                rule="a partition key is SYMBOL|YYYY-MM-DD",
                value=text,
                place="partition key",
                remedy="write it like NIFTY|2026-11-20",
            ) from error


def checked_name(name: str, what: str) -> str:
    """The name itself, if it may stand in a path: letters, digits and ``_ . & -``, no separator, no ``..``."""
    if not _NAME.match(name) or ".." in name:
        raise UsageError(
            rule=f"a {what} is made of letters, digits, '_', '-', '&' and '.' and has at most 64 of them",
            value=name,
            place=what,
            remedy=f"use the {what}'s plain name, for example NIFTY",
        )
    return name


def partition_path(table: str, partition: Partition, source: str = "") -> PurePosixPath:
    """Path of a partition's object below the lake's root."""
    if not _TABLE.match(table):
        raise UsageError(
            rule="a table is named layer/name in lower snake case",
            value=table,
            place="table",
            remedy="use a name such as core/option_chain",
        )
    path = PurePosixPath(table)
    if source:
        path /= f"source={checked_name(source, 'source')}"
    return path / f"symbol={checked_name(partition.symbol, 'symbol')}" / f"trade_date={partition.trade_date}.parquet"


def parse_path(source: str, symbol: str, file: str) -> tuple[str, Partition] | None:
    """Source (or "") and partition from the parts of a path below a table's folder; None for anything else.

    ``source`` is "source=S" or "", ``symbol`` is "symbol=X", ``file`` is "trade_date=YYYY-MM-DD.parquet".
    """
    prefix, day = "trade_date=", file.removesuffix(".parquet")
    if not symbol.startswith("symbol=") or not file.endswith(".parquet") or not day.startswith(prefix):
        return None
    try:
        return source.removeprefix("source="), Partition(
            symbol.removeprefix("symbol="), date.fromisoformat(day[len(prefix) :])
        )
    except ValueError:
        return None
