"""``mr migrate``: the way out of HeavyDB, from the plan to the certificate.

What belongs here: what people and scripts type, and how the answer is shown. The server is named by the environment
(MR_HEAVYDB_HOST, _USER, _PASSWORD, ...), never by an argument. Exit codes: 0 done, 1 something is not proven or was
found wrong, 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mr_platform.commands import certificate
from mr_platform.commands.arguments import (
    DEFAULT_HOME,
    DateOption,
    HomeOption,
    JsonOption,
    SymbolOption,
    open_lake,
    parse_date,
    parse_partition,
    show,
)

if TYPE_CHECKING:
    from mr_platform.sources.heavydb.settings import HeavyDbSettings
    from mr_platform.stations.moved import At, Moved

app = typer.Typer(
    name="migrate",
    no_args_is_help=True,
    help="Move every option chain out of HeavyDB into the lake, and prove that not one bit was lost.",
)

app.command()(certificate.certify)
app.command("check-certificate")(certificate.check_certificate)
app.command()(certificate.key)

TablesOption = Annotated[
    list[str] | None,
    typer.Option("--tables", help="Only these tables, for example nifty_option_chain; repeat, or a,b."),
]
SinceOption = Annotated[str | None, typer.Option("--since", help="First trade date, YYYY-MM-DD.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Last trade date, YYYY-MM-DD.")]
SampleOption = Annotated[
    float, typer.Option(help="Share of the partitions pulled a second time in full.", min=0.0, max=1.0)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@app.command()
def plan(
    home: HomeOption = DEFAULT_HOME,
    tables: TablesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask the source what there is: tables, schemas, sessions and rows, and enter them into the ledger."""
    from mr_platform import exporting, stations

    document = stations.plan_migration(
        open_lake(home),
        _settings(),
        tables=_names(tables),
        since=_date(since),
        until=_date(until),
        now=_now(),
        dry_run=dry_run,
    )
    if as_json:
        exporting.print_json(document)
        return
    rows = [stations.plan_row(table) for table in document["tables"]]
    show(rows, as_json=False, title="Would be planned" if dry_run else "Planned")
    for table in document["tables"]:
        for name in table["unexpected_types"]:
            sys.stderr.write(f"{table['table']}: {name}\n")


@app.command()
def run(
    home: HomeOption = DEFAULT_HOME,
    tables: TablesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    workers: Annotated[int, typer.Option(help="Partitions pulled at a time.", min=1, max=16)] = 2,
    chunk_rows: Annotated[
        int | None, typer.Option(help="At most so many rows in one pull; fewer spare the server.", min=1)
    ] = None,
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="Prove each partition once it is moved.")] = True,
    sample: SampleOption = 1.0,
    limit: Annotated[int | None, typer.Option(help="At most so many partitions.", min=1)] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Also those that are suspended or mismatched.")] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move what is planned and not yet moved, and prove it. Kill it at any moment and run it again."""
    from mr_platform import stations

    lake = open_lake(home)
    chosen = stations.Chosen(
        tables=_names(tables),
        since=_date(since),
        until=_date(until),
        limit=limit,
    )
    if dry_run:
        show(stations.to_migrate(lake, chosen, retry=retry), as_json=as_json, title="Would be moved")
        return
    with _progress() as progress:
        moved = stations.migrate(
            lake,
            _settings(),
            chosen,
            workers=workers,
            chunk_rows=chunk_rows,
            verify=verify,
            sample=sample,
            retry=retry,
            now=_now,
            progress=progress,
        )
    _finish(moved, as_json=as_json, title="Moved")


