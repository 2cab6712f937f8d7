"""A stand-in with a few small sessions in it, and ``mr`` as its users type it against that server."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa

from mr_platform.lake.store import Lake
from mr_platform.market.simulator.generator import default_sessions, generate_sessions
from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.market.simulator.parameters import load_embedded_market
from mr_platform.migration.standin.market import chain_columns, new_database, table_name
from mr_platform.migration.standin.server import StandIn

SYMBOLS = ("NIFTY", "BANKNIFTY")
RAW = "raw/option_chain"


@cache
def market(sessions: int) -> dict[tuple[str, date], pa.Table]:
    """Whole sessions of the embedded market, NIFTY and BANKNIFTY, by symbol and date."""
    config = replace(load_embedded_market(), sessions=sessions)
    days = generate_sessions(config, symbols=SYMBOLS, sessions=default_sessions(config), seed=config.seed)
    return {(day.symbol, day.trade_date): day.table for day in days}


def made_up(symbol: str, day: date, rows: int) -> pa.Table:
    """A session without a market: every column has a value, no row is like another, a few cells are NULL."""
    index = np.arange(rows)
    seed = day.toordinal() * 31 + len(symbol)
    values: dict[str, pa.Array] = {}
    for at, field in enumerate(PLATFORM_CHAIN):
        if pa.types.is_dictionary(field.type):
            values[field.name] = pa.array([f"{field.name} {k % (3 + at)}" for k in index]).dictionary_encode()
        elif pa.types.is_floating(field.type):
            values[field.name] = pa.array(np.sqrt(index + at + seed), mask=(index + at) % 97 == 0)
        elif pa.types.is_date(field.type):
            values[field.name] = pa.array([day] * rows)
        elif pa.types.is_time(field.type):
            values[field.name] = pa.array((33_300 + 60 * (index // 50)).astype(np.int32), pa.time32("s"))
        else:
            values[field.name] = pa.array(index + at, field.type)
    values["index_name"] = pa.array([symbol] * rows).dictionary_encode()
    values["strike"] = pa.array(20_000.0 + 50 * (index % 50))
    return pa.table(values).cast(PLATFORM_CHAIN)


DAYS = (date(2024, 7, 1), date(2024, 7, 2))


def stand_in(folder: Path, sessions: Mapping[tuple[str, date], pa.Table]) -> StandIn:
    """A server, not yet started, with these sessions in the tables of their symbols."""
    database = new_database(folder / "heavydb.duckdb")
    for symbol in SYMBOLS:
        database.create(table_name(symbol), chain_columns())
    for (symbol, _), table in sessions.items():
        database.append(table_name(symbol), table)
    return StandIn(database)


def small(rows: int, days: Sequence[date] = DAYS) -> dict[tuple[str, date], pa.Table]:
    """Made-up sessions of both symbols."""
    return {(symbol, day): made_up(symbol, day, rows) for day in days for symbol in SYMBOLS}


def environment(server: StandIn | None, home: Path, **more: str) -> dict[str, str]:
    """Of a process that speaks to the server; without one, nothing names a server."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("MR_")}
    return {**found, **(server.environment() if server is not None else {}), "MR_HOME": str(home), **more}


def mr(*words: object, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """``mr WORDS`` to its end, in this process: the start of an interpreter is not what is tested."""
    from mr_platform.cli import main

    out, said, code = io.StringIO(), io.StringIO(), 0
    argv, sys.argv = sys.argv, ["mr", *map(str, words)]
    try:
        with mock.patch.dict(os.environ, env, clear=True), redirect_stdout(out), redirect_stderr(said):
            main()
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    finally:
        sys.argv = argv
    return subprocess.CompletedProcess(list(words), code, out.getvalue(), said.getvalue())


def mr_alone(
    *words: object, env: Mapping[str, str], before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """``mr WORDS`` in a process of its own, in which ``before`` is called first."""
    command = [sys.executable, "-m", "mr_platform", *map(str, words)]
    return subprocess.run(
        command, env=dict(env), capture_output=True, text=True, timeout=120, preexec_fn=before, check=False
    )


def states(env: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """What ``mr migrate status`` counts, by table."""
    done = mr("migrate", "status", "--json", env=env)
    assert done.returncode == 0, done.stderr
    return {row["table"]: row["states"] for row in json.loads(done.stdout)["tables"]}


def contents(home: Path) -> dict[str, str]:
    """Digest of every migrated partition of a home, each read in whole and held against its footer."""
    lake = Lake(home / "lake")
    return {
        str(partition): lake.verify(RAW, partition, source="heavydb").digest
        for partition in lake.partitions(RAW, source="heavydb")
    }


def leftovers(home: Path) -> list[str]:
    """Files that a finished run has no business leaving."""
    return sorted(
        path.name for path in (home / "lake").rglob("*") if path.name.endswith((".scratch", ".arrow", ".part"))
    )
