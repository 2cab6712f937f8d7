"""The migration measured: rows a second from the stand-in to proven Parquet, memory, and the client's own ways beside.

The server is a process of its own, so is the side that is measured: neither shares the other's interpreter or memory.
The peers read fewer rows, since they are slow; every figure is given for a million rows.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from mr_platform.errors import DataError

MILLION = 1_000_000
ROWS = int(os.environ.get("MR_BENCH_MIGRATION_ROWS", MILLION))
"""Rows of the large table; the small one has a quarter of them, which shows whether memory grows."""
PEER_DAYS = {"fetchall": 3, "pandas.read_sql": 3}
TABLE = "nifty_option_chain"
_MOMENT = datetime(2026, 11, 19, 18, 0)


class Row(NamedTuple):
    """One comparison, as `mr_platform.benchmarks.BenchResult`; milliseconds are for a million rows."""

    name: str
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float
    note: str


class Measured(NamedTuple):
    """One call of ours: rows, seconds of the transfer and of the verification, megabytes at the most."""

    rows: int
    transfer: float
    verify: float
    megabytes: float

    def note(self) -> str:
        """In words."""
        proven = self.rows / (self.transfer + self.verify)
        return (
            f"{self.rows:,} rows x 48: moved {self.rows / self.transfer:,.0f} rows/s, moved and proven "
            f"{proven:,.0f} rows/s, {self.megabytes:,.0f} MB"
        )


def run() -> list[Row]:
    """Both table sizes of ours, and the peers on the large table's first days."""
    with _served(ROWS) as env:
        small = _ours(env, until=_days(ROWS // 4)[-1])
        large = _ours(env, until=None)
        peers = {name: _peer(env, name, days) for name, days in PEER_DAYS.items()}
    found = []
    for name, seconds in (("transfer", large.transfer), ("proven", large.transfer + large.verify)):
        ours = 1_000 * seconds / large.rows * MILLION
        note = f"{large.note()}; {small.note()}"
        for peer, theirs in peers.items():
            found.append(Row(f"migration_{name}", round(ours), peer, round(theirs), round(theirs / ours, 2), note))
    return found


def _days(rows: int) -> list[date]:
    """Sessions until there are ``rows`` rows, each as long as the first session of the embedded market."""
    from mr_platform.market.sessions import nse_calendar

    calendar = nse_calendar()
    count = -(-rows // _session().num_rows)
    return calendar.between(date(2019, 1, 1), calendar.last)[:count]


@cache
def _session() -> pa.Table:
    from mr_platform.market.simulator.generator import default_sessions, generate_sessions
    from mr_platform.market.simulator.parameters import load_embedded_market

    config = replace(load_embedded_market(), sessions=1)
    days = generate_sessions(config, symbols=["NIFTY"], sessions=default_sessions(config), seed=config.seed)
    return next(iter(days)).table


@contextmanager
def _served(rows: int) -> Iterator[dict[str, str]]:
    """The stand-in in a process of its own; the environment that names it."""
    command = [sys.executable, "-m", "mr_platform.migration.benchmark", "serve", str(rows)]
    with tempfile.TemporaryDirectory(prefix="migration-bench-") as folder:
        process = subprocess.Popen([*command, folder], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            if not told:
                raise DataError(
                    rule="the stand-in starts",
                    value=f"exit code {process.wait()}",
                    place="migration benchmark",
                    remedy="run mr heavydb-standin to see why it does not",
                )
            yield {**os.environ, **json.loads(told), "MR_BENCH_FOLDER": folder}
        finally:
            process.terminate()
            process.wait()


def _serve(rows: int, folder: Path) -> None:
    from mr_platform.migration.standin.market import chain_columns, new_database
    from mr_platform.migration.standin.server import StandIn, database_file

    session = _session()
    at = session.column_names.index("trade_date")
    days = (
        session.set_column(at, "trade_date", pa.array([day] * session.num_rows, pa.date32())) for day in _days(rows)
    )
    database = new_database(database_file(folder))
    database.create(TABLE, chain_columns(), days)
    with StandIn(database) as server:
        sys.stdout.write(json.dumps(server.environment()) + "\n")
        sys.stdout.flush()
        server.wait()


def _ours(env: dict[str, str], *, until: date | None) -> Measured:
    command = [sys.executable, "-m", "mr_platform.migration.benchmark", "move"]
    with tempfile.TemporaryDirectory(dir=env["MR_BENCH_FOLDER"]) as lake:
        done = subprocess.run(
            [*command, lake, until.isoformat() if until else ""], env=env, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise DataError(
            rule="the migration that is measured succeeds",
            value=done.stderr[-250:],
            place="migration benchmark",
            remedy="see the message; a benchmark of a failure says nothing",
        )
    return Measured(*json.loads(done.stdout))


def _move(folder: Path, until: date | None) -> Measured:
    from mr_platform.lake.store import Lake
    from mr_platform.market.sessions import IST
    from mr_platform.migration.ledger import VERIFIED, Ledger
    from mr_platform.migration.plan import plan
    from mr_platform.migration.transfer import transfer
    from mr_platform.migration.verify import verify
    from mr_platform.sources.heavydb.connection import HeavyDb
    from mr_platform.sources.heavydb.settings import HeavyDbSettings

    settings, now = HeavyDbSettings.from_environment(os.environ), _MOMENT.replace(tzinfo=IST)
    lake = Lake(folder)
    ledger = Ledger(lake)
    with HeavyDb(settings) as db:
        plan(db, ledger, until=until, now=now).record(ledger)
    moved = transfer(settings, lake, ledger, workers=1, now=now)
    started = time.perf_counter()
    proven = verify(settings, lake, ledger, now=now)
    seconds = time.perf_counter() - started
    unproven = [report for report in proven if report.state != VERIFIED]
    if unproven or moved.left or moved.suspended:
        raise DataError(
            rule="everything that is measured is proven",
            value=unproven[0].reason if unproven else f"{moved.left} left",
            place="migration benchmark",
            remedy="find out what differs before measuring",
        )
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(moved.rows, moved.seconds, seconds, megabytes)


def _peer(env: dict[str, str], name: str, days: int) -> float:
    """Milliseconds of the client's own way for a million rows, whole sessions at a time as its guard rails demand."""
    from heavydb import connect

    wanted = _days(days * _session().num_rows)[:days]
    connection = connect(
        host=env["MR_HEAVYDB_HOST"],
        port=int(env["MR_HEAVYDB_PORT"]),
        user=env["MR_HEAVYDB_USER"],
        password=env["MR_HEAVYDB_PASSWORD"],
        dbname=env["MR_HEAVYDB_DATABASE"],
    )
    # a session in one message is larger than the limit that the client's library sets by itself
    connection._client._iprot.string_length_limit = 1 << 30
    rows, started = 0, time.perf_counter()
    for day in wanted:
        sql = f"SELECT {_columns()} FROM {TABLE} WHERE trade_date = DATE '{day}'"
        if name == "fetchall":
            rows += len(connection.cursor().execute(sql).fetchall())
        else:
            import pandas as pd

            with warnings.catch_warnings():
                # pandas would rather have a SQLAlchemy engine
                warnings.simplefilter("ignore", UserWarning)
                rows += len(pd.read_sql(sql, connection))
    seconds = time.perf_counter() - started
    connection.close()
    return 1_000 * seconds / rows * MILLION


def _columns() -> str:
    from mr_platform.migration.contract import CHAIN_COLUMNS

    return ", ".join(CHAIN_COLUMNS)


def main(words: list[str]) -> int:
    """``serve ROWS FOLDER`` or ``move LAKE UNTIL``: the two processes of `run`."""
    if words[0] == "serve":
        _serve(int(words[1]), Path(words[2]))
    else:
        found = _move(Path(words[1]), date.fromisoformat(words[2]) if words[2] else None)
        sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