@app.command("verify")
def verify_command(
    home: HomeOption = DEFAULT_HOME,
    tables: TablesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int | None, typer.Option(help="At most so many partitions.", min=1)] = None,
    sample: SampleOption = 1.0,
    again: Annotated[bool, typer.Option("--again", help="Also those that were proven before.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove what is moved, on paths of its own: counts, sums, digests, a second pull."""
    from mr_platform import stations

    chosen = stations.Chosen(
        tables=_names(tables),
        since=_date(since),
        until=_date(until),
        limit=limit,
    )
    with _progress() as progress:
        proven = stations.verify_migrated(
            open_lake(home), _settings(), chosen, again=again, sample=sample, now=_now(), progress=progress
        )
    _finish(proven, as_json=as_json, title="Verified")


@app.command()
def status(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """How far it has come, by table."""
    from mr_platform import exporting, stations

    document = stations.migration_status(open_lake(home))
    if as_json:
        exporting.print_json(document)
        return
    show([stations.status_row(table) for table in document["tables"]], as_json=False, title="Migration")


@app.command()
def failures(
    home: HomeOption = DEFAULT_HOME,
    tables: TablesOption = None,
    limit: Annotated[int, typer.Option(help="At most so many rows.", min=1)] = 200,
    as_json: JsonOption = False,
) -> None:
    """What stopped or was found different: partition, check, row, column, and the value on either side."""
    from mr_platform import stations

    rows = stations.migration_failures(open_lake(home), tables=_names(tables))[:limit]
    show(rows, as_json=as_json, title="Failures")
    if rows:
        raise typer.Exit(1)


@app.command()
def resolve(
    symbol: SymbolOption,
    day: DateOption,
    why: Annotated[str, typer.Option("--why", help="Why it cannot be proven, for whoever reads the certificate.")],
    who: Annotated[str, typer.Option("--who", help="The person who answers for it.")],
    home: HomeOption = DEFAULT_HOME,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Except a partition that cannot be proven: it stands in the certificate with the reason and the name."""
    from mr_platform import stations

    row = stations.except_partition(
        open_lake(home), parse_partition(symbol, day), who=who, why=why, now=_now(), dry_run=dry_run
    )
    show([row], as_json=as_json, title="Would be excepted" if dry_run else "Excepted")


@app.command()
def reopen(
    symbol: SymbolOption,
    day: DateOption,
    why: Annotated[str, typer.Option("--why", help="Why it is moved again.")],
    home: HomeOption = DEFAULT_HOME,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Have a partition moved and proven anew, whatever its state. The lake keeps the old one until then."""
    from mr_platform import stations

    row = stations.reopen_partition(open_lake(home), parse_partition(symbol, day), why=why, now=_now(), dry_run=dry_run)
    show([row], as_json=as_json, title="Would be opened again" if dry_run else "Opened again")


@app.command()
def compare(
    symbol: SymbolOption,
    day: DateOption,
    home: HomeOption = DEFAULT_HOME,
    picture: Annotated[Path | None, typer.Option(help="Write both sides to this PNG file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The parallel run: read a partition from both sides today and say what differs."""
    from mr_platform import exporting, stations

    partition = parse_partition(symbol, day)
    found = stations.compare_with_source(open_lake(home), _settings(), partition)
    if picture is not None:
        exporting.write_bytes(stations.comparison_picture(found), picture)
    if as_json:
        exporting.print_json({**found.summary(), "cells": found.examples()})
    else:
        show([found.summary()], as_json=False, title=f"Both sides of {partition}")
        if found.differences:
            show(found.examples(), as_json=False, title="Differences")
    if not found.same:
        raise typer.Exit(1)


def _finish(moved: list[Moved], *, as_json: bool, title: str) -> None:
    """What became of the partitions, and exit 1 where one was stopped or found different.

    A document has every partition; a person sees how many came where, and each that asks for something.
    """
    rows = [one.as_dict() for one in moved]
    if not moved:
        sys.stderr.write("nothing that is planned was to be done; mr migrate status says how it stands\n")
    if as_json:
        show(rows, as_json=True, title=title)
    elif moved:
        counted = Counter((one.table, one.state) for one in moved)
        sums = [{"table": table, "state": state, "partitions": n} for (table, state), n in sorted(counted.items())]
        show(sums, as_json=False, title=title)
        columns = ["table", "partition", "state", "source_rows", "lake_rows", "attempts", "reason"]
        stopped = [row for row, one in zip(rows, moved, strict=True) if one.is_open]
        if stopped:
            show(stopped, as_json=False, title="To be looked at: mr migrate failures says more", columns=columns)
    if any(one.is_open for one in moved):
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[At], None] | None]:
    """Rows done, partitions done, rows a second and the time left, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    told_in_words = TextColumn("{task.percentage:3.0f} % {task.fields[told]}")
    columns = (TextColumn("{task.description}"), BarColumn(20), told_in_words)
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rows", total=None, told="")

        def told(at: At) -> None:
            left = "" if at.seconds_left is None else f", {timedelta(seconds=round(at.seconds_left))} left"
            bar.update(
                task,
                completed=at.rows_done,
                total=at.rows_total,
                description=at.what,
                told=f"{at.done} of {at.total} partitions, {at.rows_per_second:,.0f} rows/s{left}",
            )

        yield told


def _settings() -> HeavyDbSettings:
    from mr_platform.sources.heavydb.settings import HeavyDbSettings

    return HeavyDbSettings.from_environment(os.environ)


def _now() -> datetime:
    from mr_platform.market.sessions import IST

    return datetime.now(IST)


def _names(texts: list[str] | None) -> tuple[str, ...]:
    return tuple(name.strip() for text in texts or () for name in text.split(",") if name.strip())


def _date(text: str | None) -> date | None:
    return None if text is None else parse_date(text)
