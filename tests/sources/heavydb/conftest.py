"""A stand-in server with one small table of three days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.migration.standin.market import fill_from_tables
from mr_platform.migration.standin.server import StandIn
from mr_platform.migration.standin.tables import Database

TABLE = "nifty_option_chain"


def one_day(day: date, rows: int) -> pa.Table:
    numbers = np.arange(rows)
    return pa.table(
        {
            "trade_date": pa.array([day] * rows, pa.date32()),
            "trade_time": pa.array(33_300 + numbers, pa.int32()).cast(pa.time32("s")),
            "spot": pa.array(21_500.05 + numbers / 7),
            "ce_oi": pa.array(numbers * 75),
            "zone_name": pa.array(["OPEN", "LUNCH ", "", None] * (rows // 4)).dictionary_encode(),
        }
    )


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[StandIn]:
    database = Database(tmp_path / "source.duckdb")
    days = (date(2024, 1, 19), date(2024, 1, 20), date(2024, 1, 23))
    fill_from_tables(database, TABLE, [one_day(day, 400) for day in days])
    with StandIn(database) as server:
        yield server
