"""Rows published from a spool are those of a table, wherever they waited."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mr_platform.errors import DataError
from mr_platform.lake.digest import table_digest
from mr_platform.lake.layout import Partition
from mr_platform.lake.spool import Spool
from mr_platform.lake.store import Lake

DAY = Partition("NIFTY", dt.date(2022, 11, 4))
ROWS = pa.table(
    {
        "price": pa.array([1.0, None, -0.0, float("nan")] * 25),
        "name": pa.array(["x", None, "", "NULL"] * 25, pa.large_string()),
        "time": pa.array([1, None, 3, 4] * 25, pa.time32("ms")),
        "tail": pa.array([[1.0], None, [], [2.0, 3.0]] * 25, pa.list_(pa.float64())),
        "count": pa.array(range(100), pa.int64()),
    }
)


@contextmanager
def filled(path: Path, memory_bytes: int, chunk: int = 7) -> Iterator[Spool]:
    with Spool(path, ROWS.schema, memory_bytes=memory_bytes) as spool:
        for at in range(0, 100, chunk):
            spool.add(ROWS.slice(at, chunk))
        yield spool


@pytest.mark.parametrize("memory_bytes", [1 << 20, 1000, 0], ids=["in memory", "some on disk", "all on disk"])
def test_a_spool_publishes_what_a_table_publishes(lake: Lake, tmp_path: Path, memory_bytes: int) -> None:
    with filled(tmp_path / "rows.arrow", memory_bytes) as spool:
        assert (spool.num_rows, spool.digest()) == (100, table_digest(ROWS))
        published = lake.publish("raw/option_chain", DAY, spool, metadata={"profile": "p"})
    assert (published.digest, published.rows, published.changed) == (table_digest(ROWS), 100, True)
    assert lake.verify("raw/option_chain", DAY).metadata == {"profile": "p"}
    back = lake.read("raw/option_chain", DAY)
    assert back.schema.remove_metadata() == ROWS.schema
    assert table_digest(back) == table_digest(ROWS)
    assert not lake.publish("raw/option_chain", DAY, ROWS, metadata={"profile": "p"}).changed
    assert list(tmp_path.glob("*.arrow")) == []


def test_rows_laid_aside_become_row_groups_of_their_chunks(tmp_path: Path) -> None:
    with filled(tmp_path / "rows.arrow", 0, chunk=30) as spool:
        spool.write(tmp_path / "rows.parquet", {b"k": b"v"})
    file = pq.ParquetFile(tmp_path / "rows.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [30, 30, 30, 10]
    assert file.schema_arrow.metadata[b"k"] == b"v"


def test_a_spool_without_rows_is_an_empty_object(lake: Lake, tmp_path: Path) -> None:
    with Spool(tmp_path / "rows.arrow", ROWS.schema, memory_bytes=0) as spool:
        assert lake.publish("raw/option_chain", DAY, spool).rows == 0
    assert lake.read("raw/option_chain", DAY).schema.remove_metadata() == ROWS.schema


def test_what_a_killed_process_laid_aside_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "rows.arrow"
    left.write_bytes(b"half")
    with Spool(left, ROWS.schema, memory_bytes=1 << 20):
        assert not left.exists()


def test_rows_that_cannot_be_laid_aside_are_told_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    spool = Spool(tmp_path / "file" / "rows.arrow", ROWS.schema, memory_bytes=0)
    with pytest.raises(DataError, match="laid aside on disk"):
        spool.add(ROWS)
