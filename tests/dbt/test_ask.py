"""Asking the warehouse: one question at a time, and nothing but questions."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mr_platform.errors import MissingPartition, UsageError
from mr_platform.warehouse import ask


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "market_regime.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE days AS SELECT 'NIFTY' AS symbol, 3 AS n UNION ALL SELECT 'BANKNIFTY', NULL")
    return path


def test_rows_come_by_column(warehouse: Path) -> None:
    assert ask(warehouse, "SELECT symbol, n FROM days ORDER BY symbol") == [
        {"symbol": "BANKNIFTY", "n": None},
        {"symbol": "NIFTY", "n": 3},
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE days",
        "INSERT INTO days VALUES ('X', 1)",
        "SELECT 1; SELECT 2",
        "COPY days TO 'days.csv'",
        "ATTACH 'other.duckdb'",
        "SELEC",
        "SELECT nope FROM days",
        "",
    ],
)
def test_anything_but_one_question_is_refused(
    warehouse: Path, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        ask(warehouse, sql)
    assert ask(warehouse, "SELECT count(*) AS n FROM days") == [{"n": 2}]
    assert [path.name for path in tmp_path.iterdir()] == [warehouse.name]


def test_no_warehouse_yet_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(MissingPartition, match="mr run"):
        ask(tmp_path / "absent.duckdb", "SELECT 1")
