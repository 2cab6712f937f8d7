"""Columns in the lake's files: by dictionary what recurs, as deltas what counts, plain the floats of few rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mr_platform.lake.encoding import SHORT, write_table
from mr_platform.lake.spool import Spool


def _rows(count: int) -> pa.Table:
    return pa.table(
        {
            "price": [0.05 * (at % 50) for at in range(count)],
            "quantity": [75 * (at % 50) for at in range(count)],
            "row": list(range(count)),
            "name": ["NIFTY"] * count,
        }
    )


def _encodings(path: Path) -> dict[str, set[str]]:
    group = pq.read_metadata(path).row_group(0)
    return {
        group.column(at).path_in_schema: set(group.column(at).encodings) - {"RLE"} for at in range(group.num_columns)
    }


DICTIONARY, DELTA = {"PLAIN", "RLE_DICTIONARY"}, {"DELTA_BINARY_PACKED"}


def test_what_recurs_is_written_by_dictionary_and_what_counts_as_deltas(tmp_path: Path) -> None:
    write_table(_rows(SHORT), tmp_path / "t.parquet")
    expected = {"price": DICTIONARY, "quantity": DICTIONARY, "row": DELTA, "name": DICTIONARY}
    assert _encodings(tmp_path / "t.parquet") == expected


def test_rows_laid_aside_are_written_as_those_in_memory(tmp_path: Path) -> None:
    with Spool(tmp_path / "aside.arrow", _rows(1).schema, memory_bytes=1) as spool:
        spool.add(_rows(SHORT))
        spool.write(tmp_path / "t.parquet", {})
    write_table(_rows(SHORT), tmp_path / "whole.parquet")
    assert _encodings(tmp_path / "t.parquet") == _encodings(tmp_path / "whole.parquet")


def test_floats_of_few_rows_are_plain_and_without_statistics(tmp_path: Path) -> None:
    write_table(_rows(SHORT - 1), tmp_path / "t.parquet")
    expected = {"price": {"PLAIN"}, "quantity": DELTA, "row": DELTA, "name": DICTIONARY}
    assert _encodings(tmp_path / "t.parquet") == expected
    group = pq.read_metadata(tmp_path / "t.parquet").row_group(0)
    assert [group.column(at).is_stats_set for at in range(4)] == [False, True, True, True]


@pytest.mark.parametrize("rows", [0, 1, SHORT - 1, SHORT])
def test_what_is_read_is_what_was_written(rows: int, tmp_path: Path) -> None:
    write_table(_rows(rows).cast(_rows(1).schema), tmp_path / "t.parquet")
    assert pq.ParquetFile(tmp_path / "t.parquet").read().equals(_rows(rows).cast(_rows(1).schema))
