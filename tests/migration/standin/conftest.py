"""Stand-ins with small tables, and the unmodified client package on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.migration.standin.market import fill_from_tables
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.standin.tables import Database

TABLE = "nifty_option_chain"
DAY = date(2024, 1, 20)


def small_chain(rows: int = 8) -> pa.Table:
    numbers = np.arange(rows)
    return pa.table(
        {
            "trade_date": pa.array([DAY] * rows, pa.date32()),
            "trade_time": pa.array(33_300 + 60 * numbers, pa.int32()).cast(pa.time32("s")),
            "spot": pa.array(21_500.05 + numbers),
            "ce_oi": pa.array(numbers * 75),
            "zone_name": pa.array((["OPEN", "LUNCH ", "", None] * rows)[:rows]).dictionary_encode(),
        }
    )


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    database = Database(tmp_path / "source.duckdb")
    fill_from_tables(database, TABLE, [small_chain()])
    with StandIn(database) as server:
        yield server


@pytest.fixture
def client(standin: StandIn) -> Iterator[Any]:
    """``heavydb.connect``, as anybody would call it."""
    import heavydb

    login = standin.login
    connection = heavydb.connect(
        user=login.user, password=login.password, host=standin.host, port=standin.port, dbname=login.database
    )
    yield connection
    connection._transport.close()
    connection._closed = 1
