"""Arguments that commands of ``mr`` share: how they are named, read and turned into the library's objects."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mr_platform.errors import UsageError

if TYPE_CHECKING:
    from mr_platform.lake.layout import Partition
    from mr_platform.lake.store import Lake

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="MR_HOME", help="Folder that holds lake, warehouse and Dagster home.")
]
SymbolOption = Annotated[str, typer.Option("--symbol", help="Underlying, for example NIFTY.")]
DateOption = Annotated[str, typer.Option("--date", help="Trade date, YYYY-MM-DD.")]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="HH:MM: as if the clock had stopped when that bar closed.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
DEFAULT_HOME = Path("home")


def parse_date(text: str) -> date:
    """A date from YYYY-MM-DD; UsageError otherwise."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            rule="a date is written YYYY-MM-DD and exists", value=text, place="--date", remedy="for example 2022-11-01"
        ) from error


def parse_minute(text: str | None) -> int | None:
    """Minute of the day from HH:MM; None stays None; UsageError otherwise."""
    if text is None:
        return None
    try:
        clock = datetime.strptime(text, "%H:%M")
    except ValueError as error:
        raise UsageError(
            rule="a time of day is written HH:MM", value=text, place="--until", remedy="for example 10:15"
        ) from error
    return clock.hour * 60 + clock.minute


def parse_symbol(text: str) -> str:
    """A symbol that the platform knows; UsageError with the known ones otherwise."""
    from mr_platform.market.instruments import instrument

    return instrument(text).symbol


def parse_partition(symbol: str, day: str) -> Partition:
    """A symbol-day from what was typed."""
    from mr_platform.lake.layout import Partition

    return Partition(parse_symbol(symbol), parse_date(day))


def published_partition(lake: Lake, table: str, symbol: str, day: str) -> Partition:
    """As `parse_partition`, and for series of other names that a table holds, such as INDIAVIX among the daily bars."""
    from mr_platform.lake.layout import Partition

    name = symbol.strip().upper()
    if lake.partitions(table, symbol=name):
        return Partition(name, parse_date(day))
    return parse_partition(symbol, day)


def open_lake(home: Path) -> Lake:
    """The lake of a home."""
    from mr_platform.environments import Home
    from mr_platform.lake.store import Lake

    return Lake(Home(home).lake)


def show(rows: list[dict[str, Any]], *, as_json: bool, title: str, columns: list[str] | None = None) -> None:
    """Rows as a table for people, or as one JSON document."""
    from mr_platform import exporting

    if as_json:
        exporting.print_json(rows)
    else:
        exporting.print_table(rows, title=title, columns=columns)
