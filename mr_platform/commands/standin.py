"""``mr heavydb-standin``: a server that the HeavyDB client takes for the real one, with the embedded market in it.

What belongs here: what people type, and the lines that tell a shell where the server is.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mr_platform.migration.standin.server import StandIn
    from mr_platform.migration.standin.tables import Database


def heavydb_standin(
    port: Annotated[int, typer.Option(help="Port; 0 lets the system choose.", min=0, max=65535)] = 6274,
    symbol: Annotated[list[str] | None, typer.Option("--symbol", help="Only these symbols.")] = None,
    sessions: Annotated[int, typer.Option(help="Sessions of the embedded market.", min=1, max=2000)] = 5,
    rows: Annotated[
        int | None, typer.Option(help="Instead of --sessions: whole sessions until a table has so many rows.", min=1)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the configuration's by default.", min=0)] = None,
    dte_bucket: Annotated[bool, typer.Option("--dte-bucket", help="With the 49th column of later copies.")] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", help="KIND[:NTH[:TIMES[:SECONDS]]] on Arrow pulls, for example cut:3 or slow:1:5:0.2."),
    ] = None,
) -> None:
    """A stand-in for HeavyDB with the embedded market in it; prints the environment to set, serves until Ctrl-C."""
    from mr_platform.migration.standin.faults import Fault
    from mr_platform.migration.standin.market import new_database
    from mr_platform.migration.standin.server import database_file, serve

    faults = [Fault.parse(text) for text in fault or []]
    with tempfile.TemporaryDirectory(prefix="heavydb-standin-") as folder:
        database = new_database(database_file(Path(folder)))
        _fill(database, symbol or [], sessions=sessions, rows=rows, seed=seed, with_dte_bucket=dte_bucket)
        serve(database, port=port, faults=faults, ready=_tell)


def _fill(
    database: Database,
    symbols: list[str],
    *,
    sessions: int,
    rows: int | None,
    seed: int | None,
    with_dte_bucket: bool,
) -> None:
    """Whole sessions, in order: so many, or until every table has ``rows`` rows."""
    from dataclasses import replace

    from mr_platform.market.instruments import instrument
    from mr_platform.market.simulator.generator import default_sessions, generate_sessions
    from mr_platform.market.simulator.parameters import load_embedded_market
    from mr_platform.migration.standin.market import chain_columns, table_name, with_bucket

    config = load_embedded_market()
    config = replace(config, sessions=sessions if rows is None else 1 + rows // 5_000)
    chosen = [instrument(name).symbol for name in symbols] or list(config.symbols)
    for name in chosen:
        database.create(table_name(name), chain_columns(with_dte_bucket=with_dte_bucket))
    counted = dict.fromkeys(chosen, 0)
    days = generate_sessions(
        config, symbols=chosen, sessions=default_sessions(config), seed=config.seed if seed is None else seed
    )
    for day in days:
        if rows is not None and day.symbol == chosen[0] and min(counted.values()) >= rows:
            break
        database.append(table_name(day.symbol), with_bucket(day.table) if with_dte_bucket else day.table)
        counted[day.symbol] += day.table.num_rows
    for name, count in counted.items():
        sys.stderr.write(f"{table_name(name)}: {count} rows\n")


def _tell(server: StandIn) -> None:
    for name, value in server.environment().items():
        sys.stdout.write(f"export {name}={value}\n")
    sys.stdout.flush()
    sys.stderr.write("serving until Ctrl-C; next, in another shell: mr migrate plan\n")
